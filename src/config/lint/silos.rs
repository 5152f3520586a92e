//! Groups of operators who cannot help each other, and whether the seats suffice for what is expected.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Finding;
use crate::config::scalars::time_text;
use crate::erlang::{Load, servers_for};
use crate::ids::QueueId;
use crate::queue::{OperatorRules, QueueRules, Rules};

/// The share that is to be answered in time: what the norm of the hotlines asks for (DB11/T 2021-2022).
const SHARE: f64 = 0.95;
/// So few of all operators, in percent, do not join two groups: they are busy with their own calls.
const TOO_FEW_TO_JOIN: usize = 5;
/// Groups that are named one by one.
const NAMED: usize = 4;

/// Queues that share operators, and how many serve them.
#[derive(Debug, PartialEq, Eq)]
struct Group<'a> {
    queues: Vec<&'a QueueId>,
    operators: usize,
}

/// Operators fall into groups that share no queue: a call of one waits while somebody of the other is free.
pub fn silos(rules: &Rules, load: &BTreeMap<QueueId, Load>) -> Option<Finding> {
    let by_queues = by_queues(rules);
    let (mut groups, mut joined_by) = (groups(&by_queues), 0);
    if groups.len() < 2 {
        let (few, rest) = without_the_few(&by_queues);
        (groups, joined_by) = (self::groups(&rest), few);
    }
    let smallest = groups.iter().min_by_key(|group| group.operators).filter(|_| groups.len() > 1)?;
    let place = *smallest.queues.first()?;
    let joined = match joined_by {
        0 => "share no queue".to_string(),
        n => format!("share no queue but for {n} of the operators"),
    };
    let fall = format!("the operators fall into {} groups that {joined}: {}", groups.len(), named(&groups));
    let all: Vec<&QueueId> = groups.iter().flat_map(|group| group.queues.iter().copied()).collect();
    let needs = groups.iter().map(|group| seats_for(rules, load, &group.queues)).sum::<Option<usize>>();
    let what = match needs.zip(seats_for(rules, load, &all)) {
        // They cost something, but the house can afford it.
        Some((apart, _)) if apart <= rules.seats.len() => return None,
        Some((apart, pooled)) => format!(
            "{fall}; these rules need {apart} seats for {:.0} % in {} where one pool would need {pooled}; you have {}",
            SHARE * 100.0,
            time_text(strictest(rules, &all)),
            rules.seats.len()
        ),
        None => format!(
            "{fall}; whoever is free in one never helps another (calls_per_hour and handle_time of every queue \
             would tell how many seats that takes)"
        ),
    };
    Some(Finding::of_queue(place, &["need"], what))
}

/// More is expected than those who have the skills, or all seats together, can answer in time.
pub fn short_handed(rules: &Rules, load: &BTreeMap<QueueId, Load>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (id, queue) in rules.queues.iter().filter(|(id, _)| load.contains_key(*id)) {
        let serving = rules.operators.values().filter(|operator| serves_in_time(queue, operator)).count();
        let Some(needed) = seats_for(rules, load, &[id]).filter(|needed| *needed > serving && serving > 0) else {
            continue;
        };
        let what = format!(
            "{needed} operators are needed for {:.0} % in {}; those who have the skills are {serving}",
            SHARE * 100.0,
            time_text(queue.answer_within)
        );
        findings.push(Finding::of_queue(id, &["calls_per_hour"], what));
    }
    let loaded: Vec<&QueueId> = rules.queues.keys().filter(|id| load.contains_key(*id)).collect();
    if let (Some(first), Some(needed)) = (loaded.first(), seats_for(rules, load, &loaded))
        && needed > rules.seats.len()
    {
        let what = format!(
            "even if everybody could serve every queue, {needed} seats would be needed for {:.0} % in {}; you have {}",
            SHARE * 100.0,
            time_text(strictest(rules, &loaded)),
            rules.seats.len()
        );
        findings.push(Finding::of_queue(first, &["calls_per_hour"], what));
    }
    findings
}

