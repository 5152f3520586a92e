//! Recordings: of whom, from when on, what the index says, and what becomes of the file.

use std::collections::BTreeSet;
use std::time::Duration;

use super::desk;
use super::house::*;
use super::orders::{SECOND, hears};
use crate::call::{Event, NotDone, Order, QueueFacts, Recorded, Settings, Whom};
use crate::ids::{CallId, LegId};
use crate::media::{self, Sides};
use crate::queue::{By, CallbackFirst, Input};
use crate::records::{self, Entry, Record};
use crate::sip::{self, Body, Source};
use crate::tape::Written;

/// A house in which the talks of `citizen` are recorded.
fn settings() -> Settings {
    let mut settings = desk::settings();
    settings.ivr.notice = Some("notice".into());
    settings.queues.get_mut("citizen").unwrap().recorded = true;
    settings
}

fn house() -> House {
    House::with(settings(), rules(|_| {}), &["8001", "8002"])
}

/// What those who look on are told.
fn recorded(house: &House, call: CallId) -> Option<Recorded> {
    house.calls.view(call).unwrap().recorded
}

/// The notice was heard to its end on this leg.
fn notice(house: &mut House, leg: LegId) {
    house.tell(Event::Media(media::Event::Noticed { leg }));
}

/// A caller who was told, with operator 1001.
pub fn talk() -> (House, CallId, LegId, LegId) {
    let mut house = house();
    let caller = house.call(1, CITIZEN);
    notice(&mut house, caller);
    let seat = house.rung("8001");
    house.answers(seat);
    let call = house.calls.call_of(caller).unwrap();
    (house, call, caller, seat)
}

/// What was asked of the recorder, in order.
fn asked(house: &House) -> Vec<String> {
    let told = |command: &media::Command| match command {
        media::Command::Record { leg, file, sides, .. } => Some(format!("{leg} {file} {sides:?}")),
        media::Command::PauseRecording { paused, .. } => Some(format!("paused {paused}")),
        media::Command::StopRecording { .. } => Some("stop".into()),
        _ => None,
    };
    house.media.iter().filter_map(told).collect()
}

fn index(record: &Record) -> Vec<(u64, &str, &str, bool)> {
    let of = record.recording.iter().flat_map(|recording| &recording.index);
    let operator =
        |entry: &crate::records::IndexEntry| entry.operator.as_ref().map_or("", |id| id.as_str()).to_string();
    of.map(|entry| (entry.at_ms, entry.stage.as_str(), &*operator(entry).leak(), entry.paused)).collect()
}

#[test]
fn a_talk_is_recorded_from_its_beginning_in_one_file_with_an_index() {
    let (mut house, call, caller, seat) = talk();
    assert_eq!(asked(&house), [format!("{caller} recordings/2025-11-24/{call}.wav {:?}", Sides::Both)]);
    let known = house.entries.iter().rev().find_map(|entry| match entry {
        Entry::Changed(record) => record.recording.as_ref().and_then(|recording| recording.file.clone()),
        _ => None,
    });
    assert!(known.is_some(), "a restart knows of the file");
    house.pass(10 * SECOND);
    house.order(call, "1001", Order::Hold).unwrap();
    house.pass(5 * SECOND);
    house.order(call, "1001", Order::Resume).unwrap();
    house.pass(5 * SECOND);
    house.order(call, "1001", Order::Consult { to: Whom::Operator("1002".into()) }).unwrap();
    let second = house.rung("8002");
    house.answers(second);
    house.pass(10 * SECOND);
    house.order(call, "1001", Order::Complete).unwrap();
    house.pass(5 * SECOND);
    // The caller's own phone holds, and comes back.
    for holding in [BTreeSet::from([caller]), BTreeSet::new()] {
        house.holding = holding;
        house.tell(Event::Sip(sip::Event::Reoffer { leg: caller, body: Some(Body::sdp(b"theirs".to_vec())) }));
        house.pass(3 * SECOND);
    }
    house.hangs_up(second);
    assert_eq!(asked(&house).len(), 1, "one file: {:?}", asked(&house));
    assert!(house.released(seat).is_some());
    let record = house.records().remove(0);
    assert_eq!(
        index(&record),
        [
            (0, "talking", "1001", false),
            (10_000, "holding", "1001", false),
            (15_000, "talking", "1001", false),
            (20_000, "consulting", "1001", false),
            (30_000, "talking", "1002", false),
            (35_000, "caller_holds", "1002", false),
            (38_000, "talking", "1002", false),
        ]
    );
    let recording = record.recording.unwrap();
    assert_eq!((recording.sha256.as_deref(), recording.length_ms, recording.why), (Some("5a"), Some(5_000), None));
}

