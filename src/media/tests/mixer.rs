//! Three phones who each say a tone: who hears whom, and what changes of the table do to the streams. Legs on real
//! sockets, time in steps of 20 ms.

use std::net::UdpSocket;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::ids::LegId;
use crate::media::ear;
use crate::media::g711::{FRAME, of_linear, to_linear};
use crate::media::g722;
use crate::media::leg::{Heard, Leg};
use crate::media::mixing::{Mixes, mix};
use crate::media::negotiation::{Local, Negotiation, static_type};
use crate::media::player::Player;
use crate::media::prompts::Clip;
use crate::media::recorder::{Channel, Tap};
use crate::media::socket::{Ground, Socket};
use crate::media::{Codec, Event, Sides};
use crate::moment::Moment;

const HZ: [u32; 3] = [440, 700, 1130];
const CODECS: [Codec; 3] = [Codec::Pcma, Codec::Pcmu, Codec::G722];
const TICK: Duration = Duration::from_millis(20);
const AMPLITUDE: f64 = 6000.0;
/// The share of a tone that is there, and of one that is not: what G.711 adds is noise.
const THERE: f64 = 0.6;
const NOT_THERE: f64 = 0.05;

/// A phone: what it says, and what it has heard.
struct Phone {
    socket: UdpSocket,
    hz: u32,
    codec: Codec,
    sequence: u16,
    timestamp: u32,
    amplitude: f64,
    encoder: g722::Encoder,
    /// Samples said.
    said: u32,
    /// Sequence, timestamp, SSRC and sound of what came.
    heard: Vec<(u16, u32, u32, Vec<u8>)>,
}

struct Table {
    legs: Vec<Option<Box<Leg>>>,
    phones: Vec<Phone>,
    mixes: Mixes,
    now: Moment,
    events: Vec<Event>,
}

fn table() -> Table {
    let now = Moment::from_micros(1_000_000);
    let mut rng = StdRng::seed_from_u64(3);
    let (mut legs, mut phones) = (Vec::new(), Vec::new());
    for n in 0..3_usize {
        let socket = || UdpSocket::bind("127.0.0.1:0").unwrap();
        let phone = socket();
        phone.set_nonblocking(true).unwrap();
        let local = Local { address: "127.0.0.1".parse().unwrap(), rtp_port: 4000, session_id: 1 };
        let payload_type = static_type(CODECS[n]);
        let port = phone.local_addr().unwrap().port();
        let sdp = format!(
            "v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio {port} RTP/AVP {payload_type} 101\r\n\
             a=rtpmap:101 telephone-event/8000\r\n"
        );
        let (_, agreement) = Negotiation::new(local, &CODECS).take_offer(sdp.as_bytes()).unwrap();
        let (rtp, rtcp) = (Socket::Udp(socket()), Some(Socket::Udp(socket())));
        let ground = Ground { rtp, rtcp, port: None, sender: None, opus: None };
        let mut leg = Leg::new(LegId(n as u64), ground, now, &mut rng);
        leg.agree(now, agreement, None);
        legs.push(Some(Box::new(leg)));
        let (sequence, timestamp) = (65_500 + n as u16, u32::MAX - 9_000 * n as u32);
        let (hz, codec, amplitude) = (HZ[n], CODECS[n], AMPLITUDE);
        let encoder = g722::Encoder::new();
        let (said, heard) = (0, Vec::new());
        phones.push(Phone { socket: phone, hz, codec, sequence, timestamp, amplitude, encoder, said, heard });
    }
    Table { legs, phones, mixes: Mixes::default(), now, events: Vec::new() }
}

impl Phone {
    fn packet(&mut self) -> Vec<u8> {
        let mut packet = vec![0x80, static_type(self.codec)];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(self.timestamp.to_be_bytes());
        packet.extend(self.hz.to_be_bytes());
        packet.extend((0..FRAME as u32).map(|n| {
            let phase = f64::from(self.said + n) * f64::from(self.hz) / 8000.0;
            let sample = ((phase * std::f64::consts::TAU).sin() * self.amplitude) as i16;
            if self.codec == Codec::G722 { self.encoder.encode(sample) } else { of_linear(self.codec, sample) }
        }));
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(FRAME as u32);
        self.said += FRAME as u32;
        packet
    }

    fn listen(&mut self) {
        let mut buffer = [0; 2048];
        while let Ok((length, _)) = self.socket.recv_from(&mut buffer) {
            if !(192..=223).contains(&buffer[1]) {
                let word = |at: usize| u32::from_be_bytes(buffer[at..at + 4].try_into().unwrap());
                let sequence = u16::from_be_bytes([buffer[2], buffer[3]]);
                self.heard.push((sequence, word(4), word(8), buffer[12..length].to_vec()));
            }
        }
    }

