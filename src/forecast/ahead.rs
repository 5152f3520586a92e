//! How long the lines take from now on: this same dispatcher, run forward from the live state.
//!
//! Nobody new arrives and nobody gives up; operators finish their talks, answer their phones as they lately did,
//! and those who are away stay away. A few such runs give a median and an 80th percentile for each place. In each
//! run somebody new stands at the end of each line, to learn what a caller who joins now has to expect; they take
//! nobody's time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::draws::exponential;
use crate::ids::{CallId, OfferId, QueueId};
use crate::moment::Moment;
use crate::queue::{Engine, Expected, ExpectedWaits, Input, OfferFailure, OfferOutcome, Output};

/// Between two looks, while somebody waits.
pub const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Runs from one state, by default.
pub const RUNS: u32 = 5;
/// Nobody is told a longer wait; what lies beyond is unknown.
const HORIZON: Duration = Duration::from_secs(2 * 3600);
/// Contacts in line and in talk: with more, the pace of the line must do, for a run would take too long.
const MAX_CONTACTS: usize = 20_000;
/// Things that happen in one run: each contact has about four. Whoever is not served by then is unknown.
const MAX_EVENTS: usize = 100_000;
/// Offers whose outcomes are remembered.
const REMEMBERED: usize = 64;
/// Assumed of phones until offers were seen.
const ANSWERS_AFTER: Duration = Duration::from_secs(3);
/// Assumed of the customer of a callback: answers after so long.
const CUSTOMER_ANSWERS_AFTER: Duration = Duration::from_secs(8);
/// With fewer handle times than this, those known give a mean and nothing more.
const ENOUGH: usize = 10;
/// Ids for contacts that exist only in a run: no call arrives that late.
const IMAGINED: u64 = u64::MAX - (1 << 32);

/// How phones were answered lately, learned from the engine's outputs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Phones(VecDeque<(OfferOutcome, u32)>);

impl Phones {
    pub fn saw(&mut self, output: &Output) {
        if let Output::OfferEnded { outcome, ms, .. } = output
            && !matches!(outcome, OfferOutcome::CallerGone | OfferOutcome::AnsweredElsewhere)
        {
            if self.0.len() == REMEMBERED {
                self.0.pop_front();
            }
            self.0.push_back((*outcome, u32::try_from(*ms).unwrap_or(u32::MAX)));
        }
    }

    /// How an offer will end, and after ringing how long in all; it has rung for `rung`.
    fn draw(&self, rung: Duration, rng: &mut StdRng) -> (OfferOutcome, Duration) {
        let lasts = |ms: u32| Duration::from_millis(u64::from(ms));
        let longer: Vec<(OfferOutcome, Duration)> =
            self.0.iter().map(|(outcome, ms)| (*outcome, lasts(*ms))).filter(|(_, time)| *time >= rung).collect();
        match longer.len() {
            0 => (OfferOutcome::Answered, rung.max(ANSWERS_AFTER)),
            len => longer[rng.random_range(0..len)],
        }
    }
}

/// The waits by place of every queue of which anything can be said. `engine` stays as it is.
pub fn look_ahead(engine: &Engine, phones: &Phones, seed: u64, runs: u32) -> BTreeMap<QueueId, ExpectedWaits> {
    let contacts = engine.waiting_in_all() + engine.talks().count();
    if contacts > MAX_CONTACTS {
        return BTreeMap::new();
    }
    let mut found: BTreeMap<QueueId, Vec<Vec<Duration>>> = BTreeMap::new();
    let mut rng = StdRng::seed_from_u64(seed);
    for _ in 0..runs {
        let run = Run::new(engine, phones, StdRng::seed_from_u64(rng.random()));
        for (queue, waits) in run.waits() {
            let places = found.entry(queue).or_default();
            places.resize(places.len().max(waits.len()), Vec::new());
            for (place, wait) in waits.into_iter().enumerate() {
                // Unknown is longer than all that is known.
                places[place].push(wait.unwrap_or(HORIZON));
            }
        }
    }
    found
        .into_iter()
        .map(|(queue, places)| (queue, summary(&places)))
        .filter(|(_, waits)| !waits.0.is_empty())
        .collect()
}

