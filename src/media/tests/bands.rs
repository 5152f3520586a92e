//! Legs with the wider band, one in Opus and one in G.722: each hears the upper band of the other, recorded or not.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use opus_pure::OpusDecoder;

use super::desk::{CALL, House, hear, packet, phone};
use super::opus::{A, B, Phone, end, join, open_with};
use crate::ids::LegId;
use crate::media::g711::{FRAME, to_linear};
use crate::media::{Codec, Command, Event, Quality, Scale, Sides, g722};
use crate::moment::Moment;
use crate::tape::{Keys, Reader};

/// Above what a telephone carries; and two of the lower band.
const HIGH: u32 = 6_000;
const HIGHER: u32 = 6_400;
const LOW: u32 = 1_000;
const LOWER: u32 = 700;
const TICK: Duration = Duration::from_millis(20);

/// A phone in G.722.
struct Wideband {
    socket: UdpSocket,
    to: SocketAddr,
    encoder: g722::WideEncoder,
    decoder: g722::WideDecoder,
    sent: u16,
}

impl Wideband {
    fn calls(house: &mut House, leg: LegId) -> Self {
        let socket = phone();
        let to = house.connect(leg, &socket, Codec::G722);
        Self { socket, to, encoder: g722::WideEncoder::new(), decoder: g722::WideDecoder::new(), sent: 0 }
    }

    fn say(&mut self, hz: u32) {
        let first = u32::from(self.sent) * 2 * FRAME as u32;
        let sample = |n: u32| (f64::from((first + n) * hz % 16_000) / 16_000.0 * std::f64::consts::TAU).sin() * 8_000.0;
        let two = |n: u32| [sample(2 * n) as i16, sample(2 * n + 1) as i16];
        let sound: Vec<u8> = (0..FRAME as u32).map(|n| self.encoder.encode(two(n))).collect();
        self.socket.send_to(&packet(9, self.sent, first / 2, 6, &sound), self.to).unwrap();
        self.sent += 1;
    }

    fn listen(&mut self) -> Vec<i16> {
        let (payload_type, _, _, sound) = hear(&self.socket);
        assert_eq!(payload_type, 9);
        sound.iter().flat_map(|byte| self.decoder.decode(*byte)).collect()
    }
}

/// The share of the power that is at `hz`.
fn share(samples: &[i16], hz: u32, rate: u32) -> f64 {
    let step = std::f64::consts::TAU * f64::from(hz) / f64::from(rate);
    let part = |wave: fn(f64) -> f64| -> f64 {
        samples.iter().enumerate().map(|(n, sample)| f64::from(*sample) * wave(step * n as f64)).sum()
    };
    let all: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    2.0 * (part(f64::cos).powi(2) + part(f64::sin).powi(2)) / (all.max(1.0) * samples.len() as f64)
}

trait Speaks {
    fn say_tone(&mut self, hz: u32);
    /// The next packet, at 16 kHz; nothing where none comes soon.
    fn next(&mut self) -> Vec<i16>;
}

impl Speaks for Phone {
    fn say_tone(&mut self, hz: u32) {
        self.say(hz);
    }

    fn next(&mut self) -> Vec<i16> {
        if comes(&self.socket) { self.listen() } else { Vec::new() }
    }
}

impl Speaks for Wideband {
    fn say_tone(&mut self, hz: u32) {
        self.say(hz);
    }

    fn next(&mut self) -> Vec<i16> {
        if comes(&self.socket) { self.listen() } else { Vec::new() }
    }
}

/// What waits too long to be converted never comes.
fn comes(socket: &UdpSocket) -> bool {
    socket.set_read_timeout(Some(2 * TICK)).unwrap();
    socket.peek(&mut [0; 1]).is_ok()
}

