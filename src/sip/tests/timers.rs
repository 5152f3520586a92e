//! Session timers, RFC 4028, in both roles.

use std::time::Duration;

use super::phone::*;
use crate::ids::LegId;
use crate::sip::*;

const REFRESHED: &str = "Session-Expires: 1800;refresher=uac\n";

#[test]
fn a_session_of_ours_is_refreshed_by_update_where_they_understand_it() {
    let mut phone = Phone::new(false);
    let invite = ring_desk(&mut phone);
    assert_eq!(header(&invite, "Session-Expires"), "1800");
    phone.command(Command::Hangup { leg: LegId(2), reason: None });
    let mut phone = Phone::new(false);
    desk_talks(&mut phone, &format!("Allow: INVITE, UPDATE\n{REFRESHED}"));
    for _ in 0..3 {
        let sent = phone.wait(Duration::from_millis(900_100));
        assert!(sent[0].starts_with("UPDATE sip:8002@10.0.0.9:5070 "), "{sent:?}");
        assert_eq!(header(&sent[0], "Session-Expires"), "1800;refresher=uac");
        phone.send(&answered_with(&sent[0], "200 OK", REFRESHED));
    }
    assert!(phone.events().is_empty());
    // Nobody is there any more.
    let sent = phone.wait(Duration::from_secs(940));
    ends_as_expired(&mut phone);
    assert!(sent.iter().any(|text| text.starts_with("BYE ")));
}

#[test]
fn a_2xx_to_our_update_says_where_they_are_from_here_on() {
    let mut phone = Phone::new(false);
    desk_talks(&mut phone, &format!("Allow: UPDATE\n{REFRESHED}"));
    let update = phone.wait(Duration::from_secs(900)).remove(0);
    phone.send(&answered_with(&update, "200 OK", &format!("Contact: <sip:desk@10.0.0.9:5080>\n{REFRESHED}")));
    let next = phone.wait(Duration::from_secs(900)).remove(0);
    assert!(next.starts_with("UPDATE sip:desk@10.0.0.9:5080 "), "RFC 3311 §5.1: {next}");
    // A refusal refreshes nothing, and a 2xx without Contact neither.
    phone.send(&answered_with(&next, "500 Server Internal Error", "Contact: <sip:other@10.0.0.9>\n"));
    let next = phone.wait(Duration::from_millis(431_500)).remove(0);
    phone.send(&answered_with(&next, "200 OK", REFRESHED));
    let bye = phone.command(Command::Hangup { leg: LegId(2), reason: None }).remove(0);
    assert!(bye.starts_with("BYE sip:desk@10.0.0.9:5080 "), "{bye}");
}

#[test]
fn whatever_we_ask_for_within_a_session_keeps_its_timer() {
    for (lines, expected) in [
        ("Session-Expires: 1800;refresher=uac\n", Some("1800;refresher=uac")),
        ("Session-Expires: 600;refresher=uas\n", Some("600;refresher=uas")),
        ("", None),
    ] {
        let mut phone = Phone::new(false);
        desk_talks(&mut phone, lines);
        phone.wait(Duration::from_secs(300));
        let hold = phone.command(Command::Reoffer { leg: LegId(2), body: Body::sdp(b"v=0 hold".to_vec()) }).remove(0);
        let asked = hold.lines().find_map(|line| line.strip_prefix("Session-Expires: "));
        assert_eq!(asked, expected, "RFC 4028 §7.4");
        let lines = format!("Contact: <sip:8002@10.0.0.9:5070>\n{lines}");
        phone.send(&described(&answered_with(&hold, "200 OK", &lines)));
        assert!(matches!(phone.events()[..], [Event::ReofferAnswered { result: Ok(_), .. }]));
        // It has refreshed the session: the interval begins anew.
        let (until, then) = match expected {
            Some("600;refresher=uas") => (567, "BYE "),
            _ => (899, "INVITE "),
        };
        assert!(phone.wait(Duration::from_secs(until)).is_empty(), "{expected:?}");
        let next = phone.wait(Duration::from_secs(2));
        assert!(next.is_empty() == expected.is_none() && next.iter().all(|text| text.starts_with(then)), "{next:?}");
    }
}

