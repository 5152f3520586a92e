//! What the rules of a line do to calls: several phones at once, callbacks, overflow, redial, messages.

use std::time::Duration;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::house::{Files, House};
use crate::peers::{Sipp, Softphone};
use crate::ports::free_port;
use crate::sound::{Heard, write_tone};

/// The other phones are to be silent 200 ms after the first was answered; a machine that runs other tests besides
/// is given five times that.
const WITHDRAWN_WITHIN: Duration = Duration::from_millis(1000);

fn text<'a>(record: &'a Value, key: &str) -> &'a str {
    record[key].as_str().unwrap_or_default()
}

/// A house whose first queue has these lines more.
fn files(queue: &str) -> Files {
    let mut files = Files::new(None);
    files.queues = files.queues.replacen("wrap_up = \"1s\"\n", &format!("wrap_up = \"1s\"\n{queue}"), 1);
    files
}

/// One more desk phone with its operator.
fn desk(files: &mut Files, number: u16, skill: &str) -> u16 {
    let port = free_port();
    files.operators += &format!(
        "[[seat]]\nid = \"80{number}\"\ncontact = \"sip:80{number}@127.0.0.1:{port}\"\n\
         [[operator]]\nid = \"10{number}\"\nskills = {{ {skill} = 5 }}\nseat = \"80{number}\"\n"
    );
    port
}

fn goes_out(files: &mut Files) -> u16 {
    let port = free_port();
    let from = "from = [\"127.0.0.1\"]\n";
    files.hotline = files.hotline.replacen(from, &format!("{from}to = \"sip:127.0.0.1:{port}\"\ncheck = \"0s\"\n"), 1);
    port
}

#[test]
fn of_three_phones_the_first_has_the_call_and_the_others_stop_at_once() {
    let mut files = files("ring_at_once = 3\n");
    files.queues = files.queues.replace("ring = \"4s\"", "ring = \"15s\"");
    let ports = [11, 12, 13].map(|number| desk(&mut files, number, "mandarin"));
    let house = House::open(&files);
    let first = Sipp::phone("phone_answers", ports[0]);
    let others = [ports[1], ports[2]].map(|port| Sipp::phone("phone_elsewhere", port));
    Sipp::caller(&house, "caller_hangs_up", "12346").succeed();
    let answered = first.moment_of("sent", "SIP/2.0 200 OK");
    first.succeed();
    for other in others {
        let withdrawn = other.moment_of("received", "CANCEL ");
        other.succeed();
        let late = withdrawn.saturating_sub(answered);
        assert!(late <= WITHDRAWN_WITHIN, "the CANCEL came {late:?} after the answer");
    }
    let record = house.wait_records(1).remove(0);
    assert_eq!((text(&record, "outcome"), text(&record, "operator")), ("answered", "1011"));
    let mut offers: Vec<(&str, &str)> =
        record["offers"].as_array().unwrap().iter().map(|o| (text(o, "operator"), text(o, "outcome"))).collect();
    offers.sort();
    let elsewhere = "answered_elsewhere";
    assert_eq!(offers, [("1011", "answered"), ("1012", elsewhere), ("1013", elsewhere)]);
    let log = house.records_as("queue-log");
    assert_eq!(log.matches("|RINGCANCELED|").count(), 2, "{log}");
    assert!(!log.contains("PAUSE"), "nobody is blamed: {log}");
}

#[test]
fn a_citizen_who_hung_up_is_called_back_and_talks_to_the_operator() {
    let mut files = files(
        "callback = { first = \"customer\", first_after = \"0s\" }\n[[queue.key]]\nkey = \"9\"\ncallback = true\n",
    );
    let trunk = goes_out(&mut files);
    let house = House::open(&files);
    Sipp::caller(&house, "caller_asks_callback", "12346").succeed();
    let visit = house.wait_records(1).remove(0);
    assert_eq!((text(&visit, "outcome"), text(&visit, "choices")), ("callback", "9"));

    let citizen = Sipp::phone("phone_answers_and_hangs_up", trunk);
    let mut seat = Softphone::seat(&house, "8001", "open-sesame", &["--answer-after", "200ms"]);
    citizen.succeed();
    seat.wait("the caller is gone");
    let call = house.wait_records(2).remove(1);
    assert_eq!(
        (text(&call, "outcome"), text(&call, "operator"), text(&call, "ended_by")),
        ("answered", "1001", "caller")
    );
    assert_eq!((text(&call, "from"), text(&call, "to"), text(&call, "trunk")), ("12346", "13800000000", "test"));
    assert_eq!((&call["callback_of"], &call["attempt"]), (&visit["call_id"], &Value::from(1)));
    assert!(call["talk_ms"].as_i64().unwrap() > 500, "{call:#}");
    assert_eq!(text(&call, "sip_call_id"), format!("hotline-{}", text(&call, "call_id")));
    assert!(visit["callback_of"].is_null());
}

