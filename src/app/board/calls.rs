//! A call in the words of the pages, and what an operator does in the call of another.

use std::collections::BTreeMap;

use super::Seen;
use super::category::category;
use super::contacts::Contact;
use super::keeper::Keeper;
use super::looks::Line;
use crate::call::{Consulted, Reached, Recorded, Stage, Supervision, Target, Whom};
use crate::http::{self, Act, CallNow, Consulting, EmergencyFailed, EmergencyNow, Note, Part, Supervised};
use crate::ids::{CallId, OperatorId};
use crate::moment::Moment;
use crate::queue::{OperatorState, Tally, Unasked};
use crate::records::{HandoffOutcome, HandoffRecord, Record};

impl Keeper {
    pub(super) fn call(&self, id: CallId) -> Option<CallNow> {
        let seen = self.calls.get(&id)?;
        let record = &seen.record;
        // While a citizen is rung for a callback the engine knows the visit in which they asked for it.
        let contact = self.contacts.get(&id).or_else(|| self.contacts.get(&record.callback_of?));
        let time = |at: Option<Moment>| at.map(|at| self.time(at));
        let theirs = seen.rings.first().or(seen.operator.as_ref());
        // Whom we call back has waited since their own call.
        let asked = record.callback_of.map(|of| Moment::from_micros(of.arrived_millis().saturating_mul(1000)));
        // Where it came from, if from a seat.
        let own = record.seat.as_ref().filter(|_| record.trunk.is_none() && record.callback_of.is_none());
        Some(CallNow {
            id: id.to_string(),
            stage: seen.stage.shown().into(),
            since: self.time(seen.since),
            from: Some(record.from.clone()),
            to: record.to.clone(),
            language: record.language.clone(),
            choices: record.choices.clone(),
            queue: contact.map(|contact| &contact.queue).or(record.queue.as_ref()).map(ToString::to_string),
            arrived_at: self.time(asked.unwrap_or(record.arrived_at)),
            queued_at: time(record.queued_at),
            connected_at: time(record.connected_at),
            line_since: time(record.line().map(|line| line.joined_at)),
            line_wait_ms: record.line().filter(|line| !line.waits()).map(|line| line.wait_ms),
            rung: seen.rings.iter().map(|(operator, _)| operator.to_string()).collect(),
            operator: theirs.map(|(operator, _)| operator.to_string()),
            operator_since: seen
                .operator
                .as_ref()
                .and_then(|(operator, _)| self.last_talks.get(operator))
                .and_then(|(call, since)| (*call == id).then(|| self.time(*since))),
            seat: theirs.map(|(_, seat)| seat).or(own).map(ToString::to_string),
            // The lines are looked at now and then; who talks is in none.
            place: self.places.get(&id).copied().filter(|_| matches!(seen.stage, Stage::Waiting | Stage::Ringing)),
            why: contact.and_then(|contact| contact.why.clone()),
            consulting: seen.consulting.as_ref().map(consulting),
            supervised_by: seen
                .supervisors
                .iter()
                .map(|one| Supervised {
                    operator: one.operator.to_string(),
                    mode: one.mode.to_string(),
                    stage: reached(one.stage).into(),
                })
                .collect(),
            emergency: seen.emergency.as_ref().map(|target| {
                let called_at = record.handoff.last().map_or(seen.since, |entry| entry.at);
                emergency(target, self.time(called_at))
            }),
            emergency_failed: failed_emergency(record)
                .map(|last| EmergencyFailed { target: last.target.clone(), at: self.time(last.at) }),
            caller_gone: seen.caller_gone,
            notes: record
                .notes
                .iter()
                .map(|note| Note { by: note.by.to_string(), at: time(note.at), text: note.text.clone() })
                .collect(),
            category: record.queue.as_ref().map(|queue| category(&self.house, record, queue)),
            recording: seen.recorded.map(|recorded| recording(recorded).into()),
            digits: record.digits.clone(),
            callback_of: record.callback_of.map(|of| of.to_string()),
        })
    }

    /// What an operator who is busy beside the queues does in whose call. `None`: nothing that the house knows of.
    pub(super) fn part(&self, operator: &OperatorId) -> Option<Part> {
        let person = self.operators.get(operator)?;
        if !matches!(person.state, OperatorState::Outbound) {
            return None;
        }
        self.calls.values().find_map(|seen| part(seen, operator))
    }
}

/// The open call in which a contact is: of somebody called back the contact is the visit in which they asked for it.
pub(super) fn call_of(calls: &BTreeMap<CallId, Seen>, contact: CallId) -> CallId {
    let called_back = || calls.values().find(|seen| seen.record.callback_of == Some(contact));
    if calls.contains_key(&contact) { contact } else { called_back().map_or(contact, |seen| seen.id) }
}

