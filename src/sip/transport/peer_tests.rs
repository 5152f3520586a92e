//! Connections of ours to carriers: over TLS to whom is meant, one for what goes both ways, and kept alive.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::connection::{KEEP_ALIVE, PONG};
use super::tests::{listen, message, run, run_fast};
use super::*;
use crate::tls::{Distrust, Files, Shown};

/// A certificate for these names, which is its own authority.
fn certificate(dir: &Path, name: &str, domains: &[&str]) -> Files {
    let made = rcgen::generate_simple_self_signed(domains.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
    let files = Files { certificate: dir.join(format!("{name}.pem")), key: dir.join(format!("{name}.key")) };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    files
}

async fn open(own: &Files, clients: Option<&Files>) -> (Sockets, SocketAddr) {
    let shown = Shown { own: own.clone(), clients: clients.map(|files| files.certificate.clone()) };
    let doors = Doors { tls: Some(Acceptor::open(shown).unwrap()), ..Doors::default() };
    let sockets = Sockets::bind(&[listen(Transport::Tls, "127.0.0.1:0")], doors).await.unwrap();
    let addr = sockets.local_addrs()[0];
    (sockets, addr)
}

const HOUSE: usize = 0;
const CARRIER: usize = 1;

/// Two ends, each of which hears only while both live.
struct Line {
    ends: [Sockets; 2],
    heard: [VecDeque<Arrival>; 2],
}

impl Line {
    async fn next(&mut self, end: usize) -> Arrival {
        loop {
            if let Some(arrival) = self.heard[end].pop_front() {
                return arrival;
            }
            let [house, carrier] = &mut self.ends;
            tokio::select! {
                arrival = house.next() => self.heard[HOUSE].push_back(arrival),
                arrival = carrier.next() => self.heard[CARRIER].push_back(arrival),
            }
        }
    }

    async fn message(&mut self, end: usize) -> (Flow, Vec<u8>) {
        match self.next(end).await {
            Arrival::Bytes { flow, bytes } => (flow, bytes),
            other => panic!("{other:?}"),
        }
    }

    fn send(&mut self, end: usize, flow: Flow, number: usize) {
        self.ends[end].send(Transmit { flow, bytes: message(number), known: true, hurried: false });
    }
}

fn to(remote: SocketAddr, transport: Transport) -> Flow {
    Flow { listener: ListenerId(0), transport, remote, connection: None }
}

#[test]
fn one_connection_over_tls_carries_what_goes_both_ways_and_another_is_opened_when_it_is_lost() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let (ours, theirs) = (
            certificate(dir.path(), "ours", &["house.example"]),
            certificate(dir.path(), "theirs", &["Carrier.example"]),
        );
        let ((mut house, _), (carrier, addr)) = (open(&ours, None).await, open(&theirs, Some(&ours)).await);
        let peer = Peer {
            names: vec!["carrier.example".into()],
            authorities: Some(theirs.certificate.clone()),
            own: Some(ours.clone()),
        };
        house.set_peers(vec![(addr, peer.clone())]);
        let mut line = Line { ends: [house, carrier], heard: Default::default() };
        let flow = to(addr, Transport::Tls);
        line.send(HOUSE, flow, 1);
        line.send(HOUSE, flow, 2);
        let certified = line.next(CARRIER).await;
        assert!(
            matches!(&certified, Arrival::Certified { domains, .. } if *domains == ["house.example"]),
            "{certified:?}"
        );
        let (first, second) = (line.message(CARRIER).await, line.message(CARRIER).await);
        assert_eq!((first.1, second.1), (message(1), message(2)));
        assert_eq!(first.0, second.0, "one connection");
        // It calls back over the same, and is known there.
        line.send(CARRIER, first.0, 3);
        let certified = line.next(HOUSE).await;
        assert!(matches!(&certified, Arrival::Certified { domains, .. } if *domains == ["carrier.example"]));
        let (back, got) = line.message(HOUSE).await;
        assert_eq!((back.remote, got), (addr, message(3)));
        // The same again changes nothing; another peer there is another connection.
        line.ends[HOUSE].set_peers(vec![(addr, peer.clone()), (addr, peer.clone())]);
        line.send(HOUSE, flow, 4);
        assert_eq!(line.message(CARRIER).await.0, first.0);
        line.ends[CARRIER].let_go(first.0.connection.unwrap());
        assert!(matches!(line.next(HOUSE).await, Arrival::Closed(lost) if Some(lost) == back.connection));
        assert!(matches!(line.next(CARRIER).await, Arrival::Closed(_)));
        line.send(HOUSE, flow, 5);
        assert!(matches!(line.next(CARRIER).await, Arrival::Certified { .. }));
        assert_ne!(line.message(CARRIER).await.0.remote, first.0.remote, "another");
        line.ends[HOUSE].set_peers(vec![(addr, Peer { own: None, ..peer })]);
        assert!(matches!(line.next(HOUSE).await, Arrival::Certified { .. }));
        assert!(matches!(line.next(HOUSE).await, Arrival::Closed(_)));
        line.send(HOUSE, flow, 6);
        // The one that ended may stay a moment for what came last over it.
        let (one, other) = (line.next(CARRIER).await, line.next(CARRIER).await);
        let heard = [one, other].into_iter().filter_map(|arrival| match arrival {
            Arrival::Bytes { bytes, .. } => Some(bytes),
            arrival => {
                assert!(matches!(arrival, Arrival::Closed(_)), "{arrival:?}");
                None
            }
        });
        assert_eq!(heard.collect::<Vec<_>>(), [message(6)], "who shows nothing is asked for nothing");
    });
}