#[test]
fn a_description_that_is_refused_for_its_interval_goes_again_with_a_longer_one() {
    let mut phone = Phone::new(false);
    desk_talks(&mut phone, REFRESHED);
    let hold = phone.command(Command::Reoffer { leg: LegId(2), body: Body::sdp(b"v=0 hold".to_vec()) }).remove(0);
    phone.send(&answered_with(&hold, "422 Session Interval Too Small", "Min-SE: 3600\n"));
    let again = phone.wait(Duration::ZERO).remove(0);
    assert!(again.starts_with("INVITE ") && again.ends_with("\r\n\r\nv=0 hold"), "{again}");
    assert_eq!(header(&again, "Session-Expires"), "3600;refresher=uac");
    assert_eq!(header(&again, "Min-SE"), "3600");
    assert!(phone.events().is_empty());
    // Whoever asks for what he has is not asked for ever.
    phone.send(&answered_with(&again, "422 Session Interval Too Small", "Min-SE: 3600\n"));
    assert!(phone.wait(Duration::from_secs(1)).is_empty());
    assert!(matches!(phone.events()[..], [Event::ReofferAnswered { result: Err(422), .. }]));
}

/// They know of no timers; that they are gone is noticed all the same.
#[test]
fn whose_sound_comes_to_us_no_longer_is_asked_whether_they_are_there() {
    let mut phone = Phone::new(false);
    desk_talks(&mut phone, "");
    let unheard = |unheard| Command::Unheard { leg: LegId(2), unheard };
    assert!(phone.command(unheard(true)).is_empty());
    let lines = "Contact: <sip:8002@10.0.0.9:5070>\n";
    for _ in 0..2 {
        assert!(phone.wait(Duration::from_secs(899)).is_empty());
        let asked = phone.wait(Duration::from_secs(2)).remove(0);
        assert!(asked.starts_with("INVITE ") && asked.ends_with("\r\n\r\nv=0 ours"), "{asked}");
        phone.send(&described(&answered_with(&asked, "200 OK", lines)));
        assert!(phone.events().is_empty());
    }
    // Heard again, they are asked once more, and no longer.
    phone.command(unheard(false));
    let asked = phone.wait(Duration::from_secs(901)).remove(0);
    phone.send(&described(&answered_with(&asked, "200 OK", lines)));
    assert!(phone.wait(Duration::from_secs(10_000)).is_empty());
    phone.command(unheard(true));
    phone.wait(Duration::from_secs(901));
    phone.wait(Duration::from_secs(40));
    assert!(matches!(phone.events()[..], [.., Event::Ended { why: Ended::Lost, .. }]), "nobody answered");
}

/// The call is told that nobody refreshed it.
fn ends_as_expired(phone: &mut Phone) {
    let (told, expired) = (phone.events(), Reason::Q850(102));
    let [Event::Because { reason, .. }, Event::Ended { why: Ended::Lost, .. }] = told[..] else { panic!("{told:?}") };
    assert_eq!(reason, expired);
}

/// Each refresh of a session of 1800 s is refused so, from the first on: after how many seconds each was sent, and the
/// BYE after them.
fn refused(phone: &mut Phone, status: &str, lines: &str) -> (Vec<f64>, f64, String) {
    let begun = phone.now;
    let (mut tries, mut sent) = (Vec::new(), phone.wait(Duration::from_secs(900)));
    loop {
        let next = sent.pop().expect("it is due");
        let at = phone.now.since(begun).as_secs_f64();
        if next.starts_with("BYE ") {
            return (tries, at, next);
        }
        assert!(next.starts_with("UPDATE ") && tries.len() < 200, "{tries:?} {next}");
        tries.push(at);
        phone.send(&answered_with(&next, status, lines));
        while sent.is_empty() {
            let due = phone.house.next_deadline().expect("something is due").since(phone.now);
            sent = phone.wait(due);
        }
    }
}

#[test]
fn a_refresh_that_is_refused_is_tried_again_until_the_session_is_over() {
    for (status, lines) in [
        ("500 Server Internal Error", ""),
        ("503 Service Unavailable", ""),
        ("488 Not Acceptable Here", ""),
        ("401 Unauthorized", ""),
        ("422 Session Interval Too Small", "Min-SE: 90\n"),
    ] {
        let mut phone = Phone::new(false);
        desk_talks(&mut phone, &format!("Allow: UPDATE\n{REFRESHED}"));
        let (tries, end, bye) = refused(&mut phone, status, lines);
        // RFC 4028 §10: 1800 s less 32 s, and nobody is asked all the time.
        assert_eq!(end, 1768.0, "{status}");
        assert!((4..12).contains(&tries.len()) && tries[0] == 900.0, "{tries:?}");
        assert!((1755.0..=1763.0).contains(&tries[tries.len() - 1]), "{tries:?}");
        assert!(tries.windows(2).all(|pair| pair[1] - pair[0] >= 5.0), "{tries:?}");
        assert_eq!(header(&bye, "Reason"), "SIP;cause=408;text=\"Session expired\"");
        ends_as_expired(&mut phone);
    }
}

