//! Whether messages wait: told by whoever takes them from the sockets, as it alone can see that more are there.

use std::time::Duration;

use crate::moment::Moment;

/// Whoever has more messages to take comes back within this; later, nothing was waiting in between.
const BACK_AT_ONCE: Duration = Duration::from_millis(250);

/// Since when there was always more. The oldest message has waited for so long at most.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backlog {
    since: Option<Moment>,
    seen: Moment,
}

impl Backlog {
    /// Messages are about to be taken, or were: are there more?
    pub fn saw(&mut self, now: Moment, more: bool) {
        let before = self.since.filter(|_| now.since(self.seen) <= BACK_AT_ONCE);
        self.since = more.then(|| before.unwrap_or(now));
        self.seen = now;
    }

    pub fn is_longer_than(&self, now: Moment, limit: Duration) -> bool {
        let waits = self.since.filter(|_| now.since(self.seen) <= BACK_AT_ONCE);
        waits.is_some_and(|since| now.since(since) > limit)
    }
}
