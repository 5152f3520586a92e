//! A thread that owns legs: one epoll for all their sockets, one tick of 20 ms for all that play.
//!
//! A packet is sent on by the thread that received it; nothing here allocates, locks or touches a disk
//! for a packet.

#[cfg(test)]
mod key_tests;
mod obeying;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::{Receiver, Sender, sync_channel};
use std::time::Duration;

use rand::rngs::StdRng;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};

use crate::ids::LegId;
use crate::media::ear;
use crate::media::leg::{Found, Heard, Leg, What};
use crate::media::mixing::{self, Mixes};
use crate::media::opus::conversion::Form;
use crate::media::orders::{Handle, Order};
use crate::media::recorder::Channel;
use crate::media::socket::Ground;
use crate::media::words::{Codec, Event};
use crate::moment::Moment;

const TICK: Duration = Duration::from_millis(20);
/// After a stall so many ticks are made up for, the newest; older sound is worth nothing.
const MAKE_UP: u32 = 5;
/// Ticks after which every leg was looked after once.
const ROUND: usize = 50;
/// Sockets told of at once.
const READY: usize = 512;
/// Orders that may wait.
const ORDERS: usize = 65_536;
/// Events kept while the switchboard does not take them: a second of everybody pressing keys.
const KEPT_EVENTS: usize = 100_000;
const WAKE: u64 = u64::MAX;

/// Hands a batch of events to the switchboard; gives it back if that is not possible now.
pub type Tell = dyn Fn(Vec<Event>) -> Result<(), Vec<Event>> + Send + Sync;
pub type Clock = dyn Fn() -> Moment + Send + Sync;

/// What a worker is given at its start.
pub struct Start {
    pub number: usize,
    pub clock: Arc<Clock>,
    pub tell: Arc<Tell>,
    /// Ports whose sockets are closed.
    pub freed: Sender<u16>,
    pub rng: StdRng,
}

impl Start {
    fn give_back(&self, port: Option<u16>) {
        if let Some(port) = port {
            let _ = self.freed.send(port);
        }
    }
}

pub fn start(start: Start) -> io::Result<Handle> {
    let (orders, received) = sync_channel(ORDERS);
    let wake = Arc::new(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?);
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&poll, &*wake, EventData::new_u64(WAKE), EventFlags::IN)?;
    let name = format!("media-{}", start.number);
    let waiting = Arc::new(AtomicUsize::new(0));
    let worker = Worker::new(start, received, poll, wake.clone(), waiting.clone());
    let thread = std::thread::Builder::new().name(name).spawn(move || worker.run())?;
    Ok(Handle { orders: Some(orders), wake, thread: Some(thread), legs: 0, waiting, unwoken: false })
}

struct Worker {
    poll: OwnedFd,
    wake: Arc<OwnedFd>,
    orders: Receiver<Order>,
    /// How many of them were not taken yet, as the desk counts.
    waiting: Arc<AtomicUsize>,
    start: Start,
    slots: Vec<Option<Box<Leg>>>,
    vacant: Vec<usize>,
    index: HashMap<LegId, usize>,
    mixes: Mixes,
    /// Slots of legs that speak Opus; the next that is looked at is first.
    interpreted: VecDeque<usize>,
    next_tick: Moment,
    turn: usize,
    /// How long nothing was played in this second, because its ticks were too late.
    gap: Duration,
    events: Vec<Event>,
    kept: VecDeque<Event>,
}

impl Worker {
    fn new(
        start: Start,
        orders: Receiver<Order>,
        poll: OwnedFd,
        wake: Arc<OwnedFd>,
        waiting: Arc<AtomicUsize>,
    ) -> Self {
        let next_tick = (start.clock)() + TICK;
        Self {
            poll,
            wake,
            orders,
            waiting,
            start,
            slots: Vec::new(),
            vacant: Vec::new(),
            index: HashMap::new(),
            mixes: Mixes::default(),
            interpreted: VecDeque::new(),
            next_tick,
            turn: 0,
            gap: Duration::ZERO,
            events: Vec::new(),
            kept: VecDeque::new(),
        }
    }

