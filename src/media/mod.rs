//! Sound: sdp, stream, dtmf, codecs, player, bridge, recorder.
//!
//! [`Desk`](desk::Desk) is the control side (ports, offer and answer); workers own the sockets and the
//! 20 ms tick. Does not know: SIP messages, calls' states, queues, menus, config.

mod browser;
mod capture;
mod concealment;
pub mod desk;
mod direct;
pub mod dtmf;
mod ear;
mod emodel;
mod far;
#[cfg(test)]
pub(crate) mod fuzzing;
pub mod g711;
mod g722;
mod in_order;
mod jitter;
mod leg;
mod mixing;
pub mod negotiation;
mod opus;
mod orders;
mod outcome;
mod outgoing;
mod packet;
mod phone;
mod player;
pub mod ports;
mod pressing;
pub mod prompts;
mod quality;
mod receives;
mod recorder;
mod reports;
mod rtcp;
mod sdp;
mod silence;
mod socket;
mod source;
mod srtp;
mod stream;
#[cfg(test)]
mod tests;
mod tones;
pub mod words;
mod worker;

pub use words::*;
