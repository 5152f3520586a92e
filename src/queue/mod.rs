//! Who speaks with whom, and when: lines, operators and their states, needs, offers, deadlines, estimates.
//!
//! A deterministic machine fed by one numbered input log: the same inputs give the same outputs.
//! Does not know: SIP, sound, menus, tokio, the clock, any randomness, config files, the store.

pub mod words;

pub use words::*;
