//! ITU-T G.722 at 64 kbit/s (mode 1): sound up to 7 kHz, and what G.711, prompts, mixes and recordings carry of it, up to
//! 3.4 kHz. Each byte is one sample at 8 kHz, as in G.711, and two at 16 kHz. Pure.
//!
//! The codec cuts sound into two bands of 4 kHz, each with an adaptive quantizer of its own: six bits of a byte are the
//! lower band's, two the upper's. What [`Encoder`] makes has silence in the upper one; [`WideDecoder`] and
//! [`WideEncoder`] have both. The bands overlap, and each has what is just beyond its edge mirrored in it, which goes only
//! where both are put together again: so [`Decoder`] hears the whole, and then cuts off what a telephone does not carry.
//! Nothing is allocated but for a whole recording.

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
/// The same of the upper band: its one decision level, for either sign what lies below and above it, what the two bits
/// stand for, and how the step changes; tables 14, 17, 21.
const UPPER_LEVEL: i32 = 564;
const UPPER_NEGATIVE: [u8; 2] = [1, 0];
const UPPER_POSITIVE: [u8; 2] = [3, 2];
const UPPER_STEPS: [i32; 4] = [-7_408, -1_616, 7_408, 1_616];
const UPPER_STEP_CHANGES: [i32; 4] = [798, -214, 798, -214];
/// Powers of two between one and two; table 20.
const POWERS: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896, 2960, 3025,
    3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];
/// The logarithm of the largest step, and that of the scale in which it is measured, of each band.
const LOWER_SCALE: (i32, i32) = (18_432, 8);
const UPPER_SCALE: (i32, i32) = (22_528, 10);
/// RECONS, LIMIT: samples of a band have fifteen bits.
const LIMIT: i32 = 16_384;
/// Of the filters that cut sound into two bands and put it together again, table 11: one half of them, the other is the
/// same from its end.
const QMF: [i32; 12] = [3, -11, 12, 32, -210, 951, 3_876, -805, 362, -156, 53, -11];
/// One half of the filter between sound at 16 kHz and at 8 kHz, the other is the same from its end: 0.1 dB off at most up
/// to 3.4 kHz, and at least 41 dB down from 4 kHz on, where ITU-T G.712 asks for 25 dB from 4.6 kHz on. In 1/32768; a sinc
/// that is cut off at 3.7 kHz, with the window of Kaiser (beta 3.6).
const TELEPHONE: [i32; 32] = [
    40, 17, -57, -41, 70, 78, -76, -126, 67, 184, -39, -249, -17, 314, 105, -371, -230, 409, 400, -413, -619, 364, 900,
    -235, -1267, -29, 1791, 567, -2720, -1946, 5678, 13835,
];
const ZEROS: usize = 6;

