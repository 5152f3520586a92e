//! What a call's record says, and the events in `queue_log`'s vocabulary.

use std::collections::BTreeMap;
use std::time::Duration;

use super::seating::Change;
use crate::ids::{CallId, OperatorId, QueueId};
use crate::moment::Moment;
use crate::queue::{LeftLine, OfferOutcome, OperatorState};
use crate::records::{self, EndedBy, LineOutcome, Outcome, QueueEvent, Record};
use crate::sip;

/// The record as it is when the INVITE arrives.
pub(super) fn open(id: CallId, now: Moment, incoming: &sip::Incoming) -> Record {
    let (trunk, seat) = match &incoming.source {
        sip::Source::Trunk(trunk) => (Some(trunk.clone()), None),
        sip::Source::Seat(seat) => (None, Some(seat.clone())),
    };
    Record {
        sip_call_id: incoming.sip_call_id.clone(),
        from: incoming.caller.number.clone(),
        to: incoming.number.clone(),
        first_dialled: incoming.diverted.as_ref().map(|from| from.number.clone()),
        diverted_because: incoming.diverted.as_ref().and_then(|from| from.reason).map(Into::into),
        trunk,
        seat,
        ..blank(id, now)
    }
}

fn blank(id: CallId, now: Moment) -> Record {
    Record {
        call_id: id,
        sip_call_id: String::new(),
        from: String::new(),
        to: String::new(),
        first_dialled: None,
        diverted_because: None,
        trunk: None,
        arrived_at: now,
        answered_at: None,
        queued_at: None,
        connected_at: None,
        ended_at: None,
        language: None,
        choices: String::new(),
        digits: BTreeMap::new(),
        menu_path: Vec::new(),
        queue: None,
        need: None,
        operator: None,
        seat: None,
        offers: Vec::new(),
        outcome: None,
        ended_by: None,
        wait_ms: 0,
        talk_ms: 0,
        talking_since: None,
        hold_ms: 0,
        within_service_level: None,
        recording: None,
        quality: None,
        operator_quality: None,
        one_way: Vec::new(),
        survey: None,
        survey_at: None,
        message_at: None,
        lines: Vec::new(),
        handoff: Vec::new(),
        release: None,
        sent_on: Vec::new(),
        transfers: Vec::new(),
        supervised: Vec::new(),
        lost: Vec::new(),
        holds: Vec::new(),
        direct: Vec::new(),
        notes: Vec::new(),
        sip_status: None,
        reason: None,
        callback_of: None,
        attempt: None,
        expected_wait_ms: None,
    }
}

/// The record of a call of ours to a citizen, as it is when they are about to be rung.
pub(super) fn outward(id: CallId, callback_of: CallId, now: Moment, from: &str, to: &str) -> Record {
    Record {
        // Ours to choose, so that it is on the disk before the INVITE leaves.
        sip_call_id: format!("hotline-{id}"),
        from: from.into(),
        to: to.into(),
        callback_of: Some(callback_of),
        ..blank(id, now)
    }
}

/// Entries of one kind that a record tells.
const MOST_ENTRIES: usize = 64;

/// One entry more; of too many the first and the latest stay.
pub(super) fn add<T>(entries: &mut Vec<T>, entry: T) {
    if entries.len() == MOST_ENTRIES {
        entries.remove(MOST_ENTRIES / 2);
    }
    entries.push(entry);
}

/// Fills in what follows from the moments, once the call has ended. `talked`: with operators.
pub(super) fn close(record: &mut Record, now: Moment, talked: Duration) {
    record.ended_at = Some(now);
    (record.wait_ms, record.within_service_level) = record.sum_of_lines();
    (record.talk_ms, record.talking_since) = (talked.as_millis() as u64, None);
}

/// Since when it waits in its line, or waited in the last one.
fn waits_since(record: &Record) -> Option<Moment> {
    record.line().map(|line| line.joined_at)
}

/// Since when an operator has it whom its last line led to; `now` where none did.
fn answered_at(record: &Record, now: Moment) -> Moment {
    record.line().filter(|line| line.operator.is_some()).and_then(|line| line.left_at).unwrap_or(now)
}

