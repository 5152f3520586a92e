//! Several legs of one call who hear each other: a table of who hears whom, mixed every 20 ms.
//!
//! Costs nothing to legs that are in no mix. Each that is in one has a buffer; what it says is decoded once, and what
//! it hears is the sum of those it hears, encoded in its own codec. Nothing is allocated but when the table changes.

use super::g711::{self, FRAME};
use super::jitter::Jitter;
use super::leg::Leg;
use super::recorder::{Channel, Tap};
use super::words::{Codec, Event};
use crate::moment::Moment;

/// A leg's part in a mix.
pub struct Mixed {
    /// Slots of those it hears.
    hears: Vec<usize>,
    said: Jitter,
    /// What it says in this tick.
    frame: [i16; FRAME],
}

impl Mixed {
    pub fn new() -> Self {
        Self { hears: Vec::new(), said: Jitter::new(), frame: [0; FRAME] }
    }

    pub fn says(&mut self, ssrc: u32, timestamp: u32, codec: Codec, payload: &[u8]) {
        self.said.put(ssrc, timestamp, codec, payload);
    }
}

/// The worker's legs that are in a mix.
#[derive(Default)]
pub struct Mixes {
    members: Vec<usize>,
}

type Slots = [Option<Box<Leg>>];

impl Mixes {
    /// The legs hear exactly whom the pairs (ear, mouth) name. Those that are in no mix yet come into one.
    pub fn set(&mut self, slots: &mut Slots, legs: &[usize], hears: &[(usize, usize)]) {
        for slot in legs {
            let Some(leg) = slots.get_mut(*slot).and_then(Option::as_mut) else { continue };
            let mixed = leg.enter_mix();
            mixed.hears.clear();
            mixed.hears.extend(hears.iter().filter(|(ear, _)| ear == slot).map(|(_, mouth)| *mouth));
            if !self.members.contains(slot) {
                self.members.push(*slot);
            }
        }
    }

    /// What two in a mix said and did not hear of each other yet, because in a mix it waits, goes to them at once: they are
    /// about to be joined, and what they say next waits no more.
    pub fn hand_over(&self, now: Moment, slots: &mut Slots, pair: [usize; 2]) {
        let [a, b] = pair;
        for (mouth, ear) in [(a, b), (b, a)] {
            let hears =
                slots[ear].as_ref().and_then(|leg| leg.mixed.as_ref()).is_some_and(|ear| ear.hears.contains(&mouth));
            let mut frame = [0; FRAME];
            while hears
                && let Some(mixed) = slots[mouth].as_mut().and_then(|leg| leg.mixed.as_mut())
                && mixed.said.take_rest(&mut frame)
                && let Some(ear) = slots[ear].as_mut()
            {
                ear.say(now, &frame.map(i32::from));
            }
        }
    }

    /// Neither hears nor is heard from now on.
    pub fn leave(&mut self, slots: &mut Slots, slot: usize) {
        let Some(member) = self.members.iter().position(|member| *member == slot) else { return };
        self.members.swap_remove(member);
        if let Some(leg) = slots.get_mut(slot).and_then(Option::as_mut) {
            leg.mixed = None;
        }
        for member in &self.members {
            if let Some(mixed) = slots[*member].as_mut().and_then(|leg| leg.mixed.as_mut()) {
                mixed.hears.retain(|heard| *heard != slot);
            }
        }
    }

    /// Members who hear this one.
    pub fn hearers(&self, slots: &Slots, mouth: usize) -> Vec<usize> {
        let hears = |slot: &usize| {
            let mixed = slots.get(*slot).and_then(Option::as_ref).and_then(|leg| leg.mixed.as_ref());
            mixed.is_some_and(|mixed| mixed.hears.contains(&mouth))
        };
        self.members.iter().copied().filter(hears).collect()
    }

    pub fn member(&self, number: usize) -> Option<usize> {
        self.members.get(number).copied()
    }

    /// First of a tick: what everybody says in it.
    pub fn listen(&self, slots: &mut Slots) {
        for slot in &self.members {
            if let Some(mixed) = slots[*slot].as_mut().and_then(|leg| leg.mixed.as_mut()) {
                mixed.said.take(&mut mixed.frame);
            }
        }
    }
}

/// Then each hears its sum, and what plays on it; the end of that is told.
pub fn mix(at: Moment, slots: &mut Slots, slot: usize, events: &mut Vec<Event>) {
    let Some(mixed) = slots[slot].as_mut().and_then(|leg| leg.mixed.as_mut()) else { return };
    let hears = std::mem::take(&mut mixed.hears);
    let mut sum = [0_i32; FRAME];
    for mouth in &hears {
        if let Some(mouth) = slots.get(*mouth).and_then(Option::as_ref).and_then(|leg| leg.mixed.as_ref()) {
            sum.iter_mut().zip(&mouth.frame).for_each(|(sum, sample)| *sum += i32::from(*sample));
        }
    }
    let Some(leg) = slots[slot].as_mut() else { return };
    if let Some(mixed) = leg.mixed.as_mut() {
        if let Some(tap) = leg.tap.as_mut().filter(|_| !hears.is_empty()) {
            record(at, tap, &mixed.frame, &sum);
        }
        mixed.hears = hears;
    }
    leg.tick_mixed(at, &mut sum).tell(leg.id, events);
}

/// What a recorded leg says, and what it hears of others.
fn record(at: Moment, tap: &mut Tap, says: &[i16; FRAME], hears: &[i32; FRAME]) {
    let mut sound = [0; FRAME];
    encode(&says.map(i32::from), Codec::Pcma, &mut sound);
    tap.hear_mixed(Channel::Left, at, &sound);
    encode(hears, Codec::Pcma, &mut sound);
    tap.hear_mixed(Channel::Right, at, &sound);
}

/// One leg's sum in its law of G.711. What is too loud is cut off: turning it down would be heard as well.
pub fn encode(sum: &[i32; FRAME], codec: Codec, payload: &mut [u8]) {
    for (byte, sample) in payload.iter_mut().zip(sum) {
        *byte = g711::of_linear(codec, cut(*sample));
    }
}

pub fn cut(sample: i32) -> i16 {
    sample.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}
