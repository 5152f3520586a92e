//! What another carrier may be asked to call: an address of this one, and nothing that whoever answered there made up.
//! Their Contact is theirs to write; somebody else would ring by it, and the house would pay.

use std::net::IpAddr;

use super::Standing;
use crate::sip::message::SipUri;
use crate::sip::message::uri::{Params, unescape};
use crate::sip::words::Host;

impl Standing {
    /// A remote target (RFC 3261 §12.1.2) as others may be told of it. `None`: it is not known to be this carrier's.
    /// `dialled`: the number that was dialled there.
    pub fn vouches_for(&self, target: &SipUri, dialled: Option<&str>) -> Option<SipUri> {
        // §19.1.1: where there is an `maddr`, requests go there and not to the host.
        let is_its = !target.params.has("maddr") && self.is_at(&target.host);
        let user = target.user.as_deref().map(unescape);
        if !is_its || !user.is_none_or(|user| is_name(&user) || self.was_dialled(&user, dialled)) {
            return None;
        }
        let params = target.params.0.iter().filter(|(name, value)| is_passed_on(name, value.as_deref()));
        Some(SipUri { params: Params(params.cloned().collect()), headers: None, ..target.clone() })
    }

    /// Whether a host in a URI is this carrier: an address that it calls from or is called at, on whatever port, or a
    /// name that it was given. Others are not looked up: where they lead is for others to say, and may change.
    pub fn is_at(&self, host: &str) -> bool {
        if let Ok(ip) = host.parse::<IpAddr>().map(|ip| ip.to_canonical()) {
            return self.calls_from(ip) || self.places.iter().any(|place| place.hop.addr.ip().to_canonical() == ip);
        }
        let trunk = &self.trunk;
        let of_hops = trunk.to.iter().filter_map(|to| if let Host::Name(name) = &to.host { Some(name) } else { None });
        let mut names = of_hops.chain(&trunk.domain).chain(&trunk.certified);
        names.any(|name| name.eq_ignore_ascii_case(host))
    }

    /// However it is written.
    fn was_dialled(&self, user: &str, dialled: Option<&str>) -> bool {
        let numbering = self.trunk.numbering.as_ref();
        dialled.is_some_and(|dialled| dialled == user || numbering.is_some_and(|of| of.is_same(dialled, user)))
    }
}

/// No telephone number, not even to a carrier that takes the digits with which something begins.
fn is_name(user: &str) -> bool {
    user.starts_with(|first: char| first.is_ascii_alphabetic())
        && user.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+=".contains(&byte))
}

/// What tells the way, or which of several it is (RFC 5627): no other method, route or trunk group.
fn is_passed_on(name: &str, value: Option<&str>) -> bool {
    let is = |known: &str| name.eq_ignore_ascii_case(known);
    is("transport") || is("gr") || (is("user") && value == Some("phone"))
}
