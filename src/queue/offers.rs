//! Offers and what comes of them: each begins once, each ends once.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::deadlines::Deadline;
use super::engine::Engine;
use super::line::{Contact, ContactState, Exclusion};
use super::operators::{Activity, PHONE_BUSY, RONA, Slot};
use super::words::{Next, OfferFailure, OfferOutcome, Output};
use crate::ids::{CallId, OfferId, OperatorId, SeatId};
use crate::moment::Moment;

/// A phone that was busy or could not be reached would fail alike for the next contact: it rests.
const REST: Duration = Duration::from_secs(5);
/// One that cannot be reached again and again costs every caller a wait: its rest doubles, so often (to 5 min 20 s).
const MOST_DOUBLINGS: u32 = 6;
/// Nobody refuses sooner: a phone that does is told to, by a switch or a call that it hangs in.
const AT_ONCE: Duration = Duration::from_secs(1);
/// Each further failure of the same operator for the same contact doubles the exclusion, so often.
const DOUBLINGS: u32 = 3;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Offer {
    pub contact: CallId,
    pub operator: Slot,
    pub seat: SeatId,
    pub at: Moment,
    pub until: Moment,
}

impl Contact {
    /// Whoever did not take it is not asked for it again for a while.
    pub(super) fn exclude(&mut self, now: Moment, operator: Slot, exclude_for: Duration) {
        let before = self.excluded.iter_mut().find(|exclusion| exclusion.operator == operator);
        let times = before.as_ref().map_or(0, |exclusion| exclusion.times);
        let until = now + exclude_for * 2_u32.pow(times.min(DOUBLINGS));
        let renewed = Exclusion { operator, until, times: times + 1, over: exclude_for.is_zero() };
        match before {
            Some(exclusion) => *exclusion = renewed,
            None => self.excluded.push(renewed),
        }
    }
}

impl Engine {
    /// Rings these operators for one contact, or for a callback keeps the one free while the customer is rung.
    /// All are free: `choose` saw to that.
    pub(super) fn ask(&mut self, now: Moment, id: CallId, operators: &[Slot]) {
        let Some(contact) = self.contacts.get(&id) else { return };
        if contact.callback.is_some() && self.dials_first(contact) {
            return self.dial(now, id, operators[0], false);
        }
        let until = now + self.lines[contact.line].rules.ring;
        let (first, count) = (OfferId(self.last_offer + 1), u8::try_from(operators.len()).unwrap_or(u8::MAX));
        if let Some(contact) = self.contacts.get_mut(&id) {
            contact.state = ContactState::Offered { first, count };
        }
        for operator in operators {
            self.offer(now, id, *operator, until);
        }
        self.arm(id);
    }

    fn offer(&mut self, now: Moment, contact: CallId, slot: Slot, until: Moment) {
        let Some(seat) = self.operator(slot).seat.clone() else { return };
        self.last_offer += 1;
        let offer = OfferId(self.last_offer);
        self.agenda.set(until, Deadline::OfferExpires(offer));
        self.offers.push(offer, Offer { contact, operator: slot, seat: seat.clone(), at: now, until });
        let last = self.last_offer;
        self.change(slot, |operator| {
            operator.work.last_offer = last;
            operator.activity = Activity::Offered { offer, until };
        });
        let operator = self.operator(slot).id.clone();
        let callback = self.contacts.get(&contact).and_then(|c| c.callback.as_ref()).map(|c| c.number.clone());
        self.say(Output::Offer { offer, contact, operator, seat, until, callback });
    }

    pub(super) fn accepted(&mut self, now: Moment, id: OfferId) {
        let Some(offer) = self.end_offer(now, id, OfferOutcome::Answered) else {
            return self.ignore(format!("{id} is over: nobody can accept it"));
        };
        let contact = offer.contact;
        self.withdraw_all(now, contact, OfferOutcome::AnsweredElsewhere);
        if self.contacts.get(&contact).is_some_and(|contact| contact.callback.is_some()) {
            // The operator has the callback; now the customer is rung.
            return self.dial(now, contact, offer.operator, true);
        }
        self.connect(now, contact, offer.operator, offer.seat);
    }

