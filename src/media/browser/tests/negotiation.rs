//! What browsers and their libraries write, answered; offers that cannot be.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::media::browser::negotiation::{Found, Negotiation, Ours, Setup, Talk, Voice, is_for_browsers};
use crate::media::rtcp::Sender;
use crate::media::words::{Codec, Direction};

const CHROMIUM: &str = include_str!("offers/chromium.sdp");
const FIREFOX: &str = include_str!("offers/firefox.sdp");
const JSSIP: &str = include_str!("offers/jssip.sdp");
const SIPJS: &str = include_str!("offers/sipjs.sdp");
const SAFARI: &str = include_str!("offers/safari-with-video.sdp");

fn negotiation() -> Negotiation {
    Negotiation::new(42, &[Codec::Pcma, Codec::Pcmu])
}

fn ours() -> Ours {
    Ours {
        ufrag: "ours".into(),
        password: "ourpasswordourpassword".into(),
        fingerprint: "sha-256 AB".into(),
        address: "192.0.2.10:20000".parse().unwrap(),
        sender: Sender { ssrc: 7, ..Sender::random(&mut StdRng::seed_from_u64(7)) },
    }
}

fn answer(offer: &str, opus: bool) -> Result<(String, Found), String> {
    let mut negotiation = negotiation();
    let (draft, found) = negotiation.take_offer(offer.as_bytes(), None, opus).map_err(|fault| fault.why)?;
    Ok((String::from_utf8(draft.write(&ours())).unwrap(), found))
}

#[test]
fn what_browsers_and_their_libraries_offer_is_answered_in_g711() {
    let talk = |payload_type, keys| Talk { voice: Voice::G711(Codec::Pcma), payload_type, keys, other: None };
    let table = [
        ("Chromium", CHROMIUM, talk(8, Some(126)), "EsAw", Some(3_570_614_608)),
        ("Firefox", FIREFOX, talk(8, Some(101)), "b3a0d7e6", Some(2_655_508_255)),
        ("JsSIP on Chromium", JSSIP, talk(8, Some(126)), "k3Pz", Some(1_414_527_613)),
        ("SIP.js on Firefox", SIPJS, talk(8, Some(101)), "5ad1f2c7", Some(3_187_046_771)),
        ("Safari", SAFARI, talk(8, Some(126)), "Qm1x", Some(926_035_104)),
    ];
    for (name, offer, talk, ufrag, ssrc) in table {
        assert!(is_for_browsers(offer.as_bytes()), "{name}");
        let (answer, found) = answer(offer, true).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert_eq!((found.talk, found.direction), (talk, Direction::Both), "{name}");
        assert_eq!((found.theirs.ufrag.as_str(), found.theirs.ssrc), (ufrag, ssrc), "{name}");
        assert_eq!(found.theirs.setup, Setup::Either, "{name}");
        assert!(found.theirs.fingerprint.starts_with("sha-256 ") && found.theirs.fingerprint.len() == 103, "{name}");
        let lines: Vec<&str> = answer.lines().collect();
        let has = |line: &str| lines.contains(&line);
        let keys = talk.keys.unwrap();
        for line in [
            &format!("m=audio 20000 UDP/TLS/RTP/SAVPF 8 {keys}") as &str,
            &format!("a=rtpmap:{keys} telephone-event/8000"),
            "a=ice-lite",
            "a=ice-ufrag:ours",
            "a=fingerprint:sha-256 AB",
            "a=setup:passive",
            "a=rtcp-mux",
            "a=sendrecv",
            &format!("a=ssrc:7 cname:{}", ours().sender.cname),
            "a=candidate:1 1 udp 2130706431 192.0.2.10 20000 typ host",
        ] {
            assert!(has(line), "{name}: no {line} in\n{answer}");
        }
    }
}

#[test]
fn a_stream_of_pictures_is_refused_in_its_place_and_its_name_repeated() {
    let (answer, _) = answer(SAFARI, true).unwrap();
    let from = answer.find("m=video").unwrap();
    assert!(
        answer[from..].starts_with("m=video 0 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=inactive")
    );
    assert!(answer.contains("a=group:BUNDLE 0\r\n") && answer.find("m=audio").unwrap() < from);
}

