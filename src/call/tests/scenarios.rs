//! Events in, actions out: one call after another, without sockets, sound or an engine.

use std::time::Duration;

use super::desk::*;
use super::house::CITIZEN;
use crate::call::{Action, Event};
use crate::ids::{Language, OperatorId, QueueId};
use crate::ivr::{AnswerWhen, Told};
use crate::media::{self, Direction};
use crate::queue::{Input, JoinRefusal, LeftLine, OfferFailure, OfferOutcome, OperatorState, Output};
use crate::records::{EndedBy, Entry, LineOutcome, Outcome};
use crate::sip::{self, Body, Source};

#[test]
fn a_call_from_ring_to_record() {
    let mut desk = Desk::new(settings());
    desk.go_to_talk();
    assert_eq!(desk.asked_sip(is_accept), 1);
    assert_eq!(desk.joined(), 1);
    assert!(desk.asked_queue().contains(&&Input::Accepted { offer: OFFER }));
    desk.pass(Duration::from_secs(90));
    desk.sip(sip::Event::Ended { leg: CALLER, why: sip::Ended::Bye });
    assert!(desk.asked_queue().contains(&&Input::TalkEnded { contact: desk.call }));
    assert_eq!(desk.asked_sip(is_hangup(SEAT)), 1);
    desk.closed_sound();
    let record = desk.record();
    assert_eq!((record.outcome, record.ended_by), (Some(Outcome::Answered), Some(EndedBy::Caller)));
    assert_eq!((record.talk_ms, record.choices.as_str(), record.sip_status), (90_000, "1", Some(200)));
    assert_eq!(record.within_service_level, Some(true));
    assert_eq!(desk.events(), ["ENTERQUEUE", "CONNECT", "COMPLETECALLER"]);
}

#[test]
fn keys_are_listened_for_in_the_sound_of_those_trunks_alone_that_say_so() {
    for (trunk, source, asked) in [
        ("carrier", Source::Trunk("carrier".into()), 1),
        ("another", Source::Trunk("carrier".into()), 0),
        ("carrier", Source::Seat("8001".into()), 0),
    ] {
        let mut desk = Desk::new(crate::call::Settings { tones_of_trunks: [trunk.into()].into(), ..settings() });
        desk.ring("12345", source);
        assert_eq!(desk.asked_media(|command| matches!(command, media::Command::HearKeys { leg: CALLER })), asked);
    }
}

#[test]
fn no_answer_leaves_before_the_opening_entry_is_durable() {
    for sound_first in [true, false] {
        let mut desk = Desk::new(settings());
        desk.ring("12345", Source::Trunk("carrier".into()));
        assert!(matches!(desk.entries[0], Entry::Opened(_)));
        if sound_first {
            desk.described(CALLER)
        } else {
            desk.durable()
        }
        assert_eq!(desk.asked_sip(|_| true), 0, "sound first: {sound_first}");
        if sound_first {
            desk.durable()
        } else {
            desk.described(CALLER)
        }
        assert_eq!(desk.asked_sip(is_accept), 1, "sound first: {sound_first}");
    }
}

#[test]
fn early_media_is_accepted_when_the_operator_is_there() {
    let mut settings = settings();
    settings.ivr.answer = AnswerWhen::OnConnect;
    let mut desk = Desk::new(settings);
    desk.go_to_line('1');
    assert_eq!(desk.asked_sip(|command| matches!(command, sip::Command::Progress { .. })), 1);
    assert_eq!(desk.asked_sip(is_accept), 0);
    let watched = |desk: &Desk| desk.asked_media(|command| matches!(command, media::Command::Watch { leg: CALLER }));
    assert_eq!(watched(&desk), 0, "a phone owes no sound before its 200");
    let mut desk = Desk::new({
        let mut settings = self::settings();
        settings.ivr.answer = AnswerWhen::OnConnect;
        settings
    });
    desk.go_to_talk();
    assert_eq!((desk.asked_sip(is_accept), watched(&desk)), (1, 1));
}

#[test]
fn a_number_that_nobody_has_is_404_and_costs_no_sound() {
    let mut desk = Desk::new(settings());
    desk.ring("99", Source::Trunk("carrier".into()));
    let is_404 = |command: &sip::Command| matches!(command, sip::Command::Refuse { status: 404, .. });
    assert_eq!(desk.asked_sip(is_404), 1);
    assert_eq!(desk.asked_media(|_| true), 0);
    assert_eq!(desk.record().outcome, Some(Outcome::RefusedRules));
}

