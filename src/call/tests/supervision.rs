//! Supervisors in a talk, and phones that are lost in it.

use super::house::House;
use super::orders::{SECOND, hears, talk};
use crate::call::{Event, NotDone, Order, Reached, Stage, Supervision, Whom};
use crate::ids::{CallId, LegId};
use crate::media;
use crate::queue::OperatorState;
use crate::records::{Outcome, Returned, TransferOutcome};
use crate::sip::{self, Source};

fn supervise(mode: Supervision) -> Order {
    Order::Supervise { mode }
}

#[test]
fn a_supervisor_hears_whispers_and_speaks_as_the_mode_says() {
    let (mut house, call, caller, seat) = talk();
    assert_eq!(house.order(call, "1003", supervise(Supervision::Listen)), Err(NotDone::NotSupervisor));
    assert_eq!(house.order(call, "1002", Order::LeaveSupervision), Err(NotDone::NotSupervising));
    house.order(call, "1002", supervise(Supervision::Listen)).unwrap();
    let lead = house.rung("8002");
    let asked = house.sip.iter().any(|c| matches!(c, sip::Command::Invite(i) if i.leg == lead && i.auto_answer));
    assert!(asked, "the phone answers by itself");
    assert_eq!(hears(&house), None, "two who talk need no mixing until somebody listens");
    house.answers(lead);
    let both = [(caller, seat), (seat, caller)];
    let listens = [(lead, caller), (lead, seat)];
    let with = |more: &[(LegId, LegId)]| Some(both.iter().chain(&listens).chain(more).copied().collect());
    assert_eq!(hears(&house), with(&[]));
    assert_eq!(house.state("1002"), OperatorState::Outbound, "nothing is offered to them");
    house.pass(5 * SECOND);
    house.order(call, "1002", supervise(Supervision::Whisper)).unwrap();
    assert_eq!(hears(&house), with(&[(seat, lead)]), "the operator only");
    house.order(call, "1002", supervise(Supervision::Barge)).unwrap();
    assert_eq!(hears(&house), with(&[(seat, lead), (caller, lead)]));
    house.pass(5 * SECOND);
    house.order(call, "1002", Order::LeaveSupervision).unwrap();
    assert_eq!(hears(&house), None);
    assert!(house.released(lead).is_some() && house.released(seat).is_none());
    assert_eq!(house.state("1002"), OperatorState::Ready);
    house.hangs_up(caller);
    let record = house.records().remove(0);
    let told: Vec<_> = record.supervised.iter().map(|s| (s.operator.as_str(), s.mode.as_str(), s.ended_at)).collect();
    let after = |seconds: u32| Some(record.connected_at.unwrap() + SECOND * seconds);
    assert_eq!(told, [("1002", "listen", after(5)), ("1002", "whisper", after(5)), ("1002", "barge", after(10))]);
}

#[test]
fn a_supervisor_whose_page_is_reloaded_keeps_their_part() {
    let (mut house, call, caller, seat) = talk();
    house.order(call, "1002", supervise(Supervision::Barge)).unwrap();
    let lead = house.rung("8002");
    house.answers(lead);
    assert_eq!(house.order(call, "1002", Order::Reclaim), Err(NotDone::NotLost), "a desk phone in a good talk");
    house.tell(Event::Sip(sip::Event::SeatReachable { seat: "8002".into(), browser: true }));
    house.order(call, "1002", Order::Reclaim).unwrap();
    let anew = house.rung("8002");
    assert!(anew != lead && house.released(lead).is_none(), "until the page answers");
    house.answers(anew);
    assert!(house.released(lead).is_some());
    let all = [(caller, seat), (seat, caller), (anew, caller), (anew, seat), (seat, anew), (caller, anew)];
    assert_eq!(hears(&house), Some(all.into_iter().collect()));
    assert_eq!(house.state("1002"), OperatorState::Outbound, "nothing is offered to them");
    // Who leaves is rung anew no longer.
    house.order(call, "1002", Order::Reclaim).unwrap();
    let third = house.rung("8002");
    house.order(call, "1002", Order::LeaveSupervision).unwrap();
    assert!(third != anew && house.released(third).is_some() && house.released(anew).is_some());
    assert_eq!((hears(&house), house.state("1002")), (None, OperatorState::Ready));
    house.hangs_up(caller);
    let record = house.records().remove(0);
    assert_eq!(record.supervised.iter().map(|s| s.mode.as_str()).collect::<Vec<_>>(), ["barge"]);
}

