//! The user agent as one machine: bytes and commands in, bytes and events out. Holds the transactions,
//! the legs and the registrar, and finds for each message the one it belongs to.

use std::collections::{BTreeMap, HashMap, VecDeque};

use rand::Rng;
use rand::rngs::StdRng;
use tracing::debug;

pub use super::account::Account;
use super::account::Registration;
use super::agenda::Agenda;
use super::digest::Verifier;
use super::message::{self, Headers, Message, Method, NameAddr, Request, Response, SipUri, Via};
use super::registrar::Registrar;
use super::session::{Leg, TransactionId};
use super::transaction::Due;
use super::transaction::client::ClientTransaction;
use super::transaction::server::ServerTransaction;
use super::words::{Binding, Command, ConnectionId, Event, Flow, ListenerId, Settings, Transmit, Transport};
use crate::ids::{LegId, SeatId};
use crate::moment::Moment;

/// Server transactions at once: beyond it new requests are dropped unread, so that a flood costs no memory.
const MAX_SERVER_TRANSACTIONS: usize = 200_000;

pub struct Endpoint {
    pub(super) settings: Settings,
    pub(super) rng: StdRng,
    pub(super) verifier: Verifier,
    pub(super) registrar: Registrar,
    pub(super) registration: Option<Registration>,
    pub(super) servers: BTreeMap<TransactionId, Server>,
    pub(super) clients: BTreeMap<TransactionId, Client>,
    pub(super) legs: BTreeMap<LegId, Leg>,
    /// re-INVITEs and UPDATEs of theirs that wait for the call's word.
    pub(super) reoffers: BTreeMap<TransactionId, Request>,
    server_keys: HashMap<String, TransactionId>,
    client_keys: HashMap<String, TransactionId>,
    /// From-tag, Call-ID and CSeq of INVITEs that are open: another with the same is merged, §8.2.2.2.
    pub(super) merges: HashMap<String, TransactionId>,
    /// Call-ID and our tag → leg.
    pub(super) dialogs: HashMap<String, LegId>,
    pub(super) agenda: Agenda<Owner>,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
    counter: u64,
    arrived: u64,
    pub(super) draining: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    Server(TransactionId),
    Client(TransactionId),
    Leg(LegId),
    Registrar,
    Registration,
}

pub(super) struct Server {
    pub transaction: ServerTransaction,
    key: String,
    pub merge: Option<String>,
    /// The leg whose INVITE (or re-INVITE) this is.
    pub leg: Option<LegId>,
}

pub(super) struct Client {
    pub transaction: ClientTransaction,
    key: String,
    pub purpose: Purpose,
    pub request: Request,
}

/// Why a request of ours was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Invite(LegId),
    Reinvite(LegId),
    Bye(LegId),
    Register,
    /// CANCEL, and BYE of a fork: nobody waits for the answer.
    Courtesy,
}

/// What is held at present; all but `bindings` return to zero when nothing happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    pub transactions: usize,
    pub legs: usize,
    pub bindings: usize,
}

