//! Priorities and weights that work against what they are for.

use std::collections::BTreeMap;

use super::{Finding, ever_serves};
use crate::config::scalars::time_text;
use crate::ids::{OperatorId, Skill};
use crate::queue::{Level, Preference, QueueRules, Rules};

/// A queue that goes before another, though it may be answered later.
pub fn slack_priorities(rules: &Rules) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (id, queue) in rules.queues.iter().filter(|(_, queue)| is_urgent(queue) > (false, Default::default())) {
        let shares = |other: &QueueRules| {
            rules.operators.values().any(|operator| ever_serves(queue, operator) && ever_serves(other, operator))
        };
        let passed = rules.queues.iter().find(|(_, other)| {
            is_urgent(other) < is_urgent(queue) && other.answer_within < queue.answer_within && shares(other)
        });
        if let Some((other, of)) = passed {
            let key = if queue.emergency { "emergency" } else { "priority" };
            let what = format!(
                "goes before the queue {other}, which is to be answered within {}; this one has {}",
                time_text(of.answer_within),
                time_text(queue.answer_within)
            );
            findings.push(Finding::of_queue(id, &[key], what));
        }
    }
    findings
}

fn is_urgent(queue: &QueueRules) -> (bool, std::time::Duration) {
    (queue.emergency, queue.priority)
}

/// Preferences by which somebody with a higher level of a skill is asked after somebody with a lower one.
pub fn weights_upside_down(rules: &Rules) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (id, queue) in &rules.queues {
        let of_steps = queue.steps.iter().enumerate().filter_map(|(index, step)| {
            step.prefer.as_ref().map(|prefer| (vec!["step".to_string(), index.to_string(), "prefer".into()], prefer))
        });
        for (path, prefer) in std::iter::once((vec!["prefer".to_string()], &queue.prefer)).chain(of_steps) {
            for (skill, of_skill) in by_skill(prefer) {
                let Some((low, high)) = inversion(rules, queue, skill, &of_skill) else { continue };
                let what = format!(
                    "{} ({skill} {}) is asked after {} ({skill} {}): the weights of {skill} sum to {} and to {}",
                    high.0, high.1, low.0, low.1, high.2, low.2
                );
                let index = of_skill.first().map_or(0, |(index, _)| *index).to_string();
                let path: Vec<&str> = path.iter().map(String::as_str).chain([index.as_str(), "weight"]).collect();
                findings.push(Finding::of_queue(id, &path, what));
            }
        }
    }
    findings
}

/// Preferences about one skill alone, by skill, each with its index.
fn by_skill(prefer: &[Preference]) -> BTreeMap<&Skill, Vec<(usize, &Preference)>> {
    let mut by_skill: BTreeMap<&Skill, Vec<(usize, &Preference)>> = BTreeMap::new();
    for (index, preference) in prefer.iter().enumerate() {
        let mut skills = preference.need.skills();
        skills.dedup();
        if let [skill] = skills[..] {
            by_skill.entry(skill).or_default().push((index, preference));
        }
    }
    by_skill
}

/// Somebody, their level of the skill, and the weights that come of it.
type Weighed<'a> = (&'a OperatorId, Level, i32);

/// Two who serve the queue, of whom the one with the lower level weighs more.
fn inversion<'a>(
    rules: &'a Rules,
    queue: &QueueRules,
    skill: &Skill,
    prefer: &[(usize, &Preference)],
) -> Option<(Weighed<'a>, Weighed<'a>)> {
    let mut weighed: BTreeMap<Level, Weighed<'a>> = BTreeMap::new();
    for (id, operator) in rules.operators.iter().filter(|(_, operator)| ever_serves(queue, operator)) {
        let Some(level) = operator.skills.get(skill).copied() else { continue };
        let alone = BTreeMap::from([(skill.clone(), level)]);
        let weight = prefer.iter().filter(|(_, p)| p.need.is_met_by(&alone)).map(|(_, p)| p.weight).sum();
        weighed.entry(level).or_insert((id, level, weight));
    }
    let by_level: Vec<Weighed<'a>> = weighed.into_values().collect();
    by_level.windows(2).find(|pair| pair[0].2 > pair[1].2).map(|pair| (pair[0], pair[1]))
}