/// Whether an operator can be asked while the service level can still be met. Steps for when nobody is there do
/// not count: they are no way of sharing work.
fn serves_in_time(queue: &QueueRules, operator: &OperatorRules) -> bool {
    let in_time = queue
        .steps
        .iter()
        .filter(|step| step.expected_wait.is_some() || step.after.is_some_and(|after| after < queue.answer_within));
    std::iter::once(&queue.need).chain(in_time.map(|step| &step.need)).any(|need| need.is_met_by(&operator.skills))
}

/// How many operators serve exactly these queues.
fn by_queues(rules: &Rules) -> BTreeMap<BTreeSet<&QueueId>, usize> {
    let mut by_queues: BTreeMap<BTreeSet<&QueueId>, usize> = BTreeMap::new();
    for operator in rules.operators.values() {
        let serves = rules.queues.iter().filter(|(_, queue)| serves_in_time(queue, operator));
        *by_queues.entry(serves.map(|(id, _)| id).collect()).or_default() += 1;
    }
    by_queues.remove(&BTreeSet::new());
    by_queues
}

fn groups<'a>(by_queues: &BTreeMap<BTreeSet<&'a QueueId>, usize>) -> Vec<Group<'a>> {
    let mut groups: Vec<(BTreeSet<&QueueId>, usize)> = Vec::new();
    for (queues, operators) in by_queues {
        let mut group = (queues.clone(), *operators);
        groups.retain(|other| {
            let apart = other.0.is_disjoint(&group.0);
            if !apart {
                group.0.extend(&other.0);
                group.1 += other.1;
            }
            apart
        });
        groups.push(group);
    }
    groups.sort();
    let group =
        |(queues, operators): (BTreeSet<&'a QueueId>, usize)| Group { queues: queues.into_iter().collect(), operators };
    groups.into_iter().map(group).collect()
}

/// Leaves out the few who serve the most queues, as long as every queue keeps somebody.
fn without_the_few<'a>(
    by_queues: &BTreeMap<BTreeSet<&'a QueueId>, usize>,
) -> (usize, BTreeMap<BTreeSet<&'a QueueId>, usize>) {
    let few = by_queues.values().sum::<usize>() * TOO_FEW_TO_JOIN / 100;
    let mut rest = by_queues.clone();
    let mut left_out = 0;
    let mut broadest: Vec<&BTreeSet<&QueueId>> = by_queues.keys().filter(|queues| queues.len() > 1).collect();
    broadest.sort_by_key(|queues| std::cmp::Reverse(queues.len()));
    for queues in broadest {
        let count = by_queues[queues];
        let kept = queues.iter().all(|queue| rest.keys().any(|other| other != queues && other.contains(queue)));
        if left_out + count <= few && kept {
            rest.remove(queues);
            left_out += count;
        }
    }
    (left_out, rest)
}

fn named(groups: &[Group<'_>]) -> String {
    let name = |group: &Group<'_>| {
        let queues: Vec<&str> = group.queues.iter().map(|queue| queue.as_str()).collect();
        format!("{} for {}", group.operators, queues.join(", "))
    };
    let mut names: Vec<String> = groups.iter().take(NAMED).map(name).collect();
    if groups.len() > NAMED {
        names.push(format!("and {} more", groups.len() - NAMED));
    }
    names.join("; ")
}

fn strictest(rules: &Rules, queues: &[&QueueId]) -> Duration {
    let within = queues.iter().filter_map(|id| rules.queues.get(*id)).map(|queue| queue.answer_within);
    within.min().unwrap_or_default()
}

/// Seats that the load of these queues needs, if it is known for all of them.
fn seats_for(rules: &Rules, load: &BTreeMap<QueueId, Load>, queues: &[&QueueId]) -> Option<usize> {
    let load = queues.iter().map(|id| load.get(*id).copied()).collect::<Option<Vec<_>>>()?.into_iter().sum::<Load>();
    let needed = servers_for(load, SHARE, strictest(rules, queues));
    // A load for which no number of servers is enough is no hotline's; then the load itself is told.
    (load.calls_per_hour > 0.0).then(|| needed.map_or(load.erlangs().ceil() as usize, |servers| servers as usize))
}
