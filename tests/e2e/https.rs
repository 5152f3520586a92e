//! The pages over HTTPS: sessions, the event stream and the pages' phones, and a certificate that is renewed while the
//! house is open.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

use crate::house::{Files, House, PATIENCE};
use crate::web::{PASSWORD, set_password};

type Wire = StreamOwned<ClientConnection, TcpStream>;

/// A certificate for 127.0.0.1 that is its own issuer, in the files that the house reads.
fn make_certificate(dir: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_string()]).expect("a certificate");
    fs::write(dir.join("cert.pem"), made.cert.pem()).expect("writes");
    fs::write(dir.join("key.pem"), made.signing_key.serialize_pem()).expect("writes");
    made.cert.der().clone()
}

/// A connection to somebody who shows this certificate.
fn connect(host: &str, trusted: &CertificateDer<'static>) -> std::io::Result<Wire> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("TLS");
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    let name = ServerName::try_from("127.0.0.1").expect("a name");
    let mut connection = ClientConnection::new(config, name).expect("a client");
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream)?;
    }
    Ok(StreamOwned::new(connection, stream))
}

/// Status line, headers and body.
fn ask(wire: &mut Wire, method: &str, path: &str, headers: &str, body: &str) -> std::io::Result<String> {
    let length = body.len();
    write!(
        wire,
        "{method} /api/v1{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{headers}\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = Vec::new();
    // Who does not say good-bye is no matter here.
    let _ = wire.read_to_end(&mut answer);
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn websocket(host: &str, path: &str, cookie: &str, sip: bool, trusted: &CertificateDer<'static>) -> WebSocket<Wire> {
    let mut request = format!("wss://{host}{path}").into_client_request().expect("a request");
    let headers = request.headers_mut();
    headers.insert("Cookie", cookie.parse().expect("a cookie"));
    headers.insert("Origin", format!("https://{host}").parse().expect("an origin"));
    if sip {
        headers.insert("Sec-WebSocket-Protocol", "sip".parse().expect("a protocol"));
    }
    tungstenite::client(request, connect(host, trusted).expect("hands are shaken")).expect("it is taken").0
}

fn text(socket: &mut WebSocket<Wire>) -> String {
    loop {
        match socket.read().expect("the socket is open") {
            Message::Text(text) => return text.to_string(),
            Message::Binary(bytes) => return String::from_utf8_lossy(&bytes).into_owned(),
            _ => {}
        }
    }
}

/// A page's phone asks to be reached at its seat.
fn register(socket: &mut WebSocket<Wire>, host: &str, seat: &str, number: u32) -> String {
    let request = format!(
        "REGISTER sip:{host} SIP/2.0\r\nVia: SIP/2.0/WSS x.invalid;branch=z9hG4bK{number}\r\nFrom: <sip:{seat}@{host}>;tag=a\r\n\
         To: <sip:{seat}@{host}>\r\nCall-ID: page\r\nCSeq: {number} REGISTER\r\nContact: <sip:{seat}@x.invalid;transport=ws>\r\n\
         Max-Forwards: 70\r\nExpires: 60\r\nContent-Length: 0\r\n\r\n"
    );
    socket.send(Message::Text(request.into())).expect("it is heard");
    loop {
        let answer = text(socket);
        if answer.contains(&format!("CSeq: {number} REGISTER")) {
            return answer.lines().next().unwrap_or_default().to_string();
        }
    }
}

#[test]
fn pages_events_and_phones_are_encrypted_and_the_certificate_is_renewed_without_a_restart() {
    let dir = tempfile::tempdir().expect("a folder");
    let first = make_certificate(dir.path());
    let mut files = Files::new(None);
    let at = dir.path().display();
    files.hotline += "[web]\nhttps = true\n[[web.person]]\nid = \"mei\"\nroles = [\"supervisor\"]\n";
    files.hotline += &format!("[tls]\ncertificate = \"{at}/cert.pem\"\nkey = \"{at}/key.pem\"\n");
    let house = House::open(&files);
    ["mei", "1001"].iter().for_each(|who| set_password(&house, who));
    let host = house.at("https");
    let sign_in = |name: &str, seat: Option<&str>| {
        let body = json!({ "name": name, "password": PASSWORD, "seat": seat }).to_string();
        let answer = ask(&mut connect(&host, &first).expect("hands are shaken"), "POST", "/session", "", &body);
        let answer = answer.expect("an answer");
        let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie").to_string();
        assert!(cookie.contains("; Secure") && cookie.contains("HttpOnly"), "{cookie}");
        let body = answer.lines().last().unwrap_or_default();
        let csrf = serde_json::from_str::<Value>(body).expect("JSON")["csrf"].as_str().expect("csrf").to_string();
        (cookie.split(';').next().unwrap_or_default().to_string(), csrf)
    };
    let (mei, csrf) = sign_in("mei", None);
    let (anna, _) = sign_in("1001", Some("8001"));

    // Events and the phone, over secure WebSockets.
    let mut events = websocket(&host, "/api/v1/events", &mei, false, &first);
    let mut phone = websocket(&host, "/sip", &anna, true, &first);
    assert_eq!(register(&mut phone, &host, "8001", 1), "SIP/2.0 200 OK", "the session proves who it is");
    let commands = format!("Cookie: {mei}\r\nX-CSRF-Token: {csrf}\r\n");
    let notice = json!({ "text": "encrypted" }).to_string();
    let told = ask(&mut connect(&host, &first).expect("hands"), "POST", "/notices", &commands, &notice).expect("told");
    assert!(told.starts_with("HTTP/1.1 201"), "{told}");
    while !text(&mut events).contains("\"text\":\"encrypted\"") {}

    // Another certificate, and the file's time is another: new connections are shown it, old ones go on.
    std::thread::sleep(Duration::from_millis(1100));
    let second = make_certificate(dir.path());
    let until = Instant::now() + PATIENCE;
    while connect(&host, &second).is_err() {
        assert!(Instant::now() < until, "the new certificate is not shown:\n{}", house.log());
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(connect(&host, &first).is_err(), "the old one is shown still");
    assert_eq!(register(&mut phone, &host, "8001", 2), "SIP/2.0 200 OK", "the phone is where it was");
}

/// They connect and say nothing, or not enough; somebody else gets in meanwhile, and they are gone in a while.
#[test]
fn who_says_nothing_holds_up_nobody() {
    let dir = tempfile::tempdir().expect("a folder");
    let trusted = make_certificate(dir.path());
    let mut files = Files::new(None);
    let at = dir.path().display();
    files.hotline += "[web]\nhttps = true\n";
    files.hotline += &format!("[tls]\ncertificate = \"{at}/cert.pem\"\nkey = \"{at}/key.pem\"\n");
    let house = House::open(&files);
    let host = house.at("https");
    let silent: Vec<TcpStream> = (0..200).map(|_| TcpStream::connect(&host).expect("the door is open")).collect();
    let answer = ask(&mut connect(&host, &trusted).expect("hands are shaken"), "GET", "/session", "", "");
    let answer = answer.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("\"no_passwords\":true"), "{answer}");
    // Whoever does not shake hands is gone.
    for mut stream in silent {
        stream.set_read_timeout(Some(PATIENCE)).expect("so it is");
        assert!(matches!(stream.read(&mut [0; 16]), Ok(0) | Err(_)));
    }
}
