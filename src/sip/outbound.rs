//! Flows of one phone beside each other, RFC 5626: what a REGISTER asks for, and what is answered. The same instance is
//! the same phone; the way to it is the flow that was registered last, and another where that fails.

use std::time::Duration;

use super::admission::supports;
use super::dialog::Dialog;
use super::endpoint::{Endpoint, Purpose};
use super::message::{NameAddr, Request, Uri};
use super::registrar::At;
use super::session::{Cancel, State, TransactionId};
use super::words::{Flow, Transport};
use crate::ids::{LegId, SeatId};
use crate::moment::Moment;

/// The option of §11.4.
pub(super) const OUTBOUND: &str = "outbound";
/// Extensions of registrations that it knows, RFC 3261 §20.37.
pub(super) const KNOWN: &str = "path, outbound";
/// A phone has no more flows beside each other: §4.2 advises two.
pub(super) const MOST_FLOWS: usize = 4;
/// Of Path (RFC 3327) so many are kept; whoever is behind more proxies is refused.
const MOST_PATHS: usize = 20;
/// A name is a URN, e.g. of 45 characters.
const LONGEST_INSTANCE: usize = 256;
/// So often a phone says that it is there (§4.4, Flow-Timer): over a connection, and by datagrams, which a NAT forgets
/// sooner. Browsers are asked by us.
const STREAM_TIMER: Duration = Duration::from_secs(120);
const DATAGRAM_TIMER: Duration = Duration::from_secs(30);
/// Nothing comes back over a flow for so long: another is tried, where there is one. Timer B would be longer than a phone
/// rings.
const FLOW_PATIENCE: Duration = Duration::from_secs(3);

/// Which flow of which phone, §4.1 and §4.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FlowName {
    /// `+sip.instance`.
    pub instance: String,
    pub reg_id: u32,
}

/// §6. `Err(439)`: between the phone and us is a proxy that knows nothing of flows. `None`: it is registered as ever,
/// RFC 3261 §10.3.
pub(super) fn flow_name(request: &Request, contact: &NameAddr) -> Result<Option<FlowName>, u16> {
    let reg_id = contact.params.get("reg-id").and_then(|id| id.parse().ok()).filter(|id| *id > 0);
    let Some(reg_id) = reg_id.filter(|_| supports(&request.headers, OUTBOUND)) else { return Ok(None) };
    let is_first_hop = request.headers.all("Via").count() == 1;
    if !is_first_hop && !is_behind_an_edge(request) {
        return Err(439);
    }
    let instance = contact.params.get("+sip.instance").filter(|name| (1..=LONGEST_INSTANCE).contains(&name.len()));
    Ok(instance.map(|instance| FlowName { instance: instance.into(), reg_id }))
}

/// The proxy that the phone has its flow with, the last of Path, says that it keeps it: `ob`, §5.1.
fn is_behind_an_edge(request: &Request) -> bool {
    let first_hop = request.headers.all("Path").last().and_then(NameAddr::parse);
    first_hop.is_some_and(|path| matches!(path.uri, Uri::Sip(uri) if uri.params.has("ob")))
}

/// The proxies between, by which requests go to the phone, RFC 3327 §5.3.
pub(super) fn path_of(request: &Request) -> Result<Vec<String>, u16> {
    let path: Vec<String> = request.headers.all("Path").map(str::to_string).collect();
    let readable = path.len() <= MOST_PATHS && path.iter().all(|proxy| NameAddr::is_readable(proxy));
    readable.then_some(path).ok_or(400)
}

/// Seconds of Flow-Timer over this transport.
pub(super) fn flow_timer(transport: Transport) -> Option<u64> {
    match transport {
        Transport::Udp => Some(DATAGRAM_TIMER.as_secs()),
        Transport::Tcp | Transport::Tls => Some(STREAM_TIMER.as_secs()),
        Transport::Ws | Transport::Wss => None,
    }
}

impl Endpoint {
    /// Until when an INVITE of ours waits for any answer before it goes by another flow of its phone; `None`: it has no
    /// other.
    pub(super) fn other_flow_at(&self, now: Moment, leg: LegId) -> Option<Moment> {
        let leg = self.legs.get(&leg)?;
        let State::Calling(calling) = &leg.state else { return None };
        let has_other = self.registrar.has_other_flow(leg.seat.as_ref()?, calling.flow);
        (calling.pinned && has_other).then(|| now + FLOW_PATIENCE)
    }

    /// §7: the flow that an INVITE went by has failed (430, 408 before it rang, or it could not be sent): it is registered no longer, and
    /// the INVITE goes by the next of the same phone's. Every other answer is the phone's word. `false`: there is none.
    pub(super) fn goes_by_another_flow(&mut self, now: Moment, leg_id: LegId) -> bool {
        let Some(leg) = self.legs.get(&leg_id).filter(|leg| !leg.let_go) else { return false };
        let (Some(seat), State::Calling(calling)) = (leg.seat.clone(), &leg.state) else { return false };
        if !calling.pinned || calling.cancel != Cancel::No {
            return false;
        }
        let (failed, mut request) = (calling.flow, calling.request.clone());
        let Some(phone) = self.registrar.flow_failed(&seat, failed) else { return false };
        self.address_to(&mut request, &phone);
        if !self.invite_again(now, leg_id, request, phone.flow, true) {
            return false;
        }
        self.wait_for_flow(now, leg_id);
        true
    }

