//! `[[queue.expect]]`: examples of what the rules do.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::queues::Queues;
use super::{Names, check_time, exits, unknown};
use crate::config::example::{self, Example, Expected};
use crate::config::fault::Faults;
use crate::config::reader::Element;
use crate::config::written::{self, OneOrMany};
use crate::ids::{QueueId, Skill};
use crate::queue::Level;
use crate::queue::need::MAX_LEVEL;

/// Nobody: the caller waits on.
const NOBODY: &str = "nobody";
const LONGER: Duration = Duration::from_secs(1);
const LONGER_LIMITS: (Duration, Duration) = (LONGER, Duration::from_secs(24 * 3600));
const AFTER_LIMITS: (Duration, Duration) = (Duration::ZERO, Duration::from_secs(24 * 3600));

type Queue<'a> = Element<'a, written::Queue>;

/// Every example, with its index in its queue. `known`: skills that there are.
pub fn read(queues: &Queues<'_>, known: Option<&BTreeSet<&str>>, faults: &mut Faults) -> Vec<(usize, Example)> {
    let mut examples = Vec::new();
    for (id, queue) in &queues.elements {
        for (index, expect) in queue.written.expect.iter().enumerate() {
            let reader = Reader { queue, expect, index: index.to_string(), names: &queues.names };
            examples.extend(reader.example(id, known, faults).map(|example| (index, example)));
        }
    }
    examples
}

/// Runs them; one that goes otherwise is a fault.
pub fn run(queues: &Queues<'_>, examples: &[(usize, Example)], faults: &mut Faults) {
    for (index, example) in examples {
        let Some(queue) = queues.elements.get(&example.queue) else { continue };
        if let Err(what) = example::run(&queues.rules, example) {
            let expect = &queue.written.expect[*index];
            let key = if expect.asks.is_some() { "asks" } else { "goes_to" };
            let what = format!("the example {:?} fails: {what}", expect.name);
            queue.fault_at(faults, &["expect", &index.to_string(), key], what);
        }
    }
}

struct Reader<'a> {
    queue: &'a Queue<'a>,
    expect: &'a written::Expect,
    index: String,
    names: &'a Names,
}

impl Reader<'_> {
    fn path<'s>(&'s self, rest: &[&'s str]) -> Vec<&'s str> {
        [&["expect", &self.index], rest].concat()
    }

    fn example(&self, id: &QueueId, known: Option<&BTreeSet<&str>>, faults: &mut Faults) -> Option<Example> {
        let operators = self.operators(known, faults);
        let waiting = self.waiting(faults);
        let after = self.expect.after.as_ref().map_or(Duration::ZERO, |after| after.0);
        check_time(self.queue, &self.path(&["after"]), after, AFTER_LIMITS, faults);
        let expected = self.expected(faults)?;
        Some(Example { queue: id.clone(), operators, waiting, after, expected })
    }

    /// As they are written, from left to right: the first is the longest idle.
    fn operators(&self, known: Option<&BTreeSet<&str>>, faults: &mut Faults) -> Vec<(String, BTreeMap<Skill, Level>)> {
        let mut operators = Vec::new();
        for (name, skills) in &self.expect.operators {
            let place = self.queue.place_of(&self.path(&["operators", name]));
            if name == NOBODY {
                let what = "an operator of that name cannot be told from nobody";
                self.queue.fault_of_name(faults, &self.path(&["operators", name]), what);
            }
            for (skill, level) in skills {
                let path = self.path(&["operators", name, skill]);
                if !(1..=MAX_LEVEL).contains(level) {
                    let what = format!("found {level}; a level from 1 to {MAX_LEVEL} is allowed");
                    self.queue.fault_at(faults, &path, what);
                }
                if let Some(known) = known
                    && !known.contains(skill.as_str())
                {
                    self.queue.fault_of_name(faults, &path, unknown("skill", skill, known.iter().copied()));
                }
            }
            let skills = skills.iter().map(|(skill, level)| (Skill::from(skill.as_str()), *level)).collect();
            operators.push(((place.line, place.column), (name.clone(), skills)));
        }
        operators.sort_by_key(|(place, _)| *place);
        operators.into_iter().map(|(_, operator)| operator).collect()
    }

    fn waiting(&self, faults: &mut Faults) -> Vec<(QueueId, Duration)> {
        let mut waiting = Vec::new();
        for (number, earlier) in self.expect.waiting.iter().enumerate() {
            let number = number.to_string();
            let longer = earlier.longer.as_ref().map_or(LONGER, |longer| longer.0);
            check_time(self.queue, &self.path(&["waiting", &number, "longer"]), longer, LONGER_LIMITS, faults);
            if !self.names.contains(&earlier.queue) {
                let what = self.names.unknown("queue", &earlier.queue);
                self.queue.fault_at(faults, &self.path(&["waiting", &number, "queue"]), what);
            }
            waiting.push((QueueId::from(earlier.queue.as_str()), longer));
        }
        waiting
    }

    fn expected(&self, faults: &mut Faults) -> Option<Expected> {
        let asks = match (&self.expect.asks, &self.expect.goes_to) {
            (None, Some(_)) => {
                let path = self.path(&["goes_to"]);
                let exit = exits::exit(self.queue, &path, &self.expect.goes_to, self.names, faults)?;
                return Some(Expected::GoesTo(exit));
            }
            (Some(OneOrMany::One(name)), None) if name == NOBODY => return Some(Expected::Asks(BTreeSet::new())),
            (Some(OneOrMany::One(name)), None) => vec![name],
            (Some(OneOrMany::Many(names)), None) => names.iter().collect(),
            _ => {
                let what = "exactly one of `asks` and `goes_to` says what is expected";
                self.queue.fault_at(faults, &self.path(&[]), what);
                return None;
            }
        };
        let known = || self.expect.operators.keys().map(String::as_str);
        if let Some(name) = asks.iter().find(|name| !self.expect.operators.contains_key(**name)) {
            self.queue.fault_at(faults, &self.path(&["asks"]), unknown("operator", name, known()));
            return None;
        }
        if asks.is_empty() {
            self.queue.fault_at(faults, &self.path(&["asks"]), "names nobody; \"nobody\" is meant");
            return None;
        }
        Some(Expected::Asks(asks.into_iter().cloned().collect()))
    }
}
