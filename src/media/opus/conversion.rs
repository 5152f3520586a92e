//! Between the packets of somebody who speaks Opus and those of the leg: payload types, clocks, and Opus to G.711 and
//! back. Pure.
//!
//! The leg's side speaks G.711 and the numbers of [`AT_LEG`]; sequence and source stay those of whoever sends, so that
//! the leg sees what was lost. Its sound is at 8 kHz: the encoder itself resamples. Whatever stands in the
//! parameters of RFC 7587 §6.1 is understood; what is sent is mono, in packets of 20 ms with in-band FEC.

use opus_pure::{Application, OpusEncoder};

use super::decoder::Decoder;
use crate::media::concealment::Concealment;
use crate::media::g711::{self, FRAME};
use crate::media::in_order::InOrder;
use crate::media::negotiation::static_type;
use crate::media::words::Codec;

/// How the leg's side numbers payloads; sound in G.711 has its static types.
pub struct AtLeg {
    pub keys: u8,
    /// Sound that was made up in place of what was lost.
    pub concealed: u8,
    /// Opus as it is, by the clock of G.711.
    pub opus: u8,
}

pub const AT_LEG: AtLeg = AtLeg { keys: 101, concealed: 126, opus: 111 };

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
    fn ratio(self) -> u32 {
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
}

impl Spoken {
    fn bitrate(&self) -> i32 {
        self.most_bitrate.map_or(BITRATE, |most| most.clamp(LEAST_BITRATE, BITRATE))
    }
}

/// RFC 7587 §4.1, whatever is played at.
pub const OPUS_RATE: u32 = 48_000;
/// Ticks of Opus for one of G.711, RFC 7587 §4.1.
pub(super) const RATIO: u32 = 6;
/// The longest packet of Opus, 120 ms, at 8 kHz.
pub(super) const LONGEST: usize = 960;
/// Packets in a row that are made up for; a longer gap is silence.
const MOST_CONCEALED: u16 = 5;
/// Packets that come so late began anew.
const LATE: u16 = 200;
/// In bits a second, plenty for telephone speech; and the least that anybody may ask for, RFC 7587 §6.1.
const BITRATE: i32 = 24_000;
const LEAST_BITRATE: i32 = 6_000;
/// Loss for which redundancy is sent along.
const EXPECTED_LOSS: i32 = 5;
const COMPLEXITY: i32 = 4;
const OCTETS: usize = 400;

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
    decoder: Decoder,
    encoder: OpusEncoder,
    inward: Inward,
    outward: Outward,
}

/// What a packet is on the leg's side.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    G711,
    Opus,
    Keys(Events),
}

/// Packets of one way until their turn comes. `None`: they pass as they come.
type Order = Option<InOrder<(Kind, Head)>>;

/// What was heard of them.
#[derive(Default)]
struct Inward {
    /// Of what is decoded.
    order: Order,
    /// What came was not decoded: the decoder knows nothing of it.
    passed: bool,
    /// The source, and what is expected of it next.
    next: Option<(u32, u16)>,
    /// The same moment by both clocks.
    clock: Clock,
    /// Samples of the last packet.
    length: usize,
    press: Option<Press>,
}

/// What was sent to them.
struct Outward {
    /// Of what is encoded.
    order: Order,
    concealment: Concealment,
    /// How many numbers ago what is sent was encoded here last.
    passed: u16,
    /// The source, and what is expected of it next.
    next: Option<(u32, u16)>,
    sequence: u16,
    clock: Clock,
    /// Samples that do not fill a frame yet, and the time of the first.
    rest: Vec<i16>,
    rest_from: u32,
}

/// A moment by the clock of Opus and by that of G.711; both run over.
#[derive(Clone, Copy, Default)]
struct Clock {
    fast: u32,
    slow: u32,
}

impl Clock {
    fn slow(&mut self, fast: u32) -> u32 {
        let passed = fast.wrapping_sub(self.fast) as i32 / RATIO as i32;
        self.fast = self.fast.wrapping_add((passed * RATIO as i32) as u32);
        self.slow = self.slow.wrapping_add(passed as u32);
        self.slow
    }

    fn fast(&mut self, slow: u32) -> u32 {
        let passed = slow.wrapping_sub(self.slow);
        self.slow = slow;
        self.fast = self.fast.wrapping_add(passed.wrapping_mul(RATIO));
        self.fast
    }
}

