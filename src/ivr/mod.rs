//! What the caller hears and presses: menus, announcements in the line, numbers as speech. Pure.
//!
//! Does not know: SIP, RTP, the queue engine (it is told a place in the line), config files, the store.

mod languages;
pub mod menu;
mod message;
mod required;
pub mod speech;
mod survey;
mod uses;
mod waiting;
pub mod words;

pub use languages::{Counting, Grammar, Languages, Spoken};
pub use menu::Walker;
pub use message::MessageMachine;
pub use required::required_prompts;
pub use survey::SurveyMachine;
pub use uses::{Use, Uses};
pub use waiting::WaitingMachine;
pub use words::*;
