//! Callbacks: the caller hangs up, the place waits. When it is served the customer is rung, either while an
//! operator is kept free or once one has taken it.

use super::engine::Engine;
use super::line::{Callback, CalledBack, Contact, ContactState};
use super::operators::{Activity, Slot};
use super::settings::CallbackFirst;
use super::words::{CallbackRefusal, CallbackResult, LateCause, NotReached, OfferOutcome, Output};
use crate::ids::CallId;
use crate::moment::Moment;

impl Engine {
    /// The caller chose to be called back.
    pub(super) fn take_callback(&mut self, now: Moment, id: CallId) {
        let Some(contact) = self.contacts.get(&id) else { return };
        let line = &self.lines[contact.line];
        let queue = line.id.clone();
        let Some(rules) = line.rules.callback.clone() else {
            return self.ignore(format!("{queue} calls nobody back"));
        };
        let refused = |why| Output::CallbackRefused { contact: id, queue: queue.clone(), why };
        let Some(number) = contact.caller.clone() else { return self.say(refused(CallbackRefusal::NoNumber)) };
        if line.callbacks.contains_key(&number) {
            return self.say(refused(CallbackRefusal::Twice));
        }
        if line.callbacks.len() >= rules.max_waiting {
            return self.say(refused(CallbackRefusal::Full));
        }
        let at = contact.line;
        self.withdraw_all(now, id, OfferOutcome::CallerGone);
        self.stop_waiting(id);
        self.tell_early(id, LateCause::LeftEarly);
        self.lines[at].callbacks.insert(number.clone(), id);
        if let Some(contact) = self.contacts.get_mut(&id) {
            contact.preferred = None;
            contact.callback = Some(Callback { number: number.clone(), attempts: 0, expires_at: now + rules.expires });
        }
        self.say(Output::CallbackTaken { contact: id, queue, number });
        if rules.first_after.is_zero() {
            return self.wait(id);
        }
        if let Some(contact) = self.contacts.get_mut(&id) {
            contact.state = ContactState::Parked { until: now + rules.first_after };
        }
        self.arm(id);
    }

    /// Whether the customer is rung before an operator is.
    pub(super) fn dials_first(&self, contact: &Contact) -> bool {
        let rules = &self.lines[contact.line].rules.callback;
        rules.as_ref().is_none_or(|rules| rules.first == CallbackFirst::Customer)
    }

