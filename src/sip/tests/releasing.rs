//! REFER of ours: a caller is left to whom we put them through to, RFC 3515, RFC 3891 and RFC 5589 §7.

use std::time::Duration;

use super::phone::*;
use crate::ids::LegId;
use crate::sip::*;

const SECOND: Duration = Duration::from_secs(1);
const FAR: LegId = LegId(2);

/// A caller over a trunk talks with somebody over another; the phone is both carriers.
struct Bridge {
    phone: Phone,
    caller: LegId,
    /// Our To in the dialog with the caller.
    own: String,
    cseq: u32,
}

/// What both say who can be put together without us.
const KNOWS: &str = "Supported: timer, replaces\n";
const CONTACT: &str = "<sip:01065139999@10.0.0.9:5070>";

/// Both know how; the caller has acknowledged our 200.
fn bridge() -> Bridge {
    bridge_of(settings(true), KNOWS, KNOWS)
}

/// `caller` and `far`: lines more in their INVITE and 200.
fn bridge_of(settings: Settings, caller: &str, far: &str) -> Bridge {
    let mut bridge = unacknowledged(settings, caller, &format!("Contact: {CONTACT}\n{far}"));
    bridge.acknowledge();
    bridge
}

/// The far end, which is called by this number, has this Contact.
fn bridge_to(settings: Settings, contact: &str) -> Bridge {
    let mut bridge = unacknowledged(settings, KNOWS, &format!("Contact: {contact}\n{KNOWS}"));
    bridge.acknowledge();
    bridge
}

/// The caller has not acknowledged our 200 yet. `far`: all lines of theirs, their Contact as well.
fn unacknowledged(settings: Settings, caller: &str, far: &str) -> Bridge {
    let mut phone = Phone::of(settings);
    phone.send(&described(&request("INVITE", "sip:12345@10.0.0.1", "a", 1, caller)));
    let leg = leg(&phone.events());
    let to = Target::Trunk { trunk: Some("out".into()), number: "01065139999".into() };
    let invite = phone.command(Command::Invite(invitation(to))).remove(0);
    assert!(phone.send(&described(&answered_with(&invite, "200 OK", far)))[0].starts_with("ACK "));
    let answer = phone.command(Command::Accept { leg, body: Body::sdp(b"v=0".to_vec()) });
    let own = response(&answer[0]).headers.get("To").unwrap().to_string();
    phone.events();
    Bridge { phone, caller: leg, own, cseq: 1 }
}

impl Bridge {
    fn acknowledge(&mut self) -> Vec<String> {
        let sent = self.phone.send(&request("ACK", "sip:hotline@10.0.0.1", "b", 1, &format!("To: {}\n", self.own)));
        self.phone.events();
        sent
    }

    fn refer(&mut self) -> Vec<String> {
        self.phone.command(Command::Release { leg: self.caller, to: FAR })
    }

    /// The caller's carrier has taken it.
    fn takes(&mut self, refer: &str) {
        self.phone.send(&answered(refer, "202 Accepted"));
        assert_eq!(self.news(), [ReleaseNews::Taken]);
    }

    /// A request of the caller's within the dialog.
    fn says(&mut self, method: &str, lines: &str) -> String {
        self.cseq += 1;
        let lines = format!("To: {}\n{lines}", self.own);
        let text = request(method, "sip:hotline@10.0.0.1", &format!("r{}", self.cseq), self.cseq, &lines);
        self.phone.send(&text).remove(0)
    }

    /// Their NOTIFY with this Event, state and first line of a fragment: the status of our answer.
    fn notify(&mut self, event: &str, state: &str, said: &str) -> u16 {
        self.notify_as("", event, state, said)
    }

    /// With these lines more.
    fn notify_as(&mut self, more: &str, event: &str, state: &str, said: &str) -> u16 {
        self.cseq += 1;
        let lines = format!(
            "To: {}\nEvent: {event}\nSubscription-State: {state}\nContent-Type: message/sipfrag;version=2.0\n{more}",
            self.own
        );
        let text = request("NOTIFY", "sip:hotline@10.0.0.1", &format!("n{}", self.cseq), self.cseq, &lines);
        let body = if said.is_empty() { String::new() } else { format!("{said}\n") };
        let length = if said.is_empty() { 0 } else { body.len() + 1 };
        let text = text.replace("Content-Length: 0\n\n", &format!("Content-Length: {length}\n\n{body}"));
        response(&self.phone.send(&text)[0]).status
    }

