//! Opens and closes queues by their hours and schedules; each change of a queue is one input of the engine, and each
//! change of a schedule is told to the calls. What a supervisor switched goes before the hours, and a queue's own switch
//! before that of its schedule.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tracing::info;

use super::switches::Flip;
use crate::config::{House, Opening, Schedule};
use crate::ids::{Door, QueueId, ScheduleId};
use crate::moment::Moment;
use crate::queue::Input;

/// What opened or closed.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    Queue(Input),
    Schedule { schedule: ScheduleId, open: bool },
}

/// What the files say of when something is open.
#[derive(Clone, Default)]
pub struct Hours {
    schedules: BTreeMap<ScheduleId, Schedule>,
    /// Every queue; `None`: always open.
    queues: BTreeMap<QueueId, Option<Opening>>,
    /// What queues were called before, and what they are called now.
    formerly: BTreeMap<QueueId, QueueId>,
}

impl Hours {
    pub fn of(house: &House) -> Self {
        let opening = |queue: &QueueId| (queue.clone(), house.queue_open.get(queue).cloned());
        Hours {
            schedules: house.schedules.clone(),
            queues: house.queue.queues.keys().map(opening).collect(),
            formerly: house.queue.formerly.clone(),
        }
    }
}

#[derive(Default)]
pub struct Doors {
    hours: Hours,
    /// Those that hold.
    flips: BTreeMap<Door, Flip>,
    open_queues: BTreeMap<QueueId, bool>,
    open_schedules: BTreeMap<ScheduleId, bool>,
    next: Option<Moment>,
}

/// Flips that other files have something to do with.
#[derive(Debug, Default, PartialEq)]
pub struct Affected {
    /// Was switched, and is in the files no more: one of the same name later has not been.
    pub gone: Vec<Door>,
    /// A queue's flip, under its new name.
    pub renamed: Vec<(Door, Flip)>,
}

impl Doors {
    pub fn new(house: &House, flips: BTreeMap<Door, Flip>) -> Self {
        let mut doors = Doors { flips, ..Doors::default() };
        let _of_former_files = doors.set(Hours::of(house));
        doors
    }

    /// Other hours: each is looked at anew at the next deadline, which is now. What was switched stays so.
    pub fn set(&mut self, hours: Hours) -> Affected {
        let mut affected = Affected::default();
        for (former, now) in hours.formerly.iter().filter(|(former, _)| !hours.queues.contains_key(*former)) {
            let (former, now) = (Door::Queue(former.clone()), Door::Queue(now.clone()));
            if !self.flips.contains_key(&now)
                && let Some(flip) = self.flips.get(&former)
            {
                affected.renamed.push((now.clone(), flip.clone()));
                self.flips.insert(now, flip.clone());
            }
        }
        let known = |door: &Door| match door {
            Door::Schedule(schedule) => hours.schedules.contains_key(schedule),
            Door::Queue(queue) => hours.queues.contains_key(queue),
        };
        affected.gone = self.flips.keys().filter(|door| !known(door)).cloned().collect();
        self.flips.retain(|door, _| known(door));
        self.open_queues.retain(|queue, _| hours.queues.contains_key(queue));
        self.open_schedules.retain(|schedule, _| hours.schedules.contains_key(schedule));
        self.hours = hours;
        self.next = Some(Moment::default());
        affected
    }

    pub fn schedule(&self, id: &ScheduleId) -> Option<&Schedule> {
        self.hours.schedules.get(id)
    }

    /// `None`: there is no such thing in the files.
    pub fn is_open(&self, door: &Door) -> Option<bool> {
        match door {
            Door::Schedule(schedule) => {
                self.hours.schedules.get(schedule).map(|_| self.open_schedules.get(schedule).copied().unwrap_or(true))
            }
            Door::Queue(queue) => {
                self.hours.queues.get(queue).map(|_| self.open_queues.get(queue).copied().unwrap_or(true))
            }
        }
    }

    /// A supervisor flipped a switch; what comes of it is told at the next deadline, which is now.
    pub fn flip(&mut self, door: Door, flip: Flip) {
        self.flips.insert(door, flip);
        self.next = Some(Moment::default());
    }

