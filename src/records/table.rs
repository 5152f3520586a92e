//! Records as a table for spreadsheets.

use std::io::{self, Write};
use std::path::Path;

use jiff::tz::TimeZone;

use super::format::{Printed, PrintedNote};
use super::reader::ReadFault;
use super::search::{Filter, each};
use crate::ids::MenuId;
use crate::visible::{visible, visible_lines};

const COLUMNS: [&str; 56] = [
    "call_id",
    "sip_call_id",
    "from",
    "to",
    "trunk",
    "arrived_at",
    "answered_at",
    "queued_at",
    "connected_at",
    "ended_at",
    "language",
    "choices",
    "queue",
    "need",
    "operator",
    "seat",
    "offers",
    "outcome",
    "ended_by",
    "wait_ms",
    "talk_ms",
    "hold_ms",
    "within_service_level",
    "recording_file",
    "recording_sha256",
    "mos",
    "loss",
    "jitter_ms",
    "survey",
    "sip_status",
    "callback_of",
    "attempt",
    "expected_wait_ms",
    "handoff",
    "digits",
    "menu_path",
    "transfers",
    "supervised",
    "lost",
    "holds",
    "notes",
    "operator_mos",
    "operator_loss",
    "operator_jitter_ms",
    "one_way",
    "lines",
    "first_dialled",
    "diverted_because",
    "reason",
    "survey_at",
    "message_at",
    "release",
    "mos_scale",
    "operator_mos_scale",
    "direct",
    "sent_on",
];

/// A table with a header; lists of things are JSON.
pub fn write_csv(dir: &Path, filter: &Filter, zone: &TimeZone, out: impl Write) -> Result<usize, ReadFault> {
    let mut table = csv::Writer::from_writer(out);
    let fault = |error: csv::Error| ReadFault::Output(io::Error::other(error));
    table.write_record(COLUMNS).map_err(fault)?;
    let count = each(dir, filter, |record| {
        let row = row(&Printed::new(&record, zone)).map_err(|e| ReadFault::Output(e.into()))?;
        table.write_record(&row).map_err(fault)
    })?;
    table.flush().map_err(ReadFault::Output)?;
    Ok(count)
}

fn row(printed: &Printed<'_>) -> serde_json::Result<Vec<String>> {
    let serde_json::Value::Object(fields) = serde_json::to_value(printed)? else { return Ok(Vec::new()) };
    let cell = |value: Option<&serde_json::Value>| match value {
        None | Some(serde_json::Value::Null) => String::new(),
        Some(serde_json::Value::String(text)) => harmless(text),
        Some(other) => visible(&other.to_string()),
    };
    let inside = |name: &str, key: &str| cell(fields.get(name).and_then(|value| value.get(key)));
    let column = |name: &&str| match *name {
        "recording_file" => inside("recording", "file"),
        "recording_sha256" => inside("recording", "sha256"),
        "mos" | "loss" | "jitter_ms" => inside("quality", name),
        "mos_scale" => inside("quality", "scale"),
        "operator_mos_scale" => inside("operator_quality", "scale"),
        "operator_mos" | "operator_loss" | "operator_jitter_ms" => {
            inside("operator_quality", name.trim_start_matches("operator_"))
        }
        "notes" => harmless(&noted(&printed.notes)),
        "menu_path" => printed.menu_path.iter().map(MenuId::as_str).collect::<Vec<_>>().join(" "),
        "digits" => match printed.digits.is_empty() {
            true => String::new(),
            false => cell(fields.get("digits")),
        },
        name => cell(fields.get(name)),
    };
    Ok(COLUMNS.iter().map(column).collect())
}

/// All notes of a call in one cell, as people read them: `1001 2026-11-26 10:02:11: a lamp is broken; 1002 …`.
fn noted(notes: &[PrintedNote<'_>]) -> String {
    let told = |note: &PrintedNote<'_>| {
        let at = note
            .at
            .as_deref()
            .and_then(|at| at.get(..19))
            .map_or(String::new(), |at| format!(" {}", at.replace('T', " ")));
        format!("{}{at}: {}", note.by, note.text)
    };
    notes.iter().map(told).collect::<Vec<_>>().join("; ")
}

/// A spreadsheet must not take what a caller sent for a formula: such cells begin with an apostrophe. Nor does a terminal
/// that shows the table obey what is in a cell. Plain telephone numbers (`+8610…`) stay as they are, and so do lines.
fn harmless(text: &str) -> String {
    let is_number =
        text.strip_prefix('+').is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()));
    let suspicious = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    let shown = visible_lines(&text.replace("\r\n", "\n"));
    if suspicious && !is_number { format!("'{shown}") } else { shown }
}
