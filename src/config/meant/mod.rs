//! From the files as written to the settings of each room, with all references looked up.

mod carriers;
mod choose;
mod destinations;
mod emergency;
mod examples;
mod exits;
mod guard;
mod languages;
mod lists;
mod menus;
mod names;
mod needs;
mod nodes;
mod outward;
mod paths;
mod people;
mod queues;
mod recording;
mod schedules;
mod secrets;
mod signalling;
mod sound;
mod survey;
mod tls;
mod trunks;
mod unused;
mod web;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use jiff::tz::TimeZone;

use people::People;
use queues::Queues;
pub use secrets::MASK;

use super::fault::{Faults, Place, Severity};
use super::lint::{self, About, Finding};
use super::reader::{self, Broken, Element, list};
use super::scalars::{Time, time_text};
use super::source::Files;
use super::{App, Encryption, House, Manifest, Outward, Surroundings, written};
use crate::ids::{MenuId, QueueId, Reason, ScheduleId};
use crate::media;
use crate::queue::Exit;

const DRAIN: Duration = Duration::from_secs(60);
/// Names end up in SIP addresses, records and logs.
const MAX_NAME: usize = 64;

/// What became of the files.
pub(super) struct Meant {
    /// `None` if something is missing without which there is no house; the faults say what.
    pub house: Option<House>,
    /// Where the prompts are, if that could be read.
    pub prompts: Option<media::Prompts>,
}

pub(super) fn house(dir: &Path, files: &Files, surroundings: &Surroundings, faults: &mut Faults) -> Meant {
    let app = app(files, faults);
    let zone = app.as_ref().map_or(TimeZone::UTC, |app| app.time_zone.clone());
    let schedules = schedules::read(files, &zone, faults);
    let before = faults.count();
    let mut queues = queues::read(files, &schedules, faults);
    queues.sound = faults.count() == before && files.queues.is_complete();
    let sip = signalling::read(dir, files, surroundings, faults);
    let tls = tls::read(dir, files, surroundings.now, sip.as_ref().map(|sip| &sip.settings), faults);
    let guard = guard::read(files, faults);
    let emergencies = emergency::read(files, sip.as_ref(), faults);
    let outward = outward::read(files, faults);
    let mut media = sound::read(dir, files, faults);
    let before = faults.count();
    let mut people = people::read(dir, files, surroundings, sip.as_ref(), faults);
    people.sound = faults.count() == before && files.operators.is_complete();
    let recording = recording::read(dir, files, &queues, faults);
    let web = web::read(dir, files, &people.operators, faults);
    if web.as_ref().is_some_and(|web| web.https) && tls.is_none() {
        let place = reader::place_within(&files.hotline, &["web", "https"]);
        faults.fault(&place, "web.https", "it needs a certificate: [tls] names none that can be used");
    }
    let mut languages = languages::read(files, faults);
    if let Some(sound) = &media {
        languages::count(&mut languages.settings, &sound.settings.prompts.folder);
    }
    let to_check = media.as_ref().filter(|_| surroundings.recorded);
    let known = (&queues, &schedules, &people);
    let notice = recording.as_ref().and_then(|recording| recording.notice.clone());
    let mut ivr = menus::read(dir, files, known, &languages, (sip.as_ref(), notice.as_ref()), to_check, faults);
    if let Some(ivr) = &mut ivr {
        survey::queues(&mut ivr.survey, &queues, faults);
        if let Some(notice) = &ivr.notice {
            recording::check_notice(files, notice, ivr, faults);
        }
    }
    schedules.check(surroundings.now, faults);
    queues.rules.operators = std::mem::take(&mut people.operators);
    queues.rules.seats = people.seats.keys().cloned().collect();
    check_rules(&queues, &people, faults);
    let nodes = ivr.as_ref().map(|ivr| ivr.menus.nodes.keys());
    let known = names::Known {
        queues: queues.rules.queues.keys().map(QueueId::as_str).collect(),
        schedules: schedules.meant.keys().map(ScheduleId::as_str).collect(),
        nodes: nodes.into_iter().flatten().map(MenuId::as_str).collect(),
        skills: people.skills(&queues.rules).unwrap_or_default(),
        reasons: queues.rules.reasons.iter().map(Reason::as_str).collect(),
        emergencies: emergencies.iter().map(|target| target.id.as_str()).collect(),
    };
    let names = names::read(files, Some(&known).filter(|_| !faults.any()), faults);
    if let (Some(media), Some(ivr)) = (&mut media, &ivr) {
        let prompts = &mut media.settings.prompts;
        prompts.music = [ivr.waiting.music.clone()].into();
        prompts.notice = ivr.notice.clone();
        prompts.fallbacks =
            ivr.languages.spoken.iter().map(|(language, spoken)| (*language, spoken.fallbacks.clone())).collect();
    }
    let texts = match &media {
        Some(media) => Manifest::read(dir, &media.settings.prompts.folder, &languages.settings, faults),
        None => Manifest::default(),
    };
    let prompts = media.as_ref().map(|media| media.settings.prompts.clone());
    let rooms = || -> Option<House> {
        let (mut sip, mut media, recording) = (sip?, media?, recording?);
        media.settings.recordings = recording.place;
        check_way_out(&queues, &sip.settings, faults);
        unused::tell(&queues, &people, faults);
        sip.settings.seats = std::mem::take(&mut people.seats);
        sip.settings.guard = Some(guard?);
        sound::reserve(&mut media, &sip, faults);
        let srtp = Encryption { trunks: sip.srtp.clone(), seats: std::mem::take(&mut people.srtp) };
        let required: Vec<_> = sip.srtp_required.into_iter().chain(std::mem::take(&mut people.srtp_required)).collect();
        sound::check_keys(&media, &required, &sip.settings.listen, faults);
        emergency::reserve(&mut media, &emergencies);
        carriers::check(files, &sip.settings, faults);
        let ivr = ivr?;
        sip.settings.numbers = ivr.numbers.keys().cloned().collect();
        let outward = Outward { named: outward::named(&emergencies, &queues.rules, &ivr), ..outward? };
        Some(House {
            texts,
            voices: languages.voices,
            sip: sip.settings,
            media: media.settings,
            srtp,
            tones: sip.tones,
            direct: sip.direct,
            ivr,
            queue: queues.rules,
            queue_open: queues.open,
            queue_load: queues.load,
            schedules: schedules.meant,
            emergencies,
            outward,
            recording: recording.recording,
            tls,
            app: app?,
            web: web?,
            names: names?,
        })
    };
    Meant { house: rooms(), prompts }
}

