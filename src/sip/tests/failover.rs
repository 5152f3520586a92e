//! Several trunks: by which a call goes out, and by which other where one fails; whether anybody is there; how many
//! calls they carry.

use std::time::Duration;

use super::phone::*;
use crate::ids::LegId;
use crate::sip::message::{Message, read};
use crate::sip::*;

const SECOND: Duration = Duration::from_secs(1);

/// A name, an address, and what else is set of a trunk.
type Made = (&'static str, &'static str, fn(&mut Trunk));

fn house(trunks: &[Made]) -> Phone {
    let mut settings = settings(false);
    let make = |(id, to, change): &Made| {
        let mut trunk = Trunk::new(id, Vec::new(), Some(hop(to)));
        change(&mut trunk);
        trunk
    };
    settings.trunks = trunks.iter().map(make).collect();
    Phone::of(settings)
}

const SECOND_BEST: fn(&mut Trunk) = |trunk| trunk.priority = 2;
const AS_IT_IS: fn(&mut Trunk) = |_| {};

fn dial(phone: &mut Phone, leg: u64, urgent: bool) -> Vec<(String, String)> {
    let invite = Invite { leg: LegId(leg), urgent, ..invitation(Target::Trunk { trunk: None, number: "110".into() }) };
    phone.house.command(phone.now, Command::Invite(invite));
    went(phone)
}

/// Where what left went, and what it is.
fn went(phone: &mut Phone) -> Vec<(String, String)> {
    let text = |transmit: Transmit| (transmit.flow.remote.to_string(), String::from_utf8(transmit.bytes).unwrap());
    std::iter::from_fn(|| phone.house.poll_transmit()).map(text).collect()
}

/// Start lines, with where they went.
fn brief(went: &[(String, String)]) -> Vec<String> {
    went.iter().map(|(to, text)| format!("{} to {to}", text.split(' ').next().unwrap())).collect()
}

/// The far end says this of a request of ours.
fn says(phone: &mut Phone, request: &str, status: &str, lines: &str) -> Vec<(String, String)> {
    let text = answered_with(request, status, lines).replace('\n', "\r\n");
    assert!(matches!(read(text.as_bytes()), Ok(Message::Response(_))), "{text}");
    phone.house.receive(phone.now, phone.flow, text.as_bytes());
    went(phone)
}

fn later(phone: &mut Phone, time: Duration) -> Vec<(String, String)> {
    let until = phone.now + time;
    let mut all = Vec::new();
    while let Some(due) = phone.house.next_deadline().filter(|due| *due <= until) {
        phone.now = phone.now.max(due);
        phone.house.handle_deadline(phone.now);
        all.extend(went(phone));
    }
    phone.now = until;
    all
}

fn over(phone: &mut Phone) -> Vec<String> {
    let over = |event| if let Event::GoesOver { trunk, .. } = event { Some(trunk.to_string()) } else { None };
    std::iter::from_fn(|| phone.house.poll_event()).filter_map(over).collect()
}

const TWO: &[Made] = &[("second", "10.0.0.8:5060", SECOND_BEST), ("first", "10.0.0.9:5060", AS_IT_IS)];

#[test]
fn a_call_goes_by_the_next_trunk_where_one_is_in_trouble() {
    let of_a_password = ["401 Unauthorized", "407 Proxy Authentication Required"];
    for trouble in
        ["503 Service Unavailable", "500 Server Internal Error", "408 Request Timeout"].into_iter().chain(of_a_password)
    {
        let mut phone = house(TWO);
        let sent = dial(&mut phone, 2, false);
        assert_eq!(brief(&sent), ["INVITE to 10.0.0.9:5060"], "{trouble}");
        assert!(says(&mut phone, &sent[0].1, "100 Trying", "").is_empty());
        let sent = says(&mut phone, &sent[0].1, trouble, "");
        assert_eq!(brief(&sent), ["ACK to 10.0.0.9:5060", "INVITE to 10.0.0.8:5060"], "{trouble}");
        assert!(sent[1].1.starts_with("INVITE sip:110@10.0.0.8:5060 SIP/2.0"));
        assert_eq!(over(&mut phone), ["first", "second"]);
        // The second is the last.
        assert_eq!(brief(&says(&mut phone, &sent[1].1, trouble, "")), ["ACK to 10.0.0.8:5060"]);
        assert!(matches!(phone.events()[..], [Event::Refused { leg: LegId(2), .. }]));
        assert_eq!(phone.house.trunks(phone.now).iter().map(|trunk| trunk.calls).sum::<usize>(), 0);
    }
}

