//! What goes out of the files: JSON lines, CSV, the queue log of Asterisk.

use std::collections::BTreeMap;

use super::*;

fn three_calls() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, _, _told) = open(dir.path());
    store.write(Entry::Closed(Box::new(finished(0))));
    store.write(Entry::Closed(Box::new(Record {
        from: "=cmd|' /C calc'!A0".into(),
        ended_at: Some(at(120)),
        ..record(100)
    })));
    store.write(Entry::Closed(Box::new(Record {
        ended_at: Some(at(300)),
        notes: vec![
            NoteRecord { by: "1001".into(), at: Some(at(600)), text: "a lamp".into() },
            NoteRecord { by: "1002".into(), at: None, text: "=too\u{9b}2J\r\nand more".into() },
        ],
        choices: "\x1b[2J".into(),
        digits: BTreeMap::from([("case".into(), "\u{85}".into())]),
        ..record(200)
    })));
    store.write(Entry::Event(QueueEvent {
        at: at(5),
        call: Some(record(0).call_id),
        queue: Some("citizen".into()),
        operator: Some("1001".into()),
        event: "CONNECT",
        data: vec!["3".into(), "a|b\nc\x1b".into()],
    }));
    store.write(Entry::Event(QueueEvent {
        at: at(6),
        call: None,
        queue: None,
        operator: None,
        event: "CONFIGRELOAD",
        data: Vec::new(),
    }));
    store.close();
    dir
}

#[test]
fn json_lines_have_the_promised_form() {
    let dir = three_calls();
    let beijing = TimeZone::fixed(jiff::tz::offset(8));
    let text = printed(|out| assert!(write_jsonl(dir.path(), &Filter::default(), &beijing, out).unwrap() > 0));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3);
    let said: Vec<serde_json::Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(said[2]["notes"][1]["text"], "=too\u{9b}2J\r\nand more", "nothing is lost");
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "and nothing acts on a terminal: {text}");
    assert_eq!(
        lines[0],
        concat!(
            r#"{"call_id":"1kasyjgp00000","sip_call_id":"call0@host","from":"+8613800000000","to":"12345","trunk":"local","#,
            r#""arrived_at":"2025-11-24T11:30:00.000+08:00","answered_at":"2025-11-24T11:30:00.000+08:00","#,
            r#""queued_at":"2025-11-24T11:30:02.000+08:00","connected_at":"2025-11-24T11:30:05.000+08:00","#,
            r#""ended_at":"2025-11-24T11:31:05.000+08:00","language":"zh","choices":"1","queue":"citizen","need":"mandarin >= 1","#,
            r#""operator":"1001","seat":"8001","offers":[{"operator":"1001","seat":"8001","at":"2025-11-24T11:30:02.000+08:00","#,
            r#""outcome":"answered","ms":3000}],"lines":[{"queue":"citizen","#,
            r#""joined_at":"2025-11-24T11:30:02.000+08:00","left_at":"2025-11-24T11:30:05.000+08:00","outcome":"answered","#,
            r#""operator":"1001","wait_ms":3000,"within_service_level":true}],"outcome":"answered","ended_by":"caller","wait_ms":3000,"talk_ms":60000,"hold_ms":0,"#,
            r#""within_service_level":true,"recording":null,"quality":{"mos":4.4,"scale":"narrowband","loss":0.0,"jitter_ms":0.5},"survey":null,"sip_status":200,"#,
            r#""callback_of":null,"attempt":null,"expected_wait_ms":null,"handoff":[],"digits":{"case":"123"},"menu_path":["welcome","case"],"#,
            r#""transfers":[],"supervised":[],"lost":[],"holds":[],"notes":[],"operator_quality":null,"one_way":[],"#,
            r#""first_dialled":null,"diverted_because":null,"reason":null,"survey_at":null,"message_at":null,"release":null,"direct":[],"sent_on":[]}"#,
        )
    );
    let range = Filter { since: Some(at(100)), until: Some(at(200)), ..Filter::default() };
    let text = printed(|out| assert!(write_jsonl(dir.path(), &range, &TimeZone::UTC, out).unwrap() > 0));
    assert_eq!(text.lines().count(), 1, "since is included, until is not: {text}");
    for (operator, lines) in [("1001", 1), ("1002", 0)] {
        let theirs = Filter { operator: Some(operator.into()), ..Filter::default() };
        let text = printed(|out| assert_eq!(write_jsonl(dir.path(), &theirs, &TimeZone::UTC, out).unwrap(), lines));
        assert_eq!(text.lines().count(), lines, "{operator}");
    }
}