#[test]
fn ports_and_descriptions_may_be_refused() {
    let refusals = [
        (media::Event::Exhausted { leg: CALLER }, 503, Outcome::RefusedBusy),
        (
            media::Event::Unacceptable { leg: CALLER, why: "x".into(), code: 305, malformed: false },
            488,
            Outcome::Failed,
        ),
        (media::Event::Unacceptable { leg: CALLER, why: "x".into(), code: 305, malformed: true }, 400, Outcome::Failed),
    ];
    for (event, status, outcome) in refusals {
        let mut desk = Desk::new(settings());
        desk.ring("12345", Source::Trunk("carrier".into()));
        desk.media(event);
        desk.closed_sound();
        desk.durable();
        let record = desk.record();
        assert_eq!((record.sip_status, record.outcome), (Some(status), Some(outcome)));
        assert_eq!(desk.asked_sip(is_accept), 0);
        let says_why =
            |command: &sip::Command| matches!(command, sip::Command::Warn { code: 305, why, .. } if why == "x");
        assert_eq!(desk.asked_sip(says_why), usize::from(status == 488));
    }
}

#[test]
fn who_gives_up_leaves_the_line_and_stops_the_ringing() {
    let mut desk = Desk::new(settings());
    desk.go_to_line('1');
    desk.tell(Event::Place { call: desk.call, told: Told { number: 4, expected_wait: None, ringing: false } });
    desk.pass(Duration::from_secs(1));
    desk.tell(Event::Place { call: desk.call, told: Told { number: 2, expected_wait: None, ringing: false } });
    desk.offered();
    desk.sip(sip::Event::Ended { leg: CALLER, why: sip::Ended::Bye });
    assert!(desk.asked_queue().contains(&&Input::Leave { contact: desk.call }));
    let (contact, why) = (desk.call, OfferOutcome::CallerGone);
    desk.queue(Output::Withdraw { offer: OFFER, contact, why });
    assert_eq!(desk.asked_sip(is_hangup(SEAT)), 1);
    desk.offer_ended(OfferOutcome::CallerGone);
    desk.queue(Output::Left { contact, queue: "citizen".into(), why: LeftLine::CallerGone, exit: None, waited_ms: 0 });
    desk.closed_sound();
    let record = desk.record();
    assert_eq!((record.outcome, record.ended_by), (Some(Outcome::AbandonedInQueue), Some(EndedBy::Caller)));
    assert_eq!(record.offers.len(), 1);
    let abandoned = desk.entries.iter().find_map(|entry| match entry {
        Entry::Event(event) if event.event == "ABANDON" => Some(event.data.clone()),
        _ => None,
    });
    assert_eq!(abandoned.unwrap(), ["2", "4", "1"], "position, original position, seconds");
    assert_eq!(desk.events(), ["ENTERQUEUE", "RINGCANCELED", "ABANDON"]);
}

#[test]
fn what_a_phone_says_becomes_the_word_that_the_engine_knows() {
    let refusals = [
        (486, OfferFailure::Busy),
        (600, OfferFailure::Busy),
        (480, OfferFailure::Rejected),
        (603, OfferFailure::Rejected),
        (404, OfferFailure::Unreachable),
        (408, OfferFailure::Unreachable),
        (503, OfferFailure::Unreachable),
    ];
    for (status, why) in refusals {
        let mut desk = Desk::new(settings());
        desk.go_to_line('1');
        desk.offered();
        desk.sip(sip::Event::Refused { leg: SEAT, status });
        assert_eq!(desk.asked_queue().last(), Some(&&Input::Failed { offer: OFFER, why }), "{status}");
        assert_eq!(desk.asked_sip(is_accept), 1, "the caller stays");
    }
}

