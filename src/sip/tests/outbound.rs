//! Several flows of one phone, RFC 5626.

use std::time::Duration;

use super::phone::*;
use crate::ids::LegId;
use crate::sip::*;

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const PHONE: &str = "<urn:uuid:00000000-0000-1000-8000-000A95A0E128>";

/// What a phone says of itself that has flows beside each other.
pub(super) fn flow_of(instance: &str, reg_id: u32) -> String {
    let own = format!("+sip.instance=\"{instance}\";reg-id={reg_id}");
    format!("Supported: path, outbound\nContact: <sip:8001@10.0.0.9:5070>;{own}\n")
}

/// Registers over TCP connection `number`, which is flow `number` of the phone: the answer.
fn registers(phone: &mut Phone, number: u64, cseq: u32) -> String {
    phone.over_tcp(number);
    register(phone, "MD5", "pass", cseq, &flow_of(PHONE, number as u32)).remove(0)
}

/// A phone with flows 1 and 2.
pub(super) fn two_flows() -> Phone {
    let mut phone = Phone::new(false);
    for (number, cseq) in [(1, 1), (2, 3)] {
        let ok = registers(&mut phone, number, cseq);
        assert!(ok.starts_with("SIP/2.0 200"), "{ok}");
    }
    phone.events();
    phone
}

pub(super) fn rings(phone: &mut Phone) -> Vec<(u64, String)> {
    phone.house.command(phone.now, Command::Invite(invitation(Target::Seat("8001".into()))));
    went(phone)
}

/// Over which connection what left; 0: none.
pub(super) fn went(phone: &mut Phone) -> Vec<(u64, String)> {
    let sent = std::iter::from_fn(|| phone.house.poll_transmit());
    sent.map(|sent| (sent.flow.connection.map_or(0, |id| id.0), String::from_utf8(sent.bytes).unwrap())).collect()
}

pub(super) fn brief(sent: &[(u64, String)]) -> Vec<(u64, &str)> {
    sent.iter().map(|(over, text)| (*over, text.split(' ').next().unwrap_or_default())).collect()
}

#[test]
fn whoever_asks_for_flows_beside_each_other_is_told_that_it_has_them() {
    let mut phone = Phone::new(false);
    let first = registers(&mut phone, 1, 1);
    assert_eq!((header(&first, "Require"), header(&first, "Flow-Timer")), ("outbound", "120"), "§6");
    assert_eq!(header(&first, "Supported"), "path, outbound");
    let second = registers(&mut phone, 2, 3);
    let contacts: Vec<&str> = second.lines().filter(|line| line.starts_with("Contact: ")).collect();
    assert_eq!(contacts.len(), 2, "{second}");
    for (contact, reg_id) in contacts.iter().zip([2, 1]) {
        assert!(
            contact.contains(&format!("reg-id={reg_id}")) && contact.contains(&format!("\"{PHONE}\"")),
            "{contact}"
        );
    }
    assert_eq!(phone.house.counts().bindings, 1, "of one seat");
    // The same flow again takes the place of itself, whatever its Contact.
    let again = registers(&mut phone, 2, 5);
    assert_eq!(again.matches("\nContact: ").count(), 2, "{again}");
    // Another phone at the seat takes the place of all.
    phone.over_tcp(3);
    let other = register(&mut phone, "MD5", "pass", 7, &flow_of("<urn:uuid:1>", 1)).remove(0);
    assert_eq!(other.matches("\nContact: ").count(), 1, "{other}");
}

