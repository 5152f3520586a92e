//! What is known of recordings when their calls are over.

use std::path::Path;

use rusqlite::params;

use super::reader::{ReadFault, Reader};
use crate::ids::CallId;
use crate::moment::Moment;

/// Calls at once: more than a house has open when it is killed.
const MOST: usize = 20_000;

/// Closed calls that arrived since then and whose recordings are complete, and WAV.
pub fn wav_recordings(dir: &Path, since: Moment) -> Result<Vec<CallId>, ReadFault> {
    let reader = Reader::open(dir)?;
    let sql = "
        SELECT call_id FROM calls
        WHERE call_id >= ?1 AND ended_at IS NOT NULL AND json_extract(record, '$.recording.file') LIKE '%.wav'
          AND json_extract(record, '$.recording.sha256') IS NOT NULL
          AND json_extract(record, '$.recording.deleted_at') IS NULL
        ORDER BY call_id LIMIT ?2";
    let since = CallId::next(CallId(0), since.as_millis());
    reader.page(sql, params![since.0, MOST], |row| Ok(CallId(row.get(0)?)))
}

/// Closed calls that arrived since then and whose files nobody completed: the process was killed.
pub fn unfinished_recordings(dir: &Path, since: Moment) -> Result<Vec<(CallId, String)>, ReadFault> {
    let reader = Reader::open(dir)?;
    let sql = "
        SELECT call_id, json_extract(record, '$.recording.file') AS file FROM calls
        WHERE call_id >= ?1 AND ended_at IS NOT NULL AND file IS NOT NULL
          AND json_extract(record, '$.recording.sha256') IS NULL AND json_extract(record, '$.recording.why') IS NULL
          AND json_extract(record, '$.recording.deleted_at') IS NULL
        ORDER BY call_id LIMIT ?2";
    let since = CallId::next(CallId(0), since.as_millis());
    reader.page(sql, params![since.0, MOST], |row| Ok((CallId(row.get(0)?), row.get(1)?)))
}
