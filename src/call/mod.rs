//! One call from ring to record: the only place where signalling, sound, menu and queue meet.
//!
//! Of each it sees only the words. Does not know: SIP messages, packets, the engine's inside, the
//! store, sockets, the clock, config files.

mod answering;
mod callback;
mod caller;
mod calls;
mod codes;
mod consulting;
mod direct;
mod ending;
mod feature;
mod handoff;
mod hearing;
mod leaving;
mod ledger;
mod legs;
mod lines;
mod losing;
mod noting;
mod obeying;
mod offering;
mod onward;
mod order;
mod others;
mod picking;
mod quality;
mod recording;
mod referring;
mod releasing;
mod ringing;
mod seating;
mod secured;
mod sent_on;
mod supervising;
mod survey;
mod talking;
#[cfg(test)]
mod tests;
mod view;
mod walking;
mod whose;
pub mod words;

pub use calls::Calls;
pub use order::{LONGEST_NOTE, NotDone, Order, Supervision, Whom};
pub use view::{Consulted, Reached, Recorded, Stage, Supervisor, Target, View};
pub use words::*;
