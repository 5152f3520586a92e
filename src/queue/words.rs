//! What the queue engine is told (inputs, each logged) and what it says (outputs).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::decision::Decision;
use super::settings::{Exit, Rules};
pub use super::waits::{Expected, ExpectedWaits, LateCause, LeftLine, Place};
use crate::ids::{CallId, OfferId, OperatorId, QueueId, Reason, SeatId};
use crate::moment::Moment;

/// A caller's number, as it is dialled back. Callers without one are not remembered.
pub type Caller = Arc<str>;

/// Everything that can happen to the engine. Nothing else changes it, but its own deadlines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "input", rename_all = "snake_case")]
pub enum Input {
    Rules {
        rules: Arc<Rules>,
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
    /// Elsewhere it signs out the old seat, at a taken seat its operator. A fresh one is NotReady(`signed_in`).
    SignIn {
        operator: OperatorId,
        seat: SeatId,
    },
    SignOut {
        operator: OperatorId,
        by: By,
    },
    Ready {
        operator: OperatorId,
        by: By,
    },
    NotReady {
        operator: OperatorId,
        reason: Reason,
        by: By,
    },
    EndWrapUp {
        operator: OperatorId,
    },
    /// Wrap-up lasts so much longer, within the queue's `wrap_up_max`.
    ExtendWrapUp {
        operator: OperatorId,
        more: Duration,
    },
    /// A contact joins a line. `arrived_at` is when the caller's visit began.
    Join {
        contact: CallId,
        queue: QueueId,
        caller: Option<Caller>,
        arrived_at: Moment,
    },
    /// A contact that nobody has any more comes back: before everybody else, whatever the line's hours and limits.
    Return {
        contact: CallId,
        queue: QueueId,
        caller: Option<Caller>,
        /// The colleague whom they were to be left to, and who did not take them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failed_by: Option<OperatorId>,
    },
    /// An operator sent the contact on to this line: it waits in the place of `since`.
    PassedOn {
        contact: CallId,
        queue: QueueId,
        caller: Option<Caller>,
        since: Moment,
    },
    /// A supervisor puts a contact that waits into another line; its place is kept.
    Move {
        contact: CallId,
        queue: QueueId,
        by: By,
    },
    /// An operator has the contact whom no offer led to it: by a transfer, or because a supervisor took over. Whoever
    /// had it until now wraps up. A contact that nobody had (`caller` is its own) talks for `queue`, which is
    /// [`NO_QUEUE`](super::NO_QUEUE) where none led to the talk.
    HandedOver {
        contact: CallId,
        queue: QueueId,
        to: OperatorId,
        caller: Option<Caller>,
        /// The talk that they have until now: it ends without wrap-up, as whoever had asked them in it gives them this
        /// contact.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        instead_of: Option<CallId>,
    },
    /// The phone of the operator who has the contact is lost: they are not ready.
    OperatorLost {
        contact: CallId,
    },
    /// The caller hung up, or the house took the contact out of the line.
    Leave {
        contact: CallId,
    },
    /// Whoever waited was an operator beside a talk of theirs, who waits no longer: nobody gave up.
    Withdraw {
        contact: CallId,
    },
    /// The house's process ends, and cuts off who waits, or talks: as a caller who hung up, but it is told apart.
    Cut {
        contact: CallId,
    },
    /// The caller pressed a key in the line.
    Key {
        contact: CallId,
        key: char,
    },
    /// The operator's phone was answered.
    Accepted {
        offer: OfferId,
    },
    /// An operator takes the contact that rings at others → an offer to them, or [`Output::PickUpRefused`].
    PickUp {
        contact: CallId,
        operator: OperatorId,
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
    /// The customer of a callback answered: the contact goes on as this call, in its old place.
    Reached {
        contact: CallId,
        call: CallId,
    },
    /// The customer of a callback was not reached.
    NotReached {
        contact: CallId,
        why: NotReached,
    },
    /// How long the lines take, as the run ahead found it.
    Expected {
        lines: BTreeMap<QueueId, ExpectedWaits>,
    },
    /// The process began again: calls and offers are gone, callbacks wait on; who rang is ready, who talked is in
    /// wrap-up. The former process was there until `alive_at`: so long talks lasted and callers waited.
    RestartedAfter {
        alive_at: Moment,
    },
    /// The same as former versions wrote it down, who took everything to last until they began again.
    Restarted,
    /// The operator makes a call outside the queue.
    Outbound {
        operator: OperatorId,
        busy: bool,
    },
}

impl Input {
    /// Until when what is due happens before it: while nobody was there nothing did.
    pub fn due_by(&self, now: Moment) -> Moment {
        match self {
            Input::RestartedAfter { alive_at } => (*alive_at).min(now),
            _ => now,
        }
    }
}

/// Who set an operator's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    Themselves,
    Supervisor(OperatorId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferFailure {
    NoAnswer,
    Rejected,
    Busy,
    Unreachable,
}

/// Why the customer of a callback was not reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotReached {
    NoAnswer,
    Busy,
    Rejected,
    Failed,
    /// The house stopped it: the operator hung up first, or the process is ending. Costs no attempt.
    Withdrawn,
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
    /// Another phone that rang for the same contact was answered first.
    AnsweredElsewhere,
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
    /// Kept free for a callback whose customer is being rung.
    Reserved {
        contact: CallId,
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

impl OperatorState {
    /// With whom somebody in this state talks.
    pub fn talk(&self) -> Option<CallId> {
        match self {
            OperatorState::Talking { contact } | OperatorState::Holding { contact } => Some(*contact),
            _ => None,
        }
    }
}

/// What an operator asked for that is done when the work is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Next {
    NotReady(Reason),
    SignOut,
}

/// What the engine says. Also the decision log's lines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "output", rename_all = "snake_case")]
pub enum Output {
    /// The contact waits.
    Joined {
        contact: CallId,
        queue: QueueId,
        /// The queue that was asked for, where its exit led here.
        instead_of: Option<QueueId>,
        /// Since when its place counts: earlier than now after a redial.
        since: Moment,
        expected: Option<Expected>,
    },
    /// The contact could not join. `exit`: what the rules say instead of an announcement.
    Refused {
        contact: CallId,
        queue: QueueId,
        why: JoinRefusal,
        exit: Option<Exit>,
    },
    /// The contact waits in another queue now, its place kept.
    Moved {
        contact: CallId,
        from: QueueId,
        to: QueueId,
        why: LeftLine,
    },
    /// The contact's need is that of this step now.
    Relaxed {
        contact: CallId,
        queue: QueueId,
        step: usize,
        why: RelaxedBy,
    },
    /// Ring this seat for this contact. `callback`: nobody waits on the line; the number is rung when the
    /// operator has answered.
    Offer {
        offer: OfferId,
        contact: CallId,
        operator: OperatorId,
        seat: SeatId,
        until: Moment,
        callback: Option<Caller>,
    },
    /// Stop ringing: the caller is gone, the offer ran out, or another phone was answered.
    Withdraw {
        offer: OfferId,
        contact: CallId,
        why: OfferOutcome,
    },
    /// Nothing rings for the contact, or it is not for this operator.
    PickUpRefused {
        contact: CallId,
        operator: OperatorId,
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
        /// Since it joined, this time.
        waited_ms: u64,
    },
    /// The contact is with this operator now, without an offer; `from`: who had it until now.
    HandedOver {
        contact: CallId,
        queue: QueueId,
        from: Option<OperatorId>,
        operator: OperatorId,
        seat: SeatId,
    },
    /// The talk is over.
    Ended {
        contact: CallId,
        queue: QueueId,
        operator: OperatorId,
        talk_ms: u64,
        hold_ms: u64,
    },
    /// The contact left the line without an operator.
    Left {
        contact: CallId,
        queue: QueueId,
        why: LeftLine,
        exit: Option<Exit>,
        waited_ms: u64,
    },
    /// The contact is not connected within its queue's `answer_within`: this is why.
    Late {
        contact: CallId,
        queue: QueueId,
        cause: LateCause,
    },
    /// The caller may hang up: the place waits for them.
    CallbackTaken {
        contact: CallId,
        queue: QueueId,
        number: Caller,
    },
    /// The house was cut off while the customer was on the line: they are to be called once more.
    CallbackRenewed {
        contact: CallId,
        queue: QueueId,
        number: Caller,
    },
    CallbackRefused {
        contact: CallId,
        queue: QueueId,
        why: CallbackRefusal,
    },
    /// Ring the customer of this callback.
    Dial {
        contact: CallId,
        queue: QueueId,
        number: Caller,
        attempt: u8,
        until: Moment,
    },
    /// Stop ringing the customer.
    StopDialling {
        contact: CallId,
    },
    /// The callback is over.
    CallbackEnded {
        contact: CallId,
        queue: QueueId,
        result: CallbackResult,
        attempts: u8,
    },
    Operator {
        operator: OperatorId,
        seat: Option<SeatId>,
        state: OperatorState,
        next: Option<Next>,
    },
    Decided(Decision),
    /// An input that made no sense in the state it met, e.g. Ready of somebody who is signed out.
    Ignored {
        why: Arc<str>,
    },
}

/// An output, the number of the last input before it, and when it was said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Said {
    pub seq: u64,
    pub at: Moment,
    pub output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JoinRefusal {
    Closed,
    Full,
    /// Nobody is signed in who could ever serve it.
    Nobody,
    UnknownQueue,
    /// The same contact waits already.
    Twice,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RelaxedBy {
    Waited,
    ExpectedWait,
    Nobody,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackRefusal {
    /// The caller's number is not known.
    NoNumber,
    /// One waits already for this number in this queue.
    Twice,
    Full,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackResult {
    /// The customer answered.
    Reached,
    /// Every attempt failed; why the last one did.
    GivenUp(NotReached),
    Expired,
    /// The customer called again and got the place.
    CalledAgain,
    /// Its queue is gone.
    Withdrawn,
}
