//! What a worker is ordered to do with its legs.

use std::os::fd::AsFd;
use std::sync::atomic::Ordering;
use std::sync::mpsc::TryRecvError;

use rustix::event::epoll::{self, EventData, EventFlags};

use super::{TICK, Worker};
use crate::ids::LegId;
use crate::media::leg::Leg;
use crate::media::orders::Order;
use crate::media::socket::{Ground, Socket};
use crate::media::words::Event;
use crate::moment::Moment;

impl Worker {
    /// `false` when the desk is gone.
    pub(super) fn take_orders(&mut self, now: Moment) -> bool {
        self.waiting.store(0, Ordering::Relaxed);
        loop {
            match self.orders.try_recv() {
                Ok(order) => self.obey(now, order),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => {
                    let all: Vec<LegId> = self.index.keys().copied().collect();
                    all.into_iter().for_each(|leg| self.close(now, leg));
                    return false;
                }
            }
        }
    }

    pub(super) fn obey(&mut self, now: Moment, order: Order) {
        match order {
            Order::Open { leg, ground, patience } => {
                self.open(now, leg, ground);
                self.with(leg, |leg| leg.silence.patience = patience);
            }
            Order::Move { leg, ground } => self.move_to(leg, ground),
            Order::Agree { leg, agreement, secrets } => {
                self.with(leg, |leg| leg.agree(now, agreement, secrets.as_deref()));
                let slot = self.index.get(&leg).filter(|slot| self.waits(**slot).is_some());
                self.interpreted.extend(slot.filter(|slot| !self.interpreted.contains(slot)).copied());
            }
            Order::Play { leg, player } => self.with(leg, |leg| leg.player = Some(player)),
            Order::Silence { leg } => {
                self.part(leg);
                self.with(leg, |leg| leg.player = None);
            }
            Order::Join { a, b } => self.join(now, a, b),
            Order::Mix { legs, hears } => self.mix(&legs, &hears),
            Order::KeepKeys { leg } => self.with(leg, |leg| leg.keeps_keys = true),
            Order::PassKeys { leg, keys } => {
                if let Some(slot) = self.index.get(&leg).copied()
                    && self.slots[slot].as_ref().is_some_and(|leg| leg.keeps_keys)
                {
                    keys.chars().for_each(|key| self.press_on_hearers(slot, key));
                }
            }
            Order::HearKeys { leg } => self.with(leg, |leg| leg.hear_keys()),
            Order::Part { leg } => self.part(leg),
            Order::InfoKey { leg, key } => self.info_key(now, leg, key),
            Order::PressKeys { leg, keys } => self.with(leg, |leg| leg.press_keys(keys.chars())),
            Order::Capture { leg, capture } => self.with(leg, |leg| leg.capture = Some(capture)),
            Order::Leave { leg } => self.with(leg, Leg::leave),
            Order::Locate { leg } => self.with(leg, |leg| leg.locate = true),
            Order::HungUp { leg } => self.with(leg, Leg::hung_up),
            Order::Watch { leg } => self.with(leg, |leg| leg.silence.watch(now)),
            Order::Record { leg, tap } => self.with(leg, |leg| leg.tap = Some(tap)),
            Order::PauseRecording { leg, paused } => {
                self.with(leg, |leg| leg.tap.iter_mut().for_each(|tap| tap.paused = paused));
            }
            Order::StopRecording { leg } => self.with(leg, |leg| leg.tap = None),
            Order::Close { leg } => self.close(now, leg),
        }
    }

    fn info_key(&mut self, now: Moment, id: LegId, key: char) {
        let Some(slot) = self.index.get(&id).copied() else { return };
        let Some(leg) = self.slots[slot].as_mut() else { return };
        let Some(key) = leg.info_key(now, key) else { return };
        if !leg.keeps_keys {
            self.press_on_hearers(slot, key);
        }
        self.events.push(Event::Key { leg: id, key });
    }

    /// Whoever hears this leg gets a key of its own from us.
    pub(super) fn press_on_hearers(&mut self, slot: usize, key: char) {
        let joined = self.slots[slot].as_ref().and_then(|leg| leg.joined);
        for hearer in self.mixes.hearers(&self.slots, slot).into_iter().chain(joined) {
            if let Some(hearer) = self.slots.get_mut(hearer).and_then(Option::as_mut) {
                hearer.press_keys(std::iter::once(key));
            }
        }
    }

