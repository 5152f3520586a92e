//! When sessions and tokens were used last. A thread writes it down where the disk lets it, and until then it is
//! remembered: to know who comes in nothing needs to be written, and a disk that is full or hangs sends nobody away.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rusqlite::{Connection, params};
use tracing::{error, warn};

use super::access::{Access, Done};
use crate::moment::Moment;

const SESSION: &str = "UPDATE sessions SET seen_at = ?2 WHERE hash = ?1";
const OVER: &str = "DELETE FROM sessions WHERE hash = ?1 AND began_at <= ?2";
const TOKEN: &str = "UPDATE tokens SET used_at = ?2 WHERE hash = ?1";

/// By how it is written and the hash, none of which is of a stranger.
type Seen = BTreeMap<(&'static str, String), Moment>;

/// What is not written yet.
pub(super) struct Unwritten {
    all: Arc<Mutex<Seen>>,
    db: Arc<Mutex<Connection>>,
    /// Of the thread; it ends with this.
    wake: OnceLock<SyncSender<()>>,
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Unwritten {
    pub fn new(db: Arc<Mutex<Connection>>) -> Self {
        Self { all: Arc::default(), db, wake: OnceLock::new() }
    }

    /// To be asked before the file: what is forgotten here stands there.
    pub fn session(&self, hash: &str) -> Option<Moment> {
        self.seen(SESSION, hash)
    }

    pub fn is_over(&self, hash: &str) -> bool {
        self.seen(OVER, hash).is_some()
    }

    pub fn token(&self, hash: &str) -> Option<Moment> {
        self.seen(TOKEN, hash)
    }

    fn seen(&self, how: &'static str, hash: &str) -> Option<Moment> {
        lock(&self.all).get(&(how, hash.to_string())).copied()
    }

    pub fn write(&self, db: &Connection) -> rusqlite::Result<()> {
        write(&self.all, db)
    }

    /// Never waits. Whether it is news.
    fn saw(&self, how: &'static str, hash: &str, at: Moment) -> bool {
        let is_news = lock(&self.all).insert((how, hash.to_string()), at).is_none();
        let wake = self.wake.get_or_init(|| {
            let (wake, woken) = sync_channel(1);
            let (all, db) = (self.all.clone(), self.db.clone());
            let started = std::thread::Builder::new().name("seen".into()).spawn(move || work(&all, &db, &woken));
            if let Err(error) = started {
                warn!(%error, "who was here when is written down with the next command");
            }
            wake
        });
        // Where it has been woken already it sees this, too.
        let _ = wake.try_send(());
        is_news
    }
}

fn work(all: &Mutex<Seen>, db: &Mutex<Connection>, woken: &Receiver<()>) {
    let mut fails = false;
    while woken.recv().is_ok() {
        let written = write(all, &lock(db));
        if let Err(fault) = &written
            && !fails
        {
            error!(%fault, "who was here when cannot be written down; they are let in all the same");
        }
        fails = written.is_err();
    }
}

/// Whoever looks does not wait for this.
fn write(all: &Mutex<Seen>, db: &Connection) -> rusqlite::Result<()> {
    let now = lock(all).clone();
    if now.is_empty() {
        return Ok(());
    }
    let together = db.unchecked_transaction()?;
    for ((how, hash), at) in &now {
        together.prepare_cached(how)?.execute(params![hash, at.as_micros()])?;
    }
    together.commit()?;
    lock(all).retain(|of, at| now.get(of) != Some(at));
    Ok(())
}

impl Access {
    pub fn touch_session(&self, hash: &str, at: Moment) {
        self.unwritten.saw(SESSION, hash, at);
    }

    /// It is nobody's from here on, and deleted when the disk takes that. Whether it is news.
    pub fn session_over(&self, hash: &str, at: Moment) -> bool {
        self.unwritten.saw(OVER, hash, at)
    }

    pub fn token_used(&self, hash: &str, at: Moment) {
        self.unwritten.saw(TOKEN, hash, at);
    }

    /// Writes what could not be written before. Whoever changes something asks first: that is written down too.
    pub fn catch_up(&self) -> Done<()> {
        self.run(|db| self.unwritten.write(db))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::records::{Session, Token};

    fn at(second: u64) -> Moment {
        Moment::from_micros(second * 1_000_000)
    }

    #[test]
    fn a_disk_that_takes_nothing_sends_nobody_away_and_is_told_when_it_does_again() {
        let dir = tempfile::tempdir().unwrap();
        let access = Access::open(dir.path()).unwrap();
        let session = Session { hash: "s".into(), person: "mei".into(), seat: None, began_at: at(1), seen_at: at(1) };
        access.begin_session(&session).unwrap();
        let token = Token { name: "crm".into(), hash: "t".into(), roles: "wall".into(), made_at: at(1), used_at: None };
        access.add_token(&token).unwrap();
        access.refuse_writes(true);
        access.touch_session("s", at(90));
        access.token_used("t", at(91));
        let of_both = |access: &Access| {
            (
                access.session("s").unwrap().unwrap().seen_at,
                access.token("t").unwrap().unwrap().used_at.unwrap_or(at(0)),
            )
        };
        assert_eq!(of_both(&access), (at(90), at(91)));
        assert!(access.catch_up().is_err());
        assert_eq!(of_both(&Access::open(dir.path()).unwrap()), (at(1), at(0)), "it is not written");
        access.refuse_writes(false);
        // Who was here while it was full is not taken for gone.
        access.prune_sessions(at(50)).unwrap();
        assert_eq!(of_both(&Access::open(dir.path()).unwrap()), (at(90), at(91)));
        access.catch_up().unwrap();
    }

    #[test]
    fn while_the_disk_hangs_it_is_known_who_comes_in_and_written_down_afterwards() {
        let dir = tempfile::tempdir().unwrap();
        let access = Access::open(dir.path()).unwrap();
        let session = Session { hash: "s".into(), person: "mei".into(), seat: None, began_at: at(1), seen_at: at(1) };
        access.begin_session(&session).unwrap();
        let (access, (tell, told), (go_on, leave)) = (Arc::new(access), channel(), channel::<()>());
        let hung = access.clone();
        let hangs = std::thread::spawn(move || {
            hung.run(|_| {
                tell.send(()).unwrap();
                leave.recv().unwrap_or_default();
                Ok(())
            })
        });
        told.recv().unwrap();
        access.touch_session("s", at(90));
        assert_eq!(access.session("s").unwrap().unwrap().seen_at, at(90));
        assert_eq!(access.passwords().unwrap(), []);
        assert!(access.session_over("s", at(91)) && !access.session_over("s", at(92)), "it is news once");
        assert_eq!(access.session("s").unwrap(), None, "though it stands in the file");
        drop(go_on);
        hangs.join().unwrap().unwrap();
        access.catch_up().unwrap();
        assert_eq!(Access::open(dir.path()).unwrap().session("s").unwrap(), None);
    }
}
