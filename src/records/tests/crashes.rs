//! What a crash leaves, and how the next start ends it.

use super::*;

#[test]
fn what_was_durable_survives_a_crash_and_open_calls_are_closed_once() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, recovered, told) = open(dir.path());
    assert!(recovered.closed.is_empty() && recovered.last_call == CallId(0));
    store.write(Entry::Opened(Box::new(record(1))));
    store.write(Entry::Closed(Box::new(finished(1))));
    store.write(Entry::Opened(Box::new(record(10))));
    let hold = |from, to: Option<u64>| HoldRecord { by: Holder::Operator, at: at(from), ended_at: to.map(at) };
    let consults = TransferRecord {
        kind: TransferKind::Consult,
        by: "1001".into(),
        from: None,
        to: "operator 1002".into(),
        operator: Some("1002".into()),
        at: at(30),
        answered_at: Some(at(31)),
        conference_at: None,
        ended_at: None,
        outcome: TransferOutcome::GoesOn,
    };
    let rang_in_vain = SentOnRecord {
        by: SentBy::Menu,
        to: "01065139999".into(),
        trunk: Some("carrier".into()),
        operator: None,
        at: at(11),
        answered_at: None,
        ended_at: Some(at(12)),
        outcome: TransferOutcome::NoAnswer,
    };
    let answered = SentOnRecord {
        answered_at: Some(at(15)),
        ended_at: None,
        outcome: TransferOutcome::GoesOn,
        ..rang_in_vain.clone()
    };
    store.write(Entry::Changed(Box::new(Record {
        ended_at: None,
        outcome: None,
        talk_ms: 0,
        talking_since: Some(at(15)),
        holds: vec![hold(16, Some(18)), hold(38, None)],
        transfers: vec![consults],
        sent_on: vec![rang_in_vain.clone(), answered],
        ..finished(10)
    })));
    store.write(Entry::Heartbeat { at: at(40) });
    let ticket = store.write(Entry::Opened(Box::new(record(60))));
    wait_for(&told, ticket);
    let after = crash(dir.path());

    let (store, recovered, _told) = open(after.path());
    assert_eq!(recovered.closed, [record(10).call_id, record(60).call_id]);
    assert_eq!(recovered.last_call, record(60).call_id);
    store.close();
    let all = records(after.path());
    assert_eq!(all.len(), 3);
    assert_eq!(all[0], finished(1));
    let cut = &all[1];
    assert_eq!(
        (cut.outcome, cut.ended_by, cut.ended_at),
        (Some(Outcome::SystemRestart), Some(EndedBy::System), Some(at(40)))
    );
    assert_eq!((cut.wait_ms, cut.talk_ms, cut.hold_ms), (3000, 25_000, 12_000), "the last hold is within the asking");
    assert_eq!(cut.holds[1].ended_at, Some(at(40)));
    assert_eq!((cut.transfers[0].ended_at, cut.transfers[0].outcome.as_str()), (Some(at(40)), "restarted"));
    let cut_off = (cut.sent_on[1].answered_at, cut.sent_on[1].ended_at, cut.sent_on[1].outcome.as_str());
    assert_eq!((&cut.sent_on[0], cut_off), (&rang_in_vain, (Some(at(15)), Some(at(40)), "restarted")));
    assert_eq!(all[2].ended_at, Some(at(60)), "no earlier than its arrival");
    let (store, recovered, _told) = open(after.path());
    assert!(recovered.closed.is_empty(), "closed a second time");
    store.close();
}

