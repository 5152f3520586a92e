//! Power cuts, full disks, ends that were asked for, and second processes.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::house::{Files, House, PATIENCE, hotline};
use crate::peers::Softphone;
use crate::ports::free_port;
use crate::web::{Browser, PASSWORD, set_password};

fn statistics(house: &House, by: &str, format: &str) -> String {
    let mut command = hotline();
    command.args(["statistics", "--by", by, "--format", format, "--config"]).arg(house.dir().join("config"));
    let out = command.arg("--data").arg(house.data()).output().expect("the command runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).to_string()
}

/// What it says of the contacts of the house.
fn counted(house: &House) -> Value {
    let text = statistics(house, "house", "json");
    let all = serde_json::from_str::<Value>(text.trim()).expect("one line of JSON")["contacts"].clone();
    // How long they wrapped up depends on when the house is open again.
    ["offered", "answered", "answered_within", "restarted", "waiting", "handled", "talk", "hold", "late"]
        .map(|key| (key.to_string(), all[key].clone()))
        .into_iter()
        .collect()
}

#[test]
fn after_a_kill_every_call_has_one_record_and_everybody_is_as_they_were() {
    let mut house = House::open(&Files::new(None));
    let seat = Softphone::seat(&house, "8001", "open-sesame", &["--answer-after", "200ms", "--hang-up-after", "9s"]);
    assert!(Softphone::call(&house, "12346", &["--for", "2s"]).end());
    house.wait_records(1);
    let mut talking = Softphone::call(&house, "12346", &["--for", "60s"]);
    talking.wait("answered");
    house.wait_log(&["connected"]);
    let mut waiting = Softphone::call(&house, "12347", &["--for", "60s"]);
    waiting.wait("answered");
    let mut greeted = Softphone::call(&house, "12345", &["--for", "60s"]);
    greeted.wait("answered");
    std::thread::sleep(Duration::from_millis(3000));
    house.kill();
    // Nobody waits or talks in a house that is not there: it is counted as it will be when it is open again.
    let (while_away, told) = (counted(&house), statistics(&house, "house", "text"));
    // Who was greeted may have come to the line meanwhile.
    let waited = while_away["restarted"].as_u64().unwrap_or_default();
    assert!(waited > 0 && told.contains(&format!("{waited} who waited and 1 who talked were cut off")), "{told}");
    house.start_again();
    // What it says of its restart is written a moment after it listens.
    let until = Instant::now() + PATIENCE;
    while counted(&house) != while_away && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(while_away, counted(&house));
    assert_eq!(while_away["waiting"], 0, "{while_away:#}");
    assert!(!statistics(&house, "house", "text").contains("not open"));
    drop((talking, waiting, greeted));
    let records = house.wait_records(4);
    let outcome = |i: usize| records[i]["outcome"].as_str().unwrap_or_default();
    assert_eq!(outcome(0), "answered");
    for record in &records[1..] {
        assert_eq!(
            (record["outcome"].as_str(), record["ended_by"].as_str()),
            (Some("system_restart"), Some("system")),
            "{record:#}"
        );
        assert!(record["answered_at"].is_string() && record["ended_at"].is_string());
    }
    assert!(records[1]["talk_ms"].as_u64().unwrap() > 500, "{:#}", records[1]);
    // The phone did not register again, and is known; its operator was talking and is ready again after wrap-up.
    let mut after = Softphone::call(&house, "12346", &["--for", "15s"]);
    after.wait("answered");
    assert!(after.end());
    let records = house.wait_records(5);
    assert_eq!(
        (records[4]["outcome"].as_str(), records[4]["operator"].as_str()),
        (Some("answered"), Some("1001")),
        "{:#}",
        records[4]
    );
    drop(seat);
}

#[test]
fn a_termination_lets_calls_finish_and_refuses_new_ones() {
    let mut house = House::open(&Files::new(None));
    let mut running = Softphone::call(&house, "12346", &["--for", "3s"]);
    running.wait("answered");
    house.signal("TERM");
    house.wait_log(&["draining"]);
    let mut command = hotline();
    command.args(["call", &format!("sip:12346@{}", house.addr())]).stderr(std::process::Stdio::piped());
    let refused = command.output().unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("503"), "{refused:?}");
    assert!(running.end(), "the running call was cut");
    assert!(house.wait_end().success());
    assert_eq!(house.wait_records(1)[0]["outcome"], "abandoned_in_queue");
}