/// What encoder and decoder of a band both know, after §3.6: how large a step is, and what comes next.
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
    /// `step`: the first.
    fn new(step: i32) -> Self {
        Self {
            logarithm: 0,
            step,
            expected: 0,
            from_differences: 0,
            differences: [0; ZEROS],
            zeros: [0; ZEROS],
            samples: [0; 2],
            partial: [0; 2],
            poles: [0; 2],
        }
    }

    fn lower() -> Self {
        Self::new(32)
    }

    fn upper() -> Self {
        Self::new(8)
    }

    /// The code of six bits of the next sample of the lower band.
    fn encode_lower(&mut self, sample: i32) -> u8 {
        let off = narrow(sample - self.expected);
        let size = if off < 0 { -(off + 1) } else { off };
        let place = LEVELS.partition_point(|level| size >= (level * self.step) >> 12);
        let code = if off < 0 { NEGATIVE[place] } else { POSITIVE[place] };
        self.adapt_lower(code);
        code
    }

    /// The code of two bits of the next sample of the upper band.
    fn encode_upper(&mut self, sample: i32) -> u8 {
        let off = narrow(sample - self.expected);
        let size = if off < 0 { -(off + 1) } else { off };
        let place = usize::from(size >= (UPPER_LEVEL * self.step) >> 12);
        let code = if off < 0 { UPPER_NEGATIVE[place] } else { UPPER_POSITIVE[place] };
        self.adapt_upper(code);
        code
    }

    fn decode_lower(&mut self, code: u8) -> i32 {
        let off = (self.step * STEPS[usize::from(code)]) >> 15;
        let sample = (self.expected + off).clamp(-LIMIT, LIMIT - 1);
        self.adapt_lower(code);
        sample
    }

    fn decode_upper(&mut self, code: u8) -> i32 {
        let off = (self.step * UPPER_STEPS[usize::from(code)]) >> 15;
        let sample = (self.expected + off).clamp(-LIMIT, LIMIT - 1);
        self.adapt_upper(code);
        sample
    }

    fn adapt_lower(&mut self, code: u8) {
        let coarse = usize::from(code >> 2 & 15);
        self.adapt(COARSE_STEPS[coarse], STEP_CHANGES[coarse], LOWER_SCALE);
    }

    fn adapt_upper(&mut self, code: u8) {
        let code = usize::from(code);
        self.adapt(UPPER_STEPS[code], UPPER_STEP_CHANGES[code], UPPER_SCALE);
    }

    /// After a code that stands for so much of a step, and changes it so.
    fn adapt(&mut self, steps: i32, change: i32, (largest, scale): (i32, i32)) {
        let difference = (self.step * steps) >> 15;
        // LOGSCL, SCALEL; LOGSCH, SCALEH.
        self.logarithm = (((self.logarithm * 127) >> 7) + change).clamp(0, largest);
        let power = POWERS[(self.logarithm >> 6 & 31) as usize];
        let shift = scale - (self.logarithm >> 11);
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

/// What came last of a stream, at 16 kHz, for the filters; the newest at the end.
#[derive(Clone, Debug)]
struct Halves([i32; 2 * QMF.len()]);

impl Halves {
    fn new() -> Self {
        Self([0; 2 * QMF.len()])
    }

    /// After two more samples: the sums of those at even places and of those at odd ones.
    fn filter(&mut self, two: [i32; 2]) -> [i32; 2] {
        let Self(samples) = self;
        samples.copy_within(2.., 0);
        samples[2 * QMF.len() - 2..].copy_from_slice(&two);
        let pairs = || samples.chunks_exact(2);
        let even = pairs().zip(&QMF).map(|(pair, weight)| pair[0] * weight).sum();
        let odd = pairs().zip(QMF.iter().rev()).map(|(pair, weight)| pair[1] * weight).sum();
        [even, odd]
    }
}

/// One stream that is made of sound at 8 kHz.
#[derive(Clone, Debug)]
pub struct Encoder(Band);

/// One stream that is heard as a telephone carries it, at 8 kHz.
#[derive(Clone, Debug)]
pub struct Decoder {
    whole: WideDecoder,
    /// The oldest first.
    samples: [i32; 2 * TELEPHONE.len()],
}

/// One stream that is made of sound at 16 kHz.
#[derive(Clone, Debug)]
pub struct WideEncoder {
    halves: Halves,
    lower: Band,
    upper: Band,
}

/// One stream that is heard whole.
#[derive(Clone, Debug)]
pub struct WideDecoder {
    lower: Band,
    upper: Band,
    halves: Halves,
}

/// A whole recording at 8 kHz.
pub fn encoded(samples: &[i16]) -> Vec<u8> {
    let mut encoder = Encoder::new();
    samples.iter().map(|sample| encoder.encode(*sample)).collect()
}

impl Encoder {
    pub fn new() -> Self {
        Self(Band::lower())
    }

    /// The next sample, at 8 kHz.
    pub fn encode(&mut self, sample: i16) -> u8 {
        NO_UPPER_BAND | self.0.encode_lower(i32::from(sample) >> 1)
    }
}

impl Decoder {
    pub fn new() -> Self {
        Self { whole: WideDecoder::new(), samples: [0; 2 * TELEPHONE.len()] }
    }

    /// The next sample, at 8 kHz.
    pub fn decode(&mut self, byte: u8) -> i16 {
        let samples = &mut self.samples;
        samples.copy_within(2.., 0);
        let newest = 2 * TELEPHONE.len() - 2;
        samples[newest..].copy_from_slice(&self.whole.decode(byte).map(i32::from));
        let (first, last) = samples.split_at(TELEPHONE.len());
        let pairs = first.iter().zip(last.iter().rev()).map(|(one, other)| one + other);
        let sum: i32 = pairs.zip(&TELEPHONE).map(|(pair, weight)| pair * weight).sum();
        narrow(sum >> 15) as i16
    }
}

impl WideEncoder {
    pub fn new() -> Self {
        Self { halves: Halves::new(), lower: Band::lower(), upper: Band::upper() }
    }

    /// The next two samples, at 16 kHz. Transmit QMF, §3.1.
    pub fn encode(&mut self, samples: [i16; 2]) -> u8 {
        let [even, odd] = self.halves.filter(samples.map(i32::from));
        let (lower, upper) = ((odd + even) >> 14, (odd - even) >> 14);
        self.upper.encode_upper(upper) << 6 | self.lower.encode_lower(lower)
    }
}

impl WideDecoder {
    pub fn new() -> Self {
        Self { lower: Band::lower(), upper: Band::upper(), halves: Halves::new() }
    }

    /// The next two samples, at 16 kHz. Receive QMF, §4.4.
    pub fn decode(&mut self, byte: u8) -> [i16; 2] {
        let (lower, upper) = (self.lower.decode_lower(byte & 63), self.upper.decode_upper(byte >> 6));
        let [even, odd] = self.halves.filter([lower + upper, lower - upper]);
        [odd, even].map(|sum| narrow(sum >> 11) as i16)
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

    /// One stream of which the lower band alone is heard.
    struct Lower(Band);

    impl Lower {
        fn new() -> Self {
            Self(Band::lower())
        }

        fn decode(&mut self, byte: u8) -> i16 {
            (self.0.decode_lower(byte & 63) << 1) as i16
        }
    }

    /// What spandsp 0.0.6 makes of the same, in its mode of 8 kHz.
    #[test]
    fn every_bit_is_as_another_program_has_it() {
        let mut encoder = Encoder::new();
        let encoded: Vec<u8> = noise().into_iter().map(|sample| encoder.encode(sample)).collect();
        assert_eq!(encoded[..8], [0xC4, 0xE1, 0xC9, 0xD1, 0xF5, 0xF9, 0xF6, 0xCE]);
        assert_eq!(digest(&encoded), "d97c7fd41a33e0d708eca6364d4ebc35f070d82ece742f2e52088b507c2eb83e");
        let mut decoder = Lower::new();
        let decoded: Vec<i16> = encoded.iter().map(|byte| decoder.decode(*byte)).collect();
        assert_eq!(decoded[4_000..4_008], [304, -262, 328, -156, -158, -182, 238, 202]);
        assert_eq!(digest(&bytes(&decoded)), "292a93822b43e371bec2fd7274133d9b9f1da8d92067d3f55d620e376dcfdd0b");
        // Bytes that no encoder makes.
        let (mut seed, mut decoder) = (1_u32, Lower::new());
        let mut byte = || {
            seed = seed.wrapping_mul(1_103_515_245).wrapping_add(12_345) & 0x7FFF_FFFF;
            (seed >> 16) as u8
        };
        let decoded: Vec<i16> = (0..16_000).map(|_| decoder.decode(byte())).collect();
        assert_eq!(digest(&bytes(&decoded)), "1910d10c41167f1252ebc94c382a05ba7d328edce00a887159ea4bfa01536786");
    }

    /// The same program with both bands. Nothing here is too loud for it: where it is, that turns over, and this is cut.
    #[test]
    fn every_bit_of_both_bands_is_as_another_program_has_it() {
        let mut encoder = WideEncoder::new();
        let encoded: Vec<u8> = noise().chunks(2).map(|two| encoder.encode([two[0], two[1]])).collect();
        assert_eq!(encoded[..8], [122, 94, 247, 112, 222, 174, 132, 13]);
        assert_eq!(digest(&encoded), "dcd1e2b2afb246d5d5f2437be744386e96d3e3f311a9c76de24ceb3dd2aa3680");
        let mut decoder = WideDecoder::new();
        let decoded: Vec<i16> = encoded.iter().flat_map(|byte| decoder.decode(*byte)).collect();
        assert_eq!(decoded[4_000..4_008], [20_064, -9_127, -4_761, -17_630, -2_173, 4_803, 14_340, -9_099]);
        assert_eq!(digest(&bytes(&decoded)), "57131970fdcfdb7160f0201078915a3db74b1336eb38daf9d46a8f10a2a08ef5");
    }

    /// As loud as they were, and how far above all else, in dB: twenty at least in the upper band of two bits.
    #[test]
    fn tones_of_both_bands_are_heard_as_they_were() {
        for (hertz, clear) in [(300, 45.0), (1_000, 40.0), (3_000, 35.0), (4_000, 30.0), (5_000, 20.0), (6_500, 20.0)] {
            let angle = f64::from(hertz) / 16_000.0 * std::f64::consts::TAU;
            let sample = |n: usize| ((angle * n as f64).sin() * 8_000.0) as i16;
            let (mut encoder, mut decoder) = (WideEncoder::new(), WideDecoder::new());
            let decoded: Vec<i16> =
                (0..8_000).flat_map(|n| decoder.decode(encoder.encode([sample(2 * n), sample(2 * n + 1)]))).collect();
            let heard = &decoded[4_000..12_000];
            let sum = |wave: fn(f64) -> f64| -> f64 {
                heard.iter().enumerate().map(|(n, sample)| f64::from(*sample) * wave(angle * n as f64)).sum()
            };
            let tone = 2.0 * (sum(f64::cos).powi(2) + sum(f64::sin).powi(2)) / 8_000_f64.powi(2);
            let all = heard.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / 8_000.0;
            let (loud, above) = (10.0 * (2.0 * tone / 8_000_f64.powi(2)).log10(), 10.0 * (tone / (all - tone)).log10());
            assert!(loud.abs() < 0.3 && above > clear, "{hertz} Hz: {loud:.2} dB, {above:.1} dB above the rest");
        }
    }

    /// As loud as they were within a telephone's band; beyond it nothing is left, nor is it mirrored into it.
    #[test]
    fn a_telephone_hears_its_band_and_nothing_else() {
        let sent = 8_000.0;
        let heard = |hertz: f64| {
            let angle = hertz / 16_000.0 * std::f64::consts::TAU;
            let sample = |n: usize| ((angle * n as f64).sin() * sent) as i16;
            let (mut encoder, mut decoder) = (WideEncoder::new(), Decoder::new());
            let decode = |n: usize| decoder.decode(encoder.encode([sample(2 * n), sample(2 * n + 1)]));
            let heard: Vec<f64> = (0..4_000).map(decode).map(f64::from).collect();
            let energy = heard[2_000..].iter().map(|sample| sample * sample).sum::<f64>() / 2_000.0;
            10.0 * (2.0 * energy / (sent * sent)).log10()
        };
        for hertz in [300.0, 1_000.0, 2_500.0, 3_000.0, 3_300.0] {
            assert!(heard(hertz).abs() < 0.5, "{hertz} Hz: {:.2} dB", heard(hertz));
        }
        for hertz in [4_200.0, 4_500.0, 5_000.0, 6_000.0, 6_900.0] {
            assert!(heard(hertz) < -25.0, "{hertz} Hz: {:.1} dB", heard(hertz));
        }
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
