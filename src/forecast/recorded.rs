//! A day that was lived, from the records: who called when and for which queue, how long they talked, how long
//! those who gave up had waited.
//!
//! Of a caller who was answered it is known only that their patience was longer than the wait; how much longer is
//! drawn by the mean patience that the day shows. Who was not answered talks as long as others of their queue did.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;

use super::day::Plan;
use super::draws::{Law, exponential};
use super::people::{Day, Habits, Shift, Staff, Visit};
use crate::ids::{OperatorId, QueueId, SeatId};
use crate::moment::Moment;
use crate::queue::Caller;
use crate::records::{LineOutcome, OfferOutcome, Outcome, Range, ReadFault, Record, read};

/// Who was offered nothing for longer was not at work in between.
const ABSENCE: Duration = Duration::from_secs(30 * 60);
/// Assumed of a day on which nobody gave up.
const PATIENCE: Duration = Duration::from_secs(600);

/// What is kept of one call.
#[derive(Clone, Debug, PartialEq)]
struct Call {
    at: Moment,
    queue: QueueId,
    number: Option<Caller>,
    waited: Duration,
    gave_up: bool,
    asked_callback: bool,
    talk: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    from: Moment,
    until: Moment,
    calls: Vec<Call>,
    /// When each operator was at work.
    work: BTreeMap<OperatorId, Vec<(Moment, Moment)>>,
    seats: usize,
    habits: Habits,
    /// Mean patience, as those who gave up and those who did not show it together.
    patience: Duration,
    talks: BTreeMap<QueueId, Law>,
}

impl Recorded {
    /// The calls that joined a line, of those that arrived in this time.
    pub fn read(data: &Path, from: Moment, until: Moment) -> Result<Recorded, ReadFault> {
        let mut seen = Seen::default();
        read(data, Range { since: Some(from), until: Some(until) }, |record| {
            seen.saw(&record);
            Ok(())
        })?;
        Ok(seen.finish(from, until))
    }

    pub fn calls(&self) -> usize {
        self.calls.len()
    }

    pub fn queues(&self) -> BTreeSet<&QueueId> {
        self.calls.iter().map(|call| &call.queue).collect()
    }

    /// Everybody who was offered a call.
    pub fn operators(&self) -> BTreeSet<OperatorId> {
        self.work.keys().cloned().collect()
    }

    /// Phones that rang.
    pub fn seats(&self) -> usize {
        self.seats
    }

    pub fn draw(&self, staff: &Staff, rng: &mut StdRng) -> Day {
        let mut visits: Vec<Visit> = self.calls.iter().map(|call| self.visit(call, rng)).collect();
        visits.sort_by_key(|visit| visit.at);
        let places: BTreeMap<&OperatorId, usize> = staff.roster.iter().zip(0..).collect();
        let mut shifts = Vec::new();
        for (id, stretches) in &self.work {
            let Some(operator) = places.get(id).copied() else { continue };
            let shift = |(from, until): &(Moment, Moment)| Shift {
                operator,
                from: (*from).max(self.from),
                until: *until,
                breaks: Vec::new(),
            };
            shifts.extend(stretches.iter().map(shift));
        }
        let (from, until) = (self.from, self.until);
        Day { from, until, counts_from: from, visits, shifts, habits: self.habits.clone() }
    }

    fn visit(&self, call: &Call, rng: &mut StdRng) -> Visit {
        // Drawn for everybody, so that one more who gave up changes nothing for the others.
        let longer = exponential(self.patience, rng);
        let other = self.talks.get(&call.queue).map_or(Duration::ZERO, |law| law.draw(rng));
        Visit {
            at: call.at,
            queue: call.queue.clone(),
            number: call.number.clone(),
            patience: if call.gave_up { call.waited } else { call.waited + longer },
            talk: call.talk.unwrap_or(other),
            // A second call is a record of its own.
            redials_after: None,
            asks_callback_after: call.asked_callback.then_some(call.waited),
        }
    }
}

