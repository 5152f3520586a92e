//! The environment above the files: `HOTLINE__QUEUE__CITIZEN__RING=25s` stands for `ring` of the queue `citizen`.
//!
//! One rule: the key's full name in capitals, with `__` for each dot. Tables of a list are named by their id after
//! the list's name (in [[number]] the number, in [[queue.key]] the key), those without one by their place from 1.
//! In an id every character but letters and digits is `_`. Lists are written with commas, or as in TOML.

use std::collections::BTreeMap;
use std::sync::Arc;

use config::{Map, Value, ValueKind};
use schemars::Schema;

use super::{File, Span, Spot, Text, toml};
use crate::config::fault::{Faults, Place};
use crate::config::forms::Forms;
use crate::config::reader;

const PREFIX: &str = "HOTLINE__";
/// What a table of a list is known by.
pub const IDS: [&str; 3] = ["id", "number", "key"];

pub fn lay(
    files: &mut [&mut File],
    schemas: &[(&str, Schema)],
    environment: &BTreeMap<String, String>,
    faults: &mut Faults,
) {
    for (name, text) in environment {
        let Some(path) = name.strip_prefix(PREFIX) else { continue };
        let parts: Vec<&str> = path.split("__").collect();
        let first = parts.first().copied().unwrap_or_default();
        let top = |forms: &Forms<'_>| forms.properties().any(|(key, _)| in_capitals(key) == first);
        let at = schemas.iter().position(|(_, schema)| top(&Forms::of(schema.as_value())));
        let result = match at {
            Some(index) if !files[index].unreadable => {
                let mut variable = Variable::new(files[index], name, text);
                let mut root = std::mem::replace(&mut variable.file.root, Value::new(None, ValueKind::Nil));
                let told = variable.set(&mut root, &Forms::of(schemas[index].1.as_value()), "", &parts);
                variable.file.root = root;
                told
            }
            Some(_) => Ok(()),
            None => {
                let known: Vec<String> = schemas
                    .iter()
                    .flat_map(|(_, schema)| {
                        Forms::of(schema.as_value()).properties().map(|(key, _)| in_capitals(key)).collect::<Vec<_>>()
                    })
                    .collect();
                Err(unknown("key", first, known.iter().map(String::as_str)))
            }
        };
        if let Err(what) = result {
            faults.fault(&place(name, text), "", what);
        }
    }
}

/// Where a variable is written.
fn place(name: &str, value: &str) -> Place {
    let text = Arc::new(Text::new(name.into(), format!("{name}={value}")));
    Place { file: text.name.clone(), line: 0, column: 1, end: 1 + name.chars().count(), text: Some(text), cell: None }
}

/// As it is written in the name of a variable.
pub fn in_capitals(name: &str) -> String {
    name.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect::<String>().to_uppercase()
}

fn unknown<'a>(what: &str, found: &str, known: impl Iterator<Item = &'a str>) -> String {
    let mut known: Vec<&str> = known.collect();
    known.sort_unstable();
    known.dedup();
    let hint = reader::did_you_mean(found, known.iter().copied());
    let shown = if known.is_empty() { "none".to_string() } else { reader::list(known.into_iter()) };
    format!("there is no {what} {found}{hint} (there are {shown})")
}

struct Variable<'a> {
    file: &'a mut File,
    text: &'a str,
    spot: Spot,
}

impl<'a> Variable<'a> {
    fn new(file: &'a mut File, name: &str, text: &'a str) -> Self {
        let column = name.chars().count() + 2;
        let value = Span { line: 0, column, end: column + text.chars().count() };
        let key = Span { line: 0, column: 1, end: column - 1 };
        let spot = Spot { text: file.texts.len(), value, key, cell: None };
        file.texts.push(Arc::new(Text::new(name.into(), format!("{name}={text}"))));
        Variable { file, text, spot }
    }

