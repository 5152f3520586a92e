//! Browsers: phones over WebSockets, whose connections come and go.

use std::time::Duration;

use super::phone::*;
use crate::ids::{CallId, LegId};
use crate::sip::registrar::BACK_WITHIN;
use crate::sip::*;

const PAGE: &str = "Contact: <sip:k7fr2@df7jal23ls0d.invalid;transport=ws>;+sip.ice;reg-id=1;\
                    +sip.instance=\"<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>\";expires=300\n\
                    Supported: path,gruu,outbound\n";

/// A phone whose WebSocket has this number; of a session that proved 8001, or of nobody.
fn browser(phone: &mut Phone, connection: u64, proven: bool) {
    let id = ConnectionId(connection);
    let remote = std::net::SocketAddr::new(phone.flow.remote.ip(), 50_000 + connection as u16);
    phone.flow = Flow { listener: ListenerId::GATE, transport: Transport::Ws, remote, connection: Some(id) };
    if proven {
        phone.house.connection_proven(id, "8001".into());
    }
}

/// As browsers write it: hosts that lead nowhere, and no Content-Length.
fn of_page(text: &str, page: &str) -> String {
    text.replace("SIP/2.0/UDP 10.0.0.9:5070", "SIP/2.0/WS df7jal23ls0d.invalid")
        .replace("Contact: <sip:100@10.0.0.9:5070>\n", page)
        .replace("Content-Length: 0\n", "")
}

fn registers(phone: &mut Phone, seat: &str, cseq: u32, call_id: &str, page: &str) -> Vec<String> {
    let lines = format!("From: <sip:{seat}@r>;tag=f\nTo: <sip:{seat}@r>\n");
    let text = of_page(&request("REGISTER", "sip:r", &format!("p{cseq}{call_id}"), cseq, &lines), page);
    phone.send(&text.replace("Call-ID: c1", &format!("Call-ID: {call_id}")))
}

/// A page at seat 8001 whose session proved it.
fn page() -> Phone {
    let mut phone = Phone::new(false);
    browser(&mut phone, 7, true);
    assert!(registers(&mut phone, "8001", 1, "page", PAGE)[0].starts_with("SIP/2.0 200 OK"));
    phone.events();
    phone
}

/// The page is loaded anew: another contact, another Call-ID.
fn page_begins_anew(phone: &mut Phone, connection: u64) -> Vec<String> {
    browser(phone, connection, true);
    let mut sent = registers(phone, "8001", 1, "another-page", &PAGE.replace("k7fr2", "other"));
    assert!(sent.remove(0).starts_with("SIP/2.0 200 OK"));
    sent
}

fn ring(phone: &mut Phone) -> Vec<String> {
    phone.command(Command::Invite(Invite {
        auto_answer: true,
        call: Some(CallId(17)),
        body: None,
        ..invitation(Target::Seat("8001".into()))
    }))
}

fn accepts(invite: &str) -> String {
    answered(invite, "200 OK")
        .replace("Content-Length", "Contact: <sip:k7fr2@df7jal23ls0d.invalid;transport=ws;ob>\nContent-Length")
}

/// A talk of the page at 8001: its leg is 2. Told: our INVITE.
fn talks(phone: &mut Phone) -> String {
    let invite = ring(phone).remove(0);
    assert!(phone.send(&accepts(&invite))[0].starts_with("ACK "));
    assert!(matches!(phone.events()[..], [Event::Answered { leg: LegId(2), .. }]));
    invite
}

fn within(invite: &str, method: &str, cseq: u32) -> String {
    let header = |name: &str| invite.lines().find_map(|line| line.strip_prefix(&format!("{name}: "))).unwrap();
    let lines = format!("From: {};tag=t\nTo: {}\n", header("To"), header("From"));
    of_page(&request(method, "sip:hotline@10.0.0.1", &format!("w{cseq}"), cseq, &lines), PAGE)
        .replace("Call-ID: c1", &format!("Call-ID: {}", header("Call-ID")))
}

/// What leaves, and over which connection.
fn ways(phone: &mut Phone) -> Vec<(String, Option<u64>)> {
    let start = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().split(' ').next().unwrap_or_default().to_string();
    let all = std::iter::from_fn(|| phone.house.poll_transmit());
    all.map(|transmit| (start(transmit.bytes), transmit.flow.connection.map(|id| id.0))).collect()
}

