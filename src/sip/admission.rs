//! Who may ask for what, and which code refuses: requests outside a dialog, and the way into dialogs.

use std::time::Duration;

use rand::Rng;

use super::dialog::Dialog;
use super::digest::Verdict;
use super::dispatch::identity;
use super::endpoint::Endpoint;
use super::guard::Guard;
use super::message::parts::description;
use super::message::{Headers, Method, Request, Response, SipUri, Uri};
use super::outbound;
use super::session::provisional::{RELIABLY, Reliably};
use super::session::refer::Replaces;
use super::session::{Admitted, Cancel, Leg, State, TransactionId};
use super::stateless::Origin;
use super::trunks::Full;
use super::trunks::identity::ANONYMOUS;
use super::words::{Body, Event, Flow, HOPS, Incoming, Party, Replaced, Source, Transport};
use crate::ids::{LegId, SeatId, TrunkId};
use crate::moment::Moment;

/// What this house understands, RFC 3261 §20.5.
pub(super) const ALLOW: &str =
    "INVITE, ACK, BYE, CANCEL, OPTIONS, REGISTER, INFO, UPDATE, PRACK, REFER, SUBSCRIBE, NOTIFY";
/// Extensions of sessions that it knows, RFC 3261 §20.37.
pub(super) const SUPPORTED: &str = "100rel, replaces, timer";
/// RFC 5630 §5.3 and §8.2: they want to be reached over TLS alone, and we have none.
const NO_SIPS: &str = "380 hotline \"SIPS Not Allowed\"";
/// Retry-After is spread over so many seconds beyond the least, so that not all come back at once.
const RETRY_SPREAD: u32 = 10;
const RETRY_LEAST: u32 = 5;
/// A trunk has room for new calls again within the second. Who is told more takes the route out for as long.
const PACE_RETRY: u32 = 1;

impl Endpoint {
    /// A request within a dialog of ours.
    pub(super) fn inside(&mut self, now: Moment, origin: Origin, key: String, leg: LegId, request: Request) {
        let Some(id) = self.open_server(origin, key, &request, true) else { return };
        match unfit(&request, origin.flow, "") {
            Some(response) => _ = self.respond(now, id, response),
            None => self.within(now, leg, id, origin.flow, request),
        }
    }

    /// Any other. Nothing is kept of it before its sender was let in.
    pub(super) fn outside(&mut self, now: Moment, origin: Origin, key: String, request: Request) {
        let tag = self.fixed_tag(&request.headers);
        if let Some(response) = unfit(&request, origin.flow, &tag) {
            return self.answer_once(now, origin, response);
        }
        if request.method == Method::REGISTER {
            return self.registration_of(now, origin, key, &request);
        }
        let in_dialog = request.headers.to_tag().is_some();
        match &request.method {
            method if *method == Method::INVITE && !in_dialog => self.new_invite(now, origin, key, request),
            method if *method == Method::SUBSCRIBE => self.subscription(now, origin, key, request),
            method if *method == Method::NOTIFY && self.released_in(&request).is_some() => {
                self.notified_after_the_end(now, origin, key, &request);
            }
            method if *method == Method::REFER && !in_dialog => self.refuse_once(now, origin, &request, 403),
            method if *method == Method::OPTIONS && !in_dialog => {
                let response = self.options(&request, &tag);
                self.answer_once(now, origin, response);
            }
            _ => self.refuse_once(now, origin, &request, 481),
        }
    }

