//! Who may come in: passwords, sessions, tokens of programs, and the log of what people did. A file of its own, so
//! that no call waits for a page; read and written by the server and by the commands at the same time.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, params};

use super::schema;
use super::seen::Unwritten;
use super::store::{self, StoreFault};
use crate::moment::Moment;

/// In the data folder.
const FILE: &str = "access.db";
/// A command and the server wait for each other no longer than this.
const BUSY: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_millis(10);
/// Entries of the audit log that are kept; with new ones the oldest go. Those of people who did not prove who they are
/// have a share of their own: strangers push out each other, and nothing else.
const KEPT_AUDITS: usize = 200_000;
const KEPT_OF_STRANGERS: usize = 20_000;
/// Under which name they stand there.
pub const NOBODY: &str = "nobody";
/// Commands whose answers are kept.
const KEPT_COMMANDS: usize = 20_000;
/// So often it is looked whether some can go.
const PRUNE_EVERY: i64 = 1_000;

/// Of a new file only one who opens it makes a write-ahead log; for that SQLite lets nobody wait.
fn write_ahead(db: &Connection) -> rusqlite::Result<()> {
    for _ in 0..BUSY.as_millis() / AGAIN.as_millis() {
        match db.pragma_update(None, "journal_mode", "wal") {
            Err(fault) if fault.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => std::thread::sleep(AGAIN),
            done => return done,
        }
    }
    db.pragma_update(None, "journal_mode", "wal")
}

pub struct Access {
    db: Arc<Mutex<Connection>>,
    /// By a connection of its own: who comes in is known while a disk that hangs holds up whoever writes.
    reader: Mutex<Connection>,
    pub(super) unwritten: Unwritten,
    /// Runs what may wait for the disk.
    wait: fn(&mut dyn FnMut()),
}

/// Somebody who is signed in. The token itself is kept by the browser alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of the token, in hexadecimal.
    pub hash: String,
    pub person: String,
    pub seat: Option<String>,
    pub began_at: Moment,
    pub seen_at: Moment,
}

/// What a program shows instead of a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub name: String,
    /// SHA-256, in hexadecimal.
    pub hash: String,
    pub roles: String,
    pub made_at: Moment,
    pub used_at: Option<Moment>,
}

/// Something that somebody did or tried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    pub id: i64,
    pub at: Moment,
    pub who: String,
    pub what: String,
    /// The address.
    pub from: String,
    pub result: String,
}

/// A command that was given with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Of what was asked.
    pub hash: String,
    /// `None`: it is being done, or was when the process ended.
    pub answer: Option<KeptAnswer>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    pub status: u16,
    pub content_type: Option<String>,
    pub body: Vec<u8>,
}

pub type Done<T> = Result<T, StoreFault>;

impl Access {
    /// Opens or makes the file in the data folder.
    pub fn open(dir: &Path) -> Done<Access> {
        let path = dir.join(FILE);
        let io = |error| StoreFault::Io { path: path.clone(), error };
        store::make_folder(dir).map_err(io)?;
        store::keep_from_others(&path).map_err(io)?;
        let database = |error| StoreFault::Database { path: path.clone(), error };
        let open = || -> rusqlite::Result<_> {
            let mut db = Connection::open(&path)?;
            db.busy_timeout(BUSY)?;
            write_ahead(&db)?;
            db.pragma_update(None, "synchronous", "normal")?;
            let migrated = schema::migrate_access(&mut db)?;
            Ok((db, migrated))
        };
        let (db, migrated) = open().map_err(database)?;
        migrated.map_err(|found| StoreFault::TooNew { path: path.clone(), found })?;
        let reader = || -> rusqlite::Result<_> {
            let db = Connection::open(&path)?;
            db.busy_timeout(BUSY)?;
            db.pragma_update(None, "query_only", true)?;
            Ok(db)
        };
        let reader = Mutex::new(reader().map_err(database)?);
        let db = Arc::new(Mutex::new(db));
        let unwritten = Unwritten::new(db.clone());
        Ok(Access { db, reader, unwritten, wait: |work| work() })
    }

