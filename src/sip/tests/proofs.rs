//! Towards a carrier that asks for the password: what of a call is proved, how often, and to whom.

use std::time::Duration;

use super::carriers::{carrier, challenge, does_not_register, invite, settings_of};
use super::phone::*;
use crate::ids::LegId;
use crate::sip::*;

/// A house that does not register, and whose call the carrier has let through once it was proved: our INVITE.
fn proved(phone: &mut Phone) -> String {
    let call = phone.command(invite("110")).remove(0);
    let sent = phone.send(&proxy_asks(&call, "n1"));
    assert!(
        sent[0].starts_with("ACK ") && header(&sent[1], "Proxy-Authorization").contains("nonce=\"n1\""),
        "{sent:?}"
    );
    sent[1].clone()
}

fn proxy_asks(request: &str, nonce: &str) -> String {
    let lines = challenge("Proxy-Authenticate", "their realm", nonce);
    answered_with(request, "407 Proxy Authentication Required", &lines)
}

#[test]
fn whatever_of_a_call_is_challenged_is_sent_once_more_with_the_next_number() {
    let mut phone = carrier(does_not_register(), &["10.0.0.9:5070"]);
    let call = proved(&mut phone);
    // Each is proved at once by what the carrier asked last, and again where it asks for something newer.
    let mut asked = 1;
    let mut once_more = |phone: &mut Phone, first: &str, method: &str, number: u32| {
        let is_proved = |request: &str, number: u32, asked: u32| {
            assert_eq!(header(request, "CSeq"), format!("{number} {method}"));
            let proof = header(request, "Proxy-Authorization");
            assert!(proof.contains(&format!("nonce=\"n{asked}\"")), "{method}: {proof}");
            assert_eq!((request.matches("Via: ").count(), request.matches("Authorization: ").count()), (1, 1));
        };
        is_proved(first, number, asked);
        asked += 1;
        let sent = phone.send(&proxy_asks(first, &format!("n{asked}")));
        let again = sent.into_iter().find(|text| !text.starts_with("ACK ")).expect("it is sent once more");
        is_proved(&again, number + 1, asked);
        again
    };
    let contact = "Contact: <sip:110@10.0.0.9:5070>\nAllow: UPDATE\nSession-Expires: 1800;refresher=uac\n";
    let says = |status: &str, lines: &str| described(&answered_with(&call, status, &format!("{contact}{lines}")));
    let prack = phone.send(&says("183 Session Progress", "Require: 100rel\nRSeq: 7\n")).remove(0);
    let again = once_more(&mut phone, &prack, "PRACK", 3);
    assert_eq!((header(&prack, "RAck"), header(&again, "RAck")), ("7 2 INVITE", "7 2 INVITE"));
    assert!(phone.send(&says("183 Session Progress", "Require: 100rel\nRSeq: 7\n")).is_empty(), "a copy");
    assert!(phone.send(&answered(&again, "200 OK")).is_empty());
    let ack = phone.send(&says("200 OK", "")).remove(0);
    assert_eq!(header(&ack, "CSeq"), "2 ACK");
    assert!(header(&ack, "Proxy-Authorization").contains("nonce=\"n1\""), "as the INVITE, RFC 3261 §13.2.2.4: {ack}");
    phone.events();

    let update = phone.wait(Duration::from_millis(900_100)).remove(0);
    let again = once_more(&mut phone, &update, "UPDATE", 5);
    phone.send(&answered_with(&again, "200 OK", contact));
    let body = Body::sdp(b"v=0 held".to_vec());
    let hold = phone.command(Command::Reoffer { leg: LegId(2), body }).remove(0);
    let again = once_more(&mut phone, &hold, "INVITE", 7);
    assert!(again.ends_with("v=0 held"));
    let ack = phone.send(&described(&answered_with(&again, "200 OK", contact))).remove(0);
    assert!(header(&ack, "Proxy-Authorization").contains("nonce=\"n4\""), "{ack}");
    assert!(matches!(phone.events()[..], [Event::ReofferAnswered { result: Ok(_), .. }]));
    let bye = phone.command(Command::Hangup { leg: LegId(2), reason: None }).remove(0);
    let again = once_more(&mut phone, &bye, "BYE", 9);
    phone.send(&answered(&again, "200 OK"));
    phone.wait(Duration::from_secs(60));
    assert_eq!((phone.house.counts().legs, phone.house.counts().transactions), (0, 0));
}