    fn registration_of(&mut self, now: Moment, origin: Origin, key: String, request: &Request) {
        let seat = request.headers.to().ok().and_then(|to| to.uri.sip().map(SipUri::number)).unwrap_or_default();
        let seat = SeatId::from(seat);
        let flow = origin.flow;
        let (is_there, known) = (self.registrar.goes_by(&seat, flow), self.registrar.call_ids(&seat));
        let proven = flow.connection.and_then(|connection| self.proven.get(&connection));
        match self.registrar.handle(now, request, flow, proven, &mut self.verifier, &self.settings.seats) {
            Ok(response) => {
                self.somebody_proved(flow);
                if let Some(id) = self.open_server(origin, key, request, false) {
                    self.respond(now, id, response);
                }
                self.name_phones(&seat, flow);
                if !is_there
                    && let Some(phone) = self.registrar.phone(&seat)
                    && phone.flow == flow
                {
                    let same_phone = known.contains(&phone.call_id);
                    self.seat_is_at(now, &seat, &phone, same_phone);
                }
            }
            Err(response) => self.answer_once(now, origin, response),
        }
    }

    /// Answers with a bare status.
    pub(super) fn simply(&mut self, now: Moment, id: TransactionId, request: &Request, status: u16) {
        let tag = self.token();
        self.respond(now, id, request.respond(status, Some(&tag)));
    }

    fn options(&mut self, request: &Request, tag: &str) -> Response {
        if self.draining {
            return self.unavailable(request, tag);
        }
        let mut response = request.respond(200, Some(tag));
        response.headers.push("Allow", ALLOW);
        response.headers.push("Supported", SUPPORTED);
        response.headers.push("Accept", "application/sdp");
        response
    }

    fn unavailable(&mut self, request: &Request, tag: &str) -> Response {
        let mut response = request.respond(503, Some(tag));
        self.say_when_again(&mut response);
        response
    }

    /// A Retry-After that differs from caller to caller.
    pub(super) fn say_when_again(&mut self, response: &mut Response) {
        let after = RETRY_LEAST + self.rng.random_range(0..RETRY_SPREAD);
        response.headers.push("Retry-After", after.to_string());
    }

    fn new_invite(&mut self, now: Moment, origin: Origin, key: String, request: Request) {
        let flow = origin.flow;
        let admitted = match self.admit(now, flow, &request) {
            Ok(admitted) => admitted,
            Err(response) => return self.answer_once(now, origin, *response),
        };
        // Refused before anything is kept of it, as it costs the least then. What takes the place of a talk is none anew.
        let limit = self.guard.as_ref().map(Guard::behind_after);
        let behind = limit.is_some_and(|limit| self.backlog.is_longer_than(now, limit));
        let full = self.draining || behind || self.callers >= self.settings.max_calls;
        if full && request.headers.get("Replaces").is_none() {
            if behind {
                self.guard.iter_mut().for_each(|guard| guard.shed(now));
            }
            let tag = self.fixed_tag(&request.headers);
            let response = self.unavailable(&request, &tag);
            return self.answer_once(now, origin, response);
        }
        let Some(id) = self.open_server(origin, key, &request, false) else { return };
        let identity = identity(&request);
        if self.merges.contains_key(&identity) {
            return self.simply(now, id, &request, 482);
        }
        if let Some(mut response) = self.too_brief(&request) {
            let tag = self.token();
            response.tag_to(&tag);
            self.respond(now, id, response);
            return;
        }
        let replaces = match self.replaces(&request, &admitted.source) {
            Ok(replaces) => replaces,
            Err(status) => return self.simply(now, id, &request, status),
        };
        let offer = match self.offer_of(&request) {
            Ok(offer) => offer,
            Err(response) => return drop(self.respond(now, id, *response)),
        };
        let trunk = match &admitted.source {
            Source::Trunk(trunk) => self.trunks.no_of(trunk),
            Source::Seat(_) => None,
        };
        let tag = self.token();
        match trunk.and_then(|trunk| self.trunks.get_mut(trunk)).map(|standing| standing.ask_for_room(now)) {
            // As it is with lines that were bought: busy.
            Some(Err(Full::Channels)) => return drop(self.respond(now, id, request.respond(486, Some(&tag)))),
            Some(Err(Full::Pace)) => {
                let mut response = request.respond(503, Some(&tag));
                response.headers.push("Retry-After", PACE_RETRY.to_string());
                return drop(self.respond(now, id, response));
            }
            Some(Ok(())) | None => {}
        }
        let Some(dialog) = Dialog::of_callee(&request, &tag, flow, admitted.pinned) else {
            return self.simply(now, id, &request, 400);
        };
        if dialog.secure && !self.can_be_secure(flow) {
            let mut response = request.respond(480, Some(&tag));
            response.headers.push("Warning", NO_SIPS);
            return drop(self.respond(now, id, response));
        }
        self.try_soon(now, id, &request);
        let leg = self.next_leg();
        if let Some(server) = self.servers.get_mut(&id) {
            server.leg = Some(leg);
        }
        self.merges.insert(identity, id);
        let seat = match &admitted.source {
            Source::Seat(seat) => Some(seat.clone()),
            Source::Trunk(_) => None,
        };
        if let Some(standing) = trunk.and_then(|trunk| self.trunks.get_mut(trunk)) {
            standing.enter(now);
        }
        let standing = trunk.and_then(|trunk| self.trunks.get(trunk));
        let dialled = self.dialled(&request, standing);
        let mut told = incoming(leg, &request, flow, &dialog, (admitted.source, dialled), offer, replaces);
        told.forgeable = !origin.shown.is_there;
        let asserted = standing.and_then(|standing| standing.introduce(&request.headers, &mut told));
        self.tell(Event::Incoming(told));
        let (progress, reliably) = (None, Reliably::default());
        let mut opened = Leg::new(State::Ending);
        opened.learn_methods(&request.headers);
        (opened.trunk, opened.asserted, opened.is_theirs) = (trunk, asserted, true);
        // One that is to be over before it began wants nothing that could be done: it is taken as if it said nothing.
        let expires = request.headers.expires().filter(|seconds| *seconds > 0);
        let expires_at = expires.map(|seconds| now + Duration::from_secs(seconds.into()));
        let request = Box::new(request);
        opened.state = State::Incoming { transaction: id, request, tag, progress, reliably, expires_at };
        self.open_leg(leg, opened, seat);
        self.set_dialog(leg, dialog);
        self.callers += 1;
    }

