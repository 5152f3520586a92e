//! What operators and supervisors ask of a talk with `hotline order`, as their pages do, with real telephones: who is
//! heard by whom is measured in what each of them recorded.

use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::house::{Files, House, PATIENCE, hotline};
use crate::peers::{Baresip, Sipp, Softphone};
use crate::ports::free_port;
use crate::sound::{Heard, write_tone};
use crate::web::Browser;

const CALLER_HZ: u32 = 440;
const OPERATOR_HZ: u32 = 700;
const OTHER_HZ: u32 = 1130;

/// Anna at 8001, Boris at 8002 and Vera, who leads, at 8003; a phone of which nothing is heard for ten seconds is dead.
pub fn files() -> Files {
    let mut files = Files::new(None);
    let more = |id: &str, name: &str, seat: &str, leads: &str| {
        format!(
            "[[seat]]\nid = \"{seat}\"\nsecret = \"open-sesame\"\n[[operator]]\nid = \"{id}\"\nname = \"{name}\"\n\
             skills = {{ mandarin = 5 }}\nseat = \"{seat}\"\n{leads}"
        )
    };
    files.operators += &more("1002", "Boris", "8002", "");
    files.operators += &more("1003", "Vera", "8003", "supervisor = true\n");
    files.hotline = files.hotline.replacen("[media]\n", "[media]\ndead_after = \"10s\"\n", 1);
    files
}

/// Arguments of a softphone that says a tone and writes down what it hears.
fn sounds(house: &House, hz: u32) -> (Vec<String>, PathBuf) {
    let (say, heard) = (house.dir().join(format!("say-{hz}.wav")), house.dir().join(format!("heard-{hz}.wav")));
    write_tone(&say, hz, 2);
    let args = ["--say".into(), say.display().to_string(), "--record".into(), heard.display().to_string()];
    (args.to_vec(), heard)
}

fn with<'a>(sounds: &'a [String], args: &[&'a str]) -> Vec<&'a str> {
    sounds.iter().map(String::as_str).chain(args.iter().copied()).collect()
}

/// The call that is open.
pub fn open_call(house: &House) -> String {
    let out = hotline().args(["calls", "--data"]).arg(house.data()).output().expect("runs");
    let text = String::from_utf8(out.stdout).expect("UTF-8");
    text.split_whitespace().next().unwrap_or_else(|| panic!("no call is open: {text:?}")).to_string()
}

pub fn order(house: &House, call: &str, by: &str, order: &[&str]) -> Result<(), String> {
    let mut command = hotline();
    command.args(["order", call]).args(order).args(["--by", by, "--data"]).arg(house.data());
    let out = command.output().expect("runs");
    if out.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&out.stderr).into_owned()) }
}

fn text<'a>(record: &'a Value, key: &str) -> &'a str {
    record[key].as_str().unwrap_or_default()
}

/// Kind, target and outcome of each transfer.
fn transfers(record: &Value) -> Vec<String> {
    let told = |entry: &Value| format!("{} {} {}", text(entry, "kind"), text(entry, "to"), text(entry, "outcome"));
    record["transfers"].as_array().into_iter().flatten().map(told).collect()
}

/// By whom, and what.
fn notes(record: &Value) -> Vec<String> {
    let told = |note: &Value| format!("{} {}", text(note, "by"), text(note, "text"));
    record["notes"].as_array().into_iter().flatten().map(told).collect()
}

