//! Out of the line by a key or a rule: another queue, a number outside, a message.

use std::collections::BTreeMap;
use std::time::Duration;

use super::desk;
use super::house::*;
use crate::call::Event;
use crate::ids::{LegId, QueueId};
use crate::media;
use crate::moment::Moment;
use crate::queue::{Exit, Input, OperatorState, Promise, QueueRules};
use crate::records::{EndedBy, Entry, Outcome};
use crate::sip::{self, Body, Source};

const OUTSIDE: &str = "01065139999";

/// Nobody is at work; the line has keys to everywhere.
fn keys() -> House {
    let keys = [('7', Exit::Queue("english".into())), ('8', Exit::Message), ('0', Exit::Number(OUTSIDE.into()))];
    House::open(rules(|citizen| citizen.keys = BTreeMap::from(keys)), &[])
}

fn waits(change: impl FnOnce(&mut QueueRules)) -> House {
    House::open(rules(change), &[])
}

#[test]
fn a_key_leads_to_another_queue_and_the_place_is_kept() {
    let mut house = keys();
    let caller = house.call(1, CITIZEN);
    house.pass(Duration::from_secs(30));
    let music = house.media.len();
    house.key(caller, '5');
    assert_eq!(house.media.len(), music, "a key that leads nowhere changes nothing");
    house.key(caller, '7');
    assert_eq!(house.plays(caller).last().map(String::as_str), Some("music"));
    house.phone("8001", true);
    let seat = house.rung("8001");
    house.answers(seat);
    house.hangs_up(caller);
    let record = house.records().remove(0);
    assert_eq!((record.queue, record.need), (Some("english".into()), Some("english >= 3".into())));
    assert_eq!((record.outcome, record.language), (Some(Outcome::Answered), Some("zh".into())));
    assert_eq!((record.choices.as_str(), record.wait_ms), ("7", 30_000));
    let events = house.events();
    assert_eq!(
        &events[..4],
        ["ENTERQUEUE |13800001111", "EXITWITHKEY 7|1|1|30", "ENTERQUEUE |13800001111", "CONNECT 30|leg2|0"],
        "{events:?}"
    );
}

#[test]
fn who_was_late_before_a_move_is_late_whatever_the_next_line_promises() {
    for (waits, in_time) in [(10, true), (30, false)] {
        let mut settings = desk::settings();
        let promise = |seconds| Promise { answer_within: Duration::from_secs(seconds), short_abandon: Duration::ZERO };
        for (queue, seconds) in [("citizen", 15), ("english", 60)] {
            settings.queues.get_mut(&QueueId::from(queue)).unwrap().promise = promise(seconds);
        }
        let keys = BTreeMap::from([('7', Exit::Queue("english".into()))]);
        let mut house = House::with(settings, rules(|citizen| citizen.keys = keys), &[]);
        let caller = house.call(1, CITIZEN);
        house.pass(Duration::from_secs(waits));
        house.key(caller, '7');
        house.pass(Duration::from_secs(10));
        house.phone("8001", true);
        let seat = house.rung("8001");
        house.answers(seat);
        house.hangs_up(caller);
        assert_eq!(house.records()[0].within_service_level, Some(in_time), "moved after {waits} s");
    }
}

#[test]
fn keys_beyond_the_record_do_not_grow_it() {
    let mut house = waits(|citizen| citizen.keys = BTreeMap::from([('7', Exit::Queue("nowhere".into()))]));
    let caller = house.call(1, CITIZEN);
    for _ in 0..1000 {
        house.key(caller, '7');
    }
    house.hangs_up(caller);
    assert_eq!(house.records()[0].choices.len(), 32);
}

