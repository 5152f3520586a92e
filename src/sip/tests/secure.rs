//! `sips:`, RFC 3261 §26.2.2 and RFC 5630: over TLS all the way, or not at all.

use super::phone::*;
use crate::ids::LegId;
use crate::sip::*;

/// A house with TLS, or without, and a trunk beside it that comes over this transport.
fn house(tls: bool, transport: Transport) -> Phone {
    let mut settings = settings(true);
    if tls {
        settings.listen.push(Listen { transport: Transport::Tls, addr: "10.0.0.1:5061".parse().unwrap() });
    }
    let mut phone = Phone::of(settings);
    let connection = transport.is_reliable().then_some(ConnectionId(1));
    let listener = ListenerId(if transport == Transport::Tls { 2 } else { 0 });
    phone.flow = Flow { listener, transport, connection, ..phone.flow };
    phone
}

fn invite(uri: &str, contact: &str, lines: &str) -> String {
    let text = request("INVITE", uri, "i", 1, lines).replace("<sip:100@10.0.0.9:5070>", contact);
    described(&text)
}

#[test]
fn it_is_taken_over_tls_and_refused_over_anything_else() {
    for (transport, expected) in [
        (Transport::Udp, "SIP/2.0 416 Unsupported URI Scheme"),
        (Transport::Tcp, "SIP/2.0 416 Unsupported URI Scheme"),
        (Transport::Tls, "SIP/2.0 100 Trying"),
    ] {
        let mut phone = house(true, transport);
        let sent = phone.send(&invite("sips:12345@10.0.0.1", "<sips:100@10.0.0.9>", ""));
        assert_eq!(starts(&sent), [expected], "{transport:?}");
    }
}

#[test]
fn who_asks_by_sips_finds_us_by_sips() {
    for (uri, contact, lines, expected) in [
        ("sips:12345@10.0.0.1", "<sips:100@10.0.0.9>", "", "<sips:hotline@10.0.0.1:5061>"),
        ("sip:12345@10.0.0.1", "<sips:100@10.0.0.9>", "", "<sips:hotline@10.0.0.1:5061>"),
        // The first Record-Route counts in its place, RFC 3261 §12.1.1.
        (
            "sip:12345@10.0.0.1",
            "<sips:100@10.0.0.9>",
            "Record-Route: <sip:10.0.0.9;transport=tls;lr>\n",
            "<sip:hotline@10.0.0.1:5061;transport=tls>",
        ),
        ("sip:12345@10.0.0.1", "<sip:100@10.0.0.9>", "", "<sip:hotline@10.0.0.1:5061;transport=tls>"),
    ] {
        let mut phone = house(true, Transport::Tls);
        phone.send(&invite(uri, contact, lines));
        let leg = leg(&phone.events());
        let answer = phone.command(Command::Accept { leg, body: Body::sdp(b"ours".to_vec()) }).remove(0);
        assert_eq!(header(&answer, "Contact"), expected, "{uri} {contact} {lines}");
    }
}

#[test]
fn what_goes_back_within_such_a_dialog_goes_over_tls_though_it_came_by_another_way() {
    let mut phone = house(true, Transport::Udp);
    phone.send(&invite("sip:12345@10.0.0.1", "<sips:100@10.0.0.9>", ""));
    let leg = leg(&phone.events());
    let answer = phone.command(Command::Accept { leg, body: Body::sdp(b"ours".to_vec()) }).remove(0);
    assert_eq!(header(&answer, "Contact"), "<sips:hotline@10.0.0.1:5061>");
    let ack = request("ACK", "sips:hotline@10.0.0.1", "a", 1, &format!("To: {}\n", header(&answer, "To")));
    phone.send(&ack);
    phone.house.command(phone.now, Command::Hangup { leg, reason: None });
    let bye = phone.house.poll_transmit().expect("a BYE");
    assert!(bye.bytes.starts_with(b"BYE sips:100@10.0.0.9 "), "{}", String::from_utf8_lossy(&bye.bytes));
    assert_eq!((bye.flow.transport, bye.flow.remote.to_string().as_str()), (Transport::Tls, "10.0.0.9:5061"));
}

#[test]
fn a_house_without_tls_says_that_it_cannot_be_had() {
    let mut phone = house(false, Transport::Udp);
    let sent = phone.send(&invite("sip:12345@10.0.0.1", "<sips:100@10.0.0.9>", ""));
    assert_eq!(starts(&sent), ["SIP/2.0 480 Temporarily Unavailable"]);
    assert_eq!(header(&sent[0], "Warning"), "380 hotline \"SIPS Not Allowed\"");
    assert!(phone.events().is_empty());
}

#[test]
fn nobody_is_rung_in_the_clear_who_is_to_be_rung_over_tls() {
    // A phone that says so when it registers over UDP.
    let mut phone = house(true, Transport::Udp);
    let refused = register(&mut phone, "MD5", "pass", 1, "Contact: <sips:8001@10.0.0.9>\nExpires: 60\n");
    assert_eq!(starts(&refused), ["SIP/2.0 416 Unsupported URI Scheme"]);
    // Whom a phone sends its calls on to.
    let ours = ring_desk(&mut phone);
    let moved = answered_with(&ours, "302 Moved Temporarily", "Contact: <sips:5@10.7.0.3>\n");
    assert_eq!(starts(&phone.send(&moved)), [format!("ACK {}", &ours[7..ours.find("\r\n").unwrap()])]);
    assert!(matches!(phone.events()[..], [Event::Refused { leg: LegId(2), status: 302 }]));
    // One that registers over TLS is rung so.
    let mut phone = house(true, Transport::Tls);
    let taken = register(&mut phone, "MD5", "pass", 1, "Contact: <sips:8001@10.0.0.9>\nExpires: 60\n");
    assert_eq!(starts(&taken), ["SIP/2.0 200 OK"]);
    let ours = phone.command(Command::Invite(Invite {
        body: Some(Body::sdp(b"v=0 ours".to_vec())),
        ..invitation(Target::Seat("8001".into()))
    }));
    assert!(ours[0].starts_with("INVITE sips:8001@10.0.0.9 SIP/2.0\r\n"), "{}", ours[0]);
    assert_eq!(header(&ours[0], "Contact"), "<sips:hotline@10.0.0.1:5061>");
}
