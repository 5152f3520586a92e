//! Callers who were put through to outside: when their sound goes directly between both, and when it comes by us again.

use std::time::Duration;

use super::desk;
use super::house::*;
use super::orders::SECOND;
use crate::call::{Event, Settings};
use crate::ids::LegId;
use crate::media;
use crate::queue::Exit;
use crate::records::{EndedBy, Entry, Record};
use crate::sip::{self, Body};

const OUTSIDE: &str = "01065139999";

struct Talk {
    house: House,
    caller: LegId,
    far: LegId,
    /// What was described by us already.
    seen: usize,
}

fn settings() -> Settings {
    Settings { direct: ["carrier", "out"].map(Into::into).into(), ..desk::settings() }
}

/// A citizen in the line pressed the key that leads outside; both talk by us.
fn joined(settings: Settings) -> Talk {
    let keys = [('0', Exit::Number(OUTSIDE.into()))];
    let mut house = House::with(settings, rules(|citizen| citizen.keys = keys.into()), &[]);
    let caller = house.call(1, CITIZEN);
    house.key(caller, '0');
    let far = house.rung(OUTSIDE);
    house.tell(Event::Sip(sip::Event::GoesOver { leg: far, trunk: "out".into() }));
    house.answers(far);
    assert!(house.are_joined(caller, far));
    Talk { house, caller, far, seen: 0 }
}

impl Talk {
    /// Sound has come from where both say that they receive.
    fn located(mut self) -> Self {
        for leg in [self.caller, self.far] {
            self.sound(media::Event::Located { leg });
        }
        self
    }

    /// The sound goes directly between both.
    fn direct() -> Self {
        let mut talk = joined(settings()).located();
        let (caller, far) = (talk.caller, talk.far);
        assert_eq!(talk.reoffers(), [(caller, format!("of {far}"))]);
        talk.takes(caller);
        assert_eq!(talk.reoffers(), [(far, format!("of {caller}"))]);
        talk.takes(far);
        assert_eq!(talk.reoffers(), []);
        assert_eq!(talk.direct_times(), [(true, false)]);
        assert_eq!(talk.unheard(), [(caller, true), (far, true)]);
        talk
    }

    /// Who was told of as heard by nobody here, or as heard again.
    fn unheard(&self) -> Vec<(LegId, bool)> {
        let of = |command: &sip::Command| match command {
            sip::Command::Unheard { leg, unheard } => Some((*leg, *unheard)),
            _ => None,
        };
        self.house.sip.iter().filter_map(of).collect()
    }

    fn sound(&mut self, event: media::Event) {
        self.house.tell(Event::Media(event));
    }

    /// Re-INVITEs of ours since this was asked last: to whom, and whose description; `ours` is our own.
    fn reoffers(&mut self) -> Vec<(LegId, String)> {
        let of = |command: &sip::Command| match command {
            sip::Command::Reoffer { leg, body } => Some((*leg, String::from_utf8(body.bytes.clone()).unwrap())),
            _ => None,
        };
        let new = self.house.sip[self.seen..].iter().filter_map(of).collect();
        self.seen = self.house.sip.len();
        new
    }

    fn answer(&mut self, leg: LegId, result: Result<Option<Body>, u16>) {
        self.house.tell(Event::Sip(sip::Event::ReofferAnswered { leg, result }));
    }

    /// A re-INVITE of ours is answered with 200.
    fn takes(&mut self, leg: LegId) {
        self.answer(leg, Ok(Some(Body::sdp(b"theirs".to_vec()))));
    }

    /// A re-INVITE of theirs.
    fn describes(&mut self, leg: LegId, body: &str) {
        let body = (!body.is_empty()).then(|| Body::sdp(body.as_bytes().to_vec()));
        self.house.tell(Event::Sip(sip::Event::Reoffer { leg, body }));
    }

    /// A new description of a leg that sends to the other: sound says so before it answers.
    fn describes_anew(&mut self, leg: LegId) {
        self.house.slow_sound = true;
        self.describes(leg, "another");
        self.sound(media::Event::CameHome { leg });
        while self.house.sound_speaks() {}
        self.house.slow_sound = false;
    }

    /// Whom the next re-INVITEs tell our own description: they take it.
    fn come_home(&mut self, legs: &[LegId]) {
        let ours: Vec<(LegId, String)> = legs.iter().map(|leg| (*leg, "ours".into())).collect();
        assert_eq!(self.reoffers(), ours);
        legs.iter().for_each(|leg| self.takes(*leg));
        assert_eq!(self.reoffers(), []);
    }

    fn record(&self) -> Record {
        let of = |entry: &Entry| match entry {
            Entry::Changed(record) | Entry::Closed(record) => Some((**record).clone()),
            _ => None,
        };
        self.house.entries.iter().rev().find_map(of).expect("a record")
    }

    /// Of each time that it was direct: whether it began, and whether it ended.
    fn direct_times(&self) -> Vec<(bool, bool)> {
        self.record().direct.iter().map(|one| (true, one.ended_at.is_some())).collect()
    }

