//! Who waits, and in which order.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::deadlines::Due;
use super::decision::Tally;
use super::estimate::Pace;
use super::operators::{ReadyKey, Slot, Standing};
use super::settings::{Choose, Need, Preference, QueueRules};
use super::sorted::Sorted;
use super::words::Caller;
use crate::ids::{CallId, OfferId, QueueId};
use crate::moment::Moment;

/// The one scale that orders contacts over all queues; smaller is served first. An emergency (0) is before
/// everything else (1); then counts since when the contact waits, less its head start, in microseconds. That
/// never changes with time, so the order of two contacts is as fixed as their head starts.
pub(super) type Rank = (u8, i64, CallId);

/// A contact from joining a line to the end of its talk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Contact {
    /// Index into the engine's lines.
    pub line: usize,
    /// Index into the engine's classes: the need of the step in force.
    pub class: usize,
    pub step: usize,
    pub caller: Option<Caller>,
    /// It came back: before everybody else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub urgent: bool,
    /// Since when its place counts; kept over redial, callback and moves.
    pub since: Moment,
    /// When it joined, this time.
    pub queued_at: Moment,
    /// When it came into this queue.
    pub entered_at: Moment,
    /// Head start it earned by waiting and by being put back.
    pub boost: Duration,
    pub aged: u32,
    pub rank: Rank,
    pub moves: u8,
    pub excluded: Vec<Exclusion>,
    /// The last operator the caller spoke with, and until when only they are asked.
    pub preferred: Option<(Slot, Moment)>,
    pub state: ContactState,
    pub callback: Option<Callback>,
    /// It is a customer who was called back: what is done once more if the house is cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called_back: Option<CalledBack>,
    /// Offers that failed; contacts that came later and were asked for first.
    pub failed_offers: u32,
    pub passed_by: u32,
    /// Its lateness was told.
    pub late: bool,
    /// Its timer.
    pub due: Option<(Moment, Due)>,
}

/// An operator who failed to take the contact, and until when they are not asked again.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Exclusion {
    pub operator: Slot,
    pub until: Moment,
    pub times: u32,
    pub over: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Callback {
    pub number: Caller,
    pub attempts: u8,
    pub expires_at: Moment,
}

/// A callback whose customer was reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct CalledBack {
    /// The visit in which they asked for it.
    pub visit: CallId,
    pub callback: Callback,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ContactState {
    Waiting,
    /// Rung for by offers `first` to `first + count - 1`, as far as they are still open.
    Offered {
        first: OfferId,
        count: u8,
    },
    /// Its customer is being rung; this operator is kept free, or has taken it already (`taken`).
    Dialling {
        operator: Slot,
        taken: bool,
        until: Moment,
    },
    /// A callback between two tries.
    Parked {
        until: Moment,
    },
    Talking {
        operator: Slot,
        since: Moment,
        held_since: Option<Moment>,
        held: Duration,
    },
}

impl Contact {
    pub fn excludes(&self, operator: Slot) -> bool {
        self.excluded.iter().any(|exclusion| exclusion.operator == operator && !exclusion.over)
    }

    pub fn head_start(&self, rules: &QueueRules) -> Duration {
        rules.priority + self.boost
    }

    pub fn rank_by(&self, id: CallId, rules: &QueueRules) -> Rank {
        let micros = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        let since = i64::try_from(self.since.as_micros()).unwrap_or(i64::MAX);
        (u8::from(!(rules.emergency || self.urgent)), since.saturating_sub(micros(self.head_start(rules))), id)
    }
}

/// One queue: its rules, and everybody in its line (those an offer rings for keep their place).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Line {
    pub id: QueueId,
    pub rules: QueueRules,
    pub open: bool,
    /// Indices into the engine's classes, one for each step; the first is the queue's own need.
    pub classes: Vec<usize>,
    pub order: Sorted<Rank>,
    /// Those who are called back: one for each number.
    pub callbacks: BTreeMap<Caller, CallId>,
    pub pace: Pace,
    /// No longer in the rules: nobody joins, those in it are served.
    pub retired: bool,
}

/// All contacts with the same need, the same preferences and the same way of choosing, whatever their queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Class {
    pub need: Need,
    pub prefer: Vec<Preference>,
    pub choose: Choose,
    /// Those who wait and for whom nothing rings.
    pub waiting: Sorted<Rank>,
    /// The same by age, to see who was passed over.
    pub by_age: Sorted<(Moment, CallId)>,
    /// Those who may be asked now, first to be asked first.
    pub ready: Sorted<ReadyKey>,
    /// How those whose skills meet the need stand.
    counts: [u32; Standing::COUNT],
    /// Something follows for those in it when nobody who could serve them is signed in.
    pub minds_nobody: bool,
    /// Something may have become possible.
    pub stirred: bool,
}

impl Class {
    pub fn new(need: Need, prefer: Vec<Preference>, choose: Choose) -> Self {
        Class {
            need,
            prefer,
            choose,
            waiting: Sorted::default(),
            by_age: Sorted::default(),
            ready: Sorted::default(),
            counts: [0; Standing::COUNT],
            minds_nobody: false,
            stirred: false,
        }
    }

    pub fn is(&self, (need, prefer): (&Need, &[Preference]), choose: Choose) -> bool {
        self.choose == choose && self.need == *need && self.prefer == prefer
    }

    pub fn count(&mut self, standing: Standing) {
        self.counts[standing as usize] += 1;
    }

    pub fn uncount(&mut self, standing: Standing) {
        self.counts[standing as usize] = self.counts[standing as usize].saturating_sub(1);
    }

    pub fn tally(&self) -> Tally {
        let of = |standing: Standing| self.counts[standing as usize];
        Tally {
            ready: of(Standing::Ready),
            busy: of(Standing::Busy),
            wrap_up: of(Standing::WrapUp),
            resting: of(Standing::Resting),
            not_ready: of(Standing::NotReady),
            unreachable: of(Standing::Unreachable),
            signed_out: of(Standing::SignedOut),
        }
    }

    /// Somebody is signed in who could serve it, now or later.
    pub fn is_served(&self) -> bool {
        self.tally().signed_in() > 0
    }
}