#[test]
fn who_was_ready_in_a_quiet_hour_was_so_until_the_house_closed_and_not_while_it_was_away() {
    let mut house = House::open(&Files::new(None));
    let _seat = Softphone::seat(&house, "8001", "open-sesame", &[]);
    house.wait_log(&["seat reachable"]);
    let ready = |house: &House| {
        let text = statistics(house, "operator", "json");
        let told = text.lines().find_map(|line| {
            let row: Value = serde_json::from_str(line).expect("a line of JSON");
            (row["of"] == "1001").then(|| row["presence"]["ready_ms"].as_u64().expect("milliseconds") / 1000)
        });
        told.unwrap_or_default()
    };
    std::thread::sleep(Duration::from_millis(2500));
    assert!(ready(&house) >= 2, "nothing happened since: it is counted until now");
    house.signal("TERM");
    assert!(house.wait_end().success());
    let at_the_end = ready(&house);
    assert!(at_the_end >= 2, "{at_the_end}");
    std::thread::sleep(Duration::from_secs(3));
    house.start_again();
    house.signal("TERM");
    assert!(house.wait_end().success());
    let again = ready(&house);
    assert!(again >= at_the_end && again < at_the_end + 3, "{at_the_end} and {again}");
}

#[test]
fn a_drain_that_takes_too_long_ends_the_calls_properly() {
    let mut files = Files::new(None);
    files.hotline = files.hotline.replace("drain = \"5s\"", "drain = \"40s\"");
    files.hotline += "[[web.person]]\nid = \"mei\"\nroles = [\"supervisor\"]\n";
    let mut house = House::open(&files);
    set_password(&house, "mei");
    let mei = Browser::signed_in(&house, "mei");
    let mut running = Softphone::call(&house, "12346", &["--for", "60s"]);
    running.wait("answered");
    house.signal("TERM");
    mei.wait_board("everybody is told until when they may talk", |board| {
        let alarms = board["alarms"].as_array().into_iter().flatten();
        alarms.clone().any(|alarm| alarm["kind"] == "closing" && alarm["text_en"].to_string().contains("until"))
    });
    // A second one does not wait for it.
    house.signal("TERM");
    running.wait("the other side hung up");
    assert!(house.wait_end().success());
    let record = &house.wait_records(1)[0];
    // They gave nothing up: as after a crash.
    assert_eq!(record["ended_by"], "system");
    assert_eq!(record["outcome"], "system_restart", "{record}");
    assert_eq!(record["lines"][0]["outcome"], "restarted", "{record}");
}

