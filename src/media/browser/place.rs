//! Where a browser is, as its requests prove it. Pure.
//!
//! Its connection keeps the address by which ICE found it (RFC 8445 §8.1.1) until ICE begins anew. A browser that has
//! moved meanwhile, or whose NAT gave it another address, is followed here: it asks by the new way, the agent finds its
//! password right, and from then on what goes to the one address goes to the other.

use std::net::SocketAddr;
use std::time::Duration;

use crate::moment::Moment;

/// A browser of which nothing came for so long where it was is where it can prove to be: a NAT gave it another address.
const QUIET: Duration = Duration::from_secs(1);

#[derive(Default)]
pub struct Place {
    /// Where the connection sends what is no STUN.
    known: Option<SocketAddr>,
    /// Where that goes, if it is elsewhere.
    now: Option<SocketAddr>,
    /// When something came from there last.
    heard: Moment,
    /// Who asked to be spoken with there, and was not answered yet: the transaction is unknown to others.
    asked: Option<(SocketAddr, Transaction)>,
}

pub type Transaction = [u8; 12];

/// A binding request of whoever.
pub struct Request<'a> {
    /// Ours: what stands before the colon of its USERNAME.
    pub ufrag: &'a str,
    pub transaction: Transaction,
    pub nominates: bool,
}

impl Place {
    /// A request that may be nobody's: whoever answers it has looked.
    pub fn asks(&mut self, now: Moment, from: SocketAddr, request: &Request<'_>) {
        let Some(at) = self.now.or(self.known) else { return };
        if from == at {
            self.heard = now;
        } else if request.nominates || now.since(self.heard) >= QUIET {
            self.asked = Some((from, request.transaction));
        }
    }

    /// It was found good, and is answered with `datagram`.
    pub fn granted(&mut self, now: Moment, to: SocketAddr, datagram: &[u8]) {
        if let Some((from, transaction)) = self.asked
            && from == to
            && datagram.get(8..20).is_some_and(|answered| *answered == transaction)
        {
            (self.now, self.heard, self.asked) = (Some(to), now, None);
        }
    }

    /// As what the connection knows it.
    pub fn hears(&mut self, now: Moment, from: SocketAddr) -> SocketAddr {
        let at = self.now.or(self.known);
        if at != Some(from) {
            return from;
        }
        self.heard = now;
        self.known.unwrap_or(from)
    }

    /// Where it goes.
    pub fn speaks(&mut self, now: Moment, to: SocketAddr) -> SocketAddr {
        if self.known != Some(to) {
            *self = Self { known: Some(to), heard: now, ..Self::default() };
        }
        self.now.unwrap_or(to)
    }
}
