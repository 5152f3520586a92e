//! Menus over real SIP: several numbers, digits, forks, hooks, seats, and callers who press nothing or everything.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use serde_json::{Value, json};

use crate::house::{Files, House};
use crate::peers::{Sipp, Softphone};
use crate::ports::free_port;
use crate::sound::write_tone;

/// A program that answers each question with this after a while; the questions come out of the receiver.
fn program(answer: &'static str, after: Duration) -> (String, std::sync::mpsc::Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/case", listener.local_addr().expect("bound"));
    let (tell, asked) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = Vec::new();
            let mut bytes = [0; 4096];
            let body = loop {
                let read = stream.read(&mut bytes).unwrap_or(0);
                request.extend_from_slice(&bytes[..read]);
                let text = String::from_utf8_lossy(&request).into_owned();
                let body = text.split_once("\r\n\r\n").map(|(_, body)| body.to_string()).unwrap_or_default();
                match serde_json::from_str(&body) {
                    Ok(body) => break body,
                    Err(_) if read == 0 => break Value::Null,
                    Err(_) => {}
                }
            };
            let _ = tell.send(body);
            std::thread::sleep(after);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", answer.len());
            let _ = stream.write_all(format!("{head}{answer}").as_bytes());
        }
    });
    (url, asked)
}

fn files(url: &str) -> Files {
    let mut files = Files::new(None);
    files.menu = format!(
        r#"
[[number]]
number = "12345"
menu = "door"

[[number]]
number = "12346"
menu = "english"
language = "en"

[[number]]
number = "12347"
message = true

[[list]]
id = "blocked"
numbers = ["13000000000"]

[[branch]]
id = "door"
when = [
    {{ caller = "blocked", then = {{ refuse = "rules" }} }},
    {{ closed = "night", queue = "citizen", more_than = 0, then = {{ callback = "citizen" }} }},
]
otherwise = {{ menu = "welcome" }}

[[menu]]
id = "welcome"
prompts = ["*/1"]
timeout = "1s"
default = {{ queue = "citizen" }}
choice = [
    {{ key = "1", menu = "case" }},
    {{ key = "2", menu = "english", language = "en" }},
    {{ key = "3", seat = "8001", otherwise = {{ message = true }} }},
    {{ key = "4", menu = "shut" }},
]

[[branch]]
id = "shut"
when = [{{ open = "night", then = {{ hang_up = true }} }}]
otherwise = {{ refuse = "closed" }}

[[menu]]
id = "english"
prompts = ["*/2"]
timeout = "1s"
default = {{ queue = "english" }}

[[digits]]
id = "case"
prompts = ["*/3"]
length = 5
timeout = "1s"
between = "1s"
retries = 1
secret = true
then = {{ menu = "ask" }}
otherwise = {{ queue = "citizen" }}

[[hook]]
id = "ask"
url = "{url}"
timeout = "2s"
case = [{{ answer = "known", then = {{ hang_up = true }} }}]
otherwise = {{ queue = "english" }}
"#
    );
    // No night ever comes.
    files.schedules = "[[schedule]]\nid = \"night\"\nhours = \"closed\"\n".into();
    files.queues = files.queues.replacen(
        "wrap_up = \"1s\"\n",
        "wrap_up = \"1s\"\ncallback = {}\n[[queue.key]]\nkey = \"9\"\ncallback = true\n",
        1,
    );
    files
}

fn text<'a>(record: &'a Value, key: &str) -> &'a str {
    record[key].as_str().unwrap_or_default()
}

/// One call, and its record.
fn calls(house: &House, number: &str, args: &[&str]) -> Value {
    let before = house.records().len();
    Softphone::call(house, number, args).end();
    house.wait_records(before + 1).pop().expect("a record")
}

