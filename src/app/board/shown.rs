//! What the board shows, in the words of the pages.

use std::collections::BTreeMap;
use std::time::Duration;

use super::calls::call_of;
use super::contacts::Person;
use super::day::Quarters;
use super::keeper::Keeper;
use super::meters;
use super::parts::consults;
use crate::app::switches::Flip;
use crate::app::web::called;
use crate::call::{Stage, SwitchTo};
use crate::config::Opening;
use crate::http::{self, Category, Figures, OperatorNow, Quarter, QueueNow, ScheduleNow, Today};
use crate::ids::{CallId, OperatorId, QueueId, ScheduleId};
use crate::moment::Moment;
use crate::queue::statistics::{Contacts, ServiceLevel};
use crate::queue::{Next, OperatorState};

/// Every state of operators, so that metrics fall to nothing again.
const STATES: [&str; 10] = [
    "signed_out",
    "not_ready",
    "ready",
    "offered",
    "reserved",
    "talking",
    "holding",
    "wrap_up",
    "outbound",
    "unreachable",
];

impl Keeper {
    /// What changed since the last time.
    pub(super) fn write(&mut self, now: Moment) {
        if self.changed_calls.is_empty() && self.changed_operators.is_empty() {
            return;
        }
        let at = self.time(now);
        for id in std::mem::take(&mut self.changed_calls) {
            // What operators do in a call is told of them, too, and that they do it no longer.
            let former = self.board.whose_call(&id.to_string());
            self.changed_operators.extend(former.iter().map(|operator| OperatorId::from(operator.as_str())));
            match self.call(id) {
                Some(call) => {
                    self.changed_operators.extend(http::whose(&call).into_iter().map(OperatorId::from));
                    self.board.put_call(&at, call);
                }
                None => self.board.end_call(&at, &id.to_string()),
            }
        }
        for id in std::mem::take(&mut self.changed_operators) {
            if let Some(operator) = self.operator(&id) {
                self.board.put_operator(&at, operator);
                self.board.put_today(id.as_str(), today(&self.day.operator(&id)));
            }
        }
    }

    fn operator(&self, id: &OperatorId) -> Option<OperatorNow> {
        let rules = self.house.queue.operators.get(id)?;
        let away = Person { seat: None, state: OperatorState::SignedOut, next: None, since: self.day.begins };
        let person = self.operators.get(id).unwrap_or(&away);
        let contact = match &person.state {
            OperatorState::Talking { contact } | OperatorState::Holding { contact } => Some(*contact),
            OperatorState::Offered { .. } => self.rung_for(id),
            _ => None,
        };
        let until = match &person.state {
            OperatorState::Offered { until, .. }
            | OperatorState::Reserved { until, .. }
            | OperatorState::WrapUp { until } => Some(self.time(*until)),
            _ => None,
        };
        let worked = self.day.operator(id);
        let call = contact.map(|contact| call_of(&self.calls, contact));
        Some(OperatorNow {
            id: id.to_string(),
            name: rules.name.clone(),
            seat: person.seat.as_ref().map(ToString::to_string),
            state: word(&person.state).into(),
            reason: reason(&person.state),
            since: self.time(person.since),
            until,
            next: person.next.as_ref().map(|next| match next {
                Next::SignOut => "signed_out".into(),
                Next::NotReady(reason) => reason.to_string(),
            }),
            queue: contact.and_then(|contact| self.contacts.get(&contact)).map(|contact| contact.queue.to_string()),
            call: call.map(|call| call.to_string()),
            wraps_up: matches!(person.state, OperatorState::WrapUp { .. })
                .then(|| self.last_talks.get(id).map(|(call, _)| *call).or_else(|| self.day.last_talk(id)))
                .flatten()
                .map(|call| call.to_string()),
            part: self.part(id),
            part_over: self.parts_over.get(id).cloned(),
            consults: call.and_then(|call| consults(self.calls.get(&call)?, id)),
            supervisor: rules.supervisor,
            answered: worked.answered,
            handled: worked.handled,
            talk_ms: millis(worked.talk),
            wrap_up_ms: millis(worked.wrap_up),
        })
    }

    fn rung_for(&self, operator: &OperatorId) -> Option<CallId> {
        self.calls.values().find(|seen| seen.rings.iter().any(|(rung, _)| rung == operator)).map(|seen| seen.id)
    }