    /// What was told of the REFER.
    fn news(&mut self) -> Vec<ReleaseNews> {
        let of = |event| if let Event::Release { news, .. } = event { Some(news) } else { None };
        self.phone.events().into_iter().filter_map(of).collect()
    }

    /// Both legs stand as before: they are hung up, and nothing is left.
    fn stands(mut self) {
        for leg in [self.caller, FAR] {
            let bye = self.phone.command(Command::Hangup { leg, reason: None }).remove(0);
            assert!(bye.starts_with("BYE "), "{bye}");
            self.phone.send(&answered(&bye, "200 OK"));
        }
        self.leaves_nothing();
    }

    fn leaves_nothing(mut self) {
        self.phone.wait(100 * SECOND);
        let counts = self.phone.house.counts();
        assert_eq!((counts.legs, counts.transactions), (0, 0));
        assert!(self.phone.house.dialogs.is_empty() && self.phone.house.releasing.is_empty());
    }
}

#[test]
fn the_caller_is_sent_to_the_far_end_in_our_place_and_we_are_told_when_they_talk() {
    let mut bridge = bridge_to(settings(true), "<sip:01065139999@10.0.0.9:5070;user=phone>");
    let refer = bridge.refer().remove(0);
    assert!(refer.starts_with("REFER sip:100@10.0.0.9:5070 SIP/2.0\r\n"), "{refer}");
    // The far end's tag is `t`, as `answered` has it: to-tag is theirs, from-tag ours, RFC 3891 §3.
    let far = &bridge.phone.house.legs[&FAR].dialog.clone().unwrap();
    let replaces = format!("{}%3Bto-tag%3Dt%3Bfrom-tag%3D{}", far.call_id, far.local_tag());
    let to = format!("<sip:01065139999@10.0.0.9:5070;user=phone?Replaces={replaces}&Require=replaces>");
    assert_eq!(header(&refer, "Refer-To"), to);
    assert_eq!(header(&refer, "Referred-By"), "<sip:12345@10.0.0.1>");
    assert_eq!(header(&refer, "Contact"), "<sip:hotline@10.0.0.1:5060>");
    assert_eq!(header(&refer, "To"), "<sip:100@10.0.0.9>;tag=f");
    bridge.takes(&refer);
    assert_eq!(bridge.notify("refer", "active;expires=60", "SIP/2.0 100 Trying"), 200);
    // They go on as ever meanwhile, and do not send us about.
    assert!(bridge.says("REFER", "Refer-To: <sip:110@10.0.0.1>\n").starts_with("SIP/2.0 403"));
    assert!(bridge.says("INFO", "").starts_with("SIP/2.0 200"));
    assert_eq!(bridge.notify("refer", "active", "SIP/2.0 180 Ringing"), 200);
    assert_eq!(bridge.news(), []);
    assert_eq!(bridge.notify("refer", "terminated;reason=noresource", "SIP/2.0 200 OK"), 200);
    assert_eq!(bridge.news(), [ReleaseNews::Done]);
    // The subscription is over, RFC 6665 §4.1.3; the legs are not.
    assert_eq!(bridge.notify("refer", "terminated", "SIP/2.0 200 OK"), 481);
    assert_eq!(bridge.news(), []);
    bridge.stands();
}

#[test]
fn what_is_known_before_the_subscription_ends_is_told_once() {
    let mut bridge = bridge();
    let refer = bridge.refer().remove(0);
    bridge.takes(&refer);
    assert_eq!(bridge.notify("refer", "active", "SIP/2.0 200 OK"), 200);
    assert_eq!(bridge.news(), [ReleaseNews::Done]);
    assert_eq!(bridge.notify("refer", "active", "SIP/2.0 200 OK"), 200);
    assert_eq!(bridge.notify("refer", "terminated;reason=noresource", ""), 200);
    assert_eq!(bridge.news(), []);
    assert_eq!(bridge.notify("refer", "terminated", "SIP/2.0 200 OK"), 481);
    bridge.stands();
}

