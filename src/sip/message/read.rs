//! Bytes → message. Tolerant where it cannot hurt, bounded everywhere.
//!
//! Lines end with CRLF or LF; a lone CR inside a value becomes a space, so that it can never become a
//! line of its own in a message of ours.

use std::borrow::Cow;

use super::headers::{Headers, Name, canonical};
use super::{Message, Method, Request, Response, Uri, reason_phrase};

/// Written in capitals, read without regard to case, RFC 3261 §7.1.
const VERSION: &str = "SIP/2.0";
/// RFC 3261 §18.1.1: as much as a datagram can bring, over each transport. All of it may be head.
pub const MAX_MESSAGE: usize = 65_535;
/// Real messages have 10 to 40 entries.
const MAX_HEADERS: usize = 256;
/// RFC 3261 sets no limit; beyond this no proxy chain is real.
const MAX_VIAS: usize = 70;
/// One value, unfolded.
const MAX_VALUE: usize = 8_192;

/// Why bytes are not a message, and whether an answer is due.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct Malformed {
    pub why: String,
    /// A request from which enough could be read to answer it (400, 505 …): the answer, ready to send.
    pub answer: Option<Box<Response>>,
}

impl Malformed {
    pub fn new(why: String) -> Self {
        Self { why, answer: None }
    }
}

/// Reads one message: a datagram, or what [`super::framing`] cut out of a stream.
pub fn read(bytes: &[u8]) -> Result<Message, Malformed> {
    let bytes = &bytes[bytes.iter().take_while(|b| b"\r\n".contains(b)).count()..];
    if bytes.len() > MAX_MESSAGE {
        return Err(Malformed::new("longer than 65,535 bytes".into()));
    }
    // A datagram whose head is not closed by an empty line is taken to end with its last line.
    let head = head_end(bytes, 0).unwrap_or(bytes.len());
    // What is ASCII is seen to be whole many bytes at a time.
    let text = str::from_utf8(&bytes[..head]).map_or_else(|_| String::from_utf8_lossy(&bytes[..head]), Cow::Borrowed);
    let mut lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    let start = lines.next().unwrap_or_default();
    let (headers, fault) = read_headers(lines);
    let body = Body { came: &bytes[head..], room: MAX_MESSAGE - head };
    if let Some((version, rest)) = start.split_at_checked(VERSION.len() + 1)
        && version.trim_end().eq_ignore_ascii_case(VERSION)
    {
        return match fault {
            Some(why) => Err(Malformed::new(why)),
            None => read_response(rest, headers, body),
        };
    }
    read_request(start, headers, body, fault)
}

/// The index after the empty line that ends the head, looking from `from` on.
pub(super) fn head_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(found) = bytes.get(at..)?.iter().position(|b| *b == b'\n') {
        let next = at + found + 1;
        match (bytes.get(next), bytes.get(next + 1)) {
            (Some(b'\n'), _) => return Some(next + 1),
            (Some(b'\r'), Some(b'\n')) => return Some(next + 2),
            _ => at = next,
        }
    }
    None
}

/// As many headers as can be read, and the first fault.
pub(super) fn read_headers<'a>(lines: impl Iterator<Item = &'a str>) -> (Headers, Option<String>) {
    let mut headers = Headers::default();
    let mut fault = None;
    let mut open: Option<(Name, String)> = None;
    for line in lines {
        if line.starts_with([' ', '\t']) {
            // RFC 3261 §7.3.1: a folded line goes on with one space.
            // What is too long by now is told when it is closed, and grows no more.
            if let Some((_, value)) = &mut open
                && value.len() <= MAX_VALUE
            {
                // A value that begins on a line of its own has no space before it.
                if !value.is_empty() && !line.trim().is_empty() {
                    value.push(' ');
                }
                value.push_str(line.trim());
            }
            continue;
        }
        close(&mut headers, open.take(), &mut fault);
        if line.is_empty() {
            break;
        }
        match line.split_once(':') {
            Some((name, value)) if is_name(name.trim_end()) => {
                open = Some((canonical(name.trim_end()), value.trim().to_string()));
            }
            _ => _ = fault.get_or_insert_with(|| "a line is no header".to_string()),
        }
        if headers.len() + usize::from(open.is_some()) > MAX_HEADERS {
            fault.get_or_insert_with(|| "more than 256 headers".to_string());
            return (headers, fault);
        }
    }
    close(&mut headers, open, &mut fault);
    (headers, fault)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(is_token)
}

/// RFC 3261 §25.1: what methods and names of headers are made of.
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}

fn close(headers: &mut Headers, open: Option<(Name, String)>, fault: &mut Option<String>) {
    let Some((name, mut value)) = open else { return };
    if value.len() > MAX_VALUE {
        fault.get_or_insert_with(|| format!("{name} has more than 8,192 bytes"));
        return;
    }
    // They are written as spaces, so they are read as spaces.
    let plain = value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if !plain && value.contains(|c: char| c.is_control()) {
        value = value.replace(|c: char| c.is_control(), " ");
    }
    headers.push_read(name, value);
}

