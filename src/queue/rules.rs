//! New rules: nobody is signed out but who is no longer named, nobody leaves a line.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::engine::Engine;
use super::estimate::Pace;
use super::line::{Class, ContactState, Line};
use super::operators::{Activity, Operator, Profile, Slot, Standing};
use super::settings::{Level, Need, QueueRules, Rules};
use super::sorted::Sorted;
use super::talks::NO_QUEUE;
use super::words::{CallbackResult, Next};
use crate::ids::{CallId, OperatorId, QueueId, SeatId, Skill};

impl Engine {
    pub(super) fn new_rules(&mut self, rules: Arc<Rules>) {
        let skills = self.skills_by(&rules);
        self.rules = rules.clone();
        self.take_new_names(&rules);
        self.rename_lines(&rules);
        let named_again = self.named_again(&rules);
        let given_on = self.rename_operators(&rules);
        self.classify(&skills);
        self.sort_contacts(&given_on);
        self.retire();
        for slot in named_again {
            self.change(slot, |operator| operator.next = None);
        }
        self.own_seats(&rules);
    }

    /// Queues that go on under another name: the line stays what it is. Where a queue of the new name is there
    /// already, the contacts change over, their places kept.
    fn take_new_names(&mut self, rules: &Rules) {
        for (former, now) in rules.formerly.iter().filter(|(former, _)| !rules.queues.contains_key(*former)) {
            let Some(from) = self.line_names.get(former).copied().filter(|_| rules.queues.contains_key(now)) else {
                continue;
            };
            match self.line_names.get(now).copied() {
                Some(to) => self.change_over(from, to),
                None => {
                    self.line_names.remove(former);
                    self.line_names.insert(now.clone(), from);
                    self.lines[from].id = now.clone();
                }
            }
        }
    }

    /// Every contact of one line into another; they are sorted afterwards.
    fn change_over(&mut self, from: usize, to: usize) {
        let ids: Vec<CallId> =
            self.contacts.iter().filter(|(_, contact)| contact.line == from).map(|(id, _)| *id).collect();
        for (number, id) in std::mem::take(&mut self.lines[from].callbacks) {
            match self.lines[to].callbacks.get(&number).copied() {
                // One for each number: the older place stays.
                Some(other) => {
                    let since = |id: &CallId| self.contacts.get(id).map(|contact| contact.since);
                    let younger = if since(&id) < since(&other) { other } else { id };
                    self.lines[from].callbacks.insert(number.clone(), id);
                    self.withdraw_callback(younger, CallbackResult::Withdrawn);
                    if let Some(stays) = self.lines[from].callbacks.remove(&number) {
                        self.lines[to].callbacks.insert(number, stays);
                    }
                }
                None => drop(self.lines[to].callbacks.insert(number, id)),
            }
        }
        for id in ids {
            if let Some(contact) = self.contacts.get_mut(&id) {
                contact.line = to;
            }
        }
        self.callers.line_is(from, to);
    }

    fn rename_lines(&mut self, rules: &Rules) {
        for line in &mut self.lines {
            line.retired = !rules.queues.contains_key(&line.id);
        }
        for (id, queue) in &rules.queues {
            match self.line_names.get(id) {
                Some(line) => self.lines[*line].rules = queue.clone(),
                None => {
                    self.line_names.insert(id.clone(), self.lines.len());
                    self.lines.push(Line {
                        id: id.clone(),
                        rules: queue.clone(),
                        open: true,
                        classes: Vec::new(),
                        order: Sorted::default(),
                        callbacks: BTreeMap::new(),
                        pace: Pace::default(),
                        retired: false,
                    });
                }
            }
        }
        self.line_of_no_queue();
        // A queue that is gone calls nobody back.
        let retired = self.lines.iter().filter(|line| line.retired);
        let orphans: Vec<CallId> = retired.flat_map(|line| line.callbacks.values().copied()).collect();
        for id in orphans {
            self.withdraw_callback(id, CallbackResult::Withdrawn);
        }
    }

