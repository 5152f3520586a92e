//! menu.toml, and whether every prompt is there.

use std::collections::BTreeMap;
use std::time::Duration;

use super::signalling::Signalling;
use super::sound::Sound;
use super::{Names, languages, list, survey, time_within};
use crate::config::fault::{Faults, Place};
use crate::config::reader::{self, Element};
use crate::config::source::Files;
use crate::config::written;
use crate::ids::{Language, MenuId, Prompt, QueueId};
use crate::ivr::{self, Announcements, Choice, Entry, Menu, Settings, Waiting};

const TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT_LIMITS: (Duration, Duration) = (Duration::ZERO, Duration::from_secs(60));
const INTERVAL_LIMITS: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(3600));
const RETRIES: u8 = 1;

/// What is looked up while menus are read.
pub(super) struct Known<'a> {
    queues: &'a Names,
    pub(super) languages: &'a languages::Known,
    /// Where each prompt is first named.
    prompts: BTreeMap<Prompt, Place>,
}

pub fn read(
    files: &Files,
    queues: &Names,
    languages: &languages::Known,
    sip: Option<&Signalling>,
    sound: Option<&Sound>,
    faults: &mut Faults,
) -> Option<Settings> {
    let mut known = Known { queues, languages, prompts: BTreeMap::new() };
    let mut settings = Settings {
        answer: sip.map(|sip| sip.answer).unwrap_or_default(),
        languages: languages.settings.clone(),
        ..Settings::default()
    };
    let mut menu_names = Names::default();
    let menus = reader::array::<written::Menu>(&files.menu, "menu", "id", faults);
    for menu in menus.good {
        let named = menu_names.take(&menu, "id", &menu.written.id, faults);
        if let Some(meant) = read_menu(&menu, &mut known, faults)
            && named
        {
            settings.menus.insert(MenuId::from(menu.written.id.as_str()), meant);
        }
    }
    menu_names.also(menus.broken);
    let mut numbers = Names::default();
    let tables = reader::array::<written::Number>(&files.menu, "number", "number", faults);
    for number in tables.good {
        let named = numbers.take(&number, "number", &number.written.number, faults);
        if let Some(entry) = entry(&number, &menu_names, &mut known, faults)
            && named
        {
            settings.numbers.insert(number.written.number.clone(), entry);
        }
    }
    if tables.is_empty {
        faults.fault(&files.menu.whole(), "number", "there is no number: at least one [[number]] is needed");
    }
    if let Some(waiting) = reader::table::<written::Waiting>(&files.menu, "waiting", faults) {
        settings.waiting = read_waiting(&waiting, &mut known, faults);
    }
    if let Some(words) = reader::table::<written::Announcements>(&files.menu, "announcements", faults) {
        settings.announcements = announcements(&words, &mut known, faults);
    }
    settings.survey = survey::read(files, &mut known, faults);
    if let Some(sound) = sound
        && !languages.broken
    {
        check_prompts(&settings, &known, sound, faults);
    }
    Some(settings)
}

impl Known<'_> {
    pub(super) fn prompt<T>(
        &mut self,
        element: &Element<'_, T>,
        path: &[&str],
        text: &str,
        faults: &mut Faults,
    ) -> Option<Prompt> {
        let place = element.place_of(path);
        match self.languages.prompt(text) {
            Ok(prompt) => {
                self.prompts.entry(prompt.clone()).or_insert(place);
                Some(prompt)
            }
            Err(what) => {
                faults.fault(&place, element.key(path.first().unwrap_or(&"")), what);
                None
            }
        }
    }

    fn choice<T>(
        &self,
        element: &Element<'_, T>,
        path: &[&str],
        queue: &str,
        spoken: &Option<String>,
        faults: &mut Faults,
    ) -> Option<Choice> {
        let with = |key| [path, &[key]].concat();
        let language = self.languages.language(spoken);
        let language = language.map_err(|what| element.fault_at(faults, &with("language"), what)).ok();
        if !self.queues.contains(queue) {
            let what = self.queues.unknown("queue", queue);
            element.fault_at(faults, &with("queue"), what);
            return None;
        }
        Some(Choice { queue: QueueId::from(queue), language: language? })
    }
}

fn read_menu(menu: &Element<'_, written::Menu>, known: &mut Known<'_>, faults: &mut Faults) -> Option<Menu> {
    let written = &menu.written;
    let mut prompts = Vec::new();
    for (index, text) in written.prompts.iter().enumerate() {
        prompts.extend(known.prompt(menu, &["prompts", &index.to_string()], text, faults));
    }
    let default = known.choice(menu, &["default"], &written.default.queue, &written.default.language, faults);
    let mut choices = BTreeMap::new();
    for (index, choice) in written.choice.iter().enumerate() {
        let index = index.to_string();
        let place = menu.place_of(&["choice", &index, "key"]);
        let Some(key) = reader::one_key(&choice.key) else {
            faults.fault(
                &place,
                "menu.choice.key",
                format!("found {:?}; one key is meant, \"0\" to \"9\", \"*\" or \"#\"", choice.key),
            );
            continue;
        };
        if let Some(meant) = known.choice(menu, &["choice", &index], &choice.queue, &choice.language, faults)
            && choices.insert(key, meant).is_some()
        {
            faults.fault(&place, "menu.choice.key", format!("key {key:?} is there twice"));
        }
    }
    Some(Menu {
        prompts,
        choices,
        default: default?,
        timeout: time_within(menu, "timeout", &written.timeout, TIMEOUT, TIMEOUT_LIMITS, faults),
        retries: written.retries.unwrap_or(RETRIES),
    })
}

