//! Weeks, calendars, midnights, the days on which the clocks change.

use super::*;

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

fn at(schedule: &Schedule, text: &str) -> Timestamp {
    let civil: jiff::civil::DateTime = text.parse().unwrap();
    civil.to_zoned_datetime(schedule.zone.clone()).unwrap().timestamp()
}

fn plain(hours: &[&str], name: &str) -> Schedule {
    Schedule::of_hours(hours, zone(name)).unwrap()
}

/// 2026 in China, as far as it is needed.
fn china() -> Arc<Calendar> {
    let mut calendar = Calendar::default();
    let days = |from: &str, to: &str| dates(from.parse().unwrap(), to.parse().unwrap(), 366).unwrap();
    for (from, to, name) in [("2026-02-15", "2026-02-23", "春节"), ("2026-10-01", "2026-10-07", "国庆节")] {
        calendar.holidays.extend(days(from, to).into_iter().map(|date| (date, name.to_string())));
    }
    for (date, like) in [("2026-02-14", Weekday::Friday), ("2026-10-10", Weekday::Monday)] {
        calendar.make_up.insert(date.parse().unwrap(), MakeUp { like, name: String::new() });
    }
    Arc::new(calendar)
}

fn office() -> Schedule {
    let mut office = plain(&["mon-thu 08:00-18:00", "fri 08:00-16:00"], "Asia/Shanghai");
    office.calendar = Some(china());
    let eve = Special { hours: DayHours::parse(["08:00-12:00"]).unwrap(), name: "除夕前".into() };
    office.special.insert("2026-09-30".parse().unwrap(), eve);
    office
}

fn night() -> Schedule {
    let mut night = plain(&["mon-fri 22:00-06:00"], "Asia/Shanghai");
    night.calendar = Some(china());
    night
}

#[test]
fn open_and_closed() {
    let week = plain(&["mon-fri 08:00-18:00", "sat 09:00-12:00"], "Asia/Shanghai");
    let weekend_nights = plain(&["fri-sun 22:00-06:00"], "Asia/Shanghai");
    let table = [
        (&week, "2026-11-23T07:59:59", false),
        (&week, "2026-11-23T08:00:00", true),
        (&week, "2026-11-23T17:59:59", true),
        (&week, "2026-11-23T18:00:00", false),
        (&week, "2026-11-28T10:00:00", true),
        (&week, "2026-11-29T10:00:00", false),
        (&weekend_nights, "2026-11-27T21:59:00", false),
        (&weekend_nights, "2026-11-27T23:00:00", true),
        (&weekend_nights, "2026-11-30T05:59:00", true),
        (&weekend_nights, "2026-11-30T06:00:00", false),
        (&plain(&["24/7"], "Asia/Shanghai"), "2026-11-29T03:00:00", true),
        (&plain(&["00:00-24:00"], "Asia/Shanghai"), "2026-11-29T23:59:59", true),
        // A holiday, also where it is a working weekday.
        (&office(), "2026-10-01T10:00:00", false),
        (&office(), "2026-10-07T10:00:00", false),
        (&office(), "2026-10-08T10:00:00", true),
        // Make-up Saturdays: one worked like a Friday, one like a Monday; another Saturday is free.
        (&office(), "2026-02-14T15:59:00", true),
        (&office(), "2026-02-14T16:00:00", false),
        (&office(), "2026-10-10T17:59:00", true),
        (&office(), "2026-10-17T10:00:00", false),
        // A day of its own goes before everything.
        (&office(), "2026-09-30T11:59:00", true),
        (&office(), "2026-09-30T12:00:00", false),
        // What began before the holiday goes on into it; on the holiday nothing begins.
        (&night(), "2026-10-01T05:59:00", true),
        (&night(), "2026-10-01T06:00:00", false),
        (&night(), "2026-10-01T23:00:00", false),
        (&night(), "2026-10-02T03:00:00", false),
        // After the holiday its last night is not made up for.
        (&night(), "2026-10-08T03:00:00", false),
        (&night(), "2026-10-08T22:00:00", true),
        // The leap day is a day like any other.
        (&week, "2028-02-29T10:00:00", true),
    ];
    for (schedule, now, open) in table {
        assert_eq!(schedule.is_open(at(schedule, now)), open, "{now}");
    }
}

