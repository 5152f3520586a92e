//! Keys that we press on a leg, one after the other, tick by tick (RFC 4733 §2.5).

use std::collections::VecDeque;

use super::dtmf::event_code;
use super::g711::FRAME;

/// Ticks a key is down, and the pause after it.
const DOWN_TICKS: u16 = 5;
const PAUSE_TICKS: u16 = 5;
/// Keys that wait to be pressed: whoever sends more is no finger.
const MOST: usize = 64;
/// RFC 4733 §2.5.1.4: the end is sent three times.
const END_PACKETS: u16 = 3;
/// In -dBm0, RFC 4733 §2.3.
const VOLUME: u8 = 10;
const END: u8 = 0x80;

#[derive(Default)]
pub struct Pressing {
    keys: VecDeque<u8>,
    tick: u16,
    /// When the key that is down began, as its packets say.
    pub timestamp: Option<u32>,
}

/// What is sent in one tick.
pub struct Event {
    pub payload: [u8; 4],
    pub packets: u16,
}

impl Pressing {
    pub fn add(&mut self, keys: impl Iterator<Item = char>) {
        let room = MOST.saturating_sub(self.keys.len());
        self.keys.extend(keys.filter_map(event_code).take(room));
    }

    pub fn is_idle(&self) -> bool {
        self.keys.is_empty()
    }

    pub fn is_down(&self) -> bool {
        self.timestamp.is_some() && self.tick < DOWN_TICKS
    }

    /// A tick has passed. `None`: no key is down.
    pub fn next(&mut self) -> Option<Event> {
        let event = *self.keys.front()?;
        let tick = self.tick;
        self.tick += 1;
        if tick >= DOWN_TICKS {
            if tick >= DOWN_TICKS + PAUSE_TICKS {
                (self.tick, self.timestamp) = (0, None);
                self.keys.pop_front();
            }
            return None;
        }
        let last = tick + 1 == DOWN_TICKS;
        let [high, low] = ((tick + 1) * FRAME as u16).to_be_bytes();
        let payload = [event, if last { END | VOLUME } else { VOLUME }, high, low];
        Some(Event { payload, packets: if last { END_PACKETS } else { 1 } })
    }
}