#[test]
fn digits_right_wrong_and_none_and_callers_who_press_everything() {
    let (url, asked) = program(r#"{"say": [{"digits": "7"}], "case": "known"}"#, Duration::ZERO);
    let house = House::open(&files(&url));
    let right = calls(&house, "12345", &["--press", "112345", "--for", "20s"]);
    assert_eq!((text(&right, "outcome"), text(&right, "ended_by")), ("answered", "system"), "{right:#}");
    assert_eq!((text(&right, "choices"), &right["digits"]), ("1", &json!({ "case": "*****" })));
    assert_eq!(right["menu_path"], json!(["door", "welcome", "case", "ask"]));
    let question = asked.recv_timeout(Duration::from_secs(5)).expect("asked");
    assert_eq!((text(&question, "to"), &question["digits"]), ("12345", &json!({ "case": "12345" })));
    assert_eq!(text(&question, "call"), text(&right, "call_id"));
    assert!(!house.log().contains("112345") && !house.log().contains("\"12345\"}"), "digits are secret");

    let short = calls(&house, "12345", &["--press", "1123", "--for", "10s"]);
    assert_eq!((text(&short, "queue"), &short["digits"]), ("citizen", &json!({})), "{short:#}");
    let none = calls(&house, "12345", &["--for", "6s"]);
    assert_eq!((text(&none, "queue"), text(&none, "choices")), ("citizen", ""));
    let everything = calls(&house, "12345", &["--press", "*#087*#*#*#", "--for", "8s"]);
    assert_eq!((text(&everything, "queue"), text(&everything, "choices")), ("citizen", ""), "{everything:#}");
}

#[test]
fn a_hook_that_is_late_or_dead_is_not_waited_for() {
    let (url, _asked) = program(r#"{"case": "known"}"#, Duration::from_secs(20));
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for url in [url, format!("http://{dead}/")] {
        let house = House::open(&files(&url));
        let record = calls(&house, "12345", &["--press", "112345", "--for", "9s"]);
        assert_eq!((text(&record, "queue"), text(&record, "outcome")), ("english", "abandoned_in_queue"), "{record:#}");
    }
}

#[test]
fn several_numbers_languages_and_callers_who_are_not_wanted() {
    let house = House::open(&files("http://127.0.0.1:1/"));
    let english = calls(&house, "12346", &["--for", "4s"]);
    assert_eq!((text(&english, "queue"), text(&english, "language")), ("english", "en"), "{english:#}");
    let switched = calls(&house, "12345", &["--press", "2", "--for", "5s"]);
    assert_eq!((text(&switched, "queue"), text(&switched, "language")), ("english", "en"), "{switched:#}");
    let blocked = calls(&house, "12345", &["--from", "13000000000", "--for", "2s"]);
    assert_eq!((text(&blocked, "outcome"), &blocked["sip_status"]), ("refused_rules", &Value::from(603)));
    assert!(blocked["answered_at"].is_null());
    let closed = calls(&house, "12345", &["--press", "4", "--for", "20s"]);
    assert_eq!(text(&closed, "outcome"), "refused_closed", "{closed:#}");
}

#[test]
fn a_long_line_leads_to_a_callback_and_a_number_to_a_message() {
    let house = House::open(&files("http://127.0.0.1:1/"));
    let first = Softphone::call(&house, "12345", &["--from", "13900000001", "--for", "30s"]);
    house.wait_log(&["from=13900000001", "joins"]);
    let callback = calls(&house, "12345", &["--for", "20s"]);
    assert_eq!((text(&callback, "outcome"), text(&callback, "queue")), ("callback", "citizen"), "{callback:#}");
    let tone = house.dir().join("tone.wav");
    write_tone(&tone, 440, 3);
    let say = tone.display().to_string();
    let message = calls(&house, "12347", &["--say", &say, "--for", "9s"]);
    assert_eq!(text(&message, "outcome"), "message", "{message:#}");
    assert!(house.data().join(text(&message["recording"], "file")).is_file());
    drop(first);
}

#[test]
fn a_seat_is_rung_by_a_key() {
    let house = House::open(&files("http://127.0.0.1:1/"));
    let nobody = calls(&house, "12345", &["--press", "3", "--for", "6s"]);
    assert_eq!(text(&nobody, "outcome"), "message", "nobody is there: {nobody:#}");
    let _seat = Softphone::seat(&house, "8001", "open-sesame", &["--answer-after", "200ms"]);
    let talked = calls(&house, "12345", &["--press", "3", "--for", "6s"]);
    assert_eq!((text(&talked, "outcome"), text(&talked, "seat")), ("answered", "8001"), "{talked:#}");
    assert_eq!((text(&talked, "operator"), &talked["queue"]), ("1001", &Value::Null));
    assert!(talked["talk_ms"].as_i64().unwrap() > 500, "{talked:#}");
    let sent = ["by", "to", "operator", "outcome"].map(|key| talked["sent_on"][0][key].clone());
    assert_eq!(sent, ["menu", "seat 8001", "1001", "transferred"].map(Value::from), "{talked:#}");
}

#[test]
fn callers_of_another_maker_reach_a_number_outside_by_a_key_and_the_default_by_a_wrong_one() {
    let port = free_port();
    let mut files = files("http://127.0.0.1:1/");
    let from = "from = [\"127.0.0.1\"]\n";
    files.hotline = files.hotline.replacen(from, &format!("{from}to = \"sip:127.0.0.1:{port}\"\ncheck = \"0s\"\n"), 1);
    let seat = "{ key = \"3\", seat";
    files.menu = files.menu.replacen(seat, &format!("{{ key = \"5\", number = \"01065139999\" }},\n    {seat}"), 1);
    let house = House::open(&files);
    let outside = Sipp::phone("phone_answers", port);
    let pressed = |key: &str, stays: &str| {
        Sipp::callers(&house, "caller_presses_info", "12345", &["-key", "key", key, "-d", stays]).succeed();
    };
    pressed("5", "5000");
    let put_through = house.wait_records(1).pop().expect("a record");
    assert_eq!((text(&put_through, "outcome"), text(&put_through, "choices")), ("transferred_out", "5"));
    outside.succeed();
    pressed("8", "9000");
    let wrong = house.wait_records(2).pop().expect("a record");
    assert_eq!((text(&wrong, "outcome"), text(&wrong, "queue")), ("abandoned_in_queue", "citizen"), "{wrong:#}");
    assert_eq!(text(&wrong, "choices"), "", "no wrong key counts");
}
