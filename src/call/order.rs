//! What somebody asks of a call, from a page, a program or a code, and why it is not done.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{OperatorId, QueueId, SeatId};
use crate::queue::JoinRefusal;
pub use crate::records::Supervision;

/// Characters of a note; longer ones are refused.
pub const LONGEST_NOTE: usize = 4000;

/// What somebody asks of a call. All but the last three are for the call's own operator, those for supervisors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum Order {
    /// The caller hears music.
    Hold,
    Resume,
    /// The caller hears music; the operator is joined with `to`.
    Consult {
        to: Whom,
    },
    /// The consultation ends, the operator is with the caller again.
    Return,
    /// The operator leaves; caller and consulted are joined. Who does not answer yet is waited for as after
    /// [`Order::Transfer`].
    Complete,
    /// Caller, operator and consulted hear each other.
    Conference,
    /// Blind: the operator leaves at once. If `to` fails the caller goes back to the queue, in front. A queue that lets
    /// nobody in is refused before.
    Transfer {
        to: Whom,
    },
    /// Hands an emergency to this target, as by its code; `None`: no longer.
    HandOff {
        target: Option<String>,
    },
    /// Into the record; replaces what the same author wrote before. Also after the call, [`super::Calls::note_afterwards`].
    Note {
        text: String,
    },
    HangUp,
    /// From here on the recording is silent: the citizen asks for it, or tells a card's number.
    PauseRecording,
    ResumeRecording,
    /// The phone of the operator, or of whom they consult, begins anew: the seat is rung again (auto-answer) and takes
    /// the old leg's place.
    Reclaim,
    /// The supervisor's phone is rung (auto-answer) and brought in; said again: the mode changes.
    Supervise {
        mode: Supervision,
    },
    LeaveSupervision,
    /// The supervisor becomes the call's operator; the operator goes to wrap-up.
    TakeOver,
}

impl Order {
    /// For the log, which is not told what citizens said or whom they are to speak with.
    pub fn name(&self) -> &'static str {
        match self {
            Order::Hold => "hold",
            Order::Resume => "resume",
            Order::Consult { .. } => "consult",
            Order::Return => "return",
            Order::Complete => "complete",
            Order::Conference => "conference",
            Order::Transfer { .. } => "transfer",
            Order::HandOff { .. } => "hand_off",
            Order::Note { .. } => "note",
            Order::HangUp => "hang_up",
            Order::PauseRecording => "pause_recording",
            Order::ResumeRecording => "resume_recording",
            Order::Reclaim => "reclaim",
            Order::Supervise { .. } => "supervise",
            Order::LeaveSupervision => "leave_supervision",
            Order::TakeOver => "take_over",
        }
    }
}

/// To whom an operator turns with a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whom {
    /// At the seat they are signed in at.
    Operator(OperatorId),
    Seat(SeatId),
    Queue(QueueId),
    /// Outside, over the trunk for calls of ours.
    Number(String),
}

impl fmt::Display for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Whom::Operator(operator) => write!(f, "operator {operator}"),
            Whom::Seat(seat) => write!(f, "seat {seat}"),
            Whom::Queue(queue) => write!(f, "queue {queue}"),
            Whom::Number(number) => f.write_str(number),
        }
    }
}

/// Why an order is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotDone {
    NoSuchCall,
    /// Another operator has the call.
    NotYours,
    /// Only supervisors may.
    NotSupervisor,
    /// Nobody talks in it, or no longer.
    NotInTalk,
    NotOnHold,
    AlreadyOnHold,
    NobodyConsulted,
    /// Somebody is consulted already.
    AlreadyConsulting,
    /// An emergency is being handed off.
    EmergencyGoesOn,
    NotAnsweredYet,
    NoSuchOperator,
    NoSuchSeat,
    NoSuchQueue,
    NoSuchTarget,
    /// The files name no emergency service.
    NoEmergencies,
    /// Nobody is called for them who could be let go.
    NothingHandedOff,
    /// The service has taken the matter, or nobody else is left to talk to.
    HandedOff,
    /// No operator is signed in who is meant.
    NotSignedIn,
    /// The colleague talks, is rung, or is in wrap-up.
    Busy,
    /// The colleague's phone cannot be reached.
    Unreachable,
    /// Nobody of the queue is ready.
    NobodyReady,
    /// Nobody is signed in who could serve the queue, and it lets nobody wait for that.
    NobodyServes,
    QueueClosed,
    QueueFull,
    Themselves,
    /// Not a number that is dialled.
    NoNumber,
    /// No trunk goes out.
    NoWayOut,
    /// Not among the numbers that people may dial.
    NotAllowed,
    /// What was meant as a number is how the house calls somebody.
    IsOperator,
    IsSeat,
    IsQueue,
    /// Who asks is signed in at no seat that could be rung.
    NoPhone,
    /// Takes no part in the talk.
    NotSupervising,
    TooManySupervisors,
    /// Their phone is there.
    NotLost,
    NotRecorded,
    AlreadyPaused,
    NotPaused,
    TooLong,
    /// Many others have noted something already.
    TooManyNotes,
    /// Notes are written in the call or soon after it.
    TooLate,
    /// They are the caller: their own phone has the call.
    OwnCall,
}

