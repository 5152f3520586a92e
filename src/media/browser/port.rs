//! The one UDP port of all browser legs, and which leg a datagram is for.
//!
//! A STUN request names the leg (its user fragment, RFC 8445 §7.2.2); everything else is known by where it comes from:
//! an address belongs to a leg once that leg's ICE agent has spoken with it, which it only does with whoever has
//! proved to know its password. Does not know what is inside datagrams, nor what becomes of them.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::task::{Poll, Waker};
use std::time::Duration;

use super::place::{Place, Request};
use crate::media::ports::marked;
use crate::media::worker::Clock;
use crate::moment::Moment;

/// Datagrams that wait for one leg: two seconds of sound.
const WAITING: usize = 100;
/// Addresses one leg may be spoken with from, the newest: a browser has a handful.
const ADDRESSES: usize = 16;
/// A larger datagram is nobody's sound.
const LARGEST: usize = 2048;
/// Datagrams taken before other tasks get their turn.
const BURST: usize = 64;
/// Addresses that one leg may be spoken with from while it has one name; its ICE agent keeps every one of them.
const ADDRESSES_IN_ALL: usize = 64;
/// An address is not taken from a leg whose browser was there so shortly before: it says so every 5 s or so.
const HELD: Duration = Duration::from_secs(15);
/// Half a second of a thousand legs.
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;

/// RFC 8489 §5.
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];
const USERNAME: u16 = 0x0006;
/// RFC 8445 §7.1.2: by this way the browser wants to speak.
const USE_CANDIDATE: u16 = 0x0025;
const STUN_HEADER: usize = 20;

pub struct Port {
    socket: UdpSocket,
    routes: RwLock<Routes>,
    clock: Arc<Clock>,
}

#[derive(Default)]
struct Routes {
    by_ufrag: HashMap<String, Arc<Inbox>>,
    by_address: HashMap<SocketAddr, Arc<Inbox>>,
}

/// What arrives for one leg.
pub struct Inbox {
    number: u64,
    waiting: Mutex<Waiting>,
    /// When the browser last proved that it wants to hear us, in µs; 0: never.
    consent: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    datagrams: VecDeque<(SocketAddr, Vec<u8>)>,
    waker: Option<Waker>,
    ufrags: Vec<String>,
    addresses: VecDeque<SocketAddr>,
    /// How many there have been since it was named.
    learnt: usize,
    place: Place,
}

