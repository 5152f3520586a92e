//! `hotline check` and `hotline records`: what is printed of files and store.

use std::io::BufWriter;
use std::path::Path;
use std::process::ExitCode;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ZonedDateTime};

use super::say::say;
use crate::config::{self, Fault};
use crate::media::prompts::PromptBank;
use crate::moment::Moment;
use crate::records::{Range, ReadFault, write_csv, write_jsonl, write_queue_log};

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum CheckFormat {
    Text,
    Json,
}

#[derive(clap::Args, Debug)]
pub struct RecordsArgs {
    /// Calls that arrived at or after this time: `today`, `2026-11-24`, `2026-11-24T08:00`, or `2h` (ago)
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

pub fn check(config_dir: &Path, format: CheckFormat) -> ExitCode {
    let (faults, warnings) = match config::load(config_dir) {
        Ok((house, warnings)) => match PromptBank::load(&house.media.prompts) {
            Ok(_) => (Vec::new(), warnings),
            Err(faults) => {
                for fault in &faults {
                    say(format, &fault.to_string(), None);
                }
                return ExitCode::FAILURE;
            }
        },
        Err(faults) => (faults, Vec::new()),
    };
    for fault in faults.iter().chain(&warnings) {
        say(format, &fault.to_string(), Some(fault));
    }
    if !faults.is_empty() {
        return ExitCode::FAILURE;
    }
    if format == CheckFormat::Text {
        say!("{}: no faults, {} warnings", config_dir.display(), warnings.len());
    }
    ExitCode::SUCCESS
}

fn say(format: CheckFormat, text: &str, fault: Option<&Fault>) {
    match (format, fault) {
        (CheckFormat::Text, _) => say!("{text}"),
        (CheckFormat::Json, Some(fault)) => say!("{}", serde_json::json!(fault)),
        (CheckFormat::Json, None) => say!("{}", serde_json::json!({ "severity": "fault", "what": text })),
    }
}

pub fn records(data: &Path, args: &RecordsArgs) -> Result<(), String> {
    let range = Range { since: args.since, until: args.until };
    let zone = TimeZone::system();
    let out = BufWriter::new(std::io::stdout().lock());
    let written = match args.format {
        RecordsFormat::Jsonl | RecordsFormat::Json => write_jsonl(data, range, &zone, out),
        RecordsFormat::Csv => write_csv(data, range, &zone, out),
        RecordsFormat::QueueLog => write_queue_log(data, range, out),
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
    let now = ZonedDateTime::now();
    let local = |at: DateTime| at.to_zoned_datetime(now.time_zone().clone()).map(|z| z.timestamp()).ok();
    let found = match text {
        "now" => Some(now.timestamp()),
        "today" => local(now.date().into()),
        _ => text
            .parse::<Timestamp>()
            .ok()
            .or_else(|| text.parse::<Date>().ok().and_then(|date| local(date.into())))
            .or_else(|| text.parse::<DateTime>().ok().and_then(local))
            .or_else(|| text.parse::<SignedDuration>().ok().and_then(|ago| now.timestamp().checked_sub(ago).ok())),
    };
    let at = found.ok_or("a time looks like today, 2026-11-24, 2026-11-24T08:00 or 2h (ago)")?;
    u64::try_from(at.as_microsecond()).map(Moment::from_micros).map_err(|_| "that was before 1970".into())
}
