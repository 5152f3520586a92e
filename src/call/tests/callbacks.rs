//! The caller hangs up, the place waits, and the citizen is rung when it is their turn.

use std::time::Duration;

use super::desk;
use super::house::*;
use crate::call::{Event, Order, Settings, Whom};
use crate::ids::{CallId, LegId};
use crate::media::{self, Direction};
use crate::queue::{CallbackFirst, CallbackResult, NotReached, OperatorState, Output};
use crate::records::{EndedBy, Entry, HandoffOutcome, Outcome};
use crate::sip::{self, Body, Target};

/// Nobody is free; a citizen asked to be called back, and hung up.
fn asked(first: CallbackFirst) -> (House, CallId) {
    asked_in(desk::settings(), first)
}

fn asked_in(settings: Settings, first: CallbackFirst) -> (House, CallId) {
    let mut house = House::with(settings, called_back(first), &[]);
    let caller = house.call(1, CITIZEN);
    house.pass(Duration::from_secs(10));
    house.key(caller, '9');
    assert_eq!(house.plays(caller), ["zh/callback_taken"]);
    house.heard_out(caller);
    house.pass(Duration::from_secs(30));
    let contact = house.outputs.iter().find_map(|output| match output {
        Output::CallbackTaken { contact, .. } => Some(*contact),
        _ => None,
    });
    (house, contact.expect("a callback"))
}

fn ended(house: &House) -> Vec<(CallbackResult, u8)> {
    let results = house.outputs.iter().filter_map(|output| match output {
        Output::CallbackEnded { result, attempts, .. } => Some((*result, *attempts)),
        _ => None,
    });
    results.collect()
}

#[test]
fn the_citizen_is_rung_first_and_goes_on_in_the_line() {
    let (mut house, contact) = asked(CallbackFirst::Customer);
    house.phone("8001", true);
    assert!(matches!(house.state("1001"), OperatorState::Reserved { .. }), "kept free");
    let citizen = house.rung(CITIZEN);
    assert_eq!(house.invited().len(), 1, "the operator is not rung yet");
    house.tell(Event::Sip(sip::Event::Ringing { leg: citizen }));
    house.pass(Duration::from_secs(8));
    house.answers(citizen);
    assert_eq!(house.plays(citizen), ["zh/callback_greeting", "music"]);
    let seat = house.rung("8001");
    let shown = house.sip.iter().filter_map(|command| match command {
        sip::Command::Invite(invite) => Some(invite.caller.number.as_str()),
        _ => None,
    });
    assert_eq!(shown.collect::<Vec<_>>(), ["12346", CITIZEN], "we show ourselves outside, and the citizen inside");
    house.answers(seat);
    assert!(house.are_joined(citizen, seat));
    house.pass(Duration::from_secs(60));
    house.hangs_up(citizen);
    assert_eq!(ended(&house), [(CallbackResult::Reached, 1)]);
    let records = house.records();
    let [visit, call] = &records[..] else { panic!("{records:#?}") };
    assert_eq!((visit.call_id, visit.outcome, visit.wait_ms), (contact, Some(Outcome::Callback), 10_000));
    assert_eq!((visit.callback_of, visit.attempt), (None, None));
    assert_eq!((call.callback_of, call.attempt, call.outcome), (Some(contact), Some(1), Some(Outcome::Answered)));
    assert_eq!((call.from.as_str(), call.to.as_str()), ("12346", CITIZEN));
    assert_eq!((call.trunk.clone(), call.sip_status), (Some("carrier".into()), Some(200)));
    assert_eq!((call.sip_call_id.clone(), call.talk_ms), (format!("hotline-{}", call.call_id), 60_000));
    assert_eq!((call.queue.clone(), call.language.as_deref()), (Some("citizen".into()), Some("zh")));
    let events = house.events();
    assert_eq!(events[..2], ["ENTERQUEUE |13800001111", "EXITWITHKEY 9|1|1|10"]);
    assert!(events[3].starts_with("CONNECT") && events[4].starts_with("COMPLETECALLER"), "{events:?}");
    assert_eq!(events.len(), 5);
}