    /// Both talk by us, and go on doing so.
    fn stays_here(&mut self) {
        self.house.pass(60 * SECOND);
        for leg in [self.caller, self.far] {
            self.sound(media::Event::Located { leg });
            assert!(self.house.released(leg).is_none());
        }
        assert_eq!(self.reoffers(), [], "it is not tried again");
    }
}

#[test]
fn sound_passes_us_unless_both_trunks_say_that_it_need_not() {
    let one = |trunk: &str| Settings { direct: [trunk.into()].into(), ..desk::settings() };
    for settings in [desk::settings(), one("carrier"), one("out")] {
        let mut talk = joined(settings).located();
        talk.stays_here();
        assert!(!talk.house.media.iter().any(|command| matches!(command, media::Command::OfferDirect { .. })));
        assert!(talk.direct_times().is_empty());
    }
}

#[test]
fn sound_that_comes_from_elsewhere_than_was_described_passes_us() {
    let mut talk = joined(settings());
    let caller = talk.caller;
    talk.sound(media::Event::Located { leg: caller });
    talk.house.pass(60 * SECOND);
    assert_eq!(talk.reoffers(), []);
}

#[test]
fn encrypted_sound_and_that_of_emergencies_passes_us() {
    let mut talk = joined(settings());
    let far = talk.far;
    talk.sound(media::Event::Encrypted { leg: far, encrypted: true });
    let mut talk = talk.located();
    assert_eq!(talk.reoffers(), []);
    let emergency = super::handoff::settings().emergencies.remove(0);
    let number = OUTSIDE.to_string();
    let ways = vec![crate::call::Way { trunk: None, number }];
    let talk = joined(Settings { emergencies: vec![crate::call::Emergency { ways, ..emergency }], ..settings() });
    assert_eq!(talk.located().reoffers(), []);
}

#[test]
fn a_refresh_leaves_it_direct_and_the_record_says_when_it_was() {
    let mut talk = Talk::direct();
    let (caller, far, began) = (talk.caller, talk.far, talk.house.now);
    talk.house.pass(60 * SECOND);
    // Sound answers as before where nothing is new.
    talk.describes(caller, "theirs");
    talk.describes(far, "theirs");
    assert_eq!(talk.reoffers(), []);
    let taken = |command: &&sip::Command| matches!(command, sip::Command::AcceptReoffer { .. });
    assert_eq!(talk.house.sip.iter().filter(taken).count(), 2);
    talk.house.hangs_up(far);
    assert_eq!(talk.reoffers(), [], "nobody is left to be told");
    let record = talk.record();
    assert_eq!(record.ended_by, Some(EndedBy::Operator));
    assert_eq!((record.direct[0].at, record.direct[0].ended_at), (began, record.ended_at));
}

#[test]
fn one_who_refuses_leaves_both_with_us() {
    type Refusal = fn(&mut Talk, LegId);
    let refuses: Refusal = |talk, leg| talk.answer(leg, Err(488));
    // Accepted, and another address or codec in the answer.
    let another: Refusal = |talk, leg| {
        talk.house.slow_sound = true;
        talk.takes(leg);
        talk.house.forget_sound();
        talk.house.slow_sound = false;
        talk.sound(media::Event::Unacceptable { leg, why: "another address".into(), code: 399, malformed: false });
    };
    let says_nothing: Refusal = |talk, leg| talk.answer(leg, Ok(None));
    for (how, refusal, has_left) in
        [("refuses", refuses, false), ("another", another, true), ("nothing", says_nothing, true)]
    {
        // The caller does.
        let mut talk = joined(settings()).located();
        let (caller, far) = (talk.caller, talk.far);
        talk.reoffers();
        refusal(&mut talk, caller);
        let leaves: &[LegId] = if has_left { &[caller] } else { &[] };
        talk.come_home(leaves);
        talk.stays_here();
        assert!(talk.direct_times().is_empty(), "{how}");
        // Whom they talk with does.
        let mut talk = joined(settings()).located();
        talk.takes(caller);
        talk.reoffers();
        refusal(&mut talk, far);
        let leaves: &[LegId] = if has_left { &[caller, far] } else { &[caller] };
        talk.come_home(leaves);
        talk.stays_here();
        assert!(talk.direct_times().is_empty(), "{how}");
    }
}

#[test]
fn what_cannot_be_offered_is_not() {
    let mut talk = joined(settings());
    talk.house.slow_sound = true;
    let mut talk = talk.located();
    talk.house.forget_sound();
    talk.house.slow_sound = false;
    let leg = talk.caller;
    talk.sound(media::Event::Unacceptable {
        leg,
        why: "they do not speak the same".into(),
        code: 399,
        malformed: false,
    });
    talk.stays_here();
    assert!(talk.house.released(leg).is_none());
}

