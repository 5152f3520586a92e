//! What is wrong in the files, and where.

use std::fmt;

use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The house does not open.
    Fault,
    /// It opens; somebody should look.
    Warning,
}

/// One fault: `sip-config/queues.toml:12:8: fault: queue.need: …`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Fault {
    pub file: String,
    /// From 1; 0 if the whole file is meant.
    pub line: usize,
    pub column: usize,
    pub severity: Severity,
    /// The key, e.g. `queue.need`; empty if the whole file is meant.
    pub key: String,
    /// What was found, and what is allowed.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        let severity = if self.severity == Severity::Fault { "fault" } else { "warning" };
        write!(f, ": {severity}: ")?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.what)
    }
}

/// Where something is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub file: String,
    pub line: usize,
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 { f.write_str(&self.file) } else { write!(f, "{}:{}:{}", self.file, self.line, self.column) }
    }
}

/// All faults found so far.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub fn fault(&mut self, place: &Place, key: impl Into<String>, what: impl Into<String>) {
        self.add(place, Severity::Fault, key.into(), what.into());
    }

    pub fn warning(&mut self, place: &Place, key: impl Into<String>, what: impl Into<String>) {
        self.add(place, Severity::Warning, key.into(), what.into());
    }

    pub fn append(&mut self, mut others: Faults) {
        self.0.append(&mut others.0);
    }

    /// Whether there is a fault; warnings are none.
    pub fn any(&self) -> bool {
        self.0.iter().any(|fault| fault.severity == Severity::Fault)
    }

    fn add(&mut self, place: &Place, severity: Severity, key: String, what: String) {
        let Place { file, line, column } = place.clone();
        self.0.push(Fault { file, line, column, severity, key, what });
    }

    /// Warnings alone, or everything if there is a fault; in the order of the files.
    pub fn finish(mut self) -> Result<Vec<Fault>, Vec<Fault>> {
        self.0.sort();
        self.0.dedup();
        if self.any() { Err(self.0) } else { Ok(self.0) }
    }
}
