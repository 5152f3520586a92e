//! What a leg says in G.722, for those who do not take it as it is: a leg in another codec, a mix, a recording. It is put
//! in order, decoded, and handed on in A-law. Costs nothing where nobody needs it.

use std::collections::VecDeque;
use std::ops::Range;

use rtp::header::Header;

use super::g711::linear_to_pcma;
use super::g722::Decoder;
use super::in_order::{InOrder, LONGEST};
use super::leg::{Leg, What};
use super::outgoing::HEADER;
use super::recorder::Channel;
use super::tones::Tones;
use super::words::{Codec, Event};
use crate::moment::Moment;

/// After a longer gap the decoder knows nothing of what comes.
const GAP: u16 = 50;

pub struct Ear {
    order: InOrder<Place>,
    decoder: Decoder,
    expected: Option<(u32, u16)>,
    ready: VecDeque<Frame>,
}

/// Where a packet stands in its stream.
#[derive(Clone, Copy)]
struct Place {
    ssrc: u32,
    timestamp: u32,
    marker: bool,
}

/// One packet in G.711, with room for its header before it.
pub struct Frame {
    pub header: Header,
    pub packet: [u8; HEADER + LONGEST],
    length: usize,
}

impl Frame {
    /// What is longer than any packet of sound is cut off.
    pub fn new(header: Header, sound: &[u8]) -> Self {
        let mut frame = Frame { header, packet: [0; HEADER + LONGEST], length: sound.len().min(LONGEST) };
        frame.packet[HEADER..HEADER + frame.length].copy_from_slice(&sound[..frame.length]);
        frame
    }

    pub fn payload(&self) -> Range<usize> {
        HEADER..HEADER + self.length
    }

    pub fn sound(&self) -> &[u8] {
        &self.packet[self.payload()]
    }
}

impl Ear {
    pub fn new() -> Self {
        Self { order: InOrder::new(), decoder: Decoder::new(), expected: None, ready: VecDeque::new() }
    }

    /// A packet of the leg's; of what is no sound the number alone is known, with no `payload`.
    pub fn hear(&mut self, header: &Header, payload: &[u8]) {
        let Self { order, decoder, expected, ready } = self;
        let Header { ssrc, timestamp, marker, .. } = *header;
        let place = Place { ssrc, timestamp, marker };
        order.put(ssrc, header.sequence_number, place, payload, &mut |sequence, place, payload| {
            let near = |(source, next): &(u32, u16)| *source == place.ssrc && sequence.wrapping_sub(*next) < GAP;
            if !expected.as_ref().is_some_and(near) {
                *decoder = Decoder::new();
            }
            *expected = Some((place.ssrc, sequence.wrapping_add(1)));
            if payload.is_empty() {
                return;
            }
            let Place { ssrc, timestamp, marker } = place;
            let header = Header { ssrc, timestamp, marker, sequence_number: sequence, ..Header::default() };
            let mut frame = Frame { header, packet: [0; HEADER + LONGEST], length: payload.len().min(LONGEST) };
            for (byte, code) in frame.packet[HEADER..].iter_mut().zip(payload) {
                *byte = linear_to_pcma(decoder.decode(*code));
            }
            ready.push_back(frame);
        });
    }

    pub fn take(&mut self) -> Option<Frame> {
        self.ready.pop_front()
    }
}

impl Leg {
    /// Sound of this leg, which those hear who write it down or mix it.
    pub fn listen(&mut self, now: Moment, header: &Header, codec: Codec, sound: &[u8]) -> Option<char> {
        if let Some(capture) = &mut self.capture {
            capture.hear(header.timestamp, codec, sound);
        }
        if let Some(tap) = &mut self.tap
            && (tap.hears_all() || self.joined.is_some())
        {
            tap.hear(Channel::Left, now, header.ssrc, header.timestamp, codec, sound);
        }
        if let Some(mixed) = &mut self.mixed {
            mixed.says(header.ssrc, header.timestamp, codec, sound);
        }
        let may_have_keys = self.may_have_keys();
        let tones = self.tones.as_mut().filter(|_| may_have_keys);
        tones.and_then(|tones| tones.hear(codec, sound)).and_then(|key| self.keys.tone(now, key))
    }

    pub fn hear_keys(&mut self) {
        self.tones = self.tones.take().or_else(|| Some(Box::new(Tones::new())));
    }

    /// G.722, if somebody wants it decoded; keys and comfort noise have numbers of the same stream.
    pub fn decode(&mut self, header: &Header, codec: Option<Codec>, payload: &[u8]) {
        let wanted = codec == Some(Codec::G722) && (self.wanted_decoded || self.is_listened_to());
        match (codec, &mut self.ear) {
            _ if wanted => self.ear.get_or_insert_with(|| Box::new(Ear::new())).hear(header, payload),
            (None, Some(ear)) => ear.hear(header, &[]),
            _ => self.ear = None,
        }
    }

    /// What of it is decoded and waits to be delivered.
    pub fn decoded(&mut self) -> Option<Frame> {
        self.ear.as_mut().and_then(|ear| ear.take())
    }

    /// Whether somebody here listens to what this leg says.
    pub fn is_listened_to(&self) -> bool {
        self.capture.is_some() || self.tap.is_some() || self.mixed.is_some() || self.may_have_keys()
    }

    /// Who has RTP events says keys with them: what sounds like one is somebody's voice or a recording.
    fn may_have_keys(&self) -> bool {
        self.tones.is_some() && self.agreement.is_some_and(|agreement| agreement.heard.keys.is_none())
    }

    pub fn speaks(&self, codec: Codec) -> bool {
        self.agreement.is_some_and(|agreement| agreement.codec == codec)
    }

    /// Whether what is said to this leg in G.722 is decoded: it takes a narrower codec, or what it hears is written down.
    pub fn wants_decoded(&self) -> bool {
        !self.takes_wide() || self.tap.is_some()
    }
}

/// What a leg said is decoded now: those who listen here are given it, and the leg it is joined with.
pub fn deliver(now: Moment, slots: &mut [Option<Box<Leg>>], slot: usize, events: &mut Vec<Event>) {
    while let Some(leg) = slots.get_mut(slot).and_then(Option::as_mut)
        && let Some(mut frame) = leg.decoded()
    {
        let (header, payload) = (frame.header.clone(), frame.payload());
        let key = leg.listen(now, &header, Codec::Pcma, frame.sound());
        events.extend(key.map(|key| Event::Key { leg: leg.id, key }));
        let Some(peer) = leg.joined else { continue };
        let Some(peer) = slots.get_mut(peer).and_then(Option::as_mut) else { continue };
        if let Some(tap) = &mut peer.tap {
            tap.hear(Channel::Right, now, header.ssrc, header.timestamp, Codec::Pcma, frame.sound());
        }
        if !peer.takes_wide() {
            peer.pass_on(now, &mut frame.packet, payload, &header, What::Sound(Codec::Pcma));
        }
    }
}
