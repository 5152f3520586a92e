//! The keys of desk phones mean what the page's orders mean: REFER, a second line, Replaces.

use std::sync::Arc;

use super::house::*;
use super::orders::{SECOND, talk};
use crate::call::{Order, Stage, Whom};
use crate::ids::{Language, LegId, QueueId};
use crate::ivr::Entry as Leads;
use crate::ivr::menu::{Destination, MAX_STEPS, Menus};
use crate::media;
use crate::moment::Moment;
use crate::queue::statistics::{Contacts, Of};
use crate::queue::{Input, OperatorState, QueueRules};
use crate::records::{EndedBy, LineOutcome, Outcome, Record, Returned};
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
    let records = house.records();
    let [line, talk] = &records[..] else { panic!("{records:#?}") };
    let ended = (line.outcome, line.sip_status, line.ended_by, line.answered_at);
    assert_eq!(ended, (Some(Outcome::AbandonedInMenu), Some(480), Some(EndedBy::Operator), None));
    assert_eq!(told(talk), [("semi_attended", "seat 8002", "transferred")]);
}

#[test]
fn a_caller_left_to_somebody_who_still_rings_and_does_not_come_is_back_in_the_line() {
    let (mut house, _, caller, seat) = talk();
    let (line, theirs) = second_line(&mut house, false);
    house.refers(seat, ReferTo::Leg(line));
    house.refuses(theirs, 486);
    assert_eq!(house.referred(seat), [486]);
    house.hangs_up(caller);
    let record = house.records().pop().unwrap();
    assert_eq!(told(&record), [("semi_attended", "seat 8002", "busy")]);
    let returned = record.returned(record.line().unwrap());
    assert!(matches!(returned, Some(Returned::Transfer(_))), "{returned:?}");
}

/// The second line of operator 1001 dials a number of the house: its leg.
fn second_line_dials(house: &mut House, number: &str) -> LegId {
    let line = LegId(91);
    house.arrive(line, "8001", number, Source::Seat("8001".into()));
    line
}

#[test]
fn a_second_line_is_recorded_alike_whether_its_caller_is_left_or_it_is_hung_up() {
    let tried = [(true, Outcome::TransferredOut), (false, Outcome::AbandonedInMenu)];
    for ((answers, outcome), leaves) in tried.into_iter().flat_map(|tried| [(tried, true), (tried, false)]) {
        let (mut house, _, caller, seat) = talk();
        let line = second_line_dials(&mut house, "01065139999");
        let theirs = house.rung("01065139999");
        if answers {
            house.answers(theirs);
            assert!(house.are_joined(line, theirs));
        }
        if leaves {
            house.refers(seat, ReferTo::Leg(line));
            assert!(house.released(seat).is_some() && house.released(line).is_some());
            if !answers {
                house.answers(theirs);
            }
            assert!(house.are_joined(caller, theirs));
        } else {
            house.hangs_up(line);
        }
        house.hangs_up(caller);
        let records = house.records();
        let [line, talk] = &records[..] else { panic!("{records:#?}") };
        assert_eq!(line.outcome, Some(outcome), "left: {leaves}");
        let talked = if leaves { Outcome::TransferredOut } else { Outcome::Answered };
        assert_eq!(talk.outcome, Some(talked));
    }
}

#[test]
fn a_caller_is_left_to_the_line_in_which_the_second_line_waits() {
    let (mut house, caller, seat) = talk_beside_english(|_| {});
    let line = second_line_dials(&mut house, "12347");
    house.pass(20 * SECOND);
    house.refers(seat, ReferTo::Leg(line));
    assert_eq!(house.referred(seat), [200]);
    assert!(house.released(seat).is_some() && house.released(line).is_some());
    house.pass(SECOND);
    let second = house.rung("8001");
    house.answers(second);
    assert!(house.are_joined(caller, second));
    house.hangs_up(caller);
    let records = house.records();
    let [asked, talk] = &records[..] else { panic!("{records:#?}") };
    assert_eq!((asked.outcome, asked.lines[0].outcome), (Some(Outcome::AbandonedInQueue), LineOutcome::Withdrawn));
    assert_eq!((told(talk), talk.language.as_deref()), (vec![("blind", "queue english", "transferred")], Some("en")));
    let queues: Vec<&str> = talk.lines.iter().map(|line| line.queue.as_str()).collect();
    assert_eq!(queues, ["citizen", "english"]);
}