#[test]
fn a_phone_that_says_nothing_is_given_back() {
    let failed = Input::Failed { offer: OFFER, why: OfferFailure::Unreachable };
    let mut desk = Desk::new(settings());
    desk.go_to_line('1');
    desk.offered();
    desk.pass(Duration::from_secs(7));
    assert!(desk.asked_queue().contains(&&failed));
    assert_eq!(desk.asked_sip(is_hangup(SEAT)), 1);

    let mut desk = Desk::new(settings());
    desk.go_to_line('1');
    desk.offered();
    desk.sip(sip::Event::Ringing { leg: SEAT });
    desk.pass(Duration::from_secs(7));
    assert!(!desk.asked_queue().contains(&&failed), "a phone that rings may ring");
}

#[test]
fn ports_that_we_lack_are_no_fault_of_the_operators() {
    let failed = Input::Failed { offer: OFFER, why: OfferFailure::Unreachable };
    let invited = |desk: &Desk| desk.asked_sip(|command| matches!(command, sip::Command::Invite(_)));
    let no_ports = |seconds: usize| {
        let mut desk = Desk::new(settings());
        desk.go_to_line('1');
        desk.offered_without_description();
        for _ in 0..seconds {
            desk.media(media::Event::Exhausted { leg: SEAT });
            assert!(!desk.asked_queue().contains(&&failed));
            desk.pass(Duration::from_secs(1));
        }
        desk
    };
    let mut desk = no_ports(5);
    assert_eq!(invited(&desk), 0);
    desk.described(SEAT);
    assert_eq!(invited(&desk), 1);
    desk.pass(Duration::from_secs(5));
    assert!(!desk.asked_queue().contains(&&failed), "its phone has its time");
    desk.pass(Duration::from_secs(1));
    assert!(desk.asked_queue().contains(&&failed));
    assert!(no_ports(6).asked_queue().contains(&&failed), "the offer is not kept for ever");
}

#[test]
fn an_answer_without_a_description_or_after_the_withdrawal_joins_nobody() {
    let mut desk = Desk::new(settings());
    desk.go_to_line('1');
    desk.offered();
    desk.sip(sip::Event::Answered { leg: SEAT, body: None });
    assert!(desk.asked_queue().contains(&&Input::Failed { offer: OFFER, why: OfferFailure::Unreachable }));
    assert_eq!(desk.joined(), 0);

    let mut desk = Desk::new(settings());
    desk.go_to_line('1');
    desk.offered();
    let (contact, why) = (desk.call, OfferOutcome::NoAnswer);
    desk.queue(Output::Withdraw { offer: OFFER, contact, why });
    desk.sip(sip::Event::Answered { leg: SEAT, body: Some(Body::sdp(b"late".to_vec())) });
    assert!(!desk.asked_queue().contains(&&Input::Accepted { offer: OFFER }));
    assert_eq!(desk.joined(), 0);
}

#[test]
fn the_seats_leg_has_a_hop_less_than_the_callers() {
    let mut desk = Desk::new(settings());
    desk.go_to_line('1');
    desk.offered();
    assert_eq!(desk.asked_sip(|c| matches!(c, sip::Command::Invite(invite) if invite.hops == 16)), 1);
}

#[test]
fn hold_and_resume_from_both_sides_is_counted_once() {
    let mut desk = Desk::new(settings());
    desk.go_to_talk();
    let change = |desk: &mut Desk, leg, direction| {
        desk.sip(sip::Event::Reoffer { leg, body: Some(Body::sdp(b"new".to_vec())) });
        desk.media(media::Event::Described { leg, sdp: b"ours".to_vec(), direction });
    };
    change(&mut desk, SEAT, Direction::TheyHold);
    let music = |command: &media::Command| matches!(command, media::Command::Play { leg: CALLER, looped: Some(_), prompts, .. } if prompts.is_empty());
    assert!(desk.asked_media(music) > 0, "the caller hears music");
    desk.pass(Duration::from_secs(10));
    change(&mut desk, CALLER, Direction::Neither);
    desk.pass(Duration::from_secs(10));
    change(&mut desk, SEAT, Direction::Both);
    desk.pass(Duration::from_secs(10));
    assert_eq!(desk.joined(), 1, "the caller still holds");
    change(&mut desk, CALLER, Direction::Both);
    assert_eq!(desk.joined(), 2);
    assert_eq!(desk.asked_sip(|command| matches!(command, sip::Command::AcceptReoffer { .. })), 4);
    desk.pass(Duration::from_secs(10));
    desk.sip(sip::Event::Ended { leg: SEAT, why: sip::Ended::Bye });
    assert_eq!(desk.asked_sip(is_hangup(CALLER)), 1);
    desk.closed_sound();
    let hold_of_seat = [true, false].map(|held| Input::Held { contact: desk.call, held });
    assert!(hold_of_seat.iter().all(|input| desk.asked_queue().contains(&input)));
    let record = desk.record();
    assert_eq!((record.hold_ms, record.talk_ms, record.ended_by), (30_000, 40_000, Some(EndedBy::Operator)));
}