#[test]
fn who_waited_too_long_waits_in_another_queue_and_who_comes_in_vain_is_let_in_there() {
    let mut house = waits(|citizen| {
        citizen.max_wait = Some(Duration::from_secs(20));
        citizen.if_too_long = Some(Exit::Queue("english".into()));
    });
    let caller = house.call(1, CITIZEN);
    house.pass(Duration::from_secs(25));
    house.hangs_up(caller);
    let record = house.records().remove(0);
    assert_eq!((record.queue, record.outcome), (Some("english".into()), Some(Outcome::AbandonedInQueue)));
    let events = house.events();
    assert_eq!(events[1..], ["EXITWITHTIMEOUT 1|1|20", "ENTERQUEUE |13800001111", "ABANDON 1|1|25"]);

    let mut house = waits(|citizen| citizen.if_closed = Some(Exit::Queue("english".into())));
    house.input(Input::Open { queue: "citizen".into(), open: false });
    let caller = house.call(1, CITIZEN);
    house.hangs_up(caller);
    let record = house.records().remove(0);
    assert_eq!((record.queue, record.need), (Some("english".into()), Some("english >= 3".into())));
}

#[test]
fn nobody_signed_in_is_an_empty_line() {
    let mut house = House::open(rules(|citizen| citizen.if_nobody = Some(Exit::Message)), &["8001", "8002"]);
    house.arrive(LegId(1), "x", "*14", Source::Seat("8001".into()));
    let busy = house.call(3, CITIZEN);
    let seat = house.rung("8002");
    house.answers(seat);
    let waiting = house.call(5, "13900002222");
    for operator in ["1001", "1002"] {
        house.input(Input::SignOut { operator: operator.into(), by: crate::queue::By::Themselves });
    }
    house.hangs_up(busy);
    assert_eq!(house.plays(waiting), ["zh/message_leave", "beep"]);
    assert!(house.events().iter().any(|event| event.starts_with("EXITEMPTY 1|1|")), "{:?}", house.events());
    house.hangs_up(waiting);
    house.hangs_up(LegId(1));
    let record = house.records().into_iter().find(|record| record.from == "13900002222").unwrap();
    assert_eq!((record.outcome, record.recording), (Some(Outcome::Message), None), "nothing was said");
}

// ---------------------------------------------------------------------------------------------
// A message

#[test]
fn a_message_is_recorded_until_the_key_and_named_in_the_record() {
    let mut house = keys();
    let caller = house.call(1, CITIZEN);
    house.pass(Duration::from_secs(10));
    house.key(caller, '8');
    let records =
        |house: &House| house.media.iter().filter(|command| matches!(command, media::Command::Record { .. })).count();
    assert_eq!((house.plays(caller), records(&house)), (vec!["zh/message_leave".into(), "beep".into()], 0));
    house.heard_out(caller);
    assert_eq!(records(&house), 1, "after the tone");
    // Whatever becomes of the house, the message is found.
    let known = house.entries.iter().rev().find_map(|entry| match entry {
        Entry::Changed(record) => Some(record.recording.clone()),
        _ => None,
    });
    let file = known.flatten().and_then(|recording| recording.file);
    assert!(file.is_some_and(|file| file.starts_with("messages/")));
    house.pass(Duration::from_secs(40));
    house.key(caller, '#');
    assert_eq!(house.plays(caller), ["zh/message_taken"]);
    house.heard_out(caller);
    assert_eq!(house.released(caller), Some(None));
    let record = house.records().remove(0);
    assert_eq!((record.outcome, record.ended_by), (Some(Outcome::Message), Some(EndedBy::System)));
    let recording = record.recording.unwrap();
    assert_eq!(recording.file, Some(format!("messages/{}.wav", record.call_id)));
    assert_eq!((recording.sha256.as_deref(), record.wait_ms), (Some("5a"), 10_000), "talking to nobody is no waiting");
    let after = |at: Option<Moment>| at.unwrap().since(record.queued_at.unwrap());
    assert_eq!([record.message_at, recording.began_at].map(after), [Duration::from_secs(10); 2]);
    assert_eq!(house.events()[1..], ["EXITWITHKEY 8|1|1|10"]);
}

#[test]
fn a_message_ends_with_the_call_or_after_three_minutes() {
    for hangs_up in [true, false] {
        let mut house = keys();
        let caller = house.call(1, CITIZEN);
        house.key(caller, '8');
        house.heard_out(caller);
        house.pass(Duration::from_secs(if hangs_up { 20 } else { 181 }));
        if hangs_up {
            house.hangs_up(caller);
        } else {
            assert_eq!(house.plays(caller), ["zh/message_taken"]);
            house.heard_out(caller);
        }
        let record = house.records().remove(0);
        assert_eq!(record.outcome, Some(Outcome::Message));
        assert!(record.recording.is_some(), "hangs up: {hangs_up}");
    }
}

