//! Consultations, transfers and conferences: who hears whom, who has the caller, what is written down.

use super::house::*;
use super::orders::{SECOND, hears, talk};
use super::referring::talk_beside_english;
use crate::call::{Event, NotDone, Order, Reached, Stage, Whom};
use crate::ids::{CallId, LegId};
use crate::media;
use crate::queue::{Exit, Input, OperatorState, Output, Statistics};
use crate::records::{EndedBy, Outcome, Record, Returned};

fn colleague() -> Whom {
    Whom::Operator("1002".into())
}

fn only(mut house: House) -> Record {
    let mut records = house.records();
    assert_eq!(records.len(), 1);
    records.remove(0)
}

fn told(record: &Record) -> Vec<(&str, &str, &str, &str)> {
    let of = record.transfers.iter();
    of.map(|t| (t.kind.as_str(), t.by.as_str(), t.to.as_str(), t.outcome.as_str())).collect()
}

/// What the engine counted for the citizens' queue: offered, answered, handled.
fn counted(house: &House) -> (u64, u64, u64) {
    let mut statistics = Statistics::new();
    for output in &house.outputs {
        statistics.saw(house.now, output);
    }
    let of = crate::queue::statistics::Of::House;
    let all = statistics.contacts(&of, crate::moment::Moment::default(), house.now + SECOND);
    all.fold((0, 0, 0), |sum, (_, f)| (sum.0 + f.offered, sum.1 + f.answered, sum.2 + f.handled))
}

#[test]
fn a_colleague_is_asked_and_takes_the_caller() {
    let (mut house, call, caller, seat) = talk();
    assert_eq!(house.order(call, "1001", Order::Complete), Err(NotDone::NobodyConsulted));
    house.order(call, "1001", Order::Consult { to: colleague() }).unwrap();
    assert_eq!((house.plays(caller), house.plays(seat)), (vec!["music".into()], vec!["ringback".into()]));
    assert!(matches!(house.state("1001"), OperatorState::Holding { .. }));
    assert_eq!(house.state("1002"), OperatorState::Outbound, "nobody else is offered to them");
    assert_eq!(house.order(call, "1001", Order::Conference), Err(NotDone::NotAnsweredYet));
    assert_eq!(house.order(call, "1001", Order::Consult { to: colleague() }), Err(NotDone::AlreadyConsulting));
    let second = house.rung("8002");
    house.answers(second);
    assert!(house.are_joined(seat, second), "operator and colleague");
    assert_eq!(house.plays(caller), ["music"]);
    let view = house.calls.view(call).unwrap();
    assert_eq!((view.stage, view.consulting.map(|of| of.stage)), (Stage::Consulting, Some(Reached::Talking)));
    house.pass(10 * SECOND);
    house.order(call, "1001", Order::Complete).unwrap();
    assert!(house.are_joined(caller, second));
    assert!(house.released(seat).is_some() && house.released(second).is_none());
    assert!(matches!(house.state("1001"), OperatorState::WrapUp { .. }));
    assert_eq!(house.state("1002"), OperatorState::Talking { contact: call });
    assert_eq!(house.order(call, "1001", Order::Hold), Err(NotDone::NotYours));
    assert_eq!(house.order(call, "1002", Order::Hold), Ok(()), "theirs now");
    house.pass(5 * SECOND);
    house.order(call, "1002", Order::Resume).unwrap();
    house.pass(5 * SECOND);
    house.hangs_up(second);
    assert!(house.released(caller).is_some());
    assert!(matches!(house.state("1002"), OperatorState::WrapUp { .. }));
    assert_eq!(counted(&house), (1, 1, 1), "one contact, however many had it");
    assert_eq!(
        house.events(),
        ["ENTERQUEUE |13800001111", "CONNECT 0|leg2|0", "ATTENDEDTRANSFER BRIDGE|operator 1002|0|10|1"]
    );
    let record = only(house);
    assert_eq!(told(&record), [("attended", "1001", "operator 1002", "transferred")]);
    assert_eq!((record.operator, record.seat), (Some("1002".into()), Some("8002".into())));
    assert_eq!((record.talk_ms, record.hold_ms), (20_000, 15_000));
    assert_eq!((record.outcome, record.ended_by), (Some(Outcome::Answered), Some(EndedBy::Operator)));
}

