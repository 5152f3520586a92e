//! Phones that speak Opus over plain RTP and SRTP: as it came between two of them, decoded and encoded for everybody
//! else, and no more of them than allowed.

use std::net::{SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use opus_pure::{Application, OpusDecoder, OpusEncoder};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::desk::{CALL, House, packet, phone, settings, start};
use crate::ids::{LegId, Prompt};
use crate::media::g711::{FRAME, of_linear, to_linear};
use crate::media::srtp::Sealed;
use crate::media::srtp::sdes::{Crypto, Key, Secrets, Suite};
use crate::media::worker::Clock;
use crate::media::{Browser, Codec, Command, Event, LegKind, Scale, Settings};
use crate::moment::Moment;

pub(super) const A: LegId = LegId(1);
pub(super) const B: LegId = LegId(2);
const C: LegId = LegId(3);
const HZ: u32 = 700;
const OTHER_HZ: u32 = 440;
const KEYS: &str = " 97\r\na=rtpmap:97 telephone-event/48000";

fn open(ports: RangeInclusive<u16>, opus_at_once: usize) -> House {
    let micros = AtomicU64::new(1_000_000);
    open_with(ports, opus_at_once, Arc::new(move || Moment::from_micros(micros.fetch_add(1_000, Ordering::Relaxed))))
}

pub(super) fn open_with(ports: RangeInclusive<u16>, opus_at_once: usize, clock: Arc<Clock>) -> House {
    let codecs = vec![Codec::Pcma, Codec::Pcmu, Codec::G722, Codec::Opus];
    let browser = Browser { opus_at_once, ..Browser::on([127, 0, 0, 1].into()) };
    start(Settings { codecs, browser, ..settings(ports) }, clock)
}

/// A phone: what it says by its numbers, and what it hears.
pub(super) struct Phone {
    pub(super) socket: UdpSocket,
    to: SocketAddr,
    /// Of Opus; `None`: it speaks A-law.
    number: Option<u8>,
    sealed: Option<Sealed>,
    encoder: OpusEncoder,
    pub(super) decoder: OpusDecoder,
    sequence: u16,
    timestamp: u32,
}

impl Phone {
    /// It calls with this: the formats of its `m=` line, and what is said of them.
    pub(super) fn calls(house: &mut House, leg: LegId, number: u8, rest: &str) -> Phone {
        let socket = phone();
        let map = format!("a=rtpmap:{number} opus/48000/2\r\na=fmtp:{number} stereo=1;usedtx=1;maxplaybackrate=48000");
        let (formats, rest) = rest.split_once("\r\n").unwrap_or((rest, "a=ptime:20"));
        let offer = format!("RTP/AVP {number}{formats}\r\n{map}\r\n{rest}\r\n");
        let answer = offers(house, leg, &socket, &offer).expect("an answer");
        assert!(answer.contains(&format!("RTP/AVP {number}")), "{answer}");
        let to = sent_to(&answer);
        Self::new(socket, to, Some(number))
    }

    fn in_g711(house: &mut House, leg: LegId) -> Phone {
        let socket = phone();
        let to = house.connect(leg, &socket, Codec::Pcma);
        Self::new(socket, to, None)
    }

    fn new(socket: UdpSocket, to: SocketAddr, number: Option<u8>) -> Phone {
        let mut encoder = OpusEncoder::new(48_000, 1, Application::Voip).unwrap();
        (encoder.use_inband_fec, encoder.packet_loss_perc) = (true, 10);
        let decoder = OpusDecoder::new(8_000, 1).unwrap();
        Phone { socket, to, number, sealed: None, encoder, decoder, sequence: 7, timestamp: u32::MAX - 9_000 }
    }

    /// The sound of its next packet, of so many milliseconds.
    pub(super) fn sound(&mut self, hz: u32, ms: u32, channels: u32) -> Vec<u8> {
        let rate = if self.number.is_some() { 48 } else { 8 };
        let wave = |at: u32| f64::from(self.timestamp.wrapping_add(at)) * f64::from(hz) / f64::from(rate * 1_000);
        let sample = |at: u32| ((wave(at) * std::f64::consts::TAU).sin() * 8_000.0) as i16;
        if self.number.is_none() {
            return (0..ms * rate).map(|at| of_linear(Codec::Pcma, sample(at))).collect();
        }
        let samples: Vec<i16> = (0..ms * rate).flat_map(|at| vec![sample(at); channels as usize]).collect();
        let mut packet = [0; 1_500];
        let length = self.encoder.encode_s16(&samples, (ms * rate) as usize, &mut packet).unwrap();
        packet[..length].to_vec()
    }

    fn send(&mut self, payload_type: u8, timestamp: u32, payload: &[u8]) {
        let packet = packet(payload_type, self.sequence, timestamp, 5, payload);
        self.sequence += 1;
        let packet = self.sealed.as_mut().map_or(packet.clone(), |sealed| sealed.seal(&packet).unwrap().to_vec());
        self.socket.send_to(&packet, self.to).unwrap();
    }

    /// Says 20 ms of a tone; returns the sound.
    pub(super) fn say(&mut self, hz: u32) -> Vec<u8> {
        self.say_long(hz, 20, 1)
    }

    fn say_long(&mut self, hz: u32, ms: u32, channels: u32) -> Vec<u8> {
        let sound = self.sound(hz, ms, channels);
        self.send(self.number.unwrap_or(8), self.timestamp, &sound);
        self.pass(ms);
        sound
    }

    fn pass(&mut self, ms: u32) {
        self.timestamp = self.timestamp.wrapping_add(ms * if self.number.is_some() { 48 } else { 8 });
    }

    /// The next packet: payload type, sequence, timestamp, payload.
    pub(super) fn hear(&mut self) -> (u8, u16, u32, Vec<u8>) {
        let mut buffer = [0; 2048];
        loop {
            let (length, _) = self.socket.recv_from(&mut buffer).expect("a packet");
            if (192..=223).contains(&buffer[1]) {
                continue;
            }
            let end = self.sealed.as_mut().map_or(length, |sealed| sealed.open(&mut buffer[..length]).unwrap());
            let word = |at: usize| u32::from_be_bytes(buffer[at..at + 4].try_into().unwrap());
            return (buffer[1] & 0x7F, u16::from_be_bytes([buffer[2], buffer[3]]), word(4), buffer[12..end].to_vec());
        }
    }

    /// The samples of the next packet, at 8 kHz.
    pub(super) fn listen(&mut self) -> Vec<i16> {
        let (payload_type, _, _, sound) = self.hear();
        let Some(number) = self.number else {
            assert_eq!(payload_type, 8);
            return sound.iter().map(|byte| to_linear(Codec::Pcma, *byte)).collect();
        };
        assert_eq!(payload_type, number);
        let mut samples = [0; 960];
        let length = self.decoder.decode_s16(&sound, 960, &mut samples).unwrap();
        samples[..length].to_vec()
    }
}

fn offers(house: &mut House, leg: LegId, socket: &UdpSocket, formats: &str) -> Result<String, String> {
    house.desk.command(Command::Open { leg, call: CALL, second: false, kind: LegKind::Phone, srtp: None });
    offers_again(house, leg, socket, formats)
}

fn offers_again(house: &mut House, leg: LegId, socket: &UdpSocket, formats: &str) -> Result<String, String> {
    let port = socket.local_addr().unwrap().port();
    let sdp = format!("v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio {port} {formats}");
    house.desk.command(Command::TakeOffer { leg, sdp: sdp.into_bytes() });
    described(house, leg)
}

fn described(house: &mut House, of: LegId) -> Result<String, String> {
    let described = house.await_event(|event| match event {
        Event::Described { leg, sdp, .. } if *leg == of => Some(Ok(String::from_utf8(sdp.clone()).unwrap())),
        Event::Unacceptable { leg, why, .. } if *leg == of => Some(Err(why.clone())),
        Event::Exhausted { .. } => panic!("{event:?}"),
        _ => None,
    });
    assert!(house.desk.poll().is_none());
    described
}

fn sent_to(description: &str) -> SocketAddr {
    let port: u16 = description.split("m=audio ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    ([127, 0, 0, 1], port).into()
}

pub(super) fn join(house: &mut House, a: LegId, b: LegId) {
    house.desk.command(Command::Join { a, b });
    assert!(house.desk.poll().is_none());
}

/// The share of the power that is at `hz`.
fn share(samples: &[i16], hz: u32) -> f64 {
    let step = std::f64::consts::TAU * f64::from(hz) / 8_000.0;
    let part = |wave: fn(f64) -> f64| -> f64 {
        samples.iter().enumerate().map(|(n, sample)| f64::from(*sample) * wave(step * n as f64)).sum()
    };
    let all: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    2.0 * (part(f64::cos).powi(2) + part(f64::sin).powi(2)) / (all.max(1.0) * samples.len() as f64)
}

/// Listens until a tenth of a second was the tone of the other.
fn hears(phone: &mut Phone, hz: u32) {
    let mut heard: Vec<i16> = Vec::new();
    for _ in 0..400 {
        heard.extend(phone.listen());
        let last = &heard[heard.len().saturating_sub(800)..];
        let loud = last.iter().filter(|sample| sample.unsigned_abs() > 4_000).count();
        if last.len() == 800 && loud > 400 && share(last, hz) > 0.9 {
            return;
        }
    }
    panic!("{hz} Hz were not heard");
}

pub(super) fn end(mut house: House, legs: &[LegId]) {
    legs.iter().for_each(|leg| house.close(*leg));
    house.desk.stop();
}

#[test]
fn a_phone_with_opus_alone_and_one_in_g711_hear_each_other() {
    let mut house = open(32_000..=32_019, 10);
    let (mut one, mut other) = (Phone::calls(&mut house, A, 96, KEYS), Phone::in_g711(&mut house, B));
    join(&mut house, A, B);
    for _ in 0..20 {
        one.say(HZ);
        other.say(OTHER_HZ);
    }
    hears(&mut other, HZ);
    hears(&mut one, OTHER_HZ);
    // Mono, in packets of 20 ms by the clock of Opus.
    let mut last: Option<(u16, u32)> = None;
    for _ in 0..5 {
        other.say(OTHER_HZ);
        let (payload_type, sequence, timestamp, sound) = one.hear();
        assert_eq!((payload_type, sound[0] & 0b111), (96, 0), "one frame, not stereo");
        let steps = last.map(|last| (sequence.wrapping_sub(last.0), timestamp.wrapping_sub(last.1)));
        assert!(steps.is_none_or(|steps| steps == (1, 960)), "{steps:?}");
        last = Some((sequence, timestamp));
    }
    end(house, &[A, B]);
}

#[test]
fn any_packets_of_theirs_are_understood() {
    let mut house = open(32_020..=32_039, 10);
    let mut other = Phone::in_g711(&mut house, B);
    for (ms, channels) in [(10, 1), (20, 2), (60, 1), (120, 2)] {
        let mut one = Phone::calls(&mut house, A, 96, "");
        one.encoder = OpusEncoder::new(48_000, channels, Application::Audio).unwrap();
        join(&mut house, A, B);
        for _ in 0..480 / ms {
            one.say_long(HZ, ms, channels as u32);
        }
        hears(&mut other, HZ);
        house.close(A);
        // What was still under way.
        other.socket.set_nonblocking(true).unwrap();
        while other.socket.recv_from(&mut [0; 2048]).is_ok() {}
        other.socket.set_nonblocking(false).unwrap();
    }
    end(house, &[B]);
}

#[test]
fn opus_goes_between_two_who_speak_it_as_it_came() {
    let mut house = open(32_040..=32_059, 10);
    let (mut one, other) = (Phone::calls(&mut house, A, 96, KEYS), phone());
    // The other is called, and answers by a number of its own.
    house.desk.command(Command::Open { leg: B, call: CALL, second: true, kind: LegKind::Phone, srtp: None });
    house.desk.command(Command::MakeOffer { leg: B, like: Some(A) });
    let ours = described(&mut house, B).unwrap();
    assert!(ours.contains("RTP/AVP 111 9 8 0 101 110\r\n"), "what the other side speaks comes first: {ours}");
    let port = other.local_addr().unwrap().port();
    let answer = format!("v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio {port} RTP/AVP 120\r\na=rtpmap:120 opus/48000/2\r\n");
    house.desk.command(Command::TakeAnswer { leg: B, sdp: answer.into_bytes() });
    house.await_event(|event| matches!(event, Event::Agreed { leg: B, .. }).then_some(()));
    join(&mut house, A, B);
    let mut numbers = Vec::new();
    for n in 0..30 {
        // Packets of any length, some larger than any that is decoded.
        let sound = if n % 3 == 0 { vec![n; 1_800] } else { one.sound(HZ, 20, 1) };
        one.send(96, one.timestamp, &sound);
        one.pass(20);
        loop {
            let (payload_type, sequence, timestamp, heard) = super::desk::hear(&other);
            assert_eq!(payload_type, 120);
            if heard == sound {
                numbers.push((sequence, timestamp));
                break;
            }
            assert!(numbers.is_empty(), "nothing but the silence before it");
        }
    }
    let in_step =
        |pair: &[(u16, u32)]| (pair[1].0.wrapping_sub(pair[0].0), pair[1].1.wrapping_sub(pair[0].1)) == (1, 960);
    assert!(numbers.windows(2).all(in_step), "{numbers:?}");
    // Neighbours that change places are still heard, in their places.
    let (first, second) = (one.sequence, one.sequence + 1);
    for sequence in [second, first] {
        one.sequence = sequence;
        one.send(96, one.timestamp.wrapping_add(u32::from(sequence - first) * 960), &[sequence as u8; 50]);
    }
    let swapped = [(); 2].map(|()| super::desk::hear(&other));
    let (last, timestamp) = numbers[numbers.len() - 1];
    for ((_, sequence, time, sound), step) in swapped.iter().zip([2, 1]) {
        let sent = [(first + step - 1) as u8; 50];
        assert_eq!((*sequence, *time), (last.wrapping_add(step), timestamp.wrapping_add(u32::from(step) * 960)));
        assert_eq!(sound[..], sent);
    }
    // And back, by our number.
    let to = sent_to(&ours);
    other.send_to(&packet(111, 1, 960, 6, b"whatever it is"), to).unwrap();
    while one.hear().3 != b"whatever it is" {}
    end(house, &[A, B]);
}

#[test]
fn keys_are_told_and_passed_on_by_either_clock() {
    for (keys, ratio) in [(KEYS, 6), (" 97\r\na=rtpmap:97 telephone-event/8000", 1)] {
        let mut house = open(32_060..=32_079, 10);
        let (mut one, mut other) = (Phone::calls(&mut house, A, 96, keys), Phone::in_g711(&mut house, B));
        join(&mut house, A, B);
        one.say(HZ);
        let duration = |ticks: u16| (ticks * ratio).to_be_bytes();
        for (ticks, flags) in [(160, 10), (320, 10), (480, 0x8A)] {
            let [high, low] = duration(ticks);
            one.send(97, one.timestamp, &[5, flags, high, low]);
        }
        let pressed = |event: &Event| if let Event::Key { leg, key } = event { Some((*leg, *key)) } else { None };
        assert_eq!(house.await_event(pressed), (A, '5'));
        let mut passed = Vec::new();
        while passed.len() < 3 {
            let (payload_type, _, _, payload) = super::desk::hear(&other.socket);
            passed.extend((payload_type == 101).then_some(payload));
        }
        assert_eq!(passed, [[5, 10, 0, 160], [5, 10, 1, 64], [5, 0x8A, 1, 224]]);
        // The other way, and keys of ours.
        other.send(101, 9_000, &[7, 0x8A, 3, 0x20]);
        house.desk.send_keys(A, "#");
        assert!(house.desk.poll().is_none());
        let (mut sevens, mut hashes) = (0, 0);
        while sevens < 1 || hashes < 1 {
            let (payload_type, _, _, payload) = one.hear();
            if payload_type == 97 {
                sevens += usize::from(payload[..] == [&[7, 0x8A][..], &duration(800)].concat());
                hashes += usize::from(payload[0] == 11 && payload[2..] == duration(800));
            }
        }
        end(house, &[A, B]);
    }
}

#[test]
fn prompts_and_mixes_are_heard_in_it() {
    let mut house = open(32_080..=32_099, 10);
    let mut phones =
        [Phone::calls(&mut house, A, 96, ""), Phone::in_g711(&mut house, B), Phone::calls(&mut house, C, 99, "")];
    house.desk.command(Command::Play { leg: A, token: 9, prompts: vec![], looped: Some(Prompt::plain("music")) });
    assert!(house.desk.poll().is_none());
    // A steady level is cut by the encoder as no sound; its beginning is heard.
    let loudest = (0..10).flat_map(|_| phones[0].listen()).map(|sample| sample.unsigned_abs()).max();
    assert!(loudest > Some(1_000), "{loudest:?}");
    let pairs = [(A, B), (A, C), (B, A), (C, A), (C, B)].to_vec();
    house.desk.command(Command::Mix { legs: vec![A, B, C], hears: pairs });
    assert!(house.desk.poll().is_none());
    let mut heard: Vec<i16> = Vec::new();
    let both = |heard: &[i16]| [HZ, OTHER_HZ].iter().all(|hz| share(heard, *hz) > 0.3);
    let mut rounds = 0;
    while heard.len() < 800 || !both(&heard[heard.len() - 800..]) {
        phones[0].say(HZ);
        phones[1].say(OTHER_HZ);
        heard.extend(phones[2].listen());
        rounds += 1;
        assert!(rounds < 500, "the one who listens does not hear both");
    }
    hears(&mut phones[0], OTHER_HZ);
    end(house, &[A, B, C]);
}

#[test]
fn no_more_than_allowed_speak_it_at_once() {
    let mut house = open(32_120..=32_139, 1);
    let socket = phone();
    let opus = "RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\n";
    let both = "RTP/AVP 96 8\r\na=rtpmap:96 opus/48000/2\r\n";
    assert!(offers(&mut house, A, &socket, opus).unwrap().contains("opus/48000"));
    assert!(offers(&mut house, B, &socket, both).unwrap().contains("RTP/AVP 8\r\n"), "others in G.711");
    let why = offers(&mut house, C, &socket, opus).unwrap_err();
    assert!(why.contains("no codec in common"), "{why}");
    house.desk.command(Command::MakeOffer { leg: C, like: Some(A) });
    let offer = described(&mut house, C).unwrap();
    assert!(offer.contains("RTP/AVP 9 8 0 101\r\n"), "{offer}");
    // Whoever has it keeps it; when it ends, or changes to G.711, another may.
    assert!(offers_again(&mut house, A, &socket, opus).unwrap().contains("opus/48000"));
    assert!(offers_again(&mut house, A, &socket, "RTP/AVP 8\r\n").unwrap().contains("PCMA"));
    house.desk.command(Command::MakeOffer { leg: C, like: Some(A) });
    let offer = described(&mut house, C).unwrap();
    assert!(offer.contains("RTP/AVP 8 0 9 111 101 110\r\n"), "{offer}");
    end(house, &[A, B, C]);
}

#[test]
fn what_is_lost_is_made_up_for_and_counts_as_lost() {
    let mut house = open(32_140..=32_159, 10);
    let (mut one, mut other) = (Phone::calls(&mut house, A, 96, ""), Phone::in_g711(&mut house, B));
    join(&mut house, A, B);
    let mut samples = Vec::new();
    for n in 0..50_u32 {
        if n % 10 == 7 {
            // Encoded, but lost.
            one.sound(HZ, 20, 1);
            one.pass(20);
            one.sequence += 1;
        } else {
            one.say(HZ);
        }
    }
    while samples.len() < 50 * FRAME {
        let heard = other.listen();
        if !samples.is_empty() || heard.iter().any(|sample| sample.unsigned_abs() > 100) {
            samples.extend(heard);
        }
    }
    let shares: Vec<f64> = samples[2 * FRAME..].chunks(FRAME).map(|frame| share(frame, HZ)).collect();
    assert!(shares.iter().all(|share| *share > 0.5), "{shares:.2?}");
    house.desk.command(Command::Close { leg: A });
    let quality = house.await_event(|event| match event {
        Event::Closed { leg: A, quality } => Some(quality.unwrap()),
        _ => None,
    });
    assert!((0.08..0.12).contains(&quality.loss) && quality.jitter_ms < 50.0, "{quality:?}");
    assert_eq!(quality.scale, Scale::Wideband);
    end(house, &[B]);
}

#[test]
fn an_encrypted_phone_speaks_it_and_no_number_is_said_twice_when_it_changes_to_g711() {
    let mut house = open(32_160..=32_179, 10);
    let theirs = Key::random(Suite::ALL[0], &mut StdRng::seed_from_u64(1));
    let line = Crypto { tag: 1, key: theirs }.write();
    let socket = phone();
    let opus = format!("RTP/SAVP 96\r\na=rtpmap:96 opus/48000/2\r\n{line}\r\n");
    let answer = offers(&mut house, A, &socket, &opus).unwrap();
    let secrets = |answer: &str| {
        let ours = answer.lines().find_map(|line| line.strip_prefix("a=crypto:")).unwrap();
        Secrets { ours: theirs, theirs: Crypto::read(ours).unwrap().key }
    };
    let mut one = Phone::new(socket, sent_to(&answer), Some(96));
    one.sealed = Some(Sealed::new(secrets(&answer)).unwrap());
    let mut other = Phone::in_g711(&mut house, B);
    join(&mut house, A, B);
    for _ in 0..20 {
        one.say(HZ);
        // One and a half packets of Opus for each.
        other.say_long(OTHER_HZ, 30, 1);
    }
    hears(&mut other, HZ);
    let mut last = None;
    let mut next = |one: &mut Phone| {
        let (payload_type, sequence, ..) = one.hear();
        assert!(last.is_none_or(|last| sequence == last + 1), "{last:?}, {sequence}");
        last = Some(sequence);
        payload_type
    };
    (0..30).for_each(|_| assert_eq!(next(&mut one), 96));
    let socket = one.socket.try_clone().unwrap();
    let answer = offers_again(&mut house, A, &socket, &format!("RTP/SAVP 8\r\n{line}\r\n")).unwrap();
    one.sealed.as_mut().unwrap().change(secrets(&answer)).unwrap();
    for _ in 0..10 {
        other.say_long(OTHER_HZ, 30, 1);
    }
    // None of them by a number that is used already: it would not be sent.
    (0..10).for_each(|_| while next(&mut one) != 8 {});
    end(house, &[A, B]);
}
