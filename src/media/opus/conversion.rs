//! Between the packets of somebody who speaks Opus and those of the leg: payload types, clocks, and Opus to what the leg
//! takes and back. Pure.
//!
//! The leg's side speaks G.711, or G.722 where sound keeps its wider band, and the numbers of [`AT_LEG`]; sequence and
//! source stay those of whoever sends, so that the leg sees what was lost. The clock of both counts 8000 a second, and a
//! byte of both is a tick of it. Whatever stands in the parameters of RFC 7587 §6.1 is understood.

use std::sync::atomic::{AtomicU8, Ordering};

use super::inward::Inward;
use super::outward::Outward;
use crate::media::in_order::InOrder;
use crate::media::words::Codec;

/// How the leg's side numbers payloads; sound in G.711 and G.722 has its static types.
pub struct AtLeg {
    pub keys: u8,
    /// Sound that was made up in place of what was lost, in G.711 and in G.722.
    pub concealed: u8,
    pub concealed_wide: u8,
    /// Opus as it is, by the clock of G.711.
    pub opus: u8,
    /// Of G.722.
    pub wide: u8,
}

pub const AT_LEG: AtLeg = AtLeg { keys: 101, concealed: 126, concealed_wide: 125, opus: 111, wide: 9 };

/// In what form a leg takes what is said to it in Opus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// In its law of G.711.
    #[default]
    Telephone,
    /// In G.722: up to 7 kHz.
    Wide,
    /// It is not decoded.
    AsItIs,
}

/// A form that is wished for on one thread, and looked at on another.
#[derive(Debug, Default)]
pub struct Wish(AtomicU8);

impl Wish {
    pub fn set(&self, form: Form) {
        self.0.store(form as u8, Ordering::Relaxed);
    }

    pub fn form(&self) -> Form {
        let is = |form: &Form| *form as u8 == self.0.load(Ordering::Relaxed);
        [Form::Wide, Form::AsItIs].into_iter().find(is).unwrap_or_default()
    }
}

/// How somebody numbers Opus and the keys beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Types {
    pub opus: u8,
    pub keys: [Option<Events>; 2],
}

/// Keys as RTP events, RFC 4733.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Events {
    pub payload_type: u8,
    /// Of the clock by which they last: that of the sound beside them, §2.1, or 8000, as many phones have it.
    pub rate: u32,
}

impl Events {
    /// Of its clock for one of the leg's.
    pub(super) fn ratio(self) -> u32 {
        if self.rate == OPUS_RATE { RATIO } else { 1 }
    }
}

impl Types {
    fn keys(&self, payload_type: u8) -> Option<Events> {
        self.keys.iter().flatten().find(|events| events.payload_type == payload_type).copied()
    }

    pub fn has(&self, payload_type: u8) -> bool {
        self.opus == payload_type || self.keys(payload_type).is_some()
    }
}

/// What somebody who speaks Opus sends by which numbers, and takes by which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spoken {
    pub sends: Types,
    pub takes: Types,
    /// Bits a second that they take at most, RFC 7587 §6.1, where they say it.
    pub most_bitrate: Option<i32>,
    /// They say that they can use in-band FEC, RFC 7587 §6.1.
    pub uses_fec: bool,
}

impl Spoken {
    pub(super) fn bitrate(&self) -> i32 {
        self.most_bitrate.map_or(BITRATE, |most| most.clamp(LEAST_BITRATE, BITRATE))
    }
}

/// RFC 7587 §4.1, whatever is played at.
pub const OPUS_RATE: u32 = 48_000;
/// Ticks of Opus for one of G.711, RFC 7587 §4.1.
pub(super) const RATIO: u32 = 6;
/// The longest packet of Opus, 120 ms, in ticks at 8 kHz.
pub(super) const LONGEST: usize = 960;
/// Packets in a row that are made up for; a longer gap is silence.
pub(super) const MOST_CONCEALED: u16 = 5;
/// Packets that come so late began anew.
pub(super) const LATE: u16 = 200;
/// In bits a second, plenty for speech up to 7 kHz; and the least that anybody may ask for, RFC 7587 §6.1.
const BITRATE: i32 = 24_000;
const LEAST_BITRATE: i32 = 6_000;

/// The fields of an RTP header that matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    pub payload_type: u8,
    pub marker: bool,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
}

/// One leg's, for as long as Opus is spoken with it.
pub struct Conversion {
    spoken: Spoken,
    /// Of G.711, that the leg speaks.
    law: Codec,
    inward: Inward,
    outward: Outward,
}

/// What a packet is on the leg's side.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// What is decoded and encoded: in G.711, or `wide` in G.722.
    Sound {
        wide: bool,
    },
    Opus,
    Keys(Events),
}

/// Packets of one way until their turn comes. `None`: they pass as they come.
pub(super) type Order = Option<InOrder<(Kind, Head)>>;

/// A moment by the clock of Opus and by that of G.711; both run over.
#[derive(Clone, Copy, Default)]
pub(super) struct Clock {
    pub fast: u32,
    pub slow: u32,
}

