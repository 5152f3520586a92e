//! menu.toml, and whether every prompt is there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::people::People;
use super::queues::Queues;
use super::signalling::Signalling;
use super::sound::Sound;
use super::{Names, destinations, languages, list, lists, nodes, paths, schedules::Schedules, survey, time_within};
use crate::config::fault::{Faults, Place};
use crate::config::reader::{self, Element};
use crate::config::source::Files;
use crate::config::written;
use crate::ids::{Language, ListId, MenuId, Prompt, PromptName, QueueId};
use crate::ivr::menu::{Destination, Menus, Saying, To};
use crate::ivr::{self, Announcements, Entry, Settings, Waiting};

const INTERVAL_LIMITS: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(3600));

/// What is looked up while menus are read.
pub struct Known<'a> {
    pub queues: &'a Queues<'a>,
    pub languages: &'a languages::Known,
    pub schedules: &'a Schedules<'a>,
    /// `None`: they could not be read.
    pub seats: Option<BTreeSet<&'a str>>,
    pub nodes: Names,
    pub lists: Names,
    pub numbers: Names,
    /// Under which digits are kept.
    pub digits: BTreeSet<String>,
    /// Lists that a branch looks into.
    pub looked_into: BTreeSet<String>,
    /// Where callers are sent to a number outside.
    pub sent_outside: Vec<Place>,
    /// Where each prompt is first named.
    pub prompts: BTreeMap<Prompt, Place>,
}

