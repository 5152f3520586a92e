//! The numbers of what we send on one leg: one SSRC, sequence and timestamp without a break, whatever
//! plays or is passed on. Pure.

use std::time::Duration;

use rand::Rng;
use rtp::header::Header;

use super::g711::FRAME;
use super::quality::CLOCK;
use super::rtcp::Sent;
use crate::moment::Moment;

/// Room for the RTP header we write: no CSRC, no extension.
pub const HEADER: usize = 12;
/// A source whose timestamps jump further began anew.
const MAX_JUMP: u32 = CLOCK as u32 * 10;
const MAX_SEQUENCE_JUMP: u16 = 1000;
/// Nothing was sent for longer than this: a pause, RFC 3551 §4.1, and the clock went on. Less is a change of who sends.
const PAUSE: Duration = Duration::from_millis(90);
/// The same between frames of our own: a tick says when it was due, not when it came, so more than a frame is missing then,
/// and what is heard does not fall behind its clock with every stall.
const LEFT_OUT: Duration = Duration::from_millis(30);

#[derive(Clone, Debug)]
pub struct Outgoing {
    pub ssrc: u32,
    next_sequence: u16,
    /// Of the last packet, and when it went.
    last: Option<(u32, Moment)>,
    /// It was a frame of our own.
    was_own: bool,
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
            // RFC 3711 §3.3.1: in the lower half, so that who misses the first packets still counts as we do.
            next_sequence: rng.random::<u16>() >> 1,
            last: None,
            was_own: false,
            first_timestamp,
            mapping: None,
            packets: 0,
            octets: 0,
        }
    }

    /// The next frame of our own; `fresh`: the first of a prompt after silence.
    pub fn own(&mut self, now: Moment, fresh: bool) -> Numbers {
        self.mapping = None;
        let pause = if self.was_own { LEFT_OUT } else { PAUSE };
        let marker = fresh || self.last.is_none_or(|(_, at)| now.since(at) > pause);
        let timestamp = if marker {
            self.clock(now)
        } else {
            self.last.map_or(self.first_timestamp, |(last, _)| last.wrapping_add(FRAME as u32))
        };
        let sequence = self.next_sequence;
        self.count(now, sequence, timestamp, FRAME);
        self.was_own = true;
        Numbers { sequence, timestamp, marker }
    }

    /// An event packet of our own: all of one press share `timestamp`.
    pub fn event(&mut self, now: Moment, timestamp: Option<u32>, length: usize) -> Numbers {
        self.mapping = None;
        let marker = timestamp.is_none();
        let timestamp = timestamp.unwrap_or_else(|| self.clock(now));
        let sequence = self.next_sequence;
        // The clock goes on from the press's beginning, which is its timestamp.
        let at = if marker { now } else { self.last.map_or(now, |(_, at)| at) };
        self.count(at, sequence, timestamp, length);
        Numbers { sequence, timestamp, marker }
    }

    /// A packet that is passed on: gaps and order of its source stay visible.
    pub fn relayed(&mut self, now: Moment, theirs: &Header, length: usize) -> Numbers {
        let Header { ssrc, sequence_number: sequence, timestamp, marker, .. } = *theirs;
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
        self.count(now, numbers.sequence, numbers.timestamp, length);
        numbers
    }

    /// Packets went by numbers of somebody else's, up to before this.
    pub fn go_on(&mut self, sequence: Option<u16>) {
        if let Some(sequence) = sequence {
            (self.next_sequence, self.mapping) = (sequence, None);
        }
    }

    /// How many went.
    pub fn packets(&self) -> u32 {
        self.packets
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

    fn count(&mut self, now: Moment, sequence: u16, timestamp: u32, length: usize) {
        let ahead = sequence.wrapping_sub(self.next_sequence) < 0x8000;
        if ahead {
            self.next_sequence = sequence.wrapping_add(1);
            (self.last, self.was_own) = (Some((timestamp, now)), false);
        }
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(length as u32);
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

    fn relay(out: &mut Outgoing, millis: u64, ssrc: u32, sequence: u16, timestamp: u32, marker: bool) -> Numbers {
        let header = Header { ssrc, sequence_number: sequence, timestamp, marker, ..Header::default() };
        out.relayed(at(millis), &header, FRAME)
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
        let passed = relay(&mut out, 1040, 9, 60_000, 5_000_000, false);
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
        let base = relay(&mut out, 0, 9, 65_534, 1000, true);
        for (sequence, step) in [(65_535_u16, 1_u16), (1, 3), (0, 2), (2, 4)] {
            let numbers = relay(&mut out, 20, 9, sequence, 1000 + u32::from(step) * 160, false);
            assert_eq!(numbers.sequence, base.sequence.wrapping_add(step));
            assert_eq!(numbers.timestamp, base.timestamp.wrapping_add(u32::from(step) * 160));
            assert!(!numbers.marker);
        }
    }

    #[test]
    fn a_source_that_begins_anew_is_joined_without_a_jump() {
        let mut out = Outgoing::new(&mut StdRng::seed_from_u64(3));
        let mut last = relay(&mut out, 0, 9, 100, 1000, true);
        for (millis, ssrc, sequence, timestamp) in [(20, 10, 40_000, 9_000_000), (40, 10, 3, 17), (60, 10, 4, 177)] {
            let numbers = relay(&mut out, millis, ssrc, sequence, timestamp, false);
            assert_eq!(numbers.sequence, last.sequence.wrapping_add(1));
            assert_eq!(numbers.timestamp, last.timestamp.wrapping_add(160));
            last = numbers;
        }
    }

    #[test]
    fn the_clock_goes_on_while_nothing_may_be_sent() {
        let mut out = Outgoing::new(&mut StdRng::seed_from_u64(4));
        let first = out.own(at(0), true);
        // On hold for ten seconds; the music was not begun anew.
        let after = out.own(at(10_000), false);
        assert_eq!((after.timestamp.wrapping_sub(first.timestamp), after.marker), (80_000, true));
        assert_eq!(after.sequence, first.sequence.wrapping_add(1));
        // Who was passed on stopped a moment before our next tick, which is no pause.
        let passed = relay(&mut out, 10_020, 9, 1, 1, true);
        let late = out.own(at(10_100), false);
        assert_eq!((late.timestamp.wrapping_sub(passed.timestamp), late.marker), (160, false));
    }

    #[test]
    fn frames_that_a_stall_left_out_are_left_out_of_the_clock() {
        let mut out = Outgoing::new(&mut StdRng::seed_from_u64(6));
        let first = out.own(at(0), true);
        for stall in 1..=20 {
            let numbers = out.own(at(stall * 60), false);
            assert_eq!(numbers.timestamp.wrapping_sub(first.timestamp), stall as u32 * 480, "after {stall} stalls");
            assert!(numbers.marker);
        }
    }

    #[test]
    fn a_key_of_ours_takes_its_time_and_what_is_sent_is_counted() {
        let mut out = Outgoing::new(&mut StdRng::seed_from_u64(5));
        let before = out.own(at(0), true);
        let key = out.event(at(20), None, 4);
        for millis in [40, 60, 80, 100] {
            assert_eq!(out.event(at(millis), Some(key.timestamp), 4).timestamp, key.timestamp);
        }
        let after = out.own(at(120), false);
        assert_eq!(after.timestamp.wrapping_sub(before.timestamp), 960, "six frames later");
        let header = Header { ssrc: 9, ..Header::default() };
        out.relayed(at(140), &header, 80);
        let sent = out.sent(at(140)).unwrap();
        assert_eq!((sent.packets, sent.octets), (8, 160 + 5 * 4 + 160 + 80));
    }
}
