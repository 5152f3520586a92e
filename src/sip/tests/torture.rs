//! Every case of RFC 4475 and RFC 5118, and what smugglers write: as datagrams, and in streams however they are cut.
//! After each the house answers an OPTIONS.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::phone::*;
use super::torture_cases::{Case, Verdict, all};
use crate::sip::message::framing::{Frame, Framer};
use crate::sip::*;

fn bytes(case: &Case) -> Vec<u8> {
    let text = case.text.replace('\n', "\r\n");
    let (head, body) = text.split_once("\r\n\r\n").expect("an empty line");
    [head.replace("{length}", &body.len().to_string()).as_str(), body].join("\r\n\r\n").into_bytes()
}

/// Statuses of what is sent.
fn statuses(phone: &mut Phone) -> Vec<u16> {
    let sent = phone.sent();
    sent.iter().map(|text| text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)).collect()
}

/// Over a stream in pieces of these lengths; `false`: the stream had to be closed.
fn stream(phone: &mut Phone, bytes: &[u8], mut piece: impl FnMut() -> usize) -> bool {
    let (mut framer, mut rest) = (Framer::default(), bytes);
    while !rest.is_empty() {
        let (now, later) = rest.split_at(piece().clamp(1, rest.len()));
        framer.push(now);
        rest = later;
        loop {
            match framer.next_frame() {
                Ok(Some(Frame::Message(message))) => phone.house.receive(phone.now, phone.flow, &message),
                Ok(Some(Frame::Ping)) => {}
                Ok(None) => break,
                Err(_) => return false,
            }
        }
    }
    true
}

fn is_alive(phone: &mut Phone, section: &str) {
    let answers = phone.send(&request("OPTIONS", "sip:10.0.0.1", "alive", 1, "Call-ID: alive\n").replacen(
        "Call-ID: c1\n",
        "",
        1,
    ));
    assert_eq!(starts(&answers), ["SIP/2.0 200 OK"], "{section}");
}

#[test]
fn every_torture_has_its_verdict_as_a_datagram() {
    let cases = all();
    assert!(cases.iter().filter(|case| case.section.starts_with("4475")).count() >= 49);
    for case in cases {
        let mut phone = Phone::new(true);
        phone.house.receive(phone.now, phone.flow, &bytes(&case));
        let got = statuses(&mut phone);
        let wanted: &[u16] = if let Verdict::Answered(statuses) = case.datagram { statuses } else { &[] };
        assert_eq!(got, wanted, "{}\n{}", case.section, case.text);
        is_alive(&mut phone, case.section);
    }
}

#[test]
fn every_torture_has_its_verdict_in_a_stream_however_it_is_cut() {
    let mut rng = StdRng::seed_from_u64(4475);
    for case in all() {
        let bytes = bytes(&case);
        let (most, few) = (bytes.len(), rng.random_range(2..40));
        for length in [1, few, 1448, most] {
            let mut phone = Phone::new(true);
            phone.over_tcp(1);
            let open = stream(&mut phone, &bytes, || length);
            let (wanted, stays): (&[u16], bool) = match case.stream {
                Verdict::Answered(statuses) => (statuses, true),
                Verdict::Silent => (&[], true),
                Verdict::Closed => (&[], false),
            };
            assert_eq!(
                (statuses(&mut phone).as_slice(), open),
                (wanted, stays),
                "{} by {length}\n{}",
                case.section,
                case.text
            );
            is_alive(&mut phone, case.section);
        }
    }
}

#[test]
fn many_messages_in_one_stream_are_told_apart_however_it_is_cut() {
    let mut rng = StdRng::seed_from_u64(5118);
    let whole = |case: &&Case| matches!(case.stream, Verdict::Answered(_)) || case.datagram == Verdict::Silent;
    let cases = all();
    let cases: Vec<&Case> = cases.iter().filter(whole).collect();
    let (mut wanted, mut sent) = (Vec::new(), Vec::new());
    for (n, case) in cases.iter().enumerate() {
        if let Verdict::Answered(statuses) = case.stream {
            wanted.extend_from_slice(statuses);
        }
        // Each is a transaction of its own.
        let text = String::from_utf8_lossy(&bytes(case)).replace("torture", &format!("torture{n}x"));
        let text = text.replace("branch=z9hG4bK", &format!("branch=z9hG4bK{n}x"));
        let length = bytes(case).len();
        sent.extend(if length > 1 { text.into_bytes() } else { Vec::new() });
        sent.extend_from_slice([&b""[..], b"\r\n", b"\r\n\r\n"][n % 3]);
    }
    for _ in 0..20 {
        let mut phone = Phone::of(Settings { max_calls: 1000, ..settings(true) });
        phone.over_tcp(1);
        assert!(stream(&mut phone, &sent, || rng.random_range(1..3000)));
        let mut got = statuses(&mut phone);
        let mut wanted = wanted.clone();
        got.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(got, wanted);
    }
}

