//! The header fields of a message: canonical names, values as received, typed reading on demand.

use std::borrow::Cow;

use super::fields::{CSeq, Challenge, Credentials, NameAddr, Via};
use super::read::Malformed;
use super::split;

/// A canonical header name.
pub type Name = Cow<'static, str>;

/// Header fields in order. Names are canonical (`v` and `VIA` are stored as `Via`); lists of Via, Contact,
/// Route … are split into one entry each when a message is read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Headers(Vec<(Name, String)>);

/// Names that this house reads or writes, with their compact forms (RFC 3261 §7.3.3, RFC 3515, RFC 3841,
/// RFC 3892, RFC 4028, RFC 6665), the commonest first.
const NAMES: [(&str, Option<u8>); 47] = [
    ("Via", Some(b'v')),
    ("From", Some(b'f')),
    ("To", Some(b't')),
    ("Call-ID", Some(b'i')),
    ("CSeq", None),
    ("Contact", Some(b'm')),
    ("Content-Length", Some(b'l')),
    ("Content-Type", Some(b'c')),
    ("Max-Forwards", None),
    ("Route", None),
    ("Record-Route", None),
    ("Allow", None),
    ("Supported", Some(b'k')),
    ("User-Agent", None),
    ("Expires", None),
    ("Authorization", None),
    ("Proxy-Authorization", None),
    ("WWW-Authenticate", None),
    ("Proxy-Authenticate", None),
    ("Require", None),
    ("Proxy-Require", None),
    ("Unsupported", None),
    ("Content-Encoding", Some(b'e')),
    ("Subject", Some(b's')),
    ("Refer-To", Some(b'r')),
    ("Referred-By", Some(b'b')),
    ("Session-Expires", Some(b'x')),
    ("Min-SE", None),
    ("Event", Some(b'o')),
    ("Allow-Events", Some(b'u')),
    ("Accept-Contact", Some(b'a')),
    ("Reject-Contact", Some(b'j')),
    ("Request-Disposition", Some(b'd')),
    ("Accept", None),
    ("Reason", None),
    ("Retry-After", None),
    ("Min-Expires", None),
    ("Timestamp", None),
    ("Server", None),
    ("Warning", None),
    ("RAck", None),
    ("RSeq", None),
    ("Replaces", None),
    ("Date", None),
    ("Privacy", None),
    ("Path", None),
    ("Flow-Timer", None),
];

/// Fields whose value is a comma-separated list, RFC 3261 §7.3.1.
const LISTS: [&str; 11] = [
    "Via",
    "Contact",
    "Route",
    "Record-Route",
    "Path",
    "Allow",
    "Supported",
    "Require",
    "Proxy-Require",
    "Unsupported",
    "Content-Encoding",
];

pub(super) fn canonical(name: &str) -> Name {
    if let [letter] = name.as_bytes()
        && let Some((full, _)) = NAMES.iter().find(|(_, compact)| *compact == Some(letter.to_ascii_lowercase()))
    {
        return Cow::Borrowed(full);
    }
    match NAMES.iter().find(|(full, _)| full.eq_ignore_ascii_case(name)) {
        Some((full, _)) => Cow::Borrowed(full),
        None => Cow::Owned(name.to_string()),
    }
}

impl Headers {
    pub fn push(&mut self, name: impl Into<Name>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    /// Adds what was read: lists come apart.
    pub(super) fn push_read(&mut self, name: Name, value: String) {
        if LISTS.contains(&name.as_ref()) && value.contains(',') {
            for item in split::list(&value) {
                self.0.push((name.clone(), item.to_string()));
            }
        } else {
            self.0.push((name, value));
        }
    }

    /// Puts an entry before all others (a Via of ours).
    pub fn push_front(&mut self, name: impl Into<Name>, value: impl Into<String>) {
        self.0.insert(0, (name.into(), value.into()));
    }

    /// Removes all entries of that name, then adds one.
    pub fn set(&mut self, name: impl Into<Name>, value: impl Into<String>) {
        let name = name.into();
        self.remove(&name);
        self.0.push((name, value.into()));
    }

    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }

    /// Removes the first entry of that name.
    pub fn remove_first(&mut self, name: &str) {
        if let Some(at) = self.0.iter().position(|(n, _)| n.eq_ignore_ascii_case(name)) {
            self.0.remove(at);
        }
    }

    /// Replaces the first value of that name where it stands.
    pub fn replace_first(&mut self, name: &str, value: String) {
        if let Some((_, old)) = self.0.iter_mut().find(|(n, _)| n == name) {
            *old = value;
        }
    }

