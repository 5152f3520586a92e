//! Many event streams at once: each is told everything once, goes on where it was cut, and who reads too slowly is cut
//! off alone.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

use crate::house::{House, PATIENCE};
use crate::ports::free_port;
use crate::web::{Browser, open};

/// Readers of each kind.
const READERS: usize = 150;
/// Notices, each an event when it comes and one when it goes.
const NOTICES: usize = 40;

/// One reader, over either way.
enum Stream {
    Sse(BufReader<TcpStream>),
    WebSocket(Box<WebSocket<TcpStream>>),
}

impl Stream {
    fn open(browser: &Browser, by_websocket: bool, after: &str) -> Stream {
        Stream::open_on(TcpStream::connect(browser.host()).expect("the door is open"), browser, by_websocket, after)
    }

    /// Whose own buffers are soon full.
    fn open_narrow(browser: &Browser, by_websocket: bool, after: &str) -> Stream {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_recv_buffer_size(16 * 1024).expect("so it is");
        let address: SocketAddr = browser.host().parse().expect("an address");
        socket.connect(&address.into()).expect("the door is open");
        Stream::open_on(socket.into(), browser, by_websocket, after)
    }

    fn open_on(mut stream: TcpStream, browser: &Browser, by_websocket: bool, after: &str) -> Stream {
        let host = browser.host();
        stream.set_read_timeout(Some(PATIENCE)).expect("so it is");
        let path = format!("/api/v1/events?after={after}");
        if by_websocket {
            let mut request = format!("ws://{host}{path}").into_client_request().expect("a request");
            let headers = request.headers_mut();
            headers.insert("Cookie", browser.cookie.parse().expect("a cookie"));
            headers.insert("Origin", browser.base.parse().expect("an origin"));
            let (socket, _) = tungstenite::client(request, stream).expect("it is taken");
            return Stream::WebSocket(Box::new(socket));
        }
        let cookie = &browser.cookie;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n").expect("it is heard");
        Stream::Sse(BufReader::new(stream))
    }

    fn next(&mut self) -> Option<Value> {
        loop {
            let text = match self {
                Stream::Sse(reader) => {
                    let mut line = String::new();
                    if reader.read_line(&mut line).ok()? == 0 {
                        return None;
                    }
                    line.strip_prefix("data: ").map(|data| data.trim_end().to_string())
                }
                Stream::WebSocket(socket) => match socket.read().ok()? {
                    Message::Text(text) => Some(text.to_string()),
                    Message::Close(_) => return None,
                    _ => None,
                },
            };
            if let Some(text) = text {
                return Some(serde_json::from_str(&text).expect("JSON"));
            }
        }
    }

    /// The next notices that come or go.
    fn notices(&mut self, many: usize) -> Vec<Value> {
        let mut all = Vec::new();
        while all.len() < many {
            let event = self.next().expect("the stream goes on");
            if event["type"].as_str().is_some_and(|kind| kind.starts_with("notice")) {
                all.push(event);
            }
        }
        all
    }
}

/// Puts a notice up and takes it away: two events each time.
fn make_events(mei: &Browser, many: usize, text: &str) {
    let csrf = [("X-CSRF-Token", mei.csrf.as_str())];
    for _ in 0..many {
        let (status, notice) = mei.post("/notices", &json!({ "text": text }), &csrf);
        assert_eq!(status, 201, "{notice}");
        let id = notice["id"].as_str().expect("an id");
        assert_eq!(mei.delete(&format!("/notices/{id}"), &csrf), 204);
    }
}

/// As `/metrics` has it now; 0 if it has none.
pub fn gauge(house: &House, name: &str) -> f64 {
    let metrics = Browser::new(house).get("/metrics").1;
    let metrics = metrics.as_str().expect("text").to_string();
    let found = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    found.unwrap_or(0.0)
}

#[test]
fn hundreds_of_streams_are_told_everything_once_and_go_on_where_they_were_cut() {
    let house = open(free_port());
    let mei = Browser::signed_in(&house, "mei");
    let board = mei.wait_board("it is there", |board| board["offset"].is_string());
    let start = board["offset"].as_str().expect("an offset").to_string();
    let mut streams: Vec<Stream> = (0..2 * READERS).map(|n| Stream::open(&mei, n % 2 == 0, &start)).collect();
    make_events(&mei, NOTICES, "water is cut off in the east");
    let half = NOTICES;
    let firsts: Vec<Vec<Value>> = streams.iter_mut().map(|stream| stream.notices(half)).collect();
    assert!(gauge(&house, "hotline_event_streams") >= 2.0 * READERS as f64);
    // Cut in the middle, each comes back over the other way.
    drop(streams);
    make_events(&mei, NOTICES, "water flows again in the east");
    let whole = Stream::open(&mei, false, &start).notices(4 * NOTICES);
    for (number, first) in firsts.into_iter().enumerate() {
        let place = first[half - 1]["offset"].as_str().expect("an offset");
        let rest = Stream::open(&mei, number % 2 == 1, place).notices(4 * NOTICES - half);
        assert!(first.iter().chain(&rest).eq(&whole), "reader {number}: something is missing, or came twice");
    }
    // Whoever is gone is noticed.
    let until = Instant::now() + PATIENCE;
    while gauge(&house, "hotline_event_streams") > 0.0 {
        assert!(Instant::now() < until, "streams of nobody are kept");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// They open the stream and read nothing; what they are sent fills their buffers.
#[test]
fn who_reads_too_slowly_is_cut_off_and_nobody_else() {
    let house = open(free_port());
    let mei = Browser::signed_in(&house, "mei");
    let board = mei.wait_board("it is there", |board| board["offset"].is_string());
    let start = board["offset"].as_str().expect("an offset").to_string();
    let mut slow: Vec<Stream> = (0..2).map(|n| Stream::open_narrow(&mei, n == 0, &start)).collect();
    let mut good = Stream::open(&mei, false, &start);
    let text = "水".repeat(500);
    let reading = std::thread::spawn(move || {
        let mut last = String::new();
        while let Some(event) = good.next() {
            last = event["offset"].as_str().expect("an offset").to_string();
            if event["data"]["text"] == "the end" {
                return last;
            }
        }
        panic!("who reads is cut off after {last}")
    });
    let until = Instant::now() + 3 * PATIENCE;
    while gauge(&house, "hotline_event_streams_cut_total") < 2.0 {
        assert!(Instant::now() < until, "nobody is cut off");
        make_events(&mei, 100, &text);
    }
    make_events(&mei, 1, "the end");
    reading.join().expect("who reads is told everything");
    for stream in &mut slow {
        // What was on its way is there, then nothing more.
        let mut rest = Vec::new();
        match stream {
            Stream::Sse(reader) => drop(reader.read_to_end(&mut rest)),
            Stream::WebSocket(socket) => drop(socket.get_mut().read_to_end(&mut rest)),
        }
        assert!(!String::from_utf8_lossy(&rest).contains("the end"));
    }
}
