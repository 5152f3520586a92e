//! What is sent once more or elsewhere: 3xx, challenges within a talk; what comes twice: answers, requests; and why a
//! phone that rang beside others stops.

use std::time::Duration;

use super::phone::*;
use crate::ids::LegId;
use crate::sip::*;

fn moved(invite: &str, contacts: &str) -> String {
    answered_with(invite, "302 Moved Temporarily", &format!("Contact: {contacts}\n"))
}

#[test]
fn calls_are_sent_on_only_to_where_the_admin_lets_them() {
    for (contacts, expected) in [
        ("<sip:5@10.7.0.3:5062>", Some("INVITE sip:5@10.7.0.3:5062 SIP/2.0")),
        ("<sip:5@10.7.0.3>;q=0.2, <sip:6@10.7.0.4>;q=0.9", Some("INVITE sip:6@10.7.0.4 SIP/2.0")),
        ("<sip:5@192.0.2.3>;q=0.9, <sip:6@10.7.0.4>;q=0.1", Some("INVITE sip:6@10.7.0.4 SIP/2.0")),
        ("<sip:0900123@192.0.2.3>", None),
        ("<sip:5@phone.lan>", None),
        ("<tel:110>", None),
    ] {
        let mut phone = Phone::new(false);
        let invite = ring_desk(&mut phone);
        let sent = phone.send(&moved(&invite, contacts));
        assert!(sent[0].starts_with("ACK "), "{sent:?}");
        assert_eq!(sent.get(1).map(|text| starts(std::slice::from_ref(text))[0].to_string()).as_deref(), expected);
        match expected {
            Some(_) => {
                assert!(phone.events().is_empty());
                assert_eq!(header(&sent[1], "CSeq"), "2 INVITE");
                phone.send(&answered(&sent[1], "486 Busy Here"));
                assert!(matches!(phone.events()[..], [Event::Refused { leg: LegId(2), status: 486 }]));
            }
            None => assert!(matches!(phone.events()[..], [Event::Refused { leg: LegId(2), status: 302 }])),
        }
    }
}

#[test]
fn a_circle_of_phones_comes_to_an_end_and_one_that_was_hung_up_goes_nowhere() {
    let mut phone = Phone::new(false);
    let mut invite = ring_desk(&mut phone);
    let mut rung = 1;
    while let Some(next) = phone.send(&moved(&invite, "<sip:8002@10.7.0.9:5070>")).get(1) {
        invite = next.clone();
        rung += 1;
    }
    assert_eq!(rung, 6);
    assert!(matches!(phone.events()[..], [Event::Refused { status: 302, .. }]));
    let mut phone = Phone::new(false);
    let invite = ring_desk(&mut phone);
    phone.send(&answered(&invite, "180 Ringing"));
    phone.command(Command::Hangup { leg: LegId(2), reason: None });
    assert_eq!(phone.send(&moved(&invite, "<sip:8002@10.7.0.9>")).len(), 1, "the ACK");
    phone.wait(Duration::from_secs(100));
    assert_eq!(phone.house.counts().legs, 0);
}

#[test]
fn a_trunk_sends_nobody_on() {
    let mut phone = Phone::new(true);
    let to = Target::Trunk { trunk: Some("out".into()), number: "110".into() };
    let (sip_call_id, auto_answer, call, body) = (None, false, None, None);
    let invite = Invite { sip_call_id, auto_answer, call, body, ..invitation(to) };
    let sent = phone.command(Command::Invite(invite));
    let moved = moved(&sent[0], "<sip:5@10.7.0.3:5062>");
    assert_eq!(phone.send(&moved).len(), 1);
    assert!(matches!(phone.events()[..], [Event::Refused { status: 302, .. }]));
}

#[test]
fn a_phone_that_rang_in_vain_is_told_that_somebody_else_answered() {
    let mut phone = Phone::new(false);
    let invite = ring_desk(&mut phone);
    phone.send(&answered(&invite, "180 Ringing"));
    let reason = "SIP;cause=200;text=\"Call completed elsewhere\"";
    let cancel = phone.command(Command::Hangup { leg: LegId(2), reason: Some(reason.into()) });
    assert!(cancel[0].starts_with("CANCEL ") && header(&cancel[0], "Reason") == reason, "RFC 3326: {cancel:?}");
}