    /// Whether requests within a dialog can go over TLS.
    fn can_be_secure(&self, flow: Flow) -> bool {
        flow.transport.is_secure() || self.listener_to(Transport::Tls, flow.remote).is_some()
    }

    /// Whose place it takes, RFC 3891 §3: an answered leg of the same seat, or one of ours that rings at a seat's phone
    /// (§7.1). Nobody but a seat takes any, whatever tags he guessed.
    fn replaces(&self, request: &Request, source: &Source) -> Result<Option<Replaced>, u16> {
        let mut all = request.headers.all("Replaces");
        let Some(value) = all.next() else { return Ok(None) };
        let replaces = Replaces::parse(value).filter(|_| all.next().is_none()).ok_or(400u16)?;
        let id = self.replaced(&replaces).or_else(|| self.ringing(&replaces)).ok_or(481u16)?;
        let leg = self.legs.get(&id).ok_or(481u16)?;
        let Source::Seat(seat) = source else { return Err(403) };
        match &leg.state {
            // Somebody else is on the phone at that seat, or nobody that could be.
            _ if leg.seat.is_none() => Err(403),
            State::Talking if replaces.early_only => Err(486),
            State::Talking if leg.seat.as_ref() != Some(seat) => Err(403),
            State::Talking => Ok(Some(Replaced::Talk(id))),
            State::Calling(calling) if !leg.let_go && calling.cancel == Cancel::No => Ok(Some(Replaced::Ring(id))),
            State::Calling(_) | State::Hanging | State::Ending => Err(603),
            // §3: what others initiated, and was not answered yet, is not replaced.
            State::Incoming { .. } | State::Held(_) => Err(481),
        }
    }

