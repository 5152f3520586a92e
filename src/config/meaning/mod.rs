//! What the files mean, in the admin's words: things (`queue citizen`), each with its keys and their values. Two of
//! them can be compared, also long after the files are gone.

mod house;
mod queues;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Every thing by its name, e.g. `queue citizen`; the empty name is the house as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Meaning {
    pub(super) things: BTreeMap<String, Facts>,
}

pub(super) type Facts = BTreeMap<String, Fact>;

/// A value as it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fact {
    Said(String),
    /// Only whether it changed is told; this is its SHA-256.
    Hidden(String),
}

/// Of a thing that is nothing but its content, e.g. a prompt.
pub(super) const CONTENT: &str = "";
/// Former ids of a queue.
pub(super) const FORMERLY: &str = "formerly";
pub(super) const QUEUE: &str = "queue ";
pub(super) const PROMPT: &str = "prompt ";

impl Fact {
    pub fn said(text: impl ToString) -> Fact {
        Fact::Said(text.to_string())
    }

    pub fn hidden(text: &str) -> Fact {
        Fact::Hidden(data_encoding::HEXLOWER.encode(&Sha256::digest(text.as_bytes())))
    }
}

impl Meaning {
    /// The SHA-256 of each recording by its name.
    pub fn prompts(&self) -> BTreeMap<String, String> {
        let prompt = |(thing, facts): (&String, &Facts)| match (thing.strip_prefix(PROMPT)?, facts.get(CONTENT)?) {
            (name, Fact::Hidden(sha256)) => Some((name.to_string(), sha256.clone())),
            _ => None,
        };
        self.things.iter().filter_map(prompt).collect()
    }

    fn say(&mut self, thing: &str, key: &str, value: impl ToString) {
        self.fact(thing, key, Fact::said(value));
    }

    /// `None` is not told of; when the key comes or goes, that is.
    fn say_some(&mut self, thing: &str, key: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.say(thing, key, value);
        }
    }

    fn fact(&mut self, thing: &str, key: &str, fact: Fact) {
        self.things.entry(thing.to_string()).or_default().insert(key.to_string(), fact);
    }
}

fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    if items.is_empty() { "none".into() } else { items.join(", ") }
}
