//! The machine: inputs in, outputs out, deadlines between.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::deadlines::{Agenda, Deadline};
use super::line::{Class, Contact, ContactState, Line};
use super::offers::Offer;
use super::operators::{Operator, OperatorView, Profile, Standing};
use super::words::{Input, Output, Place, Rules};
use crate::ids::{CallId, OfferId, OperatorId, QueueId, SeatId};
use crate::moment::Moment;

/// The whole state of all queues. Serialised, it is the checkpoint from which a restart goes on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Engine {
    /// Number of the last input.
    seq: u64,
    now: Moment,
    pub(super) rules: Rules,
    pub(super) lines: BTreeMap<QueueId, Line>,
    pub(super) contacts: BTreeMap<CallId, Contact>,
    pub(super) operators: BTreeMap<OperatorId, Operator>,
    /// Who sits where.
    pub(super) seats: BTreeMap<SeatId, OperatorId>,
    pub(super) reachable: BTreeSet<SeatId>,
    /// Who has a seat of their own, by the rules.
    pub(super) owners: BTreeMap<SeatId, Vec<OperatorId>>,
    pub(super) offers: BTreeMap<OfferId, Offer>,
    pub(super) last_offer: u64,
    pub(super) agenda: Agenda,
    /// One for each different need, and for each different set of skills: matching is done once for
    /// each pair when the rules change, not for each contact.
    pub(super) classes: Vec<Class>,
    pub(super) profiles: Vec<Profile>,
    /// Classes in which something may have become possible.
    pub(super) stirred: BTreeSet<usize>,
    #[serde(skip)]
    outputs: VecDeque<Output>,
}

impl Engine {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one input and returns its number (1, 2, 3 …). Deadlines due before it run first, each at
    /// its own time, so that the outputs depend on nothing but the inputs and their moments.
    pub fn handle(&mut self, now: Moment, input: Input) -> u64 {
        self.handle_deadline(now);
        let now = self.advance(now);
        self.seq += 1;
        self.take(now, input);
        self.dispatch(now);
        self.seq
    }

    /// Runs what is due.
    pub fn handle_deadline(&mut self, now: Moment) {
        while let Some((at, deadline)) = self.agenda.take_due(now) {
            let at = self.advance(at);
            self.run_deadline(at, deadline);
            self.dispatch(at);
        }
    }

    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub fn next_deadline(&self) -> Option<(Moment, Deadline)> {
        self.agenda.first().cloned()
    }

    /// Where a contact is in its line; `None` if it is in none.
    pub fn place(&self, _now: Moment, contact: CallId) -> Option<Place> {
        let waits = self.contacts.get(&contact)?;
        let ringing = match waits.state {
            ContactState::Waiting => false,
            ContactState::Offered(_) => true,
            ContactState::Talking { .. } => return None,
        };
        let line = self.lines.get(&waits.queue)?;
        let number = line.order.range(..waits.rank(contact)).count() + 1;
        let ready = self.count(line.class, Standing::Ready);
        let serving = ready + self.count(line.class, Standing::Busy) + self.count(line.class, Standing::WrapUp);
        Some(Place { number, expected_wait: line.handle_time.wait(number, serving, ready), ringing })
    }

    pub fn operator_at(&self, seat: &SeatId) -> Option<&OperatorId> {
        self.seats.get(seat)
    }

    pub fn operator(&self, operator: &OperatorId) -> Option<OperatorView<'_>> {
        let (id, operator) = self.operators.get_key_value(operator)?;
        Some(self.view(id, operator))
    }

    /// Every operator, by name.
    pub fn operators(&self) -> impl Iterator<Item = OperatorView<'_>> {
        self.operators.iter().map(|(id, operator)| self.view(id, operator))
    }

    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Inputs are numbered on from here: the log holds higher numbers than were replayed.
    pub fn number_from(&mut self, seq: u64) {
        self.seq = self.seq.max(seq);
    }

    /// Contacts in a queue's line, those included for whom an operator is rung.
    pub fn waiting(&self, queue: &QueueId) -> usize {
        self.lines.get(queue).map_or(0, |line| line.order.len())
    }

    fn view<'a>(&self, id: &'a OperatorId, operator: &'a Operator) -> OperatorView<'a> {
        OperatorView { operator: id, seat: operator.seat.as_ref(), state: operator.state(self.is_reachable(operator)) }
    }

    pub(super) fn is_reachable(&self, operator: &Operator) -> bool {
        operator.seat.as_ref().is_some_and(|seat| self.reachable.contains(seat))
    }

    pub(super) fn say(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(super) fn ignore(&mut self, why: impl Into<String>) {
        self.say(Output::Ignored { why: why.into() });
    }

    pub(super) fn now(&self) -> Moment {
        self.now
    }

    /// Moments never go back inside the engine.
    fn advance(&mut self, now: Moment) -> Moment {
        self.now = self.now.max(now);
        self.now
    }

    fn run_deadline(&mut self, now: Moment, deadline: Deadline) {
        match deadline {
            Deadline::OfferExpires(offer) => self.offer_expired(now, offer),
            Deadline::WrapUpEnds(operator) => self.wrap_up_over(now, &operator),
            Deadline::RestEnds(operator) => self.rest_over(&operator),
            Deadline::ExclusionEnds(contact, operator) => self.exclusion_over(contact, &operator),
            Deadline::MaxWait(contact) => self.waited_too_long(now, contact),
        }
    }
}
