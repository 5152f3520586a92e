//! What each input does, one line each: contacts are in `contacts`, offers in `offers`, callbacks in `callbacks`,
//! operators in `presence`.

use std::collections::BTreeMap;

use super::engine::Engine;
use super::operators::Activity;
use super::words::{ExpectedWaits, Input, LeftLine, RelaxedBy};
use crate::ids::QueueId;
use crate::moment::Moment;

impl Engine {
    pub(super) fn take(&mut self, now: Moment, input: Input) {
        match input {
            Input::Rules { rules } => self.new_rules(rules),
            Input::Open { queue, open } => match self.line_names.get(&queue) {
                Some(line) => self.lines[*line].open = open,
                None => self.ignore(format!("there is no queue {queue} to open or close")),
            },
            Input::SeatReachable { seat, reachable } => self.seat_reachable(now, seat, reachable),
            Input::SignIn { operator, seat } => self.sign_in(now, &operator, seat),
            Input::SignOut { operator, by: _ } => self.with_operator(&operator, |e, slot| e.sign_out(now, slot)),
            Input::Ready { operator, by: _ } => self.with_operator(&operator, Engine::ready),
            Input::NotReady { operator, reason, by: _ } => {
                self.with_operator(&operator, |e, slot| e.not_ready(slot, reason));
            }
            Input::EndWrapUp { operator } => self.with_operator(&operator, |e, slot| match e.activity(slot) {
                Some(Activity::WrapUp { .. }) => e.finish_work(slot),
                _ => e.ignore_operator(slot, "is not in wrap-up"),
            }),
            Input::ExtendWrapUp { operator, more } => {
                self.with_operator(&operator, |e, slot| e.extend_wrap_up(slot, more));
            }
            Input::Join { contact, queue, caller, arrived_at: _ } => self.join(now, contact, queue, caller),
            Input::Return { contact, queue, caller, failed_by } => {
                self.come_back(now, contact, queue, caller, failed_by.as_ref());
            }
            Input::PassedOn { contact, queue, caller, since } => self.passed_on(now, contact, queue, caller, since),
            Input::Move { contact, queue, by: _ } => self.move_by_hand(now, contact, &queue),
            Input::HandedOver { contact, queue, to, caller, instead_of } => {
                self.handed_over(now, contact, queue, &to, caller, instead_of);
            }
            Input::OperatorLost { contact } => self.operator_lost(now, contact),
            Input::Leave { contact } => self.leave(now, contact, LeftLine::CallerGone),
            Input::Withdraw { contact } => self.leave(now, contact, LeftLine::Withdrawn),
            Input::Cut { contact } => self.cut(now, contact),
            Input::Key { contact, key } => self.key(now, contact, key),
            Input::Accepted { offer } => self.accepted(now, offer),
            Input::PickUp { contact, operator } => self.pick_up(now, contact, operator),
            Input::Failed { offer, why } => self.failed(now, offer, why),
            Input::TalkEnded { contact } => self.talk_ended(now, now, contact),
            Input::Held { contact, held } => self.held(now, contact, held),
            Input::Reached { contact, call } => self.reached(now, contact, call),
            Input::NotReached { contact, why } => self.not_reached(now, contact, why),
            Input::Expected { lines } => self.expect(now, lines),
            Input::RestartedAfter { alive_at } => self.restarted(now, alive_at.min(now)),
            Input::Restarted => self.restarted(now, now),
            Input::Outbound { operator, busy } => self.with_operator(&operator, |e, slot| e.outbound(slot, busy)),
        }
    }

    /// What the run ahead found. Contacts whose expected wait is too long for them relax.
    fn expect(&mut self, now: Moment, lines: BTreeMap<QueueId, ExpectedWaits>) {
        for (queue, waits) in lines {
            let Some(index) = self.line_names.get(&queue).copied() else { continue };
            let line = &mut self.lines[index];
            let shortest = line.rules.steps.iter().filter_map(|step| step.expected_wait).min();
            let from = shortest.and_then(|limit| waits.first_beyond(limit));
            line.pace.foresee(now, waits);
            if let Some(from) = from {
                let beyond: Vec<_> = line.order.from(from - 1).map(|rank| rank.2).collect();
                for contact in beyond {
                    self.relax(now, contact);
                }
            }
        }
    }

    /// Moves a contact to the last step one of whose conditions is met.
    pub(super) fn relax(&mut self, now: Moment, id: crate::ids::CallId) {
        loop {
            let Some(contact) = self.contacts.get(&id) else { return };
            let line = &self.lines[contact.line];
            if contact.step >= line.rules.steps.len() {
                return;
            }
            let nobody = !self.classes[contact.class].is_served();
            let waited = now.since(contact.entered_at);
            let foresees = line.rules.steps.iter().skip(contact.step).any(|step| step.expected_wait.is_some());
            let expected = if foresees {
                let (place, tally) = (line.order.before(&contact.rank) + 1, self.classes[contact.class].tally());
                let at_once = self.can_be_asked(contact);
                line.pace.wait(now, place, at_once, &tally).or_else(|| line.pace.foreseen(now, place))
            } else {
                None
            };
            let steps = line.rules.steps.iter().enumerate().skip(contact.step).rev();
            let met = steps.filter_map(|(index, step)| {
                let longer = |limit: std::time::Duration| {
                    expected.is_some_and(|wait| u128::from(wait.median_ms) > limit.as_millis())
                };
                if step.after.is_some_and(|after| after <= waited) {
                    Some((index, RelaxedBy::Waited))
                } else if step.expected_wait.is_some_and(longer) {
                    Some((index, RelaxedBy::ExpectedWait))
                } else {
                    None
                }
            });
            let mut found = met.max_by_key(|(index, _)| *index);
            if found.is_none() && nobody {
                // One step at a time: the next may find somebody.
                let next = line.rules.steps.iter().enumerate().skip(contact.step).find(|(_, step)| step.nobody);
                found = next.map(|(index, _)| (index, RelaxedBy::Nobody));
            }
            let Some((index, why)) = found else { return };
            self.take_step(id, index + 1, why);
        }
    }
}