#[test]
fn a_session_needs_no_secret_and_is_nobody_else() {
    for trunk in [false, true] {
        let mut phone = Phone::new(trunk);
        browser(&mut phone, 7, true);
        let ok = registers(&mut phone, "8001", 1, "page", PAGE).remove(0);
        assert!(ok.starts_with("SIP/2.0 200 OK"), "{ok}");
        assert!(ok.contains("Contact: <sip:k7fr2@df7jal23ls0d.invalid;transport=ws>;expires=300"), "{ok}");
        let told = phone.events();
        assert!(
            matches!(&told[0], Event::SeatReachable { seat, browser: true } if seat.as_str() == "8001"),
            "{told:?}"
        );
        assert!(registers(&mut phone, "8002", 2, "page", PAGE)[0].starts_with("SIP/2.0 403"));
        let from = |seat: &str| format!("From: <sip:{seat}@r>;tag=f\n");
        let other = of_page(&request("INVITE", "sip:*13@r", "a", 1, &from("8002")), PAGE);
        assert_eq!(starts(&phone.send(&other)), ["SIP/2.0 403 Forbidden"], "also from where a trunk is");
        let own = of_page(&request("INVITE", "sip:*13@r", "b", 2, &from("8001")), PAGE);
        assert_eq!(starts(&phone.send(&own)), ["SIP/2.0 100 Trying"]);
        assert!(
            matches!(&phone.events()[..], [Event::Incoming(i)] if i.source == Source::Seat("8001".into())),
            "no digest is asked for"
        );
    }
}

#[test]
fn a_seat_that_is_gone_from_the_files_is_nobodys() {
    let mut phone = Phone::new(false);
    browser(&mut phone, 7, false);
    phone.house.connection_proven(ConnectionId(7), "9999".into());
    assert!(registers(&mut phone, "9999", 1, "page", PAGE)[0].starts_with("SIP/2.0 403"));
    let call = of_page(&request("INVITE", "sip:*13@r", "a", 1, "From: <sip:9999@r>;tag=f\n"), PAGE);
    assert_eq!(starts(&phone.send(&call)), ["SIP/2.0 403 Forbidden"]);
}

#[test]
fn a_page_of_others_proves_itself_by_digest_and_is_no_trunk() {
    let mut phone = Phone::new(true);
    browser(&mut phone, 7, false);
    let call = of_page(&request("INVITE", "sip:12345@r", "a", 1, ""), PAGE);
    assert_eq!(starts(&phone.send(&call)), ["SIP/2.0 403 Forbidden"], "a proxy in front of us is no trunk");
    let ok = register(&mut phone, "MD5", "pass", 1, "");
    assert!(ok[0].starts_with("SIP/2.0 200"), "{ok:?}");
    assert!(matches!(phone.events()[0], Event::SeatReachable { browser: true, .. }));
    let call = of_page(&request("INVITE", "sip:12345@r", "b", 1, "From: <sip:8001@r>;tag=f\n"), PAGE);
    assert_eq!(starts(&phone.send(&call)), ["SIP/2.0 401 Unauthorized"]);
}

#[test]
fn a_page_is_rung_over_its_connection_and_told_which_call_it_is() {
    let mut phone = page();
    let invite = ring(&mut phone).remove(0);
    for part in [
        "INVITE sip:k7fr2@df7jal23ls0d.invalid;transport=ws SIP/2.0\r\n",
        "Via: SIP/2.0/WS ",
        ";transport=ws>\r\n",
        "Call-Info: <sip:hotline.invalid>;answer-after=0\r\n",
        "info=alert-autoanswer",
        "Answer-Mode: Auto\r\n",
        &format!("X-Hotline-Call: {}\r\n", CallId(17)),
    ] {
        assert!(invite.contains(part), "{part} in {invite}");
    }
    phone.house.command(phone.now, Command::Hangup { leg: LegId(2), reason: None });
    phone.send(&answered(&invite, "180 Ringing"));
    let mut phone = page();
    ring(&mut phone);
    assert_eq!(phone.house.counts().legs, 1);
}

