//! The day in figures: a fold over the records, so that the wall and the records say the same. Each record counts in
//! the quarter of an hour in which its call arrived; an open call counts as far as it has come.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::app::hours::timestamp;
use crate::ids::{CallId, OperatorId, QueueId};
use crate::moment::Moment;
use crate::records::{Outcome, Range, ReadFault, Record, read};

const MINUTE: u64 = 60_000_000;
const QUARTER_MINUTES: u32 = 15;
/// What "now" means in figures: the last so many minutes.
const RECENT: u64 = 15;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub offered: u64,
    pub answered: u64,
    pub answered_within: u64,
    pub abandoned: u64,
}

impl Counts {
    fn of(record: &Record, answer_within: Option<Duration>) -> Counts {
        let Some(queued_at) = record.queued_at else { return Counts::default() };
        let answered = record.connected_at.is_some();
        let within = record.within_service_level.unwrap_or_else(|| {
            let limit = answer_within.unwrap_or_default();
            record.connected_at.is_some_and(|connected| connected.since(queued_at) <= limit)
        });
        Counts {
            offered: 1,
            answered: answered.into(),
            answered_within: (answered && within).into(),
            abandoned: (!answered && record.outcome == Some(Outcome::AbandonedInQueue)).into(),
        }
    }

    fn add(&mut self, other: Counts, sign: i64) {
        let add = |to: &mut u64, many: u64| *to = to.saturating_add_signed(sign * i64::try_from(many).unwrap_or(0));
        add(&mut self.offered, other.offered);
        add(&mut self.answered, other.answered);
        add(&mut self.answered_within, other.answered_within);
        add(&mut self.abandoned, other.abandoned);
    }

    pub fn service_level(&self) -> Option<f64> {
        (self.offered > 0).then(|| self.answered_within as f64 / self.offered as f64)
    }
}

/// What an operator did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Worked {
    pub answered: u64,
    pub answered_within: u64,
    pub talk_ms: u64,
    pub hold_ms: u64,
    /// Offers that they let ring.
    pub missed: u64,
}

impl Worked {
    fn add(&mut self, other: Worked, sign: i64) {
        let add = |to: &mut u64, many: u64| *to = to.saturating_add_signed(sign * i64::try_from(many).unwrap_or(0));
        add(&mut self.answered, other.answered);
        add(&mut self.answered_within, other.answered_within);
        add(&mut self.talk_ms, other.talk_ms);
        add(&mut self.hold_ms, other.hold_ms);
        add(&mut self.missed, other.missed);
    }
}

/// What the files say of a record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// Of its queue.
    pub answer_within: Option<Duration>,
    /// What it is about.
    pub category: Option<String>,
}

/// What one record adds.
#[derive(Clone, Debug, PartialEq)]
struct Share {
    arrived_at: Moment,
    queue: Option<QueueId>,
    category: Option<String>,
    operators: BTreeMap<OperatorId, Worked>,
    counts: Counts,
}

impl Share {
    fn of(record: &Record, told: Told) -> Share {
        let counts = Counts::of(record, told.answer_within);
        let mut operators: BTreeMap<OperatorId, Worked> = BTreeMap::new();
        for offer in record.offers.iter().filter(|offer| offer.outcome == "no_answer") {
            operators.entry(offer.operator.clone()).or_default().missed += 1;
        }
        if let Some(operator) = record.connected_at.and(record.operator.clone()) {
            let worked = Worked {
                answered: 1,
                answered_within: counts.answered_within,
                talk_ms: record.talk_ms,
                hold_ms: record.hold_ms,
                missed: 0,
            };
            operators.entry(operator).or_default().add(worked, 1);
        }
        let category = told.category.filter(|_| counts.offered > 0);
        Share { arrived_at: record.arrived_at, queue: record.queue.clone(), category, operators, counts }
    }
}

/// By the minutes after midnight at which quarters begin.
pub type Quarters = BTreeMap<u32, Counts>;

pub struct Day {
    zone: TimeZone,
    pub begins: Moment,
    pub ends: Moment,
    pub all: Counts,
    pub quarters: Quarters,
    pub queues: BTreeMap<QueueId, Counts>,
    pub operators: BTreeMap<OperatorId, Worked>,
    /// Calls that were offered, by what they are about.
    pub categories: BTreeMap<String, u64>,
    pub yesterday: Quarters,
    pub last_week: Quarters,
    /// By minute since 1970: of the house and of each queue.
    recent: BTreeMap<u64, BTreeMap<Option<QueueId>, Counts>>,
    /// Open calls as they were counted.
    open: BTreeMap<CallId, Share>,
    /// Calls of today whose records were counted: what is heard of them later is old.
    closed: BTreeSet<CallId>,
}