#[test]
fn what_the_called_says_is_the_last_word_and_so_is_what_was_heard() {
    for word in ["486 Busy Here", "404 Not Found", "480 Temporarily Unavailable", "603 Decline"] {
        let mut phone = house(TWO);
        let sent = dial(&mut phone, 2, false);
        assert_eq!(brief(&says(&mut phone, &sent[0].1, word, "")), ["ACK to 10.0.0.9:5060"], "{word}");
        assert!(matches!(phone.events()[..], [Event::Refused { .. }]));
    }
    let mut phone = house(TWO);
    let sent = dial(&mut phone, 2, false);
    says(&mut phone, &sent[0].1, "180 Ringing", "");
    assert_eq!(brief(&says(&mut phone, &sent[0].1, "503 Service Unavailable", "")), ["ACK to 10.0.0.9:5060"]);
    // And a call that the caller gave up goes nowhere else.
    let mut phone = house(TWO);
    let sent = dial(&mut phone, 2, false);
    phone.house.command(phone.now, Command::Hangup { leg: LegId(2), reason: None });
    assert_eq!(brief(&says(&mut phone, &sent[0].1, "503 Service Unavailable", "")), ["ACK to 10.0.0.9:5060"]);
    assert_eq!(phone.house.counts().legs, 0);
}

#[test]
fn a_trunk_that_says_nothing_is_left_within_seconds_and_tried_last_for_a_while() {
    let mut phone = house(TWO);
    let first = dial(&mut phone, 2, false).remove(0).1;
    let sent = later(&mut phone, 4 * SECOND);
    assert_eq!(sent.last().map(|(to, _)| to.as_str()), Some("10.0.0.8:5060"));
    says(&mut phone, &sent.last().unwrap().1.clone(), "180 Ringing", "");
    // The next call does not wait for it.
    assert_eq!(brief(&dial(&mut phone, 4, false)), ["INVITE to 10.0.0.8:5060"]);
    // It wakes up late: it is told that it is over, also where it takes the call.
    assert_eq!(brief(&says(&mut phone, &first, "180 Ringing", "")), ["CANCEL to 10.0.0.9:5060"]);
    let taken = says(&mut phone, &first, "200 OK", "Contact: <sip:110@10.0.0.9:5060>\n");
    assert_eq!(brief(&taken), ["ACK to 10.0.0.9:5060", "BYE to 10.0.0.9:5060"]);
    phone.events();
    later(&mut phone, 31 * SECOND);
    assert_eq!(brief(&dial(&mut phone, 6, false)), ["INVITE to 10.0.0.9:5060"], "it had its rest");
}

#[test]
fn the_last_way_has_all_the_time_there_is() {
    let mut phone = house(&TWO[1..]);
    dial(&mut phone, 2, false);
    later(&mut phone, 31 * SECOND);
    assert!(phone.events().is_empty());
    later(&mut phone, 2 * SECOND);
    assert!(matches!(phone.events()[..], [Event::Refused { status: 408, .. }]), "timer B");
    // Nobody else is there: it is tried all the same.
    assert_eq!(brief(&dial(&mut phone, 4, false)), ["INVITE to 10.0.0.9:5060"]);
}