#[test]
fn a_message_that_cannot_be_written_is_not_pretended() {
    let mut house = keys();
    let caller = house.call(1, CITIZEN);
    house.key(caller, '8');
    house.heard_out(caller);
    house.cannot_record(caller, "no space left");
    assert_eq!(house.plays(caller), ["zh/failure"]);
    house.hangs_up(caller);
    let record = house.records().remove(0);
    assert_eq!(record.outcome, Some(Outcome::Failed));
    let recording = record.recording.unwrap();
    assert_eq!((recording.file, recording.why.as_deref()), (None, Some("no space left")));
}

// ---------------------------------------------------------------------------------------------
// A number outside

#[test]
fn a_caller_is_sent_on_and_joined_when_it_is_answered_outside() {
    let mut house = keys();
    let caller = house.call(1, CITIZEN);
    house.pass(Duration::from_secs(5));
    house.key(caller, '0');
    assert_eq!(house.plays(caller), ["ringback"]);
    let outside = house.rung(OUTSIDE);
    let shown = house.sip.iter().any(|command| {
        matches!(command, sip::Command::Invite(invite) if invite.caller.number == CITIZEN && invite.hops == 69)
    });
    assert!(shown, "{:?}", house.sip);
    assert!(!house.are_joined(caller, outside));
    house.answers(outside);
    assert!(house.are_joined(caller, outside));
    house.pass(Duration::from_secs(100));
    house.hangs_up(outside);
    assert_eq!(house.released(caller), Some(None));
    let record = house.records().remove(0);
    assert_eq!((record.outcome, record.connected_at), (Some(Outcome::Overflowed), None));
    assert_eq!((record.wait_ms, record.talk_ms), (5_000, 0));
    assert_eq!(house.events()[1..], ["EXITWITHKEY 0|1|1|5"]);
}

#[test]
fn early_media_of_theirs_is_heard_instead_of_our_tone() {
    let mut house = keys();
    let caller = house.call(1, CITIZEN);
    house.key(caller, '0');
    let outside = house.rung(OUTSIDE);
    house.tell(Event::Sip(sip::Event::Progress { leg: outside, body: Body::sdp(b"early".to_vec()) }));
    assert!(house.are_joined(caller, outside));
    house.tell(Event::Sip(sip::Event::Answered { leg: outside, body: None }));
    house.hangs_up(caller);
    assert_eq!(house.released(outside), Some(None));
    assert_eq!(house.records()[0].ended_by, Some(EndedBy::Caller));
}

#[test]
fn in_vain_outside_is_said_as_busy() {
    for name in ["refused", "unanswered", "gone"] {
        let mut house = keys();
        let caller = house.call(1, CITIZEN);
        house.key(caller, '0');
        let outside = house.rung(OUTSIDE);
        match name {
            "refused" => house.refuses(outside, 486),
            "unanswered" => house.pass(Duration::from_secs(121)),
            _ => house.hangs_up(outside),
        }
        assert_eq!(house.plays(caller), ["zh/busy"], "{name}");
        house.heard_out(caller);
        let record = house.records().remove(0);
        assert_eq!((record.outcome, record.ended_by), (Some(Outcome::Overflowed), Some(EndedBy::System)), "{name}");
    }
}

#[test]
fn nothing_but_numbers_of_the_rules_leaves_the_house_and_only_by_a_trunk_that_goes_out() {
    let mut no_way = desk::settings();
    no_way.way_out = None;
    let numbers = [(desk::settings(), "sip:premium@evil.example"), (desk::settings(), ""), (no_way, OUTSIDE)];
    for (settings, number) in numbers {
        let rules = rules(|citizen| citizen.keys = BTreeMap::from([('0', Exit::Number(number.into()))]));
        let mut house = House::with(settings, rules, &[]);
        let caller = house.call(1, CITIZEN);
        house.key(caller, '0');
        assert_eq!((house.invited(), house.plays(caller)), (Vec::new(), vec!["zh/busy".to_string()]), "{number}");
        house.hangs_up(caller);
        house.records();
    }
    // A citizen who dials a number of somebody else's is not connected to it.
    let mut house = keys();
    house.arrive(LegId(1), CITIZEN, OUTSIDE, Source::Trunk("carrier".into()));
    assert_eq!(house.invited(), []);
    assert_eq!(house.records()[0].outcome, Some(Outcome::RefusedRules));
}

