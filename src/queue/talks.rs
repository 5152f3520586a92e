//! The talk: hold, its end, and whom an operator leaves the contact to.

use std::time::Duration;

use super::engine::Engine;
use super::line::{Contact, ContactState};
use super::operators::{Activity, LOST, Slot};
use super::words::{Caller, Next, Output};
use crate::ids::{CallId, OperatorId, QueueId};
use crate::moment::Moment;

/// The name of the queue of talks that no queue led to, e.g. at a seat that a menu led to.
pub const NO_QUEUE: &str = "";

/// The talk of one operator with a contact, as it was.
struct Talked {
    operator: Slot,
    line: usize,
    caller: Option<Caller>,
}

impl Engine {
    /// `ended_at`: not later than `now`, where it is learned only now.
    pub(super) fn talk_ended(&mut self, now: Moment, ended_at: Moment, id: CallId) {
        if let Some(talked) = self.end_talk(ended_at, id) {
            self.contacts.remove(&id);
            self.remember_operator(now, &talked);
            self.wrap_up(now, &talked);
        }
    }

    /// The house was cut off, or ended it.
    pub(super) fn talk_cut(&mut self, now: Moment, ended_at: Moment, id: CallId) {
        let cut = self.contacts.get(&id).cloned();
        self.talk_ended(now, ended_at, id);
        if let Some(cut) = cut {
            self.call_again(now, cut);
        }
    }

    /// The operator's phone is lost: nothing is wrapped up, and nobody is rung there who did not ask for it.
    pub(super) fn operator_lost(&mut self, now: Moment, id: CallId) {
        let Some(talked) = self.end_talk(now, id) else { return };
        self.contacts.remove(&id);
        let asked = self.operator(talked.operator).next.clone();
        if asked.is_none() {
            self.operator_mut(talked.operator).next = Some(Next::NotReady(LOST.into()));
        }
        self.finish_work(talked.operator);
    }

    /// Says what the talk of its operator was; the contact is still there.
    fn end_talk(&mut self, now: Moment, id: CallId) -> Option<Talked> {
        let talking = self.contacts.get(&id).and_then(|contact| match contact.state {
            ContactState::Talking { operator, since, held_since, held } => {
                Some((operator, since, held_since, held, contact.line, contact.caller.clone()))
            }
            _ => None,
        });
        let Some((operator, since, held_since, held, line, caller)) = talking else {
            self.ignore(format!("contact {id} is not being talked to"));
            return None;
        };
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let hold = held + held_since.map_or(Duration::ZERO, |from| now.since(from));
        let (wrap_up, queue) = (self.lines[line].rules.wrap_up, self.lines[line].id.clone());
        self.lines[line].pace.learn(now.since(since) + wrap_up);
        let of = self.operator(operator).id.clone();
        let talk_ms = millis(now.since(since));
        self.say(Output::Ended { contact: id, queue, operator: of, talk_ms, hold_ms: millis(hold) });
        Some(Talked { operator, line, caller })
    }

    fn remember_operator(&mut self, now: Moment, talked: &Talked) {
        if let Some(caller) = &talked.caller
            && !self.lines[talked.line].rules.preferred_for.is_zero()
        {
            self.callers.spoke_with(now, caller, talked.operator);
        }
    }

    fn wrap_up(&mut self, now: Moment, talked: &Talked) {
        let rules = &self.lines[talked.line].rules;
        let (wrap_up, longest) = (rules.wrap_up, rules.wrap_up_max.max(rules.wrap_up));
        self.begin_wrap_up(talked.operator, now + wrap_up, now + longest);
    }

    /// An operator has the contact whom no offer led to it: by a transfer, or because a supervisor took over. Whoever
    /// had it until now wraps up.
    pub(super) fn handed_over(
        &mut self,
        now: Moment,
        id: CallId,
        queue: QueueId,
        to: &OperatorId,
        caller: Option<Caller>,
        instead_of: Option<CallId>,
    ) {
        let queue = self.rules.now_called(queue);
        let lets_go = |slot: Slot| instead_of.is_some_and(|of| self.talks_with(slot, of));
        let slot = self.operator_names.get(to).copied().filter(|slot| self.can_take_over(*slot) || lets_go(*slot));
        let Some((slot, seat)) = slot.and_then(|slot| Some((slot, self.operator(slot).seat.clone()?))) else {
            return self.ignore(format!("{to} cannot take over contact {id}"));
        };
        let talked = match self.contacts.get(&id).map(|contact| &contact.state) {
            None => None,
            Some(ContactState::Talking { .. }) => self.end_talk(now, id),
            Some(_) => return self.ignore(format!("contact {id} waits in a line")),
        };
        match (&talked, self.line_names.get(&queue).copied()) {
            (Some(_), _) => {}
            (None, Some(line)) => self.take_up(now, id, line, caller),
            (None, None) => return self.ignore(format!("there is no queue {queue}")),
        }
        if let Some(former) = instead_of.filter(|of| self.talks_with(slot, *of))
            && let Some(talked) = self.end_talk(now, former)
        {
            self.contacts.remove(&former);
            self.remember_operator(now, &talked);
        }
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        contact.state = ContactState::Talking { operator: slot, since: now, held_since: None, held: Duration::ZERO };
        let (queue, operator) = (self.lines[contact.line].id.clone(), to.clone());
        let from = talked.as_ref().map(|talked| self.operator(talked.operator).id.clone());
        self.say(Output::HandedOver { contact: id, queue, from, operator, seat });
        if let Some(talked) = &talked {
            self.wrap_up(now, talked);
        }
        self.begins_to_talk(slot, id);
    }

    fn can_take_over(&self, slot: Slot) -> bool {
        let activity = self.activity(slot);
        matches!(activity, Some(Activity::Outbound { .. } | Activity::Ready | Activity::NotReady(_)))
    }

    fn talks_with(&self, slot: Slot, id: CallId) -> bool {
        matches!(self.activity(slot), Some(Activity::Talking(contact) | Activity::Holding(contact)) if contact == id)
    }

    /// A contact in no line: it is with somebody already.
    fn take_up(&mut self, now: Moment, id: CallId, line: usize, caller: Option<Caller>) {
        self.insert(now, id, line, caller, now);
        if let Some(contact) = self.contacts.get_mut(&id) {
            let Contact { rank, late, .. } = contact;
            *late = true;
            let rank = *rank;
            self.lines[line].order.remove(&rank);
        }
    }

    /// Who was not ready is not ready afterwards.
    fn begins_to_talk(&mut self, slot: Slot, id: CallId) {
        self.change(slot, |operator| {
            operator.work.contacts += 1;
            let was = match std::mem::replace(&mut operator.activity, Activity::Talking(id)) {
                Activity::Outbound { was, more } => {
                    operator.own_calls = more;
                    *was
                }
                was => was,
            };
            if let (None, Activity::NotReady(reason)) = (&operator.next, was) {
                operator.next = Some(Next::NotReady(reason));
            }
        });
    }

    pub(super) fn held(&mut self, now: Moment, id: CallId, is_held: bool) {
        let Some(Contact { state: ContactState::Talking { operator, held_since, held, .. }, .. }) =
            self.contacts.get_mut(&id)
        else {
            return self.ignore(format!("contact {id} is not being talked to"));
        };
        match (*held_since, is_held) {
            (None, true) => *held_since = Some(now),
            (Some(from), false) => {
                *held += now.since(from);
                *held_since = None;
            }
            _ => {}
        }
        let operator = *operator;
        self.hold_changed(operator, id, is_held);
    }
}
