//! Records as former versions wrote them are read as if they had been written today. They lie in the database as they
//! are: to write all of them anew takes long, and nobody could call meanwhile.

use serde::Deserialize;

use super::words::{NoteRecord, Record};
use crate::ids::OperatorId;

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
    Ok(record)
}
