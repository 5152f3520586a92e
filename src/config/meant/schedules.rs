//! schedules.toml.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::Names;
use crate::config::fault::Faults;
use crate::config::hours::{DayHours, Hours, read_day};
use crate::config::reader::{self, Element};
use crate::config::schedule::{Calendar, MakeUp, Schedule, Special, dates};
use crate::config::source::Files;
use crate::config::written;
use crate::ids::ScheduleId;

/// A holiday, or days with hours of their own, in one go.
const MAX_DAYS: usize = 366;
/// So long before a calendar ends somebody has to ask for the next one.
const ENDS_SOON: i32 = 30;
const LIKE: Weekday = Weekday::Monday;

pub struct Schedules<'a> {
    pub meant: BTreeMap<ScheduleId, Schedule>,
    /// Of the house.
    pub zone: TimeZone,
    names: Names,
    elements: BTreeMap<ScheduleId, Element<'a, written::Schedule>>,
    calendars: BTreeMap<String, Read<'a>>,
    /// Names that somebody refers to.
    used: RefCell<BTreeSet<ScheduleId>>,
}

/// A calendar, with where it is written.
struct Read<'a> {
    element: Element<'a, written::Calendar>,
    calendar: Arc<Calendar>,
    /// The last day for which it is known; `None`: it has no day at all.
    until: Option<Date>,
}

/// What could be read; the faults say what could not.
pub fn read<'a>(files: &'a Files, zone: &TimeZone, faults: &mut Faults) -> Schedules<'a> {
    let mut calendar_names = Names::default();
    let tables = reader::array::<written::Calendar>(&files.schedules, "calendar", "id", faults);
    let mut calendars = BTreeMap::new();
    for element in tables.good {
        let named = calendar_names.take(&element, "id", &element.written.id, faults);
        let (calendar, until) = calendar(&element, faults);
        if named {
            let read = Read { calendar: Arc::new(calendar), until, element };
            calendars.insert(read.element.written.id.clone(), read);
        }
    }
    calendar_names.also(tables.broken);
    let mut schedules = Schedules {
        meant: BTreeMap::new(),
        zone: zone.clone(),
        names: Names::default(),
        elements: BTreeMap::new(),
        calendars,
        used: RefCell::default(),
    };
    let tables = reader::array::<written::Schedule>(&files.schedules, "schedule", "id", faults);
    let mut switches = BTreeMap::new();
    for element in tables.good {
        let named = schedules.names.take(&element, "id", &element.written.id, faults);
        let schedule = schedules.schedule(&element, &calendar_names, &mut switches, faults);
        if named {
            let id = ScheduleId::from(element.written.id.as_str());
            schedules.meant.extend(schedule.map(|schedule| (id.clone(), schedule)));
            schedules.elements.insert(id, element);
        }
    }
    schedules.names.also(tables.broken);
    schedules
}

