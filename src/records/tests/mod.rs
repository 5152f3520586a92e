//! Real files in temporary folders; a crash is a copy of the files while the store is open.

mod crashes;
mod export;
mod former;
mod log;
mod recordings;
mod searching;
mod writing;

use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use jiff::tz::TimeZone;

use super::*;
use crate::ids::CallId;
use crate::moment::Moment;

const WAIT: Duration = Duration::from_secs(20);

fn at(seconds: u64) -> Moment {
    Moment::from_micros(1_763_955_000_000_000 + seconds * 1_000_000)
}

fn record(number: u64) -> Record {
    let arrived_at = at(number);
    Record {
        call_id: CallId::next(CallId(0), arrived_at.as_millis()),
        sip_call_id: format!("call{number}@host"),
        from: "+8613800000000".into(),
        to: "12345".into(),
        trunk: Some("local".into()),
        arrived_at,
        answered_at: None,
        queued_at: None,
        connected_at: None,
        ended_at: None,
        language: None,
        choices: String::new(),
        digits: Default::default(),
        menu_path: Vec::new(),
        queue: None,
        need: None,
        operator: None,
        seat: None,
        offers: Vec::new(),
        outcome: None,
        ended_by: None,
        wait_ms: 0,
        talk_ms: 0,
        talking_since: None,
        hold_ms: 0,
        within_service_level: None,
        recording: None,
        quality: None,
        operator_quality: None,
        one_way: Vec::new(),
        survey: None,
        survey_at: None,
        message_at: None,
        release: None,
        lines: Vec::new(),
        handoff: Vec::new(),
        sent_on: Vec::new(),
        transfers: Vec::new(),
        supervised: Vec::new(),
        lost: Vec::new(),
        holds: Vec::new(),
        direct: Vec::new(),
        notes: Vec::new(),
        sip_status: None,
        reason: None,
        first_dialled: None,
        diverted_because: None,
        callback_of: None,
        attempt: None,
        expected_wait_ms: None,
    }
}

/// Its visit to a line that it has not left yet.
fn waiting(number: u64) -> LineRecord {
    LineRecord {
        queue: "citizen".into(),
        joined_at: at(number + 2),
        left_at: None,
        outcome: LineOutcome::Waits,
        operator: None,
        wait_ms: 0,
        within_service_level: None,
    }
}

fn finished(number: u64) -> Record {
    Record {
        answered_at: Some(at(number)),
        queued_at: Some(at(number + 2)),
        connected_at: Some(at(number + 5)),
        ended_at: Some(at(number + 65)),
        language: Some("zh".into()),
        choices: "1".into(),
        digits: [("case".into(), "123".into())].into(),
        menu_path: vec!["welcome".into(), "case".into()],
        queue: Some("citizen".into()),
        need: Some("mandarin >= 1".into()),
        operator: Some("1001".into()),
        seat: Some("8001".into()),
        offers: vec![OfferRecord {
            operator: "1001".into(),
            seat: "8001".into(),
            at: at(number + 2),
            outcome: OfferOutcome::Answered,
            ms: 3000,
        }],
        lines: vec![LineRecord {
            left_at: Some(at(number + 5)),
            outcome: LineOutcome::Answered,
            operator: Some("1001".into()),
            wait_ms: 3000,
            within_service_level: Some(true),
            ..waiting(number)
        }],
        outcome: Some(Outcome::Answered),
        ended_by: Some(EndedBy::Caller),
        wait_ms: 3000,
        talk_ms: 60_000,
        within_service_level: Some(true),
        quality: Some(Quality { mos: 4.4, scale: Scale::default(), loss: 0.0, jitter_ms: 0.5, far: None }),
        sip_status: Some(200),
        ..record(number)
    }
}

fn open(dir: &Path) -> (Store, Recovered, Receiver<Ticket>) {
    let (tell, told) = channel();
    let (store, recovered) =
        Store::open(dir, at(100_000), Box::new(move |written| tell.send(written.all).unwrap_or_default())).unwrap();
    (store, recovered, told)
}

fn wait_for(told: &Receiver<Ticket>, ticket: Ticket) {
    while told.recv_timeout(WAIT).unwrap() < ticket {}
}

/// The files as a crash would leave them.
fn crash(dir: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        if !entry.file_name().to_string_lossy().ends_with("-shm") {
            std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
    }
    copy
}