    /// How each schedule stands, and what switched it.
    pub fn standing(&self) -> Vec<(ScheduleId, bool, Option<Flip>)> {
        let open = |id: &ScheduleId| self.open_schedules.get(id).copied().unwrap_or(true);
        let flip = |id: &ScheduleId| self.flips.get(&Door::Schedule(id.clone())).cloned();
        self.hours.schedules.keys().map(|id| (id.clone(), open(id), flip(id))).collect()
    }

    /// The queues that are switched themselves.
    pub fn switched_queues(&self) -> BTreeMap<QueueId, Flip> {
        let queue = |(door, flip): (&Door, &Flip)| match door {
            Door::Queue(queue) => Some((queue.clone(), flip.clone())),
            Door::Schedule(_) => None,
        };
        self.flips.iter().filter_map(queue).collect()
    }

    pub fn next_deadline(&self) -> Option<Moment> {
        self.next
    }

    /// What has changed; everything the first time. Schedules come before the queues that go by them.
    pub fn handle_deadline(&mut self, now: Moment) -> Vec<Change> {
        if self.next.is_none_or(|next| next > now) {
            return Vec::new();
        }
        self.flips.retain(|door, flip| {
            let holds = flip.holds(now).is_some();
            if !holds && flip.until.is_some() {
                info!(%door, by = flip.by, "its switch ran out: it goes by its hours again");
            }
            holds
        });
        let here = timestamp(now);
        let mut changes = Vec::new();
        let mut next: Option<Moment> = None;
        let mut soonest = |at: Option<Moment>| next = next.into_iter().chain(at).min();
        for (id, schedule) in &self.hours.schedules {
            let flip = self.flips.get(&Door::Schedule(id.clone()));
            let open = flip.and_then(|flip| flip.holds(now));
            soonest(flip.and_then(|flip| flip.until));
            let open = open.unwrap_or_else(|| {
                soonest(schedule.next_change(here).map(moment));
                schedule.is_open(here)
            });
            if self.open_schedules.insert(id.clone(), open) != Some(open) {
                changes.push(Change::Schedule { schedule: id.clone(), open });
            }
        }
        for (queue, opening) in &self.hours.queues {
            let flip = self.flips.get(&Door::Queue(queue.clone()));
            let open = flip.and_then(|flip| flip.holds(now));
            soonest(flip.and_then(|flip| flip.until));
            let open = open.unwrap_or_else(|| match opening {
                None => true,
                Some(Opening::Schedule(id)) => self.open_schedules.get(id).copied().unwrap_or(true),
                Some(Opening::Hours(hours)) => {
                    soonest(hours.next_change(here).map(moment));
                    hours.is_open(here)
                }
            });
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

    fn doors(schedules: &[(&str, &[&str])], queues: &[(&str, Option<Opening>)]) -> Doors {
        let mut doors = Doors::default();
        doors.set(Hours {
            schedules: schedules.iter().map(|(id, hours)| (ScheduleId::from(*id), schedule(hours))).collect(),
            queues: queues.iter().map(|(id, opening)| (QueueId::from(*id), opening.clone())).collect(),
            formerly: BTreeMap::new(),
        });
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
        let mut doors = doors(&schedules, &[("line", Some(by_office)), ("lunch", Some(own))]);
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

    fn flip(to: SwitchTo, at: Moment, until: Option<Moment>) -> Flip {
        Flip { to, at, until, by: "1001".into(), note: String::new() }
    }

    #[test]
    fn a_switch_goes_before_the_hours_until_its_time_is_over() {
        let schedules: [(&str, &[&str]); 1] = [("office", &["mon-fri 08:00-18:00"])];
        let mut doors = doors(&schedules, &[("line", Some(Opening::Schedule("office".into())))]);
        doors.handle_deadline(at("2026-11-27T11:00:00"));
        let (now, office) = (at("2026-11-27T12:00:00"), Door::Schedule("office".into()));
        doors.flip(office.clone(), flip(SwitchTo::Closed, now, None));
        assert_eq!(told(doors.handle_deadline(now)), ["office false", "queue line false"]);
        assert_eq!(doors.next_deadline(), None, "closed for good");
        // The rules are read again: it stays so, and nothing is told twice.
        doors.set(doors.hours.clone());
        assert_eq!(told(doors.handle_deadline(now)), [""; 0]);
        let until = next_time(&doors.hours.schedules["office"], now, 20 * 60).unwrap();
        assert_eq!(until, at("2026-11-27T20:00:00"));
        doors.flip(office.clone(), flip(SwitchTo::Open, now, Some(until)));
        assert_eq!(told(doors.handle_deadline(now)), ["office true", "queue line true"]);
        assert_eq!(doors.next_deadline(), Some(until), "the end of its hours does not matter");
        assert_eq!(told(doors.handle_deadline(until)), ["office false", "queue line false"]);
        assert_eq!(doors.next_deadline(), Some(at("2026-11-30T08:00:00")));
        // A time that is over today is tomorrow's.
        assert_eq!(next_time(&doors.hours.schedules["office"], until, 20 * 60), Some(at("2026-11-28T20:00:00")));
        doors.flip(office.clone(), flip(SwitchTo::Open, until, None));
        doors.handle_deadline(until);
        doors.flip(office.clone(), flip(SwitchTo::Auto, until, None));
        assert_eq!(told(doors.handle_deadline(until)), ["office false", "queue line false"]);
        // One that is gone from the files takes its flip with it.
        doors.flip(office.clone(), flip(SwitchTo::Open, until, None));
        let schedules = doors.hours.schedules.clone();
        assert_eq!(doors.set(Hours::default()).gone, [office]);
        assert_eq!(doors.set(Hours { schedules, ..Hours::default() }), Affected::default());
        assert_eq!(told(doors.handle_deadline(until)), ["office false"]);
    }
    #[test]
    fn a_queue_is_switched_by_itself_whether_it_has_hours_or_not() {
        let schedules: [(&str, &[&str]); 1] = [("office", &["mon-fri 08:00-18:00"])];
        let queues = [("always", None), ("line", Some(Opening::Schedule("office".into())))];
        let mut doors = doors(&schedules, &queues);
        let now = at("2026-11-27T12:00:00");
        assert_eq!(told(doors.handle_deadline(now)), ["office true", "queue always true", "queue line true"]);
        let (always, line) = (Door::Queue("always".into()), Door::Queue("line".into()));
        let until = now + std::time::Duration::from_secs(1800);
        doors.flip(always.clone(), flip(SwitchTo::Closed, now, Some(until)));
        doors.flip(line.clone(), flip(SwitchTo::Open, now, None));
        assert_eq!(told(doors.handle_deadline(now)), ["queue always false"]);
        assert_eq!(doors.is_open(&always), Some(false));
        assert_eq!(doors.switched_queues().len(), 2);
        assert_eq!(doors.next_deadline(), Some(until));
        assert_eq!(told(doors.handle_deadline(until)), ["queue always true"]);
        let evening = at("2026-11-27T18:00:00");
        assert_eq!(told(doors.handle_deadline(evening)), ["office false"], "its own switch keeps the line open");
        doors.flip(line.clone(), flip(SwitchTo::Auto, evening, None));
        assert_eq!(told(doors.handle_deadline(evening)), ["queue line false"]);
        // What goes on under another name stays switched; what loses its hours is open.
        doors.flip(line.clone(), flip(SwitchTo::Closed, evening, None));
        doors.handle_deadline(evening);
        let mut hours = doors.hours.clone();
        hours.queues = BTreeMap::from([("always".into(), None), ("desk".into(), None)]);
        hours.formerly = BTreeMap::from([("line".into(), "desk".into())]);
        let affected = doors.set(hours);
        assert_eq!((affected.gone, affected.renamed.len()), (vec![line], 1));
        assert_eq!(told(doors.handle_deadline(evening)), ["queue desk false"]);
        doors.flip(Door::Queue("desk".into()), flip(SwitchTo::Auto, evening, None));
        assert_eq!(told(doors.handle_deadline(evening)), ["queue desk true"]);
        assert_eq!(doors.is_open(&Door::Queue("line".into())), None);
    }
}