    /// Talks that no queue led to have a line of their own, which nobody can join.
    fn line_of_no_queue(&mut self) {
        let id = QueueId::from(NO_QUEUE);
        if self.line_names.contains_key(&id) {
            return;
        }
        let nobody = QueueRules::plain(Need::Any(Vec::new()));
        self.line_names.insert(id.clone(), self.lines.len());
        self.lines.push(Line {
            id,
            rules: QueueRules { wrap_up: Duration::ZERO, wrap_up_max: Duration::ZERO, ..nobody },
            open: false,
            classes: Vec::new(),
            order: Sorted::default(),
            callbacks: BTreeMap::new(),
            pace: Pace::default(),
            retired: true,
        });
    }

    /// Who was to be signed out after the work in hand for not being named any more, and is named again.
    fn named_again(&self, rules: &Rules) -> Vec<Slot> {
        let waits = |slot: &Slot| {
            let operator = self.operator(*slot);
            operator.retired && !operator.left && operator.next == Some(Next::SignOut)
        };
        let named = self.operator_names.iter().filter(|(id, _)| rules.operators.contains_key(*id));
        named.map(|(_, slot)| *slot).filter(waits).collect()
    }

    /// Returns the slots that belong to somebody else now.
    fn rename_operators(&mut self, rules: &Rules) -> Vec<Slot> {
        let mut given_on = Vec::new();
        for id in rules.operators.keys() {
            if !self.operator_names.contains_key(id) {
                // A slot whose operator is gone for good can be given to somebody new.
                let vacant = self.operators.iter().position(|o| o.retired && !self.operator_names.contains_key(&o.id));
                let index = vacant.unwrap_or(self.operators.len());
                let slot = Slot(u32::try_from(index).unwrap_or(u32::MAX));
                self.callers.forget_operator(slot);
                given_on.push(slot);
                let operator = Operator::new(id.clone());
                match vacant {
                    Some(index) => self.operators[index] = operator,
                    None => self.operators.push(operator),
                }
                self.operator_names.insert(id.clone(), slot);
            }
        }
        for (order, (id, slot)) in self.operator_names.iter().enumerate() {
            let operator = &mut self.operators[slot.0 as usize];
            operator.order = u32::try_from(order).unwrap_or(u32::MAX);
            if let Some(of) = rules.operators.get(id) {
                (operator.retired, operator.weight) = (false, of.weight.max(1));
            }
        }
        given_on
    }

    /// Everybody's skills; of those who are no longer named, as they were.
    fn skills_by(&self, rules: &Rules) -> BTreeMap<OperatorId, BTreeMap<Skill, Level>> {
        let former = self.operator_names.iter().map(|(id, slot)| {
            let profile = self.profiles.get(self.operator(*slot).profile);
            (id.clone(), profile.map_or_else(BTreeMap::new, |profile| profile.skills.clone()))
        });
        let named = rules.operators.iter().map(|(id, operator)| (id.clone(), operator.skills.clone()));
        former.chain(named).collect()
    }

    /// Makes classes and profiles anew, and counts every operator where they belong.
    fn classify(&mut self, skills: &BTreeMap<OperatorId, BTreeMap<Skill, Level>>) {
        self.classes.clear();
        for line in &mut self.lines {
            line.classes =
                (0..=line.rules.steps.len()).map(|step| class_of(&mut self.classes, &line.rules, step)).collect();
            if line.rules.if_nobody.is_some() || line.rules.steps.iter().any(|step| step.nobody) {
                line.classes.iter().for_each(|class| self.classes[*class].minds_nobody = true);
            }
        }
        let distinct: BTreeSet<&BTreeMap<Skill, Level>> = skills.values().collect();
        let index: BTreeMap<&BTreeMap<Skill, Level>, usize> =
            distinct.iter().enumerate().map(|(i, skills)| (*skills, i)).collect();
        self.profiles = distinct.iter().map(|skills| Profile::new((*skills).clone(), &self.classes)).collect();
        for (id, slot) in &self.operator_names {
            let operator = &mut self.operators[slot.0 as usize];
            operator.profile = skills.get(id).and_then(|skills| index.get(skills)).copied().unwrap_or_default();
            let profile = &self.profiles[operator.profile];
            for meets in &profile.meets {
                let class = &mut self.classes[meets.class];
                class.count(operator.standing);
                if operator.standing == Standing::Ready {
                    class.ready.insert(operator.key(*slot, profile, meets, class));
                }
            }
        }
        for class in &mut self.classes {
            class.stirred = true;
        }
        self.stirred = (0..self.classes.len()).collect();
        self.emptied = (0..self.classes.len()).collect();
    }

