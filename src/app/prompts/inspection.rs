//! Every prompt that can be played, has a text, or lies in the folder: what is known of it and what is wrong with it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use crate::config::{House, Severity};
use crate::ids::Prompt;
use crate::ivr::{Use, Uses};
use crate::media::Prompts;
use crate::media::prompts::{FaultKind, MOST_GAIN, Maker, Measured, SILENCE, Spoken, all_recordings, maker, measure};

/// Nobody listens to a longer one before they can speak to somebody.
const LONG: Duration = Duration::from_secs(60);
/// Quieter recordings bring noise with them when they are made as loud as others, or are hard to understand.
const QUIET: f64 = -45.0;
/// Louder ones were squeezed until they sound harsh.
const LOUD: f64 = -9.0;
/// Files that are meant as sound and are not played.
const OTHER_SOUND: [&str; 10] = ["WAV", "Wav", "mp3", "ogg", "opus", "m4a", "flac", "gsm", "alaw", "ulaw"];

/// One line of the list.
#[derive(Debug, Serialize)]
pub struct Row {
    /// E.g. `zh/greeting`.
    pub prompt: String,
    pub file: PathBuf,
    pub text: Option<String>,
    /// Where in a call it is heard; empty: nowhere.
    pub used: Vec<Use>,
    pub length_ms: Option<u64>,
    /// Of what is spoken, below full scale; none for silence.
    pub level_db: Option<f64>,
    pub peak_db: Option<f64>,
    /// By how much it is played louder.
    pub gain_db: Option<f64>,
    /// `hotline prompts make` made it.
    pub made: bool,
    /// The prompt that is played in its place.
    pub instead: Option<String>,
    pub remarks: Vec<Remark>,
}

#[derive(Debug, Serialize)]
pub struct Remark {
    pub severity: Severity,
    pub kind: Kind,
    pub what: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Missing,
    Unreadable,
    WrongRate,
    WrongFormat,
    TooLong,
    Empty,
    Silent,
    Clipped,
    TooQuiet,
    TooLoud,
    Outdated,
    Unused,
    NoText,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Missing => "missing",
            Kind::Unreadable => "unreadable",
            Kind::WrongRate => "wrong rate",
            Kind::WrongFormat => "wrong format",
            Kind::TooLong => "too long",
            Kind::Empty => "empty",
            Kind::Silent => "silent",
            Kind::Clipped => "clipped",
            Kind::TooQuiet => "too quiet",
            Kind::TooLoud => "too loud",
            Kind::Outdated => "outdated",
            Kind::Unused => "unused",
            Kind::NoText => "no text",
        }
    }
}

impl Row {
    /// Nothing is known of the sound yet.
    fn new(prompt: String, file: PathBuf, text: Option<String>, used: Vec<Use>) -> Self {
        Row {
            prompt,
            file,
            text,
            used,
            length_ms: None,
            level_db: None,
            peak_db: None,
            gain_db: None,
            made: false,
            instead: None,
            remarks: Vec::new(),
        }
    }

    /// In a word or two.
    pub fn state(&self) -> String {
        match (self.remarks.first(), &self.instead) {
            (Some(remark), _) => remark.kind.word().into(),
            (None, Some(instead)) => format!("as in {}", instead.split('/').next().unwrap_or_default()),
            (None, None) if self.used.is_empty() => "not used".into(),
            (None, None) => "ok".into(),
        }
    }

    fn fault(&mut self, kind: Kind, what: impl Into<String>) {
        self.remarks.push(Remark { severity: Severity::Fault, kind, what: what.into() });
    }

    fn warn(&mut self, kind: Kind, what: impl Into<String>) {
        self.remarks.push(Remark { severity: Severity::Warning, kind, what: what.into() });
    }
}

/// Sorted by prompt.
pub fn inspect(house: &House) -> Vec<Row> {
    let prompts = &house.media.prompts;
    let uses = Uses::new(&house.ivr);
    let recorded: BTreeSet<Prompt> = all_recordings(prompts).into_iter().collect();
    let with_text = house.texts.iter().map(|(prompt, _)| prompt).filter(|prompt| is_spoken(house, prompt)).cloned();
    let all: BTreeSet<Prompt> = uses.all().iter().chain(&recorded).cloned().chain(with_text).collect();
    let mut rows: Vec<Row> = all.iter().map(|prompt| row(house, prompt, uses.of(prompt), &recorded)).collect();
    rows.extend(strays(prompts).into_iter().map(stray));
    rows
}

/// Whether the house speaks the prompt's language.
pub fn is_spoken(house: &House, prompt: &Prompt) -> bool {
    prompt.language.is_some_and(|language| house.ivr.languages.spoken.contains_key(&language))
}

/// What a prompt is to say, and in which voice.
pub fn says<'a>(house: &'a House, prompt: &Prompt) -> Option<Spoken<'a>> {
    let voice = house.voices.get(&prompt.language?)?;
    Some(Spoken { voice: &voice.name, speed: voice.speed, text: &house.texts.get(prompt)?.text })
}

