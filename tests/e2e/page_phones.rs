//! Phones of pages over `/sip`, by hand: whose seat a connection proves, and for how long.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::house::{Files, House, PATIENCE, hotline};

const PASSWORD: &str = "correct horse";
/// RFC 6455 §5.2.
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
/// They come every ten seconds.
const PINGS: usize = 5;

/// A browser that is signed in.
struct Page {
    base: String,
    cookie: String,
}

impl Page {
    fn sits(house: &House, who: &str, seat: &str) -> Page {
        let base = house.at("http");
        let body = json!({ "name": who, "password": PASSWORD, "seat": seat }).to_string();
        let post = ureq::post(format!("http://{base}/api/v1/session")).content_type("application/json");
        let response = post.send(body).expect("they sign in");
        let cookie = response.headers().get("set-cookie").and_then(|cookie| cookie.to_str().ok()).expect("a cookie");
        let cookie = cookie.split(';').next().unwrap_or_default().to_string();
        Page { base, cookie }
    }

    /// Who may not sit there, and why not.
    fn refused(house: &House, who: &str, seat: &str) -> (u16, Value) {
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build();
        let body = json!({ "name": who, "password": PASSWORD, "seat": seat }).to_string();
        let post = ureq::Agent::new_with_config(config).post(format!("http://{}/api/v1/session", house.at("http")));
        let mut response = post.content_type("application/json").send(body).expect("an answer");
        let body = response.body_mut().read_to_string().unwrap_or_default();
        (response.status().as_u16(), serde_json::from_str(&body).unwrap_or_default())
    }

    fn get(&self, path: &str) -> (u16, Value) {
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build();
        let get = ureq::Agent::new_with_config(config).get(format!("http://{}/api/v1{path}", self.base));
        let mut response = get.header("Cookie", &self.cookie).call().expect("an answer");
        let body = response.body_mut().read_to_string().unwrap_or_default();
        (response.status().as_u16(), serde_json::from_str(&body).unwrap_or_default())
    }

    fn phone(&self) -> Phone {
        let mut stream = TcpStream::connect(&self.base).expect("the house listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        let Page { base, cookie } = self;
        let request = format!(
            "GET /sip HTTP/1.1\r\nHost: {base}\r\nOrigin: http://{base}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Protocol: sip\r\nCookie: {cookie}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).expect("it is read");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("an answer");
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).to_string();
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        Phone { stream, cseq: 0 }
    }
}

struct Phone {
    stream: TcpStream,
    cseq: u32,
}

impl Phone {
    /// The status of the answer to its REGISTER; `None`: the connection is gone.
    fn registers(&mut self, seat: &str, tag: &str) -> Option<u16> {
        self.cseq += 1;
        let cseq = self.cseq;
        let text = format!(
            "REGISTER sip:h SIP/2.0\r\nVia: SIP/2.0/WS {tag}.invalid;branch=z9hG4bK{tag}{cseq}\r\n\
             From: <sip:{seat}@h>;tag={tag}\r\nTo: <sip:{seat}@h>\r\nCall-ID: {tag}\r\nCSeq: {cseq} REGISTER\r\n\
             Contact: <sip:{tag}@{tag}.invalid;transport=ws>;expires=120\r\nMax-Forwards: 70\r\n\r\n"
        );
        self.send(&text)?;
        let answer = loop {
            let answer = self.hears()?;
            if answer.starts_with("SIP/2.0 ") {
                break answer;
            }
        };
        answer.split(' ').nth(1)?.parse().ok()
    }

    /// RFC 6455 §5.2: one frame, masked with nothing.
    fn send(&mut self, text: &str) -> Option<()> {
        let length = u16::try_from(text.len()).expect("a message");
        let [high, low] = length.to_be_bytes();
        let mut frame = vec![0x81, 0x80 | 126, high, low, 0, 0, 0, 0];
        frame.extend_from_slice(text.as_bytes());
        self.stream.write_all(&frame).ok()
    }

    /// The next frame's text; `None`: it is closed.
    fn hears(&mut self) -> Option<String> {
        let mut head = [0; 2];
        if let Err(error) = self.stream.read_exact(&mut head) {
            assert!(!matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "it is not closed: {error}");
            return None;
        }
        let length = match head[1] {
            126 => {
                let mut length = [0; 2];
                self.stream.read_exact(&mut length).ok()?;
                u16::from_be_bytes(length).into()
            }
            length => usize::from(length),
        };
        let mut text = vec![0; length];
        self.stream.read_exact(&mut text).ok()?;
        if head[0] & 15 == PING {
            self.stream.write_all(&[0x80 | PONG, 0x80, 0, 0, 0, 0]).ok()?;
        }
        (head[0] & 15 != CLOSE).then(|| String::from_utf8_lossy(&text).to_string())
    }

    fn is_closed(&mut self) -> bool {
        // Whoever answers pings is not closed for being silent.
        (0..PINGS).any(|_| self.hears().is_none())
    }
}

fn open() -> House {
    let mut files = Files::new(Some(crate::ports::free_port()));
    files.hotline += "[web]\nsign_in_tries = 1000\n";
    // She leads them, and has no seat of her own.
    files.operators += "[[operator]]\nid = \"1004\"\nname = \"Vera\"\nskills = { mandarin = 5 }\nsupervisor = true\n";
    let house = House::open(&files);
    for who in ["1001", "1002", "1004"] {
        password(&house, &[who, "--stdin"]);
    }
    house
}

fn password(house: &House, args: &[&str]) {
    let mut child = hotline()
        .arg("password")
        .args(args)
        .arg("--config")
        .arg(house.dir().join("config"))
        .arg("--data")
        .arg(house.data())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the command runs");
    let _ = writeln!(child.stdin.take().expect("piped"), "{PASSWORD}");
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn a_seat_that_goes_to_somebody_else_is_not_the_formers_any_more() {
    let house = open();
    let anna = Page::sits(&house, "1001", "8001");
    let mut first = anna.phone();
    assert_eq!(first.registers("8001", "anna"), Some(200));
    assert_eq!(anna.get("/phone").0, 200);
    // A colleague does not send her away.
    let (status, problem) = Page::refused(&house, "1002", "8001");
    assert_eq!((status, problem["fields"]["seat"].as_str()), (409, Some("Anna (1001)")), "{problem}");
    assert_eq!(first.registers("8001", "anna"), Some(200));
    // A supervisor sits down there.
    let vera = Page::sits(&house, "1004", "8001");
    assert!(first.is_closed());
    let mut second = vera.phone();
    assert_eq!(second.registers("8001", "vera"), Some(200));
    assert_eq!(anna.get("/phone").0, 409, "after a reload, too");
    // What she opens now proves nothing.
    assert_ne!(anna.phone().registers("8001", "anna"), Some(200));
    assert_eq!(second.registers("8001", "vera"), Some(200));
}

#[test]
fn a_phone_ends_with_its_session() {
    let house = open();
    let anna = Page::sits(&house, "1001", "8001");
    let mut phone = anna.phone();
    assert_eq!(phone.registers("8001", "anna"), Some(200));
    password(&house, &["1001", "--remove"]);
    assert!(phone.is_closed());
    assert_eq!(anna.get("/session").0, 401);
}
