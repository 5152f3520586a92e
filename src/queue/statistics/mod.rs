//! Statistics: a fold over what the engine was told and said. The same log gives the same figures.
//!
//! A contact counts in the interval in which it joined, whatever becomes of it later, so every interval conserves
//! its contacts by itself. Whom an operator sends on to another line joins anew: each visit to a line is offered, and
//! answered or not, by itself. The time of operators is cut at the intervals' borders.
//!
//! Here alone it is decided what is offered, answered, in time and abandoned: the board and the commands only add up.

mod figures;
mod running;
mod time;

use std::collections::BTreeMap;
use std::time::Duration;

pub use figures::{Contacts, Presence, ServiceLevel};
use running::Running;

use super::decision::{Decision, PassedBecause};
use super::settings::{Promise, Rules};
use super::talks::NO_QUEUE;
use super::words::{Expected, Input, LateCause, LeftLine, OfferOutcome, OperatorState, Output};
use crate::ids::{CallId, OperatorId, QueueId, Skill};
use crate::moment::Moment;

/// The shortest interval; longer ones are sums.
pub const INTERVAL: Duration = Duration::from_secs(15 * 60);

/// Whose figures.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Of {
    House,
    Queue(QueueId),
    /// Contacts whose queue's need names the skill; operators who have it.
    Skill(Skill),
    Operator(OperatorId),
}

#[derive(Clone, Debug, Default)]
pub struct Statistics {
    contacts: BTreeMap<(Of, Moment), Contacts>,
    presence: BTreeMap<(Of, Moment), Presence>,
    /// What the rules say of each queue, and the skills of each operator.
    queues: BTreeMap<QueueId, Facts>,
    skills: BTreeMap<OperatorId, Vec<Skill>>,
    /// Contacts that are not over.
    open: BTreeMap<CallId, Open>,
    /// What each operator does, and since when.
    doing: BTreeMap<OperatorId, (Moment, OperatorState)>,
    /// From when until when the house was not there.
    away: Vec<(Moment, Moment)>,
    /// The queue of each operator's last talk: its wrap-up belongs to it.
    last_queue: BTreeMap<OperatorId, (QueueId, Moment)>,
    /// What the board asks for all the time. With it nothing is counted of skills and of the time of operators.
    running: Option<Running>,
}

#[derive(Clone, Debug)]
struct Facts {
    promise: Promise,
    skills: Vec<Skill>,
}

#[derive(Clone, Debug)]
struct Open {
    queue: QueueId,
    /// When it joined a line, and when it came into this one: it counts in these intervals.
    joined: Moment,
    entered: Moment,
    /// Since when it waits, or is with somebody.
    at: Moment,
    expected: Option<Expected>,
    /// Why it missed the service level.
    late: Option<LateCause>,
    /// It waits, and its time is not up.
    undecided: bool,
    /// Nobody has had it yet.
    waits: bool,
    /// Another operator had it already: it is handled once, by however many.
    handed_over: bool,
}

impl Statistics {
    pub fn new() -> Self {
        Self::default()
    }

    /// The interval that a moment is in.
    pub fn interval(at: Moment) -> Moment {
        let length = INTERVAL.as_micros() as u64;
        Moment::from_micros(at.as_micros() / length * length)
    }

    pub fn told(&mut self, at: Moment, input: &Input) {
        match input {
            Input::Rules { rules } => self.new_rules(rules),
            Input::RestartedAfter { alive_at } => self.away.push((*alive_at, at)),
            _ => {}
        }
    }

    pub fn new_rules(&mut self, rules: &Rules) {
        for (former, now) in rules.formerly.iter().filter(|(former, _)| !rules.queues.contains_key(*former)) {
            self.take_new_name(former, now);
        }
        let facts = rules.queues.iter().map(|(id, queue)| {
            let mut skills: Vec<Skill> = queue.need.skills().into_iter().cloned().collect();
            skills.sort();
            skills.dedup();
            (id.clone(), Facts { promise: queue.promise(), skills })
        });
        self.queues.extend(facts);
        let skills = rules.operators.iter().map(|(id, of)| (id.clone(), of.skills.keys().cloned().collect()));
        self.skills.extend(skills);
    }