#[test]
fn whatever_goes_otherwise_is_told_and_the_legs_stand() {
    let refused = |status| ReleaseNews::Refused { status };
    // The answer to the REFER; then the state and the fragment of a NOTIFY.
    for (answer, state, said, news) in [
        ("603 Decline", "", "", refused(603)),
        ("405 Method Not Allowed", "", "", refused(405)),
        ("401 Unauthorized", "", "", refused(401)),
        ("202 Accepted", "terminated;reason=noresource", "SIP/2.0 503 Service Unavailable", refused(503)),
        ("200 OK", "active;expires=60", "SIP/2.0 486 Busy Here", refused(486)),
        ("202 Accepted", "terminated;reason=timeout", "SIP/2.0 100 Trying", ReleaseNews::Silent),
        ("202 Accepted", "terminated", "", ReleaseNews::Silent),
        ("202 Accepted", "terminated", "HTTP/1.1 200 OK", ReleaseNews::Silent),
    ] {
        let mut bridge = bridge();
        let refer = bridge.refer().remove(0);
        bridge.phone.send(&answered(&refer, answer));
        if !state.is_empty() {
            assert_eq!(bridge.news(), [ReleaseNews::Taken]);
            assert_eq!(bridge.notify("refer", state, said), 200);
        }
        assert_eq!(bridge.news(), [news], "{answer} {said}");
        bridge.stands();
    }
}

#[test]
fn where_the_dialog_is_not_known_any_more_nobody_is_there() {
    for answer in ["481 Call/Transaction Does Not Exist", "408 Request Timeout"] {
        let mut bridge = bridge();
        let refer = bridge.refer().remove(0);
        bridge.phone.send(&answered(&refer, answer));
        let caller = bridge.caller;
        let told = bridge.phone.events();
        let [Event::Release { .. }, Event::Because { .. }, Event::Ended { leg, why: Ended::Lost }] = told[..] else {
            panic!("{told:?}");
        };
        assert_eq!(leg, caller);
    }
}

#[test]
fn nobody_is_waited_for_for_ever() {
    // Nobody answers the REFER; somebody does, and says no more; or says that they will not.
    let mut silent = bridge();
    silent.refer();
    silent.phone.wait(31 * SECOND);
    assert_eq!(silent.news(), []);
    silent.phone.wait(2 * SECOND);
    assert_eq!(silent.news(), [ReleaseNews::Silent]);
    silent.stands();
    let mut taken = bridge();
    let refer = taken.refer().remove(0);
    taken.takes(&refer);
    taken.phone.wait(59 * SECOND);
    assert_eq!(taken.news(), []);
    taken.phone.wait(2 * SECOND);
    assert_eq!(taken.news(), [ReleaseNews::Silent]);
    assert_eq!(taken.notify("refer", "terminated", "SIP/2.0 200 OK"), 481, "it comes too late");
    taken.stands();
    let mut untold = bridge();
    let refer = untold.refer().remove(0);
    untold.phone.send(&answered_with(&refer, "202 Accepted", "Refer-Sub: false\n"));
    assert_eq!(untold.news(), [ReleaseNews::Untold], "RFC 4488");
    untold.stands();
}

#[test]
fn a_notify_may_come_before_the_answer_and_only_those_of_this_refer_count() {
    let mut bridge = bridge();
    let refer = bridge.refer().remove(0);
    let seq = header(&refer, "CSeq").split(' ').next().unwrap().to_string();
    assert_eq!(bridge.notify("refer", "active", "SIP/2.0 100 Trying"), 200);
    assert_eq!(bridge.news(), [ReleaseNews::Taken]);
    assert_eq!(bridge.notify("presence", "active", "SIP/2.0 200 OK"), 489);
    assert_eq!(bridge.notify("refer;id=77", "terminated", "SIP/2.0 200 OK"), 481);
    // Another fork's: no dialog of ours.
    assert_eq!(bridge.notify_as("From: <sip:100@10.0.0.9>;tag=other\n", "refer", "terminated", "SIP/2.0 200 OK"), 481);
    // Its answer was lost; they have it all the same.
    bridge.phone.wait(33 * SECOND);
    assert_eq!(bridge.news(), []);
    assert_eq!(bridge.notify(&format!("refer;id={seq}"), "terminated", "SIP/2.0 200 OK"), 200);
    assert_eq!(bridge.news(), [ReleaseNews::Done]);
    bridge.phone.send(&answered(&refer, "603 Decline"));
    assert_eq!(bridge.news(), [], "it is known");
    bridge.stands();
}