    fn run(mut self) {
        let mut ready = Vec::with_capacity(READY);
        let mut packet = [0; 2048];
        loop {
            ready.clear();
            let timeout = self.timeout();
            match epoll::wait(&self.poll, rustix::buffer::spare_capacity(&mut ready), timeout.as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return tracing::error!(%error, "a media worker cannot wait; its calls are silent"),
            }
            let now = (self.start.clock)();
            if ready.iter().any(|event| event.data.u64() == WAKE) {
                let mut count = [0; 8];
                let _ = rustix::io::read(&*self.wake, &mut count);
            }
            // First: a packet that came after an order finds it done.
            if !self.take_orders(now) {
                break;
            }
            for socket in ready.iter().map(|event| event.data.u64()).filter(|socket| *socket != WAKE) {
                self.read(now, socket, &mut packet);
            }
            self.tick(now);
            self.convert(now);
            self.tell();
        }
    }

    /// Until the next tick; for ever without legs, and not at all while something waits to be converted.
    fn timeout(&self) -> Option<Timespec> {
        if self.interpreted.iter().any(|slot| self.waits(*slot) == Some(true)) {
            return Some(Timespec::default());
        }
        if self.index.is_empty() && self.kept.is_empty() {
            return None;
        }
        let left = self.next_tick.since((self.start.clock)());
        Some(Timespec { tv_sec: 0, tv_nsec: i64::from(left.subsec_nanos()) })
    }

    /// One packet: where more wait, the socket is ready at once again, and the others have had their turn. Asking for a
    /// second one would cost each packet a call for nothing.
    fn read(&mut self, now: Moment, socket: u64, packet: &mut [u8; 2048]) {
        let (slot, is_rtcp) = ((socket >> 1) as usize, socket & 1 == 1);
        let Some(leg) = self.slots.get_mut(slot).and_then(Option::as_mut) else { return };
        let Ground { rtp, rtcp, .. } = &leg.ground;
        let socket = if is_rtcp { rtcp.as_ref() } else { Some(rtp) };
        // Otherwise nothing is there, their port is closed, or a signal came: no reason to stop listening.
        let Some(Ok((length, from))) = socket.map(|socket| socket.recv_from(packet)) else { return };
        self.guarded(slot, |worker| {
            let packet = &mut packet[..length];
            if is_rtcp { worker.controlled(now, slot, from, packet) } else { worker.heard(now, slot, from, packet) }
        })
    }

    /// A fault of ours in one leg ends that leg's call, not the sound of every call on this thread.
    fn guarded(&mut self, slot: usize, act: impl FnOnce(&mut Self)) {
        if catch_unwind(AssertUnwindSafe(|| act(self))).is_ok() {
            return;
        }
        let Some(leg) = self.slots.get_mut(slot).and_then(Option::as_mut) else { return };
        leg.give_up();
        let id = leg.id;
        tracing::error!(leg = %id, "a fault in the sound of this leg; it is given up");
        self.part(id);
        self.events.push(Event::Dead { leg: id });
    }

    fn controlled(&mut self, now: Moment, slot: usize, from: SocketAddr, packet: &mut [u8]) {
        if let Some(leg) = self.slots[slot].as_mut() {
            leg.control(now, from, packet);
        }
    }

    fn heard(&mut self, now: Moment, slot: usize, from: SocketAddr, packet: &mut [u8]) {
        self.look_who_hears(slot);
        let Some(leg) = self.slots[slot].as_mut() else { return };
        let heard = leg.receive(now, from, packet);
        self.pass(now, slot, packet, heard);
        self.interpret(now, slot);
    }

    /// In what form a leg is heard, by the one that it is joined with.
    fn look_who_hears(&mut self, slot: usize) {
        let peer = self.slots[slot].as_ref().and_then(|leg| leg.joined);
        let peer = peer.and_then(|peer| self.slots.get(peer)?.as_ref());
        let (taken, decoded) = peer.map_or((Form::AsItIs, false), |peer| (peer.takes(), peer.wants_decoded()));
        let Some(leg) = self.slots[slot].as_mut() else { return };
        leg.wants_opus(taken);
        leg.wanted_decoded = decoded;
    }

