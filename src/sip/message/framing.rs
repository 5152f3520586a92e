//! A byte stream → messages, RFC 3261 §18.3, with CRLF keep-alives (RFC 5626 §3.5.1).

use super::read::{MAX_MESSAGE, content_length, head_end, is_token, read_headers};

/// Collects bytes of one connection. Bounded: a message larger than the limit is a fault.
#[derive(Default)]
pub struct Framer {
    bytes: Vec<u8>,
    /// How far the end of the head was looked for already: each byte is looked at once.
    searched: usize,
    /// Head and body together, once the head is whole.
    wanted: Option<usize>,
    /// The last message was only a head: nothing after it is read.
    cut: Option<FramingFault>,
    /// A lone CRLF came last that answers nothing: with another it is a ping that was cut.
    lone: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    /// One whole message, bytes as received; of one whose end is too far or not known its head.
    Message(Vec<u8>),
    /// A double CRLF: answer with a single one.
    Ping,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FramingFault {
    #[error("no Content-Length in a stream")]
    NoLength,
    #[error("more than one Content-Length")]
    TwoLengths,
    #[error("message of more than {MAX_MESSAGE} bytes")]
    TooLarge,
    #[error("no Content-Length in what can be read of a head: it has more than 256 headers, or a line that is none")]
    LengthUnread,
    #[error("not SIP")]
    NotSip,
}

impl Framer {
    /// Nothing is begun.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next frame that is complete. After a fault the connection must be closed. Of a message whose end is too
    /// far or not known the head is the last frame: enough to answer it.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FramingFault> {
        if let Some(fault) = self.cut {
            return Err(fault);
        }
        if self.wanted.is_none() {
            if self.lone && self.bytes.starts_with(b"\r\n") {
                self.take(2);
                return Ok(Some(Frame::Ping));
            }
            if self.bytes.starts_with(b"\r\n\r\n") {
                self.take(4);
                return Ok(Some(Frame::Ping));
            }
            // A lone CRLF is the answer to a ping of ours, or padding; a lone CR may become one.
            if self.bytes.starts_with(b"\r\n") && self.bytes.get(2).is_some_and(|b| *b != b'\r') {
                self.take(2);
                return self.next_frame();
            }
            if self.bytes.len() < 4 && self.bytes.iter().all(|b| b"\r\n".contains(b)) {
                return Ok(None);
            }
            if self.bytes.first().is_some_and(|b| !is_token(*b) && !b"\r\n".contains(b)) {
                return Err(FramingFault::NotSip);
            }
            match head_end(&self.bytes, self.searched.saturating_sub(3)) {
                Some(end) => match self.measure(end) {
                    Err(fault @ (FramingFault::TooLarge | FramingFault::LengthUnread)) if end <= MAX_MESSAGE => {
                        self.cut = Some(fault);
                        return Ok(Some(Frame::Message(self.take(end))));
                    }
                    wanted => self.wanted = Some(wanted?),
                },
                None if self.bytes.len() > MAX_MESSAGE => return Err(FramingFault::TooLarge),
                None => {
                    self.searched = self.bytes.len();
                    return Ok(None);
                }
            }
        }
        match self.wanted {
            Some(wanted) if self.bytes.len() >= wanted => Ok(Some(Frame::Message(self.take(wanted)))),
            _ => Ok(None),
        }
    }

    /// Takes a lone CRLF that nothing follows. `asked`: pings of ours go over this connection, and it is the answer to one.
    pub fn take_pong(&mut self, asked: bool) -> bool {
        let is_pong = self.bytes == b"\r\n";
        if is_pong {
            self.take(2);
            self.lone = !asked;
        }
        is_pong
    }

    /// Whether part of a message is waiting: such a connection is closed after a bounded time.
    pub fn is_partial(&self) -> bool {
        !self.bytes.is_empty()
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let rest = self.bytes.split_off(count);
        self.searched = 0;
        self.wanted = None;
        self.lone = false;
        std::mem::replace(&mut self.bytes, rest)
    }

    fn measure(&self, head: usize) -> Result<usize, FramingFault> {
        let text = String::from_utf8_lossy(&self.bytes[..head]);
        let lines = text.split('\n').skip(1).map(|line| line.strip_suffix('\r').unwrap_or(line));
        // As the reader will understand it: folded, compact, and nothing but one.
        let (headers, fault) = read_headers(lines);
        let mut lengths = headers.all("Content-Length");
        // Of more headers than are read the length may be the last.
        let none = if fault.is_some() { FramingFault::LengthUnread } else { FramingFault::NoLength };
        let length = lengths.next().ok_or(none)?;
        if lengths.next().is_some() {
            return Err(FramingFault::TwoLengths);
        }
        let length = content_length(length).ok_or(FramingFault::NoLength)?;
        match head.checked_add(length) {
            Some(all) if all <= MAX_MESSAGE => Ok(all),
            _ => Err(FramingFault::TooLarge),
        }
    }
}
