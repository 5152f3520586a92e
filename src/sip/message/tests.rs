//! Messages as phones, proxies and scanners send them: what is read, what is refused and how.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;

/// A request with these lines in place of, or beside, the usual ones.
fn request(start: &str, lines: &[&str], body: &str) -> Vec<u8> {
    let usual = [
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa",
        "From: <sip:a@example.com>;tag=1",
        "To: <sip:b@example.com>",
        "Call-ID: x@y",
        "Max-Forwards: 70",
    ];
    let method = start.split(' ').next().unwrap_or_default();
    let cseq = format!("CSeq: 7 {method}");
    let name = |line: &str| canonical(line);
    let kept = usual
        .iter()
        .copied()
        .chain([cseq.as_str()])
        .filter(|line| !lines.iter().any(|other| name(other) == name(line)));
    let all: Vec<&str> = kept.chain(lines.iter().copied().filter(|line| !line.starts_with('-'))).collect();
    format!("{start}\r\n{}\r\n\r\n{body}", all.join("\r\n")).into_bytes()
}

/// The header's name, whole; `-Via` takes a usual line away.
fn canonical(line: &str) -> String {
    let name = line.trim_start_matches('-').split([':', ' ']).next().unwrap_or_default();
    headers::canonical(name).to_ascii_lowercase()
}

fn good(bytes: &[u8]) -> Request {
    match read(bytes) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}\n{}", String::from_utf8_lossy(bytes)),
    }
}

#[test]
fn what_real_phones_send_is_read() {
    let compact = request(
        "INVITE sip:12345@h SIP/2.0",
        &[
            "v: SIP/2.0/TCP [2001:db8::1]:5062 ;branch=z9hG4bKb ; rport",
            "f: Anna <sip:anna@h>;tag=9",
            "t: sip:b@h",
            "i: 1",
            "m: <sip:anna@h>",
            "c: application/sdp",
            "l: 3",
        ],
        "abcdef",
    );
    let read = good(&compact);
    let via = read.headers.top_via().unwrap();
    assert_eq!(
        (via.transport.as_str(), via.host.as_str(), via.port, via.branch()),
        ("TCP", "2001:db8::1", Some(5062), Some("z9hG4bKb"))
    );
    assert_eq!(read.headers.from().unwrap().display.as_deref(), Some("Anna"));
    assert_eq!((read.headers.get("Content-Type"), read.body.as_slice()), (Some("application/sdp"), &b"abc"[..]));

    let folded = request(
        "OPTIONS sip:h SIP/2.0",
        &["Subject: one\r\n\ttwo\r\n  three", "TO :\t<sip:b@h>", "cseq: 0009\t OPTIONS"],
        "",
    );
    let read = good(&folded);
    assert_eq!(read.headers.get("subject"), Some("one two three"));
    let long = format!("Subject: {}\r\n {}\r\n z", "x".repeat(8_000), "y".repeat(200));
    let long = request("OPTIONS sip:h SIP/2.0", &[&long], "");
    let fault = super::read::read(&long).unwrap_err();
    assert_eq!(fault.why, "Subject has more than 8,192 bytes", "nothing is left out of the middle");
    assert_eq!(read.headers.cseq().unwrap().seq, 9);

    let quoted = request(
        "INVITE sip:h SIP/2.0",
        &[
            "From: \"O'Hara, \\\"Jo\\\" <x>; y\" <sip:jo;p=1@h;transport=udp>;tag=\"q;1\"",
            "Contact: <sip:a@h>, \"b, c\" <sip:d@h>;q=0.5,sip:e@h",
        ],
        "",
    );
    let read = good(&quoted);
    let from = read.headers.from().unwrap();
    assert_eq!(from.display.as_deref(), Some("O'Hara, \"Jo\" <x>; y"));
    assert_eq!(from.uri.sip().unwrap().user.as_deref(), Some("jo;p=1"));
    assert_eq!(read.headers.contacts().unwrap().len(), 3);

    let routed = request(
        "BYE sip:h SIP/2.0",
        &[
            "Via: SIP/2.0/UDP a;branch=z9hG4bK1, SIP / 2.0 / UDP b:5070;branch=z9hG4bK2",
            "Route: <sip:p1;lr>,<sip:p2;lr>",
        ],
        "",
    );
    let read = good(&routed);
    assert_eq!((read.headers.all("Via").count(), read.headers.routes().unwrap().len()), (2, 2));

    for start in [
        "DANCE! sip:h SIP/2.0",
        "OPTIONS sip:h SIP/2.0",
        "INVITE tel:+8610 SIP/2.0",
        "INVITE sip:%31@h SIP/2.0",
        "INVITE sip:a@[::1]:5060;lr?Subject=x SIP/2.0",
    ] {
        good(&request(start, &[], ""));
    }
    let lf: Vec<u8> = request("OPTIONS sip:h SIP/2.0", &[], "x").into_iter().filter(|b| *b != b'\r').collect();
    assert_eq!(good(&lf).body, b"x");
    assert_eq!(
        good(&[b"\r\n\r\n".to_vec(), request("OPTIONS sip:h SIP/2.0", &[], "")].concat()).method,
        Method::OPTIONS
    );
}

