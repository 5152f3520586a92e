//! Where seats are, how they are rung, and how they prove themselves when they call.

use std::net::SocketAddr;
use std::time::Duration;

use super::phone::*;
use crate::sip::account::{Account, Holder};
use crate::sip::addressing::listener_to;
use crate::sip::message::{SipUri, Uri};
use crate::sip::*;

fn from(seat: &str) -> String {
    format!("From: <sip:{seat}@10.0.0.9>;tag=f\n")
}

fn who(phone: &mut Phone) -> Option<Source> {
    phone.events().into_iter().find_map(|event| if let Event::Incoming(i) = event { Some(i.source) } else { None })
}

#[test]
fn seats_behind_one_address_call_as_themselves() {
    for seat in ["8002", "8003"] {
        let mut phone = Phone::new(false);
        phone.send(&request("INVITE", "sip:*13@10.0.0.1", "a", 1, &from(seat)));
        assert_eq!(who(&mut phone), Some(Source::Seat(seat.into())));
        phone.flow.remote.set_port(5071);
        let refused = phone.send(&request("INVITE", "sip:*13@10.0.0.1", "b", 2, &from(seat)));
        assert_eq!(starts(&refused), ["SIP/2.0 403 Forbidden"], "from another port");
    }
}

#[test]
fn a_registered_seat_is_rung_where_it_is_and_called_by_its_address_of_record() {
    let mut phone = Phone::new(false);
    register(&mut phone, "MD5", "pass", 1, "Contact: <sip:x-1@10.0.0.9:5070>\n");
    phone.events();
    let invite = phone.command(Command::Invite(invitation(Target::Seat("8001".into())))).remove(0);
    assert!(invite.starts_with("INVITE sip:x-1@10.0.0.9:5070 "), "{invite}");
    assert_eq!(header(&invite, "To"), "<sip:8001@10.0.0.1>");
    assert!(header(&invite, "From").starts_with("<sip:138@10.0.0.1>;tag="), "{invite}");
}

#[test]
fn a_fixed_phone_over_tcp_calls_from_whatever_port() {
    let mut phone = Phone::new(false);
    phone.over_tcp(7);
    phone.send(&request("INVITE", "sip:*13@10.0.0.1", "a", 1, &from("8004")));
    assert_eq!(who(&mut phone), Some(Source::Seat("8004".into())));
    let refused = phone.send(&request("INVITE", "sip:*13@10.0.0.1", "b", 2, &from("8002")));
    assert_eq!(starts(&refused), ["SIP/2.0 403 Forbidden"], "a contact over UDP");
}

#[test]
fn who_is_challenged_is_said_by_where_he_is_and_not_by_whom_he_claims_to_be() {
    let mut phone = Phone::new(false);
    let mut cseq = 0;
    let mut ask = |phone: &mut Phone, name: &str| {
        cseq += 1;
        let answer = phone.send(&request("INVITE", "sip:*13@10.0.0.1", &format!("i{cseq}"), cseq, &from(name)));
        response(&answer[0]).status
    };
    assert_eq!(["8001", "8999", "100"].map(|name| ask(&mut phone, name)), [403; 3], "nobody is there");
    register(&mut phone, "MD5", "pass", 1, "");
    assert_eq!(["8001", "8999", "100"].map(|name| ask(&mut phone, name)), [401; 3], "a phone is there");
    phone.flow.remote = "10.0.0.10:5070".parse().unwrap();
    assert_eq!(ask(&mut phone, "8001"), 403, "elsewhere");
}

#[test]
fn a_registered_phone_proves_itself_and_calls() {
    let mut phone = Phone::new(false);
    register(&mut phone, "SHA-256", "pass", 1, "");
    phone.flow.remote.set_port(40_000);
    phone.events();
    let challenge = phone.send(&request("INVITE", "sip:*13@10.0.0.1", "a", 1, &from("8001")));
    let challenge = response(&challenge[0]).headers.challenges("WWW-Authenticate").remove(0);
    let uri = "sip:*13@10.0.0.1";
    let proof = digest::signed(&challenge, &message::Method::INVITE, uri, ("8001", "pass"), 1);
    let lines = format!("{}Authorization: {proof}\n", from("8001"));
    assert_eq!(starts(&phone.send(&request("INVITE", uri, "b", 2, &lines))), ["SIP/2.0 100 Trying"]);
    assert_eq!(who(&mut phone), Some(Source::Seat("8001".into())));
}

