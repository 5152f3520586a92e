//! Where seats can be reached, RFC 3261 §10: registrations, fixed contacts, and their end.
//!
//! Does not know dialogs, calls or sockets.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::addressing::{listener_to, way_to};
use super::digest::{Asker, Verdict, Verifier};
use super::index::Index;
use super::message::{NameAddr, Request, Response, SipUri, Uri};
use super::words::{Binding, ConnectionId, Event, Flow, Listen, ListenerId, SeatAccount, Settings, Transport};
use crate::ids::SeatId;
use crate::moment::Moment;

/// A REGISTER with more contacts than this is refused: a phone has one, perhaps two.
const MAX_CONTACTS: usize = 16;

/// A phone whose connection is gone is back within this, or cannot be reached: a page that is loaded anew takes a second
/// or two, a phone with a new address little more.
pub const BACK_WITHIN: Duration = Duration::from_secs(5);

/// One binding a seat: the newest wins, as one phone stands on a desk.
pub struct Registrar {
    seats: BTreeMap<SeatId, Bound>,
    fixed: BTreeMap<SeatId, Fixed>,
    /// Where the phones are that registered, and the fixed ones that have a secret too.
    addresses: Index<IpAddr, SeatId>,
    remotes: Index<SocketAddr, SeatId>,
    provable: BTreeSet<IpAddr>,
    fixed_at: BTreeSet<SocketAddr>,
    connections: Index<ConnectionId, SeatId>,
    /// The Call-IDs of phones that were not back in time: one that still comes back has its dialogs.
    late: BTreeMap<SeatId, String>,
    deadlines: BTreeSet<(Moment, SeatId)>,
    events: VecDeque<Event>,
    listen: Vec<Listen>,
    min: Duration,
    max: Duration,
}

/// A phone that never registers.
struct Fixed {
    contact: SipUri,
    flow: Flow,
}

struct Bound {
    contact: SipUri,
    flow: Flow,
    call_id: String,
    cseq: u32,
    /// RFC 5626 §4.1: which of the connections that the phone keeps beside each other.
    reg_id: Option<String>,
    expires_at: Moment,
    /// Its connection is gone, and has so long to be back.
    back_by: Option<Moment>,
}

impl Bound {
    fn ends_at(&self) -> Moment {
        self.back_by.map_or(self.expires_at, |back_by| back_by.min(self.expires_at))
    }
}

/// A phone that registered.
#[derive(Clone, Debug, PartialEq)]
pub struct At {
    pub contact: SipUri,
    /// The way that it registered by.
    pub flow: Flow,
    /// Of its REGISTERs: stays as long as the phone runs.
    pub call_id: String,
}

/// What a REGISTER asks for.
enum Asked {
    Nothing,
    RemoveAll,
    Bind { contact: SipUri, expires: u32, reg_id: Option<String> },
}

impl Registrar {
    pub fn new(settings: &Settings) -> Self {
        let mut registrar = Self {
            seats: BTreeMap::new(),
            fixed: BTreeMap::new(),
            addresses: Index::new(),
            remotes: Index::new(),
            provable: BTreeSet::new(),
            fixed_at: BTreeSet::new(),
            listen: Vec::new(),
            connections: Index::new(),
            late: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            events: VecDeque::new(),
            min: settings.register_min,
            max: settings.register_max,
        };
        registrar.set_settings(settings);
        registrar
    }

    /// Takes other accounts: fixed contacts are announced if there is a way to them, those that are gone are
    /// withdrawn unless the phone registered meanwhile.
    pub fn set_settings(&mut self, settings: &Settings) {
        (self.min, self.max) = (settings.register_min, settings.register_max);
        self.listen = settings.listen.clone();
        let contact = |(seat, account): (&SeatId, &SeatAccount)| Some((seat.clone(), fixed(&self.listen, account)?));
        let fixed: BTreeMap<SeatId, Fixed> = settings.seats.iter().filter_map(contact).collect();
        let silent = |seat: &&SeatId| !self.seats.contains_key(*seat);
        for seat in self.fixed.keys().filter(|seat| !fixed.contains_key(*seat)).filter(silent) {
            self.events.push_back(Event::SeatUnreachable { seat: seat.clone() });
        }
        for seat in fixed.keys().filter(|seat| !self.fixed.contains_key(*seat)).filter(silent) {
            self.events.push_back(Event::SeatReachable { seat: seat.clone(), browser: false });
        }
        let has_secret = |seat: &SeatId| settings.seats.get(seat).is_some_and(|account| account.secret.is_some());
        let provable = fixed.iter().filter(|(seat, _)| has_secret(seat));
        self.provable = provable.map(|(_, fixed)| fixed.flow.remote.ip().to_canonical()).collect();
        self.fixed_at = fixed.values().map(|fixed| fixed.flow.remote).collect();
        self.fixed = fixed;
        let gone: Vec<SeatId> = self.seats.keys().filter(|seat| !settings.seats.contains_key(*seat)).cloned().collect();
        for seat in gone {
            self.remove(&seat);
        }
        self.late.retain(|seat, _| settings.seats.contains_key(seat));
    }

