//! What the record says of callers whom menus and the rules of lines sent on.

use std::time::Duration;

use super::desk;
use super::house::*;
use super::menus::{CALLER, pressed};
use super::orders::{SECOND, talk};
use crate::call::{Event, Order, Settings, Whom};
use crate::ids::LegId;
use crate::moment::Moment;
use crate::queue::Exit;
use crate::records::{Entry, Outcome, Record, SentBy, SentOnRecord, TransferOutcome};
use crate::sip::{self, Source};

const OUTSIDE: &str = "01065139999";

fn only(mut house: House) -> Record {
    let mut records = house.records();
    assert_eq!(records.len(), 1);
    records.remove(0)
}

/// As it is when it begins to ring.
fn rings(by: SentBy, to: &str, at: Moment) -> SentOnRecord {
    let outcome = TransferOutcome::GoesOn;
    SentOnRecord { by, to: to.into(), trunk: None, operator: None, at, answered_at: None, ended_at: None, outcome }
}

fn goes_over(house: &mut House, leg: LegId, trunk: &str) {
    house.tell(Event::Sip(sip::Event::GoesOver { leg, trunk: trunk.into() }));
}

/// What a restart would find of it.
fn on_the_disk(house: &House) -> Vec<SentOnRecord> {
    let last = house.entries.iter().rev().find_map(|entry| match entry {
        Entry::Changed(record) | Entry::Closed(record) => Some(record.sent_on.clone()),
        _ => None,
    });
    last.expect("something was written")
}

/// A citizen waits in a line whose rules lead outside by the key 0.
fn waits(settings: Settings) -> (House, LegId) {
    let keys = [('0', Exit::Number(OUTSIDE.into()))];
    let mut house = House::with(settings, rules(|citizen| citizen.keys = keys.into()), &[]);
    let caller = house.call(1, CITIZEN);
    house.pass(5 * SECOND);
    (house, caller)
}

#[test]
fn whom_a_menu_put_through_the_record_tells_with_the_trunk_in_the_end_and_what_is_known_is_written_at_once() {
    let mut house = pressed("2", &[]);
    let mut expected = rings(SentBy::Menu, OUTSIDE, house.now);
    assert_eq!(on_the_disk(&house), [expected.clone()]);
    let outside = house.rung(OUTSIDE);
    for trunk in ["first", "second"] {
        goes_over(&mut house, outside, trunk);
        expected.trunk = Some(trunk.into());
        assert_eq!(on_the_disk(&house), [expected.clone()]);
    }
    house.pass(7 * SECOND);
    house.answers(outside);
    expected.answered_at = Some(house.now);
    assert_eq!(on_the_disk(&house), [expected.clone()]);
    house.pass(60 * SECOND);
    house.hangs_up(outside);
    (expected.ended_at, expected.outcome) = (Some(house.now), TransferOutcome::Transferred);
    let record = only(house);
    assert_eq!((record.sent_on, record.ended_at), (vec![expected.clone()], expected.ended_at));
}

#[test]
fn what_became_of_ringing_in_vain_by_a_rule_is_told_in_the_words_of_transfers() {
    for (name, outcome) in [
        ("busy", TransferOutcome::Busy),
        ("refused", TransferOutcome::Refused),
        ("nowhere", TransferOutcome::Failed),
        ("nobody comes", TransferOutcome::NoAnswer),
        ("the caller hangs up", TransferOutcome::Ended),
        ("the house is cut off", TransferOutcome::Restarted),
    ] {
        let (mut house, caller) = waits(desk::settings());
        house.key(caller, '0');
        let began = house.now;
        let outside = house.rung(OUTSIDE);
        goes_over(&mut house, outside, "carrier");
        match name {
            "busy" => house.refuses(outside, 486),
            "refused" => house.refuses(outside, 603),
            "nowhere" => house.refuses(outside, 404),
            "nobody comes" => house.pass(121 * SECOND),
            "the caller hangs up" => house.hangs_up(caller),
            _ => house.calls.end_all(house.now),
        }
        let lasted = if name == "nobody comes" { 120 * SECOND } else { Duration::ZERO };
        if outcome.is_in_vain() {
            house.heard_out(caller);
        }
        let (trunk, ended_at) = (Some("carrier".into()), Some(began + lasted));
        let expected = SentOnRecord { trunk, ended_at, outcome, ..rings(SentBy::Line, OUTSIDE, began) };
        assert_eq!(only(house).sent_on, [expected], "{name}");
    }
}

