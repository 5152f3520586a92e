//! The event stream: a ring of the latest events, numbered within an epoch, which is the life of the process. Nobody
//! has a queue of their own: whoever reads too slowly finds their place gone.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// Events that are kept: some minutes of a busy house.
pub const KEPT: usize = 16_384;
/// The same in bytes.
pub const KEPT_BYTES: usize = 32 * 1024 * 1024;

/// Something changed; `data` is the whole new state of its thing, as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub number: u64,
    pub at: Arc<str>,
    pub kind: &'static str,
    /// What it is about.
    pub id: Arc<str>,
    /// The operators whose it is.
    pub whose: Vec<Arc<str>>,
    pub data: Arc<str>,
    /// What the wall is told instead.
    pub wall: Option<Arc<str>>,
}

pub struct Stream {
    /// Different in each process.
    epoch: String,
    ring: Mutex<Ring>,
    latest: watch::Sender<u64>,
    kept: usize,
}

struct Ring {
    events: VecDeque<Event>,
    bytes: usize,
    /// Number of the last event; 0: there was none.
    last: u64,
}

/// Where a reader is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset(pub u64);

/// Their place is unknown, or its events are gone: they begin anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

impl Stream {
    pub fn new(epoch: String, kept: usize) -> Stream {
        let ring = Mutex::new(Ring { events: VecDeque::new(), bytes: 0, last: 0 });
        Stream { epoch, ring, latest: watch::Sender::new(0), kept }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Numbers the event and keeps it.
    pub fn push(&self, mut event: Event) -> u64 {
        let number = {
            let mut ring = self.ring();
            ring.last += 1;
            event.number = ring.last;
            ring.bytes += event.size();
            ring.events.push_back(event);
            while ring.events.len() > self.kept || ring.bytes > KEPT_BYTES {
                let Some(oldest) = ring.events.pop_front() else { break };
                ring.bytes -= oldest.size();
            }
            ring.last
        };
        self.latest.send_replace(number);
        number
    }

    /// The offset after the latest event.
    pub fn now(&self) -> Offset {
        Offset(self.ring().last)
    }

    /// As it is told: `epoch-number`.
    pub fn text(&self, offset: Offset) -> String {
        format!("{}-{}", self.epoch, offset.0)
    }

    /// Reads what was told.
    pub fn parse(&self, text: &str) -> Result<Offset, Gone> {
        let (epoch, number) = text.rsplit_once('-').ok_or(Gone)?;
        let number: u64 = number.parse().map_err(|_| Gone)?;
        let ring = self.ring();
        if epoch != self.epoch || number > ring.last {
            return Err(Gone);
        }
        ring.check(number)?;
        Ok(Offset(number))
    }

    /// Whether it can be an offset at all: one of another life of the process, or one that was told in this one.
    pub fn may_have_told(&self, text: &str) -> bool {
        let parts = text.rsplit_once('-').and_then(|(epoch, number)| Some((epoch, number.parse::<u64>().ok()?)));
        parts.is_some_and(|(epoch, number)| !epoch.is_empty() && (epoch != self.epoch || number <= self.ring().last))
    }

    /// The next events after a place, at most `most`.
    pub fn after(&self, offset: Offset, most: usize) -> Result<Vec<Event>, Gone> {
        let ring = self.ring();
        ring.check(offset.0)?;
        let first = ring.last - ring.events.len() as u64;
        let skip = usize::try_from(offset.0.saturating_sub(first)).unwrap_or(usize::MAX);
        Ok(ring.events.iter().skip(skip).take(most).cloned().collect())
    }

    /// Wakes when there are new events.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.latest.subscribe()
    }
}

impl Ring {
    /// The event after this one is still there, or not yet.
    fn check(&self, number: u64) -> Result<(), Gone> {
        let before_first = self.last - self.events.len() as u64;
        if number < before_first { Err(Gone) } else { Ok(()) }
    }
}

impl Event {
    fn size(&self) -> usize {
        self.data.len() + self.wall.as_ref().map_or(0, |wall| wall.len()) + self.id.len() + 128
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str) -> Event {
        let (at, id, data) = ("".into(), id.into(), "{}".into());
        Event { number: 0, at, kind: "call", id, whose: Vec::new(), data, wall: None }
    }

    fn ids(events: Result<Vec<Event>, Gone>) -> Result<String, Gone> {
        events.map(|events| events.iter().map(|event| event.id.to_string()).collect())
    }

    #[test]
    fn whoever_comes_back_goes_on_where_they_were() {
        let stream = Stream::new("e1".into(), 3);
        let start = stream.now();
        assert_eq!(stream.text(start), "e1-0");
        for id in ["a", "b", "c"] {
            stream.push(event(id));
        }
        assert_eq!(ids(stream.after(start, 9)), Ok("abc".into()));
        assert_eq!(ids(stream.after(start, 2)), Ok("ab".into()));
        let after_b = stream.parse("e1-2").unwrap();
        assert_eq!(ids(stream.after(after_b, 9)), Ok("c".into()));
        assert_eq!(ids(stream.after(stream.now(), 9)), Ok("".into()));
    }

    #[test]
    fn what_is_gone_or_of_another_life_is_said_to_be_gone() {
        let stream = Stream::new("e1".into(), 3);
        for id in ["a", "b", "c", "d", "e"] {
            stream.push(event(id));
        }
        for (offset, found) in [
            ("e1-0", Err(Gone)),
            ("e1-1", Err(Gone)),
            ("e1-2", Ok("cde".into())),
            ("e1-5", Ok("".into())),
            ("e1-6", Err(Gone)),
            ("e0-3", Err(Gone)),
            ("e1-", Err(Gone)),
            ("nonsense", Err(Gone)),
            ("", Err(Gone)),
        ] {
            let read = stream.parse(offset).and_then(|offset| ids(stream.after(offset, 9)));
            assert_eq!(read, found, "{offset}");
        }
    }

    #[test]
    fn what_cannot_be_an_offset_is_told_from_what_is_gone() {
        let stream = Stream::new("e1".into(), 3);
        stream.push(event("a"));
        for (offset, may_be) in [
            ("e1-0", true),
            ("e1-1", true),
            ("e0-999", true),
            ("e1-2", false),
            ("e1-", false),
            ("-1", false),
            ("zzz", false),
            ("", false),
        ] {
            assert_eq!(stream.may_have_told(offset), may_be, "{offset}");
        }
    }

    #[test]
    fn a_reader_who_waits_is_woken() {
        let stream = Stream::new("e1".into(), 3);
        let mut watch = stream.watch();
        watch.mark_unchanged();
        assert!(!watch.has_changed().unwrap());
        stream.push(event("a"));
        assert!(watch.has_changed().unwrap());
    }
}
