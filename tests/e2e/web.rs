//! The API over real HTTP, with real calls: who may come in, what the board says against the records, and events that
//! go on where they were cut.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::house::{Files, House, PATIENCE};
use crate::peers::Sipp;
use crate::ports::free_port;

pub const PASSWORD: &str = "correct horse";

/// A browser, or a program: remembers its cookie and what it repeats with commands.
pub struct Browser {
    agent: ureq::Agent,
    pub base: String,
    pub cookie: String,
    pub csrf: String,
    /// A program's.
    token: Option<String>,
}

/// What came back: status and JSON.
type Came = (u16, Value);

impl Browser {
    pub fn new(house: &House) -> Browser {
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build();
        let base = format!("http://{}", house.at("http"));
        let (agent, cookie, csrf) = (ureq::Agent::new_with_config(config), String::new(), String::new());
        Browser { agent, base, cookie, csrf, token: None }
    }

    /// A program with these roles.
    pub fn program(house: &House, name: &str, roles: &[&str]) -> Browser {
        Browser { token: Some(format!("Bearer {}", token(house, name, roles))), ..Browser::new(house) }
    }

    pub fn signed_in(house: &House, name: &str) -> Browser {
        let mut browser = Browser::new(house);
        let (status, session) = browser.sign_in(name, PASSWORD);
        assert_eq!(status, 200, "{session}");
        browser
    }

    pub fn sign_in(&mut self, name: &str, password: &str) -> Came {
        let body = json!({ "name": name, "password": password }).to_string();
        let post = self.agent.post(format!("{}/api/v1/session", self.base)).content_type("application/json");
        let mut response = post.send(body).expect("an answer");
        if let Some(cookie) = response.headers().get("set-cookie") {
            let cookie = cookie.to_str().expect("text");
            assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
            self.cookie = cookie.split(';').next().unwrap_or_default().to_string();
        }
        let status = response.status().as_u16();
        let came = json_of(&response.body_mut().read_to_string().expect("a body"));
        self.csrf = came["csrf"].as_str().unwrap_or_default().to_string();
        (status, came)
    }

    pub fn get(&self, path: &str) -> Came {
        let mut get = self.agent.get(format!("{}{path}", self.base)).header("Cookie", &self.cookie);
        if let Some(token) = &self.token {
            get = get.header("Authorization", token);
        }
        let mut response = get.call().expect("an answer");
        (response.status().as_u16(), json_of(&response.body_mut().read_to_string().unwrap_or_default()))
    }

    /// A range of something: status, what it is, and its bytes.
    pub fn bytes(&self, path: &str, range: &str) -> (u16, String, Vec<u8>) {
        let get = self.agent.get(format!("{}{path}", self.base)).header("Cookie", &self.cookie).header("Range", range);
        let mut response = get.call().expect("an answer");
        let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let (status, kind) = (response.status().as_u16(), kind.to_string());
        (status, kind, response.body_mut().read_to_vec().expect("a body"))
    }

    pub fn post(&self, path: &str, body: &Value, more: &[(&str, &str)]) -> Came {
        let mut post = self.agent.post(format!("{}/api/v1{path}", self.base)).header("Cookie", &self.cookie);
        let token = self.token.as_deref().map(|token| ("Authorization", token));
        for (name, value) in more.iter().copied().chain(token) {
            post = post.header(name, value);
        }
        let mut response = post.content_type("application/json").send(body.to_string()).expect("an answer");
        (response.status().as_u16(), json_of(&response.body_mut().read_to_string().unwrap_or_default()))
    }

    pub fn delete(&self, path: &str, more: &[(&str, &str)]) -> u16 {
        let mut delete = self.agent.delete(format!("{}/api/v1{path}", self.base)).header("Cookie", &self.cookie);
        for (name, value) in more {
            delete = delete.header(*name, *value);
        }
        delete.call().expect("an answer").status().as_u16()
    }

