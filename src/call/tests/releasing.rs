//! Callers who were put through to outside: when the carriers are asked to put both together without us, and what becomes
//! of the legs and of the record.

use super::desk;
use super::handoff;
use super::house::*;
use super::orders::{SECOND, talk};
use crate::call::{Event, Order, Settings, Whom};
use crate::ids::LegId;
use crate::media;
use crate::queue::Exit;
use crate::records::{self, EndedBy, Entry, Outcome, Record, ReleaseOutcome};
use crate::sip::{self, Ended, ReleaseNews};

const OUTSIDE: &str = "01065139999";

fn settings() -> Settings {
    Settings { refers: ["carrier", "out"].map(Into::into).into(), ..desk::settings() }
}

/// A citizen in the line pressed the key that leads outside: their leg, and the one that rings over this trunk.
fn sent_on(settings: Settings, number: &str, trunk: &str) -> (House, LegId, LegId) {
    let keys = [('0', Exit::Number(number.into()))];
    let mut house = House::with(settings, rules(|citizen| citizen.keys = keys.into()), &[]);
    let caller = house.call(1, CITIZEN);
    house.key(caller, '0');
    let far = house.rung(number);
    house.tell(Event::Sip(sip::Event::GoesOver { leg: far, trunk: trunk.into() }));
    (house, caller, far)
}

/// Both talk, and the carrier was asked.
fn asked() -> (House, LegId, LegId) {
    let (mut house, caller, far) = sent_on(settings(), OUTSIDE, "out");
    assert_eq!(releases(&house), []);
    house.answers(far);
    assert_eq!(releases(&house), [(caller, far)]);
    (house, caller, far)
}

/// The same, and the carrier has taken it.
fn taken() -> (House, LegId, LegId) {
    let (mut house, caller, far) = asked();
    told(&mut house, caller, ReleaseNews::Taken);
    (house, caller, far)
}

fn releases(house: &House) -> Vec<(LegId, LegId)> {
    let of = |command: &sip::Command| match command {
        sip::Command::Release { leg, to } => Some((*leg, *to)),
        _ => None,
    };
    house.sip.iter().filter_map(of).collect()
}

fn told(house: &mut House, leg: LegId, news: ReleaseNews) {
    house.tell(Event::Sip(sip::Event::Release { leg, news }));
}

fn only(mut house: House) -> Record {
    let mut records = house.records();
    assert_eq!(records.len(), 1);
    records.remove(0)
}

/// How it ended: the call, and what came of the release.
fn end(record: &Record) -> (Option<EndedBy>, ReleaseOutcome, Option<u16>) {
    let release = record.release.as_ref().expect("it was asked for");
    assert!(release.ended_at.is_some(), "{release:?}");
    (record.ended_by, release.outcome, release.sip_status)
}

#[test]
fn when_the_carrier_has_put_both_together_our_legs_are_over_and_the_record_says_when() {
    for hang_up in ["far", "both", "nobody"] {
        let (mut house, caller, far) = taken();
        let joined = house.are_joined(caller, far);
        assert!(
            joined && house.released(caller).is_none() && house.released(far).is_none(),
            "they talk by us meanwhile"
        );
        house.pass(3 * SECOND);
        told(&mut house, caller, ReleaseNews::Done);
        let at = house.now;
        assert!(house.released(caller).is_none(), "they hang up themselves");
        let gone = match hang_up {
            "far" => &[far][..],
            "both" => &[far, caller],
            _ => &[],
        };
        house.pass(SECOND);
        gone.iter().for_each(|leg| house.hangs_up(*leg));
        house.pass(SECOND);
        let after = if hang_up == "both" { SECOND } else { 2 * SECOND };
        assert!(house.released(caller).is_some() && house.released(far).is_some(), "{hang_up}");
        let record = only(house);
        assert_eq!(end(&record), (Some(EndedBy::Released), ReleaseOutcome::Released, None));
        assert_eq!(record.outcome, Some(Outcome::Overflowed));
        assert_eq!(record.release.as_ref().unwrap().ended_at, Some(at));
        assert_eq!(record.ended_at, Some(at + after), "{hang_up}");
        assert_eq!(record.sent_on[0].ended_at, Some(at), "they talk by us no longer");
    }
}

#[test]
fn whatever_else_the_carrier_says_both_talk_on_by_us() {
    for (news, outcome, status) in [
        (ReleaseNews::Refused { status: 603 }, ReleaseOutcome::Refused, Some(603)),
        (ReleaseNews::Silent, ReleaseOutcome::NoAnswer, None),
        (ReleaseNews::NotKnown, ReleaseOutcome::NotKnown, None),
        (ReleaseNews::Untrusted, ReleaseOutcome::Untrusted, None),
        (ReleaseNews::Untold, ReleaseOutcome::NoAnswer, None),
    ] {
        let (mut house, caller, far) = asked();
        told(&mut house, caller, news);
        house.pass(60 * SECOND);
        assert!(house.released(caller).is_none() && house.released(far).is_none(), "{news:?}");
        assert_eq!(releases(&house).len(), 1, "it is not asked for again");
        house.hangs_up(far);
        assert!(house.released(caller).is_some());
        assert_eq!(end(&only(house)), (Some(EndedBy::Operator), outcome, status), "{news:?}");
    }
}

