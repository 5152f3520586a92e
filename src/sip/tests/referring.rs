//! REFER and Replaces from seats' phones, RFC 3515, RFC 3891 and RFC 5589.

use std::time::Duration;

use super::phone::*;
use crate::ids::LegId;
use crate::sip::*;

fn notified(text: &str) -> (&str, &str, &str) {
    assert!(text.starts_with("NOTIFY sip:8002@10.0.0.9:5070 "), "{text}");
    assert_eq!(header(text, "Content-Type"), "message/sipfrag;version=2.0");
    (header(text, "Event"), header(text, "Subscription-State"), text.split("\r\n\r\n").nth(1).unwrap().trim_end())
}

#[test]
fn a_phone_sends_its_caller_on_and_is_told_what_became_of_it_though_it_has_hung_up() {
    let mut phone = Phone::new(false);
    let invite = desk_talks(&mut phone, "");
    let sent = phone.send(&of_desk(&invite, "REFER", 5, "Refer-To: <sip:8003@10.0.0.1>\n"));
    assert_eq!(starts(&sent)[0], "SIP/2.0 202 Accepted");
    assert_eq!(notified(&sent[1]), ("refer", "active;expires=180", "SIP/2.0 100 Trying"));
    assert!(matches!(&phone.events()[..], [Event::Refer { leg: LegId(2), to: ReferTo::Number(n) }] if n == "8003"));
    phone.send(&answered(&sent[1], "200 OK"));
    let again = phone.send(&of_desk(&invite, "REFER", 6, "Refer-To: <sip:8003@10.0.0.1>\n"));
    assert!(again[0].starts_with("SIP/2.0 491"), "one at a time: {again:?}");
    let ringing = phone.command(Command::Referred { leg: LegId(2), status: 180 });
    assert_eq!(notified(&ringing[0]).2, "SIP/2.0 180 Ringing");
    phone.send(&answered(&ringing[0], "200 OK"));
    assert_eq!(starts(&phone.send(&of_desk(&invite, "BYE", 7, ""))), ["SIP/2.0 200 OK"]);
    let over = phone.command(Command::Referred { leg: LegId(2), status: 200 });
    assert_eq!(notified(&over[0]), ("refer", "terminated;reason=noresource", "SIP/2.0 200 OK"));
    let seq = |text: &str| header(text, "CSeq").split(' ').next().unwrap().parse::<u32>().unwrap();
    assert_eq!((seq(&ringing[0]), seq(&over[0])), (seq(&sent[1]) + 1, seq(&sent[1]) + 2));
    phone.send(&answered(&over[0], "481 Call/Transaction Does Not Exist"));
    assert!(phone.command(Command::Referred { leg: LegId(2), status: 200 }).is_empty(), "it was told");
    phone.wait(Duration::from_secs(100));
    assert_eq!((phone.house.counts().legs, phone.house.counts().transactions), (0, 0));
    assert_eq!(phone.house.next_deadline(), None);
}

#[test]
fn a_refer_of_which_nobody_says_what_became_ends_too_and_the_next_has_its_number() {
    let mut phone = Phone::new(false);
    let invite = desk_talks(&mut phone, "");
    let sent = phone.send(&of_desk(&invite, "REFER", 5, "r: <sip:8003@10.0.0.1>\n"));
    phone.send(&answered(&sent[1], "200 OK"));
    let over = phone.wait(Duration::from_secs(181));
    assert_eq!(notified(&over[0]).2, "SIP/2.0 408 Request Timeout");
    let sent = phone.send(&of_desk(&invite, "REFER", 9, "Refer-To: <sip:8003@10.0.0.1>\n"));
    assert_eq!(notified(&sent[1]).0, "refer;id=9", "RFC 3515 §2.4.6");
}

