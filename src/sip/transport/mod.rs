//! The socket shells: they carry bytes between the network and the endpoint, and know nothing of SIP but
//! where a message in a stream ends.
//!
//! UDP sockets are read by whoever asks for the next arrival: the kernel's buffer is the queue. Each connection is a
//! task, its queues are bounded.

mod binding;
mod connection;
mod crowd;
mod gate;
#[cfg(test)]
mod peer_tests;
#[cfg(test)]
mod tests;
mod vouched;
#[cfg(test)]
mod web_tests;
mod websocket;

use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::ReadBuf;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tracing::{debug, warn};

use super::words::{ConnectionId, Flow, Listen, ListenerId, Transmit, Transport};
use crate::peers::hint;
use crate::tls::{Acceptor, Connector, Distrust, Peer};
use binding::{BACKLOG, bind_tcp, bind_udp, does_not_fit};
use connection::{Begins, CONNECT, Door, Happened, Line, SOON};
use crowd::Crowd;
pub use gate::{Gate, Proof, Visitor};
use gate::{NEWCOMERS, Newcomer, Numbers};
use vouched::Vouched;
pub use websocket::{Duplex, Frame, Heard, MAX_FRAME, Origins};

/// Connections at once, and from one IPv4 address or IPv6 /64 (an office behind one address has all its seats
/// there).
const MAX_CONNECTIONS: usize = 10_000;
const MAX_PER_ADDRESS: usize = 1_000;
/// Of these so many may be over connections over which nobody was let in: strangers do not take the places of phones, and
/// those who have waited longest give way to who comes.
const MAX_STRANGERS: usize = MAX_CONNECTIONS / 2;
/// Messages of all connections that wait for the endpoint; beyond it connections are not read.
const ARRIVALS: usize = 4_096;
const MAX_DATAGRAM: usize = 65_535;
/// Faults of a datagram socket that are passed over before others have their turn.
const FAULTS: usize = 16;
/// After accept failed, e.g. because too many files are open.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {}:{addr}: {error}{}", transport.via_name().to_lowercase(), hint(error, "sip.listen"))]
pub struct BindFault {
    transport: Transport,
    addr: SocketAddr,
    error: io::Error,
}

/// What came from the network.
#[derive(Debug)]
pub enum Arrival {
    Bytes {
        flow: Flow,
        bytes: Vec<u8>,
    },
    /// A connection was handed in by the gate over which somebody has proved which seat is his.
    Proven {
        connection: ConnectionId,
        proof: Proof,
    },
    /// Whoever is at the other end has shown a certificate for these domains, in lower case.
    Certified {
        connection: ConnectionId,
        domains: Vec<String>,
    },
    /// Somebody showed a certificate for which nobody vouches, and was let go.
    Distrusted(SocketAddr, Distrust),
    Closed(ConnectionId),
    /// Something could not be sent this way.
    Unsent(Flow),
}

/// All sockets of signalling.
pub struct Sockets {
    addrs: Vec<SocketAddr>,
    udp: Vec<(ListenerId, UdpSocket)>,
    /// Whose turn it is to be read first.
    turn: usize,
    buffer: Vec<u8>,
    accepted: mpsc::Receiver<Accepted>,
    newcomers: mpsc::Receiver<Newcomer>,
    gate: Gate,
    doors: Doors,
    happened: mpsc::Receiver<Happened>,
    tell: mpsc::Sender<Happened>,
    lines: HashMap<ConnectionId, Line>,
    by_remote: HashMap<(Transport, SocketAddr), ConnectionId>,
    /// Who has to be where connections of ours go over TLS; nobody else is connected to over it.
    peers: HashMap<SocketAddr, Connector>,
    vouched: Vouched,
    crowd: Crowd,
    numbers: Numbers,
    /// Known at once, told with the next arrival.
    waiting: VecDeque<Arrival>,
}

/// Who connected to a listener, and how he is taken in.
struct Accepted {
    listener: ListenerId,
    transport: Transport,
    door: Door,
    stream: TcpStream,
    remote: SocketAddr,
}

/// What listeners and connections need.
#[derive(Clone, Default)]
pub struct Doors {
    /// `None`: there are no listeners over TLS.
    pub tls: Option<Acceptor>,
    pub origins: Origins,
    /// What is sent is marked so for networks, six bits (RFC 2474).
    pub dscp: u8,
}

