//! Towards a carrier: we register there and answer its challenges, and nobody else's.

use std::time::Duration;

use super::phone::*;
use crate::ids::LegId;
use crate::sip::*;

const SECOND: Duration = Duration::from_secs(1);

fn registers() -> TrunkAccount {
    TrunkAccount {
        username: "house".into(),
        password: Password("pw".into()),
        realm: None,
        register: Some(Duration::from_secs(600)),
    }
}

pub(super) fn does_not_register() -> TrunkAccount {
    TrunkAccount { realm: Some("their realm".into()), register: None, ..registers() }
}

/// A house with one carrier at these addresses, the first of which the phone plays.
pub(super) fn carrier(account: TrunkAccount, to: &[&str]) -> Phone {
    Phone::of(settings_of(account, to))
}

pub(super) fn settings_of(account: TrunkAccount, to: &[&str]) -> Settings {
    let mut settings = settings(false);
    settings.trunks = vec![Trunk {
        to: to.iter().map(|addr| hop(addr).into()).collect(),
        domain: Some("carrier.example".into()),
        account: Some(account),
        ..Trunk::new("carrier", vec!["10.0.0.9/32".parse().unwrap()], None)
    }];
    settings
}

pub(super) fn challenge(header: &str, realm: &str, nonce: &str) -> String {
    format!("{header}: Digest realm=\"{realm}\", nonce=\"{nonce}\", qop=\"auth\"\n")
}

fn unauthorized(request: &str, realm: &str, nonce: &str) -> String {
    answered_with(request, "401 Unauthorized", &challenge("WWW-Authenticate", realm, nonce))
}

fn granted(request: &str, seconds: u32) -> String {
    let contact = header(request, "Contact");
    let others = "<sip:somebody@192.0.2.1>;expires=7, ";
    answered_with(request, "200 OK", &format!("Contact: {others}{contact};expires={seconds}\n"))
}

pub(super) fn invite(number: &str) -> Command {
    Command::Invite(invitation(Target::Trunk { trunk: Some("carrier".into()), number: number.into() }))
}

/// Our REGISTER, proved, is granted for 100 s.
fn registered(phone: &mut Phone) -> String {
    let first = phone.wait(Duration::ZERO).remove(0);
    let again = phone.send(&unauthorized(&first, "their realm", "n1")).remove(0);
    assert!(phone.send(&granted(&again, 100)).is_empty());
    again
}

#[test]
fn we_register_prove_it_and_refresh_in_good_time() {
    let mut phone = carrier(registers(), &["10.0.0.9:5070"]);
    let first = phone.wait(Duration::ZERO).remove(0);
    assert!(first.starts_with("REGISTER sip:carrier.example SIP/2.0\r\n"), "{first}");
    assert!(header(&first, "From").starts_with("<sip:house@carrier.example>;tag="), "{first}");
    assert_eq!(header(&first, "Contact"), "<sip:house@10.0.0.1:5060>");
    assert_eq!(header(&first, "Expires"), "600");
    let again = phone.send(&unauthorized(&first, "their realm", "n1")).remove(0);
    let proof = header(&again, "Authorization");
    assert!(proof.contains("username=\"house\"") && proof.contains("nonce=\"n1\""), "{proof}");
    assert_eq!(header(&again, "Call-ID"), header(&first, "Call-ID"), "RFC 3261 §10.2.4");
    assert!(phone.send(&granted(&again, 100)).is_empty());
    assert!(phone.wait(79 * SECOND).is_empty());
    let refresh = phone.wait(2 * SECOND).remove(0);
    assert!(header(&refresh, "Authorization").contains("nc=00000002"), "it is proved at once: {refresh}");
}

/// What proves it to the registrar would reach whoever is called.
#[test]
fn what_the_registrar_asked_for_is_shown_to_it_alone() {
    let mut phone = carrier(registers(), &["10.0.0.9:5070"]);
    registered(&mut phone);
    let call = phone.command(invite("110")).remove(0);
    assert!(!call.contains("Authorization: "), "{call}");
    let asked = answered_with(&call, "401 Unauthorized", &challenge("WWW-Authenticate", "their realm", "n7"));
    let proved = phone.send(&asked).remove(1);
    assert!(header(&proved, "Authorization").contains("nonce=\"n7\""), "{proved}");
    let refresh = phone.wait(81 * SECOND).into_iter().find(|message| message.starts_with("REGISTER ")).unwrap();
    assert!(!header(&refresh, "Authorization").contains("nonce=\"n7\""), "{refresh}");
}

