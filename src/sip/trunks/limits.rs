//! How many calls a trunk carries at once, and how many new ones a second: as many as were bought of the carrier.

use std::time::Duration;

use tracing::warn;

use super::Standing;
use super::words::NoRoom;
use crate::moment::Moment;

/// One line of the log tells what was refused within this.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// Why a call does not go over a trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sip) enum Full {
    /// All channels are taken.
    Channels,
    /// There were as many new calls within the second as there may be.
    Pace,
}

/// New calls within a second: as many at once as in a second, then one by one as room is made.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    /// When all that came so far would have come if they had come evenly.
    even: Moment,
}

impl Pace {
    fn has_room(self, now: Moment, per_second: u32) -> bool {
        let second = Duration::from_secs(1);
        now + second >= self.even + second / per_second.max(1)
    }

    fn count(&mut self, now: Moment, per_second: u32) {
        self.even = self.even.max(now) + Duration::from_secs(1) / per_second.max(1);
    }
}

/// Calls for which there was no room.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Refusals {
    counts: NoRoom,
    /// Since the log told of them, and when it did.
    untold: u64,
    told_at: Option<Moment>,
}

impl Refusals {
    pub fn counts(&self) -> NoRoom {
        self.counts
    }

    /// How many there were since the last line, where there is to be another.
    fn count(&mut self, now: Moment, full: Full) -> Option<u64> {
        match full {
            Full::Channels => self.counts.channels += 1,
            Full::Pace => self.counts.calls_per_second += 1,
        }
        self.untold += 1;
        if self.told_at.is_some_and(|at| now < at + TOLD_EVERY) {
            return None;
        }
        self.told_at = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

impl Standing {
    /// Whether another call may go over it, in or out; counted and told where it may not.
    pub fn ask_for_room(&mut self, now: Moment) -> Result<(), Full> {
        self.room(now).inspect_err(|full| {
            let (limit, most) = match full {
                Full::Channels => ("channels", self.trunk.channels.map(|most| most as u64)),
                Full::Pace => ("calls_per_second", self.trunk.calls_per_second.map(u64::from)),
            };
            if let Some(calls) = self.refusals.count(now, *full) {
                let (trunk, most) = (&self.trunk.id, most.unwrap_or_default());
                warn!(%trunk, limit, most, calls, "no room for calls");
            }
        })
    }

    fn room(&self, now: Moment) -> Result<(), Full> {
        if self.trunk.channels.is_some_and(|most| self.calls >= most) {
            return Err(Full::Channels);
        }
        match self.trunk.calls_per_second {
            Some(per_second) if !self.pace.has_room(now, per_second) => Err(Full::Pace),
            _ => Ok(()),
        }
    }

    /// One more call, in or out.
    pub fn enter(&mut self, now: Moment) {
        self.calls += 1;
        if let Some(per_second) = self.trunk.calls_per_second {
            self.pace.count(now, per_second);
        }
    }

    pub fn leave(&mut self) {
        self.calls = self.calls.saturating_sub(1);
    }
}