impl Port {
    pub fn bind(listen: SocketAddr, dscp: u8, clock: Arc<Clock>) -> io::Result<Self> {
        let socket = marked(listen, dscp)?;
        let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER);
        Ok(Self { socket, routes: RwLock::default(), clock })
    }

    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// A leg's inbox, known by nothing yet.
    pub fn inbox(&self, number: u64) -> Arc<Inbox> {
        Arc::new(Inbox { number, waiting: Mutex::default(), consent: AtomicU64::new(0) })
    }

    /// From now on requests with this user fragment of ours are for this leg; those with an older one are nobody's.
    pub fn name(&self, inbox: &Arc<Inbox>, ufrag: &str) {
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        let mut waiting = inbox.waiting();
        (waiting.learnt, waiting.place) = (0, Place::default());
        let old = std::mem::replace(&mut waiting.ufrags, vec![ufrag.to_string()]);
        drop(waiting);
        for ufrag in old {
            routes.by_ufrag.remove(&ufrag);
        }
        routes.by_ufrag.insert(ufrag.to_string(), inbox.clone());
    }

    /// Nothing is for this leg any more.
    pub fn forget(&self, inbox: &Arc<Inbox>) {
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        let mut waiting = inbox.waiting();
        for ufrag in waiting.ufrags.drain(..) {
            routes.by_ufrag.remove(&ufrag);
        }
        for address in waiting.addresses.drain(..) {
            // Another leg may have it by now.
            if routes.by_address.get(&address).is_some_and(|owner| owner.number == inbox.number) {
                routes.by_address.remove(&address);
            }
        }
        waiting.datagrams.clear();
        if routes.by_ufrag.is_empty() {
            // Memory of a busy hour is given back.
            *routes = Routes::default();
        }
    }

    /// Takes datagrams for ever.
    pub async fn run(self: Arc<Self>) -> io::Result<()> {
        let watched = tokio::net::UdpSocket::from_std(self.socket.try_clone()?)?;
        let mut datagram = [0; LARGEST];
        loop {
            watched.readable().await?;
            for _ in 0..BURST {
                match watched.try_recv_from(&mut datagram) {
                    Ok((length, from)) => self.deliver(from, &datagram[..length]),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // Their port is closed: no reason to stop listening.
                    Err(_) => {}
                }
            }
            tokio::task::yield_now().await;
        }
    }

    fn deliver(&self, from: SocketAddr, datagram: &[u8]) {
        let request = requested(datagram);
        let (inbox, is_new) = {
            let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
            let there = routes.by_address.get(&from);
            let inbox = match &request {
                Some(request) => routes.by_ufrag.get(request.ufrag),
                None => there,
            };
            let Some(inbox) = inbox else { return };
            (inbox.clone(), there.is_none_or(|there| there.number != inbox.number))
        };
        let mut waiting = inbox.waiting();
        if is_new && waiting.learnt >= ADDRESSES_IN_ALL {
            return;
        }
        let from = match request {
            Some(request) => {
                waiting.place.asks((self.clock)(), from, &request);
                from
            }
            None if stun(datagram).is_some() => from,
            None => waiting.place.hears((self.clock)(), from),
        };
        // The oldest sound is worth least.
        if waiting.datagrams.len() == WAITING {
            waiting.datagrams.pop_front();
        }
        waiting.datagrams.push_back((from, datagram.to_vec()));
        let waker = waiting.waker.take();
        drop(waiting);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// What a leg's ICE agent and its connection send. A full buffer loses a packet, as networks do.
    pub fn send(&self, inbox: &Arc<Inbox>, to: SocketAddr, datagram: &[u8]) {
        let to = match stun(datagram) {
            Some(kind) => {
                if kind == BINDING_SUCCESS {
                    inbox.consent.store((self.clock)().as_micros().max(1), Ordering::Relaxed);
                    inbox.waiting().place.granted((self.clock)(), to, datagram);
                }
                self.learn(inbox, to);
                to
            }
            None => inbox.waiting().place.speaks((self.clock)(), to),
        };
        let _ = self.socket.send_to(datagram, to);
    }

    fn learn(&self, inbox: &Arc<Inbox>, address: SocketAddr) {
        let is_ours = |owner: &Arc<Inbox>| owner.number == inbox.number;
        {
            let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
            let owner = routes.by_address.get(&address);
            if owner.is_some_and(is_ours) {
                return;
            }
            inbox.waiting().learnt += 1;
            if owner.is_some_and(|owner| self.without_consent(owner).is_some_and(|without| without < HELD)) {
                return;
            }
        }
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        let mut waiting = inbox.waiting();
        // It is over: what it says last is no reason to be remembered.
        if waiting.ufrags.is_empty() {
            return;
        }
        routes.by_address.insert(address, inbox.clone());
        waiting.addresses.push_back(address);
        if waiting.addresses.len() > ADDRESSES
            && let Some(oldest) = waiting.addresses.pop_front()
            && oldest != address
            && routes.by_address.get(&oldest).is_some_and(is_ours)
        {
            routes.by_address.remove(&oldest);
        }
    }

    /// For how long the browser has not said that it wants to hear us; `None`: it never has.
    pub fn without_consent(&self, inbox: &Inbox) -> Option<Duration> {
        match inbox.consent.load(Ordering::Relaxed) {
            0 => None,
            at => Some((self.clock)().since(Moment::from_micros(at))),
        }
    }

    #[cfg(test)]
    pub fn routes(&self) -> (usize, usize) {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        (routes.by_ufrag.len(), routes.by_address.len())
    }
}

impl Inbox {
    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next datagram, or `waker` is woken when there is one.
    pub fn poll(&self, waker: &Waker) -> Poll<(SocketAddr, Vec<u8>)> {
        let mut waiting = self.waiting();
        match waiting.datagrams.pop_front() {
            Some(datagram) => Poll::Ready(datagram),
            None => {
                waiting.waker = Some(waker.clone());
                Poll::Pending
            }
        }
    }
}

/// The kind of a STUN message.
fn stun(datagram: &[u8]) -> Option<[u8; 2]> {
    let kind = *datagram.first_chunk()?;
    (datagram.len() >= STUN_HEADER && datagram[4..8] == MAGIC_COOKIE).then_some(kind)
}

