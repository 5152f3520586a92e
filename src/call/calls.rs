//! The table of calls: finds the call that an event is about, and keeps one deadline for each.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tracing::{debug, info};

use super::callback::{Callbacks, Visit};
use super::caller::Call;
use super::feature;
use super::ledger;
use super::order::{NotDone, Order};
use super::picking::Picking;
use super::recording;
use super::seating::Seating;
use super::supervising::Dialled;
use super::view::View;
use super::whose::{Legs, contact_of, leg_of_media, leg_of_sip};
use super::words::{Action, Event, Settings};
use crate::ids::{CallId, Language, LegId, OperatorId, QueueId, ScheduleId, SeatId};
use crate::ivr::{KeyLeads, WaitingMachine};
use crate::media;
use crate::moment::Moment;
use crate::queue::{Input, NotReached, OfferFailure, OperatorState, Output};
use crate::records::Entry;
use crate::sip;

/// Every call in the house.
pub struct Calls {
    settings: Settings,
    /// Each apart from the others: a tree moves what it holds whenever something comes or goes.
    calls: BTreeMap<CallId, Box<Call>>,
    legs: Legs,
    seating: Seating,
    /// Seats whose phone is a browser.
    browsers: BTreeSet<SeatId>,
    callbacks: Callbacks,
    open: BTreeMap<ScheduleId, bool>,
    /// Nobody is called back any more.
    draining: bool,
    deadlines: BTreeSet<(Moment, CallId)>,
    actions: VecDeque<Action>,
    /// Calls that look otherwise than those who look on know.
    changed: BTreeSet<CallId>,
    last: CallId,
}

/// What a call may touch beside itself.
pub(super) struct House<'a> {
    pub now: Moment,
    pub settings: &'a Settings,
    pub seating: &'a Seating,
    pub browsers: &'a BTreeSet<SeatId>,
    pub legs: &'a mut Legs,
    actions: &'a mut VecDeque<Action>,
    brought: &'a mut Vec<Brought>,
    ordered: &'a mut Vec<(CallId, OperatorId, Order)>,
}

/// A leg that goes over from the call that dialled a code to the call that is meant.
struct Brought {
    call: CallId,
    leg: LegId,
    part: Part,
}

/// What such a leg is in the other call.
#[derive(Debug)]
pub(super) enum Part {
    Supervisor(Dialled),
    /// The operator's other phone, in the place of this leg. `holds`: it said so as it came.
    InPlaceOf {
        old: LegId,
        seat: SeatId,
        holds: bool,
    },
    /// Of an operator who takes what rings at a colleague.
    PicksUp(Picking),
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

    /// The leg is the other call's from now on.
    pub fn bring_in(&mut self, call: CallId, leg: LegId, part: Part) {
        self.brought.push(Brought { call, leg, part });
    }

    /// An operator asks something of another call than this.
    pub fn order(&mut self, call: CallId, by: OperatorId, order: Order) {
        self.ordered.push((call, by, order));
    }

    pub fn ask(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    pub fn write(&mut self, entry: Entry) {
        self.actions.push_back(Action::Write(entry));
    }

    pub fn ask_place(&mut self, call: CallId) {
        self.actions.push_back(Action::AskPlace { call });
    }

    /// What is heard in this queue's line.
    pub fn line_of(&self, queue: &QueueId, language: Language) -> WaitingMachine {
        let ivr = &self.settings.ivr;
        WaitingMachine::new(&ivr.waiting, language, ivr.languages.counting(language), self.keys_of(queue))
    }

    /// The keys that lead out of this queue's line.
    pub fn keys_of(&self, queue: &QueueId) -> BTreeMap<char, KeyLeads> {
        self.settings.queues.get(queue).map(|facts| facts.keys.clone()).unwrap_or_default()
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
            browsers: BTreeSet::new(),
            callbacks: Callbacks::default(),
            open: BTreeMap::new(),
            draining: false,
            deadlines: BTreeSet::new(),
            actions: VecDeque::new(),
            changed: BTreeSet::new(),
            last,
        }
    }

