//! Households in virtual time.

use std::collections::BTreeMap;

use super::crowd::MAX_SOURCES;
use super::*;

const T0: Moment = Moment::from_micros(1_700_000_000_000_000);

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// One port of theirs.
fn from(ip: IpAddr) -> SocketAddr {
    SocketAddr::new(ip, 5060)
}

fn at(millis: u64) -> Moment {
    T0 + Duration::from_millis(millis)
}

fn guard() -> Guard {
    Guard::new(Limits::default())
}

#[test]
fn a_flood_from_one_household_takes_nothing_from_another() {
    let mut guard = guard();
    let mut heard = 0;
    for n in 0..100_000 {
        let now = at(n / 10);
        heard += u32::from(guard.arrives(now, from(ip("192.0.2.1")), Way::Connection, false) == Entry::Open);
        if n % 1000 == 0 {
            assert_eq!(guard.arrives(now, from(ip("192.0.2.2")), Way::Connection, false), Entry::Open, "{n}");
        }
    }
    // Ten seconds at the rate, and what may come at once.
    assert!((6_990..=7_010).contains(&heard), "{heard}");
    assert_eq!(guard.counts().limited, 100_000 - u64::from(heard));
}

#[test]
fn forged_senders_together_have_a_limit_and_fill_no_table() {
    let mut guard = guard();
    let mut heard = 0;
    for n in 0..100_000_u32 {
        let sender = from(IpAddr::V4(std::net::Ipv4Addr::from_bits(0x0a00_0000 + n)));
        heard += u32::from(guard.arrives(at(u64::from(n) / 20), sender, Way::Datagram, false) == Entry::Open);
        if n % 1000 == 0 {
            let there = guard.arrives(at(u64::from(n) / 20), from(ip("192.0.2.2")), Way::Connection, false);
            assert_eq!(there, Entry::Open, "{n}: whoever is there is heard beside them");
        }
    }
    assert!((34_000..=36_000).contains(&heard), "{heard} in five seconds, two of them at once");
    assert!(guard.seeming.sources.len() <= MAX_SOURCES, "{}", guard.seeming.sources.len());
    assert_eq!(guard.arrives(at(60_000), from(ip("192.0.2.1")), Way::Datagram, false), Entry::Open);
    assert!(guard.seeming.sources.len() < 100, "{} are remembered that say nothing", guard.seeming.sources.len());
}

#[test]
fn nobody_is_shut_out_with_others_who_find_no_line_in_the_table() {
    let mut guard = guard();
    for n in 0..=u32::try_from(MAX_SOURCES).unwrap() + 10 {
        let scanner = IpAddr::V4(std::net::Ipv4Addr::from_bits(0x0a00_0000 + n));
        guard.did(at(u64::from(n)), from(scanner), Way::Connection, Deed::Scanned);
    }
    assert_eq!(guard.counts().bans, MAX_SOURCES as u64);
    let now = at(MAX_SOURCES as u64 + 20);
    assert_eq!(guard.arrives(now, from(ip("192.0.2.1")), Way::Connection, false), Entry::Open);
    assert_ne!(guard.arrives(now, from(ip("10.0.0.5")), Way::Connection, false), Entry::Open);
}

#[test]
fn whoever_tries_out_numbers_is_slowed_and_then_not_heard() {
    let mut guard = guard();
    let (mut told, mut banned) = (0, None);
    for n in 0..10_000_u64 {
        let now = at(n * 10);
        match guard.arrives(now, from(ip("192.0.2.1")), Way::Connection, false) {
            Entry::Open => told += u32::from(guard.may_be_told(now, ip("192.0.2.1"), Way::Connection)),
            _ => banned = banned.or(Some(now.since(T0).as_secs())),
        }
    }
    assert!((200..=530).contains(&told), "{told} of 10,000");
    assert!(banned.is_some_and(|second| (32..=65).contains(&second)), "{banned:?}");
}

#[test]
fn an_office_whose_phones_start_all_at_once_registers_them_all() {
    [Way::Datagram, Way::Connection].into_iter().for_each(all_register);
}

