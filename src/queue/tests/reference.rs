//! The engine beside a model that is as simple as can be: lists that are searched from end to end.
//!
//! The model watches inputs and outputs only. It says whether each offer is the one that the rules ask for, and
//! whether anybody waits whom somebody free could serve. Failing inputs are shrunk; the seed is printed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::ids::{CallId, OfferId, OperatorId, QueueId, SeatId};
use crate::moment::Moment;
use crate::queue::tests::laws::Laws;
use crate::queue::*;

const REST: Duration = Duration::from_secs(5);

struct Waiter {
    queue: QueueId,
    since: Moment,
    entered: Moment,
    step: usize,
    boost: Duration,
    rings: usize,
    /// It came back.
    urgent: bool,
    excluded: BTreeMap<OperatorId, (Moment, u32)>,
}

#[derive(Default)]
struct Worker {
    ready: bool,
    /// Being ready, or asked, the last time anything was told; a lost phone changes nothing of it.
    idle: bool,
    next: bool,
    idle_since: Moment,
    resting_until: Moment,
    unreached: u32,
    contacts: u64,
    last_offer: u64,
}

struct Model {
    rules: Arc<Rules>,
    waiters: BTreeMap<CallId, Waiter>,
    workers: BTreeMap<OperatorId, Worker>,
    offers: BTreeMap<OfferId, CallId>,
    talks: BTreeSet<CallId>,
    /// Whom the input that is being looked at brings back.
    returning: Option<(CallId, Option<OperatorId>)>,
    made: usize,
}

impl Model {
    fn rank(&self, now: Moment, id: CallId, waiter: &Waiter) -> (bool, i128, CallId) {
        let rules = &self.rules.queues[&waiter.queue];
        let aged = rules.ageing.map_or(Duration::ZERO, |ageing| {
            let times = now.since(waiter.entered).as_micros() / ageing.every.as_micros();
            ageing.boost * u32::try_from(times).unwrap()
        });
        let head_start = rules.priority + waiter.boost + aged;
        (!(rules.emergency || waiter.urgent), i128::from(waiter.since.as_micros()) - head_start.as_micros() as i128, id)
    }

    /// Everybody who may be asked for a contact, first to be asked first.
    fn candidates(&self, now: Moment, waiter: &Waiter) -> Vec<OperatorId> {
        let rules = &self.rules.queues[&waiter.queue];
        let (need, prefer) = rules.at_step(waiter.step);
        let mut found: Vec<_> = self
            .workers
            .iter()
            .filter(|(id, worker)| {
                let excluded = waiter.excluded.get(*id).is_some_and(|(until, _)| *until > now);
                worker.ready
                    && worker.resting_until <= now
                    && !excluded
                    && need.is_met_by(&self.rules.operators[*id].skills)
            })
            .map(|(id, worker)| {
                let of = &self.rules.operators[id];
                let weight: i32 = prefer.iter().filter(|p| p.need.is_met_by(&of.skills)).map(|p| p.weight).sum();
                let levels = || need.skills().into_iter().filter_map(|skill| of.skills.get(skill));
                let figure = match rules.choose {
                    Choose::LongestIdle => 0,
                    Choose::MostSkilled => -i64::from(levels().copied().map(i64::from).sum::<i64>() as i32),
                    Choose::LeastSkilled => of.skills.values().copied().map(i64::from).sum(),
                    Choose::RoundRobin => worker.last_offer as i64,
                    Choose::FewestCalls => worker.contacts as i64,
                    Choose::Weighted => (worker.contacts * 1000 / u64::from(of.weight.max(1))) as i64,
                    Choose::LeastOccupied => unreachable!("not among the model's rules"),
                };
                (-weight, figure, worker.idle_since, id.clone())
            })
            .collect();
        found.sort();
        found.into_iter().map(|(.., id)| id).collect()
    }

