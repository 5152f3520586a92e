//! When something is open: the hours of a week, changed by the holidays and make-up days of a calendar and by days
//! of its own.
//!
//! What counts is the day on which hours begin: hours that began yesterday go on after midnight, also into a
//! holiday, and a holiday's hours go on into the day after it. Where the clocks go forward, a time that does not exist
//! is as much later; where they go back, the first of two is meant. Does not know: queues, menus, the clock, or
//! whether somebody has flipped the switch.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::hours::{DayHours, Hours};

/// The same hours come again after a week.
const WEEK: i32 = 8;
/// A calendar does not reach further than this from any day that somebody asks for.
const LOOK_AHEAD: usize = 3 * 366;

/// Public holidays, and the days that are worked in their place.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Calendar {
    pub id: String,
    /// Where its days are from; empty: not said.
    pub source: String,
    pub holidays: BTreeMap<Date, String>,
    pub make_up: BTreeMap<Date, MakeUp>,
}

/// A day that is worked in the place of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MakeUp {
    /// The weekday whose hours hold.
    pub like: Weekday,
    /// E.g. the holiday it is for; empty: not said.
    pub name: String,
}

/// A day with hours of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Special {
    pub hours: DayHours,
    /// Empty: not said.
    pub name: String,
}

/// When something is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    pub week: Hours,
    pub calendar: Option<Arc<Calendar>>,
    /// What holds on the calendar's holidays.
    pub holidays: DayHours,
    /// Before everything else.
    pub special: BTreeMap<Date, Special>,
    pub zone: TimeZone,
    /// The digit in the codes by which supervisors flip it.
    pub switch: Option<char>,
}