#[test]
fn who_says_when_it_may_be_tried_again_is_heeded_and_a_2xx_after_it_is_as_good_as_any() {
    let mut phone = Phone::new(false);
    desk_talks(&mut phone, &format!("Allow: UPDATE\n{REFRESHED}"));
    let first = phone.wait(Duration::from_secs(900)).remove(0);
    phone.send(&answered_with(&first, "503 Service Unavailable", "Retry-After: 700\n"));
    assert!(phone.wait(Duration::from_secs(699)).is_empty());
    let again = phone.wait(Duration::from_secs(1)).remove(0);
    phone.send(&answered_with(&again, "200 OK", REFRESHED));
    assert!(phone.wait(Duration::from_secs(899)).is_empty());
    assert!(phone.wait(Duration::from_secs(1))[0].starts_with("UPDATE "));

    // Beyond the end: once more before it, as there is nothing to lose. At once: not all the time.
    for (after, expected) in [("3600", vec![900.0, 1763.0]), ("0", (180..353).map(|n| f64::from(n * 5)).collect())] {
        let mut phone = Phone::new(false);
        desk_talks(&mut phone, &format!("Allow: UPDATE\n{REFRESHED}"));
        let (tries, ..) = refused(&mut phone, "500 Server Internal Error", &format!("Retry-After: {after}\n"));
        let last = *expected.last().expect("some");
        assert!(tries.starts_with(&expected[..expected.len() - 1]), "{after}: {tries:?}");
        assert!(
            tries.len() <= expected.len() + 1 && (last..=1763.0).contains(tries.last().expect("some")),
            "{tries:?}"
        );
    }
}

#[test]
fn theirs_goes_first_a_longer_interval_is_asked_for_at_once_and_who_does_not_know_us_is_gone() {
    let talks = || {
        let mut phone = Phone::new(false);
        desk_talks(&mut phone, &format!("Allow: UPDATE\n{REFRESHED}"));
        let update = phone.wait(Duration::from_secs(900)).remove(0);
        (phone, update)
    };
    // RFC 3261 §14.1: the Call-ID is ours.
    let (mut phone, update) = talks();
    phone.send(&answered(&update, "491 Request Pending"));
    assert!(phone.wait(Duration::from_millis(2_099)).is_empty());
    assert!(phone.wait(Duration::from_millis(1_901))[0].starts_with("UPDATE "));

    let (mut phone, update) = talks();
    phone.send(&answered_with(&update, "422 Session Interval Too Small", "Min-SE: 3600\n"));
    let longer = phone.wait(Duration::ZERO).remove(0);
    assert_eq!(header(&longer, "Session-Expires"), "3600;refresher=uac");
    assert_eq!(header(&longer, "Min-SE"), "3600");
    // Whatever they agree on: RFC 4028 §7.4 has it in every request of the call.
    phone.send(&answered_with(&longer, "200 OK", &format!("Contact: <sip:8002@10.0.0.9:5070>\n{REFRESHED}")));
    let next = phone.wait(Duration::from_secs(900)).remove(0);
    assert!(next.starts_with("UPDATE ") && header(&next, "Min-SE") == "3600", "{next}");

    for (status, reason) in
        [("481 Call/Transaction Does Not Exist", Reason::Sip(481)), ("408 Request Timeout", Reason::Q850(102))]
    {
        let (mut phone, update) = talks();
        assert!(phone.send(&answered(&update, status))[0].starts_with("BYE "), "{status}");
        let told = phone.events();
        let [Event::Because { reason: said, .. }, Event::Ended { why: Ended::Lost, .. }] = told[..] else {
            panic!("{told:?}");
        };
        assert_eq!(said, reason);
    }
}

#[test]
fn a_refusal_says_nothing_once_they_refresh_the_session() {
    let mut phone = Phone::new(false);
    let invite = desk_talks(&mut phone, &format!("Allow: UPDATE\n{REFRESHED}"));
    let update = phone.wait(Duration::from_secs(900)).remove(0);
    let theirs = of_desk(&invite, "UPDATE", 5, "Supported: timer\nSession-Expires: 1800;refresher=uac\n");
    assert_eq!(header(&phone.send(&theirs)[0], "Session-Expires"), "1800;refresher=uac");
    phone.send(&answered(&update, "491 Request Pending"));
    assert!(phone.wait(Duration::from_secs(1700)).is_empty(), "they have half an hour");
}

