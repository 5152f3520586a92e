//! What one event costs the queue engine, with many operators and long lines: `scripts/bench engine`.
//!
//! A busy house: everybody talks, the lines are long, and each end of a talk frees an operator for whom the best
//! contact must be found. The time of each event is taken with all that it sets off.

// A benchmark measures real time.
#![allow(clippy::disallowed_methods)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hotline::ids::{CallId, OfferId, OperatorId, QueueId, SeatId, Skill};
use hotline::moment::Moment;
use hotline::queue::{Choose, Engine, Input, OperatorRules, Output, Preference, QueueRules, Rules, parse_need};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Counts what is allocated.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

#[expect(unsafe_code, reason = "an allocator is unsafe by its trait; it only counts and hands on")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct House {
    rng: StdRng,
    engine: Engine,
    now: Moment,
    last: u64,
    talking: Vec<CallId>,
    waiting: VecDeque<CallId>,
    offered: Vec<OfferId>,
    queues: Vec<QueueId>,
}

impl House {
    /// `operators` talk and `waiting` contacts wait in `skills` queues.
    fn new(operators: usize, waiting: usize, skills: usize) -> Self {
        let mut rng = StdRng::seed_from_u64(12345);
        let skill = |n: usize| format!("s{n}");
        let mut rules = Rules { version: 1, exclude_for: Duration::from_secs(30), ..Rules::default() };
        for n in 0..skills {
            let other = rng.random_range(0..skills);
            let need = format!("{} >= {} or {} >= 8", skill(n), rng.random_range(1..5), skill(other));
            let prefer = Preference { need: parse_need(&format!("{} >= 8", skill(n))).unwrap(), weight: 5 };
            let queue = QueueRules {
                prefer: vec![prefer],
                choose: if n % 3 == 0 { Choose::MostSkilled } else { Choose::LongestIdle },
                priority: Duration::from_secs(rng.random_range(0..60)),
                wrap_up: Duration::ZERO,
                max_waiting: usize::MAX,
                answer_within: Duration::from_secs(1_000_000),
                ..QueueRules::plain(parse_need(&need).unwrap())
            };
            rules.queues.insert(format!("q{n}").into(), queue);
        }
        let seats: Vec<SeatId> = (0..operators).map(|n| SeatId::from(format!("{}", 10_000 + n))).collect();
        for (n, seat) in seats.iter().enumerate() {
            let has: BTreeMap<Skill, u8> =
                (0..5).map(|_| (skill(rng.random_range(0..skills)).into(), rng.random_range(1..=10))).collect();
            let of = OperatorRules { skills: has, seat: Some(seat.clone()), ..OperatorRules::default() };
            rules.operators.insert(OperatorId::from(format!("{}", 10_000 + n)), of);
        }
        rules.seats = seats.iter().cloned().collect();
        let queues = rules.queues.keys().cloned().collect();
        let mut house = House {
            rng,
            engine: Engine::new(),
            now: Moment::from_micros(1_000_000_000_000),
            last: 0,
            talking: Vec::new(),
            waiting: VecDeque::new(),
            offered: Vec::new(),
            queues,
        };
        house.take(Input::Rules { rules: Arc::new(rules) });
        for seat in seats {
            house.take(Input::SeatReachable { seat, reachable: true });
        }
        while house.waiting.len() < waiting {
            house.join();
            house.accept();
        }
        house
    }

    fn take(&mut self, input: Input) {
        self.now = self.now + Duration::from_micros(200);
        self.engine.handle(self.now, input);
        while let Some(output) = self.engine.poll() {
            match output {
                Output::Offer { offer, .. } => self.offered.push(offer),
                Output::Connected { contact, .. } => self.talking.push(contact),
                Output::Joined { contact, .. } => self.waiting.push_back(contact),
                _ => {}
            }
        }
    }

    fn join(&mut self) {
        self.last += 1;
        let queue = self.queues[self.rng.random_range(0..self.queues.len())].clone();
        self.take(Input::Join { contact: CallId(self.last), queue, caller: None, arrived_at: self.now });
    }

    fn accept(&mut self) {
        if let Some(offer) = self.offered.pop() {
            self.take(Input::Accepted { offer });
        }
    }

    fn end_a_talk(&mut self) {
        if !self.talking.is_empty() {
            let at = self.rng.random_range(0..self.talking.len());
            let contact = self.talking.swap_remove(at);
            self.take(Input::TalkEnded { contact });
        }
    }

    /// The next event of a busy day: a talk ends, the next is answered, somebody joins, somebody gives up.
    fn event(&mut self, turn: usize) {
        match turn % 4 {
            0 => self.end_a_talk(),
            1 => self.accept(),
            2 => self.join(),
            // Of those who joined last most wait still.
            _ => {
                let Some(contact) = self.waiting.pop_back() else { return };
                if turn % 32 == 3 { self.take(Input::Leave { contact }) } else { self.join() }
            }
        }
    }
}

fn measure(name: &str, operators: usize, waiting: usize, skills: usize, events: usize) {
    let began = Instant::now();
    let mut house = House::new(operators, waiting, skills);
    println!("{name}: {operators} operators, {waiting} waiting, {skills} skills (made in {:.1?})", began.elapsed());
    let mut took = Vec::with_capacity(events);
    let (allocations, began) = (ALLOCATIONS.load(Ordering::Relaxed), Instant::now());
    for turn in 0..events {
        let at = Instant::now();
        house.event(turn);
        took.push(at.elapsed());
    }
    let (all, allocated) = (began.elapsed(), ALLOCATIONS.load(Ordering::Relaxed) - allocations);
    took.sort_unstable();
    let at = |share: f64| took[((events - 1) as f64 * share) as usize];
    println!(
        "  {:>9.0} events/s   p50 {:?}  p99 {:?}  p99.9 {:?}  longest {:?}   {:.2} allocations an event",
        events as f64 / all.as_secs_f64(),
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0),
        allocated as f64 / events as f64,
    );
}

fn main() {
    measure("a large house", 750, 10_000, 200, 1_000_000);
    measure("a whole country", 20_000, 1_000_000, 200, 1_000_000);
}
