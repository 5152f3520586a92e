//! The desk and its workers on real sockets of the loopback; generous limits, order instead of time.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::ids::{CallId, LegId, Prompt};
use crate::media::desk::Desk;
use crate::media::g711::{FRAME, linear_to_pcma, linear_to_pcmu};
use crate::media::negotiation::static_type;
use crate::media::prompts::{Clip, PromptBank};
use crate::media::worker::Clock;
use crate::media::{Browser, Codec, Command, Direction, Event, LegKind, Settings};
use crate::moment::Moment;

const WAIT: Duration = Duration::from_secs(20);
pub const CALL: CallId = CallId(77);

pub struct House {
    pub desk: Desk,
    told: Receiver<Vec<Event>>,
    heard: Vec<Event>,
}

/// A clock that needs no clock: it is one tick later each time it is asked, and sockets pace the rest.
fn clock() -> Arc<Clock> {
    let micros = AtomicU64::new(1_000_000);
    Arc::new(move || Moment::from_micros(micros.fetch_add(1_000, Ordering::Relaxed)))
}

pub fn house(ports: std::ops::RangeInclusive<u16>, dead_after: Duration) -> House {
    house_with(ports, dead_after, 0)
}

fn house_with(ports: std::ops::RangeInclusive<u16>, dead_after: Duration, reserve: usize) -> House {
    start(Settings { dead_after, reserve, ..settings(ports) }, clock())
}

pub fn start(settings: Settings, clock: Arc<Clock>) -> House {
    let mut bank = PromptBank::default();
    bank.insert(Prompt::plain("one"), Arc::new(Clip::of_samples(&[1000; 3 * FRAME])));
    bank.insert(Prompt::plain("music"), Arc::new(Clip::of_samples(&[-3000; 50 * FRAME])));
    let (tell, told) = channel();
    let tell = Box::new(move |events| tell.send(events).map_err(|back| back.0));
    let desk = Desk::start(settings, Arc::new(bank), clock, StdRng::seed_from_u64(1), tell).unwrap();
    House { desk, told, heard: Vec::new() }
}

pub fn settings(ports: std::ops::RangeInclusive<u16>) -> Settings {
    Settings {
        bind: "127.0.0.1".parse().unwrap(),
        advertise: None,
        ports,
        reserve: 0,
        urgent: 0,
        codecs: vec![Codec::Pcma, Codec::Pcmu],
        dead_after: Duration::ZERO,
        held_at_most: Duration::from_secs(2),
        workers: 2,
        prompts: Default::default(),
        browser: Browser::on([127, 0, 0, 1].into()),
        recordings: Default::default(),
        srtp: Default::default(),
        one_way_after: Duration::ZERO,
        dscp: 46,
    }
}

impl House {
    /// The next event for which `pick` has a value.
    pub fn await_event<T>(&mut self, pick: impl Fn(&Event) -> Option<T>) -> T {
        loop {
            if let Some(found) = self.heard.iter().position(|event| pick(event).is_some()) {
                return pick(&self.heard.remove(found)).unwrap();
            }
            match self.desk.poll() {
                Some(event) => self.heard.push(event),
                None => self.heard.extend(self.told.recv_timeout(WAIT).expect("an event")),
            }
        }
    }

    /// Opens a leg for a phone that speaks `codec`; returns where the leg receives.
    pub fn connect(&mut self, leg: LegId, phone: &UdpSocket, codec: Codec) -> SocketAddr {
        self.desk.command(Command::Open { leg, call: CALL, second: false, kind: LegKind::Phone, srtp: None });
        self.offer(leg, phone.local_addr().unwrap(), codec)
    }