#[test]
fn a_lifetime_that_is_too_brief_is_made_longer() {
    let mut phone = carrier(registers(), &["10.0.0.9:5070"]);
    let first = phone.wait(Duration::ZERO).remove(0);
    let again = phone.send(&answered_with(&first, "423 Interval Too Brief", "Min-Expires: 1800\n")).remove(0);
    assert_eq!(header(&again, "Expires"), "1800");
    // What it says does not make it longer: it is doubled, and given up in the end.
    let mut request = again;
    let mut asked = 0;
    while let Some(next) = phone.send(&answered_with(&request, "423 Interval Too Brief", "Min-Expires: 1\n")).pop() {
        (request, asked) = (next, asked + 1);
        assert!(asked < 20, "for ever");
    }
}

#[test]
fn a_wrong_password_is_not_tried_again_and_again() {
    let mut phone = carrier(registers(), &["10.0.0.9:5070"]);
    let mut request = phone.wait(Duration::ZERO).remove(0);
    let mut sent = 1;
    for nonce in 1..10 {
        let Some(next) = phone.send(&unauthorized(&request, "their realm", &nonce.to_string())).pop() else { break };
        (request, sent) = (next, sent + 1);
    }
    assert_eq!(sent, 3);
    let before = phone.wait(14 * SECOND);
    assert!(before.is_empty(), "RFC 5626 §4.5: {before:?}");
    assert!(phone.wait(17 * SECOND)[0].starts_with("REGISTER "));
    // §22.2: the same nonce again means that the password is wrong; that the nonce is stale does not.
    let asked_for = |lines: &str| {
        let mut phone = carrier(registers(), &["10.0.0.9:5070"]);
        let first = phone.wait(Duration::ZERO).remove(0);
        let second = phone.send(&unauthorized(&first, "their realm", "n1")).remove(0);
        phone.send(&answered_with(&second, "401 Unauthorized", lines)).len()
    };
    let same = challenge("WWW-Authenticate", "their realm", "n1");
    assert_eq!(asked_for(&same), 0);
    assert_eq!(asked_for(&same.replace("qop=", "stale=true, qop=")), 1);
}

#[test]
fn a_carrier_that_is_gone_is_asked_less_and_less_often() {
    let mut phone = carrier(registers(), &["10.0.0.9:5070"]);
    let mut waits = Vec::new();
    let mut first = phone.wait(Duration::ZERO).remove(0);
    for _ in 0..9 {
        phone.send(&answered(&first, "503 Service Unavailable"));
        let failed = phone.now;
        first = loop {
            let at = phone.house.next_deadline().unwrap();
            let wait = at.since(phone.now);
            if let Some(next) = phone.wait(wait).into_iter().find(|message| message.starts_with("REGISTER ")) {
                break next;
            }
        };
        waits.push(phone.now.since(failed).as_secs_f64());
    }
    for (n, wait) in waits.iter().enumerate() {
        let whole = (30.0 * f64::from(1 << n)).min(1800.0);
        assert!((whole / 2.0..=whole).contains(wait), "wait {n} of {waits:?}");
    }
    // One that says when is asked no sooner.
    phone.send(&answered_with(&first, "503 Service Unavailable", "Retry-After: 3000 (today)\n"));
    assert!(phone.wait(2999 * SECOND).is_empty());
    assert!(phone.wait(2 * SECOND)[0].starts_with("REGISTER "));
}

#[test]
fn where_one_address_fails_the_next_is_asked_at_once() {
    let mut phone = carrier(registers(), &["10.0.0.9:5070", "10.0.0.8:5070"]);
    let first = phone.wait(Duration::ZERO).remove(0);
    phone.house.receive(
        phone.now,
        phone.flow,
        answered(&first, "503 Service Unavailable").replace('\n', "\r\n").as_bytes(),
    );
    phone.house.handle_deadline(phone.now);
    let next = std::iter::from_fn(|| phone.house.poll_transmit()).last().unwrap();
    assert_eq!(next.flow.remote.to_string(), "10.0.0.8:5070");
    assert!(next.bytes.starts_with(b"REGISTER "));
}

