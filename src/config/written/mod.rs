//! The files as an admin writes them. The comments here are the descriptions in the JSON Schemas.

mod hotline;
mod menu;
mod names;
mod operators;
mod prompts;
mod queues;
mod schedules;

pub use hotline::*;
pub use menu::*;
pub use names::*;
pub use operators::*;
pub use prompts::*;
pub use queues::*;
pub use schedules::*;