#[test]
fn a_carrier_that_is_never_content_is_answered_twice_and_who_is_elsewhere_never() {
    let mut phone = carrier(does_not_register(), &["10.0.0.9:5070"]);
    let call = proved(&mut phone);
    let lines = "Contact: <sip:110@10.0.0.9:5070>\nRequire: 100rel\nRSeq: 1\n";
    let mut prack = phone.send(&answered_with(&call, "180 Ringing", lines)).remove(0);
    let mut sent = 1;
    while let Some(next) = phone.send(&proxy_asks(&prack, &format!("m{sent}"))).pop() {
        (prack, sent) = (next, sent + 1);
        assert!(sent < 9, "for ever");
    }
    assert_eq!(sent, 3);
    // A CANCEL is not sent once more, RFC 3261 §22.1.
    let cancel = phone.command(Command::Hangup { leg: LegId(2), reason: None }).remove(0);
    assert!(cancel.starts_with("CANCEL ") && phone.send(&proxy_asks(&cancel, "m9")).is_empty());

    // Whom we reached through the carrier speaks with us past it: nothing that helps to guess the password goes there.
    let mut phone = carrier(does_not_register(), &["10.0.0.9:5070"]);
    let call = proved(&mut phone);
    let ack = phone.send(&described(&answered_with(&call, "200 OK", "Contact: <sip:110@192.0.2.7>\n"))).remove(0);
    let bye = phone.command(Command::Hangup { leg: LegId(2), reason: None }).remove(0);
    assert!(ack.starts_with("ACK ") && bye.starts_with("BYE "));
    assert!(!ack.contains("Authorization: ") && !bye.contains("Authorization: "), "{ack}{bye}");
    assert!(phone.send(&proxy_asks(&bye, "m1")).is_empty());
    assert_eq!(phone.house.counts().legs, 0);
}

#[test]
fn a_call_for_which_the_password_is_refused_is_not_asked_for_again() {
    for (again, sent) in [("n1", 1), ("n2", 2)] {
        let mut phone = carrier(does_not_register(), &["10.0.0.9:5070"]);
        phone.house.command(phone.now, invite("13800138000"));
        let first = String::from_utf8(phone.house.poll_transmit().expect("an INVITE").bytes).unwrap();
        let second = phone.send(&proxy_asks(&first, "n1")).remove(1);
        assert!(header(&second, "Proxy-Authorization").contains("nonce=\"n1\""), "{second}");
        assert_eq!(phone.send(&proxy_asks(&second, again)).len(), sent, "an ACK, and perhaps an INVITE");
        let is_refused = |event: &Event| matches!(event, Event::Refused { status: 407, .. });
        assert_eq!(phone.events().iter().any(is_refused), again == "n1");
        assert_eq!(distrusts(&phone), again == "n1");
    }
}

fn distrusts(phone: &Phone) -> bool {
    phone.house.trunks(phone.now)[0].distrusts
}

