//! How many operators a load takes: by Erlang's formulas, and by playing it.

use std::time::Duration;

use super::draws::Law;
use super::steady::Steady;
use super::trials::trial;
use crate::erlang::{self, Load, Prospect};

/// By how much the handle time grows to show the cliff.
pub const LONGER: f64 = 1.1;
/// How long a phone rings until it is answered, and the share of offers that are left to ring, of people.
const ANSWER: (Duration, f64) = (Duration::from_secs(3), 0.5);

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Staffing {
    pub load: Load,
    /// Share of calls to be answered `within`, 0 to 1.
    pub target: f64,
    pub within: Duration,
    /// Mean patience of the callers; `None`: endless.
    pub patience: Option<Duration>,
}

impl Staffing {
    /// The same load with handle times ten percent longer.
    pub fn longer(self) -> Staffing {
        let handle_time = self.load.handle_time.mul_f64(LONGER);
        Staffing { load: Load { handle_time, ..self.load }, ..self }
    }

    /// By Erlang C; exact, and pessimistic where callers give up.
    pub fn by_erlang_c(self) -> Option<u32> {
        erlang::servers_for(self.load, self.target, self.within)
    }

    /// By Erlang A; `None` also if no patience was given.
    pub fn by_erlang_a(self) -> Option<u32> {
        erlang::servers_for_impatient(self.load, self.patience?, self.target, self.within)
    }

    /// Operators in all, where each of these equal pools serves its own part of the calls and nobody else's.
    pub fn in_pools(self, pools: u32) -> Option<u32> {
        let one = Staffing { load: self.load.part(pools), ..self };
        one.by_erlang_c()?.checked_mul(pools)
    }

    /// What so many operators make of it, by Erlang A if there is a patience, else by Erlang C.
    pub fn with(self, operators: u32) -> Prospect {
        match self.patience {
            Some(patience) => erlang::with_abandonment(operators, self.load, patience, self.within),
            None => erlang::without_abandonment(operators, self.load, self.within),
        }
    }

    /// What is played for so many operators. `as_people`: they take a moment to answer, as people do; else at
    /// once, as the formulas suppose.
    pub fn steady(self, operators: u32, as_people: bool) -> Steady {
        let mut steady = Steady::of(self.load, self.patience, operators, self.within);
        if as_people {
            steady.habits.answer = Law::LogNormal { mean: ANSWER.0, cv: ANSWER.1 };
        }
        steady
    }

    /// Between which numbers the search by playing looks.
    pub fn bounds(self) -> Option<(u32, u32)> {
        let most = self.by_erlang_c()?;
        // A moment to answer keeps both phone and caller: as if each call took so much longer.
        let slower = Load { handle_time: self.load.handle_time + 2 * ANSWER.0, ..self.load };
        let least = self.by_erlang_a().unwrap_or(most);
        Some((least - least / 20, erlang::servers_for(slower, self.target, self.within)?.max(most) + most / 20 + 2))
    }
}

/// The share answered in time; `None` if nobody called.
pub fn service_level(steady: &Steady, seed: u64) -> Option<f64> {
    trial(&steady.staff(), seed, |rng| steady.draw(rng), |_| {}).all.service_level()
}

/// The smallest number from `low` to `high` that `suffices`, where more never suffice less; `None` if not even
/// `high` does.
pub fn smallest(mut low: u32, mut high: u32, mut suffices: impl FnMut(u32) -> bool) -> Option<u32> {
    let most = high;
    while low < high {
        let middle = low + (high - low) / 2;
        if suffices(middle) { high = middle } else { low = middle + 1 }
    }
    (low < most || suffices(most)).then_some(low)
}
