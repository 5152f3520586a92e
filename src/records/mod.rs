//! What remains: call records, the input log, decisions, registrations; the store and its readers.
//!
//! Does not know: SIP, sound, the engine's types (a logged input is text), config files, tokio.

pub mod words;

pub use words::*;
