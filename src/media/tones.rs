//! Keys in the sound itself (ITU-T Q.23, Q.24), for callers whose line cannot say them in any other way. Pure; nothing
//! is allocated.
//!
//! Sound is looked at in windows that overlap, each for the eight tones (Goertzel). A key is one tone of the upper and
//! one of the lower group which between them are nearly all there is, about as loud as each other, and equally loud in
//! [`STEADY`] windows one after the other: that takes at least 29 ms, and never more than 40. Speech is not so steady.

use std::f32::consts::TAU;
use std::sync::LazyLock;

use super::g711;
use super::words::Codec;

/// Samples of a window, and from one to the next.
const WINDOW: usize = 160;
const STEP: usize = 64;
const RATE: f32 = 8_000.0;
const LOWER: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const UPPER: [f32; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
const KEYS: [[char; 4]; 4] = [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];
/// Windows in a row in which a key stands.
const STEADY: u8 = 4;
/// Windows in a row without it after which the key is up: a gap of 10 ms is none.
const UP: u8 = 3;
/// The weakest tone, as its amplitude: -35 dBm0.
const WEAKEST: f32 = 400.0;
/// Of each tone that we say, as its amplitude: about -11 dBm0.
const LOUDNESS: f32 = 6_400.0;
/// Of all that is heard, so much is the two tones: one that is 1.5 % off, as it may be, is seen a quarter weaker.
const SHARE: f32 = 0.7;
/// How much stronger a tone is than the others of its group, in power.
const STANDS_OUT: f32 = 5.0;
/// In power: the lower tone may be stronger by 8 dB, the upper by 4 dB (Q.24), and each seen up to 1.4 dB weaker.
const LOWER_STRONGER: f32 = 9.0;
const UPPER_STRONGER: f32 = 3.5;
/// In power: between the windows of one press.
const EVEN: f32 = 2.1;
/// Voices have overtones; tones do not. In power, of the upper tone; those of the lower lie among the upper.
const OVERTONE: f32 = 0.06;

pub struct Tones {
    window: [f32; WINDOW],
    filled: usize,
    /// What the last windows had, how loud, and how many they are.
    stands: Option<Stands>,
    /// The key that is down, and for how many windows it was missed.
    down: Option<(char, u8)>,
}

#[derive(Clone, Copy)]
struct Stands {
    key: char,
    weakest: [f32; 2],
    strongest: [f32; 2],
    windows: u8,
}

impl Tones {
    pub fn new() -> Self {
        Self { window: [0.0; WINDOW], filled: 0, stands: None, down: None }
    }

    /// The next packet, in a law of G.711. A key is told once, when it has been down for about 35 ms.
    pub fn hear(&mut self, codec: Codec, sound: &[u8]) -> Option<char> {
        let mut told = None;
        for byte in sound {
            self.window[self.filled] = f32::from(g711::to_linear(codec, *byte));
            self.filled += 1;
            if self.filled == WINDOW {
                told = self.look().or(told);
                self.window.copy_within(STEP.., 0);
                self.filled = WINDOW - STEP;
            }
        }
        told
    }

    fn look(&mut self) -> Option<char> {
        let found = find(&weighed(&self.window));
        if let Some((down, missed)) = self.down {
            let goes_on = found.is_some_and(|(key, _)| key == down);
            let missed = if goes_on { 0 } else { missed + 1 };
            self.down = (missed < UP).then_some((down, missed));
        }
        let (key, powers) = found.or_else(|| {
            self.stands = None;
            None
        })?;
        let fresh = Stands { key, weakest: powers, strongest: powers, windows: 0 };
        let mut stands = self.stands.filter(|stands| stands.key == key).unwrap_or(fresh);
        for (of, power) in powers.into_iter().enumerate() {
            stands.weakest[of] = stands.weakest[of].min(power);
            stands.strongest[of] = stands.strongest[of].max(power);
        }
        let even = (0..2).all(|of| stands.strongest[of] < stands.weakest[of] * EVEN);
        stands = if even { stands } else { fresh };
        stands.windows = stands.windows.saturating_add(1);
        self.stands = Some(stands);
        let is_down = self.down.is_some_and(|(down, _)| down == key);
        if stands.windows < STEADY || is_down {
            return None;
        }
        self.down = Some((key, 0));
        Some(key)
    }
}

/// The samples of a key from `since` its beginning on.
pub fn frame(key: char, since: u32) -> [i32; g711::FRAME] {
    let at = KEYS.iter().enumerate().find_map(|(row, keys)| Some((row, keys.iter().position(|of| *of == key)?)));
    let Some((row, column)) = at else { return [0; g711::FRAME] };
    std::array::from_fn(|n| {
        let wave = |hz: f32| (TAU * hz * (since + n as u32) as f32 / RATE).sin();
        ((wave(LOWER[row]) + wave(UPPER[column])) * LOUDNESS) as i32
    })
}

/// Hann's window, so that neighbours in frequency do not blur each other.
fn weighed(window: &[f32; WINDOW]) -> [f32; WINDOW] {
    std::array::from_fn(|n| window[n] * WEIGHTS[n])
}

static WEIGHTS: LazyLock<[f32; WINDOW]> =
    LazyLock::new(|| std::array::from_fn(|n| 0.5 - 0.5 * (TAU * (n as f32 + 0.5) / WINDOW as f32).cos()));

/// The key in a window, and the power of its two tones.
fn find(window: &[f32; WINDOW]) -> Option<(char, [f32; 2])> {
    /// The mean of the weights' squares.
    const WEIGHED: f32 = 0.375;
    let energy: f32 = window.iter().map(|sample| sample * sample).sum::<f32>() / (WINDOW as f32 * WEIGHED);
    // Both tones at their weakest.
    if energy < WEAKEST * WEAKEST {
        return None;
    }
    let (row, lower) = strongest(window, &LOWER)?;
    let (column, upper) = strongest(window, &UPPER)?;
    let loud = lower.min(upper) >= WEAKEST * WEAKEST / 2.0;
    let all = lower + upper > energy * SHARE;
    let twist = lower < upper * LOWER_STRONGER && upper < lower * UPPER_STRONGER;
    let pure = || power_at(window, 2.0 * UPPER[column]) < upper * OVERTONE;
    (loud && all && twist && pure()).then(|| (KEYS[row][column], [lower, upper]))
}

/// The strongest of a group, if it stands out.
fn strongest(window: &[f32; WINDOW], group: &[f32; 4]) -> Option<(usize, f32)> {
    let powers = group.map(|hertz| power_at(window, hertz));
    let most = (0..4).max_by(|a, b| powers[*a].total_cmp(&powers[*b]))?;
    let stands_out = (0..4).all(|other| other == most || powers[other] * STANDS_OUT < powers[most]);
    stands_out.then_some((most, powers[most]))
}

/// The power of a tone, as the mean square it adds (Goertzel).
fn power_at(window: &[f32; WINDOW], hertz: f32) -> f32 {
    let twice = 2.0 * (TAU * hertz / RATE).cos();
    let (mut last, mut before) = (0.0_f32, 0.0_f32);
    for sample in window {
        (last, before) = (sample + twice * last - before, last);
    }
    let square = last * last + before * before - twice * last * before;
    // The mean of the weights is a half.
    square * 8.0 / (WINDOW * WINDOW) as f32
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;
    use crate::ids::Language;

    const MS: usize = 8;

    /// How a key sounds.
    #[derive(Clone, Copy)]
    struct Press {
        key: char,
        ms: usize,
        /// Amplitudes of the lower and the upper tone.
        loud: [f32; 2],
        /// Share by which both are off.
        off: f32,
    }

    const PRESS: Press = Press { key: '5', ms: 60, loud: [5_000.0, 5_000.0], off: 0.0 };

    fn tones(press: Press) -> Vec<f32> {
        let place = |key| (0..16).find(|at| KEYS[at / 4][at % 4] == key).unwrap();
        let (row, column) = (place(press.key) / 4, place(press.key) % 4);
        let wave = |hertz: f32, n: usize| (TAU * hertz * (1.0 + press.off) * n as f32 / RATE).sin();
        (0..press.ms * MS)
            .map(|n| press.loud[0] * wave(LOWER[row], n) + press.loud[1] * wave(UPPER[column], n))
            .collect()
    }

    fn silence(ms: usize) -> Vec<f32> {
        vec![0.0; ms * MS]
    }

    /// In packets of 20 ms, in both laws.
    fn heard(samples: &[f32]) -> String {
        let by = |codec| {
            let mut tones = Tones::new();
            let sound: Vec<u8> = samples.iter().map(|sample| g711::of_linear(codec, *sample as i16)).collect();
            sound.chunks(160).filter_map(|packet| tones.hear(codec, packet)).collect::<String>()
        };
        let (a, u) = (by(Codec::Pcma), by(Codec::Pcmu));
        assert_eq!(a, u);
        a
    }

    #[test]
    fn every_key_is_told_once_however_it_lies_in_the_windows() {
        let all: String = KEYS.iter().flatten().collect();
        for (ms, pause) in [(40, 40), (50, 45), (200, 100), (2_000, 60)] {
            for shift in (0..STEP).step_by(9) {
                let mut samples = vec![0.0; shift];
                for key in all.chars() {
                    samples.extend(tones(Press { key, ms, ..PRESS }));
                    samples.extend(silence(pause));
                }
                assert_eq!(heard(&samples), all, "{ms} ms and {pause} ms of pause, {shift} samples in");
            }
        }
    }

    #[test]
    fn the_bounds_are_those_of_the_recommendation() {
        let loud = |lower_db: f32, upper_db: f32| [lower_db, upper_db].map(|db| 22_000.0 * 10_f32.powf(db / 20.0));
        let table = [
            ("40 ms", Press { ms: 40, ..PRESS }, "5"),
            ("23 ms", Press { ms: 23, ..PRESS }, ""),
            ("-30 dB", Press { loud: loud(-30.0, -30.0), ..PRESS }, "5"),
            ("as loud as can be", Press { loud: [16_000.0; 2], ..PRESS }, "5"),
            ("-45 dB", Press { loud: loud(-45.0, -45.0), ..PRESS }, ""),
            ("the lower louder by 8 dB", Press { loud: loud(-10.0, -18.0), ..PRESS }, "5"),
            ("the lower louder by 14 dB", Press { loud: loud(-10.0, -24.0), ..PRESS }, ""),
            ("the upper louder by 4 dB", Press { loud: loud(-14.0, -10.0), ..PRESS }, "5"),
            ("the upper louder by 9 dB", Press { loud: loud(-19.0, -10.0), ..PRESS }, ""),
            ("1.5 % too high", Press { off: 0.015, ..PRESS }, "5"),
            ("1.5 % too low", Press { off: -0.015, ..PRESS }, "5"),
            ("6 % too high", Press { off: 0.06, ..PRESS }, ""),
            ("one tone alone", Press { loud: [5_000.0, 0.0], ..PRESS }, ""),
        ];
        for (name, press, keys) in table {
            for shift in (0..STEP).step_by(11) {
                let mut samples = vec![0.0; shift];
                samples.extend(tones(press));
                samples.extend(silence(60));
                assert_eq!(heard(&samples), keys, "{name}, {shift} samples in");
            }
        }
        // All keys at the bounds of their tones.
        for key in KEYS.iter().flatten().copied() {
            for off in [-0.015, 0.015] {
                let mut samples = tones(Press { key, off, ..PRESS });
                samples.extend(silence(60));
                assert_eq!(heard(&samples), key.to_string(), "{off}");
            }
        }
    }

    #[test]
    fn a_short_gap_is_the_same_press_and_a_pause_is_another() {
        let with = |gap| {
            let press = tones(PRESS);
            heard(&[press.clone(), silence(gap), press, silence(60)].concat())
        };
        assert_eq!((with(10), with(40)), ("5".into(), "55".into()));
    }

    #[test]
    fn keys_are_heard_over_a_noisy_line() {
        let mut rng = StdRng::seed_from_u64(24);
        for _ in 0..50 {
            let mut samples: Vec<f32> =
                "12345".chars().flat_map(|key| [tones(Press { key, ..PRESS }), silence(60)].concat()).collect();
            // 15 dB below the tones.
            samples.iter_mut().for_each(|sample| *sample += rng.random_range(-1_500.0..1_500.0));
            assert_eq!(heard(&samples), "12345");
        }
    }

    /// A voice: pulses at its pitch through three resonances that move about, between pauses.
    fn voice(rng: &mut StdRng, seconds: usize) -> Vec<f32> {
        let mut samples = Vec::new();
        let mut state = [[0.0_f32; 2]; 3];
        let mut phase = 0.0_f32;
        while samples.len() < seconds * 8_000 {
            let (pitch, length) = (rng.random_range(80.0..350.0_f32), rng.random_range(400..2_400));
            let voiced = rng.random_ratio(3, 4);
            let resonances: [f32; 3] = [
                rng.random_range(250.0..1_000.0),
                rng.random_range(800.0..2_400.0),
                rng.random_range(2_000.0..3_400.0),
            ];
            let loud = rng.random_range(0.0..12_000.0_f32);
            for _ in 0..length {
                phase += pitch / RATE;
                let pulse = if phase >= 1.0 { 8.0 } else { 0.0 };
                phase = phase.fract();
                let mut sample = if voiced { pulse } else { rng.random_range(-1.0..1.0) } * loud;
                for (hertz, [last, before]) in resonances.iter().zip(&mut state) {
                    const WIDTH: f32 = 0.97;
                    let out = sample * 0.1 + 2.0 * WIDTH * (TAU * hertz / RATE).cos() * *last - WIDTH * WIDTH * *before;
                    (*last, *before) = (out, *last);
                    sample = out;
                }
                samples.push(sample.clamp(-32_000.0, 32_000.0));
            }
        }
        samples
    }

    #[test]
    fn no_key_is_heard_in_voices() {
        let mut rng = StdRng::seed_from_u64(12345);
        let samples = voice(&mut rng, 200);
        let loudest = samples.iter().fold(0.0_f32, |most, sample| most.max(sample.abs()));
        assert!(loudest > 5_000.0, "the voices can be heard: {loudest}");
        assert_eq!(heard(&samples), "");
    }

    #[test]
    fn no_key_is_heard_in_any_shipped_recording() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts");
        let prompts = crate::media::Prompts {
            folder,
            fallbacks: [Language::ZH, Language::EN].map(|code| (code, Vec::new())).into(),
            ..Default::default()
        };
        let mut seconds = 0.0;
        for prompt in crate::media::prompts::all_recordings(&prompts) {
            let clip = crate::media::prompts::load_clip(&prompts.file(&prompt)).unwrap();
            let mut tones = Tones::new();
            let frames = (0..).map_while(|at| clip.frame(Codec::Pcma, at));
            for frame in frames {
                seconds += 0.02;
                assert_eq!(tones.hear(Codec::Pcma, frame), None, "in {prompt}");
            }
        }
        assert!(seconds > 60.0, "{seconds} s of recordings");
    }
}
