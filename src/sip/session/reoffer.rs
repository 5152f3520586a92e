//! New descriptions within a session: re-INVITE (RFC 3261 §14) and UPDATE (RFC 3311), from either side.

use std::time::Duration;

use rand::Rng;

use super::{Offered, State, TransactionId};
use crate::ids::LegId;
use crate::moment::Moment;
use crate::sip::admission::{ALLOW, SUPPORTED};
use crate::sip::endpoint::{Endpoint, Purpose};
use crate::sip::message::{Method, Request, Response};
use crate::sip::words::{Body, Event};

/// A re-INVITE of ours that was answered provisionally has its final answer within this: timer C, §16.6.
const REOFFER_WITHIN: Duration = Duration::from_secs(3 * 60);

impl Endpoint {
    pub(in crate::sip) fn their_reoffer(&mut self, now: Moment, leg_id: LegId, id: TransactionId, request: Request) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        // RFC 3311 §5.2: an UPDATE that describes nothing is in order at any time; one that does before the call is
        // answered as soon as a description was told reliably, by the fork that it comes from.
        let plain = request.method == Method::UPDATE && request.body.is_empty();
        let tag = request.headers.from_tag().map(|tag| tag.into_owned());
        let answered = match &leg.state {
            State::Incoming { reliably, .. } => request.method == Method::UPDATE && reliably.answered,
            State::Calling(calling) => {
                let mut early = calling.early.iter();
                early.any(|early| early.dialog.remote_tag() == tag.as_deref() && early.answer.is_some())
            }
            _ => true,
        };
        let ours_waits = match &leg.state {
            State::Calling(calling) => !answered && !calling.request.body.is_empty(),
            _ => leg.our_reoffer.is_some() || leg.unacked.as_ref().is_some_and(|unacked| unacked.offered.is_some()),
        };
        // §14.2, RFC 3311 §5.2: an offer of ours is open; theirs must come back later. Theirs is open: it was sent too early.
        if ours_waits && !plain {
            return self.simply(now, id, &request, 491);
        }
        let busy = leg.their_reoffer.is_some() || leg.unacked.is_some() || !answered;
        if leg.let_go || (busy && !plain) {
            return self.too_early(now, id, &request);
        }
        if let Some(response) = self.too_brief(&request) {
            self.respond(now, id, response);
            return;
        }
        let body = match self.offer_of(&request) {
            Ok(body) => body,
            Err(response) => return drop(self.respond(now, id, *response)),
        };
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        if let Some(dialog) = leg.dialog_with(tag.as_deref()) {
            dialog.refresh(&request.headers);
        }
        // It refreshes target and session only.
        if plain {
            let mut response = request.respond(200, None);
            response.headers.push("Contact", self.contact_of(leg_id));
            self.agree_if_answered(now, leg_id, &request, &mut response);
            self.respond(now, id, response);
            return self.schedule_leg(leg_id);
        }
        if request.method == Method::INVITE {
            self.try_soon(now, id, &request);
        }
        self.take_offer(leg_id, id, request, body);
    }

    /// §14.2, RFC 3311 §5.2: an offer before the one before it is answered.
    pub(super) fn too_early(&mut self, now: Moment, id: TransactionId, request: &Request) {
        let mut response = request.respond(500, None);
        response.headers.push("Retry-After", self.rng.random_range(0..=10).to_string());
        self.respond(now, id, response);
    }

    /// It waits for the call's word.
    pub(super) fn take_offer(&mut self, leg_id: LegId, id: TransactionId, request: Request, body: Option<Body>) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        leg.their_reoffer = Some(id);
        if let Some(server) = self.servers.get_mut(&id) {
            server.leg = Some(leg_id);
        }
        self.reoffers.insert(id, request);
        self.tell(Event::Reoffer { leg: leg_id, body });
    }

    /// RFC 4028 §9: before the call is answered nothing is agreed on but by its own 2xx.
    fn agree_if_answered(&mut self, now: Moment, leg_id: LegId, request: &Request, response: &mut Response) {
        if self.legs.get(&leg_id).is_some_and(|leg| matches!(leg.state, State::Talking)) {
            self.agree_on_timer(now, leg_id, request, response);
        }
    }

    pub(in crate::sip) fn contact_of(&self, leg: LegId) -> String {
        match self.legs.get(&leg).map(|leg| (&leg.dialog, &leg.state)) {
            Some((Some(dialog), _)) => self.contact_in(dialog),
            Some((None, State::Calling(calling))) => self.contact_for(&calling.request.uri, calling.flow),
            _ => String::new(),
        }
    }

    pub(in crate::sip) fn accept_reoffer(&mut self, now: Moment, leg_id: LegId, body: Body) {
        let Some((id, request)) = self.take_reoffer(leg_id) else { return };
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        let before = std::mem::replace(&mut leg.described, body.bytes.clone());
        let mut response = request.respond(200, None);
        response.headers.push("Contact", self.contact_of(leg_id));
        response.headers.push("Allow", ALLOW);
        response.headers.push("Supported", SUPPORTED);
        self.agree_if_answered(now, leg_id, &request, &mut response);
        response.headers.push("Content-Type", body.content_type);
        response.body = body.bytes;
        if request.method == Method::INVITE {
            let seq = request.headers.cseq().map_or(0, |cseq| cseq.seq);
            let offered = request.body.is_empty().then_some(Offered::Anew { before });
            self.await_ack(now, leg_id, id, seq, offered, response);
        } else {
            self.respond(now, id, response);
            self.say_what_waited(now, leg_id);
            self.schedule_leg(leg_id);
        }
    }

    pub(in crate::sip) fn refuse_reoffer(&mut self, now: Moment, leg_id: LegId, status: u16) {
        if let Some((id, request)) = self.take_reoffer(leg_id) {
            let mut response = request.respond(status, None);
            self.say_why(leg_id, &mut response);
            self.respond(now, id, response);
            self.say_what_waited(now, leg_id);
        }
    }

    fn take_reoffer(&mut self, leg: LegId) -> Option<(TransactionId, Request)> {
        let id = self.legs.get_mut(&leg)?.their_reoffer.take()?;
        Some((id, self.reoffers.remove(&id)?))
    }

    pub(in crate::sip) fn reoffer(&mut self, now: Moment, leg_id: LegId, sdp: Vec<u8>) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        if leg.let_go || !matches!(leg.state, State::Talking) {
            return;
        }
        // §14.1: one at a time; ours waits for what is open.
        if leg.our_reoffer.is_some() || leg.their_reoffer.is_some() || leg.unacked.is_some() {
            leg.reoffer_at = Some((now + Duration::from_millis(500), sdp));
            return self.schedule_leg(leg_id);
        }
        let Some(dialog) = leg.dialog.as_mut() else { return };
        if dialog.is_stranded() {
            leg.parked = Some(sdp);
            return;
        }
        self.reinvite(now, leg_id, sdp, false);
    }

    /// One that waits for what is open, or for its time after a 491, is not sent.
    pub(in crate::sip) fn drop_reoffer(&mut self, leg_id: LegId) {
        if let Some(leg) = self.legs.get_mut(&leg_id) {
            (leg.reoffer_at, leg.parked) = (None, None);
        }
        self.schedule_leg(leg_id);
    }

    /// `refreshes`: nothing is described that did not hold before.
    pub(in crate::sip) fn reinvite(&mut self, now: Moment, leg_id: LegId, sdp: Vec<u8>, refreshes: bool) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        let trunk = leg.trunk;
        let Some(dialog) = leg.dialog.as_mut() else { return };
        dialog.local_seq += 1;
        let mut request = dialog.request(Method::INVITE, dialog.local_seq);
        let flow = dialog.next_hop();
        request.headers.push("Contact", self.contact_of(leg_id));
        request.headers.push("Allow", ALLOW);
        request.headers.push("Supported", SUPPORTED);
        self.keep_timer(&mut request.headers, leg_id);
        request.headers.push("Content-Type", "application/sdp");
        request.body = sdp;
        let id = self.send_proved(now, request, flow, trunk, Purpose::Reinvite(leg_id));
        if let Some(leg) = self.legs.get_mut(&leg_id) {
            leg.our_reoffer = id;
            if refreshes {
                leg.refreshing = id;
            }
        }
    }

    pub(in crate::sip) fn reoffer_answered(
        &mut self,
        now: Moment,
        leg_id: LegId,
        id: TransactionId,
        response: &Response,
    ) {
        if response.status < 200 {
            return self.limit_client(id, now + REOFFER_WITHIN);
        }
        let request = self.clients.get(&id).map(|client| client.request.clone());
        let (Some(request), Some(leg)) = (request, self.legs.get_mut(&leg_id)) else { return };
        let seq = request.headers.cseq().map_or(0, |cseq| cseq.seq);
        if leg.our_reoffer != Some(id) {
            if response.status < 300 {
                self.acknowledge_copy(leg_id, id, seq);
            }
            return;
        }
        if response.status < 300 {
            leg.our_reoffer = None;
            if let Some(dialog) = leg.dialog.as_mut() {
                dialog.refresh(&response.headers);
            }
            leg.described.clone_from(&request.body);
            let let_go = leg.let_go;
            let refreshes = leg.refreshing.take_if(|refreshing| *refreshing == id).is_some();
            self.send_ack(leg_id, id, seq);
            self.take_timer(now, leg_id, &response.headers);
            if !let_go && !refreshes {
                let content_type = response.headers.get("Content-Type").unwrap_or_default().to_string();
                let body = (!response.body.is_empty()).then(|| Body { content_type, bytes: response.body.clone() });
                self.tell(Event::ReofferAnswered { leg: leg_id, result: Ok(body) });
            }
            return;
        }
        leg.our_reoffer = None;
        if leg.refreshing.take_if(|refreshing| *refreshing == id).is_some() {
            return self.refreshed(now, leg_id, response.status, &response.headers);
        }
        match response.status {
            408 | 481 => self.lost(now, leg_id, response.status),
            491 if !leg.let_go => {
                let at = now + self.wait_for_theirs(leg_id);
                if let Some(leg) = self.legs.get_mut(&leg_id) {
                    leg.reoffer_at = Some((at, request.body));
                }
                self.schedule_leg(leg_id);
            }
            422 if !leg.let_go && leg.lengthens_timer(&response.headers) => {
                leg.reoffer_at = Some((now, request.body));
                self.schedule_leg(leg_id);
            }
            status if !leg.let_go => self.tell(Event::ReofferAnswered { leg: leg_id, result: Err(status) }),
            _ => {}
        }
    }

    /// A copy of the 2xx to a re-INVITE has its ACK again. One that another took the place of has one too: who waits for it
    /// in vain ends the session, §13.3.1.4.
    fn acknowledge_copy(&mut self, leg_id: LegId, id: TransactionId, seq: u32) {
        let Some(leg) = self.legs.get(&leg_id) else { return };
        match leg.acks.iter().find(|(of, ..)| *of == id).cloned() {
            Some((_, flow, ack)) => self.transmit(flow, ack),
            None => self.send_ack(leg_id, id, seq),
        }
    }

    /// After a 491, §14.1: whoever made the Call-ID waits 2.1–4 s, the other 0–2 s, in steps of 10 ms.
    pub(super) fn wait_for_theirs(&mut self, leg: LegId) -> Duration {
        let ours = leg.0.is_multiple_of(2);
        let steps = if ours { self.rng.random_range(210..=400) } else { self.rng.random_range(0..=200) };
        Duration::from_millis(10 * steps)
    }
}
