//! Reads one table into its written form and finds all that is wrong in it, not only the first.

use config::{ConfigError, Value, ValueKind};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use serde_path_to_error::Segment;

use super::fault::{Faults, Place};
use super::source::File;

/// A table that could be read, with where everything in it is written.
pub struct Element<'a, T> {
    pub written: T,
    /// E.g. `queue`.
    pub name: &'static str,
    file: &'a File,
    value: Value,
}

impl<T> Element<'_, T> {
    /// Where the table begins.
    pub fn at(&self) -> Place {
        self.file.place(&self.value)
    }

    /// Where a key's value is written; the table itself if the key is not there.
    pub fn place(&self, key: &str) -> Place {
        self.place_of(&[key])
    }

    /// The same for a value further inside; indices are written as numbers.
    pub fn place_of(&self, path: &[&str]) -> Place {
        self.file.place(way(&self.value, path))
    }

    /// The key's full name.
    pub fn key(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_string() } else { format!("{}.{key}", self.name) }
    }

    /// The full name of what a path leads to; indices are left out.
    pub fn key_of(&self, path: &[&str]) -> String {
        let names: Vec<&str> = path.iter().copied().filter(|step| step.parse::<usize>().is_err()).collect();
        self.key(&names.join("."))
    }

    pub fn fault(&self, faults: &mut Faults, key: &str, what: impl Into<String>) {
        self.fault_at(faults, &[key], what);
    }

    /// The same for a value further inside.
    pub fn fault_at(&self, faults: &mut Faults, path: &[&str], what: impl Into<String>) {
        faults.fault(&self.place_of(path), self.key_of(path), what);
    }
}

/// `; did you mean `x`?` if a known name is near enough to the one found. Of numbers all are near each other.
pub fn did_you_mean<'a>(found: &str, known: impl Iterator<Item = &'a str>) -> String {
    if found.bytes().all(|b| b.is_ascii_digit()) {
        return String::new();
    }
    let near = known.map(|known| (strsim::damerau_levenshtein(found, known), known)).min();
    match near {
        Some((distance, near)) if distance <= 2.max(found.len() / 3) => format!("; did you mean `{near}`?"),
        _ => String::new(),
    }
}

/// Where a value of the file is written, or what is there of the way to it.
pub fn place_within(file: &File, path: &[&str]) -> Place {
    file.place(way(&file.root, path))
}

/// As far as `path` leads.
fn way<'a>(mut value: &'a Value, path: &[&str]) -> &'a Value {
    for step in path {
        match inside(value, step) {
            Some(next) => value = next,
            None => break,
        }
    }
    value
}

fn inside<'a>(value: &'a Value, step: &str) -> Option<&'a Value> {
    match &value.kind {
        ValueKind::Table(entries) => entries.get(step),
        ValueKind::Array(items) => items.get(step.parse::<usize>().ok()?),
        _ => None,
    }
}

/// The names at the top of a file; others are faults.
pub fn check_top(file: &File, known: &[&str], faults: &mut Faults) {
    for root in [&file.written, &file.root] {
        if let ValueKind::Table(entries) = &root.kind {
            // What came from the environment alone is looked at in the second turn.
            let entries = entries
                .iter()
                .filter(|(name, _)| std::ptr::eq(root, &file.written) || inside(&file.written, name).is_none());
            check_names(file, entries, known, "", faults);
        }
    }
}

fn check_names<'v>(
    file: &File,
    entries: impl Iterator<Item = (&'v String, &'v Value)>,
    known: &[&str],
    prefix: &str,
    faults: &mut Faults,
) {
    for (name, value) in entries.filter(|(name, _)| !known.contains(&name.as_str())) {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        let hint = did_you_mean(name, known.iter().copied());
        let mut known = known.to_vec();
        known.sort_unstable();
        faults.fault(&file.key_place(value), key, format!("unknown key{hint} (known: {})", known.join(", ")));
    }
}

/// A table of the file, e.g. `[sip]`; one that is not there is as if it were empty.
pub fn table<'a, T: DeserializeOwned + JsonSchema>(
    file: &'a File,
    name: &'static str,
    faults: &mut Faults,
) -> Option<Element<'a, T>> {
    let value =
        inside(&file.root, name).cloned().unwrap_or_else(|| Value::new(None, ValueKind::Table(Default::default())));
    read(file, name, value, &schema::<T>(), faults)
}

/// The same where it matters whether it is there.
pub fn table_if_there<'a, T: DeserializeOwned + JsonSchema>(
    file: &'a File,
    name: &'static str,
    faults: &mut Faults,
) -> Option<Element<'a, T>> {
    inside(&file.root, name).is_some().then(|| table(file, name, faults))?
}

/// A key of a telephone, alone: "0" to "9", "*" or "#".
pub fn one_key(text: &str) -> Option<char> {
    let mut letters = text.chars();
    letters.next().filter(|key| letters.next().is_none() && (key.is_ascii_digit() || matches!(key, '*' | '#')))
}

/// The tables of an array.
pub struct Tables<'a, T> {
    pub good: Vec<Element<'a, T>>,
    /// Names of those that could not be read: who refers to them is not at fault.
    pub broken: Vec<String>,
    /// Nothing was written at all.
    pub is_empty: bool,
}

