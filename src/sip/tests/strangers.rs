//! Those who were not let in: they are answered, and cost nothing.

use std::time::Duration;

use super::phone::*;
use crate::sip::*;

/// One of many INVITEs, each with a branch, a Call-ID and a tag of its own.
fn numbered(method: &str, n: u32) -> String {
    request(method, "sip:1@10.0.0.1", &format!("n{n}"), 1, "").replace("Call-ID: c1", &format!("Call-ID: c{n}"))
}

#[test]
fn a_flood_of_strangers_is_answered_and_not_remembered() {
    let mut phone = Phone::new(false);
    for n in 0..5000 {
        let method = ["INVITE", "REGISTER", "OPTIONS", "SUBSCRIBE", "BYE", "CANCEL", "DANCE"][n as usize % 7];
        let answers = phone.send(&numbered(method, n));
        assert_eq!(answers.len(), 1, "{method}: {answers:?}");
        assert!(answers[0].contains(";tag="), "§8.2.6.2: {answers:?}");
    }
    let counts = phone.house.counts();
    assert_eq!((counts.transactions, counts.held), (0, 0));
    assert!(phone.wait(Duration::from_secs(60)).is_empty());
}

#[test]
fn what_is_held_is_let_go() {
    let mut phone = Phone::new(true);
    phone.send(&request("INVITE", "sip:1@10.0.0.1", "a", 1, ""));
    let leg = leg(&phone.events());
    let held = phone.house.counts().held;
    assert!(held > 300, "{held} bytes for an INVITE and its 100");
    phone.command(Command::Ring { leg });
    phone.command(Command::Refuse { leg, status: 486 });
    phone.wait(Duration::from_secs(60));
    let counts = phone.house.counts();
    assert_eq!((counts.transactions, counts.held), (0, 0));
}

#[test]
fn no_answer_over_udp_is_more_than_twice_as_long_as_what_a_stranger_sent() {
    // As short as a request can be written.
    let short = |method: &str| {
        format!(
            "{method} sip:1@h SIP/2.0\nv:SIP/2.0/UDP h;branch=z9hG4bK1\nf:<sip:8001@b>;tag=1\nt:<sip:a@b>\ni:1\nCSeq:1 {method}\n\n"
        )
    };
    let malformed =
        "INVITE sip:1@h SIP/2.0\nv:SIP/2.0/UDP h;branch=z9hG4bK1\nf:<sip:a@b>;tag=1\nt:<sip:a@b>\ni:1\nCSeq:1 X\n\n";
    let vias = format!(
        "OPTIONS sip:1@h SIP/2.0\nv:{}\nf:<sip:a@b>;tag=1\nt:<sip:a@b>\ni:1\nCSeq:1 OPTIONS\n\n",
        ["SIP/2.0/UDP h"; 60].join(",")
    );
    let mut phone = Phone::new(false);
    let mut texts: Vec<String> = ["INVITE", "REGISTER", "OPTIONS", "SUBSCRIBE", "CANCEL", "BYE"].map(short).into();
    texts.extend([malformed.to_string(), vias, numbered("REGISTER", 1), numbered("INVITE", 2)]);
    let mut answered = 0;
    for text in texts {
        let size = text.replace('\n', "\r\n").len();
        let mut out: usize = phone.send(&text).iter().map(String::len).sum();
        answered += usize::from(out > 0);
        out += phone.wait(Duration::from_secs(40)).iter().map(String::len).sum::<usize>();
        assert!(out <= 2 * size, "{out} bytes for {size}:\n{text}");
    }
    assert!(answered >= 6, "{answered} were answered");
}

#[test]
fn a_short_register_is_asked_for_what_every_phone_knows() {
    let mut phone = Phone::new(false);
    let whole = phone.send(&numbered("REGISTER", 1));
    let challenges = |text: &str| text.matches("algorithm=").count();
    assert_eq!(challenges(&whole[0]), 2);
    let text = numbered("REGISTER", 2);
    let few = |line: &&str| !line.starts_with("Contact") && !line.starts_with("Content-Length");
    let short = phone.send(&(text.lines().filter(few).collect::<Vec<_>>().join("\n") + "\n\n"));
    assert!(challenges(&short[0]) == 1 && short[0].contains("algorithm=MD5"), "{short:?}");
}

#[test]
fn what_cannot_be_read_is_refused_with_a_tag() {
    let mut phone = Phone::new(false);
    let bad = request("INVITE", "sip:1@10.0.0.1", "a", 1, "").replace("CSeq: 1 INVITE", "CSeq: 1 OPTIONS");
    let refused = phone.send(&bad);
    assert!(refused[0].starts_with("SIP/2.0 400"), "{refused:?}");
    assert!(response(&refused[0]).headers.to().is_ok_and(|to| to.tag().is_some()), "§8.2.6.2: {refused:?}");
    assert_eq!(phone.send(&bad), refused);
}

#[test]
fn a_cancel_comes_by_the_way_of_its_invite() {
    let elsewhere: std::net::SocketAddr = "10.0.0.66:5070".parse().unwrap();
    type Change = fn(&mut Phone, String) -> String;
    let wrong: [Change; 4] = [
        |phone, text| {
            phone.flow.remote = "10.0.0.66:5070".parse().unwrap();
            text
        },
        |_, text| text.replace("Call-ID: c1", "Call-ID: c2"),
        |_, text| text.replace(";tag=f", ";tag=g"),
        |_, text| text.replace("CSeq: 1", "CSeq: 2"),
    ];
    for (n, change) in wrong.into_iter().enumerate() {
        let mut phone = Phone::new(true);
        phone.send(&request("INVITE", "sip:1@10.0.0.1", "a", 1, ""));
        phone.events();
        let home = phone.flow;
        let text = change(&mut phone, request("CANCEL", "sip:1@10.0.0.1", "a", 1, ""));
        assert_eq!(starts(&phone.send(&text)), ["SIP/2.0 481 Call/Transaction Does Not Exist"], "case {n}");
        assert!(phone.events().is_empty(), "case {n}");
        assert!(phone.flow == home || phone.flow.remote == elsewhere);
        // Another port of the same address: a NAT between them may have changed it.
        phone.flow = Flow { remote: "10.0.0.9:1024".parse().unwrap(), ..home };
        let answers = phone.send(&request("CANCEL", "sip:1@10.0.0.1", "a", 1, ""));
        assert_eq!(starts(&answers), ["SIP/2.0 200 OK", "SIP/2.0 487 Request Terminated"], "case {n}");
    }
}

#[test]
fn a_fork_that_comes_late_is_still_merged() {
    let mut phone = Phone::new(true);
    phone.send(&request("INVITE", "sip:1@10.0.0.1", "a", 1, ""));
    let leg = leg(&phone.events());
    phone.command(Command::Accept { leg, body: Body::sdp(b"v=0".to_vec()) });
    let fork = phone.send(&request("INVITE", "sip:1@10.0.0.1", "b", 1, ""));
    assert_eq!(starts(&fork), ["SIP/2.0 482 Loop Detected"], "§8.2.2.2");
    assert!(phone.events().is_empty());
}
