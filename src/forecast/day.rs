//! A day that was never lived, from a small file: calls by the hour, patience, talks, shifts. What the file does
//! not say is as on a working day of a city of twenty million.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use jiff::civil::Date;
use rand::Rng;
use rand::rngs::StdRng;
use schemars::JsonSchema;
use serde::Deserialize;

use super::draws::{Law, WrittenTime, exponential};
use super::people::{Break, Day, Habits, Shift, Staff, Visit};
use crate::config::{self, Fault, OneFile, Time};
use crate::ids::QueueId;
use crate::moment::Moment;

const HOUR: Duration = Duration::from_secs(3600);
/// Calls in an hour and operators in a shift: more is a mistake in the file.
const MOST: f64 = 1_000_000.0;

/// The file as written. Unknown keys are faults.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct DayFile {
    /// The date, for the opening hours of the queues.
    date: Option<String>,
    /// Mean number of calls in each of the 24 hours.
    calls_by_hour: Option<Vec<f64>>,
    /// Share of calls by queue; they are scaled to a sum of 1.
    queues: Option<BTreeMap<String, f64>>,
    /// How long callers wait before they give up.
    patience: Option<WrittenTime>,
    /// How long they talk; wrap-up comes from the rules.
    talk: Option<WrittenTime>,
    redial: Option<Redial>,
    callback: Option<Callback>,
    /// The roster; who is in no shift has the day off.
    operators: Option<usize>,
    seats: Option<usize>,
    /// How long a phone rings until it is answered.
    answer: Option<WrittenTime>,
    /// Share of offers that are left to ring.
    misses: Option<f64>,
    /// How long after a missed offer the operator is ready again.
    away: Option<WrittenTime>,
    shift: Option<Vec<WrittenShift>>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Redial {
    /// Share of those who gave up that call again.
    share: f64,
    after: Time,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Callback {
    /// Share of callers who press the key for a callback, where there is one.
    share: f64,
    after: Time,
    /// Share of callbacks that the customer answers.
    answered: f64,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct WrittenShift {
    operators: usize,
    /// `08:00`.
    from: String,
    /// `16:00`; not later than `from` means on the next day.
    until: String,
    /// The operators come and go over this much time.
    spread: Option<Time>,
    breaks: Option<Vec<WrittenBreak>>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct WrittenBreak {
    /// After the beginning of the shift.
    after: Time,
    /// Not all go at once, but over this much time.
    spread: Option<Time>,
    lasts: Time,
    reason: String,
}

/// The day as meant.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub date: Date,
    pub calls_by_hour: [f64; 24],
    /// Shares with a sum of 1; empty: all queues alike.
    pub queues: Vec<(QueueId, f64)>,
    pub patience: Law,
    pub talk: Law,
    /// Share of those who gave up, and after how long.
    pub redial: (f64, Duration),
    /// Share of callers who ask to be called back, and after how long.
    pub callback: (f64, Duration),
    pub operators: usize,
    pub seats: usize,
    pub habits: Habits,
    pub shifts: Vec<ShiftPlan>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ShiftPlan {
    pub operators: usize,
    /// Since midnight; the end may be on the next day.
    pub from: Duration,
    pub until: Duration,
    pub spread: Duration,
    pub breaks: Vec<BreakPlan>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct BreakPlan {
    pub after: Duration,
    pub spread: Duration,
    pub lasts: Duration,
    pub reason: String,
}

/// 70,000 calls, 52,000 of them before 16:00, 7,000 in the busiest hour.
const CALLS_BY_HOUR: [f64; 24] = [
    700.0, 450.0, 350.0, 300.0, 350.0, 600.0, 1300.0, 2800.0, 5600.0, 7000.0, 7000.0, 6200.0, 4300.0, 4400.0, 5500.0,
    5400.0, 4200.0, 3300.0, 2600.0, 2200.0, 1900.0, 1500.0, 1150.0, 900.0,
];
/// Operators, and from and until when they work, in minutes since midnight.
const SHIFTS: [(usize, u64, u64); 7] = [
    (80, 1320, 1800),
    (150, 345, 825),
    (160, 405, 885),
    (250, 465, 945),
    (160, 525, 1005),
    (270, 885, 1365),
    (100, 945, 1425),
];

impl Default for Plan {
    fn default() -> Plan {
        let (seconds, minutes) = (Duration::from_secs, |n: u64| Duration::from_secs(60 * n));
        Plan {
            date: jiff::civil::date(2026, 11, 24),
            calls_by_hour: CALLS_BY_HOUR,
            queues: Vec::new(),
            patience: Law::Exponential(seconds(180)),
            talk: Law::LogNormal { mean: seconds(285), cv: 0.8 },
            redial: (0.3, seconds(45)),
            callback: (0.1, seconds(60)),
            operators: 1700,
            seats: 750,
            habits: Habits {
                answer: Law::LogNormal { mean: seconds(3), cv: 0.5 },
                misses: 0.005,
                away: Law::Exponential(seconds(120)),
                customer_answers: 0.7,
                customer_rings: Law::LogNormal { mean: seconds(8), cv: 0.5 },
            },
            shifts: SHIFTS
                .map(|(operators, from, until)| ShiftPlan {
                    operators,
                    from: minutes(from),
                    until: minutes(until),
                    spread: minutes(15),
                    breaks: vec![
                        BreakPlan {
                            after: minutes(60),
                            spread: minutes(90),
                            lasts: minutes(10),
                            reason: "break".into(),
                        },
                        BreakPlan {
                            after: minutes(180),
                            spread: minutes(120),
                            lasts: minutes(30),
                            reason: "meal".into(),
                        },
                    ],
                })
                .to_vec(),
        }
    }
}

impl Plan {
    /// Reads a file; what it does not say is as in [`Plan::default`].
    pub fn read(path: &Path) -> Result<Plan, Vec<Fault>> {
        let file = config::read_file::<DayFile>(path)?;
        let mut faults = Vec::new();
        let plan = meant(&file, &mut faults);
        if faults.is_empty() { Ok(plan) } else { Err(faults) }
    }

    /// Operators and seats without whom the shifts cannot be worked.
    pub fn needs(&self) -> (usize, usize) {
        let in_shifts = self.shifts.iter().map(|shift| shift.operators).sum();
        (self.operators.max(in_shifts), self.seats)
    }

    /// One such day, beginning at this midnight, for a house with these queues.
    pub fn draw(&self, midnight: Moment, staff: &Staff, rng: &mut StdRng) -> Day {
        let shares: Vec<(QueueId, f64)> = match self.queues.is_empty() {
            true => staff.rules.queues.keys().map(|id| (id.clone(), 1.0)).collect(),
            false => self.queues.clone(),
        };
        let mut visits = Vec::new();
        let mut at = Duration::ZERO;
        while let Some(next) = self.next_arrival(at, rng) {
            at = next;
            visits.push(self.visit(midnight + at, visits.len(), &shares, rng));
        }
        let mut shifts = Vec::new();
        let mut operator = 0;
        for plan in &self.shifts {
            for _ in 0..plan.operators {
                shifts.extend(plan.draw(midnight, operator, rng));
                operator += 1;
            }
        }
        let until = midnight + HOUR * 24;
        shifts.retain(|shift| shift.from < until && shift.until > midnight);
        Day { from: midnight, until, counts_from: midnight, visits, shifts, habits: self.habits.clone() }
    }

    /// A Poisson stream whose rate changes with the hour.
    fn next_arrival(&self, at: Duration, rng: &mut StdRng) -> Option<Duration> {
        let mut due = exponential(Duration::from_secs(1), rng).as_secs_f64();
        let mut at = at.as_secs_f64();
        for hour in (at / 3600.0) as usize..24 {
            let rate = self.calls_by_hour[hour] / 3600.0;
            let left = (hour as f64 + 1.0) * 3600.0 - at;
            if due < rate * left {
                return Duration::try_from_secs_f64(at + due / rate).ok().filter(|at| *at < HOUR * 24);
            }
            due -= rate * left;
            at += left;
        }
        None
    }

    fn visit(&self, at: Moment, number: usize, shares: &[(QueueId, f64)], rng: &mut StdRng) -> Visit {
        let sum: f64 = shares.iter().map(|(_, share)| share).sum();
        let mut dice = rng.random::<f64>() * sum;
        let chosen = shares.iter().find(|(_, share)| {
            dice -= share;
            dice < 0.0
        });
        let queue = chosen.or(shares.last()).map_or_else(|| QueueId::from(""), |(queue, _)| queue.clone());
        let (patience, talk) = (self.patience.draw(rng), self.talk.draw(rng));
        let redials_after = rng.random_bool(self.redial.0).then_some(self.redial.1);
        let asks_callback_after = rng.random_bool(self.callback.0).then_some(self.callback.1);
        Visit {
            at,
            queue,
            number: Some(format!("caller-{number}").into()),
            patience,
            talk,
            redials_after,
            asks_callback_after,
        }
    }
}

impl ShiftPlan {
    /// One operator's work. A shift that goes on after midnight was worked yesterday too: the same operators are
    /// there in the morning.
    fn draw(&self, midnight: Moment, operator: usize, rng: &mut StdRng) -> Vec<Shift> {
        let shifted = part_of(self.spread, rng);
        let breaks: Vec<(Duration, &BreakPlan)> = self
            .breaks
            .iter()
            .map(|plan| (self.from + shifted + plan.after + part_of(plan.spread, rng), plan))
            .collect();
        let yesterday = (self.until > HOUR * 24).then_some(HOUR * 24);
        let stretches = [Some(Duration::ZERO), yesterday];
        let stretch = |back: Duration| Shift {
            operator,
            from: midnight + (self.from + shifted).saturating_sub(back),
            until: midnight + (self.until + shifted).saturating_sub(back),
            breaks: breaks
                .iter()
                .filter(|(at, _)| *at >= back)
                .map(|(at, plan)| Break {
                    at: midnight + (*at - back),
                    lasts: plan.lasts,
                    reason: plan.reason.as_str().into(),
                })
                .collect(),
        };
        stretches.into_iter().flatten().map(stretch).collect()
    }
}

fn part_of(whole: Duration, rng: &mut StdRng) -> Duration {
    whole.mul_f64(rng.random::<f64>())
}

// ---------------------------------------------------------------------------------------------
// From the file

fn meant(file: &OneFile<DayFile>, faults: &mut Vec<Fault>) -> Plan {
    let (written, mut plan) = (&file.written, Plan::default());
    if let Some(text) = &written.date {
        match text.parse() {
            Ok(date) => plan.date = date,
            Err(_) => faults.push(file.fault(&["date"], format!("found {text:?}; a date looks like 2026-11-24"))),
        }
    }
    if let Some(calls) = &written.calls_by_hour {
        match <[f64; 24]>::try_from(calls.clone()) {
            Ok(calls) if calls.iter().all(|calls| (0.0..=MOST).contains(calls)) => plan.calls_by_hour = calls,
            Ok(_) => faults.push(file.fault(&["calls_by_hour"], format!("each number is from 0 to {MOST}"))),
            Err(calls) => {
                let what = format!("found {} numbers; one for each of the 24 hours is meant", calls.len());
                faults.push(file.fault(&["calls_by_hour"], what));
            }
        }
    }
    if let Some(queues) = &written.queues {
        plan.queues = queues.iter().map(|(id, share)| (QueueId::from(id.as_str()), *share)).collect();
        for (id, _) in queues.iter().filter(|(_, share)| !(share.is_finite() && **share >= 0.0)) {
            faults.push(file.fault(&["queues", id], "a share is 0 or more"));
        }
        if queues.values().sum::<f64>() <= 0.0 {
            faults.push(file.fault(&["queues"], "nobody calls any queue"));
        }
    }
    let mut law = |key: &str, written: &Option<WrittenTime>, into: &mut Law| {
        let Some(written) = written else { return };
        *into = written.law();
        faults.extend(written.faults().map(|fault| file.fault(&[key, "cv"], fault)));
    };
    law("patience", &written.patience, &mut plan.patience);
    law("talk", &written.talk, &mut plan.talk);
    law("answer", &written.answer, &mut plan.habits.answer);
    law("away", &written.away, &mut plan.habits.away);
    let mut share = |path: &[&str], written: Option<f64>, into: &mut f64| match written {
        None => {}
        Some(share) if (0.0..=1.0).contains(&share) => *into = share,
        Some(share) => faults.push(file.fault(path, format!("found {share}; a share is from 0 to 1"))),
    };
    share(&["misses"], written.misses, &mut plan.habits.misses);
    share(&["redial", "share"], written.redial.as_ref().map(|r| r.share), &mut plan.redial.0);
    share(&["callback", "share"], written.callback.as_ref().map(|c| c.share), &mut plan.callback.0);
    share(&["callback", "answered"], written.callback.as_ref().map(|c| c.answered), &mut plan.habits.customer_answers);
    plan.redial.1 = written.redial.as_ref().map_or(plan.redial.1, |redial| redial.after.0);
    plan.callback.1 = written.callback.as_ref().map_or(plan.callback.1, |callback| callback.after.0);
    if let Some(shifts) = &written.shift {
        plan.shifts.clear();
        for (index, shift) in shifts.iter().enumerate() {
            plan.shifts.extend(shift_meant(file, index, shift, faults));
        }
        plan.operators = 0;
    }
    plan.operators = written.operators.unwrap_or(plan.operators);
    plan.seats = written.seats.unwrap_or(plan.seats);
    let (operators, seats) = plan.needs();
    if operators as f64 > MOST || seats as f64 > MOST {
        faults.push(file.fault(&["operators"], format!("{operators} operators at {seats} seats; at most {MOST}")));
    }
    plan
}

fn shift_meant(
    file: &OneFile<DayFile>,
    index: usize,
    shift: &WrittenShift,
    faults: &mut Vec<Fault>,
) -> Option<ShiftPlan> {
    let index = index.to_string();
    let mut clock = |key: &str, text: &str| {
        let time = clock(text);
        if time.is_none() {
            let what = format!("found {text:?}; a time of day looks like 08:00");
            faults.push(file.fault(&["shift", &index, key], what));
        }
        time
    };
    let (from, until) = (clock("from", &shift.from), clock("until", &shift.until));
    let (from, until) = (from?, until?);
    let breaks = shift.breaks.iter().flatten().map(|rest| BreakPlan {
        after: rest.after.0,
        spread: rest.spread.as_ref().map_or(Duration::ZERO, |time| time.0),
        lasts: rest.lasts.0,
        reason: rest.reason.clone(),
    });
    Some(ShiftPlan {
        operators: shift.operators,
        from,
        until: if until <= from { until + HOUR * 24 } else { until },
        spread: shift.spread.as_ref().map_or(Duration::ZERO, |time| time.0),
        breaks: breaks.collect(),
    })
}

/// `08:30`, since midnight; `24:00` is the end of the day.
fn clock(text: &str) -> Option<Duration> {
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes): (u64, u64) = (hours.parse().ok()?, minutes.parse().ok()?);
    let sound = minutes < 60 && (hours < 24 || (hours, minutes) == (24, 0));
    sound.then(|| Duration::from_secs(3600 * hours + 60 * minutes))
}
