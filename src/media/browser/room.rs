//! The browser room: the shared port, a certificate, and the tasks of all browsers' legs. But for the port, which is
//! taken at the start, it is opened for the first.

use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;

use rtc::crypto::{self, SignatureScheme};
use rtc::peer_connection::certificate::{CertificateParams, RTCCertificate};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use super::port::Port;
use super::session::{Ask, Session};
use crate::ids::LegId;
use crate::media::opus::conversion::Wish;
use crate::media::rtcp::Sender;
use crate::media::words::Browser;
use crate::media::worker::{Clock, Tell};

/// What may be asked of a leg before it was done: a call asks one thing at a time.
const ASKS: usize = 16;

/// What all sessions need.
pub struct Shared {
    pub port: Arc<Port>,
    pub certificate: RTCCertificate,
    /// Of the certificate: `sha-256 AB:CD:…`
    pub fingerprint: String,
    /// Where browsers are told to find us.
    pub address: SocketAddr,
    pub tell: Arc<Tell>,
    pub clock: Arc<Clock>,
}

pub struct Room {
    settings: Browser,
    port: Arc<Port>,
    threads: usize,
    tell: Arc<Tell>,
    clock: Arc<Clock>,
    open: Option<Open>,
    opened: u64,
}

struct Open {
    runtime: Option<Runtime>,
    shared: Arc<Shared>,
}

/// A session that was begun.
pub struct Begun {
    /// The leg's end of the pair.
    pub socket: UnixDatagram,
    pub asks: mpsc::Sender<Ask>,
    /// Of what the browser is sent.
    pub sender: Sender,
    /// Whether the leg wants Opus as it comes.
    pub opus: Arc<Wish>,
}

impl Room {
    /// Takes the port. `threads`: 0 for one per core.
    pub fn new(settings: Browser, dscp: u8, threads: usize, tell: Arc<Tell>, clock: Arc<Clock>) -> io::Result<Self> {
        let port = Arc::new(Port::bind(settings.listen, dscp, clock.clone())?);
        Ok(Self { settings, port, threads, tell, clock, open: None, opened: 0 })
    }

    /// Where it listens and what it tells is as it was when it was opened.
    pub fn set_settings(&mut self, settings: Browser) {
        self.settings = settings;
    }

    /// Begins a leg; `sender` is to be random.
    pub fn begin(&mut self, leg: LegId, sender: Sender) -> io::Result<Begun> {
        if self.open.is_none() {
            let (port, tell, clock) = (self.port.clone(), self.tell.clone(), self.clock.clone());
            self.open = Some(Open::new(&self.settings, port, self.threads, tell, clock)?);
        }
        let Some(Open { runtime: Some(runtime), shared }) = &self.open else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let (socket, other) = UnixDatagram::pair()?;
        socket.set_nonblocking(true)?;
        other.set_nonblocking(true)?;
        let _context = runtime.enter();
        let pair = tokio::net::UnixDatagram::from_std(other)?;
        let (asks, asked) = mpsc::channel(ASKS);
        self.opened += 1;
        let opus = Arc::new(Wish::default());
        let (number, shared) = (self.opened, shared.clone());
        let session = Session { leg, number, sender, shared, pair, asks: asked, opus: opus.clone() };
        runtime.spawn(session.run());
        Ok(Begun { socket, asks, sender, opus })
    }

    #[cfg(test)]
    pub fn tasks(&self) -> usize {
        self.open
            .as_ref()
            .and_then(|open| open.runtime.as_ref())
            .map_or(0, |runtime| runtime.metrics().num_alive_tasks())
    }
}

impl Open {
    fn new(
        settings: &Browser,
        port: Arc<Port>,
        threads: usize,
        tell: Arc<Tell>,
        clock: Arc<Clock>,
    ) -> io::Result<Self> {
        let local = port.local_addr()?;
        let address = SocketAddr::new(settings.advertise.unwrap_or(local.ip()), local.port());
        let certificate = certificate().map_err(io::Error::other)?;
        let (certificate, fingerprint) = certificate;
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        if threads > 0 {
            builder.worker_threads(threads);
        }
        let runtime = builder.thread_name("browser").enable_all().build()?;
        let shared = Arc::new(Shared { port: port.clone(), certificate, fingerprint, address, tell, clock });
        runtime.spawn(async move {
            if let Err(error) = port.run().await {
                tracing::error!(%error, "the port of the browsers cannot be read; they are not heard");
            }
        });
        tracing::info!(listen = %local, told = %address, "browsers' sound");
        Ok(Self { runtime: Some(runtime), shared })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Nobody waits here: it may be a task of another runtime that ends the desk.
            runtime.shutdown_background();
        }
    }
}

/// One for the life of the room: browsers take it by its fingerprint.
fn certificate() -> Result<(RTCCertificate, String), String> {
    let provider = crypto::default_provider().map_err(|error| error.to_string())?;
    let parameters = CertificateParams::new(vec!["hotline".to_string()]).map_err(|error| error.to_string())?;
    let scheme = SignatureScheme::EcdsaP256Sha256;
    let certificate =
        RTCCertificate::generate(provider.crypto(), scheme, parameters).map_err(|error| error.to_string())?;
    let fingerprints = certificate.get_fingerprints(provider.crypto()).map_err(|error| error.to_string())?;
    let fingerprint = fingerprints.first().ok_or("a certificate without a fingerprint")?;
    let text = format!("{} {}", fingerprint.algorithm, fingerprint.value.to_uppercase());
    Ok((certificate, text))
}
