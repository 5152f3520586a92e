//! Another phone of the seat takes over its talk (Replaces, RFC 3891): whatever number it dials, and without leaving the
//! caller to nobody.

use super::desk;
use super::house::*;
use super::orders::{SECOND, talk};
use super::world::OUTSIDE;
use crate::call::{Event, Order, Stage, Whom};
use crate::ids::{CallId, LegId};
use crate::media;
use crate::queue::OperatorState;
use crate::records::{Outcome, Record};
use crate::sip::{self, Body, Replaced, Source};

/// Of the second phone.
const OTHER: LegId = LegId(95);

/// 8001's second phone asks for the talk on `old`, and has not acknowledged our answer yet.
fn asks(house: &mut House, number: &str, old: LegId) {
    house.arrive_replacing(OTHER, "8001", number, Replaced::Talk(old));
}

fn acknowledges(house: &mut House, answer: Option<Body>) {
    house.tell(Event::Sip(sip::Event::Acked { leg: OTHER, answer }));
}

/// How often a 200 went to the second phone.
fn accepted(house: &House) -> usize {
    house.sip.iter().filter(|command| matches!(command, sip::Command::Accept { leg: OTHER, .. })).count()
}

/// The one that is about the citizen.
fn of_citizen(records: Vec<Record>) -> Record {
    records.into_iter().find(|record| record.from == CITIZEN).unwrap()
}

/// The former phone has the talk as before, and the caller hears of nothing.
fn goes_on_as_it_was(mut house: House, call: CallId, caller: LegId, seat: LegId) {
    assert_eq!((house.released(seat), house.released(caller)), (None, None));
    assert_eq!(house.state("1001"), OperatorState::Talking { contact: call });
    assert_eq!(house.calls.view(call).unwrap().stage, Stage::Talking);
    assert!(!house.are_joined(caller, OTHER));
    house.hangs_up(seat);
    assert!(house.released(caller).is_some());
    let record = of_citizen(house.records());
    assert_eq!((record.outcome, record.lost.len(), record.transfers.len()), (Some(Outcome::Answered), 0, 0));
}

#[test]
fn it_has_the_talk_whatever_number_it_dials() {
    let dialled = [
        "",
        "hotline",
        "anything",
        "8001",
        "8002",
        "8004",
        "1001",
        "1002",
        "12345",
        "12346",
        "100",
        "*12",
        "*17",
        "*88002",
        "*331001",
        OUTSIDE,
        "0019005550100",
    ];
    for number in dialled {
        let (mut house, call, caller, seat) = talk();
        house.pass(5 * SECOND);
        let rung = house.invited().len();
        let heard = house.plays(caller);
        asks(&mut house, number, seat);
        assert_eq!((accepted(&house), house.refusal(OTHER)), (1, None), "at once: {number}");
        assert_eq!(house.released(seat), None, "the other phone is not there yet: {number}");
        acknowledges(&mut house, None);
        assert!(house.released(seat).is_some() && house.released(OTHER).is_none(), "{number}");
        assert!(house.are_joined(caller, OTHER), "{number}");
        assert_eq!(house.invited().len(), rung, "nobody else is rung: {number}");
        assert!(house.plays(OTHER).is_empty() && house.plays(caller) == heard, "{number}");
        assert_eq!(house.state("1001"), OperatorState::Talking { contact: call }, "{number}");
        assert_eq!(house.calls.view(call).unwrap().stage, Stage::Talking);
        house.pass(5 * SECOND);
        house.hangs_up(OTHER);
        assert!(house.released(caller).is_some());
        let records = house.records();
        assert_eq!(records.len(), 2, "{number}");
        let record = of_citizen(records);
        assert_eq!((record.outcome, record.talk_ms), (Some(Outcome::Answered), 10_000), "{number}");
        assert_eq!((record.lost.len(), record.transfers.len(), record.holds.len()), (0, 0, 0), "{number}");
    }
}

#[test]
fn one_that_wants_our_offer_has_the_talk_when_it_has_answered() {
    let (mut house, call, caller, seat) = talk();
    let replaces = Some(Replaced::Talk(seat));
    let incoming = incoming(OTHER, "8001", "8001", Source::Seat("8001".into()));
    house.tell(Event::Sip(sip::Event::Incoming(sip::Incoming { replaces, offer: None, ..incoming })));
    assert_eq!((accepted(&house), house.released(seat)), (1, None));
    acknowledges(&mut house, Some(Body::sdp(b"theirs".to_vec())));
    assert!(house.released(seat).is_some() && house.are_joined(caller, OTHER));
    assert_eq!(house.state("1001"), OperatorState::Talking { contact: call });
    house.hangs_up(caller);
    house.records();
}

#[test]
fn who_leaves_before_it_is_theirs_has_taken_nothing() {
    // Cancelled before the answer, or while it was on its way; never acknowledged; an answer that answers nothing.
    for why in [sip::Ended::Cancelled, sip::Ended::NoAck, sip::Ended::NoAnswer, sip::Ended::Bye] {
        for answered in [false, true] {
            let (mut house, call, caller, seat) = talk();
            house.slow_sound = !answered;
            asks(&mut house, "8001", seat);
            assert_eq!(accepted(&house), usize::from(answered));
            house.slow_sound = false;
            house.tell(Event::Sip(sip::Event::Ended { leg: OTHER, why }));
            while house.sound_speaks() {}
            assert_eq!(accepted(&house), usize::from(answered));
            goes_on_as_it_was(house, call, caller, seat);
        }
    }
}

