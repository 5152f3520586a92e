//! One endpoint and a phone by hand: what is sent, and what must come back, in virtual time.

use std::time::Duration;

use super::phone::*;
use crate::ids::LegId;
use crate::sip::*;

#[test]
fn strangers_get_no_leg_and_copies_get_the_same_answer() {
    let mut phone = Phone::new(false);
    let invite = request("INVITE", "sip:1@10.0.0.1", "a", 1, "");
    let first = phone.send(&invite);
    assert_eq!(starts(&first), ["SIP/2.0 403 Forbidden"]);
    assert_eq!(phone.send(&invite), first, "a copy gets the same answer, To-tag included");
    assert!(phone.events().is_empty());
    assert!(phone.wait(Duration::from_secs(100)).is_empty(), "a stranger is answered once, RFC 3261 §8.2.7");
    let to = response(&first[0]).headers.get("To").unwrap().to_string();
    assert!(phone.send(&request("ACK", "sip:1@10.0.0.1", "a", 1, &format!("To: {to}\n"))).is_empty());
    assert!(phone.wait(Duration::from_secs(100)).is_empty());
    assert_eq!(phone.house.counts().transactions, 0);
}

#[test]
fn trying_is_said_where_nothing_else_is_soon() {
    let anew = || Phone::of(Settings { timers: Timers::default(), ..settings(true) });
    let invite = request("INVITE", "sip:1@10.0.0.1", "a", 1, "");
    let ms = Duration::from_millis;
    // Nothing else is said: once, and again whenever a copy comes.
    let mut phone = anew();
    assert!(phone.send(&invite).is_empty());
    assert!(phone.wait(ms(124)).is_empty());
    assert_eq!(starts(&phone.wait(ms(1))), ["SIP/2.0 100 Trying"]);
    assert!(phone.wait(ms(10_000)).is_empty());
    assert_eq!(starts(&phone.send(&invite)), ["SIP/2.0 100 Trying"]);
    // A copy is not left without an answer.
    let mut phone = anew();
    assert!(phone.send(&invite).is_empty());
    assert_eq!(starts(&phone.send(&invite)), ["SIP/2.0 100 Trying"]);
    // Something else is.
    type Said = fn(LegId) -> Command;
    let ring: Said = |leg| Command::Ring { leg };
    let accept: Said = |leg| Command::Accept { leg, body: Body::sdp(b"v=0".to_vec()) };
    let refuse: Said = |leg| Command::Refuse { leg, status: 404 };
    for (say, start) in [(ring, "180 Ringing"), (accept, "200 OK"), (refuse, "404 Not Found")] {
        let mut phone = anew();
        phone.send(&invite);
        let leg = leg(&phone.events());
        phone.wait(ms(150));
        assert_eq!(starts(&phone.command(say(leg))), [format!("SIP/2.0 {start}")]);
        assert!(phone.wait(ms(300)).iter().all(|sent| !sent.contains(" 100 Trying")), "{start}");
    }
    // Whoever hangs up first hears that.
    let mut phone = anew();
    phone.send(&invite);
    let answers = phone.send(&request("CANCEL", "sip:1@10.0.0.1", "a", 1, ""));
    assert_eq!(starts(&answers), ["SIP/2.0 200 OK", "SIP/2.0 487 Request Terminated"]);
    assert!(phone.wait(ms(300)).is_empty());
}

#[test]
fn a_cancel_at_every_moment() {
    for ring in [false, true] {
        let mut phone = Phone::new(true);
        assert_eq!(starts(&phone.send(&request("INVITE", "sip:1@10.0.0.1", "a", 1, ""))), ["SIP/2.0 100 Trying"]);
        let leg = leg(&phone.events());
        if ring {
            assert_eq!(starts(&phone.command(Command::Ring { leg })), ["SIP/2.0 180 Ringing"]);
        }
        let answers = phone.send(&request("CANCEL", "sip:1@10.0.0.1", "a", 1, ""));
        assert_eq!(starts(&answers), ["SIP/2.0 200 OK", "SIP/2.0 487 Request Terminated"]);
        assert!(matches!(phone.events()[..], [Event::Ended { why: Ended::Cancelled, .. }]));
        // The call's own words come too late, and change nothing.
        assert!(phone.command(Command::Accept { leg, body: Body::sdp(Vec::new()) }).is_empty());
        assert!(phone.command(Command::Hangup { leg, reason: None }).is_empty());
    }
    let mut phone = Phone::new(true);
    assert_eq!(
        starts(&phone.send(&request("CANCEL", "sip:1@10.0.0.1", "a", 1, ""))),
        ["SIP/2.0 481 Call/Transaction Does Not Exist"]
    );
}

