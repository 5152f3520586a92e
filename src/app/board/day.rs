//! The day in figures. What is offered, answered, in time and abandoned is the engine's statistics', the same that
//! `hotline statistics` prints; what the offered are about is the records'.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::tz::TimeZone;

use super::former::Former;
use crate::app::hours::timestamp;
use crate::app::replaying::Replay;
use crate::ids::{CallId, OperatorId, QueueId};
use crate::moment::Moment;
use crate::queue::statistics::{Contacts, Of};
use crate::queue::{Rules, Said, Statistics};
use crate::records::{Range, ReadFault, Record, read};

const QUARTER_MINUTES: u32 = 15;

/// By the minutes after midnight at which quarters begin.
pub type Quarters = BTreeMap<u32, Contacts>;

pub struct Day {
    zone: TimeZone,
    pub begins: Moment,
    pub ends: Moment,
    statistics: Statistics,
    /// So far the log was read: the number of the last input, and when. What is said before is counted already.
    counted: (u64, Moment),
    /// As the log has it; `None`: it was counted while it went on.
    pub yesterday: Option<Quarters>,
    pub last_week: Quarters,
    /// Contacts that were offered, by what they are about.
    pub categories: BTreeMap<String, u64>,
    /// Open calls as they were counted.
    open: BTreeMap<CallId, Vec<String>>,
    /// Calls whose records were counted: what is heard of them later is old.
    closed: BTreeSet<CallId>,
    /// Of those, which talk of an operator ended last, and when.
    last_talks: BTreeMap<OperatorId, (Moment, CallId)>,
}

/// Midnight so many days before the day of a moment.
pub fn midnight(now: Moment, zone: &TimeZone, days_ago: i64) -> Moment {
    use jiff::ToSpan;
    let date = timestamp(now).to_zoned_datetime(zone.clone()).date();
    let date = date.checked_sub(days_ago.days()).unwrap_or(date);
    let at = date.to_zoned_datetime(zone.clone()).ok().map(|at| at.timestamp().as_microsecond());
    at.and_then(|at| u64::try_from(at).ok()).map_or(now, Moment::from_micros)
}

/// Of the house, between two midnights.
pub fn quarters(statistics: &Statistics, begins: Moment, ends: Moment, zone: &TimeZone) -> Quarters {
    let mut quarters = Quarters::new();
    for (at, contacts) in statistics.contacts(&Of::House, begins, ends) {
        *quarters.entry(quarter(at, zone)).or_default() += contacts;
    }
    quarters
}

impl Day {
    /// The day of a moment, with nothing in it.
    pub fn empty(now: Moment, zone: TimeZone) -> Day {
        let begins = midnight(now, &zone, 0);
        Day {
            begins,
            ends: midnight(now, &zone, -1),
            zone,
            statistics: Statistics::running(begins),
            counted: (0, Moment::default()),
            yesterday: Some(Quarters::new()),
            last_week: Quarters::new(),
            categories: BTreeMap::new(),
            open: BTreeMap::new(),
            closed: BTreeSet::new(),
            last_talks: BTreeMap::new(),
        }
    }

    /// Counts what the engine's log says of today, up to `until`.
    pub fn read_log(&mut self, data: &Path, until: Moment) -> Result<(), ReadFault> {
        let mut replay = Replay::open(data, self.begins)?;
        let read = replay.count(&mut self.statistics, until);
        self.counted = (replay.engine.seq(), replay.engine.now());
        read
    }

    /// The records of today; `about`: what a visit to the line of a queue is about.
    pub fn read_records(&mut self, data: &Path, about: impl Fn(&Record, &QueueId) -> String) -> Result<(), ReadFault> {
        // Who arrived before midnight may have joined a line after it.
        let since = Some(midnight(self.begins, &self.zone, 1));
        read(data, Range { since, until: None }, |record| {
            self.put(&record, &about, true);
            Ok(())
        })?;
        Ok(())
    }

    /// Midnight has passed; what was counted of yesterday is kept.
    pub fn turn(&mut self, now: Moment) {
        let former = std::mem::replace(self, Day::empty(now, self.zone.clone()));
        self.statistics = former.statistics;
        self.statistics.begin_day(self.begins, midnight(self.begins, &self.zone, 1));
        self.counted = former.counted;
        self.yesterday = None;
    }

    pub fn rules(&mut self, seq: u64, rules: &Rules) {
        if seq > self.counted.0 {
            self.statistics.new_rules(rules);
        }
    }

