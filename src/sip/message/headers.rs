//! The header fields of a message: canonical names, values as received, typed reading on demand.

use super::fields::{CSeq, Challenge, Credentials, NameAddr, Via};
use super::read::Malformed;

/// Header fields in order. Names are canonical (`v` and `VIA` are stored as `Via`); comma-separated
/// lists of Via, Contact, Route, Record-Route, Allow, Supported, Require … are split into one entry each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Headers(Vec<(Name, String)>);

/// A canonical header name.
pub type Name = std::borrow::Cow<'static, str>;

impl Headers {
    pub fn push(&mut self, name: impl Into<Name>, value: impl Into<String>) {
        let _ = (name.into(), value.into());
        todo!()
    }
    /// Puts an entry before all others (a Via of ours).
    pub fn push_front(&mut self, name: impl Into<Name>, value: impl Into<String>) {
        let _ = (name.into(), value.into());
        todo!()
    }
    /// Removes all entries of that name, then adds one.
    pub fn set(&mut self, name: impl Into<Name>, value: impl Into<String>) {
        let _ = (name.into(), value.into());
        todo!()
    }
    pub fn remove(&mut self, _name: &str) {
        todo!()
    }
    /// First value; names compare without case; compact forms were resolved when reading.
    pub fn get(&self, _name: &str) -> Option<&str> {
        todo!()
    }
    pub fn all<'a>(&'a self, _name: &str) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        todo!()
    }
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value.as_str()))
    }
    pub fn top_via(&self) -> Result<Via, Malformed> {
        todo!()
    }
    pub fn from(&self) -> Result<NameAddr, Malformed> {
        todo!()
    }
    pub fn to(&self) -> Result<NameAddr, Malformed> {
        todo!()
    }
    pub fn call_id(&self) -> Result<&str, Malformed> {
        todo!()
    }
    pub fn cseq(&self) -> Result<CSeq, Malformed> {
        todo!()
    }
    /// All contacts; a `*` is its own variant on REGISTER, see [`Headers::contact_is_star`].
    pub fn contacts(&self) -> Result<Vec<NameAddr>, Malformed> {
        todo!()
    }
    pub fn contact_is_star(&self) -> bool {
        todo!()
    }
    pub fn record_routes(&self) -> Result<Vec<NameAddr>, Malformed> {
        todo!()
    }
    pub fn routes(&self) -> Result<Vec<NameAddr>, Malformed> {
        todo!()
    }
    /// `None` when absent.
    pub fn max_forwards(&self) -> Result<Option<u8>, Malformed> {
        todo!()
    }
    pub fn expires(&self) -> Option<u32> {
        todo!()
    }
    pub fn tokens(&self, _name: &str) -> Vec<String> {
        todo!()
    }
    /// Authorization or Proxy-Authorization: the Digest credentials, if any; other schemes are skipped.
    pub fn credentials(&self, _name: &str) -> Vec<Credentials> {
        todo!()
    }
    /// WWW-Authenticate or Proxy-Authenticate: the Digest challenges in order of preference as received.
    pub fn challenges(&self, _name: &str) -> Vec<Challenge> {
        todo!()
    }
}
