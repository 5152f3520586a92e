//! A house in which anything may happen in any order: what its phones know of their legs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::handoff;
use super::house::*;
use crate::call::{Event, Settings};
use crate::ids::{CallId, Language, LegId};
use crate::ivr::menu::{Destination, To};
use crate::ivr::{self, Entry as Leads};
use crate::media;
use crate::queue::{CallbackFirst, CallbackRules, Exit, Need, Promise, QueueRules, Rules};
use crate::sip::{self, Body, Source};

pub const SEATS: [&str; 3] = ["8001", "8002", "8003"];
pub const OPERATORS: [&str; 3] = ["1001", "1002", "1003"];
pub const QUEUES: [&str; 2] = ["citizen", "english"];
pub const OUTSIDE: &str = "01085225050";

/// How far a leg has come, as its phone sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leg {
    /// A caller of whom nothing final was heard yet.
    Arrives,
    /// We ring it.
    Rings,
    Stands,
}

pub struct World {
    pub house: House,
    pub legs: BTreeMap<LegId, Leg>,
    /// Callers whom our 200 reached, and who did not acknowledge it yet.
    pub unacknowledged: BTreeSet<LegId>,
    /// Callers who wait for our offer.
    pub late: BTreeSet<LegId>,
    /// How often each phone sent somebody on.
    pub referred: BTreeMap<LegId, usize>,
    /// Commands of signalling that were looked at.
    seen: usize,
    callers: u64,
}

fn settings() -> Settings {
    let mut settings = handoff::settings();
    let message = Some(Box::new(Destination::to(To::Message)));
    let seat = |otherwise| Leads::To(Destination::to(To::Seat { seat: "8001".into(), otherwise }));
    let numbers = &mut settings.ivr.numbers;
    numbers.insert("12347".into(), seat(None));
    numbers.insert("12348".into(), seat(message));
    numbers.insert("12349".into(), Leads::To(Destination::queue("english", Some(Language::EN))));
    settings.ivr.survey = Some(ivr::Survey {
        question: "survey".into(),
        thanks: "survey_thanks".into(),
        answers: BTreeMap::from([('1', ivr::Answer { score: 4, label: "good".into() })]),
        timeout: Duration::from_secs(8),
        retries: 1,
        queues: ["english".into()].into(),
    });
    settings
}

/// Keys to everywhere, a wait that is too long, and a line that is soon full.
fn house_rules(first: CallbackFirst, promise: Promise) -> Rules {
    let keeps = |queue: &mut QueueRules| {
        (queue.answer_within, queue.short_abandon) = (promise.answer_within, promise.short_abandon);
        queue.wrap_up = Duration::from_secs(5);
    };
    let mut rules = rules(|citizen| {
        keeps(citizen);
        citizen.keys = BTreeMap::from([
            ('9', Exit::Callback),
            ('8', Exit::Message),
            ('7', Exit::Queue("english".into())),
            ('0', Exit::Number(OUTSIDE.into())),
        ]);
        citizen.max_wait = Some(Duration::from_secs(100));
        citizen.if_too_long = Some(Exit::Queue("english".into()));
        citizen.callback = Some(CallbackRules {
            first,
            first_after: Duration::from_secs(2),
            max_waiting: 3,
            ring: Duration::from_secs(20),
            attempts: 2,
            retry: Duration::from_secs(30),
            expires: Duration::from_secs(200),
        });
    });
    let mut english = QueueRules { max_waiting: 2, ..QueueRules::plain(Need::Anyone) };
    keeps(&mut english);
    rules.queues.insert("english".into(), english);
    rules
}

impl World {
    pub fn new(slow_sound: bool, operator_first: bool) -> World {
        let settings = settings();
        let promise = settings.queues.values().next().unwrap().promise;
        let first = if operator_first { CallbackFirst::Operator } else { CallbackFirst::Customer };
        let mut house = House::with(settings, house_rules(first, promise), &SEATS);
        house.slow_sound = slow_sound;
        World {
            house,
            legs: BTreeMap::new(),
            unacknowledged: BTreeSet::new(),
            late: BTreeSet::new(),
            referred: BTreeMap::new(),
            seen: 0,
            callers: 0,
        }
    }

