//! What the prompts say: `prompts.toml` in their folder, and above it the admin's own `prompts.toml` beside the other
//! files. Does not know whether anything is recorded.

use std::collections::BTreeMap;
use std::path::Path;

use config::{Value, ValueKind};

use super::fault::Faults;
use super::source::File;
use crate::ids::{Language, Prompt};
use crate::ivr::Languages;

const NAME: &str = "prompts.toml";
/// Letters of the longest text: a minute of it is about 300 in Chinese, 1,000 in English.
const LONGEST: usize = 2_000;

/// Texts by prompt.
#[derive(Clone, Debug, Default)]
pub struct Manifest(BTreeMap<Prompt, Text>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    pub text: String,
    /// Where it is written, e.g. `prompts/prompts.toml:12:15`.
    pub at: String,
}

impl Manifest {
    pub fn get(&self, prompt: &Prompt) -> Option<&Text> {
        self.0.get(prompt)
    }

    /// Every text, sorted by prompt.
    pub fn iter(&self) -> impl Iterator<Item = (&Prompt, &Text)> {
        self.0.iter()
    }

    pub(super) fn read(dir: &Path, folder: &Path, languages: &Languages, faults: &mut Faults) -> Manifest {
        let mut manifest = Manifest::default();
        // The shipped one knows languages that this house may not speak.
        for (path, any_language) in [(folder.join(NAME), true), (dir.join(NAME), false)] {
            if path.exists() {
                let file = File::open(&path, faults);
                let spoken = |language: &Language| any_language || languages.spoken.contains_key(language);
                manifest.take(&file, &spoken, languages, faults);
            }
        }
        manifest
    }

    fn take(&mut self, file: &File, spoken: &dyn Fn(&Language) -> bool, languages: &Languages, faults: &mut Faults) {
        let ValueKind::Table(names) = &file.root.kind else { return };
        for (name, texts) in names {
            if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_')) {
                let what = "the name of a prompt has letters, digits, - and _";
                faults.fault(&file.key_place(texts), name, what);
                continue;
            }
            let ValueKind::Table(texts) = &texts.kind else {
                let what = format!("a text for each language is meant, e.g. {name}.{} = \"…\"", languages.own);
                faults.fault(&file.place(texts), name, what);
                continue;
            };
            for (language, text) in texts {
                let key = format!("{name}.{language}");
                let Some(language) = Language::parse(language).filter(spoken) else {
                    let known: Vec<&str> = languages.spoken.keys().map(Language::code).collect();
                    let what = format!("there is no language {language:?}; there are {}", known.join(", "));
                    faults.fault(&file.key_place(text), key, what);
                    continue;
                };
                match words(text) {
                    Ok(words) => {
                        let text = Text { text: words, at: file.place(text).to_string() };
                        self.0.insert(Prompt::spoken(language, name.as_str()), text);
                    }
                    Err(what) => faults.fault(&file.place(text), key, what),
                }
            }
        }
    }
}

fn words(value: &Value) -> Result<String, String> {
    let ValueKind::String(text) = &value.kind else { return Err("a text is meant, in quotes".into()) };
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.chars().count() {
        0 => Err("the text is empty".into()),
        count if count > LONGEST => Err(format!("has {count} letters; at most {LONGEST} are spoken")),
        _ => Ok(words),
    }
}
