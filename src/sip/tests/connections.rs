//! What becomes of answers, dialogs and seats when connections come and go.

use super::phone::*;
use crate::sip::*;

fn flows(phone: &mut Phone) -> Vec<(String, Flow)> {
    let start = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().lines().next().unwrap_or_default().to_string();
    std::iter::from_fn(|| phone.house.poll_transmit()).map(|transmit| (start(transmit.bytes), transmit.flow)).collect()
}

/// Where the Via of [`request`] says that its sender listens.
fn back(phone: &Phone) -> Flow {
    Flow { remote: "10.0.0.9:5070".parse().unwrap(), connection: None, ..phone.flow }
}

#[test]
fn a_caller_whose_connection_is_gone_is_answered_where_it_listens() {
    let mut phone = Phone::new(true);
    phone.over_tcp(7);
    phone.send(&request("INVITE", "sip:1@10.0.0.1", "a", 1, ""));
    let leg = leg(&phone.events());
    phone.house.connection_closed(phone.now, ConnectionId(7));
    phone.house.command(phone.now, Command::Refuse { leg, refusal: Refusal::new(486) });
    let back = back(&phone);
    assert_eq!(flows(&mut phone), [("SIP/2.0 486 Busy Here".to_string(), back)], "RFC 3261 §18.2.2");
    phone.house.unsent(phone.now, back);
    assert_eq!(flows(&mut phone), [], "once");
}

#[test]
fn an_answer_that_could_not_be_sent_is_sent_once_where_the_caller_listens() {
    let mut phone = Phone::new(true);
    phone.over_tcp(7);
    phone.send(&request("INVITE", "sip:1@10.0.0.1", "a", 1, ""));
    let leg = leg(&phone.events());
    phone.command(Command::Refuse { leg, refusal: Refusal::new(486) });
    phone.house.unsent(phone.now, phone.flow);
    phone.house.connection_closed(phone.now, ConnectionId(7));
    let back = back(&phone);
    assert_eq!(flows(&mut phone), [("SIP/2.0 486 Busy Here".to_string(), back)]);
}

#[test]
fn a_200_whose_connection_is_gone_is_repeated_where_the_caller_listens() {
    let mut phone = Phone::new(true);
    phone.over_tcp(7);
    phone.send(&request("INVITE", "sip:1@10.0.0.1", "a", 1, ""));
    let leg = leg(&phone.events());
    phone.command(Command::Accept { leg, body: Body::sdp(b"v=0".to_vec()) });
    phone.house.connection_closed(phone.now, ConnectionId(7));
    phone.now = phone.house.next_deadline().expect("timer of the 200");
    phone.house.handle_deadline(phone.now);
    let back = back(&phone);
    assert_eq!(flows(&mut phone), [("SIP/2.0 200 OK".to_string(), back)]);
}