    /// What became of Opus is heard.
    fn interpret(&mut self, now: Moment, slot: usize) {
        while let Some(leg) = self.slots[slot].as_mut()
            && let Some(mut frame) = leg.interpreted()
        {
            let payload = frame.payload();
            let heard = leg.hear(now, frame.header.clone(), &frame.packet, payload);
            self.pass(now, slot, &mut frame.packet, heard);
        }
        ear::deliver(now, &mut self.slots, slot, &mut self.events);
    }

    /// One packet is decoded or encoded, of the leg whose turn it is: those that are passed on wait for no more.
    fn convert(&mut self, now: Moment) {
        for _ in 0..self.interpreted.len() {
            let Some(slot) = self.interpreted.pop_front() else { return };
            let Some(waits) = self.waits(slot) else { continue };
            self.interpreted.push_back(slot);
            if waits {
                return self.guarded(slot, |worker| worker.convert_one(now, slot));
            }
        }
    }

    fn convert_one(&mut self, now: Moment, slot: usize) {
        self.look_who_hears(slot);
        let Some(came) = self.slots[slot].as_mut().and_then(|leg| leg.convert(now)) else { return };
        self.interpret(came, slot);
    }

    /// Whether something of the leg waits to be converted. `None`: it speaks no Opus.
    fn waits(&self, slot: usize) -> Option<bool> {
        self.slots.get(slot)?.as_ref()?.waits()
    }

    /// What a leg heard goes to the one it is joined with.
    fn pass(&mut self, now: Moment, slot: usize, packet: &mut [u8], heard: Heard) {
        let Some(leg) = self.slots[slot].as_ref() else { return };
        let id = leg.id;
        let key = match heard {
            Heard::Nothing => None,
            Heard::Key(key) => Some(key),
            Heard::Pressed(key) => {
                self.press_on_hearers(slot, key);
                Some(key)
            }
            Heard::Pass { header, payload, what, key } => {
                if let Some(peer) = leg.joined
                    && let Some(peer) = self.slots.get_mut(peer).and_then(Option::as_mut)
                {
                    if let (What::Sound(codec), Some(tap)) = (what, &mut peer.tap)
                        && codec != Codec::G722
                    {
                        let sound = &packet[payload.clone()];
                        tap.hear(Channel::Right, now, header.ssrc, header.timestamp, codec, sound);
                    }
                    if what == What::Key && !peer.takes_key_events() {
                        peer.press_keys(key.into_iter());
                    } else {
                        peer.pass_on(now, packet, payload, &header, what);
                    }
                }
                key
            }
        };
        if let Some(key) = key {
            self.events.push(Event::Key { leg: id, key });
        }
    }

    /// Every leg that plays gets its frame; a fiftieth of all legs are looked after. Of the ticks that are late the newest
    /// are made up for, each at the time when it was due, so that what is played keeps its place in time.
    fn tick(&mut self, now: Moment) {
        if self.next_tick > now {
            return;
        }
        let due = now.since(self.next_tick).as_micros() / TICK.as_micros() + 1;
        let missed = TICK * u32::try_from(due).unwrap_or(u32::MAX).saturating_sub(MAKE_UP);
        self.next_tick = self.next_tick + missed;
        let mut plays = false;
        while self.next_tick <= now {
            let at = self.next_tick;
            self.next_tick = at + TICK;
            self.turn = (self.turn + 1) % ROUND;
            if self.turn == 0 {
                self.tell_gap();
            }
            for slot in 0..self.slots.len() {
                let its_turn = slot % ROUND == self.turn;
                let is_playing = self.slots[slot].as_ref().is_some_and(|leg| leg.is_playing(at));
                plays |= is_playing;
                if is_playing || its_turn && self.slots[slot].is_some() {
                    self.guarded(slot, |worker| worker.tick_leg(now, at, slot, its_turn));
                }
            }
            self.mixes.listen(&mut self.slots);
            let mut number = 0;
            while let Some(slot) = self.mixes.member(number) {
                (number, plays) = (number + 1, true);
                self.guarded(slot, |worker| mixing::mix(at, &mut worker.slots, slot, &mut worker.events));
            }
        }
        self.gap += if plays { missed } else { Duration::ZERO };
    }

