//! Which addresses are written into messages, and where messages go.

use std::cmp::Reverse;
use std::net::{IpAddr, SocketAddr};

use super::dialog::{Dialog, literal};
use super::endpoint::Endpoint;
use super::message::{NameAddr, SipUri, Uri, Via};
use super::words::{Flow, Listen, ListenerId, Settings, Transport};

/// The listener from which an address is reached: of its transport and family; rather one that is on the
/// loopback if the address is, and not if it is not; then the one that shares the most leading bits with it (the
/// same network); then the first.
pub fn listener_to(listen: &[Listen], transport: Transport, remote: SocketAddr) -> Option<ListenerId> {
    let remote = remote.ip();
    let fits = |l: &Listen| l.transport == transport && l.addr.is_ipv4() == remote.is_ipv4();
    let worth = |l: &Listen| {
        let any = l.addr.ip().is_unspecified();
        (any || l.addr.ip().is_loopback() == remote.is_loopback(), if any { 0 } else { shared(l.addr.ip(), remote) })
    };
    let best = listen.iter().enumerate().filter(|(_, l)| fits(l)).max_by_key(|(index, l)| (worth(l), Reverse(*index)));
    best.map(|(index, _)| ListenerId(index))
}

/// Leading bits in common.
fn shared(a: IpAddr, b: IpAddr) -> u32 {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        _ => 0,
    }
}

/// The way to a URI that names an IP address; `None` if it names none, or no listener leads there.
pub fn way_to(listen: &[Listen], uri: &SipUri) -> Option<Flow> {
    let (remote, transport) = literal(uri)?;
    Some(Flow { listener: listener_to(listen, transport, remote)?, transport, remote, connection: None })
}

impl Endpoint {
    pub(super) fn listener_to(&self, transport: Transport, remote: SocketAddr) -> Option<ListenerId> {
        listener_to(&self.settings.listen, transport, remote)
    }

    /// The same flow on a listener of its transport and family.
    pub(super) fn fit(&self, flow: Flow) -> Option<Flow> {
        // What is open leads there, whoever opened it.
        if flow.connection.is_some() {
            return Some(flow);
        }
        let flow = match flow.transport {
            Transport::Tls => {
                let remote = self.secure_place(flow.remote).unwrap_or(flow.remote);
                Flow { remote, connection: self.aliases.get(&remote).copied(), ..flow }
            }
            _ => flow,
        };
        if flow.connection.is_some() {
            return Some(flow);
        }
        let listen = self.settings.listen.get(flow.listener.0)?;
        if listen.transport == flow.transport && listen.addr.is_ipv4() == flow.remote.is_ipv4() {
            return Some(flow);
        }
        Some(Flow { listener: self.listener_to(flow.transport, flow.remote)?, ..flow })
    }

    /// A carrier says over a connection where it listens: what goes there may go over it, if its certificate is that of
    /// whom we would find there.
    pub(super) fn note_alias(&mut self, via: &Via, flow: Flow) {
        let Some(connection) = flow.connection.filter(|_| flow.transport == Transport::Tls && via.params.has("alias"))
        else {
            return;
        };
        let listens = sent_by(via, flow);
        let shown = self.certified.get(&connection);
        if shown.is_some_and(|shown| self.is_peer_at(listens, shown)) {
            self.aliases.insert(listens, connection);
        }
    }

    /// Host and port that others reach us at on this flow.
    fn local(&self, flow: Flow) -> (String, u16) {
        // Over the gate's connections nobody looks at it, as requests come back the same way.
        let listen = self.settings.listen.get(flow.listener.0).or_else(|| self.settings.listen.first());
        let addr = listen.map(|listen| listen.addr);
        let addr = addr.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 5060)));
        let told = || self.settings.advertise.iter().find(|ip| ip.is_ipv4() == addr.is_ipv4()).copied();
        let ip = Some(addr.ip()).filter(|ip| !ip.is_unspecified()).or_else(told).unwrap_or(addr.ip());
        (ip.to_string(), addr.port())
    }

    pub(super) fn via(&self, flow: Flow, branch: &str) -> String {
        let (host, port) = self.local(flow);
        let mut via =
            Via { transport: flow.transport.via_name().into(), host, port: Some(port), params: Default::default() };
        via.params.set("branch", Some(branch));
        via.params.set("rport", None);
        // RFC 5923 §5: who has seen our certificate may call us back over the same connection.
        if flow.transport == Transport::Tls && self.is_shown_to(flow.remote) {
            via.params.set("alias", None);
        }
        via.to_string()
    }

    /// Our address on this flow as a URI, e.g. for Contact.
    pub(super) fn own_uri(&self, user: &str, flow: Flow) -> SipUri {
        let (host, port) = self.local(flow);
        let mut uri = SipUri::new(Some(user), &host, Some(port));
        if let Some(name) = flow.transport.uri_name() {
            uri.params.set("transport", Some(name));
        }
        uri
    }

    /// Whether a host in a URI is this house, or a carrier of its own, on whatever port.
    pub(super) fn is_house(&self, host: &str) -> bool {
        let Settings { listen, advertise, realm, .. } = &self.settings;
        let is_own = |ip: IpAddr| listen.iter().any(|listen| listen.addr.ip() == ip) || advertise.contains(&ip);
        let is_address = host.parse::<IpAddr>().is_ok_and(|ip| is_own(ip.to_canonical()));
        is_address || realm.eq_ignore_ascii_case(host) || self.trunks.are_at(host)
    }

    /// Somebody of ours, in From and To.
    pub(super) fn own_name(&self, user: &str, flow: Flow) -> SipUri {
        self.own_uri(user, flow).named()
    }

    pub(super) fn contact(&self, flow: Flow) -> String {
        NameAddr::sip(self.own_uri("hotline", flow)).to_string()
    }

    /// The same in a dialog that was asked for by `sips:`, RFC 5630 §3.1.3: over TLS, which needs no parameter to say so.
    pub(super) fn secure_contact(&self, flow: Flow) -> String {
        let over_tls = || {
            let listener = self.listener_to(Transport::Tls, flow.remote)?;
            Some(Flow { listener, transport: Transport::Tls, ..flow })
        };
        let way = if flow.transport.is_secure() { flow } else { over_tls().unwrap_or(flow) };
        let mut uri = self.own_uri("hotline", way);
        uri.secure = true;
        if way.transport == Transport::Tls {
            uri.params = Default::default();
        }
        NameAddr::sip(uri).to_string()
    }

    /// Where whoever is asked for by this URI finds us, §8.1.1.8.
    pub(super) fn contact_for(&self, uri: &Uri, flow: Flow) -> String {
        if uri.sip().is_some_and(|uri| uri.secure) { self.secure_contact(flow) } else { self.contact(flow) }
    }

    /// Where they find us in this dialog.
    pub(super) fn contact_in(&self, dialog: &Dialog) -> String {
        if dialog.secure { self.secure_contact(dialog.flow) } else { self.contact(dialog.flow) }
    }
}

/// Notes in the Via where the request came from, and says where its answer goes: RFC 3581 §4, RFC 3261
/// §18.2. A `maddr` of theirs is not followed: it would send our answers to somebody else.
pub(super) fn stamp(via: &mut Via, flow: Flow) -> Flow {
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
    Flow { remote: sent_by(via, flow), ..flow }
}

/// The address a request came from, at the port that its sender says it listens on, RFC 3261 §18.2.2.
pub(super) fn sent_by(via: &Via, flow: Flow) -> SocketAddr {
    SocketAddr::new(flow.remote.ip(), via.port.unwrap_or(5060))
}
