//! Legs that speak G.722: as it came between two of them, decoded and encoded for everybody else; and keys in the sound.

use std::net::{SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use super::desk::{House, hear, packet, phone, settings, start};
use crate::ids::{CallId, LegId, Prompt};
use crate::media::g711::{FRAME, of_linear, to_linear};
use crate::media::negotiation::static_type;
use crate::media::{Codec, Command, Event, LegKind, Settings, g722};
use crate::moment::Moment;

const A: LegId = LegId(1);
const B: LegId = LegId(2);

fn open(ports: RangeInclusive<u16>) -> House {
    let micros = std::sync::atomic::AtomicU64::new(1_000_000);
    let clock = move || Moment::from_micros(micros.fetch_add(1_000, std::sync::atomic::Ordering::Relaxed));
    let codecs = vec![Codec::Pcma, Codec::Pcmu, Codec::G722];
    start(Settings { codecs, ..settings(ports) }, Arc::new(clock))
}

fn joined(house: &mut House, a: Codec, b: Codec) -> [(UdpSocket, SocketAddr); 2] {
    let [mine, theirs] = [phone(), phone()];
    let to = [house.connect(A, &mine, a), house.connect(B, &theirs, b)];
    house.desk.command(Command::Join { a: A, b: B });
    assert!(house.desk.poll().is_none());
    [(mine, to[0]), (theirs, to[1])]
}

/// The next that is not the silence that is sent until the other side is heard.
fn hear_sound(phone: &UdpSocket, codec: Codec) -> (u8, u16, Vec<u8>) {
    let silence = if codec == Codec::G722 { g722::SILENCE } else { of_linear(codec, 0) };
    for _ in 0..1_000 {
        let (payload_type, sequence, _, sound) = hear(phone);
        if sound.iter().any(|byte| *byte != silence) {
            return (payload_type, sequence, sound);
        }
    }
    panic!("nothing but silence");
}

fn tone(n: u32) -> i16 {
    ((f64::from(n) * 440.0 / 8000.0 * std::f64::consts::TAU).sin() * 6_000.0) as i16
}

/// The share of the tone in what was heard.
fn share(samples: &[i16]) -> f64 {
    let step = std::f64::consts::TAU * 440.0 / 8000.0;
    let part = |wave: fn(f64) -> f64| -> f64 {
        samples.iter().enumerate().map(|(n, sample)| f64::from(*sample) * wave(step * n as f64)).sum()
    };
    part(f64::cos).hypot(part(f64::sin)) * 2.0 / samples.len() as f64 / 6_000.0
}

#[test]
fn two_who_speak_it_hear_each_other_as_it_came() {
    let mut house = open(42_900..=42_919);
    let [(a, to_a), (b, _)] = joined(&mut house, Codec::G722, Codec::G722);
    let mut last = None;
    for n in 0..20_u16 {
        // Both bands, and bytes that nobody would make anew.
        let sound: Vec<u8> = (0..FRAME).map(|at| (at as u16 * 37 + n * 101) as u8).collect();
        a.send_to(&packet(9, n, u32::from(n) * 160, 5, &sound), to_a).unwrap();
        let (payload_type, sequence, heard) = hear_sound(&b, Codec::G722);
        assert_eq!((payload_type, heard), (9, sound));
        assert!(last.replace(sequence).is_none_or(|last| sequence == last + 1));
    }
    house.close(A);
    house.close(B);
    house.desk.stop();
}

#[test]
fn those_who_do_not_both_speak_it_hear_each_other_in_order() {
    let mut house = open(42_920..=42_939);
    let [(a, to_a), (b, to_b)] = joined(&mut house, Codec::G722, Codec::Pcmu);
    let mut encoder = g722::Encoder::new();
    let mut packets: Vec<Vec<u8>> = (0..50_u16)
        .map(|n| {
            let sound: Vec<u8> = (0..FRAME as u32).map(|at| encoder.encode(tone(u32::from(n) * 160 + at))).collect();
            packet(9, n, u32::from(n) * 160, 5, &sound)
        })
        .collect();
    // Neighbours change places, one comes twice.
    packets.swap(20, 21);
    packets.insert(31, packets[30].clone());
    for packet in &packets {
        a.send_to(packet, to_a).unwrap();
    }
    let heard: Vec<_> = (0..50).map(|_| hear_sound(&b, Codec::Pcmu)).collect();
    assert!(heard.windows(2).all(|pair| pair[1].1 == pair[0].1.wrapping_add(1)), "each once, in order");
    assert!(heard.iter().all(|(payload_type, _, sound)| (*payload_type, sound.len()) == (0, FRAME)));
    let samples: Vec<i16> =
        heard[2..].iter().flat_map(|(_, _, sound)| sound).map(|b| to_linear(Codec::Pcmu, *b)).collect();
    assert!((0.95..1.05).contains(&share(&samples)), "{}", share(&samples));
    // And back.
    let mut decoder = g722::Decoder::new();
    let mut samples = Vec::new();
    for n in 0..50_u16 {
        let sound: Vec<u8> =
            (0..FRAME as u32).map(|at| of_linear(Codec::Pcmu, tone(u32::from(n) * 160 + at))).collect();
        b.send_to(&packet(0, n, u32::from(n) * 160, 6, &sound), to_b).unwrap();
        let (payload_type, _, heard) = hear_sound(&a, Codec::G722);
        assert_eq!((payload_type, heard.len()), (9, FRAME));
        samples.extend(heard.iter().map(|byte| decoder.decode(*byte)));
    }
    assert!((0.95..1.05).contains(&share(&samples[320..])), "{}", share(&samples[320..]));
    house.close(A);
    house.close(B);
    house.desk.stop();
}

#[test]
fn prompts_are_heard_in_it() {
    let mut house = open(42_940..=42_959);
    let phone = phone();
    house.connect(A, &phone, Codec::G722);
    house.desk.command(Command::Play { leg: A, token: 9, prompts: vec![], looped: Some(Prompt::plain("music")) });
    assert!(house.desk.poll().is_none());
    let mut decoder = g722::Decoder::new();
    for frame in 0..10 {
        let (payload_type, _, _, sound) = hear(&phone);
        assert_eq!((payload_type, sound.len()), (9, FRAME));
        let samples: Vec<i16> = sound.iter().map(|byte| decoder.decode(*byte)).collect();
        assert!(frame < 2 || samples.iter().all(|sample| (-3_300..-2_700).contains(sample)), "{samples:?}");
    }
    house.close(A);
    house.desk.stop();
}

/// What keys are told of a phone that says `5` in its sound.
fn pressed(house: &mut House, asked: bool, events: &str, codec: Codec) -> String {
    let phone = phone();
    house.desk.command(Command::Open { leg: A, call: CallId(1), second: false, kind: LegKind::Phone, srtp: None });
    if asked {
        house.desk.command(Command::HearKeys { leg: A });
    }
    let payload_type = static_type(codec);
    let port = phone.local_addr().unwrap().port();
    let sdp = format!("v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio {port} RTP/AVP {payload_type}{events}\r\n");
    house.desk.command(Command::TakeOffer { leg: A, sdp: sdp.into_bytes() });
    let answer = house.await_event(|event| match event {
        Event::Described { sdp, .. } => Some(String::from_utf8(sdp.clone()).unwrap()),
        _ => None,
    });
    assert!(house.desk.poll().is_none());
    let port: u16 = answer.split("m=audio ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    let mut encoder = g722::Encoder::new();
    for n in 0..12_u32 {
        let sample = |at: u32| {
            let wave = |hertz: f64| (f64::from(n * 160 + at) * hertz / 8000.0 * std::f64::consts::TAU).sin();
            if (3..7).contains(&n) { ((wave(770.0) + wave(1_336.0)) * 5_000.0) as i16 } else { 0 }
        };
        let sound = (0..FRAME as u32).map(|at| match codec {
            Codec::G722 => encoder.encode(sample(at)),
            codec => of_linear(codec, sample(at)),
        });
        let packet = packet(payload_type, n as u16, n * 160, 5, &sound.collect::<Vec<u8>>());
        phone.send_to(&packet, ("127.0.0.1", port)).unwrap();
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(Duration::from_millis(200));
    house.desk.command(Command::Close { leg: A });
    let mut keys = String::new();
    while let Some(event) = house.desk.poll() {
        keys.extend(key(&event));
    }
    loop {
        let told = house.await_event(|event| match event {
            Event::Key { key, .. } => Some(Some(*key)),
            Event::Closed { .. } => Some(None),
            _ => None,
        });
        match told {
            Some(key) => keys.push(key),
            None => return keys,
        }
    }
}

fn key(event: &Event) -> Option<char> {
    if let Event::Key { key, .. } = event { Some(*key) } else { None }
}

#[test]
fn keys_in_the_sound_are_told_where_it_is_asked_and_there_are_no_events() {
    let mut house = open(42_960..=42_979);
    let events = " 101\r\na=rtpmap:101 telephone-event/8000";
    for codec in [Codec::Pcma, Codec::Pcmu, Codec::G722] {
        assert_eq!(pressed(&mut house, true, "", codec), "5", "{codec:?}");
    }
    assert_eq!(pressed(&mut house, true, events, Codec::Pcma), "", "they say keys as events");
    assert_eq!(pressed(&mut house, false, "", Codec::Pcma), "", "nobody asked");
    house.desk.stop();
}

#[test]
fn comfort_noise_is_passed_on_to_whoever_takes_it() {
    for (takes, expected) in [(" 13", Some(13)), ("", None)] {
        let mut house = open(42_980..=42_999);
        let [a, b] = [phone(), phone()];
        let mut to = Vec::new();
        for (leg, phone, noise) in [(A, &a, " 13"), (B, &b, takes)] {
            house.desk.command(Command::Open { leg, call: CallId(1), second: false, kind: LegKind::Phone, srtp: None });
            let port = phone.local_addr().unwrap().port();
            let sdp = format!("v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio {port} RTP/AVP 8{noise}\r\n");
            house.desk.command(Command::TakeOffer { leg, sdp: sdp.into_bytes() });
            let answer = house.await_event(|event| match event {
                Event::Described { leg: of, sdp, .. } if *of == leg => Some(String::from_utf8(sdp.clone()).unwrap()),
                _ => None,
            });
            assert_eq!(
                answer.contains("RTP/AVP 8 13\r\n") && answer.contains("CN/8000"),
                !noise.is_empty(),
                "{answer}"
            );
            let port: u16 = answer.split("m=audio ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
            to.push(port);
        }
        house.desk.command(Command::Join { a: A, b: B });
        assert!(house.desk.poll().is_none());
        a.send_to(&packet(8, 1, 160, 5, &[0x11; FRAME]), ("127.0.0.1", to[0])).unwrap();
        a.send_to(&packet(13, 2, 320, 5, &[77]), ("127.0.0.1", to[0])).unwrap();
        a.send_to(&packet(8, 9, 1_440, 5, &[0x22; FRAME]), ("127.0.0.1", to[0])).unwrap();
        assert_eq!(hear_sound(&b, Codec::Pcma).2[0], 0x11);
        let (payload_type, _, sound) = hear_sound(&b, Codec::Pcma);
        let noise = (payload_type == 13).then_some(13);
        assert_eq!((noise, sound[0]), (expected, if expected.is_some() { 77 } else { 0x22 }));
        house.close(A);
        house.close(B);
        house.desk.stop();
    }
}
