//! How long the engine's log is kept, and where a replay begins.

use super::*;

/// A checkpoint every six hours of twenty days, an input every hour.
#[test]
fn the_log_is_kept_for_eight_days_with_a_checkpoint_for_each() {
    const HOUR: u64 = 3_600_000_000;
    let dir = tempfile::tempdir().unwrap();
    let (mut store, _, told) = open(dir.path());
    let hour = |n: u64| Moment::from_micros(n * HOUR);
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
    let mut oldest = u64::MAX;
    log.inputs(0, hour(1000), |logged| {
        oldest = oldest.min(logged.seq);
        Ok(())
    })
    .unwrap();
    let decisions = log.decisions(0, 0).unwrap();
    assert_eq!((oldest, decisions[0].1.seq), (289, 288), "older ones are gone");
}