impl Schedules<'_> {
    /// The schedule that somebody refers to; a fault if there is none.
    pub fn named<T>(
        &self,
        from: &Element<'_, T>,
        path: &[&str],
        name: &str,
        faults: &mut Faults,
    ) -> Option<ScheduleId> {
        if !self.names.contains(name) {
            from.fault_at(faults, path, self.names.unknown("schedule", name));
            return None;
        }
        let id = ScheduleId::from(name);
        self.used.borrow_mut().insert(id.clone());
        Some(id)
    }

    fn schedule(
        &self,
        element: &Element<'_, written::Schedule>,
        calendars: &Names,
        switches: &mut BTreeMap<u8, String>,
        faults: &mut Faults,
    ) -> Option<Schedule> {
        let written = &element.written;
        let week = Hours::parse_or_closed(written.hours.texts()).map_err(|what| element.fault(faults, "hours", what));
        if let Some(overlap) = week.as_ref().ok().and_then(Hours::overlap) {
            faults.warning(&element.place("hours"), element.key("hours"), overlap);
        }
        let zone = match &written.time_zone {
            None => self.zone.clone(),
            Some(name) => TimeZone::get(name).unwrap_or_else(|_| {
                let what = format!("found {name:?}; a zone is meant, e.g. \"Asia/Shanghai\"");
                element.fault(faults, "time_zone", what);
                self.zone.clone()
            }),
        };
        let mut schedule = Schedule::plain(week.unwrap_or_default(), zone);
        match (&written.calendar, &written.holidays) {
            (Some(name), _) if !calendars.contains(name) => {
                element.fault(faults, "calendar", calendars.unknown("calendar", name));
            }
            (None, Some(_)) => element.fault(faults, "holidays", "`calendar` is missing: it says which days they are"),
            _ => {}
        }
        let calendar = written.calendar.as_ref().and_then(|name| self.calendars.get(name));
        schedule.calendar = calendar.map(|read| read.calendar.clone());
        if let Some(hours) = &written.holidays {
            schedule.holidays = day_hours(element, &["holidays"], hours, faults);
        }
        schedule.special = special(element, faults);
        schedule.switch = switch(element, switches, faults);
        Some(schedule)
    }

    /// What is allowed and yet unlikely to be meant, once everybody who refers to a schedule was read.
    pub fn check(&self, now: Timestamp, faults: &mut Faults) {
        let used = self.used.borrow();
        let mut calendars = BTreeSet::new();
        for (id, element) in &self.elements {
            let Some(schedule) = self.meant.get(id) else { continue };
            let today = schedule.date(now);
            let warn = |faults: &mut Faults, path: &[&str], what: String| {
                faults.warning(&element.place_of(path), element.key_of(path), what);
            };
            if !used.contains(id) {
                warn(faults, &["id"], format!("no queue and no menu asks whether {id:?} is open"));
            }
            if !schedule.ever_opens() && schedule.switch.is_none() {
                warn(faults, &["hours"], "it never opens: no hours, no special day, and no switch".into());
            }
            for (index, special) in element.written.special.iter().enumerate() {
                let last = special.to.as_ref().unwrap_or(&special.date).0;
                if last < today {
                    let path = ["special", &index.to_string(), "date"].map(str::to_string);
                    let path: Vec<&str> = path.iter().map(String::as_str).collect();
                    warn(faults, &path, format!("{last} is over: it can go"));
                }
            }
            let Some(name) = &element.written.calendar else { continue };
            calendars.insert(name.as_str());
            if used.contains(id) && schedule.depends_on_calendar() {
                self.check_calendar(id, name, today, faults);
            }
        }
        for (name, read) in self.calendars.iter().filter(|(name, _)| !calendars.contains(name.as_str())) {
            let element = &read.element;
            faults.warning(&element.place("id"), element.key("id"), format!("no schedule uses {name:?}"));
        }
    }

    fn check_calendar(&self, schedule: &ScheduleId, name: &str, today: Date, faults: &mut Faults) {
        let Some(Read { element, calendar, until }) = self.calendars.get(name) else { return };
        let key = if element.written.until.is_some() { "until" } else { "id" };
        let mut warn = |what: String| faults.warning(&element.place(key), element.key(key), what);
        let Some(until) = *until else { return };
        let asks = format!("enter the days after it before the schedule {schedule:?} takes them for ordinary ones");
        let soon = today.saturating_add(ENDS_SOON.days());
        let mut entries = calendar.holidays.keys().chain(calendar.make_up.keys());
        if until < today {
            let what = format!("ended on {until}: the schedule {schedule:?} takes every day since for an ordinary one");
            warn(what);
        } else if until <= soon {
            warn(format!("ends on {until}: {asks}"));
        } else if !entries.any(|date| date.year() == today.year()) {
            warn(format!("has no day in {}, and the schedule {schedule:?} goes by it", today.year()));
        }
    }
}

