//! Talks at a seat that a menu led to: no queue knows of them, and all that can be asked of a talk can be asked of them.

use std::time::Duration;

use super::desk;
use super::house::*;
use super::orders::{SECOND, hears, noted};
use crate::call::{Event, NotDone, Order, Stage, Supervision, Whom};
use crate::ids::{CallId, LegId};
use crate::ivr::Entry as Leads;
use crate::ivr::menu::{Destination, To};
use crate::media;
use crate::queue::OperatorState;
use crate::records::{EndedBy, Outcome};
use crate::sip::{self, Source};

const CALLER: LegId = LegId(1);

/// Number 12347 rings seat 8001, and takes a message if nobody is reached; operators 1001, 1002 and 1003 are ready.
fn house() -> House {
    house_where(Some(To::Message))
}

/// The same, and what comes where nobody is reached.
fn house_where(otherwise: Option<To>) -> House {
    let mut settings = desk::settings();
    let otherwise = otherwise.map(|to| Box::new(Destination::to(to)));
    let to = Destination::to(To::Seat { seat: "8001".into(), otherwise });
    settings.ivr.numbers.insert("12347".into(), Leads::To(to));
    House::with(settings, rules(|citizen| citizen.wrap_up = 30 * SECOND), &["8001", "8002", "8003"])
}

/// A citizen talks there.
fn talk() -> (House, CallId, LegId) {
    talk_in(house())
}

fn talk_in(mut house: House) -> (House, CallId, LegId) {
    house.arrive(CALLER, CITIZEN, "12347", Source::Trunk("carrier".into()));
    let seat = house.rung("8001");
    house.answers(seat);
    let call = house.calls.call_of(CALLER).unwrap();
    (house, call, seat)
}

#[test]
fn it_is_held_noted_overheard_and_ended() {
    let (mut house, call, seat) = talk();
    assert_eq!(house.state("1001"), OperatorState::Talking { contact: call });
    assert_eq!(house.calls.view(call).unwrap().stage, Stage::Talking);
    assert_eq!(house.order(call, "1003", Order::Hold), Err(NotDone::NotYours));
    house.order(call, "1001", Order::Hold).unwrap();
    assert_eq!(house.plays(CALLER), ["music"]);
    house.pass(4 * SECOND);
    house.order(call, "1001", Order::Resume).unwrap();
    house.order(call, "1001", Order::Note { text: "a lamp is broken".into() }).unwrap();
    house.order(call, "1002", Order::Supervise { mode: Supervision::Whisper }).unwrap();
    let lead = house.rung("8002");
    house.answers(lead);
    let pairs = [(CALLER, seat), (seat, CALLER), (lead, CALLER), (lead, seat), (seat, lead)];
    assert_eq!(hears(&house), Some(pairs.into()));
    house.pass(6 * SECOND);
    house.order(call, "1001", Order::HangUp).unwrap();
    assert!(house.released(CALLER).is_some() && house.released(lead).is_some());
    assert_eq!(house.state("1001"), OperatorState::Ready, "no queue asks for a wrap-up");
    assert_eq!(house.events(), [""; 0], "nothing of it is a queue's");
    let record = house.records().remove(0);
    assert_eq!((record.outcome, record.ended_by), (Some(Outcome::Answered), Some(EndedBy::Operator)));
    assert_eq!((record.talk_ms, record.hold_ms, noted(&record)), (10_000, 4_000, vec![("1001", "a lamp is broken")]));
    assert_eq!((record.operator, record.queue, record.within_service_level), (Some("1001".into()), None, None));
}