#[test]
fn a_phone_may_ask_how_long_it_is_told_and_not_to_be_told_any_more() {
    let mut phone = Phone::new(false);
    let invite = desk_talks(&mut phone, "");
    let sent = phone.send(&of_desk(&invite, "REFER", 5, "Refer-To: <sip:8003@10.0.0.1>\n"));
    phone.send(&answered(&sent[1], "200 OK"));
    let other = phone.send(&of_desk(&invite, "SUBSCRIBE", 6, "Event: dialog\n"));
    assert_eq!(response(&other[0]).status, 489);
    let longer = phone.send(&of_desk(&invite, "SUBSCRIBE", 7, "Event: refer\nExpires: 600\n"));
    assert_eq!((response(&longer[0]).status, header(&longer[0], "Expires")), (200, "180"));
    let over = phone.send(&of_desk(&invite, "SUBSCRIBE", 8, "Event: refer\nExpires: 0\n"));
    assert_eq!(header(&over[0], "Expires"), "0");
    assert!(phone.command(Command::Referred { leg: LegId(2), status: 200 }).is_empty());
    assert!(phone.wait(Duration::from_secs(200)).iter().all(|text| !text.starts_with("NOTIFY ")));
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for (lines, status) in [
        ("", 400),
        ("Refer-To: <sip:1@h>\nRefer-To: <sip:2@h>\n", 400),
        ("Refer-To: nonsense\n", 400),
        ("Refer-To: <sip:10.0.0.1>\n", 400),
        ("Refer-To: <mailto:110@10.0.0.1>\n", 416),
        ("Refer-To: <tel:>\n", 416),
        ("Refer-To: <sip:1@h;method=BYE>\n", 403),
        ("Refer-To: <sip:1@h?Replaces=nobody%3Bto-tag%3Dx%3Bfrom-tag%3Dy>\n", 481),
        ("Refer-To: <sip:1@h?Replaces=nonsense>\n", 400),
    ] {
        let mut phone = Phone::new(false);
        let invite = desk_talks(&mut phone, "");
        let sent = phone.send(&of_desk(&invite, "REFER", 5, lines));
        assert_eq!((response(&sent[0]).status, sent.len()), (status, 1), "{lines}");
        assert!(phone.events().is_empty());
    }
    // Citizens send nobody about, nor does anybody outside a talk.
    let mut phone = Phone::new(true);
    phone.send(&described(&request("INVITE", "sip:1@10.0.0.1", "a", 1, "")));
    let leg = leg(&phone.events());
    let answer = phone.command(Command::Accept { leg, body: Body::sdp(b"v=0".to_vec()) });
    let to = response(&answer[0]).headers.get("To").unwrap().to_string();
    phone.send(&request("ACK", "sip:hotline@10.0.0.1", "b", 1, &format!("To: {to}\n")));
    let lines = format!("To: {to}\nRefer-To: <sip:110@10.0.0.1>\n");
    let refused = phone.send(&request("REFER", "sip:hotline@10.0.0.1", "c", 2, &lines));
    assert_eq!(starts(&refused), ["SIP/2.0 403 Forbidden"]);
    let lines = "Refer-To: <sip:110@10.0.0.1>\n";
    let refused = phone.send(&request("REFER", "sip:hotline@10.0.0.1", "d", 2, lines));
    assert_eq!(starts(&refused), ["SIP/2.0 403 Forbidden"]);
}

