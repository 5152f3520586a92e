//! The rules as the admin meant them: what the engine is given by [`Input::Rules`](super::Input::Rules).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::{OperatorId, QueueId, Reason, SeatId, Skill};

/// A level of a skill, 1 (a little) to 10 (best).
pub type Level = u8;

/// Phones that can be rung at once for one contact.
pub const MAX_RING_AT_ONCE: usize = 8;
/// What [`Rules::most_busy`] is in every house: a call of the operator's own is over after three offers, or they are no
/// longer there for callers.
pub const MOST_BUSY: u32 = 3;
/// Queues that a contact can be moved through before it stays where it is.
pub const MAX_MOVES: u8 = 5;

/// The rules in force, as one logged input.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// Counts up with each change; every decision names the one it was made by.
    pub version: u64,
    pub queues: BTreeMap<QueueId, QueueRules>,
    /// What queues were called before: the former id, and the id of the queue that goes on in its place.
    #[serde(default)]
    pub formerly: BTreeMap<QueueId, QueueId>,
    pub operators: BTreeMap<OperatorId, OperatorRules>,
    pub seats: BTreeSet<SeatId>,
    /// How long an operator who failed to take a contact is not offered that contact again; twice as long after
    /// each further failure, up to eight times.
    pub exclude_for: Duration,
    /// A phone that is lost and returns within this finds its operator as they were; later, who was ready is
    /// signed out.
    pub phone_grace: Duration,
    /// A phone that says busy so often in a row, or refuses so often quicker than anybody could, makes its operator
    /// not ready. Zero: never.
    #[serde(default)]
    pub most_busy: u32,
    /// A caller who gave up and calls again within this gets the old place. Zero: never.
    pub redial_within: Duration,
    /// Reasons for not being ready, in the order of the feature codes (`*141`, `*142` …).
    pub reasons: Vec<Reason>,
}