#[test]
fn where_nobody_was_when_it_was_asked_a_call_waits_no_longer_than_for_another_way() {
    let mut phone = house(&[("only", "10.0.0.9:5060", |trunk| trunk.check = 30 * SECOND)]);
    later(&mut phone, 5 * SECOND);
    assert_eq!(phone.house.trunks(phone.now)[0].is_up(), Some(false));
    phone.events();
    let sent = dial(&mut phone, 2, true);
    assert_eq!(brief(&sent), ["INVITE to 10.0.0.9:5060"], "it is tried all the same");
    later(&mut phone, 3 * SECOND);
    assert!(phone.events().iter().all(|event| !matches!(event, Event::Refused { .. })));
    later(&mut phone, 2 * SECOND);
    let refused = |event: &Event| matches!(event, Event::Refused { leg: LegId(2), status: 408 });
    assert_eq!(phone.events().iter().filter(|event| refused(event)).count(), 1);
    // Whoever takes it after all is told that it is over.
    let taken = says(&mut phone, &sent[0].1, "200 OK", "Contact: <sip:110@10.0.0.9:5060>\n");
    assert_eq!(brief(&taken), ["ACK to 10.0.0.9:5060", "BYE to 10.0.0.9:5060"]);
    // Who says anything has all the time there is.
    let sent = dial(&mut phone, 4, true);
    says(&mut phone, &sent[0].1, "100 Trying", "");
    later(&mut phone, 20 * SECOND);
    assert!(phone.events().iter().all(|event| !matches!(event, Event::Refused { .. })));
}

#[test]
fn where_the_others_have_no_room_whoever_was_there_has_all_the_time_there_is() {
    const FULL: fn(&mut Trunk) = |trunk| (trunk.priority, trunk.channels) = (2, Some(0));
    let mut phone = house(&[("first", "10.0.0.9:5060", AS_IT_IS), ("second", "10.0.0.8:5060", FULL)]);
    let sent = dial(&mut phone, 2, false);
    assert_eq!(brief(&sent), ["INVITE to 10.0.0.9:5060"]);
    let then = later(&mut phone, 20 * SECOND);
    assert!(then.iter().all(|(to, _)| to == "10.0.0.9:5060"), "{then:?}");
    let refused = |event: &Event| matches!(event, Event::Refused { .. });
    assert!(!phone.events().iter().any(refused), "it may answer yet");
    says(&mut phone, &sent[0].1, "180 Ringing", "");
    later(&mut phone, 20 * SECOND);
    assert!(!phone.events().iter().any(refused));
}

#[test]
fn who_asks_for_a_rest_has_it() {
    let mut phone = house(TWO);
    let sent = dial(&mut phone, 2, false);
    says(&mut phone, &sent[0].1, "503 Service Unavailable", "Retry-After: 120\n");
    later(&mut phone, 100 * SECOND);
    assert_eq!(brief(&dial(&mut phone, 4, false)), ["INVITE to 10.0.0.8:5060"]);
    later(&mut phone, 21 * SECOND);
    assert_eq!(brief(&dial(&mut phone, 6, false)), ["INVITE to 10.0.0.9:5060"]);
}

#[test]
fn equals_share_the_calls_by_weight() {
    let mut phone = house(&[
        ("none", "10.0.0.6:5060", AS_IT_IS),
        ("one", "10.0.0.7:5060", |trunk| trunk.weight = 1),
        ("three", "10.0.0.8:5060", |trunk| trunk.weight = 3),
    ]);
    let mut counts = [0; 3];
    for leg in 1..=1000 {
        let sent = dial(&mut phone, leg * 2, false);
        let place = ["10.0.0.6:5060", "10.0.0.7:5060", "10.0.0.8:5060"].iter().position(|to| *to == sent[0].0);
        counts[place.unwrap()] += 1;
    }
    assert_eq!(counts[0], 0, "{counts:?}");
    assert!((200..=300).contains(&counts[1]), "{counts:?}");
}

