//! An operator takes a call that rings at a colleague, by a code.

use std::time::Duration;

use super::house::*;
use super::world::OUTSIDE;
use crate::call::Event;
use crate::ids::LegId;
use crate::media;
use crate::queue::{CallbackFirst, Input, OperatorState, parse_need};
use crate::records::{EndedBy, Outcome};
use crate::sip::{self, Source};

const ELSEWHERE: Option<Option<&str>> = Some(Some("SIP;cause=200;text=\"Call completed elsewhere\""));
const PICKER: LegId = LegId(101);

/// Two at their seats; the citizen rings at 8001.
fn rings(change: impl FnOnce(&mut crate::queue::QueueRules)) -> (House, LegId, LegId) {
    let mut house = House::open(rules(change), &["8001"]);
    let caller = house.call(1, CITIZEN);
    let rung = house.rung("8001");
    house.tell_ringing(rung);
    house.phone("8002", true);
    house.pass(Duration::from_secs(3));
    (house, caller, rung)
}

fn dials(house: &mut House, leg: LegId, seat: &str, code: &str) {
    house.arrive(leg, seat, code, Source::Seat(seat.into()));
}

#[test]
fn it_counts_as_their_answer_and_the_colleague_is_free() {
    let (mut house, caller, rung) = rings(|citizen| citizen.wrap_up = Duration::from_secs(30));
    dials(&mut house, PICKER, "8002", "*88001");
    assert!(house.are_joined(caller, PICKER));
    assert_eq!(house.released(rung), ELSEWHERE, "no missed call on the colleague's phone");
    assert_eq!(house.state("1001"), OperatorState::Ready);
    assert!(matches!(house.state("1002"), OperatorState::Talking { .. }));
    house.pass(Duration::from_secs(20));
    house.hangs_up(PICKER);
    assert!(matches!(house.state("1002"), OperatorState::WrapUp { .. }), "as after every call");
    let records = house.records();
    let call = records.iter().find(|record| record.from == CITIZEN).unwrap();
    assert_eq!((call.outcome, call.ended_by), (Some(Outcome::Answered), Some(EndedBy::Operator)));
    assert_eq!((call.operator.clone(), call.seat.clone()), (Some("1002".into()), Some("8002".into())));
    let offers: Vec<_> = call.offers.iter().map(|o| (o.operator.to_string(), o.outcome.as_str())).collect();
    assert_eq!(offers, [("1001".into(), "answered_elsewhere"), ("1002".into(), "answered")]);
    assert_eq!((call.wait_ms, call.talk_ms), (3_000, 20_000));
}

#[test]
fn who_was_not_ready_is_not_ready_afterwards() {
    let (mut house, caller, _) = rings(|_| {});
    let (operator, reason) = ("1002".into(), "meal".into());
    house.input(Input::NotReady { operator, reason, by: crate::queue::By::Themselves });
    dials(&mut house, PICKER, "8002", "*88001");
    assert!(house.are_joined(caller, PICKER));
    house.hangs_up(caller);
    assert_eq!(house.state("1002"), OperatorState::NotReady { reason: "meal".into() });
}

#[test]
fn what_cannot_be_picked_up_is_denied() {
    let denied = |house: &mut House, leg: LegId, seat: &str, code: &str| {
        dials(house, leg, seat, code);
        let says = house.plays(leg);
        house.heard_out(leg);
        says == ["zh/denied"]
    };
    let (mut house, caller, rung) = rings(|_| {});
    assert!(denied(&mut house, LegId(103), "8002", "*88003"), "nothing rings there");
    assert!(denied(&mut house, LegId(105), "8002", "*8"), "no seat");
    assert!(denied(&mut house, LegId(107), "8004", "*88001"), "nobody sits there who could answer");
    house.answers(rung);
    assert!(denied(&mut house, LegId(109), "8002", "*88001"), "it is answered");
    assert!(house.are_joined(caller, rung));
    house.hangs_up(caller);
    house.records();
}

#[test]
fn who_lacks_the_skills_is_hung_up_on_and_it_rings_on() {
    let (mut house, caller, rung) = {
        let mut rules = rules(|citizen| citizen.need = parse_need("housing >= 3").unwrap());
        rules.operators.get_mut("1001").unwrap().skills = [("housing".into(), 5)].into();
        let mut house = House::open(rules, &["8001", "8002"]);
        let caller = house.call(1, CITIZEN);
        let rung = house.rung("8001");
        (house, caller, rung)
    };
    dials(&mut house, PICKER, "8002", "*88001");
    assert_eq!(house.released(PICKER), Some(None));
    assert_eq!(house.released(rung), None, "it rings on");
    assert_eq!(house.state("1002"), OperatorState::Ready);
    house.answers(rung);
    assert!(house.are_joined(caller, rung));
    house.hangs_up(caller);
    house.records();
}

#[test]
fn a_phone_that_answers_at_the_same_moment_is_hung_up_or_has_it() {
    let (mut house, caller, rung) = rings(|_| {});
    house.slow_sound = true;
    dials(&mut house, PICKER, "8002", "*88001");
    // The colleague takes the receiver off before the sound of whoever picks up is there.
    house.answers(rung);
    while house.sound_speaks() {}
    house.slow_sound = false;
    let joined = [house.are_joined(caller, rung), house.are_joined(caller, PICKER)];
    assert_eq!(joined.iter().filter(|joined| **joined).count(), 1, "{joined:?}");
    house.hangs_up(caller);
    house.pass(Duration::from_secs(20));
    house.records();
}

