//! Our INVITE: to a seat or a URI, its answers, its CANCEL; and our own registration.

use rand::Rng;
use tracing::error;

use super::provisional::MAX_EARLY;
use super::reason::write as write_reason;
use super::{Calling, Cancel, Leg, State, TransactionId};
use crate::ids::{LegId, TrunkId};
use crate::moment::Moment;
use crate::sip::account::{Account, Outcome, Registration, Shown};
use crate::sip::addressing::way_to;
use crate::sip::admission::{ALLOW, SUPPORTED};
use crate::sip::dialog::Dialog;
use crate::sip::endpoint::{Endpoint, Purpose, dialog_key};
use crate::sip::message::parts::description;
use crate::sip::message::uri::escape_user;
use crate::sip::message::{Method, NameAddr, Request, Response, SipUri, Uri};
use crate::sip::transaction::patience;
use crate::sip::trunks::TrunkNo;
use crate::sip::trunks::identity::{ANONYMOUS, nobody};
use crate::sip::words::{Body, Event, Flow, Hop, Invite, Party, Target, Transport, Trunk};

/// What phones listen to that are asked to answer by themselves: the standard (RFC 5373), and what came before it; the
/// URI of the first says nothing.
const AUTO_ANSWER: [(&str, &str); 3] = [
    ("Call-Info", "<sip:hotline.invalid>;answer-after=0"),
    ("Alert-Info", "<http://localhost>;info=alert-autoanswer;delay=0"),
    ("Answer-Mode", "Auto"),
];

impl Endpoint {
    pub(in crate::sip) fn invite(&mut self, now: Moment, invite: Invite) {
        let leg_id = invite.leg;
        // Another INVITE would be another leg; nobody would end the first.
        if self.legs.contains_key(&leg_id) {
            return error!(leg = %leg_id, "invited twice");
        }
        let way = match &invite.to {
            Target::Seat(seat) => self.registrar.target(seat),
            Target::Trunk { trunk, number } => {
                let (trunk, number) = (trunk.clone(), number.clone());
                return self.invite_outward(now, invite, trunk, number);
            }
            Target::Uri(text) => match Uri::parse(text) {
                Some(Uri::Sip(uri)) => way_to(&self.settings.listen, &uri).map(|flow| (uri, flow, false)),
                _ => None,
            },
        };
        if let (Target::Seat(seat), Some((_, flow, true))) = (&invite.to, &way)
            && flow.transport.is_reliable()
            && flow.connection.is_none()
        {
            let seat = seat.clone();
            return self.hold(invite, seat);
        }
        // 503, as nobody said no: 480 would be the phone's word.
        let Some((uri, flow, pinned)) = way else {
            return self.tell(Event::Refused { leg: leg_id, status: 503 });
        };
        let mut local = match &invite.caller {
            Party { number, .. } if number == ANONYMOUS => nobody(),
            Party { number, .. } => NameAddr::sip(self.own_name(&escape_user(number), flow)),
        };
        local.display = invite.caller.display.clone().or(local.display);
        local.params.set("tag", Some(&self.token()));
        let call_id = invite.sip_call_id.clone().unwrap_or_else(|| self.token());
        let mut request = self.invite_request(&invite, uri, &local, flow, (&call_id, 1), None);
        if let Target::Seat(seat) = &invite.to {
            self.registrar.path(seat).iter().for_each(|proxy| request.headers.push("Route", proxy.clone()));
        }
        let Some(transaction) = self.send_proved(now, request.clone(), flow, None, Purpose::Invite(leg_id)) else {
            return self.tell(Event::Refused { leg: leg_id, status: 503 });
        };
        self.dialogs.insert(dialog_key(&call_id, local.tag().unwrap_or_default()), leg_id);
        let seat = match invite.to {
            Target::Seat(seat) => Some(seat),
            Target::Trunk { .. } | Target::Uri(_) => None,
        };
        let calling = Calling::new(transaction, request, flow, pinned);
        self.open_leg(leg_id, Leg::new(State::Calling(Box::new(calling))), seat);
        self.name_phone(leg_id, flow);
        self.wait_for_flow(now, leg_id);
    }

