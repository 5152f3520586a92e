//! Connections that go and come, RFC 5626: what becomes of answers, dialogs and rings whose connection is gone, and
//! where they go on when their phone is back.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::dialog::Dialog;
use super::endpoint::{Endpoint, Purpose, dialog_key};
use super::message::Request;
use super::outbound::is_gone;
use super::registrar::At;
use super::session::{Cancel, Leg, State, TransactionId};
use super::words::{ConnectionId, Event, Flow, Invite, Transport};
use crate::ids::{LegId, SeatId};
use crate::moment::Moment;
use crate::tls::Distrust;

impl Endpoint {
    /// Whoever opened this connection has proved that the seat is his: he needs no secret, and is nobody else.
    pub fn connection_proven(&mut self, connection: ConnectionId, seat: SeatId) {
        self.proven.insert(connection, seat);
    }

    /// Whoever is at the other end of this connection has shown a certificate for these domains, in lower case.
    pub fn connection_certified(&mut self, connection: ConnectionId, domains: Vec<String>) {
        self.certified.insert(connection, domains);
    }

    /// Somebody showed a certificate for which nobody vouches, and was let go.
    pub fn distrusted(&mut self, now: Moment, remote: SocketAddr, why: Distrust) {
        self.guard.iter_mut().for_each(|guard| guard.distrusted(now, remote.ip(), why));
    }

    pub(super) fn proven(&self, flow: Flow) -> Option<&SeatId> {
        self.proven.get(&flow.connection?)
    }

    /// A [`Transmit`](super::words::Transmit) on this flow failed: whoever waits for an answer on it waits in vain,
    /// §17.1.4. Answers of ours are sent once more, §18.2.2.
    pub fn unsent(&mut self, now: Moment, flow: Flow) {
        let is_lost = |id: &&TransactionId| self.clients.get(id).is_some_and(|c| !c.transaction.is_answered());
        let lost: Vec<TransactionId> = self.client_flows.of(&flow).filter(is_lost).copied().collect();
        for id in lost {
            if self.goes_by_datagram(now, id) {
                continue;
            }
            match self.clients.get(&id).map(|client| client.purpose) {
                Some(Purpose::Reinvite(leg) | Purpose::Update(leg)) if flow.transport.is_web() => self.strand(now, leg),
                // It is told elsewhere or later, as soon as the connection is known to be gone.
                Some(Purpose::Notify(_)) if flow.connection.is_some() => {}
                _ => self.client_failed(now, id, 503),
            }
        }
        for id in flow.connection.map(|connection| self.answer_elsewhere(connection)).unwrap_or_default() {
            if let Some(server) = self.servers.get(&id)
                && let Some(last) = server.transaction.last()
            {
                let (flow, bytes) = (server.transaction.flow, last.to_vec());
                self.transmit(flow, bytes);
            }
        }
        self.after(now);
    }

    pub fn connection_closed(&mut self, now: Moment, connection: ConnectionId) {
        self.proven.remove(&connection);
        self.certified.remove(&connection);
        self.aliases.retain(|_, of| *of != connection);
        self.enrol_again(now, connection);
        let seats = self.registrar.flow_lost(now, connection);
        for seat in &seats {
            for leg in self.legs_of(seat) {
                if let Some(State::Calling(calling)) = self.legs.get_mut(&leg).map(|leg| &mut leg.state)
                    && calling.flow.connection == Some(connection)
                {
                    calling.flow.connection = None;
                }
            }
        }
        self.watch_elsewhere(now, connection);
        self.answer_elsewhere(connection);
        for leg in self.leg_connections.take(&connection) {
            self.strand(now, leg);
        }
        for seat in seats {
            self.go_on_by_another_flow(now, &seat);
        }
        self.after(now);
    }

    /// §18.2.2: where a connection is gone, answers go to the address it came from, at the port in the Via,
    /// over a new one. Once: who cannot be reached there either is not tried again.
    fn answer_elsewhere(&mut self, connection: ConnectionId) -> BTreeSet<TransactionId> {
        let servers = self.server_connections.take(&connection);
        for id in &servers {
            if let Some(server) = self.servers.get_mut(id) {
                let flow = server.transaction.flow;
                let remote = if flow.transport == Transport::Tcp { server.back } else { flow.remote };
                server.transaction.flow = Flow { remote, connection: None, ..flow };
            }
        }
        servers
    }