#[test]
fn a_second_process_on_the_same_data_or_port_is_refused() {
    let house = House::open(&Files::new(None));
    let run = |data: &std::path::Path, listen: &str, (key, value): (&str, &str)| {
        let out = hotline()
            .args(["serve", "--config"])
            .arg(house.dir().join("config"))
            .arg("--data")
            .arg(data)
            .env("HOTLINE__SIP__LISTEN", listen)
            .env(key, value)
            .output()
            .unwrap();
        (out.status.code(), String::from_utf8_lossy(&out.stderr).to_string())
    };
    let nothing = ("NOTHING", "");
    let (code, told) = run(&house.data(), "udp:127.0.0.1:0", nothing);
    assert!(code == Some(1) && told.contains("another hotline writes here"), "{told}");
    let elsewhere = tempfile::tempdir().unwrap();
    let (code, told) = run(elsewhere.path(), &format!("udp:{}", house.addr()), nothing);
    assert!(code == Some(1) && told.contains("another program listens there"), "{told}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let web = taken.local_addr().unwrap().to_string();
    let (code, told) = run(elsewhere.path(), "udp:127.0.0.1:0", ("HOTLINE__WEB__LISTEN", &web));
    assert!(code == Some(1) && told.contains("choose another port in web.listen"), "{told}");
    assert!(Softphone::call(&house, "12346", &["--for", "1s"]).end(), "the first one is hurt");
}

/// Takes all the room that is left in the folder.
fn fill(folder: &Path) -> PathBuf {
    let path = folder.join("filler");
    let mut file = File::create(&path).expect("there is room yet");
    for size in [65_536, 512] {
        while file.write_all(&vec![b'x'; size]).is_ok() {}
    }
    path
}

#[test]
fn what_is_said_to_be_done_is_so_after_a_kill() {
    let mut house = House::open(&Files::new(Some(free_port())));
    let acts = [("not-ready", json!({ "reason": "break" }), "not_ready"), ("ready", json!({}), "ready")];
    for (round, (act, body, state)) in acts.iter().chain(&acts).enumerate() {
        let program = |name: &str, house: &House| Browser::program(house, &format!("{name}-{round}"), &["supervisor"]);
        let (status, told) = program("crm", &house).post(&format!("/operators/1002/{act}"), body, &[]);
        assert_eq!(status, 202, "{told:#}");
        house.crash_and_restart();
        // Whoever asks while the house opens waits for the board, and finds it complete.
        let (status, board) = program("again", &house).get("/api/v1/board");
        assert_eq!(status, 200, "{board:#}");
        let operators = board["operators"].as_array().unwrap().iter();
        let states: Vec<&str> =
            operators.filter(|one| one["id"] == "1002").filter_map(|one| one["state"].as_str()).collect();
        assert_eq!(states, [*state], "{board:#}");
    }
}

fn has_alarm(board: &Value) -> bool {
    board["alarms"].as_array().unwrap().iter().any(|alarm| alarm["kind"] == "store")
}

#[test]
fn on_a_full_disk_calls_are_answered_supervisors_have_an_alarm_and_whoever_is_known_sees_the_board() {
    if !House::may_have_little_room() {
        return eprintln!("no file system of its own may be mounted here: not tried");
    }
    let mut files = Files::new(None);
    files.hotline += "[[web.person]]\nid = \"mei\"\nroles = [\"supervisor\"]\n";
    let house = House::open_with_little_room(tempfile::tempdir().unwrap(), &files, "data", "8m");
    set_password(&house, "mei");
    let there = Browser::signed_in(&house, "mei");
    // Of a program that comes for the first time the most is to be written.
    let program = Browser::program(&house, "crm", &["supervisor"]);
    let filler = fill(&house.as_it_sees(&house.data()));
    let mut caller = Softphone::call(&house, "12345", &["--for", "60s"]);
    caller.wait("answered");
    house.wait_log(&["answered before its opening entry is on the disk"]);
    let board = program.wait_board("an alarm", has_alarm);
    let alarm = board["alarms"].as_array().unwrap().iter().find(|alarm| alarm["kind"] == "store").unwrap();
    assert!(alarm["text_en"].as_str().unwrap().contains("disk is full"), "{alarm}");
    assert_eq!(there.get("/api/v1/board").0, 200);
    let (status, problem) = Browser::new(&house).sign_in("mei", PASSWORD);
    assert!(status == 503 && problem["detail"].as_str().unwrap().contains("disk is full"), "{problem}");
    // What would be done without an entry in the audit log is not done.
    assert_eq!(program.post("/notices", &json!({ "text": "x", "level": "info" }), &[]).0, 503);
    assert!(!house.log().contains("move the file away"), "for a full disk nobody is to lose what is in the file");
    std::fs::remove_file(filler).unwrap();
    let board = program.wait_board("the end of the alarm", |board| !has_alarm(board));
    assert_eq!(board["notices"].as_array().map(Vec::len), Some(0), "{board:#}");
    assert_eq!(Browser::new(&house).sign_in("mei", PASSWORD).0, 200);
    drop(caller);
    assert_eq!(house.wait_records(1)[0]["to"], "12345");
}
