//! How many may wait for the disk at once. On one that hangs more would hold every thread that the pages have, and those
//! who need no disk could do nothing either.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tracing::error;

/// In each room.
const PLACES: usize = 64;
/// In all of them.
pub const WAITING: usize = 3 * PLACES;

#[derive(Default)]
pub(super) struct Rooms {
    pub reading: Room,
    pub beginning: Room,
    pub ending: Room,
}

#[derive(Default)]
pub(super) struct Room {
    taken: AtomicUsize,
    is_told: AtomicBool,
}

/// Given back when it is dropped.
pub(super) struct Place<'a>(&'a Room);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Room {
    /// `None`: too many wait.
    pub fn enter(&self) -> Option<Place<'_>> {
        let before = self.taken.fetch_add(1, Ordering::Relaxed);
        let place = Place(self);
        let is_room = before < PLACES;
        if is_room && before == 0 {
            self.is_told.store(false, Ordering::Relaxed);
        }
        if !is_room && !self.is_told.swap(true, Ordering::Relaxed) {
            error!(waiting = PLACES, "the disk does not answer those who wait for it; others are refused");
        }
        is_room.then_some(place)
    }

    #[cfg(test)]
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    #[cfg(test)]
    pub fn is_full(&self) -> bool {
        self.taken() >= PLACES
    }
}