/// Median and 80th percentile at places 1, 2, 3, 5, 8, 13 … and the last. Neighbours lend each other their runs.
fn summary(places: &[Vec<Duration>]) -> ExpectedWaits {
    let mut chosen = Vec::new();
    let (mut place, mut next) = (1, 2);
    while place < places.len() {
        chosen.push(place);
        (place, next) = (next, place + next);
    }
    chosen.push(places.len());
    let mut waits: Vec<(u32, Expected)> = Vec::new();
    for place in chosen.into_iter().filter(|place| *place > 0) {
        let reach = (place / 8).min(places.len() - place);
        let mut near: Vec<Duration> = places[place - 1 - reach..place + reach].iter().flatten().copied().collect();
        near.sort_unstable();
        let at = |percent: usize| near.get((near.len() * percent).div_ceil(100).max(1) - 1).copied();
        let (Some(median), Some(p80)) = (at(50), at(80)) else { break };
        if median >= HORIZON {
            break;
        }
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let before = waits.last().map_or((0, 0), |(_, wait)| (wait.median_ms, wait.p80_ms));
        // Further back is never told to be sooner.
        let median_ms = ms(median).max(before.0);
        waits.push((
            u32::try_from(place).unwrap_or(u32::MAX),
            Expected { median_ms, p80_ms: ms(p80).max(before.1).max(median_ms) },
        ));
    }
    ExpectedWaits(waits)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happens {
    HangsUp(CallId),
    PhoneAnswers(OfferId),
    PhoneFails(OfferId, OfferFailure),
    CustomerAnswers(CallId),
    /// Somebody imagined would be answered.
    Imagined(CallId),
}

struct Run<'a> {
    engine: Engine,
    phones: &'a Phones,
    rng: StdRng,
    began: Moment,
    heap: BinaryHeap<Reverse<(Moment, u64, Happens)>>,
    foreseen: u64,
    /// Handle times by queue, ascending, and the wrap-up in them (ms).
    handled: BTreeMap<QueueId, (Vec<u32>, Duration)>,
    queue_of: BTreeMap<CallId, QueueId>,
    /// Where those who wait stood, and when they were served.
    places: BTreeMap<QueueId, Vec<CallId>>,
    served: BTreeMap<CallId, Duration>,
    /// Callbacks go on under another number once their customer was reached.
    became: BTreeMap<CallId, CallId>,
    imagined: u64,
    open: usize,
}