    pub(super) fn trunk_at(&self, flow: Flow) -> Option<&TrunkId> {
        // A browser behind a proxy of ours comes from the address of the proxy.
        if flow.transport.is_web() {
            return None;
        }
        let certified = flow.connection.and_then(|connection| self.certified.get(&connection));
        self.trunks.calling(flow.remote.ip().to_canonical(), certified.map(Vec::as_slice).unwrap_or_default())
    }

    /// Whether this source may call, and as whom.
    pub(super) fn admit(&mut self, now: Moment, flow: Flow, request: &Request) -> Result<Admitted, Box<Response>> {
        let dialled = request.uri.number().unwrap_or_default();
        let from =
            request.headers.from().ok().and_then(|from| from.uri.sip().map(|uri| uri.number())).unwrap_or_default();
        if let Some(seat) = self.proven(flow) {
            return match seat.as_str() == from && self.settings.seats.contains_key(seat) {
                true => Ok(Admitted { source: Source::Seat(seat.clone()), pinned: true }),
                false => Err(Box::new(request.respond(403, Some(&self.fixed_tag(&request.headers))))),
            };
        }
        let trunk = self.trunk_at(flow).cloned();
        // A phone beside the trunk that says that it is its seat: one that registered there has to prove it.
        let is_seat = || {
            let seat = SeatId::from(from.as_str());
            self.registrar.is_from(&seat, flow.remote) || self.registrar.seat_at(flow, &from).is_some()
        };
        let feature = dialled.starts_with('*') || request.method == Method::SUBSCRIBE || is_seat();
        if let (Some(trunk), false) = (&trunk, feature) {
            return Ok(Admitted { source: Source::Trunk(trunk.clone()), pinned: false });
        }
        if let Some(seat) = self.registrar.seat_at(flow, &from) {
            return Ok(Admitted { source: Source::Seat(seat.clone()), pinned: false });
        }
        let tag = self.fixed_tag(&request.headers);
        // Who may prove himself a seat is said by where he is (at a trunk, or where a phone registered), not by
        // whom he claims to be: the answer must not tell which seats exist.
        if trunk.is_none() && !self.registrar.is_at(flow.remote.ip()) {
            return Err(Box::new(request.respond(403, Some(&tag))));
        }
        let credentials = request.headers.credentials("Authorization");
        let (seats, asker) = (&self.settings.seats, self.registrar.asker(flow, request));
        match self.verifier.verify(now, &request.method, &credentials, &request.uri, seats, asker) {
            Verdict::Seat(seat) if seat.as_str() == from => {
                self.somebody_proved(flow);
                Ok(Admitted { source: Source::Seat(seat), pinned: true })
            }
            Verdict::Seat(_) => Err(Box::new(request.respond(403, Some(&tag)))),
            Verdict::Challenge { stale } => {
                let mut response = request.respond(401, Some(&tag));
                let user_agent = request.headers.get("User-Agent");
                for challenge in self.verifier.challenges(now, flow.remote.ip(), stale, user_agent) {
                    response.headers.push("WWW-Authenticate", challenge.to_string());
                }
                Err(Box::new(response))
            }
        }
    }

    /// The offer in a request's body, alone or among other parts; what has to be understood and is not SDP is 415.
    pub(super) fn offer_of(&mut self, request: &Request) -> Result<Option<Body>, Box<Response>> {
        if let Ok(found) = description(&request.headers, &request.body) {
            return Ok(found.map(Body::sdp));
        }
        let tag = self.token();
        let mut response = request.respond(415, Some(&tag));
        response.headers.push("Accept", "application/sdp, multipart/mixed");
        Err(Box::new(response))
    }
}

