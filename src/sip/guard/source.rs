//! What is known of one household.

use std::net::IpAddr;
use std::time::Duration;

use super::bucket::Bucket;
use super::knocks::Knocks;
use super::{Ban, Limits, Reason};
use crate::moment::Moment;
use crate::peers::household;

/// A challenge that is not answered rightly within this was not meant to be: 64 × T1, the longest a request lives.
const PROVES_WITHIN: Duration = Duration::from_secs(32);
/// What is told of a household again and again is told so often.
const SAYS: Duration = Duration::from_secs(1);
/// The points that go for each proof: where many phones are set up rightly some may be set up wrongly.
const FORGIVEN: f64 = 2.0;
/// Bans are doubled so many times at most.
const DOUBLED: u32 = 16;

/// The part of the limits that a household is measured by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    pub household_rate: u32,
    pub unproven_rate: u32,
    pub ban_after: f64,
    pub forget: Duration,
    pub ban: Duration,
    pub ban_longest: Duration,
}

impl Limits {
    pub(super) fn rates(&self) -> Rates {
        let Limits { household_rate, unproven_rate, forget, ban, ban_longest, .. } = *self;
        Rates { household_rate, unproven_rate, ban_after: f64::from(self.ban_after), forget, ban, ban_longest }
    }
}

#[derive(Debug, Default)]
pub(super) struct Source {
    pub arrivals: Bucket,
    /// What was said while it was not heard.
    pub knocks: Knocks,
    /// Challenges that nobody has answered rightly.
    challenges: Bucket,
    /// Of these the ones of the present stretch, those of the one before, and when it began.
    fresh: u32,
    overdue: u32,
    turned: Moment,
    points: f64,
    points_at: Moment,
    ban: Option<Ban>,
    bans: u32,
    /// Bans are remembered so long.
    remembered_until: Moment,
    said: Option<Moment>,
}

impl Source {
    pub fn is_banned(&self, now: Moment) -> bool {
        self.ban(now).is_some()
    }

    /// That it is not heard, if it is not.
    pub fn ban(&self, now: Moment) -> Option<Ban> {
        self.ban.filter(|ban| now < ban.until)
    }

    /// A ban is over; said once.
    pub fn ban_ended(&mut self, now: Moment) -> bool {
        self.ban.take_if(|ban| ban.until <= now).is_some()
    }

    /// Takes a challenge, if one is left.
    pub fn challenge(&mut self, now: Moment, rate: u32, most: u32) -> bool {
        let may = self.challenges.take(now, rate, most);
        self.fresh += u32::from(may);
        may
    }

    /// A challenge was answered rightly.
    pub fn kept_word(&mut self) {
        self.challenges.give();
        self.answered();
    }

    pub fn forgive(&mut self) {
        self.points = (self.points - FORGIVEN).max(0.0);
    }

    /// A challenge was answered, rightly or not.
    pub fn answered(&mut self) {
        match self.overdue {
            0 => self.fresh = self.fresh.saturating_sub(1),
            _ => self.overdue -= 1,
        }
    }

    /// The points for challenges that were not answered in time; each counts once.
    pub fn due(&mut self, now: Moment) -> f64 {
        let passed = now.since(self.turned);
        if passed < PROVES_WITHIN {
            return 0.0;
        }
        let mut points = std::mem::take(&mut self.overdue);
        let fresh = std::mem::take(&mut self.fresh);
        if passed >= 2 * PROVES_WITHIN {
            points += fresh
        } else {
            self.overdue = fresh
        }
        self.turned = now;
        f64::from(points)
    }

    /// How long it is banned for, if that was the last drop.
    pub fn suspect(
        &mut self,
        now: Moment,
        ip: IpAddr,
        points: f64,
        reason: Reason,
        limits: &Rates,
    ) -> Option<Duration> {
        self.forget(now, limits.forget);
        self.points += points;
        if self.points < limits.ban_after || self.is_banned(now) || limits.ban.is_zero() {
            return None;
        }
        if now >= self.remembered_until {
            self.bans = 0;
        }
        let length = limits.ban.saturating_mul(1 << self.bans.min(DOUBLED)).min(limits.ban_longest.max(limits.ban));
        self.bans += 1;
        self.points = 0.0;
        (self.fresh, self.overdue) = (0, 0);
        let (household, address) = (household(ip), ip.to_canonical());
        self.ban = Some(Ban { household, address, since: now, until: now + length, reason });
        self.remembered_until = now + length * 2;
        Some(length)
    }

    /// Whether something is told of it now that is not told again for a while.
    pub fn says(&mut self, now: Moment) -> bool {
        let says = self.said.is_none_or(|said| now.since(said) >= SAYS);
        if says {
            self.said = Some(now);
        }
        says
    }

    /// Whether anything would be lost if it was forgotten.
    pub fn says_something(&self, now: Moment, limits: &Rates) -> bool {
        let weight = self.points * halved(now.since(self.points_at), limits.forget);
        !self.arrivals.is_full(now, limits.household_rate)
            || !self.challenges.is_full(now, limits.unproven_rate)
            || (self.fresh + self.overdue > 1 && now.since(self.turned) < 4 * PROVES_WITHIN)
            || self.knocks.say_something(now)
            || weight >= 1.0
            || now < self.remembered_until
    }

    fn forget(&mut self, now: Moment, half: Duration) {
        self.points *= halved(now.since(self.points_at), half);
        self.points_at = now;
    }
}

/// What is left of one after that time.
fn halved(passed: Duration, half: Duration) -> f64 {
    if half.is_zero() { 0.0 } else { 0.5_f64.powf(passed.as_secs_f64() / half.as_secs_f64()) }
}