#[test]
fn a_carrier_is_told_that_nobody_refreshed_the_session() {
    let mut phone = Phone::new(false);
    let ours = phone.command(Command::Invite(invitation(Target::Trunk { trunk: None, number: "110".into() })));
    let lines = format!("Contact: <sip:110@10.0.0.9:5070>\nAllow: UPDATE\n{REFRESHED}");
    phone.send(&described(&answered_with(&ours[0], "200 OK", &lines)));
    phone.events();
    let (_, _, bye) = refused(&mut phone, "500 Server Internal Error", "");
    let reasons: Vec<&str> = bye.lines().filter_map(|line| line.strip_prefix("Reason: ")).map(str::trim).collect();
    let expected = ["SIP;cause=408;text=\"Session expired\"", "Q.850;cause=102;text=\"Recovery on timer expiry\""];
    assert_eq!(reasons, expected);
}

#[test]
fn where_they_do_not_it_is_a_reinvite_that_changes_nothing_and_the_call_hears_nothing_of_it() {
    for updates in [false, true] {
        let mut phone = Phone::new(false);
        desk_talks(&mut phone, &format!("Allow: INVITE{}\n{REFRESHED}", if updates { ", UPDATE" } else { "" }));
        let mut sent = phone.wait(Duration::from_millis(900_100));
        if updates {
            sent = phone.send(&answered(&sent[0], "501 Not Implemented"));
        }
        assert!(sent[0].starts_with("INVITE ") && sent[0].ends_with("\r\n\r\nv=0 ours"), "{sent:?}");
        let lines = format!("Contact: <sip:8002@10.0.0.9:5070>\n{REFRESHED}");
        let sent = phone.send(&described(&answered_with(&sent[0], "200 OK", &lines)));
        assert!(sent[0].starts_with("ACK "), "{sent:?}");
        assert!(phone.events().is_empty());
        assert!(phone.wait(Duration::from_secs(890)).is_empty());
        let sent = phone.wait(Duration::from_secs(11));
        assert!(sent[0].starts_with("INVITE "), "{sent:?}");
        // A refusal is a sign of life as well.
        phone.send(&answered(&sent[0], "488 Not Acceptable Here"));
        phone.wait(Duration::from_secs(100));
        assert!(phone.events().is_empty());
    }
}

#[test]
fn a_session_that_they_were_to_refresh_ends_in_time() {
    let mut phone = Phone::new(false);
    let invite = desk_talks(&mut phone, "Session-Expires: 1800;refresher=uas\n");
    phone.wait(Duration::from_secs(1700));
    let refreshed =
        phone.send(&of_desk(&invite, "UPDATE", 5, "Supported: timer\nSession-Expires: 600;refresher=uac\n"));
    assert_eq!(header(&refreshed[0], "Session-Expires"), "600;refresher=uac");
    assert_eq!(header(&refreshed[0], "Require"), "timer");
    assert!(phone.wait(Duration::from_secs(567)).is_empty());
    let sent = phone.wait(Duration::from_secs(2));
    assert!(
        sent[0].starts_with("BYE ") && sent[0].contains("Reason: SIP;cause=408;text=\"Session expired\""),
        "{sent:?}"
    );
    ends_as_expired(&mut phone);
}

#[test]
fn who_wants_a_longer_interval_is_asked_again_with_it() {
    let mut phone = Phone::new(false);
    let invite = ring_desk(&mut phone);
    let sent = phone.send(&answered_with(&invite, "422 Session Interval Too Small", "Min-SE: 3600\n"));
    assert!(sent[0].starts_with("ACK ") && sent[1].starts_with("INVITE "), "{sent:?}");
    assert_eq!((header(&sent[1], "CSeq"), header(&sent[1], "Session-Expires")), ("2 INVITE", "3600"));
    assert_eq!(header(&sent[1], "Min-SE"), "3600");
    assert!(phone.events().is_empty());
    let mut answers = Phone::new(false);
    let invite = ring_desk(&mut answers);
    let sent_there = answers.send(&answered_with(&invite, "422 Session Interval Too Small", "Min-SE: 3600\n"));
    let lines = "Contact: <sip:8002@10.0.0.9:5070>\nAllow: UPDATE\nSession-Expires: 3600;refresher=uac\n";
    answers.send(&described(&answered_with(&sent_there[1], "200 OK", lines)));
    let update = answers.wait(Duration::from_secs(1800)).remove(0);
    assert!(update.starts_with("UPDATE ") && header(&update, "Min-SE") == "3600", "RFC 4028 §7.4: {update}");
    // Not for ever.
    let mut last = sent[1].clone();
    for _ in 0..10 {
        match phone.send(&answered_with(&last, "422 Session Interval Too Small", "Min-SE: 3600\n")).get(1) {
            Some(next) => last = next.clone(),
            None => break,
        }
    }
    assert!(matches!(phone.events()[..], [Event::Refused { status: 422, .. }]));
}