    /// Whatever may wait for the disk is run by `wait`, which may tell a runtime that a thread of it stands still.
    pub fn waiting_by(self, wait: fn(&mut dyn FnMut())) -> Self {
        Self { wait, ..self }
    }

    /// Reads what is there. It waits for nobody who writes.
    pub(super) fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Done<T> {
        self.patiently(|| on(&self.reader, work))
    }

    pub(super) fn run<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Done<T> {
        self.patiently(|| on(&self.db, work))
    }

    /// Whether writes are refused from now on, as on a disk that is full.
    #[cfg(test)]
    pub fn refuse_writes(&self, refuse: bool) {
        self.run(|db| db.pragma_update(None, "query_only", refuse)).expect("it only says what may be done");
    }

    /// Does what may wait for the disk, or for somebody who waits for it.
    pub fn patiently<T>(&self, work: impl FnOnce() -> Done<T>) -> Done<T> {
        let (mut work, mut done) = (Some(work), None);
        (self.wait)(&mut || done = work.take().map(|work| work()));
        let undone = || Err(StoreFault::Database { path: FILE.into(), error: rusqlite::Error::InvalidQuery });
        done.unwrap_or_else(undone)
    }

    /// The hash of somebody's password (a PHC string).
    pub fn password(&self, person: &str) -> Done<Option<String>> {
        let sql = "SELECT hash FROM passwords WHERE person = ?1";
        self.read(|db| db.prepare_cached(sql)?.query_row([person], |row| row.get(0)).optional())
    }

    /// Whoever was signed in with the former one is signed out.
    pub fn set_password(&self, person: &str, hash: &str, at: Moment) -> Done<()> {
        self.run(|db| {
            let sql = "INSERT OR REPLACE INTO passwords (person, hash, set_at) VALUES (?1, ?2, ?3)";
            db.execute(sql, params![person, hash, at.as_micros()])?;
            db.execute("DELETE FROM sessions WHERE person = ?1", [person]).map(drop)
        })
    }

    /// `false`: there was none.
    pub fn remove_password(&self, person: &str) -> Done<bool> {
        self.run(|db| {
            db.execute("DELETE FROM sessions WHERE person = ?1", [person])?;
            Ok(db.execute("DELETE FROM passwords WHERE person = ?1", [person])? > 0)
        })
    }

    /// Who has a password, and since when.
    pub fn passwords(&self) -> Done<Vec<(String, Moment)>> {
        self.read(|db| {
            let mut all = db.prepare_cached("SELECT person, set_at FROM passwords ORDER BY person")?;
            all.query_map([], |row| Ok((row.get(0)?, moment(row, 1)?)))?.collect()
        })
    }

    pub fn begin_session(&self, session: &Session) -> Done<()> {
        let Session { hash, person, seat, began_at, seen_at } = session;
        let sql = "INSERT INTO sessions (hash, person, seat, began_at, seen_at) VALUES (?1, ?2, ?3, ?4, ?5)";
        let values = params![hash, person, seat, began_at.as_micros(), seen_at.as_micros()];
        self.run(|db| db.execute(sql, values).map(drop))
    }

