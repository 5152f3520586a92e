//! A decision as it is told: who is asked for a contact, by which figure, and who was passed.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::settings::Choose;
use super::words::Output;
use crate::ids::{CallId, OperatorId, QueueId};
use crate::moment::Moment;

/// Who is asked for a contact, or why nobody is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    pub contact: CallId,
    pub queue: QueueId,
    /// Version of the rules.
    pub rules: u64,
    /// Step in force; 0: the need as the queue begins.
    pub step: usize,
    /// Since when its place counts, and the head start it has.
    pub since: Moment,
    pub head_start_ms: u64,
    /// `None`: nobody is asked now.
    pub chosen: Option<Chosen>,
    /// How those whose skills will do stand.
    pub tally: Tally,
    /// Of the ready, so many failed this contact before and are left out.
    pub excluded: usize,
    /// Somebody who came earlier, with the same need, and waits on: why they were passed.
    pub passed: Option<Passed>,
    /// Only this operator would be asked for now: the last who spoke with the caller.
    pub awaits: Option<OperatorId>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chosen {
    pub operator: OperatorId,
    /// What the queue chooses by, and the figure it had: microseconds since 1970 for [`Choose::LongestIdle`],
    /// parts per million for [`Choose::LeastOccupied`], levels, offers or contacts for the others.
    pub by: Choose,
    pub figure: u64,
    /// Sum of the weights of the preferences met.
    pub preference: i32,
    /// The contact waited for this operator: the last who spoke with the caller.
    pub preferred: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    pub contact: CallId,
    pub why: PassedBecause,
}

/// The only reasons for which somebody who came later is asked for first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PassedBecause {
    /// The later one is an emergency, or was in a talk already.
    Emergency,
    /// Priority, ageing, or having been put back weigh more than the difference of their waits.
    HeadStart,
    /// The earlier one was failed by this operator.
    Excluded,
    /// The earlier one waits for the last operator it spoke with.
    Preferred,
    /// None of these: a fault of the engine's. Counted in the statistics, where it must be 0.
    Unexplained,
}

/// How many operators stand how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    pub ready: u32,
    pub busy: u32,
    pub wrap_up: u32,
    pub resting: u32,
    pub not_ready: u32,
    pub unreachable: u32,
    pub signed_out: u32,
}

impl Tally {
    pub fn signed_in(&self) -> u32 {
        self.ready + self.busy + self.wrap_up + self.resting + self.not_ready + self.unreachable
    }
}

/// `2 busy, 1 not ready`.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.ready, "ready"),
            (self.busy, "busy"),
            (self.wrap_up, "in wrap-up"),
            (self.resting, "resting"),
            (self.not_ready, "not ready"),
            (self.unreachable, "unreachable"),
            (self.signed_out, "signed out"),
        ];
        let mut first = true;
        for (count, name) in parts.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, "{}{count} {name}", if first { "" } else { ", " })?;
            first = false;
        }
        if first { f.write_str("nobody") } else { Ok(()) }
    }
}

impl Output {
    /// Whether it is written into the decision log: what explains afterwards why a contact waited.
    pub fn is_decision(&self) -> bool {
        use Output as O;
        matches!(
            self,
            O::Decided(_)
                | O::Refused { .. }
                | O::Moved { .. }
                | O::Relaxed { .. }
                | O::Late { .. }
                | O::CallbackTaken { .. }
                | O::CallbackRenewed { .. }
                | O::CallbackRefused { .. }
                | O::CallbackEnded { .. }
        )
    }

    /// The contact it is about, if it is about one.
    pub fn contact(&self) -> Option<CallId> {
        use Output as O;
        match self {
            O::Joined { contact, .. }
            | O::Refused { contact, .. }
            | O::Moved { contact, .. }
            | O::Relaxed { contact, .. }
            | O::Offer { contact, .. }
            | O::Withdraw { contact, .. }
            | O::OfferEnded { contact, .. }
            | O::Connected { contact, .. }
            | O::HandedOver { contact, .. }
            | O::Ended { contact, .. }
            | O::Left { contact, .. }
            | O::Late { contact, .. }
            | O::CallbackTaken { contact, .. }
            | O::CallbackRenewed { contact, .. }
            | O::CallbackRefused { contact, .. }
            | O::Dial { contact, .. }
            | O::StopDialling { contact }
            | O::PickUpRefused { contact, .. }
            | O::CallbackEnded { contact, .. } => Some(*contact),
            O::Decided(decision) => Some(decision.contact),
            O::Operator { .. } | O::Ignored { .. } => None,
        }
    }
}
