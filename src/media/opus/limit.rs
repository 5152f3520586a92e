//! How many legs speak Opus at once: each of them is decoded and encoded.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub struct Limit {
    most: usize,
    taken: Arc<AtomicUsize>,
}

/// One of those that may speak Opus at once; given back when it is dropped.
#[derive(Debug)]
pub struct Ticket(Arc<AtomicUsize>);

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Limit {
    pub fn new(most: usize) -> Self {
        Self { most, taken: Arc::default() }
    }

    /// For tickets that are given from here on.
    pub fn set(&mut self, most: usize) {
        self.most = most;
    }

    /// Leave to speak Opus, if there is any left.
    pub fn ticket(&self) -> Option<Ticket> {
        self.is_free().then(|| self.promised())
    }

    /// The same for a leg that was offered Opus while there was.
    pub fn promised(&self) -> Ticket {
        self.taken.fetch_add(1, Ordering::Relaxed);
        Ticket(self.taken.clone())
    }

    pub fn is_free(&self) -> bool {
        self.taken.load(Ordering::Relaxed) < self.most
    }
}
