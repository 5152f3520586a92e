//! The numbers of what we send on one leg: one SSRC, sequence and timestamp without a break, whatever
//! plays or is passed on. Pure.

use rand::Rng;

use super::g711::FRAME;
use super::quality::CLOCK;
use super::rtcp::Sent;
use crate::moment::Moment;

/// Room for the RTP header we write: no CSRC, no extension.
pub const HEADER: usize = 12;
/// A source whose timestamps jump further began anew.
const MAX_JUMP: u32 = CLOCK as u32 * 10;
const MAX_SEQUENCE_JUMP: u16 = 1000;

#[derive(Clone, Debug)]
pub struct Outgoing {
    pub ssrc: u32,
    next_sequence: u16,
    /// Of the last packet, and when it went.
    last: Option<(u32, Moment)>,
    first_timestamp: u32,
    mapping: Option<Mapping>,
    packets: u32,
    octets: u32,
}

/// How a passed-on source's numbers become ours.
#[derive(Clone, Copy, Debug)]
struct Mapping {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    sequence_offset: u16,
    timestamp_offset: u32,
}

/// Numbers of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    pub sequence: u16,
    pub timestamp: u32,
    /// The first after a pause, RFC 3551 §4.1.
    pub marker: bool,
}

impl Outgoing {
    pub fn new(rng: &mut impl Rng) -> Self {
        let first_timestamp = rng.random();
        Self {
            ssrc: rng.random(),
            next_sequence: rng.random(),
            last: None,
            first_timestamp,
            mapping: None,
            packets: 0,
            octets: 0,
        }
    }

    /// The next frame of our own; `fresh`: the first of a prompt after silence.
    pub fn own(&mut self, now: Moment, fresh: bool) -> Numbers {
        self.mapping = None;
        let marker = fresh || self.last.is_none();
        let timestamp = if marker {
            self.clock(now)
        } else {
            self.last.map_or(self.first_timestamp, |(last, _)| last.wrapping_add(FRAME as u32))
        };
        let sequence = self.next_sequence;
        self.count(now, sequence, timestamp);
        Numbers { sequence, timestamp, marker }
    }

    /// An event packet of our own: all of one press share `timestamp`.
    pub fn event(&mut self, now: Moment, timestamp: Option<u32>) -> Numbers {
        self.mapping = None;
        let marker = timestamp.is_none();
        let timestamp = timestamp.unwrap_or_else(|| self.clock(now));
        let sequence = self.next_sequence;
        self.next_sequence = sequence.wrapping_add(1);
        self.last = Some((timestamp, now));
        self.packets = self.packets.wrapping_add(1);
        Numbers { sequence, timestamp, marker }
    }

    /// A packet that is passed on: gaps and order of its source stay visible.
    pub fn relayed(&mut self, now: Moment, ssrc: u32, sequence: u16, timestamp: u32, marker: bool) -> Numbers {
        let near = |mapping: &Mapping| {
            let step = sequence.wrapping_sub(mapping.sequence);
            let ticks = timestamp.wrapping_sub(mapping.timestamp);
            mapping.ssrc == ssrc
                && step.min(step.wrapping_neg()) <= MAX_SEQUENCE_JUMP
                && ticks.min(ticks.wrapping_neg()) <= MAX_JUMP
        };
        let (mut mapping, fresh) = match self.mapping.filter(near) {
            Some(mapping) => (mapping, false),
            None => {
                let timestamp_offset = self.clock(now).wrapping_sub(timestamp);
                let sequence_offset = self.next_sequence.wrapping_sub(sequence);
                (Mapping { ssrc, sequence, timestamp, sequence_offset, timestamp_offset }, true)
            }
        };
        if sequence.wrapping_sub(mapping.sequence) < 0x8000 {
            (mapping.sequence, mapping.timestamp) = (sequence, timestamp);
        }
        self.mapping = Some(mapping);
        let numbers = Numbers {
            sequence: sequence.wrapping_add(mapping.sequence_offset),
            timestamp: timestamp.wrapping_add(mapping.timestamp_offset),
            marker: marker || fresh,
        };
        self.count(now, numbers.sequence, numbers.timestamp);
        numbers
    }

