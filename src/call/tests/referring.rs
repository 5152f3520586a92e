//! The keys of desk phones mean what the page's orders mean: REFER, a second line, Replaces.

use super::house::*;
use super::orders::{SECOND, talk};
use crate::ids::LegId;
use crate::media;
use crate::queue::OperatorState;
use crate::records::{EndedBy, Outcome, Record};
use crate::sip::{ReferTo, Source};

fn told(record: &Record) -> Vec<(&str, &str, &str)> {
    let of = record.transfers.iter();
    of.map(|t| (t.kind.as_str(), t.to.as_str(), t.outcome.as_str())).collect()
}

fn number(number: &str) -> ReferTo {
    ReferTo::Number(number.into())
}

#[test]
fn a_caller_is_sent_to_a_colleague_and_the_phone_is_told_what_became_of_it() {
    for (to, meant) in [("8002", "seat 8002"), ("1002", "operator 1002")] {
        let (mut house, call, caller, seat) = talk();
        house.refers(seat, number(to));
        assert!(house.released(seat).is_some(), "blind: the operator leaves at once");
        assert!(house.referred(seat).is_empty(), "nobody knows yet");
        let second = house.rung("8002");
        house.tell_ringing(second);
        assert_eq!(house.referred(seat), [180]);
        house.answers(second);
        assert_eq!(house.referred(seat), [180, 200]);
        assert!(house.are_joined(caller, second));
        assert_eq!(house.state("1002"), OperatorState::Talking { contact: call });
        house.hangs_up(caller);
        let record = house.records().remove(0);
        assert_eq!(told(&record), [("blind", meant, "transferred")]);
    }
}

#[test]
fn a_colleague_who_refuses_is_told_as_they_refused_and_the_caller_is_back_in_the_line() {
    for (status, expected) in [(486, 486), (480, 480), (603, 603), (500, 503)] {
        let (mut house, _, caller, seat) = talk();
        house.refers(seat, number("8002"));
        let second = house.rung("8002");
        house.refuses(second, status);
        assert_eq!(house.referred(seat), [expected]);
        house.hangs_up(caller);
        house.records();
    }
}

#[test]
fn a_number_that_leads_to_a_line_is_that_line() {
    let (mut house, _, caller, seat) = talk();
    house.refers(seat, number("12346"));
    assert_eq!(house.referred(seat), [200]);
    assert!(house.released(seat).is_some());
    house.hangs_up(caller);
    let record = house.records().remove(0);
    assert_eq!(told(&record)[0].1, "queue citizen");
}

#[test]
fn what_cannot_be_done_is_said_and_the_talk_goes_on() {
    let (mut house, _, caller, seat) = talk();
    for (to, status) in [("8001", 603), ("nobody", 404), ("00442079460000", 403)] {
        let before = house.referred(seat).len();
        house.refers(seat, number(to));
        assert_eq!(house.referred(seat)[before..], [status], "{to}");
        assert!(house.released(seat).is_none(), "{to}");
    }
    house.refers(caller, number("8002"));
    assert_eq!(house.referred(caller), [481]);
    house.hangs_up(caller);
    house.records();
}

#[test]
fn a_number_that_nobody_may_dial_is_refused_before_it_rings() {
    let (mut house, _, caller, _) = talk();
    let line = LegId(5);
    house.arrive(line, "8001", "00442079460000", Source::Seat("8001".into()));
    let refused = house
        .sip
        .iter()
        .any(|command| matches!(command, crate::sip::Command::Refuse { leg, status: 403 } if *leg == line));
    assert!(refused, "{:?}", house.sip);
    house.hangs_up(caller);
    let records = house.records();
    assert!(records.iter().any(|record| record.outcome == Some(Outcome::RefusedRules)), "{records:?}");
}

