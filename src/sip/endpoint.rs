//! The user agent as one machine: bytes and commands in, bytes and events out. Holds the transactions,
//! the legs and the registrar, and finds for each message the one it belongs to.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;

use rand::{Rng, rngs::StdRng};

use super::account::Registration;
use super::agenda::Agenda;
use super::digest::Verifier;
use super::guard::{self, Backlog, Entry, Guard};
use super::index::Index;
use super::large::{Datagram, WithoutTcp};
use super::message::{self, Message, Request};
use super::registrar::Registrar;
use super::session::refer::Referral;
use super::session::releasing::Releasing;
use super::session::{Leg, State, TransactionId};
use super::stun;
use super::transaction::client::ClientTransaction;
use super::transaction::patience;
use super::transaction::server::ServerTransaction;
use super::trunks::{TrunkNo, Trunks};
use super::watching::{Lamp, Watch, WatchId};
use super::words::{Binding, Command, ConnectionId, Event, Flow, Hop, Settings, Transmit, Transport, TrunkView};
use crate::ids::{LegId, SeatId};
use crate::moment::Moment;

pub struct Endpoint {
    pub(super) settings: Settings,
    pub(super) rng: StdRng,
    pub(super) verifier: Verifier,
    pub(super) registrar: Registrar,
    pub(super) guard: Option<Guard>,
    /// Messages that wait.
    pub(super) backlog: Backlog,
    /// Of a softphone of ours.
    pub(super) registration: Option<Registration>,
    pub(super) trunks: Trunks,
    /// Carriers that are told that we go.
    pub(super) partings: BTreeMap<u64, Registration>,
    /// Each apart from the others: a tree moves what it holds whenever something comes or goes.
    pub(super) servers: BTreeMap<TransactionId, Box<Server>>,
    pub(super) clients: BTreeMap<TransactionId, Box<Client>>,
    pub(super) legs: BTreeMap<LegId, Box<Leg>>,
    /// re-INVITEs, UPDATEs and PRACKs of theirs that wait for the call's word.
    pub(super) reoffers: BTreeMap<TransactionId, Request>,
    pub(super) server_keys: HashMap<String, TransactionId>,
    pub(super) client_keys: HashMap<String, TransactionId>,
    /// From-tag, Call-ID and CSeq of the INVITEs in `servers`: another with the same is merged, §8.2.2.2.
    pub(super) merges: HashMap<String, TransactionId>,
    /// Call-ID and our tag → leg.
    pub(super) dialogs: HashMap<String, LegId>,
    /// Requests of ours by the way they went, requests of theirs and dialogs by the connection they came over.
    pub(super) client_flows: Index<Flow, TransactionId>,
    pub(super) server_connections: Index<ConnectionId, TransactionId>,
    pub(super) leg_connections: Index<ConnectionId, LegId>,
    /// Connections whose seat a session proved, RFC 7118 §7.
    pub(super) proven: BTreeMap<ConnectionId, SeatId>,
    /// For which domains those are who connected, where they have shown it.
    pub(super) certified: BTreeMap<ConnectionId, Vec<String>>,
    /// Connections of carriers by where they say that they listen, RFC 5923.
    pub(super) aliases: BTreeMap<SocketAddr, ConnectionId>,
    /// Legs to and from seats.
    pub(super) seat_legs: Index<SeatId, LegId>,
    /// REFERs whose end is to be told, by their legs.
    pub(super) referrals: BTreeMap<LegId, Referral>,
    /// REFERs of ours of which something will be told, by their legs.
    pub(super) releasing: BTreeMap<LegId, Releasing>,
    /// Subscriptions of seats; by Call-ID and our tag; by who watches; by whom they watch; by the connection they came
    /// over; and those to which there may be something to tell.
    pub(super) watches: BTreeMap<WatchId, Watch>,
    pub(super) watch_dialogs: HashMap<String, WatchId>,
    pub(super) watches_of: Index<SeatId, WatchId>,
    pub(super) watchers: Index<SeatId, WatchId>,
    pub(super) watch_connections: Index<ConnectionId, WatchId>,
    pub(super) touched: BTreeSet<WatchId>,
    /// How often it was looked whether there is.
    #[cfg(test)]
    pub(super) looked: usize,
    /// Somebody waits to be called back.
    pub(super) is_awaited: bool,
    /// Seats whose operator may take what rings at others.
    pub(super) pickers: BTreeSet<SeatId>,
    pub(super) without_tcp: WithoutTcp,
    pub(super) agenda: Agenda<Owner>,
    /// Bytes that `servers` hold: requests and answers.
    pub(super) held: usize,
    /// Makes the tags of answers that are not kept.
    pub(super) tag_key: [u8; 32],
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
    counter: u64,
    arrived: u64,
    pub(super) draining: bool,
    /// Legs that callers opened.
    pub(super) callers: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    Server(TransactionId),
    Client(TransactionId),
    Leg(LegId),
    Referral(LegId),
    Releasing(LegId),
    Watch(WatchId),
    Registrar,
    Registration,
    Trunk(TrunkNo),
}

