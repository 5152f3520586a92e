//! Signalling: message, transaction, dialog, session, registrar, digest, transport.
//!
//! Pure but for the socket shells in `transport/`: [`Endpoint`](endpoint::Endpoint) is fed bytes and
//! commands with the time, and is asked for bytes to send and events. Does not know: sound (a body
//! is bytes), queues, menus, calls (a leg is all it sees), records, config.

pub mod account;
pub mod addressing;
mod admission;
mod agenda;
pub mod dialog;
pub mod digest;
mod dispatch;
pub mod endpoint;
mod flows;
#[cfg(test)]
pub(crate) mod fuzzing;
pub mod guard;
mod guesses;
mod index;
mod large;
pub mod locating;
pub mod message;
mod outbound;
pub mod registrar;
mod session;
mod stateless;
mod stun;
#[cfg(test)]
mod tests;
mod transaction;
pub mod transport;
mod trunks;
mod watching;
mod ways;
pub mod words;

pub use trunks::numbers::{Form, Numbering};
pub use words::*;
