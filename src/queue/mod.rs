//! Who speaks with whom, and when: lines, operators and their states, needs, offers, deadlines, estimates.
//!
//! A deterministic machine fed by one numbered input log: the same inputs give the same outputs.
//! Does not know: SIP, sound, menus, tokio, the clock, any randomness, config files, the store.

mod callbacks;
mod callers;
mod candidates;
mod choose;
mod contacts;
mod deadlines;
pub mod decision;
mod engine;
mod estimate;
mod inputs;
mod line;
mod look;
pub mod need;
mod offers;
mod operators;
mod presence;
mod rules;
pub mod settings;
mod sorted;
pub mod statistics;
mod table;
mod talks;
#[cfg(test)]
mod tests;
mod timing;
mod waits;
pub mod words;

pub use candidates::{Candidate, Fit};
pub use deadlines::{Deadline, Due};
pub use decision::*;
pub use engine::Engine;
pub use look::{CallbackNow, CallbackStage, LineNow, Ringing, Talk, Unasked};
pub use need::{NeedFault, parse_need};
pub use operators::{LOST, OperatorView, Slot, Standing};
pub use settings::*;
pub use statistics::Statistics;
pub use talks::NO_QUEUE;
pub use words::*;
