//! Penalties as levels of a skill: the smaller the penalty, the higher the level.

use std::collections::{BTreeMap, BTreeSet};

use super::queues::{NO_LIMIT, PenaltyChange};

const BEST: u32 = 10;

/// The penalties of one queue's members, and the level that stands for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Levels {
    /// Ascending.
    levels: BTreeMap<u32, u32>,
    /// There are more than ten different ones: the worst share a level.
    pub crowded: bool,
}

/// What the operator must have from a time on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    pub after_s: u64,
    pub need: String,
}

impl Levels {
    pub fn of(penalties: impl IntoIterator<Item = u32>) -> Levels {
        let all: BTreeSet<u32> = penalties.into_iter().collect();
        // Where they are small numbers a level says which it was: 10 - penalty.
        let plain = all.last().is_none_or(|worst| *worst < BEST);
        let level = |(index, penalty): (usize, u32)| {
            let down = if plain { penalty } else { u32::try_from(index).unwrap_or(BEST) };
            (penalty, BEST.saturating_sub(down).max(1))
        };
        Levels { crowded: all.len() > BEST as usize, levels: all.into_iter().enumerate().map(level).collect() }
    }

    pub fn level(&self, penalty: u32) -> u32 {
        self.levels.get(&penalty).copied().unwrap_or(BEST)
    }

    /// Levels above the lowest, the highest first: who has one is preferred to who has not.
    pub fn preferred(&self) -> Vec<u32> {
        let levels: BTreeSet<u32> = self.levels.values().copied().collect();
        levels.into_iter().skip(1).rev().collect()
    }

    /// The need for penalties between two limits. `None`: nobody of the members has such a penalty.
    fn need(&self, skill: &str, min: u32, max: u32) -> Option<String> {
        let within: Vec<u32> =
            self.levels.iter().filter(|(penalty, _)| (min..=max).contains(penalty)).map(|(_, level)| *level).collect();
        let (least, most) = (within.iter().min()?, within.iter().max()?);
        let lowest = self.levels.values().min()?;
        let floor = if least == lowest { 1 } else { *least };
        let better = self.levels.values().any(|level| level > most);
        if better {
            Some(format!("{skill} >= {floor} and not {skill} >= {}", most + 1))
        } else {
            Some(format!("{skill} >= {floor}"))
        }
    }

    /// The need when the caller comes, and what it becomes by the rule. Changes that change nothing are left out, and
    /// so are those that would leave nobody.
    pub fn stages(&self, skill: &str, max: Option<u32>, rule: &[PenaltyChange]) -> Vec<Stage> {
        let (mut min, mut max) = (0, max.unwrap_or(NO_LIMIT));
        let first = self.need(skill, min, max).unwrap_or_else(|| format!("{skill} >= 1"));
        let mut stages = vec![Stage { after_s: 0, need: first }];
        for change in rule {
            max = change.max.map_or(max, |shift| shift.of(max));
            min = change.min.map_or(min, |shift| shift.of(min));
            let Some(need) = self.need(skill, min, max) else { continue };
            match stages.last_mut() {
                Some(last) if last.need == need => {}
                Some(last) if last.after_s == change.after_s => last.need = need,
                _ => stages.push(Stage { after_s: change.after_s, need }),
            }
        }
        stages
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migration::Place;
    use crate::migration::asterisk::queues::Shift;

    fn change(after_s: u64, max: Option<Shift>, min: Option<Shift>) -> PenaltyChange {
        PenaltyChange { after_s, max, min, at: Place { file: "queuerules.conf".into(), line: 1 } }
    }

    fn stages(penalties: &[u32], max: Option<u32>, rule: &[PenaltyChange]) -> Vec<String> {
        let levels = Levels::of(penalties.iter().copied());
        levels
            .stages("sales", max, rule)
            .into_iter()
            .map(|stage| format!("{}s {}", stage.after_s, stage.need))
            .collect()
    }

    #[test]
    fn penalties_become_levels_and_rising_limits_become_steps() {
        let levels = Levels::of([0, 1, 5]);
        assert_eq!((levels.level(0), levels.level(1), levels.level(5)), (10, 9, 5));
        assert_eq!(levels.preferred(), [10, 9]);
        assert_eq!(Levels::of([3]).preferred(), [0_u32; 0], "all alike");
        let far = Levels::of([0, 10, 200]);
        assert_eq!((far.level(0), far.level(10), far.level(200), far.crowded), (10, 9, 8, false));
        assert!(Levels::of(0..12).crowded);

        let by = |n| Some(Shift::By(n));
        assert_eq!(
            stages(&[0, 1, 5], None, &[change(30, by(2), None)]),
            ["0s sales >= 1"],
            "there is no limit to raise"
        );
        let rule = [change(30, by(1), None), change(40, by(1), None), change(60, Some(Shift::To(9)), None)];
        assert_eq!(stages(&[0, 1, 5], Some(0), &rule), ["0s sales >= 10", "30s sales >= 9", "60s sales >= 1"]);
        let rule = [change(0, Some(Shift::To(1)), None), change(20, by(4), Some(Shift::To(1)))];
        assert_eq!(stages(&[0, 1, 5], None, &rule), ["0s sales >= 9", "20s sales >= 1 and not sales >= 10"]);
    }
}
