//! Opus to samples at 8 kHz. It is decoded at 48 kHz, and what a telephone's band cannot hold is filtered off here: asked
//! for 8 kHz, the codec leaves out five of six samples, and what was above 4 kHz is heard below it.

use std::f64::consts::TAU;
use std::sync::LazyLock;

use opus_pure::OpusDecoder;

use super::conversion::{LONGEST, OPUS_RATE, RATIO};

/// Of each sample at 8 kHz one of six is kept.
const STEP: usize = RATIO as usize;
/// Of the low-pass: down by 0.1 dB at 3.4 kHz and by 50 dB at 4.6 kHz; it delays by half of that, 1.4 ms.
const TAPS: usize = 22 * STEP;
/// Where it is down by 6 dB, in Hz.
const CUT: f64 = 4_000.0;
/// Sound that has gone and that the next sample is made of as well.
const BEFORE: usize = TAPS - STEP;
/// Of the taps: their sum is 1.
const POINT: u32 = 14;

/// A sinc in a Hamming window.
static LOW_PASS: LazyLock<[i16; TAPS]> = LazyLock::new(|| {
    let tap = |n: usize| {
        let place = n as f64 - (TAPS - 1) as f64 / 2.0;
        let angle = TAU * CUT / f64::from(OPUS_RATE) * place;
        angle.sin() / angle * (0.54 + 0.46 * (TAU * place / TAPS as f64).cos())
    };
    let taps: [f64; TAPS] = std::array::from_fn(tap);
    let sum: f64 = taps.iter().sum();
    taps.map(|tap| (tap / sum * f64::from(1 << POINT)).round() as i16)
});

pub struct Decoder {
    codec: OpusDecoder,
    /// At 48 kHz: what came last of the sound before, and room for the longest packet.
    sound: Box<[i16]>,
}

impl Decoder {
    /// `None`: it cannot be had.
    pub fn new() -> Option<Self> {
        let codec = OpusDecoder::new(OPUS_RATE as i32, 1).ok()?;
        Some(Self { codec, sound: vec![0; BEFORE + LONGEST * STEP].into() })
    }

    /// Nothing was heard before.
    pub fn reset(&mut self) {
        let _ = self.codec.reset_state();
        self.sound.fill(0);
    }

    /// A packet; the samples of it. `None`: it is no Opus.
    pub fn decode(&mut self, packet: &[u8], samples: &mut [i16; LONGEST]) -> Option<usize> {
        let length = self.codec.decode_s16(packet, LONGEST * STEP, &mut self.sound[BEFORE..]).ok()?;
        Some(self.filter(length, samples))
    }

    /// So many samples in the place of what was lost; `next`: the packet after it, which may tell of it.
    pub fn conceal(&mut self, length: usize, next: Option<&[u8]>, samples: &mut [i16; LONGEST]) -> Option<usize> {
        let (length, sound) = (length.min(LONGEST) * STEP, &mut self.sound[BEFORE..]);
        let made = match next {
            Some(next) => self.codec.decode_fec_s16(next, length, sound),
            None => self.codec.decode_s16(&[], length, sound),
        };
        made.ok().map(|length| self.filter(length, samples))
    }

    fn filter(&mut self, length: usize, samples: &mut [i16; LONGEST]) -> usize {
        let taps = &*LOW_PASS;
        let windows = self.sound[..BEFORE + length].windows(TAPS).step_by(STEP);
        for (sample, window) in samples.iter_mut().zip(windows) {
            let sum: i32 = window.iter().zip(taps).map(|(sound, tap)| i32::from(*sound) * i32::from(*tap)).sum();
            *sample = (sum >> POINT).clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
        }
        self.sound.copy_within(length..length + BEFORE, 0);
        length / STEP
    }
}
