//! What is wrong in the files, and where.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::source::Text;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The house does not open.
    Fault,
    /// It opens; somebody should look.
    Warning,
}

impl Severity {
    pub fn word(self) -> &'static str {
        match self {
            Severity::Fault => "fault",
            Severity::Warning => "warning",
        }
    }
}

/// One fault: `sip-config/queues.toml:12:8: fault: queue.need: …`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Fault {
    pub severity: Severity,
    /// The file, or the variable of the environment.
    pub file: String,
    /// From 1; 0 if the whole file or a variable is meant.
    pub line: usize,
    /// From 1, in characters; 0 if the whole file is meant.
    pub column: usize,
    /// The column after the last character of what is meant.
    pub end_column: usize,
    /// The key, e.g. `queue.need`; empty if the whole file is meant.
    pub key: String,
    /// What was found, and what is allowed.
    pub what: String,
    /// The line itself.
    #[serde(skip)]
    pub quote: Option<String>,
}

impl Fault {
    /// A fault of a file as a whole.
    pub fn of_file(path: &Path, what: impl Into<String>) -> Fault {
        Fault {
            severity: Severity::Fault,
            file: path.display().to_string(),
            line: 0,
            column: 0,
            end_column: 0,
            key: String::new(),
            what: what.into(),
            quote: None,
        }
    }

    pub(super) fn at(place: &Place, severity: Severity, key: String, what: String) -> Fault {
        Fault {
            severity,
            file: place.file.to_string(),
            line: place.line,
            column: place.column,
            end_column: place.end.max(place.column),
            key,
            what: match place.column_name() {
                Some(name) => format!("column {name}: {what}"),
                None => what,
            },
            quote: place.text.as_ref().and_then(|text| text.line(place.line)).map(str::to_string),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}: ", self.severity.word())?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.what)
    }
}

/// Where something is written.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    pub file: Arc<str>,
    /// From 1; 0: the file as a whole.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// The column after the last character.
    pub end: usize,
    /// What the line can be quoted from.
    pub text: Option<Arc<Text>>,
    /// Which column of a table it is, from 0.
    pub cell: Option<usize>,
}

impl Place {
    fn column_name(&self) -> Option<&str> {
        self.text.as_ref()?.header(self.cell?)
    }
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
        self.0.push(Fault::at(place, Severity::Fault, key.into(), what.into()));
    }

    pub fn warning(&mut self, place: &Place, key: impl Into<String>, what: impl Into<String>) {
        self.0.push(Fault::at(place, Severity::Warning, key.into(), what.into()));
    }

    pub fn append(&mut self, mut others: Faults) {
        self.0.append(&mut others.0);
    }

    /// Whether there is a fault; warnings are none.
    pub fn any(&self) -> bool {
        self.count() > 0
    }

    /// How many faults there are; if it has not grown, what was read meanwhile is sound.
    pub fn count(&self) -> usize {
        self.0.iter().filter(|fault| fault.severity == Severity::Fault).count()
    }

    /// Everything, faults before warnings, each in the order of the files.
    pub fn finish(mut self) -> Vec<Fault> {
        self.0.sort();
        self.0.dedup();
        self.0
    }
}
