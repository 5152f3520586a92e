//! Whatever is asked and whatever happens, in whatever order: each call writes one record, each leg and its sound are let
//! go of, nobody is invited twice on one leg, and the engine knows of each talk what the call knows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::handoff;
use super::house::*;
use crate::call::{Event, Order, Stage, Supervision, Whom};
use crate::ids::{CallId, LegId};
use crate::ivr::Entry as Leads;
use crate::ivr::menu::{Destination, To};
use crate::media;
use crate::queue::{By, Input, OperatorState};
use crate::sip::{self, Body, Source};

const SEATS: [&str; 3] = ["8001", "8002", "8003"];
const OPERATORS: [&str; 3] = ["1001", "1002", "1003"];

/// How far a leg has come, as its phone sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leg {
    /// A caller of whom nothing final was heard yet.
    Arrives,
    /// We ring it.
    Rings,
    Stands,
}

struct World {
    house: House,
    legs: BTreeMap<LegId, Leg>,
    /// Commands of signalling that were looked at.
    seen: usize,
    callers: u64,
}

impl World {
    fn new(slow_sound: bool) -> World {
        let mut settings = handoff::settings();
        let message = Some(Box::new(Destination::to(To::Message)));
        let seat = |otherwise| Leads::To(Destination::to(To::Seat { seat: "8001".into(), otherwise }));
        settings.ivr.numbers.insert("12347".into(), seat(None));
        settings.ivr.numbers.insert("12348".into(), seat(message));
        let mut house = House::with(settings, rules(|citizen| citizen.wrap_up = Duration::from_secs(5)), &SEATS);
        house.slow_sound = slow_sound;
        World { house, legs: BTreeMap::new(), seen: 0, callers: 0 }
    }

    /// What signalling was asked for since the last time.
    fn look(&mut self) {
        for command in &self.house.sip[self.seen..] {
            match command {
                sip::Command::Invite(invite) => {
                    assert_eq!(self.legs.insert(invite.leg, Leg::Rings), None, "{:?} is invited twice", invite.leg);
                }
                sip::Command::Accept { leg, .. } => {
                    self.legs.insert(*leg, Leg::Stands);
                }
                sip::Command::Hangup { leg, .. } | sip::Command::Refuse { leg, .. } => {
                    self.legs.remove(leg);
                }
                _ => {}
            }
        }
        self.seen = self.house.sip.len();
    }

    fn nth(&self, nth: u8, is: impl Fn(Leg) -> bool) -> Option<LegId> {
        let legs: Vec<LegId> = self.legs.iter().filter(|(_, leg)| is(**leg)).map(|(id, _)| *id).collect();
        legs.get(usize::from(nth) % legs.len().max(1)).copied()
    }

    fn call(&self, nth: u8) -> Option<CallId> {
        let calls: Vec<CallId> = self.house.calls.ids().collect();
        calls.get(usize::from(nth) % calls.len().max(1)).copied()
    }

    fn arrives(&mut self, number: &str, from: &str, source: Source) {
        self.callers += 1;
        let leg = LegId(self.callers * 2 - 1);
        self.legs.insert(leg, Leg::Arrives);
        self.house.arrive(leg, from, number, source);
    }

    fn hangs_up(&mut self, leg: LegId, why: sip::Ended) {
        let why = if self.legs.remove(&leg) == Some(Leg::Arrives) { sip::Ended::Cancelled } else { why };
        self.house.tell(Event::Sip(sip::Event::Ended { leg, why }));
    }