    /// What was counted for a queue goes on under its new name.
    fn take_new_name(&mut self, former: &QueueId, now: &QueueId) {
        let (from, to) = (Of::Queue(former.clone()), Of::Queue(now.clone()));
        let start = (from.clone(), Moment::default());
        let counted: Vec<Moment> =
            self.contacts.range(start..).take_while(|((of, _), _)| *of == from).map(|((_, at), _)| *at).collect();
        for at in counted {
            if let Some(figures) = self.contacts.remove(&(from.clone(), at)) {
                *self.contacts.entry((to.clone(), at)).or_default() += &figures;
            }
        }
        let names = |queue: &mut QueueId| {
            if queue == former {
                *queue = now.clone();
            }
        };
        self.open.values_mut().map(|open| &mut open.queue).for_each(names);
        if let Some(running) = &mut self.running {
            running.take_new_name(former, now);
        }
        self.last_queue.values_mut().map(|(queue, _)| queue).for_each(names);
    }

    pub fn saw(&mut self, at: Moment, output: &Output) {
        match output {
            Output::Joined { contact, queue, expected, .. } => self.joined(at, *contact, queue, *expected),
            Output::Moved { contact, to, why, .. } => self.moved(at, *contact, to, *why),
            Output::Connected { contact, operator, .. } => self.connected(at, *contact, operator),
            Output::HandedOver { contact, queue, from, .. } => self.handed_over(at, *contact, queue, from.as_ref()),
            Output::Ended { contact, operator, queue, talk_ms, hold_ms } => {
                self.ended(at, *contact, operator, queue, *talk_ms, *hold_ms);
            }
            Output::Left { contact, why, waited_ms, .. } => {
                self.left(at, *contact, *why, Duration::from_millis(*waited_ms));
            }
            Output::CallbackTaken { contact, .. } => self.close(*contact, |figures| figures.callbacks += 1),
            Output::OfferEnded { contact, operator, outcome, .. } => {
                self.offer_ended(at, *contact, operator, *outcome);
            }
            Output::Late { contact, cause, .. } => self.late(*contact, *cause),
            Output::Decided(decision) => self.decided(decision),
            Output::Operator { operator, state, .. } => self.changed(at, operator, state),
            _ => {}
        }
    }

    /// Contacts by interval, of those intervals that begin in `[from, until)`.
    pub fn contacts(&self, of: &Of, from: Moment, until: Moment) -> impl Iterator<Item = (Moment, &Contacts)> {
        self.contacts.range((of.clone(), from)..(of.clone(), until.max(from))).map(|((_, at), figures)| (*at, figures))
    }

    /// Presence by interval, with what lasts still counted up to `now`.
    pub fn presence(&self, of: &Of, from: Moment, until: Moment) -> impl Iterator<Item = (Moment, &Presence)> {
        self.presence.range((of.clone(), from)..(of.clone(), until.max(from))).map(|((_, at), figures)| (*at, figures))
    }

    /// Everybody that figures exist for.
    pub fn all(&self) -> Vec<Of> {
        let mut all: Vec<Of> = self.contacts.keys().chain(self.presence.keys()).map(|(of, _)| of.clone()).collect();
        all.sort();
        all.dedup();
        all
    }

    /// Counts what everybody does up to `now`, so that the figures are whole.
    pub fn count_until(&mut self, now: Moment) {
        let waiting: Vec<(CallId, Duration)> =
            self.open.iter().filter(|(_, open)| open.waits).map(|(id, open)| (*id, now.since(open.at))).collect();
        for (contact, waited) in waiting {
            self.of_contact(contact, |figures| figures.longest_wait = figures.longest_wait.max(waited));
        }
        let doing: Vec<(OperatorId, OperatorState)> =
            self.doing.iter().map(|(id, (_, state))| (id.clone(), state.clone())).collect();
        for (operator, state) in doing {
            self.changed(now, &operator, &state);
        }
    }

    // -----------------------------------------------------------------------------------------
    // Contacts

    fn joined(&mut self, at: Moment, contact: CallId, queue: &QueueId, expected: Option<Expected>) {
        let open = Open {
            queue: queue.clone(),
            joined: at,
            entered: at,
            at,
            expected,
            late: None,
            undecided: true,
            waits: true,
            handed_over: false,
        };
        self.open.insert(contact, open);
        self.of_contact(contact, |figures| {
            figures.offered += 1;
            figures.waiting += 1;
            figures.undecided += 1;
        });
    }

