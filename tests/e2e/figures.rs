//! One truth: after transfers the board, the API, the records and `hotline statistics` tell the same figures, number by
//! number, also after a restart in the middle of the day.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::explaining::ask;
use crate::house::{Files, House};
use crate::orders::{open_call, order};
use crate::peers::Softphone;
use crate::web::{Browser, set_password};

/// What every place tells of a queue, or of the house.
const COUNTED: [&str; 4] = ["offered", "answered", "answered_within", "abandoned"];

/// Anna and Boris serve `citizen`, Carla alone serves `english`.
fn files() -> Files {
    let mut files = Files::new(None);
    files.operators = files.operators.replace("mandarin = 5, english = 3", "mandarin = 5");
    for (id, name, seat, skill) in [("1002", "Boris", "8002", "mandarin"), ("1003", "Carla", "8003", "english")] {
        files.operators += &format!(
            "[[seat]]\nid = \"{seat}\"\nsecret = \"open-sesame\"\n[[operator]]\nid = \"{id}\"\nname = \"{name}\"\n\
             skills = {{ {skill} = 5 }}\nseat = \"{seat}\"\n"
        );
    }
    files.hotline += "[[web.person]]\nid = \"mei\"\nroles = [\"supervisor\"]\n";
    files
}

fn call(house: &House, seconds: &str) -> Softphone {
    let mut caller = Softphone::call(house, "12346", &["--for", seconds]);
    caller.wait("answered");
    caller
}

/// `hotline statistics` by name: what it counted.
fn statistics(house: &House, by: &str) -> BTreeMap<String, Value> {
    let (text, done) = ask(house, &["statistics", "--by", by, "--format", "json"]);
    assert!(done, "{text}");
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    rows.map(|row| (row["of"].as_str().unwrap_or_default().to_string(), row["contacts"].clone())).collect()
}

fn counted(of: &Value) -> [u64; 4] {
    COUNTED.map(|key| of[key].as_u64().unwrap_or_else(|| panic!("no {key} in {of:#}")))
}

/// The same, added up from the visits that the records tell of.
fn of_records(records: &[Value], queue: Option<&str>) -> [u64; 4] {
    let lines = records.iter().flat_map(|record| record["lines"].as_array().cloned().unwrap_or_default());
    let mut sum = [0; 4];
    for line in lines.filter(|line| queue.is_none_or(|queue| line["queue"] == queue)) {
        let outcome = line["outcome"].as_str().unwrap_or_default();
        sum[0] += u64::from(!["short_abandoned", "moved", "withdrawn"].contains(&outcome));
        sum[1] += u64::from(outcome == "answered");
        sum[2] += u64::from(line["within_service_level"] == true);
        sum[3] += u64::from(outcome == "abandoned");
    }
    sum
}

/// Every number of the day that is told in two places.
fn agree(house: &House, mei: &Browser, records: &[Value]) -> Value {
    let board = mei.wait_board("the wrap-ups are over and every visit has its end", |board| {
        let operators = board["operators"].as_array().cloned().unwrap_or_default();
        let [offered, answered, _, abandoned] = counted(&board["today"]);
        offered == answered + abandoned
            && board["calls"].as_array().is_some_and(Vec::is_empty)
            && operators.iter().all(|operator| operator["state"] != "wrap_up" && operator["state"] != "talking")
    });
    let (today, queues) = (&board["today"], statistics(house, "queue"));
    assert_eq!(counted(today), counted(&queues["all"]), "the house: {board:#}\n{queues:#?}");
    assert_eq!(counted(today), of_records(records, None), "{records:#?}");
    for queue in board["queues"].as_array().into_iter().flatten() {
        let id = queue["id"].as_str().expect("an id");
        let none = json!({"offered": 0, "answered": 0, "answered_within": 0, "abandoned": 0});
        assert_eq!(counted(queue), counted(queues.get(id).unwrap_or(&none)), "{id}");
        assert_eq!(counted(queue), of_records(records, Some(id)), "{id} {records:#?}");
    }
    let quarters = today["quarters"].as_array().cloned().unwrap_or_default();
    let sum = |key: &str| quarters.iter().filter_map(|quarter| quarter[key].as_u64()).sum::<u64>();
    assert_eq!(COUNTED.map(sum), counted(today));
    let ledger: u64 = today["ledger"].as_object().into_iter().flatten().filter_map(|(_, count)| count.as_u64()).sum();
    let [offered, _, in_time, _] = counted(today);
    assert_eq!(ledger, offered - in_time, "each miss has one cause: {today:#}");
    let late = queues["all"]["late"].as_object().cloned().unwrap_or_default();
    assert_eq!(ledger, late.values().filter_map(Value::as_u64).sum::<u64>());
    assert_eq!(today["service_level"].as_f64(), Some(in_time as f64 / offered as f64));
    let categories = today["categories"].as_array().cloned().unwrap_or_default();
    assert_eq!(categories.iter().filter_map(|of| of["count"].as_u64()).sum::<u64>(), offered, "{categories:?}");
    for (id, of) in statistics(house, "operator") {
        let (_, day) = mei.get(&format!("/api/v1/operators/{id}/today"));
        for (key, by_statistics) in [
            ("answered", of["answered"].as_u64()),
            ("answered_within", of["answered_within"].as_u64()),
            ("handled", of["handled"].as_u64()),
            ("missed", of["offers_no_answer"].as_u64()),
            ("talk_ms", of["talk_ms"].as_u64()),
            ("hold_ms", of["hold_ms"].as_u64()),
            ("wrap_up_ms", of["wrap_up_ms"].as_u64()),
        ] {
            assert_eq!(day[key].as_u64(), by_statistics, "{id} {key}: {day:#}\n{of:#}");
        }
        let shown = board["operators"].as_array().into_iter().flatten().find(|one| one["id"] == id.as_str());
        let shown = shown.expect("an operator of the board");
        assert_eq!((&shown["handled"], &shown["talk_ms"]), (&day["handled"], &day["talk_ms"]), "{id}");
    }
    today.clone()
}

