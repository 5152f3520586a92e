//! Points in time as people write them, on the command line and in the API.

use jiff::civil::{DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ZonedDateTime};

use crate::moment::Moment;

/// How a time may look, for whoever wrote another.
const LOOKS_LIKE: &str = "a time looks like now, today, yesterday, monday, 2026-11-24, 2026-11-24T08:00, 08:00, \
                              2h or 3d (ago), or 2026-11-24T08:00:00+08:00";

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

/// A time; a day is its beginning, a weekday the last one that began. What says no zone is meant in `zone`.
pub fn when(text: &str, now: Moment, zone: &TimeZone) -> Result<Moment, String> {
    let wrong = || format!("found {text:?}; {LOOKS_LIKE}");
    let now = i64::try_from(now.as_micros()).ok().and_then(|at| Timestamp::from_microsecond(at).ok());
    let now = now.ok_or_else(wrong)?.to_zoned_datetime(zone.clone());
    let at = read(&text.trim().to_ascii_lowercase(), &now).ok_or_else(wrong)?;
    u64::try_from(at.as_microsecond()).map(Moment::from_micros).map_err(|_| "that was before 1970".into())
}

fn read(text: &str, now: &ZonedDateTime) -> Option<Timestamp> {
    let local = |at: DateTime| Some(at.to_zoned_datetime(now.time_zone().clone()).ok()?.timestamp());
    let today = now.date();
    match text {
        "now" => return Some(now.timestamp()),
        "today" => return local(today.into()),
        "yesterday" => return local(today.yesterday().ok()?.into()),
        _ => {}
    }
    let day = |(name, day): &(&str, Weekday)| (*name == text || name.get(..3) == Some(text)).then_some(*day);
    if let Some(day) = WEEKDAYS.iter().find_map(day) {
        let date = if day == today.weekday() { today } else { today.nth_weekday(-1, day).ok()? };
        return local(date.into());
    }
    if let Ok(at) = text.to_ascii_uppercase().parse::<Timestamp>() {
        return Some(at);
    }
    // A date with a time is no date alone, whatever comes behind it.
    if let Ok(at) = text.parse::<DateTime>() {
        return local(at);
    }
    if let Some(time) = text.contains(':').then(|| text.parse::<Time>().ok()).flatten() {
        return local(today.to_datetime(time));
    }
    let ago = text.parse::<Span>().ok()?.abs();
    Some(now.checked_sub(ago).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_write_times_in_many_ways() {
        let beijing = TimeZone::fixed(jiff::tz::offset(8));
        let at = |text: &str| text.parse::<Timestamp>().ok().map(|at| at.as_millisecond());
        // A Thursday.
        let now = Moment::from_micros(at("2026-11-26T18:30:00+08:00").unwrap() as u64 * 1000);
        for (text, found) in [
            ("now", "2026-11-26T18:30:00+08:00"),
            ("today", "2026-11-26T00:00:00+08:00"),
            ("Today", "2026-11-26T00:00:00+08:00"),
            ("yesterday", "2026-11-25T00:00:00+08:00"),
            ("monday", "2026-11-23T00:00:00+08:00"),
            ("thu", "2026-11-26T00:00:00+08:00"),
            ("friday", "2026-11-20T00:00:00+08:00"),
            ("2026-11-24", "2026-11-24T00:00:00+08:00"),
            ("2026-11-24T08:00", "2026-11-24T08:00:00+08:00"),
            ("2026-11-24 08:00", "2026-11-24T08:00:00+08:00"),
            ("2026-11-24T08:00:00+01:00", "2026-11-24T08:00:00+01:00"),
            ("2026-11-25T16:00:00.000Z", "2026-11-26T00:00:00+08:00"),
            ("08:00", "2026-11-26T08:00:00+08:00"),
            ("2h", "2026-11-26T16:30:00+08:00"),
            ("90m", "2026-11-26T17:00:00+08:00"),
            ("3d", "2026-11-23T18:30:00+08:00"),
            ("1 week ago", "2026-11-19T18:30:00+08:00"),
        ] {
            let read = when(text, now, &beijing).map(|at| at.as_millis() as i64);
            assert_eq!(read.ok(), at(found), "{text}");
        }
        for text in ["", "x", "tomorrow", "2026-13-01", "1969-01-01", "99999999h", "25:00", "12", "mond"] {
            assert!(when(text, now, &beijing).is_err(), "{text}");
        }
        assert!(when("gestern", now, &beijing).unwrap_err().contains("yesterday"));
    }
}
