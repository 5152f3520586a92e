//! The one place where time is read.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::moment::Moment;

/// Moments from the monotonic clock, set once from the wall clock: a step of the wall clock moves
/// nothing, and no moment lies before those of an earlier process.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
    base: Moment,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "the clock is the place for it")]
    pub fn start() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self { start: Instant::now(), base: Moment::default() + wall }
    }

    /// The same clock, moved on so that it begins after `earlier`.
    pub fn not_before(mut self, earlier: Moment) -> Self {
        let now = self.now();
        self.base = self.base + earlier.since(now);
        self
    }

    #[expect(clippy::disallowed_methods, reason = "the clock is the place for it")]
    pub fn now(&self) -> Moment {
        self.base + Instant::now().duration_since(self.start)
    }

    /// How far the wall clock is from this one by now, whichever is ahead: it was set, or the machine slept.
    #[expect(clippy::disallowed_methods, reason = "the clock is the place for it")]
    pub fn differs(&self) -> Duration {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let (wall, now) = (Moment::default() + wall, self.now());
        wall.since(now).max(now.since(wall))
    }

    /// When the runtime's timer has to wake us for `at`.
    pub fn instant(&self, at: Moment) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.start + at.since(self.base))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_back_still_begins_after_the_former_process() {
        let clock = Clock::start();
        let ahead = clock.now() + Duration::from_secs(3600);
        let moved = clock.not_before(ahead);
        assert!(moved.now() >= ahead);
        assert!(moved.now().since(ahead) < Duration::from_secs(60));
        assert!(moved.differs() > Duration::from_secs(3500) && clock.differs() < Duration::from_secs(60));
    }
}