#[test]
fn a_phone_that_was_lost_before_the_talk_is_waited_for_in_it() {
    let (mut house, call, caller, seat) = talk();
    house.order(call, "1001", Order::Consult { to: Whom::Operator("1003".into()) }).unwrap();
    let second = house.rung("8003");
    house.answers(second);
    house.tell(Event::Sip(sip::Event::FlowLost { leg: second }));
    house.order(call, "1001", Order::Complete).unwrap();
    assert_eq!(house.calls.view(call).unwrap().stage, Stage::Lost);
    assert_eq!(house.plays(caller), ["music"]);
    house.tell(Event::Sip(sip::Event::FlowFound { leg: second }));
    assert_eq!(house.calls.view(call).unwrap().stage, Stage::Talking);
    assert!(house.released(seat).is_some());
    house.hangs_up(caller);
    assert_eq!(house.records()[0].lost.len(), 1);
}

#[test]
fn a_page_that_comes_back_to_a_call_that_somebody_else_has_is_let_go() {
    let (mut house, call, caller, seat) = talk();
    house.order(call, "1001", Order::Consult { to: Whom::Operator("1003".into()) }).unwrap();
    let second = house.rung("8003");
    house.answers(second);
    assert_eq!(house.order(call, "1001", Order::Reclaim), Err(NotDone::NotLost), "a desk phone in a good talk");
    house.tell(Event::Sip(sip::Event::FlowLost { leg: seat }));
    house.order(call, "1001", Order::Reclaim).unwrap();
    let anew = house.rung("8001");
    house.pass(SECOND * 2);
    house.order(call, "1001", Order::Complete).unwrap();
    assert!(house.released(anew).is_some(), "it has no part in the colleague's talk");
    assert!(house.are_joined(caller, second) && house.released(second).is_none());
    house.hangs_up(caller);
    assert_eq!(house.records()[0].operator, Some("1003".into()));
}

/// A consulted colleague whose page was reloaded, rung anew.
fn consulted_anew() -> (House, CallId, [LegId; 4]) {
    let (mut house, call, caller, seat) = talk();
    house.order(call, "1001", Order::Consult { to: Whom::Operator("1003".into()) }).unwrap();
    let second = house.rung("8003");
    house.tell(Event::Sip(sip::Event::SeatReachable { seat: "8003".into(), browser: true }));
    house.answers(second);
    house.order(call, "1003", Order::Reclaim).unwrap();
    let anew = house.rung("8003");
    assert!(anew != second && house.released(second).is_none(), "until the page answers");
    (house, call, [caller, seat, second, anew])
}