/// As a record says it.
pub(super) fn recorded(outcome: OfferOutcome) -> records::OfferOutcome {
    use records::OfferOutcome as Recorded;
    match outcome {
        OfferOutcome::Answered => Recorded::Answered,
        OfferOutcome::NoAnswer => Recorded::NoAnswer,
        OfferOutcome::Rejected => Recorded::Rejected,
        OfferOutcome::Busy => Recorded::Busy,
        OfferOutcome::Unreachable => Recorded::Unreachable,
        OfferOutcome::CallerGone => Recorded::CallerGone,
        OfferOutcome::AnsweredElsewhere => Recorded::AnsweredElsewhere,
    }
}

fn seconds(from: Option<Moment>, to: Moment) -> String {
    from.map_or(0, |from| to.since(from).as_secs()).to_string()
}

fn event(
    at: Moment,
    call: Option<CallId>,
    queue: Option<&QueueId>,
    operator: Option<&OperatorId>,
    event: &'static str,
    data: Vec<String>,
) -> QueueEvent {
    QueueEvent { at, call, queue: queue.cloned(), operator: operator.cloned(), event, data }
}

/// `ENTERQUEUE(url|callerid)`.
pub(super) fn entered(now: Moment, record: &Record) -> QueueEvent {
    let caller = if record.callback_of.is_some() { &record.to } else { &record.from };
    let data = vec![String::new(), caller.clone()];
    event(now, Some(record.call_id), record.queue.as_ref(), None, "ENTERQUEUE", data)
}

/// `CONNECT(holdtime|bridged channel|ringtime)`.
pub(super) fn connected(now: Moment, record: &Record, seat_leg: String) -> QueueEvent {
    let answered = record.offers.iter().rev().find(|offer| Some(&offer.operator) == record.operator.as_ref());
    let rang = answered.map_or(0, |offer| offer.ms / 1000);
    let data = vec![seconds(waits_since(record), now), seat_leg, rang.to_string()];
    event(now, Some(record.call_id), record.queue.as_ref(), record.operator.as_ref(), "CONNECT", data)
}

/// `RINGNOANSWER(ringtime in ms)`, or `RINGCANCELED` when the caller hung up or another phone was
/// answered while it rang.
pub(super) fn not_answered(
    now: Moment,
    record: &Record,
    operator: &OperatorId,
    outcome: OfferOutcome,
    ms: u64,
) -> Option<QueueEvent> {
    let name = match outcome {
        OfferOutcome::Answered => return None,
        OfferOutcome::CallerGone | OfferOutcome::AnsweredElsewhere => "RINGCANCELED",
        _ => "RINGNOANSWER",
    };
    let data = vec![ms.to_string()];
    Some(event(now, Some(record.call_id), record.queue.as_ref(), Some(operator), name, data))
}

/// How a contact left a line without an operator and without hanging up:
/// `EXITWITHTIMEOUT|EXITEMPTY(position|origposition|waittime)`, `EXITWITHKEY(key|position|origposition|waittime)`,
/// `WITHDRAW(position|origposition|waittime)` by a supervisor.
/// Callbacks are chosen by a key: Asterisk has no word of their own for them.
pub(super) fn left(now: Moment, record: &Record, why: LeftLine, (first, last): (usize, usize)) -> Option<QueueEvent> {
    let (name, key) = match why {
        LeftLine::TooLong => ("EXITWITHTIMEOUT", None),
        LeftLine::Nobody => ("EXITEMPTY", None),
        LeftLine::Key(key) => ("EXITWITHKEY", Some(key.to_string())),
        LeftLine::Supervisor | LeftLine::Withdrawn => ("WITHDRAW", None),
        LeftLine::CallerGone | LeftLine::Restarted => return None,
    };
    let figures = [last.to_string(), first.to_string(), seconds(waits_since(record), now)];
    let data = key.into_iter().chain(figures).collect();
    Some(event(now, Some(record.call_id), record.queue.as_ref(), None, name, data))
}

