//! Reads what was written, also while the hotline runs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use super::schema::FILE;
use super::words::Record;
use crate::ids::CallId;
use crate::moment::Moment;

/// Calls that arrived at or after `since` and before `until`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Range {
    pub since: Option<Moment>,
    pub until: Option<Moment>,
}

impl Range {
    pub(super) fn bounds(self) -> (u64, u64) {
        let last = i64::MAX as u64;
        (self.since.map_or(0, Moment::as_micros).min(last), self.until.map_or(last, Moment::as_micros).min(last))
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ReadFault {
    #[error("{0}: there are no records yet; `hotline serve` writes them, --data says where")]
    Nothing(PathBuf),
    #[error("{path}: {error}")]
    Database { path: PathBuf, error: rusqlite::Error },
    #[error("call {call}: its record cannot be read: {error}")]
    Record { call: CallId, error: serde_json::Error },
    #[error("the records cannot be written out: {0}")]
    Output(std::io::Error),
}

pub(super) struct Reader {
    db: Connection,
    path: PathBuf,
}

impl Reader {
    pub fn open(dir: &Path) -> Result<Reader, ReadFault> {
        let path = dir.join(FILE);
        if !path.exists() {
            return Err(ReadFault::Nothing(path));
        }
        let open = || -> rusqlite::Result<Connection> {
            let db =
                Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
            db.busy_timeout(Duration::from_secs(5))?;
            Ok(db)
        };
        match open() {
            Ok(db) => Ok(Reader { db, path }),
            Err(error) => Err(ReadFault::Database { path, error }),
        }
    }

    pub fn fault(&self, error: rusqlite::Error) -> ReadFault {
        ReadFault::Database { path: self.path.clone(), error }
    }

    pub fn db(&self) -> &Connection {
        &self.db
    }
}

/// Hands each closed call of the range to `each`, in order of arrival; one at a time is in memory.
pub fn read(
    dir: &Path,
    range: Range,
    mut each: impl FnMut(Record) -> Result<(), ReadFault>,
) -> Result<usize, ReadFault> {
    let reader = Reader::open(dir)?;
    let (since, until) = range.bounds();
    let sql = "SELECT call_id, record FROM calls
               WHERE ended_at IS NOT NULL AND arrived_at >= ?1 AND arrived_at < ?2 AND call_id >= ?3 ORDER BY call_id";
    let mut statement = reader.db.prepare(sql).map_err(|e| reader.fault(e))?;
    // An id begins with its call's time of arrival: calls before `since` need not be looked at.
    let first_id = (since / 1000) << 20;
    let mut rows = statement.query(params![since, until, first_id]).map_err(|e| reader.fault(e))?;
    let mut count = 0;
    while let Some(row) = rows.next().map_err(|e| reader.fault(e))? {
        let (id, text): (u64, String) = row.get(0).and_then(|id| Ok((id, row.get(1)?))).map_err(|e| reader.fault(e))?;
        each(parse(CallId(id), &text)?)?;
        count += 1;
    }
    Ok(count)
}

/// One call, open or closed.
pub fn read_call(dir: &Path, call: CallId) -> Result<Option<Record>, ReadFault> {
    let reader = Reader::open(dir)?;
    let text: Option<String> = reader
        .db
        .query_row("SELECT record FROM calls WHERE call_id = ?1", [call.0], |row| row.get(0))
        .optional()
        .map_err(|e| reader.fault(e))?;
    text.map(|text| parse(call, &text)).transpose()
}

fn parse(call: CallId, text: &str) -> Result<Record, ReadFault> {
    serde_json::from_str(text).map_err(|error| ReadFault::Record { call, error })
}