#[test]
fn whose_description_cannot_be_taken_has_taken_nothing() {
    for (malformed, status) in [(false, 488), (true, 400)] {
        let (mut house, call, caller, seat) = talk();
        house.slow_sound = true;
        asks(&mut house, "hotline", seat);
        house.forget_sound();
        house.slow_sound = false;
        let (why, code) = ("nothing in common".into(), 305);
        house.tell(Event::Media(media::Event::Unacceptable { leg: OTHER, why, code, malformed }));
        assert_eq!((house.refusal(OTHER), accepted(&house)), (Some(status), 0));
        goes_on_as_it_was(house, call, caller, seat);
    }
}

#[test]
fn holds_are_as_the_phone_says_that_has_the_talk() {
    // The former phone held, the second does not; and the other way round.
    for (before, after) in [(true, false), (false, true)] {
        let (mut house, call, caller, seat) = talk();
        let holding = |house: &House| matches!(house.state("1001"), OperatorState::Holding { .. });
        if before {
            house.holding.insert(seat);
            house.tell(Event::Sip(sip::Event::Reoffer { leg: seat, body: Some(Body::sdp(b"theirs".to_vec())) }));
        }
        assert_eq!(holding(&house), before);
        if after {
            house.holding.insert(OTHER);
        }
        asks(&mut house, "1001", seat);
        acknowledges(&mut house, None);
        assert_eq!((holding(&house), house.are_joined(caller, OTHER)), (after, !after));
        assert!(house.released(seat).is_some());
        assert_eq!(house.calls.view(call).unwrap().stage, if after { Stage::Holding } else { Stage::Talking });
        house.hangs_up(caller);
        let holds = of_citizen(house.records()).holds;
        assert_eq!(holds.len(), 1, "{holds:?}");
    }
    // What the operator asked for on the page stays, and so does the caller's own.
    let (mut house, call, caller, seat) = talk();
    house.order(call, "1001", Order::Hold).unwrap();
    asks(&mut house, "8001", seat);
    acknowledges(&mut house, None);
    assert!(matches!(house.state("1001"), OperatorState::Holding { .. }));
    assert_eq!(house.order(call, "1001", Order::Resume), Ok(()));
    assert!(house.are_joined(caller, OTHER));
    house.hangs_up(caller);
    house.records();
}

#[test]
fn the_recording_goes_on() {
    let mut settings = desk::settings();
    settings.ivr.notice = Some("notice".into());
    settings.queues.get_mut("citizen").unwrap().recorded = true;
    let mut house = House::with(settings, rules(|_| {}), &["8001"]);
    let caller = house.call(1, CITIZEN);
    house.tell(Event::Media(media::Event::Noticed { leg: caller }));
    let seat = house.rung("8001");
    house.answers(seat);
    asks(&mut house, "8001", seat);
    acknowledges(&mut house, None);
    let of_recorder = |house: &House| {
        let is = |command: &&media::Command| {
            matches!(command, media::Command::Record { .. } | media::Command::StopRecording { .. })
        };
        house.media.iter().filter(is).count()
    };
    assert_eq!(of_recorder(&house), 1, "begun once, and not stopped");
    house.pass(5 * SECOND);
    house.hangs_up(caller);
    let recording = of_citizen(house.records()).recording.unwrap();
    assert!(recording.file.is_some() && recording.index.iter().all(|entry| !entry.paused), "{recording:?}");
}

#[test]
fn what_is_no_talk_of_an_operator_is_refused_before_it_is_answered() {
    let refused = |house: &mut House, leg: LegId, seat: &str, old: LegId| {
        house.arrive_replacing(leg, seat, "8001", Replaced::Talk(old));
        let unanswered = house.sip.iter().all(|of| !matches!(of, sip::Command::Accept { leg: of, .. } if *of == leg));
        (house.refusal(leg), unanswered)
    };
    let (mut house, call, caller, seat) = talk();
    // A colleague who is consulted, and a call of the operator's own.
    house.order(call, "1001", Order::Consult { to: Whom::Operator("1002".into()) }).unwrap();
    let consulted = house.rung("8002");
    house.answers(consulted);
    assert_eq!(refused(&mut house, LegId(101), "8002", consulted), (Some(481), true));
    house.arrive(LegId(91), "8003", "12345", Source::Seat("8003".into()));
    assert_eq!(refused(&mut house, LegId(103), "8003", LegId(91)), (Some(481), true));
    house.hangs_up(LegId(91));
    assert!(house.released(seat).is_none() && house.released(consulted).is_none());
    house.hangs_up(caller);
    assert_eq!(refused(&mut house, LegId(105), "8001", seat), (Some(481), true), "over");
    house.records();
}

#[test]
fn a_talk_that_ends_before_it_is_theirs_is_not_to_be_had() {
    let (mut house, _, caller, seat) = talk();
    asks(&mut house, "8001", seat);
    house.hangs_up(caller);
    assert!(house.released(seat).is_some());
    acknowledges(&mut house, None);
    assert!(house.released(OTHER).is_some());
    assert!(!house.are_joined(caller, OTHER));
    house.records();
}

#[test]
fn a_phone_that_was_lost_is_back_with_the_second_one() {
    let (mut house, _, caller, seat) = talk();
    house.tell(Event::Sip(sip::Event::FlowLost { leg: seat }));
    house.pass(3 * SECOND);
    asks(&mut house, "hotline", seat);
    acknowledges(&mut house, None);
    assert!(house.released(seat).is_some() && house.are_joined(caller, OTHER));
    house.hangs_up(caller);
    let lost = of_citizen(house.records()).lost;
    assert!(matches!(&lost[..], [entry] if entry.back_at.is_some()), "{lost:?}");
}
