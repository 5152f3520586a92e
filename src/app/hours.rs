//! Opens and closes queues by their hours and schedules; each change of a queue is one input of the engine, and each
//! change of a schedule is told to the calls. What a supervisor switched goes before the hours.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tracing::info;

use super::switches::Flip;
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

#[derive(Default)]
pub struct Doors {
    schedules: BTreeMap<ScheduleId, Schedule>,
    queues: BTreeMap<QueueId, Opening>,
    /// Those that hold.
    flips: BTreeMap<ScheduleId, Flip>,
    open_queues: BTreeMap<QueueId, bool>,
    open_schedules: BTreeMap<ScheduleId, bool>,
    next: Option<Moment>,
}

impl Doors {
    pub fn new(house: &House, flips: BTreeMap<ScheduleId, Flip>) -> Self {
        let mut doors = Doors { flips, ..Doors::default() };
        let _of_former_files = doors.set(house.schedules.clone(), house.queue_open.clone());
        doors
    }

    /// Other hours: each is looked at anew at the next deadline, which is now. What was switched stays so. Returns
    /// the schedules that are gone and were switched: one of the same name later has not been.
    pub fn set(
        &mut self,
        schedules: BTreeMap<ScheduleId, Schedule>,
        queues: BTreeMap<QueueId, Opening>,
    ) -> Vec<ScheduleId> {
        let gone: Vec<ScheduleId> = self.flips.keys().filter(|id| !schedules.contains_key(*id)).cloned().collect();
        gone.iter().for_each(|id| drop(self.flips.remove(id)));
        self.open_queues.retain(|queue, _| queues.contains_key(queue));
        self.open_schedules.retain(|schedule, _| schedules.contains_key(schedule));
        (self.schedules, self.queues) = (schedules, queues);
        self.next = Some(Moment::default());
        gone
    }

    pub fn schedule(&self, id: &ScheduleId) -> Option<&Schedule> {
        self.schedules.get(id)
    }

    /// A supervisor flipped a switch; what comes of it is told at the next deadline, which is now.
    pub fn flip(&mut self, schedule: ScheduleId, flip: Flip) {
        self.flips.insert(schedule, flip);
        self.next = Some(Moment::default());
    }

    /// How each schedule stands, and what switched it.
    pub fn standing(&self) -> Vec<(ScheduleId, bool, Option<Flip>)> {
        let open = |id: &ScheduleId| self.open_schedules.get(id).copied().unwrap_or(true);
        self.schedules.keys().map(|id| (id.clone(), open(id), self.flips.get(id).cloned())).collect()
    }

    pub fn next_deadline(&self) -> Option<Moment> {
        self.next
    }

