//! Who sees a call over the API: whom its operator consults from the first ring on, nobody else, and no longer than they
//! take part. Real phones, the board, the event stream, and the routes of calls.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::house::{Files, House, PATIENCE, hotline};
use crate::peers::{Sipp, Softphone};
use crate::ports::free_port;
use crate::talks::near;
use crate::web::{Browser, set_password};

const OPERATORS: [(&str, &str, &str); 3] =
    [("1002", "8002", ""), ("1003", "8003", "supervisor = true\n"), ("1004", "8004", "")];

fn open() -> House {
    open_with(Files::new(None))
}

fn open_with(mut files: Files) -> House {
    files.hotline += "[web]\nsign_in_tries = 1000\n";
    for (id, seat, more) in OPERATORS {
        files.operators += &format!(
            "[[seat]]\nid = \"{seat}\"\nsecret = \"open-sesame\"\n[[operator]]\nid = \"{id}\"\n\
             skills = {{ mandarin = 5 }}\nseat = \"{seat}\"\n{more}"
        );
    }
    let house = House::open(&files);
    ["1001", "1002", "1003", "1004"].iter().for_each(|who| set_password(&house, who));
    house
}

fn order(by: &Browser, call: &str, order: &Value) -> u16 {
    by.post(&format!("/calls/{call}/orders"), order, &[("X-CSRF-Token", by.csrf.as_str())]).0
}

/// Waits until somebody is shown the call so.
fn wait_call(who: &Browser, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let board = who.wait_board(what, |board| board["calls"].as_array().is_some_and(|calls| calls.iter().any(&is_so)));
    board["calls"].as_array().into_iter().flatten().find(|call| is_so(call)).cloned().unwrap_or_default()
}

fn offset(who: &Browser) -> String {
    who.wait_board("it is there", |_| true)["offset"].as_str().expect("an offset").to_string()
}

