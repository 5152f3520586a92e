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
    assert!(matches!(phone.events()[..], [Event::Ended { leg: LegId(2), why: Ended::Lost }]), "{sent:?}");
    assert!(sent.iter().any(|text| text.starts_with("BYE ")));
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
    assert!(matches!(phone.events()[..], [Event::Ended { why: Ended::Lost, .. }]));
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
    let mut phone = Phone::new(true);
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