impl Clock {
    pub fn slow(&mut self, fast: u32) -> u32 {
        let passed = fast.wrapping_sub(self.fast) as i32 / RATIO as i32;
        self.fast = self.fast.wrapping_add((passed * RATIO as i32) as u32);
        self.slow = self.slow.wrapping_add(passed as u32);
        self.slow
    }

    pub fn fast(&mut self, slow: u32) -> u32 {
        let passed = slow.wrapping_sub(self.slow);
        self.slow = slow;
        self.fast = self.fast.wrapping_add(passed.wrapping_mul(RATIO));
        self.fast
    }
}

impl Conversion {
    /// `None`: Opus cannot be had.
    pub fn new(spoken: Spoken, law: Codec) -> Option<Self> {
        Some(Self { spoken, law, inward: Inward::new()?, outward: Outward::new(&spoken)? })
    }

    /// By other numbers from now on: it goes on as it was, so that nothing is heard of the change, and no number is said
    /// twice under the same keys.
    pub fn change(&mut self, spoken: Spoken, law: Codec) {
        (self.spoken, self.law) = (spoken, law);
        self.outward.change(&spoken);
    }

    /// Whether packets of theirs by this number are for [`Conversion::inward`].
    pub fn hears(&self, payload_type: u8) -> bool {
        self.spoken.sends.has(payload_type)
    }

    /// The number of the packet after the last that was sent to them; `None`: nothing was.
    pub fn next_sequence(&self) -> Option<u16> {
        self.outward.next_sequence()
    }

    /// A packet of theirs; `send` is given those of the leg, which takes sound in that form.
    pub fn inward(&mut self, head: Head, payload: &[u8], form: Form, send: &mut dyn FnMut(Head, &[u8])) {
        let Self { spoken, law, inward, .. } = self;
        let kind = match spoken.sends.keys(head.payload_type) {
            Some(events) => Kind::Keys(events),
            None if head.payload_type != spoken.sends.opus => return,
            None if form == Form::AsItIs => Kind::Opus,
            None => Kind::Sound { wide: form == Form::Wide },
        };
        // Where it is only passed on, their order is kept by who hears it.
        if form == Form::AsItIs {
            inward.order = None;
            return inward.heard(*law, kind, head, payload, send);
        }
        // Sound and keys have numbers of one stream.
        let mut order = inward.order.take().unwrap_or_else(InOrder::new);
        order.put(head.ssrc, head.sequence, (kind, head), payload, &mut |_, (kind, head), payload| {
            inward.heard(*law, kind, head, payload, send);
        });
        inward.order = Some(order);
    }

    /// A packet of the leg's; `send` is given those for them.
    pub fn outward(&mut self, head: Head, payload: &[u8], send: &mut dyn FnMut(Head, &[u8])) {
        let Self { spoken, law, outward, .. } = self;
        let Types { opus, keys } = spoken.takes;
        let (kind, payload_type) = match (head.payload_type, keys[0]) {
            (number, Some(events)) if number == AT_LEG.keys => (Kind::Keys(events), events.payload_type),
            (number, None) if number == AT_LEG.keys => return,
            (number, _) if number == AT_LEG.opus => (Kind::Opus, opus),
            (number, _) => (Kind::Sound { wide: number == AT_LEG.wide }, opus),
        };
        let head = Head { payload_type, ..head };
        let passes = kind == Kind::Opus || matches!(kind, Kind::Keys(_)) && outward.passes();
        if passes {
            outward.order = None;
            return outward.says(*law, kind, head, payload, send);
        }
        let mut order = outward.order.take().unwrap_or_else(InOrder::new);
        order.put(head.ssrc, head.sequence, (kind, head), payload, &mut |_, (kind, head), payload| {
            outward.says(*law, kind, head, payload, send);
        });
        outward.order = Some(order);
    }

    /// An RTCP packet of the leg's (RFC 3550 §6.4), rewritten for the clock of Opus.
    pub fn control_outward(&self, packet: &mut [u8]) {
        const SENDER_REPORT: u8 = 200;
        const RECEIVER_REPORT: u8 = 201;
        let [flags, kind, ..] = *packet else { return };
        let blocks = match kind {
            SENDER_REPORT => 28,
            RECEIVER_REPORT => 8,
            _ => return,
        };
        if kind == SENDER_REPORT
            && let Some(timestamp) = word(packet, 16)
        {
            let mut clock = self.outward.clock();
            put(packet, 16, clock.fast(timestamp));
        }
        if flags & 0x1F > 0
            && let Some(jitter) = word(packet, blocks + 12)
        {
            put(packet, blocks + 12, jitter.saturating_mul(RATIO));
        }
    }
}

fn word(packet: &[u8], at: usize) -> Option<u32> {
    packet.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

fn put(packet: &mut [u8], at: usize, word: u32) {
    packet[at..at + 4].copy_from_slice(&word.to_be_bytes());
}