#[test]
fn who_hangs_up_before_the_news_may_have_been_taken_over() {
    use ReleaseNews::{Done, Refused, Silent};
    let released = (Some(EndedBy::Released), ReleaseOutcome::Released, None);
    let refused = |by| (Some(by), ReleaseOutcome::Refused, Some(487));
    let ended = |by| (Some(by), ReleaseOutcome::Ended, None);
    let silent = |by| (Some(by), ReleaseOutcome::NoAnswer, None);
    for (first, both, news, expected) in [
        ("far", false, Some(Done), released),
        ("far", true, Some(Done), released),
        ("caller", false, Some(Done), released),
        ("far", false, Some(Refused { status: 487 }), refused(EndedBy::Operator)),
        ("caller", false, Some(Refused { status: 487 }), refused(EndedBy::Caller)),
        ("far", false, Some(Silent), silent(EndedBy::Operator)),
        ("far", false, None, ended(EndedBy::Operator)),
        ("caller", false, None, ended(EndedBy::Caller)),
        ("caller", true, None, ended(EndedBy::Caller)),
    ] {
        let (mut house, caller, far) = taken();
        let (gone, other) = if first == "far" { (far, caller) } else { (caller, far) };
        house.tell(Event::Sip(sip::Event::Because { leg: gone, reason: sip::Reason::Q850(38) }));
        house.hangs_up(gone);
        assert!(house.released(other).is_none(), "the news is awaited");
        if both {
            house.hangs_up(other);
        }
        house.pass(SECOND);
        if let Some(news) = news {
            told(&mut house, caller, news);
            assert!(expected == released || house.released(other).is_some(), "nothing more is waited for");
        }
        house.pass(4 * SECOND);
        assert!(both || house.released(other).is_some(), "{first} {news:?}");
        let record = only(house);
        assert_eq!(end(&record), expected, "{first} {both} {news:?}");
        if expected != released {
            assert_eq!(record.reason.as_deref(), Some("Q.850;cause=38"));
        }
    }
}

#[test]
fn whoever_hangs_up_before_the_carrier_has_it_has_hung_up_and_the_other_is_let_go_at_once() {
    for (first, by) in [("far", EndedBy::Operator), ("caller", EndedBy::Caller)] {
        let (mut house, caller, far) = asked();
        let (gone, other) = if first == "far" { (far, caller) } else { (caller, far) };
        house.tell(Event::Sip(sip::Event::Because { leg: gone, reason: sip::Reason::Q850(16) }));
        house.hangs_up(gone);
        assert!(house.released(other).is_some(), "{first}");
        // What comes late is nobody's.
        told(&mut house, caller, ReleaseNews::Done);
        house.pass(4 * SECOND);
        let record = only(house);
        assert_eq!(end(&record), (Some(by), ReleaseOutcome::Ended, None), "{first}");
        assert_eq!(record.reason.as_deref(), Some("Q.850;cause=16"));
    }
}

#[test]
fn where_nobody_says_what_becomes_of_it_the_far_end_that_is_taken_over_does() {
    for (first, by, outcome) in
        [("far", EndedBy::Released, ReleaseOutcome::Released), ("caller", EndedBy::Caller, ReleaseOutcome::Ended)]
    {
        let (mut house, caller, far) = asked();
        told(&mut house, caller, ReleaseNews::Untold);
        house.pass(SECOND);
        house.hangs_up(if first == "far" { far } else { caller });
        assert_eq!(end(&only(house)), (Some(by), outcome, None), "{first}");
    }
}

#[test]
fn a_leg_that_is_lost_or_a_drain_ends_it_as_any_other_call() {
    let (mut house, caller, far) = taken();
    house.tell(Event::Sip(sip::Event::Ended { leg: caller, why: Ended::Lost }));
    house.pass(4 * SECOND);
    assert!(house.released(far).is_some());
    assert_eq!(end(&only(house)).0, Some(EndedBy::System));
    let (mut house, caller, far) = taken();
    house.calls.end_all(house.now);
    house.pass(3 * SECOND);
    assert!(house.released(caller).is_some() && house.released(far).is_some());
    let record = only(house);
    assert_eq!(end(&record), (Some(EndedBy::System), ReleaseOutcome::Restarted, None));
}

#[test]
fn what_is_done_is_done_though_the_house_ends_before_our_legs_are_over() {
    let (mut house, caller, far) = taken();
    told(&mut house, caller, ReleaseNews::Done);
    // A kill leaves what was written last.
    let written = house.entries.iter().rev().find_map(|entry| match entry {
        Entry::Changed(record) => Some(record.clone()),
        _ => None,
    });
    assert_eq!(end(&written.unwrap()), (Some(EndedBy::Released), ReleaseOutcome::Released, None));
    house.calls.end_all(house.now);
    house.pass(3 * SECOND);
    assert!(house.released(caller).is_some() && house.released(far).is_some());
    let record = only(house);
    assert_eq!(end(&record), (Some(EndedBy::Released), ReleaseOutcome::Released, None));
    assert_eq!(record.outcome, Some(Outcome::Overflowed));
}