/// Whom the operator who has a call consults in it.
pub(super) fn consults(seen: &Seen, operator: &OperatorId) -> Option<Consulting> {
    let theirs = seen.operator.as_ref().is_some_and(|(of, _)| of == operator);
    seen.consulting.as_ref().filter(|_| theirs).map(consulting)
}

fn part(seen: &Seen, operator: &OperatorId) -> Option<Part> {
    let (act, stage) = act(seen, operator)?;
    let of = seen.operator.as_ref().map(|(of, _)| of).or(seen.record.operator.as_ref());
    Some(Part { call: seen.id.to_string(), act, stage: reached(stage).into(), operator: of.map(ToString::to_string) })
}

/// What they do in it, and whether they do it already or their phone still rings for it.
fn act(seen: &Seen, operator: &OperatorId) -> Option<(Act, Reached)> {
    if let Some(consulted) = seen.consulting.as_ref().filter(|one| one.operator.as_ref() == Some(operator)) {
        let act = if consulted.caller_hears { Act::Conference } else { Act::Consulted };
        return Some((act, consulted.stage));
    }
    if let Some(supervisor) = seen.supervisors.iter().find(|one| one.operator == *operator) {
        let mode = match supervisor.mode {
            Supervision::Listen => http::Mode::Listen,
            Supervision::Whisper => http::Mode::Whisper,
            Supervision::Barge => http::Mode::Barge,
        };
        return Some((Act::from(mode), supervisor.stage));
    }
    let is_rung = seen.stage == Stage::Onward && seen.rings.iter().any(|(rung, _)| rung == operator);
    is_rung.then_some((Act::Rung, Reached::Ringing))
}

fn consulting(consulted: &Consulted) -> Consulting {
    Consulting {
        to: consulted.to.to_string(),
        whom: match &consulted.to {
            Whom::Operator(id) => http::Whom::Operator(id.to_string()),
            Whom::Seat(id) => http::Whom::Seat(id.to_string()),
            Whom::Queue(id) => http::Whom::Queue(id.to_string()),
            Whom::Number(number) => http::Whom::Number(number.clone()),
        },
        operator: consulted.operator.as_ref().map(ToString::to_string),
        stage: reached(consulted.stage).into(),
        caller_hears: consulted.caller_hears,
    }
}

/// The service that was called last, if it did not take the matter: whoever has the caller next must know.
pub(super) fn failed_emergency(record: &Record) -> Option<&HandoffRecord> {
    use HandoffOutcome::{Busy, Failed, NoAnswer, Refused, Unconfirmed};
    record.handoff.last().filter(|last| matches!(last.outcome, Busy | Failed | NoAnswer | Refused | Unconfirmed))
}

fn emergency(target: &Target, since: String) -> EmergencyNow {
    let stage = if target.confirmed { "confirmed" } else { reached(target.stage) };
    EmergencyNow { target: target.id.clone(), stage: stage.into(), since }
}

fn reached(reached: Reached) -> &'static str {
    match reached {
        Reached::Ringing => "ringing",
        Reached::Talking => "talking",
    }
}

fn recording(recorded: Recorded) -> &'static str {
    match recorded {
        Recorded::Soon => "soon",
        Recorded::On => "on",
        Recorded::Paused => "paused",
    }
}

/// Why nobody is asked for a contact, in words. `excluded`: of the ready, so many did not take it before.
pub(super) fn nobody(tally: &Tally, excluded: usize) -> String {
    let ready = tally.ready.saturating_sub(u32::try_from(excluded).unwrap_or(u32::MAX));
    let others = Tally { ready, ..*tally };
    match excluded {
        0 => format!("nobody could be asked: {others}"),
        _ if others == Tally::default() => format!("nobody could be asked: {excluded} did not take this call before"),
        _ => format!("nobody could be asked: {excluded} did not take this call before, {others}"),
    }
}