#[test]
fn a_description_that_is_refused_in_a_talk_changes_nothing() {
    for leg in [CALLER, SEAT] {
        let mut desk = Desk::new(settings());
        desk.go_to_talk();
        desk.sip(sip::Event::Reoffer { leg, body: Some(Body::sdp(b"video".to_vec())) });
        desk.media(media::Event::Unacceptable { leg, why: "nothing in common".into(), code: 305, malformed: false });
        let refused = |command: &sip::Command| matches!(command, sip::Command::RefuseReoffer { status: 488, .. });
        assert_eq!(desk.asked_sip(refused), 1);
        assert_eq!(desk.asked_sip(|command| matches!(command, sip::Command::Hangup { .. })), 0);
        assert_eq!(desk.calls.len(), 1);
    }
}

#[test]
fn closed_full_and_too_long_are_said_before_the_house_hangs_up() {
    let ways = [
        (Some(JoinRefusal::Closed), "closed", Outcome::RefusedClosed),
        (Some(JoinRefusal::Full), "busy", Outcome::RefusedBusy),
        (None, "busy", Outcome::Overflowed),
    ];
    for (refusal, prompt, outcome) in ways {
        let mut desk = Desk::new(settings());
        desk.ring("12345", Source::Trunk("carrier".into()));
        desk.durable();
        desk.described(CALLER);
        desk.media(media::Event::Key { leg: CALLER, key: '2' });
        let (contact, queue) = (desk.call, "english".into());
        match refusal {
            Some(why) => desk.queue(Output::Refused { contact, queue, why, exit: None }),
            None => {
                desk.queue(joined(contact, "english", desk.now));
                desk.queue(Output::Left { contact, queue, why: LeftLine::TooLong, exit: None, waited_ms: 0 });
            }
        }
        let Some(Action::Media(media::Command::Play { token, prompts, .. })) = desk.asked.last().cloned() else {
            panic!("nothing is said")
        };
        assert_eq!(prompts, [crate::ids::Prompt::spoken(Language::EN, prompt)]);
        assert_eq!(desk.asked_sip(is_hangup(CALLER)), 0);
        desk.media(media::Event::Played { leg: CALLER, token });
        assert_eq!(desk.asked_sip(is_hangup(CALLER)), 1);
        desk.closed_sound();
        let record = desk.record();
        assert_eq!((record.outcome, record.ended_by), (Some(outcome), Some(EndedBy::System)));
    }
}

#[test]
fn sound_that_never_says_its_figures_does_not_keep_the_record_open() {
    let mut desk = Desk::new(settings());
    desk.go_to_talk();
    desk.sip(sip::Event::Ended { leg: CALLER, why: sip::Ended::Lost });
    desk.pass(Duration::from_secs(3));
    assert_eq!(desk.record().ended_by, Some(EndedBy::System));
}

#[test]
fn a_caller_who_is_dead_ends_the_talk_on_both_sides() {
    let mut desk = Desk::new(settings());
    desk.go_to_talk();
    desk.media(media::Event::Dead { leg: CALLER });
    assert_eq!((desk.asked_sip(is_hangup(CALLER)), desk.asked_sip(is_hangup(SEAT))), (1, 1));
    desk.closed_sound();
    assert_eq!(desk.record().ended_by, Some(EndedBy::System));
}

#[test]
fn the_house_ends_what_is_left() {
    let mut desk = Desk::new(settings());
    desk.go_to_talk();
    desk.calls.end_all(desk.now);
    desk.collect();
    desk.calls.end_all(desk.now);
    desk.collect();
    assert_eq!((desk.asked_sip(is_hangup(CALLER)), desk.asked_sip(is_hangup(SEAT))), (1, 1));
    desk.closed_sound();
    assert_eq!(desk.record().outcome, Some(Outcome::SystemRestart), "they were not done");
}

