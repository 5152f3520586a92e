//! What was heard, on one line of time from the beginning of the recording: each packet where its clock says, gaps
//! filled with silence. Pure.
//!
//! A source's first packet is placed by when it came, the following ones by their timestamps, which know nothing of
//! the network's delays. A clock that is further off than a network ever is begins anew.

use std::collections::VecDeque;

use super::tap::{Channel, Piece};
use crate::media::g711;
use crate::media::words::Codec;
use crate::moment::Moment;
use crate::tape::{SAMPLE_RATE, SILENCE};

/// In samples: how far a packet's time may be from when it came.
const NEAR: u64 = SAMPLE_RATE as u64 / 2;
/// So long sound is held back, until nothing more comes before it.
const HELD: u64 = SAMPLE_RATE as u64 * 7 / 10;
/// Never more than this is held: nothing that is near is further ahead.
const MOST_HELD: u64 = 16 * SAMPLE_RATE as u64;
const CHANNELS: usize = 2;
const MICROS_A_SAMPLE: u64 = 125;

pub struct Timeline {
    began: Moment,
    channels: usize,
    /// Samples that were taken.
    taken: u64,
    /// What follows them, channel by channel.
    held: VecDeque<[u8; CHANNELS]>,
    clocks: [Option<Clock>; CHANNELS],
    /// Samples that came too late.
    pub late: u64,
}

/// Which sample of the recording a source's timestamp is.
#[derive(Clone, Copy)]
struct Clock {
    source: u64,
    timestamp: u32,
    sample: u64,
}

impl Timeline {
    pub fn new(began: Moment, channels: usize) -> Self {
        let channels = channels.clamp(1, CHANNELS);
        Self { began, channels, taken: 0, held: VecDeque::new(), clocks: [None; CHANNELS], late: 0 }
    }

    pub fn put(&mut self, piece: &Piece) {
        let channel = if self.channels == 1 || piece.channel == Channel::Left { 0 } else { 1 };
        let came = self.sample(piece.at);
        let told = self.clocks[channel].filter(|clock| clock.source == piece.source).and_then(|clock| {
            let since = i64::from(piece.timestamp.wrapping_sub(clock.timestamp) as i32);
            let sample = clock.sample.checked_add_signed(since)?;
            (sample.abs_diff(came) <= NEAR).then_some(sample)
        });
        let sample = told.unwrap_or(came);
        self.clocks[channel] = Some(Clock { source: piece.source, timestamp: piece.timestamp, sample });
        for (place, byte) in (sample..).zip(piece.sound()) {
            let Some(ahead) = place.checked_sub(self.taken) else {
                self.late += 1;
                continue;
            };
            if ahead >= MOST_HELD {
                return;
            }
            let ahead = ahead as usize;
            if ahead >= self.held.len() {
                self.held.resize(ahead + 1, [SILENCE; CHANNELS]);
            }
            let mut byte = [*byte];
            g711::convert(&mut byte, piece.codec, Codec::Pcma);
            self.held[ahead][channel] = byte[0];
        }
    }

    /// Everything before which nothing more is expected, the channels in turn.
    pub fn take(&mut self, now: Moment, into: &mut Vec<u8>) {
        let until = self.sample(now).saturating_sub(HELD);
        self.take_until(until, into);
    }

    /// Everything up to the end.
    pub fn take_all(&mut self, ended: Moment, into: &mut Vec<u8>) {
        let until = self.sample(ended).max(self.taken + self.held.len() as u64);
        self.take_until(until, into);
    }

    fn take_until(&mut self, until: u64, into: &mut Vec<u8>) {
        while self.taken < until {
            let sample = self.held.pop_front().unwrap_or([SILENCE; CHANNELS]);
            into.extend_from_slice(&sample[..self.channels]);
            self.taken += 1;
        }
    }

