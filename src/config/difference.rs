//! What is different between two configurations, in words: `queue citizen: ring 15s → 20s`, `operator 1042 added`.

use std::collections::{BTreeMap, BTreeSet};

use super::meaning::{CONTENT, FORMERLY, Fact, Facts, Meaning, QUEUE};
use crate::ids::QueueId;

/// Keys that are read when the house opens, and not again.
const AT_THE_START: [&str; 12] = [
    "sip.listen",
    "sip.dscp",
    "sip.advertise",
    "media.bind",
    "media.advertise",
    "media.ports",
    "media.workers",
    "media.dscp",
    "media.browser.listen",
    "web.listen",
    "web.https",
    "web.sign_in_tries",
];

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// One line.
    pub words: String,
    /// It takes effect at the next start.
    pub needs_restart: bool,
    /// The queue that is gone.
    pub gone: Option<QueueId>,
}

/// Everything that is different, in the order of the things' names.
pub fn difference(from: &Meaning, to: &Meaning) -> Vec<Change> {
    let mut changes = Vec::new();
    let renamed = renamed(from, to);
    let nothing = Facts::new();
    for (old, new) in &renamed {
        changes.push(live(format!("{old} renamed: it is {new} now, and whoever waits there keeps the place")));
        let facts = |meaning: &Meaning, thing: &str| meaning.things.get(thing).cloned().unwrap_or_default();
        let (before, mut after) = (facts(from, old), facts(to, new));
        after.remove(FORMERLY);
        compare(new, &before, &after, &mut changes);
    }
    let old_names: BTreeSet<&str> = renamed.keys().map(String::as_str).collect();
    let new_names: BTreeSet<&str> = renamed.values().map(String::as_str).collect();
    let things: BTreeSet<&String> = from.things.keys().chain(to.things.keys()).collect();
    for thing in things {
        if old_names.contains(thing.as_str()) || new_names.contains(thing.as_str()) {
            continue;
        }
        match (from.things.get(thing), to.things.get(thing)) {
            (Some(_), None) => changes.push(removed(thing, to)),
            (None, Some(_)) if !thing.is_empty() => changes.push(live(format!("{thing} added"))),
            (before, after) => compare(thing, before.unwrap_or(&nothing), after.unwrap_or(&nothing), &mut changes),
        }
    }
    changes
}

/// The differences on one line, `; ` between them.
pub fn in_one_line(changes: &[String], most: usize) -> String {
    let shown = changes.iter().take(most).cloned().collect::<Vec<_>>().join("; ");
    match changes.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown}; and {more} more"),
    }
}

fn live(words: String) -> Change {
    Change { words, needs_restart: false, gone: None }
}

fn removed(thing: &str, to: &Meaning) -> Change {
    let Some(queue) = thing.strip_prefix(QUEUE) else { return live(format!("{thing} removed")) };
    match now_called(to, queue) {
        Some(new) => live(format!("{thing} removed: whoever waits there goes on in {new}")),
        None => Change { words: format!("{thing} removed"), needs_restart: false, gone: Some(queue.into()) },
    }
}

/// The queue that was called so formerly.
fn now_called<'a>(meaning: &'a Meaning, queue: &str) -> Option<&'a String> {
    let names = |facts: &Facts| match facts.get(FORMERLY) {
        Some(Fact::Said(names)) => names.split(", ").any(|name| name == queue),
        _ => false,
    };
    meaning.things.iter().find(|(_, facts)| names(facts)).map(|(thing, _)| thing)
}

/// Queues that go on under another name: the former thing, and the present one. The first of several.
fn renamed(from: &Meaning, to: &Meaning) -> BTreeMap<String, String> {
    let mut renamed = BTreeMap::new();
    for old in from.things.keys().filter(|thing| !to.things.contains_key(*thing)) {
        if let Some(new) = old.strip_prefix(QUEUE).and_then(|queue| now_called(to, queue))
            && !from.things.contains_key(new)
            && !renamed.values().any(|taken| taken == new)
        {
            renamed.insert(old.clone(), new.clone());
        }
    }
    renamed
}

fn compare(thing: &str, before: &Facts, after: &Facts, changes: &mut Vec<Change>) {
    let (came, gone) = (tables(before, after), tables(after, before));
    let prefix = if thing.is_empty() { String::new() } else { format!("{thing}: ") };
    for (names, what) in [(&came, "added"), (&gone, "removed")] {
        changes.extend(names.iter().map(|name| live(format!("{prefix}{name} {what}"))));
    }
    let is_told = |key: &str| came.iter().chain(&gone).any(|table| key == *table || is_within(key, table));
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for key in keys.into_iter().filter(|key| !is_told(key)) {
        let what = match (before.get(key), after.get(key)) {
            (before, after) if before == after => continue,
            (Some(Fact::Said(before)), Some(Fact::Said(after))) => format!("{} {before} → {after}", shown(key)),
            (None, Some(Fact::Said(after))) => format!("{} {after} added", shown(key)),
            (Some(Fact::Said(before)), None) => format!("{} {before} removed", shown(key)),
            (Some(_), Some(_)) if key == CONTENT => "replaced".into(),
            (Some(_), Some(_)) => format!("{key} changed"),
            (None, _) => format!("{key} added"),
            (_, None) => format!("{key} removed"),
        };
        let words = match (thing, key.as_str()) {
            ("", _) => what,
            (_, CONTENT) => format!("{thing} {what}"),
            _ => format!("{thing}: {what}"),
        };
        let needs_restart = thing.is_empty() && AT_THE_START.contains(&key.as_str());
        changes.push(Change { words, needs_restart, gone: None });
    }
}

/// Tables that there are `then` and not `first`: what stood there was `none`, and now keys do.
fn tables<'a>(first: &'a Facts, then: &Facts) -> Vec<&'a str> {
    let none = Fact::said("none");
    let is_one = |key: &str| !then.contains_key(key) && then.keys().any(|other| is_within(other, key));
    let absent = first.iter().filter(|(_, fact)| **fact == none).map(|(key, _)| key.as_str());
    absent.filter(|key| is_one(key)).collect()
}

/// `survey question` is within `survey`. Items of lists, which have numbers, are told one by one.
fn is_within(key: &str, table: &str) -> bool {
    let inner = key.strip_prefix(table).and_then(|rest| rest.strip_prefix(' '));
    inner.is_some_and(|inner| !inner.starts_with(|c: char| c.is_ascii_digit()))
}

/// Skills are told by their names alone; and where a choice leads is kept as `to to queue`: a destination is a `to`, and
/// what surrounds it has it under `to`.
fn shown(key: &str) -> String {
    key.strip_prefix("skill ").unwrap_or(key).replace(" to to ", " to ")
}

impl Meaning {
    /// The same, but for what is read only when the house opens: that is as in `former`.
    pub fn until_restart(mut self, former: &Meaning) -> Meaning {
        let Some(before) = former.things.get("") else { return self };
        let facts = self.things.entry(String::new()).or_default();
        for key in AT_THE_START {
            match before.get(key) {
                Some(fact) => drop(facts.insert(key.to_string(), fact.clone())),
                None => drop(facts.remove(key)),
            }
        }
        self
    }
}