    /// A whole REGISTER, RFC 3261 §10.3. `proven`: whose connection it came over. `Err`: the answer to somebody who
    /// proved nothing.
    pub fn handle(
        &mut self,
        now: Moment,
        request: &Request,
        flow: Flow,
        proven: Option<&SeatId>,
        verifier: &mut Verifier,
        seats: &BTreeMap<SeatId, SeatAccount>,
    ) -> Result<Response, Response> {
        let respond = |status| request.respond(status, Some("reg"));
        let Some(to) = request.headers.to().ok().and_then(|to| to.uri.sip().cloned()) else { return Err(respond(400)) };
        let credentials = request.headers.credentials("Authorization");
        let verdict = match proven {
            Some(seat) if seats.contains_key(seat) => Verdict::Seat(seat.clone()),
            Some(_) => return Err(respond(403)),
            None => {
                let asker = self.asker(flow, request);
                verifier.verify(now, &request.method, &credentials, &request.uri, seats, asker)
            }
        };
        let seat = match verdict {
            Verdict::Seat(seat) => seat,
            Verdict::Challenge { stale } => {
                let mut response = respond(401);
                for challenge in verifier.challenges(now, stale, request.headers.get("User-Agent")) {
                    response.headers.push("WWW-Authenticate", challenge.to_string());
                }
                return Err(response);
            }
        };
        // A seat may register itself only.
        if to.number() != seat.as_str() {
            return Ok(respond(403));
        }
        let asked = match self.asked(request, flow) {
            Ok(asked) => asked,
            Err(status) => {
                let mut response = respond(status);
                if status == 423 {
                    response.headers.push("Min-Expires", self.min.as_secs().to_string());
                }
                return Ok(response);
            }
        };
        let (Ok(call_id), Ok(cseq)) = (request.headers.call_id(), request.headers.cseq()) else {
            return Ok(respond(400));
        };
        // §10.3 step 7: an older request of the same phone must not undo a newer one.
        if self.seats.get(&seat).is_some_and(|b| b.call_id == call_id && cseq.seq <= b.cseq) {
            return Ok(respond(500));
        }
        match asked {
            Asked::Nothing => {}
            Asked::RemoveAll => self.remove(&seat),
            Asked::Bind { contact, expires: 0, .. } => {
                if self.seats.get(&seat).is_some_and(|bound| bound.contact.equivalent(&contact)) {
                    self.remove(&seat);
                }
            }
            Asked::Bind { contact, expires, reg_id } => {
                let expires = Duration::from_secs(expires.into()).min(self.max);
                let bound = Bound {
                    contact,
                    flow,
                    call_id: call_id.into(),
                    cseq: cseq.seq,
                    reg_id,
                    expires_at: now + expires,
                    back_by: None,
                };
                self.bind(seat.clone(), bound);
            }
        }
        let mut response = respond(200);
        if let Some(bound) = self.seats.get(&seat) {
            let mut contact = NameAddr::sip(bound.contact.clone());
            let left = bound.expires_at.since(now).as_secs().to_string();
            contact.params.set("expires", Some(&left));
            response.headers.push("Contact", contact.to_string());
        }
        Ok(response)
    }

