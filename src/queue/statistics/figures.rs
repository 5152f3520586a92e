//! What is counted of contacts and of operators, and the figures that follow.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::ids::Reason;
use crate::queue::words::LateCause;

/// Contacts of one interval: all that joined in it, whenever they were answered or left. Who gave up within the
/// queue's `short_abandon` is only in `short_abandoned`; an operator who waited beside a talk, and withdrew, in none.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Contacts {
    pub offered: u64,
    pub answered: u64,
    /// Answered within the queue's `answer_within`.
    pub answered_within: u64,
    pub abandoned: u64,
    pub abandoned_within: u64,
    pub short_abandoned: u64,
    /// Sent on by a rule: to another queue, outside, to a message, or away.
    pub overflowed: u64,
    /// Took a callback.
    pub callbacks: u64,
    /// Left by a key, but for callbacks.
    pub left_by_key: u64,
    /// Lost to a restart of the process.
    pub restarted: u64,
    /// Put into another queue by a supervisor while they waited: offered there, and missed by nobody here.
    pub moved: u64,
    pub waiting: u64,
    /// Who wait and whose time is not up: neither in time nor missed yet.
    pub undecided: u64,

    /// Sum of the waits of the answered.
    #[serde(rename = "wait_ms", serialize_with = "millis")]
    pub wait: Duration,
    /// Of all who were offered, whether answered, gone or waiting still, but for those who were moved or took a
    /// callback.
    #[serde(rename = "longest_wait_ms", serialize_with = "millis")]
    pub longest_wait: Duration,
    #[serde(rename = "talk_ms", serialize_with = "millis")]
    pub talk: Duration,
    #[serde(rename = "hold_ms", serialize_with = "millis")]
    pub hold: Duration,
    #[serde(rename = "wrap_up_ms", serialize_with = "millis")]
    pub wrap_up: Duration,
    /// Talks that are over.
    pub handled: u64,

    pub offers: u64,
    pub offers_no_answer: u64,
    pub offers_rejected: u64,
    pub offers_failed: u64,

    /// Answered contacts of which a wait was foreseen, the sum of |foreseen - actual|, and how many were answered
    /// within the foreseen 80th percentile.
    pub foreseen: u64,
    #[serde(rename = "foreseen_error_ms", serialize_with = "millis")]
    pub foreseen_error: Duration,
    pub foreseen_within_p80: u64,

    /// Somebody later was asked for first: with a reason, and without one (a fault of the engine's).
    pub passed: u64,
    pub passed_unexplained: u64,
    /// Why contacts missed the service level: one cause each.
    pub late: BTreeMap<LateCause, u64>,
}

/// The four forms of the service level, by the formula of each. Who waits and whose time is not up is not among the
/// offered here: nobody knows yet. Nor is whom a supervisor moved: they count where they went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceLevel {
    /// Answered in time / offered. The default.
    Strict,
    /// (Answered in time + abandoned in time) / offered.
    AbandonedCount,
    /// Answered in time / (offered - abandoned in time).
    AbandonedExcluded,
    /// Answered in time / answered.
    OfAnswered,
}

impl ServiceLevel {
    pub const ALL: [ServiceLevel; 4] =
        [ServiceLevel::Strict, ServiceLevel::AbandonedCount, ServiceLevel::AbandonedExcluded, ServiceLevel::OfAnswered];

    pub fn formula(self) -> &'static str {
        match self {
            ServiceLevel::Strict => "answered in time / offered",
            ServiceLevel::AbandonedCount => "(answered in time + abandoned in time) / offered",
            ServiceLevel::AbandonedExcluded => "answered in time / (offered - abandoned in time)",
            ServiceLevel::OfAnswered => "answered in time / answered",
        }
    }
}

impl Contacts {
    /// The offered of whom it is known whether they were answered in time.
    pub fn decided(&self) -> u64 {
        self.offered.saturating_sub(self.undecided + self.moved)
    }

    /// A share from 0 to 1; `None` where nothing was decided.
    pub fn service_level(&self, form: ServiceLevel) -> Option<f64> {
        let (part, whole) = match form {
            ServiceLevel::Strict => (self.answered_within, self.decided()),
            ServiceLevel::AbandonedCount => (self.answered_within + self.abandoned_within, self.decided()),
            ServiceLevel::AbandonedExcluded => {
                (self.answered_within, self.decided().saturating_sub(self.abandoned_within))
            }
            ServiceLevel::OfAnswered => (self.answered_within, self.answered),
        };
        share(part, whole)
    }

    /// Average speed of answer.
    pub fn asa(&self) -> Option<Duration> {
        mean(self.wait, self.answered)
    }

    /// Average handle time: talk (hold included) and wrap-up.
    pub fn aht(&self) -> Option<Duration> {
        mean(self.talk + self.wrap_up, self.handled)
    }

