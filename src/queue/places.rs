//! Ranks in order, each with its place: how many are before it.
//!
//! Sorted runs of bounded length: finding a place adds up the lengths of the runs before, so a line of 10,000
//! costs about 40 additions.

use serde::{Deserialize, Serialize};

use super::line::Rank;

/// A run that grew to this length is cut in two.
const RUN: usize = 512;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Places {
    runs: Vec<Vec<Rank>>,
    len: usize,
}

impl Places {
    pub fn len(&self) -> usize {
        self.len
    }

    /// The run in which `rank` is, or would be.
    fn run(&self, rank: &Rank) -> usize {
        let run = self.runs.partition_point(|run| run.last().is_some_and(|last| last < rank));
        run.min(self.runs.len().saturating_sub(1))
    }

    pub fn insert(&mut self, rank: Rank) {
        if self.runs.is_empty() {
            self.runs.push(Vec::with_capacity(RUN));
        }
        let at = self.run(&rank);
        let run = &mut self.runs[at];
        if let Err(place) = run.binary_search(&rank) {
            run.insert(place, rank);
            self.len += 1;
            if run.len() >= RUN {
                let rest = run.split_off(RUN / 2);
                self.runs.insert(at + 1, rest);
            }
        }
    }

    pub fn remove(&mut self, rank: &Rank) {
        let at = self.run(rank);
        let Some(run) = self.runs.get_mut(at) else { return };
        if let Ok(place) = run.binary_search(rank) {
            run.remove(place);
            self.len -= 1;
            if run.is_empty() && self.runs.len() > 1 {
                self.runs.remove(at);
            }
        }
    }

    /// How many are before `rank`.
    pub fn before(&self, rank: &Rank) -> usize {
        let at = self.run(rank);
        let whole: usize = self.runs.iter().take(at).map(Vec::len).sum();
        whole + self.runs.get(at).map_or(0, |run| run.partition_point(|other| other < rank))
    }

    /// All from the `place`-th (0: the first) on.
    pub fn from(&self, place: usize) -> impl Iterator<Item = &Rank> {
        self.runs.iter().flatten().skip(place)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;
    use crate::ids::CallId;

    #[test]
    fn places_are_those_of_a_sorted_set() {
        let mut rng = StdRng::seed_from_u64(1);
        let (mut places, mut set) = (Places::default(), BTreeSet::new());
        for _ in 0..20_000 {
            let rank = (rng.random_range(0..2), rng.random_range(-500..500), CallId(rng.random_range(0..9)));
            if rng.random_bool(0.6) {
                places.insert(rank);
                set.insert(rank);
            } else {
                places.remove(&rank);
                set.remove(&rank);
            }
            if rng.random_bool(0.01) {
                assert_eq!(places.before(&rank), set.range(..rank).count());
            }
            assert_eq!(places.len(), set.len());
        }
        assert!(places.from(0).eq(set.iter()));
        assert!(places.from(700).eq(set.iter().skip(700)));
    }
}