/// The number that is shown with our last INVITE to this one, and whether limits of trunks hold it up.
fn shown(house: &House, number: &str) -> Option<(String, bool)> {
    house.sip.iter().rev().find_map(|command| match command {
        sip::Command::Invite(invite) if matches!(&invite.to, Target::Trunk { number: to, .. } if to == number) => {
            Some((invite.caller.number.clone(), invite.urgent))
        }
        _ => None,
    })
}

#[test]
fn a_citizen_who_was_called_back_is_handed_to_an_emergency_service() {
    for first in [CallbackFirst::Customer, CallbackFirst::Operator] {
        let (mut house, _) = asked_in(super::handoff::settings(), first);
        house.phone("8001", true);
        if first == CallbackFirst::Operator {
            let seat = house.rung("8001");
            house.answers(seat);
        }
        let citizen = house.rung(CITIZEN);
        house.answers(citizen);
        let seat = house.rung("8001");
        if first == CallbackFirst::Customer {
            house.answers(seat);
        }
        assert!(house.are_joined(citizen, seat));
        // By the code of the desk phone, or as the page asks for it.
        match first {
            CallbackFirst::Operator => ['*', '1'].map(|key| house.key(seat, key)),
            CallbackFirst::Customer => {
                let call = house.calls.call_of(citizen).unwrap();
                house.order(call, "1001", Order::HandOff { target: Some("110".into()) }).unwrap();
                [(); 2]
            }
        };
        let far = house.rung("110");
        assert_eq!(shown(&house, "110"), Some((CITIZEN.into(), true)), "they see who is in need");
        house.answers(far);
        house.key(far, '1');
        house.hangs_up(seat);
        assert!(house.are_joined(citizen, far));
        house.hangs_up(far);
        let record = house.records().pop().unwrap();
        assert_eq!((record.callback_of.is_some(), record.outcome), (true, Some(Outcome::TransferredOut)));
        assert_eq!(record.handoff[0].outcome, HandoffOutcome::Transferred);
    }
}

#[test]
fn who_was_called_back_and_waits_again_is_known_by_their_own_number() {
    let (mut house, _) = asked(CallbackFirst::Customer);
    house.phone("8001", true);
    let citizen = house.rung(CITIZEN);
    house.answers(citizen);
    let seat = house.rung("8001");
    house.answers(seat);
    let call = house.calls.call_of(citizen).unwrap();
    house.order(call, "1001", Order::Transfer { to: Whom::Queue("citizen".into()) }).unwrap();
    house.key(citizen, '9');
    assert_eq!(house.plays(citizen), ["zh/callback_taken"]);
    house.heard_out(citizen);
    house.pass(Duration::from_secs(60));
    let again = house.rung(CITIZEN);
    assert_ne!(again, citizen);
    assert_eq!(shown(&house, CITIZEN), Some(("12346".into(), false)));
    let entered = house.events().into_iter().filter(|event| event.starts_with("ENTERQUEUE"));
    assert!(entered.clone().count() > 1 && entered.clone().all(|event| event.ends_with(CITIZEN)));
    house.answers(again);
    house.hangs_up(again);
    house.records();
}

#[test]
fn the_operator_is_rung_first_and_hears_it_ring_outside() {
    let (mut house, contact) = asked(CallbackFirst::Operator);
    house.phone("8001", true);
    let seat = house.rung("8001");
    let opened = |house: &House| house.entries.iter().filter(|entry| matches!(entry, Entry::Opened(_))).count();
    assert_eq!((house.invited().len(), opened(&house)), (1, 1), "nobody outside is rung, nothing is written");
    house.answers(seat);
    assert_eq!((house.plays(seat), opened(&house)), (vec!["ringback".to_string()], 2));
    let citizen = house.rung(CITIZEN);
    assert!(!house.are_joined(citizen, seat));
    // Their phone asks for an offer meanwhile, and sound cannot take what its ACK answers.
    house.tell(Event::Sip(sip::Event::Reoffer { leg: seat, body: None }));
    let why = "no codec in common".into();
    house.tell(Event::Media(media::Event::Unacceptable { leg: seat, why, code: 305, malformed: false }));
    assert_eq!(house.released(seat), None, "it goes on as it was agreed before");
    house.answers(citizen);
    assert!(house.are_joined(citizen, seat));
    house.hangs_up(seat);
    assert_eq!(house.released(citizen), Some(None));
    let call = house.records().remove(1);
    assert_eq!(
        (call.callback_of, call.outcome, call.operator),
        (Some(contact), Some(Outcome::Answered), Some("1001".into()))
    );
    let offers: Vec<&str> = call.offers.iter().map(|offer| offer.outcome.as_str()).collect();
    assert_eq!(offers, ["answered"]);
}