#[test]
fn a_call_that_is_challenged_is_proved_and_the_next_one_at_once() {
    let mut phone = carrier(registers(), &["10.0.0.9:5070"]);
    registered(&mut phone);
    let call = phone.command(invite("110")).remove(0);
    assert!(call.starts_with("INVITE sip:110@carrier.example SIP/2.0\r\n"), "{call}");
    let proxy = challenge("Proxy-Authenticate", "their realm", "n2");
    let sent = phone.send(&answered_with(&call, "407 Proxy Authentication Required", &proxy));
    assert!(sent[0].starts_with("ACK "));
    assert!(header(&sent[1], "Proxy-Authorization").contains("nonce=\"n2\""), "{}", sent[1]);
    assert_eq!(header(&sent[1], "CSeq"), "2 INVITE");
    // Both that are known go with the refresh, and neither takes the other's place.
    let refresh = phone.wait(81 * SECOND).into_iter().find(|message| message.starts_with("REGISTER ")).unwrap();
    assert!(header(&refresh, "Authorization").contains("nonce=\"n1\""), "{refresh}");
}

#[test]
fn the_first_challenge_that_we_know_is_answered_and_the_body_vouched_for_where_they_want_it() {
    let mut phone = carrier(does_not_register(), &["10.0.0.9:5070"]);
    let call = phone.command(invite("110")).remove(0);
    let asks = |more: &str| format!("WWW-Authenticate: Digest realm=\"their realm\", nonce=\"n1\", {more}\n");
    let lines = [
        asks("algorithm=SHA-1024, qop=\"auth\""),
        asks("algorithm=SHA-512-256-sess, qop=\"auth-int\""),
        asks("algorithm=MD5, qop=\"auth\""),
    ];
    let sent = phone.send(&answered_with(&call, "401 Unauthorized", &lines.concat()));
    let proof = |request: &str| header(request, "Authorization").to_string();
    let first = proof(&sent[1]);
    for part in ["algorithm=SHA-512-256-sess", "qop=auth-int", "nc=00000001", "cnonce=\""] {
        assert!(first.contains(part), "{part}: {first}");
    }
    // The secret of the session is made of the first cnonce, RFC 7616 §3.4.2: it stays.
    let next = proof(
        &phone.command(Command::Invite(Invite {
            leg: LegId(4),
            ..invitation(Target::Trunk { trunk: None, number: "110".into() })
        }))[0],
    );
    let cnonce = |proof: &str| proof.split("cnonce=").nth(1).map(|rest| rest.split(',').next().unwrap().to_string());
    assert!(next.contains("nc=00000002") && cnonce(&next) == cnonce(&first), "{first} {next}");
}

#[test]
fn a_challenge_of_another_realm_or_from_elsewhere_is_not_answered() {
    let other = challenge("Proxy-Authenticate", "somebody behind them", "n2");
    let mut phone = carrier(registers(), &["10.0.0.9:5070"]);
    registered(&mut phone);
    let call = phone.command(invite("110")).remove(0);
    let sent = phone.send(&answered_with(&call, "407 Proxy Authentication Required", &other));
    assert_eq!(starts(&sent), ["ACK sip:110@carrier.example SIP/2.0"]);
    assert!(matches!(phone.events()[..], [Event::Refused { leg: LegId(2), status: 407 }]));

    // Nothing is answered before the registrar has told its realm.
    let mut phone = carrier(registers(), &["10.0.0.9:5070"]);
    let call = phone.command(invite("110")).remove(0);
    assert_eq!(phone.send(&answered_with(&call, "407 Proxy Authentication Required", &other)).len(), 1);

    // A house that does not register says whose challenges it answers.
    let account = TrunkAccount { realm: Some("their realm".into()), register: None, ..registers() };
    let mut phone = carrier(account, &["10.0.0.9:5070"]);
    assert!(phone.wait(100 * SECOND).is_empty());
    for (realm, answers) in [("somebody behind them", 1), ("their realm", 2)] {
        let call = phone.command(invite("110")).remove(0);
        let lines = challenge("WWW-Authenticate", realm, "n3");
        let sent = phone.send(&answered_with(&call, "401 Unauthorized", &lines));
        assert_eq!(sent.len(), answers, "{realm}: {sent:?}");
        phone.command(Command::Hangup { leg: LegId(2), reason: None });
    }
}