    /// Overflow of the one queue, or out of it by a supervisor, and offered to the other; for the house nothing
    /// changed. The one queue has missed whom a rule or a key led out of it, but nobody whom a supervisor took from it.
    /// Who is late already is so in the other, too, whatever that promises: each miss counts once, and is none of the
    /// answers in time.
    fn moved(&mut self, at: Moment, contact: CallId, to: &QueueId, why: LeftLine) {
        let Some(open) = self.open.get(&contact).cloned() else { return };
        let undecided = u64::from(open.undecided);
        let by_hand = why == LeftLine::Supervisor;
        let late = open.late;
        self.of_queue(&open.queue, open.entered, |figures| {
            figures.moved += u64::from(by_hand);
            figures.overflowed += u64::from(!by_hand);
            if !by_hand && open.undecided {
                *figures.late.entry(LateCause::LeftEarly).or_default() += 1;
            }
            if let Some(count) = late.filter(|_| by_hand).and_then(|late| figures.late.get_mut(&late)) {
                *count = count.saturating_sub(1);
            }
            figures.waiting = figures.waiting.saturating_sub(1);
            figures.undecided = figures.undecided.saturating_sub(undecided);
        });
        if let Some(open) = self.open.get_mut(&contact) {
            (open.queue, open.entered) = (to.clone(), at);
        }
        self.of_queue(to, at, |figures| {
            figures.offered += 1;
            figures.waiting += 1;
            figures.undecided += undecided;
            if let Some(late) = late {
                *figures.late.entry(late).or_default() += 1;
            }
        });
    }

    /// Of an operator those are offered who came to them out of a line: they were all answered.
    fn connected(&mut self, at: Moment, contact: CallId, operator: &OperatorId) {
        self.decide(contact);
        let Some(open) = self.open.get_mut(&contact) else { return };
        open.waits = false;
        let (wait, expected) = (at.since(open.at), open.expected);
        let in_time = self.queues.get(&open.queue).is_none_or(|facts| facts.promise.is_kept_after(wait));
        let within = in_time && open.late.is_none();
        let answered = |figures: &mut Contacts| {
            figures.answered += 1;
            figures.answered_within += u64::from(within);
            figures.wait += wait;
            figures.longest_wait = figures.longest_wait.max(wait);
        };
        self.of_operator(operator, at, |figures| {
            figures.offered += 1;
            answered(figures);
        });
        self.of_contact(contact, |figures| {
            figures.waiting = figures.waiting.saturating_sub(1);
            answered(figures);
            if let Some(expected) = expected {
                let foreseen = Duration::from_millis(expected.median_ms);
                figures.foreseen += 1;
                figures.foreseen_error += foreseen.abs_diff(wait);
                figures.foreseen_within_p80 += u64::from(wait <= Duration::from_millis(expected.p80_ms));
            }
        });
    }

    /// It goes on where the talk of whoever had it ended: in the same intervals, and not offered or answered again.
    fn handed_over(&mut self, at: Moment, contact: CallId, queue: &QueueId, from: Option<&OperatorId>) {
        let before = from.and_then(|from| self.last_queue.get(from).cloned());
        let entered = before.filter(|(of, _)| of == queue).map_or(at, |(_, entered)| entered);
        let open = Open {
            queue: queue.clone(),
            joined: entered,
            entered,
            at,
            expected: None,
            late: None,
            undecided: false,
            waits: false,
            // At a seat that a menu led to the talk begins.
            handed_over: from.is_some() || queue.as_str() != NO_QUEUE,
        };
        self.open.insert(contact, open);
    }

    fn ended(&mut self, at: Moment, contact: CallId, operator: &OperatorId, queue: &QueueId, talk: u64, hold: u64) {
        let (talk, hold) = (Duration::from_millis(talk), Duration::from_millis(hold));
        let first = self.open.get(&contact).is_none_or(|open| !open.handed_over);
        self.of_contact(contact, |figures| {
            figures.handled += u64::from(first);
            figures.talk += talk;
            figures.hold += hold;
        });
        self.of_operator(operator, at, |figures| {
            figures.handled += 1;
            figures.talk += talk;
            figures.hold += hold;
        });
        if let Some(open) = self.open.remove(&contact) {
            self.last_queue.insert(operator.clone(), (queue.clone(), open.entered));
        }
    }