#[derive(Default)]
struct Seen {
    calls: Vec<Call>,
    active: BTreeMap<OperatorId, Vec<(Moment, Moment)>>,
    seats: BTreeSet<SeatId>,
    answered: Vec<u32>,
    missed: usize,
    talks: BTreeMap<QueueId, Vec<u32>>,
}

impl Seen {
    fn saw(&mut self, record: &Record) {
        for offer in &record.offers {
            self.seats.insert(offer.seat.clone());
            match offer.outcome {
                OfferOutcome::Answered => self.answered.push(u32::try_from(offer.ms).unwrap_or(u32::MAX)),
                OfferOutcome::NoAnswer => self.missed += 1,
                _ => {}
            }
            let rung = offer.at + Duration::from_millis(offer.ms);
            let talked = record.operator.as_ref() == Some(&offer.operator);
            let until = record.ended_at.filter(|ended| talked && *ended > rung).unwrap_or(rung);
            self.active.entry(offer.operator.clone()).or_default().push((offer.at, until));
        }
        // An operator who waited beside a talk is none.
        if record.lines.iter().any(|line| line.outcome == LineOutcome::Withdrawn) {
            return;
        }
        // Where they came in; what followed a transfer is no arrival.
        let first = record.lines.first();
        let queue = first.map(|line| line.queue.clone()).or(record.queue.clone());
        let (Some(at), Some(queue)) = (record.queued_at, queue) else { return };
        let talk = record.connected_at.map(|_| Duration::from_millis(record.talk_ms));
        if talk.is_some() {
            let talks = self.talks.entry(queue.clone()).or_default();
            talks.push(u32::try_from(record.talk_ms).unwrap_or(u32::MAX));
        }
        self.calls.push(Call {
            at,
            queue,
            number: Some(record.from.as_str()).filter(|from| !from.is_empty()).map(Caller::from),
            waited: Duration::from_millis(match talk {
                Some(_) => {
                    record.lines.iter().find(|line| line.operator.is_some()).map_or(record.wait_ms, |l| l.wait_ms)
                }
                None => record.wait_ms,
            }),
            gave_up: talk.is_none() && record.outcome == Some(Outcome::AbandonedInQueue),
            asked_callback: record.outcome == Some(Outcome::Callback),
            talk,
        });
    }

    fn finish(self, from: Moment, until: Moment) -> Recorded {
        // Of times that are exponential and seen only in part, the mean is all that was waited by those who left.
        let waited: Duration = self.calls.iter().map(|call| call.waited).sum();
        let gave_up = self.calls.iter().filter(|call| call.gave_up).count();
        let patience = waited.checked_div(u32::try_from(gave_up).unwrap_or(u32::MAX)).unwrap_or(PATIENCE);
        let mut habits = Plan::default().habits;
        if !self.answered.is_empty() {
            habits.misses = self.missed as f64 / (self.missed + self.answered.len()) as f64;
            habits.answer = Law::Seen(self.answered.into());
        }
        let law = |times: Vec<u32>| Law::Seen(Arc::from(times));
        Recorded {
            from,
            until,
            calls: self.calls,
            work: self.active.into_iter().map(|(id, busy)| (id, stretches(busy))).collect(),
            seats: self.seats.len(),
            habits,
            patience,
            talks: self.talks.into_iter().map(|(queue, times)| (queue, law(times))).collect(),
        }
    }
}