/// §8.2.1–8.2.3: method, extensions, target, hops; before anything is looked up.
fn unfit(request: &Request, flow: Flow, tag: &str) -> Option<Response> {
    let refuse = |status| request.respond(status, Some(tag));
    const KNOWN: [Method; 10] = [
        Method::INVITE,
        Method::BYE,
        Method::OPTIONS,
        Method::REGISTER,
        Method::INFO,
        Method::UPDATE,
        Method::PRACK,
        Method::REFER,
        Method::SUBSCRIBE,
        Method::NOTIFY,
    ];
    if !KNOWN.contains(&request.method) {
        let status = if matches!(request.method, Method::Other(_)) { 501 } else { 405 };
        let mut response = refuse(status);
        response.headers.push("Allow", ALLOW);
        return Some(response);
    }
    // §26.2.2: what asks for TLS all the way, and came by another, did not have it.
    let is_understood = match &request.uri {
        Uri::Sip(uri) => !uri.secure || flow.transport.is_secure(),
        // A number may be called by `tel:`, RFC 3966.
        tel => request.method == Method::INVITE && tel.number().is_some(),
    };
    if !is_understood {
        return Some(refuse(416));
    }
    // A request for ourselves needs no further hop; an INVITE would go on to a seat.
    if request.method == Method::INVITE && request.headers.max_forwards().ok().flatten() == Some(0) {
        return Some(refuse(483));
    }
    let mut unknown = request.headers.tokens("Require");
    let of_registrations = if request.method == Method::REGISTER { outbound::KNOWN } else { "" };
    let is_known = |option: &str| {
        let mut known = SUPPORTED.split(", ").chain(of_registrations.split(", "));
        known.any(|known| known.eq_ignore_ascii_case(option))
    };
    unknown.retain(|option| !is_known(option));
    if !unknown.is_empty() {
        let mut response = refuse(420);
        response.headers.push("Unsupported", unknown.join(", "));
        return Some(response);
    }
    // RFC 3891 §3: nothing else takes the place of a call.
    if request.method != Method::INVITE && request.headers.get("Replaces").is_some() {
        return Some(refuse(400));
    }
    // Our answer would describe the sound in a form that they do not take, RFC 4475 §3.3.15.
    if request.method == Method::INVITE && !accepts(&request.headers, "application/sdp") {
        return Some(refuse(406));
    }
    let encoded = |e: &str| !e.trim().eq_ignore_ascii_case("identity");
    if !request.body.is_empty() && request.headers.all("Content-Encoding").any(encoded) {
        let mut response = refuse(415);
        response.headers.push("Accept-Encoding", "identity");
        return Some(response);
    }
    None
}

/// RFC 3261 §20.1, RFC 6665 §3.1.3: without an Accept it is what is meant. `kind`: one of application/….
pub(super) fn accepts(headers: &Headers, kind: &str) -> bool {
    let accepted = headers.tokens("Accept");
    let fits = |item: &String| {
        let wanted = item.split(';').next().unwrap_or_default().trim();
        [kind, "application/*", "*/*"].iter().any(|ours| ours.eq_ignore_ascii_case(wanted))
    };
    headers.get("Accept").is_none() || accepted.iter().any(fits)
}

fn incoming(
    leg: LegId,
    request: &Request,
    flow: Flow,
    dialog: &Dialog,
    (source, number): (Source, String),
    offer: Option<Body>,
    replaces: Option<Replaced>,
) -> Incoming {
    let caller = dialog.remote.uri.number().unwrap_or_else(|| ANONYMOUS.into());
    Incoming {
        leg,
        sip_call_id: dialog.call_id.clone(),
        number,
        caller: Party { number: caller, display: dialog.remote.display.clone() },
        diverted: None,
        source,
        remote: flow.remote,
        forgeable: true,
        reliable: supports(&request.headers, RELIABLY),
        hops: request.headers.max_forwards().ok().flatten().unwrap_or(HOPS),
        offer,
        replaces,
    }
}

/// Whether they know this extension, RFC 3261 §19.2.
pub(super) fn supports(headers: &Headers, option: &str) -> bool {
    ["Supported", "Require"]
        .iter()
        .any(|name| headers.tokens(name).iter().any(|known| known.eq_ignore_ascii_case(option)))
}
