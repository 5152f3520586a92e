//! Where seats can be reached, RFC 3261 §10: registrations, fixed contacts, and their end.
//!
//! Does not know dialogs, calls or sockets.

mod whereabouts;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::addressing::{listener_to, way_to};
use super::digest::{Verdict, Verifier};
use super::index::Index;
use super::message::{NameAddr, Request, Response, SipUri, Uri};
use super::outbound::{FlowName, KNOWN, MOST_FLOWS, OUTBOUND, flow_name, flow_timer, path_of};
use super::words::{Binding, ConnectionId, Event, Flow, Listen, ListenerId, SeatAccount, Settings, Transport};
use crate::ids::SeatId;
use crate::moment::Moment;

/// A REGISTER with more contacts than this is refused: a phone has one, perhaps two.
const MAX_CONTACTS: usize = 16;

/// A phone whose connection is gone is back within this, or cannot be reached: a page that is loaded anew takes a second
/// or two, a phone with a new address little more.
pub const BACK_WITHIN: Duration = Duration::from_secs(5);

/// One phone a seat: the newest wins, as one stands on a desk.
pub struct Registrar {
    seats: BTreeMap<SeatId, Phone>,
    fixed: BTreeMap<SeatId, Fixed>,
    /// Where the phones are that registered, and the fixed ones that have a secret too.
    addresses: Index<IpAddr, SeatId>,
    remotes: Index<SocketAddr, SeatId>,
    provable: BTreeSet<IpAddr>,
    fixed_at: BTreeSet<SocketAddr>,
    connections: Index<ConnectionId, SeatId>,
    /// The Call-IDs of phones that were not back in time: one that still comes back has its dialogs.
    late: BTreeMap<SeatId, String>,
    /// When the first of a phone's flows ends.
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

/// A phone that registered.
struct Phone {
    /// RFC 5626 §4.1: it may have several flows beside each other. `None`: it has one.
    instance: Option<String>,
    /// The one that was registered last first; never empty.
    flows: Vec<Bound>,
}

struct Bound {
    contact: SipUri,
    /// RFC 3327: the proxies by which requests go there.
    path: Vec<String>,
    flow: Flow,
    /// The connection that it registered over is gone: this is where the first of those proxies listens.
    by_path: bool,
    call_id: String,
    cseq: u32,
    /// The hosts by which the phone calls us: of its own address, and where it registers. Empty: of an earlier process.
    house: Vec<String>,
    /// RFC 5626 §4.2: which of the phone's flows.
    reg_id: Option<u32>,
    expires_at: Moment,
    /// Its connection is gone, and has so long to be back.
    back_by: Option<Moment>,
}

impl Phone {
    /// The way to it: of several one that stands.
    fn best(&self) -> &Bound {
        self.flows.iter().find(|bound| bound.back_by.is_none()).unwrap_or(&self.flows[0])
    }

    /// What is written down of it: a flow that a restart does not end, if it has one.
    fn kept(&self) -> &Bound {
        self.flows.iter().find(|bound| bound.flow.transport == Transport::Udp).unwrap_or_else(|| self.best())
    }

    fn name<'a>(&'a self, bound: &'a Bound) -> &'a str {
        self.instance.as_deref().unwrap_or(&bound.call_id)
    }

    fn ends_at(&self) -> Moment {
        self.flows.iter().map(Bound::ends_at).min().unwrap_or_default()
    }
}

impl Bound {
    fn ends_at(&self) -> Moment {
        self.back_by.map_or(self.expires_at, |back_by| back_by.min(self.expires_at))
    }

