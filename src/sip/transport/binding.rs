//! Sockets that listen.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, UdpSocket};

/// A second of retransmissions when the house is busy.
const UDP_BUFFER: usize = 4 * 1024 * 1024;
/// Connections that wait to be accepted.
pub(super) const BACKLOG: i32 = 1024;

fn socket(addr: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), kind, Some(protocol))?;
    if addr.is_ipv6() {
        // Both families can be listened on, each by its own listener.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Where it is not allowed, messages go unmarked.
pub(super) fn mark(socket: SockRef<'_>, addr: SocketAddr, dscp: u8) {
    let byte = u32::from(dscp) << 2;
    let _ = if addr.is_ipv4() { socket.set_tos_v4(byte) } else { socket.set_tclass_v6(byte) };
}

pub(super) fn bind_udp(addr: SocketAddr, dscp: u8) -> io::Result<UdpSocket> {
    let socket = socket(addr, Type::DGRAM, Protocol::UDP)?;
    mark(SockRef::from(&socket), addr, dscp);
    // As large as the system allows; a small one costs retransmissions, not calls.
    let _ = socket.set_recv_buffer_size(UDP_BUFFER);
    let _ = socket.set_send_buffer_size(UDP_BUFFER);
    socket.bind(&addr.into())?;
    UdpSocket::from_std(socket.into())
}

pub(super) fn bind_tcp(addr: SocketAddr, dscp: u8) -> io::Result<TcpListener> {
    let socket = socket(addr, Type::STREAM, Protocol::TCP)?;
    // Who is accepted here is marked alike.
    mark(SockRef::from(&socket), addr, dscp);
    // A restart must not wait for connections of the former process to be forgotten.
    socket.set_reuse_address(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// A datagram longer than any: it says nothing of the way it would have gone.
pub(super) fn does_not_fit(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::MSGSIZE.raw_os_error())
}
