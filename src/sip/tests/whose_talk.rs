//! Several phones at one seat: in whose dialog a talk goes on, whoever registers there meanwhile.

use super::outbound::*;
use super::phone::*;
use super::silence::*;
use crate::sip::*;

const OTHER: &str = "<urn:uuid:1>";

fn talking() -> Phone {
    let mut phone = two_flows();
    talks(&mut phone, "");
    phone
}

/// A flow of a phone, over TCP connection `number`.
fn registers(phone: &mut Phone, number: u64, (instance, reg_id, call_id): (&str, u32, &str), cseq: u32) {
    phone.over_tcp(number);
    let ok = register_as(phone, "MD5", "pass", cseq, &flow_of(instance, reg_id), call_id).remove(0);
    assert!(ok.starts_with("SIP/2.0 200"), "{ok}");
}

/// A phone without flows, over UDP from this port.
fn registers_from(phone: &mut Phone, port: u16, call_id: &str, cseq: u32) {
    phone.flow.remote.set_port(port);
    let contact = "Contact: <sip:8001@10.0.0.9:5070>\n";
    let ok = register_as(phone, "MD5", "pass", cseq, contact, call_id).remove(0);
    assert!(ok.starts_with("SIP/2.0 200"), "{ok}");
}

fn answers(phone: &mut Phone, invite: &str) {
    let contact = "Contact: <sip:8001@10.0.0.9:5070>\n";
    assert!(phone.send(&described(&answered_with(invite, "200 OK", contact)))[0].starts_with("ACK "));
    phone.events();
}

/// By which flow it is told that the talk is over.
fn told_by(phone: &mut Phone) -> Vec<(u64, &'static str)> {
    hangs_up(phone);
    went(phone).iter().filter(|(_, text)| text.starts_with("BYE ")).map(|(number, _)| (*number, "BYE")).collect()
}

/// The same over UDP: at which port.
fn told_at(phone: &mut Phone) -> Vec<u16> {
    hangs_up(phone);
    std::iter::from_fn(|| phone.house.poll_transmit()).map(|sent| sent.flow.remote.port()).collect()
}

#[test]
fn a_talk_stays_with_its_phone_whatever_flows_another_has_at_its_seat() {
    for flows in [1, 2, 3] {
        let mut phone = talking();
        for reg_id in 1..=flows {
            registers(&mut phone, 2 + u64::from(reg_id), (OTHER, reg_id, "c9"), 7 + 2 * reg_id);
        }
        assert_eq!(told_by(&mut phone), [(2, "BYE")], "beside {flows}");
        assert!(meanwhile(&mut phone, 40 * SECOND).is_empty(), "the other knows nothing of the talk");
    }
}

#[test]
fn a_talk_that_was_rung_for_before_another_registered_is_its_phones() {
    let mut phone = two_flows();
    let invite = rings(&mut phone).remove(0).1;
    phone.send(&answered(&invite, "180 Ringing"));
    registers(&mut phone, 3, (OTHER, 1, "c9"), 7);
    phone.over_tcp(2);
    answers(&mut phone, &invite);
    registers(&mut phone, 4, (OTHER, 2, "c9"), 9);
    assert_eq!(told_by(&mut phone), [(2, "BYE")]);
    // The other is somewhere else.
    let mut phone = two_flows();
    let home = phone.flow.remote.ip();
    let invite = rings(&mut phone).remove(0).1;
    phone.flow.remote.set_ip("10.0.0.77".parse().unwrap());
    registers(&mut phone, 3, (OTHER, 1, "c9"), 7);
    phone.flow.remote.set_ip(home);
    phone.over_tcp(2);
    answers(&mut phone, &invite);
    phone.flow.remote.set_ip("10.0.0.77".parse().unwrap());
    registers(&mut phone, 4, (OTHER, 2, "c9"), 9);
    assert_eq!(told_by(&mut phone), [(2, "BYE")]);
}