    /// The connection under a dialog is gone. A browser's call is told; a desk phone talks on without one.
    fn strand(&mut self, now: Moment, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(dialog) = leg.dialog.as_mut() else { return };
        let before = dialog.flow;
        dialog.flow.connection = None;
        if !dialog.is_stranded() {
            return;
        }
        let is_web = dialog.flow.transport.is_web();
        let is_told = matches!(leg.state, State::Talking) && is_web && !leg.let_go && !leg.flow_lost;
        leg.flow_lost |= is_told;
        let refreshing = leg.refreshing.take();
        // The answer to a re-INVITE of ours cannot come back any more: it is made anew.
        if let Some(open) = leg.our_reoffer.take() {
            leg.parked = self.clients.get(&open).map(|client| client.request.body.clone());
            self.forget_client(open);
        }
        if let Some(open) = refreshing {
            self.forget_client(open);
            if let Some(leg) = self.legs.get_mut(&id) {
                leg.refresh_at(now);
            }
            self.schedule_leg(id);
        }
        if is_told {
            self.tell(Event::FlowLost { leg: id });
        }
        self.strand_bye(now, id, before);
    }

    /// A BYE that nobody answered may be lost with the connection: it waits for a way to the phone, and goes once more.
    fn strand_bye(&mut self, now: Moment, id: LegId, flow: Flow) {
        let is_open = |bye: &&TransactionId| {
            let client = self.clients.get(bye);
            client.is_some_and(|client| client.purpose == Purpose::Bye(id) && !client.transaction.is_answered())
        };
        let Some(bye) = self.client_flows.of(&flow).find(is_open).copied() else { return };
        let reason = self.clients.get(&bye).and_then(|client| client.request.headers.get("Reason").map(Into::into));
        self.forget_client(bye);
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.reason = reason;
        }
        self.send_bye(now, id);
    }

    /// The dialog of a leg, and where it is from here on.
    pub(super) fn set_dialog(&mut self, id: LegId, dialog: Dialog) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if let Some(before) = leg.dialog.as_ref().and_then(|dialog| dialog.flow.connection) {
            self.leg_connections.remove(&before, &id);
        }
        if let Some(connection) = dialog.flow.connection {
            self.leg_connections.insert(connection, id);
        }
        self.dialogs.insert(dialog_key(&dialog.call_id, dialog.local_tag()), id);
        if leg.phone.is_none() {
            // One that calls by a way of its own is known by its address.
            leg.phone = leg.seat.as_ref().and_then(|seat| self.registrar.phone_at(seat, dialog.flow));
        }
        leg.dialog = Some(dialog);
    }

    /// It is the leg of the phone that is registered by this flow, if one is.
    pub(super) fn name_phone(&mut self, id: LegId, flow: Flow) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if let Some(name) = leg.seat.as_ref().and_then(|seat| self.registrar.phone_by(seat, flow)) {
            leg.phone = Some(name);
        }
    }

    /// Somebody registered by this flow, perhaps by another name than before: dialogs that are there are theirs.
    pub(super) fn name_phones(&mut self, seat: &SeatId, flow: Flow) {
        for id in self.legs_of(seat) {
            let dialog = self.legs.get(&id).and_then(|leg| leg.dialog.as_ref());
            if dialog.is_some_and(|dialog| dialog.flow == flow) {
                self.name_phone(id, flow);
            }
        }
    }

    /// A phone's dialog goes on where its phone is. `same_phone`: it knows of the dialog.
    pub(super) fn set_flow(&mut self, now: Moment, id: LegId, flow: Flow, same_phone: bool) {
        let dialog = self.legs.get(&id).and_then(|leg| leg.dialog.clone()).filter(|dialog| dialog.flow != flow);
        let Some(mut dialog) = dialog else { return };
        let was_stranded = dialog.is_stranded();
        dialog.flow = flow;
        let hop = dialog.next_hop();
        self.set_dialog(id, dialog);
        if same_phone {
            self.name_phone(id, flow);
        }
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.acks.iter_mut().for_each(|(_, way, _)| *way = hop);
        let is_told = same_phone && std::mem::take(&mut leg.flow_lost) && !leg.let_go;
        if is_told {
            self.tell(Event::FlowFound { leg: id });
        }
        if was_stranded {
            self.go_on(now, id, flow);
        }
    }

    /// What waited for a way to the phone: answers, a BYE, a re-INVITE.
    fn go_on(&mut self, now: Moment, id: LegId, flow: Flow) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let ringing = match &leg.state {
            State::Incoming { transaction, .. } => Some(*transaction),
            _ => None,
        };
        let unacked = leg.unacked.as_ref().map(|unacked| (unacked.transaction, unacked.bytes.clone()));
        let (hangs, parked) = (leg.forget_at.take().is_some(), leg.parked.take());
        let open = ringing.into_iter().chain(leg.their_reoffer).chain(unacked.as_ref().map(|(id, _)| *id));
        for id in open.collect::<Vec<_>>() {
            self.move_server(id, flow);
        }
        if let Some((_, bytes)) = unacked {
            self.transmit(flow, bytes);
        }
        if hangs {
            self.send_bye(now, id);
        } else if let Some(sdp) = parked {
            self.reoffer(now, id, sdp);
        }
        self.schedule_leg(id);
    }

    /// A request of theirs is answered over another connection, which is also where its CANCEL comes from.
    fn move_server(&mut self, id: TransactionId, flow: Flow) {
        let Some(server) = self.servers.get_mut(&id).filter(|server| server.transaction.flow.connection.is_none())
        else {
            return;
        };
        (server.transaction.flow, server.from) = (flow, flow);
        if let Some(connection) = flow.connection {
            self.server_connections.insert(connection, id);
        }
    }

    /// A request of ours is answered over another connection: what follows it goes there.
    pub(super) fn move_client(&mut self, id: TransactionId, flow: Flow) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        self.client_flows.remove(&client.transaction.flow, &id);
        client.transaction.flow = flow;
        self.client_flows.insert(flow, id);
        if let Purpose::Invite(leg) = client.purpose
            && let Some(State::Calling(calling)) = self.legs.get_mut(&leg).map(|leg| &mut leg.state)
        {
            calling.flow = flow;
        }
    }

    fn legs_of(&self, seat: &SeatId) -> Vec<LegId> {
        self.seat_legs.of(seat).copied().collect()
    }

    /// A seat registered from elsewhere: its dialogs follow, if it is the same phone, or if their connection is gone.
    /// Another phone at the same seat does not take over what the first is talking in, by none of its flows. What rings
    /// goes on ringing.
    pub(super) fn seat_is_at(&mut self, now: Moment, seat: &SeatId, phone: &At, same_phone: bool) {
        let flow = phone.flow;
        self.watch_on(now, seat, flow);
        for id in self.legs_of(seat) {
            let Some(leg) = self.legs.get_mut(&id) else { continue };
            // RFC 5626 §4.2: it has flows beside each other.
            let stands = |flow: Flow| self.registrar.goes_by(seat, flow) && !is_gone(flow);
            let is_left_behind = |former: Flow, flow: Flow| former.transport.is_web() && former != flow;
            let dialog = leg.dialog.as_ref();
            let is_theirs = leg.phone.as_ref().is_none_or(|name| self.registrar.has_phone(seat, name));
            match &mut leg.state {
                State::Held(_) => self.ring_held(now, id),
                State::Calling(calling) if stands(calling.flow) => {}
                // A browser's former connection may be dead for long before anybody knows.
                State::Calling(calling)
                    if calling.pinned && (is_gone(calling.flow) || is_left_behind(calling.flow, flow)) =>
                {
                    match same_phone {
                        true => self.ring_on(now, id, phone),
                        false => self.ring_anew(now, id, phone),
                    }
                }
                _ if dialog.is_some_and(|dialog| {
                    dialog.pinned && !stands(dialog.flow) && (same_phone && is_theirs || is_gone(dialog.flow))
                }) =>
                {
                    self.set_flow(now, id, flow, same_phone && is_theirs);
                }
                _ => {}
            }
        }
    }

    /// A phone whose connection is gone may be back in a moment: its INVITE waits.
    pub(super) fn hold(&mut self, invite: Invite, seat: SeatId) {
        self.open_leg(invite.leg, Leg::new(State::Held(Box::new(invite))), Some(seat));
    }

    fn ring_held(&mut self, now: Moment, id: LegId) {
        let Some(State::Held(invite)) = self.legs.get(&id).map(|leg| &leg.state) else { return };
        let invite = Invite::clone(invite);
        self.forget_leg(now, id);
        self.invite(now, invite);
    }

    /// The phone is not back.
    pub(super) fn refuse_held(&mut self, now: Moment, seat: &SeatId) {
        for id in self.legs_of(seat) {
            if self.legs.get(&id).is_some_and(|leg| matches!(leg.state, State::Held(_))) {
                self.invite_failed(now, id, 503);
            }
        }
    }

    /// The same phone over another connection: what follows goes there, and what may be lost with the former one goes
    /// once more.
    fn ring_on(&mut self, now: Moment, id: LegId, phone: &At) {
        let Some(State::Calling(calling)) = self.legs.get_mut(&id).map(|leg| &mut leg.state) else { return };
        let (transaction, heard, cancelled) =
            (calling.transaction, calling.provisional, calling.cancel == Cancel::Sent);
        if !heard && !leads_to(&calling.request, phone) {
            return self.ring_there(now, id, phone);
        }
        if cancelled {
            calling.cancel = Cancel::Wanted;
        }
        let flow = phone.flow;
        self.move_client(transaction, flow);
        // One that did arrive is a copy to them, §17.2.1.
        if !heard {
            self.send_anew(now, transaction, flow);
        }
        self.cancel_if_possible(now, id);
    }

    /// The same phone by a flow with a Contact or proxies of its own: a copy would be sent to those of the former one. If
    /// that did arrive, whoever answers it is told that it is over.
    fn ring_there(&mut self, now: Moment, id: LegId, phone: &At) {
        let Some(State::Calling(calling)) = self.legs.get(&id).map(|leg| &leg.state) else { return };
        let (before, mut request, is_over) =
            (calling.transaction, calling.request.clone(), calling.cancel != Cancel::No);
        if is_over {
            self.forget_client(before);
            return self.invite_failed(now, id, 487);
        }
        self.address_to(&mut request, phone);
        if !self.invite_again(now, id, request, phone.flow, true) {
            self.forget_client(before);
            return self.invite_failed(now, id, 503);
        }
        self.let_go_of(before, false);
        self.move_client(before, phone.flow);
        self.wait_for_flow(now, id);
    }

    /// A page that began anew while it rang: it knows nothing of that, and rings again.
    fn ring_anew(&mut self, now: Moment, id: LegId, phone: &At) {
        let Some(State::Calling(calling)) = self.legs.get_mut(&id).map(|leg| &mut leg.state) else { return };
        let (before, is_over) = (calling.transaction, calling.cancel != Cancel::No);
        let rings_elsewhere = calling.provisional && !is_over && calling.flow.connection.is_some();
        let mut request = calling.request.clone();
        if rings_elsewhere {
            self.send_cancel(now, before, None, false);
        }
        self.forget_client(before);
        if is_over {
            return self.invite_failed(now, id, 487);
        }
        self.address_to(&mut request, phone);
        self.name_phone(id, phone.flow);
        if !self.invite_again(now, id, request, phone.flow, true) {
            self.invite_failed(now, id, 503);
        }
    }
}

/// Whether a request is addressed to the phone as it is registered there.
fn leads_to(request: &Request, phone: &At) -> bool {
    let is_contact = request.uri.sip().is_some_and(|uri| *uri == phone.contact);
    is_contact && request.headers.all("Route").eq(phone.path.iter().map(String::as_str))
}