    /// Sets what `parts` lead to; `name` is what led here.
    fn set(&mut self, value: &mut Value, forms: &Forms<'_>, name: &str, parts: &[&str]) -> Result<(), String> {
        let Some((part, rest)) = parts.split_first() else {
            let kind = parse(self.text, forms)?;
            *value = self.stamped(kind);
            return Ok(());
        };
        let items = forms.items();
        if items.properties().next().is_some() {
            let ValueKind::Array(tables) = &mut value.kind else {
                return Err(unknown(name, part, std::iter::empty()));
            };
            let (index, used) = chosen(tables, name, parts)?;
            return match tables.get_mut(index) {
                Some(table) => self.set(table, &items, name, &parts[used..]),
                None => Ok(()),
            };
        }
        let key = forms.properties().map(|(key, _)| key).find(|key| in_capitals(key) == *part);
        let (key, inside) = match key {
            Some(key) => (key.to_string(), forms.key(key)),
            None if !forms.any_key().is_empty() => (self.free_name(value, part), forms.any_key()),
            None => {
                let known: Vec<String> = forms.properties().map(|(key, _)| in_capitals(key)).collect();
                return Err(unknown("key", part, known.iter().map(String::as_str)));
            }
        };
        if !matches!(value.kind, ValueKind::Table(_)) {
            *value = self.stamped(ValueKind::Table(Map::new()));
        }
        let ValueKind::Table(entries) = &mut value.kind else { return Ok(()) };
        let there = entries.entry(key.clone()).or_insert_with(|| Value::new(None, ValueKind::Nil));
        let told = self.set(there, &inside, &key, rest);
        if matches!(there.kind, ValueKind::Nil) {
            entries.remove(&key);
        }
        told
    }

    /// A name that is there already, whatever its letters; else in small ones.
    fn free_name(&self, value: &Value, part: &str) -> String {
        let there = match &value.kind {
            ValueKind::Table(entries) => entries.keys().find(|key| in_capitals(key) == part),
            _ => None,
        };
        there.cloned().unwrap_or_else(|| part.to_lowercase())
    }

    /// The value and all in it stand in the variable.
    fn stamped(&mut self, kind: ValueKind) -> Value {
        let kind = match kind {
            ValueKind::Array(items) => {
                ValueKind::Array(items.into_iter().map(|item| self.stamped(item.kind)).collect())
            }
            ValueKind::Table(entries) => {
                ValueKind::Table(entries.into_iter().map(|(key, value)| (key, self.stamped(value.kind))).collect())
            }
            other => other,
        };
        let spot = self.spot;
        self.file.value(spot, kind)
    }
}

/// Which table of a list is meant, and how many parts name it.
fn chosen(tables: &[Value], name: &str, parts: &[&str]) -> Result<(usize, usize), String> {
    let ids: Vec<Option<String>> = tables.iter().map(id).collect();
    for used in 1..=parts.len() {
        let wanted = parts[..used].join("__");
        let named = |id: &Option<String>| id.as_ref().is_some_and(|id| in_capitals(id) == in_capitals(&wanted));
        let found: Vec<usize> = (0..ids.len()).filter(|index| named(&ids[*index])).collect();
        match found[..] {
            [] => {}
            [index] => return Ok((index, used)),
            _ => {
                let names: Vec<&str> = found.iter().filter_map(|index| ids[*index].as_deref()).collect();
                return Err(format!("{wanted} may mean {}: set it in the file", names.join(" or ")));
            }
        }
    }
    let part = parts.first().copied().unwrap_or_default();
    match part.parse::<usize>() {
        Ok(place) if (1..=tables.len()).contains(&place) && ids[place - 1].is_none() => Ok((place - 1, 1)),
        _ => {
            let known: Vec<String> = ids.iter().flatten().map(|id| in_capitals(id)).collect();
            if known.is_empty() {
                return Err(format!("there is no {name} {part}; they are counted from 1 to {}", tables.len()));
            }
            Err(unknown(name, part, known.iter().map(String::as_str)))
        }
    }
}

fn id(table: &Value) -> Option<String> {
    let ValueKind::Table(entries) = &table.kind else { return None };
    IDS.iter().find_map(|id| entries.get(*id)?.clone().into_string().ok())
}

/// What a text means where these forms are allowed; what fits none of them is told by whoever reads the value.
fn parse(text: &str, forms: &Forms<'_>) -> Result<ValueKind, String> {
    let text = text.trim();
    if text.starts_with('{') && forms.may_be("object") || text.starts_with('[') && forms.may_be("array") {
        return toml::value(text);
    }
    if forms.may_be("string") {
        return Ok(ValueKind::String(text.into()));
    }
    let lower = text.to_ascii_lowercase();
    match (lower.as_str(), text.parse::<i64>(), text.parse::<f64>()) {
        ("true" | "false", ..) if forms.may_be("boolean") => Ok(ValueKind::Boolean(lower == "true")),
        (_, Ok(number), _) if forms.may_be("integer") => Ok(ValueKind::I64(number)),
        (_, _, Ok(number)) if forms.may_be("number") => Ok(ValueKind::Float(number)),
        _ if forms.may_be("array") => {
            let items = forms.items();
            let each = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            let each = each.map(|item| parse(item, &items).map(|kind| Value::new(None, kind)));
            each.collect::<Result<_, _>>().map(ValueKind::Array)
        }
        _ => Ok(ValueKind::String(text.into())),
    }
}
