//! An account of our own softphone at somebody else's registrar: REGISTER, refresh, and answers to challenges.

use std::net::SocketAddr;
use std::time::Duration;

use super::digest;
use super::message::{Challenge, Method, NameAddr, Request, Response, SipUri, Uri};
use super::words::Transport;
use crate::moment::Moment;

/// After a failure that may pass (timeout, 5xx), so long until the next attempt.
const RETRY: Duration = Duration::from_secs(5);
/// Challenges answered in a row before the secret counts as wrong.
const MAX_CHALLENGES: u32 = 2;

#[derive(Clone, Debug)]
pub struct Account {
    pub aor: SipUri,
    pub registrar: SocketAddr,
    pub transport: Transport,
    pub username: String,
    pub password: String,
    /// Lifetime asked for; refreshed at 80 % of what is granted.
    pub expires: Duration,
}

/// The state of one registration, and the memory of the last challenge.
pub struct Registration {
    pub account: Account,
    call_id: String,
    tag: String,
    seq: u32,
    challenge: Option<Known>,
    challenges: u32,
    /// Seconds asked for; zero to end it.
    wanted: u64,
    next: Option<Moment>,
}

/// A challenge that is answered in every request from here on.
struct Known {
    challenge: Challenge,
    /// How often it was answered.
    count: u32,
    /// The header of the answers, RFC 3261 §22.2 and §22.3.
    header: &'static str,
}

/// What an answer to REGISTER meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Registered,
    Unregistered,
    Refused(u16),
    /// Goes on by itself: another request is due.
    Again,
}

impl Registration {
    /// `active`: registers at once; else only its secret is known.
    pub fn new(now: Moment, account: Account, active: bool, call_id: String, tag: String) -> Self {
        let wanted = account.expires.as_secs();
        let next = active.then_some(now);
        Self { account, call_id, tag, seq: 0, challenge: None, challenges: 0, wanted, next }
    }

    pub fn next_deadline(&self) -> Option<Moment> {
        self.next
    }

    pub fn unregister(&mut self, now: Moment) {
        self.wanted = 0;
        self.next = Some(now);
    }

    /// The REGISTER that is due, without Via; `contact` is where we are.
    pub fn next_request(&mut self, now: Moment, contact: &SipUri, cnonce: &str) -> Option<Request> {
        self.next.take_if(|at| *at <= now)?;
        self.seq += 1;
        let registrar =
            SipUri::new(None, &self.account.registrar.ip().to_string(), Some(self.account.registrar.port()));
        let mut request = Request::new(Method::REGISTER, Uri::Sip(registrar));
        let mut from = NameAddr::sip(self.account.aor.clone());
        request.headers.push("To", from.to_string());
        from.params.set("tag", Some(&self.tag));
        request.headers.push("From", from.to_string());
        request.headers.push("Call-ID", self.call_id.clone());
        request.headers.push("CSeq", format!("{} REGISTER", self.seq));
        request.headers.push("Max-Forwards", "70");
        request.headers.push("Contact", NameAddr::sip(contact.clone()).to_string());
        request.headers.push("Expires", self.wanted.to_string());
        self.prove(&mut request, cnonce);
        Some(request)
    }

    /// A final answer to a REGISTER of ours; `None`: there was none.
    pub fn answered(&mut self, now: Moment, response: Option<&Response>) -> Outcome {
        let Some(response) = response else {
            self.next = Some(now + RETRY);
            return Outcome::Refused(408);
        };
        match response.status {
            200..300 if self.wanted == 0 => Outcome::Unregistered,
            200..300 => {
                self.challenges = 0;
                let granted =
                    response.headers.contacts().ok().and_then(|c| c.first()?.params.get("expires")?.parse().ok());
                let granted: u64 = granted.unwrap_or(self.wanted);
                self.next = Some(now + Duration::from_secs(granted.max(1) * 4 / 5));
                Outcome::Registered
            }
            401 | 407 if self.learn(response) => {
                self.next = Some(now);
                Outcome::Again
            }
            423 => {
                let least = response.headers.get("Min-Expires").and_then(|least| least.trim().parse().ok());
                self.wanted = least.unwrap_or(self.wanted * 2).clamp(1, 86_400);
                self.next = Some(now);
                Outcome::Again
            }
            status @ 500.. => {
                self.next = Some(now + RETRY);
                Outcome::Refused(status)
            }
            status => Outcome::Refused(status),
        }
    }

    /// Takes the challenge of a 401 or 407; false when answering again would be of no use.
    pub fn learn(&mut self, response: &Response) -> bool {
        let (name, header) = match response.status {
            407 => ("Proxy-Authenticate", "Proxy-Authorization"),
            _ => ("WWW-Authenticate", "Authorization"),
        };
        let known = |c: &Challenge| digest::answer(c, &Method::REGISTER, "", "", "", 1, "").is_some();
        let Some(challenge) = response.headers.challenges(name).into_iter().find(known) else { return false };
        if !challenge.stale {
            self.challenges += 1;
        }
        self.challenge = Some(Known { challenge, count: 0, header });
        self.challenges <= MAX_CHALLENGES
    }

    /// What was proved was accepted: the next challenge starts afresh.
    pub fn forgive(&mut self) {
        self.challenges = 0;
    }

    /// Adds credentials if a challenge is known.
    pub fn prove(&mut self, request: &mut Request, cnonce: &str) {
        let Some(Known { challenge, count, header }) = &mut self.challenge else { return };
        *count += 1;
        let (uri, account) = (request.uri.to_string(), &self.account);
        let credentials =
            digest::answer(challenge, &request.method, &uri, &account.username, &account.password, *count, cnonce);
        if let Some(credentials) = credentials {
            request.headers.set(*header, credentials.to_string());
        }
    }
}
