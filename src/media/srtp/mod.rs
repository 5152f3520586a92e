//! Encrypted sound: SRTP and SRTCP (RFC 3711) with keys from the descriptions (RFC 4568).
//!
//! Keys in descriptions are [`sdes`], what a leg offers and takes of them [`terms`], which of the packets came already [`count`], packets sealed and
//! opened [`transform`]. Does not know: sockets, legs, what is in the packets.

mod count;
pub mod sdes;
pub mod terms;
mod transform;

pub use rtc::crypto::CryptoError;
pub use transform::Sealed;
