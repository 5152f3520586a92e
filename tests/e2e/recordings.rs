//! Recordings of real calls: who is on which side, hold, silence on demand, transfers, what a kill, a full disk and a
//! key do to them, and what the API hands out.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use hotline::ids::CallId;
use hotline::moment::Moment;
use hotline::records::{Access, Entry, Record, Store, Ticket};
use serde_json::{Value, json};

use crate::house::{Files, House, PATIENCE, hotline};
use crate::peers::Softphone;
use crate::sound::{Heard, write_tone};

const CALLER_HZ: u32 = 440;
const OPERATOR_HZ: u32 = 700;
const COLLEAGUE_HZ: u32 = 1130;

fn text<'a>(record: &'a Value, key: &str) -> &'a str {
    record[key].as_str().unwrap_or_default()
}

/// A house that records, and says so in its menu.
fn files(more: &str) -> Files {
    let mut files = Files::new(None);
    files.hotline += &format!("[recording]\ncalls = true\n{more}");
    files
}

fn tone(house: &House, hz: u32) -> String {
    let path = house.dir().join(format!("{hz}.wav"));
    write_tone(&path, hz, 60);
    path.display().to_string()
}

fn seat(house: &House, seat: &str, hz: u32) -> Softphone {
    let say = tone(house, hz);
    Softphone::seat(house, seat, "open-sesame", &["--answer-after", "1s", "--say", &say])
}

fn order(house: &House, by: &str, order: &[&str]) {
    let calls = hotline().args(["calls", "--data"]).arg(house.data()).output().unwrap();
    let calls = String::from_utf8(calls.stdout).unwrap();
    let call = calls.split_whitespace().next().expect("an open call").to_string();
    let status = hotline().args(["order", &call, "--by", by, "--data"]).arg(house.data()).args(order).status().unwrap();
    assert!(status.success(), "{order:?}");
}

/// Left and right, as `hotline recording` copies them out.
fn copied(house: &House, record: &Value) -> [Heard; 2] {
    let to = house.dir().join("copied.wav");
    let mut command = hotline();
    command.args(["recording", text(record, "call_id"), "--output"]).arg(&to);
    let out = command.arg("--data").arg(house.data()).arg("--config").arg(house.dir().join("config")).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    // Who listens is written down.
    let written = Access::open(&house.data()).and_then(|access| access.audits(None, 9)).unwrap();
    assert_eq!(written[0].what, format!("hotline recording {}", text(record, "call_id")), "{written:?}");
    let bytes = std::fs::read(to).unwrap();
    [0, 1].map(|channel| Heard::of_a_law(&bytes, channel))
}

fn file(house: &House, record: &Value) -> PathBuf {
    house.data().join(text(&record["recording"], "file"))
}

#[test]
fn caller_and_operator_are_on_their_sides_and_hold_and_pause_are_silence() {
    let house = House::open(&files(""));
    let _seat = seat(&house, "8001", OPERATOR_HZ);
    let say = tone(&house, CALLER_HZ);
    let mut caller = Softphone::call(&house, "12346", &["--say", &say, "--for", "24s"]);
    caller.wait("answered");
    house.wait_log(&["recorded from here on"]);
    std::thread::sleep(Duration::from_secs(3));
    order(&house, "1001", &["hold"]);
    std::thread::sleep(Duration::from_secs(3));
    order(&house, "1001", &["resume"]);
    std::thread::sleep(Duration::from_secs(2));
    order(&house, "1001", &["pause-recording"]);
    std::thread::sleep(Duration::from_secs(3));
    order(&house, "1001", &["resume-recording"]);
    assert!(caller.end());
    let record = house.wait_records(1).remove(0);
    let recording = &record["recording"];
    let index = recording["index"].as_array().unwrap();
    let told: Vec<(&str, bool)> = index.iter().map(|entry| (text(entry, "stage"), entry["paused"] == true)).collect();
    let expected = [("talking", false), ("holding", false), ("talking", false), ("talking", true), ("talking", false)];
    assert_eq!(told, expected, "{record:#}");
    let at = |entry: usize| index[entry]["at_ms"].as_f64().unwrap() / 1000.0;
    let silent = at(2) - at(1) + at(4) - at(3);
    let length = recording["length_ms"].as_f64().unwrap() / 1000.0;
    for (heard, hz, others) in copied(&house, &record)
        .iter()
        .zip([CALLER_HZ, OPERATOR_HZ])
        .zip([OPERATOR_HZ, CALLER_HZ])
        .map(|((heard, hz), others)| (heard, hz, others))
    {
        assert!((heard.seconds() - length).abs() < 0.1);
        let (said, expected) = (heard.seconds_of(hz), length - silent);
        assert!((said - expected).abs() < 1.5, "{hz}: {said} s of {expected} s in {length} s: {record:#}");
        assert!(heard.seconds_of(others) == 0.0, "{others} is on the other side");
    }
    let bytes = std::fs::read(file(&house, &record)).unwrap();
    let hash = data_encoding::HEXLOWER.encode(&<sha2::Sha256 as sha2::Digest>::digest(&bytes));
    assert_eq!((text(recording, "sha256"), recording["bytes"].as_u64()), (&*hash, Some(bytes.len() as u64)));
    // Players that we did not write.
    if let Ok(told) = Command::new("ffprobe").args(["-v", "error", "-show_streams"]).arg(file(&house, &record)).output()
    {
        let told = String::from_utf8_lossy(&told.stdout).to_string();
        assert!(told.contains("codec_name=pcm_alaw") && told.contains("channels=2"), "{told}");
    }
}