/// Midnight so many days before the day of a moment.
fn midnight(now: Moment, zone: &TimeZone, days_ago: i64) -> Moment {
    use jiff::ToSpan;
    let date = timestamp(now).to_zoned_datetime(zone.clone()).date();
    let date = date.checked_sub(days_ago.days()).unwrap_or(date);
    let at = date.to_zoned_datetime(zone.clone()).ok().map(|at| at.timestamp().as_microsecond());
    at.and_then(|at| u64::try_from(at).ok()).map_or(now, Moment::from_micros)
}

impl Day {
    /// The day of a moment, with nothing in it.
    pub fn empty(now: Moment, zone: TimeZone) -> Day {
        Day {
            begins: midnight(now, &zone, 0),
            ends: midnight(now, &zone, -1),
            zone,
            all: Counts::default(),
            quarters: Quarters::new(),
            queues: BTreeMap::new(),
            operators: BTreeMap::new(),
            categories: BTreeMap::new(),
            yesterday: Quarters::new(),
            last_week: Quarters::new(),
            recent: BTreeMap::new(),
            open: BTreeMap::new(),
            closed: BTreeSet::new(),
        }
    }

    /// The same from the records: today's, yesterday's, and those of a week ago. `told`: what the files say of a record.
    pub fn read(data: &Path, now: Moment, zone: TimeZone, told: impl Fn(&Record) -> Told) -> Result<Day, ReadFault> {
        let mut day = Day::empty(now, zone);
        let quarters = |days_ago: i64| -> Result<Quarters, ReadFault> {
            let range = Range {
                since: Some(midnight(now, &day.zone, days_ago)),
                until: Some(midnight(now, &day.zone, days_ago - 1)),
            };
            let mut quarters = Quarters::new();
            read(data, range, |record| {
                let counts = Counts::of(&record, None);
                quarters.entry(quarter(record.arrived_at, &day.zone)).or_default().add(counts, 1);
                Ok(())
            })?;
            Ok(quarters)
        };
        (day.yesterday, day.last_week) = (quarters(1)?, quarters(7)?);
        read(data, Range { since: Some(day.begins), until: None }, |record| {
            let told = told(&record);
            day.put(&record, told, true);
            Ok(())
        })?;
        day.forget(now);
        Ok(day)
    }

    /// A record as it is now; `closed`: it will not change any more. Returns the operators whose figures changed.
    pub fn put(&mut self, record: &Record, told: Told, closed: bool) -> Vec<OperatorId> {
        let mut changed = Vec::new();
        if record.arrived_at < self.begins || self.closed.contains(&record.call_id) {
            return changed;
        }
        let share = Share::of(record, told);
        let former = self.open.remove(&record.call_id);
        if former.as_ref() != Some(&share) {
            if let Some(former) = &former {
                self.count(former, -1);
            }
            self.count(&share, 1);
            changed.extend(share.operators.keys().cloned());
        }
        if closed {
            self.closed.insert(record.call_id);
        } else {
            self.open.insert(record.call_id, share);
        }
        changed
    }

    fn count(&mut self, share: &Share, sign: i64) {
        let Share { arrived_at, queue, category, operators, counts } = share;
        self.all.add(*counts, sign);
        self.quarters.entry(quarter(*arrived_at, &self.zone)).or_default().add(*counts, sign);
        let minute = self.recent.entry(arrived_at.as_micros() / MINUTE).or_default();
        minute.entry(None).or_default().add(*counts, sign);
        if let Some(queue) = queue {
            self.queues.entry(queue.clone()).or_default().add(*counts, sign);
            minute.entry(Some(queue.clone())).or_default().add(*counts, sign);
        }
        for (operator, worked) in operators {
            self.operators.entry(operator.clone()).or_default().add(*worked, sign);
        }
        if let Some(category) = category {
            let count = self.categories.entry(category.clone()).or_default();
            *count = count.saturating_add_signed(sign);
        }
    }

    /// Of the calls that arrived in the last quarter of an hour; `None`: of the whole house.
    pub fn recent(&self, now: Moment, queue: Option<&QueueId>) -> Counts {
        let minute = now.as_micros() / MINUTE;
        let mut sum = Counts::default();
        for (_, of) in self.recent.range(minute.saturating_sub(RECENT - 1)..) {
            sum.add(of.get(&queue.cloned()).copied().unwrap_or_default(), 1);
        }
        sum
    }

