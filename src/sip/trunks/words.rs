//! What is said of trunks: as the admin meant them, and how they stand.

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::numbers::Numbering;
use crate::ids::TrunkId;
use crate::sip::words::Hop;

/// A way from a carrier, and to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trunk {
    pub id: TrunkId,
    /// The sources of its calls.
    pub from: Vec<IpNet>,
    /// Where calls of ours go out, tried in this order. Empty: it only brings calls.
    pub to: Vec<Hop>,
    /// Stands in URIs instead of the address, e.g. `carrier.example`.
    pub domain: Option<String>,
    /// What it is told of us by digest.
    pub account: Option<TrunkAccount>,
    /// Calls go out by the trunk with the least; of those alike in proportion to their weights, and by those without
    /// one (0) after them, in their order.
    pub priority: u16,
    pub weight: u16,
    /// An INVITE of ours waits so long for any answer before it goes another way.
    pub patience: Duration,
    /// So often each address is asked whether anybody is there. Zero: never.
    pub check: Duration,
    /// Calls at once, in and out together, and new ones within a second. `None`: as many as come.
    pub channels: Option<usize>,
    pub calls_per_second: Option<u32>,
    /// What it asserts of callers is believed, and it is told who calls.
    pub trusted: bool,
    /// The number that is shown to whom is called, whoever calls.
    pub shows: Option<String>,
    /// How numbers are written. `None`: as they come.
    pub numbering: Option<Numbering>,
}

/// What proves to a carrier that it is us, RFC 3261 §22.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrunkAccount {
    pub username: String,
    pub password: Password,
    /// Whose challenges are answered. `None`: of whoever challenges our REGISTER; none before.
    pub realm: Option<String>,
    /// We register, asking for this lifetime. `None`: the carrier knows where we are.
    pub register: Option<Duration>,
}

/// A password in the clear, not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(pub String);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

impl Trunk {
    /// One that brings calls, and takes them if `to` says where.
    pub fn new(id: &str, from: Vec<IpNet>, to: Option<Hop>) -> Self {
        Self {
            id: id.into(),
            from,
            to: to.into_iter().collect(),
            domain: None,
            account: None,
            priority: 1,
            weight: 0,
            patience: Duration::from_secs(4),
            check: Duration::ZERO,
            channels: None,
            calls_per_second: None,
            trusted: false,
            shows: None,
            numbering: None,
        }
    }
}

/// How a trunk stands, for those who look on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrunkView {
    pub id: TrunkId,
    /// Calls that it carries now, and may carry at once.
    pub calls: usize,
    pub channels: Option<usize>,
    /// `None`: we do not register there. Else whether we are registered.
    pub registered: Option<bool>,
    /// Where calls of ours go out, and whether anybody is there; `None`: not known.
    pub to: Vec<(SocketAddr, Option<bool>)>,
}

impl TrunkView {
    /// Whether calls get through as far as is known; `None`: nothing is known, or it only brings calls.
    pub fn is_up(&self) -> Option<bool> {
        if self.registered == Some(false) {
            return Some(false);
        }
        let known = self.to.iter().map(|(_, up)| *up);
        match known.clone().any(|up| up == Some(true)) {
            true => Some(true),
            false if !self.to.is_empty() && known.clone().all(|up| up == Some(false)) => Some(false),
            false => self.registered,
        }
    }
}
