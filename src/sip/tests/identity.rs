//! Who calls, as one carrier asserts it and another is told: RFC 3325 in both directions.

use super::phone::*;
use crate::ids::LegId;
use crate::sip::*;

const PAI: &str = "P-Asserted-Identity: <tel:+86-138-0013-8000>\n";
const FROM: &str = "From: \"Li\" <sip:13900139000@10.0.0.9>;tag=f\n";
const NOBODY: &str = "\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=";

/// A house into which a carrier calls, and out of which another is called: each trusted or not.
fn house(into: bool, out: bool) -> Phone {
    let numbering = |dials| Numbering { dials, callers: Form::National, ..Numbering::of_china() };
    let mut settings = settings(true);
    settings.trunks[0].trusted = into;
    settings.trunks[0].numbering = Some(numbering(Form::AsWritten));
    settings.trunks[1].trusted = out;
    settings.trunks[1].numbering = Some(numbering(Form::Plus));
    settings.trunks[1].domain = Some("out.example".into());
    Phone::of(settings)
}

/// A call with these lines that is put through to 110: how the house knows the caller, and the INVITE.
fn put_through(phone: &mut Phone, lines: &str) -> (Party, String) {
    let from = if lines.contains("From: ") { "" } else { FROM };
    phone.send(&described(&request("INVITE", "sip:12345@10.0.0.1", "i", 1, &format!("{from}{lines}"))));
    let told = phone.events();
    let Some(Event::Incoming(call)) = told.first() else { panic!("{told:?}") };
    let to = Target::Trunk { trunk: Some("out".into()), number: "110".into() };
    let invite = Invite { caller: call.caller.clone(), on_behalf_of: Some(call.leg), ..invitation(to) };
    (call.caller.clone(), phone.command(Command::Invite(invite)).remove(0))
}

fn all<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).collect()
}

#[test]
fn who_does_not_want_to_be_shown_is_known_to_whoever_is_trusted_and_to_nobody_else() {
    let private = format!("{PAI}Privacy: id\n");
    let (caller, sent) = put_through(&mut house(true, true), &private);
    assert_eq!((caller.number.as_str(), caller.display), ("anonymous", None), "nor does the house know");
    assert!(header(&sent, "From").starts_with(NOBODY), "{sent}");
    assert_eq!(all(&sent, "P-Asserted-Identity"), ["<sip:+8613800138000@out.example>"]);
    assert_eq!(all(&sent, "Privacy"), ["id"]);

    let (_, sent) = put_through(&mut house(true, false), &private);
    assert!(header(&sent, "From").starts_with(NOBODY), "{sent}");
    assert!(!sent.contains("138") && !sent.contains("139") && !sent.contains("Privacy"), "{sent}");

    // Nothing is asserted: nobody can be told.
    let (_, sent) = put_through(&mut house(true, true), "Privacy: user;id\n");
    assert!(header(&sent, "From").starts_with(NOBODY) && all(&sent, "Privacy") == ["id"], "{sent}");
    assert!(!sent.contains("P-Asserted-Identity"), "{sent}");

    // As the other carrier is used to show it, too.
    let anonymous = "From: <sip:anonymous@anonymous.invalid>;tag=f\n";
    let (_, sent) = put_through(&mut house(false, true), anonymous);
    assert!(header(&sent, "From").starts_with(NOBODY), "{sent}");
}

#[test]
fn only_what_was_asserted_by_who_is_trusted_is_asserted_to_who_is() {
    let (caller, sent) = put_through(&mut house(true, true), PAI);
    assert_eq!(caller.number, "13800138000");
    assert!(header(&sent, "From").starts_with("<sip:+8613800138000@out.example>;tag="), "{sent}");
    assert_eq!(all(&sent, "P-Asserted-Identity"), ["<sip:+8613800138000@out.example>"]);
    assert!(!sent.contains("Privacy"), "{sent}");
    for (from, number) in [
        ("tel:6513-9999;phone-context=+8610", "01065139999"),
        ("sip:65139999;phone-context=+8610@10.0.0.9;user=phone", "01065139999"),
        ("sip:+86110@10.0.0.9", "110"),
        ("sip:+864008123123@10.0.0.9", "4008123123"),
    ] {
        let lines = format!("From: <{from}>;tag=f\n");
        assert_eq!(put_through(&mut house(false, true), &lines).0.number, number, "{from}");
    }
    for (into, lines) in [(false, PAI), (false, ""), (true, "")] {
        let (caller, sent) = put_through(&mut house(into, true), lines);
        assert_eq!(caller.number, "13900139000");
        assert!(header(&sent, "From").starts_with("\"Li\" <sip:+8613900139000@out.example>"), "{sent}");
        assert!(!sent.contains("P-Asserted-Identity"), "From is whatever the caller wrote, {into}: {sent}");
    }
    assert!(!put_through(&mut house(true, false), PAI).1.contains("P-Asserted-Identity"));
}

