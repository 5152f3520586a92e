//! Legs of browsers: ICE, DTLS-SRTP and Opus, behind a leg of the worker's that knows nothing of it.
//!
//! The desk reads and writes descriptions ([`negotiation`]); for each leg the [`room`] runs a [`session`], which holds
//! the [`connection`] and passes sound on through a pair of sockets, converted where it has to be ([`conversion`]). All
//! of them share one [`port`], which follows browsers that move ([`place`]). Does not know: calls, other legs, SIP.

mod connection;
mod conversion;
pub mod leg;
mod line;
pub mod negotiation;
mod place;
mod port;
pub mod room;
pub mod session;
#[cfg(test)]
pub(super) use port::binding;
#[cfg(test)]
mod tests;
