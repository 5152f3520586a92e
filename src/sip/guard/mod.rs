//! Who is heard: what strangers may send before it is read, who asks for nothing but refusals, and who is not heard for a
//! while. Counts by household, never by seat: nobody can lock a seat by guessing at it.
//!
//! Does not know messages, nor who is no stranger: trunks and phones that are registered do not come here.

mod backlog;
mod bucket;
mod source;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use tracing::warn;

use crate::moment::Moment;
use crate::peers::household;
pub(super) use backlog::Backlog;
use bucket::Bucket;
use source::Source;

/// Households that are told apart; all others count as one together. A line of the table is forgotten as soon as it says
/// nothing, so that a flood with forged senders does not fill it for long.
const MAX_SOURCES: usize = 20_000;
/// So often the table is looked through for lines that say nothing, if it is full.
const SWEEP: Duration = Duration::from_secs(1);
/// What may come at once, in seconds of the rate: phones start together after a power cut.
const AT_ONCE: u32 = 4;
/// Lines of the security log in a second, from all households together, and at once: a flood fills no disk.
const LINES: u32 = 20;

/// The limits for those who were not let in yet, as the admin meant them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Messages in a second from one household; what is beyond is dropped unread.
    pub household_rate: u32,
    /// The same from all households together.
    pub strangers_rate: u32,
    /// Challenges that a household may leave unanswered, and how many of them are forgiven in a second.
    pub unproven: u32,
    pub unproven_rate: u32,
    /// Refusals, each one point, after which a household is not heard; half of them are forgotten after `forget`.
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
    /// Its household is not heard, but phones that are registered live there: only what belongs to one of them.
    Narrow,
    /// Not at all, unread.
    Shut,
}

/// What a stranger did.
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
    /// Challenges that were not given because too many were left unanswered.
    pub unchallenged: u64,
    pub guessed: u64,
    pub scanned: u64,
    pub bans: u64,
    /// New calls that were refused because the house was behind.
    pub shed: u64,
}

pub struct Guard {
    limits: Limits,
    sources: BTreeMap<IpAddr, Source>,
    /// All that find no line in the table.
    others: Source,
    all: Bucket,
    lines: Bucket,
    swept: Moment,
    counts: Counts,
}

impl Guard {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            sources: BTreeMap::new(),
            others: Source::default(),
            all: Bucket::default(),
            lines: Bucket::default(),
            swept: Moment::default(),
            counts: Counts::default(),
        }
    }

    /// Other limits; what is known of households stays.
    pub fn set(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Something came from a stranger. `has_phones`: phones that are registered are in the same household.
    pub fn arrives(&mut self, now: Moment, ip: IpAddr, has_phones: bool) -> Entry {
        let Limits { household_rate, strangers_rate, .. } = self.limits;
        let source = self.source(now, ip);
        let is_banned = source.is_banned(now);
        let ended = source.ban_ended(now);
        let points = source.due(now);
        let fits = source.arrivals.take(now, household_rate, household_rate * AT_ONCE);
        if ended {
            self.log(now, ip, "heard-again", "");
        }
        if points > 0.0 {
            self.suspect(now, ip, points, "unproven");
        }
        if is_banned {
            self.counts.unheard += 1;
            return if has_phones && fits { Entry::Narrow } else { Entry::Shut };
        }
        if !fits || !self.all.take(now, strangers_rate, strangers_rate * 2) {
            self.counts.limited += 1;
            if self.source(now, ip).says(now) {
                self.log(now, ip, "slowed", "");
            }
            return Entry::Shut;
        }
        if self.source(now, ip).is_banned(now) { Entry::Shut } else { Entry::Open }
    }

    /// Whether a household is challenged once more: most of those before have to be answered rightly.
    pub fn may_challenge(&mut self, now: Moment, ip: IpAddr) -> bool {
        let (most, rate) = (self.limits.unproven, self.limits.unproven_rate);
        let may = self.source(now, ip).challenge(now, rate, most);
        if !may {
            self.counts.unchallenged += 1;
            if self.source(now, ip).says(now) {
                self.log(now, ip, "slowed", "");
            }
        }
        may
    }

    /// Somebody there proved who he is.
    pub fn proven(&mut self, ip: IpAddr) {
        if let Some(source) = self.sources.get_mut(&household(ip)) {
            source.proved();
        }
    }

    /// A stranger did something that is held against his household.
    pub fn did(&mut self, now: Moment, ip: IpAddr, deed: Deed) {
        match deed {
            Deed::Scanned => {
                self.counts.scanned += 1;
                let all = f64::from(self.limits.ban_after);
                self.suspect(now, ip, all, "scanner");
            }
            Deed::Guessed => {
                self.counts.guessed += 1;
                self.source(now, ip).answered();
                if self.source(now, ip).says(now) {
                    self.log(now, ip, "wrong-secret", "");
                }
                self.suspect(now, ip, 1.0, "wrong-secret");
            }
            Deed::Refused => self.suspect(now, ip, 1.0, "refused"),
        }
    }

    /// Whether that is the name of a program that looks for telephones to abuse.
    pub fn is_scanner(&self, user_agent: &str) -> bool {
        let name = user_agent.to_ascii_lowercase();
        self.limits.scanners.iter().any(|scanner| name.contains(scanner.as_str()))
    }

    /// A new call was refused because the house was behind.
    pub fn shed(&mut self) {
        self.counts.shed += 1;
    }

    pub fn behind_after(&self) -> Duration {
        self.limits.behind_after
    }

    pub fn counts(&self) -> Counts {
        self.counts
    }

    fn suspect(&mut self, now: Moment, ip: IpAddr, points: f64, why: &str) {
        let limits = self.limits.rates();
        let Some(length) = self.source(now, ip).suspect(now, points, &limits) else { return };
        self.counts.bans += 1;
        self.log(now, ip, "ban", &format!(" reason={why} seconds={}", length.as_secs()));
    }

    fn source(&mut self, now: Moment, ip: IpAddr) -> &mut Source {
        let key = household(ip);
        if self.sources.len() >= MAX_SOURCES && !self.sources.contains_key(&key) {
            if now.since(self.swept) >= SWEEP {
                self.swept = now;
                let limits = self.limits.rates();
                self.sources.retain(|_, source| source.says_something(now, &limits));
            }
            if self.sources.len() >= MAX_SOURCES {
                return &mut self.others;
            }
        }
        self.sources.entry(key).or_default()
    }

    /// One line for people and for programs that watch the log; nothing in it was written by a stranger.
    fn log(&mut self, now: Moment, ip: IpAddr, event: &str, more: &str) {
        if self.lines.take(now, LINES, LINES) {
            warn!("security {event} address={}{more}", ip.to_canonical());
        }
    }
}
