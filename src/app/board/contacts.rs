//! Who waits, rings or talks, and what operators do: kept as the engine says it.

use std::collections::{BTreeMap, BTreeSet};

use super::calls::call_of;
use super::keeper::Keeper;
use super::looks::{Line, PLACES, Whole};
use super::{Seen, calls};
use crate::config::WebhookEvent;
use crate::ids::{CallId, OperatorId, QueueId, SeatId};
use crate::moment::Moment;
use crate::queue::{NO_QUEUE, Next, OperatorState, Output, Said};

/// A contact that waits, rings or talks.
pub(super) struct Contact {
    pub queue: QueueId,
    /// Since when it waits in this line, or talks.
    pub since: Moment,
    pub callback: bool,
    pub talking: bool,
    /// Why nobody is asked for it.
    pub why: Option<String>,
}

pub(super) struct Person {
    pub seat: Option<SeatId>,
    pub state: OperatorState,
    pub next: Option<Next>,
    pub since: Moment,
}

impl Contact {
    fn waits(queue: QueueId, since: Moment) -> Contact {
        Contact { queue, since, callback: false, talking: false, why: None }
    }

    fn talks(queue: QueueId, since: Moment) -> Contact {
        Contact { talking: true, ..Contact::waits(queue, since) }
    }
}

impl Keeper {
    pub(super) fn said(&mut self, said: Said) {
        let Said { at, output, .. } = said;
        if let Some(contact) = output.contact() {
            self.changed_calls.insert(contact);
        }
        match output {
            Output::Joined { contact, queue, .. } => {
                self.contacts.insert(contact, Contact::waits(queue, at));
            }
            Output::Moved { contact, to, .. } => {
                if let Some(of) = self.contacts.get_mut(&contact) {
                    of.queue = to;
                }
            }
            Output::Offer { contact, operator, seat, .. } => {
                let of = self.contacts.get_mut(&contact);
                let called_back = of.as_ref().is_some_and(|of| of.callback);
                if let Some(of) = of {
                    of.why = None;
                }
                self.webhooks.comes(WebhookEvent::Ringing, (contact, called_back), operator, seat, at);
            }
            Output::Connected { contact, queue, operator, seat, .. } => {
                self.changed_operators.insert(operator.clone());
                self.last_talks.insert(operator.clone(), (call_of(&self.calls, contact), at));
                let former = self.contacts.insert(contact, Contact::talks(queue, at));
                let called_back = former.is_some_and(|former| former.callback);
                self.webhooks.comes(WebhookEvent::Connected, (contact, called_back), operator, seat, at);
            }
            Output::HandedOver { contact, queue, operator, seat, .. } => {
                self.last_talks.insert(operator.clone(), (call_of(&self.calls, contact), at));
                if queue.as_str() != NO_QUEUE {
                    self.contacts.insert(contact, Contact::talks(queue, at));
                }
                self.webhooks.comes(WebhookEvent::Connected, (contact, false), operator, seat, at);
            }
            Output::CallbackTaken { contact, queue, .. } | Output::CallbackRenewed { contact, queue, .. } => {
                self.contacts.entry(contact).or_insert(Contact::waits(queue, at)).callback = true;
            }
            Output::Decided(decision) => {
                if let Some(of) = self.contacts.get_mut(&decision.contact) {
                    of.why = decision.chosen.is_none().then(|| calls::nobody(&decision.tally, decision.excluded));
                }
            }
            Output::Ended { contact, operator, .. } => {
                self.changed_operators.insert(operator);
                self.contacts.remove(&contact);
            }
            Output::Left { contact, .. } | Output::CallbackEnded { contact, .. } => {
                self.contacts.remove(&contact);
            }
            Output::OfferEnded { operator, .. } => {
                self.changed_operators.insert(operator);
            }
            Output::Operator { operator, seat, state, next } => {
                let former = self.operators.get(&operator);
                let same = former.is_some_and(|former| same_state(&former.state, &state));
                let since = former.filter(|_| same).map_or(at, |former| former.since);
                self.changed_operators.insert(operator.clone());
                self.operators.insert(operator, Person { seat, state, next, since });
            }
            _ => {}
        }
    }

    /// Everything as it is now: what was known before and is so no longer goes.
    pub(super) fn take_whole(&mut self, now: Moment, whole: Whole, lines: &BTreeMap<QueueId, Line>) {
        self.changed_calls.extend(self.calls.keys());
        self.calls = whole.calls.into_iter().map(|seen| (seen.id, seen)).collect();
        self.changed_calls.extend(self.calls.keys());
        for (operator, seat, state, next) in whole.operators {
            self.changed_operators.insert(operator.clone());
            let former = self.operators.get(&operator).filter(|former| same_state(&former.state, &state));
            let since = former.map_or(now, |former| former.since);
            if let Some(contact) = state.talk() {
                let call = call_of(&self.calls, contact);
                let same = self.last_talks.get(&operator).is_some_and(|(last, _)| *last == call);
                if !same {
                    self.last_talks.insert(operator.clone(), (call, since));
                }
            }
            self.operators.insert(operator, Person { seat, state, next, since });
        }
        let talks = self.operators.values().filter_map(|person| person.state.talk()).collect();
        self.contacts = as_they_are(std::mem::take(&mut self.contacts), lines, &self.calls, &talks);
    }