#[test]
fn a_colleague_takes_it_over_or_another_line_does() {
    let (mut house, call, seat) = talk();
    house.pass(SECOND);
    house.order(call, "1001", Order::Consult { to: Whom::Operator("1002".into()) }).unwrap();
    let second = house.rung("8002");
    house.answers(second);
    house.order(call, "1001", Order::Complete).unwrap();
    assert!(house.released(seat).is_some() && house.are_joined(CALLER, second));
    assert_eq!(
        (house.state("1001"), house.state("1002")),
        (OperatorState::Ready, OperatorState::Talking { contact: call })
    );
    house.pass(3 * SECOND);
    house.order(call, "1002", Order::Transfer { to: Whom::Queue("citizen".into()) }).unwrap();
    assert_eq!(house.state("1002"), OperatorState::Ready);
    let third = house.rung("8003");
    house.answers(third);
    assert_eq!(house.state("1003"), OperatorState::Talking { contact: call });
    house.hangs_up(CALLER);
    assert!(matches!(house.state("1003"), OperatorState::WrapUp { .. }));
    let record = house.records().remove(0);
    let told: Vec<_> = record.transfers.iter().map(|t| (t.kind.as_str(), t.outcome.as_str())).collect();
    assert_eq!(told, [("attended", "transferred"), ("blind", "transferred")]);
    assert_eq!((record.operator, record.queue), (Some("1003".into()), Some("citizen".into())));
}

#[test]
fn who_is_left_by_everybody_goes_on_in_the_menu() {
    // The operator's phone is lost, or whom they sent the caller to does not answer.
    for lost in [true, false] {
        let (mut house, call, seat) = talk();
        if lost {
            house.tell(Event::Sip(sip::Event::FlowLost { leg: seat }));
            assert_eq!(house.plays(CALLER), ["music"]);
            house.pass(Duration::from_secs(16));
            assert_eq!(house.state("1001"), OperatorState::NotReady { reason: "phone_lost".into() });
        } else {
            house.order(call, "1001", Order::Transfer { to: Whom::Operator("1002".into()) }).unwrap();
            let second = house.rung("8002");
            house.refuses(second, 486);
            assert_eq!(house.state("1001"), OperatorState::Ready);
        }
        assert_eq!(house.plays(CALLER), ["zh/message_leave", "beep"], "lost: {lost}");
        house.hangs_up(CALLER);
        house.records();
    }
}

#[test]
fn who_talked_was_answered_though_nothing_leads_on() {
    for hangs_up in [true, false] {
        let (mut house, call, _) = talk_in(house_where(None));
        house.pass(SECOND);
        house.order(call, "1001", Order::Transfer { to: Whom::Operator("1002".into()) }).unwrap();
        let second = house.rung("8002");
        house.refuses(second, 486);
        assert_eq!(house.plays(CALLER), ["zh/failure"]);
        if hangs_up {
            house.hangs_up(CALLER);
        } else {
            house.heard_out(CALLER);
        }
        let record = house.records().remove(0);
        let ended_by = if hangs_up { EndedBy::Caller } else { EndedBy::System };
        assert_eq!((record.outcome, record.ended_by), (Some(Outcome::Answered), Some(ended_by)));
    }
}

/// The sound of a phone that is lost may be found dead before the time is over for which it is waited for.
#[test]
fn who_is_lost_is_waited_for_whatever_their_sound_does() {
    let (mut house, call, seat) = talk();
    house.tell(Event::Sip(sip::Event::FlowLost { leg: seat }));
    house.tell(Event::Media(media::Event::Dead { leg: seat }));
    assert_eq!(house.state("1001"), OperatorState::Holding { contact: call });
    house.tell(Event::Sip(sip::Event::FlowFound { leg: seat }));
    assert!(house.are_joined(CALLER, seat));
    assert!(house.media.iter().any(|command| matches!(command, media::Command::Watch { leg } if *leg == seat)));
    house.tell(Event::Media(media::Event::Dead { leg: seat }));
    assert_eq!(house.state("1001"), OperatorState::NotReady { reason: "phone_lost".into() });
    house.hangs_up(CALLER);
    house.records();
}

#[test]
fn the_operator_who_calls_is_told_that_their_own_phone_has_the_call() {
    let mut house = house();
    house.arrive(CALLER, "8002", "12347", Source::Seat("8002".into()));
    let seat = house.rung("8001");
    house.answers(seat);
    let call = house.calls.call_of(CALLER).unwrap();
    assert_eq!(house.order(call, "1002", Order::Hold), Err(NotDone::OwnCall));
    assert_eq!(house.order(call, "1001", Order::Hold), Ok(()));
    house.hangs_up(CALLER);
    assert_eq!((house.state("1001"), house.state("1002")), (OperatorState::Ready, OperatorState::Ready));
    house.records();
}
