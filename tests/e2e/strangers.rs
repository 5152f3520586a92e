//! Those who should not get in, and bytes that mean nothing: the right status, and nothing is hurt.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::time::Duration;

use crate::client::{Client, SDP, TYPE};
use crate::house::{Files, House, PATIENCE};
use crate::peers::Softphone;
use crate::ports;
use crate::web::open;

#[test]
fn refusals_have_the_right_status() {
    let house = House::open(&Files::new(None));
    let number = |number: &str| format!("sip:{number}@{}", house.addr());
    let mut client = Client::new(&house, "127.0.0.1");
    let video = SDP.replace("audio", "video");
    let table = [
        ("OPTIONS", number("12345"), "", "", 200),
        ("INVITE", number("99999"), TYPE, SDP, 404),
        ("INVITE", number("12345"), "Content-Type: text/plain", "hello", 415),
        ("INVITE", number("12345"), "Content-Type: application/sdp\nContent-Encoding: gzip", SDP, 415),
        ("INVITE", number("12345"), TYPE, &video, 488),
        ("INVITE", number("12345"), TYPE, "this is no description", 400),
        ("INVITE", number("12345"), "Content-Type: application/sdp\nRequire: 100rel, time-travel", SDP, 420),
        ("INVITE", number("12345"), "Content-Type: application/sdp\nMax-Forwards: 0", SDP, 483),
        ("INVITE", "mailto:12345@x".into(), TYPE, SDP, 416),
        ("INVITE", number("12345"), "Content-Type: application/sdp\nX-Version: 1", SDP, 505),
        ("BYE", number("12345"), "To: <sip:12345@x>;tag=nobody", "", 481),
        ("INFO", number("12345"), "To: <sip:12345@x>;tag=nobody", "", 481),
        ("CANCEL", number("12345"), "", "", 481),
        ("SUBSCRIBE", number("8001"), "Event: dialog", "", 401),
        ("PUBLISH", number("12345"), "", "", 405),
        ("MESSAGE", number("12345"), "", "hi", 405),
        ("DANCE", number("12345"), "", "", 501),
        ("REGISTER", format!("sip:{}", house.addr()), "To: <sip:8001@x>", "", 401),
        ("INVITE", number("12345"), "Content-Type: application/sdp\nCSeq: x INVITE", SDP, 400),
    ];
    for (method, uri, headers, body, status) in table {
        let (got, text) = client.ask(method, &uri, headers, body);
        assert_eq!(got, status, "{method} {uri} {headers}\n{text}");
        if status == 405 || status == 501 {
            assert!(text.contains("Allow:"), "{text}");
        }
        if status == 420 {
            assert!(text.contains("Unsupported: ") && text.contains("time-travel"), "{text}");
        }
    }
    assert!(Softphone::call(&house, "12346", &["--for", "1s"]).end());
}

#[test]
fn who_is_neither_trunk_nor_seat_is_forbidden_whoever_he_claims_to_be() {
    let house = House::open(&Files::new(None));
    let mut client = Client::new(&house, "127.0.0.2");
    let (status, _) = client.ask("INVITE", &format!("sip:12345@{}", house.addr()), TYPE, SDP);
    assert_eq!(status, 403);
    let ask = |client: &mut Client, from: &str| {
        let headers = format!("{TYPE}\nFrom: <sip:{from}@x>;tag=1");
        client.ask("INVITE", &format!("sip:12345@{}", house.addr()), &headers, SDP).0
    };
    assert_eq!(["8001", "8999"].map(|from| ask(&mut client, from)), [403; 2], "it shows which seats there are");
    let mut trunk = Client::new(&house, "127.0.0.1");
    let code = format!("sip:*13@{}", house.addr());
    let (status, text) = trunk.ask("INVITE", &code, &format!("{TYPE}\nFrom: <sip:8001@x>;tag=1"), SDP);
    assert!(status == 401 && text.contains("algorithm=SHA-256") && text.contains("algorithm=MD5"), "{text}");
    assert!(house.records().is_empty(), "a stranger left a record");
}

#[test]
fn the_house_is_full() {
    let mut files = Files::new(None);
    files.hotline = files.hotline.replace("[sip]\n", "[sip]\nmax_calls = 1\n");
    let house = House::open(&files);
    let mut first = Softphone::call(&house, "12346", &["--for", "4s"]);
    first.wait("answered");
    let mut client = Client::new(&house, "127.0.0.1");
    let (status, text) = client.ask("INVITE", &format!("sip:12346@{}", house.addr()), TYPE, SDP);
    assert!(status == 503 && text.contains("Retry-After: "), "{text}");
    assert!(first.end());
}

#[test]
fn no_ports_for_sound_is_503_before_any_answer() {
    let mut files = Files::new(None);
    let (first, last) = ports::of_sound().into_inner();
    files.hotline = files.hotline.replace(&format!("{first}-{last}"), &format!("{first}-{}", first + 1));
    let house = House::open(&files);
    let mut talking = Softphone::call(&house, "12346", &["--for", "4s"]);
    talking.wait("answered");
    let (status, _) = Client::new(&house, "127.0.0.1").ask("INVITE", &format!("sip:12346@{}", house.addr()), TYPE, SDP);
    assert_eq!(status, 503);
    assert!(talking.end());
    let records = house.wait_records(2);
    assert_eq!(records[1]["sip_status"], 503, "{records:#?}");
}

