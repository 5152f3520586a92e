//! Bytes → message. Tolerant where it cannot hurt, bounded everywhere.

use super::Message;

/// Why bytes are not a message, and whether an answer is due.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct Malformed {
    pub why: String,
    /// A request from which enough could be read to answer it (400, 505 …): the answer, ready to send.
    pub answer: Option<Box<super::Response>>,
}

/// Reads one message: a datagram, or what [`super::framing`] cut out of a stream.
pub fn read(_bytes: &[u8]) -> Result<Message, Malformed> {
    todo!()
}
