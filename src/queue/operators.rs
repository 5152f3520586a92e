//! Operators: what they do, what that means for offers, and how they are counted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::deadlines::Deadline;
use super::line::{Class, Rank};
use super::settings::{Choose, Level};
use super::sorted::Sorted;
use super::words::{Next, OperatorState};
use crate::ids::{CallId, OfferId, OperatorId, Reason, SeatId, Skill};
use crate::moment::Moment;

/// Why a fresh sign-in is not ready.
pub(super) const SIGNED_IN: &str = "signed_in";
/// Why an operator who let the phone ring is not ready.
pub(super) const RONA: &str = "rona";

/// Why an operator is not ready whose phone says busy again and again, though the house has no call with it.
pub(super) const PHONE_BUSY: &str = "phone_busy";
/// Why an operator whose phone was lost in a talk is not ready.
pub const LOST: &str = "phone_lost";

/// Index into the engine's operators; an operator keeps it for as long as they are named in the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Slot(pub(super) u32);

/// What orders the ready of a class: the preferred first, then by the class's way of choosing, then the longest
/// idle, then by name.
pub(super) type ReadyKey = (i32, u64, Moment, u32, Slot);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Operator {
    pub id: OperatorId,
    /// `None`: signed out.
    pub seat: Option<SeatId>,
    pub activity: Activity,
    /// Asked for while busy; applied when the work is done.
    pub next: Option<Next>,
    /// Calls of their own that go on while they are with a contact.
    #[serde(default)]
    pub own_calls: u8,
    pub idle_since: Moment,
    /// The phone at the seat can be rung.
    pub reachable: bool,
    /// The phone failed: no offers until then.
    pub resting_until: Option<Moment>,
    /// How often in a row the phone could not be rung.
    pub unreached: u32,
    /// How often in a row the phone was busy, or refused by itself.
    #[serde(default)]
    pub busied: u32,
    /// Signed out by themselves: a phone that comes back does not sign them in.
    pub left: bool,
    /// No longer in the rules: signed out as soon as they are free.
    pub retired: bool,
    /// Index into the engine's profiles.
    pub profile: usize,
    /// Position by name.
    pub order: u32,
    pub weight: u32,
    /// As counted in the classes, so that it can be taken back.
    pub standing: Standing,
    /// The timer of the state they are in.
    pub timer: Option<(Moment, Deadline)>,
    pub work: Work,
    /// Contacts that wait for this very operator.
    pub wanted_by: Sorted<Rank>,
    /// What the world was told last.
    pub told: Option<Told>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Told {
    pub seat: Option<SeatId>,
    pub state: OperatorState,
    pub next: Option<Next>,
}

impl Told {
    pub fn is(&self, seat: Option<&SeatId>, state: &OperatorState, next: Option<&Next>) -> bool {
        self.seat.as_ref() == seat && self.state == *state && self.next.as_ref() == next
    }
}

/// What was done since the sign-in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Work {
    pub contacts: u64,
    /// Number of the last offer.
    pub last_offer: u64,
    /// Since when the present standing lasts.
    pub since: Moment,
    pub busy: Duration,
    /// Busy or ready.
    pub staffed: Duration,
}

impl Work {
    /// The present standing ends.
    pub fn count(&mut self, now: Moment, standing: Standing) {
        let lasted = now.since(self.since);
        self.since = now;
        if matches!(standing, Standing::Busy | Standing::WrapUp) {
            self.busy += lasted;
        }
        if matches!(standing, Standing::Busy | Standing::WrapUp | Standing::Ready | Standing::Resting) {
            self.staffed += lasted;
        }
    }

    /// Busy share in parts per million.
    fn occupancy(&self) -> u64 {
        let staffed = self.staffed.as_micros().max(1);
        u64::try_from(self.busy.as_micros() * 1_000_000 / staffed).unwrap_or(u64::MAX)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Activity {
    NotReady(Reason),
    Ready,
    Offered {
        offer: OfferId,
        until: Moment,
    },
    Reserved {
        contact: CallId,
        until: Moment,
    },
    Talking(CallId),
    Holding(CallId),
    /// `longest`: until when it can be extended.
    WrapUp {
        until: Moment,
        longest: Moment,
    },
    /// `more`: calls of theirs beside the first.
    Outbound {
        was: Box<Activity>,
        #[serde(default)]
        more: u8,
    },
}

/// What an operator counts as when somebody is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    SignedOut,
    NotReady,
    Unreachable,
    Resting,
    Ready,
    Busy,
    WrapUp,
}

impl Standing {
    pub(super) const COUNT: usize = 7;
}

impl Operator {
    pub fn new(id: OperatorId) -> Self {
        Self {
            id,
            seat: None,
            activity: Activity::NotReady(SIGNED_IN.into()),
            next: None,
            own_calls: 0,
            idle_since: Moment::default(),
            reachable: false,
            resting_until: None,
            unreached: 0,
            busied: 0,
            left: false,
            retired: false,
            profile: 0,
            order: 0,
            weight: 1,
            standing: Standing::SignedOut,
            timer: None,
            work: Work::default(),
            wanted_by: Sorted::default(),
            told: None,
        }
    }

