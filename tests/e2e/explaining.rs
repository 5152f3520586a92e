//! Why a caller waited, what the day came to, and whether the log still says the same when it is played again.

use serde_json::Value;

use crate::house::{Files, House, hotline};
use crate::peers::{Sipp, Softphone};
use crate::ports::free_port;

/// Runs a command on the house's data; its standard output, and whether it ended with 0.
pub fn ask(house: &House, args: &[&str]) -> (String, bool) {
    let out = hotline().args(args).arg("--data").arg(house.data()).output().expect("runs");
    (String::from_utf8(out.stdout).expect("UTF-8"), out.status.success())
}

fn explained(house: &House, record: &Value) -> String {
    let (text, done) = ask(house, &["explain", record["call_id"].as_str().expect("an id")]);
    assert!(done, "{text}");
    text
}

#[test]
fn a_call_that_was_refused_waited_and_was_answered_is_told_in_words() {
    let port = free_port();
    let mut house = House::open(&Files::new(Some(port)));
    // Boris at the desk phone is asked first, since he is idle from the start; his phone refuses.
    let refuses = Sipp::phone("phone_rejects", port);
    let mut caller = Softphone::call(&house, "12346", &["--for", "9s"]);
    caller.wait("answered");
    refuses.succeed();
    let seat = Softphone::seat(&house, "8001", "open-sesame", &["--answer-after", "1s"]);
    assert!(caller.end());
    let records = house.wait_records(1);
    let text = explained(&house, &records[0]);
    for line in [
        "joined the line citizen",
        "1002 (Boris) was asked: idle longest",
        "1002 (Boris) refused after",
        "nobody could be asked: 1 ready, 1 signed out; excluded: 1002 (Boris) [rules 1, step 0]",
        "1001 (Anna) was asked: idle longest",
        "1001 (Anna) answered after 1.",
        "was connected to 1001 (Anna) at seat 8001",
        "That was within the aim.",
        "Phones rang in vain for",
    ] {
        assert!(text.contains(line), "no {line:?} in\n{text}");
    }

    let (json, done) = ask(&house, &["explain", records[0]["call_id"].as_str().unwrap(), "--format", "json"]);
    let story: Value = serde_json::from_str(&json).unwrap_or_else(|e| panic!("{e}: {json}"));
    assert!(done && story["record"] == records[0], "{story:#}");
    let decided: Vec<&Value> =
        story["events"].as_array().unwrap().iter().filter(|e| e["output"] == "decided").collect();
    assert_eq!(decided[1]["chosen"], Value::Null);
    assert_eq!(decided[1]["candidates"], serde_json::json!([{"operator": "1002", "fit": "excluded"}]));
    assert_eq!(decided[2]["chosen"]["operator"], "1001");
    assert!(decided[2]["at"].as_str().is_some_and(|at| at.starts_with("20")), "a time for programs: {:#}", decided[2]);

    let (json, _) = ask(&house, &["statistics", "--by", "house", "--format", "json"]);
    let day: Value = serde_json::from_str(json.trim()).unwrap_or_else(|e| panic!("{e}: {json}"));
    let counted =
        ["offered", "answered", "answered_within", "offers", "offers_rejected", "passed_unexplained", "waiting"]
            .map(|key| day["contacts"][key].as_u64().expect("a number"));
    assert_eq!(counted, [1, 1, 1, 2, 1, 0, 0], "{day:#}");
    assert_eq!((day["conserved"].as_bool(), day["service_level"]["strict"].as_f64()), (Some(true), Some(1.0)));

    drop(seat);
    house.crash_and_restart();
    let (text, alike) = ask(&house, &["replay"]);
    assert!(alike && text.contains("byte for byte"), "over a crash: {text}");
}

#[test]
fn a_log_that_was_changed_is_found_out() {
    let house = House::open(&Files::new(None));
    let mut caller = Softphone::call(&house, "12346", &["--for", "2s"]);
    caller.wait("answered");
    assert!(caller.end());
    let records = house.wait_records(1);
    let text = explained(&house, &records[0]);
    assert!(text.contains("nobody could be asked: 1 signed out") && text.contains("the caller gave up"), "{text}");
    let (_, alike) = ask(&house, &["replay"]);
    assert!(alike);
    let db = rusqlite::Connection::open(house.data().join("hotline.db")).expect("opens");
    db.busy_timeout(std::time::Duration::from_secs(5)).expect("waits");
    let changed = "UPDATE decisions SET output = replace(output, '\"signed_out\":1', '\"signed_out\":2')";
    assert_eq!(db.execute(changed, []).expect("changes"), db.changes() as usize);
    let (text, alike) = ask(&house, &["replay"]);
    assert!(!alike && text.contains("differs") && text.contains("\"signed_out\":2"), "{text}");
    let (_, found) = ask(&house, &["explain", "0000000000000"]);
    assert!(!found, "there is no such call");
}
