//! Requests that cross or overlap within a talk, RFC 3261 §14 and RFC 3311 §5.2; forks of one INVITE; and what a carrier
//! asks to be proved within a talk.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::phone::*;
use crate::ids::LegId;
use crate::sip::*;

fn sdp() -> Body {
    Body::sdp(b"v=0 anew".to_vec())
}

/// A carrier's call that was answered: its leg, and the To of the carrier's requests within it.
fn talk(phone: &mut Phone) -> (LegId, String) {
    phone.send(&described(&request("INVITE", "sip:1@10.0.0.1", "a", 1, "")));
    let leg = leg(&phone.events());
    let answer = phone.command(Command::Accept { leg, body: Body::sdp(b"v=0".to_vec()) });
    let to = header(&answer[0], "To").to_string();
    phone.send(&request("ACK", "sip:hotline@10.0.0.1", "b", 1, &format!("To: {to}\n")));
    phone.events();
    (leg, to)
}

fn within(to: &str, method: &str, cseq: u32) -> String {
    request(method, "sip:hotline@10.0.0.1", &format!("w{cseq}"), cseq, &format!("To: {to}\n"))
}

#[test]
fn after_491_whoever_made_the_call_id_waits_longer() {
    let again_after = |phone: &mut Phone, leg: LegId| {
        let ours = phone.command(Command::Reoffer { leg, body: sdp() }).remove(0);
        assert!(phone.send(&answered(&ours, "491 Request Pending"))[0].starts_with("ACK "));
        let begun = phone.now;
        while phone.now.since(begun) < Duration::from_secs(5) {
            if phone.wait(Duration::from_millis(10)).iter().any(|text| text.starts_with("INVITE ")) {
                return phone.now.since(begun).as_millis();
            }
        }
        panic!("not sent again");
    };
    let mut phone = Phone::new(false);
    desk_talks(&mut phone, "");
    let waited = again_after(&mut phone, LegId(2));
    assert!((2_100..=4_010).contains(&waited), "the Call-ID is ours: {waited} ms");
    let mut phone = Phone::new(true);
    let (leg, _) = talk(&mut phone);
    let waited = again_after(&mut phone, leg);
    assert!(waited <= 2_010, "the Call-ID is theirs: {waited} ms");
}

#[test]
fn a_second_offer_of_theirs_is_too_early_and_one_beside_ours_is_glare() {
    let later = |sent: &[String]| {
        let after: u32 = header(&sent[0], "Retry-After").parse().unwrap();
        assert!(after <= 10, "RFC 3261 §14.2: {after}");
        response(&sent[0]).status
    };
    for second in ["INVITE", "UPDATE"] {
        let mut phone = Phone::new(true);
        let (leg, to) = talk(&mut phone);
        // Theirs is open.
        assert_eq!(starts(&phone.send(&described(&within(&to, "INVITE", 2)))), ["SIP/2.0 100 Trying"]);
        let sent = phone.send(&described(&within(&to, second, 3)));
        assert_eq!(later(&sent), 500, "{second}");
        // Answered, and not acknowledged yet.
        assert_eq!(starts(&phone.command(Command::AcceptReoffer { leg, body: sdp() })), ["SIP/2.0 200 OK"]);
        assert_eq!(later(&phone.send(&described(&within(&to, second, 4)))), 500);
        phone.send(&within(&to, "ACK", 2));
        phone.events();
        // Ours is open.
        phone.command(Command::Reoffer { leg, body: sdp() });
        let sent = phone.send(&described(&within(&to, second, 5)));
        assert_eq!(starts(&sent), ["SIP/2.0 491 Request Pending"], "{second}");
        // What is older than what came before is out of order.
        assert_eq!(starts(&phone.send(&described(&within(&to, second, 1))))[0].split(' ').nth(1), Some("500"));
        assert!(phone.events().is_empty());
    }
}