impl<'a> Run<'a> {
    fn new(engine: &Engine, phones: &'a Phones, rng: StdRng) -> Run<'a> {
        let mut engine = engine.clone();
        while engine.poll().is_some() {}
        let mut run = Run {
            began: engine.now(),
            engine,
            phones,
            rng,
            heap: BinaryHeap::new(),
            foreseen: 0,
            handled: BTreeMap::new(),
            queue_of: BTreeMap::new(),
            places: BTreeMap::new(),
            served: BTreeMap::new(),
            became: BTreeMap::new(),
            imagined: IMAGINED,
            open: 0,
        };
        run.take_over();
        run
    }

    /// Foresees how everything that is going on will end.
    fn take_over(&mut self) {
        let now = self.began;
        for (queue, rules) in &self.engine.rules().queues {
            let mut times = self.engine.handle_times(queue);
            times.sort_unstable();
            self.handled.insert(queue.clone(), (times, rules.wrap_up));
            let line: Vec<CallId> = self.engine.in_line(queue).collect();
            self.queue_of.extend(line.iter().map(|contact| (*contact, queue.clone())));
            self.places.insert(queue.clone(), line);
        }
        let talks: Vec<(CallId, QueueId, Moment)> =
            self.engine.talks().map(|talk| (talk.contact, talk.queue.clone(), talk.since)).collect();
        for (contact, queue, since) in talks {
            let left = self.talk(&queue, now.since(since));
            self.foresee(now + left, Happens::HangsUp(contact));
        }
        let ringing: Vec<_> = self.engine.ringing().collect();
        for ringing in ringing {
            self.rings(ringing.offer, ringing.at, now.since(ringing.at));
        }
        let dialling: Vec<(CallId, Moment)> = self.engine.dialling().collect();
        for (contact, until) in dialling {
            self.foresee((now + CUSTOMER_ANSWERS_AFTER).min(until), Happens::CustomerAnswers(contact));
        }
        self.open = self.queue_of.len();
        let queues: Vec<QueueId> = self.places.keys().cloned().collect();
        for queue in queues {
            let contact = self.imagine();
            self.queue_of.insert(contact, queue.clone());
            self.places.entry(queue.clone()).or_default().push(contact);
            self.open += 1;
            self.engine.handle(now, Input::Join { contact, queue, caller: None, arrived_at: now });
        }
        self.drain(now);
    }

    /// By queue, the wait of each place; `None`: not served within the horizon.
    fn waits(mut self) -> BTreeMap<QueueId, Vec<Option<Duration>>> {
        let until = self.began + HORIZON;
        for _ in 0..MAX_EVENTS {
            let next = self.heap.peek().map(|Reverse((at, ..))| *at);
            let due = self.engine.next_deadline().map(|(at, _)| at);
            if self.open == 0 || next.into_iter().chain(due).min().is_none_or(|at| at > until) {
                break;
            }
            match (due, next) {
                (Some(due), _) if next.is_none_or(|next| due <= next) => {
                    let due = due.max(self.began);
                    self.engine.handle_deadline(due);
                    self.drain(due);
                }
                _ => {
                    let Some(Reverse((at, _, happens))) = self.heap.pop() else { break };
                    self.happen(at, happens);
                    self.drain(at);
                }
            }
        }
        let wait = |contact: &CallId| {
            let last = self.became.get(contact).unwrap_or(contact);
            self.served.get(last).copied()
        };
        self.places.iter().map(|(queue, line)| (queue.clone(), line.iter().map(wait).collect())).collect()
    }

    fn foresee(&mut self, at: Moment, happens: Happens) {
        self.foreseen += 1;
        self.heap.push(Reverse((at, self.foreseen, happens)));
    }

    fn imagine(&mut self) -> CallId {
        self.imagined += 1;
        CallId(self.imagined)
    }

    fn is_imagined(&self, contact: CallId) -> bool {
        contact.0 > IMAGINED && !self.became.values().any(|became| *became == contact)
    }

    fn happen(&mut self, now: Moment, happens: Happens) {
        match happens {
            Happens::HangsUp(contact) => drop(self.engine.handle(now, Input::TalkEnded { contact })),
            Happens::PhoneAnswers(offer) => drop(self.engine.handle(now, Input::Accepted { offer })),
            Happens::PhoneFails(offer, why) => drop(self.engine.handle(now, Input::Failed { offer, why })),
            Happens::CustomerAnswers(contact) => {
                let call = self.imagine();
                self.became.insert(contact, call);
                if let Some(queue) = self.queue_of.get(&contact).cloned() {
                    self.queue_of.insert(call, queue);
                }
                self.engine.handle(now, Input::Reached { contact, call });
            }
            Happens::Imagined(contact) => self.is_served(now, contact),
        }
    }

    fn drain(&mut self, now: Moment) {
        while let Some(output) = self.engine.poll() {
            match output {
                Output::Offer { offer, contact, .. } if self.is_imagined(contact) => {
                    self.would_ring(now, offer, contact)
                }
                Output::Offer { offer, .. } => self.rings(offer, now, Duration::ZERO),
                Output::Connected { contact, queue, .. } => {
                    let talk = self.talk(&queue, Duration::ZERO);
                    self.foresee(now + talk, Happens::HangsUp(contact));
                    self.is_served(now, contact);
                }
                Output::Dial { contact, .. } => {
                    self.foresee(now + CUSTOMER_ANSWERS_AFTER, Happens::CustomerAnswers(contact));
                }
                Output::Left { .. } | Output::Refused { .. } => self.open = self.open.saturating_sub(1),
                _ => {}
            }
        }
    }

    /// Somebody imagined is offered: it is known when they would be answered, and the operator is free for those
    /// who are real.
    fn would_ring(&mut self, now: Moment, offer: OfferId, contact: CallId) {
        let (outcome, rings) = self.phones.draw(Duration::ZERO, &mut self.rng);
        if outcome == OfferOutcome::Answered {
            self.foresee(now + rings, Happens::Imagined(contact));
            // Leaving is counted when they are answered.
            self.open += 1;
            self.engine.handle(now, Input::Leave { contact });
        } else {
            self.ends(offer, now, outcome, rings);
        }
    }

    fn rings(&mut self, offer: OfferId, at: Moment, rung: Duration) {
        let (outcome, rings) = self.phones.draw(rung, &mut self.rng);
        self.ends(offer, at, outcome, rings);
    }

    fn ends(&mut self, offer: OfferId, at: Moment, outcome: OfferOutcome, rings: Duration) {
        let happens = match outcome {
            OfferOutcome::Answered => Happens::PhoneAnswers(offer),
            OfferOutcome::Rejected => Happens::PhoneFails(offer, OfferFailure::Rejected),
            OfferOutcome::Busy => Happens::PhoneFails(offer, OfferFailure::Busy),
            OfferOutcome::Unreachable => Happens::PhoneFails(offer, OfferFailure::Unreachable),
            // The engine ends it by itself.
            OfferOutcome::NoAnswer | OfferOutcome::CallerGone | OfferOutcome::AnsweredElsewhere => return,
        };
        self.foresee(at + rings, happens);
    }

    fn is_served(&mut self, now: Moment, contact: CallId) {
        if self.queue_of.contains_key(&contact) {
            self.served.insert(contact, now.since(self.began));
            self.open = self.open.saturating_sub(1);
        }
    }

    /// How long a talk goes on that has lasted `elapsed`: as long as one of the line's last that lasted longer.
    fn talk(&mut self, queue: &QueueId, elapsed: Duration) -> Duration {
        let Some((handled, wrap_up)) = self.handled.get(queue).filter(|(handled, _)| !handled.is_empty()) else {
            return Duration::ZERO;
        };
        let past = u32::try_from((elapsed + *wrap_up).as_millis()).unwrap_or(u32::MAX);
        let longer = &handled[handled.partition_point(|ms| *ms <= past)..];
        if handled.len() >= ENOUGH && !longer.is_empty() {
            let drawn = longer[self.rng.random_range(0..longer.len())];
            return Duration::from_millis(u64::from(drawn - past));
        }
        // Longer than any that is known: as if it had just begun, without memory.
        let mean = handled.iter().map(|ms| u64::from(*ms)).sum::<u64>() / handled.len() as u64;
        exponential(Duration::from_millis(mean).saturating_sub(*wrap_up), &mut self.rng)
    }
}
