//! Offers as phones send them, whole and broken, and what is answered.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::media::negotiation::{Local, Negotiation, Opus, Unacceptable};
use crate::media::{Codec, Direction};

fn ours() -> Negotiation {
    speaking(&[Codec::Pcma, Codec::Pcmu])
}

fn speaking(codecs: &[Codec]) -> Negotiation {
    let local = Local { address: "10.0.0.1".parse().unwrap(), rtp_port: 20_000, session_id: 42 };
    Negotiation::new(local, codecs)
}

/// An offer with usual first lines.
fn offer(rest: &str) -> String {
    format!("v=0\r\no=x 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\n{}", rest.replace('|', "\r\n"))
}

/// The lines of our answer after `t=`, and where we send.
fn check(offer: &str) -> Result<(String, String, Direction), Unacceptable> {
    let (answer, agreement) = ours().take_offer(offer.as_bytes())?;
    let answer = String::from_utf8(answer).unwrap();
    let rest = answer.split_once("t=0 0\r\n").unwrap().1.trim_end().replace("\r\n", "|");
    Ok((rest, agreement.remote.to_string(), agreement.direction))
}

const KEYS: &str = "a=rtpmap:101 telephone-event/8000|a=fmtp:101 0-15";

#[test]
fn acceptable_offers() {
    let a = "m=audio 20000 RTP/AVP 8|a=rtpmap:8 PCMA/8000|a=ptime:20|a=sendrecv";
    let u = "m=audio 20000 RTP/AVP 0|a=rtpmap:0 PCMU/8000|a=ptime:20|a=sendrecv";
    let a_keys = format!("m=audio 20000 RTP/AVP 8 101|a=rtpmap:8 PCMA/8000|{KEYS}|a=ptime:20|a=sendrecv");
    let with = |text: &str, what: &str| text.replace("sendrecv", what);
    let table: Vec<(&str, String, String)> = vec![
        ("static types without a map", offer("m=audio 4000 RTP/AVP 8 0"), a.into()),
        ("their order counts", offer("m=audio 4000 RTP/AVP 0 8"), u.into()),
        ("unknown codecs are passed over", offer("m=audio 4000 RTP/AVP 96 9 0|a=rtpmap:96 opus/48000/2"), u.into()),
        ("names in any case", offer("m=audio 4000 rtp/avp 8|a=rtpmap:8 pcma/8000/1"), a.into()),
        ("keys", offer("m=audio 4000 RTP/AVP 8 101|a=rtpmap:101 telephone-event/8000|a=fmtp:101 0-16"), a_keys.clone()),
        (
            "keys under another number",
            offer("m=audio 4000 RTP/AVP 8 96|a=rtpmap:96 TELEPHONE-EVENT/8000"),
            a_keys.replace("101", "96"),
        ),
        (
            "keys at another rate are not ours",
            offer("m=audio 4000 RTP/AVP 8 97|a=rtpmap:97 telephone-event/48000"),
            a.into(),
        ),
        (
            "a dynamic type for A-law",
            offer("m=audio 4000 RTP/AVP 100|a=rtpmap:100 PCMA/8000"),
            a.replace(" 8|", " 100|").replace(":8 ", ":100 "),
        ),
        ("hold by sendonly", offer("m=audio 4000 RTP/AVP 8|a=sendonly"), with(a, "recvonly")),
        ("hold by inactive", offer("m=audio 4000 RTP/AVP 8|a=inactive"), with(a, "inactive")),
        ("listening only", offer("m=audio 4000 RTP/AVP 8|a=recvonly"), with(a, "sendonly")),
        ("hold by 0.0.0.0", offer("m=audio 4000 RTP/AVP 8|c=IN IP4 0.0.0.0"), with(a, "recvonly")),
        ("direction of the session", offer("a=sendonly|m=audio 4000 RTP/AVP 8"), with(a, "recvonly")),
        ("direction of the stream goes before", offer("a=sendonly|m=audio 4000 RTP/AVP 8|a=sendrecv"), a.into()),
        (
            "video is refused in its place",
            offer("m=video 5000 RTP/AVP 99|m=audio 4000 RTP/AVP 8"),
            format!("m=video 0 RTP/AVP 99|{a}"),
        ),
        (
            "and after",
            offer("m=audio 4000 RTP/AVP 8|m=video 5000 RTP/AVP 99 98"),
            format!("{a}|m=video 0 RTP/AVP 99 98"),
        ),
        (
            "the first sound that fits",
            offer("m=audio 4002 RTP/SAVP 8|m=audio 4000 RTP/AVP 8|m=audio 4004 RTP/AVP 8"),
            format!("m=audio 0 RTP/SAVP 8|{a}|m=audio 0 RTP/AVP 8"),
        ),
        (
            "a stream that is off",
            offer("m=audio 0 RTP/AVP 8|m=audio 4000 RTP/AVP 8"),
            format!("m=audio 0 RTP/AVP 8|{a}"),
        ),
        ("feedback profile", offer("m=audio 4000 RTP/AVPF 8"), a.into()),
        ("RTCP on the same port, when offered", offer("m=audio 4000 RTP/AVP 8|a=rtcp-mux"), format!("{a}|a=rtcp-mux")),
        ("two ports asked for", offer("m=audio 4000/2 RTP/AVP 8"), a.into()),
        ("bare line feeds", offer("m=audio 4000 RTP/AVP 8").replace("\r\n", "\n"), a.into()),
        ("no first lines at all", "c=IN IP4 10.0.0.9\nt=0 0\nm=audio 4000 RTP/AVP 8".into(), a.into()),
        (
            "rubbish around",
            offer("x|=|a|m=audio 4000 RTP/AVP 8|a=rtpmap:zz PCMA|a=candidate:1 1 UDP 1 1 1 typ host|z"),
            a.into(),
        ),
        (
            "an address of the stream's own",
            offer("m=audio 4000 RTP/AVP 8").replace("c=IN IP4 10.0.0.9\r\n", "") + "\r\nc=IN IP4 10.0.0.9/127\r\n",
            a.into(),
        ),
    ];
    for (name, offer, expected) in table {
        let (answer, remote, _) = check(&offer).unwrap_or_else(|fault| panic!("{name}: {fault:?}"));
        assert_eq!(answer, expected, "{name}");
        assert!(remote == "10.0.0.9:4000" || remote == "0.0.0.0:4000", "{name}: {remote}");
    }
}