#[test]
fn only_what_is_asked_for_properly_is_outbound() {
    let own = format!("Contact: <sip:8001@10.0.0.9:5070>;+sip.instance=\"{PHONE}\"");
    for (lines, status, required) in [
        (format!("Supported: outbound\n{own};reg-id=1\n"), 200, true),
        (format!("Supported: gruu\n{own};reg-id=1\n"), 200, false),
        (format!("Supported: outbound\n{own}\n"), 200, false),
        (format!("Supported: outbound\n{own};reg-id=0\n"), 200, false),
        ("Supported: outbound\nContact: <sip:8001@10.0.0.9:5070>;reg-id=1\n".into(), 200, false),
        // A proxy between that knows nothing of it, one that does, and one that only says that it is there.
        (format!("Via: SIP/2.0/TCP 10.1.1.1;branch=z9hG4bKz\nSupported: outbound\n{own};reg-id=1\n"), 439, false),
        (
            format!(
                "Via: SIP/2.0/TCP 10.1.1.1;branch=z9hG4bKz\nPath: <sip:10.1.1.1;lr>\nSupported: outbound\n{own};reg-id=1\n"
            ),
            439,
            false,
        ),
        (
            format!(
                "Via: SIP/2.0/TCP 10.1.1.1;branch=z9hG4bKz\nPath: <sip:f@10.1.1.1;lr;ob>\nSupported: outbound\n{own};reg-id=1\n"
            ),
            200,
            true,
        ),
        (format!("Via: SIP/2.0/TCP 10.1.1.1;branch=z9hG4bKz\nSupported: gruu\n{own};reg-id=1\n"), 200, false),
    ] {
        let mut phone = Phone::new(false);
        let answer = register(&mut phone, "MD5", "pass", 1, &lines).remove(0);
        assert_eq!(response(&answer).status, status, "{lines}{answer}");
        assert_eq!(answer.contains("Require: outbound"), required, "{lines}{answer}");
        let timer = if required && !lines.contains("Path: ") { "30" } else { "" };
        assert_eq!(answer.contains("Flow-Timer: "), !timer.is_empty(), "an edge has its own: {lines}{answer}");
        assert!(timer.is_empty() || header(&answer, "Flow-Timer") == timer, "{lines}{answer}");
    }
}

#[test]
fn a_phone_behind_an_edge_is_rung_through_it() {
    let mut phone = Phone::new(false);
    let path = "Path: <sip:f1@10.0.0.9:5070;lr>, <sip:f2@10.1.1.1;lr;ob>\n";
    let ok = register(&mut phone, "MD5", "pass", 1, &format!("{path}{}", flow_of(PHONE, 1))).remove(0);
    let both = ["<sip:f1@10.0.0.9:5070;lr>", "<sip:f2@10.1.1.1;lr;ob>"];
    let all = |text: &str, name: &str| -> Vec<String> {
        text.lines()
            .filter_map(|line| Some(line.trim_end().strip_prefix(name)?.strip_prefix(": ")?.to_string()))
            .collect()
    };
    assert_eq!(all(&ok, "Path"), both, "RFC 3327 §5.3");
    let invite = rings(&mut phone).remove(0).1;
    assert!(invite.starts_with("INVITE sip:8001@10.0.0.9:5070 "), "{invite}");
    assert_eq!(all(&invite, "Route"), both, "RFC 3327 §5.4");
    // Whom it sends its calls on to is not behind it.
    let moved = answered_with(&invite, "302 Moved Temporarily", "Contact: <sip:5@10.7.0.3:5062>\n");
    let elsewhere = phone.send(&moved).remove(1);
    assert!(elsewhere.starts_with("INVITE sip:5@10.7.0.3:5062 "), "{elsewhere}");
    assert!(all(&elsewhere, "Route").is_empty(), "{elsewhere}");
}

#[test]
fn an_edge_that_closes_its_connection_is_reached_where_it_listens() {
    let behind = |path: &str| {
        let mut phone = Phone::new(false);
        let ok = registers_behind(&mut phone, path);
        assert!(ok.starts_with("SIP/2.0 200"), "{ok}");
        phone.events();
        phone.house.connection_closed(phone.now, ConnectionId(1));
        phone
    };
    let path = "<sip:f2@10.0.0.9:5080;transport=tcp;lr>";
    let mut phone = behind(path);
    phone.house.command(phone.now, Command::Invite(invitation(Target::Seat("8001".into()))));
    let sent = phone.house.poll_transmit().expect("an INVITE");
    let (flow, invite) = (sent.flow, String::from_utf8(sent.bytes).unwrap());
    assert_eq!(
        (flow.remote, flow.transport, flow.connection),
        ("10.0.0.9:5080".parse().unwrap(), Transport::Tcp, None)
    );
    assert_eq!(header(&invite, "Route"), path);
    assert!(header(&invite, "To").starts_with("<sip:8001@10.0.0.1"), "{invite}");
    phone.flow.remote = flow.remote;
    phone.over_tcp(2);
    let record_route = format!("Contact: <sip:8001@10.0.0.9:5070>\nRecord-Route: {path}\n");
    assert!(phone.send(&described(&answered_with(&invite, "200 OK", &record_route)))[0].starts_with("ACK "));
    phone.wait(20 * SECOND);
    let is_gone = |event: &Event| matches!(event, Event::SeatUnreachable { .. });
    assert!(!phone.events().iter().any(is_gone), "it registered for longer");
    // It says again that it is there, by a connection that it opened anew.
    phone.over_tcp(3);
    let again = format!("Path: {path}\nContact: <sip:8001@10.0.0.9:5070>\n");
    assert!(register(&mut phone, "MD5", "pass", 3, &again)[0].starts_with("SIP/2.0 200"));
    phone.house.command(phone.now, Command::Hangup { leg: LegId(2), reason: None });
    let bye = phone.house.poll_transmit().expect("a BYE");
    assert_eq!((bye.flow.remote, bye.flow.transport), ("10.0.0.9:5080".parse().unwrap(), Transport::Tcp));
    // One whose address is not known, that is to be reached over TLS, or that names somebody else, perhaps a carrier, is
    // gone with its connection.
    let elsewhere = ["<sip:10.1.1.1:5080;transport=tcp;lr>", "<sip:10.1.1.1;lr>"];
    for path in ["<sip:edge.example;transport=tcp;lr>", "<sip:10.0.0.9;transport=tls;lr>"].into_iter().chain(elsewhere)
    {
        let mut phone = behind(path);
        assert!(rings(&mut phone).is_empty(), "{path}");
        phone.wait(6 * SECOND);
        assert!(phone.events().iter().any(is_gone), "{path}");
    }
}