/// What a caller who says this is answered, and is told to refresh.
fn asks(lines: &str) -> (Phone, String) {
    asks_of(settings(true), lines)
}

fn asks_of(settings: Settings, lines: &str) -> (Phone, String) {
    let mut phone = Phone::of(settings);
    let refused = phone.send(&described(&request("INVITE", "sip:1@10.0.0.1", "a", 1, lines)));
    let Some(incoming) = phone.events().into_iter().find(|event| matches!(event, Event::Incoming(_))) else {
        return (phone, refused[0].clone());
    };
    let leg = leg(&[incoming]);
    let answer = phone.command(Command::Accept { leg, body: Body::sdp(b"v=0".to_vec()) }).remove(0);
    let to = response(&answer).headers.get("To").unwrap().to_string();
    phone.send(&request("ACK", "sip:hotline@10.0.0.1", "b", 1, &format!("To: {to}\n")));
    phone.events();
    (phone, answer)
}

#[test]
fn callers_choose_who_refreshes_and_not_too_short_an_interval() {
    let (_, refused) = asks("Supported: timer\nSession-Expires: 60\n");
    assert!(refused.starts_with("SIP/2.0 422") && header(&refused, "Min-SE") == "90", "{refused}");
    for (lines, expected) in [
        ("Supported: timer\nSession-Expires: 600;refresher=uac\n", Some("600;refresher=uac")),
        ("Supported: timer\nx: 600;refresher=uas\n", Some("600;refresher=uas")),
        ("Supported: timer\nSession-Expires: 600\n", Some("600;refresher=uas")),
        ("Supported: timer\nSession-Expires: 7200\n", Some("1800;refresher=uas")),
        ("Supported: timer\nSession-Expires: 7200\nMin-SE: 3600\n", Some("3600;refresher=uas")),
        ("Supported: timer\n", Some("1800;refresher=uas")),
        // A proxy asks for it; the phone cannot refresh.
        ("Session-Expires: 600;refresher=uac\n", Some("600;refresher=uas")),
        // Shorter than any may be.
        ("Session-Expires: 60\n", None),
        ("", None),
    ] {
        let (_, answer) = asks(lines);
        let told = response(&answer).headers.get("Session-Expires").map(str::to_string);
        assert_eq!(told.as_deref(), expected, "{lines}");
        let required = response(&answer).headers.get("Require").is_some();
        assert_eq!(required, expected.is_some_and(|told| told.ends_with("uac")), "RFC 4028 §9: {lines}");
    }
}

#[test]
fn what_a_caller_without_timers_asks_for_is_not_made_longer() {
    let long = |lines: &str| {
        let (_, answer) = asks_of(Settings { min_se: Duration::from_secs(600), ..settings(true) }, lines);
        response(&answer).headers.get("Session-Expires").map(str::to_string)
    };
    assert_eq!(long("Session-Expires: 300\n").as_deref(), Some("300;refresher=uas"), "RFC 4028 §9");
    assert_eq!(long("Session-Expires: 900\n").as_deref(), Some("900;refresher=uas"));
    assert_eq!(long("Supported: timer\nSession-Expires: 300\n"), None, "422");
}

#[test]
fn callers_who_do_not_refresh_are_hung_up_on_and_the_others_asked() {
    let (mut phone, _) = asks("Supported: timer\nSession-Expires: 600;refresher=uac\n");
    assert!(phone.wait(Duration::from_secs(567)).is_empty());
    assert!(phone.wait(Duration::from_secs(2))[0].starts_with("BYE "));
    let (mut phone, _) = asks("Supported: timer\nAllow: UPDATE\nSession-Expires: 600;refresher=uas\n");
    assert!(phone.wait(Duration::from_secs(299)).is_empty());
    assert!(phone.wait(Duration::from_secs(2))[0].starts_with("UPDATE "));
    let (mut phone, _) = asks("");
    assert!(phone.wait(Duration::from_secs(100_000)).is_empty(), "without timers nothing ends it");
}
