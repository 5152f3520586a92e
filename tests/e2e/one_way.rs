//! Talks in which only one side is heard are told of: in the log, the record, the metrics and the alarms.

use crate::house::{Files, House};
use crate::peers::{Sipp, Softphone};
use crate::sound::write_tone;

#[test]
fn a_caller_of_whom_nothing_is_heard_is_told_of() {
    let mut files = Files::new(None);
    files.hotline = files.hotline.replace("[media]\n", "[media]\none_way_after = \"5s\"\n");
    let house = House::open(&files);
    let dir = tempfile::tempdir().unwrap();
    let say = dir.path().join("say.wav");
    write_tone(&say, 700, 20);
    let _seat = Softphone::seat(&house, "8001", "open-sesame", &["--say", say.to_str().unwrap()]);
    // It sends nothing at all.
    let caller = Sipp::callers(&house, "caller_stays", "12346", &["-d", "14000"]);
    house.wait_log(&["sound goes one way only", "caller", "nothing_comes"]);
    caller.succeed();
    let record = house.wait_records(1).remove(0);
    let one_way = record["one_way"].as_array().unwrap();
    assert_eq!(one_way.len(), 1, "{record:#}");
    assert_eq!((&one_way[0]["side"], &one_way[0]["what"]), (&"caller".into(), &"nothing_comes".into()));
    let operator = &record["operator_quality"];
    assert!(operator["mos"].as_f64().unwrap() > 4.0 && operator["loss"].as_f64().unwrap() < 0.05, "{record:#}");
    assert!(record["quality"].is_null(), "nothing was heard of the caller: {record:#}");
}