    /// Queues have other names now, former and new: calls that were about them are about the same under those.
    pub fn take_new_names<'a>(&mut self, names: impl Iterator<Item = (&'a QueueId, &'a QueueId)>) {
        for (former, now) in names {
            if let Some(count) = self.categories.remove(former.as_str()) {
                *self.categories.entry(now.to_string()).or_default() += count;
            }
            for about in self.open.values_mut().flatten().filter(|about| about.as_str() == former.as_str()) {
                *about = now.to_string();
            }
        }
    }

    pub fn said(&mut self, said: &Said) {
        if (said.seq, said.at) > self.counted {
            self.statistics.saw(said.at, &said.output);
        }
    }

    /// A record as it is now; `closed`: it will not change any more.
    pub fn put(&mut self, record: &Record, about: impl Fn(&Record, &QueueId) -> String, closed: bool) {
        if self.closed.contains(&record.call_id) {
            return;
        }
        let of_today = record.lines.iter().filter(|line| line.is_offered() && line.joined_at >= self.begins);
        let share: Vec<String> = of_today.map(|line| about(record, &line.queue)).collect();
        let former = self.open.remove(&record.call_id).unwrap_or_default();
        if former != share {
            for category in &former {
                if let Some(count) = self.categories.get_mut(category) {
                    *count = count.saturating_sub(1);
                }
            }
            for category in &share {
                *self.categories.entry(category.clone()).or_default() += 1;
            }
        }
        if closed {
            self.closed.insert(record.call_id);
            self.remember_talk(record);
        } else if !share.is_empty() {
            self.open.insert(record.call_id, share);
        }
    }

    /// Who was with the caller last, when it ended.
    fn remember_talk(&mut self, record: &Record) {
        let (Some(operator), Some(_), Some(ended)) = (&record.operator, record.connected_at, record.ended_at) else {
            return;
        };
        let this = (ended, record.call_id);
        let last = self.last_talks.entry(operator.clone()).or_insert(this);
        *last = this.max(*last);
    }

    /// The talk of an operator that ended last, as the records have it.
    pub fn last_talk(&self, operator: &OperatorId) -> Option<CallId> {
        self.last_talks.get(operator).map(|(_, call)| *call)
    }

    pub fn all(&self) -> Contacts {
        self.of(&Of::House)
    }

    pub fn queue(&self, queue: &QueueId) -> Contacts {
        self.of(&Of::Queue(queue.clone()))
    }

    pub fn operator(&self, operator: &OperatorId) -> Contacts {
        self.of(&Of::Operator(operator.clone()))
    }

    fn of(&self, of: &Of) -> Contacts {
        self.statistics.today(of).cloned().unwrap_or_default()
    }

    pub fn quarters(&self) -> Quarters {
        quarters(&self.statistics, self.begins, self.ends, &self.zone)
    }

    pub fn yesterday(&self) -> Quarters {
        let counted = || quarters(&self.statistics, midnight(self.begins, &self.zone, 1), self.begins, &self.zone);
        self.yesterday.clone().unwrap_or_else(counted)
    }

    /// What was read of the days before arrived.
    pub fn take_former(&mut self, former: Former) {
        if former.of == self.begins {
            self.last_week = former.last_week;
            if self.yesterday.is_some() {
                self.yesterday = Some(former.yesterday);
            }
        }
    }

    /// How many joined in the last quarter of an hour, and the share of them who were answered in time; `None`: of the
    /// whole house.
    pub fn recent(&self, now: Moment, queue: Option<&QueueId>) -> (u64, Option<f64>) {
        self.statistics.recent(now, queue)
    }
}

