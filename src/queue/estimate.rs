//! How long a contact will wait, as far as that can be said.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Assumed until talks were measured.
const FIRST_HANDLE_TIME: Duration = Duration::from_secs(180);
/// Each new talk counts for one part in so many: about the last twenty talks decide.
const SMOOTHING: u64 = 16;

/// Mean time an operator is busy with one contact of a queue: talk and wrap-up.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct HandleTime(u64);

impl Default for HandleTime {
    fn default() -> Self {
        Self(u64::try_from(FIRST_HANDLE_TIME.as_micros()).unwrap_or(u64::MAX))
    }
}

impl HandleTime {
    pub fn learn(&mut self, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.0 = self.0 - self.0 / SMOOTHING + took / SMOOTHING;
    }

    /// The wait at `place` (1: next) with `serving` operators at work and `ready` of them free.
    /// `None`: nobody serves, so nothing can be said.
    pub fn wait(&self, place: usize, serving: usize, ready: usize) -> Option<Duration> {
        if serving == 0 {
            return None;
        }
        let ahead = place.saturating_sub(ready) as u64;
        Some(Duration::from_micros(self.0.saturating_mul(ahead) / serving as u64))
    }
}
