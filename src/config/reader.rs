//! Reads one table into its written form and finds all that is wrong in it, not only the first.

use std::any::TypeId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use config::{Value, ValueKind};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use serde_path_to_error::Segment;

use super::fault::{Faults, Place};
use super::forms::Forms;
use super::source::File;
use super::words;

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

    /// A fault of the name that a path leads to, not of what is written behind it.
    pub fn fault_of_name(&self, faults: &mut Faults, path: &[&str], what: impl Into<String>) {
        faults.fault(&self.file.key_place(way(&self.value, path)), self.key_of(path), what);
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
    nearest(found, known).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

/// The nearest of the known names, if it is near enough.
pub fn nearest<'a>(found: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if found.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let near = known.map(|known| (strsim::damerau_levenshtein(found, known), known)).min();
    near.filter(|(distance, _)| *distance <= 2.max(found.len() / 3)).map(|(_, near)| near)
}

/// Names in their order; of many the first.
pub fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const SHOWN: usize = 12;
    let names: BTreeSet<&str> = names.collect();
    let shown: Vec<&str> = names.iter().copied().take(SHOWN).collect();
    match (shown.is_empty(), names.len() > SHOWN) {
        (true, _) => "none".into(),
        (false, true) => format!("{} and {} more", shown.join(", "), names.len() - SHOWN),
        (false, false) => shown.join(", "),
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

fn check_names<'v>(
    file: &File,
    entries: impl Iterator<Item = (&'v String, &'v Value)>,
    known: &[&str],
    prefix: &str,
    faults: &mut Faults,
) {
    for (name, value) in entries.filter(|(name, _)| !known.contains(&name.as_str())) {
        unknown_name(file, name, value, known, prefix, faults);
    }
}

/// A fault: nothing of that name is known.
pub fn unknown_name(file: &File, name: &str, value: &Value, known: &[&str], prefix: &str, faults: &mut Faults) {
    let key = if prefix.is_empty() { name.to_string() } else { format!("{prefix}.{name}") };
    let hint = did_you_mean(name, known.iter().copied());
    let mut known = known.to_vec();
    known.sort_unstable();
    faults.fault(&file.key_place(value), key, format!("unknown key{hint} (known: {})", known.join(", ")));
}

/// A table of the file, e.g. `[sip]`; one that is not there is as if it were empty.
pub fn table<'a, T: DeserializeOwned + JsonSchema + 'static>(
    file: &'a File,
    name: &'static str,
    faults: &mut Faults,
) -> Option<Element<'a, T>> {
    let value =
        inside(&file.root, name).cloned().unwrap_or_else(|| Value::new(None, ValueKind::Table(Default::default())));
    read(file, name, value, &schema::<T>(), faults)
}

/// The same where it matters whether it is there.
pub fn table_if_there<'a, T: DeserializeOwned + JsonSchema + 'static>(
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
    /// Those that could not be read: who refers to them is not at fault.
    pub broken: Broken,
    /// Nothing was written at all.
    pub is_empty: bool,
}

/// Tables that could not be read.
#[derive(Clone, Debug, Default)]
pub struct Broken {
    /// Each with its place.
    pub names: Vec<(String, Place)>,
    /// There may be others, whose names are not known either.
    pub nameless: bool,
}

impl Broken {
    /// Whether all could be read.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && !self.nameless
    }
}

/// Every table of an array, e.g. `[[queue]]`, whose name is under `id`.
pub fn array<'a, T: DeserializeOwned + JsonSchema + 'static>(
    file: &'a File,
    name: &'static str,
    id: &str,
    faults: &mut Faults,
) -> Tables<'a, T> {
    let unsure = file.unreadable || file.misspelt.iter().any(|misspelt| misspelt == name);
    let broken = Broken { names: Vec::new(), nameless: unsure };
    let mut tables = Tables { good: Vec::new(), broken, is_empty: !unsure };
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
            None => {
                let named =
                    inside(item, id).and_then(|name| Some((name.clone().into_string().ok()?, file.place(name))));
                tables.broken.nameless |= named.is_none();
                tables.broken.names.extend(named);
            }
        }
    }
    tables
}

/// The keys at the top of a file that are in no table; others are told when the file is read.
pub fn top<'a, T: DeserializeOwned + JsonSchema + 'static>(
    file: &'a File,
    tables: &[&str],
    faults: &mut Faults,
) -> Option<Element<'a, T>> {
    let mut value = file.root.clone();
    let schema = schema::<T>();
    if let ValueKind::Table(entries) = &mut value.kind {
        let known: Vec<&str> = Forms::of(&schema).properties().map(|(key, _)| key).collect();
        entries.retain(|name, _| known.contains(&name.as_str()) && !tables.contains(&name.as_str()));
    }
    read(file, "", value, &schema, faults)
}

/// A file as one table.
pub fn whole<'a, T: DeserializeOwned + JsonSchema + 'static>(
    file: &'a File,
    faults: &mut Faults,
) -> Option<Element<'a, T>> {
    read(file, "", file.root.clone(), &schema::<T>(), faults)
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
    let mut missing = Vec::new();
    check_inside(file, &value, &Forms::of(schema), (name, &mut Vec::new()), &mut missing, faults);
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
        // What is missing was told already, all at once.
        let known = missing.contains(&path);
        if (removed || !taken_out) && !known {
            let key = std::iter::once(name.to_string())
                .chain(path.iter().filter(|step| step.parse::<usize>().is_err()).cloned());
            let key = key.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".");
            faults.fault(&place, key, words::told(error.inner()));
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

/// Keys that no form of the table has, and keys without which it means nothing, are faults, here and further inside.
/// `way`: the key's name, and the path. The paths of tables in which something is missing go to `missing`.
fn check_inside(
    file: &File,
    value: &Value,
    forms: &Forms<'_>,
    way: (&str, &mut Vec<String>),
    missing: &mut Vec<Vec<String>>,
    faults: &mut Faults,
) {
    let (name, path) = way;
    match &value.kind {
        ValueKind::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(index.to_string());
                check_inside(file, item, &forms.items(), (name, path), missing, faults);
                path.pop();
            }
        }
        ValueKind::Table(entries) => {
            let known: Vec<&str> = forms.properties().map(|(key, _)| key).collect();
            if known.is_empty() {
                // A table with free names, or something else is meant than a table.
                for (key, value) in entries {
                    path.push(key.clone());
                    check_inside(file, value, &forms.any_key(), (&format!("{name}.{key}"), path), missing, faults);
                    path.pop();
                }
                return;
            }
            check_names(file, entries.iter(), &known, name, faults);
            let lacks: Vec<&str> = forms.required().filter(|key| !entries.contains_key(*key)).collect();
            let tables = forms.alternatives().filter(|form| form.properties().next().is_some()).count();
            if tables == 1 && !lacks.is_empty() {
                lacks.iter().for_each(|key| faults.fault(&file.place(value), name, words::missing(key)));
                missing.push(path.clone());
            }
            for (key, value) in entries {
                let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                path.push(key.clone());
                check_inside(file, value, &forms.key(key), (&name, path), missing, faults);
                path.pop();
            }
        }
        _ => {}
    }
}

/// Each is made once: a house has hundreds of tables of a few types.
fn schema<T: JsonSchema + 'static>() -> Arc<Json> {
    static MADE: Mutex<BTreeMap<TypeId, Arc<Json>>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    made.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(schemars::schema_for!(T).to_value())).clone()
}
