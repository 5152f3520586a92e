//! Several phones ring for one caller.

use std::time::Duration;

use super::house::*;
use crate::call::Event;
use crate::ids::LegId;
use crate::queue::OperatorState;
use crate::records::{EndedBy, Outcome, Record};
use crate::sip::{self, Body};

const ELSEWHERE: Option<Option<&str>> = Some(Some("SIP;cause=200;text=\"Call completed elsewhere\""));

fn three() -> House {
    House::open(rules(|citizen| citizen.ring_at_once = 3), &["8001", "8002", "8003"])
}

fn offers(record: &Record) -> Vec<(String, &str)> {
    let mut offers: Vec<_> = record.offers.iter().map(|o| (o.operator.to_string(), o.outcome.as_str())).collect();
    offers.sort();
    offers
}

#[test]
fn the_first_to_answer_has_the_call_and_the_others_are_told_why_they_stop() {
    let mut house = three();
    let caller = house.call(1, CITIZEN);
    let (a, b, c) = (house.rung("8001"), house.rung("8002"), house.rung("8003"));
    house.pass(Duration::from_secs(2));
    house.answers(b);
    assert!(house.are_joined(caller, b));
    assert_eq!((house.released(a), house.released(c)), (ELSEWHERE, ELSEWHERE));
    assert_eq!(house.released(b), None);
    assert_eq!((house.state("1001"), house.state("1003")), (OperatorState::Ready, OperatorState::Ready));
    house.pass(Duration::from_secs(60));
    house.hangs_up(b);
    let record = house.records().remove(0);
    assert_eq!((record.outcome, record.ended_by), (Some(Outcome::Answered), Some(EndedBy::Operator)));
    assert_eq!((record.operator, record.seat), (Some("1002".into()), Some("8002".into())));
    let record = house.records().remove(0);
    let elsewhere = "answered_elsewhere";
    assert_eq!(offers(&record), [("1001".into(), elsewhere), ("1002".into(), "answered"), ("1003".into(), elsewhere)]);
    let events = house.events();
    assert!(events.contains(&"CONNECT 2|leg4|2".to_string()), "{events:?}");
    assert_eq!(events.iter().filter(|event| *event == "RINGCANCELED 2000").count(), 2, "{events:?}");
}

#[test]
fn of_two_answers_that_cross_one_talks_and_the_other_is_hung_up() {
    for sound_of_second_first in [false, true] {
        let mut house = three();
        let caller = house.call(1, CITIZEN);
        let (a, b) = (house.rung("8001"), house.rung("8002"));
        // Both 200s are there before the engine hears of either.
        let answered = |leg: LegId| sip::Event::Answered { leg, body: Some(Body::sdp(b"theirs".to_vec())) };
        let (first, second) = if sound_of_second_first { (b, a) } else { (a, b) };
        house.calls.handle(house.now, Event::Sip(answered(first)));
        house.calls.handle(house.now, Event::Sip(answered(second)));
        house.tell(Event::Sip(sip::Event::Ringing { leg: second }));
        assert!(house.are_joined(caller, first) && !house.are_joined(caller, second));
        assert_eq!((house.released(first), house.released(second)), (None, ELSEWHERE));
        house.hangs_up(caller);
        assert_eq!(house.released(first), Some(None));
        let record = house.records().remove(0);
        assert_eq!((record.outcome, record.ended_by), (Some(Outcome::Answered), Some(EndedBy::Caller)));
        assert_eq!(house.state("1001"), OperatorState::Ready);
        assert_eq!(house.state("1002"), OperatorState::Ready);
    }
}

#[test]
fn a_caller_who_hangs_up_silences_every_phone() {
    let mut house = three();
    let caller = house.call(1, CITIZEN);
    let legs = ["8001", "8002", "8003"].map(|seat| house.rung(seat));
    house.hangs_up(caller);
    assert_eq!(legs.map(|leg| house.released(leg)), [Some(None); 3]);
    house.answers(legs[0]);
    assert!(!house.are_joined(caller, legs[0]), "an answer that comes too late joins nobody");
    let record = house.records().remove(0);
    assert_eq!(record.outcome, Some(Outcome::AbandonedInQueue));
    assert!(offers(&record).iter().all(|(_, outcome)| *outcome == "caller_gone") && record.offers.len() == 3);
}

#[test]
fn one_phone_that_refuses_stops_none_of_the_others() {
    let mut house = three();
    let caller = house.call(1, CITIZEN);
    let (a, b, c) = (house.rung("8001"), house.rung("8002"), house.rung("8003"));
    house.refuses(a, 486);
    house.tell(Event::Sip(sip::Event::Ringing { leg: c }));
    // 8002 says nothing at all.
    house.pass(Duration::from_secs(7));
    assert_eq!((house.released(b), house.released(c)), (Some(None), None));
    house.answers(c);
    assert!(house.are_joined(caller, c));
    house.hangs_up(caller);
    let record = house.records().remove(0);
    assert_eq!(
        offers(&record)[..3],
        [("1001".into(), "busy"), ("1002".into(), "unreachable"), ("1003".into(), "answered")]
    );
}
