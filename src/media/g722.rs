//! ITU-T G.722 at 64 kbit/s, its lower half alone: sound up to 4 kHz, which is all that G.711, prompts, mixes and
//! recordings carry. Each byte is one sample at 8 kHz, as in G.711, so that one becomes the other where it lies. Pure.
//!
//! The codec cuts sound into two bands of 4 kHz, each with an adaptive quantizer of its own: six bits of a byte are the
//! lower band's, two the upper's. What is decoded here leaves the upper band out, what is encoded has silence in it.
//! Between two legs that both speak G.722 nothing is decoded, and both bands pass. Nothing is allocated but for a whole
//! recording.

/// What the upper band of silence looks like: the smallest step up, of a quantizer that has come to rest.
const NO_UPPER_BAND: u8 = 0xC0;
/// The byte that stands for no change at all, and so for silence.
pub const SILENCE: u8 = NO_UPPER_BAND | 61;

/// Decision levels of the six bits, table 14.
const LEVELS: [i32; 29] = [
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121, 1219, 1339,
    1458, 1612, 1765, 1980, 2195, 2557, 2919,
];
/// The codes of what lies below each level, and beyond the last; table 14.
const NEGATIVE: [u8; 30] =
    [63, 62, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4];
const POSITIVE: [u8; 30] = [
    61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36, 35, 34, 33,
    32,
];
/// What the six bits stand for, in steps; table 18.
const STEPS: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360, -8576,
    -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688, -1360, -1040,
    -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456,
    4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
];
/// The same of their upper four, by which both sides adapt; table 16.
const COARSE_STEPS: [i32; 16] =
    [0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0];
/// How the logarithm of the step changes after each of those; table 19.
const STEP_CHANGES: [i32; 16] = [-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60];
/// Powers of two between one and two; table 20.
const POWERS: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896, 2960, 3025,
    3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];
/// The logarithm of the largest step.
const LARGEST: i32 = 18_432;
const ZEROS: usize = 6;

/// What encoder and decoder of the lower band both know, after §3.6: how large a step is, and what comes next.
#[derive(Clone, Debug)]
struct Band {
    /// NBL: the logarithm of the step.
    logarithm: i32,
    /// DETL: the step.
    step: i32,
    /// SL and SZL: what is expected next, and its part from differences alone.
    expected: i32,
    from_differences: i32,
    /// DLT and BL: the last differences, the newest first, and their weights.
    differences: [i32; ZEROS],
    zeros: [i32; ZEROS],
    /// RLT, PLT and AL: the last samples and partial ones, the newest first, and the weights.
    samples: [i32; 2],
    partial: [i32; 2],
    poles: [i32; 2],
}

impl Band {
    fn new() -> Self {
        Self {
            logarithm: 0,
            step: 32,
            expected: 0,
            from_differences: 0,
            differences: [0; ZEROS],
            zeros: [0; ZEROS],
            samples: [0; 2],
            partial: [0; 2],
            poles: [0; 2],
        }
    }

    /// After a code of six bits.
    fn adapt(&mut self, code: u8) {
        let coarse = usize::from(code >> 2 & 15);
        let difference = (self.step * COARSE_STEPS[coarse]) >> 15;
        // LOGSCL, SCALEL.
        self.logarithm = (((self.logarithm * 127) >> 7) + STEP_CHANGES[coarse]).clamp(0, LARGEST);
        let power = POWERS[(self.logarithm >> 6 & 31) as usize];
        let shift = 8 - (self.logarithm >> 11);
        self.step = if shift < 0 { power << -shift } else { power >> shift } << 2;
        self.predict(difference);
    }

    fn predict(&mut self, difference: i32) {
        // RECONS, PARREC.
        let sample = narrow(self.expected + difference);
        let partial = narrow(self.from_differences + difference);
        let same = |other: i32| (partial < 0) == (other < 0);
        let [same_as_last, same_as_before] = self.partial.map(same);
        // UPPOL2.
        let last = narrow(self.poles[0] << 2);
        let turned = if same_as_last { (-last).min(i32::from(i16::MAX)) } else { last };
        let lean = (turned >> 7) + if same_as_before { 128 } else { -128 };
        let second = (lean + ((self.poles[1] * 32_512) >> 15)).clamp(-12_288, 12_288);
        // UPPOL1.
        let lean = if same_as_last { 192 } else { -192 };
        let limit = narrow(15_360 - second);
        let first = narrow(lean + ((self.poles[0] * 32_640) >> 15)).clamp(-limit, limit);
        // UPZERO.
        let lean = if difference == 0 { 0 } else { 128 };
        for (weight, before) in self.zeros.iter_mut().zip(&self.differences) {
            let lean = if (*before < 0) == (difference < 0) { lean } else { -lean };
            *weight = narrow(lean + ((*weight * 32_640) >> 15));
        }
        // DELAYA.
        self.differences.copy_within(..ZEROS - 1, 1);
        self.differences[0] = difference;
        (self.samples, self.partial, self.poles) =
            ([sample, self.samples[0]], [partial, self.partial[0]], [first, second]);
        // FILTEP, FILTEZ, PREDIC.
        let weighed = |(weight, sample): (&i32, &i32)| (weight * narrow(sample << 1)) >> 15;
        let from_samples = narrow(self.poles.iter().zip(&self.samples).map(weighed).sum());
        self.from_differences = narrow(self.zeros.iter().zip(&self.differences).map(weighed).sum());
        self.expected = narrow(from_samples + self.from_differences);
    }
}

