//! Reliable provisional responses and UPDATEs before the answer, RFC 3262 and RFC 3311, from both sides.

use std::time::Duration;

use super::phone::*;
use crate::ids::LegId;
use crate::sip::*;

fn sdp() -> Body {
    Body::sdp(b"v=0".to_vec())
}

/// A caller who says what of reliability they know, and hears something before the answer: the leg and the 183.
fn hears(phone: &mut Phone, lines: &str) -> (LegId, String) {
    phone.send(&described(&request("INVITE", "sip:1@10.0.0.1", "a", 1, lines)));
    let leg = leg(&phone.events());
    (leg, phone.command(Command::Progress { leg, body: sdp() }).remove(0))
}

fn within(said: &str, method: &str, cseq: u32, lines: &str) -> String {
    let to = response(said).headers.get("To").unwrap().to_string();
    request(method, "sip:hotline@10.0.0.1", &format!("w{cseq}"), cseq, &format!("To: {to}\n{lines}"))
}

fn rack(said: &str) -> String {
    format!("RAck: {} 1 INVITE\n", header(said, "RSeq"))
}

#[test]
fn what_is_heard_before_the_answer_is_repeated_until_it_is_acknowledged_and_the_answer_waits() {
    let mut phone = Phone::new(true);
    let (leg, said) = hears(&mut phone, "Supported: 100rel\n");
    assert!(said.starts_with("SIP/2.0 183") && said.contains("\r\nRequire: 100rel\r\n"), "{said}");
    assert_eq!(phone.wait(Duration::from_millis(3600)), vec![said.clone(); 3], "at 0.5, 1.5 and 3.5 s");
    assert!(phone.command(Command::Accept { leg, body: sdp() }).is_empty(), "RFC 3262 §5");
    let wrong = within(&said, "PRACK", 2, "RAck: 4 1 INVITE\n");
    assert_eq!(starts(&phone.send(&wrong)), ["SIP/2.0 481 Call/Transaction Does Not Exist"]);
    let sent = phone.send(&within(&said, "PRACK", 3, &rack(&said)));
    assert_eq!(starts(&sent), ["SIP/2.0 200 OK"; 2]);
    assert_eq!((header(&sent[0], "CSeq"), header(&sent[1], "CSeq")), ("3 PRACK", "1 INVITE"));
    phone.send(&within(&said, "ACK", 1, ""));
    assert!(matches!(phone.events()[..], [Event::Acked { .. }, Event::Acked { .. }]));
    assert!(phone.wait(Duration::from_secs(60)).is_empty());
}

#[test]
fn what_cannot_be_read_of_an_acknowledgment_is_no_other_ones() {
    for (rack, status) in [
        ("", "400"),
        ("RAck: x 1 INVITE\n", "400"),
        ("RAck: 4 INVITE\n", "400"),
        ("RAck: 4 1 INVITE x\n", "400"),
        ("RAck: 99999999999 1 INVITE\n", "400"),
        ("RAck: 4 1 UPDATE\n", "481"),
        ("RAck: 4 1 INVITE\n", "481"),
    ] {
        let mut phone = Phone::new(true);
        let (_, said) = hears(&mut phone, "Supported: 100rel\n");
        let sent = phone.send(&within(&said, "PRACK", 2, rack));
        assert!(sent[0].starts_with(&format!("SIP/2.0 {status} ")), "{rack}: {sent:?}");
    }
}

#[test]
fn an_offer_in_an_acknowledgment_is_answered_in_its_200() {
    let mut phone = Phone::new(true);
    let (leg, said) = hears(&mut phone, "Supported: 100rel\n");
    assert!(phone.send(&described(&within(&said, "PRACK", 2, &rack(&said)))).is_empty());
    assert!(matches!(phone.events()[..], [Event::Acked { answer: None, .. }, Event::Reoffer { body: Some(_), .. }]));
    let sent = phone.command(Command::AcceptReoffer { leg, body: Body::sdp(b"v=0 anew".to_vec()) });
    assert_eq!((starts(&sent), header(&sent[0], "CSeq")), (vec!["SIP/2.0 200 OK"], "2 PRACK"));
    assert!(sent[0].ends_with("\r\n\r\nv=0 anew"), "{sent:?}");
    assert!(phone.wait(Duration::from_secs(10)).is_empty(), "the 183 is acknowledged");
    assert_eq!(starts(&phone.command(Command::Accept { leg, body: sdp() })), ["SIP/2.0 200 OK"]);

    // The house does not take it: what was agreed holds.
    let mut phone = Phone::new(true);
    let (leg, said) = hears(&mut phone, "Supported: 100rel\n");
    phone.send(&described(&within(&said, "PRACK", 2, &rack(&said))));
    let sent = phone.command(Command::RefuseReoffer { leg, status: 488 });
    assert_eq!(header(&sent[0], "CSeq"), "2 PRACK");
    assert!(sent[0].starts_with("SIP/2.0 488 "), "{sent:?}");
}