/// A binding request.
fn requested(datagram: &[u8]) -> Option<Request<'_>> {
    if stun(datagram)? != BINDING_REQUEST {
        return None;
    }
    let (header, mut rest) = datagram.split_at(STUN_HEADER);
    let transaction = *header[8..].first_chunk()?;
    let (mut ufrag, mut nominates) = (None, false);
    while let Some([high, low, long, short]) = rest.first_chunk() {
        let length = usize::from(u16::from_be_bytes([*long, *short]));
        let value = rest.get(4..4 + length)?;
        match u16::from_be_bytes([*high, *low]) {
            USERNAME if ufrag.is_none() => ufrag = std::str::from_utf8(value).ok()?.split(':').next(),
            USE_CANDIDATE => nominates = true,
            _ => {}
        }
        rest = rest.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
    }
    Some(Request { ufrag: ufrag?, transaction, nominates })
}

/// What a binding request says, for the fuzzer: the length of its name, and whether it nominates.
#[cfg(test)]
pub(in crate::media) fn binding(datagram: &[u8]) -> Option<(usize, bool)> {
    requested(datagram).map(|request| (request.ufrag.len().min(20), request.nominates))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(username: &str) -> Vec<u8> {
        let mut datagram = vec![0, 1, 0, 0];
        datagram.extend(MAGIC_COOKIE);
        datagram.extend([7; 12]);
        datagram.extend([0x80, 0x22, 0, 3, b'a', b'b', b'c', 0]);
        datagram.extend([0, 6, 0, username.len() as u8]);
        datagram.extend(username.as_bytes());
        datagram.resize(datagram.len().next_multiple_of(4), 0);
        datagram
    }

    fn taken(inbox: &Inbox) -> Vec<u8> {
        let mut taken = Vec::new();
        while let Poll::Ready((_, datagram)) = inbox.poll(Waker::noop()) {
            taken.push(datagram[0]);
        }
        taken
    }

    #[test]
    fn a_leg_gets_what_names_it_and_what_comes_from_whom_it_spoke_with() {
        let port = Port::bind("127.0.0.1:0".parse().unwrap(), 0, Arc::new(|| Moment::from_micros(1))).unwrap();
        let (anna, boris) = (port.inbox(1), port.inbox(2));
        let from = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        port.name(&anna, "anna");
        port.name(&boris, "boris");
        port.deliver(from(9), &request("anna:them"));
        port.deliver(from(9), &request("nobody:them"));
        port.deliver(from(9), &[0x80; 20]);
        assert_eq!((taken(&anna), taken(&boris)), (vec![0], vec![]), "a stranger is heard");
        assert_eq!(port.without_consent(&anna), None);
        let mut success = request("anna:them");
        success[0] = 1;
        port.send(&anna, from(9), &success);
        assert!(port.without_consent(&anna).is_some());
        port.deliver(from(9), &[0x80; 20]);
        port.deliver(from(8), &[0x80; 20]);
        assert_eq!((taken(&anna), taken(&boris)), (vec![0x80], vec![]));
        port.send(&boris, from(9), &success);
        port.deliver(from(9), &[0x81; 20]);
        assert_eq!((taken(&anna), taken(&boris)), (vec![0x81], vec![]), "who pretends to be elsewhere takes it away");
        // A browser behind the same NAT gets the address of one that is gone.
        port.forget(&anna);
        port.send(&boris, from(9), &success);
        port.deliver(from(9), &[0x82; 20]);
        assert_eq!((taken(&anna), taken(&boris)), (vec![], vec![0x82]));
        port.name(&boris, "boris2");
        port.deliver(from(9), &request("boris:them"));
        port.deliver(from(9), &request("boris2:them"));
        assert_eq!(taken(&boris), [0], "an old name is nobody's");
        port.forget(&boris);
        assert_eq!(port.routes(), (0, 0));
        port.send(&boris, from(9), &success);
        assert_eq!(port.routes(), (0, 0), "what is over is remembered");
    }

    #[test]
    fn a_browser_that_moves_is_followed_when_it_has_proved_that_it_did() {
        let now = Arc::new(AtomicU64::new(1_000_000));
        let clock = now.clone();
        let clock = Arc::new(move || Moment::from_micros(clock.load(Ordering::Relaxed)));
        let port = Port::bind("127.0.0.1:0".parse().unwrap(), 0, clock).unwrap();
        let anna = port.inbox(1);
        port.name(&anna, "anna");
        let (here, there) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let at = |socket: &UdpSocket| socket.local_addr().unwrap();
        let last = |inbox: &Inbox| {
            let mut last = None;
            while let Poll::Ready((from, _)) = inbox.poll(Waker::noop()) {
                last = Some(from);
            }
            last
        };
        let hears = |socket: &UdpSocket| {
            socket.set_nonblocking(true).unwrap();
            let mut heard = [0; 100];
            std::iter::from_fn(|| socket.recv(&mut heard).ok().map(|_| heard[0])).filter(|first| *first == 0x80).count()
        };
        let answered = |request: &[u8]| [&[1, 1], &request[2..]].concat();
        let nominating = [&request("anna:them")[..], &[0, 0x25, 0, 0]].concat();
        port.deliver(at(&here), &request("anna:them"));
        port.send(&anna, at(&here), &answered(&request("anna:them")));
        port.send(&anna, at(&here), &[0x80; 20]);
        // Nobody has looked at that request yet.
        port.deliver(at(&there), &nominating);
        port.send(&anna, at(&here), &[0x80; 20]);
        assert_eq!((hears(&here), hears(&there)), (2, 0));
        port.send(&anna, at(&there), &answered(&nominating));
        port.send(&anna, at(&here), &[0x80; 20]);
        assert_eq!((hears(&here), hears(&there)), (0, 1));
        // To its connection it is where it was.
        port.deliver(at(&there), &[0x80; 20]);
        assert_eq!(last(&anna), Some(at(&here)));
        // Back it is believed when it is quiet there, for it does not know itself what a NAT does.
        for (passed, moved) in [(500_000, false), (1_500_000, true)] {
            now.fetch_add(passed, Ordering::Relaxed);
            port.deliver(at(&here), &request("anna:them"));
            port.send(&anna, at(&here), &answered(&request("anna:them")));
            port.send(&anna, at(&here), &[0x80; 20]);
            assert_eq!((hears(&here), hears(&there)), (usize::from(moved), usize::from(!moved)), "{passed}");
        }
        // When ICE begins anew, the connection says where.
        port.name(&anna, "anna2");
        port.send(&anna, at(&there), &[0x80; 20]);
        assert_eq!((hears(&here), hears(&there)), (0, 1));
    }

    #[test]
    fn an_agent_that_keeps_all_addresses_is_told_of_no_more_than_it_may_keep() {
        let port = Port::bind("127.0.0.1:0".parse().unwrap(), 0, Arc::new(|| Moment::from_micros(1))).unwrap();
        let inbox = port.inbox(1);
        port.name(&inbox, "anna");
        let success = [&[1, 1], &request("anna:them")[2..]].concat();
        let from = |n: u16| SocketAddr::from(([127, 0, 0, 1], n));
        let mut asked = 0;
        for n in 1..200 {
            port.deliver(from(n), &request("anna:them"));
            if !taken(&inbox).is_empty() {
                asked += 1;
                port.send(&inbox, from(n), &success);
            }
        }
        assert_eq!(asked, ADDRESSES_IN_ALL);
        port.deliver(from(64), &request("anna:them"));
        assert_eq!(taken(&inbox).len(), 1, "one that is known");
        port.name(&inbox, "anna2");
        port.deliver(from(500), &request("anna2:them"));
        assert_eq!(taken(&inbox).len(), 1, "ICE that began anew");
    }

    #[test]
    fn nothing_grows_without_a_bound() {
        let port = Port::bind("127.0.0.1:0".parse().unwrap(), 0, Arc::new(|| Moment::from_micros(1))).unwrap();
        let inbox = port.inbox(1);
        port.name(&inbox, "anna");
        for number in 1..200 {
            port.send(&inbox, SocketAddr::from(([127, 0, 0, 1], number)), &request("them:anna"));
            port.deliver(SocketAddr::from(([127, 0, 0, 1], number)), &[0x80; 20]);
        }
        assert_eq!(port.routes(), (1, ADDRESSES));
        assert_eq!(taken(&inbox).len(), WAITING);
    }

    #[test]
    fn whatever_a_datagram_is_nothing_breaks() {
        use rand::{Rng, SeedableRng};
        let mut rng = rand::rngs::StdRng::seed_from_u64(8489);
        for _ in 0..100_000 {
            let mut datagram = request("anna:them");
            for _ in 0..rng.random_range(1..4) {
                let at = rng.random_range(0..datagram.len());
                datagram[at] = rng.random();
                if rng.random_range(0..4) == 0 {
                    datagram.truncate(at.max(1));
                }
            }
            requested(&datagram);
        }
    }
}
