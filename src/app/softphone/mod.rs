//! A telephone without a telephone: our own signalling and sound on the other side of the wire.
//!
//! `call` is a caller, `seat` an operator; both use the same [`Phone`].

mod call;
mod clip;
mod seat;

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::mpsc;

pub use call::{CallArgs, call};
pub use seat::{SeatArgs, seat};

use super::clock::Clock;
use crate::ids::{CallId, LegId};
use crate::media::desk::Desk;
use crate::media::prompts::PromptBank;
use crate::media::{self, Codec};
use crate::moment::Moment;
use crate::sip::endpoint::Endpoint;
use crate::sip::transport::{Arrival, Sockets};
use crate::sip::{self, Listen, Settings, Timers, Transport};

/// The one call a phone has.
const ONLY: CallId = CallId(1);
const EVENTS: usize = 64;
/// RTP ports a phone takes its pair from: the ephemeral range's neighbourhood, away from the house's own.
const PORTS: std::ops::RangeInclusive<u16> = 40_000..=48_999;

/// Signalling and sound of one phone.
pub(super) struct Phone {
    pub clock: Clock,
    pub sip: Endpoint,
    pub desk: Desk,
    sockets: Sockets,
    media: mpsc::Receiver<Vec<media::Event>>,
    heard: Vec<media::Event>,
}

fn check_keys(keys: &str) -> Result<(), String> {
    match keys.chars().find(|key| !matches!(key, '0'..='9' | '*' | '#' | 'A'..='D')) {
        Some(key) => Err(format!("--press: {key:?} is no key; 0 to 9, *, # and A to D are")),
        None => Ok(()),
    }
}

/// What happens to a phone.
#[derive(Debug)]
pub(super) enum Happening {
    Sip(sip::Event),
    Media(media::Event),
    /// The moment asked for has come.
    Due,
}

impl Phone {
    /// A phone that talks to `server` over `transport`, on a free port of the address that leads there.
    pub async fn open(server: SocketAddr, transport: Transport, trunk: bool) -> Result<Phone, String> {
        let own = own_address(server)?;
        listens(own, server, transport)?;
        let listen = vec![Listen { transport, addr: SocketAddr::new(own, 0) }];
        let sockets = Sockets::bind(&listen).await.map_err(|e| e.to_string())?;
        let listen = listen.iter().zip(sockets.local_addrs()).map(|(l, addr)| Listen { addr, ..*l }).collect();
        let clock = Clock::start();
        let (tx, media) = mpsc::channel(EVENTS);
        let mut rng = StdRng::from_os_rng();
        let settings = media::Settings {
            bind: own,
            advertise: None,
            ports: PORTS,
            reserve: 0,
            urgent: 0,
            codecs: vec![Codec::Pcma, Codec::Pcmu],
            dead_after: Duration::ZERO,
            held_at_most: Duration::ZERO,
            workers: 1,
            prompts: Default::default(),
            browser: media::Browser::on(own),
        };
        let desk = Desk::start(
            settings,
            Arc::new(PromptBank::default()),
            Arc::new(move || clock.now()),
            StdRng::from_rng(&mut rng),
            Box::new(move |events| tx.try_send(events).map_err(|back| back.into_inner())),
        )
        .map_err(|e| e.to_string())?;
        let sip = Endpoint::new(clock.now(), sip_settings(listen, server, trunk), rng);
        Ok(Phone { clock, sip, desk, sockets, media, heard: Vec::new() })
    }

    pub fn command(&mut self, command: sip::Command) {
        self.sip.command(self.clock.now(), command);
    }

    pub fn open_leg(&mut self, leg: LegId) {
        self.desk.command(media::Command::Open { leg, call: ONLY, second: false, kind: media::LegKind::Phone });
    }