fn registers_behind(phone: &mut Phone, path: &str) -> String {
    phone.over_tcp(1);
    let lines = format!("Path: {path}\nContact: <sip:8001@10.0.0.9:5070>\n");
    register(phone, "MD5", "pass", 1, &lines).remove(0)
}

#[test]
fn where_a_flow_fails_the_same_phone_is_rung_by_another() {
    for failure in ["430 Flow Failed", "408 Request Timeout", "unsent", "silence"] {
        let mut phone = two_flows();
        let sent = rings(&mut phone);
        assert_eq!(brief(&sent), [(2, "INVITE")], "the one that was registered last");
        let second = match failure {
            "unsent" => {
                phone.house.unsent(phone.now, phone.flow);
                went(&mut phone)
            }
            "silence" => {
                assert!(phone.wait(2 * SECOND).is_empty());
                let at = phone.house.next_deadline().expect("a deadline");
                phone.now = at;
                phone.house.handle_deadline(at);
                went(&mut phone)
            }
            answer => {
                phone.house.receive(
                    phone.now,
                    phone.flow,
                    answered(&sent[0].1, answer).replace('\n', "\r\n").as_bytes(),
                );
                went(&mut phone)
            }
        };
        let is_invite = |(_, text): &&(u64, String)| text.starts_with("INVITE ");
        let (over, invite) = second.iter().find(is_invite).expect("another INVITE").clone();
        assert_eq!(over, 1, "{failure}: {second:?}");
        assert_eq!(header(&invite, "CSeq"), "2 INVITE");
        assert!(phone.events().iter().all(|event| matches!(event, Event::Binding { .. })), "{failure}");
        // The failed one is registered no longer: there is no third.
        phone.over_tcp(1);
        let refused = phone.send(&answered(&invite, "430 Flow Failed"));
        assert!(refused.iter().all(|text| text.starts_with("ACK ")), "{failure}: {refused:?}");
        assert!(matches!(phone.events()[..], [Event::Refused { leg: LegId(2), status: 430 }]), "{failure}");
        assert_eq!(phone.house.counts().bindings, 1, "a phone that has only one keeps it");
    }
    // Whatever else it says is the phone's word.
    let mut phone = two_flows();
    let sent = rings(&mut phone);
    assert_eq!(starts(&phone.send(&answered(&sent[0].1, "486 Busy Here"))).len(), 1, "the ACK");
    assert!(matches!(phone.events()[..], [Event::Refused { leg: LegId(2), status: 486 }]));
    // So is 408 once it rang, but not that of a proxy which only tries; and the flow it came by stands.
    for (provisional, is_word) in [("180 Ringing", true), ("183 Session Progress", true), ("100 Trying", false)] {
        let mut phone = two_flows();
        let sent = rings(&mut phone);
        phone.send(&answered(&sent[0].1, provisional));
        let after = phone.send(&answered(&sent[0].1, "408 Request Timeout"));
        assert_eq!(after.iter().any(|text| text.starts_with("INVITE ")), !is_word, "{provisional}: {after:?}");
        let refused = phone.events().iter().any(|event| matches!(event, Event::Refused { status: 408, .. }));
        assert_eq!(refused, is_word, "{provisional}");
        if is_word {
            assert_eq!(brief(&rings(&mut phone)), [(2, "INVITE")], "{provisional}");
        }
    }
    let mut phone = two_flows();
    let sent = rings(&mut phone);
    phone.send(&answered(&sent[0].1, "180 Ringing"));
    let after = phone.send(&answered(&sent[0].1, "430 Flow Failed"));
    assert!(after.iter().any(|text| text.starts_with("INVITE ")), "the edge's word: {after:?}");
    // Whoever answers over the silent one after all is told that it is over.
    let mut phone = two_flows();
    let sent = rings(&mut phone);
    phone.wait(4 * SECOND);
    assert_eq!(starts(&phone.send(&answered(&sent[0].1, "180 Ringing")))[0].split(' ').next(), Some("CANCEL"));
}

