//! Port pairs: RTP on the even one, RTCP on the next. A pair that was given back rests longest.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// Pairs tried for one leg: those that other programs hold are passed over.
const TRIES: usize = 64;
/// A socket's receive buffer: half a second of sound and to spare; the kernel counts overhead in it.
const RECEIVE_BUFFER: usize = 64 * 1024;

pub struct Ports {
    bind: IpAddr,
    free: VecDeque<u16>,
    /// Taken by second legs.
    seconds: BTreeSet<u16>,
    total: usize,
    reserve: usize,
    urgent: usize,
}

/// For whom a pair is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// The leg that a call begins with.
    First,
    /// One that is to be joined to another.
    Second,
    Emergency,
}

/// Two bound sockets.
pub struct Pair {
    pub port: u16,
    pub rtp: UdpSocket,
    pub rtcp: UdpSocket,
}

impl Ports {
    /// Of the range's pairs `reserve` are kept for second legs, and `urgent` more for emergencies.
    pub fn new(bind: IpAddr, range: &RangeInclusive<u16>, reserve: usize, urgent: usize) -> Self {
        let free: VecDeque<u16> = pairs(range).collect();
        Self { bind, total: free.len(), free, seconds: BTreeSet::new(), reserve, urgent }
    }

    pub fn set_reserve(&mut self, reserve: usize, urgent: usize) {
        (self.reserve, self.urgent) = (reserve, urgent);
    }

    pub fn in_use(&self) -> usize {
        self.total - self.free.len()
    }

    /// A free pair, marked with `dscp`; `None` if all are taken, or are kept for others.
    pub fn take(&mut self, whom: For, dscp: u8) -> Option<Pair> {
        let kept = match whom {
            For::First => (self.reserve + self.urgent).saturating_sub(self.seconds.len()).max(self.urgent),
            For::Second => self.urgent,
            For::Emergency => 0,
        };
        if self.free.len() <= kept {
            return None;
        }
        for _ in 0..TRIES.min(self.free.len()) {
            let port = self.free.pop_front()?;
            match open(self.bind, port, dscp) {
                Ok((rtp, rtcp)) => {
                    if whom == For::Second {
                        self.seconds.insert(port);
                    }
                    return Some(Pair { port, rtp, rtcp });
                }
                Err(error) => {
                    tracing::debug!(port, %error, "port pair passed over");
                    self.free.push_back(port);
                }
            }
        }
        None
    }

    pub fn give_back(&mut self, port: u16) {
        self.seconds.remove(&port);
        self.free.push_back(port);
    }
}

/// The even port of each pair of a range.
pub fn pairs(range: &RangeInclusive<u16>) -> impl ExactSizeIterator<Item = u16> {
    let first = range.start() + range.start() % 2;
    (first..*range.end()).step_by(2)
}

/// A socket with buffers of so many bytes, or as many as the system allows.
pub fn widen(socket: &UdpSocket, bytes: usize) {
    let socket = SockRef::from(socket);
    let _ = socket.set_recv_buffer_size(bytes);
    let _ = socket.set_send_buffer_size(bytes);
}

/// A socket that never blocks, marked so that networks may prefer sound; where that is not allowed, sound flows
/// unmarked.
pub fn marked(address: SocketAddr, dscp: u8) -> io::Result<UdpSocket> {
    let kind = Type::DGRAM.nonblocking().cloexec();
    let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::UDP))?;
    socket.bind(&address.into())?;
    if dscp != 0 {
        // In the upper six bits of the byte, RFC 2474 §3.
        let byte = u32::from(dscp) << 2;
        let _ = if address.is_ipv4() { socket.set_tos_v4(byte) } else { socket.set_tclass_v6(byte) };
    }
    Ok(socket.into())
}

fn open(ip: IpAddr, port: u16, dscp: u8) -> io::Result<(UdpSocket, UdpSocket)> {
    let rtcp_port = port.checked_add(1).ok_or(io::ErrorKind::AddrNotAvailable)?;
    let rtp = marked(SocketAddr::new(ip, port), dscp)?;
    let rtcp = marked(SocketAddr::new(ip, rtcp_port), dscp)?;
    let _ = SockRef::from(&rtp).set_recv_buffer_size(RECEIVE_BUFFER);
    Ok((rtp, rtcp))
}

/// Allows as many open files as the system lets us: each leg has two sockets. Returns the limit.
pub fn raise_file_limit() -> io::Result<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    }
    Ok(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX))
}
