//! Hours as they are written: `24/7`, `mon-fri 08:00-18:00`, `sat,sun 22:00-06:00`; of one day `08:00-12:00` or `closed`.
//!
//! Knows no dates: which day is worked like which is the schedule's.

use std::fmt;

use jiff::civil::{Time, Weekday};

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const MIDNIGHT: u16 = 24 * 60;
const ALWAYS: &str = "24/7";
const CLOSED: &str = "closed";
const ALL_DAY: Span = Span { from: 0, to: MIDNIGHT };

/// The hours of a week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    /// From Monday on.
    days: [DayHours; 7],
}

/// The hours that begin on one day. Empty: closed.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct DayHours(Vec<Span>);

/// From `from` on, until `to`; if `to` is not later it is on the next day. Minutes of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    from: u16,
    to: u16,
}

impl Hours {
    /// Reads the hours of a week; `Err` says what was found and what is allowed.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Hours, String> {
        let mut hours = Hours::never();
        let mut any = false;
        for text in texts.into_iter().map(str::trim) {
            if text == ALWAYS {
                return Ok(Hours::always());
            }
            let wrong = || {
                format!("found {text:?}; hours look like \"24/7\", \"mon-fri 08:00-18:00\" or \"sat,sun 22:00-06:00\"")
            };
            let (days, span) = span(text).ok_or_else(wrong)?;
            any = true;
            for (hours, _) in hours.days.iter_mut().zip(days).filter(|(_, named)| *named) {
                hours.0.push(span);
            }
        }
        hours.days.iter_mut().for_each(|day| day.0.sort());
        if any { Ok(hours) } else { Err("no hours: it would never open; \"24/7\" is always".into()) }
    }

    /// The same, and `closed` for what opens on special days or by its switch alone.
    pub fn parse_or_closed<'a>(texts: impl IntoIterator<Item = &'a str> + Clone) -> Result<Hours, String> {
        let mut words = texts.clone().into_iter();
        match (words.next().map(str::trim), words.next()) {
            (Some(CLOSED), None) => Ok(Hours::never()),
            _ => Hours::parse(texts).map_err(|what| format!("{what}, \"closed\" is never")),
        }
    }

    pub fn always() -> Hours {
        Hours { days: std::array::from_fn(|_| DayHours::all_day()) }
    }

    fn never() -> Hours {
        Hours { days: Default::default() }
    }

    pub fn on(&self, day: Weekday) -> &DayHours {
        let day = usize::try_from(day.to_monday_zero_offset()).unwrap_or(0);
        &self.days[day]
    }

    /// A day on which two spans overlap, where there is one.
    pub fn overlap(&self) -> Option<String> {
        let overlap = |(name, day): (&&str, &DayHours)| day.overlap().map(|spans| format!("on {name} {spans}"));
        DAYS.iter().zip(&self.days).find_map(overlap)
    }
}

impl Default for Hours {
    fn default() -> Self {
        Hours::always()
    }
}

impl DayHours {
    /// Reads the hours of one day; `Err` says what was found and what is allowed.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<DayHours, String> {
        let texts: Vec<&str> = texts.into_iter().map(str::trim).collect();
        match texts[..] {
            [CLOSED] => return Ok(DayHours::default()),
            [ALWAYS] => return Ok(DayHours::all_day()),
            [] => return Err("no hours; \"closed\" is meant".into()),
            _ => {}
        }
        let mut spans = Vec::new();
        for text in texts {
            let wrong =
                || format!("found {text:?}; the hours of a day look like \"08:00-12:00\", \"24/7\" or \"closed\"");
            spans.push(times(text).ok_or_else(wrong)?);
        }
        spans.sort();
        Ok(DayHours(spans))
    }

    fn all_day() -> DayHours {
        DayHours(vec![ALL_DAY])
    }

    pub fn spans(&self) -> &[Span] {
        &self.0
    }

    pub fn is_closed(&self) -> bool {
        self.0.is_empty()
    }

    /// Two spans that overlap, in words.
    pub fn overlap(&self) -> Option<String> {
        let pair = self.0.windows(2).find(|pair| pair[1].from < pair[0].end())?;
        Some(format!("{} and {} overlap", pair[0], pair[1]))
    }
}

impl Span {
    pub fn from(self) -> Time {
        time(self.from)
    }

    /// The time of day at which it ends, and whether that is on the next day.
    pub fn to(self) -> (Time, bool) {
        (time(self.to % MIDNIGHT), self.end() >= MIDNIGHT)
    }

    /// Minutes from the midnight before.
    fn end(self) -> u16 {
        if self.to > self.from { self.to } else { self.to + MIDNIGHT }
    }
}

/// As an admin would write it: days with the same hours together.
impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Hours::always() {
            return f.write_str(ALWAYS);
        }
        let mut told: Vec<(Vec<&str>, &DayHours)> = Vec::new();
        for (name, hours) in DAYS.iter().zip(&self.days).filter(|(_, hours)| !hours.is_closed()) {
            match told.iter_mut().find(|(_, told)| *told == hours) {
                Some((days, _)) => days.push(name),
                None => told.push((vec![name], hours)),
            }
        }
        if told.is_empty() {
            return f.write_str(CLOSED);
        }
        let each = told.iter().map(|(days, hours)| match days.len() {
            7 => hours.to_string(),
            _ => format!("{} {hours}", days.join(",")),
        });
        f.write_str(&each.collect::<Vec<_>>().join("; "))
    }
}