#[test]
fn a_phone_that_loses_one_flow_goes_on_by_the_other() {
    let mut phone = two_flows();
    let sent = rings(&mut phone);
    phone.house.connection_closed(phone.now, ConnectionId(2));
    let again = went(&mut phone);
    // The same request, as it may have been lost.
    assert_eq!((brief(&again), header(&again[0].1, "CSeq")), (vec![(1, "INVITE")], header(&sent[0].1, "CSeq")));
    assert!(phone.events().iter().all(|event| matches!(event, Event::Binding { binding: Some(_), .. })));
    phone.over_tcp(1);
    let ok = described(&answered_with(&again[0].1, "200 OK", "Contact: <sip:8001@10.0.0.9:5070>\n"));
    assert!(phone.send(&ok)[0].starts_with("ACK "));
    // Another flow is no reason to leave the one that stands.
    let hold = |phone: &mut Phone| {
        phone.house.command(phone.now, Command::Reoffer { leg: LegId(2), body: Body::sdp(b"v=0".to_vec()) });
        went(phone)
    };
    registers(&mut phone, 3, 5);
    let offered = hold(&mut phone);
    assert_eq!(brief(&offered), [(1, "INVITE")]);
    // It is lost with what is on the way over it: that is said anew, by the other.
    phone.house.connection_closed(phone.now, ConnectionId(1));
    assert_eq!(brief(&went(&mut phone)), [(3, "INVITE")]);
    // The last one is gone: the phone has the time to be back that every phone has.
    phone.events();
    phone.house.connection_closed(phone.now, ConnectionId(3));
    phone.wait(4 * SECOND);
    assert!(phone.events().is_empty());
    phone.wait(2 * SECOND);
    assert!(phone.events().iter().any(|event| matches!(event, Event::SeatUnreachable { .. })));
}

#[test]
fn each_flow_has_an_address_and_proxies_of_its_own() {
    let behind = |number: u64| format!("<sip:edge{number}@10.0.0.9;lr;ob>");
    let two_edges = || {
        let mut phone = Phone::new(false);
        for (number, cseq) in [(1, 1), (2, 3)] {
            phone.over_tcp(number);
            let lines = flow_of(PHONE, number as u32).replace("8001@", &format!("8001-{number}@"));
            let ok = register(&mut phone, "MD5", "pass", cseq, &format!("Path: {}\n{lines}", behind(number)));
            assert!(ok[0].starts_with("SIP/2.0 200"), "{ok:?}");
        }
        phone.events();
        phone
    };
    let mut phone = two_edges();
    let first = rings(&mut phone).remove(0).1;
    assert_eq!(header(&first, "Route"), behind(2));
    phone.house.connection_closed(phone.now, ConnectionId(2));
    let (over, second) = went(&mut phone).remove(0);
    assert_eq!((over, header(&second, "Route"), header(&second, "CSeq")), (1, &*behind(1), "2 INVITE"));
    assert!(second.starts_with("INVITE sip:8001-1@10.0.0.9:5070 "), "{second}");
    assert_eq!(second.matches("Route: ").count(), 1, "{second}");
    // The former one did arrive: it stops there, and the call is the other's.
    phone.over_tcp(1);
    assert!(phone.send(&answered(&first, "180 Ringing"))[0].starts_with("CANCEL "));
    phone.events();
    phone.send(&answered(&second, "180 Ringing"));
    assert!(matches!(phone.events()[..], [Event::Ringing { leg: LegId(2) }]));
    // What rings there already goes on as it is.
    let mut phone = two_edges();
    let first = rings(&mut phone).remove(0).1;
    phone.send(&answered(&first, "180 Ringing"));
    phone.house.connection_closed(phone.now, ConnectionId(2));
    assert!(went(&mut phone).is_empty());
    // Whoever hung up rings nobody.
    let mut phone = two_edges();
    rings(&mut phone);
    phone.house.command(phone.now, Command::Hangup { leg: LegId(2), reason: None });
    phone.house.connection_closed(phone.now, ConnectionId(2));
    assert!(phone.wait(SECOND).is_empty());
    assert_eq!((phone.house.counts().legs, phone.house.counts().transactions), (0, 0));
}

