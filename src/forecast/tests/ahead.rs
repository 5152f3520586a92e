//! The run ahead: theory where it applies, silence where nothing can be said.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::forecast::draws::exponential;
use crate::forecast::{Phones, look_ahead};
use crate::ids::{CallId, OperatorId, SeatId};
use crate::moment::Moment;
use crate::queue::*;

const MEAN: Duration = Duration::from_secs(120);

/// One queue, so many operators at work for hours, so many in line.
struct House {
    engine: Engine,
    phones: Phones,
    now: Moment,
    calls: u64,
}

impl House {
    fn new(operators: usize) -> House {
        let mut rules = Rules {
            queues: [("q".into(), QueueRules { wrap_up: Duration::ZERO, ..QueueRules::plain(Need::Anyone) })].into(),
            ..Rules::default()
        };
        for n in 0..operators {
            rules.seats.insert(SeatId::from(format!("s{n:03}")));
            rules.operators.insert(format!("o{n:03}").into(), OperatorRules::default());
        }
        let mut house = House {
            engine: Engine::new(),
            phones: Phones::default(),
            now: Moment::from_micros(1_000_000_000_000),
            calls: 0,
        };
        house.input(Input::Rules { rules: Arc::new(rules) });
        house
    }

    fn sign_in(&mut self, n: usize) {
        let (operator, seat) = (OperatorId::from(format!("o{n:03}")), SeatId::from(format!("s{n:03}")));
        self.input(Input::SeatReachable { seat: seat.clone(), reachable: true });
        self.input(Input::SignIn { operator: operator.clone(), seat });
        self.input(Input::Ready { operator, by: By::Themselves });
    }

    /// Phones are answered at once.
    fn input(&mut self, input: Input) {
        self.engine.handle(self.now, input);
        while let Some(output) = self.engine.poll() {
            self.phones.saw(&output);
            if let Output::Offer { offer, .. } = output {
                self.engine.handle(self.now, Input::Accepted { offer });
            }
        }
    }

    fn join(&mut self) -> CallId {
        self.calls += 1;
        let contact = CallId(self.calls);
        self.input(Input::Join { contact, queue: "q".into(), caller: None, arrived_at: self.now });
        contact
    }

    /// Talks of exponential length, one after the other, until the line has learned their law.
    fn learn(&mut self, rng: &mut StdRng) {
        for n in 0..64 {
            let contact = self.join();
            // The law's own quantiles, in no order: a sample of the same size would have a mean of its own.
            let quantile = (f64::from(n * 37 % 64) + 0.5) / 64.0;
            self.now = self.now + MEAN.mul_f64(-(1.0 - quantile).ln());
            self.input(Input::TalkEnded { contact });
        }
        self.now = self.now + exponential(MEAN, rng);
    }
}

/// The wait at place k, with all n busy, is a sum of k exponential times of mean 1/n of a talk.
fn theory(place: usize, operators: usize, rng: &mut StdRng) -> (f64, f64) {
    let mut waits: Vec<f64> = (0..20_000)
        .map(|_| (0..place).map(|_| -(1.0 - rng.random::<f64>()).ln()).sum::<f64>())
        .map(|sum| sum * MEAN.as_secs_f64() / operators as f64)
        .collect();
    waits.sort_by(f64::total_cmp);
    (waits[10_000], waits[16_000])
}

#[test]
fn one_exponential_pool_waits_as_theory_says() {
    let (operators, waiting) = (12, 20);
    let mut rng = StdRng::seed_from_u64(3);
    let mut house = House::new(operators);
    house.sign_in(0);
    house.learn(&mut rng);
    (1..operators).for_each(|n| house.sign_in(n));
    for _ in 0..operators + waiting {
        house.join();
    }
    assert_eq!(house.engine.waiting_in_all(), waiting);
    let before = house.engine.clone();
    let found = look_ahead(&house.engine, &house.phones, 1, 200);
    assert_eq!(house.engine, before, "looking changed something");
    let waits = &found["q"];
    let places: Vec<u32> = waits.0.iter().map(|(place, _)| *place).collect();
    assert_eq!(places, [1, 2, 3, 5, 8, 13, 21]);
    for (place, wait) in &waits.0 {
        let (median, p80) = theory(*place as usize, operators, &mut rng);
        let (found, found80) = (wait.median_ms as f64 / 1000.0, wait.p80_ms as f64 / 1000.0);
        println!("place {place}: {found} / {found80} s, theory {median:.1} / {p80:.1} s");
        assert!((found - median).abs() < 0.2 * median + 2.0, "place {place}: median {found}, theory {median}");
        assert!((found80 - p80).abs() < 0.2 * p80 + 2.0, "place {place}: 80 % {found80}, theory {p80}");
    }
    assert_eq!(look_ahead(&house.engine, &house.phones, 1, 5), look_ahead(&house.engine, &house.phones, 1, 5));
}

#[test]
fn nothing_is_said_when_nobody_is_signed_in() {
    let mut house = House::new(2);
    house.join();
    house.join();
    assert!(look_ahead(&house.engine, &house.phones, 1, 5).is_empty());
}

#[test]
fn who_joins_while_somebody_is_free_waits_for_the_phone_alone() {
    let mut house = House::new(2);
    house.sign_in(0);
    let found = look_ahead(&house.engine, &house.phones, 1, 5);
    // Nothing was learned of phones: they are taken to be answered after three seconds.
    assert_eq!(found["q"], ExpectedWaits(vec![(1, Expected { median_ms: 3000, p80_ms: 3000 })]));
}