#[test]
fn an_offer_beside_one_of_ours_is_glare_whatever_ours_came_in() {
    let is_glare = |sent: &[String]| assert_eq!(starts(sent), ["SIP/2.0 491 Request Pending"], "RFC 3311 §5.2");
    // In an INVITE that rings, and was not answered.
    let mut phone = Phone::new(false);
    let invite = ring_desk(&mut phone);
    let lines = "Contact: <sip:8002@10.0.0.9:5070>\nRequire: 100rel\nRSeq: 7\n";
    let prack = phone.send(&answered_with(&invite, "180 Ringing", lines)).remove(0);
    phone.send(&answered(&prack, "200 OK"));
    is_glare(&phone.send(&described(&of_desk(&invite, "UPDATE", 5, ""))));
    assert_eq!(starts(&phone.send(&of_desk(&invite, "UPDATE", 6, ""))), ["SIP/2.0 200 OK"], "it describes nothing");
    // In a 200 to an INVITE that described nothing, until the ACK answers it.
    let mut phone = Phone::new(true);
    phone.send(&request("INVITE", "sip:1@10.0.0.1", "a", 1, ""));
    let leg = leg(&phone.events());
    let ok = phone.command(Command::Accept { leg, body: sdp() }).remove(0);
    let to = header(&ok, "To").to_string();
    is_glare(&phone.send(&described(&within(&to, "UPDATE", 2))));
    is_glare(&phone.send(&described(&within(&to, "INVITE", 3))));
    phone.send(&described(&within(&to, "ACK", 1)));
    assert!(matches!(phone.events()[..], [Event::Acked { answer: Some(_), .. }]));
    assert_eq!(starts(&phone.send(&described(&within(&to, "INVITE", 4)))), ["SIP/2.0 100 Trying"]);
}

/// RFC 3261 §14.1: it has failed, and changes nothing. Only the first offer of a call has to be answered.
#[test]
fn an_offer_of_ours_within_a_talk_that_is_not_answered_leaves_it_as_it_was() {
    let mut phone = Phone::new(false);
    let invite = desk_talks(&mut phone, "Session-Expires: 1800;refresher=uac\n");
    for (cseq, answers) in [(2, false), (3, true)] {
        let timer = "Supported: timer\nSession-Expires: 1800;refresher=uas\n";
        assert_eq!(starts(&phone.send(&of_desk(&invite, "INVITE", cseq, timer))), ["SIP/2.0 100 Trying"]);
        assert!(matches!(phone.events()[..], [Event::Reoffer { body: None, .. }]));
        phone.command(Command::AcceptReoffer { leg: LegId(2), body: sdp() });
        let ack = of_desk(&invite, "ACK", cseq, "").replace("z9hG4bKd", "z9hG4bKack");
        assert!(phone.send(&if answers { described(&ack) } else { ack }).is_empty(), "no BYE");
        match &phone.events()[..] {
            [Event::Acked { answer, .. }] => assert_eq!(answer.is_some(), answers),
            other => panic!("{other:?}"),
        }
        // What is described in a refresh holds.
        let refresh = phone.wait(Duration::from_secs(900)).remove(0);
        let holds = if answers { "v=0 anew" } else { "v=0 ours" };
        assert!(refresh.starts_with("INVITE ") && refresh.ends_with(&format!("\r\n\r\n{holds}")), "{refresh}");
        let lines = "Contact: <sip:8002@10.0.0.9:5070>\nSession-Expires: 1800;refresher=uac\n";
        phone.send(&described(&answered_with(&refresh, "200 OK", lines)));
    }
}

/// RFC 3261 §9.2.
#[test]
fn a_reinvite_that_is_cancelled_leaves_the_talk_as_it_was_unless_it_was_answered_before() {
    let mut phone = Phone::new(true);
    let (leg, to) = talk(&mut phone);
    phone.send(&described(&within(&to, "INVITE", 2)));
    assert!(matches!(phone.events()[..], [Event::Reoffer { .. }]));
    let sent = phone.send(&within(&to, "CANCEL", 2));
    assert_eq!(starts(&sent), ["SIP/2.0 200 OK", "SIP/2.0 487 Request Terminated"]);
    assert!(sent.iter().all(|text| header(text, "To") == to), "{sent:?}");
    assert!(sent[1].contains("CSeq: 2 INVITE"), "{sent:?}");
    phone.send(&within(&to, "ACK", 2));
    // What the call says of it comes too late, and not for the next.
    assert_eq!(response(&phone.send(&described(&within(&to, "INVITE", 3)))[0]).status, 500);
    phone.send(&within(&to, "ACK", 3));
    assert!(phone.command(Command::AcceptReoffer { leg, body: sdp() }).is_empty());
    assert!(phone.wait(Duration::from_secs(60)).is_empty() && phone.events().is_empty(), "they talk on");
    // Answered already.
    assert_eq!(starts(&phone.send(&described(&within(&to, "INVITE", 4)))), ["SIP/2.0 100 Trying"]);
    assert_eq!(starts(&phone.command(Command::AcceptReoffer { leg, body: sdp() })), ["SIP/2.0 200 OK"]);
    assert_eq!(starts(&phone.send(&within(&to, "CANCEL", 4))), ["SIP/2.0 200 OK"]);
    assert!(phone.send(&within(&to, "ACK", 4)).is_empty());
    assert!(matches!(phone.events()[..], [Event::Reoffer { .. }, Event::Acked { .. }]));
    let bye = phone.command(Command::Hangup { leg, reason: None });
    assert!(bye[0].starts_with("BYE "), "{bye:?}");
}

