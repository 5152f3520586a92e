//! What the `webrtc` crate needs of its surroundings: tasks and timers of tokio, and for each connection a socket that
//! is none, but a leg's part of the shared [`Port`].

use std::fmt;
use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, RecvMeta, Runtime, Transmit,
};

use super::port::{Inbox, Port};

type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One leg's part of the port; as a runtime it hands every socket that is asked for on to it.
#[derive(Clone)]
pub struct Line {
    pub port: Arc<Port>,
    pub inbox: Arc<Inbox>,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Line")
    }
}

impl Runtime for Line {
    fn spawn(&self, future: Later<'static, ()>) -> Box<dyn JoinHandle> {
        Box::new(Task(tokio::spawn(future)))
    }

    /// The socket was bound for its address alone, by which the connection knows its packets; nobody is told of it.
    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        Ok(Arc::new(Socket { named: socket.local_addr()?, line: self.clone() }))
    }

    fn wrap_tcp_listener(&self, _: std::net::TcpListener) -> io::Result<Arc<dyn AsyncTcpListener>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn connect_tcp<'a>(&'a self, _: SocketAddr) -> Later<'a, io::Result<Arc<dyn AsyncTcpStream>>> {
        Box::pin(std::future::ready(Err(io::ErrorKind::Unsupported.into())))
    }

    fn resolve_host<'a>(&'a self, _: &'a str) -> Later<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(std::future::ready(Err(io::ErrorKind::Unsupported.into())))
    }

    fn sleep(&self, duration: Duration) -> Later<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        Box::new(Interval(tokio::time::interval(period)))
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        tokio::runtime::Handle::current().block_on(future);
    }

    fn name(&self) -> &'static str {
        "hotline"
    }
}

struct Task(tokio::task::JoinHandle<()>);

impl JoinHandle for Task {
    fn detach(&self) {}

    fn abort(&self) {
        self.0.abort();
    }

    fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

struct Interval(tokio::time::Interval);

impl AsyncInterval for Interval {
    fn tick(&mut self) -> Later<'_, ()> {
        Box::pin(async move {
            self.0.tick().await;
        })
    }
}

#[derive(Debug)]
struct Socket {
    named: SocketAddr,
    line: Line,
}

impl AsyncUdpSocket for Socket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.named)
    }

    fn poll_send(&self, _: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        let Line { port, inbox } = &self.line;
        let step = transmit.segment_size.unwrap_or(transmit.contents.len()).max(1);
        for datagram in transmit.contents.chunks(step) {
            port.send(inbox, transmit.destination, datagram);
        }
        Poll::Ready(Ok(transmit.contents.len()))
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let (Some(room), Some(meta)) = (bufs.first_mut(), meta.first_mut()) else { return Poll::Ready(Ok(0)) };
        let Poll::Ready((from, datagram)) = self.line.inbox.poll(cx.waker()) else { return Poll::Pending };
        let length = datagram.len().min(room.len());
        room[..length].copy_from_slice(&datagram[..length]);
        *meta = RecvMeta::default();
        (meta.addr, meta.len, meta.stride) = (from, length, length.max(1));
        Poll::Ready(Ok(1))
    }
}