    /// What has changed; everything the first time. Schedules come before the queues that go by them.
    pub fn handle_deadline(&mut self, now: Moment) -> Vec<Change> {
        if self.next.is_none_or(|next| next > now) {
            return Vec::new();
        }
        self.flips.retain(|schedule, flip| {
            let holds = flip.holds(now).is_some();
            if !holds && flip.until.is_some() {
                info!(%schedule, by = flip.by, "its switch ran out: it goes by its hours again");
            }
            holds
        });
        let here = timestamp(now);
        let mut changes = Vec::new();
        let mut next: Option<Moment> = None;
        let mut soonest = |at: Option<Moment>| next = next.into_iter().chain(at).min();
        for (id, schedule) in &self.schedules {
            let open = match self.flips.get(id) {
                Some(flip) => {
                    soonest(flip.until);
                    flip.holds(now)
                }
                None => None,
            };
            let open = open.unwrap_or_else(|| {
                soonest(schedule.next_change(here).map(moment));
                schedule.is_open(here)
            });
            if self.open_schedules.insert(id.clone(), open) != Some(open) {
                changes.push(Change::Schedule { schedule: id.clone(), open });
            }
        }
        for (queue, opening) in &self.queues {
            let open = match opening {
                Opening::Schedule(id) => self.open_schedules.get(id).copied().unwrap_or(true),
                Opening::Hours(hours) => {
                    soonest(hours.next_change(here).map(moment));
                    hours.is_open(here)
                }
            };
            if self.open_queues.insert(queue.clone(), open) != Some(open) {
                changes.push(Change::Queue(Input::Open { queue: queue.clone(), open }));
            }
        }
        self.next = next;
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
    use jiff::tz::TimeZone;

    use super::*;
    use crate::app::switches::next_time;
    use crate::call::SwitchTo;

    fn schedule(hours: &[&str]) -> Schedule {
        Schedule::of_hours(hours, TimeZone::get("Asia/Shanghai").unwrap()).unwrap()
    }

    fn doors(schedules: &[(&str, &[&str])], queues: &[(&str, Opening)]) -> Doors {
        let mut doors = Doors::default();
        doors.set(
            schedules.iter().map(|(id, hours)| (ScheduleId::from(*id), schedule(hours))).collect(),
            queues.iter().map(|(id, opening)| (QueueId::from(*id), opening.clone())).collect(),
        );
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
        let own = Opening::Hours(Box::new(schedule(&["12:00-13:00"])));
        let schedules: [(&str, &[&str]); 2] = [("office", &["mon-fri 08:00-18:00"]), ("always", &["24/7"])];
        let mut doors = doors(&schedules, &[("line", by_office), ("lunch", own)]);
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

    #[test]
    fn a_switch_goes_before_the_hours_until_its_time_is_over() {
        let schedules: [(&str, &[&str]); 1] = [("office", &["mon-fri 08:00-18:00"])];
        let mut doors = doors(&schedules, &[("line", Opening::Schedule("office".into()))]);
        let flip = |to, at: Moment, until| Flip { to, at, until, by: "1001".into(), note: String::new() };
        doors.handle_deadline(at("2026-11-27T11:00:00"));
        let now = at("2026-11-27T12:00:00");
        doors.flip("office".into(), flip(SwitchTo::Closed, now, None));
        assert_eq!(told(doors.handle_deadline(now)), ["office false", "queue line false"]);
        assert_eq!(doors.next_deadline(), None, "closed for good");
        // The rules are read again: it stays so, and nothing is told twice.
        doors.set(doors.schedules.clone(), doors.queues.clone());
        assert_eq!(told(doors.handle_deadline(now)), [""; 0]);
        let until = next_time(&doors.schedules["office"], now, 20 * 60).unwrap();
        assert_eq!(until, at("2026-11-27T20:00:00"));
        doors.flip("office".into(), flip(SwitchTo::Open, now, Some(until)));
        assert_eq!(told(doors.handle_deadline(now)), ["office true", "queue line true"]);
        assert_eq!(doors.next_deadline(), Some(until), "the end of its hours does not matter");
        assert_eq!(told(doors.handle_deadline(until)), ["office false", "queue line false"]);
        assert_eq!(doors.next_deadline(), Some(at("2026-11-30T08:00:00")));
        // A time that is over today is tomorrow's.
        assert_eq!(next_time(&doors.schedules["office"], until, 20 * 60), Some(at("2026-11-28T20:00:00")));
        doors.flip("office".into(), flip(SwitchTo::Open, until, None));
        doors.handle_deadline(until);
        doors.flip("office".into(), flip(SwitchTo::Auto, until, None));
        assert_eq!(told(doors.handle_deadline(until)), ["office false", "queue line false"]);
        // One that is gone from the files takes its flip with it.
        doors.flip("office".into(), flip(SwitchTo::Open, until, None));
        let schedules = doors.schedules.clone();
        assert_eq!(doors.set(BTreeMap::new(), BTreeMap::new()), [ScheduleId::from("office")]);
        assert_eq!(doors.set(schedules, BTreeMap::new()), []);
        assert_eq!(told(doors.handle_deadline(until)), ["office false"]);
    }
}
