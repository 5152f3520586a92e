//! One deadline for each owner, the soonest first: O(log n) to set, to move and to find.

use std::collections::{BTreeMap, BTreeSet};

use crate::moment::Moment;

pub(super) struct Agenda<O> {
    order: BTreeSet<(Moment, O)>,
    at: BTreeMap<O, Moment>,
}

impl<O: Ord + Copy> Agenda<O> {
    pub fn new() -> Self {
        Self { order: BTreeSet::new(), at: BTreeMap::new() }
    }

    /// Sets, moves or removes the deadline of `owner`.
    pub fn set(&mut self, owner: O, at: Option<Moment>) {
        // Most are asked for again as they are.
        let before = self.at.get(&owner).copied();
        if before == at {
            return;
        }
        match at {
            Some(at) => drop(self.at.insert(owner, at)),
            None => drop(self.at.remove(&owner)),
        }
        if let Some(before) = before {
            self.order.remove(&(before, owner));
        }
        if let Some(at) = at {
            self.order.insert((at, owner));
        }
    }

    pub fn next(&self) -> Option<Moment> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Takes the first owner whose deadline is `now` or earlier.
    pub fn take_due(&mut self, now: Moment) -> Option<O> {
        let (at, owner) = self.order.first().copied()?;
        if at > now {
            return None;
        }
        self.order.pop_first();
        self.at.remove(&owner);
        Some(owner)
    }
}
