//! WebSockets and TLS over real sockets, with a client of another maker; and by the gate.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::connection::STRANGER_STAYS;
use super::tests::{bytes, closed, listen, message, run, run_fast};
use super::*;
use crate::tls;

/// A certificate for localhost in this folder, and its own issuer.
fn certificate(dir: &Path) -> (tls::Shown, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_string()]).unwrap();
    let own = tls::Files { certificate: dir.join("cert.pem"), key: dir.join("key.pem") };
    let files = tls::Shown { own, clients: None };
    std::fs::write(&files.own.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.own.key, made.signing_key.serialize_pem()).unwrap();
    (files, made.cert.der().clone())
}

async fn shake_hands(addr: SocketAddr, trusted: &CertificateDer<'static>) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    let stream = TcpStream::connect(addr).await?;
    TlsConnector::from(config).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    headers: &[(&'static str, &str)],
) -> Result<WebSocketStream<S>, u16> {
    let mut request = "ws://localhost/".into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    match client_async(request, stream).await {
        Ok((socket, response)) => {
            assert_eq!(response.headers()["sec-websocket-protocol"], "sip");
            Ok(socket)
        }
        Err(tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
        Err(other) => panic!("{other}"),
    }
}

const SIP: (&str, &str) = ("sec-websocket-protocol", "xmpp, sip");

async fn open(transport: Transport, doors: Doors) -> (Sockets, SocketAddr) {
    let sockets = Sockets::bind(&[listen(transport, "127.0.0.1:0")], doors).await.unwrap();
    let addr = sockets.local_addrs()[0];
    (sockets, addr)
}

/// Sends and hears while the house looks after its sockets.
async fn beside<T>(sockets: &mut Sockets, client: impl Future<Output = T>) -> T {
    tokio::select! {
        done = client => done,
        arrival = sockets.next() => panic!("{arrival:?}"),
    }
}

async fn talks<S: AsyncRead + AsyncWrite + Unpin>(
    sockets: &mut Sockets,
    mut socket: WebSocketStream<S>,
    transport: Transport,
) {
    socket.send(Message::Text(String::from_utf8(message(1)).unwrap().into())).await.unwrap();
    let (flow, got) = bytes(sockets).await;
    assert_eq!((got, flow.transport), (message(1), transport));
    socket.send(Message::Binary(message(2).into())).await.unwrap();
    assert_eq!(bytes(sockets).await, (flow, message(2)), "binary is as good");
    sockets.send(Transmit { flow, bytes: message(3), known: true, hurried: false });
    sockets.send(Transmit { flow, bytes: vec![b'S', 0xff], known: true, hurried: false });
    assert_eq!(beside(sockets, socket.next()).await.unwrap().unwrap().into_data(), message(3));
    let odd = beside(sockets, socket.next()).await.unwrap().unwrap();
    assert_eq!(odd, Message::Binary(vec![b'S', 0xff].into()), "what is no text is binary");
    socket.send(Message::Text("\r\n\r\n".into())).await.unwrap();
    assert_eq!(beside(sockets, socket.next()).await.unwrap().unwrap(), Message::Text("\r\n".into()), "a keep-alive");
    socket.send(Message::Ping(b"there?".as_slice().into())).await.unwrap();
    assert_eq!(beside(sockets, socket.next()).await.unwrap().unwrap(), Message::Pong(b"there?".as_slice().into()));
    let elsewhere = Flow { connection: Some(ConnectionId(99)), ..flow };
    sockets.send(Transmit { flow: elsewhere, bytes: message(4), known: true, hurried: false });
    assert!(matches!(sockets.next().await, Arrival::Unsent(unsent) if unsent == elsewhere), "browsers take no calls");
    socket.close(None).await.unwrap();
    assert_eq!(closed(sockets).await, flow.connection);
}

#[test]
fn a_websocket_carries_a_message_a_frame() {
    run(async {
        let (mut sockets, addr) = open(Transport::Ws, Doors::default()).await;
        let stream = TcpStream::connect(addr).await.unwrap();
        let socket = beside(&mut sockets, upgrade(stream, &[SIP])).await.unwrap();
        talks(&mut sockets, socket, Transport::Ws).await;
    });
}

#[test]
fn a_websocket_over_tls_does_too() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let (files, trusted) = certificate(dir.path());
        let doors = Doors { tls: Some(Acceptor::open(files).unwrap()), origins: Origins::default(), dscp: 0 };
        let (mut sockets, addr) = open(Transport::Wss, doors).await;
        let stream = beside(&mut sockets, shake_hands(addr, &trusted)).await.unwrap();
        let socket = beside(&mut sockets, upgrade(stream, &[SIP])).await.unwrap();
        talks(&mut sockets, socket, Transport::Wss).await;
    });
}