fn records(dir: &Path) -> Vec<Record> {
    let mut all = Vec::new();
    read(dir, Range::default(), |record| {
        all.push(record);
        Ok(())
    })
    .unwrap();
    all
}

fn printed(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_note_on_a_closed_call_changes_nothing_else_and_is_durable() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, _, told) = open(dir.path());
    store.write(Entry::Opened(Box::new(record(1))));
    store.write(Entry::Closed(Box::new(finished(1))));
    store.write(Entry::Closed(Box::new(finished(2))));
    let noted = |text: &str, by: &str, second: u64| Entry::Noted {
        call: finished(1).call_id,
        by: by.into(),
        at: at(second),
        text: text.into(),
    };
    store.write(noted("a lamp is \"bro", "1001", 100));
    store.write(noted("路灯坏了", "1002", 101));
    let ticket = store.write(noted("a lamp is \"broken\"", "1001", 102));
    wait_for(&told, ticket);
    let after = crash(dir.path());
    let (mut store, _, told) = open(after.path());
    let by = |by: &str, second, text: &str| NoteRecord { by: by.into(), at: Some(at(second)), text: text.into() };
    let theirs = by("1002", 101, "路灯坏了");
    let expected = Record { notes: vec![by("1001", 102, "a lamp is \"broken\""), theirs.clone()], ..finished(1) };
    assert_eq!(records(after.path()), [expected, finished(2)], "each author has one, as they wrote it last");
    wait_for(&told, store.write(noted("", "1001", 103)));
    assert_eq!(records(after.path())[0], Record { notes: vec![theirs], ..finished(1) });
    store.close();
}

#[test]
fn a_torn_log_loses_at_most_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, _, told) = open(dir.path());
    for number in 0..40 {
        let ticket = store.write(Entry::Opened(Box::new(record(number))));
        store.hand_over();
        store.write(Entry::Closed(Box::new(finished(number))));
        wait_for(&told, ticket);
    }
    let length = std::fs::metadata(dir.path().join("hotline.db-wal")).unwrap().len();
    let mut kept = 40;
    for cut in 0..30 {
        let torn = crash(dir.path());
        let wal = torn.path().join("hotline.db-wal");
        std::fs::File::options().write(true).open(&wal).unwrap().set_len(length - length * cut / 30).unwrap();
        let (store, recovered, _told) = open(torn.path());
        store.close();
        let all = records(torn.path());
        assert!(all.len() <= kept, "cutting more cannot leave more");
        assert!(recovered.closed.len() <= 1, "only the last commit can be half a call");
        for (number, record) in all.iter().enumerate() {
            assert_eq!(record.call_id, super::tests::record(number as u64).call_id, "a hole in the records");
        }
        kept = all.len();
    }
    assert!(kept < 40);
}

#[test]
fn log_and_registrations_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, _, told) = open(dir.path());
    for seq in 1..=9_000 {
        store.write(Entry::Input { seq, at: at(seq), input: format!("input {seq}") });
        if seq % 3_000 == 0 {
            store.write(Entry::Checkpoint { seq, at: at(seq), state: format!("state {seq}") });
        }
    }
    store.write(Entry::Binding { seat: "8001".into(), binding: Some("first".into()) });
    store.write(Entry::Binding { seat: "8002".into(), binding: Some("second".into()) });
    store.write(Entry::Binding { seat: "8001".into(), binding: None });
    store.write(Entry::Input { seq: 9_001, at: at(9_001), input: "last".into() });
    let ticket = store.write(Entry::Opened(Box::new(record(1))));
    wait_for(&told, ticket);
    store.close();
    let (mut store, recovered, _told) = open(dir.path());
    assert_eq!(
        recovered.checkpoints.iter().map(|c| (c.seq, c.state.as_str())).collect::<Vec<_>>(),
        [(9_000, "state 9000"), (6_000, "state 6000")]
    );
    assert_eq!(recovered.inputs.len(), 3_001);
    assert_eq!((recovered.inputs.last(), recovered.last_input), (Some(&(9_001, at(9_001), "last".to_string())), 9_001));
    assert_eq!(recovered.bindings, [("8002".into(), "second".to_string())]);
    // What could not be used is not met again.
    store.write(Entry::Restored { checkpoint: 6_000, last: 7_000 });
    store.close();
    let (store, recovered, _told) = open(dir.path());
    // The day's first is there still, to go on from if this one is damaged.
    assert_eq!((recovered.checkpoints.len(), recovered.inputs.len(), recovered.last_input), (2, 4_000, 7_000));
    store.close();
    let db = rusqlite::Connection::open(dir.path().join("hotline.db")).unwrap();
    let left: u64 = db.query_row("SELECT count(*) FROM inputs", [], |row| row.get(0)).unwrap();
    assert!(left < 9_000, "inputs before the checkpoints are pruned, {left} are left");
}