#[test]
fn a_consulted_page_that_is_reloaded_while_it_rings_is_rung_on() {
    let (mut house, call, caller, seat) = talk();
    house.order(call, "1001", Order::Consult { to: Whom::Operator("1003".into()) }).unwrap();
    let second = house.rung("8003");
    assert_eq!(house.order(call, "1003", Order::Reclaim), Err(NotDone::NotLost), "a desk phone rings on");
    house.tell(Event::Sip(sip::Event::SeatReachable { seat: "8003".into(), browser: true }));
    house.pass(20 * SECOND);
    house.order(call, "1003", Order::Reclaim).unwrap();
    let anew = house.rung("8003");
    assert!(anew != second && house.released(second).is_some());
    assert_eq!(house.state("1003"), OperatorState::Outbound);
    let view = house.calls.view(call).unwrap();
    assert_eq!((view.stage, view.consulting.unwrap().stage), (Stage::Consulting, Reached::Ringing));
    house.answers(anew);
    assert!(house.are_joined(seat, anew));
    house.order(call, "1001", Order::Complete).unwrap();
    assert!(house.are_joined(caller, anew));
    house.hangs_up(caller);
    let record = house.records().remove(0);
    assert_eq!((record.transfers.len(), record.transfers[0].outcome.as_str()), (1, "transferred"));

    // It rings no longer than it would have.
    let (mut house, call, caller, _) = talk();
    house.order(call, "1001", Order::Consult { to: Whom::Operator("1003".into()) }).unwrap();
    house.tell(Event::Sip(sip::Event::SeatReachable { seat: "8003".into(), browser: true }));
    house.pass(20 * SECOND);
    house.order(call, "1003", Order::Reclaim).unwrap();
    house.pass(11 * SECOND);
    assert_eq!(house.calls.view(call).unwrap().stage, Stage::Talking);
    assert_eq!(house.state("1003"), OperatorState::Ready);
    house.hangs_up(caller);
    assert_eq!(house.records()[0].transfers[0].outcome, TransferOutcome::NoAnswer);
}

#[test]
fn a_consulted_colleague_whose_page_is_reloaded_keeps_their_part() {
    let (mut house, call, [caller, seat, second, anew]) = consulted_anew();
    house.answers(anew);
    assert!(house.released(second).is_some() && house.released(anew).is_none());
    assert!(house.are_joined(seat, anew));
    assert_eq!(house.state("1003"), OperatorState::Outbound, "nothing is offered to them");
    house.order(call, "1001", Order::Complete).unwrap();
    assert!(house.are_joined(caller, anew));
    assert_eq!(house.state("1003"), OperatorState::Talking { contact: call });
    house.hangs_up(caller);
    let record = house.records().remove(0);
    assert_eq!((record.transfers.len(), record.transfers[0].outcome.as_str()), (1, "transferred"));
}

#[test]
fn whom_the_call_is_left_to_takes_it_back_and_whom_it_is_not_is_let_go() {
    let (mut house, call, [caller, _, second, anew]) = consulted_anew();
    house.order(call, "1001", Order::Complete).unwrap();
    assert_eq!(house.released(anew), None, "the call is theirs");
    house.answers(anew);
    assert!(house.released(second).is_some() && house.are_joined(caller, anew));
    house.hangs_up(caller);
    house.records();

    let (mut house, call, [caller, seat, second, anew]) = consulted_anew();
    house.order(call, "1001", Order::Return).unwrap();
    assert!(house.released(second).is_some() && house.released(anew).is_some());
    assert!(house.are_joined(caller, seat));
    house.hangs_up(caller);
    house.records();
}

#[test]
fn who_wanted_to_take_over_and_then_only_to_listen_listens() {
    let (mut house, call, caller, seat) = talk();
    house.order(call, "1002", Order::TakeOver).unwrap();
    let lead = house.rung("8002");
    house.order(call, "1002", supervise(Supervision::Listen)).unwrap();
    house.answers(lead);
    assert!(house.released(seat).is_none());
    assert_eq!(house.state("1001"), OperatorState::Talking { contact: call });
    house.hangs_up(caller);
    assert_eq!(house.records()[0].transfers.len(), 0);
}

#[test]
fn who_hangs_up_ends_their_own_part_and_the_calls_end_ends_all() {
    let (mut house, call, caller, seat) = talk();
    house.order(call, "1002", supervise(Supervision::Barge)).unwrap();
    let lead = house.rung("8002");
    house.answers(lead);
    house.hangs_up(lead);
    assert_eq!(hears(&house), None);
    assert_eq!((house.released(caller), house.released(seat)), (None, None));
    house.order(call, "1002", supervise(Supervision::Listen)).unwrap();
    let again = house.rung("8002");
    house.answers(again);
    // Held and asked aside, the caller is not overheard.
    house.order(call, "1001", Order::Hold).unwrap();
    assert_eq!(hears(&house), Some([(again, seat)].into()));
    assert_eq!(house.plays(caller), ["music"]);
    house.order(call, "1001", Order::Resume).unwrap();
    house.hangs_up(seat);
    assert!(house.released(again).is_some() && house.released(caller).is_some());
    assert_eq!(house.state("1002"), OperatorState::Ready);
    assert_eq!(house.records()[0].supervised.len(), 2);
}

