//! An operator's second line: whom they dial beside a talk, what became of it, and to whom they leave the caller.

use super::house::*;
use super::orders::{SECOND, talk};
use super::referring::{PASSED_ON, talk_beside_english, told};
use crate::call::{Event, Stage};
use crate::ids::LegId;
use crate::media;
use crate::moment::Moment;
use crate::queue::statistics::{Contacts, Of};
use crate::queue::{By, Input, OperatorState};
use crate::records::{EndedBy, LineOutcome, Outcome, Record, Returned, SentBy};
use crate::sip::{self, ReferTo, Source};

#[test]
fn a_number_that_nobody_may_dial_is_refused_before_it_rings() {
    let (mut house, _, caller, _) = talk();
    let line = LegId(5);
    house.arrive(line, "8001", "00442079460000", Source::Seat("8001".into()));
    assert_eq!(house.refusal(line), Some(403));
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
    assert_eq!(ended, (Some(Outcome::AbandonedInMenu), Some(480), Some(EndedBy::Caller), None));
    assert_eq!(told(talk), [("semi_attended", "seat 8002", "transferred")]);
}

#[test]
fn a_caller_left_to_somebody_who_still_rings_and_does_not_come_is_back_in_the_line() {
    for (status, passed_on) in PASSED_ON {
        let (mut house, _, caller, seat) = talk();
        let (line, theirs) = second_line(&mut house, false);
        house.refers(seat, ReferTo::Leg(line));
        house.refuses(theirs, status);
        assert_eq!(house.referred(seat), [passed_on]);
        house.hangs_up(caller);
        let record = house.records().pop().unwrap();
        let why = why(status).1;
        assert_eq!(told(&record), [("semi_attended", "seat 8002", why)]);
        let returned = record.returned(record.line().unwrap());
        assert!(matches!(returned, Some(Returned::Transfer(_))), "{returned:?}");
    }
}

/// The second line of operator 1001 dials a number of the house: its leg.
fn second_line_dials(house: &mut House, number: &str) -> LegId {
    let line = LegId(91);
    house.arrive(line, "8001", number, Source::Seat("8001".into()));
    line
}

/// What a second line, and somebody to whom a caller was sent, is called that came to nothing for this.
fn why(status: u16) -> (Outcome, &'static str) {
    match status {
        486 => (Outcome::RefusedBusy, "busy"),
        302 | 603 => (Outcome::Failed, "refused"),
        480 | 408 => (Outcome::Failed, "no_answer"),
        _ => (Outcome::Failed, "failed"),
    }
}

/// What a second line's record has of whom it dialled.
fn dialled(record: &Record) -> (SentBy, &str, Option<&str>, &str) {
    let [sent] = &record.sent_on[..] else { panic!("{record:#?}") };
    (sent.by, &sent.to, sent.trunk.as_ref().map(|trunk| trunk.as_str()), sent.outcome.as_str())
}

#[test]
fn why_a_second_line_reached_nobody_is_told_to_its_phone_and_in_its_record() {
    for (to, whom) in [("01065139999", "01065139999"), ("8002", "seat 8002")] {
        for (status, passed_on) in PASSED_ON {
            let (mut house, _, caller, seat) = talk();
            let line = second_line_dials(&mut house, to);
            let theirs = house.rung(to);
            let trunk = (to == whom).then_some("carrier");
            if let Some(trunk) = trunk {
                house.tell(Event::Sip(sip::Event::GoesOver { leg: theirs, trunk: trunk.into() }));
            }
            house.pass(SECOND);
            house.refuses(theirs, status);
            assert_eq!(house.refusal(line), Some(passed_on), "{status}");
            assert_eq!(house.plays(line), ["ringback"], "the phone says it");
            assert!(house.released(seat).is_none(), "the talk goes on");
            assert_eq!(house.state("1002"), OperatorState::Ready);
            house.hangs_up(caller);
            let records = house.records();
            let (outcome, why) = why(status);
            let [line, _] = &records[..] else { panic!("{records:#?}") };
            assert_eq!(dialled(line), (SentBy::Operator, whom, trunk, why), "{status}");
            assert_eq!((line.outcome, line.sip_status, line.answered_at), (Some(outcome), Some(passed_on), None));
            assert_eq!(line.ended_by, Some(EndedBy::System));
        }
    }
}

/// A phone that offers nothing is answered before anybody is rung.
#[test]
fn a_phone_that_was_answered_before_hears_that_nobody_was_reached() {
    for (status, words) in [(486, "zh/busy"), (404, "zh/failure")] {
        let (mut house, _, caller, _) = talk();
        let line = LegId(91);
        let dials = incoming(line, "8001", "8002", Source::Seat("8001".into()));
        house.tell(Event::Sip(sip::Event::Incoming(sip::Incoming { offer: None, ..dials })));
        house.tell(Event::Sip(sip::Event::Acked { leg: line, answer: Some(sip::Body::sdp(b"theirs".to_vec())) }));
        house.tell(Event::Media(media::Event::Agreed { leg: line, direction: media::Direction::Both }));
        let theirs = house.rung("8002");
        house.refuses(theirs, status);
        assert_eq!((house.refusal(line), house.plays(line).last().map(String::as_str)), (None, Some(words)));
        house.hangs_up(line);
        house.hangs_up(caller);
        let record = house.records().remove(0);
        assert_eq!((record.outcome, record.sip_status), (Some(why(status).0), Some(200)));
    }
}

#[test]
fn whom_a_second_line_cannot_ring_its_phone_is_told() {
    for (busy, status, outcome) in [(true, 486, Outcome::RefusedBusy), (false, 480, Outcome::Failed)] {
        let (mut house, _, caller, _) = talk();
        house.input(match busy {
            true => Input::NotReady { operator: "1002".into(), reason: "break".into(), by: By::Themselves },
            false => Input::SignOut { operator: "1002".into(), by: By::Themselves },
        });
        if busy {
            house.input(Input::Outbound { operator: "1002".into(), busy: true });
        }
        let line = second_line_dials(&mut house, "1002");
        assert_eq!(house.refusal(line), Some(status));
        house.hangs_up(caller);
        let record = house.records().remove(0);
        assert_eq!((record.outcome, record.sip_status), (Some(outcome), Some(status)));
        assert!(record.sent_on.is_empty(), "nobody was rung");
    }
}

#[test]
fn a_second_line_is_recorded_alike_whether_its_caller_is_left_or_it_is_hung_up() {
    let tried = [(true, Outcome::Answered), (false, Outcome::AbandonedInMenu)];
    for ((answers, outcome), leaves) in tried.into_iter().flat_map(|tried| [(tried, true), (tried, false)]) {
        let (mut house, _, caller, seat) = talk();
        let line = second_line_dials(&mut house, "01065139999");
        let theirs = house.rung("01065139999");
        house.pass(SECOND);
        if answers {
            house.answers(theirs);
            assert!(house.are_joined(line, theirs));
            house.pass(5 * SECOND);
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
        assert_eq!(dialled(line).3, if answers { "transferred" } else { "ended" });
        let talk_ms = if answers { 5000 } else { 0 };
        assert_eq!((line.connected_at.is_some(), line.talk_ms), (answers, talk_ms), "left: {leaves}");
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
