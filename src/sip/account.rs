//! An account of ours at somebody else's registrar, of a softphone or of a trunk: REGISTER, refresh, and answers to
//! challenges.

use std::net::SocketAddr;
use std::time::Duration;

use super::digest::{self, Proved};
use super::message::{Challenge, Credentials, Headers, Method, NameAddr, Request, Response, SipUri, Uri};
use super::words::Transport;
use crate::moment::Moment;

/// After a failure that may pass (timeout, 5xx), so long until a softphone's next attempt.
const RETRY: Duration = Duration::from_secs(5);
/// A trunk's waits, RFC 5626 §4.5: the first is doubled with every failure, up to the longest.
const BACK_OFF: Duration = Duration::from_secs(30);
const BACK_OFF_MOST: Duration = Duration::from_secs(1800);
/// Challenges that are answered in a row before the secret counts as wrong.
pub(super) const MAX_CHALLENGES: u32 = 2;
/// The longest lifetime that is asked for because a registrar wants it so (423).
const MOST_ASKED: u64 = 86_400;

/// Whoever grants more than a week does not mean it.
const MOST_GRANTED: u64 = 7 * 86_400;

#[derive(Clone, Debug)]
pub struct Account {
    pub aor: SipUri,
    pub registrar: SocketAddr,
    pub transport: Transport,
    pub username: String,
    pub password: String,
    /// Lifetime asked for; refreshed at 80 % of what is granted.
    pub expires: Duration,
    pub holder: Holder,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// It answers whoever challenges at its registrar.
    Softphone,
    /// It answers only this realm; `None`: that of whoever challenged its last REGISTER. A challenge to a call may
    /// come from far behind the carrier, and an answer to it would help to guess the password.
    Trunk { realm: Option<String> },
}

/// The state of one registration, and the memory of the last challenges.
pub struct Registration {
    pub account: Account,
    call_id: String,
    tag: String,
    seq: u32,
    known: Vec<Known>,
    /// Of a trunk's: the realm that its registrar asked for last.
    learned: Option<String>,
    /// The last challenge, where it was not answered, and whether the registrar asked so.
    unanswered: Option<(Unanswered, bool)>,
    /// Challenges to REGISTER in a row.
    challenges: u32,
    /// Attempts in a row that failed.
    failures: u32,
    /// Seconds asked for; zero to end it.
    wanted: u64,
    /// It is told that we go, and has not answered.
    leaving: bool,
    /// Where we said that we are.
    contact: Option<SipUri>,
    /// Until when it was granted to us last.
    granted_until: Option<Moment>,
    next: Option<Moment>,
}

/// A challenge that is answered in every request from here on.
struct Known {
    challenge: Challenge,
    /// How often it was answered, and ours to it: the same each time, as the secret of `-sess` is made of the first,
    /// RFC 7616 §3.4.2.
    count: u32,
    cnonce: String,
    /// The header of the answers, RFC 3261 §22.2 and §22.3.
    header: &'static str,
    of: Use,
}

/// Why a challenge is not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// It is of another realm.
    Realm(String),
    /// In a way that is not known: `algorithm BLAKE3`, `qop "auth-conf"`, or nothing that could be answered.
    Way(String),
}

impl Unanswered {
    fn of(challenges: &[Challenge]) -> Unanswered {
        if let Some(known) = challenges.iter().find(|challenge| digest::is_known(challenge)) {
            return Unanswered::Realm(known.realm.clone());
        }
        Unanswered::Way(match challenges.first() {
            None => "no digest".into(),
            Some(Challenge { algorithm: Some(algorithm), .. }) if !digest::is_algorithm(algorithm) => {
                format!("algorithm {algorithm}")
            }
            Some(challenge) => format!("qop \"{}\"", challenge.qop.join(",")),
        })
    }
}

/// In which requests it is answered.
#[derive(Clone, PartialEq, Eq)]
enum Use {
    All,
    /// A trunk's registrar asked for it. What is shown with a call may reach whoever is called, who could guess at the
    /// password by it.
    Register,
    /// It was asked for in a call of ours: in all of those.
    Calls,
    /// It was asked for in the dialog with this Call-ID, which whoever called us began: in that alone.
    Theirs(String),
}