const OK: &[u8] = b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n";

#[test]
fn whoever_ends_tls_without_a_word_behind_a_message_is_answered() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let ours = certificate(dir.path(), "ours", &["house.example"]);
        let (mut house, addr) = open(&ours, None).await;
        let authorities = Some(ours.certificate.clone());
        let peer = Peer { names: vec!["house.example".into()], authorities, own: None };
        let ends = tokio::spawn(async move {
            let stream = TcpStream::connect(addr).await.unwrap();
            let mut stream = Connector::new(peer).connect(stream).await.unwrap();
            stream.write_all(&message(1)).await.unwrap();
            stream.flush().await.unwrap();
            // No close_notify: that is the stream's inside.
            stream.get_mut().0.shutdown().await.unwrap();
            let mut answer = vec![0; OK.len()];
            stream.read_exact(&mut answer).await.map(|_| answer)
        });
        let Arrival::Bytes { flow, .. } = house.next().await else { panic!("a message") };
        assert!(tokio::time::timeout(Duration::from_millis(50), house.next()).await.is_err(), "the end was read");
        house.send(Transmit { flow, bytes: OK.to_vec(), known: false, hurried: false });
        assert!(matches!(house.next().await, Arrival::Closed(_)));
        assert_eq!(ends.await.unwrap().unwrap(), OK);
    });
}

#[test]
fn who_connected_with_a_certificate_is_found_again_where_they_listen() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let [ours, theirs, stranger] =
            [("ours", "house.example"), ("theirs", "carrier.example"), ("else", "carrier.example")]
                .map(|(name, domain)| certificate(dir.path(), name, &[domain]));
        for (found, is_them) in [(&theirs, true), (&stranger, false)] {
            let (house, addr) = open(&ours, Some(&theirs)).await;
            let ((mut caller, _), (listener, listens)) = (open(&theirs, None).await, open(found, None).await);
            let peer = Peer {
                names: vec!["house.example".into()],
                authorities: Some(ours.certificate.clone()),
                own: Some(theirs.clone()),
            };
            caller.set_peers(vec![(addr, peer)]);
            let mut line = Line { ends: [house, caller], heard: Default::default() };
            let back = to(listens, Transport::Tls);
            line.send(HOUSE, back, 1);
            assert!(
                matches!(line.next(HOUSE).await, Arrival::Unsent(unsent) if unsent == back),
                "nobody is known there"
            );
            line.send(CARRIER, to(addr, Transport::Tls), 2);
            assert!(matches!(line.next(HOUSE).await, Arrival::Certified { .. }));
            let (flow, _) = line.message(HOUSE).await;
            line.ends[HOUSE].let_go(flow.connection.unwrap());
            assert!(matches!(line.next(HOUSE).await, Arrival::Closed(_)));
            line.ends[CARRIER] = listener;
            line.heard = Default::default();
            line.send(HOUSE, back, 3);
            match is_them {
                true => assert_eq!(line.message(CARRIER).await.1, message(3)),
                false => assert!(matches!(line.next(HOUSE).await, Arrival::Unsent(unsent) if unsent == back)),
            }
        }
    });
}