    /// §10.3 steps 6 and 7: `Contact: *`, or the contact with the highest q.
    fn asked(&self, request: &Request, flow: Flow) -> Result<Asked, u16> {
        let general = request.headers.expires();
        if request.headers.contact_is_star() {
            let alone = request.headers.all("Contact").count() == 1;
            return if alone && general == Some(0) { Ok(Asked::RemoveAll) } else { Err(400) };
        }
        let contacts = request.headers.contacts().map_err(|_| 400u16)?;
        if contacts.len() > MAX_CONTACTS {
            return Err(400);
        }
        let q = |c: &NameAddr| c.params.get("q").and_then(|q| q.parse::<f32>().ok()).unwrap_or(1.0);
        let expires = |c: &NameAddr| match c.params.get("expires") {
            Some(text) => text.parse().unwrap_or(u32::MAX),
            None => general.unwrap_or(u32::MAX),
        };
        let best = contacts.iter().max_by(|a, b| {
            let kept = |c: &NameAddr| expires(c) > 0;
            kept(a).cmp(&kept(b)).then(q(a).total_cmp(&q(b)))
        });
        let Some(best) = best else { return Ok(Asked::Nothing) };
        let Uri::Sip(contact) = &best.uri else { return Err(400) };
        // A phone that is to be rung over TLS alone registers over it, RFC 5630 §3.1.1.
        if contact.secure && !flow.transport.is_secure() {
            return Err(416);
        }
        let expires = expires(best);
        if expires > 0 && Duration::from_secs(expires.into()) < self.min {
            return Err(423);
        }
        let reg_id = best.params.get("reg-id").map(str::to_string);
        Ok(Asked::Bind { contact: SipUri { headers: None, ..contact.clone() }, expires, reg_id })
    }

    fn bind(&mut self, seat: SeatId, bound: Bound) {
        let binding = Binding {
            contact: bound.contact.to_string(),
            remote: bound.flow.remote,
            transport: bound.flow.transport.via_name().to_ascii_lowercase(),
            listener: self.listen.get(bound.flow.listener.0).map(|listen| listen.addr),
            expires_at: bound.expires_at,
        };
        let (connection, remote) = (bound.flow.connection, bound.flow.remote);
        let ip = remote.ip().to_canonical();
        let browser = bound.flow.transport.is_web();
        let (ends_at, reg_id) = (bound.ends_at(), bound.reg_id.clone());
        let before = self.seats.insert(seat.clone(), bound);
        self.late.remove(&seat);
        if let Some(before) = &before {
            self.unplace(&seat, before.flow);
            self.deadlines.remove(&(before.ends_at(), seat.clone()));
            // Browsers are asked every few seconds whether they are there.
            let former = before.flow.connection.filter(|id| Some(*id) != connection && !before.flow.transport.is_web());
            if let Some(former) = former.filter(|id| before.reg_id == reg_id && !self.connections.has(id)) {
                self.events.push_back(Event::LeftBehind { connection: former });
            }
        }
        self.deadlines.insert((ends_at, seat.clone()));
        self.addresses.insert(ip, seat.clone());
        self.remotes.insert(remote, seat.clone());
        if let Some(connection) = connection {
            self.connections.insert(connection, seat.clone());
        }
        let fixed = self.fixed.contains_key(&seat).then_some(false);
        if before.map(|before| before.flow.transport.is_web()).or(fixed) != Some(browser) {
            self.events.push_back(Event::SeatReachable { seat: seat.clone(), browser });
        }
        self.events.push_back(Event::Binding { seat, binding: Some(binding) });
    }

    fn remove(&mut self, seat: &SeatId) {
        let Some(bound) = self.seats.remove(seat) else { return };
        self.deadlines.remove(&(bound.ends_at(), seat.clone()));
        self.unplace(seat, bound.flow);
        match self.fixed.contains_key(seat) {
            false => self.events.push_back(Event::SeatUnreachable { seat: seat.clone() }),
            true if bound.flow.transport.is_web() => {
                self.events.push_back(Event::SeatReachable { seat: seat.clone(), browser: false });
            }
            true => {}
        }
        self.events.push_back(Event::Binding { seat: seat.clone(), binding: None });
    }

    fn unplace(&mut self, seat: &SeatId, flow: Flow) {
        self.addresses.remove(&flow.remote.ip().to_canonical(), seat);
        self.remotes.remove(&flow.remote, seat);
        if let Some(connection) = flow.connection {
            self.connections.remove(&connection, seat);
        }
    }

    pub fn handle_deadline(&mut self, now: Moment) {
        while let Some((_, seat)) = self.deadlines.first().filter(|(at, _)| *at <= now).cloned() {
            self.deadlines.pop_first();
            if let Some(bound) = self.seats.get(&seat).filter(|bound| bound.back_by.is_some()) {
                self.late.insert(seat.clone(), bound.call_id.clone());
            }
            self.remove(&seat);
        }
    }

