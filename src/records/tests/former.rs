//! Records that former versions wrote.

use super::searching::{WHOSE, handed_on};
use super::*;

/// Changes what is written of a call behind the back of the store.
fn rewrite(dir: &Path, number: u64, change: &str) {
    let db = rusqlite::Connection::open(dir.join(schema::FILE)).unwrap();
    let sql = format!("UPDATE calls SET record = {change} WHERE call_id = ?1");
    assert_eq!(db.execute(&sql, [finished(number).call_id.0]).unwrap(), 1);
}

fn as_former_version(dir: &Path) {
    let db = rusqlite::Connection::open(dir.join(schema::FILE)).unwrap();
    db.execute_batch("DROP TABLE calls_of_operators; DROP TABLE calls_of_queues; DROP INDEX calls_back").unwrap();
    db.pragma_update(None, "user_version", 6).unwrap();
}

fn note(by: &str, second: Option<u64>, text: &str) -> NoteRecord {
    NoteRecord { by: by.into(), at: second.map(at), text: text.into() }
}

#[test]
fn a_note_of_former_times_is_the_note_of_who_wrote_it_last() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, ..) = open(dir.path());
    for number in 1..5 {
        store.write(Entry::Closed(Box::new(finished(number))));
    }
    store.close();
    let former = |number, note: &str, by: &str| {
        let change =
            format!("json_remove(json_set(record, '$.note', {note}, '$.note_by', {by}), '$.notes', '$.holds')");
        rewrite(dir.path(), number, &change);
    };
    former(1, "'路灯坏了'", "'1002'");
    former(2, "NULL", "'1002'");
    former(3, "'a \"lamp\"'", "NULL");
    as_former_version(dir.path());
    let (mut store, ..) = open(dir.path());
    let theirs = Record { notes: vec![note("1002", None, "路灯坏了")], ..finished(1) };
    let operators = Record { notes: vec![note("1001", None, "a \"lamp\"")], ..finished(3) };
    let all = [theirs.clone(), finished(2), operators.clone(), finished(4)];
    assert_eq!(records(dir.path()), all);
    assert_eq!(read_call(dir.path(), theirs.call_id).unwrap(), Some(theirs));
    let found = search(dir.path(), &Filter::default(), 2).unwrap();
    assert_eq!(found, [finished(4), operators]);
    // What is noted now stands beside it, or in its place if the author is the same.
    let write = |store: &mut Store, number: u64, text: &str| {
        let call = finished(number).call_id;
        store.write(Entry::Noted { call, by: "1001".into(), at: at(100), text: text.into() });
    };
    write(&mut store, 1, "mended");
    write(&mut store, 3, "two lamps");
    store.close();
    let both = vec![note("1002", None, "路灯坏了"), note("1001", Some(100), "mended")];
    let later = vec![note("1001", Some(100), "two lamps")];
    let all = records(dir.path());
    assert_eq!((&all[0].notes, &all[2].notes), (&both, &later));
}

#[test]
fn a_referral_of_former_times_is_the_release() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, ..) = open(dir.path());
    let release = ReleaseRecord { ended_at: Some(at(11)), ..ReleaseRecord::new(at(10)) };
    let record =
        Record { release: Some(ReleaseRecord { outcome: ReleaseOutcome::Released, ..release }), ..finished(1) };
    store.write(Entry::Closed(Box::new(record.clone())));
    store.close();
    let former = "json_remove(json_set(record, '$.referral', json_extract(record, '$.release')), '$.release')";
    rewrite(dir.path(), 1, former);
    assert_eq!(records(dir.path()), [record]);
}

#[test]
fn who_had_the_callers_of_former_times_and_which_lines_they_visited_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, ..) = open(dir.path());
    let found = |operator: Option<&str>, queue: Option<&str>| -> Vec<CallId> {
        let filter = Filter { operator: operator.map(Into::into), queue: queue.map(Into::into), ..Filter::default() };
        search(dir.path(), &filter, 9).unwrap().iter().map(|record| record.call_id).collect()
    };
    store.write(Entry::Closed(Box::new(handed_on(1))));
    store.write(Entry::Closed(Box::new(finished(1000))));
    store.write(Entry::Closed(Box::new(finished(2000))));
    store.write(Entry::Opened(Box::new(record(3000))));
    store.close();
    rewrite(dir.path(), 3000, "'{'");
    let before: Vec<_> = WHOSE.iter().map(|(operator, queue)| found(*operator, *queue)).collect();
    as_former_version(dir.path());
    // Whoever asks before that is told what to do.
    let fault = search(dir.path(), &Filter { operator: Some("1001".into()), ..Filter::default() }, 9).unwrap_err();
    let told = fault.to_string();
    assert!(told.contains("start this one on them once (`hotline serve`)") && !told.contains("no such"), "{told}");
    let (store, ..) = open(dir.path());
    store.close();
    let after: Vec<_> = WHOSE.iter().map(|(operator, queue)| found(*operator, *queue)).collect();
    assert_eq!(before, after);
    assert!(after.iter().any(|calls| calls.len() > 1), "{after:?}");
}

const NO_LINES: &str = "json_remove(record, '$.lines')";

