//! What becomes of answers, dialogs and seats when connections come and go.

use super::phone::*;
use crate::ids::LegId;
use crate::sip::*;

fn flows(phone: &mut Phone) -> Vec<(String, Flow)> {
    let start = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().lines().next().unwrap_or_default().to_string();
    std::iter::from_fn(|| phone.house.poll_transmit()).map(|transmit| (start(transmit.bytes), transmit.flow)).collect()
}

/// Where the Via of [`request`] says that its sender listens.
fn back(phone: &Phone) -> Flow {
    Flow { remote: "10.0.0.9:5070".parse().unwrap(), connection: None, ..phone.flow }
}

#[test]
fn a_caller_whose_connection_is_gone_is_answered_where_it_listens() {
    let mut phone = Phone::new(true);
    phone.over_tcp(7);
    phone.send(&request("INVITE", "sip:1@10.0.0.1", "a", 1, ""));
    let leg = leg(&phone.events());
    phone.house.connection_closed(phone.now, ConnectionId(7));
    phone.house.command(phone.now, Command::Refuse { leg, status: 486 });
    let back = back(&phone);
    assert_eq!(flows(&mut phone), [("SIP/2.0 486 Busy Here".to_string(), back)], "RFC 3261 §18.2.2");
    phone.house.unsent(phone.now, back);
    assert_eq!(flows(&mut phone), [], "once");
}

#[test]
fn an_answer_that_could_not_be_sent_is_sent_once_where_the_caller_listens() {
    let mut phone = Phone::new(true);
    phone.over_tcp(7);
    phone.send(&request("INVITE", "sip:1@10.0.0.1", "a", 1, ""));
    let leg = leg(&phone.events());
    phone.command(Command::Refuse { leg, status: 486 });
    phone.house.unsent(phone.now, phone.flow);
    phone.house.connection_closed(phone.now, ConnectionId(7));
    let back = back(&phone);
    assert_eq!(flows(&mut phone), [("SIP/2.0 486 Busy Here".to_string(), back)]);
}

#[test]
fn a_200_whose_connection_is_gone_is_repeated_where_the_caller_listens() {
    let mut phone = Phone::new(true);
    phone.over_tcp(7);
    phone.send(&request("INVITE", "sip:1@10.0.0.1", "a", 1, ""));
    let leg = leg(&phone.events());
    phone.command(Command::Accept { leg, body: Body::sdp(b"v=0".to_vec()) });
    phone.house.connection_closed(phone.now, ConnectionId(7));
    phone.now = phone.house.next_deadline().expect("timer of the 200");
    phone.house.handle_deadline(phone.now);
    let back = back(&phone);
    assert_eq!(flows(&mut phone), [("SIP/2.0 200 OK".to_string(), back)]);
}

/// Our INVITE to the registered seat 8001, answered.
fn seat_talks(phone: &mut Phone) -> (LegId, String) {
    register(phone, "MD5", "pass", 1, "");
    let (leg, to) = (LegId(2), Target::Seat("8001".into()));
    let sent = phone.command(Command::Invite(Invite { leg, body: None, ..invitation(to) }));
    let ok =
        answered(&sent[0], "200 OK").replace("Content-Length", "Contact: <sip:8001@10.0.0.9:5070>\nContent-Length");
    assert!(phone.send(&ok)[0].starts_with("ACK "));
    phone.events();
    (leg, sent[0].clone())
}

/// A request of the seat within that dialog.
fn from_seat(invite: &str, method: &str, cseq: u32) -> String {
    let header = |name: &str| invite.lines().find_map(|line| line.strip_prefix(&format!("{name}: "))).unwrap();
    let lines = format!("From: {};tag=t\nTo: {}\n", header("To"), header("From"));
    request(method, "sip:hotline@10.0.0.1", &format!("w{cseq}"), cseq, &lines)
        .replace("Call-ID: c1", &format!("Call-ID: {}", header("Call-ID")))
}