#[test]
fn what_a_request_asks_for_is_known_for_what_it_is() {
    let mut phone = Phone::new(false);
    for (method, lines, status) in [
        ("REGISTER", "Require: path, outbound\n", 401),
        ("OPTIONS", "Require: path\n", 420),
        ("OPTIONS", "Require: timer\n", 200),
        ("OPTIONS", "Replaces: c;to-tag=a;from-tag=b\n", 400),
    ] {
        let sent = phone.send(&request(method, "sip:10.0.0.1", &format!("q{status}{method}"), 1, lines));
        assert_eq!(response(&sent[0]).status, status, "{method} {lines}");
    }
    // RFC 3891 §3, within a talk too.
    let mut phone = Phone::new(true);
    let (_, to) = talk(&mut phone);
    for (method, cseq) in [("UPDATE", 2), ("INFO", 3), ("BYE", 4)] {
        let lines = format!("To: {to}\nReplaces: c;to-tag=a;from-tag=b\n");
        let sent = phone.send(&request(method, "sip:hotline@10.0.0.1", &format!("w{cseq}"), cseq, &lines));
        assert_eq!(starts(&sent), ["SIP/2.0 400 Bad Request"], "{method}");
    }
    assert!(phone.events().is_empty(), "they talk on");
}

#[test]
fn what_of_ours_waits_for_theirs_is_sent_afterwards_unless_it_is_dropped() {
    let mut phone = Phone::new(true);
    let (leg, to) = talk(&mut phone);
    let begun = |sent: Vec<String>| sent.iter().any(|text| text.starts_with("INVITE "));
    for (cseq, is_dropped) in [(2, true), (3, false)] {
        phone.send(&described(&within(&to, "INVITE", cseq)));
        assert!(!begun(phone.command(Command::Reoffer { leg, body: sdp() })), "one at a time");
        if is_dropped {
            phone.command(Command::DropReoffer { leg });
        }
        phone.command(Command::AcceptReoffer { leg, body: sdp() });
        phone.send(&within(&to, "ACK", cseq));
        assert_eq!(begun(phone.wait(Duration::from_secs(2))), !is_dropped);
        phone.events();
    }
}

#[test]
fn forks_of_one_invite_are_acknowledged_each_for_itself_and_the_first_that_answers_has_the_call() {
    let mut phone = Phone::new(false);
    let invite = ring_desk(&mut phone);
    let of_fork = |status: &str, tag: &str, lines: &str| {
        let lines = format!("Contact: <sip:{tag}@10.0.0.9:5070>\n{lines}");
        answered_with(&invite, status, &lines).replace(";tag=t\n", &format!(";tag={tag}\n"))
    };
    for (tag, rseq) in [("one", 7), ("two", 90)] {
        let said = of_fork("183 Session Progress", tag, &format!("Require: 100rel\nRSeq: {rseq}\n"));
        let prack = phone.send(&described(&said)).remove(0);
        assert!(prack.starts_with(&format!("PRACK sip:{tag}@10.0.0.9:5070 ")), "{prack}");
        assert_eq!(header(&prack, "RAck"), format!("{rseq} 1 INVITE"));
        assert!(header(&prack, "To").ends_with(&format!(";tag={tag}")));
        phone.send(&answered(&prack, "200 OK"));
    }
    phone.events();
    let ack = phone.send(&described(&of_fork("200 OK", "two", ""))).remove(0);
    assert!(ack.starts_with("ACK sip:two@10.0.0.9:5070 "), "{ack}");
    assert!(matches!(phone.events()[..], [Event::Answered { leg: LegId(2), .. }]));
    // The other answers a moment later.
    let sent = phone.send(&described(&of_fork("200 OK", "one", "")));
    assert_eq!(sent.iter().map(|text| text.split(' ').next().unwrap()).collect::<Vec<_>>(), ["ACK", "BYE"]);
    assert!(sent.iter().all(|text| header(text, "To").ends_with(";tag=one")), "{sent:?}");
    // Nothing of its own dialog is known any more; the talk is.
    let of = |tag: &str| of_desk(&invite, "BYE", 9, "").replace(";tag=t\n", &format!(";tag={tag}\n"));
    assert_eq!(starts(&phone.send(&of("one"))), ["SIP/2.0 481 Call/Transaction Does Not Exist"]);
    assert_eq!(starts(&phone.send(&of("two").replace("z9hG4bKd9", "z9hG4bKe9"))), ["SIP/2.0 200 OK"]);
}