#[test]
fn who_shows_a_certificate_that_nobody_vouches_for_is_told_of() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let [ours, theirs, stranger] =
            [("ours", "house.example"), ("theirs", "carrier.example"), ("else", "house.example")]
                .map(|(name, domain)| certificate(dir.path(), name, &[domain]));
        let ((mut house, _), (carrier, addr)) = (open(&ours, None).await, open(&theirs, Some(&ours)).await);
        let peer = Peer {
            names: vec!["carrier.example".into()],
            authorities: Some(theirs.certificate.clone()),
            own: Some(stranger),
        };
        house.set_peers(vec![(addr, peer)]);
        let mut line = Line { ends: [house, carrier], heard: Default::default() };
        line.send(HOUSE, to(addr, Transport::Tls), 1);
        let told = line.next(CARRIER).await;
        assert!(
            matches!(told, Arrival::Distrusted(remote, Distrust::UnknownIssuer) if remote.ip() == addr.ip()),
            "{told:?}"
        );
        assert!(matches!(line.next(CARRIER).await, Arrival::Closed(_)), "and nothing of it is heard");
    });
}

#[test]
fn nothing_is_said_to_somebody_else() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let theirs = certificate(dir.path(), "theirs", &["carrier.example"]);
        let stranger = certificate(dir.path(), "stranger", &["carrier.example"]);
        for (names, authorities) in [(["other.example"], &theirs), (["carrier.example"], &stranger)] {
            let ((mut house, _), (carrier, addr)) = (open(&theirs, None).await, open(&theirs, None).await);
            let peer = Peer {
                names: names.map(Into::into).to_vec(),
                authorities: Some(authorities.certificate.clone()),
                own: None,
            };
            house.set_peers(vec![(addr, peer)]);
            let mut line = Line { ends: [house, carrier], heard: Default::default() };
            let flow = to(addr, Transport::Tls);
            line.send(HOUSE, flow, 1);
            assert!(matches!(line.next(HOUSE).await, Arrival::Unsent(unsent) if unsent == flow), "{names:?}");
            // Where nobody is meant nobody is connected to.
            line.ends[HOUSE].set_peers(Vec::new());
            while !matches!(line.next(HOUSE).await, Arrival::Closed(_)) {}
            line.send(HOUSE, flow, 2);
            assert!(matches!(line.next(HOUSE).await, Arrival::Unsent(_)));
            assert!(line.heard[CARRIER].iter().all(|heard| !matches!(heard, Arrival::Bytes { .. })));
        }
    });
}

#[test]
fn connections_to_carriers_are_kept_alive_and_who_answers_no_longer_is_left() {
    for (answers, expected) in [(0, None), (2, Some(3))] {
        run_fast(async {
            let carrier = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let addr = carrier.local_addr().unwrap();
            let mut house = Sockets::bind(&[listen(Transport::Tcp, "127.0.0.1:0")], Doors::default()).await.unwrap();
            house.send(Transmit { flow: to(addr, Transport::Tcp), bytes: message(1), known: true, hurried: false });
            let started = tokio::time::sleep(Duration::ZERO).deadline();
            // The task that connects and writes needs its turn.
            assert!(tokio::time::timeout(Duration::from_secs(1), house.next()).await.is_err());
            let (mut stream, _) = carrier.accept().unwrap();
            let mut buffer = vec![0; message(1).len()];
            stream.read_exact(&mut buffer).unwrap();
            for ping in 1..=5 {
                let closed =
                    tokio::time::timeout_at(started + KEEP_ALIVE * ping + Duration::from_secs(2), house.next()).await;
                let mut heard = [0; 4];
                if expected.is_some_and(|lost| ping > lost) {
                    panic!("it was not left: {closed:?}");
                }
                assert!(closed.is_err(), "ping {ping}: {closed:?}");
                stream.read_exact(&mut heard).unwrap();
                assert_eq!(&heard, b"\r\n\r\n", "RFC 5626 §3.5.1");
                if ping <= answers {
                    stream.write_all(b"\r\n").unwrap();
                }
                if expected == Some(ping) {
                    let lost = tokio::time::timeout(PONG + Duration::from_secs(2), house.next()).await;
                    assert!(matches!(lost, Ok(Arrival::Closed(_))), "{lost:?}");
                    return;
                }
            }
        });
    }
}