#[test]
fn a_dialog_follows_its_phone_when_its_port_changes() {
    let mut phone = Phone::new(false);
    let (leg, invite) = seat_talks(&mut phone);
    let old = phone.flow;
    phone.flow.remote.set_port(61_000);
    // Neither with a wrong tag nor out of order.
    phone.send(&from_seat(&invite, "INFO", 5).replace(";tag=t\n", ";tag=u\n"));
    let moved = phone.flow;
    phone.flow = old;
    phone.send(&from_seat(&invite, "INFO", 6));
    phone.flow = moved;
    assert_eq!(starts(&phone.send(&from_seat(&invite, "INFO", 5))), ["SIP/2.0 500 Server Internal Error"]);
    phone.house.command(phone.now, Command::Reoffer { leg, body: Body::sdp(b"v=0".to_vec()) });
    assert_eq!(flows(&mut phone)[0].1, old);
    let mut phone = Phone::new(false);
    let (leg, invite) = seat_talks(&mut phone);
    phone.flow.remote.set_port(61_000);
    assert_eq!(starts(&phone.send(&from_seat(&invite, "INFO", 5))), ["SIP/2.0 200 OK"]);
    phone.house.command(phone.now, Command::Hangup { leg, reason: None });
    assert_eq!(flows(&mut phone)[0].1, phone.flow);
}

#[test]
fn dialogs_follow_their_seat_when_it_registers_anew() {
    for (same_phone, tcp) in [(true, false), (false, true), (false, false)] {
        let mut phone = Phone::new(false);
        if tcp {
            phone.over_tcp(7);
        }
        let (leg, _) = seat_talks(&mut phone);
        let old = phone.flow;
        if tcp {
            phone.house.connection_closed(phone.now, ConnectionId(7));
            phone.over_tcp(8);
        } else {
            phone.flow.remote.set_port(61_000);
        }
        let call_id = if same_phone { "c1" } else { "c2" };
        register_as(&mut phone, "MD5", "pass", 11, "", call_id);
        phone.house.command(phone.now, Command::Hangup { leg, reason: None });
        let expected = if same_phone || tcp { phone.flow } else { old };
        assert_eq!(flows(&mut phone)[0].1, expected, "same phone: {same_phone}, TCP: {tcp}");
    }
}

/// After a power cut the phone is there again over another connection; the former one says nothing, for ever.
#[test]
fn a_connection_that_its_phone_left_behind_is_told_of() {
    let left = |phone: &mut Phone| -> Vec<u64> {
        let told = phone.events().into_iter();
        told.filter_map(|event| match event {
            Event::LeftBehind { connection } => Some(connection.0),
            _ => None,
        })
        .collect()
    };
    let registers = |phone: &mut Phone, connection: u64, cseq: u32, contact: &str| {
        phone.over_tcp(connection);
        let sent = register(phone, "MD5", "pass", cseq, contact);
        assert!(sent[0].starts_with("SIP/2.0 200"), "{sent:?}");
        left(phone)
    };
    let mut phone = Phone::new(false);
    assert!(registers(&mut phone, 1, 1, "").is_empty());
    assert!(registers(&mut phone, 1, 3, "").is_empty(), "it is where it was");
    assert_eq!(registers(&mut phone, 2, 5, ""), [1]);
    phone.house.connection_closed(phone.now, ConnectionId(2));
    assert!(registers(&mut phone, 3, 7, "").is_empty(), "it is known to be gone");
    // RFC 5626: a phone may keep several beside each other.
    let flow = |number: u32| {
        let own = "+sip.instance=\"<urn:uuid:0>\"";
        format!("Supported: outbound\nContact: <sip:8001@10.0.0.9:5070>;reg-id={number};{own}\n")
    };
    assert_eq!(registers(&mut phone, 4, 9, &flow(1)), [3], "one that said nothing of several is another phone");
    assert!(registers(&mut phone, 5, 11, &flow(2)).is_empty());
    assert_eq!(registers(&mut phone, 6, 13, &flow(1)), [4], "and over another connection it is left behind");
    let mut phone = Phone::new(false);
    phone.over_tcp(6);
    seat_talks(&mut phone);
    phone.over_tcp(7);
    register_as(&mut phone, "MD5", "pass", 5, "", "another-phone");
    assert!(left(&mut phone).is_empty(), "a talk goes on over it");
}