#[test]
fn whoever_speaks_with_both_has_the_caller_when_the_operator_hangs_up_and_a_listener_has_not() {
    for (mode, stays) in [(Supervision::Barge, true), (Supervision::Listen, false), (Supervision::Whisper, false)] {
        let (mut house, call, caller, seat) = talk();
        house.order(call, "1002", supervise(mode)).unwrap();
        let lead = house.rung("8002");
        house.answers(lead);
        house.pass(5 * SECOND);
        house.hangs_up(seat);
        assert_eq!(house.released(lead).is_none(), stays, "{mode}");
        assert_eq!(house.released(caller).is_none(), stays, "{mode}");
        if stays {
            assert!(house.are_joined(caller, lead));
            assert!(matches!(house.state("1002"), OperatorState::Talking { .. }));
            house.pass(5 * SECOND);
            house.hangs_up(lead);
        }
        let record = house.records().remove(0);
        assert_eq!(record.outcome, Some(Outcome::Answered));
        assert_eq!(record.operator, Some(if stays { "1002" } else { "1001" }.into()), "{mode}");
    }
}

#[test]
fn a_supervisor_takes_over() {
    // Out of a supervision, and at once.
    for listens in [true, false] {
        let (mut house, call, caller, seat) = talk();
        if listens {
            house.order(call, "1002", supervise(Supervision::Listen)).unwrap();
        } else {
            house.order(call, "1002", Order::TakeOver).unwrap();
        }
        let lead = house.rung("8002");
        house.answers(lead);
        house.pass(5 * SECOND);
        if listens {
            house.order(call, "1002", Order::TakeOver).unwrap();
        }
        assert!(house.are_joined(caller, lead) && hears(&house).is_none());
        assert!(house.released(seat).is_some());
        assert!(matches!(house.state("1001"), OperatorState::WrapUp { .. }));
        assert_eq!(house.state("1002"), OperatorState::Talking { contact: call });
        house.pass(5 * SECOND);
        house.hangs_up(lead);
        assert!(house.released(caller).is_some());
        let record = house.records().remove(0);
        assert_eq!((record.operator, record.talk_ms), (Some("1002".into()), 10_000));
        let taken = &record.transfers[0];
        let (by, from) = (taken.by.as_str(), taken.from.as_ref().map(|from| from.as_str()));
        assert_eq!((taken.kind.as_str(), by, from), ("taken_over", "1002", Some("1001")));
    }
}

/// A second caller, the leg of the colleague who talks with them, and their call; 1002 is asked for that caller by the one
/// leg, and would take over the call of the first talk by the other.
struct TwoTalks {
    second: LegId,
    colleague: LegId,
    other: CallId,
    asked: LegId,
    takes: LegId,
}

fn rung_for_two(house: &mut House, call: CallId, blind: bool) -> TwoTalks {
    house.phone("8002", false);
    let second = house.call(11, "13800000002");
    let colleague = house.rung("8003");
    house.answers(colleague);
    house.phone("8002", true);
    let other = house.calls.call_of(second).unwrap();
    let to = Whom::Operator("1002".into());
    house.order(other, "1003", if blind { Order::Transfer { to } } else { Order::Consult { to } }).unwrap();
    let asked = house.rung("8002");
    house.order(call, "1002", Order::TakeOver).unwrap();
    let takes = house.rung("8002");
    assert!(asked != takes);
    TwoTalks { second, colleague, other, asked, takes }
}