#[test]
fn a_consultation_ends_and_the_operator_is_back() {
    // By the operator, by the colleague before and after answering, and because nobody answers.
    for how in ["returns", "refuses", "silent", "hangs up"] {
        let (mut house, call, caller, seat) = talk();
        house.order(call, "1001", Order::Consult { to: colleague() }).unwrap();
        let second = house.rung("8002");
        let outcome = match how {
            "returns" => {
                house.answers(second);
                house.order(call, "1001", Order::Return).unwrap();
                assert!(house.released(second).is_some());
                "returned"
            }
            "refuses" => {
                house.refuses(second, 486);
                "busy"
            }
            "silent" => {
                house.pass(31 * SECOND);
                assert!(house.released(second).is_some());
                "no_answer"
            }
            _ => {
                house.answers(second);
                house.hangs_up(second);
                "ended"
            }
        };
        if matches!(how, "refuses" | "silent") {
            assert_eq!(house.plays(seat), ["zh/denied"]);
            house.tell(crate::call::Event::Media(media::Event::Played { leg: seat, token: u64::MAX - 1 }));
        }
        let last = house.media.iter().rev().find_map(|command| match command {
            media::Command::Join { a, b } => Some([*a, *b]),
            _ => None,
        });
        assert_eq!(last, Some([caller, seat]), "{how}");
        assert_eq!(house.state("1002"), OperatorState::Ready, "{how}");
        assert!(matches!(house.state("1001"), OperatorState::Talking { .. }));
        house.hangs_up(caller);
        assert_eq!(told(&only(house)), [("consult", "1001", "operator 1002", outcome)]);
    }
}

/// Who is shown the call, besides its operator.
type Beside = (Option<String>, Vec<String>, Option<(String, Reached, bool)>);

fn beside(house: &House, call: CallId) -> Beside {
    let view = house.calls.view(call).expect("it is open");
    let consulted = view.consulting.and_then(|of| Some((of.operator?.to_string(), of.stage, of.caller_hears)));
    let rung = view.rings.iter().map(|(operator, _)| operator.to_string()).collect();
    (view.operator.map(|(operator, _)| operator.to_string()), rung, consulted)
}

#[test]
fn the_consulted_are_known_from_the_first_ring_and_whether_the_caller_hears_them() {
    for to in [colleague(), Whom::Seat("8002".into()), Whom::Queue("english".into())] {
        let (mut house, call, caller, _) = talk();
        house.phone("8003", false);
        let consulted = |reached, heard| Some(("1002".to_string(), reached, heard));
        let anna = || Some("1001".to_string());
        house.order(call, "1001", Order::Consult { to }).unwrap();
        assert_eq!(beside(&house, call), (anna(), vec![], consulted(Reached::Ringing, false)));
        let second = house.rung("8002");
        house.pass(2 * SECOND);
        house.answers(second);
        assert_eq!(beside(&house, call), (anna(), vec![], consulted(Reached::Talking, false)));
        house.pass(3 * SECOND);
        house.order(call, "1001", Order::Conference).unwrap();
        assert_eq!(beside(&house, call), (anna(), vec![], consulted(Reached::Talking, true)));
        // Asked aside once more they are heard no longer; the record tells when they were first.
        house.order(call, "1001", Order::Hold).unwrap();
        assert_eq!(beside(&house, call), (anna(), vec![], consulted(Reached::Talking, false)));
        house.order(call, "1001", Order::Resume).unwrap();
        house.order(call, "1001", Order::Complete).unwrap();
        assert_eq!(beside(&house, call), (Some("1002".into()), vec![], None), "theirs in the same moment");
        house.hangs_up(caller);
        let record = only(house);
        let of = &record.transfers[0];
        let began = of.at;
        assert_eq!(of.operator, Some("1002".into()));
        assert_eq!((of.answered_at, of.conference_at), (Some(began + 2 * SECOND), Some(began + 5 * SECOND)));
        assert!(record.took_part(&"1002".into()) && record.took_part(&"1001".into()));
        assert!(!record.took_part(&"1003".into()));
    }
}

#[test]
fn whoever_sent_the_caller_on_has_them_no_longer_and_whose_phone_rings_is_known() {
    let (mut house, call, caller, _) = talk();
    house.order(call, "1001", Order::Transfer { to: colleague() }).unwrap();
    assert_eq!(beside(&house, call), (None, vec!["1002".to_string()], None));
    let second = house.rung("8002");
    house.answers(second);
    assert_eq!(beside(&house, call), (Some("1002".into()), vec![], None));
    house.phone("8003", false);
    house.order(call, "1002", Order::Transfer { to: Whom::Queue("english".into()) }).unwrap();
    assert_eq!(beside(&house, call), (None, vec![], None), "it waits, and is nobody's");
    house.hangs_up(caller);
    house.records();
}