    fn step(&mut self, (what, a, b): (u8, u8, u8)) {
        let stands = |leg| leg == Leg::Stands;
        let seat = SEATS[usize::from(a) % 3];
        match what {
            0 => self.arrives("12346", &format!("1380000{b:04}"), Source::Trunk("carrier".into())),
            1 => self.arrives(["12347", "12348"][usize::from(b) % 2], CITIZEN, Source::Trunk("carrier".into())),
            2 => {
                let code = format!("*3{}{}", 3 + b % 4, OPERATORS[usize::from(b / 4) % 3]);
                self.arrives(&code, seat, Source::Seat(seat.into()));
            }
            3..=7 => {
                if let Some(leg) = self.nth(a, |leg| leg == Leg::Rings) {
                    self.legs.insert(leg, Leg::Stands);
                    let body = (b % 16 > 0).then(|| Body::sdp(b"theirs".to_vec()));
                    self.house.tell(Event::Sip(sip::Event::Answered { leg, body }));
                }
            }
            8 => {
                if let Some(leg) = self.nth(a, |leg| leg == Leg::Rings) {
                    self.legs.remove(&leg);
                    self.house.refuses(leg, [486, 603, 408, 503][usize::from(b) % 4]);
                }
            }
            9 => {
                if let Some(leg) = self.nth(a, |_| true).filter(|leg| self.legs[leg] != Leg::Rings) {
                    self.hangs_up(leg, if b.is_multiple_of(3) { sip::Ended::Lost } else { sip::Ended::Bye });
                }
            }
            10 => {
                if let Some(leg) = self.nth(a, stands) {
                    self.house.tell(Event::Media(media::Event::Dead { leg }));
                }
            }
            11 => {
                if let Some(leg) = self.nth(a, stands) {
                    let found = b.is_multiple_of(2);
                    let event = if found { sip::Event::FlowFound { leg } } else { sip::Event::FlowLost { leg } };
                    self.house.tell(Event::Sip(event));
                }
            }
            12 => {
                if let Some(leg) = self.nth(a, stands) {
                    let was_holding = self.house.holding.remove(&leg);
                    if !was_holding {
                        self.house.holding.insert(leg);
                    }
                    let body = (b % 4 > 0).then(|| Body::sdp(b"theirs".to_vec()));
                    self.house.tell(Event::Sip(sip::Event::Reoffer { leg, body }));
                }
            }
            13 => {
                if let Some(leg) = self.nth(a, stands) {
                    for key in [&['*', '1'][..], &['*', '2'], &['1']][usize::from(b) % 3] {
                        self.house.key(leg, *key);
                    }
                }
            }
            14..=21 => {
                if let Some(call) = self.call(a) {
                    let by = OPERATORS[usize::from(b) % 3];
                    let _why_not = self.house.order(call, by, order(what, b / 3));
                }
            }
            22 => {
                let reachable = !b.is_multiple_of(3);
                self.house.phone(seat, reachable);
            }
            23 => {
                let operator = OPERATORS[usize::from(a) % 3].into();
                self.house.input(match b % 3 {
                    0 => Input::NotReady { operator, reason: "break".into(), by: By::Themselves },
                    1 => Input::Ready { operator, by: By::Themselves },
                    _ => Input::EndWrapUp { operator },
                });
            }
            24 => {
                let rules = (**self.house.engine.rules()).clone();
                let settings = self.house.calls.settings().clone();
                self.house.calls.set_settings(settings);
                self.house.input(Input::Rules { rules: Arc::new(rules) });
            }
            25 => {
                let queue = if b.is_multiple_of(2) { "citizen" } else { "english" };
                self.house.input(Input::Open { queue: queue.into(), open: b % 4 < 2 });
            }
            26 => {
                if let Some(leg) = self.nth(a, stands)
                    && !self.house.plays(leg).is_empty()
                {
                    self.house.heard_out(leg);
                }
            }
            27 | 28 => self.house.pass(Duration::from_millis(u64::from(a) * 100)),
            _ => drop((0..=b % 4).take_while(|_| self.house.sound_speaks()).count()),
        }
        self.look();
    }

    /// The engine and the calls mean the same talks, and the same operators in them.
    fn agrees(&self) -> Result<(), TestCaseError> {
        let talks: BTreeSet<CallId> = self.house.engine.talks().map(|talk| talk.contact).collect();
        let mut known = BTreeSet::new();
        for id in self.house.calls.ids() {
            let view = self.house.calls.view(id).unwrap();
            use Stage as S;
            if matches!(view.stage, S::Talking | S::Holding | S::Consulting | S::Conference | S::Lost) {
                known.insert(id);
                let operator = view.record.operator.as_ref().unwrap();
                let state = self.house.state(operator.as_str());
                let theirs = matches!(&state, OperatorState::Talking { contact } | OperatorState::Holding { contact } if *contact == id);
                prop_assert!(theirs, "{id} is with {operator}, who is {state:?}");
            }
        }
        prop_assert_eq!(talks, known, "talks of the engine, and of the calls");
        Ok(())
    }