#[test]
fn whom_the_carriers_had_put_together_a_crash_did_not_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, _, told) = open(dir.path());
    for number in [1, 2] {
        store.write(Entry::Opened(Box::new(record(number))));
        let open_call = Record { ended_at: None, outcome: None, ended_by: None, ..finished(number) };
        let release = ReleaseRecord::new(at(20));
        store.write(Entry::Changed(Box::new(Record { release: Some(release.clone()), ..open_call.clone() })));
        if number == 2 {
            let outcome = ReleaseOutcome::Released;
            let release = Some(ReleaseRecord { ended_at: Some(at(25)), outcome, ..release });
            let (outcome, ended_by) = (Some(Outcome::TransferredOut), Some(EndedBy::Released));
            store.write(Entry::Changed(Box::new(Record { release, outcome, ended_by, ..open_call })));
        }
    }
    wait_for(&told, store.write(Entry::Heartbeat { at: at(27) }));
    let after = crash(dir.path());
    let (store, ..) = open(after.path());
    store.close();
    let ends = |record: &Record| (record.outcome, record.ended_by, record.ended_at);
    let all = records(after.path());
    assert_eq!(ends(&all[0]), (Some(Outcome::SystemRestart), Some(EndedBy::System), Some(at(27))));
    assert_eq!(all[0].release.as_ref().unwrap().outcome, ReleaseOutcome::Restarted, "nobody knows");
    assert_eq!(ends(&all[1]), (Some(Outcome::TransferredOut), Some(EndedBy::Released), Some(at(25))));
    let log = printed(|out| assert!(write_queue_log(after.path(), Range::default(), out).is_ok()));
    let told = |number: u64| log.lines().filter(|line| line.contains(&finished(number).call_id.to_string())).count();
    assert_eq!((told(1), told(2)), (1, 0), "{log}");
}

#[test]
fn a_talk_that_a_crash_cut_is_added_to_those_that_were_over() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, _, told) = open(dir.path());
    store.write(Entry::Opened(Box::new(record(1))));
    let open_call = Record { ended_at: None, outcome: None, talk_ms: 7000, ..finished(1) };
    store.write(Entry::Changed(Box::new(Record { talking_since: Some(at(20)), ..open_call })));
    store.write(Entry::Heartbeat { at: at(30) });
    // Seen later than the last sign of life.
    store.write(Entry::Input { seq: 1, at: at(40), input: "{}".into() });
    wait_for(&told, store.write(Entry::Opened(Box::new(record(60)))));
    let after = crash(dir.path());
    let (store, recovered, _told) = open(after.path());
    assert_eq!(recovered.alive_at, at(40));
    store.close();
    let cut = records(after.path()).remove(0);
    assert_eq!((cut.talk_ms, cut.talking_since, cut.ended_at), (27_000, None, Some(at(40))));
}

#[test]
fn after_a_crash_the_queue_log_ends_what_was_begun() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, _, told) = open(dir.path());
    let signs = |store: &mut Store, operator: &str, event| {
        let (operator, data) = (Some(operator.into()), vec!["SIP/8001".into()]);
        store.write(Entry::Event(QueueEvent { at: at(100_001), call: None, queue: None, operator, event, data }));
    };
    signs(&mut store, "1001", "AGENTLOGIN");
    signs(&mut store, "1002", "AGENTLOGIN");
    signs(&mut store, "1002", "AGENTLOGOFF");
    let open_call = |record: Record| Record { ended_at: None, outcome: None, ..record };
    store.write(Entry::Opened(Box::new(open_call(finished(100_000)))));
    store.write(Entry::Opened(Box::new(Record {
        connected_at: None,
        lines: vec![waiting(100_010)],
        ..open_call(finished(100_010))
    })));
    store.write(Entry::Heartbeat { at: at(100_030) });
    let ticket = store.write(Entry::Opened(Box::new(record(100_020))));
    wait_for(&told, ticket);
    let after = crash(dir.path());
    let again = |dir: &Path| {
        let (store, ..) = Store::open(dir, at(100_100), Box::new(|_| ())).unwrap();
        store.close();
        printed(|out| assert!(write_queue_log(dir, Range::default(), out).unwrap() > 0))
    };
    let words = |line: &str| line.split('|').skip(2).collect::<Vec<_>>().join("|");
    let told: Vec<String> = again(after.path()).lines().skip(4).map(words).collect();
    assert_eq!(
        told,
        [
            "citizen|1001|COMPLETECALLER|3|25|1",
            "citizen|NONE|ABANDON|1|1|18",
            "NONE|1001|AGENTLOGOFF|SIP/8001",
            "NONE|NONE|QUEUESTART"
        ]
    );
    let twice: Vec<String> = again(after.path()).lines().skip(8).map(words).collect();
    assert_eq!(twice, ["NONE|NONE|QUEUESTART"], "nobody signs out twice");
}