#[test]
fn a_seat_is_told_of_again_when_its_phone_is_of_another_kind() {
    let kinds = |phone: &mut Phone| -> Vec<Option<bool>> {
        let told = phone.events().into_iter();
        told.filter_map(|event| match event {
            Event::SeatReachable { browser, .. } => Some(Some(browser)),
            Event::SeatUnreachable { .. } => Some(None),
            _ => None,
        })
        .collect()
    };
    let mut phone = Phone::new(false);
    register(&mut phone, "MD5", "pass", 1, "");
    assert_eq!(kinds(&mut phone), [Some(false)]);
    browser(&mut phone, 7, true);
    registers(&mut phone, "8001", 1, "page", PAGE);
    assert_eq!(kinds(&mut phone), [Some(true)]);
    registers(&mut phone, "8001", 2, "page", PAGE);
    assert_eq!(kinds(&mut phone), []);
    // A desk phone that is always there takes over again.
    browser(&mut phone, 8, false);
    phone.house.connection_proven(ConnectionId(8), "8002".into());
    registers(&mut phone, "8002", 3, "page", PAGE);
    assert_eq!(kinds(&mut phone), [Some(true)]);
    registers(&mut phone, "8002", 4, "page", &PAGE.replace("expires=300", "expires=0"));
    assert_eq!(kinds(&mut phone), [Some(false)]);
}

#[test]
fn a_talk_outlives_its_connection_and_goes_on_over_the_next() {
    for by_request in [false, true] {
        let mut phone = page();
        let invite = talks(&mut phone);
        phone.house.connection_closed(phone.now, ConnectionId(7));
        assert!(matches!(phone.events()[..], [Event::FlowLost { leg: LegId(2) }]));
        let sent = phone.command(Command::Reoffer { leg: LegId(2), body: Body::sdp(b"v=0".to_vec()) });
        assert!(sent.is_empty(), "{sent:?}");
        phone.wait(Duration::from_secs(4));
        browser(&mut phone, 8, true);
        if by_request {
            phone.house.receive(phone.now, phone.flow, within(&invite, "OPTIONS", 5).replace('\n', "\r\n").as_bytes());
        } else {
            let sent = registers(&mut phone, "8001", 2, "page", PAGE);
            assert!(sent[0].starts_with("SIP/2.0 200") && sent[1].starts_with("INVITE "), "{sent:?}");
        }
        assert!(phone.events().iter().any(|event| matches!(event, Event::FlowFound { leg: LegId(2) })));
        if by_request {
            assert_eq!(ways(&mut phone), [("INVITE".into(), Some(8)), ("SIP/2.0".into(), Some(8))]);
        }
        phone.house.command(phone.now, Command::Hangup { leg: LegId(2), reason: None });
        assert_eq!(ways(&mut phone), [("BYE".into(), Some(8))]);
        assert!(phone.wait(BACK_WITHIN * 2).is_empty());
        if !by_request {
            assert!(phone.events().is_empty(), "the seat was back in time");
        }
    }
}

#[test]
fn a_phone_that_is_back_later_than_that_still_has_its_talk() {
    let mut phone = page();
    talks(&mut phone);
    phone.house.connection_closed(phone.now, ConnectionId(7));
    assert!(matches!(phone.events()[..], [Event::FlowLost { leg: LegId(2) }]));
    phone.wait(BACK_WITHIN);
    assert!(phone.events().iter().any(|event| matches!(event, Event::SeatUnreachable { .. })));
    phone.wait(Duration::from_secs(5));
    browser(&mut phone, 8, true);
    registers(&mut phone, "8001", 2, "page", PAGE);
    assert!(phone.events().iter().any(|event| matches!(event, Event::FlowFound { leg: LegId(2) })));
    phone.house.command(phone.now, Command::Hangup { leg: LegId(2), reason: None });
    assert_eq!(ways(&mut phone), [("BYE".into(), Some(8))]);
}

#[test]
fn a_bye_waits_for_its_phone_but_not_for_ever() {
    for is_back in [true, false] {
        let mut phone = page();
        talks(&mut phone);
        phone.house.connection_closed(phone.now, ConnectionId(7));
        assert!(phone.command(Command::Hangup { leg: LegId(2), reason: None }).is_empty());
        if is_back {
            browser(&mut phone, 8, true);
            let text = registers(&mut phone, "8001", 2, "page", PAGE).remove(1);
            assert!(text.starts_with("BYE "), "{text}");
            phone.send(&answered(&text, "200 OK"));
        } else {
            phone.wait(Duration::from_secs(33));
        }
        assert_eq!(phone.house.counts().legs, 0, "is back: {is_back}");
        assert!(!phone.events().iter().any(|event| matches!(event, Event::FlowFound { .. } | Event::Ended { .. })));
    }
}