/// One stream that is made.
#[derive(Clone, Debug)]
pub struct Encoder(Band);

/// A whole recording at 8 kHz.
pub fn encoded(samples: &[i16]) -> Vec<u8> {
    let mut encoder = Encoder::new();
    samples.iter().map(|sample| encoder.encode(*sample)).collect()
}

/// One stream that is heard.
#[derive(Clone, Debug)]
pub struct Decoder(Band);

impl Encoder {
    pub fn new() -> Self {
        Self(Band::new())
    }

    /// The next sample, at 8 kHz.
    pub fn encode(&mut self, sample: i16) -> u8 {
        let band = &mut self.0;
        let off = narrow((i32::from(sample) >> 1) - band.expected);
        let size = if off < 0 { -(off + 1) } else { off };
        let step = band.step;
        let place = LEVELS.partition_point(|level| size >= (level * step) >> 12);
        let code = if off < 0 { NEGATIVE[place] } else { POSITIVE[place] };
        band.adapt(code);
        NO_UPPER_BAND | code
    }
}

impl Decoder {
    pub fn new() -> Self {
        Self(Band::new())
    }

    /// The next sample, at 8 kHz.
    pub fn decode(&mut self, byte: u8) -> i16 {
        /// RECONS, LIMIT: samples have fifteen bits.
        const LIMIT: i32 = 16_384;
        let code = byte & 63;
        let off = (self.0.step * STEPS[usize::from(code)]) >> 15;
        let sample = (self.0.expected + off).clamp(-LIMIT, LIMIT - 1);
        self.0.adapt(code);
        (sample << 1) as i16
    }
}

fn narrow(wide: i32) -> i32 {
    wide.clamp(i32::from(i16::MIN), i32::from(i16::MAX))
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    /// Noise that grows louder every 500 samples, eight times, and begins anew.
    fn noise() -> Vec<i16> {
        let mut seed = 8285_u32;
        let sample = |n: usize| {
            seed = seed.wrapping_mul(1_103_515_245).wrapping_add(12_345) & 0x7FFF_FFFF;
            (((seed >> 15) as i32 - 32_768) >> (7 - n / 500 % 8)) as i16
        };
        (0..16_000).map(sample).collect()
    }

    fn digest(bytes: &[u8]) -> String {
        Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn bytes(samples: &[i16]) -> Vec<u8> {
        samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
    }

    /// What spandsp 0.0.6 makes of the same, in its mode of 8 kHz.
    #[test]
    fn every_bit_is_as_another_program_has_it() {
        let mut encoder = Encoder::new();
        let encoded: Vec<u8> = noise().into_iter().map(|sample| encoder.encode(sample)).collect();
        assert_eq!(encoded[..8], [0xC4, 0xE1, 0xC9, 0xD1, 0xF5, 0xF9, 0xF6, 0xCE]);
        assert_eq!(digest(&encoded), "d97c7fd41a33e0d708eca6364d4ebc35f070d82ece742f2e52088b507c2eb83e");
        let mut decoder = Decoder::new();
        let decoded: Vec<i16> = encoded.iter().map(|byte| decoder.decode(*byte)).collect();
        assert_eq!(decoded[4_000..4_008], [304, -262, 328, -156, -158, -182, 238, 202]);
        assert_eq!(digest(&bytes(&decoded)), "292a93822b43e371bec2fd7274133d9b9f1da8d92067d3f55d620e376dcfdd0b");
        // Bytes that no encoder makes.
        let (mut seed, mut decoder) = (1_u32, Decoder::new());
        let mut byte = || {
            seed = seed.wrapping_mul(1_103_515_245).wrapping_add(12_345) & 0x7FFF_FFFF;
            (seed >> 16) as u8
        };
        let decoded: Vec<i16> = (0..16_000).map(|_| decoder.decode(byte())).collect();
        assert_eq!(digest(&bytes(&decoded)), "1910d10c41167f1252ebc94c382a05ba7d328edce00a887159ea4bfa01536786");
    }

    #[test]
    fn silence_stays_silent() {
        let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
        for _ in 0..1_000 {
            assert_eq!(decoder.decode(SILENCE), 0);
        }
        let quiet: Vec<i16> = (0..1_000).map(|_| decoder.decode(encoder.encode(0))).collect();
        // What it makes of nothing is the noise of a line, 54 dB below full scale at most.
        assert!(quiet.iter().all(|sample| sample.abs() <= 64), "{quiet:?}");
        // After something loud as well.
        noise().into_iter().for_each(|sample| {
            decoder.decode(encoder.encode(sample));
        });
        let left: Vec<i16> = (0..1_000).map(|_| decoder.decode(SILENCE)).collect();
        assert!(left[500..].iter().all(|sample| sample.abs() < 20), "{:?}", &left[500..520]);
    }
}