/// What the board tells of the house's rate, and what `hotline statistics` does.
fn rates(house: &House, board: &Value) -> [Value; 2] {
    let (text, done) = ask(house, &["statistics", "--by", "house", "--format", "json"]);
    assert!(done, "{text}");
    let row: Value = serde_json::from_str(text.lines().next().unwrap_or("null")).expect("JSON");
    [board["today"]["service_level"].clone(), row["service_level"]["strict"].clone()]
}

#[test]
fn a_crash_cuts_a_talk_at_one_moment_and_who_waits_is_missed_at_one_moment_wherever_one_looks() {
    let mut files = files();
    files.queues = files.queues.replace("[[queue]]", "[[queue]]\nanswer_within = \"10s\"");
    let mut house = House::open(&files);
    set_password(&house, "mei");
    let mei = Browser::signed_in(&house, "mei");
    let anna = Softphone::seat(&house, "8001", "open-sesame", &["--answer-after", "200ms", "--calls", "1"]);
    let talking = call(&house, "60s");
    house.wait_log_lines(1, "connected");
    let waiting = call(&house, "60s");
    let board = mei.wait_board("one talks and one waits, and their time is not up", |board| {
        board["today"]["waiting"] == 1 && board["today"]["talking"] == 1
    });
    assert_eq!(rates(&house, &board), [json!(1.0), json!(1.0)], "{:#}", board["today"]);
    let board = mei.wait_board("their time is up", |board| board["today"]["ledger"] != json!({}));
    assert_eq!(board["today"]["waiting"], 1, "{:#}", board["today"]);
    // The house is seen once a second.
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(rates(&house, &board), [json!(0.5), json!(0.5)]);

    house.kill();
    std::thread::sleep(Duration::from_secs(3));
    house.start_again();
    drop((talking, waiting, anna));
    let mei = Browser::signed_in(&house, "mei");
    mei.wait_board("the wrap-up is over", |board| {
        let anna = board["operators"].as_array().into_iter().flatten().find(|one| one["id"] == "1001").cloned();
        anna.is_some_and(|anna| anna["handled"] == 1 && anna["state"] != "wrap_up")
    });
    let records = house.wait_records(2);
    let record = records.iter().find(|record| record["operator"] == "1001").expect("the talk");
    assert_eq!(record["outcome"], "system_restart");
    let talked = record["talk_ms"].as_u64().expect("a number");
    let (_, today) = mei.get("/api/v1/operators/1001/today");
    let counted = statistics(&house, "operator")["1001"]["talk_ms"].as_u64();
    assert_eq!((today["talk_ms"].as_u64(), counted), (Some(talked), Some(talked)), "{record:#}");
}