    fn offer(&mut self, leg: LegId, phone: SocketAddr, codec: Codec) -> SocketAddr {
        let payload_type = static_type(codec);
        let sdp = format!(
            "v=0\r\nc=IN IP4 {}\r\nm=audio {} RTP/AVP {payload_type} 101\r\na=rtpmap:101 telephone-event/8000\r\n",
            phone.ip(),
            phone.port()
        );
        self.desk.command(Command::TakeOffer { leg, sdp: sdp.into_bytes() });
        let answer = self.await_event(|event| match event {
            Event::Described { leg: l, sdp, direction: Direction::Both } if *l == leg => {
                Some(String::from_utf8(sdp.clone()).unwrap())
            }
            Event::Exhausted { .. } | Event::Unacceptable { .. } => panic!("{event:?}"),
            _ => None,
        });
        let port = answer.split("m=audio ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        assert!(self.desk.poll().is_none());
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    pub fn close(&mut self, leg: LegId) {
        self.desk.command(Command::Close { leg });
        self.await_event(|event| matches!(event, Event::Closed { leg: l, .. } if *l == leg).then_some(()));
    }
}

pub fn phone() -> UdpSocket {
    let phone = UdpSocket::bind("127.0.0.1:0").unwrap();
    phone.set_read_timeout(Some(WAIT)).unwrap();
    phone
}

pub fn packet(payload_type: u8, sequence: u16, timestamp: u32, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, payload_type];
    packet.extend(sequence.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}

/// The next RTP packet: payload type, sequence, timestamp, payload.
pub fn hear(phone: &UdpSocket) -> (u8, u16, u32, Vec<u8>) {
    let mut buffer = [0; 2048];
    loop {
        let (length, _) = phone.recv_from(&mut buffer).expect("a packet");
        if (192..=223).contains(&buffer[1]) {
            continue;
        }
        let word = |at: usize| u32::from_be_bytes(buffer[at..at + 4].try_into().unwrap());
        return (buffer[1] & 0x7F, u16::from_be_bytes([buffer[2], buffer[3]]), word(4), buffer[12..length].to_vec());
    }
}

fn silent(phone: &UdpSocket) -> bool {
    phone.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let mut buffer = [0; 2048];
    let silent = phone.recv_from(&mut buffer).is_err();
    phone.set_read_timeout(Some(WAIT)).unwrap();
    silent
}

#[test]
fn a_prompt_is_heard_to_its_end_and_then_music() {
    let mut house = house(42_000..=42_099, Duration::ZERO);
    let phone = phone();
    let leg = LegId(1);
    house.connect(leg, &phone, Codec::Pcmu);
    let music = Some(Prompt::plain("music"));
    house.desk.command(Command::Play {
        leg,
        token: 9,
        prompts: vec![Prompt::plain("one"), Prompt::plain("missing")],
        looped: music,
    });
    assert!(house.desk.poll().is_none());
    let heard: Vec<_> = (0..6).map(|_| hear(&phone)).collect();
    for (i, (payload_type, sequence, timestamp, payload)) in heard.iter().enumerate() {
        assert_eq!((*payload_type, payload.len()), (0, FRAME));
        assert_eq!(*sequence, heard[0].1.wrapping_add(i as u16));
        assert_eq!(*timestamp, heard[0].2.wrapping_add(i as u32 * 160));
        assert_eq!(payload[0], linear_to_pcmu(if i < 3 { 1000 } else { -3000 }), "frame {i}");
    }
    assert_eq!(house.await_event(|event| if let Event::Played { token, .. } = event { Some(*token) } else { None }), 9);
    house.desk.command(Command::Silence { leg });
    house.close(leg);
    house.desk.stop();
}

#[test]
fn while_nobody_is_heard_silence_opens_the_way_and_then_keeps_it_open() {
    let mut house = house(42_860..=42_869, Duration::ZERO);
    let (caller, seat) = (phone(), phone());
    house.connect(LegId(1), &caller, Codec::Pcma);
    house.connect(LegId(2), &seat, Codec::Pcma);
    house.desk.command(Command::Join { a: LegId(1), b: LegId(2) });
    assert!(house.desk.poll().is_none());
    let first = hear(&seat);
    let (mut sequence, mut timestamp, mut often, mut seldom) = (first.1, first.2, 1, 0);
    while seldom < 3 {
        let next = hear(&seat);
        assert_eq!((next.1, next.3), (sequence.wrapping_add(1), first.3.clone()));
        let gap = next.2.wrapping_sub(timestamp);
        if gap < 8_000 {
            often += 1
        } else {
            seldom += 1
        }
        assert!(seldom == 0 || gap >= 8_000, "{gap} samples after {often} packets, when a second is kept between them");
        (sequence, timestamp) = (next.1, next.2);
    }
    assert!((2..=6).contains(&often), "{often} packets in a tenth of a second");
    house.desk.stop();
}

#[test]
fn two_legs_hear_each_other_in_their_own_codecs() {
    let mut house = house(42_100..=42_199, Duration::ZERO);
    let (caller, seat) = (phone(), phone());
    let to_caller_leg = house.connect(LegId(1), &caller, Codec::Pcma);
    let to_seat_leg = house.connect(LegId(2), &seat, Codec::Pcmu);
    house.desk.command(Command::Join { a: LegId(1), b: LegId(2) });
    assert!(house.desk.poll().is_none());
    let say = |from: &UdpSocket, to, n: u16, payload_type: u8, byte: u8| {
        from.send_to(&packet(payload_type, n, u32::from(n) * 160, 5, &[byte; FRAME]), to).unwrap();
    };
    // Silence comes from the join on, until the other side is heard.
    let mut n = 1;
    assert_eq!(hear(&seat).3[0], 0xFF, "silence in µ-law");
    assert_eq!(hear(&caller).3[0], 0xD5, "silence in A-law");
    say(&caller, to_caller_leg, n, 8, linear_to_pcma(8000));
    while hear(&seat).3[0] == 0xFF {
        n += 1;
        say(&caller, to_caller_leg, n, 8, linear_to_pcma(8000));
    }
    while !silent(&seat) {}
    say(&caller, to_caller_leg, n + 1, 8, linear_to_pcma(8000));
    say(&caller, to_caller_leg, n + 3, 8, linear_to_pcma(-8000));
    let (first, second) = (hear(&seat), hear(&seat));
    assert_eq!((first.0, first.3[0]), (0, linear_to_pcmu(8064)), "A-law became µ-law");
    assert_eq!(second.1.wrapping_sub(first.1), 2, "what was lost stays visible");
    assert_eq!(second.2.wrapping_sub(first.2), 320);
    say(&seat, to_seat_leg, 1, 0, linear_to_pcmu(4000));
    let back = loop {
        let back = hear(&caller);
        if back.3[0] != 0xD5 {
            break back;
        }
    };
    assert_eq!((back.0, back.3.len()), (8, FRAME));
    // A key of the caller's goes through, and is told.
    caller.send_to(&packet(101, n + 4, 99_999, 5, &[7, 0x8A, 3, 32]), to_caller_leg).unwrap();
    let key = hear(&seat);
    assert_eq!((key.0, key.3), (101, vec![7, 0x8A, 3, 32]));
    assert_eq!(
        house.await_event(|event| if let Event::Key { leg, key } = event { Some((*leg, *key)) } else { None }),
        (LegId(1), '7')
    );
    house.desk.command(Command::Part { leg: LegId(2) });
    assert!(house.desk.poll().is_none());
    house.close(LegId(2));
    say(&caller, to_caller_leg, n + 5, 8, 1);
    assert!(silent(&seat), "parted, and still heard");
    house.close(LegId(1));
    assert_eq!(house.desk.ports_in_use(), 0);
    house.desk.stop();
}

#[test]
fn a_leg_made_for_another_speaks_its_codec_and_hears_its_info_keys() {
    let mut house = house(42_700..=42_799, Duration::ZERO);
    let (caller, seat) = (phone(), phone());
    // A caller with µ-law and without RTP events.
    let (first, second) = (LegId(1), LegId(2));
    house.desk.command(Command::Open { leg: first, call: CALL, second: false, kind: LegKind::Phone, srtp: None });
    let sdp =
        |port: u16, rest: &str| format!("v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio {port} RTP/AVP {rest}\r\n").into_bytes();
    let port = |phone: &UdpSocket| phone.local_addr().unwrap().port();
    house.desk.command(Command::TakeOffer { leg: first, sdp: sdp(port(&caller), "0") });
    house.await_event(|event| matches!(event, Event::Described { .. }).then_some(()));
    house.desk.command(Command::Open { leg: second, call: CALL, second: true, kind: LegKind::Phone, srtp: None });
    house.desk.command(Command::MakeOffer { leg: second, like: Some(first) });
    let offer =
        house.await_event(|event| if let Event::Described { sdp, .. } = event { Some(sdp.clone()) } else { None });
    let offer = String::from_utf8(offer).unwrap();
    let (to, numbers) = offer.split("m=audio ").nth(1).unwrap().split_once(" RTP/AVP ").unwrap();
    assert!(numbers.starts_with("0 8 101\r\n"), "{offer}");
    let to = SocketAddr::from(([127, 0, 0, 1], to.parse().unwrap()));
    // It answers with numbers of its own, and may send either codec by ours.
    let answer = sdp(port(&seat), "0 8 99\r\na=rtpmap:99 telephone-event/8000");
    house.desk.command(Command::TakeAnswer { leg: second, sdp: answer });
    house.await_event(|event| matches!(event, Event::Agreed { .. }).then_some(()));
    house.desk.command(Command::Join { a: first, b: second });
    assert!(house.desk.poll().is_none());
    for (n, (payload_type, byte)) in [(0, linear_to_pcmu(4000)), (8, linear_to_pcma(8000))].into_iter().enumerate() {
        seat.send_to(&packet(payload_type, n as u16, n as u32 * 160, 5, &[byte; FRAME]), to).unwrap();
    }
    let mut heard = Vec::new();
    while heard.len() < 2 {
        let (payload_type, _, _, payload) = hear(&caller);
        assert_eq!(payload_type, 0);
        if payload[0] != 0xFF {
            heard.push(payload[0]);
        }
    }
    assert_eq!(heard, [linear_to_pcmu(4000), linear_to_pcmu(8064)], "each packet by its own number");
    house.desk.command(Command::InfoKey { leg: first, key: '5', duration_ms: 160 });
    let key = house.await_event(|event| if let Event::Key { leg, key } = event { Some((*leg, *key)) } else { None });
    assert_eq!(key, (first, '5'));
    let pressed = loop {
        let heard = hear(&seat);
        if heard.3.len() == 4 {
            break heard;
        }
    };
    assert_eq!((pressed.0, pressed.3[0]), (99, 5));
    house.desk.stop();
}

#[test]
fn strangers_are_not_heard_and_a_new_offer_moves_the_source() {
    let mut house = house(42_200..=42_299, Duration::ZERO);
    let (caller, stranger, seat, moved) = (phone(), phone(), phone(), phone());
    let leg = LegId(1);
    let to = house.connect(leg, &caller, Codec::Pcma);
    let to_seat = house.connect(LegId(2), &seat, Codec::Pcma);
    house.desk.command(Command::Join { a: leg, b: LegId(2) });
    assert!(house.desk.poll().is_none());
    seat.send_to(&packet(8, 1, 0, 3, &[1; FRAME]), to_seat).unwrap();
    while hear(&caller).3[0] == 0xD5 {}
    let hear = |phone: &UdpSocket| loop {
        let heard = hear(phone);
        if heard.3[0] != 0xD5 {
            return heard;
        }
    };
    for n in 0..4 {
        stranger.send_to(&packet(8, n * 7, 0, 66, &[0x66; FRAME]), to).unwrap();
        stranger.send_to(b"garbage", to).unwrap();
        stranger.send_to(&[0x80; 13], to).unwrap();
        // An extension (RFC 8285) whose only element is longer than the packet.
        let extension = [&packet(8, n, 0, 66, &[])[1..], &[0xBE, 0xDE, 0, 1, 0, 0, 0, 0x1F]].concat();
        stranger.send_to(&[&[0x90], &extension[..]].concat(), to).unwrap();
    }
    caller.send_to(&packet(8, 1, 160, 5, &[0x11; FRAME]), to).unwrap();
    assert_eq!(hear(&seat).3[0], 0x11, "the first thing heard is the caller");
    for n in 0..20 {
        let _ = stranger.send_to(&packet(8, n, u32::from(n) * 160, 66, &[0x66; FRAME]), to);
    }
    caller.send_to(&packet(8, 2, 320, 5, &[0x22; FRAME]), to).unwrap();
    assert_eq!(hear(&seat).3[0], 0x22, "a stranger is never heard after the lock");
    // An answer to an offer of ours that cannot be taken changes nothing.
    house.desk.command(Command::MakeOffer { leg, like: None });
    house.await_event(|event| matches!(event, Event::Described { .. }).then_some(()));
    let sdp = format!("v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio {} RTP/AVP 3\r\n", stranger.local_addr().unwrap().port());
    house.desk.command(Command::TakeAnswer { leg, sdp: sdp.into_bytes() });
    house.await_event(|event| matches!(event, Event::Unacceptable { .. }).then_some(()));
    let _ = stranger.send_to(&packet(8, 21, 3360, 66, &[0x66; FRAME]), to);
    caller.send_to(&packet(8, 3, 480, 5, &[0x44; FRAME]), to).unwrap();
    assert_eq!(hear(&seat).3[0], 0x44, "who was spoken with is");
    house.offer(leg, moved.local_addr().unwrap(), Codec::Pcma);
    let mut buffer = [0; 2048];
    seat.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut n = 10;
    while seat.recv_from(&mut buffer).is_err() || buffer[12] != 0x33 {
        n += 1;
        moved.send_to(&packet(8, n, u32::from(n) * 160, 5, &[0x33; FRAME]), to).unwrap();
    }
    house.close(leg);
    house.close(LegId(2));
    house.desk.stop();
}

#[test]
fn a_leg_that_falls_silent_is_dead_once_the_call_stands() {
    let mut house = house(42_300..=42_399, Duration::from_secs(2));
    let phone = phone();
    // The second is on hold from the start, the third has no 200 yet.
    for leg in [1, 2, 3] {
        house.connect(LegId(leg), &phone, Codec::Pcma);
    }
    let hold = "v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 8\r\na=inactive\r\n";
    house.desk.command(Command::TakeOffer { leg: LegId(2), sdp: hold.into() });
    for leg in [1, 2] {
        house.desk.command(Command::Watch { leg: LegId(leg) });
    }
    for leg in [1, 2] {
        house.await_event(|event| matches!(event, Event::Dead { leg: l } if *l == LegId(leg)).then_some(()));
    }
    // Its time begins with the 200.
    house.desk.command(Command::Watch { leg: LegId(3) });
    house.await_event(|event| matches!(event, Event::Dead { leg: LegId(3) }).then_some(()));
    for leg in [1, 2, 3] {
        house.close(LegId(leg));
    }
    assert!(!house.heard.iter().any(|event| matches!(event, Event::Dead { .. })), "dead too soon, or twice");
    house.desk.stop();
}

#[test]
fn ports_run_out_come_back_and_leave_nothing_open() {
    let mut house = house(42_400..=42_419, Duration::ZERO);
    let held = UdpSocket::bind("127.0.0.1:42405").unwrap();
    let open_files = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let before = open_files();
    for round in 0..20 {
        let legs: Vec<LegId> = (1..=9).map(|n| LegId(round * 20 + n)).collect();
        for leg in &legs {
            house.desk.command(Command::Open {
                leg: *leg,
                call: CallId(leg.0),
                second: false,
                kind: LegKind::Phone,
                srtp: None,
            });
        }
        assert!(house.desk.poll().is_none(), "nine pairs are free, one is held by somebody else");
        house.desk.command(Command::Open {
            leg: LegId(9999),
            call: CALL,
            second: false,
            kind: LegKind::Phone,
            srtp: None,
        });
        house.await_event(|event| matches!(event, Event::Exhausted { leg: LegId(9999) }).then_some(()));
        for leg in &legs {
            house.close(*leg);
        }
        assert_eq!((house.desk.legs(), house.desk.ports_in_use()), (0, 0));
    }
    assert!(open_files() <= before + 2, "{before} files were open, now {}", open_files());
    drop(held);
    house.desk.stop();
}

#[test]
fn callers_leave_ports_for_those_who_answer_them() {
    let mut house = house_with(42_600..=42_619, Duration::ZERO, 4);
    let open = |house: &mut House, leg, second| {
        house.desk.command(Command::Open { leg: LegId(leg), call: CALL, second, kind: LegKind::Phone, srtp: None })
    };
    let exhausted = |house: &mut House| matches!(house.desk.poll(), Some(Event::Exhausted { .. }));
    (1..=6).for_each(|leg| open(&mut house, leg, false));
    assert!(!exhausted(&mut house));
    open(&mut house, 7, false);
    assert!(exhausted(&mut house), "a seventh caller took a pair of the reserve");
    (11..=14).for_each(|leg| open(&mut house, leg, true));
    assert!(!exhausted(&mut house));
    open(&mut house, 15, true);
    assert!(exhausted(&mut house));
    // A second leg that ends gives its pair back to the reserve, not to callers.
    house.close(LegId(14));
    open(&mut house, 8, false);
    assert!(exhausted(&mut house));
    house.close(LegId(1));
    open(&mut house, 9, false);
    assert!(!exhausted(&mut house));
    house.desk.stop();
}

#[test]
fn keys_are_pressed_and_heard_between_two_of_ours() {
    let mut house = house(42_500..=42_599, Duration::ZERO);
    let open = |house: &mut House, leg| {
        house.desk.command(Command::Open { leg, call: CALL, second: false, kind: LegKind::Phone, srtp: None })
    };
    open(&mut house, LegId(1));
    open(&mut house, LegId(2));
    house.desk.command(Command::MakeOffer { leg: LegId(1), like: None });
    let offer =
        house.await_event(|event| if let Event::Described { sdp, .. } = event { Some(sdp.clone()) } else { None });
    house.desk.command(Command::TakeOffer { leg: LegId(2), sdp: offer });
    let answer =
        house.await_event(|event| if let Event::Described { sdp, .. } = event { Some(sdp.clone()) } else { None });
    house.desk.command(Command::TakeAnswer { leg: LegId(1), sdp: answer });
    house.desk.send_keys(LegId(1), "12#");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("heard.wav");
    house.desk.record(LegId(2), &path).unwrap();
    let keys: String = (0..3)
        .map(|_| {
            house.await_event(|event| if let Event::Key { leg: LegId(2), key } = event { Some(*key) } else { None })
        })
        .collect();
    assert_eq!(keys, "12#");
    house.desk.play_clip(LegId(1), Arc::new(Clip::of_samples(&[2000; 10 * FRAME])), false);
    house.await_event(|event| matches!(event, Event::Played { leg: LegId(1), .. }).then_some(()));
    house.close(LegId(1));
    house.close(LegId(2));
    house.desk.stop();
    let heard: Vec<i16> = hound::WavReader::open(&path).unwrap().into_samples().map(Result::unwrap).collect();
    assert!(heard.iter().filter(|sample| **sample > 1500).count() >= 9 * FRAME, "{} samples", heard.len());
}