fn ring(phone: &mut Phone, seat: &str) -> Result<Flow, u16> {
    let to = Target::Seat(seat.into());
    let invite = Invite { body: None, ..invitation(to) };
    phone.house.command(phone.now, Command::Invite(invite));
    match phone.events()[..] {
        [Event::Refused { status, .. }] => Err(status),
        _ => Ok(phone.house.poll_transmit().expect("an INVITE").flow),
    }
}

#[test]
fn a_seat_with_a_headset_is_asked_to_answer_by_itself() {
    for auto_answer in [false, true] {
        let mut settings = settings(false);
        settings.seats.get_mut("8002").unwrap().auto_answer = auto_answer;
        let mut phone = Phone::of(settings);
        let invite = ring_desk(&mut phone);
        assert_eq!(invite.contains("Answer-Mode: Auto\r\n"), auto_answer, "RFC 5373");
    }
}

#[test]
fn only_who_can_be_rung_is_announced() {
    let mut house = endpoint::Endpoint::new(Default::default(), settings(false), rand::SeedableRng::seed_from_u64(1));
    let mut reachable = Vec::new();
    while let Some(Event::SeatReachable { seat, .. }) = house.poll_event() {
        reachable.push(seat.to_string());
    }
    assert_eq!(reachable, ["8002", "8003", "8004"], "not 8005, whose address is a name");
    assert_eq!(ring(&mut Phone::new(false), "8005"), Err(503), "nobody said no");
}

fn udp(addr: &str) -> Listen {
    Listen { transport: Transport::Udp, addr: addr.parse().unwrap() }
}

#[test]
fn a_restored_seat_is_rung_from_where_it_registered() {
    let several = || {
        let mut settings = settings(false);
        settings.listen = vec![udp("10.0.0.1:5060"), udp("192.0.2.1:5060"), udp("10.0.0.2:5060")];
        settings
    };
    let mut phone = Phone::of(several());
    phone.flow.listener = ListenerId(1);
    register(&mut phone, "MD5", "pass", 1, "");
    let binding = phone.events().into_iter().find_map(|event| match event {
        Event::Binding { binding, .. } => binding,
        _ => None,
    });
    let text = serde_json::to_string(&binding.unwrap()).unwrap();
    for (text, listener) in [
        (text.clone(), 1),
        // As an older version wrote it: the nearest listener.
        (text.replace(",\"listener\":\"192.0.2.1:5060\"", ""), 0),
        (text.replace("192.0.2.1:5060", "192.0.2.99:5060"), 0),
    ] {
        let mut phone = Phone::of(several());
        phone.house.restore_binding(phone.now, "8001".into(), serde_json::from_str(&text).unwrap());
        phone.events();
        assert_eq!(ring(&mut phone, "8001").map(|flow| flow.listener), Ok(ListenerId(listener)), "{text}");
    }
}

#[test]
fn requests_leave_by_the_listener_that_is_nearest() {
    let listen = [
        udp("127.0.0.1:5060"),
        udp("192.0.2.1:5060"),
        udp("10.0.0.1:5060"),
        udp("10.0.7.1:5060"),
        udp("[::]:5060"),
        udp("[::1]:5060"),
    ];
    let nearest = |remote: &str| listener_to(&listen, Transport::Udp, remote.parse::<SocketAddr>().unwrap());
    for (remote, index) in [
        ("127.0.0.9:1", 0),
        ("192.0.2.200:1", 1),
        ("10.0.0.200:1", 2),
        ("10.0.6.200:1", 3),
        ("[2001:db8::1]:1", 4),
        ("[::1]:1", 5),
    ] {
        assert_eq!(nearest(remote), Some(ListenerId(index)), "{remote}");
    }
    assert_eq!(listener_to(&listen[..1], Transport::Udp, "10.0.0.1:1".parse().unwrap()), Some(ListenerId(0)));
    assert_eq!(listener_to(&listen, Transport::Tcp, "10.0.0.1:1".parse().unwrap()), None);
}

