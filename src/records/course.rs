//! What a record tells of the course of a call: offers, visits to lines, where it was sent on, holds, transfers,
//! hand-offs, supervisors, phones that were lost, sound that went one way; and the words for what each was and came to.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{OperatorId, QueueId, SeatId, TrunkId};
use crate::moment::Moment;

/// Each with the word that is written for it.
macro_rules! words {
    ($($(#[$of:meta])* $name:ident { $($(#[$meant:meta])* $variant:ident = $word:literal,)+ })+) => {$(
        $(#[$of])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$meant])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// As it is written.
            pub fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $word,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )+};
}

words! {
    /// What came of a phone's ringing.
    OfferOutcome {
        Answered = "answered",
        NoAnswer = "no_answer",
        Rejected = "rejected",
        Busy = "busy",
        Unreachable = "unreachable",
        CallerGone = "caller_gone",
        AnsweredElsewhere = "answered_elsewhere",
    }

    /// How a visit to a line ended.
    LineOutcome {
        /// It waits still.
        Waits = "",
        Answered = "answered",
        Abandoned = "abandoned",
        /// Too soon to count as offered.
        ShortAbandoned = "short_abandoned",
        /// The next visit goes on where this one ended.
        Moved = "moved",
        Overflowed = "overflowed",
        Callback = "callback",
        LeftByKey = "left_by_key",
        Restarted = "restarted",
        /// An operator's who waited beside their talk: the figures do not count it.
        Withdrawn = "withdrawn",
    }

    TransferKind {
        Consult = "consult",
        Blind = "blind",
        /// A consultation that was completed.
        Attended = "attended",
        /// One that was completed while they still rang, RFC 5589 §7.6.
        SemiAttended = "semi_attended",
        /// By a supervisor.
        TakenOver = "taken_over",
    }

    /// What came of a transfer, or of sending a caller on.
    TransferOutcome {
        GoesOn = "",
        Transferred = "transferred",
        /// The operator is with the caller again.
        Returned = "returned",
        /// One of them hung up.
        Ended = "ended",
        /// As for those that follow, the caller went back.
        Busy = "busy",
        Refused = "refused",
        NoAnswer = "no_answer",
        Failed = "failed",
        /// The house was cut off.
        Restarted = "restarted",
    }

    /// What came of a try to hand an emergency to somebody else.
    #[derive(Default)]
    HandoffOutcome {
        #[default]
        GoesOn = "",
        Transferred = "transferred",
        /// The operator left before they confirmed.
        Unconfirmed = "unconfirmed",
        /// One of them hung up while the operator was there.
        Ended = "ended",
        /// By the operator.
        Withdrawn = "withdrawn",
        Busy = "busy",
        Refused = "refused",
        NoAnswer = "no_answer",
        Failed = "failed",
        /// The house was cut off.
        Restarted = "restarted",
    }

    /// What came of asking the carrier to put caller and far end together without us.
    ReleaseOutcome {
        GoesOn = "",
        /// They talk without us; how long nobody here knows.
        Released = "released",
        /// As for those that follow, they went on talking by us.
        Refused = "refused",
        /// Nobody said what became of it.
        NoAnswer = "no_answer",
        /// One of them hung up before.
        Ended = "ended",
        /// The house was cut off.
        Restarted = "restarted",
        /// By what they said of themselves they do not know how; as in those that follow, nothing was asked.
        NotKnown = "not_known",
        /// Whoever answered named an address that is not known to be their carrier's, or a number that nobody dialled.
        Untrusted = "untrusted",
        /// What one of them says is encrypted, and what the other says is not.
        OneEncrypted = "one_encrypted",
    }

    /// Who led a caller to a number outside or to a seat. Where operators send their callers is told as a transfer.
    SentBy {
        Menu = "menu",
        /// The rules of a line.
        Line = "line",
        /// An operator dialled them beside a talk: whose call it is, is the operator themselves.
        Operator = "operator",
    }

    /// Who puts the other on hold.
    Holder {
        Operator = "operator",
        Caller = "caller",
    }

    /// How a supervisor takes part in a talk.
    Supervision {
        /// Hears all, is heard by nobody.
        Listen = "listen",
        /// Hears all, is heard by the operator only.
        Whisper = "whisper",
        /// Hears all, is heard by all.
        Barge = "barge",
    }

    /// Whose sound it is.
    Side {
        Caller = "caller",
        Operator = "operator",
        Other = "other",
    }

    /// What is missing where sound goes one way only.
    Missing {
        /// From there.
        NothingComes = "nothing_comes",
        /// There.
        NothingArrives = "nothing_arrives",
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OfferRecord {
    pub operator: OperatorId,
    pub seat: SeatId,
    pub at: Moment,
    pub outcome: OfferOutcome,
    /// How long it rang.
    pub ms: u64,
}

/// One visit to a line. An operator who sends the caller on to a queue, and a talk that failed and came back, begin
/// another; a rule or a supervisor who moves a caller who waits lets the wait go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LineRecord {
    pub queue: QueueId,
    /// Since when it waits; after a move since before it.
    pub joined_at: Moment,
    /// When an operator had it, or it left without one.
    pub left_at: Option<Moment>,
    pub outcome: LineOutcome,
    /// Who answered.
    pub operator: Option<OperatorId>,
    /// From `joined_at` to `left_at`.
    pub wait_ms: u64,
    /// Answered within the queue's service-level time; `None` while it waits, and where it was moved on or withdrawn.
    pub within_service_level: Option<bool>,
}

impl LineRecord {
    pub fn waits(&self) -> bool {
        self.left_at.is_none()
    }

    /// Offered to the house, as its statistics count it.
    pub fn is_offered(&self) -> bool {
        !matches!(self.outcome, LineOutcome::ShortAbandoned | LineOutcome::Moved | LineOutcome::Withdrawn)
    }

    pub fn leaves(&mut self, at: Moment, outcome: LineOutcome) {
        self.left_at = Some(at);
        self.outcome = outcome;
        self.wait_ms = u64::try_from(at.since(self.joined_at).as_millis()).unwrap_or(u64::MAX);
        let is_missed = !matches!(outcome, LineOutcome::Moved | LineOutcome::Withdrawn);
        self.within_service_level = is_missed.then_some(false);
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldRecord {
    pub by: Holder,
    pub at: Moment,
    pub ended_at: Option<Moment>,
}

/// From when until when sound did not pass us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectRecord {
    pub at: Moment,
    pub ended_at: Option<Moment>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TransferRecord {
    pub kind: TransferKind,
    /// Who turned to somebody: whoever had the caller, or the supervisor who took them over.
    pub by: OperatorId,
    /// From whom a supervisor took the caller over; `None` with every other kind.
    #[serde(default)]
    pub from: Option<OperatorId>,
    /// E.g. `operator 1002`, `seat 8003`, `queue english`, `01085225050`.
    pub to: String,
    /// Who sits where it rang.
    #[serde(default)]
    pub operator: Option<OperatorId>,
    /// When it began to ring.
    pub at: Moment,
    pub answered_at: Option<Moment>,
    /// When operator, caller and consulted heard each other first.
    #[serde(default)]
    pub conference_at: Option<Moment>,
    /// When the consultation was over, or the caller theirs.
    pub ended_at: Option<Moment>,
    pub outcome: TransferOutcome,
}

/// A menu or the rules of a line sent the caller on to a number outside, or to the phone at a seat; or an operator dialled
/// them on a second line, whose record this is of. Whom operators send their callers to is a [`TransferRecord`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SentOnRecord {
    pub by: SentBy,
    /// E.g. `01085225050`, `seat 8003`.
    pub to: String,
    /// Over which it went in the end. `None`: to a seat, or it did not leave the house.
    pub trunk: Option<TrunkId>,
    /// Who sits at the seat.
    pub operator: Option<OperatorId>,
    /// When they were sent there.
    pub at: Moment,
    pub answered_at: Option<Moment>,
    /// When it had rung in vain, or they had the caller no longer.
    pub ended_at: Option<Moment>,
    pub outcome: TransferOutcome,
}

impl SentOnRecord {
    /// Whoever answers: `1001 at seat 8001`, or the number.
    pub fn who(&self) -> String {
        self.operator.as_ref().map_or(self.to.clone(), |operator| format!("{operator} at {}", self.to))
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SupervisionRecord {
    pub operator: OperatorId,
    /// Each change is an entry of its own.
    pub mode: Supervision,
    pub at: Moment,
    pub ended_at: Option<Moment>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LostRecord {
    pub operator: OperatorId,
    pub seat: SeatId,
    pub at: Moment,
    /// When they talked on; `None`: somebody else had to take the caller.
    pub back_at: Option<Moment>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HandoffRecord {
    /// E.g. `110`.
    pub target: String,
    pub number: String,
    pub at: Moment,
    pub answered_at: Option<Moment>,
    /// When they said that they have it, or the operator left it to them.
    pub confirmed_at: Option<Moment>,
    /// When the operator left the caller to them.
    #[serde(default)]
    pub left_at: Option<Moment>,
    pub ended_at: Option<Moment>,
    pub outcome: HandoffOutcome,
}

/// The carrier was asked to put the caller and whom they were put through to together without us.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReleaseRecord {
    pub at: Moment,
    pub ended_at: Option<Moment>,
    pub outcome: ReleaseOutcome,
    /// With which they refused.
    pub sip_status: Option<u16>,
}

impl ReleaseRecord {
    pub fn new(at: Moment) -> Self {
        Self { at, ended_at: None, outcome: ReleaseOutcome::GoesOn, sip_status: None }
    }
}

/// Why a caller whom an operator had is back in a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Returned<'r> {
    /// To whom they were sent on was not reached.
    Transfer(&'r TransferRecord),
    /// The service to which they were left did not take the matter.
    Emergency(&'r HandoffRecord),
    /// The phone of who had them did not come back.
    Lost(&'r LostRecord),
}

impl TransferKind {
    /// The operator left the caller before anybody had answered for them.
    pub fn is_unanswered(self) -> bool {
        matches!(self, TransferKind::Blind | TransferKind::SemiAttended)
    }
}

impl TransferOutcome {
    /// Nobody was reached.
    pub fn is_in_vain(self) -> bool {
        use TransferOutcome::{Busy, Failed, NoAnswer, Refused};
        matches!(self, Busy | Refused | NoAnswer | Failed)
    }
}

impl HandoffOutcome {
    /// They did not take the matter.
    pub fn is_in_vain(self) -> bool {
        use HandoffOutcome::{Busy, Failed, NoAnswer, Refused, Unconfirmed};
        matches!(self, Busy | Failed | NoAnswer | Refused | Unconfirmed)
    }
}

impl ReleaseOutcome {
    /// The carrier was asked at all.
    pub fn is_asked(self) -> bool {
        use ReleaseOutcome::{NotKnown, OneEncrypted, Untrusted};
        !matches!(self, NotKnown | Untrusted | OneEncrypted)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OneWayRecord {
    pub side: Side,
    pub what: Missing,
    pub at: Moment,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_has_no_word_and_what_nobody_wrote_is_no_word() {
        let read = |text: &str| serde_json::from_str::<TransferOutcome>(text).ok();
        assert_eq!(read("\"\""), Some(TransferOutcome::GoesOn));
        assert_eq!(read("\"no_answer\""), Some(TransferOutcome::NoAnswer));
        assert_eq!(read("\"noAnswer\""), None);
        assert_eq!(serde_json::to_string(&TransferOutcome::GoesOn).unwrap(), "\"\"");
        assert_eq!(TransferOutcome::NoAnswer.to_string(), "no_answer");
    }
}