    /// What was heard from the packet `from` on.
    fn samples(&self, from: usize) -> Vec<i16> {
        let mut decoder = g722::Decoder::new();
        let mut linear = |byte: &u8| match self.codec {
            Codec::G722 => decoder.decode(*byte),
            codec => to_linear(codec, *byte),
        };
        let samples: Vec<i16> = self.heard.iter().flat_map(|(_, _, _, sound)| sound).map(&mut linear).collect();
        let before: usize = self.heard[..from].iter().map(|(_, _, _, sound)| sound.len()).sum();
        samples[before..].to_vec()
    }

    /// The share of each tone in what was heard from the packet `from` on.
    fn tones(&self, from: usize) -> [f64; 3] {
        let samples: Vec<f64> = self.samples(from).into_iter().map(f64::from).collect();
        // A tone at full strength is 1.
        HZ.map(|hz| {
            let step = std::f64::consts::TAU * f64::from(hz) / 8000.0;
            let part = |wave: fn(f64) -> f64| -> f64 {
                samples.iter().enumerate().map(|(n, sample)| sample * wave(step * n as f64)).sum()
            };
            part(f64::cos).hypot(part(f64::sin)) * 2.0 / samples.len() as f64 / AMPLITUDE
        })
    }

    /// How many packets in a row were silent, at most.
    fn longest_silence(&self, from: usize) -> usize {
        let silent = |sound: &[i16]| sound.iter().all(|sample| sample.abs() < 100);
        let mut run = 0;
        let samples = self.samples(from);
        let runs = samples.chunks(FRAME).map(|sound| {
            run = if silent(sound) { run + 1 } else { 0 };
            run
        });
        runs.max().unwrap_or(0)
    }

    /// RFC 3550 §5.1: one source, sequence numbers without a gap, and a clock that goes on by what was sent.
    fn check_stream(&self) {
        for pair in self.heard.windows(2) {
            let [(before, then, of, _), (after, now, same, _)] = pair else { unreachable!() };
            assert_eq!((after.wrapping_sub(*before), of), (1, same));
            assert_eq!(now.wrapping_sub(*then), FRAME as u32, "at {before}");
        }
    }
}

impl Table {
    /// So many packets of everybody.
    fn pass(&mut self, ticks: usize) {
        for _ in 0..ticks {
            for n in 0..3 {
                let mut packet = self.phones[n].packet();
                let from = self.phones[n].socket.local_addr().unwrap();
                self.arrives(n, from, &mut packet);
            }
            self.now = self.now + TICK;
            self.mixes.listen(&mut self.legs);
            let mut number = 0;
            while let Some(slot) = self.mixes.member(number) {
                number += 1;
                mix(self.now, &mut self.legs, slot, &mut self.events);
            }
            self.phones.iter_mut().for_each(Phone::listen);
        }
    }

    fn arrives(&mut self, n: usize, from: std::net::SocketAddr, packet: &mut [u8]) {
        let peer = self.legs[n].as_ref().and_then(|leg| self.legs[leg.joined?].as_ref());
        let wanted = peer.is_some_and(|peer| peer.wants_decoded());
        let Some(leg) = self.legs[n].as_mut() else { return };
        leg.wanted_decoded = wanted;
        match leg.receive(self.now, from, packet) {
            Heard::Pass { header, payload, what, .. } => {
                let peer = leg.joined.unwrap();
                self.legs[peer].as_mut().unwrap().pass_on(self.now, packet, payload, &header, what);
            }
            Heard::Key(key) | Heard::Pressed(key) => self.events.push(Event::Key { leg: LegId(n as u64), key }),
            Heard::Nothing => {}
        }
        ear::deliver(self.now, &mut self.legs, n, &mut self.events);
    }

    fn join(&mut self, a: usize, b: usize) {
        for (n, peer) in [(a, b), (b, a)] {
            self.mixes.leave(&mut self.legs, n);
            self.legs[n].as_mut().unwrap().join(self.now, peer);
        }
    }

    fn mix(&mut self, legs: &[usize], hears: &[(usize, usize)]) {
        for leg in legs {
            self.legs[*leg].as_mut().unwrap().part();
        }
        self.mixes.set(&mut self.legs, legs, hears);
    }

    /// Everybody hears exactly these tones, by their numbers.
    fn check(&self, from: [usize; 3], expected: [&[usize]; 3]) {
        for ear in 0..3 {
            let tones = self.phones[ear].tones(from[ear]);
            for (mouth, share) in tones.into_iter().enumerate() {
                let is_heard = expected[ear].contains(&mouth);
                let fits = if is_heard { (THERE..1.1).contains(&share) } else { share < NOT_THERE };
                assert!(fits, "{ear} hears {tones:?}, expected {:?}", expected[ear]);
            }
        }
    }