#[test]
fn streams_over_tls_are_cut_into_messages_and_a_certificate_that_is_renewed_is_shown() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let (files, old) = certificate(dir.path());
        let doors = Doors { tls: Some(Acceptor::open(files.clone()).unwrap()), origins: Origins::default(), dscp: 0 };
        let (mut sockets, addr) = open(Transport::Tls, doors).await;
        let mut phone = beside(&mut sockets, shake_hands(addr, &old)).await.unwrap();
        phone.write_all(&[message(1), message(2)].concat()).await.unwrap();
        assert_eq!(bytes(&mut sockets).await.1, message(1));
        let (flow, got) = bytes(&mut sockets).await;
        assert_eq!((got, flow.transport), (message(2), Transport::Tls));
        sockets.send(Transmit { flow, bytes: b"answer".to_vec(), known: true, hurried: false });
        let mut heard = [0; 6];
        beside(&mut sockets, phone.read_exact(&mut heard)).await.unwrap();
        assert_eq!(&heard, b"answer");

        // A key that does not belong to it: the old one is shown on.
        let (_, new) = certificate(dir.path());
        let right_key = std::fs::read(&files.own.key).unwrap();
        let other = tempfile::tempdir().unwrap();
        std::fs::copy(certificate(other.path()).0.own.key, &files.own.key).unwrap();
        tokio::time::sleep(Duration::from_millis(1100)).await;
        assert!(beside(&mut sockets, shake_hands(addr, &old)).await.is_ok());
        std::fs::write(&files.own.key, right_key).unwrap();
        let mut shown = false;
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let connecting = shake_hands(addr, &new);
            tokio::pin!(connecting);
            shown = loop {
                tokio::select! {
                    result = &mut connecting => break result.is_ok(),
                    arrival = sockets.next() => assert!(matches!(arrival, Arrival::Closed(_)), "{arrival:?}"),
                }
            };
            if shown {
                break;
            }
        }
        assert!(shown, "the new certificate is never shown");
    });
}

#[test]
fn who_may_open_a_websocket() {
    run(async {
        let doors = Doors { tls: None, origins: Origins::new(&["https://Desk.example".into()]), dscp: 0 };
        let (mut sockets, addr) = open(Transport::Ws, doors).await;
        for (headers, expected) in [
            (&[SIP, ("origin", "https://desk.example")][..], None),
            (&[SIP, ("origin", "http://localhost")], None),
            (&[SIP, ("origin", "https://desk.example.evil.example")], Some(403)),
            (&[SIP, ("origin", "null")], Some(403)),
            (&[SIP, ("origin", "http://localhost:81")], Some(403)),
            (&[("sec-websocket-protocol", "xmpp")], Some(400)),
            (&[], Some(400)),
        ] {
            let stream = TcpStream::connect(addr).await.unwrap();
            let upgrading = upgrade(stream, headers);
            tokio::pin!(upgrading);
            let result = loop {
                tokio::select! {
                    result = &mut upgrading => break result.map(drop).err(),
                    arrival = sockets.next() => assert!(matches!(arrival, Arrival::Closed(_)), "{arrival:?}"),
                }
            };
            assert_eq!(result, expected, "{headers:?}");
        }
    });
}

#[test]
fn a_frame_that_is_too_long_ends_its_connection() {
    for fragments in [false, true] {
        run(async {
            let (mut sockets, addr) = open(Transport::Ws, Doors::default()).await;
            let stream = TcpStream::connect(addr).await.unwrap();
            let mut socket = beside(&mut sockets, upgrade(stream, &[SIP])).await.unwrap();
            SinkExt::send(&mut socket, Message::Text("O".repeat(MAX_FRAME).into())).await.unwrap();
            let (flow, got) = bytes(&mut sockets).await;
            assert_eq!(got.len(), MAX_FRAME);
            if fragments {
                use tungstenite::protocol::frame::{Frame as Piece, coding::Data, coding::OpCode};
                for _ in 0..3 {
                    let piece = Piece::message(vec![b'O'; MAX_FRAME / 2], OpCode::Data(Data::Text), false);
                    let _ = SinkExt::send(&mut socket, Message::Frame(piece)).await;
                }
            } else {
                let _ = SinkExt::send(&mut socket, Message::Text("O".repeat(MAX_FRAME + 1).into())).await;
            }
            assert_eq!(closed(&mut sockets).await, flow.connection);
        });
    }
}

