//! Their INVITE: 200 until its ACK, refusals, CANCEL; and what belongs to its dialog.

use super::provisional::Next;
use super::reason::Reason;
use super::{Leg, Offered, Progress, State, TransactionId, Unacked};
use crate::ids::LegId;
use crate::moment::Moment;
use crate::sip::admission::{ALLOW, SUPPORTED};
use crate::sip::endpoint::{Endpoint, dialog_key};
use crate::sip::message::parts::description;
use crate::sip::message::{Method, Request, Response};
use crate::sip::stateless::Origin;
use crate::sip::transaction::patience;
use crate::sip::words::{Body, Ended, Event, Flow};

impl Endpoint {
    /// Everything that comes with the tags of a dialog of ours.
    pub(in crate::sip) fn within(
        &mut self,
        now: Moment,
        leg_id: LegId,
        id: TransactionId,
        flow: Flow,
        request: Request,
    ) {
        let seq = request.headers.cseq().map_or(0, |cseq| cseq.seq);
        let proven = flow.connection.and_then(|connection| self.proven.get(&connection));
        let Some(leg) = self.legs.get_mut(&leg_id) else { return self.simply(now, id, &request, 481) };
        if proven.is_some() && proven != leg.seat.as_ref() {
            return self.simply(now, id, &request, 403);
        }
        if matches!(leg.state, State::Ending) && request.method != Method::BYE {
            return self.simply(now, id, &request, 481);
        }
        let tag = request.headers.from_tag().map(|tag| tag.into_owned());
        let Some(dialog) = leg.dialog_with(tag.as_deref()) else { return self.simply(now, id, &request, 481) };
        // §12.2.2: out of order.
        if !dialog.takes(seq) {
            return self.simply(now, id, &request, 500);
        }
        let pinned = dialog.pinned;
        // §15: whoever is rung cannot hang up, nor ask for what belongs to a talk.
        let rung = matches!(leg.state, State::Calling(_));
        if rung && ![Method::UPDATE, Method::INFO, Method::OPTIONS].contains(&request.method) {
            return self.simply(now, id, &request, 481);
        }
        if pinned && !rung {
            // The phone's NAT gave it another port, or it connected anew: what it sends shows where it is.
            self.set_flow(now, leg_id, flow, true);
        }
        match &request.method {
            m if *m == Method::BYE => self.bye(now, leg_id, id, &request),
            m if *m == Method::INVITE || *m == Method::UPDATE => self.their_reoffer(now, leg_id, id, request),
            m if *m == Method::INFO => self.info(now, leg_id, id, request),
            m if *m == Method::PRACK => self.their_prack(now, leg_id, id, &request),
            m if *m == Method::REFER => self.refer(now, leg_id, id, &request),
            m if *m == Method::NOTIFY => self.notified(now, leg_id, id, &request),
            m if *m == Method::SUBSCRIBE => self.referral_subscription(now, leg_id, id, &request),
            m if *m == Method::OPTIONS => {
                let mut response = request.respond(200, None);
                response.headers.push("Allow", ALLOW);
                response.headers.push("Supported", SUPPORTED);
                response.headers.push("Accept", "application/sdp");
                self.respond(now, id, response);
            }
            _ => self.simply(now, id, &request, 405),
        }
    }

    /// RFC 6086 in its old form: key presses. Other bodies are refused; an empty one is a sign of life.
    fn info(&mut self, now: Moment, leg: LegId, id: TransactionId, request: Request) {
        let content_type = request.headers.get("Content-Type").unwrap_or_default().to_string();
        let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if !request.body.is_empty() && !matches!(kind.as_str(), "application/dtmf-relay" | "application/dtmf") {
            let mut response = request.respond(415, None);
            response.headers.push("Accept", "application/dtmf-relay, application/dtmf");
            self.respond(now, id, response);
            return;
        }
        if kind == "application/dtmf-relay" && !request.body.is_empty() && !names_a_key(&request.body) {
            return drop(self.respond(now, id, request.respond(400, None)));
        }
        self.respond(now, id, request.respond(200, None));
        if !request.body.is_empty() && !self.legs.get(&leg).is_none_or(|leg| leg.let_go) {
            self.tell(Event::Info { leg, body: Body { content_type, bytes: request.body } });
        }
    }

