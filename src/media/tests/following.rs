//! A phone whose address changes in a talk, on real sockets.

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::desk::{hear, packet, phone, settings, start};
use crate::ids::LegId;
use crate::media::g711::FRAME;
use crate::media::{Codec, Command};
use crate::moment::Moment;

#[test]
fn a_phone_that_goes_on_from_another_address_is_heard_and_spoken_to_there() {
    let micros = AtomicU64::new(1_000_000);
    let clock = Arc::new(move || Moment::from_micros(micros.fetch_add(5_000, Ordering::Relaxed)));
    let mut house = start(settings(42_880..=42_889), clock);
    let (caller, elsewhere, seat) = (phone(), phone(), phone());
    let to_caller = house.connect(LegId(1), &caller, Codec::Pcma);
    let to_seat = house.connect(LegId(2), &seat, Codec::Pcma);
    house.desk.command(Command::Join { a: LegId(1), b: LegId(2) });
    assert!(house.desk.poll().is_none());
    let mut number = 0;
    // Both speak: the seat, and the caller's stream from there.
    let mut turn = |from: &[(&UdpSocket, u8)]| {
        number += 1;
        let timestamp = u32::from(number) * FRAME as u32;
        for (socket, sound) in from {
            socket.send_to(&packet(8, number, timestamp, 5, &[*sound; FRAME]), to_caller).unwrap();
        }
        seat.send_to(&packet(8, number, timestamp, 3, &[0x22; FRAME]), to_seat).unwrap();
    };
    // While the caller speaks, who goes on with its stream from elsewhere is nobody.
    for _ in 0..300 {
        turn(&[(&elsewhere, 0x66), (&caller, 0x11)]);
        while hear(&caller).3[0] != 0x22 {}
        let heard = hear(&seat).3[0];
        assert!(heard == 0x11 || heard == 0xD5, "{heard:x}");
    }
    caller.set_nonblocking(true).unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let mut sound = [0; 2048];
    assert_eq!(elsewhere.recv(&mut sound).unwrap_err().kind(), ErrorKind::WouldBlock);
    // It is silent, and its stream goes on from elsewhere.
    let mut turns = 0;
    'followed: loop {
        turns += 1;
        assert!(turns < 3_000, "what is said is still sent to where nobody is");
        turn(&[(&elsewhere, 0x33)]);
        while caller.recv(&mut sound).is_err() {
            if elsewhere.recv(&mut sound).is_ok() {
                break 'followed;
            }
            std::thread::yield_now();
        }
    }
    assert!(turns > 100, "the caller was hardly silent: {turns}");
    while hear(&seat).3[0] != 0x33 {
        turn(&[(&elsewhere, 0x33)]);
    }
    // So are its reports, from where they come; who reports of another stream is sent none.
    let [reports, stranger] = [phone(), phone()];
    let to_reports = (to_caller.ip(), to_caller.port() + 1);
    [&reports, &stranger].iter().for_each(|socket| socket.set_nonblocking(true).unwrap());
    let mut turns = 0;
    while reports.recv(&mut sound).is_err() {
        turns += 1;
        assert!(turns < 10_000, "nothing is reported to where its reports come from");
        turn(&[(&elsewhere, 0x33)]);
        hear(&seat);
        for (socket, ssrc) in [(&stranger, 4), (&reports, 5)] {
            socket.send_to(&[0x80, 201, 0, 1, 0, 0, 0, ssrc], to_reports).unwrap();
        }
    }
    assert_eq!((sound[1], stranger.recv(&mut sound).unwrap_err().kind()), (200, ErrorKind::WouldBlock));
    house.close(LegId(1));
    house.close(LegId(2));
    house.desk.stop();
}
