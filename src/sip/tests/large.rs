//! Requests that are too large for a datagram, RFC 3261 §18.1.1.

use std::time::Duration;

use super::phone::*;
use crate::ids::LegId;
use crate::sip::*;

const SECOND: Duration = Duration::from_secs(1);

/// What left: over what, whether it is in a hurry, and the message.
fn went(phone: &mut Phone) -> Vec<(Transport, bool, String)> {
    let sent = std::iter::from_fn(|| phone.house.poll_transmit());
    sent.map(|transmit| (transmit.flow.transport, transmit.hurried, String::from_utf8(transmit.bytes).unwrap()))
        .collect()
}

/// An INVITE of ours with a description of so many bytes.
fn invites(phone: &mut Phone, leg: u64, to: Target, length: usize) -> (Transport, bool, String) {
    let body = Some(Body::sdp(vec![b'x'; length]));
    phone.house.command(phone.now, Command::Invite(Invite { leg: LegId(leg), body, ..invitation(to) }));
    let mut sent = went(phone);
    assert_eq!(sent.len(), 1, "{sent:?}");
    sent.remove(0)
}

fn desk() -> Target {
    Target::Seat("8002".into())
}

fn out() -> Target {
    Target::Trunk { trunk: Some("out".into()), number: "110".into() }
}

/// What the shell says that could not connect.
fn is_refused(phone: &mut Phone) -> Vec<(Transport, bool, String)> {
    let flow = Flow { listener: ListenerId(1), transport: Transport::Tcp, connection: None, ..phone.flow };
    phone.house.unsent(phone.now, flow);
    went(phone)
}

/// Their answers over the connection that we opened.
fn says(phone: &mut Phone, text: &str) -> Vec<(Transport, bool, String)> {
    let flow =
        Flow { listener: ListenerId(1), transport: Transport::Tcp, connection: Some(ConnectionId(9)), ..phone.flow };
    phone.house.receive(phone.now, flow, text.replace("\r\n", "\n").replace('\n', "\r\n").as_bytes());
    went(phone)
}

#[test]
fn what_is_too_large_for_a_datagram_goes_over_tcp_and_is_not_repeated() {
    let empty = invites(&mut Phone::new(false), 2, desk(), 0).2.len();
    // As many digits in Content-Length as it has then.
    let most = 1300 - empty - 2;
    for (length, transport) in [(most, Transport::Udp), (most + 1, Transport::Tcp)] {
        let mut phone = Phone::new(false);
        let (over, hurried, invite) = invites(&mut phone, 2, desk(), length);
        assert_eq!((over, hurried, invite.len() - 1300), (transport, transport == Transport::Tcp, length - most));
        let via = format!("SIP/2.0/{} 10.0.0.1:5060;branch=", transport.via_name());
        assert!(header(&invite, "Via").starts_with(&via), "{invite}");
        assert_eq!(invite.matches("Via: ").count(), 1);
        assert!(invite.contains("Contact: <sip:hotline@10.0.0.1:5060>\r\n"), "where we are is told as ever: {invite}");
        assert_eq!(phone.wait(2 * SECOND).len(), if transport == Transport::Udp { 2 } else { 0 }, "timer A");
    }
    // Its CANCEL goes the same way (§9.1), and so does the ACK of its refusal (§17.1.1.3); what follows an answer does not.
    let mut phone = Phone::new(false);
    let (_, _, invite) = invites(&mut phone, 2, desk(), most + 1);
    says(&mut phone, &answered(&invite, "180 Ringing"));
    phone.house.command(phone.now, Command::Hangup { leg: LegId(2), reason: None });
    let (over, _, cancel) = went(&mut phone).remove(0);
    assert_eq!((over, header(&cancel, "Via")), (Transport::Tcp, header(&invite, "Via")));
    let (over, _, ack) = says(&mut phone, &answered(&invite, "487 Request Terminated")).remove(0);
    assert_eq!((over, header(&ack, "Via")), (Transport::Tcp, header(&invite, "Via")));
    let (_, _, invite) = invites(&mut phone, 4, desk(), most + 1);
    let ok = answered_with(&invite, "200 OK", "Contact: <sip:8002@10.0.0.9:5070>\n");
    let (over, _, ack) = says(&mut phone, &described(&ok)).remove(0);
    assert!(over == Transport::Udp && header(&ack, "Via").starts_with("SIP/2.0/UDP "), "{ack}");
    // Unless that is too large, too.
    let mut phone = Phone::new(false);
    let caller = Party { display: Some("x".repeat(1300)), ..caller() };
    phone.house.command(phone.now, Command::Invite(Invite { caller, ..invitation(desk()) }));
    let (_, _, invite) = went(&mut phone).remove(0);
    let ok = answered_with(&invite, "200 OK", "Contact: <sip:8002@10.0.0.9:5070>\n");
    let (over, _, ack) = says(&mut phone, &described(&ok)).remove(0);
    assert!(over == Transport::Tcp && header(&ack, "Via").starts_with("SIP/2.0/TCP "), "{ack}");
}