    /// Without Via and credentials; `identity`: Call-ID and number of the CSeq.
    pub(super) fn invite_request(
        &self,
        invite: &Invite,
        uri: SipUri,
        local: &NameAddr,
        flow: Flow,
        identity: (&str, u32),
        trunk: Option<&TrunkId>,
    ) -> Request {
        let mut request = Request::new(Method::INVITE, Uri::Sip(uri.clone()));
        request.headers.push("Max-Forwards", invite.hops.to_string());
        request.headers.push("From", local.to_string());
        request.headers.push("To", self.called(&invite.to, uri, flow).to_string());
        request.headers.push("Call-ID", identity.0);
        request.headers.push("CSeq", format!("{} INVITE", identity.1));
        request.headers.push("Contact", self.contact_for(&request.uri, flow));
        request.headers.push("Allow", ALLOW);
        request.headers.push("Supported", SUPPORTED);
        self.ask_for_timer(&mut request.headers);
        if invite.auto_answer || self.answers_by_itself(&invite.to) {
            for (name, value) in AUTO_ANSWER {
                request.headers.push(name, value);
            }
        }
        if let Some(call) = invite.call {
            request.headers.push("X-Hotline-Call", call.to_string());
        }
        if let Some(body) = trunk.and_then(|trunk| invite.over.get(trunk)).or(invite.body.as_ref()) {
            request.headers.push("Content-Type", body.content_type.clone());
            request.body.clone_from(&body.bytes);
        }
        request
    }

    /// A seat that registers by its address of record (where it is may be anything), others as they are called.
    fn called(&self, to: &Target, uri: SipUri, flow: Flow) -> NameAddr {
        NameAddr::sip(match to {
            Target::Seat(seat) if self.registrar.is_registered(seat) => {
                self.own_name(&escape_user(seat.as_str()), flow)
            }
            Target::Seat(_) | Target::Trunk { .. } | Target::Uri(_) => uri.named(),
        })
    }

    /// Who calls, as whom is called over this trunk is shown it.
    pub(super) fn shown_to(&self, trunk: &Trunk, caller: &Party, tag: &str, flow: Flow) -> NameAddr {
        let number = trunk.shows.as_ref().unwrap_or(&caller.number);
        let mut local = match number.as_str() {
            ANONYMOUS => nobody(),
            number => NameAddr { display: caller.display.clone(), ..NameAddr::sip(self.told_to(trunk, number, flow)) },
        };
        local.params.set("tag", Some(tag));
        local
    }

    /// Somebody of this number, as the trunk is told numbers.
    pub(super) fn told_to(&self, trunk: &Trunk, number: &str, flow: Flow) -> SipUri {
        let number = trunk.numbering.as_ref().map_or_else(|| number.into(), |numbering| numbering.shown(number));
        let user = escape_user(&number);
        match &trunk.domain {
            Some(domain) => SipUri::new(Some(&user), domain, None),
            None => self.own_name(&user, flow),
        }
    }

    fn answers_by_itself(&self, to: &Target) -> bool {
        let Target::Seat(seat) = to else { return false };
        self.settings.seats.get(seat).is_some_and(|account| account.auto_answer)
    }

    pub(in crate::sip) fn invite_answered(
        &mut self,
        now: Moment,
        leg_id: LegId,
        id: TransactionId,
        response: &Response,
    ) {
        self.carrier_answered(now, leg_id, response.status);
        match response.status {
            ..200 => self.invite_progresses(now, leg_id, response),
            200..300 => self.invite_accepted(now, leg_id, id, response),
            401 | 407 if self.try_again_with_credentials(now, leg_id, response) => {}
            422 if self.try_longer(now, leg_id, response) => {}
            300..=399 if self.ring_elsewhere(now, leg_id, response) => {}
            430 if self.goes_by_another_flow(now, leg_id) => {}
            408 if !self.rang(leg_id) && self.goes_by_another_flow(now, leg_id) => {}
            status if self.goes_another_way(now, leg_id, status, Some(response)) => {}
            status => {
                if self.legs.get(&leg_id).is_some_and(|leg| !leg.let_go) {
                    self.tell_why(leg_id, &response.headers);
                }
                self.invite_failed(now, leg_id, status);
            }
        }
    }

    /// Whether the phone itself was reached.
    fn rang(&self, leg_id: LegId) -> bool {
        let leg = self.legs.get(&leg_id);
        leg.is_some_and(|leg| matches!(&leg.state, State::Calling(calling) if calling.rang))
    }