#[test]
fn what_is_refused_gets_the_right_status() {
    let usual = "INVITE sip:h SIP/2.0";
    let table: Vec<(&str, &[&str], u16)> = vec![
        ("INVITE  sip:h SIP/2.0", &[], 400),
        ("INVITE sip:h  SIP/2.0", &[], 400),
        ("INVITE <sip:h> SIP/2.0", &[], 400),
        ("INVITE sip: SIP/2.0", &[], 400),
        ("INVITE sip:h", &[], 400),
        ("INVITE sip:h SIP/3.0", &[], 505),
        ("INVITE sip:h sip/7.0", &["Via: SIP/7.0/UDP h;branch=z9hG4bKx"], 505),
        (usual, &["-From"], 400),
        (usual, &["-To"], 400),
        (usual, &["-Call-ID"], 400),
        (usual, &["-CSeq"], 400),
        (usual, &["From: <sip:a@h"], 400),
        (usual, &["From: \"A <sip:a@h>"], 400),
        (usual, &["From: A. Bell <sip:a@h>;tag=1", "To: \"x\" \"y\" <sip:b@h>"], 400),
        (usual, &["CSeq: 7 BYE"], 400),
        (usual, &["CSeq: 99999999999 INVITE"], 400),
        (usual, &["CSeq: -1 INVITE"], 400),
        (usual, &["Max-Forwards: 300"], 400),
        (usual, &["Max-Forwards: many"], 400),
        (usual, &["To: <sip:b@h>", "t: <sip:c@h>"], 400),
        (usual, &["Call-ID: a", "i: b"], 400),
        (usual, &["Via: SIP/2.0/UDP 192.0.2.15;;,;,,"], 400),
        (usual, &["Content-Length: 99"], 400),
        (usual, &["Content-Length: -1"], 400),
        (usual, &["Content-Length: x"], 400),
        (usual, &["this is no header"], 400),
        ("DANCE sip:h SIP/2.0", &["CSeq: 7 INVITE"], 501),
    ];
    for (start, lines, status) in table {
        let bytes = request(start, lines, "");
        match read(&bytes) {
            Err(Malformed { answer: Some(answer), .. }) => assert_eq!(answer.status, status, "{start} {lines:?}"),
            other => panic!("{start} {lines:?}: {other:?}"),
        }
    }
}

#[test]
fn all_of_a_message_may_be_head_and_what_is_longer_is_refused() {
    let long: Vec<String> = (0..8).map(|_| format!("X-Long: {}", "x".repeat(8_000))).collect();
    let long: Vec<&str> = long.iter().map(String::as_str).collect();
    let bytes = request("OPTIONS sip:h SIP/2.0", &[&long[..], &["Content-Length: 0"]].concat(), "");
    assert!(bytes.len() > 64_000);
    assert_eq!(good(&bytes).headers.all("X-Long").count(), 8);
    let mut framer = framing::Framer::default();
    for piece in bytes.chunks(1_000) {
        assert_eq!(framer.next_frame(), Ok(None));
        framer.push(piece);
    }
    assert_eq!(framer.next_frame(), Ok(Some(framing::Frame::Message(bytes.clone()))));

    // Too long by a byte, and by as much as can be said.
    let head = |length: &str| request("OPTIONS sip:h SIP/2.0", &[&format!("Content-Length: {length}")], "");
    let room = read::MAX_MESSAGE - head("10000").len();
    for length in [&(room + 1).to_string(), "99999999999999999999999999"] {
        let bytes = head(length);
        let mut framer = framing::Framer::default();
        framer.push(&[&bytes[..], b"the body, or its beginning"].concat());
        assert_eq!(framer.next_frame(), Ok(Some(framing::Frame::Message(bytes.clone()))));
        match read(&bytes) {
            Err(Malformed { answer: Some(answer), .. }) => assert_eq!(answer.status, 513),
            other => panic!("{other:?}"),
        }
        for _ in 0..2 {
            assert_eq!(framer.next_frame(), Err(framing::FramingFault::TooLarge));
        }
    }
    framer.push(&head(&room.to_string()));
    assert_eq!(framer.next_frame(), Ok(None), "the longest that is allowed");

    // More headers than are read.
    let usual = good(&request("OPTIONS sip:h SIP/2.0", &["Content-Length: 0"], "")).headers.len();
    let with = |more: usize| {
        let more = vec!["X: y"; more];
        request("OPTIONS sip:h SIP/2.0", &[&more[..], &["Content-Length: 0"]].concat(), "")
    };
    assert_eq!(good(&with(256 - usual)).headers.len(), 256);
    let bytes = with(257 - usual);
    let mut framer = framing::Framer::default();
    framer.push(&bytes);
    assert_eq!(framer.next_frame(), Ok(Some(framing::Frame::Message(bytes.clone()))));
    assert_eq!(framer.next_frame(), Err(framing::FramingFault::LengthUnread));
    assert!(matches!(read(&bytes), Err(Malformed { answer: Some(answer), .. }) if answer.status == 400));

    let mut framer = framing::Framer::default();
    framer.push(&[b"OPTIONS sip:h SIP/2.0\r\nX: ".to_vec(), vec![b'x'; read::MAX_MESSAGE]].concat());
    assert_eq!(framer.next_frame(), Err(framing::FramingFault::TooLarge), "its head does not end");
}

