//! One connection, over TCP or TLS, of theirs or of ours: a task that reads messages and writes what is queued. WebSockets are taken in here
//! as well, and carried beside it.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::Doors;
use super::binding::mark;
use super::websocket::{self, Origins};
use crate::peers;
use crate::sip::message::framing::{Frame, Framer};
use crate::sip::words::{ConnectionId, Flow, Transport};
use crate::tls::{Acceptor, Connector, Distrust, in_words};

/// Bytes that may wait to be written to a stranger, and to whoever was let in; a peer that lets more pile up does not read.
/// A carrier's burst, e.g. what stood still for some seconds, is answered at once.
const QUEUED_STRANGER: usize = 512 * 1024;
const QUEUED: usize = 4 * 1024 * 1024;
/// What a message costs that waits, beside its bytes.
const WAITS: usize = 128;
/// A peer that does not take a message within this does not read either.
pub(super) const WRITE: Duration = Duration::from_secs(10);
/// Whoever connects has something to say: handshakes are over within this, and then the first message is whole.
pub(super) const FIRST: Duration = Duration::from_secs(10);
/// A stranger's connection that is idle for so long is closed.
pub(super) const STRANGER_IDLE: Duration = Duration::from_secs(30);
/// And whatever he says: a phone proves itself within seconds.
pub(super) const STRANGER_STAYS: Duration = Duration::from_secs(60);
/// Once somebody was let in over it, a connection over which nothing comes for so long is closed: registrations refresh at least hourly.
const IDLE: Duration = Duration::from_secs(65 * 60);
/// A message has to be whole within this.
const WHOLE: Duration = Duration::from_secs(60);
/// What came whole is answered within this: so long a connection stays for its last message where its other end has
/// nothing more to say, or says what cannot be read.
const ANSWERS: Duration = Duration::from_millis(500);
/// Over a connection of ours a sign of life goes so often, before anything between forgets it (RFC 5626 §4.4.1); who
/// has answered one answers every other in time, or is gone.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(100);
pub(super) const PONG: Duration = Duration::from_secs(10);
/// A connection of ours has to be there within this.
pub(super) const CONNECT: Duration = Duration::from_secs(5);
/// And within this where there is another way: a SYN that was lost is sent again after a second (RFC 6298 §2).
pub(super) const SOON: Duration = Duration::from_millis(1500);

/// What a connection's task tells.
#[derive(Debug)]
pub enum Happened {
    Message(Flow, Vec<u8>),
    Unsent(Flow),
    /// Whoever is at the other end has a certificate for these domains.
    Certified(ConnectionId, Vec<String>),
    /// Whoever was at the other end was let go for his certificate.
    Distrusted(SocketAddr, Distrust),
    Closed(ConnectionId),
}

/// Our end of a connection; dropping it closes the connection, also one that is stuck.
pub struct Line {
    remote: SocketAddr,
    queue: mpsc::UnboundedSender<Vec<u8>>,
    shared: Arc<Shared>,
    task: AbortHandle,
}

/// What a connection's task and its line both know.
#[derive(Default)]
pub(super) struct Shared {
    /// Bytes that wait to be written.
    queued: AtomicUsize,
    /// Somebody was let in over it.
    pub known: AtomicBool,
    /// Reads that brought something.
    heard: AtomicUsize,
    /// A ping of ours was answered once.
    pongs: AtomicBool,
    /// He seems to be elsewhere by now: as much as a stranger, until he is let in again.
    pub doubted: Notify,
}

impl Shared {
    pub fn is_known(&self) -> bool {
        self.known.load(Ordering::Relaxed)
    }

    /// A message of so many bytes waits no longer.
    pub fn is_written(&self, bytes: usize) {
        self.queued.fetch_sub(WAITS + bytes, Ordering::Relaxed);
    }
}

