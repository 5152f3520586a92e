//! A sorted set that knows places: how many are before something.
//!
//! Sorted runs of bounded length: finding a place adds up the lengths of the runs before, so a line of 10,000
//! costs about 40 additions. Runs that became empty are kept for the next: a set that breathes does not allocate.

use std::cmp::Ordering;
use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// A run that grew to this length is cut in two.
const RUN: usize = 512;
/// Empty runs kept.
const SPARE: usize = 4;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound(serialize = "T: Serialize", deserialize = "T: Deserialize<'de>"))]
pub(super) struct Sorted<T> {
    /// None is empty.
    runs: Vec<VecDeque<T>>,
    len: usize,
    #[serde(skip)]
    spare: Vec<VecDeque<T>>,
}

impl<T> Default for Sorted<T> {
    fn default() -> Self {
        Self { runs: Vec::new(), len: 0, spare: Vec::new() }
    }
}

/// What was kept for later is no part of a set.
impl<T: PartialEq> PartialEq for Sorted<T> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.runs.iter().flatten().eq(other.runs.iter().flatten())
    }
}

impl<T: Ord + Copy> Sorted<T> {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn first(&self) -> Option<&T> {
        self.runs.first()?.front()
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.runs.iter().flatten()
    }

    /// The one for which `compare` says equal; it must order as `T` does.
    pub fn find(&self, compare: impl Fn(&T) -> Ordering) -> Option<&T> {
        let at = self.runs.partition_point(|run| run.back().is_some_and(|last| compare(last) == Ordering::Less));
        let run = self.runs.get(at)?;
        run.binary_search_by(&compare).ok().and_then(|place| run.get(place))
    }

    pub fn contains(&self, item: &T) -> bool {
        self.find(|other| other.cmp(item)).is_some()
    }

    /// How many are before `item`.
    pub fn before(&self, item: &T) -> usize {
        let at = self.run(item);
        let whole: usize = self.runs.iter().take(at).map(VecDeque::len).sum();
        whole + self.runs.get(at).map_or(0, |run| run.partition_point(|other| other < item))
    }

    /// All from the `place`-th (0: the first) on.
    pub fn from(&self, place: usize) -> impl Iterator<Item = &T> {
        self.iter().skip(place)
    }

    pub fn insert(&mut self, item: T) {
        if self.runs.is_empty() {
            let run = self.spare.pop().unwrap_or_default();
            self.runs.push(run);
        }
        let at = self.run(&item);
        let run = &mut self.runs[at];
        if let Err(place) = run.binary_search(&item) {
            run.insert(place, item);
            self.len += 1;
            if run.len() >= RUN {
                let mut rest = self.spare.pop().unwrap_or_default();
                rest.extend(run.drain(RUN / 2..));
                self.runs.insert(at + 1, rest);
            }
        }
    }

    pub fn remove(&mut self, item: &T) {
        let at = self.run(item);
        let Some(run) = self.runs.get_mut(at) else { return };
        if let Ok(place) = run.binary_search(item) {
            run.remove(place);
            self.shrunk(at);
        }
    }

    pub fn pop_first(&mut self) -> Option<T> {
        let first = self.runs.first_mut()?.pop_front()?;
        self.shrunk(0);
        Some(first)
    }

    /// The run in which `item` is, or would be.
    fn run(&self, item: &T) -> usize {
        let run = self.runs.partition_point(|run| run.back().is_some_and(|last| last < item));
        run.min(self.runs.len().saturating_sub(1))
    }

    /// One is gone from a run.
    fn shrunk(&mut self, at: usize) {
        self.len -= 1;
        if self.runs[at].is_empty() {
            let run = self.runs.remove(at);
            if self.spare.len() < SPARE {
                self.spare.push(run);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    #[test]
    fn it_is_a_sorted_set_with_places() {
        let mut rng = StdRng::seed_from_u64(1);
        let (mut sorted, mut set) = (Sorted::default(), BTreeSet::new());
        for _ in 0..30_000 {
            let item = (rng.random_range(0..2_u8), rng.random_range(-500..500_i64), rng.random_range(0..9_u64));
            match rng.random_range(0..20) {
                0..12 => {
                    sorted.insert(item);
                    set.insert(item);
                }
                12 => assert_eq!(sorted.pop_first(), set.pop_first()),
                _ => {
                    sorted.remove(&item);
                    set.remove(&item);
                }
            }
            if rng.random_bool(0.01) {
                assert_eq!(sorted.before(&item), set.range(..item).count());
            }
            assert_eq!(sorted.contains(&item), set.contains(&item));
            assert_eq!((sorted.len(), sorted.first()), (set.len(), set.first()));
        }
        assert!(sorted.iter().eq(set.iter()));
        assert!(sorted.from(700).eq(set.iter().skip(700)));
        while let Some(first) = sorted.pop_first() {
            assert_eq!(Some(first), set.pop_first());
        }
        assert!(sorted.is_empty() && set.is_empty() && sorted == Sorted::default());
    }
}
