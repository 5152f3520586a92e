//! What follows a talk: the survey on the caller's leg.

use serde_json::Value;

use crate::house::{Files, House};
use crate::peers::Softphone;

fn text<'a>(record: &'a Value, key: &str) -> &'a str {
    record[key].as_str().unwrap_or_default()
}

#[test]
fn callers_answer_the_survey_with_one_key_the_wrong_keys_or_none() {
    let mut files = Files::new(None);
    files.menu += "[survey]\ntimeout = \"1s\"\n";
    files.queues = files.queues.replace("wrap_up = \"1s\"", "wrap_up = \"0s\"");
    let house = House::open(&files);
    let args = ["--answer-after", "100ms", "--hang-up-after", "1s"];
    let _seat = Softphone::seat(&house, "8001", "open-sesame", &args);
    // The keys, how long the caller stays, and the score in the record.
    let table =
        [("2", "40s", Some(3)), ("94", "40s", Some(1)), ("0*#", "40s", None), ("", "40s", None), ("", "5s", None)];
    for (n, (keys, stays, survey)) in table.into_iter().enumerate() {
        let caller = Softphone::call(&house, "12346", &["--press", keys, "--press-after", "4s", "--for", stays]);
        assert!(caller.end(), "{keys:?}");
        let record = house.wait_records(n + 1).pop().unwrap();
        assert_eq!(record["survey"].as_u64(), survey, "{keys:?}: {record:#}");
        assert_eq!((text(&record, "outcome"), text(&record, "ended_by")), ("answered", "operator"), "{keys:?}");
        let talk = record["talk_ms"].as_u64().unwrap();
        assert!((500..3000).contains(&talk), "the survey is no talk: {talk} ms");
    }
}