/// Minutes after midnight at which the quarter of a moment begins.
pub fn quarter(at: Moment, zone: &TimeZone) -> u32 {
    let time = timestamp(at).to_zoned_datetime(zone.clone()).time();
    let minute = u32::from(time.hour().unsigned_abs()) * 60 + u32::from(time.minute().unsigned_abs());
    minute / QUARTER_MINUTES * QUARTER_MINUTES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::Output;
    use crate::records::LineOutcome::{self, Answered, Moved, ShortAbandoned, Waits};
    use crate::records::LineRecord;

    /// 2026-11-26T08:00:00Z.
    const EIGHT: u64 = 1_795_680_000;
    const HOUR: u64 = 3600;

    fn at(second: u64) -> Moment {
        Moment::from_micros((EIGHT + second) * 1_000_000)
    }

    fn joins(day: &mut Day, seq: u64, second: u64, contact: u64) {
        let (contact, queue) = (CallId(contact), "citizen".into());
        let output = Output::Joined { contact, queue, instead_of: None, since: at(second), expected: None };
        day.said(&Said { seq, at: at(second), output });
    }

    fn record(number: u64, lines: &[(&str, u64, LineOutcome)]) -> Record {
        let line = |(queue, joined, outcome): &(&str, u64, LineOutcome)| LineRecord {
            queue: (*queue).into(),
            joined_at: at(*joined),
            left_at: None,
            outcome: *outcome,
            operator: None,
            wait_ms: 0,
            within_service_level: None,
        };
        let blank = serde_json::json!({
            "call_id": CallId(number), "sip_call_id": "", "from": "", "to": "", "trunk": null, "arrived_at": at(0),
            "choices": "", "offers": [], "wait_ms": 0, "talk_ms": 0, "hold_ms": 0,
            "lines": lines.iter().map(line).collect::<Vec<_>>(),
        });
        serde_json::from_value(blank).unwrap()
    }

    #[test]
    fn what_the_log_told_already_is_not_counted_again() {
        let mut day = Day::empty(at(0), TimeZone::UTC);
        day.counted = (7, at(10));
        joins(&mut day, 6, 9, 1);
        joins(&mut day, 7, 10, 2);
        assert_eq!(day.all().offered, 0);
        joins(&mut day, 7, 11, 3); // by a deadline
        joins(&mut day, 8, 12, 4);
        assert_eq!((day.all().offered, day.queue(&"citizen".into()).offered), (2, 2));
    }

    #[test]
    fn at_midnight_today_becomes_yesterday() {
        let mut day = Day::empty(at(0), TimeZone::UTC);
        day.yesterday = Some(Quarters::from([(0, Contacts { offered: 9, ..Contacts::default() })]));
        joins(&mut day, 1, 0, 1);
        joins(&mut day, 2, 15 * HOUR + 3599, 2);
        joins(&mut day, 3, 16 * HOUR, 3);
        assert_eq!(day.yesterday().values().map(|quarter| quarter.offered).sum::<u64>(), 9);
        day.turn(at(16 * HOUR + 1));
        let by_quarter = |quarters: Quarters| -> Vec<(u32, u64)> {
            quarters.into_iter().map(|(minute, contacts)| (minute, contacts.offered)).collect()
        };
        assert_eq!(by_quarter(day.yesterday()), [(480, 1), (23 * 60 + 45, 1)]);
        assert_eq!((by_quarter(day.quarters()), day.all().offered), (vec![(0, 1)], 1));
        // Who joined before midnight and is answered after it was answered yesterday.
        let output = Output::Connected {
            contact: CallId(2),
            queue: "citizen".into(),
            operator: "1001".into(),
            seat: "8001".into(),
            waited_ms: 5000,
        };
        day.said(&Said { seq: 4, at: at(16 * HOUR + 4), output });
        let late = day.yesterday().remove(&(23 * 60 + 45)).unwrap();
        assert_eq!((late.answered, late.waiting, day.all().answered), (1, 0, 0));
        assert_eq!(day.operator(&"1001".into()).answered, 1, "the operator did it today");
    }

    #[test]
    fn each_visit_that_is_offered_is_about_something() {
        let mut day = Day::empty(at(0), TimeZone::UTC);
        let about = |_: &Record, queue: &QueueId| queue.to_string();
        let mut call = record(1, &[("citizen", 10, Waits)]);
        day.put(&call, about, false);
        day.put(&call, about, false);
        assert_eq!(day.categories, BTreeMap::from([("citizen".to_string(), 1)]));
        call = record(1, &[("citizen", 10, Answered), ("english", 30, Waits)]);
        day.put(&call, about, false);
        call.lines[1].outcome = ShortAbandoned;
        day.put(&call, about, true);
        day.put(&record(1, &[("late", 10, Answered)]), about, false);
        day.put(&record(2, &[("citizen", 40, Moved), ("english", 40, Answered)]), about, true);
        let counts: Vec<(&str, u64)> = day.categories.iter().map(|(id, count)| (id.as_str(), *count)).collect();
        assert_eq!(counts, [("citizen", 1), ("english", 1)]);
    }

    #[test]
    fn the_talk_of_an_operator_that_ended_last_is_remembered() {
        let mut day = Day::empty(at(0), TimeZone::UTC);
        for (number, ended, talked) in [(1, 30, true), (2, 50, true), (3, 40, true), (4, 60, false)] {
            let mut call = record(number, &[]);
            (call.operator, call.ended_at) = (Some("1001".into()), Some(at(ended)));
            call.connected_at = talked.then(|| at(ended - 5));
            day.put(&call, |_, queue| queue.to_string(), true);
        }
        assert_eq!((day.last_talk(&"1001".into()), day.last_talk(&"1002".into())), (Some(CallId(2)), None));
    }

    #[test]
    fn what_calls_were_about_goes_on_under_the_new_name_of_their_queue() {
        let mut day = Day::empty(at(0), TimeZone::UTC);
        let now = |_: &Record, queue: &QueueId| queue.as_str().replace("citizen", "town");
        let former = |_: &Record, queue: &QueueId| queue.to_string();
        let (closed, open) = (record(1, &[("citizen", 10, Answered)]), record(2, &[("citizen", 20, Waits)]));
        day.put(&closed, former, true);
        day.put(&open, former, false);
        day.put(&record(3, &[("english", 30, Waits)]), former, false);
        let (former_name, new_name) = (QueueId::from("citizen"), QueueId::from("town"));
        day.take_new_names([(&former_name, &new_name)].into_iter());
        day.put(&open, now, false);
        let counts: Vec<(&str, u64)> = day.categories.iter().map(|(id, count)| (id.as_str(), *count)).collect();
        assert_eq!(counts, [("english", 1), ("town", 2)]);
    }
}
