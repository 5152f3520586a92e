//! Messages that cross, come late, come twice, or never come.

use std::time::Duration;

use crate::client::{Client, SDP, TYPE};
use crate::house::{Files, House};

const TYPE_LINE: &str = "Content-Type: application/sdp\r\n";

fn header<'a>(text: &'a str, name: &str) -> &'a str {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default()
}

/// Sends an INVITE and returns its first 200.
fn invite(client: &Client, house: &House, number: &str) -> String {
    let to = format!("<sip:{number}@{}>", house.addr());
    client.send(&client.request("INVITE", number, "inv", 1, &to, TYPE_LINE, SDP));
    loop {
        let text = client.hear(Duration::from_secs(20)).expect("an answer");
        if text.starts_with("SIP/2.0 200") {
            return text;
        }
    }
}

#[test]
fn an_answer_is_repeated_until_it_is_acknowledged() {
    let house = House::open(&Files::new(None));
    let client = Client::new(&house, "127.0.0.1");
    let answer = invite(&client, &house, "12346");
    for _ in 0..3 {
        let again = client.hear(Duration::from_secs(10)).expect("the 200 again");
        assert_eq!(again, answer, "RFC 3261 §13.3.1.4: the same 200");
    }
    let to = header(&answer, "To").to_string();
    client.send(&client.request("ACK", "12346", "ack", 1, &to, "", ""));
    while let Some(text) = client.hear(Duration::from_millis(200)) {
        assert!(text.starts_with("SIP/2.0 200"), "{text}");
    }
    assert_eq!(client.hear(Duration::from_secs(5)), None, "acknowledged, and repeated still");
    client.send(&client.request("BYE", "12346", "bye", 2, &to, "", ""));
    let bye = client.hear(Duration::from_secs(10)).unwrap();
    assert!(bye.starts_with("SIP/2.0 200") && bye.contains("2 BYE"), "{bye}");
    client.send(&client.request("BYE", "12346", "bye2", 3, &to, "", ""));
    assert!(client.hear(Duration::from_secs(10)).unwrap().starts_with("SIP/2.0 481"), "the dialog is gone");
    assert_eq!(house.wait_records(1)[0]["ended_by"], "caller");
}

#[test]
fn an_answer_that_nobody_acknowledges_ends_the_call() {
    let house = House::open(&Files::new(None));
    let client = Client::new(&house, "127.0.0.1");
    invite(&client, &house, "12346");
    let bye = loop {
        let text = client.hear(Duration::from_secs(45)).expect("a BYE after 64 T1");
        if text.starts_with("BYE ") {
            break text;
        }
        assert!(text.starts_with("SIP/2.0 200"), "{text}");
    };
    assert!(bye.contains("sip:1@127.0.0.1"), "{bye}");
    assert_eq!(house.wait_records(1)[0]["ended_by"], "system");
}

#[test]
fn a_cancel_after_the_answer_changes_nothing() {
    let house = House::open(&Files::new(None));
    let client = Client::new(&house, "127.0.0.1");
    let answer = invite(&client, &house, "12346");
    let to = header(&answer, "To").to_string();
    client.send(&client.request("CANCEL", "12346", "inv", 1, &format!("<sip:12346@{}>", house.addr()), "", ""));
    let cancelled = loop {
        let text = client.hear(Duration::from_secs(10)).unwrap();
        if text.contains("1 CANCEL") {
            break text;
        }
    };
    assert!(cancelled.starts_with("SIP/2.0 200"), "RFC 3261 §9.2: {cancelled}");
    client.send(&client.request("ACK", "12346", "ack", 1, &to, "", ""));
    std::thread::sleep(Duration::from_millis(500));
    assert!(house.records().is_empty(), "the call was ended");
    client.send(&client.request("BYE", "12346", "bye", 2, &to, "", ""));
    house.wait_records(1);
}

#[test]
fn a_request_that_comes_by_two_ways_is_refused_once() {
    let house = House::open(&Files::new(None));
    let client = Client::new(&house, "127.0.0.1");
    let to = format!("<sip:12346@{}>", house.addr());
    client.send(&client.request("INVITE", "12346", "one", 1, &to, TYPE_LINE, SDP));
    client.send(&client.request("INVITE", "12346", "two", 1, &to, TYPE_LINE, SDP));
    let statuses: Vec<String> = (0..2).map(|_| client.hear(Duration::from_secs(10)).unwrap()).collect();
    let merged: Vec<&String> = statuses.iter().filter(|text| text.starts_with("SIP/2.0 482")).collect();
    assert_eq!(merged.len(), 1, "RFC 3261 §8.2.2.2: {statuses:#?}");
    assert!(merged[0].contains("z9hG4bKtwo"));
    assert!(
        statuses.iter().any(|text| text.starts_with("SIP/2.0 200") && text.contains("z9hG4bKone")),
        "{statuses:#?}"
    );
}

#[test]
fn nothing_of_one_leg_is_told_to_the_other() {
    let port = crate::ports::free_port();
    let house = House::open(&Files::new(Some(port)));
    let phone = std::net::UdpSocket::bind(("127.0.0.1", port)).unwrap();
    phone.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let client = Client::new(&house, "127.0.0.1");
    let to = format!("<sip:12346@{}>", house.addr());
    let headers = format!("{TYPE}\r\nX-Secret: tell-nobody\r\nUser-Agent: CallerPhone/1\r\nSubject: private\r\n");
    client.send(&client.request("INVITE", "12346", "inv", 1, &to, &headers, SDP));
    let (_, answer) = client.answer("branch=z9hG4bKinv");
    let to = answer.lines().find_map(|line| line.strip_prefix("To: ")).expect("a To");
    client.send(&client.request("ACK", "12346", "ack", 1, to, "", ""));
    let mut buffer = [0; 4096];
    let (length, _) = phone.recv_from(&mut buffer).expect("the seat's INVITE");
    let invite = String::from_utf8_lossy(&buffer[..length]).to_string();
    for told in [
        "tell-nobody",
        "CallerPhone",
        "private",
        "z9hG4bKinv",
        &format!("{}@", client.socket.local_addr().unwrap().port()),
        "audio 40000",
    ] {
        assert!(!invite.contains(told), "{told} leaks:\n{invite}");
    }
    assert!(invite.contains("From: <sip:1@"), "the caller's number is meant to be shown:\n{invite}");
}
