//! A contact's one timer: what it waits for next, what happens then, and why it was late.

use std::time::Duration;

use super::deadlines::{Deadline, Due};
use super::engine::Engine;
use super::line::{Contact, ContactState};
use super::words::{LateCause, Output};
use crate::ids::CallId;
use crate::moment::Moment;

/// A head start of ageing stops growing after so many times; a day of it is plenty.
const MAX_AGED: u32 = 10_000;

impl Engine {
    /// What a contact waits for next.
    fn next_due(&self, contact: &Contact) -> Option<(Moment, Due)> {
        let rules = &self.lines[contact.line].rules;
        match &contact.state {
            ContactState::Talking { .. } => return None,
            ContactState::Dialling { until, .. } => return Some((*until, Due::DialEnds)),
            ContactState::Parked { until } => {
                let expires = contact.callback.as_ref().map(|callback| (callback.expires_at, Due::CallbackExpires));
                return expires.into_iter().chain([(*until, Due::RetryBegins)]).min();
            }
            ContactState::Waiting | ContactState::Offered { .. } => {}
        }
        let waits = contact.state == ContactState::Waiting;
        let step = rules.steps.iter().skip(contact.step).filter_map(|step| step.after).min();
        let exclusion = contact.excluded.iter().filter(|exclusion| !exclusion.over).map(|exclusion| exclusion.until);
        let ages = rules.ageing.filter(|_| contact.aged < MAX_AGED);
        let is_call = contact.callback.is_none();
        let each = [
            contact.callback.as_ref().filter(|_| waits).map(|c| (c.expires_at, Due::CallbackExpires)),
            exclusion.min().map(|until| (until, Due::ExclusionEnds)),
            contact.preferred.filter(|_| waits).map(|(_, until)| (until, Due::PreferredEnds)),
            step.map(|after| (contact.entered_at + after, Due::StepBegins)),
            ages.map(|ageing| (contact.entered_at + ageing.every * (contact.aged + 1), Due::Ages)),
            (is_call && !contact.late).then_some((contact.queued_at + rules.answer_within, Due::Late)),
            // While an offer rings the contact may yet be answered; its end arms the timer again.
            rules.max_wait.filter(|_| is_call && waits).map(|limit| (contact.entered_at + limit, Due::MaxWait)),
        ];
        each.into_iter().flatten().min()
    }

    /// Sets the contact's timer to what is next.
    pub(super) fn arm(&mut self, id: CallId) {
        let Some(contact) = self.contacts.get(&id) else { return };
        let next = self.next_due(contact);
        self.set_due(id, next);
    }

    pub(super) fn set_due(&mut self, id: CallId, next: Option<(Moment, Due)>) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        if contact.due == next {
            return;
        }
        if let Some((at, due)) = std::mem::replace(&mut contact.due, next) {
            self.agenda.clear(at, Deadline::Contact(id, due));
        }
        if let Some((at, due)) = next {
            self.agenda.set(at, Deadline::Contact(id, due));
        }
    }

    pub(super) fn contact_due(&mut self, now: Moment, id: CallId, due: Due) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        contact.due = None;
        match due {
            Due::DialEnds => self.dial_ended(now, id),
            Due::RetryBegins => self.wait(id),
            Due::CallbackExpires => self.callback_expired(id),
            Due::ExclusionEnds => {
                for exclusion in contact.excluded.iter_mut().filter(|exclusion| exclusion.until <= now) {
                    exclusion.over = true;
                }
                let class = contact.class;
                self.stir(class);
            }
            Due::PreferredEnds => {
                self.stop_waiting(id);
                if let Some(contact) = self.contacts.get_mut(&id) {
                    contact.preferred = None;
                }
                self.wait(id);
            }
            Due::StepBegins => self.relax(now, id),
            Due::Ages => {
                let boost = self.lines[contact.line].rules.ageing.map_or(Duration::ZERO, |ageing| ageing.boost);
                self.resort(id, |contact| {
                    contact.boost += boost;
                    contact.aged += 1;
                });
            }
            Due::Late => self.is_late(id),
            Due::MaxWait => self.waited_too_long(now, id),
        }
        self.arm(id);
    }

    fn is_late(&mut self, id: CallId) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        if !std::mem::replace(&mut contact.late, true) {
            self.tell_late(id, None);
        }
    }

    /// Tells why a contact missed its service level; `left`: it is going before the time was up.
    pub(super) fn tell_late(&mut self, id: CallId, left: Option<LateCause>) {
        let Some(contact) = self.contacts.get(&id) else { return };
        let cause = left.unwrap_or_else(|| self.late_cause(contact));
        let queue = self.lines[contact.line].id.clone();
        self.say(Output::Late { contact: id, queue, cause });
    }

    fn late_cause(&self, contact: &Contact) -> LateCause {
        let class = &self.classes[contact.class];
        let ahead = self.lines[contact.line].order.before(&contact.rank) + 1;
        let (tally, ahead) = (class.tally(), u32::try_from(ahead).unwrap_or(u32::MAX));
        match contact.state {
            ContactState::Offered { .. } if contact.failed_offers == 0 => LateCause::SlowAnswer,
            _ if contact.failed_offers > 0 => LateCause::FailedOffers,
            _ if contact.preferred.is_some() => LateCause::Preferred,
            _ if !class.is_served() => LateCause::NobodySignedIn,
            _ if tally.unreachable + tally.resting >= ahead => LateCause::Unreachable,
            _ if tally.not_ready >= ahead => LateCause::NotReady,
            _ if contact.passed_by > 0 => LateCause::Overtaken,
            _ => LateCause::AllBusy,
        }
    }

    /// A contact that goes before its service level was decided has missed it.
    pub(super) fn tell_early(&mut self, id: CallId, why: LateCause) {
        let Some(contact) = self.contacts.get_mut(&id).filter(|contact| contact.callback.is_none()) else { return };
        if !std::mem::replace(&mut contact.late, true) {
            self.tell_late(id, Some(why));
        }
    }
}
