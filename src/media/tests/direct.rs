//! Legs that are told of each other, so that their sound does not pass us.

use std::net::UdpSocket;
use std::time::Duration;

use super::desk::{House, house, packet, phone};
use crate::ids::LegId;
use crate::media::{Codec, Command, Event};

const A: LegId = LegId(1);
const B: LegId = LegId(2);

fn port(phone: &UdpSocket) -> u16 {
    phone.local_addr().unwrap().port()
}

/// What a phone describes: A-law, and keys by this number.
fn sdp(port: u16, keys: u8, more: &str) -> Vec<u8> {
    let map = format!("a=rtpmap:{keys} telephone-event/8000\r\n{more}");
    format!("v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio {port} RTP/AVP 8 {keys}\r\n{map}").into_bytes()
}

fn described(house: &mut House, leg: LegId) -> String {
    house.await_event(|event| match event {
        Event::Described { leg: of, sdp, .. } if *of == leg => Some(String::from_utf8(sdp.clone()).unwrap()),
        Event::Unacceptable { .. } => panic!("{event:?}"),
        _ => None,
    })
}

/// Whether an answer is taken.
fn answered(house: &mut House, leg: LegId, sdp: Vec<u8>) -> bool {
    house.desk.command(Command::TakeAnswer { leg, sdp });
    house.await_event(|event| match event {
        Event::Agreed { .. } => Some(true),
        Event::Unacceptable { .. } => Some(false),
        _ => None,
    })
}

fn line<'a>(sdp: &'a str, begins: &str) -> &'a str {
    sdp.lines().find(|line| line.starts_with(begins)).unwrap_or_else(|| panic!("{begins} in {sdp}"))
}

/// The session and its version.
fn session(sdp: &str) -> (String, u64) {
    let mut words = line(sdp, "o=").split(' ').skip(1);
    let mut next = || words.next().unwrap().to_string();
    (next(), next().parse().unwrap())
}

/// Both are told of each other, and take it.
fn direct(house: &mut House, [a, b]: [&UdpSocket; 2]) -> [String; 2] {
    house.desk.command(Command::OfferDirect { leg: A, to: B });
    let to_a = described(house, A);
    assert!(answered(house, A, sdp(port(a), 101, "")));
    house.desk.command(Command::OfferDirect { leg: B, to: A });
    let to_b = described(house, B);
    assert!(answered(house, B, sdp(port(b), 101, "")));
    [to_a, to_b]
}

#[test]
fn each_is_told_where_the_other_receives_and_comes_back_when_it_has_something_new_to_say() {
    let mut house = house(42_700..=42_719, Duration::ZERO);
    let (a, b) = (phone(), phone());
    let our_a = house.connect(A, &a, Codec::Pcma);
    house.desk.command(Command::TakeOffer { leg: A, sdp: sdp(port(&a), 101, "") });
    let before = described(&mut house, A);
    let our_b = house.connect(B, &b, Codec::Pcma);
    house.desk.command(Command::Join { a: A, b: B });
    [A, B].into_iter().for_each(|leg| house.desk.command(Command::Locate { leg }));
    // Where sound comes from shows where it may be sent.
    for (phone, ours) in [(&a, our_a), (&b, our_b)] {
        phone.send_to(&packet(8, 1, 160, 9, &[0xD5; 160]), ours).unwrap();
    }
    for leg in [A, B] {
        house.await_event(|event| matches!(event, Event::Located { leg: of } if *of == leg).then_some(()));
    }
    let [to_a, to_b] = direct(&mut house, [&a, &b]);
    for (sdp, other) in [(&to_a, &b), (&to_b, &a)] {
        assert_eq!(line(sdp, "m="), format!("m=audio {} RTP/AVP 8 101", port(other)));
        assert_eq!(line(sdp, "c="), "c=IN IP4 127.0.0.1");
    }
    assert_eq!(session(&to_a), (session(&before).0, session(&before).1 + 1), "it is our session still");

    house.desk.command(Command::TakeOffer { leg: A, sdp: sdp(port(&a), 101, "a=sendrecv\r\n") });
    assert_eq!(described(&mut house, A), to_a, "a refresh");
    house.desk.command(Command::TakeOffer { leg: A, sdp: sdp(port(&a), 101, "a=sendonly\r\n") });
    house.await_event(|event| matches!(event, Event::CameHome { leg: A }).then_some(()));
    let held = described(&mut house, A);
    assert_eq!(line(&held, "m="), format!("m=audio {} RTP/AVP 8 101", our_a.port()));
    assert_eq!(session(&held).1, session(&to_a).1 + 1);
    house.desk.command(Command::MakeOffer { leg: B, like: None });
    let back = described(&mut house, B);
    assert!(line(&back, "m=").starts_with(&format!("m=audio {} RTP/AVP 8", our_b.port())), "{back}");
    assert!(answered(&mut house, B, sdp(port(&b), 101, "")));
    [A, B].into_iter().for_each(|leg| house.close(leg));
    house.desk.stop();
}

