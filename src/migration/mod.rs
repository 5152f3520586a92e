//! Configurations of other exchanges, read and written anew as ours.
//!
//! Pure: texts in, texts out. Does not know: folders, sockets, the running house, how secrets are hashed.

pub mod asterisk;
mod report;

pub use report::{Kind, Note, Place, Report};

use std::collections::BTreeMap;

/// What came of a configuration.
#[derive(Clone, Debug, Default)]
pub struct Import {
    /// Our files, by name.
    pub files: BTreeMap<String, String>,
    /// What was taken over, how, and what was not.
    pub report: Report,
    /// Announcements to be recorded: language (empty: none), our name, what plays it.
    pub prompts: Vec<Wanted>,
}

/// An announcement that our files name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted {
    pub language: String,
    pub name: String,
    /// The sound file as the other exchange named it.
    pub from: String,
    pub at: Place,
}