#[test]
fn a_carrier_that_refuses_our_password_is_told_of_until_it_takes_it_or_we_have_another() {
    let refuses = || {
        let mut phone = carrier(does_not_register(), &["10.0.0.9:5070"]);
        let invite = proved(&mut phone);
        assert!(!distrusts(&phone));
        phone.send(&proxy_asks(&invite, "n1"));
        assert!(distrusts(&phone));
        phone
    };
    let mut phone = refuses();
    // The next call is proved at once. Its edge says 100, and that it is overloaded, before it looks.
    for (status, still) in [("100 Trying", true), ("503 Service Unavailable", true), ("180 Ringing", false)] {
        let invite = phone.command(invite("13800138000")).remove(0);
        assert!(invite.contains("Proxy-Authorization: "), "{invite}");
        phone.send(&answered(&invite, status));
        assert_eq!(distrusts(&phone), still, "{status}");
        phone.command(Command::Hangup { leg: LegId(2), reason: None });
        phone.wait(Duration::from_secs(100));
    }
    let mut phone = refuses();
    let account = TrunkAccount { password: Password("another".into()), ..does_not_register() };
    phone.house.set_settings(phone.now, settings_of(account, &["10.0.0.9:5070"]));
    assert!(!distrusts(&phone));

    // An old nonce is no wrong password, nor is what somebody behind the carrier asks for.
    for asked in ["\"their realm\", stale=true", "\"another realm\""] {
        let mut phone = carrier(does_not_register(), &["10.0.0.9:5070"]);
        let first = proved(&mut phone);
        let second = phone.send(&proxy_asks(&first, "n2")).remove(1);
        let lines = format!("Proxy-Authenticate: Digest realm={asked}, nonce=\"n3\", qop=\"auth\"\n");
        assert_eq!(
            phone.send(&answered_with(&second, "407 Proxy Authentication Required", &lines)).len(),
            1,
            "the ACK"
        );
        assert!(!distrusts(&phone), "{asked}");
    }
}

/// What is shown within a call that came in may reach whoever calls.
#[test]
fn in_a_call_that_came_in_our_password_is_proved_only_once_that_was_asked_for() {
    let calls_out = |phone: &mut Phone| {
        let to = Target::Trunk { trunk: Some("carrier".into()), number: "13800138000".into() };
        phone.command(Command::Invite(Invite { leg: LegId(4), ..invitation(to) })).remove(0)
    };
    let (mut phone, leg, _, hold) = held_within_theirs();
    let again = phone.send(&proxy_asks(&hold, "n2")).remove(1);
    assert!(header(&again, "Proxy-Authorization").contains("nonce=\"n2\""), "{again}");
    phone.send(&described(&answered_with(&again, "200 OK", "Contact: <sip:caller@10.0.0.9:5070>\n")));
    let bye = phone.command(Command::Hangup { leg, reason: None }).remove(0);
    assert!(header(&bye, "Proxy-Authorization").contains("nonce=\"n2\""), "{bye}");
    // Nor does it go with other calls.
    let call = calls_out(&mut phone);
    assert!(header(&call, "Proxy-Authorization").contains("nonce=\"n1\""), "{call}");
    // What is asked for once the call is over is nobody's.
    let (mut phone, _, to, hold) = held_within_theirs();
    let bye = phone.send(&request("BYE", "sip:hotline@10.0.0.1", "bye", 2, &format!("To: {to}\n")));
    assert!(bye[0].starts_with("SIP/2.0 200"), "{bye:?}");
    let sent = phone.send(&proxy_asks(&hold, "n2"));
    assert!(sent.iter().all(|sent| sent.starts_with("ACK ")), "{sent:?}");
    let call = calls_out(&mut phone);
    assert!(header(&call, "Proxy-Authorization").contains("nonce=\"n1\""), "{call}");
}

/// A call of ours was proved, and another came in, which is being held: its leg, our To, and the INVITE.
fn held_within_theirs() -> (Phone, LegId, String, String) {
    let mut phone = carrier(does_not_register(), &["10.0.0.9:5070"]);
    proved(&mut phone);
    phone.events();
    phone.send(&described(&request("INVITE", "sip:12345@10.0.0.1", "in", 1, "Allow: UPDATE\n")));
    let leg = leg(&phone.events());
    let answer = phone.command(Command::Accept { leg, body: Body::sdp(b"ours".to_vec()) }).remove(0);
    let to = header(&answer, "To").to_string();
    phone.send(&request("ACK", "sip:hotline@10.0.0.1", "ack", 1, &format!("To: {to}\n")));
    let body = Body::sdp(b"v=0 held".to_vec());
    let hold = phone.command(Command::Reoffer { leg, body }).remove(0);
    assert!(hold.starts_with("INVITE ") && !hold.contains("Authorization: "), "{hold}");
    (phone, leg, to, hold)
}
