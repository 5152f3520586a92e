//! What was dialled, however it is written and wherever it stands.

use std::time::Duration;

use super::phone::*;
use crate::sip::*;

/// A house whose number is 12345, with a carrier that it registers at.
fn registers(trusted: bool, username: &str) -> Phone {
    let mut settings = settings(true);
    settings.numbers = ["12345", "65139999"].map(String::from).into();
    settings.trunks = vec![Trunk {
        account: Some(TrunkAccount {
            username: username.into(),
            password: Password("pw".into()),
            realm: None,
            register: Some(Duration::from_secs(600)),
        }),
        trusted,
        ..Trunk::new("carrier", vec!["10.0.0.9/32".parse().unwrap()], Some(hop("10.0.0.9:5070")))
    }];
    Phone::of(settings)
}

/// Which number a call is for, or how it is refused.
fn dials(phone: &mut Phone, uri: &str, lines: &str) -> Result<String, u16> {
    let invite = described(&request("INVITE", uri, "i", 1, lines));
    let answer = phone.send(&invite).pop().expect("an answer");
    let told = phone.events().into_iter();
    let number =
        told.filter_map(|event| if let Event::Incoming(call) = event { Some(call.number) } else { None }).next();
    number.ok_or(response(&answer).status)
}

#[test]
fn a_number_of_ours_is_understood_in_every_form_from_trunks_with_numbering_and_without() {
    for (uri, expected) in [
        ("sip:12345@10.0.0.1", Ok("12345")),
        ("sip:+861012345@10.0.0.1;user=phone", Ok("12345")),
        ("sip:+86-10-12345@10.0.0.1;user=phone", Ok("12345")),
        ("sip:00861012345@10.0.0.1", Ok("12345")),
        ("sip:861012345@10.0.0.1", Ok("12345")),
        ("sip:86-10-6513-9999@10.0.0.1;user=phone", Ok("65139999")),
        ("sip:(010)12345@10.0.0.1", Ok("12345")),
        ("sip:1-23.45;phone-context=+86@10.0.0.1;user=phone", Ok("12345")),
        ("sip:65139999;phone-context=+1@10.0.0.1", Ok("+165139999")),
        ("sip:12345;phone-context=carrier.example@10.0.0.1", Ok("12345")),
        ("tel:+86-10-12345", Ok("12345")),
        ("TEL:12345;phone-context=+86-10", Ok("12345")),
        ("tel:+86-10-6513.9999", Ok("65139999")),
        ("tel:12345;phone-context=+86", Ok("12345")),
        ("tel:65139999;phone-context=+1", Ok("+165139999")),
        ("tel:12345;phone-context=carrier.example", Ok("12345")),
        ("sip:0218888@10.0.0.1", Ok("0218888")),
        ("sip:j.doe@10.0.0.1", Ok("j.doe")),
        ("tel:", Err(416)),
        ("mailto:12345@10.0.0.1", Err(416)),
    ] {
        for numbered in [true, false] {
            let mut settings = settings(true);
            settings.numbers = ["12345", "65139999"].map(String::from).into();
            settings.trunks[0].numbering = numbered.then(Numbering::of_china);
            let mut phone = Phone::of(settings);
            assert_eq!(dials(&mut phone, uri, ""), expected.map(String::from), "{uri}");
        }
    }
    // At a seat another city's number is that, and ours is ours.
    let mut of_seats = settings(false);
    of_seats.numbers = ["12345".into()].into();
    for (user, expected) in [("075512345", "075512345"), ("01012345", "01012345"), ("1-23-45", "12345")] {
        let mut phone = Phone::of(of_seats.clone());
        let own = "From: <sip:8002@r>;tag=f\n";
        assert_eq!(dials(&mut phone, &format!("sip:{user}@10.0.0.1"), own), Ok(expected.into()), "{user}");
    }
    // Where the area is known a number with another is another's, and one with ours is ours at a seat as well.
    for (uri, expected) in [
        ("sip:01012345@10.0.0.1", "12345"),
        ("sip:02112345@10.0.0.1", "02112345"),
        ("sip:861012345@10.0.0.1", "12345"),
        ("tel:12345;phone-context=+8610", "12345"),
        ("tel:12345;phone-context=+8621", "+862112345"),
        ("sip:12345;phone-context=+8621@10.0.0.1", "+862112345"),
    ] {
        let beijing = Numbering { area: Some("10".into()), ..Numbering::of_china() };
        for from_trunk in [true, false] {
            let mut settings = settings(from_trunk);
            settings.numbers = ["12345".into()].into();
            settings.trunks[0].numbering = Some(beijing.clone());
            let own = if from_trunk { "" } else { "From: <sip:8002@r>;tag=f\n" };
            assert_eq!(dials(&mut Phone::of(settings), uri, own), Ok(expected.into()), "{uri} {from_trunk}");
        }
    }
    // Of another country `+86…` is abroad.
    let mut settings = settings(true);
    settings.numbers = ["12345".into()].into();
    settings.trunks[0].numbering = Some(Numbering { country: "49".into(), ..Numbering::of_china() });
    assert_eq!(dials(&mut Phone::of(settings), "sip:+861012345@10.0.0.1", ""), Ok("+861012345".into()));
}