    /// Somebody takes what rings at others: they are offered it in their place, whatever the order.
    pub(super) fn pick_up(&mut self, now: Moment, id: CallId, operator: OperatorId) {
        let Some(slot) = self.may_pick_up(id, &operator) else {
            return self.say(Output::PickUpRefused { contact: id, operator });
        };
        self.withdraw_all(now, id, OfferOutcome::AnsweredElsewhere);
        if let (Some(Activity::NotReady(reason)), None) = (self.activity(slot), &self.operator(slot).next) {
            self.operator_mut(slot).next = Some(Next::NotReady(reason));
        }
        let first = OfferId(self.last_offer + 1);
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        contact.state = ContactState::Offered { first, count: 1 };
        let until = now + self.lines[contact.line].rules.ring;
        self.offer(now, id, slot, until);
        self.arm(id);
    }

    /// Who has the skills that it asks for by now, and is not busy, whether ready or not.
    fn may_pick_up(&self, id: CallId, operator: &OperatorId) -> Option<Slot> {
        let slot = self.operator_names.get(operator).copied()?;
        let contact = self.contacts.get(&id)?;
        let rings = matches!(contact.state, ContactState::Offered { .. });
        let free = matches!(self.activity(slot)?, Activity::Ready | Activity::NotReady(_));
        let of = self.operator(slot);
        let able = self.profiles[of.profile].meets.iter().any(|meets| meets.class == contact.class);
        (rings && free && able && of.reachable).then_some(slot)
    }

