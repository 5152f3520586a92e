//! Ways out of a line that lead in a circle, or that nobody ever takes.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, Severity};
use crate::ids::QueueId;
use crate::queue::{Exit, QueueRules, Rules};

/// One way from a queue to another, and where it is written.
struct Way<'a> {
    to: &'a QueueId,
    path: Vec<String>,
    /// Taken without any waiting.
    at_once: bool,
}

/// Circles in which callers are sent on without waiting: these can go round and round.
pub fn circles_at_once(rules: &Rules) -> Vec<Finding> {
    let told = |circle: Circle| circle.finding(Severity::Fault, "sends callers round in a circle");
    find_circles(rules, true).into_iter().map(told).collect()
}

/// All others: whoever goes round waits somewhere. Who gets nowhere but by pressing keys is where they want to be.
pub fn circles(rules: &Rules) -> Vec<Finding> {
    let told = |circle: Circle| circle.finding(Severity::Warning, "can lead callers round in a circle");
    let found = find_circles(rules, false).into_iter();
    found.filter(|circle| !circle.at_once && !circle.is_chosen()).map(told).collect()
}

struct Circle {
    /// Each queue, and the key that leads to the next.
    ways: Vec<(QueueId, Vec<String>)>,
    at_once: bool,
}

impl Circle {
    fn is_chosen(&self) -> bool {
        self.ways.iter().all(|(_, path)| path.first().is_some_and(|key| key == "key"))
    }

    fn finding(self, severity: Severity, what: &str) -> Finding {
        let step = |(queue, path): &(QueueId, Vec<String>)| format!("{queue} ({})", path.join(" "));
        let mut names: Vec<String> = self.ways.iter().map(step).collect();
        let (first, path) = &self.ways[0];
        names.push(first.to_string());
        let what = format!("{what}: {}", names.join(" → "));
        Finding { severity, about: super::About::Queue(first.clone()), path: path.clone(), what }
    }
}

/// For each set of queues that lead to each other, a shortest circle; it begins at the first of them by name.
fn find_circles(rules: &Rules, only_at_once: bool) -> Vec<Circle> {
    let mut found: Vec<Circle> = Vec::new();
    let mut seen: BTreeSet<BTreeSet<QueueId>> = BTreeSet::new();
    for start in rules.queues.keys() {
        let Some(circle) = shortest(rules, start, only_at_once) else { continue };
        if seen.insert(circle.ways.iter().map(|(queue, _)| queue.clone()).collect()) {
            found.push(circle);
        }
    }
    found
}

/// A shortest way from a queue back to itself.
fn shortest(rules: &Rules, start: &QueueId, only_at_once: bool) -> Option<Circle> {
    let mut came: BTreeMap<&QueueId, (&QueueId, Way<'_>)> = BTreeMap::new();
    let mut open = std::collections::VecDeque::from([rules.queues.get_key_value(start)?]);
    while let Some((from, queue)) = open.pop_front() {
        for way in ways(queue).into_iter().filter(|way| way.at_once || !only_at_once) {
            let to = way.to;
            if came.contains_key(to) {
                continue;
            }
            came.insert(to, (from, way));
            if to == start {
                return Some(back(&came, start));
            }
            open.extend(rules.queues.get_key_value(to));
        }
    }
    None
}

fn back(came: &BTreeMap<&QueueId, (&QueueId, Way<'_>)>, start: &QueueId) -> Circle {
    let mut circle = Circle { ways: Vec::new(), at_once: true };
    let mut at = start;
    while let Some((from, way)) = came.get(at) {
        circle.ways.push(((*from).clone(), way.path.clone()));
        circle.at_once &= way.at_once;
        at = from;
        if at == start {
            break;
        }
    }
    circle.ways.reverse();
    circle
}

fn ways(queue: &QueueRules) -> Vec<Way<'_>> {
    let exits = [
        (&queue.if_full, "if_full", true),
        (&queue.if_closed, "if_closed", true),
        (&queue.if_nobody, "if_nobody", true),
        (&queue.if_too_long, "if_too_long", false),
    ];
    let exits = exits.into_iter().map(|(exit, key, at_once)| (exit.as_ref(), vec![key.to_string()], at_once));
    let keys = queue.keys.iter().map(|(key, exit)| (Some(exit), vec!["key".to_string(), key.to_string()], false));
    let to_queues = exits.chain(keys).filter_map(|(exit, path, at_once)| match exit {
        Some(Exit::Queue(to)) => Some(Way { to, path, at_once }),
        _ => None,
    });
    to_queues.collect()
}

/// Exits that nobody ever takes.
pub fn unused(rules: &Rules) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (id, queue) in &rules.queues {
        if queue.if_too_long.is_some() && queue.max_wait.is_none() {
            let what = "nobody ever waits too long: there is no max_wait";
            findings.push(Finding::of_queue(id, &["if_too_long"], what));
        }
        if queue.callback.is_some() && !queue.keys.values().any(|exit| *exit == Exit::Callback) {
            let what = "nobody can choose it: no [[queue.key]] has `callback = true`";
            findings.push(Finding::of_queue(id, &["callback"], what));
        }
    }
    findings
}
