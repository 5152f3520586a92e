//! What waits for the ACK of our 200.

use std::time::Duration;

use super::desk::*;
use crate::call::Action;
use crate::ivr::AnswerWhen;
use crate::media::{self, Direction};
use crate::queue::{Input, LeftLine, Output};
use crate::records::{EndedBy, Outcome};
use crate::sip::{self, Body, Source};

#[test]
fn who_may_know_nothing_of_the_call_hears_nothing_before_the_ack() {
    let called = |forgeable: bool| {
        let mut desk = Desk::new(settings());
        desk.forgeable = forgeable;
        desk.ring("12345", Source::Trunk("carrier".into()));
        desk.durable();
        desk.described(CALLER);
        assert_eq!(desk.asked_sip(is_accept), 1);
        desk
    };
    let plays = |command: &media::Command| matches!(command, media::Command::Play { leg: CALLER, .. });
    assert_eq!(called(false).asked_media(plays), 1, "whoever is there hears the greeting at once");
    let mut desk = called(true);
    desk.pass(Duration::from_secs(31));
    assert_eq!(desk.asked_media(plays), 0);
    for _ in 0..2 {
        desk.sip(sip::Event::Acked { leg: CALLER, answer: None });
        assert_eq!(desk.asked_media(plays), 1, "it begins once");
    }
    desk.media(media::Event::Key { leg: CALLER, key: '1' });
    assert!(matches!(desk.asked_queue()[..], [Input::Join { .. }]));
    // There is nobody.
    let mut desk = called(true);
    desk.sip(sip::Event::Ended { leg: CALLER, why: sip::Ended::NoAck });
    assert_eq!(desk.asked_media(plays), 0);
    desk.closed_sound();
    let record = desk.record();
    assert_eq!((record.outcome, record.ended_by), (Some(Outcome::Failed), Some(EndedBy::System)));
    assert_eq!(record.reason.as_deref(), Some("Q.850;cause=102"));
}

#[test]
fn for_want_of_what_a_caller_is_let_go_is_told() {
    for (acknowledged, text) in [(false, "No ACK"), (true, "No media")] {
        let mut desk = Desk::new(settings());
        desk.ring("12345", Source::Trunk("carrier".into()));
        desk.durable();
        desk.described(CALLER);
        if acknowledged {
            desk.sip(sip::Event::Acked { leg: CALLER, answer: None });
        }
        desk.media(media::Event::Dead { leg: CALLER });
        let said = desk.asked.iter().find_map(|action| match action {
            Action::Sip(sip::Command::Hangup { leg: CALLER, reason }) => reason.clone(),
            _ => None,
        });
        assert_eq!(said, Some(format!("SIP;cause=408;text=\"{text}\"")));
        desk.closed_sound();
        assert_eq!(desk.record().reason.as_deref(), Some("Q.850;cause=102"));
    }
}

/// Whose first agreement it is decides.
#[test]
fn an_answer_that_cannot_be_taken_ends_a_call_whose_sound_never_ran_and_no_other() {
    let answered = |desk: &mut Desk, leg, answer: Option<Body>| {
        let is_refused = answer.is_some();
        desk.sip(sip::Event::Acked { leg, answer });
        if is_refused {
            let why = "no codec in common".into();
            desk.media(media::Event::Unacceptable { leg, why, code: 305, malformed: false });
        }
    };
    let theirs = || Some(Body::sdp(b"theirs".to_vec()));
    let mut desk = Desk::new(settings());
    desk.arrive("12345", Source::Trunk("carrier".into()), None);
    desk.durable();
    desk.described(CALLER);
    answered(&mut desk, CALLER, theirs());
    assert_eq!(desk.asked_sip(is_hangup(CALLER)), 1);
    desk.closed_sound();
    let record = desk.record();
    assert_eq!((record.outcome, record.reason.as_deref()), (Some(Outcome::Failed), Some("Q.850;cause=88")));
    // In a talk they are asked for our description, and answer it with nothing that can be used.
    for leg in [CALLER, SEAT] {
        let mut desk = Desk::new(settings());
        desk.go_to_talk();
        for answer in [theirs(), None] {
            desk.sip(sip::Event::Reoffer { leg, body: None });
            desk.described(leg);
            answered(&mut desk, leg, answer);
        }
        let accepted = |command: &sip::Command| matches!(command, sip::Command::AcceptReoffer { .. });
        assert_eq!(desk.asked_sip(accepted), 2);
        assert_eq!(desk.asked_sip(is_hangup(CALLER)) + desk.asked_sip(is_hangup(SEAT)), 0, "{leg}");
        desk.sip(sip::Event::Ended { leg: CALLER, why: sip::Ended::Bye });
        desk.closed_sound();
        let record = desk.record();
        assert_eq!((record.outcome, record.ended_by), (Some(Outcome::Answered), Some(EndedBy::Caller)));
    }
}

