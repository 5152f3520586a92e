//! Provisional responses: ours to their INVITE (180, 183), and theirs to ours. Reliable ones (RFC 3262) are sent again
//! until their PRACK is there; those of others are acknowledged by one.

use rand::Rng;

use super::{PROGRESS_DOUBLES_UP_TO, PROGRESS_EVERY, Progress, Repeat, State, TransactionId};
use crate::ids::LegId;
use crate::moment::Moment;
use crate::sip::admission::supports;
use crate::sip::dialog::Dialog;
use crate::sip::endpoint::{Endpoint, Purpose};
use crate::sip::message::{Headers, Method, Request, Response};
use crate::sip::transaction::patience;
use crate::sip::words::{Body, Ended, Event};

/// The option of RFC 3262 §7.1.
pub(in crate::sip) const RELIABLY: &str = "100rel";
/// Dialogs that one INVITE of ours may open before it is answered; what more forks say reliably is not acknowledged.
pub(super) const MAX_EARLY: usize = 16;
/// §3: the first RSeq is drawn from the lower half, so that there is room to count.
const FIRST_RSEQ: std::ops::Range<u32> = 1..1 << 31;

/// What was said reliably to their INVITE.
#[derive(Default)]
pub(in crate::sip) struct Reliably {
    /// RSeq of the last; 0: nothing yet.
    last: u32,
    /// They have our description for certain.
    pub answered: bool,
    /// §3, §5: waits until the last is acknowledged, and their offer answered.
    pub next: Option<Next>,
}

pub(in crate::sip) enum Next {
    Provisional { status: u16, body: Option<Body> },
    Accept(Body),
}

/// A dialog of our INVITE before it was answered, RFC 3261 §12.1.
pub(in crate::sip) struct Early {
    pub dialog: Dialog,
    /// RSeq of the last response that was acknowledged.
    last: u32,
    /// Their description, told reliably: the 2xx need not repeat it.
    pub answer: Option<Body>,
}

impl Progress {
    /// A PRACK is to come.
    pub fn is_awaited(&self) -> bool {
        matches!(self.repeat, Repeat::UntilPrack { .. })
    }
}

impl Endpoint {
    // -----------------------------------------------------------------------------------------
    // Ours

    pub(in crate::sip) fn ring(&mut self, now: Moment, leg: LegId) {
        self.say_as_wanted(now, leg, 180, None);
    }

    pub(in crate::sip) fn progress(&mut self, now: Moment, leg: LegId, body: Body) {
        self.say_as_wanted(now, leg, 183, Some(body));
    }

    /// §3: reliably if they require it, and if they support it what has a description: without it they hear nothing.
    fn say_as_wanted(&mut self, now: Moment, leg: LegId, status: u16, body: Option<Body>) {
        let Some(State::Incoming { request, .. }) = self.legs.get(&leg).map(|leg| &leg.state) else { return };
        let required = requires_reliability(&request.headers);
        let reliable = required || (body.is_some() && supports(&request.headers, RELIABLY));
        self.say(now, leg, status, body, reliable);
    }

