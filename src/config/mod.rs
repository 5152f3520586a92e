//! The files as written → as meant; every fault at once. Knows every room's settings; no room knows it.

mod difference;
mod example;
mod export;
mod fault;
mod folder;
mod forms;
mod hours;
mod lint;
mod manifest;
mod meaning;
mod meant;
mod one_file;
mod reader;
pub mod reference;
mod report;
mod scalars;
mod schedule;
mod source;
#[cfg(test)]
mod tests;
mod words;
mod written;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

pub use difference::{Change, difference, in_one_line};
pub use export::operators_csv;
pub use fault::{Fault, Severity};
pub use folder::{Texts, texts};
pub use hours::DayHours;
pub use manifest::{Manifest, Text};
pub use meaning::Meaning;
pub use meant::MASK;
pub use one_file::{OneFile, read_file};
pub use report::{count, report};
pub use scalars::{Time, parse_time};
pub use schedule::{Day, Kind, Schedule, Standing};

use crate::erlang::Load;
use crate::ids::{Language, QueueId, ScheduleId, SeatId, TrunkId};
use crate::ivr::menu::Numbers;
use crate::{ivr, media, queue, sip, tls};

/// Everything the admin said, as each room understands it.
#[derive(Clone, Debug)]
pub struct House {
    pub sip: sip::Settings,
    pub media: media::Settings,
    /// How trunks and seats want their sound encrypted that do not go by the rest.
    pub srtp: Encryption,
    /// Trunks whose callers may say keys in the sound alone.
    pub tones: BTreeSet<TrunkId>,
    /// Trunks over which the sound of two who talk with each other need not pass us.
    pub direct: BTreeSet<TrunkId>,
    pub ivr: ivr::Settings,
    pub queue: queue::Rules,
    /// When each queue lets callers in.
    pub queue_open: BTreeMap<QueueId, Opening>,
    /// What queues and menus may ask: is it open now?
    pub schedules: BTreeMap<ScheduleId, Schedule>,
    /// What is expected to come to each queue, where the admin said it.
    pub queue_load: BTreeMap<QueueId, Load>,
    /// What the prompts say.
    pub texts: Manifest,
    /// Who speaks the prompts that are made.
    pub voices: BTreeMap<Language, Voice>,
    /// Whom operators can hand emergencies to.
    pub emergencies: Vec<Emergency>,
    /// Which numbers people may dial.
    pub outward: Outward,
    pub recording: Recording,
    /// What is shown to whoever connects over TLS, and asked of them.
    pub tls: Option<tls::Shown>,
    pub app: App,
    pub web: Web,
    /// What the pages call what has an id.
    pub names: Names,
}

/// Names for people, by kind and id, where the admin gave any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    pub queues: BTreeMap<String, Called>,
    pub schedules: BTreeMap<String, Called>,
    /// Nodes of the menus that callers choose.
    pub choices: BTreeMap<String, Called>,
    pub skills: BTreeMap<String, Called>,
    pub reasons: BTreeMap<String, Called>,
    pub emergencies: BTreeMap<String, Called>,
}

/// A name in each language of the pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Called {
    pub zh: String,
    pub en: String,
}

/// Rules of some for the encryption of their sound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encryption {
    pub trunks: BTreeMap<TrunkId, media::Srtp>,
    pub seats: BTreeMap<SeatId, media::Srtp>,
}

/// Which numbers outside people may dial.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outward {
    pub allow: Numbers,
    pub deny: Numbers,
    /// Emergencies, and where rules and menus lead: always.
    pub named: Numbers,
}

/// By what a queue is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Hours of its own, which nobody can switch.
    Hours(Box<Schedule>),
    Schedule(ScheduleId),
}

/// A voice of espeak-ng.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voice {
    /// E.g. `cmn`.
    pub name: String,
    /// Words a minute.
    pub speed: u16,
}

/// Somebody to whom an operator hands an emergency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emergency {
    pub id: String,
    pub name: String,
    /// Trunk (`None`: whichever is best) and number, tried in this order.
    pub ways: Vec<(Option<TrunkId>, String)>,
    /// The keys that the operator presses; none is the beginning of another's.
    pub code: String,
    /// The key by which they say that they have it.
    pub confirm: Option<char>,
    pub ring: Duration,
}

#[derive(Clone, Debug)]
pub struct App {
    /// How long running calls may go on after SIGTERM.
    pub drain: Duration,
    /// In which opening hours are meant.
    pub time_zone: jiff::tz::TimeZone,
}

/// Which talks are recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// Where no queue has it otherwise.
    pub calls: bool,
    /// Queues that say whether theirs are.
    pub queues: BTreeMap<QueueId, bool>,
}

impl Recording {
    pub fn records(&self, queue: &QueueId) -> bool {
        self.queues.get(queue).copied().unwrap_or(self.calls)
    }

