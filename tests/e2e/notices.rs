//! What supervisors have to say to everybody, through closings and power cuts.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::house::{House, PATIENCE};
use crate::ports::free_port;
use crate::web::{Browser, open};

/// The texts on the board of whoever signs in now.
fn texts(house: &House, who: &str) -> Vec<String> {
    let (status, board) = Browser::signed_in(house, who).get("/api/v1/board");
    assert_eq!(status, 200, "{board}");
    let text = |notice: &Value| notice["text"].as_str().unwrap_or_default().to_string();
    let mut texts: Vec<String> = board["notices"].as_array().expect("a list").iter().map(text).collect();
    texts.sort();
    texts
}

#[test]
fn a_notice_stands_until_it_is_taken_away_or_its_time_is_over_whatever_happens_to_the_house() {
    let mut house = open(free_port());
    let mei = Browser::signed_in(&house, "mei");
    let csrf = [("X-CSRF-Token", mei.csrf.as_str())];
    let post = |text: &str, until: Option<jiff::Timestamp>| {
        let (status, notice) = mei.post("/notices", &json!({ "text": text, "level": "urgent", "until": until }), &csrf);
        (status, notice["id"].as_str().unwrap_or_default().to_string())
    };
    let now = jiff::Timestamp::now();
    let seconds = |seconds: i64| Some(now + jiff::SignedDuration::from_secs(seconds));
    assert_eq!(post("too late", seconds(-60)).0, 422);
    let (_, stays) = post("the water is cut off", None);
    let (_, gone) = post("said too soon", seconds(3600));
    assert_eq!(post("for today", seconds(3600)).0, 201);
    assert_eq!(post("a moment", seconds(4)).0, 201);
    assert_eq!(mei.delete(&format!("/notices/{gone}"), &csrf), 204);
    let both = ["for today", "the water is cut off"];
    house.close_and_restart();
    // It was read by then; until it is over it is there.
    let until = Instant::now() + PATIENCE;
    while texts(&house, "1002") != both {
        assert!(Instant::now() < until, "{:?}", texts(&house, "1002"));
        std::thread::sleep(Duration::from_millis(300));
    }
    house.crash_and_restart();
    assert_eq!(texts(&house, "1002"), both);
    // Who and when is as it was, and whoever comes back takes it away.
    let mei = Browser::signed_in(&house, "mei");
    let board = mei.get("/api/v1/board").1;
    let kept = board["notices"].as_array().and_then(|all| all.iter().find(|notice| notice["id"] == stays.as_str()));
    let kept = kept.expect("it is there");
    assert_eq!((&kept["by"], &kept["level"], &kept["until"]), (&json!("mei"), &json!("urgent"), &Value::Null));
    let at: jiff::Timestamp = kept["at"].as_str().and_then(|at| at.parse().ok()).expect("a time");
    assert!(at.duration_since(now).abs() < jiff::SignedDuration::from_secs(60), "{at}");
    assert_eq!(mei.delete(&format!("/notices/{stays}"), &[("X-CSRF-Token", &mei.csrf)]), 204);
    house.crash_and_restart();
    assert_eq!(texts(&house, "1002"), ["for today"]);
}
