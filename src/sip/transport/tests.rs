//! Real sockets of the loopback.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use super::connection::STRANGER_IDLE;
use super::*;

const WAIT: Duration = Duration::from_secs(20);

pub(super) fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(WAIT * 3, test).await.expect("in time") });
}

pub(super) fn listen(transport: Transport, addr: &str) -> Listen {
    Listen { transport, addr: addr.parse().unwrap() }
}

async fn open() -> (Sockets, SocketAddr, SocketAddr) {
    let sockets = Sockets::bind(
        &[listen(Transport::Udp, "127.0.0.1:0"), listen(Transport::Tcp, "127.0.0.1:0")],
        Doors::default(),
    )
    .await
    .unwrap();
    let addrs = sockets.local_addrs();
    (sockets, addrs[0], addrs[1])
}

pub(super) async fn bytes(sockets: &mut Sockets) -> (Flow, Vec<u8>) {
    loop {
        match sockets.next().await {
            Arrival::Bytes { flow, bytes } => return (flow, bytes),
            Arrival::Closed(_) | Arrival::Proven { .. } | Arrival::Certified { .. } | Arrival::Distrusted(..) => {}
            Arrival::Unsent(flow) => panic!("unsent {flow:?}"),
        }
    }
}

pub(super) fn message(number: usize) -> Vec<u8> {
    format!("OPTIONS sip:x SIP/2.0\r\nCSeq: {number} OPTIONS\r\nContent-Length: 4\r\n\r\nbody").into_bytes()
}

#[test]
fn what_is_there_is_seen_to_the_last_in_one_turn() {
    // More than the runtime lets a task take at once.
    const MANY: usize = 200;
    run(async {
        let (mut sockets, udp, _) = open().await;
        let phone = UdpSocket::bind("127.0.0.1:0").unwrap();
        for number in 0..MANY {
            phone.send_to(&message(number), udp).unwrap();
        }
        let mut got = vec![bytes(&mut sockets).await.1];
        while sockets.has_more() {
            assert!(sockets.has_more(), "looking takes nothing");
            let Some(Arrival::Bytes { bytes, .. }) = sockets.try_next() else { panic!("there was another") };
            got.push(bytes);
        }
        assert!(sockets.try_next().is_none());
        assert_eq!(got, (0..MANY).map(message).collect::<Vec<_>>(), "in their order");
    });
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
            sockets.send(Transmit { flow, bytes: b"answer".to_vec(), known: true, hurried: false });
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
        sockets.send(Transmit { flow: nobody, bytes: b"x".to_vec(), known: true, hurried: false });
        phone.send_to(b"still there", udp).unwrap();
        assert_eq!(bytes(&mut sockets).await.1, b"still there");
        // What is too long for a datagram says nothing of the others on its way.
        let way = Flow { remote: phone.local_addr().unwrap(), ..nobody };
        sockets.send(Transmit { flow: way, bytes: vec![b'x'; 65_508], known: true, hurried: false });
        phone.send_to(b"and now", udp).unwrap();
        assert_eq!(bytes(&mut sockets).await.1, b"and now");
    });
}

/// A message, and `ends`; then what is answered is awaited, and that the connection ends.
fn is_answered_though_the_stream_ends(ends: impl FnOnce(&mut TcpStream, Vec<u8>)) {
    run(async {
        let (mut sockets, _, tcp) = open().await;
        let mut phone = TcpStream::connect(tcp).unwrap();
        phone.set_nodelay(true).unwrap();
        phone.set_read_timeout(Some(WAIT)).unwrap();
        ends(&mut phone, message(1));
        let (flow, heard) = bytes(&mut sockets).await;
        assert_eq!(heard, message(1));
        // The end was read by now.
        let soon = tokio::time::timeout(Duration::from_millis(50), sockets.next());
        assert!(soon.await.is_err());
        let ok = b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec();
        sockets.send(Transmit { flow, bytes: ok.clone(), known: false, hurried: false });
        assert!(matches!(sockets.next().await, Arrival::Closed(_)));
        let mut answer = Vec::new();
        phone.read_to_end(&mut answer).unwrap();
        assert_eq!(answer, ok);
    });
}

const GARBAGE: &[u8] = b"INVITE sip:x SIP/2.0\r\nContent-Length: x\r\n\r\n";

#[test]
fn what_came_whole_before_garbage_is_answered() {
    is_answered_though_the_stream_ends(|phone, message| phone.write_all(&[&message, GARBAGE].concat()).unwrap());
}

#[test]
fn what_came_whole_before_garbage_that_comes_apart_is_answered() {
    is_answered_though_the_stream_ends(|phone, message| {
        [&message, GARBAGE].concat().iter().for_each(|byte| phone.write_all(&[*byte]).unwrap());
    });
}

