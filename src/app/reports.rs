//! `hotline records`: what is printed of the store.

use std::io::BufWriter;
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::moment::Moment;
use crate::records::{Filter, Range, ReadFault, when, write_csv, write_jsonl, write_queue_log};

#[derive(clap::Args, Debug)]
pub struct RecordsArgs {
    /// Calls that arrived at or after this time: `today`, `yesterday`, `monday`, `2026-11-24`, `2026-11-24T08:00`, `08:00`, or
    /// `2h` (ago)
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Moment>,
    /// Calls that arrived before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Moment>,
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

pub fn records(data: &Path, args: &RecordsArgs) -> Result<(), String> {
    let filter = Filter { since: args.since, until: args.until, ..Filter::default() };
    let zone = TimeZone::system();
    let out = BufWriter::new(std::io::stdout().lock());
    let written = match args.format {
        RecordsFormat::Jsonl | RecordsFormat::Json => write_jsonl(data, &filter, &zone, out),
        RecordsFormat::Csv => write_csv(data, &filter, &zone, out),
        RecordsFormat::QueueLog => write_queue_log(data, Range { since: args.since, until: args.until }, out),
    };
    match written {
        Ok(_) => Ok(()),
        // `hotline records | head` ends early on purpose.
        Err(ReadFault::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(fault) => Err(fault.to_string()),
    }
}

/// A point in time as people write it, in the local zone.
pub(super) fn time(text: &str) -> Result<Moment, String> {
    let now = u64::try_from(Timestamp::now().as_microsecond()).map(Moment::from_micros).unwrap_or_default();
    when(text, now, &TimeZone::system())
}