#[test]
fn it_is_asked_whether_anybody_is_there() {
    const ASKED: fn(&mut Trunk) = |trunk| trunk.check = 30 * SECOND;
    let mut phone = house(&[("first", "10.0.0.9:5060", ASKED), ("second", "10.0.0.8:5060", SECOND_BEST)]);
    let is_up = |phone: &Phone| phone.house.trunks(phone.now)[0].is_up();
    assert_eq!(is_up(&phone), None);
    let sent = later(&mut phone, Duration::ZERO);
    assert_eq!(brief(&sent), ["OPTIONS to 10.0.0.9:5060"]);
    says(&mut phone, &sent[0].1, "404 Not Found", "");
    assert_eq!(is_up(&phone), Some(true), "somebody is there, whatever they say");
    let asked = later(&mut phone, 38 * SECOND);
    assert!(brief(&asked).iter().all(|sent| sent == "OPTIONS to 10.0.0.9:5060") && asked.len() > 2, "{asked:?}");
    assert_eq!(is_up(&phone), Some(false), "nobody answered within the patience");
    assert_eq!(brief(&dial(&mut phone, 2, false)), ["INVITE to 10.0.0.8:5060"]);
    let again = later(&mut phone, 21 * SECOND);
    let to_first = |(to, text): &&(String, String)| to == "10.0.0.9:5060" && text.starts_with("OPTIONS ");
    let options = again.iter().rev().find(to_first).unwrap().1.clone();
    says(&mut phone, &options, "200 OK", "");
    assert_eq!(is_up(&phone), Some(true));
    assert_eq!(brief(&dial(&mut phone, 4, false)), ["INVITE to 10.0.0.9:5060"]);
}

#[test]
fn a_carrier_that_asked_for_a_rest_is_shown_to_rest_until_it_is_over() {
    const ASKED: fn(&mut Trunk) = |trunk| trunk.check = 30 * SECOND;
    for (is_asked, change) in [(true, ASKED), (false, AS_IT_IS)] {
        let mut phone = house(&[("first", "10.0.0.9:5060", change), ("second", "10.0.0.8:5060", SECOND_BEST)]);
        let state = |phone: &Phone| phone.house.trunks(phone.now)[0].state();
        let before = later(&mut phone, Duration::ZERO);
        if is_asked {
            says(&mut phone, &before[0].1, "200 OK", "");
        }
        assert_eq!(state(&phone), if is_asked { TrunkState::Up } else { TrunkState::Unchecked });
        let sent = dial(&mut phone, 2, false);
        let sent = says(&mut phone, &sent[0].1, "503 Service Unavailable", "Retry-After: 20\n");
        assert_eq!(brief(&sent), ["ACK to 10.0.0.9:5060", "INVITE to 10.0.0.8:5060"]);
        let rests = TrunkState::Resting(phone.now + 20 * SECOND);
        assert_eq!(state(&phone), rests, "whether it is asked: {is_asked}");
        assert_eq!(phone.house.trunks(phone.now)[0].is_up(), Some(true), "it is there");
        phone.now = phone.now + 19 * SECOND;
        assert_eq!((state(&phone), brief(&dial(&mut phone, 4, false))[0].as_str()), (rests, "INVITE to 10.0.0.8:5060"));
        phone.now = phone.now + SECOND;
        assert_eq!(
            (state(&phone), brief(&dial(&mut phone, 6, false))[0].as_str()),
            (TrunkState::Up, "INVITE to 10.0.0.9:5060")
        );
    }
    // One that answers OPTIONS so takes no calls at all.
    let mut phone = house(&[("first", "10.0.0.9:5060", ASKED)]);
    let sent = later(&mut phone, Duration::ZERO);
    says(&mut phone, &sent[0].1, "503 Service Unavailable", "Retry-After: 20\n");
    assert_eq!(phone.house.trunks(phone.now)[0].state(), TrunkState::Down);
}

/// At two addresses, with nobody asking whether anybody is there.
const REGISTERS: fn(&mut Trunk) = |trunk| {
    trunk.to.push(hop("10.0.0.8:5060").into());
    trunk.account = Some(TrunkAccount {
        username: "house".into(),
        password: Password("pw".into()),
        realm: None,
        register: Some(600 * SECOND),
    });
};