#[test]
fn one_file_holds_the_call_when_it_is_handed_to_a_colleague() {
    let mut files = files("");
    files.operators += "[[seat]]\nid = \"8003\"\nsecret = \"open-sesame\"\n\
        [[operator]]\nid = \"1003\"\nname = \"Clara\"\nskills = { other = 5 }\nseat = \"8003\"\n";
    let house = House::open(&files);
    let (_one, _other) = (seat(&house, "8001", OPERATOR_HZ), seat(&house, "8003", COLLEAGUE_HZ));
    let say = tone(&house, CALLER_HZ);
    let by_caller = house.dir().join("by-caller.wav");
    let record_to = by_caller.display().to_string();
    let mut caller = Softphone::call(&house, "12346", &["--say", &say, "--record", &record_to, "--for", "25s"]);
    caller.wait("answered");
    house.wait_log(&["recorded from here on"]);
    std::thread::sleep(Duration::from_secs(2));
    order(&house, "1001", &["consult", "operator:1003"]);
    house.wait_log(&["answered", "at=seat 8003"]);
    std::thread::sleep(Duration::from_secs(2));
    order(&house, "1001", &["complete"]);
    assert!(caller.end());
    let record = house.wait_records(1).remove(0);
    let operators: Vec<&str> =
        record["recording"]["index"].as_array().unwrap().iter().map(|entry| text(entry, "operator")).collect();
    assert_eq!((operators.first(), operators.last()), (Some(&"1001"), Some(&"1003")), "{record:#}");
    let [_, right] = copied(&house, &record);
    let (first, second) = (right.seconds_of(OPERATOR_HZ), right.seconds_of(COLLEAGUE_HZ));
    let heard = Heard::read(&by_caller).seconds_of(COLLEAGUE_HZ);
    assert!(first > 1.0 && second > 3.0, "{first} s, then {second} s, where the caller heard {heard} s: {record:#}");
    let together = house.data().join("recordings");
    let days = std::fs::read_dir(together).unwrap().count();
    assert_eq!(days, 1);
}