/// Our softphone, which has an account at the phone's address, in a call that the phone answered: its leg is 2.
fn softphone(phone: &mut Phone) {
    let Some(message::Uri::Sip(aor)) = message::Uri::parse("sip:me@10.0.0.9") else { panic!("a URI") };
    phone.house.know(
        phone.now,
        account::Account {
            aor,
            registrar: "10.0.0.9:5070".parse().unwrap(),
            transport: Transport::Udp,
            username: "me".into(),
            password: "pw".into(),
            expires: Duration::from_secs(300),
            holder: account::Holder::Softphone,
        },
    );
    desk_talks(phone, "Allow: UPDATE\nSession-Expires: 1800;refresher=uac\n");
}

#[test]
fn a_challenge_within_a_talk_is_answered_where_our_account_is_and_nowhere_else() {
    let lines = "WWW-Authenticate: Digest realm=\"x\", nonce=\"n\"\n";
    for (method, own) in [("INVITE", true), ("UPDATE", true), ("BYE", true), ("INVITE", false), ("BYE", false)] {
        let mut phone = Phone::new(false);
        match own {
            true => softphone(&mut phone),
            false => drop(desk_talks(&mut phone, "")),
        }
        let sent = match method {
            "INVITE" => phone.command(Command::Reoffer { leg: LegId(2), body: Body::sdp(b"v=0".to_vec()) }),
            "UPDATE" => phone.wait(Duration::from_millis(900_100)),
            _ => phone.command(Command::Hangup { leg: LegId(2), reason: None }),
        };
        let mut again = phone.send(&answered_with(&sent[0], "401 Unauthorized", lines));
        again.retain(|text| !text.starts_with("ACK "));
        if !own {
            assert!(again.is_empty(), "{method}: {again:?}");
            continue;
        }
        assert!(again[0].starts_with(&format!("{method} ")) && again[0].contains("\r\nAuthorization: "), "{again:?}");
        assert_eq!(again[0].matches("Via: ").count(), 1);
        let seq = |text: &str| header(text, "CSeq").split(' ').next().unwrap().parse::<u32>().unwrap();
        assert_eq!(seq(&again[0]), seq(&sent[0]) + 1, "RFC 3261 §22.2");
        phone.send(&answered_with(&again[0], "200 OK", "Contact: <sip:8002@10.0.0.9:5070>\n"));
        match (method, &phone.events()[..]) {
            ("INVITE", [Event::ReofferAnswered { result: Ok(_), .. }]) | ("UPDATE" | "BYE", []) => {}
            (_, other) => panic!("{method}: {other:?}"),
        }
    }
}

#[test]
fn of_several_phones_that_answer_one_invite_the_first_is_talked_with() {
    let mut phone = Phone::new(false);
    let invite = desk_talks(&mut phone, "");
    let other = answered_with(&invite, "200 OK", "Contact: <sip:8002@10.0.0.9:5070>\n").replace(";tag=t\n", ";tag=u\n");
    let sent = phone.send(&other);
    assert_eq!(sent.iter().filter_map(|text| text.split(' ').next()).collect::<Vec<_>>(), ["ACK", "BYE"]);
    assert!(sent.iter().all(|text| header(text, "To").ends_with(";tag=u")), "RFC 3261 §13.2.2.4: {sent:?}");
    assert!(phone.events().is_empty());
}

#[test]
fn an_invite_that_comes_by_two_ways_is_taken_once_and_one_that_turns_in_a_circle_ends() {
    let mut phone = Phone::new(true);
    let text = described(&request("INVITE", "sip:1@10.0.0.1", "a", 1, ""));
    assert_eq!(starts(&phone.send(&text)), ["SIP/2.0 100 Trying"]);
    let merged = phone.send(&text.replace("z9hG4bKa", "z9hG4bKb"));
    assert_eq!(starts(&merged), ["SIP/2.0 482 Loop Detected"], "RFC 3261 §8.2.2.2");
    let worn = request("INVITE", "sip:1@10.0.0.1", "c", 1, "").replace("Max-Forwards: 70", "Max-Forwards: 0");
    assert_eq!(starts(&phone.send(&worn.replace("Call-ID: c1", "Call-ID: c2"))), ["SIP/2.0 483 Too Many Hops"]);
}