#[test]
fn a_page_that_begins_anew_knows_nothing_of_its_talk() {
    let mut phone = page();
    talks(&mut phone);
    phone.house.connection_closed(phone.now, ConnectionId(7));
    page_begins_anew(&mut phone, 8);
    assert!(!phone.events().iter().any(|event| matches!(event, Event::FlowFound { .. })));
    // The call rings the page anew, and lets go of the old leg, of which the page says that there is none.
    let bye = phone.command(Command::Hangup { leg: LegId(2), reason: None });
    phone.send(&answered(&bye[0], "481 Call/Transaction Does Not Exist"));
    assert_eq!(phone.house.counts().legs, 0);
}

#[test]
fn a_page_that_was_cut_off_can_be_reached_for_a_moment_more() {
    let mut phone = page();
    phone.house.connection_closed(phone.now, ConnectionId(7));
    phone.wait(BACK_WITHIN - Duration::from_millis(1));
    assert!(phone.events().is_empty());
    phone.wait(Duration::from_millis(1));
    assert!(phone.events().iter().any(|event| matches!(event, Event::SeatUnreachable { .. })));
    let mut phone = page();
    phone.house.connection_closed(phone.now, ConnectionId(7));
    page_begins_anew(&mut phone, 8);
    phone.wait(BACK_WITHIN);
    assert!(!phone.events().iter().any(|event| matches!(event, Event::SeatUnreachable { .. })));
    assert_eq!(ring(&mut phone).len(), 1);
}

#[test]
fn a_call_for_a_page_that_is_loading_waits_for_it() {
    for is_back in [true, false] {
        let mut phone = page();
        phone.house.connection_closed(phone.now, ConnectionId(7));
        assert!(ring(&mut phone).is_empty());
        if is_back {
            let first = page_begins_anew(&mut phone, 8).remove(0);
            assert!(first.starts_with("INVITE sip:other@df7jal23ls0d.invalid;transport=ws SIP/2.0"), "{first}");
            assert_eq!(phone.house.counts().legs, 1);
        } else {
            phone.wait(BACK_WITHIN);
            assert!(matches!(
                phone.events()[..],
                [Event::SeatUnreachable { .. }, Event::Refused { leg: LegId(2), status: 503 }, Event::Binding { .. }]
                    | [
                        Event::SeatUnreachable { .. },
                        Event::Binding { .. },
                        Event::Refused { leg: LegId(2), status: 503 }
                    ]
            ));
        }
    }
    let mut phone = page();
    phone.house.connection_closed(phone.now, ConnectionId(7));
    ring(&mut phone);
    phone.command(Command::Hangup { leg: LegId(2), reason: None });
    assert_eq!(phone.house.counts().legs, 0);
}

#[test]
fn what_rings_goes_on_ringing_when_its_page_is_loaded_anew() {
    let mut phone = page();
    let first = ring(&mut phone).remove(0);
    phone.send(&answered(&first, "180 Ringing"));
    phone.events();
    phone.house.connection_closed(phone.now, ConnectionId(7));
    let again = page_begins_anew(&mut phone, 8).remove(0);
    assert!(again.starts_with("INVITE sip:other@df7jal23ls0d.invalid;transport=ws SIP/2.0"), "{again}");
    assert!(again.contains("CSeq: 2 INVITE") && again.contains("X-Hotline-Call: "), "{again}");
    assert_eq!(again.matches("User-Agent: ").count(), 1);
    phone.events();
    assert!(phone.send(&accepts(&again))[0].starts_with("ACK "));
    assert!(matches!(phone.events()[..], [Event::Answered { leg: LegId(2), .. }]));
}