    pub(super) fn schedule(&self, id: &ScheduleId, open: bool, flip: Option<Flip>) -> ScheduleNow {
        let queues = self.house.queue_open.iter().filter_map(|(queue, opening)| match opening {
            Opening::Schedule(of) if of == id => Some(queue.to_string()),
            _ => None,
        });
        let (name, names) = called(&self.house, &self.house.names.schedules, id.as_str());
        ScheduleNow {
            id: id.to_string(),
            name,
            names,
            open,
            switch: switched_to(flip.as_ref()).into(),
            until: flip.as_ref().and_then(|flip| flip.until).map(|until| self.time(until)),
            by: flip.as_ref().map(|flip| flip.by.clone()),
            note: flip.map(|flip| flip.note).filter(|note| !note.is_empty()),
            queues: queues.collect(),
        }
    }

    /// Since when the one waits who has waited longest: of one queue, or of all.
    pub(super) fn longest(&self, queue: Option<&QueueId>) -> Option<Moment> {
        let waits = self.contacts.values().filter(|of| !of.talking && !of.callback);
        waits.filter(|of| queue.is_none_or(|queue| of.queue == *queue)).map(|of| of.since).min()
    }

    /// Lines and figures, a few times a second.
    pub(super) fn write_lines(&mut self, now: Moment) {
        let at = self.time(now);
        self.write_callbacks(now);
        let mut standing: BTreeMap<&QueueId, Standing> = BTreeMap::new();
        for contact in self.contacts.values() {
            let of = standing.entry(&contact.queue).or_default();
            match (contact.talking, contact.callback) {
                (true, _) => of.talking += 1,
                (false, true) => of.callbacks += 1,
                (false, false) => {
                    of.waiting += 1;
                    of.longest = Some(of.longest.map_or(contact.since, |longest| longest.min(contact.since)));
                }
            }
        }
        let (mut waiting_in_all, mut talking_in_all) = (0, 0);
        for (id, rules) in &self.house.queue.queues {
            let Standing { waiting, callbacks, talking, longest } = standing.get(id).copied().unwrap_or_default();
            waiting_in_all += waiting;
            talking_in_all += talking;
            let line = self.lines.get(id).map(|line| line.now);
            let counts = self.day.queue(id);
            let flip = self.switched.get(id);
            let schedule = self.house.queue_open.get(id).and_then(|opening| match opening {
                Opening::Schedule(schedule) => Some(schedule.to_string()),
                Opening::Hours(_) => None,
            });
            let (name, names) = called(&self.house, &self.house.names.queues, id.as_str());
            let queue = QueueNow {
                id: id.to_string(),
                name,
                names,
                open: line.is_none_or(|line| line.open),
                schedule,
                switch: switched_to(flip).into(),
                until: flip.and_then(|flip| flip.until).map(|until| self.time(until)),
                by: flip.map(|flip| flip.by.clone()),
                note: flip.map(|flip| flip.note.clone()).filter(|note| !note.is_empty()),
                waiting,
                longest_since: longest.map(|since| self.time(since)),
                callbacks,
                expected_wait_ms: line.and_then(|line| line.expected).map(|expected| expected.median_ms),
                ready: line.map_or(0, |line| line.ready),
                talking,
                offered: counts.offered,
                answered: counts.answered,
                answered_within: counts.answered_within,
                abandoned: counts.abandoned,
                service_level: counts.service_level(ServiceLevel::Strict),
                service_level_15min: self.day.recent(now, Some(id)).1,
                answer_within_ms: u64::try_from(rules.answer_within.as_millis()).unwrap_or(u64::MAX),
            };
            meters::measure_queue(&queue, longest.map_or(0.0, |since| now.since(since).as_secs_f64()));
            self.board.put_queue(&at, queue);
        }
        let figures = self.figures(now, waiting_in_all, talking_in_all);
        for (stage, count) in by_stage(self.calls.values().map(|seen| seen.stage)) {
            http::gauge("hotline_calls_open", &[("stage", stage)], count as f64);
        }
        for state in STATES {
            let count = figures.operators.get(state).copied().unwrap_or(0);
            http::gauge("hotline_operators", &[("state", state)], count as f64);
        }
        self.board.put_figures(&at, figures);
    }