/// How a call ended that talked, or that gave up in the line:
/// `COMPLETECALLER|COMPLETEAGENT(holdtime|calltime|origposition)`, `ABANDON(position|origposition|waittime)`, `WITHDRAW`
/// with the same of an operator who waited beside their talk, or that the operator handed the caller over:
/// `ATTENDEDTRANSFER(method|number|holdtime|calltime|origposition)`.
pub(super) fn ended(now: Moment, record: &Record, (first, last): (usize, usize)) -> Option<QueueEvent> {
    record.queued_at?;
    let was_cut = record.line().is_some_and(|line| line.outcome == LineOutcome::Restarted);
    let came_back = was_cut || record.outcome == Some(Outcome::AbandonedInQueue);
    if record.connected_at.is_some() && !came_back {
        let waited = seconds(waits_since(record), answered_at(record, now));
        let talked = (record.talk_ms / 1000).to_string();
        if record.outcome == Some(Outcome::TransferredOut) {
            let number = record.handoff.last().map(|handoff| handoff.number.clone()).unwrap_or_default();
            let data = vec!["BRIDGE".into(), number, waited, talked, first.to_string()];
            let (queue, operator) = (record.queue.as_ref(), record.operator.as_ref());
            return Some(event(now, Some(record.call_id), queue, operator, "ATTENDEDTRANSFER", data));
        }
        let name = if record.ended_by == Some(EndedBy::Operator) { "COMPLETEAGENT" } else { "COMPLETECALLER" };
        let data = vec![waited, talked, first.to_string()];
        return Some(event(now, Some(record.call_id), record.queue.as_ref(), record.operator.as_ref(), name, data));
    }
    let data = vec![last.to_string(), first.to_string(), seconds(waits_since(record), now)];
    let was_withdrawn = record.line().is_some_and(|line| line.outcome == LineOutcome::Withdrawn);
    let name = if was_withdrawn { "WITHDRAW" } else { "ABANDON" };
    Some(event(now, Some(record.call_id), record.queue.as_ref(), None, name, data))
}

/// An operator left the caller to somebody else, the way Asterisk tells it:
/// `BLINDTRANSFER(extension|context|holdtime|calltime|origposition)`,
/// `ATTENDEDTRANSFER(method|number|holdtime|calltime|origposition)`; a supervisor who took over is the older
/// `TRANSFER(extension|context|holdtime|calltime|origposition)`.
pub(super) fn transferred(
    now: Moment,
    record: &Record,
    name: &'static str,
    talked: Duration,
    first: usize,
) -> QueueEvent {
    let to = record.transfers.last().map(|transfer| transfer.to.clone()).unwrap_or_default();
    let figures =
        [seconds(waits_since(record), answered_at(record, now)), talked.as_secs().to_string(), first.to_string()];
    let whom = if name == "ATTENDEDTRANSFER" { vec!["BRIDGE".into(), to] } else { vec![to, String::new()] };
    let data = whom.into_iter().chain(figures).collect();
    event(now, Some(record.call_id), record.queue.as_ref(), record.operator.as_ref(), name, data)
}

/// For what somebody is not ready; that a phone is lost meanwhile changes nothing about it.
fn reason(state: &OperatorState) -> Option<String> {
    match state {
        OperatorState::NotReady { reason } => Some(reason.to_string()),
        OperatorState::Unreachable { was } => reason(was),
        _ => None,
    }
}

/// `AGENTLOGIN(channel)`, `AGENTLOGOFF(channel)`, `PAUSE(reason)`, `UNPAUSE`, from an operator's change.
pub(super) fn operator_events(now: Moment, change: &Change) -> Vec<QueueEvent> {
    let mut events = Vec::new();
    let mut say = |name, data| events.push(event(now, None, None, Some(&change.operator), name, data));
    match (&change.before, &change.after) {
        (None, Some((seat, state))) => {
            say("AGENTLOGIN", vec![format!("SIP/{seat}")]);
            if let Some(reason) = reason(state) {
                say("PAUSE", vec![reason]);
            }
        }
        (Some((seat, _)), None) => say("AGENTLOGOFF", vec![format!("SIP/{seat}")]),
        (Some((_, before)), Some((_, after))) => match (reason(before), reason(after)) {
            (None, Some(now_for)) => say("PAUSE", vec![now_for]),
            (Some(was), Some(now_for)) if was != now_for => say("PAUSE", vec![now_for]),
            (Some(_), None) => say("UNPAUSE", Vec::new()),
            _ => {}
        },
        (None, None) => {}
    }
    events
}