fn entry(
    number: &Element<'_, written::Number>,
    menus: &Names,
    known: &mut Known<'_>,
    faults: &mut Faults,
) -> Option<Entry> {
    let written = &number.written;
    let silence = written.silence.unwrap_or(false);
    if written.number.starts_with('*') {
        number.fault(faults, "number", "numbers that begin with * are the operators' feature codes");
        return None;
    }
    match (&written.menu, &written.queue, &written.play, silence) {
        (Some(menu), None, None, false) => {
            if !menus.contains(menu) {
                number.fault(faults, "menu", menus.unknown("menu", menu));
                return None;
            }
            Some(Entry::Menu(MenuId::from(menu.as_str())))
        }
        (None, Some(queue), None, false) => {
            let Choice { queue, language } = known.choice(number, &[], queue, &written.language, faults)?;
            Some(Entry::Queue { queue, language })
        }
        (None, None, Some(play), false) => known.prompt(number, &["play"], play, faults).map(Entry::Play),
        (None, None, None, true) => Some(Entry::Silence),
        _ => {
            faults.fault(
                &number.at(),
                "number",
                format!("number {:?} needs exactly one of menu, queue, play, silence = true", written.number),
            );
            None
        }
    }
}

fn read_waiting(waiting: &Element<'_, written::Waiting>, known: &mut Known<'_>, faults: &mut Faults) -> Waiting {
    let usual = Waiting::default();
    let written = &waiting.written;
    let music = written.music.as_ref().and_then(|music| known.prompt(waiting, &["music"], music, faults));
    Waiting {
        music: music.unwrap_or(usual.music),
        announce_every: time_within(
            waiting,
            "announce_every",
            &written.announce_every,
            usual.announce_every,
            INTERVAL_LIMITS,
            faults,
        ),
        announce_wait: written.announce_wait.unwrap_or(usual.announce_wait),
        apologise_after: time_within(
            waiting,
            "apologise_after",
            &written.apologise_after,
            usual.apologise_after,
            INTERVAL_LIMITS,
            faults,
        ),
    }
}

fn announcements(
    words: &Element<'_, written::Announcements>,
    known: &mut Known<'_>,
    faults: &mut Faults,
) -> Announcements {
    let usual = Announcements::default();
    let mut take = |key: &str, written: &Option<String>, usual| match written {
        None => usual,
        Some(name) => {
            for language in known.languages.settings.spoken.keys() {
                known.prompt(words, &[key], &format!("{language}/{name}"), faults);
            }
            name.as_str().into()
        }
    };
    Announcements {
        busy: take("busy", &words.written.busy, usual.busy),
        closed: take("closed", &words.written.closed, usual.closed),
        failure: take("failure", &words.written.failure, usual.failure),
    }
}

/// Every prompt that can be played is a file, or one of a fallback's; whether it can be played is found when it is read.
fn check_prompts(settings: &Settings, known: &Known<'_>, sound: &Sound, faults: &mut Faults) {
    let folder = &sound.settings.prompts.folder;
    if !folder.is_dir() {
        return faults.fault(&sound.prompts, "media.prompts", format!("there is no folder {}", folder.display()));
    }
    let mut missing = Vec::new();
    for prompt in ivr::required_prompts(settings) {
        let fallbacks = prompt.language.map_or(&[][..], |language| settings.languages.fallbacks(language));
        let of = |language: &Language| Prompt::spoken(*language, prompt.name.clone());
        if languages::is_there(folder, &prompt) || fallbacks.iter().any(|other| languages::is_there(folder, &of(other)))
        {
            continue;
        }
        match known.prompts.get(&prompt) {
            Some(place) => {
                let mut what = format!(
                    "the prompt {prompt} is missing: there is no {}",
                    folder.join(format!("{prompt}.wav")).display()
                );
                if !fallbacks.is_empty() {
                    what += &format!(", nor one of a fallback ({})", list(fallbacks.iter().map(Language::code)));
                }
                faults.fault(place, "menu", what);
            }
            // Who falls back to others lacks no more than they do.
            None if fallbacks.is_empty() => missing.push(prompt.to_string()),
            None => {}
        }
    }
    if !missing.is_empty() {
        let names = list(missing.iter().map(String::as_str));
        faults.fault(
            &sound.prompts,
            "media.prompts",
            format!("{} has no {names}; `hotline prompts make` makes those of which it has the text", folder.display()),
        );
    }
}
