//! `hotline statistics` and `hotline replay`: the engine's log, counted and checked.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::json;

use super::control;
use super::replaying::{Closed, Comparison, Replay};
use super::reports::WrittenTime;
use super::surveys::{Answers, Surveys};
use crate::config;
use crate::moment::Moment;
use crate::queue::Statistics;
use crate::queue::statistics::{Contacts, INTERVAL, Of, Presence, ServiceLevel};
use crate::records::Range;

#[derive(clap::Args, Debug)]
pub struct StatisticsArgs {
    /// From when on: `today`, `monday`, `2026-11-24`, `2026-11-24T08:00`, or `2h` (ago), and from the beginning of the
    /// quarter of an hour in which that is; the log goes back eight days
    #[arg(long, value_name = "TIME", value_parser = super::reports::time, default_value = "today")]
    since: WrittenTime,
    /// Until when
    #[arg(long, value_name = "TIME", value_parser = super::reports::time)]
    until: Option<WrittenTime>,
    /// Whose figures
    #[arg(long, value_enum, default_value = "queue")]
    by: By,
    /// One line for the whole time, for each day, or for each quarter of an hour
    #[arg(long, value_enum, default_value = "whole")]
    every: Every,
    /// For people, or one JSON object a line
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum By {
    House,
    Queue,
    Skill,
    Operator,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Every {
    Whole,
    Day,
    #[value(name = "15m")]
    Quarter,
}

/// The figures of one name and one time.
#[derive(Serialize)]
struct Row {
    of: String,
    from: String,
    until: String,
    service_level: serde_json::Value,
    asa_ms: Option<u128>,
    aht_ms: Option<u128>,
    abandonment: Option<f64>,
    rona_rate: Option<f64>,
    occupancy: Option<f64>,
    foreseen_error_ms: Option<u128>,
    conserved: bool,
    survey: Answers,
    contacts: Contacts,
    presence: Presence,
}

pub fn statistics(data: &Path, files: &Path, args: &StatisticsArgs) -> Result<Vec<String>, String> {
    let zone = config::time_zone(files);
    let since = args.since.in_zone(&zone)?;
    let end = args.until.as_ref().map(|until| until.in_zone(&zone)).transpose()?;
    let counted = count(data, since, end.unwrap_or(Moment::from_micros(u64::MAX)))?;
    let range = Range { since: Some(since), until: end };
    let surveys = Surveys::read(data, files, range).map_err(|e| e.to_string())?;
    let until = end.unwrap_or(counted.until).max(since);
    let chosen = |of: &&Of| match args.by {
        By::House => matches!(of, Of::House),
        By::Queue => matches!(of, Of::House | Of::Queue(_)),
        By::Skill => matches!(of, Of::Skill(_)),
        By::Operator => matches!(of, Of::Operator(_)),
    };
    let mut rows = Vec::new();
    for of in counted.statistics.all().iter().filter(chosen) {
        let mut from = Statistics::interval(since);
        while from < until {
            let to = match args.every {
                Every::Whole => until + INTERVAL,
                Every::Day => next_midnight(from, &zone),
                Every::Quarter => from + INTERVAL,
            };
            let row = row(&counted.statistics, of, from, to, until, &zone);
            rows.extend(row.map(|row| Row { survey: surveys.answers(of, from.max(since), to), ..row }));
            from = to;
        }
    }
    let lines = match args.format {
        Format::Json => rows.iter().filter_map(|row| serde_json::to_string(row).ok()).collect(),
        Format::Text => {
            let begins = Statistics::interval(since);
            let earlier = format!("counted from {}, where a quarter of an hour begins", local(begins, &zone));
            let earlier = (begins < since && !rows.is_empty()).then_some(earlier);
            let cut = counted.closed.and_then(|closed| cut_off(&closed, &zone)).filter(|_| !rows.is_empty());
            text(&rows, args.by).into_iter().chain(earlier).chain(cut).collect()
        }
    };
    Ok(lines)
}

/// Of a house that is not open: whom its end cut off, who are counted as they will be when it opens again.
fn cut_off(Closed { alive_at, waited, talked }: &Closed, zone: &TimeZone) -> Option<String> {
    let since = local(*alive_at, zone);
    let told =
        || format!("the hotline is not open since {since}: {waited} who waited and {talked} who talked were cut off");
    (waited + talked > 0).then(told)
}

/// Days are as long as they are: 23 or 25 hours where clocks are changed.
fn next_midnight(at: Moment, zone: &TimeZone) -> Moment {
    let micros = i64::try_from(at.as_micros()).unwrap_or(i64::MAX);
    let here = Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX).to_zoned_datetime(zone.clone());
    let next = here.date().tomorrow().ok().and_then(|day| day.to_zoned_datetime(zone.clone()).ok());
    let next = next.and_then(|next| u64::try_from(next.timestamp().as_microsecond()).ok());
    next.map_or(at + INTERVAL * 96, Moment::from_micros)
}

struct Counted {
    statistics: Statistics,
    until: Moment,
    /// `None`: the house is open.
    closed: Option<Closed>,
}

fn count(data: &Path, since: Moment, until: Moment) -> Result<Counted, String> {
    // Who may not ask it counts until it last said so.
    let is_closed = matches!(control::ask(data, &control::Request::Beat), Ok(None));
    let mut replay = Replay::open(data, since).map_err(|e| e.to_string())?;
    let mut statistics = Statistics::new();
    let until = until.min(replay.alive_at().map_err(|e| e.to_string())?);
    let closed = match is_closed {
        false => replay.count(&mut statistics, until).map(|()| None),
        true => replay.count_to_the_end(&mut statistics, until).map(Some),
    };
    let closed = closed.map_err(|e| e.to_string())?;
    let last = replay.engine.now().max(until);
    statistics.count_until(last);
    Ok(Counted { statistics, until: last + Duration::from_micros(1), closed })
}

fn row(all: &Statistics, of: &Of, from: Moment, to: Moment, until: Moment, zone: &TimeZone) -> Option<Row> {
    let mut contacts = Contacts::default();
    all.contacts(of, from, to).for_each(|(_, figures)| contacts += figures);
    let mut presence = Presence::default();
    all.presence(of, from, to).for_each(|(_, figures)| presence += figures);
    if contacts == Contacts::default() && presence == Presence::default() {
        return None;
    }
    let of = match of {
        Of::House => "all".to_string(),
        Of::Queue(queue) => queue.to_string(),
        Of::Skill(skill) => skill.to_string(),
        Of::Operator(operator) => operator.to_string(),
    };
    let levels = ServiceLevel::ALL.iter().filter_map(|form| {
        let name = serde_json::to_value(form).ok()?;
        Some((name.as_str()?.to_string(), json!(contacts.service_level(*form))))
    });
    let millis = |time: Option<Duration>| time.map(|time| time.as_millis());
    Some(Row {
        of,
        from: local(from, zone),
        until: local(to.min(until), zone),
        service_level: levels.collect::<serde_json::Map<_, _>>().into(),
        asa_ms: millis(contacts.asa()),
        aht_ms: millis(contacts.aht()),
        abandonment: contacts.abandonment(),
        rona_rate: contacts.rona_rate(),
        occupancy: presence.occupancy(),
        foreseen_error_ms: millis(contacts.foreseen_error()),
        conserved: contacts.conserves(),
        survey: Answers::default(),
        contacts,
        presence,
    })
}

fn text(rows: &[Row], by: By) -> Vec<String> {
    if rows.is_empty() {
        return vec!["nothing happened in this time".into()];
    }
    let percent = |share: Option<f64>| share.map_or("-".into(), |share| format!("{:.1} %", share * 100.0));
    let seconds = |ms: Option<u128>| ms.map_or("-".into(), |ms| format!("{:.1} s", ms as f64 / 1000.0));
    let head =
        ["", "from", "offered", "answered", "in time", "abandoned", "service level", "ASA", "AHT", "occupancy", "RONA"];
    // Only where callers are asked.
    let asked = rows.iter().any(|row| row.survey.answered > 0);
    // Only where there were some: whom a supervisor moved, and whom a restart cut off.
    type Rare = (&'static str, fn(&Contacts) -> u64);
    let rare: [Rare; 2] = [("moved", |of| of.moved), ("restarted", |of| of.restarted)];
    let rare: Vec<Rare> =
        rare.into_iter().filter(|(_, count)| rows.iter().any(|row| count(&row.contacts) > 0)).collect();
    let mut table = vec![head.map(String::from).to_vec()];
    // What an operator's time went to: sums.
    let of_operators = by == By::Operator;
    table[0].extend(["handled", "talk", "hold", "wrap-up"].iter().filter(|_| of_operators).map(ToString::to_string));
    table[0].extend(rare.iter().map(|(name, _)| name.to_string()));
    table[0].extend(["surveys", "satisfied"].iter().filter(|_| asked).map(ToString::to_string));
    for row in rows {
        let survey = [row.survey.answered.to_string(), percent(row.survey.satisfied_share())];
        let mut cells = vec![
            row.of.clone(),
            row.from.clone(),
            row.contacts.offered.to_string(),
            row.contacts.answered.to_string(),
            row.contacts.answered_within.to_string(),
            row.contacts.abandoned.to_string(),
            percent(row.contacts.service_level(ServiceLevel::Strict)),
            seconds(row.asa_ms),
            seconds(row.aht_ms),
            percent(row.occupancy),
            percent(row.rona_rate),
        ];
        let sum = |time: Duration| seconds(Some(time.as_millis()));
        let Contacts { handled, talk, hold, wrap_up, .. } = &row.contacts;
        let spent = [handled.to_string(), sum(*talk), sum(*hold), sum(*wrap_up)];
        cells.extend(spent.into_iter().filter(|_| of_operators));
        cells.extend(rare.iter().map(|(_, count)| count(&row.contacts).to_string()));
        cells.extend(survey.into_iter().filter(|_| asked));
        table.push(cells);
    }
    let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..table[0].len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
            0 | 1 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_string()
    };
    let mut lines: Vec<String> = table.iter().map(line).collect();
    lines.push(format!("service level: {}", ServiceLevel::Strict.formula()));
    lines.extend(ledger(rows));
    lines
}

/// Why the aim was missed: each miss has one cause, and the causes sum to the gap.
fn ledger(rows: &[Row]) -> Vec<String> {
    let mut all = Contacts::default();
    let named: Vec<&Row> = rows.iter().filter(|row| row.of == "all").collect();
    let of = if named.is_empty() { rows.iter().collect() } else { named };
    of.iter().for_each(|row| all += &row.contacts);
    let (missed, causes) = all.ledger();
    let mut lines = Vec::new();
    if missed > 0 {
        let times = if missed == 1 { "once".to_string() } else { format!("{missed} times") };
        lines.push(format!("the aim was missed {times}:"));
        let mut sorted: Vec<_> = causes.iter().filter(|(_, count)| **count > 0).collect();
        sorted.sort_by_key(|(cause, count)| (std::cmp::Reverse(**count), **cause));
        for (cause, count) in sorted {
            let name = serde_json::to_value(cause).unwrap_or_default();
            lines.push(format!("  {count:>6}  {}", name.as_str().unwrap_or_default().replace('_', " ")));
        }
    }
    if all.undecided > 0 {
        lines.push(format!("{} still wait, and count in no share before their time is up", all.undecided));
    }
    if all.passed > 0 {
        let unexplained = all.passed_unexplained;
        lines.push(format!("passed over with a reason: {}, without one: {unexplained}", all.passed - unexplained));
    }
    lines
}

fn local(at: Moment, zone: &TimeZone) -> String {
    let micros = i64::try_from(at.as_micros()).unwrap_or(i64::MAX);
    let at = Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX).to_zoned_datetime(zone.clone());
    at.strftime("%Y-%m-%dT%H:%M").to_string()
}

