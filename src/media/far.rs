//! What the far end tells of our sound: the report blocks of its RTCP, RFC 3550 §6.4. Pure.

use std::time::Duration;

use super::quality::CLOCK;
use super::words::FarEnd;
use crate::moment::Moment;

/// Packets of ours between two reports that have to arrive: a second of sound. Fewer may be on their way.
const ENOUGH: u32 = 50;
/// A round trip longer than this is a broken clock.
const LONGEST: f64 = 60_000.0;

/// A report block about our sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    pub cumulative_lost: i32,
    pub highest: u32,
    pub jitter: u32,
    /// The middle of the NTP time of our last report that they got, and how long ago that was, in 1/65536 s. RFC 3550
    /// §6.4.1: zero where there was none.
    pub last_report: u32,
    pub since: u32,
}

/// What was reported so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Far {
    last: Option<Block>,
    /// Packets of ours that had gone when it was reported.
    sent: u32,
    /// When it was reported first that nothing more arrives.
    deaf: Option<Moment>,
    round_trips: u32,
    round_trip_sum: f64,
}

impl Far {
    /// A report; without a block that is about us nothing arrived there. `sent`: packets of ours so far; `ntp`: now,
    /// the middle 32 bits.
    pub fn reported(&mut self, now: Moment, block: Option<Block>, sent: u32, ntp: u32) {
        let arrived = match (block, self.last) {
            (Some(block), Some(last)) => block.highest != last.highest,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if arrived {
            self.deaf = None;
        } else if sent.wrapping_sub(self.sent) >= ENOUGH {
            self.deaf.get_or_insert(now);
        }
        self.sent = sent;
        let Some(block) = block else { return };
        self.last = Some(block);
        if block.last_report != 0 {
            let took = ntp.wrapping_sub(block.last_report).wrapping_sub(block.since) as i32;
            let millis = f64::from(took) * 1000.0 / 65_536.0;
            if (0.0..LONGEST).contains(&millis) {
                self.round_trips += 1;
                self.round_trip_sum += millis;
            }
        }
    }

    /// Since when it reports that nothing arrives.
    pub fn deaf_for(&self, now: Moment) -> Option<Duration> {
        self.deaf.map(|since| now.since(since))
    }

    /// What is said there or here begins anew: nothing follows from what was reported before.
    pub fn begin_anew(&mut self) {
        self.deaf = None;
    }

    /// `None` if nothing was ever reported.
    pub fn figures(&self) -> Option<FarEnd> {
        let last = self.last?;
        let lost = f64::from(last.cumulative_lost.max(0)) / f64::from(self.sent.max(1));
        let round = |value: f64, digits: f64| (value * digits).round() / digits;
        let round_trip = || round(self.round_trip_sum / f64::from(self.round_trips), 10.0);
        Some(FarEnd {
            loss: round(lost.min(1.0), 10_000.0),
            jitter_ms: round(f64::from(last.jitter) * 1000.0 / CLOCK as f64, 100.0),
            round_trip_ms: (self.round_trips > 0).then(round_trip),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::from_micros(seconds * 1_000_000)
    }

    fn block(lost: i32, highest: u32) -> Option<Block> {
        Some(Block { cumulative_lost: lost, highest, jitter: 80, last_report: 0, since: 0 })
    }

    #[test]
    fn loss_jitter_and_round_trip_are_theirs() {
        let mut far = Far::default();
        assert_eq!(far.figures(), None);
        far.reported(at(5), block(5, 250), 250, 0);
        let half = 1 << 15;
        let with_times = Block { last_report: 1000, since: half, ..block(20, 480).unwrap() };
        // It came half a second and 40 ms after the report that it answers.
        far.reported(at(10), Some(with_times), 500, 1000 + half + 2622);
        let figures = far.figures().unwrap();
        assert_eq!((figures.loss, figures.jitter_ms, figures.round_trip_ms), (0.04, 10.0, Some(40.0)));
        far.reported(at(15), Some(Block { last_report: u32::MAX, ..with_times }), 750, 0);
        far.reported(at(16), block(-5, 800), 750, 0);
        assert_eq!(far.figures().map(|figures| figures.loss), Some(0.0), "duplicates are no loss");
    }

    #[test]
    fn who_hears_nothing_says_so() {
        let mut far = Far::default();
        far.reported(at(5), block(0, 250), 250, 0);
        far.reported(at(10), block(0, 250), 270, 0);
        assert_eq!(far.deaf_for(at(10)), None, "hardly anything went");
        far.reported(at(15), block(0, 250), 520, 0);
        far.reported(at(20), None, 770, 0);
        assert_eq!(far.deaf_for(at(25)), Some(Duration::from_secs(10)));
        far.reported(at(26), block(500, 1020), 1020, 0);
        assert_eq!(far.deaf_for(at(30)), None);
        let mut never = Far::default();
        never.reported(at(5), None, 250, 0);
        assert_eq!(never.deaf_for(at(15)), Some(Duration::from_secs(10)));
        never.begin_anew();
        assert_eq!(never.deaf_for(at(15)), None);
    }
}