/// Beside the talk the phone's second line rings a colleague, who answers or not: the second line's leg, and theirs.
fn second_line(house: &mut House, answers: bool) -> (LegId, LegId) {
    let line = LegId(91);
    house.arrive(line, "8001", "8002", Source::Seat("8001".into()));
    assert_eq!(house.plays(line), ["ringback"]);
    let theirs = house.rung("8002");
    if answers {
        house.answers(theirs);
        assert!(house.are_joined(line, theirs));
    }
    (line, theirs)
}

#[test]
fn who_was_asked_on_a_second_line_gets_the_caller_whichever_line_says_so() {
    for of_talk in [true, false] {
        let (mut house, call, caller, seat) = talk();
        let (line, theirs) = second_line(&mut house, true);
        assert_eq!(house.state("1002"), OperatorState::Outbound);
        house.pass(5 * SECOND);
        let (referrer, other) = if of_talk { (seat, line) } else { (line, seat) };
        house.refers(referrer, ReferTo::Leg(other));
        assert_eq!(house.referred(referrer), [200]);
        assert!(house.released(seat).is_some() && house.released(line).is_some());
        assert!(house.released(theirs).is_none());
        assert!(house.are_joined(caller, theirs));
        assert_eq!(house.state("1002"), OperatorState::Talking { contact: call });
        assert!(matches!(house.state("1001"), OperatorState::WrapUp { .. }));
        let together = house.media.iter().filter_map(|command| match command {
            media::Command::Open { call, .. } => Some(*call),
            _ => None,
        });
        assert!(together.clone().all(|of| of == call), "legs that meet are on one thread");
        house.hangs_up(theirs);
        let records = house.records();
        let [line, talk] = &records[..] else { panic!("{records:#?}") };
        assert_eq!((line.from.as_str(), line.to.as_str(), line.outcome), ("8001", "8002", Some(Outcome::Answered)));
        assert_eq!(told(talk), [("attended", "seat 8002", "transferred")]);
        assert_eq!((talk.operator.clone(), talk.ended_by), (Some("1002".into()), Some(EndedBy::Operator)));
    }
}

#[test]
fn a_caller_left_to_somebody_who_still_rings_hears_it_ring() {
    let (mut house, call, caller, seat) = talk();
    let (line, theirs) = second_line(&mut house, false);
    house.refers(seat, ReferTo::Leg(line));
    assert!(house.released(seat).is_some() && house.released(line).is_some());
    assert_eq!(house.plays(caller), ["ringback"]);
    assert!(house.referred(seat).is_empty());
    house.answers(theirs);
    assert_eq!(house.referred(seat), [200]);
    assert_eq!(house.state("1002"), OperatorState::Talking { contact: call });
    house.hangs_up(caller);
    assert_eq!(house.records().len(), 2);
}

#[test]
fn a_second_line_is_for_operators_in_a_talk_and_ends_by_itself() {
    let (mut house, _, caller, seat) = talk();
    let (line, theirs) = second_line(&mut house, true);
    house.hangs_up(line);
    assert!(house.released(theirs).is_some() && house.released(seat).is_none());
    house.arrive(LegId(93), "8002", "8001", Source::Seat("8002".into()));
    assert!(house.invited().iter().filter(|(to, _)| to == "8001").count() == 1, "nobody talks there");
    house.hangs_up(caller);
    assert_eq!(house.records().len(), 3);
}

#[test]
fn another_phone_of_the_seat_takes_the_place_of_the_one() {
    let (mut house, call, caller, seat) = talk();
    let other = LegId(95);
    house.arrive_in_place_of(other, "8001", seat);
    assert!(house.released(seat).is_some() && house.released(other).is_none());
    assert!(house.are_joined(caller, other));
    assert_eq!(house.state("1001"), OperatorState::Talking { contact: call });
    house.hangs_up(other);
    assert!(house.released(caller).is_some());
    assert_eq!(house.records().len(), 2);
    // A talk that is over cannot be taken over.
    house.arrive_in_place_of(LegId(97), "8001", seat);
    assert!(house.invited().iter().all(|(_, leg)| *leg != LegId(97)));
}