/// A phone behind a proxy that stays in the dialog, and what the proxy says of that.
const BEHIND: &str = "sip:100@192.0.2.77:5062";
const STAYS: &str = "Record-Route: <sip:10.0.0.9:5070;transport=TRANSPORT;lr>\n";

/// A talk with that phone over TCP connection 7, which it began, or over UDP, which we did: the leg.
fn talks_behind_a_proxy(phone: &mut Phone, theirs: bool) -> LegId {
    let stays = STAYS.replace("TRANSPORT", if theirs { "tcp" } else { "udp" });
    if !theirs {
        let to = Target::Trunk { trunk: Some("out".into()), number: "110".into() };
        let ours = phone.command(Command::Invite(invitation(to))).remove(0);
        let ok = answered_with(&ours, "200 OK", &format!("Contact: <{BEHIND}>\n{stays}"));
        assert!(phone.send(&described(&ok))[0].starts_with(&format!("ACK {BEHIND} ")));
        return LegId(2);
    }
    phone.over_tcp(7);
    let invite = described(&request("INVITE", "sip:1@10.0.0.1", "a", 1, &stays));
    phone.send(&invite.replace("sip:100@10.0.0.9:5070", BEHIND));
    let leg = leg(&phone.events());
    let answer = phone.command(Command::Accept { leg, body: Body::sdp(b"v=0".to_vec()) });
    let to = response(&answer[0]).headers.to().unwrap();
    phone.send(&request("ACK", "sip:hotline@10.0.0.1", "b", 1, &format!("To: {to}\n")));
    leg
}

#[test]
fn a_phone_behind_a_proxy_is_spoken_with_through_it_or_not_at_all() {
    let bye = format!("BYE {BEHIND} SIP/2.0");
    let hang_up = |phone: &mut Phone, leg: LegId| {
        phone.house.command(phone.now, Command::Hangup { leg, reason: None });
        flows(phone)
    };
    let is_over = |phone: &mut Phone| {
        while let Some(due) = phone.house.next_deadline() {
            phone.now = phone.now.max(due);
            phone.house.handle_deadline(phone.now);
            let sent = flows(phone);
            assert!(sent.iter().all(|(_, flow)| flow.remote.ip() == phone.flow.remote.ip()), "past it: {sent:?}");
        }
        assert_eq!((phone.house.counts().legs, phone.house.counts().transactions), (0, 0));
    };
    // Its connection is gone before: another is opened to where it said that it listens, RFC 3261 §12.2.1.1.
    let mut phone = Phone::new(true);
    let leg = talks_behind_a_proxy(&mut phone, true);
    phone.house.connection_closed(phone.now, ConnectionId(7));
    let back = back(&phone);
    assert_eq!(hang_up(&mut phone, leg), [(bye.clone(), back)]);
    // Nobody listens there: RFC 3263 §4.3 knows of other addresses of the same next hop, not of what is behind it.
    phone.house.unsent(phone.now, back);
    assert_eq!(flows(&mut phone), []);
    is_over(&mut phone);
    // It is gone while a request is on its way.
    let mut phone = Phone::new(true);
    let leg = talks_behind_a_proxy(&mut phone, true);
    assert_eq!(hang_up(&mut phone, leg), [(bye.clone(), phone.flow)]);
    phone.house.connection_closed(phone.now, ConnectionId(7));
    is_over(&mut phone);
    // Over UDP nobody knows: it is said again and again, and to nobody else.
    let mut phone = Phone::new(true);
    let leg = talks_behind_a_proxy(&mut phone, false);
    assert_eq!(hang_up(&mut phone, leg), [(bye.clone(), phone.flow)]);
    is_over(&mut phone);
    // What is asked in the talk is lost, and so is the talk.
    let mut phone = Phone::new(true);
    let leg = talks_behind_a_proxy(&mut phone, false);
    phone.events();
    phone.house.command(phone.now, Command::Reoffer { leg, body: Body::sdp(b"v=0".to_vec()) });
    let flow = phone.flow;
    phone.house.unsent(phone.now, flow);
    let failed = Reason::Q850(41);
    let told = phone.events();
    assert!(
        matches!(told[..], [Event::Because { reason, .. }, Event::Ended { why: Ended::Lost, .. }] if reason == failed)
    );
    is_over(&mut phone);
}
