//! Sound: sdp, stream, dtmf, codecs, player, bridge, recorder.
//!
//! [`Desk`](desk::Desk) is the control side (ports, offer and answer); workers own the sockets and the
//! 20 ms tick. Does not know: SIP messages, calls' states, queues, menus, config.

pub mod words;

pub use words::*;
