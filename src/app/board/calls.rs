//! A call in the words of the pages, and what an operator does in the call of another.

use std::collections::BTreeMap;

use super::Seen;
use super::category::category;
use super::keeper::{Contact, Keeper};
use super::looks::Line;
use crate::call::{Consulted, Reached, Recorded, Stage, Supervision, Target, Whom};
use crate::http::{self, Act, CallNow, Consulting, EmergencyNow, Note, Part, Supervised};
use crate::ids::{CallId, OperatorId};
use crate::moment::Moment;
use crate::queue::{OperatorState, Tally};

impl Keeper {
    pub(super) fn call(&self, id: CallId) -> Option<CallNow> {
        let seen = self.calls.get(&id)?;
        let record = &seen.record;
        // While a citizen is rung for a callback the engine knows the visit in which they asked for it.
        let contact = self.contacts.get(&id).or_else(|| self.contacts.get(&record.callback_of?));
        let time = |at: Option<Moment>| at.map(|at| self.time(at));
        let theirs = seen.rings.first().or(seen.operator.as_ref());
        // Where it came from, if from a seat.
        let own = record.seat.as_ref().filter(|_| record.trunk.is_none() && record.callback_of.is_none());
        Some(CallNow {
            id: id.to_string(),
            stage: stage(seen.stage).into(),
            since: self.time(seen.since),
            from: Some(record.from.clone()),
            to: record.to.clone(),
            language: record.language.clone(),
            choices: record.choices.clone(),
            queue: contact.map(|contact| &contact.queue).or(record.queue.as_ref()).map(ToString::to_string),
            arrived_at: self.time(record.arrived_at),
            queued_at: time(record.queued_at),
            connected_at: time(record.connected_at),
            line_since: time(record.line().map(|line| line.joined_at)),
            line_wait_ms: record.line().filter(|line| !line.waits()).map(|line| line.wait_ms),
            rung: seen.rings.iter().map(|(operator, _)| operator.to_string()).collect(),
            operator: theirs.map(|(operator, _)| operator.to_string()),
            seat: theirs.map(|(_, seat)| seat).or(own).map(ToString::to_string),
            place: self.places.get(&id).copied(),
            why: contact.and_then(|contact| contact.why.clone()),
            consulting: seen.consulting.as_ref().map(consulting),
            supervised_by: seen
                .supervisors
                .iter()
                .map(|one| Supervised {
                    operator: one.operator.to_string(),
                    mode: one.mode.word().into(),
                    stage: reached(one.stage).into(),
                })
                .collect(),
            emergency: seen.emergency.as_ref().map(emergency),
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

fn emergency(target: &Target) -> EmergencyNow {
    let stage = if target.confirmed { "confirmed" } else { reached(target.stage) };
    EmergencyNow { target: target.id.clone(), stage: stage.into() }
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

/// Why nobody is asked for a contact, in words.
pub(super) fn nobody(tally: &Tally) -> String {
    format!("nobody could be asked: {tally}")
}

/// Operators come and go without a decision about those who wait: why nobody is asked is told as the lines are now.
/// Of places so far back that they are not told one by one it is not told either. Gives who waits for another reason
/// than before.
pub(super) fn renew_why<'a>(
    contacts: &mut BTreeMap<CallId, Contact>,
    lines: impl Iterator<Item = &'a Line>,
) -> Vec<CallId> {
    let unasked: BTreeMap<CallId, Tally> = lines.flat_map(|line| line.unasked.iter().copied()).collect();
    let mut changed = Vec::new();
    for (id, contact) in contacts.iter_mut() {
        let why = unasked.get(id).map(nobody);
        if !contact.talking && contact.why != why {
            contact.why = why;
            changed.push(*id);
        }
    }
    changed
}

/// What a call is in, as the pages call it.
pub(super) fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Arriving | Stage::Menu | Stage::Announcement => "menu",
        Stage::Waiting => "waiting",
        Stage::Ringing => "ringing",
        Stage::Talking => "talking",
        Stage::Holding => "holding",
        Stage::Consulting => "consulting",
        Stage::Conference => "conference",
        Stage::Lost => "lost",
        Stage::HandedOff | Stage::Onward => "onward",
        Stage::Message => "message",
        Stage::Survey => "survey",
        Stage::Dialling => "callback",
        Stage::Over => "ending",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Supervisor;
    use crate::queue::LineNow;

    fn seen(stage: Stage) -> Seen {
        let record = serde_json::json!({
            "call_id": CallId(1), "sip_call_id": "", "from": "", "to": "", "trunk": null,
            "arrived_at": Moment::default(), "choices": "", "menu_path": [], "queue": null,
            "offers": [], "wait_ms": 0, "talk_ms": 0, "hold_ms": 0,
        });
        Seen {
            id: CallId(1),
            stage,
            since: Moment::default(),
            record: serde_json::from_value(record).unwrap(),
            rings: Vec::new(),
            operator: None,
            consulting: None,
            supervisors: Vec::new(),
            emergency: None,
            caller_gone: false,
            recorded: None,
        }
    }

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
        let unasked = [1, 2, 5].map(|id| (CallId(id), tally)).to_vec();
        let line = Line { now, waiting, unasked, callbacks: Vec::new() };
        assert_eq!(renew_why(&mut contacts, std::iter::once(&line)), [1, 3, 5].map(CallId));
        let told: Vec<Option<&str>> = contacts.values().map(|contact| contact.why.as_deref()).collect();
        assert_eq!(told, [Some(away), Some(away), None, None, Some(away)]);
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