/// Busy times, joined where little time is between them.
fn stretches(mut busy: Vec<(Moment, Moment)>) -> Vec<(Moment, Moment)> {
    busy.sort_unstable();
    let mut joined: Vec<(Moment, Moment)> = Vec::new();
    for (from, until) in busy {
        match joined.last_mut() {
            Some(last) if last.1 + ABSENCE >= from => last.1 = last.1.max(until),
            _ => joined.push((from, until)),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::forecast::trial;
    use crate::ids::CallId;
    use crate::queue::{Need, QueueRules, Rules};
    use crate::records::{LineRecord, OfferRecord};

    const MORNING: Moment = Moment::from_micros(1_800_000_000_000_000);

    fn at(seconds: u64) -> Moment {
        MORNING + Duration::from_secs(seconds)
    }

    /// Joined at, waited, talked (none: gave up), with whom.
    fn record(joined: u64, wait: u64, talk: Option<u64>, operator: &str) -> Record {
        let text = format!(
            r#"{{"call_id":"{}","sip_call_id":"x","from":"138{joined}","to":"12345","arrived_at":0,"choices":"",
                "offers":[],"wait_ms":{},"talk_ms":{},"hold_ms":0}}"#,
            CallId(joined + 1),
            wait * 1000,
            talk.unwrap_or(0) * 1000,
        );
        let mut record: Record = serde_json::from_str(&text).unwrap();
        record.arrived_at = at(joined);
        record.queued_at = Some(at(joined));
        record.queue = Some("q".into());
        record.outcome = Some(if talk.is_some() { Outcome::Answered } else { Outcome::AbandonedInQueue });
        let ended = at(joined + wait + talk.unwrap_or(0));
        record.ended_at = Some(ended);
        if talk.is_some() {
            record.connected_at = Some(at(joined + wait));
            record.operator = Some(operator.into());
            record.offers.push(OfferRecord {
                operator: operator.into(),
                seat: "s1".into(),
                at: at(joined + wait) - Duration::from_secs(2),
                outcome: OfferOutcome::Answered,
                ms: 2000,
            });
        }
        record
    }

    fn visit(outcome: &str) -> LineRecord {
        let text = format!(r#"{{"queue":"q","joined_at":0,"left_at":1,"outcome":"{outcome}","wait_ms":7000}}"#);
        serde_json::from_str(&text).unwrap()
    }

    fn lived(records: &[Record]) -> Recorded {
        let mut seen = Seen::default();
        records.iter().for_each(|record| seen.saw(record));
        seen.finish(MORNING, at(24 * 3600))
    }

    #[test]
    fn a_day_is_learned_from_its_records() {
        // An operator's second line, which a rule moved before they took it back.
        let mut no_caller = record(15, 7, None, "");
        no_caller.lines = ["moved", "withdrawn"].map(visit).into();
        let day = lived(&[
            no_caller,
            record(10, 5, Some(100), "1001"),
            record(20, 30, None, ""),
            record(200, 5, Some(300), "1001"),
            record(9000, 5, Some(60), "1001"),
        ]);
        assert_eq!((day.calls(), day.seats(), day.operators()), (4, 1, ["1001".into()].into()));
        // 45 seconds were waited in all, and one gave up.
        assert_eq!(day.patience, Duration::from_secs(45));
        assert_eq!(day.work[&OperatorId::from("1001")], [(at(13), at(505)), (at(9003), at(9065))]);
        let staff = Staff::of(&Rules::default(), &day.operators(), 0, 1);
        let drawn = day.draw(&staff, &mut StdRng::seed_from_u64(1));
        let patience: Vec<Duration> = drawn.visits.iter().map(|visit| visit.patience).collect();
        assert_eq!(patience[1], Duration::from_secs(30), "known, for they gave up");
        assert!(patience[0] > Duration::from_secs(5), "longer than what they waited");
        let talks: Vec<u64> = drawn.visits.iter().map(|visit| visit.talk.as_secs()).collect();
        assert_eq!((talks[0], talks[2], talks[3]), (100, 300, 60));
        assert!([100, 300, 60].contains(&talks[1]), "as long as others did");
    }

    #[test]
    fn a_recorded_day_can_be_played_again() {
        let records: Vec<Record> = (0..200)
            .map(|n| record(60 + n * 30, 4, (n % 10 != 9).then_some(40), if n % 2 == 0 { "1001" } else { "1002" }))
            .collect();
        let day = lived(&records);
        let rules = Rules { queues: [("q".into(), QueueRules::plain(Need::Anyone))].into(), ..Rules::default() };
        let staff = Staff::of(&rules, &day.operators(), 0, 2);
        let figures = trial(&staff, 1, |rng| day.draw(&staff, rng), |_| {});
        assert_eq!(figures.all.offered, 200);
        assert!(figures.all.answered > 150 && figures.all.are_conserved(), "{:?}", figures.all);
        assert_eq!(figures.all.abandoned + figures.all.answered + figures.all.waiting, 200);
    }
}
