//! schedules.toml as an admin writes it.

use schemars::JsonSchema;
use serde::Deserialize;

use super::OneOrMany;
use crate::config::scalars::CalendarDate;

/// schedules.toml: when queues and menus are open. The file may be missing.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "its fields are read one by one; as a whole it is only the schema")]
pub struct SchedulesFile {
    #[schemars(default)]
    calendar: Vec<Calendar>,
    #[schemars(default)]
    schedule: Vec<Schedule>,
}

/// Public holidays, and the working days that make up for them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Calendar {
    /// Its name, which schedules refer to.
    pub id: String,
    /// Where the days are from; for whoever brings the calendar up to date.
    pub source: Option<String>,
    /// The last day for which the calendar is known, e.g. "2026-12-31": a month before it `check` asks for the next
    /// one. Default: the end of the year of its last day.
    pub until: Option<CalendarDate>,
    /// Days on which nobody works. Default: none.
    #[serde(default)]
    pub holiday: Vec<Holiday>,
    /// Days off that are worked in their place. Default: none.
    #[serde(default)]
    pub make_up: Vec<MakeUp>,
}

/// One day or several, e.g. { name = "国庆节", from = "2026-10-01", to = "2026-10-07" }.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Holiday {
    /// What is celebrated.
    pub name: String,
    /// The first day, e.g. "2026-10-01".
    pub from: CalendarDate,
    /// The last day, up to a year later. Default: `from`.
    pub to: Option<CalendarDate>,
}

/// A day off that is worked, e.g. { date = "2026-10-10", name = "国庆节" }.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct MakeUp {
    /// The day, e.g. "2026-10-10".
    pub date: CalendarDate,
    /// What it makes up for.
    pub name: Option<String>,
    /// The weekday whose hours hold on it: "mon" to "sun". Default "mon".
    pub like: Option<String>,
}

/// When something is open. Hours count for the day on which they begin: those that go over midnight are not cut off
/// by a holiday.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Schedule {
    /// Its name, which queues and menus refer to.
    pub id: String,
    /// "24/7", opening hours such as ["mon-fri 08:00-18:00", "sat 09:00-12:00"], or "closed": only on special days
    /// and by the switch.
    pub hours: OneOrMany,
    /// The [[calendar]] whose holidays and make-up days count. Default: none.
    pub calendar: Option<String>,
    /// Hours on the calendar's holidays, e.g. ["09:00-12:00", "14:00-17:00"], "24/7" or "closed". Default "closed".
    pub holidays: Option<OneOrMany>,
    /// Days with hours of their own; they go before the calendar.
    #[serde(default)]
    pub special: Vec<Special>,
    /// In which zone the hours are meant, e.g. "Asia/Shanghai". Default: that of the house.
    pub time_zone: Option<String>,
    /// 1 to 9: supervisors flip it from their phones, with 1 by *311 (open), *321 (closed) and *301 (by its hours).
    /// Default: only `hotline switch` does.
    pub switch: Option<u8>,
}

/// One day or several, e.g. { date = "2026-12-31", hours = "08:00-12:00", name = "stocktaking" }.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Special {
    /// The day, or the first one.
    pub date: CalendarDate,
    /// The last day, up to a year later. Default: `date`.
    pub to: Option<CalendarDate>,
    /// Hours of the day, e.g. "08:00-12:00", "24/7" or "closed".
    pub hours: OneOrMany,
    /// Why, for people.
    pub name: Option<String>,
}