// ---------------------------------------------------------------------------------------------
// By the gate

/// A WebSocket that somebody else holds: what it says, and what it was told.
#[derive(Clone, Default)]
struct Held {
    says: Arc<Mutex<VecDeque<Heard>>>,
    told: Arc<Mutex<Vec<Frame>>>,
    answers_pings: bool,
}

impl Held {
    fn saying(messages: impl IntoIterator<Item = Vec<u8>>) -> Held {
        let held = Held::default();
        held.says.lock().unwrap().extend(messages.into_iter().map(Heard::Message));
        held
    }

    fn told(&self) -> Vec<Frame> {
        self.told.lock().unwrap().clone()
    }
}

impl Duplex for Held {
    async fn receive(&mut self) -> Option<Heard> {
        let said = self.says.lock().unwrap().pop_front();
        match said {
            Some(said) => Some(said),
            None => std::future::pending().await,
        }
    }

    async fn send(&mut self, frame: Frame) -> bool {
        if frame == Frame::Ping && self.answers_pings {
            self.says.lock().unwrap().push_back(Heard::Life);
        }
        self.told.lock().unwrap().push(frame);
        true
    }
}

fn visitor(seat: Option<&str>) -> Visitor {
    let proof = seat.map(|seat| Proof { seat: seat.into(), by: "1001".into() });
    Visitor { remote: "192.0.2.1:5000".parse().unwrap(), secure: true, proof }
}

#[test]
fn whom_the_web_server_hands_in_is_told_of_before_he_speaks() {
    run(async {
        let (mut sockets, _) = open(Transport::Ws, Doors::default()).await;
        let page = Held::saying([message(1)]);
        assert!(sockets.gate().enter(page.clone(), visitor(Some("8001"))));
        let Arrival::Proven { connection, proof } = sockets.next().await else { panic!("who is it?") };
        assert_eq!((proof.seat.as_str(), proof.by.as_str()), ("8001", "1001"));
        let (flow, got) = bytes(&mut sockets).await;
        assert_eq!((got, flow.connection, flow.transport), (message(1), Some(connection), Transport::Wss));
        assert_eq!((flow.listener, flow.remote), (ListenerId::GATE, visitor(None).remote));
        sockets.send(Transmit { flow, bytes: b"answer".to_vec(), known: true, hurried: false });
        while page.told().is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(page.told(), [Frame::Text("answer".into())]);
        // A guest whom nobody knows is not announced.
        sockets.gate().enter(Held::saying([message(2)]), visitor(None));
        assert!(matches!(sockets.next().await, Arrival::Bytes { .. }));
    });
}

#[test]
fn the_gate_is_as_wide_as_it_is() {
    run(async {
        let (mut sockets, _) = open(Transport::Ws, Doors::default()).await;
        let gate = sockets.gate();
        let entered = (0..NEWCOMERS + 10).filter(|_| gate.enter(Held::default(), visitor(None))).count();
        assert_eq!(entered, NEWCOMERS, "and nobody waits");
        assert!(sockets.try_next().is_none());
        assert!(gate.enter(Held::default(), visitor(None)));
    });
}

