//! A thread that owns legs: one epoll for all their sockets, one tick of 20 ms for all that play.
//!
//! A packet is sent on by the thread that received it; nothing here allocates, locks or touches a disk
//! for a packet.

#[cfg(test)]
mod key_tests;
mod obeying;
#[cfg(test)]
mod tests;

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
