//! Which addresses are written into messages, and where messages go.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::endpoint::Endpoint;
use super::message::{NameAddr, SipUri, Via};
use super::words::{Flow, Listen, ListenerId, Transport};

impl Endpoint {
    pub(super) fn listener(&self, transport: Transport, v4: bool) -> Option<ListenerId> {
        let fits = |l: &Listen| l.transport == transport && l.addr.is_ipv4() == v4;
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
        let addr = addr.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 5060)));
        let ip = match self.settings.advertise {
            Some(ip) if addr.ip().is_unspecified() => ip,
            _ => addr.ip(),
        };
        (ip.to_string(), addr.port())
    }

    pub(super) fn via(&self, flow: Flow, branch: &str) -> String {
        let (host, port) = self.local(flow);
        let mut via =
            Via { transport: flow.transport.via_name().into(), host, port: Some(port), params: Default::default() };
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

/// Who cannot be told apart by address: an IPv4 address, or the /64 that everybody with IPv6 has to himself.
pub(super) fn household(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !0 << 64).into(),
        ip => ip,
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