#[test]
fn a_registration_does_not_wait_where_nobody_is() {
    const ASKED: fn(&mut Trunk) = |trunk| {
        REGISTERS(trunk);
        trunk.check = 30 * SECOND;
    };
    let to_second = |went: &[(String, String)], method: &str| {
        let found = went.iter().find(|(to, text)| to == "10.0.0.8:5060" && text.starts_with(method));
        found.unwrap_or_else(|| panic!("no {method} to the second address: {:?}", brief(went))).1.clone()
    };
    for (is_asked, change) in [(true, ASKED), (false, REGISTERS)] {
        let mut phone = house(&[("carrier", "10.0.0.9:5060", change)]);
        let began = later(&mut phone, Duration::ZERO);
        assert!(brief(&began).contains(&"REGISTER to 10.0.0.9:5060".to_string()), "{began:?}");
        if is_asked {
            says(&mut phone, &to_second(&began, "OPTIONS "), "200 OK", "");
        }
        // Nobody answers at the first within the patience.
        let register = to_second(&later(&mut phone, 5 * SECOND), "REGISTER ");
        says(&mut phone, &register, "200 OK", "");
        assert_eq!(phone.house.trunks(phone.now)[0].registered, Some(true));
        let then = later(&mut phone, 60 * SECOND);
        assert!(then.iter().all(|(_, text)| !text.starts_with("REGISTER ")), "the first is given up: {then:?}");
    }
}

#[test]
fn a_carrier_is_not_shown_to_know_us_where_it_is_gone_or_what_it_granted_is_over() {
    const ASKED: fn(&mut Trunk) = |trunk| {
        REGISTERS(trunk);
        trunk.to.pop();
        trunk.check = 30 * SECOND;
    };
    const ALONE: fn(&mut Trunk) = |trunk| {
        REGISTERS(trunk);
        trunk.to.pop();
    };
    let shown = |phone: &Phone| {
        let view = phone.house.trunks(phone.now).remove(0);
        (view.state(), view.registered)
    };
    // Registered for an hour; nobody answers what is asked after that.
    let mut phone = house(&[("carrier", "10.0.0.9:5060", ASKED)]);
    for (_, request) in later(&mut phone, Duration::ZERO) {
        says(&mut phone, &request, "200 OK", "Expires: 3600\n");
    }
    assert_eq!(shown(&phone), (TrunkState::Up, Some(true)));
    later(&mut phone, 38 * SECOND);
    assert_eq!(shown(&phone), (TrunkState::Down, Some(false)));
    // Registered for twenty seconds; the refresh, after sixteen, is not answered.
    let mut phone = house(&[("carrier", "10.0.0.9:5060", ALONE)]);
    let register = later(&mut phone, Duration::ZERO).remove(0).1;
    says(&mut phone, &register, "200 OK", "Expires: 20\n");
    let refresh = later(&mut phone, 19 * SECOND);
    assert!(!refresh.is_empty() && refresh.iter().all(|(_, text)| text.starts_with("REGISTER ")), "{refresh:?}");
    assert_eq!(shown(&phone), (TrunkState::Up, Some(true)));
    later(&mut phone, SECOND);
    assert_eq!(shown(&phone), (TrunkState::Down, Some(false)));
    says(&mut phone, &refresh[0].1, "200 OK", "Expires: 20\n");
    assert_eq!(shown(&phone), (TrunkState::Up, Some(true)));
}

#[test]
fn a_registration_has_all_the_time_there_is_at_the_last_address_and_all_are_asked_again_later() {
    let mut phone = house(&[("carrier", "10.0.0.9:5060", REGISTERS)]);
    let at = |went: &[(String, String)], to: &str| went.iter().filter(|(at, _)| at == to).count();
    let first = later(&mut phone, 4 * SECOND + SECOND / 10);
    assert!(at(&first, "10.0.0.9:5060") > 1 && at(&first, "10.0.0.8:5060") == 1, "{:?}", brief(&first));
    // Timer F, RFC 3261 §17.1.2.2.
    let then = later(&mut phone, 31 * SECOND);
    assert!(at(&then, "10.0.0.9:5060") == 0 && at(&then, "10.0.0.8:5060") > 5, "{:?}", brief(&then));
    let rest = later(&mut phone, 29 * SECOND);
    assert!(rest.len() <= 1, "RFC 5626 §4.5: {:?}", brief(&rest));
    let again = later(&mut phone, 33 * SECOND);
    assert!(at(&again, "10.0.0.9:5060") > 0, "{:?}", brief(&again));
}