    pub fn session(&self, hash: &str) -> Done<Option<Session>> {
        let sql = "SELECT hash, person, seat, began_at, seen_at FROM sessions WHERE hash = ?1";
        if self.unwritten.is_over(hash) {
            return Ok(None);
        }
        let unwritten = self.unwritten.session(hash).unwrap_or_default();
        let row = |row: &Row<'_>| {
            let (hash, person, seat) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let seen_at = moment(row, 4)?.max(unwritten);
            Ok(Session { hash, person, seat, began_at: moment(row, 3)?, seen_at })
        };
        self.read(|db| db.prepare_cached(sql)?.query_row([hash], row).optional())
    }

    pub fn set_seat(&self, hash: &str, seat: Option<&str>) -> Done<()> {
        self.run(|db| db.execute("UPDATE sessions SET seat = ?2 WHERE hash = ?1", params![hash, seat]).map(drop))
    }

    pub fn end_session(&self, hash: &str) -> Done<()> {
        self.run(|db| db.execute("DELETE FROM sessions WHERE hash = ?1", [hash]).map(drop))
    }

    /// Those that were seen last before this time are over.
    pub fn prune_sessions(&self, seen: Moment) -> Done<()> {
        let sql = "DELETE FROM sessions WHERE seen_at < ?1";
        self.run(|db| {
            self.unwritten.write(db)?;
            db.execute(sql, params![seen.as_micros()]).map(drop)
        })
    }

    /// `false`: the name is taken.
    pub fn add_token(&self, token: &Token) -> Done<bool> {
        let sql = "INSERT OR IGNORE INTO tokens (name, hash, roles, made_at) VALUES (?1, ?2, ?3, ?4)";
        let values = params![token.name, token.hash, token.roles, token.made_at.as_micros()];
        self.run(|db| Ok(db.execute(sql, values)? > 0))
    }

    pub fn token(&self, hash: &str) -> Done<Option<Token>> {
        let sql = "SELECT name, hash, roles, made_at, used_at FROM tokens WHERE hash = ?1";
        let unwritten = self.unwritten.token(hash);
        let used = |token: Token| Token { used_at: token.used_at.max(unwritten), ..token };
        self.read(|db| Ok(db.prepare_cached(sql)?.query_row([hash], token).optional()?.map(used)))
    }

    pub fn tokens(&self) -> Done<Vec<Token>> {
        self.read(|db| {
            let mut all = db.prepare_cached("SELECT name, hash, roles, made_at, used_at FROM tokens ORDER BY name")?;
            all.query_map([], token)?.collect()
        })
    }

    /// `false`: there is none of this name.
    pub fn revoke_token(&self, name: &str) -> Done<bool> {
        self.run(|db| Ok(db.execute("DELETE FROM tokens WHERE name = ?1", [name])? > 0))
    }

    pub fn write_audit(&self, audit: &Audit) -> Done<()> {
        let Audit { id: _, at, who, what, from, result } = audit;
        self.run(|db| {
            let sql = "INSERT INTO audit (at, who, what, origin, result) VALUES (?1, ?2, ?3, ?4, ?5)";
            db.prepare_cached(sql)?.execute(params![at.as_micros(), who, what, from, result])?;
            if db.last_insert_rowid() % PRUNE_EVERY == 0 {
                for (whose, kept) in [("who = ?1", KEPT_OF_STRANGERS), ("who <> ?1", KEPT_AUDITS)] {
                    let oldest = format!("SELECT id FROM audit WHERE {whose} ORDER BY id DESC LIMIT 1 OFFSET ?2");
                    let sql = format!("DELETE FROM audit WHERE {whose} AND id <= ({oldest})");
                    db.execute(&sql, params![NOBODY, kept])?;
                }
            }
            Ok(())
        })
    }

    /// Whether anybody can sign in.
    pub fn has_passwords(&self) -> Done<bool> {
        self.read(|db| db.prepare_cached("SELECT EXISTS (SELECT 1 FROM passwords)")?.query_row([], |row| row.get(0)))
    }

    /// A command begins; `Some`: one with this key began after `since`, and this is what is known of it.
    pub fn begin_command(&self, who: &str, key: &str, hash: &str, at: Moment, since: Moment) -> Done<Option<Command>> {
        self.run(|db| {
            db.prepare_cached("DELETE FROM commands WHERE at < ?1")?.execute([since.as_micros()])?;
            let sql = "SELECT hash, status, kind, body FROM commands WHERE who = ?1 AND key = ?2";
            let former = db.prepare_cached(sql)?.query_row([who, key], |row| {
                let status: Option<u16> = row.get(1)?;
                let (content_type, body): (Option<String>, Option<Vec<u8>>) = (row.get(2)?, row.get(3)?);
                let answer = status.map(|status| KeptAnswer { status, content_type, body: body.unwrap_or_default() });
                Ok(Command { hash: row.get(0)?, answer })
            });
            if let Some(former) = former.optional()? {
                return Ok(Some(former));
            }
            let sql = "INSERT INTO commands (who, key, hash, at) VALUES (?1, ?2, ?3, ?4)";
            db.prepare_cached(sql)?.execute(params![who, key, hash, at.as_micros()])?;
            let last = db.last_insert_rowid();
            if last % PRUNE_EVERY == 0 {
                let oldest = usize::try_from(last).unwrap_or(0).saturating_sub(KEPT_COMMANDS);
                db.execute("DELETE FROM commands WHERE id <= ?1", [oldest])?;
            }
            Ok(None)
        })
    }

    pub fn end_command(&self, who: &str, key: &str, answer: &KeptAnswer) -> Done<()> {
        let KeptAnswer { status, content_type, body } = answer;
        let sql = "UPDATE commands SET status = ?3, kind = ?4, body = ?5 WHERE who = ?1 AND key = ?2";
        self.run(|db| db.prepare_cached(sql)?.execute(params![who, key, status, content_type, body]).map(drop))
    }

    /// It came to nothing: it may be tried again.
    pub fn forget_command(&self, who: &str, key: &str) -> Done<()> {
        self.run(|db| db.execute("DELETE FROM commands WHERE who = ?1 AND key = ?2", [who, key]).map(drop))
    }

    /// The latest first, of those older than number `before`.
    pub fn audits(&self, before: Option<i64>, limit: usize) -> Done<Vec<Audit>> {
        let sql = "SELECT id, at, who, what, origin, result FROM audit WHERE id < ?1 ORDER BY id DESC LIMIT ?2";
        let row = |row: &Row<'_>| {
            let (who, what, from, result) = (row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?);
            Ok(Audit { id: row.get(0)?, at: moment(row, 1)?, who, what, from, result })
        };
        let before = before.unwrap_or(i64::MAX);
        self.read(|db| db.prepare_cached(sql)?.query_map(params![before, limit], row)?.collect())
    }
}

