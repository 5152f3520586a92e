//! Message → bytes. Content-Length is always written; line breaks in values are refused (never sent).
//!
//! `Display` for `Uri`, `Via`, `NameAddr`, `CSeq`, `Challenge`, `Credentials` stands here as well.

use super::Message;

impl Message {
    pub fn to_bytes(&self) -> Vec<u8> {
        todo!()
    }
}