#[test]
fn those_who_look_on_are_told_what_is_not_recorded_yet_and_what_never_will_be() {
    let mut house = house();
    let caller = house.call(1, CITIZEN);
    let call = house.calls.call_of(caller).unwrap();
    let seat = house.rung("8001");
    assert_eq!(recorded(&house, call), Some(Recorded::Soon), "it rings");
    house.answers(seat);
    assert_eq!(recorded(&house, call), Some(Recorded::Soon), "the caller is being told of it");
    notice(&mut house, caller);
    assert_eq!(recorded(&house, call), Some(Recorded::On));
    house.cannot_record(caller, "the disk is full");
    assert_eq!(recorded(&house, call), None);
    house.hangs_up(caller);
    let mut house = House::with(desk::settings(), rules(|_| {}), &["8001"]);
    let caller = house.call(1, CITIZEN);
    let seat = house.rung("8001");
    house.answers(seat);
    assert_eq!(recorded(&house, house.calls.call_of(caller).unwrap()), None);
}

#[test]
fn a_colleague_to_whom_the_caller_is_sent_is_told_while_it_rings_that_it_will_be_recorded() {
    for (to, ringing, talking) in [
        (Whom::Operator("1002".into()), Some(Recorded::Soon), Some(Recorded::On)),
        (Whom::Seat("8002".into()), Some(Recorded::Soon), Some(Recorded::On)),
        (Whom::Number("01085225050".into()), None, None),
    ] {
        let phone = if let Whom::Number(number) = &to { number.clone() } else { "8002".into() };
        let mut house = house();
        let caller = house.call(1, CITIZEN);
        let call = house.calls.call_of(caller).unwrap();
        let seat = house.rung("8001");
        house.answers(seat);
        house.order(call, "1001", Order::Transfer { to }).unwrap();
        let second = house.rung(&phone);
        assert_eq!(house.calls.view(call).unwrap().recorded, ringing, "{phone} rings");
        house.answers(second);
        notice(&mut house, caller);
        assert_eq!(house.calls.view(call).unwrap().recorded, talking, "{phone} talks");
    }
}

const OUTSIDE: &str = "01085225050";

#[test]
fn nothing_is_recorded_of_what_is_said_outside_where_no_operator_is() {
    for blind in [false, true] {
        let (mut house, call, caller, _) = talk();
        let to = Whom::Number(OUTSIDE.into());
        house.pass(3 * SECOND);
        let order = if blind { Order::Transfer { to } } else { Order::Consult { to } };
        house.order(call, "1001", order).unwrap();
        let far = house.rung(OUTSIDE);
        house.pass(2 * SECOND);
        house.answers(far);
        if !blind {
            house.order(call, "1001", Order::Conference).unwrap();
            assert_eq!(asked(&house).len(), 1, "an operator is there");
            house.pass(5 * SECOND);
            house.order(call, "1001", Order::Complete).unwrap();
        }
        assert!(house.are_joined(caller, far));
        let last = |is: fn(&media::Command) -> bool| house.media.iter().rposition(is);
        let ends = last(|command| matches!(command, media::Command::StopRecording { .. }));
        assert!(ends < last(|command| matches!(command, media::Command::Join { .. })), "not one packet of theirs");
        // What they say while they ring is not recorded either.
        let until: &[&str] = if blind { &["paused true", "stop"] } else { &["stop"] };
        assert_eq!(asked(&house)[1..], *until, "blind: {blind}");
        assert_eq!(house.calls.view(call).unwrap().recorded, None);
        let complete = house.entries.iter().rev().find_map(|entry| match entry {
            Entry::Changed(record) => record.recording.as_ref().map(|recording| recording.sha256.is_some()),
            _ => None,
        });
        assert_eq!(complete, Some(true), "a kill meanwhile leaves nothing to complete");
        house.pass(60 * SECOND);
        house.hangs_up(far);
        assert_eq!(asked(&house).len(), 1 + until.len());
        let record = house.records().remove(0);
        let last = index(&record).pop().map(|(_, stage, _, paused)| (stage, paused));
        assert_eq!(last, Some(if blind { ("onward", true) } else { ("conference", false) }));
        let recording = record.recording.unwrap();
        assert_eq!((recording.sha256.as_deref(), recording.why.as_deref()), (Some("5a"), Some(records::LEFT_OUTSIDE)));
    }
}

