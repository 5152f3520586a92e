//! How operators spend their time. While the house is away they spend none, but wrap-up goes on: it ends when it would
//! have ended.

use std::time::Duration;

use super::figures::Contacts;
use super::{INTERVAL, Of, Statistics};
use crate::ids::OperatorId;
use crate::moment::Moment;
use crate::queue::OperatorState;

impl Statistics {
    fn away_between(&self, from: Moment, until: Moment) -> Duration {
        self.away.iter().map(|(went, back)| until.min(*back).since(from.max(*went))).sum()
    }

    pub(super) fn changed(&mut self, at: Moment, operator: &OperatorId, state: &OperatorState) {
        let before = self.doing.insert(operator.clone(), (at, state.clone()));
        if *state == OperatorState::SignedOut {
            self.doing.remove(operator);
        }
        let Some((since, was)) = before else { return };
        // Wrap-up that was over while the house was away is told when it is back.
        let at = if let OperatorState::WrapUp { until } = was { at.min(until.max(since)) } else { at };
        if let OperatorState::WrapUp { .. } = was {
            let wrap_up = at.since(since);
            let count = |figures: &mut Contacts| figures.wrap_up += wrap_up;
            self.of_operator(operator, at, count);
            if let Some((queue, entered)) = self.last_queue.get(operator).cloned() {
                self.count(Of::House, entered, &count);
                self.of_queue(&queue, entered, count);
            }
        }
        if self.running.is_some() {
            return;
        }
        let mut from = since;
        while from < at {
            let interval = Self::interval(from);
            let until = at.min(interval + INTERVAL);
            let away = match was {
                OperatorState::WrapUp { .. } => Duration::ZERO,
                _ => self.away_between(from, until),
            };
            self.spend(operator, interval, &was, until.since(from).saturating_sub(away));
            from = until;
        }
    }

    fn spend(&mut self, operator: &OperatorId, interval: Moment, state: &OperatorState, time: Duration) {
        let mut spend = |of: Of| {
            let presence = self.presence.entry((of, interval)).or_default();
            match state {
                OperatorState::SignedOut => {}
                OperatorState::Ready => presence.ready += time,
                OperatorState::NotReady { reason } => *presence.not_ready.entry(reason.clone()).or_default() += time,
                OperatorState::WrapUp { .. } => presence.wrap_up += time,
                OperatorState::Outbound => presence.outbound += time,
                OperatorState::Unreachable { .. } => presence.unreachable += time,
                OperatorState::Offered { .. }
                | OperatorState::Reserved { .. }
                | OperatorState::Talking { .. }
                | OperatorState::Holding { .. } => presence.busy += time,
            }
        };
        spend(Of::House);
        spend(Of::Operator(operator.clone()));
        for skill in self.skills.get(operator).into_iter().flatten() {
            spend(Of::Skill(skill.clone()));
        }
    }
}
