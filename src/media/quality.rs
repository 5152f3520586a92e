//! How the sound arrived: RFC 3550 loss and jitter, and what people make of it.

use super::emodel;
use super::words::{Codec, FarEnd, Quality};
use crate::moment::Moment;

/// RTP clock of G.711.
pub const CLOCK: u64 = 8000;
/// RFC 3550 §A.1: a jump of more than this is a restart, not loss.
const MAX_DROPOUT: u16 = 3000;
/// Numbers that are remembered: two seconds and a half of the usual packets. What comes later than that is of no use.
const REMEMBERED: u32 = u128::BITS;

#[derive(Clone, Debug, Default)]
pub struct Reception {
    ssrc: Option<u32>,
    base: u32,
    /// Extended highest sequence number.
    highest: u32,
    received: u64,
    /// The same without what came twice, or far too late.
    distinct: u64,
    /// Which of the highest numbers have come, the highest lowest.
    seen: u128,
    /// What former sources expected and delivered.
    past_expected: u64,
    past_received: u64,
    past_distinct: u64,
    /// RFC 3550 §A.8, in sixteenths of a clock tick.
    jitter: u64,
    /// For the mean over the whole call: the running value is that of its last second.
    jitter_sum: u64,
    jitter_count: u64,
    transit: Option<u32>,
    /// The number that follows one which was far off, RFC 3550 §A.1: two in sequence are a restart.
    far_off: Option<u16>,
    reported_expected: u64,
    reported_received: u64,
    /// Packets of each codec.
    spoken: [u64; Codec::ALL.len()],
}

/// A report block's figures, RFC 3550 §6.4.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    pub ssrc: u32,
    pub fraction_lost: u8,
    pub cumulative_lost: u32,
    pub highest: u32,
    pub jitter: u32,
}

impl Reception {
    /// One packet; without a timestamp if it says nothing about jitter. `codec`: as it was sent; keys have none.
    pub fn packet(&mut self, now: Moment, ssrc: u32, sequence: u16, timestamp: Option<u32>, codec: Option<Codec>) {
        if let Some(codec) = codec {
            self.spoken[codec as usize] += 1;
        }
        let step = sequence.wrapping_sub(self.highest as u16);
        let behind = step.wrapping_neg();
        let is_far_off = step > MAX_DROPOUT && behind > MAX_DROPOUT;
        if self.ssrc == Some(ssrc) && is_far_off && self.far_off != Some(sequence) {
            return self.far_off = Some(sequence.wrapping_add(1));
        }
        self.far_off = None;
        if self.ssrc != Some(ssrc) || is_far_off {
            self.restart(ssrc, sequence);
        } else if step < 0x8000 {
            self.highest = self.highest.wrapping_add(u32::from(step));
            self.seen = self.seen.checked_shl(u32::from(step)).unwrap_or(0);
        }
        self.received += 1;
        self.count(u32::from((self.highest as u16).wrapping_sub(sequence)));
        let Some(timestamp) = timestamp else { return };
        let arrival = (now.as_micros() * CLOCK / 1_000_000) as u32;
        let transit = arrival.wrapping_sub(timestamp);
        if let Some(before) = self.transit.replace(transit) {
            let change = u64::from((transit.wrapping_sub(before) as i32).unsigned_abs());
            // A pause or a restart of the clock is no jitter.
            if change < CLOCK {
                self.jitter = self.jitter + change - ((self.jitter + 8) >> 4);
                self.jitter_sum += self.jitter;
                self.jitter_count += 1;
            }
        }
    }

    /// One so many numbers behind the highest.
    fn count(&mut self, behind: u32) {
        if behind < REMEMBERED && self.seen >> behind & 1 == 0 {
            self.seen |= 1 << behind;
            self.distinct += 1;
        }
    }

    fn restart(&mut self, ssrc: u32, sequence: u16) {
        self.past_expected += self.expected_now();
        self.past_received += self.received;
        self.past_distinct += self.distinct;
        (self.received, self.distinct, self.seen) = (0, 0, 0);
        (self.reported_expected, self.reported_received) = (0, 0);
        self.ssrc = Some(ssrc);
        self.base = u32::from(sequence);
        self.highest = u32::from(sequence);
        self.transit = None;
    }

    fn expected_now(&self) -> u64 {
        if self.received == 0 { 0 } else { u64::from(self.highest.wrapping_sub(self.base)) + 1 }
    }

    fn totals(&self) -> (u64, u64) {
        (self.past_expected + self.expected_now(), self.past_received + self.received)
    }

