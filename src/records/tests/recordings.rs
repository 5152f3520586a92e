//! What becomes known of recordings when their calls are over.

use super::*;

const FILE: &str = "recordings/2025-11-24/1.wav";

fn recorded(number: u64, sha256: Option<&str>) -> Record {
    let recording = Recording { file: Some(FILE.into()), sha256: sha256.map(Into::into), ..Recording::default() };
    Record { recording: Some(recording), ended_at: Some(at(number + 60)), ..record(number) }
}

#[test]
fn a_change_is_of_the_file_that_the_record_names_and_leaves_alone_what_it_does_not_tell() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, _, told) = open(dir.path());
    let record = recorded(1, Some("5a"));
    let call = record.call_id;
    store.write(Entry::Opened(Box::new(record.clone())));
    store.write(Entry::Closed(Box::new(record)));
    let change = |file: Option<&str>, bytes: u64| RecordingChange {
        file: file.map(Into::into),
        bytes: Some(bytes),
        ..RecordingChange::default()
    };
    let small = "recordings/2025-11-24/1.opus";
    let mut write = |of: Option<&str>, change: RecordingChange| {
        let ticket = store.write(Entry::Recording { call, of: of.map(Into::into), change });
        wait_for(&told, ticket);
        let recording = read_call(dir.path(), call).unwrap().unwrap().recording.unwrap();
        (recording.file.unwrap(), recording.bytes, recording.sha256)
    };
    let hash = Some("5a".to_string());
    assert_eq!(
        write(Some("messages/1.wav"), change(None, 1)),
        (FILE.into(), None, hash.clone()),
        "that is another file"
    );
    assert_eq!(write(Some(FILE), change(Some(small), 2)), (small.into(), Some(2), hash.clone()));
    assert_eq!(write(Some(FILE), change(Some(FILE), 3)), (small.into(), Some(2), hash.clone()), "it came too late");
    assert_eq!(write(None, change(None, 4)), (small.into(), Some(4), hash.clone()));
    let fault = RecordingChange { why: Some("the disk is full".into()), ..change(None, 5) };
    assert_eq!(write(None, fault), (small.into(), Some(4), hash), "a fault of another file: this one is complete");
}

#[test]
fn what_is_complete_and_wav_still_is_found_and_what_a_kill_cut_apart_from_it() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, _, told) = open(dir.path());
    let (complete, cut, mut small, mut deleted) =
        (recorded(1, Some("5a")), recorded(2, None), recorded(3, Some("5b")), recorded(4, Some("5c")));
    small.recording.as_mut().unwrap().file = Some("recordings/2025-11-24/3.opus".into());
    deleted.recording.as_mut().unwrap().deleted_at = Some(at(99));
    for record in [&complete, &cut, &small, &deleted] {
        store.write(Entry::Opened(Box::new(record.clone())));
        store.write(Entry::Closed(Box::new(record.clone())));
    }
    let ticket = store.write(Entry::Opened(Box::new(record(5))));
    wait_for(&told, ticket);
    let since = Moment::default();
    assert_eq!(wav_recordings(dir.path(), since).unwrap(), [complete.call_id]);
    assert_eq!(unfinished_recordings(dir.path(), since).unwrap(), [(cut.call_id, FILE.to_string())]);
    assert!(wav_recordings(dir.path(), at(1_000_000)).unwrap().is_empty());
}

#[test]
fn what_was_not_to_be_recorded_is_no_fault() {
    let with = |why: &str| Recording { why: Some(why.into()), ..Recording::default() };
    for (why, is_fault) in [(NOT_NOTICED, false), (LEFT_OUTSIDE, false), ("no space left on device", true)] {
        assert_eq!(with(why).fault(), is_fault.then_some(why));
    }
}