#[test]
fn whoever_has_begun_to_register_us_has_the_time_for_it() {
    let mut phone = house(&[("carrier", "10.0.0.9:5060", REGISTERS)]);
    let register = later(&mut phone, Duration::ZERO).remove(0).1;
    says(&mut phone, &register, "100 Trying", "");
    let then = later(&mut phone, 20 * SECOND);
    assert!(then.iter().all(|(to, _)| to == "10.0.0.9:5060"), "{:?}", brief(&then));
    says(&mut phone, &register, "200 OK", "");
    assert_eq!(phone.house.trunks(phone.now)[0].registered, Some(true));
}

#[test]
fn a_trunk_carries_no_more_calls_than_it_has_channels() {
    const ONE: fn(&mut Trunk) = |trunk| trunk.channels = Some(1);
    let mut phone = house(&[("first", "10.0.0.9:5060", ONE), ("second", "10.0.0.8:5060", SECOND_BEST)]);
    assert_eq!(brief(&dial(&mut phone, 2, false)), ["INVITE to 10.0.0.9:5060"]);
    assert_eq!(brief(&dial(&mut phone, 4, false)), ["INVITE to 10.0.0.8:5060"]);
    assert_eq!(brief(&dial(&mut phone, 6, true)), ["INVITE to 10.0.0.9:5060"], "no limit holds up an emergency");

    let mut settings = settings(true);
    settings.trunks[0].channels = Some(1);
    let mut phone = Phone::of(settings);
    let first = phone.send(&described(&request("INVITE", "sip:1@10.0.0.1", "a", 1, "")));
    assert_eq!(starts(&first), ["SIP/2.0 100 Trying"]);
    let leg = leg(&phone.events());
    let other = request("INVITE", "sip:1@10.0.0.1", "b", 1, "").replace("Call-ID: c1", "Call-ID: c2");
    assert_eq!(starts(&phone.send(&described(&other))), ["SIP/2.0 486 Busy Here"]);
    assert!(phone.events().is_empty());
    assert_eq!(phone.house.trunks(phone.now)[0].no_room, NoRoom { channels: 1, calls_per_second: 0 });
    phone.command(Command::Refuse { leg, status: 486 });
    let third = request("INVITE", "sip:1@10.0.0.1", "c", 1, "").replace("Call-ID: c1", "Call-ID: c3");
    assert_eq!(starts(&phone.send(&described(&third))), ["SIP/2.0 100 Trying"]);
}

#[test]
fn new_calls_within_a_second_are_counted_too() {
    let mut settings = settings(true);
    settings.max_calls = 100;
    settings.trunks[0].calls_per_second = Some(2);
    let mut phone = Phone::of(settings);
    let call = |phone: &mut Phone, n: usize| {
        let text = request("INVITE", "sip:1@10.0.0.1", &format!("p{n}"), 1, "");
        let sent = phone.send(&described(&text.replace("Call-ID: c1", &format!("Call-ID: p{n}"))));
        sent[0].lines().next().unwrap().to_string()
    };
    let answers: Vec<String> = (0..3).map(|n| call(&mut phone, n)).collect();
    assert_eq!(answers, ["SIP/2.0 100 Trying", "SIP/2.0 100 Trying", "SIP/2.0 503 Service Unavailable"]);
    phone.now = phone.now + SECOND / 2;
    assert_eq!(call(&mut phone, 4), "SIP/2.0 100 Trying");
    assert_eq!(call(&mut phone, 5), "SIP/2.0 503 Service Unavailable");
    assert_eq!(phone.house.trunks(phone.now)[0].no_room, NoRoom { channels: 0, calls_per_second: 2 });
    // The limit is for a second, and so is the rest that is asked for.
    let more = request("INVITE", "sip:1@10.0.0.1", "p6", 1, "").replace("Call-ID: c1", "Call-ID: p6");
    assert_eq!(header(&phone.send(&described(&more))[0], "Retry-After"), "1");
}

