//! A day played against the queue engine in virtual time: one heap of what people will do, and the engine's own
//! deadlines, in order of time.
//!
//! The engine is known by its inputs and outputs alone. Each event costs the logarithm of what is open.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;

use super::ahead::{LOOK_EVERY, Phones, RUNS, look_ahead};
use super::figures::{Fates, Figures, QUARTER, Quarter};
use super::people::{Day, Staff};
use super::working::Operator;
use crate::ids::{CallId, OfferId, OperatorId, QueueId};
use crate::moment::Moment;
use crate::queue::{By, Engine, Exit, Input, LeftLine, OfferOutcome, Output, PassedBecause};

/// A caller who gave up so often does not call again.
const MAX_REDIALS: u8 = 3;

/// What will happen outside the engine. Ties are broken by the order in which things were foreseen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Happens {
    Door(usize),
    ShiftEnds(usize),
    ShiftBegins(usize),
    BreakBegins(usize, usize),
    /// From a break, or after an offer missed; what it was is told by the stamp.
    Returns(usize, u32),
    Arrives(usize),
    Redials(usize, u8),
    GivesUp(CallId),
    AsksCallback(CallId),
    PhoneAnswers(OfferId),
    CustomerAnswers(CallId),
    HangsUp(CallId),
    /// The wait is foreseen, as in the live house.
    LooksAhead,
}

/// One contact; `CallId(n)` is the n-th.
#[derive(Clone, Copy, Debug)]
struct Contact {
    visit: usize,
    at: Moment,
    stage: Stage,
    /// Counts for the figures.
    counts: bool,
    redials: u8,
    /// The house called this customer.
    called_back: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Line,
    Callback,
    Talking,
    Gone,
}

pub struct World<'a> {
    pub(super) rng: StdRng,
    engine: Engine,
    pub(super) staff: &'a Staff,
    pub(super) day: &'a Day,
    heap: BinaryHeap<Reverse<(Moment, u64, Happens)>>,
    foreseen: u64,
    contacts: Vec<Contact>,
    pub(super) operators: Vec<Operator>,
    pub(super) places: BTreeMap<&'a OperatorId, usize>,
    pub(super) free_seats: BTreeSet<usize>,
    /// Shifts whose operators look for a seat, longest first.
    pub(super) seekers: VecDeque<usize>,
    /// Contacts in a line, and callbacks, counted or not.
    in_line: usize,
    callbacks: usize,
    /// The key for a callback, by queue.
    callback_keys: BTreeMap<&'a QueueId, char>,
    pub(super) figures: Figures,
    phones: Phones,
}

