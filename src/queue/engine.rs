//! The machine: inputs in, outputs out, deadlines between.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::callers::Callers;
use super::deadlines::{Agenda, Deadline};
use super::line::{Class, Contact, ContactState, Line};
use super::operators::{Operator, OperatorView, Profile, Slot, Standing};
use super::settings::Rules;
use super::table::{Contacts, Offers};
use super::words::{Input, Output, Place, Said};
use crate::ids::{CallId, OperatorId, QueueId, SeatId};
use crate::moment::Moment;

/// The whole state of all queues. Serialised, it is the checkpoint from which a restart goes on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Engine {
    /// Number of the last input.
    seq: u64,
    now: Moment,
    pub(super) rules: Arc<Rules>,
    pub(super) line_names: BTreeMap<QueueId, usize>,
    pub(super) lines: Vec<Line>,
    pub(super) contacts: Contacts,
    pub(super) operator_names: BTreeMap<OperatorId, Slot>,
    pub(super) operators: Vec<Operator>,
    pub(super) seats: BTreeMap<SeatId, Seat>,
    pub(super) offers: Offers,
    pub(super) last_offer: u64,
    pub(super) agenda: Agenda,
    /// One for each different need (with preferences and way of choosing), and for each different set of skills:
    /// matching is done once for each pair when the rules change, not for each contact.
    pub(super) classes: Vec<Class>,
    pub(super) profiles: Vec<Profile>,
    pub(super) callers: Callers,
    /// Classes in which something may have become possible.
    pub(super) stirred: Vec<usize>,
    /// Operators who became free while contacts wait for them in person.
    pub(super) wanted: BTreeSet<Slot>,
    /// Classes whose last operator signed out.
    pub(super) emptied: Vec<usize>,
    #[serde(skip)]
    outputs: VecDeque<Said>,
}

/// A phone at a desk.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Seat {
    pub operator: Option<Slot>,
    pub reachable: bool,
    /// Whose own seat it is, by the rules.
    pub owners: Vec<Slot>,
}

impl Engine {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one input and returns its number (1, 2, 3 …). Deadlines due before it run first, each at
    /// its own time, so that the outputs depend on nothing but the inputs and their moments.
    pub fn handle(&mut self, now: Moment, input: Input) -> u64 {
        self.handle_deadline(input.due_by(now));
        let now = self.advance(now);
        self.seq += 1;
        self.take(now, input);
        self.settle(now);
        self.seq
    }

    /// Runs what is due.
    pub fn handle_deadline(&mut self, now: Moment) {
        while let Some((at, deadline)) = self.agenda.take_due(now) {
            let at = self.advance(at);
            self.run_deadline(at, deadline);
            self.settle(at);
        }
    }

    pub fn poll(&mut self) -> Option<Output> {
        self.poll_said().map(|said| said.output)
    }

    /// The same with its time and number.
    pub fn poll_said(&mut self) -> Option<Said> {
        self.outputs.pop_front()
    }

    pub fn next_deadline(&self) -> Option<(Moment, Deadline)> {
        self.agenda.first().copied()
    }

    /// Where a contact is in its line; `None` if it is in none.
    pub fn place(&self, now: Moment, contact: CallId) -> Option<Place> {
        let waits = self.contacts.get(&contact)?;
        let ringing = match waits.state {
            ContactState::Waiting | ContactState::Parked { .. } | ContactState::Dialling { .. } => false,
            ContactState::Offered { .. } => true,
            ContactState::Talking { .. } => return None,
        };
        let line = self.lines.get(waits.line)?;
        let number = line.order.before(&waits.rank) + 1;
        let expected = line.pace.wait(now, number, self.can_be_asked(waits), &self.classes.get(waits.class)?.tally());
        Some(Place { number, expected, ringing })
    }

    /// Somebody is ready who may be asked for it, when those of its class who wait before it have somebody, too.
    pub(super) fn can_be_asked(&self, contact: &Contact) -> bool {
        if let Some((slot, _)) = contact.preferred {
            return self.operator(slot).standing == Standing::Ready;
        }
        let class = &self.classes[contact.class];
        self.eligible(class, contact).nth(class.waiting.before(&contact.rank)).is_some()
    }

    pub fn operator_at(&self, seat: &SeatId) -> Option<&OperatorId> {
        self.seats.get(seat)?.operator.map(|slot| &self.operator(slot).id)
    }

    pub fn operator_named(&self, operator: &OperatorId) -> Option<OperatorView<'_>> {
        self.operator_names.get(operator).map(|slot| self.view(*slot))
    }

    /// Every operator, by name.
    pub fn operators(&self) -> impl Iterator<Item = OperatorView<'_>> {
        self.operator_names.values().map(|slot| self.view(*slot))
    }

    pub fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The time of the last input or deadline.
    pub fn now(&self) -> Moment {
        self.now
    }

    /// Inputs are numbered on from here: the log holds higher numbers than were replayed.
    pub fn number_from(&mut self, seq: u64) {
        self.seq = self.seq.max(seq);
    }

    /// Contacts in a queue's line, those included for whom an operator is rung, and callbacks.
    pub fn waiting(&self, queue: &QueueId) -> usize {
        self.line_names.get(queue).map_or(0, |line| self.lines[*line].order.len())
    }

    /// Contacts that wait in any line.
    pub fn waiting_in_all(&self) -> usize {
        self.lines.iter().map(|line| line.order.len()).sum()
    }

    fn view(&self, slot: Slot) -> OperatorView<'_> {
        let operator = self.operator(slot);
        OperatorView {
            operator: &operator.id,
            seat: operator.seat.as_ref(),
            state: operator.state(),
            next: operator.next.as_ref(),
        }
    }

    /// Slots are given out by the engine and never taken back, so each has its operator.
    pub(super) fn operator(&self, slot: Slot) -> &Operator {
        &self.operators[slot.0 as usize]
    }

    pub(super) fn operator_mut(&mut self, slot: Slot) -> &mut Operator {
        &mut self.operators[slot.0 as usize]
    }

    pub(super) fn say(&mut self, output: Output) {
        self.outputs.push_back(Said { seq: self.seq, at: self.now, output });
    }

    pub(super) fn ignore(&mut self, why: impl Into<Arc<str>>) {
        self.say(Output::Ignored { why: why.into() });
    }

    /// Moments never go back inside the engine.
    fn advance(&mut self, now: Moment) -> Moment {
        self.now = self.now.max(now);
        self.now
    }

    /// After every change: who has nobody left relaxes or leaves, then whatever can be offered is.
    fn settle(&mut self, now: Moment) {
        self.mind_the_emptied(now);
        self.dispatch(now);
    }

    fn run_deadline(&mut self, now: Moment, deadline: Deadline) {
        match deadline {
            Deadline::OfferExpires(offer) => self.offer_expired(now, offer),
            Deadline::WrapUpEnds(slot) => self.finish_work(slot),
            Deadline::RestEnds(slot) => self.rest_over(slot),
            Deadline::PhoneGraceEnds(slot) => self.phone_did_not_return(slot),
            Deadline::Contact(contact, due) => self.contact_due(now, contact, due),
        }
    }
}
