//! Header fields with structure: Via, name-addr, CSeq, digest challenge and credentials.

use super::Method;
use super::uri::{Params, Uri};

#[derive(Clone, Debug, PartialEq)]
pub struct Via {
    /// `UDP`, `TCP`, `TLS`, `WS` …, upper case.
    pub transport: String,
    /// Host without brackets.
    pub host: String,
    pub port: Option<u16>,
    /// branch, received, rport, maddr, ttl and others.
    pub params: Params,
}

impl Via {
    pub fn branch(&self) -> Option<&str> {
        self.params.get("branch")
    }
}

/// From, To, Contact, Route, Record-Route: `"Anna" <sip:anna@host>;tag=1`.
#[derive(Clone, Debug, PartialEq)]
pub struct NameAddr {
    /// Unquoted.
    pub display: Option<String>,
    pub uri: Uri,
    /// Header parameters (not the URI's own).
    pub params: Params,
}

impl NameAddr {
    pub fn new(uri: Uri) -> Self {
        Self { display: None, uri, params: Params::default() }
    }

    pub fn tag(&self) -> Option<&str> {
        self.params.get("tag")
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct CSeq {
    /// Below 2^31, RFC 3261 §8.1.1.5.
    pub seq: u32,
    pub method: Method,
}

/// A Digest challenge, RFC 7616 §3.3, RFC 8760.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Challenge {
    pub realm: String,
    pub nonce: String,
    pub opaque: Option<String>,
    /// `MD5` when absent, `SHA-256`, or another (then skipped).
    pub algorithm: Option<String>,
    /// The options offered, e.g. `["auth", "auth-int"]`; empty: RFC 2069 form.
    pub qop: Vec<String>,
    pub stale: bool,
}

/// Digest credentials, RFC 7616 §3.4.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Credentials {
    pub username: String,
    pub realm: String,
    pub nonce: String,
    pub uri: String,
    pub response: String,
    pub algorithm: Option<String>,
    pub cnonce: Option<String>,
    pub qop: Option<String>,
    /// As written, 8 hex digits.
    pub nc: Option<String>,
    pub opaque: Option<String>,
}