#[test]
fn a_callback_that_rings_at_a_colleague_is_picked_up_too() {
    let mut house = House::open(called_back(CallbackFirst::Operator), &[]);
    let visit = house.call(1, CITIZEN);
    house.key(visit, '9');
    house.heard_out(visit);
    house.pass(Duration::from_secs(30));
    house.phone("8001", true);
    let rung = house.rung("8001");
    house.phone("8002", true);
    dials(&mut house, PICKER, "8002", "*88001");
    assert_eq!(house.released(rung), ELSEWHERE);
    let citizen = house.rung(CITIZEN);
    house.answers(citizen);
    assert!(house.are_joined(citizen, PICKER));
    house.hangs_up(PICKER);
    house.records();
}

#[test]
fn the_sound_of_whoever_picks_up_is_where_the_call_is() {
    let (mut house, caller, _) = rings(|_| {});
    let call = house.calls.call_of(caller);
    dials(&mut house, PICKER, "8002", "*88001");
    let opened = house.media.iter().find_map(|command| match command {
        media::Command::Open { leg: PICKER, call, .. } => Some(*call),
        _ => None,
    });
    assert_eq!(opened, call);
    house.tell(Event::Sip(sip::Event::Ended { leg: caller, why: sip::Ended::Bye }));
    house.records();
}

fn presses(house: &mut House, leg: LegId, seat: &str, rung: LegId) {
    house.arrive_replacing(leg, seat, "8001", sip::Replaced::Ring(rung));
}

#[test]
fn the_key_of_a_lamp_takes_it_as_the_code_does() {
    let (mut house, caller, rung) = rings(|_| {});
    presses(&mut house, PICKER, "8002", rung);
    assert!(house.are_joined(caller, PICKER));
    assert_eq!(house.released(rung), ELSEWHERE);
    house.pass(Duration::from_secs(5));
    house.hangs_up(caller);
    let records = house.records();
    let call = records.iter().find(|record| record.from == CITIZEN).unwrap();
    assert_eq!((call.operator.clone(), call.talk_ms), (Some("1002".into()), 5_000));
}

#[test]
fn what_a_key_takes_is_taken_whatever_number_its_phone_dials() {
    for number in ["", "hotline", "8001", "8002", "12345", "100", "*12", "*88003", "*331001", OUTSIDE] {
        let (mut house, caller, rung) = rings(|_| {});
        house.arrive_replacing(PICKER, "8002", number, sip::Replaced::Ring(rung));
        assert!(house.are_joined(caller, PICKER), "{number}");
        assert!(matches!(house.state("1002"), OperatorState::Talking { .. }), "{number}");
        house.hangs_up(caller);
        house.records();
    }
}

#[test]
fn what_may_not_be_taken_by_a_key_is_refused_before_it_is_answered() {
    let (mut house, caller, rung) = rings(|citizen| citizen.wrap_up = Duration::from_secs(30));
    presses(&mut house, LegId(103), "8004", rung);
    assert_eq!(house.refusal(LegId(103)), Some(403), "nobody sits there who could answer");
    presses(&mut house, LegId(105), "8001", rung);
    assert_eq!(house.refusal(LegId(105)), Some(403), "it rings at their own");
    assert_eq!(house.released(rung), None);
    house.answers(rung);
    presses(&mut house, LegId(107), "8002", rung);
    assert_eq!(house.refusal(LegId(107)), Some(481), "it is answered");
    presses(&mut house, LegId(109), "8002", LegId(98));
    assert_eq!(house.refusal(LegId(109)), Some(481), "no such leg");
    assert!(house.are_joined(caller, rung));
    // Wrap-up is theirs.
    house.hangs_up(caller);
    let second = house.call(3, CITIZEN);
    let rung = house.rung("8002");
    presses(&mut house, LegId(111), "8001", rung);
    assert_eq!(house.refusal(LegId(111)), Some(403));
    house.hangs_up(second);
    let records = house.records();
    let denied = records.iter().filter(|record| record.outcome == Some(Outcome::RefusedRules));
    assert!(denied.clone().count() == 5 && denied.clone().all(|record| record.answered_at.is_none()));
}

#[test]
fn lamps_are_told_who_may_pick_up() {
    let told = |house: &mut House| {
        let news = house.sip.iter().filter_map(|command| match command {
            sip::Command::MayPickUp { seat, may } => Some((seat.to_string(), *may)),
            _ => None,
        });
        let told = news.collect::<Vec<_>>();
        house.sip.retain(|command| !matches!(command, sip::Command::MayPickUp { .. }));
        told
    };
    let (mut house, caller, rung) = rings(|citizen| citizen.wrap_up = Duration::from_secs(30));
    let began = told(&mut house);
    assert_eq!(began.last(), Some(&("8002".into(), true)), "{began:?}");
    assert!(began.contains(&("8001".into(), false)), "whoever is rung: {began:?}");
    let (operator, reason) = ("1002".into(), "meal".into());
    house.input(Input::NotReady { operator, reason, by: crate::queue::By::Themselves });
    assert!(told(&mut house).is_empty(), "no difference");
    house.answers(rung);
    house.hangs_up(caller);
    assert!(told(&mut house).is_empty(), "talk and wrap-up");
    house.pass(Duration::from_secs(31));
    assert_eq!(told(&mut house), [("8001".into(), true)]);
    house.input(Input::SignOut { operator: "1001".into(), by: crate::queue::By::Themselves });
    assert_eq!(told(&mut house), [("8001".into(), false)]);
}