#[test]
fn a_blind_transfer_brings_the_caller_to_the_colleagues_phone() {
    let house = House::open(&files());
    let anna = Baresip::register(&house, "8001", "open-sesame", OPERATOR_HZ);
    let (says, heard_caller) = sounds(&house, CALLER_HZ);
    let mut caller = Softphone::call(&house, "12346", &with(&says, &["--for", "14s"]));
    caller.wait("answered");
    house.wait_log(&["connected"]);
    let (says, heard_boris) = sounds(&house, OTHER_HZ);
    let boris = Softphone::seat(&house, "8002", "open-sesame", &with(&says, &["--answer-after", "1s", "--calls", "1"]));
    std::thread::sleep(Duration::from_secs(3));
    let call = open_call(&house);
    assert!(order(&house, &call, "1002", &["transfer", "operator:1002"]).unwrap_err().contains("another operator"));
    house.wait_log(&["INFO", "not done", "another operator"]);
    for (to, why) in [("closed", "this queue is closed"), ("auto", "")] {
        let mut switch = hotline();
        switch.args(["switch", "queue:citizen", to, "--config"]).arg(house.dir().join("config")).arg("--data");
        assert!(switch.arg(house.data()).output().expect("runs").status.success());
        if to == "closed" {
            assert!(order(&house, &call, "1001", &["transfer", "queue:citizen"]).unwrap_err().contains(why));
        }
    }
    order(&house, &call, "1001", &["transfer", "operator:1002"]).unwrap();
    house.wait_log(&["taken up", "8002"]);
    // The former operator notes something while the colleague talks, and again when all is over.
    order(&house, &call, "1001", &["note", "asked for housing"]).unwrap();
    assert!(caller.end() && boris.end());
    let record = house.wait_records(1).remove(0);
    assert_eq!(transfers(&record), ["blind operator 1002 transferred"], "{record:#}\n{}", anna.log());
    assert_eq!((text(&record, "operator"), notes(&record)), ("1002", vec!["1001 asked for housing".to_string()]));
    order(&house, &call, "1002", &["note", "done"]).unwrap();
    let record = house.wait_records(1).remove(0);
    assert_eq!(notes(&record), ["1001 asked for housing", "1002 done"]);
    assert!(order(&house, &call, "1001", &["hold"]).is_err(), "it is over");
    let by_caller = Heard::read(&heard_caller);
    let told = format!(
        "caller: {} s of Anna, {} s of Boris",
        by_caller.seconds_of(OPERATOR_HZ),
        by_caller.seconds_of(OTHER_HZ)
    );
    assert!(by_caller.seconds_of(OPERATOR_HZ) > 1.5 && by_caller.seconds_of(OTHER_HZ) > 2.0, "{told}");
    assert!(Heard::read(&heard_boris).seconds_of(CALLER_HZ) > 2.0);
}

#[test]
fn a_colleague_is_asked_aside_and_takes_the_caller() {
    let house = House::open(&files());
    let (says, heard_anna) = sounds(&house, OPERATOR_HZ);
    let anna =
        Softphone::seat(&house, "8001", "open-sesame", &with(&says, &["--answer-after", "200ms", "--calls", "1"]));
    let (says, heard_caller) = sounds(&house, CALLER_HZ);
    let mut caller = Softphone::call(&house, "12346", &with(&says, &["--for", "18s"]));
    caller.wait("answered");
    house.wait_log(&["connected"]);
    let boris = Baresip::register(&house, "8002", "open-sesame", OTHER_HZ);
    let call = open_call(&house);
    order(&house, &call, "1001", &["consult", "seat:8002"]).unwrap();
    house.wait_log(&["answered", "seat 8002"]);
    std::thread::sleep(Duration::from_secs(5));
    order(&house, &call, "1001", &["complete"]).unwrap();
    house.wait_log(&["handed over"]);
    assert!(anna.end() && caller.end());
    let record = house.wait_records(1).remove(0);
    assert_eq!(transfers(&record), ["attended seat 8002 transferred"], "{record:#}\n{}", boris.log());
    assert!(record["hold_ms"].as_u64().unwrap() > 4000 && text(&record, "operator") == "1002", "{record:#}");
    let (by_anna, by_caller) = (Heard::read(&heard_anna), Heard::read(&heard_caller));
    assert!(by_anna.seconds_of(OTHER_HZ) > 2.5, "aside: {} s", by_anna.seconds_of(OTHER_HZ));
    assert!(by_caller.seconds_of(OTHER_HZ) > 2.0, "afterwards: {} s", by_caller.seconds_of(OTHER_HZ));
    let music = by_caller.seconds_of_sound() - by_caller.seconds_with(OPERATOR_HZ) - by_caller.seconds_with(OTHER_HZ);
    assert!(music > 2.5, "music: {music} s");
}