/// RFC 5626 §3.5.1: in a stream a double CRLF is one wherever it is cut; one alone is the answer to ours.
#[test]
fn a_ping_is_one_however_it_is_cut() {
    use framing::Frame::{Message, Ping};
    let options = request("OPTIONS sip:h SIP/2.0", &["Content-Length: 0"], "");
    let all = [b"\r\n\r\n", &options[..], b"\r\n", &options, b"\r\n\r\n\r\n\r\n", &options].concat();
    let expected = [Ping, Message(options.clone()), Message(options.clone()), Ping, Ping, Message(options)];
    for size in 1..all.len() {
        let (mut framer, mut found) = (framing::Framer::default(), Vec::new());
        for piece in all.chunks(size) {
            framer.push(piece);
            while let Some(frame) = framer.next_frame().unwrap() {
                found.push(frame);
            }
            framer.take_pong(false);
        }
        assert_eq!(found, expected, "{size} bytes at once");
        assert!(framer.is_empty());
    }
    let mut framer = framing::Framer::default();
    for _ in 0..3 {
        framer.push(b"\r\n");
        assert_eq!(
            (framer.next_frame(), framer.take_pong(true)),
            (Ok(None), true),
            "answers to pings of ours are none"
        );
    }
}

#[test]
fn what_cannot_be_answered_is_dropped() {
    let many = format!("OPTIONS sip:h SIP/2.0\r\n{}\r\n", "X: y\r\n".repeat(300));
    let table: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"\r\n".to_vec(),
        b"hello".to_vec(),
        b"SIP/2.0 99 Low\r\n\r\n".to_vec(),
        b"SIP/2.0 4294967301 Wrapped\r\n\r\n".to_vec(),
        b"SIP/2.0 200 OK\r\n\r\n".to_vec(),
        many.into_bytes(),
        vec![0; 1000],
        vec![b'A'; 70_000],
        request("INVITE sip:h SIP/2.0", &["-Via"], ""),
        request("INVITE sip:h SIP/2.0", &["Via: UDP h"], ""),
        request("ACK sip:h SIP/2.0", &["-To"], ""),
    ];
    for bytes in table {
        match read(&bytes) {
            Err(Malformed { answer: None, .. }) => {}
            other => panic!("{other:?} for {:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(100)])),
        }
    }
}

#[test]
fn an_answer_copies_what_it_must_and_nothing_else() {
    let bytes = request(
        "INVITE sip:h SIP/2.0",
        &[
            "Via: SIP/2.0/UDP a;branch=z9hG4bK1,SIP/2.0/UDP b;branch=z9hG4bK2",
            "Record-Route: <sip:p;lr>",
            "X-Own: secret",
            "Timestamp: 54",
        ],
        "body",
    );
    let answer = good(&bytes).respond(486, Some("tag"));
    let text = String::from_utf8(answer.to_bytes()).unwrap();
    assert!(text.starts_with("SIP/2.0 486 Busy Here\r\n"), "{text}");
    assert_eq!(text.matches("Via: ").count(), 2);
    assert!(
        text.contains("To: <sip:b@example.com>;tag=tag\r\n")
            && text.contains("CSeq: 7 INVITE\r\n")
            && text.contains("Content-Length: 0\r\n")
    );
    assert!(!text.contains("secret") && !text.contains("Record-Route") && !text.contains("Timestamp"));
    let trying = good(&bytes).respond(100, Some("tag"));
    assert!(
        trying.headers.get("To").is_some_and(|to| !to.contains("tag="))
            && trying.headers.get("Timestamp") == Some("54")
    );
    for (status, phrase) in [
        (200, "OK"),
        (404, "Not Found"),
        (415, "Unsupported Media Type"),
        (481, "Call/Transaction Does Not Exist"),
        (488, "Not Acceptable Here"),
        (503, "Service Unavailable"),
        (505, "Version Not Supported"),
    ] {
        assert_eq!(reason_phrase(status), phrase);
    }
}