    fn sample(&self, at: Moment) -> u64 {
        at.since(self.began).as_micros() as u64 / MICROS_A_SAMPLE
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::media::g711::FRAME;

    const BEGAN: Moment = Moment::from_micros(1_000_000_000);

    /// Steps like `1L@20`: the packet 1 of the left comes after 20 ms, full of ones. Packets are 20 ms long, their clock
    /// begins just before it runs over. `3L@60!`: the clock of a new source. Told: what is in each 20 ms of both.
    fn check(story: &str, ended_ms: u64) -> String {
        let mut timeline = Timeline::new(BEGAN, 2);
        let mut taken = Vec::new();
        let mut source = 7;
        for step in story.split_whitespace() {
            let (what, at) = step.split_once('@').unwrap();
            let at = at.strip_suffix('!').inspect(|_| source += 1).unwrap_or(at);
            let at = BEGAN + Duration::from_millis(at.parse().unwrap());
            let (number, channel) = what.split_at(what.len() - 1);
            let number: u32 = number.parse().unwrap();
            let channel = if channel == "L" { Channel::Left } else { Channel::Right };
            let timestamp = u32::MAX.wrapping_sub(100).wrapping_add(number * FRAME as u32);
            let sound = [number as u8; FRAME];
            timeline.take(at, &mut taken);
            timeline.put(&Piece { at, channel, source, timestamp, codec: Codec::Pcma, length: FRAME, sound });
        }
        timeline.take_all(BEGAN + Duration::from_millis(ended_ms), &mut taken);
        let frames = taken.chunks(2 * FRAME).map(|frame| {
            let channel = |of: usize| match frame[FRAME - FRAME % 2 + of] {
                SILENCE => "-".to_string(),
                byte => byte.to_string(),
            };
            format!("{}/{}", channel(0), channel(1))
        });
        frames.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn packets_are_placed_by_their_clocks_and_gaps_are_silence() {
        let table = [
            ("both speak", "1L@0 5R@0 2L@20 6R@20 3L@40", 60, "1/5 2/6 3/-"),
            ("who begins later is later", "1L@0 2L@20 5R@40 3L@40", 60, "1/- 2/- 3/5"),
            ("jitter is the network's", "1L@0 2L@35 3L@40 4L@79 5L@80", 100, "1/- 2/- 3/- 4/- 5/-"),
            ("out of order", "1L@0 3L@40 2L@41 4L@60", 80, "1/- 2/- 3/- 4/-"),
            ("one is lost", "1L@0 2L@20 4L@60", 80, "1/- 2/- -/- 4/-"),
            ("one comes twice", "1L@0 2L@20 2L@21 3L@40", 60, "1/- 2/- 3/-"),
            ("the end is silence too", "1L@0", 60, "1/- -/- -/-"),
            ("another source begins where it comes", "1L@0 2L@20 90L@60! 91L@80", 100, "1/- 2/- -/- 90/- 91/-"),
            ("a clock that leaps is set anew", "1L@0 2L@20 200L@40 201L@60", 80, "1/- 2/- 200/- 201/-"),
            (
                "a clock that stands still over a pause",
                "1L@0 2L@20 3L@640 4L@660",
                680,
                "1/- 2/- -/- -/- -/- -/- -/- -/- -/- -/- -/- -/- -/- -/- -/- -/- -/- -/- -/- -/- -/- -/- -/- -/- -/- -/- \
              -/- -/- -/- -/- -/- -/- 3/- 4/-",
            ),
        ];
        for (name, story, ended, told) in table {
            assert_eq!(check(story, ended), told, "{name}: {story}");
        }
    }

    #[test]
    fn what_is_taken_early_is_what_is_taken_in_the_end() {
        // Two seconds of both, taken with each packet: the delay of one does not change where it is.
        let mut story = String::new();
        for number in 1..=100 {
            let delay = if number % 7 == 0 { 150 } else { (number - 1) % 3 };
            story.push_str(&format!("{number}L@{} ", (number - 1) * 20 + delay));
        }
        let heard = check(&story, 2_000);
        let frames: Vec<&str> = heard.split(' ').collect();
        assert_eq!(frames.len(), 100, "{heard}");
        let kept = frames.iter().enumerate().filter(|(at, frame)| **frame == format!("{}/-", at + 1)).count();
        assert!(kept >= 99, "{heard}");
    }

    #[test]
    fn whatever_comes_nothing_grows_without_end() {
        use rand::{Rng, SeedableRng};
        let mut rng = rand::rngs::StdRng::seed_from_u64(6);
        let mut timeline = Timeline::new(BEGAN, 2);
        let mut taken = Vec::new();
        let mut now = BEGAN;
        for _ in 0..50_000 {
            now = now + Duration::from_micros(rng.random_range(0..2_000));
            let piece = Piece {
                at: now,
                channel: if rng.random() { Channel::Left } else { Channel::Right },
                source: rng.random_range(0..3),
                timestamp: rng.random(),
                codec: Codec::Pcmu,
                length: rng.random_range(0..500),
                sound: [1; FRAME],
            };
            timeline.put(&piece);
            assert!(timeline.held.len() as u64 <= MOST_HELD);
            timeline.take(now, &mut taken);
        }
        timeline.take_all(now, &mut taken);
        let expected = now.since(BEGAN).as_millis() as usize * 8 * 2;
        assert!(taken.len() >= expected && taken.len() <= expected + 2 * 2 * FRAME, "{} of {expected}", taken.len());
    }
}