/// RFC 3261 §21.4.26: mostly for its encryption; the admin is told which phone.
#[test]
fn a_phone_that_takes_no_description_is_told_of_by_whatever_way_it_is_rung() {
    let (port, mut files) = (free_port(), files());
    let (secret, contact) =
        ("id = \"8002\"\nsecret = \"open-sesame\"", format!("id = \"8002\"\ncontact = \"sip:8002@127.0.0.1:{port}\""));
    files.operators = files.operators.replace(secret, &contact);
    let house = House::open(&files);
    let phone = Sipp::start("phone_takes_no_description", &["-p", &port.to_string(), "-m", "2"]);
    let told = "the phone cannot take our description";
    let mut caller = Softphone::call(&house, "12346", &["--for", "8s"]);
    house.wait_log(&[told, "8002"]);
    let anna = Softphone::seat(&house, "8001", "open-sesame", &["--answer-after", "200ms", "--calls", "1"]);
    caller.wait("answered");
    house.wait_log(&["connected"]);
    assert_eq!(house.log().matches(told).count(), 1, "by the line");
    order(&house, &open_call(&house), "1001", &["consult", "seat:8002"]).unwrap();
    house.wait_log_lines(2, told);
    phone.succeed();
    assert!(anna.end() && caller.end());
    let record = house.wait_records(1).remove(0);
    assert_eq!(text(&record, "operator"), "1001", "{record:#}");
}

#[test]
fn a_whisper_is_heard_by_the_operator_alone_and_who_takes_over_by_the_caller() {
    let house = House::open(&files());
    let (says, heard_anna) = sounds(&house, OPERATOR_HZ);
    let anna =
        Softphone::seat(&house, "8001", "open-sesame", &with(&says, &["--answer-after", "200ms", "--calls", "1"]));
    let (says, heard_caller) = sounds(&house, CALLER_HZ);
    let mut caller = Softphone::call(&house, "12346", &with(&says, &["--for", "20s"]));
    caller.wait("answered");
    house.wait_log(&["connected"]);
    let (says, heard_vera) = sounds(&house, OTHER_HZ);
    let vera =
        Softphone::seat(&house, "8003", "open-sesame", &with(&says, &["--answer-after", "200ms", "--calls", "1"]));
    let call = open_call(&house);
    assert!(order(&house, &call, "1002", &["whisper"]).unwrap_err().contains("only supervisors"));
    // A program asks for Vera, whose phone is rung.
    let program = Browser::program(&house, "crm", &["supervisor"]);
    let asks = |by: &str, asked: &str| {
        let order = match asked {
            "whisper" => json!({ "order": "supervise", "mode": "whisper", "by": by }),
            asked => json!({ "order": asked, "by": by }),
        };
        program.post(&format!("/calls/{call}/orders"), &order, &[])
    };
    for (by, asked, status, why) in [
        ("1002", "whisper", 403, "1002 is none"),
        ("1099", "whisper", 422, "1099"),
        ("1002", "hang_up", 403, "1002: this call is with another operator"),
        ("1001", "pause_recording", 409, "1001: this call is not recorded"),
        ("1003", "whisper", 202, ""),
    ] {
        let (came, told) = asks(by, asked);
        let detail = told["detail"].as_str().unwrap_or_default();
        assert!(came == status && detail.contains(why), "{asked} by {by}: {came} {told}");
    }
    house.wait_log(&["supervises", "whisper"]);
    std::thread::sleep(Duration::from_secs(5));
    let whispered = Instant::now();
    assert_eq!(asks("1003", "take_over").0, 202);
    house.wait_log(&["handed over"]);
    let (_, audit) = Browser::program(&house, "auditor", &["admin"]).get("/api/v1/audit");
    let acted = |entry: &Value| {
        let told = format!("POST /calls/{call}/orders by 1003 {{");
        let what = text(entry, "what");
        what.starts_with(&told) && what.contains("take_over") && text(entry, "who") == "token crm"
    };
    assert!(audit.as_array().is_some_and(|all| all.iter().any(acted)), "{audit:#}");
    assert!(whispered.elapsed() < PATIENCE && anna.end() && caller.end() && vera.end());
    let record = house.wait_records(1).remove(0);
    assert_eq!(transfers(&record), ["taken_over operator 1003 transferred"], "{record:#}");
    assert_eq!((text(&record["supervised"][0], "mode"), text(&record, "operator")), ("whisper", "1003"));
    let heard = |file: &PathBuf| {
        let heard = Heard::read(file);
        [CALLER_HZ, OPERATOR_HZ, OTHER_HZ].map(|hz| heard.seconds_with(hz))
    };
    let (by_caller, by_anna, by_vera) = (heard(&heard_caller), heard(&heard_anna), heard(&heard_vera));
    let told = format!("caller {by_caller:?}, operator {by_anna:?}, supervisor {by_vera:?}");
    // Five seconds of whisper, in Anna's ear only; the caller hears Vera when she has taken over.
    assert!(by_anna[2] > 3.0 && by_anna[0] > 3.0 && by_vera[0] > 5.0 && by_vera[1] > 3.0, "{told}");
    let caller = Heard::read(&heard_caller);
    assert!(caller.seconds_of(OTHER_HZ) > 3.0, "alone with Vera: {told}");
    let both = by_caller[1] + by_caller[2] - caller.seconds_of(OPERATOR_HZ) - caller.seconds_of(OTHER_HZ);
    assert!(both < 1.0, "the caller heard both at once for {both} s: {told}");
}

