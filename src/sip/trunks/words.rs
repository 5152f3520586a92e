//! What is said of trunks: as the admin meant them, and how they stand.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::numbers::Numbering;
use crate::ids::TrunkId;
use crate::moment::Moment;
use crate::sip::words::{Hop, Transport};
use crate::tls::Peer;

/// A way from a carrier, and to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trunk {
    pub id: TrunkId,
    /// The sources of its calls.
    pub from: Vec<IpNet>,
    /// Its calls come from where `to` leads, too.
    pub from_to: bool,
    /// Whoever has a certificate for one of these domains is this trunk, wherever he calls from, RFC 5922 §7.4.
    pub certified: Vec<String>,
    /// Where calls of ours go out, tried in this order. Empty: it only brings calls.
    pub to: Vec<NextHop>,
    /// Who has to be there where it goes over TLS.
    pub peer: Option<Peer>,
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
    /// Two of our calls over such trunks that talk with each other are left to the carriers, by REFER.
    pub refer: bool,
}

/// An address, or a name that leads to some: RFC 3263.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextHop {
    pub host: Host,
    /// `None`: as the name says, or as is usual.
    pub port: Option<u16>,
    /// `None`: as the name says, or UDP.
    pub transport: Option<Transport>,
    /// Over TLS alone (`sips:`).
    pub secure: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    Address(IpAddr),
    Name(String),
}

impl NextHop {
    /// The one place that is meant; `None` for a name.
    pub fn literal(&self) -> Option<Hop> {
        let Host::Address(ip) = self.host else { return None };
        let transport = self.transport();
        Some(Hop { addr: SocketAddr::new(ip, self.port.unwrap_or(transport.port())), transport })
    }

    /// Where nobody says more: RFC 3263 §4.1.
    pub fn transport(&self) -> Transport {
        self.transport.unwrap_or(if self.secure { Transport::Tls } else { Transport::Udp })
    }
}

impl From<Hop> for NextHop {
    fn from(Hop { addr, transport }: Hop) -> Self {
        let (host, port) = (Host::Address(addr.ip()), Some(addr.port()));
        Self { host, port, transport: Some(transport), secure: false }
    }
}

/// E.g. `192.0.2.5:5060;transport=udp`, `sips:carrier.example`.
impl fmt::Display for NextHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.secure { "sips:" } else { "" })?;
        match (&self.host, self.port) {
            (Host::Name(name), None) => f.write_str(name)?,
            (Host::Name(name), Some(port)) => write!(f, "{name}:{port}")?,
            (Host::Address(ip), port) => {
                write!(f, "{}", SocketAddr::new(*ip, port.unwrap_or(self.transport().port())))?;
            }
        }
        match self.transport {
            Some(transport) => write!(f, ";transport={}", transport.via_name().to_lowercase()),
            None => Ok(()),
        }
    }
}

/// One place to which a trunk leads. The least rank is tried first; those alike in proportion to their weights, and
/// those without one (0) after them, RFC 2782.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub hop: Hop,
    pub rank: u32,
    pub weight: u16,
}

/// Where a trunk's names lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    pub trunk: TrunkId,
    /// What was looked up.
    pub to: Vec<NextHop>,
    /// Of those that lead somewhere.
    pub places: Vec<Place>,
    /// Why one leads nowhere.
    pub fault: Option<String>,
    /// A name server said so: it is not that none could be asked.
    pub is_certain: bool,
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
            from_to: false,
            certified: Vec::new(),
            to: to.map(NextHop::from).into_iter().collect(),
            peer: None,
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
            refer: false,
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
    /// New ones within a second that it may carry.
    #[serde(default)]
    pub calls_per_second: Option<u32>,
    /// Calls that did not go over it for these limits.
    #[serde(default)]
    pub no_room: NoRoom,
    /// `None`: we do not register there. Else whether we are registered: it was granted, is not over, and somebody is there.
    pub registered: Option<bool>,
    /// Why not, as its registrar or nobody (408) answered last.
    #[serde(default)]
    pub refused: Option<u16>,
    /// Where calls of ours go out, and whether anybody is there; `None`: not known.
    pub to: Vec<(SocketAddr, Option<bool>)>,
    /// Of each of these, until when it asked for a rest (503 with `Retry-After`): others are tried before it.
    #[serde(default)]
    pub rests: Vec<Option<Moment>>,
    /// Why a name of it leads nowhere, or cannot be looked up, and what is done then.
    #[serde(default)]
    pub fault: Option<String>,
    /// The realm of the last challenge of its, where that is not the account's and so was not answered.
    #[serde(default)]
    pub unanswered_realm: Option<String>,
    /// How the last challenge of its asked, where nobody here knows how to answer that: `algorithm BLAKE3`, `qop "auth-conf"`,
    /// `no digest`.
    #[serde(default)]
    pub unanswered_way: Option<String>,
    /// Which realm is answered is written in the files; else it is the one that the registrar asked for last.
    #[serde(default)]
    pub realm_is_set: bool,
    /// It refused our password for the last call for which it asked for it.
    #[serde(default)]
    pub distrusts: bool,
}

/// Calls for which a trunk had no room since the start, in and out together, by the limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoRoom {
    pub channels: u64,
    pub calls_per_second: u64,
}

/// How a trunk or one of its addresses stands, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrunkState {
    Up,
    /// It is there, and asked for a rest until then.
    Resting(Moment),
    Down,
    /// Nothing is known.
    Unchecked,
}

impl TrunkState {
    fn of(up: Option<bool>, rests_until: Option<Moment>) -> Self {
        match (up, rests_until) {
            (Some(false), _) => TrunkState::Down,
            (_, Some(until)) => TrunkState::Resting(until),
            (Some(true), None) => TrunkState::Up,
            (None, None) => TrunkState::Unchecked,
        }
    }
}

impl TrunkView {
    /// It rests where each address that is not down does, until the first of them has rested.
    pub fn state(&self) -> TrunkState {
        let there = self.addresses().filter(|(_, up, _)| *up != Some(false));
        // `None` as soon as one does not rest.
        let rests: Option<Vec<Moment>> = there.map(|(.., rests_until)| rests_until).collect();
        TrunkState::of(self.is_up(), rests.and_then(|rests| rests.into_iter().min()))
    }

    /// Of each address.
    pub fn states(&self) -> Vec<(SocketAddr, TrunkState)> {
        self.addresses().map(|(addr, up, rests_until)| (addr, TrunkState::of(up, rests_until))).collect()
    }

    fn addresses(&self) -> impl Iterator<Item = (SocketAddr, Option<bool>, Option<Moment>)> {
        let rests = self.rests.iter().copied().chain(std::iter::repeat(None));
        self.to.iter().zip(rests).map(|((addr, up), rest)| (*addr, *up, rest))
    }

    /// Whether calls get through as far as is known; `None`: nothing is known, or it only brings calls.
    pub fn is_up(&self) -> Option<bool> {
        if self.registered == Some(false) {
            return Some(false);
        }
        let known = self.to.iter().map(|(_, up)| *up);
        match known.clone().any(|up| up == Some(true)) {
            true => Some(true),
            false if !self.to.is_empty() && known.clone().all(|up| up == Some(false)) => Some(false),
            // Nothing that could be tried.
            false if self.to.is_empty() && self.fault.is_some() => Some(false),
            false => self.registered,
        }
    }
}