    /// For a sender report; `None` if nothing was sent yet.
    pub fn sent(&self, now: Moment) -> Option<Sent> {
        self.last.map(|_| Sent { timestamp: self.clock(now), packets: self.packets, octets: self.octets })
    }

    /// Our RTP clock: it goes on while nothing is sent.
    fn clock(&self, now: Moment) -> u32 {
        let Some((last, at)) = self.last else { return self.first_timestamp };
        let ticks = now.since(at).as_micros() as u64 * CLOCK / 1_000_000;
        // In whole frames, so that playing on after a pause of a tick is exact.
        let frames = ticks.div_ceil(FRAME as u64).max(1) as u32;
        last.wrapping_add(frames.wrapping_mul(FRAME as u32))
    }

    fn count(&mut self, now: Moment, sequence: u16, timestamp: u32) {
        let ahead = sequence.wrapping_sub(self.next_sequence) < 0x8000;
        if ahead {
            self.next_sequence = sequence.wrapping_add(1);
            self.last = Some((timestamp, now));
        }
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(FRAME as u32);
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn at(millis: u64) -> Moment {
        Moment::from_micros(millis * 1000)
    }

    #[test]
    fn playing_pausing_and_passing_on_is_one_stream() {
        let mut out = Outgoing::new(&mut StdRng::seed_from_u64(1));
        let first = out.own(at(0), true);
        assert!(first.marker);
        let second = out.own(at(20), false);
        assert_eq!(
            (second.sequence, second.timestamp),
            (first.sequence.wrapping_add(1), first.timestamp.wrapping_add(160))
        );
        assert!(!second.marker);
        let later = out.own(at(1020), true);
        assert_eq!(later.timestamp.wrapping_sub(second.timestamp), 8000);
        let passed = out.relayed(at(1040), 9, 60_000, 5_000_000, false);
        assert_eq!((passed.sequence, passed.marker), (later.sequence.wrapping_add(1), true));
        assert_eq!(passed.timestamp, later.timestamp.wrapping_add(160));
        let own = out.own(at(1060), false);
        assert_eq!(
            (own.sequence, own.timestamp),
            (passed.sequence.wrapping_add(1), passed.timestamp.wrapping_add(160))
        );
    }

    #[test]
    fn loss_and_order_of_the_source_stay_visible() {
        let mut out = Outgoing::new(&mut StdRng::seed_from_u64(2));
        let base = out.relayed(at(0), 9, 65_534, 1000, true);
        for (sequence, step) in [(65_535_u16, 1_u16), (1, 3), (0, 2), (2, 4)] {
            let numbers = out.relayed(at(20), 9, sequence, 1000 + u32::from(step) * 160, false);
            assert_eq!(numbers.sequence, base.sequence.wrapping_add(step));
            assert_eq!(numbers.timestamp, base.timestamp.wrapping_add(u32::from(step) * 160));
            assert!(!numbers.marker);
        }
    }

    #[test]
    fn a_source_that_begins_anew_is_joined_without_a_jump() {
        let mut out = Outgoing::new(&mut StdRng::seed_from_u64(3));
        let mut last = out.relayed(at(0), 9, 100, 1000, true);
        for (millis, ssrc, sequence, timestamp) in [(20, 10, 40_000, 9_000_000), (40, 10, 3, 17), (60, 10, 4, 177)] {
            let numbers = out.relayed(at(millis), ssrc, sequence, timestamp, false);
            assert_eq!(numbers.sequence, last.sequence.wrapping_add(1));
            assert_eq!(numbers.timestamp, last.timestamp.wrapping_add(160));
            last = numbers;
        }
    }
}