#[test]
fn a_phone_that_is_killed_leaves_its_caller_music_and_the_head_of_the_line() {
    let house = House::open(&files());
    let (says, _) = sounds(&house, OPERATOR_HZ);
    let anna = Softphone::seat(&house, "8001", "open-sesame", &with(&says, &["--answer-after", "200ms"]));
    let (says, heard_caller) = sounds(&house, CALLER_HZ);
    let mut caller = Softphone::call(&house, "12346", &with(&says, &["--for", "34s"]));
    caller.wait("answered");
    house.wait_log(&["connected"]);
    let first = open_call(&house);
    let waits = Softphone::call(&house, "12346", &[says[0].as_str(), says[1].as_str(), "--for", "28s"]);
    std::thread::sleep(Duration::from_secs(3));
    // As a power cut would: the caller hears nothing until that is noticed, then music.
    drop(anna);
    house.wait_log(&["did not come back"]);
    house.wait_log(&["back to the head of the line"]);
    std::thread::sleep(Duration::from_secs(3));
    let (says, heard_boris) = sounds(&house, OTHER_HZ);
    let boris =
        Softphone::seat(&house, "8002", "open-sesame", &with(&says, &["--answer-after", "200ms", "--calls", "1"]));
    assert!(caller.end() && boris.end());
    drop(waits);
    let records = house.wait_records(2);
    let record = records.iter().find(|record| text(record, "call_id") == first).expect("the first caller's record");
    assert_eq!((text(record, "operator"), text(record, "outcome")), ("1002", "answered"), "{record:#}");
    let lost = &record["lost"][0];
    assert_eq!((text(lost, "operator"), lost["back_at"].is_null()), ("1001", true), "{record:#}");
    assert!(Heard::read(&heard_boris).seconds_of(CALLER_HZ) > 2.0);
    let by_caller = Heard::read(&heard_caller);
    let music = by_caller.seconds_of_sound() - by_caller.seconds_with(OPERATOR_HZ) - by_caller.seconds_with(OTHER_HZ);
    assert!(music > 1.5, "music: {music} s");
}

/// A page: who signed in, with what it repeats.
struct Page {
    agent: ureq::Agent,
    base: String,
    cookie: String,
    csrf: String,
}

impl Page {
    fn of(house: &House, who: &str) -> Page {
        const PASSWORD: &str = "correct horse";
        let mut command = hotline();
        command.args(["password", who, "--stdin", "--config"]).arg(house.dir().join("config")).arg("--data");
        command.arg(house.data()).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.spawn().expect("the command runs");
        writeln!(child.stdin.take().expect("piped"), "{PASSWORD}").expect("it reads");
        assert!(child.wait().expect("it ends").success());
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build();
        let (agent, base) = (ureq::Agent::new_with_config(config), format!("http://{}/api/v1", house.at("http")));
        let body = json!({ "name": who, "password": PASSWORD }).to_string();
        let post = agent.post(format!("{base}/session")).content_type("application/json");
        let mut response = post.send(body).expect("an answer");
        let cookie = response.headers().get("set-cookie").expect("signed in").to_str().expect("text");
        let cookie = cookie.split(';').next().unwrap_or_default().to_string();
        let session: Value =
            serde_json::from_str(&response.body_mut().read_to_string().expect("a body")).expect("JSON");
        Page { agent, base, cookie, csrf: text(&session, "csrf").to_string() }
    }