impl<'a> World<'a> {
    pub fn new(staff: &'a Staff, day: &'a Day, rng: StdRng) -> World<'a> {
        let callback_key =
            |keys: &BTreeMap<char, Exit>| keys.iter().find(|(_, exit)| **exit == Exit::Callback).map(|(key, _)| *key);
        let keys = staff.rules.queues.iter().filter_map(|(id, queue)| Some((id, callback_key(&queue.keys)?)));
        let mut world = World {
            rng,
            engine: Engine::new(),
            staff,
            day,
            heap: BinaryHeap::new(),
            foreseen: 0,
            contacts: Vec::with_capacity(day.visits.len()),
            operators: vec![Operator::default(); staff.roster.len()],
            places: staff.roster.iter().enumerate().map(|(place, id)| (id, place)).collect(),
            free_seats: (0..staff.seats.len()).collect(),
            seekers: VecDeque::new(),
            in_line: 0,
            callbacks: 0,
            callback_keys: keys.collect(),
            figures: Figures::default(),
            phones: Phones::default(),
        };
        world.open();
        world
    }

    fn open(&mut self) {
        let now = self.day.from;
        self.engine.handle(now, Input::Rules { rules: std::sync::Arc::new(self.staff.rules.clone()) });
        for seat in &self.staff.seats {
            self.engine.handle(now, Input::SeatReachable { seat: seat.clone(), reachable: true });
        }
        for (index, (at, ..)) in self.staff.doors.iter().enumerate() {
            self.foresee(*at, Happens::Door(index));
        }
        for (index, shift) in self.day.shifts.iter().enumerate() {
            self.foresee(shift.from, Happens::ShiftBegins(index));
            self.foresee(shift.until, Happens::ShiftEnds(index));
            for (at, rest) in shift.breaks.iter().enumerate() {
                self.foresee(rest.at, Happens::BreakBegins(index, at));
            }
        }
        // Running ahead costs time, so it is done where a rule looks at what it finds.
        let mut steps = self.staff.rules.queues.values().flat_map(|queue| &queue.steps);
        if steps.any(|step| step.expected_wait.is_some()) {
            self.foresee(now + LOOK_EVERY, Happens::LooksAhead);
        }
        if let Some(first) = self.day.visits.first() {
            self.foresee(first.at, Happens::Arrives(0));
        }
        self.drain(now);
    }

    /// Plays the whole day; tells after each hour how much of it is over, 0 to 1.
    pub fn run(mut self, mut told: impl FnMut(f64)) -> Figures {
        let length = self.day.until.since(self.day.from);
        let mut passed = Duration::ZERO;
        while passed < length {
            passed = (passed + Duration::from_secs(3600)).min(length);
            self.run_until(self.day.from + passed);
            told(passed.as_secs_f64() / length.as_secs_f64());
        }
        self.finish()
    }

    /// Plays everything before `until`.
    pub fn run_until(&mut self, until: Moment) {
        loop {
            let next = self.heap.peek().map(|Reverse((at, ..))| *at);
            let due = self.engine.next_deadline().map(|(at, _)| at);
            match (due, next) {
                (Some(due), _) if due < until && next.is_none_or(|next| due <= next) => {
                    self.engine.handle_deadline(due);
                    self.drain(due);
                }
                (_, Some(next)) if next < until => {
                    let Some(Reverse((at, _, happens))) = self.heap.pop() else { return };
                    self.happen(at, happens);
                    self.drain(at);
                }
                _ => return,
            }
            debug_assert!(self.figures.all.are_conserved(), "{:?}", self.figures.all);
            debug_assert_eq!(self.engine.waiting_in_all(), self.in_line + self.callbacks);
        }
    }

    /// What it came to, as of the end of the day.
    pub fn finish(mut self) -> Figures {
        self.count_work();
        for contact in (1..=self.contacts.len() as u64).map(CallId) {
            if self.stage(contact) == Stage::Line {
                self.waited(self.day.until, contact);
            }
        }
        self.figures
    }

    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    pub(super) fn foresee(&mut self, at: Moment, happens: Happens) {
        self.foreseen += 1;
        self.heap.push(Reverse((at, self.foreseen, happens)));
    }

    pub(super) fn input(&mut self, now: Moment, input: Input) {
        self.engine.handle(now, input);
    }

    // -----------------------------------------------------------------------------------------
    // What people do

    fn happen(&mut self, now: Moment, happens: Happens) {
        match happens {
            Happens::Door(index) => {
                let (_, queue, open) = &self.staff.doors[index];
                self.input(now, Input::Open { queue: queue.clone(), open: *open });
            }
            Happens::LooksAhead => self.look_ahead(now),
            Happens::ShiftBegins(shift) => self.comes_to_work(now, shift),
            Happens::ShiftEnds(shift) => self.goes_home(now, shift),
            Happens::BreakBegins(shift, index) => self.wants_a_break(now, shift, index),
            Happens::Returns(place, stamp) => {
                let operator = &self.operators[place];
                if operator.stamp == stamp && operator.at_work.is_some() {
                    let operator = self.staff.roster[place].clone();
                    self.input(now, Input::Ready { operator, by: By::Themselves });
                }
            }
            Happens::Arrives(visit) => {
                if let Some(next) = self.day.visits.get(visit + 1) {
                    self.foresee(next.at, Happens::Arrives(visit + 1));
                }
                self.calls(now, visit, 0);
            }
            Happens::Redials(visit, redials) => self.calls(now, visit, redials),
            Happens::GivesUp(contact) if self.stage(contact) == Stage::Line => {
                self.input(now, Input::Leave { contact });
            }
            Happens::AsksCallback(contact) if self.stage(contact) == Stage::Line => {
                let queue = &self.day.visits[self.contact(contact).visit].queue;
                if let Some(key) = self.callback_keys.get(queue) {
                    self.input(now, Input::Key { contact, key: *key });
                }
            }
            Happens::GivesUp(_) | Happens::AsksCallback(_) => {}
            Happens::PhoneAnswers(offer) => self.input(now, Input::Accepted { offer }),
            Happens::CustomerAnswers(contact) if self.stage(contact) == Stage::Callback => {
                let visit = self.contact(contact).visit;
                let call = self.number(Contact { called_back: true, counts: false, ..self.contact(contact) }, visit);
                self.input(now, Input::Reached { contact, call });
            }
            Happens::CustomerAnswers(_) => {}
            Happens::HangsUp(contact) => self.input(now, Input::TalkEnded { contact }),
        }
    }

    fn calls(&mut self, now: Moment, visit: usize, redials: u8) {
        let counts = now >= self.day.counts_from;
        let fresh = Contact { visit, at: now, stage: Stage::Gone, counts, redials, called_back: false };
        let contact = self.number(fresh, visit);
        self.fate(contact, |fates| (fates.offered, fates.waiting) = (fates.offered + 1, fates.waiting + 1));
        let of = &self.day.visits[visit];
        let (queue, caller) = (of.queue.clone(), of.number.clone());
        self.input(now, Input::Join { contact, queue, caller, arrived_at: now });
    }

    // -----------------------------------------------------------------------------------------
    // What the engine says

    fn look_ahead(&mut self, now: Moment) {
        if self.in_line > 0 {
            let lines = look_ahead(&self.engine, &self.phones, now.as_micros(), RUNS);
            self.input(now, Input::Expected { lines });
        }
        self.foresee(now + LOOK_EVERY, Happens::LooksAhead);
    }

    fn drain(&mut self, now: Moment) {
        while let Some(output) = self.engine.poll() {
            self.hear(now, output);
        }
    }

    fn hear(&mut self, now: Moment, output: Output) {
        self.phones.saw(&output);
        match output {
            Output::Joined { contact, .. } => self.joined(now, contact),
            Output::Refused { contact, exit, .. } => self.fate(contact, |fates| {
                fates.waiting -= 1;
                *way_out(fates, exit.as_ref(), |fates| &mut fates.refused) += 1;
            }),
            Output::Offer { offer, .. } => {
                self.figures.offers += u64::from(now >= self.day.counts_from);
                let after = self.day.habits.answer.draw(&mut self.rng);
                if !self.rng.random_bool(self.day.habits.misses) {
                    self.foresee(now + after, Happens::PhoneAnswers(offer));
                }
            }
            Output::OfferEnded { outcome: OfferOutcome::NoAnswer, .. } => {
                self.figures.rona += u64::from(now >= self.day.counts_from);
            }
            Output::Connected { contact, waited_ms, .. } => self.connected(now, contact, waited_ms),
            Output::Left { contact, why, exit, .. } => self.left(now, contact, why, exit.as_ref()),
            Output::CallbackTaken { contact, .. } => {
                self.set_stage(contact, Stage::Callback);
                self.waited(now, contact);
                (self.in_line, self.callbacks) = (self.in_line - 1, self.callbacks + 1);
                self.fate(contact, |fates| (fates.waiting, fates.callback) = (fates.waiting - 1, fates.callback + 1));
            }
            Output::Dial { contact, .. } => {
                let after = self.day.habits.customer_rings.draw(&mut self.rng);
                if self.rng.random_bool(self.day.habits.customer_answers) {
                    self.foresee(now + after, Happens::CustomerAnswers(contact));
                }
            }
            Output::CallbackEnded { contact, .. } => {
                self.set_stage(contact, Stage::Gone);
                self.callbacks -= 1;
            }
            Output::Decided(decision) => {
                let unexplained = decision.passed.is_some_and(|passed| passed.why == PassedBecause::Unexplained);
                self.figures.unexplained += u64::from(unexplained);
            }
            Output::Operator { operator, state, .. } => self.stands(now, &operator, &state),
            _ => {}
        }
    }

    fn joined(&mut self, now: Moment, contact: CallId) {
        self.set_stage(contact, Stage::Line);
        self.in_line += 1;
        let of = self.contact(contact);
        let visit = &self.day.visits[of.visit];
        let (patience, asks) = (visit.patience, visit.asks_callback_after.filter(|_| !of.called_back));
        self.foresee(now + patience, Happens::GivesUp(contact));
        if let Some(after) = asks.filter(|after| *after < patience) {
            self.foresee(now + after, Happens::AsksCallback(contact));
        }
    }

    fn connected(&mut self, now: Moment, contact: CallId, waited_ms: u64) {
        self.set_stage(contact, Stage::Talking);
        self.waited(now, contact);
        self.in_line -= 1;
        let of = self.contact(contact);
        let visit = &self.day.visits[of.visit];
        self.foresee(now + visit.talk, Happens::HangsUp(contact));
        if of.called_back {
            self.figures.called_back += u64::from(now >= self.day.counts_from);
        }
        let rules = self.staff.rules.queues.get(&visit.queue);
        let within = rules.is_some_and(|rules| u128::from(waited_ms) <= rules.answer_within.as_millis());
        if of.counts {
            self.figures.waits.push(u32::try_from(waited_ms).unwrap_or(u32::MAX));
        }
        self.fate(contact, |fates| {
            (fates.waiting, fates.answered) = (fates.waiting - 1, fates.answered + 1);
            fates.within += u64::from(within);
        });
    }

    fn left(&mut self, now: Moment, contact: CallId, why: LeftLine, exit: Option<&Exit>) {
        self.set_stage(contact, Stage::Gone);
        self.waited(now, contact);
        self.in_line -= 1;
        let of = self.contact(contact);
        let visit = &self.day.visits[of.visit];
        if why != LeftLine::CallerGone {
            return self.fate(contact, |fates| {
                fates.waiting -= 1;
                *way_out(fates, exit, |fates| &mut fates.exits) += 1;
            });
        }
        let rules = self.staff.rules.queues.get(&visit.queue);
        let short = rules.is_some_and(|rules| visit.patience < rules.short_abandon);
        self.fate(contact, |fates| {
            (fates.waiting, fates.abandoned) = (fates.waiting - 1, fates.abandoned + 1);
            fates.short += u64::from(short);
        });
        if let Some(after) = visit.redials_after.filter(|_| of.redials < MAX_REDIALS && !of.called_back) {
            self.foresee(now + after, Happens::Redials(of.visit, of.redials + 1));
        }
    }

    // -----------------------------------------------------------------------------------------
    // Counting

    fn number(&mut self, contact: Contact, visit: usize) -> CallId {
        self.contacts.push(Contact { visit, stage: Stage::Gone, ..contact });
        CallId(self.contacts.len() as u64)
    }

    /// The engine names only contacts that it was given.
    fn contact(&self, id: CallId) -> Contact {
        self.contacts[id.0 as usize - 1]
    }

    fn stage(&self, id: CallId) -> Stage {
        self.contact(id).stage
    }

    fn set_stage(&mut self, id: CallId, stage: Stage) {
        self.contacts[id.0 as usize - 1].stage = stage;
    }

    /// The quarter in which a contact called, where it counts.
    fn quarter(&mut self, contact: Contact) -> Option<&mut Quarter> {
        let number = contact.at.since(self.day.from).as_secs() / QUARTER.as_secs();
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        (contact.counts && !contact.called_back).then(|| self.figures.quarters.entry(number).or_default())
    }

    /// Its time in the line is over.
    fn waited(&mut self, now: Moment, id: CallId) {
        let contact = self.contact(id);
        let waited = u32::try_from(now.since(contact.at).as_millis()).unwrap_or(u32::MAX);
        if let Some(quarter) = self.quarter(contact) {
            quarter.longest = quarter.longest.max(waited);
        }
    }

    fn fate(&mut self, id: CallId, change: impl Fn(&mut Fates)) {
        let contact = self.contact(id);
        let Some(quarter) = self.quarter(contact) else { return };
        change(&mut quarter.fates);
        change(&mut self.figures.all);
        let queue = &self.day.visits[contact.visit].queue;
        match self.figures.queues.get_mut(queue) {
            Some(fates) => change(fates),
            None => change(self.figures.queues.entry(queue.clone()).or_default()),
        }
    }
}

/// Where a contact that leaves by a rule is counted.
fn way_out<'f>(
    fates: &'f mut Fates,
    exit: Option<&Exit>,
    without: impl Fn(&'f mut Fates) -> &'f mut u64,
) -> &'f mut u64 {
    match exit {
        Some(Exit::Number(_)) => &mut fates.overflowed,
        Some(Exit::Message) => &mut fates.exits,
        _ => without(fates),
    }
}
