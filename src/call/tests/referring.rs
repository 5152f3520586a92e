//! The transfer key of desk phones (REFER) means what the page's order means.

use std::sync::Arc;

use super::house::*;
use super::orders::{SECOND, talk};
use crate::call::{Order, Stage, Whom};
use crate::ids::{Language, LegId, QueueId};
use crate::ivr::Entry as Leads;
use crate::ivr::menu::{Destination, MAX_STEPS, Menus};
use crate::queue::{Input, OperatorState, QueueRules};
use crate::records::{EndedBy, Outcome, Record};
use crate::sip::ReferTo;

pub fn told(record: &Record) -> Vec<(&str, &str, &str)> {
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

/// What is said of whom was rung, and what of a server or a request on the way.
pub const PASSED_ON: [(u16, u16); 9] = [
    (486, 486),
    (480, 480),
    (603, 603),
    (404, 404),
    (302, 480),
    (408, 480),
    (500, 500),
    // RFC 3261 §16.7, point 6, and whose challenge that is.
    (503, 480),
    (407, 500),
];

#[test]
fn a_colleague_who_refuses_is_told_as_they_refused_and_the_caller_is_back_in_the_line() {
    for (status, expected) in PASSED_ON {
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

/// A talk in which the number 12347 leads to the English line, whose rules the test may change.
pub fn talk_beside_english(change: impl FnOnce(&mut QueueRules)) -> (House, LegId, LegId) {
    let mut settings = super::desk::settings();
    let english = Destination::queue("english", Some(Language::EN));
    settings.ivr.numbers.insert("12347".into(), Leads::To(english));
    let mut rules = rules(|_| {});
    change(rules.queues.get_mut(&QueueId::from("english")).unwrap());
    let mut house = House::with(settings, rules, &["8001"]);
    let caller = house.call(1, CITIZEN);
    let seat = house.rung("8001");
    house.answers(seat);
    (house, caller, seat)
}

#[test]
fn who_is_let_into_a_line_is_spoken_to_in_the_language_of_its_number() {
    let (mut house, caller, seat) = talk_beside_english(|_| {});
    house.refers(seat, number("12347"));
    assert_eq!(house.referred(seat), [200]);
    house.hangs_up(caller);
    assert_eq!(house.records().remove(0).language.as_deref(), Some("en"));
}

#[test]
fn a_line_that_lets_nobody_in_is_told_to_the_phone_and_the_caller_goes_back_as_they_came() {
    for (full, status) in [(false, 480), (true, 486)] {
        let (mut house, caller, seat) = talk_beside_english(|english| english.max_waiting = if full { 0 } else { 9 });
        house.input(Input::Open { queue: "english".into(), open: full });
        house.refers(seat, number("12347"));
        assert_eq!(house.referred(seat), [status], "only what is true, once");
        house.hangs_up(caller);
        let record = house.records().remove(0);
        assert_eq!(told(&record), [("blind", "queue english", "refused")]);
        assert_eq!(record.language.as_deref(), Some("zh"));
        let queues: Vec<&str> = record.lines.iter().map(|line| line.queue.as_str()).collect();
        assert_eq!(queues, ["citizen", "citizen"]);
    }
}

/// Asking where a number leads changes nothing.
#[test]
fn a_transfer_that_is_not_begun_leaves_the_language_as_it_is() {
    let (mut house, caller, seat) = talk_beside_english(|_| {});
    let mut settings = house.calls.settings().clone();
    settings.queues.remove(&QueueId::from("english"));
    house.calls.set_settings(settings);
    house.refers(seat, number("12347"));
    assert_eq!((house.referred(seat), house.released(seat)), (vec![404], None));
    house.hangs_up(caller);
    assert_eq!(house.records().remove(0).language.as_deref(), Some("zh"));
}

#[test]
fn who_hangs_up_while_a_colleague_rings_for_them_is_told_to_the_phone() {
    let (mut house, _, caller, seat) = talk();
    house.refers(seat, number("8002"));
    house.hangs_up(caller);
    assert_eq!(house.referred(seat), [487]);
    assert_eq!(told(&house.records()[0]), [("blind", "seat 8002", "ended")]);
}

#[test]
fn a_number_that_leads_to_menus_lets_the_caller_choose_again_and_the_operator_go() {
    let (mut house, call, caller, seat) = talk();
    house.pass(5 * SECOND);
    house.refers(seat, number("12345"));
    assert_eq!(house.referred(seat), [200]);
    assert!(house.released(seat).is_some());
    assert!(matches!(house.state("1001"), OperatorState::WrapUp { .. }));
    assert_eq!(house.calls.view(call).unwrap().stage, Stage::Menu);
    house.key(caller, '2');
    let second = house.rung("8002");
    house.answers(second);
    assert!(house.are_joined(caller, second));
    house.hangs_up(caller);
    let record = house.records().remove(0);
    assert_eq!((told(&record), record.transfers[0].by.as_str()), (vec![("blind", "12345", "transferred")], "1001"));
    assert_eq!((record.choices.as_str(), record.menu_path.as_slice()), ("2", &["welcome".into()][..]));
    let queues: Vec<&str> = record.lines.iter().map(|line| line.queue.as_str()).collect();
    assert_eq!((queues, record.language.as_deref()), (vec!["citizen", "english"], Some("en")));
    assert_eq!((record.operator, record.outcome), (Some("1002".into()), Some(Outcome::Answered)));
}

#[test]
fn who_hangs_up_in_menus_to_which_an_operator_sent_them_was_answered() {
    let (mut house, call, caller, _) = talk();
    house.order(call, "1001", Order::Transfer { to: Whom::Number("12345".into()) }).unwrap();
    house.hangs_up(caller);
    let record = house.records().remove(0);
    assert_eq!((record.outcome, record.ended_by), (Some(Outcome::Answered), Some(EndedBy::Caller)));
}

#[test]
fn whom_a_queue_does_not_let_in_that_they_chose_goes_back_to_the_line_they_came_from() {
    let (mut house, _, caller, seat) = talk();
    house.refers(seat, number("12345"));
    house.input(Input::Open { queue: "english".into(), open: false });
    house.key(caller, '2');
    let second = house.rung("8002");
    house.answers(second);
    house.hangs_up(caller);
    let record = house.records().remove(0);
    let queues: Vec<&str> = record.lines.iter().map(|line| line.queue.as_str()).collect();
    assert_eq!(queues, ["citizen", "citizen"]);
}

/// The nodes that a call may go through are counted over all transfers; then it is led to the fallback queue.
#[test]
fn a_caller_who_is_sent_to_menus_again_and_again_is_in_the_fallback_queue_at_last() {
    let mut settings = super::desk::settings();
    let menus = Menus { fallback: Some("english".into()), ..Menus::clone(&settings.ivr.menus) };
    settings.ivr.menus = Arc::new(menus);
    let mut house = House::with(settings, rules(|_| {}), &["8001", "8002"]);
    let caller = house.call(1, CITIZEN);
    let call = house.calls.call_of(caller).unwrap();
    for turn in 0..=MAX_STEPS {
        let seat = house.invited().last().unwrap().1;
        house.answers(seat);
        assert!(house.are_joined(caller, seat), "{turn}");
        house.refers(seat, number("12345"));
        let in_menu = house.calls.view(call).unwrap().stage == Stage::Menu;
        assert_eq!(in_menu, turn < MAX_STEPS, "{turn}");
        house.key(caller, '1');
        house.pass(SECOND);
    }
    house.hangs_up(caller);
    assert_eq!(house.records().remove(0).queue, Some("english".into()));
}

#[test]
fn what_cannot_be_done_is_said_and_the_talk_goes_on() {
    let (mut house, _, caller, seat) = talk();
    for (to, status) in [("8001", 603), ("nobody", 404), ("00442079460000", 403), ("100", 403)] {
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