/// Whether the rules hold together: what they name, where they lead, and whether their examples go as they say.
fn check_rules(queues: &Queues<'_>, people: &People<'_>, faults: &mut Faults) {
    let before = faults.count();
    let known = people.skills(&queues.rules);
    if let Some(known) = &known {
        queues.needs.iter().for_each(|need| need.check_skills(known.iter().copied(), faults));
    }
    let examples = examples::read(queues, known.as_ref(), faults);
    for circle in lint::circles_at_once(&queues.rules) {
        tell(circle, queues, people, faults);
    }
    // Of rules that are not sound nothing more can be said; what is wrong elsewhere does not matter.
    if !queues.sound || faults.count() > before {
        return;
    }
    examples::run(queues, &examples, faults);
    if !people.sound {
        return;
    }
    let declared = people.top.as_ref().and_then(|top| top.written.skills.as_deref());
    for finding in lint::warnings(&queues.rules, &queues.load, declared.unwrap_or_default()) {
        tell(finding, queues, people, faults);
    }
}

/// Callbacks and numbers that lead nowhere without a trunk that goes out.
fn check_way_out(queues: &Queues<'_>, sip: &crate::sip::Settings, faults: &mut Faults) {
    if sip.trunks.iter().any(|trunk| !trunk.to.is_empty()) {
        return;
    }
    for (id, queue) in &queues.elements {
        let Some(rules) = queues.rules.queues.get(id) else { continue };
        let exits = [&rules.if_too_long, &rules.if_full, &rules.if_closed, &rules.if_nobody];
        let mut exits = exits.into_iter().flatten().chain(rules.keys.values());
        if rules.callback.is_some() || exits.any(|exit| matches!(exit, Exit::Number(_))) {
            let what =
                "calls people back or sends callers to a number, and no [[trunk]] has `to`: nothing can be dialled";
            faults.warning(&queue.at(), "queue", format!("{id} {what}"));
        }
    }
}

/// A finding at its place.
fn tell(finding: Finding, queues: &Queues<'_>, people: &People<'_>, faults: &mut Faults) {
    let Finding { severity, about, mut path, what } = finding;
    if let (About::Queue(queue), [key, pressed]) = (&about, &mut path[..])
        && key == "key"
        && let Some(queue) = queues.elements.get(queue)
        && let Some(index) = queue.written.key.iter().position(|key| key.key == *pressed)
    {
        *pressed = index.to_string();
    }
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let written = match &about {
        About::Queue(queue) => queues.elements.get(queue).map(|queue| (queue.place_of(&path), queue.key_of(&path))),
        About::Operator(operator) => {
            people.elements.get(operator).map(|operator| (operator.place_of(&path), operator.key_of(&path)))
        }
        About::Skills => people.top.as_ref().map(|top| (top.place_of(&path), top.key_of(&path))),
    };
    let Some((place, key)) = written else { return };
    match severity {
        Severity::Fault => faults.fault(&place, key, what),
        Severity::Warning => faults.warning(&place, key, what),
    }
}

