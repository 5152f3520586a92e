//! Operators come, become ready or not, and go; the one way in which an operator changes.

use std::time::Duration;

use super::deadlines::Deadline;
use super::engine::Engine;
use super::operators::{Activity, Operator, SIGNED_IN, Slot, Standing, Told, Work};
use super::words::{Next, OfferOutcome, Output};
use crate::ids::{CallId, OperatorId, Reason, SeatId};
use crate::moment::Moment;

impl Engine {
    /// Runs `act` for somebody who is named in the rules.
    pub(super) fn with_operator(&mut self, id: &OperatorId, act: impl FnOnce(&mut Self, Slot)) {
        match self.operator_names.get(id).copied() {
            Some(slot) => act(self, slot),
            None => self.ignore(format!("there is no operator {id}")),
        }
    }

    pub(super) fn ignore_operator(&mut self, slot: Slot, what: &str) {
        let id = self.operator(slot).id.clone();
        self.ignore(format!("{id} {what}"));
    }

    pub(super) fn sign_in(&mut self, now: Moment, id: &OperatorId, seat: SeatId) {
        let Some(slot) = self.operator_names.get(id).copied() else {
            return self.ignore(format!("there is no operator {id}"));
        };
        if !self.rules.seats.contains(&seat) {
            return self.ignore(format!("there is no seat {seat}"));
        }
        let operator = self.operator(slot);
        if operator.seat.as_ref() == Some(&seat) {
            return self.ignore(format!("{id} is signed in at {seat} already"));
        }
        let engaged = |operator: &Operator| operator.seat.is_some() && operator.is_engaged();
        if engaged(operator) {
            return self.ignore(format!("{id} is on a call at another seat"));
        }
        let former = self.seats.get(&seat).and_then(|seat| seat.operator);
        if former.is_some_and(|former| engaged(self.operator(former))) {
            return self.ignore(format!("whoever sits at {seat} is on a call"));
        }
        if let Some(former) = former {
            self.sign_out(now, former);
        }
        if self.operator(slot).seat.is_some() {
            self.sign_out(now, slot);
        }
        self.take_seat(slot, seat, Activity::NotReady(SIGNED_IN.into()));
    }

    fn take_seat(&mut self, slot: Slot, seat: SeatId, activity: Activity) {
        let now = self.now();
        let at = self.seats.entry(seat.clone()).or_default();
        at.operator = Some(slot);
        let reachable = at.reachable;
        self.change(slot, |operator| {
            operator.seat = Some(seat);
            operator.reachable = reachable;
            operator.left = false;
            operator.idle_since = now;
            operator.activity = activity;
            operator.work = Work { since: now, ..Work::default() };
        });
    }

    pub(super) fn sign_out(&mut self, now: Moment, slot: Slot) {
        if self.operator(slot).seat.is_none() {
            return self.ignore_operator(slot, "is signed out already");
        }
        self.operator_mut(slot).left = true;
        match self.operator(slot).activity.clone() {
            Activity::Offered { offer, .. } => {
                self.ask_next(slot, Some(Next::SignOut));
                self.withdraw(now, offer, OfferOutcome::Rejected);
            }
            _ if self.operator(slot).is_engaged() => self.ask_next(slot, Some(Next::SignOut)),
            _ => self.leave_seat(slot),
        }
    }

    pub(super) fn leave_seat(&mut self, slot: Slot) {
        if let Some(seat) = self.operator(slot).seat.clone()
            && let Some(seat) = self.seats.get_mut(&seat)
        {
            seat.operator = None;
        }
        self.change(slot, |operator| {
            operator.seat = None;
            operator.next = None;
            operator.resting_until = None;
            operator.unreached = 0;
            operator.busied = 0;
            operator.activity = Activity::NotReady(SIGNED_IN.into());
        });
        self.nobody_is_wanted(slot);
        if self.operator(slot).retired {
            self.operator_names.remove(&self.operators[slot.0 as usize].id);
        }
    }

    /// Whoever waited for this operator in person waits for anybody now.
    fn nobody_is_wanted(&mut self, slot: Slot) {
        let awaiting: Vec<CallId> = self.operator(slot).wanted_by.iter().map(|rank| rank.2).collect();
        for id in awaiting {
            self.stop_waiting(id);
            if let Some(contact) = self.contacts.get_mut(&id) {
                contact.preferred = None;
            }
            self.wait(id);
        }
    }

    pub(super) fn ready(&mut self, slot: Slot) {
        match self.activity(slot) {
            None => self.ignore_operator(slot, "is signed out"),
            Some(Activity::Ready) => {}
            Some(Activity::NotReady(_) | Activity::WrapUp { .. }) => {
                self.operator_mut(slot).next = None;
                self.set_activity(slot, Activity::Ready);
            }
            Some(_) => self.ask_next(slot, None),
        }
    }

    pub(super) fn not_ready(&mut self, slot: Slot, reason: Reason) {
        match self.activity(slot) {
            None => self.ignore_operator(slot, "is signed out"),
            Some(Activity::NotReady(_) | Activity::Ready) => self.set_activity(slot, Activity::NotReady(reason)),
            Some(_) => self.ask_next(slot, Some(Next::NotReady(reason))),
        }
    }

