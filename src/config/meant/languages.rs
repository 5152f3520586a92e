//! menu.toml: `[[language]]`, and which recordings stand in for which.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Names, list, number_within};
use crate::config::fault::Faults;
use crate::config::reader::{self, Element};
use crate::config::source::Files;
use crate::config::{Voice, written};
use crate::ids::{Language, Prompt};
use crate::ivr::{Counting, Grammar, Languages, Spoken, speech};

/// Words a minute that espeak-ng can speak.
const SPEED_LIMITS: (u16, u16) = (80, 450);

/// The languages of the house, to look others up.
pub struct Known {
    pub settings: Languages,
    pub voices: BTreeMap<Language, Voice>,
    names: Names,
    /// There are faults: what is missing in them is not known.
    pub broken: bool,
}

/// A language as far as it is understood by itself.
struct Alone<'a> {
    element: Element<'a, written::Language>,
    fallback: Option<Language>,
    grammar: Option<Grammar>,
}

pub fn read(files: &Files, faults: &mut Faults) -> Known {
    let mut own = Faults::default();
    let mut known = read_all(files, &mut own);
    known.broken = own.any();
    faults.append(own);
    known
}

fn read_all(files: &Files, faults: &mut Faults) -> Known {
    let tables = reader::array::<written::Language>(&files.menu, "language", "id", faults);
    let mut names = Names::default();
    let mut order = Vec::new();
    let mut alone = BTreeMap::new();
    for element in tables.good {
        let id = &element.written.id;
        let Some(language) = Language::parse(id) else {
            element.fault(faults, "id", format!("found {id:?}; a code of 2 to 8 small letters is meant, e.g. \"ug\""));
            continue;
        };
        if names.take(&element, "id", id, faults) {
            order.push(language);
            alone.insert(language, Alone { fallback: None, grammar: grammar(&element, faults), element });
        }
    }
    names.also(tables.broken);
    let Some(own) = order.first().copied() else {
        let settings = Languages::default();
        if tables.is_empty {
            names.are_there(settings.spoken.keys().map(ToString::to_string));
        }
        let voices = settings.spoken.keys().map(|language| (*language, usual_voice(*language))).collect();
        return Known { settings, voices, names, broken: false };
    };
    for language in &order {
        if let Some(one) = alone.get_mut(language) {
            one.fallback = fallback(&one.element, &names, faults);
        }
    }
    let spoken = order.iter().map(|language| (*language, spoken(*language, &alone, faults))).collect();
    let voices = alone.iter().map(|(language, one)| (*language, voice(*language, &one.element, faults))).collect();
    Known { settings: Languages { own, spoken }, voices, names, broken: false }
}

fn voice(language: Language, element: &Element<'_, written::Language>, faults: &mut Faults) -> Voice {
    let mut voice = usual_voice(language);
    if let Some(name) = &element.written.voice {
        // No paths: espeak-ng would read a file there.
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '_')) {
            let what = format!("found {name:?}; a voice of espeak-ng is meant, e.g. \"cmn\" (espeak-ng --voices)");
            element.fault(faults, "voice", what);
        }
        voice.name.clone_from(name);
    }
    if let Some(speed) = element.written.speed {
        voice.speed = number_within(element, &["speed"], speed, SPEED_LIMITS, faults);
    }
    voice
}

fn usual_voice(language: Language) -> Voice {
    let (name, speed) = match language {
        Language::ZH => ("cmn", 170),
        Language::EN => ("en-gb", 155),
        _ => (language.code(), 155),
    };
    Voice { name: name.into(), speed }
}

fn grammar(element: &Element<'_, written::Language>, faults: &mut Faults) -> Option<Grammar> {
    let written = element.written.numbers.as_deref();
    match written.unwrap_or(&element.written.id) {
        "zh" => Some(Grammar::Zh),
        "en" => Some(Grammar::En),
        "digits" if written.is_some() => Some(Grammar::Digits),
        found => {
            if written.is_some() {
                let what = format!("found {found:?}; \"zh\", \"en\" and \"digits\" are ways to say numbers");
                element.fault(faults, "numbers", what);
            }
            None
        }
    }
}