#[test]
fn a_kill_leaves_a_file_that_plays_and_the_next_start_completes_it_sealed_or_not() {
    for sealed in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("config")).unwrap();
        std::fs::write(dir.path().join("config/keys"), "0f".repeat(32)).unwrap();
        let mut house = House::open_in(dir, &files(if sealed { "key_file = \"keys\"\n" } else { "" }));
        let _seat = seat(&house, "8001", OPERATOR_HZ);
        let say = tone(&house, CALLER_HZ);
        let mut caller = Softphone::call(&house, "12346", &["--say", &say, "--for", "60s"]);
        caller.wait("answered");
        house.wait_log(&["recorded from here on"]);
        std::thread::sleep(Duration::from_secs(6));
        house.crash_and_restart();
        drop(caller);
        house.wait_log(&["a recording that was cut is complete up to there"]);
        let until = std::time::Instant::now() + PATIENCE;
        let record = loop {
            let record = house.wait_records(1).remove(0);
            if record["recording"]["sha256"].is_string() {
                break record;
            }
            assert!(std::time::Instant::now() < until, "{record:#}");
            std::thread::sleep(Duration::from_millis(100));
        };
        assert_eq!(
            (text(&record, "outcome"), record["recording"]["encrypted"].as_bool()),
            ("system_restart", Some(sealed))
        );
        let bytes = std::fs::read(file(&house, &record)).unwrap();
        let hash = data_encoding::HEXLOWER.encode(&<sha2::Sha256 as sha2::Digest>::digest(&bytes));
        assert_eq!((text(&record["recording"], "sha256"), bytes.starts_with(b"RIFF")), (&*hash, !sealed));
        for (heard, hz) in copied(&house, &record).iter().zip([CALLER_HZ, OPERATOR_HZ]) {
            assert!(heard.seconds_of(hz) > 2.5, "{} s of {hz} in {} s", heard.seconds_of(hz), heard.seconds());
        }
        if sealed {
            std::fs::write(house.dir().join("config/keys"), "f0".repeat(32)).unwrap();
            let mut command = hotline();
            command.args(["recording", text(&record, "call_id")]).arg("--data").arg(house.data());
            let out = command.arg("--config").arg(house.dir().join("config")).output().unwrap();
            let told = String::from_utf8_lossy(&out.stderr).to_string();
            assert!(!out.status.success() && told.contains("does not have its key"), "{told}");
        }
    }
}

#[test]
fn where_nothing_can_be_written_the_call_goes_on_and_the_record_says_why() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("config")).unwrap();
    std::fs::write(dir.path().join("config/full"), "no folder").unwrap();
    let house = House::open_in(dir, &files("folder = \"full\"\n"));
    let _seat = seat(&house, "8001", OPERATOR_HZ);
    let heard = house.dir().join("heard.wav");
    let record_to = heard.display().to_string();
    let mut caller = Softphone::call(&house, "12346", &["--record", &record_to, "--for", "15s"]);
    caller.wait("answered");
    assert!(caller.end());
    let record = house.wait_records(1).remove(0);
    assert_eq!((text(&record, "outcome"), &record["recording"]["file"]), ("answered", &Value::Null), "{record:#}");
    assert!(record["recording"]["why"].is_string(), "{record:#}");
    let said = Heard::read(&heard).seconds_of(OPERATOR_HZ);
    assert!(said > 4.0, "{said} s were heard");
}

#[test]
fn a_disk_that_is_full_in_the_middle_ends_the_recording_not_the_call_and_what_is_there_plays() {
    if !House::may_have_little_room() {
        return eprintln!("no file system of its own may be mounted here: not tried");
    }
    let dir = tempfile::tempdir().unwrap();
    let small = files("folder = \"small\"\nformat = \"opus\"\n");
    let house = House::open_with_little_room(dir, &small, "config/small", "100k");
    let _seat = seat(&house, "8001", OPERATOR_HZ);
    let heard = house.dir().join("heard.wav");
    let record_to = heard.display().to_string();
    let say = tone(&house, CALLER_HZ);
    let mut caller = Softphone::call(&house, "12346", &["--say", &say, "--record", &record_to, "--for", "22s"]);
    caller.wait("answered");
    assert!(caller.end());
    let record = house.wait_records(1).remove(0);
    let recording = &record["recording"];
    assert!(text(recording, "why").contains("space"), "{record:#}");
    let length = recording["length_ms"].as_f64().unwrap() / 1000.0;
    assert!((4.0..6.5).contains(&length), "100 kB of 16 kB a second: {length} s");
    let said = Heard::read(&heard).seconds_of(OPERATOR_HZ);
    assert!(said > length + 3.0, "{said} s were heard, {length} s recorded");
    // There is no room for another form of it either: it stays as the record says.
    house.wait_log(&["a recording stays WAV until the next try", "space"]);
    let name = text(recording, "file").strip_prefix("recordings/").unwrap();
    let bytes = std::fs::read(house.as_it_sees(&house.dir().join("config/small").join(name))).unwrap();
    let hash = data_encoding::HEXLOWER.encode(&<sha2::Sha256 as sha2::Digest>::digest(&bytes));
    assert_eq!((text(recording, "sha256"), recording["bytes"].as_u64()), (&*hash, Some(bytes.len() as u64)));
    for (channel, hz) in [CALLER_HZ, OPERATOR_HZ].into_iter().enumerate() {
        let heard = Heard::of_a_law(&bytes, channel);
        assert!((heard.seconds() - length).abs() < 0.1 && heard.seconds_of(hz) > length - 2.0, "{hz}");
    }
}

