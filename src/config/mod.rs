//! The files as written → as meant; every fault at once. Knows every room's settings; no room knows it.

mod example;
mod fault;
mod hours;
mod lint;
mod meant;
mod one_file;
mod reader;
mod scalars;
mod schedule;
mod source;
#[cfg(test)]
mod tests;
mod written;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

pub use fault::{Fault, Severity};
pub use hours::DayHours;
pub use one_file::{OneFile, read_file};
pub use scalars::{Time, parse_time};
pub use schedule::{Day, Kind, Schedule, Standing};

use crate::erlang::Load;
use crate::ids::{QueueId, ScheduleId};
use crate::{ivr, media, queue, sip};

/// Everything the admin said, as each room understands it.
#[derive(Clone, Debug)]
pub struct House {
    pub sip: sip::Settings,
    pub media: media::Settings,
    pub ivr: ivr::Settings,
    pub queue: queue::Rules,
    /// When each queue lets callers in.
    pub queue_open: BTreeMap<QueueId, Opening>,
    /// What queues and menus may ask: is it open now?
    pub schedules: BTreeMap<ScheduleId, Schedule>,
    /// What is expected to come to each queue, where the admin said it.
    pub queue_load: BTreeMap<QueueId, Load>,
    pub app: App,
}

/// By what a queue is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Hours of its own, which nobody can switch.
    Hours(Box<Schedule>),
    Schedule(ScheduleId),
}

#[derive(Clone, Debug)]
pub struct App {
    /// How long running calls may go on after SIGTERM.
    pub drain: Duration,
    /// In which opening hours are meant.
    pub time_zone: jiff::tz::TimeZone,
    /// Where the pages are to be served.
    pub web: std::net::SocketAddr,
}

/// Reads the files of a folder, the environment on top; warnings beside the house, or all faults.
pub fn load(dir: &Path) -> Result<(House, Vec<Fault>), Vec<Fault>> {
    let environment = std::env::vars().filter(|(name, _)| name.starts_with("HOTLINE__")).collect();
    load_with(dir, environment, jiff::Timestamp::now())
}

/// `now`: to warn of days that are over, and of calendars that end.
fn load_with(
    dir: &Path,
    environment: BTreeMap<String, String>,
    now: jiff::Timestamp,
) -> Result<(House, Vec<Fault>), Vec<Fault>> {
    let mut faults = fault::Faults::default();
    let files = source::Files::read(dir, environment, &mut faults);
    let house = meant::house(dir, &files, now, &mut faults);
    match (house, faults.finish()) {
        (Some(house), Ok(warnings)) => Ok((house, warnings)),
        (_, Ok(all) | Err(all)) => Err(all),
    }
}

/// A JSON Schema for each file: its name, and the text.
pub fn schemas() -> Vec<(&'static str, String)> {
    let text = |schema: schemars::Schema| {
        let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
        text.push('\n');
        text
    };
    vec![
        ("hotline.json", text(schemars::schema_for!(written::HotlineFile))),
        ("menu.json", text(schemars::schema_for!(written::MenuFile))),
        ("queues.json", text(schemars::schema_for!(written::QueuesFile))),
        ("operators.json", text(schemars::schema_for!(written::OperatorsFile))),
        ("schedules.json", text(schemars::schema_for!(written::SchedulesFile))),
    ]
}