#[test]
fn phones_that_rang_in_vain_before_the_citizen_was_rung_are_in_the_record_of_the_call() {
    let (mut house, _) = asked(CallbackFirst::Operator);
    house.phone("8001", true);
    let seat = house.rung("8001");
    house.refuses(seat, 603);
    assert!(house.calls.is_empty(), "nothing is under way");
    house.phone("8002", true);
    let seat = house.rung("8002");
    house.answers(seat);
    let citizen = house.rung(CITIZEN);
    house.answers(citizen);
    house.hangs_up(citizen);
    let call = house.records().remove(1);
    let offers: Vec<_> = call.offers.iter().map(|offer| (offer.operator.to_string(), offer.outcome.as_str())).collect();
    assert_eq!(offers, [("1001".to_string(), "rejected"), ("1002".to_string(), "answered")]);
}

#[test]
fn what_the_citizens_phone_says_is_told_and_tried_again() {
    let ways = [
        (486, NotReached::Busy, EndedBy::Caller),
        (603, NotReached::Rejected, EndedBy::Caller),
        (480, NotReached::NoAnswer, EndedBy::System),
        (503, NotReached::Failed, EndedBy::System),
    ];
    for first in [CallbackFirst::Customer, CallbackFirst::Operator] {
        for (status, why, by) in ways {
            let (mut house, contact) = asked(first);
            house.phone("8001", true);
            for attempt in 1..=2 {
                if first == CallbackFirst::Operator {
                    let seat = house.rung("8001");
                    house.answers(seat);
                }
                let citizen = house.rung(CITIZEN);
                house.refuses(citizen, status);
                assert_eq!(house.state("1001"), OperatorState::Ready, "free again");
                if first == CallbackFirst::Operator {
                    assert!(house.released(house.rung("8001")).is_some(), "the operator does not wait for nobody");
                }
                assert_eq!(ended(&house).len(), usize::from(attempt == 2));
                house.pass(Duration::from_secs(61));
            }
            assert_eq!(ended(&house), [(CallbackResult::GivenUp(why), 2)], "{status}");
            let records = house.records();
            let tries: Vec<_> = records[1..].iter().map(|r| (r.attempt, r.callback_of, r.sip_status)).collect();
            assert_eq!(tries, [1, 2].map(|attempt| (Some(attempt), Some(contact), Some(status))));
            assert!(records[1..].iter().all(|r| r.ended_by == Some(by) && r.outcome == Some(Outcome::Failed)));
        }
    }
}

#[test]
fn a_phone_that_rings_too_long_is_cancelled() {
    for first in [CallbackFirst::Customer, CallbackFirst::Operator] {
        let (mut house, _) = asked(first);
        house.phone("8001", true);
        if first == CallbackFirst::Operator {
            let seat = house.rung("8001");
            house.answers(seat);
        }
        let citizen = house.rung(CITIZEN);
        house.pass(Duration::from_secs(31));
        assert_eq!(house.released(citizen), Some(None));
        assert_eq!(house.state("1001"), OperatorState::Ready);
        house.phone("8001", false);
        let record = house.records().remove(1);
        assert_eq!((record.sip_status, record.outcome), (Some(487), Some(Outcome::Failed)));
    }
}