pub(super) struct Server {
    pub transaction: ServerTransaction,
    pub key: String,
    /// From-tag, Call-ID and CSeq.
    pub identity: String,
    /// Where the request came from: answers may go elsewhere.
    pub from: Flow,
    /// Where its sender listens, as its Via says.
    pub back: SocketAddr,
    /// Bytes of the request.
    pub size: usize,
    /// The leg whose INVITE (or re-INVITE) this is.
    pub leg: Option<LegId>,
}

pub(super) struct Client {
    pub transaction: ClientTransaction,
    pub key: String,
    pub purpose: Purpose,
    pub request: Request,
    /// It went over TCP for its size alone: where it would have gone else, and goes if nobody takes that.
    pub datagram: Option<Datagram>,
    /// The carrier that it goes to: whose challenges are answered.
    pub trunk: Option<TrunkNo>,
    /// Challenges in a row that it answers.
    pub challenged: u32,
}

/// Why a request of ours was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Invite(LegId),
    Reinvite(LegId),
    /// An UPDATE that refreshes the session.
    Update(LegId),
    Bye(LegId),
    Refer(LegId),
    Register,
    /// Ours at a carrier.
    Enrol(TrunkNo),
    /// The last one at a carrier.
    Parting(u64),
    /// OPTIONS to a carrier: is anybody there?
    Check(TrunkNo, Hop),
    /// An INVITE that went another way meanwhile: whoever answers it after all is told that it is over.
    GivenUp {
        cancelled: bool,
    },
    Notify(WatchId),
    /// CANCEL, PRACK, NOTIFY of a REFER, and BYE of a fork: nobody waits for the answer.
    Courtesy,
}

impl Purpose {
    /// The leg in whose dialog it is.
    pub fn leg(self) -> Option<LegId> {
        match self {
            Purpose::Invite(leg) | Purpose::Reinvite(leg) | Purpose::Update(leg) => Some(leg),
            Purpose::Bye(leg) | Purpose::Refer(leg) => Some(leg),
            _ => None,
        }
    }
}

/// What is held at present; all but `bindings` and `guard` return to zero when nothing happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    pub transactions: usize,
    /// Bytes of requests of theirs, and of our answers.
    pub held: usize,
    pub legs: usize,
    /// Subscriptions.
    pub watches: usize,
    pub bindings: usize,
    /// What strangers did, and what became of it; never falls.
    pub guard: guard::Counts,
}

impl Endpoint {
    pub fn new(now: Moment, settings: Settings, mut rng: StdRng) -> Self {
        let verifier = Verifier::new(&settings.realm, settings.nonce_lifetime, &mut rng);
        let registrar = Registrar::new(&settings);
        let tag_key = rng.random();
        let guard = settings.guard.clone().map(Guard::new);
        let mut endpoint = Self {
            settings,
            rng,
            verifier,
            registrar,
            guard,
            backlog: Backlog::default(),
            registration: None,
            trunks: Trunks::default(),
            partings: BTreeMap::new(),
            servers: BTreeMap::new(),
            clients: BTreeMap::new(),
            legs: BTreeMap::new(),
            reoffers: BTreeMap::new(),
            server_keys: HashMap::new(),
            client_keys: HashMap::new(),
            merges: HashMap::new(),
            dialogs: HashMap::new(),
            client_flows: Index::new(),
            server_connections: Index::new(),
            leg_connections: Index::new(),
            proven: BTreeMap::new(),
            certified: BTreeMap::new(),
            aliases: BTreeMap::new(),
            seat_legs: Index::new(),
            referrals: BTreeMap::new(),
            releasing: BTreeMap::new(),
            watches: BTreeMap::new(),
            watch_dialogs: HashMap::new(),
            watches_of: Index::new(),
            watchers: Index::new(),
            watch_connections: Index::new(),
            touched: BTreeSet::new(),
            #[cfg(test)]
            looked: 0,
            is_awaited: false,
            pickers: BTreeSet::new(),
            without_tcp: WithoutTcp::default(),
            agenda: Agenda::new(),
            held: 0,
            tag_key,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            counter: 0,
            arrived: 1,
            draining: false,
            callers: 0,
        };
        endpoint.set_trunks(now);
        endpoint.after(now);
        endpoint
    }

