//! How often wrong secrets came from where: whoever guesses is slowed down, and shows in the log.
//!
//! Counts by source, never by seat: nobody can lock a seat by guessing at it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use tracing::warn;

use crate::moment::Moment;
use crate::peers::household;

const WINDOW: Duration = Duration::from_secs(60);
/// Wrong secrets from one source in a window. An office has all its phones behind one address, and some of them
/// are set up wrongly; a phone tries once in some seconds.
const MOST: u32 = 100;
/// Sources counted in a window; beyond it, whoever guesses has too many addresses to be slowed by counting them.
const MAX_SOURCES: usize = 10_000;

#[derive(Default)]
pub struct Guesses {
    since: Moment,
    wrong: BTreeMap<IpAddr, u32>,
}

impl Guesses {
    /// A wrong secret came from there.
    pub fn count(&mut self, now: Moment, from: IpAddr) {
        self.turn(now);
        let source = household(from);
        if self.wrong.len() >= MAX_SOURCES && !self.wrong.contains_key(&source) {
            return;
        }
        let wrong = self.wrong.entry(source).or_default();
        *wrong = wrong.saturating_add(1);
        if *wrong == MOST {
            warn!(%source, "{MOST} wrong secrets within a minute; more are refused unread for the rest of it");
        }
    }

    /// Whether what comes from there is not looked at any more.
    pub fn are_too_many(&mut self, now: Moment, from: IpAddr) -> bool {
        self.turn(now);
        self.wrong.get(&household(from)).is_some_and(|wrong| *wrong >= MOST)
    }

    /// Whoever is there is counted anew.
    pub fn forget(&mut self, from: IpAddr) {
        self.wrong.remove(&household(from));
    }

    fn turn(&mut self, now: Moment) {
        if now.since(self.since) >= WINDOW {
            self.since = now;
            self.wrong.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_guesses_is_slowed_and_nobody_else_and_not_for_ever() {
        let (mut guesses, now) = (Guesses::default(), Moment::from_micros(1_000_000_000));
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        for n in 0..MOST {
            assert!(!guesses.are_too_many(now, ip("192.0.2.1")), "{n}");
            guesses.count(now, ip("192.0.2.1"));
            guesses.count(now, ip(&format!("2001:db8:0:1::{n:x}")));
        }
        assert!(guesses.are_too_many(now, ip("192.0.2.1")));
        assert!(guesses.are_too_many(now, ip("2001:db8:0:1:ffff::")), "the same /64");
        assert!(!guesses.are_too_many(now, ip("192.0.2.2")));
        assert!(!guesses.are_too_many(now + WINDOW, ip("192.0.2.1")));
    }

    #[test]
    fn sources_are_bounded() {
        let (mut guesses, now) = (Guesses::default(), Moment::from_micros(1_000_000_000));
        for n in 0..2 * MAX_SOURCES as u32 {
            guesses.count(now, IpAddr::V4(n.into()));
        }
        assert_eq!(guesses.wrong.len(), MAX_SOURCES);
    }
}
