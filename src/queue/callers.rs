//! What is remembered of callers who are not in the house: a place they may get back, and whom they spoke with.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::operators::Slot;
use super::words::Caller;
use crate::moment::Moment;

/// Callers remembered at once; the oldest is forgotten first.
const MAX_CALLERS: usize = 20_000;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Callers {
    known: BTreeMap<Caller, Known>,
    /// Oldest first. One that was seen again later stands here twice; the first is passed over.
    order: VecDeque<(Moment, Caller)>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Known {
    seen: Moment,
    gave_up: Option<GaveUp>,
    spoke_with: Option<Slot>,
}

/// A place that is kept for a while.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct GaveUp {
    pub line: usize,
    pub since: Moment,
    pub at: Moment,
}

impl Callers {
    pub fn gave_up(&mut self, now: Moment, caller: &Caller, place: GaveUp) {
        self.know(now, caller).gave_up = Some(place);
    }

    pub fn spoke_with(&mut self, now: Moment, caller: &Caller, operator: Slot) {
        self.know(now, caller).spoke_with = Some(operator);
    }

    /// The place of a caller who comes back; it is used up.
    pub fn take_place(&mut self, caller: &Caller) -> Option<GaveUp> {
        self.known.get_mut(caller)?.gave_up.take()
    }

    pub fn last_operator(&self, caller: &Caller) -> Option<Slot> {
        self.known.get(caller)?.spoke_with
    }

    pub fn forget_operator(&mut self, operator: Slot) {
        for known in self.known.values_mut().filter(|known| known.spoke_with == Some(operator)) {
            known.spoke_with = None;
        }
    }

    /// Places of one line are places of another now.
    pub fn line_is(&mut self, from: usize, to: usize) {
        for place in self.known.values_mut().filter_map(|known| known.gave_up.as_mut()) {
            if place.line == from {
                place.line = to;
            }
        }
    }

    fn know(&mut self, now: Moment, caller: &Caller) -> &mut Known {
        self.order.push_back((now, caller.clone()));
        while self.order.len() > MAX_CALLERS {
            if let Some((seen, oldest)) = self.order.pop_front()
                && self.known.get(&oldest).is_some_and(|known| known.seen == seen)
            {
                self.known.remove(&oldest);
            }
        }
        let known = self.known.entry(caller.clone()).or_default();
        known.seen = now;
        known
    }
}
