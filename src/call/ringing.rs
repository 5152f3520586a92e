//! How far a leg of ours to a number or a seat has come.

use crate::moment::Moment;

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
    Answered,
    Joined,
}

impl Ringing {
    /// When it has rung long enough.
    pub fn next_deadline(self) -> Option<Moment> {
        match self {
            Ringing::Rings { until } | Ringing::Early { until } => Some(until),
            Ringing::Answered | Ringing::Joined => None,
        }
    }
}
