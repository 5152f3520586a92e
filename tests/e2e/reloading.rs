//! Files that change while the house is open: what takes effect, what is said of it, and what does not happen.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use serde_json::Value;

use crate::house::{Files, House, hotline, write_files};
use crate::peers::Softphone;

/// Runs a command on the data of a house.
fn ask(house: &House, args: &[&str]) -> Output {
    let dir = house.dir();
    let args = args.iter().copied();
    hotline().args(args).arg("--config").arg(dir.join("config")).arg("--data").arg(house.data()).output().expect("runs")
}

/// The lines that a command prints, which must end well.
fn said(house: &House, args: &[&str]) -> Vec<String> {
    let out = ask(house, args);
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    // The plain secret of the test's files is warned of.
    let lines = String::from_utf8_lossy(&out.stdout).lines().map(String::from).collect::<Vec<_>>();
    lines.into_iter().filter(|line| !line.contains(": warning: ")).map(|line| without_dir(house, &line)).collect()
}

fn without_dir(house: &House, line: &str) -> String {
    line.replace(&format!("{}/", house.dir().display()), "")
}

fn faults(house: &House, args: &[&str]) -> String {
    let out = ask(house, args);
    assert_eq!(out.status.code(), Some(1), "{}", String::from_utf8_lossy(&out.stdout));
    without_dir(house, &String::from_utf8_lossy(&out.stderr))
}

fn rewrite(house: &House, files: &mut Files, change: impl FnOnce(&mut Files)) {
    change(files);
    write_files(house.dir(), files);
}

fn quicker(files: &mut Files) {
    files.queues = files.queues.replacen("ring = \"4s\"", "ring = \"3s\"", 1);
}

#[test]
fn a_change_takes_effect_is_kept_and_can_be_taken_back() {
    let mut files = Files::new(None);
    let house = House::open(&files);
    let nothing = "config: nothing changed; version 1 stays in force";
    assert_eq!(said(&house, &["reload"]), [nothing]);
    rewrite(&house, &mut files, |files| {
        quicker(files);
        files.operators += "[[operator]]\nid = \"1042\"\nskills = { english = 3 }\n";
    });
    let changes = ["operator 1042 added", "queue citizen: ring 4s → 3s"];
    // Another folder than the hotline's own is not what is loaded, and nothing is said to be.
    let elsewhere = |folder: &Path| {
        let out = hotline().args(["reload", "--data"]).arg(house.data()).arg("--config").arg(folder).output();
        let out = out.expect("runs");
        (out.status.success(), String::from_utf8_lossy(&out.stderr).into_owned())
    };
    let (done, told) = elsewhere(house.dir());
    assert!(!done && told.contains("is not where this hotline has its files"), "{told}");
    let (done, told) = elsewhere(&house.dir().join("nowhere"));
    assert!(!done && told.contains("nowhere"), "{told}");
    let would = said(&house, &["reload", "--dry-run"]);
    assert_eq!(would, [&changes[..], &["config: would take effect as version 2"]].concat());
    let does = said(&house, &["reload", "--note", "it rang too long", "--author", "mei"]);
    assert_eq!(does, [&changes[..], &["config: in force as version 2"]].concat());
    assert_eq!(said(&house, &["reload"]), [nothing.replace('1', "2")]);

    // Other words for the same: no version of its own, and yet not forgotten.
    rewrite(&house, &mut files, |files| files.queues.insert_str(0, "# Tuned by Mei.\n"));
    assert_eq!(said(&house, &["reload"]), [nothing.replace('1', "2")]);

    rewrite(&house, &mut files, |files| files.queues.push_str("rang = \"1s\"\n"));
    let report = faults(&house, &["reload"]);
    assert!(report.contains("config/queues.toml:14:1: fault: queue.rang: unknown key"), "{report}");
    assert!(report.contains("what is in force stays in force"), "{report}");

    let list = said(&house, &["versions"]);
    assert_eq!(list.len(), 2, "{list:#?}");
    assert!(
        list[0].trim_start().starts_with("2 ") && list[0].contains("mei \"it rang too long\": operator 1042 added; ")
    );
    assert!(list[1].contains("start: the first that is kept"), "{list:#?}");
    let json: Value = serde_json::from_str(&said(&house, &["versions", "--format", "json"])[1]).expect("JSON");
    assert_eq!((&json["version"], &json["author"]), (&2.into(), &"mei".into()));
    assert_eq!(json["changes"], serde_json::json!(changes));
    assert_eq!(json["prompts"]["zh/greeting"].as_str().map(str::len), Some(64));
    assert_eq!(said(&house, &["versions", "diff", "2", "1"])[0], "operator 1042 removed");
    let by_line = said(&house, &["versions", "diff", "1", "--files"]);
    assert!(by_line.contains(&"+# Tuned by Mei.".to_string()), "{by_line:#?}");

    // The faulty files are in no version: they are not lost.
    let back = said(&house, &["rollback", "--note", "as it was"]);
    assert_eq!(back[0], "config: the files of version 1 are back");
    let aside = back[1].strip_prefix("what was there and is in no version is in ").expect("where they are");
    let kept = fs::read_to_string(house.dir().join(aside).join("queues.toml")).expect("they are there");
    assert!(kept.contains("rang"));
    assert_eq!(back[2..], ["operator 1042 removed", "queue citizen: ring 3s → 4s", "config: in force as version 3"]);
    assert_eq!(fs::read_to_string(house.dir().join("config/queues.toml")).expect("is there"), Files::new(None).queues);

    // Forward again, by its number. What is there is kept already.
    let forward = said(&house, &["rollback", "2"]);
    assert_eq!(forward[..2], ["config: the files of version 2 are back", "operator 1042 added"], "{forward:#?}");
    assert!(fs::read_to_string(house.dir().join("config/queues.toml")).expect("is there").contains("Tuned by Mei"));
    assert!(faults(&house, &["rollback", "77"]).contains("there is no version 77"));
}

