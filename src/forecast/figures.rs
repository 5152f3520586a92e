//! What a day came to.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ids::{QueueId, Skill};

/// Where every call that was offered is, at any moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fates {
    pub offered: u64,
    pub answered: u64,
    /// Connected within the queue's `answer_within`.
    pub within: u64,
    /// Gave up, those included who did so within the queue's `short_abandon`.
    pub abandoned: u64,
    /// Of these, so many so soon that they do not count for the service level.
    pub short: u64,
    /// To a number outside.
    pub overflowed: u64,
    /// Hung up, to be called back.
    pub callback: u64,
    /// Left the line by a key, for a message, or by a rule without a way on.
    pub exits: u64,
    /// Could not join: closed, full, or nobody signed in.
    pub refused: u64,
    /// Still in a line.
    pub waiting: u64,
}

impl Fates {
    /// Every call that was offered is in one of these.
    pub fn are_conserved(&self) -> bool {
        let ended = self.answered + self.abandoned + self.overflowed + self.callback + self.exits + self.refused;
        self.offered == ended + self.waiting
    }

    /// A_T/O: answered within T, of all offered (short abandons are not counted as offered).
    pub fn service_level(&self) -> Option<f64> {
        share(self.within, self.offered - self.short)
    }

    pub fn abandonment(&self) -> Option<f64> {
        share(self.abandoned - self.short, self.offered - self.short)
    }
}

/// Time in microseconds that operators were busy (rung, talking, in wrap-up), and busy or ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Time {
    pub busy: u64,
    pub staffed: u64,
}

impl Time {
    pub fn occupancy(&self) -> Option<f64> {
        share(self.busy, self.staffed)
    }
}

/// Calls that arrived within the same quarter of an hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quarter {
    pub fates: Fates,
    /// The longest wait in the line, however it ended, in milliseconds.
    pub longest: u32,
}

/// How long a quarter is.
pub const QUARTER: Duration = Duration::from_secs(15 * 60);

/// The figures of one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    pub all: Fates,
    /// By the number of the quarter since the day began.
    pub quarters: BTreeMap<u32, Quarter>,
    /// By the queue that was called.
    pub queues: BTreeMap<QueueId, Fates>,
    /// Of the answered, in milliseconds, in order of their connection.
    pub waits: Vec<u32>,
    pub time: Time,
    /// Of those who have the skill, whatever they did with it.
    pub skills: BTreeMap<Skill, Time>,
    pub offers: u64,
    /// Offers that ran out.
    pub rona: u64,
    /// Served after somebody who came later, for no reason: must be 0.
    pub unexplained: u64,
    /// Callbacks whose customer was reached.
    pub called_back: u64,
    /// Operators who came to work and found no free seat.
    pub seatless: u64,
}

impl Figures {
    /// Average speed of answer, in seconds.
    pub fn asa(&self) -> Option<f64> {
        let sum: u64 = self.waits.iter().map(|ms| u64::from(*ms)).sum();
        (!self.waits.is_empty()).then(|| sum as f64 / self.waits.len() as f64 / 1000.0)
    }

    /// All figures by name, in the order in which they are read.
    pub fn rows(&self) -> Vec<Row> {
        let mut sorted = self.waits.clone();
        sorted.sort_unstable();
        let count = |n: u64| Some(n as f64);
        let mut rows = vec![
            Row::new("offered", Unit::Count, count(self.all.offered)),
            Row::new("answered", Unit::Count, count(self.all.answered)),
            Row::new("service_level", Unit::Share, self.all.service_level()),
            Row::new("wait_p50", Unit::Seconds, percentile(&sorted, 0.5)),
            Row::new("wait_p80", Unit::Seconds, percentile(&sorted, 0.8)),
            Row::new("wait_p95", Unit::Seconds, percentile(&sorted, 0.95)),
            Row::new("asa", Unit::Seconds, self.asa()),
            Row::new("abandonment", Unit::Share, self.all.abandonment()),
            Row::new("overflowed", Unit::Count, count(self.all.overflowed)),
            Row::new("callbacks", Unit::Count, count(self.all.callback)),
            Row::new("callbacks_reached", Unit::Count, count(self.called_back)),
            Row::new("exits", Unit::Count, count(self.all.exits)),
            Row::new("refused", Unit::Count, count(self.all.refused)),
            Row::new("still_waiting", Unit::Count, count(self.all.waiting)),
            Row::new("rona", Unit::Share, share(self.rona, self.offers)),
            Row::new("unexplained_overtakes", Unit::Count, count(self.unexplained)),
            Row::new("without_a_seat", Unit::Count, count(self.seatless)),
            Row::new("occupancy", Unit::Share, self.time.occupancy()),
        ];
        let of_skill = |(skill, time): (&Skill, &Time)| Row {
            of: Some(skill.to_string()),
            ..Row::new("occupancy", Unit::Share, time.occupancy())
        };
        rows.extend(self.skills.iter().map(of_skill));
        for (queue, fates) in &self.queues {
            let of = Some(queue.to_string());
            rows.push(Row { of: of.clone(), ..Row::new("service_level", Unit::Share, fates.service_level()) });
            rows.push(Row { of, ..Row::new("abandonment", Unit::Share, fates.abandonment()) });
        }
        rows
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    Count,
    /// 0 to 1.
    Share,
    Seconds,
}

/// One figure: `occupancy` of `english`.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub name: &'static str,
    /// A queue or a skill; `None`: the house.
    pub of: Option<String>,
    pub unit: Unit,
    /// `None`: there was nothing to measure.
    pub value: Option<f64>,
}

impl Row {
    fn new(name: &'static str, unit: Unit, value: Option<f64>) -> Row {
        Row { name, of: None, unit, value }
    }
}

/// The wait that this share of the answered did not exceed, in seconds.
fn percentile(sorted: &[u32], share: f64) -> Option<f64> {
    let place = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(place.max(1) - 1).map(|ms| f64::from(*ms) / 1000.0)
}

pub(super) fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
