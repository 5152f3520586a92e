//! What is allowed and yet unlikely to be meant: skills nobody holds, circles, silos, weights upside down.
//!
//! Pure: looks at the rules, and says what of them somebody should look at.

mod exits;
mod order;
mod silos;
mod skills;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use exits::circles_at_once;

use super::fault::Severity;
use crate::erlang::Load;
use crate::ids::{OperatorId, QueueId};
use crate::queue::{OperatorRules, QueueRules, Rules};

/// Something that somebody should look at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    pub severity: Severity,
    pub about: About,
    /// The key, from the table inwards; indices as numbers. A key that callers press stands in the place of its
    /// index: `key`, `1`.
    pub path: Vec<String>,
    pub what: String,
}

/// In which table it is written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    Queue(QueueId),
    Operator(OperatorId),
    /// The list of skills in operators.toml.
    Skills,
}

impl Finding {
    fn warning(about: About, path: &[&str], what: impl Into<String>) -> Self {
        let path = path.iter().map(ToString::to_string).collect();
        Finding { severity: Severity::Warning, about, path, what: what.into() }
    }

    fn of_queue(queue: &QueueId, path: &[&str], what: impl Into<String>) -> Self {
        Self::warning(About::Queue(queue.clone()), path, what)
    }
}

/// All warnings. `declared`: the list of skills in operators.toml, in its order.
pub fn warnings(rules: &Rules, load: &BTreeMap<QueueId, Load>, declared: &[String]) -> Vec<Finding> {
    let each = [
        skills::unheld(rules, declared),
        skills::unasked(rules),
        skills::unserved(rules),
        skills::idle_preferences(rules),
        skills::idle_steps(rules),
        order::slack_priorities(rules),
        order::weights_upside_down(rules),
        exits::circles(rules),
        exits::unused(rules),
        silos::short_handed(rules, load),
        silos::silos(rules, load).into_iter().collect(),
    ];
    each.into_iter().flatten().collect()
}

/// Whether an operator is ever asked for contacts of a queue, by its need or after a step.
fn ever_serves(queue: &QueueRules, operator: &OperatorRules) -> bool {
    (0..=queue.steps.len()).any(|step| queue.at_step(step).0.is_met_by(&operator.skills))
}