#[test]
fn what_a_carrier_challenges_within_a_talk_is_proved_to_it() {
    let lines = "Proxy-Authenticate: Digest realm=\"theirs\", nonce=\"n\", qop=\"auth\"\n";
    for method in ["INVITE", "UPDATE", "BYE"] {
        let mut settings = settings(false);
        let account = TrunkAccount {
            username: "house".into(),
            password: Password("pw".into()),
            realm: Some("theirs".into()),
            register: None,
        };
        settings.trunks =
            vec![Trunk { account: Some(account), ..Trunk::new("t", Vec::new(), Some(hop("10.0.0.9:5070"))) }];
        let mut phone = Phone::of(settings);
        let invite = invitation(Target::Trunk { trunk: None, number: "110".into() });
        let ours = phone.command(Command::Invite(invite)).remove(0);
        let accepted = "Contact: <sip:110@10.0.0.9:5070>\nAllow: UPDATE\nSession-Expires: 1800;refresher=uac\n";
        phone.send(&described(&answered_with(&ours, "200 OK", accepted)));
        phone.events();
        let asked = match method {
            "INVITE" => phone.command(Command::Reoffer { leg: LegId(2), body: sdp() }),
            "UPDATE" => phone.wait(Duration::from_millis(900_100)),
            _ => phone.command(Command::Hangup { leg: LegId(2), reason: None }),
        };
        let mut again = phone.send(&answered_with(&asked[0], "407 Proxy Authentication Required", lines));
        again.retain(|text| !text.starts_with("ACK "));
        assert!(again[0].starts_with(&format!("{method} ")), "{again:?}");
        assert!(header(&again[0], "Proxy-Authorization").contains("username=\"house\""), "{again:?}");
        // A secret that is wrong is not tried for ever.
        let mut tries = 0;
        while let Some(asked) = again.pop() {
            tries += 1;
            assert!(tries < 5, "{method} is tried again and again");
            again = phone.send(&answered_with(&asked, "407 Proxy Authentication Required", lines));
            again.retain(|text| text.starts_with(&format!("{method} ")));
        }
    }
}

/// A phone that says everything again until it is answered, over a network that loses some of it either way.
#[test]
fn a_refer_and_what_is_told_of_it_get_through_a_network_that_loses_packets() {
    let loss = [0.01, 0.05, 0.2, 0.3];
    for seed in 0..40 {
        let mut rng = StdRng::seed_from_u64(seed);
        let loss = loss[seed as usize % loss.len()];
        let mut phone = Phone::new(false);
        let invite = desk_talks(&mut phone, "");
        let refer = of_desk(&invite, "REFER", 5, "Refer-To: <sip:8003@10.0.0.1>\n");
        let (mut accepted, mut told, mut asked, mut fired) = (false, Vec::new(), 0, 0);
        for step in 0..600 {
            let mut sent = Vec::new();
            // Timer E: 0.5 s, 1 s, 2 s, then every 4 s.
            let due = [0, 5, 15, 35].contains(&step) || (step > 35 && (step - 35) % 40 == 0);
            if due && !accepted && !rng.random_bool(loss) {
                sent.extend(phone.send(&refer));
            }
            asked += phone.events().iter().filter(|event| matches!(event, Event::Refer { .. })).count();
            // Whom it was for rings, and answers later.
            if asked > 0 && fired < 2 && step >= [1, 300][fired] {
                sent.extend(phone.command(Command::Referred { leg: LegId(2), status: [180, 200][fired] }));
                fired += 1;
            }
            sent.extend(phone.wait(Duration::from_millis(100)));
            while let Some(text) = sent.pop() {
                if rng.random_bool(loss) {
                    continue;
                }
                if text.starts_with("SIP/2.0 202 ") {
                    accepted = true;
                } else if text.starts_with("NOTIFY ") {
                    let status = text.split("SIP/2.0 ").last().unwrap()[..3].to_string();
                    let seq: u32 = header(&text, "CSeq").split(' ').next().unwrap().parse().unwrap();
                    if !told.contains(&(seq, status.clone())) {
                        told.push((seq, status));
                    }
                    if !rng.random_bool(loss) {
                        sent.extend(phone.send(&answered(&text, "200 OK")));
                    }
                }
            }
        }
        told.sort();
        let statuses: Vec<&str> = told.iter().map(|(_, status)| status.as_str()).collect();
        assert!(accepted && asked == 1, "seed {seed}, loss {loss}: accepted {accepted}, asked {asked} times");
        assert_eq!(statuses, ["100", "180", "200"], "seed {seed}, loss {loss}");
        phone.wait(Duration::from_secs(40));
        assert_eq!(phone.house.counts().transactions, 0, "seed {seed}");
    }
}
