//! Answers that nothing remembers, RFC 3261 §8.2.7: to whoever was not let in. A flood of strangers costs no
//! memory, and is not made larger on its way to somebody whose address was forged.

use std::net::SocketAddr;

use sha2::{Digest, Sha256};
use tracing::debug;

use super::addressing::{sent_by, stamp};
use super::endpoint::Endpoint;
use super::message::{Headers, Malformed, Request, Response};
use super::words::Flow;

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
}

impl Endpoint {
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
    pub(super) fn answer_once(&mut self, origin: Origin, mut response: Response) {
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

    pub(super) fn refuse_once(&mut self, origin: Origin, request: &Request, status: u16) {
        let tag = self.fixed_tag(&request.headers);
        self.answer_once(origin, request.respond(status, Some(&tag)));
    }

    /// What could not be read, and still be answered.
    pub(super) fn malformed(&mut self, flow: Flow, size: usize, fault: Malformed) {
        debug!(remote = %flow.remote, %fault, "malformed");
        let Some(mut answer) = fault.answer else { return };
        let Ok(mut via) = answer.headers.top_via() else { return };
        let reply = stamp(&mut via, flow);
        answer.headers.replace_top_via(&via);
        // §8.2.6.2: whatever the answer, but for a 100.
        let tag = self.fixed_tag(&answer.headers);
        answer.tag_to(&tag);
        self.answer_once(Origin { flow, reply, back: sent_by(&via, flow), size }, *answer);
    }
}
