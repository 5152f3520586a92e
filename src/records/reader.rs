//! Reads what was written, also while the hotline runs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use super::former;
use super::recovery::{ALIVE_AT, Checkpoint};
use super::schema::{self, FILE};
use super::words::Record;
use crate::ids::{CallId, Door};
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
    #[error(
        "{0}: these records are in the form of a former hotline; start this one on them once (`hotline serve`), which \
         brings them to its own, and ask again"
    )]
    Former(PathBuf),
    #[error("{path}: {error}")]
    Database { path: PathBuf, error: rusqlite::Error },
    #[error("call {call}: its record cannot be read: {error}")]
    Record { call: CallId, error: serde_json::Error },
    #[error("the log is damaged: {what} {seq}: {error}")]
    Log { what: &'static str, seq: u64, error: serde_json::Error },
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
        let opened = open().and_then(|db| Ok((schema::is_former(&db)?, db)));
        match opened {
            Ok((false, db)) => Ok(Reader { db, path }),
            Ok((true, _)) => Err(ReadFault::Former(path)),
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
            if let Some(record) = former::readable(CallId(id), &text) {
                each(record)?;
                count += 1;
            }
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

/// Flips of switches, the latest first: when, which, and the flip as JSON. `last`: at most so many of each. None if
/// nothing was written yet.
pub fn read_switches(dir: &Path, last: usize) -> Result<Vec<(Moment, Door, String)>, ReadFault> {
    let reader = match Reader::open(dir) {
        Err(ReadFault::Nothing(_)) => return Ok(Vec::new()),
        reader => reader?,
    };
    let sql = "SELECT at, door, flip FROM switches AS one
               WHERE (SELECT count(*) FROM switches WHERE door = one.door AND id > one.id) < ?1
               ORDER BY id DESC";
    reader.page(sql, params![last], |row| {
        let (at, door): (u64, String) = (row.get(0)?, row.get(1)?);
        Ok((Moment::from_micros(at), Door::from(door), row.get(2)?))
    })
}

/// One numbered input of the engine, or one logged decision after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    pub seq: u64,
    pub at: Moment,
    /// JSON.
    pub text: String,
}

/// The engine's log, of the last eight days.
pub struct Log(Reader);

impl Log {
    pub fn open(dir: &Path) -> Result<Log, ReadFault> {
        Reader::open(dir).map(Log)
    }

    /// Where a replay begins that is to be right from `at` on: the last checkpoint before it, or the first of all
    /// if the log does not go back so far. `None`: there is none.
    pub fn checkpoint(&self, at: Moment) -> Result<Option<Checkpoint>, ReadFault> {
        let of = |sql, at: u64| {
            let row = |row: &rusqlite::Row<'_>| {
                let (seq, at, state) = (row.get(0)?, Moment::from_micros(row.get(1)?), row.get(2)?);
                Ok(Checkpoint { seq, at, state })
            };
            Ok(self.0.page(sql, params![at], row)?.pop())
        };
        let before = "SELECT seq, at, state FROM checkpoints WHERE at <= ?1 ORDER BY seq DESC LIMIT 1";
        let first = "SELECT seq, at, state FROM checkpoints WHERE at > ?1 ORDER BY seq LIMIT 1";
        let bound = at.as_micros().min(i64::MAX as u64);
        match of(before, bound)? {
            Some(found) => Ok(Some(found)),
            None => of(first, bound),
        }
    }

    /// The number of the last input that is written down; 0 if none is.
    pub fn last_input(&self) -> Result<u64, ReadFault> {
        let found = self.0.page("SELECT max(seq) FROM inputs", [], |row| row.get::<_, Option<u64>>(0))?;
        Ok(found.first().copied().flatten().unwrap_or(0))
    }

    /// When the process was there last; the beginning of time if it never was.
    pub fn alive_at(&self) -> Result<Moment, ReadFault> {
        let found = self.0.page(ALIVE_AT, [], |row| row.get::<_, u64>(0))?;
        Ok(found.first().map_or(Moment::default(), |at| Moment::from_micros(*at)))
    }

    /// Hands the inputs after number `seq` to `each`, in order, up to the moment `until`; one page is in memory.
    pub fn inputs(
        &self,
        seq: u64,
        until: Moment,
        mut each: impl FnMut(Logged) -> Result<(), ReadFault>,
    ) -> Result<(), ReadFault> {
        let sql = "SELECT seq, at, input FROM inputs WHERE seq > ?1 AND at <= ?2 ORDER BY seq LIMIT ?3";
        let until = until.as_micros().min(i64::MAX as u64);
        let mut last = seq;
        loop {
            let page = self.0.page(sql, params![last, until, PAGE], logged)?;
            let Some(end) = page.last() else { return Ok(()) };
            last = end.seq;
            page.into_iter().try_for_each(&mut each)?;
        }
    }

    /// The number of the last decision that is written down; 0: there is none.
    pub fn last_decision(&self) -> Result<u64, ReadFault> {
        let found = self.0.page("SELECT coalesce(max(id), 0) FROM decisions", [], |row| row.get(0))?;
        Ok(found.first().copied().unwrap_or(0))
    }

    /// The next page of logged decisions of which the last input had a number above `seq`, in order, each with its
    /// own number; those up to decision `last` were read before.
    pub fn decisions(&self, seq: u64, last: u64) -> Result<Vec<(u64, Logged)>, ReadFault> {
        let sql = "SELECT id, seq, at, output FROM decisions WHERE seq > ?1 AND id > ?2 ORDER BY id LIMIT ?3";
        self.0.page(sql, params![seq, last, PAGE], |row| {
            let at: u64 = row.get(2)?;
            Ok((row.get(0)?, Logged { seq: row.get(1)?, at: Moment::from_micros(at), text: row.get(3)? }))
        })
    }
}

fn logged(row: &rusqlite::Row<'_>) -> rusqlite::Result<Logged> {
    let at: u64 = row.get(1)?;
    Ok(Logged { seq: row.get(0)?, at: Moment::from_micros(at), text: row.get(2)? })
}

fn parse(call: CallId, text: &str) -> Result<Record, ReadFault> {
    former::read(text).map_err(|error| ReadFault::Record { call, error })
}