#[test]
fn whom_an_operator_consults_sees_the_call_as_long_as_they_take_part_and_a_third_never_does() {
    let house = open();
    let [anna, boris, vera, dora] = ["1001", "1002", "1003", "1004"].map(|who| Browser::signed_in(&house, who));
    let _annas = Softphone::seat(&house, "8001", "open-sesame", &["--answer-after", "200ms"]);
    let mut caller = Softphone::call(&house, "12346", &["--for", "60s"]);
    caller.wait("answered");
    house.wait_log(&["connected"]);
    let call = wait_call(&anna, "the talk", |call| call["stage"] == "talking");
    let id = call["id"].as_str().expect("an id").to_string();
    assert_eq!(call["place"], Value::Null, "who talks has no place in a line");
    assert_eq!((&call["operator"], &call["category"], &call["notes"]), (&json!("1001"), &json!("citizen"), &json!([])));
    assert!(call.get("recording").is_none(), "it is not recorded: {call:#}");
    assert_eq!(order(&anna, &id, &json!({ "order": "note", "text": "a lamp" })), 202);
    let _boriss = Softphone::seat(&house, "8002", "open-sesame", &["--answer-after", "3s"]);
    vera.wait_board("his phone is there", |board| {
        let mut operators = board["operators"].as_array().into_iter().flatten();
        operators.any(|operator| operator["id"] == "1002" && operator["state"] == "ready")
    });
    // What is asked of her from here on begins after the note.
    wait_call(&vera, "the note is there", |call| call["notes"][0]["text"] == "a lamp");
    let before = offset(&vera);
    let path = format!("/api/v1/calls/{id}");
    for nobody in [&boris, &dora] {
        assert_eq!(nobody.get(&path).0, 403);
    }
    let consult = json!({ "order": "consult", "to": { "seat": "8002" } });
    assert_eq!(order(&boris, &id, &consult), 403);
    assert_eq!(order(&anna, &id, &consult), 202);
    // His phone rings: he sees who asks, and about whom.
    let rings = wait_call(&boris, "he is rung", |call| call["id"] == id.as_str());
    let consulting = json!({
        "to": "seat 8002", "whom": { "seat": "8002" }, "operator": "1002", "stage": "ringing", "caller_hears": false
    });
    assert_eq!((&rings["operator"], &rings["consulting"]), (&json!("1001"), &consulting), "{rings:#}");
    assert_eq!((&rings["from"], &rings["notes"][0]["text"]), (&call["from"], &json!("a lamp")));
    let (status, one) = boris.get(&path);
    assert_eq!((status, &one["now"]["id"]), (200, &json!(id)), "{one:#}");
    assert_eq!(boris.get(&format!("{path}/caller")).0, 200);
    assert_eq!((dora.get(&path).0, dora.get(&format!("{path}/caller")).0), (403, 403));
    assert_eq!(dora.get("/api/v1/calls").1, json!([]));
    let board = vera.wait_board("what he does is told", |board| {
        let mut operators = board["operators"].as_array().into_iter().flatten();
        operators.any(|operator| operator["id"] == "1002" && operator["part"]["act"] == "consulted")
    });
    let of_boris = board["operators"].as_array().into_iter().flatten().find(|operator| operator["id"] == "1002");
    let of_boris = of_boris.expect("he is there");
    // His telephone answers by itself, sooner or later.
    let part = json!({ "call": id, "act": "consulted", "stage": of_boris["part"]["stage"], "operator": "1001" });
    assert_eq!((&of_boris["state"], &of_boris["part"]), (&json!("outbound"), &part));
    // And whom she consults everybody reads beside her name, who sees nothing else of it.
    let board = dora.wait_board("whom she consults is told", |board| {
        let mut operators = board["operators"].as_array().into_iter().flatten();
        operators.any(|operator| operator["id"] == "1001" && operator["consults"]["operator"] == "1002")
    });
    assert_eq!(board["calls"], json!([]));
    // He answers; the caller does not hear him before the conference.
    wait_call(&boris, "he answered", |call| call["consulting"]["stage"] == "talking");
    vera.wait_board("that he talks is told", |board| {
        let mut operators = board["operators"].as_array().into_iter().flatten();
        operators.any(|operator| operator["id"] == "1002" && operator["part"]["stage"] == "talking")
    });
    let asked = offset(&boris);
    assert_eq!(order(&boris, &id, &json!({ "order": "conference" })), 403);
    assert_eq!(order(&anna, &id, &json!({ "order": "conference" })), 202);
    let three = wait_call(&boris, "three talk", |call| call["stage"] == "conference");
    assert_eq!(three["consulting"]["caller_hears"], true);
    // Without touching his telephone he leaves.
    assert_eq!(order(&boris, &id, &json!({ "order": "hang_up" })), 202);
    boris.wait_board("it is his no longer", |board| board["calls"].as_array().is_some_and(Vec::is_empty));
    assert_eq!(order(&anna, &id, &json!({ "order": "hold" })), 202);
    wait_call(&anna, "she goes on", |call| call["stage"] == "holding");
    // He took part: he may read the record, which is written soon, and sees nothing of what goes on.
    let until = Instant::now() + PATIENCE;
    let (status, one) = loop {
        let (status, one) = boris.get(&path);
        if status != 403 || Instant::now() > until {
            break (status, one);
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!((status, &one["now"], &one["record"]["notes"][0]["by"]), (200, &Value::Null, &json!("1001")), "{one:#}");
    assert_eq!(dora.get(&path).0, 403);
    let csrf = [("X-CSRF-Token", vera.csrf.as_str())];
    assert_eq!(vera.post("/notices", &json!({ "text": "the end" }), &csrf).0, 201);
    let is_last = |event: &Value| event["data"]["text"] == "the end";
    let stages = |who: &Browser, after: &str| -> Vec<String> {
        let events = who.events_until(after, is_last);
        let of_call = events.iter().filter(|event| event["data"]["id"] == id.as_str());
        let told = of_call.map(|event| {
            format!(
                "{} {}",
                event["type"].as_str().unwrap_or_default(),
                event["data"]["stage"].as_str().unwrap_or_default()
            )
        });
        let mut told: Vec<String> = told.map(|told| told.trim().to_string()).collect();
        told.dedup();
        told
    };
    assert_eq!(stages(&vera, &before), ["call consulting", "call conference", "call talking", "call holding"]);
    // Whoever is not told a call when it begins may hear that one is over which they never saw.
    let seen = |stages: Vec<String>| stages.into_iter().filter(|told| told.starts_with("call ")).collect::<Vec<_>>();
    assert_eq!(seen(stages(&boris, &before)), ["call consulting", "call conference"]);
    assert_eq!(stages(&boris, &before).last().map(String::as_str), Some("call_over"));
    assert_eq!(stages(&boris, &asked), ["call conference", "call_over"], "he comes back where he was cut off");
    assert_eq!(seen(stages(&dora, &before)), Vec::<String>::new());
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(order(&anna, &id, &json!({ "order": "resume" })), 202);
    assert_eq!(order(&anna, &id, &json!({ "order": "hang_up" })), 202);
    assert!(caller.end());
    // In wrap-up it is told after which call it is.
    vera.events_until(&before, |event| {
        let now = &event["data"];
        (&now["id"], &now["state"], &now["wraps_up"]) == (&json!("1001"), &json!("wrap_up"), &json!(id))
    });
    let record = house.wait_records(1).remove(0);
    assert_eq!(
        (&record["transfers"][0]["operator"], &record["transfers"][0]["outcome"]),
        (&json!("1002"), &json!("ended"))
    );
    assert_eq!((boris.get(&path).0, dora.get(&path).0), (200, 403));
    // Told in the order in which it happened.
    let out = hotline().args(["explain", &id, "--data"]).arg(house.data()).output().expect("runs");
    let text = String::from_utf8(out.stdout).expect("UTF-8");
    let mut rest = text.as_str();
    for line in [
        "1001 noted: a lamp",
        "1001 turned to seat 8002; the caller heard music",
        "seat 8002 answered; the caller did not hear them",
        "1001, seat 8002 and the caller heard each other",
        "the consultation of seat 8002 ended",
        "the operator put the caller on hold",
        "the operator is back from hold",
        "the talk ended",
        "ended after a talk: ",
    ] {
        let Some((_, after)) = rest.split_once(line) else { panic!("no {line:?} where it belongs in\n{text}") };
        rest = after;
    }
}

#[test]
fn of_a_caller_left_to_police_who_do_not_answer_the_next_operator_and_the_supervisor_are_told() {
    let port = free_port();
    let police = Sipp::phone("phone_rings_on", port);
    let house = open_with(near(port, "ring = \"5s\"\n"));
    let [anna, vera] = ["1001", "1003"].map(|who| Browser::signed_in(&house, who));
    let annas = Softphone::seat(&house, "8001", "open-sesame", &["--answer-after", "200ms", "--calls", "1"]);
    let mut caller = Softphone::call(&house, "12346", &["--for", "60s"]);
    caller.wait("answered");
    let call = wait_call(&anna, "the talk", |call| call["stage"] == "talking");
    let id = call["id"].as_str().expect("an id").to_string();
    assert_eq!(order(&anna, &id, &json!({ "order": "hand_off", "target": "110" })), 202);
    wait_call(&anna, "they are rung", |call| call["emergency"]["stage"] == "ringing");
    assert_eq!(order(&anna, &id, &json!({ "order": "hang_up" })), 202);
    assert!(annas.end());
    let back = wait_call(&vera, "the caller is back", |call| call["stage"] == "waiting");
    assert_eq!(back["emergency_failed"]["target"], "110", "{back:#}");
    assert!(back.get("emergency").is_none_or(Value::is_null), "{back:#}");
    let wait_alarm = |words: &str| {
        vera.wait_board(words, |board| {
            let alarms = board["alarms"].as_array().expect("a list");
            alarms.iter().any(|alarm| alarm["text_en"].as_str().is_some_and(|text| text.contains(words)))
        });
    };
    wait_alarm("a caller waits for whom 110 was called, who did not answer");
    police.succeed();
    let _annas = Softphone::seat(&house, "8001", "open-sesame", &["--answer-after", "200ms"]);
    let next = wait_call(&anna, "she has the caller again", |call| call["stage"] == "talking");
    assert_eq!(next["emergency_failed"]["target"], "110", "{next:#}");
    wait_alarm("operator 1001 is with them still");
    assert_eq!(order(&anna, &id, &json!({ "order": "hang_up" })), 202);
    vera.wait_board("the caller is gone", |board| board["alarms"].as_array().is_some_and(Vec::is_empty));
}