#[test]
fn a_house_that_drains_says_goodbye_and_another_account_begins_anew() {
    let mut phone = carrier(registers(), &["10.0.0.9:5070"]);
    registered(&mut phone);
    let mut changed = settings(false);
    changed.trunks =
        vec![Trunk { account: Some(registers()), ..Trunk::new("carrier", vec![], Some(hop("10.0.0.9:5070"))) }];
    phone.house.set_settings(phone.now, changed.clone());
    let mut sent = phone.sent();
    assert_eq!((sent.len(), header(&sent[0], "Expires")), (1, "0"), "who knew us as another is told");
    let goodbye = sent.remove(0);
    assert!(goodbye.starts_with("REGISTER sip:carrier.example SIP/2.0"), "{goodbye}");
    assert!(phone.send(&answered(&goodbye, "200 OK")).is_empty());
    let anew = phone.wait(Duration::ZERO).remove(0);
    assert!(anew.starts_with("REGISTER sip:10.0.0.9:5070 SIP/2.0"), "{anew}");
    phone.send(&granted(&anew, 100));
    phone.house.set_settings(phone.now, changed);
    assert!(phone.wait(Duration::ZERO).is_empty(), "nothing changed");
    phone.house.drain(phone.now);
    let goodbye = phone.sent().remove(0);
    assert_eq!(header(&goodbye, "Expires"), "0");
    assert!(phone.send(&answered(&goodbye, "200 OK")).is_empty());
    assert!(phone.wait(3600 * SECOND).is_empty());
}

