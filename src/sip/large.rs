//! Requests that are too large for a datagram, RFC 3261 §18.1.1: they go over TCP, and where nobody takes that, by UDP
//! after all.
//!
//! A phone that registered over UDP is not asked for TCP: its flow is the one way to it (RFC 5626 §5.3), and a NAT in
//! between would let each such call wait.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::endpoint::{Client, Endpoint, Purpose};
use super::session::{State, TransactionId};
use super::transaction::client::ClientTransaction;
use super::transaction::patience;
use super::words::{Flow, Timers, Transport};
use crate::ids::LegId;
use crate::moment::Moment;

/// The most that goes in a datagram where nobody knows how much gets through.
const MOST_OF_DATAGRAM: usize = 1300;
/// Whoever takes the connection and says nothing for so long, not even 100, is no user agent over TCP: the call goes by
/// UDP. Longer than a connection may take, and sooner than a trunk is left.
const STREAM_PATIENCE: Duration = Duration::from_secs(3);
/// A place that took no TCP is not asked for it again for so long: its calls lose no time.
const REMEMBERED: Duration = Duration::from_secs(3600);
/// Of so many places; of others each call finds it out anew.
const MOST_PLACES: usize = 4096;

/// Where a request would have gone if it were smaller, and goes at that moment if nothing came back by then.
#[derive(Clone, Copy)]
pub(super) struct Datagram {
    pub flow: Flow,
    pub at: Moment,
}

impl Datagram {
    pub(super) fn new(now: Moment, timers: &Timers, flow: Flow) -> Self {
        Self { flow, at: now + STREAM_PATIENCE.min(patience(timers)) }
    }
}

/// Where nobody takes TCP, and until when that is believed.
#[derive(Default)]
pub(super) struct WithoutTcp(BTreeMap<SocketAddr, Moment>);

impl WithoutTcp {
    fn note(&mut self, now: Moment, place: SocketAddr) {
        self.0.retain(|_, until| now < *until);
        if self.0.len() < MOST_PLACES {
            self.0.insert(place, now + REMEMBERED);
        }
    }

    fn has(&self, now: Moment, place: SocketAddr) -> bool {
        self.0.get(&place).is_some_and(|until| now < *until)
    }
}

impl Client {
    /// Nobody tells whether an ACK got through: it goes over TCP where its INVITE did, and what it would have gone by is
    /// the same.
    pub(super) fn stream_instead_of(&self, flow: Flow, size: usize) -> Option<Flow> {
        let is_it = self.datagram.is_some_and(|datagram| datagram.flow == flow);
        (size > MOST_OF_DATAGRAM && is_it).then_some(self.transaction.flow)
    }

    /// When it goes by UDP after all, if nothing comes back before.
    pub(super) fn datagram_at(&self) -> Option<Moment> {
        self.datagram.filter(|_| self.transaction.is_silent()).map(|datagram| datagram.at)
    }
}

impl Endpoint {
    /// The way over TCP of a request of so many bytes; `None`: it goes as it was meant to.
    pub(super) fn stream_for(&self, now: Moment, flow: Flow, size: usize) -> Option<Flow> {
        let is_large = flow.transport == Transport::Udp && size > MOST_OF_DATAGRAM;
        if !is_large || self.without_tcp.has(now, flow.remote) || self.registrar.has_registered_from(flow.remote) {
            return None;
        }
        let listener = self.listener_to(Transport::Tcp, flow.remote)?;
        Some(Flow { listener, transport: Transport::Tcp, ..flow })
    }

    /// A request that went over TCP for its size alone, and could not, or in vain: by UDP, as the same request. `false`:
    /// it is none, it was heard, or nobody waits for it.
    pub(super) fn goes_by_datagram(&mut self, now: Moment, id: TransactionId) -> bool {
        let Some(client) = self.clients.get_mut(&id).filter(|client| client.transaction.is_silent()) else {
            return false;
        };
        let Some(Datagram { flow: datagram, .. }) = client.datagram.take() else { return false };
        self.without_tcp.note(now, datagram.remote);
        let purpose = client.purpose;
        let is_wanted = match purpose {
            Purpose::Invite(leg) => self.legs.get(&leg).is_some_and(|leg| !leg.let_go),
            Purpose::GivenUp { .. } => false,
            _ => true,
        };
        let Some(client) = self.clients.get(&id).filter(|_| is_wanted) else { return false };
        self.client_flows.remove(&client.transaction.flow, &id);
        self.client_flows.insert(datagram, id);
        self.send_anew(now, id, datagram);
        if let Purpose::Invite(leg) = purpose {
            self.waits_anew(now, leg);
        }
        true
    }

    /// Sends the request of a transaction by another way, with the timers of that: §18.1.1, nothing but the sender's place
    /// in its Via is another.
    pub(super) fn send_anew(&mut self, now: Moment, id: TransactionId, flow: Flow) {
        let Some(via) = self.clients.get(&id).and_then(|client| client.request.headers.top_via().ok()) else { return };
        let via = self.via(flow, via.branch().unwrap_or_default());
        let Some(client) = self.clients.get_mut(&id) else { return };
        client.request.headers.replace_first("Via", via);
        let (bytes, is_invite) = (client.request.to_bytes(), client.transaction.is_invite());
        client.transaction = ClientTransaction::new(now, &self.settings.timers, flow, is_invite, bytes.clone());
        self.transmit(flow, bytes);
        self.schedule_client(id);
    }

    /// It is only now on its way: the patience with its trunk begins again.
    fn waits_anew(&mut self, now: Moment, leg_id: LegId) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        let State::Calling(calling) = &mut leg.state else { return };
        let Some(outward) = calling.outward.as_mut().filter(|outward| outward.move_on_at.is_some()) else { return };
        let patience = leg.trunk.and_then(|trunk| self.trunks.get(trunk)).map(|standing| standing.trunk.patience);
        outward.move_on_at = patience.map(|patience| now + patience);
        self.schedule_leg(leg_id);
    }
}