    /// Whether any talk is.
    pub fn is_on(&self) -> bool {
        self.calls || self.queues.values().any(|records| *records)
    }
}

/// The pages and the API.
#[derive(Clone, Debug)]
pub struct Web {
    pub listen: Vec<SocketAddr>,
    /// It speaks HTTPS, with the certificate of the house.
    pub https: bool,
    /// A proxy speaks HTTPS before us.
    pub proxy: bool,
    pub session_idle: Duration,
    pub session_longest: Duration,
    /// Within a minute, from one address and for one name.
    pub sign_in_tries: u32,
    /// Percent.
    pub goal: u8,
    pub alarm_wait: Duration,
    pub people: BTreeMap<String, WebPerson>,
    pub webhooks: Vec<Webhook>,
    /// Pages of other hosts that may open a WebSocket, as browsers tell them.
    pub origins: Vec<String>,
}

/// Somebody who signs in on the pages and is no operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebPerson {
    pub name: String,
    pub roles: BTreeSet<WebRole>,
    /// `None`: that of the browser.
    pub language: Option<Language>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WebRole {
    Supervisor,
    Admin,
    Wall,
}

/// A program that is told of calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    pub url: String,
    pub events: BTreeSet<WebhookEvent>,
    pub secret: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WebhookEvent {
    Ringing,
    Connected,
    Closed,
}

/// What was read of a folder, with everything that is to be said about it.
#[derive(Clone, Debug)]
pub struct Checked {
    /// `None` if there is a fault.
    pub house: Option<House>,
    /// Faults before warnings, each in the order of the files.
    pub faults: Vec<Fault>,
    /// Where the prompts are, if that much is known.
    pub prompts: Option<media::Prompts>,
}

/// What the files are laid upon.
#[derive(Clone, Debug)]
struct Surroundings {
    /// The environment.
    variables: BTreeMap<String, String>,
    /// To warn of days that are over, and of calendars that end.
    now: jiff::Timestamp,
    /// Prompts that are missing are faults.
    recorded: bool,
}

/// Reads the files of a folder, the environment on top; warnings beside the house, or all faults.
pub fn load(dir: &Path) -> Result<(House, Vec<Fault>), Vec<Fault>> {
    let Checked { house, faults, .. } = check(dir);
    house.map(|house| (house, faults.clone())).ok_or(faults)
}

/// The same, with what can be known in spite of faults.
pub fn check(dir: &Path) -> Checked {
    check_with(dir, surroundings())
}

/// Reads the files where prompts may be missing: for who makes them.
pub fn load_unrecorded(dir: &Path) -> Result<House, Vec<Fault>> {
    let Checked { house, faults, .. } = check_with(dir, Surroundings { recorded: false, ..surroundings() });
    house.ok_or(faults)
}

/// The zone in which the house means its times, whatever else is wrong in the files. The system's if they name none, or
/// are not there.
pub fn time_zone(dir: &Path) -> jiff::tz::TimeZone {
    let (mut faults, surroundings) = (fault::Faults::default(), surroundings());
    let files = source::Files::read(dir, &surroundings.variables, &mut faults);
    meant::app(&files, &mut faults).map_or_else(jiff::tz::TimeZone::system, |app| app.time_zone)
}

fn surroundings() -> Surroundings {
    let text = |text: std::ffi::OsString| text.into_string().ok();
    let variables = std::env::vars_os().filter_map(|(name, value)| Some((text(name)?, text(value)?))).collect();
    Surroundings { variables, now: jiff::Timestamp::now(), recorded: true }
}

fn check_with(dir: &Path, surroundings: Surroundings) -> Checked {
    let mut faults = fault::Faults::default();
    // One fault, instead of one for each file that is not there.
    if !dir.is_dir() {
        let place = fault::Place { file: dir.display().to_string().into(), ..fault::Place::default() };
        faults.fault(&place, "", "there is no such folder; --config names that with hotline.toml, menu.toml, …");
        return Checked { house: None, faults: faults.finish(), prompts: None };
    }
    let files = source::Files::read(dir, &surroundings.variables, &mut faults);
    let meant = meant::house(dir, &files, &surroundings, &mut faults);
    let house = meant.house.filter(|_| !faults.any());
    Checked { house, faults: faults.finish(), prompts: meant.prompts }
}

/// A JSON Schema for each file: its name, and the text.
pub fn schemas() -> Vec<(String, String)> {
    let text = |(name, schema): (&str, schemars::Schema)| {
        (format!("{name}.json"), format!("{}\n", serde_json::to_string_pretty(&schema).unwrap_or_default()))
    };
    let prompts = ("prompts", schemars::schema_for!(written::PromptsFile));
    source::schemas().iter().cloned().chain([prompts]).map(text).collect()
}