#[test]
fn a_challenge_is_answered_and_the_notifies_are_of_the_refer_that_was_taken() {
    let mut settings = settings(true);
    settings.trunks[0] = Trunk {
        to: vec![hop("10.0.0.9:5070").into()],
        account: Some(TrunkAccount {
            username: "house".into(),
            password: Password("pw".into()),
            realm: Some("theirs".into()),
            register: None,
        }),
        ..settings.trunks[0].clone()
    };
    let mut bridge = bridge_of(settings, KNOWS, KNOWS);
    let first = bridge.refer().remove(0);
    let challenge = "Proxy-Authenticate: Digest realm=\"theirs\", nonce=\"n1\", qop=\"auth\"\n";
    let proved = bridge.phone.send(&answered_with(&first, "407 Proxy Authentication Required", challenge)).remove(0);
    assert!(header(&proved, "Proxy-Authorization").contains("nonce=\"n1\""), "{proved}");
    assert_eq!(header(&proved, "Refer-To"), header(&first, "Refer-To"));
    let seq = |text: &str| header(text, "CSeq").split(' ').next().unwrap().parse::<u32>().unwrap();
    assert_eq!(seq(&proved), seq(&first) + 1);
    bridge.takes(&proved);
    assert_eq!(bridge.notify(&format!("refer;id={}", seq(&first)), "terminated", "SIP/2.0 200 OK"), 481);
    assert_eq!(bridge.notify(&format!("refer;id={}", seq(&proved)), "terminated", "SIP/2.0 200 OK"), 200);
    assert_eq!(bridge.news(), [ReleaseNews::Done]);
    bridge.stands();
}

#[test]
fn nobody_is_asked_who_does_not_know_how_or_would_be_sent_to_somebody_who_does_not() {
    for (caller, far, known) in [
        ("Allow: INVITE, ACK, BYE\nSupported: replaces\n", KNOWS, false),
        ("Allow: INVITE, REFER, BYE\nSupported: replaces\n", KNOWS, true),
        (KNOWS, "Supported: 100rel, timer\n", false),
        (KNOWS, "", false),
        ("", KNOWS, false),
        (KNOWS, "Supported: Replaces\nAllow: INVITE, BYE\n", true),
    ] {
        let mut bridge = bridge_of(settings(true), caller, far);
        let sent = bridge.refer();
        assert_eq!(sent.iter().any(|text| text.starts_with("REFER ")), known, "{caller} {far}");
        assert_eq!(bridge.news(), if known { vec![] } else { vec![ReleaseNews::NotKnown] });
        if !known {
            bridge.stands();
        }
    }
}

/// The far end's carrier, by every way in which it may be known.
fn known() -> Settings {
    let mut settings = settings(true);
    settings.listen.push(Listen { transport: Transport::Udp, addr: "[2001:db8::1]:5060".parse().unwrap() });
    let name = NextHop { host: Host::Name("sbc.carrier.example".into()), port: None, transport: None, secure: false };
    settings.trunks[1] = Trunk {
        from: vec!["10.0.3.0/24".parse().unwrap(), "2001:db8::/64".parse().unwrap()],
        to: vec![hop("10.0.0.9:5070").into(), name],
        domain: Some("carrier.example".into()),
        certified: vec!["edge.carrier.example".into()],
        numbering: Some(Numbering { prefix: "0".into(), ..Numbering::of_china() }),
        ..settings.trunks[1].clone()
    };
    settings
}

