//! queues.conf and queuerules.conf as they are written there.

use std::collections::BTreeMap;

use super::conf::{Conf, Entry, Section};
use crate::migration::{Place, Report};

/// No limit to the penalty.
pub const NO_LIMIT: u32 = u32::MAX;

/// One queue.
#[derive(Clone, Debug)]
pub struct Queue {
    pub name: String,
    pub at: Place,
    pub section: Section,
    pub members: Vec<Member>,
}

/// Somebody whose phone rings for a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// E.g. `PJSIP/8001` or `Agent/1001`.
    pub interface: String,
    /// The smaller, the earlier they are rung.
    pub penalty: u32,
    pub name: Option<String>,
    pub at: Place,
}

/// How the limits of the penalty move while a caller waits.
pub type Rules = BTreeMap<String, Vec<PenaltyChange>>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PenaltyChange {
    pub after_s: u64,
    pub max: Option<Shift>,
    pub min: Option<Shift>,
    pub at: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shift {
    To(u32),
    By(i64),
}

impl Shift {
    pub fn of(self, from: u32) -> u32 {
        match self {
            Shift::To(to) => to,
            Shift::By(_) if from == NO_LIMIT => NO_LIMIT,
            Shift::By(by) => u32::try_from((i64::from(from) + by).max(0)).unwrap_or(NO_LIMIT),
        }
    }
}

/// Every queue, in the order of the file.
pub fn queues(conf: &Conf, report: &mut Report) -> Vec<Queue> {
    let queue = |section: &Section| Queue {
        name: section.name.clone(),
        at: section.at.clone(),
        members: section.all("member").filter_map(|entry| member(entry, report)).collect(),
        section: section.clone(),
    };
    conf.named().map(queue).collect()
}

/// `PJSIP/8001,0,Anna,hint:…`.
fn member(entry: &Entry, report: &mut Report) -> Option<Member> {
    let mut parts = entry.value.split(',').map(str::trim);
    let interface = parts.next().filter(|interface| interface.contains('/'));
    let Some(interface) = interface else {
        report.broken(&entry.at, format!("member {:?} has no interface such as PJSIP/8001", entry.value));
        return None;
    };
    let penalty = match parts.next() {
        None | Some("") => 0,
        Some(text) => text.parse().unwrap_or_else(|_| {
            report.broken(&entry.at, format!("the penalty {text:?} is no number; 0 is taken"));
            0
        }),
    };
    let name = parts.next().filter(|name| !name.is_empty()).map(str::to_string);
    if parts.next().is_some_and(|state| !state.is_empty()) {
        report.taken(&entry.at, "the state interface: here an operator's state is known from the calls themselves");
    }
    Some(Member { interface: interface.into(), penalty, name, at: entry.at.clone() })
}

/// `penaltychange => 30,+2,-1`.
pub fn rules(conf: &Conf, report: &mut Report) -> Rules {
    let mut rules = Rules::new();
    for section in conf.named() {
        let mut changes = Vec::new();
        for entry in section.all("penaltychange") {
            match penalty_change(entry) {
                Some(change) => changes.push(change),
                None => report.broken(&entry.at, format!("found {:?}; penaltychange is seconds,max,min", entry.value)),
            }
            if entry.value.split(',').nth(3).is_some_and(|raise| !raise.trim().is_empty()) {
                report
                    .missing(&entry.at, "raise_penalty: nobody's penalty is raised here; steps widen the need instead");
            }
        }
        changes.sort_by_key(|change: &PenaltyChange| change.after_s);
        rules.insert(section.name.clone(), changes);
    }
    rules
}

fn penalty_change(entry: &Entry) -> Option<PenaltyChange> {
    let mut parts = entry.value.split(',').map(str::trim);
    let after_s = parts.next()?.parse().ok()?;
    let max = shift(parts.next().unwrap_or_default())?;
    let min = shift(parts.next().unwrap_or_default())?;
    Some(PenaltyChange { after_s, max, min, at: entry.at.clone() })
}

fn shift(text: &str) -> Option<Option<Shift>> {
    if text.is_empty() {
        return Some(None);
    }
    if text.starts_with(['+', '-']) {
        return Some(Some(Shift::By(text.parse().ok()?)));
    }
    Some(Some(Shift::To(text.parse().ok()?)))
}

/// `yes`, `true`, `on`, `1` …, as Asterisk reads it.
pub fn is_yes(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "yes" | "true" | "y" | "t" | "1" | "on")
}