#[test]
fn the_consulted_hang_up_without_a_telephone_and_may_do_nothing_else() {
    for answered in [true, false] {
        let (mut house, call, caller, seat) = talk();
        house.order(call, "1001", Order::Consult { to: colleague() }).unwrap();
        let second = house.rung("8002");
        if answered {
            house.answers(second);
        }
        for order in [Order::Hold, Order::Return, Order::Complete, Order::Conference, Order::PauseRecording] {
            assert_eq!(house.order(call, "1002", order), Err(NotDone::NotYours));
        }
        assert_eq!(house.order(call, "1003", Order::HangUp), Err(NotDone::NotYours));
        assert_eq!(house.order(call, "1002", Order::HangUp), Ok(()));
        assert!(house.released(second).is_some() && house.released(seat).is_none());
        assert_eq!((house.state("1002"), beside(&house, call).2), (OperatorState::Ready, None));
        house.hangs_up(caller);
        let outcome = if answered { "ended" } else { "no_answer" };
        assert_eq!(told(&only(house)), [("consult", "1001", "operator 1002", outcome)]);
    }
}

#[test]
fn three_talk_and_whoever_is_left_goes_on() {
    let (mut house, call, caller, seat) = talk();
    house.order(call, "1001", Order::Consult { to: Whom::Number("01085225050".into()) }).unwrap();
    let far = house.rung("01085225050");
    house.answers(far);
    house.order(call, "1001", Order::Conference).unwrap();
    let all = [caller, seat, far];
    let pairs = all.into_iter().flat_map(|ear| all.map(|mouth| (ear, mouth))).filter(|(ear, mouth)| ear != mouth);
    assert_eq!(hears(&house), Some(pairs.collect()));
    assert_eq!(house.calls.view(call).unwrap().stage, Stage::Conference);
    house.pass(5 * SECOND);
    // An operator who hangs up leaves the others together.
    house.hangs_up(seat);
    assert!(house.are_joined(caller, far) && house.released(caller).is_none());
    assert!(matches!(house.state("1001"), OperatorState::WrapUp { .. }));
    house.pass(20 * SECOND);
    house.hangs_up(far);
    assert!(house.released(caller).is_some());
    let record = only(house);
    assert_eq!((record.outcome, record.talk_ms), (Some(Outcome::TransferredOut), 5000));
    assert_eq!(told(&record), [("attended", "1001", "01085225050", "transferred")]);
}

#[test]
fn a_blind_transfer_rings_the_colleague_and_the_operator_is_free_at_once() {
    for to in [colleague(), Whom::Seat("8002".into()), Whom::Queue("english".into())] {
        let consulted = matches!(to, Whom::Queue(_));
        let (mut house, call, caller, seat) = talk();
        if consulted {
            house.phone("8003", false);
        }
        let named = to.to_string();
        house.order(call, "1001", Order::Transfer { to }).unwrap();
        assert!(house.released(seat).is_some());
        assert!(matches!(house.state("1001"), OperatorState::WrapUp { .. }));
        let second = house.rung("8002");
        house.pass(3 * SECOND);
        house.answers(second);
        assert!(house.are_joined(caller, second));
        assert_eq!(house.state("1002"), OperatorState::Talking { contact: call });
        house.pass(7 * SECOND);
        house.hangs_up(caller);
        assert!(matches!(house.state("1002"), OperatorState::WrapUp { .. } | OperatorState::Ready));
        let record = only(house);
        assert_eq!(told(&record), [("blind", "1001", named.as_str(), "transferred")]);
        assert_eq!((record.operator, record.talk_ms), (Some("1002".into()), 7000));
    }
}

#[test]
fn a_transfer_in_vain_brings_the_caller_to_the_head_of_the_line() {
    for to in [colleague(), Whom::Number("01085225050".into()), Whom::Queue("english".into())] {
        let (mut house, call, caller, _) = talk();
        house.phone("8003", false);
        house.input(Input::Open { queue: "english".into(), open: false });
        house.pass(5 * SECOND);
        let rung = match &to {
            Whom::Number(number) => Some(number.clone()),
            Whom::Operator(_) => Some("8002".into()),
            _ => None,
        };
        let refused = matches!(to, Whom::Operator(_));
        // A line that closes while the order is on its way.
        house.tell(Event::Order { ticket: 1, call, by: "1001".into(), order: Order::Transfer { to } });
        if let Some(phone) = rung {
            let leg = house.rung(&phone);
            house.refuses(leg, if refused { 603 } else { 486 });
        }
        assert!(house.released(caller).is_none());
        assert!(
            house
                .outputs
                .iter()
                .any(|said| matches!(said, Output::Joined { queue, .. } if queue.as_str() == "citizen"))
        );
        // Who has just refused the caller is not asked first again, as after an offer.
        let next = if refused { "8003" } else { "8002" };
        if refused {
            assert_eq!(house.invited().iter().filter(|(to, _)| to == "8002").count(), 1);
            house.phone("8003", true);
        }
        let second = house.rung(next);
        house.answers(second);
        assert!(house.are_joined(caller, second));
        house.hangs_up(caller);
        let record = only(house);
        assert!(["busy", "refused"].contains(&record.transfers[0].outcome.as_str()), "{record:?}");
        assert_eq!(record.queue, Some("citizen".into()));
        assert_eq!(record.outcome, Some(Outcome::Answered));
        let back: Vec<_> = record.lines.iter().map(|visit| record.returned(visit)).collect();
        assert_eq!(back, [None, Some(Returned::Transfer(&record.transfers[0]))]);
    }
}

