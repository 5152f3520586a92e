//! What a record tells of a talk, moment by moment, in words: holds, consultations, transfers, supervisors, phones that
//! were lost, pauses of the recording, notes, whether the carrier took the call over, and what the caller was asked when
//! nobody talked with them any more; and where menus and rules sent them on. Who was asked for the call, and why, the
//! engine's log tells.

use crate::moment::Moment;
use crate::records::{
    EndedBy, Holder, LineOutcome, Outcome, Record, Recording, ReleaseOutcome, ReleaseRecord, Returned, SentBy,
    Supervision, TransferKind, TransferOutcome, TransferRecord,
};

/// In the order in which it happened.
pub fn course(record: &Record) -> Vec<(Moment, String)> {
    let mut course = Vec::new();
    let mut tell = |at: Option<Moment>, text: String| course.extend(at.map(|at| (at, text)));
    for hold in &record.holds {
        let (who, whom) = match hold.by {
            Holder::Caller => ("the caller", "the operator"),
            Holder::Operator => ("the operator", "the caller"),
        };
        tell(Some(hold.at), format!("{who} put {whom} on hold"));
        // With the call the hold ends, and that is told already.
        tell(hold.ended_at.filter(|at| Some(*at) != record.ended_at), format!("{who} is back from hold"));
    }
    for transfer in &record.transfers {
        let steps = turned(transfer);
        steps.into_iter().for_each(|(at, text)| tell(at, text));
    }
    for handoff in &record.handoff {
        let (target, number) = (&handoff.target, &handoff.number);
        tell(Some(handoff.at), format!("{target} was rung at {number}"));
        tell(handoff.answered_at, format!("{target} answered"));
        tell(handoff.left_at, format!("the operator left the caller to {target}"));
        tell(handoff.confirmed_at, format!("{target} has the matter"));
        tell(handoff.ended_at, format!("the call to {target} ended: {}", plain(handoff.outcome.as_str())));
    }
    for one in &record.supervised {
        tell(Some(one.at), format!("{} {}", one.operator, supervises(one.mode)));
        tell(one.ended_at, format!("{} {} no longer", one.operator, supervises(one.mode)));
    }
    for lost in &record.lost {
        let (operator, seat) = (&lost.operator, &lost.seat);
        // A page may come back, and is waited for; a phone that is found dead is not, and the caller waits at once.
        let waits_at_once = record.lines.iter().any(|visit| visit.joined_at == lost.at);
        let what = match waits_at_once {
            true => "counted as dead: it had sent nothing for long, or did not keep its session up",
            false => "was lost; the caller heard music",
        };
        tell(Some(lost.at), format!("the phone of {operator} at seat {seat} {what}"));
        tell(lost.back_at, format!("the phone of {operator} at seat {seat} was back"));
    }
    for visit in record.lines.iter().filter(|visit| visit.outcome != LineOutcome::Moved) {
        let why = match record.returned(visit) {
            None => continue,
            Some(Returned::Transfer(of)) => format!("{} was not reached", of.to),
            Some(Returned::Emergency(of)) => format!("{} did not take the matter", of.target),
            Some(Returned::Lost(of)) => format!("the phone of {} did not come back", of.operator),
        };
        tell(Some(visit.joined_at), format!("the caller came back to the line: {why}"));
    }
    for (at, paused) in record.recording.iter().flat_map(Recording::pauses) {
        tell(Some(at), format!("the recording {}", if paused { "was paused" } else { "went on" }));
    }
    let score = record.survey.map_or(String::new(), |score| format!(": {score}"));
    tell(record.survey_at, format!("the operator hung up, and the caller was asked how it was{score}"));
    tell(record.message_at, "the caller was asked for a message".into());
    if let Some(release) = &record.release {
        let asked = "the carrier was asked to put both together without us";
        tell(release.outcome.is_asked().then_some(release.at), asked.into());
        tell(release.ended_at, released(release));
    }
    for direct in &record.direct {
        tell(Some(direct.at), "the sound went directly between both from here on".into());
        tell(direct.ended_at.filter(|at| Some(*at) != record.ended_at), "the sound came by us again".into());
    }
    for note in &record.notes {
        tell(note.at, format!("{} noted: {}", note.by, note.text.replace(['\r', '\n'], " ")));
    }
    course.sort_by_key(|(at, _)| *at);
    course
}