    /// The next report block; `None` before the first packet. RFC 3550 §6.4.1: it is of one source alone, and what came
    /// twice counts twice.
    pub fn report(&mut self) -> Option<Report> {
        let ssrc = self.ssrc?;
        let (expected, received) = (self.expected_now(), self.received);
        let in_interval = expected.saturating_sub(self.reported_expected);
        let lost = in_interval.saturating_sub(received.saturating_sub(self.reported_received));
        (self.reported_expected, self.reported_received) = (expected, received);
        let fraction = (lost * 256).checked_div(in_interval).unwrap_or(0).min(255);
        Some(Report {
            ssrc,
            fraction_lost: fraction as u8,
            cumulative_lost: expected.saturating_sub(received).min(0x7F_FFFF) as u32,
            highest: self.highest,
            jitter: (self.jitter >> 4) as u32,
        })
    }

    /// `far`: what they told of ours, and with it how long sound is under way. `None` if nothing was received.
    pub fn quality(&self, far: Option<FarEnd>) -> Option<Quality> {
        let (expected, received) = self.totals();
        if received == 0 {
            return None;
        }
        let distinct = self.past_distinct + self.distinct;
        let loss = expected.saturating_sub(distinct) as f64 / expected.max(1) as f64;
        let jitter = self.jitter_sum as f64 / self.jitter_count.max(1) as f64;
        let jitter_ms = jitter / 16.0 * 1000.0 / CLOCK as f64;
        let round = |value: f64, digits: f64| (value * digits).round() / digits;
        let round_trip_ms = far.and_then(|far| far.round_trip_ms);
        // How long sound waits in phones is not known, and in a mix it does not wait for the whole call.
        let delay_ms = round_trip_ms.map(|round_trip_ms| round_trip_ms / 2.0 + PACKET_MS);
        let codec = self.spoken_most();
        Some(Quality {
            mos: round(emodel::mos(codec, loss, delay_ms.unwrap_or(0.0)), 100.0),
            scale: codec.scale(),
            loss: round(loss, 10_000.0),
            jitter_ms: round(jitter_ms, 100.0),
            far,
        })
    }

    fn spoken_most(&self) -> Codec {
        Codec::ALL.into_iter().max_by_key(|codec| self.spoken[*codec as usize]).unwrap_or(Codec::Pcma)
    }
}