fn all_register(way: Way) {
    const PHONES: usize = 750;
    let (mut guard, office) = (guard(), ip("192.0.2.1"));
    // When each says it next, and how often it has said it: T1, doubled up to T2.
    let mut waiting: Vec<(u64, u32)> = (0..PHONES as u64).map(|n| (n / 2, 0)).collect();
    let mut proofs: Vec<u64> = Vec::new();
    for millis in 0..32_000 {
        let now = at(millis);
        for (next, tries) in &mut waiting {
            if *next == millis {
                let heard = guard.arrives(now, from(office), way, false) == Entry::Open;
                if heard && guard.may_be_told(now, office, way) {
                    *next = u64::MAX;
                    proofs.push(millis + 20);
                } else {
                    *next = millis + (500 << *tries).min(4000);
                    *tries += 1;
                }
            }
        }
        for _ in proofs.extract_if(.., |at| *at == millis) {
            assert_eq!(guard.arrives(now, from(office), way, true), Entry::Open);
            guard.proven(from(office), way);
        }
    }
    assert!(waiting.iter().all(|(next, _)| *next == u64::MAX), "all were challenged");
    assert_eq!(guard.counts().bans, 0);
    assert_eq!(guard.arrives(at(100_000), from(office), way, true), Entry::Open, "nor are they suspects later");
}

#[test]
fn who_guesses_is_not_heard_for_a_while_and_for_longer_each_time() {
    let (mut guard, thief) = (guard(), ip("2001:db8::1"));
    let mut now = T0;
    for length in [600, 1200, 2400] {
        for n in 0..100 {
            assert_eq!(guard.arrives(now, from(thief), Way::Connection, false), Entry::Open, "{n}");
            guard.did(now, from(thief), Way::Connection, Deed::Guessed);
        }
        assert_eq!(guard.arrives(now, from(thief), Way::Connection, false), Entry::Shut);
        assert_eq!(
            guard.arrives(now, from(ip("2001:db8::ffff")), Way::Connection, false),
            Entry::Narrow,
            "the same household, and somebody else of it"
        );
        assert_eq!(guard.arrives(now, from(ip("2001:db8:0:1::1")), Way::Connection, false), Entry::Open, "another");
        assert_eq!(
            guard.arrives(now, from(thief), Way::Connection, true),
            Entry::Narrow,
            "where registered phones are"
        );
        now = now + Duration::from_secs(length - 1);
        assert_eq!(guard.arrives(now, from(thief), Way::Connection, false), Entry::Narrow, "little more than that");
        now = now + Duration::from_secs(1);
    }
    assert_eq!(
        guard.arrives(now, from(thief), Way::Connection, false),
        Entry::Open,
        "nothing of before is held against it twice"
    );
    // It kept quiet for as long as the last time.
    now = now + Duration::from_secs(3000);
    for _ in 0..100 {
        guard.did(now, from(thief), Way::Connection, Deed::Guessed);
    }
    assert_eq!(guard.arrives(now + Duration::from_secs(601), from(thief), Way::Connection, false), Entry::Open);
}

#[test]
fn a_phone_that_was_set_up_wrongly_is_no_thief() {
    let (mut guard, office) = (guard(), ip("192.0.2.1"));
    for minute in 0..24 * 60 {
        for _ in 0..2 {
            let now = at(minute * 60_000);
            assert_eq!(guard.arrives(now, from(office), Way::Connection, true), Entry::Open, "minute {minute}");
            assert!(guard.may_be_told(now, office, Way::Connection));
            guard.did(now, from(office), Way::Connection, Deed::Guessed);
        }
    }
}

#[test]
fn who_sends_in_the_name_of_another_has_nobody_shut_out() {
    let (mut guard, victim) = (guard(), ip("192.0.2.1"));
    let mut told = 0;
    for n in 0..10_000_u64 {
        let now = at(n * 10);
        assert_eq!(guard.arrives(now, from(victim), Way::Datagram, false), Entry::Open, "{n}");
        told += u32::from(guard.may_be_told(now, victim, Way::Datagram));
        guard.seems_to_scan(now, victim);
    }
    assert!((690..=710).contains(&told), "{told} answers to what was forged: 200, and five a second");
    let now = at(100_000);
    assert_eq!(guard.arrives(now, from(victim), Way::Connection, false), Entry::Open);
    assert!(guard.may_be_told(now, victim, Way::Connection), "whoever is there has challenges of his own");
    assert_eq!((guard.counts().bans, guard.counts().scanned), (0, 10_000));
}