#[test]
fn an_accepted_call_is_repeated_acknowledged_and_ended() {
    let mut phone = Phone::new(true);
    phone.send(&request("INVITE", "sip:1@10.0.0.1", "a", 1, "Record-Route: <sip:p;lr>\n"));
    let leg = leg(&phone.events());
    let answer = phone.command(Command::Accept { leg, body: Body::sdp(b"v=0".to_vec()) });
    assert!(
        answer[0].contains("Record-Route: <sip:p;lr>\r\n")
            && answer[0].contains("Contact: <sip:hotline@10.0.0.1:5060>")
    );
    assert_eq!(starts(&phone.wait(Duration::from_millis(3600))), ["SIP/2.0 200 OK"; 3], "at 0.5, 1.5 and 3.5 s");
    let to = response(&answer[0]).headers.get("To").unwrap().to_string();
    let within = |method: &str, branch: &str, cseq: u32| {
        request(method, "sip:hotline@10.0.0.1", branch, cseq, &format!("To: {to}\n"))
    };
    assert!(phone.send(&described(&within("ACK", "b", 1))).is_empty());
    assert!(matches!(phone.events()[..], [Event::Acked { .. }]));
    assert!(phone.wait(Duration::from_secs(20)).is_empty());
    assert!(phone.send(&within("ACK", "c", 1)).is_empty(), "a stray ACK is never answered");
    // RFC 3261 §12.2.2: a lower CSeq is out of order.
    assert_eq!(starts(&phone.send(&within("INFO", "d", 5))), ["SIP/2.0 200 OK"]);
    assert_eq!(starts(&phone.send(&within("INFO", "e", 4))), ["SIP/2.0 500 Server Internal Error"]);
    let bye = phone.command(Command::Hangup { leg, reason: Some("SIP;cause=200".into()) });
    assert!(
        bye[0].starts_with("BYE sip:100@10.0.0.9:5070 SIP/2.0")
            && bye[0].contains("Route: <sip:p;lr>")
            && bye[0].contains("Reason: SIP;cause=200")
    );
    // BYE crosses BYE: theirs is answered too.
    let theirs = starts(&phone.send(&within("BYE", "f", 6))).join(" ");
    assert!(theirs.starts_with("SIP/2.0 200") || theirs.starts_with("SIP/2.0 481"), "{theirs}");
}

#[test]
fn an_ack_that_does_not_answer_our_offer_ends_the_session() {
    let answer = "Content-Type: application/sdp\n";
    for (lines, body, good) in [("", "", false), (answer, "v=0\n", true), ("Content-Type: text/plain\n", "hi\n", false)]
    {
        let mut phone = Phone::new(true);
        phone.send(&request("INVITE", "sip:1@10.0.0.1", "a", 1, ""));
        let leg = leg(&phone.events());
        let offer = phone.command(Command::Accept { leg, body: Body::sdp(b"v=0".to_vec()) });
        let to = response(&offer[0]).headers.get("To").unwrap().to_string();
        let ack = request("ACK", "sip:hotline@10.0.0.1", "b", 1, &format!("To: {to}\n{lines}"));
        let length = body.len() + body.matches('\n').count();
        let sent = phone.send(&(ack.replace("Content-Length: 0", &format!("Content-Length: {length}")) + body));
        match phone.events()[..] {
            [Event::Acked { answer: Some(_), .. }] => assert!(good && sent.is_empty(), "{lines}"),
            [Event::Ended { why: Ended::NoAnswer, .. }] => {
                assert!(!good && sent[0].starts_with("BYE ") && sent[0].contains("Reason: SIP;cause=488"), "{sent:?}");
            }
            ref other => panic!("{lines}: {other:?}"),
        }
    }
}

