//! What the caller hears and presses: menus, announcements in the line, numbers as speech. Pure.
//!
//! Does not know: SIP, RTP, the queue engine (it is told a place in the line), config files, the store.

pub mod words;

pub use words::*;
