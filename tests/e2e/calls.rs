//! Whole calls with sipp as caller and as desk phone: each ends in one record that tells what happened.

use serde_json::Value;

use crate::house::{DESK_PHONE, Files, House};
use crate::peers::Sipp;
use crate::ports::free_port;

/// A house whose only ready operator sits at a desk phone at `port`.
fn desk(port: u16) -> Files {
    Files::new(Some(port))
}

fn text<'a>(record: &'a Value, key: &str) -> &'a str {
    record[key].as_str().unwrap_or_default()
}

fn outcomes(record: &Value) -> Vec<&str> {
    record["offers"]
        .as_array()
        .map(|offers| offers.iter().map(|offer| text(offer, "outcome")).collect())
        .unwrap_or_default()
}

/// The law of records: times in order, and the parts sum to the whole.
fn check_sums(record: &Value) {
    let millis = |key: &str| {
        record[key].as_str().map(|time| time.parse::<jiff::Timestamp>().expect("RFC 3339").as_millisecond())
    };
    let arrived = millis("arrived_at").expect("arrived");
    let ended = millis("ended_at").expect("ended");
    let order: Vec<i64> = ["arrived_at", "answered_at", "queued_at", "connected_at", "ended_at"]
        .iter()
        .filter_map(|key| millis(key))
        .collect();
    assert!(
        record["answered_at"].is_null() || order.is_sorted() || millis("answered_at") >= millis("queued_at"),
        "{record:#}"
    );
    let before = millis("queued_at").unwrap_or(ended) - arrived;
    let sum = before + record["wait_ms"].as_i64().unwrap() + record["talk_ms"].as_i64().unwrap();
    assert!(
        (sum - (ended - arrived)).abs() <= 1000,
        "the parts sum to {sum}, the whole is {}: {record:#}",
        ended - arrived
    );
}

fn only(house: &House) -> Value {
    let record = house.wait_records(1).remove(0);
    check_sums(&record);
    record
}

#[test]
fn a_call_is_answered_and_the_caller_hangs_up() {
    let port = free_port();
    let house = House::open(&desk(port));
    let phone = Sipp::phone("phone_answers", port);
    Sipp::caller(&house, "caller_hangs_up", "12346").succeed();
    phone.succeed();
    let record = only(&house);
    assert_eq!(
        (text(&record, "outcome"), text(&record, "ended_by"), text(&record, "operator")),
        ("answered", "caller", "1002")
    );
    assert_eq!((text(&record, "from"), text(&record, "to"), text(&record, "trunk")), ("13800000000", "12346", "test"));
    assert_eq!(
        (text(&record, "seat"), text(&record, "queue"), text(&record, "language")),
        (DESK_PHONE, "citizen", "zh")
    );
    assert_eq!((outcomes(&record), &record["sip_status"]), (vec!["answered"], &Value::from(200)));
    assert_eq!(record["within_service_level"], true);
    let log = house.records_as("queue-log");
    let events: Vec<&str> = log.lines().filter_map(|line| line.split('|').nth(4)).collect();
    assert_eq!(events, ["QUEUESTART", "AGENTLOGIN", "ENTERQUEUE", "CONNECT", "COMPLETECALLER"], "{log}");
    assert_eq!(house.records_as("csv").lines().count(), 2);
}

#[test]
fn the_operator_hangs_up() {
    let port = free_port();
    let house = House::open(&desk(port));
    let phone = Sipp::phone("phone_answers_and_hangs_up", port);
    Sipp::caller(&house, "caller_waits", "12346").succeed();
    phone.succeed();
    let record = only(&house);
    assert_eq!((text(&record, "outcome"), text(&record, "ended_by")), ("answered", "operator"));
}

#[test]
fn giving_up_in_the_menu() {
    let house = House::open(&Files::new(None));
    Sipp::caller(&house, "caller_hangs_up", "12345").succeed();
    let record = only(&house);
    // Three seconds are enough for the greeting to play, and not for the wait after it.
    assert_eq!((text(&record, "outcome"), text(&record, "ended_by")), ("abandoned_in_menu", "caller"));
    assert!(record["queued_at"].is_null() && record["within_service_level"].is_null(), "{record:#}");
}

