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
    assert_eq!(told.try_iter().last(), Some(Written { calls: last, all: last }));
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
        // A machine that stands still for a tenth of a second on the way has more written.
        let written = std::iter::from_fn(|| told.recv_timeout(WAIT).ok()).find(|written| written.calls >= opening);
        (decision, opening, written.unwrap())
    };
    let (_, first, written) = open(0);
    assert_eq!(written, Written { calls: first, all: first }, "nothing was written for a while");
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
    assert!(
        written.all >= last || std::iter::from_fn(|| told.recv_timeout(WAIT).ok()).any(|written| written.all >= last)
    );
    store.close();
}

#[test]
fn what_somebody_waits_for_is_written_with_the_next_opening() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, told) = telling(dir.path());
    let mut before = Written::default();
    for ms in [0, 20] {
        let asked = store.write(Entry::Input { seq: ms + 1, at: at(1), input: "{}".into() });
        assert_eq!(store.want_all(), asked);
        let opening = store.write(opened(ms));
        store.hand_over();
        while before.calls < opening {
            before = told.recv_timeout(WAIT).unwrap();
        }
        assert!(before.all >= asked, "{before:?}");
    }
    store.close();
}

#[test]
fn what_is_due_is_what_was_handed_over() {
    let batch = [(Ticket(5), Entry::Heartbeat { at: at(1) }), (Ticket(6), opened(0)), (Ticket(7), opened(1))];
    let due = |calls, all| writer::is_due(&batch, Written { calls: Ticket(calls), all: Ticket(all) });
    assert_eq!([due(0, 0), due(5, 0), due(6, 0), due(9, 0)], [false, false, true, true], "openings");
    assert_eq!([due(0, 4), due(0, 5)], [false, true], "everything");
}

#[test]
fn whoever_waits_for_an_opening_is_not_content_with_others() {
    let dir = tempfile::tempdir().unwrap();
    // The first commit is done, and not told.
    let (mut store, told, go_on) = by_leave(dir.path());
    let last = store.write(opened(0));
    assert!(store.wait_for_openings(last, Duration::ZERO) < last);
    let (tell, woken) = channel();
    let waits = std::thread::spawn(move || {
        tell.send(store.wait_for_openings(last, 3 * WAIT)).unwrap();
        store
    });
    go_on.send(()).unwrap();
    wait_for(&told, last);
    assert!(woken.try_recv().is_err(), "its commit is done, and not told");
    go_on.send(()).unwrap();
    assert_eq!(woken.recv_timeout(WAIT), Ok(last));
    drop(go_on);
    waits.join().unwrap().close();
}

#[test]
fn no_more_is_put_off_than_is_written_soon() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, told) = telling(dir.path());
    for ms in 0..2 {
        for seq in 0..writer::LATER as u64 {
            store.write(Entry::Decision { seq, at: at(1), call: None, output: "{}".into() });
        }
        let opening = store.write(opened(ms));
        store.hand_over();
        let written = std::iter::from_fn(|| told.recv_timeout(WAIT).ok()).find(|written| written.calls >= opening);
        assert_eq!(written, Some(Written { calls: opening, all: opening }));
    }
    store.close();
}
