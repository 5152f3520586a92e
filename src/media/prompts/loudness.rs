//! How loud a recording is to the ear, and bringing it to where all are. Levels are in dB below full scale, of the
//! root mean square: a sine at full scale has -3 dB.

use std::collections::VecDeque;

/// Samples a second of everything here.
const RATE: f64 = 8_000.0;
/// What is softer than this is silence: a telephone's finest step is at -66 dB.
pub const SILENCE: f64 = -55.0;
/// A recording is made louder by so much at most: beyond, it is noise that becomes loud.
pub const MOST_GAIN: f64 = 30.0;
/// What is played never goes beyond this, just below full scale.
const CEILING: f64 = -1.0;

/// P.56: the envelope's time constant in seconds, how far below the active level its threshold is, and how long
/// speech counts as going on in a pause.
const TIME_CONSTANT: f64 = 0.03;
const MARGIN: f64 = 15.9;
const HANGOVER_BLOCKS: usize = 10;
/// The envelope is looked at once in 20 ms.
const BLOCK: usize = 160;
/// Thresholds, each half of the one before.
const THRESHOLDS: usize = 16;

/// The active speech level after ITU-T P.56, method B: the level of what is spoken, pauses left out, at 8 kHz.
/// `None`: silence.
pub fn active_level(samples: &[f32]) -> Option<f64> {
    // The envelope rises too late for a click: it cannot be louder than its loudest block.
    let loudest = samples.chunks(BLOCK).map(mean_square).fold(0.0, f64::max);
    level_of_activity(samples).map(|level| level.min(decibels(loudest.sqrt()))).filter(|level| *level > SILENCE)
}

fn mean_square(samples: &[f32]) -> f64 {
    samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / samples.len() as f64
}

fn level_of_activity(samples: &[f32]) -> Option<f64> {
    let squares: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    let active = activity(samples);
    let mut before: Option<(f64, f64)> = None;
    for (exponent, active) in active.into_iter().enumerate().rev() {
        if active == 0 {
            break;
        }
        let level = decibels((squares / active as f64).sqrt());
        let distance = level - decibels(0.5_f64.powi(exponent as i32));
        if distance <= MARGIN {
            return Some(match before {
                Some((above, far)) if far > distance => above + (level - above) * (far - MARGIN) / (far - distance),
                _ => level,
            });
        }
        before = Some((level, distance));
    }
    before.map(|(level, _)| level)
}

/// For each threshold 2⁻⁰, 2⁻¹ …: samples in which the envelope is above it, or was within the hangover.
fn activity(samples: &[f32]) -> [usize; THRESHOLDS] {
    let keep = (-1.0 / (RATE * TIME_CONSTANT)).exp() as f32;
    let (mut first, mut second) = (0.0_f32, 0.0_f32);
    let mut recent = VecDeque::from([0.0_f32; HANGOVER_BLOCKS]);
    let mut active = [0; THRESHOLDS];
    for block in samples.chunks(BLOCK) {
        let mut highest = 0.0_f32;
        for sample in block {
            first = keep * first + (1.0 - keep) * sample.abs();
            second = keep * second + (1.0 - keep) * first;
            highest = highest.max(second);
        }
        recent.push_back(highest);
        let envelope = recent.iter().copied().fold(0.0, f32::max);
        recent.pop_front();
        for (exponent, active) in active.iter_mut().enumerate() {
            if envelope >= 0.5_f32.powi(exponent as i32) {
                *active += block.len();
            }
        }
    }
    active
}

/// The largest deflection, 1.0 at full scale.
pub fn peak(samples: &[f32]) -> f32 {
    samples.iter().fold(0.0, |peak, sample| peak.max(sample.abs()))
}

pub fn decibels(factor: f64) -> f64 {
    20.0 * factor.log10()
}

fn factor(decibels: f64) -> f32 {
    10_f64.powf(decibels / 20.0) as f32
}

/// What is done to a recording of this level so that it is as loud as `target`, in dB.
pub fn gain(level: Option<f64>, target: f64) -> f64 {
    level.map_or(0.0, |level| (target - level).min(MOST_GAIN))
}

/// Makes it louder or softer by `gain` dB. Peaks that would be cut are made softer together with the 5 ms around
/// them, so that nothing is cut.
pub fn apply(samples: &mut [f32], gain: f64) {
    let gain = factor(gain);
    samples.iter_mut().for_each(|sample| *sample *= gain);
    let ceiling = factor(CEILING);
    if peak(samples) > ceiling {
        limit(samples, ceiling);
    }
}