fn read_response(rest: &str, headers: Headers, body: Body<'_>) -> Result<Message, Malformed> {
    let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
    let status = (code.len() == 3).then(|| code.parse::<u16>().ok()).flatten().filter(|s| (100..700).contains(s));
    let status = status.ok_or_else(|| Malformed::new("the status is not between 100 and 699".into()))?;
    check_single(&headers)?;
    headers.check()?;
    let body = body.cut(&headers).map_err(|(_, why)| Malformed::new(why.into()))?;
    Ok(Message::Response(Response { status, reason: reason.to_string(), headers, body }))
}

fn read_request(start: &str, headers: Headers, body: Body<'_>, fault: Option<String>) -> Result<Message, Malformed> {
    let mut words = start.split(' ');
    let (method, uri, version) = (words.next().unwrap_or_default(), words.next(), words.next());
    let Some(method) = Method::parse(method) else {
        return Err(Malformed::new("not SIP".into()));
    };
    let version = version.map(str::trim_end);
    let request = Request { method, uri: Uri::Other(String::new()), headers, body: Vec::new() };
    let refuse = |status: u16, why: &str| Err(refusal(&request, status, why));
    match version {
        Some(version) if version.eq_ignore_ascii_case(VERSION) && words.all(str::is_empty) => {}
        // RFC 3261 §7.1: another version is another protocol.
        Some(other)
            if other.get(..4).is_some_and(|p| p.eq_ignore_ascii_case("SIP/"))
                && !other.eq_ignore_ascii_case(VERSION) =>
        {
            return refuse(505, "this house speaks SIP/2.0");
        }
        _ => return refuse(400, "the request line is not METHOD URI SIP/2.0"),
    }
    let Some(uri) = uri.and_then(Uri::parse) else {
        return refuse(400, "the Request-URI cannot be read");
    };
    if let Some(why) = fault {
        return refuse(400, &why);
    }
    if let Err(fault) = check_single(&request.headers) {
        return refuse(400, &fault.why);
    }
    if request.headers.all("Via").count() > MAX_VIAS {
        return refuse(400, "more than 70 Via");
    }
    if let Err(fault) = request.headers.check() {
        return refuse(400, &fault.why);
    }
    if let Err(fault) = request.headers.max_forwards() {
        return refuse(400, &fault.why);
    }
    match request.headers.cseq() {
        Ok(cseq) if cseq.method == request.method => {}
        // RFC 4475 §3.1.2.18: what cannot be understood at all is 501.
        Ok(_) if matches!(request.method, Method::Other(_)) => return refuse(501, &reason_phrase(501)),
        _ => return refuse(400, "CSeq names another method"),
    }
    match body.cut(&request.headers) {
        Ok(body) => Ok(Message::Request(Request { uri, body, ..request })),
        Err((status, why)) => refuse(status, why),
    }
}

/// What must be there once: of two, one reader would take the first and another the last, and each would see
/// another message, RFC 4475 §3.3.8 and §3.3.9.
fn check_single(headers: &Headers) -> Result<(), Malformed> {
    const SINGLE: [&str; 7] = ["From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length", "Content-Type"];
    match SINGLE.iter().find(|name| headers.all(name).count() > 1) {
        Some(name) => Err(Malformed::new(format!("{name} is there more than once"))),
        None => Ok(()),
    }
}

/// A length as both the reader and the framing understand it: digits alone, however many.
pub(super) fn content_length(value: &str) -> Option<usize> {
    let value = value.trim();
    let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| value.parse().unwrap_or(usize::MAX))
}

/// What follows the head.
struct Body<'a> {
    came: &'a [u8],
    /// So long it may be.
    room: usize,
}

impl Body<'_> {
    /// RFC 3261 §18.3: shorter than what came: the rest is no part of the message; longer: an error, and its status.
    fn cut(&self, headers: &Headers) -> Result<Vec<u8>, (u16, &'static str)> {
        let Some(value) = headers.get("Content-Length") else { return Ok(self.came.to_vec()) };
        let length = content_length(value).ok_or((400, "Content-Length cannot be read"))?;
        match self.came.get(..length) {
            Some(body) => Ok(body.to_vec()),
            // §21.5.7
            None if length > self.room => Err((513, "longer than 65,535 bytes")),
            None => Err((400, "Content-Length is more than what came")),
        }
    }
}

/// An answer, where there is enough to send one: never to an ACK.
fn refusal(request: &Request, status: u16, why: &str) -> Malformed {
    let answerable = request.method != Method::ACK && request.headers.top_via().is_ok();
    let answer = answerable.then(|| {
        let mut response = request.respond(status, None);
        if status == 400 {
            response.reason = format!("Bad Request: {why}");
        }
        Box::new(response)
    });
    Malformed { why: why.to_string(), answer }
}