#[test]
fn a_queue_that_lets_nobody_in_is_said_and_the_operator_keeps_the_caller() {
    let elsewhere = Some(Exit::Queue("citizen".into()));
    let table = [
        (false, 9, None, Some(NotDone::QueueClosed)),
        (true, 0, None, Some(NotDone::QueueFull)),
        (false, 9, elsewhere, None),
        (true, 9, None, None),
    ];
    for (open, places, if_closed, why) in table {
        for to in [Whom::Queue("english".into()), Whom::Number("12347".into())] {
            let (mut house, caller, seat) = talk_beside_english(|english| {
                (english.max_waiting, english.if_closed) = (places, if_closed.clone());
            });
            house.input(Input::Open { queue: "english".into(), open });
            let call = house.calls.call_of(caller).unwrap();
            let order = Order::Transfer { to };
            assert_eq!(house.order(call, "1002", order.clone()), Err(NotDone::NotYours), "whatever the queue is");
            assert_eq!(house.order(call, "1001", order).err(), why);
            assert_eq!(house.released(seat).is_some(), why.is_none());
            house.hangs_up(caller);
            assert_eq!(only(house).transfers.len(), usize::from(why.is_none()), "what was refused is no transfer");
        }
    }
}

#[test]
fn whom_one_cannot_turn_to_is_said_in_words() {
    let (mut house, call, ..) = talk();
    let wrong = [
        (Whom::Operator("1001".into()), NotDone::Themselves),
        (Whom::Operator("9999".into()), NotDone::NoSuchOperator),
        (Whom::Seat("8001".into()), NotDone::Themselves),
        (Whom::Seat("9999".into()), NotDone::NoSuchSeat),
        (Whom::Queue("nowhere".into()), NotDone::NoSuchQueue),
        (Whom::Number("drop table".into()), NotDone::NoNumber),
        (Whom::Number("00442079460000".into()), NotDone::NotAllowed),
        (Whom::Number("1002".into()), NotDone::IsOperator),
        (Whom::Number("8002".into()), NotDone::IsSeat),
        (Whom::Number("english".into()), NotDone::IsQueue),
    ];
    for (to, why) in wrong {
        assert_eq!(house.order(call, "1001", Order::Consult { to }), Err(why));
    }
    let other = house.call(3, "13900002222");
    let rung = house.rung("8002");
    house.answers(rung);
    assert_eq!(house.order(call, "1001", Order::Transfer { to: colleague() }), Err(NotDone::Busy));
    house.phone("8003", false);
    let gone = Whom::Operator("1003".into());
    assert_eq!(house.order(call, "1001", Order::Consult { to: gone }), Err(NotDone::Unreachable));
    assert_eq!(
        house.order(call, "1001", Order::Consult { to: Whom::Queue("english".into()) }),
        Err(NotDone::NobodyReady)
    );
    let legs: Vec<LegId> = vec![LegId(1), other];
    legs.into_iter().for_each(|leg| house.hangs_up(leg));
    house.records();
}

#[test]
fn a_caller_who_hangs_up_in_a_consultation_ends_everything() {
    let (mut house, call, caller, seat) = talk();
    house.order(call, "1001", Order::Consult { to: colleague() }).unwrap();
    let second = house.rung("8002");
    house.answers(second);
    house.hangs_up(caller);
    assert!(house.released(seat).is_some() && house.released(second).is_some());
    assert_eq!(house.state("1002"), OperatorState::Ready);
    let record = only(house);
    assert_eq!(told(&record), [("consult", "1001", "operator 1002", "ended")]);
    assert_eq!(record.ended_by, Some(EndedBy::Caller));
    let _: CallId = call;
}