/// Where a request of ours is seen that is proved, or was challenged.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shown<'a> {
    Register,
    Ours,
    /// It is within a dialog with this Call-ID that they began.
    Theirs(&'a str),
}

impl<'a> Shown<'a> {
    /// `theirs`: the Call-ID of a dialog that they began.
    pub fn within(theirs: Option<&'a str>) -> Shown<'a> {
        theirs.map_or(Shown::Ours, Shown::Theirs)
    }
}

impl Use {
    fn fits(&self, shown: Shown<'_>) -> bool {
        match self {
            Use::All => true,
            Use::Register => shown == Shown::Register,
            Use::Calls => shown == Shown::Ours,
            Use::Theirs(call_id) => shown == Shown::Theirs(call_id),
        }
    }

    /// Of each kind one challenge is remembered.
    fn is_like(&self, other: &Use) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
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
        let (known, learned, unanswered, contact) = (Vec::new(), None, None, None);
        let (seq, challenges, failures, leaving) = (0, 0, 0, false);
        Self {
            account,
            call_id,
            tag,
            seq,
            known,
            learned,
            unanswered,
            challenges,
            failures,
            wanted,
            leaving,
            contact,
            granted_until: None,
            next,
        }
    }

    pub fn next_deadline(&self) -> Option<Moment> {
        self.next
    }

    /// We register there, and do not only answer challenges.
    pub fn is_active(&self) -> bool {
        self.seq > 0 || self.next.is_some()
    }

    /// No REGISTER is sent any more but the one that takes back those that were; `false`: none was. What came back does
    /// not matter: the answer may be on its way, or was lost.
    pub fn unregister(&mut self, now: Moment) -> bool {
        self.wanted = 0;
        self.next = (self.seq > 0).then_some(now);
        self.leaving = self.next.is_some();
        self.leaving
    }

    /// The realm that is answered, as far as it is known.
    pub fn realm(&self) -> Option<&str> {
        match &self.account.holder {
            Holder::Trunk { realm: Some(realm) } => Some(realm),
            Holder::Trunk { realm: None } | Holder::Softphone => self.learned.as_deref(),
        }
    }

    /// Why the last challenge was not answered.
    pub fn unanswered(&self) -> Option<&Unanswered> {
        self.unanswered.as_ref().map(|(unanswered, _)| unanswered)
    }

    /// It goes without it.
    pub fn forget_unanswered(&mut self) {
        self.unanswered = None;
    }

    /// What was granted is over.
    pub fn has_lapsed(&self, now: Moment) -> bool {
        self.granted_until.is_some_and(|until| until <= now)
    }

    /// It is told that we go, or was.
    pub fn is_ending(&self) -> bool {
        self.wanted == 0
    }

    /// It has not answered yet that we go.
    pub fn is_leaving(&self) -> bool {
        self.leaving
    }

    /// Another attempt is made at that moment, e.g. at another address.
    pub fn try_at(&mut self, at: Moment) {
        self.next = Some(at);
    }

    /// The REGISTER that is due, without Via; `contact` is where we are.
    pub fn next_request(&mut self, now: Moment, contact: &SipUri, cnonce: &str) -> Option<Request> {
        self.next.take_if(|at| *at <= now)?;
        self.seq += 1;
        let asked = match &self.account.holder {
            Holder::Softphone => {
                SipUri::new(None, &self.account.registrar.ip().to_string(), Some(self.account.registrar.port()))
            }
            Holder::Trunk { .. } => SipUri { user: None, ..self.account.aor.clone() },
        };
        let mut request = Request::new(Method::REGISTER, Uri::Sip(asked));
        let mut from = NameAddr::sip(self.account.aor.clone());
        request.headers.push("To", from.to_string());
        from.params.set("tag", Some(&self.tag));
        request.headers.push("From", from.to_string());
        request.headers.push("Call-ID", self.call_id.clone());
        request.headers.push("CSeq", format!("{} REGISTER", self.seq));
        request.headers.push("Max-Forwards", "70");
        request.headers.push("Contact", NameAddr::sip(contact.clone()).to_string());
        request.headers.push("Expires", self.wanted.to_string());
        self.contact = Some(contact.clone());
        self.prove(&mut request, cnonce, Shown::Register);
        Some(request)
    }

