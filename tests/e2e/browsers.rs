//! Phones that speak SIP over WebSocket, with a WebSocket of another maker: they register, are rung, call, lose their
//! connection in a talk and come back.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hotline::sip::digest;
use hotline::sip::message::{Message, Method, Request, Response, Uri, read};
use rustls::pki_types::CertificateDer;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::house::{Files, House, PATIENCE};
use crate::peers::Sipp;
use crate::tls::{encrypt, make_certificate, shake_hands};

/// What a WebSocket runs over.
trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// Where the house takes WebSockets, and what it shows there if they are secure.
struct Door {
    addr: SocketAddr,
    certificate: Option<CertificateDer<'static>>,
}

/// A page at seat 8001, with sound that it does not make.
struct Page<'a> {
    door: &'a Door,
    socket: WebSocketStream<Box<dyn Stream>>,
    cseq: u32,
}

const OFFER: &str = "v=0\r\no=page 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                     m=audio 9 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n";

impl Page<'_> {
    async fn open(door: &Door) -> Page<'_> {
        Page { door, socket: connect(door).await, cseq: 0 }
    }

    async fn reconnect(&mut self) {
        self.socket = connect(self.door).await;
    }

    /// As JsSIP writes it.
    async fn send(&mut self, text: String) {
        let text = text.replace('\n', "\r\n");
        self.socket.send(tungstenite::Message::Text(text.into())).await.expect("sent");
    }

    async fn hear(&mut self) -> Message {
        loop {
            let heard = tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("in time");
            match heard.expect("open").expect("no fault") {
                tungstenite::Message::Text(text) => return read(text.as_bytes()).expect("SIP"),
                tungstenite::Message::Ping(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    async fn response(&mut self) -> Response {
        match self.hear().await {
            Message::Response(response) => response,
            Message::Request(request) => panic!("{request:?}"),
        }
    }

    async fn request(&mut self, method: &str) -> Request {
        match self.hear().await {
            Message::Request(request) if request.method.to_string() == method => request,
            other => panic!("no {method}, but {other:?}"),
        }
    }

    fn head(&mut self, method: &str, uri: &str, call_id: &str, to: &str) -> String {
        self.cseq += 1;
        format!(
            "{method} {uri} SIP/2.0\nVia: SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bK{method}{0}\nMax-Forwards: 69\n\
             From: <sip:8001@hotline>;tag=page\nTo: {to}\nCall-ID: {call_id}\nCSeq: {0} {method}\n\
             Contact: <sip:k7fr2@df7jal23ls0d.invalid;transport=ws>;+sip.ice;reg-id=1;\
             +sip.instance=\"<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>\";expires=600\n\
             Supported: path,gruu,outbound\nUser-Agent: page\n",
            self.cseq
        )
    }

    /// Sends a request outside a dialog, and once more with what the challenge asks for.
    async fn ask(&mut self, method: &str, uri: &str, call_id: &str, to: &str, rest: &str) -> Response {
        let text = self.head(method, uri, call_id, to) + rest;
        self.send(text).await;
        let refused = self.response().await;
        assert_eq!(refused.status, 401, "{refused:?}");
        if method == "INVITE" {
            let ack = self.head("ACK", uri, call_id, refused.headers.get("To").unwrap());
            self.cseq -= 1;
            let before = format!("{} ACK", self.cseq + 1);
            let ack = ack.replace(&before, &format!("{} ACK", self.cseq)).replace("z9hG4bKACK", "z9hG4bKINVITE");
            self.send(ack.replace(&format!("INVITE{}", self.cseq + 1), &format!("INVITE{}", self.cseq)) + "\n").await;
        }
        let challenge = refused.headers.challenges("WWW-Authenticate").remove(0);
        let of = if method == "INVITE" { Method::INVITE } else { Method::REGISTER };
        let proved = digest::Proved { method: &of, uri, body: &[] };
        let proof = digest::answer(&challenge, proved, "8001", "open-sesame", 1, "cnonce").expect("known");
        let text = self.head(method, uri, call_id, to) + &format!("Authorization: {proof}\n") + rest;
        self.send(text).await;
        self.response().await
    }

    async fn register(&mut self) {
        let answer = self.ask("REGISTER", "sip:hotline", "of-the-page", "<sip:8001@hotline>", "\n").await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    async fn answer(&mut self, request: &Request, status: u16) {
        let mut response = request.respond(status, Some("page"));
        response.headers.push("Contact", "<sip:k7fr2@df7jal23ls0d.invalid;transport=ws>");
        let text = String::from_utf8(response.to_bytes()).unwrap();
        self.socket.send(tungstenite::Message::Text(text.into())).await.expect("sent");
    }
}

async fn connect(door: &Door) -> WebSocketStream<Box<dyn Stream>> {
    let scheme = if door.certificate.is_some() { "wss" } else { "ws" };
    let mut request = format!("{scheme}://{}/", door.addr).into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", "sip".parse().unwrap());
    let stream: Box<dyn Stream> = match &door.certificate {
        Some(trusted) => Box::new(shake_hands(door.addr, trusted).await.expect("the certificate")),
        None => Box::new(TcpStream::connect(door.addr).await.expect("it listens")),
    };
    client_async(request, stream).await.expect("a WebSocket").0
}

fn open() -> (House, Door) {
    let mut files = Files::new(None);
    files.hotline = files.hotline.replace("\"tcp:127.0.0.1:0\"", "\"tcp:127.0.0.1:0\", \"ws:127.0.0.1:0\"");
    let house = House::open(&files);
    let addr = house.at("ws").parse().expect("an address");
    (house, Door { addr, certificate: None })
}

fn open_secure() -> (House, Door) {
    let dir = tempfile::tempdir().unwrap();
    let certificate = Some(make_certificate(dir.path()));
    let mut files = Files::new(None);
    let addr = encrypt(&mut files, "wss", dir.path());
    (House::open(&files), Door { addr, certificate })
}

pub fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

fn text<'a>(record: &'a Value, key: &str) -> &'a str {
    record[key].as_str().unwrap_or_default()
}

fn is_rung_and_refuses(house: &House, door: &Door) {
    run(async {
        let mut page = Page::open(door).await;
        page.register().await;
        house.wait_log(&["seat reachable", "8001", "browser=true"]);
        let caller = Sipp::caller(house, "caller_hangs_up", "12346");
        let invite = page.request("INVITE").await;
        assert!(matches!(&invite.uri, Uri::Sip(uri) if uri.host == "df7jal23ls0d.invalid"), "{invite:?}");
        assert!(invite.headers.get("X-Hotline-Call").is_some(), "{invite:?}");
        page.answer(&invite, 180).await;
        page.answer(&invite, 486).await;
        page.request("ACK").await;
        caller.succeed();
    });
    let record = house.wait_records(1).remove(0);
    assert_eq!((text(&record, "outcome"), text(&record["offers"][0], "outcome")), ("abandoned_in_queue", "busy"));
    assert_eq!(text(&record["offers"][0], "seat"), "8001");
}

#[test]
fn a_page_registers_is_rung_and_refuses() {
    let (house, door) = open();
    is_rung_and_refuses(&house, &door);
}

#[test]
fn a_page_registers_is_rung_and_refuses_over_a_secure_websocket() {
    let (house, door) = open_secure();
    is_rung_and_refuses(&house, &door);
}

#[test]
fn a_page_calls_loses_its_connection_and_hangs_up_over_the_next() {
    let (house, door) = open();
    run(async {
        let mut page = Page::open(&door).await;
        page.register().await;
        let to = "<sip:12345@hotline>";
        let rest = format!("Content-Type: application/sdp\n\n{}", OFFER.replace("\r\n", "\n"));
        let mut answer = page.ask("INVITE", "sip:12345@hotline", "a-call", to, &rest).await;
        while answer.status < 200 {
            answer = page.response().await;
        }
        assert_eq!(answer.status, 200, "{answer:?}");
        let (to, invite) = (answer.headers.get("To").unwrap().to_string(), page.cseq);
        let contact = answer.headers.contacts().unwrap()[0].uri.to_string();
        assert!(contact.ends_with(";transport=ws"), "{contact}");
        let ack = page
            .head("ACK", &contact, "a-call", &to)
            .replace(&format!("CSeq: {}", page.cseq), &format!("CSeq: {invite}"));
        page.send(ack + "\n").await;
        // Cut, without a word.
        page.reconnect().await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        page.register().await;
        let bye = page.head("BYE", &contact, "a-call", &to) + "\n";
        page.send(bye).await;
        assert_eq!(page.response().await.status, 200);
    });
    let record = house.wait_records(1).remove(0);
    assert_eq!(
        (text(&record, "from"), text(&record, "outcome"), text(&record, "ended_by")),
        ("8001", "abandoned_in_menu", "caller")
    );
}