#[test]
fn opus_is_spoken_with_those_who_speak_nothing_else_and_only_while_there_is_room() {
    let only_opus = CHROMIUM
        .replace("SAVPF 111 63 9 0 8 13 110 126", "SAVPF 111 110")
        .replace("a=rtpmap:0 PCMU/8000\r\n", "")
        .replace("a=rtpmap:8 PCMA/8000\r\n", "");
    let (text, found) = answer(&only_opus, true).unwrap();
    assert_eq!(found.talk, Talk { voice: Voice::Opus, payload_type: 111, keys: Some(110), other: None });
    assert!(
        text.contains("SAVPF 111 110\r\na=mid") && text.contains("a=rtpmap:110 telephone-event/48000\r\n"),
        "{text}"
    );
    assert!(text.contains("a=fmtp:111 minptime=20;useinbandfec=1\r\n"), "{text}");
    let why = answer(&only_opus, false).unwrap_err();
    assert!(why.contains("no more Opus at once"), "{why}");
}

#[test]
fn the_codec_of_the_other_leg_goes_first() {
    let mut negotiation = negotiation();
    let (_, found) = negotiation.take_offer(CHROMIUM.as_bytes(), Some(Voice::G711(Codec::Pcmu)), true).unwrap();
    assert_eq!(found.talk.voice, Voice::G711(Codec::Pcmu));
    let offer = String::from_utf8(negotiation.make_offer(Some(Voice::G711(Codec::Pcmu)), true).write(&ours())).unwrap();
    assert!(
        offer.contains("UDP/TLS/RTP/SAVPF 0 8 111 101 110\r\n") && offer.contains("a=setup:actpass\r\n"),
        "{offer}"
    );
    let offer = String::from_utf8(negotiation.make_offer(None, false).write(&ours())).unwrap();
    assert!(offer.contains("UDP/TLS/RTP/SAVPF 8 0 101\r\n"), "{offer}");
    // Opus, where the other leg has it, goes through as it is.
    let offer = String::from_utf8(negotiation.make_offer(Some(Voice::Opus), true).write(&ours())).unwrap();
    assert!(offer.contains("UDP/TLS/RTP/SAVPF 111 8 0 110 101\r\n"), "{offer}");
    let (_, found) = negotiation.take_offer(CHROMIUM.as_bytes(), Some(Voice::Opus), true).unwrap();
    assert_eq!(found.talk.voice, Voice::Opus);
    let (_, found) = negotiation.take_offer(CHROMIUM.as_bytes(), Some(Voice::Opus), false).unwrap();
    assert_eq!(found.talk.voice, Voice::G711(Codec::Pcma));
}

#[test]
fn hold_is_answered_and_told() {
    for (theirs, ours, direction) in [
        ("sendrecv", "sendrecv", Direction::Both),
        ("sendonly", "recvonly", Direction::TheyHold),
        ("recvonly", "sendonly", Direction::TheyListen),
        ("inactive", "inactive", Direction::Neither),
    ] {
        let (answer, found) = answer(&CHROMIUM.replace("a=sendrecv", &format!("a={theirs}")), true).unwrap();
        assert_eq!(found.direction, direction, "{theirs}");
        assert!(answer.contains(&format!("\r\na={ours}\r\n")), "{answer}");
    }
}

#[test]
fn who_begins_the_handshake_stays_so() {
    let with = |setup: &str| CHROMIUM.replace("a=setup:actpass", &format!("a=setup:{setup}"));
    for (theirs, ours) in [("actpass", "passive"), ("active", "passive"), ("passive", "active")] {
        let mut negotiation = negotiation();
        for offer in [with(theirs), with("actpass")] {
            let (draft, _) = negotiation.take_offer(offer.as_bytes(), None, true).unwrap();
            let answer = String::from_utf8(draft.write(&super::negotiation::ours())).unwrap();
            assert!(answer.contains(&format!("a=setup:{ours}\r\n")), "{theirs}: {answer}");
        }
    }
}