    fn left(&mut self, at: Moment, contact: CallId, why: LeftLine, told: Duration) {
        let Some(open) = self.open.get(&contact) else { return };
        // Whom a restart cut off waited until the house was there last.
        let waited = if why == LeftLine::Restarted { told } else { at.since(open.at) };
        let late = open.late;
        let facts = self.queues.get(&open.queue);
        let short = facts.is_some_and(|facts| facts.promise.is_short(waited));
        let within = facts.is_none_or(|facts| facts.promise.is_kept_after(waited));
        self.close(contact, |figures| {
            let gave_up_at_once = why == LeftLine::CallerGone && short;
            // Who gives up at once was never offered, nor was an operator; nor was the service missed.
            if gave_up_at_once || why == LeftLine::Withdrawn {
                figures.offered = figures.offered.saturating_sub(1);
                figures.short_abandoned += u64::from(gave_up_at_once);
                if let Some(count) = late.and_then(|late| figures.late.get_mut(&late)) {
                    *count = count.saturating_sub(1);
                }
                return;
            }
            figures.longest_wait = figures.longest_wait.max(waited);
            match why {
                LeftLine::CallerGone => {
                    figures.abandoned += 1;
                    figures.abandoned_within += u64::from(within);
                }
                LeftLine::Key(_) => figures.left_by_key += 1,
                LeftLine::Restarted => figures.restarted += 1,
                // Whoever is moved is told of as moved.
                LeftLine::TooLong | LeftLine::Nobody | LeftLine::Supervisor => figures.overflowed += 1,
                LeftLine::Withdrawn => {}
            }
        });
    }

    fn late(&mut self, contact: CallId, cause: LateCause) {
        self.decide(contact);
        if let Some(open) = self.open.get_mut(&contact) {
            open.late = Some(cause);
        }
        self.of_contact(contact, |figures| *figures.late.entry(cause).or_default() += 1);
    }

    fn offer_ended(&mut self, at: Moment, contact: CallId, operator: &OperatorId, outcome: OfferOutcome) {
        let ended = |figures: &mut Contacts| {
            figures.offers += 1;
            match outcome {
                OfferOutcome::NoAnswer => figures.offers_no_answer += 1,
                OfferOutcome::Rejected => figures.offers_rejected += 1,
                OfferOutcome::Busy | OfferOutcome::Unreachable => figures.offers_failed += 1,
                OfferOutcome::Answered | OfferOutcome::CallerGone | OfferOutcome::AnsweredElsewhere => {}
            }
        };
        self.of_contact(contact, ended);
        self.of_operator(operator, at, ended);
    }

    fn decided(&mut self, decision: &Decision) {
        if let Some(passed) = decision.passed {
            self.of_contact(decision.contact, |figures| {
                figures.passed += 1;
                figures.passed_unexplained += u64::from(passed.why == PassedBecause::Unexplained);
            });
        }
    }

    /// It is known whether it was answered in time.
    fn decide(&mut self, contact: CallId) {
        let was = self.open.get_mut(&contact).is_some_and(|open| std::mem::take(&mut open.undecided));
        if was {
            self.of_contact(contact, |figures| figures.undecided = figures.undecided.saturating_sub(1));
        }
    }

    /// The last of a contact that left its line.
    fn close(&mut self, contact: CallId, count: impl Fn(&mut Contacts)) {
        self.decide(contact);
        self.of_contact(contact, |figures| {
            figures.waiting = figures.waiting.saturating_sub(1);
            count(figures);
        });
        self.open.remove(&contact);
    }

    /// Counts for the house, for the contact's queue, and for the skills that the queue asks for.
    fn of_contact(&mut self, contact: CallId, count: impl Fn(&mut Contacts)) {
        let Some(open) = self.open.get(&contact) else { return };
        let (queue, joined, entered) = (open.queue.clone(), open.joined, open.entered);
        self.count(Of::House, joined, &count);
        self.of_queue(&queue, entered, count);
    }

    fn of_queue(&mut self, queue: &QueueId, at: Moment, count: impl Fn(&mut Contacts)) {
        if queue.as_str() == NO_QUEUE {
            return;
        }
        self.count(Of::Queue(queue.clone()), at, &count);
        if self.running.is_some() {
            return;
        }
        let skills = self.queues.get(queue).map(|facts| facts.skills.clone()).unwrap_or_default();
        for skill in skills {
            self.count(Of::Skill(skill), at, &count);
        }
    }

    /// What operators do counts when they do it.
    fn of_operator(&mut self, operator: &OperatorId, at: Moment, count: impl Fn(&mut Contacts)) {
        self.count(Of::Operator(operator.clone()), at, &count);
    }

    fn count(&mut self, of: Of, at: Moment, count: &impl Fn(&mut Contacts)) {
        if let Some(running) = &mut self.running {
            running.count(&of, at, count);
        }
        count(self.contacts.entry((of, Self::interval(at))).or_default());
    }
}
