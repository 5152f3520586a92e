//! Answers that nothing remembers, RFC 3261 §8.2.7: to whoever was not let in. A flood of strangers costs no
//! memory, and is not made larger on its way to somebody whose address was forged.

use std::net::{IpAddr, SocketAddr};

use sha2::{Digest, Sha256};
use tracing::debug;

use super::addressing::{sent_by, stamp};
use super::endpoint::Endpoint;
use super::guard::{Ban, Deed, Entry, Way};
use super::message::{Headers, Malformed, Message, Method, Request, Response, SipUri};
use super::words::Flow;
use crate::ids::SeatId;
use crate::moment::Moment;

/// Over UDP an answer may be so many times as long as what it answers: the sender's address may be forged.
const MOST_OUT_FOR_IN: usize = 2;

/// Where a request came from, where its answer goes, and how long it was.
#[derive(Clone, Copy)]
pub(super) struct Origin {
    pub flow: Flow,
    pub reply: Flow,
    /// Where its sender listens, as its Via says, §18.2.2.
    pub back: SocketAddr,
    pub size: usize,
    pub shown: Shown,
}

/// What a request shows of its sender, before anything is looked up.
#[derive(Clone, Copy)]
pub(super) struct Shown {
    /// Credentials, right or not.
    pub signed: bool,
    /// He is where it seems to come from: over a connection, or with a nonce that was sent there.
    pub is_there: bool,
}

impl Endpoint {
    /// How a message is taken before it is read: trunks, phones that are registered and pages that have signed in are
    /// no strangers.
    pub(super) fn entry(&mut self, now: Moment, flow: Flow) -> Entry {
        if self.guard.is_none() || self.is_known(flow) {
            return Entry::Open;
        }
        let remote = flow.remote;
        let has_phones = self.registrar.is_at(remote.ip());
        self.guard.as_mut().map_or(Entry::Open, |guard| guard.arrives(now, remote, way_of(flow), has_phones))
    }

    pub(super) fn shown(&self, now: Moment, flow: Flow, request: &Request) -> Shown {
        let credentials = request.headers.credentials("Authorization");
        let is_there = way_of(flow) == Way::Connection || self.verifier.was_read(now, &credentials, flow.remote.ip());
        Shown { signed: request.headers.get("Authorization").is_some(), is_there }
    }

    /// Whoever comes this way is somebody whom the house knows.
    fn is_known(&self, flow: Flow) -> bool {
        self.trunk_at(flow).is_some()
            || self.proven(flow).is_some()
            || self.registrar.is_phone(flow)
            || flow.connection.is_some_and(|connection| self.leg_connections.has(&connection))
            || self.trunks.lead_to(flow.remote)
    }

    /// Whether a message from a household that is not heard is of somebody whom the house knows there: within a dialog,
    /// an answer to what we asked, or of a phone that is registered and has another port by now.
    pub(super) fn belongs(&self, message: &Message) -> bool {
        match message {
            Message::Response(response) => self.awaits(response),
            Message::Request(request) if request.method == Method::REGISTER => {
                let seat = request.headers.to().ok().and_then(|to| to.uri.sip().map(SipUri::number));
                let known = seat.map(|seat| self.registrar.call_ids(&SeatId::from(seat))).unwrap_or_default();
                let call_id = request.headers.call_id().unwrap_or_default();
                !call_id.is_empty() && known.iter().any(|known| known == call_id)
            }
            Message::Request(request) => self.is_of_dialog(request),
        }
    }

    /// Whether it is a REGISTER of a phone there that has started anew, as far as can be told before it proves itself.
    pub(super) fn knocks(&mut self, now: Moment, flow: Flow, message: Option<&Message>) -> bool {
        let may = self.guard.as_mut().is_some_and(|guard| guard.may_knock(now, flow.remote, way_of(flow)));
        may && matches!(message, Some(Message::Request(request)) if request.method == Method::REGISTER)
    }

    /// A stranger who is there did something that is held against his household.
    fn held_against(&mut self, now: Moment, flow: Flow, deed: Deed) {
        let is_shut = self.guard.as_mut().is_some_and(|guard| guard.did(now, flow.remote, way_of(flow), deed));
        if is_shut {
            // From here on so few guesses are let in that each is looked at: a phone's right secret may be among them.
            self.verifier.forget_guesses(flow.remote.ip());
        }
    }

    /// The households that are not heard.
    pub fn bans(&self, now: Moment) -> Vec<Ban> {
        self.guard.as_ref().map(|guard| guard.bans(now)).unwrap_or_default()
    }

    /// A household is heard again, as somebody of the house says so. What was lifted; `None`: it is heard.
    pub fn lift_ban(&mut self, now: Moment, ip: IpAddr) -> Option<Ban> {
        let lifted = self.guard.as_mut()?.lift(now, ip)?;
        self.verifier.forget_guesses(ip);
        Some(lifted)
    }