    fn say(&mut self, now: Moment, leg_id: LegId, status: u16, body: Option<Body>, reliable: bool) {
        let first = self.rng.random_range(FIRST_RSEQ);
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        let State::Incoming { progress, reliably, .. } = &mut leg.state else { return };
        if reliable && progress.as_ref().is_some_and(Progress::is_awaited) {
            reliably.next = Some(Next::Provisional { status, body });
            return;
        }
        if reliable {
            reliably.last = if reliably.last == 0 { first } else { reliably.last + 1 };
        }
        let (rseq, described) = (reliably.last, body.is_some());
        if let Some(body) = &body {
            leg.described.clone_from(&body.bytes);
        }
        let Some((id, mut response)) = self.provisional(leg_id, status, body) else { return };
        if reliable {
            response.headers.push("Require", RELIABLY);
            response.headers.push("RSeq", rseq.to_string());
        }
        let bytes = self.respond(now, id, response);
        let timers = &self.settings.timers;
        let stream = self.servers.get(&id).is_some_and(|server| server.transaction.flow.transport.is_reliable());
        let until_prack = Repeat::UntilPrack { until: now + patience(timers) };
        let (repeat, first, interval) = match (reliable, described) {
            // Proxies on the way may speak UDP: repeated whatever the transport, §3.
            (true, _) => (until_prack, timers.t1, timers.t1 * 2),
            (false, false) => return,
            (false, true) if stream => (Repeat::Soon, PROGRESS_EVERY, PROGRESS_EVERY),
            (false, true) => (Repeat::Soon, timers.t1, timers.t1 * 2),
        };
        if let Some(State::Incoming { progress, .. }) = self.legs.get_mut(&leg_id).map(|leg| &mut leg.state) {
            *progress = Some(Progress { bytes, described, repeat, again: now + first, interval });
        }
        self.schedule_leg(leg_id);
    }

    fn provisional(&self, leg: LegId, status: u16, body: Option<Body>) -> Option<(TransactionId, Response)> {
        let leg = self.legs.get(&leg)?;
        let State::Incoming { transaction, request, tag, .. } = &leg.state else { return None };
        let response = request.respond(status, Some(tag));
        Some((*transaction, self.dialog_forming(leg, request, response, body)))
    }

    pub(in crate::sip) fn progress_due(&mut self, now: Moment, leg_id: LegId) {
        let t1 = self.settings.timers.t1;
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        let State::Incoming { transaction, progress: Some(progress), .. } = &mut leg.state else { return };
        if progress.again > now {
            return;
        }
        let doubled = progress.interval * 2;
        match progress.repeat {
            Repeat::UntilPrack { until } if until <= now => return self.unacknowledged(now, leg_id),
            Repeat::UntilPrack { until } => {
                progress.again = (now + progress.interval).min(until);
                progress.interval = doubled;
            }
            Repeat::Soon => {
                progress.again = now + progress.interval;
                progress.interval = if doubled > t1 * PROGRESS_DOUBLES_UP_TO { PROGRESS_EVERY } else { doubled };
            }
            // They have the description; what is new is only that we are still there.
            Repeat::Anew => return self.say(now, leg_id, 183, None, true),
        }
        let id = *transaction;
        let bytes = progress.bytes.clone();
        if let Some(flow) = self.servers.get(&id).map(|server| server.transaction.flow) {
            self.transmit(flow, bytes);
        }
    }

    /// §3: no PRACK within 64 × T1. Who hears none of it is not there.
    fn unacknowledged(&mut self, now: Moment, leg_id: LegId) {
        self.refuse(now, leg_id, 504);
        self.tell(Event::Ended { leg: leg_id, why: Ended::Lost });
    }

    /// Their PRACK, §3.
    pub(in crate::sip) fn their_prack(&mut self, now: Moment, leg_id: LegId, id: TransactionId, request: &Request) {
        let Some(rack) = rack(&request.headers) else { return self.simply(now, id, request, 400) };
        let Some(leg) = self.legs.get_mut(&leg_id) else { return self.simply(now, id, request, 481) };
        let State::Incoming { request: invite, progress: Some(progress), reliably, .. } = &mut leg.state else {
            return self.simply(now, id, request, 481);
        };
        let invite = invite.headers.cseq().map_or(0, |cseq| cseq.seq);
        let of_ours = rack == (reliably.last, invite, Method::INVITE.to_string());
        if !of_ours || !progress.is_awaited() {
            return self.simply(now, id, request, 481);
        }
        (progress.repeat, progress.again) = (Repeat::Anew, now + PROGRESS_EVERY);
        let is_news = progress.described && !reliably.answered;
        reliably.answered |= progress.described;
        let is_in_order = reliably.answered && leg.their_reoffer.is_none();
        if is_news {
            self.tell(Event::Acked { leg: leg_id, answer: None });
        }
        match self.offer_of(request) {
            // §5: an offer in it is answered in its 200, once they have our answer to the one before; what waits is said
            // after that.
            Ok(Some(offer)) if is_in_order => {
                self.take_offer(leg_id, id, request.clone(), Some(offer));
                return self.schedule_leg(leg_id);
            }
            // What it acknowledges is acknowledged all the same, and what was agreed holds.
            Ok(Some(_)) => self.too_early(now, id, request),
            Ok(None) => _ = self.respond(now, id, request.respond(200, None)),
            Err(response) => _ = self.respond(now, id, *response),
        }
        self.say_what_waited(now, leg_id);
        self.schedule_leg(leg_id);
    }

