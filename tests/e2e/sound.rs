//! Tones: made, and found again in what was heard.

use std::path::Path;

/// A sine of `hz` at a quarter of full scale, 8 kHz mono.
pub fn write_tone(path: &Path, hz: u32, seconds: u32) {
    write_tone_at(path, hz, seconds, 8000);
}

/// The same at another rate.
pub fn write_tone_at(path: &Path, hz: u32, seconds: u32, rate: u32) {
    let spec =
        hound::WavSpec { channels: 1, sample_rate: rate, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut wav = hound::WavWriter::create(path, spec).expect("the tone can be written");
    for n in 0..rate * seconds {
        let phase = f64::from(n) * f64::from(hz) * std::f64::consts::TAU / f64::from(rate);
        wav.write_sample((phase.sin() * 8192.0) as i16).expect("writes");
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
        let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        if bytes.get(20) == Some(&A_LAW) {
            return Heard::of_a_law(&bytes, 0);
        }
        let mut wav = hound::WavReader::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let spec = wav.spec();
        let samples = match spec.sample_format {
            hound::SampleFormat::Int => wav.samples::<i32>().map(|s| f64::from(s.unwrap_or(0))).collect::<Vec<_>>(),
            hound::SampleFormat::Float => wav.samples::<f32>().map(|s| f64::from(s.unwrap_or(0.0)) * 32768.0).collect(),
        };
        let mono = samples.chunks(usize::from(spec.channels)).map(|frame| frame[0]).collect();
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
