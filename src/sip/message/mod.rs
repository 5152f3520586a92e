//! SIP messages as bytes and as types: a tolerant, bounded reader and a writer. The only door to `rsip`.
//!
//! Does not know transactions, dialogs or sockets.

pub mod fields;
pub mod framing;
pub mod headers;
pub mod read;
pub mod uri;
pub mod write;

use std::fmt;

pub use fields::{CSeq, Challenge, Credentials, NameAddr, Via};
pub use headers::Headers;
pub use read::{Malformed, read};
pub use uri::Uri;

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

    /// A response to this request, RFC 3261 §8.2.6.2: Via (all), From, To, Call-ID, CSeq copied byte for
    /// byte; `to_tag` is added to To unless it has one (never for 100).
    pub fn respond(&self, status: u16, to_tag: Option<&str>) -> Response {
        let _ = (status, to_tag);
        todo!()
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Method::Known(method) => method.fmt(f),
            Method::Other(name) => f.write_str(name),
        }
    }
}