    /// What signalling was asked for since the last time.
    pub fn look(&mut self) {
        for command in &self.house.sip[self.seen..] {
            match command {
                sip::Command::Invite(invite) => {
                    assert_eq!(self.legs.insert(invite.leg, Leg::Rings), None, "{:?} is invited twice", invite.leg);
                }
                sip::Command::Accept { leg, .. } => {
                    self.legs.insert(*leg, Leg::Stands);
                    self.unacknowledged.insert(*leg);
                }
                sip::Command::Hangup { leg, .. } | sip::Command::Refuse { leg, .. } => {
                    self.legs.remove(leg);
                    self.unacknowledged.remove(leg);
                }
                _ => {}
            }
        }
        self.seen = self.house.sip.len();
    }

    pub fn nth(&self, nth: u8, is: impl Fn(Leg) -> bool) -> Option<LegId> {
        let legs: Vec<LegId> = self.legs.iter().filter(|(_, leg)| is(**leg)).map(|(id, _)| *id).collect();
        legs.get(usize::from(nth) % legs.len().max(1)).copied()
    }

    /// One of ours that was answered.
    pub fn seats_leg(&self, nth: u8) -> Option<LegId> {
        let legs: Vec<LegId> = self
            .legs
            .iter()
            .filter(|(id, leg)| id.0.is_multiple_of(2) && **leg == Leg::Stands)
            .map(|(id, _)| *id)
            .collect();
        legs.get(usize::from(nth) % legs.len().max(1)).copied()
    }

    /// Sound tells of no other that it is silent.
    pub fn is_watched(&self, leg: LegId) -> bool {
        self.house.media.iter().any(|command| matches!(command, media::Command::Watch { leg: of } if *of == leg))
    }

    pub fn call(&self, nth: u8) -> Option<CallId> {
        let calls: Vec<CallId> = self.house.calls.ids().collect();
        calls.get(usize::from(nth) % calls.len().max(1)).copied()
    }

    pub fn arrives(&mut self, number: &str, from: &str, source: Source) {
        self.comes(number, from, source, |_| {});
    }

    pub fn comes(&mut self, number: &str, from: &str, source: Source, change: impl FnOnce(&mut sip::Incoming)) {
        self.callers += 1;
        let leg = LegId(self.callers * 2 - 1);
        self.legs.insert(leg, Leg::Arrives);
        let mut incoming = incoming(leg, from, number, source);
        change(&mut incoming);
        if incoming.offer.is_none() {
            self.late.insert(leg);
        }
        self.house.tell(Event::Sip(sip::Event::Incoming(incoming)));
    }

    pub fn acknowledges(&mut self, leg: LegId) {
        self.unacknowledged.remove(&leg);
        let answer = self.late.remove(&leg).then(|| Body::sdp(b"theirs".to_vec()));
        self.house.tell(Event::Sip(sip::Event::Acked { leg, answer }));
    }

    pub fn hangs_up(&mut self, leg: LegId, why: sip::Ended) {
        self.unacknowledged.remove(&leg);
        let why = if self.legs.remove(&leg) == Some(Leg::Arrives) { sip::Ended::Cancelled } else { why };
        self.house.tell(Event::Sip(sip::Event::Ended { leg, why }));
    }

    /// A phone sends the other side of its talk elsewhere: one thing at a time, as signalling wants it.
    pub fn refers(&mut self, leg: LegId, to: sip::ReferTo) {
        let before = self.referred.entry(leg).or_default();
        if self.house.referred(leg).iter().filter(|status| **status >= 200).count() == *before {
            *before += 1;
            self.house.refers(leg, to);
        }
    }
}
