//! A headless browser and a phone with plain RTP, joined by the desk, on real sockets of the loopback.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::page::{News, Page, Speaks, from_law, share, to_law};
use crate::ids::{CallId, LegId};
use crate::media::desk::Desk;
use crate::media::prompts::PromptBank;
use crate::media::{Browser, Codec, Command, Direction, Event, LegKind, Settings};
use crate::moment::Moment;

const WAIT: Duration = Duration::from_secs(20);
pub const CALL: CallId = CallId(77);
pub const PHONE: LegId = LegId(1);
pub const PAGE: LegId = LegId(2);
pub const PHONE_HZ: u32 = 440;
pub const PAGE_HZ: u32 = 700;

pub struct House {
    pub desk: Desk,
    told: Receiver<Vec<Event>>,
    heard: Vec<Event>,
    /// How the phone numbers its sound: 8 A-law, 0 µ-law.
    law: u8,
    /// For the pages.
    pub runtime: tokio::runtime::Runtime,
}

#[allow(clippy::disallowed_methods)]
pub fn house(ports: std::ops::RangeInclusive<u16>, opus_at_once: usize) -> House {
    let settings = Settings {
        bind: "127.0.0.1".parse().unwrap(),
        advertise: None,
        ports,
        reserve: 0,
        urgent: 0,
        codecs: vec![Codec::Pcma, Codec::Pcmu, Codec::Opus],
        dead_after: Duration::ZERO,
        held_at_most: Duration::ZERO,
        workers: 1,
        prompts: Default::default(),
        browser: Browser { opus_at_once, ..Browser::on([127, 0, 0, 1].into()) },
        recordings: Default::default(),
        srtp: Default::default(),
        one_way_after: Duration::ZERO,
        dscp: 46,
    };
    let began = std::time::Instant::now();
    let clock = Arc::new(move || Moment::from_micros(1 + began.elapsed().as_micros() as u64));
    let (tell, told) = channel();
    let tell = Box::new(move |events| tell.send(events).map_err(|back| back.0));
    let desk = Desk::start(settings, Arc::new(PromptBank::default()), clock, StdRng::seed_from_u64(1), tell).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    House { desk, told, heard: Vec::new(), law: 8, runtime }
}

impl House {
    pub fn await_event<T>(&mut self, what: &str, pick: impl Fn(&Event) -> Option<T>) -> T {
        self.await_event_for(WAIT, what, pick)
    }

    fn await_event_for<T>(&mut self, wait: Duration, what: &str, pick: impl Fn(&Event) -> Option<T>) -> T {
        loop {
            if let Some(found) = self.heard.iter().position(|event| pick(event).is_some()) {
                return pick(&self.heard.remove(found)).unwrap();
            }
            match self.desk.poll() {
                Some(event) => self.heard.push(event),
                None => match self.told.recv_timeout(wait) {
                    Ok(events) => self.heard.extend(events),
                    Err(_) => panic!("{what} did not come, but {:?}", self.heard),
                },
            }
        }
    }

    pub fn described(&mut self, leg: LegId) -> String {
        self.await_event("a description", |event| match event {
            Event::Described { leg: l, sdp, .. } if *l == leg => Some(String::from_utf8(sdp.clone()).unwrap()),
            Event::Unacceptable { leg: l, .. } | Event::Exhausted { leg: l } if *l == leg => panic!("{event:?}"),
            _ => None,
        })
    }

    pub fn key(&mut self) -> (LegId, char) {
        self.await_event("a key", |event| if let Event::Key { leg, key } = event { Some((*leg, *key)) } else { None })
    }