#[test]
fn whoever_is_shut_out_is_so_on_every_way() {
    let (mut guard, thief) = (guard(), ip("192.0.2.1"));
    // A guess by datagram that shows a nonce of his.
    (0..100).for_each(|_| _ = guard.did(T0, from(thief), Way::Datagram, Deed::Guessed));
    for way in [Way::Datagram, Way::Connection] {
        while guard.may_knock(at(1), from(thief), way) {}
        assert_eq!(guard.arrives(at(1), from(thief), way, false), Entry::Shut);
        assert_eq!(guard.arrives(at(1), from(thief), way, true), Entry::Narrow);
    }
    for _ in 0..2 {
        assert_eq!(guard.arrives(at(600_000), from(thief), Way::Datagram, false), Entry::Open);
    }
}

/// Not heard any more.
fn shut(household: &str) -> (Guard, IpAddr) {
    let (mut guard, ip) = (guard(), ip(household));
    assert!(
        guard.did(T0, from(ip), Way::Datagram, Deed::Scanned) && !guard.did(T0, from(ip), Way::Datagram, Deed::Refused)
    );
    (guard, ip)
}

/// Whether a REGISTER from that port is read and taken.
fn knocks(guard: &mut Guard, now: Moment, ip: IpAddr, port: u16) -> bool {
    let remote = SocketAddr::new(ip, port);
    guard.arrives(now, remote, Way::Datagram, false) == Entry::Narrow && guard.may_knock(now, remote, Way::Datagram)
}

#[test]
fn a_household_that_is_not_heard_may_say_so_little_that_nobody_gets_on_by_it() {
    let (mut guard, ip) = shut("192.0.2.1");
    assert!(!knocks(&mut guard, T0, ip, 5060), "whoever did it is not among those who may");
    let (mut stubborn, mut others) = (0, 0);
    for n in 0..60_000_u64 {
        stubborn += u32::from(knocks(&mut guard, at(n * 5), ip, 5070));
        if n % 12_000 == 0 {
            others += u32::from(knocks(&mut guard, at(n * 5), ip, 6000 + (n / 12_000) as u16));
        }
    }
    assert_eq!((stubborn, others), (5 * 6, 5), "in five minutes; beside them others are listened to");
    let (mut guard, ip) = shut("192.0.2.1");
    let heard = (0..60_000_u64).filter(|n| knocks(&mut guard, at(n * 5), ip, 10_000 + (n / 6) as u16)).count();
    assert!((5 * 42..=5 * 48).contains(&heard), "{heard} from as many ports as they like");
    let (mut guard, ip) = shut("192.0.2.1");
    let guesses = (0..60_000_u64).filter(|n| {
        let (now, port) = (at(n * 5), 10_000 + (n % 50_000) as u16);
        knocks(&mut guard, now, ip, port) && !guard.did(now, SocketAddr::new(ip, port), Way::Datagram, Deed::Guessed)
    });
    assert!((36..=40).contains(&guesses.count()), "one from each port");
    // Datagrams take nothing from those who connect.
    let (mut guard, ip) = shut("192.0.2.1");
    let ports = |way| (0..100_u16).filter(|n| guard.may_knock(T0, SocketAddr::new(ip, 10_000 + n), way)).count();
    assert_eq!([Way::Datagram, Way::Connection].map(ports), [7, 8], "beside whoever did it");
}