/// Seat 8001 asks to be told of 8002.
fn watches(phone: &mut Phone) {
    watches_as(phone, "l1");
}

fn watches_as(phone: &mut Phone, call_id: &str) {
    let lines = "From: <sip:8001@10.0.0.9>;tag=w\nEvent: dialog\n";
    let text = request("SUBSCRIBE", "sip:8002@10.0.0.1", call_id, 1, lines);
    let text = text.replace("Call-ID: c1", &format!("Call-ID: {call_id}"));
    let challenge = phone.send(&text);
    let challenge = response(&challenge[0]).headers.challenges("WWW-Authenticate").remove(0);
    let uri = "sip:8002@10.0.0.1";
    let method = message::Method::Known(rsip::Method::Subscribe);
    let proof = digest::signed(&challenge, &method, uri, ("8001", "pass"), 1);
    let text = text.replace("Event:", &format!("Authorization: {proof}\nEvent:")).replace("z9hG4bK", "z9hG4bKagain");
    let sent = phone.send(&text.replace("CSeq: 1", "CSeq: 2"));
    assert_eq!(starts(&sent)[0], "SIP/2.0 200 OK");
    phone.send(&answered(&sent[1], "200 OK"));
}

#[test]
fn lamps_are_told_by_the_flow_that_stands() {
    let mut phone = two_flows();
    watches(&mut phone);
    phone.house.connection_closed(phone.now, ConnectionId(2));
    assert_eq!(phone.house.counts().watches, 1);
    phone.house.command(phone.now, Command::Invite(invitation(Target::Seat("8002".into()))));
    assert!(brief(&went(&mut phone)).contains(&(1, "NOTIFY")));
    // With the last one they wait until the phone is back: nothing is told meanwhile, and everything then.
    phone.house.connection_closed(phone.now, ConnectionId(1));
    assert!(!brief(&went(&mut phone)).iter().any(|(_, method)| *method == "NOTIFY"));
    assert_eq!(phone.house.counts().watches, 1);
    phone.over_tcp(4);
    let sent = register(&mut phone, "MD5", "pass", 7, &flow_of(PHONE, 1));
    let told = sent.iter().find(|text| text.starts_with("NOTIFY ")).expect("how the lamp is");
    assert!(told.contains("version=\"2\" state=\"full\"") && told.contains("<state>early</state>"), "{told}");
    phone.send(&answered(told, "200 OK"));
    phone.house.connection_closed(phone.now, ConnectionId(4));
    assert_eq!(phone.house.counts().watches, 1);
    phone.wait(3601 * SECOND);
    assert_eq!(phone.house.counts().watches, 0, "nobody came back");
    // Another phone at the seat did not ask for them.
    let mut phone = two_flows();
    watches(&mut phone);
    phone.over_tcp(3);
    assert!(register(&mut phone, "MD5", "pass", 7, &flow_of("<urn:uuid:1>", 1))[0].starts_with("SIP/2.0 200"));
    phone.house.connection_closed(phone.now, ConnectionId(2));
    assert_eq!(phone.house.counts().watches, 0);
    // What was told by a flow that is gone is told anew: nobody answered it.
    let mut phone = two_flows();
    watches(&mut phone);
    let rings = |phone: &mut Phone| {
        phone.house.command(phone.now, Command::Invite(invitation(Target::Seat("8002".into()))));
        brief(&went(phone)).contains(&(2, "NOTIFY"))
    };
    assert!(rings(&mut phone));
    phone.house.connection_closed(phone.now, ConnectionId(2));
    assert!(brief(&went(&mut phone)).contains(&(1, "NOTIFY")));
    // Also where it shows only then that it is gone.
    let mut phone = Phone::new(false);
    registers(&mut phone, 1, 1);
    watches(&mut phone);
    phone.house.command(phone.now, Command::Invite(invitation(Target::Seat("8002".into()))));
    let told = std::iter::from_fn(|| phone.house.poll_transmit()).find(|sent| sent.bytes.starts_with(b"NOTIFY "));
    phone.house.unsent(phone.now, told.expect("a lamp").flow);
    phone.house.connection_closed(phone.now, ConnectionId(1));
    assert_eq!(phone.house.counts().watches, 1, "it waits for the phone");
    // And where nothing comes back.
    let mut phone = two_flows();
    watches(&mut phone);
    assert!(rings(&mut phone));
    let later = phone.wait(33 * SECOND);
    assert!(later.iter().any(|text| text.starts_with("NOTIFY ")) && phone.house.counts().watches == 1, "{later:?}");
    // The same one did, also by a flow that took the place of its own.
    let mut phone = two_flows();
    watches(&mut phone);
    phone.over_tcp(3);
    assert!(register(&mut phone, "MD5", "pass", 7, &flow_of(PHONE, 2))[0].starts_with("SIP/2.0 200"));
    phone.house.connection_closed(phone.now, ConnectionId(2));
    assert_eq!(phone.house.counts().watches, 1);
}

