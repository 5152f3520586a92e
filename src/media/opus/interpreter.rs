//! At the leg of a phone that speaks Opus: what comes is heard by the leg in G.711 or G.722, or as it is where it is only
//! passed on, and what the leg says is said in Opus.

use std::collections::VecDeque;

use rtp::header::Header;

use super::conversion::{AT_LEG, Conversion, Form, Head, Spoken};
use crate::media::ear::Frame;
use crate::media::leg::Leg;
use crate::media::negotiation::Agreement;
use crate::media::outgoing::{HEADER, Numbers};
use crate::media::packet::{parse, write_header};
use crate::media::words::Codec;

/// The largest packet, as the worker reads it.
const LARGEST: usize = 2048;

pub struct Interpreter {
    conversion: Conversion,
    form: Form,
    /// What became of it, and waits to be heard.
    ready: VecDeque<Frame>,
}

impl Interpreter {
    /// `law`: what the leg speaks. `None`: Opus cannot be had.
    fn new(spoken: Spoken, law: Codec) -> Option<Self> {
        Some(Self { conversion: Conversion::new(spoken, law)?, form: Form::default(), ready: VecDeque::new() })
    }

    /// Whether it is for [`Self::hear`].
    pub fn hears(&self, payload_type: u8) -> bool {
        self.conversion.hears(payload_type)
    }

    /// A packet of theirs. Returned is how the leg hears it where it lies; else it is heard by what [`Self::next`] has.
    pub fn hear(&mut self, header: &Header, payload: &[u8]) -> Option<Header> {
        let Self { conversion, form, ready } = self;
        let mut as_it_lies = None;
        conversion.inward(Head::of(header), payload, *form, &mut |head, sound| {
            if head.payload_type == AT_LEG.opus {
                as_it_lies = Some(head.header());
            } else {
                ready.push_back(Frame::new(head.header(), sound));
            }
        });
        as_it_lies
    }

    fn next(&mut self) -> Option<Frame> {
        self.ready.pop_front()
    }

    /// A packet of the leg's; `send` is given those for them.
    pub fn say(&mut self, packet: &[u8], send: &mut dyn FnMut(&[u8])) {
        let Some((header, payload)) = parse(packet) else { return };
        self.conversion.outward(Head::of(&header), &packet[payload], &mut |head, payload| {
            let mut packet = [0; LARGEST];
            let Some(room) = packet.get_mut(HEADER..HEADER + payload.len()) else { return };
            room.copy_from_slice(payload);
            head.write(&mut packet);
            send(&packet[..HEADER + payload.len()]);
        });
    }

    /// A report of the leg's, before it is sent to them.
    pub fn report(&self, packet: &mut [u8]) {
        self.conversion.control_outward(packet);
    }
}

impl Leg {
    /// Opus is spoken with its phone from now on, or no longer; `false`: it cannot be had.
    pub fn interpret(&mut self, agreement: &Agreement) -> bool {
        match (agreement.opus, &mut self.interpreter) {
            (Some(spoken), Some(interpreter)) => interpreter.conversion.change(spoken, agreement.codec),
            (Some(spoken), None) => {
                self.interpreter = Interpreter::new(spoken, agreement.codec).map(Box::new);
                return self.interpreter.is_some();
            }
            (None, _) => {
                let sent = self.interpreter.take().and_then(|interpreter| interpreter.conversion.next_sequence());
                self.outgoing.go_on(sent);
            }
        }
        true
    }

    /// In what form this leg takes what is said in Opus: as it is where it speaks it, nothing plays into it, and nobody
    /// writes down what is heard here.
    pub fn takes(&self) -> Form {
        if !self.takes_wide() {
            Form::Telephone
        } else if self.speaks(Codec::G722) || self.tap.is_some() {
            Form::Wide
        } else {
            Form::AsItIs
        }
    }

    /// Whether what is said here in G.722 keeps both its bands: this leg speaks it, or says it in Opus.
    pub fn takes_wide(&self) -> bool {
        let speaks_opus = self.agreement.is_some_and(|agreement| agreement.heard.opus.is_some());
        self.speaks(Codec::G722) || speaks_opus && self.player.is_none()
    }

    /// In what form the leg that it is joined with takes what this one says in Opus; but who writes it down or mixes it
    /// listens himself.
    pub fn wants_opus(&mut self, taken: Form) {
        let form = if taken == Form::AsItIs && self.is_listened_to() { self.listened_in() } else { taken };
        if let Some(interpreter) = &mut self.interpreter {
            interpreter.form = form;
        }
        if let Some(wish) = &self.ground.opus {
            wish.set(form);
        }
    }

    /// Nothing is gained by more than a telephone's band where nobody else hears it.
    fn listened_in(&self) -> Form {
        if self.joined.is_some() { Form::Wide } else { Form::Telephone }
    }

    /// What became of the last packet and waits to be heard.
    pub fn interpreted(&mut self) -> Option<Frame> {
        self.interpreter.as_mut().and_then(|interpreter| interpreter.next())
    }
}

impl Head {
    pub fn of(header: &Header) -> Self {
        Self {
            payload_type: header.payload_type,
            marker: header.marker,
            sequence: header.sequence_number,
            timestamp: header.timestamp,
            ssrc: header.ssrc,
        }
    }

    fn header(self) -> Header {
        let Self { payload_type, marker, sequence, timestamp, ssrc } = self;
        Header { payload_type, marker, sequence_number: sequence, timestamp, ssrc, ..Header::default() }
    }

    /// At the beginning of a packet; there is room.
    pub fn write(self, packet: &mut [u8]) {
        let Self { payload_type, marker, sequence, timestamp, ssrc } = self;
        write_header(&mut packet[..HEADER], payload_type, Numbers { sequence, timestamp, marker }, ssrc);
    }
}
