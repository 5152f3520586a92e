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
}

/// Rows that one statement takes. Nothing is read while they are handed on: a reader who pauses (`| less`)
/// would else keep the writer from ever emptying its log.
pub(super) const PAGE: usize = 1000;

impl Reader {
    /// The next page: the rows of one statement, and no transaction left open.
    pub fn page<T>(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
        row: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, ReadFault> {
        let all = || -> rusqlite::Result<Vec<T>> { self.db.prepare_cached(sql)?.query_map(params, row)?.collect() };
        all().map_err(|error| self.fault(error))
    }
}

/// Hands each closed call of the range to `each`, in order of arrival; one page is in memory.
pub fn read(
    dir: &Path,
    range: Range,
    mut each: impl FnMut(Record) -> Result<(), ReadFault>,
) -> Result<usize, ReadFault> {
    let reader = Reader::open(dir)?;
    let (since, until) = range.bounds();
    let sql = "SELECT call_id, record FROM calls
               WHERE ended_at IS NOT NULL AND arrived_at >= ?1 AND arrived_at < ?2 AND call_id >= ?3
               ORDER BY call_id LIMIT ?4";
    // An id begins with its call's time of arrival: calls before `since` need not be looked at.
    let mut next_id = (since / 1000) << 20;
    let mut count = 0;
    loop {
        let calls: Vec<(u64, String)> =
            reader.page(sql, params![since, until, next_id, PAGE], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let Some((last, _)) = calls.last() else { return Ok(count) };
        next_id = last + 1;
        for (id, text) in calls {
            each(parse(CallId(id), &text)?)?;
            count += 1;
        }
    }
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