    /// A final answer to a REGISTER of ours; `None`: there was none. `chance`, from 0 to 1, spreads what is tried
    /// again, so that not all who lost a carrier come back at once.
    pub fn answered(&mut self, now: Moment, response: Option<&Response>, chance: f64) -> Outcome {
        let outcome = self.outcome(now, response, chance);
        self.leaving &= outcome == Outcome::Again;
        outcome
    }

    fn outcome(&mut self, now: Moment, response: Option<&Response>, chance: f64) -> Outcome {
        let Some(response) = response else {
            self.fail(now, None, chance);
            return Outcome::Refused(408);
        };
        match response.status {
            200..300 => {
                (self.challenges, self.failures) = (0, 0);
                self.unanswered.take_if(|(_, by_registrar)| *by_registrar);
                if self.wanted == 0 {
                    return Outcome::Unregistered;
                }
                let granted = self.granted(&response.headers).unwrap_or(self.wanted).clamp(1, MOST_GRANTED);
                let granted = Duration::from_secs(granted);
                self.granted_until = Some(now + granted);
                self.next = Some(now + granted * 4 / 5);
                Outcome::Registered
            }
            401 | 407
                if self.challenges < MAX_CHALLENGES
                    && !self.is_refused(response)
                    && self.learn(response, Shown::Register) =>
            {
                self.challenges += 1;
                self.next = Some(now);
                Outcome::Again
            }
            // One that asks for ever more is a failure at some time.
            423 if (1..MOST_ASKED).contains(&self.wanted) => {
                let least = response.headers.get("Min-Expires").and_then(|least| least.trim().parse().ok());
                let longer = least.filter(|least| *least > self.wanted).unwrap_or(self.wanted * 2);
                self.wanted = longer.clamp(1, MOST_ASKED);
                self.next = Some(now);
                Outcome::Again
            }
            status => {
                self.challenges = 0;
                // A softphone that is refused says so, and ends.
                if status >= 500 || self.account.holder != Holder::Softphone {
                    self.fail(now, retry_after(&response.headers), chance);
                }
                Outcome::Refused(status)
            }
        }
    }

    /// What was granted to the place where we are, RFC 3261 §10.2.4; others may be registered there too.
    fn granted(&self, headers: &Headers) -> Option<u64> {
        let contacts = headers.contacts().ok()?;
        let is_ours = |contact: &&NameAddr| {
            let ours = self.contact.as_ref().zip(contact.uri.sip());
            ours.is_some_and(|(ours, theirs)| ours.host == theirs.host && ours.port == theirs.port)
        };
        let ours = contacts.iter().find(is_ours).or(contacts.first());
        let of_contact = ours.and_then(|contact| contact.params.get("expires")?.parse().ok());
        of_contact.or_else(|| headers.expires().map(u64::from))
    }

    /// RFC 5626 §4.5: from half of the wait to all of it.
    fn fail(&mut self, now: Moment, least: Option<Duration>, chance: f64) {
        let wait = match self.account.holder {
            Holder::Softphone => RETRY,
            Holder::Trunk { .. } => {
                let whole = BACK_OFF.saturating_mul(1 << self.failures.min(16)).min(BACK_OFF_MOST);
                whole.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
            }
        };
        self.failures += 1;
        self.next = Some(now + wait.max(least.unwrap_or_default()));
    }

    /// RFC 3261 §22.2: credentials that were sent are refused. Each REGISTER has those for what is known.
    fn is_refused(&self, response: &Response) -> bool {
        let (header, challenges) = asked_by(response);
        let shown = self.known.iter().filter(|known| known.of.fits(Shown::Register));
        let shown = shown.filter(|known| known.count > 0 && known.header == header);
        let shown: Vec<_> = shown.map(|own| (&*own.challenge.realm, &*own.challenge.nonce)).collect();
        challenges.iter().any(|asked| is_refused(asked, &shown))
    }