#[test]
fn what_waits_to_be_said_is_said_once_their_offer_is_answered_and_as_it_is_by_then() {
    // The call is answered before the acknowledgment comes with another offer, or after it.
    for (is_early, accepts) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut phone = Phone::new(true);
        let (leg, said) = hears(&mut phone, "Supported: 100rel\n");
        let prack = described(&within(&said, "PRACK", 2, &rack(&said)));
        if is_early {
            assert!(phone.command(Command::Accept { leg, body: sdp() }).is_empty());
        }
        assert!(phone.send(&prack).is_empty());
        assert!(matches!(
            phone.events()[..],
            [Event::Acked { answer: None, .. }, Event::Reoffer { body: Some(_), .. }]
        ));
        if !is_early {
            assert!(phone.command(Command::Accept { leg, body: sdp() }).is_empty(), "RFC 3262 §5");
        }
        let anew = Body::sdp(b"v=0 anew".to_vec());
        let sent = phone.command(match accepts {
            true => Command::AcceptReoffer { leg, body: anew },
            false => Command::RefuseReoffer { leg, status: 488 },
        });
        let cseqs: Vec<&str> = sent.iter().map(|text| header(text, "CSeq")).collect();
        assert_eq!(cseqs, ["2 PRACK", "1 INVITE"], "{is_early} {accepts}");
        let (status, holds) = if accepts { ("200", "v=0 anew") } else { ("488", "v=0") };
        assert!(sent[0].starts_with(&format!("SIP/2.0 {status} ")), "{sent:?}");
        assert!(sent[1].starts_with("SIP/2.0 200 ") && sent[1].ends_with(&format!("\r\n\r\n{holds}")), "{sent:?}");
        phone.send(&within(&said, "ACK", 1, ""));
        assert!(matches!(phone.events()[..], [Event::Acked { .. }]));
    }
}

#[test]
fn an_offer_in_an_acknowledgment_that_comes_before_another_is_answered_is_too_early() {
    // RFC 3262 §5, RFC 3311 §5.2: they have no answer to the first yet, or wait for one.
    let too_early = |sent: &[String]| {
        assert!(sent[0].starts_with("SIP/2.0 500 "), "{sent:?}");
        assert!(header(&sent[0], "Retry-After").parse::<u32>().unwrap() <= 10);
    };
    let mut phone = Phone::new(true);
    phone.send(&described(&request("INVITE", "sip:1@10.0.0.1", "a", 1, "Require: 100rel\n")));
    let leg = leg(&phone.events());
    let ringing = phone.command(Command::Ring { leg }).remove(0);
    assert!(phone.command(Command::Accept { leg, body: sdp() }).is_empty());
    let sent = phone.send(&described(&within(&ringing, "PRACK", 2, &rack(&ringing))));
    too_early(&sent);
    assert_eq!((header(&sent[1], "CSeq"), starts(&sent)[1]), ("1 INVITE", "SIP/2.0 200 OK"), "it is acknowledged");

    let mut phone = Phone::new(true);
    let (leg, said) = hears(&mut phone, "Supported: 100rel\n");
    phone.send(&within(&said, "PRACK", 2, &rack(&said)));
    let next = phone.wait(Duration::from_millis(55_100)).remove(0);
    assert!(phone.send(&described(&within(&said, "UPDATE", 3, ""))).is_empty());
    too_early(&phone.send(&described(&within(&said, "PRACK", 4, &rack(&next)))));
    let sent = phone.command(Command::AcceptReoffer { leg, body: sdp() });
    assert_eq!((starts(&sent), header(&sent[0], "CSeq")), (vec!["SIP/2.0 200 OK"], "3 UPDATE"));
    assert!(phone.wait(Duration::from_secs(40)).is_empty(), "what it acknowledged is acknowledged");
}