#[test]
fn whoever_is_rung_for_two_talks_has_the_one_they_took_first() {
    for blind in [false, true] {
        let (mut house, call, caller, seat) = talk();
        let TwoTalks { second, other, asked, takes, .. } = rung_for_two(&mut house, call, blind);
        let (first, later) = if blind { (takes, asked) } else { (asked, takes) };
        house.answers(first);
        if !blind {
            house.order(other, "1003", Order::Complete).unwrap();
        }
        house.answers(later);
        assert!(house.released(later).is_some() && house.released(first).is_none());
        let theirs = if blind { call } else { other };
        assert_eq!(house.state("1002"), OperatorState::Talking { contact: theirs });
        if blind {
            // The caller who was sent to them has somebody else.
            house.pass(31 * SECOND);
            let next = house.invited().last().unwrap().1;
            house.answers(next);
            assert!(house.are_joined(second, next) && house.are_joined(caller, takes));
        } else {
            assert!(house.are_joined(caller, seat) && house.are_joined(second, asked));
        }
        house.hangs_up(caller);
        house.hangs_up(second);
        assert_eq!(house.records().len(), 2);
    }
}

#[test]
fn whose_consulted_colleague_has_another_talk_by_then_leaves_the_caller_to_the_head_of_the_line() {
    for by_phone in [false, true] {
        let (mut house, call, caller, _) = talk();
        let TwoTalks { second, colleague, other, asked, takes } = rung_for_two(&mut house, call, false);
        house.answers(asked);
        house.answers(takes);
        assert!(house.are_joined(caller, takes));
        assert_eq!(house.order(other, "1003", Order::Complete), Err(NotDone::Busy));
        if by_phone {
            house.hangs_up(colleague);
        } else {
            house.order(other, "1003", Order::HangUp).unwrap();
        }
        assert!(house.released(second).is_none(), "nobody hangs up on the caller");
        assert!(house.released(asked).is_some() && house.are_joined(caller, takes));
        house.hangs_up(caller);
        house.hangs_up(second);
        assert_eq!(house.records().len(), 2);
    }
}

#[test]
fn a_code_from_the_supervisors_phone_brings_that_phone_in() {
    for (code, takes_over) in [("*331001", false), ("*361001", true)] {
        let (mut house, call, caller, seat) = talk();
        let lead = LegId(101);
        house.arrive(lead, "8002", code, Source::Seat("8002".into()));
        let opened = house
            .media
            .iter()
            .any(|c| matches!(c, media::Command::Open { leg, call: of, .. } if *leg == lead && *of == call));
        assert!(opened, "its sound is where the others have theirs");
        if takes_over {
            assert!(house.are_joined(caller, lead));
            assert_eq!(house.state("1002"), OperatorState::Talking { contact: call });
        } else {
            assert_eq!(hears(&house), Some([(caller, seat), (seat, caller), (lead, caller), (lead, seat)].into()));
            // Said again by the page: the same leg stays.
            house.order(call, "1002", supervise(Supervision::Whisper)).unwrap();
            assert!(hears(&house).unwrap().contains(&(seat, lead)));
        }
        house.hangs_up(lead);
        assert_eq!(house.released(caller).is_some(), takes_over);
        house.hangs_up(caller);
        let records = house.records();
        assert_eq!(records.len(), 2, "the code is a call of its own");
        assert_eq!(records.iter().filter(|record| record.outcome == Some(Outcome::Answered)).count(), 2);
    }
}

#[test]
fn whoever_listens_and_takes_over_by_code_is_offered_nobody_in_between() {
    let (mut house, call, caller, _) = talk();
    let lead = LegId(103);
    house.arrive(LegId(101), "8002", "*331001", Source::Seat("8002".into()));
    // More than the others can serve.
    for leg in [201, 203, 205] {
        house.arrive(LegId(leg), "13800000009", "12346", Source::Trunk("carrier".into()));
    }
    house.arrive(lead, "8002", "*361001", Source::Seat("8002".into()));
    assert!(house.are_joined(caller, lead));
    assert_eq!(house.state("1002"), OperatorState::Talking { contact: call });
}