#[test]
fn by_a_signal_the_log_says_what_changed_and_what_needs_a_restart() {
    let mut files = Files::new(None);
    let mut house = House::open(&files);
    rewrite(&house, &mut files, |files| {
        quicker(files);
        files.hotline =
            files.hotline.replace("tcp:127.0.0.1:0", "tcp:127.0.0.2:0").replace("workers = 1", "workers = 2");
    });
    house.signal("HUP");
    house.wait_log(&["queue citizen: ring 4s → 3s", "version=2"]);
    house.wait_log(&["WARN needs a restart: media.workers 1 → 2"]);
    house.wait_log(&["WARN needs a restart: sip.listen", "tcp:127.0.0.2:0"]);
    house.wait_log(&["reload: in force"]);
    let again = said(&house, &["reload"]);
    assert!(again[0].starts_with("needs a restart: media.workers") && again.len() == 3, "still: {again:#?}");
    assert_eq!(again[2], "config: nothing else changed; version 2 is in force");
    rewrite(&house, &mut files, |files| files.queues.push_str("[[queue]]\n"));
    house.signal("HUP");
    house.wait_log(&["WARN", "config/queues.toml:13:1: fault: "]);
    house.wait_log(&["reload: the files have faults; nothing changed"]);

    // The same version goes on after a restart; another one begins if the files changed meanwhile.
    rewrite(&house, &mut files, |files| {
        files.queues = files.queues.replace("[[queue]]\n", "").replacen("id = ", "[[queue]]\nid = ", 2);
        files.hotline =
            files.hotline.replace("tcp:127.0.0.2:0", "tcp:127.0.0.1:0").replace("workers = 2", "workers = 1");
    });
    house.crash_and_restart();
    // It is written down soon after the start, as everything is.
    let mut list = Vec::new();
    while list.len() < 3 {
        list = said(&house, &["versions"]);
    }
    assert!(list[0].contains("start: media.workers 2 → 1"), "{list:#?}");
    house.crash_and_restart();
    assert_eq!(said(&house, &["reload"]), ["config: nothing changed; version 3 stays in force"]);
}