#[test]
fn who_never_acknowledges_is_refused() {
    let mut phone = Phone::new(true);
    let (leg, _) = hears(&mut phone, "Supported: 100rel\n");
    let sent = phone.wait(Duration::from_secs(33));
    assert!(sent.iter().any(|text| text.starts_with("SIP/2.0 504")), "{:?}", starts(&sent));
    assert!(matches!(phone.events()[..], [Event::Ended { leg: of, why: Ended::Lost }] if of == leg));
    phone.wait(Duration::from_secs(60));
    assert_eq!((phone.house.counts().legs, phone.house.counts().transactions), (0, 0));
}

#[test]
fn that_a_200_was_never_sent_is_told_with_what_was_instead() {
    let accepted = || {
        let mut phone = Phone::new(true);
        let (leg, _) = hears(&mut phone, "Supported: 100rel\n");
        assert!(phone.command(Command::Accept { leg, body: sdp() }).is_empty());
        (phone, leg)
    };
    let (mut phone, leg) = accepted();
    phone.wait(Duration::from_secs(33));
    let events = phone.events();
    assert!(
        matches!(events[..], [Event::NotAccepted { leg: of, status: 504 }, Event::Ended { .. }] if of == leg),
        "{events:?}"
    );
    let (mut phone, leg) = accepted();
    let sent = phone.command(Command::Hangup { leg, reason: None });
    assert_eq!(starts(&sent), ["SIP/2.0 480 Temporarily Unavailable"]);
    assert!(matches!(phone.events()[..], [Event::NotAccepted { leg: of, status: 480 }] if of == leg));
}

#[test]
fn acknowledged_it_is_followed_by_another_before_proxies_give_up() {
    let mut phone = Phone::new(true);
    let (_, said) = hears(&mut phone, "Supported: 100rel\n");
    phone.send(&within(&said, "PRACK", 2, &rack(&said)));
    let next = phone.wait(Duration::from_millis(55_100));
    assert_eq!(starts(&next), ["SIP/2.0 183 Session Progress"]);
    let count = |text: &str| header(text, "RSeq").parse::<u32>().unwrap();
    assert_eq!(count(&next[0]), count(&said) + 1);
    assert!(response(&next[0]).body.is_empty());
    assert_eq!(starts(&phone.send(&within(&said, "PRACK", 3, &rack(&next[0])))), ["SIP/2.0 200 OK"]);
}

#[test]
fn who_requires_it_gets_everything_reliably_and_who_does_not_know_it_nothing() {
    let mut phone = Phone::new(true);
    phone.send(&described(&request("INVITE", "sip:1@10.0.0.1", "a", 1, "Require: 100rel\n")));
    let leg = leg(&phone.events());
    let ringing = phone.command(Command::Ring { leg }).remove(0);
    assert!(ringing.starts_with("SIP/2.0 180") && ringing.contains("RSeq: "), "{ringing}");
    assert!(phone.command(Command::Progress { leg, body: sdp() }).is_empty(), "one at a time, §3");
    let sent = phone.send(&within(&ringing, "PRACK", 2, &rack(&ringing)));
    assert_eq!(starts(&sent), ["SIP/2.0 200 OK", "SIP/2.0 183 Session Progress"]);
    let mut phone = Phone::new(true);
    let (_, said) = hears(&mut phone, "");
    assert!(!said.contains("100rel\r\nRSeq") && !said.contains("RSeq"), "{said}");
}

#[test]
fn an_offer_before_the_answer_is_taken_once_ours_is_known_to_have_arrived() {
    let mut phone = Phone::new(true);
    let (leg, said) = hears(&mut phone, "Supported: 100rel\n");
    let early = phone.send(&described(&within(&said, "UPDATE", 2, "")));
    assert!(early[0].starts_with("SIP/2.0 500") && early[0].contains("Retry-After: "), "{early:?}");
    phone.send(&within(&said, "PRACK", 3, &rack(&said)));
    assert!(phone.send(&described(&within(&said, "UPDATE", 4, ""))).is_empty());
    assert!(matches!(phone.events()[..], [Event::Acked { answer: None, .. }, Event::Reoffer { body: Some(_), .. }]));
    let answer = phone.command(Command::AcceptReoffer { leg, body: sdp() });
    assert_eq!((starts(&answer)[0], header(&answer[0], "CSeq")), ("SIP/2.0 200 OK", "4 UPDATE"));
    // One that describes nothing is in order at any time.
    assert_eq!(starts(&phone.send(&within(&said, "UPDATE", 5, ""))), ["SIP/2.0 200 OK"]);
}