#[test]
fn giving_up_in_the_line() {
    let house = House::open(&Files::new(None));
    Sipp::caller(&house, "caller_hangs_up", "12346").succeed();
    let record = only(&house);
    assert_eq!((text(&record, "outcome"), text(&record, "ended_by")), ("abandoned_in_queue", "caller"));
    assert_eq!(record["within_service_level"], false);
    assert!(house.records_as("queue-log").contains("|ABANDON|"));
}

#[test]
fn early_media_is_cancelled_in_the_menu_and_in_the_line() {
    for (number, outcome) in [("12345", "abandoned_in_menu"), ("12346", "abandoned_in_queue")] {
        let mut files = Files::new(None);
        files.hotline = files.hotline.replace("[sip]\n", "[sip]\nanswer = \"on-connect\"\n");
        let house = House::open(&files);
        Sipp::caller(&house, "caller_cancels", number).succeed();
        let record = only(&house);
        assert_eq!((text(&record, "outcome"), &record["sip_status"]), (outcome, &Value::from(487)));
        assert!(record["answered_at"].is_null());
    }
}

#[test]
fn early_media_is_answered_with_the_operator() {
    let port = free_port();
    let mut files = desk(port);
    files.hotline = files.hotline.replace("[sip]\n", "[sip]\nanswer = \"on-connect\"\n");
    let house = House::open(&files);
    let phone = Sipp::phone("phone_answers", port);
    Sipp::caller(&house, "caller_early_media", "12346").succeed();
    phone.succeed();
    let record = only(&house);
    assert_eq!((text(&record, "outcome"), text(&record, "answered_at")), ("answered", text(&record, "connected_at")));
}

#[test]
fn what_comes_before_the_answer_is_acknowledged_on_both_sides_and_sessions_have_timers() {
    let port = free_port();
    let mut files = desk(port);
    files.hotline = files.hotline.replace("[sip]\n", "[sip]\nanswer = \"on-connect\"\n");
    let house = House::open(&files);
    let phone = Sipp::phone("phone_acknowledged", port);
    Sipp::caller(&house, "caller_acknowledges", "12346").succeed();
    phone.succeed();
    let record = only(&house);
    assert_eq!((text(&record, "outcome"), text(&record, "ended_by")), ("answered", "caller"));
}

#[test]
fn a_busy_phone_and_one_that_refuses() {
    for (scenario, outcome) in [("phone_busy", "busy"), ("phone_rejects", "rejected"), ("phone_fails", "unreachable")] {
        let port = free_port();
        let house = House::open(&desk(port));
        let phone = Sipp::phone(scenario, port);
        Sipp::caller(&house, "caller_hangs_up", "12346").succeed();
        phone.succeed();
        let record = only(&house);
        assert_eq!((text(&record, "outcome"), outcomes(&record)), ("abandoned_in_queue", vec![outcome]), "{scenario}");
    }
}

#[test]
fn a_phone_that_rings_on_is_cancelled_and_its_operator_rests() {
    let port = free_port();
    let mut files = desk(port);
    files.queues = files.queues.replace("ring = \"4s\"", "ring = \"2s\"");
    let house = House::open(&files);
    let phone = Sipp::phone("phone_rings_on", port);
    Sipp::caller(&house, "caller_hangs_up", "12346").succeed();
    phone.succeed();
    let record = only(&house);
    assert_eq!(outcomes(&record), ["no_answer"]);
    let log = house.records_as("queue-log");
    assert!(log.contains("|RINGNOANSWER|") && log.contains("|1002|PAUSE|rona"), "{log}");
}