#[test]
fn who_holds_is_not_sent_away_and_is_when_they_are_back() {
    let (mut house, caller, far) = sent_on(settings(), OUTSIDE, "out");
    house.holding.insert(far);
    house.answers(far);
    assert_eq!(releases(&house), []);
    house.holding.remove(&far);
    house.tell(Event::Sip(sip::Event::Reoffer { leg: far, body: Some(sip::Body::sdp(b"theirs".to_vec())) }));
    assert_eq!(releases(&house), [(caller, far)]);
    // What they describe meanwhile is answered as ever.
    house.tell(Event::Sip(sip::Event::Reoffer { leg: caller, body: Some(sip::Body::sdp(b"theirs".to_vec())) }));
    assert!(matches!(house.sip.last(), Some(sip::Command::AcceptReoffer { leg, .. }) if *leg == caller));
    house.hangs_up(caller);
    house.records();
}

#[test]
fn whom_something_needs_us_for_stays_with_us() {
    let encrypted = |leg| Event::Media(media::Event::Encrypted { leg, encrypted: true });
    let only_in = Settings { refers: ["carrier".into()].into(), ..settings() };
    let police = Settings { refers: settings().refers, ..handoff::settings() };
    for (what, settings, number, asks) in [
        ("the far trunk does not say so", only_in, OUTSIDE, false),
        ("nobody says so", desk::settings(), OUTSIDE, false),
        ("an emergency by a menu", police.clone(), "110", false),
        ("another number beside emergencies", police, OUTSIDE, true),
        ("one is encrypted", settings(), OUTSIDE, false),
        ("both are encrypted", settings(), OUTSIDE, true),
    ] {
        let (mut house, caller, far) = sent_on(settings, number, "out");
        if what.ends_with("encrypted") {
            house.tell(encrypted(caller));
        }
        if what == "both are encrypted" {
            house.tell(encrypted(far));
        }
        house.answers(far);
        assert_eq!(releases(&house).len(), usize::from(asks), "{what}");
        house.hangs_up(caller);
        house.pass(4 * SECOND);
        let told = only(house).release.map(|release| release.outcome);
        let expected = match what {
            "one is encrypted" => Some(ReleaseOutcome::OneEncrypted),
            _ => asks.then_some(ReleaseOutcome::Ended),
        };
        assert_eq!(told, expected, "{what}");
    }
}

#[test]
fn whom_an_operator_leaves_to_somebody_outside_is_released_when_the_operator_is_gone() {
    for (how, recorded) in [("attended", false), ("blind", false), ("attended", true)] {
        let (mut house, call, caller, seat) = talk();
        let mut settings = settings();
        if recorded {
            settings.queues.get_mut("citizen").unwrap().recorded = true;
            settings.ivr.notice = Some("notice".into());
        }
        house.calls.set_settings(settings);
        if recorded {
            house.tell(Event::Media(media::Event::Noticed { leg: caller }));
        }
        let to = Whom::Number("01085225050".into());
        let order = if how == "blind" { Order::Transfer { to } } else { Order::Consult { to } };
        house.order(call, "1001", order).unwrap();
        let far = house.rung("01085225050");
        house.tell(Event::Sip(sip::Event::GoesOver { leg: far, trunk: "out".into() }));
        house.answers(far);
        if how == "attended" {
            assert_eq!(releases(&house), [], "the operator is there");
            house.order(call, "1001", Order::Complete).unwrap();
        }
        assert!(house.released(seat).is_some());
        let recording = house.media.iter().any(|command| matches!(command, media::Command::Record { .. }));
        assert_eq!(recording, recorded);
        assert_eq!(releases(&house).len(), 1);
        told(&mut house, caller, ReleaseNews::Done);
        house.hangs_up(far);
        house.pass(2 * SECOND);
        let record = only(house);
        assert_eq!(record.outcome, Some(Outcome::TransferredOut), "{how}");
        assert_eq!(record.ended_by, Some(EndedBy::Released), "{how}");
        let why = record.recording.map(|recording| recording.why);
        assert_eq!(why, recorded.then(|| Some(records::LEFT_OUTSIDE.into())), "what they say outside is not recorded");
    }
}

#[test]
fn whom_the_operator_left_to_an_emergency_stays_with_us() {
    let settings = Settings { refers: settings().refers, ..handoff::settings() };
    let mut house = House::with(settings, rules(|_| ()), &["8001"]);
    let caller = house.call(1, CITIZEN);
    let seat = house.rung("8001");
    house.answers(seat);
    "*2".chars().for_each(|key| house.key(seat, key));
    let far = house.rung("119");
    house.tell(Event::Sip(sip::Event::GoesOver { leg: far, trunk: "out".into() }));
    house.answers(far);
    house.hangs_up(seat);
    house.pass(10 * SECOND);
    assert!(house.are_joined(caller, far));
    assert_eq!(releases(&house), []);
    house.hangs_up(far);
    assert_eq!(only(house).ended_by, Some(EndedBy::Operator));
}
