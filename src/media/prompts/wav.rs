//! WAV files as admins bring them, read into samples at 8 kHz.

use std::fmt;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hound::{SampleFormat, WavReader, WavSpec};

use super::resample::resample;

/// Samples a second of what is played.
pub const RATE: u32 = 8_000;
/// What is played; others are told to be converted.
const RATES: [u32; 2] = [8_000, 16_000];
/// Longer ones are a mistake, and fill the memory.
const LONGEST: Duration = Duration::from_secs(600);
/// So many samples in a row at full scale are a peak that was cut.
const CUT: usize = 3;

/// A recording that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptFault {
    pub path: PathBuf,
    pub kind: FaultKind,
    pub what: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    Unreadable,
    WrongRate,
    TooLong,
    Empty,
}

impl fmt::Display for PromptFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: fault: {}", self.path.display(), self.what)
    }
}

/// One recording.
pub struct Sound {
    /// Mono, at 8 kHz, 1.0 at full scale.
    pub samples: Vec<f32>,
    pub length: Duration,
    /// Peaks that were cut when it was recorded or edited: places where several samples in a row are at full scale.
    pub cut: usize,
}

/// Reads one WAV: PCM of 8 to 32 bits or float, 8 or 16 kHz; several channels are mixed.
pub fn read(path: &Path) -> Result<Sound, PromptFault> {
    read_at(path, &RATES)
}

/// The same, at these rates.
pub fn read_at(path: &Path, rates: &[u32]) -> Result<Sound, PromptFault> {
    let fault = |kind, what: String| PromptFault { path: path.to_path_buf(), kind, what };
    let readable = |error: hound::Error| {
        let what = format!("cannot be read as WAV: {error}; a PCM WAV of 8 or 16 kHz is needed");
        fault(FaultKind::Unreadable, what)
    };
    let reader = WavReader::open(path).map_err(readable)?;
    let spec = reader.spec();
    if !rates.contains(&spec.sample_rate) {
        let what = format!("has {} Hz; 8000 or 16000 Hz are played (sox in.wav -r 8000 out.wav)", spec.sample_rate);
        return Err(fault(FaultKind::WrongRate, what));
    }
    let length = Duration::from_secs_f64(f64::from(reader.duration()) / f64::from(spec.sample_rate));
    if length > LONGEST {
        let what = format!("is {} s long; at most {} s are played", length.as_secs(), LONGEST.as_secs());
        return Err(fault(FaultKind::TooLong, what));
    }
    if spec.channels == 0 || length.is_zero() {
        return Err(fault(FaultKind::Empty, "has no sound in it".into()));
    }
    let interleaved = samples(reader).map_err(readable)?;
    let channels = usize::from(spec.channels);
    let cut = (0..channels).map(|channel| cut(interleaved.iter().skip(channel).step_by(channels), &spec)).sum();
    let mono: Vec<f32> = match channels {
        1 => interleaved,
        _ => interleaved.chunks(channels).map(|frame| frame.iter().sum::<f32>() / channels as f32).collect(),
    };
    Ok(Sound { samples: resample(&mono, spec.sample_rate, RATE), length, cut })
}

/// -1.0 to 1.0, channels side by side.
fn samples<R: Read + Seek>(mut reader: WavReader<R>) -> Result<Vec<f32>, hound::Error> {
    let spec = reader.spec();
    match spec.sample_format {
        SampleFormat::Float => reader.samples::<f32>().collect(),
        SampleFormat::Int => {
            let full = (1_i64 << (spec.bits_per_sample - 1)) as f32;
            reader.samples::<i32>().map(|sample| sample.map(|sample| sample as f32 / full)).collect()
        }
    }
}

/// As 16 bits.
pub fn narrow(sample: f32) -> i16 {
    (sample * 32_767.0).round().clamp(-32_768.0, 32_767.0) as i16
}

/// Runs of at least [`CUT`] samples at full scale.
fn cut<'a>(samples: impl Iterator<Item = &'a f32>, spec: &WavSpec) -> usize {
    let full = match spec.sample_format {
        SampleFormat::Float => 1.0,
        SampleFormat::Int => {
            let full = (1_i64 << (spec.bits_per_sample - 1)) as f32;
            (full - 1.0) / full
        }
    };
    let (mut runs, mut run) = (0, 0);
    for sample in samples {
        run = if sample.abs() >= full { run + 1 } else { 0 };
        if run == CUT {
            runs += 1;
        }
    }
    runs
}
