//! A day of 750 seats in a few seconds: impatient callers, refusals, dead phones, breaks, shifts.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::ids::{CallId, OfferId, OperatorId, QueueId, SeatId};
use crate::moment::Moment;
use crate::queue::tests::laws::Laws;
use crate::queue::*;

const OPERATORS: usize = 750;
const CALLS: u64 = 50_000;
/// 08:00 to 16:00.
const DAY: Duration = Duration::from_secs(8 * 3600);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happens {
    Arrive(CallId),
    GiveUp(CallId),
    Phone(OfferId, u8),
    HangUp(CallId),
    SeatLost(SeatId),
    SeatBack(SeatId),
    Break(OperatorId),
    Back(OperatorId),
}

struct Day {
    rng: StdRng,
    engine: Engine,
    laws: Laws,
    heap: BinaryHeap<Reverse<(Moment, Happens)>>,
    queue_of: BTreeMap<CallId, QueueId>,
    /// In line, by queue: when each joined.
    lines: BTreeMap<QueueId, BTreeSet<(Moment, CallId)>>,
    joined: BTreeMap<CallId, Moment>,
    /// Who was asked for whom in vain, and when.
    failed: BTreeMap<(CallId, OperatorId), Moment>,
    ringing: BTreeSet<CallId>,
}

#[test]
fn a_day_of_750_operators_keeps_every_law() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(12345);
    println!("SEED={seed}");
    let mut day = Day::new(seed);
    day.run();
    println!(
        "joined {} connected {} left {} offers {}",
        day.laws.joined, day.laws.connected, day.laws.left, day.laws.offers
    );
    assert!(day.laws.connected > CALLS as usize * 6 / 10, "the day was too bad to prove anything");
    assert!(day.laws.left > 100, "nobody gave up");
    assert!(day.laws.offers > day.laws.connected + 1000, "no offer failed");
}