/// Of the usual packets, which have to be whole before they go.
const PACKET_MS: f64 = 20.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::words::Scale;

    fn feed(reception: &mut Reception, packets: impl Iterator<Item = (u16, u64)>) {
        for (sequence, millis) in packets {
            reception.packet(
                Moment::from_micros(millis * 1000),
                7,
                sequence,
                Some(u32::from(sequence) * 160),
                Some(Codec::Pcma),
            );
        }
    }

    #[test]
    fn a_clean_stream_is_good() {
        let mut reception = Reception::default();
        feed(&mut reception, (0..500).map(|i| (65_400_u16.wrapping_add(i), u64::from(i) * 20)));
        let quality = reception.quality(None).unwrap();
        assert!(quality.loss == 0.0 && quality.mos > 4.4 && quality.jitter_ms < 40.0, "{quality:?}");
        assert_eq!(reception.report().map(|report| (report.fraction_lost, report.cumulative_lost)), Some((0, 0)));
    }

    #[test]
    fn loss_and_jitter_are_seen() {
        let mut reception = Reception::default();
        feed(
            &mut reception,
            (0..1000_u16).filter(|i| i % 10 != 5).map(|i| (i, u64::from(i) * 20 + u64::from(i % 2) * 8)),
        );
        let quality = reception.quality(None).unwrap();
        assert!((quality.loss - 0.1).abs() < 0.005, "{quality:?}");
        assert!((5.0..10.0).contains(&quality.jitter_ms), "{quality:?}");
        assert!(quality.mos < 3.5, "{quality:?}");
    }

    #[test]
    fn what_comes_twice_hides_no_loss() {
        let mut reception = Reception::default();
        // Three of ten are lost, and each second of the rest comes twice, at once or later.
        let arrive = (0..2_000_u16).filter(|i| i % 10 > 2).flat_map(|i| {
            let again = [None, Some(i), None, i.checked_sub(20)][usize::from(i % 4)];
            std::iter::once(i).chain(again.filter(|again| again % 10 > 2))
        });
        feed(&mut reception, arrive.map(|i| (i, u64::from(i) * 20)));
        let quality = reception.quality(None).unwrap();
        assert!((quality.loss - 0.3).abs() < 0.002 && quality.mos < 2.5, "{quality:?}");
        let report = reception.report().unwrap();
        assert!(report.cumulative_lost < 300, "RFC 3550 §6.4.1 counts what came twice: {report:?}");
    }

    #[test]
    fn delay_counts_where_it_is_known() {
        let mut reception = Reception::default();
        feed(&mut reception, (0..500).map(|i| (i, u64::from(i) * 20)));
        let mos = |round_trip_ms: Option<f64>| {
            let far = FarEnd { loss: 0.0, jitter_ms: 0.0, round_trip_ms };
            reception.quality(Some(far)).unwrap().mos
        };
        // Idd of 70, 220 and 520 ms is 0, 5.3 and 31.7.
        for (round_trip_ms, expected) in [(None, 4.41), (Some(100.0), 4.41), (Some(400.0), 4.29), (Some(1_000.0), 3.18)]
        {
            assert!((mos(round_trip_ms) - expected).abs() < 0.006, "{round_trip_ms:?}: {}", mos(round_trip_ms));
        }
    }

    #[test]
    fn what_was_spoken_most_says_on_which_scale_it_is() {
        let mut reception = Reception::default();
        let mut last = 0;
        let mut hear = |codec: Option<Codec>, packets: u16| {
            for _ in 0..packets {
                last += 1;
                reception.packet(Moment::from_micros(u64::from(last) * 20_000), 7, last, None, codec);
            }
            reception.quality(None).map(|quality| (quality.mos, quality.scale)).unwrap()
        };
        let (telephone, wide) = ((4.41, Scale::Narrowband), (4.34, Scale::Wideband));
        assert_eq!(hear(Some(Codec::Pcmu), 100), telephone);
        assert_eq!(hear(Some(Codec::G722), 99), telephone);
        assert_eq!(hear(None, 500), telephone, "keys are no sound");
        assert_eq!(hear(Some(Codec::G722), 2), wide);
        assert_eq!(hear(Some(Codec::Opus), 200), wide);
    }

    #[test]
    fn duplicates_reordering_and_a_new_source_are_no_loss() {
        let mut reception = Reception::default();
        feed(&mut reception, (0..100_u16).flat_map(|i| [(i ^ 1, u64::from(i) * 20), (i ^ 1, u64::from(i) * 20)]));
        assert_eq!(reception.quality(None).unwrap().loss, 0.0);
        reception.packet(Moment::from_micros(9), 8, 40_000, Some(5), None);
        reception.packet(Moment::from_micros(29_000), 8, 40_001, Some(165), None);
        assert_eq!(reception.quality(None).unwrap().loss, 0.0);
        assert_eq!(Reception::default().quality(None), None);
    }

    #[test]
    fn a_report_is_of_the_present_source_alone_and_the_figures_are_of_all() {
        let mut reception = Reception::default();
        feed(&mut reception, (0..100_u16).filter(|i| i % 2 == 0).map(|i| (i, u64::from(i) * 20)));
        let lost = |report: Report| (report.ssrc, report.fraction_lost, report.cumulative_lost);
        assert_eq!(reception.report().map(lost), Some((7, 126, 49)));
        for n in 0..4 {
            reception.packet(Moment::from_micros(3_000_000), 8, 500 + n * 2, None, None);
        }
        assert_eq!(reception.report().map(lost), Some((8, 109, 3)), "three of seven");
        assert_eq!(reception.report().map(lost), Some((8, 0, 3)), "nothing more was expected");
        assert!((reception.quality(None).unwrap().loss - 52.0 / 106.0).abs() < 0.0001);
    }

    #[test]
    fn one_number_that_is_far_off_is_nothing_and_two_in_sequence_are_a_new_beginning() {
        let mut reception = Reception::default();
        feed(&mut reception, (0..100_u16).filter(|i| *i != 50).map(|i| (i, u64::from(i) * 20)));
        let stray = |reception: &mut Reception, sequence| {
            reception.packet(Moment::from_micros(2_000_000), 7, sequence, None, None);
            reception.report().map(|report| (report.highest, report.cumulative_lost))
        };
        assert_eq!(stray(&mut reception, 30_000), Some((99, 1)));
        assert_eq!(stray(&mut reception, 100), Some((100, 1)));
        assert_eq!(stray(&mut reception, 30_000), Some((100, 1)));
        assert_eq!(stray(&mut reception, 30_001), Some((30_001, 0)));
    }

    #[test]
    fn jitter_is_that_of_the_whole_call_and_not_of_keys() {
        let mut reception = Reception::default();
        let late = |i: u16| if i < 900 { u64::from(i % 2) * 8 } else { 0 };
        feed(&mut reception, (0..1000_u16).map(|i| (i, u64::from(i) * 20 + late(i))));
        let quality = reception.quality(None).unwrap();
        assert!(quality.jitter_ms > 5.0, "its last two seconds were calm: {quality:?}");
        // A long key: a second of packets with one timestamp.
        for n in 0..50_u16 {
            reception.packet(Moment::from_micros(20_000_000 + u64::from(n) * 20_000), 7, 1000 + n, None, None);
        }
        let after = reception.quality(None).unwrap();
        assert_eq!((after.loss, after.jitter_ms), (0.0, quality.jitter_ms));
    }
}
