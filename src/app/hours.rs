//! Opens and closes queues by their hours and schedules; each change of a queue is one input of the engine, and each
//! change of a schedule is told to the calls.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::config::{House, Opening, Schedule};
use crate::ids::{QueueId, ScheduleId};
use crate::moment::Moment;
use crate::queue::Input;

/// What opened or closed.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    Queue(Input),
    Schedule { schedule: ScheduleId, open: bool },
}

pub struct Doors {
    schedules: BTreeMap<ScheduleId, Schedule>,
    queues: BTreeMap<QueueId, Opening>,
    open_queues: BTreeMap<QueueId, bool>,
    open_schedules: BTreeMap<ScheduleId, bool>,
    next: Option<Moment>,
}

impl Doors {
    pub fn new(house: &House) -> Self {
        Self {
            schedules: house.schedules.clone(),
            queues: house.queue_open.clone(),
            open_queues: BTreeMap::new(),
            open_schedules: BTreeMap::new(),
            next: Some(Moment::default()),
        }
    }

    pub fn next_deadline(&self) -> Option<Moment> {
        self.next
    }

    /// What has changed; everything the first time. Schedules come before the queues that go by them.
    pub fn handle_deadline(&mut self, now: Moment) -> Vec<Change> {
        if self.next.is_none_or(|next| next > now) {
            return Vec::new();
        }
        let here = timestamp(now);
        let mut changes = Vec::new();
        let mut next: Option<Timestamp> = None;
        let mut soonest = |at: Option<Timestamp>| next = next.into_iter().chain(at).min();
        for (id, schedule) in &self.schedules {
            let open = schedule.is_open(here);
            if self.open_schedules.insert(id.clone(), open) != Some(open) {
                changes.push(Change::Schedule { schedule: id.clone(), open });
            }
            soonest(schedule.next_change(here));
        }
        for (queue, opening) in &self.queues {
            let open = match opening {
                Opening::Schedule(id) => self.open_schedules.get(id).copied().unwrap_or(true),
                Opening::Hours(hours) => {
                    soonest(hours.next_change(here));
                    hours.is_open(here)
                }
            };
            if self.open_queues.insert(queue.clone(), open) != Some(open) {
                changes.push(Change::Queue(Input::Open { queue: queue.clone(), open }));
            }
        }
        self.next = next.map(moment);
        changes
    }
}

pub fn timestamp(now: Moment) -> Timestamp {
    let micros = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX)
}

pub fn moment(at: Timestamp) -> Moment {
    Moment::from_micros(u64::try_from(at.as_microsecond()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    fn doors(schedules: &[(&str, &[&str])], queues: &[(&str, Opening)]) -> Doors {
        let zone = || TimeZone::get("Asia/Shanghai").unwrap();
        let schedule = |hours: &[&str]| Schedule::of_hours(hours, zone()).unwrap();
        let mut doors = Doors {
            schedules: BTreeMap::new(),
            queues: BTreeMap::new(),
            open_queues: BTreeMap::new(),
            open_schedules: BTreeMap::new(),
            next: Some(Moment::default()),
        };
        doors.schedules.extend(schedules.iter().map(|(id, hours)| (ScheduleId::from(*id), schedule(hours))));
        doors.queues.extend(queues.iter().map(|(id, opening)| (QueueId::from(*id), opening.clone())));
        doors
    }

    fn at(text: &str) -> Moment {
        moment(format!("{text}+08:00").parse().unwrap())
    }

    fn told(changes: Vec<Change>) -> Vec<String> {
        let told = |change| match change {
            Change::Schedule { schedule, open } => format!("{schedule} {open}"),
            Change::Queue(Input::Open { queue, open }) => format!("queue {queue} {open}"),
            Change::Queue(other) => panic!("{other:?}"),
        };
        changes.into_iter().map(told).collect()
    }

    #[test]
    fn each_change_is_told_when_it_comes_and_once() {
        let by_office = Opening::Schedule("office".into());
        let own = Schedule::of_hours(&["12:00-13:00"], TimeZone::get("Asia/Shanghai").unwrap()).unwrap();
        let mut doors = doors(
            &[("office", &["mon-fri 08:00-18:00"]), ("always", &["24/7"])],
            &[("line", by_office), ("lunch", Opening::Hours(Box::new(own)))],
        );
        let first = doors.handle_deadline(at("2026-11-27T11:00:00"));
        assert_eq!(told(first), ["always true", "office true", "queue line true", "queue lunch false"]);
        let table = [
            ("2026-11-27T12:00:00", &["queue lunch true"][..]),
            ("2026-11-27T13:00:00", &["queue lunch false"]),
            ("2026-11-27T18:00:00", &["office false", "queue line false"]),
            ("2026-11-28T12:00:00", &["queue lunch true"]),
        ];
        for (when, changes) in table {
            assert_eq!(doors.next_deadline(), Some(at(when)));
            assert_eq!(doors.handle_deadline(at(when) - std::time::Duration::from_micros(1)), [], "not before");
            assert_eq!(told(doors.handle_deadline(at(when))), changes, "{when}");
        }
    }
}
