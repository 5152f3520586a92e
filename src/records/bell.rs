//! What wakes the writer: it is left alone while it works or rests, and for what nobody waits for.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

/// It looks again by itself.
const BUSY: u8 = 0;
/// It waits for what somebody waits for.
const PATIENT: u8 = 1;
/// It waits for anything.
const IDLE: u8 = 2;

/// A thread that sleeps is woken at the cost of two system calls and a change of threads, many times the cost of an
/// entry: entries come many to a call, and one waking does for all that come until the next commit.
#[derive(Debug, Default)]
pub(super) struct Bell {
    sleeper: AtomicU8,
    thread: OnceLock<Thread>,
}

impl Bell {
    pub fn belongs_to(&self, thread: Thread) {
        let _ = self.thread.set(thread);
        // It may have fallen asleep before it had a name.
        self.ring(true);
    }

    /// Something was left for the writer. `awaited`: somebody waits for it.
    pub fn ring(&self, awaited: bool) {
        let wakes = |sleeper| sleeper == IDLE || awaited && sleeper == PATIENT;
        if wakes(self.sleeper.load(Ordering::SeqCst))
            && self.sleeper.swap(BUSY, Ordering::SeqCst) != BUSY
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }

    /// The writer sleeps until something is left, unless `came` says that something was left in the meantime.
    pub fn sleep(&self, came: impl FnOnce() -> bool) {
        self.sleeper.store(IDLE, Ordering::SeqCst);
        if !came() {
            thread::park();
        }
        self.sleeper.store(BUSY, Ordering::SeqCst);
    }

    /// The writer sleeps until something is awaited, for `patience` at most.
    pub fn nap(&self, patience: Duration, came: impl FnOnce() -> bool) {
        self.sleeper.store(PATIENT, Ordering::SeqCst);
        if !came() {
            thread::park_timeout(patience);
        }
        self.sleeper.store(BUSY, Ordering::SeqCst);
    }
}
