//! Header fields with structure: Via, name-addr, CSeq, digest challenge and credentials.

use std::borrow::Cow;
use std::fmt;

use super::uri::{Params, SipUri, Uri, are_params, host_port, param, write_host};
use super::{Method, split};

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

    pub(in crate::sip) fn parse(text: &str) -> Option<Via> {
        let (transport, sent_by, params) = Via::cut(text)?;
        let (host, port) = host_port(sent_by)?;
        let params = Params::parse(params)?;
        Some(Via { transport: transport.to_ascii_uppercase(), host: host.into(), port, params })
    }

    /// Whether [`Via::parse`] can read it.
    pub(in crate::sip) fn is_readable(text: &str) -> bool {
        Via::cut(text).is_some_and(|(_, sent_by, params)| host_port(sent_by).is_some() && are_params(params))
    }

    /// Transport, sent-by and parameters, RFC 3261 §20.42; white space is allowed around every separator.
    fn cut(text: &str) -> Option<(&str, &str, &str)> {
        let (head, params) = text.split_at(text.find(';').unwrap_or(text.len()));
        let mut protocol = head.splitn(3, '/');
        let (name, version, rest) = (protocol.next()?.trim(), protocol.next()?.trim(), protocol.next()?.trim());
        // Whether the version is ours the request line decides; the answer has to find its way back anyway.
        let is_version = !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if !name.eq_ignore_ascii_case("SIP") || !is_version {
            return None;
        }
        let (transport, sent_by) = rest.split_once(|c: char| c.is_ascii_whitespace())?;
        Some((transport, sent_by, params))
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/2.0/{} ", self.transport)?;
        write_host(f, &self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        self.params.fmt(f)
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

    pub fn sip(uri: SipUri) -> Self {
        Self::new(Uri::Sip(uri))
    }

    pub fn tag(&self) -> Option<&str> {
        self.params.get("tag")
    }

    pub fn parse(text: &str) -> Option<NameAddr> {
        let (display, uri, params) = NameAddr::cut(text)?;
        let (uri, params) = (Uri::parse(uri)?, Params::parse(params)?);
        Some(NameAddr { display: display.map(Cow::into_owned), uri, params })
    }

    /// Whether [`NameAddr::parse`] can read it.
    pub(in crate::sip) fn is_readable(text: &str) -> bool {
        NameAddr::cut(text).is_some_and(|(_, uri, params)| Uri::is_readable(uri) && are_params(params))
    }

    /// The tag of a value that was found readable, without reading the rest of it.
    pub(in crate::sip) fn tag_in(text: &str) -> Option<Cow<'_, str>> {
        param(NameAddr::cut(text)?.2, "tag")
    }

    /// Display name, URI and parameters, RFC 3261 §20.10: without `<>`, parameters belong to the header.
    fn cut(text: &str) -> Option<(Option<Cow<'_, str>>, &str, &str)> {
        let text = text.trim();
        let (display, rest) = match text.starts_with('"') {
            true => {
                let (display, rest) = split::quoted_prefix(text)?;
                (Some(Cow::Owned(display)), rest.trim_start())
            }
            false => (None, text),
        };
        if let Some(open) = rest.find('<') {
            let close = open + rest[open..].find('>')?;
            let words = rest[..open].trim();
            if (display.is_some() && !words.is_empty()) || words.contains(['"', ';', ':', '@', ',']) {
                return None;
            }
            let display = display.or_else(|| (!words.is_empty()).then_some(Cow::Borrowed(words)));
            let params = rest[close + 1..].trim_start();
            if !params.is_empty() && !params.starts_with(';') {
                return None;
            }
            return Some((display, rest[open + 1..close].trim(), params));
        }
        if display.is_some() {
            return None;
        }
        let (uri, params) = match rest.find([';', '?']) {
            // RFC 3261 §20: a URI with `?` must stand in `<>`.
            Some(at) if rest.as_bytes().get(at) == Some(&b'?') => return None,
            Some(at) => (&rest[..at], &rest[at..]),
            None => (rest, ""),
        };
        (!uri.contains(',')).then_some((display, uri.trim(), params))
    }
}

impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(display) = &self.display {
            write!(f, "{} ", split::quote(display))?;
        }
        write!(f, "<{}>{}", self.uri, self.params)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct CSeq {
    /// Below 2^31, RFC 3261 §8.1.1.5.
    pub seq: u32,
    pub method: Method,
}

impl CSeq {
    pub(super) fn parse(text: &str) -> Option<CSeq> {
        let (seq, method) = text.trim().split_once(|c: char| c.is_ascii_whitespace())?;
        if !seq.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let seq: u32 = seq.parse().ok().filter(|seq| *seq < 1 << 31)?;
        Some(CSeq { seq, method: Method::parse(method.trim())? })
    }
}

impl fmt::Display for CSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.seq, self.method)
    }
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

impl Challenge {
    pub(super) fn parse(text: &str) -> Option<Challenge> {
        let values = digest_values(text)?;
        let get = |name: &str| values.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.clone());
        Some(Challenge {
            realm: get("realm")?,
            nonce: get("nonce")?,
            opaque: get("opaque"),
            algorithm: get("algorithm"),
            qop: get("qop").map(|q| q.split(',').map(|o| o.trim().to_string()).collect()).unwrap_or_default(),
            stale: get("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest realm={}, nonce={}", split::quote(&self.realm), split::quote(&self.nonce))?;
        if let Some(opaque) = &self.opaque {
            write!(f, ", opaque={}", split::quote(opaque))?;
        }
        if let Some(algorithm) = &self.algorithm {
            write!(f, ", algorithm={algorithm}")?;
        }
        if !self.qop.is_empty() {
            write!(f, ", qop=\"{}\"", self.qop.join(","))?;
        }
        if self.stale { f.write_str(", stale=true") } else { Ok(()) }
    }
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

impl Credentials {
    pub(super) fn parse(text: &str) -> Option<Credentials> {
        let values = digest_values(text)?;
        let get = |name: &str| values.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.clone());
        Some(Credentials {
            username: get("username")?,
            realm: get("realm")?,
            nonce: get("nonce")?,
            uri: get("uri")?,
            response: get("response")?,
            algorithm: get("algorithm"),
            cnonce: get("cnonce"),
            qop: get("qop"),
            nc: get("nc"),
            opaque: get("opaque"),
        })
    }
}

impl fmt::Display for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let q = split::quote;
        write!(f, "Digest username={}, realm={}", q(&self.username), q(&self.realm))?;
        write!(f, ", nonce={}, uri={}, response={}", q(&self.nonce), q(&self.uri), q(&self.response))?;
        if let Some(algorithm) = &self.algorithm {
            write!(f, ", algorithm={algorithm}")?;
        }
        if let Some(cnonce) = &self.cnonce {
            write!(f, ", cnonce={}", q(cnonce))?;
        }
        if let Some(qop) = &self.qop {
            write!(f, ", qop={qop}")?;
        }
        if let Some(nc) = &self.nc {
            write!(f, ", nc={nc}")?;
        }
        match &self.opaque {
            Some(opaque) => write!(f, ", opaque={}", q(opaque)),
            None => Ok(()),
        }
    }
}

/// `Digest a="b", c=d` → pairs; `None` for another scheme.
fn digest_values(text: &str) -> Option<Vec<(String, String)>> {
    let (scheme, rest) = text.trim().split_once(|c: char| c.is_ascii_whitespace())?;
    if !scheme.eq_ignore_ascii_case("Digest") {
        return None;
    }
    let pair = |item: &str| {
        let (name, value) = item.split_once('=')?;
        let value = value.trim();
        let value = if value.starts_with('"') { split::unquote(value)? } else { value.to_string() };
        Some((name.trim().to_string(), value))
    };
    split::outside_quotes(rest, b',').filter(|item| !item.trim().is_empty()).map(pair).collect()
}
