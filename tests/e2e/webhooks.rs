//! Programs that are told of calls: a receiver of the test's own that fails at first, and one that never answers.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::house::{Files, House, PATIENCE};
use crate::orders;
use crate::peers::{Sipp, Softphone};
use crate::ports::free_port;
use crate::web::Browser;

const SECRET: &str = "a secret of sixteen";

/// A message as it came.
struct Message {
    at: Instant,
    signature: String,
    body: String,
    /// Who sent it.
    agent: String,
    answered: u16,
}

impl Message {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    fn id(&self) -> String {
        self.json()["id"].as_str().expect("an id").to_string()
    }
}

/// A program that answers the n-th try of a message with what `answers` says.
fn receiver(answers: fn(&Value, usize) -> u16) -> (String, mpsc::Receiver<Message>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/hotline", listener.local_addr().expect("its address"));
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let mut tries: BTreeMap<String, usize> = BTreeMap::new();
        for stream in listener.incoming().map_while(Result::ok) {
            let (signature, agent, body) = read(&stream);
            // Whoever was killed before it said anything.
            if body.is_empty() {
                continue;
            }
            let message: Value = serde_json::from_str(&body).expect("JSON");
            let tried = tries.entry(message["id"].to_string()).or_default();
            *tried += 1;
            let answered = answers(&message, *tried);
            let answer = format!("HTTP/1.1 {answered} So\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let _ = (&stream).write_all(answer.as_bytes());
            if tell.send(Message { at: Instant::now(), signature, body, agent, answered }).is_err() {
                return;
            }
        }
    });
    (url, told)
}

