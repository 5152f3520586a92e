//! One file on top of another: tables are appended, and no key is set twice.

use config::{Value, ValueKind};
use schemars::Schema;

use super::File;
use crate::config::fault::Faults;
use crate::config::reader;

/// Adds a tree to what is there.
pub fn add(file: &mut File, from: Value, faults: &mut Faults) {
    let mut root = std::mem::replace(&mut file.root, Value::new(None, ValueKind::Nil));
    merge(file, &mut root, from, "", faults);
    file.root = root;
}

fn merge(file: &File, into: &mut Value, from: Value, path: &str, faults: &mut Faults) {
    let tables = |value: &Value| match &value.kind {
        ValueKind::Array(items) => {
            !items.is_empty() && items.iter().all(|item| matches!(item.kind, ValueKind::Table(_)))
        }
        _ => false,
    };
    let appended = tables(into) && tables(&from);
    let first = file.key_place(into);
    let again = file.key_place(&from);
    match (&mut into.kind, from.kind) {
        (ValueKind::Table(into), ValueKind::Table(from)) => {
            for (name, value) in from {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                match into.get_mut(&name) {
                    Some(there) => merge(file, there, value, &path, faults),
                    None => drop(into.insert(name, value)),
                }
            }
        }
        (ValueKind::Array(into), ValueKind::Array(from)) if appended => into.extend(from),
        _ => faults.fault(&again, path, format!("is set already, at {first}")),
    }
}

/// The names at the top of a file; others are faults.
pub fn check_top(file: &mut File, schema: &Schema, faults: &mut Faults) {
    let Some(properties) = schema.get("properties").and_then(|properties| properties.as_object()) else { return };
    let known: Vec<&str> = properties.keys().map(String::as_str).collect();
    let ValueKind::Table(entries) = &file.root.kind else { return };
    let mut misspelt = Vec::new();
    for (name, value) in entries.iter().filter(|(name, _)| !known.contains(&name.as_str())) {
        reader::unknown_name(file, name, value, &known, "", faults);
        misspelt.extend(reader::nearest(name, known.iter().copied()).map(str::to_string));
    }
    file.misspelt = misspelt;
}