    /// `127.0.0.1:8080`.
    pub fn host(&self) -> String {
        self.base.trim_start_matches("http://").to_string()
    }

    /// All events after an offset, up to the first that is so.
    pub fn events_until(&self, after: &str, is_last: impl Fn(&Value) -> bool) -> Vec<Value> {
        let get = self.agent.get(format!("{}/api/v1/events?after={after}", self.base)).header("Cookie", &self.cookie);
        let response = get.call().expect("an answer");
        let lines = BufReader::new(response.into_body().into_reader()).lines().map_while(Result::ok);
        let mut events = Vec::new();
        for event in lines.filter_map(|line| line.strip_prefix("data: ").map(json_of)) {
            if is_last(&event) {
                return events;
            }
            events.push(event);
        }
        panic!("the stream ended: {events:#?}");
    }

    /// The next `count` events after an offset, or fewer if nothing comes any more.
    fn events(&self, after: &str, count: usize) -> Vec<Value> {
        let get = self.agent.get(format!("{}/api/v1/events?after={after}", self.base)).header("Cookie", &self.cookie);
        let response = get.call().expect("an answer");
        let lines = BufReader::new(response.into_body().into_reader()).lines().map_while(Result::ok);
        let data = lines.filter_map(|line| line.strip_prefix("data: ").map(json_of));
        data.take(count).collect()
    }

    /// Waits until the board looks so.
    pub fn wait_board(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let (status, board) = self.get("/api/v1/board");
            if status == 200 && is_so(&board) {
                return board;
            }
            assert!(Instant::now() < until, "{what}: {status} {board:#}");
            thread::sleep(Duration::from_millis(100));
        }
    }
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::String(text.to_string()))
}

/// A desk phone at `port`, and people for the pages; with passwords.
pub fn open(port: u16) -> House {
    let mut files = Files::new(Some(port));
    files.hotline += "[web]\nsign_in_tries = 1000\n";
    for (id, role) in [("mei", "supervisor"), ("lin", "admin"), ("hall", "wall")] {
        files.hotline += &format!("[[web.person]]\nid = \"{id}\"\nroles = [\"{role}\"]\n");
    }
    let house = House::open(&files);
    ["mei", "lin", "hall", "1002"].iter().for_each(|who| set_password(&house, who));
    house
}

pub fn set_password(house: &House, who: &str) {
    let mut child = house
        .command()
        .args(["password", who, "--stdin", "--config"])
        .arg(house.dir().join("config"))
        .arg("--data")
        .arg(house.data())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the command runs");
    writeln!(child.stdin.take().expect("piped"), "{PASSWORD}").expect("it reads");
    assert!(child.wait().expect("it ends").success());
}

