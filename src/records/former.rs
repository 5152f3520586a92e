//! Records as former versions wrote them are read as if they had been written today. They lie in the database as they
//! are: to write all of them anew takes long, and nobody could call meanwhile.

use std::time::Duration;

use serde::Deserialize;
use tracing::debug;

use super::words::{LineOutcome, LineRecord, NoteRecord, OfferOutcome, Outcome, Record, TransferKind};
use crate::ids::{CallId, OperatorId};

/// A call had one note, with or without an author.
#[derive(Deserialize)]
struct OneNote {
    note: Option<String>,
    note_by: Option<OperatorId>,
}

/// A record as it lies in the database.
pub(super) fn read(text: &str) -> serde_json::Result<Record> {
    let mut record: Record = serde_json::from_str(text)?;
    // Quotes within a text have a backslash before them: where this stands, it is a key, and few records have it.
    if record.notes.is_empty() && text.contains(r#""note":""#) {
        let OneNote { note, note_by } = serde_json::from_str(text)?;
        let by = note_by.or(record.operator.clone()).unwrap_or_else(|| OperatorId::from(""));
        record.notes.extend(note.map(|text| NoteRecord { by, at: None, text }));
    }
    for taken in record.transfers.iter_mut().filter(|of| of.kind == TransferKind::TakenOver && of.from.is_none()) {
        // `by` was the one from whom it was taken.
        let supervisor = taken.operator.clone().unwrap_or_else(|| taken.by.clone());
        taken.from = Some(std::mem::replace(&mut taken.by, supervisor));
    }
    if record.lines.is_empty() {
        record.lines = only_line(&record).into_iter().collect();
    }
    Ok(record)
}

/// The same where many are read: one that is damaged is told of in the log, and does not keep the others back.
pub(super) fn readable(call: CallId, text: &str) -> Option<Record> {
    read(text).inspect_err(|error| debug!(%call, %error, "its record cannot be read; it is left out")).ok()
}

/// Visits to lines were not told apart: all that is known is of the call, and taken as one visit to its last queue.
fn only_line(record: &Record) -> Option<LineRecord> {
    let (queue, joined_at) = (record.queue.clone()?, record.queued_at?);
    let gone_at = record.ended_at.map(|_| joined_at + Duration::from_millis(record.wait_ms));
    let left_at = record.connected_at.or(gone_at);
    let outcome = match (record.connected_at, record.outcome) {
        (Some(_), _) => LineOutcome::Answered,
        (None, Some(Outcome::AbandonedInQueue)) => LineOutcome::Abandoned,
        (None, Some(Outcome::Callback)) => LineOutcome::Callback,
        (None, Some(Outcome::SystemRestart)) => LineOutcome::Restarted,
        (None, Some(_)) => LineOutcome::Overflowed,
        (None, None) => LineOutcome::Waits,
    };
    let answered = record.offers.iter().find(|offer| offer.outcome == OfferOutcome::Answered);
    let operator = answered.map(|offer| offer.operator.clone()).or(record.operator.clone());
    Some(LineRecord {
        queue,
        joined_at,
        left_at,
        outcome,
        operator: record.connected_at.and(operator),
        wait_ms: left_at.map_or(0, |at| u64::try_from(at.since(joined_at).as_millis()).unwrap_or(u64::MAX)),
        within_service_level: left_at.and(record.within_service_level),
    })
}