/// Operators come and go without a decision about those who wait: why nobody is asked is told as the lines are now.
/// Of places so far back that they are not told one by one it is not told either. Gives who waits for another reason
/// than before.
pub(super) fn renew_why<'a>(
    contacts: &mut BTreeMap<CallId, Contact>,
    lines: impl Iterator<Item = &'a Line>,
) -> Vec<CallId> {
    let unasked: BTreeMap<CallId, Unasked> = lines.flat_map(|line| line.unasked.iter().copied()).collect();
    let mut changed = Vec::new();
    for (id, contact) in contacts.iter_mut() {
        let why = unasked.get(id).map(|unasked| nobody(&unasked.tally, unasked.excluded));
        if !contact.talking && contact.why != why {
            contact.why = why;
            changed.push(*id);
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::board::tests::seen;
    use crate::call::Supervisor;
    use crate::queue::LineNow;

    #[test]
    fn who_waits_is_told_how_operators_stand_now_and_not_how_they_stood() {
        let contact = |why: Option<&str>, talking: bool| Contact {
            queue: "citizen".into(),
            since: Moment::default(),
            callback: false,
            talking,
            why: why.map(String::from),
        };
        let wrap_up = "nobody could be asked: 1 in wrap-up";
        let away = "nobody could be asked: 1 not ready";
        let mut contacts: BTreeMap<CallId, Contact> = [
            (CallId(1), contact(Some(wrap_up), false)),
            (CallId(2), contact(Some(away), false)),
            (CallId(3), contact(Some(wrap_up), false)),
            (CallId(4), contact(None, true)),
            // Nothing was decided since the board began.
            (CallId(5), contact(None, false)),
        ]
        .into();
        let tally = Tally { not_ready: 1, ..Tally::default() };
        let now = LineNow { waiting: 4, expected: None, open: true, served: true, ready: 0 };
        let waiting = [1, 2, 3, 5].map(CallId).to_vec();
        // For the third a phone rings.
        let unasked = [1, 2, 5].map(|id| (CallId(id), Unasked { tally, excluded: 0 })).to_vec();
        let line = Line { now, waiting, unasked, callbacks: Vec::new() };
        assert_eq!(renew_why(&mut contacts, std::iter::once(&line)), [1, 3, 5].map(CallId));
        let told: Vec<Option<&str>> = contacts.values().map(|contact| contact.why.as_deref()).collect();
        assert_eq!(told, [Some(away), Some(away), None, None, Some(away)]);
    }

    #[test]
    fn the_ready_who_did_not_take_it_before_are_not_told_of_as_ready() {
        let tally = Tally { ready: 1, busy: 2, ..Tally::default() };
        assert_eq!(nobody(&tally, 1), "nobody could be asked: 1 did not take this call before, 2 busy");
        assert_eq!(nobody(&tally, 0), "nobody could be asked: 1 ready, 2 busy");
        let alone = Tally { ready: 1, ..Tally::default() };
        assert_eq!(nobody(&alone, 1), "nobody could be asked: 1 did not take this call before");
        assert_eq!(nobody(&Tally::default(), 0), "nobody could be asked: nobody");
    }

    fn told(seen: &Seen, operator: &str) -> Option<(Act, String, Option<String>)> {
        part(seen, &operator.into()).map(|part| (part.act, part.stage, part.operator))
    }

    #[test]
    fn what_an_operator_is_still_rung_for_they_do_not_do_yet() {
        let anna = Some("1001".to_string());
        for (stage, word) in [(Reached::Ringing, "ringing"), (Reached::Talking, "talking")] {
            let mut call = seen(Stage::Consulting);
            call.operator = Some(("1001".into(), "8001".into()));
            call.supervisors.push(Supervisor { operator: "1003".into(), mode: Supervision::Listen, stage });
            call.consulting = Some(Consulted {
                to: Whom::Seat("8002".into()),
                operator: Some("1002".into()),
                stage,
                caller_hears: false,
            });
            assert_eq!(told(&call, "1003"), Some((Act::Listen, word.into(), anna.clone())));
            assert_eq!(told(&call, "1002"), Some((Act::Consulted, word.into(), anna.clone())));
            assert_eq!(told(&call, "1001"), None);
        }
    }

    #[test]
    fn whom_somebody_consults_is_told_of_who_has_the_caller_alone() {
        let mut call = seen(Stage::Consulting);
        call.operator = Some(("1001".into(), "8001".into()));
        assert_eq!(consults(&call, &"1001".into()), None);
        let to = Whom::Number("01065128888".into());
        call.consulting = Some(Consulted { to, operator: None, stage: Reached::Ringing, caller_hears: false });
        let told = consults(&call, &"1001".into()).unwrap();
        assert_eq!((told.to.as_str(), told.operator, told.stage.as_str()), ("01065128888", None, "ringing"));
        assert_eq!(consults(&call, &"1002".into()), None);
    }

    #[test]
    fn who_talks_with_somebody_called_back_is_in_that_call_and_not_in_the_visit() {
        let mut back = seen(Stage::Talking);
        (back.id, back.record.callback_of) = (CallId(7), Some(CallId(3)));
        let calls = [(CallId(7), back), (CallId(1), seen(Stage::Menu))].into();
        assert_eq!([3, 1, 9].map(|id| call_of(&calls, CallId(id))), [7, 1, 9].map(CallId));
    }

    #[test]
    fn whom_nobody_sends_a_caller_to_is_told_of_no_sender() {
        let mut call = seen(Stage::Onward);
        call.rings.push(("1002".into(), "8002".into()));
        assert_eq!(told(&call, "1002"), Some((Act::Rung, "ringing".into(), None)));
        call.record.operator = Some("1001".into());
        assert_eq!(told(&call, "1002"), Some((Act::Rung, "ringing".into(), Some("1001".into()))));
        call.stage = Stage::Ringing;
        assert_eq!(told(&call, "1002"), None, "out of a line they are offered it");
    }
}