    /// Minutes of long ago are of no use any more.
    pub fn forget(&mut self, now: Moment) {
        let oldest = (now.as_micros() / MINUTE).saturating_sub(RECENT);
        self.recent = self.recent.split_off(&oldest);
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

    /// 2026-11-26T08:00:00Z.
    const EIGHT: u64 = 1_795_680_000;

    fn at(second: u64) -> Moment {
        Moment::from_micros((EIGHT + second) * 1_000_000)
    }

    fn record(number: u64, arrived: u64) -> Record {
        let id = CallId::next(CallId(number), at(arrived).as_millis());
        let blank = serde_json::json!({
            "call_id": id, "sip_call_id": "", "from": "", "to": "", "trunk": null, "arrived_at": at(arrived),
            "choices": "", "offers": [], "wait_ms": 0, "talk_ms": 0, "hold_ms": 0,
        });
        serde_json::from_value(blank).unwrap()
    }

    #[test]
    fn a_call_counts_as_far_as_it_has_come_and_at_last_as_its_record_says() {
        let mut day = Day::empty(at(0), TimeZone::UTC);
        let within = || Told { answer_within: Some(Duration::from_secs(15)), category: Some("housing".into()) };
        let mut call = record(1, 100);
        day.put(&call, within(), false);
        assert_eq!(day.all, Counts::default(), "in the menu it is offered to nobody");
        assert!(day.categories.is_empty());
        call.queued_at = Some(at(103));
        call.queue = Some("citizen".into());
        day.put(&call, within(), false);
        day.put(&call, within(), false);
        assert_eq!((day.all.offered, day.all.answered), (1, 0));
        (call.connected_at, call.operator) = (Some(at(110)), Some("1001".into()));
        day.put(&call, within(), false);
        assert_eq!((day.all.answered, day.all.answered_within), (1, 1));
        // The queue's time was shortened meanwhile: the record knows.
        (call.within_service_level, call.talk_ms) = (Some(false), 60_000);
        day.put(&call, within(), true);
        let counts = Counts { offered: 1, answered: 1, answered_within: 0, abandoned: 0 };
        assert_eq!((day.all, day.queues[&QueueId::from("citizen")]), (counts, counts));
        let worked = Worked { answered: 1, talk_ms: 60_000, ..Worked::default() };
        assert_eq!(day.operators[&OperatorId::from("1001")], worked);
        assert_eq!(day.categories, BTreeMap::from([("housing".to_string(), 1)]));
        assert_eq!(day.quarters, Quarters::from([(8 * 60, counts)]));
        assert!(day.open.is_empty());
    }

    #[test]
    fn an_offer_that_was_not_answered_counts_for_who_let_it_ring() {
        let mut day = Day::empty(at(0), TimeZone::UTC);
        let mut call = record(1, 100);
        let offer = |operator: &str, outcome: &str| {
            let (operator, seat, outcome) = (operator.into(), "8001".into(), outcome.into());
            crate::records::OfferRecord { operator, seat, at: at(110), outcome, ms: 20_000 }
        };
        call.offers = vec![offer("1001", "no_answer"), offer("1002", "rejected"), offer("1003", "answered")];
        (call.connected_at, call.operator) = (Some(at(150)), Some("1003".into()));
        let changed = day.put(&call, Told::default(), true);
        assert_eq!(changed, [OperatorId::from("1001"), "1003".into()]);
        assert_eq!(day.operators[&OperatorId::from("1001")], Worked { missed: 1, ..Worked::default() });
    }

    #[test]
    fn the_last_quarter_of_an_hour_slides() {
        let mut day = Day::empty(at(0), TimeZone::UTC);
        for (number, arrived, outcome) in [(1, 0, Outcome::AbandonedInQueue), (2, 840, Outcome::AbandonedInQueue)] {
            let mut call = record(number, arrived);
            (call.queued_at, call.queue, call.outcome) = (Some(at(arrived)), Some("citizen".into()), Some(outcome));
            day.put(&call, Told::default(), true);
        }
        let queue = QueueId::from("citizen");
        let offered =
            |day: &Day, second| (day.recent(at(second), None).offered, day.recent(at(second), Some(&queue)).offered);
        assert_eq!(offered(&day, 850), (2, 2));
        assert_eq!(offered(&day, 901), (1, 1));
        day.forget(at(3600));
        assert_eq!(offered(&day, 3600), (0, 0));
        assert_eq!((day.all.offered, day.all.abandoned), (2, 2));
    }
}
