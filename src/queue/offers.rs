//! Offers and what comes of them: each begins once, each ends once.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::deadlines::Deadline;
use super::engine::Engine;
use super::line::ContactState;
use super::operators::{Activity, Next, RONA};
use super::words::{LeftLine, OfferFailure, OfferOutcome, Output};
use crate::ids::{CallId, OfferId, OperatorId, SeatId};
use crate::moment::Moment;

/// A phone that was busy or could not be reached would fail alike for the next contact: it rests.
const REST: Duration = Duration::from_secs(5);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Offer {
    pub contact: CallId,
    pub operator: OperatorId,
    pub seat: SeatId,
    pub at: Moment,
    pub until: Moment,
}

impl Engine {
    /// Rings one operator for one contact. Both are free: `choose` saw to that.
    pub(super) fn offer(&mut self, now: Moment, contact: CallId, operator: OperatorId) {
        let Some(waits) = self.contacts.get_mut(&contact) else { return };
        let Some(line) = self.lines.get(&waits.queue) else { return };
        let Some(seat) = self.operators.get(&operator).and_then(|operator| operator.seat.clone()) else { return };
        self.last_offer += 1;
        let (offer, until) = (OfferId(self.last_offer), now + line.rules.ring);
        waits.state = ContactState::Offered(offer);
        self.agenda.set(until, Deadline::OfferExpires(offer));
        self.offers.insert(offer, Offer { contact, operator: operator.clone(), seat: seat.clone(), at: now, until });
        self.set_activity(&operator, Activity::Offered { offer, until });
        self.say(Output::Offer { offer, contact, operator, seat, until });
    }

    pub(super) fn accepted(&mut self, now: Moment, id: OfferId) {
        let Some(offer) = self.end_offer(now, id, OfferOutcome::Answered) else {
            return self.ignore(format!("{id} is over: nobody can accept it"));
        };
        let Some(contact) = self.contacts.get_mut(&offer.contact) else { return };
        let rank = contact.rank(offer.contact);
        let waited = now.since(contact.joined_at);
        contact.state = ContactState::Talking { operator: offer.operator.clone(), since: now };
        let queue = contact.queue.clone();
        self.forget_waiting(offer.contact);
        if let Some(line) = self.lines.get_mut(&queue) {
            line.order.remove(&rank);
        }
        self.set_activity(&offer.operator, Activity::Talking(offer.contact));
        self.say(Output::Connected {
            contact: offer.contact,
            queue,
            operator: offer.operator,
            seat: offer.seat,
            waited_ms: u64::try_from(waited.as_millis()).unwrap_or(u64::MAX),
        });
    }

    /// The phone said no, or could not be rung.
    pub(super) fn failed(&mut self, now: Moment, id: OfferId, why: OfferFailure) {
        let outcome = match why {
            OfferFailure::NoAnswer => OfferOutcome::NoAnswer,
            OfferFailure::Rejected => OfferOutcome::Rejected,
            OfferFailure::Busy => OfferOutcome::Busy,
            OfferFailure::Unreachable => OfferOutcome::Unreachable,
        };
        if !self.offers.contains_key(&id) {
            return self.ignore(format!("{id} is over: it cannot fail"));
        }
        self.fail_offer(now, id, outcome);
    }

    pub(super) fn offer_expired(&mut self, now: Moment, id: OfferId) {
        self.withdraw(now, id, OfferOutcome::NoAnswer);
    }

    /// Stops ringing, for a reason of the house's.
    pub(super) fn withdraw(&mut self, now: Moment, id: OfferId, why: OfferOutcome) {
        let Some(offer) = self.offers.get(&id) else { return };
        let contact = offer.contact;
        self.say(Output::Withdraw { offer: id, contact, why });
        self.fail_offer(now, id, why);
    }

    /// The offer ends without a talk: the operator is free or rests, the contact is back at its place.
    fn fail_offer(&mut self, now: Moment, id: OfferId, outcome: OfferOutcome) {
        let Some(offer) = self.end_offer(now, id, outcome) else { return };
        self.free_operator(now, &offer.operator, outcome);
        if outcome != OfferOutcome::CallerGone {
            self.put_back(now, offer.contact, offer.operator, outcome);
        }
    }

    fn end_offer(&mut self, now: Moment, id: OfferId, outcome: OfferOutcome) -> Option<Offer> {
        let offer = self.offers.remove(&id)?;
        self.agenda.clear(offer.until, Deadline::OfferExpires(id));
        self.say(Output::OfferEnded {
            offer: id,
            contact: offer.contact,
            operator: offer.operator.clone(),
            seat: offer.seat.clone(),
            outcome,
            at: offer.at,
            ms: u64::try_from(now.since(offer.at).as_millis()).unwrap_or(u64::MAX),
        });
        Some(offer)
    }

    fn free_operator(&mut self, now: Moment, id: &OperatorId, outcome: OfferOutcome) {
        let Some(operator) = self.operators.get_mut(id) else { return };
        let next = operator.next.take();
        match (next, outcome) {
            (Some(Next::SignOut), _) => return self.leave_seat(id),
            (Some(Next::NotReady(reason)), _) => return self.set_activity(id, Activity::NotReady(reason)),
            (None, OfferOutcome::NoAnswer) => return self.set_activity(id, Activity::NotReady(RONA.into())),
            (None, OfferOutcome::Busy | OfferOutcome::Unreachable) => {
                let until = now + REST;
                self.agenda.set(until, Deadline::RestEnds(id.clone()));
                // Others are asked before a phone that failed.
                return self.change(id, |operator, _| {
                    operator.resting_until = Some(until);
                    operator.idle_since = now;
                    operator.activity = Activity::Ready;
                });
            }
            (None, _) => {}
        }
        self.set_activity(id, Activity::Ready);
    }

    /// Back to the old place. Who would not take the contact is not asked for it again for a while; a phone
    /// that could not be rung rests instead, for everybody.
    fn put_back(&mut self, now: Moment, id: CallId, failed_by: OperatorId, outcome: OfferOutcome) {
        let until = now + self.rules.exclude_for;
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let Some(line) = self.lines.get(&contact.queue) else { return };
        contact.state = ContactState::Waiting;
        if matches!(outcome, OfferOutcome::NoAnswer | OfferOutcome::Rejected) {
            if let Some(before) = contact.excluded.insert(failed_by.clone(), until) {
                self.agenda.clear(before, Deadline::ExclusionEnds(id, failed_by.clone()));
            }
            self.agenda.set(until, Deadline::ExclusionEnds(id, failed_by));
        }
        if line.rules.max_wait.is_some_and(|limit| contact.joined_at + limit <= now) {
            return self.leave_line(id, LeftLine::TooLong);
        }
        self.wait(id);
    }

    pub(super) fn exclusion_over(&mut self, id: CallId, operator: &OperatorId) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        contact.excluded.remove(operator);
        if let Some(line) = self.lines.get(&contact.queue) {
            self.stirred.insert(line.class);
        }
    }
}