#[test]
fn whoever_hangs_up_on_the_way_into_the_line_is_let_out_of_it() {
    let on_the_way = || {
        let mut desk = Desk::new(settings());
        desk.ring("12345", Source::Trunk("carrier".into()));
        desk.durable();
        desk.described(CALLER);
        desk.media(media::Event::Key { leg: CALLER, key: '1' });
        desk.sip(sip::Event::Ended { leg: CALLER, why: sip::Ended::Bye });
        let contact = desk.call;
        let asked = desk.asked_queue();
        assert!(matches!(asked[..], [Input::Join { .. }, Input::Leave { .. }]), "{asked:?}");
        desk.closed_sound();
        (desk, contact)
    };
    let queue = || "citizen".into();
    // The engine's answers come when the call is over.
    let (mut desk, contact) = on_the_way();
    assert_eq!(desk.calls.len(), 1, "the record waits for the engine");
    desk.queue(joined(contact, "citizen", desk.now));
    desk.queue(Output::Left { contact, queue: queue(), why: LeftLine::CallerGone, exit: None, waited_ms: 0 });
    assert_eq!((desk.record().outcome, desk.record().queued_at), (Some(Outcome::AbandonedInQueue), None));
    let answers = [
        Output::Refused { contact, queue: queue(), why: JoinRefusal::Full, exit: None },
        Output::Left { contact, queue: queue(), why: LeftLine::TooLong, exit: None, waited_ms: 0 },
    ];
    for answer in answers {
        let (mut desk, _) = on_the_way();
        let plays = desk.asked.len();
        desk.queue(answer);
        assert_eq!(desk.record().outcome, Some(Outcome::AbandonedInQueue));
        assert_eq!(desk.asked.len(), plays, "last words to nobody");
    }
    // An engine that never answers does not keep it, nor wake it for ever.
    let (mut desk, _) = on_the_way();
    desk.pass(Duration::from_secs(3));
    desk.record();
}

#[test]
fn a_caller_who_hangs_up_as_the_operator_answers_leaves_the_operator_free() {
    let mut desk = Desk::new(settings());
    desk.go_to_line('1');
    desk.offered();
    desk.sip(sip::Event::Answered { leg: SEAT, body: Some(Body::sdp(b"seat".to_vec())) });
    desk.media(media::Event::Agreed { leg: SEAT, direction: Direction::Both });
    desk.sip(sip::Event::Ended { leg: CALLER, why: sip::Ended::Bye });
    desk.offer_ended(OfferOutcome::Answered);
    let (contact, queue) = (desk.call, "citizen".into());
    desk.queue(Output::Connected { contact, queue, operator: "1001".into(), seat: "8001".into(), waited_ms: 0 });
    assert_eq!(desk.asked_queue().last(), Some(&&Input::TalkEnded { contact }));
    assert_eq!(desk.joined(), 0);
    desk.closed_sound();
    assert_eq!(desk.asked_sip(is_hangup(SEAT)), 1);
    assert_eq!(desk.record().outcome, Some(Outcome::AbandonedInQueue));
}

#[test]
fn a_caller_whose_operator_hangs_up_as_they_answer_is_first_in_the_line() {
    let mut desk = Desk::new(settings());
    desk.go_to_line('1');
    desk.offered();
    desk.sip(sip::Event::Answered { leg: SEAT, body: Some(Body::sdp(b"seat".to_vec())) });
    desk.media(media::Event::Agreed { leg: SEAT, direction: Direction::Both });
    desk.sip(sip::Event::Ended { leg: SEAT, why: sip::Ended::Bye });
    desk.offer_ended(OfferOutcome::Answered);
    let (contact, queue) = (desk.call, QueueId::from("citizen"));
    let (operator, seat) = (OperatorId::from("1001"), "8001".into());
    let connected = Output::Connected { contact, queue: queue.clone(), operator: operator.clone(), seat, waited_ms: 0 };
    desk.queue(connected);
    let back = Input::Return { contact, queue, caller: Some(CITIZEN.into()), failed_by: Some(operator) };
    let asked = desk.asked_queue();
    assert_eq!(asked[asked.len() - 2..], [&Input::TalkEnded { contact }, &back]);
    desk.queue(joined(contact, "citizen", desk.now));
    desk.offered_without_description();
    assert_eq!(desk.asked_media(|command| matches!(command, media::Command::MakeOffer { .. })), 2, "another is rung");
    desk.sip(sip::Event::Ended { leg: CALLER, why: sip::Ended::Bye });
    desk.closed_sound();
    let queue = "citizen".into();
    desk.queue(Output::Left { contact, queue, why: LeftLine::CallerGone, exit: None, waited_ms: 0 });
    let visits: Vec<LineOutcome> = desk.record().lines.iter().map(|line| line.outcome).collect();
    assert_eq!(visits, [LineOutcome::Answered, LineOutcome::ShortAbandoned], "as the engine counts it");
}