    pub fn next_deadline(&self) -> Option<Moment> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    pub fn poll(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The URI to ring at, the way there, and whether it is the way that the phone registered by. Of one whose
    /// connection is gone the way leads nowhere for the moment.
    pub fn target(&self, seat: &SeatId) -> Option<(SipUri, Flow, bool)> {
        match self.seats.get(seat) {
            Some(bound) => Some((bound.contact.clone(), bound.flow, true)),
            None => self.fixed.get(seat).map(|fixed| (fixed.contact.clone(), fixed.flow, false)),
        }
    }

    /// A registration of an earlier process. Those over a connection went down with it.
    pub fn restore(&mut self, now: Moment, seat: SeatId, binding: &Binding) {
        let Some(Uri::Sip(contact)) = Uri::parse(&binding.contact) else { return };
        if binding.expires_at <= now || binding.transport != "udp" {
            return;
        }
        let is_same = |l: &Listen| l.transport == Transport::Udp && Some(l.addr) == binding.listener;
        let same = self.listen.iter().position(is_same).map(ListenerId);
        let Some(listener) = same.or_else(|| listener_to(&self.listen, Transport::Udp, binding.remote)) else { return };
        let flow = Flow { listener, transport: Transport::Udp, remote: binding.remote, connection: None };
        let (call_id, expires_at) = (String::new(), binding.expires_at);
        let bound = Bound { contact, flow, call_id, cseq: 0, reg_id: None, expires_at, back_by: None };
        self.bind(seat, bound);
    }

    /// A connection closed: whoever registered over it (told) cannot be reached until it registers again, and if it
    /// does not soon it is gone.
    pub fn flow_lost(&mut self, now: Moment, connection: ConnectionId) -> BTreeSet<SeatId> {
        let seats = self.connections.take(&connection);
        for seat in &seats {
            let Some(bound) = self.seats.get_mut(seat) else { continue };
            self.deadlines.remove(&(bound.ends_at(), seat.clone()));
            bound.flow.connection = None;
            bound.back_by = Some(now + BACK_WITHIN);
            self.deadlines.insert((bound.ends_at(), seat.clone()));
        }
        seats
    }

    pub fn phone(&self, seat: &SeatId) -> Option<At> {
        let bound = self.seats.get(seat)?;
        Some(At { contact: bound.contact.clone(), flow: bound.flow, call_id: bound.call_id.clone() })
    }

    /// The Call-ID of the REGISTERs of the phone that is there, or was there until its connection was gone for too long.
    pub fn last_call_id(&self, seat: &SeatId) -> Option<&str> {
        self.seats.get(seat).map(|bound| &bound.call_id).or_else(|| self.late.get(seat)).map(String::as_str)
    }

    /// The seat of that name, if its fixed contact is where this came from. Several may be behind one address;
    /// over TCP a phone calls from a port of its own.
    pub fn seat_at(&self, flow: Flow, name: &str) -> Option<&SeatId> {
        let (seat, fixed) = self.fixed.get_key_value(name)?;
        let (theirs, ours) = (flow.remote, fixed.flow.remote);
        let same_ip = theirs.ip().to_canonical() == ours.ip().to_canonical();
        let same_port = flow.transport.is_reliable() || theirs.port() == ours.port();
        (flow.transport == fixed.flow.transport && same_ip && same_port).then_some(seat)
    }

    /// Whether a phone that can prove itself is at this address.
    pub fn is_at(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.addresses.has(&ip) || self.provable.contains(&ip)
    }

    /// Who shows credentials: a phone that registered is known by the way it comes, or by the Call-ID of its REGISTERs.
    pub fn asker(&self, flow: Flow, request: &Request) -> Asker {
        let is_it = |bound: &Bound| {
            let same_way = bound.flow.remote == flow.remote && bound.flow.connection == flow.connection;
            let call_id = request.headers.call_id().unwrap_or_default();
            same_way || (!call_id.is_empty() && bound.call_id == call_id)
        };
        let from = request.headers.from().ok().and_then(|from| from.uri.sip().map(SipUri::number));
        let seat = from.map(SeatId::from).filter(|seat| self.seats.get(seat).is_some_and(is_it));
        Asker { ip: flow.remote.ip(), seat }
    }

    /// Whether a phone that registered, or one that never does, comes this way. Over a connection it is the connection
    /// that is known: its port may be somebody else's next.
    pub fn is_phone(&self, flow: Flow) -> bool {
        match flow.connection {
            Some(connection) => self.connections.has(&connection),
            None => self.remotes.has(&flow.remote) || self.fixed_at.contains(&flow.remote),
        }
    }

    pub fn len(&self) -> usize {
        self.seats.len()
    }

    pub fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }
}

/// `None` without a contact, or if there is no way to it.
fn fixed(listen: &[Listen], account: &SeatAccount) -> Option<Fixed> {
    let Uri::Sip(contact) = Uri::parse(account.contact.as_deref()?)? else { return None };
    let flow = way_to(listen, &contact)?;
    Some(Fixed { contact, flow })
}
