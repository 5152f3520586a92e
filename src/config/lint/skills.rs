//! Skills that nobody holds or asks for; needs, preferences and steps that make no difference.

use std::collections::{BTreeMap, BTreeSet};

use super::{About, Finding, ever_serves};
use crate::ids::{OperatorId, Skill};
use crate::queue::{Need, OperatorRules, QueueRules, Rules};

/// Declared, and nobody holds it.
pub fn unheld(rules: &Rules, declared: &[String]) -> Vec<Finding> {
    let held = |skill: &str| rules.operators.values().any(|operator| operator.skills.contains_key(skill));
    let unheld = declared.iter().enumerate().filter(|(_, skill)| !held(skill));
    let told = |(index, skill): (usize, &String)| {
        let what = format!("nobody holds the skill {skill}");
        Finding::warning(About::Skills, &["skills", &index.to_string()], what)
    };
    unheld.map(told).collect()
}

/// Held, and no rule asks for it.
pub fn unasked(rules: &Rules) -> Vec<Finding> {
    let asked: BTreeSet<&Skill> = rules.queues.values().flat_map(needs).flat_map(Need::skills).collect();
    let mut holders: BTreeMap<&Skill, Vec<&OperatorId>> = BTreeMap::new();
    for (id, operator) in &rules.operators {
        for skill in operator.skills.keys().filter(|skill| !asked.contains(skill)) {
            holders.entry(skill).or_default().push(id);
        }
    }
    let told = |(skill, holders): (&Skill, Vec<&OperatorId>)| {
        let first = *holders.first()?;
        let what = format!("no queue asks for the skill {skill}; operators who have it: {}", holders.len());
        Some(Finding::warning(About::Operator(first.clone()), &["skills", skill.as_str()], what))
    };
    holders.into_iter().filter_map(told).collect()
}

/// Every need of a queue: its own, its steps', and those of its preferences.
fn needs(queue: &QueueRules) -> impl Iterator<Item = &Need> {
    let steps = queue.steps.iter().flat_map(|step| {
        std::iter::once(&step.need).chain(step.prefer.iter().flatten().map(|preference| &preference.need))
    });
    std::iter::once(&queue.need).chain(queue.prefer.iter().map(|preference| &preference.need)).chain(steps)
}

/// Queues that nobody can serve.
pub fn unserved(rules: &Rules) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (id, queue) in &rules.queues {
        let meets = |operator: &OperatorRules| queue.need.is_met_by(&operator.skills);
        if rules.operators.values().any(meets) {
            continue;
        }
        let what = if rules.operators.values().any(|operator| ever_serves(queue, operator)) {
            "no operator meets it: every caller waits for a step".to_string()
        } else {
            format!("no operator can ever serve the queue {id}")
        };
        findings.push(Finding::of_queue(id, &["need"], what));
    }
    findings
}

/// Preferences that none of those who serve meets.
pub fn idle_preferences(rules: &Rules) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (id, queue) in &rules.queues {
        let serving: Vec<&OperatorRules> =
            rules.operators.values().filter(|operator| ever_serves(queue, operator)).collect();
        let of_steps = queue.steps.iter().enumerate().filter_map(|(index, step)| {
            let path = vec!["step".to_string(), index.to_string(), "prefer".to_string()];
            step.prefer.as_ref().map(|prefer| (path, prefer))
        });
        for (path, prefer) in std::iter::once((vec!["prefer".to_string()], &queue.prefer)).chain(of_steps) {
            for (index, preference) in prefer.iter().enumerate() {
                let met = serving.iter().any(|operator| preference.need.is_met_by(&operator.skills));
                if met || serving.is_empty() {
                    continue;
                }
                let what = format!("none of the operators who can serve the queue {id} meets it: it prefers nobody");
                let index = index.to_string();
                let path: Vec<&str> = path.iter().map(String::as_str).chain([index.as_str(), "need"]).collect();
                findings.push(Finding::of_queue(id, &path, what));
            }
        }
    }
    findings
}

/// Steps after which the same operators are asked as before, in the same order.
pub fn idle_steps(rules: &Rules) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (id, queue) in &rules.queues {
        for step in 1..=queue.steps.len() {
            let ((before, preferred), (need, prefer)) = (queue.at_step(step - 1), queue.at_step(step));
            let nobody_new = rules
                .operators
                .values()
                .all(|operator| before.is_met_by(&operator.skills) || !need.is_met_by(&operator.skills));
            if nobody_new && preferred == prefer && !rules.operators.is_empty() {
                let what = "the step adds nobody: whoever meets it will do before it too";
                findings.push(Finding::of_queue(id, &["step", &(step - 1).to_string(), "need"], what));
            }
        }
    }
    findings
}