/// A key that is held longer than one event can say goes on in a new one, RFC 4733 §2.5.1.3; at 8 kHz it is one still.
struct Press {
    event: u8,
    began: u32,
    began_slow: u32,
    /// Of its last segment.
    segment: u32,
    full: bool,
}

impl Conversion {
    /// `None`: Opus cannot be had.
    pub fn new(spoken: Spoken, law: Codec) -> Option<Self> {
        let decoder = Decoder::new()?;
        let mut encoder = OpusEncoder::new(8_000, 1, Application::Voip).ok()?;
        (encoder.bitrate_bps, encoder.complexity) = (spoken.bitrate(), COMPLEXITY);
        (encoder.use_inband_fec, encoder.packet_loss_perc) = (true, EXPECTED_LOSS);
        let inward = Inward { length: FRAME, ..Inward::default() };
        Some(Self { spoken, law, decoder, encoder, inward, outward: Outward::new() })
    }

    /// By other numbers from now on: it goes on as it was, so that nothing is heard of the change, and no number is said
    /// twice under the same keys.
    pub fn change(&mut self, spoken: Spoken, law: Codec) {
        (self.spoken, self.law, self.encoder.bitrate_bps) = (spoken, law, spoken.bitrate());
    }

    /// Whether packets of theirs by this number are for [`Conversion::inward`].
    pub fn hears(&self, payload_type: u8) -> bool {
        self.spoken.sends.has(payload_type)
    }

    /// The number of the packet after the last that was sent to them; `None`: nothing was.
    pub fn next_sequence(&self) -> Option<u16> {
        self.outward.next.map(|_| self.outward.sequence)
    }

    /// A packet of theirs; `send` is given those of the leg. `as_it_is`: Opus is not decoded.
    pub fn inward(&mut self, head: Head, payload: &[u8], as_it_is: bool, send: &mut dyn FnMut(Head, &[u8])) {
        let Types { opus, .. } = self.spoken.sends;
        let kind = match self.spoken.sends.keys(head.payload_type) {
            Some(events) => Kind::Keys(events),
            None if head.payload_type != opus => return,
            None if as_it_is => Kind::Opus,
            None => Kind::G711,
        };
        // Where it is only passed on, their order is kept by who hears it.
        if as_it_is {
            self.inward.order = None;
            return self.heard(kind, head, payload, send);
        }
        // Sound and keys have numbers of one stream.
        let mut order = self.inward.order.take().unwrap_or_else(InOrder::new);
        order.put(head.ssrc, head.sequence, (kind, head), payload, &mut |_, (kind, head), payload| {
            self.heard(kind, head, payload, send);
        });
        self.inward.order = Some(order);
    }