#[test]
fn the_registrar_names_the_realm_anew_and_nobody_else_does() {
    let mut phone = carrier(registers(), &["10.0.0.9:5070"]);
    registered(&mut phone);
    let unanswered = |phone: &Phone| phone.house.trunks(phone.now)[0].unanswered_realm.clone();
    let is_set = |phone: &Phone| phone.house.trunks(phone.now)[0].realm_is_set;
    // Of a call another realm is not answered, and that is told.
    let call = phone.command(invite("110")).remove(0);
    let other = challenge("Proxy-Authenticate", "other realm", "n2");
    assert_eq!(phone.send(&answered_with(&call, "407 Proxy Authentication Required", &other)).len(), 1);
    assert_eq!((unanswered(&phone).as_deref(), is_set(&phone)), (Some("other realm"), false));
    // The registrar asks for another one than when it challenged us first: that holds from here on.
    let refresh = phone.wait(81 * SECOND).into_iter().find(|message| message.starts_with("REGISTER ")).unwrap();
    let again = phone.send(&unauthorized(&refresh, "new realm", "n3")).remove(0);
    let proof = header(&again, "Authorization");
    assert!(proof.contains("realm=\"new realm\"") && !again.contains("their realm"), "{again}");
    phone.send(&granted(&again, 100));
    assert_eq!(unanswered(&phone), None);
    for (realm, answers) in [("their realm", 1), ("new realm", 2)] {
        phone.command(Command::Hangup { leg: LegId(2), reason: None });
        let call = phone.command(invite("110")).remove(0);
        let lines = challenge("Proxy-Authenticate", realm, "n4");
        let sent = phone.send(&answered_with(&call, "407 Proxy Authentication Required", &lines));
        assert_eq!(sent.len(), answers, "{realm}: {sent:?}");
    }

    // A realm that was written is the only one.
    let account = TrunkAccount { realm: Some("their realm".into()), ..registers() };
    let mut phone = carrier(account, &["10.0.0.9:5070"]);
    let first = phone.wait(Duration::ZERO).remove(0);
    assert!(phone.send(&unauthorized(&first, "new realm", "n1")).is_empty());
    assert_eq!((unanswered(&phone).as_deref(), is_set(&phone)), (Some("new realm"), true));

    // Where nobody knows how it is to be answered, the realm is not what is wrong.
    let mut phone = carrier(registers(), &["10.0.0.9:5070"]);
    let first = phone.wait(Duration::ZERO).remove(0);
    let other = challenge("WWW-Authenticate", "their realm", "n1").replace("qop=", "algorithm=SHA3-256, qop=");
    assert!(phone.send(&answered_with(&first, "401 Unauthorized", &other)).is_empty());
    assert_eq!((unanswered(&phone), phone.house.trunks(phone.now)[0].refused), (None, Some(401)));
    let way = |phone: &Phone| phone.house.trunks(phone.now)[0].unanswered_way.clone();
    assert_eq!(way(&phone).as_deref(), Some("algorithm SHA3-256"));
    let again = phone.wait(31 * SECOND).into_iter().find(|sent| sent.starts_with("REGISTER ")).unwrap();
    phone.send(&granted(&again, 100));
    assert_eq!(way(&phone), None, "it goes without");
    // Nor where a call asks so, until one goes through; also one that was proved as it was asked before.
    for (asked, told) in [
        ("Digest realm=\"their realm\", nonce=\"n1\", algorithm=BLAKE3", "algorithm BLAKE3"),
        ("Digest realm=\"their realm\", nonce=\"n1\", qop=\"auth-conf\"", "qop \"auth-conf\""),
        ("Basic realm=\"their realm\"", "no digest"),
    ] {
        let mut phone = carrier(does_not_register(), &["10.0.0.9:5070"]);
        let call = phone.command(invite("110")).remove(0);
        let known = challenge("Proxy-Authenticate", "their realm", "n1");
        let call = phone.send(&answered_with(&call, "407 Proxy Authentication Required", &known)).remove(1);
        let lines = format!("Proxy-Authenticate: {asked}\n");
        assert_eq!(phone.send(&answered_with(&call, "407 Proxy Authentication Required", &lines)).len(), 1);
        assert!(!phone.house.trunks(phone.now)[0].distrusts, "{asked}");
        assert_eq!((unanswered(&phone), way(&phone).as_deref()), (None, Some(told)));
        let to = Target::Trunk { trunk: Some("carrier".into()), number: "110".into() };
        let call = phone.command(Command::Invite(Invite { leg: LegId(4), ..invitation(to) })).remove(0);
        phone.send(&answered(&call, "180 Ringing"));
        assert_eq!(way(&phone), None, "{told}");
    }
}

#[test]
fn a_carrier_that_is_there_again_is_told_at_once_where_we_are() {
    let mut settings = settings(false);
    let to = vec![hop("10.0.0.9:5070").into()];
    settings.trunks =
        vec![Trunk { to, account: Some(registers()), check: 30 * SECOND, ..Trunk::new("carrier", vec![], None) }];
    let mut phone = Phone::of(settings);
    let answer = |phone: &mut Phone, request: &str| match request.starts_with("OPTIONS ") {
        true => phone.send(&answered(request, "200 OK")),
        false => phone.send(&granted(request, 3600)),
    };
    for request in phone.wait(Duration::ZERO) {
        answer(&mut phone, &request);
    }
    // It does not answer the next OPTIONS, and the one after that.
    let asked = phone.wait(40 * SECOND);
    assert!(asked.iter().all(|request| request.starts_with("OPTIONS ")), "{:?}", starts(&asked));
    let view = |phone: &Phone| phone.house.trunks(phone.now)[0].to[0].1;
    assert_eq!(view(&phone), Some(false));
    let asked = loop {
        let due = phone.house.next_deadline().unwrap().since(phone.now);
        if let Some(asked) = phone.wait(due).into_iter().find(|sent| sent.starts_with("OPTIONS ")) {
            break asked;
        }
    };
    phone.send(&answered(&asked, "200 OK"));
    assert_eq!(view(&phone), Some(true));
    let told = phone.wait(2 * SECOND);
    let registers: Vec<&str> = told.iter().map(String::as_str).filter(|sent| sent.starts_with("REGISTER ")).collect();
    assert_eq!(registers.len(), 1, "not only after 48 minutes: {:?}", starts(&told));
    assert_eq!(header(registers[0], "Expires"), "600");
}

