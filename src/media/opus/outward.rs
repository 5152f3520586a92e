//! What is said to somebody who speaks Opus: encoded from G.711 or G.722, or as it came. What is encoded is mono, in packets
//! of 20 ms, at 8 kHz or 16 kHz, with in-band FEC for whoever can use it.

use opus_pure::{Application, OpusEncoder};

use super::conversion::{Clock, Head, Kind, LATE, LONGEST, MOST_CONCEALED, Order, Spoken};
use crate::media::concealment::Concealment;
use crate::media::g711::{self, FRAME};
use crate::media::g722::WideDecoder;
use crate::media::words::Codec;

/// Loss for which redundancy is sent along.
const EXPECTED_LOSS: i32 = 5;
/// At 8 kHz and at 16 kHz, where each step costs twice as much: both take about 0.6 % of a core.
const COMPLEXITY: [i32; 2] = [4, 2];
const OCTETS: usize = 400;

pub struct Outward {
    /// Of what is encoded.
    pub order: Order,
    encoder: OpusEncoder,
    /// It encodes sound of G.722, which is at 16 kHz.
    wide: bool,
    decoder: WideDecoder,
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

fn encoder(wide: bool, bitrate: i32, uses_fec: bool) -> Option<OpusEncoder> {
    let rate = 8_000 * scale(wide) as i32;
    let mut encoder = OpusEncoder::new(rate, 1, Application::Voip).ok()?;
    (encoder.bitrate_bps, encoder.complexity) = (bitrate, COMPLEXITY[usize::from(wide)]);
    (encoder.use_inband_fec, encoder.packet_loss_perc) = (uses_fec, EXPECTED_LOSS);
    Some(encoder)
}

/// Samples of a tick.
fn scale(wide: bool) -> usize {
    if wide { 2 } else { 1 }
}

impl Outward {
    /// `None`: Opus cannot be had.
    pub fn new(spoken: &Spoken) -> Option<Self> {
        Some(Self {
            order: None,
            encoder: encoder(false, spoken.bitrate(), spoken.uses_fec)?,
            wide: false,
            decoder: WideDecoder::new(),
            concealment: Concealment::new(scale(false)),
            passed: 0,
            next: None,
            sequence: 0,
            clock: Clock::default(),
            rest: Vec::new(),
            rest_from: 0,
        })
    }

    pub fn change(&mut self, spoken: &Spoken) {
        (self.encoder.bitrate_bps, self.encoder.use_inband_fec) = (spoken.bitrate(), spoken.uses_fec);
    }

    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// What was said last passed as it came.
    pub fn passes(&self) -> bool {
        self.passed > 0
    }

    pub fn next_sequence(&self) -> Option<u16> {
        self.next.map(|_| self.sequence)
    }

    /// A packet whose turn it is. `law`: of G.711, that the leg speaks.
    pub fn says(&mut self, law: Codec, kind: Kind, head: Head, payload: &[u8], send: &mut dyn FnMut(Head, &[u8])) {
        let gap = match self.next {
            Some((source, next)) if source == head.ssrc => head.sequence.wrapping_sub(next),
            _ => {
                self.clock = Clock { fast: head.timestamp, slow: head.timestamp };
                self.sequence = head.sequence;
                self.rest.clear();
                0
            }
        };
        if gap > u16::MAX - LATE {
            // Its own number was not used for anything else.
            let (mut clock, behind) = (self.clock, gap.wrapping_neg());
            if kind == Kind::Opus && behind <= self.passed {
                let (sequence, timestamp) = (self.sequence.wrapping_sub(behind), clock.fast(head.timestamp));
                send(Head { timestamp, sequence, ..head }, payload);
            }
            return;
        }
        self.next = Some((head.ssrc, head.sequence.wrapping_add(1)));
        // The encoder goes on from what it was given last: a short gap is made up for, or sounds like one to them. A longer
        // one stays visible.
        let missing = match kind {
            Kind::Sound { wide } if wide == self.wide => self.missing(gap, &head, payload.len()),
            _ => 0,
        };
        if missing == 0 {
            self.sequence = self.sequence.wrapping_add(gap);
        }
        if let Kind::Keys(events) = kind {
            let [event, flags, high, low, ..] = *payload else { return };
            let duration = u16::from_be_bytes([high, low]).saturating_mul(events.ratio() as u16).to_be_bytes();
            let timestamp = self.clock.fast(head.timestamp);
            let sequence = self.number();
            return send(Head { timestamp, sequence, ..head }, &[event, flags, duration[0], duration[1]]);
        }
        let fresh = self.passed > 0;
        let steps = if fresh { gap.saturating_add(1) } else { 1 };
        let Kind::Sound { wide } = kind else {
            self.passed = self.passed.saturating_add(steps);
            self.rest.clear();
            let timestamp = self.clock.fast(head.timestamp);
            let sequence = self.number();
            return send(Head { timestamp, sequence, ..head }, payload);
        };
        self.passed = 0;
        if wide != self.wide {
            let OpusEncoder { bitrate_bps, use_inband_fec, .. } = self.encoder;
            let Some(encoder) = encoder(wide, bitrate_bps, use_inband_fec) else { return };
            (self.encoder, self.wide, self.decoder) = (encoder, wide, WideDecoder::new());
            self.concealment = Concealment::new(scale(wide));
            self.rest.clear();
        } else if fresh {
            let _ = self.encoder.reset_state();
            self.concealment = Concealment::new(scale(wide));
        }
        let before = self.rest.len();
        if missing > 0 {
            self.rest.resize(before + missing * scale(wide), 0);
            self.concealment.make_up(&mut self.rest[before..]);
        } else if self.expected() != head.timestamp {
            self.rest.clear();
            self.rest_from = head.timestamp;
        }
        self.encode(law, head, payload, send);
    }

    /// Sound, in whole frames; what is left over waits.
    fn encode(&mut self, law: Codec, head: Head, payload: &[u8], send: &mut dyn FnMut(Head, &[u8])) {
        let before = self.rest.len();
        let bytes = payload.iter().take(LONGEST);
        match self.wide {
            true => self.rest.extend(bytes.flat_map(|byte| self.decoder.decode(*byte))),
            false => self.rest.extend(bytes.map(|byte| g711::to_linear(law, *byte))),
        }
        self.concealment.heard(&mut self.rest[before..]);
        let frame = FRAME * scale(self.wide);
        let mut marker = head.marker;
        let mut from = 0;
        while self.rest.len() - from >= frame {
            let mut packet = [0; OCTETS];
            let encoded = self.encoder.encode_s16(&self.rest[from..from + frame], frame, &mut packet);
            let timestamp = self.clock.fast(self.rest_from);
            let sequence = self.number();
            self.rest_from = self.rest_from.wrapping_add(FRAME as u32);
            from += frame;
            if let Ok(length) = encoded {
                send(Head { marker: std::mem::take(&mut marker), sequence, timestamp, ..head }, &packet[..length]);
            }
        }
        self.rest.drain(..from);
    }

    /// The time of the sample that follows.
    fn expected(&self) -> u32 {
        self.rest_from.wrapping_add((self.rest.len() / scale(self.wide)) as u32)
    }

    /// Ticks to be made up for in the place of `gap` packets before this one.
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
