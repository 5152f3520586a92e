//! `hotline schedule show`: what the rules of schedules.toml mean, day by day. `hotline switch`: who has flipped
//! what, and a flip by hand.

use std::path::Path;

use clap::{Args, Subcommand};
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::checking;
use super::clock::Clock;
use super::hours::timestamp;
use super::say::say;
use crate::config::{self, Day, House, Kind, Opening, Schedule, Standing};
use crate::ids::ScheduleId;

/// More is a year and a leap day.
const MAX_DAYS: u16 = 366;

#[derive(Subcommand, Debug)]
pub enum ScheduleCommand {
    /// The coming days in words: holidays, make-up days, special days, and the hours on each
    Show(ShowArgs),
}

#[derive(Args, Debug)]
pub struct ShowArgs {
    /// Only this schedule
    id: Option<String>,
    /// How many days, from today on
    #[arg(long, value_name = "N", default_value_t = 14, value_parser = clap::value_parser!(u16).range(1..=MAX_DAYS as i64))]
    days: u16,
    /// Open or closed at this time, and why: `2026-10-01T10:00`, `2026-10-01` or `10:00`, in the schedule's zone
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
}

pub fn show(config: &Path, args: &ShowArgs) -> Result<(), Vec<String>> {
    let house = load(config)?;
    let now = timestamp(Clock::start().now());
    for (id, schedule) in
        chosen(&house, args.id.as_deref()).map_err(|what| vec![format!("hotline schedule: {what}")])?
    {
        match &args.at {
            Some(text) => {
                let at = time(text, schedule, now).map_err(|what| vec![format!("hotline schedule: --at: {what}")])?;
                say!("{id}: {}", answer(schedule, at));
            }
            None => days(id, schedule, &house, now, args.days).iter().for_each(|line| say!("{line}")),
        }
    }
    Ok(())
}

pub fn load(config: &Path) -> Result<House, Vec<String>> {
    checking::is_there(config).map_err(|what| vec![what])?;
    config::load(config).map(|(house, _)| house).map_err(|faults| checking::told(&faults))
}

pub fn chosen<'a>(house: &'a House, id: Option<&str>) -> Result<Vec<(&'a ScheduleId, &'a Schedule)>, String> {
    let known = || house.schedules.keys().map(ScheduleId::as_str).collect::<Vec<_>>().join(", ");
    match id {
        Some(id) => match house.schedules.get_key_value(id) {
            Some(found) => Ok(vec![found]),
            None => Err(format!("there is no schedule {id:?}; there are {}", known())),
        },
        None if house.schedules.is_empty() => Err("there is no schedule: schedules.toml says how to write one".into()),
        None => Ok(house.schedules.iter().collect()),
    }
}

/// One schedule: a line on itself, and one for each day.
fn days(id: &ScheduleId, schedule: &Schedule, house: &House, now: Timestamp, count: u16) -> Vec<String> {
    let goes_by = |opening: &&Opening| matches!(opening, Opening::Schedule(of) if of == id);
    let queues: Vec<&str> =
        house.queue_open.iter().filter(|(_, opening)| goes_by(opening)).map(|(queue, _)| queue.as_str()).collect();
    let mut lines = vec![format!("{id}: {}", schedule.week)];
    if !queues.is_empty() {
        lines.push(format!("  opens the queues {}", queues.join(", ")));
    }
    if let Some(calendar) = &schedule.calendar {
        let source = if calendar.source.is_empty() { String::new() } else { format!(" ({})", calendar.source) };
        lines.push(format!("  calendar {}{source}; on holidays {}", calendar.id, schedule.holidays));
    }
    lines.push(format!("  now {}", answer(schedule, now)));
    let today = schedule.date(now);
    for date in today.series(1.day()).take(usize::from(count)) {
        lines.push(format!("  {}", day_line(&schedule.day(date))));
    }
    lines
}

fn day_line(day: &Day<'_>) -> String {
    let what = kind(day);
    let hours = day.hours.to_string();
    let line = format!("{} {}  {hours:<24}  {what}", weekday(day.date.weekday()), day.date);
    line.trim_end().to_string()
}

/// What kind of day it is; empty if it is as any other.
fn kind(day: &Day<'_>) -> String {
    let named = |what: &str, name: &str| if name.is_empty() { what.to_string() } else { format!("{what}: {name}") };
    match day.kind {
        Kind::Ordinary => String::new(),
        Kind::Special(name) => named("special day", name),
        Kind::Holiday(name) => named("holiday", name),
        Kind::MakeUp(make_up) => {
            format!("{}, worked like a {}", named("make-up day", &make_up.name), weekday(make_up.like))
        }
    }
}

/// Open or closed, until when, and why.
pub fn answer(schedule: &Schedule, at: Timestamp) -> String {
    let standing = schedule.standing(at);
    let state = if standing.open { "open" } else { "closed" };
    let until = match standing.until {
        Some(until) => format!("until {}", when(schedule, until, at)),
        None => "for good".into(),
    };
    format!("{state} {until}{}", because(&standing))
}

