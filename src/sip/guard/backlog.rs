//! Whether messages wait: told by whoever takes them from the sockets, as it alone can see that more are there.

use std::time::Duration;

use crate::moment::Moment;

/// Since when there was always more. The oldest message has waited for so long at most. Only who looked and found nothing
/// says that it is over, however long it takes until then: a house that is slow is behind most of all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backlog {
    since: Option<Moment>,
}

impl Backlog {
    /// Messages were taken from `now` on: are there more?
    pub fn saw(&mut self, now: Moment, more: bool) {
        self.since = more.then(|| self.since.unwrap_or(now));
    }

    pub fn is_longer_than(&self, now: Moment, limit: Duration) -> bool {
        self.since.is_some_and(|since| now.since(since) > limit)
    }
}
