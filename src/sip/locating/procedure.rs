//! Locating SIP servers, RFC 3263 §4: which transport, which servers in which order, which addresses.

use std::time::Duration;

use super::names::{Names, Naptr, Srv};
use super::{MOST, MOST_PLACES};
use crate::sip::words::{Hop, Host, Listen, NextHop, Place, Transport};

/// Why a name leads nowhere.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unfound {
    pub why: String,
    /// A name server said so; else none answered.
    pub is_certain: bool,
}

impl Unfound {
    pub fn certainly(why: String) -> Self {
        Self { why, is_certain: true }
    }

    pub fn perhaps(why: String) -> Self {
        Self { why, is_certain: false }
    }
}

type Placed = (Vec<Place>, Duration);

/// Where it leads, and for how long that is good; ranks are the priorities of its SRV records.
pub(super) async fn places(names: &Names, next: &NextHop, listen: &[Listen]) -> Result<Placed, Unfound> {
    let name = match &next.host {
        Host::Name(name) => name,
        Host::Address(_) => {
            let place = next.literal().map(|hop| Place { hop, rank: 0, weight: 0 });
            return Ok((place.into_iter().collect(), MOST));
        }
    };
    let spoken = |transport: Transport| listen.iter().any(|listener| listener.transport == transport);
    // §4.2: a port that is named leads to addresses.
    if let Some(port) = next.port {
        return at_addresses(names, name, port, next.transport(), listen).await;
    }
    let all = |transports: &[Transport]| {
        transports.iter().map(|transport| (*transport, service(*transport, name))).collect::<Vec<_>>()
    };
    let offered = match next.transport {
        Some(_) => Vec::new(),
        None => by_naptr(names, name, next.secure).await?,
    };
    let is_offered = !offered.is_empty();
    let services = match next.transport {
        _ if is_offered => offered,
        Some(transport) => all(&[transport]),
        // §4.1: without NAPTR each transport that we speak is asked for.
        None if next.secure => all(&[Transport::Tls]),
        None => all(&[Transport::Udp, Transport::Tcp, Transport::Tls]),
    };
    let mut best = None;
    for (transport, service) in services.into_iter().filter(|(transport, _)| spoken(*transport)) {
        let (servers, good_for) = names.srv(&service).await?;
        if !servers.is_empty() {
            return at_servers(names, name, transport, servers, good_for, listen).await;
        }
        best = best.or(Some(transport));
    }
    // §4.2: without SRV it is at the addresses of the name, over the transport that NAPTR chose.
    let transport = match best {
        Some(best) if is_offered => best,
        None if is_offered => {
            return Err(Unfound::certainly("no server is named for a transport that sip.listen has".into()));
        }
        _ => next.transport(),
    };
    at_addresses(names, name, transport.port(), transport, listen).await
}

/// Services that are offered, best first.
async fn by_naptr(names: &Names, name: &str, secure: bool) -> Result<Vec<(Transport, String)>, Unfound> {
    let (mut found, _) = names.naptr(name).await?;
    found.sort_by_key(|naptr| (naptr.order, naptr.preference));
    let offered = |naptr: Naptr| {
        let transport = match naptr.service.as_str() {
            "SIP+D2U" if !secure => Transport::Udp,
            "SIP+D2T" if !secure => Transport::Tcp,
            "SIPS+D2T" => Transport::Tls,
            _ => return None,
        };
        (naptr.flags == "S").then_some((transport, naptr.replacement))
    };
    Ok(found.into_iter().filter_map(offered).collect())
}

/// RFC 3263 §4.1.
fn service(transport: Transport, name: &str) -> String {
    match transport {
        Transport::Tls => format!("_sips._tcp.{name}"),
        Transport::Udp => format!("_sip._udp.{name}"),
        _ => format!("_sip._tcp.{name}"),
    }
}

async fn at_servers(
    names: &Names,
    name: &str,
    transport: Transport,
    mut servers: Vec<Srv>,
    mut good_for: Duration,
    listen: &[Listen],
) -> Result<Placed, Unfound> {
    let families = families(transport, listen);
    servers.sort_by_key(|server| server.priority);
    let mut places: Vec<Place> = Vec::new();
    let mut missing = None;
    // RFC 2782: a dot says that there is none.
    for server in servers.iter().filter(|server| server.target != ".") {
        match names.addresses(&server.target, families).await {
            Ok((addresses, theirs)) => {
                good_for = good_for.min(theirs);
                for (index, ip) in addresses.into_iter().enumerate() {
                    let hop = Hop { addr: (ip, server.port).into(), transport };
                    // Another address of a server is there for when its first does not answer.
                    let weight = if index == 0 { server.weight } else { 0 };
                    places.push(Place { hop, rank: server.priority.into(), weight });
                }
            }
            Err(unfound) => missing = Some(unfound),
        }
        if places.len() >= MOST_PLACES {
            break;
        }
    }
    match (places.is_empty(), missing) {
        (false, _) => Ok((places, good_for)),
        (true, Some(unfound)) => Err(unfound),
        (true, None) => {
            Err(Unfound::certainly(format!("the servers of {name} have no {}", address_of(families, transport))))
        }
    }
}

async fn at_addresses(
    names: &Names,
    name: &str,
    port: u16,
    transport: Transport,
    listen: &[Listen],
) -> Result<Placed, Unfound> {
    let families = families(transport, listen);
    if families == (false, false) {
        return Err(Unfound::certainly(format!("sip.listen has nothing over {}", transport.via_name())));
    }
    let (addresses, good_for) = names.addresses(name, families).await?;
    if addresses.is_empty() {
        let address = address_of(families, transport);
        return Err(Unfound::certainly(format!("there is no such name, or it has no {address}")));
    }
    let place = |(index, ip): (usize, std::net::IpAddr)| {
        let hop = Hop { addr: (ip, port).into(), transport };
        Place { hop, rank: u32::try_from(index).unwrap_or(u32::MAX), weight: 0 }
    };
    Ok((addresses.into_iter().enumerate().map(place).collect(), good_for))
}

/// IPv4, IPv6: a family that no listener leads to is not asked for.
fn families(transport: Transport, listen: &[Listen]) -> (bool, bool) {
    let has = |v4: bool| listen.iter().any(|l| l.transport == transport && l.addr.is_ipv4() == v4);
    (has(true), has(false))
}

/// What was asked for: of the other family nothing is known.
fn address_of(families: (bool, bool), transport: Transport) -> String {
    let only = |asked: &str, other: &str| {
        format!("{asked} address (sip.listen has nothing over {} on {other})", transport.via_name())
    };
    match families {
        (true, false) => only("IPv4", "IPv6"),
        (false, true) => only("IPv6", "IPv4"),
        _ => "address".into(),
    }
}