#[test]
fn garbage_on_every_port_changes_nothing() {
    let house = House::open(&Files::new(None));
    let mut caller = Softphone::call(&house, "12346", &["--for", "6s"]);
    caller.wait("answered");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut noise: u64 = 88_172_645_463_325_252;
    let mut random = || {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        noise as u8
    };
    for size in [0, 1, 3, 11, 12, 13, 100, 1500, 60_000] {
        let bytes: Vec<u8> = (0..size).map(|_| random()).collect();
        for port in (house.udp..=house.udp).chain(ports::of_sound()) {
            let _ = socket.send_to(&bytes, ("127.0.0.1", port));
        }
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", house.tcp)) {
            stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
            let _ = stream.write_all(&bytes);
            let _ = stream.read(&mut [0; 10]);
        }
    }
    for text in [
        "SIP/2.0 200 OK\r\n\r\n",
        "INVITE\r\n\r\n",
        "INVITE sip:x SIP/2.0\r\nVia: \r\n\r\n",
        "\r\n\r\n\r\n",
        "ACK sip:x SIP/2.0\r\nCSeq: 1 ACK\r\n\r\n",
    ] {
        socket.send_to(text.as_bytes(), house.addr()).unwrap();
    }
    assert_eq!(Client::new(&house, "127.0.0.1").ask("OPTIONS", &format!("sip:{}", house.addr()), "", "").0, 200);
    assert!(caller.end(), "the call was cut");
    assert_eq!(house.wait_records(1)[0]["ended_by"], "caller");
    assert!(!house.log().contains("panicked"), "{}", house.log());
}

#[test]
fn whoever_does_not_read_the_log_holds_up_no_call() {
    let (unread, pipe) = std::io::pipe().unwrap();
    let (closed, broken) = std::io::pipe().unwrap();
    drop(closed);
    for stderr in [pipe, broken] {
        let mut house = House::open_talkative(&Files::new(None), stderr.into());
        let mut client = Client::new(&house, "127.0.0.1");
        // Much more than a pipe holds.
        for _ in 0..200 {
            assert_eq!(client.ask("OPTIONS", &format!("sip:{}", house.addr()), "", "").0, 200);
        }
        assert!(Softphone::call(&house, "12346", &["--for", "1s"]).end());
        house.wait_records(1);
        house.signal("TERM");
        assert!(house.wait_end().success());
    }
    drop(unread);
}

/// A body often comes in a packet of its own.
#[test]
fn a_refusal_does_not_cost_the_connection_however_the_body_comes() {
    let house = open(ports::free_port());
    let mut stream = TcpStream::connect(house.at("http").to_string()).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    let mut reader = BufReader::new(stream.try_clone().expect("the other end"));
    let mut answered = || -> (String, bool) {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).expect("a line");
            match line.trim() {
                "" => break,
                line => head.push(line.to_lowercase()),
            }
        }
        let length = head.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        reader.read_exact(&mut vec![0; length.unwrap_or_default()]).expect("a body");
        (head[0].clone(), head.contains(&"connection: close".to_string()))
    };
    let head = |path: &str, length: usize| {
        format!("POST {path} HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n")
    };
    for (path, refused) in [
        ("/api/v1/notices", " 401 "),
        ("/api/v1/nowhere", " 404 "),
        ("/healthz", " 405 "),
        ("/operator", " 405 "),
        ("/nowhere", " 405 "),
        ("/nowhere/at/all", " 404 "),
        ("/api/v1/board", " 405 "),
        ("/api/v1/notices", " 401 "),
    ] {
        stream.write_all(head(path, 16).as_bytes()).expect("is read");
        let (status, _) = answered();
        assert!(status.contains(" 100 "), "{path}: {status}");
        stream.write_all(b"{\"text\":\"water\"}").expect("is read");
        let (status, closes) = answered();
        assert!(status.contains(refused) && !closes, "{path}: {status}");
    }
    // Without waiting to be told, all of it comes, and is heard before the refusal: what is not read resets the connection.
    let length = 200_000;
    for (path, refused) in [("/api/v1/notices", " 401 "), ("/api/v1/board", " 405 "), ("/api/v1/session", " 413 ")] {
        stream.write_all(head(path, length).replace("Expect: 100-continue\r\n", "").as_bytes()).expect("is read");
        std::thread::sleep(Duration::from_millis(100));
        stream.write_all(&vec![b' '; length]).expect("is read");
        let (status, closes) = answered();
        assert!(status.contains(refused) && !closes, "{path}: {status}");
    }
    // What nobody hears out nobody is told to send; that it costs the connection is said.
    stream.write_all(head("/api/v1/notices", 20_000).as_bytes()).expect("is read");
    let (status, closes) = answered();
    assert!(status.contains(" 401 ") && closes, "{status}");
}