/// As an admin would write it.
impl fmt::Display for DayHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0[..] {
            [] => f.write_str(CLOSED),
            [ALL_DAY] => f.write_str("all day"),
            _ => {
                let spans: Vec<String> = self.0.iter().map(Span::to_string).collect();
                f.write_str(&spans.join(", "))
            }
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Span { from, to } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

fn time(minute: u16) -> Time {
    let (hour, minute) = (i8::try_from(minute / 60).unwrap_or(0), i8::try_from(minute % 60).unwrap_or(0));
    Time::new(hour, minute, 0, 0).unwrap_or(Time::midnight())
}

fn span(text: &str) -> Option<([bool; 7], Span)> {
    let (days, hours) = match text.rsplit_once(char::is_whitespace) {
        None => ([true; 7], text),
        Some((days, hours)) => (read_days(days)?, hours),
    };
    Some((days, times(hours)?))
}

fn times(text: &str) -> Option<Span> {
    let (from, to) = text.split_once('-')?;
    let (from, to) = (minute(from)?, minute(to)?);
    (from < MIDNIGHT && from != to).then_some(Span { from, to })
}

fn read_days(text: &str) -> Option<[bool; 7]> {
    let day = |name: &str| read_day(name).and_then(|day| usize::try_from(day.to_monday_zero_offset()).ok());
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        // `fri-mon` goes over the weekend.
        (0..=(last + 7 - first) % 7).for_each(|step| days[(first + step) % 7] = true);
    }
    Some(days)
}

/// `mon`, `tue` …
pub fn read_day(name: &str) -> Option<Weekday> {
    let day = DAYS.iter().position(|day| *day == name.trim().to_ascii_lowercase())?;
    Weekday::from_monday_zero_offset(i8::try_from(day).ok()?).ok()
}

fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    if hour > 24 || minute >= 60 {
        return None;
    }
    let all = hour * 60 + minute;
    (all <= MIDNIGHT).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_read_and_told_as_an_admin_would_write_them() {
        let week = |texts: &[&str], day| Hours::parse(texts.iter().copied()).unwrap().on(day).to_string();
        let table = [
            (&["mon-fri 08:00-18:00", "sat 09:00-12:00"][..], Weekday::Friday, "08:00-18:00"),
            (&["mon-fri 08:00-18:00", "sat 09:00-12:00"], Weekday::Saturday, "09:00-12:00"),
            (&["mon-fri 08:00-18:00", "sat 09:00-12:00"], Weekday::Sunday, "closed"),
            (&["fri-mon 14:00-18:00", "sun 8:00-12:00"], Weekday::Sunday, "08:00-12:00, 14:00-18:00"),
            (&["22:00-06:00"], Weekday::Tuesday, "22:00-06:00"),
            (&["24/7"], Weekday::Sunday, "all day"),
            (&["00:00-24:00"], Weekday::Sunday, "all day"),
        ];
        for (texts, day, told) in table {
            assert_eq!(week(texts, day), told, "{texts:?}");
        }
        let whole = |texts: &[&str]| Hours::parse_or_closed(texts.iter().copied()).unwrap().to_string();
        let table = [
            (&["24/7"][..], "24/7"),
            (&["closed"], "closed"),
            (&["22:00-06:00"], "22:00-06:00"),
            (&["mon-wed,sun 8:00-12:00", "tue 13:00-17:00"], "mon,wed,sun 08:00-12:00; tue 08:00-12:00, 13:00-17:00"),
        ];
        for (texts, told) in table {
            assert_eq!(whole(texts), told, "{texts:?}");
        }
        let day = |texts: &[&str]| DayHours::parse(texts.iter().copied()).unwrap().to_string();
        assert_eq!(day(&["14:00-18:00", "08:00-12:00"]), "08:00-12:00, 14:00-18:00");
        assert_eq!((day(&["closed"]), day(&["24/7"])), ("closed".into(), "all day".into()));
        assert!(Hours::parse_or_closed(["closed"]).unwrap().on(Weekday::Monday).is_closed());
    }

    #[test]
    fn hours_that_overlap_are_found_and_those_that_touch_are_not() {
        let overlap = |texts: &[&str]| Hours::parse(texts.iter().copied()).unwrap().overlap();
        assert_eq!(overlap(&["mon-fri 08:00-18:00", "fri 18:00-20:00"]), None);
        let told = "on fri 08:00-18:00 and 17:00-20:00 overlap";
        assert_eq!(overlap(&["mon-fri 08:00-18:00", "fri 17:00-20:00"]).as_deref(), Some(told));
        assert!(overlap(&["22:00-06:00", "23:00-23:30"]).is_some());
    }

    #[test]
    fn what_cannot_be_read() {
        for text in [
            "",
            "mon",
            "8-18",
            "mon-fri 08:00",
            "mon-fri 18:00-25:00",
            "xyz 08:00-09:00",
            "08:60-09:00",
            "08:00-08:00",
            "24:00-08:00",
            "9999:00-08:00",
            "closed",
        ] {
            assert!(Hours::parse([text]).is_err(), "{text:?}");
        }
        assert!(Hours::parse([]).is_err());
        for text in ["", "mon 08:00-09:00", "08:00", "shut"] {
            assert!(DayHours::parse([text]).is_err(), "{text:?}");
        }
        assert!(DayHours::parse([]).is_err());
    }
}