/// How those who connect are taken in.
#[derive(Clone)]
pub(super) enum Door {
    Tcp,
    Tls(Acceptor),
    Ws(Origins),
    Wss(Acceptor, Origins),
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Line {
    pub(super) fn new(
        remote: SocketAddr,
        queue: mpsc::UnboundedSender<Vec<u8>>,
        shared: Arc<Shared>,
        task: AbortHandle,
    ) -> Line {
        Line { remote, queue, shared, task }
    }

    pub fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// `false` if the queue is full or the connection gone: then it is of no more use.
    pub fn send(&self, bytes: Vec<u8>) -> bool {
        let length = WAITS + bytes.len();
        let most = if self.is_known() { QUEUED } else { QUEUED_STRANGER };
        let before = self.shared.queued.fetch_add(length, Ordering::Relaxed);
        before + length <= most && self.queue.send(bytes).is_ok()
    }

    /// Returns whether he was a stranger before.
    pub fn trust(&self) -> bool {
        !self.shared.known.swap(true, Ordering::Relaxed)
    }

    /// Returns whether he was known before.
    pub fn doubt(&self) -> bool {
        let was_known = self.shared.known.swap(false, Ordering::Relaxed);
        if was_known {
            self.shared.doubted.notify_one();
        }
        was_known
    }

    pub fn is_known(&self) -> bool {
        self.shared.is_known()
    }
}

impl Doors {
    /// `None`: it needs a certificate, and there is none.
    pub(super) fn of(&self, transport: Transport) -> Option<Door> {
        match transport {
            Transport::Udp | Transport::Tcp => Some(Door::Tcp),
            Transport::Tls => self.tls.clone().map(Door::Tls),
            Transport::Ws => Some(Door::Ws(self.origins.clone())),
            Transport::Wss => self.tls.clone().map(|tls| Door::Wss(tls, self.origins.clone())),
        }
    }
}

pub(super) fn accepted(
    id: ConnectionId,
    flow: Flow,
    stream: TcpStream,
    door: Door,
    tell: mpsc::Sender<Happened>,
) -> Line {
    let (queue, queued) = mpsc::unbounded_channel();
    let (remote, shared) = (flow.remote, Arc::new(Shared::default()));
    let of_task = shared.clone();
    let task = tokio::spawn(async move {
        enter(flow, stream, door, queued, &tell, &of_task).await;
        let _ = tell.send(Happened::Closed(id)).await;
    });
    Line::new(remote, queue, shared, task.abort_handle())
}

/// Shakes hands as the door wants it, then carries messages until either side closes.
async fn enter(
    flow: Flow,
    stream: TcpStream,
    door: Door,
    queued: mpsc::UnboundedReceiver<Vec<u8>>,
    tell: &mpsc::Sender<Happened>,
    shared: &Shared,
) {
    let _ = stream.set_nodelay(true);
    if let Err(error) = peers::watch(&stream) {
        debug!(remote = %flow.remote, %error, "not watched");
    }
    let secure = async |tls: &Acceptor, stream| in_time(flow, tls.accept(stream)).await.ok();
    match door {
        Door::Tcp => serve(flow, stream, queued, tell, shared, None).await,
        Door::Tls(tls) => {
            let (stream, domains) = match in_time(flow, tls.accept_asking(stream)).await {
                Ok(shaken) => shaken,
                Err(error) => {
                    if let Some(why) = Distrust::of(&error) {
                        let _ = tell.send(Happened::Distrusted(flow.remote, why)).await;
                    }
                    return;
                }
            };
            if let (false, Some(connection)) = (domains.is_empty(), flow.connection) {
                let _ = tell.send(Happened::Certified(connection, domains)).await;
            }
            serve(flow, stream, queued, tell, shared, None).await;
        }
        Door::Ws(origins) => {
            if let Ok(Some(socket)) = timeout(FIRST, websocket::shake_hands(stream, &origins)).await {
                websocket::carry(flow, socket, queued, tell, shared).await;
            }
        }
        Door::Wss(tls, origins) => {
            if let Some(stream) = secure(&tls, stream).await
                && let Ok(Some(socket)) = timeout(FIRST, websocket::shake_hands(stream, &origins)).await
            {
                websocket::carry(flow, socket, queued, tell, shared).await;
            }
        }
    }
}

/// A handshake that somebody else began.
async fn in_time<T>(flow: Flow, handshake: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let done = timeout(FIRST, handshake).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    done.inspect_err(|error| debug!(remote = %flow.remote, %error, "handshake"))
}

/// Where a connection of ours begins.
pub(super) struct Begins {
    pub local: Option<IpAddr>,
    pub dscp: u8,
    /// Who has to be there. `None`: it is not encrypted.
    pub peer: Option<Connector>,
    /// It has to be there within this.
    pub within: Duration,
}

/// Opens a connection; what is sent before it is there waits.
pub fn connect(id: ConnectionId, flow: Flow, begins: Begins, tell: mpsc::Sender<Happened>) -> Line {
    let (queue, mut queued) = mpsc::unbounded_channel();
    let (remote, shared) = (flow.remote, Arc::new(Shared::default()));
    shared.known.store(true, Ordering::Relaxed);
    let of_task = shared.clone();
    let task = tokio::spawn(async move {
        let (own, peer) = (Flow { connection: Some(id), ..flow }, begins.peer.clone());
        let opened = timeout(begins.within, async {
            let stream = open(remote, begins.local, begins.dscp).await?;
            match &peer {
                None => io::Result::Ok((Some(stream), None)),
                Some(peer) => Ok((None, Some(peer.connect(stream).await?))),
            }
        });
        let opened = opened.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let is_open = opened.is_ok();
        let fault = opened.as_ref().err().map(in_words);
        if let Some(peer) = peer.as_ref().filter(|peer| peer.is_news(fault.as_deref())) {
            let names = peer.peer().names.join(", ");
            match &fault {
                // What is wrong with a certificate is for people.
                Some(why) => warn!(%remote, why, "no connection over TLS to {names}"),
                None => debug!(%remote, "a connection over TLS to {names}"),
            }
        }
        match opened {
            Ok((Some(stream), _)) => serve(own, stream, queued, &tell, &of_task, Some(KEEP_ALIVE)).await,
            Ok((None, Some(stream))) => {
                // It has shown it to us.
                let domains = peer.iter().flat_map(|peer| peer.peer().names.clone()).collect();
                let _ = tell.send(Happened::Certified(id, domains)).await;
                serve(own, stream, queued, &tell, &of_task, Some(KEEP_ALIVE)).await;
            }
            Ok((None, None)) => {}
            Err(error) => {
                debug!(%remote, %error, "no connection");
                queued.close();
                while queued.recv().await.is_some() {
                    let _ = tell.send(Happened::Unsent(flow)).await;
                }
            }
        }
        // Whoever ends it without a word has not heard us either: nobody speaks SIP there.
        if is_open && of_task.heard.load(Ordering::Relaxed) == 0 {
            let _ = tell.send(Happened::Unsent(flow)).await;
        }
        let _ = tell.send(Happened::Closed(id)).await;
    });
    Line::new(remote, queue, shared, task.abort_handle())
}

async fn open(remote: SocketAddr, local: Option<IpAddr>, dscp: u8) -> io::Result<TcpStream> {
    let socket = if remote.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(local) = local.filter(|ip| !ip.is_unspecified() && ip.is_ipv4() == remote.is_ipv4()) {
        socket.bind(SocketAddr::new(local, 0))?;
    }
    mark(socket2::SockRef::from(&socket), remote, dscp);
    let stream = socket.connect(remote).await?;
    let _ = stream.set_nodelay(true);
    peers::watch(&stream)?;
    Ok(stream)
}

/// Until either side closes.
async fn serve(
    flow: Flow,
    stream: impl AsyncRead + AsyncWrite,
    queued: mpsc::UnboundedReceiver<Vec<u8>>,
    tell: &mpsc::Sender<Happened>,
    shared: &Shared,
    keep_alive: Option<Duration>,
) {
    let (reader, writer) = tokio::io::split(stream);
    // Answers to pings; one at a time is enough.
    let (ping, pings) = mpsc::channel(1);
    tokio::select! {
        result = read(flow, reader, tell, ping, shared, keep_alive.is_some()) => match result {
            // A carrier that does not want our certificate says so when hands have been shaken, RFC 8446 §4.4.2.4.
            Err(why) if keep_alive.is_some() && why.contains("fatal alert") => {
                warn!(remote = %flow.remote, why, "the other end gave up the connection over TLS");
            }
            result => debug!(remote = %flow.remote, ?result, "closed"),
        },
        result = write(writer, queued, pings, shared, keep_alive) => debug!(remote = %flow.remote, ?result, "closed"),
    }
}

async fn read(
    flow: Flow,
    mut reader: impl AsyncRead + Unpin,
    tell: &mpsc::Sender<Happened>,
    ping: mpsc::Sender<()>,
    shared: &Shared,
    asks: bool,
) -> Result<(), String> {
    let (mut framer, mut buffer) = (Framer::default(), vec![0; 8 * 1024]);
    let mut stranger = pin!(sleep(STRANGER_STAYS));
    let mut awaits = if shared.is_known() { Awaits::Anything } else { Awaits::First };
    let mut limit = pin!(sleep(awaits.limit()));
    let mut answered = pin!(sleep(Duration::ZERO));
    loop {
        let length = tokio::select! {
            // However much comes, time is up when it is up.
            biased;
            () = shared.doubted.notified() => {
                stranger.set(sleep(STRANGER_IDLE));
                continue;
            }
            () = &mut stranger, if !shared.is_known() => {
                // He may have been let in since this began to wait.
                if shared.is_known() {
                    continue;
                }
                return Err("a stranger who stays".into());
            }
            () = &mut limit => match awaits {
                Awaits::First => return Err("no message".into()),
                Awaits::Rest => return Err("a message did not become whole".into()),
                Awaits::Anything if shared.is_known() => {
                    awaits = Awaits::More;
                    limit.set(sleep(awaits.limit()));
                    continue;
                }
                Awaits::Anything | Awaits::More => return Err("idle".into()),
            },
            length = reader.read(&mut buffer) => length,
        };
        let length = match length {
            Ok(length @ 1..) => length,
            // Over TLS an end without a word is a fault, RFC 8446 §6.1. Where we connected there is another way at once.
            end => {
                let may_listen = end.as_ref().map_or_else(|error| error.kind() == ErrorKind::UnexpectedEof, |_| true);
                if may_listen && !asks {
                    answered.await;
                }
                return end.map(|_| ()).map_err(|error| error.to_string());
            }
        };
        shared.heard.fetch_add(1, Ordering::Relaxed);
        framer.push(&buffer[..length]);
        let mut whole = false;
        loop {
            let frame = match framer.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(fault) => {
                    answered.await;
                    return Err(fault.to_string());
                }
            };
            match frame {
                Frame::Message(bytes) => {
                    whole = true;
                    answered.set(sleep(ANSWERS));
                    tell.send(Happened::Message(flow, bytes)).await.map_err(|_| "the house is gone")?
                }
                Frame::Ping => drop(ping.try_send(())),
            }
        }
        if framer.take_pong(asks) && asks {
            shared.pongs.store(true, Ordering::Relaxed);
        }
        awaits = match (awaits, framer.is_empty()) {
            (Awaits::First, _) if !whole => continue,
            (Awaits::Rest, false) if !whole => continue,
            (_, true) => Awaits::Anything,
            (_, false) => Awaits::Rest,
        };
        limit.set(sleep(awaits.limit()));
    }
}