#[test]
fn without_a_hotline_the_commands_say_what_to_do() {
    let mut files = Files::new(None);
    let mut house = House::open(&files);
    rewrite(&house, &mut files, quicker);
    said(&house, &["reload"]);
    house.signal("TERM");
    assert!(house.wait_end().success());
    assert!(!house.data().join("hotline.sock").exists(), "the socket is gone with the process");
    let report = faults(&house, &["reload"]);
    assert!(report.contains("no hotline runs on data") && report.contains("hotline serve"), "{report}");
    let back = said(&house, &["rollback"]);
    assert_eq!(back[0], "config: the files of version 1 are back");
    assert!(back[1].contains("they take effect when `hotline serve` starts"), "{back:#?}");
    assert_eq!(fs::read_to_string(house.dir().join("config/queues.toml")).expect("is there"), Files::new(None).queues);
}

#[test]
fn a_seat_that_is_removed_cannot_be_rung_and_the_others_stay() {
    let mut files = Files::new(None);
    let second = "[[seat]]\nid = \"8003\"\nsecret = \"open-sesame\"\n\
                  [[operator]]\nid = \"1003\"\nskills = { english = 9 }\nseat = \"8003\"\n";
    files.operators += second;
    let house = House::open(&files);
    let _stays = Softphone::seat(&house, "8001", "open-sesame", &["--answer-after", "100ms"]);
    let _goes = Softphone::seat(&house, "8003", "open-sesame", &[]);
    house.wait_log(&["seat reachable", "8003"]);
    rewrite(&house, &mut files, |files| files.operators = files.operators.replace(second, ""));
    assert_eq!(said(&house, &["reload"])[..2], ["operator 1003 removed", "seat 8003 removed"]);
    house.wait_log(&["seat unreachable", "8003"]);
    assert!(Softphone::call(&house, "12346", &["--for", "2s"]).end());
    let record = house.wait_records(1).remove(0);
    assert_eq!((&record["outcome"], &record["operator"]), (&"answered".into(), &"1001".into()));
    assert!(!house.log().lines().any(|line| line.contains("seat unreachable") && line.contains("8001")));
}

fn socket(house: &House) -> UnixStream {
    let stream = UnixStream::connect(house.data().join("hotline.sock")).expect("the socket is there");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a limit");
    stream
}

fn answer(mut stream: UnixStream, request: &[u8]) -> String {
    // Whoever sends too much is answered before it is all taken.
    let _ = stream.write_all(request);
    let mut line = String::new();
    let _ = BufReader::new(stream).read_line(&mut line);
    line
}

#[test]
fn the_control_socket_is_for_its_owner_and_bounded() {
    let mut house = House::open(&Files::new(None));
    let mode = fs::metadata(house.data().join("hotline.sock")).expect("is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let good = b"{\"request\":\"reload\",\"author\":\"a\",\"note\":\"\",\"dry_run\":true}\n";
    assert!(answer(socket(&house), b"hello\n").contains("refused"));
    assert!(answer(socket(&house), b"{\"request\":\"reload\",\"author\":\"a\",\"x\":1}\n").contains("refused"));
    assert!(!answer(socket(&house), &vec![b'x'; 100_000]).contains("reloaded"));
    assert!(answer(socket(&house), good).contains("\"version\":1"));
    // Those who say nothing do not keep others out for ever.
    let silent: Vec<UnixStream> = (0..8).map(|_| socket(&house)).collect();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(answer(socket(&house), good), "", "one too many");
    for mut stream in silent {
        assert_eq!(stream.read(&mut [0]).ok(), Some(0), "let go after a while");
    }
    assert!(answer(socket(&house), good).contains("\"version\":1"));
    // Left behind by a process that was killed, it is replaced.
    house.crash_and_restart();
    assert!(answer(socket(&house), good).contains("reloaded"));
}