    /// Everybody who waits, by the priorities and limits of the new rules.
    fn sort_contacts(&mut self, given_on: &[Slot]) {
        for line in &mut self.lines {
            line.order = Sorted::default();
        }
        self.operators.iter_mut().for_each(|operator| operator.wanted_by = Sorted::default());
        let ids: Vec<CallId> = self.contacts.iter().map(|(id, _)| *id).collect();
        for id in ids {
            let Some(contact) = self.contacts.get_mut(&id) else { continue };
            // What somebody else failed is no fault of who has the slot now.
            contact.excluded.retain(|exclusion| !given_on.contains(&exclusion.operator));
            let line = &mut self.lines[contact.line];
            contact.step = contact.step.min(line.rules.steps.len());
            contact.class = line.classes[contact.step];
            contact.rank = contact.rank_by(id, &line.rules);
            if matches!(contact.state, ContactState::Talking { .. }) {
                continue;
            }
            line.order.insert(contact.rank);
            let (rank, age, class, preferred) = (contact.rank, (contact.since, id), contact.class, contact.preferred);
            if contact.state == ContactState::Waiting {
                self.classes[class].by_age.insert(age);
                match preferred {
                    Some((slot, _)) => self.operator_mut(slot).wanted_by.insert(rank),
                    None => self.classes[class].waiting.insert(rank),
                };
            }
            self.arm(id);
        }
    }

    /// Those who are no longer named go as soon as they are free.
    fn retire(&mut self) {
        let gone: Vec<Slot> = self
            .operator_names
            .iter()
            .filter(|(id, _)| !self.rules.operators.contains_key(*id))
            .map(|(_, slot)| *slot)
            .collect();
        for slot in gone {
            let operator = self.operator_mut(slot);
            operator.retired = true;
            let busy = matches!(operator.activity, Activity::Offered { .. }) || operator.is_engaged();
            if operator.seat.is_some() && busy {
                self.change(slot, |operator| operator.next = Some(Next::SignOut));
            } else {
                self.leave_seat(slot);
            }
        }
    }

    /// Who has a seat of their own is at work there if its phone is.
    fn own_seats(&mut self, rules: &Rules) {
        for seat in self.seats.values_mut() {
            seat.owners.clear();
        }
        for (id, operator) in &rules.operators {
            if let (Some(seat), Some(slot)) = (&operator.seat, self.operator_names.get(id)) {
                self.seats.entry(seat.clone()).or_default().owners.push(*slot);
            }
        }
        let free: Vec<SeatId> = self
            .seats
            .iter()
            .filter(|(_, seat)| seat.operator.is_none() && seat.reachable)
            .map(|(id, _)| id.clone())
            .collect();
        for seat in free {
            self.sign_in_at_own_seat(&seat);
        }
    }
}

/// The class of a queue's need at a step; one that is there already if it is the same.
fn class_of(classes: &mut Vec<Class>, rules: &QueueRules, step: usize) -> usize {
    let wanted = rules.at_step(step);
    classes.iter().position(|class| class.is(wanted, rules.choose)).unwrap_or_else(|| {
        classes.push(Class::new(wanted.0.clone(), wanted.1.to_vec(), rules.choose));
        classes.len() - 1
    })
}