    /// Whoever runs the exchange learns why nothing was heard.
    fn tell_gap(&mut self) {
        let gap = std::mem::take(&mut self.gap);
        if !gap.is_zero() {
            tracing::warn!(gap_ms = gap.as_millis(), "what is played had a gap: this machine was busy elsewhere");
        }
    }

    fn tick_leg(&mut self, now: Moment, at: Moment, slot: usize, its_turn: bool) {
        let peer = self.slots[slot].as_ref().and_then(|leg| leg.joined).filter(|_| its_turn);
        let peer = peer.and_then(|peer| self.slots.get(peer)?.as_ref());
        let answered = peer.is_some_and(|peer| peer.silence.speaks(now));
        let Some(leg) = self.slots[slot].as_mut() else { return };
        if leg.is_playing(at) {
            leg.tick(at).tell(leg.id, &mut self.events);
        }
        if its_turn {
            let Found { dead, one_way } = leg.look_after(now, answered, &mut self.start.rng);
            self.events.extend(dead.then_some(Event::Dead { leg: leg.id }));
            self.events.extend(one_way.map(|what| Event::OneWay { leg: leg.id, what }));
            self.events.extend(leg.is_located().then_some(Event::Located { leg: leg.id }));
        }
    }

    fn tell(&mut self) {
        if self.events.is_empty() && self.kept.is_empty() {
            return;
        }
        let mut batch: Vec<Event> = self.kept.drain(..).collect();
        batch.append(&mut self.events);
        if let Err(back) = (self.start.tell)(batch) {
            let spare = back.len().saturating_sub(KEPT_EVENTS);
            if spare > 0 {
                tracing::error!(spare, "the switchboard does not take the media's events; the oldest are lost");
            }
            self.kept.extend(back.into_iter().skip(spare));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use rand::SeedableRng;

    use super::*;
    use crate::media::g711::FRAME;
    use crate::media::negotiation::{Local, Negotiation, Opus};
    use crate::media::player::Player;
    use crate::media::prompts::Clip;
    use crate::media::socket::Socket;

    pub const NOW: Moment = Moment::from_micros(1_000_000);

    /// One whose clock stands still, with so many legs.
    pub fn worker(legs: u64) -> Worker {
        let (_, received) = sync_channel(1);
        let (freed, _) = std::sync::mpsc::channel();
        let start =
            Start { number: 0, clock: Arc::new(|| NOW), tell: Arc::new(Err), freed, rng: StdRng::seed_from_u64(1) };
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC).unwrap());
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
        let mut worker = Worker::new(start, received, poll, wake, Arc::default());
        for id in 1..=legs {
            let socket = || Socket::Udp(std::net::UdpSocket::bind("127.0.0.1:0").unwrap());
            let ground = Ground { rtp: socket(), rtcp: Some(socket()), port: None, sender: None, opus: None };
            worker.open(NOW, LegId(id), ground);
        }
        worker
    }

    /// One speaks Opus, and the other A-law.
    fn agreed(worker: &mut Worker) -> [std::net::UdpSocket; 2] {
        let local = Local { address: [127, 0, 0, 1].into(), rtp_port: 9, session_id: 1 };
        let formats = ["96\r\na=rtpmap:96 opus/48000/2", "8"];
        [1, 2].map(|id| {
            let phone = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
            phone.set_nonblocking(true).unwrap();
            let mut negotiation = Negotiation::new(local, &[Codec::Pcma, Codec::Opus]);
            negotiation.may_speak_opus(Opus::AsListed);
            let (port, format) = (phone.local_addr().unwrap().port(), formats[id - 1]);
            let offer = format!("v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio {port} RTP/AVP {format}\r\n");
            let (_, agreement) = negotiation.take_offer(offer.as_bytes()).unwrap();
            worker.obey(NOW, Order::Agree { leg: LegId(id as u64), agreement, secrets: None });
            phone
        })
    }

