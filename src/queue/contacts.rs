//! Contacts come, wait, relax, move and go.

use std::time::Duration;

use super::callers::GaveUp;
use super::engine::Engine;
use super::line::{Contact, ContactState};
use super::operators::{Slot, Standing};
use super::settings::{Exit, MAX_MOVES};
use super::words::{Caller, JoinRefusal, LateCause, LeftLine, OfferOutcome, Output, RelaxedBy};
use crate::ids::{CallId, OperatorId, QueueId};
use crate::moment::Moment;

impl Engine {
    pub(super) fn join(&mut self, now: Moment, id: CallId, queue: QueueId, caller: Option<Caller>) {
        self.let_in(now, id, queue, caller, None);
    }

    /// The place counts from `since`, as if the caller had joined this line then.
    pub(super) fn passed_on(&mut self, now: Moment, id: CallId, queue: QueueId, caller: Option<Caller>, since: Moment) {
        self.let_in(now, id, queue, caller, Some(since.min(now)));
    }

    fn let_in(&mut self, now: Moment, id: CallId, queue: QueueId, caller: Option<Caller>, since: Option<Moment>) {
        let queue = self.rules.now_called(queue);
        if self.contacts.contains(id) {
            return self.say(Output::Refused { contact: id, queue, why: JoinRefusal::Twice, exit: None });
        }
        let (line, moves) = match self.way_into(&queue) {
            Ok(found) => found,
            Err((queue, why, exit)) => return self.say(Output::Refused { contact: id, queue, why, exit }),
        };
        let since = since.or_else(|| self.kept_place(now, caller.as_ref()?, line)).unwrap_or(now);
        let preferred = caller.as_ref().and_then(|caller| self.preferred(now, caller, line));
        self.insert(now, id, line, caller, since);
        if let Some(contact) = self.contacts.get_mut(&id) {
            contact.moves = moves;
            contact.preferred = preferred;
        }
        self.tell_joined(now, id, (moves > 0).then_some(queue));
        self.relax(now, id);
        self.wait(id);
    }

    /// Why nobody who comes to this queue now is let into its line, nor into one that its rules lead to; `None`: they are.
    pub fn refusal(&self, queue: &QueueId) -> Option<JoinRefusal> {
        self.way_into(&self.rules.now_called(queue.clone())).err().map(|(_, why, _)| why)
    }

    /// The line that lets in who comes to this queue, and by how many moves they get there; or where the way ends, why,
    /// and what the rules say then.
    fn way_into(&self, queue: &QueueId) -> Result<(usize, u8), (QueueId, JoinRefusal, Option<Exit>)> {
        let (mut here, mut moves) = (queue.clone(), 0);
        loop {
            let (why, exit) = match self.line_open(&here) {
                Ok(line) => return Ok((line, moves)),
                Err(refused) => refused,
            };
            match exit {
                Some(Exit::Queue(next)) if moves < MAX_MOVES => here = next,
                // Whoever is sent on and on hears the announcement of where the way ended.
                Some(Exit::Queue(_) | Exit::Callback) => return Err((here, why, None)),
                exit => return Err((here, why, exit)),
            }
            moves += 1;
        }
    }

    /// Whether this line can be joined, or why not, and what the rules say then.
    fn line_open(&self, queue: &QueueId) -> Result<usize, (JoinRefusal, Option<Exit>)> {
        let unknown = (JoinRefusal::UnknownQueue, None);
        let index = *self.line_names.get(queue).ok_or(unknown.clone())?;
        let line = &self.lines[index];
        if line.retired {
            return Err(unknown);
        }
        if !line.open {
            return Err((JoinRefusal::Closed, line.rules.if_closed.clone()));
        }
        if line.order.len() >= line.rules.max_waiting {
            return Err((JoinRefusal::Full, line.rules.if_full.clone()));
        }
        if line.rules.if_nobody.is_some() && !line.classes.iter().any(|class| self.classes[*class].is_served()) {
            return Err((JoinRefusal::Nobody, line.rules.if_nobody.clone()));
        }
        Ok(index)
    }

    /// Nobody is sent away who was in a talk already, even if the queue is gone: those in its line are served.
    /// `failed_by` is not asked first again, as if they had not taken an offer.
    pub(super) fn come_back(
        &mut self,
        now: Moment,
        id: CallId,
        queue: QueueId,
        caller: Option<Caller>,
        failed_by: Option<&OperatorId>,
    ) {
        let queue = self.rules.now_called(queue);
        let line = self.line_names.get(&queue).copied();
        let Some(line) = line.filter(|_| !self.contacts.contains(id)) else {
            let why = if line.is_some() { JoinRefusal::Twice } else { JoinRefusal::UnknownQueue };
            return self.say(Output::Refused { contact: id, queue, why, exit: None });
        };
        self.insert(now, id, line, caller, now);
        let failed_by = failed_by.and_then(|operator| self.operator_names.get(operator).copied());
        let exclude_for = self.rules.exclude_for;
        if let Some(contact) = self.contacts.get_mut(&id) {
            if let Some(slot) = failed_by {
                contact.exclude(now, slot, exclude_for);
            }
            let before = contact.rank;
            contact.urgent = true;
            contact.rank = contact.rank_by(id, &self.lines[line].rules);
            self.lines[line].order.remove(&before);
            self.lines[line].order.insert(contact.rank);
        }
        self.tell_joined(now, id, None);
        self.relax(now, id);
        self.wait(id);
    }