impl fmt::Display for NotDone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotDone::NoSuchCall => "there is no such call, or it is over",
            NotDone::NotYours => "this call is with another operator",
            NotDone::NotSupervisor => "only supervisors may do this",
            NotDone::NotInTalk => "nobody is talking in this call",
            NotDone::NotOnHold => "the caller is not on hold",
            NotDone::AlreadyOnHold => "the caller is on hold already",
            NotDone::NobodyConsulted => "nobody is being consulted",
            NotDone::AlreadyConsulting => "somebody is being consulted already",
            NotDone::EmergencyGoesOn => "an emergency is being handed off; end that first",
            NotDone::NotAnsweredYet => "the other side has not answered yet",
            NotDone::NoSuchOperator => "there is no such operator",
            NotDone::NoSuchSeat => "there is no such seat",
            NotDone::NoSuchQueue => "there is no such queue",
            NotDone::NoSuchTarget => "there is no such emergency target",
            NotDone::NoEmergencies => "no emergency service is set up ([[emergency]] in hotline.toml)",
            NotDone::NothingHandedOff => "no emergency service is being called",
            NotDone::HandedOff => "the emergency service has the matter",
            NotDone::NotSignedIn => "this operator is not signed in",
            NotDone::Busy => "this operator is busy",
            NotDone::Unreachable => "this operator's phone cannot be reached",
            NotDone::NobodyReady => "no operator of this queue is ready",
            NotDone::NobodyServes => "nobody who serves this queue is signed in",
            NotDone::QueueClosed => "this queue is closed",
            NotDone::QueueFull => "this queue is full",
            NotDone::Themselves => "this is the operator's own phone",
            NotDone::NoNumber => "this is not a number that can be dialled",
            NotDone::NotAllowed => {
                "this number may not be dialled: it is not among those that [outward] in hotline.toml allows"
            }
            NotDone::IsOperator => "this is no number, but an operator is called so: write operator: before it",
            NotDone::IsSeat => "this is no number, but a seat is called so: write seat: before it",
            NotDone::IsQueue => "this is no number, but a queue is called so: write queue: before it",
            NotDone::NoWayOut => "nothing leads out of the house: no [[trunk]] in hotline.toml has a `to`",
            NotDone::NoPhone => "sign in at a seat first: its phone is rung",
            NotDone::NotSupervising => "you take no part in this talk",
            NotDone::TooManySupervisors => "enough supervisors take part in this talk",
            NotDone::NotLost => "the operator's phone is not lost",
            NotDone::NotRecorded => "this call is not recorded",
            NotDone::AlreadyPaused => "the recording is paused already",
            NotDone::NotPaused => "the recording is not paused",
            NotDone::TooLong => "this is too long",
            NotDone::TooManyNotes => "too many have noted something on this call already",
            NotDone::TooLate => "the call ended more than a day ago: a supervisor can note something on it",
            NotDone::OwnCall => "you made this call from your own phone, which can hold it and hang up",
        })
    }
}

/// Why nobody can be sent into a line.
impl From<JoinRefusal> for NotDone {
    fn from(why: JoinRefusal) -> NotDone {
        match why {
            JoinRefusal::Closed => NotDone::QueueClosed,
            JoinRefusal::Full => NotDone::QueueFull,
            JoinRefusal::Nobody => NotDone::NobodyServes,
            JoinRefusal::UnknownQueue | JoinRefusal::Twice => NotDone::NoSuchQueue,
        }
    }
}
