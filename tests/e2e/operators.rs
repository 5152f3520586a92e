//! Operators by feature codes on their phone.

use crate::house::{Files, House};
use crate::peers::Softphone;

pub fn dial(house: &House, code: &str) {
    let before = house.log().matches("feature code").count();
    let mut command = crate::house::hotline();
    command.args(["call", &format!("sip:{code}@{}", house.addr()), "--as-seat", "8001", "--for", "5s"]);
    command.env("HOTLINE_SEAT_SECRET", "open-sesame");
    assert!(Softphone::start(command).end(), "{code}");
    assert_eq!(house.log().matches("feature code").count(), before + 1, "{code}");
}

/// What the queue log says of operator 1001, in order.
fn told(house: &House) -> Vec<String> {
    let log = house.records_as("queue-log");
    let mine = log.lines().filter(|line| line.split('|').nth(3) == Some("1001"));
    mine.map(|line| line.split('|').skip(4).collect::<Vec<_>>().join("|")).collect()
}

#[test]
fn sign_in_breaks_and_sign_out_by_feature_codes() {
    let house = House::open(&Files::new(None));
    let _seat = Softphone::seat(&house, "8001", "open-sesame", &[]);
    dial(&house, "*142");
    dial(&house, "*13");
    dial(&house, "*12");
    dial(&house, "*11");
    dial(&house, "*13");
    dial(&house, "*12");
    dial(&house, "*111001");
    let lines = told(&house);
    let events: Vec<&str> = lines.iter().map(String::as_str).collect();
    let short: Vec<String> = events
        .iter()
        .map(|line| line.split('|').take(if line.starts_with("PAUSE") { 2 } else { 1 }).collect::<Vec<_>>().join("|"))
        .collect();
    assert_eq!(
        short,
        [
            "AGENTLOGIN",
            "PAUSE|meal",
            "UNPAUSE",
            "AGENTLOGOFF",
            "AGENTLOGIN",
            "PAUSE|signed_in",
            "UNPAUSE",
            "AGENTLOGOFF",
            "AGENTLOGIN",
            "PAUSE|signed_in"
        ],
        "{events:#?}"
    );
}

#[test]
fn who_is_on_a_break_is_offered_nothing_until_back() {
    let house = House::open(&Files::new(None));
    let _seat = Softphone::seat(&house, "8001", "open-sesame", &[]);
    dial(&house, "*141");
    assert!(Softphone::call(&house, "12346", &["--for", "2s"]).end());
    let mut caller = Softphone::call(&house, "12346", &["--for", "12s"]);
    caller.wait("answered");
    dial(&house, "*13");
    house.wait_log(&["connected"]);
    drop(caller);
    let record = house.wait_records(1).remove(0);
    assert_eq!(record["outcome"], "abandoned_in_queue");
    assert_eq!(record["offers"], serde_json::json!([]));
}

#[test]
fn wrap_up_ends_by_its_code() {
    let mut files = Files::new(None);
    files.queues = files.queues.replace("wrap_up = \"1s\"", "wrap_up = \"10m\"");
    let house = House::open(&files);
    let mut seat = Softphone::seat(&house, "8001", "open-sesame", &["--answer-after", "200ms"]);
    assert!(Softphone::call(&house, "12346", &["--for", "2s"]).end());
    seat.wait("the caller is gone");
    dial(&house, "*15");
    assert!(Softphone::call(&house, "12346", &["--for", "3s"]).end());
    let records = house.wait_records(2);
    assert!(records.iter().all(|record| record["outcome"] == "answered"), "{records:#?}");
}

#[test]
fn codes_are_for_seats_only() {
    let house = House::open(&Files::new(None));
    let mut command = crate::house::hotline();
    command.args(["call", &format!("sip:*12@{}", house.addr()), "--for", "3s"]).stderr(std::process::Stdio::piped());
    let out = command.output().unwrap();
    assert!(!out.status.success());
    assert!(!house.log().contains("feature code"));
}
