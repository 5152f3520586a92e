//! Phones with several flows, RFC 5626, of which one says nothing any more.

use std::time::Duration;

use super::outbound::*;
use super::phone::*;
use crate::ids::LegId;
use crate::sip::*;

/// A phone with flows 1 and 2 over UDP: flow `number` comes from port 5070 + `number`.
fn two_datagram_flows() -> Phone {
    let mut phone = Phone::new(false);
    for (number, cseq) in [(1, 1), (2, 3)] {
        over_udp(&mut phone, number);
        let ok = register(&mut phone, "MD5", "pass", cseq, &flow_of(PHONE, number.into())).remove(0);
        assert!(ok.starts_with("SIP/2.0 200"), "{ok}");
    }
    phone.events();
    phone
}

pub(super) fn over_udp(phone: &mut Phone, number: u16) {
    phone.flow.remote.set_port(5070 + number);
}

/// What leaves meanwhile: over which flow, and the request.
pub(super) fn meanwhile(phone: &mut Phone, time: Duration) -> Vec<(u64, String)> {
    let until = phone.now + time;
    let mut all = Vec::new();
    while let Some(due) = phone.house.next_deadline().filter(|due| *due <= until) {
        phone.now = phone.now.max(due);
        phone.house.handle_deadline(phone.now);
        while let Some(sent) = phone.house.poll_transmit() {
            let number = sent.flow.connection.map_or(u64::from(sent.flow.remote.port()) - 5070, |id| id.0);
            all.push((number, String::from_utf8(sent.bytes).unwrap()));
        }
    }
    phone.now = until;
    all
}

/// It is rung by flow 2, and talks there.
pub(super) fn talks(phone: &mut Phone, lines: &str) {
    let invite = rings(phone).remove(0).1;
    let lines = format!("Contact: <sip:8001@10.0.0.9:5070>\n{lines}");
    assert!(phone.send(&described(&answered_with(&invite, "200 OK", &lines)))[0].starts_with("ACK "));
    phone.events();
}

pub(super) fn hangs_up(phone: &mut Phone) {
    phone.house.command(phone.now, Command::Hangup { leg: LegId(2), reason: None });
}

#[test]
fn a_phone_is_told_of_the_end_of_a_talk_by_another_flow_where_its_own_says_nothing() {
    let mut phone = two_flows();
    talks(&mut phone, "");
    hangs_up(&mut phone);
    let first = went(&mut phone);
    assert_eq!((brief(&first), header(&first[0].1, "CSeq")), (vec![(2, "BYE")], "2 BYE"));
    assert!(meanwhile(&mut phone, 2 * SECOND).is_empty());
    let second = meanwhile(&mut phone, SECOND);
    assert_eq!((brief(&second), header(&second[0].1, "CSeq")), (vec![(1, "BYE")], "3 BYE"));
    phone.over_tcp(1);
    phone.send(&answered(&second[0].1, "200 OK"));
    assert!(meanwhile(&mut phone, 40 * SECOND).is_empty());
    assert_eq!((phone.house.counts().legs, phone.house.counts().transactions), (0, 0));
    // By datagrams it is sent again by the one that is left, and no more by the other.
    let mut phone = two_datagram_flows();
    talks(&mut phone, "");
    hangs_up(&mut phone);
    went(&mut phone);
    let within = |time: u64, phone: &mut Phone| {
        let sent = meanwhile(phone, Duration::from_secs(time));
        let byes = sent.iter().filter(|(_, text)| text.starts_with("BYE "));
        byes.map(|(over, _)| *over).collect::<Vec<_>>()
    };
    assert_eq!(within(3, &mut phone), [2, 2, 1]);
    assert_eq!(within(2, &mut phone), [1, 1]);
    assert!(within(40, &mut phone).iter().all(|over| *over == 1));
    assert_eq!((phone.house.counts().legs, phone.house.counts().transactions), (0, 0));
    // One whose answer comes in time stays where it is, and so does the flow.
    let mut phone = two_flows();
    talks(&mut phone, "");
    hangs_up(&mut phone);
    let bye = went(&mut phone).remove(0).1;
    phone.send(&answered(&bye, "200 OK"));
    assert!(meanwhile(&mut phone, 4 * SECOND).is_empty());
    assert_eq!(brief(&rings(&mut phone)), [(2, "INVITE")]);
    // It could not be sent at all.
    let mut phone = two_flows();
    talks(&mut phone, "");
    hangs_up(&mut phone);
    went(&mut phone);
    phone.house.unsent(phone.now, phone.flow);
    assert_eq!(brief(&went(&mut phone))[0], (1, "BYE"));
    // It is lost with its connection, perhaps.
    let mut phone = two_flows();
    talks(&mut phone, "");
    phone.house.command(phone.now, Command::Hangup { leg: LegId(2), reason: Some("SIP;cause=480".into()) });
    went(&mut phone);
    phone.house.connection_closed(phone.now, ConnectionId(2));
    let again = went(&mut phone);
    assert_eq!((brief(&again), header(&again[0].1, "Reason")), (vec![(1, "BYE")], "SIP;cause=480"));
    phone.over_tcp(1);
    phone.send(&answered(&again[0].1, "200 OK"));
    assert!(meanwhile(&mut phone, 40 * SECOND).is_empty());
    assert_eq!((phone.house.counts().legs, phone.house.counts().transactions), (0, 0));
}

