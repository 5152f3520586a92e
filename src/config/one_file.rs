//! A file that is not one of the house's four, read with the same care: every wrong key is a fault with its place.

use std::path::Path;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::fault::{Fault, Faults, Severity};
use super::reader;
use super::source::File;

/// A file that could be read, with where everything in it is written.
pub struct OneFile<T> {
    pub written: T,
    file: File,
}

/// Reads a whole file as one table. What its schema does not know is a fault: `#[schemars(deny_unknown_fields)]`.
pub fn read_file<T: DeserializeOwned + JsonSchema + 'static>(path: &Path) -> Result<OneFile<T>, Vec<Fault>> {
    let mut faults = Faults::default();
    let file = File::open(path, &mut faults);
    let written = if file.unreadable { None } else { reader::whole::<T>(&file, &mut faults) };
    match (written.map(|element| element.written), faults.any()) {
        (Some(written), false) => Ok(OneFile { written, file }),
        _ => Err(faults.finish()),
    }
}

impl<T> OneFile<T> {
    /// A fault of meaning, at the value that `path` leads to (indices are written as numbers), or at what is
    /// there of the way.
    pub fn fault(&self, path: &[&str], what: impl Into<String>) -> Fault {
        let place = reader::place_within(&self.file, path);
        let key: Vec<&str> = path.iter().copied().filter(|step| step.parse::<usize>().is_err()).collect();
        Fault::at(&place, Severity::Fault, key.join("."), what.into())
    }
}
