//! Waits as they are foreseen and as they end, and places in a line as they are told.

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

/// Why a contact waits in a line no longer that nobody answered there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftLine {
    CallerGone,
    /// `max_wait` is over.
    TooLong,
    /// Nobody is signed in any more who could ever serve it.
    Nobody,
    /// The caller pressed this key.
    Key(char),
    /// A supervisor put it elsewhere.
    Supervisor,
    /// No caller's contact: an operator's, beside a talk of theirs, who waits no longer or leaves their caller here.
    Withdrawn,
    /// The process ended, or began again after it was killed.
    Restarted,
}

/// Why a contact missed its service level: the first of these that holds when the time is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LateCause {
    /// The caller gave up before the time was up.
    GaveUp,
    /// It left the line before the time was up: by a rule or a key, or to be called back.
    LeftEarly,
    /// The house's process ended while it waited: the call was cut.
    Restarted,
    /// A phone rings for it at this moment; it was not answered quickly enough.
    SlowAnswer,
    /// A phone rang in vain, and the time lost would have sufficed.
    FailedOffers,
    /// It waited for the last operator the caller spoke with.
    Preferred,
    /// Nobody is signed in who has the skills.
    NobodySignedIn,
    /// As many phones as contacts ahead are unreachable or rest after a failure.
    Unreachable,
    /// As many operators as contacts ahead are not ready.
    NotReady,
    /// Contacts with a head start were served before it.
    Overtaken,
    /// Everybody is busy or in wrap-up: too few operators.
    AllBusy,
}

impl LateCause {
    pub const ALL: [LateCause; 11] = [
        LateCause::GaveUp,
        LateCause::LeftEarly,
        LateCause::Restarted,
        LateCause::SlowAnswer,
        LateCause::FailedOffers,
        LateCause::Preferred,
        LateCause::NobodySignedIn,
        LateCause::Unreachable,
        LateCause::NotReady,
        LateCause::Overtaken,
        LateCause::AllBusy,
    ];
}