    /// A phone's leg; returns where it receives.
    pub fn phone(&mut self, phone: &UdpSocket) -> SocketAddr {
        self.desk.command(Command::Open { leg: PHONE, call: CALL, second: false, kind: LegKind::Phone, srtp: None });
        let port = phone.local_addr().unwrap().port();
        let sdp = format!(
            "v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio {port} RTP/AVP {} 101\r\na=rtpmap:101 telephone-event/8000\r\n",
            self.law
        );
        self.desk.command(Command::TakeOffer { leg: PHONE, sdp: sdp.into_bytes() });
        let answer = self.described(PHONE);
        let port = answer.split("m=audio ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    /// The page calls.
    pub fn calls(&mut self, page: &mut Page) -> String {
        self.desk.command(Command::Open { leg: PAGE, call: CALL, second: true, kind: LegKind::Phone, srtp: None });
        self.offers(page, false)
    }

    fn offers(&mut self, page: &mut Page, restart: bool) -> String {
        let offer = self.runtime.block_on(page.offer(restart));
        self.desk.command(Command::TakeOffer { leg: PAGE, sdp: offer.into_bytes() });
        let answer = self.described(PAGE);
        self.runtime.block_on(page.accept(answer.clone()));
        answer
    }

    pub fn join(&mut self) {
        self.desk.command(Command::Join { a: PHONE, b: PAGE });
        assert!(self.desk.poll().is_none());
    }

    fn close(&mut self, leg: LegId) {
        self.desk.command(Command::Close { leg });
        self.await_event("the end", |event| matches!(event, Event::Closed { leg: l, .. } if *l == leg).then_some(()));
    }

    /// The worker gives back the pair that the page's leg began with, when it comes to it.
    fn only_the_phone_holds_a_pair(&mut self) {
        for _ in 0..1_000 {
            if self.desk.ports_in_use() == 1 {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("a browser's leg holds a pair");
    }

    /// Nothing is left of the browsers but the port.
    fn all_tasks_end(&mut self) {
        for _ in 0..200 {
            if self.desk.browser_tasks() <= 1 {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("{} tasks are left", self.desk.browser_tasks());
    }
}

pub fn phone() -> UdpSocket {
    let phone = UdpSocket::bind("127.0.0.1:0").unwrap();
    phone.set_read_timeout(Some(WAIT)).unwrap();
    phone
}

/// Both speak, 20 ms at a time, until both have heard half a second of the other.
pub fn speak(house: &mut House, page: &mut Page, phone: &UdpSocket, to: SocketAddr, n: &mut u16) {
    phone.set_nonblocking(true).unwrap();
    let (mut at_phone, mut at_page) = (Vec::new(), Vec::new());
    let half = |samples: &[i16], hz| samples.len() >= 4_000 && share(&samples[samples.len() - 4_000..], hz) > 0.8;
    for _ in 0..1_000 {
        let sample = |i: u32| (f64::from(i) * f64::from(PHONE_HZ) * std::f64::consts::TAU / 8_000.0).sin();
        let sample = |i: u32| to_law(house.law, (sample(u32::from(*n) * 160 + i) * 8_192.0) as i16);
        let payload: Vec<u8> = (0..160).map(sample).collect();
        send(phone, to, house.law, *n, u32::from(*n) * 160, &payload);
        *n += 1;
        house.runtime.block_on(async {
            page.say(PAGE_HZ).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            while let Ok(news) = page.news.try_recv() {
                if let News::Heard(packet) = news {
                    at_page.extend(page.decode(&packet));
                }
            }
        });
        let mut packet = [0; 2048];
        while let Ok(length) = phone.recv(&mut packet) {
            if packet[1] & 0x7F == house.law {
                at_phone.extend(packet[12..length].iter().map(|byte| from_law(house.law, *byte)));
            }
        }
        if half(&at_phone, PAGE_HZ) && half(&at_page, PHONE_HZ) {
            phone.set_nonblocking(false).unwrap();
            return;
        }
    }
    let heard = |samples: &[i16], hz| (samples.len(), share(&samples[samples.len().saturating_sub(4_000)..], hz));
    panic!("phone: {:?}, page: {:?}", heard(&at_phone, PAGE_HZ), heard(&at_page, PHONE_HZ));
}

pub fn send(phone: &UdpSocket, to: SocketAddr, payload_type: u8, sequence: u16, timestamp: u32, payload: &[u8]) {
    let mut packet = vec![0x80, payload_type];
    packet.extend(sequence.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend([0, 0, 0, 5]);
    packet.extend(payload);
    phone.send_to(&packet, to).unwrap();
}

/// The keys that a phone is sent, each once, by their event numbers.
fn keys_at(phone: &UdpSocket) -> u8 {
    let mut packet = [0; 2048];
    loop {
        let length = phone.recv(&mut packet).expect("a key");
        if packet[1] & 0x7F == 101 && length == 16 {
            return packet[12];
        }
    }
}

fn talks(speaks: Speaks, ports: std::ops::RangeInclusive<u16>, voice: &str) {
    let mut house = house(ports, 10);
    let phone = phone();
    let to = house.phone(&phone);
    let mut page = house.runtime.block_on(Page::open(speaks));
    let answer = house.calls(&mut page);
    assert!(answer.contains(voice) && answer.contains("a=setup:passive") && answer.contains("a=ice-lite"), "{answer}");
    house.join();
    house.only_the_phone_holds_a_pair();
    let mut n = 0;
    speak(&mut house, &mut page, &phone, to, &mut n);
    // Keys of the page's: each told once, and heard at the phone.
    for key in [5, 11] {
        house.runtime.block_on(page.press(key));
        assert_eq!(house.key(), (PAGE, if key == 5 { '5' } else { '#' }));
        while keys_at(&phone) != key {}
    }
    // And of the phone's.
    for end in [10_u8, 0x8A, 0x8A, 0x8A] {
        send(&phone, to, 101, n, 4_000_000, &[7, end, 3, 0x20]);
        n += 1;
    }
    assert_eq!(house.key(), (PHONE, '7'));
    let keys = if speaks == Speaks::Opus { 110 } else { 126 };
    let factor = if speaks == Speaks::Opus { 6 } else { 1 };
    let pressed = house.runtime.block_on(page.until("a key", |news| match news {
        News::Heard(packet) if packet.header.payload_type == keys => Some(packet.payload.to_vec()),
        _ => None,
    }));
    let duration = (800_u16 * factor).to_be_bytes();
    assert_eq!((pressed[0], &pressed[2..4]), (7, &duration[..]));
    speak(&mut house, &mut page, &phone, to, &mut n);
    house.runtime.block_on(page.close());
    for leg in [PAGE, PHONE] {
        house.close(leg);
    }
    let keys = house.heard.iter().filter(|event| matches!(event, Event::Key { .. })).count();
    assert_eq!(keys, 0, "a key is told twice");
    house.all_tasks_end();
    house.desk.stop();
}

#[test]
fn a_page_and_a_phone_hear_each_other_and_their_keys_in_g711() {
    talks(Speaks::G711, 43_000..=43_019, "a=rtpmap:8 PCMA/8000");
}

#[test]
fn a_page_that_only_speaks_opus_hears_a_phone_and_is_heard() {
    talks(Speaks::Opus, 43_020..=43_039, "a=rtpmap:111 opus/48000/2");
}

#[test]
fn a_page_that_speaks_both_is_spoken_with_in_g711() {
    let mut house = house(43_040..=43_059, 10);
    let mut page = house.runtime.block_on(Page::open(Speaks::Both));
    let answer = house.calls(&mut page);
    assert!(answer.contains("SAVPF 8 126\r\n") && !answer.contains("opus"), "{answer}");
    house.runtime.block_on(page.connected());
    house.runtime.block_on(page.close());
    house.close(PAGE);
    house.desk.stop();
}

#[test]
fn no_more_than_allowed_speak_opus_at_once() {
    let mut house = house(43_060..=43_079, 1);
    let mut pages = Vec::new();
    for (leg, may) in [(LegId(1), true), (LegId(2), false), (LegId(3), true)] {
        if leg == LegId(3) {
            house.close(LegId(1));
        }
        let mut page = house.runtime.block_on(Page::open(Speaks::Opus));
        let offer = house.runtime.block_on(page.offer(false));
        house.desk.command(Command::Open { leg, call: CALL, second: false, kind: LegKind::Browser, srtp: None });
        house.desk.command(Command::TakeOffer { leg, sdp: offer.into_bytes() });
        let answered = house.await_event("an answer", |event| match event {
            Event::Described { leg: l, .. } if *l == leg => Some(true),
            Event::Unacceptable { leg: l, malformed: false, .. } if *l == leg => Some(false),
            _ => None,
        });
        assert_eq!(answered, may, "{leg}");
        pages.push(page);
    }
    house.desk.stop();
}

/// As browsers answer: with all that is in common, of which they send the first.
#[test]
fn a_page_that_answers_with_both_laws_is_heard_in_the_one_it_sends() {
    let mut house = House { law: 0, ..house(43_200..=43_219, 10) };
    let phone = phone();
    let to = house.phone(&phone);
    let mut page = house.runtime.block_on(Page::open(Speaks::Both));
    house.desk.command(Command::Open { leg: PAGE, call: CALL, second: true, kind: LegKind::Browser, srtp: None });
    house.desk.command(Command::MakeOffer { leg: PAGE, like: Some(PHONE) });
    let offer = house.described(PAGE);
    assert!(offer.contains("SAVPF 0 8 111 101 110\r\n"), "{offer}");
    let answer = house.runtime.block_on(page.answer(offer));
    let formats = answer.lines().find_map(|line| line.strip_prefix("m=audio 9 UDP/TLS/RTP/SAVPF "));
    let rest = answer.replace(formats.unwrap(), "0 8 111 101 110");
    let rest = rest.replace("a=rtpmap:126 telephone-event/8000", "a=rtpmap:101 telephone-event/8000");
    house.desk.command(Command::TakeAnswer { leg: PAGE, sdp: rest.into_bytes() });
    house.await_event("agreement", |event| matches!(event, Event::Agreed { leg: PAGE, .. }).then_some(()));
    house.join();
    let mut n = 0;
    for law in [0, 8] {
        page.law = law;
        speak(&mut house, &mut page, &phone, to, &mut n);
    }
    house.runtime.block_on(page.close());
    house.desk.stop();
}

#[test]
fn a_page_is_called_and_answers() {
    let mut house = house(43_080..=43_099, 10);
    let phone = phone();
    let to = house.phone(&phone);
    let mut page = house.runtime.block_on(Page::open(Speaks::G711));
    house.desk.command(Command::Open { leg: PAGE, call: CALL, second: true, kind: LegKind::Browser, srtp: None });
    house.desk.command(Command::MakeOffer { leg: PAGE, like: Some(PHONE) });
    let offer = house.described(PAGE);
    assert!(offer.contains("SAVPF 8 0 111 101 110\r\n") && offer.contains("a=setup:actpass"), "{offer}");
    let answer = house.runtime.block_on(page.answer(offer.clone()));
    house.desk.command(Command::TakeAnswer { leg: PAGE, sdp: answer.into_bytes() });
    house.await_event("agreement", |event| {
        matches!(event, Event::Agreed { leg: PAGE, direction: Direction::Both }).then_some(())
    });
    house.join();
    let mut n = 0;
    speak(&mut house, &mut page, &phone, to, &mut n);
    // An offer within the call keeps the connection.
    house.desk.command(Command::MakeOffer { leg: PAGE, like: Some(PHONE) });
    let again = house.described(PAGE);
    let line = |sdp: &str, name: &str| sdp.lines().find(|line| line.starts_with(name)).unwrap().to_string();
    assert_eq!(line(&again, "a=ice-ufrag"), line(&offer, "a=ice-ufrag"));
    house.runtime.block_on(page.close());
    house.desk.stop();
}

#[test]
fn a_page_that_moves_is_heard_again_after_an_ice_restart() {
    let mut house = house(43_100..=43_119, 10);
    let phone = phone();
    let to = house.phone(&phone);
    let mut page = house.runtime.block_on(Page::open(Speaks::G711));
    let first = house.calls(&mut page);
    house.join();
    let mut n = 0;
    speak(&mut house, &mut page, &phone, to, &mut n);
    let second = house.offers(&mut page, true);
    let line = |sdp: &str, name: &str| sdp.lines().find(|line| line.starts_with(name)).unwrap().to_string();
    for name in ["a=ice-ufrag", "a=ice-pwd"] {
        assert_ne!(line(&first, name), line(&second, name));
    }
    for name in ["a=fingerprint", "a=setup"] {
        assert_eq!(line(&first, name), line(&second, name));
    }
    speak(&mut house, &mut page, &phone, to, &mut n);
    house.runtime.block_on(page.close());
    house.desk.stop();
}

#[test]
fn a_page_that_was_loaded_anew_takes_over_its_leg() {
    let mut house = house(43_120..=43_139, 10);
    let phone = phone();
    let to = house.phone(&phone);
    let mut page = house.runtime.block_on(Page::open(Speaks::G711));
    house.calls(&mut page);
    house.join();
    let mut n = 0;
    speak(&mut house, &mut page, &phone, to, &mut n);
    // It does not say goodbye, and its certificate is another one.
    let mut anew = house.runtime.block_on(Page::open(Speaks::Opus));
    house.offers(&mut anew, false);
    speak(&mut house, &mut anew, &phone, to, &mut n);
    house.desk.stop();
}

#[test]
fn whoever_has_another_certificate_than_named_is_refused() {
    let mut house = house(43_140..=43_159, 10);
    let mut page = house.runtime.block_on(Page::open(Speaks::G711));
    house.desk.command(Command::Open { leg: PAGE, call: CALL, second: false, kind: LegKind::Browser, srtp: None });
    let offer = house.runtime.block_on(page.offer(false));
    let (before, rest) = offer.split_once("a=fingerprint:sha-256 ").unwrap();
    let (fingerprint, after) = rest.split_once("\r\n").unwrap();
    let wrong = if fingerprint.starts_with("00") { "11" } else { "00" };
    let offer = format!("{before}a=fingerprint:sha-256 {wrong}{}\r\n{after}", &fingerprint[2..]);
    house.desk.command(Command::TakeOffer { leg: PAGE, sdp: offer.into_bytes() });
    let answer = house.described(PAGE);
    house.runtime.block_on(page.accept(answer));
    house.await_event("its end", |event| matches!(event, Event::Dead { leg: PAGE }).then_some(()));
    house.desk.stop();
}

#[test]
fn a_page_that_is_gone_without_a_word_is_dead_when_its_consent_has_run_out() {
    let mut house = house(43_160..=43_179, 10);
    let mut page = house.runtime.block_on(Page::open(Speaks::G711));
    house.calls(&mut page);
    house.runtime.block_on(page.connected());
    // All its tasks, and with them its socket, are gone.
    let empty = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    std::mem::replace(&mut house.runtime, empty).shutdown_background();
    let wait = Duration::from_secs(60);
    house.await_event_for(wait, "its end", |event| matches!(event, Event::Dead { leg: PAGE }).then_some(()));
    house.close(PAGE);
    house.all_tasks_end();
    house.desk.stop();
}

#[test]
fn legs_that_are_closed_leave_nothing_behind() {
    let mut house = house(43_180..=43_199, 10);
    let mut page = house.runtime.block_on(Page::open(Speaks::Both));
    let offer = house.runtime.block_on(page.offer(false)).into_bytes();
    let open_files = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let mut before = 0;
    for round in 0..120 {
        let legs: Vec<LegId> = (0..4).map(|n| LegId(10 + n)).collect();
        for (n, leg) in legs.iter().enumerate() {
            // Half of them are phones' legs until they turn out to be browsers'.
            let kind = if n % 2 == 0 { LegKind::Browser } else { LegKind::Phone };
            house.desk.command(Command::Open { leg: *leg, call: CALL, second: false, kind, srtp: None });
            house.desk.command(Command::TakeOffer { leg: *leg, sdp: offer.clone() });
        }
        for leg in &legs {
            house.described(*leg);
        }
        for leg in legs {
            house.close(leg);
        }
        if round == 20 {
            house.all_tasks_end();
            before = open_files();
        }
    }
    house.all_tasks_end();
    assert_eq!((house.desk.ports_in_use(), house.desk.legs()), (0, 0));
    let after = open_files();
    assert!(after <= before + 2, "{before} files were open, {after} are");
    house.desk.stop();
}
