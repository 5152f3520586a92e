//! What operators ask of their calls, and what those who look on see of it.

use std::collections::BTreeSet;
use std::time::Duration;

use super::desk::settings;
use super::house::*;
use crate::call::{NotDone, Order, Stage, Whom};
use crate::ids::{CallId, LegId};
use crate::media;
use crate::queue::OperatorState;
use crate::records::{Entry, Record};

pub const SECOND: Duration = Duration::from_secs(1);

/// A citizen talks with operator 1001; 1002 and 1003 are ready.
pub fn talk() -> (House, CallId, LegId, LegId) {
    let mut house = House::with(settings(), rules(|citizen| citizen.wrap_up = 30 * SECOND), &["8001"]);
    let caller = house.call(1, CITIZEN);
    let seat = house.rung("8001");
    house.answers(seat);
    house.phone("8002", true);
    house.phone("8003", true);
    let call = house.calls.call_of(caller).unwrap();
    (house, call, caller, seat)
}

/// Who hears whom, as the last table says; `None`: it was followed by a join.
pub fn hears(house: &House) -> Option<BTreeSet<(LegId, LegId)>> {
    house.media.iter().rev().find_map(|command| match command {
        media::Command::Mix { hears, .. } => Some(Some(hears.iter().copied().collect())),
        media::Command::Join { .. } => Some(None),
        _ => None,
    })?
}

#[test]
fn who_is_on_hold_hears_music_and_it_is_counted() {
    let (mut house, call, caller, seat) = talk();
    assert_eq!(house.order(call, "1001", Order::Resume), Err(NotDone::NotOnHold));
    assert_eq!(house.order(call, "1002", Order::Hold), Err(NotDone::NotYours));
    assert_eq!(house.order(call, "1001", Order::Hold), Ok(()));
    assert_eq!(house.order(call, "1001", Order::Hold), Err(NotDone::AlreadyOnHold));
    assert_eq!(house.plays(caller), ["music"]);
    assert!(matches!(house.state("1001"), OperatorState::Holding { .. }));
    assert_eq!(house.calls.view(call).map(|view| view.stage), Some(Stage::Holding));
    house.pass(7 * SECOND);
    assert_eq!(house.order(call, "1001", Order::Resume), Ok(()));
    assert!(matches!(house.media.last(), Some(media::Command::Join { .. })));
    house.pass(5 * SECOND);
    house.order(call, "1001", Order::Hold).unwrap();
    house.pass(2 * SECOND);
    // The caller is not with the operator, but with nobody on hold either: that is a consultation.
    house.order(call, "1001", Order::Resume).unwrap();
    house.order(call, "1001", Order::Consult { to: Whom::Operator("1002".into()) }).unwrap();
    house.pass(SECOND);
    house.order(call, "1001", Order::Return).unwrap();
    house.order(call, "1001", Order::Hold).unwrap();
    house.hangs_up(caller);
    assert!(house.released(seat).is_some());
    let record = house.records().remove(0);
    assert_eq!(record.hold_ms, 10_000);
    let began = record.connected_at.unwrap();
    let holds = record.holds.iter().map(|hold| {
        let since = |at: crate::moment::Moment| at.since(began).as_secs();
        (hold.by.as_str(), since(hold.at), hold.ended_at.map(since))
    });
    let expected = [("operator", 0, Some(7)), ("operator", 12, Some(14)), ("operator", 15, Some(15))];
    assert_eq!(holds.collect::<Vec<_>>(), expected, "the last one ends with the call");
}

#[test]
fn an_operator_without_a_telephone_hangs_up_and_notes_something() {
    let (mut house, call, caller, seat) = talk();
    assert_eq!(house.order(call, "1003", Order::Note { text: "mine".into() }), Err(NotDone::NotYours));
    assert_eq!(house.order(call, "1001", Order::Note { text: "x".repeat(4001) }), Err(NotDone::TooLong));
    assert_eq!(house.order(call, "1001", Order::Note { text: "a lamp is broken".into() }), Ok(()));
    assert_eq!(house.order(call, "1001", Order::HangUp), Ok(()));
    assert!(house.released(seat).is_some() && house.released(caller).is_some());
    assert_eq!(house.order(call, "1001", Order::Hold), Err(NotDone::NoSuchCall));
    let records = house.records();
    assert_eq!(noted(&records[0]), [("1001", "a lamp is broken")]);
}

/// By whom, and what.
pub fn noted(record: &Record) -> Vec<(&str, &str)> {
    record.notes.iter().map(|note| (note.by.as_str(), note.text.as_str())).collect()
}

/// Who notes something on a call that another has by now, or that is over, and what comes of it.
#[test]
fn after_the_call_its_operators_note_for_a_day_and_supervisors_for_ever() {
    let (mut house, call, _, seat) = talk();
    house.order(call, "1001", Order::Transfer { to: Whom::Operator("1003".into()) }).unwrap();
    let second = house.rung("8003");
    house.answers(second);
    assert_eq!(house.order(call, "1001", Order::Note { text: "before".into() }), Ok(()), "in wrap-up of their part");
    assert_eq!(house.order(call, "1003", Order::Note { text: "theirs".into() }), Ok(()));
    assert_eq!(house.order(call, "1001", Order::Note { text: "again".into() }), Ok(()), "each has their own");
    assert_eq!(noted(house.calls.view(call).unwrap().record), [("1001", "again"), ("1003", "theirs")]);
    house.hangs_up(second);
    assert!(house.released(seat).is_some());
    let ended = house.now;
    let record = house.records().remove(0);
    assert_eq!(noted(&record), [("1001", "again"), ("1003", "theirs")]);
    let later = ended + Duration::from_secs(25 * 3600);
    let supervisor = "1002";
    let table = [
        ("1003", ended + SECOND, Ok(())),
        ("1003", later, Err(NotDone::TooLate)),
        ("1004", ended + SECOND, Err(NotDone::NotYours)),
        ("1001", ended + SECOND, Ok(())),
        (supervisor, later, Ok(())),
    ];
    for (by, at, expected) in table {
        let entry = house.calls.note_afterwards(at, &record, by.into(), "a lamp".into());
        if let Ok(Entry::Noted { call: of, text, by: who, at: when }) = &entry {
            assert_eq!((*of, text.as_str(), who.as_str(), *when), (call, "a lamp", by, at));
        }
        assert_eq!(entry.map(drop), expected, "{by}");
    }
}

#[test]
fn whoever_looks_on_is_told_of_every_change_once() {
    let (mut house, call, caller, _) = talk();
    let changed = |house: &mut House| std::iter::from_fn(|| house.calls.poll_changed()).collect::<Vec<_>>();
    assert_eq!(changed(&mut house), [call]);
    assert_eq!(changed(&mut house), []);
    let since = house.calls.view(call).unwrap().since;
    house.pass(3 * SECOND);
    assert_eq!(changed(&mut house), [], "time alone changes nothing");
    assert_eq!(house.calls.view(call).unwrap().since, since);
    house.order(call, "1001", Order::Hold).unwrap();
    assert_eq!(changed(&mut house), [call]);
    assert_eq!(house.calls.view(call).unwrap().since, since + 3 * SECOND);
    house.hangs_up(caller);
    assert_eq!(changed(&mut house), [call]);
    assert!(house.calls.view(call).is_none(), "it is over");
}
