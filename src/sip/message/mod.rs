//! SIP messages as bytes and as types: a tolerant, bounded reader and a writer. The only door to `rsip`.
//!
//! Does not know transactions, dialogs or sockets.

pub mod fields;
pub mod framing;
pub mod headers;
mod masking;
pub mod parts;
pub mod read;
mod split;
#[cfg(test)]
mod tests;
pub mod uri;
pub mod write;

use std::fmt;

pub use fields::{CSeq, Challenge, Credentials, NameAddr, Via};
pub use headers::Headers;
pub use masking::masked;
pub use read::{Malformed, read};
pub use uri::{SipUri, Uri};

/// A method: one that rsip names, or any other token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    Known(rsip::Method),
    Other(String),
}

impl Method {
    pub const INVITE: Method = Method::Known(rsip::Method::Invite);
    pub const ACK: Method = Method::Known(rsip::Method::Ack);
    pub const BYE: Method = Method::Known(rsip::Method::Bye);
    pub const CANCEL: Method = Method::Known(rsip::Method::Cancel);
    pub const OPTIONS: Method = Method::Known(rsip::Method::Options);
    pub const REGISTER: Method = Method::Known(rsip::Method::Register);
    pub const INFO: Method = Method::Known(rsip::Method::Info);
    pub const UPDATE: Method = Method::Known(rsip::Method::Update);
    pub const PRACK: Method = Method::Known(rsip::Method::PRack);
    pub const REFER: Method = Method::Known(rsip::Method::Refer);
    pub const SUBSCRIBE: Method = Method::Known(rsip::Method::Subscribe);
    pub const NOTIFY: Method = Method::Known(rsip::Method::Notify);

    /// Methods are compared with case, RFC 3261 §7.1; any token is a method.
    pub(super) fn parse(text: &str) -> Option<Method> {
        if let Some((_, method)) = KNOWN.iter().find(|(name, _)| *name == text) {
            return Some(Method::Known(*method));
        }
        let is_token = !text.is_empty() && text.bytes().all(read::is_token);
        is_token.then(|| Method::Other(text.to_string()))
    }

    pub fn as_str(&self) -> &str {
        match self {
            Method::Known(method) => KNOWN.iter().find(|(_, known)| known == method).map_or("", |(name, _)| name),
            Method::Other(name) => name,
        }
    }
}

/// As they are written, the commonest first.
const KNOWN: [(&str, rsip::Method); 14] = [
    ("INVITE", rsip::Method::Invite),
    ("ACK", rsip::Method::Ack),
    ("BYE", rsip::Method::Bye),
    ("OPTIONS", rsip::Method::Options),
    ("REGISTER", rsip::Method::Register),
    ("CANCEL", rsip::Method::Cancel),
    ("PRACK", rsip::Method::PRack),
    ("INFO", rsip::Method::Info),
    ("UPDATE", rsip::Method::Update),
    ("NOTIFY", rsip::Method::Notify),
    ("SUBSCRIBE", rsip::Method::Subscribe),
    ("REFER", rsip::Method::Refer),
    ("MESSAGE", rsip::Method::Message),
    ("PUBLISH", rsip::Method::Publish),
];

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub method: Method,
    pub uri: Uri,
    pub headers: Headers,
    pub body: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// 100–699.
    pub status: u16,
    /// As received; when written by us, the standard's own phrase.
    pub reason: String,
    pub headers: Headers,
    pub body: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    Request(Request),
    Response(Response),
}

impl Request {
    pub fn new(method: Method, uri: Uri) -> Self {
        Self { method, uri, headers: Headers::default(), body: Vec::new() }
    }

    /// A response to this request, RFC 3261 §8.2.6.2: Via (all), From, To, Call-ID, CSeq are copied as they
    /// are (and Timestamp into a 100); `to_tag` is added to To unless it has one, and never to a 100.
    pub fn respond(&self, status: u16, to_tag: Option<&str>) -> Response {
        let mut headers = Headers::default();
        for (name, value) in self.headers.iter() {
            match name {
                "Via" | "From" | "Call-ID" | "CSeq" => headers.push(headers::canonical(name), value),
                "To" => headers.push("To", value),
                "Timestamp" if status == 100 => headers.push("Timestamp", value),
                _ => {}
            }
        }
        let mut response = Response { status, reason: reason_phrase(status).to_string(), headers, body: Vec::new() };
        if let Some(tag) = to_tag.filter(|_| status > 100) {
            response.tag_to(tag);
        }
        response
    }

    /// For responses that make a dialog, RFC 3261 §12.1.1.
    pub fn copy_record_routes(&self, response: &mut Response) {
        for route in self.headers.all("Record-Route") {
            response.headers.push("Record-Route", route);
        }
    }
}

impl Response {
    /// Adds a tag of ours to To, unless there is one.
    pub fn tag_to(&mut self, tag: &str) {
        let Some(to) = self.headers.get("To").filter(|_| self.headers.to_tag().is_none()) else { return };
        let to = format!("{to};tag={tag}");
        self.headers.replace_first("To", to);
    }
}

/// The standard's phrase for a status code, RFC 3261 §21; rsip knows most of them, written together.
pub fn reason_phrase(status: u16) -> String {
    match status {
        200 => return "OK".into(),
        202 => return "Accepted".into(),
        416 => return "Unsupported URI Scheme".into(),
        422 => return "Session Interval Too Small".into(),
        430 => return "Flow Failed".into(),
        439 => return "First Hop Lacks Outbound Support".into(),
        481 => return "Call/Transaction Does Not Exist".into(),
        482 => return "Loop Detected".into(),
        489 => return "Bad Event".into(),
        504 => return "Server Time-out".into(),
        608 => return "Rejected".into(),
        _ => {}
    }
    let text = rsip::StatusCode::from(status).to_string();
    let mut phrase = String::new();
    for letter in text.trim_start_matches(|c: char| c.is_ascii_digit()).trim().chars() {
        if letter.is_ascii_uppercase() && phrase.ends_with(|c: char| c.is_ascii_lowercase()) {
            phrase.push(' ');
        }
        phrase.push(letter);
    }
    if phrase.is_empty() { "Unknown".into() } else { phrase }
}
