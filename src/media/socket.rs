//! Where a leg's packets come from and go to: a UDP socket, or the browser room by one end of a pair of sockets, which
//! has no port and knows no strangers.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;

use super::opus::conversion::Wish;
use super::rtcp::Sender;

/// What a leg stands on.
pub struct Ground {
    pub rtp: Socket,
    /// The room's end takes RTCP beside RTP.
    pub rtcp: Option<Socket>,
    /// The port of the pair, to be given back.
    pub port: Option<u16>,
    /// Who sends, where somebody else has told it already.
    pub sender: Option<Sender>,
    /// The room's: in what form Opus is taken.
    pub opus: Option<Arc<Wish>>,
}

pub enum Socket {
    Udp(UdpSocket),
    /// What arrives is said to come from `named`.
    Room {
        pair: UnixDatagram,
        named: SocketAddr,
    },
}

impl Socket {
    pub fn recv_from(&self, packet: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        match self {
            Socket::Udp(socket) => socket.recv_from(packet),
            Socket::Room { pair, named } => pair.recv(packet).map(|length| (length, *named)),
        }
    }

    pub fn send(&self, packet: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Udp(socket) => socket.send(packet),
            Socket::Room { pair, .. } => pair.send(packet),
        }
    }

    pub fn send_to(&self, packet: &[u8], to: SocketAddr) -> io::Result<usize> {
        match self {
            Socket::Udp(socket) => socket.send_to(packet, to),
            Socket::Room { pair, .. } => pair.send(packet),
        }
    }

    /// From now on the kernel keeps everybody else out.
    pub fn connect(&self, to: SocketAddr) {
        if let Socket::Udp(socket) = self {
            let _ = socket.connect(to);
        }
    }

    /// The kernel lets everybody in again; a failure leaves it filtering, which is safe.
    pub fn disconnect(&self) {
        if let Socket::Udp(socket) = self {
            let _ = rustix::net::connect_unspec(socket);
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Socket::Udp(socket) => socket.as_fd(),
            Socket::Room { pair, .. } => pair.as_fd(),
        }
    }
}
