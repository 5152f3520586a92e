//! How the sound arrived: RFC 3550 loss and jitter, and what people make of it (ITU-T G.107).

use super::words::Quality;
use crate::moment::Moment;

/// RTP clock of G.711.
pub const CLOCK: u64 = 8000;
/// RFC 3550 §A.1: a jump of more than this is a restart, not loss.
const MAX_DROPOUT: u16 = 3000;

#[derive(Clone, Debug, Default)]
pub struct Reception {
    ssrc: Option<u32>,
    base: u32,
    /// Extended highest sequence number.
    highest: u32,
    received: u64,
    /// What former sources expected and delivered.
    past_expected: u64,
    past_received: u64,
    /// RFC 3550 §A.8, in sixteenths of a clock tick.
    jitter: u64,
    /// For the mean over the whole call: the running value is that of its last second.
    jitter_sum: u64,
    jitter_count: u64,
    transit: Option<u32>,
    reported_expected: u64,
    reported_received: u64,
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
    /// One packet; without a timestamp if it says nothing about jitter.
    pub fn packet(&mut self, now: Moment, ssrc: u32, sequence: u16, timestamp: Option<u32>) {
        let step = sequence.wrapping_sub(self.highest as u16);
        let behind = step.wrapping_neg();
        if self.ssrc != Some(ssrc) || (step > MAX_DROPOUT && behind > MAX_DROPOUT) {
            self.restart(ssrc, sequence);
        } else if step < 0x8000 {
            self.highest = self.highest.wrapping_add(u32::from(step));
        }
        self.received += 1;
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

    fn restart(&mut self, ssrc: u32, sequence: u16) {
        self.past_expected += self.expected_now();
        self.past_received += self.received;
        self.received = 0;
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

    /// The next report block; `None` before the first packet.
    pub fn report(&mut self) -> Option<Report> {
        let ssrc = self.ssrc?;
        let (expected, received) = self.totals();
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

    /// `None` if nothing was received.
    pub fn quality(&self) -> Option<Quality> {
        let (expected, received) = self.totals();
        if received == 0 {
            return None;
        }
        let loss = expected.saturating_sub(received) as f64 / expected.max(1) as f64;
        let jitter = self.jitter_sum as f64 / self.jitter_count.max(1) as f64;
        let jitter_ms = jitter / 16.0 * 1000.0 / CLOCK as f64;
        let round = |value: f64, digits: f64| (value * digits).round() / digits;
        Some(Quality {
            mos: round(mos(loss), 100.0),
            loss: round(loss, 10_000.0),
            jitter_ms: round(jitter_ms, 100.0),
            far: None,
        })
    }
}

/// G.107 with its default values, delay left out; G.711 with loss concealment has Ie = 0, Bpl = 25.1 (G.113).
fn mos(loss: f64) -> f64 {
    const R_MAX: f64 = 93.2;
    const BPL: f64 = 25.1;
    let percent = loss * 100.0;
    let r = R_MAX - 95.0 * percent / (percent + BPL);
    if r <= 0.0 { 1.0 } else { 1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(reception: &mut Reception, packets: impl Iterator<Item = (u16, u64)>) {
        for (sequence, millis) in packets {
            reception.packet(Moment::from_micros(millis * 1000), 7, sequence, Some(u32::from(sequence) * 160));
        }
    }

    #[test]
    fn a_clean_stream_is_good() {
        let mut reception = Reception::default();
        feed(&mut reception, (0..500).map(|i| (65_400_u16.wrapping_add(i), u64::from(i) * 20)));
        let quality = reception.quality().unwrap();
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
        let quality = reception.quality().unwrap();
        assert!((quality.loss - 0.1).abs() < 0.005, "{quality:?}");
        assert!((5.0..10.0).contains(&quality.jitter_ms), "{quality:?}");
        assert!(quality.mos < 3.5, "{quality:?}");
    }

    #[test]
    fn duplicates_reordering_and_a_new_source_are_no_loss() {
        let mut reception = Reception::default();
        feed(&mut reception, (0..100_u16).flat_map(|i| [(i ^ 1, u64::from(i) * 20), (i ^ 1, u64::from(i) * 20)]));
        assert_eq!(reception.quality().unwrap().loss, 0.0);
        reception.packet(Moment::from_micros(9), 8, 40_000, Some(5));
        reception.packet(Moment::from_micros(29_000), 8, 40_001, Some(165));
        assert_eq!(reception.quality().unwrap().loss, 0.0);
        assert_eq!(Reception::default().quality(), None);
    }

    #[test]
    fn jitter_is_that_of_the_whole_call_and_not_of_keys() {
        let mut reception = Reception::default();
        let late = |i: u16| if i < 900 { u64::from(i % 2) * 8 } else { 0 };
        feed(&mut reception, (0..1000_u16).map(|i| (i, u64::from(i) * 20 + late(i))));
        let quality = reception.quality().unwrap();
        assert!(quality.jitter_ms > 5.0, "its last two seconds were calm: {quality:?}");
        // A long key: a second of packets with one timestamp.
        for n in 0..50_u16 {
            reception.packet(Moment::from_micros(20_000_000 + u64::from(n) * 20_000), 7, 1000 + n, None);
        }
        let after = reception.quality().unwrap();
        assert_eq!((after.loss, after.jitter_ms), (0.0, quality.jitter_ms));
    }
}