/// What a day is, and the hours that begin on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Day<'a> {
    pub date: Date,
    pub kind: Kind<'a>,
    pub hours: &'a DayHours,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind<'a> {
    Ordinary,
    Special(&'a str),
    Holiday(&'a str),
    MakeUp(&'a MakeUp),
}

/// Open or closed at a moment, and by which day's hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing<'a> {
    pub open: bool,
    /// The day on which the hours began; of what is closed, the day itself.
    pub day: Day<'a>,
    /// The date at that moment, in the schedule's zone.
    pub today: Date,
    /// `None`: it never changes.
    pub until: Option<Timestamp>,
}

impl Schedule {
    /// Hours alone.
    pub fn plain(week: Hours, zone: TimeZone) -> Self {
        let (calendar, holidays, special, switch) = (None, DayHours::default(), BTreeMap::new(), None);
        Schedule { week, calendar, holidays, special, zone, switch }
    }

    /// The same from text; `Err` says what was found and what is allowed.
    #[cfg(test)]
    pub fn of_hours(texts: &[&str], zone: TimeZone) -> Result<Self, String> {
        Ok(Schedule::plain(Hours::parse(texts.iter().copied())?, zone))
    }

    pub fn day(&self, date: Date) -> Day<'_> {
        let calendar = self.calendar.as_deref();
        let (kind, hours) = if let Some(special) = self.special.get(&date) {
            (Kind::Special(&special.name), &special.hours)
        } else if let Some(name) = calendar.and_then(|calendar| calendar.holidays.get(&date)) {
            (Kind::Holiday(name), &self.holidays)
        } else if let Some(make_up) = calendar.and_then(|calendar| calendar.make_up.get(&date)) {
            (Kind::MakeUp(make_up), self.week.on(make_up.like))
        } else {
            (Kind::Ordinary, self.week.on(date.weekday()))
        };
        Day { date, kind, hours }
    }

    pub fn is_open(&self, at: Timestamp) -> bool {
        self.began(at).is_some()
    }

    /// The next moment at which [`Schedule::is_open`] changes; `None` if it never does.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let today = self.date(now);
        let open = self.is_open(now);
        let mut open_until = now;
        let mut date = today.yesterday().ok()?;
        for _ in 0..self.look_ahead(today) {
            for (from, to) in self.spans(date) {
                if !open && from > now {
                    return Some(from);
                }
                if open && from > open_until {
                    return Some(open_until);
                }
                // Hours that touch or overlap are one.
                open_until = open_until.max(to);
            }
            date = date.tomorrow().ok()?;
        }
        // Open at the end of all that is known: for ever, if the last day's hours reach the end of that day.
        let end = self.midnight(date)?;
        (open && open_until < end).then_some(open_until)
    }

    /// Open or closed, and why.
    pub fn standing(&self, at: Timestamp) -> Standing<'_> {
        let today = self.date(at);
        let began = self.began(at);
        Standing { open: began.is_some(), day: self.day(began.unwrap_or(today)), today, until: self.next_change(at) }
    }

    /// The date in this schedule's zone.
    pub fn date(&self, at: Timestamp) -> Date {
        at.to_zoned_datetime(self.zone.clone()).date()
    }

    /// Whether the calendar ever changes the hours.
    pub fn depends_on_calendar(&self) -> bool {
        let Some(calendar) = &self.calendar else { return false };
        let mut dates = calendar.holidays.keys().chain(calendar.make_up.keys());
        dates.any(|date| {
            let day = self.day(*date);
            !matches!(day.kind, Kind::Special(_)) && day.hours != self.week.on(date.weekday())
        })
    }

    /// Whether there is any day at all on which it opens by itself.
    pub fn ever_opens(&self) -> bool {
        let week = (0..7).filter_map(|day| Weekday::from_monday_zero_offset(day).ok());
        week.into_iter().any(|day| !self.week.on(day).is_closed())
            || self.special.values().any(|day| !day.hours.is_closed())
            || self.calendar.as_ref().is_some_and(|calendar| !calendar.holidays.is_empty())
                && !self.holidays.is_closed()
    }

    /// The date on which the hours began that are running.
    fn began(&self, at: Timestamp) -> Option<Date> {
        let today = self.date(at);
        let covers = |date: &Date| self.spans(*date).iter().any(|(from, to)| (*from..*to).contains(&at));
        [Some(today), today.yesterday().ok()].into_iter().flatten().find(covers)
    }

    /// From when until when it is open by the hours that begin on a date, in order.
    fn spans(&self, date: Date) -> Vec<(Timestamp, Timestamp)> {
        let at = |date: Date, time| {
            let zoned = date.to_datetime(time).to_zoned_datetime(self.zone.clone());
            zoned.ok().map(|zoned| zoned.timestamp())
        };
        let span = |span: &super::hours::Span| {
            let (to, tomorrow) = span.to();
            let last = if tomorrow { date.tomorrow().ok()? } else { date };
            Some((at(date, span.from())?, at(last, to)?))
        };
        self.day(date).hours.spans().iter().filter_map(span).collect()
    }

    fn midnight(&self, date: Date) -> Option<Timestamp> {
        Some(date.to_zoned_datetime(self.zone.clone()).ok()?.timestamp())
    }

    /// So many days from yesterday on tell everything: until a week after the last day that is not as its weekday.
    fn look_ahead(&self, today: Date) -> usize {
        let calendar = self.calendar.as_deref();
        let last = [
            self.special.last_key_value().map(|(date, _)| *date),
            calendar.and_then(|calendar| calendar.holidays.last_key_value()).map(|(date, _)| *date),
            calendar.and_then(|calendar| calendar.make_up.last_key_value()).map(|(date, _)| *date),
        ];
        let last = last.into_iter().flatten().fold(today, Date::max);
        let days = (last - today).get_days() + WEEK + 2;
        usize::try_from(days).unwrap_or(0).min(LOOK_AHEAD)
    }
}

/// Every date from `from` to `to`, at most `limit` of them; `None` if it is the wrong way round or there are more.
pub fn dates(from: Date, to: Date, limit: usize) -> Option<Vec<Date>> {
    let dates: Vec<Date> = from.series(1.day()).take_while(|date| *date <= to).take(limit + 1).collect();
    (!dates.is_empty() && dates.len() <= limit).then_some(dates)
}

#[cfg(test)]
mod tests;