pub fn read(
    dir: &Path,
    files: &Files,
    (queues, schedules, people): (&Queues<'_>, &Schedules<'_>, &People<'_>),
    languages: &languages::Known,
    (sip, notice): (Option<&Signalling>, Option<&PromptName>),
    sound: Option<&Sound>,
    faults: &mut Faults,
) -> Option<Settings> {
    let mut known = Known {
        queues,
        languages,
        schedules,
        seats: people.sound.then(|| people.seats.keys().map(|seat| seat.as_str()).collect()),
        nodes: Names::default(),
        lists: Names::default(),
        numbers: Names::default(),
        digits: BTreeSet::new(),
        looked_into: BTreeSet::new(),
        sent_outside: Vec::new(),
        prompts: BTreeMap::new(),
    };
    let mut settings = Settings {
        answer: sip.map(|sip| sip.answer).unwrap_or_default(),
        languages: languages.settings.clone(),
        notice: notice.cloned(),
        ..Settings::default()
    };
    let numbers = reader::array::<written::Number>(&files.menu, "number", "number", faults);
    let named: Vec<bool> = numbers
        .good
        .iter()
        .map(|number| known.numbers.take(number, "number", &number.written.number, faults))
        .collect();
    known.numbers.also(numbers.broken);
    let tables = nodes::tables(files, &mut known, faults);
    let mut menus = Menus { lists: lists::read(dir, files, &mut known, faults), ..Menus::default() };
    menus.nodes = nodes::read(&tables, &mut known, faults);
    menus.fallback = fallback(files, &known, faults);
    for (number, named) in numbers.good.iter().zip(named) {
        if let Some(entry) = entry(number, &mut known, faults)
            && named
        {
            settings.numbers.insert(number.written.number.clone(), entry);
        }
    }
    if numbers.is_empty {
        faults.fault(&files.menu.whole(), "number", "there is no number: at least one [[number]] is needed");
    }
    paths::check(&settings.numbers, &menus, &tables, faults);
    check_lists(&menus, &known, faults);
    if let Some(sip) = sip
        && !sip.settings.trunks.iter().any(|trunk| !trunk.to.is_empty())
    {
        for place in &known.sent_outside {
            let what = "sends callers to a number, and no [[trunk]] has `to`: nothing can be dialled";
            faults.warning(place, "number", what);
        }
    }
    settings.menus = Arc::new(menus);
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

/// Where callers end who go round and round.
fn fallback(files: &Files, known: &Known<'_>, faults: &mut Faults) -> Option<QueueId> {
    let top = reader::top::<written::MenuTop>(&files.menu, &[], faults)?;
    match &top.written.fallback {
        None => known.queues.names.first().map(QueueId::from),
        Some(queue) if known.queues.names.contains(queue) => Some(QueueId::from(queue.as_str())),
        Some(queue) => {
            top.fault(faults, "fallback", known.queues.names.unknown("queue", queue));
            None
        }
    }
}

fn check_lists(menus: &Menus, known: &Known<'_>, faults: &mut Faults) {
    for id in menus.lists.keys().map(ListId::as_str).filter(|id| !known.looked_into.contains(*id)) {
        if let Some(place) = known.lists.place_of(id) {
            faults.warning(place, "list", format!("{id:?} is looked into by no branch"));
        }
    }
}

impl Known<'_> {
    pub fn prompt<T>(
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

    /// Prompts of a list, some of them in the caller's language.
    pub fn sayings<T>(
        &mut self,
        element: &Element<'_, T>,
        key: &str,
        texts: &[String],
        faults: &mut Faults,
    ) -> Vec<Saying> {
        let mut sayings = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let index = index.to_string();
            let path = [key, index.as_str()];
            match text.strip_prefix("*/") {
                None => sayings.extend(self.prompt(element, &path, text, faults).map(Saying::Fixed)),
                Some(name) => {
                    let good = self.languages.settings.spoken.keys().all(|language| {
                        self.prompt(element, &path, &format!("{}/{name}", language.code()), faults).is_some()
                    });
                    sayings.extend(good.then(|| Saying::Own(name.into())));
                }
            }
        }
        sayings
    }

    /// A language that is written; `Ok(None)`: none is.
    pub fn language<T>(
        &self,
        element: &Element<'_, T>,
        path: &[&str],
        written: &Option<String>,
        faults: &mut Faults,
    ) -> Result<Option<Language>, ()> {
        if written.is_none() {
            return Ok(None);
        }
        self.languages.language(written).map(Some).map_err(|what| element.fault_at(faults, path, what))
    }

    pub fn queue<T>(
        &self,
        element: &Element<'_, T>,
        path: &[&str],
        queue: &str,
        faults: &mut Faults,
    ) -> Option<QueueId> {
        if !self.queues.names.contains(queue) {
            element.fault_at(faults, path, self.queues.names.unknown("queue", queue));
            return None;
        }
        Some(QueueId::from(self.queues.names.now_called(element, path, queue, faults)))
    }

    pub fn node<T>(&self, element: &Element<'_, T>, path: &[&str], id: &str, faults: &mut Faults) -> Option<MenuId> {
        if !self.nodes.contains(id) {
            element.fault_at(faults, path, self.nodes.unknown("menu", id));
            return None;
        }
        Some(MenuId::from(id))
    }
}

fn entry(number: &Element<'_, written::Number>, known: &mut Known<'_>, faults: &mut Faults) -> Option<Entry> {
    let written = &number.written;
    if written.number.starts_with('*') {
        number.fault(faults, "number", "numbers that begin with * are the operators' feature codes");
        return None;
    }
    let language = known.language(number, &["language"], &written.language, faults);
    let (silence, message) = (written.silence.unwrap_or(false), written.message.unwrap_or(false));
    let to = match (&written.menu, &written.queue, &written.seat, message, &written.play, silence) {
        (Some(menu), None, None, false, None, false) => To::Node(known.node(number, &["menu"], menu, faults)?),
        (None, Some(queue), None, false, None, false) => To::Queue(known.queue(number, &["queue"], queue, faults)?),
        (None, None, Some(seat), false, None, false) => {
            destinations::seat(number, &["seat"], seat, None, known, faults)?
        }
        (None, None, None, true, None, false) => To::Message,
        (None, None, None, false, Some(play), false) => {
            return known.prompt(number, &["play"], play, faults).map(Entry::Play);
        }
        (None, None, None, false, None, true) => return Some(Entry::Silence),
        _ => {
            faults.fault(
                &number.at(),
                "number",
                format!(
                    "number {:?} needs exactly one of menu, queue, seat, message = true, play, silence = true",
                    written.number
                ),
            );
            return None;
        }
    };
    Some(Entry::To(Destination { to, language: language.ok()? }))
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
