//! When a queue is open: `24/7`, `mon-fri 08:00-18:00`, `sat,sun 22:00-06:00`.

use jiff::ZonedDateTime;
use jiff::civil::{Date, Time};

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const MIDNIGHT: u16 = 24 * 60;
/// The same hours come again after a week.
const LOOK_AHEAD: i32 = 8;

#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Hours {
    /// Empty: always open.
    spans: Vec<Span>,
}

/// On these days from `from` on, until `to`; if `to` is not later it is on the next day. Minutes of the day.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Span {
    days: [bool; 7],
    from: u16,
    to: u16,
}

impl Hours {
    /// Reads opening hours; `Err` says what was found and what is allowed.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Hours, String> {
        let mut spans = Vec::new();
        for text in texts {
            if text.trim() == "24/7" {
                return Ok(Hours::default());
            }
            let wrong = || {
                format!("found {text:?}; hours look like \"24/7\", \"mon-fri 08:00-18:00\" or \"sat,sun 22:00-06:00\"")
            };
            spans.push(span(text.trim()).ok_or_else(wrong)?);
        }
        if spans.is_empty() {
            Err("no hours: the queue would never open; \"24/7\" is always".into())
        } else {
            Ok(Hours { spans })
        }
    }

    pub fn is_open(&self, at: &ZonedDateTime) -> bool {
        if self.spans.is_empty() {
            return true;
        }
        let time = at.time();
        let minute = u16::try_from(i32::from(time.hour()) * 60 + i32::from(time.minute())).unwrap_or(0);
        let today = weekday(at.date());
        let yesterday = (today + 6) % 7;
        self.spans.iter().any(|span| {
            if span.from < span.to {
                span.days[today] && (span.from..span.to).contains(&minute)
            } else {
                span.days[today] && minute >= span.from || span.days[yesterday] && minute < span.to
            }
        })
    }

    /// The next moment at which [`Hours::is_open`] changes; `None` if it never does.
    pub fn next_change(&self, now: &ZonedDateTime) -> Option<ZonedDateTime> {
        let open = self.is_open(now);
        let mut changes: Vec<ZonedDateTime> = Vec::new();
        let mut date = now.date();
        for _ in 0..=LOOK_AHEAD {
            for minute in self.spans.iter().flat_map(|span| [span.from, span.to % MIDNIGHT]) {
                let time = Time::new((minute / 60) as i8, (minute % 60) as i8, 0, 0).ok();
                let at = time.and_then(|time| date.to_datetime(time).to_zoned_datetime(now.time_zone().clone()).ok());
                changes.extend(at.filter(|at| at > now));
            }
            date = date.tomorrow().ok()?;
        }
        changes.sort();
        changes.into_iter().find(|at| self.is_open(at) != open)
    }
}

fn weekday(date: Date) -> usize {
    usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or(0)
}

fn span(text: &str) -> Option<Span> {
    let (days, hours) = match text.rsplit_once(char::is_whitespace) {
        None => ([true; 7], text),
        Some((days, hours)) => (read_days(days)?, hours),
    };
    let (from, to) = hours.split_once('-')?;
    let (from, to) = (minute(from)?, minute(to)?);
    (from < MIDNIGHT && from != to).then_some(Span { days, from, to })
}

fn read_days(text: &str) -> Option<[bool; 7]> {
    let day = |name: &str| DAYS.iter().position(|day| *day == name.trim().to_ascii_lowercase());
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        // `fri-mon` goes over the weekend.
        (0..=(last + 7 - first) % 7).for_each(|step| days[(first + step) % 7] = true);
    }
    Some(days)
}

fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    let all = hour * 60 + minute;
    (hour <= 24 && minute < 60 && all <= MIDNIGHT).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> ZonedDateTime {
        text.parse().unwrap()
    }

    #[test]
    fn open_and_closed() {
        let office = Hours::parse(["mon-fri 08:00-18:00", "sat 09:00-12:00"]).unwrap();
        let night = Hours::parse(["fri-sun 22:00-06:00"]).unwrap();
        let table = [
            (&office, "2026-11-23T07:59:59+08:00[Asia/Shanghai]", false),
            (&office, "2026-11-23T08:00:00+08:00[Asia/Shanghai]", true),
            (&office, "2026-11-23T17:59:59+08:00[Asia/Shanghai]", true),
            (&office, "2026-11-23T18:00:00+08:00[Asia/Shanghai]", false),
            (&office, "2026-11-28T10:00:00+08:00[Asia/Shanghai]", true),
            (&office, "2026-11-29T10:00:00+08:00[Asia/Shanghai]", false),
            (&night, "2026-11-27T21:59:00+08:00[Asia/Shanghai]", false),
            (&night, "2026-11-27T23:00:00+08:00[Asia/Shanghai]", true),
            (&night, "2026-11-30T05:59:00+08:00[Asia/Shanghai]", true),
            (&night, "2026-11-30T06:00:00+08:00[Asia/Shanghai]", false),
        ];
        for (hours, now, open) in table {
            assert_eq!(hours.is_open(&at(now)), open, "{now}");
        }
        assert!(Hours::parse(["24/7"]).unwrap().is_open(&at("2026-11-29T03:00:00+08:00[Asia/Shanghai]")));
        assert!(Hours::parse(["00:00-24:00"]).unwrap().is_open(&at("2026-11-29T23:59:59+08:00[Asia/Shanghai]")));
    }

    #[test]
    fn the_next_change() {
        let office = Hours::parse(["mon-fri 08:00-18:00", "fri 18:00-20:00"]).unwrap();
        let table = [
            ("2026-11-23T07:00:00+08:00[Asia/Shanghai]", Some("2026-11-23T08:00:00+08:00[Asia/Shanghai]")),
            ("2026-11-23T08:00:00+08:00[Asia/Shanghai]", Some("2026-11-23T18:00:00+08:00[Asia/Shanghai]")),
            // Hours that touch are one: nothing changes at 18:00.
            ("2026-11-27T12:00:00+08:00[Asia/Shanghai]", Some("2026-11-27T20:00:00+08:00[Asia/Shanghai]")),
            ("2026-11-27T20:00:00+08:00[Asia/Shanghai]", Some("2026-11-30T08:00:00+08:00[Asia/Shanghai]")),
        ];
        for (now, next) in table {
            assert_eq!(office.next_change(&at(now)), next.map(at), "{now}");
        }
        assert_eq!(Hours::default().next_change(&at("2026-11-23T07:00:00+08:00[Asia/Shanghai]")), None);
        // The night when the clocks go forward: 02:30 does not exist, the queue opens at 03:30.
        let spring = Hours::parse(["02:30-05:00"]).unwrap();
        let opens = spring.next_change(&at("2026-03-29T01:00:00+01:00[Europe/Berlin]")).unwrap();
        assert!(spring.is_open(&opens) && opens < at("2026-03-29T04:00:00+02:00[Europe/Berlin]"), "{opens}");
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
        ] {
            assert!(Hours::parse([text]).is_err(), "{text:?}");
        }
        assert!(Hours::parse([]).is_err());
    }
}
