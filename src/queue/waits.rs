//! Waits as they are foreseen, and places in a line as they are told.

use serde::{Deserialize, Serialize};

/// A wait as foreseen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    pub median_ms: u64,
    /// Four of five are served within this.
    pub p80_ms: u64,
}

/// The waits of one line by place, as the run ahead found them: ascending places, each with its wait.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExpectedWaits(pub Vec<(u32, Expected)>);

/// A contact's place in its line, as told to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// 1: next. Counts only contacts of the same queue ahead of it.
    pub number: usize,
    /// `None`: nobody who could serve it is signed in, or nothing is known yet.
    pub expected: Option<Expected>,
    /// An offer rings for it right now: announce nothing.
    pub ringing: bool,
}