#[test]
fn a_goodbye_is_waited_for_sent_again_and_proved() {
    let mut phone = carrier(registers(), &["10.0.0.9:5070"]);
    registered(&mut phone);
    assert!(!phone.house.is_taking_leave());
    // A refresh whose answer is still to come.
    let refresh = phone.wait(81 * SECOND).remove(0);
    phone.house.drain(phone.now);
    let goodbye = phone.sent().remove(0);
    assert!(
        phone.send(&granted(&refresh, 100)).is_empty() && phone.house.is_taking_leave(),
        "not the goodbye's answer"
    );
    assert_eq!(starts(&phone.wait(2 * SECOND)), ["REGISTER sip:carrier.example SIP/2.0"; 2], "at 0.5 and 1.5 s");
    let again = phone.send(&unauthorized(&goodbye, "their realm", "n2")).remove(0);
    assert!(header(&again, "Authorization").contains("nonce=\"n2\"") && header(&again, "Expires") == "0", "{again}");
    assert!(phone.house.is_taking_leave());
    assert!(phone.send(&answered(&again, "200 OK")).is_empty());
    assert!(!phone.house.is_taking_leave());

    // One that refuses it is not asked for ever.
    let mut phone = carrier(registers(), &["10.0.0.9:5070"]);
    registered(&mut phone);
    phone.house.drain(phone.now);
    let goodbye = phone.sent().remove(0);
    phone.send(&answered(&goodbye, "403 Forbidden"));
    assert!(!phone.house.is_taking_leave());
}

#[test]
fn a_carrier_that_may_know_of_us_is_told_that_we_go_and_none_registers_a_house_that_drains() {
    let is_goodbye = |sent: &str| sent.starts_with("REGISTER ") && header(sent, "Expires") == "0";
    // The first REGISTER is on its way: its answer comes too late.
    let mut phone = carrier(registers(), &["10.0.0.9:5070"]);
    let first = phone.wait(Duration::ZERO).remove(0);
    phone.house.drain(phone.now);
    let goodbye = phone.sent().remove(0);
    assert!(is_goodbye(&goodbye) && phone.house.is_taking_leave(), "{goodbye}");
    assert!(phone.send(&granted(&first, 100)).is_empty() && phone.house.is_taking_leave());
    assert!(phone.send(&answered(&goodbye, "200 OK")).is_empty() && !phone.house.is_taking_leave());
    assert!(phone.wait(3600 * SECOND).is_empty());

    // A refresh failed: the carrier knows us until what it granted is over, and may be there again.
    let mut phone = carrier(registers(), &["10.0.0.9:5070"]);
    registered(&mut phone);
    let refresh = phone.wait(81 * SECOND).remove(0);
    phone.send(&answered(&refresh, "503 Service Unavailable"));
    assert_eq!(phone.house.trunks(phone.now)[0].registered, Some(false));
    phone.house.drain(phone.now);
    let sent = phone.sent();
    assert!(sent.len() == 1 && is_goodbye(&sent[0]), "{sent:?}");
    let again = phone.wait(120 * SECOND);
    assert!(again.iter().all(|sent| is_goodbye(sent)), "{:?}", starts(&again));

    // Nothing was sent yet.
    let mut phone = carrier(registers(), &["10.0.0.9:5070"]);
    phone.house.drain(phone.now);
    assert!(!phone.house.is_taking_leave() && phone.wait(3600 * SECOND).is_empty());

    // One whose trunk is taken away meanwhile is told as well.
    let mut phone = carrier(registers(), &["10.0.0.9:5070"]);
    let first = phone.wait(Duration::ZERO).remove(0);
    phone.house.set_settings(phone.now, Settings { trunks: Vec::new(), ..settings(false) });
    let sent = phone.sent();
    assert!(sent.len() == 1 && is_goodbye(&sent[0]) && phone.send(&granted(&first, 100)).is_empty(), "{sent:?}");
}
