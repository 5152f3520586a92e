//! So many in a second, and some at once.

use crate::moment::Moment;

/// Full when it is new.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bucket {
    /// What was taken and has not come back yet.
    taken: f64,
    at: Moment,
}

impl Bucket {
    /// Takes one if there is one: `rate` come back in a second, it holds `most`.
    pub fn take(&mut self, now: Moment, rate: u32, most: u32) -> bool {
        self.refill(now, rate);
        let fits = self.taken + 1.0 <= f64::from(most);
        if fits {
            self.taken += 1.0;
        }
        fits
    }

    /// Gives one back.
    pub fn give(&mut self) {
        self.taken = (self.taken - 1.0).max(0.0);
    }

    pub fn is_full(&self, now: Moment, rate: u32) -> bool {
        self.taken <= now.since(self.at).as_secs_f64() * f64::from(rate)
    }

    fn refill(&mut self, now: Moment, rate: u32) {
        self.taken = (self.taken - now.since(self.at).as_secs_f64() * f64::from(rate)).max(0.0);
        self.at = self.at.max(now);
    }
}