    /// Puts a new contact at its place; nothing is offered yet.
    pub(super) fn insert(&mut self, now: Moment, id: CallId, line: usize, caller: Option<Caller>, since: Moment) {
        let mut contact = Contact {
            line,
            class: self.lines[line].classes[0],
            step: 0,
            caller,
            urgent: false,
            since,
            queued_at: now,
            entered_at: now,
            boost: Duration::ZERO,
            aged: 0,
            rank: (0, 0, id),
            moves: 0,
            excluded: Vec::new(),
            preferred: None,
            state: ContactState::Waiting,
            callback: None,
            called_back: None,
            failed_offers: 0,
            passed_by: 0,
            late: false,
            due: None,
        };
        contact.rank = contact.rank_by(id, &self.lines[line].rules);
        self.lines[line].order.insert(contact.rank);
        self.contacts.insert(id, contact);
    }

    pub(super) fn tell_joined(&mut self, now: Moment, id: CallId, instead_of: Option<QueueId>) {
        let expected = self.place(now, id).and_then(|place| place.expected);
        let Some(contact) = self.contacts.get(&id) else { return };
        let (queue, since) = (self.lines[contact.line].id.clone(), contact.since);
        self.say(Output::Joined { contact: id, queue, instead_of, since, expected });
    }

    /// The place that a caller who comes back still has: of a callback, or of a visit just given up.
    fn kept_place(&mut self, now: Moment, caller: &Caller, line: usize) -> Option<Moment> {
        if let Some(callback) = self.lines[line].callbacks.get(caller).copied() {
            return self.called_again(callback);
        }
        let kept = self.callers.take_place(caller)?;
        (kept.line == line && kept.at + self.rules.redial_within >= now).then_some(kept.since)
    }

    fn preferred(&self, now: Moment, caller: &Caller, line: usize) -> Option<(Slot, Moment)> {
        let lasts = self.lines[line].rules.preferred_for;
        if lasts.is_zero() {
            return None;
        }
        let slot = self.callers.last_operator(caller)?;
        let operator = self.operator(slot);
        let here = matches!(operator.standing, Standing::Ready | Standing::Busy | Standing::WrapUp);
        let serves = self.profiles[operator.profile].meets(self.lines[line].classes[0]).is_some();
        (here && serves).then_some((slot, now + lasts))
    }

    /// The contact can be offered; says so if nobody can be asked now.
    pub(super) fn wait(&mut self, id: CallId) {
        if self.put_in_wait(id) {
            self.decided(id, None);
        }
    }

    /// Puts the contact where it is offered from; `true`: nobody can be asked now.
    fn put_in_wait(&mut self, id: CallId) -> bool {
        self.arm(id);
        let Some(contact) = self.contacts.get_mut(&id) else { return false };
        contact.state = ContactState::Waiting;
        let (rank, age, class) = (contact.rank, (contact.since, id), contact.class);
        self.classes[class].by_age.insert(age);
        if let Some((slot, _)) = contact.preferred {
            self.operator_mut(slot).wanted_by.insert(rank);
            self.wanted.insert(slot);
            return self.operator(slot).standing != Standing::Ready;
        }
        self.classes[class].waiting.insert(rank);
        self.stir(class);
        let Some(contact) = self.contacts.get(&id) else { return false };
        self.eligible(&self.classes[class], contact).next().is_none()
    }

    /// Takes a contact out of whatever it is offered from; its place in the line stays.
    pub(super) fn stop_waiting(&mut self, id: CallId) {
        let Some(contact) = self.contacts.get(&id) else { return };
        let (rank, age, class, preferred) = (contact.rank, (contact.since, id), contact.class, contact.preferred);
        self.classes[class].waiting.remove(&rank);
        self.classes[class].by_age.remove(&age);
        if let Some((slot, _)) = preferred {
            self.operator_mut(slot).wanted_by.remove(&rank);
        }
    }