    /// Rules that were changed hold for what happens from here on.
    pub fn set_settings(&mut self, settings: Settings) {
        let names = |queue: &mut QueueId| *queue = settings.now_called(queue);
        self.calls.values_mut().filter_map(|call| call.record.queue.as_mut()).for_each(names);
        self.callbacks.queues().for_each(names);
        self.settings = settings;
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub fn len(&self) -> usize {
        self.calls.len()
    }

    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Whether a schedule is open; one that nobody told of is.
    pub fn is_open(&self, schedule: &ScheduleId) -> bool {
        self.open.get(schedule).copied().unwrap_or(true)
    }

    /// A call that is open.
    pub fn view(&self, call: CallId) -> Option<View<'_>> {
        self.calls.get(&call).map(|call| call.view())
    }

    /// The line into which an order would put the caller. Whoever gives it asks first whether that lets them in.
    pub fn line_asked_for(&self, call: CallId, by: &OperatorId, order: &Order) -> Option<QueueId> {
        self.calls.get(&call)?.line_asked_for(&self.settings, by, order)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Call> {
        self.calls.values().map(Box::as_ref)
    }

    /// Every call that is open, the oldest first.
    pub fn ids(&self) -> impl Iterator<Item = CallId> {
        self.calls.keys().copied()
    }

    /// Each call that looks otherwise than when it was asked about last; also those that are over.
    pub fn poll_changed(&mut self) -> Option<CallId> {
        self.changed.pop_first()
    }

    pub fn call_of(&self, leg: LegId) -> Option<CallId> {
        self.legs.calls.get(&leg).copied()
    }

    pub fn handle(&mut self, now: Moment, event: Event) {
        match event {
            Event::Sip(sip::Event::Incoming(incoming)) => self.arrive(now, incoming),
            Event::Sip(sip::Event::SeatReachable { seat, browser: true }) => drop(self.browsers.insert(seat)),
            Event::Sip(sip::Event::SeatReachable { seat, browser: false } | sip::Event::SeatUnreachable { seat }) => {
                self.browsers.remove(&seat);
            }
            Event::Sip(sip::Event::Refer { leg, to }) => self.refer(now, leg, to),
            Event::Sip(event) => {
                if let sip::Event::GoesOver { leg, trunk } = &event {
                    self.legs.goes_over(*leg, trunk.clone());
                }
                if let Some(leg) = leg_of_sip(&event) {
                    self.on_leg(now, leg, |call, house| call.on_sip(house, event));
                }
            }
            Event::Media(media::Event::Recorded { call, recording, .. }) if !self.calls.contains_key(&call) => {
                self.actions.push_back(Action::Write(recording::completed_late(call, recording)));
            }
            Event::Media(media::Event::Closed { leg, quality }) if self.legs.closing.contains_key(&leg) => {
                if let Some(call) = self.legs.closing.remove(&leg) {
                    self.on_call(now, call, |call, _| call.seat_figures(quality));
                }
            }
            Event::Media(media::Event::Encrypted { leg, encrypted }) => self.legs.set_encrypted(leg, encrypted),
            Event::Media(event) => {
                let leg = leg_of_media(&event);
                self.on_leg(now, leg, |call, house| call.on_media(house, event));
            }
            Event::Queue(Output::Operator { operator, seat, state, next: _ }) => {
                self.operator_changed(now, operator, seat, state)
            }
            Event::Queue(output) => self.on_output(now, output),
            Event::Schedule { schedule, open } => {
                self.open.insert(schedule, open);
            }
            Event::Durable { call } => self.on_call(now, call, |call, house| call.on_durable(house)),
            Event::Told { call, answer } => self.on_call(now, call, |call, house| call.told(house, answer)),
            Event::Replied { call, number, reply } => {
                self.on_call(now, call, |call, house| call.replied(house, number, reply));
            }
            Event::Place { call, told } => self.on_call(now, call, |call, house| call.on_place(house, told)),
            Event::Order { ticket, call, by, order } => self.order(now, ticket, call, &by, order),
        }
    }

    /// The soonest that is due. What it asks for is done before the next.
    pub fn handle_deadline(&mut self, now: Moment) {
        if let Some((_, id)) = self.deadlines.first().copied().filter(|(at, _)| *at <= now) {
            self.on_call(now, id, |call, house| call.on_deadline(house));
        }
    }

    pub fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    pub fn next_deadline(&self) -> Option<Moment> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// From now on nobody is called back: places of callbacks survive the process.
    pub fn drain(&mut self) {
        self.draining = true;
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
        if let Some(sip::Diverted { number, reason }) = &incoming.diverted {
            info!(call = %id, number, reason, "sent on to us: this number was dialled first");
        }
        self.legs.calls.insert(incoming.leg, id);
        if let sip::Source::Trunk(trunk) = &incoming.source {
            self.legs.goes_over(incoming.leg, trunk.clone());
        }
        let mut call = Call::new(id, now, &incoming, self.settings.ivr.languages.own);
        match incoming.replaces {
            // RFC 3891 §3: it takes that place, whatever the Request-URI names.
            Some(sip::Replaced::Talk(leg)) => call.takes_over = self.talk_on(leg),
            Some(sip::Replaced::Ring(leg)) => call.picks_up = self.rings_with(leg),
            None => {
                call.beside = call.is_beside(&self.settings, &incoming, self.talk_at(&incoming.source));
                call.picks_up = self.picked_by_code(&incoming);
            }
        }
        self.calls.insert(id, Box::new(call));
        self.on_call(now, id, |call, house| call.arrive(house, incoming));
    }

    /// The talk of whoever sits where a call comes from.
    fn talk_at(&self, source: &sip::Source) -> Option<CallId> {
        let sip::Source::Seat(seat) = source else { return None };
        let contact = self.seating.at(seat)?.1.talk()?;
        Some(self.callbacks.call_of(contact).unwrap_or(contact))
    }

    /// A REFER that comes to nothing.
    pub(super) fn refuse_refer(&mut self, leg: LegId, status: u16) {
        self.actions.push_back(Action::Sip(sip::Command::Referred { leg, status }));
    }

    fn order(&mut self, now: Moment, ticket: u64, id: CallId, by: &OperatorId, order: Order) {
        let mut result = Err(NotDone::NoSuchCall);
        self.on_call(now, id, |call, house| {
            info!(%by, order = order.name(), "ordered");
            result = call.obey_order(house, by, order);
        });
        self.actions.push_back(Action::Obeyed { ticket, result });
    }

    fn on_output(&mut self, now: Moment, output: Output) {
        let Some(contact) = contact_of(&output) else { return };
        match &output {
            Output::CallbackTaken { queue, .. } => {
                if let Some(call) = self.calls.get(&contact) {
                    let (dialled, language) = (call.visitor().to, call.language);
                    self.callbacks.taken(contact, Visit { queue: queue.clone(), dialled, language });
                }
            }
            Output::Offer { offer, callback: Some(number), .. } => {
                if self.draining {
                    let (offer, why) = (*offer, OfferFailure::Unreachable);
                    return self.actions.push_back(Action::Queue(Input::Failed { offer, why }));
                }
                self.try_to_reach(now, contact, number);
            }
            Output::Dial { queue, number, attempt, .. } => {
                return self.dial(now, contact, queue, number, *attempt);
            }
            _ => {}
        }
        let id = self.callbacks.call_of(contact).unwrap_or(contact);
        let ends = matches!(output, Output::CallbackEnded { .. });
        self.on_call(now, id, |call, house| call.on_queue(house, output));
        if ends {
            self.callbacks.forget(contact);
        }
    }

    /// The call that tries to reach the citizen of a callback, made if there is none.
    fn try_to_reach(&mut self, now: Moment, contact: CallId, number: &str) -> CallId {
        if let Some(call) = self.callbacks.call_of(contact) {
            return call;
        }
        let id = CallId::next(self.last, now.as_millis());
        self.last = id;
        let leg = self.legs.make(id);
        let visit = self.callbacks.visit(contact).cloned();
        let from = visit.as_ref().map(|visit| visit.dialled.clone()).unwrap_or_default();
        let language = visit.as_ref().map_or(self.settings.ivr.languages.own, |visit| visit.language);
        let mut call = Call::outward(ledger::outward(id, contact, now, &from, number), leg, language);
        call.record.queue = visit.map(|visit| visit.queue);
        call.record.offers = self.callbacks.begins(contact, id);
        self.calls.insert(id, Box::new(call));
        id
    }

    fn dial(&mut self, now: Moment, contact: CallId, queue: &QueueId, number: &str, attempt: u8) {
        if self.draining {
            // Its place is taken up again at the next start. An operator who took it does not wait for that.
            if self.callbacks.call_of(contact).is_some() {
                let why = NotReached::Withdrawn;
                self.actions.push_back(Action::Queue(Input::NotReached { contact, why }));
            }
            return;
        }
        let id = self.try_to_reach(now, contact, number);
        // After a restart nobody remembers the visit: what leads to the queue today is as good.
        let known = self.callbacks.visit(contact).is_some();
        let way = self.settings.ivr.way_to(queue).map(|(number, language)| (number.to_string(), language));
        let visit_over = !self.calls.contains_key(&contact);
        self.on_call(now, id, |call, house| {
            if !known {
                let (dialled, language) = way.unwrap_or((String::new(), call.language));
                (call.record.from, call.language) = (dialled, language);
            }
            call.dial(house, queue, attempt, visit_over);
        });
    }

    fn operator_changed(&mut self, now: Moment, operator: OperatorId, seat: Option<SeatId>, state: OperatorState) {
        let change = self.seating.change(operator, seat, state);
        for (seat, may) in self.seating.news_of_pickers(&change) {
            self.actions.push_back(Action::Sip(sip::Command::MayPickUp { seat, may }));
        }
        for event in ledger::operator_events(now, &change) {
            self.actions.push_back(Action::Write(Entry::Event(event)));
        }
    }

    pub(super) fn on_leg(&mut self, now: Moment, leg: LegId, act: impl FnOnce(&mut Call, &mut House)) {
        match self.legs.calls.get(&leg).copied() {
            Some(id) => self.on_call(now, id, act),
            None => debug!(%leg, "event of a leg that is gone"),
        }
    }

    fn on_call(&mut self, now: Moment, id: CallId, act: impl FnOnce(&mut Call, &mut House)) {
        if self.act(now, id, act)
            && let Some(waits) = self.callbacks.call_of(id)
        {
            self.act(now, waits, |call, house| call.visit_over(house));
        }
    }

    /// Lets one call act, then renews its deadline, and forgets it once it is over: `true`.
    fn act(&mut self, now: Moment, id: CallId, act: impl FnOnce(&mut Call, &mut House)) -> bool {
        let Some(call) = self.calls.get_mut(&id) else { return false };
        let before = call.next_deadline();
        let (mut brought, mut ordered) = (Vec::new(), Vec::new());
        let mut house = House {
            now,
            settings: &self.settings,
            seating: &self.seating,
            browsers: &self.browsers,
            legs: &mut self.legs,
            actions: &mut self.actions,
            brought: &mut brought,
            ordered: &mut ordered,
        };
        call.span().in_scope(|| {
            act(call, &mut house);
            call.settle(&mut house);
        });
        if let Some(at) = before {
            self.deadlines.remove(&(at, id));
        }
        if call.is_ended() {
            // Another try may begin while the figures of this one are awaited.
            self.callbacks.ended(call);
        }
        if call.looks_otherwise(now) || call.is_over() {
            self.changed.insert(id);
        }
        if call.is_over() {
            for leg in call.legs() {
                self.legs.remove(leg);
            }
            self.calls.remove(&id);
            self.legs.call_over(id);
            self.asked_of_others(now, brought, ordered);
            return true;
        }
        if let Some(at) = call.next_deadline() {
            self.deadlines.insert((at, id));
        }
        self.asked_of_others(now, brought, ordered);
        false
    }

    fn asked_of_others(&mut self, now: Moment, brought: Vec<Brought>, ordered: Vec<(CallId, OperatorId, Order)>) {
        self.bring_in(now, brought);
        for (contact, by, order) in ordered {
            let id = self.callbacks.call_of(contact).unwrap_or(contact);
            self.act(now, id, |call, house| {
                if let Err(why) = call.obey_order(house, &by, order) {
                    info!(%by, %why, "not done");
                }
            });
        }
    }

    /// Legs that go over to other calls. One that comes too late is hung up.
    fn bring_in(&mut self, now: Moment, brought: Vec<Brought>) {
        for Brought { call, leg, part } in brought {
            self.legs.calls.insert(leg, call);
            let mut result = Err(NotDone::NoSuchCall);
            self.act(now, call, |call, house| {
                result = match part {
                    Part::Supervisor(dialled) => call.bring_in(house, leg, dialled),
                    Part::InPlaceOf { old, seat, holds } => call.replace(house, leg, old, seat, holds),
                    Part::PicksUp(picking) => call.pick_up(house, picking),
                }
            });
            if let Err(why) = result {
                info!(%why, "not brought in");
                self.legs.remove(leg);
                self.actions.push_back(Action::Sip(sip::Command::Hangup { leg, reason: None }));
                self.actions.push_back(Action::Media(media::Command::Close { leg }));
            }
        }
    }
}

/// Whether a dialled number is an operator's feature code.
pub(super) fn is_feature_code(number: &str) -> bool {
    number.starts_with(feature::PREFIX)
}