impl Sockets {
    /// Binds every listener, or none.
    pub async fn bind(listen: &[Listen], doors: Doors) -> Result<Sockets, BindFault> {
        let (mut addrs, mut udp, mut tcp) = (Vec::new(), Vec::new(), Vec::new());
        for (index, Listen { transport, addr }) in listen.iter().copied().enumerate() {
            let fault = |error| BindFault { transport, addr, error };
            let bound = match transport {
                Transport::Udp => {
                    let socket = bind_udp(addr, doors.dscp).map_err(fault)?;
                    let bound = socket.local_addr();
                    udp.push((ListenerId(index), socket));
                    bound
                }
                Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
                    let door = doors.of(transport).ok_or_else(|| fault(io::Error::other("it has no certificate")))?;
                    let listener = bind_tcp(addr, doors.dscp).map_err(fault)?;
                    let bound = listener.local_addr();
                    tcp.push((ListenerId(index), transport, door, listener));
                    bound
                }
            };
            addrs.push(bound.map_err(fault)?);
        }
        let (hand_over, accepted) = mpsc::channel(BACKLOG as usize);
        for (id, transport, door, listener) in tcp {
            tokio::spawn(accept(id, transport, door, listener, hand_over.clone()));
        }
        let (tell, happened) = mpsc::channel(ARRIVALS);
        let (hand_in, newcomers) = mpsc::channel(NEWCOMERS);
        let numbers = Numbers::default();
        let gate = Gate { hand_over: hand_in, tell: tell.clone(), numbers: numbers.clone() };
        Ok(Sockets {
            addrs,
            udp,
            turn: 0,
            buffer: vec![0; MAX_DATAGRAM],
            accepted,
            newcomers,
            gate,
            doors,
            happened,
            tell,
            lines: HashMap::new(),
            by_remote: HashMap::new(),
            peers: HashMap::new(),
            vouched: Vouched::default(),
            crowd: Crowd::default(),
            numbers,
            waiting: VecDeque::new(),
        })
    }

    /// The bound addresses in order of the listeners, port 0 resolved.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.addrs.clone()
    }

    /// Where WebSockets are handed in that somebody else accepted.
    pub fn gate(&self) -> Gate {
        self.gate.clone()
    }

    /// What holds for those who connect from here on.
    pub fn doors(&self) -> &Doors {
        &self.doors
    }

    /// Who has to be where connections of ours go over TLS. One to somebody else is closed: the next has to be to whom is
    /// meant by now.
    pub fn set_peers(&mut self, peers: Vec<(SocketAddr, Peer)>) {
        let mut before = std::mem::take(&mut self.peers);
        for (addr, peer) in peers {
            // The first that is written, where two are.
            if self.peers.contains_key(&addr) {
                continue;
            }
            let known = before.remove(&addr).filter(|known| *known.peer() == peer);
            if let (None, Some(id)) = (&known, self.by_remote.get(&(Transport::Tls, addr)).copied()) {
                self.let_go(id);
            }
            self.peers.insert(addr, known.unwrap_or_else(|| Connector::new(peer)));
        }
        for addr in before.into_keys().filter(|addr| !self.peers.contains_key(addr)).collect::<Vec<_>>() {
            // Nobody is meant there any more: unless a talk goes on over it it ends soon.
            if let Some(id) = self.by_remote.get(&(Transport::Tls, addr)).copied() {
                self.doubt(id);
            }
        }
    }

    /// The next arrival. Can be cancelled without loss.
    pub async fn next(&mut self) -> Arrival {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    /// An arrival that is there already. Whoever asks knows when to let others have their turn: by the runtime's own count
    /// nothing would be there any more.
    pub fn try_next(&mut self) -> Option<Arrival> {
        let mut context = Context::from_waker(std::task::Waker::noop());
        let next = std::pin::pin!(tokio::task::unconstrained(std::future::poll_fn(|context| self.poll(context))));
        if let Poll::Ready(arrival) = next.poll(&mut context) { Some(arrival) } else { None }
    }

    /// Whether there is another, which is the next one then.
    pub fn has_more(&mut self) -> bool {
        self.try_next().map(|arrival| self.waiting.push_front(arrival)).is_some()
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Arrival> {
        while let Poll::Ready(Some(newcomer)) = self.newcomers.poll_recv(context) {
            self.take_in(newcomer);
        }
        while let Poll::Ready(Some(accepted)) = self.accepted.poll_recv(context) {
            self.accept(accepted);
        }
        // Last, as who is taken in may have let another go.
        if let Some(arrival) = self.waiting.pop_front() {
            return Poll::Ready(arrival);
        }
        // Datagrams and streams take turns, so that neither starves the other.
        self.turn = self.turn.wrapping_add(1);
        if self.turn.is_multiple_of(2)
            && let Poll::Ready(arrival) = self.poll_streams(context)
        {
            return Poll::Ready(arrival);
        }
        if let Poll::Ready(arrival) = self.poll_datagrams(context) {
            return Poll::Ready(arrival);
        }
        self.poll_streams(context)
    }

    fn poll_datagrams(&mut self, context: &mut Context<'_>) -> Poll<Arrival> {
        let count = self.udp.len();
        for step in 0..count {
            let (listener, socket) = &self.udp[(self.turn + step) % count];
            let mut faults = 0;
            loop {
                let mut buffer = ReadBuf::new(&mut self.buffer);
                match socket.poll_recv_from(context, &mut buffer) {
                    Poll::Pending => break,
                    Poll::Ready(Ok(remote)) => {
                        let flow = Flow { listener: *listener, transport: Transport::Udp, remote, connection: None };
                        return Poll::Ready(Arrival::Bytes { flow, bytes: buffer.filled().to_vec() });
                    }
                    // What an earlier datagram of ours met somewhere is no reason to stop listening.
                    Poll::Ready(Err(error)) => {
                        debug!(%error, "datagram");
                        faults += 1;
                        if faults == FAULTS {
                            context.waker().wake_by_ref();
                            break;
                        }
                    }
                }
            }
        }
        Poll::Pending
    }

    fn poll_streams(&mut self, context: &mut Context<'_>) -> Poll<Arrival> {
        loop {
            let Some(happened) = ready!(self.happened.poll_recv(context)) else { return Poll::Pending };
            match happened {
                // What was said over a connection that was given up since leads nowhere.
                Happened::Message(flow, _) if flow.connection.is_some_and(|id| !self.lines.contains_key(&id)) => {}
                Happened::Message(flow, bytes) => return Poll::Ready(Arrival::Bytes { flow, bytes }),
                Happened::Certified(connection, _) if !self.lines.contains_key(&connection) => {}
                Happened::Certified(id, domains) => {
                    if let Some(remote) = self.lines.get(&id).map(Line::remote)
                        && !self.peers.contains_key(&remote)
                    {
                        self.vouched.note(remote, &domains, self.doors.tls.as_ref());
                    }
                    return Poll::Ready(Arrival::Certified { connection: id, domains });
                }
                Happened::Distrusted(remote, why) => return Poll::Ready(Arrival::Distrusted(remote, why)),
                Happened::Unsent(flow) => return Poll::Ready(Arrival::Unsent(flow)),
                Happened::Closed(connection) => {
                    if self.forget(connection) {
                        return Poll::Ready(Arrival::Closed(connection));
                    }
                }
            }
        }
    }

    /// Sends, or tells with a later arrival that it could not. Never waits.
    pub fn send(&mut self, transmit: Transmit) {
        let Transmit { flow, bytes, known, hurried } = transmit;
        match flow.transport {
            Transport::Udp => {
                let Some((_, socket)) = self.udp.iter().find(|(listener, _)| *listener == flow.listener) else {
                    return self.waiting.push_back(Arrival::Unsent(flow));
                };
                // Past the runtime, which does not know a new socket for writable before it waited once.
                match socket2::SockRef::from(socket).send_to(&bytes, &flow.remote.into()) {
                    Ok(_) => {}
                    // As good as lost on the way: the transaction sends it again.
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        warn!(remote = %flow.remote, "the send buffer is full")
                    }
                    Err(error) if does_not_fit(&error) => debug!(remote = %flow.remote, "too long for a datagram"),
                    Err(error) => {
                        debug!(remote = %flow.remote, %error, "unsent");
                        self.waiting.push_back(Arrival::Unsent(flow));
                    }
                }
            }
            Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
                self.send_stream(flow, bytes, known, if hurried { SOON } else { CONNECT });
            }
        }
    }

    /// `within`: so long it waits for a connection that has to be opened.
    fn send_stream(&mut self, flow: Flow, bytes: Vec<u8>, known: bool, within: Duration) {
        let own = flow.connection.filter(|id| self.lines.contains_key(id));
        let can_connect = match flow.transport {
            Transport::Tls => self.peer_at(flow.remote).is_some(),
            transport => transport == Transport::Tcp,
        };
        // One over TLS that is open was opened to whom was meant; a trunk that is gone says goodbye over it.
        let open = own.or_else(|| self.by_remote.get(&(flow.transport, flow.remote)).copied());
        let id = match (open, flow.connection) {
            (Some(id), _) => id,
            (None, None) if can_connect => match self.connect(flow, within) {
                Some(id) => id,
                None => return self.waiting.push_back(Arrival::Unsent(flow)),
            },
            // To the port that a phone called from nobody listens: where else to go the endpoint knows.
            (None, before) => {
                if (flow.transport, before) == (Transport::Tls, None) {
                    warn!(remote = %flow.remote, "unsent over TLS: no connection is open, and whose certificate would be right there is not known");
                }
                return self.waiting.push_back(Arrival::Unsent(flow));
            }
        };
        let line = self.lines.get(&id);
        if line.is_some_and(|line| known && line.trust()) {
            self.crowd.known(id);
        }
        if !line.is_some_and(|line| line.send(bytes)) {
            // It does not read what we send: nothing that is queued will reach it in time.
            self.waiting.push_back(Arrival::Unsent(flow));
            self.let_go(id);
        }
    }

    /// Ends a connection, with what is on its way over it.
    pub fn let_go(&mut self, connection: ConnectionId) {
        if self.forget(connection) {
            self.waiting.push_back(Arrival::Closed(connection));
        }
    }

    /// Its phone is elsewhere by now: unless it speaks again the connection ends soon.
    pub fn doubt(&mut self, connection: ConnectionId) {
        if self.lines.get(&connection).is_some_and(Line::doubt) {
            self.crowd.doubted(connection);
        }
    }

    /// Who has to be there, over TLS.
    fn peer_at(&self, remote: SocketAddr) -> Option<&Connector> {
        self.peers.get(&remote).or_else(|| self.vouched.at(remote))
    }

    fn connect(&mut self, flow: Flow, within: Duration) -> Option<ConnectionId> {
        if !self.make_room(flow.remote, true) {
            return None;
        }
        let id = self.numbers.next();
        let local = self.addrs.get(flow.listener.0).map(SocketAddr::ip);
        let peer = self.peer_at(flow.remote).filter(|_| flow.transport == Transport::Tls).cloned();
        let begins = Begins { local, dscp: self.doors.dscp, peer, within };
        let line = connection::connect(id, flow, begins, self.tell.clone());
        self.by_remote.insert((flow.transport, flow.remote), id);
        self.remember(id, flow.remote, line);
        Some(id)
    }

    /// Where strangers have taken all there is, whoever of them came first gives way: nobody who has something to say is
    /// kept out by those who have not.
    fn make_room(&mut self, remote: SocketAddr, proven: bool) -> bool {
        // Whoever has proved who he is may be behind a proxy with everybody else.
        if !proven && !self.crowd.lets_in(remote.ip()) {
            return false;
        }
        let is_crowded = !proven && self.crowd.strangers() >= MAX_STRANGERS;
        if (is_crowded || self.lines.len() >= MAX_CONNECTIONS)
            && let Some(stranger) = self.crowd.gives_way()
        {
            self.let_go(stranger);
        }
        self.lines.len() < MAX_CONNECTIONS
    }

    fn accept(&mut self, accepted: Accepted) {
        let Accepted { listener, transport, door, stream, remote } = accepted;
        if !self.make_room(remote, false) {
            return;
        }
        let id = self.numbers.next();
        let flow = Flow { listener, transport, remote, connection: Some(id) };
        let line = connection::accepted(id, flow, stream, door, self.tell.clone());
        if transport == Transport::Tcp {
            self.by_remote.insert((transport, remote), id);
        }
        self.remember(id, remote, line);
    }

    /// Whoever waits at the gate; he says nothing before he is welcome.
    fn take_in(&mut self, newcomer: Newcomer) {
        let Newcomer { id, remote, proof, line, welcome } = newcomer;
        if !self.make_room(remote, proof.is_some()) || welcome.send(()).is_err() {
            return;
        }
        if let Some(proof) = proof {
            line.trust();
            self.waiting.push_back(Arrival::Proven { connection: id, proof });
        }
        self.remember(id, remote, line);
    }

    fn remember(&mut self, id: ConnectionId, remote: SocketAddr, line: Line) {
        self.crowd.enters(id, remote.ip(), line.is_known());
        self.lines.insert(id, line);
    }

    /// Its task ends with it, whatever it is busy with. `false` if it was forgotten before.
    fn forget(&mut self, id: ConnectionId) -> bool {
        let Some(line) = self.lines.remove(&id) else { return false };
        let remote = line.remote();
        for transport in [Transport::Tcp, Transport::Tls] {
            if self.by_remote.get(&(transport, remote)) == Some(&id) {
                self.by_remote.remove(&(transport, remote));
            }
        }
        self.crowd.leaves(id, remote.ip());
        true
    }
}

async fn accept(
    id: ListenerId,
    transport: Transport,
    door: Door,
    listener: TcpListener,
    hand_over: mpsc::Sender<Accepted>,
) {
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => {
                let accepted = Accepted { listener: id, transport, door: door.clone(), stream, remote };
                if hand_over.send(accepted).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}