/// Each sample is made softer by the mean of what its neighbours need, of which each would be enough for it: no step
/// is heard, and nothing is above the ceiling.
fn limit(samples: &mut [f32], ceiling: f32) {
    const REACH: usize = 40;
    let needed: Vec<f32> = samples.iter().map(|sample| (ceiling / sample.abs()).min(1.0)).collect();
    let mut sums = vec![0.0];
    for lowest in lowest_within(&needed, REACH) {
        sums.push(sums[sums.len() - 1] + f64::from(lowest));
    }
    for (index, sample) in samples.iter_mut().enumerate() {
        let (from, to) = (index.saturating_sub(REACH), (index + REACH + 1).min(sums.len() - 1));
        let mean = (sums[to] - sums[from]) / (to - from) as f64;
        *sample = (*sample * mean as f32).clamp(-ceiling, ceiling);
    }
}

/// The lowest value within `reach` on both sides of each.
fn lowest_within(values: &[f32], reach: usize) -> Vec<f32> {
    let mut lowest = Vec::with_capacity(values.len());
    // Candidates, rising: none that is later and lower makes an earlier one needless.
    let mut candidates: VecDeque<usize> = VecDeque::new();
    let mut next = 0;
    for index in 0..values.len() {
        while next < values.len() && next <= index + reach {
            while candidates.back().is_some_and(|last| values[*last] >= values[next]) {
                candidates.pop_back();
            }
            candidates.push_back(next);
            next += 1;
        }
        while candidates.front().is_some_and(|first| first + reach < index) {
            candidates.pop_front();
        }
        lowest.push(candidates.front().map_or(1.0, |first| values[*first]));
    }
    lowest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sine at 8 kHz with this level.
    fn tone(seconds: f64, level: f64) -> Vec<f32> {
        let deflection = 2.0_f64.sqrt() * 10_f64.powf(level / 20.0);
        let step = std::f64::consts::TAU * 440.0 / RATE;
        (0..(seconds * RATE) as u32).map(|n| (deflection * (step * f64::from(n)).sin()) as f32).collect()
    }

    fn silence(seconds: f64) -> Vec<f32> {
        vec![0.0; (seconds * RATE) as usize]
    }

    fn near(samples: &[f32], level: f64, by: f64) {
        let found = active_level(samples).unwrap();
        assert!((found - level).abs() < by, "{found} dB is not {level} dB");
    }

    #[test]
    fn pauses_make_nothing_softer() {
        for level in [-6.0, -20.0, -37.0] {
            near(&tone(2.0, level), level, 0.3);
            let spoken: Vec<f32> = (0..5).flat_map(|_| [tone(0.8, level), silence(1.2)].concat()).collect();
            // The hangover counts as speech.
            near(&spoken, level, 1.6);
            let whole = decibels(mean_square(&spoken).sqrt());
            assert!(whole < level - 3.5, "the mean over all is {whole} dB");
        }
    }

    #[test]
    fn a_word_of_a_quarter_second_has_a_level_too() {
        near(&[silence(0.02), tone(0.25, -20.0), silence(0.06)].concat(), -20.0, 1.5);
        near(&tone(0.03, -20.0), -20.0, 1.0);
    }

    #[test]
    fn silence_has_no_level_and_is_left_alone() {
        assert_eq!(active_level(&silence(2.0)), None);
        assert_eq!(active_level(&[]), None);
        assert_eq!(active_level(&tone(2.0, -60.0)), None);
        assert!(active_level(&tone(2.0, -50.0)).is_some());
        assert_eq!(gain(None, -20.0), 0.0);
    }

    #[test]
    fn noise_is_not_made_as_loud_as_speech() {
        assert_eq!(gain(Some(-26.0), -20.0), 6.0);
        assert_eq!(gain(Some(-53.0), -20.0), MOST_GAIN);
        assert_eq!(gain(Some(-3.0), -20.0), -17.0);
    }

    #[test]
    fn nothing_is_cut_where_a_peak_would_be_too_high() {
        // Soft speech with one loud word in it.
        let mut samples = [tone(1.0, -30.0), tone(0.2, -8.0), tone(1.0, -30.0)].concat();
        let untouched = samples[2_000..4_000].to_vec();
        apply(&mut samples, 12.0);
        assert!(peak(&samples) <= factor(CEILING) && peak(&samples) > factor(CEILING - 0.5), "{}", peak(&samples));
        let same = samples[2_000..4_000].iter().zip(&untouched).all(|(a, b)| (a - b * factor(12.0)).abs() < 1e-6);
        assert!(same, "what is far from the peak is only louder");
        // What is cut is flat; what is limited keeps its shape.
        let flat = samples.windows(3).filter(|three| three[0] == three[1] && three[1] == three[2]).count();
        assert_eq!(flat, 0, "samples stand at the ceiling");
    }

    #[test]
    fn the_lowest_of_the_neighbours_is_found() {
        let values = [5.0, 4.0, 9.0, 1.0, 7.0, 8.0, 6.0];
        assert_eq!(lowest_within(&values, 1), [4.0, 4.0, 1.0, 1.0, 1.0, 6.0, 6.0]);
        assert_eq!(lowest_within(&values, 9), [1.0; 7]);
        assert_eq!(lowest_within(&[], 3), [0.0; 0]);
    }
}