#[test]
fn where_nobody_takes_tcp_it_goes_by_udp_after_all_and_later_calls_lose_no_time() {
    for to in [desk, out] {
        let mut phone = Phone::new(false);
        let (_, _, first) = invites(&mut phone, 2, to(), 1300);
        phone.now = phone.now + SECOND;
        let (over, _, second) = is_refused(&mut phone).remove(0);
        assert_eq!((over, second.replace("SIP/2.0/UDP", "SIP/2.0/TCP")), (Transport::Udp, first), "the same request");
        // Timers A and B begin with it: 0.5, 1.5, 3.5 s, and 32 s.
        assert_eq!(phone.wait(4 * SECOND), vec![second.clone(); 3]);
        assert!(phone.events().is_empty());
        phone.send(&answered(&second, "180 Ringing"));
        assert!(matches!(phone.events()[..], [Event::Ringing { leg: LegId(2) }]));
        assert_eq!(invites(&mut phone, 4, to(), 1300).0, Transport::Udp, "it is known by now");
        phone.wait(3600 * SECOND);
        assert_eq!(invites(&mut phone, 6, to(), 1300).0, Transport::Tcp, "who knows whether it is so still");
    }
    // Whoever hung up meanwhile rings nobody.
    let mut phone = Phone::new(false);
    invites(&mut phone, 2, desk(), 1300);
    phone.house.command(phone.now, Command::Hangup { leg: LegId(2), reason: None });
    assert!(is_refused(&mut phone).is_empty());
    assert_eq!((phone.house.counts().legs, phone.house.counts().transactions), (0, 0));
    // What was heard over TCP is not said once more by UDP.
    let mut phone = Phone::new(false);
    let (_, _, invite) = invites(&mut phone, 2, desk(), 1300);
    says(&mut phone, &answered(&invite, "100 Trying"));
    assert!(is_refused(&mut phone).is_empty());
    assert!(matches!(phone.events()[..], [Event::Refused { leg: LegId(2), status: 503 }]));
}

