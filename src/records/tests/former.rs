//! Records that former versions wrote.

use super::*;

/// Changes what is written of a call behind the back of the store.
fn rewrite(dir: &Path, number: u64, change: &str) {
    let db = rusqlite::Connection::open(dir.join(schema::FILE)).unwrap();
    let sql = format!("UPDATE calls SET record = {change} WHERE call_id = ?1");
    assert_eq!(db.execute(&sql, [finished(number).call_id.0]).unwrap(), 1);
}

fn as_former_version(dir: &Path) {
    let db = rusqlite::Connection::open(dir.join(schema::FILE)).unwrap();
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
