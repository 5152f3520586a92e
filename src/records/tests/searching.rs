//! Calls that are looked up by what is known of them.

use super::*;

/// Asked for: an operator, a queue.
pub const WHOSE: [(Option<&str>, Option<&str>); 11] = [
    (Some("1001"), None),
    (Some("1002"), None),
    (Some("1003"), None),
    (Some("1004"), None),
    (Some("1005"), None),
    (None, Some("citizen")),
    (None, Some("english")),
    (None, Some("market")),
    (Some("1001"), Some("citizen")),
    (Some("1001"), Some("english")),
    (Some("1005"), Some("english")),
];

/// 1001 answered and left the caller to 1002, whose phone was lost; then 1004 did not answer in another line, and 1003
/// did. 1005 was asked for advice.
pub fn handed_on(number: u64) -> Record {
    let plain = finished(number);
    let offer = |operator: &str, outcome| OfferRecord { operator: operator.into(), outcome, ..plain.offers[0].clone() };
    let turned = |to: &str, kind, outcome| TransferRecord {
        kind,
        by: "1001".into(),
        from: None,
        to: format!("operator {to}"),
        operator: Some(to.into()),
        at: at(number + 10),
        answered_at: Some(at(number + 11)),
        conference_at: None,
        ended_at: Some(at(number + 12)),
        outcome,
    };
    let again = LineRecord { queue: "english".into(), operator: Some("1003".into()), ..plain.lines[0].clone() };
    Record {
        queue: Some("english".into()),
        operator: Some("1003".into()),
        offers: vec![
            plain.offers[0].clone(),
            offer("1004", OfferOutcome::NoAnswer),
            offer("1003", OfferOutcome::Answered),
        ],
        lines: vec![plain.lines[0].clone(), again],
        transfers: vec![
            turned("1005", TransferKind::Consult, TransferOutcome::Returned),
            turned("1002", TransferKind::Attended, TransferOutcome::Transferred),
        ],
        ..plain
    }
}

#[test]
fn callers_are_found_by_the_beginning_or_the_end_of_their_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, _, _told) = open(dir.path());
    for (second, from) in [(0, "+8613900000001"), (100, "13900000002"), (200, "anonymous"), (300, "01065123456")] {
        let (from, ended_at) = (from.to_string(), Some(at(second + 50)));
        store.write(Entry::Closed(Box::new(Record { from, ended_at, ..record(second) })));
    }
    store.close();
    for (part, expected) in [
        ("139000", &["13900000002", "+8613900000001"][..]),
        ("13900000001", &["+8613900000001"]),
        ("+8613900000002", &["13900000002"]),
        ("008613900000002", &["13900000002"]),
        ("+86139", &["13900000002", "+8613900000001"]),
        ("0001", &["+8613900000001"]),
        ("000", &[]),
        ("%", &[]),
        ("010", &["01065123456"]),
        ("anonymous", &["anonymous"]),
    ] {
        let filter = Filter { caller: Some(part.into()), ..Filter::default() };
        let found = search(dir.path(), &filter, 9).unwrap();
        assert_eq!(found.iter().map(|record| &*record.from).collect::<Vec<_>>(), expected, "{part}");
    }
    for (part, many) in [("12345", 4), ("12", 4), ("45", 4), ("+8612345", 4), ("234", 0)] {
        let filter = Filter { to: Some(part.into()), ..Filter::default() };
        assert_eq!(search(dir.path(), &filter, 9).unwrap().len(), many, "{part} was dialled");
    }
}

