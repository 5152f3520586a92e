//! Stories of calls whose record and log are written here by hand.

use super::*;
use crate::ids::{OfferId, SeatId};

#[test]
fn without_the_log_the_record_tells_whether_the_aim_was_met() {
    for (lines, late, told) in [
        (vec![("answered", Some(true))], None, Some("That was within the aim.")),
        (vec![("answered", Some(true)), ("answered", Some(false))], None, Some("The aim was missed.")),
        (vec![("moved", None), ("answered", Some(true))], None, Some("That was within the aim.")),
        (vec![("answered", Some(true)), ("", None)], None, None),
        (vec![("short_abandoned", Some(false))], None, None),
        (vec![("withdrawn", None)], Some(LateCause::AllBusy), None),
        (Vec::new(), None, None),
        (
            vec![("restarted", Some(false))],
            None,
            Some("The aim was missed: the house was stopped or cut off while it waited."),
        ),
        (
            vec![("abandoned", Some(false))],
            Some(LateCause::AllBusy),
            Some("The aim was missed: everybody with the skills was busy."),
        ),
    ] {
        let line = |(outcome, within): &(&str, Option<bool>)| {
            json!({
                "queue": "citizen", "joined_at": 0, "left_at": (!outcome.is_empty()).then_some(9_000_000),
                "outcome": outcome, "operator": null, "wait_ms": 9000, "within_service_level": within,
            })
        };
        let record: Record = serde_json::from_value(json!({
            "call_id": CallId(1), "sip_call_id": "", "from": "", "to": "", "trunk": null, "arrived_at": 0,
            "choices": "", "offers": [], "wait_ms": 0, "talk_ms": 0, "hold_ms": 0,
            "lines": lines.iter().map(line).collect::<Vec<_>>(),
        }))
        .unwrap();
        assert_eq!(aim(&record, late).as_deref(), told, "{lines:?}");
        let story = Story { record, events: Vec::new(), passed_by: Vec::new(), incomplete: true };
        let verdict = story.verdict();
        assert_eq!(verdict.is_some(), !lines.is_empty(), "{lines:?}");
        if let (Some(told), None) = (told, late) {
            assert!(verdict.is_some_and(|verdict| verdict.ends_with(told)), "{lines:?}");
        }
    }
}

#[test]
fn where_a_rule_led_the_caller_is_told_once_they_have_left_the_line() {
    let record: Record = serde_json::from_value(json!({
        "call_id": CallId(1), "sip_call_id": "", "from": "", "to": "", "trunk": null, "arrived_at": 0,
        "ended_at": 9_000_000, "choices": "0", "offers": [], "wait_ms": 5000, "talk_ms": 0, "hold_ms": 0,
        "outcome": "overflowed", "ended_by": "caller",
        "lines": [{
            "queue": "citizen", "joined_at": 0, "left_at": 5_000_000, "outcome": "left_by_key", "operator": null,
            "wait_ms": 5000, "within_service_level": false,
        }],
        "sent_on": [{
            "by": "line", "to": "01065139999", "trunk": "carrier", "at": 5_000_000, "ended_at": 9_000_000,
            "outcome": "ended",
        }],
    }))
    .unwrap();
    let left = Output::Left {
        contact: CallId(1),
        queue: "citizen".into(),
        why: LeftLine::Key('0'),
        exit: None,
        waited_ms: 5000,
    };
    let said = Said { seq: 1, at: Moment::from_micros(5_000_000), output: left };
    let text = sentence(&Engine::new(), &said, &[]);
    let events = vec![Event { said, candidates: Vec::new(), text }];
    let text = Story { record, events, passed_by: Vec::new(), incomplete: false }.text(&TimeZone::UTC);
    let (_, told) = text.split_once("\n\n").unwrap();
    assert_eq!(
        told,
        "  00:00:05.0  left the line citizen: the caller pressed 0\n  \
         00:00:05.0  a rule of the line sent the caller on to 01065139999 over the trunk carrier\n  \
         00:00:09.0  01065139999 had not answered by then\n  \
         00:00:09.0  ended before anybody was reached outside: the caller hung up"
    );
}

/// Of a call that is not over the log may tell of its line before the record does.
#[test]
fn a_call_that_rings_has_joined_its_line_and_one_that_was_refused_has_not() {
    let record: Record = serde_json::from_value(json!({
        "call_id": CallId(1), "sip_call_id": "", "from": "1", "to": "2", "trunk": null, "arrived_at": 0, "choices": "",
        "offers": [], "wait_ms": 0, "talk_ms": 0, "hold_ms": 0,
    }))
    .unwrap();
    let told = |outputs: &[Output]| {
        let event = |output: &Output| {
            let said = Said { seq: 1, at: Moment::from_micros(5_000_000), output: output.clone() };
            Event { text: sentence(&Engine::new(), &said, &[]), said, candidates: Vec::new() }
        };
        let events = outputs.iter().map(event).collect();
        Story { record: record.clone(), events, passed_by: Vec::new(), incomplete: false }.text(&TimeZone::UTC)
    };
    let (contact, queue) = (CallId(1), crate::ids::QueueId::from("citizen"));
    let since = Moment::default();
    let joined = Output::Joined { contact, queue: queue.clone(), instead_of: None, since, expected: None };
    let (operator, seat, offer) = (OperatorId::from("1001"), SeatId::from("8001"), OfferId(1));
    let rings =
        Output::Offer { offer, contact, operator: operator.clone(), seat: seat.clone(), until: since, callback: None };
    let (outcome, ms) = (OfferOutcome::NoAnswer, 1_000);
    let over = Output::OfferEnded { offer, contact, operator, seat, outcome, at: since, ms };
    assert!(!told(std::slice::from_ref(&joined)).contains("no line"));
    assert!(told(&[joined.clone(), rings.clone()]).contains("\nIt rings at 1001.\n"));
    assert!(!told(&[joined, rings, over]).contains("It rings"));
    let refused = Output::Refused { contact, queue, why: crate::queue::JoinRefusal::Full, exit: None };
    assert!(told(&[refused]).contains("It joined no line."));
}

#[test]
fn nothing_that_others_wrote_begins_a_line_or_acts_on_the_terminal() {
    let record: Record = serde_json::from_value(json!({
        "call_id": CallId(1), "sip_call_id": "", "from": "1\nIt waited 0 s.\x1b[2J", "to": "2\u{9b}2J\r", "trunk": null,
        "arrived_at": 0, "first_dialled": "3\n4", "choices": "", "offers": [], "wait_ms": 0, "talk_ms": 0, "hold_ms": 0,
    }))
    .unwrap();
    let text = Story { record, events: Vec::new(), passed_by: Vec::new(), incomplete: false }.text(&TimeZone::UTC);
    assert!(text.starts_with(r"Call 0000000000001 from 1\u000aIt waited 0 s.\u001b[2J to 2\u009b2J\u000d, "), "{text}");
    assert!(text.contains("\nIt joined no line.\n\n  00:00:00.0  arrived"), "{text}");
    assert!(
        text.contains(r"dialled as 3\u000a4 first") && !text.contains(|c: char| c.is_control() && c != '\n'),
        "{text}"
    );
}