#[test]
fn escapes_are_resolved_once_and_long_values_come_back_whole() {
    let find = |section: &str| all().into_iter().find(|case| case.section.contains(section)).expect("the case");
    let mut phone = Phone::new(true);
    phone.house.receive(phone.now, phone.flow, &bytes(&find("§3.1.1.3 ")));
    let events = phone.events();
    let Some(Event::Incoming(incoming)) = events.first() else { panic!("{events:?}") };
    assert_eq!(incoming.number, "sips:user@example.com");
    assert_eq!(incoming.caller.number, "I have spaces");
    for section in ["§3.1.1.7 ", "§3.1.1.2 "] {
        let case = find(section);
        let mut phone = Phone::new(true);
        phone.house.receive(phone.now, phone.flow, &bytes(&case));
        let answer = phone.sent().remove(0);
        let line = |text: &str, name: &str| {
            let of = |line: &str| {
                line.split_once(':').filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim().to_string())
            };
            text.lines().find_map(of)
        };
        let from = |text: &str| line(text, "From").or_else(|| line(text, "F"));
        assert_eq!(from(&answer), from(&case.text), "{section}");
        assert_eq!(line(&answer, "Call-ID"), line(&case.text, "Call-ID"), "{section}");
    }
}

#[test]
fn headers_in_a_target_become_no_headers_of_ours() {
    let case = all().into_iter().find(|case| case.section.contains("§3.1.2.11 ")).expect("the case");
    let mut phone = Phone::new(true);
    phone.house.receive(phone.now, phone.flow, &bytes(&case));
    let leg = leg(&phone.events());
    let accepted = phone.command(Command::Accept { leg, body: Body::sdp(b"v=0".to_vec()) });
    assert!(accepted.iter().all(|text| !text.contains("Route")), "{accepted:?}");
    let bye = phone.command(Command::Hangup { leg, reason: None });
    let later = phone.wait(Duration::from_secs(40));
    assert!(bye.iter().chain(&later).all(|text| !text.contains("Route")), "{bye:?} {later:?}");
}

#[test]
fn two_requests_with_the_cookie_alone_are_two() {
    let one = all().into_iter().find(|case| case.section.contains("§3.2.1 ")).expect("the case");
    let mut phone = Phone::new(true);
    let invite = |call_id: &str| {
        let text = one.text.replace("OPTIONS", "INVITE").replace("torture@192.0.2.7", call_id);
        bytes(&Case { text, ..all().remove(0) })
    };
    for call_id in ["one", "two"] {
        phone.house.receive(phone.now, phone.flow, &invite(call_id));
        assert_eq!(statuses(&mut phone), [100], "{call_id}");
    }
    assert_eq!(phone.events().len(), 2, "§3.2.1: neither is a copy of the other");
}

#[test]
fn carriers_send_more_than_a_description() {
    let lines = |disposition: &str| {
        format!(
            "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b\r\nContent-Type: application/isup;version=itu-t92+\r\n{disposition}\r\n\x01\x02\r\n--b--\r\n"
        )
    };
    let invite = |body: &str| {
        let text = request("INVITE", "sip:1@10.0.0.1", "m", 1, "Content-Type: multipart/mixed;boundary=b\n");
        let (head, _) = text.split_once("\n\n").expect("an empty line");
        let head = head.replace("Content-Length: 0", &format!("Content-Length: {}", body.len()));
        format!("{}\r\n\r\n{body}", head.replace('\n', "\r\n")).into_bytes()
    };
    let mut phone = Phone::new(true);
    let optional = lines("Content-Disposition: signal;handling=optional\r\n");
    phone.house.receive(phone.now, phone.flow, &invite(&optional));
    let events = phone.events();
    let Some(Event::Incoming(incoming)) = events.first() else { panic!("{events:?}") };
    assert_eq!(incoming.offer, Some(Body::sdp(b"v=0".to_vec())));
    let mut phone = Phone::new(true);
    phone.house.receive(phone.now, phone.flow, &invite(&lines("")));
    let refused = phone.sent().remove(0);
    assert!(refused.starts_with("SIP/2.0 415 ") && refused.contains("Accept: application/sdp, multipart/mixed\r\n"));
    assert!(phone.events().is_empty());
}