    /// §12.1.1: Record-Route and Contact; the body, if any.
    pub(in crate::sip) fn dialog_forming(
        &self,
        leg: &Leg,
        request: &Request,
        mut response: Response,
        body: Option<Body>,
    ) -> Response {
        request.copy_record_routes(&mut response);
        if let Some(dialog) = &leg.dialog {
            response.headers.push("Contact", self.contact_in(dialog));
        }
        response.headers.push("Allow", ALLOW);
        response.headers.push("Supported", SUPPORTED);
        if let Some(body) = body {
            response.headers.push("Content-Type", body.content_type);
            response.body = body.bytes;
        }
        response
    }

    /// 200, sent again until its ACK, §13.3.1.4.
    pub(in crate::sip) fn accept(&mut self, now: Moment, leg_id: LegId, body: Body) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        let State::Incoming { progress, reliably, .. } = &mut leg.state else { return };
        // RFC 3262 §5: not before they have what was described to them, and whatever they offered is answered.
        if progress.as_ref().is_some_and(Progress::is_awaited) || leg.their_reoffer.is_some() {
            reliably.next = Some(Next::Accept(body));
            return;
        }
        leg.described.clone_from(&body.bytes);
        let Some(leg) = self.legs.get(&leg_id) else { return };
        let State::Incoming { transaction, request, tag, .. } = &leg.state else { return };
        let (id, seq) = (*transaction, request.headers.cseq().map_or(0, |cseq| cseq.seq));
        let (offered, request) = (request.body.is_empty().then_some(Offered::First), request.clone());
        let mut response = self.dialog_forming(leg, &request, request.respond(200, Some(tag)), Some(body));
        self.agree_on_timer(now, leg_id, &request, &mut response);
        self.await_ack(now, leg_id, id, seq, offered, response);
        if let Some(leg) = self.legs.get_mut(&leg_id) {
            leg.state = State::Talking;
        }
        self.schedule_leg(leg_id);
    }

    /// Sends a 2xx to an INVITE and keeps it until it is acknowledged.
    pub(in crate::sip) fn await_ack(
        &mut self,
        now: Moment,
        leg_id: LegId,
        id: TransactionId,
        seq: u32,
        offered: Option<Offered>,
        response: Response,
    ) {
        let bytes = self.respond(now, id, response);
        let interval = self.settings.timers.t1;
        let until = now + patience(&self.settings.timers);
        if let Some(leg) = self.legs.get_mut(&leg_id) {
            leg.unacked =
                Some(Unacked { bytes, transaction: id, seq, again: now + interval, interval, until, offered });
        }
        self.schedule_leg(leg_id);
    }

    /// An ACK that is no transaction's own: it acknowledges a 2xx of ours.
    pub(in crate::sip) fn acknowledged(&mut self, now: Moment, ack: &Request) {
        let Some(tag) = ack.headers.to_tag().map(|tag| tag.into_owned()) else { return };
        let key = dialog_key(ack.headers.call_id().unwrap_or_default(), &tag);
        let Some(leg_id) = self.dialogs.get(&key).copied() else { return };
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        let seq = ack.headers.cseq().map_or(0, |cseq| cseq.seq);
        let Some(unacked) = leg.unacked.take_if(|unacked| unacked.seq == seq) else { return };
        let hanging = matches!(leg.state, State::Hanging);
        if !leg.let_go {
            let described = description(&ack.headers, &ack.body).ok().flatten();
            let answer = described.filter(|_| unacked.offered.is_some()).map(Body::sdp);
            match unacked.offered.filter(|_| answer.is_none()) {
                Some(Offered::First) => return self.give_up(now, leg_id, Ended::NoAnswer),
                Some(Offered::Anew { before }) => leg.described = before,
                None => {}
            }
            self.tell(Event::Acked { leg: leg_id, answer });
        }
        if hanging {
            self.send_bye(now, leg_id);
        }
        self.release_if_possible(now, leg_id);
        self.schedule_leg(leg_id);
    }

    /// It is said by whoever refuses next, in words for people: RFC 3261 §20.43.
    pub(in crate::sip) fn warn_of(&mut self, leg: LegId, code: u16, why: &str) {
        /// Nobody reads more.
        const MOST: usize = 200;
        let plain = |c: &char| !c.is_control() && !matches!(c, '"' | '\\');
        let words: String = why.chars().filter(plain).take(MOST).collect();
        if let Some(leg) = self.legs.get_mut(&leg) {
            leg.warning = Some(format!("{code} hotline \"{words}\""));
        }
    }

    pub(in crate::sip) fn say_why(&mut self, leg: LegId, response: &mut Response) {
        let warning = self.legs.get_mut(&leg).and_then(|leg| leg.warning.take());
        if let Some(warning) = warning.filter(|_| response.status == 488) {
            response.headers.push("Warning", warning);
        }
    }

    pub(in crate::sip) fn refuse(&mut self, now: Moment, leg_id: LegId, status: u16) {
        let Some(leg) = self.legs.get(&leg_id) else { return };
        let State::Incoming { transaction, request, tag, reliably, .. } = &leg.state else { return };
        let was_accepted = matches!(reliably.next, Some(Next::Accept(_)));
        let (id, mut response) = (*transaction, request.respond(status, Some(tag)));
        if status == 503 {
            self.say_when_again(&mut response);
        }
        self.say_why(leg_id, &mut response);
        self.respond(now, id, response);
        self.forget_leg(now, leg_id);
        if was_accepted {
            self.tell(Event::NotAccepted { leg: leg_id, status });
        }
    }

    /// §9.2: 200 to the CANCEL, 487 to the INVITE or re-INVITE if it is still open.
    pub(in crate::sip) fn cancelled(
        &mut self,
        now: Moment,
        origin: Origin,
        key: String,
        cancel: &Request,
        invite: TransactionId,
    ) {
        let Some(id) = self.open_server(origin, key, cancel, true) else { return };
        let leg = self.servers.get(&invite).and_then(|server| server.leg);
        // The tag of what the INVITE is answered with.
        let tag = leg.and_then(|leg| match &self.legs.get(&leg)?.state {
            State::Incoming { tag, .. } => Some(tag.clone()),
            _ => None,
        });
        let tag = tag.unwrap_or_else(|| self.token());
        self.respond(now, id, cancel.respond(200, Some(&tag)));
        if let Some(reoffer) = self.reoffers.remove(&invite) {
            // The call's word on it, which is to come yet, is nobody's answer; until then another offer is too early.
            self.respond(now, invite, reoffer.respond(487, None));
            return;
        }
        let Some(leg_id) = leg else { return };
        let is_open = |leg: &Leg| matches!(&leg.state, State::Incoming { transaction, .. } if *transaction == invite);
        if self.legs.get(&leg_id).is_some_and(|leg| is_open(leg)) {
            self.refuse(now, leg_id, 487);
            self.tell_why(leg_id, &cancel.headers);
            self.tell(Event::Ended { leg: leg_id, why: Ended::Cancelled });
        }
    }

    /// Nobody answered within the time that their INVITE named, §13.3.1.
    fn expired(&mut self, now: Moment, leg_id: LegId) {
        self.refuse(now, leg_id, 487);
        self.tell(Event::Because { leg: leg_id, reason: Reason::of_status(408) });
        self.tell(Event::Ended { leg: leg_id, why: Ended::Cancelled });
    }

    pub(in crate::sip) fn leg_due(&mut self, now: Moment, leg_id: LegId) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        let t2 = self.settings.timers.t2;
        if leg.forget_at.is_some_and(|at| at <= now) {
            return self.forget_leg(now, leg_id);
        }
        if matches!(&leg.state, State::Incoming { expires_at: Some(at), .. } if *at <= now) {
            return self.expired(now, leg_id);
        }
        let (moves_on, other_flow_at) = match &leg.state {
            State::Calling(calling) => {
                (calling.outward.as_ref().and_then(|outward| outward.move_on_at), calling.other_flow_at)
            }
            _ => (None, None),
        };
        if other_flow_at.is_some_and(|at| at <= now) {
            self.flow_is_silent(now, leg_id);
        }
        if moves_on.is_some_and(|at| at <= now) {
            self.move_on(now, leg_id);
        }
        self.progress_due(now, leg_id);
        self.timer_due(now, leg_id);
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        let mut send = None;
        if let Some((_, sdp)) = leg.reoffer_at.take_if(|(at, _)| *at <= now) {
            self.reoffer(now, leg_id, sdp);
            return self.schedule_leg(leg_id);
        }
        if let Some(unacked) = leg.unacked.as_mut() {
            if unacked.until <= now {
                leg.unacked = None;
                return self.give_up(now, leg_id, Ended::NoAck);
            }
            if unacked.again <= now {
                unacked.interval = (unacked.interval * 2).min(t2);
                unacked.again = now + unacked.interval;
                let server = self.servers.get(&unacked.transaction);
                send = server.map(|server| (server.transaction.flow, unacked.bytes.clone()));
            }
        }
        if let Some((flow, bytes)) = send {
            self.transmit(flow, bytes);
        }
        self.schedule_leg(leg_id);
    }
}

/// Whether a line says which was pressed: `Signal=5`.
fn names_a_key(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    let mut values = text.lines().filter_map(|line| line.split_once('='));
    values.any(|(name, value)| name.trim().eq_ignore_ascii_case("signal") && !value.trim().is_empty())
}