#[test]
fn a_call_of_former_times_has_one_visit_to_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, ..) = open(dir.path());
    let gave_up = |number: u64, outcome: Outcome| Record {
        connected_at: None,
        operator: None,
        offers: Vec::new(),
        outcome: Some(outcome),
        wait_ms: 7000,
        within_service_level: Some(false),
        lines: vec![LineRecord {
            left_at: Some(at(number + 9)),
            outcome: if outcome == Outcome::Callback { LineOutcome::Callback } else { LineOutcome::Abandoned },
            wait_ms: 7000,
            within_service_level: Some(false),
            ..waiting(number)
        }],
        ..finished(number)
    };
    let late = Record { within_service_level: Some(false), ..finished(4) };
    let late =
        Record { lines: vec![LineRecord { within_service_level: Some(false), ..late.lines[0].clone() }], ..late };
    let never_queued = Record {
        queued_at: None,
        queue: None,
        wait_ms: 0,
        within_service_level: None,
        lines: Vec::new(),
        ..finished(5)
    };
    let (second, third) = (gave_up(2, Outcome::AbandonedInQueue), gave_up(3, Outcome::Callback));
    let all = [finished(1), second, third, late, never_queued];
    for record in &all {
        store.write(Entry::Closed(Box::new(record.clone())));
    }
    store.close();
    for number in 1..=5 {
        rewrite(dir.path(), number, NO_LINES);
    }
    assert_eq!(records(dir.path()), all);
}

#[test]
fn calls_that_a_former_version_left_open_end_as_those_of_today() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, ..) = open(dir.path());
    // What follows from the moments was filled in at the end only.
    let open_call = |record: Record| Record { ended_at: None, outcome: None, wait_ms: 0, talk_ms: 0, ..record };
    let waits = Record { connected_at: None, operator: None, within_service_level: None, ..finished(100_010) };
    store.write(Entry::Opened(Box::new(open_call(finished(100_000)))));
    store.write(Entry::Opened(Box::new(open_call(waits))));
    store.write(Entry::Heartbeat { at: at(100_030) });
    store.close();
    rewrite(dir.path(), 100_000, NO_LINES);
    rewrite(dir.path(), 100_010, NO_LINES);
    let (store, ..) = Store::open(dir.path(), at(100_100), Box::new(|_| ())).unwrap();
    store.close();
    let ends: Vec<_> = records(dir.path())
        .into_iter()
        .map(|record| (record.wait_ms, record.talk_ms, record.within_service_level, record.lines[0].outcome))
        .collect();
    assert_eq!(
        ends,
        [(3000, 25_000, Some(true), LineOutcome::Answered), (18_000, 0, Some(false), LineOutcome::Restarted)]
    );
    let text = printed(|out| assert!(write_queue_log(dir.path(), Range::default(), out).unwrap() > 0));
    assert!(text.contains("|citizen|1001|COMPLETECALLER|3|25|1\n"), "{text}");
    assert!(text.contains("|citizen|NONE|ABANDON|1|1|18\n"), "{text}");
}

#[test]
fn a_damaged_record_keeps_neither_the_house_closed_nor_the_others_back() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, _, told) = open(dir.path());
    for number in 1..=3 {
        store.write(Entry::Opened(Box::new(record(number))));
    }
    let ticket = store.write(Entry::Closed(Box::new(finished(1))));
    wait_for(&told, ticket);
    store.close();
    rewrite(dir.path(), 2, "'{'");
    let (store, recovered, _) = open(dir.path());
    store.close();
    assert_eq!(recovered.closed, [record(3).call_id], "the damaged one is told of by the log alone");
    let ids = |records: Vec<Record>| records.iter().map(|record| record.call_id).collect::<Vec<_>>();
    let mut all = Vec::new();
    read(dir.path(), Range::default(), |record| {
        all.push(record);
        Ok(())
    })
    .unwrap();
    assert_eq!(ids(all), [record(1).call_id, record(3).call_id]);
    let found = search(dir.path(), &Filter::default(), 10).unwrap();
    assert_eq!(ids(found), [record(3).call_id, record(1).call_id]);
    assert!(read_call(dir.path(), record(2).call_id).is_err(), "asked for by itself it is said what is wrong");
    let (store, recovered, _) = open(dir.path());
    store.close();
    assert!(recovered.closed.is_empty());
}

#[test]
fn of_a_talk_that_was_taken_over_former_records_named_from_whom() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, ..) = open(dir.path());
    let taken = TransferRecord {
        kind: TransferKind::TakenOver,
        by: "1010".into(),
        from: Some("1001".into()),
        to: "operator 1010".into(),
        operator: Some("1010".into()),
        at: at(20),
        answered_at: Some(at(20)),
        conference_at: None,
        ended_at: Some(at(20)),
        outcome: TransferOutcome::Transferred,
    };
    let record = Record { transfers: vec![taken], ..finished(1) };
    store.write(Entry::Closed(Box::new(record.clone())));
    store.close();
    assert_eq!(records(dir.path()), std::slice::from_ref(&record));
    rewrite(dir.path(), 1, "json_remove(json_set(record, '$.transfers[0].by', '1001'), '$.transfers[0].from')");
    assert_eq!(records(dir.path()), [record]);
}
