//! What each input does: operators move, contacts come and go.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::deadlines::Deadline;
use super::engine::Engine;
use super::line::{Contact, ContactState};
use super::operators::{Activity, Next, Operator, SIGNED_IN, Standing};
use super::words::{Input, JoinRefusal, LeftLine, OfferOutcome, Output};
use crate::ids::{CallId, OperatorId, QueueId, Reason, SeatId};
use crate::moment::Moment;

impl Engine {
    pub(super) fn take(&mut self, now: Moment, input: Input) {
        match input {
            Input::Rules { rules } => self.new_rules(rules),
            Input::Open { queue, open } => match self.lines.get_mut(&queue) {
                Some(line) => line.open = open,
                None => self.ignore(format!("there is no queue {queue} to open or close")),
            },
            Input::SeatReachable { seat, reachable } => self.seat_reachable(now, seat, reachable),
            Input::SignIn { operator, seat } => self.sign_in(now, operator, seat),
            Input::SignOut { operator } => self.sign_out(now, &operator),
            Input::Ready { operator } => self.ready(&operator),
            Input::NotReady { operator, reason } => self.not_ready(&operator, reason),
            Input::EndWrapUp { operator } => match self.activity(&operator) {
                Some(Activity::WrapUp { .. }) => self.finish_work(&operator),
                _ => self.ignore(format!("{operator} is not in wrap-up")),
            },
            Input::Join { contact, queue, arrived_at: _ } => self.join(now, contact, queue),
            Input::Leave { contact } => self.leave(now, contact),
            Input::Accepted { offer } => self.accepted(now, offer),
            Input::Failed { offer, why } => self.failed(now, offer, why),
            Input::TalkEnded { contact } => self.talk_ended(now, contact),
            Input::Held { contact, held } => self.held(contact, held),
            Input::Restarted => self.restarted(now),
            Input::Outbound { operator, busy } => self.outbound(&operator, busy),
        }
    }

    // -----------------------------------------------------------------------------------------
    // Contacts

    fn join(&mut self, now: Moment, contact: CallId, queue: QueueId) {
        let refused = match self.lines.get(&queue) {
            None => Some(JoinRefusal::UnknownQueue),
            Some(line) if line.retired => Some(JoinRefusal::UnknownQueue),
            Some(_) if self.contacts.contains_key(&contact) => Some(JoinRefusal::Twice),
            Some(line) if !line.open => Some(JoinRefusal::Closed),
            Some(line) if line.order.len() >= line.rules.max_waiting => Some(JoinRefusal::Full),
            Some(_) => None,
        };
        if let Some(why) = refused {
            return self.say(Output::Refused { contact, queue, why });
        }
        let joined =
            Contact { queue: queue.clone(), joined_at: now, excluded: BTreeMap::new(), state: ContactState::Waiting };
        if let Some(line) = self.lines.get_mut(&queue) {
            line.order.insert(joined.rank(contact));
            if let Some(limit) = line.rules.max_wait {
                self.agenda.set(now + limit, Deadline::MaxWait(contact));
            }
        }
        self.contacts.insert(contact, joined);
        self.say(Output::Joined { contact, queue });
        self.wait(contact);
    }

    /// The contact can be offered; says so if nobody can be asked now.
    pub(super) fn wait(&mut self, id: CallId) {
        let Some(contact) = self.contacts.get(&id) else { return };
        let Some(class) = self.lines.get(&contact.queue).map(|line| line.class) else { return };
        let (rank, queue) = (contact.rank(id), contact.queue.clone());
        self.classes[class].waiting.insert(rank);
        self.stirred.insert(class);
        if self.classes[class].profiles.iter().all(|profile| self.profiles[*profile].ready.is_empty()) {
            let why = self.nobody(id, class);
            self.say(Output::Decided { contact: id, queue, chosen: None, why });
        }
    }

    fn leave(&mut self, now: Moment, id: CallId) {
        match self.contacts.get(&id).map(|contact| contact.state.clone()) {
            None => self.ignore(format!("contact {id} is in no line")),
            Some(ContactState::Talking { .. }) => self.ignore(format!("contact {id} is being talked to")),
            Some(ContactState::Waiting) => self.leave_line(id, LeftLine::CallerGone),
            Some(ContactState::Offered(offer)) => {
                self.withdraw(now, offer, OfferOutcome::CallerGone);
                self.leave_line(id, LeftLine::CallerGone);
            }
        }
    }

