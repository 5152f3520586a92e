//! Who connected to us over TLS with a certificate, and is found again at the same address: what is said in a talk when
//! the connection is gone goes to where they say that they listen, RFC 3261 §18.1.1.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use crate::tls::{Acceptor, Connector};

/// More addresses than carriers call from.
const MOST: usize = 1_000;

/// By their address, whatever the port: they connect from another than they listen at.
#[derive(Default)]
pub struct Vouched(HashMap<IpAddr, Connector>);

impl Vouched {
    /// Somebody there has shown a certificate for these domains.
    pub fn note(&mut self, remote: SocketAddr, domains: &[String], acceptor: Option<&Acceptor>) {
        let ip = remote.ip().to_canonical();
        let Some(peer) = acceptor.and_then(|acceptor| acceptor.peer(domains.to_vec())) else { return };
        let is_known = self.0.get(&ip).is_some_and(|known| *known.peer() == peer);
        if !is_known && (self.0.len() < MOST || self.0.contains_key(&ip)) {
            self.0.insert(ip, Connector::new(peer));
        }
    }

    /// Who has to be there.
    pub fn at(&self, remote: SocketAddr) -> Option<&Connector> {
        self.0.get(&remote.ip().to_canonical())
    }
}
