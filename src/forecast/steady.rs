//! One hour like the next: a load that does not change on pools of operators that do not either, as Erlang's
//! formulas suppose it.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;

use super::draws::{Law, exponential};
use super::people::{Day, Habits, Shift, Staff, Visit};
use crate::erlang::Load;
use crate::ids::{QueueId, SeatId, Skill};
use crate::moment::Moment;
use crate::queue::{Need, OperatorRules, QueueRules, Rules};

/// Of endless patience.
const NEVER: Duration = Duration::from_secs(1000 * 24 * 3600);
/// So many calls are played, for a figure that chance does not move much.
const CALLS: f64 = 28_000.0;
/// Any time will do; one day keeps places with a head start after 1970.
const BEGINS: Moment = Moment::from_micros(24 * 3600 * 1_000_000);

#[derive(Clone, Debug, PartialEq)]
pub struct Steady {
    pub load: Load,
    /// Mean of an exponential patience; `None`: endless.
    pub patience: Option<Duration>,
    /// Each pool serves its own part of the calls.
    pub pools: u32,
    /// In each pool.
    pub operators: u32,
    pub within: Duration,
    /// The lines fill for so long before anything counts.
    pub fills_for: Duration,
    pub lasts: Duration,
    pub habits: Habits,
}

impl Steady {
    /// One pool whose phones are answered at once, which is what the formulas suppose.
    pub fn of(load: Load, patience: Option<Duration>, operators: u32, within: Duration) -> Steady {
        let habits = Habits {
            answer: Law::Constant(Duration::ZERO),
            misses: 0.0,
            away: Law::Constant(Duration::ZERO),
            customer_answers: 0.0,
            customer_rings: Law::Constant(Duration::ZERO),
        };
        let enough = Duration::try_from_secs_f64(CALLS * 3600.0 / load.calls_per_hour).unwrap_or(NEVER).min(NEVER);
        let (fills_for, lasts) = (load.handle_time * 6, enough.max(load.handle_time * 24));
        Steady { load, patience, pools: 1, operators, within, fills_for, lasts, habits }
    }

    pub fn staff(&self) -> Staff {
        let mut rules = Rules { version: 1, exclude_for: Duration::from_secs(30), ..Rules::default() };
        for pool in 0..self.pools {
            let skill = Skill::from(format!("pool-{pool}"));
            let queue = QueueRules {
                wrap_up: Duration::ZERO,
                max_waiting: usize::MAX,
                answer_within: self.within,
                ..QueueRules::plain(Need::AtLeast(skill.clone(), 1))
            };
            rules.queues.insert(line(pool), queue);
            for operator in 0..self.operators {
                let skills = BTreeMap::from([(skill.clone(), 1)]);
                let id = format!("operator-{pool:03}-{operator:05}");
                rules.seats.insert(SeatId::from(id.as_str()));
                rules.operators.insert(id.into(), OperatorRules { skills, weight: 1, ..OperatorRules::default() });
            }
        }
        Staff::of(&rules, &Default::default(), 0, 0)
    }

    pub fn draw(&self, rng: &mut StdRng) -> Day {
        let counts_from = BEGINS + self.fills_for;
        let until = counts_from + self.lasts;
        let mut visits = Vec::new();
        // Nobody calls: the first would come after the end.
        let apart = Duration::try_from_secs_f64(3600.0 / self.load.calls_per_hour).unwrap_or(NEVER * 2);
        let mut at = BEGINS;
        loop {
            at = at + exponential(apart, rng);
            if at >= until {
                break;
            }
            let patience = self.patience.map_or(NEVER, |mean| exponential(mean, rng));
            let talk = exponential(self.load.handle_time, rng);
            let queue = line(rng.random_range(0..self.pools.max(1)));
            visits.push(Visit {
                at,
                queue,
                number: None,
                patience,
                talk,
                redials_after: None,
                asks_callback_after: None,
            });
        }
        let everybody = (self.operators * self.pools) as usize;
        let shift = |operator| Shift { operator, from: BEGINS, until: until + NEVER, breaks: Vec::new() };
        let shifts = (0..everybody).map(shift).collect();
        Day { from: BEGINS, until, counts_from, visits, shifts, habits: self.habits.clone() }
    }
}

fn line(pool: u32) -> QueueId {
    format!("pool-{pool}").into()
}