#[test]
fn what_was_read_is_written_the_same() {
    let samples = [
        request("INVITE sip:12345@h;user=phone SIP/2.0", &["Contact: \"A \\\"q\\\"\" <sip:a@h:5080;transport=tcp>;expires=60", "Content-Type: application/sdp"], "v=0\r\n"),
        request("REGISTER sip:h SIP/2.0", &["Contact: *", "Expires: 0", "Authorization: Digest username=\"8001\", realm=\"r\", nonce=\"n\", uri=\"sip:h\", response=\"0\", qop=auth, nc=00000001, cnonce=\"c\""], ""),
        b"SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n\r\n".to_vec(),
    ];
    for bytes in samples {
        let message = read(&bytes).unwrap();
        assert_eq!(read(&message.to_bytes()).unwrap().to_bytes(), message.to_bytes());
    }
}

#[test]
fn secrets_are_masked_in_what_is_shown() {
    let shown = masked(b"REGISTER sip:h SIP/2.0\r\nAuthorization: Digest username=\"8001\", response=\"deadbeef\", nonce=\"n\"\r\n\r\n");
    assert!(!shown.contains("deadbeef") && shown.contains("8001"), "{shown}");
}

#[test]
fn whatever_is_changed_in_a_message_nothing_breaks() {
    let samples = [
        request("INVITE sip:12345@h;user=phone SIP/2.0", &["Via: SIP/2.0/UDP [::1]:5060;branch=z9hG4bK1;rport,SIP/2.0/TCP b", "Contact: \"A, \\\"q\\\"\" <sip:a@h:5080;transport=tcp?x=y>;expires=60, <sip:b@h>", "Route: <sip:p;lr>", "Authorization: Digest username=\"8001\", realm=\"r\", nonce=\"n,=\"", "Content-Type: application/sdp"], "v=0\r\n"),
        b"SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth,auth-int\", algorithm=MD5\r\n\r\n".to_vec(),
    ];
    let mut rng = StdRng::seed_from_u64(3261);
    for round in 0..40_000 {
        let mut bytes = samples[round % samples.len()].clone();
        for _ in 0..rng.random_range(1..5) {
            if bytes.is_empty() {
                break;
            }
            let at = rng.random_range(0..bytes.len());
            match rng.random_range(0..5) {
                0 => bytes[at] = rng.random(),
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, *b"\r\n:;,<>\"\\@ %[]"[..].get(rng.random_range(0..14)).unwrap()),
                3 => bytes.truncate(at),
                _ => {
                    let piece: Vec<u8> = bytes[at..(at + 20).min(bytes.len())].to_vec();
                    bytes.splice(at..at, piece);
                }
            }
        }
        match read(&bytes) {
            Ok(message) => {
                let (Message::Request(Request { headers, .. }) | Message::Response(Response { headers, .. })) =
                    &message;
                let _ = (
                    headers.contacts(),
                    headers.routes(),
                    headers.credentials("Authorization"),
                    headers.challenges("WWW-Authenticate"),
                    headers.expires(),
                );
                assert!(
                    read(&message.to_bytes()).is_ok(),
                    "cannot read what was written: {}",
                    String::from_utf8_lossy(&message.to_bytes())
                );
            }
            Err(Malformed { answer: Some(answer), .. }) => {
                assert!(answer.to_bytes().len() <= bytes.len() * 2 + 500, "an answer much larger than what it answers");
            }
            Err(_) => {}
        }
        let _ = masked(&bytes);
        let mut framer = framing::Framer::default();
        framer.push(&bytes);
        while let Ok(Some(_)) = framer.next_frame() {}
    }
}

#[test]
fn every_method_that_is_known_is_written_and_read_as_the_standard_does() {
    for method in rsip::Method::all() {
        let written = Method::Known(method).to_string();
        assert_eq!(written, method.to_string());
        assert_eq!(Method::parse(&written), Some(Method::Known(method)));
        assert_eq!(Method::parse(&written.to_lowercase()), Some(Method::Other(written.to_lowercase())));
    }
}