    /// As it is told in the answer to a REGISTER, with what was asked for by outbound (RFC 5626 §6).
    fn shown(&self, now: Moment, instance: Option<&str>) -> String {
        let mut contact = NameAddr::sip(self.contact.clone());
        contact.params.set("expires", Some(&self.expires_at.since(now).as_secs().to_string()));
        if let (Some(instance), Some(reg_id)) = (instance, self.reg_id) {
            contact.params.set("+sip.instance", Some(instance));
            contact.params.set("reg-id", Some(&reg_id.to_string()));
        }
        contact.to_string()
    }
}

/// A phone that registered.
#[derive(Clone, Debug, PartialEq)]
pub struct At {
    pub contact: SipUri,
    /// The proxies between, as Route.
    pub path: Vec<String>,
    /// The way that it registered by.
    pub flow: Flow,
    /// Of its REGISTERs: stays as long as the phone runs.
    pub call_id: String,
}

/// What a REGISTER asks for.
enum Asked {
    Nothing,
    RemoveAll,
    Bind { contact: SipUri, expires: u32, flow: Option<FlowName> },
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
                let user_agent = request.headers.get("User-Agent");
                for challenge in verifier.challenges(now, flow.remote.ip(), stale, user_agent) {
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
        // §10.3 step 7: an older request of the same phone must not undo a newer one. Each of its flows is counted for
        // itself.
        let meant = match &asked {
            Asked::Bind { flow: Some(name), .. } => Some(name.reg_id),
            Asked::Nothing | Asked::RemoveAll | Asked::Bind { .. } => None,
        };
        let is_older = |bound: &Bound| {
            bound.call_id == call_id && cseq.seq <= bound.cseq && (meant.is_none() || bound.reg_id == meant)
        };
        if self.seats.get(&seat).is_some_and(|phone| phone.flows.iter().any(is_older)) {
            return Ok(respond(500));
        }
        let mut response = respond(200);
        response.headers.push("Supported", KNOWN);
        match asked {
            Asked::Nothing => {}
            Asked::RemoveAll => self.remove(&seat),
            Asked::Bind { expires: 0, flow: Some(name), .. } => self.drop_flows(&seat, |instance, bound| {
                instance == Some(&name.instance) && bound.reg_id == Some(name.reg_id)
            }),
            Asked::Bind { contact, expires: 0, flow: None } => {
                self.drop_flows(&seat, |_, bound| bound.contact.equivalent(&contact));
            }
            Asked::Bind { contact, expires, flow: name } => {
                let path = match path_of(request) {
                    Ok(path) => path,
                    Err(status) => return Ok(respond(status)),
                };
                path.iter().for_each(|proxy| response.headers.push("Path", proxy.clone()));
                if name.is_some() {
                    // RFC 5626 §6: whoever asked is told that it is so.
                    response.headers.push("Require", OUTBOUND);
                }
                // Behind an edge the phone's flow ends there: how often it shows itself is the edge's to say.
                if let Some(seconds) = flow_timer(flow.transport).filter(|_| name.is_some() && path.is_empty()) {
                    response.headers.push("Flow-Timer", seconds.to_string());
                }
                let expires = Duration::from_secs(expires.into()).min(self.max);
                let (instance, reg_id) = name.map(|name| (name.instance, name.reg_id)).unzip();
                let bound = Bound {
                    contact,
                    path,
                    flow,
                    by_path: false,
                    call_id: call_id.into(),
                    cseq: cseq.seq,
                    house: request.uri.sip().into_iter().chain([&to]).map(|uri| uri.host.clone()).collect(),
                    reg_id,
                    expires_at: now + expires,
                    back_by: None,
                };
                self.bind(seat.clone(), instance, bound);
            }
        }
        if let Some(phone) = self.seats.get(&seat) {
            for bound in &phone.flows {
                response.headers.push("Contact", bound.shown(now, phone.instance.as_deref()));
            }
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
        let name = flow_name(request, best)?;
        Ok(Asked::Bind { contact: SipUri { headers: None, ..contact.clone() }, expires, flow: name })
    }

    /// A flow more of the same phone, in the place of the one of that name; or else another phone.
    fn bind(&mut self, seat: SeatId, instance: Option<String>, bound: Bound) {
        let (connection, reg_id, flow) = (bound.flow.connection, bound.reg_id, bound.flow);
        let before = self.take(&seat);
        let was_web = before.as_ref().map(|phone| phone.best().flow.transport.is_web());
        let same_phone = |before: &Phone| instance.is_some() && before.instance == instance;
        let is_beside = before.as_ref().is_some_and(same_phone);
        let mut flows = vec![bound];
        let mut left = Vec::new();
        for former in before.into_iter().flat_map(|phone| phone.flows) {
            let stays = is_beside && former.reg_id != reg_id && former.flow != flow && flows.len() < MOST_FLOWS;
            if stays { flows.push(former) } else { left.push(former.flow) }
        }
        self.late.remove(&seat);
        self.put(seat.clone(), Phone { instance, flows });
        for former in left.iter().filter(|former| !former.transport.is_web()) {
            // Browsers are asked every few seconds whether they are there.
            let former = former.connection.filter(|id| Some(*id) != connection && !self.connections.has(id));
            self.events.extend(former.map(|connection| Event::LeftBehind { connection }));
        }
        self.tell_of(&seat, was_web);
    }

    /// Takes away those of a phone's flows; of the last the seat is gone.
    fn drop_flows(&mut self, seat: &SeatId, is_over: impl Fn(Option<&String>, &Bound) -> bool) {
        let Some(mut phone) = self.take(seat) else { return };
        let was_web = phone.best().flow.transport.is_web();
        let (instance, count) = (phone.instance.clone(), phone.flows.len());
        phone.flows.retain(|bound| !is_over(instance.as_ref(), bound));
        let is_changed = phone.flows.len() < count;
        if !phone.flows.is_empty() {
            self.put(seat.clone(), phone);
        }
        if is_changed {
            self.tell_of(seat, Some(was_web));
        }
    }

    fn remove(&mut self, seat: &SeatId) {
        self.drop_flows(seat, |_, _| true);
    }

    /// How a seat can be reached by now. `was_web`: by a browser, before; `None`: by no phone that registered.
    fn tell_of(&mut self, seat: &SeatId, was_web: Option<bool>) {
        let is_fixed = self.fixed.contains_key(seat);
        let best = self.seats.get(seat).map(Phone::best);
        let browser = best.map(|bound| bound.flow.transport.is_web()).or(is_fixed.then_some(false));
        let before = was_web.or(is_fixed.then_some(false));
        match browser {
            None => self.events.push_back(Event::SeatUnreachable { seat: seat.clone() }),
            Some(browser) if before != Some(browser) => {
                self.events.push_back(Event::SeatReachable { seat: seat.clone(), browser });
            }
            Some(_) => {}
        }
        let binding = self.seats.get(seat).map(Phone::kept).map(|bound| Binding {
            contact: bound.contact.to_string(),
            remote: bound.flow.remote,
            transport: bound.flow.transport.via_name().to_ascii_lowercase(),
            path: bound.path.clone(),
            listener: self.listen.get(bound.flow.listener.0).map(|listen| listen.addr),
            expires_at: bound.expires_at,
        });
        self.events.push_back(Event::Binding { seat: seat.clone(), binding });
    }

    /// A phone with everything by which it is found.
    fn put(&mut self, seat: SeatId, phone: Phone) {
        for bound in &phone.flows {
            self.addresses.insert(bound.flow.remote.ip().to_canonical(), seat.clone());
            self.remotes.insert(bound.flow.remote, seat.clone());
            if let Some(connection) = bound.flow.connection {
                self.connections.insert(connection, seat.clone());
            }
        }
        self.deadlines.insert((phone.ends_at(), seat.clone()));
        self.seats.insert(seat, phone);
    }

    fn take(&mut self, seat: &SeatId) -> Option<Phone> {
        let phone = self.seats.remove(seat)?;
        for bound in &phone.flows {
            self.addresses.remove(&bound.flow.remote.ip().to_canonical(), seat);
            self.remotes.remove(&bound.flow.remote, seat);
            if let Some(connection) = bound.flow.connection {
                self.connections.remove(&connection, seat);
            }
        }
        self.deadlines.remove(&(phone.ends_at(), seat.clone()));
        Some(phone)
    }

    pub fn handle_deadline(&mut self, now: Moment) {
        while let Some((_, seat)) = self.deadlines.first().filter(|(at, _)| *at <= now).cloned() {
            if let Some(bound) = self.seats.get(&seat).map(Phone::best).filter(|bound| bound.back_by.is_some()) {
                self.late.insert(seat.clone(), bound.call_id.clone());
            }
            self.drop_flows(&seat, |_, bound| bound.ends_at() <= now);
        }
    }

    pub fn next_deadline(&self) -> Option<Moment> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    pub fn poll(&mut self) -> Option<Event> {
        self.events.pop_front()
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
        let (call_id, path, expires_at) = (String::new(), binding.path.clone(), binding.expires_at);
        let (by_path, cseq, house, reg_id, back_by) = (false, 0, Vec::new(), None, None);
        let bound = Bound { contact, path, flow, by_path, call_id, cseq, house, reg_id, expires_at, back_by };
        self.bind(seat, None, bound);
    }

    /// A connection closed: whoever registered over it (told) cannot be reached until it registers again, and if it
    /// does not soon it is gone. Whoever has another flow can be reached by that, and whoever is behind a proxy by that,
    /// which may close what nothing comes over.
    pub fn flow_lost(&mut self, now: Moment, connection: ConnectionId) -> BTreeSet<SeatId> {
        let is_it = |bound: &Bound| bound.flow.connection == Some(connection);
        let seats: BTreeSet<SeatId> = self.connections.of(&connection).cloned().collect();
        for seat in &seats {
            let has_other = |phone: &Phone| phone.flows.iter().any(|bound| !is_it(bound) && bound.back_by.is_none());
            if self.seats.get(seat).is_some_and(has_other) {
                self.drop_flows(seat, |_, bound| is_it(bound));
                continue;
            }
            let Some(mut phone) = self.take(seat) else { continue };
            for bound in phone.flows.iter_mut().filter(|bound| is_it(bound)) {
                match bound.way_by_path(&self.listen) {
                    Some(way) => (bound.flow, bound.by_path) = (way, true),
                    None => (bound.flow.connection, bound.back_by) = (None, Some(now + BACK_WITHIN)),
                }
            }
            self.put(seat.clone(), phone);
        }
        seats
    }

    /// A flow was found to lead nowhere, RFC 5626 §7: the next of the same phone's. `None`: there is none, and the one
    /// that is there stays.
    pub fn flow_failed(&mut self, seat: &SeatId, flow: Flow) -> Option<At> {
        if !self.has_other_flow(seat, flow) {
            return None;
        }
        self.drop_flows(seat, |_, bound| bound.flow == flow);
        self.phone(seat)
    }
}

/// `None` without a contact, or if there is no way to it.
fn fixed(listen: &[Listen], account: &SeatAccount) -> Option<Fixed> {
    let Uri::Sip(contact) = Uri::parse(account.contact.as_deref()?)? else { return None };
    let flow = way_to(listen, &contact)?;
    Some(Fixed { contact, flow })
}