    fn invite_progresses(&mut self, now: Moment, leg_id: LegId, response: &Response) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        let State::Calling(calling) = &mut leg.state else { return };
        calling.provisional = true;
        calling.rang |= response.status > 100;
        let tag = response.headers.to_tag().filter(|_| response.status > 100).map(|tag| tag.into_owned());
        let news = tag.filter(|tag| calling.rings.len() < MAX_EARLY && !calling.rings.contains(tag));
        let rings_anew = news.is_some();
        calling.rings.extend(news);
        let let_go = leg.let_go;
        if rings_anew {
            self.touch_leg(leg_id);
        }
        let in_order = self.acknowledge(now, leg_id, response);
        self.cancel_if_possible(now, leg_id);
        if let_go || !in_order {
            return;
        }
        let body = body_of(response);
        match (response.status, body) {
            (_, Some(body)) => self.tell(Event::Progress { leg: leg_id, body }),
            (101.., None) => self.tell(Event::Ringing { leg: leg_id }),
            _ => {}
        }
    }

    /// The first 2xx makes the dialog; copies get the ACK again; other forks are ended at once, §13.2.2.4.
    fn invite_accepted(&mut self, now: Moment, leg_id: LegId, id: TransactionId, response: &Response) {
        let tag = response.headers.to_tag().map(|tag| tag.into_owned()).unwrap_or_default();
        let Some(client) = self.clients.get(&id) else { return };
        let invite = client.request.clone();
        let seq = invite.headers.cseq().map_or(1, |cseq| cseq.seq);
        let Some(leg) = self.legs.get_mut(&leg_id) else {
            return self.end_fork(now, &invite, response, id);
        };
        if let Some(dialog) = &leg.dialog {
            if dialog.remote_tag() != Some(tag.as_str()) {
                return self.end_fork(now, &invite, response, id);
            }
            if let Some((_, flow, ack)) = leg.acks.iter().find(|(of, ..)| *of == id).cloned() {
                self.transmit(flow, ack);
            }
            return;
        }
        let State::Calling(calling) = &leg.state else { return };
        let (flow, pinned) = (calling.flow, calling.pinned);
        let early = calling.early.iter().find(|early| early.dialog.remote_tag() == Some(tag.as_str()));
        let early = early.map(|early| (early.dialog.local_seq, early.dialog.remote_seq, early.answer.clone()));
        let Some(mut dialog) = Dialog::of_caller(&invite, response, flow, pinned) else {
            self.end_fork(now, &invite, response, id);
            return self.invite_failed(now, leg_id, 500);
        };
        let mut body = body_of(response);
        if let Some((local_seq, remote_seq, answer)) = early {
            (dialog.local_seq, dialog.remote_seq) = (local_seq, remote_seq);
            // RFC 3262 §5: what was told reliably need not be told again.
            body = body.or(answer);
        }
        leg.state = State::Talking;
        leg.described.clone_from(&invite.body);
        leg.learn_methods(&response.headers);
        leg.dialled = invite.uri.sip().map(SipUri::number);
        let let_go = leg.let_go;
        self.set_dialog(leg_id, dialog);
        self.take_timer(now, leg_id, &response.headers);
        self.send_ack(leg_id, id, seq);
        if let_go {
            // A CANCEL that came too late: what was answered is ended, §9.1.
            return self.send_bye(now, leg_id);
        }
        self.tell(Event::Answered { leg: leg_id, body });
    }

    /// ACK of a 2xx: a request of its own, §13.2.2.4, kept for copies of the 2xx.
    pub(in crate::sip) fn send_ack(&mut self, leg_id: LegId, id: TransactionId, seq: u32) {
        let Some(dialog) = self.legs.get(&leg_id).and_then(|leg| leg.dialog.as_ref()) else { return };
        let (ack, hop) = (dialog.request(Method::ACK, seq), dialog.next_hop());
        let Some((flow, bytes)) = self.loose_ack(ack, hop, id) else { return };
        self.transmit(flow, bytes.clone());
        if let Some(leg) = self.legs.get_mut(&leg_id) {
            leg.acks.retain(|(of, ..)| self.clients.contains_key(of));
            leg.acks.push((id, flow, bytes));
        }
    }

    /// `id`: its INVITE, whose credentials it has (§13.2.2.4), where they may be seen.
    fn loose_ack(&mut self, mut ack: Request, hop: Flow, id: TransactionId) -> Option<(Flow, Vec<u8>)> {
        let flow = self.fit(hop)?;
        let trunk = self.clients.get(&id).and_then(|client| client.trunk);
        if self.account(trunk, flow).is_some()
            && let Some(client) = self.clients.get(&id)
        {
            for name in ["Authorization", "Proxy-Authorization"] {
                client.request.headers.all(name).for_each(|value| ack.headers.push(name, value));
            }
        }
        let branch = format!("z9hG4bK{}", self.token());
        ack.headers.push_front("Via", self.via(flow, &branch));
        let bytes = ack.to_bytes();
        let stream = self.clients.get(&id).and_then(|client| client.stream_instead_of(flow, bytes.len()));
        let Some(stream) = stream else { return Some((flow, bytes)) };
        ack.headers.replace_first("Via", self.via(stream, &branch));
        Some((stream, ack.to_bytes()))
    }

    /// ACK and BYE to a 2xx that makes no session of ours.
    pub(super) fn end_fork(&mut self, now: Moment, invite: &Request, response: &Response, id: TransactionId) {
        let Some(client) = self.clients.get(&id) else { return };
        let (flow, trunk) = (client.transaction.flow, client.trunk);
        // A Record-Route that cannot be followed is left out: what the INVITE went by is tried.
        let dialog =
            Dialog::of_caller(invite, response, flow, false).or_else(|| Dialog::unrouted(invite, response, flow));
        let Some(dialog) = dialog else { return };
        let ack = dialog.request(Method::ACK, dialog.local_seq);
        if let Some((flow, bytes)) = self.loose_ack(ack, dialog.next_hop(), id) {
            self.transmit(flow, bytes);
        }
        let mut bye = dialog.request(Method::BYE, dialog.local_seq + 1);
        write_reason(&mut bye.headers, self.taken_elsewhere(id), trunk.is_some());
        self.send_proved(now, bye, dialog.next_hop(), trunk, Purpose::Courtesy);
    }

    /// Refused, timed out or not sent: the leg is gone.
    pub(in crate::sip) fn invite_failed(&mut self, now: Moment, leg_id: LegId, status: u16) {
        let Some(leg) = self.legs.get(&leg_id) else { return };
        let let_go = leg.let_go;
        self.forget_leg(now, leg_id);
        if !let_go {
            self.tell(Event::Refused { leg: leg_id, status });
        }
    }

    /// §9.1: a CANCEL follows a provisional response, never comes before it.
    pub(in crate::sip) fn cancel_if_possible(&mut self, now: Moment, leg_id: LegId) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        let (reason, to_carrier) = (leg.reason.clone(), leg.trunk.is_some());
        let State::Calling(calling) = &mut leg.state else { return };
        if calling.cancel != Cancel::Wanted || !calling.provisional {
            return;
        }
        calling.cancel = Cancel::Sent;
        let id = calling.transaction;
        // §9.1: the final response to a cancelled INVITE has 64 × T1.
        self.limit_client(id, now + patience(&self.settings.timers));
        self.send_cancel(now, id, reason, to_carrier);
    }

    pub(in crate::sip) fn send_cancel(
        &mut self,
        now: Moment,
        id: TransactionId,
        reason: Option<String>,
        to_carrier: bool,
    ) {
        let Some(client) = self.clients.get(&id) else { return };
        let flow = client.transaction.flow;
        let mut cancel = Request::new(Method::CANCEL, client.request.uri.clone());
        for name in ["Via", "Route", "From", "To", "Call-ID", "Max-Forwards"] {
            for value in client.request.headers.all(name) {
                cancel.headers.push(name, value);
            }
        }
        cancel.headers.push("CSeq", format!("{} CANCEL", client.request.headers.cseq().map_or(1, |c| c.seq)));
        write_reason(&mut cancel.headers, reason, to_carrier);
        self.send_in_branch(now, cancel, flow);
    }

    /// Whose secret answers a challenge from there: the trunk's that the request belongs to, at its own addresses; or
    /// the softphone's, at its registrar.
    pub(in crate::sip) fn account(&mut self, trunk: Option<TrunkNo>, flow: Flow) -> Option<&mut Registration> {
        match trunk {
            Some(trunk) => self.trunks.get_mut(trunk)?.account_at(flow),
            None => self.registration.as_mut().filter(|registration| registration.account.registrar == flow.remote),
        }
    }

    /// The Call-ID, where it is within a dialog that they began.
    pub(super) fn within_theirs(&self, request: &Request, purpose: Purpose) -> Option<String> {
        purpose.leg().and_then(|leg| self.legs.get(&leg)).filter(|leg| leg.is_theirs)?;
        Some(request.headers.call_id().unwrap_or_default().to_string())
    }

    /// Sends a request with the credentials that were asked for before, §22.3, which saves the challenge. `trunk`: the
    /// carrier that it goes to.
    pub(in crate::sip) fn send_proved(
        &mut self,
        now: Moment,
        mut request: Request,
        flow: Flow,
        trunk: Option<TrunkNo>,
        purpose: Purpose,
    ) -> Option<TransactionId> {
        let cnonce = self.token();
        let theirs = self.within_theirs(&request, purpose);
        if let Some(registration) = self.account(trunk, flow) {
            registration.prove(&mut request, &cnonce, Shown::within(theirs.as_deref()));
        }
        let id = self.send(now, request, flow, purpose)?;
        if let Some(client) = self.clients.get_mut(&id) {
            client.trunk = trunk;
        }
        self.mind_silence(now, id);
        Some(id)
    }

    /// Registers a softphone of ours and keeps it registered.
    pub fn register(&mut self, now: Moment, account: Account) {
        self.take_account(now, account, true);
    }

    /// Knows the account's secret for challenges, without registering.
    pub fn know(&mut self, now: Moment, account: Account) {
        self.take_account(now, account, false);
    }

    fn take_account(&mut self, now: Moment, account: Account, active: bool) {
        let (call_id, tag) = (self.token(), self.token());
        self.registration = Some(Registration::new(now, account, active, call_id, tag));
        self.send_register(now);
        self.after(now);
    }

    pub fn unregister(&mut self, now: Moment) {
        if let Some(registration) = self.registration.as_mut() {
            registration.unregister(now);
        }
        self.send_register(now);
        self.after(now);
    }

    pub(in crate::sip) fn send_register(&mut self, now: Moment) {
        let due = self.registration.as_ref().filter(|r| r.next_deadline().is_some_and(|at| at <= now));
        let Some(account) = due.map(|registration| registration.account.clone()) else { return };
        let (transport, remote) = (account.transport, account.registrar);
        let Some(listener) = self.listener_to(transport, remote) else {
            // No way there: as if nobody answered. It must not stay due, or the loop would never rest.
            return self.register_answered(now, None);
        };
        let flow = Flow { listener, transport, remote, connection: None };
        let (mut contact, cnonce) = (self.own_uri(&escape_user(&account.username), flow), self.token());
        if account.transport == Transport::Udp {
            contact.params = Default::default();
        }
        let request = self.registration.as_mut().and_then(|r| r.next_request(now, &contact, &cnonce));
        if let Some(request) = request {
            self.send(now, request, flow, Purpose::Register);
        }
    }

    pub(in crate::sip) fn register_answered(&mut self, now: Moment, response: Option<&Response>) {
        let chance = self.rng.random();
        let Some(registration) = self.registration.as_mut() else { return };
        match registration.answered(now, response, chance) {
            Outcome::Registered => self.tell(Event::AccountRegistered),
            Outcome::Refused(status) => self.tell(Event::AccountRefused { status }),
            Outcome::Unregistered => {}
            Outcome::Again => self.send_register(now),
        }
    }
}

/// Somebody at a trunk, or the trunk itself: by its name, or by its address.
pub(in crate::sip) fn trunk_uri(trunk: &Trunk, number: Option<&str>, to: Hop) -> SipUri {
    let mut uri = match &trunk.domain {
        Some(domain) => SipUri::new(number, domain, None),
        None => SipUri::new(number, &to.addr.ip().to_string(), Some(to.addr.port())),
    };
    if let Some(name) = to.transport.uri_name() {
        uri.params.set("transport", Some(name));
    }
    uri
}

/// The description in an answer, alone or among other parts.
pub(in crate::sip) fn body_of(response: &Response) -> Option<Body> {
    description(&response.headers, &response.body).ok().flatten().map(Body::sdp)
}