    fn saw(&mut self, now: Moment, output: &Output) {
        match output {
            Output::Joined { contact, queue, since, .. } => {
                let returns = self.returning.as_ref().filter(|(returning, _)| returning == contact);
                let failed_by = returns.and_then(|(_, by)| by.clone());
                let failed_by = failed_by.filter(|by| self.rules.operators.contains_key(by));
                let until = now + self.rules.exclude_for;
                let waiter = Waiter {
                    queue: queue.clone(),
                    since: *since,
                    entered: now,
                    step: 0,
                    boost: Duration::ZERO,
                    rings: 0,
                    urgent: returns.is_some(),
                    excluded: failed_by.into_iter().map(|by| (by, (until, 1))).collect(),
                };
                self.waiters.insert(*contact, waiter);
            }
            Output::Moved { contact, from, to, .. } => {
                let waiter = self.waiters.get_mut(contact).unwrap();
                // What was earned by ageing is kept, and begins anew.
                if let Some(ageing) = self.rules.queues[from].ageing {
                    let times = now.since(waiter.entered).as_micros() / ageing.every.as_micros();
                    waiter.boost += ageing.boost * u32::try_from(times).unwrap();
                }
                (waiter.queue, waiter.step, waiter.entered) = (to.clone(), 0, now);
            }
            Output::Relaxed { contact, step, .. } => self.waiters.get_mut(contact).unwrap().step = *step,
            Output::Offer { offer, contact, operator, .. } => self.offered(now, *offer, *contact, operator),
            Output::OfferEnded { offer, contact, operator, outcome, .. } => {
                self.offers.remove(offer);
                self.offer_ended(now, *contact, operator, *outcome);
            }
            Output::Connected { contact, operator, .. } => {
                self.waiters.remove(contact);
                self.talks.insert(*contact);
                self.workers.get_mut(operator).unwrap().contacts += 1;
            }
            Output::Ended { contact, .. } => drop(self.talks.remove(contact)),
            Output::Left { contact, .. } => drop(self.waiters.remove(contact)),
            Output::Operator { operator, state, next, .. } => {
                self.changed(now, operator, state);
                self.workers.get_mut(operator).unwrap().next = next.is_some();
            }
            _ => {}
        }
    }

    fn offered(&mut self, now: Moment, offer: OfferId, contact: CallId, operator: &OperatorId) {
        self.made += 1;
        let worker = self.workers.get_mut(operator).unwrap();
        // The offer is told after the state that it brought: for the check the operator is still ready.
        worker.ready = true;
        let waiter = &self.waiters[&contact];
        assert_eq!(self.candidates(now, waiter).first(), Some(operator), "somebody else is to be asked for {contact}");
        if waiter.rings == 0 {
            let mine = self.rank(now, contact, waiter);
            for (id, other) in self.waiters.iter().filter(|(_, other)| other.rings == 0) {
                let before = self.rank(now, *id, other) < mine && !self.candidates(now, other).is_empty();
                assert!(!before, "{id} is before {contact} and could be served");
            }
        }
        self.waiters.get_mut(&contact).unwrap().rings += 1;
        let worker = self.workers.get_mut(operator).unwrap();
        (worker.ready, worker.last_offer) = (false, offer.0);
        self.offers.insert(offer, contact);
    }

    fn offer_ended(&mut self, now: Moment, contact: CallId, operator: &OperatorId, outcome: OfferOutcome) {
        use OfferOutcome::*;
        let worker = self.workers.get_mut(operator).unwrap();
        if matches!(outcome, Busy | Unreachable) && !worker.next {
            (worker.resting_until, worker.idle_since) = (now + REST * 2_u32.pow(worker.unreached.min(6)), now);
            worker.unreached += u32::from(outcome == Unreachable);
        }
        if matches!(outcome, Answered | NoAnswer | Rejected) {
            worker.unreached = 0;
        }
        let Some(waiter) = self.waiters.get_mut(&contact) else { return };
        waiter.rings -= 1;
        if matches!(outcome, NoAnswer | Rejected) {
            let times = waiter.excluded.get(operator).map_or(0, |(_, times)| *times);
            let until = now + self.rules.exclude_for * 2_u32.pow(times.min(3));
            waiter.excluded.insert(operator.clone(), (until, times + 1));
        }
        if waiter.rings == 0 && !matches!(outcome, Answered | CallerGone | AnsweredElsewhere) {
            waiter.boost += self.rules.queues[&waiter.queue].put_back_boost;
        }
    }

    fn changed(&mut self, now: Moment, operator: &OperatorId, state: &OperatorState) {
        let worker = self.workers.entry(operator.clone()).or_default();
        let present = match state {
            OperatorState::Unreachable { was } => {
                (worker.resting_until, worker.unreached) = (Moment::default(), 0);
                was
            }
            state => state,
        };
        if *present == OperatorState::SignedOut {
            *worker = Worker::default();
        }
        let ready = *present == OperatorState::Ready;
        if ready && !worker.idle {
            worker.idle_since = now;
        }
        worker.idle = ready || matches!(present, OperatorState::Offered { .. });
        worker.ready = *state == OperatorState::Ready;
    }

    /// Nobody waits whom somebody free could serve.
    fn all_is_done(&self, now: Moment) {
        for (id, waiter) in self.waiters.iter().filter(|(_, waiter)| waiter.rings == 0) {
            let free = self.candidates(now, waiter);
            assert!(free.is_empty(), "{id} waits in {} though {free:?} could serve it", waiter.queue);
        }
    }
}