fn row(house: &House, prompt: &Prompt, used: Vec<Use>, recorded: &BTreeSet<Prompt>) -> Row {
    let prompts = &house.media.prompts;
    let file = prompts.file(prompt);
    let text = house.texts.get(prompt).map(|text| text.text.clone());
    let mut row = Row::new(prompt.to_string(), file, text, used);
    if !recorded.contains(prompt) {
        missing(&mut row, house, prompt, recorded);
        return row;
    }
    match measure(prompts, prompt) {
        Ok(measured) => describe(&mut row, house, prompt, measured),
        Err(fault) => {
            let kind = match fault.kind {
                FaultKind::Unreadable => Kind::Unreadable,
                FaultKind::WrongRate => Kind::WrongRate,
                FaultKind::TooLong => Kind::TooLong,
                FaultKind::Empty => Kind::Empty,
            };
            row.fault(kind, fault.what);
        }
    }
    // What is in a manifest and not used here is there for other houses, or for later.
    if row.used.is_empty() && row.text.is_none() {
        row.warn(Kind::Unused, "nothing leads to it: no caller hears it");
    }
    row
}

fn missing(row: &mut Row, house: &House, prompt: &Prompt, recorded: &BTreeSet<Prompt>) {
    let fallbacks = prompt.language.map_or(&[][..], |language| house.ivr.languages.fallbacks(language));
    let mut others = fallbacks.iter().map(|language| Prompt::spoken(*language, prompt.name.clone()));
    row.instead = others.find(|other| recorded.contains(other)).map(|other| other.to_string());
    let can_be_made = row.text.is_some();
    let remedy = if can_be_made { "`hotline prompts make` speaks it" } else { "record it, or give it a text" };
    if !row.used.is_empty() && row.instead.is_none() {
        row.fault(Kind::Missing, format!("is missing, and callers come to hear it; {remedy}"));
    } else if can_be_made && row.instead.is_none() {
        row.warn(Kind::Missing, format!("has a text and no recording; {remedy}"));
    }
}

fn describe(row: &mut Row, house: &House, prompt: &Prompt, measured: Measured) {
    let spoken = says(house, prompt);
    let maker = maker(&row.file, spoken);
    row.length_ms = Some(u64::try_from(measured.length.as_millis()).unwrap_or(u64::MAX));
    row.level_db = measured.level.map(tenths);
    row.peak_db = measured.peak.is_finite().then(|| tenths(measured.peak));
    row.gain_db = Some(tenths(measured.gain));
    row.made = maker != Maker::Person;
    match measured.level {
        None => row.fault(Kind::Silent, format!("is silent: nothing in it is above {SILENCE} dB")),
        Some(level) if level < QUIET => {
            let what =
                format!("is too quiet ({level:.1} dB): its noise will be heard; {MOST_GAIN} dB are added at most");
            row.warn(Kind::TooQuiet, what);
        }
        Some(level) if level > LOUD => row.warn(Kind::TooLoud, format!("is too loud ({level:.1} dB): it sounds harsh")),
        Some(_) => {}
    }
    if measured.cut > 0 {
        let what = format!("is clipped: its peaks were cut in {} places when it was recorded", measured.cut);
        row.warn(Kind::Clipped, what);
    }
    if prompt.language.is_some() && measured.length > LONG {
        let what = format!("is {} s long; callers hang up within {} s", measured.length.as_secs(), LONG.as_secs());
        row.warn(Kind::TooLong, what);
    }
    if spoken.is_some() && maker == Maker::MachineOtherwise {
        row.warn(Kind::Outdated, "was spoken from another text or in another voice; `hotline prompts make` renews it");
    }
    if !row.used.is_empty() && prompt.language.is_some() && row.text.is_none() {
        row.warn(Kind::NoText, "no prompts.toml tells what it says");
    }
}

fn tenths(decibels: f64) -> f64 {
    (decibels * 10.0).round() / 10.0
}

/// Files that somebody put there to be played.
fn strays(prompts: &Prompts) -> Vec<PathBuf> {
    let languages = prompts.fallbacks.keys().map(|language| prompts.folder.join(language.code()));
    let folders = std::iter::once(prompts.folder.clone()).chain(languages);
    let is_stray = |path: &Path| {
        path.extension().and_then(|ending| ending.to_str()).is_some_and(|ending| OTHER_SOUND.contains(&ending))
    };
    let files = folders.filter_map(|folder| std::fs::read_dir(folder).ok()).flatten();
    let mut found: Vec<PathBuf> =
        files.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| is_stray(path)).collect();
    found.sort();
    found
}

fn stray(file: PathBuf) -> Row {
    let name = file.file_name().map(|name| name.to_string_lossy().to_string()).unwrap_or_default();
    let mut row = Row::new(name, file, None, Vec::new());
    row.warn(Kind::WrongFormat, "is not played: only files that end in .wav are");
    row
}