#[test]
fn a_browser_that_shows_no_sign_of_life_is_gone() {
    for alive in [false, true] {
        run_fast(async move {
            let (mut sockets, _) = open(Transport::Ws, Doors::default()).await;
            let page = Held { answers_pings: alive, ..Held::saying([message(1)]) };
            sockets.gate().enter(page.clone(), visitor(Some("8001")));
            sockets.next().await;
            bytes(&mut sockets).await;
            let lost = tokio::time::timeout(Duration::from_secs(125), closed(&mut sockets)).await;
            assert_eq!(lost.is_err(), alive);
            let pings = page.told().iter().filter(|frame| **frame == Frame::Ping).count();
            assert_eq!(pings, if alive { 12 } else { 2 });
        });
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the runtime's clock is a pretended one here")]
fn a_stranger_over_a_websocket_has_to_say_something() {
    for (says, within) in [(vec![], 11), (vec![b"\r\n\r\n".to_vec()], 11), (vec![message(1)], 32)] {
        run_fast(async move {
            let (mut sockets, _) = open(Transport::Ws, Doors::default()).await;
            let started = tokio::time::Instant::now();
            sockets.gate().enter(Held { answers_pings: true, ..Held::saying(says.clone()) }, visitor(None));
            while closed(&mut sockets).await.is_none() {}
            let took = started.elapsed();
            assert!(took < Duration::from_secs(within) && took > Duration::from_secs(within - 3), "{took:?}");
        });
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the runtime's clock is a pretended one here")]
fn a_stranger_does_not_stay_however_much_he_says() {
    run_fast(async {
        let (mut sockets, _) = open(Transport::Ws, Doors::default()).await;
        let started = tokio::time::Instant::now();
        let page = Held { answers_pings: true, ..Held::saying([message(1)]) };
        sockets.gate().enter(page.clone(), visitor(None));
        let mut heard = 0;
        loop {
            match tokio::time::timeout(Duration::from_secs(15), sockets.next()).await {
                Ok(Arrival::Closed(_)) => break,
                Ok(_) => heard += 1,
                Err(_) => {
                    page.says.lock().unwrap().push_back(Heard::Message(message(2)));
                    // A sign of life lets it look.
                    let bytes = b"403".to_vec();
                    sockets.send(Transmit { flow: flow_of(&sockets), bytes, known: false, hurried: false });
                }
            }
        }
        let took = started.elapsed();
        assert!(heard > 2 && took >= STRANGER_STAYS && took < STRANGER_STAYS + Duration::from_secs(1), "{took:?}");
        assert_eq!(sockets.crowd.strangers(), 0);
    });
}

/// The way to the one who is there.
fn flow_of(sockets: &Sockets) -> Flow {
    let connection = sockets.lines.keys().next().copied();
    Flow { listener: ListenerId::GATE, transport: Transport::Wss, remote: visitor(None).remote, connection }
}

#[test]
fn strangers_leave_room_for_phones() {
    run(async {
        let (mut sockets, _) = open(Transport::Ws, Doors::default()).await;
        let gate = sockets.gate();
        for number in 0..MAX_STRANGERS + 10 {
            let remote = SocketAddr::from(([10, 0, (number / 256) as u8, (number % 256) as u8], 5000));
            assert!(gate.enter(Held::default(), Visitor { remote, ..visitor(None) }));
            if number % 50 == 0 || number >= MAX_STRANGERS {
                tokio::task::yield_now().await;
                let gone = sockets.try_next();
                assert_eq!(matches!(gone, Some(Arrival::Closed(_))), number >= MAX_STRANGERS, "who came first");
            }
        }
        let oldest = sockets.lines.keys().min().copied();
        assert_eq!(oldest, Some(ConnectionId(11)), "ten gave way");
        assert_eq!((sockets.lines.len(), sockets.crowd.strangers()), (MAX_STRANGERS, MAX_STRANGERS));
        gate.enter(Held::default(), visitor(Some("8001")));
        assert!(matches!(sockets.next().await, Arrival::Proven { .. }));
        assert_eq!((sockets.lines.len(), sockets.crowd.strangers()), (MAX_STRANGERS + 1, MAX_STRANGERS));
    });
}

#[test]
fn what_was_said_over_a_connection_that_was_given_up_is_not_heard() {
    run(async {
        let (mut sockets, _) = open(Transport::Ws, Doors::default()).await;
        sockets.gate().enter(Held::saying([message(1), message(2), message(3)]), visitor(Some("8001")));
        let Arrival::Proven { connection, .. } = sockets.next().await else { panic!("who is it?") };
        assert_eq!(bytes(&mut sockets).await.1, message(1));
        // All of it lies there already.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        sockets.let_go(connection);
        assert_eq!(closed(&mut sockets).await, Some(connection));
        sockets.gate().enter(Held::saying([message(4)]), visitor(None));
        assert_eq!(bytes(&mut sockets).await.1, message(4));
    });
}
