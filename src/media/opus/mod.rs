//! Opus, RFC 7587, for whoever speaks it: browsers and phones alike. A leg of the worker's speaks G.711, or G.722 with
//! another that has the wider band, and takes Opus as it is for another who speaks it too.
//!
//! [`conversion`] is between the packets of both, [`inward`] theirs and [`outward`] ours; [`decoder`] makes samples of theirs; [`interpreter`] has it at the leg
//! of a phone, a session at that of a browser; [`limit`] says how many there are. Does not know: descriptions, sockets.

pub mod conversion;
mod decoder;
pub mod interpreter;
mod inward;
pub mod limit;
mod outward;