#[test]
fn what_phones_say_reliably_is_acknowledged_once_and_in_order() {
    let mut phone = Phone::new(false);
    let invite = ring_desk(&mut phone);
    assert!(header(&invite, "Supported").contains("100rel"), "{invite}");
    let says = |phone: &mut Phone, rseq: u32| {
        let lines = format!("Contact: <sip:8002@10.0.0.9:5070>\nRequire: 100rel\nRSeq: {rseq}\n");
        phone.send(&described(&answered_with(&invite, "183 Session Progress", &lines)))
    };
    let prack = says(&mut phone, 7).remove(0);
    assert!(
        prack.starts_with("PRACK sip:8002@10.0.0.9:5070 ") && prack.contains("\r\nRAck: 7 1 INVITE\r\n"),
        "{prack}"
    );
    assert!(matches!(phone.events()[..], [Event::Progress { .. }]));
    phone.send(&answered(&prack, "200 OK"));
    assert!(says(&mut phone, 7).is_empty() && says(&mut phone, 9).is_empty(), "a copy, and one that is too early");
    assert!(phone.events().is_empty());
    assert!(says(&mut phone, 8)[0].contains("RAck: 8 1 INVITE"));
    phone.events();
    // The phone changes what it described before it answers.
    assert!(phone.send(&described(&of_desk(&invite, "UPDATE", 5, ""))).is_empty());
    assert!(matches!(phone.events()[..], [Event::Reoffer { leg: LegId(2), .. }]));
    let answer = phone.command(Command::AcceptReoffer { leg: LegId(2), body: sdp() });
    assert_eq!(starts(&answer), ["SIP/2.0 200 OK"]);
    assert!(
        phone.send(&of_desk(&invite, "BYE", 6, ""))[0].starts_with("SIP/2.0 481"),
        "whoever is rung hangs up by refusing"
    );
    // The 200 need not say again what was told reliably.
    let ok = answered_with(&invite, "200 OK", "Contact: <sip:8002@10.0.0.9:5070>\n");
    assert!(phone.send(&ok)[0].starts_with("ACK "));
    assert!(
        matches!(&phone.events()[..], [Event::Answered { body: Some(body), .. }] if body.content_type == "application/sdp")
    );
    let bye = phone.command(Command::Hangup { leg: LegId(2), reason: None });
    assert_eq!(header(&bye[0], "CSeq"), "4 BYE", "after two PRACKs");
    let answered_bye = answered(&bye[0], "200 OK");
    phone.send(&answered_bye);
    phone.wait(Duration::from_secs(60));
    assert_eq!((phone.house.counts().legs, phone.house.counts().transactions), (0, 0));
}

#[test]
fn a_fork_that_has_not_answered_our_offer_makes_none_though_another_has() {
    let mut phone = Phone::new(false);
    let invite = ring_desk(&mut phone);
    let of_fork = |text: String| text.replace(";tag=t\n", ";tag=u\n");
    let says = |status: &str, rseq: u32| {
        let lines = format!("Contact: <sip:8002@10.0.0.9:5070>\nRequire: 100rel\nRSeq: {rseq}\n");
        answered_with(&invite, status, &lines)
    };
    assert!(phone.send(&described(&says("183 Session Progress", 7)))[0].contains("RAck: 7 "));
    let prack = phone.send(&of_fork(says("180 Ringing", 3))).remove(0);
    assert!(prack.contains("RAck: 3 ") && header(&prack, "To").ends_with(";tag=u"), "{prack}");
    phone.events();
    let early = phone.send(&of_fork(described(&of_desk(&invite, "UPDATE", 5, ""))));
    assert_eq!(starts(&early), ["SIP/2.0 491 Request Pending"], "RFC 3311 §5.2");
    assert_eq!(starts(&phone.send(&of_fork(of_desk(&invite, "UPDATE", 6, "")))), ["SIP/2.0 200 OK"]);
    assert!(phone.send(&described(&of_desk(&invite, "UPDATE", 5, "").replace("z9hG4bKd5", "z9hG4bKe5"))).is_empty());
    assert!(matches!(phone.events()[..], [Event::Reoffer { leg: LegId(2), body: Some(_) }]));
}