#[test]
fn the_house_vouches_for_its_own_numbers_and_for_nobody_who_is_gone() {
    let dial = |phone: &mut Phone, on_behalf_of| {
        let caller = Party { number: "01012345".into(), display: None };
        let to = Target::Trunk { trunk: Some("out".into()), number: "110".into() };
        phone.command(Command::Invite(Invite { caller, on_behalf_of, ..invitation(to) })).remove(0)
    };
    let sent = dial(&mut house(true, true), None);
    assert_eq!(all(&sent, "P-Asserted-Identity"), ["<sip:+861012345@out.example>"]);
    assert!(!dial(&mut house(true, true), Some(LegId(77))).contains("P-Asserted-Identity"));
    // A trunk that shows a number of ours is told that one, whoever calls.
    let mut shows = settings(true);
    for trunk in &mut shows.trunks {
        (trunk.trusted, trunk.shows) = (true, Some("01012345".into()));
    }
    let (_, sent) = put_through(&mut Phone::of(shows), &format!("{PAI}Privacy: id\n"));
    assert_eq!(all(&sent, "P-Asserted-Identity"), ["<sip:01012345@10.0.0.1>"]);
    assert!(header(&sent, "From").starts_with("<sip:01012345@10.0.0.1>") && !sent.contains("Privacy"), "{sent}");
}

#[test]
fn what_carriers_are_told_of_who_sits_at_a_seat_is_a_number_of_ours_and_no_seat() {
    let account = |username: &str| TrunkAccount {
        username: username.into(),
        password: Password("pw".into()),
        realm: None,
        register: None,
    };
    for (numbers, username, expected) in [
        (vec!["12345", "65139999"], None, Some("12345")),
        (vec!["12345"], Some("hotline"), Some("12345")),
        (vec!["12345"], Some("01065130000"), Some("01065130000")),
        (vec!["8002", "12345"], None, Some("8002")),
        (vec![], None, None),
    ] {
        for trusted in [true, false] {
            let mut settings = settings(false);
            settings.numbers = numbers.iter().map(ToString::to_string).collect();
            let trunk = &mut settings.trunks[1];
            (trunk.trusted, trunk.domain, trunk.account) = (trusted, Some("out.example".into()), username.map(account));
            let mut phone = Phone::of(settings);
            let from = "From: \"Li at 8002\" <sip:8002@10.0.0.9>;tag=f\n";
            phone.send(&described(&request("INVITE", "sip:110@10.0.0.1", "i", 1, from)));
            let told = phone.events();
            let Some(Event::Incoming(call)) = told.first() else { panic!("{told:?}") };
            assert_eq!((call.caller.number.as_str(), &call.source), ("8002", &Source::Seat("8002".into())));
            let to = Target::Trunk { trunk: Some("out".into()), number: "110".into() };
            let invite = Invite { caller: call.caller.clone(), on_behalf_of: Some(call.leg), ..invitation(to) };
            let sent = phone.command(Command::Invite(invite)).remove(0);
            assert!(expected == Some("8002") || !sent.contains("8002"), "{sent}");
            let shown = expected.map_or(NOBODY.into(), |number| format!("<sip:{number}@out.example>;tag="));
            assert!(header(&sent, "From").starts_with(&shown), "{expected:?}: {sent}");
            let asserted = expected.filter(|_| trusted).map(|number| format!("<sip:{number}@out.example>"));
            assert_eq!(all(&sent, "P-Asserted-Identity"), Vec::from_iter(asserted.as_deref()), "{sent}");
        }
    }
}

#[test]
fn an_extension_of_another_exchange_that_is_called_like_a_seat_of_ours_is_no_seat() {
    let (caller, sent) = put_through(&mut house(true, true), "From: \"Wang\" <sip:8005@10.0.0.9>;tag=f\n");
    assert_eq!(caller.number, "8005");
    assert!(header(&sent, "From").starts_with("\"Wang\" <sip:8005@out.example>;tag="), "{sent}");
}

#[test]
fn a_phone_of_the_house_is_rung_by_nobody_as_well_and_not_by_the_house() {
    let caller = Party { number: "anonymous".into(), display: None };
    let invite = Invite { caller, ..invitation(Target::Seat("8002".into())) };
    let sent = Phone::new(false).command(Command::Invite(invite)).remove(0);
    assert!(header(&sent, "From").starts_with(NOBODY), "{sent}");
}