fn fallback(element: &Element<'_, written::Language>, names: &Names, faults: &mut Faults) -> Option<Language> {
    let fallback = element.written.fallback.as_deref()?;
    if !names.contains(fallback) {
        element.fault(faults, "fallback", unknown(names, fallback));
        return None;
    }
    Language::parse(fallback)
}

/// Follows the fallbacks of a language to the last.
fn spoken(language: Language, alone: &BTreeMap<Language, Alone<'_>>, faults: &mut Faults) -> Spoken {
    let mut fallbacks = Vec::new();
    let mut at = language;
    while let Some(next) = alone.get(&at).and_then(|one| one.fallback) {
        if next == language {
            // Told once, at the first by name.
            if let Some(one) = alone.get(&language).filter(|_| fallbacks.iter().all(|other| language < *other)) {
                let circle: Vec<&str> = [&language].into_iter().chain(&fallbacks).map(Language::code).collect();
                let what = format!("{} → {language} is a circle: each leaves it to the next", circle.join(" → "));
                one.element.fault(faults, "fallback", what);
            }
            break;
        }
        // A circle further on is told there.
        if fallbacks.contains(&next) {
            break;
        }
        fallbacks.push(next);
        at = next;
    }
    let of = |language: &Language| alone.get(language).and_then(|one| one.grammar);
    let grammar = of(&language).or_else(|| fallbacks.iter().find_map(of));
    if let (None, Some(one)) = (grammar, alone.get(&language))
        && one.element.written.numbers.is_none()
        && one.element.written.fallback.is_none()
    {
        let what = format!(
            "how are numbers said in {language}? numbers = \"zh\", \"en\" or \"digits\", or a fallback that has a way"
        );
        faults.fault(&one.element.at(), one.element.key("numbers"), what);
    }
    let grammar = grammar.unwrap_or(Grammar::Digits);
    Spoken { fallbacks, grammar, counting: Counting { language, grammar } }
}

impl Known {
    /// The house's own where none is written.
    pub fn language(&self, written: &Option<String>) -> Result<Language, String> {
        let Some(code) = written.as_deref() else { return Ok(self.settings.own) };
        let known = if self.names.contains(code) { Language::parse(code) } else { None };
        known.ok_or_else(|| unknown(&self.names, code))
    }

    /// `zh/greeting`, or `music`.
    pub fn prompt(&self, text: &str) -> Result<Prompt, String> {
        let wrong = || format!("found {text:?}; a prompt looks like \"zh/greeting\", \"en/greeting\" or \"music\"");
        let plain =
            |name: &str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
        match text.split_once('/') {
            None if plain(text) => Ok(Prompt::plain(text)),
            Some((language, name)) if plain(name) => {
                Ok(Prompt::spoken(self.language(&Some(language.to_string()))?, name))
            }
            _ => Err(wrong()),
        }
    }
}

/// Codes are so short that all are near each other.
fn unknown(names: &Names, code: &str) -> String {
    format!("there is no language {code:?}; there are {}", list(names.places.keys().map(String::as_str)))
}

/// Who has not every recording that numbers take says them as the nearest fallback that has, or else the last.
pub fn count(languages: &mut Languages, folder: &Path) {
    let ways: BTreeMap<Language, Grammar> =
        languages.spoken.iter().map(|(language, spoken)| (*language, spoken.grammar)).collect();
    let complete = |counting: &Counting| speech::prompts(*counting).iter().all(|prompt| is_there(folder, prompt));
    for (language, spoken) in &mut languages.spoken {
        let candidates: Vec<Counting> = std::iter::once(language)
            .chain(&spoken.fallbacks)
            .filter_map(|language| Some(Counting { language: *language, grammar: *ways.get(language)? }))
            .collect();
        if let Some(counting) = candidates.iter().find(|counting| complete(counting)).or(candidates.last()) {
            spoken.counting = *counting;
        }
    }
}

/// Whether the prompt has a recording of its own.
pub fn is_there(folder: &Path, prompt: &Prompt) -> bool {
    folder.join(format!("{prompt}.wav")).is_file()
}