#[test]
fn one_folder_has_one_writer_and_many_readers() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, _, told) = open(dir.path());
    let second = Store::open(dir.path(), at(0), Box::new(|_| ()));
    assert!(matches!(second, Err(StoreFault::InUse(_))));
    for number in 0..50 {
        store.write(Entry::Opened(Box::new(record(number))));
        store.write(Entry::Closed(Box::new(finished(number))));
    }
    let ticket = store.write(Entry::Opened(Box::new(record(50))));
    wait_for(&told, ticket);
    assert_eq!(records(dir.path()).len(), 50, "readable while the writer holds it; open calls are not told");
    assert_eq!(read_call(dir.path(), record(50).call_id).unwrap(), Some(record(50)));
    assert_eq!(store.backlog(), 0);
    store.close();
    let (store, _, _told) = open(dir.path());
    store.close();
}

#[test]
fn a_full_disk_is_survived_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let (tell, told) = channel();
    let path = dir.path().join("hotline.db");
    let (mut store, _) =
        Store::open(dir.path(), at(0), Box::new(move |written| tell.send(written.all).unwrap_or_default())).unwrap();
    // Another connection holds the only write lock: commits fail as on a disk that is full.
    let blocker = rusqlite::Connection::open(&path).unwrap();
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let ticket = store.write(Entry::Opened(Box::new(record(1))));
    assert!(told.recv_timeout(WAIT).unwrap() < ticket, "told durable what is not");
    assert!(store.fault().is_some());
    assert_eq!(store.fault().as_deref(), Some("database is locked"));
    assert_eq!(store.backlog(), 1);
    blocker.execute_batch("ROLLBACK").unwrap();
    wait_for(&told, ticket);
    assert!(store.fault().is_none());
    assert_eq!(store.fault(), None);
    store.close();
    assert_eq!(read_call(dir.path(), record(1).call_id).unwrap(), Some(record(1)));
}

/// A store whose writer waits for leave after each commit.
fn by_leave(dir: &Path) -> (Store, Receiver<Ticket>, std::sync::mpsc::Sender<()>) {
    let ((tell, told), (go_on, leave)) = (channel(), channel::<()>());
    let wait = move |written: Written| {
        tell.send(written.all).unwrap_or_default();
        leave.recv().unwrap_or_default();
    };
    let (mut store, _) = Store::open(dir, at(0), Box::new(wait)).unwrap();
    let first = store.write(Entry::Heartbeat { at: at(60) });
    wait_for(&told, first);
    store.look(at(60));
    (store, told, go_on)
}

fn decisions(store: &mut Store, count: usize) {
    for _ in 0..count {
        store.write(Entry::Decision { seq: 1, at: at(61), call: None, output: "{}".into() });
    }
}

/// What is said in these seconds, looked at as often as it asks for: a second, and whether all is well, whenever that is
/// otherwise than before.
fn looks(store: &mut Store, seconds: std::ops::RangeInclusive<u64>) -> Vec<(u64, bool)> {
    let mut seen = vec![(*seconds.start(), store.fault().is_none())];
    for second in seconds {
        store.look(at(second));
        if seen.last().is_some_and(|(_, was)| *was != store.fault().is_none()) {
            seen.push((second, store.fault().is_none()));
        }
    }
    seen
}

#[test]
fn a_disk_that_hangs_is_told_of_when_it_has_taken_nothing_for_five_seconds() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, told, go_on) = by_leave(dir.path());
    assert_eq!(looks(&mut store, 60..=90), [(60, true)], "nothing is to be written");
    assert_eq!(store.next_deadline(), None);
    // In a house where nothing else happens.
    let last = store.write(Entry::Heartbeat { at: at(90) });
    assert_eq!(store.next_deadline(), Some(at(91)));
    assert_eq!(looks(&mut store, 91..=110), [(91, true), (95, false)]);
    assert_eq!(store.fault().as_deref(), Some("the disk hangs, or is not well again yet"));
    go_on.send(()).unwrap();
    wait_for(&told, last);
    assert_eq!(looks(&mut store, 111..=120), [(111, false), (111, true)]);
    assert_eq!((store.fault(), store.next_deadline()), (None, None));
    drop(go_on);
    store.close();
}