#[test]
fn whom_a_phone_sends_its_caller_to_is_a_number_of_this_house_or_outside_and_nobody_elses() {
    let mut settings = settings(false);
    settings.numbers = ["12345".to_string()].into();
    settings.trunks[1].domain = Some("carrier.example".into());
    settings.trunks[1].numbering = Some(Numbering { area: Some("10".into()), ..Numbering::of_china() });
    for (to, expected) in [
        ("sip:8003@10.0.0.1", Ok("8003")),
        ("sip:8003@10.0.0.1:5070;transport=tcp", Ok("8003")),
        ("sip:8003@r", Ok("8003")),
        ("sip:8003@PBX.lan:5060", Ok("8003")),
        ("sip:8003@carrier.example;user=phone", Ok("8003")),
        ("sip:8003@10.0.0.9:5070", Ok("8003")),
        ("sip:+86-138-0013-8000@r;user=phone", Ok("+8613800138000")),
        ("tel:+86-138-0013-8000", Ok("+8613800138000")),
        ("tel:8003;phone-context=pbx.lan", Ok("8003")),
        ("tel:1-23-45;phone-context=+8610", Ok("12345")),
        ("tel:12345;phone-context=+86-21", Ok("+862112345")),
        ("tel:110;phone-context=+86", Ok("110")),
        ("tel:20-7946-0018;ext=1;Phone-Context=+44", Ok("+442079460018")),
        ("tel:8003;phone-context=elsewhere.example", Err(403)),
        ("sip:8003;phone-context=elsewhere.example@10.0.0.1", Err(403)),
        ("sip:12345;phone-context=+86-21@10.0.0.1", Ok("+862112345")),
        ("sip:1%2D2345@10.0.0.1", Ok("12345")),
        ("sip:8003@elsewhere.example", Err(403)),
        ("sip:8003@192.0.2.9", Err(403)),
        ("sip:8003@[2001:db8::1]:5060", Err(403)),
        ("sip:8003@r.example", Err(403)),
    ] {
        let mut phone = Phone::of(settings.clone());
        let home = |text: String| text.replace("sip:r", "sip:pbx.lan").replace("<sip:8001@r>", "<sip:8001@pbx.lan>");
        let challenged =
            phone.send(&home(request("REGISTER", "sip:r", "r", 1, "From: <sip:8001@r>;tag=f\nTo: <sip:8001@r>\n")));
        let challenge = response(&challenged[0]).headers.challenges("WWW-Authenticate").remove(0);
        let signed = digest::signed(&challenge, &message::Method::REGISTER, "sip:pbx.lan", ("8001", "pass"), 1);
        let own = format!("From: <sip:8001@r>;tag=f\nTo: <sip:8001@r>\nAuthorization: {signed}\n");
        assert_eq!(starts(&phone.send(&home(request("REGISTER", "sip:r", "s", 2, &own)))), ["SIP/2.0 200 OK"]);
        let invite = phone.command(Command::Invite(invitation(Target::Seat("8001".into())))).remove(0);
        phone.send(&described(&answered_with(&invite, "200 OK", "Contact: <sip:100@10.0.0.9:5070>\n")));
        phone.events();
        let refused = |phone: &mut Phone, cseq, more: &str| {
            let sent = phone.send(&of_desk(&invite, "REFER", cseq, &format!("Refer-To: <{to}>\n{more}")));
            Some(response(&sent[0]).status).filter(|status| *status != 202)
        };
        let result = match refused(&mut phone, 5, "") {
            Some(status) => Err(status),
            None => Ok(phone.events()),
        };
        match (result, expected) {
            (Ok(told), Ok(number)) => {
                assert!(
                    matches!(&told[..], [Event::Refer { to: ReferTo::Number(n), .. }] if n == number),
                    "{to} {told:?}"
                );
            }
            (Err(status), Err(expected)) => {
                assert_eq!(status, expected, "{to}");
                assert!(phone.events().is_empty());
                // Unless that is where the phone says that it is at home.
                let host = to.split(['@', '=']).nth(1).unwrap_or_default();
                assert_eq!(refused(&mut phone, 6, &format!("Referred-By: <sip:8001@{host}>\n")), None, "{to}");
            }
            other => panic!("{to}: {other:?}"),
        }
    }
    // A phone that never registers has not told how it calls us.
    let mut phone = Phone::new(false);
    let invite = desk_talks(&mut phone, "");
    let sent = phone.send(&of_desk(&invite, "REFER", 5, "Refer-To: <sip:8003@pbx.lan>\n"));
    assert_eq!(starts(&sent)[0], "SIP/2.0 202 Accepted");
}

/// A second talk of the same seat, which its phone began: its leg, and its Replaces as the phone writes it.
fn second_talk(phone: &mut Phone, seat: &str) -> (LegId, String) {
    let lines = format!("From: <sip:{seat}@10.0.0.9>;tag=f\n");
    phone.send(&described(&request("INVITE", "sip:*13@10.0.0.1", "s", 1, &lines)));
    let leg = leg(&phone.events());
    let answer = phone.command(Command::Accept { leg, body: Body::sdp(b"v=0".to_vec()) });
    let to = response(&answer[0]).headers.to().unwrap();
    let own = to.tag().unwrap().to_string();
    phone.send(&request("ACK", "sip:hotline@10.0.0.1", "t", 1, &format!("{lines}To: {to}\n")));
    phone.events();
    (leg, format!("c1;to-tag={own};from-tag=f"))
}