fn on<T>(db: &Mutex<Connection>, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Done<T> {
    let fault = |error| StoreFault::Database { path: FILE.into(), error };
    work(&db.lock().unwrap_or_else(PoisonError::into_inner)).map_err(fault)
}

fn token(row: &Row<'_>) -> rusqlite::Result<Token> {
    let used: Option<u64> = row.get(4)?;
    let (name, hash, roles) = (row.get(0)?, row.get(1)?, row.get(2)?);
    Ok(Token { name, hash, roles, made_at: moment(row, 3)?, used_at: used.map(Moment::from_micros) })
}

fn moment(row: &Row<'_>, column: usize) -> rusqlite::Result<Moment> {
    row.get(column).map(Moment::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Moment {
        Moment::from_micros(second * 1_000_000)
    }

    #[test]
    fn a_new_password_signs_out_whoever_had_the_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let access = Access::open(dir.path()).unwrap();
        access.set_password("mei", "first", at(1)).unwrap();
        let session = Session { hash: "h".into(), person: "mei".into(), seat: None, began_at: at(2), seen_at: at(2) };
        access.begin_session(&session).unwrap();
        access.set_seat("h", Some("8001")).unwrap();
        access.touch_session("h", at(3));
        access.catch_up().unwrap();
        let there = Session { seat: Some("8001".into()), seen_at: at(3), ..session };
        // A command that runs beside the server sees the same.
        let beside = Access::open(dir.path()).unwrap();
        assert_eq!(beside.session("h").unwrap(), Some(there));
        beside.set_password("mei", "second", at(4)).unwrap();
        assert_eq!(access.session("h").unwrap(), None);
        assert_eq!(access.password("mei").unwrap().as_deref(), Some("second"));
        assert_eq!(access.passwords().unwrap(), [("mei".to_string(), at(4))]);
    }

    /// What the system knows of it; a file that is closed has none of its process any more.
    #[test]
    fn who_opens_the_file_again_leaves_alone_what_is_locked_of_it() {
        use std::os::unix::fs::MetadataExt;
        let dir = tempfile::tempdir().unwrap();
        let _first = Access::open(dir.path()).unwrap();
        let _second = Access::open(dir.path()).unwrap();
        let inode = std::fs::metadata(dir.path().join(FILE)).unwrap().ino();
        let (locks, own) = (std::fs::read_to_string("/proc/locks").unwrap(), std::process::id().to_string());
        let of_ours = |line: &&str| line.contains(&format!(":{inode} ")) && line.split(' ').any(|word| word == own);
        assert_eq!(locks.lines().filter(of_ours).count(), 1, "{locks}");
    }

    #[test]
    fn many_who_find_the_file_new_at_once_all_write() {
        for _ in 0..10 {
            let dir = tempfile::tempdir().unwrap();
            std::thread::scope(|scope| {
                for person in 0..8 {
                    let dir = dir.path();
                    scope.spawn(move || {
                        let access = Access::open(dir).unwrap();
                        access.set_password(&person.to_string(), "hash", at(1)).unwrap();
                    });
                }
            });
            assert_eq!(Access::open(dir.path()).unwrap().passwords().unwrap().len(), 8);
        }
    }

    #[test]
    fn sessions_end_after_their_time_and_tokens_when_they_are_revoked() {
        let dir = tempfile::tempdir().unwrap();
        let access = Access::open(dir.path()).unwrap();
        for (hash, seen) in [("idle", 60), ("good", 99)] {
            let (began_at, seen_at) = (at(50), at(seen));
            let session = Session { hash: hash.into(), person: "mei".into(), seat: None, began_at, seen_at };
            access.begin_session(&session).unwrap();
        }
        access.prune_sessions(at(70)).unwrap();
        let left = |hash: &str| access.session(hash).unwrap().is_some();
        assert_eq!((left("idle"), left("good")), (false, true));
        let token = Token { name: "crm".into(), hash: "t".into(), roles: "wall".into(), made_at: at(1), used_at: None };
        assert!(access.add_token(&token).unwrap());
        assert!(!access.add_token(&Token { hash: "u".into(), ..token.clone() }).unwrap(), "the name is taken");
        assert_eq!(access.token("t").unwrap(), Some(token));
        assert!(access.revoke_token("crm").unwrap());
        assert_eq!(access.token("t").unwrap(), None);
    }

    #[test]
    fn strangers_push_nobody_out_of_the_audit_log() {
        let dir = tempfile::tempdir().unwrap();
        let access = Access::open(dir.path()).unwrap();
        let write = |who: &str, what: &str| {
            access.write_audit(&Audit { who: who.into(), what: what.into(), ..Audit::default() }).unwrap();
        };
        write("mei", "the evidence");
        // As if they had knocked all night.
        let many = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
                    INSERT INTO audit (at, who, what, origin, result) SELECT 0, 'nobody', '', '', '401' FROM n";
        access.db.lock().unwrap().execute(many, [KEPT_OF_STRANGERS * 2]).unwrap();
        for _ in 0..PRUNE_EVERY {
            write(NOBODY, "POST /session");
        }
        let count = |sql| access.db.lock().unwrap().query_row(sql, [], |row| row.get::<_, usize>(0)).unwrap();
        let kept = count("SELECT count(*) FROM audit WHERE who = 'nobody'");
        assert!(kept < KEPT_OF_STRANGERS + PRUNE_EVERY as usize, "{kept}");
        assert_eq!(count("SELECT count(*) FROM audit WHERE who = 'mei'"), 1);
    }

    #[test]
    fn what_a_command_came_to_outlasts_the_process() {
        let dir = tempfile::tempdir().unwrap();
        let access = Access::open(dir.path()).unwrap();
        assert!(!access.has_passwords().unwrap());
        assert_eq!(access.begin_command("mei", "k", "hold", at(1), at(0)).unwrap(), None);
        let broken = Command { hash: "hold".into(), answer: None };
        assert_eq!(access.begin_command("mei", "k", "hold", at(2), at(0)).unwrap(), Some(broken.clone()));
        assert_eq!(access.begin_command("lin", "k", "other", at(2), at(0)).unwrap(), None, "the key is hers");
        let answer = KeptAnswer { status: 202, content_type: Some("application/json".into()), body: b"{}".into() };
        access.end_command("mei", "k", &answer).unwrap();
        drop(access);
        let access = Access::open(dir.path()).unwrap();
        let done = Command { answer: Some(answer), ..broken };
        assert_eq!(access.begin_command("mei", "k", "hold", at(3), at(0)).unwrap(), Some(done));
        access.forget_command("lin", "k").unwrap();
        assert_eq!(access.begin_command("lin", "k", "other", at(3), at(0)).unwrap(), None);
        assert_eq!(access.begin_command("mei", "k", "hold", at(90), at(2)).unwrap(), None, "it was long ago");
    }
}