impl Rules {
    /// What a queue is called now that may have had another name.
    pub fn now_called(&self, queue: QueueId) -> QueueId {
        match self.formerly.get(&queue) {
            Some(now) if !self.queues.contains_key(&queue) => now.clone(),
            _ => queue,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueueRules {
    pub need: Need,
    /// Who is asked first among those who will do: the weights of the needs they meet are summed, more is better.
    pub prefer: Vec<Preference>,
    /// How the need relaxes. The last step one of whose conditions is met is in force; it is never taken back.
    pub steps: Vec<Step>,
    pub choose: Choose,
    /// Phones rung at once for one contact; the first to answer has it. 1 to [`MAX_RING_AT_ONCE`].
    pub ring_at_once: usize,
    /// How long one operator's phone rings.
    pub ring: Duration,
    pub wrap_up: Duration,
    /// Wrap-up can be extended to this length.
    pub wrap_up_max: Duration,

    /// Head start over contacts of other queues, as if they had waited so much longer.
    pub priority: Duration,
    /// Before everything else, whatever the others waited. For emergencies only.
    pub emergency: bool,
    /// The longer the wait, the greater the head start.
    pub ageing: Option<Ageing>,
    /// Head start for each time the house put the contact back (its operator's phone failed or was not answered).
    pub put_back_boost: Duration,

    /// The last operator this caller spoke with is waited for so long before others are asked. Zero: not at all.
    pub preferred_for: Duration,

    /// Contacts that may wait at once.
    pub max_waiting: usize,
    /// A contact that waited so long leaves the line. `None`: no limit.
    pub max_wait: Option<Duration>,
    /// What happens then instead of an announcement.
    pub if_too_long: Option<Exit>,
    pub if_full: Option<Exit>,
    pub if_closed: Option<Exit>,
    /// Nobody is signed in who could ever serve the contact. `None`: it waits.
    pub if_nobody: Option<Exit>,
    /// Keys that lead out of the line.
    pub keys: BTreeMap<char, Exit>,
    pub callback: Option<CallbackRules>,

    /// T of the service level.
    pub answer_within: Duration,
    /// Who gives up within this is not counted as offered.
    pub short_abandon: Duration,
}

/// What a queue promises its callers, and whom it counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Promise {
    pub answer_within: Duration,
    pub short_abandon: Duration,
}

impl Promise {
    /// Whoever is answered after this wait is answered in time.
    pub fn is_kept_after(self, wait: Duration) -> bool {
        wait <= self.answer_within
    }

    /// Whoever gives up after this wait was never offered.
    pub fn is_short(self, wait: Duration) -> bool {
        wait < self.short_abandon
    }
}

impl QueueRules {
    pub fn promise(&self) -> Promise {
        Promise { answer_within: self.answer_within, short_abandon: self.short_abandon }
    }

    /// The plainest queue: one need, longest idle first, nothing relaxes.
    pub fn plain(need: Need) -> Self {
        QueueRules {
            need,
            prefer: Vec::new(),
            steps: Vec::new(),
            choose: Choose::LongestIdle,
            ring_at_once: 1,
            ring: Duration::from_secs(20),
            wrap_up: Duration::from_secs(10),
            wrap_up_max: Duration::from_secs(300),
            priority: Duration::ZERO,
            emergency: false,
            ageing: None,
            put_back_boost: Duration::ZERO,
            preferred_for: Duration::ZERO,
            max_waiting: 1000,
            max_wait: None,
            if_too_long: None,
            if_full: None,
            if_closed: None,
            if_nobody: None,
            keys: BTreeMap::new(),
            callback: None,
            answer_within: Duration::from_secs(15),
            short_abandon: Duration::ZERO,
        }
    }

    /// Need and preferences after `step` steps (0: as the queue begins).
    pub fn at_step(&self, step: usize) -> (&Need, &[Preference]) {
        match step.checked_sub(1).and_then(|step| self.steps.get(step)) {
            Some(step) => (&step.need, step.prefer.as_deref().unwrap_or(&self.prefer)),
            None => (&self.need, &self.prefer),
        }
    }

    /// Every queue that a contact of this one can be sent to.
    pub fn sends_to(&self) -> impl Iterator<Item = &QueueId> {
        let exits = [&self.if_too_long, &self.if_full, &self.if_closed, &self.if_nobody];
        exits.into_iter().flatten().chain(self.keys.values()).filter_map(|exit| match exit {
            Exit::Queue(queue) => Some(queue),
            _ => None,
        })
    }
}

/// What a contact requires of an operator, e.g. `mandarin >= 3 and (housing >= 5 or market >= 5)`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// Anybody will do.
    Anyone,
    AtLeast(Skill, Level),
    All(Vec<Need>),
    Any(Vec<Need>),
    Not(Box<Need>),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Preference {
    pub need: Need,
    /// -1000 to 1000.
    pub weight: i32,
}

/// One relaxation. At least one condition is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The contact waited so long in this queue.
    pub after: Option<Duration>,
    /// Its expected wait is longer than this.
    pub expected_wait: Option<Duration>,
    /// Nobody who is signed in could ever serve it as it is.
    pub nobody: bool,
    pub need: Need,
    /// `None`: those of the queue.
    pub prefer: Option<Vec<Preference>>,
}

/// Who is asked first among the ready who will do and are preferred alike. Ties: the longest idle, then by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choose {
    LongestIdle,
    /// The smallest busy share of the time signed in, as it was when they became free.
    LeastOccupied,
    /// The highest levels, summed over the skills that the need names.
    MostSkilled,
    /// The lowest levels, summed over all skills: experts are kept free.
    LeastSkilled,
    /// The longest since the last offer.
    RoundRobin,
    /// The fewest contacts since sign-in.
    FewestCalls,
    /// The fewest contacts since sign-in for their `weight`.
    Weighted,
}

/// After each `every` of waiting the contact's head start grows by `boost`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ageing {
    pub every: Duration,
    pub boost: Duration,
}

/// Where a contact goes that leaves the line without an operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// Another queue, its place kept.
    Queue(QueueId),
    /// Somebody outside, over the trunk.
    Number(String),
    /// The caller leaves a message.
    Message,
    /// The caller hangs up and is called when it is their turn.
    Callback,
}

/// Virtual hold: the caller's place waits without the caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackRules {
    pub first: CallbackFirst,
    /// Callbacks of this queue that may wait at once.
    pub max_waiting: usize,
    /// How long the customer's phone rings.
    pub ring: Duration,
    /// From the promise until the customer is tried first: they hang up meanwhile, and their phone is free again.
    #[serde(default)]
    pub first_after: Duration,
    /// How often the customer is tried, at least 1.
    pub attempts: u8,
    /// Between two tries.
    pub retry: Duration,
    /// A callback that was not reached within this is given up.
    pub expires: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackFirst {
    /// An operator is kept free while the customer's phone rings.
    Customer,
    /// The customer is rung once an operator took the callback.
    Operator,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OperatorRules {
    pub name: String,
    pub skills: BTreeMap<Skill, Level>,
    /// The seat at which this operator is signed in when its phone becomes reachable, if any.
    pub seat: Option<SeatId>,
    /// Share of the contacts where queues choose by weight; 0 counts as 1.
    pub weight: u32,
    /// May set the state of others.
    pub supervisor: bool,
}
