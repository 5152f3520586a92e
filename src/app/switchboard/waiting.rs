//! What the switchboard waits for.

use std::time::Duration;

use super::{Inlets, Order, Switchboard};
use crate::app::hooks::Replied;
use crate::app::outlook::Waits;
use crate::moment::Moment;
use crate::sip::transport::Arrival;
use crate::{media, sip};

/// Where many inputs come close behind each other they are taken once in so long, all of them: a waking costs as much as
/// an input does, and nobody waits for what the house says within it.
const GATHER: Duration = Duration::from_millis(36);
/// No more than so many are left to gather: what is said to them goes out at once as well, and whoever calls thousands of
/// times a second has little room to hear it.
const ENOUGH: u32 = 48;
/// Wakings less than [`CLOSE`] apart after which they are many: a lone call has fewer.
const MANY: u32 = 16;
const CLOSE: Duration = Duration::from_millis(50);
/// A count of less than this says nothing.
const COUNTED: Duration = Duration::from_millis(1);
/// Whoever calls waits for the opening of their record, and not for the next waking as well, where the disk is as fast as
/// this.
const COMMIT: Duration = Duration::from_millis(8);

pub(super) enum Woken {
    Network(Arrival),
    Media(Vec<media::Event>),
    Written,
    Outlook(Waits),
    Hook(Replied),
    Located(sip::Located),
    Order(Option<Order>),
    Timer,
}

/// How close behind each other inputs come.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When the switchboard woke last, and how many wakings in a row were close behind each other.
    woke: Moment,
    close: u32,
    /// When its last rest was over.
    rested: Moment,
    /// Inputs, and since when they are counted.
    inputs: u32,
    counted: Moment,
    /// Inputs of one [`GATHER`], as counted last.
    gathered: u32,
    /// More messages wait than were taken.
    pub behind: bool,
    /// Something was handed to a connection, which sends it in a task of its own.
    pub hands_over: bool,
}

impl Pace {
    /// Whether what comes is left to gather. A house that is behind does not rest.
    fn gathers(&self) -> bool {
        self.close >= MANY && !self.behind
    }

    /// How long a rest from now is: what the last inputs took is part of the time in which the next gather.
    fn rest(&self, now: Moment) -> Duration {
        let until_enough = GATHER * ENOUGH / self.gathered.max(ENOUGH);
        until_enough.saturating_sub(now.since(self.rested))
    }

    /// So many inputs were taken.
    pub fn took(&mut self, inputs: usize) {
        self.inputs = self.inputs.saturating_add(u32::try_from(inputs).unwrap_or(u32::MAX));
    }

    fn woke(&mut self, now: Moment) {
        self.close = if now.since(self.woke) < CLOSE { self.close.saturating_add(1) } else { 0 };
        self.woke = now;
        let since = now.since(self.counted);
        // Before the first rest it is known how many begin to come, unless it was counted just now.
        if since >= GATHER || (self.close == MANY && since >= COUNTED) {
            let gathered = u128::from(self.inputs) * GATHER.as_micros() / since.as_micros();
            self.gathered = u32::try_from(gathered).unwrap_or(u32::MAX);
            (self.counted, self.inputs) = (now, 0);
        }
    }
}

impl Switchboard {
    /// The next input. Sleeps when there is none. Where many came close behind each other it takes what is there, of every
    /// kind, and then rests for a while that nothing cuts short.
    pub(super) async fn wait(&mut self, inlets: &mut Inlets) -> Woken {
        let there = match self.pace.gathers() {
            true => tokio::select! {
                biased;
                woken = self.next(inlets) => Some(woken),
                () = std::future::ready(()) => None,
            },
            false => None,
        };
        let woken = match there {
            Some(woken) => woken,
            None => {
                self.store.hand_over();
                self.rest(inlets).await;
                self.next(inlets).await
            }
        };
        self.pace.woke(self.clock.now());
        woken
    }

    /// Connections and timers have their turn before a rest and after it, and where the house is too far behind to rest.
    async fn rest(&mut self, inlets: &mut Inlets) {
        if self.pace.gathers() {
            self.hand_to_connections().await;
            self.answer_those_written(inlets);
            self.hand_to_connections().await;
            std::thread::sleep(self.pace.rest(self.clock.now()));
            self.pace.rested = self.clock.now();
            tokio::task::yield_now().await;
        } else if self.pace.behind {
            tokio::task::yield_now().await;
        }
    }