#[test]
fn codes_of_those_who_may_not_are_denied() {
    for (seat, code) in [("8003", "*331001"), ("8002", "*331003"), ("8002", "*339999"), ("8002", "*33")] {
        let (mut house, _, caller, _) = talk();
        let leg = LegId(101);
        house.arrive(leg, seat, code, Source::Seat(seat.into()));
        assert_eq!(house.plays(leg), ["zh/denied"], "{seat} {code}");
        assert_eq!(hears(&house), None);
        house.hangs_up(leg);
        house.hangs_up(caller);
        house.records();
    }
}

#[test]
fn a_phone_that_comes_back_finds_its_caller() {
    for reclaims in [false, true] {
        let (mut house, call, caller, seat) = talk();
        house.tell(Event::Sip(sip::Event::FlowLost { leg: seat }));
        assert_eq!(house.plays(caller), ["music"]);
        assert_eq!(house.calls.view(call).unwrap().stage, Stage::Lost);
        house.pass(10 * SECOND);
        let now = if reclaims {
            house.order(call, "1001", Order::Reclaim).unwrap();
            let new = house.rung("8001");
            house.answers(new);
            assert!(house.released(seat).is_some());
            new
        } else {
            house.tell(Event::Sip(sip::Event::FlowFound { leg: seat }));
            seat
        };
        assert!(house.are_joined(caller, now));
        house.pass(20 * SECOND);
        assert!(matches!(house.state("1001"), OperatorState::Talking { .. }));
        house.hangs_up(caller);
        let record = house.records().remove(0);
        assert_eq!((record.hold_ms, record.lost.len()), (10_000, 1));
        assert!(record.lost[0].back_at.is_some());
    }
}

#[test]
fn a_phone_that_stays_away_leaves_its_caller_to_the_next() {
    for how in ["flow", "sound", "signalling"] {
        let (mut house, _, caller, seat) = talk();
        house.pass(5 * SECOND);
        match how {
            "flow" => {
                house.tell(Event::Sip(sip::Event::FlowLost { leg: seat }));
                house.phone("8001", false);
                house.pass(16 * SECOND);
                let was = Box::new(OperatorState::NotReady { reason: "phone_lost".into() });
                assert_eq!(house.state("1001"), OperatorState::Unreachable { was });
            }
            "sound" => house.tell(Event::Media(media::Event::Dead { leg: seat })),
            _ => house.tell(Event::Sip(sip::Event::Ended { leg: seat, why: sip::Ended::Lost })),
        }
        assert!(!matches!(house.state("1001"), OperatorState::Ready), "{how}: nobody is rung there unasked");
        let next = house.rung("8002");
        house.answers(next);
        assert!(house.are_joined(caller, next), "{how}");
        house.hangs_up(caller);
        let record = house.records().remove(0);
        assert_eq!((record.operator.clone(), record.outcome), (Some("1002".into()), Some(Outcome::Answered)));
        assert_eq!((record.lost.len(), record.lost[0].operator.as_str()), (1, "1001"), "{how}");
        assert_eq!(record.lost[0].back_at, None);
        let back: Vec<_> = record.lines.iter().map(|visit| record.returned(visit)).collect();
        assert_eq!(back, [None, Some(Returned::Lost(&record.lost[0]))], "{how}");
    }
}

#[test]
fn whoever_is_consulted_keeps_the_caller_of_an_operator_who_is_lost() {
    let (mut house, call, caller, seat) = talk();
    house.order(call, "1001", Order::Consult { to: Whom::Operator("1002".into()) }).unwrap();
    let second = house.rung("8002");
    house.answers(second);
    house.tell(Event::Media(media::Event::Dead { leg: seat }));
    assert!(house.are_joined(caller, second));
    house.hangs_up(caller);
    assert_eq!(house.records()[0].operator, Some("1002".into()));
}