#[test]
fn a_carrier_is_asked_to_call_the_far_ends_carrier_and_what_was_dialled_there_and_nothing_else() {
    for (contact, to) in [
        ("<sip:01065139999@10.0.0.9:5070>", Some("sip:01065139999@10.0.0.9:5070")),
        ("<sip:10.0.0.9:5099>", Some("sip:10.0.0.9:5099")),
        ("<sip:asterisk@10.0.3.7>", Some("sip:asterisk@10.0.3.7")),
        ("<sip:mod_sofia@[2001:db8::7]>", Some("sip:mod_sofia@[2001:db8::7]")),
        ("<sip:gw+b2b.7@Carrier.Example;transport=tcp>", Some("sip:gw+b2b.7@Carrier.Example;transport=tcp")),
        ("<sip:sbc.carrier.example>", Some("sip:sbc.carrier.example")),
        ("<sip:edge.carrier.example;gr=1>", Some("sip:edge.carrier.example;gr=1")),
        // The same number, as the carrier writes it.
        ("<sip:%2B861065139999@10.0.0.9;user=phone>", Some("sip:%2B861065139999@10.0.0.9;user=phone")),
        // What steers requests, or stands for a header, is not passed on.
        ("<sip:c@10.0.0.9;method=BYE;lr;ttl=9;alias=10.6.6.6~5060~1;user=dialstring>", Some("sip:c@10.0.0.9")),
        ("<sip:c@10.0.0.9?Route=%3Csip:10.6.6.6%3E&Replaces=x>", Some("sip:c@10.0.0.9")),
        ("<sip:01065139999:secret@10.0.0.9>", Some("sip:01065139999@10.0.0.9")),
        // Elsewhere.
        ("<sip:01065139999@10.6.6.6>", None),
        ("<sip:01065139999@10.0.0.1>", None),
        ("<sip:c@evil.example>", None),
        ("<sip:c@other.carrier.example>", None),
        ("<sip:c@carrier.example.evil.example>", None),
        ("<sip:c@167772169>", None),
        ("<sip:c@10.0.0.9;maddr=10.6.6.6>", None),
        // Another number, whatever is before or behind it.
        ("<sip:+3906123456@10.0.0.9>", None),
        ("<sip:3906123456@carrier.example>", None),
        ("<sip:%33906123456@10.0.0.9>", None),
        ("<sip:*21*3906123456@10.0.0.9>", None),
        ("<sip:3906123456x@10.0.0.9>", None),
        ("<sip:01065139999;rn=+3906123456@10.0.0.9>", None),
        ("<sip:a;phone-context=+39@10.0.0.9>", None),
        ("<sip:a%403906123456@10.0.0.9>", None),
    ] {
        let mut bridge = bridge_to(known(), contact);
        let sent = bridge.refer();
        let refer = sent.iter().find(|text| text.starts_with("REFER "));
        let asked = refer.map(|refer| header(refer, "Refer-To").split_once("?Replaces=").unwrap());
        assert_eq!(asked.map(|(to, _)| to.trim_start_matches('<')), to, "{contact}");
        assert!(asked.is_none_or(|(_, headers)| !headers.contains("Route")), "{contact}");
        if to.is_none() {
            assert_eq!(bridge.news(), [ReleaseNews::Untrusted], "{contact}");
            bridge.stands();
        }
    }
}

#[test]
fn a_far_end_that_moves_before_it_is_asked_for_is_looked_at_where_it_is_then() {
    let mut bridge = bridge();
    let far = bridge.phone.house.legs[&FAR].dialog.clone().unwrap();
    let update = format!(
        "UPDATE sip:hotline@10.0.0.1 SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bKu\n\
         From: {}\nTo: {}\nCall-ID: {}\nCSeq: 1 UPDATE\nMax-Forwards: 70\n\
         Contact: <sip:3906123456@10.0.0.9>\nContent-Length: 0\n\n",
        far.remote, far.local, far.call_id
    );
    assert!(bridge.phone.send(&update)[0].starts_with("SIP/2.0 200"));
    assert!(bridge.refer().is_empty());
    assert_eq!(bridge.news(), [ReleaseNews::Untrusted]);
    bridge.stands();
}

#[test]
fn nothing_is_asked_before_the_caller_knows_that_we_answered() {
    let mut bridge = unacknowledged(settings(true), KNOWS, &format!("Contact: {CONTACT}\n{KNOWS}"));
    assert!(bridge.refer().is_empty());
    let sent = bridge.acknowledge();
    assert!(sent[0].starts_with("REFER "), "{sent:?}");
    // Once at a time.
    assert!(bridge.refer().is_empty());
    assert_eq!(bridge.news(), [ReleaseNews::Refused { status: 481 }]);
    bridge.stands();
}

#[test]
fn who_hung_up_may_still_say_what_became_of_it_until_we_let_go() {
    for lets_go in [false, true] {
        let mut bridge = bridge();
        let refer = bridge.refer().remove(0);
        bridge.takes(&refer);
        assert!(bridge.says("BYE", "").starts_with("SIP/2.0 200"));
        assert!(matches!(bridge.phone.events()[..], [Event::Ended { why: Ended::Bye, .. }]));
        if lets_go {
            bridge.phone.command(Command::Hangup { leg: bridge.caller, reason: None });
        }
        let expected = if lets_go { (481, vec![]) } else { (200, vec![ReleaseNews::Done]) };
        let status = bridge.notify("refer", "terminated", "SIP/2.0 200 OK");
        assert_eq!((status, bridge.news()), expected);
        assert_eq!(bridge.notify("refer", "terminated", "SIP/2.0 200 OK"), 481);
        let bye = bridge.phone.command(Command::Hangup { leg: FAR, reason: None }).remove(0);
        bridge.phone.send(&answered(&bye, "200 OK"));
        bridge.leaves_nothing();
    }
}