#[test]
fn an_operator_is_rung_first_and_the_citizen_when_they_took_it() {
    let mut files = files(
        "callback = { first = \"operator\", first_after = \"0s\" }\n[[queue.key]]\nkey = \"9\"\ncallback = true\n",
    );
    let trunk = goes_out(&mut files);
    let house = House::open(&files);
    Sipp::caller(&house, "caller_asks_callback", "12346").succeed();
    house.wait_records(1);
    let citizen = Sipp::phone("phone_answers_and_hangs_up", trunk);
    let mut seat = Softphone::seat(&house, "8001", "open-sesame", &["--answer-after", "200ms"]);
    citizen.succeed();
    seat.wait("the caller is gone");
    let call = house.wait_records(2).remove(1);
    assert_eq!((text(&call, "outcome"), text(&call, "operator")), ("answered", "1001"));
    assert_eq!(text(&call["offers"][0], "outcome"), "answered");
}

#[test]
fn who_waited_too_long_is_served_by_another_queue() {
    let mut files = files("max_wait = \"2s\"\nif_too_long = { queue = \"english\" }\n");
    let port = desk(&mut files, 12, "english");
    let house = House::open(&files);
    let phone = Sipp::phone("phone_answers", port);
    let caller = Sipp::start("caller_hangs_up_late", &[&house.addr(), "-s", "12346", "-p", &free_port().to_string()]);
    caller.succeed();
    phone.succeed();
    let record = house.wait_records(1).remove(0);
    assert_eq!((text(&record, "outcome"), text(&record, "queue")), ("answered", "english"));
    assert_eq!((text(&record, "operator"), text(&record, "need")), ("1012", "english >= 1"));
    assert!(record["wait_ms"].as_i64().unwrap() >= 2000, "the whole wait is told: {record:#}");
    let log = house.records_as("queue-log");
    let events: Vec<(&str, &str)> = log
        .lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split('|').collect();
            (fields[2] != "NONE").then_some((fields[2], fields[4]))
        })
        .collect();
    assert_eq!(
        events,
        [
            ("citizen", "ENTERQUEUE"),
            ("citizen", "EXITWITHTIMEOUT"),
            ("english", "ENTERQUEUE"),
            ("english", "CONNECT"),
            ("english", "COMPLETECALLER")
        ]
    );
}

#[test]
fn who_drops_and_calls_again_within_a_minute_has_the_old_place() {
    let house = House::open(&Files::new(None));
    let first = Softphone::call(&house, "12346", &["--from", "13800000001", "--for", "2s"]);
    house.wait_log(&["from=13800000001", "joins"]);
    let mut second = Softphone::call(&house, "12346", &["--from", "13900000002", "--for", "40s"]);
    house.wait_log(&["from=13900000002", "joins"]);
    assert!(first.end());
    let mut again = Softphone::call(&house, "12346", &["--from", "13800000001", "--for", "8s"]);
    again.wait("answered");
    second.wait("answered");
    house.wait_log(&["from=13800000001", "over"]);
    std::thread::sleep(Duration::from_millis(500));
    let _seat = Softphone::seat(&house, "8001", "open-sesame", &["--answer-after", "200ms"]);
    house.wait_log(&["from=13800000001", "connected"]);
    assert!(!house.log().lines().any(|line| line.contains("from=13900000002") && line.contains("connected")));
    assert!(again.end());
    let records = house.wait_records(2);
    let outcomes: Vec<&str> = records.iter().map(|record| text(record, "outcome")).collect();
    assert_eq!(outcomes, ["abandoned_in_queue", "answered"], "the second caller still waits");
    drop(second);
}

#[test]
fn a_message_is_on_the_disk_as_the_record_says() {
    let house = House::open(&files("[[queue.key]]\nkey = \"8\"\nmessage = true\n"));
    let tone = house.dir().join("tone.wav");
    write_tone(&tone, 440, 3);
    let say = tone.display().to_string();
    let caller = Softphone::call(&house, "12346", &["--press", "8", "--say", &say, "--for", "12s"]);
    assert!(caller.end());
    let record = house.wait_records(1).remove(0);
    assert_eq!((text(&record, "outcome"), text(&record, "ended_by")), ("message", "caller"));
    let file = house.data().join(text(&record["recording"], "file"));
    let bytes = std::fs::read(&file).expect("the recording");
    let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(&bytes));
    assert_eq!(text(&record["recording"], "sha256"), hash);
    let heard = Heard::read(&file);
    assert!(heard.seconds_of(440) > 2.0, "{} s of {} s", heard.seconds_of(440), heard.seconds());
}
