//! How far a leg of ours to a number or a seat has come.

use std::time::Duration;

use crate::moment::Moment;
use crate::records::TransferOutcome;

/// Sound says at once what it thinks of an answer; a leg of which it says nothing is not waited for.
const ANSWER_WITHIN: Duration = Duration::from_secs(8);

/// What whoever did not come to the phone is told, ITU-T Q.850.
const NO_ANSWER: &str = "Q.850;cause=19;text=\"No answer from the user\"";

/// Why we let go of somebody who was rung in vain; a status that came from them needs no answer.
pub(super) fn reason(status: u16) -> Option<String> {
    (status == 408).then(|| NO_ANSWER.into())
}

/// What a status is called in the record with which somebody was rung in vain.
pub(super) fn in_vain(status: u16) -> TransferOutcome {
    match status {
        486 | 600 => TransferOutcome::Busy,
        // What carriers say when nobody comes to the phone, RFC 3398 §7.2.4.1.
        408 | 480 | 487 => TransferOutcome::NoAnswer,
        403 | 433 | 603 | 607 => TransferOutcome::Refused,
        _ => TransferOutcome::Failed,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ringing {
    /// Nothing of theirs is heard yet.
    Rings {
        until: Moment,
    },
    /// Announcements and tones of theirs are heard.
    Early {
        until: Moment,
    },
    /// 200 came; its answer is being applied.
    Answered {
        until: Moment,
    },
    Joined,
}

impl Ringing {
    pub fn answered(now: Moment) -> Self {
        Ringing::Answered { until: now + ANSWER_WITHIN }
    }

    /// When it has rung long enough.
    pub fn next_deadline(self) -> Option<Moment> {
        match self {
            Ringing::Rings { until } | Ringing::Early { until } | Ringing::Answered { until } => Some(until),
            Ringing::Joined => None,
        }
    }
}