#[test]
fn what_cannot_even_ring_is_told_too() {
    let (mut house, caller) = waits(Settings { way_out: None, ..desk::settings() });
    house.key(caller, '0');
    let ended_at = Some(house.now);
    let no_way = SentOnRecord { ended_at, outcome: TransferOutcome::Failed, ..rings(SentBy::Line, OUTSIDE, house.now) };
    house.hangs_up(caller);
    assert_eq!(only(house).sent_on, [no_way]);

    let mut house = pressed("1", &["8001"]);
    let second = LegId(3);
    house.arrive(second, "13900002222", "12345", Source::Trunk("carrier".into()));
    house.key(second, '1');
    let (at, operator) = (house.now, Some("1001".into()));
    let rings = SentOnRecord { operator, ended_at: Some(at), ..rings(SentBy::Menu, "seat 8001", at) };
    house.hangs_up(CALLER);
    house.hangs_up(second);
    let told: Vec<_> = house.records().into_iter().flat_map(|record| record.sent_on).collect();
    let outcomes = [TransferOutcome::Ended, TransferOutcome::Busy];
    assert_eq!(told, outcomes.map(|outcome| SentOnRecord { outcome, ..rings.clone() }));
}

#[test]
fn who_answers_at_a_seat_has_the_caller_until_they_leave_them_and_what_operators_do_is_no_sending_on() {
    let mut house = pressed("1", &["8001"]);
    let began = house.now;
    let call = house.calls.call_of(CALLER).unwrap();
    house.pass(2 * SECOND);
    let seat = house.rung("8001");
    house.answers(seat);
    let answered = house.now;
    house.pass(10 * SECOND);
    house.order(call, "1001", Order::Transfer { to: Whom::Number("01085225050".into()) }).unwrap();
    let left = house.now;
    let outside = house.rung("01085225050");
    goes_over(&mut house, outside, "carrier");
    house.answers(outside);
    house.pass(10 * SECOND);
    house.hangs_up(CALLER);
    let record = only(house);
    assert_eq!(record.transfers.iter().map(|of| of.to.as_str()).collect::<Vec<_>>(), ["01085225050"]);
    let expected = SentOnRecord {
        operator: Some("1001".into()),
        answered_at: Some(answered),
        ended_at: Some(left),
        outcome: TransferOutcome::Transferred,
        ..rings(SentBy::Menu, "seat 8001", began)
    };
    assert_eq!(record.sent_on, [expected]);
}

#[test]
fn a_colleague_or_a_supervisor_who_gets_the_caller_ends_what_the_seat_had() {
    for takes_over in [false, true] {
        let mut house = pressed("1", &["8001", "8002"]);
        let call = house.calls.call_of(CALLER).unwrap();
        let seat = house.rung("8001");
        house.answers(seat);
        house.pass(10 * SECOND);
        let order = match takes_over {
            true => Order::TakeOver,
            false => Order::Consult { to: Whom::Operator("1002".into()) },
        };
        house.order(call, if takes_over { "1002" } else { "1001" }, order).unwrap();
        let second = house.rung("8002");
        house.answers(second);
        if !takes_over {
            house.order(call, "1001", Order::Complete).unwrap();
        }
        let left = house.now;
        house.pass(10 * SECOND);
        house.hangs_up(CALLER);
        let record = only(house);
        let told: Vec<_> = record.sent_on.iter().map(|sent| (sent.ended_at, sent.outcome)).collect();
        assert_eq!(told, [(Some(left), TransferOutcome::Transferred)], "takes over: {takes_over}");
    }
}

#[test]
fn whom_an_operator_calls_beside_a_talk_the_record_of_that_call_tells_and_the_talks_does_not() {
    let (mut house, _, caller, seat) = talk();
    let line = LegId(91);
    house.arrive(line, "8001", "01085225050", Source::Seat("8001".into()));
    let mut expected = rings(SentBy::Operator, "01085225050", house.now);
    assert_eq!(on_the_disk(&house), [expected.clone()]);
    let outside = house.rung("01085225050");
    goes_over(&mut house, outside, "carrier");
    house.pass(3 * SECOND);
    house.answers(outside);
    (expected.trunk, expected.answered_at) = (Some("carrier".into()), Some(house.now));
    assert_eq!(on_the_disk(&house), [expected.clone()]);
    house.pass(7 * SECOND);
    for leg in [line, seat, caller] {
        house.hangs_up(leg);
    }
    (expected.ended_at, expected.outcome) = (Some(house.now), TransferOutcome::Transferred);
    let records = house.records();
    let sent_on: Vec<_> = records.iter().map(|record| record.sent_on.as_slice()).collect();
    assert_eq!(sent_on, [&[expected][..], &[]]);
    assert_eq!((records[0].outcome, records[0].talk_ms), (Some(Outcome::Answered), 7000));
}