impl Day {
    fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let queue = |need: &str| QueueRules {
            wrap_up: Duration::from_secs(15),
            max_waiting: 400,
            max_wait: Some(Duration::from_secs(600)),
            ..QueueRules::plain(parse_need(need).unwrap())
        };
        let queues = [("citizen", "mandarin"), ("housing", "mandarin and housing >= 3"), ("english", "english >= 2")];
        let mut rules = Rules {
            queues: queues.iter().map(|(id, need)| (QueueId::from(*id), queue(need))).collect(),
            exclude_for: Duration::from_secs(30),
            phone_grace: Duration::from_secs(60),
            ..Rules::default()
        };
        for i in 0..OPERATORS {
            let seat = SeatId::from(format!("{}", 8000 + i));
            let mut skills: BTreeMap<_, _> = [("mandarin".into(), 5)].into();
            if rng.random_bool(0.4) {
                skills.insert("housing".into(), rng.random_range(1..=5));
            }
            if rng.random_bool(0.1) {
                skills.insert("english".into(), rng.random_range(1..=4));
            }
            rules.seats.insert(seat.clone());
            rules.operators.insert(
                format!("{}", 1000 + i).into(),
                OperatorRules { skills, seat: Some(seat), ..OperatorRules::default() },
            );
        }
        let mut day = Day {
            rng,
            engine: Engine::new(),
            laws: Laws::default(),
            heap: BinaryHeap::new(),
            queue_of: BTreeMap::new(),
            lines: BTreeMap::new(),
            joined: BTreeMap::new(),
            failed: BTreeMap::new(),
            ringing: BTreeSet::new(),
        };
        let start = Moment::default() + Duration::from_secs(8 * 3600);
        day.input(start, Input::Rules { rules: Arc::new(rules.clone()) });
        for seat in &rules.seats {
            let at = start + day.within(Duration::from_secs(1800));
            day.at(at, Happens::SeatBack(seat.clone()));
        }
        for call in 1..=CALLS {
            let at = start + day.within(DAY);
            day.at(at, Happens::Arrive(CallId(call)));
        }
        day
    }

    fn within(&mut self, most: Duration) -> Duration {
        Duration::from_micros(self.rng.random_range(0..most.as_micros() as u64))
    }

    fn at(&mut self, at: Moment, happens: Happens) {
        self.heap.push(Reverse((at, happens)));
    }

    fn run(&mut self) {
        let mut steps = 0_usize;
        while let Some(Reverse((at, happens))) = self.heap.pop() {
            while self.engine.next_deadline().is_some_and(|(due, _)| due <= at) {
                let due = self.engine.next_deadline().unwrap().0;
                self.engine.handle_deadline(due);
                self.drain(due);
            }
            self.happen(at, happens);
            steps += 1;
            self.laws.conserve(&self.engine);
            if steps.is_multiple_of(500) {
                self.laws.check(&self.engine);
            }
        }
        self.laws.check(&self.engine);
        assert!(self.ringing.is_empty());
    }

    fn happen(&mut self, at: Moment, happens: Happens) {
        match happens {
            Happens::Arrive(contact) => {
                let queue = match self.rng.random_range(0..10) {
                    0 => "english",
                    1..=3 => "housing",
                    _ => "citizen",
                };
                self.queue_of.insert(contact, queue.into());
                self.input(at, Input::Join { contact, queue: queue.into(), caller: None, arrived_at: at });
                let patience = self.within(Duration::from_secs(240));
                self.at(at + patience, Happens::GiveUp(contact));
            }
            Happens::GiveUp(contact) => self.input(at, Input::Leave { contact }),
            Happens::Phone(offer, dice) => self.input(
                at,
                match dice {
                    0..=1 => Input::Failed { offer, why: OfferFailure::Busy },
                    2..=4 => Input::Failed { offer, why: OfferFailure::Rejected },
                    5 => Input::Failed { offer, why: OfferFailure::Unreachable },
                    _ => Input::Accepted { offer },
                },
            ),
            Happens::HangUp(contact) => self.input(at, Input::TalkEnded { contact }),
            Happens::SeatLost(seat) => {
                self.input(at, Input::SeatReachable { seat: seat.clone(), reachable: false });
                let gone = self.within(Duration::from_secs(120));
                self.at(at + gone, Happens::SeatBack(seat));
            }
            Happens::SeatBack(seat) => {
                self.input(at, Input::SeatReachable { seat: seat.clone(), reachable: true });
                let next = self.within(Duration::from_secs(4 * 3600));
                if at + next < Moment::default() + DAY * 2 {
                    self.at(at + next, Happens::SeatLost(seat));
                }
            }
            Happens::Break(operator) => {
                self.input(
                    at,
                    Input::NotReady { operator: operator.clone(), reason: "meal".into(), by: By::Themselves },
                );
                let length = self.within(Duration::from_secs(900));
                self.at(at + length, Happens::Back(operator));
            }
            Happens::Back(operator) => self.input(at, Input::Ready { operator, by: By::Themselves }),
        }
    }

    fn input(&mut self, at: Moment, input: Input) {
        self.engine.handle(at, input);
        self.drain(at);
    }

    fn drain(&mut self, at: Moment) {
        while let Some(output) = self.engine.poll() {
            self.laws.saw(&output);
            match output {
                Output::Joined { contact, queue, .. } => {
                    self.joined.insert(contact, at);
                    self.lines.entry(queue).or_default().insert((at, contact));
                }
                Output::Offer { offer, contact, operator, .. } => {
                    self.ringing.insert(contact);
                    self.nobody_was_passed_over(at, contact, &operator);
                    let dice = self.rng.random_range(0..100);
                    if dice < 97 {
                        let rings = self.within(Duration::from_secs(8));
                        self.at(at + rings, Happens::Phone(offer, dice));
                    }
                }
                Output::OfferEnded { contact, operator, outcome, .. } => {
                    self.ringing.remove(&contact);
                    if outcome == OfferOutcome::NoAnswer {
                        let back = self.within(Duration::from_secs(60));
                        self.at(at + back, Happens::Back(operator.clone()));
                    }
                    self.failed.insert((contact, operator), at);
                }
                Output::Connected { contact, operator, queue, .. } => {
                    self.leave(contact, &queue);
                    let talk = Duration::from_secs(60) + self.within(Duration::from_secs(420));
                    self.at(at + talk, Happens::HangUp(contact));
                    if self.rng.random_bool(0.05) {
                        self.at(at + talk, Happens::Break(operator));
                    }
                }
                Output::Left { contact, queue, .. } => self.leave(contact, &queue),
                _ => {}
            }
        }
    }

    fn leave(&mut self, contact: CallId, queue: &QueueId) {
        if let (Some(line), Some(joined)) = (self.lines.get_mut(queue), self.joined.get(&contact)) {
            line.remove(&(*joined, contact));
        }
    }

    /// Nobody who joined the same queue earlier waits for an operator that a later one is offered,
    /// unless that operator just failed to take them.
    fn nobody_was_passed_over(&self, at: Moment, contact: CallId, operator: &OperatorId) {
        let queue = &self.queue_of[&contact];
        let mine = (self.joined[&contact], contact);
        for (joined, earlier) in self.lines[queue].range(..mine) {
            if self.ringing.contains(earlier) {
                continue;
            }
            let failed = self.failed.get(&(*earlier, operator.clone()));
            let excused = failed.is_some_and(|failed| at.since(*failed) <= Duration::from_secs(30));
            assert!(excused, "{contact} got {operator} at {at:?} before {earlier}, who joined {queue} at {joined:?}");
        }
    }
}
