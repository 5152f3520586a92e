//! SIP URIs, RFC 3261 §19.1, and others kept as text.

use std::borrow::Cow;
use std::fmt;

/// `;name=value` lists: names compare without case; values are kept as received, quotes removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(pub Vec<(String, Option<String>)>);

impl Params {
    /// The value of the parameter; `Some("")` when it is there without one.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_deref().unwrap_or(""))
    }

    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Replaces or adds.
    pub fn set(&mut self, name: &str, value: Option<&str>) {
        match self.0.iter_mut().find(|(n, _)| n.eq_ignore_ascii_case(name)) {
            Some((_, old)) => *old = value.map(Into::into),
            None => self.0.push((name.into(), value.map(Into::into))),
        }
    }

    /// Reads `;a=b;c;d="x;y"`. `None` for a name or value with a character that cannot stand there.
    pub(super) fn parse(text: &str) -> Option<Params> {
        let mut params = Vec::new();
        each_param(text, |name, value| params.push((name.to_string(), value.map(Cow::into_owned))))?;
        Some(Params(params))
    }
}

/// Tells of each parameter of `;a=b;c;d="x;y"`; `None` if they cannot be read.
fn each_param<'a>(text: &'a str, mut tell: impl FnMut(&'a str, Option<Cow<'a, str>>)) -> Option<()> {
    if text.is_empty() {
        return Some(());
    }
    for part in super::split::outside_quotes(text, b';') {
        let part = part.trim();
        if part.is_empty() {
            continue;
        }
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name.trim_end(), Some(value.trim_start())),
            None => (part, None),
        };
        if name.is_empty() || name.contains([' ', '\t', '<', '>', '"']) {
            return None;
        }
        let value = match value {
            Some(quoted) if quoted.starts_with('"') => Some(Cow::Owned(super::split::unquote(quoted)?)),
            Some(plain) if plain.contains(['<', '>', '"', ' ']) => return None,
            other => other.map(Cow::Borrowed),
        };
        tell(name, value);
    }
    Some(())
}

/// The value of the first parameter of that name, of a list that can be read.
pub(super) fn param<'a>(text: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let mut found = None;
    each_param(text, |at, value| {
        if found.is_none() && at.eq_ignore_ascii_case(name) {
            found = Some(value.unwrap_or_default());
        }
    })?;
    found
}

/// Whether a list of parameters can be read.
pub(super) fn are_params(text: &str) -> bool {
    each_param(text, |_, _| {}).is_some()
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.0 {
            match value {
                None => write!(f, ";{name}")?,
                Some(value) if is_plain(value) => write!(f, ";{name}={value}")?,
                Some(value) => write!(f, ";{name}={}", super::split::quote(value))?,
            }
        }
        Ok(())
    }
}