#[test]
fn unacceptable_offers() {
    let table = [
        ("nothing", "".to_string(), true, "no m= line"),
        ("no sound", offer("m=video 4000 RTP/AVP 99"), false, "no m=audio"),
        ("switched off", offer("m=audio 0 RTP/AVP 8"), false, "no m=audio"),
        ("encrypted", offer("m=audio 4000 RTP/SAVP 8"), false, "RTP/SAVP"),
        ("no codec in common", offer("m=audio 4000 RTP/AVP 9 18|a=rtpmap:18 G729/8000"), false, "we PCMA and PCMU"),
        ("A-law at another rate", offer("m=audio 4000 RTP/AVP 96|a=rtpmap:96 PCMA/16000"), false, "no codec"),
        ("a host name", offer("m=audio 4000 RTP/AVP 8|c=IN IP4 phone.example"), false, "phone.example"),
        ("no address", "v=0\r\nm=audio 4000 RTP/AVP 8\r\n".into(), false, "no c="),
        ("another family", offer("m=audio 4000 RTP/AVP 8|c=IN IP6 2001:db8::1"), false, "2001:db8::1"),
        ("many hosts", offer("m=audio 4000 RTP/AVP 8|c=IN IP4 224.0.0.1"), false, "no single host"),
        ("a port that is none", offer("m=audio 99999 RTP/AVP 8"), true, "m=audio 99999"),
        ("half a line", offer("m=audio"), true, "m=audio"),
        ("too many streams", offer(&"m=audio 0 RTP/AVP 8|".repeat(65)), true, "more than 64"),
        ("too many lines", offer(&"a=x|".repeat(600)), true, "more than 512"),
        ("too large", offer(&"a".repeat(70_000)), true, "bytes"),
        ("no text", "\u{0}\u{1}\u{ff}".into(), true, "no m= line"),
    ];
    for (name, offer, malformed, why) in table {
        let fault = check(&offer).map(|(answer, ..)| panic!("{name} was answered {answer}")).unwrap_err();
        assert!(fault.malformed == malformed && fault.why.contains(why), "{name}: {fault:?}");
        let code = match name {
            "no sound" | "switched off" => 304,
            "no codec in common" | "A-law at another rate" => 305,
            "another family" => 301,
            _ => 399,
        };
        assert_eq!(fault.code, code, "{name}");
    }
}

