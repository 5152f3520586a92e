//! When sessions and tokens were used last. It is written down where the disk lets it, and remembered until it does: to
//! know who comes in nothing needs to be written, and a full disk sends nobody away.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, params};
use tracing::error;

use super::access::{Access, Done};
use crate::moment::Moment;

const SESSION: &str = "UPDATE sessions SET seen_at = ?2 WHERE hash = ?1";
const TOKEN: &str = "UPDATE tokens SET used_at = ?2 WHERE hash = ?1";

/// What could not be written: by how it is written and the hash, none of which is of a stranger. Held only by whoever
/// has the file.
#[derive(Default)]
pub(super) struct Unwritten(Mutex<BTreeMap<(&'static str, String), Moment>>);

impl Unwritten {
    fn all(&self) -> MutexGuard<'_, BTreeMap<(&'static str, String), Moment>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seen(&self, how: &'static str, hash: &str) -> Option<Moment> {
        self.all().get(&(how, hash.to_string())).copied()
    }

    pub fn session(&self, hash: &str) -> Option<Moment> {
        self.seen(SESSION, hash)
    }

    pub fn token(&self, hash: &str) -> Option<Moment> {
        self.seen(TOKEN, hash)
    }

    pub fn write(&self, db: &Connection) -> rusqlite::Result<()> {
        let mut all = self.all();
        for ((how, hash), at) in all.iter() {
            db.prepare_cached(how)?.execute(params![hash, at.as_micros()])?;
        }
        all.clear();
        Ok(())
    }
}

impl Access {
    pub fn touch_session(&self, hash: &str, at: Moment) {
        self.saw(SESSION, hash, at);
    }

    pub fn token_used(&self, hash: &str, at: Moment) {
        self.saw(TOKEN, hash, at);
    }

    fn saw(&self, how: &'static str, hash: &str, at: Moment) {
        let mut is_news = false;
        let written = self.run(|db| {
            is_news = self.unwritten.all().is_empty();
            self.unwritten.all().insert((how, hash.to_string()), at);
            self.unwritten.write(db)
        });
        if let Err(fault) = written
            && is_news
        {
            error!(%fault, "who was here when cannot be written down; they are let in all the same");
        }
    }

    /// Writes what could not be written before. Whoever changes something asks first: that is written down too.
    pub fn catch_up(&self) -> Done<()> {
        self.run(|db| self.unwritten.write(db))
    }
}

#[cfg(test)]
mod tests {
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
}