    /// Whose openings are on the disk soon are answered before the rest.
    fn answer_those_written(&mut self, inlets: &mut Inlets) {
        let Some((last, ..)) = self.opening.back().filter(|_| self.store.takes()) else { return };
        let now = self.clock.now();
        self.store.wait_for_openings(*last, self.pace.rest(now).min(COMMIT));
        let mut written = inlets.written.borrow().calls;
        if written >= *last {
            // This is what it would be woken for. A commit that failed it is still to be woken for.
            written = inlets.written.borrow_and_update().calls;
        }
        self.tell_written(self.clock.now(), written);
        self.show();
        self.store.hand_over();
    }

    async fn hand_to_connections(&mut self) {
        if std::mem::take(&mut self.pace.hands_over) {
            tokio::task::yield_now().await;
        }
    }

    async fn next(&mut self, inlets: &mut Inlets) -> Woken {
        let timer = self.next_deadline().map(|at| self.clock.instant(at));
        tokio::select! {
            arrival = self.sockets.next() => Woken::Network(arrival),
            Some(events) = inlets.media.recv() => Woken::Media(events),
            Ok(()) = inlets.written.changed() => Woken::Written,
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A house whose wakings came so far behind each other.
    fn after(gaps: impl IntoIterator<Item = Duration>) -> Pace {
        let mut pace = Pace::default();
        let mut now = Moment::from_micros(1_000_000_000);
        pace.woke(now);
        for gap in gaps {
            now = now + gap;
            pace.woke(now);
        }
        pace
    }

    const APART: Duration = Duration::from_millis(50);

    #[test]
    fn a_lone_call_is_answered_at_once() {
        assert!(!after([]).gathers());
        assert!(!after(vec![GATHER; MANY as usize - 1]).gathers());
        assert!(!after(vec![APART; 1000]).gathers());
        let calls_now_and_then = (0..1000).map(|input| if input % 10 == 0 { APART } else { GATHER });
        assert!(!after(calls_now_and_then).gathers());
    }

    #[test]
    fn what_comes_close_behind_each_other_gathers_until_there_is_a_pause() {
        let busy = vec![GATHER; MANY as usize];
        assert!(after(busy.clone()).gathers());
        assert!(!after([busy, vec![APART]].concat()).gathers());
    }

    #[test]
    fn what_the_last_inputs_took_is_part_of_the_rest() {
        let mut pace = after(vec![GATHER; MANY as usize]);
        let now = pace.woke;
        pace.rested = now;
        assert_eq!(pace.rest(now), GATHER);
        assert_eq!(pace.rest(now + GATHER / 4), GATHER * 3 / 4);
        assert_eq!(pace.rest(now + 2 * GATHER), Duration::ZERO);
    }

    #[test]
    fn a_rest_ends_when_enough_will_have_come() {
        let mut pace = after(vec![GATHER; MANY as usize]);
        for (inputs, rest) in [(1, GATHER), (ENOUGH, GATHER), (4 * ENOUGH, GATHER / 4), (0, GATHER)] {
            // Some are taken before a count is due.
            let began = pace.woke;
            pace.took(inputs as usize);
            pace.woke(began + GATHER / 2);
            pace.took(inputs as usize);
            pace.woke(began + 2 * GATHER);
            pace.rested = pace.woke;
            assert_eq!(pace.rest(pace.woke), rest, "{inputs} in {GATHER:?}");
        }
    }

    #[test]
    fn the_first_rest_is_as_short_as_those_after_it_where_many_begin_to_call_at_once() {
        let mut pace = after([]);
        let mut now = pace.woke;
        for _ in 0..MANY {
            pace.took(1);
            now = now + GATHER / (4 * ENOUGH);
            pace.woke(now);
        }
        pace.rested = now;
        assert!(pace.gathers());
        assert_eq!(pace.rest(now), GATHER / 4);
    }

    /// RFC 3261 §17.2.1: an INVITE may come when a rest has just begun, and its 100 be due when another has.
    #[test]
    fn rests_leave_time_for_100() {
        assert!(sip::Timers::default().trying + 2 * GATHER < Duration::from_millis(200));
    }

    #[test]
    fn a_house_that_is_behind_does_not_rest() {
        let mut pace = after(vec![GATHER; 1000]);
        pace.behind = true;
        assert!(!pace.gathers());
    }
}