#[test]
fn directions_are_seen_from_us() {
    for (attribute, direction) in [
        ("a=sendrecv", Direction::Both),
        ("a=sendonly", Direction::TheyHold),
        ("a=recvonly", Direction::TheyListen),
        ("a=inactive", Direction::Neither),
        ("c=IN IP4 0.0.0.0", Direction::TheyHold),
        ("c=IN IP4 0.0.0.0|a=inactive", Direction::Neither),
    ] {
        assert_eq!(check(&offer(&format!("m=audio 4000 RTP/AVP 8|{attribute}"))).unwrap().2, direction, "{attribute}");
    }
}

#[test]
fn our_offer_and_their_answer() {
    let mut negotiation = ours();
    let first = String::from_utf8(negotiation.make_offer(None)).unwrap();
    assert_eq!(
        first,
        "v=0\r\no=- 42 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 20000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    );
    assert_eq!(
        String::from_utf8(negotiation.make_offer(None)).unwrap(),
        first,
        "an offer that did not change keeps its version"
    );
    let answer = offer("m=audio 4000 RTP/AVP 0 101|a=rtpmap:101 telephone-event/8000|a=rtcp:4010");
    let agreement = negotiation.take_answer(answer.as_bytes()).unwrap();
    assert_eq!((agreement.codec, agreement.payload_type, agreement.key_payload_type), (Codec::Pcmu, 0, Some(101)));
    assert_eq!(agreement.remote_rtcp.port(), 4010);
    assert!(negotiation.take_answer(offer("m=audio 0 RTP/AVP 8").as_bytes()).is_err());
}

/// RFC 3605; whoever is told of them in their place is told the same.
#[test]
fn reports_go_where_they_say_unless_nobody_can_be_there() {
    for (lines, to, told) in [
        ("", "10.0.0.9:4001", None),
        ("a=rtcp:4010", "10.0.0.9:4010", Some("a=rtcp:4010 IN IP4 10.0.0.9")),
        ("a=rtcp:4010 IN IP4 10.0.0.8", "10.0.0.8:4010", Some("a=rtcp:4010 IN IP4 10.0.0.8")),
        ("a=rtcp:4001 IN IP4 10.0.0.8", "10.0.0.8:4001", Some("a=rtcp:4001 IN IP4 10.0.0.8")),
        ("a=rtcp:4001 IN IP4 10.0.0.9", "10.0.0.9:4001", None),
        // Where the sound goes, as if nothing were said of the host.
        ("a=rtcp:4001 IN IP4 0.0.0.0", "10.0.0.9:4001", None),
        ("a=rtcp:4001 IN IP4 224.0.0.1", "10.0.0.9:4001", None),
        ("a=rtcp:4001 IN IP4 255.255.255.255", "10.0.0.9:4001", None),
        ("a=rtcp:4001 IN IP6 2001:db8::1", "10.0.0.9:4001", None),
        ("a=rtcp:4001 IN IP4 phone.example", "10.0.0.9:4001", None),
        ("a=rtcp:4001 IN IP4", "10.0.0.9:4001", None),
        ("a=rtcp:none IN IP4 10.0.0.8", "10.0.0.9:4001", None),
        ("a=rtcp:4010 IN IP4 10.0.0.8|a=rtcp-mux", "10.0.0.9:4000", Some("a=rtcp:4000 IN IP4 10.0.0.9")),
    ] {
        let (_, agreement) = ours().take_offer(offer(&format!("m=audio 4000 RTP/AVP 8|{lines}")).as_bytes()).unwrap();
        assert_eq!(agreement.remote_rtcp.to_string(), to, "{lines}");
        assert_eq!(agreement.remote.to_string(), "10.0.0.9:4000", "{lines}");
        let other = String::from_utf8(ours().offer_another(&agreement)).unwrap();
        assert_eq!(other.lines().find(|line| line.starts_with("a=rtcp:")), told, "{lines}");
    }
}

#[test]
fn what_we_offered_is_heard_by_our_numbers_and_sent_by_theirs() {
    let mut negotiation = ours();
    let offer_like = String::from_utf8(negotiation.make_offer(Some(Codec::Pcmu))).unwrap();
    assert!(offer_like.contains("RTP/AVP 0 8 101\r\n"), "{offer_like}");
    let mut wide_first = speaking(&[Codec::G722, Codec::Pcma, Codec::Pcmu]);
    let alone = String::from_utf8(wide_first.make_offer(None)).unwrap();
    assert!(alone.contains("RTP/AVP 9 8 0 101\r\n"), "in the order of the settings: {alone}");
    let answer = offer("m=audio 4000 RTP/AVP 97 8 98|a=rtpmap:97 PCMU/8000|a=rtpmap:98 telephone-event/8000");
    let agreement = negotiation.take_answer(answer.as_bytes()).unwrap();
    assert_eq!((agreement.codec, agreement.payload_type, agreement.key_payload_type), (Codec::Pcmu, 97, Some(98)));
    let heard = agreement.heard;
    assert_eq!([0, 8, 97].map(|number| heard.codec(number)), [Some(Codec::Pcmu), Some(Codec::Pcma), None]);
    assert_eq!(heard.keys, Some(101));
    let without_keys = negotiation.take_answer(offer("m=audio 4000 RTP/AVP 0").as_bytes()).unwrap();
    assert_eq!((without_keys.heard.keys, without_keys.key_payload_type), (None, None));
    // What they offered is heard by the numbers of our answer, which are theirs.
    let (_, agreement) =
        ours().take_offer(offer("m=audio 4000 RTP/AVP 100 8|a=rtpmap:100 PCMA/8000").as_bytes()).unwrap();
    assert_eq!([100, 8].map(|number| agreement.heard.codec(number)), [Some(Codec::Pcma), None]);
}

#[test]
fn a_new_offer_keeps_the_streams_and_their_order() {
    let mut negotiation = ours();
    negotiation.take_offer(offer("m=video 5000 RTP/AVP 99|m=audio 4000 RTP/AVP 8").as_bytes()).unwrap();
    let again = String::from_utf8(negotiation.make_offer(None)).unwrap();
    let lines: Vec<&str> = again.lines().filter(|line| line.starts_with("m=") || line.starts_with("o=")).collect();
    assert_eq!(lines, ["o=- 42 2 IN IP4 10.0.0.1", "m=video 0 RTP/AVP 99", "m=audio 20000 RTP/AVP 8 0 101"]);
}

#[test]
fn six_is_spoken_too() {
    let local = Local { address: "::1".parse().unwrap(), rtp_port: 20_000, session_id: 1 };
    let mut negotiation = Negotiation::new(local, &[Codec::Pcmu]);
    let (answer, agreement) = negotiation.take_offer(b"v=0\r\nc=IN IP6 ::1\r\nm=audio 4000 RTP/AVP 8 0\r\n").unwrap();
    assert_eq!((agreement.remote.to_string(), agreement.codec), ("[::1]:4000".into(), Codec::Pcmu));
    assert!(String::from_utf8(answer).unwrap().contains("c=IN IP6 ::1\r\n"));
}

#[test]
fn whatever_is_changed_in_an_offer_nothing_breaks() {
    let whole = offer(
        "m=audio 4000 RTP/AVP 8 0 101|a=rtpmap:101 telephone-event/8000|a=rtcp:4001 IN IP4 1.2.3.4|a=rtcp-mux|a=ptime:20|a=sendonly",
    );
    let mut rng = StdRng::seed_from_u64(8866);
    for _ in 0..20_000 {
        let mut bytes = whole.clone().into_bytes();
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
        let mut negotiation = ours();
        if let Ok((answer, _)) = negotiation.take_offer(&bytes) {
            let lines = |text: &[u8]| {
                String::from_utf8_lossy(text).lines().filter(|line| line.trim().starts_with("m=")).count()
            };
            assert!(
                ours().take_offer(&answer).is_ok(),
                "our answer cannot be read: {}",
                String::from_utf8_lossy(&answer)
            );
            assert!(lines(&answer) <= lines(&bytes).max(1));
        }
        let _ = negotiation.take_answer(&bytes);
    }
}

#[test]
fn g722_is_offered_and_taken_with_its_odd_clock() {
    let local = Local { address: "10.0.0.1".parse().unwrap(), rtp_port: 20_000, session_id: 42 };
    let mut negotiation = Negotiation::new(local, &[Codec::Pcma, Codec::G722]);
    negotiation.offer_noise(true);
    let ours = String::from_utf8(negotiation.make_offer(Some(Codec::G722))).unwrap();
    assert!(ours.contains("m=audio 20000 RTP/AVP 9 8 13 101\r\n"), "{ours}");
    assert!(ours.contains("a=rtpmap:9 G722/8000\r\n") && ours.contains("a=rtpmap:13 CN/8000\r\n"), "{ours}");
    for (formats, number) in [("9 8", 9), ("97 8|a=rtpmap:97 G722/8000", 97)] {
        let (answer, agreement) =
            negotiation.take_offer(offer(&format!("m=audio 4000 RTP/AVP {formats}")).as_bytes()).unwrap();
        assert_eq!((agreement.codec, agreement.payload_type, agreement.noise), (Codec::G722, number, None));
        assert!(String::from_utf8(answer).unwrap().contains(&format!("a=rtpmap:{number} G722/8000\r\n")));
    }
    // A clock that nobody has is none of ours.
    let wrong = offer("m=audio 4000 RTP/AVP 97|a=rtpmap:97 G722/16000");
    assert!(negotiation.take_offer(wrong.as_bytes()).is_err());
}

fn with_opus(codecs: &[Codec], opus: Opus) -> Negotiation {
    let local = Local { address: "10.0.0.1".parse().unwrap(), rtp_port: 20_000, session_id: 42 };
    let mut negotiation = Negotiation::new(local, codecs);
    negotiation.may_speak_opus(opus);
    negotiation
}

const LAST: [Codec; 3] = [Codec::Pcma, Codec::Pcmu, Codec::Opus];
const FIRST: [Codec; 3] = [Codec::Opus, Codec::Pcma, Codec::Pcmu];

#[test]
fn opus_is_answered_where_it_is_the_best_or_the_only_one() {
    let opus = "a=rtpmap:96 opus/48000/2|a=fmtp:96 maxplaybackrate=16000; MaxAverageBitrate=20000;stereo=1;usedtx=1;cbr=1|a=ptime:60|a=maxptime:120";
    let keys = "a=rtpmap:97 telephone-event/48000|a=rtpmap:101 telephone-event/8000";
    let alone = offer(&format!("m=audio 4000 RTP/AVP 96 13 101 97|{opus}|{keys}"));
    let both = offer(&format!("m=audio 4000 RTP/AVP 96 8 101|{opus}|a=rtpmap:101 telephone-event/8000"));
    let behind = offer(&format!("m=audio 4000 RTP/AVP 8 96|{}", opus.replace("cbr=1", "useinbandfec=1")));
    let table = [
        ("alone, keys by its clock", &alone, &LAST, Opus::AsListed, "96 97", Some((97, 48_000))),
        ("G.711 is cheaper", &both, &LAST, Opus::AsListed, "8 101", None),
        ("the other side speaks it, keys by the other clock", &both, &LAST, Opus::Liked, "96 101", Some((101, 8_000))),
        ("we have it first, and so do they", &both, &FIRST, Opus::AsListed, "96 101", Some((101, 8_000))),
        ("we have it first, but they do not", &behind, &FIRST, Opus::AsListed, "8", None),
        ("they do not, but the other side speaks it", &behind, &LAST, Opus::Liked, "96", None),
        ("no more at once", &both, &FIRST, Opus::Never, "8 101", None),
    ];
    for (name, offer, codecs, opus, formats, keys) in table {
        let (answer, agreement) = with_opus(codecs, opus).take_offer(offer.as_bytes()).unwrap();
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.contains(&format!("RTP/AVP {formats}\r\n")), "{name}: {answer}");
        let is_opus = formats.starts_with("96");
        let described = answer.contains("a=rtpmap:96 opus/48000/2\r\na=fmtp:96 minptime=20;useinbandfec=1\r\n");
        assert_eq!((described, agreement.opus.is_some()), (is_opus, is_opus), "{name}: {answer}");
        let Some(spoken) = agreement.opus else { continue };
        assert_eq!((spoken.takes, spoken.takes.opus, agreement.noise), (spoken.sends, 96, None), "{name}");
        let uses_fec = offer.contains("useinbandfec=1");
        assert_eq!((spoken.most_bitrate, spoken.uses_fec), (Some(20_000), uses_fec), "{name}");
        assert_eq!(spoken.takes.keys[0].map(|keys| (keys.payload_type, keys.rate)), keys, "{name}");
        assert_eq!((agreement.codec, agreement.heard.keys.is_some()), (Codec::Pcma, keys.is_some()), "{name}");
    }
    for (codecs, opus) in [(&LAST[..2], Opus::AsListed), (&LAST[..], Opus::Never)] {
        let fault = with_opus(codecs, opus).take_offer(alone.as_bytes()).unwrap_err();
        assert!(!fault.malformed && fault.why.ends_with("we PCMA and PCMU"), "{fault:?}");
    }
    for wrong in ["opus/16000/2", "opus", "opux/48000/2"] {
        let offer = alone.replace("opus/48000/2", wrong);
        assert!(with_opus(&LAST, Opus::AsListed).take_offer(offer.as_bytes()).is_err(), "{wrong}");
    }
}

