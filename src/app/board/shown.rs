//! What the board shows, in the words of the pages.

use std::collections::BTreeMap;

use super::day::{Quarters, Worked};
use super::keeper::{Keeper, Person};
use crate::app::switches::Flip;
use crate::app::web::called;
use crate::call::{Reached, Stage, SwitchTo};
use crate::config::Opening;
use crate::http::{
    self, CallNow, Category, Consulting, EmergencyNow, Figures, OperatorNow, Quarter, QueueNow, ScheduleNow,
    Supervised, Today,
};
use crate::ids::{CallId, OperatorId, QueueId, ScheduleId};
use crate::moment::Moment;
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
            match self.call(id) {
                Some(call) => {
                    let theirs = call.operator.iter().chain(&call.rung);
                    self.changed_operators.extend(theirs.map(|operator| OperatorId::from(operator.as_str())));
                    self.board.put_call(&at, call);
                }
                None => self.board.end_call(&at, &id.to_string()),
            }
        }
        for id in std::mem::take(&mut self.changed_operators) {
            if let Some(operator) = self.operator(&id) {
                self.board.put_operator(&at, operator);
                let worked = self.day.operators.get(&id).copied().unwrap_or_default();
                self.board.put_today(id.as_str(), today(worked, self.wrap_ups.of(&id)));
            }
        }
    }

    fn call(&self, id: CallId) -> Option<CallNow> {
        let seen = self.calls.get(&id)?;
        let record = &seen.record;
        // While a citizen is rung for a callback the engine knows the visit in which they asked for it.
        let contact = self.contacts.get(&id).or_else(|| self.contacts.get(&record.callback_of?));
        let time = |at: Option<Moment>| at.map(|at| self.time(at));
        let rung = seen.rings.first().filter(|_| seen.stage == Stage::Ringing);
        let talks = record.operator.as_ref().filter(|_| record.connected_at.is_some());
        let reached = |reached: Reached| if reached == Reached::Ringing { "ringing" } else { "talking" };
        Some(CallNow {
            id: id.to_string(),
            stage: stage(seen.stage).into(),
            since: self.time(seen.since),
            from: Some(record.from.clone()),
            to: record.to.clone(),
            language: record.language.clone(),
            choices: record.choices.clone(),
            queue: contact.map(|contact| &contact.queue).or(record.queue.as_ref()).map(ToString::to_string),
            arrived_at: self.time(record.arrived_at),
            queued_at: time(record.queued_at),
            connected_at: time(record.connected_at),
            rung: match seen.stage {
                Stage::Ringing => seen.rings.iter().map(|(operator, _)| operator.to_string()).collect(),
                _ => Vec::new(),
            },
            operator: rung.map(|(operator, _)| operator).or(talks).map(ToString::to_string),
            seat: rung.map(|(_, seat)| seat).or(record.seat.as_ref()).map(ToString::to_string),
            place: self.places.get(&id).copied(),
            why: contact.and_then(|contact| contact.why.clone()),
            consulting: seen
                .consulting
                .as_ref()
                .map(|consulted| Consulting { to: consulted.to.to_string(), stage: reached(consulted.stage).into() }),
            supervised_by: seen
                .supervisors
                .iter()
                .map(|one| Supervised { operator: one.operator.to_string(), mode: one.mode.word().into() })
                .collect(),
            emergency: seen
                .emergency
                .as_ref()
                .map(|target| EmergencyNow { target: target.id.clone(), stage: reached(target.stage).into() }),
            note: record.note.clone(),
            recording: seen.recorded.map(|paused| if paused { "paused" } else { "on" }.into()),
            digits: record.digits.clone(),
            callback_of: record.callback_of.map(|of| of.to_string()),
        })
    }

    fn operator(&self, id: &OperatorId) -> Option<OperatorNow> {
        let rules = self.house.queue.operators.get(id)?;
        let away = Person { seat: None, state: OperatorState::SignedOut, next: None, since: self.day.begins };
        let person = self.operators.get(id).unwrap_or(&away);
        let call = match &person.state {
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
        let Worked { answered, talk_ms, .. } = self.day.operators.get(id).copied().unwrap_or_default();
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
            queue: call.and_then(|call| self.contacts.get(&call)).map(|contact| contact.queue.to_string()),
            call: call.map(|call| call.to_string()),
            supervisor: rules.supervisor,
            answered,
            talk_ms,
            wrap_up_ms: self.wrap_ups.of(id),
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
        let (mut waiting_in_all, mut talking_in_all) = (0, 0);
        for (id, rules) in &self.house.queue.queues {
            let of = self.contacts.values().filter(|contact| contact.queue == *id);
            let (mut waiting, mut callbacks, mut talking) = (0, 0, 0);
            for contact in of {
                match (contact.talking, contact.callback) {
                    (true, _) => talking += 1,
                    (false, true) => callbacks += 1,
                    (false, false) => waiting += 1,
                }
            }
            waiting_in_all += waiting;
            talking_in_all += talking;
            let line = self.lines.get(id).map(|line| line.now);
            let counts = self.day.queues.get(id).copied().unwrap_or_default();
            let longest = self.longest(Some(id));
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
                service_level: counts.service_level(),
                service_level_15min: self.day.recent(now, Some(id)).service_level(),
                answer_within_ms: u64::try_from(rules.answer_within.as_millis()).unwrap_or(u64::MAX),
            };
            measure_queue(&queue, longest.map_or(0.0, |since| now.since(since).as_secs_f64()));
            self.board.put_queue(&at, queue);
        }
        let figures = self.figures(now, waiting_in_all, talking_in_all);
        let mut stages: BTreeMap<String, usize> = BTreeMap::new();
        for stage in ["menu", "waiting", "ringing", "talking", "holding"] {
            stages.insert(stage.into(), 0);
        }
        for seen in self.calls.values() {
            *stages.entry(stage(seen.stage).to_string()).or_default() += 1;
        }
        for (stage, count) in &stages {
            http::gauge("hotline_calls_open", &[("stage", stage)], *count as f64);
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
        let ledger = self.ledger.iter().map(|(cause, count)| {
            let cause = serde_json::to_value(cause).unwrap_or_default();
            (cause.as_str().unwrap_or_default().to_string(), *count)
        });
        let shortest = rules.queues.values().map(|queue| queue.answer_within).min().unwrap_or_default();
        Figures {
            offered: self.day.all.offered,
            answered: self.day.all.answered,
            answered_within: self.day.all.answered_within,
            abandoned: self.day.all.abandoned,
            waiting,
            longest_since: self.longest(None).map(|since| self.time(since)),
            service_level: self.day.all.service_level(),
            service_level_15min: self.day.recent(now, None).service_level(),
            goal: f64::from(self.house.web.goal) / 100.0,
            answer_within_ms: u64::try_from(shortest.as_millis()).unwrap_or(u64::MAX),
            talking,
            calls: self.calls.len(),
            operators,
            quarters: self.quarters(&self.day.quarters, self.day.begins),
            yesterday: Some(self.quarters(&self.day.yesterday, self.day.begins)),
            last_week: Some(self.quarters(&self.day.last_week, self.day.begins)),
            ledger: ledger.collect(),
            categories,
        }
    }

    /// Those of former days at the same times of today: so they lie over each other.
    fn quarters(&self, quarters: &Quarters, begins: Moment) -> Vec<Quarter> {
        let quarter = |(minute, counts): (&u32, &super::day::Counts)| Quarter {
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

fn switched_to(flip: Option<&Flip>) -> &'static str {
    match flip.map(|flip| flip.to) {
        None | Some(SwitchTo::Auto) => "auto",
        Some(SwitchTo::Open) => "open",
        Some(SwitchTo::Closed) => "closed",
    }
}

/// `wrap_up_ms`: of those that ended.
fn today(worked: Worked, wrap_up_ms: u64) -> Today {
    let Worked { answered, answered_within, talk_ms, hold_ms, missed } = worked;
    let average_ms = talk_ms.checked_div(answered);
    let average_handle_ms = (talk_ms + wrap_up_ms).checked_div(answered);
    let service_level = (answered > 0).then(|| answered_within as f64 / answered as f64);
    Today {
        answered,
        talk_ms,
        hold_ms,
        wrap_up_ms,
        average_ms,
        average_handle_ms,
        answered_within,
        service_level,
        missed,
    }
}

fn measure_queue(queue: &QueueNow, longest: f64) {
    let of = [("queue", queue.id.as_str())];
    http::gauge("hotline_queue_waiting", &of, queue.waiting as f64);
    http::gauge("hotline_queue_longest_wait_seconds", &of, longest);
    http::gauge("hotline_queue_ready", &of, f64::from(queue.ready));
    http::gauge("hotline_queue_open", &of, if queue.open { 1.0 } else { 0.0 });
    if let Some(level) = queue.service_level {
        http::gauge("hotline_service_level", &of, level);
    }
}

/// What a call is in, as the pages call it.
fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Arriving | Stage::Menu | Stage::Announcement => "menu",
        Stage::Waiting => "waiting",
        Stage::Ringing => "ringing",
        Stage::Talking => "talking",
        Stage::Holding => "holding",
        Stage::Consulting => "consulting",
        Stage::Conference => "conference",
        Stage::Lost => "lost",
        Stage::HandedOff | Stage::Onward => "onward",
        Stage::Message => "message",
        Stage::Survey => "survey",
        Stage::Dialling => "callback",
        Stage::Over => "ending",
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