    pub fn abandonment(&self) -> Option<f64> {
        share(self.abandoned, self.offered)
    }

    /// Offers that rang in vain, of all offers.
    pub fn rona_rate(&self) -> Option<f64> {
        share(self.offers_no_answer, self.offers)
    }

    /// Mean of |foreseen - actual wait|.
    pub fn foreseen_error(&self) -> Option<Duration> {
        mean(self.foreseen_error, self.foreseen)
    }

    /// Nobody is lost: offered = answered + abandoned + overflowed + callbacks + left by key + restarted + moved +
    /// waiting.
    pub fn conserves(&self) -> bool {
        let by_themselves = self.answered + self.abandoned + self.callbacks + self.left_by_key;
        let by_the_house = self.overflowed + self.restarted + self.moved;
        self.offered == by_themselves + by_the_house + self.waiting
    }

    /// The 15-second ledger: those who missed the service level, by cause. The causes sum to the gap, that is to
    /// offered - answered in time - undecided - moved.
    pub fn ledger(&self) -> (u64, &BTreeMap<LateCause, u64>) {
        (self.late.values().sum(), &self.late)
    }
}

impl AddAssign<&Contacts> for Contacts {
    fn add_assign(&mut self, other: &Contacts) {
        self.offered += other.offered;
        self.answered += other.answered;
        self.answered_within += other.answered_within;
        self.abandoned += other.abandoned;
        self.abandoned_within += other.abandoned_within;
        self.short_abandoned += other.short_abandoned;
        self.overflowed += other.overflowed;
        self.callbacks += other.callbacks;
        self.left_by_key += other.left_by_key;
        self.restarted += other.restarted;
        self.moved += other.moved;
        self.waiting += other.waiting;
        self.undecided += other.undecided;
        self.wait += other.wait;
        self.longest_wait = self.longest_wait.max(other.longest_wait);
        self.talk += other.talk;
        self.hold += other.hold;
        self.wrap_up += other.wrap_up;
        self.handled += other.handled;
        self.offers += other.offers;
        self.offers_no_answer += other.offers_no_answer;
        self.offers_rejected += other.offers_rejected;
        self.offers_failed += other.offers_failed;
        self.foreseen += other.foreseen;
        self.foreseen_error += other.foreseen_error;
        self.foreseen_within_p80 += other.foreseen_within_p80;
        self.passed += other.passed;
        self.passed_unexplained += other.passed_unexplained;
        for (cause, count) in &other.late {
            *self.late.entry(*cause).or_default() += count;
        }
    }
}

fn whole(time: &Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn millis<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(whole(time))
}

fn millis_each<S: Serializer>(times: &BTreeMap<Reason, Duration>, to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(times.iter().map(|(reason, time)| (reason, whole(time))))
}

/// How operators spent an interval.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Presence {
    #[serde(rename = "ready_ms", serialize_with = "millis")]
    pub ready: Duration,
    /// Ringing, talking, holding, kept free for a callback.
    #[serde(rename = "busy_ms", serialize_with = "millis")]
    pub busy: Duration,
    #[serde(rename = "wrap_up_ms", serialize_with = "millis")]
    pub wrap_up: Duration,
    #[serde(rename = "outbound_ms", serialize_with = "millis")]
    pub outbound: Duration,
    #[serde(rename = "unreachable_ms", serialize_with = "millis")]
    pub unreachable: Duration,
    #[serde(rename = "not_ready_ms", serialize_with = "millis_each")]
    pub not_ready: BTreeMap<Reason, Duration>,
}

impl Presence {
    /// The busy share of the time staffed: busy, wrap-up and ready.
    pub fn occupancy(&self) -> Option<f64> {
        let busy = self.busy + self.wrap_up;
        let staffed = busy + self.ready;
        (!staffed.is_zero()).then(|| busy.as_secs_f64() / staffed.as_secs_f64())
    }

    pub fn signed_in(&self) -> Duration {
        let not_ready: Duration = self.not_ready.values().sum();
        self.ready + self.busy + self.wrap_up + self.outbound + self.unreachable + not_ready
    }
}

impl AddAssign<&Presence> for Presence {
    fn add_assign(&mut self, other: &Presence) {
        self.ready += other.ready;
        self.busy += other.busy;
        self.wrap_up += other.wrap_up;
        self.outbound += other.outbound;
        self.unreachable += other.unreachable;
        for (reason, time) in &other.not_ready {
            *self.not_ready.entry(reason.clone()).or_default() += *time;
        }
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn mean(sum: Duration, count: u64) -> Option<Duration> {
    (count > 0).then(|| Duration::from_secs_f64(sum.as_secs_f64() / count as f64))
}