#[test]
fn early_media_is_repeated_soon_and_then_so_that_proxies_wait() {
    for (tcp, soon) in [(false, 3), (true, 0)] {
        let mut phone = Phone::new(true);
        if tcp {
            phone.over_tcp(7);
        }
        phone.send(&request("INVITE", "sip:1@10.0.0.1", "a", 1, ""));
        let leg = leg(&phone.events());
        let first = phone.command(Command::Progress { leg, body: Body::sdp(b"v=0".to_vec()) });
        let repeated = phone.wait(Duration::from_millis(3600));
        assert_eq!(repeated, vec![first[0].clone(); soon], "at 0.5, 1.5 and 3.5 s over UDP");
        assert_eq!(phone.wait(Duration::from_secs(51)), Vec::<String>::new());
        assert_eq!(phone.wait(Duration::from_secs(55)).len(), 1);
        phone.command(Command::Accept { leg, body: Body::sdp(b"v=0".to_vec()) });
        assert!(phone.wait(Duration::from_secs(60)).iter().all(|text| !text.starts_with("SIP/2.0 183")));
    }
}

/// RFC 3261 §13.3.1.
#[test]
fn an_invite_that_runs_out_before_it_is_answered_is_over_and_one_that_was_answered_goes_on() {
    for (expires, is_answered, at) in
        [("30", false, Some(30)), ("0", false, None), ("x", false, None), ("30", true, None)]
    {
        let mut phone = Phone::new(true);
        phone.send(&described(&request("INVITE", "sip:1@10.0.0.1", "a", 1, &format!("Expires: {expires}\n"))));
        let leg = leg(&phone.events());
        let said = phone.command(Command::Progress { leg, body: Body::sdp(b"v=0".to_vec()) });
        let refused = |sent: &[String]| sent.iter().any(|text| text.starts_with("SIP/2.0 487 "));
        if is_answered {
            phone.command(Command::Accept { leg, body: Body::sdp(b"v=0".to_vec()) });
            phone.send(&request("ACK", "sip:hotline@10.0.0.1", "b", 1, &format!("To: {}\n", header(&said[0], "To"))));
            phone.events();
        }
        assert!(!refused(&phone.wait(Duration::from_secs(29))), "{expires}");
        assert!(phone.events().is_empty());
        assert_eq!(refused(&phone.wait(Duration::from_secs(1))), at.is_some(), "{expires}");
        match phone.events()[..] {
            [Event::Because { reason, .. }, Event::Ended { why: Ended::Cancelled, .. }] => {
                assert_eq!((reason.to_string().as_str(), at), ("Q.850;cause=102", Some(30)), "no CANCEL");
            }
            ref none => assert!(none.is_empty() && at.is_none(), "{none:?}"),
        }
    }
}

/// A call that was accepted and acknowledged: its leg, and the To of what belongs to it.
fn talking(phone: &mut Phone) -> (LegId, String) {
    phone.send(&described(&request("INVITE", "sip:1@10.0.0.1", "a", 1, "")));
    let leg = leg(&phone.events());
    let answer = phone.command(Command::Accept { leg, body: Body::sdp(b"v=0".to_vec()) });
    let to = response(&answer[0]).headers.get("To").unwrap().to_string();
    phone.send(&request("ACK", "sip:hotline@10.0.0.1", "b", 1, &format!("To: {to}\n")));
    phone.events();
    (leg, to)
}

#[test]
fn whom_the_house_has_no_room_for_is_told_when_to_come_again_and_not_all_at_once() {
    let mut phone = Phone::new(true);
    let mut after = std::collections::BTreeSet::new();
    for (n, status) in [503; 40].into_iter().chain([486, 480, 603]).enumerate() {
        let text = request("INVITE", "sip:1@10.0.0.1", &format!("n{n}"), 1, "")
            .replace("Call-ID: c1", &format!("Call-ID: c{n}"));
        phone.send(&text);
        let leg = leg(&phone.events());
        let refused = response(&phone.command(Command::Refuse { leg, status })[0]);
        let told = refused.headers.get("Retry-After").map(|after| after.parse::<u32>().unwrap());
        assert_eq!((refused.status, told.is_some()), (status, status == 503));
        after.extend(told);
    }
    assert!(after.len() > 4 && after.iter().all(|after| (5..15).contains(after)), "{after:?}");
}