#[test]
fn after_transfers_every_place_tells_the_same_figures() {
    let mut house = House::open(&files());
    set_password(&house, "mei");
    let mei = Browser::signed_in(&house, "mei");
    let seat = |house: &House, seat: &str, calls: &str| {
        Softphone::seat(house, seat, "open-sesame", &["--answer-after", "200ms", "--calls", calls])
    };
    let anna = seat(&house, "8001", "3");
    // Anna asks Boris and leaves him the caller.
    let caller = call(&house, "9s");
    house.wait_log_lines(1, "connected");
    let boris = seat(&house, "8002", "1");
    let talk = open_call(&house);
    order(&house, &talk, "1001", &["consult", "seat:8002"]).unwrap();
    house.wait_log(&["answered", "seat 8002"]);
    order(&house, &talk, "1001", &["complete"]).unwrap();
    house.wait_log(&["handed over"]);
    assert!(caller.end() && boris.end());
    house.wait_records(1);
    // She sends one on to a queue in which Carla is.
    let carla = seat(&house, "8003", "1");
    let caller = call(&house, "8s");
    house.wait_log_lines(2, "connected");
    order(&house, &open_call(&house), "1001", &["transfer", "queue:english"]).unwrap();
    assert!(caller.end() && carla.end());
    house.wait_records(2);
    // And one on to a queue in which nobody is any more, until the caller gives up.
    let caller = call(&house, "9s");
    house.wait_log_lines(4, "connected");
    let sent_on = open_call(&house);
    order(&house, &sent_on, "1001", &["transfer", "queue:english"]).unwrap();
    let of_english = |board: &Value| {
        let queues = board["queues"].as_array().into_iter().flatten();
        queues.clone().find(|queue| queue["id"] == "english").cloned().unwrap_or_default()
    };
    let waits = mei.wait_board("the caller waits in the other line", |board| {
        let call = &board["calls"][0];
        call["stage"] == "waiting" && call["queue"] == "english" && of_english(board)["waiting"] == 1
    });
    let waiting = &waits["calls"][0];
    assert!(waiting["line_since"].as_str() > waiting["queued_at"].as_str(), "{waiting:#}");
    assert_eq!(waiting["line_wait_ms"], Value::Null);
    assert_eq!(of_english(&waits)["longest_since"], waiting["line_since"], "{waits:#}");
    assert!(caller.end() && anna.end());
    let records = house.wait_records(3);
    let last = records.iter().find(|record| record["call_id"] == sent_on.as_str()).expect("its record");
    assert_eq!((&last["outcome"], &last["within_service_level"]), (&json!("abandoned_in_queue"), &json!(false)));
    let waited: u64 = last["lines"].as_array().into_iter().flatten().filter_map(|line| line["wait_ms"].as_u64()).sum();
    assert_eq!(last["wait_ms"].as_u64(), Some(waited), "{last:#}");
    let (told, _) = ask(&house, &["explain", &sent_on]);
    assert!(told.contains("in the line citizen, then waited ") && told.contains("in the line english."), "{told}");

    let today = agree(&house, &mei, &records);
    assert_eq!(counted(&today), [5, 4, 4, 1], "{today:#}");
    let (_, anna) = mei.get("/api/v1/operators/1001/today");
    let (_, boris) = mei.get("/api/v1/operators/1002/today");
    assert_eq!((&anna["answered"], &anna["handled"]), (&json!(3), &json!(3)), "{anna:#}");
    assert_eq!((&boris["answered"], &boris["handled"]), (&json!(0), &json!(1)), "{boris:#}");
    let shared = records.iter().find(|record| record["call_id"] == talk.as_str()).expect("its record");
    let of_boris = boris["talk_ms"].as_u64().expect("a number");
    assert!(of_boris > 0 && of_boris < shared["talk_ms"].as_u64().expect("a number"), "{boris:#} {shared:#}");

    // Whoever looks right after a switch finds it.
    let config = house.dir().join("config");
    for (to, open) in [("closed", false), ("open", true), ("closed", false), ("auto", true)] {
        let config = config.display().to_string();
        let (_, done) = ask(&house, &["switch", "queue:english", to, "--config", &config]);
        let (_, board) = mei.get("/api/v1/board");
        let english = board["queues"].as_array().into_iter().flatten().find(|queue| queue["id"] == "english");
        assert_eq!((done, english.map(|queue| &queue["open"])), (true, Some(&json!(open))), "{to}");
    }

    house.crash_and_restart();
    let mei = Browser::signed_in(&house, "mei");
    let again = agree(&house, &mei, &records);
    assert_eq!((counted(&again), &again["ledger"]), (counted(&today), &today["ledger"]));
    assert_eq!(again["categories"], today["categories"]);
}
