//! The table of calls: finds the call that an event is about, and keeps one deadline for each.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tracing::debug;

use super::caller::Call;
use super::feature;
use super::seating::Seating;
use super::words::{Action, Event, Settings};
use crate::ids::{CallId, LegId, OperatorId, SeatId};
use crate::media;
use crate::moment::Moment;
use crate::queue::{Input, OperatorState, Output};
use crate::records::Entry;
use crate::sip;

/// Every call in the house.
pub struct Calls {
    settings: Settings,
    calls: BTreeMap<CallId, Call>,
    legs: Legs,
    seating: Seating,
    deadlines: BTreeSet<(Moment, CallId)>,
    actions: VecDeque<Action>,
    last: CallId,
}

/// Which call a leg belongs to; gives out the numbers of our own legs.
#[derive(Default)]
pub(super) struct Legs {
    calls: BTreeMap<LegId, CallId>,
    made: u64,
}

impl Legs {
    /// A leg of ours: even numbers, beginning with 2.
    pub fn make(&mut self, call: CallId) -> LegId {
        self.made += 2;
        let leg = LegId(self.made);
        self.calls.insert(leg, call);
        leg
    }

    pub fn remove(&mut self, leg: LegId) {
        self.calls.remove(&leg);
    }
}

/// What a call may touch beside itself.
pub(super) struct House<'a> {
    pub now: Moment,
    pub settings: &'a Settings,
    pub seating: &'a Seating,
    pub legs: &'a mut Legs,
    actions: &'a mut VecDeque<Action>,
}

impl House<'_> {
    pub fn sip(&mut self, command: sip::Command) {
        self.actions.push_back(Action::Sip(command));
    }

    pub fn media(&mut self, command: media::Command) {
        self.actions.push_back(Action::Media(command));
    }

    pub fn queue(&mut self, input: Input) {
        self.actions.push_back(Action::Queue(input));
    }

    pub fn write(&mut self, entry: Entry) {
        self.actions.push_back(Action::Write(entry));
    }

    pub fn ask_place(&mut self, call: CallId) {
        self.actions.push_back(Action::AskPlace { call });
    }
}

impl Calls {
    /// `last`: the youngest call of former processes; ids go on after it.
    pub fn new(settings: Settings, last: CallId) -> Self {
        Self {
            settings,
            calls: BTreeMap::new(),
            legs: Legs::default(),
            seating: Seating::default(),
            deadlines: BTreeSet::new(),
            actions: VecDeque::new(),
            last,
        }
    }

    /// Rules that were changed hold for what happens from here on.
    pub fn set_settings(&mut self, settings: Settings) {
        self.settings = settings;
    }

    pub fn len(&self) -> usize {
        self.calls.len()
    }

    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    pub fn call_of(&self, leg: LegId) -> Option<CallId> {
        self.legs.calls.get(&leg).copied()
    }

    pub fn handle(&mut self, now: Moment, event: Event) {
        match event {
            Event::Sip(sip::Event::Incoming(incoming)) => self.arrive(now, incoming),
            Event::Sip(event) => {
                if let Some(leg) = leg_of_sip(&event) {
                    self.on_leg(now, leg, |call, house| call.on_sip(house, event));
                }
            }
            Event::Media(event) => {
                let leg = leg_of_media(&event);
                self.on_leg(now, leg, |call, house| call.on_media(house, event));
            }
            Event::Queue(Output::Operator { operator, seat, state, next: _ }) => {
                self.operator_changed(now, operator, seat, state)
            }
            Event::Queue(output) => {
                if let Some(contact) = contact_of(&output) {
                    self.on_call(now, contact, |call, house| call.on_queue(house, output));
                }
            }
            Event::Durable { call } => self.on_call(now, call, |call, house| call.on_durable(house)),
            Event::Place { call, told } => self.on_call(now, call, |call, house| call.on_place(house, told)),
        }
    }