/// Every table of an array, e.g. `[[queue]]`, whose name is under `id`.
pub fn array<'a, T: DeserializeOwned + JsonSchema>(
    file: &'a File,
    name: &'static str,
    id: &str,
    faults: &mut Faults,
) -> Tables<'a, T> {
    let mut tables = Tables { good: Vec::new(), broken: Vec::new(), is_empty: !file.unreadable };
    let Some(value) = inside(&file.root, name) else { return tables };
    let items = match &value.kind {
        ValueKind::Array(items) => items.as_slice(),
        _ => {
            faults.fault(
                &file.key_place(value),
                name,
                format!("several of them are meant: write [[{name}]] above each"),
            );
            std::slice::from_ref(value)
        }
    };
    let schema = schema::<T>();
    for item in items {
        tables.is_empty = false;
        match read(file, name, item.clone(), &schema, faults) {
            Some(element) => tables.good.push(element),
            None => tables.broken.extend(inside(item, id).and_then(|name| name.clone().into_string().ok())),
        }
    }
    tables
}

/// The keys at the top of a file that are in no table.
pub fn top<'a, T: DeserializeOwned + JsonSchema>(
    file: &'a File,
    tables: &[&str],
    faults: &mut Faults,
) -> Option<Element<'a, T>> {
    let mut value = file.root.clone();
    if let ValueKind::Table(entries) = &mut value.kind {
        entries.retain(|name, _| !tables.contains(&name.as_str()));
    }
    read(file, "", value, &schema::<T>(), faults)
}

/// Reads a table; each wrong key is a fault of its own: it is taken out, and the rest is read again.
fn read<'a, T: DeserializeOwned>(
    file: &'a File,
    name: &'static str,
    value: Value,
    schema: &Json,
    faults: &mut Faults,
) -> Option<Element<'a, T>> {
    if !matches!(value.kind, ValueKind::Table(_)) {
        faults.fault(&file.place(&value), name, "a table is meant here, e.g. [".to_string() + name + "]");
        return None;
    }
    check_inside(file, &value, &[schema], schema, name, faults);
    let mut rest = value.clone();
    let mut taken_out = false;
    loop {
        let error = match serde_path_to_error::deserialize::<_, T>(rest.clone()) {
            Ok(written) if !taken_out => return Some(Element { written, name, file, value }),
            Ok(_) => return None,
            Err(error) => error,
        };
        let path: Vec<String> = error.path().iter().filter_map(step).collect();
        let place = file.place(path.iter().try_fold(&rest, |value, step| inside(value, step)).unwrap_or(&value));
        let removed = remove(&mut rest, &path);
        if removed || !taken_out {
            let key = std::iter::once(name.to_string())
                .chain(path.iter().filter(|step| step.parse::<usize>().is_err()).cloned());
            let key = key.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".");
            faults.fault(&place, key, told(error.inner()));
        }
        taken_out = true;
        if !removed {
            return None;
        }
    }
}

/// Takes out what a path leads to.
fn remove(value: &mut Value, path: &[String]) -> bool {
    match (&mut value.kind, path) {
        (ValueKind::Table(entries), [key]) => entries.remove(key).is_some(),
        (ValueKind::Table(entries), [key, rest @ ..]) => entries.get_mut(key).is_some_and(|next| remove(next, rest)),
        (ValueKind::Array(items), [index, rest @ ..]) => match index.parse::<usize>() {
            Ok(index) if index < items.len() && rest.is_empty() => {
                items.remove(index);
                true
            }
            Ok(index) => items.get_mut(index).is_some_and(|next| remove(next, rest)),
            Err(_) => false,
        },
        _ => false,
    }
}

fn step(segment: &Segment) -> Option<String> {
    match segment {
        Segment::Map { key } => Some(key.clone()),
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Enum { .. } | Segment::Unknown => None,
    }
}

/// The library's words as ours.
fn told(error: &ConfigError) -> String {
    match error {
        ConfigError::Type { unexpected, expected, .. } => format!("found {unexpected}; {expected} is meant"),
        ConfigError::At { error, .. } => told(error),
        ConfigError::NotFound(key) => format!("`{}` is missing", key.rsplit([']', '.']).next().unwrap_or(key)),
        ConfigError::Message(text) if text.contains("did not match any variant") => {
            "found something else; see the schema for the forms it can have".into()
        }
        ConfigError::Message(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Keys that no form of the table has are faults, here and further inside.
fn check_inside(file: &File, value: &Value, forms: &[&Json], schema: &Json, name: &str, faults: &mut Faults) {
    let forms: Vec<&Json> = forms.iter().flat_map(|form| resolved(form, schema)).collect();
    match &value.kind {
        ValueKind::Array(items) => {
            let each: Vec<&Json> = forms.iter().filter_map(|form| form.get("items")).collect();
            items.iter().for_each(|item| check_inside(file, item, &each, schema, name, faults));
        }
        ValueKind::Table(entries) => {
            let keys: Vec<(&String, &Json)> =
                forms.iter().filter_map(|form| form.get("properties")?.as_object()).flatten().collect();
            if keys.is_empty() {
                // A table with free names, or something else is meant than a table.
                return;
            }
            let known: Vec<&str> = keys.iter().map(|(key, _)| key.as_str()).collect();
            check_names(file, entries.iter(), &known, name, faults);
            for (key, value) in entries {
                let forms: Vec<&Json> = keys.iter().filter(|(known, _)| *known == key).map(|(_, form)| *form).collect();
                let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                check_inside(file, value, &forms, schema, &name, faults);
            }
        }
        _ => {}
    }
}

/// The forms a schema stands for, references and alternatives looked up.
fn resolved<'s>(form: &'s Json, schema: &'s Json) -> Vec<&'s Json> {
    if let Some(alternatives) = form.get("anyOf").and_then(Json::as_array) {
        return alternatives.iter().flat_map(|form| resolved(form, schema)).collect();
    }
    let reference = form.get("$ref").and_then(Json::as_str).and_then(|name| name.strip_prefix('#'));
    match reference.and_then(|pointer| schema.pointer(pointer)) {
        Some(target) => resolved(target, schema),
        None => vec![form],
    }
}

fn schema<T: JsonSchema>() -> Json {
    schemars::schema_for!(T).to_value()
}
