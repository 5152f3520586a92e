//! Who could be asked for a contact now, and why the others are not: for people who ask afterwards. Nothing here
//! changes anything.

use serde::Serialize;

use super::engine::Engine;
use super::operators::{Slot, Standing};
use crate::ids::{CallId, OperatorId};

/// Whether an operator could be asked for a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    Eligible,
    /// Ready, but failed this contact before.
    Excluded,
    Resting,
    Busy,
    WrapUp,
    NotReady,
    Unreachable,
    /// Whatever they do: the need is not met.
    LacksSkills,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Candidate {
    pub operator: OperatorId,
    pub fit: Fit,
}

impl Engine {
    /// Everybody who is signed in, by name; empty for a contact that waits nowhere.
    pub fn candidates(&self, contact: CallId) -> Vec<Candidate> {
        let Some(contact) = self.contacts.get(&contact) else { return Vec::new() };
        let fit = |slot: Slot| {
            let operator = self.operator(slot);
            let meets = self.profiles[operator.profile].meets(contact.class).is_some();
            Some(match operator.standing {
                Standing::SignedOut => return None,
                _ if !meets => Fit::LacksSkills,
                Standing::Ready if contact.excludes(slot) => Fit::Excluded,
                Standing::Ready => Fit::Eligible,
                Standing::Resting => Fit::Resting,
                Standing::Busy => Fit::Busy,
                Standing::WrapUp => Fit::WrapUp,
                Standing::NotReady => Fit::NotReady,
                Standing::Unreachable => Fit::Unreachable,
            })
        };
        let named = self.operator_names.iter();
        named.filter_map(|(id, slot)| Some(Candidate { operator: id.clone(), fit: fit(*slot)? })).collect()
    }
}