    pub fn handle_deadline(&mut self, now: Moment) {
        let due: Vec<CallId> = self.deadlines.iter().take_while(|(at, _)| *at <= now).map(|(_, id)| *id).collect();
        for id in due {
            self.on_call(now, id, |call, house| call.on_deadline(house));
        }
    }

    pub fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    pub fn next_deadline(&self) -> Option<Moment> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Ends every call that is left (the drain ran out): BYE with a Reason, records closed.
    pub fn end_all(&mut self, now: Moment) {
        let all: Vec<CallId> = self.calls.keys().copied().collect();
        for id in all {
            self.on_call(now, id, |call, house| call.end_by_house(house));
        }
    }

    fn arrive(&mut self, now: Moment, incoming: sip::Incoming) {
        let id = CallId::next(self.last, now.as_millis());
        self.last = id;
        self.legs.calls.insert(incoming.leg, id);
        let call = Call::new(id, now, &incoming);
        self.calls.insert(id, call);
        self.on_call(now, id, |call, house| call.arrive(house, incoming));
    }

    fn operator_changed(&mut self, now: Moment, operator: OperatorId, seat: Option<SeatId>, state: OperatorState) {
        let change = self.seating.change(operator, seat, state);
        for event in super::ledger::operator_events(now, &change) {
            self.actions.push_back(Action::Write(Entry::Event(event)));
        }
    }

    fn on_leg(&mut self, now: Moment, leg: LegId, act: impl FnOnce(&mut Call, &mut House)) {
        match self.legs.calls.get(&leg).copied() {
            Some(id) => self.on_call(now, id, act),
            None => debug!(%leg, "event of a leg that is gone"),
        }
    }

    /// Lets one call act, then renews its deadline, and forgets it once it is over.
    fn on_call(&mut self, now: Moment, id: CallId, act: impl FnOnce(&mut Call, &mut House)) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let before = call.next_deadline();
        let mut house = House {
            now,
            settings: &self.settings,
            seating: &self.seating,
            legs: &mut self.legs,
            actions: &mut self.actions,
        };
        call.span().in_scope(|| {
            act(call, &mut house);
            call.settle(&mut house);
        });
        if let Some(at) = before {
            self.deadlines.remove(&(at, id));
        }
        if call.is_over() {
            for leg in call.legs() {
                self.legs.remove(leg);
            }
            self.calls.remove(&id);
        } else if let Some(at) = call.next_deadline() {
            self.deadlines.insert((at, id));
        }
    }
}

/// Whether a dialled number is an operator's feature code.
pub(super) fn is_feature_code(number: &str) -> bool {
    number.starts_with(feature::PREFIX)
}

fn leg_of_sip(event: &sip::Event) -> Option<LegId> {
    use sip::Event as E;
    match event {
        E::Incoming(incoming) => Some(incoming.leg),
        E::Acked { leg, .. }
        | E::Ringing { leg }
        | E::Progress { leg, .. }
        | E::Answered { leg, .. }
        | E::Refused { leg, .. }
        | E::Reoffer { leg, .. }
        | E::ReofferAnswered { leg, .. }
        | E::Info { leg, .. }
        | E::Ended { leg, .. } => Some(*leg),
        _ => None,
    }
}

fn leg_of_media(event: &media::Event) -> LegId {
    use media::Event as E;
    match event {
        E::Described { leg, .. }
        | E::Agreed { leg, .. }
        | E::Unacceptable { leg, .. }
        | E::Exhausted { leg }
        | E::Played { leg, .. }
        | E::Key { leg, .. }
        | E::Dead { leg }
        | E::Closed { leg, .. } => *leg,
    }
}

fn contact_of(output: &Output) -> Option<CallId> {
    match output {
        Output::Joined { contact, .. }
        | Output::Refused { contact, .. }
        | Output::Offer { contact, .. }
        | Output::Withdraw { contact, .. }
        | Output::OfferEnded { contact, .. }
        | Output::Connected { contact, .. }
        | Output::Left { contact, .. }
        | Output::Moved { contact, .. } => Some(*contact),
        _ => None,
    }
}