    fn figures(&self, now: Moment, waiting: usize, talking: usize) -> Figures {
        let rules = &self.house.queue;
        let mut operators: BTreeMap<String, usize> = BTreeMap::new();
        for id in rules.operators.keys() {
            let state = self.operators.get(id).map_or("signed_out", |person| word(&person.state));
            *operators.entry(state.into()).or_default() += 1;
        }
        let of = &self.house.names;
        let category = |(id, count): (&String, &u64)| {
            let named = if of.choices.contains_key(id) { &of.choices } else { &of.queues };
            let (name, names) = called(&self.house, named, id);
            Category { id: id.clone(), name, names, count: *count }
        };
        let mut categories: Vec<Category> = self.day.categories.iter().map(category).collect();
        categories.retain(|category| category.count > 0);
        categories.sort_by(|one, other| other.count.cmp(&one.count).then_with(|| one.id.cmp(&other.id)));
        let all = self.day.all();
        let ledger = all.late.iter().filter(|(_, count)| **count > 0).map(|(cause, count)| {
            let cause = serde_json::to_value(cause).unwrap_or_default();
            (cause.as_str().unwrap_or_default().to_string(), *count)
        });
        let shortest = rules.queues.values().map(|queue| queue.answer_within).min().unwrap_or_default();
        Figures {
            offered: all.offered,
            answered: all.answered,
            answered_within: all.answered_within,
            abandoned: all.abandoned,
            waiting,
            longest_since: self.longest(None).map(|since| self.time(since)),
            service_level: all.service_level(ServiceLevel::Strict),
            service_level_15min: self.day.recent(now, None).1,
            goal: f64::from(self.house.web.goal) / 100.0,
            answer_within_ms: u64::try_from(shortest.as_millis()).unwrap_or(u64::MAX),
            talking,
            calls: self.calls.len(),
            operators,
            quarters: self.quarters(&self.day.quarters(), self.day.begins),
            yesterday: Some(self.quarters(&self.day.yesterday(), self.day.begins)),
            last_week: Some(self.quarters(&self.day.last_week, self.day.begins)),
            ledger: ledger.collect(),
            categories,
        }
    }

    /// Those of former days at the same times of today: so they lie over each other.
    fn quarters(&self, quarters: &Quarters, begins: Moment) -> Vec<Quarter> {
        let quarter = |(minute, counts): (&u32, &Contacts)| Quarter {
            at: self.time(begins + std::time::Duration::from_secs(u64::from(*minute) * 60)),
            minute: *minute,
            offered: counts.offered,
            answered: counts.answered,
            answered_within: counts.answered_within,
            abandoned: counts.abandoned,
        };
        quarters.iter().map(quarter).filter(|quarter| quarter.offered > 0).collect()
    }
}

/// How many are in each stage, those included in which nobody is, so that metrics fall to nothing again.
fn by_stage(calls: impl Iterator<Item = Stage>) -> BTreeMap<&'static str, usize> {
    let mut stages: BTreeMap<&'static str, usize> = Stage::ALL.iter().map(|of| (of.shown(), 0)).collect();
    for of in calls {
        *stages.entry(of.shown()).or_default() += 1;
    }
    stages
}

fn switched_to(flip: Option<&Flip>) -> &'static str {
    match flip.map(|flip| flip.to) {
        None | Some(SwitchTo::Auto) => "auto",
        Some(SwitchTo::Open) => "open",
        Some(SwitchTo::Closed) => "closed",
    }
}

/// How a line stands now.
#[derive(Clone, Copy, Default)]
struct Standing {
    waiting: usize,
    callbacks: usize,
    talking: usize,
    /// Since when the one waits who has waited longest.
    longest: Option<Moment>,
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn today(worked: &Contacts) -> Today {
    Today {
        answered: worked.answered,
        handled: worked.handled,
        talk_ms: millis(worked.talk),
        hold_ms: millis(worked.hold),
        wrap_up_ms: millis(worked.wrap_up),
        average_ms: millis(worked.talk).checked_div(worked.handled),
        average_handle_ms: worked.aht().map(millis),
        answered_within: worked.answered_within,
        service_level: worked.service_level(ServiceLevel::Strict),
        missed: worked.offers_no_answer,
    }
}

fn word(state: &OperatorState) -> &'static str {
    match state {
        OperatorState::SignedOut => "signed_out",
        OperatorState::NotReady { .. } => "not_ready",
        OperatorState::Ready => "ready",
        OperatorState::Offered { .. } => "offered",
        OperatorState::Reserved { .. } => "reserved",
        OperatorState::Talking { .. } => "talking",
        OperatorState::Holding { .. } => "holding",
        OperatorState::WrapUp { .. } => "wrap_up",
        OperatorState::Outbound => "outbound",
        OperatorState::Unreachable { .. } => "unreachable",
    }
}

fn reason(state: &OperatorState) -> Option<String> {
    match state {
        OperatorState::NotReady { reason } => Some(reason.to_string()),
        OperatorState::Unreachable { was } => reason(was),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_in_which_no_call_is_any_more_is_told_as_empty() {
        let before = by_stage([Stage::Conference, Stage::Menu, Stage::Arriving].into_iter());
        let after = by_stage(std::iter::empty());
        assert_eq!((before["conference"], before["menu"]), (1, 2));
        for stage in ["menu", "conference", "consulting", "ending", "lost", "onward", "callback"] {
            assert_eq!(after.get(stage), Some(&0), "{stage}");
        }
        assert!(before.keys().eq(after.keys()));
    }
}
