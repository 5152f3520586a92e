//! Who is signed in where and in which state, as the engine last said.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{CallId, OperatorId, SeatId};
use crate::queue::OperatorState;

#[derive(Default)]
pub(super) struct Seating {
    operators: BTreeMap<OperatorId, (SeatId, OperatorState)>,
    seats: BTreeMap<SeatId, OperatorId>,
    /// Those who are ready, and the number of the change that made them so.
    ready: BTreeMap<OperatorId, u64>,
    changes: u64,
    /// Where somebody sits who may pick up.
    pickers: BTreeSet<SeatId>,
}

/// One operator's change.
pub(super) struct Change {
    pub operator: OperatorId,
    /// `None`: was signed out.
    pub before: Option<(SeatId, OperatorState)>,
    /// `None`: is signed out.
    pub after: Option<(SeatId, OperatorState)>,
}

/// Whether somebody in this state can make a call of their own; beside another is a phone with two lines.
pub(super) fn can_call_out(state: &OperatorState) -> bool {
    can_be_rung(state) || matches!(state, OperatorState::WrapUp { .. } | OperatorState::Outbound)
}

/// Whether somebody in this state may take what rings at a colleague.
pub(super) fn can_pick_up(state: &OperatorState) -> bool {
    can_be_rung(state)
}

/// Whether somebody in this state can be rung by a caller who chose their seat. Wrap-up is theirs.
pub(super) fn can_be_rung(state: &OperatorState) -> bool {
    matches!(state, OperatorState::Ready | OperatorState::NotReady { .. })
}

impl Seating {
    /// Whether an operator has another talk than this one. Whose phone rings for two of them has the first they take.
    pub fn talks_elsewhere(&self, operator: &OperatorId, here: CallId) -> bool {
        let state = self.operators.get(operator).map(|(_, state)| state);
        matches!(state, Some(OperatorState::Talking { contact } | OperatorState::Holding { contact }) if *contact != here)
    }

    pub fn change(&mut self, operator: OperatorId, seat: Option<SeatId>, state: OperatorState) -> Change {
        self.changes += 1;
        if state != OperatorState::Ready {
            self.ready.remove(&operator);
        } else {
            self.ready.entry(operator.clone()).or_insert(self.changes);
        }
        let before = self.operators.remove(&operator);
        if let Some((old, _)) = &before
            && self.seats.get(old) == Some(&operator)
        {
            self.seats.remove(old);
        }
        let after = match (seat, state) {
            (_, OperatorState::SignedOut) | (None, _) => None,
            (Some(seat), state) => {
                self.seats.insert(seat.clone(), operator.clone());
                self.operators.insert(operator.clone(), (seat.clone(), state.clone()));
                Some((seat, state))
            }
        };
        Change { operator, before, after }
    }

    /// At which of the seats of a change it is news whether somebody sits there who may pick up.
    pub fn news_of_pickers(&mut self, change: &Change) -> Vec<(SeatId, bool)> {
        let seats: BTreeSet<&SeatId> = change.before.iter().chain(&change.after).map(|(seat, _)| seat).collect();
        let mut news = Vec::new();
        for seat in seats {
            let may = self.at(seat).is_some_and(|(_, state)| can_pick_up(state));
            let is_news = if may { self.pickers.insert(seat.clone()) } else { self.pickers.remove(seat) };
            if is_news {
                news.push((seat.clone(), may));
            }
        }
        news
    }

    pub fn is_signed_in(&self, operator: &OperatorId) -> bool {
        self.operators.contains_key(operator)
    }

    pub fn of(&self, operator: &OperatorId) -> Option<(&SeatId, &OperatorState)> {
        self.operators.get(operator).map(|(seat, state)| (seat, state))
    }

    /// Who of these has been ready the longest.
    pub fn longest_ready<'a>(&self, among: &'a BTreeSet<OperatorId>) -> Option<&'a OperatorId> {
        among.iter().filter_map(|operator| Some((self.ready.get(operator)?, operator))).min().map(|(_, who)| who)
    }

    pub fn at(&self, seat: &SeatId) -> Option<(&OperatorId, &OperatorState)> {
        let operator = self.seats.get(seat)?;
        self.operators.get(operator).map(|(_, state)| (operator, state))
    }
}