#[test]
fn phones_of_a_household_that_is_not_heard_register_when_they_start_anew() {
    let (mut guard, office) = shut("192.0.2.1");
    let mut waiting: BTreeMap<u16, (u64, u32)> = (0..50).map(|n| (20_000 + n, (u64::from(n), 0))).collect();
    for millis in 0..32_000 {
        _ = knocks(&mut guard, at(millis), office, 5070);
        waiting.retain(|port, (next, tries)| {
            let is_due = *next == millis;
            if is_due {
                *next = millis + (500 << *tries).min(4000);
                *tries += 1;
            }
            // Told to prove himself, he does.
            if !is_due
                || !knocks(&mut guard, at(millis), office, *port)
                || !knocks(&mut guard, at(millis), office, *port)
            {
                return true;
            }
            guard.proven(SocketAddr::new(office, *port), Way::Datagram);
            false
        });
    }
    assert!(waiting.is_empty(), "{waiting:?} beside somebody who goes on and on");
}

#[test]
fn a_phone_beside_whoever_guesses_registers_anew_though_both_use_the_same_port_of_one_ipv6_household() {
    let (mut guard, guesser) = shut("2001:db8::a");
    let (phone, another) = (ip("2001:db8::b"), ip("2001:db8:0:1::b"));
    assert!(!knocks(&mut guard, T0, guesser, 5060), "whoever did it is not among those who may");
    assert!((0..6).all(|n| knocks(&mut guard, at(n), phone, 5060)), "REGISTER, the same with credentials, and copies");
    assert!(!knocks(&mut guard, at(6), phone, 5060));
    assert_eq!(guard.arrives(at(7), from(another), Way::Datagram, false), Entry::Open);
    // As many as they like together say no more than one with as many ports.
    let of_all = (0..100_u16).filter(|n| knocks(&mut guard, at(8), ip(&format!("2001:db8::c:{n:x}")), 5060));
    assert_eq!(of_all.count(), 6);
}

#[test]
fn a_certificate_that_grew_too_old_shuts_out_no_carrier() {
    let (mut guard, carrier) = (guard(), ip("192.0.2.1"));
    (0..10_000).for_each(|n| guard.distrusted(at(n), carrier, Distrust::Expired));
    assert_eq!(guard.arrives(at(10_000), from(carrier), Way::Connection, false), Entry::Open);
    assert_eq!((guard.counts().distrusted, guard.counts().bans), (10_000, 0));
}

#[test]
fn scanners_are_known_by_their_names() {
    let (mut guard, thief) = (guard(), ip("192.0.2.1"));
    assert!(guard.is_scanner("friendly-scanner") && guard.is_scanner("Mozilla/5.0 SIPVicious"));
    assert!(!guard.is_scanner("Yealink SIP-T46U 108.86.0.90") && !guard.is_scanner(""));
    guard.did(T0, from(thief), Way::Connection, Deed::Scanned);
    assert_eq!(guard.arrives(T0, from(thief), Way::Connection, false), Entry::Shut);
    guard.set(Limits { scanners: vec!["yealink".into()], ..Limits::default() });
    assert!(guard.is_scanner("Yealink SIP-T46U") && !guard.is_scanner("friendly-scanner"));
}

/// Guesses until it is not heard; how many it took.
fn guesses(guard: &mut Guard, now: Moment, ip: IpAddr) -> usize {
    (1..=100).find(|_| guard.did(now, from(ip), Way::Connection, Deed::Guessed)).expect("a ban")
}

#[test]
fn bans_that_hold_are_told_with_why_and_until_when() {
    let mut guard = guard();
    assert_eq!(guard.bans(T0), []);
    let [thief, scanner, diviner] = ["2001:db8::7", "192.0.2.1", "::ffff:192.0.2.2"].map(ip);
    guesses(&mut guard, T0, thief);
    guard.did(at(1000), from(scanner), Way::Connection, Deed::Scanned);
    (0..100).for_each(|_| _ = guard.did(at(2000), from(diviner), Way::Datagram, Deed::Refused));
    guard.did(at(2000), from(ip("192.0.2.3")), Way::Connection, Deed::Refused);
    let ban = |household: &str, address: &str, since: Moment, reason| {
        let [household, address] = [household, address].map(ip);
        Ban { household, address, since, until: since + Duration::from_secs(600), reason }
    };
    let expected = [
        ban("192.0.2.1", "192.0.2.1", at(1000), Reason::Scanner),
        ban("192.0.2.2", "192.0.2.2", at(2000), Reason::Refused),
        ban("2001:db8::", "2001:db8::7", T0, Reason::WrongSecret),
    ];
    assert_eq!(guard.bans(at(3000)), expected);
    assert_eq!(guard.bans(at(600_000)), expected[..2], "the first is over, whether it was heard of again or not");
}