    /// Kept until the work is done. Who wants to sign out does not become unasked for by a break.
    fn ask_next(&mut self, slot: Slot, next: Option<Next>) {
        if self.operator(slot).next != Some(Next::SignOut) {
            self.change(slot, |operator| operator.next = next);
        }
    }

    pub(super) fn begin_wrap_up(&mut self, slot: Slot, until: Moment, longest: Moment) {
        // Who is in the files no longer has no wrap-up out of which they could become ready.
        if until == self.now() || self.operator(slot).retired {
            return self.finish_work(slot);
        }
        self.set_activity(slot, Activity::WrapUp { until, longest });
    }

    pub(super) fn extend_wrap_up(&mut self, slot: Slot, more: Duration) {
        match self.activity(slot) {
            Some(Activity::WrapUp { until, longest }) if until < longest => {
                self.set_activity(slot, Activity::WrapUp { until: (until + more).min(longest), longest });
            }
            Some(Activity::WrapUp { .. }) => self.ignore_operator(slot, "has had the longest wrap-up"),
            _ => self.ignore_operator(slot, "is not in wrap-up"),
        }
    }

    /// After talk and wrap-up: what was asked for, else ready.
    pub(super) fn finish_work(&mut self, slot: Slot) {
        let operator = self.operator_mut(slot);
        let own_calls = std::mem::take(&mut operator.own_calls);
        let activity = match operator.next.take() {
            Some(Next::SignOut) => return self.leave_seat(slot),
            Some(Next::NotReady(reason)) => Activity::NotReady(reason),
            None => Activity::Ready,
        };
        match own_calls.checked_sub(1) {
            Some(more) => self.set_activity(slot, Activity::Outbound { was: Box::new(activity), more }),
            None => self.set_activity(slot, activity),
        }
    }

    pub(super) fn outbound(&mut self, slot: Slot, busy: bool) {
        match (self.activity(slot), busy) {
            (Some(Activity::Outbound { was, more }), true) => {
                self.set_activity(slot, Activity::Outbound { was, more: more.saturating_add(1) });
            }
            (Some(Activity::Outbound { was, more: more @ 1.. }), false) => {
                self.set_activity(slot, Activity::Outbound { was, more: more - 1 });
            }
            (Some(Activity::Outbound { was, more: 0 }), false) => {
                if self.operator(slot).next.is_some() {
                    self.finish_work(slot)
                } else {
                    self.set_activity(slot, *was)
                }
            }
            (Some(was @ (Activity::Ready | Activity::NotReady(_))), true) => {
                self.set_activity(slot, Activity::Outbound { was: Box::new(was), more: 0 });
            }
            (Some(Activity::WrapUp { .. }), true) => {
                let more = std::mem::take(&mut self.operator_mut(slot).own_calls);
                self.set_activity(slot, Activity::Outbound { was: Box::new(Activity::Ready), more });
            }
            // A second line beside the talk, which may outlast it.
            (Some(Activity::Talking(_) | Activity::Holding(_)), true) => {
                let operator = self.operator_mut(slot);
                operator.own_calls = operator.own_calls.saturating_add(1);
            }
            (Some(_), false) if self.operator(slot).own_calls > 0 => self.operator_mut(slot).own_calls -= 1,
            _ => self.ignore_operator(slot, "cannot begin or end a call of their own now"),
        }
    }

    pub(super) fn hold_changed(&mut self, slot: Slot, contact: CallId, held: bool) {
        self.set_activity(slot, if held { Activity::Holding(contact) } else { Activity::Talking(contact) });
    }

    pub(super) fn rest_over(&mut self, slot: Slot) {
        self.change(slot, |operator| operator.resting_until = None);
    }

    // -----------------------------------------------------------------------------------------
    // Phones

    pub(super) fn seat_reachable(&mut self, now: Moment, seat: SeatId, reachable: bool) {
        let at = self.seats.entry(seat.clone()).or_default();
        let changed = std::mem::replace(&mut at.reachable, reachable) != reachable;
        let Some(slot) = at.operator else {
            if reachable {
                self.sign_in_at_own_seat(&seat);
            }
            return;
        };
        if !changed {
            return;
        }
        self.change(slot, |operator| {
            operator.reachable = reachable;
            // A phone that was away and is back is as good as new.
            operator.resting_until = None;
            operator.unreached = 0;
            operator.busied = 0;
        });
        if let (false, Some(Activity::Offered { offer, .. })) = (reachable, self.activity(slot)) {
            self.withdraw(now, offer, OfferOutcome::Unreachable);
        }
    }

    /// An operator with a seat of their own is at work as soon as its phone is there.
    pub(super) fn sign_in_at_own_seat(&mut self, seat: &SeatId) {
        let Some(at) = self.seats.get(seat).filter(|at| at.operator.is_none() && at.reachable) else { return };
        let may = |slot: &&Slot| {
            let operator = self.operator(**slot);
            operator.seat.is_none() && !operator.left
        };
        if let Some(owner) = at.owners.iter().find(may).copied() {
            self.take_seat(owner, seat.clone(), Activity::Ready);
        }
    }

