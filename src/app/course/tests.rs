//! What is told of a call, line by line.

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
            &["3 the line was not released: whoever answered named an address that is not known to be the carrier's"],
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
        let sent = [SentBy::Menu, SentBy::Line, SentBy::Operator].map(|by| sent_on(&record, by)).concat();
        let mut story: Vec<(Moment, String)> = without_a_line(&record).into_iter().chain(sent).chain(end).collect();
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
    let mut second_line = sent(Some("carrier"), None, 9, "failed");
    second_line["by"] = "operator".into();
    let dialled = "2 an operator dialled, beside a talk, 01065139999 over the trunk carrier";
    check(
        serde_json::json!({
            "trunk": null, "answered_at": null, "outcome": "failed", "ended_by": "system", "sip_status": 404,
            "sent_on": [second_line],
        }),
        &[
            "0 arrived",
            dialled,
            "9 01065139999 was not reached: failed",
            "9 ended as nobody was reached: by the house (SIP 404)",
        ],
    );
    (second_line["answered_at"], second_line["outcome"]) = (4.into(), "transferred".into());
    check(
        serde_json::json!({
            "trunk": null, "answered_at": 4, "connected_at": 4, "outcome": "answered", "ended_by": "operator",
            "sent_on": [second_line],
        }),
        &[
            "0 arrived",
            dialled,
            "4 was answered",
            "4 01065139999 answered",
            "9 ended after a talk: the far end hung up",
        ],
    );
    check(
        serde_json::json!({
            "trunk": null, "answered_at": null, "outcome": "failed", "ended_by": "operator", "sip_status": 487,
        }),
        &["0 arrived", "9 ended as nothing more was possible: the operator hung up (SIP 487)"],
    );
    (second_line["answered_at"], second_line["outcome"]) = (serde_json::Value::Null, "ended".into());
    check(
        serde_json::json!({
            "trunk": null, "answered_at": null, "outcome": "abandoned_in_menu", "ended_by": "caller", "sip_status": 487,
            "sent_on": [second_line],
        }),
        &[
            "0 arrived",
            dialled,
            "9 01065139999 had not answered by then",
            "9 ended before anybody answered: the caller hung up (SIP 487)",
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