#[test]
fn a_late_offer_that_is_never_answered_ends_the_call() {
    let late = || {
        let mut desk = Desk::new(settings());
        desk.arrive("12345", Source::Trunk("carrier".into()), None);
        desk.durable();
        desk.described(CALLER);
        assert_eq!(desk.asked_sip(is_accept), 1);
        desk
    };
    // Signalling says that the ACK answered nothing, and has sent the BYE.
    let mut desk = late();
    desk.sip(sip::Event::Ended { leg: CALLER, why: sip::Ended::NoAnswer });
    desk.closed_sound();
    let record = desk.record();
    assert_eq!((record.outcome, record.ended_by), (Some(Outcome::Failed), Some(EndedBy::System)));
    // Nobody says anything.
    let mut desk = late();
    desk.sip(sip::Event::Acked { leg: CALLER, answer: Some(Body::sdp(b"theirs".to_vec())) });
    desk.pass(Duration::from_secs(41));
    assert_eq!(desk.asked_sip(is_hangup(CALLER)), 1);
    desk.closed_sound();
    assert_eq!(desk.record().outcome, Some(Outcome::Failed));
    // It is answered, and goes on.
    let mut desk = late();
    desk.sip(sip::Event::Acked { leg: CALLER, answer: Some(Body::sdp(b"theirs".to_vec())) });
    desk.media(media::Event::Agreed { leg: CALLER, direction: Direction::Both });
    desk.pass(Duration::from_secs(4));
    desk.media(media::Event::Key { leg: CALLER, key: '1' });
    assert!(matches!(desk.asked_queue()[..], [Input::Join { .. }]));
}

#[test]
fn how_the_invite_was_answered_is_in_the_record_when_it_ends_before_the_operator_is_there() {
    let ended = |answer, why| {
        let mut settings = settings();
        settings.ivr.answer = answer;
        let mut desk = Desk::new(settings);
        desk.go_to_line('1');
        desk.sip(sip::Event::Ended { leg: CALLER, why });
        let (contact, why) = (desk.call, LeftLine::CallerGone);
        desk.queue(Output::Left { contact, queue: "citizen".into(), why, exit: None, waited_ms: 0 });
        desk.closed_sound();
        desk.record().sip_status
    };
    for (why, status) in [(sip::Ended::Cancelled, 487), (sip::Ended::Bye, 487), (sip::Ended::Lost, 504)] {
        assert_eq!(ended(AnswerWhen::OnConnect, why), Some(status), "{why:?}");
    }
    for why in [sip::Ended::Bye, sip::Ended::Lost] {
        assert_eq!(ended(AnswerWhen::AtOnce, why), Some(200), "{why:?}");
    }
}

/// A PRACK is missing still, so that the 200 has not left: what they heard with an operator before that is no answer.
#[test]
fn who_never_got_the_200_was_not_answered() {
    let talks = || {
        let mut desk = Desk::new(settings());
        desk.go_to_talk();
        desk
    };
    let told = |mut desk: Desk| {
        desk.closed_sound();
        let record = desk.record();
        (record.outcome, record.sip_status, record.answered_at, record.reason.clone(), record.ended_by)
    };
    let mut desk = talks();
    desk.sip(sip::Event::NotAccepted { leg: CALLER, status: 504 });
    desk.sip(sip::Event::Ended { leg: CALLER, why: sip::Ended::Lost });
    let reason = Some("Q.850;cause=102".to_string());
    assert_eq!(told(desk), (Some(Outcome::Failed), Some(504), None, reason, Some(EndedBy::System)));
    // The operator hangs up meanwhile.
    let mut desk = talks();
    desk.sip(sip::Event::Ended { leg: SEAT, why: sip::Ended::Bye });
    desk.sip(sip::Event::NotAccepted { leg: CALLER, status: 480 });
    assert_eq!(told(desk), (Some(Outcome::Failed), Some(480), None, None, Some(EndedBy::Operator)));
}

#[test]
fn who_acknowledges_what_comes_before_the_200_is_led_on_once_they_did() {
    let called = || {
        let mut settings = settings();
        settings.ivr.answer = AnswerWhen::OnConnect;
        let mut desk = Desk::new(settings);
        desk.reliable = true;
        desk.ring("12345", Source::Trunk("carrier".into()));
        desk.durable();
        desk.described(CALLER);
        assert_eq!(desk.asked_sip(|command| matches!(command, sip::Command::Progress { .. })), 1);
        desk
    };
    let plays = |command: &media::Command| matches!(command, media::Command::Play { leg: CALLER, .. });
    let mut desk = called();
    assert_eq!(desk.asked_media(plays), 0);
    for _ in 0..2 {
        desk.sip(sip::Event::Acked { leg: CALLER, answer: None });
        assert_eq!(desk.asked_media(plays), 1, "it begins once");
    }
    // Nobody was rung for who never does.
    let mut desk = called();
    desk.pass(Duration::from_secs(32));
    desk.sip(sip::Event::Ended { leg: CALLER, why: sip::Ended::Lost });
    desk.closed_sound();
    assert!(desk.asked_queue().is_empty() && desk.asked_media(plays) == 0);
    let record = desk.record();
    let reason = Some("Q.850;cause=102");
    assert_eq!(
        (record.outcome, record.sip_status, record.reason.as_deref()),
        (Some(Outcome::Failed), Some(504), reason)
    );
}
