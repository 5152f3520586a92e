//! Whatever is asked and whatever happens, in whatever order: each call writes one record, each leg and its sound are let
//! go of, nobody is invited twice on one leg, each phone that sends somebody on is told once what became of it, and the
//! engine, the calls and the records know the same of talks, operators and lines.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::house::*;
use super::world::{Leg, OPERATORS, OUTSIDE, QUEUES, SEATS, World};
use crate::call::{Event, Order, Supervision, Whom};
use crate::ids::LegId;
use crate::media;
use crate::queue::{By, Input};
use crate::sip::{self, Body, Source};

impl World {
    pub fn step(&mut self, (what, a, b): (u8, u8, u8)) {
        let stands = |leg| leg == Leg::Stands;
        let seat = SEATS[usize::from(a) % 3];
        match what {
            0 => self.arrives("12346", &format!("1380000{b:04}"), Source::Trunk("carrier".into())),
            1 => self.arrives(["12347", "12348"][usize::from(b) % 2], CITIZEN, Source::Trunk("carrier".into())),
            2 => {
                let code = format!("*3{}{}", 3 + b % 4, OPERATORS[usize::from(b / 4) % 3]);
                self.arrives(&code, seat, Source::Seat(seat.into()));
            }
            3..=7 | 50..=57 => {
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
                if let Some(leg) = self.nth(a, stands).filter(|leg| self.is_watched(*leg)) {
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
                    // Mostly whoever has it.
                    let theirs = self.house.calls.view(call).and_then(|view| view.operator).filter(|_| b % 4 > 0);
                    let by = theirs.map_or(OPERATORS[usize::from(b) % 3].into(), |(operator, _)| operator);
                    let _why_not = self.house.order(call, by.as_str(), order(what, b / 3));
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
            29 | 30 => drop((0..=b % 4).take_while(|_| self.house.sound_speaks()).count()),
            31 => self.arrives(
                ["12345", "12349"][usize::from(b) % 2],
                &format!("1390000{b:04}"),
                Source::Trunk("carrier".into()),
            ),
            32..=34 => {
                let calls: Vec<LegId> = self.legs.keys().copied().filter(|leg| leg.0 % 2 == 1).collect();
                if let Some(leg) = calls.get(usize::from(a) % calls.len().max(1)) {
                    self.house.key(*leg, ['1', '2', '9', '8', '7', '0'][usize::from(b) % 6]);
                }
            }
            35 | 36 => {
                let number = ["8001", "8002", "1003", "12345", "12346", "12349", OUTSIDE, "nobody"][usize::from(b) % 8];
                self.arrives(number, seat, Source::Seat(seat.into()));
            }
            37 | 38 => {
                let number =
                    ["8002", "1003", "12345", "12346", "12349", OUTSIDE, "12347", "nobody"][usize::from(b) % 8];
                if let Some(leg) = self.seats_leg(a) {
                    self.refers(leg, sip::ReferTo::Number(number.into()));
                }
            }
            39 | 40 => {
                let lines: Vec<LegId> = self.legs.keys().copied().filter(|leg| leg.0 % 2 == 1).collect();
                if let (Some(leg), [first, ..]) = (self.seats_leg(a), &lines[..]) {
                    let other = lines.get(usize::from(b) % lines.len()).copied().unwrap_or(*first);
                    self.refers(leg, sip::ReferTo::Leg(other));
                }
            }
            41 => {
                if let Some(old) = self.nth(b, stands) {
                    let number = [seat, "hotline", "12345", "8003", "*12"][usize::from(b) % 5];
                    self.comes(number, seat, Source::Seat(seat.into()), |incoming| {
                        incoming.replaces = Some(sip::Replaced::Talk(old));
                    });
                }
            }
            42 => match (b.is_multiple_of(2), self.nth(b, |leg| leg == Leg::Rings)) {
                (true, Some(ring)) => self.comes("8001", seat, Source::Seat(seat.into()), |incoming| {
                    incoming.replaces = Some(sip::Replaced::Ring(ring));
                }),
                _ => self.arrives(&format!("*8{}", SEATS[usize::from(b / 2) % 3]), seat, Source::Seat(seat.into())),
            },
            43 => self.comes("12346", CITIZEN, Source::Trunk("carrier".into()), |incoming| {
                incoming.forgeable = a.is_multiple_of(2);
                incoming.offer.take_if(|_| b.is_multiple_of(2));
            }),
            44 => {
                let leg = self.unacknowledged.iter().nth(usize::from(a) % self.unacknowledged.len().max(1)).copied();
                if let Some(leg) = leg {
                    match b % 8 {
                        0 => self.hangs_up(leg, sip::Ended::NoAck),
                        1 => self.hangs_up(leg, sip::Ended::NoAnswer),
                        _ => self.acknowledges(leg),
                    }
                }
            }
            45 => {
                if let Some(contact) = self.call(a) {
                    let (queue, by) = (QUEUES[usize::from(b) % 2].into(), By::Supervisor("1002".into()));
                    self.house.input(Input::Move { contact, queue, by });
                }
            }
            46 => {
                let operator = OPERATORS[usize::from(a) % 3].into();
                self.house.input(match b % 3 {
                    0 => Input::SignOut { operator, by: By::Themselves },
                    _ => Input::SignIn { operator, seat: SEATS[usize::from(b / 3) % 3].into() },
                });
            }
            47 => {
                if let Some(leg) = self.nth(a, |leg| leg != Leg::Arrives) {
                    let malformed = b.is_multiple_of(2);
                    self.house.tell(Event::Media(media::Event::Unacceptable {
                        leg,
                        why: "x".into(),
                        code: 399,
                        malformed,
                    }));
                }
            }
            48 => {
                self.house.slow_store = b.is_multiple_of(2);
                if !self.house.slow_store {
                    self.house.write_out();
                }
            }
            _ => self.house.pass(Duration::from_secs(u64::from(a))),
        }
        self.look();
    }
}

fn order(what: u8, which: u8) -> Order {
    let whom = || match which % 6 {
        0 => Whom::Operator("1001".into()),
        1 => Whom::Operator("1002".into()),
        2 => Whom::Seat("8003".into()),
        3 => Whom::Queue("english".into()),
        4 => Whom::Seat("8004".into()),
        _ => Whom::Number(OUTSIDE.into()),
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

/// The same walks each time; with `PROPTEST_CASES=20000` so many others.
fn config() -> ProptestConfig {
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default(),
        None => ProptestConfig { cases: 300, rng_seed: RngSeed::Fixed(12345), ..ProptestConfig::default() },
    }
}

fn walk(slow_sound: bool, operator_first: bool, steps: &[(u8, u8, u8)]) -> Result<(), TestCaseError> {
    let mut world = World::new(slow_sound, operator_first);
    world.arrives("12346", CITIZEN, Source::Trunk("carrier".into()));
    world.look();
    for step in steps {
        world.step(*step);
        world.agrees()?;
    }
    world.ends()
}

/// The phone that took a callback is told unasked that sound cannot take its description, while it rings outside.
#[test]
fn who_took_a_callback_keeps_it_whatever_sound_says_of_their_phone() {
    let steps = [(32, 0, 140), (0, 0, 0), (50, 14, 1), (47, 36, 0), (44, 0, 168), (47, 7, 0), (50, 0, 1)];
    walk(false, true, &steps).unwrap();
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn nothing_that_is_asked_or_happens_leaves_anything_behind(
        slow_sound in any::<bool>(),
        operator_first in any::<bool>(),
        steps in prop::collection::vec((0..58_u8, any::<u8>(), any::<u8>()), 1..100),
    ) {
        walk(slow_sound, operator_first, &steps)?;
    }
}