/// A program's token with these roles.
pub fn token(house: &House, name: &str, roles: &[&str]) -> String {
    let roles = roles.iter().flat_map(|role| ["--role", role]);
    let mut command = house.command();
    let out = command.args(["token", "create", "--name", name]).args(roles).arg("--data").arg(house.data()).output();
    let out = out.expect("the command runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).trim().to_string()
}

#[test]
fn whoever_comes_in_proves_who_they_are_and_does_only_what_they_may() {
    let house = open(free_port());
    let mut stranger = Browser::new(&house);
    assert_eq!(stranger.get("/api/v1/board").0, 401);
    assert_eq!(stranger.get("/healthz").0, 200);
    let (wrong, unknown) = (stranger.sign_in("mei", "wrong horse"), stranger.sign_in("nobody", "wrong horse"));
    assert_eq!((wrong.0, &wrong.1), (401, &unknown.1), "an unknown name looks the same");
    let mei = Browser::signed_in(&house, "mei");
    let (_, session) = mei.get("/api/v1/session");
    assert_eq!((&session["person"]["id"], &session["person"]["roles"]), (&json!("mei"), &json!(["supervisor"])));
    // Commands come from our own pages.
    let notice = json!({ "text": "water is cut off in the east", "level": "warning" });
    let csrf = [("X-CSRF-Token", mei.csrf.as_str())];
    assert_eq!(mei.post("/notices", &notice, &[]).0, 403);
    let foreign = [csrf[0], ("Origin", "https://evil.example")];
    assert_eq!(mei.post("/notices", &notice, &foreign).0, 403);
    // What was written wrongly leaves its key as it was.
    let once = [csrf[0], ("Origin", mei.base.as_str()), ("Idempotency-Key", "n1")];
    assert_eq!(mei.post("/notices", &json!({ "txet": "water" }), &once).0, 422);
    // Said twice with one key it is done once.
    let (first, again) = (mei.post("/notices", &notice, &once), mei.post("/notices", &notice, &once));
    assert_eq!((first.0, &first), (201, &again));
    let other = json!({ "text": "another" });
    assert_eq!(mei.post("/notices", &other, &once).0, 422);
    assert_eq!(mei.get("/api/v1/board").1["notices"].as_array().map(Vec::len), Some(1));
    let (status, problem) = mei.post("/notices", &json!({ "level": "loud" }), &csrf);
    assert_eq!((status, &problem["status"]), (422, &json!(422)), "{problem}");
    // To each their own.
    let people = ["mei", "lin", "hall", "1002"].map(|who| (who, Browser::signed_in(&house, who)));
    for (who, path, status) in [
        ("mei", "/audit", 403),
        ("mei", "/records", 200),
        ("lin", "/audit", 200),
        ("lin", "/config", 200),
        ("lin", "/queues/citizen/waiting", 403),
        ("hall", "/board", 200),
        ("hall", "/records", 403),
        ("hall", "/calls", 403),
        ("1002", "/operators/1002/today", 200),
        ("1002", "/operators/1001/today", 403),
        ("1002", "/config", 403),
        ("1002", "/nowhere", 404),
    ] {
        let browser = &people.iter().find(|(name, _)| *name == who).expect("is signed in").1;
        let (found, body) = browser.get(&format!("/api/v1{path}"));
        assert_eq!(found, status, "{who} {path}: {body}");
    }
    let (_, audit) = people[1].1.get("/api/v1/audit");
    let told = audit.to_string();
    assert!(told.contains("POST /notices") && told.contains("\"nobody\"") && !told.contains("horse"), "{told}");
}

#[test]
fn the_board_and_the_events_say_what_the_records_say() {
    let port = free_port();
    let house = open(port);
    let mei = Browser::signed_in(&house, "mei");
    let ready = mei.wait_board("the desk phone is ready", |board| {
        let operators = board["operators"].as_array().cloned().unwrap_or_default();
        operators.iter().any(|operator| operator["id"] == "1002" && operator["state"] == "ready")
    });
    let before = ready["offset"].as_str().expect("an offset").to_string();
    let phone = Sipp::phone("phone_answers", port);
    Sipp::caller(&house, "caller_hangs_up", "12346").succeed();
    phone.succeed();
    let records = house.wait_records(1);
    let board = mei.wait_board("the call is over", |board| {
        board["calls"].as_array().is_some_and(Vec::is_empty) && board["today"]["answered"] == 1
    });
    let today = &board["today"];
    let of_records = |what: fn(&Value) -> bool| records.iter().filter(|record| what(record)).count();
    assert_eq!(today["offered"], json!(of_records(|record| !record["queued_at"].is_null())));
    assert_eq!(today["answered"], json!(of_records(|record| !record["connected_at"].is_null())));
    assert_eq!(today["answered_within"], json!(of_records(|record| record["within_service_level"] == true)));
    let quarters = today["quarters"].as_array().cloned().unwrap_or_default();
    assert_eq!(quarters.iter().filter_map(|quarter| quarter["answered"].as_u64()).sum::<u64>(), 1);
    // The call, as it went.
    let after = board["offset"].as_str().expect("an offset");
    let last: usize = after.rsplit('-').next().and_then(|number| number.parse().ok()).expect("a number");
    let first: usize = before.rsplit('-').next().and_then(|number| number.parse().ok()).expect("a number");
    let events = mei.events(&before, last - first);
    let stages: Vec<&str> = events
        .iter()
        .filter(|event| event["type"] == "call")
        .filter_map(|event| event["data"]["stage"].as_str())
        .collect();
    for stage in ["ringing", "talking"] {
        assert!(stages.contains(&stage), "{stage} is not in {stages:?}");
    }
    let over = events.iter().find(|event| event["type"] == "call_over").expect("it is over");
    assert_eq!(over["data"]["id"], records[0]["call_id"]);
    // Cut in the middle it goes on where it was: nothing is missing, nothing comes twice.
    let half = events.len() / 2;
    let place = events[half - 1]["offset"].as_str().expect("an offset");
    assert_eq!(mei.events(place, events.len() - half), events[half..]);
    let offsets: BTreeSet<&str> = events.iter().filter_map(|event| event["offset"].as_str()).collect();
    assert_eq!(offsets.len(), events.len());
    assert_eq!(mei.events("another-7", 1)[0]["type"], "reset");
    // The wall sees no number.
    let hall = Browser::signed_in(&house, "hall");
    let seen = hall.events(&before, last - first);
    let from = records[0]["from"].as_str().expect("a number");
    assert!(!Value::Array(seen).to_string().contains(&format!("\"from\":\"{from}\"")));
}

#[test]
fn every_route_answers_nonsense_with_sense() {
    let house = open(free_port());
    let lin = Browser::signed_in(&house, "lin");
    let mei = Browser::signed_in(&house, "mei");
    let stranger = Browser::new(&house);
    let (status, document) = lin.get("/api/v1/openapi.json");
    assert_eq!(status, 200);
    let mut asked = 0;
    for (path, methods) in document["paths"].as_object().expect("paths") {
        if path == "/events" || path == "/session" {
            continue;
        }
        let path: String = path.replace("{id}", "%20x%2F..").replace("{from}", "x").replace("{to}", "9999999999999");
        if path != "/openapi.json" && methods.get("get").is_some() {
            assert_eq!(stranger.get(&format!("/api/v1{path}")).0, 401, "{path} is open to everybody");
        }
        for (method, told) in methods.as_object().expect("methods") {
            let parameters = told["parameters"].as_array().into_iter().flatten();
            let names = parameters.filter(|of| of["in"] == "query").filter_map(|of| of["name"].as_str());
            let query: Vec<String> = names.map(|name| format!("{name}=%00%27-1")).collect();
            for browser in [&lin, &mei] {
                let (status, body) = match method.as_str() {
                    "get" => browser.get(&format!("/api/v1{path}?{}", query.join("&"))),
                    "post" => browser.post(&path, &json!({ "x": [null] }), &[("X-CSRF-Token", &browser.csrf)]),
                    _ => continue,
                };
                assert!(status < 500, "{method} {path}: {status} {body}");
                asked += 1;
            }
        }
    }
    assert!(asked > 50, "{asked} were asked");
    // What nobody knows is refused by its name, and so nothing else happens than what was meant.
    for wrong in ["/records?quue=english", "/records.csv?quue=english", "/board?quue=x", "/events?quue=x"] {
        let (status, problem) = mei.get(&format!("/api/v1{wrong}"));
        assert!(status == 422 && problem["fields"]["quue"].is_string(), "{wrong}: {status} {problem}");
    }
    for after in ["zzz", "", "1-2-x"] {
        let (status, problem) = mei.get(&format!("/api/v1/events?after={after}"));
        assert!(status == 422 && problem["fields"]["after"].is_string(), "{after}: {status} {problem}");
    }
    for (browser, path, body, field) in [
        (&lin, "/config/reload", json!({ "dry-run": true }), "dry-run"),
        (&lin, "/config/rollback", json!({ "version": 1 }), "version"),
        (&lin, "/config/simulate", json!({ "files": {}, "recordet": "2026-11-25" }), "recordet"),
        (&mei, "/queues/citizen/switch", json!({ "to": "closed", "untl": "2036-01-01T00:00:00Z" }), "untl"),
        (&mei, "/notices", json!({ "text": "x", "untill": "2036-01-01T00:00:00Z" }), "untill"),
        (&mei, "/operators/1001/ready", json!({ "x": 1 }), "x"),
        (&mei, "/calls/x/orders", json!({ "order": "hang_up", "x": 1 }), "x"),
        (&mei, "/calls/x/orders", json!({ "order": "supervise", "mode": "listen", "x": 1 }), "x"),
    ] {
        let (status, problem) = browser.post(path, &body, &[("X-CSRF-Token", &browser.csrf)]);
        assert!(status == 422 && problem["fields"][field].is_string(), "{path} {body}: {status} {problem}");
    }
    let closed = document["components"]["schemas"]["Reload"]["additionalProperties"].as_bool();
    assert_eq!(closed, Some(false), "the document says so too");
    let orders = document["components"]["schemas"]["Order"]["oneOf"].as_array().expect("orders");
    assert!(orders.iter().all(|order| order["additionalProperties"] == false), "{orders:#?}");
    let (status, metrics) = lin.get("/metrics");
    assert_eq!(status, 200);
    let metrics = metrics.as_str().expect("text").to_string();
    for name in ["hotline_http_requests_total", "hotline_queue_waiting", "hotline_build_info"] {
        assert!(metrics.contains(name), "{name} is not in {metrics}");
    }
}

#[test]
fn a_fresh_house_says_how_somebody_gets_a_password_and_a_furnished_one_does_not() {
    let house = House::open(&Files::new(None));
    let mut stranger = Browser::new(&house);
    let (status, problem) = stranger.get("/api/v1/session");
    assert_eq!((status, &problem["no_passwords"]), (401, &json!(true)), "{problem}");
    assert_eq!(problem["password_command"], "hotline password WHO");
    let folders = house.dir().to_str().expect("a path").to_string();
    assert!(!problem.to_string().contains(&folders), "strangers are told nothing of the machine: {problem}");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("hotline password 1001")), "{problem}");
    let (known, unknown) = (stranger.sign_in("1001", "wrong horse"), stranger.sign_in("nobody", "wrong horse"));
    assert_eq!((known.0, &known.1), (401, &unknown.1), "nothing tells who there is");
    // That of the log is right wherever it is typed.
    let log = house.log();
    let command =
        log.split_once("this sets a password: ").and_then(|(_, rest)| rest.lines().next()).expect("a command");
    let command = format!("echo '{PASSWORD}' | {} --stdin", command.trim_end());
    let done = std::process::Command::new("sh").args(["-c", &command]).current_dir("/").output().expect("a shell");
    assert!(done.status.success(), "{command}: {}", String::from_utf8_lossy(&done.stderr));
    let (status, problem) = stranger.get("/api/v1/session");
    assert_eq!((status, problem.get("no_passwords")), (401, None), "{problem}");
    assert_eq!(problem.get("password_command"), None, "{problem}");
    let who = command.split(" password ").nth(1).and_then(|rest| rest.split(' ').next()).expect("for whom");
    assert_eq!(stranger.sign_in(who, PASSWORD).0, 200);
}

