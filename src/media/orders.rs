//! What the desk asks of a worker, and its end of the channel.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
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
    PassKeys {
        leg: LegId,
        keys: String,
    },
    HearKeys {
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
    HungUp {
        leg: LegId,
    },
    Capture {
        leg: LegId,
        capture: Capture,
    },
    Record {
        leg: LegId,
        tap: Box<Tap>,
    },
    /// It sends to another from now on.
    Leave {
        leg: LegId,
    },
    /// Whether its sound comes from where it says that it receives is to be told as soon as it does.
    Locate {
        leg: LegId,
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

/// Orders that are not all left for one tick: what they set off would come at once as well.
const MANY: usize = 8;

/// The desk's end of a worker.
pub struct Handle {
    pub(super) orders: Option<SyncSender<Order>>,
    pub(super) wake: Arc<OwnedFd>,
    pub(super) thread: Option<JoinHandle<()>>,
    /// Legs that it was given.
    pub(super) legs: usize,
    /// Orders that it did not take yet.
    pub(super) waiting: Arc<AtomicUsize>,
    pub(super) unwoken: bool,
}

impl Handle {
    /// Queues an order. A worker that has legs looks by itself, with each packet and each tick: [`Handle::wake`] rouses it
    /// for its first one, and for many orders, at the cost of a system call and a change of threads, many times that of an
    /// order.
    pub fn order(&mut self, order: Order) {
        match order {
            Order::Open { .. } => {
                self.unwoken |= self.legs == 0;
                self.legs += 1;
            }
            Order::Close { .. } => self.legs = self.legs.saturating_sub(1),
            _ => {}
        }
        self.unwoken |= (self.waiting.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(MANY);
        let Some(orders) = &self.orders else { return };
        if let Err(TrySendError::Full(order)) = orders.try_send(order) {
            // The worker never waits for us, so this cannot wait for ever.
            rouse(&self.wake);
            let _ = orders.send(order);
        }
    }

    pub fn wake(&mut self) {
        if std::mem::take(&mut self.unwoken) {
            rouse(&self.wake);
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

fn rouse(wake: &OwnedFd) {
    let _ = rustix::io::write(wake, &1_u64.to_ne_bytes());
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use rustix::event::{EventfdFlags, eventfd};

    use super::*;

    #[test]
    fn a_worker_with_legs_is_roused_for_many_orders_that_it_did_not_take_alone() {
        let (orders, received) = sync_channel(1_000);
        let (wake, waiting) = (Arc::new(eventfd(0, EventfdFlags::NONBLOCK).unwrap()), Arc::default());
        let mut handle = Handle { orders: Some(orders), wake, thread: None, legs: 1, waiting, unwoken: false };
        let mut order = |takes: bool| {
            handle.order(Order::Part { leg: LegId(1) });
            handle.wake();
            if takes {
                handle.waiting.store(0, Ordering::Relaxed);
            }
            rustix::io::read(&*handle.wake, &mut [0_u8; 8]).is_ok()
        };
        assert_eq!((1..MANY).filter(|number| order(*number == MANY - 1)).count(), 0, "few are left to it");
        assert_eq!((1..MANY).filter(|_| order(false)).count(), 0, "so are those that came after it looked");
        assert!(order(false), "it is roused for many");
        assert_eq!(received.try_iter().count(), 2 * MANY - 1);
    }
}
