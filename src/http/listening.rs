//! The listeners: who is at the other end, and how many may be there. Hands are shaken beside each other, so that nobody
//! who is slow holds up the next; whoever says nothing for long is gone.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Sleep;
use tracing::debug;

use super::tries::household;
use crate::tls::{Acceptor, TlsStream};

/// Connections at once: each of 1,000 people has about four. They are descriptors, which calls need too.
const CONNECTIONS: usize = 8_000;
/// Of one household: an office, or a proxy, has all its people behind one address; others get in beside it.
const OF_A_HOUSEHOLD: usize = 6_000;
/// Of those who shake hands for TLS, of one household.
const SHAKING: usize = 256;
/// Whoever takes longer for that is gone.
const SHAKING_PATIENCE: Duration = Duration::from_secs(10);
/// A connection on which nothing comes and nothing goes is closed. Event streams and phones say something more often.
const IDLE: Duration = Duration::from_secs(60);
/// Between two tries to accept, where files have run out.
const PAUSE: Duration = Duration::from_millis(200);

/// Who is in, over all listeners.
#[derive(Clone)]
pub struct Rooms {
    all: Arc<Semaphore>,
    households: Arc<Mutex<BTreeMap<IpAddr, Household>>>,
}

#[derive(Clone, Copy, Default)]
struct Household {
    connections: usize,
    /// Of these, so many shake hands.
    shaking: usize,
}

impl Default for Rooms {
    fn default() -> Rooms {
        Rooms { all: Arc::new(Semaphore::new(CONNECTIONS)), households: Arc::default() }
    }
}

impl Rooms {
    fn households(&self) -> MutexGuard<'_, BTreeMap<IpAddr, Household>> {
        self.households.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None`: there is no room for another.
    fn enter(&self, from: IpAddr, shaking: bool) -> Option<Place> {
        let permit = self.all.clone().try_acquire_owned().ok()?;
        let from = household(from);
        let mut households = self.households();
        let of = households.entry(from).or_default();
        if of.connections >= OF_A_HOUSEHOLD || (shaking && of.shaking >= SHAKING) {
            return None;
        }
        of.connections += 1;
        of.shaking += usize::from(shaking);
        Some(Place { rooms: self.clone(), from, shaking, _permit: permit })
    }
}

/// Given back when it is dropped.
struct Place {
    rooms: Rooms,
    from: IpAddr,
    shaking: bool,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    fn shaken(&mut self) {
        if std::mem::take(&mut self.shaking)
            && let Some(of) = self.rooms.households().get_mut(&self.from)
        {
            of.shaking -= 1;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shaken();
        let mut households = self.rooms.households();
        if let Some(of) = households.get_mut(&self.from) {
            of.connections -= 1;
            if of.connections == 0 {
                households.remove(&self.from);
            }
        }
    }
}

/// Connections that are ready to be served.
pub struct Listening {
    local: io::Result<SocketAddr>,
    ready: mpsc::Receiver<(Connection, SocketAddr)>,
}

impl Listening {
    /// With `tls` HTTPS is spoken.
    pub fn new(listener: TcpListener, tls: Option<Acceptor>, rooms: Rooms) -> Listening {
        let (done, ready) = mpsc::channel(SHAKING);
        let local = listener.local_addr();
        tokio::spawn(async move {
            while !done.is_closed() {
                let (stream, remote) = match listener.accept().await {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        debug!(%error, "the pages' listener");
                        tokio::time::sleep(PAUSE).await;
                        continue;
                    }
                };
                let Some(mut place) = rooms.enter(remote.ip(), tls.is_some()) else {
                    debug!(%remote, "no room for another connection");
                    continue;
                };
                let (tls, done) = (tls.clone(), done.clone());
                tokio::spawn(async move {
                    let Some(wire) = shake_hands(stream, remote, tls).await else { return };
                    place.shaken();
                    drop(done.send((Connection::new(wire, place), remote)).await);
                });
            }
        });
        Listening { local, ready }
    }
}

async fn shake_hands(stream: TcpStream, remote: SocketAddr, tls: Option<Acceptor>) -> Option<Wire> {
    let Some(tls) = tls else { return Some(Wire::Plain(stream)) };
    match tokio::time::timeout(SHAKING_PATIENCE, tls.accept(stream)).await {
        Ok(Ok(stream)) => Some(Wire::Encrypted(Box::new(stream))),
        Ok(Err(error)) => {
            debug!(%remote, %error, "no hands were shaken");
            None
        }
        Err(_) => {
            debug!(%remote, "hands were shaken too slowly");
            None
        }
    }
}

impl Listener for Listening {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        match self.ready.recv().await {
            Some(ready) => ready,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.local.as_ref().copied().map_err(|error| io::Error::new(error.kind(), error.to_string()))
    }
}

enum Wire {
    Plain(TcpStream),
    Encrypted(Box<TlsStream>),
}

/// One connection, in its place; closed when it is idle for too long.
pub struct Connection {
    wire: Wire,
    idle: Pin<Box<Sleep>>,
    _place: Place,
}

impl Connection {
    fn new(wire: Wire, place: Place) -> Connection {
        Connection { wire, idle: Box::pin(tokio::time::sleep(IDLE)), _place: place }
    }

    fn lives(&mut self) {
        self.idle.set(tokio::time::sleep(IDLE));
    }

    fn with_wire<T>(&mut self, work: impl FnOnce(Pin<&mut dyn Both>) -> T) -> T {
        match &mut self.wire {
            Wire::Plain(stream) => work(Pin::new(stream)),
            Wire::Encrypted(stream) => work(Pin::new(stream.as_mut())),
        }
    }
}

trait Both: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Both for T {}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(read) = self.with_wire(|wire| wire.poll_read(context, buffer)) {
            self.lives();
            return Poll::Ready(read);
        }
        ready!(self.idle.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = self.with_wire(|wire| wire.poll_write(context, bytes)) {
            self.lives();
            return Poll::Ready(written);
        }
        ready!(self.idle.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with_wire(|wire| wire.poll_flush(context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with_wire(|wire| wire.poll_shutdown(context))
    }
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Remote(pub SocketAddr);

impl Connected<IncomingStream<'_, Listening>> for Remote {
    fn connect_info(stream: IncomingStream<'_, Listening>) -> Remote {
        Remote(*stream.remote_addr())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_household_has_its_share_and_others_get_in_beside_it() {
        let rooms = Rooms::default();
        let from = |last: u8| IpAddr::from([192, 0, 2, last]);
        let mut shaking: Vec<Place> = (0..SHAKING).filter_map(|_| rooms.enter(from(1), true)).collect();
        assert_eq!(shaking.len(), SHAKING);
        assert!(rooms.enter(from(1), true).is_none(), "so many of one household shake hands");
        assert!(rooms.enter(from(2), true).is_some());
        shaking[0].shaken();
        shaking.extend(rooms.enter(from(1), true));
        let more: Vec<Place> = (0..OF_A_HOUSEHOLD).filter_map(|_| rooms.enter(from(1), false)).collect();
        assert_eq!(shaking.len() + more.len(), OF_A_HOUSEHOLD);
        assert!(rooms.enter(from(2), false).is_some());
        drop((shaking, more));
        assert!(rooms.households().is_empty());
        assert_eq!(rooms.all.available_permits(), CONNECTIONS);
    }
}