    /// The next thing that happens, or [`Happening::Due`] at `at`.
    pub async fn next(&mut self, at: Option<Moment>) -> Happening {
        loop {
            if let Some(event) = self.sip.poll_event() {
                self.transmit();
                return Happening::Sip(event);
            }
            if let Some(event) = self.desk.poll() {
                return Happening::Media(event);
            }
            if let Some(event) = self.heard.pop() {
                return Happening::Media(event);
            }
            self.transmit();
            let now = self.clock.now();
            if at.is_some_and(|at| at <= now) {
                return Happening::Due;
            }
            let timer = self.sip.next_deadline().into_iter().chain(at).min().map(|at| self.clock.instant(at));
            let sleep = async {
                match timer {
                    Some(timer) => tokio::time::sleep_until(timer).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                arrival = self.sockets.next() => self.arrived(arrival),
                Some(mut events) = self.media.recv() => {
                    events.reverse();
                    self.heard = events;
                }
                () = sleep => {}
            }
            self.sip.handle_deadline(self.clock.now());
        }
    }

    fn arrived(&mut self, arrival: Arrival) {
        let now = self.clock.now();
        match arrival {
            Arrival::Bytes { flow, bytes } => self.sip.receive(now, flow, &bytes),
            Arrival::Closed(connection) => self.sip.connection_closed(now, connection),
            Arrival::Unsent(flow) => self.sip.unsent(now, flow),
        }
    }

    fn transmit(&mut self) {
        while let Some(transmit) = self.sip.poll_transmit() {
            self.sockets.send(transmit);
        }
    }

    /// Lets the last messages be answered, then ends sound; files are whole afterwards.
    pub async fn close(mut self) {
        let until = self.clock.now() + Duration::from_secs(2);
        // The answer to a BYE is no event, so it is looked for.
        while self.sip.counts().legs > 0 && self.clock.now() < until {
            let soon = self.clock.now() + Duration::from_millis(20);
            self.next(Some(soon)).await;
        }
        self.transmit();
        self.desk.stop();
    }
}

fn sip_settings(listen: Vec<Listen>, server: SocketAddr, trunk: bool) -> Settings {
    let only_server = sip::Trunk { id: "server".into(), from: vec![server.ip().into()], to: None };
    Settings {
        listen,
        advertise: Vec::new(),
        realm: "phone".into(),
        trunks: if trunk { vec![only_server] } else { Vec::new() },
        seats: Default::default(),
        register_min: Duration::from_secs(60),
        register_max: Duration::from_secs(3600),
        nonce_lifetime: Duration::from_secs(300),
        max_calls: 4,
        timers: Timers::default(),
    }
}

/// The address of ours from which the server is reached.
/// Whether somebody is there, as far as the network tells at once: on the same machine it does.
fn listens(own: IpAddr, server: SocketAddr, transport: Transport) -> Result<(), String> {
    /// A refusal comes back within this, or not at all.
    const TOLD_WITHIN: Duration = Duration::from_millis(100);
    const CONNECTED_WITHIN: Duration = Duration::from_secs(5);
    let probe = || -> std::io::Result<()> {
        if transport == Transport::Tcp {
            return std::net::TcpStream::connect_timeout(&server, CONNECTED_WITHIN).map(drop);
        }
        let socket = UdpSocket::bind((own, 0))?;
        socket.connect(server)?;
        socket.set_read_timeout(Some(TOLD_WITHIN))?;
        // A keep-alive, RFC 5626 §3.5.1: nobody has to answer it.
        socket.send(b"\r\n\r\n")?;
        socket.recv(&mut [0; 16]).map(drop)
    };
    match probe() {
        Err(error)
            if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) && transport == Transport::Udp =>
        {
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            Err(format!("nothing listens at {server}; is `hotline serve` running?"))
        }
        Err(error) => Err(format!("{server}: {error}")),
        Ok(()) => Ok(()),
    }
}

fn own_address(server: SocketAddr) -> Result<IpAddr, String> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let reach = || -> std::io::Result<IpAddr> {
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect(server)?;
        Ok(socket.local_addr()?.ip())
    };
    reach().map_err(|e| format!("no way to {server}: {e}"))
}
