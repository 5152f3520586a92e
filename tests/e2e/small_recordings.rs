//! Recordings that become Ogg/Opus when they are complete: played by a program that we did not write, held against what
//! was said, told of by record and API to the byte, and never lost on the way there.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::house::{Files, House, PATIENCE, hotline};
use crate::peers::Softphone;
use crate::sound::{Heard, write_speech};
use crate::web::{Browser, set_password};

/// Longer than each prompt, so that every second of it is there.
const WHOLE: u32 = 8;

fn text<'a>(record: &'a Value, key: &str) -> &'a str {
    record[key].as_str().unwrap_or_default()
}

fn files(more: &str) -> Files {
    let mut files = Files::new(None);
    files.hotline += &format!("[recording]\ncalls = true\nformat = \"opus\"\n{more}");
    files
}

/// What somebody says for a minute, and how that sounds.
fn speech(house: &House, prompt: &str) -> (String, Heard) {
    let (path, whole) = (house.dir().join("says.wav"), house.dir().join("whole.wav"));
    let path = path.with_file_name(format!("{}.wav", prompt.replace(['/', '.'], "-")));
    write_speech(&path, prompt, 60);
    write_speech(&whole, prompt, WHOLE);
    (path.display().to_string(), Heard::read(&whole))
}

/// Waits until the recordings of all calls are small, and the record on the disk says so.
fn small(house: &House, calls: usize) -> Vec<Value> {
    let until = Instant::now() + PATIENCE;
    loop {
        let records = house.wait_records(calls);
        if records.iter().all(|record| text(&record["recording"], "file").ends_with(".opus")) {
            return records;
        }
        assert!(Instant::now() < until, "{records:#?}\n{}", house.log());
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn copied(house: &House, record: &Value) -> PathBuf {
    let to = house.dir().join(format!("{}.opus", text(record, "call_id")));
    let mut command = hotline();
    command.args(["recording", text(record, "call_id"), "--output"]).arg(&to);
    let out = command.arg("--data").arg(house.data()).arg("--config").arg(house.dir().join("config")).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    to
}

/// Each channel, as the codec's own makers decode it.
fn played(path: &Path, channels: usize) -> Vec<Heard> {
    let info = Command::new("opusinfo").arg(path).output().expect("opus-tools is installed: scripts/setup test");
    let told = String::from_utf8_lossy(&info.stdout).to_string() + &String::from_utf8_lossy(&info.stderr);
    assert!(info.status.success() && !told.contains("WARNING") && !told.contains("ERROR"), "{told}");
    let wav = path.with_extension("decoded.wav");
    let out = Command::new("opusdec").args(["--quiet", "--rate", "8000"]).args([path, &wav]).output().expect("opusdec");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    (0..channels).map(|channel| Heard::read_channel(&wav, channel)).collect()
}

/// The record tells of the file as it lies there, and of nothing else that lies beside it.
fn check_file(house: &House, record: &Value) {
    let recording = &record["recording"];
    let file = house.data().join(text(recording, "file"));
    let bytes = std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let hash = data_encoding::HEXLOWER.encode(&<sha2::Sha256 as sha2::Digest>::digest(&bytes));
    assert_eq!((text(recording, "sha256"), recording["bytes"].as_u64()), (&*hash, Some(bytes.len() as u64)));
    let until = Instant::now() + PATIENCE;
    while file.with_extension("wav").exists() || file.with_extension("part").exists() {
        assert!(Instant::now() < until, "the WAV is not needed any more");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn two_talks_that_end_at_once_are_small_files_of_what_was_said_on_their_sides() {
    let mut files = files("");
    files.operators += "[[seat]]\nid = \"8003\"\nsecret = \"open-sesame\"\n\
        [[operator]]\nid = \"1003\"\nname = \"Clara\"\nsupervisor = true\nskills = { mandarin = 5 }\nseat = \"8003\"\n";
    let house = House::open(&files);
    let says = ["zh/greeting.wav", "en/greeting.wav", "en/closed.wav"].map(|prompt| speech(&house, prompt));
    let [(caller, of_caller), (one, of_one), (other, of_other)] = &says;
    let seat =
        |id: &str, say: &str| Softphone::seat(&house, id, "open-sesame", &["--answer-after", "500ms", "--say", say]);
    let _seats = (seat("8001", one), seat("8003", other));
    let call = || Softphone::call(&house, "12346", &["--say", caller, "--for", "22s"]);
    let mut callers = [call(), call()];
    callers.iter_mut().for_each(|caller| caller.wait("answered"));
    callers.into_iter().for_each(|caller| assert!(caller.end()));
    let records = small(&house, 2);
    let mut operators: Vec<&str> = records.iter().map(|record| text(record, "operator")).collect();
    operators.sort();
    assert_eq!(operators, ["1001", "1003"]);
    for record in &records {
        check_file(&house, record);
        let (ours, others) = if text(record, "operator") == "1001" { (of_one, of_other) } else { (of_other, of_one) };
        let sides = played(&copied(&house, record), 2);
        let [left, right] = &sides[..] else { panic!("two channels") };
        let length_ms = record["recording"]["length_ms"].as_f64().unwrap();
        assert!((left.seconds() * 1000.0 - length_ms).abs() < 1.0, "{} s of {length_ms} ms", left.seconds());
        assert!(length_ms > 10_000.0, "{record:#}");
        let (by_caller, by_operator) = (left.likeness(of_caller), right.likeness(ours));
        assert!(by_caller > 0.9 && by_operator > 0.9, "{by_caller} and {by_operator}: {record:#}");
        let crossed = [left.likeness(ours), right.likeness(of_caller), right.likeness(others)];
        assert!(crossed.iter().all(|crossed| *crossed < 0.8), "{crossed:?}");
        assert!(record["recording"]["bytes"].as_f64().unwrap() * 8.0 / length_ms < 64.0, "kbit a second: {record:#}");
    }
    set_password(&house, "1003");
    let clara = Browser::signed_in(&house, "1003");
    let path = format!("/api/v1/records/{}/recording", text(&records[0], "call_id"));
    let (status, kind, bytes) = clara.bytes(&path, "bytes=-100");
    let whole = std::fs::read(house.data().join(text(&records[0]["recording"], "file"))).unwrap();
    assert_eq!((status, &*kind, &bytes[..]), (206, "audio/ogg", &whole[whole.len() - 100..]));
    let (status, peaks) = clara.get(&format!("{path}/peaks?points=50"));
    assert_eq!((status, &peaks["length_ms"]), (200, &records[0]["recording"]["length_ms"]));
    for channel in peaks["channels"].as_array().unwrap() {
        let loud = channel.as_array().unwrap().iter().filter(|peak| peak.as_f64() > Some(0.05)).count();
        assert!(loud > 20, "{peaks:#}");
    }
}

#[test]
fn a_talk_that_a_kill_cut_is_small_after_the_next_start_sealed_and_says_that_it_was_cut() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("config")).unwrap();
    std::fs::write(dir.path().join("config/keys"), "0f".repeat(32)).unwrap();
    let mut house = House::open_in(dir, &files("key_file = \"keys\"\n"));
    let ((caller, of_caller), (operator, of_operator)) =
        (speech(&house, "zh/greeting.wav"), speech(&house, "en/greeting.wav"));
    let _seat = Softphone::seat(&house, "8001", "open-sesame", &["--answer-after", "500ms", "--say", &operator]);
    let mut call = Softphone::call(&house, "12346", &["--say", &caller, "--for", "60s"]);
    call.wait("answered");
    house.wait_log(&["recorded from here on"]);
    std::thread::sleep(Duration::from_secs(9));
    house.crash_and_restart();
    drop(call);
    let record = small(&house, 1).remove(0);
    check_file(&house, &record);
    let recording = &record["recording"];
    assert_eq!((text(&record, "outcome"), recording["encrypted"].as_bool()), ("system_restart", Some(true)));
    assert!(text(recording, "why").contains("stopped in the middle"), "{record:#}");
    let sealed = std::fs::read(house.data().join(text(recording, "file"))).unwrap();
    assert!(!sealed.windows(4).any(|four| four == b"OggS"));
    let sides = played(&copied(&house, &record), 2);
    let [left, right] = &sides[..] else { panic!("two channels") };
    assert!((left.seconds() - recording["length_ms"].as_f64().unwrap() / 1000.0).abs() < 0.001);
    assert!(left.seconds() > 6.0, "{} s", left.seconds());
    let (by_caller, by_operator) = (left.likeness(&of_caller), right.likeness(&of_operator));
    assert!(by_caller > 0.9 && by_operator > 0.9, "{by_caller} and {by_operator}");
}

#[test]
fn a_message_that_a_kill_cut_is_in_its_record_and_whatever_a_kill_leaves_half_done_the_next_start_does() {
    let mut with_key = files("");
    with_key.queues += "[[queue.key]]\nkey = \"8\"\nmessage = true\n";
    let wav = with_key.hotline.replace("format = \"opus\"\n", "");
    let opus = std::mem::replace(&mut with_key.hotline, wav);
    let mut house = House::open(&with_key);
    let (say, said) = speech(&house, "zh/greeting.wav");
    let caller = Softphone::call(&house, "12347", &["--press", "8", "--say", &say, "--for", "60s"]);
    let until = Instant::now() + PATIENCE;
    let messages = house.data().join("messages");
    while std::fs::read_dir(&messages).map_or(0, Iterator::count) == 0 {
        assert!(Instant::now() < until, "no message: {}", house.log());
        std::thread::sleep(Duration::from_millis(100));
    }
    std::thread::sleep(Duration::from_secs(9));
    house.crash_and_restart();
    drop(caller);
    house.wait_log(&["a recording that was cut is complete up to there"]);
    let until = Instant::now() + PATIENCE;
    let before = loop {
        let record = house.wait_records(1).remove(0);
        if record["recording"]["sha256"].is_string() {
            break record;
        }
        assert!(Instant::now() < until, "{record:#}");
        std::thread::sleep(Duration::from_millis(100));
    };
    assert_eq!(text(&before, "outcome"), "system_restart");
    let was = house.data().join(text(&before["recording"], "file"));
    assert!(was.extension().is_some_and(|ending| ending == "wav"), "{before:#}");
    // As a kill leaves it in the middle of the work.
    std::fs::write(was.with_extension("part"), "half of it").unwrap();
    std::fs::write(house.dir().join("config/hotline.toml"), opus).unwrap();
    house.crash_and_restart();
    let record = small(&house, 1).remove(0);
    check_file(&house, &record);
    assert_eq!(record["recording"]["length_ms"], before["recording"]["length_ms"]);
    assert!(text(&record["recording"], "file").starts_with("messages/"));
    let heard = played(&copied(&house, &record), 1).remove(0).likeness(&said);
    assert!(heard > 0.9, "{heard}");
    // And as one leaves it between the record and the deletion.
    std::fs::write(&was, "of no use").unwrap();
    house.crash_and_restart();
    check_file(&house, &record);
}
