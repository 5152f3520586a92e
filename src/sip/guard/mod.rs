//! Who is heard: what strangers may send before it is read, who asks for nothing but refusals, and who is not heard for a
//! while. Counts by household, never by seat: nobody can lock a seat by guessing at it. Only those who proved that they are
//! where they seem to be are ever not heard: who sends datagrams in another's name can take nothing from him but the
//! answers that strangers get by datagram, and of a household that is not heard what little it may say by datagram.
//!
//! Does not know messages, nor who is no stranger: trunks and phones that are registered do not come here.

mod backlog;
mod bans;
mod bucket;
mod crowd;
mod knocks;
mod source;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tracing::warn;

use crate::moment::Moment;
use crate::tls::Distrust;
pub(super) use backlog::Backlog;
pub use bans::{Ban, Reason};
use crowd::Crowd;
use source::Source;

/// What may come at once, in seconds of the rate: phones start together after a power cut.
const AT_ONCE: u32 = 4;
/// Lines of the security log in a second, of all datagrams and of all others, and at once: a flood fills no disk.
const LINES: u32 = 20;
/// That calls are refused is said once in so long.
const SHED_TOLD_EVERY: Duration = Duration::from_secs(60);

/// The limits for those who were not let in yet, as the admin meant them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Messages in a second from one household; what is beyond is dropped unread.
    pub household_rate: u32,
    /// The same from all households together.
    pub strangers_rate: u32,
    /// Challenges that a household may leave unanswered, with refusals by datagram, and how many of them are forgiven in a
    /// second.
    pub unproven: u32,
    pub unproven_rate: u32,
    /// Refusals of those who are there, each one point, after which a household is not heard; half of them are forgotten
    /// after `forget`.
    pub ban_after: u32,
    pub forget: Duration,
    /// How long it is not heard the first time, twice as long each time after, and at most. Zero: never.
    pub ban: Duration,
    pub ban_longest: Duration,
    /// How long messages may wait before new calls are refused.
    pub behind_after: Duration,
    /// What the User-Agent of programs has in it that look for telephones to abuse; in small letters.
    pub scanners: Vec<String>,
}

impl Default for Limits {
    fn default() -> Self {
        let scanners =
            ["friendly-scanner", "sipvicious", "sipcli", "sip-scan", "sipscan", "sundayddr", "pplsip", "iwar"];
        Self {
            household_rate: 500,
            strangers_rate: 5_000,
            unproven: 200,
            unproven_rate: 5,
            ban_after: 100,
            forget: Duration::from_secs(300),
            ban: Duration::from_secs(600),
            ban_longest: Duration::from_secs(24 * 3600),
            behind_after: Duration::from_millis(500),
            scanners: scanners.map(String::from).to_vec(),
        }
    }
}

/// How a message that arrives is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// As any other.
    Open,
    /// Its household is not heard: only what belongs to a phone that is registered there, and what [`Guard::may_knock`].
    Narrow,
    /// Not at all, unread.
    Shut,
}

/// How something came, and what that proves of who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Nothing: whose address it bears may know nothing of it.
    Datagram,
    /// He is there.
    Connection,
}

/// What a stranger did who is where he seems to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Showed itself as a program that looks for telephones to abuse.
    Scanned,
    /// Gave a wrong secret, or a name that is not known.
    Guessed,
    /// Asked for what is refused, or sent what cannot be read.
    Refused,
}

/// What the guard has done since the start, and does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages that were dropped unread because there were too many.
    pub limited: u64,
    /// Messages of households that are not heard.
    pub unheard: u64,
    /// Challenges, and refusals by datagram, that were not given because too many were left unanswered.
    pub unchallenged: u64,
    pub guessed: u64,
    pub scanned: u64,
    /// Certificates that were shown and for which nobody vouches.
    pub distrusted: u64,
    pub bans: u64,
    /// Bans that somebody of the house lifted.
    pub lifted: u64,
    /// New calls that were refused because the house was behind.
    pub shed: u64,
}

pub struct Guard {
    limits: Limits,
    /// What comes by datagram, by the address it bears.
    seeming: Crowd,
    /// Those who are there: by connection, and what was held against whoever else proved it.
    there: Crowd,
    counts: Counts,
    told_of_shed: Option<Moment>,
}