/// What a connection's next bytes are to bring, each with a limit of its own.
#[derive(Clone, Copy)]
enum Awaits {
    /// The first message.
    First,
    /// The rest of one.
    Rest,
    /// Whatever comes; a stranger's does not wait for long.
    Anything,
    /// Somebody was let in: the rest of [`IDLE`].
    More,
}

impl Awaits {
    fn limit(self) -> Duration {
        match self {
            Awaits::First => FIRST,
            Awaits::Rest => WHOLE,
            Awaits::Anything => STRANGER_IDLE,
            Awaits::More => IDLE - STRANGER_IDLE,
        }
    }
}

async fn write(
    mut writer: impl AsyncWrite + Unpin,
    mut queued: mpsc::UnboundedReceiver<Vec<u8>>,
    mut pings: mpsc::Receiver<()>,
    shared: &Shared,
    keep_alive: Option<Duration>,
) -> io::Result<()> {
    let mut ping = pin!(sleep(keep_alive.unwrap_or_default()));
    let mut pong = pin!(sleep(PONG));
    // What was heard before the ping that waits for its answer.
    let mut asked: Option<usize> = None;
    loop {
        tokio::select! {
            bytes = queued.recv() => match bytes {
                Some(bytes) => {
                    timeout(WRITE, write_all(&mut writer, &bytes)).await.map_err(|_| io::ErrorKind::TimedOut)??;
                    shared.is_written(bytes.len());
                }
                None => return Ok(()),
            },
            () = &mut ping, if keep_alive.is_some() => {
                timeout(WRITE, write_all(&mut writer, b"\r\n\r\n")).await.map_err(|_| io::ErrorKind::TimedOut)??;
                asked = Some(shared.heard.load(Ordering::Relaxed));
                ping.set(sleep(keep_alive.unwrap_or_default()));
                pong.set(sleep(PONG));
            }
            () = &mut pong, if asked.is_some() => {
                let is_silent = asked.take() == Some(shared.heard.load(Ordering::Relaxed));
                // Not everybody answers pings: RFC 5626 §4.4.1.
                if is_silent && shared.pongs.load(Ordering::Relaxed) {
                    return Err(io::ErrorKind::TimedOut.into());
                }
            }
            // RFC 5626 §3.5.1.
            Some(()) = pings.recv() => {
                timeout(WRITE, write_all(&mut writer, b"\r\n")).await.map_err(|_| io::ErrorKind::TimedOut)??;
            }
        }
    }
}

/// To the network: TLS keeps what is not flushed.
async fn write_all(writer: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    writer.write_all(bytes).await?;
    writer.flush().await
}