#[test]
fn a_command_is_done_once_also_when_its_sender_hangs_up_and_when_the_house_is_opened_again() {
    let mut house = open(free_port());
    let token = token(&house, "desk", &["supervisor"]);
    let command = |house: &House, hang_up: bool| -> String {
        let host = Browser::new(house).host();
        let mut stream = std::net::TcpStream::connect(&host).expect("the door is open");
        stream.set_read_timeout(Some(PATIENCE)).expect("so it is");
        let body = json!({ "text": "water is cut off in the east" }).to_string();
        write!(
            stream,
            "POST /api/v1/notices HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
             Idempotency-Key: k1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect("it is heard");
        let mut answer = String::new();
        match hang_up {
            // It is underway by then, or its answer is.
            true => thread::sleep(Duration::from_millis(20)),
            false => drop(std::io::Read::read_to_string(&mut stream, &mut answer).expect("an answer")),
        }
        answer
    };
    // The answer finds nobody; what was asked is done and kept all the same.
    command(&house, true);
    let lin = Browser::signed_in(&house, "lin");
    let until = Instant::now() + PATIENCE;
    while !lin.get("/api/v1/audit").1.to_string().contains("POST /notices") {
        assert!(Instant::now() < until, "nobody can say that it was not done");
        thread::sleep(Duration::from_millis(50));
    }
    let notices = |browser: &Browser| browser.get("/api/v1/board").1["notices"].as_array().map(Vec::len);
    let answer = command(&house, false);
    assert!(answer.starts_with("HTTP/1.1 201") && answer.contains("idempotency-replayed"), "{answer}");
    assert_eq!(notices(&lin), Some(1));
    house.crash_and_restart();
    let answer = command(&house, false);
    assert!(answer.starts_with("HTTP/1.1 201") && answer.contains("idempotency-replayed"), "{answer}");
    assert_eq!(notices(&Browser::signed_in(&house, "lin")), Some(1), "it is there still, and once");
}

#[test]
fn what_an_admin_is_shown_of_the_files_may_be_sent_back() {
    let house = open(free_port());
    let lin = Browser::signed_in(&house, "lin");
    let check =
        |files: Value| lin.post("/config/check", &json!({ "files": files }), &[("X-CSRF-Token", lin.csrf.as_str())]);
    let (_, config) = lin.get("/api/v1/config");
    let shown = config["files"]["operators.toml"].as_str().expect("operators").to_string();
    assert!(shown.contains("\"****************1.1\"") && !shown.contains("open-sesame"), "{shown}");
    let (status, checked) = check(config["files"].clone());
    assert_eq!((status, &checked["ok"], &checked["changes"]), (200, &json!(true), &json!([])), "{checked:#}");
    assert!(!checked.to_string().contains("open-sesame"), "{checked:#}");
    let renamed = shown.replacen("\"Anna\"", "\"Anne\"", 1);
    let (_, checked) = check(json!({ "operators.toml": renamed }));
    let changes = checked["changes"].as_array().expect("changes");
    assert!(changes.len() == 1 && changes[0].to_string().contains("1001"), "that alone: {checked:#}");
    let (status, problem) =
        check(json!({ "operators.toml": shown.replace("****************1.", "****************9.") }));
    assert_eq!(status, 422, "{problem}");
}

#[test]
fn exports_take_what_the_search_takes() {
    let house = open(free_port());
    for number in ["12345", "12347"] {
        Sipp::caller(&house, "caller_hangs_up", number).succeed();
    }
    let records = house.wait_records(2);
    let mei = Browser::signed_in(&house, "mei");
    let lines = |filter: &str| {
        let (status, text) = mei.get(&format!("/api/v1/records.jsonl?{filter}"));
        assert_eq!(status, 200, "{filter}: {text}");
        // One line is read as the JSON that it is.
        if text.is_object() { 1 } else { text.as_str().map_or(0, |text| text.lines().count()) }
    };
    let today = &records[0]["arrived_at"].as_str().expect("a time")[..10];
    for (filter, expected) in [
        (String::new(), 2),
        (format!("since={today}"), 2),
        (format!("until={today}"), 0),
        ("to=12347".into(), 1),
        ("outcome=answered".into(), 0),
        ("text=12345".into(), 1),
    ] {
        assert_eq!(lines(&filter), expected, "{filter}");
    }
    let (status, table) = mei.get("/api/v1/records.csv?to=12347");
    assert_eq!(
        (status, table.as_str().map(|table| table.lines().count())),
        (200, Some(2)),
        "a line of names, one call"
    );
    assert_eq!(mei.get("/api/v1/records.csv?since=someday").0, 422);
}
