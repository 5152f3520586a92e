//! Message → bytes. Content-Length is always written; no value can break out of its line.

use std::io::Write;

use super::{Headers, Message, Request, Response, reason_phrase};

impl Message {
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Message::Request(request) => request.to_bytes(),
            Message::Response(response) => response.to_bytes(),
        }
    }
}

impl Request {
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(512 + self.body.len());
        let _ = write!(out, "{} {} SIP/2.0\r\n", self.method, one_line(&self.uri.to_string()));
        finish(out, &self.headers, &self.body)
    }
}

impl Response {
    /// An empty phrase is written as the standard's own.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(512 + self.body.len());
        if self.reason.is_empty() {
            let _ = write!(out, "SIP/2.0 {} {}\r\n", self.status, reason_phrase(self.status));
        } else {
            let _ = write!(out, "SIP/2.0 {} {}\r\n", self.status, one_line(&self.reason));
        }
        finish(out, &self.headers, &self.body)
    }
}

fn finish(mut out: Vec<u8>, headers: &Headers, body: &[u8]) -> Vec<u8> {
    for (name, value) in headers.iter() {
        if !name.eq_ignore_ascii_case("Content-Length") {
            for part in [&one_line(name), ": ", &one_line(value), "\r\n"] {
                out.extend_from_slice(part.as_bytes());
            }
        }
    }
    let _ = write!(out, "Content-Length: {}\r\n\r\n", body.len());
    out.extend_from_slice(body);
    out
}

/// Line breaks and NUL would let a value of one leg write headers of another: they become spaces.
fn one_line(text: &str) -> std::borrow::Cow<'_, str> {
    let breaks = text.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | b'\0'));
    if breaks { text.replace(['\r', '\n', '\0'], " ").into() } else { text.into() }
}
