//! How the trunks stand: whether the carriers know us, whether they are there, how many calls go over each.
//!
//! Does not know what a call is for, nor where a name leads: it is told addresses.

mod choosing;
mod dialled;
mod health;
pub(in crate::sip) mod identity;
mod limits;
pub(in crate::sip) mod locating;
pub mod numbers;
mod parting;
mod registering;
mod vouching;
pub mod words;

use std::net::{IpAddr, SocketAddr};

use super::account::{Registration, Unanswered};
use super::message::Headers;
use super::session::TransactionId;
use super::words::{ConnectionId, Flow, Hop, Incoming, Place, Trunk, TrunkView};
use crate::ids::TrunkId;
use crate::moment::Moment;
pub(in crate::sip) use choosing::Way;
use health::Health;
use identity::Asserted;
pub(in crate::sip) use limits::Full;
use limits::{Pace, Refusals};
use numbers::Numbering;
use registering::told;

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
    /// Our REGISTER that waits for an answer; until when, if there is another address to be asked.
    enrolling: Option<(TransactionId, Option<Moment>)>,
    /// The realm whose challenges are answered, and the last that was asked for and is not, as they were told.
    answers: Option<String>,
    unanswered: Option<Unanswered>,
    /// It refused our password for the last call that it asked it of.
    distrusts: bool,
    /// Where `to` leads, as far as that is known, in its order; and why some of it does not.
    places: Vec<Place>,
    fault: Option<String>,
    /// When a name server said so last.
    located_at: Option<Moment>,
    /// The connection over which the carrier registered us.
    enrolled_over: Option<ConnectionId>,
    /// Of its addresses, in their order.
    health: Vec<Health>,
    /// That it carries now.
    calls: usize,
    pace: Pace,
    refusals: Refusals,
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

    /// Whether calls of ours go there.
    pub fn lead_to(&self, addr: SocketAddr) -> bool {
        self.all.iter().flat_map(|standing| &standing.places).any(|place| place.hop.addr == addr)
    }

    /// Whether a host in a URI is one of them.
    pub fn are_at(&self, host: &str) -> bool {
        self.all.iter().any(|standing| standing.is_at(host))
    }

    /// Whose calls come from this address, or from whoever is certified for one of these domains. Who has shown a
    /// certificate of a trunk is that trunk wherever he is.
    pub fn calling(&self, ip: IpAddr, certified: &[String]) -> Option<&TrunkId> {
        let shown = |standing: &&Standing| standing.trunk.certified.iter().any(|domain| certified.contains(domain));
        let by_certificate = self.all.iter().find(shown);
        by_certificate.or_else(|| self.all.iter().find(|standing| standing.calls_from(ip))).map(|known| &known.trunk.id)
    }

    /// In the order of the settings.
    pub fn views(&self, now: Moment) -> Vec<TrunkView> {
        self.all.iter().map(|standing| standing.view(now)).collect()
    }

    fn numbers(&self) -> Vec<TrunkNo> {
        self.all.iter().map(|standing| standing.no).collect()
    }
}

impl Standing {
    fn new(no: TrunkNo, trunk: Trunk) -> Self {
        Self {
            no,
            trunk,
            registration: None,
            registered: None,
            asked: 0,
            failed: 0,
            enrolling: None,
            answers: None,
            unanswered: None,
            distrusts: false,
            places: Vec::new(),
            fault: None,
            located_at: None,
            enrolled_over: None,
            health: Vec::new(),
            calls: 0,
            pace: Pace::default(),
            refusals: Refusals::default(),
        }
    }

    /// Where calls of ours go out.
    pub fn hops(&self) -> Vec<Hop> {
        self.places.iter().map(|place| place.hop).collect()
    }

    /// The account, for a challenge that came from an address of this trunk. Secrets go to nobody else.
    pub fn account_at(&mut self, flow: Flow) -> Option<&mut Registration> {
        // Within a talk some carriers are at another of their addresses.
        let is_own = self.places.iter().any(|place| place.hop.addr == flow.remote)
            || self.calls_from(flow.remote.ip().to_canonical());
        self.registration.as_mut().filter(|_| is_own)
    }

    /// Whether its calls come from there.
    pub fn calls_from(&self, ip: IpAddr) -> bool {
        self.trunk.from.iter().any(|network| network.contains(&ip))
            || (self.trunk.from_to && self.places.iter().any(|place| place.hop.addr.ip().to_canonical() == ip))
    }

    /// Who calls, as this trunk is believed, and as the house writes numbers: whom it asserts, be it shown or not.
    pub fn introduce(&self, headers: &Headers, incoming: &mut Incoming) -> Option<String> {
        let of_china = Numbering::of_china();
        let numbering = self.trunk.numbering.as_ref().unwrap_or(&of_china);
        let mut asserted = None;
        let from = headers.from().ok();
        if let Some(number) = from.and_then(|from| identity::number(&from.uri, numbering)) {
            incoming.caller.number = number;
        }
        if self.trunk.trusted {
            let Asserted { identity, caller, diverted } = identity::asserted(headers, numbering);
            asserted = identity;
            incoming.caller = caller.unwrap_or_else(|| incoming.caller.clone());
            incoming.diverted = diverted;
        }
        if let Some(numbering) = &self.trunk.numbering {
            incoming.caller.number = numbering.caller(&incoming.caller.number);
            if let Some(diverted) = &mut incoming.diverted {
                diverted.number = numbering.caller(&diverted.number);
            }
            asserted = asserted.map(|number| numbering.caller(&number));
        }
        asserted
    }

    fn view(&self, now: Moment) -> TrunkView {
        let registers = self.trunk.account.as_ref().is_some_and(|account| account.register.is_some());
        TrunkView {
            id: self.trunk.id.clone(),
            calls: self.calls,
            channels: self.trunk.channels,
            calls_per_second: self.trunk.calls_per_second,
            no_room: self.refusals.counts(),
            // A carrier that is not there may have forgotten us.
            registered: registers.then(|| self.registered_now(now) == Some(Ok(())) && !self.is_away()),
            refused: self.registered_now(now).and_then(Result::err).filter(|_| registers),
            to: self.health.iter().map(|health| (health.hop.addr, health.up())).collect(),
            rests: self.health.iter().map(|health| health.rests_until(now)).collect(),
            fault: self.fault.clone(),
            unanswered_realm: self.unanswered.as_ref().and_then(|unanswered| match unanswered {
                Unanswered::Realm(realm) => Some(told(realm)),
                Unanswered::Way(_) => None,
            }),
            unanswered_way: self.unanswered.as_ref().and_then(|unanswered| match unanswered {
                Unanswered::Way(way) => Some(told(way)),
                Unanswered::Realm(_) => None,
            }),
            realm_is_set: self.trunk.account.as_ref().is_some_and(|account| account.realm.is_some()),
            distrusts: self.distrusts,
        }
    }
}