#[test]
fn opus_is_offered_and_heard_by_our_numbers_and_sent_by_theirs() {
    let lines = |negotiation: &mut Negotiation, first| {
        let ours = String::from_utf8(negotiation.make_offer(first)).unwrap();
        ours.split_once("m=audio 20000 RTP/AVP ").unwrap().1.replace("\r\n", "|")
    };
    let mut negotiation = with_opus(&LAST, Opus::Liked);
    let keys = "a=rtpmap:101 telephone-event/8000|a=fmtp:101 0-15|a=rtpmap:110 telephone-event/48000|a=fmtp:110 0-15|";
    assert_eq!(
        lines(&mut negotiation, Some(Codec::Opus)),
        format!(
            "111 8 0 101 110|a=rtpmap:111 opus/48000/2|a=fmtp:111 minptime=20;useinbandfec=1|a=rtpmap:8 PCMA/8000|\
             a=rtpmap:0 PCMU/8000|{keys}a=ptime:20|a=sendrecv|"
        )
    );
    assert!(lines(&mut negotiation, None).starts_with("8 0 111 101 110|"));
    assert!(lines(&mut with_opus(&LAST, Opus::Never), None).starts_with("8 0 101|a=rtpmap:8 PCMA"));
    let answer = "m=audio 4000 RTP/AVP 98 8 99|a=rtpmap:98 OPUS/48000/2|a=rtpmap:99 telephone-event/48000";
    let agreement = negotiation.take_answer(offer(answer).as_bytes()).unwrap();
    let (heard, spoken) = (agreement.heard, agreement.opus.unwrap());
    assert_eq!((spoken.takes.opus, spoken.takes.keys[0].unwrap().payload_type), (98, 99));
    assert_eq!((spoken.sends.opus, [111, 110, 101, 98].map(|n| spoken.sends.has(n))), (111, [true, true, true, false]));
    // They may change to another codec of the answer at any time, RFC 3264 §7.
    assert_eq!([8, 0, 96].map(|number| heard.codec(number)), [Some(Codec::Pcma), Some(Codec::Pcmu), None]);
    let plain =
        negotiation.take_answer(offer("m=audio 4000 RTP/AVP 8 98|a=rtpmap:98 opus/48000/2").as_bytes()).unwrap();
    assert_eq!((plain.opus, plain.codec, plain.heard.opus), (None, Codec::Pcma, None));
    // Numbers that they gave to something else are not used for another.
    let theirs = "m=audio 4000 RTP/AVP 8 111|a=rtpmap:111 telephone-event/8000";
    negotiation.take_offer(offer(theirs).as_bytes()).unwrap();
    assert!(lines(&mut negotiation, None).starts_with("8 0 96 111 110|"));
    let theirs = "m=audio 4000 RTP/AVP 110 97|a=rtpmap:110 opus/48000/2|a=rtpmap:97 telephone-event/48000";
    negotiation.take_offer(offer(theirs).as_bytes()).unwrap();
    assert!(lines(&mut negotiation, None).starts_with("8 0 110 111 97|"));
}
