//! The tables. Calls are ordered by their id, which holds the time of arrival.

use rusqlite::{Connection, TransactionBehavior};

/// The file in the data folder.
pub(super) const FILE: &str = "hotline.db";

/// One step for each version ever shipped; `user_version` says how many have been taken.
const MIGRATIONS: &[&str] = &["
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
", "
    CREATE INDEX decisions_seq ON decisions (seq);
", "
    CREATE TABLE switches (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, schedule TEXT NOT NULL, flip TEXT NOT NULL);
", "
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
", "
    CREATE INDEX calls_from ON calls (json_extract(record, '$.from'), call_id) WHERE ended_at IS NOT NULL;
    CREATE INDEX calls_operator ON calls (json_extract(record, '$.operator'), call_id) WHERE ended_at IS NOT NULL;
    CREATE INDEX calls_queue ON calls (json_extract(record, '$.queue'), call_id) WHERE ended_at IS NOT NULL;
", "
    ALTER TABLE switches RENAME COLUMN schedule TO door;
", "
    -- Notes have authors. What was written before is read as it is: see former.rs.
", "
    -- Of each closed call who had the caller, and which lines were visited.
    CREATE TABLE calls_of_operators (
        operator TEXT NOT NULL, call_id INTEGER NOT NULL, PRIMARY KEY (operator, call_id)
    ) WITHOUT ROWID;
    CREATE TABLE calls_of_queues (
        queue TEXT NOT NULL, call_id INTEGER NOT NULL, PRIMARY KEY (queue, call_id)
    ) WITHOUT ROWID;
    CREATE TEMP VIEW readable AS
        SELECT call_id, iif(json_valid(record), record, '{}') AS record FROM calls WHERE ended_at IS NOT NULL;
    INSERT OR IGNORE INTO calls_of_operators
        SELECT json_extract(record, '$.operator'), call_id FROM readable
        WHERE json_extract(record, '$.connected_at') IS NOT NULL;
    INSERT OR IGNORE INTO calls_of_operators
        SELECT one.atom, call_id FROM readable, json_tree(record) AS one
        WHERE one.key = 'by' AND one.path LIKE '$.transfers[%' OR one.key = 'operator' AND (
            one.path LIKE '$.lost[%' OR one.path LIKE '$.lines[%'
            OR one.path LIKE '$.offers[%' AND json_extract(record, one.path || '.outcome') = 'answered'
            OR one.path LIKE '$.transfers[%' AND json_extract(record, one.path || '.outcome') = 'transferred'
        );
    INSERT OR IGNORE INTO calls_of_queues
        SELECT json_extract(record, '$.queue'), call_id FROM readable;
    INSERT OR IGNORE INTO calls_of_queues
        SELECT one.atom, call_id FROM readable, json_tree(record, '$.lines') AS one
        WHERE one.key = 'queue';
    DROP VIEW readable;
    DROP INDEX IF EXISTS calls_operator;
    DROP INDEX IF EXISTS calls_queue;
"];

/// The same for the file of those who may come in.
const ACCESS_MIGRATIONS: &[&str] = &[
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
    "
    CREATE INDEX audit_who ON audit (who, id);
    CREATE TABLE commands (
        id INTEGER PRIMARY KEY AUTOINCREMENT, who TEXT NOT NULL, key TEXT NOT NULL, hash TEXT NOT NULL,
        at INTEGER NOT NULL, status INTEGER, kind TEXT, body BLOB, UNIQUE (who, key)
    );
    CREATE INDEX commands_at ON commands (at);
",
    "
    CREATE TABLE messages (
        number INTEGER PRIMARY KEY AUTOINCREMENT, program TEXT NOT NULL, text TEXT NOT NULL, tries INTEGER NOT NULL
    );
    CREATE INDEX messages_program ON messages (program, number);
",
    "
    CREATE TABLE notices (id TEXT PRIMARY KEY, ends_at INTEGER NOT NULL, notice TEXT NOT NULL) WITHOUT ROWID;
",
];

/// Brings the tables to the newest form. `Err(found)`: they were written by a newer program.
pub(super) fn migrate(db: &mut Connection) -> rusqlite::Result<Result<(), usize>> {
    migrate_by(db, MIGRATIONS)
}

pub(super) fn migrate_access(db: &mut Connection) -> rusqlite::Result<Result<(), usize>> {
    migrate_by(db, ACCESS_MIGRATIONS)
}

/// Each step is taken by whoever has the file to themselves: two programs may find it new at the same time.
fn migrate_by(db: &mut Connection, migrations: &[&str]) -> rusqlite::Result<Result<(), usize>> {
    loop {
        let step_of_its_own = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found: usize = step_of_its_own.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if found > migrations.len() {
            return Ok(Err(found));
        }
        let Some(step) = migrations.get(found) else { return Ok(Ok(())) };
        step_of_its_own.execute_batch(step)?;
        step_of_its_own.pragma_update(None, "user_version", found + 1)?;
        step_of_its_own.commit()?;
    }
}
