//! The decision: which contact is next, and which operator is asked.
//!
//! Contacts by rank over all queues; operators by longest idle, ties by name. A contact that nobody
//! free can serve never blocks those behind it.

use super::engine::Engine;
use super::line::{Class, Rank};
use super::operators::Standing;
use super::words::Output;
use crate::ids::{CallId, OperatorId};
use crate::moment::Moment;

impl Engine {
    /// Offers whatever can be offered. Only classes that were stirred (a contact came or came back, an
    /// operator became free) are looked at, so an event that frees nobody costs nothing here.
    pub(super) fn dispatch(&mut self, now: Moment) {
        while let Some((class, rank, operator)) = self.best_match() {
            let why = self.reason(class, &operator);
            let contact = rank.1;
            self.classes[class].waiting.remove(&rank);
            if let Some(queue) = self.contacts.get(&contact).map(|contact| contact.queue.clone()) {
                self.say(Output::Decided { contact, queue, chosen: Some(operator.clone()), why });
            }
            self.offer(now, contact, operator);
        }
    }

    /// The first contact over all stirred classes, with its operator; classes without one come to rest.
    fn best_match(&mut self) -> Option<(usize, Rank, OperatorId)> {
        let mut best: Option<(usize, Rank, OperatorId)> = None;
        let stirred: Vec<usize> = self.stirred.iter().copied().collect();
        for class in stirred {
            match self.first_match(class) {
                None => drop(self.stirred.remove(&class)),
                Some((rank, operator)) => {
                    if best.as_ref().is_none_or(|(_, other, _)| rank < *other) {
                        best = Some((class, rank, operator));
                    }
                }
            }
        }
        best
    }

    fn first_match(&self, class: usize) -> Option<(Rank, OperatorId)> {
        let class = self.classes.get(class)?;
        if class.profiles.iter().all(|profile| self.profiles[*profile].ready.is_empty()) {
            return None;
        }
        class.waiting.iter().find_map(|rank| Some((*rank, self.longest_idle(class, rank.1)?)))
    }

    /// Who has been idle longest of those who may be asked for this contact.
    fn longest_idle(&self, class: &Class, contact: CallId) -> Option<OperatorId> {
        let excluded = &self.contacts.get(&contact)?.excluded;
        let heads = class.profiles.iter().filter_map(|profile| {
            self.profiles[*profile].ready.iter().find(|(_, operator)| !excluded.contains_key(operator))
        });
        heads.min().map(|(_, operator)| operator.clone())
    }

    fn reason(&self, class: usize, chosen: &OperatorId) -> String {
        format!("{chosen} is idle longest; {}", self.tally(class))
    }

    /// Why nobody is asked for this contact now.
    pub(super) fn nobody(&self, contact: CallId, class: usize) -> String {
        let excluded = self.contacts.get(&contact).map_or(0, |contact| contact.excluded.len());
        let tally = self.tally(class);
        if excluded == 0 {
            format!("nobody is free; {tally}")
        } else {
            format!("nobody is free; {excluded} refused it; {tally}")
        }
    }

    /// How those who have the skills stand.
    fn tally(&self, class: usize) -> String {
        let standings = [
            (Standing::Ready, "ready"),
            (Standing::Busy, "busy"),
            (Standing::WrapUp, "in wrap-up"),
            (Standing::Resting, "resting"),
            (Standing::NotReady, "not ready"),
            (Standing::Unreachable, "unreachable"),
            (Standing::SignedOut, "signed out"),
        ];
        let parts = standings.iter().filter_map(|(standing, name)| match self.count(class, *standing) {
            0 => None,
            count => Some(format!("{count} {name}")),
        });
        let parts: Vec<String> = parts.collect();
        if parts.is_empty() {
            "nobody has the skills".into()
        } else {
            format!("of those with the skills: {}", parts.join(", "))
        }
    }

    pub(super) fn count(&self, class: usize, standing: Standing) -> usize {
        self.classes
            .get(class)
            .map_or(0, |class| class.profiles.iter().map(|profile| self.profiles[*profile].count(standing)).sum())
    }
}
