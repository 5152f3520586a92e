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

/// Where menus led the caller, or rules of lines. How the talk there ended is told as it is of any other.
pub fn sent_on(record: &Record, by: SentBy) -> Vec<(Moment, String)> {
    let mut course = Vec::new();
    let mut tell = |at: Option<Moment>, text: String| course.extend(at.map(|at| (at, text)));
    let which = match by {
        SentBy::Menu => "a menu",
        SentBy::Line => "a rule of the line",
    };
    for sent in record.sent_on.iter().filter(|sent| sent.by == by) {
        let (to, who) = (&sent.to, sent.who());
        let trunk = sent.trunk.as_ref().map_or(String::new(), |trunk| format!(" over the trunk {trunk}"));
        tell(Some(sent.at), format!("{which} sent the caller on to {to}{trunk}"));
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
    let outside = matches!(record.outcome, Some(Outcome::TransferredOut | Outcome::Overflowed));
    let how = match record.outcome {
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
mod tests {
    use super::*;
    use crate::ids::CallId;

    #[test]
    fn what_came_of_a_release_is_told_and_whether_anybody_was_asked() {
        use ReleaseOutcome as O;
        let asked = "1 the carrier was asked to put both together without us";
        for (outcome, sip_status, told) in [
            (O::Released, None, &[asked, "3 they talked without us from here on: the line was released"][..]),
            (O::Refused, Some(603), &[asked, "3 the line was not released: the carrier refused with 603"]),
            (O::NoAnswer, None, &[asked, "3 the line was not released: the carrier did not say what became of it"]),
            (O::Ended, None, &[asked, "3 one of them hung up before it said whether it does"]),
            (O::Restarted, None, &[asked, "3 the house was cut off before it said whether it does"]),
            (
                O::NotKnown,
                None,
                &["3 the line was not released: one of them does not know how to be put together without us"],
            ),
            (
                O::Untrusted,
                None,
                &[
                    "3 the line was not released: whoever answered named an address that is not known to be the carrier's",
                ],
            ),
            (
                O::OneEncrypted,
                None,
                &["3 the line was not released: the sound of one is encrypted and that of the other is not"],
            ),
        ] {
            let at = Moment::from_micros;
            let mut record: Record = serde_json::from_value(serde_json::json!({
                "call_id": CallId(1), "sip_call_id": "", "from": "", "to": "", "trunk": null, "arrived_at": 0,
                "choices": "", "offers": [], "wait_ms": 0, "talk_ms": 0, "hold_ms": 0,
            }))
            .unwrap();
            record.release = Some(ReleaseRecord { at: at(1), ended_at: Some(at(3)), outcome, sip_status });
            let said: Vec<String> =
                course(&record).into_iter().map(|(at, text)| format!("{} {text}", at.as_micros())).collect();
            assert_eq!(said, told, "{outcome:?}");
        }
    }

    /// What the log tells of a call that joined no line is nothing: its record tells where it went, and why it ended.
    #[test]
    fn a_call_that_joined_no_line_is_told_from_its_arrival_to_its_end() {
        let check = |more: serde_json::Value, told: &[&str]| {
            let mut record = serde_json::json!({
                "call_id": CallId(1), "sip_call_id": "", "from": "", "to": "", "trunk": "carrier", "arrived_at": 0,
                "answered_at": 1, "ended_at": 9, "choices": "", "offers": [], "wait_ms": 0, "talk_ms": 0, "hold_ms": 0,
            });
            for (key, value) in more.as_object().unwrap() {
                record[key] = value.clone();
            }
            let record: Record = serde_json::from_value(record).unwrap();
            let end = record.ended_at.map(|at| (at, ended(&record)));
            let [menus, lines] = [SentBy::Menu, SentBy::Line].map(|by| sent_on(&record, by));
            let mut story: Vec<(Moment, String)> =
                without_a_line(&record).into_iter().chain(menus).chain(lines).chain(end).collect();
            story.sort_by_key(|(at, _)| *at);
            let said: Vec<String> = story.iter().map(|(at, text)| format!("{} {text}", at.as_micros())).collect();
            assert_eq!(said, told, "{more}");
        };
        let arrived = ["0 arrived over the trunk carrier", "1 was answered"];
        check(
            serde_json::json!({
                "menu_path": ["welcome", "case"], "choices": "3", "digits": { "case": "4711", "pin": "**" },
                "outcome": "abandoned_in_menu", "ended_by": "caller", "reason": "Q.850;cause=16",
            }),
            &[
                arrived[0],
                arrived[1],
                "1 went through the menus: welcome, case; pressed 3; typed 4711 (case); typed ** (pin)",
                "9 ended in the menus: the caller hung up (Q.850;cause=16)",
            ],
        );
        check(
            serde_json::json!({
                "connected_at": 5, "operator": "1001", "seat": "8001", "outcome": "answered", "ended_by": "operator",
                "sip_status": 200,
            }),
            &[arrived[0], arrived[1], "5 1001 at seat 8001 answered", "9 ended after a talk: the operator hung up"],
        );
        check(
            serde_json::json!({ "outcome": "transferred_out", "ended_by": "operator" }),
            &[arrived[0], arrived[1], "9 ended put through outside: the far end hung up"],
        );
        let sent = |trunk: Option<&str>, answered_at: Option<u64>, ended_at: u64, outcome: &str| {
            serde_json::json!({
                "by": "menu", "to": "01065139999", "trunk": trunk, "operator": null, "at": 2, "answered_at": answered_at,
                "ended_at": ended_at, "outcome": outcome,
            })
        };
        let mut to_seat = sent(None, Some(5), 9, "transferred");
        (to_seat["to"], to_seat["operator"]) = ("seat 8001".into(), "1001".into());
        check(
            serde_json::json!({
                "outcome": "answered", "ended_by": "operator", "connected_at": 5, "operator": "1001", "seat": "8001",
                "sent_on": [sent(None, None, 3, "failed"), to_seat],
            }),
            &[
                arrived[0],
                arrived[1],
                "2 a menu sent the caller on to 01065139999",
                "2 a menu sent the caller on to seat 8001",
                "3 01065139999 was not reached: failed",
                "5 1001 at seat 8001 answered",
                "9 ended after a talk: the operator hung up",
            ],
        );
        let mut by_a_rule = sent(Some("carrier"), Some(4), 9, "transferred");
        by_a_rule["by"] = "line".into();
        check(
            serde_json::json!({ "outcome": "overflowed", "ended_by": "operator", "sent_on": [by_a_rule] }),
            &[
                arrived[0],
                arrived[1],
                "2 a rule of the line sent the caller on to 01065139999 over the trunk carrier",
                "4 01065139999 answered",
                "9 ended put through outside: the far end hung up",
            ],
        );
        check(
            serde_json::json!({ "outcome": "overflowed", "ended_by": "system" }),
            &[arrived[0], arrived[1], "9 ended put through outside, or sent away by a rule: by the house"],
        );
        check(
            serde_json::json!({
                "outcome": "abandoned_in_menu", "ended_by": "caller", "sent_on": [sent(Some("carrier"), None, 9, "ended")],
            }),
            &[
                arrived[0],
                arrived[1],
                "2 a menu sent the caller on to 01065139999 over the trunk carrier",
                "9 01065139999 had not answered by then",
                "9 ended in the menus: the caller hung up",
            ],
        );
        check(
            serde_json::json!({
                "trunk": null, "answered_at": null, "outcome": "refused_closed", "ended_by": "system", "sip_status": 480,
            }),
            &["0 arrived", "9 ended turned away as closed: by the house (SIP 480)"],
        );
        check(
            serde_json::json!({
                "callback_of": CallId(2), "attempt": 2, "answered_at": null, "outcome": "failed", "ended_by": "system",
                "sip_status": 486,
            }),
            &[
                "0 was to be called back, as asked in the call 0000000000002, try 2",
                "9 ended as nothing more was possible: by the house (SIP 486)",
            ],
        );
        check(
            serde_json::json!({ "ended_at": null, "menu_path": ["welcome"] }),
            &[arrived[0], arrived[1], "1 went through the menus: welcome"],
        );
    }

    #[test]
    fn a_consultation_is_no_transfer_before_it_is_one_and_holds_and_lost_phones_are_told() {
        let at = |second: u64| second * 1_000_000;
        let record: Record = serde_json::from_value(serde_json::json!({
            "call_id": CallId(1), "sip_call_id": "", "from": "", "to": "", "trunk": null, "arrived_at": at(0),
            "choices": "", "offers": [], "wait_ms": 0, "talk_ms": 0, "hold_ms": 0, "ended_at": at(90),
            "holds": [
                { "by": "operator", "at": at(5), "ended_at": at(8) }, { "by": "caller", "at": at(80), "ended_at": at(90) },
            ],
            "lost": [
                { "operator": "1001", "seat": "8001", "at": at(10), "back_at": at(12) },
                { "operator": "1003", "seat": "8003", "at": at(77), "back_at": null },
            ],
            "transfers": [
                { "kind": "attended", "by": "1001", "to": "operator 1002", "operator": "1002", "at": at(20),
                  "answered_at": at(23), "conference_at": at(30), "ended_at": at(40), "outcome": "transferred" },
                { "kind": "blind", "by": "1002", "to": "queue english", "at": at(50), "answered_at": null,
                  "ended_at": at(50), "outcome": "transferred" },
                { "kind": "taken_over", "by": "1010", "from": "1003", "to": "operator 1010", "operator": "1010",
                  "at": at(55), "answered_at": at(55), "ended_at": at(55), "outcome": "transferred" },
                { "kind": "consult", "by": "1003", "to": "operator 1002", "at": at(60), "answered_at": null,
                  "ended_at": at(70), "outcome": "no_answer" },
            ],
            "recording": { "began_at": at(1), "index": [
                { "at_ms": 0, "stage": "talking", "operator": "1001", "paused": false },
                { "at_ms": 13_000, "stage": "talking", "operator": "1001", "paused": true },
                { "at_ms": 14_000, "stage": "holding", "operator": "1001", "paused": true },
                { "at_ms": 15_000, "stage": "talking", "operator": "1001", "paused": false },
            ] },
            "handoff": [{ "target": "110", "number": "110", "at": at(71), "answered_at": null, "confirmed_at": null,
                "left_at": at(72), "ended_at": at(75), "outcome": "no_answer" }],
            "lines": [
                { "queue": "citizen", "joined_at": at(1), "left_at": at(4), "outcome": "answered", "operator": "1001",
                  "wait_ms": 3000, "within_service_level": true },
                { "queue": "english", "joined_at": at(50), "left_at": at(51), "outcome": "answered", "operator": "1003",
                  "wait_ms": 1000, "within_service_level": true },
                { "queue": "english", "joined_at": at(75), "left_at": at(76), "outcome": "answered", "operator": "1003",
                  "wait_ms": 1000, "within_service_level": true },
                { "queue": "english", "joined_at": at(77), "left_at": at(78), "outcome": "answered", "operator": "1002",
                  "wait_ms": 1000, "within_service_level": true },
            ],
            "survey": 3, "survey_at": at(82), "message_at": at(86),
            "release": { "at": at(87), "ended_at": at(88), "outcome": "refused", "sip_status": 603 },
            "notes": [{ "by": "1001", "at": at(45), "text": "a lamp\nis broken" }, { "by": "1002", "at": null, "text": "?" }],
        }))
        .unwrap();
        let told: Vec<String> =
            course(&record).into_iter().map(|(at, text)| format!("{} {text}", at.as_micros() / 1_000_000)).collect();
        assert_eq!(
            told,
            [
                "5 the operator put the caller on hold",
                "8 the operator is back from hold",
                "10 the phone of 1001 at seat 8001 was lost; the caller heard music",
                "12 the phone of 1001 at seat 8001 was back",
                "14 the recording was paused",
                "16 the recording went on",
                "20 1001 turned to operator 1002; the caller heard music",
                "23 operator 1002 answered; the caller did not hear them",
                "30 1001, operator 1002 and the caller heard each other",
                "40 1001 left the caller to operator 1002",
                "45 1001 noted: a lamp is broken",
                "50 1002 sent the caller on to queue english",
                "55 1010 took the call over from 1003",
                "60 1003 turned to operator 1002; the caller heard music",
                "70 operator 1002 was not reached: no answer",
                "71 110 was rung at 110",
                "72 the operator left the caller to 110",
                "75 the call to 110 ended: no answer",
                "75 the caller came back to the line: 110 did not take the matter",
                "77 the phone of 1003 at seat 8003 counted as dead: it had sent nothing for long, or did not keep its \
                 session up",
                "77 the caller came back to the line: the phone of 1003 did not come back",
                "80 the caller put the operator on hold",
                "82 the operator hung up, and the caller was asked how it was: 3",
                "86 the caller was asked for a message",
                "87 the carrier was asked to put both together without us",
                "88 the line was not released: the carrier refused with 603",
            ]
        );
    }
}