#[test]
fn who_comes_back_from_outside_is_recorded_with_the_next_operator_unless_silence_was_asked_for() {
    for paused in [false, true] {
        let (mut house, call, caller, _) = talk();
        if paused {
            house.order(call, "1001", Order::PauseRecording).unwrap();
        }
        house.pass(3 * SECOND);
        house.order(call, "1001", Order::Transfer { to: Whom::Number(OUTSIDE.into()) }).unwrap();
        let far = house.rung(OUTSIDE);
        let early = sip::Event::Progress { leg: far, body: sip::Body::sdp(b"early".to_vec()) };
        house.tell(Event::Sip(early));
        house.pass(2 * SECOND);
        house.refuses(far, 486);
        let second = house.rung("8002");
        house.answers(second);
        assert!(house.are_joined(caller, second));
        let told: &[&str] = if paused { &["paused true"] } else { &["paused true", "paused false"] };
        assert_eq!(asked(&house)[1..], *told, "one file");
        let recorded = if paused { Recorded::Paused } else { Recorded::On };
        assert_eq!(house.calls.view(call).unwrap().recorded, Some(recorded));
        house.hangs_up(second);
        let record = house.records().remove(0);
        let silent: Vec<(&str, bool)> = index(&record).iter().map(|(_, stage, _, silent)| (*stage, *silent)).collect();
        assert_eq!(silent.last(), Some(&("talking", paused)), "{silent:?}");
        assert!(silent.contains(&("onward", true)), "{silent:?}");
        assert_eq!(record.recording.unwrap().why, None);
    }
}

#[test]
fn an_emergency_is_recorded_to_its_end_whoever_puts_the_caller_through() {
    let mut settings = Settings { emergencies: super::handoff::settings().emergencies, ..settings() };
    assert!(settings.outward.named.add("110"));
    let mut house = House::with(settings, rules(|_| {}), &["8001"]);
    let caller = house.call(1, CITIZEN);
    notice(&mut house, caller);
    let seat = house.rung("8001");
    house.answers(seat);
    let call = house.calls.call_of(caller).unwrap();
    house.order(call, "1001", Order::Transfer { to: Whom::Number("110".into()) }).unwrap();
    let police = house.rung("110");
    house.answers(police);
    assert!(house.are_joined(caller, police));
    assert_eq!(asked(&house).len(), 1);
    assert_eq!(house.calls.view(call).unwrap().recorded, Some(Recorded::On));
    house.hangs_up(police);
    assert_eq!(house.records().remove(0).recording.unwrap().why, None);
}

