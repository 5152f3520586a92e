//! Where phones are, and whose are those who come from somewhere.

use std::net::{IpAddr, SocketAddr};

use super::{At, Bound, Phone, Registrar};
use crate::ids::SeatId;
use crate::sip::addressing::way_to;
use crate::sip::digest::Asker;
use crate::sip::message::{NameAddr, Request, SipUri};
use crate::sip::words::{Flow, Listen};

impl Registrar {
    /// The URI to ring at, the way there, and whether it is the way that the phone registered by. Of one whose
    /// connection is gone the way leads nowhere for the moment.
    pub fn target(&self, seat: &SeatId) -> Option<(SipUri, Flow, bool)> {
        match self.seats.get(seat).map(Phone::best) {
            Some(bound) => Some((bound.contact.clone(), bound.flow, !bound.by_path)),
            None => self.fixed.get(seat).map(|fixed| (fixed.contact.clone(), fixed.flow, false)),
        }
    }

    /// The proxies by which requests go to the phone that registered there, RFC 3327.
    pub fn path(&self, seat: &SeatId) -> &[String] {
        self.seats.get(seat).map_or(&[], |phone| &phone.best().path)
    }

    /// Whether the phone has one that stands beside this.
    pub fn has_other_flow(&self, seat: &SeatId, flow: Flow) -> bool {
        let phone = self.seats.get(seat);
        phone.is_some_and(|phone| phone.flows.iter().any(|bound| bound.flow != flow && bound.back_by.is_none()))
    }

    /// Whether this is a flow of the phone at this seat.
    pub fn goes_by(&self, seat: &SeatId, flow: Flow) -> bool {
        self.seats.get(seat).is_some_and(|phone| phone.flows.iter().any(|bound| bound.flow == flow))
    }

    pub fn is_registered(&self, seat: &SeatId) -> bool {
        self.seats.contains_key(seat)
    }

    pub fn phone(&self, seat: &SeatId) -> Option<At> {
        let Bound { contact, path, flow, call_id, .. } = self.seats.get(seat)?.best();
        Some(At { contact: contact.clone(), path: path.clone(), flow: *flow, call_id: call_id.clone() })
    }

    /// The name of the phone that registered by this flow: its instance, or the Call-ID of its REGISTERs.
    pub fn phone_by(&self, seat: &SeatId, flow: Flow) -> Option<String> {
        let phone = self.seats.get(seat)?;
        phone.flows.iter().find(|bound| bound.flow == flow).map(|bound| phone.name(bound).to_string())
    }

    /// The name of the phone there that this came from: by this flow, or by another way from the same address.
    pub fn phone_at(&self, seat: &SeatId, flow: Flow) -> Option<String> {
        let phone = self.seats.get(seat)?;
        let ip = flow.remote.ip().to_canonical();
        let is_there = |bound: &&Bound| bound.flow.remote.ip().to_canonical() == ip;
        let same_address = || phone.flows.iter().find(is_there).map(|bound| phone.name(bound).to_string());
        self.phone_by(seat, flow).or_else(same_address)
    }

    /// Whether the phone that is there now has this name, or had it before it registered with an instance.
    pub fn has_phone(&self, seat: &SeatId, name: &str) -> bool {
        let is_it = |phone: &Phone| phone.flows.iter().any(|bound| phone.name(bound) == name || bound.call_id == name);
        self.seats.get(seat).is_some_and(is_it)
    }

    /// The Call-IDs of the REGISTERs of the phone that is there, or was there until its connection was gone for too long.
    pub fn call_ids(&self, seat: &SeatId) -> Vec<String> {
        match self.seats.get(seat) {
            Some(phone) => phone.flows.iter().map(|bound| bound.call_id.clone()).collect(),
            None => self.late.get(seat).cloned().into_iter().collect(),
        }
    }

    /// Whether the phone at this seat calls us by this host; `None`: how it does is not known.
    pub fn calls_us(&self, seat: &SeatId, host: &str) -> Option<bool> {
        let flows = &self.seats.get(seat)?.flows;
        let mut known = flows.iter().flat_map(|bound| &bound.house).peekable();
        known.peek()?;
        Some(known.any(|known| known.eq_ignore_ascii_case(host)))
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
        let is_phone = |phone: &Phone| phone.flows.iter().any(is_it);
        let seat = from.map(SeatId::from).filter(|seat| self.seats.get(seat).is_some_and(is_phone));
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

    /// Whether a phone registered from there; over a connection its port may be somebody else's by now.
    pub fn has_registered_from(&self, remote: SocketAddr) -> bool {
        self.remotes.has(&remote)
    }

    /// Whether the phone at this seat registered from there.
    pub fn is_from(&self, seat: &SeatId, remote: SocketAddr) -> bool {
        self.remotes.of(&remote).any(|known| known == seat)
    }

    pub fn len(&self) -> usize {
        self.seats.len()
    }

    pub fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }
}

impl Bound {
    /// RFC 3327 §5.4, RFC 3261 §18.1.1: a proxy that says where it listens is reached there, whatever becomes of the
    /// connection that it opened: at the address that it came from alone, or whoever has the secret of a seat could have
    /// callers sent wherever a Path leads, to a carrier that trusts us. By TLS we know nobody there whose certificate
    /// could be right.
    pub(super) fn way_by_path(&self, listen: &[Listen]) -> Option<Flow> {
        let way = way_to(listen, NameAddr::parse(self.path.first()?)?.uri.sip()?)?;
        let (told, came) = (way.remote.ip().to_canonical(), self.flow.remote.ip().to_canonical());
        (told == came).then_some(way)
    }
}