#[test]
fn a_phone_that_is_lost_in_a_break_does_not_end_the_break() {
    let mut desk = Desk::new(settings());
    let meal = || OperatorState::NotReady { reason: "meal".into() };
    let lost = OperatorState::Unreachable { was: Box::new(meal()) };
    for state in [OperatorState::Ready, meal(), lost, meal(), OperatorState::Ready] {
        desk.queue(Output::Operator { operator: "1001".into(), seat: Some("8001".into()), state, next: None });
    }
    assert_eq!(desk.events(), ["AGENTLOGIN", "PAUSE", "UNPAUSE"]);
}

#[test]
fn who_holds_before_the_talk_begins_holds_in_it() {
    for (held_by, hears_music) in [(CALLER, SEAT), (SEAT, CALLER)] {
        let mut desk = Desk::new(settings());
        desk.go_to_line('1');
        let direction_of = |leg| if leg == held_by { Direction::TheyHold } else { Direction::Both };
        // The caller holds while in the line; the seat answers sendonly.
        desk.sip(sip::Event::Reoffer { leg: CALLER, body: Some(Body::sdp(b"new".to_vec())) });
        desk.media(media::Event::Described { leg: CALLER, sdp: b"ours".to_vec(), direction: direction_of(CALLER) });
        desk.offered();
        desk.sip(sip::Event::Answered { leg: SEAT, body: Some(Body::sdp(b"seat".to_vec())) });
        desk.media(media::Event::Agreed { leg: SEAT, direction: direction_of(SEAT) });
        let (contact, queue) = (desk.call, "citizen".into());
        desk.queue(Output::Connected { contact, queue, operator: "1001".into(), seat: "8001".into(), waited_ms: 0 });
        let last = desk.asked.iter().rev().find_map(|action| match action {
            Action::Media(media::Command::Play { leg, looped: Some(_), .. }) => Some(*leg),
            Action::Media(media::Command::Join { .. }) => panic!("joined, though {held_by} holds"),
            _ => None,
        });
        assert_eq!(last, Some(hears_music));
        desk.pass(Duration::from_secs(10));
        desk.sip(sip::Event::Reoffer { leg: held_by, body: Some(Body::sdp(b"new".to_vec())) });
        let direction = Direction::Both;
        desk.media(media::Event::Described { leg: held_by, sdp: b"ours".to_vec(), direction });
        assert_eq!(desk.joined(), 2, "back again");
        desk.sip(sip::Event::Ended { leg: CALLER, why: sip::Ended::Bye });
        desk.closed_sound();
        assert_eq!(desk.record().hold_ms, 10_000);
    }
}

#[test]
fn a_call_that_nobody_takes_has_a_record_of_bounded_length() {
    let mut desk = Desk::new(settings());
    desk.go_to_line('1');
    for n in 0..1000 {
        let (contact, at) = (desk.call, desk.now);
        let (operator, seat, outcome) = ("1001".into(), "8001".into(), OfferOutcome::Busy);
        desk.queue(Output::OfferEnded { offer: OFFER, contact, operator, seat, outcome, at, ms: n });
    }
    desk.sip(sip::Event::Ended { leg: CALLER, why: sip::Ended::Bye });
    desk.queue(Output::Left {
        contact: desk.call,
        queue: "citizen".into(),
        why: LeftLine::CallerGone,
        exit: None,
        waited_ms: 0,
    });
    desk.closed_sound();
    let told: Vec<u64> = desk.record().offers.iter().map(|offer| offer.ms).collect();
    assert!(told.into_iter().eq((0..100).chain(900..1000)), "the first and the last hundred");
}
