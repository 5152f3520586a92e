//! What the switchboard waits for.

use std::task::Poll;
use std::time::Duration;

use super::{Inlets, Order, Switchboard};
use crate::app::hooks::Replied;
use crate::app::outlook::Waits;
use crate::sip::transport::Arrival;
use crate::{media, sip};

/// Where many inputs come close behind each other they are left to gather for so long: a waking costs as much as an
/// input does, and nobody waits for what the house says within it.
const GATHER: Duration = Duration::from_millis(4);
/// Wakings less than twice [`GATHER`] apart after which they are many: a lone call has fewer.
const MANY: u32 = 12;

pub(super) enum Woken {
    Network(Arrival),
    Media(Vec<media::Event>),
    Durable,
    Outlook(Waits),
    Hook(Replied),
    Located(sip::Located),
    Order(Option<Order>),
    Timer,
}

impl Switchboard {
    /// The next input. Sleeps when there is none; where many came close behind each other, for a while that nothing cuts
    /// short.
    pub(super) async fn wait(&mut self, inlets: &mut Inlets) -> Woken {
        if self.close >= MANY && !self.behind {
            // What goes over connections is sent, and what came over them is taken, before this thread sleeps.
            tokio::task::yield_now().await;
            let ready = {
                let mut next = std::pin::pin!(self.next(inlets));
                std::future::poll_fn(|context| Poll::Ready(next.as_mut().poll(context))).await
            };
            if let Poll::Ready(woken) = ready {
                return woken;
            }
            std::thread::sleep(GATHER);
        }
        let woken = self.next(inlets).await;
        let now = self.clock.now();
        self.close = if now.since(self.woke) < 2 * GATHER { self.close.saturating_add(1) } else { 0 };
        self.woke = now;
        woken
    }

    async fn next(&mut self, inlets: &mut Inlets) -> Woken {
        let timer = self.next_deadline().map(|at| self.clock.instant(at));
        tokio::select! {
            arrival = self.sockets.next() => Woken::Network(arrival),
            Some(events) = inlets.media.recv() => Woken::Media(events),
            Ok(()) = inlets.durable.changed() => Woken::Durable,
            order = inlets.orders.recv() => Woken::Order(order),
            Some(waits) = inlets.outlook.recv() => Woken::Outlook(waits),
            Some(replied) = inlets.hooks.recv() => Woken::Hook(replied),
            Some(located) = inlets.located.recv() => Woken::Located(located),
            () = sleep_until(timer) => Woken::Timer,
        }
    }
}

async fn sleep_until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
