//! The decision: which contact is next, and which operators are asked.
//!
//! Contacts by rank over all queues; operators by preference and the queue's way of choosing. A contact that
//! nobody free can serve never blocks those behind it.

use super::decision::{Chosen, Decision, Passed, PassedBecause};
use super::engine::Engine;
use super::line::{Class, Contact, Rank};
use super::operators::{ReadyKey, Slot, Standing};
use super::settings::MAX_RING_AT_ONCE;
use super::words::Output;
use crate::ids::CallId;
use crate::moment::Moment;

/// Of those who are passed for a reason of their own (they wait for somebody else, or were failed), so many are
/// looked at.
const MOST_EXCUSED: usize = 64;

/// A contact and who is asked for it.
struct Match {
    rank: Rank,
    /// The last operator the caller spoke with: only they are asked.
    preferred: bool,
    first: Slot,
}

impl Engine {
    /// Offers whatever can be offered. Only classes that were stirred (a contact came or came back, an
    /// operator became free) are looked at, so an event that frees nobody costs nothing here.
    pub(super) fn dispatch(&mut self, now: Moment) {
        while let Some(found) = self.best_match() {
            let id = found.rank.2;
            let mut asked = [found.first; MAX_RING_AT_ONCE];
            let count = if found.preferred { 1 } else { self.who_else(id, &mut asked) };
            for slot in &asked[..count] {
                self.decided(id, Some((*slot, found.preferred)));
            }
            self.stop_waiting(id);
            self.ask(now, id, &asked[..count]);
        }
    }

    pub(super) fn stir(&mut self, class: usize) {
        if !std::mem::replace(&mut self.classes[class].stirred, true) {
            self.stirred.push(class);
        }
    }

    /// The first contact over all stirred classes, with its operator; classes without one come to rest.
    fn best_match(&mut self) -> Option<Match> {
        let mut best: Option<Match> = None;
        let mut stirred = std::mem::take(&mut self.stirred);
        stirred.retain(|class| {
            let Some((rank, first)) = self.first_match(*class) else {
                self.classes[*class].stirred = false;
                return false;
            };
            if best.as_ref().is_none_or(|other| rank < other.rank) {
                best = Some(Match { rank, preferred: false, first });
            }
            true
        });
        self.stirred = stirred;
        while let Some(slot) = self.wanted.first().copied() {
            let operator = self.operator(slot);
            let Some(rank) = operator.wanted_by.first().filter(|_| operator.standing == Standing::Ready) else {
                self.wanted.pop_first();
                continue;
            };
            if best.as_ref().is_none_or(|other| *rank < other.rank) {
                best = Some(Match { rank: *rank, preferred: true, first: slot });
            }
            break;
        }
        best
    }

    fn first_match(&self, class: usize) -> Option<(Rank, Slot)> {
        let class = &self.classes[class];
        if class.ready.is_empty() {
            return None;
        }
        class.waiting.iter().find_map(|rank| {
            let contact = self.contacts.get(&rank.2)?;
            Some((*rank, self.eligible(class, contact).next()?.4))
        })
    }

    /// The ready of a class who may be asked for this contact, first to be asked first.
    pub(super) fn eligible<'a>(&'a self, class: &'a Class, contact: &'a Contact) -> impl Iterator<Item = &'a ReadyKey> {
        class.ready.iter().filter(|key| contact.excluded.is_empty() || !contact.excludes(key.4))
    }

    /// Fills in the operators whose phones ring at once; the first is there already.
    fn who_else(&self, id: CallId, asked: &mut [Slot; MAX_RING_AT_ONCE]) -> usize {
        let Some(contact) = self.contacts.get(&id) else { return 1 };
        // A callback keeps one operator busy, not several.
        let at_once = if contact.callback.is_some() { 1 } else { self.lines[contact.line].rules.ring_at_once };
        if at_once == 1 {
            return 1;
        }
        let mut count = 0;
        for key in self.eligible(&self.classes[contact.class], contact).take(at_once.min(MAX_RING_AT_ONCE)) {
            asked[count] = key.4;
            count += 1;
        }
        count.max(1)
    }

    /// How many of the ready failed this contact before.
    pub(super) fn ready_and_excluded(&self, contact: &Contact) -> usize {
        let excluded = contact.excluded.iter().filter(|exclusion| !exclusion.over);
        excluded.filter(|exclusion| self.operator(exclusion.operator).standing == Standing::Ready).count()
    }

    /// Tells the decision: `chosen` with whether they were waited for in person, or that nobody is asked.
    pub(super) fn decided(&mut self, id: CallId, chosen: Option<(Slot, bool)>) {
        let Some(contact) = self.contacts.get(&id) else { return };
        let (class, line) = (&self.classes[contact.class], &self.lines[contact.line]);
        let passed = chosen.and_then(|(slot, _)| self.passed_over(class, contact, id, slot));
        let decision = Decision {
            contact: id,
            queue: line.id.clone(),
            rules: self.rules.version,
            step: contact.step,
            since: contact.since,
            head_start_ms: u64::try_from(contact.head_start(&line.rules).as_millis()).unwrap_or(u64::MAX),
            chosen: chosen.map(|(slot, preferred)| self.chosen(contact.class, slot, preferred)),
            tally: class.tally(),
            excluded: self.ready_and_excluded(contact),
            passed,
            awaits: contact.preferred.filter(|_| chosen.is_none()).map(|(slot, _)| self.operator(slot).id.clone()),
        };
        if let Some(passed) = passed
            && let Some(contact) = self.contacts.get_mut(&passed.contact)
        {
            contact.passed_by += 1;
        }
        self.say(Output::Decided(decision));
    }

    fn chosen(&self, class: usize, slot: Slot, preferred: bool) -> Chosen {
        let (operator, by) = (self.operator(slot), self.classes[class].choose);
        let profile = &self.profiles[operator.profile];
        let (figure, preference) =
            profile.meets(class).map_or((0, 0), |meets| (operator.figure(profile, meets, by), meets.preference));
        Chosen { operator: operator.id.clone(), by, figure, preference, preferred }
    }

    /// Somebody who waits longer with the same need, and why they are passed. Who waits for another operator, or
    /// was failed by this one, hides nobody behind them.
    fn passed_over(&self, class: &Class, contact: &Contact, id: CallId, slot: Slot) -> Option<Passed> {
        let mut excused = None;
        let earlier = class.by_age.iter().take_while(|earlier| **earlier < (contact.since, id)).take(MOST_EXCUSED);
        for (_, earlier) in earlier {
            let Some(passed) = self.contacts.get(earlier) else { continue };
            let why = if passed.preferred.is_some_and(|(preferred, _)| preferred != slot) {
                PassedBecause::Preferred
            } else if passed.excludes(slot) {
                PassedBecause::Excluded
            } else if contact.rank.0 < passed.rank.0 {
                PassedBecause::Emergency
            } else if contact.rank < passed.rank {
                PassedBecause::HeadStart
            } else {
                PassedBecause::Unexplained
            };
            let passed = Passed { contact: *earlier, why };
            if !matches!(why, PassedBecause::Preferred | PassedBecause::Excluded) {
                return Some(passed);
            }
            excused = excused.or(Some(passed));
        }
        excused
    }
}