#[test]
fn whoever_says_nothing_after_a_message_is_answered() {
    is_answered_though_the_stream_ends(|phone, message| {
        phone.write_all(&message).unwrap();
        phone.shutdown(Shutdown::Write).unwrap();
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
        sockets.send(Transmit { flow, bytes: b"answer".to_vec(), known: true, hurried: false });
        sockets.send(Transmit {
            flow: Flow { connection: None, ..flow },
            bytes: b" again".to_vec(),
            known: true,
            hurried: false,
        });
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
        sockets.send(Transmit { flow, bytes: b"gone".to_vec(), known: true, hurried: false });
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
                    Arrival::Unsent(_)
                    | Arrival::Proven { .. }
                    | Arrival::Certified { .. }
                    | Arrival::Distrusted(..) => {
                        panic!("nothing was sent")
                    }
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
        sockets.send(Transmit { flow, bytes: b"one".to_vec(), known: true, hurried: false });
        sockets.send(Transmit { flow, bytes: b"two".to_vec(), known: true, hurried: false });
        assert!(tokio::time::timeout(Duration::from_millis(200), sockets.next()).await.is_err());
        let (mut stream, _) = server.accept().unwrap();
        let mut buffer = [0; 6];
        stream.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"onetwo");
        drop((stream, server));
        assert!(matches!(sockets.next().await, Arrival::Unsent(unsent) if unsent == flow), "nothing was answered");
        assert!(matches!(sockets.next().await, Arrival::Closed(_)));
        sockets.send(Transmit { flow, bytes: b"three".to_vec(), known: true, hurried: false });
        assert!(matches!(sockets.next().await, Arrival::Unsent(_)));
    });
}

/// A listener whose queue is full answers no SYN.
#[test]
fn a_connection_that_is_not_there_soon_is_not_waited_for_where_there_is_another_way() {
    for hurried in [true, false] {
        run_fast(async {
            let (mut sockets, _, _) = open().await;
            let full = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
            full.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
            full.listen(0).unwrap();
            let remote = full.local_addr().unwrap().as_socket().unwrap();
            let _waits = TcpStream::connect(remote).unwrap();
            let flow = Flow { listener: ListenerId(1), transport: Transport::Tcp, remote, connection: None };
            let started = tokio::time::sleep(Duration::ZERO).deadline();
            sockets.send(Transmit { flow, bytes: message(1), known: true, hurried });
            assert!(matches!(sockets.next().await, Arrival::Unsent(unsent) if unsent == flow));
            let within = if hurried { SOON } else { CONNECT };
            assert!(
                (within..within + Duration::from_millis(100)).contains(&started.elapsed()),
                "{:?}",
                started.elapsed()
            );
        });
    }
}

#[test]
fn a_port_in_use_is_said() {
    run(async {
        for transport in [Transport::Udp, Transport::Tcp] {
            let (_first, udp, tcp) = open().await;
            let addr = if transport == Transport::Udp { udp } else { tcp };
            let fault = Sockets::bind(&[Listen { transport, addr }], Doors::default()).await.err().unwrap().to_string();
            assert!(fault.contains(&addr.to_string()) && fault.contains("another program listens there"), "{fault}");
        }
        let fault =
            Sockets::bind(&[listen(Transport::Udp, "192.0.2.1:0")], Doors::default()).await.err().unwrap().to_string();
        assert!(fault.contains("does not have that address"), "{fault}");
    });
}

#[test]
fn both_families_can_have_the_same_port() {
    run(async {
        let first = Sockets::bind(&[listen(Transport::Udp, "0.0.0.0:0")], Doors::default()).await.unwrap();
        let port = first.local_addrs()[0].port();
        let second = Sockets::bind(
            &[Listen { transport: Transport::Udp, addr: format!("[::]:{port}").parse().unwrap() }],
            Doors::default(),
        )
        .await;
        assert!(second.is_ok(), "{:?}", second.err());
    });
}

/// Time that passes by itself when nothing else is to do.
pub(super) fn run_fast(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(test);
}

pub(super) async fn closed(sockets: &mut Sockets) -> Option<ConnectionId> {
    match sockets.next().await {
        Arrival::Closed(connection) => Some(connection),
        _ => None,
    }
}

#[test]
fn who_connects_has_to_say_something_soon() {
    for says in [&b""[..], b"\r\n\r\n", b"OPTIONS sip:x SIP/2.0\r\n"] {
        run_fast(async {
            let (mut sockets, _, tcp) = open().await;
            let mut phone = TcpStream::connect(tcp).unwrap();
            phone.write_all(says).unwrap();
            let started = tokio::time::sleep(Duration::ZERO).deadline();
            assert!(closed(&mut sockets).await.is_some());
            let took = started.elapsed();
            assert!(took < Duration::from_secs(12), "{took:?} for {says:?}");
        });
    }
}

#[test]
fn only_who_was_let_in_may_be_idle_for_long() {
    for known in [false, true] {
        run_fast(async {
            let (mut sockets, _, tcp) = open().await;
            let mut phone = TcpStream::connect(tcp).unwrap();
            phone.write_all(&message(1)).unwrap();
            let (flow, _) = bytes(&mut sockets).await;
            let started = tokio::time::sleep(Duration::ZERO).deadline();
            sockets.send(Transmit { flow, bytes: b"answer".to_vec(), known, hurried: false });
            assert_eq!(closed(&mut sockets).await, flow.connection);
            let minutes = started.elapsed().as_secs() / 60;
            assert_eq!(minutes, if known { 65 } else { 0 }, "known: {known}");
        });
    }
}