/// Whether their caller is left to the line, or they hang up: nobody gave up in it, and nobody was late.
#[test]
fn an_operator_who_waited_beside_their_talk_is_no_caller_of_the_line() {
    for leaves_caller in [true, false] {
        let (mut house, caller, seat) = talk_beside_english(|_| {});
        let line = second_line_dials(&mut house, "12347");
        house.pass(20 * SECOND);
        if leaves_caller {
            house.refers(seat, ReferTo::Leg(line));
            let second = house.rung("8001");
            house.answers(second);
        } else {
            house.hangs_up(line);
        }
        house.hangs_up(caller);
        let waited = house.records().into_iter().find(|record| record.from == "8001").unwrap();
        assert_eq!((waited.lines[0].outcome, waited.wait_ms), (LineOutcome::Withdrawn, 20_000));
        assert_eq!((waited.lines[0].within_service_level, waited.within_service_level), (None, None));
        let english = Of::Queue("english".into());
        let all: Vec<_> = house.statistics.contacts(&english, Moment::default(), house.now).map(|(_, of)| of).collect();
        let sum = |figure: fn(&Contacts) -> u64| all.iter().map(|of| figure(of)).sum::<u64>();
        let callers = u64::from(leaves_caller);
        assert_eq!((sum(|of| of.offered), sum(|of| of.answered), sum(|of| of.undecided)), (callers, callers, 0));
        assert_eq!((sum(|of| of.abandoned + of.short_abandoned), sum(|of| of.late.values().sum())), (0, 0));
        let events = house.events();
        assert!(events.contains(&"WITHDRAW 1|1|20".to_string()), "{events:?}");
        assert!(events.iter().all(|event| !event.starts_with("ABANDON")), "{events:?}");
    }
}

#[test]
fn a_caller_is_left_to_the_menus_in_which_the_second_line_is() {
    let (mut house, call, caller, seat) = talk();
    let line = second_line_dials(&mut house, "12345");
    house.refers(line, ReferTo::Leg(seat));
    assert_eq!(house.referred(line), [200]);
    assert!(house.released(seat).is_some() && house.released(line).is_some());
    assert_eq!(house.calls.view(call).unwrap().stage, Stage::Menu);
    house.hangs_up(caller);
    let records = house.records();
    assert_eq!(told(&records[1]), [("blind", "12345", "transferred")]);
}

#[test]
fn a_second_line_stays_where_it_is_when_what_it_reached_is_in_the_files_no_more() {
    let (mut house, call, caller, seat) = talk();
    let line = second_line_dials(&mut house, "12345");
    let mut settings = house.calls.settings().clone();
    settings.ivr.numbers.remove("12345");
    house.calls.set_settings(settings);
    house.refers(seat, ReferTo::Leg(line));
    assert_eq!(house.referred(seat), [603]);
    assert!(house.released(seat).is_none() && house.released(line).is_none());
    assert_eq!(house.calls.view(call).unwrap().stage, Stage::Talking);
    house.hangs_up(caller);
    house.hangs_up(line);
    assert!(house.records().iter().all(|record| record.transfers.is_empty()));
}

/// Of two operators of whom the second line's line has found one: that one has the caller at once.
#[test]
fn a_caller_is_left_to_the_operator_whom_the_second_line_found_in_a_line() {
    let (mut house, call, caller, seat) = talk();
    let line = second_line_dials(&mut house, "12346");
    let asked = house.calls.call_of(line).unwrap();
    let theirs = house.invited().last().unwrap().1;
    house.answers(theirs);
    assert!(house.are_joined(line, theirs));
    let (operator, _) = house.calls.view(asked).unwrap().operator.unwrap();
    house.pass(5 * SECOND);
    house.refers(seat, ReferTo::Leg(line));
    assert_eq!(house.referred(seat), [200]);
    assert!(house.released(seat).is_some() && house.released(line).is_some());
    assert!(house.released(theirs).is_none() && house.are_joined(caller, theirs));
    assert_eq!(house.state(operator.as_str()), OperatorState::Talking { contact: call });
    assert!(matches!(house.state("1001"), OperatorState::WrapUp { .. }));
    let together = house.media.iter().filter_map(|command| match command {
        media::Command::Open { call, .. } => Some(*call),
        _ => None,
    });
    assert!(together.clone().all(|of| of == call), "legs that meet are on one thread");
    house.hangs_up(caller);
    house.pass(60 * SECOND);
    let records = house.records();
    let [asked, talk] = &records[..] else { panic!("{records:#?}") };
    assert_eq!((asked.outcome, asked.talk_ms), (Some(Outcome::Answered), 5000));
    let named = format!("operator {operator}");
    assert_eq!(told(talk), [("attended", named.as_str(), "transferred")]);
    assert_eq!((talk.operator.as_ref(), house.state("1001")), (Some(&operator), OperatorState::Ready));
}

#[test]
fn what_is_over_by_then_is_nothing_to_leave_a_caller_to() {
    let (mut house, caller, seat) = talk_beside_english(|_| {});
    house.input(Input::Open { queue: "english".into(), open: false });
    let line = second_line_dials(&mut house, "12347");
    house.refers(seat, ReferTo::Leg(line));
    assert_eq!((house.referred(seat), house.released(seat)), (vec![603], None), "it hears that the line is closed");
    house.hangs_up(line);
    house.hangs_up(caller);
    house.records();
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
fn whose_second_line_outlasts_the_talk_is_offered_nobody_before_it_is_over() {
    let (mut house, _, caller, _) = talk();
    let (line, theirs) = second_line(&mut house, true);
    house.hangs_up(caller);
    house.pass(60 * SECOND);
    assert_eq!(house.state("1001"), OperatorState::Outbound, "wrap-up is over");
    assert!(house.are_joined(line, theirs));
    house.hangs_up(line);
    assert_eq!(house.state("1001"), OperatorState::Ready);
}
