//! What comes from somebody who speaks Opus: decoded and in G.711 or G.722, or as it came; what was lost is made up for.

use super::conversion::{AT_LEG, Clock, Events, Head, Kind, LATE, LONGEST, MOST_CONCEALED, Order, RATIO};
use super::decoder::Decoder;
use crate::media::g711::{self, FRAME};
use crate::media::g722::WideEncoder;
use crate::media::negotiation::static_type;
use crate::media::words::Codec;

pub struct Inward {
    /// Of what is decoded.
    pub order: Order,
    decoder: Decoder,
    /// Of what is heard in G.722.
    wide: WideEncoder,
    /// What came was not decoded: the decoder knows nothing of it.
    passed: bool,
    /// The source, and what is expected of it next.
    next: Option<(u32, u16)>,
    /// The same moment by both clocks.
    clock: Clock,
    /// Ticks of the last packet.
    length: usize,
    press: Option<Press>,
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

impl Inward {
    /// `None`: Opus cannot be had.
    pub fn new() -> Option<Self> {
        Some(Self {
            order: None,
            decoder: Decoder::new()?,
            wide: WideEncoder::new(),
            passed: false,
            next: None,
            clock: Clock::default(),
            length: FRAME,
            press: None,
        })
    }

    /// A packet whose turn it is. `law`: of G.711, that the leg speaks.
    pub fn heard(&mut self, law: Codec, kind: Kind, head: Head, payload: &[u8], send: &mut dyn FnMut(Head, &[u8])) {
        let Head { sequence, ssrc, .. } = head;
        let gap = match self.next {
            Some((source, next)) if source == ssrc => sequence.wrapping_sub(next),
            _ => {
                self.clock = Clock { fast: head.timestamp, slow: head.timestamp };
                0
            }
        };
        // It came late, or twice: what it says was made up for, unless it is only passed on.
        if gap > u16::MAX - LATE {
            if kind == Kind::Opus {
                let mut clock = self.clock;
                let timestamp = clock.slow(head.timestamp);
                send(Head { payload_type: AT_LEG.opus, timestamp, ..head }, payload);
            }
            return;
        }
        let is_keys = matches!(kind, Kind::Keys(_));
        let fresh = !is_keys && std::mem::replace(&mut self.passed, kind == Kind::Opus);
        if let Kind::Sound { wide } = kind {
            if fresh {
                self.decoder.reset();
            } else if (1..=MOST_CONCEALED).contains(&gap) {
                self.conceal(law, wide, head, payload, gap, send);
            }
        }
        self.next = Some((ssrc, sequence.wrapping_add(1)));
        match kind {
            // To the decoder nothing is a loss to be made up for; here it is padding.
            Kind::Sound { .. } if payload.is_empty() => {}
            Kind::Sound { wide } => {
                let mut samples = [0; 2 * LONGEST];
                let Some(length) = self.decoder.decode(payload, wide, &mut samples) else { return };
                self.length = length;
                let timestamp = self.clock.slow(head.timestamp);
                let payload_type = if wide { AT_LEG.wide } else { static_type(law) };
                self.encode(law, wide, &samples, length, |sound| {
                    send(Head { payload_type, timestamp, ..head }, sound);
                });
            }
            Kind::Keys(events) => self.key(events, head, payload, send),
            Kind::Opus => {
                let timestamp = self.clock.slow(head.timestamp);
                send(Head { payload_type: AT_LEG.opus, timestamp, ..head }, payload);
            }
        }
    }

    /// Makes up for the `gap` packets before this one; it may tell of the last of them itself.
    fn conceal(
        &mut self,
        law: Codec,
        wide: bool,
        head: Head,
        payload: &[u8],
        gap: u16,
        send: &mut dyn FnMut(Head, &[u8]),
    ) {
        let length = self.length.clamp(FRAME / 4, LONGEST);
        for before in (1..=gap).rev() {
            let mut samples = [0; 2 * LONGEST];
            let next = (before == 1).then_some(payload);
            let Some(length) = self.decoder.conceal(length, next, wide, &mut samples) else { return };
            let back = u32::from(before) * length as u32 * RATIO;
            let timestamp = self.clock.slow(head.timestamp.wrapping_sub(back));
            let sequence = head.sequence.wrapping_sub(before);
            let payload_type = if wide { AT_LEG.concealed_wide } else { AT_LEG.concealed };
            let made = Head { payload_type, marker: false, sequence, timestamp, ssrc: head.ssrc };
            self.encode(law, wide, &samples, length, |sound| send(made, sound));
        }
    }

    /// So many ticks of what was decoded, as the leg takes it.
    fn encode(&mut self, law: Codec, wide: bool, samples: &[i16], length: usize, send: impl FnOnce(&[u8])) {
        let mut encoded = [0; LONGEST];
        let bytes = &mut encoded[..length];
        if wide {
            for (byte, two) in bytes.iter_mut().zip(samples.chunks_exact(2)) {
                *byte = self.wide.encode([two[0], two[1]]);
            }
        } else {
            for (byte, sample) in bytes.iter_mut().zip(samples) {
                *byte = g711::of_linear(law, *sample);
            }
        }
        send(bytes);
    }

    fn key(&mut self, events: Events, head: Head, payload: &[u8], send: &mut dyn FnMut(Head, &[u8])) {
        let [event, flags, high, low, ..] = *payload else { return };
        let duration = u32::from(u16::from_be_bytes([high, low]));
        let same = |press: &Press| {
            let goes_on = press.full && head.timestamp == press.segment.wrapping_add(u32::from(u16::MAX));
            press.event == event && (head.timestamp == press.segment || goes_on)
        };
        let mut press = self.press.take().filter(same).unwrap_or_else(|| Press {
            event,
            began: head.timestamp,
            began_slow: self.clock.slow(head.timestamp),
            segment: head.timestamp,
            full: false,
        });
        press.segment = head.timestamp;
        press.full = duration == u32::from(u16::MAX);
        let whole = head.timestamp.wrapping_sub(press.began).wrapping_add(duration) / events.ratio();
        let [high, low] = u16::try_from(whole).unwrap_or(u16::MAX).to_be_bytes();
        let timestamp = press.began_slow;
        self.press = Some(press);
        send(Head { payload_type: AT_LEG.keys, timestamp, ..head }, &[event, flags, high, low]);
    }
}