#[test]
fn what_operator_and_far_end_say_after_the_caller_hung_up_is_recorded_to_its_end() {
    let settings = Settings { emergencies: super::handoff::settings().emergencies, ..settings() };
    let mut house = House::with(settings, rules(|_| {}), &["8001"]);
    let caller = house.call(1, CITIZEN);
    notice(&mut house, caller);
    let seat = house.rung("8001");
    house.answers(seat);
    let call = house.calls.call_of(caller).unwrap();
    house.order(call, "1001", Order::HandOff { target: Some("119".into()) }).unwrap();
    let far = house.rung("119");
    house.answers(far);
    house.hangs_up(caller);
    let closed = |house: &House| {
        house.media.iter().any(|command| matches!(command, media::Command::Close { leg } if *leg == caller))
    };
    assert!(!closed(&house), "its leg hears the others still");
    let hears = house.media.iter().rev().find_map(|command| match command {
        media::Command::Mix { hears, .. } => Some(hears.clone()),
        _ => None,
    });
    let heard_by = |ear: LegId| -> Vec<LegId> {
        hears.iter().flatten().filter(|(of, _)| *of == ear).map(|(_, mouth)| *mouth).collect()
    };
    assert_eq!((heard_by(caller), heard_by(seat), heard_by(far)), (vec![seat, far], vec![far], vec![seat]));
    assert_eq!(house.calls.view(call).unwrap().recorded, Some(Recorded::On));
    house.pass(Duration::from_secs(20));
    house.hangs_up(far);
    assert!(closed(&house));
    assert_eq!(asked(&house).len(), 1);
    let recording = house.records().remove(0).recording.unwrap();
    assert_eq!((recording.sha256.is_some(), recording.why), (true, None));
}

#[test]
fn nothing_is_recorded_in_a_line_that_is_not_and_it_goes_on_in_the_next_that_is() {
    let mut settings = settings();
    let citizen = settings.queues["citizen"].clone();
    settings.queues.insert("quiet".into(), QueueFacts { recorded: false, ..citizen });
    let mut rules = rules(|_| {});
    rules.queues.insert("quiet".into(), rules.queues["citizen"].clone());
    let mut house = House::with(settings, rules, &["8001", "8002"]);
    let caller = house.call(1, CITIZEN);
    notice(&mut house, caller);
    let call = house.calls.call_of(caller).unwrap();
    let with = |house: &mut House, by: &str, seat: &str, to: Option<&str>| {
        let leg = house.rung(seat);
        house.answers(leg);
        house.pass(Duration::from_secs(10));
        let told = recorded(house, call);
        if let Some(queue) = to {
            house.order(call, by, Order::Transfer { to: Whom::Queue(queue.into()) }).unwrap();
        }
        told
    };
    assert_eq!(with(&mut house, "1001", "8001", Some("quiet")), Some(Recorded::On));
    assert_eq!(with(&mut house, "1002", "8002", None), None);
    assert_eq!(house.order(call, "1002", Order::PauseRecording), Err(NotDone::NotRecorded));
    assert_eq!(asked(&house)[1..], ["paused true"]);
    house.input(Input::Ready { operator: "1001".into(), by: By::Themselves });
    house.order(call, "1002", Order::Transfer { to: Whom::Queue("citizen".into()) }).unwrap();
    assert_eq!(with(&mut house, "1001", "8001", None), Some(Recorded::On));
    assert_eq!(asked(&house)[1..], ["paused true", "paused false"]);
    house.hangs_up(caller);
    let record = house.records().remove(0);
    let talks: Vec<_> = index(&record).into_iter().filter(|entry| entry.1 == "talking").collect();
    assert_eq!(
        talks,
        [(0, "talking", "1001", false), (10_000, "talking", "1002", true), (20_000, "talking", "1001", false),]
    );
}

#[test]
fn the_operator_pauses_and_resumes() {
    let (mut house, call, _, seat) = talk();
    assert_eq!(house.order(call, "1001", Order::ResumeRecording), Err(NotDone::NotPaused));
    assert_eq!(house.order(call, "1002", Order::PauseRecording), Err(NotDone::NotYours));
    house.pass(3 * SECOND);
    house.order(call, "1001", Order::PauseRecording).unwrap();
    assert_eq!(house.calls.view(call).unwrap().recorded, Some(Recorded::Paused));
    assert_eq!(house.order(call, "1001", Order::PauseRecording), Err(NotDone::AlreadyPaused));
    house.pass(4 * SECOND);
    // From the desk phone, by a code.
    house.arrive(LegId(7), "8001", "*18", Source::Seat("8001".into()));
    assert_eq!(house.plays(LegId(7)), ["zh/confirmed"]);
    assert_eq!(house.calls.view(call).unwrap().recorded, Some(Recorded::On));
    house.hangs_up(LegId(7));
    house.pass(2 * SECOND);
    house.hangs_up(seat);
    assert_eq!(asked(&house)[1..], ["paused true", "paused false"]);
    let record = house.records().into_iter().find(|record| record.from == CITIZEN).unwrap();
    let told: Vec<(u64, bool)> = index(&record).iter().map(|entry| (entry.0, entry.3)).collect();
    assert_eq!(told, [(0, false), (3_000, true), (7_000, false)]);
    let connected = record.connected_at.unwrap();
    let paused = record.recording.iter().flat_map(|recording| recording.pauses());
    let told: Vec<_> = paused.map(|(at, paused)| (at.since(connected), paused)).collect();
    assert_eq!(told, [(3 * SECOND, true), (7 * SECOND, false)]);
}

