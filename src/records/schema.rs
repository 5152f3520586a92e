//! The tables. Calls are ordered by their id, which holds the time of arrival.

use rusqlite::{Connection, TransactionBehavior, params};
use tracing::info;

/// The file in the data folder.
pub(super) const FILE: &str = "hotline.db";

/// How the tables come from one form to the next.
enum Step {
    Whole(&'static str),
    /// `each` is done for some of the closed calls after the others: they are the rows of `some` then.
    ByCalls {
        first: &'static str,
        each: &'static str,
    },
}

/// Calls that are looked at together; in tests so few that a handful is not all.
const SOME: usize = if cfg!(test) { 2 } else { 5000 };
/// So often it is told how far it is: after so many calls, a few seconds.
const TOLD_EVERY: usize = 4 * SOME;

/// One step for each version ever shipped; `user_version` says how many have been taken.
const MIGRATIONS: &[Step] = &[Step::Whole("
    CREATE TABLE calls (
        call_id    INTEGER PRIMARY KEY,
        arrived_at INTEGER NOT NULL,
        ended_at   INTEGER,
        outcome    TEXT,
        record     TEXT NOT NULL
    );
    CREATE INDEX open_calls ON calls (call_id) WHERE ended_at IS NULL;
    CREATE TABLE inputs (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, input TEXT NOT NULL);
    CREATE TABLE checkpoints (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, state TEXT NOT NULL);
    CREATE TABLE decisions (id INTEGER PRIMARY KEY, seq INTEGER NOT NULL, at INTEGER NOT NULL, call_id INTEGER, output TEXT NOT NULL);
    CREATE TABLE events (
        id INTEGER PRIMARY KEY, at INTEGER NOT NULL, call_id INTEGER,
        queue TEXT, operator TEXT, event TEXT NOT NULL, data TEXT NOT NULL
    );
    CREATE INDEX events_at ON events (at);
    CREATE TABLE bindings (seat TEXT PRIMARY KEY, binding TEXT NOT NULL);
    CREATE TABLE heartbeat (id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL);
"), Step::Whole("
    CREATE INDEX decisions_seq ON decisions (seq);
"), Step::Whole("
    CREATE TABLE switches (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, schedule TEXT NOT NULL, flip TEXT NOT NULL);
"), Step::Whole("
    CREATE TABLE versions (
        number  INTEGER PRIMARY KEY,
        at      INTEGER NOT NULL,
        author  TEXT NOT NULL,
        note    TEXT NOT NULL,
        changes TEXT NOT NULL,
        meaning TEXT NOT NULL
    );
    CREATE TABLE contents (sha256 TEXT PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE version_files (
        number INTEGER NOT NULL, name TEXT NOT NULL, sha256 TEXT NOT NULL, PRIMARY KEY (number, name)
    ) WITHOUT ROWID;
"), Step::Whole("
    CREATE INDEX calls_from ON calls (json_extract(record, '$.from'), call_id) WHERE ended_at IS NOT NULL;
    CREATE INDEX calls_operator ON calls (json_extract(record, '$.operator'), call_id) WHERE ended_at IS NOT NULL;
    CREATE INDEX calls_queue ON calls (json_extract(record, '$.queue'), call_id) WHERE ended_at IS NOT NULL;
"), Step::Whole("
    ALTER TABLE switches RENAME COLUMN schedule TO door;
"), Step::Whole("
    -- Notes have authors. What was written before is read as it is: see former.rs.
"), Step::ByCalls {
    // Of each closed call who had the caller, and which lines were visited.
    first: "
    CREATE TABLE calls_of_operators (
        operator TEXT NOT NULL, call_id INTEGER NOT NULL, PRIMARY KEY (operator, call_id)
    ) WITHOUT ROWID;
    CREATE TABLE calls_of_queues (
        queue TEXT NOT NULL, call_id INTEGER NOT NULL, PRIMARY KEY (queue, call_id)
    ) WITHOUT ROWID;
    DROP INDEX IF EXISTS calls_operator;
    DROP INDEX IF EXISTS calls_queue;
",
    each: "
    INSERT OR IGNORE INTO calls_of_operators
        SELECT json_extract(record, '$.operator'), call_id FROM some
        WHERE json_extract(record, '$.connected_at') IS NOT NULL;
    INSERT OR IGNORE INTO calls_of_operators
        SELECT one.atom, call_id FROM some, json_tree(record) AS one
        WHERE one.key = 'by' AND one.path LIKE '$.transfers[%' OR one.key = 'operator' AND (
            one.path LIKE '$.lost[%' OR one.path LIKE '$.lines[%'
            OR one.path LIKE '$.offers[%' AND json_extract(record, one.path || '.outcome') = 'answered'
            OR one.path LIKE '$.transfers[%' AND json_extract(record, one.path || '.outcome') = 'transferred'
        );
    INSERT OR IGNORE INTO calls_of_queues
        SELECT json_extract(record, '$.queue'), call_id FROM some;
    INSERT OR IGNORE INTO calls_of_queues
        SELECT one.atom, call_id FROM some, json_tree(record, '$.lines') AS one
        WHERE one.key = 'queue';
",
}, Step::Whole("
    CREATE INDEX calls_back ON calls (json_extract(record, '$.to'), call_id)
        WHERE ended_at IS NOT NULL AND json_extract(record, '$.callback_of') IS NOT NULL;
")];

/// The same for the file of those who may come in.
const ACCESS_MIGRATIONS: &[Step] = &[
    Step::Whole(
        "
    CREATE TABLE passwords (person TEXT PRIMARY KEY, hash TEXT NOT NULL, set_at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE sessions (
        hash TEXT PRIMARY KEY, person TEXT NOT NULL, seat TEXT, began_at INTEGER NOT NULL, seen_at INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE tokens (
        name TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, roles TEXT NOT NULL, made_at INTEGER NOT NULL,
        used_at INTEGER
    ) WITHOUT ROWID;
    CREATE TABLE audit (
        id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,
        origin TEXT NOT NULL, result TEXT NOT NULL
    );
",
    ),
    Step::Whole(
        "
    CREATE INDEX audit_who ON audit (who, id);
    CREATE TABLE commands (
        id INTEGER PRIMARY KEY AUTOINCREMENT, who TEXT NOT NULL, key TEXT NOT NULL, hash TEXT NOT NULL,
        at INTEGER NOT NULL, status INTEGER, kind TEXT, body BLOB, UNIQUE (who, key)
    );
    CREATE INDEX commands_at ON commands (at);
",
    ),
    Step::Whole(
        "
    CREATE TABLE messages (
        number INTEGER PRIMARY KEY AUTOINCREMENT, program TEXT NOT NULL, text TEXT NOT NULL, tries INTEGER NOT NULL
    );
    CREATE INDEX messages_program ON messages (program, number);
",
    ),
    Step::Whole(
        "
    CREATE TABLE notices (id TEXT PRIMARY KEY, ends_at INTEGER NOT NULL, notice TEXT NOT NULL) WITHOUT ROWID;
",
    ),
];

/// Brings the tables to the newest form. `Err(found)`: they were written by a newer program.
pub(super) fn migrate(db: &mut Connection) -> rusqlite::Result<Result<(), usize>> {
    migrate_by(db, MIGRATIONS)
}

pub(super) fn migrate_access(db: &mut Connection) -> rusqlite::Result<Result<(), usize>> {
    migrate_by(db, ACCESS_MIGRATIONS)
}

/// Whether the tables are as a former program left them: what is read today may be missing.
pub(super) fn is_former(db: &Connection) -> rusqlite::Result<bool> {
    let found: usize = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    Ok(found < MIGRATIONS.len())
}

/// Each step is taken by whoever has the file to themselves: two programs may find it new at the same time.
fn migrate_by(db: &mut Connection, migrations: &[Step]) -> rusqlite::Result<Result<(), usize>> {
    loop {
        let step_of_its_own = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found: usize = step_of_its_own.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if found > migrations.len() {
            return Ok(Err(found));
        }
        match migrations.get(found) {
            None => return Ok(Ok(())),
            Some(Step::Whole(sql)) => step_of_its_own.execute_batch(sql)?,
            Some(Step::ByCalls { first, each }) => {
                step_of_its_own.execute_batch(first)?;
                by_calls(&step_of_its_own, each)?;
            }
        }
        step_of_its_own.pragma_update(None, "user_version", found + 1)?;
        step_of_its_own.commit()?;
    }
}

fn by_calls(db: &Connection, each: &str) -> rusqlite::Result<()> {
    let all: usize = db.query_row("SELECT count(*) FROM calls WHERE ended_at IS NOT NULL", [], |row| row.get(0))?;
    if all > SOME {
        info!(calls = all, "the records are brought to the form of this version; the house opens when they are");
    }
    db.execute_batch("CREATE TEMP TABLE some (call_id INTEGER PRIMARY KEY, record TEXT NOT NULL)")?;
    let (mut last, mut done) = (-1_i64, 0);
    loop {
        db.execute_batch("DELETE FROM some")?;
        let take = "INSERT INTO some SELECT call_id, iif(json_valid(record), record, '{}') FROM calls
                    WHERE ended_at IS NOT NULL AND call_id > ?1 ORDER BY call_id LIMIT ?2";
        let taken = db.execute(take, params![last, SOME])?;
        if taken == 0 {
            break;
        }
        db.execute_batch(each)?;
        last = db.query_row("SELECT max(call_id) FROM some", [], |row| row.get(0))?;
        done += taken;
        if done % TOLD_EVERY == 0 || taken < SOME && all > SOME {
            info!(done, of = all, "the records are being brought to the form of this version");
        }
    }
    db.execute_batch("DROP TABLE some")
}
