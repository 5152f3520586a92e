//! Why a call ended, as the carrier or phone says that ended it; and what those are told who were rung in vain.

use std::time::Duration;

use super::desk::*;
use super::house::{CITIZEN, House, rules};
use crate::call::Event;
use crate::queue::Exit;
use crate::sip::{self, Body, Reason};

#[test]
fn what_the_message_that_ends_a_call_says_of_it_is_in_the_record() {
    for (reason, ends, expected) in [
        (Some(Reason::Q850(16)), CALLER, Some("Q.850;cause=16")),
        (Some(Reason::Sip(480)), SEAT, Some("SIP;cause=480")),
        (None, CALLER, None),
    ] {
        let mut desk = Desk::new(settings());
        desk.go_to_talk();
        if let Some(reason) = reason {
            desk.sip(sip::Event::Because { leg: ends, reason });
        }
        desk.sip(sip::Event::Ended { leg: ends, why: sip::Ended::Bye });
        desk.closed_sound();
        assert_eq!(desk.record().reason.as_deref(), expected);
    }
}

#[test]
fn what_a_phone_says_that_ended_only_its_own_ringing_is_not_the_calls_reason() {
    let mut house = House::open(rules(|_| {}), &["8001"]);
    let caller = house.call(1, CITIZEN);
    let seat = house.rung("8001");
    house.tell(Event::Sip(sip::Event::Because { leg: seat, reason: Reason::Q850(17) }));
    house.refuses(seat, 486);
    house.pass(Duration::from_secs(1));
    house.hangs_up(caller);
    assert_eq!(house.records().remove(0).reason, None);
}

#[test]
fn who_does_not_come_to_the_phone_outside_is_told_so() {
    let keys = [('0', Exit::Number("01065139999".into()))];
    let mut house = House::open(rules(|citizen| citizen.keys = keys.into()), &[]);
    let caller = house.call(1, CITIZEN);
    house.key(caller, '0');
    let outside = house.rung("01065139999");
    house.tell(Event::Sip(sip::Event::Progress { leg: outside, body: Body::sdp(b"theirs".to_vec()) }));
    house.pass(Duration::from_secs(121));
    assert_eq!(house.released(outside), Some(Some("Q.850;cause=19;text=\"No answer from the user\"")));
}
