//! How long a contact will wait: as the run ahead foresaw it, or by the pace of the line.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::decision::Tally;
use super::words::{Expected, ExpectedWaits};
use crate::moment::Moment;

/// Assumed until talks were measured.
const FIRST_HANDLE_TIME: Duration = Duration::from_secs(180);
/// Each new talk counts for one part in so many: about the last twenty talks decide.
const SMOOTHING: u64 = 16;
/// Handle times that are remembered one by one, for the run ahead.
const REMEMBERED: usize = 64;
/// What was foreseen is believed for so long.
const FORESIGHT: Duration = Duration::from_secs(60);
/// What was foreseen for whom somebody can be asked at once is believed up to this: about as long as a phone rings.
const RINGS: Duration = Duration::from_secs(10);
/// How much longer than the mean four of five waits are at most, when only the pace is known: a wait of several
/// service times spreads little, one service time much. 1.6 is the 80th percentile of an exponential wait.
const P80: (u64, u64) = (16, 10);

/// How fast a line moves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Pace {
    /// Mean time an operator is busy with one contact, talk and wrap-up, in microseconds.
    handle_time: u64,
    /// The last handle times, in milliseconds.
    handled: VecDeque<u32>,
    foreseen: ExpectedWaits,
    foreseen_at: Moment,
}

impl Default for Pace {
    fn default() -> Self {
        let handle_time = u64::try_from(FIRST_HANDLE_TIME.as_micros()).unwrap_or(u64::MAX);
        Self {
            handle_time,
            handled: VecDeque::new(),
            foreseen: ExpectedWaits::default(),
            foreseen_at: Moment::default(),
        }
    }
}

impl Pace {
    pub fn learn(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.handle_time = self.handle_time - self.handle_time / SMOOTHING + micros / SMOOTHING;
        if self.handled.len() == REMEMBERED {
            self.handled.pop_front();
        }
        self.handled.push_back(u32::try_from(took.as_millis()).unwrap_or(u32::MAX));
    }

    pub fn foresee(&mut self, now: Moment, waits: ExpectedWaits) {
        self.foreseen = waits;
        self.foreseen_at = now;
    }

    /// The last handle times (ms), oldest first; the assumed one if none is known.
    pub fn handled(&self) -> Vec<u32> {
        if self.handled.is_empty() {
            return vec![u32::try_from(self.handle_time / 1000).unwrap_or(u32::MAX)];
        }
        self.handled.iter().copied().collect()
    }

    /// The wait at `place` (1: next) as the run ahead found it, while that is fresh.
    pub fn foreseen(&self, now: Moment, place: usize) -> Option<Expected> {
        if now <= self.foreseen_at + FORESIGHT { self.foreseen.at(place) } else { None }
    }

    /// The wait at `place` (1: next), with those who could serve it standing so. `at_once`: somebody is ready who may be
    /// asked for it, whatever was foreseen when nobody was. `None`: nobody serves, so nothing can be said.
    pub fn wait(&self, now: Moment, place: usize, at_once: bool, tally: &Tally) -> Option<Expected> {
        if at_once {
            let rings = u64::try_from(RINGS.as_millis()).unwrap_or(u64::MAX);
            let foreseen = self.foreseen(now, place).filter(|foreseen| foreseen.p80_ms <= rings);
            return Some(foreseen.unwrap_or(Expected { median_ms: 0, p80_ms: 0 }));
        }
        let serving = u64::from(tally.ready + tally.busy + tally.wrap_up);
        if serving == 0 {
            return None;
        }
        if let Some(foreseen) = self.foreseen(now, place) {
            return Some(foreseen);
        }
        let ahead = place.saturating_sub(tally.ready as usize) as u64;
        let median_ms = self.handle_time.saturating_mul(ahead) / serving / 1000;
        Some(Expected { median_ms, p80_ms: median_ms.saturating_mul(P80.0) / P80.1 })
    }
}

impl ExpectedWaits {
    /// The wait at a place (1: next); between two known places in proportion. `None` beyond the last.
    pub fn at(&self, place: usize) -> Option<Expected> {
        let place = u32::try_from(place).ok()?;
        let after = self.0.iter().position(|(known, _)| *known >= place)?;
        let (upper, above) = self.0[after];
        let Some((lower, below)) = after.checked_sub(1).map(|before| self.0[before]) else { return Some(above) };
        let between = |from: u64, to: u64| {
            let (from, to) = (from as i128, to as i128);
            let (part, whole) = (i128::from(place - lower), i128::from((upper - lower).max(1)));
            u64::try_from(from + (to - from) * part / whole).unwrap_or(0)
        };
        Some(Expected {
            median_ms: between(below.median_ms, above.median_ms),
            p80_ms: between(below.p80_ms, above.p80_ms),
        })
    }

    /// The first place (1: next) whose median is longer than `limit`.
    pub fn first_beyond(&self, limit: Duration) -> Option<usize> {
        let limit = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        let last = self.0.last().map_or(0, |(place, _)| *place as usize);
        (1..=last).find(|place| self.at(*place).is_some_and(|wait| wait.median_ms > limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(median_ms: u64) -> Expected {
        Expected { median_ms, p80_ms: median_ms * 2 }
    }

    #[test]
    fn between_known_places_the_wait_is_in_proportion() {
        let waits = ExpectedWaits(vec![(1, expected(1000)), (5, expected(5000)), (10, expected(20_000))]);
        let at = |place| waits.at(place).map(|wait| wait.median_ms);
        assert_eq!(
            [at(1), at(3), at(5), at(7), at(10), at(11)],
            [Some(1000), Some(3000), Some(5000), Some(11_000), Some(20_000), None]
        );
        assert_eq!(waits.first_beyond(Duration::from_secs(5)), Some(6));
        assert_eq!(waits.first_beyond(Duration::from_secs(50)), None);
    }

    #[test]
    fn what_was_foreseen_is_believed_for_a_minute() {
        let mut pace = Pace::default();
        let (now, busy) = (Moment::from_micros(1_000_000), Tally { busy: 2, ..Tally::default() });
        pace.foresee(now, ExpectedWaits(vec![(1, expected(7000))]));
        assert_eq!(pace.wait(now, 1, false, &busy), Some(expected(7000)));
        let later = now + Duration::from_secs(61);
        assert_eq!(pace.wait(later, 1, false, &busy).map(|wait| wait.median_ms), Some(90_000));
        assert_eq!(pace.wait(now, 1, false, &Tally { not_ready: 3, ..Tally::default() }), None);
    }

    #[test]
    fn who_can_be_asked_for_at_once_does_not_wait_for_what_was_foreseen_when_nobody_could() {
        let mut pace = Pace::default();
        let now = Moment::from_micros(1_000_000);
        let tally = Tally { ready: 1, busy: 4, ..Tally::default() };
        let nothing = Some(Expected { median_ms: 0, p80_ms: 0 });
        assert_eq!(pace.wait(now, 5, true, &tally), nothing);
        pace.foresee(now, ExpectedWaits(vec![(1, expected(144_000))]));
        assert_eq!(pace.wait(now, 1, true, &tally), nothing);
        assert_eq!(pace.wait(now, 1, false, &tally), Some(expected(144_000)));
        pace.foresee(now, ExpectedWaits(vec![(1, expected(3000))]));
        assert_eq!(pace.wait(now, 1, true, &tally), Some(expected(3000)), "its phone has to be answered");
    }
}
