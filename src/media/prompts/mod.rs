//! The prompts: WAV files read once at start, made equally loud, and encoded for each codec; then only copied. Into G.722,
//! which costs most, they are encoded when the first leg that speaks it hears them.

mod loudness;
mod made;
mod resample;
mod wav;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub use loudness::{MOST_GAIN, SILENCE, active_level};
pub use made::{Maker, Spoken, in_form, maker};
pub use wav::{FaultKind, PromptFault};

use super::g711::{FRAME, linear_to_pcma, linear_to_pcmu};
use super::g722;
use super::words::{Codec, Prompts};
use crate::ids::{Language, Prompt};

/// One recording, ready to be sent: 8 kHz, whole frames of 20 ms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clip {
    pcma: Vec<u8>,
    pcmu: Vec<u8>,
    samples: Vec<i16>,
    g722: OnceLock<Vec<u8>>,
}

impl Clip {
    /// From 16-bit samples at 8 kHz.
    pub fn of_samples(samples: &[i16]) -> Self {
        let frames = samples.len().div_ceil(FRAME).max(1) * FRAME;
        let samples: Vec<i16> = samples.iter().copied().chain(std::iter::repeat(0)).take(frames).collect();
        Self {
            pcma: samples.iter().map(|sample| linear_to_pcma(*sample)).collect(),
            pcmu: samples.iter().map(|sample| linear_to_pcmu(*sample)).collect(),
            samples,
            g722: OnceLock::new(),
        }
    }

    fn of_sound(samples: &[f32]) -> Self {
        Self::of_samples(&samples.iter().map(|sample| wav::narrow(*sample)).collect::<Vec<_>>())
    }

    /// One second of silence.
    pub fn silence() -> Arc<Clip> {
        Arc::new(Clip::of_samples(&[0; 8000]))
    }

    /// Frame number `index`; `None` after the last.
    pub fn frame(&self, codec: Codec, index: usize) -> Option<&[u8]> {
        let bytes = match codec {
            Codec::Pcma | Codec::Opus => &self.pcma,
            Codec::Pcmu => &self.pcmu,
            Codec::G722 => self.g722.get_or_init(|| g722::encoded(&self.samples)),
        };
        bytes.get(index * FRAME..(index + 1) * FRAME)
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
        bank.load_folder(prompts, None, &mut faults);
        for language in prompts.fallbacks.keys() {
            if prompts.folder.join(language.code()).is_dir() {
                bank.load_folder(prompts, Some(*language), &mut faults);
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

    fn load_folder(&mut self, prompts: &Prompts, language: Option<Language>, faults: &mut Vec<PromptFault>) {
        let recordings = match recordings(&prompts.folder, language) {
            Ok(recordings) => recordings,
            Err(fault) => return faults.push(fault),
        };
        for (prompt, path) in recordings {
            match wav::read(&path) {
                Ok(mut sound) => {
                    if let Some(target) = prompts.target(&prompt) {
                        let gain = loudness::gain(loudness::active_level(&sound.samples), target);
                        loudness::apply(&mut sound.samples, gain);
                    }
                    self.clips.insert(prompt, Arc::new(Clip::of_sound(&sound.samples)));
                }
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

/// What there is of a language, or of none, sorted by name.
fn recordings(folder: &Path, language: Option<Language>) -> Result<Vec<(Prompt, PathBuf)>, PromptFault> {
    let folder = language.map_or(folder.to_path_buf(), |language| folder.join(language.code()));
    let entries = std::fs::read_dir(&folder).map_err(|error| {
        let what = format!("cannot be read: {error}");
        PromptFault { path: folder.clone(), kind: FaultKind::Unreadable, what }
    })?;
    let mut found: Vec<(Prompt, PathBuf)> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "wav"))
        .filter_map(|path| Some((Prompt { language, name: path.file_stem()?.to_str()?.into() }, path)))
        .collect();
    found.sort();
    Ok(found)
}

/// What is known of a recording.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    pub length: Duration,
    /// Of what is spoken, pauses left out, in dB below full scale; `None`: silence.
    pub level: Option<f64>,
    /// The largest deflection, in dB below full scale.
    pub peak: f64,
    /// Peaks that were cut when it was recorded.
    pub cut: usize,
    /// By how much it is played louder, in dB.
    pub gain: f64,
}

/// Looks at a recording without playing it.
pub fn measure(prompts: &Prompts, prompt: &Prompt) -> Result<Measured, PromptFault> {
    let sound = wav::read(&prompts.file(prompt))?;
    let level = loudness::active_level(&sound.samples);
    let peak = loudness::decibels(f64::from(loudness::peak(&sound.samples)));
    let gain = prompts.target(prompt).map_or(0.0, |target| loudness::gain(level, target));
    Ok(Measured { length: sound.length, level, peak, cut: sound.cut, gain })
}

/// Every recording of the folder: of each language that is spoken, and of none.
pub fn all_recordings(prompts: &Prompts) -> Vec<Prompt> {
    let languages = std::iter::once(None).chain(prompts.fallbacks.keys().copied().map(Some));
    languages.flat_map(|language| recordings(&prompts.folder, language).unwrap_or_default()).map(|(p, _)| p).collect()
}

/// Reads one WAV as it is, neither louder nor softer.
pub fn load_clip(path: &Path) -> Result<Clip, PromptFault> {
    Ok(Clip::of_sound(&wav::read(path)?.samples))
}