    /// A packet of the leg's; `send` is given those for them.
    pub fn outward(&mut self, head: Head, payload: &[u8], send: &mut dyn FnMut(Head, &[u8])) {
        let Types { opus, keys } = self.spoken.takes;
        let (kind, payload_type) = match (head.payload_type, keys[0]) {
            (number, Some(events)) if number == AT_LEG.keys => (Kind::Keys(events), events.payload_type),
            (number, None) if number == AT_LEG.keys => return,
            (number, _) if number == AT_LEG.opus => (Kind::Opus, opus),
            _ => (Kind::G711, opus),
        };
        let head = Head { payload_type, ..head };
        if kind == Kind::Opus || kind != Kind::G711 && self.outward.passed > 0 {
            self.outward.order = None;
            return self.says(kind, head, payload, send);
        }
        let mut order = self.outward.order.take().unwrap_or_else(InOrder::new);
        order.put(head.ssrc, head.sequence, (kind, head), payload, &mut |_, (kind, head), payload| {
            self.says(kind, head, payload, send);
        });
        self.outward.order = Some(order);
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
            let mut clock = self.outward.clock;
            put(packet, 16, clock.fast(timestamp));
        }
        if flags & 0x1F > 0
            && let Some(jitter) = word(packet, blocks + 12)
        {
            put(packet, blocks + 12, jitter.saturating_mul(RATIO));
        }
    }

    fn heard(&mut self, kind: Kind, head: Head, payload: &[u8], send: &mut dyn FnMut(Head, &[u8])) {
        let Head { sequence, ssrc, .. } = head;
        let gap = match self.inward.next {
            Some((source, next)) if source == ssrc => sequence.wrapping_sub(next),
            _ => {
                self.inward.clock = Clock { fast: head.timestamp, slow: head.timestamp };
                0
            }
        };
        // It came late, or twice: what it says was made up for, unless it is only passed on.
        if gap > u16::MAX - LATE {
            if kind == Kind::Opus {
                let mut clock = self.inward.clock;
                let timestamp = clock.slow(head.timestamp);
                send(Head { payload_type: AT_LEG.opus, timestamp, ..head }, payload);
            }
            return;
        }
        let is_keys = matches!(kind, Kind::Keys(_));
        let fresh = !is_keys && std::mem::replace(&mut self.inward.passed, kind == Kind::Opus);
        if kind == Kind::G711 {
            if fresh {
                self.decoder.reset();
            } else if (1..=MOST_CONCEALED).contains(&gap) {
                self.conceal(head, payload, gap, send);
            }
        }
        self.inward.next = Some((ssrc, sequence.wrapping_add(1)));
        match kind {
            Kind::G711 => {}
            Kind::Keys(events) => return self.key_inward(events, head, payload, send),
            Kind::Opus => {
                let timestamp = self.inward.clock.slow(head.timestamp);
                return send(Head { payload_type: AT_LEG.opus, timestamp, ..head }, payload);
            }
        }
        let mut samples = [0; LONGEST];
        // To the decoder nothing is a loss to be made up for; here it is padding.
        if payload.is_empty() {
            return;
        }
        let Some(length) = self.decoder.decode(payload, &mut samples) else { return };
        self.inward.length = length;
        let timestamp = self.inward.clock.slow(head.timestamp);
        let mut encoded = [0; LONGEST];
        encode(self.law, &samples[..length], &mut encoded);
        send(Head { payload_type: static_type(self.law), timestamp, ..head }, &encoded[..length]);
    }

    /// Makes up for the `gap` packets before this one; it may tell of the last of them itself.
    fn conceal(&mut self, head: Head, payload: &[u8], gap: u16, send: &mut dyn FnMut(Head, &[u8])) {
        let length = self.inward.length.clamp(FRAME / 4, LONGEST);
        for before in (1..=gap).rev() {
            let mut samples = [0; LONGEST];
            let next = (before == 1).then_some(payload);
            let Some(length) = self.decoder.conceal(length, next, &mut samples) else { return };
            let mut encoded = [0; LONGEST];
            encode(self.law, &samples[..length], &mut encoded);
            let back = u32::from(before) * length as u32 * RATIO;
            let timestamp = self.inward.clock.slow(head.timestamp.wrapping_sub(back));
            let sequence = head.sequence.wrapping_sub(before);
            let made = Head { payload_type: AT_LEG.concealed, marker: false, sequence, timestamp, ssrc: head.ssrc };
            send(made, &encoded[..length]);
        }
    }

    fn key_inward(&mut self, events: Events, head: Head, payload: &[u8], send: &mut dyn FnMut(Head, &[u8])) {
        let [event, flags, high, low, ..] = *payload else { return };
        let duration = u32::from(u16::from_be_bytes([high, low]));
        let same = |press: &Press| {
            let goes_on = press.full && head.timestamp == press.segment.wrapping_add(u32::from(u16::MAX));
            press.event == event && (head.timestamp == press.segment || goes_on)
        };
        let mut press = self.inward.press.take().filter(same).unwrap_or_else(|| Press {
            event,
            began: head.timestamp,
            began_slow: self.inward.clock.slow(head.timestamp),
            segment: head.timestamp,
            full: false,
        });
        press.segment = head.timestamp;
        press.full = duration == u32::from(u16::MAX);
        let whole = head.timestamp.wrapping_sub(press.began).wrapping_add(duration) / events.ratio();
        let [high, low] = u16::try_from(whole).unwrap_or(u16::MAX).to_be_bytes();
        let timestamp = press.began_slow;
        self.inward.press = Some(press);
        send(Head { payload_type: AT_LEG.keys, timestamp, ..head }, &[event, flags, high, low]);
    }

    fn says(&mut self, kind: Kind, head: Head, payload: &[u8], send: &mut dyn FnMut(Head, &[u8])) {
        let out = &mut self.outward;
        let gap = match out.next {
            Some((source, next)) if source == head.ssrc => head.sequence.wrapping_sub(next),
            _ => {
                out.clock = Clock { fast: head.timestamp, slow: head.timestamp };
                out.sequence = head.sequence;
                out.rest.clear();
                0
            }
        };
        if gap > u16::MAX - LATE {
            // Its own number was not used for anything else.
            let (mut clock, behind) = (out.clock, gap.wrapping_neg());
            if kind == Kind::Opus && behind <= out.passed {
                let (sequence, timestamp) = (out.sequence.wrapping_sub(behind), clock.fast(head.timestamp));
                send(Head { timestamp, sequence, ..head }, payload);
            }
            return;
        }
        out.next = Some((head.ssrc, head.sequence.wrapping_add(1)));
        // The encoder goes on from what it was given last: a short gap is made up for, or sounds like one to them. A longer
        // one stays visible.
        let missing = if kind == Kind::G711 { out.missing(gap, &head, payload.len()) } else { 0 };
        if missing == 0 {
            out.sequence = out.sequence.wrapping_add(gap);
        }
        if let Kind::Keys(events) = kind {
            let [event, flags, high, low, ..] = *payload else { return };
            let duration = u16::from_be_bytes([high, low]).saturating_mul(events.ratio() as u16).to_be_bytes();
            let timestamp = out.clock.fast(head.timestamp);
            let sequence = out.number();
            return send(Head { timestamp, sequence, ..head }, &[event, flags, duration[0], duration[1]]);
        }
        let fresh = out.passed > 0;
        let steps = if fresh { gap.saturating_add(1) } else { 1 };
        out.passed = if kind == Kind::Opus { out.passed.saturating_add(steps) } else { 0 };
        if kind == Kind::Opus {
            out.rest.clear();
            let timestamp = out.clock.fast(head.timestamp);
            let sequence = out.number();
            return send(Head { timestamp, sequence, ..head }, payload);
        }
        if fresh {
            let _ = self.encoder.reset_state();
            out.concealment = Concealment::new();
        }
        let before = out.rest.len();
        if missing > 0 {
            out.rest.resize(before + missing, 0);
            out.concealment.make_up(&mut out.rest[before..]);
        } else if out.expected() != head.timestamp {
            out.rest.clear();
            out.rest_from = head.timestamp;
        }
        let before = out.rest.len();
        out.rest.extend(payload.iter().take(LONGEST).map(|byte| g711::to_linear(self.law, *byte)));
        out.concealment.heard(&mut out.rest[before..]);
        let mut marker = head.marker;
        let mut from = 0;
        while out.rest.len() - from >= FRAME {
            let mut packet = [0; OCTETS];
            let encoded = self.encoder.encode_s16(&out.rest[from..from + FRAME], FRAME, &mut packet);
            let timestamp = out.clock.fast(out.rest_from);
            let sequence = out.number();
            out.rest_from = out.rest_from.wrapping_add(FRAME as u32);
            from += FRAME;
            if let Ok(length) = encoded {
                send(Head { marker: std::mem::take(&mut marker), sequence, timestamp, ..head }, &packet[..length]);
            }
        }
        out.rest.drain(..from);
    }
}

