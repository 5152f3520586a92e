//! New rules: nobody is signed out but who is no longer named, nobody leaves a line.

use std::collections::{BTreeMap, BTreeSet};

use super::deadlines::Deadline;
use super::engine::Engine;
use super::estimate::HandleTime;
use super::line::{Class, ContactState, Line};
use super::operators::{Next, Operator, Profile};
use super::words::{Level, Need, Rules};
use crate::ids::{OperatorId, SeatId, Skill};

impl Engine {
    pub(super) fn new_rules(&mut self, rules: Rules) {
        self.move_limits(&rules);
        let skills = self.skills_by(&rules);
        for (id, line) in &mut self.lines {
            line.retired = !rules.queues.contains_key(id);
        }
        let used: BTreeSet<_> = self.contacts.values().map(|contact| contact.queue.clone()).collect();
        self.lines.retain(|id, line| !line.retired || used.contains(id));
        for (id, queue) in &rules.queues {
            match self.lines.get_mut(id) {
                Some(line) => line.rules = queue.clone(),
                None => drop(self.lines.insert(
                    id.clone(),
                    Line {
                        rules: queue.clone(),
                        open: true,
                        class: 0,
                        order: BTreeSet::new(),
                        handle_time: HandleTime::default(),
                        retired: false,
                    },
                )),
            }
        }
        for id in rules.operators.keys() {
            self.operators.entry(id.clone()).or_insert_with(|| Operator::new(0)).retired = false;
        }
        self.owners = owners(&rules);
        self.rules = rules;
        self.classify(&skills);
        self.retire();
        let free: Vec<SeatId> = self.reachable.iter().filter(|seat| !self.seats.contains_key(*seat)).cloned().collect();
        for seat in free {
            self.sign_in_at_own_seat(&seat);
        }
    }

    /// `max_wait` of those who wait follows the new rules.
    fn move_limits(&mut self, rules: &Rules) {
        for (id, contact) in &self.contacts {
            if matches!(contact.state, ContactState::Talking { .. }) {
                continue;
            }
            let (Some(old), Some(new)) = (self.lines.get(&contact.queue), rules.queues.get(&contact.queue)) else {
                continue;
            };
            if let Some(limit) = old.rules.max_wait {
                self.agenda.clear(contact.joined_at + limit, Deadline::MaxWait(*id));
            }
            if let Some(limit) = new.max_wait {
                self.agenda.set(contact.joined_at + limit, Deadline::MaxWait(*id));
            }
        }
    }

    /// Everybody's skills; of those who are no longer named, as they were.
    fn skills_by(&self, rules: &Rules) -> BTreeMap<OperatorId, BTreeMap<Skill, Level>> {
        let former =
            self.operators.iter().map(|(id, operator)| (id.clone(), self.profiles[operator.profile].skills.clone()));
        let named = rules.operators.iter().map(|(id, operator)| (id.clone(), operator.skills.clone()));
        former.chain(named).collect()
    }

    /// Makes classes and profiles anew, and puts everybody where they belong.
    fn classify(&mut self, skills: &BTreeMap<OperatorId, BTreeMap<Skill, Level>>) {
        let mut needs: Vec<Need> = Vec::new();
        for line in self.lines.values_mut() {
            line.class = needs.iter().position(|need| *need == line.rules.need).unwrap_or_else(|| {
                needs.push(line.rules.need.clone());
                needs.len() - 1
            });
        }
        let distinct: BTreeSet<&BTreeMap<Skill, Level>> = skills.values().collect();
        let index: BTreeMap<&BTreeMap<Skill, Level>, usize> =
            distinct.iter().enumerate().map(|(i, skills)| (*skills, i)).collect();
        self.profiles = distinct.iter().map(|skills| Profile::new((*skills).clone())).collect();
        self.classes = needs
            .into_iter()
            .map(|need| {
                let profiles = (0..self.profiles.len()).filter(|i| need.is_met_by(&self.profiles[*i].skills)).collect();
                Class { need, waiting: BTreeSet::new(), profiles }
            })
            .collect();
        for (class, of_class) in self.classes.iter().enumerate() {
            for profile in &of_class.profiles {
                self.profiles[*profile].meets.push(class);
            }
        }
        for (id, operator) in &mut self.operators {
            operator.profile = skills.get(id).and_then(|skills| index.get(skills)).copied().unwrap_or_default();
            self.profiles[operator.profile].add(operator.standing, id, operator.idle_since);
        }
        for (id, contact) in self.contacts.iter().filter(|(_, contact)| contact.state == ContactState::Waiting) {
            if let Some(line) = self.lines.get(&contact.queue) {
                self.classes[line.class].waiting.insert(contact.rank(*id));
            }
        }
        self.stirred = (0..self.classes.len()).collect();
    }

    /// Those who are no longer named go as soon as they are free.
    fn retire(&mut self) {
        let gone: Vec<OperatorId> =
            self.operators.keys().filter(|id| !self.rules.operators.contains_key(*id)).cloned().collect();
        for id in gone {
            let Some(operator) = self.operators.get_mut(&id) else { continue };
            operator.retired = true;
            let busy = matches!(operator.activity, super::operators::Activity::Offered { .. }) || operator.is_engaged();
            if operator.seat.is_some() && busy {
                operator.next = Some(Next::SignOut);
            } else if operator.seat.is_some() {
                self.leave_seat(&id);
            } else {
                self.remove_operator(&id);
            }
        }
    }
}

/// Who has a seat of their own.
fn owners(rules: &Rules) -> BTreeMap<SeatId, Vec<OperatorId>> {
    let mut owners: BTreeMap<SeatId, Vec<OperatorId>> = BTreeMap::new();
    for (id, operator) in &rules.operators {
        if let Some(seat) = &operator.seat {
            owners.entry(seat.clone()).or_default().push(id.clone());
        }
    }
    owners
}