#[test]
fn a_call_is_found_by_everybody_who_had_it_and_by_every_line_it_visited() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, ..) = open(dir.path());
    store.write(Entry::Closed(Box::new(handed_on(1))));
    store.write(Entry::Closed(Box::new(finished(1000))));
    store.close();
    let (passed, plain) = (record(1).call_id, record(1000).call_id);
    let expected = [
        &[plain, passed][..],
        &[passed],
        &[passed],
        &[],
        &[],
        &[plain, passed],
        &[passed],
        &[],
        &[plain, passed],
        &[passed],
        &[],
    ];
    for ((operator, queue), expected) in WHOSE.iter().zip(expected) {
        let filter = Filter { operator: operator.map(Into::into), queue: queue.map(Into::into), ..Filter::default() };
        let ids = |found: Vec<Record>| found.iter().map(|record| record.call_id).collect::<Vec<_>>();
        assert_eq!(ids(search(dir.path(), &filter, 9).unwrap()), expected, "{operator:?} {queue:?}");
        let first: Vec<CallId> = expected.iter().copied().take(1).collect();
        assert_eq!(ids(search(dir.path(), &filter, 1).unwrap()), first);
        let older = Filter { before: Some(plain), ..filter.clone() };
        let all_but_one: Vec<CallId> = expected.iter().copied().filter(|id| *id != plain).collect();
        assert_eq!(ids(search(dir.path(), &older, 9).unwrap()), all_but_one);
        let text = printed(|out| {
            assert_eq!(write_jsonl(dir.path(), &filter, &TimeZone::UTC, out).unwrap(), expected.len());
        });
        assert_eq!(text.lines().count(), expected.len());
    }
}

#[test]
fn many_calls_of_one_operator_are_exported_each_once() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, ..) = open(dir.path());
    let count = reader::PAGE as u64 + 7;
    for number in 0..count {
        store.write(Entry::Closed(Box::new(finished(number))));
    }
    store.close();
    let filter = Filter { operator: Some("1001".into()), since: Some(at(2)), ..Filter::default() };
    let mut ids = Vec::new();
    let read = each(dir.path(), &filter, |record| {
        ids.push(record.call_id);
        Ok(())
    });
    assert_eq!((read.unwrap() as u64, ids.len() as u64), (count - 2, count - 2));
    assert!(ids.is_sorted_by(|a, b| a < b), "each once, in order");
}

#[test]
fn text_is_found_in_capitals_too_and_no_letter_in_it_stands_for_another() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, ..) = open(dir.path());
    let note = |text: &str| vec![NoteRecord { by: "1001".into(), at: None, text: text.into() }];
    store.write(Entry::Closed(Box::new(Record { notes: note("A Lamp, 100% 路灯"), ..finished(1) })));
    store.write(Entry::Closed(Box::new(Record { notes: note("a_lamp"), ..finished(100) })));
    store.close();
    for (text, expected) in
        [("a lamp", &[1][..]), ("A LAMP", &[1]), ("a_lamp", &[100]), ("100%", &[1]), ("1%1", &[]), ("路灯", &[1])]
    {
        let filter = Filter { text: Some(text.into()), ..Filter::default() };
        let found: Vec<CallId> = search(dir.path(), &filter, 9).unwrap().iter().map(|one| one.call_id).collect();
        assert_eq!(found, expected.iter().map(|one| record(*one).call_id).collect::<Vec<_>>(), "{text}");
    }
}

#[test]
fn who_says_no_number_is_not_one_caller_with_others_who_say_none() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, ..) = open(dir.path());
    let from = |number: u64, from: &str| Record { from: from.into(), ..finished(number) };
    for record in [from(1, "anonymous"), from(2, "anonymous"), from(3, "138"), from(4, "138"), from(5, "")] {
        store.write(Entry::Closed(Box::new(record)));
    }
    store.close();
    let found = |number: &str, but: u64| search::caller(dir.path(), number, record(but).call_id, 3).unwrap().len();
    assert_eq!([found("138", 4), found("anonymous", 2), found("", 5)], [1, 0, 0]);
}

#[test]
fn whom_we_called_back_had_a_contact_by_that() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, ..) = open(dir.path());
    let visit = Record { from: "138".into(), ..finished(1) };
    let back = |number: u64| Record {
        from: "12345".into(),
        to: "138".into(),
        callback_of: Some(visit.call_id),
        ..finished(number)
    };
    for record in [visit.clone(), back(2), back(3), Record { to: "138".into(), ..finished(4) }] {
        store.write(Entry::Closed(Box::new(record)));
    }
    store.close();
    let found = |but: u64, limit: usize| -> Vec<CallId> {
        let found = search::caller(dir.path(), "138", record(but).call_id, limit).unwrap();
        found.iter().map(|one| one.call_id).collect()
    };
    let ids = |numbers: &[u64]| numbers.iter().map(|number| record(*number).call_id).collect::<Vec<_>>();
    assert_eq!((found(5, 3), found(3, 3), found(5, 2)), (ids(&[3, 2, 1]), ids(&[2, 1]), ids(&[3, 2])));
}