fn word(packet: &[u8], at: usize) -> Option<u32> {
    packet.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

fn put(packet: &mut [u8], at: usize, word: u32) {
    packet[at..at + 4].copy_from_slice(&word.to_be_bytes());
}

impl Outward {
    fn new() -> Self {
        Self {
            order: None,
            concealment: Concealment::new(),
            passed: 0,
            next: None,
            sequence: 0,
            clock: Clock::default(),
            rest: Vec::new(),
            rest_from: 0,
        }
    }

    /// The time of the sample that follows.
    fn expected(&self) -> u32 {
        self.rest_from.wrapping_add(self.rest.len() as u32)
    }

    /// Samples to be made up for in the place of `gap` packets before this one.
    fn missing(&self, gap: u16, head: &Head, length: usize) -> usize {
        let missing = head.timestamp.wrapping_sub(self.expected()) as usize;
        let lost = usize::from(gap) * length.clamp(FRAME, LONGEST);
        let made_up = (1..=MOST_CONCEALED).contains(&gap) && self.passed == 0 && !head.marker;
        if made_up && missing <= lost.min(LONGEST) { missing } else { 0 }
    }

    fn number(&mut self) -> u16 {
        let number = self.sequence;
        self.sequence = number.wrapping_add(1);
        number
    }
}

fn encode(law: Codec, samples: &[i16], bytes: &mut [u8]) {
    for (byte, sample) in bytes.iter_mut().zip(samples) {
        *byte = g711::of_linear(law, *sample);
    }
}
