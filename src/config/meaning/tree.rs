//! Settings that are told of as they are kept: each field is a key, each table within a table a thing. So nothing
//! that is added to them can be forgotten here.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

use super::Meaning;
use crate::config::scalars::time_text;

impl Meaning {
    /// Of settings whose fields are values, or tables of named things: `menus` of `welcome` is `menu welcome`.
    pub(super) fn tree(&mut self, settings: &impl Serialize) {
        let Ok(Value::Object(fields)) = serde_json::to_value(settings) else { return };
        for (field, value) in fields {
            match &value {
                Value::Object(things) if duration(things).is_none() && things.values().all(Value::is_object) => {
                    let kind = field.strip_suffix('s').unwrap_or(&field);
                    for (id, thing) in things {
                        self.branch(&format!("{kind} {id}"), "", thing);
                    }
                }
                _ if field == "answer" => self.branch("", "sip.answer", &value),
                _ => self.branch("", &field, &value),
            }
        }
    }

    fn branch(&mut self, thing: &str, key: &str, value: &Value) {
        if let Some(text) = leaf(value) {
            return self.say(thing, key, text);
        }
        let inner = |name: &str| match key {
            "" => name.to_string(),
            key => format!("{key} {name}"),
        };
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    self.branch(thing, &inner(name), value);
                }
            }
            Value::Array(items) => {
                for (index, value) in items.iter().enumerate() {
                    self.branch(thing, &inner(&(index + 1).to_string()), value);
                }
            }
            _ => {}
        }
    }
}

/// A value that is told on one line.
fn leaf(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some("none".into()),
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => {
            let items: Vec<String> =
                items.iter().map(|item| leaf(item).filter(|_| !item.is_array())).collect::<Option<_>>()?;
            Some(super::list(items))
        }
        Value::Object(fields) if fields.is_empty() => Some("none".into()),
        Value::Object(fields) => duration(fields).map(time_text),
    }
}

/// A time as serde writes it.
fn duration(fields: &Map<String, Value>) -> Option<Duration> {
    let (seconds, nanos) = (fields.get("secs")?.as_u64()?, fields.get("nanos")?.as_u64()?);
    (fields.len() == 2).then(|| Duration::new(seconds, u32::try_from(nanos).unwrap_or(0)))
}