    /// The lines as they are now: who moved up.
    pub(super) fn take_lines(&mut self, lines: BTreeMap<QueueId, Line>) {
        self.lines = lines;
        self.changed_calls.extend(calls::renew_why(&mut self.contacts, self.lines.values()));
        let mut places = BTreeMap::new();
        for line in self.lines.values() {
            places.extend(line.waiting.iter().take(PLACES).enumerate().map(|(place, id)| (*id, place + 1)));
        }
        let moved = |id: &&CallId| places.get(*id) != self.places.get(*id);
        self.changed_calls.extend(places.keys().chain(self.places.keys()).filter(moved));
        self.places = places;
    }
}

/// Of somebody called back the engine knew the visit, and now there is the call.
pub(super) fn name_the_call(last_talks: &mut BTreeMap<OperatorId, (CallId, Moment)>, seen: &Seen) {
    if let Some(visit) = seen.record.callback_of {
        last_talks.values_mut().filter(|(talk, _)| *talk == visit).for_each(|(talk, _)| *talk = seen.id);
    }
}

/// Who is in a line or talks now. Of what was so before it is known since when.
fn as_they_are(
    mut before: BTreeMap<CallId, Contact>,
    lines: &BTreeMap<QueueId, Line>,
    calls: &BTreeMap<CallId, Seen>,
    talks: &BTreeSet<CallId>,
) -> BTreeMap<CallId, Contact> {
    let mut now = BTreeMap::new();
    for (queue, line) in lines {
        for id in &line.waiting {
            let joined = calls.get(id).and_then(|seen| Some(seen.record.line()?.joined_at));
            let waits = Contact::waits(queue.clone(), joined.unwrap_or_else(|| arrived(*id)));
            now.insert(*id, Contact { callback: !calls.contains_key(id), ..waits });
        }
    }
    // Of somebody called back the contact is that of the visit.
    let talks = |seen: &&Seen| [Some(seen.id), seen.record.callback_of].iter().flatten().any(|id| talks.contains(id));
    for seen in calls.values().filter(talks) {
        if let Some(queue) = &seen.record.queue {
            let since = seen.record.line().and_then(|line| line.left_at).unwrap_or(seen.since);
            now.insert(seen.id, Contact::talks(queue.clone(), since));
        }
    }
    for (id, contact) in &mut now {
        let same = |of: &Contact| (&of.queue, of.talking) == (&contact.queue, contact.talking);
        if let Some(former) = before.remove(id).filter(same) {
            (contact.since, contact.why) = (former.since, former.why);
        }
    }
    now
}

/// The same but for what runs on in it.
fn same_state(one: &OperatorState, other: &OperatorState) -> bool {
    match (one, other) {
        (OperatorState::WrapUp { .. }, OperatorState::WrapUp { .. }) => true,
        (one, other) => one == other,
    }
}

/// An id says when its call arrived.
fn arrived(call: CallId) -> Moment {
    Moment::from_micros((call.0 >> 20).saturating_mul(1000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::board::tests::seen;
    use crate::call::Stage;
    use crate::queue::LineNow;
    use crate::records::{LineOutcome, LineRecord};

    fn at(second: u64) -> Moment {
        Moment::from_micros(second * 1_000_000)
    }

    /// News were lost: 1 waits where it waited, 2 has moved to another line, 3 is served by now, 4 is gone, 5 came, and 6
    /// waits for a callback.
    #[test]
    fn what_was_not_heard_is_seen_in_the_whole() {
        let of = |id: u64, stage: Stage, queue: &str, left_at: Option<Moment>| {
            let mut seen = seen(stage);
            (seen.id, seen.record.queue) = (CallId(id), Some(queue.into()));
            seen.record.lines.push(LineRecord {
                queue: queue.into(),
                joined_at: at(10 + id),
                left_at,
                outcome: LineOutcome::Waits,
                operator: None,
                wait_ms: 0,
                within_service_level: None,
            });
            (seen.id, seen)
        };
        let calls = [
            of(1, Stage::Waiting, "a", None),
            of(2, Stage::Waiting, "b", None),
            of(3, Stage::Talking, "a", Some(at(40))),
            of(5, Stage::Waiting, "a", None),
        ];
        let before = [1, 2, 3, 4].map(|id| (CallId(id), Contact::waits("a".into(), at(id))));
        let line = |waiting: &[u64]| Line {
            now: LineNow { waiting: 0, expected: None, open: true, served: true, ready: 0 },
            waiting: waiting.iter().copied().map(CallId).collect(),
            unasked: Vec::new(),
            callbacks: Vec::new(),
        };
        let lines = [("a".into(), line(&[1, 5, 6])), ("b".into(), line(&[2]))];
        let now = as_they_are(before.into(), &lines.into(), &calls.into(), &[CallId(3)].into());
        let told: Vec<_> =
            now.iter().map(|(id, of)| (id.0, of.queue.as_str(), of.talking, of.callback, of.since)).collect();
        assert_eq!(
            told,
            [
                (1, "a", false, false, at(1)),
                (2, "b", false, false, at(12)),
                (3, "a", true, false, at(40)),
                (5, "a", false, false, at(15)),
                (6, "a", false, true, arrived(CallId(6))),
            ]
        );
    }
}