    /// Changes something that a contact is sorted by.
    pub(super) fn resort(&mut self, id: CallId, change: impl FnOnce(&mut Contact)) {
        let Some(contact) = self.contacts.get(&id) else { return };
        let (waits, before, line) = (contact.state == ContactState::Waiting, contact.rank, contact.line);
        if waits {
            self.stop_waiting(id);
        }
        self.lines[line].order.remove(&before);
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        change(contact);
        contact.rank = contact.rank_by(id, &self.lines[contact.line].rules);
        self.lines[contact.line].order.insert(contact.rank);
        if waits {
            self.put_in_wait(id);
        }
    }

    pub(super) fn put_back_boost(&mut self, id: CallId) {
        let Some(contact) = self.contacts.get(&id) else { return };
        let boost = self.lines[contact.line].rules.put_back_boost;
        if !boost.is_zero() {
            self.resort(id, |contact| contact.boost += boost);
        }
    }

    pub(super) fn take_step(&mut self, id: CallId, step: usize, why: RelaxedBy) {
        let Some(contact) = self.contacts.get(&id) else { return };
        let line = &self.lines[contact.line];
        let (class, queue) = (line.classes[step], line.id.clone());
        let waits =
            contact.state == ContactState::Waiting && self.classes[contact.class].by_age.contains(&(contact.since, id));
        if waits {
            self.stop_waiting(id);
        }
        if let Some(contact) = self.contacts.get_mut(&id) {
            (contact.step, contact.class) = (step, class);
        }
        self.say(Output::Relaxed { contact: id, queue, step, why });
        if waits {
            self.wait(id);
        }
    }

    // -----------------------------------------------------------------------------------------
    // Leaving

    pub(super) fn leave(&mut self, now: Moment, id: CallId, why: LeftLine) {
        let Some(contact) = self.contacts.get(&id) else {
            return self.ignore(format!("contact {id} is in no line"));
        };
        match contact.state {
            ContactState::Talking { .. } => self.ignore(format!("contact {id} is being talked to")),
            _ if contact.callback.is_some() => self.ignore(format!("contact {id} is called back")),
            _ => self.give_up(now, id, why),
        }
    }

    /// The house ended the call, and not the caller or the operator.
    pub(super) fn cut(&mut self, now: Moment, id: CallId) {
        match self.contacts.get(&id).map(|contact| &contact.state) {
            Some(ContactState::Talking { .. }) => self.talk_cut(now, now, id),
            _ => self.leave(now, id, LeftLine::Restarted),
        }
    }

    fn give_up(&mut self, now: Moment, id: CallId, why: LeftLine) {
        let Some(contact) = self.contacts.get(&id) else { return };
        let place = GaveUp { line: contact.line, since: contact.since, at: now };
        if let Some(caller) = contact.caller.clone()
            && !self.rules.redial_within.is_zero()
        {
            self.callers.gave_up(now, &caller, place);
        }
        self.leave_line(now, id, why, None);
    }

    pub(super) fn waited_too_long(&mut self, now: Moment, id: CallId) {
        let Some(contact) = self.contacts.get(&id).filter(|contact| contact.state == ContactState::Waiting) else {
            return;
        };
        let exit = self.lines[contact.line].rules.if_too_long.clone();
        self.exit(now, id, LeftLine::TooLong, exit);
    }

    pub(super) fn key(&mut self, now: Moment, id: CallId, key: char) {
        let Some(contact) = self.contacts.get(&id) else {
            return self.ignore(format!("contact {id} is in no line"));
        };
        if matches!(contact.state, ContactState::Talking { .. }) || contact.callback.is_some() {
            return self.ignore(format!("contact {id} waits no longer"));
        }
        match self.lines[contact.line].rules.keys.get(&key).cloned() {
            None => self.ignore(format!("key {key} leads nowhere")),
            Some(exit) => self.exit(now, id, LeftLine::Key(key), Some(exit)),
        }
    }

    /// Out of the line by a rule: to another queue, or for good.
    fn exit(&mut self, now: Moment, id: CallId, why: LeftLine, exit: Option<Exit>) {
        match exit {
            Some(Exit::Queue(queue)) => {
                if !self.move_to(now, id, &queue, why) && !matches!(why, LeftLine::Key(_)) {
                    self.leave_line(now, id, why, None);
                }
            }
            Some(Exit::Callback) => self.take_callback(now, id),
            exit => self.leave_line(now, id, why, exit),
        }
    }

    /// A supervisor puts it into another line, whatever the rules led to before.
    pub(super) fn move_by_hand(&mut self, now: Moment, id: CallId, queue: &QueueId) {
        let queue = self.rules.now_called(queue.clone());
        let Some(contact) = self.contacts.get_mut(&id) else {
            return self.ignore(format!("contact {id} is in no line"));
        };
        if matches!(contact.state, ContactState::Talking { .. }) || contact.callback.is_some() {
            return self.ignore(format!("contact {id} waits no longer"));
        }
        contact.moves = 0;
        self.move_to(now, id, &queue, LeftLine::Supervisor);
    }

