//! A phone whose sound is encrypted, on real sockets: joined with one whose is not, and beside strangers.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::desk::{CALL, House, house, packet, phone};
use crate::ids::LegId;
use crate::media::g711::FRAME;
use crate::media::srtp::Sealed;
use crate::media::srtp::sdes::{Crypto, Key, Secrets, Suite};
use crate::media::{Codec, Command, Event, LegKind};

/// Offers a stream encrypted with `theirs`; returns where the leg receives, and the phone's side of the encryption.
fn connect(house: &mut House, leg: LegId, phone: &UdpSocket, theirs: Key) -> (SocketAddr, Secrets) {
    house.desk.command(Command::Open { leg, call: CALL, second: false, kind: LegKind::Phone, srtp: None });
    offer(house, leg, phone, theirs)
}

fn offer(house: &mut House, leg: LegId, phone: &UdpSocket, theirs: Key) -> (SocketAddr, Secrets) {
    let port = phone.local_addr().unwrap().port();
    let line = Crypto { tag: 1, key: theirs }.write();
    let sdp = format!("v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio {port} RTP/SAVP 8\r\n{line}\r\na=rtcp-mux\r\n");
    house.desk.command(Command::TakeOffer { leg, sdp: sdp.into_bytes() });
    let answer = house.await_event(|event| match event {
        Event::Described { sdp, .. } => Some(String::from_utf8(sdp.clone()).unwrap()),
        Event::Exhausted { .. } | Event::Unacceptable { .. } => panic!("{event:?}"),
        _ => None,
    });
    assert!(house.desk.poll().is_none());
    let port = answer.split("m=audio ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    let line = answer.lines().find_map(|line| line.strip_prefix("a=crypto:")).unwrap();
    let ours = Crypto::read(line).unwrap().key;
    (SocketAddr::from(([127, 0, 0, 1], port)), Secrets { ours: theirs, theirs: ours })
}

/// The payload of the next packet that is no silence, opened if it is encrypted.
fn hear(phone: &UdpSocket, mut sealed: Option<&mut Sealed>) -> Vec<u8> {
    let mut buffer = [0; 2048];
    loop {
        let (length, _) = phone.recv_from(&mut buffer).expect("a packet");
        if (192..=223).contains(&buffer[1]) {
            if let Some(sealed) = &mut sealed {
                assert!(sealed.open_control(&mut buffer[..length]).is_some(), "a report in the clear");
            }
            continue;
        }
        let end = match &mut sealed {
            Some(sealed) => sealed.open(&mut buffer[..length]).expect("a packet that can be opened"),
            None => length,
        };
        if buffer[12] != 0xD5 {
            return buffer[12..end].to_vec();
        }
    }
}

#[test]
fn an_encrypted_phone_and_a_plain_one_hear_each_other_and_no_stranger() {
    let mut house = house(43_000..=43_099, Duration::ZERO);
    let (sealed_phone, plain, stranger) = (phone(), phone(), phone());
    let mut rng = StdRng::seed_from_u64(1);
    for (round, suite) in (0_u64..).zip(Suite::ALL) {
        let (one, other) = (LegId(1 + 2 * round), LegId(2 + 2 * round));
        let (to_one, secrets) = connect(&mut house, one, &sealed_phone, Key::random(suite, &mut rng));
        house.await_event(|event| {
            let told = matches!(event, Event::Encrypted { leg, encrypted: true } if *leg == one);
            told.then_some(())
        });
        let mut sealed = Sealed::new(secrets).unwrap();
        let to_other = house.connect(other, &plain, Codec::Pcma);
        house.desk.command(Command::Join { a: one, b: other });
        assert!(house.desk.poll().is_none());
        // In the clear, or encrypted with another key: nobody hears it, and it locks nothing.
        for n in 0..20 {
            stranger.send_to(&packet(8, n, u32::from(n) * 160, 66, &[0x66; FRAME]), to_one).unwrap();
            sealed_phone.send_to(&packet(8, n, u32::from(n) * 160, 5, &[0x66; FRAME]), to_one).unwrap();
        }
        for n in 1..4_u16 {
            let clear = packet(8, n, u32::from(n) * 160, 5, &[n as u8; FRAME]);
            let packet = sealed.seal(&clear).unwrap().to_vec();
            sealed_phone.send_to(&packet, to_one).unwrap();
            // A packet that comes twice is heard once.
            sealed_phone.send_to(&packet, to_one).unwrap();
            assert_eq!(hear(&plain, None), [n as u8; FRAME], "{suite:?}");
            plain
                .send_to(&super::desk::packet(8, n, u32::from(n) * 160, 7, &[0x40 + n as u8; FRAME]), to_other)
                .unwrap();
            assert_eq!(hear(&sealed_phone, Some(&mut sealed)), [0x40 + n as u8; FRAME], "{suite:?}");
        }
        // Another key in the middle of the call, as a phone behind an exchange gets it.
        let (_, fresh) = offer(&mut house, one, &sealed_phone, Key::random(suite, &mut rng));
        sealed.change(fresh).unwrap();
        std::thread::sleep(Duration::from_millis(100));
        let again = sealed.seal(&packet(8, 9, 9 * 160, 5, &[9; FRAME])).unwrap().to_vec();
        sealed_phone.send_to(&again, to_one).unwrap();
        assert_eq!(hear(&plain, None), [9; FRAME], "{suite:?}");
        house.close(one);
        house.close(other);
        for phone in [&sealed_phone, &plain] {
            phone.set_nonblocking(true).unwrap();
            while phone.recv_from(&mut [0; 2048]).is_ok() {}
            phone.set_nonblocking(false).unwrap();
        }
    }
    house.desk.stop();
}
