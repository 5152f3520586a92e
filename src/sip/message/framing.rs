//! A byte stream → messages, RFC 3261 §18.3, with CRLF keep-alives (RFC 5626 §3.5.1).

/// Collects bytes of one connection. Bounded: a message larger than the limit is a fault.
#[derive(Default)]
pub struct Framer {}

pub enum Frame {
    /// One whole message, bytes as received.
    Message(Vec<u8>),
    /// A double CRLF: answer with a single one.
    Ping,
}

#[derive(Debug, thiserror::Error)]
pub enum FramingFault {
    #[error("no Content-Length in a stream")]
    NoLength,
    #[error("message of more than {0} bytes")]
    TooLarge(usize),
    #[error("not SIP")]
    NotSip,
}

impl Framer {
    pub fn push(&mut self, _bytes: &[u8]) {
        todo!()
    }

    /// The next frame that is complete. After a fault the connection must be closed.
    pub fn next(&mut self) -> Result<Option<Frame>, FramingFault> {
        todo!()
    }

    /// Whether part of a message is waiting: such a connection is closed after a bounded time.
    pub fn is_partial(&self) -> bool {
        todo!()
    }
}