#[test]
fn who_holds_brings_it_back_and_it_goes_directly_again_afterwards() {
    for holder in ["caller", "far"] {
        let mut talk = Talk::direct();
        let (holds, other) = if holder == "caller" { (talk.caller, talk.far) } else { (talk.far, talk.caller) };
        talk.house.holding.insert(holds);
        talk.describes_anew(holds);
        assert!(talk.house.plays(other).iter().any(|name| name.contains("music")), "{holder}");
        talk.come_home(&[other]);
        assert_eq!(talk.direct_times(), [(true, true)]);
        talk.house.pass(10 * SECOND);
        assert_eq!(talk.reoffers(), [], "music comes from us");

        talk.house.holding.clear();
        talk.describes(holds, "theirs");
        let mut talk = talk.located();
        let (caller, far) = (talk.caller, talk.far);
        assert_eq!(talk.reoffers(), [(caller, format!("of {far}"))]);
        talk.takes(caller);
        talk.takes(far);
        assert_eq!(talk.direct_times(), [(true, true), (true, false)]);
    }
}

#[test]
fn who_asks_for_our_description_has_it_and_the_other_too() {
    let mut talk = Talk::direct();
    let (caller, far) = (talk.caller, talk.far);
    talk.describes(far, "");
    talk.come_home(&[caller]);
    assert_eq!(talk.direct_times(), [(true, true)]);
    // Not before they have answered.
    let mut talk = talk.located();
    assert_eq!(talk.reoffers(), []);
    let answer = Some(Body::sdp(b"theirs".to_vec()));
    talk.house.tell(Event::Sip(sip::Event::Acked { leg: far, answer }));
    assert_eq!(talk.located().reoffers(), [(caller, format!("of {far}"))]);
}

/// They send to the other as before, who comes home.
#[test]
fn who_asks_for_our_description_and_does_not_take_it_is_asked_to_come_home() {
    for is_answered in [true, false] {
        let mut talk = Talk::direct();
        let (caller, far) = (talk.caller, talk.far);
        talk.describes(far, "");
        talk.come_home(&[caller]);
        talk.house.slow_sound = true;
        let answer = is_answered.then(|| Body::sdp(b"theirs".to_vec()));
        talk.house.tell(Event::Sip(sip::Event::Acked { leg: far, answer }));
        if is_answered {
            talk.house.forget_sound();
            let why = "another codec".into();
            talk.sound(media::Event::Unacceptable { leg: far, why, code: 305, malformed: false });
        }
        talk.house.slow_sound = false;
        assert!(talk.house.released(far).is_none(), "they talk on");
        talk.house.pass(Duration::from_secs(2));
        talk.come_home(&[far]);
        assert!(talk.house.are_joined(caller, far));
        assert_eq!(talk.direct_times(), [(true, true)]);
    }
}

#[test]
fn theirs_that_comes_before_ours_went_out_is_answered_with_our_own() {
    let mut talk = joined(settings()).located();
    let (caller, far) = (talk.caller, talk.far);
    talk.takes(caller);
    talk.reoffers();
    // Signalling holds ours back while theirs is open.
    talk.describes(far, "another");
    let dropped = |command: &sip::Command| matches!(command, sip::Command::DropReoffer { leg } if *leg == far);
    assert!(talk.house.sip.iter().any(dropped));
    talk.come_home(&[caller]);
    assert!(talk.direct_times().is_empty());
}

#[test]
fn hold_while_the_other_is_asked_waits_for_its_answer() {
    let mut talk = joined(settings()).located();
    let (caller, far) = (talk.caller, talk.far);
    talk.reoffers();
    talk.house.holding.insert(far);
    talk.describes(far, "another");
    assert_eq!(talk.reoffers(), [], "one at a time, RFC 3261 §14.1");
    talk.takes(caller);
    talk.come_home(&[caller]);
    assert!(talk.direct_times().is_empty());
}

#[test]
fn who_does_not_come_back_is_asked_again() {
    let mut talk = Talk::direct();
    let (caller, far) = (talk.caller, talk.far);
    talk.describes_anew(caller);
    for _ in 0..3 {
        assert_eq!(talk.reoffers(), [(far, "ours".into())]);
        talk.answer(far, Err(500));
        talk.house.pass(Duration::from_secs(2));
    }
    let watched = talk.house.media.iter().rev().find_map(|command| match command {
        media::Command::Watch { leg } => Some(*leg),
        _ => None,
    });
    assert_eq!(watched, Some(far), "silence says what becomes of them");
    assert!(talk.house.released(caller).is_none());
}

#[test]
fn a_rule_that_is_taken_back_brings_it_back() {
    let mut talk = Talk::direct();
    let (caller, far) = (talk.caller, talk.far);
    talk.house.calls.set_settings(desk::settings());
    talk.sound(media::Event::Key { leg: caller, key: '1' });
    talk.come_home(&[caller, far]);
    assert_eq!(talk.direct_times(), [(true, true)]);
}

#[test]
fn a_phone_that_answers_each_description_with_its_own_comes_to_rest() {
    let mut talk = Talk::direct();
    let (caller, far) = (talk.caller, talk.far);
    let mut tries = 1;
    loop {
        talk.describes_anew(far);
        talk.come_home(&[caller]);
        talk = talk.located();
        if talk.reoffers().is_empty() {
            break;
        }
        tries += 1;
        talk.takes(caller);
        talk.takes(far);
        talk.reoffers();
    }
    assert_eq!((tries, talk.record().direct.len()), (8, 8));
}