#[test]
fn what_waits_for_a_phone_makes_room_and_ends_with_its_seat() {
    let mut phone = two_flows();
    (0..200).for_each(|n| watches_as(&mut phone, &format!("l{n}")));
    [2, 1].into_iter().for_each(|no| phone.house.connection_closed(phone.now, ConnectionId(no)));
    assert_eq!(phone.house.counts().watches, 200, "they wait");
    // It began anew, under another name.
    phone.over_tcp(4);
    assert!(register(&mut phone, "MD5", "pass", 7, &flow_of("<urn:uuid:1>", 1))[0].starts_with("SIP/2.0 200"));
    (200..400).for_each(|n| watches_as(&mut phone, &format!("l{n}")));
    assert_eq!(phone.house.counts().watches, 200);
    phone.house.connection_closed(phone.now, ConnectionId(4));
    let mut others = settings(false);
    others.seats.remove("8001");
    phone.house.set_settings(phone.now, others);
    assert_eq!(phone.house.counts().watches, 0);
}

#[test]
fn a_flow_ends_by_itself_or_when_it_is_taken_back() {
    let mut phone = two_flows();
    let gone = registers(&mut phone, 2, 5);
    assert_eq!(gone.matches("\nContact: ").count(), 2);
    let lines = flow_of(PHONE, 2).replace(">;", ">;expires=0;");
    let left = register(&mut phone, "MD5", "pass", 7, &lines).remove(0);
    assert!(left.matches("\nContact: ").count() == 1 && left.contains("reg-id=1"), "{left}");
    // The first was registered for 600 s at the beginning, the second again after 400.
    let mut phone = two_flows();
    phone.wait(400 * SECOND);
    registers(&mut phone, 2, 5);
    phone.wait(300 * SECOND);
    let asked = registers(&mut phone, 2, 9);
    assert!(asked.matches("\nContact: ").count() == 1 && asked.contains("reg-id=2"), "{asked}");
    assert!(!phone.events().iter().any(|event| matches!(event, Event::SeatUnreachable { .. })));
}

#[test]
fn after_a_restart_a_phone_is_rung_by_its_flow_that_is_no_connection() {
    let mut phone = Phone::new(false);
    let datagrams = phone.flow;
    register(&mut phone, "MD5", "pass", 1, &flow_of(PHONE, 1));
    registers(&mut phone, 2, 3);
    let told = phone.events().into_iter().filter_map(|event| match event {
        Event::Binding { binding, .. } => binding,
        _ => None,
    });
    let binding = told.last().expect("a binding");
    assert_eq!((binding.remote, binding.transport.as_str()), (datagrams.remote, "udp"));
    assert_eq!(brief(&rings(&mut phone)), [(2, "INVITE")], "the one that was registered last, while it stands");
    let mut phone = Phone::new(false);
    phone.house.restore_binding(phone.now, "8001".into(), binding);
    assert_eq!(brief(&rings(&mut phone)), [(0, "INVITE")]);
}

/// RFC 5626 §4.4.2.
#[test]
fn signs_of_life_by_datagrams_are_answered_to_phones_and_to_nobody_else() {
    let ask = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12]].concat();
    let mut phone = Phone::new(false);
    phone.house.receive(phone.now, phone.flow, &ask);
    assert!(phone.house.poll_transmit().is_none(), "a stranger");
    register(&mut phone, "MD5", "pass", 1, "");
    phone.house.receive(phone.now, phone.flow, &ask);
    let answer = phone.house.poll_transmit().expect("an answer");
    assert_eq!((answer.flow, &answer.bytes[..2], &answer.bytes[8..20]), (phone.flow, &[1, 1][..], &[7; 12][..]));
}