    fn heard(&self) -> [usize; 3] {
        [0, 1, 2].map(|n| self.phones[n].heard.len())
    }
}

const EVERYBODY: [(usize, usize); 6] = [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)];

#[test]
fn each_of_three_hears_exactly_the_two_others() {
    let mut table = table();
    table.mix(&[0, 1, 2], &EVERYBODY);
    table.pass(10);
    let from = table.heard();
    table.pass(100);
    table.check(from, [&[1, 2], &[0, 2], &[0, 1]]);
    table.phones.iter().for_each(Phone::check_stream);
}

#[test]
fn the_table_says_who_hears_whom() {
    let mut table = table();
    // 2 listens to both; 0 and 1 know nothing of it.
    table.mix(&[0, 1, 2], &[(0, 1), (1, 0), (2, 0), (2, 1)]);
    table.pass(10);
    let from = table.heard();
    table.pass(50);
    table.check(from, [&[1], &[0], &[0, 1]]);
    // 2 whispers to 1.
    table.mix(&[0, 1, 2], &[(0, 1), (1, 0), (1, 2), (2, 0), (2, 1)]);
    table.pass(10);
    let from = table.heard();
    table.pass(50);
    table.check(from, [&[1], &[0, 2], &[0, 1]]);
    // 0 leaves; the others are as they were.
    table.mixes.leave(&mut table.legs, 0);
    table.legs[0] = None;
    table.pass(10);
    let from = table.heard();
    table.pass(50);
    let tones = table.phones[1].tones(from[1]);
    assert!(tones[2] > THERE && tones[0] < NOT_THERE, "{tones:?}");
    table.phones.iter().for_each(Phone::check_stream);
}

#[test]
fn from_two_joined_legs_to_a_mix_and_back_nothing_jumps() {
    let mut table = table();
    table.join(0, 1);
    table.pass(30);
    let from = table.heard();
    table.mix(&[0, 1, 2], &EVERYBODY);
    table.pass(60);
    assert!(table.phones[0].longest_silence(from[0]) <= 2);
    let from = table.heard();
    table.check([from[0] - 50, from[1] - 50, from[2] - 50], [&[1, 2], &[0, 2], &[0, 1]]);
    // The second hangs up; the others stay joined.
    table.mixes.leave(&mut table.legs, 1);
    table.legs[1] = None;
    table.join(0, 2);
    table.pass(60);
    for (n, mouth) in [(0, 2), (2, 0)] {
        assert_eq!(table.phones[n].longest_silence(from[n]), 0);
        let tones = table.phones[n].tones(from[n]);
        assert!(tones[mouth] > THERE && tones[1] < NOT_THERE, "{n} hears {tones:?}");
        table.phones[n].check_stream();
    }
}

#[test]
fn who_is_joined_after_a_mix_misses_nothing_of_what_was_said_in_it() {
    let mut table = table();
    table.mix(&[0, 1, 2], &EVERYBODY);
    table.pass(10);
    table.mixes.leave(&mut table.legs, 2);
    table.legs[2] = None;
    table.pass(10);
    let from = table.heard();
    table.pass(40);
    table.mixes.hand_over(table.now, &mut table.legs, [0, 1]);
    [0, 1].into_iter().for_each(|member| table.mixes.leave(&mut table.legs, member));
    table.join(0, 1);
    table.pass(40);
    for (n, mouth) in [(0, 1), (1, 0)] {
        // The tone goes on where it was: 40 ms less would be another phase, and half of it would be taken from the other.
        assert!(table.phones[n].tones(from[n])[mouth] > 0.95, "{n}: {:?}", table.phones[n].tones(from[n]));
        table.phones[n].check_stream();
    }
}

#[test]
fn what_plays_on_a_leg_is_heard_beside_the_others() {
    let mut table = table();
    table.mix(&[0, 1], &[(0, 1), (1, 0)]);
    let tone: Vec<i16> = (0..10 * FRAME as u32)
        .map(|n| ((f64::from(n) * f64::from(HZ[2]) / 8000.0 * std::f64::consts::TAU).sin() * AMPLITUDE) as i16)
        .collect();
    let tone = std::sync::Arc::new(Clip::of_samples(&tone));
    table.legs[0].as_mut().unwrap().player = Some(Player::new(7, [tone].into(), None));
    table.pass(3);
    let from = table.heard();
    table.pass(7);
    let tones = table.phones[0].tones(from[0]);
    assert!(tones[1] > THERE && tones[2] > THERE, "{tones:?}");
    assert!(table.phones[1].tones(from[1])[2] < NOT_THERE);
    table.pass(2);
    assert!(matches!(table.events[..], [Event::Played { leg: LegId(0), token: 7 }]), "{:?}", table.events);
    let from = table.heard();
    table.pass(20);
    assert!(table.phones[0].tones(from[0])[2] < NOT_THERE);
    table.phones[..2].iter().for_each(Phone::check_stream);
}