    /// The talk begins.
    pub(super) fn connect(&mut self, now: Moment, id: CallId, slot: Slot, seat: SeatId) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        contact.state = ContactState::Talking { operator: slot, since: now, held_since: None, held: Duration::ZERO };
        let (line, rank) = (contact.line, contact.rank);
        let waited_ms = u64::try_from(now.since(contact.queued_at).as_millis()).unwrap_or(u64::MAX);
        self.arm(id);
        self.lines[line].order.remove(&rank);
        self.change(slot, |operator| {
            operator.work.contacts += 1;
            operator.activity = Activity::Talking(id);
        });
        let (operator, queue) = (self.operator(slot).id.clone(), self.lines[line].id.clone());
        self.say(Output::Connected { contact: id, queue, operator, seat, waited_ms });
    }

    /// The phone said no, or could not be rung.
    pub(super) fn failed(&mut self, now: Moment, id: OfferId, why: OfferFailure) {
        let outcome = match why {
            OfferFailure::NoAnswer => OfferOutcome::NoAnswer,
            OfferFailure::Rejected => OfferOutcome::Rejected,
            OfferFailure::Busy => OfferOutcome::Busy,
            OfferFailure::Unreachable => OfferOutcome::Unreachable,
        };
        if !self.offers.contains(id) {
            return self.ignore(format!("{id} is over: it cannot fail"));
        }
        self.fail_offer(now, id, outcome);
    }

    pub(super) fn offer_expired(&mut self, now: Moment, id: OfferId) {
        self.withdraw(now, id, OfferOutcome::NoAnswer);
    }

    /// Stops ringing, for a reason of the house's.
    pub(super) fn withdraw(&mut self, now: Moment, id: OfferId, why: OfferOutcome) {
        let Some(offer) = self.offers.get(id) else { return };
        let contact = offer.contact;
        self.say(Output::Withdraw { offer: id, contact, why });
        self.fail_offer(now, id, why);
    }

    /// Stops ringing every phone that rings for a contact.
    pub(super) fn withdraw_all(&mut self, now: Moment, id: CallId, why: OfferOutcome) {
        let Some(ContactState::Offered { first, count }) = self.contacts.get(&id).map(|contact| contact.state.clone())
        else {
            return;
        };
        for offer in first.0..first.0 + u64::from(count) {
            self.withdraw(now, OfferId(offer), why);
        }
    }

    /// The offer ends without a talk: the operator is free or rests; the contact is back at its place when no
    /// other phone rings for it.
    fn fail_offer(&mut self, now: Moment, id: OfferId, outcome: OfferOutcome) {
        let Some(offer) = self.end_offer(now, id, outcome) else { return };
        self.free_operator(now, offer.operator, outcome);
        if !matches!(outcome, OfferOutcome::CallerGone | OfferOutcome::AnsweredElsewhere) {
            self.put_back(now, offer.contact, offer.operator, outcome);
        }
    }

    fn end_offer(&mut self, now: Moment, id: OfferId, outcome: OfferOutcome) -> Option<Offer> {
        let offer = self.offers.remove(id)?;
        if matches!(outcome, OfferOutcome::Answered | OfferOutcome::NoAnswer | OfferOutcome::Rejected) {
            self.operator_mut(offer.operator).unreached = 0;
        }
        let by_itself = now.since(offer.at) < AT_ONCE;
        let busied = &mut self.operator_mut(offer.operator).busied;
        match outcome {
            OfferOutcome::Busy => *busied = busied.saturating_add(1),
            OfferOutcome::Rejected if by_itself => *busied = busied.saturating_add(1),
            OfferOutcome::Answered | OfferOutcome::NoAnswer | OfferOutcome::Rejected => *busied = 0,
            // Says nothing of the phone, or nothing new.
            OfferOutcome::Unreachable | OfferOutcome::CallerGone | OfferOutcome::AnsweredElsewhere => {}
        }
        self.agenda.clear(offer.until, Deadline::OfferExpires(id));
        self.say(Output::OfferEnded {
            offer: id,
            contact: offer.contact,
            operator: self.operator(offer.operator).id.clone(),
            seat: offer.seat.clone(),
            outcome,
            at: offer.at,
            ms: u64::try_from(now.since(offer.at).as_millis()).unwrap_or(u64::MAX),
        });
        Some(offer)
    }

    fn free_operator(&mut self, now: Moment, slot: Slot, outcome: OfferOutcome) {
        match (self.operator_mut(slot).next.take(), outcome) {
            (Some(Next::SignOut), _) => self.leave_seat(slot),
            (Some(Next::NotReady(reason)), _) => self.set_activity(slot, Activity::NotReady(reason)),
            (None, OfferOutcome::NoAnswer) => self.set_activity(slot, Activity::NotReady(RONA.into())),
            (None, OfferOutcome::Busy | OfferOutcome::Rejected) if self.is_always_busy(slot) => {
                self.operator_mut(slot).busied = 0;
                self.set_activity(slot, Activity::NotReady(PHONE_BUSY.into()));
            }
            (None, OfferOutcome::Busy | OfferOutcome::Unreachable) => self.change(slot, |operator| {
                operator.resting_until = Some(now + REST * 2_u32.pow(operator.unreached.min(MOST_DOUBLINGS)));
                if outcome == OfferOutcome::Unreachable {
                    operator.unreached += 1;
                }
                // Others are asked before a phone that failed.
                operator.idle_since = now;
                operator.activity = Activity::Ready;
            }),
            (None, _) => self.set_activity(slot, Activity::Ready),
        }
    }

    /// Asked first again and again, such a phone would cost every caller an offer.
    fn is_always_busy(&self, slot: Slot) -> bool {
        (1..=self.operator(slot).busied).contains(&self.rules.most_busy)
    }

    /// Back to the old place. Who would not take the contact is not asked for it again for a while; a phone
    /// that could not be rung rests instead, for everybody.
    fn put_back(&mut self, now: Moment, id: CallId, failed_by: Slot, outcome: OfferOutcome) {
        let exclude_for = self.rules.exclude_for;
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let ContactState::Offered { first, count } = contact.state else { return };
        contact.failed_offers += 1;
        if matches!(outcome, OfferOutcome::NoAnswer | OfferOutcome::Rejected) {
            contact.exclude(now, failed_by, exclude_for);
        }
        // Who was awaited in person and did not take it is not awaited any longer.
        contact.preferred = None;
        if (first.0..first.0 + u64::from(count)).any(|offer| self.offers.contains(OfferId(offer))) {
            return self.arm(id);
        }
        contact.state = ContactState::Waiting;
        let (line, entered_at, callback) = (contact.line, contact.entered_at, contact.callback.is_some());
        self.put_back_boost(id);
        let too_long = self.lines[line].rules.max_wait.is_some_and(|limit| !callback && entered_at + limit <= now);
        self.wait(id);
        if too_long {
            self.waited_too_long(now, id);
        }
    }
}
