//! What remains: call records, the input log, decisions, registrations; the store and its readers.
//!
//! Does not know: SIP, sound, the engine's types (a logged input is text), config files, tokio.

mod access;
mod bell;
mod cleaning;
mod course;
mod format;
mod former;
mod notices;
mod outbox;
mod reader;
mod recordings;
mod recovery;
mod schema;
mod search;
mod seen;
mod store;
mod table;
#[cfg(test)]
mod tests;
mod versions;
mod when;
pub mod words;
mod writer;

pub use access::{Access, Audit, Command, KeptAnswer, NOBODY, Session, Token};
pub use format::{printed, rfc3339, write_jsonl, write_queue_log};
pub use notices::KeptNotice;
pub use outbox::{KEPT_MESSAGES, KeptMessage};
pub use reader::{Log, Logged, Range, ReadFault, read, read_call, read_switches};
pub use recordings::{unfinished_recordings, wav_recordings};
pub use recovery::{Checkpoint, Recovered};
pub use search::{Filter, called_back_by, caller, each, search};
pub use store::{Store, StoreFault, Ticket, Written};
pub use table::write_csv;
pub use versions::{KEPT_VERSIONS, Versions};
pub use when::when;
pub use words::*;
