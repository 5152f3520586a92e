//! SIP URIs, RFC 3261 §19.1, and others kept as text.

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
        self.0.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self.0.push((name.into(), value.map(Into::into)));
    }
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

impl Uri {
    /// Reads a URI; unknown schemes become [`Uri::Other`].
    pub fn parse(_text: &str) -> Option<Uri> {
        todo!()
    }

    pub fn sip(&self) -> Option<&SipUri> {
        match self {
            Uri::Sip(uri) => Some(uri),
            Uri::Other(_) => None,
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

    /// The user part with escapes resolved once, without parameters: what was dialled.
    pub fn number(&self) -> String {
        todo!()
    }

    /// RFC 3261 §19.1.4.
    pub fn equivalent(&self, _other: &SipUri) -> bool {
        todo!()
    }
}
