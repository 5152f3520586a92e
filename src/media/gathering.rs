//! How long a worker waits for more packets before it looks at its sockets again. Pure.
//!
//! To be woken for a packet costs about as much as to pass it on. Where few talk that is so, and nobody waits for
//! anybody; where many do, half a millisecond brings several.

use std::time::Duration;

use crate::moment::Moment;

/// From one look to the next in a crowd: the most that a packet waits for others.
const GATHER: Duration = Duration::from_micros(500);
/// Packets are counted over so long.
const SPAN: Duration = Duration::from_millis(20);
/// So many in a span are a crowd, fifty talking to fifty: two or three come while they are gathered.
const CROWD: usize = 100;

pub struct Gathering {
    woken: Moment,
    counted_from: Moment,
    packets: usize,
    crowded: bool,
}

impl Gathering {
    pub fn new(now: Moment) -> Self {
        Self { woken: now, counted_from: now, packets: 0, crowded: false }
    }

    /// A look at the sockets found so many with packets.
    pub fn looked(&mut self, now: Moment, ready: usize) {
        self.woken = now;
        if now.since(self.counted_from) >= SPAN {
            self.crowded = self.packets >= CROWD;
            (self.counted_from, self.packets) = (now, 0);
        }
        self.packets += ready;
    }

    /// Until the next look: never beyond the tick, and nothing where what was found took that long.
    pub fn pause(&self, now: Moment, tick: Moment) -> Duration {
        if self.crowded { tick.min(self.woken + GATHER).since(now) } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Moment = Moment::from_micros(1_000_000);
    const TICK: Duration = Duration::from_millis(15);

    /// A tenth of a second with one packet every so many microseconds; the last look, and what it found.
    fn talk(gathering: &mut Gathering, from: Moment, every: u64) -> Moment {
        let mut look = from;
        for _ in 0..100_000 / every {
            look = look + Duration::from_micros(every);
            gathering.looked(look, 1);
        }
        look
    }

    #[test]
    fn packets_are_gathered_in_a_crowd_and_no_longer_than_it_lasts() {
        let mut gathering = Gathering::new(START);
        let last = talk(&mut gathering, START, 500);
        assert_eq!(gathering.pause(last, last + TICK), Duration::ZERO, "forty legs");
        let last = talk(&mut gathering, last, 100);
        assert_eq!(gathering.pause(last, last + TICK), GATHER, "two hundred");
        let last = talk(&mut gathering, last, 1000);
        assert_eq!(gathering.pause(last, last + TICK), Duration::ZERO, "twenty");
    }

    #[test]
    fn the_pause_ends_with_the_tick_and_is_none_for_who_is_behind() {
        let mut gathering = Gathering::new(START);
        let last = talk(&mut gathering, START, 100);
        let after = |micros| last + Duration::from_micros(micros);
        assert_eq!(gathering.pause(after(100), after(15_000)), Duration::from_micros(400));
        assert_eq!(gathering.pause(after(100), after(250)), Duration::from_micros(150));
        assert_eq!(gathering.pause(after(100), after(50)), Duration::ZERO);
        assert_eq!(gathering.pause(after(700), after(15_000)), Duration::ZERO);
    }
}