/// Plays the log again; `Ok(false)`: a decision differs, and was told.
pub fn replay(data: &Path, files: &Path, since: Option<WrittenTime>, format: Format) -> Result<(bool, String), String> {
    let since = since.map(|since| since.in_zone(&config::time_zone(files))).transpose()?;
    let replay = Replay::open(data, since.unwrap_or_default()).map_err(|e| e.to_string())?;
    let first = replay.seq;
    let Comparison { inputs, decisions, difference } = replay.compare().map_err(|e| e.to_string())?;
    let alike = difference.is_none();
    let told = match (format, difference) {
        (Format::Json, difference) => {
            let difference = difference.map(|d| json!({"seq": d.seq, "logged": d.logged, "replayed": d.replayed}));
            json!({"after": first, "inputs": inputs, "decisions": decisions, "difference": difference}).to_string()
        }
        (Format::Text, None) => {
            format!(
                "{inputs} inputs after number {first}: all {decisions} logged decisions were made again, byte for byte"
            )
        }
        (Format::Text, Some(d)) => format!(
            "after {decisions} decisions that are alike the one after input {} differs:\n  logged    {}\n  replayed  {}\n\
             A log that another version of the program wrote may differ so where it decided otherwise, as by waits that it \
             foresaw; one that this version wrote does not.",
            d.seq,
            d.logged.unwrap_or("nothing".into()),
            d.replayed.unwrap_or("nothing".into())
        ),
    };
    Ok((alike, told))
}
