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
        // Who sends callers on to where they are not followed has refused as well.
        300..=399 | 403 | 433 | 603 | 607 => TransferOutcome::Refused,
        _ => TransferOutcome::Failed,
    }
}

/// The status for whoever wanted somebody who was rung in vain with this one. What was said of them is passed on; what
/// was said of a request of ours, or by a server on the way of itself, is not the other's affair: a 503 of theirs would
/// say that we take no calls (RFC 3261 §16.7), and a challenge that is put to us is for nobody else to answer.
pub(super) fn passed_on(status: u16) -> u16 {
    match status {
        403 | 404 | 410 | 433 | 480 | 484 | 486 | 600 | 603 | 604 | 606 | 607 | 608 => status,
        // Not to be reached now: moved, and not followed there; nobody came; no way led there.
        300..=399 | 408 | 487 | 503 | 504 => 480,
        _ => 500,
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