    /// Who was ready is signed out, so that nobody counts on them; at their own seat the phone's return signs
    /// them in.
    pub(super) fn phone_did_not_return(&mut self, slot: Slot) {
        self.leave_seat(slot);
    }

    /// No phone is known to be there.
    pub(super) fn everybody_lost(&mut self, now: Moment) {
        for index in 0..self.operators.len() {
            let slot = Slot(u32::try_from(index).unwrap_or(u32::MAX));
            self.operator_mut(slot).own_calls = 0;
            if let Activity::Outbound { more, .. } = &mut self.operator_mut(slot).activity {
                *more = 0;
                self.outbound(slot, false);
            }
        }
        let reachable: Vec<SeatId> =
            self.seats.iter().filter(|(_, seat)| seat.reachable).map(|(id, _)| id.clone()).collect();
        for seat in reachable {
            self.seat_reachable(now, seat, false);
        }
    }

    // -----------------------------------------------------------------------------------------
    // The one way in which an operator changes

    pub(super) fn activity(&self, slot: Slot) -> Option<Activity> {
        let operator = self.operator(slot);
        operator.seat.as_ref().map(|_| operator.activity.clone())
    }

    pub(super) fn set_activity(&mut self, slot: Slot, activity: Activity) {
        let now = self.now();
        self.change(slot, |operator| {
            // Ringing in vain is no work: who was rung keeps the place among the idle.
            let rung = matches!(operator.activity, Activity::Offered { .. } | Activity::Reserved { .. });
            if activity == Activity::Ready && !rung {
                operator.idle_since = now;
            }
            operator.resting_until = operator.resting_until.filter(|until| *until > now);
            operator.activity = activity;
        });
    }

    /// Changes an operator, keeps counts, ready lists and timer right, and tells.
    pub(super) fn change(&mut self, slot: Slot, change: impl FnOnce(&mut Operator)) {
        let now = self.now();
        let Engine { operators, profiles, classes, .. } = self;
        let operator = &mut operators[slot.0 as usize];
        let profile = &profiles[operator.profile];
        let before = operator.standing;
        if before == Standing::Ready {
            for meets in &profile.meets {
                let class = &mut classes[meets.class];
                class.ready.remove(&operator.key(slot, profile, meets, class));
            }
        }
        operator.work.count(now, before);
        change(operator);
        operator.standing = operator.stands();
        let after = operator.standing;
        for meets in &profile.meets {
            let class = &mut classes[meets.class];
            if before != after {
                class.uncount(before);
                class.count(after);
            }
            if after == Standing::Ready {
                class.ready.insert(operator.key(slot, profile, meets, class));
                if !class.waiting.is_empty() && !std::mem::replace(&mut class.stirred, true) {
                    self.stirred.push(meets.class);
                }
            }
            if after == Standing::SignedOut && before != after && class.minds_nobody && !class.is_served() {
                self.emptied.push(meets.class);
            }
        }
        if after == Standing::Ready && !operator.wanted_by.is_empty() {
            self.wanted.insert(slot);
        }
        self.set_timer(slot);
        self.tell(slot);
    }

    /// The timer of the state that the operator is in.
    fn set_timer(&mut self, slot: Slot) {
        let (now, grace) = (self.now(), self.rules.phone_grace);
        let operator = &mut self.operators[slot.0 as usize];
        let timer = match (&operator.activity, operator.standing) {
            (Activity::WrapUp { until, .. }, Standing::WrapUp) => Some((*until, Deadline::WrapUpEnds(slot))),
            (_, Standing::Resting) => operator.resting_until.map(|until| (until, Deadline::RestEnds(slot))),
            (_, Standing::Unreachable) => match operator.timer {
                running @ Some((_, Deadline::PhoneGraceEnds(_))) => running,
                _ => Some((now + grace, Deadline::PhoneGraceEnds(slot))),
            },
            _ => None,
        };
        if operator.timer != timer {
            if let Some((at, deadline)) = std::mem::replace(&mut operator.timer, timer) {
                self.agenda.clear(at, deadline);
            }
            if let Some((at, deadline)) = timer {
                self.agenda.set(at, deadline);
            }
        }
    }

    /// Tells how the operator stands, if that was not told before.
    fn tell(&mut self, slot: Slot) {
        let operator = &mut self.operators[slot.0 as usize];
        let state = operator.state();
        if operator.told.as_ref().is_some_and(|told| told.is(operator.seat.as_ref(), &state, operator.next.as_ref())) {
            return;
        }
        let told = Told { seat: operator.seat.clone(), state, next: operator.next.clone() };
        operator.told = Some(told.clone());
        let (operator, Told { seat, state, next }) = (operator.id.clone(), told);
        self.say(Output::Operator { operator, seat, state, next });
    }
}
