//! Real sockets of the loopback.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use super::*;

const WAIT: Duration = Duration::from_secs(20);

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(WAIT * 3, test).await.expect("in time") });
}

fn listen(transport: Transport, addr: &str) -> Listen {
    Listen { transport, addr: addr.parse().unwrap() }
}

async fn open() -> (Sockets, SocketAddr, SocketAddr) {
    let sockets =
        Sockets::bind(&[listen(Transport::Udp, "127.0.0.1:0"), listen(Transport::Tcp, "127.0.0.1:0")]).await.unwrap();
    let addrs = sockets.local_addrs();
    (sockets, addrs[0], addrs[1])
}

async fn bytes(sockets: &mut Sockets) -> (Flow, Vec<u8>) {
    loop {
        match sockets.next().await {
            Arrival::Bytes { flow, bytes } => return (flow, bytes),
            Arrival::Closed(_) => {}
            Arrival::Unsent(flow) => panic!("unsent {flow:?}"),
        }
    }
}

fn message(number: usize) -> Vec<u8> {
    format!("OPTIONS sip:x SIP/2.0\r\nCSeq: {number} OPTIONS\r\nContent-Length: 4\r\n\r\nbody").into_bytes()
}

#[test]
fn datagrams_come_and_go() {
    run(async {
        let (mut sockets, udp, _) = open().await;
        let phone = UdpSocket::bind("127.0.0.1:0").unwrap();
        for number in 0..50 {
            phone.send_to(&message(number), udp).unwrap();
        }
        for number in 0..50 {
            let (flow, got) = bytes(&mut sockets).await;
            assert_eq!((got, flow.remote), (message(number), phone.local_addr().unwrap()));
            sockets.send(Transmit { flow, bytes: b"answer".to_vec() });
        }
        assert!(sockets.try_next().is_none());
        phone.set_read_timeout(Some(WAIT)).unwrap();
        let mut buffer = [0; 100];
        assert_eq!(phone.recv_from(&mut buffer).unwrap(), (6, udp));
        // A port where nobody listens does not stop the socket.
        let nobody = Flow {
            listener: ListenerId(0),
            transport: Transport::Udp,
            remote: "127.0.0.1:9".parse().unwrap(),
            connection: None,
        };
        sockets.send(Transmit { flow: nobody, bytes: b"x".to_vec() });
        phone.send_to(b"still there", udp).unwrap();
        assert_eq!(bytes(&mut sockets).await.1, b"still there");
    });
}

#[test]
fn streams_are_cut_into_messages_however_they_come() {
    run(async {
        let (mut sockets, _, tcp) = open().await;
        let mut phone = TcpStream::connect(tcp).unwrap();
        phone.set_nodelay(true).unwrap();
        phone.set_read_timeout(Some(WAIT)).unwrap();
        phone.write_all(&[message(1), message(2), b"\r\n\r\n".to_vec(), message(3)].concat()).unwrap();
        let first = bytes(&mut sockets).await;
        assert_eq!(first.1, message(1));
        assert_eq!(bytes(&mut sockets).await.1, message(2));
        assert_eq!(bytes(&mut sockets).await.1, message(3));
        for byte in message(4) {
            phone.write_all(&[byte]).unwrap();
            tokio::task::yield_now().await;
        }
        let (flow, got) = bytes(&mut sockets).await;
        assert_eq!((got, flow), (message(4), first.0));
        sockets.send(Transmit { flow, bytes: b"answer".to_vec() });
        sockets.send(Transmit { flow: Flow { connection: None, ..flow }, bytes: b" again".to_vec() });
        let mut heard = Vec::new();
        while heard.len() < 14 {
            assert!(tokio::time::timeout(Duration::from_millis(10), sockets.next()).await.is_err());
            let mut buffer = [0; 100];
            let length = phone.read(&mut buffer).unwrap();
            heard.extend_from_slice(&buffer[..length]);
        }
        assert_eq!(heard, b"\r\nanswer again", "the ping is answered, and the connection used again");
        drop(phone);
        let Arrival::Closed(closed) = sockets.next().await else { panic!("not closed") };
        assert_eq!(Some(closed), flow.connection);
        sockets.send(Transmit { flow, bytes: b"gone".to_vec() });
        assert!(matches!(sockets.next().await, Arrival::Unsent(f) if f == flow));
    });
}

#[test]
fn garbage_ends_its_connection_and_no_other() {
    run(async {
        let (mut sockets, udp, tcp) = open().await;
        let mut good = TcpStream::connect(tcp).unwrap();
        for garbage in [
            &b"\x16\x03\x01\x02\x00"[..],
            b"GET / HTTP/1.1\r\n\r\n",
            &[b'A'; 200_000],
            b"INVITE x SIP/2.0\r\nContent-Length: 99999999\r\n\r\n",
        ] {
            let mut bad = TcpStream::connect(tcp).unwrap();
            let _ = bad.write_all(garbage);
            let closed = loop {
                match tokio::time::timeout(WAIT, sockets.next()).await.expect("closed") {
                    Arrival::Closed(closed) => break closed,
                    Arrival::Bytes { bytes, .. } => assert!(bytes.len() < 1000, "garbage as a message"),
                    Arrival::Unsent(_) => panic!("nothing was sent"),
                }
            };
            assert!(closed.0 > 1);
        }
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(&[0; 3], udp).unwrap();
        assert_eq!(bytes(&mut sockets).await.1, [0; 3], "what a datagram means is not known here");
        good.write_all(&message(1)).unwrap();
        assert_eq!(bytes(&mut sockets).await.1, message(1));
    });
}

#[test]
fn connections_of_ours_are_opened_when_needed() {
    run(async {
        let (mut sockets, _, _) = open().await;
        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let flow = Flow {
            listener: ListenerId(1),
            transport: Transport::Tcp,
            remote: server.local_addr().unwrap(),
            connection: None,
        };
        sockets.send(Transmit { flow, bytes: b"one".to_vec() });
        sockets.send(Transmit { flow, bytes: b"two".to_vec() });
        assert!(tokio::time::timeout(Duration::from_millis(200), sockets.next()).await.is_err());
        let (mut stream, _) = server.accept().unwrap();
        let mut buffer = [0; 6];
        stream.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"onetwo");
        drop((stream, server));
        assert!(matches!(sockets.next().await, Arrival::Closed(_)));
        sockets.send(Transmit { flow, bytes: b"three".to_vec() });
        assert!(matches!(sockets.next().await, Arrival::Unsent(_)));
    });
}

#[test]
fn a_port_in_use_is_said() {
    run(async {
        for transport in [Transport::Udp, Transport::Tcp] {
            let (_first, udp, tcp) = open().await;
            let addr = if transport == Transport::Udp { udp } else { tcp };
            let fault = Sockets::bind(&[Listen { transport, addr }]).await.err().unwrap().to_string();
            assert!(fault.contains(&addr.to_string()) && fault.contains("another program listens there"), "{fault}");
        }
        let fault = Sockets::bind(&[listen(Transport::Udp, "192.0.2.1:0")]).await.err().unwrap().to_string();
        assert!(fault.contains("does not have that address"), "{fault}");
    });
}

#[test]
fn both_families_can_have_the_same_port() {
    run(async {
        let first = Sockets::bind(&[listen(Transport::Udp, "0.0.0.0:0")]).await.unwrap();
        let port = first.local_addrs()[0].port();
        let second =
            Sockets::bind(&[Listen { transport: Transport::Udp, addr: format!("[::]:{port}").parse().unwrap() }]).await;
        assert!(second.is_ok(), "{:?}", second.err());
    });
}