#[test]
fn an_answer_is_taken_by_the_numbers_that_were_offered() {
    let mut negotiation = negotiation();
    negotiation.make_offer(None, true);
    let answer = CHROMIUM
        .replace("a=setup:actpass", "a=setup:active")
        .replace("SAVPF 111 63 9 0 8 13 110 126", "SAVPF 8 101")
        .replace("a=rtpmap:126", "a=rtpmap:101");
    let found = negotiation.take_answer(answer.as_bytes()).unwrap();
    let plain = |law, payload_type, other| Talk { voice: Voice::G711(law), payload_type, keys: Some(101), other };
    assert_eq!(found.talk, plain(Codec::Pcma, 8, None));
    let without = answer.replace(" 8 101", " 8").replace("a=rtpmap:101 telephone-event/8000\r\n", "");
    assert_eq!(negotiation.take_answer(without.as_bytes()).unwrap().talk.keys, None);
    // All that is in common, as browsers answer: they send the first, and may send the others.
    negotiation.make_offer(Some(Voice::G711(Codec::Pcmu)), true);
    let found = negotiation.take_answer(answer.replace("SAVPF 8 101", "SAVPF 0 8 111 101 110").as_bytes()).unwrap();
    assert_eq!(found.talk, plain(Codec::Pcmu, 0, Some((8, Codec::Pcma))));
    let undecided = answer.replace("a=setup:active", "a=setup:actpass");
    assert!(negotiation.take_answer(undecided.as_bytes()).is_err());
    let other = answer.replace("a=fingerprint:sha-256 0B:", "a=fingerprint:sha-256 B0:");
    let told = negotiation.take_answer(other.as_bytes()).unwrap_err().why;
    assert!(told.contains("another browser"), "{told}");
}

#[test]
fn offers_that_cannot_be_answered_say_why() {
    let fingerprint = CHROMIUM.lines().find(|line| line.starts_with("a=fingerprint")).unwrap();
    let table = [
        ("no RTCP beside RTP", CHROMIUM.replace("a=rtcp-mux\r\n", ""), "rtcp-mux"),
        ("no user fragment", CHROMIUM.replace("a=ice-ufrag:EsAw\r\n", ""), "a=ice-ufrag"),
        ("one that is none", CHROMIUM.replace("a=ice-ufrag:EsAw", "a=ice-ufrag:a b\"c"), "a=ice-ufrag"),
        ("a short password", CHROMIUM.replace("a=ice-pwd:", "a=ice-pwd:short\r\na=x:"), "a=ice-pwd"),
        ("no fingerprint", CHROMIUM.replace(fingerprint, "a=x"), "a=fingerprint"),
        ("a weak one", CHROMIUM.replace("sha-256", "sha-1"), "SHA-256"),
        ("half of one", CHROMIUM.replace(&fingerprint[..60], "a=fingerprint:sha-256 "), "a=fingerprint"),
        ("no handshake at all", CHROMIUM.replace("a=setup:actpass", "a=setup:holdconn"), "holdconn"),
        ("no codec in common", CHROMIUM.replace("SAVPF 111 63 9 0 8 13 110 126", "SAVPF 9 13"), "they have 9 13"),
        ("no sound", CHROMIUM.replace("m=audio 54321", "m=audio 0"), "no m=audio"),
        ("in the clear", CHROMIUM.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"), "RTP/AVP is not what a browser speaks"),
    ];
    for (name, offer, why) in table {
        let told = answer(&offer, true).map(|(answer, _)| panic!("{name} was answered {answer}")).unwrap_err();
        assert!(told.contains(why), "{name}: {told}");
    }
    assert!(!is_for_browsers(b"v=0\r\nc=IN IP4 10.0.0.9\r\nm=audio 4000 RTP/AVP 8\r\n"));
    assert!(!is_for_browsers(b""));
}

#[test]
fn whatever_is_changed_in_an_offer_nothing_breaks_and_nothing_is_smuggled_in() {
    let mut rng = StdRng::seed_from_u64(8829);
    for _ in 0..5_000 {
        let mut bytes = [CHROMIUM, FIREFOX, SAFARI][rng.random_range(0..3)].as_bytes().to_vec();
        for _ in 0..rng.random_range(1..6) {
            if bytes.is_empty() {
                break;
            }
            let at = rng.random_range(0..bytes.len());
            match rng.random_range(0..4) {
                0 => bytes[at] = rng.random(),
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, *b"\r\n=:/ 0"[..].get(rng.random_range(0..7)).unwrap()),
                _ => bytes.truncate(at.max(1)),
            }
        }
        let mut negotiation = negotiation();
        if let Ok((draft, found)) = negotiation.take_offer(&bytes, None, true) {
            let answer = String::from_utf8(draft.write(&ours())).unwrap();
            assert_eq!(answer.matches("a=fingerprint").count(), 1, "{answer}");
            let clean = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
            let Found { theirs, .. } = found;
            assert!([theirs.ufrag, theirs.password, theirs.fingerprint].iter().all(|text| clean(text)));
        }
        let _ = negotiation.take_answer(&bytes);
    }
}