/// Both speak until both have heard a tenth of a second of the other's tone, `least` packets at least; never faster than
/// people do.
#[allow(clippy::disallowed_methods)]
fn hear_each_other(one: &mut impl Speaks, other: &mut impl Speaks, hz: [u32; 2], least: u32) {
    let began = Instant::now();
    let mut heard = [Vec::new(), Vec::new()];
    let has = |heard: &[i16], hz: u32| {
        let last = &heard[heard.len().saturating_sub(1_600)..];
        let loud = last.iter().filter(|sample| sample.unsigned_abs() > 4_000).count();
        last.len() == 1_600 && loud > 800 && share(last, hz, 16_000) > 0.9
    };
    let mut clear = [false; 2];
    for n in 1..2_000 {
        one.say_tone(hz[0]);
        other.say_tone(hz[1]);
        std::thread::sleep((TICK * n).saturating_sub(began.elapsed()));
        heard[0].extend(other.next());
        heard[1].extend(one.next());
        (0..2).for_each(|side| clear[side] |= has(&heard[side], hz[side]));
        if n >= least && clear == [true; 2] {
            return;
        }
    }
    panic!("{hz:?}: {clear:?}");
}

/// At 16 kHz.
fn in_opus(house: &mut House, leg: LegId) -> Phone {
    let mut phone = Phone::calls(house, leg, 96, "");
    phone.decoder = OpusDecoder::new(16_000, 1).unwrap();
    phone
}

/// They hear each other's upper band, and the lower one is recorded.
#[allow(clippy::disallowed_methods)]
fn talk<One: Speaks, Other: Speaks>(
    first_port: u16,
    calls: impl FnOnce(&mut House) -> (One, Other),
) -> Option<Quality> {
    let dir = tempfile::tempdir().unwrap();
    let start = Instant::now();
    let now = move || Moment::from_micros(1_000_000 + start.elapsed().as_micros() as u64);
    let mut house = open_with(first_port..=first_port + 19, 10, Arc::new(now));
    house.desk.keep_recordings_in(dir.path().into());
    let (mut one, mut other) = calls(&mut house);
    join(&mut house, A, B);
    hear_each_other(&mut one, &mut other, [HIGH, HIGHER], 0);
    let file = "recordings/talk.wav".to_string();
    let began = now();
    house.desk.command(Command::Record { leg: A, call: CALL, file: file.clone(), sides: Sides::Both, began });
    assert!(house.desk.poll().is_none());
    hear_each_other(&mut one, &mut other, [HIGH, HIGHER], 0);
    hear_each_other(&mut one, &mut other, [LOW, LOWER], 30);
    house.desk.command(Command::StopRecording { leg: A });
    house
        .await_event(|event| if let Event::Recorded { recording, .. } = event { Some(recording.clone()) } else { None })
        .expect("a recording");
    let bytes = Reader::open(&dir.path().join(file), &Keys::default()).unwrap().read(0, usize::MAX).unwrap();
    for (side, hz) in [(0, LOW), (1, LOWER)] {
        let sound = bytes[58 + side..].iter().step_by(2);
        let samples: Vec<i16> = sound.map(|byte| to_linear(Codec::Pcma, *byte)).collect();
        let best = samples.chunks(400).map(|part| share(part, hz, 8_000)).fold(0.0, f64::max);
        assert!(best > 0.9, "side {side}: {best}");
    }
    house.desk.command(Command::Close { leg: B });
    let quality = house.await_event(|event| match event {
        Event::Closed { leg: B, quality } => Some(*quality),
        _ => None,
    });
    end(house, &[A]);
    quality
}

#[test]
fn opus_and_g722_hear_each_others_upper_band_and_it_is_recorded_as_a_telephone_has_it() {
    let quality = talk(32_180, |house| (in_opus(house, A), Wideband::calls(house, B)));
    assert_eq!(quality.unwrap().scale, Scale::Wideband);
}

#[test]
fn two_in_opus_hear_each_others_upper_band_while_they_are_recorded() {
    talk(32_200, |house| (in_opus(house, A), in_opus(house, B)));
}