    /// To another queue, the place kept; `false` if it cannot be joined.
    fn move_to(&mut self, now: Moment, id: CallId, queue: &QueueId, why: LeftLine) -> bool {
        let Some(contact) = self.contacts.get(&id) else { return false };
        let target = self.line_names.get(queue).copied().filter(|line| {
            let line = &self.lines[*line];
            line.open && !line.retired && line.order.len() < line.rules.max_waiting
        });
        let Some(target) = target.filter(|target| *target != contact.line && contact.moves < MAX_MOVES) else {
            self.ignore(format!("contact {id} cannot be moved to {queue}"));
            return false;
        };
        self.withdraw_all(now, id, OfferOutcome::CallerGone);
        self.stop_waiting(id);
        let class = self.lines[target].classes[0];
        let Some(contact) = self.contacts.get_mut(&id) else { return false };
        let (from, before) = (contact.line, contact.rank);
        contact.line = target;
        contact.class = class;
        contact.step = 0;
        contact.entered_at = now;
        contact.preferred = None;
        contact.aged = 0;
        contact.moves += 1;
        contact.rank = contact.rank_by(id, &self.lines[target].rules);
        self.lines[from].order.remove(&before);
        self.lines[target].order.insert(contact.rank);
        let from = self.lines[from].id.clone();
        self.say(Output::Moved { contact: id, from, to: queue.clone(), why });
        self.relax(now, id);
        self.wait(id);
        true
    }

    /// Removes a contact that is not talked to; open offers are withdrawn.
    pub(super) fn leave_line(&mut self, now: Moment, id: CallId, why: LeftLine, exit: Option<Exit>) {
        self.withdraw_all(now, id, OfferOutcome::CallerGone);
        let early = match why {
            LeftLine::CallerGone => LateCause::GaveUp,
            LeftLine::Restarted => LateCause::Restarted,
            _ => LateCause::LeftEarly,
        };
        if why == LeftLine::Withdrawn
            && let Some(contact) = self.contacts.get_mut(&id)
        {
            // The house has missed nobody.
            contact.late = true;
        }
        let Some(contact) = self.forget(id, early) else { return };
        let waited_ms = u64::try_from(now.since(contact.queued_at).as_millis()).unwrap_or(u64::MAX);
        let queue = self.lines[contact.line].id.clone();
        self.say(Output::Left { contact: id, queue, why, exit, waited_ms });
        if why == LeftLine::Restarted {
            self.call_again(self.now(), contact);
        }
    }

    /// Takes a contact out of everything, and returns it. One that goes before its service level was decided has
    /// missed it: `early` is why.
    pub(super) fn forget(&mut self, id: CallId, early: LateCause) -> Option<Contact> {
        self.tell_early(id, early);
        self.stop_waiting(id);
        self.set_due(id, None);
        let contact = self.contacts.remove(&id)?;
        let line = &mut self.lines[contact.line];
        line.order.remove(&contact.rank);
        if let Some(callback) = &contact.callback {
            line.callbacks.remove(&callback.number);
        }
        Some(contact)
    }

    /// Classes whose last operator signed out: their contacts relax, or leave, where the rules say so.
    pub(super) fn mind_the_emptied(&mut self, now: Moment) {
        while let Some(class) = self.emptied.pop() {
            if !self.classes[class].minds_nobody || self.classes[class].is_served() {
                continue;
            }
            let waiting: Vec<CallId> = self.classes[class].waiting.iter().map(|rank| rank.2).collect();
            for id in waiting {
                self.relax(now, id);
                let Some(contact) = self.contacts.get(&id) else { continue };
                let line = &self.lines[contact.line];
                let hopeless = !line.classes[contact.step..].iter().any(|class| self.classes[*class].is_served());
                if hopeless && contact.callback.is_none() && line.rules.if_nobody.is_some() {
                    let exit = line.rules.if_nobody.clone();
                    self.exit(now, id, LeftLine::Nobody, exit);
                }
            }
        }
    }

    /// Calls do not survive the process, and no phone is known to be there until signalling says so. Callbacks
    /// wait on, also those whose customer had just been reached. `alive_at`: when the former process was seen last.
    pub(super) fn restarted(&mut self, now: Moment, alive_at: Moment) {
        let contacts: Vec<CallId> = self.contacts.iter().map(|(id, _)| *id).collect();
        for id in contacts {
            let Some(contact) = self.contacts.get(&id) else { continue };
            match contact.state {
                ContactState::Talking { .. } => self.talk_cut(now, alive_at, id),
                _ if contact.callback.is_some() => self.callback_restarted(now, id),
                _ => self.leave_line(alive_at, id, LeftLine::Restarted, None),
            }
        }
        self.everybody_lost(now);
    }
}