    /// Everybody goes home.
    fn ends(mut self) -> Result<(), TestCaseError> {
        self.house.slow_sound = false;
        while self.house.sound_speaks() {}
        self.look();
        for _ in 0..200 {
            let Some((leg, how)) = self.legs.iter().next().map(|(id, leg)| (*id, *leg)) else { break };
            match how {
                Leg::Rings => {
                    self.legs.remove(&leg);
                    self.house.refuses(leg, 486);
                }
                _ => self.hangs_up(leg, sip::Ended::Bye),
            }
            self.look();
        }
        self.house.pass(Duration::from_secs(600));
        self.look();
        prop_assert!(self.legs.is_empty(), "legs that stand or ring for nobody: {:?}", self.legs);
        let records = self.house.records();
        for record in &records {
            for transfer in &record.transfers {
                prop_assert!(
                    transfer.outcome != crate::records::TransferOutcome::GoesOn && transfer.ended_at.is_some(),
                    "{transfer:?}"
                );
            }
            prop_assert!(record.handoff.iter().all(|handoff| handoff.ended_at.is_some()), "{:?}", record.handoff);
            prop_assert!(record.supervised.iter().all(|one| one.ended_at.is_some()), "{:?}", record.supervised);
            prop_assert!(record.outcome.is_some() && record.ended_by.is_some());
        }
        prop_assert_eq!(self.house.engine.talks().count() + self.house.engine.waiting_in_all(), 0);
        for operator in OPERATORS {
            let state = self.house.state(operator);
            let free = matches!(
                state,
                OperatorState::Ready
                    | OperatorState::NotReady { .. }
                    | OperatorState::Unreachable { .. }
                    | OperatorState::SignedOut
            );
            prop_assert!(free, "{operator} is {state:?} when everybody is gone");
        }
        Ok(())
    }
}

fn order(what: u8, which: u8) -> Order {
    let whom = || match which % 6 {
        0 => Whom::Operator("1001".into()),
        1 => Whom::Operator("1002".into()),
        2 => Whom::Seat("8003".into()),
        3 => Whom::Queue("english".into()),
        4 => Whom::Seat("8004".into()),
        _ => Whom::Number("01085225050".into()),
    };
    match (what, which % 4) {
        (14, 0..2) => Order::Hold,
        (14, _) => Order::Resume,
        (15, _) => Order::Consult { to: whom() },
        (16, 0) => Order::Return,
        (16, 1) => Order::Conference,
        (16, _) => Order::Complete,
        (17, _) => Order::Transfer { to: whom() },
        (18, 0) => Order::HandOff { target: None },
        (18, nth) => Order::HandOff { target: Some(if nth == 1 { "119" } else { "110" }.into()) },
        (19, 0) => Order::HangUp,
        (19, 1) => Order::Note { text: "a lamp".into() },
        (19, _) => Order::Reclaim,
        (20, 0) => Order::Supervise { mode: Supervision::Listen },
        (20, 1) => Order::Supervise { mode: Supervision::Whisper },
        (20, _) => Order::Supervise { mode: Supervision::Barge },
        (_, 0) => Order::LeaveSupervision,
        _ => Order::TakeOver,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_is_asked_or_happens_leaves_anything_behind(
        slow_sound in any::<bool>(),
        steps in prop::collection::vec((0..31_u8, any::<u8>(), any::<u8>()), 1..80),
    ) {
        let mut world = World::new(slow_sound);
        world.arrives("12346", CITIZEN, Source::Trunk("carrier".into()));
        world.look();
        for step in steps {
            world.step(step);
            world.agrees()?;
        }
        world.ends()?;
    }
}
