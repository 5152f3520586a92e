//! At the leg of a phone that speaks Opus: what comes is heard by the leg in G.711 or G.722, or as it is where it is only
//! passed on, and what the leg says is said in Opus.

use std::collections::VecDeque;
use std::time::Duration;

use rtp::header::Header;

use super::conversion::{AT_LEG, Conversion, Form, Head, Spoken};
use crate::media::ear::Frame;
use crate::media::leg::{Leg, seal_and_send};
use crate::media::negotiation::Agreement;
use crate::media::outgoing::{HEADER, Numbers};
use crate::media::packet::{parse, write_header};
use crate::media::words::Codec;
use crate::moment::Moment;

/// The largest packet, as the worker reads it.
const LARGEST: usize = 2048;

/// Packets that wait at most: more than a phone sends both ways while the oldest is still worth anything.
const MOST_WAITING: usize = 64;
/// A packet that waited so long is worth nothing any more.
const WORTH: Duration = Duration::from_millis(250);

pub struct Interpreter {
    conversion: Conversion,
    form: Form,
    /// What is to be decoded or encoded yet, in the order in which it came: that takes a hundred times as long as to pass
    /// a packet on, so that others go first.
    waiting: VecDeque<Waiting>,
    /// What became of it, and waits to be heard.
    ready: VecDeque<Frame>,
}

struct Waiting {
    at: Moment,
    /// The leg says it; else it is theirs.
    is_ours: bool,
    length: usize,
    packet: [u8; LARGEST],
}

impl Interpreter {
    /// `law`: what the leg speaks. `None`: Opus cannot be had.
    fn new(spoken: Spoken, law: Codec) -> Option<Self> {
        let conversion = Conversion::new(spoken, law)?;
        Some(Self { conversion, form: Form::default(), waiting: VecDeque::new(), ready: VecDeque::new() })
    }

    /// Whether it is for [`Self::hear`].
    pub fn hears(&self, payload_type: u8) -> bool {
        self.conversion.hears(payload_type)
    }

    /// A packet of theirs. Returned is how the leg hears it where it lies; else it is heard by what [`Self::next`] has, at
    /// once or after [`Self::convert`].
    pub fn hear(&mut self, now: Moment, header: &Header, payload: &[u8]) -> Option<Header> {
        if self.form != Form::AsItIs || self.waiting.iter().any(|waiting| !waiting.is_ours) {
            self.wait(now, false, Head::of(header), payload);
            return None;
        }
        let Self { conversion, ready, .. } = self;
        let mut as_it_lies = None;
        conversion.inward(Head::of(header), payload, Form::AsItIs, &mut |head, sound| {
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

    /// A packet of the leg's; `send` is given those for them, if nothing is to be encoded for it.
    pub fn say(&mut self, now: Moment, packet: &[u8], send: &mut dyn FnMut(&[u8])) {
        let Some((header, payload)) = parse(packet) else { return };
        let passes = [AT_LEG.opus, AT_LEG.keys].contains(&header.payload_type);
        if !passes || self.waiting.iter().any(|waiting| waiting.is_ours) {
            return self.wait(now, true, Head::of(&header), &packet[payload]);
        }
        self.say_now(Head::of(&header), &packet[payload], send);
    }

    /// What comes when too much waits already is lost.
    fn wait(&mut self, at: Moment, is_ours: bool, head: Head, payload: &[u8]) {
        let length = HEADER + payload.len();
        if self.waiting.len() >= MOST_WAITING || length > LARGEST {
            return;
        }
        let mut packet = [0; LARGEST];
        head.write(&mut packet);
        packet[HEADER..length].copy_from_slice(payload);
        self.waiting.push_back(Waiting { at, is_ours, length, packet });
    }

    /// The next that waits is decoded or encoded; returned is when it came.
    fn convert(&mut self, now: Moment, send: &mut dyn FnMut(&[u8])) -> Option<Moment> {
        let waiting = loop {
            let waiting = self.waiting.pop_front()?;
            if now.since(waiting.at) < WORTH {
                break waiting;
            }
        };
        let Waiting { at, is_ours, length, packet } = waiting;
        let (header, payload) = parse(&packet[..length])?;
        let (head, payload) = (Head::of(&header), &packet[payload]);
        if is_ours {
            self.say_now(head, payload, send);
            return Some(at);
        }
        // It may not lie where it would be heard as it is any more.
        let form = if self.form == Form::AsItIs { Form::Wide } else { self.form };
        let Self { conversion, ready, .. } = self;
        conversion.inward(head, payload, form, &mut |head, sound| ready.push_back(Frame::new(head.header(), sound)));
        Some(at)
    }

    fn say_now(&mut self, head: Head, payload: &[u8], send: &mut dyn FnMut(&[u8])) {
        self.conversion.outward(head, payload, &mut |head, payload| {
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

    /// Whether something is to be decoded or encoded yet. `None`: nothing ever is.
    pub fn waits(&self) -> Option<bool> {
        self.interpreter.as_ref().map(|interpreter| !interpreter.waiting.is_empty())
    }

    /// One packet is; returned is when it came.
    pub fn convert(&mut self, now: Moment) -> Option<Moment> {
        let Self { source: Some(source), interpreter: Some(interpreter), sealed, ground, .. } = self else {
            return None;
        };
        interpreter.convert(now, &mut |packet| seal_and_send(ground, source, sealed, packet))
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