    /// Rings the customer. `taken`: the operator has answered already, and hears it ring.
    pub(super) fn dial(&mut self, now: Moment, id: CallId, operator: Slot, taken: bool) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let (line, queue) = (&self.lines[contact.line], self.lines[contact.line].id.clone());
        let ring = line.rules.callback.as_ref().map_or(line.rules.ring, |rules| rules.ring);
        let Some(callback) = contact.callback.as_mut() else { return };
        callback.attempts = callback.attempts.saturating_add(1);
        let (number, attempt, until) = (callback.number.clone(), callback.attempts, now + ring);
        contact.state = ContactState::Dialling { operator, taken, until };
        self.arm(id);
        self.set_activity(operator, Activity::Reserved { contact: id, until });
        self.say(Output::Dial { contact: id, queue, number, attempt, until });
    }

    /// The customer answered: the contact goes on as `call`, in its old place.
    pub(super) fn reached(&mut self, now: Moment, id: CallId, call: CallId) {
        let Some(ContactState::Dialling { operator, taken, .. }) =
            self.contacts.get(&id).map(|contact| contact.state.clone())
        else {
            return self.ignore(format!("nobody is rung for {id}"));
        };
        if self.contacts.contains(call) {
            return self.ignore(format!("{call} is a contact already"));
        }
        let Some(former) = self.end_callback(id, CallbackResult::Reached) else { return };
        self.insert(now, call, former.line, former.caller.clone(), former.since);
        if let Some(contact) = self.contacts.get_mut(&call) {
            (contact.step, contact.class, contact.moves) = (former.step, former.class, former.moves);
            contact.excluded.clone_from(&former.excluded);
            contact.called_back = former.callback.map(|callback| CalledBack { visit: id, callback });
        }
        self.tell_joined(now, call, None);
        if taken && let Some(seat) = self.operator(operator).seat.clone() {
            return self.connect(now, call, operator, seat);
        }
        // Free again, and this contact is the first to be offered to them.
        self.release(operator);
        self.wait(call);
    }

    pub(super) fn not_reached(&mut self, now: Moment, id: CallId, why: NotReached) {
        let Some(contact) = self.contacts.get_mut(&id) else {
            return self.ignore(format!("nobody is rung for {id}"));
        };
        let ContactState::Dialling { operator, .. } = contact.state else {
            return self.ignore(format!("nobody is rung for {id}"));
        };
        if let Some(callback) = contact.callback.as_mut().filter(|_| why == NotReached::Withdrawn) {
            callback.attempts = callback.attempts.saturating_sub(1);
        }
        let attempts = contact.callback.as_ref().map_or(0, |callback| callback.attempts);
        match &self.lines[contact.line].rules.callback {
            Some(rules) if attempts < rules.attempts => {
                contact.state = ContactState::Parked { until: now + rules.retry };
                self.arm(id);
            }
            _ => drop(self.end_callback(id, CallbackResult::GivenUp(why))),
        }
        self.release(operator);
    }

    /// The customer's phone was rung long enough.
    pub(super) fn dial_ended(&mut self, now: Moment, id: CallId) {
        self.say(Output::StopDialling { contact: id });
        self.not_reached(now, id, NotReached::NoAnswer);
    }

    pub(super) fn callback_expired(&mut self, id: CallId) {
        self.end_callback(id, CallbackResult::Expired);
    }

    /// The customer called before we did: the place is theirs. Returns since when it counts.
    pub(super) fn called_again(&mut self, id: CallId) -> Option<Moment> {
        self.withdraw_callback(id, CallbackResult::CalledAgain)
    }

    /// Ends a callback, whatever it is doing. Returns since when its place counts.
    pub(super) fn withdraw_callback(&mut self, id: CallId, result: CallbackResult) -> Option<Moment> {
        self.withdraw_all(self.now(), id, OfferOutcome::CallerGone);
        let reserved = match self.contacts.get(&id)?.state {
            ContactState::Dialling { operator, .. } => Some(operator),
            _ => None,
        };
        if reserved.is_some() {
            self.say(Output::StopDialling { contact: id });
        }
        let former = self.end_callback(id, result);
        if let Some(operator) = reserved {
            self.release(operator);
        }
        former.map(|contact| contact.since)
    }

    /// The process began again: nobody is rung any more, the place waits on.
    pub(super) fn callback_restarted(&mut self, now: Moment, id: CallId) {
        self.withdraw_all(now, id, OfferOutcome::CallerGone);
        let Some(contact) = self.contacts.get(&id) else { return };
        if let ContactState::Dialling { operator, .. } = contact.state {
            self.release(operator);
        }
        self.stop_waiting(id);
        self.wait(id);
    }

    /// The house was cut off while a customer who was called back was on the line: they wait for another try, in their
    /// old place, if there may be one. The one that reached them counts.
    pub(super) fn call_again(&mut self, now: Moment, former: Contact) {
        let Some(CalledBack { visit, callback }) = former.called_back else { return };
        let line = &self.lines[former.line];
        let may = line.rules.callback.as_ref().is_some_and(|rules| callback.attempts < rules.attempts);
        let is_free = !line.callbacks.contains_key(&callback.number) && !self.contacts.contains(visit);
        if !may || !is_free || callback.expires_at <= now {
            return;
        }
        let (queue, number) = (line.id.clone(), callback.number.clone());
        self.lines[former.line].callbacks.insert(number.clone(), visit);
        self.insert(now, visit, former.line, former.caller, former.since);
        if let Some(contact) = self.contacts.get_mut(&visit) {
            (contact.callback, contact.moves) = (Some(callback), former.moves);
        }
        self.say(Output::CallbackRenewed { contact: visit, queue, number });
        self.relax(now, visit);
        self.wait(visit);
    }

    fn release(&mut self, operator: Slot) {
        if matches!(self.activity(operator), Some(Activity::Reserved { .. })) {
            self.finish_work(operator);
        }
    }

    fn end_callback(&mut self, id: CallId, result: CallbackResult) -> Option<Contact> {
        let contact = self.forget(id, LateCause::LeftEarly)?;
        let (queue, attempts) =
            (self.lines[contact.line].id.clone(), contact.callback.as_ref().map_or(0, |callback| callback.attempts));
        self.say(Output::CallbackEnded { contact: id, queue, result, attempts });
        Some(contact)
    }
}
