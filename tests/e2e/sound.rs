//! Tones: made, and found again in what was heard.

use std::path::Path;

/// A sine of `hz` at a quarter of full scale, 8 kHz mono.
pub fn write_tone(path: &Path, hz: u32, seconds: u32) {
    write_tone_as(path, hz, seconds, (8000, 1));
}

/// The same at another rate, and alike in so many channels.
pub fn write_tone_as(path: &Path, hz: u32, seconds: u32, (rate, channels): (u32, u16)) {
    let spec =
        hound::WavSpec { channels, sample_rate: rate, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut wav = hound::WavWriter::create(path, spec).expect("the tone can be written");
    for n in 0..rate * seconds {
        let phase = f64::from(n) * f64::from(hz) * std::f64::consts::TAU / f64::from(rate);
        for _ in 0..channels {
            wav.write_sample((phase.sin() * 8192.0) as i16).expect("writes");
        }
    }
    wav.finalize().expect("writes");
}

/// Somebody who speaks, 8 kHz mono: one of our prompts, over and over.
pub fn write_speech(path: &Path, prompt: &str, seconds: u32) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts");
    let mut said = hound::WavReader::open(folder.join(prompt)).expect("a prompt of ours");
    let spec = said.spec();
    assert_eq!((spec.sample_rate, spec.channels), (8000, 1));
    let samples: Vec<i16> = said.samples::<i16>().map(|sample| sample.expect("a sample")).collect();
    let mut wav = hound::WavWriter::create(path, spec).expect("it can be written");
    for sample in samples.iter().cycle().take((seconds * spec.sample_rate) as usize) {
        wav.write_sample(*sample).expect("writes");
    }
    wav.finalize().expect("writes");
}

const A_LAW: u8 = 6;

/// What a recording holds, in slices of 100 ms.
pub struct Heard {
    samples: Vec<f64>,
    rate: f64,
}

impl Heard {
    pub fn read(path: &Path) -> Heard {
        Heard::read_channel(path, 0)
    }

    pub fn read_channel(path: &Path, channel: usize) -> Heard {
        let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        if bytes.get(20) == Some(&A_LAW) {
            return Heard::of_a_law(&bytes, channel);
        }
        let mut wav = hound::WavReader::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let spec = wav.spec();
        let samples = match spec.sample_format {
            hound::SampleFormat::Int => wav.samples::<i32>().map(|s| f64::from(s.unwrap_or(0))).collect::<Vec<_>>(),
            hound::SampleFormat::Float => wav.samples::<f32>().map(|s| f64::from(s.unwrap_or(0.0)) * 32768.0).collect(),
        };
        let mono = samples.chunks(usize::from(spec.channels)).map(|frame| frame[channel]).collect();
        Heard { samples: mono, rate: f64::from(spec.sample_rate) }
    }

    /// One channel of a recording of ours.
    pub fn of_a_law(bytes: &[u8], channel: usize) -> Heard {
        let channels = usize::from(bytes[22]);
        let samples = bytes[58..].iter().skip(channel).step_by(channels).map(|byte| linear(*byte)).collect();
        Heard { samples, rate: 8000.0 }
    }

    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / self.rate
    }

    /// How alike it is to what was `sent`, wherever that begins in it: the correlation of a second of each three in
    /// which something is heard, the middle one of all. 1: the same; 0: nothing of it.
    pub fn likeness(&self, sent: &Heard) -> f64 {
        let second = self.rate as usize;
        let loud = |s: &&[f64]| s.iter().map(|x| x * x).sum::<f64>() / s.len() as f64 > 500.0 * 500.0;
        let seconds = self.samples.chunks_exact(second).step_by(3).filter(loud);
        let mut all: Vec<f64> = seconds.map(|heard| found(heard, &sent.samples).1).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap_or(0.0)
    }

    /// When the loudest second of this ends in it, in seconds, if it is there.
    pub fn end_of(&self, sent: &Heard) -> Option<f64> {
        let second = self.rate as usize;
        let energy = |from: &usize| sent.samples[*from..from + second].iter().map(|x| x * x).sum::<f64>();
        let from =
            (0..sent.samples.len() - second).step_by(second / 10).max_by(|a, b| energy(a).total_cmp(&energy(b)))?;
        let (at, alike) = found(&sent.samples[from..from + second], &self.samples);
        (alike > 0.9).then_some((at + sent.samples.len() - from) as f64 / self.rate)
    }

    /// Seconds in which this tone stands out: most of the energy of a slice, and not silence.
    pub fn seconds_of(&self, hz: u32) -> f64 {
        let slice = (self.rate / 10.0) as usize;
        let with_tone = self.samples.chunks_exact(slice).filter(|s| share(s, f64::from(hz), self.rate) > 0.6).count();
        with_tone as f64 / 10.0
    }

    /// Seconds in which this tone is there, perhaps with others.
    pub fn seconds_with(&self, hz: u32) -> f64 {
        let slice = (self.rate / 10.0) as usize;
        let with_tone = self.samples.chunks_exact(slice).filter(|s| share(s, f64::from(hz), self.rate) > 0.25).count();
        with_tone as f64 / 10.0
    }

    /// Seconds that are not silent.
    pub fn seconds_of_sound(&self) -> f64 {
        let slice = (self.rate / 10.0) as usize;
        let loud = |s: &&[f64]| s.iter().map(|x| x * x).sum::<f64>() / s.len() as f64 > 200.0 * 200.0;
        self.samples.chunks_exact(slice).filter(loud).count() as f64 / 10.0
    }
}

/// Where a piece is most alike to something within a longer one, and how much.
fn found(piece: &[f64], within: &[f64]) -> (usize, f64) {
    let alike = |at: usize, step: usize| {
        let (mut both, mut one, mut other) = (0.0, 0.0, 0.0);
        for n in (0..piece.len()).step_by(step) {
            let (a, b) = (piece[n], within[at + n]);
            both += a * b;
            one += a * a;
            other += b * b;
        }
        both / f64::sqrt(one * other).max(1.0)
    };
    // Few samples tell roughly where it may be; all of them then tell where it is.
    let mut places: Vec<(f64, usize)> =
        (0..=within.len().saturating_sub(piece.len())).map(|at| (alike(at, 80), at)).collect();
    places.sort_by(|a, b| b.0.total_cmp(&a.0));
    let exact = places.into_iter().take(200).map(|(_, at)| (at, alike(at, 1)));
    exact.max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, 0.0))
}

/// G.711.
fn linear(byte: u8) -> f64 {
    let code = byte ^ 0x55;
    let (exponent, mantissa) = ((code >> 4) & 7, f64::from(code & 15) * 16.0);
    let magnitude = if exponent == 0 { mantissa + 8.0 } else { (mantissa + 264.0) * f64::from(1 << (exponent - 1)) };
    if code & 0x80 == 0 { -magnitude } else { magnitude }
}

/// The share of a slice's energy that is at `hz` (Goertzel); 0 for silence.
fn share(samples: &[f64], hz: f64, rate: f64) -> f64 {
    let energy: f64 = samples.iter().map(|x| x * x).sum();
    if energy / (samples.len() as f64) < 200.0 * 200.0 {
        return 0.0;
    }
    let step = std::f64::consts::TAU * hz / rate;
    let (mut re, mut im) = (0.0, 0.0);
    for (n, x) in samples.iter().enumerate() {
        re += x * (step * n as f64).cos();
        im += x * (step * n as f64).sin();
    }
    2.0 * (re * re + im * im) / (samples.len() as f64 * energy)
}
