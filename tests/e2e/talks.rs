//! What an operator can do in a talk, and what follows it: emergencies, the survey on the caller's leg.

use std::path::PathBuf;

use serde_json::Value;

use crate::house::{Files, House};
use crate::peers::{Sipp, Softphone};
use crate::ports::free_port;
use crate::sound::{Heard, write_tone};

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

#[test]
fn whoever_spoke_with_a_phone_of_another_maker_is_asked_as_well() {
    let port = free_port();
    let mut files = Files::new(Some(port));
    files.menu += "[survey]\ntimeout = \"2s\"\n";
    let house = House::open(&files);
    let phone = Sipp::phone("phone_answers_and_hangs_up", port);
    let caller = Softphone::call(&house, "12346", &["--press", "1", "--press-after", "6s", "--for", "40s"]);
    assert!(caller.end());
    phone.succeed();
    let record = house.wait_records(1).remove(0);
    assert_eq!((record["survey"].as_u64(), text(&record, "ended_by")), (Some(4), "operator"), "{record:#}");
}

// ---------------------------------------------------------------------------------------------
// Emergencies

const CALLER_HZ: u32 = 440;
const OPERATOR_HZ: u32 = 700;
const FAR_HZ: u32 = 1130;

/// A house that hands emergencies to `port`; it has room for one call.
pub fn near(port: u16, emergency: &str) -> Files {
    let mut files = Files::new(None);
    let from = "from = [\"127.0.0.1\"]\n";
    let to = format!(
        "{from}to = \"sip:127.0.0.1:{port}\"\ncheck = \"0s\"\n[[emergency]]\nid = \"110\"\nkey = \"*1\"\n{emergency}"
    );
    files.hotline = files.hotline.replacen(from, &to, 1).replacen("[sip]\n", "[sip]\nmax_calls = 1\n", 1);
    files
}

/// The police: a house of their own.
fn far() -> House {
    let mut files = Files::new(None);
    files.menu += "[[number]]\nnumber = \"110\"\nqueue = \"citizen\"\n";
    files.queues = files.queues.replace("ring = \"4s\"", "ring = \"20s\"");
    House::open(&files)
}

/// A tone to say, and where to write what is heard.
fn sounds(house: &House, hz: u32) -> (Vec<String>, PathBuf) {
    let (say, heard) = (house.dir().join(format!("say-{hz}.wav")), house.dir().join(format!("heard-{hz}.wav")));
    write_tone(&say, hz, 2);
    let args = ["--say".into(), say.display().to_string(), "--record".into(), heard.display().to_string()];
    (args.to_vec(), heard)
}

