//! Forks: which case holds, and what has to be asked before that is known.

use std::sync::Arc;

use super::words::*;
use super::{MAX_PATH, State, Visitor, Walker};
use crate::ids::MenuId;
use crate::ivr::words::{Action, Entry};
use crate::moment::Moment;

impl Walker {
    pub(super) fn look(&mut self, now: Moment, id: &MenuId) {
        let menus = Arc::clone(&self.menus);
        let Some(Node::Branch(branch)) = menus.nodes.get(id) else { return self.astray(now) };
        for case in &branch.cases {
            match self.holds(&case.when) {
                Ok(true) => return self.lead(now, &case.then),
                Ok(false) => {}
                Err(question) => {
                    self.state = State::Branch { branch: id.clone() };
                    return self.actions.push_back(Action::Ask(question));
                }
            }
        }
        self.lead(now, &branch.otherwise);
    }

    /// Whether all conditions hold, or what has to be known first.
    fn holds(&self, when: &[Condition]) -> Result<bool, Question> {
        for condition in when {
            let holds = match condition {
                Condition::Schedule { schedule, open } => {
                    let told = self.told.iter().find_map(|told| match told {
                        Answer::Schedule { schedule: of, open } if of == schedule => Some(*open),
                        _ => None,
                    });
                    told.ok_or_else(|| Question::Schedule(schedule.clone()))? == *open
                }
                Condition::Queue { queue, is } => {
                    let told = self.told.iter().find_map(|told| match told {
                        Answer::Queue { queue: of, line } if of == queue => Some(*line),
                        _ => None,
                    });
                    is.holds(&told.ok_or_else(|| Question::Queue(queue.clone()))?)
                }
                Condition::Language(language) => *language == self.language,
                Condition::Digits { name, like } => {
                    self.typed.get(name).is_some_and(|typed| like.iter().any(|like| like.matches(&typed.digits)))
                }
                of_caller => self.menus.is_of(of_caller, &self.visitor),
            };
            if !holds {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Line {
    fn holds(self, line: &LineState) -> bool {
        match self {
            Line::MoreThan(callers) => line.waiting > callers,
            Line::LongerThan(time) => line.expected_wait.is_some_and(|wait| wait > time),
            Line::Closed => !line.open,
            Line::Nobody => !line.staffed,
        }
    }
}

impl Menus {
    /// Whether what is known of a caller before they are answered refuses them: then they never are.
    pub fn refuse_unanswered(&self, entry: &Entry, visitor: &Visitor) -> bool {
        let Entry::To(first) = entry else { return false };
        let mut here = first;
        for _ in 0..MAX_PATH {
            here = match &here.to {
                To::Refuse(Refuse::Rules) => return true,
                To::Node(id) => match self.nodes.get(id) {
                    Some(Node::Branch(branch)) => {
                        let mut then = &branch.otherwise;
                        for case in &branch.cases {
                            let known = |condition: &Condition| {
                                matches!(condition, Condition::Caller(_) | Condition::Dialled(_))
                            };
                            let fails = |condition: &Condition| known(condition) && !self.is_of(condition, visitor);
                            if case.when.iter().any(fails) {
                                continue;
                            }
                            if !case.when.iter().all(known) {
                                return false;
                            }
                            then = &case.then;
                            break;
                        }
                        then
                    }
                    _ => return false,
                },
                _ => return false,
            };
        }
        false
    }

    /// A condition on the caller alone; others do not hold.
    fn is_of(&self, condition: &Condition, visitor: &Visitor) -> bool {
        match condition {
            Condition::Caller(list) => self.lists.get(list).is_some_and(|list| list.contains(&visitor.from)),
            Condition::Dialled(numbers) => numbers.contains(&visitor.to),
            _ => false,
        }
    }
}