    fn with(&mut self, leg: LegId, change: impl FnOnce(&mut Leg)) {
        if let Some(slot) = self.index.get(&leg)
            && let Some(leg) = self.slots[*slot].as_mut()
        {
            change(leg);
        }
    }

    pub(super) fn open(&mut self, now: Moment, id: LegId, ground: Ground) {
        if self.index.is_empty() {
            self.next_tick = now + TICK;
        }
        let slot = self.vacant.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.watch(slot, id, &ground);
        self.slots[slot] = Some(Box::new(Leg::new(id, ground, now, &mut self.start.rng)));
        self.index.insert(id, slot);
    }

    fn watch(&self, slot: usize, id: LegId, ground: &Ground) {
        let data = |is_rtcp: u64| EventData::new_u64((slot as u64) << 1 | is_rtcp);
        let add = |socket: &Socket, is_rtcp| epoll::add(&self.poll, socket.as_fd(), data(is_rtcp), EventFlags::IN);
        let watched = add(&ground.rtp, 0).and_then(|()| ground.rtcp.as_ref().map_or(Ok(()), |rtcp| add(rtcp, 1)));
        if let Err(error) = watched {
            tracing::error!(leg = %id, %error, "a leg's sockets cannot be watched: it hears nothing");
        }
    }

    fn move_to(&mut self, id: LegId, ground: Ground) {
        let Some(slot) = self.index.get(&id).copied() else { return };
        self.watch(slot, id, &ground);
        let Some(leg) = self.slots[slot].as_mut() else { return };
        let port = leg.move_to(ground).port;
        self.start.give_back(port);
    }

    pub(super) fn join(&mut self, now: Moment, a: LegId, b: LegId) {
        let slot = |leg: LegId| self.index.get(&leg).copied();
        let pair = slot(a).zip(slot(b));
        if let Some((a, b)) = pair {
            self.mixes.hand_over(now, &mut self.slots, [a, b]);
        }
        self.part(a);
        self.part(b);
        let Some((a, b)) = pair else { return };
        for (slot, peer) in [(a, b), (b, a)] {
            if let Some(leg) = self.slots[slot].as_mut() {
                leg.join(now, peer);
            }
        }
    }

    fn mix(&mut self, legs: &[LegId], hears: &[(LegId, LegId)]) {
        let slot = |leg: &LegId| self.index.get(leg).copied();
        let slots: Vec<usize> = legs.iter().filter_map(slot).collect();
        let pairs: Vec<(usize, usize)> =
            hears.iter().filter_map(|(ear, mouth)| Some((slot(ear)?, slot(mouth)?))).collect();
        for leg in legs {
            self.unjoin(*leg);
        }
        self.mixes.set(&mut self.slots, &slots, &pairs);
    }

    pub(super) fn part(&mut self, leg: LegId) {
        self.unjoin(leg);
        if let Some(slot) = self.index.get(&leg).copied() {
            self.mixes.leave(&mut self.slots, slot);
        }
    }

    fn unjoin(&mut self, leg: LegId) {
        let Some(slot) = self.index.get(&leg).copied() else { return };
        let peer = self.slots[slot].as_mut().and_then(|leg| leg.part());
        if let Some(peer) = peer.and_then(|peer| self.slots[peer].as_mut()) {
            peer.part();
        }
    }

    pub(super) fn close(&mut self, now: Moment, id: LegId) {
        self.part(id);
        let Some(slot) = self.index.remove(&id) else { return };
        let Some(leg) = self.slots[slot].take() else { return };
        self.vacant.push(slot);
        // Closing the sockets takes them out of the epoll.
        let (quality, port) = leg.close(now);
        self.start.give_back(port);
        self.events.push(Event::Closed { leg: id, quality });
        if self.index.is_empty() {
            // Memory of a busy hour is given back.
            (self.slots, self.vacant) = (Vec::new(), Vec::new());
            self.index.shrink_to_fit();
            self.tell_gap();
        }
    }
}
