//! By which ways a call goes out: trunks in order of priority, among equals by weight, and those that are known to be
//! down after all others; of each its addresses, in their order.

use std::collections::VecDeque;

use rand::Rng;
use rand::rngs::StdRng;

use super::{Standing, TrunkNo, Trunks};
use crate::ids::TrunkId;
use crate::moment::Moment;
use crate::sip::words::{Hop, Place};

/// A caller is not kept waiting for more attempts than this.
const MOST_WAYS: usize = 8;

/// A trunk, and one of its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sip) struct Way {
    pub trunk: TrunkNo,
    pub hop: Hop,
}

impl Trunks {
    /// All ways over this trunk, or over any.
    pub fn ways(&self, now: Moment, only: Option<&TrunkId>, rng: &mut StdRng) -> VecDeque<Way> {
        let fits = |standing: &&Standing| only.is_none_or(|only| standing.trunk.id == *only);
        let mut trunks: Vec<&Standing> = self.all.iter().filter(fits).collect();
        trunks.sort_by_key(|standing| standing.trunk.priority);
        let mut ways = Vec::new();
        for alike in trunks.chunk_by(|a, b| a.trunk.priority == b.trunk.priority) {
            for standing in by_weight(alike, |standing| standing.trunk.weight, rng) {
                ways.extend(standing.drawn(rng).into_iter().map(|place| (standing, place.hop)));
            }
        }
        // One that seems to be down is no worse than none: what is known of it may be wrong.
        ways.sort_by_key(|(standing, hop)| !standing.is_usable(now, *hop));
        ways.into_iter().take(MOST_WAYS).map(|(standing, hop)| Way { trunk: standing.no, hop }).collect()
    }
}

impl Standing {
    /// Its places as one call tries them.
    fn drawn(&self, rng: &mut StdRng) -> Vec<Place> {
        let mut places = self.places.clone();
        places.sort_by_key(|place| place.rank);
        let alike = places.chunk_by(|a, b| a.rank == b.rank);
        alike.flat_map(|alike| by_weight(alike, |place| place.weight, rng)).collect()
    }
}

/// Drawn in proportion to their weights, as RFC 2782 does it; those without one come after, in their order.
fn by_weight<T: Copy>(alike: &[T], weight: fn(T) -> u16, rng: &mut StdRng) -> Vec<T> {
    let (mut drawn, rest): (Vec<T>, Vec<T>) = alike.iter().copied().partition(|of| weight(*of) > 0);
    let mut order = Vec::new();
    while !drawn.is_empty() {
        let whole: u32 = drawn.iter().map(|of| u32::from(weight(*of))).sum();
        let mut lot = rng.random_range(0..whole);
        let place = drawn.iter().position(|of| {
            let weight = u32::from(weight(*of));
            let is_drawn = lot < weight;
            lot = lot.saturating_sub(weight);
            is_drawn
        });
        order.push(drawn.remove(place.unwrap_or(0)));
    }
    order.extend(rest);
    order
}