/// Where menus led the caller, or rules of lines, or whom an operator dialled on a second line. How the talk there ended is told as it is of any other.
pub fn sent_on(record: &Record, by: SentBy) -> Vec<(Moment, String)> {
    let mut course = Vec::new();
    let mut tell = |at: Option<Moment>, text: String| course.extend(at.map(|at| (at, text)));
    let begun = match by {
        SentBy::Menu => "a menu sent the caller on to",
        SentBy::Line => "a rule of the line sent the caller on to",
        SentBy::Operator => "an operator dialled, beside a talk,",
    };
    for sent in record.sent_on.iter().filter(|sent| sent.by == by) {
        let (to, who) = (&sent.to, sent.who());
        let trunk = sent.trunk.as_ref().map_or(String::new(), |trunk| format!(" over the trunk {trunk}"));
        tell(Some(sent.at), format!("{begun} {to}{trunk}"));
        tell(sent.answered_at, format!("{who} answered"));
        match sent.outcome {
            TransferOutcome::Ended => tell(sent.ended_at, format!("{to} had not answered by then")),
            why if why.is_in_vain() => tell(sent.ended_at, format!("{to} was not reached: {}", plain(why.as_str()))),
            _ => {}
        }
    }
    course
}

/// Of a call that joined no line: how it came, what of the menus it went through, and whom it reached. The menus have no
/// times of their own.
pub fn without_a_line(record: &Record) -> Vec<(Moment, String)> {
    let mut course = Vec::new();
    let mut tell = |at: Option<Moment>, text: String| course.extend(at.map(|at| (at, text)));
    let over = record.trunk.as_ref().map_or(String::new(), |trunk| format!(" over the trunk {trunk}"));
    match (&record.callback_of, record.attempt) {
        (Some(visit), attempt) => {
            let attempt = attempt.map_or(String::new(), |attempt| format!(", try {attempt}"));
            tell(Some(record.arrived_at), format!("was to be called back, as asked in the call {visit}{attempt}"));
        }
        (None, _) => tell(Some(record.arrived_at), format!("arrived{over}")),
    }
    tell(record.answered_at, "was answered".into());
    tell(record.answered_at.or(Some(record.arrived_at)).filter(|_| !record.menu_path.is_empty()), walked(record));
    let who = match (&record.operator, &record.seat) {
        (Some(operator), Some(seat)) => format!("{operator} at seat {seat}"),
        (Some(operator), None) => operator.to_string(),
        (None, Some(seat)) => format!("seat {seat}"),
        (None, None) => "whom it was put through to".into(),
    };
    // Where a menu led to a seat that is told already.
    let is_told = |at: &Moment| record.sent_on.iter().any(|sent| sent.answered_at == Some(*at));
    tell(record.connected_at.filter(|at| !is_told(at)), format!("{who} answered"));
    course
}

/// Nodes, keys and what was typed.
fn walked(record: &Record) -> String {
    let path: Vec<&str> = record.menu_path.iter().map(|node| node.as_str()).collect();
    let mut told = format!("went through the menus: {}", path.join(", "));
    if !record.choices.is_empty() {
        told += &format!("; pressed {}", record.choices);
    }
    for (name, digits) in &record.digits {
        told += &format!("; typed {digits} ({name})");
    }
    told
}

/// Where a call ended, by whom, and what signalling said of it.
pub fn ended(record: &Record) -> String {
    let is_outside = |outcome| matches!(outcome, Outcome::TransferredOut | Outcome::Overflowed);
    let talked_outside = record.is_second_line() && record.operator.is_none();
    let outside = talked_outside || record.outcome.is_some_and(is_outside);
    let how = match record.outcome {
        Some(Outcome::AbandonedInMenu) if record.is_second_line() => "before anybody answered",
        Some(Outcome::Failed | Outcome::RefusedBusy) if record.is_second_line() => "as nobody was reached",
        Some(Outcome::AbandonedInMenu) => "in the menus",
        Some(Outcome::Answered) if record.connected_at.is_some() => "after a talk",
        Some(Outcome::Answered) => "after what it was to hear",
        Some(Outcome::TransferredOut) => "put through outside",
        Some(Outcome::Overflowed) => match record.sent_on.last() {
            Some(sent) if sent.answered_at.is_some() => "put through outside",
            Some(_) => "before anybody was reached outside",
            // Of a former version perhaps, which did not say it.
            None => "put through outside, or sent away by a rule",
        },
        Some(Outcome::Message) => "with a message",
        Some(Outcome::RefusedBusy) => "turned away as busy",
        Some(Outcome::RefusedClosed) => "turned away as closed",
        Some(Outcome::RefusedRules) => "turned away by a rule",
        Some(Outcome::Failed) => "as nothing more was possible",
        Some(Outcome::SystemRestart) => "as the house was stopped or cut off",
        Some(Outcome::AbandonedInQueue) if record.lines.is_empty() => "on the way into a line",
        Some(Outcome::AbandonedInQueue) => "in the line",
        Some(Outcome::Callback) => "to be called back",
        None => "",
    };
    let by = match record.ended_by {
        Some(EndedBy::Caller) => "the caller hung up",
        Some(EndedBy::Operator) if outside => "the far end hung up",
        Some(EndedBy::Operator) => "the operator hung up",
        Some(EndedBy::Released) => "both talk on without us",
        Some(EndedBy::System) | None => "by the house",
    };
    let status = record.sip_status.filter(|status| *status >= 300).map(|status| format!("SIP {status}"));
    let said: Vec<String> = status.into_iter().chain(record.reason.clone()).collect();
    let said = if said.is_empty() { String::new() } else { format!(" ({})", said.join(", ")) };
    format!("ended {how}: {by}{said}")
}

