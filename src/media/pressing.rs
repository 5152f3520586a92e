//! Keys that we press on a leg, one after the other, tick by tick: as events (RFC 4733 §2.5), or as tones where no
//! events were agreed.

use std::collections::VecDeque;

use super::dtmf::{event_code, symbol_of};
use super::g711::FRAME;
use super::leg::Leg;
use super::mixing;
use super::outgoing::HEADER;
use super::packet::write_header;
use super::tones;
use crate::moment::Moment;

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
    key: char,
    tick: u16,
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
        let packets = if last { END_PACKETS } else { 1 };
        Some(Event { payload, packets, key: symbol_of(event)?, tick })
    }
}

impl Leg {
    pub fn press_keys(&mut self, keys: impl Iterator<Item = char>) {
        self.pressing.add(keys);
    }

    /// Whether keys can be sent to it as RTP events.
    pub fn takes_key_events(&self) -> bool {
        self.agreement.is_some_and(|agreement| agreement.key_payload_type.is_some())
    }

    /// One tick of a key of ours; `true` while it is pressed.
    pub(super) fn press(&mut self, now: Moment) -> bool {
        let Some(pressed) = self.pressing.next() else { return false };
        let Some(agreement) = self.sends().copied() else { return false };
        let Some(payload_type) = agreement.key_payload_type else {
            self.sound_key(now, &pressed, agreement.payload_type);
            return true;
        };
        for _ in 0..pressed.packets {
            let numbers = self.outgoing.event(now, self.pressing.timestamp, pressed.payload.len());
            self.pressing.timestamp = Some(numbers.timestamp);
            let mut packet = [0; HEADER + 4];
            packet[HEADER..].copy_from_slice(&pressed.payload);
            write_header(&mut packet[..HEADER], payload_type, numbers, self.outgoing.ssrc);
            self.send(now, &packet);
        }
        true
    }

    fn sound_key(&mut self, now: Moment, pressed: &Event, payload_type: u8) {
        let Some(codec) = self.agreement.as_ref().map(|agreement| agreement.codec) else { return };
        let sound = tones::frame(pressed.key, u32::from(pressed.tick) * FRAME as u32);
        let mut packet = [0; HEADER + FRAME];
        match &mut self.mouth {
            Some(mouth) => {
                packet[HEADER..]
                    .iter_mut()
                    .zip(sound)
                    .for_each(|(byte, sample)| *byte = mouth.encode(mixing::cut(sample)));
            }
            None => mixing::encode(&sound, codec, &mut packet[HEADER..]),
        }
        let numbers = self.outgoing.own(now, false);
        self.pressing.timestamp.get_or_insert(numbers.timestamp);
        write_header(&mut packet[..HEADER], payload_type, numbers, self.outgoing.ssrc);
        self.send(now, &packet);
    }
}
