//! A call in the words of the pages.

use std::collections::BTreeMap;

use super::Seen;
use super::category::category;
use super::contacts::Contact;
use super::keeper::Keeper;
use super::looks::Line;
use crate::call::{Consulted, Reached, Recorded, Stage, Target, Whom};
use crate::http::{self, CallNow, Consulting, EmergencyFailed, EmergencyNow, Note, Supervised};
use crate::ids::CallId;
use crate::moment::Moment;
use crate::queue::{Tally, Unasked};
use crate::records::{HandoffRecord, Record, Returned, TransferKind, TransferOutcome};

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
            returned: returned(record, |at| self.time(at)),
            unreached: unreached(record).map(|why| why.to_string()),
            caller_gone: seen.caller_gone,
            notes: record
                .notes
                .iter()
                .map(|note| Note {
                    by: note.by.to_string(),
                    name: self.house.web.people.get(note.by.as_str()).map(|person| person.name.clone()),
                    at: time(note.at),
                    text: note.text.clone(),
                })
                .collect(),
            category: record.queue.as_ref().map(|queue| category(&self.house, record, queue)),
            recording: seen.recorded.map(|recorded| recording(recorded).into()),
            digits: record.digits.clone(),
            callback_of: record.callback_of.map(|of| of.to_string()),
        })
    }
}

/// The open call in which a contact is: of somebody called back the contact is the visit in which they asked for it.
pub(super) fn call_of(calls: &BTreeMap<CallId, Seen>, contact: CallId) -> CallId {
    let called_back = || calls.values().find(|seen| seen.record.callback_of == Some(contact));
    if calls.contains_key(&contact) { contact } else { called_back().map_or(contact, |seen| seen.id) }
}

pub(super) fn consulting(consulted: &Consulted) -> Consulting {
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
    record.handoff.last().filter(|last| last.outcome.is_in_vain())
}

/// Why whom the operator consulted last took no part.
fn unreached(record: &Record) -> Option<TransferOutcome> {
    let last = record.transfers.last().filter(|last| last.kind == TransferKind::Consult)?;
    last.outcome.is_in_vain().then_some(last.outcome)
}

/// Why the caller is back in the line in which they wait, or from which they were answered: until somebody turns to
/// others with them. Of emergencies [`failed_emergency`] tells.
fn returned(record: &Record, time: impl Fn(Moment) -> String) -> Option<http::Returned> {
    let visit = record.line()?;
    if record.transfers.last().is_some_and(|last| last.at > visit.joined_at) {
        return None;
    }
    let at = time(visit.joined_at);
    match record.returned(visit)? {
        Returned::Transfer(of) => Some(http::Returned {
            why: of.outcome.to_string(),
            by: of.by.to_string(),
            to: Some(of.to.clone()),
            operator: of.operator.as_ref().map(ToString::to_string),
            at,
        }),
        Returned::Lost(of) => {
            Some(http::Returned { why: "lost".into(), by: of.operator.to_string(), at, ..http::Returned::default() })
        }
        Returned::Emergency(_) => None,
    }
}

fn emergency(target: &Target, since: String) -> EmergencyNow {
    let stage = if target.confirmed { "confirmed" } else { reached(target.stage) };
    EmergencyNow { target: target.id.clone(), stage: stage.into(), since }
}

pub(super) fn reached(reached: Reached) -> &'static str {
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

    #[test]
    fn who_talks_with_somebody_called_back_is_in_that_call_and_not_in_the_visit() {
        let mut back = seen(Stage::Talking);
        (back.id, back.record.callback_of) = (CallId(7), Some(CallId(3)));
        let calls = [(CallId(7), back), (CallId(1), seen(Stage::Menu))].into();
        assert_eq!([3, 1, 9].map(|id| call_of(&calls, CallId(id))), [7, 1, 9].map(CallId));
    }

    #[test]
    fn why_a_caller_is_back_is_told_until_somebody_turns_to_others_with_them() {
        let told = |record: &Record| returned(record, |at| at.as_micros().to_string());
        let mut record = seen(Stage::Ringing).record;
        let visit = |at: u64, left_at: u64| {
            serde_json::from_value(serde_json::json!({
                "queue": "citizen", "joined_at": at, "left_at": left_at, "outcome": "answered", "operator": "1001",
                "wait_ms": 0, "within_service_level": true,
            }))
            .unwrap()
        };
        let sent = |at: u64, outcome: &str| {
            serde_json::from_value(serde_json::json!({
                "kind": "blind", "by": "1001", "to": "seat 8002", "operator": "1002", "at": at, "answered_at": null,
                "ended_at": at + 1, "outcome": outcome,
            }))
            .unwrap()
        };
        record.lines.push(visit(1, 2));
        assert_eq!(told(&record), None, "they come for the first time");
        record.transfers.push(sent(7, "busy"));
        record.lines.push(visit(8, 9));
        let busy = http::Returned {
            why: "busy".into(),
            by: "1001".into(),
            to: Some("seat 8002".into()),
            operator: Some("1002".into()),
            at: "8".into(),
        };
        assert_eq!(told(&record), Some(busy));
        record.transfers.push(sent(10, "transferred"));
        assert_eq!(told(&record), None, "that is long past");
        let lost = serde_json::json!({ "operator": "1003", "seat": "8003", "at": 15, "back_at": null });
        record.lost.push(serde_json::from_value(lost).unwrap());
        record.lines.push(visit(20, 21));
        let told = told(&record).map(|back| (back.why, back.by, back.to));
        assert_eq!(told, Some(("lost".into(), "1003".into(), None)));
    }
}
