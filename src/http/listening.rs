//! The listeners: who is at the other end, and one that speaks TLS: hands are shaken beside each other, so that nobody who is slow holds up the next.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tracing::debug;

use crate::tls::{Acceptor, TlsStream};

/// Connections that shake hands at once.
const SHAKING: usize = 256;
/// Whoever takes longer is gone.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two tries to accept, where files have run out.
const PAUSE: Duration = Duration::from_millis(200);

pub struct Encrypted {
    local: io::Result<SocketAddr>,
    ready: mpsc::Receiver<(TlsStream, SocketAddr)>,
}

impl Encrypted {
    pub fn new(listener: TcpListener, tls: Acceptor) -> Encrypted {
        let (done, ready) = mpsc::channel(SHAKING);
        let local = listener.local_addr();
        tokio::spawn(async move {
            loop {
                // A place is kept for each that shakes hands.
                let Ok(place) = done.clone().reserve_owned().await else { return };
                let (stream, remote) = match listener.accept().await {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        debug!(%error, "the pages' listener");
                        tokio::time::sleep(PAUSE).await;
                        continue;
                    }
                };
                let tls = tls.clone();
                tokio::spawn(async move {
                    match tokio::time::timeout(PATIENCE, tls.accept(stream)).await {
                        Ok(Ok(stream)) => drop(place.send((stream, remote))),
                        Ok(Err(error)) => debug!(%remote, %error, "no hands were shaken"),
                        Err(_) => debug!(%remote, "hands were shaken too slowly"),
                    }
                });
            }
        });
        Encrypted { local, ready }
    }
}

impl Listener for Encrypted {
    type Io = TlsStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TlsStream, SocketAddr) {
        match self.ready.recv().await {
            Some(ready) => ready,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.local.as_ref().copied().map_err(|error| io::Error::new(error.kind(), error.to_string()))
    }
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Remote(pub SocketAddr);

impl Connected<IncomingStream<'_, TcpListener>> for Remote {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Remote {
        Remote(*stream.remote_addr())
    }
}

impl Connected<IncomingStream<'_, Encrypted>> for Remote {
    fn connect_info(stream: IncomingStream<'_, Encrypted>) -> Remote {
        Remote(*stream.remote_addr())
    }
}