    pub(super) fn waited_too_long(&mut self, _now: Moment, id: CallId) {
        // While an offer rings the contact may yet be answered; the offer's end looks at the limit again.
        if self.contacts.get(&id).is_some_and(|contact| contact.state == ContactState::Waiting) {
            self.leave_line(id, LeftLine::TooLong);
        }
    }

    pub(super) fn leave_line(&mut self, id: CallId, why: LeftLine) {
        self.forget_waiting(id);
        let Some(contact) = self.contacts.remove(&id) else { return };
        let rank = contact.rank(id);
        if let Some(line) = self.lines.get_mut(&contact.queue) {
            line.order.remove(&rank);
            self.classes[line.class].waiting.remove(&rank);
        }
        self.say(Output::Left { contact: id, queue: contact.queue, why });
    }

    /// Clears what only matters to those who wait: exclusions and the limit.
    pub(super) fn forget_waiting(&mut self, id: CallId) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        for (operator, until) in std::mem::take(&mut contact.excluded) {
            self.agenda.clear(until, Deadline::ExclusionEnds(id, operator));
        }
        if let Some(limit) = self.lines.get(&contact.queue).and_then(|line| line.rules.max_wait) {
            self.agenda.clear(contact.joined_at + limit, Deadline::MaxWait(id));
        }
    }

    fn talk_ended(&mut self, now: Moment, id: CallId) {
        let Some(ContactState::Talking { operator, since }) =
            self.contacts.get(&id).map(|contact| contact.state.clone())
        else {
            return self.ignore(format!("contact {id} is not being talked to"));
        };
        let mut wrap_up = Duration::ZERO;
        if let Some(contact) = self.contacts.remove(&id)
            && let Some(line) = self.lines.get_mut(&contact.queue)
        {
            wrap_up = line.rules.wrap_up;
            line.handle_time.learn(now.since(since) + wrap_up);
        }
        let signs_out = self.operators.get(&operator).is_some_and(|o| o.next == Some(Next::SignOut));
        if wrap_up.is_zero() || signs_out {
            return self.finish_work(&operator);
        }
        let until = now + wrap_up;
        self.agenda.set(until, Deadline::WrapUpEnds(operator.clone()));
        self.set_activity(&operator, Activity::WrapUp { until });
    }

    fn held(&mut self, id: CallId, held: bool) {
        let Some(ContactState::Talking { operator, .. }) = self.contacts.get(&id).map(|contact| contact.state.clone())
        else {
            return self.ignore(format!("contact {id} is not being talked to"));
        };
        self.set_activity(&operator, if held { Activity::Holding(id) } else { Activity::Talking(id) });
    }

    /// Calls do not survive the process, and no phone is known to be there until signalling says so.
    fn restarted(&mut self, now: Moment) {
        let contacts: Vec<(CallId, bool)> = self
            .contacts
            .iter()
            .map(|(id, contact)| (*id, matches!(contact.state, ContactState::Talking { .. })))
            .collect();
        for (contact, talking) in contacts {
            if talking { self.talk_ended(now, contact) } else { self.leave(now, contact) }
        }
        let outbound = |operator: &Operator| matches!(operator.activity, Activity::Outbound { .. });
        let outbound: Vec<OperatorId> =
            self.operators.iter().filter(|(_, o)| outbound(o)).map(|(id, _)| id.clone()).collect();
        for operator in outbound {
            self.outbound(&operator, false);
        }
        for seat in self.reachable.clone() {
            self.seat_reachable(now, seat, false);
        }
    }

    // -----------------------------------------------------------------------------------------
    // Operators

    fn sign_in(&mut self, now: Moment, id: OperatorId, seat: SeatId) {
        let Some(operator) = self.operators.get(&id) else {
            return self.ignore(format!("there is no operator {id}"));
        };
        if !self.rules.seats.contains(&seat) {
            return self.ignore(format!("there is no seat {seat}"));
        }
        if operator.seat.as_ref() == Some(&seat) {
            return self.ignore(format!("{id} is signed in at {seat} already"));
        }
        let engaged = |operator: &Operator| operator.seat.is_some() && operator.is_engaged();
        if engaged(operator) {
            return self.ignore(format!("{id} is on a call at another seat"));
        }
        let former = self.seats.get(&seat).cloned();
        if former.as_ref().and_then(|former| self.operators.get(former)).is_some_and(engaged) {
            return self.ignore(format!("whoever sits at {seat} is on a call"));
        }
        if let Some(former) = former {
            self.sign_out(now, &former);
        }
        if self.operators.get(&id).is_some_and(|operator| operator.seat.is_some()) {
            self.sign_out(now, &id);
        }
        self.take_seat(&id, seat, Activity::NotReady(SIGNED_IN.into()));
    }

    fn take_seat(&mut self, id: &OperatorId, seat: SeatId, activity: Activity) {
        self.seats.insert(seat.clone(), id.clone());
        let now = self.now();
        self.change(id, |operator, _| {
            operator.seat = Some(seat);
            operator.left = false;
            operator.idle_since = now;
            operator.activity = activity;
        });
    }

    fn sign_out(&mut self, now: Moment, id: &OperatorId) {
        let Some(operator) = self.operators.get_mut(id).filter(|operator| operator.seat.is_some()) else {
            return self.ignore(format!("{id} is signed out already"));
        };
        operator.left = true;
        match operator.activity.clone() {
            Activity::Offered { offer, .. } => {
                operator.next = Some(Next::SignOut);
                self.withdraw(now, offer, OfferOutcome::Rejected);
            }
            _ if operator.is_engaged() => operator.next = Some(Next::SignOut),
            _ => self.leave_seat(id),
        }
    }

    pub(super) fn leave_seat(&mut self, id: &OperatorId) {
        let Some(operator) = self.operators.get_mut(id) else { return };
        if let Some(seat) = &operator.seat {
            self.seats.remove(seat);
        }
        if let Activity::WrapUp { until } = operator.activity {
            self.agenda.clear(until, Deadline::WrapUpEnds(id.clone()));
        }
        if let Some(until) = operator.resting_until {
            self.agenda.clear(until, Deadline::RestEnds(id.clone()));
        }
        self.change(id, |operator, _| {
            operator.seat = None;
            operator.next = None;
            operator.resting_until = None;
            operator.activity = Activity::NotReady(SIGNED_IN.into());
        });
        if self.operators.get(id).is_some_and(|operator| operator.retired) {
            self.remove_operator(id);
        }
    }

    pub(super) fn remove_operator(&mut self, id: &OperatorId) {
        if let Some(operator) = self.operators.remove(id) {
            self.profiles[operator.profile].remove(operator.standing, id, operator.idle_since);
        }
    }

    fn ready(&mut self, id: &OperatorId) {
        match self.activity(id) {
            None => self.ignore(format!("{id} is signed out")),
            Some(Activity::Ready) => {}
            Some(Activity::NotReady(_) | Activity::WrapUp { .. }) => {
                self.ask_next(id, None);
                self.set_activity(id, Activity::Ready);
            }
            Some(_) => self.ask_next(id, None),
        }
    }

    fn not_ready(&mut self, id: &OperatorId, reason: Reason) {
        match self.activity(id) {
            None => self.ignore(format!("{id} is signed out")),
            Some(Activity::NotReady(_) | Activity::Ready) => self.set_activity(id, Activity::NotReady(reason)),
            Some(_) => self.ask_next(id, Some(Next::NotReady(reason))),
        }
    }

    fn ask_next(&mut self, id: &OperatorId, next: Option<Next>) {
        if let Some(operator) = self.operators.get_mut(id)
            && operator.next != Some(Next::SignOut)
        {
            operator.next = next;
        }
    }

    pub(super) fn wrap_up_over(&mut self, _now: Moment, id: &OperatorId) {
        self.finish_work(id);
    }

    pub(super) fn rest_over(&mut self, id: &OperatorId) {
        self.change(id, |operator, _| operator.resting_until = None);
    }

    /// After talk and wrap-up: what was asked for, else ready.
    fn finish_work(&mut self, id: &OperatorId) {
        let Some(operator) = self.operators.get_mut(id) else { return };
        match operator.next.take() {
            Some(Next::SignOut) => self.leave_seat(id),
            Some(Next::NotReady(reason)) => self.set_activity(id, Activity::NotReady(reason)),
            None => self.set_activity(id, Activity::Ready),
        }
    }

    fn outbound(&mut self, id: &OperatorId, busy: bool) {
        match (self.activity(id), busy) {
            (Some(Activity::Outbound { was }), false) => {
                let next = self.operators.get(id).and_then(|operator| operator.next.clone());
                if next.is_some() { self.finish_work(id) } else { self.set_activity(id, *was) }
            }
            (Some(was @ (Activity::Ready | Activity::NotReady(_))), true) => {
                self.set_activity(id, Activity::Outbound { was: Box::new(was) });
            }
            (Some(Activity::WrapUp { .. }), true) => {
                self.set_activity(id, Activity::Outbound { was: Box::new(Activity::Ready) });
            }
            _ => self.ignore(format!("{id} cannot begin or end a call of their own now")),
        }
    }

    fn seat_reachable(&mut self, now: Moment, seat: SeatId, reachable: bool) {
        let set = |known: &mut BTreeSet<SeatId>, seat: &SeatId| {
            if reachable {
                known.insert(seat.clone())
            } else {
                known.remove(seat)
            };
        };
        if let Some(id) = self.seats.get(&seat).cloned() {
            self.change(&id, |_, known| set(known, &seat));
            if let (false, Some(Activity::Offered { offer, .. })) = (reachable, self.activity(&id)) {
                self.withdraw(now, offer, OfferOutcome::Unreachable);
            }
            return;
        }
        set(&mut self.reachable, &seat);
        if reachable {
            self.sign_in_at_own_seat(&seat);
        }
    }

    /// An operator with a seat of their own is at work as soon as its phone is there.
    pub(super) fn sign_in_at_own_seat(&mut self, seat: &SeatId) {
        if self.seats.contains_key(seat) || !self.reachable.contains(seat) {
            return;
        }
        let owns = |id: &&OperatorId| {
            self.rules.operators.get(*id).is_some_and(|rules| rules.seat.as_ref() == Some(seat))
                && self.operators.get(*id).is_some_and(|operator| operator.seat.is_none() && !operator.left)
        };
        let Some(owners) = self.owners.get(seat) else { return };
        if let Some(owner) = owners.iter().find(owns).cloned() {
            self.take_seat(&owner, seat.clone(), Activity::Ready);
        }
    }

    // -----------------------------------------------------------------------------------------
    // The one way in which an operator changes

    fn activity(&self, id: &OperatorId) -> Option<Activity> {
        self.operators.get(id).filter(|operator| operator.seat.is_some()).map(|operator| operator.activity.clone())
    }

    pub(super) fn set_activity(&mut self, id: &OperatorId, activity: Activity) {
        let now = self.now();
        if let Some(Activity::WrapUp { until }) = self.activity(id) {
            self.agenda.clear(until, Deadline::WrapUpEnds(id.clone()));
        }
        self.change(id, |operator, _| {
            // Ringing in vain is no work: who was rung keeps the place among the idle.
            if activity == Activity::Ready && !matches!(operator.activity, Activity::Offered { .. }) {
                operator.idle_since = now;
            }
            operator.activity = activity;
        });
    }

    /// Changes an operator, keeps the counts and the ready lists right, and tells.
    pub(super) fn change(&mut self, id: &OperatorId, change: impl FnOnce(&mut Operator, &mut BTreeSet<SeatId>)) {
        let Some(operator) = self.operators.get_mut(id) else { return };
        let is_reachable = |operator: &Operator, known: &BTreeSet<SeatId>| {
            operator.seat.as_ref().is_some_and(|seat| known.contains(seat))
        };
        let before = (operator.seat.clone(), operator.state(is_reachable(operator, &self.reachable)));
        self.profiles[operator.profile].remove(operator.standing, id, operator.idle_since);
        change(operator, &mut self.reachable);
        let reachable = is_reachable(operator, &self.reachable);
        operator.standing = operator.stands(reachable);
        let profile = &mut self.profiles[operator.profile];
        profile.add(operator.standing, id, operator.idle_since);
        if operator.standing == Standing::Ready {
            self.stirred.extend(profile.meets.iter().copied());
        }
        let after = (operator.seat.clone(), operator.state(reachable));
        if before != after {
            let (seat, state) = after;
            self.say(Output::Operator { operator: id.clone(), seat, state });
        }
    }
}