/// Whether a parameter's value can stand without quotes: token or host characters, RFC 3261 §25.1.
fn is_plain(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.!%*_+`'~[]:/$&@".contains(&b))
}

/// A request target.
#[derive(Clone, Debug, PartialEq)]
pub enum Uri {
    Sip(SipUri),
    /// `tel:`, `isbn:` … as written.
    Other(String),
}

#[derive(Clone, Debug, PartialEq)]
pub struct SipUri {
    /// `sips:`.
    pub secure: bool,
    /// As written, escapes and user parameters included (`user;par=u%40example.net`); without password.
    pub user: Option<String>,
    /// Without brackets.
    pub host: String,
    pub port: Option<u16>,
    pub params: Params,
    /// `?name=value` headers, as written; never copied into a message of ours.
    pub headers: Option<String>,
}

enum Scheme<'a> {
    Sip { secure: bool, rest: &'a str },
    Other,
}

struct Cut<'a> {
    user: Option<&'a str>,
    host: &'a str,
    port: Option<u16>,
    /// With its first semicolon; not looked at yet.
    params: &'a str,
    headers: Option<&'a str>,
}

fn scheme(text: &str) -> Option<Scheme<'_>> {
    let (scheme, rest) = text.split_once(':')?;
    let is_scheme = |b: u8| b.is_ascii_alphanumeric() || b"+-.".contains(&b);
    if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.bytes().all(is_scheme) {
        return None;
    }
    if text.contains(|c: char| c.is_ascii_control() || matches!(c, ' ' | '<' | '>' | '"')) {
        return None;
    }
    Some(match scheme {
        _ if scheme.eq_ignore_ascii_case("sip") => Scheme::Sip { secure: false, rest },
        _ if scheme.eq_ignore_ascii_case("sips") => Scheme::Sip { secure: true, rest },
        _ => Scheme::Other,
    })
}

impl Uri {
    /// Reads a URI; unknown schemes become [`Uri::Other`].
    pub fn parse(text: &str) -> Option<Uri> {
        Some(match scheme(text)? {
            Scheme::Sip { secure, rest } => {
                let Cut { user, host, port, params, headers } = SipUri::cut(rest)?;
                Uri::Sip(SipUri {
                    secure,
                    user: user.map(Into::into),
                    host: host.into(),
                    port,
                    params: Params::parse(params)?,
                    headers: headers.map(Into::into),
                })
            }
            Scheme::Other => Uri::Other(text.to_string()),
        })
    }

    /// Whether [`Uri::parse`] can read it.
    pub(super) fn is_readable(text: &str) -> bool {
        match scheme(text) {
            Some(Scheme::Sip { rest, .. }) => SipUri::cut(rest).is_some_and(|cut| are_params(cut.params)),
            Some(Scheme::Other) => true,
            None => false,
        }
    }

    pub fn sip(&self) -> Option<&SipUri> {
        match self {
            Uri::Sip(uri) => Some(uri),
            Uri::Other(_) => None,
        }
    }

    /// The user part of a SIP URI, or what a `tel:` URI (RFC 3966) calls; `None` where there is none.
    pub fn number(&self) -> Option<String> {
        let number = match self {
            Uri::Sip(uri) => uri.number(),
            Uri::Other(text) => {
                let (scheme, rest) = text.split_once(':')?;
                let is_tel = scheme.eq_ignore_ascii_case("tel");
                rest.split(';').next().filter(|_| is_tel).map(unescape)?
            }
        };
        Some(number).filter(|number| !number.is_empty())
    }

    /// Where its number is one, RFC 3966 §5.1.5 and RFC 3261 §19.1.6: `+8610`, or a domain. `None`: everywhere, or it is
    /// not said.
    pub fn context(&self) -> Option<String> {
        let subscriber = match self {
            Uri::Sip(uri) => uri.user.as_deref()?,
            Uri::Other(text) => text.split_once(':')?.1,
        };
        let (number, params) = subscriber.split_once(';')?;
        let mut named = params.split(';').filter_map(|param| param.split_once('='));
        let (_, context) = named.find(|(name, _)| name.eq_ignore_ascii_case("phone-context"))?;
        (!unescape(number).starts_with('+')).then(|| unescape(context))
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Uri::Sip(uri) => uri.fmt(f),
            Uri::Other(text) => f.write_str(text),
        }
    }
}

impl SipUri {
    pub fn new(user: Option<&str>, host: &str, port: Option<u16>) -> Self {
        Self {
            secure: false,
            user: user.map(Into::into),
            host: host.into(),
            port,
            params: Params::default(),
            headers: None,
        }
    }

    /// As somebody is named in From and To, where neither port nor transport belong: RFC 3261 §19.1.1, table 1.
    pub fn named(self) -> Self {
        Self { port: None, params: Params::default(), headers: None, ..self }
    }

    /// What follows the scheme, in its parts as they stand there.
    fn cut(rest: &str) -> Option<Cut<'_>> {
        // The user part may hold `;`, `?` and `/`, so it ends at the last `@` before the host can begin.
        let (user, rest) = match rest.rfind('@') {
            Some(at) => (Some(&rest[..at]), &rest[at + 1..]),
            None => (None, rest),
        };
        let user = user.map(|user| user.split_once(':').map_or(user, |(name, _password)| name));
        if user.is_some_and(str::is_empty) {
            return None;
        }
        let (rest, headers) = match rest.split_once('?') {
            Some((rest, headers)) => (rest, Some(headers)),
            None => (rest, None),
        };
        if rest.contains('"') {
            return None;
        }
        let (hostport, params) = rest.split_at(rest.find(';').unwrap_or(rest.len()));
        let (host, port) = host_port(hostport)?;
        Some(Cut { user, host, port, params, headers })
    }

    /// The user part with escapes resolved once, without parameters: what was dialled.
    pub fn number(&self) -> String {
        let user = self.user.as_deref().unwrap_or_default();
        unescape(user.split(';').next().unwrap_or_default())
    }

    /// Whether two URIs name the same resource, RFC 3261 §19.1.4.
    pub fn equivalent(&self, other: &SipUri) -> bool {
        const MUST_MATCH: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];
        let user = |uri: &SipUri| uri.user.as_deref().map(unescape);
        let both = |name: &str| match (self.params.get(name), other.params.get(name)) {
            (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
            (None, None) => true,
            _ => !MUST_MATCH.contains(&name),
        };
        let mut names = self.params.0.iter().chain(&other.params.0).map(|(name, _)| name.to_ascii_lowercase());
        self.secure == other.secure
            && user(self) == user(other)
            && self.host.eq_ignore_ascii_case(&other.host)
            && self.port == other.port
            && self.headers == other.headers
            && names.all(|name| both(&name))
    }
}

impl fmt::Display for SipUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.secure { "sips:" } else { "sip:" })?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        write_host(f, &self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        // As received: quotes have no place in a URI.
        for (name, value) in &self.params.0 {
            match value {
                None => write!(f, ";{name}")?,
                Some(value) => write!(f, ";{name}={value}")?,
            }
        }
        match &self.headers {
            Some(headers) => write!(f, "?{headers}"),
            None => Ok(()),
        }
    }
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`.
pub(super) fn host_port(text: &str) -> Option<(&str, Option<u16>)> {
    let text = text.trim();
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        host.parse::<std::net::Ipv6Addr>().ok()?;
        let port = match rest.trim_start() {
            "" => None,
            rest => Some(rest.strip_prefix(':')?),
        };
        (host, port)
    } else {
        match text.split_once(':') {
            Some((host, port)) => (host.trim_end(), Some(port)),
            None => (text, None),
        }
    };
    let port = match port {
        Some(port) => Some(port.trim().parse().ok()?),
        None => None,
    };
    let is_host = |b: u8| b.is_ascii_alphanumeric() || b"-._:".contains(&b);
    (!host.is_empty() && host.bytes().all(is_host)).then_some((host, port))
}

/// IPv6 addresses in brackets.
pub(super) fn write_host(f: &mut fmt::Formatter<'_>, host: &str) -> fmt::Result {
    if host.contains(':') { write!(f, "[{host}]") } else { f.write_str(host) }
}

/// `%41` → `A`, once. What is no escape stays as it is.
pub fn unescape(text: &str) -> String {
    if !text.contains('%') {
        return text.to_string();
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |i: usize| bytes.get(i).and_then(|b| (*b as char).to_digit(16));
        match (bytes[at], hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, _, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Escapes what cannot stand in a user part, RFC 3261 §25.1.
pub fn escape_user(text: &str) -> String {
    escape(text, b"-_.!~*'()&=+$,;?/")
}

/// Escapes all that is not unreserved, as in the value of a header within a URI.
pub fn escape_value(text: &str) -> String {
    escape(text, b"-_.!~*'()")
}

/// All but letters, digits and these.
fn escape(text: &str, kept: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || kept.contains(&byte) {
            out.push(byte as char);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
