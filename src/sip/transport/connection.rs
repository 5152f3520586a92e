//! One TCP connection: a task that reads messages and writes what is queued.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tracing::debug;

use crate::sip::message::framing::{Frame, Framer};
use crate::sip::words::{ConnectionId, Flow};

/// Messages that may wait to be written; a peer that lets more pile up does not read.
const QUEUED: usize = 256;
/// A connection over which nothing comes for so long is closed: registrations refresh at least hourly.
const IDLE: Duration = Duration::from_secs(65 * 60);
/// A message has to be whole within this.
const WHOLE: Duration = Duration::from_secs(60);
/// A connection of ours has to be there within this.
const CONNECT: Duration = Duration::from_secs(5);
/// What is queued when the house lets go has to be written within this.
const FLUSH: Duration = Duration::from_secs(2);

/// What a connection's task tells.
#[derive(Debug)]
pub enum Happened {
    Message(Flow, Vec<u8>),
    Unsent(Flow),
    Closed(ConnectionId),
}

/// Our end of a connection; dropping it closes the connection after what is queued was written.
pub struct Line {
    remote: SocketAddr,
    queue: mpsc::Sender<Vec<u8>>,
}

impl Line {
    pub fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// `false` if the queue is full or the connection gone.
    pub fn send(&self, bytes: Vec<u8>) -> bool {
        self.queue.try_send(bytes).is_ok()
    }
}

pub fn accepted(id: ConnectionId, flow: Flow, stream: TcpStream, tell: mpsc::Sender<Happened>) -> Line {
    let (queue, queued) = mpsc::channel(QUEUED);
    let remote = flow.remote;
    tokio::spawn(async move {
        serve(flow, stream, queued, &tell).await;
        let _ = tell.send(Happened::Closed(id)).await;
    });
    Line { remote, queue }
}

/// Opens a connection; what is sent before it is there waits.
pub fn connect(id: ConnectionId, flow: Flow, local: Option<IpAddr>, tell: mpsc::Sender<Happened>) -> Line {
    let (queue, mut queued) = mpsc::channel(QUEUED);
    let remote = flow.remote;
    tokio::spawn(async move {
        match timeout(CONNECT, open(remote, local)).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(stream) => serve(Flow { connection: Some(id), ..flow }, stream, queued, &tell).await,
            Err(error) => {
                debug!(%remote, %error, "no connection");
                queued.close();
                while queued.recv().await.is_some() {
                    let _ = tell.send(Happened::Unsent(flow)).await;
                }
            }
        }
        let _ = tell.send(Happened::Closed(id)).await;
    });
    Line { remote, queue }
}

async fn open(remote: SocketAddr, local: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = if remote.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(local) = local.filter(|ip| !ip.is_unspecified() && ip.is_ipv4() == remote.is_ipv4()) {
        socket.bind(SocketAddr::new(local, 0))?;
    }
    socket.connect(remote).await
}

/// Until either side closes.
async fn serve(flow: Flow, stream: TcpStream, queued: mpsc::Receiver<Vec<u8>>, tell: &mpsc::Sender<Happened>) {
    let _ = stream.set_nodelay(true);
    let (reader, writer) = stream.into_split();
    // Answers to pings; one at a time is enough.
    let (ping, pings) = mpsc::channel(1);
    tokio::select! {
        result = read(flow, reader, tell, ping) => debug!(remote = %flow.remote, ?result, "closed"),
        result = write(writer, queued, pings) => debug!(remote = %flow.remote, ?result, "closed"),
    }
}

async fn read(
    flow: Flow,
    mut reader: OwnedReadHalf,
    tell: &mpsc::Sender<Happened>,
    ping: mpsc::Sender<()>,
) -> Result<(), String> {
    let mut framer = Framer::default();
    let mut buffer = vec![0; 8 * 1024];
    let mut limit = pin!(sleep(IDLE));
    let mut partial = false;
    loop {
        let length = tokio::select! {
            length = reader.read(&mut buffer) => length.map_err(|error| error.to_string())?,
            () = &mut limit => return Err(if partial { "a message did not become whole" } else { "idle" }.into()),
        };
        if length == 0 {
            return Ok(());
        }
        framer.push(&buffer[..length]);
        let mut whole = false;
        while let Some(frame) = framer.next_frame().map_err(|fault| fault.to_string())? {
            whole = true;
            match frame {
                Frame::Message(bytes) => {
                    tell.send(Happened::Message(flow, bytes)).await.map_err(|_| "the house is gone")?
                }
                Frame::Ping => drop(ping.try_send(())),
            }
        }
        if whole || !partial {
            partial = !framer.is_empty();
            limit.set(sleep(if partial { WHOLE } else { IDLE }));
        }
    }
}

async fn write(
    mut writer: OwnedWriteHalf,
    mut queued: mpsc::Receiver<Vec<u8>>,
    mut pings: mpsc::Receiver<()>,
) -> io::Result<()> {
    loop {
        tokio::select! {
            bytes = queued.recv() => match bytes {
                Some(bytes) => writer.write_all(&bytes).await?,
                None => return timeout(FLUSH, writer.shutdown()).await.unwrap_or(Ok(())),
            },
            // RFC 5626 §3.5.1.
            Some(()) = pings.recv() => writer.write_all(b"\r\n").await?,
        }
    }
}
