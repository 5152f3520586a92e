//! How the trunks stand: whether the carriers know us, whether they are there, how many calls go over each.
//!
//! Does not know what a call is for, nor where a name leads: it is told addresses.

mod registering;

use super::account::Registration;
use super::words::{Flow, Hop, Trunk};
use crate::ids::TrunkId;

/// One trunk, as long as the process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TrunkNo(u32);

/// All of them, in the order of the settings.
#[derive(Default)]
pub(super) struct Trunks {
    all: Vec<Standing>,
    last: u32,
}

/// How one trunk stands.
pub(super) struct Standing {
    pub no: TrunkNo,
    pub trunk: Trunk,
    /// Its account, whether it registers or only answers challenges.
    registration: Option<Registration>,
    /// What became of the last attempt to register.
    registered: Option<Result<(), u16>>,
    /// Which of its addresses is asked to register us, and how many have failed in a row.
    asked: usize,
    failed: usize,
}

impl Trunks {
    pub fn get(&self, no: TrunkNo) -> Option<&Standing> {
        self.all.iter().find(|standing| standing.no == no)
    }

    pub fn get_mut(&mut self, no: TrunkNo) -> Option<&mut Standing> {
        self.all.iter_mut().find(|standing| standing.no == no)
    }

    pub fn no_of(&self, id: &TrunkId) -> Option<TrunkNo> {
        self.all.iter().find(|standing| standing.trunk.id == *id).map(|standing| standing.no)
    }

    fn numbers(&self) -> Vec<TrunkNo> {
        self.all.iter().map(|standing| standing.no).collect()
    }
}

impl Standing {
    fn new(no: TrunkNo, trunk: Trunk) -> Self {
        Self { no, trunk, registration: None, registered: None, asked: 0, failed: 0 }
    }

    /// Where calls of ours go out.
    pub fn hops(&self) -> &[Hop] {
        &self.trunk.to
    }

    /// The account, for a challenge that came from an address of this trunk. Secrets go to nobody else.
    pub fn account_at(&mut self, flow: Flow) -> Option<&mut Registration> {
        let ip = flow.remote.ip().to_canonical();
        // Within a talk some carriers are at another of their addresses.
        let is_own = self.hops().iter().any(|hop| hop.addr == flow.remote)
            || self.trunk.from.iter().any(|network| network.contains(&ip));
        self.registration.as_mut().filter(|_| is_own)
    }

    fn registers(&self) -> bool {
        self.trunk.account.as_ref().is_some_and(|account| account.register.is_some())
    }
}