    /// The standing that follows from everything else.
    pub fn stands(&self) -> Standing {
        if self.seat.is_none() {
            return Standing::SignedOut;
        }
        match &self.activity {
            Activity::Offered { .. }
            | Activity::Reserved { .. }
            | Activity::Talking(_)
            | Activity::Holding(_)
            | Activity::Outbound { .. } => Standing::Busy,
            Activity::WrapUp { .. } => Standing::WrapUp,
            Activity::NotReady(_) => Standing::NotReady,
            Activity::Ready if !self.reachable => Standing::Unreachable,
            Activity::Ready if self.resting_until.is_some() => Standing::Resting,
            Activity::Ready => Standing::Ready,
        }
    }

    /// As the world is told.
    pub fn state(&self) -> OperatorState {
        if self.seat.is_none() {
            return OperatorState::SignedOut;
        }
        let state = match &self.activity {
            Activity::NotReady(reason) => OperatorState::NotReady { reason: reason.clone() },
            Activity::Ready => OperatorState::Ready,
            Activity::Offered { offer, until } => OperatorState::Offered { offer: *offer, until: *until },
            Activity::Reserved { contact, until } => OperatorState::Reserved { contact: *contact, until: *until },
            Activity::Talking(contact) => OperatorState::Talking { contact: *contact },
            Activity::Holding(contact) => OperatorState::Holding { contact: *contact },
            Activity::WrapUp { until, .. } => OperatorState::WrapUp { until: *until },
            Activity::Outbound { .. } => OperatorState::Outbound,
        };
        match state {
            idle @ (OperatorState::Ready | OperatorState::NotReady { .. }) if !self.reachable => {
                OperatorState::Unreachable { was: Box::new(idle) }
            }
            state => state,
        }
    }

    /// With a contact or on another call: cannot be moved away from it.
    pub fn is_engaged(&self) -> bool {
        matches!(
            self.activity,
            Activity::Talking(_) | Activity::Holding(_) | Activity::Outbound { .. } | Activity::Reserved { .. }
        )
    }

    /// Where this operator stands among the ready of a class.
    pub fn key(&self, slot: Slot, profile: &Profile, meets: &Meets, class: &Class) -> ReadyKey {
        (-meets.preference, self.sort_figure(profile, meets, class.choose), self.idle_since, self.order, slot)
    }

    fn sort_figure(&self, profile: &Profile, meets: &Meets, choose: Choose) -> u64 {
        match choose {
            Choose::MostSkilled => u64::MAX - self.figure(profile, meets, choose),
            _ => self.figure(profile, meets, choose),
        }
    }

    /// What the choice is by, as it is told.
    pub fn figure(&self, profile: &Profile, meets: &Meets, choose: Choose) -> u64 {
        match choose {
            Choose::LongestIdle => self.idle_since.as_micros(),
            Choose::LeastOccupied => self.work.occupancy(),
            Choose::MostSkilled => u64::from(meets.skill),
            Choose::LeastSkilled => u64::from(profile.breadth),
            Choose::RoundRobin => self.work.last_offer,
            Choose::FewestCalls => self.work.contacts,
            Choose::Weighted => self.work.contacts * 1000 / u64::from(self.weight.max(1)),
        }
    }
}

/// One operator, for those who look on.
#[derive(Clone, Debug, PartialEq)]
pub struct OperatorView<'a> {
    pub operator: &'a OperatorId,
    pub seat: Option<&'a SeatId>,
    pub state: OperatorState,
    pub next: Option<&'a Next>,
}

/// All operators with exactly the same skills.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Profile {
    pub skills: BTreeMap<Skill, Level>,
    /// All levels summed.
    pub breadth: u32,
    /// The classes whose need these skills meet.
    pub meets: Vec<Meets>,
}

/// How well a profile fits a class.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Meets {
    /// Index into the engine's classes.
    pub class: usize,
    /// Sum of the weights of the preferences met.
    pub preference: i32,
    /// Levels summed over the skills that the need names.
    pub skill: u32,
}

impl Profile {
    pub fn new(skills: BTreeMap<Skill, Level>, classes: &[Class]) -> Self {
        let breadth = skills.values().map(|level| u32::from(*level)).sum();
        let mut profile = Self { skills, breadth, meets: Vec::new() };
        for (index, class) in classes.iter().enumerate() {
            if class.need.is_met_by(&profile.skills) {
                let met = class.prefer.iter().filter(|preference| preference.need.is_met_by(&profile.skills));
                let preference = met.map(|preference| preference.weight).sum();
                let named: BTreeSet<&Skill> = class.need.skills().into_iter().collect();
                let skill = named.iter().filter_map(|skill| profile.skills.get(*skill)).map(|l| u32::from(*l)).sum();
                profile.meets.push(Meets { class: index, preference, skill });
            }
        }
        profile
    }

    pub fn meets(&self, class: usize) -> Option<&Meets> {
        self.meets.binary_search_by_key(&class, |meets| meets.class).ok().map(|at| &self.meets[at])
    }
}
