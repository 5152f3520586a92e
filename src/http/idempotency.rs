//! Commands that are sent again: the same key with the same body gets the same answer, and nothing is done twice, also
//! not after a restart. What a command came to is written down beside those who may come in.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::moment::Moment;
use crate::records::{Access, Command, KeptAnswer, StoreFault};

/// How long answers are kept.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);
/// Bytes of an answer. A larger one is not kept: the command is done, and asking again says so.
const LARGEST: usize = 16 * 1024;
/// Letters of a key.
pub const LONGEST_KEY: usize = 128;

/// Of whom, and which key.
type Key = (String, String);

#[derive(Debug, PartialEq, Eq)]
pub enum Seen {
    /// It is new; [`Idempotency::done`] is to follow, or [`Idempotency::forget`].
    New,
    /// It was done: this is the answer.
    Done(KeptAnswer),
    /// The same is being done at this moment.
    Underway,
    /// The same was being done when the hotline ended: nobody knows how far it came.
    BrokenOff,
    /// The key was used for something else.
    Other,
}

/// The keys of commands that are being done at this moment. Held only where waiting for the disk is allowed.
#[derive(Default)]
pub struct Idempotency(Mutex<BTreeSet<Key>>);

impl Idempotency {
    fn underway(&self) -> MutexGuard<'_, BTreeSet<Key>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn begin(&self, access: &Access, now: Moment, who: &str, key: &str, hash: &str) -> Result<Seen, StoreFault> {
        access.patiently(|| {
            let mut underway = self.underway();
            let id = (who.to_string(), key.to_string());
            Ok(match access.begin_command(who, key, hash, now, now - KEPT_FOR)? {
                None => {
                    underway.insert(id);
                    Seen::New
                }
                Some(Command { hash: former, .. }) if former != hash => Seen::Other,
                Some(Command { answer: Some(kept), .. }) => Seen::Done(kept),
                Some(_) if underway.contains(&id) => Seen::Underway,
                Some(_) => Seen::BrokenOff,
            })
        })
    }

    pub fn done(&self, access: &Access, who: &str, key: &str, answer: KeptAnswer) -> Result<(), StoreFault> {
        let answer = match answer.body.len() > LARGEST {
            true => KeptAnswer { body: Vec::new(), content_type: None, ..answer },
            false => answer,
        };
        // Until it is written it is under way: whoever asks meanwhile is told so.
        access.patiently(|| {
            let mut underway = self.underway();
            let ended = access.end_command(who, key, &answer);
            underway.remove(&(who.to_string(), key.to_string()));
            ended
        })
    }

    /// It came to nothing: it may be tried again.
    pub fn forget(&self, access: &Access, who: &str, key: &str) -> Result<(), StoreFault> {
        access.patiently(|| {
            let mut underway = self.underway();
            let forgotten = access.forget_command(who, key);
            underway.remove(&(who.to_string(), key.to_string()));
            forgotten
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: u64) -> Moment {
        Moment::from_micros(hour * 3600 * 1_000_000)
    }

    fn answer(body: &str) -> KeptAnswer {
        KeptAnswer { status: 202, content_type: None, body: body.into() }
    }

    #[test]
    fn the_same_command_is_done_once_also_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let access = Access::open(dir.path()).unwrap();
        let keys = Idempotency::default();
        let begin = |keys: &Idempotency, hour, who, key, hash| keys.begin(&access, at(hour), who, key, hash).unwrap();
        assert_eq!(begin(&keys, 100, "mei", "k", "hold"), Seen::New);
        assert_eq!(begin(&keys, 100, "mei", "k", "hold"), Seen::Underway);
        keys.done(&access, "mei", "k", answer("{}")).unwrap();
        assert_eq!(begin(&keys, 101, "mei", "k", "hold"), Seen::Done(answer("{}")));
        assert_eq!(begin(&keys, 101, "mei", "k", "resume"), Seen::Other);
        assert_eq!(begin(&keys, 101, "lin", "k", "hold"), Seen::New, "the key is hers");
        keys.forget(&access, "lin", "k").unwrap();
        assert_eq!(begin(&keys, 101, "lin", "k", "hold"), Seen::New, "what failed may be tried again");
        let after_a_restart = Idempotency::default();
        assert_eq!(begin(&after_a_restart, 102, "mei", "k", "hold"), Seen::Done(answer("{}")));
        assert_eq!(begin(&after_a_restart, 102, "lin", "k", "hold"), Seen::BrokenOff);
        assert_eq!(begin(&after_a_restart, 130, "mei", "k", "hold"), Seen::New, "a day later");
    }

    #[test]
    fn a_large_answer_is_not_kept_but_that_it_was_done_is() {
        let dir = tempfile::tempdir().unwrap();
        let access = Access::open(dir.path()).unwrap();
        let keys = Idempotency::default();
        assert_eq!(keys.begin(&access, at(50), "mei", "k", "check").unwrap(), Seen::New);
        keys.done(&access, "mei", "k", answer(&"x".repeat(LARGEST + 1))).unwrap();
        assert_eq!(keys.begin(&access, at(50), "mei", "k", "check").unwrap(), Seen::Done(answer("")));
    }
}