impl Endpoint {
    pub fn new(now: Moment, settings: Settings, mut rng: StdRng) -> Self {
        let verifier = Verifier::new(&settings.realm, settings.nonce_lifetime, &mut rng);
        let registrar = Registrar::new(&settings);
        let mut endpoint = Self {
            settings,
            rng,
            verifier,
            registrar,
            registration: None,
            servers: BTreeMap::new(),
            clients: BTreeMap::new(),
            legs: BTreeMap::new(),
            reoffers: BTreeMap::new(),
            server_keys: HashMap::new(),
            client_keys: HashMap::new(),
            merges: HashMap::new(),
            dialogs: HashMap::new(),
            agenda: Agenda::new(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            counter: 0,
            arrived: 1,
            draining: false,
        };
        endpoint.after(now);
        endpoint
    }

    /// A datagram, or one framed message.
    pub fn receive(&mut self, now: Moment, flow: Flow, bytes: &[u8]) {
        match message::read(bytes) {
            Ok(Message::Request(request)) => self.request(now, flow, request),
            Ok(Message::Response(response)) => self.response(now, &response),
            Err(fault) => {
                debug!(remote = %flow.remote, %fault, "malformed");
                if let Some(mut answer) = fault.answer
                    && let Ok(mut via) = answer.headers.top_via()
                {
                    let flow = stamp(&mut via, flow);
                    answer.headers.replace_top_via(&via);
                    self.transmit(flow, answer.to_bytes());
                }
            }
        }
        self.after(now);
    }

    pub fn command(&mut self, now: Moment, command: Command) {
        match command {
            Command::Ring { leg } => self.ring(now, leg),
            Command::Progress { leg, body } => self.progress(now, leg, body),
            Command::Accept { leg, body } => self.accept(now, leg, body),
            Command::Refuse { leg, refusal } => self.refuse(now, leg, refusal),
            Command::Invite(invite) => self.invite(now, invite),
            Command::Hangup { leg, reason } => self.hangup(now, leg, reason),
            Command::Reoffer { leg, body } => self.reoffer(now, leg, body.bytes),
            Command::AcceptReoffer { leg, body } => self.accept_reoffer(now, leg, body),
            Command::RefuseReoffer { leg, status } => self.refuse_reoffer(now, leg, status),
        }
        self.after(now);
    }

    /// A [`Transmit`] on this flow failed: whoever waits for an answer on it waits in vain, §17.1.4.
    pub fn unsent(&mut self, now: Moment, flow: Flow) {
        let lost = |client: &Client| client.transaction.flow == flow && !client.transaction.is_answered();
        let lost: Vec<TransactionId> = self.clients.iter().filter(|(_, c)| lost(c)).map(|(id, _)| *id).collect();
        for id in lost {
            self.client_failed(now, id, 503);
        }
        self.after(now);
    }

    pub fn connection_closed(&mut self, now: Moment, connection: ConnectionId) {
        self.registrar.flow_lost(connection);
        for leg in self.legs.values_mut() {
            if let Some(dialog) = leg.dialog.as_mut().filter(|dialog| dialog.flow.connection == Some(connection)) {
                dialog.flow.connection = None;
            }
        }
        self.after(now);
    }

    pub fn handle_deadline(&mut self, now: Moment) {
        while let Some(owner) = self.agenda.take_due(now) {
            match owner {
                Owner::Server(id) => self.server_due(now, id),
                Owner::Client(id) => self.client_due(now, id),
                Owner::Leg(leg) => self.leg_due(now, leg),
                Owner::Registrar => self.registrar.handle_deadline(now),
                Owner::Registration => self.send_register(now),
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
        let listener = self.listener(Transport::Udp, binding.remote.is_ipv4()).unwrap_or(ListenerId(0));
        if self.settings.seats.contains_key(&seat) {
            self.registrar.restore(now, seat, &binding, listener);
        }
        self.after(now);
    }

    /// New INVITEs and OPTIONS get 503 with Retry-After from here on.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// Other trunks, seats and limits; the listeners stay.
    pub fn set_settings(&mut self, now: Moment, settings: Settings) {
        self.settings = Settings { listen: std::mem::take(&mut self.settings.listen), ..settings };
        self.registrar.set_settings(&self.settings);
        self.after(now);
    }

    pub fn counts(&self) -> Counts {
        Counts {
            transactions: self.servers.len() + self.clients.len(),
            legs: self.legs.len(),
            bindings: self.registrar.len(),
        }
    }

    /// Announces what the registrar has to say, and renews the deadlines that are not a transaction's.
    fn after(&mut self, _now: Moment) {
        while let Some(event) = self.registrar.poll() {
            self.events.push_back(event);
        }
        self.agenda.set(Owner::Registrar, self.registrar.next_deadline());
        let registration = self.registration.as_ref().and_then(Registration::next_deadline);
        self.agenda.set(Owner::Registration, registration);
    }

    // -----------------------------------------------------------------------------------------
    // Requests of theirs

    fn request(&mut self, now: Moment, flow: Flow, mut request: Request) {
        let Ok(mut via) = request.headers.top_via() else { return };
        let reply = stamp(&mut via, flow);
        request.headers.replace_top_via(&via);
        let key = server_key(&request, &via);
        if request.method == Method::ACK {
            return match self.server_keys.get(&key).copied() {
                Some(id) => self.refusal_acknowledged(now, id, &request),
                None => self.acknowledged(now, &request),
            };
        }
        if let Some(id) = self.server_keys.get(&key) {
            // A copy: the last answer again, if there is one, §17.2.
            if let Some(server) = self.servers.get(id)
                && let Some(last) = server.transaction.last()
            {
                let (flow, bytes) = (server.transaction.flow, last.to_vec());
                self.transmit(flow, bytes);
            }
            return;
        }
        if self.servers.len() >= MAX_SERVER_TRANSACTIONS {
            return;
        }
        let is_invite = request.method == Method::INVITE;
        let id = self.count();
        let transaction = ServerTransaction::new(reply, is_invite);
        self.servers.insert(id, Server { transaction, key: key.clone(), merge: None, leg: None });
        self.server_keys.insert(key, id);
        if request.method == Method::CANCEL { self.cancelled(now, id, &request, &via) } else { self.dispatch(now, flow, id, request) }
    }

    fn refusal_acknowledged(&mut self, now: Moment, id: TransactionId, request: &Request) {
        let Some(server) = self.servers.get_mut(&id) else { return };
        if server.transaction.last().is_none() {
            // RFC 2543 phones acknowledge a 2xx within the same transaction.
            return self.acknowledged(now, request);
        }
        server.transaction.acknowledged(now, &self.settings.timers);
        self.schedule_server(id);
    }

    /// The transaction of the INVITE that a CANCEL is about, §9.2.
    pub(super) fn invite_of(&self, cancel: &Request, via: &Via) -> Option<TransactionId> {
        let as_invite = Request { method: Method::INVITE, ..cancel.clone() };
        self.server_keys.get(&server_key(&as_invite, via)).copied()
    }

    /// Sends a response and lets the transaction keep it.
    pub(super) fn respond(&mut self, now: Moment, id: TransactionId, mut response: Response) -> Vec<u8> {
        response.headers.push("Server", "hotline");
        let (status, bytes) = (response.status, response.to_bytes());
        if let Some(server) = self.servers.get_mut(&id) {
            let flow = server.transaction.flow;
            server.transaction.respond(now, &self.settings.timers, status, bytes.clone());
            if status >= 200
                && let Some(merge) = server.merge.take()
            {
                self.merges.remove(&merge);
            }
            self.transmit(flow, bytes.clone());
            self.schedule_server(id);
        }
        bytes
    }

    fn server_due(&mut self, now: Moment, id: TransactionId) {
        let Some(server) = self.servers.get_mut(&id) else { return };
        match server.transaction.handle_deadline(now, &self.settings.timers) {
            Due::Resend => {
                let (flow, bytes) = (server.transaction.flow, server.transaction.bytes().to_vec());
                self.transmit(flow, bytes);
            }
            Due::TimedOut | Due::Over => {
                if let Some(server) = self.servers.remove(&id) {
                    self.server_keys.remove(&server.key);
                }
            }
            Due::Nothing => {}
        }
        self.schedule_server(id);
    }

    fn schedule_server(&mut self, id: TransactionId) {
        let at = self.servers.get(&id).and_then(|server| server.transaction.next_deadline());
        self.agenda.set(Owner::Server(id), at);
    }

    // -----------------------------------------------------------------------------------------
    // Requests of ours

    /// Sends a request (made without Via) in a transaction of its own. `None` if no listener fits.
    pub(super) fn send(&mut self, now: Moment, mut request: Request, flow: Flow, purpose: Purpose) -> Option<TransactionId> {
        let flow = self.fit(flow)?;
        let branch = format!("z9hG4bK{}", self.token());
        request.headers.push_front("Via", self.via(flow, &branch));
        request.headers.push("User-Agent", "hotline");
        let key = format!("{branch}|{}", request.method);
        Some(self.open_client(now, request, flow, key, purpose))
    }

    /// CANCEL has the branch of its INVITE, §9.1.
    pub(super) fn send_in_branch(&mut self, now: Moment, request: Request, flow: Flow) {
        let Ok(via) = request.headers.top_via() else { return };
        let key = format!("{}|{}", via.branch().unwrap_or_default(), request.method);
        self.open_client(now, request, flow, key, Purpose::Courtesy);
    }

    fn open_client(&mut self, now: Moment, request: Request, flow: Flow, key: String, purpose: Purpose) -> TransactionId {
        let id = self.count();
        let bytes = request.to_bytes();
        let is_invite = request.method == Method::INVITE;
        let transaction = ClientTransaction::new(now, &self.settings.timers, flow, is_invite, bytes.clone());
        self.client_keys.insert(key.clone(), id);
        self.clients.insert(id, Client { transaction, key, purpose, request });
        self.transmit(flow, bytes);
        self.schedule_client(id);
        id
    }

    fn response(&mut self, now: Moment, response: &Response) {
        let (Ok(via), Ok(cseq)) = (response.headers.top_via(), response.headers.cseq()) else { return };
        let key = format!("{}|{}", via.branch().unwrap_or_default(), cseq.method);
        let Some(id) = self.client_keys.get(&key).copied() else { return };
        let Some(client) = self.clients.get_mut(&id) else { return };
        use super::transaction::client::News;
        let news = client.transaction.received(now, &self.settings.timers, response.status);
        if news != News::Old && client.transaction.is_invite() && response.status >= 300 {
            let (flow, ack) = (client.transaction.flow, refusal_ack(&client.request, &response.headers));
            self.transmit(flow, ack.to_bytes());
        }
        self.schedule_client(id);
        if news == News::Tell {
            self.answered(now, id, response);
        }
    }

    fn answered(&mut self, now: Moment, id: TransactionId, response: &Response) {
        let Some(client) = self.clients.get(&id) else { return };
        match client.purpose {
            Purpose::Invite(leg) => self.invite_answered(now, leg, id, response),
            Purpose::Reinvite(leg) => self.reoffer_answered(now, leg, id, response),
            Purpose::Bye(leg) if response.status >= 200 => self.forget_leg(leg),
            Purpose::Register if response.status >= 200 => self.register_answered(now, Some(response)),
            _ => {}
        }
    }

    fn client_due(&mut self, now: Moment, id: TransactionId) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        match client.transaction.handle_deadline(now, &self.settings.timers) {
            Due::Resend => {
                let (flow, bytes) = (client.transaction.flow, client.transaction.bytes().to_vec());
                self.transmit(flow, bytes);
            }
            Due::TimedOut => return self.client_failed(now, id, 408),
            Due::Over => self.forget_client(id),
            Due::Nothing => {}
        }
        self.schedule_client(id);
    }

    /// Nobody answered (408), or it could not be sent (503).
    fn client_failed(&mut self, now: Moment, id: TransactionId, status: u16) {
        let Some(purpose) = self.clients.get(&id).map(|client| client.purpose) else { return };
        self.forget_client(id);
        match purpose {
            Purpose::Invite(leg) => self.invite_failed(leg, status),
            Purpose::Reinvite(leg) => self.lost(now, leg),
            Purpose::Bye(leg) => self.forget_leg(leg),
            Purpose::Register => self.register_answered(now, None),
            Purpose::Courtesy => {}
        }
    }

    fn forget_client(&mut self, id: TransactionId) {
        if let Some(client) = self.clients.remove(&id) {
            self.client_keys.remove(&client.key);
        }
        self.agenda.set(Owner::Client(id), None);
    }

    pub(super) fn schedule_client(&mut self, id: TransactionId) {
        let at = self.clients.get(&id).and_then(|client| client.transaction.next_deadline());
        self.agenda.set(Owner::Client(id), at);
    }

    // -----------------------------------------------------------------------------------------
    // What all of them need

    pub(super) fn transmit(&mut self, flow: Flow, bytes: Vec<u8>) {
        self.transmits.push_back(Transmit { flow, bytes });
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.events.push_back(event);
    }

    pub(super) fn schedule_leg(&mut self, leg: LegId) {
        let at = self.legs.get(&leg).and_then(Leg::next_deadline);
        self.agenda.set(Owner::Leg(leg), at);
    }

    pub(super) fn forget_leg(&mut self, id: LegId) {
        let Some(leg) = self.legs.remove(&id) else { return };
        if let Some(dialog) = &leg.dialog {
            self.dialogs.remove(&dialog_key(&dialog.call_id, dialog.local_tag()));
        }
        if let Some(open) = leg.their_reoffer {
            self.reoffers.remove(&open);
        }
        self.agenda.set(Owner::Leg(id), None);
    }

    fn count(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// The next leg that arrives: odd numbers.
    pub(super) fn next_leg(&mut self) -> LegId {
        let leg = LegId(self.arrived);
        self.arrived += 2;
        leg
    }

    /// 80 bits of chance: tags, branches and Call-IDs, §19.3.
    pub(super) fn token(&mut self) -> String {
        let bytes: [u8; 10] = self.rng.random();
        data_encoding::BASE32_NOPAD.encode(&bytes).to_ascii_lowercase()
    }

    fn listener(&self, transport: Transport, v4: bool) -> Option<ListenerId> {
        let fits = |l: &super::words::Listen| l.transport == transport && l.addr.is_ipv4() == v4;
        self.settings.listen.iter().position(fits).map(ListenerId)
    }

    /// The same flow on a listener of its transport and family.
    pub(super) fn fit(&self, flow: Flow) -> Option<Flow> {
        let v4 = flow.remote.is_ipv4();
        let listen = self.settings.listen.get(flow.listener.0)?;
        if listen.transport == flow.transport && listen.addr.is_ipv4() == v4 {
            return Some(flow);
        }
        Some(Flow { listener: self.listener(flow.transport, v4)?, ..flow })
    }

    /// Host and port that others reach us at on this flow.
    fn local(&self, flow: Flow) -> (String, u16) {
        let addr = self.settings.listen.get(flow.listener.0).map(|listen| listen.addr);
        let addr = addr.unwrap_or_else(|| std::net::SocketAddr::from(([127, 0, 0, 1], 5060)));
        let ip = match self.settings.advertise {
            Some(ip) if addr.ip().is_unspecified() => ip,
            _ => addr.ip(),
        };
        (ip.to_string(), addr.port())
    }

    pub(super) fn via(&self, flow: Flow, branch: &str) -> String {
        let (host, port) = self.local(flow);
        let mut via = Via { transport: flow.transport.via_name().into(), host, port: Some(port), params: Default::default() };
        via.params.set("branch", Some(branch));
        via.params.set("rport", None);
        via.to_string()
    }

    /// Our address on this flow as a URI, e.g. for Contact.
    pub(super) fn own_uri(&self, user: &str, flow: Flow) -> SipUri {
        let (host, port) = self.local(flow);
        let mut uri = SipUri::new(Some(user), &host, Some(port));
        if flow.transport == Transport::Tcp {
            uri.params.set("transport", Some("tcp"));
        }
        uri
    }

    pub(super) fn contact(&self, flow: Flow) -> String {
        NameAddr::sip(self.own_uri("hotline", flow)).to_string()
    }
}

pub(super) fn dialog_key(call_id: &str, local_tag: &str) -> String {
    format!("{call_id}|{local_tag}")
}

/// Notes in the Via where the request came from, and says where its answer goes: RFC 3581 §4, RFC 3261
/// §18.2. A `maddr` of theirs is not followed: it would send our answers to somebody else.
fn stamp(via: &mut Via, flow: Flow) -> Flow {
    let ip = flow.remote.ip().to_string();
    let rport = via.params.has("rport");
    if rport || !via.host.eq_ignore_ascii_case(&ip) {
        via.params.set("received", Some(&ip));
    }
    if rport {
        via.params.set("rport", Some(&flow.remote.port().to_string()));
    }
    if flow.transport.is_reliable() || rport {
        return flow;
    }
    let remote = std::net::SocketAddr::new(flow.remote.ip(), via.port.unwrap_or(5060));
    Flow { remote, ..flow }
}

/// What tells transactions apart, §17.2.3: branch, sent-by and method; for RFC 2543 phones, and for a
/// branch that is nothing but the cookie, everything that tells requests apart.
fn server_key(request: &Request, via: &Via) -> String {
    let method = if request.method == Method::ACK { Method::INVITE } else { request.method.clone() };
    let sent_by = format!("{}:{}", via.host.to_ascii_lowercase(), via.port.unwrap_or(5060));
    match via.branch() {
        Some(branch) if branch.len() > 7 && branch.starts_with("z9hG4bK") => format!("{branch}|{sent_by}|{method}"),
        _ => {
            let headers = &request.headers;
            let from = headers.from().ok().and_then(|from| from.tag().map(str::to_string)).unwrap_or_default();
            let (call_id, seq) = (headers.call_id().unwrap_or_default(), headers.cseq().map_or(0, |cseq| cseq.seq));
            format!("2543|{call_id}|{seq}|{from}|{}|{sent_by}|{method}", request.uri)
        }
    }
}

/// The ACK of a refusal belongs to the INVITE's transaction, §17.1.1.3.
fn refusal_ack(invite: &Request, response: &Headers) -> Request {
    let mut ack = Request::new(Method::ACK, invite.uri.clone());
    for name in ["Via", "Route", "From", "Call-ID", "Max-Forwards"] {
        let values = invite.headers.all(name).take(if name == "Via" { 1 } else { usize::MAX });
        for value in values {
            ack.headers.push(name, value);
        }
    }
    ack.headers.push("To", response.get("To").unwrap_or_default());
    ack.headers.push("CSeq", format!("{} ACK", invite.headers.cseq().map_or(1, |cseq| cseq.seq)));
    ack
}
