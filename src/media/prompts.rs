//! The prompts: WAV files read once at start and encoded for each codec; then only copied.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hound::{SampleFormat, WavReader};

use super::g711::{FRAME, linear_to_pcma, linear_to_pcmu};
use super::words::{Codec, Prompts};
use crate::ids::{Language, Prompt};

/// Samples of the longest prompt, 10 minutes at 16 kHz: longer ones are a mistake, and fill the memory.
const MAX_SAMPLES: u32 = 10 * 60 * 16_000;

/// One recording, ready to be sent: 8 kHz, whole frames of 20 ms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clip {
    pcma: Vec<u8>,
    pcmu: Vec<u8>,
}

impl Clip {
    /// From 16-bit samples at 8 kHz.
    pub fn of_samples(samples: &[i16]) -> Self {
        let frames = samples.len().div_ceil(FRAME).max(1) * FRAME;
        let padded = || samples.iter().copied().chain(std::iter::repeat(0)).take(frames);
        Self { pcma: padded().map(linear_to_pcma).collect(), pcmu: padded().map(linear_to_pcmu).collect() }
    }

    /// One second of silence.
    pub fn silence() -> Arc<Clip> {
        Arc::new(Clip::of_samples(&[0; 8000]))
    }

    /// Frame number `index`; `None` after the last.
    pub fn frame(&self, codec: Codec, index: usize) -> Option<&[u8]> {
        let bytes = match codec {
            Codec::Pcma => &self.pcma,
            Codec::Pcmu => &self.pcmu,
        };
        bytes.get(index * FRAME..(index + 1) * FRAME)
    }
}

/// A recording that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptFault {
    pub path: PathBuf,
    pub what: String,
}

impl fmt::Display for PromptFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: fault: {}", self.path.display(), self.what)
    }
}

/// All recordings by name.
#[derive(Clone, Debug, Default)]
pub struct PromptBank {
    clips: BTreeMap<Prompt, Arc<Clip>>,
}

impl PromptBank {
    /// Reads `DIR/<language>/*.wav` of every language and `DIR/*.wav`; all faults at once. What a language lacks
    /// is then there as its fallback's.
    pub fn load(prompts: &Prompts) -> Result<PromptBank, Vec<PromptFault>> {
        let mut bank = PromptBank::default();
        let mut faults = Vec::new();
        bank.load_folder(&prompts.folder, None, &mut faults);
        for language in prompts.fallbacks.keys() {
            let folder = prompts.folder.join(language.code());
            if folder.is_dir() {
                bank.load_folder(&folder, Some(*language), &mut faults);
            }
        }
        bank.fall_back(&prompts.fallbacks);
        if faults.is_empty() { Ok(bank) } else { Err(faults) }
    }

    fn fall_back(&mut self, fallbacks: &BTreeMap<Language, Vec<Language>>) {
        let own = self.clips.clone();
        let nearest_first = fallbacks.iter().flat_map(|(to, from)| from.iter().map(move |from| (*to, *from)));
        for (to, from) in nearest_first {
            for (prompt, clip) in own.iter().filter(|(prompt, _)| prompt.language == Some(from)) {
                self.clips.entry(Prompt::spoken(to, prompt.name.clone())).or_insert_with(|| clip.clone());
            }
        }
    }

    fn load_folder(&mut self, folder: &Path, language: Option<Language>, faults: &mut Vec<PromptFault>) {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                return faults.push(PromptFault { path: folder.into(), what: format!("cannot be read: {error}") });
            }
        };
        let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.sort();
        for path in paths.iter().filter(|path| path.extension().is_some_and(|ending| ending == "wav")) {
            let Some(name) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
            match load_clip(path) {
                Ok(clip) => drop(self.clips.insert(Prompt { language, name: name.into() }, Arc::new(clip))),
                Err(fault) => faults.push(fault),
            }
        }
    }

    pub fn get(&self, prompt: &Prompt) -> Option<Arc<Clip>> {
        self.clips.get(prompt).cloned()
    }

    pub fn insert(&mut self, prompt: Prompt, clip: Arc<Clip>) {
        self.clips.insert(prompt, clip);
    }
}

/// Reads one WAV: PCM of 8 to 32 bits or float, 8 or 16 kHz; several channels are mixed.
pub fn load_clip(path: &Path) -> Result<Clip, PromptFault> {
    let fault = |what: String| PromptFault { path: path.to_path_buf(), what };
    let readable =
        |error: hound::Error| fault(format!("cannot be read as WAV: {error}; a PCM WAV of 8 or 16 kHz is needed"));
    let reader = WavReader::open(path).map_err(readable)?;
    let spec = reader.spec();
    if !matches!(spec.sample_rate, 8_000 | 16_000) {
        return Err(fault(format!(
            "has {} Hz; 8000 or 16000 Hz are played (sox in.wav -r 8000 out.wav)",
            spec.sample_rate
        )));
    }
    if reader.duration() > MAX_SAMPLES {
        return Err(fault(format!("is {} s long; at most 600 s are played", reader.duration() / spec.sample_rate)));
    }
    if spec.channels == 0 || reader.duration() == 0 {
        return Err(fault("has no sound in it".into()));
    }
    let mono = mix(reader).map_err(readable)?;
    let samples = if spec.sample_rate == 16_000 { halve(&mono) } else { mono };
    let narrow = |sample: f32| (sample * 32_767.0).round().clamp(-32_768.0, 32_767.0) as i16;
    Ok(Clip::of_samples(&samples.into_iter().map(narrow).collect::<Vec<_>>()))
}

/// All channels as one, -1.0 to 1.0.
fn mix(mut reader: WavReader<std::io::BufReader<std::fs::File>>) -> Result<Vec<f32>, hound::Error> {
    let spec = reader.spec();
    let samples: Vec<f32> = match spec.sample_format {
        SampleFormat::Float => reader.samples::<f32>().collect::<Result<_, _>>()?,
        SampleFormat::Int => {
            let full = (1_i64 << (spec.bits_per_sample - 1)) as f32;
            reader.samples::<i32>().map(|sample| sample.map(|sample| sample as f32 / full)).collect::<Result<_, _>>()?
        }
    };
    let channels = usize::from(spec.channels);
    Ok(samples.chunks(channels).map(|frame| frame.iter().sum::<f32>() / channels as f32).collect())
}

/// 16 to 8 kHz: a windowed-sinc low-pass at 3.6 kHz, then every second sample.
fn halve(samples: &[f32]) -> Vec<f32> {
    const TAPS: usize = 63;
    const MIDDLE: usize = TAPS / 2;
    const CUT: f32 = 3_600.0 / 16_000.0;
    let tap = |i: usize| {
        let x = i as f32 - MIDDLE as f32;
        let pi = std::f32::consts::PI;
        let sinc = if i == MIDDLE { 2.0 * CUT } else { (2.0 * pi * CUT * x).sin() / (pi * x) };
        // Blackman: -74 dB in the stop band.
        let phase = 2.0 * pi * i as f32 / (TAPS - 1) as f32;
        sinc * (0.42 - 0.5 * phase.cos() + 0.08 * (2.0 * phase).cos())
    };
    let taps: Vec<f32> = (0..TAPS).map(tap).collect();
    let at = |i: usize| i.checked_sub(MIDDLE).and_then(|i| samples.get(i)).copied().unwrap_or(0.0);
    (0..samples.len()).step_by(2).map(|i| taps.iter().enumerate().map(|(k, tap)| tap * at(i + k)).sum()).collect()
}
