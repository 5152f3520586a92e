//! What the walk found as menus of ours: a greeting, and keys that lead to queues. What else it found is told.

use std::collections::{BTreeMap, BTreeSet};

use super::leads::{Lead, Node};
use super::numbers::Numbers;
use crate::migration::{Place, Report};

/// Nodes one after the other: more is a circle.
const MAX_DEPTH: usize = 32;

/// Into a line, in a language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub queue: String,
    pub language: Option<String>,
}

/// Where a number leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    Line(Line),
    Menu(String),
}

#[derive(Clone, Debug)]
pub struct Menu {
    pub id: String,
    pub at: Place,
    pub prompts: Vec<String>,
    pub timeout_s: u64,
    pub retries: u8,
    pub choices: Vec<(char, Line, Place)>,
    pub default: Line,
}

/// When a queue is open, and where its callers go when it is not.
#[derive(Clone, Debug)]
pub struct Hours {
    pub schedule: String,
    pub closed: Lead,
    pub at: Place,
}

#[derive(Clone, Debug, Default)]
pub struct Menus {
    pub numbers: Vec<(String, Entry, Place)>,
    pub menus: Vec<Menu>,
    pub hours: BTreeMap<String, Hours>,
}

impl Menus {
    /// Prompts that are played, as they are written in our files.
    pub fn prompts(&self) -> BTreeSet<String> {
        self.menus.iter().flat_map(|menu| menu.prompts.iter().cloned()).collect()
    }
}

pub fn menus(found: &Numbers, report: &mut Report) -> Menus {
    let mut making = Making { found, report, menus: Menus::default() };
    for (number, lead, at) in &found.numbers {
        match making.entry(lead, Vec::new(), None, 0) {
            Some(entry) => making.menus.numbers.push((number.clone(), entry, at.clone())),
            None => making.report.missing(
                at,
                format!("{number} leads to {lead}; here a number leads to a queue, or to a menu that leads to queues"),
            ),
        }
    }
    making.menus
}

struct Making<'a> {
    found: &'a Numbers,
    report: &'a mut Report,
    menus: Menus,
}

impl Making<'_> {
    /// `said`: what is heard before. `hours`: what it depends on, if it does.
    fn entry(&mut self, lead: &Lead, said: Vec<String>, hours: Option<&Hours>, depth: usize) -> Option<Entry> {
        if depth > MAX_DEPTH {
            return None;
        }
        let id = match lead {
            Lead::Queue { queue, language } => {
                let line = Line { queue: queue.clone(), language: language.clone() };
                return Some(Entry::Line(self.line(line, hours)));
            }
            Lead::Node(id) => id,
            _ => return None,
        };
        let (_, at, node) = self.found.nodes.iter().find(|(of, ..)| of == id)?;
        match node {
            Node::Say { prompts, then } => {
                let said = [said, prompts.clone()].concat();
                match self.entry(then, said.clone(), hours, depth + 1)? {
                    // An announcement before a line is a menu without keys.
                    Entry::Line(default) => {
                        self.add(Menu {
                            id: id.clone(),
                            at: at.clone(),
                            prompts: said,
                            timeout_s: 0,
                            retries: 0,
                            choices: Vec::new(),
                            default,
                        });
                        Some(Entry::Menu(id.clone()))
                    }
                    menu => Some(menu),
                }
            }
            Node::Fork { schedule, open, closed } => {
                let hours = Hours { schedule: schedule.clone(), closed: self.end(closed), at: at.clone() };
                let what = format!(
                    "the queues behind it go by the schedule {schedule}: callers hear that they are closed when they come to the line"
                );
                self.report.approximated(at, what);
                self.entry(open, said, Some(&hours), depth + 1)
            }
            Node::Digits { then, .. } => {
                self.report.missing(at, "digits are not asked for: callers go on without");
                self.entry(then, said, hours, depth + 1)
            }
            Node::Menu { prompts, timeout_s, retries, choices, default } => {
                if self.menus.menus.iter().any(|menu| menu.id == *id) {
                    return Some(Entry::Menu(id.clone()));
                }
                let mut lines = Vec::new();
                for (key, lead, at) in choices {
                    match self.behind(lead, hours, at, 0) {
                        Some(line) => lines.push((*key, line, at.clone())),
                        None => self
                            .report
                            .missing(at, format!("the key {key} leads to {lead}; here a key leads to a queue")),
                    }
                }
                let first = lines.first().map(|(_, line, _)| line.clone());
                let default = self.behind(default, hours, at, 0).or_else(|| {
                    let line = first?;
                    let what = format!(
                        "who presses nothing goes to the queue {}: a menu that hangs up is not there",
                        line.queue
                    );
                    self.report.approximated(at, what);
                    Some(line)
                })?;
                self.add(Menu {
                    id: id.clone(),
                    at: at.clone(),
                    prompts: [said, prompts.clone()].concat(),
                    timeout_s: *timeout_s,
                    retries: *retries,
                    choices: lines,
                    default,
                });
                Some(Entry::Menu(id.clone()))
            }
        }
    }

    /// Where it ends after what is said on the way.
    fn end(&self, lead: &Lead) -> Lead {
        let mut end = lead;
        for _ in 0..MAX_DEPTH {
            let Lead::Node(id) = end else { break };
            match self.found.nodes.iter().find(|(of, ..)| of == id) {
                Some((.., Node::Say { then, .. })) => end = then,
                _ => break,
            }
        }
        end.clone()
    }

    fn add(&mut self, menu: Menu) {
        if !self.menus.menus.iter().any(|there| there.id == menu.id) {
            self.menus.menus.push(menu);
        }
    }

    fn line(&mut self, line: Line, hours: Option<&Hours>) -> Line {
        if let Some(hours) = hours {
            self.menus.hours.entry(line.queue.clone()).or_insert_with(|| hours.clone());
        }
        line
    }

    /// The line behind a key, if there is one without another menu before it.
    fn behind(&mut self, lead: &Lead, hours: Option<&Hours>, at: &Place, depth: usize) -> Option<Line> {
        if depth > MAX_DEPTH {
            return None;
        }
        let id = match lead {
            Lead::Queue { queue, language } => {
                return Some(self.line(Line { queue: queue.clone(), language: language.clone() }, hours));
            }
            Lead::Node(id) => id,
            _ => return None,
        };
        let (.., node) = self.found.nodes.iter().find(|(of, ..)| of == id)?;
        let (then, left_out) = match node {
            Node::Say { then, .. } => (then, "an announcement between a key and the line"),
            Node::Digits { then, .. } => (then, "digits that are asked for between a key and the line"),
            Node::Fork { open, .. } => (open, "a time between a key and the line: give the queue a `schedule`"),
            Node::Menu { .. } => return None,
        };
        let line = self.behind(then, hours, at, depth + 1)?;
        self.report.missing(at, left_out);
        Some(line)
    }
}