pub(super) fn app(files: &Files, faults: &mut Faults) -> Option<App> {
    let house = reader::table::<written::House>(&files.hotline, "house", faults)?;
    let time_zone = match &house.written.time_zone {
        None => TimeZone::system(),
        Some(name) => match TimeZone::get(name) {
            Ok(zone) => zone,
            Err(_) => {
                house.fault(faults, "time_zone", format!("found {name:?}; a zone is meant, e.g. \"Asia/Shanghai\""));
                return None;
            }
        },
    };
    Some(App { drain: time(&house.written.drain, DRAIN), time_zone })
}

fn time(written: &Option<Time>, default: Duration) -> Duration {
    written.as_ref().map_or(default, |time| time.0)
}

/// Takes a time only if it lies within the limits.
fn time_within<T>(
    element: &Element<'_, T>,
    key: &str,
    written: &Option<Time>,
    default: Duration,
    limits: (Duration, Duration),
    faults: &mut Faults,
) -> Duration {
    let time = time(written, default);
    check_time(element, &[key], time, limits, faults);
    time
}

fn check_time<T>(
    element: &Element<'_, T>,
    path: &[&str],
    time: Duration,
    limits: (Duration, Duration),
    faults: &mut Faults,
) {
    if time < limits.0 || time > limits.1 {
        let (time, least, most) = (time_text(time), time_text(limits.0), time_text(limits.1));
        element.fault_at(faults, path, format!("found {time}; from {least} to {most} is allowed"));
    }
}

/// Takes a number only if it lies within the limits.
fn number_within<T, N: Copy + PartialOrd + Display>(
    element: &Element<'_, T>,
    path: &[&str],
    number: N,
    limits: (N, N),
    faults: &mut Faults,
) -> N {
    if number < limits.0 || number > limits.1 {
        let what = format!("found {number}; from {} to {} is allowed", limits.0, limits.1);
        element.fault_at(faults, path, what);
    }
    number
}

/// Names that must differ; the second of a pair is the fault and names the first.
#[derive(Default)]
struct Names {
    places: BTreeMap<String, Place>,
    /// There may be others, which could not be read: no name is known to be wrong.
    unsure: bool,
    /// Other names for the same, and what is meant by them.
    former: BTreeMap<String, String>,
}

impl Names {
    /// Whether the name is good and new.
    fn take<T>(&mut self, element: &Element<'_, T>, key: &str, name: &str, faults: &mut Faults) -> bool {
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '+' | '*' | '#');
        if name.is_empty() || name.chars().count() > MAX_NAME || !name.chars().all(allowed) {
            element.fault(
                faults,
                key,
                format!("found {name:?}; a name has 1 to {MAX_NAME} letters, digits, or - _ . + * #"),
            );
            return false;
        }
        let place = element.place(key);
        if let Some(first) = self.places.get(name) {
            faults.fault(&place, element.key(key), format!("{name:?} is there already, at {first}"));
            return false;
        }
        self.places.insert(name.to_string(), place);
        true
    }

    /// Tables that could not be read.
    fn also(&mut self, broken: Broken) {
        self.unsure |= broken.nameless;
        for (name, place) in broken.names {
            self.places.entry(name).or_insert(place);
        }
    }

    /// Names that are written nowhere.
    fn are_there(&mut self, names: impl Iterator<Item = String>) {
        self.places.extend(names.map(|name| (name, Place::default())));
    }

    fn place_of(&self, name: &str) -> Option<&Place> {
        self.places.get(name)
    }

    /// The one that is written first.
    fn first(&self) -> Option<&str> {
        let first = self.places.iter().min_by_key(|(_, place)| (&place.file, place.line, place.column));
        first.map(|(name, _)| name.as_str())
    }

    fn contains(&self, name: &str) -> bool {
        self.unsure || self.is_there(name)
    }

    fn is_there(&self, name: &str) -> bool {
        self.places.contains_key(name) || self.former.contains_key(name)
    }

    /// The name as it is now, and a warning if another is written.
    fn now_called<'n, T>(
        &'n self,
        element: &Element<'_, T>,
        path: &[&str],
        name: &'n str,
        faults: &mut Faults,
    ) -> &'n str {
        match self.former.get(name) {
            None => name,
            Some(now) => {
                let what = format!("{name:?} is called {now:?} now; the former name still leads there");
                faults.warning(&element.place_of(path), element.key_of(path), what);
                now
            }
        }
    }

    /// What is said of a name that is not there; `what`: e.g. `queue`.
    fn unknown(&self, what: &str, name: &str) -> String {
        unknown(what, name, self.places.keys().map(String::as_str))
    }
}

fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    match reader::did_you_mean(name, known.clone()) {
        hint if hint.is_empty() => format!("there is no {what} {name:?}; there are {}", list(known)),
        hint => format!("there is no {what} {name:?}{hint} (there are {})", list(known)),
    }
}
