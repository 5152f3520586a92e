//! How long the engine's log is kept, and where a replay begins.

use super::*;

const HOUR: u64 = 3_600_000_000;

fn hour(number: u64) -> Moment {
    Moment::from_micros(number * HOUR)
}

fn inputs_after(log: &Log, seq: u64) -> Vec<u64> {
    let mut inputs = Vec::new();
    log.inputs(seq, hour(100_000), |logged| {
        inputs.push(logged.seq);
        Ok(())
    })
    .unwrap();
    inputs
}

/// A checkpoint every six hours of twenty days, an input every hour.
#[test]
fn the_log_is_kept_for_eight_days_with_a_checkpoint_for_each() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, _, told) = open(dir.path());
    for seq in 1..=480 {
        store.write(Entry::Input { seq, at: hour(seq), input: format!("{seq}") });
        store.write(Entry::Decision { seq, at: hour(seq), call: None, output: format!("after {seq}") });
        if seq % 6 == 0 {
            store.write(Entry::Checkpoint { seq, at: hour(seq), state: format!("{seq}") });
        }
    }
    let ticket = store.write(Entry::Opened(Box::new(record(1))));
    wait_for(&told, ticket);
    store.close();
    let log = Log::open(dir.path()).unwrap();
    let first = log.checkpoint(hour(0)).unwrap().unwrap();
    assert_eq!(first.seq, 288, "twelve days went, eight are there");
    assert_eq!(log.checkpoint(hour(400)).unwrap().unwrap().seq, 384, "each day has its first");
    assert_eq!(log.checkpoint(hour(1000)).unwrap().unwrap().seq, 480, "and the latest is there");
    let mut inputs = Vec::new();
    log.inputs(384, hour(390), |logged| {
        inputs.push(logged.seq);
        Ok(())
    })
    .unwrap();
    assert_eq!(inputs, [385, 386, 387, 388, 389, 390]);
    let oldest = inputs_after(&log, 0)[0];
    let decisions = log.decisions(0, 0).unwrap();
    assert_eq!((oldest, decisions[0].1.seq), (289, 288), "older ones are gone");
}

/// An input every hour, and checkpoints at starts only: one long ago, two on the twentieth day.
#[test]
fn a_day_in_which_the_house_was_started_twice_can_be_told_from_its_beginning() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, _, told) = open(dir.path());
    let inputs = |store: &mut Store, hours: std::ops::RangeInclusive<u64>| {
        for seq in hours {
            store.write(Entry::Input { seq, at: hour(seq), input: format!("{seq}") });
        }
    };
    let starts =
        |store: &mut Store, seq: u64| store.write(Entry::Checkpoint { seq, at: hour(seq), state: format!("{seq}") });
    inputs(&mut store, 1..=2);
    starts(&mut store, 2);
    inputs(&mut store, 3..=490);
    starts(&mut store, 490);
    inputs(&mut store, 491..=492);
    let ticket = starts(&mut store, 492);
    wait_for(&told, ticket);
    let midnight = hour(480);
    let log = Log::open(dir.path()).unwrap();
    let begin = log.checkpoint(midnight).unwrap().unwrap();
    assert_eq!(begin.seq, 2, "there is none after it that is before this midnight");
    assert!(inputs_after(&log, begin.seq).into_iter().eq(3..=492));
    // Nine days later that day is not kept any more, and what was before it is of no use.
    let ticket = starts(&mut store, 492 + 9 * 24);
    wait_for(&told, ticket);
    store.close();
    let log = Log::open(dir.path()).unwrap();
    assert_eq!(log.checkpoint(midnight).unwrap().unwrap().seq, 492);
    assert!(inputs_after(&log, 0).is_empty());
}

/// A line of the queue log and a flip a day for five hundred days, and one heartbeat at the end.
#[test]
fn the_queue_log_and_the_flips_of_switches_do_not_grow_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, _, told) = open(dir.path());
    let mut flipped = Ticket::default();
    for day in 0..500 {
        let (event, at) = ("CONNECT", hour(day * 24));
        store.write(Entry::Event(QueueEvent { at, call: None, queue: None, operator: None, event, data: Vec::new() }));
        flipped = store.write(Entry::Switch { at, door: "office".to_string().into(), flip: format!("{day}") });
    }
    wait_for(&told, flipped);
    store.write(Entry::Heartbeat { at: hour(500 * 24) });
    store.close();
    let db = rusqlite::Connection::open(dir.path().join("hotline.db")).unwrap();
    for table in ["events", "switches"] {
        let oldest: u64 = db.query_row(&format!("SELECT min(at) FROM {table}"), [], |row| row.get(0)).unwrap();
        assert_eq!(oldest, hour(100 * 24).as_micros(), "{table}");
    }
}
