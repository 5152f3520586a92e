//! What is written when: together, at once, or with what comes later.

use super::*;

/// Opens, and tells all that is said of what is written.
fn telling(dir: &Path) -> (Store, Receiver<Written>) {
    let (tell, told) = channel();
    let (store, _) = Store::open(dir, at(0), Box::new(move |written| tell.send(written).unwrap_or_default())).unwrap();
    (store, told)
}

fn opened(ms: u64) -> Entry {
    Entry::Opened(Box::new(Record { arrived_at: at(1) + Duration::from_millis(ms), ..record(1 + ms) }))
}

#[test]
fn what_is_waited_for_is_written_together_when_it_is_handed_over() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, told) = telling(dir.path());
    store.write(opened(0));
    store.write(opened(1));
    let last = store.write(opened(2));
    let (tell, woken) = channel();
    let waits = std::thread::spawn(move || {
        tell.send(store.wait_for_openings(last, 3 * WAIT)).unwrap();
        store
    });
    assert_eq!(woken.recv_timeout(WAIT), Ok(last), "it is woken");
    let mut store = waits.join().unwrap();
    assert_eq!(told.recv_timeout(WAIT).unwrap(), Written { calls: last, all: last }, "with one commit");
    assert_eq!(store.wait_for_openings(last, Duration::ZERO), last);
    store.close();
}

#[test]
fn what_nobody_waits_for_is_written_once_for_many_calls() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, told) = telling(dir.path());
    let mut open = |ms: u64| {
        let decision = store.write(Entry::Decision { seq: ms, at: at(1), call: None, output: "{}".into() });
        let opening = store.write(opened(ms));
        store.hand_over();
        (decision, opening, told.recv_timeout(WAIT).unwrap())
    };
    let (_, first, written) = open(0);
    assert_eq!(written, Written { calls: first, all: first }, "nothing was written for a while");
    // A machine that stands still for a tenth of a second on the way writes all of them.
    let soon = [20, 40, 60, 80].map(&mut open);
    let alone =
        |(decision, opening, written): &(Ticket, Ticket, Written)| written.calls == *opening && written.all < *decision;
    assert!(soon.iter().any(alone), "{soon:?}");
    let (_, last, written) = open(200);
    assert_eq!(written, Written { calls: last, all: last }, "what lay for a tenth of a second");
    let is_written = |at: u64| matches!(read_call(dir.path(), record(1 + at).call_id), Ok(Some(_)));
    assert!([0, 20, 40, 60, 80, 200].into_iter().all(is_written));
    // Where no call comes any more the rest is not forgotten.
    let (_, last, written) = open(220);
    assert!(written.all == last || told.recv_timeout(WAIT).unwrap().all == last);
    store.close();
}
