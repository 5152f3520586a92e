//! At the leg of a phone that speaks Opus: what comes is heard by the leg in G.711, or as it is where it is only passed
//! on, and what the leg says is said in Opus.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use rtp::header::Header;

use super::conversion::{AT_LEG, Conversion, Head, Spoken};
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
    /// What comes is not decoded.
    as_it_is: bool,
    /// What became of it, and waits to be heard.
    ready: VecDeque<Frame>,
}

impl Interpreter {
    /// `law`: what the leg speaks. `None`: Opus cannot be had.
    fn new(spoken: Spoken, law: Codec) -> Option<Self> {
        Some(Self { conversion: Conversion::new(spoken, law)?, as_it_is: false, ready: VecDeque::new() })
    }

    /// Whether it is for [`Self::hear`].
    pub fn hears(&self, payload_type: u8) -> bool {
        self.conversion.hears(payload_type)
    }

    /// A packet of theirs. Returned is how the leg hears it where it lies; else it is heard by what [`Self::next`] has.
    pub fn hear(&mut self, header: &Header, payload: &[u8]) -> Option<Header> {
        let Self { conversion, as_it_is, ready } = self;
        let mut as_it_lies = None;
        conversion.inward(Head::of(header), payload, *as_it_is, &mut |head, sound| {
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

    /// Whether Opus can be sent here as it is: nothing plays into it, and nobody writes down what is heard here.
    pub fn takes_opus(&self) -> bool {
        let speaks_it = self.agreement.is_some_and(|agreement| agreement.heard.opus.is_some());
        speaks_it && self.player.is_none() && self.tap.is_none()
    }

    /// What this leg says is wanted as it comes, for the leg it is joined with takes it so, or there is none; but who
    /// writes it down or mixes it listens himself.
    pub fn wants_opus(&mut self, taken: bool) {
        let as_it_is = taken && !self.is_listened_to();
        if let Some(interpreter) = &mut self.interpreter {
            interpreter.as_it_is = as_it_is;
        }
        if let Some(opus) = &self.ground.opus {
            opus.store(as_it_is, Ordering::Relaxed);
        }
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