#[test]
fn csv_is_a_table_without_formulas() {
    let dir = three_calls();
    let text = printed(|out| assert!(write_csv(dir.path(), &Filter::default(), &TimeZone::UTC, out).unwrap() > 0));
    let mut table = csv::Reader::from_reader(text.as_bytes());
    let header: Vec<String> = table.headers().unwrap().iter().map(String::from).collect();
    let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
    let cell =
        |row: usize, name: &str| rows[row].get(header.iter().position(|h| h == name).unwrap()).unwrap().to_string();
    assert_eq!(cell(0, "from"), "+8613800000000");
    assert_eq!(cell(1, "from"), "'=cmd|' /C calc'!A0");
    assert_eq!(
        (cell(0, "mos"), cell(0, "mos_scale"), cell(0, "wait_ms"), cell(0, "outcome")),
        ("4.4".into(), "narrowband".into(), "3000".into(), "answered".into())
    );
    assert!(cell(0, "offers").starts_with("[{"), "{}", cell(0, "offers"));
    assert_eq!((cell(0, "digits"), cell(0, "menu_path")), (r#"{"case":"123"}"#.into(), "welcome case".into()));
    assert_eq!(cell(2, "connected_at"), "");
    assert_eq!(cell(2, "notes"), "1001 2025-11-24 03:40:00: a lamp; 1002: =too\\u009b2J\nand more");
    assert_eq!((cell(2, "choices"), cell(2, "digits")), ("\\u001b[2J".into(), r#"{"case":"\u0085"}"#.into()));
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text}");
}

#[test]
fn the_queue_log_is_asterisks() {
    let dir = three_calls();
    let text = printed(|out| assert!(write_queue_log(dir.path(), Range::default(), out).unwrap() > 0));
    assert_eq!(
        text,
        "1763955005|1kasyjgp00000|citizen|1001|CONNECT|3|a b c\\u001b\n1763955006|NONE|NONE|NONE|CONFIGRELOAD\n1764055000|NONE|NONE|NONE|QUEUESTART\n"
    );
}

#[test]
fn where_a_caller_was_sent_on_is_told_in_lines_and_in_a_cell() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, ..) = open(dir.path());
    let sent = SentOnRecord {
        by: SentBy::Line,
        to: "01065139999".into(),
        trunk: Some("carrier".into()),
        operator: None,
        at: at(10),
        answered_at: Some(at(12)),
        ended_at: Some(at(65)),
        outcome: TransferOutcome::Transferred,
    };
    store.write(Entry::Closed(Box::new(Record { sent_on: vec![sent], ..finished(0) })));
    store.close();
    let told = concat!(
        r#"[{"by":"line","to":"01065139999","trunk":"carrier","operator":null,"at":"2025-11-24T03:30:10.000+00:00","#,
        r#""answered_at":"2025-11-24T03:30:12.000+00:00","ended_at":"2025-11-24T03:31:05.000+00:00","outcome":"transferred"}]"#,
    );
    let lines = printed(|out| assert!(write_jsonl(dir.path(), &Filter::default(), &TimeZone::UTC, out).is_ok()));
    assert!(lines.trim_end().ends_with(&format!(r#""sent_on":{told}}}"#)), "{lines}");
    let table = printed(|out| assert!(write_csv(dir.path(), &Filter::default(), &TimeZone::UTC, out).is_ok()));
    let row = csv::Reader::from_reader(table.as_bytes()).records().next().unwrap().unwrap();
    let cell: serde_json::Value = serde_json::from_str(row.iter().next_back().unwrap()).unwrap();
    assert_eq!(cell, serde_json::from_str::<serde_json::Value>(told).unwrap());
}

#[test]
fn a_record_written_before_a_field_existed_is_read() {
    let mut old = serde_json::to_value(finished(1)).unwrap();
    for field in [
        "callback_of",
        "attempt",
        "expected_wait_ms",
        "digits",
        "menu_path",
        "transfers",
        "supervised",
        "lost",
        "holds",
        "notes",
        "first_dialled",
        "diverted_because",
        "reason",
        "direct",
        "sent_on",
    ] {
        assert!(old.as_object_mut().unwrap().remove(field).is_some(), "{field}");
    }
    let plain = Record { digits: Default::default(), menu_path: Vec::new(), ..finished(1) };
    assert_eq!(serde_json::from_value::<Record>(old).unwrap(), plain);
}

#[test]
fn whoever_called_back_finds_the_call_also_when_they_passed_it_on() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, _, _told) = open(dir.path());
    let called_back = |number: u64| Record { callback_of: Some(record(0).call_id), ..finished(number) };
    let passed_on = TransferRecord {
        kind: TransferKind::Blind,
        by: "1002".into(),
        from: None,
        to: "operator 1001".into(),
        operator: Some("1001".into()),
        at: at(20),
        answered_at: Some(at(21)),
        conference_at: None,
        ended_at: Some(at(21)),
        outcome: TransferOutcome::Transferred,
    };
    store.write(Entry::Closed(Box::new(finished(1))));
    store.write(Entry::Closed(Box::new(Record { transfers: vec![passed_on], ..called_back(10) })));
    store.write(Entry::Closed(Box::new(called_back(20))));
    store.close();
    let of = |operator: &str, limit| -> Vec<CallId> {
        let found = called_back_by(dir.path(), &operator.into(), at(0), limit).unwrap();
        found.iter().map(|record| record.call_id).collect()
    };
    assert_eq!(of("1002", 9), [record(10).call_id]);
    assert_eq!(of("1001", 9), [record(20).call_id, record(10).call_id], "the latest first");
    assert_eq!(of("1001", 1), [record(20).call_id]);
    assert!(of("1003", 9).is_empty());
}
