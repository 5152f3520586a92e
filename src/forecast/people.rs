//! The people of a day: who calls and with how much patience, who works and when, and how they behave.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::draws::Law;
use crate::ids::{OperatorId, QueueId, Reason, SeatId, Skill};
use crate::moment::Moment;
use crate::queue::need::MAX_LEVEL;
use crate::queue::{Caller, Level, OperatorRules, Rules};

/// One caller's visit, with everything about it that does not depend on who serves it: two configurations are
/// compared with the same visits.
#[derive(Clone, Debug, PartialEq)]
pub struct Visit {
    pub at: Moment,
    pub queue: QueueId,
    pub number: Option<Caller>,
    /// After so long in the line the caller gives up.
    pub patience: Duration,
    /// With the operator.
    pub talk: Duration,
    /// After giving up the caller calls again so much later, with the same patience. `None`: never.
    pub redials_after: Option<Duration>,
    /// After so long in the line the caller presses the key for a callback, where the queue has one.
    pub asks_callback_after: Option<Duration>,
}

/// One stretch of work of one operator.
#[derive(Clone, Debug, PartialEq)]
pub struct Shift {
    /// Place in the roster.
    pub operator: usize,
    pub from: Moment,
    pub until: Moment,
    pub breaks: Vec<Break>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Break {
    pub at: Moment,
    pub lasts: Duration,
    pub reason: Reason,
}

/// How people take what the house asks of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Habits {
    /// How long a phone rings until its operator answers.
    pub answer: Law,
    /// Share of offers that are left to ring, 0 to 1.
    pub misses: f64,
    /// How long after that the operator is ready again.
    pub away: Law,
    /// Share of callbacks whose customer answers, 0 to 1, and after how long.
    pub customer_answers: f64,
    pub customer_rings: Law,
}

/// A day, drawn: everything that happens to the engine from outside.
#[derive(Clone, Debug, PartialEq)]
pub struct Day {
    pub from: Moment,
    pub until: Moment,
    /// Visits before this are played and not counted: the lines fill first.
    pub counts_from: Moment,
    /// In order of arrival.
    pub visits: Vec<Visit>,
    pub shifts: Vec<Shift>,
    pub habits: Habits,
}

/// The operators and seats that play a day.
#[derive(Clone, Debug, PartialEq)]
pub struct Staff {
    /// The rules, with whom they lack; nobody has a seat of their own, for the day says who sits where.
    pub rules: Rules,
    /// Everybody, so ordered that each part of the list has about the mix of skills of the whole.
    pub roster: Vec<OperatorId>,
    pub seats: Vec<SeatId>,
    /// When queues open and close, in order; all are open at first.
    pub doors: Vec<(Moment, QueueId, bool)>,
    /// Made up, because the rules name too few.
    pub added_operators: usize,
    pub added_seats: usize,
}

impl Staff {
    /// These operators, and so many and so many seats at least. Those that the rules lack are made up, with the
    /// skills of those that are there in turn; if nobody is there, with every skill that a queue needs.
    pub fn of(rules: &Rules, named: &BTreeSet<OperatorId>, operators: usize, seats: usize) -> Staff {
        let mut rules = rules.clone();
        for operator in rules.operators.values_mut() {
            operator.seat = None;
        }
        let mut models: Vec<BTreeMap<Skill, Level>> = rules.operators.values().map(|o| o.skills.clone()).collect();
        if models.is_empty() {
            let named: BTreeSet<Skill> =
                rules.queues.values().flat_map(|queue| queue.need.skills().into_iter().cloned()).collect();
            models.push(named.into_iter().map(|skill| (skill, MAX_LEVEL)).collect());
        }
        let (were, had) = (rules.operators.len(), rules.seats.len());
        let mut models = models.iter().cycle();
        let extra = (1..).map(|number: u32| OperatorId::from(format!("extra-{number:04}")));
        let missing: Vec<OperatorId> = named.iter().filter(|id| !rules.operators.contains_key(*id)).cloned().collect();
        let missed = missing.len();
        for (number, id) in missing.into_iter().chain(extra).enumerate() {
            if number >= missed && rules.operators.len() >= operators {
                break;
            }
            let skills = models.next().cloned().unwrap_or_default();
            rules.operators.entry(id).or_insert(OperatorRules { skills, weight: 1, ..OperatorRules::default() });
        }
        for number in 1_u32.. {
            if rules.seats.len() >= seats {
                break;
            }
            rules.seats.insert(format!("extra-{number:04}").into());
        }
        Staff {
            roster: mixed(&rules),
            seats: rules.seats.iter().cloned().collect(),
            doors: Vec::new(),
            added_operators: rules.operators.len() - were,
            added_seats: rules.seats.len() - had,
            rules,
        }
    }
}

/// Operators of the same skills spread evenly over the list.
fn mixed(rules: &Rules) -> Vec<OperatorId> {
    let mut alike: BTreeMap<&BTreeMap<Skill, Level>, Vec<&OperatorId>> = BTreeMap::new();
    for (id, operator) in &rules.operators {
        alike.entry(&operator.skills).or_default().push(id);
    }
    let mut placed: Vec<(u64, &OperatorId)> = Vec::new();
    for group in alike.values() {
        let step = 2_000_000_000 / group.len().max(1) as u64;
        placed.extend(group.iter().zip(0_u64..).map(|(id, at)| (at * step + step / 2, *id)));
    }
    placed.sort_unstable();
    placed.into_iter().map(|(_, id)| id.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::{QueueRules, parse_need};

    fn rules(operators: &[(&str, &str)]) -> Rules {
        let skilled = |skill: &str| OperatorRules { skills: [(skill.into(), 5)].into(), ..OperatorRules::default() };
        Rules {
            queues: [("q".into(), QueueRules::plain(parse_need("zh >= 2 and tax").unwrap()))].into(),
            operators: operators.iter().map(|(id, skill)| (OperatorId::from(*id), skilled(skill))).collect(),
            seats: ["s1".into()].into(),
            ..Rules::default()
        }
    }

    #[test]
    fn whom_the_rules_lack_is_made_up_with_the_skills_that_are_there() {
        let staff = Staff::of(&rules(&[("a", "zh"), ("b", "zh"), ("c", "en")]), &BTreeSet::new(), 30, 10);
        assert_eq!((staff.added_operators, staff.added_seats), (27, 9));
        assert_eq!((staff.rules.operators.len(), staff.roster.len(), staff.seats.len()), (30, 30, 10));
        let english =
            |ids: &[OperatorId]| ids.iter().filter(|id| staff.rules.operators[*id].skills.contains_key("en")).count();
        assert_eq!(english(&staff.roster), 10);
        for part in staff.roster.chunks(6) {
            assert_eq!(english(part), 2, "each part has the mix of the whole: {part:?}");
        }
        let nobody = Staff::of(&rules(&[]), &BTreeSet::new(), 1, 0);
        assert!(nobody.rules.queues["q"].need.is_met_by(&nobody.rules.operators["extra-0001"].skills));
        let named = [OperatorId::from("b"), "x".into()].into();
        let known = Staff::of(&rules(&[("a", "zh"), ("b", "zh")]), &named, 2, 1);
        assert_eq!((known.added_operators, known.roster.len()), (1, 3));
        assert!(known.rules.operators.contains_key("x"));
        let enough = Staff::of(&rules(&[("a", "zh"), ("b", "zh")]), &BTreeSet::new(), 1, 1);
        assert_eq!((enough.added_operators, enough.roster.len()), (0, 2));
    }
}
