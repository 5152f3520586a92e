//! Who has something in common, e.g. all legs of one connection.

use std::collections::{BTreeMap, BTreeSet};

pub(super) struct Index<K, V>(BTreeMap<K, BTreeSet<V>>);

impl<K: Ord, V: Ord> Index<K, V> {
    pub fn new() -> Self {
        Self(BTreeMap::new())
    }

    pub fn insert(&mut self, key: K, value: V) {
        self.0.entry(key).or_default().insert(value);
    }

    /// Of nothing nobody has anything in common.
    pub fn insert_if(&mut self, key: Option<K>, value: V) {
        if let Some(key) = key {
            self.insert(key, value);
        }
    }

    pub fn remove(&mut self, key: &K, value: &V) {
        if let Some(values) = self.0.get_mut(key) {
            values.remove(value);
            if values.is_empty() {
                self.0.remove(key);
            }
        }
    }

    pub fn of<'a>(&'a self, key: &K) -> impl Iterator<Item = &'a V> {
        self.0.get(key).into_iter().flatten()
    }

    /// All of them, who have it in common no longer.
    pub fn take(&mut self, key: &K) -> BTreeSet<V> {
        self.0.remove(key).unwrap_or_default()
    }

    pub fn has(&self, key: &K) -> bool {
        self.0.contains_key(key)
    }
}
