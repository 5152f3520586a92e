//! What is written into the audit log of what people do on the machine itself, by commands.

use super::clock::Clock;
use super::versions::user;
use crate::records::{Access, Audit};

/// Letters of a command in the audit log.
const AUDITED: usize = 500;
/// From where it came.
const HERE: &str = "this machine";

/// An entry, but for when it was and how it ended.
pub fn entry(who: String, what: &str) -> Audit {
    Audit { who, what: what.chars().take(AUDITED).collect(), from: HERE.into(), ..Audit::default() }
}

/// A command that did it without asking a running hotline writes so itself; `result` as the API would answer.
pub fn write(access: &Access, what: &str, result: &str) -> Result<(), String> {
    let who = user(rustix::process::getuid().as_raw());
    let audit = Audit { at: Clock::start().now(), result: result.into(), ..entry(who, what) };
    access.write_audit(&audit).map_err(|fault| format!("the audit log: {fault}"))
}