impl Guard {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            seeming: Crowd::default(),
            there: Crowd::default(),
            counts: Counts::default(),
            told_of_shed: None,
        }
    }

    /// Other limits; what is known of households stays.
    pub fn set(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Something came from a stranger. `has_phones`: phones that are registered are in the same household.
    pub fn arrives(&mut self, now: Moment, remote: SocketAddr, way: Way, has_phones: bool) -> Entry {
        let ip = remote.ip();
        let Limits { household_rate, strangers_rate, .. } = self.limits;
        if self.there.known(ip).is_some_and(|source| source.ban_ended(now)) {
            self.log(now, ip, Way::Connection, "heard-again", "");
        }
        // Whose address a datagram bears may never have seen the challenge.
        let points = if way == Way::Connection { self.source(now, ip, way).due(now) } else { 0.0 };
        if points > 0.0 {
            self.suspect(now, ip, points, Reason::Unproven);
        }
        let is_banned = self.is_banned(now, ip);
        let source = self.source(now, ip, way);
        let fits = source.arrivals.take(now, household_rate, household_rate * AT_ONCE);
        if is_banned {
            let is_read = fits && (has_phones || source.knocks.are_left(now, remote));
            self.counts.unheard += 1;
            return if is_read { Entry::Narrow } else { Entry::Shut };
        }
        if !fits || !self.crowd(way).all.take(now, strangers_rate, strangers_rate * 2) {
            self.counts.limited += 1;
            self.say(now, ip, way, "slowed", "");
            return Entry::Shut;
        }
        Entry::Open
    }

    /// Whether a REGISTER of nobody known is taken from a household that is not heard. What else comes uses up as much,
    /// so that not much of it is read.
    pub fn may_knock(&mut self, now: Moment, remote: SocketAddr, way: Way) -> bool {
        self.source(now, remote.ip(), way).knocks.take(now, remote)
    }

    /// Whether a household is told once more to prove who it is, or, by datagram, that it is refused: most challenges
    /// before have to be answered rightly.
    pub fn may_be_told(&mut self, now: Moment, ip: IpAddr, way: Way) -> bool {
        let (most, rate) = (self.limits.unproven, self.limits.unproven_rate);
        let may = self.source(now, ip, way).challenge(now, rate, most);
        if !may {
            self.counts.unchallenged += 1;
            self.say(now, ip, way, "slowed", "");
        }
        may
    }

    /// Somebody there proved who he is.
    pub fn proven(&mut self, remote: SocketAddr, way: Way) {
        let ip = remote.ip();
        if let Some(source) = self.crowd(way).known(ip) {
            source.kept_word();
            source.knocks.proven(remote);
        }
        if let Some(source) = self.there.known(ip) {
            source.forgive();
        }
    }

    /// A stranger who is there did something that is held against his household. Whether that is not heard from now on.
    pub fn did(&mut self, now: Moment, remote: SocketAddr, way: Way, deed: Deed) -> bool {
        let (ip, was_banned) = (remote.ip(), self.is_banned(now, remote.ip()));
        match deed {
            Deed::Scanned => {
                self.counts.scanned += 1;
                let all = f64::from(self.limits.ban_after);
                self.suspect(now, ip, all, Reason::Scanner);
            }
            Deed::Guessed => {
                self.counts.guessed += 1;
                let source = self.source(now, ip, way);
                source.answered();
                source.knocks.shut(remote);
                self.say(now, ip, Way::Connection, "wrong-secret", "");
                self.suspect(now, ip, 1.0, Reason::WrongSecret);
            }
            Deed::Refused => self.suspect(now, ip, 1.0, Reason::Refused),
        }
        let is_shut = !was_banned && self.is_banned(now, ip);
        if is_shut {
            // Others are listened to before whoever did it.
            let knocks = &mut self.source(now, ip, way).knocks;
            knocks.take(now, remote);
            knocks.shut(remote);
        }
        is_shut
    }

    /// A datagram looks like a scanner's: it may be anybody's.
    pub fn seems_to_scan(&mut self, now: Moment, ip: IpAddr) {
        self.counts.scanned += 1;
        self.say(now, ip, Way::Datagram, "scanner", "");
    }

    /// Somebody showed a certificate for which nobody vouches. No point: a carrier's may have grown too old.
    pub fn distrusted(&mut self, now: Moment, ip: IpAddr, why: Distrust) {
        self.counts.distrusted += 1;
        self.say(now, ip, Way::Connection, "certificate-refused", &format!(" reason={}", why.name()));
    }

    /// Whether that is the name of a program that looks for telephones to abuse.
    pub fn is_scanner(&self, user_agent: &str) -> bool {
        let name = user_agent.to_ascii_lowercase();
        self.limits.scanners.iter().any(|scanner| name.contains(scanner.as_str()))
    }

    /// A new call was refused because the house was behind.
    pub fn shed(&mut self, now: Moment) {
        self.counts.shed += 1;
        if self.told_of_shed.is_none_or(|told| now.since(told) >= SHED_TOLD_EVERY) {
            self.told_of_shed = Some(now);
            warn!(
                so_far = self.counts.shed,
                "too busy to take new calls: they get 503 with Retry-After until it has caught up"
            );
        }
    }

    pub fn behind_after(&self) -> Duration {
        self.limits.behind_after
    }

    pub fn counts(&self) -> Counts {
        self.counts
    }

    fn is_banned(&mut self, now: Moment, ip: IpAddr) -> bool {
        self.there.known(ip).is_some_and(|source| source.is_banned(now))
    }

    fn suspect(&mut self, now: Moment, ip: IpAddr, points: f64, reason: Reason) {
        let limits = self.limits.rates();
        // Those who have no line of their own are slowed together, and nobody is shut out for what another did.
        if !self.there.has_room(now, ip, &limits) {
            return;
        }
        let source = self.source(now, ip, Way::Connection);
        let Some(length) = source.suspect(now, ip, points, reason, &limits) else { return };
        self.counts.bans += 1;
        self.log(now, ip, Way::Connection, "ban", &format!(" reason={reason} seconds={}", length.as_secs()));
    }

    fn crowd(&mut self, way: Way) -> &mut Crowd {
        match way {
            Way::Datagram => &mut self.seeming,
            Way::Connection => &mut self.there,
        }
    }

    fn source(&mut self, now: Moment, ip: IpAddr, way: Way) -> &mut Source {
        let limits = self.limits.rates();
        self.crowd(way).source(now, ip, &limits)
    }

    /// What happens again and again is said now and then.
    fn say(&mut self, now: Moment, ip: IpAddr, way: Way, event: &str, more: &str) {
        if self.source(now, ip, way).says(now) {
            self.log(now, ip, way, event, more);
        }
    }

    /// One line for people and for programs that watch the log; nothing in it was written by a stranger. What may be
    /// forged keeps no line from those who are there.
    fn log(&mut self, now: Moment, ip: IpAddr, way: Way, event: &str, more: &str) {
        if self.crowd(way).lines.take(now, LINES, LINES) {
            warn!("security {event} address={}{more}", ip.to_canonical());
        }
    }
}