/// Rules without what the model does not know: callbacks, preferred operators, occupancy. The times are odd, so
/// that no two deadlines fall together.
fn rules(seed: u64) -> Rules {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut rules = super::replay::rules(&mut rng);
    rules.exclude_for = Duration::from_millis(8011);
    for queue in rules.queues.values_mut() {
        queue.callback = None;
        queue.keys.remove(&'1');
        queue.preferred_for = Duration::ZERO;
        queue.ring += Duration::from_millis(7);
        queue.ageing = queue.ageing.map(|ageing| Ageing { every: Duration::from_millis(5003), ..ageing });
        if queue.choose == Choose::LeastOccupied {
            queue.choose = Choose::MostSkilled;
        }
    }
    for (n, name) in ["dora", "emil", "fang"].into_iter().enumerate() {
        let seat = SeatId::from(format!("{}", n + 4));
        let skills = [("skill".into(), rng.random_range(1..=10))].into();
        let weight = rng.random_range(1..4);
        let of = OperatorRules { skills, weight, seat: Some(seat.clone()), ..OperatorRules::default() };
        rules.operators.insert(name.into(), of);
        rules.seats.insert(seat);
    }
    rules
}

/// What happens next: mostly something that makes sense, so that much happens.
fn input(seed: u64, model: &Model) -> Input {
    let mut rng = StdRng::seed_from_u64(seed);
    let seat = SeatId::from(["1", "2", "3", "4", "5", "6"][rng.random_range(0..6)]);
    let offers: Vec<OfferId> = model.offers.keys().copied().collect();
    let talks: Vec<CallId> = model.talks.iter().copied().collect();
    match rng.random_range(0..20) {
        0..=1 => Input::SeatReachable { seat, reachable: rng.random_bool(0.9) },
        2..=6 => {
            let queue = if rng.random() { "a" } else { "b" };
            let contact = CallId(rng.random_range(1..1_000_000));
            Input::Join { contact, queue: queue.into(), caller: None, arrived_at: Moment::default() }
        }
        7..=10 if !offers.is_empty() => Input::Accepted { offer: offers[rng.random_range(0..offers.len())] },
        11..=12 if !offers.is_empty() => {
            use OfferFailure::{Busy, Rejected, Unreachable};
            let why = [Rejected, Busy, Unreachable][rng.random_range(0..3)];
            Input::Failed { offer: offers[rng.random_range(0..offers.len())], why }
        }
        13..=15 if !talks.is_empty() => Input::TalkEnded { contact: talks[rng.random_range(0..talks.len())] },
        16 => {
            let names: Vec<_> = model.rules.operators.keys().collect();
            Input::Ready { operator: names[rng.random_range(0..names.len())].clone(), by: By::Themselves }
        }
        _ => match super::replay::nonsense(&mut rng) {
            Input::Rules { .. } | Input::Restarted | Input::RestartedAfter { .. } => {
                Input::SeatReachable { seat, reachable: true }
            }
            input => input,
        },
    }
}

fn run(seed: u64, steps: &[(u64, u64)]) -> usize {
    let rules = Arc::new(rules(seed));
    let mut model = Model {
        rules: rules.clone(),
        waiters: BTreeMap::new(),
        workers: BTreeMap::new(),
        offers: BTreeMap::new(),
        talks: BTreeSet::new(),
        returning: None,
        made: 0,
    };
    let mut laws = Laws::default();
    laws.several = true;
    let mut engine = Engine::new();
    let mut at = Moment::from_micros(1);
    engine.handle(at, Input::Rules { rules });
    for (micros, seed) in steps {
        at = at + Duration::from_micros(*micros);
        let input = input(*seed, &model);
        model.returning = match &input {
            Input::Return { contact, failed_by, .. } => Some((*contact, failed_by.clone())),
            _ => None,
        };
        engine.handle(at, input);
        while let Some(said) = engine.poll_said() {
            laws.saw(&said.output);
            model.saw(said.at, &said.output);
        }
        laws.check(&engine);
        model.all_is_done(at);
    }
    model.made
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_offer_is_the_one_that_the_rules_ask_for(
        seed in any::<u64>(),
        steps in prop::collection::vec((1_u64..3_000_000, any::<u64>()), 1..400),
    ) {
        run(seed, &steps);
    }
}

#[test]
fn the_model_is_asked_often_enough() {
    let mut rng = StdRng::seed_from_u64(3);
    let made: usize = (0..30)
        .map(|seed| {
            let steps: Vec<_> = (0..300).map(|_| (rng.random_range(1..3_000_000), rng.random())).collect();
            run(seed, &steps)
        })
        .sum();
    assert!(made > 1000, "{made} offers");
}
