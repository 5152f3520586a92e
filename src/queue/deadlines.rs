//! Every reason why the engine wants waking.

use serde::{Deserialize, Serialize};

use super::operators::Slot;
use super::sorted::Sorted;
use crate::ids::{CallId, OfferId};
use crate::moment::Moment;

/// A timer's name; those of the same moment run in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deadline {
    /// The operator did not answer within the queue's `ring`.
    OfferExpires(OfferId),
    WrapUpEnds(Slot),
    /// An operator whose phone failed may be rung again.
    RestEnds(Slot),
    /// A phone that was lost did not come back.
    PhoneGraceEnds(Slot),
    /// The soonest of what a contact waits for.
    Contact(CallId, Due),
}

/// What a contact's one timer is set for; those of the same moment run in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Due {
    /// The customer's phone was rung long enough.
    DialEnds,
    /// A callback may be tried again.
    RetryBegins,
    CallbackExpires,
    /// An operator who failed to take this contact may be offered it again.
    ExclusionEnds,
    /// Others than the last operator are asked.
    PreferredEnds,
    StepBegins,
    Ages,
    /// The service level is missed.
    Late,
    /// The contact waited for the queue's `max_wait`.
    MaxWait,
}

/// All that is awaited, soonest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Agenda(Sorted<(Moment, Deadline)>);

impl Agenda {
    pub fn set(&mut self, at: Moment, deadline: Deadline) {
        self.0.insert((at, deadline));
    }

    pub fn clear(&mut self, at: Moment, deadline: Deadline) {
        self.0.remove(&(at, deadline));
    }

    pub fn first(&self) -> Option<&(Moment, Deadline)> {
        self.0.first()
    }

    /// Takes the soonest if it is due.
    pub fn take_due(&mut self, now: Moment) -> Option<(Moment, Deadline)> {
        let (at, _) = self.0.first()?;
        if *at > now { None } else { self.0.pop_first() }
    }
}