#[test]
fn a_call_by_tel_is_one_like_any_other() {
    let mut settings = settings(true);
    settings.numbers = ["12345".into()].into();
    let mut phone = Phone::of(settings);
    let own = "From: <tel:+86-138-0013-8000>;tag=f\n";
    phone.send(&described(&request("INVITE", "tel:+861012345", "i", 1, own)));
    let told = phone.events();
    let [Event::Incoming(call)] = &told[..] else { panic!("{told:?}") };
    assert_eq!((call.number.as_str(), call.caller.number.as_str()), ("12345", "+8613800138000"));
    let ok = phone.command(Command::Accept { leg: call.leg, body: Body::sdp(b"v=0".to_vec()) }).remove(0);
    let to = format!("To: {}\n{own}", header(&ok, "To"));
    phone.send(&request("ACK", "sip:hotline@10.0.0.1", "a", 1, &to));
    assert!(matches!(phone.events()[..], [Event::Acked { .. }]));
    let bye = phone.command(Command::Hangup { leg: call.leg, reason: None }).remove(0);
    assert!(bye.starts_with("BYE sip:100@10.0.0.9:5070 "), "{bye}");
    // Nothing else is asked of a number.
    assert!(phone.send(&request("OPTIONS", "tel:12345", "o", 7, ""))[0].starts_with("SIP/2.0 416"));
}

#[test]
fn who_is_called_by_where_we_registered_was_called_by_what_the_carrier_or_the_caller_says() {
    const CALLED: &str = "P-Called-Party-ID: <tel:+86-10-12345>\n";
    const OTHER: &str = "P-Called-Party-ID: \"x\" <sip:65139999@carrier.example>\n";
    let to = |number: &str, more: &str| format!("To: <sip:{number}@carrier.example>\n{more}");
    for (trusted, username, uri, lines, expected) in [
        (true, "hotline", "sip:hotline@10.0.0.1", to("hotline", CALLED), "12345"),
        (true, "hotline", "sip:hotline@10.0.0.1:5060", to("12345", OTHER), "65139999"),
        (false, "hotline", "sip:hotline@10.0.0.1", to("+861012345", OTHER), "12345"),
        (true, "hotline", "sip:hotline@10.0.0.1", to("12345", ""), "12345"),
        // What is no number of ours says nothing: a call that was sent on to us keeps its To.
        (true, "65139999", "sip:65139999@10.0.0.1", to("13800138000", ""), "65139999"),
        (true, "65139999", "sip:65139999@10.0.0.1", to("12345", ""), "12345"),
        (true, "hotline", "sip:hotline@10.0.0.1", to("13800138000", ""), "13800138000"),
        // Whatever else is asked for is what was dialled.
        (true, "hotline", "sip:65139999@10.0.0.1", to("12345", CALLED), "65139999"),
        (true, "hotline", "sip:99999@10.0.0.1", to("12345", CALLED), "99999"),
    ] {
        let mut phone = registers(trusted, username);
        assert_eq!(dials(&mut phone, uri, &lines).as_deref(), Ok(expected), "{trusted} {uri} {lines}");
    }
}