fn read(stream: &TcpStream) -> (String, String, String) {
    let mut reader = BufReader::new(stream);
    let (mut signature, mut agent, mut length) = (String::new(), String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a request");
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("x-hotline-signature") => signature = value.to_string(),
            Some((name, value)) if name.eq_ignore_ascii_case("user-agent") => agent = value.to_string(),
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse().expect("so"),
            None if line.trim_end().is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    (signature, agent, String::from_utf8(body).expect("text"))
}

/// As a receiver would verify it: RFC 2104 over `SECONDS.BODY`.
fn is_signed(message: &Message) -> bool {
    let Some((seconds, mac)) = message.signature.strip_prefix("t=").and_then(|rest| rest.split_once(",v1=")) else {
        return false;
    };
    let with = |pad: u8| {
        let mut key = [pad; 64];
        key.iter_mut().zip(SECRET.bytes()).for_each(|(of, byte)| *of ^= byte);
        key
    };
    let inner = Sha256::new().chain_update(with(0x36)).chain_update(format!("{seconds}.{}", message.body)).finalize();
    let outer = Sha256::new().chain_update(with(0x5c)).chain_update(inner).finalize();
    let hex: String = outer.iter().map(|byte| format!("{byte:02x}")).collect();
    hex == mac
}

fn with_webhooks(port: u16, urls: &[&str]) -> House {
    let mut files = Files::new(Some(port));
    urls.iter().for_each(|url| files.hotline += &webhook(url));
    House::open(&files)
}

fn webhook(url: &str) -> String {
    format!("[[web.webhook]]\nurl = \"{url}\"\nsecret = \"{SECRET}\"\n")
}

/// What of a call is told, in the order in which it was taken; 503 at first for everything, and never for what is
/// refused for good.
#[test]
fn a_program_that_fails_at_first_is_told_again_and_takes_everything_once() {
    let (url, told) = receiver(|message, tried| match (message["event"].as_str(), tried) {
        (Some("connected"), _) => 410,
        (_, 1) => 503,
        _ => 200,
    });
    let port = free_port();
    let house = with_webhooks(port, &[&url]);
    let phone = Sipp::phone("phone_answers", port);
    Sipp::caller(&house, "caller_hangs_up", "12346").succeed();
    phone.succeed();
    let record = house.wait_records(1).remove(0);
    let mut messages: Vec<Message> = Vec::new();
    while messages.iter().filter(|message| message.answered == 200).count() < 2 {
        messages.push(told.recv_timeout(PATIENCE).expect("another try"));
    }
    assert!(messages.iter().all(is_signed));
    assert_eq!(messages[0].agent, concat!("hotline/", env!("CARGO_PKG_VERSION")));
    let of =
        |event: &str| -> Vec<&Message> { messages.iter().filter(|message| message.json()["event"] == event).collect() };
    for (event, tries) in [("ringing", 2), ("connected", 1), ("closed", 2)] {
        let messages = of(event);
        assert_eq!(messages.len(), tries, "{event}");
        assert!(messages.iter().all(|message| message.id() == messages[0].id() && message.body == messages[0].body));
        assert_eq!(messages[0].json()["call"]["call_id"], record["call_id"], "{event}");
        if let [first, second] = messages[..] {
            assert!(second.at - first.at >= Duration::from_millis(900), "{event}: it is not tried again at once");
        }
    }
    assert_eq!(of("ringing")[0].json()["operator"], "1002");
    // The call as it is then: in its line, and then with whoever has it.
    let ringing = of("ringing")[0].json()["call"].clone();
    assert_eq!(ringing["language"], record["language"], "{ringing:#}");
    for key in ["queue", "queued_at"] {
        assert!(ringing[key].is_string() && ringing[key] == record[key], "{key}: {ringing:#}");
    }
    assert_eq!(ringing["lines"][0]["queue"], record["lines"][0]["queue"], "{ringing:#}");
    assert!(ringing["connected_at"].is_null(), "{ringing:#}");
    let connected = of("connected")[0].json()["call"].clone();
    for key in ["connected_at", "operator", "seat"] {
        assert!(connected[key].is_string() && connected[key] == record[key], "{key}: {connected:#}");
    }
    assert!(connected["ended_at"].is_null(), "{connected:#}");
    let firsts: Vec<Value> =
        ["ringing", "connected", "closed"].map(|event| of(event)[0].json()["event"].clone()).into();
    let mut order: Vec<Value> = Vec::new();
    for message in &messages {
        let event = message.json()["event"].clone();
        if !order.contains(&event) {
            order.push(event);
        }
    }
    assert_eq!(order, firsts, "each is told when it happens, whatever is to be told again");
    // A receiver that answers again and again what was refused for good is not asked again.
    assert!(told.recv_timeout(Duration::from_secs(3)).is_err());
}

/// A program that takes nothing until the house was killed and started again, once while it was told of a call that is
/// over, and with another that is open.
#[test]
fn what_waits_when_the_house_ends_is_sent_on_when_it_runs_again() {
    static TAKES: AtomicBool = AtomicBool::new(false);
    let (url, told) = receiver(|_, _| if TAKES.load(Ordering::SeqCst) { 200 } else { 503 });
    let port = free_port();
    let mut house = with_webhooks(port, &[&url]);
    let phone = Sipp::phone("phone_answers", port);
    Sipp::caller(&house, "caller_hangs_up", "12346").succeed();
    phone.succeed();
    let over = house.wait_records(1).remove(0)["call_id"].clone();
    // What was tried once is on the disk.
    let mut refused: BTreeMap<String, Message> = BTreeMap::new();
    while refused.len() < 3 {
        let message = told.recv_timeout(PATIENCE).expect("a try");
        assert_eq!(message.answered, 503);
        refused.entry(message.id()).or_insert(message);
    }
    let mut greeted = Softphone::call(&house, "12345", &["--for", "60s"]);
    greeted.wait("answered");
    house.crash_and_restart();
    TAKES.store(true, Ordering::SeqCst);
    let mut taken: BTreeMap<String, Message> = BTreeMap::new();
    let of_the_open =
        |message: &Message| message.json()["event"] == "closed" && message.json()["call"]["call_id"] != over;
    while !refused.keys().all(|id| taken.contains_key(id)) || !taken.values().any(of_the_open) {
        let message = told.recv_timeout(PATIENCE).expect("all that waited, and that the open call is over");
        if message.answered == 200 {
            assert!(is_signed(&message));
            assert!(taken.insert(message.id(), message).is_none(), "what was taken is not sent again");
        }
    }
    drop(greeted);
    for (id, before) in &refused {
        assert_eq!(taken[id].body, before.body);
    }
    let closed = taken.into_values().find(of_the_open).expect("it was waited for").json();
    assert_eq!(closed["call"]["outcome"], "system_restart");
    assert_eq!(house.wait_records(2)[1]["call_id"], closed["call"]["call_id"]);
}

/// It takes the connection and says nothing; beside it one that takes everything, and calls.
#[test]
fn a_program_that_never_answers_holds_up_nobody() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let of_silent = format!("http://{}/", silent.local_addr().expect("its address"));
    let (url, told) = receiver(|_, _| 200);
    let port = free_port();
    let house = with_webhooks(port, &[&of_silent, &url]);
    for calls in 1..=2 {
        let phone = Sipp::phone("phone_answers", port);
        Sipp::caller(&house, "caller_hangs_up", "12346").succeed();
        phone.succeed();
        house.wait_records(calls);
    }
    let events: Vec<Value> =
        (0..6).map(|_| told.recv_timeout(PATIENCE).expect("a message").json()["event"].clone()).collect();
    assert_eq!(events, ["ringing", "connected", "closed", "ringing", "connected", "closed"]);
    // What waits for the silent one stands in the metrics: all six, one of them underway.
    let stranger = Browser::new(&house);
    let waiting = || {
        let metrics = stranger.get("/metrics").1.as_str().expect("text").to_string();
        metrics.lines().find_map(|line| line.strip_prefix("hotline_webhooks_waiting ").map(String::from))
    };
    let until = Instant::now() + PATIENCE;
    while waiting().as_deref() != Some("6") {
        assert!(Instant::now() < until, "{:?} wait", waiting());
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The caller has Anna first, is sent to Boris, whom he leaves to Anna after they spoke; then Vera takes over.
#[test]
fn a_program_is_told_of_each_operator_who_gets_the_caller() {
    let (url, told) = receiver(|_, _| 200);
    let mut files = orders::files();
    files.hotline += &webhook(&url);
    let house = House::open(&files);
    let seat = |seat: &str| Softphone::seat(&house, seat, "open-sesame", &["--answer-after", "200ms"]);
    let anna = seat("8001");
    let mut caller = Softphone::call(&house, "12346", &["--for", "60s"]);
    caller.wait("answered");
    let connected = || loop {
        let message = told.recv_timeout(PATIENCE).expect("that somebody has the caller");
        assert!(is_signed(&message));
        let json = message.json();
        if json["event"] == "connected" {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
            let call = &json["call"];
            return ([&json["operator"], &json["seat"], &call["call_id"]].map(text), text(&json["id"]));
        }
    };
    let mut ids = Vec::new();
    let mut has = |operator: &str, seat: &str, call: Option<&str>| {
        let ([by, at, of], id) = connected();
        assert_eq!((by.as_str(), at.as_str()), (operator, seat));
        assert!(call.is_none_or(|call| call == of), "{of}");
        ids.push(id);
        of
    };
    let call = has("1001", "8001", None);
    let (boris, vera) = (seat("8002"), seat("8003"));
    // Who has just finished a call cannot be rung at once.
    let order = |by: &str, order: &[&str]| {
        let until = Instant::now() + PATIENCE;
        while let Err(why) = orders::order(&house, &call, by, order) {
            assert!(Instant::now() < until, "{order:?}: {why}");
            std::thread::sleep(Duration::from_millis(200));
        }
    };
    order("1001", &["transfer", "operator:1002"]);
    has("1002", "8002", Some(&call));
    order("1002", &["consult", "operator:1001"]);
    // Completed while it rings it would be a blind one.
    house.wait_log(&["answered", "seat 8001"]);
    order("1002", &["complete"]);
    has("1001", "8001", Some(&call));
    order("1003", &["take-over"]);
    has("1003", "8003", Some(&call));
    order("1003", &["hang-up"]);
    drop((caller, anna, boris, vera));
    let record = house.wait_records(1).remove(0);
    let kinds: Vec<&str> =
        record["transfers"].as_array().into_iter().flatten().filter_map(|of| of["kind"].as_str()).collect();
    assert_eq!(kinds, ["blind", "attended", "taken_over"], "{record:#}");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4, "each is a message of its own");
}

/// An operator is rung first, and the citizen when they took it; then the citizen, and then an operator.
#[test]
fn a_program_is_told_of_phones_that_ring_for_callbacks() {
    for first in ["operator", "customer"] {
        let (url, told) = receiver(|_, _| 200);
        let trunk = free_port();
        let mut files = Files::new(None);
        files.hotline += &webhook(&url);
        let keys = format!(
            "callback = {{ first = \"{first}\", first_after = \"0s\" }}\n[[queue.key]]\nkey = \"9\"\ncallback = true\n"
        );
        files.queues = files.queues.replacen("wrap_up = \"1s\"\n", &format!("wrap_up = \"1s\"\n{keys}"), 1);
        let from = "from = [\"127.0.0.1\"]\n";
        let out = format!("{from}to = \"sip:127.0.0.1:{trunk}\"\ncheck = \"0s\"\n");
        files.hotline = files.hotline.replacen(from, &out, 1);
        let house = House::open(&files);
        // The operator's phone is not there yet: nobody answers before the visit is over.
        Sipp::caller(&house, "caller_asks_callback", "12346").succeed();
        let visit = house.wait_records(1).remove(0)["call_id"].clone();
        let citizen = Sipp::phone("phone_answers_and_hangs_up", trunk);
        let seat = Softphone::seat(&house, "8001", "open-sesame", &["--answer-after", "200ms"]);
        citizen.succeed();
        let back = house.wait_records(2).remove(1);
        drop(seat);
        let mut events = Vec::new();
        while events.last().map(String::as_str) != Some("closed") {
            let message = told.recv_timeout(PATIENCE).expect("until it is over").json();
            let by_1001 = message["event"] == "closed" || message["operator"] == "1001";
            if message["call"]["call_id"] == back["call_id"] && by_1001 {
                assert_eq!(message["call"]["callback_of"], visit, "{first}: {message:#}");
                events.push(message["event"].as_str().unwrap_or_default().to_string());
            }
        }
        assert_eq!(events, ["ringing", "connected", "closed"], "{first}: {back:#}");
    }
}
