//! How many calls a trunk carries at once, and how many new ones a second: as many as were bought of the carrier.

use std::time::Duration;

use super::Standing;
use crate::moment::Moment;

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

impl Standing {
    pub fn room(&self, now: Moment) -> Result<(), Full> {
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