#[test]
fn whoever_cut_the_notice_short_hears_it_in_the_line_before_the_place() {
    let mut house = House::with(settings(), rules(|_| {}), &[]);
    let caller = house.call(1, CITIZEN);
    assert_eq!(house.plays(caller), ["zh/notice", "music"]);
    house.heard_out(caller);
    assert_eq!(house.plays(caller)[0], "zh/next", "the place");
    let mut house = House::with(settings(), rules(|_| {}), &[]);
    house.arrive(LegId(1), CITIZEN, "12345", Source::Trunk("carrier".into()));
    assert!(!house.plays(LegId(1)).contains(&"zh/notice".into()), "of another queue nobody is recorded");
}

#[test]
fn whoever_is_connected_before_they_were_told_is_told_beside_the_operator_and_recorded_then() {
    let mut house = house();
    let caller = house.call(1, CITIZEN);
    let seat = house.rung("8001");
    house.answers(seat);
    assert_eq!((house.plays(caller), house.plays(seat)), (vec!["zh/notice".into()], vec!["zh/notice".into()]));
    assert!(hears(&house).is_some(), "it is heard beside what they say");
    assert_eq!(asked(&house).len(), 0);
    house.pass(2 * SECOND);
    notice(&mut house, seat);
    assert_eq!(asked(&house).len(), 0, "what the operator hears is not what the caller hears");
    notice(&mut house, caller);
    assert_eq!(hears(&house), None, "joined again");
    assert_eq!(asked(&house).len(), 1);
    house.hangs_up(seat);
    assert!(house.records()[0].recording.as_ref().unwrap().why.is_none());
}

#[test]
fn who_asks_for_silence_before_it_begins_has_it_from_the_beginning() {
    for goes_on in [false, true] {
        let mut house = house();
        let caller = house.call(1, CITIZEN);
        let seat = house.rung("8001");
        house.answers(seat);
        let call = house.calls.call_of(caller).unwrap();
        assert_eq!(house.order(call, "1001", Order::ResumeRecording), Err(NotDone::NotPaused));
        house.order(call, "1001", Order::PauseRecording).unwrap();
        assert_eq!(house.order(call, "1001", Order::PauseRecording), Err(NotDone::AlreadyPaused));
        assert_eq!(recorded(&house, call), Some(Recorded::Paused));
        if goes_on {
            house.order(call, "1001", Order::ResumeRecording).unwrap();
        }
        notice(&mut house, caller);
        let told = asked(&house);
        let (begins, silence) = told.split_first().expect("it is recorded");
        assert!(begins.ends_with("Both"), "{begins}");
        assert_eq!(silence, if goes_on { vec![] } else { vec!["paused true"] });
        house.pass(5 * SECOND);
        if !goes_on {
            house.order(call, "1001", Order::ResumeRecording).unwrap();
        }
        assert_eq!(recorded(&house, call), Some(Recorded::On));
        house.hangs_up(caller);
        let index = house.records().remove(0).recording.expect("it was recorded").index;
        let silent: Vec<bool> = index.iter().map(|entry| entry.paused).collect();
        assert_eq!(silent, if goes_on { vec![false] } else { vec![true, false] });
    }
}