#[test]
fn nothing_is_recorded_before_the_caller_has_heard_the_notice_to_its_end() {
    let house = House::open(&files(""));
    // Who answers in the middle of it and says nothing.
    let _seat = Softphone::seat(&house, "8001", "open-sesame", &["--answer-after", "1s"]);
    let heard = house.dir().join("heard.wav");
    let (say, record_to) = (tone(&house, CALLER_HZ), heard.display().to_string());
    let caller = Softphone::call(&house, "12346", &["--say", &say, "--record", &record_to, "--for", "20s"]);
    assert!(caller.end());
    let record = house.wait_records(1).remove(0);
    let recorded = record["recording"]["length_ms"].as_f64().unwrap() / 1000.0;
    let heard = Heard::read(&heard);
    let notice = Heard::read(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("prompts/zh/notice.wav"));
    let ended = heard.end_of(&notice).expect("the notice was heard");
    let after = heard.seconds() - ended;
    assert!(recorded > 3.0 && recorded < after + 0.5, "{recorded} s are recorded, {after} s came after the notice");
}

#[test]
fn what_is_too_old_is_deleted_when_the_house_opens_its_record_says_so_and_what_is_younger_stays() {
    const DAY: u64 = 24 * 3600;
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let (tell, told) = std::sync::mpsc::channel();
    let tell = Box::new(move |written| tell.send(written).unwrap_or_default());
    let (mut store, _) = Store::open(&data, Moment::from_micros(now * 1_000_000), tell).unwrap();
    let mut last = Ticket::default();
    for days in [31, 29] {
        let at = Moment::from_micros((now - days * DAY) * 1_000_000);
        let call = CallId::next(CallId(0), at.as_millis());
        let file = format!("recordings/{}/{call}.{}", day(at), if days == 31 { "opus" } else { "wav" });
        std::fs::create_dir_all(data.join(&file).parent().unwrap()).unwrap();
        std::fs::write(data.join(&file), "sound").unwrap();
        let record = serde_json::from_value::<Record>(json!({
            "call_id": call, "sip_call_id": "x", "from": "1", "to": "12345", "arrived_at": at, "ended_at": at,
            "choices": "", "offers": [], "outcome": "answered", "wait_ms": 0, "talk_ms": 0, "hold_ms": 0,
            "recording": { "file": file, "sha256": "00" },
        }));
        let record = Box::new(record.unwrap());
        store.write(Entry::Opened(record.clone()));
        last = store.write(Entry::Closed(record));
    }
    while told.recv_timeout(PATIENCE).expect("it is written").all < last {}
    store.close();
    let house = House::open_in(dir, &files("keep_days = 30\n"));
    house.wait_log(&["deleted: their time was over", "recordings=1"]);
    let until = std::time::Instant::now() + PATIENCE;
    let [old, young] = loop {
        let records: [Value; 2] = house.wait_records(2).try_into().unwrap();
        if records[0]["recording"]["deleted_at"].is_string() {
            break records;
        }
        assert!(std::time::Instant::now() < until, "{records:#?}");
        std::thread::sleep(Duration::from_millis(100));
    };
    assert!(!file(&house, &old).exists() && !file(&house, &old).parent().unwrap().exists());
    assert!(file(&house, &young).exists() && young["recording"]["deleted_at"].is_null(), "{young:#}");
    let mut command = hotline();
    command.args(["recording", text(&old, "call_id")]).arg("--data").arg(house.data());
    let out = command.arg("--config").arg(house.dir().join("config")).output().unwrap();
    let told = String::from_utf8_lossy(&out.stderr).to_string();
    assert!(!out.status.success() && told.contains("its time was over"), "{told}");
}

/// As the folders of days are named.
fn day(at: Moment) -> String {
    hotline::records::rfc3339(at, &jiff::tz::TimeZone::UTC).chars().take(10).collect()
}