#[test]
fn the_next_change() {
    let week = plain(&["mon-fri 08:00-18:00", "fri 18:00-20:00"], "Asia/Shanghai");
    let around = plain(&["mon-fri 00:00-24:00"], "Asia/Shanghai");
    let mut closed_on_holidays = plain(&["24/7"], "Asia/Shanghai");
    closed_on_holidays.calendar = Some(china());
    let leap = plain(&["22:00-06:00"], "Asia/Shanghai");
    let table = [
        (&week, "2026-11-23T07:00:00", Some("2026-11-23T08:00:00")),
        (&week, "2026-11-23T08:00:00", Some("2026-11-23T18:00:00")),
        // Hours that touch are one: nothing changes at 18:00, nor at midnight.
        (&week, "2026-11-27T12:00:00", Some("2026-11-27T20:00:00")),
        (&week, "2026-11-27T20:00:00", Some("2026-11-30T08:00:00")),
        (&around, "2026-11-23T12:00:00", Some("2026-11-28T00:00:00")),
        // From before the holidays to after them, over the special day and the weekend.
        (&office(), "2026-09-30T12:00:00", Some("2026-10-08T08:00:00")),
        (&office(), "2026-10-09T17:00:00", Some("2026-10-10T08:00:00")),
        (&night(), "2026-09-30T23:00:00", Some("2026-10-01T06:00:00")),
        (&closed_on_holidays, "2026-03-01T00:00:00", Some("2026-10-01T00:00:00")),
        (&closed_on_holidays, "2026-10-01T00:00:00", Some("2026-10-08T00:00:00")),
        (&closed_on_holidays, "2026-10-08T00:00:00", None),
        (&leap, "2028-02-28T23:00:00", Some("2028-02-29T06:00:00")),
        (&leap, "2028-02-29T23:00:00", Some("2028-03-01T06:00:00")),
        (&plain(&["24/7"], "Asia/Shanghai"), "2026-11-23T07:00:00", None),
    ];
    for (schedule, now, next) in table {
        let told =
            schedule.next_change(at(schedule, now)).map(|at| at.to_zoned_datetime(schedule.zone.clone()).datetime());
        assert_eq!(told, next.map(|next| next.parse().unwrap()), "{now}");
    }
    assert!(closed_on_holidays.depends_on_calendar());
    closed_on_holidays.holidays = DayHours::parse(["24/7"]).unwrap();
    assert!(!closed_on_holidays.depends_on_calendar());
}

/// In Berlin 02:00 to 03:00 does not exist on 2026-03-29, and is there twice on 2026-10-25.
#[test]
fn the_days_on_which_the_clocks_change() {
    let berlin = |hours: &[&str]| plain(hours, "Europe/Berlin");
    let table = [
        // Opens at a time that does not exist: as much later.
        (berlin(&["02:30-05:00"]), "2026-03-29T01:00:00+01:00", "2026-03-29T03:30:00+02:00"),
        // Closes at one.
        (berlin(&["22:00-02:30"]), "2026-03-29T01:00:00+01:00", "2026-03-29T03:30:00+02:00"),
        // The night is an hour shorter, and an hour longer.
        (berlin(&["22:00-06:00"]), "2026-03-28T22:00:00+01:00", "2026-03-29T06:00:00+02:00"),
        (berlin(&["22:00-06:00"]), "2026-10-24T22:00:00+02:00", "2026-10-25T06:00:00+01:00"),
        // Of two times the first: it closes once, and does not open again an hour later.
        (berlin(&["22:00-02:30"]), "2026-10-25T01:00:00+02:00", "2026-10-25T02:30:00+02:00"),
        (berlin(&["22:00-02:30"]), "2026-10-25T02:30:00+02:00", "2026-10-25T22:00:00+01:00"),
        (berlin(&["02:30-05:00"]), "2026-10-25T01:00:00+02:00", "2026-10-25T02:30:00+02:00"),
    ];
    for (schedule, now, next) in table {
        let next: Timestamp = next.parse().unwrap();
        assert_eq!(schedule.next_change(now.parse().unwrap()), Some(next), "{now}");
        let just_before = next.checked_sub(1.second()).unwrap();
        assert_ne!(schedule.is_open(next), schedule.is_open(just_before), "{now}");
    }
}

/// Minute by minute over half a year: the next change is the next minute at which the answer differs.
#[test]
fn the_next_change_is_where_the_answer_differs() {
    for schedule in [office(), night(), plain(&["sat-sun 22:00-03:00", "02:15-02:45"], "Europe/Berlin")] {
        let mut now = at(&schedule, "2026-08-20T00:00:00");
        let end = at(&schedule, "2026-11-20T00:00:00");
        while now < end {
            let next = schedule.next_change(now).unwrap();
            let open = schedule.is_open(now);
            let mut minute = now;
            while minute < next {
                assert_eq!(schedule.is_open(minute), open, "{minute}");
                minute = minute.checked_add(15.minutes()).unwrap();
            }
            assert_ne!(schedule.is_open(next), open, "{next}");
            now = next;
        }
    }
}

#[test]
fn why_it_is_open_or_closed() {
    let night = night();
    let standing = night.standing(at(&night, "2026-10-01T03:00:00"));
    assert!(standing.open);
    assert_eq!((standing.day.date, standing.today), ("2026-09-30".parse().unwrap(), "2026-10-01".parse().unwrap()));
    assert_eq!(standing.until, Some(at(&night, "2026-10-01T06:00:00")));
    let standing = night.standing(at(&night, "2026-10-01T10:00:00"));
    assert_eq!((standing.open, standing.day.kind), (false, Kind::Holiday("国庆节")));
}