/// A consultation has a beginning, an answer and an end, and only its end is a transfer.
fn turned(of: &TransferRecord) -> Vec<(Option<Moment>, String)> {
    let (by, to) = (&of.by, &of.to);
    let over = match of.outcome {
        TransferOutcome::Transferred => format!("{by} left the caller to {to}"),
        TransferOutcome::Returned => format!("{by} was with the caller again"),
        TransferOutcome::Ended => format!("the consultation of {to} ended: one of them hung up"),
        TransferOutcome::Restarted => format!("the house was cut off while {by} was turned to {to}"),
        why => format!("{to} was not reached: {}", plain(why.as_str())),
    };
    let is_transferred = of.outcome == TransferOutcome::Transferred;
    match of.kind {
        TransferKind::TakenOver => {
            let from = of.from.as_ref().map_or(String::new(), |from| format!(" from {from}"));
            vec![(Some(of.at), format!("{by} took the call over{from}"))]
        }
        TransferKind::Blind if of.answered_at.is_none() && of.operator.is_none() && is_transferred => {
            vec![(Some(of.at), format!("{by} sent the caller on to {to}"))]
        }
        TransferKind::Blind => {
            let taken = format!("{to} has the caller");
            let end = if is_transferred { taken } else { over };
            vec![(Some(of.at), format!("{by} sent the caller on to {to}")), (of.ended_at, end)]
        }
        TransferKind::SemiAttended => {
            let end = if is_transferred { format!("{to} has the caller") } else { over };
            let turned = format!("{by} turned to {to}, and left the caller to them while they still rang");
            vec![(Some(of.at), turned), (of.ended_at, end)]
        }
        TransferKind::Consult | TransferKind::Attended => vec![
            (Some(of.at), format!("{by} turned to {to}; the caller heard music")),
            (of.answered_at, format!("{to} answered; the caller did not hear them")),
            (of.conference_at, format!("{by}, {to} and the caller heard each other")),
            (of.ended_at, over),
        ],
    }
}

/// What came of asking the carrier to put both together without us.
fn released(of: &ReleaseRecord) -> String {
    let why = match (of.outcome, of.sip_status) {
        (ReleaseOutcome::Released, _) => return "they talked without us from here on: the line was released".into(),
        (ReleaseOutcome::Restarted, _) => return "the house was cut off before it said whether it does".into(),
        (ReleaseOutcome::Refused, Some(status)) => format!("the carrier refused with {status}"),
        (ReleaseOutcome::NoAnswer, _) => "the carrier did not say what became of it".into(),
        (ReleaseOutcome::Ended, _) => return "one of them hung up before it said whether it does".into(),
        (ReleaseOutcome::NotKnown, _) => "one of them does not know how to be put together without us".into(),
        (ReleaseOutcome::Untrusted, _) => {
            "whoever answered named an address that is not known to be the carrier's".into()
        }
        (ReleaseOutcome::OneEncrypted, _) => "the sound of one is encrypted and that of the other is not".into(),
        (other, _) => plain(other.as_str()),
    };
    format!("the line was not released: {why}")
}

fn supervises(mode: Supervision) -> &'static str {
    match mode {
        Supervision::Whisper => "spoke to the operator",
        Supervision::Barge => "spoke with both",
        Supervision::Listen => "listened",
    }
}

fn plain(word: &str) -> String {
    if word.is_empty() { "it goes on".into() } else { word.replace('_', " ") }
}

#[cfg(test)]
mod tests;
