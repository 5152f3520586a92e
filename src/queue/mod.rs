//! Who speaks with whom, and when: lines, operators and their states, needs, offers, deadlines, estimates.
//!
//! A deterministic machine fed by one numbered input log: the same inputs give the same outputs.
//! Does not know: SIP, sound, menus, tokio, the clock, any randomness, config files, the store.

mod choose;
mod deadlines;
mod engine;
mod estimate;
mod inputs;
mod line;
pub mod need;
mod offers;
mod operators;
mod rules;
#[cfg(test)]
mod tests;
pub mod words;

pub use deadlines::Deadline;
pub use engine::Engine;
pub use need::{NeedFault, parse_need};
pub use operators::OperatorView;
pub use words::*;