#[test]
fn whoever_is_lifted_is_heard_again_and_nothing_of_before_is_held_against_him() {
    let (mut guard, [thief, beside, another]) = (guard(), ["2001:db8::1", "2001:db8::2", "192.0.2.1"].map(ip));
    guesses(&mut guard, T0, thief);
    guard.did(T0, from(another), Way::Connection, Deed::Scanned);
    assert_eq!(guard.lift(at(1), ip("192.0.2.9")), None, "it is heard");
    // By another address of the same household.
    let lifted = guard.lift(at(1), beside).expect("it was not heard");
    assert_eq!((lifted.address, lifted.until), (thief, T0 + Duration::from_secs(600)));
    assert_eq!(guard.lift(at(1), thief), None, "not twice");
    for who in [thief, beside] {
        assert_eq!(guard.arrives(at(2), from(who), Way::Connection, false), Entry::Open);
        assert_eq!(guard.arrives(at(2), from(who), Way::Datagram, false), Entry::Open);
    }
    assert_ne!(guard.arrives(at(2), from(another), Way::Connection, false), Entry::Open, "nobody said so of him");
    assert_eq!(guesses(&mut guard, at(3), thief), 100, "it has no points");
    let again: Vec<Duration> = guard.bans(at(3)).iter().map(|ban| ban.until.since(ban.since)).collect();
    assert_eq!(again, [Duration::from_secs(600); 2], "nor is it as the second time");
    assert_eq!((guard.counts().bans, guard.counts().lifted), (3, 1));
}

#[test]
fn no_more_bans_are_told_than_households_are_told_apart() {
    let mut guard = guard();
    let scanner = |n: usize| IpAddr::V4(std::net::Ipv4Addr::from_bits(0x0a00_0000 + n as u32));
    for n in 0..MAX_SOURCES + 1000 {
        guard.did(T0, from(scanner(n)), Way::Connection, Deed::Scanned);
    }
    assert_eq!(guard.bans(at(1)).len(), MAX_SOURCES);
    assert_eq!(guard.lift(at(1), scanner(MAX_SOURCES)), None, "it has no line, and is heard");
    assert!(guard.lift(at(1), scanner(7)).is_some());
    assert_eq!(guard.bans(at(1)).len(), MAX_SOURCES - 1);
    assert_eq!(guard.arrives(at(2), from(scanner(7)), Way::Connection, false), Entry::Open);
}

#[test]
fn without_bans_nobody_is_shut_out_for_what_he_did() {
    let mut guard = Guard::new(Limits { ban: Duration::ZERO, ..Limits::default() });
    for _ in 0..1000 {
        guard.did(T0, from(ip("192.0.2.1")), Way::Connection, Deed::Guessed);
    }
    assert_eq!(guard.arrives(T0, from(ip("192.0.2.1")), Way::Connection, false), Entry::Open);
}

#[test]
fn the_house_is_behind_while_there_is_always_more_however_long_each_turn_takes() {
    let limit = Duration::from_millis(500);
    for turn in [1, 20, 249, 251, 499, 2_000, 60_000] {
        let mut backlog = Backlog::default();
        for n in 0..1000 {
            assert_eq!(backlog.is_longer_than(at(n * turn), limit), n > 0 && n * turn > 500, "{n} turns of {turn} ms");
            backlog.saw(at(n * turn), true);
        }
        let end = 1000 * turn;
        assert!(backlog.is_longer_than(at(end), limit));
        backlog.saw(at(end), false);
        assert!(!backlog.is_longer_than(at(end + 100_000), limit), "it has caught up, and nothing came for a while");
        backlog.saw(at(end + 100_000), true);
        assert!(!backlog.is_longer_than(at(end + 100_500), limit), "it begins anew");
        assert!(backlog.is_longer_than(at(end + 100_501), limit));
    }
}