#[test]
fn an_answer_with_another_address_codec_or_number_is_not_taken() {
    let mut house = house(42_720..=42_739, Duration::ZERO);
    let (a, b) = (phone(), phone());
    house.connect(A, &a, Codec::Pcma);
    house.connect(B, &b, Codec::Pcma);
    let offer = |house: &mut House, leg: LegId, to: LegId| {
        house.desk.command(Command::OfferDirect { leg, to });
        described(house, leg);
    };
    let other_codec = |port: u16| {
        let text = String::from_utf8(sdp(port, 101, "")).unwrap();
        text.replace("AVP 8", "AVP 0").into_bytes()
    };
    let away = sdp(port(&b), 101, "");
    let held = sdp(port(&a), 101, "a=inactive\r\n");
    let srtp = String::from_utf8(sdp(port(&a), 101, "")).unwrap().replace("RTP/AVP", "RTP/SAVP").into_bytes();
    for wrong in [away, held, srtp, other_codec(port(&a)), b"v=0\r\n".to_vec()] {
        offer(&mut house, A, B);
        assert!(!answered(&mut house, A, wrong.clone()), "{}", String::from_utf8_lossy(&wrong));
        house.desk.command(Command::MakeOffer { leg: A, like: None });
        described(&mut house, A);
        assert!(answered(&mut house, A, sdp(port(&a), 101, "")));
    }
    // The first may have numbers of its own; of the second the first was told.
    offer(&mut house, A, B);
    assert!(answered(&mut house, A, sdp(port(&a), 102, "")));
    house.desk.command(Command::OfferDirect { leg: B, to: A });
    assert!(line(&described(&mut house, B), "m=").ends_with(" 8 102"));
    assert!(!answered(&mut house, B, sdp(port(&b), 102, "")), "A sends keys by 101");
    [A, B].into_iter().for_each(|leg| house.close(leg));
    house.desk.stop();
}

#[test]
fn who_does_not_take_the_same_is_not_told_of_each_other() {
    let mut house = house(42_740..=42_759, Duration::ZERO);
    let (a, b) = (phone(), phone());
    house.connect(A, &a, Codec::Pcma);
    house.connect(B, &b, Codec::Pcmu);
    let keyless = format!("v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio {} RTP/AVP 8\r\n", port(&b));
    let on_hold = sdp(port(&b), 101, "a=sendonly\r\n");
    let nowhere = String::from_utf8(sdp(port(&b), 101, "")).unwrap().replace("127.0.0.1", "0.0.0.0").into_bytes();
    for described_now in [None, Some(keyless.into_bytes()), Some(on_hold), Some(nowhere)] {
        if let Some(sdp) = described_now {
            house.desk.command(Command::TakeOffer { leg: B, sdp });
            described(&mut house, B);
        }
        house.desk.command(Command::OfferDirect { leg: A, to: B });
        house.await_event(|event| match event {
            Event::Unacceptable { leg: A, malformed: false, .. } => Some(()),
            Event::Described { .. } => panic!("{event:?}"),
            _ => None,
        });
    }
    [A, B].into_iter().for_each(|leg| house.close(leg));
    house.desk.stop();
}