#[test]
fn a_talk_is_its_phones_again_when_that_is_back_where_another_was() {
    // Beside its own former flow.
    let mut phone = talking();
    registers(&mut phone, 3, (OTHER, 1, "c9"), 7);
    registers(&mut phone, 4, (OTHER, 2, "c9"), 9);
    registers(&mut phone, 5, (PHONE, 1, "c1"), 17);
    registers(&mut phone, 6, (PHONE, 2, "c1"), 19);
    assert_eq!(told_by(&mut phone), [(6, "BYE")]);
    // Its flow is gone: whoever is at the seat is told.
    let lost = || {
        let mut phone = talking();
        registers(&mut phone, 3, (OTHER, 1, "c9"), 7);
        phone.house.connection_closed(phone.now, ConnectionId(2));
        registers(&mut phone, 4, (OTHER, 2, "c9"), 9);
        phone
    };
    assert_eq!(told_by(&mut lost()), [(4, "BYE")]);
    let mut phone = lost();
    registers(&mut phone, 5, (PHONE, 1, "c1"), 17);
    registers(&mut phone, 6, (PHONE, 2, "c1"), 19);
    assert_eq!(told_by(&mut phone), [(6, "BYE")]);
}

#[test]
fn a_phone_is_the_same_by_whatever_name_it_registers_over_its_flow() {
    // It was rung by a binding of an earlier process, which has no name.
    let restored = || {
        let mut phone = Phone::new(false);
        let binding = Binding {
            contact: "sip:8001@10.0.0.9:5070".into(),
            remote: "10.0.0.9:5071".parse().unwrap(),
            transport: "udp".into(),
            path: Vec::new(),
            listener: Some("10.0.0.1:5060".parse().unwrap()),
            expires_at: phone.now + 300 * SECOND,
        };
        phone.house.restore_binding(phone.now, "8001".into(), binding);
        over_udp(&mut phone, 1);
        phone.events();
        talks(&mut phone, "");
        phone
    };
    let mut phone = restored();
    registers_from(&mut phone, 5071, "c1", 1);
    registers_from(&mut phone, 5072, "c1", 3);
    assert_eq!(told_at(&mut phone), [5072]);
    // Or it has flows, of which the one that it talks by says nothing.
    let mut phone = restored();
    for (number, cseq) in [(2, 1), (1, 3)] {
        over_udp(&mut phone, number);
        register(&mut phone, "MD5", "pass", cseq, &flow_of(PHONE, number.into()));
    }
    assert_eq!(told_at(&mut phone), [5071]);
    assert!(brief(&meanwhile(&mut phone, 5 * SECOND)).contains(&(2, "BYE")));
    // It began its registration anew.
    let mut phone = Phone::new(false);
    registers_from(&mut phone, 5071, "c1", 1);
    phone.events();
    talks(&mut phone, "");
    registers_from(&mut phone, 5071, "c2", 3);
    registers_from(&mut phone, 5072, "c2", 5);
    assert_eq!(told_at(&mut phone), [5072]);
}

#[test]
fn phones_behind_one_address_are_told_apart() {
    let mut phone = Phone::new(false);
    registers_from(&mut phone, 5071, "c1", 1);
    phone.events();
    let invite = rings(&mut phone).remove(0).1;
    answers(&mut phone, &invite);
    registers_from(&mut phone, 6001, "c9", 3);
    // The NAT gives the first another port, from which it says something in the talk.
    phone.flow.remote.set_port(5072);
    let own = format!("From: {};tag=t\nTo: {}\n", header(&invite, "To"), header(&invite, "From"));
    let options = request("OPTIONS", "sip:hotline@10.0.0.1", "x1", 7, &own)
        .replace("Call-ID: c1", &format!("Call-ID: {}", header(&invite, "Call-ID")));
    assert!(phone.send(&options)[0].starts_with("SIP/2.0 200"));
    registers_from(&mut phone, 6002, "c9", 5);
    assert_eq!(told_at(&mut phone), [5072]);
}