    /// Takes the challenge of a 401 or 407; false when it is not for us. `shown`: what it was the answer to; a REGISTER
    /// nobody but the registrar sees.
    pub fn learn(&mut self, response: &Response, shown: Shown<'_>) -> bool {
        let to_register = shown == Shown::Register;
        let (header, challenges) = asked_by(response);
        let of_realm = |c: &&Challenge| self.realm().is_none_or(|realm| *realm == c.realm);
        let mut known = challenges.iter().filter(|c| digest::is_known(c));
        let chosen = match &self.account.holder {
            Holder::Softphone => known.next(),
            // Whoever registers us says whose the account is, also when that is another than it was.
            Holder::Trunk { realm: None } if to_register => known.clone().find(of_realm).or_else(|| known.next()),
            Holder::Trunk { realm: None } if self.learned.is_none() => None,
            Holder::Trunk { .. } => known.find(of_realm),
        };
        let Some(challenge) = chosen.cloned() else {
            self.unanswered = Some((Unanswered::of(&challenges), to_register));
            return false;
        };
        self.unanswered = None;
        if to_register {
            self.learned = Some(challenge.realm.clone());
        }
        let of = match &self.account.holder {
            Holder::Softphone => Use::All,
            Holder::Trunk { .. } => match shown {
                Shown::Register => Use::Register,
                Shown::Ours => Use::Calls,
                Shown::Theirs(call_id) => Use::Theirs(call_id.into()),
            },
        };
        self.known.retain(|known| known.header != header || !known.of.is_like(&of));
        self.known.push(Known { challenge, count: 0, cnonce: String::new(), header, of });
        true
    }

    /// Adds credentials for what is known of.
    pub fn prove(&mut self, request: &mut Request, cnonce: &str, shown: Shown<'_>) {
        let (uri, account) = (request.uri.to_string(), &self.account);
        let proved = Proved { method: &request.method.clone(), uri: &uri, body: &request.body.clone() };
        for known in self.known.iter_mut().filter(|known| known.of.fits(shown)) {
            let Known { challenge, count, cnonce: own, header, .. } = known;
            if *count == 0 {
                *own = cnonce.to_string();
            }
            *count += 1;
            let credentials = digest::answer(challenge, proved, &account.username, &account.password, *count, own);
            if let Some(credentials) = credentials {
                request.headers.set(*header, credentials.to_string());
            }
        }
    }
}

/// The challenges of a 401 or 407, and the header of the answers, RFC 3261 §22.2 and §22.3.
fn asked_by(response: &Response) -> (&'static str, Vec<Challenge>) {
    let (name, header) = match response.status {
        407 => ("Proxy-Authenticate", "Proxy-Authorization"),
        _ => ("WWW-Authenticate", "Authorization"),
    };
    (header, response.headers.challenges(name))
}

/// `shown`: realm and nonce of the credentials that were there. Only where the nonce alone is stale others may help; what
/// nobody here knows how to answer says nothing of them.
fn is_refused(asked: &Challenge, shown: &[(&str, &str)]) -> bool {
    !asked.stale && digest::is_known(asked) && shown.contains(&(&asked.realm, &asked.nonce))
}

/// RFC 3261 §22.2: whether the credentials of this request were refused, and not only their nonce: they would be again.
pub(super) fn are_refused(sent: &Request, response: &Response) -> bool {
    shown_in(sent, response, |asked, own| is_refused(asked, &[(&own.realm, &own.nonce)]))
}

/// Whether who saw credentials of ours asks for them anew, though it does not say that only their nonce was old.
pub(super) fn are_distrusted(sent: &Request, response: &Response) -> bool {
    shown_in(sent, response, |asked, own| !asked.stale && digest::is_known(asked) && asked.realm == own.realm)
}

fn shown_in(sent: &Request, response: &Response, is_meant: impl Fn(&Challenge, &Credentials) -> bool) -> bool {
    let (header, challenges) = asked_by(response);
    let credentials = sent.headers.credentials(header);
    challenges.iter().any(|asked| credentials.iter().any(|own| is_meant(asked, own)))
}

/// Seconds in a Retry-After; what else stands there is a comment or a parameter, RFC 3261 §20.33.
pub(super) fn retry_after(headers: &Headers) -> Option<Duration> {
    /// Whoever says more does not know.
    const MOST: u64 = 3600;
    let text = headers.get("Retry-After")?.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).map_or(text, |end| &text[..end]);
    let seconds: u64 = if digits.len() > 9 { MOST } else { digits.parse().ok()? };
    Some(Duration::from_secs(seconds.min(MOST)))
}
