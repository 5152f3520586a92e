//! `hotline switch`: which schedules and queues are switched, by whom and until when, and a flip by hand.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use jiff::ToSpan;
use jiff::tz::TimeZone;

use super::clock::Clock;
use super::control::{self, Reply, Request};
use super::hours::{moment, timestamp};
use super::say::say;
use super::schedules::{answer, chosen, load, time_in, when_in};
use super::statistics::Format;
use super::switches::{self, Flip};
use super::versions;
use crate::call::SwitchTo;
use crate::config::{House, Opening, Schedule};
use crate::ids::{Door, QueueId, ScheduleId};
use crate::moment::Moment;
use crate::records;

/// Flips of each switch that are listed.
const LOGGED: usize = 20;

#[derive(Args, Debug)]
pub struct SwitchArgs {
    /// What is to be switched: a schedule (`office`), or a queue whatever its schedule says (`queue:citizen`); without it
    /// all are listed
    #[arg(requires = "to")]
    id: Option<String>,
    /// To what: whatever the hours say, or by them again
    #[arg(value_enum)]
    to: Option<SwitchWord>,
    /// By its hours again from then on: `18:00`, `2026-10-01` or `2026-10-01T18:00`, in the schedule's zone
    #[arg(long, value_name = "TIME", requires = "to")]
    until: Option<String>,
    /// Why; kept with the flip
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    /// Who; default: the user of this machine who asks
    #[arg(long, value_name = "NAME")]
    author: Option<String>,
    /// The latest flips instead, with who, when and why
    #[arg(long)]
    history: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum SwitchWord {
    Open,
    Closed,
    Auto,
}

/// Flips a switch, or lists them.
pub fn switch(config: &Path, data: &Path, args: SwitchArgs) -> Result<ExitCode, Vec<String>> {
    let house = load(config)?;
    match (&args.id, args.to) {
        (Some(id), Some(to)) => {
            let told = |what: String| vec![format!("hotline switch: {what}")];
            let request = request(&house, id, to, &args).map_err(told)?;
            match control::ask(data, &request).map_err(told)? {
                Some(Reply::Switched { door, open }) => {
                    let state = if open { "open" } else { "closed" };
                    say!("{door} is {state} now{}", end_words(&house, &request));
                    Ok(ExitCode::SUCCESS)
                }
                Some(reply) => versions::answer("switch", reply, Format::Text),
                None => Err(told(format!(
                    "no hotline runs on {}: --data says which is meant; before it starts, `hours` and `special` in \
                     schedules.toml say what is open",
                    data.display()
                ))),
            }
        }
        _ => list(&house, data, &args).map(|()| ExitCode::SUCCESS),
    }
}

fn request(house: &House, id: &str, to: SwitchWord, args: &SwitchArgs) -> Result<Request, String> {
    let now = Clock::start().now();
    let door = Door::from(id.to_string());
    match &door {
        Door::Schedule(id) => drop(chosen(house, Some(id.as_str()))?),
        Door::Queue(queue) => known(house, queue)?,
    }
    let until = args.until.as_deref().map(|text| end_of_flip(text, &zone(house, &door), now)).transpose()?;
    let to = match to {
        SwitchWord::Open => SwitchTo::Open,
        SwitchWord::Closed => SwitchTo::Closed,
        SwitchWord::Auto if until.is_some() => return Err("--until: whatever goes by its hours has no end".into()),
        SwitchWord::Auto => SwitchTo::Auto,
    };
    let author = args.author.clone().unwrap_or_else(versions::os_user);
    Ok(Request::Switch { door, to, until, author, note: args.note.clone() })
}

/// ` until 18:00`, with the day if that is another; nothing if no end was asked for.
fn end_words(house: &House, request: &Request) -> String {
    let Request::Switch { door, until: Some(until), .. } = request else { return String::new() };
    let now = Clock::start().now();
    format!(" until {}", when_in(&zone(house, door), timestamp(*until), timestamp(now)))
}

fn known(house: &House, queue: &QueueId) -> Result<(), String> {
    if house.queue.queues.contains_key(queue) {
        return Ok(());
    }
    let known: Vec<&str> = house.queue.queues.keys().map(QueueId::as_str).collect();
    Err(format!("there is no queue {:?}; there are {}", queue.as_str(), known.join(", ")))
}

/// In which zone its times are meant.
fn zone(house: &House, door: &Door) -> TimeZone {
    let schedule = match door {
        Door::Schedule(id) => house.schedules.get(id),
        Door::Queue(queue) => match house.queue_open.get(queue) {
            Some(Opening::Schedule(id)) => house.schedules.get(id),
            Some(Opening::Hours(hours)) => Some(&**hours),
            None => None,
        },
    };
    schedule.map_or_else(|| house.app.time_zone.clone(), |schedule| schedule.zone.clone())
}

/// A time of the day alone is the next one.
fn end_of_flip(text: &str, zone: &TimeZone, now: Moment) -> Result<Moment, String> {
    let at = time_in(zone, text, timestamp(now)).map_err(|what| format!("--until: {what}"))?;
    let passed = moment(at) <= now;
    if passed && !text.contains('-') {
        let next = at.checked_add(24.hours()).map_err(|_| format!("--until: {text} is too far away"))?;
        return Ok(moment(next));
    }
    if passed { Err(format!("--until: {text} has passed")) } else { Ok(moment(at)) }
}

/// Every schedule, with what holds now, what comes next, and who flipped it; then the queues that are switched
/// themselves.
fn list(house: &House, data: &Path, args: &SwitchArgs) -> Result<(), Vec<String>> {
    let told = |what: String| vec![format!("hotline switch: {what}")];
    let now = Clock::start().now();
    let count = if args.history { LOGGED } else { 1 };
    let kept = records::read_switches(data, count).map_err(|fault| told(fault.to_string()))?;
    if args.history {
        for (_, door, flip) in kept {
            let Ok(flip) = serde_json::from_str::<Flip>(&flip) else { continue };
            let zone = zone(house, &door);
            let at = timestamp(flip.at).to_zoned_datetime(zone.clone());
            say!("{} {door} {}", at.strftime("%F %T"), flip_words(&flip, &zone, now));
        }
        return Ok(());
    }
    let kept: Vec<(Door, String)> = kept.into_iter().map(|(_, door, flip)| (door, flip)).collect();
    let mut flips = switches::restored(&kept);
    flips.retain(|_, flip| flip.holds(now).is_some());
    let queues: Vec<(&Door, &Flip)> =
        flips.iter().filter(|(door, _)| matches!(door, Door::Queue(queue) if known(house, queue).is_ok())).collect();
    if queues.is_empty() || !house.schedules.is_empty() {
        let all = chosen(house, None).map_err(told)?;
        all.into_iter().for_each(|(id, schedule)| say!("{}", switch_line(id, schedule, &flips, now)));
    }
    for (door, flip) in queues {
        let zone = zone(house, door);
        say!("{door}: {}", switched_words(flip, &zone, now));
    }
    Ok(())
}

/// To what, until when, by whom, and why.
fn flip_words(flip: &Flip, zone: &TimeZone, now: Moment) -> String {
    let until = match (flip.until, flip.to) {
        (_, SwitchTo::Auto) => String::new(),
        (Some(until), _) => format!(" until {}", when_in(zone, timestamp(until), timestamp(now))),
        (None, _) => " until somebody flips it back".into(),
    };
    let note = if flip.note.is_empty() { String::new() } else { format!(": {}", flip.note) };
    format!("{}{until}, by {}{note}", word(flip.to), flip.by)
}

fn switch_line(id: &ScheduleId, schedule: &Schedule, flips: &BTreeMap<Door, Flip>, now: Moment) -> String {
    let code = schedule.switch.map_or(String::new(), |digit| format!(" (*31{digit})"));
    match flips.get(&Door::Schedule(id.clone())) {
        None => format!("{id}{code}: auto, {}", answer(schedule, timestamp(now))),
        Some(flip) => format!("{id}{code}: {}", switched_words(flip, &schedule.zone, now)),
    }
}

fn switched_words(flip: &Flip, zone: &TimeZone, now: Moment) -> String {
    let at = when_in(zone, timestamp(flip.at), timestamp(now));
    format!("switched at {at} to {}", flip_words(flip, zone, now))
}

fn word(to: SwitchTo) -> &'static str {
    match to {
        SwitchTo::Auto => "auto",
        SwitchTo::Open => "open",
        SwitchTo::Closed => "closed",
    }
}