#[test]
fn whoever_is_elsewhere_by_now_is_a_stranger_again() {
    for speaks in [false, true] {
        run_fast(async {
            let (mut sockets, _, tcp) = open().await;
            let mut phone = TcpStream::connect(tcp).unwrap();
            phone.write_all(&message(1)).unwrap();
            let (flow, _) = bytes(&mut sockets).await;
            sockets.send(Transmit { flow, bytes: b"answer".to_vec(), known: true, hurried: false });
            assert!(tokio::time::timeout(Duration::from_secs(600), sockets.next()).await.is_err());
            sockets.doubt(flow.connection.unwrap());
            if speaks {
                phone.write_all(&message(2)).unwrap();
                bytes(&mut sockets).await;
                sockets.send(Transmit { flow, bytes: b"answer".to_vec(), known: true, hurried: false });
            }
            let lost = tokio::time::timeout(STRANGER_IDLE + Duration::from_secs(1), closed(&mut sockets)).await;
            assert_eq!(lost.is_err(), speaks);
            assert_eq!(sockets.crowd.strangers(), 0);
        });
    }
}

/// The system asks whether anybody is there: its timer of that runs on the connection.
#[test]
fn connections_whose_other_end_is_gone_are_found_out() {
    run(async {
        let (mut sockets, _, tcp) = open().await;
        let mut phone = TcpStream::connect(tcp).unwrap();
        phone.write_all(&message(1)).unwrap();
        bytes(&mut sockets).await;
        let ports = format!(":{:04X} 0100007F:{:04X} ", tcp.port(), phone.local_addr().unwrap().port());
        // Columns: local and remote address, state, queues, and which timer runs, 02 being this one, for how long.
        let timer = || -> Option<(String, u64)> {
            let all = std::fs::read_to_string("/proc/net/tcp").unwrap();
            let line = all.lines().find(|line| line.contains(&ports)).expect("the connection is there");
            let (kind, ticks) = line.split_whitespace().nth(5)?.split_once(':')?;
            Some((kind.to_string(), u64::from_str_radix(ticks, 16).ok()?))
        };
        let asks = || timer().is_some_and(|(kind, ticks)| kind == "02" && ticks <= 2_000);
        for _ in 0..1_000 {
            if asks() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("nobody asks: {:?}", timer());
    });
}

#[test]
fn a_burst_is_answered_whole() {
    // What a carrier has to say when its network stood still.
    const BURST: usize = 3_000;
    run(async {
        let (mut sockets, _, tcp) = open().await;
        let mut phone = TcpStream::connect(tcp).unwrap();
        phone.set_read_timeout(Some(WAIT)).unwrap();
        phone.write_all(&message(1)).unwrap();
        let (flow, _) = bytes(&mut sockets).await;
        (0..BURST).for_each(|number| {
            sockets.send(Transmit { flow, bytes: message(number), known: true, hurried: false });
        });
        let expected: Vec<u8> = (0..BURST).flat_map(message).collect();
        let reads = tokio::task::spawn_blocking(move || {
            let mut heard = vec![0; expected.len()];
            phone.read_exact(&mut heard).map(|()| heard == expected)
        });
        assert!(reads.await.unwrap().unwrap());
        assert!(sockets.try_next().is_none());
    });
}

#[test]
fn a_peer_that_does_not_read_is_let_go_with_its_socket() {
    run(async {
        let (mut sockets, _, tcp) = open().await;
        let mut phone = TcpStream::connect(tcp).unwrap();
        phone.write_all(&message(1)).unwrap();
        let (flow, _) = bytes(&mut sockets).await;
        // More than the kernels on both sides take, and more than may be queued.
        let mut sent = 0;
        let arrival = loop {
            assert!(sent < 1000, "{sent} times 60 kB are queued for somebody who does not read");
            sockets.send(Transmit { flow, bytes: vec![b'x'; 60_000], known: true, hurried: false });
            sent += 1;
            tokio::task::yield_now().await;
            if let Some(arrival) = sockets.try_next() {
                break arrival;
            }
        };
        assert!(matches!(arrival, Arrival::Unsent(unsent) if unsent == flow), "{arrival:?}");
        assert_eq!(closed(&mut sockets).await, flow.connection);
        // The task is gone, and the socket with it, although it was in the middle of writing.
        tokio::task::yield_now().await;
        phone.set_read_timeout(Some(WAIT)).unwrap();
        let mut buffer = vec![0; 1 << 20];
        let read = std::iter::from_fn(|| phone.read(&mut buffer).ok().filter(|length| *length > 0));
        let heard: usize = read.sum();
        assert!(heard < sent * 60_000, "everything was written after all");
    });
}

#[test]
fn everybody_of_one_ipv6_network_is_one() {
    let household = |ip: &str| crate::peers::household(ip.parse().unwrap()).to_string();
    assert_eq!(household("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    assert_eq!(household("192.0.2.7"), "192.0.2.7");
    assert_eq!(household("::ffff:192.0.2.7"), "192.0.2.7");
}
