//! What the queue engine is told (inputs, each logged) and what it says (outputs).

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::{CallId, OfferId, OperatorId, QueueId, Reason, SeatId, Skill};
use crate::moment::Moment;

/// A level of a skill, 1 (a little) to 10 (best).
pub type Level = u8;

/// The rules in force, as one logged input.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    pub queues: BTreeMap<QueueId, QueueRules>,
    pub operators: BTreeMap<OperatorId, OperatorRules>,
    pub seats: Vec<SeatId>,
    /// How long an operator who failed to take a contact is not offered that contact again.
    pub exclude_for: Duration,
    /// Reasons for not being ready, in the order of the feature codes (`*141`, `*142` …).
    pub reasons: Vec<Reason>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueueRules {
    pub need: Need,
    /// How long one operator's phone rings.
    pub ring: Duration,
    pub wrap_up: Duration,
    /// Contacts that may wait at once; a further one is refused.
    pub max_waiting: usize,
    /// A contact that waited so long leaves the line. `None`: no limit.
    pub max_wait: Option<Duration>,
    /// T of the service level.
    pub answer_within: Duration,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperatorRules {
    pub name: String,
    pub skills: BTreeMap<Skill, Level>,
    /// The seat at which this operator is signed in when its phone becomes reachable, if any.
    pub seat: Option<SeatId>,
}

/// What a contact requires of an operator, e.g. `mandarin >= 3 and (housing >= 5 or market >= 5)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// Anybody will do.
    Anyone,
    AtLeast(Skill, Level),
    All(Vec<Need>),
    Any(Vec<Need>),
    Not(Box<Need>),
}

/// Everything that can happen to the engine. Nothing else changes it, but its own deadlines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "input", rename_all = "snake_case")]
pub enum Input {
    Rules {
        rules: Rules,
    },
    /// A queue opens or closes (its hours).
    Open {
        queue: QueueId,
        open: bool,
    },
    /// The phone at a seat can be reached, or not.
    SeatReachable {
        seat: SeatId,
        reachable: bool,
    },
    /// Signing in elsewhere signs out the old seat; the seat's former operator is signed out.
    /// A fresh sign-in is NotReady(`signed_in`).
    SignIn {
        operator: OperatorId,
        seat: SeatId,
    },
    SignOut {
        operator: OperatorId,
    },
    Ready {
        operator: OperatorId,
    },
    NotReady {
        operator: OperatorId,
        reason: Reason,
    },
    EndWrapUp {
        operator: OperatorId,
    },
    /// A contact joins a line. `arrived_at` is when the caller's visit began.
    Join {
        contact: CallId,
        queue: QueueId,
        arrived_at: Moment,
    },
    /// The caller hung up, or the house took the contact out of the line.
    Leave {
        contact: CallId,
    },
    /// The operator's phone was answered.
    Accepted {
        offer: OfferId,
    },
    /// The operator's phone could not be rung, or was not answered.
    Failed {
        offer: OfferId,
        why: OfferFailure,
    },
    /// The talk is over (either side hung up): wrap-up begins.
    TalkEnded {
        contact: CallId,
    },
    /// Hold and resume by the operator, for the statistics and the board.
    Held {
        contact: CallId,
        held: bool,
    },
    /// The process began again: contacts and offers are gone; who rang is ready, who talked is in wrap-up.
    Restarted,
    /// The operator makes a call outside the queue.
    Outbound {
        operator: OperatorId,
        busy: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferFailure {
    NoAnswer,
    Rejected,
    Busy,
    Unreachable,
}

/// How an offer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferOutcome {
    Answered,
    NoAnswer,
    Rejected,
    Busy,
    Unreachable,
    CallerGone,
}

/// An operator's state. One timer per state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum OperatorState {
    SignedOut,
    NotReady {
        reason: Reason,
    },
    Ready,
    Offered {
        offer: OfferId,
        until: Moment,
    },
    Talking {
        contact: CallId,
    },
    Holding {
        contact: CallId,
    },
    WrapUp {
        until: Moment,
    },
    Outbound,
    /// Signed in, but the phone is lost; `was` comes back with it (Ready or NotReady).
    Unreachable {
        was: Box<OperatorState>,
    },
}

/// What the engine says. Also the decision log's lines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "output", rename_all = "snake_case")]
pub enum Output {
    /// The contact waits.
    Joined {
        contact: CallId,
        queue: QueueId,
    },
    /// The contact could not join.
    Refused {
        contact: CallId,
        queue: QueueId,
        why: JoinRefusal,
    },
    /// Ring this seat for this contact.
    Offer {
        offer: OfferId,
        contact: CallId,
        operator: OperatorId,
        seat: SeatId,
        until: Moment,
    },
    /// Stop ringing: the caller is gone, or the offer ran out.
    Withdraw {
        offer: OfferId,
        contact: CallId,
        why: OfferOutcome,
    },
    /// The offer ended; one for each `Offer`. `ms` it rang.
    OfferEnded {
        offer: OfferId,
        contact: CallId,
        operator: OperatorId,
        seat: SeatId,
        outcome: OfferOutcome,
        at: Moment,
        ms: u64,
    },
    /// The contact is with this operator now.
    Connected {
        contact: CallId,
        queue: QueueId,
        operator: OperatorId,
        seat: SeatId,
        waited_ms: u64,
    },
    /// The contact left the line without an operator.
    Left {
        contact: CallId,
        queue: QueueId,
        why: LeftLine,
    },
    Operator {
        operator: OperatorId,
        seat: Option<SeatId>,
        state: OperatorState,
    },
    /// Somebody to offer, or nobody: with the reason (decision log).
    Decided {
        contact: CallId,
        queue: QueueId,
        chosen: Option<OperatorId>,
        why: String,
    },
    /// An input that made no sense in the state it met, e.g. Ready of somebody who is signed out.
    Ignored {
        why: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JoinRefusal {
    Closed,
    Full,
    UnknownQueue,
    /// The same contact waits already.
    Twice,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftLine {
    CallerGone,
    /// `max_wait` is over.
    TooLong,
}

/// A contact's place in its line, as told to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// 1: next. Counts only contacts of the same queue ahead of it.
    pub number: usize,
    /// `None`: nobody who could serve it is signed in, or nothing is known yet.
    pub expected_wait: Option<Duration>,
    /// An offer rings for it right now: announce nothing.
    pub ringing: bool,
}
