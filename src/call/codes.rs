//! What an operator types in the talk: the codes of emergencies, which nobody hears, and keys that are for whoever does.

use std::time::Duration;

use super::words::Emergency;
use crate::moment::Moment;

/// Keys of a code come within this of each other; a later one begins anew.
const BETWEEN_KEYS: Duration = Duration::from_secs(3);

/// What may still become a code.
#[derive(Default)]
pub(super) struct Typed {
    keys: String,
    last: Moment,
}

/// What came of a key.
pub(super) struct Pressed<'e> {
    /// The target whose code is complete.
    pub complete: Option<&'e Emergency>,
    /// Keys that belong to no code, in their order.
    pub others: String,
}

impl Typed {
    pub fn press<'e>(&mut self, now: Moment, key: char, known: &'e [Emergency]) -> Pressed<'e> {
        let mut others = self.expire(now);
        self.last = now;
        self.keys.push(key);
        // A wrong key may be the first of a code.
        while !self.keys.is_empty() && !known.iter().any(|target| target.code.starts_with(&self.keys)) {
            others.push(self.keys.remove(0));
        }
        let complete = known.iter().find(|target| target.code == self.keys);
        if complete.is_some() {
            self.keys.clear();
        }
        Pressed { complete, others }
    }

    /// The keys that waited too long for the next one of a code.
    pub fn expire(&mut self, now: Moment) -> String {
        let over = self.next_deadline().is_some_and(|at| at <= now);
        if over { std::mem::take(&mut self.keys) } else { String::new() }
    }

    pub fn next_deadline(&self) -> Option<Moment> {
        (!self.keys.is_empty()).then(|| self.last + BETWEEN_KEYS)
    }
}