#[test]
fn a_description_that_is_refused_is_told_why() {
    let mut phone = Phone::new(true);
    phone.send(&described(&request("INVITE", "sip:1@10.0.0.1", "a", 1, "")));
    let leg = leg(&phone.events());
    phone.command(Command::Warn { leg, code: 305, why: "no codec in common: they have \"9\"\r\nX: y".into() });
    let refused = phone.command(Command::Refuse { leg, status: 488 }).remove(0);
    assert_eq!(header(&refused, "Warning"), "305 hotline \"no codec in common: they have 9X: y\"");

    // So is one within a talk, and what is refused for something else is not.
    let mut phone = Phone::new(true);
    let (leg, to) = talking(&mut phone);
    for (cseq, status) in [(2, 488), (3, 500)] {
        let reoffer = request("INVITE", "sip:hotline@10.0.0.1", &format!("r{cseq}"), cseq, &format!("To: {to}\n"));
        phone.send(&described(&reoffer));
        phone.command(Command::Warn { leg, code: 399, why: "why".into() });
        let refused = phone.command(Command::RefuseReoffer { leg, status }).remove(0);
        assert_eq!(refused.contains("\r\nWarning: 399 hotline \"why\"\r\n"), status == 488, "{refused}");
        phone.send(&request("ACK", "sip:hotline@10.0.0.1", &format!("r{cseq}"), cseq, &format!("To: {to}\n")));
    }
}

#[test]
fn the_house_is_full_or_drains() {
    let mut phone = Phone::new(true);
    for n in 0..3 {
        let text = request("INVITE", "sip:1@10.0.0.1", &format!("n{n}"), 1, "")
            .replace("Call-ID: c1", &format!("Call-ID: c{n}"));
        assert_eq!(starts(&phone.send(&text)), ["SIP/2.0 100 Trying"]);
    }
    let full = phone.send(&request("INVITE", "sip:1@10.0.0.1", "x", 1, "").replace("Call-ID: c1", "Call-ID: c9"));
    assert!(full[0].starts_with("SIP/2.0 503") && full[0].contains("Retry-After: "), "{full:?}");
    let legs: Vec<LegId> =
        phone.events().iter().filter_map(|e| if let Event::Incoming(i) = e { Some(i.leg) } else { None }).collect();
    phone.command(Command::Refuse { leg: legs[0], status: 486 });
    let text = request("INVITE", "sip:1@10.0.0.1", "y", 1, "").replace("Call-ID: c1", "Call-ID: c8");
    assert_eq!(starts(&phone.send(&text)), ["SIP/2.0 100 Trying"], "a place became free");
    phone.house.drain(phone.now);
    let text = request("OPTIONS", "sip:1@10.0.0.1", "z", 1, "");
    assert!(phone.send(&text)[0].starts_with("SIP/2.0 503"));
}

#[test]
fn seats_register_with_both_digests_and_are_reachable_until_they_expire() {
    for algorithm in ["MD5", "SHA-256"] {
        let mut phone = Phone::new(false);
        let ok = register(&mut phone, algorithm, "pass", 1, "Expires: 120\n");
        assert!(ok[0].starts_with("SIP/2.0 200 OK") && ok[0].contains("expires=120"), "{ok:?}");
        let events = phone.events();
        assert!(
            events.iter().any(|event| matches!(event, Event::SeatReachable { seat, .. } if seat.as_str() == "8001")),
            "{events:?}"
        );
        phone.wait(Duration::from_secs(121));
        assert!(phone.events().iter().any(|event| matches!(event, Event::SeatUnreachable { .. })));
        let wrong = register(&mut phone, algorithm, "guess", 9, "");
        assert!(wrong[0].starts_with("SIP/2.0 40"), "{wrong:?}");
        assert!(phone.events().is_empty());
    }
}

