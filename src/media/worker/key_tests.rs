//! Keys that come on one leg, and what those who hear it get: each key once, in order.

use std::net::UdpSocket;

use super::tests::{NOW, worker};
use super::*;
use crate::media::g711::FRAME;
use crate::media::negotiation::{Local, Negotiation};
use crate::media::tones::Tones;

const KEYS: u8 = 101;

struct Desk {
    worker: Worker,
    phones: Vec<UdpSocket>,
    now: Moment,
    /// Of the next press.
    timestamp: u32,
    sequence: u8,
}

/// Three phones; the third agreed no RTP events.
fn desk() -> Desk {
    let mut worker = worker(3);
    let local = Local { address: [127, 0, 0, 1].into(), rtp_port: 9, session_id: 1 };
    let phones = [1, 2, 3].map(|id| {
        let phone = UdpSocket::bind("127.0.0.1:0").unwrap();
        phone.set_nonblocking(true).unwrap();
        let port = phone.local_addr().unwrap().port();
        let events = if id == 3 { "" } else { " 101\r\na=rtpmap:101 telephone-event/8000" };
        let offer = format!("v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio {port} RTP/AVP 8{events}\r\n");
        let (_, agreement) = Negotiation::new(local, &[Codec::Pcma]).take_offer(offer.as_bytes()).unwrap();
        worker.obey(NOW, Order::Agree { leg: LegId(id), agreement, secrets: None });
        phone
    });
    Desk { worker, phones: phones.into(), now: NOW, timestamp: 8_000, sequence: 0 }
}

impl Desk {
    fn order(&mut self, order: Order) {
        self.worker.obey(self.now, order);
    }

    fn mix(&mut self, hears: &[(u64, u64)]) {
        let hears = hears.iter().map(|(ear, mouth)| (LegId(*ear), LegId(*mouth))).collect();
        self.order(Order::Mix { legs: [1, 2, 3].map(LegId).into(), hears });
    }

    /// As an RTP event: `packets` of it, as the phone of this leg sends them.
    fn events(&mut self, leg: u64, key: u8, packets: u8) {
        let from = self.phones[leg as usize - 1].local_addr().unwrap();
        for n in 1..=packets {
            self.sequence += 1;
            let mut packet = vec![0x80, KEYS, 0, self.sequence];
            packet.extend(self.timestamp.to_be_bytes());
            packet.extend([0, 0, 0, leg as u8, key, 10, 0, 80 * n]);
            self.worker.heard(self.now, leg as usize - 1, from, &mut packet);
        }
        self.timestamp += 1_600;
    }

    fn info(&mut self, leg: u64, key: char) {
        self.order(Order::InfoKey { leg: LegId(leg), key });
    }

    /// A second passes; what each phone got of keys: as events, and in the sound.
    fn got(&mut self) -> [String; 3] {
        let mut got = [const { Vec::new() }; 3];
        for _ in 0..50 {
            self.now = self.now + TICK;
            self.worker.tick(self.now);
            for (phone, got) in self.phones.iter().zip(&mut got) {
                let mut packet = [0; 2048];
                while let Ok(length) = phone.recv(&mut packet) {
                    got.push(packet[..length].to_vec());
                }
            }
        }
        got.map(|packets| {
            let (mut told, mut tones, mut keys) = (Vec::new(), Tones::new(), String::new());
            for packet in packets.iter().filter(|packet| packet.len() >= 16) {
                let timestamp = &packet[4..8];
                if packet[1] & 0x7F == KEYS && !told.contains(&timestamp) {
                    told.push(timestamp);
                    keys.extend(crate::media::dtmf::symbol_of(packet[12]));
                } else if packet.len() == 12 + FRAME {
                    keys.extend(tones.hear(Codec::Pcma, &packet[12..]).map(|_| 't'));
                }
            }
            keys
        })
    }
}

#[test]
fn keys_of_a_mix_reach_those_who_hear_that_speaker_once_each() {
    let mut desk = desk();
    // The third only listens.
    desk.mix(&[(1, 2), (2, 1), (3, 1), (3, 2)]);
    desk.events(1, 5, 3);
    desk.events(1, 6, 3);
    assert_eq!(desk.got(), ["", "56", "tt"]);
    desk.events(3, 7, 3);
    assert_eq!(desk.got(), ["", "", ""], "whom nobody hears");
    // A press is not told a second time because the mix is over in the middle of it.
    desk.events(1, 8, 1);
    desk.timestamp -= 1_600;
    desk.order(Order::Join { a: LegId(1), b: LegId(2) });
    desk.events(1, 8, 3);
    assert_eq!(desk.got(), ["", "8", "t"]);
}

#[test]
fn keys_by_info_are_pressed_on_the_other_side_and_their_events_are_no_second_press() {
    let mut desk = desk();
    desk.order(Order::Join { a: LegId(1), b: LegId(2) });
    desk.info(1, '5');
    desk.info(1, '6');
    desk.events(1, 5, 3);
    assert_eq!(desk.got(), ["", "56", ""]);
    desk.events(1, 7, 3);
    desk.info(1, '7');
    assert_eq!(desk.got(), ["", "7", ""], "the event came first");
    desk.order(Order::Join { a: LegId(1), b: LegId(3) });
    desk.info(1, '#');
    desk.events(1, 9, 3);
    assert_eq!(desk.got(), ["", "", "tt"], "in the sound, where no events were agreed");
}

#[test]
fn kept_keys_are_heard_when_they_are_passed_on_and_not_before() {
    for mixed in [false, true] {
        let mut desk = desk();
        desk.order(Order::KeepKeys { leg: LegId(1) });
        match mixed {
            true => desk.mix(&[(1, 2), (2, 1)]),
            false => desk.order(Order::Join { a: LegId(1), b: LegId(2) }),
        }
        desk.events(1, 10, 3);
        desk.info(1, '7');
        assert_eq!(desk.got(), ["", "", ""]);
        desk.order(Order::PassKeys { leg: LegId(1), keys: "*7".into() });
        assert_eq!(desk.got(), ["", "*7", ""]);
        // Keys of a leg that are not kept have passed already.
        desk.order(Order::PassKeys { leg: LegId(2), keys: "1".into() });
        assert_eq!(desk.got(), ["", "", ""]);
    }
}