#[test]
fn a_caller_who_hangs_up_while_it_rings_outside_stops_it() {
    let mut house = keys();
    let caller = house.call(1, CITIZEN);
    house.key(caller, '0');
    let outside = house.rung(OUTSIDE);
    house.hangs_up(caller);
    assert_eq!(house.released(outside), Some(None));
    house.answers(outside);
    assert!(!house.are_joined(caller, outside));
    assert_eq!(house.records()[0].outcome, Some(Outcome::Overflowed));
}

// ---------------------------------------------------------------------------------------------
// Operators

#[test]
fn an_operator_who_calls_the_hotline_is_busy_meanwhile() {
    let mut house = House::open(rules(|_| {}), &["8001"]);
    house.arrive(LegId(1), "8001", "100", Source::Seat("8001".into()));
    assert_eq!(house.state("1001"), OperatorState::Outbound);
    let caller = house.call(3, CITIZEN);
    assert_eq!(house.invited(), [], "they talk, so they are not rung");
    house.hangs_up(LegId(1));
    assert_eq!(house.invited().len(), 1);
    house.hangs_up(caller);
    house.records();
    // A feature code is no call.
    let mut house = House::open(rules(|_| {}), &["8001"]);
    house.arrive(LegId(1), "8001", "*142", Source::Seat("8001".into()));
    assert_eq!(house.state("1001"), OperatorState::NotReady { reason: "meal".into() });
    house.hangs_up(LegId(1));
    house.records();
}

#[test]
fn wrap_up_is_extended_by_half_a_minute() {
    let mut house = House::open(rules(|citizen| citizen.wrap_up = Duration::from_secs(10)), &["8001"]);
    house.arrive(LegId(7), "8001", "*16", Source::Seat("8001".into()));
    house.hangs_up(LegId(7));
    let caller = house.call(1, CITIZEN);
    let seat = house.rung("8001");
    house.answers(seat);
    house.hangs_up(caller);
    house.arrive(LegId(9), "8001", "*16", Source::Seat("8001".into()));
    house.hangs_up(LegId(9));
    house.pass(Duration::from_secs(39));
    assert!(matches!(house.state("1001"), OperatorState::WrapUp { .. }));
    house.pass(Duration::from_secs(2));
    assert_eq!(house.state("1001"), OperatorState::Ready);
}

#[test]
fn supervisors_set_the_state_of_others_and_nobody_else_does() {
    // 1002 is a supervisor, 1003 nobody that the calls know.
    let dial = |house: &mut House, seat: &str, code: &str| {
        house.arrive(LegId(1), seat, code, Source::Seat(seat.into()));
        house.hangs_up(LegId(1));
        house.state("1001")
    };
    let mut house = House::open(rules(|_| {}), &["8001", "8002"]);
    let ready = OperatorState::Ready;
    let meal = OperatorState::NotReady { reason: "meal".into() };
    for denied in ["*241", "*2491001", "*2401001", "*24", "*221003", "*22", "*231", "*251001"] {
        assert_eq!(dial(&mut house, "8002", denied), ready, "{denied}");
    }
    assert_eq!(dial(&mut house, "8001", "*2421001"), ready, "not a supervisor");
    assert_eq!(dial(&mut house, "8002", "*2421001"), meal);
    assert_eq!(dial(&mut house, "8002", "*231001"), ready);
    assert_eq!(dial(&mut house, "8002", "*221001"), OperatorState::SignedOut);
    assert_eq!(dial(&mut house, "8002", "*231001"), OperatorState::SignedOut, "who is signed out is not made ready");
}