fn because(standing: &Standing<'_>) -> String {
    let Standing { day, today, .. } = standing;
    let what = kind(day);
    let began = day.date != *today;
    match (began, what.is_empty()) {
        (true, true) => format!("; these hours began on {} {}", weekday(day.date.weekday()), day.date),
        (true, false) => format!("; these hours began on {} {}, {what}", weekday(day.date.weekday()), day.date),
        (false, false) => format!("; {} {} is a {what}", weekday(day.date.weekday()), day.date),
        (false, true) => String::new(),
    }
}

fn when(schedule: &Schedule, at: Timestamp, now: Timestamp) -> String {
    when_in(&schedule.zone, at, now)
}

/// A time in a zone; the date only if it is another one.
pub fn when_in(zone: &TimeZone, at: Timestamp, now: Timestamp) -> String {
    let zoned = at.to_zoned_datetime(zone.clone());
    let (date, time) = (zoned.date(), zoned.time());
    let time = format!("{:02}:{:02}", time.hour(), time.minute());
    if date == now.to_zoned_datetime(zone.clone()).date() {
        time
    } else {
        format!("{} {date} {time}", weekday(date.weekday()))
    }
}

fn weekday(day: Weekday) -> &'static str {
    ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
        .get(usize::try_from(day.to_monday_zero_offset()).unwrap_or(0))
        .unwrap_or(&"?")
}

/// `2026-10-01T10:00`, `2026-10-01`, `10:00` (today), in the schedule's zone.
pub fn time(text: &str, schedule: &Schedule, now: Timestamp) -> Result<Timestamp, String> {
    time_in(&schedule.zone, text, now)
}

/// The same in a zone.
pub fn time_in(zone: &TimeZone, text: &str, now: Timestamp) -> Result<Timestamp, String> {
    in_zone(text, zone, now.to_zoned_datetime(zone.clone()).date())
        .ok_or_else(|| format!("found {text:?}; a time looks like 2026-10-01T10:00, 2026-10-01 or 10:00"))
}

fn in_zone(text: &str, zone: &TimeZone, today: Date) -> Option<Timestamp> {
    let civil: DateTime = match text.parse::<Date>() {
        Ok(date) if !text.contains(':') => date.to_datetime(jiff::civil::Time::midnight()),
        _ if text.contains('-') => text.parse().ok()?,
        _ => today.to_datetime(text.parse::<jiff::civil::Time>().ok()?),
    };
    Some(civil.to_zoned_datetime(zone.clone()).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_days_are_told_in_words() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (mut house, _) = config::load(&root.join("sip-config")).unwrap_or_else(|faults| panic!("{faults:?}"));
        let schedule = house.schedules.get_mut("hotline").unwrap();
        let mut office = Schedule::of_hours(&["mon-fri 08:00-18:00"], TimeZone::get("Asia/Shanghai").unwrap()).unwrap();
        office.calendar = schedule.calendar.clone();
        house.queue_open.insert("line".into(), Opening::Schedule("office".into()));
        let now: Timestamp = "2026-09-30T19:00:00+08:00".parse().unwrap();
        let told = days(&"office".into(), &office, &house, now, 12).join("\n");
        let expected = "\
office: mon,tue,wed,thu,fri 08:00-18:00
  opens the queues line
  calendar china (国务院办公厅关于2026年部分节假日安排的通知，国办发明电〔2025〕7号，2025年11月4日); on holidays closed
  now closed until Thu 2026-10-08 08:00
  Wed 2026-09-30  08:00-18:00
  Thu 2026-10-01  closed                    holiday: 国庆节
  Fri 2026-10-02  closed                    holiday: 国庆节
  Sat 2026-10-03  closed                    holiday: 国庆节
  Sun 2026-10-04  closed                    holiday: 国庆节
  Mon 2026-10-05  closed                    holiday: 国庆节
  Tue 2026-10-06  closed                    holiday: 国庆节
  Wed 2026-10-07  closed                    holiday: 国庆节
  Thu 2026-10-08  08:00-18:00
  Fri 2026-10-09  08:00-18:00
  Sat 2026-10-10  08:00-18:00               make-up day: 国庆节, worked like a Mon
  Sun 2026-10-11  closed";
        assert_eq!(told, expected);
        let at = |text| answer(&office, time(text, &office, now).unwrap());
        assert_eq!(at("2026-10-01T10:00"), "closed until Thu 2026-10-08 08:00; Thu 2026-10-01 is a holiday: 国庆节");
        assert_eq!(at("10:00"), "open until 18:00");
        let night = Schedule::of_hours(&["22:00-06:00"], office.zone.clone()).unwrap();
        let early = time("2026-09-30T03:00", &night, now).unwrap();
        assert_eq!(answer(&night, early), "open until 06:00; these hours began on Tue 2026-09-29");
        assert!(time("tomorrow", &office, now).is_err());
    }
}