    pub(super) fn wait_for_flow(&mut self, now: Moment, leg_id: LegId) {
        let at = self.other_flow_at(now, leg_id);
        if let Some(State::Calling(calling)) = self.legs.get_mut(&leg_id).map(|leg| &mut leg.state) {
            calling.other_flow_at = at;
        }
        self.schedule_leg(leg_id);
    }

    /// Nothing came back over the flow. Whoever answers there after all is told that it is over.
    pub(super) fn flow_is_silent(&mut self, now: Moment, leg_id: LegId) {
        let Some(State::Calling(calling)) = self.legs.get_mut(&leg_id).map(|leg| &mut leg.state) else { return };
        calling.other_flow_at = None;
        let before = calling.transaction;
        if self.goes_by_another_flow(now, leg_id) {
            self.let_go_of(before, false);
        }
        self.schedule_leg(leg_id);
    }

    /// A request of ours within the dialog of a phone that has another flow: it is told when nothing comes back.
    pub(super) fn mind_silence(&mut self, now: Moment, id: TransactionId) {
        if self.beside_its_flow(id).is_none() {
            return;
        }
        if let Some(client) = self.clients.get_mut(&id) {
            client.transaction.tell_silence_at(now + FLOW_PATIENCE);
        }
        self.schedule_client(id);
    }

    /// Nothing came back. A 2xx to a re-INVITE that comes after all still has its ACK; nobody waits for any other answer.
    pub(super) fn is_said_in_vain(&mut self, now: Moment, id: TransactionId) {
        if self.is_said_by_another_flow(now, id)
            && let Some(client) = self.clients.get_mut(&id)
        {
            match client.purpose {
                Purpose::Reinvite(_) => client.transaction.stop_resending(),
                _ => return self.forget_client(id),
            }
        }
        self.schedule_client(id);
    }

    /// The flow that a request within a dialog went by has failed, or said nothing, which is the same (RFC 3261 §8.1.3.1: as
    /// a 408): like an INVITE (§7) it goes by the next of the same phone's, and all dialogs of the phone's with it. It is a
    /// request of its own, so that its answer comes by that flow too: one to a copy would go where the first came from,
    /// RFC 3261 §17.2. `false`: there is none.
    pub(super) fn is_said_by_another_flow(&mut self, now: Moment, id: TransactionId) -> bool {
        let Some((leg_id, seat)) = self.beside_its_flow(id) else { return false };
        let Some(client) = self.clients.get(&id) else { return false };
        let is_wanted = match client.purpose {
            Purpose::Bye(_) => true,
            Purpose::Reinvite(_) | Purpose::Update(_) if !self.is_open(leg_id, id) => false,
            _ => self.legs.get(&leg_id).is_some_and(|leg| !leg.let_go),
        };
        if !is_wanted {
            return false;
        }
        let (failed, mut request) = (client.transaction.flow, client.request.clone());
        if self.registrar.flow_failed(&seat, failed).is_none() {
            return false;
        }
        self.go_on_by_another_flow(now, &seat);
        let dialog = self.legs.get(&leg_id).and_then(|leg| leg.dialog.as_ref());
        let Some(next) = dialog.map(Dialog::next_hop).filter(|next| *next != failed) else { return false };
        if request.headers.get("Contact").is_some() {
            request.headers.set("Contact", self.contact_of(leg_id));
        }
        self.say_again(now, id, request, next).is_some()
    }

    /// Whose request within a dialog it is, if its phone has another flow beside the one that it went by.
    fn beside_its_flow(&self, id: TransactionId) -> Option<(LegId, SeatId)> {
        let client = self.clients.get(&id)?;
        let (Purpose::Reinvite(leg_id) | Purpose::Update(leg_id) | Purpose::Bye(leg_id) | Purpose::Refer(leg_id)) =
            client.purpose
        else {
            return None;
        };
        let leg = self.legs.get(&leg_id)?;
        let (flow, seat) = (client.transaction.flow, leg.seat.clone()?);
        // Another phone at the seat knows nothing of the talk.
        let has_other = self.registrar.goes_by(&seat, flow) && self.registrar.has_other_flow(&seat, flow);
        (has_other && leg.dialog.as_ref()?.follows_phone()).then_some((leg_id, seat))
    }

    /// Whether this re-INVITE or UPDATE of ours is the one that is open.
    pub(super) fn is_open(&self, leg: LegId, id: TransactionId) -> bool {
        let leg = self.legs.get(&leg);
        leg.is_some_and(|leg| leg.our_reoffer == Some(id) || leg.refreshing == Some(id))
    }

    /// One flow of a phone's is gone: its dialogs and rings go on by another, if there is one.
    pub(super) fn go_on_by_another_flow(&mut self, now: Moment, seat: &SeatId) {
        if let Some(phone) = self.registrar.phone(seat).filter(|phone| !is_gone(phone.flow)) {
            self.seat_is_at(now, seat, &phone, true);
        }
    }

    /// An INVITE of ours goes to this phone, by the proxies that it is behind.
    pub(super) fn address_to(&self, request: &mut Request, phone: &At) {
        request.uri = Uri::Sip(phone.contact.clone());
        request.headers.set("Contact", self.contact_for(&request.uri, phone.flow));
        request.headers.remove("Route");
        phone.path.iter().for_each(|proxy| request.headers.push("Route", proxy.clone()));
    }
}

/// Its connection is gone.
pub(super) fn is_gone(flow: Flow) -> bool {
    flow.transport.is_reliable() && flow.connection.is_none()
}