#[test]
fn registrations_have_limits_and_end_when_asked() {
    let mut phone = Phone::new(false);
    let brief = register(&mut phone, "MD5", "pass", 1, "Expires: 5\n");
    assert!(brief[0].starts_with("SIP/2.0 423") && brief[0].contains("Min-Expires: 60"), "{brief:?}");
    let long = register(&mut phone, "MD5", "pass", 11, "Expires: 99999\n");
    assert!(long[0].contains("expires=600"), "{long:?}");
    phone.events();
    let gone = register(&mut phone, "MD5", "pass", 21, "Contact: *\nExpires: 0\n");
    assert!(gone[0].starts_with("SIP/2.0 200"), "{gone:?}");
    assert!(phone.events().iter().any(|event| matches!(event, Event::SeatUnreachable { .. })));
    assert_eq!(phone.house.counts().bindings, 0);
}

#[test]
fn a_fixed_contact_is_reachable_from_the_start_and_rung_there() {
    let mut phone = Phone::new(false);
    let invite = Invite {
        caller: Party { number: "138".into(), display: None },
        hops: 17,
        body: None,
        ..invitation(Target::Seat("8002".into()))
    };
    let sent = phone.command(Command::Invite(invite));
    assert!(
        sent[0].starts_with("INVITE sip:8002@10.0.0.9:5070 SIP/2.0")
            && sent[0].contains("From: <sip:138@10.0.0.1>;tag=")
            && sent[0].contains("Max-Forwards: 17"),
        "{sent:?}"
    );
    // Timer A doubles: 0.5, 1.5, 3.5 s.
    assert_eq!(phone.wait(Duration::from_secs(4)).len(), 3);
    assert!(
        phone.command(Command::Hangup { leg: LegId(2), reason: None }).is_empty(),
        "no CANCEL before a provisional answer, §9.1"
    );
    let ringing = answered(&sent[0], "180 Ringing");
    let cancel = phone.send(&ringing);
    assert!(cancel[0].starts_with("CANCEL sip:8002@10.0.0.9:5070"), "{cancel:?}");
    let unknown = Invite { leg: LegId(4), body: None, ..invitation(Target::Seat("8001".into())) };
    phone.command(Command::Invite(unknown));
    assert!(
        phone.events().iter().any(|event| matches!(event, Event::Refused { leg: LegId(4), .. })),
        "a seat that is nowhere"
    );
}

#[test]
fn only_numbers_are_dialled_over_a_trunk_and_only_one_that_goes_out() {
    let dial = |trunk: &str, number: &str| {
        let mut phone = Phone::new(true);
        let to = Target::Trunk { trunk: Some(trunk.into()), number: number.into() };
        let caller = Party { number: "12345".into(), display: None };
        let sent = phone.command(Command::Invite(Invite {
            caller,
            sip_call_id: Some("of-our-record".into()),
            body: None,
            ..invitation(to)
        }));
        (sent, phone.events())
    };
    let refusals = [
        ("out", "", 403),
        ("out", "+", 403),
        ("out", "8001;x=y", 403),
        ("out", "1@10.9.9.9", 403),
        ("out", "*11", 403),
        ("out", "900123456789012345678", 403),
        ("t", "110", 503),
        ("nowhere", "110", 503),
    ];
    for (trunk, number, expected) in refusals {
        let (sent, events) = dial(trunk, number);
        assert!(sent.is_empty(), "{number} was dialled: {sent:?}");
        assert!(
            matches!(events[..], [Event::Refused { leg: LegId(2), status }] if status == expected),
            "{trunk} {number}: {events:?}"
        );
    }
    for number in ["110", "+8613800001111", "90012345678901234567"] {
        let (sent, events) = dial("out", number);
        assert!(sent[0].starts_with(&format!("INVITE sip:{number}@10.0.0.9:5070 SIP/2.0")), "{sent:?}");
        assert!(
            sent[0].contains("Call-ID: of-our-record") && sent[0].contains("From: <sip:12345@10.0.0.1>"),
            "{sent:?}"
        );
        assert_eq!(header(&sent[0], "To"), format!("<sip:{number}@10.0.0.9>"), "RFC 3261 §19.1.1, table 1");
        assert!(events.is_empty(), "{events:?}");
    }
}

