//! Each press exactly once, however its packets arrive.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::media::dtmf::{Keys, info_key};
use crate::moment::Moment;

/// The packets of one press: (milliseconds, timestamp, payload).
fn press(at: u64, event: u8) -> Vec<(u64, u32, [u8; 4])> {
    let packet = |n: u16, end: bool| {
        let [high, low] = (n * 160).to_be_bytes();
        (at + u64::from(n) * 20, at as u32 * 8, [event, if end { 0x8A } else { 10 }, high, low])
    };
    let mut packets: Vec<_> = (1..5).map(|n| packet(n, false)).collect();
    packets.extend([packet(5, true); 3]);
    packets
}

#[test]
fn presses_survive_loss_duplication_and_reordering() {
    for seed in 0..300 {
        let mut rng = StdRng::seed_from_u64(seed);
        let dialled = [1, 1, 2, 10, 11, 15, 0, 0, 0, 9];
        let mut packets = Vec::new();
        for (i, event) in dialled.iter().enumerate() {
            let mut of_press = press(i as u64 * 200, *event);
            let kept = rng.random_range(0..of_press.len());
            let mut index = 0;
            of_press.retain(|_| {
                index += 1;
                index - 1 == kept || rng.random_bool(0.8)
            });
            packets.extend(of_press);
        }
        let mut arriving: Vec<_> =
            packets.iter().map(|packet| (packet.0 + rng.random_range(0..35), packet.1, packet.2)).collect();
        for packet in &packets {
            if rng.random_bool(0.2) {
                arriving.push((packet.0 + rng.random_range(0..60), packet.1, packet.2));
            }
        }
        arriving.sort_by_key(|packet| packet.0);
        let mut keys = Keys::new();
        let heard: String = arriving
            .iter()
            .filter_map(|(at, ts, payload)| keys.rtp_event(Moment::from_micros(at * 1000), *ts, payload))
            .collect();
        assert_eq!(heard, "112*#D0009", "seed {seed}");
    }
}

#[test]
fn a_press_told_both_ways_is_one() {
    let at = |millis: u64| Moment::from_micros(millis * 1000);
    let mut keys = Keys::new();
    assert_eq!(keys.rtp_event(at(0), 8000, &[5, 10, 0, 160]), Some('5'));
    assert_eq!(keys.info(at(300), '5'), None, "the same press by INFO");
    assert_eq!(keys.info(at(600), '5'), Some('5'), "the next press came by INFO first");
    assert_eq!(keys.rtp_event(at(620), 9000, &[5, 10, 0, 160]), None);
    assert_eq!(keys.rtp_event(at(900), 10_000, &[5, 10, 0, 160]), Some('5'));
    assert_eq!(keys.info(at(5000), '5'), Some('5'), "too late to be the same");
    assert_eq!(keys.info(at(5100), '6'), Some('6'));
    assert_eq!(keys.info(at(5200), '6'), Some('6'), "two presses by INFO are two");
    assert_eq!(keys.info(at(5300), 'x'), None);
    assert_eq!(keys.rtp_event(at(6000), 1, &[16, 0, 0, 0]), None, "flash is no key");
    assert_eq!(keys.rtp_event(at(6000), 1, &[1, 0]), None);
}

#[test]
fn presses_told_both_ways_are_counted_once_when_infos_come_late() {
    let at = |millis: u64| Moment::from_micros(millis * 1000);
    let mut keys = Keys::new();
    let mut heard = String::new();
    // Three keys at once by RTP; their INFOs are retransmitted, and come all together and out of order.
    for (n, event) in [1, 2, 2].into_iter().enumerate() {
        heard.extend(keys.rtp_event(at(n as u64 * 200), n as u32 * 1600, &[event, 10, 0, 160]));
    }
    for (millis, key) in [(3500, '2'), (3500, '1'), (3900, '2')] {
        heard.extend(keys.info(at(millis), key));
    }
    assert_eq!(heard, "122");
    // A flood by one way alone is kept within its bound, and counts in full.
    let flood = (0..1000).filter_map(|n| keys.info(at(10_000 + n), '7')).count();
    assert_eq!(flood, 1000);
}

#[test]
fn a_press_longer_than_a_segment_is_one() {
    let mut keys = Keys::new();
    let now = Moment::default();
    assert_eq!(keys.rtp_event(now, 100, &[3, 10, 0xFF, 0xFF]), Some('3'));
    assert_eq!(keys.rtp_event(now, 100 + 0xFFFF, &[3, 10, 0, 160]), None);
    assert_eq!(keys.rtp_event(now + Duration::from_secs(1), 200_000, &[3, 10, 0, 160]), Some('3'));
}

#[test]
fn bodies_of_info() {
    let relay = "application/dtmf-relay";
    let table = [
        (relay, "Signal=5\r\nDuration=160\r\n", Some(('5', 160))),
        (relay, "Signal= # \nDuration = 90", Some(('#', 90))),
        (relay, "signal=a", Some(('A', 160))),
        (relay, "Signal=10", Some(('*', 160))),
        (relay, "Signal=11\r\nDuration=x", Some(('#', 160))),
        (relay, "Signal=55", None),
        (relay, "Duration=160", None),
        (relay, "", None),
        ("Application/DTMF; charset=utf-8", " 7 ", Some(('7', 160))),
        ("application/dtmf", "x", None),
        ("application/sdp", "5", None),
    ];
    for (kind, body, key) in table {
        assert_eq!(info_key(kind, body.as_bytes()), key, "{kind} {body:?}");
    }
    assert_eq!(info_key(relay, &[0xFF, 0xFE]), None);
}