    #[test]
    fn opus_is_converted_packet_by_packet_behind_all_that_passes_and_not_when_it_is_late() {
        let mut worker = worker(2);
        let [one, other] = agreed(&mut worker);
        worker.join(NOW, LegId(1), LegId(2));
        let from = one.local_addr().unwrap();
        let say = |worker: &mut Worker, number: u8| {
            // 20 ms of silence.
            let mut packet = [0x80, 96, 0, number, 0, 0, 3 * number, 0, 0, 0, 0, 5, 0xF8, 0xFF, 0xFE];
            worker.heard(NOW, 0, from, &mut packet);
        };
        let arrived = || std::iter::from_fn(|| other.recv(&mut [0; 2048]).ok()).count();
        (1..=3).for_each(|number| say(&mut worker, number));
        assert_eq!((arrived(), worker.timeout()), (0, Some(Timespec::default())), "it waits, and the worker does not");
        for _ in 0..3 {
            worker.convert(NOW);
            assert_eq!(arrived(), 1);
        }
        say(&mut worker, 4);
        worker.convert(NOW + Duration::from_secs(1));
        assert_eq!(arrived(), 0, "worth nothing any more");
        assert_ne!(worker.timeout(), Some(Timespec::default()));
    }

    #[test]
    fn after_a_stall_the_newest_ticks_are_made_up_for_in_their_places_and_the_gap_is_told() {
        let mut worker = worker(2);
        let [_, phone] = agreed(&mut worker);
        let music = Arc::new(Clip::of_samples(&[100; FRAME]));
        worker.obey(NOW, Order::Play { leg: LegId(2), player: Player::new(1, VecDeque::new(), Some(music)) });
        let heard = || {
            let mut packet = [0; 2048];
            let timestamps = std::iter::from_fn(|| {
                phone.recv(&mut packet).ok()?;
                Some(u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]))
            });
            timestamps.collect::<Vec<_>>()
        };
        let mut frames = Vec::new();
        for (ticked_ms, gap_ms) in [(20, 0), (120, 0), (390, 160), (400, 160)] {
            worker.tick(NOW + Duration::from_millis(ticked_ms));
            frames.extend(heard());
            assert_eq!(worker.gap, Duration::from_millis(gap_ms), "at {ticked_ms} ms");
        }
        let places: Vec<u32> = frames.iter().map(|at| at.wrapping_sub(frames[0]) / FRAME as u32).collect();
        assert_eq!(places, [0, 1, 2, 3, 4, 5, 14, 15, 16, 17, 18, 19]);
        worker.close(NOW, LegId(1));
        worker.close(NOW, LegId(2));
        assert_eq!(worker.gap, Duration::ZERO, "told");
    }

    #[test]
    fn what_waits_in_a_mix_is_heard_when_its_two_are_joined() {
        let mut worker = worker(2);
        let [one, other] = agreed(&mut worker);
        let (a, b) = (LegId(1), LegId(2));
        worker.obey(NOW, Order::Mix { legs: vec![a, b], hears: vec![(a, b), (b, a)] });
        for number in 0..2 {
            let mut packet = [0x55; 12 + FRAME];
            packet[..12].copy_from_slice(&[0x80, 8, 0, number, 0, 0, 0, 160 * number, 0, 0, 0, 7]);
            worker.heard(NOW, 1, other.local_addr().unwrap(), &mut packet);
        }
        worker.obey(NOW, Order::Join { a, b });
        (0..8).for_each(|_| worker.convert(NOW));
        // Two frames, behind those of silence with which the mix began to wait.
        assert_eq!(std::iter::from_fn(|| one.recv(&mut [0; 2048]).ok()).count(), 4);
    }

    #[test]
    fn orders_that_were_looked_at_are_not_counted_any_more() {
        let mut worker = worker(1);
        let waiting = worker.waiting.clone();
        waiting.store(7, Ordering::Relaxed);
        worker.take_orders(NOW);
        assert_eq!(waiting.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_fault_in_one_leg_ends_that_leg_alone() {
        let mut worker = worker(2);
        worker.join(NOW, LegId(1), LegId(2));
        worker.guarded(0, |_| panic!("a packet that nobody thought of"));
        assert!(matches!(worker.events[..], [Event::Dead { leg: LegId(1) }]), "{:?}", worker.events);
        assert_eq!(worker.slots[1].as_ref().unwrap().joined, None);
        worker.close(NOW, LegId(1));
        worker.close(NOW, LegId(2));
        let closed = |event: &&Event| matches!(event, Event::Closed { .. });
        assert_eq!(worker.events.iter().filter(closed).count(), 2);
    }
}
