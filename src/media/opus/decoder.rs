//! Opus to samples at 8 or 16 kHz. It is decoded at 48 kHz, and what they cannot hold is filtered off here: asked for
//! 8 kHz, the codec leaves out five of six samples, and what was above 4 kHz is heard below it.

use std::f64::consts::TAU;
use std::sync::LazyLock;

use opus_pure::OpusDecoder;

use super::conversion::{LONGEST, OPUS_RATE, RATIO};

/// Of each low-pass: how many times as long as a step it is. Down by 0.1 dB at 85 % of half the rate and by 50 dB at 115 %;
/// it delays by half of its length, 1.4 ms at 8 kHz.
const STEPS: usize = 22;
/// Sound that has gone and that the next sample is made of as well, at 8 kHz.
const BEFORE: usize = (STEPS - 1) * RATIO as usize;
/// Of the taps: their sum is 1.
const POINT: u32 = 14;

/// One for each rate: of so many samples at 48 kHz one is kept.
struct LowPass {
    step: usize,
    taps: Vec<i16>,
}

static NARROW: LazyLock<LowPass> = LazyLock::new(|| LowPass::new(RATIO as usize));
static WIDE: LazyLock<LowPass> = LazyLock::new(|| LowPass::new(RATIO as usize / 2));

impl LowPass {
    /// A sinc in a Hamming window, down by 6 dB at half the rate.
    fn new(step: usize) -> Self {
        let length = STEPS * step;
        let tap = |n: usize| {
            let place = n as f64 - (length - 1) as f64 / 2.0;
            let angle = TAU / (2 * step) as f64 * place;
            angle.sin() / angle * (0.54 + 0.46 * (TAU * place / length as f64).cos())
        };
        let taps: Vec<f64> = (0..length).map(tap).collect();
        let sum: f64 = taps.iter().sum();
        let taps = taps.into_iter().map(|tap| (tap / sum * f64::from(1 << POINT)).round() as i16).collect();
        Self { step, taps }
    }
}

pub struct Decoder {
    codec: OpusDecoder,
    /// At 48 kHz: what came last of the sound before, and room for the longest packet.
    sound: Box<[i16]>,
}

impl Decoder {
    /// `None`: it cannot be had.
    pub fn new() -> Option<Self> {
        let codec = OpusDecoder::new(OPUS_RATE as i32, 1).ok()?;
        Some(Self { codec, sound: vec![0; BEFORE + LONGEST * RATIO as usize].into() })
    }

    /// Nothing was heard before.
    pub fn reset(&mut self) {
        let _ = self.codec.reset_state();
        self.sound.fill(0);
    }

    /// A packet; how many ticks at 8 kHz it has, of two samples each if it is `wide`. `None`: it is no Opus.
    pub fn decode(&mut self, packet: &[u8], wide: bool, samples: &mut [i16; 2 * LONGEST]) -> Option<usize> {
        let length = self.codec.decode_s16(packet, LONGEST * RATIO as usize, &mut self.sound[BEFORE..]).ok()?;
        Some(self.filter(length, wide, samples))
    }

    /// So many ticks in the place of what was lost; `next`: the packet after it, which may tell of it.
    pub fn conceal(
        &mut self,
        length: usize,
        next: Option<&[u8]>,
        wide: bool,
        samples: &mut [i16; 2 * LONGEST],
    ) -> Option<usize> {
        let (length, sound) = (length.min(LONGEST) * RATIO as usize, &mut self.sound[BEFORE..]);
        let made = match next {
            Some(next) => self.codec.decode_fec_s16(next, length, sound),
            None => self.codec.decode_s16(&[], length, sound),
        };
        made.ok().map(|length| self.filter(length, wide, samples))
    }

    fn filter(&mut self, length: usize, wide: bool, samples: &mut [i16; 2 * LONGEST]) -> usize {
        let LowPass { step, taps } = if wide { &*WIDE } else { &*NARROW };
        let from = BEFORE - (STEPS - 1) * step;
        let windows = self.sound[from..BEFORE + length].windows(taps.len()).step_by(*step);
        for (sample, window) in samples.iter_mut().zip(windows) {
            let sum: i32 = window.iter().zip(taps).map(|(sound, tap)| i32::from(*sound) * i32::from(*tap)).sum();
            *sample = (sum >> POINT).clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
        }
        self.sound.copy_within(length..length + BEFORE, 0);
        length / RATIO as usize
    }
}
