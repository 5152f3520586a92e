//! What the desk asks of a worker, and its end of the channel.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;

use super::capture::Capture;
use super::negotiation::Agreement;
use super::player::Player;
use super::recorder::Tap;
use super::silence::Patience;
use super::socket::Ground;
use super::srtp::sdes::Secrets;
use crate::ids::LegId;

/// What the desk asks of a worker.
pub enum Order {
    Open {
        leg: LegId,
        ground: Ground,
        patience: Patience,
    },
    /// It turns out to be another kind of leg.
    Move {
        leg: LegId,
        ground: Ground,
    },
    /// `secrets`: what packets are encrypted with.
    Agree {
        leg: LegId,
        agreement: Agreement,
        secrets: Option<Box<Secrets>>,
    },
    Play {
        leg: LegId,
        player: Player,
    },
    Silence {
        leg: LegId,
    },
    Join {
        a: LegId,
        b: LegId,
    },
    Mix {
        legs: Vec<LegId>,
        hears: Vec<(LegId, LegId)>,
    },
    KeepKeys {
        leg: LegId,
    },
    Part {
        leg: LegId,
    },
    InfoKey {
        leg: LegId,
        key: char,
    },
    PressKeys {
        leg: LegId,
        keys: String,
    },
    Capture {
        leg: LegId,
        capture: Capture,
    },
    Record {
        leg: LegId,
        tap: Box<Tap>,
    },
    PauseRecording {
        leg: LegId,
        paused: bool,
    },
    StopRecording {
        leg: LegId,
    },
    Watch {
        leg: LegId,
    },
    Close {
        leg: LegId,
    },
}

/// The desk's end of a worker.
pub struct Handle {
    pub(super) orders: Option<SyncSender<Order>>,
    pub(super) wake: Arc<OwnedFd>,
    pub(super) thread: Option<JoinHandle<()>>,
    pub(super) unwoken: bool,
}

impl Handle {
    /// Queues an order; [`Handle::wake`] makes the worker look.
    pub fn order(&mut self, order: Order) {
        if let Some(orders) = &self.orders {
            // The worker never waits for us, so this cannot wait for ever.
            let _ = orders.send(order);
        }
        self.unwoken = true;
    }

    pub fn wake(&mut self) {
        if std::mem::take(&mut self.unwoken) {
            let _ = rustix::io::write(&*self.wake, &1_u64.to_ne_bytes());
        }
    }

    pub fn stop(mut self) {
        self.orders = None;
        self.unwoken = true;
        self.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