#[test]
fn the_caller_is_left_to_whom_the_same_seat_consulted_and_to_nobody_elses() {
    for (seat, expected) in [("8002", 202), ("8003", 403)] {
        let mut phone = Phone::new(false);
        let invite = desk_talks(&mut phone, "");
        let (leg, replaces) = second_talk(&mut phone, seat);
        let escaped = replaces.replace(';', "%3B").replace('=', "%3D");
        let lines = format!("Refer-To: <sip:8003@10.0.0.1?Replaces={escaped}>\n");
        let sent = phone.send(&of_desk(&invite, "REFER", 5, &lines));
        assert_eq!(response(&sent[0]).status, expected);
        match expected {
            202 => assert!(
                matches!(phone.events()[..], [Event::Refer { leg: LegId(2), to: ReferTo::Leg(to) }] if to == leg)
            ),
            _ => assert!(phone.events().is_empty()),
        }
    }
}

#[test]
fn a_seats_other_phone_takes_over_its_talk_and_no_other_does() {
    for (seat, extra, expected) in
        [("8002", "", 100), ("8003", "", 403), ("8002", ";early-only", 486), ("8002", "x", 481)]
    {
        let mut phone = Phone::new(false);
        let (leg, replaces) = second_talk(&mut phone, "8002");
        let lines = format!("From: <sip:{seat}@10.0.0.9>;tag=g\nRequire: replaces\nReplaces: {replaces}{extra}\n");
        let text = request("INVITE", "sip:*13@10.0.0.1", "u", 1, &lines).replace("Call-ID: c1", "Call-ID: c2");
        let sent = phone.send(&described(&text));
        assert_eq!(response(&sent[0]).status, expected, "{seat} {extra}");
        let incoming = phone.events().into_iter().find_map(|event| match event {
            Event::Incoming(incoming) => Some(incoming.replaces),
            _ => None,
        });
        assert_eq!(incoming, (expected == 100).then_some(Some(Replaced::Talk(leg))));
    }
}

/// RFC 3891 §3: the Request-URI is what the phone was told as our Contact, or whatever else leads to us.
#[test]
fn whom_the_request_uri_names_makes_no_difference_to_whose_place_is_taken() {
    for user in ["hotline@", "8002@", "8003@", "1001@", "12345@", "*13@", "01065139999@", "anything@", ""] {
        for (seat, offers, status) in [("8002", true, 100), ("8002", false, 100), ("8003", true, 403)] {
            let mut phone = Phone::new(false);
            let (leg, replaces) = second_talk(&mut phone, "8002");
            let lines = format!("From: <sip:{seat}@10.0.0.9>;tag=g\nReplaces: {replaces}\n");
            let uri = format!("sip:{user}10.0.0.1:5060");
            let text = request("INVITE", &uri, "u", 1, &lines).replace("Call-ID: c1", "Call-ID: c2");
            let sent = phone.send(&if offers { described(&text) } else { text });
            assert_eq!(response(&sent[0]).status, status, "{user} {seat}");
            let told = phone.events().into_iter().find_map(|event| match event {
                Event::Incoming(incoming) => Some((incoming.replaces, incoming.offer.is_some())),
                _ => None,
            });
            assert_eq!(told, (status == 100).then_some((Some(Replaced::Talk(leg)), offers)), "{user} {seat}");
        }
    }
}