    /// What waited for a PRACK, or for the answer to an offer of theirs.
    pub(super) fn say_what_waited(&mut self, now: Moment, leg_id: LegId) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        let State::Incoming { reliably, .. } = &mut leg.state else { return };
        match reliably.next.take() {
            Some(Next::Provisional { status, body }) => self.say_as_wanted(now, leg_id, status, body),
            // RFC 6337 §2.1: what they were told for certain is repeated as it holds by now.
            Some(Next::Accept(body)) if reliably.answered => {
                let body = Body { bytes: leg.described.clone(), ..body };
                self.accept(now, leg_id, body);
            }
            Some(Next::Accept(body)) => self.accept(now, leg_id, body),
            None => {}
        }
    }

    // -----------------------------------------------------------------------------------------
    // Theirs

    /// PRACK for a provisional response that wants one, §4. `false`: it is a copy, or one before it is missing;
    /// nothing is made of it.
    pub(in crate::sip) fn acknowledge(&mut self, now: Moment, leg_id: LegId, response: &Response) -> bool {
        if response.status == 100 || !requires_reliability(&response.headers) {
            return true;
        }
        let Some(rseq) = response.headers.get("RSeq").and_then(|rseq| rseq.trim().parse::<u32>().ok()) else {
            return false;
        };
        let Some(leg) = self.legs.get_mut(&leg_id) else { return false };
        let trunk = leg.trunk;
        let State::Calling(calling) = &mut leg.state else { return false };
        let Some(of) = Dialog::of_caller(&calling.request, response, calling.flow, calling.pinned) else {
            return false;
        };
        let invite = of.local_seq;
        let known = calling.early.iter().position(|early| early.dialog.remote_tag() == of.remote_tag());
        let index = match known {
            Some(index) if rseq != calling.early[index].last.wrapping_add(1) => return false,
            Some(index) => index,
            None if calling.early.len() == MAX_EARLY => return false,
            None => {
                calling.early.push(Early { dialog: of, last: rseq, answer: None });
                calling.early.len() - 1
            }
        };
        let early = &mut calling.early[index];
        early.last = rseq;
        if let Some(body) = super::invite::body_of(response) {
            early.answer = Some(body);
        }
        early.dialog.local_seq += 1;
        let mut prack = early.dialog.request(Method::PRACK, early.dialog.local_seq);
        let flow = early.dialog.next_hop();
        prack.headers.push("RAck", format!("{rseq} {invite} INVITE"));
        self.send_proved(now, prack, flow, trunk, Purpose::Courtesy);
        true
    }
}

fn requires_reliability(headers: &Headers) -> bool {
    headers.tokens("Require").iter().any(|option| option.eq_ignore_ascii_case(RELIABLY))
}

/// RAck: which response to which request, §7.2.
fn rack(headers: &Headers) -> Option<(u32, u32, String)> {
    let mut words = headers.get("RAck")?.split_ascii_whitespace();
    let (rseq, seq) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let method = words.next()?.to_string();
    words.next().is_none().then_some((rseq, seq, method))
}
