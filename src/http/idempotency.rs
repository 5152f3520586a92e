//! Commands that are sent again: the same key with the same body gets the same answer, and nothing is done twice.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::StatusCode;

use crate::moment::Moment;

/// How long answers are kept.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);
/// Answers that are kept; the oldest go first.
const KEPT: usize = 20_000;
/// A larger answer is not kept: the command is done, and asking again says so.
const LARGEST: usize = 64 * 1024;
/// Letters of a key.
pub const LONGEST_KEY: usize = 128;

/// Of whom, and which key.
type Key = (String, String);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub status: StatusCode,
    pub content_type: Option<String>,
    pub body: Bytes,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Seen {
    /// It is new; [`Idempotency::done`] is to follow, or [`Idempotency::forget`].
    New,
    /// It was done: this is the answer.
    Done(Kept),
    /// The same is being done at this moment.
    Underway,
    /// The key was used for something else.
    Other,
}

#[derive(Default)]
pub struct Idempotency(Mutex<Table>);

#[derive(Default)]
struct Table {
    entries: BTreeMap<Key, Entry>,
    order: VecDeque<(Moment, Key)>,
}

struct Entry {
    at: Moment,
    /// Of what was asked.
    hash: String,
    kept: Option<Kept>,
}

impl Idempotency {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn begin(&self, now: Moment, who: &str, key: &str, hash: &str) -> Seen {
        let mut table = self.table();
        table.prune(now);
        let key = (who.to_string(), key.to_string());
        match table.entries.get(&key) {
            Some(entry) if entry.hash != hash => Seen::Other,
            Some(Entry { kept: Some(kept), .. }) => Seen::Done(kept.clone()),
            Some(_) => Seen::Underway,
            None => {
                table.order.push_back((now, key.clone()));
                table.entries.insert(key, Entry { at: now, hash: hash.to_string(), kept: None });
                Seen::New
            }
        }
    }

    pub fn done(&self, who: &str, key: &str, kept: Kept) {
        let kept = match kept.body.len() > LARGEST {
            true => Kept { body: Bytes::new(), content_type: None, ..kept },
            false => kept,
        };
        if let Some(entry) = self.table().entries.get_mut(&(who.to_string(), key.to_string())) {
            entry.kept = Some(kept);
        }
    }

    /// It came to nothing: it may be tried again.
    pub fn forget(&self, who: &str, key: &str) {
        self.table().entries.remove(&(who.to_string(), key.to_string()));
    }
}

impl Table {
    fn prune(&mut self, now: Moment) {
        while let Some((at, _)) = self.order.front() {
            if *at + KEPT_FOR > now && self.order.len() <= KEPT {
                break;
            }
            let Some((at, key)) = self.order.pop_front() else { break };
            if self.entries.get(&key).is_some_and(|entry| entry.at == at) {
                self.entries.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: u64) -> Moment {
        Moment::from_micros(hour * 3600 * 1_000_000)
    }

    fn kept(body: &'static str) -> Kept {
        Kept { status: StatusCode::ACCEPTED, content_type: None, body: Bytes::from_static(body.as_bytes()) }
    }

    #[test]
    fn the_same_command_is_done_once() {
        let keys = Idempotency::default();
        assert_eq!(keys.begin(at(0), "mei", "k", "hold"), Seen::New);
        assert_eq!(keys.begin(at(0), "mei", "k", "hold"), Seen::Underway);
        keys.done("mei", "k", kept("{}"));
        assert_eq!(keys.begin(at(1), "mei", "k", "hold"), Seen::Done(kept("{}")));
        assert_eq!(keys.begin(at(1), "mei", "k", "resume"), Seen::Other);
        assert_eq!(keys.begin(at(1), "lin", "k", "resume"), Seen::New, "keys belong to who sent them");
        assert_eq!(keys.begin(at(24), "mei", "k", "resume"), Seen::New, "a day later it is forgotten");
    }

    #[test]
    fn what_came_to_nothing_may_be_tried_again() {
        let keys = Idempotency::default();
        assert_eq!(keys.begin(at(0), "mei", "k", "hold"), Seen::New);
        keys.forget("mei", "k");
        assert_eq!(keys.begin(at(0), "mei", "k", "hold"), Seen::New);
    }

    #[test]
    fn not_more_are_kept_than_there_is_room_for() {
        let keys = Idempotency::default();
        for number in 0..KEPT + 10 {
            assert_eq!(keys.begin(at(0), "mei", &number.to_string(), "x"), Seen::New);
        }
        let table = keys.table();
        assert!(table.entries.len() <= KEPT + 1 && table.order.len() <= KEPT + 1, "{}", table.entries.len());
    }
}