#[test]
fn a_page_that_rings_and_is_cut_off_answers_over_its_next_connection() {
    for registers_first in [true, false] {
        let mut phone = page();
        let invite = ring(&mut phone).remove(0);
        phone.send(&answered(&invite, "180 Ringing"));
        phone.house.connection_closed(phone.now, ConnectionId(7));
        browser(&mut phone, 8, true);
        if registers_first {
            let sent = registers(&mut phone, "8001", 2, "page", PAGE);
            assert_eq!(starts(&sent), ["SIP/2.0 200 OK"], "and no second INVITE");
        }
        phone.house.receive(phone.now, phone.flow, accepts(&invite).replace('\n', "\r\n").as_bytes());
        assert_eq!(ways(&mut phone), [("ACK".into(), Some(8))]);
        phone.house.command(phone.now, Command::Hangup { leg: LegId(2), reason: None });
        assert_eq!(ways(&mut phone), [("BYE".into(), Some(8))]);
    }
}

/// The network of the page changes: nobody told the house that the former connection is dead.
#[test]
fn a_page_that_rings_and_is_there_by_another_way_hears_there_that_it_is_over() {
    for hangs_up_first in [true, false] {
        let mut phone = page();
        let invite = ring(&mut phone).remove(0);
        phone.send(&answered(&invite, "180 Ringing"));
        let hang_up = |phone: &mut Phone| {
            phone.house.command(phone.now, Command::Hangup { leg: LegId(2), reason: None });
            ways(phone)
        };
        if hangs_up_first {
            assert_eq!(hang_up(&mut phone), [("CANCEL".into(), Some(7))]);
        }
        browser(&mut phone, 8, true);
        let sent = registers(&mut phone, "8001", 2, "page", PAGE);
        if hangs_up_first {
            assert!(sent[0].starts_with("SIP/2.0 200") && sent[1].starts_with("CANCEL "), "{sent:?}");
        } else {
            assert_eq!(starts(&sent), ["SIP/2.0 200 OK"], "and no second INVITE");
            assert_eq!(hang_up(&mut phone), [("CANCEL".into(), Some(8))]);
        }
        phone.send(&answered(&invite, "487 Request Terminated"));
        phone.house.connection_closed(phone.now, ConnectionId(7));
        assert_eq!(phone.house.counts().legs, 0);
    }
}

#[test]
fn another_page_at_the_seat_rings_and_the_former_stops() {
    let mut phone = page();
    let invite = ring(&mut phone).remove(0);
    phone.send(&answered(&invite, "180 Ringing"));
    browser(&mut phone, 8, true);
    let text = registers(&mut phone, "8001", 1, "another-page", &PAGE.replace("k7fr2", "other"));
    let lines: Vec<&str> = text.iter().filter_map(|text| text.lines().next()).collect();
    assert!(lines[1].starts_with("CANCEL sip:k7fr2@") && lines[2].starts_with("INVITE sip:other@"), "{lines:?}");
}

#[test]
fn an_invite_that_was_lost_with_its_connection_is_sent_over_the_next() {
    let mut phone = page();
    let lost = ring(&mut phone).remove(0);
    phone.house.connection_closed(phone.now, ConnectionId(7));
    browser(&mut phone, 8, true);
    let sent = registers(&mut phone, "8001", 2, "page", PAGE);
    assert_eq!(sent[1..], *std::slice::from_ref(&lost), "the same, so that one that arrived is a copy");
    assert!(phone.send(&accepts(&lost))[0].starts_with("ACK "));
    assert!(phone.events().iter().any(|event| matches!(event, Event::Answered { leg: LegId(2), .. })));
}

#[test]
fn an_answer_to_a_page_waits_for_it() {
    let mut phone = page();
    let call = of_page(&request("INVITE", "sip:*13@r", "a", 1, "From: <sip:8001@r>;tag=f\n"), PAGE);
    phone.send(&call);
    let leg = leg(&phone.events());
    phone.house.connection_closed(phone.now, ConnectionId(7));
    phone.command(Command::Accept { leg, body: Body::sdp(b"v=0".to_vec()) });
    browser(&mut phone, 8, true);
    let first = registers(&mut phone, "8001", 2, "page", PAGE).remove(1);
    assert!(first.starts_with("SIP/2.0 200 OK") && first.contains("CSeq: 1 INVITE"), "{first}");
}

#[test]
fn a_dialog_is_its_seats_own() {
    let mut phone = page();
    let invite = talks(&mut phone);
    browser(&mut phone, 9, false);
    phone.house.connection_proven(ConnectionId(9), "8003".into());
    assert_eq!(starts(&phone.send(&within(&invite, "BYE", 5))), ["SIP/2.0 403 Forbidden"]);
    assert_eq!(phone.house.counts().legs, 1);
}
