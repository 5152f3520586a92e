//! Operators: what they do, what that means for offers, and how they are counted.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::words::{Level, OperatorState};
use crate::ids::{CallId, OfferId, OperatorId, Reason, SeatId, Skill};
use crate::moment::Moment;

/// Why a fresh sign-in is not ready.
pub(super) const SIGNED_IN: &str = "signed_in";
/// Why an operator who let the phone ring is not ready.
pub(super) const RONA: &str = "rona";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Operator {
    /// `None`: signed out.
    pub seat: Option<SeatId>,
    pub activity: Activity,
    /// Asked for while busy; applied when the work is done.
    pub next: Option<Next>,
    /// The longest idle is offered first.
    pub idle_since: Moment,
    /// The phone failed: no offers until then.
    pub resting_until: Option<Moment>,
    /// Signed out by themselves: a phone that comes back does not sign them in.
    pub left: bool,
    /// No longer in the rules: signed out as soon as they are free.
    pub retired: bool,
    /// Index into the engine's profiles.
    pub profile: usize,
    /// As counted in the profile, so that it can be taken back.
    pub standing: Standing,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Activity {
    NotReady(Reason),
    Ready,
    Offered { offer: OfferId, until: Moment },
    Talking(CallId),
    Holding(CallId),
    WrapUp { until: Moment },
    Outbound { was: Box<Activity> },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Next {
    NotReady(Reason),
    SignOut,
}

/// What an operator counts as when somebody is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Standing {
    SignedOut,
    NotReady,
    Unreachable,
    Resting,
    Ready,
    Busy,
    WrapUp,
}

impl Standing {
    const COUNT: usize = 7;
}

impl Operator {
    pub fn new(profile: usize) -> Self {
        Self {
            seat: None,
            activity: Activity::NotReady(SIGNED_IN.into()),
            next: None,
            idle_since: Moment::default(),
            resting_until: None,
            left: false,
            retired: false,
            profile,
            standing: Standing::SignedOut,
        }
    }

    /// The standing that follows from everything else.
    pub fn stands(&self, reachable: bool) -> Standing {
        if self.seat.is_none() {
            return Standing::SignedOut;
        }
        match &self.activity {
            Activity::Offered { .. } | Activity::Talking(_) | Activity::Holding(_) | Activity::Outbound { .. } => {
                Standing::Busy
            }
            Activity::WrapUp { .. } => Standing::WrapUp,
            Activity::NotReady(_) => Standing::NotReady,
            Activity::Ready if !reachable => Standing::Unreachable,
            Activity::Ready if self.resting_until.is_some() => Standing::Resting,
            Activity::Ready => Standing::Ready,
        }
    }

    /// As the world is told.
    pub fn state(&self, reachable: bool) -> OperatorState {
        if self.seat.is_none() {
            return OperatorState::SignedOut;
        }
        let state = match &self.activity {
            Activity::NotReady(reason) => OperatorState::NotReady { reason: reason.clone() },
            Activity::Ready => OperatorState::Ready,
            Activity::Offered { offer, until } => OperatorState::Offered { offer: *offer, until: *until },
            Activity::Talking(contact) => OperatorState::Talking { contact: *contact },
            Activity::Holding(contact) => OperatorState::Holding { contact: *contact },
            Activity::WrapUp { until } => OperatorState::WrapUp { until: *until },
            Activity::Outbound { .. } => OperatorState::Outbound,
        };
        match state {
            idle @ (OperatorState::Ready | OperatorState::NotReady { .. }) if !reachable => {
                OperatorState::Unreachable { was: Box::new(idle) }
            }
            state => state,
        }
    }

    /// With a contact or on another call: cannot be moved away from it.
    pub fn is_engaged(&self) -> bool {
        matches!(self.activity, Activity::Talking(_) | Activity::Holding(_) | Activity::Outbound { .. })
    }
}

/// One operator, for those who look on.
#[derive(Clone, Debug, PartialEq)]
pub struct OperatorView<'a> {
    pub operator: &'a OperatorId,
    pub seat: Option<&'a SeatId>,
    pub state: OperatorState,
}

/// All operators with exactly the same skills.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Profile {
    pub skills: BTreeMap<Skill, Level>,
    /// Those who may be offered something, longest idle first; ties by name.
    pub ready: BTreeSet<(Moment, OperatorId)>,
    /// Classes whose need these skills meet: indices into the engine's classes.
    pub meets: Vec<usize>,
    counts: [usize; Standing::COUNT],
}

impl Profile {
    pub fn new(skills: BTreeMap<Skill, Level>) -> Self {
        Self { skills, ready: BTreeSet::new(), meets: Vec::new(), counts: [0; Standing::COUNT] }
    }

    pub fn add(&mut self, standing: Standing, id: &OperatorId, idle_since: Moment) {
        self.counts[standing as usize] += 1;
        if standing == Standing::Ready {
            self.ready.insert((idle_since, id.clone()));
        }
    }

    pub fn remove(&mut self, standing: Standing, id: &OperatorId, idle_since: Moment) {
        self.counts[standing as usize] = self.counts[standing as usize].saturating_sub(1);
        if standing == Standing::Ready {
            self.ready.remove(&(idle_since, id.clone()));
        }
    }

    pub fn count(&self, standing: Standing) -> usize {
        self.counts[standing as usize]
    }
}