/// An INVITE from this seat, or from `carrier`, with this Replaces: the status, and what it takes the place of.
fn asks_for(phone: &mut Phone, from: &str, replaces: &str) -> (u16, Option<Replaced>) {
    let lines = format!("From: <sip:{from}@10.0.0.9>;tag=g\nRequire: replaces\nReplaces: {replaces}\n");
    let text = request("INVITE", "sip:hotline@10.0.0.1", "u", 1, &lines).replace("Call-ID: c1", "Call-ID: c2");
    let sent = phone.send(&described(&text));
    let incoming = phone.events().into_iter().find_map(|event| match event {
        Event::Incoming(incoming) => Some(incoming.replaces),
        _ => None,
    });
    (response(&sent[0]).status, incoming.flatten())
}

/// The dialog of an INVITE of ours as the phone has it that rings with it.
fn of_ring(invite: &str, tag: &str) -> String {
    let ours = header(invite, "From").split(";tag=").nth(1).expect("our tag");
    format!("{};to-tag={ours};from-tag={tag}", header(invite, "Call-ID"))
}

#[test]
fn what_rings_at_a_seat_is_asked_for_by_its_tags_and_by_seats_alone() {
    let taken = (100, Some(Replaced::Ring(LegId(2))));
    for (from, extra, expected) in [
        ("8003", "", taken),
        ("8003", ";early-only", taken),
        // Its own second phone: whether that may be is the call's to say.
        ("8002", "", taken),
        ("8003", "guess", (481, None)),
    ] {
        let mut phone = Phone::new(false);
        let invite = ring_desk(&mut phone);
        assert!(asks_for(&mut phone, from, &of_ring(&invite, "t")).0 == 481, "no phone has that tag yet");
        let mut phone = Phone::new(false);
        let invite = ring_desk(&mut phone);
        phone.send(&answered(&invite, "180 Ringing"));
        phone.events();
        let replaces = format!("{}{extra}", of_ring(&invite, "t"));
        assert_eq!(asks_for(&mut phone, from, &replaces), expected, "{from} {extra}");
    }
    // A carrier, and somebody who is nowhere known, with tags that are right.
    for (trunk, from, status) in [(true, "100", 403), (false, "8009", 403)] {
        let mut phone = Phone::new(trunk);
        let at = phone.flow;
        let invite = ring_desk(&mut phone);
        phone.send(&answered(&invite, "180 Ringing"));
        phone.events();
        if !trunk {
            phone.flow.remote = "192.0.2.66:5070".parse().unwrap();
        }
        assert_eq!(asks_for(&mut phone, from, &of_ring(&invite, "t")), (status, None));
        phone.flow = at;
        assert_eq!(phone.house.counts().legs, 1, "it rings on");
    }
}

#[test]
fn who_asks_too_late_is_told_so() {
    // It was answered: RFC 3891 §3, with the flag and without.
    for (extra, status) in [(";early-only", 486), ("", 403)] {
        let mut phone = Phone::new(false);
        let invite = desk_talks(&mut phone, "");
        assert_eq!(asks_for(&mut phone, "8003", &format!("{}{extra}", of_ring(&invite, "t"))), (status, None));
    }
    // It rings no more, but the phone has not said so yet; and then it has.
    let mut phone = Phone::new(false);
    let invite = ring_desk(&mut phone);
    phone.send(&answered(&invite, "180 Ringing"));
    phone.events();
    phone.command(Command::Hangup { leg: LegId(2), reason: None });
    assert_eq!(asks_for(&mut phone, "8003", &of_ring(&invite, "t")), (603, None));
    phone.send(&answered(&invite, "487 Request Terminated"));
    let text = of_ring(&invite, "t");
    phone.wait(Duration::from_secs(40));
    assert_eq!(asks_for(&mut phone, "8003", &text), (481, None));
    // What a phone dials itself is nobody's to take, §3: we did not initiate it.
    let mut phone = Phone::new(false);
    let lines = "From: <sip:8002@10.0.0.9>;tag=f\n";
    phone.send(&described(&request("INVITE", "sip:*13@10.0.0.1", "s", 1, lines)));
    let leg = leg(&phone.events());
    let ringing = phone.command(Command::Ring { leg }).remove(0);
    let own = response(&ringing).headers.to_tag().unwrap().to_string();
    assert_eq!(asks_for(&mut phone, "8003", &format!("c1;to-tag={own};from-tag=f")), (481, None));
}