fn calendar(element: &Element<'_, written::Calendar>, faults: &mut Faults) -> (Calendar, Option<Date>) {
    let (id, source) = (element.written.id.clone(), element.written.source.clone().unwrap_or_default());
    let mut calendar = Calendar { id, source, ..Calendar::default() };
    for (index, holiday) in element.written.holiday.iter().enumerate() {
        let index = index.to_string();
        let path = |key| ["holiday", index.as_str(), key];
        for date in range(element, &path("to"), holiday.from.0, holiday.to.as_ref().map(|to| to.0), faults) {
            if let Some(other) = calendar.holidays.insert(date, holiday.name.clone()) {
                let path = path("from");
                let what = format!("{date} is in {other:?} already");
                faults.warning(&element.place_of(&path), element.key_of(&path), what);
            }
        }
    }
    for (index, make_up) in element.written.make_up.iter().enumerate() {
        let index = index.to_string();
        let path = |key| ["make_up", index.as_str(), key];
        let date = make_up.date.0;
        if let Some(holiday) = calendar.holidays.get(&date) {
            element.fault_at(
                faults,
                &path("date"),
                format!("{date} is a holiday, in {holiday:?}: one of the two is meant"),
            );
        }
        if calendar.make_up.contains_key(&date) {
            element.fault_at(faults, &path("date"), format!("{date} is there already"));
        }
        if !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday) {
            let what = format!(
                "{date} is a {:?}; days that are made up for are usually Saturdays and Sundays",
                date.weekday()
            );
            faults.warning(&element.place_of(&path("date")), element.key_of(&path("date")), what);
        }
        let like = make_up.like.as_deref().map_or(Some(LIKE), read_day).unwrap_or_else(|| {
            let what = format!(
                "found {:?}; a weekday is meant, \"mon\" to \"sun\"",
                make_up.like.as_deref().unwrap_or_default()
            );
            element.fault_at(faults, &path("like"), what);
            LIKE
        });
        calendar.make_up.insert(date, MakeUp { like, name: make_up.name.clone().unwrap_or_default() });
    }
    let last = calendar.holidays.keys().chain(calendar.make_up.keys()).max().copied();
    let until = element.written.until.as_ref().map(|until| until.0);
    match (until, last) {
        (_, None) => element.fault(
            faults,
            "id",
            "has no day: at least one [[calendar.holiday]] or [[calendar.make_up]] is meant",
        ),
        (Some(until), Some(last)) if until < last => {
            element.fault(faults, "until", format!("found {until}, and its last day is {last}"));
        }
        _ => {}
    }
    (calendar, until.or(last.map(|last| last.last_of_year())))
}

fn special(element: &Element<'_, written::Schedule>, faults: &mut Faults) -> BTreeMap<Date, Special> {
    let mut days = BTreeMap::new();
    for (index, special) in element.written.special.iter().enumerate() {
        let index = index.to_string();
        let path = |key| ["special", index.as_str(), key];
        let hours = day_hours(element, &path("hours"), &special.hours, faults);
        let name = special.name.clone().unwrap_or_default();
        for date in range(element, &path("to"), special.date.0, special.to.as_ref().map(|to| to.0), faults) {
            if days.insert(date, Special { hours: hours.clone(), name: name.clone() }).is_some() {
                element.fault_at(faults, &path("date"), format!("{date} is there already: one of the two is meant"));
            }
        }
    }
    days
}

/// Every day of a range; none, and a fault, if it is no range.
fn range<T>(element: &Element<'_, T>, path: &[&str], from: Date, to: Option<Date>, faults: &mut Faults) -> Vec<Date> {
    let to = to.unwrap_or(from);
    dates(from, to, MAX_DAYS).unwrap_or_else(|| {
        let what = format!("found {to}; {from} or a day up to a year later is allowed");
        element.fault_at(faults, path, what);
        Vec::new()
    })
}

fn day_hours<T>(
    element: &Element<'_, T>,
    path: &[&str],
    written: &written::OneOrMany,
    faults: &mut Faults,
) -> DayHours {
    let hours = DayHours::parse(written.texts()).unwrap_or_else(|what| {
        element.fault_at(faults, path, what);
        DayHours::default()
    });
    if let Some(overlap) = hours.overlap() {
        faults.warning(&element.place_of(path), element.key_of(path), overlap);
    }
    hours
}

/// The digit, and a fault if another schedule has it.
fn switch(
    element: &Element<'_, written::Schedule>,
    taken: &mut BTreeMap<u8, String>,
    faults: &mut Faults,
) -> Option<char> {
    let number = element.written.switch?;
    let digit = char::from_digit(u32::from(number), 10).filter(|_| number > 0);
    if digit.is_none() {
        element.fault(faults, "switch", format!("found {number}; from 1 to 9 is allowed: it is a digit of the code"));
    } else if let Some(other) = taken.insert(number, element.written.id.clone()) {
        element.fault(faults, "switch", format!("{number} is the switch of {other:?} already"));
    }
    digit
}
