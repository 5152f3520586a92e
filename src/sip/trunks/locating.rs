//! Where a trunk leads by now: its addresses, and what its names were found to mean.

use std::net::SocketAddr;
use std::time::Duration;

use tracing::{info, warn};

use super::Standing;
use super::health::Health;
use crate::moment::Moment;
use crate::sip::endpoint::Endpoint;
use crate::sip::words::{Hop, Located, NextHop, Place, Transport};
use crate::tls::Peer;

/// Where no name server answers, what was known last is as good as anything for so long (RFC 8767).
const STALE: Duration = Duration::from_secs(3600);

impl Endpoint {
    /// Somebody looked up where a trunk leads.
    pub fn located(&mut self, now: Moment, located: Located) {
        let mut all = self.trunks.all.iter();
        let place = all.position(|known| known.trunk.id == located.trunk && known.trunk.to == located.to);
        // A trunk that is another by now is looked up anew.
        let Some(place) = place else { return };
        let mut standing = self.trunks.all.remove(place);
        standing.leads_to(now, located);
        standing.check_places(now);
        let no = standing.no;
        if standing.registration.is_none() {
            self.open_account(now, &mut standing);
        } else {
            standing.keep_registrar(now);
        }
        self.trunks.all.insert(place, standing);
        self.schedule_trunk(no);
        self.after(now);
    }

    /// Who has to be where calls go over TLS.
    pub fn peers(&self) -> Vec<(SocketAddr, Peer)> {
        let mut peers = Vec::new();
        for standing in &self.trunks.all {
            let Some(peer) = &standing.trunk.peer else { continue };
            let secure = standing.places.iter().filter(|place| place.hop.transport == Transport::Tls);
            peers.extend(secure.map(|place| (place.hop.addr, peer.clone())));
        }
        peers
    }

    /// Whether it is shown a certificate of ours there.
    pub(in crate::sip) fn is_shown_to(&self, addr: SocketAddr) -> bool {
        self.peer_at(addr).is_some_and(|peer| peer.own.is_some())
    }

    /// Whether one of these domains is whom we would connect to there.
    pub(in crate::sip) fn is_peer_at(&self, addr: SocketAddr, domains: &[String]) -> bool {
        self.peer_at(addr).is_some_and(|peer| peer.names.iter().any(|name| domains.contains(name)))
    }

    fn peer_at(&self, addr: SocketAddr) -> Option<&Peer> {
        let is_there = |place: &Place| place.hop == Hop { addr, transport: Transport::Tls };
        self.trunks.all.iter().find(|known| known.places.iter().any(is_there))?.trunk.peer.as_ref()
    }

    /// The place of a carrier to which a request goes over TLS that names this address: what it says of itself may have
    /// another port, and nobody but a carrier can be asked who he is.
    pub(in crate::sip) fn secure_place(&self, addr: SocketAddr) -> Option<SocketAddr> {
        let places = || {
            let all = self.trunks.all.iter().flat_map(|standing| &standing.places);
            all.filter(|place| place.hop.transport == Transport::Tls).map(|place| place.hop.addr)
        };
        places().find(|known| *known == addr).or_else(|| places().find(|known| known.ip() == addr.ip()))
    }
}

impl Standing {
    /// What is written leads somewhere else: its addresses, and nothing of its names yet.
    pub(super) fn begin_anew(&mut self) {
        let literal =
            |(index, to): (usize, &NextHop)| Some(Place { hop: to.literal()?, rank: rank(index, 0), weight: 0 });
        self.places = self.trunk.to.iter().enumerate().filter_map(literal).collect();
        let name = self.trunk.to.iter().find(|to| to.literal().is_none());
        self.fault = name.map(|name| format!("{name} is being looked up"));
        self.located_at = None;
    }

    /// Told where it is news.
    fn leads_to(&mut self, now: Moment, located: Located) {
        let Located { places, mut fault, is_certain, .. } = located;
        let trunk = &self.trunk.id;
        let is_fresh = self.located_at.is_some_and(|at| now < at + STALE);
        if fault.is_none() || is_certain {
            self.located_at = Some(now);
        }
        // What is known may still be right.
        let stays = fault.is_some() && !is_certain && is_fresh && places.len() < self.places.len();
        if let (Some(why), true) = (&mut fault, stays) {
            why.push_str("; what was found last is used");
        }
        if let (Some(why), true) = (&fault, fault != self.fault) {
            match is_certain {
                true => warn!(%trunk, why, "a name leads nowhere"),
                false => warn!(%trunk, why, "a name cannot be looked up"),
            }
        }
        if stays {
            self.fault = fault;
            return;
        }
        if places != self.places {
            let to: Vec<String> = places.iter().map(|place| place.hop.addr.to_string()).collect();
            match to.is_empty() {
                false => info!(%trunk, to = to.join(", "), "the carrier is found there"),
                true => info!(%trunk, "the carrier is found nowhere"),
            }
        }
        (self.places, self.fault) = (places, fault);
    }

    /// Whether anybody is there is asked of new places; what is known of those that stay is kept.
    pub(super) fn check_places(&mut self, now: Moment) {
        let check_at = (!self.trunk.check.is_zero()).then_some(now);
        let mut before = std::mem::take(&mut self.health);
        let known = |place: &Place| {
            let at = before.iter().position(|health| health.hop == place.hop);
            at.map_or_else(|| Health::new(place.hop, check_at), |at| before.swap_remove(at))
        };
        self.health = self.places.iter().map(known).collect();
    }

    /// A registrar that is found there no longer is left for one that is.
    fn keep_registrar(&mut self, now: Moment) {
        let hops = self.hops();
        let (Some(registration), Some(first)) = (self.registration.as_mut(), hops.first()) else { return };
        let account = &mut registration.account;
        if !hops.iter().any(|hop| hop.addr == account.registrar && hop.transport == account.transport) {
            (account.registrar, account.transport, self.asked) = (first.addr, first.transport, 0);
            if registration.is_active() {
                registration.try_at(now);
            }
        }
    }
}

/// Of what is written first all come first.
pub(in crate::sip) fn rank(index: usize, priority: u16) -> u32 {
    (u32::try_from(index).unwrap_or(u32::MAX >> 16) << 16) | u32::from(priority)
}
