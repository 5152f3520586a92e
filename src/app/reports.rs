//! `hotline records`: what is printed of the store.

use std::io::BufWriter;
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::config;
use crate::moment::Moment;
use crate::records::{Filter, Outcome, Range, ReadFault, when, write_csv, write_jsonl, write_queue_log};

#[derive(clap::Args, Debug)]
pub struct RecordsArgs {
    /// Calls that arrived at or after this time: `today`, `yesterday`, `monday`, `2026-11-24`, `2026-11-24T08:00`, `08:00`, or
    /// `2h` (ago)
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<WrittenTime>,
    /// Calls that arrived before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<WrittenTime>,
    /// The caller's number, or how it begins or ends; with or without `+86` before it
    #[arg(long, value_name = "NUMBER")]
    from: Option<String>,
    /// What they dialled, or how it begins or ends
    #[arg(long, value_name = "NUMBER")]
    to: Option<String>,
    /// Whoever had the caller, at any time in the call
    #[arg(long, value_name = "OPERATOR")]
    operator: Option<String>,
    /// A queue whose line was visited, at any time in the call
    #[arg(long, value_name = "QUEUE")]
    queue: Option<String>,
    /// E.g. `answered`
    #[arg(long, value_name = "OUTCOME", value_parser = outcome)]
    outcome: Option<Outcome>,
    /// E.g. `zh`
    #[arg(long, value_name = "LANGUAGE")]
    language: Option<String>,
    /// Somewhere in the record, in small letters or capitals
    #[arg(long)]
    text: Option<String>,
    /// One JSON object a line, a table for spreadsheets, or Asterisk's queue_log
    #[arg(long, value_enum, default_value = "jsonl")]
    format: RecordsFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum RecordsFormat {
    Jsonl,
    Csv,
    QueueLog,
    /// The same as jsonl
    Json,
}

pub fn records(data: &Path, files: &Path, args: &RecordsArgs) -> Result<(), String> {
    let zone = config::time_zone(files);
    let moment = |time: &Option<WrittenTime>| time.as_ref().map(|time| time.in_zone(&zone)).transpose();
    let (since, until) = (moment(&args.since)?, moment(&args.until)?);
    let filter = args.filter(since, until);
    if args.format == RecordsFormat::QueueLog && filter != (Filter { since, until, ..Filter::default() }) {
        return Err("the queue_log has the events of all calls: only --since and --until choose among them".into());
    }
    let out = BufWriter::new(std::io::stdout().lock());
    let written = match args.format {
        RecordsFormat::Jsonl | RecordsFormat::Json => write_jsonl(data, &filter, &zone, out),
        RecordsFormat::Csv => write_csv(data, &filter, &zone, out),
        RecordsFormat::QueueLog => write_queue_log(data, Range { since, until }, out),
    };
    match written {
        Ok(_) => Ok(()),
        // `hotline records | head` ends early on purpose.
        Err(ReadFault::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(fault) => Err(fault.to_string()),
    }
}

impl RecordsArgs {
    fn filter(&self, since: Option<Moment>, until: Option<Moment>) -> Filter {
        Filter {
            since,
            until,
            caller: self.from.clone(),
            to: self.to.clone(),
            operator: self.operator.clone(),
            queue: self.queue.clone(),
            outcome: self.outcome,
            language: self.language.clone(),
            text: self.text.clone(),
            ..Filter::default()
        }
    }
}

fn outcome(word: &str) -> Result<Outcome, String> {
    serde_json::from_value(word.into()).map_err(|_| "an outcome is meant as records have it, e.g. answered".into())
}

/// A point in time as people write it. Which one it is depends on the zone of the house, and its files are read later.
#[derive(Clone, Debug)]
pub struct WrittenTime(String);

impl WrittenTime {
    pub(super) fn in_zone(&self, zone: &TimeZone) -> Result<Moment, String> {
        let now = u64::try_from(Timestamp::now().as_microsecond()).map(Moment::from_micros).unwrap_or_default();
        when(&self.0, now, zone)
    }
}

pub(super) fn time(text: &str) -> Result<WrittenTime, String> {
    let written = WrittenTime(text.into());
    written.in_zone(&TimeZone::UTC)?;
    Ok(written)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_day_begins_when_it_does_in_the_zone_of_the_files() {
        let dir = tempfile::tempdir().unwrap();
        let day = time("2026-11-24").unwrap();
        let begins = |zone: &str| {
            // What else is wrong in the files is of no account.
            let text = format!("[house]\ntime_zone = \"{zone}\"\n[nonsense]\n");
            std::fs::write(dir.path().join("hotline.toml"), text).unwrap();
            day.in_zone(&config::time_zone(dir.path())).unwrap()
        };
        let (beijing, london) = (begins("Asia/Shanghai"), begins("Europe/London"));
        assert_eq!(london, Moment::from_micros(1_795_478_400_000_000));
        assert_eq!(london.since(beijing), Duration::from_secs(8 * 3600));
        let nowhere = config::time_zone(&dir.path().join("nowhere"));
        assert_eq!(day.in_zone(&nowhere), day.in_zone(&TimeZone::system()));
        assert!(time("yesteryear").is_err());
    }
}