#[test]
fn the_notice_is_heard_once_and_to_its_end_whatever_the_operator_does_meanwhile() {
    for emergency in [false, true] {
        let settings = Settings { emergencies: super::handoff::settings().emergencies, ..settings() };
        let mut house = House::with(settings, rules(|_| {}), &["8001"]);
        let caller = house.call(1, CITIZEN);
        let seat = house.rung("8001");
        house.answers(seat);
        let call = house.calls.call_of(caller).unwrap();
        assert_eq!(house.plays(caller), ["zh/notice"]);
        let before = house.media.len();
        house.pass(2 * SECOND);
        if emergency {
            "*1".chars().for_each(|key| house.key(seat, key));
            let police = house.rung("110");
            house.answers(police);
        } else {
            house.order(call, "1001", Order::Hold).unwrap();
            house.order(call, "1001", Order::Resume).unwrap();
            house.order(call, "1001", Order::Hold).unwrap();
        }
        let plays = |command: &media::Command| matches!(command, media::Command::Play { leg, .. } if *leg == caller);
        assert!(!house.media[before..].iter().any(plays), "emergency: {emergency}");
        assert_eq!(asked(&house).len(), 0);
        notice(&mut house, caller);
        assert_eq!(asked(&house).len(), 1, "recorded from here on, emergency: {emergency}");
        assert_eq!(house.plays(caller), if emergency { ["zh/notice"] } else { ["music"] });
    }
}

#[test]
fn nobody_is_recorded_who_was_not_told_and_the_record_says_so() {
    let mut house = house();
    let caller = house.call(1, CITIZEN);
    let seat = house.rung("8001");
    house.answers(seat);
    let call = house.calls.call_of(caller).unwrap();
    house.order(call, "1001", Order::PauseRecording).unwrap();
    house.hangs_up(caller);
    assert_eq!(asked(&house).len(), 0);
    let recording = house.records().remove(0).recording.unwrap();
    assert_eq!((recording.file, recording.why.is_some()), (None, true));
}

#[test]
fn a_file_that_cannot_be_written_is_in_the_record_and_the_call_goes_on() {
    let (mut house, call, caller, seat) = talk();
    house.cannot_record(caller, "no space left on device");
    house.pass(10 * SECOND);
    assert!(house.are_joined(caller, seat));
    assert_eq!(house.order(call, "1001", Order::PauseRecording), Err(NotDone::NotRecorded));
    house.hangs_up(seat);
    let recording = house.records().remove(0).recording.unwrap();
    assert_eq!((recording.file, recording.why.as_deref()), (None, Some("no space left on device")));
}

#[test]
fn what_is_completed_when_the_record_is_closed_is_written_all_the_same() {
    let mut house = house();
    let recording = Err("the disk came back too late".to_string());
    house.tell(Event::Media(media::Event::Recorded { leg: LegId(9), call: CallId(5), recording }));
    let late = house.entries.iter().any(|entry| matches!(entry, Entry::Recording { call: CallId(5), .. }));
    assert!(late);
    // It is of one file, which may not be the one that the record names.
    let written = Written { sha256: "5b".into(), length: 2 * SECOND, bytes: 16_058, encrypted: false };
    let recording = Ok(media::Recording { file: "messages/5.wav".into(), written, lost: Duration::ZERO, fault: None });
    house.tell(Event::Media(media::Event::Recorded { leg: LegId(9), call: CallId(5), recording }));
    let last = house.entries.iter().rev().find_map(|entry| match entry {
        Entry::Recording { of, change, .. } => Some((of.as_deref(), change.bytes)),
        _ => None,
    });
    assert_eq!(last, Some((Some("messages/5.wav"), Some(16_058))));
}

#[test]
fn a_citizen_who_is_called_back_hears_who_calls_and_that_it_is_recorded() {
    let mut house = House::with(settings(), called_back(CallbackFirst::Customer), &[]);
    let caller = house.call(1, CITIZEN);
    house.pass(10 * SECOND);
    house.key(caller, '9');
    house.heard_out(caller);
    house.phone("8001", true);
    let citizen = house.rung(CITIZEN);
    house.answers(citizen);
    assert_eq!(house.plays(citizen)[..2], ["zh/callback_greeting", "zh/notice"]);
}