#[test]
fn the_call_goes_on_to_another_when_a_phone_is_dead() {
    let port = free_port();
    let mut files = desk(port);
    // A second desk phone that answers; its operator became idle later.
    let second = free_port();
    files.operators += &format!(
        "[[seat]]\nid = \"8003\"\ncontact = \"sip:8003@127.0.0.1:{second}\"\n\
         [[operator]]\nid = \"1003\"\nskills = {{ mandarin = 1 }}\nseat = \"8003\"\n"
    );
    files.queues = files.queues.replace("ring = \"4s\"", "ring = \"15s\"");
    let house = House::open(&files);
    let dead = Sipp::phone("phone_is_dead", port);
    let phone = Sipp::phone("phone_answers", second);
    let caller = Sipp::start("caller_hangs_up_late", &[&house.addr(), "-s", "12346", "-p", &free_port().to_string()]);
    caller.succeed();
    phone.succeed();
    drop(dead);
    let record = only(&house);
    assert_eq!((text(&record, "operator"), outcomes(&record)), ("1003", vec!["unreachable", "answered"]));
}

#[test]
fn the_caller_holds_and_comes_back() {
    let port = free_port();
    let house = House::open(&desk(port));
    let phone = Sipp::phone("phone_answers", port);
    Sipp::caller(&house, "caller_holds", "12346").succeed();
    phone.succeed();
    let held = only(&house)["hold_ms"].as_i64().unwrap();
    assert!((1500..4000).contains(&held), "held for {held} ms");
}

#[test]
fn the_operator_holds_and_comes_back() {
    let port = free_port();
    let house = House::open(&desk(port));
    let phone = Sipp::phone("phone_holds", port);
    Sipp::caller(&house, "caller_waits", "12346").succeed();
    phone.succeed();
    let record = only(&house);
    let held = record["hold_ms"].as_i64().unwrap();
    assert!((1500..4000).contains(&held), "held for {held} ms");
    assert_eq!(text(&record, "ended_by"), "operator");
}

#[test]
fn requests_that_come_twice_count_once() {
    let port = free_port();
    let house = House::open(&desk(port));
    let phone = Sipp::phone("phone_answers", port);
    Sipp::caller(&house, "caller_retransmits", "12346").succeed();
    phone.succeed();
    assert_eq!(text(&only(&house), "outcome"), "answered");
}

#[test]
fn an_offer_may_come_late() {
    let port = free_port();
    let house = House::open(&desk(port));
    let phone = Sipp::phone("phone_answers", port);
    Sipp::caller(&house, "caller_offers_late", "12346").succeed();
    phone.succeed();
    assert_eq!(text(&only(&house), "outcome"), "answered");
}

#[test]
fn a_closed_queue_and_a_full_line_say_so() {
    let mut files = Files::new(None);
    files.queues = files
        .queues
        .replace("wrap_up = \"1s\"\n[[", "wrap_up = \"1s\"\nhours = \"00:00-00:01\"\n[[")
        .replace("hours = \"00:00-00:01\"", &closed_now());
    let house = House::open(&files);
    Sipp::caller(&house, "caller_waits", "12346").succeed();
    let record = only(&house);
    assert_eq!((text(&record, "outcome"), text(&record, "ended_by")), ("refused_closed", "system"));

    let mut files = Files::new(None);
    files.queues = files.queues.replace("wrap_up = \"1s\"\n[[", "wrap_up = \"1s\"\nmax_waiting = 1\n[[");
    let house = House::open(&files);
    let first = Sipp::start("caller_hangs_up_late", &[&house.addr(), "-s", "12346", "-p", &free_port().to_string()]);
    house.wait_log(&["joins"]);
    Sipp::caller(&house, "caller_waits", "12346").succeed();
    first.succeed();
    let records = house.wait_records(2);
    let all: Vec<&str> = records.iter().map(|record| text(record, "outcome")).collect();
    assert_eq!(all, ["abandoned_in_queue", "refused_busy"]);
}

/// Opening hours that are over, whatever the time is.
fn closed_now() -> String {
    let hour = jiff::ZonedDateTime::now().hour();
    let (from, to) = if hour < 12 { (18, 19) } else { (5, 6) };
    format!("hours = \"{from:02}:00-{to:02}:00\"")
}
