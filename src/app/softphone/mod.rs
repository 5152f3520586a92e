//! A telephone without a telephone: our own signalling and sound on the other side of the wire.
//!
//! `call` is a caller, `seat` an operator; both use the same [`Phone`].

mod call;
mod clip;
mod line;
mod seat;

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::mpsc;

pub use call::{CallArgs, call};
pub(super) use line::Line;
pub use seat::{SeatArgs, seat};

use super::clock::Clock;
use crate::ids::{CallId, LegId};
use crate::media::desk::Desk;
use crate::media::prompts::PromptBank;
use crate::media::{self, Codec};
use crate::moment::Moment;
use crate::sip::{self, Listen, Settings, Timers, Transport};

/// The one call a phone has.
const ONLY: CallId = CallId(1);
const EVENTS: usize = 64;
/// RTP ports a phone takes its pair from: the ephemeral range's neighbourhood, away from the house's own.
const PORTS: std::ops::RangeInclusive<u16> = 40_000..=48_999;

/// Of a watched leg no packet came for so long, no RTCP either: the house is gone, and with it the call.
const DEAD_AFTER: Duration = Duration::from_secs(30);

/// Signalling and sound of one phone.
pub(super) struct Phone {
    pub line: Line,
    pub desk: Desk,
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
            dead_after: DEAD_AFTER,
            held_at_most: Duration::ZERO,
            workers: 1,
            prompts: Default::default(),
            browser: media::Browser::on(own),
            recordings: Default::default(),
            srtp: Default::default(),
            one_way_after: Duration::ZERO,
            dscp: 46,
        };
        let desk = Desk::start(
            settings,
            Arc::new(PromptBank::default()),
            Arc::new(move || clock.now()),
            StdRng::from_rng(&mut rng),
            Box::new(move |events| tx.try_send(events).map_err(|back| back.into_inner())),
        )
        .map_err(|e| e.to_string())?;
        let line = Line::open(clock, sip_settings(listen, server, trunk), rng).await?;
        Ok(Phone { line, desk, media, heard: Vec::new() })
    }

    pub fn command(&mut self, command: sip::Command) {
        self.line.command(command);
    }

    pub fn open_leg(&mut self, leg: LegId) {
        self.desk.command(media::Command::Open {
            leg,
            call: ONLY,
            second: false,
            kind: media::LegKind::Phone,
            srtp: None,
        });
    }

    /// The next thing that happens, or [`Happening::Due`] at `at`.
    pub async fn next(&mut self, at: Option<Moment>) -> Happening {
        loop {
            if let Some(event) = self.line.poll() {
                return Happening::Sip(event);
            }
            if let Some(event) = self.desk.poll().or_else(|| self.heard.pop()) {
                return Happening::Media(event);
            }
            if at.is_some_and(|at| at <= self.line.clock.now()) {
                return Happening::Due;
            }
            tokio::select! {
                () = self.line.wait(at) => {}
                Some(mut events) = self.media.recv() => {
                    events.reverse();
                    self.heard = events;
                }
            }
        }
    }

    /// Lets the last messages be answered, then ends sound; files are whole afterwards.
    pub async fn close(mut self) {
        self.line.close().await;
        self.desk.stop();
    }
}

fn sip_settings(listen: Vec<Listen>, server: SocketAddr, trunk: bool) -> Settings {
    let only_server = sip::Trunk::new("server", vec![server.ip().into()], None);
    Settings {
        listen,
        advertise: Vec::new(),
        realm: "phone".into(),
        trunks: if trunk { vec![only_server] } else { Vec::new() },
        seats: Default::default(),
        numbers: Default::default(),
        name_servers: Vec::new(),
        register_min: Duration::from_secs(60),
        register_max: Duration::from_secs(3600),
        nonce_lifetime: Duration::from_secs(300),
        flow_grace: Duration::ZERO,
        session_expires: Duration::ZERO,
        min_se: Duration::ZERO,
        redirects: Vec::new(),
        max_calls: 4,
        guard: None,
        dscp: 24,
        timers: Timers::default(),
    }
}

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

/// The address of ours from which the server is reached.
pub(super) fn own_address(server: SocketAddr) -> Result<IpAddr, String> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let reach = || -> std::io::Result<IpAddr> {
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect(server)?;
        Ok(socket.local_addr()?.ip())
    };
    reach().map_err(|e| format!("no way to {server}: {e}"))
}