#[test]
fn a_reinvite_of_theirs_that_is_open_when_the_leg_ends_is_answered() {
    let mut phone = Phone::new(true);
    let (leg, to) = talking(&mut phone);
    let reoffer = request("INVITE", "sip:hotline@10.0.0.1", "r", 2, &format!("To: {to}\n"));
    assert_eq!(starts(&phone.send(&described(&reoffer))), ["SIP/2.0 100 Trying"]);
    let bye = phone.command(Command::Hangup { leg, reason: None });
    let bye_answered = answered(&bye[0], "200 OK");
    assert_eq!(starts(&phone.send(&bye_answered)), ["SIP/2.0 487 Request Terminated"], "RFC 3261 §15.1.2");
    phone.wait(Duration::from_secs(100));
    assert_eq!(phone.house.counts().transactions, 0);
}

#[test]
fn an_info_that_presses_no_key_is_malformed() {
    for (kind, body, status) in [
        ("application/dtmf-relay", "Signal=5\nDuration=160\n", "200"),
        ("Application/DTMF-Relay", " signal = # \n", "200"),
        ("application/dtmf", "5", "200"),
        ("application/dtmf-relay", "Signal=\nDuration=160\n", "400"),
        ("application/dtmf-relay", "Duration=160\n", "400"),
        ("text/plain", "5", "415"),
    ] {
        let mut phone = Phone::new(true);
        let (_, to) = talking(&mut phone);
        phone.events();
        let lines = format!("To: {to}\nContent-Type: {kind}\n");
        let info = request("INFO", "sip:hotline@10.0.0.1", "k", 2, &lines);
        // The lines of the body end as those of the head.
        let length = body.replace('\n', "\r\n").len();
        let info = info.replace("Content-Length: 0\n\n", &format!("Content-Length: {length}\n\n{body}"));
        let sent = phone.send(&info);
        assert!(sent[0].starts_with(&format!("SIP/2.0 {status} ")), "{body:?}: {sent:?}");
        assert_eq!(matches!(phone.events()[..], [Event::Info { .. }]), status == "200", "{body:?}");
    }
}

#[test]
fn a_reinvite_of_ours_that_is_only_promised_an_answer_ends_with_its_leg_or_in_three_minutes() {
    for hangs_up in [true, false] {
        let mut phone = Phone::new(true);
        let (leg, to) = talking(&mut phone);
        let ours = phone.command(Command::Reoffer { leg, body: Body::sdp(b"v=0".to_vec()) });
        phone.send(&answered(&ours[0], "182 Queued"));
        if hangs_up {
            phone.send(&request("BYE", "sip:hotline@10.0.0.1", "z", 2, &format!("To: {to}\n")));
            phone.wait(Duration::from_secs(33));
        } else {
            phone.events();
            let sent = phone.wait(Duration::from_secs(181));
            assert!(sent.iter().any(|text| text.starts_with("BYE ")), "{:?}", starts(&sent));
            assert!(matches!(phone.events()[..], [Event::Because { .. }, Event::Ended { why: Ended::Lost, .. }]));
            phone.wait(Duration::from_secs(40));
        }
        let counts = phone.house.counts();
        assert_eq!((counts.transactions, counts.legs), (0, 0), "hangs up: {hangs_up}");
    }
}

#[test]
fn a_200_whose_route_cannot_be_read_is_acknowledged_and_ended() {
    let mut phone = Phone::new(false);
    let to = Target::Seat("8002".into());
    let invite = Invite { body: None, ..invitation(to) };
    let sent = phone.command(Command::Invite(invite));
    let ok = answered(&sent[0], "200 OK");
    let ok =
        ok.replace("Content-Length", "Record-Route: <<nonsense\nContact: <sip:8002@10.0.0.9:5070>\nContent-Length");
    let ended = phone.send(&ok);
    assert_eq!(ended.iter().filter_map(|text| text.split(' ').next()).collect::<Vec<_>>(), ["ACK", "BYE"]);
    assert!(matches!(phone.events()[..], [Event::Refused { leg: LegId(2), .. }]));
}

#[test]
fn a_version_is_read_without_regard_to_case() {
    let mut phone = Phone::new(true);
    let text = request("OPTIONS", "sip:1@10.0.0.1", "a", 1, "").replacen("SIP/2.0", "sip/2.0", 1);
    assert_eq!(starts(&phone.send(&text)), ["SIP/2.0 200 OK"], "RFC 3261 §7.1");
    assert_eq!(response("sip/2.0 486 Busy\r\nVia: SIP/2.0/UDP h\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 BYE\r\n\r\n").status, 486);
}
