//! Where in a call each prompt is heard.

use std::collections::BTreeSet;

use serde::Serialize;

use super::words::*;
use super::{message, required_prompts, speech};
use crate::ids::Prompt;

/// A part of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Use {
    /// A menu, or what is said on the way through it.
    Menu,
    /// Played to who dials a number.
    Number,
    /// While waiting in the line.
    Line,
    /// Places, minutes and keys.
    Counting,
    /// The last that is heard.
    Announcement,
    Callback,
    Message,
    Survey,
    /// To operators, after a feature code.
    Codes,
}

impl Use {
    pub fn word(self) -> &'static str {
        match self {
            Use::Menu => "menu",
            Use::Number => "number",
            Use::Line => "line",
            Use::Counting => "counting",
            Use::Announcement => "announcement",
            Use::Callback => "callback",
            Use::Message => "message",
            Use::Survey => "survey",
            Use::Codes => "codes",
        }
    }
}

/// What is required, and by which part of the files.
pub struct Uses {
    settings: Settings,
    all: BTreeSet<Prompt>,
    counting: BTreeSet<Prompt>,
    /// What each part of the files requires by itself.
    parts: [(Use, BTreeSet<Prompt>); 3],
}

impl Uses {
    pub fn new(settings: &Settings) -> Self {
        // What a part adds to a house that has nothing else.
        let only = |kept: Use| {
            let mut some = Settings { languages: settings.languages.clone(), ..Settings::default() };
            let nothing: BTreeSet<Prompt> = required_prompts(&some).into_iter().collect();
            match kept {
                Use::Menu => some.menus = settings.menus.clone(),
                Use::Number => some.numbers = settings.numbers.clone(),
                _ => some.survey = settings.survey.clone(),
            }
            let with: BTreeSet<Prompt> = required_prompts(&some).into_iter().collect();
            (kept, with.difference(&nothing).cloned().collect())
        };
        let counting = settings.languages.spoken.values().flat_map(|spoken| speech::prompts(spoken.counting)).collect();
        Self {
            settings: settings.clone(),
            all: required_prompts(settings).into_iter().collect(),
            counting,
            parts: [only(Use::Menu), only(Use::Number), only(Use::Survey)],
        }
    }

    pub fn is_used(&self, prompt: &Prompt) -> bool {
        self.all.contains(prompt)
    }

    /// Every required prompt, sorted.
    pub fn all(&self) -> &BTreeSet<Prompt> {
        &self.all
    }

    /// Empty for those that no caller hears.
    pub fn of(&self, prompt: &Prompt) -> Vec<Use> {
        if !self.is_used(prompt) {
            return Vec::new();
        }
        let mut uses: BTreeSet<Use> =
            self.parts.iter().filter(|(_, prompts)| prompts.contains(prompt)).map(|(part, _)| *part).collect();
        if self.counting.contains(prompt) {
            uses.insert(Use::Counting);
        }
        let words = &self.settings.announcements;
        let is_last =
            |name: &str| [&words.busy, &words.closed, &words.failure].iter().any(|word| word.as_str() == name);
        let fixed = match prompt.name.as_str() {
            CONFIRMED | DENIED => Some(Use::Codes),
            CALLBACK_TAKEN | CALLBACK_REFUSED | CALLBACK_GREETING | RINGBACK => Some(Use::Callback),
            MESSAGE_TAKEN | BEEP | message::LEAVE => Some(Use::Message),
            name if is_last(name) => Some(Use::Announcement),
            _ if uses.is_empty() || *prompt == self.settings.waiting.music => Some(Use::Line),
            _ => None,
        };
        uses.extend(fixed);
        uses.into_iter().collect()
    }
}