    /// A datagram, or one framed message.
    pub fn receive(&mut self, now: Moment, flow: Flow, bytes: &[u8]) {
        if flow.transport == Transport::Udp
            && let Some(answer) = stun::answer(bytes, flow.remote)
            && self.registrar.has_registered_from(flow.remote)
        {
            return self.transmit(flow, answer);
        }
        let entry = self.entry(now, flow);
        if entry == Entry::Shut {
            return;
        }
        let message = message::read(bytes);
        let belongs = |message: &Message| self.belongs(message);
        if entry == Entry::Narrow
            && !message.as_ref().is_ok_and(belongs)
            && !self.knocks(now, flow, message.as_ref().ok())
        {
            return;
        }
        match message {
            Ok(Message::Request(request)) => self.request(now, flow, request, bytes.len()),
            Ok(Message::Response(response)) => self.response(now, flow, &response),
            Err(fault) => self.malformed(now, flow, bytes.len(), fault),
        }
        self.after(now);
    }

    pub fn command(&mut self, now: Moment, command: Command) {
        match command {
            Command::Ring { leg } => self.ring(now, leg),
            Command::Progress { leg, body } => self.progress(now, leg, body),
            Command::Accept { leg, body } => self.accept(now, leg, body),
            Command::Refuse { leg, status } => self.refuse(now, leg, status),
            Command::Warn { leg, code, why } => self.warn_of(leg, code, &why),
            Command::Invite(invite) => self.invite(now, invite),
            Command::Hangup { leg, reason } => self.hangup(now, leg, reason),
            Command::Reoffer { leg, body } => self.reoffer(now, leg, body.bytes),
            Command::DropReoffer { leg } => self.drop_reoffer(leg),
            Command::Unheard { leg, unheard } => self.unheard(now, leg, unheard),
            Command::AcceptReoffer { leg, body } => self.accept_reoffer(now, leg, body),
            Command::RefuseReoffer { leg, status } => self.refuse_reoffer(now, leg, status),
            Command::MayPickUp { seat, may } => self.may_pick_up(seat, may),
            Command::Referred { leg, status } => self.referred(now, leg, status),
            Command::Release { leg, to } => self.release(now, leg, to),
        }
        self.after(now);
    }

    pub fn handle_deadline(&mut self, now: Moment) {
        while let Some(owner) = self.agenda.take_due(now) {
            match owner {
                Owner::Server(id) => self.server_due(now, id),
                Owner::Client(id) => self.client_due(now, id),
                Owner::Leg(leg) => self.leg_due(now, leg),
                // Nobody said what became of it.
                Owner::Referral(leg) => self.referred(now, leg, 408),
                Owner::Releasing(leg) => self.release_due(leg),
                Owner::Watch(id) => self.watch_due(now, id),
                Owner::Registrar => self.registrar.handle_deadline(now),
                Owner::Registration => self.send_register(now),
                Owner::Trunk(trunk) => self.trunk_due(now, trunk),
            }
        }
        self.after(now);
    }

    pub fn next_deadline(&self) -> Option<Moment> {
        self.agenda.next()
    }

    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// A registration that an earlier process wrote down.
    pub fn restore_binding(&mut self, now: Moment, seat: SeatId, binding: Binding) {
        if self.settings.seats.contains_key(&seat) {
            self.registrar.restore(now, seat, &binding);
        }
        self.after(now);
    }

    /// Messages were taken, from `now` on: whether more wait. While they wait too long new calls get 503 with Retry-After,
    /// and nothing else.
    pub fn saw_backlog(&mut self, now: Moment, more: bool) {
        self.backlog.saw(now, more);
    }

    /// New INVITEs and OPTIONS get 503 with Retry-After from here on; carriers are told that we go.
    pub fn drain(&mut self, now: Moment) {
        self.draining = true;
        self.leave_carriers(now);
        self.after(now);
    }

    /// Other trunks, seats and limits; the listeners, and what is told of them, stay.
    pub fn set_settings(&mut self, now: Moment, settings: Settings) {
        let Settings { listen, advertise, .. } = self.settings.clone();
        self.settings = Settings { listen, advertise, ..settings };
        self.registrar.set_settings(&self.settings);
        self.verifier.set(&self.settings.realm, self.settings.nonce_lifetime);
        match (&mut self.guard, self.settings.guard.clone()) {
            (Some(guard), Some(limits)) => guard.set(limits),
            (guard, limits) => *guard = limits.map(Guard::new),
        }
        self.set_trunks(now);
        self.stop_watching_others(now);
        self.after(now);
    }

    /// How the trunks stand.
    pub fn trunks(&self, now: Moment) -> Vec<TrunkView> {
        self.trunks.views(now)
    }

    pub fn counts(&self) -> Counts {
        Counts {
            transactions: self.servers.len() + self.clients.len(),
            held: self.held,
            legs: self.legs.len(),
            watches: self.watches.len(),
            bindings: self.registrar.len(),
            guard: self.guard.as_ref().map(Guard::counts).unwrap_or_default(),
        }
    }

