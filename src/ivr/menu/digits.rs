//! Digits as they are typed: when they are complete, and when time is up.

use std::time::Duration;

use super::Listens;
use super::words::Digits;
use crate::ids::MenuId;
use crate::moment::Moment;

/// Begins again with what is typed, unless it ends it.
const CLEAR: char = '*';

#[derive(Clone, Debug)]
pub(super) struct Entering {
    pub node: MenuId,
    pub tries: u8,
    digits: String,
    listens: Listens,
    least: usize,
    most: usize,
    pub terminator: Option<char>,
    timeout: Duration,
    pub between: Duration,
}

/// What comes of a key or of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    None,
    /// The prompts stop.
    Hush,
    Done(String),
    /// That was nothing.
    Again,
}

impl Entering {
    pub fn new(node: MenuId, digits: &Digits, token: u64, tries: u8) -> Self {
        Self {
            node,
            tries,
            digits: String::new(),
            listens: Listens::Playing { token },
            least: usize::from(digits.least),
            most: usize::from(digits.most),
            terminator: digits.terminator,
            timeout: digits.timeout,
            between: digits.between,
        }
    }

    pub fn key(&mut self, now: Moment, key: char) -> Step {
        if Some(key) == self.terminator {
            return self.complete();
        }
        if key == CLEAR {
            self.digits.clear();
            self.listens = Listens::Awaiting { until: now + self.timeout };
            return Step::Hush;
        }
        if !key.is_ascii_digit() {
            return Step::None;
        }
        self.digits.push(key);
        if self.digits.len() >= self.most {
            return self.complete();
        }
        let plays = matches!(self.listens, Listens::Playing { .. });
        self.listens = Listens::Awaiting { until: now + self.between };
        if plays { Step::Hush } else { Step::None }
    }

    pub fn has_begun(&self) -> bool {
        !self.digits.is_empty()
    }

    pub fn played(&mut self, now: Moment, token: u64) {
        if self.listens == (Listens::Playing { token }) {
            self.listens = Listens::Awaiting { until: now + self.timeout };
        }
    }

    /// What is typed counts if it is enough.
    pub fn time_is_up(&mut self) -> Step {
        self.complete()
    }

    pub fn next_deadline(&self) -> Option<Moment> {
        match self.listens {
            Listens::Awaiting { until } => Some(until),
            Listens::Playing { .. } => None,
        }
    }

    fn complete(&mut self) -> Step {
        let enough = (self.least..=self.most).contains(&self.digits.len());
        if enough { Step::Done(std::mem::take(&mut self.digits)) } else { Step::Again }
    }
}
