//! How long operators were in wrap-up today: a fold over their states, as the engine says them.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ids::OperatorId;
use crate::moment::Moment;
use crate::queue::OperatorState;

#[derive(Default)]
pub struct WrapUps {
    begins: Moment,
    ended: BTreeMap<OperatorId, Duration>,
    since: BTreeMap<OperatorId, Moment>,
}

impl WrapUps {
    /// Counts from `begins` on; whoever is in wrap-up stays in it.
    pub fn begin(&mut self, begins: Moment) {
        self.begins = begins;
        self.ended.clear();
    }

    /// An operator is in this state now.
    pub fn saw(&mut self, at: Moment, operator: &OperatorId, state: &OperatorState) {
        if matches!(state, OperatorState::WrapUp { .. }) {
            self.since.entry(operator.clone()).or_insert(at);
        } else if let Some(since) = self.since.remove(operator) {
            *self.ended.entry(operator.clone()).or_default() += at.since(since.max(self.begins));
        }
    }

    /// In milliseconds, those that ended.
    pub fn of(&self, operator: &OperatorId) -> u64 {
        let ended = self.ended.get(operator).copied().unwrap_or_default();
        u64::try_from(ended.as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_before_the_day_is_not_of_the_day() {
        let at = |second: u64| Moment::from_micros(second * 1_000_000);
        let (anna, boris) = (OperatorId::from("anna"), OperatorId::from("boris"));
        let wraps = OperatorState::WrapUp { until: at(0) };
        let mut day = WrapUps::default();
        day.begin(at(100));
        for (when, operator, state) in [
            (40, &boris, &wraps),
            (50, &boris, &OperatorState::Ready),
            (90, &anna, &wraps),
            (95, &anna, &wraps),
            (110, &anna, &OperatorState::Ready),
            (120, &anna, &OperatorState::Ready),
            (130, &anna, &wraps),
            (135, &anna, &OperatorState::SignedOut),
            (190, &boris, &wraps),
        ] {
            day.saw(at(when), operator, state);
        }
        assert_eq!((day.of(&anna), day.of(&boris)), (15_000, 0));
        day.begin(at(200));
        day.saw(at(207), &boris, &OperatorState::Ready);
        assert_eq!((day.of(&anna), day.of(&boris)), (0, 7_000));
    }
}
