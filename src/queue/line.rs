//! Who waits, and in which order.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::estimate::HandleTime;
use super::words::{Need, QueueRules};
use crate::ids::{CallId, OfferId, OperatorId, QueueId};
use crate::moment::Moment;

/// The one scale that orders contacts over all queues: smaller is served first.
pub(super) type Rank = (Moment, CallId);

/// A contact from joining a line to the end of its talk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Contact {
    pub queue: QueueId,
    pub joined_at: Moment,
    /// Operators who failed to take it, and until when they are not asked again.
    pub excluded: BTreeMap<OperatorId, Moment>,
    pub state: ContactState,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ContactState {
    Waiting,
    Offered(OfferId),
    Talking { operator: OperatorId, since: Moment },
}

impl Contact {
    pub fn rank(&self, id: CallId) -> Rank {
        (self.joined_at, id)
    }
}

/// One queue: its rules, and everybody in its line (those an offer rings for keep their place).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Line {
    pub rules: QueueRules,
    pub open: bool,
    /// Index into the engine's classes.
    pub class: usize,
    pub order: BTreeSet<Rank>,
    pub handle_time: HandleTime,
    /// No longer in the rules: nobody joins, those in it are served.
    pub retired: bool,
}

/// All contacts with the same need, whatever their queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Class {
    pub need: Need,
    /// Those who wait and for whom nothing rings.
    pub waiting: BTreeSet<Rank>,
    /// Profiles that meet the need: indices into the engine's profiles.
    pub profiles: Vec<usize>,
}