#[test]
fn an_answer_that_crosses_the_end_of_the_ringing_joins_nobody() {
    for agreed in [false, true] {
        let (mut house, _) = asked(CallbackFirst::Customer);
        house.phone("8001", true);
        let leg = house.rung(CITIZEN);
        // The 200 is there, and perhaps its sound is agreed; before the engine hears of it the time is over.
        let body = Some(Body::sdp(b"theirs".to_vec()));
        house.calls.handle(house.now, Event::Sip(sip::Event::Answered { leg, body }));
        if agreed {
            let direction = Direction::Both;
            house.calls.handle(house.now, Event::Media(media::Event::Agreed { leg, direction }));
        }
        house.now = house.now + Duration::from_secs(30);
        house.engine.handle_deadline(house.now);
        house.phone("8001", false);
        assert_eq!(house.released(leg), Some(None), "hung up, not left in silence");
        house.pass(Duration::from_secs(5));
        let record = house.records().remove(1);
        assert_eq!((record.outcome, record.sip_status, record.queued_at), (Some(Outcome::Failed), Some(200), None));
    }
}

#[test]
fn an_operator_who_gives_up_before_the_citizen_answers_stops_the_ringing() {
    let (mut house, _) = asked(CallbackFirst::Operator);
    house.phone("8001", true);
    let seat = house.rung("8001");
    house.answers(seat);
    let citizen = house.rung(CITIZEN);
    house.hangs_up(seat);
    assert_eq!(house.released(citizen), Some(None));
    assert_eq!(house.state("1001"), OperatorState::Ready);
    house.answers(citizen);
    assert!(!house.are_joined(citizen, seat));
    let record = house.records().remove(1);
    assert_eq!((record.outcome, record.ended_by), (Some(Outcome::Failed), Some(EndedBy::Operator)));
}

#[test]
fn a_citizen_who_hangs_up_before_the_operator_is_there_is_a_caller_who_gave_up() {
    let (mut house, _) = asked(CallbackFirst::Customer);
    house.phone("8001", true);
    let citizen = house.rung(CITIZEN);
    house.answers(citizen);
    let seat = house.rung("8001");
    house.hangs_up(citizen);
    assert_eq!(house.released(seat), Some(None));
    assert_eq!(house.state("1001"), OperatorState::Ready);
    let record = house.records().remove(1);
    assert_eq!((record.outcome, record.ended_by), (Some(Outcome::AbandonedInQueue), Some(EndedBy::Caller)));
}

#[test]
fn nobody_is_rung_before_the_opening_entry_is_on_disk_nor_while_they_still_hear_us() {
    let (mut house, _) = asked(CallbackFirst::Customer);
    house.slow_store = true;
    house.phone("8001", true);
    assert_eq!(house.invited(), []);
    house.write_out();
    assert_eq!(house.invited().len(), 1);

    let mut house = House::open(called_back(CallbackFirst::Customer), &[]);
    let caller = house.call(1, CITIZEN);
    house.key(caller, '9');
    house.phone("8001", true);
    assert_eq!(house.invited(), [], "their phone is busy with our goodbye");
    house.heard_out(caller);
    house.pass(Duration::from_secs(3));
    assert_eq!(house.invited().len(), 1);
}

#[test]
fn whoever_calls_again_while_they_are_rung_has_the_place() {
    let (mut house, _) = asked(CallbackFirst::Customer);
    house.phone("8001", true);
    let citizen = house.rung(CITIZEN);
    let again = house.call(3, CITIZEN);
    assert_eq!(house.released(citizen), Some(None), "nobody rings whom we talk to");
    assert_eq!(ended(&house), [(CallbackResult::CalledAgain, 1)]);
    let seat = house.rung("8001");
    house.answers(seat);
    assert!(house.are_joined(again, seat));
    house.hangs_up(again);
    assert_eq!(house.records().len(), 3);
}

#[test]
fn one_callback_for_a_number_and_none_for_who_has_none() {
    let (mut house, _) = asked(CallbackFirst::Customer);
    // A second visit gets the place of the callback, so it can ask again; somebody without a number cannot.
    let hidden = house.call(3, "anonymous");
    house.key(hidden, '9');
    assert_eq!(house.plays(hidden), ["zh/callback_refused", "music"]);
    house.hangs_up(hidden);
    // A seat's number is nobody's outside.
    house.arrive(LegId(5), "8003", "12346", sip::Source::Seat("8003".into()));
    house.key(LegId(5), '9');
    assert_eq!(house.plays(LegId(5)), ["zh/callback_refused", "music"]);
    house.hangs_up(LegId(5));
    let outcomes: Vec<_> = house.records().iter().map(|record| record.outcome).collect();
    let gave_up = Some(Outcome::AbandonedInQueue);
    assert_eq!(outcomes, [Some(Outcome::Callback), gave_up, gave_up]);
}