#[test]
fn what_is_offered_in_a_talk_goes_by_another_flow_where_one_says_nothing() {
    let mut phone = two_flows();
    talks(&mut phone, "");
    phone.house.command(phone.now, Command::Reoffer { leg: LegId(2), body: Body::sdp(b"v=0".to_vec()) });
    let first = went(&mut phone);
    let second = meanwhile(&mut phone, 3 * SECOND);
    assert_eq!((brief(&first), brief(&second)), (vec![(2, "INVITE")], vec![(1, "INVITE")]));
    assert_eq!((header(&first[0].1, "CSeq"), header(&second[0].1, "CSeq")), ("2 INVITE", "3 INVITE"));
    phone.over_tcp(1);
    let ok = |of: &str| described(&answered_with(of, "200 OK", "Contact: <sip:8001@10.0.0.9:5070>\n"));
    phone.send(&ok(&second[0].1).replace("v=0", "v=1"));
    let told = |phone: &mut Phone| {
        let events = phone.events().into_iter();
        events.filter(|event| !matches!(event, Event::Binding { .. })).collect::<Vec<_>>()
    };
    assert!(matches!(told(&mut phone)[..], [Event::ReofferAnswered { result: Ok(Some(_)), .. }]));
    // The former one is answered after all: whoever waits for an ACK in vain would end the talk.
    phone.over_tcp(2);
    let late = phone.send(&ok(&first[0].1));
    assert_eq!((late.len(), header(&late[0], "CSeq")), (1, "2 ACK"));
    assert_eq!(phone.send(&ok(&first[0].1)), late, "a copy");
    assert!(meanwhile(&mut phone, 60 * SECOND).is_empty() && told(&mut phone).is_empty());
    // What is said next goes by the one that was heard.
    hangs_up(&mut phone);
    assert_eq!(brief(&went(&mut phone)), [(1, "BYE")]);
    // The former one is never answered: the talk goes on.
    let mut phone = two_datagram_flows();
    talks(&mut phone, "");
    phone.house.command(phone.now, Command::Reoffer { leg: LegId(2), body: Body::sdp(b"v=0".to_vec()) });
    let second = meanwhile(&mut phone, 3 * SECOND).pop().expect("an INVITE");
    assert_eq!(second.0, 1);
    over_udp(&mut phone, 1);
    phone.send(&ok(&second.1));
    told(&mut phone);
    assert!(meanwhile(&mut phone, 60 * SECOND).is_empty() && told(&mut phone).is_empty());
    assert_eq!(phone.house.counts().legs, 1);
}

#[test]
fn a_session_is_refreshed_by_another_flow_where_one_says_nothing() {
    let mut phone = two_flows();
    let timer = "Session-Expires: 200;refresher=uac\nRequire: timer\n";
    talks(&mut phone, &format!("Allow: INVITE, UPDATE\n{timer}"));
    let sent = meanwhile(&mut phone, 103 * SECOND);
    assert_eq!(brief(&sent), [(2, "UPDATE"), (1, "UPDATE")]);
    phone.over_tcp(1);
    phone.send(&answered_with(&sent[1].1, "200 OK", timer));
    assert_eq!(brief(&meanwhile(&mut phone, 101 * SECOND)), [(1, "UPDATE")], "the next one");
}

#[test]
fn a_ring_by_a_silent_flow_is_no_more_sent_once_it_goes_by_another() {
    let mut phone = two_datagram_flows();
    let first = rings(&mut phone).remove(0).1;
    let sent = meanwhile(&mut phone, 3 * SECOND);
    assert_eq!(brief(&sent), [(2, "INVITE"), (2, "INVITE"), (1, "INVITE")]);
    let after = meanwhile(&mut phone, 2 * SECOND);
    assert_eq!(brief(&after), [(1, "INVITE"), (1, "INVITE")]);
    over_udp(&mut phone, 1);
    let ok = |of: &str| described(&answered_with(of, "200 OK", "Contact: <sip:8001@10.0.0.9:5070>\n"));
    phone.send(&ok(&sent[2].1));
    // Where it rang after all the call was not missed.
    over_udp(&mut phone, 2);
    let elsewhere = "SIP;cause=200;text=\"Call completed elsewhere\"";
    let cancel = phone.send(&answered(&first, "180 Ringing"));
    assert_eq!((starts(&cancel)[0].split(' ').next(), header(&cancel[0], "Reason")), (Some("CANCEL"), elsewhere));
    let ended = phone.send(&ok(&first));
    let bye = ended.iter().find(|text| text.starts_with("BYE ")).expect("a BYE");
    assert_eq!(header(bye, "Reason"), elsewhere);
    assert_eq!(phone.house.counts().legs, 1);
}