#[test]
fn where_tcp_is_taken_and_nobody_answers_it_goes_by_udp_and_so_do_later_calls() {
    for to in [desk, out] {
        let mut phone = Phone::new(false);
        let (_, _, first) = invites(&mut phone, 2, to(), 1300);
        let sent = phone.wait(3 * SECOND);
        assert_eq!(sent.len(), 1, "{sent:?}");
        assert_eq!(sent[0].replace("SIP/2.0/UDP", "SIP/2.0/TCP"), first, "the same request");
        assert_eq!(phone.wait(4 * SECOND), vec![sent[0].clone(); 3], "timer A");
        phone.send(&answered(&sent[0], "180 Ringing"));
        assert!(matches!(phone.events()[..], [Event::Ringing { leg: LegId(2) }]));
        assert_eq!(invites(&mut phone, 4, to(), 1300).0, Transport::Udp, "it is known by now");
    }
    // Whoever says anything over TCP has it, however long it rings.
    let mut phone = Phone::new(false);
    let (_, _, invite) = invites(&mut phone, 2, desk(), 1300);
    phone.wait(2 * SECOND);
    says(&mut phone, &answered(&invite, "100 Trying"));
    assert!(phone.wait(60 * SECOND).is_empty());
    assert_eq!(invites(&mut phone, 4, desk(), 1300).0, Transport::Tcp);
    // Whoever hung up meanwhile rings nobody.
    let mut phone = Phone::new(false);
    invites(&mut phone, 2, desk(), 1300);
    phone.house.command(phone.now, Command::Hangup { leg: LegId(2), reason: None });
    assert!(phone.wait(40 * SECOND).is_empty());
    assert_eq!((phone.house.counts().legs, phone.house.counts().transactions), (0, 0));
    // With Timer B sooner than that it is no refusal either.
    let mut settings = settings(false);
    settings.timers.t1 = Duration::from_millis(20);
    let mut phone = Phone::of(settings);
    invites(&mut phone, 2, desk(), 1300);
    assert!(phone.wait(Duration::from_millis(1280))[0].starts_with("INVITE "));
    assert!(phone.events().is_empty());
}

#[test]
fn the_patience_with_a_trunk_begins_when_its_call_is_on_the_way() {
    let mut settings = settings(false);
    let other = Trunk { priority: 2, ..Trunk::new("other", Vec::new(), Some(hop("10.0.0.8:5060"))) };
    settings.trunks.push(other);
    let mut phone = Phone::of(settings);
    let any = Target::Trunk { trunk: None, number: "110".into() };
    invites(&mut phone, 2, any, 1300);
    phone.now = phone.now + SECOND;
    assert_eq!(is_refused(&mut phone).len(), 1);
    let patience = Trunk::new("", Vec::new(), None).patience;
    assert!(phone.wait(patience - SECOND / 2).iter().all(|text| text.starts_with("INVITE sip:110@10.0.0.9:5070 ")));
    assert!(phone.wait(SECOND).iter().any(|text| text.starts_with("INVITE sip:110@10.0.0.8:5060 ")));
}

#[test]
fn a_phone_that_registered_over_udp_is_not_asked_for_tcp() {
    let mut phone = Phone::new(false);
    assert!(register(&mut phone, "MD5", "pass", 1, "")[0].starts_with("SIP/2.0 200"));
    assert_eq!(invites(&mut phone, 2, Target::Seat("8001".into()), 1300).0, Transport::Udp);
    // And where we take no TCP none is opened: the standard wants both on one port.
    let mut settings = settings(false);
    settings.listen.truncate(1);
    assert_eq!(invites(&mut Phone::of(settings), 2, desk(), 1300).0, Transport::Udp);
}

#[test]
fn within_a_talk_it_is_decided_anew_for_each_request() {
    let mut phone = Phone::new(false);
    desk_talks(&mut phone, "");
    let offers = |phone: &mut Phone, length: usize| {
        phone.house.command(phone.now, Command::Reoffer { leg: LegId(2), body: Body::sdp(vec![b'x'; length]) });
        went(phone).remove(0)
    };
    let (over, _, large) = offers(&mut phone, 1300);
    assert!(over == Transport::Tcp && large.starts_with("INVITE "), "{large}");
    let (over, _, again) = is_refused(&mut phone).remove(0);
    assert!(over == Transport::Udp && header(&again, "CSeq") == header(&large, "CSeq"));
    let ack = phone.send(&described(&answered_with(&again, "200 OK", "Contact: <sip:8002@10.0.0.9:5070>\n")));
    assert!(ack[0].starts_with("ACK ") && header(&ack[0], "Via").starts_with("SIP/2.0/UDP "));
    assert!(matches!(phone.events()[..], [Event::ReofferAnswered { result: Ok(_), .. }]), "the talk stands");
    assert_eq!(offers(&mut phone, 1300).0, Transport::Udp);
}