#[test]
fn numbers_that_cost_more_are_refused_when_the_key_is_pressed_unless_they_are_allowed() {
    let asks = |from: &str, change: fn(&mut crate::call::Outward)| {
        let mut settings = desk::settings();
        settings.outward.allow = Default::default();
        change(&mut settings.outward);
        let mut house = House::with(settings, called_back(CallbackFirst::Customer), &[]);
        let caller = house.call(1, from);
        house.key(caller, '9');
        let said = house.plays(caller).remove(0);
        house.heard_out(caller);
        house.pass(Duration::from_secs(5));
        house.phone("8001", true);
        (said, house.invited().iter().any(|(to, _)| to == from))
    };
    let said = |from, change| {
        let (said, is_rung) = asks(from, change);
        assert_eq!(said == "zh/callback_taken", is_rung, "{from}: {said}");
        assert!(["zh/callback_taken", "zh/callback_refused"].contains(&said.as_str()), "{from}: {said}");
        is_rung
    };
    for telephone in [CITIZEN, "+8613800001111", "01065139999", "65139999"] {
        assert!(said(telephone, |_| {}), "{telephone}");
    }
    for dear in ["0085298765432", "+85298765432", "01016812345", "16812345", "110", "95588"] {
        assert!(!said(dear, |_| {}), "{dear}");
    }
    assert!(said("0085298765432", |outward| assert!(outward.allow.add("00852*"))));
    assert!(!said(CITIZEN, |outward| assert!(outward.deny.add("138*"))));
    assert!(!said(CITIZEN, |outward| assert!(outward.deny.add("138*") && outward.allow.add("138*"))), "deny counts");
}

#[test]
fn a_number_that_may_not_be_dialled_any_more_is_not_called_back() {
    let (mut house, _) = asked(CallbackFirst::Customer);
    let mut settings = desk::settings();
    assert!(settings.outward.deny.add("138*"));
    house.calls.set_settings(settings);
    house.phone("8001", true);
    assert_eq!(house.invited(), []);
    assert_eq!(house.records().remove(1).outcome, Some(Outcome::Failed));
}

#[test]
fn without_a_way_out_the_try_fails_and_is_recorded() {
    let mut settings = desk::settings();
    settings.way_out = None;
    let mut house = House::with(settings, called_back(CallbackFirst::Customer), &[]);
    let caller = house.call(1, CITIZEN);
    house.key(caller, '9');
    house.heard_out(caller);
    house.phone("8001", true);
    assert_eq!(house.invited(), []);
    let record = house.records().remove(1);
    assert_eq!((record.outcome, record.trunk), (Some(Outcome::Failed), None));
    assert_eq!(house.state("1001"), OperatorState::Ready);
}

#[test]
fn a_drain_calls_nobody_back_and_forgets_nobody() {
    for first in [CallbackFirst::Customer, CallbackFirst::Operator] {
        let (mut house, contact) = asked(first);
        house.calls.drain();
        house.phone("8001", true);
        assert_eq!(house.invited(), []);
        assert!(house.calls.is_empty(), "nothing keeps the house open");
        assert_eq!(ended(&house), []);
        assert!(house.engine.place(house.now, contact).is_some(), "the place survives the process");
    }
}

#[test]
fn after_a_restart_the_number_that_leads_to_the_queue_is_shown() {
    let (house, contact) = asked(CallbackFirst::Customer);
    let mut later = House::open(called_back(CallbackFirst::Customer), &[]);
    // The engine goes on; the calls know nothing.
    later.engine = house.engine;
    later.now = house.now;
    later.input(crate::queue::Input::Restarted);
    later.phone("8001", true);
    let citizen = later.rung(CITIZEN);
    later.answers(citizen);
    later.hangs_up(citizen);
    let record = later.records().remove(0);
    assert_eq!((record.callback_of, record.from.as_str()), (Some(contact), "12345"));
    assert_eq!(record.queue, Some("citizen".into()));
}