    /// What the guard makes of an answer to a stranger. `false`: it is not given.
    fn guarded(&mut self, now: Moment, origin: Origin, response: &Response) -> bool {
        let (flow, shown) = (origin.flow, origin.shown);
        if self.is_known(flow) {
            return true;
        }
        match response.status {
            401 => {
                let stale = response.headers.challenges("WWW-Authenticate").iter().any(|challenge| challenge.stale);
                if shown.signed && shown.is_there && !stale {
                    self.held_against(now, flow, Deed::Guessed);
                }
            }
            status if !is_refusal(status) => return true,
            _ if shown.is_there => {
                self.held_against(now, flow, Deed::Refused);
                return true;
            }
            _ => {}
        }
        self.guard.as_mut().is_none_or(|guard| guard.may_be_told(now, flow.remote.ip(), way_of(flow)))
    }

    /// Somebody proved who he is.
    pub(super) fn somebody_proved(&mut self, flow: Flow) {
        if let Some(guard) = &mut self.guard {
            guard.proven(flow.remote, way_of(flow));
        }
    }

    /// A program that looks for telephones to abuse is not even told that there is one.
    pub(super) fn is_scanner(&mut self, now: Moment, origin: Origin, request: &Request) -> bool {
        let Some(guard) = &self.guard else { return false };
        let is_one = request.headers.get("User-Agent").is_some_and(|name| guard.is_scanner(name));
        if !is_one || self.is_known(origin.flow) {
            return false;
        }
        match origin.shown.is_there {
            true => self.held_against(now, origin.flow, Deed::Scanned),
            false => self.guard.iter_mut().for_each(|guard| guard.seems_to_scan(now, origin.flow.remote.ip())),
        }
        true
    }

    /// The To-tag of an answer that nobody keeps: copies of a request must get the same one, §8.2.7, and
    /// nobody else can tell it beforehand.
    pub(super) fn fixed_tag(&self, headers: &Headers) -> String {
        let mut hash = Sha256::new();
        hash.update(self.tag_key);
        for name in ["Via", "From", "Call-ID", "CSeq"] {
            hash.update(headers.get(name).unwrap_or_default().as_bytes());
            hash.update([0]);
        }
        hash.update(self.tag_key);
        data_encoding::BASE32_NOPAD.encode(&hash.finalize()[..10]).to_ascii_lowercase()
    }

    /// Sends a final answer once; the ACK that an INVITE's refusal brings belongs to nothing and is dropped.
    pub(super) fn answer_once(&mut self, now: Moment, origin: Origin, mut response: Response) {
        if !self.guarded(now, origin, &response) {
            return;
        }
        let most = if origin.reply.transport.is_reliable() { usize::MAX } else { MOST_OUT_FOR_IN * origin.size };
        let mut bytes = response.to_bytes();
        let challenges = response.headers.all("WWW-Authenticate").count();
        if bytes.len() > most
            && challenges > 1
            && let Some(last) = response.headers.all("WWW-Authenticate").last().map(str::to_string)
        {
            // Too short a request for both challenges: the last is MD5, which every phone knows.
            response.headers.set("WWW-Authenticate", last);
            bytes = response.to_bytes();
        }
        if bytes.len() > most {
            debug!(remote = %origin.flow.remote, status = response.status, "too long an answer to a stranger");
            return;
        }
        // A trunk's signs of life keep its connection.
        match self.trunk_at(origin.flow) {
            Some(_) => self.transmit(origin.reply, bytes),
            None => self.transmit_to_stranger(origin.reply, bytes),
        }
    }

    pub(super) fn refuse_once(&mut self, now: Moment, origin: Origin, request: &Request, status: u16) {
        let tag = self.fixed_tag(&request.headers);
        self.answer_once(now, origin, request.respond(status, Some(&tag)));
    }

    /// What could not be read, and still be answered.
    pub(super) fn malformed(&mut self, now: Moment, flow: Flow, size: usize, fault: Malformed) {
        debug!(remote = %flow.remote, %fault, "malformed");
        let Some(mut answer) = fault.answer else { return };
        let Ok(mut via) = answer.headers.top_via() else { return };
        let reply = stamp(&mut via, flow);
        answer.headers.replace_top_via(&via);
        // §8.2.6.2: whatever the answer, but for a 100.
        let tag = self.fixed_tag(&answer.headers);
        answer.tag_to(&tag);
        let back = sent_by(&via, flow);
        let shown = Shown { signed: false, is_there: way_of(flow) == Way::Connection };
        self.answer_once(now, Origin { flow, reply, back, size, shown }, *answer);
    }
}

fn way_of(flow: Flow) -> Way {
    if flow.transport.is_reliable() { Way::Connection } else { Way::Datagram }
}

/// Whether an answer says that what was asked for is not to be had. 500 and 503 say that of us.
fn is_refusal(status: u16) -> bool {
    matches!(status, 400..500) || [501, 505, 513].contains(&status)
}
