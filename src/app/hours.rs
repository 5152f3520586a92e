//! Opens and closes queues by their hours; each change is one input of the engine.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

use crate::config::Hours;
use crate::ids::QueueId;
use crate::moment::Moment;
use crate::queue::Input;

pub struct Doors {
    hours: BTreeMap<QueueId, Hours>,
    zone: TimeZone,
    open: BTreeMap<QueueId, bool>,
    next: Option<Moment>,
}

impl Doors {
    pub fn new(hours: BTreeMap<QueueId, Hours>, zone: TimeZone) -> Self {
        Self { hours, zone, open: BTreeMap::new(), next: Some(Moment::default()) }
    }

    pub fn next_deadline(&self) -> Option<Moment> {
        self.next
    }

    /// The inputs that are due; every queue's state the first time.
    pub fn handle_deadline(&mut self, now: Moment) -> Vec<Input> {
        if self.next.is_none_or(|next| next > now) {
            return Vec::new();
        }
        let here = zoned(now, &self.zone);
        let mut inputs = Vec::new();
        let mut next = None;
        for (queue, hours) in &self.hours {
            let open = hours.is_open(&here);
            if self.open.insert(queue.clone(), open) != Some(open) {
                inputs.push(Input::Open { queue: queue.clone(), open });
            }
            let change = hours.next_change(&here).map(|at| moment(&at));
            next = next.into_iter().chain(change).min();
        }
        self.next = next;
        inputs
    }
}

fn zoned(now: Moment, zone: &TimeZone) -> ZonedDateTime {
    let micros = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX).to_zoned_datetime(zone.clone())
}

fn moment(at: &ZonedDateTime) -> Moment {
    Moment::from_micros(u64::try_from(at.timestamp().as_microsecond()).unwrap_or(0))
}
