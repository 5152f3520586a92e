//! Who is connected: how many of each household, and the strangers in the order in which they came.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

use tracing::warn;

use super::{MAX_PER_ADDRESS, MAX_STRANGERS};
use crate::peers::household;
use crate::sip::words::ConnectionId;

#[derive(Default)]
pub(super) struct Crowd {
    households: HashMap<IpAddr, Household>,
    /// Those over whose connection nobody was let in. Connections are numbered as they come.
    strangers: BTreeSet<ConnectionId>,
    /// Whose phone seems to be elsewhere by now. They have their time to speak, and give way to nobody.
    doubted: HashSet<ConnectionId>,
    is_told: bool,
}

#[derive(Default)]
struct Household {
    connections: usize,
    /// That there are too many is told once, until there are half as many.
    is_told: bool,
}

impl Crowd {
    /// Whether another stranger of the household may connect.
    pub fn lets_in(&mut self, ip: IpAddr) -> bool {
        let Some(of) = self.households.get_mut(&household(ip)).filter(|of| of.connections >= MAX_PER_ADDRESS) else {
            return true;
        };
        if !std::mem::replace(&mut of.is_told, true) {
            warn!(%ip, connections = of.connections, "too many connections from there; others are closed");
        }
        false
    }

    /// There are as many strangers as there may be, or as many connections: whoever came first is to give way.
    pub fn gives_way(&mut self) -> Option<ConnectionId> {
        if !self.strangers.is_empty() && !std::mem::replace(&mut self.is_told, true) {
            warn!(
                strangers = self.strangers.len(),
                "too many connections; strangers who came first give way to others"
            );
        }
        self.strangers.first().copied()
    }

    pub fn enters(&mut self, id: ConnectionId, ip: IpAddr, is_known: bool) {
        self.households.entry(household(ip)).or_default().connections += 1;
        if !is_known {
            self.strangers.insert(id);
        }
    }

    pub fn leaves(&mut self, id: ConnectionId, ip: IpAddr) {
        self.known(id);
        let household = household(ip);
        let Some(of) = self.households.get_mut(&household) else { return };
        of.connections -= 1;
        of.is_told &= of.connections > MAX_PER_ADDRESS / 2;
        if of.connections == 0 {
            self.households.remove(&household);
        }
    }

    pub fn known(&mut self, id: ConnectionId) {
        self.strangers.remove(&id);
        self.doubted.remove(&id);
        self.is_told &= self.strangers.len() > MAX_STRANGERS / 2;
    }

    pub fn doubted(&mut self, id: ConnectionId) {
        self.doubted.insert(id);
    }

    pub fn strangers(&self) -> usize {
        self.strangers.len() + self.doubted.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_came_first_gives_way_and_whoever_was_let_in_or_is_doubted_does_not() {
        let (mut crowd, ip) = (Crowd::default(), IpAddr::from([192, 0, 2, 7]));
        (1..=4).for_each(|id| crowd.enters(ConnectionId(id), ip, false));
        crowd.enters(ConnectionId(5), ip, true);
        crowd.known(ConnectionId(1));
        assert_eq!((crowd.strangers(), crowd.gives_way()), (3, Some(ConnectionId(2))));
        crowd.leaves(ConnectionId(2), ip);
        // The phone of the first, who was let in, seems to be elsewhere: it has its time to speak.
        crowd.doubted(ConnectionId(1));
        assert_eq!((crowd.strangers(), crowd.gives_way()), (3, Some(ConnectionId(3))));
        crowd.known(ConnectionId(1));
        [3, 4].into_iter().for_each(|id| crowd.leaves(ConnectionId(id), ip));
        assert_eq!((crowd.strangers(), crowd.gives_way()), (0, None));
    }

    #[test]
    fn a_household_has_its_share_and_others_theirs() {
        let [one, other] = [7, 8].map(|last| IpAddr::from([192, 0, 2, last]));
        let mut crowd = Crowd::default();
        (0..MAX_PER_ADDRESS as u64).for_each(|id| crowd.enters(ConnectionId(id), one, false));
        assert_eq!((crowd.lets_in(one), crowd.lets_in(other)), (false, true));
        crowd.leaves(ConnectionId(0), one);
        assert!(crowd.lets_in(one));
    }
}