#[test]
fn a_trunk_that_promises_and_says_no_more_is_left_for_another_and_hears_no_call_for_it() {
    let mut phone = house(TWO);
    let first = dial(&mut phone, 2, false).remove(0).1;
    assert!(says(&mut phone, &first, "100 Trying", "").is_empty());
    assert!(later(&mut phone, 15 * SECOND).is_empty());
    says(&mut phone, &first, "100 Trying", "");
    assert!(later(&mut phone, Duration::from_millis(4_900)).is_empty());
    let sent = later(&mut phone, Duration::from_millis(200));
    assert_eq!(brief(&sent), ["INVITE to 10.0.0.8:5060", "CANCEL to 10.0.0.9:5060"]);
    assert!(sent[1].1.contains("\r\nReason: Q.850;cause=102;"), "{}", sent[1].1);
    assert_eq!(over(&mut phone), ["first", "second"]);
    let second = sent[0].1.clone();
    // Whoever answers after all is told that it is over; the call goes on by the other.
    let late = says(&mut phone, &first, "200 OK", "Contact: <sip:110@10.0.0.9:5060>\n");
    assert_eq!(brief(&late), ["ACK to 10.0.0.9:5060", "BYE to 10.0.0.9:5060"]);
    says(&mut phone, &second, "180 Ringing", "");
    assert!(later(&mut phone, 100 * SECOND).iter().all(|(_, text)| !text.starts_with("INVITE ")));
    // It is there: the next call is its again.
    assert_eq!(brief(&dial(&mut phone, 4, false)), ["INVITE to 10.0.0.9:5060"]);

    // What rings may ring, and where nobody else is it has all the time there is.
    let mut phone = house(TWO);
    let first = dial(&mut phone, 2, false).remove(0).1;
    says(&mut phone, &first, "100 Trying", "");
    says(&mut phone, &first, "183 Session Progress", "");
    assert!(later(&mut phone, 60 * SECOND).is_empty());
    let mut phone = house(&[("only", "10.0.0.9:5060", AS_IT_IS)]);
    let first = dial(&mut phone, 2, false).remove(0).1;
    says(&mut phone, &first, "100 Trying", "");
    assert!(later(&mut phone, 60 * SECOND).is_empty());
}

#[test]
fn a_trusted_carrier_is_believed_and_told_and_numbers_take_one_form() {
    let numbering = Numbering { dials: Form::Plus, callers: Form::National, ..Numbering::of_china() };
    let lines = "P-ASSERTED-identity : <tel:+86-138-0013-8000>\nDiversion:\n <sip:+861099999999@h>;reason=unknown\n";
    for trusted in [true, false] {
        let mut settings = settings(true);
        settings.trunks[0].trusted = trusted;
        settings.trunks[0].numbering = Some(numbering.clone());
        settings.trunks[1].trusted = trusted;
        settings.trunks[1].numbering = Some(numbering.clone());
        let mut phone = Phone::of(settings);
        let own = format!("From: <sip:+861088888888@10.0.0.9>;tag=f\n{lines}");
        phone.send(&described(&request("INVITE", "sip:12345@10.0.0.1", "a", 1, &own)));
        let events = phone.events();
        let Some(Event::Incoming(call)) = events.first() else { panic!("{events:?}") };
        let expected = if trusted { ("13800138000", Some("01099999999")) } else { ("01088888888", None) };
        let diverted = call.diverted.as_ref().map(|from| from.number.as_str());
        assert_eq!((call.caller.number.as_str(), diverted), expected);
        let sent = dial(&mut phone, 2, false).remove(0).1;
        assert_eq!(sent.contains("\r\nP-Asserted-Identity: <sip:138@"), trusted, "{sent}");
        assert!(sent.starts_with("INVITE sip:110@"), "a short code stays as it is: {sent}");
    }
}

#[test]
fn each_trunk_is_sent_the_description_that_it_wants() {
    let mut phone = house(TWO);
    let invite = Invite {
        body: Some(Body::sdp(b"v=0 first".to_vec())),
        over: [("second".into(), Body::sdp(b"v=0 second".to_vec()))].into(),
        ..invitation(Target::Trunk { trunk: None, number: "110".into() })
    };
    phone.house.command(phone.now, Command::Invite(invite));
    let sent = went(&mut phone);
    assert!(sent[0].1.ends_with("\r\n\r\nv=0 first"), "{sent:?}");
    let sent = says(&mut phone, &sent[0].1, "503 Service Unavailable", "");
    assert!(sent[1].1.ends_with("\r\n\r\nv=0 second"), "{sent:?}");
}