#[test]
fn a_disk_that_is_slow_does_not_hang_nor_one_that_catches_up() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, told, go_on) = by_leave(dir.path());
    decisions(&mut store, 20_000);
    store.write(Entry::Heartbeat { at: at(61) });
    assert_eq!(looks(&mut store, 61..=70), [(61, true), (65, false)]);
    assert!(!store.takes());
    // From here on it takes 2,000 entries in four seconds: it did not hang since 70.
    let mut seen = Vec::new();
    for second in (71..107).step_by(4) {
        go_on.send(()).unwrap();
        told.recv_timeout(WAIT).unwrap();
        seen.extend(looks(&mut store, second..=second + 3).into_iter().skip(1));
        assert!(store.takes(), "calls may wait for it");
    }
    assert_eq!((seen, store.backlog() > 0), (vec![(100, true)], true));
    drop(go_on);
    store.close();
}

#[test]
fn a_house_that_stood_still_does_not_take_its_disk_for_one_that_hangs() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, _told, go_on) = by_leave(dir.path());
    store.write(Entry::Heartbeat { at: at(61) });
    assert_eq!(looks(&mut store, 61..=63), [(61, true)]);
    assert_eq!(looks(&mut store, 93..=94), [(93, true)], "it was stopped for half a minute");
    assert_eq!(looks(&mut store, 95..=99), [(95, true), (98, false)], "since then nothing was taken");
    drop(go_on);
    store.close();
}

#[test]
fn a_store_is_closed_on_a_disk_that_fails_for_good() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, _, told) = open(dir.path());
    let blocker = rusqlite::Connection::open(dir.path().join("hotline.db")).unwrap();
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    store.write(Entry::Opened(Box::new(record(1))));
    told.recv_timeout(WAIT).unwrap();
    let (done, is_done) = channel();
    std::thread::spawn(move || {
        store.close();
        done.send(()).unwrap();
    });
    is_done.recv_timeout(WAIT + WAIT).expect("the store does not close");
}

#[test]
fn a_reader_who_pauses_lets_the_log_be_emptied() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, _, told) = open(dir.path());
    let write = |store: &mut Store, number: u64| {
        store.write(Entry::Closed(Box::new(finished(number))));
        store.write(Entry::Event(QueueEvent {
            at: at(number / 3),
            call: None,
            queue: None,
            operator: None,
            event: "PAUSE",
            data: vec![number.to_string()],
        }));
    };
    let count = reader::PAGE as u64 * 2 + 7;
    (0..count).for_each(|number| write(&mut store, number));
    let ticket = store.write(Entry::Opened(Box::new(record(count))));
    wait_for(&told, ticket);
    let db = rusqlite::Connection::open(dir.path().join("hotline.db")).unwrap();
    let can_be_emptied = || {
        let busy: bool = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
        assert!(!busy, "a reader holds the log");
    };
    let mut ids = Vec::new();
    let read = read(dir.path(), Range::default(), |record| {
        if ids.len() % 500 == 0 {
            can_be_emptied();
        }
        ids.push(record.call_id);
        Ok(())
    });
    assert_eq!((read.unwrap() as u64, ids.len() as u64), (count, count));
    assert!(ids.is_sorted_by(|a, b| a < b), "each once, in order");
    let text = printed(|out| assert!(write_queue_log(dir.path(), Range::default(), out).unwrap() > 0));
    let numbers: Vec<u64> = text
        .lines()
        .filter(|line| line.contains("|PAUSE|"))
        .map(|line| line.rsplit('|').next().unwrap().parse().unwrap())
        .collect();
    assert!(numbers.into_iter().eq(0..count));
    store.close();
}

#[test]
fn what_cannot_be_opened_is_said() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("hotline.db"), "this is no database, whatever its name says".repeat(100)).unwrap();
    let fault = Store::open(dir.path(), at(0), Box::new(|_| ())).err().unwrap().to_string();
    assert!(fault.contains("hotline.db") && fault.contains("move the file away"), "{fault}");
    let fault = Store::open(&dir.path().join("hotline.db"), at(0), Box::new(|_| ())).err().unwrap().to_string();
    assert!(fault.contains("hotline.db"), "{fault}");
    let nothing = tempfile::tempdir().unwrap();
    assert!(matches!(read(nothing.path(), Range::default(), |_| Ok(())), Err(ReadFault::Nothing(_))));
}
