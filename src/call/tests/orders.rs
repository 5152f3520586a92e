//! What operators ask of their calls, and what those who look on see of it.

use std::collections::BTreeSet;
use std::time::Duration;

use super::desk::settings;
use super::house::*;
use crate::call::{NotDone, Order, Stage, Whom};
use crate::ids::{CallId, LegId};
use crate::media;
use crate::queue::OperatorState;
use crate::records::Entry;

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
    house.hangs_up(caller);
    assert!(house.released(seat).is_some());
    assert_eq!(house.records()[0].hold_ms, 7000);
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
    assert_eq!(records[0].note.as_deref(), Some("a lamp is broken"));
    assert_eq!(records[0].note_by, Some("1001".into()));
}

/// Who notes something on a record that is closed, and what comes of it.
#[test]
fn after_the_call_its_operators_note_for_a_day_and_supervisors_for_ever() {
    let (mut house, call, _, seat) = talk();
    house.order(call, "1001", Order::Transfer { to: Whom::Operator("1003".into()) }).unwrap();
    let second = house.rung("8003");
    house.answers(second);
    assert_eq!(house.order(call, "1001", Order::Note { text: "before".into() }), Ok(()), "in wrap-up of their part");
    assert_eq!(house.order(call, "1003", Order::Note { text: "theirs".into() }), Ok(()));
    assert_eq!(house.order(call, "1001", Order::Note { text: "again".into() }), Err(NotDone::NotYours));
    house.hangs_up(second);
    assert!(house.released(seat).is_some());
    let ended = house.now;
    let mut record = house.records().remove(0);
    assert_eq!(record.note.as_deref(), Some("theirs"));
    let later = ended + Duration::from_secs(25 * 3600);
    let supervisor = "1002";
    let table = [
        ("1003", ended + SECOND, Ok(())),
        ("1003", later, Err(NotDone::TooLate)),
        ("1004", ended + SECOND, Err(NotDone::NotYours)),
        ("1001", ended + SECOND, Err(NotDone::NotYours)),
        (supervisor, later, Ok(())),
    ];
    for (by, at, expected) in table {
        let entry = house.calls.note_afterwards(at, &record, by.into(), "a lamp".into());
        if let Ok(Entry::Noted { call: of, note, by: who }) = &entry {
            assert_eq!((*of, note.as_deref(), who.as_str()), (call, Some("a lamp"), by));
        }
        assert_eq!(entry.map(drop), expected, "{by}");
    }
    // Nobody has noted anything: whoever gave it on may.
    record.note_by = None;
    assert!(house.calls.note_afterwards(ended + SECOND, &record, "1001".into(), String::new()).is_ok());
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
