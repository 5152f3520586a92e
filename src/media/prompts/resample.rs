//! From one sampling rate to another: a windowed-sinc low-pass at nine tenths of the lower band, computed only where
//! a sample is wanted.

use std::f64::consts::PI;

/// Taps on each side for each sample that one of the lower rate spans: 74 dB down beyond the band.
const WIDTH: f64 = 15.5;
/// Of the lower rate: 3.6 kHz at 8 kHz.
const CUT: f64 = 0.45;

/// Samples at `from` Hz as samples at `to` Hz. Both more than 0.
pub fn resample(samples: &[f32], from: u32, to: u32) -> Vec<f32> {
    if from == to {
        return samples.to_vec();
    }
    let common = gcd(from, to);
    let (up, down) = (u64::from(to / common), u64::from(from / common));
    let taps = taps(from, to, up);
    let half = (taps[0].len() / 2) as i64;
    let wanted = samples.len() as u64 * up / down;
    let at = |index: i64| usize::try_from(index).ok().and_then(|index| samples.get(index)).copied().unwrap_or(0.0);
    let sample = |n: u64| {
        let (whole, phase) = ((n * down / up) as i64, n * down % up);
        let taps = &taps[phase as usize];
        let first = whole - half;
        match usize::try_from(first).ok().and_then(|first| samples.get(first..first + taps.len())) {
            Some(window) => window.iter().zip(taps).map(|(sample, tap)| sample * tap).sum(),
            None => (first..).zip(taps).map(|(index, tap)| at(index) * tap).sum(),
        }
    };
    (0..wanted).map(sample).collect()
}

/// The taps around each place between two samples that is ever asked for.
fn taps(from: u32, to: u32, up: u64) -> Vec<Vec<f32>> {
    let ratio = f64::from(from) / f64::from(from.min(to));
    let cut = CUT / ratio;
    let half = (WIDTH * ratio).ceil() as i64;
    let tap = |x: f64| {
        let sinc = if x == 0.0 { 2.0 * cut } else { (2.0 * PI * cut * x).sin() / (PI * x) };
        // Blackman.
        let phase = PI * (x / (half + 1) as f64).clamp(-1.0, 1.0);
        sinc * (0.42 + 0.5 * phase.cos() + 0.08 * (2.0 * phase).cos())
    };
    let of_phase = |phase: u64| {
        let taps: Vec<f64> = (-half..=half).map(|k| tap(k as f64 - phase as f64 / up as f64)).collect();
        let sum: f64 = taps.iter().sum();
        taps.iter().map(|tap| (tap / sum) as f32).collect()
    };
    (0..up).map(of_phase).collect()
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(rate: u32, hertz: f64) -> Vec<f32> {
        (0..rate).map(|n| (2.0 * PI * hertz * f64::from(n) / f64::from(rate)).sin() as f32).collect()
    }

    #[test]
    fn a_tone_is_the_same_tone_at_another_rate() {
        for from in [16_000, 22_050, 44_100, 48_000, 6_000] {
            let (heard, wanted) = (resample(&tone(from, 440.0), from, 8_000), tone(8_000, 440.0));
            assert_eq!(heard.len(), wanted.len(), "{from}");
            let far = |(a, b): (&f32, &f32)| (a - b).abs();
            let worst = heard.iter().zip(&wanted).skip(100).take(7_800).map(far).fold(0.0, f32::max);
            assert!(worst < 0.002, "{from} Hz: off by {worst}");
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_carry_is_gone() {
        for (from, hertz) in [(16_000, 5_000.0), (22_050, 6_000.0), (48_000, 9_000.0)] {
            let loudest =
                resample(&tone(from, hertz), from, 8_000).into_iter().skip(100).take(7_800).fold(0.0, f32::max);
            assert!(loudest < 0.002, "{hertz} Hz at {from} Hz is heard at {loudest}");
        }
    }
}
