//! Transactions, RFC 3261 §17 and RFC 6026: retransmission and the end of one request and its answers.
//!
//! Each is told what happens with the time, and says what to send again and when it is over. Does not know
//! dialogs, sessions or sockets.

pub mod client;
pub mod server;

use std::time::Duration;

use super::words::Timers;

/// Timers B, F, H, J, L and M are all 64 × T1.
pub fn patience(timers: &Timers) -> Duration {
    timers.t1 * 64
}

/// What a deadline of a transaction means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    Nothing,
    /// Send the last message again.
    Resend,
    /// Nothing came back in the time in which its user wanted to hear something.
    Silent,
    /// Nobody answered (timers B, F) or acknowledged (timer H).
    TimedOut,
    /// Over, and can be forgotten.
    Over,
}