    /// Announces what the registrar has to say, and renews the deadlines that are not a transaction's.
    pub(super) fn after(&mut self, now: Moment) {
        while let Some(event) = self.registrar.poll() {
            if matches!(&event, Event::LeftBehind { connection } if self.leg_connections.has(connection)) {
                // A talk goes on over it.
                continue;
            }
            let gone = if let Event::SeatUnreachable { seat } = &event { Some(seat.clone()) } else { None };
            if let Event::SeatReachable { seat, .. } | Event::SeatUnreachable { seat } = &event {
                self.touch(&seat.clone());
            }
            self.events.push_back(event);
            if let Some(seat) = gone {
                self.refuse_held(now, &seat);
                self.stop_watching_of(now, &seat);
            }
        }
        self.tell_watchers(now);
        self.agenda.set(Owner::Registrar, self.registrar.next_deadline());
        let registration = self.registration.as_ref().and_then(Registration::next_deadline);
        self.agenda.set(Owner::Registration, registration);
    }

    // -----------------------------------------------------------------------------------------
    // What all of them need

    pub(super) fn transmit(&mut self, flow: Flow, bytes: Vec<u8>) {
        self.transmits.push_back(Transmit { flow, bytes, known: true, hurried: false });
    }

    /// What does not get through soon has another way.
    pub(super) fn transmit_soon(&mut self, flow: Flow, bytes: Vec<u8>) {
        self.transmits.push_back(Transmit { flow, bytes, known: true, hurried: true });
    }

    pub(super) fn transmit_to_stranger(&mut self, flow: Flow, bytes: Vec<u8>) {
        self.transmits.push_back(Transmit { flow, bytes, known: false, hurried: false });
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.events.push_back(event);
    }

    pub(super) fn schedule_leg(&mut self, leg: LegId) {
        self.touch_leg(leg);
        let at = self.legs.get(&leg).and_then(|leg| leg.next_deadline());
        self.agenda.set(Owner::Leg(leg), at);
    }

    pub(super) fn open_leg(&mut self, id: LegId, mut leg: Leg, seat: Option<SeatId>) {
        if let Some(seat) = &seat {
            self.seat_legs.insert(seat.clone(), id);
        }
        leg.seat = seat;
        self.legs.insert(id, Box::new(leg));
        self.schedule_leg(id);
    }

    pub(super) fn forget_leg(&mut self, now: Moment, id: LegId) {
        let Some(leg) = self.legs.remove(&id) else { return };
        if let (Some(seat), true) = (&leg.seat, leg.shown != Lamp::Dark) {
            self.touch(seat);
        }
        // Legs that arrive have odd numbers.
        self.callers -= usize::from(id.0 % 2 == 1);
        if let State::Calling(calling) = &leg.state
            && let (Ok(call_id), Ok(from)) = (calling.request.headers.call_id(), calling.request.headers.from())
        {
            self.dialogs.remove(&dialog_key(call_id, from.tag().unwrap_or_default()));
        }
        if let Some(dialog) = &leg.dialog {
            self.keep_referral(id, dialog);
            if !self.is_releasing_on(id) {
                self.dialogs.remove(&dialog_key(&dialog.call_id, dialog.local_tag()));
            }
            if let Some(connection) = dialog.flow.connection {
                self.leg_connections.remove(&connection, &id);
            }
        }
        if let Some(seat) = &leg.seat {
            self.seat_legs.remove(seat, &id);
        }
        if let Some(trunk) = leg.trunk.and_then(|trunk| self.trunks.get_mut(trunk)) {
            trunk.leave();
        }
        // What is still open on either side ends with the dialog, §15.1.2.
        if let Some(open) = leg.their_reoffer
            && let Some(request) = self.reoffers.remove(&open)
        {
            self.respond(now, open, request.respond(487, None));
        }
        if let Some(open) = leg.our_reoffer {
            self.limit_client(open, now + patience(&self.settings.timers));
        }
        self.agenda.set(Owner::Leg(id), None);
    }

    pub(super) fn count(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// The next leg that arrives: odd numbers.
    pub(super) fn next_leg(&mut self) -> LegId {
        self.arrived += 2;
        LegId(self.arrived - 2)
    }

    /// 80 bits of chance: tags, branches and Call-IDs, §19.3.
    pub(super) fn token(&mut self) -> String {
        let bytes: [u8; 10] = self.rng.random();
        data_encoding::BASE32_NOPAD.encode(&bytes).to_ascii_lowercase()
    }
}

pub(super) fn dialog_key(call_id: &str, local_tag: &str) -> String {
    format!("{call_id}|{local_tag}")
}