fn with<'a>(sounds: &'a [String], args: &[&'a str]) -> Vec<&'a str> {
    sounds.iter().map(String::as_str).chain(args.iter().copied()).collect()
}

#[test]
fn three_talk_until_the_police_have_it_and_the_operator_leaves_in_a_full_house() {
    let far = far();
    let (says, heard_far) = sounds(&far, FAR_HZ);
    let args = with(&says, &["--answer-after", "500ms", "--press", "1", "--press-after", "3s", "--calls", "1"]);
    let police = Softphone::seat(&far, "8001", "open-sesame", &args);

    let house = House::open(&near(far.udp, "confirm = \"1\"\n"));
    let (says, heard_operator) = sounds(&house, OPERATOR_HZ);
    let args =
        ["--answer-after", "200ms", "--press", "*1", "--press-after", "3s", "--hang-up-after", "12s", "--calls", "1"];
    let operator = Softphone::seat(&house, "8001", "open-sesame", &with(&says, &args));
    let (says, heard_caller) = sounds(&house, CALLER_HZ);
    let caller = Softphone::call(&house, "12346", &with(&says, &["--for", "18s"]));
    assert!(caller.end() && operator.end() && police.end());

    let record = house.wait_records(1).remove(0);
    assert_eq!((text(&record, "outcome"), text(&record, "ended_by")), ("transferred_out", "caller"), "{record:#}");
    let entry = &record["handoff"][0];
    assert_eq!((text(entry, "target"), text(entry, "number"), text(entry, "outcome")), ("110", "110", "transferred"));
    assert!(entry["answered_at"].is_string() && entry["confirmed_at"].is_string(), "{entry:#}");
    assert!(house.records_as("queue-log").contains("|ATTENDEDTRANSFER|BRIDGE|110|"));
    assert!(house.records_as("csv").contains("transferred_out"));

    let heard = |file: &PathBuf| {
        let heard = Heard::read(file);
        [CALLER_HZ, OPERATOR_HZ, FAR_HZ].map(|hz| heard.seconds_with(hz))
    };
    let (by_caller, by_operator, by_far) = (heard(&heard_caller), heard(&heard_operator), heard(&heard_far));
    let told = format!("caller {by_caller:?}, operator {by_operator:?}, police {by_far:?}");
    // The operator is there for twelve seconds, the police from about the fourth on, the caller all the time.
    assert!(by_caller[0] < 0.5 && by_caller[1] > 7.0 && by_caller[2] > 8.0, "{told}");
    assert!(by_operator[0] > 7.0 && by_operator[1] < 0.5 && by_operator[2] > 4.0, "{told}");
    assert!(by_far[0] > 8.0 && by_far[1] > 4.0 && by_far[1] < by_far[0] && by_far[2] < 0.5, "{told}");
    assert!(Heard::read(&heard_caller).seconds_of(FAR_HZ) > 2.0, "alone with the police: {told}");
}

#[test]
fn police_who_refuse_or_do_not_answer_leave_the_talk_as_it_was() {
    for (scenario, outcome) in [("phone_busy", "busy"), ("phone_rings_on", "no_answer")] {
        let port = free_port();
        let police = Sipp::phone(scenario, port);
        let house = House::open(&near(port, "ring = \"5s\"\n"));
        let (says, heard) = sounds(&house, OPERATOR_HZ);
        let args = ["--answer-after", "200ms", "--press", "*1", "--press-after", "1s", "--calls", "1"];
        let operator = Softphone::seat(&house, "8001", "open-sesame", &with(&says, &args));
        let (says, _) = sounds(&house, CALLER_HZ);
        assert!(Softphone::call(&house, "12346", &with(&says, &["--for", "13s"])).end() && operator.end());
        police.succeed();
        let record = house.wait_records(1).remove(0);
        assert_eq!((text(&record, "outcome"), text(&record, "ended_by")), ("answered", "caller"), "{scenario}");
        assert_eq!(text(&record["handoff"][0], "outcome"), outcome);
        let caller = Heard::read(&heard).seconds_with(CALLER_HZ);
        assert!(caller > 8.0, "{scenario}: the operator heard the caller for {caller} s");
    }
}

#[test]
fn whoever_leaves_the_other_two_stay_together() {
    // Who hangs up after four seconds; who is left with the police.
    for (operator_leaves, left_hz) in [(true, CALLER_HZ), (false, OPERATOR_HZ)] {
        let far = far();
        let (says, heard_far) = sounds(&far, FAR_HZ);
        let args = with(&says, &["--answer-after", "4s", "--calls", "1"]);
        let police = Softphone::seat(&far, "8001", "open-sesame", &args);
        let house = House::open(&near(far.udp, ""));
        let (says, heard_operator) = sounds(&house, OPERATOR_HZ);
        let hang_up = if operator_leaves { "4s" } else { "14s" };
        let args = [
            "--answer-after",
            "200ms",
            "--press",
            "*1",
            "--press-after",
            "1s",
            "--calls",
            "1",
            "--hang-up-after",
            hang_up,
        ];
        let operator = Softphone::seat(&house, "8001", "open-sesame", &with(&says, &args));
        let (says, heard_caller) = sounds(&house, CALLER_HZ);
        let stays = if operator_leaves { "14s" } else { "4s" };
        let caller = Softphone::call(&house, "12346", &with(&says, &["--for", stays]));
        assert!(caller.end() && operator.end() && police.end());
        let record = house.wait_records(1).remove(0);
        let outcome = if operator_leaves { "transferred_out" } else { "answered" };
        assert_eq!((text(&record, "outcome"), text(&record, "ended_by")), (outcome, "caller"), "{record:#}");
        let (left, heard) = (Heard::read(&heard_far), if operator_leaves { heard_caller } else { heard_operator });
        let (left, heard) = (left.seconds_of(left_hz), Heard::read(&heard).seconds_with(FAR_HZ));
        assert!(left > 3.0 && heard > 3.0, "police heard {left} s, and were heard {heard} s");
    }
}