#[test]
fn keys_of_members_are_told_and_are_no_noise() {
    let mut table = table();
    table.mix(&[0, 1, 2], &EVERYBODY);
    table.pass(10);
    let from = table.phones[1].socket.local_addr().unwrap();
    for duration in [160, 320, 480_u16] {
        let timestamp = table.phones[1].timestamp;
        let mut packet = vec![0x80, 101];
        packet.extend(table.phones[1].sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(table.phones[1].hz.to_be_bytes());
        packet.extend([5, 10]);
        packet.extend(duration.to_be_bytes());
        table.phones[1].sequence = table.phones[1].sequence.wrapping_add(1);
        table.arrives(1, from, &mut packet);
    }
    let heard = table.heard();
    table.pass(20);
    let keys: Vec<char> = table
        .events
        .iter()
        .filter_map(|event| if let Event::Key { key, .. } = event { Some(*key) } else { None })
        .collect();
    assert_eq!(keys, ['5']);
    table.check(heard, [&[1, 2], &[0, 2], &[0, 1]]);
}

#[test]
fn what_the_others_say_after_one_hung_up_is_recorded_on_their_leg_and_nothing_goes_to_them() {
    let mut table = table();
    let (tap, pieces) = Tap::new(Sides::Both, 1_000);
    table.legs[0].as_mut().unwrap().tap = Some(Box::new(tap));
    table.mix(&[0, 1, 2], &EVERYBODY);
    table.pass(10);
    table.legs[0].as_mut().unwrap().hung_up();
    table.mix(&[0, 1, 2], &[(0, 1), (0, 2), (1, 2), (2, 1)]);
    let (heard, _) = (table.heard(), pieces.try_iter().count());
    table.pass(50);
    let theirs: Vec<i16> = pieces
        .try_iter()
        .filter(|piece| piece.channel == Channel::Right)
        .flat_map(|piece| piece.sound().iter().map(|byte| to_linear(piece.codec, *byte)).collect::<Vec<_>>())
        .collect();
    assert_eq!(theirs.len(), 50 * FRAME);
    assert!(theirs.chunks(FRAME).all(|frame| frame.iter().any(|sample| sample.abs() > 1_000)));
    assert_eq!(table.heard()[0], heard[0]);
    for (ear, mouth) in [(1, 2), (2, 1)] {
        let tones = table.phones[ear].tones(heard[ear]);
        assert!(tones[mouth] > THERE && tones[0] < NOT_THERE, "{ear} hears {tones:?}");
    }
}

#[test]
fn keys_that_are_kept_are_told_and_not_passed_on() {
    let mut table = table();
    table.join(0, 1);
    table.legs[1].as_mut().unwrap().keeps_keys = true;
    table.pass(5);
    let from = table.phones[1].socket.local_addr().unwrap();
    let mut packet = vec![0x80, 101, 0, 0, 0, 0, 0, 0, 0, 0, 2, 188, 11, 10, 0, 160];
    packet[8..12].copy_from_slice(&table.phones[1].hz.to_be_bytes());
    packet[2..4].copy_from_slice(&table.phones[1].sequence.to_be_bytes());
    table.arrives(1, from, &mut packet);
    assert!(matches!(table.events[..], [Event::Key { leg: LegId(1), key: '#' }]), "{:?}", table.events);
    table.phones[0].listen();
    assert!(table.phones[0].heard.iter().all(|(_, _, _, sound)| sound.len() == FRAME));
}

#[test]
fn what_is_too_loud_is_cut_off_and_does_not_turn_over() {
    let mut table = table();
    table.phones.iter_mut().for_each(|phone| phone.amplitude = 30_000.0);
    table.mix(&[0, 1, 2], &EVERYBODY);
    table.pass(50);
    let sample = |byte: &u8| i32::from(to_linear(Codec::Pcma, *byte));
    let sound: Vec<i32> = table.phones[0].heard.iter().flat_map(|(_, _, _, sound)| sound.iter().map(sample)).collect();
    // A sum that turned over would jump from one end to the other.
    let jump = sound.windows(2).map(|pair| (pair[1] - pair[0]).abs()).max().unwrap();
    assert!(sound.iter().any(|sample| *sample > 31_000) && jump < 60_000, "{jump}");
}