fn account(transport: Transport) -> Account {
    let Some(Uri::Sip(aor)) = Uri::parse("sip:me@10.0.0.9") else { panic!("a URI") };
    Account {
        aor: SipUri { ..aor },
        registrar: "10.0.0.9:5070".parse().unwrap(),
        transport,
        username: "me".into(),
        password: "pw".into(),
        expires: Duration::from_secs(300),
        holder: Holder::Softphone,
    }
}

#[test]
fn a_proxys_challenge_is_answered_to_the_proxy() {
    for (status, challenge, answer, other) in [
        ("401 Unauthorized", "WWW-Authenticate", "\r\nAuthorization: ", "\r\nProxy-Authorization: "),
        ("407 Proxy Authentication Required", "Proxy-Authenticate", "\r\nProxy-Authorization: ", "\r\nAuthorization: "),
    ] {
        let mut phone = Phone::new(false);
        phone.house.register(phone.now, account(Transport::Udp));
        let sent = phone.sent();
        let lines = format!("{challenge}: Digest realm=\"x\", nonce=\"n\"\nContent-Length");
        let text = answered(&sent[0], status).replace("Content-Length", &lines);
        let again = phone.send(&text);
        assert!(again[0].contains(answer) && !again[0].contains(other), "RFC 3261 §22.3: {again:?}");
    }
}

/// A registrar that began anew meanwhile asks for another proof of it, RFC 3261 §10.2.2.
#[test]
fn a_softphone_has_left_when_its_registrar_says_so() {
    let mut phone = Phone::new(false);
    phone.house.register(phone.now, account(Transport::Udp));
    let sent = phone.sent();
    phone.send(&answered(&sent[0], "200 OK"));
    assert!(!phone.house.is_taking_leave());
    phone.house.unregister(phone.now);
    let sent = phone.sent();
    let lines = "WWW-Authenticate: Digest realm=\"x\", nonce=\"new\", stale=true\nContent-Length";
    let again = phone.send(&answered(&sent[0], "401 Unauthorized").replace("Content-Length", lines));
    assert!(again[0].contains("\r\nExpires: 0\r\n") && again[0].contains("\r\nAuthorization: "), "{again:?}");
    assert!(phone.house.is_taking_leave());
    phone.send(&answered(&again[0], "200 OK"));
    assert!(!phone.house.is_taking_leave());
}

#[test]
fn an_account_that_no_listener_leads_to_is_tried_again_later() {
    let mut settings = settings(false);
    settings.listen.truncate(1);
    let mut phone = Phone::of(settings);
    phone.house.register(phone.now, account(Transport::Tcp));
    let next = phone.house.next_deadline().expect("another attempt");
    assert!(next > phone.now, "a deadline in the past lets the loop spin");
    assert!(phone.wait(Duration::from_secs(60)).is_empty());
}

#[test]
fn the_accounts_may_change() {
    let mut phone = Phone::new(false);
    register(&mut phone, "MD5", "pass", 1, "");
    phone.events();
    // 8001 gets a contact as well and loses it again: its phone is registered all the time.
    let mut changed = settings(false);
    let account = changed.seats.get_mut("8001").unwrap();
    account.contact = Some("sip:8001@10.0.0.9:5090".into());
    phone.house.set_settings(phone.now, changed.clone());
    assert!(phone.events().is_empty());
    changed.seats = settings(false).seats;
    (changed.realm, changed.nonce_lifetime) = ("other".into(), Duration::from_secs(7));
    phone.house.set_settings(phone.now, changed);
    assert!(phone.events().is_empty());
    let challenge = phone.send(&request("REGISTER", "sip:r", "x", 9, ""));
    assert!(challenge[0].contains("realm=\"other\""), "{challenge:?}");
}