    /// Replaces the first Via's value.
    pub fn replace_top_via(&mut self, via: &Via) {
        self.replace_first("Via", via.to_string());
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// First value; names compare without case; compact forms were resolved when reading.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value.as_str()))
    }

    fn one<T>(&self, name: &'static str, parse: impl Fn(&str) -> Option<T>) -> Result<T, Malformed> {
        let value = self.get(name).ok_or_else(|| Malformed::new(format!("{name} is missing")))?;
        parse(value).ok_or_else(|| Malformed::new(format!("{name} cannot be read")))
    }

    fn many(&self, name: &'static str) -> Result<Vec<NameAddr>, Malformed> {
        let read = |value| NameAddr::parse(value).ok_or_else(|| Malformed::new(format!("{name} cannot be read")));
        self.all(name).map(read).collect()
    }

    pub fn top_via(&self) -> Result<Via, Malformed> {
        self.one("Via", Via::parse)
    }

    /// Checks that everything that an answer is matched by is there and readable, RFC 3261 §8.1.1.
    pub(super) fn check(&self) -> Result<(), Malformed> {
        for (name, is_readable) in [
            ("Via", Via::is_readable as fn(&str) -> bool),
            ("From", NameAddr::is_readable),
            ("To", NameAddr::is_readable),
        ] {
            let mut values = self.all(name).peekable();
            if values.peek().is_none() {
                return Err(Malformed::new(format!("{name} is missing")));
            }
            if !values.all(is_readable) {
                return Err(Malformed::new(format!("{name} cannot be read")));
            }
        }
        self.call_id()?;
        self.cseq()?;
        Ok(())
    }

    pub fn from_tag(&self) -> Option<Cow<'_, str>> {
        NameAddr::tag_in(self.get("From")?)
    }

    pub fn to_tag(&self) -> Option<Cow<'_, str>> {
        NameAddr::tag_in(self.get("To")?)
    }

    pub fn from(&self) -> Result<NameAddr, Malformed> {
        self.one("From", NameAddr::parse)
    }

    pub fn to(&self) -> Result<NameAddr, Malformed> {
        self.one("To", NameAddr::parse)
    }

    pub fn call_id(&self) -> Result<&str, Malformed> {
        let id = self.get("Call-ID").map(str::trim).filter(|id| !id.is_empty() && !id.contains([' ', '\t']));
        id.ok_or_else(|| Malformed::new("Call-ID is missing or cannot be read".into()))
    }

    pub fn cseq(&self) -> Result<CSeq, Malformed> {
        self.one("CSeq", CSeq::parse)
    }

    /// All contacts; not for `*`, see [`Headers::contact_is_star`].
    pub fn contacts(&self) -> Result<Vec<NameAddr>, Malformed> {
        self.many("Contact")
    }

    /// `Contact: *`, RFC 3261 §10.2.2.
    pub fn contact_is_star(&self) -> bool {
        self.all("Contact").any(|value| value.trim() == "*")
    }

    pub fn record_routes(&self) -> Result<Vec<NameAddr>, Malformed> {
        self.many("Record-Route")
    }

    pub fn routes(&self) -> Result<Vec<NameAddr>, Malformed> {
        self.many("Route")
    }

    /// `None` when absent.
    pub fn max_forwards(&self) -> Result<Option<u8>, Malformed> {
        match self.get("Max-Forwards") {
            None => Ok(None),
            Some(value) => match value.trim().parse::<u32>() {
                Ok(hops) if hops <= 255 => Ok(Some(hops as u8)),
                _ => Err(Malformed::new("Max-Forwards is not between 0 and 255".into())),
            },
        }
    }

    /// Seconds; values beyond what fits count as the most that fits.
    pub fn expires(&self) -> Option<u32> {
        let value = self.get("Expires")?.trim();
        let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| value.parse().unwrap_or(u32::MAX))
    }

    /// The items of every field of that name, e.g. of Require.
    pub fn tokens(&self, name: &str) -> Vec<String> {
        self.all(name).flat_map(split::list).map(Into::into).collect()
    }

    /// Authorization or Proxy-Authorization: the Digest credentials; other schemes are skipped.
    pub fn credentials(&self, name: &str) -> Vec<Credentials> {
        self.all(name).filter_map(Credentials::parse).collect()
    }

    /// WWW-Authenticate or Proxy-Authenticate: the Digest challenges in the order received.
    pub fn challenges(&self, name: &str) -> Vec<Challenge> {
        self.all(name).filter_map(Challenge::parse).collect()
    }
}