    fn get(&self, path: &str) -> Value {
        let get = self.agent.get(format!("{}{path}", self.base)).header("Cookie", &self.cookie);
        let mut response = get.call().expect("an answer");
        serde_json::from_str(&response.body_mut().read_to_string().unwrap_or_default()).unwrap_or_default()
    }

    fn post(&self, path: &str, body: &Value) -> u16 {
        let post = self.agent.post(format!("{}{path}", self.base)).header("Cookie", &self.cookie);
        let post = post.header("X-CSRF-Token", &self.csrf).content_type("application/json");
        post.send(body.to_string()).expect("an answer").status().as_u16()
    }

    fn wait(&self, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let came = self.get(path);
            if is_so(&came) {
                return came;
            }
            assert!(Instant::now() < until, "{path}: {came:#}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

#[test]
fn from_the_pages_a_note_follows_its_call_wrap_up_is_counted_and_a_queue_is_closed() {
    let mut files = files();
    files.queues = files.queues.replace("wrap_up = \"1s\"", "wrap_up = \"2s\"");
    let house = House::open(&files);
    let _anna = Softphone::seat(&house, "8001", "open-sesame", &["--answer-after", "200ms"]);
    let (anna, vera) = (Page::of(&house, "1001"), Page::of(&house, "1003"));
    let mut caller = Softphone::call(&house, "12346", &["--for", "3s"]);
    caller.wait("answered");
    house.wait_log(&["connected"]);
    let call = open_call(&house);
    assert!(caller.end());
    house.wait_records(1);
    let note = |text: &str| json!({ "order": "note", "text": text });
    assert_eq!(anna.post(&format!("/calls/{call}/orders"), &note("a lamp")), 202, "in wrap-up");
    assert_eq!(notes(&anna.get(&format!("/calls/{call}"))["record"]), ["1001 a lamp"]);
    assert_eq!(vera.post(&format!("/calls/{call}/orders"), &note("two lamps")), 202, "supervisors may");
    assert_eq!(anna.post(&format!("/calls/{call}/orders"), &json!({ "order": "hold" })), 404);
    assert_eq!(notes(&house.records()[0]), ["1001 a lamp", "1003 two lamps"]);
    let today = anna.wait("/operators/1001/today", |today| today["wrap_up_ms"].as_u64().is_some_and(|ms| ms > 1500));
    assert!(today["average_handle_ms"].as_u64() > today["average_ms"].as_u64(), "{today:#}");

    let closed = json!({ "to": "closed", "note": "flood" });
    assert_eq!(anna.post("/queues/citizen/switch", &closed), 403);
    assert_eq!(vera.post("/queues/nowhere/switch", &closed), 404);
    assert_eq!(vera.post("/queues/citizen/switch", &json!({ "to": "closed", "until": "2020-01-01T00:00:00Z" })), 422);
    assert_eq!(vera.post("/queues/citizen/switch", &closed), 202);
    let of_citizens = |queues: &Value, key: &str, is: Value| {
        queues.as_array().is_some_and(|all| all.iter().any(|one| one["id"] == "citizen" && one[key] == is))
    };
    let queues = vera.wait("/queues", |queues| of_citizens(queues, "open", json!(false)));
    for (key, is) in [("switch", "closed"), ("by", "1003"), ("note", "flood")] {
        assert!(of_citizens(&queues, key, json!(is)), "{queues:#}");
    }
    assert_eq!(vera.post("/queues/citizen/switch", &json!({ "to": "auto" })), 202);
    vera.wait("/queues", |queues| of_citizens(queues, "open", json!(true)));
}
