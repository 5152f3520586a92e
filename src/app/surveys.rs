//! What callers answered after their talks, counted from the records.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::config;
use crate::ids::{OperatorId, QueueId};
use crate::moment::Moment;
use crate::queue::statistics::Of;
use crate::records::{Range, ReadFault, read};

/// Where the files name no scale.
const USUAL_TOP: u8 = 4;

/// Every talk of a time.
pub struct Surveys {
    talks: Vec<Talk>,
    /// The best score there is.
    top: u8,
}

struct Talk {
    arrived_at: Moment,
    queue: Option<QueueId>,
    operator: Option<OperatorId>,
    score: Option<u8>,
}

/// The answers of one name and one time.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Answers {
    pub talks: u64,
    pub answered: u64,
    /// Scores in the upper half of the scale: 3 and 4 of 4, or 4 and 5 of 5.
    pub satisfied: u64,
    pub scores: BTreeMap<u8, u64>,
}

impl Answers {
    pub fn satisfied_share(&self) -> Option<f64> {
        (self.answered > 0).then(|| self.satisfied as f64 / self.answered as f64)
    }
}

impl Surveys {
    pub fn read(data: &Path, files: &Path, range: Range) -> Result<Self, ReadFault> {
        let mut talks = Vec::new();
        read(data, range, |record| {
            // An operator who spoke with somebody beside a talk was no caller.
            if record.connected_at.is_some() && !record.is_second_line() {
                let (arrived_at, score) = (record.arrived_at, record.survey);
                talks.push(Talk { arrived_at, queue: record.queue, operator: record.operator, score });
            }
            Ok(())
        })?;
        let survey = config::load(files).ok().and_then(|(house, _)| house.ivr.survey);
        let top = survey.and_then(|survey| survey.answers.values().map(|answer| answer.score).max());
        Ok(Self { talks, top: top.unwrap_or(USUAL_TOP) })
    }

    pub fn answers(&self, of: &Of, from: Moment, to: Moment) -> Answers {
        let mut answers = Answers::default();
        let is_of = |talk: &&Talk| match of {
            Of::House => true,
            Of::Queue(queue) => talk.queue.as_ref() == Some(queue),
            Of::Operator(operator) => talk.operator.as_ref() == Some(operator),
            Of::Skill(_) => false,
        };
        for talk in self.talks.iter().filter(|talk| from <= talk.arrived_at && talk.arrived_at < to).filter(is_of) {
            answers.talks += 1;
            if let Some(score) = talk.score {
                answers.answered += 1;
                answers.satisfied += u64::from(u16::from(score) * 2 > u16::from(self.top) + 1);
                *answers.scores.entry(score).or_default() += 1;
            }
        }
        answers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_upper_half_of_the_scale_is_satisfied() {
        let at = |second: u64| Moment::from_micros(second * 1_000_000);
        let talk = |second, queue: &str, score| Talk {
            arrived_at: at(second),
            queue: Some(queue.into()),
            operator: Some("1001".into()),
            score,
        };
        let talks = |top| Surveys {
            talks: vec![
                talk(1, "a", Some(4)),
                talk(2, "a", Some(3)),
                talk(3, "a", None),
                talk(4, "b", Some(1)),
                talk(9, "b", Some(4)),
            ],
            top,
        };
        let figures = |answers: Answers| (answers.talks, answers.answered, answers.satisfied);
        let (a, house) = (Of::Queue("a".into()), Of::House);
        assert_eq!(figures(talks(4).answers(&house, at(1), at(9))), (4, 3, 2), "until 9 is not included");
        assert_eq!(figures(talks(4).answers(&a, at(0), at(10))), (3, 2, 2));
        assert_eq!(figures(talks(5).answers(&a, at(0), at(10))), (3, 2, 1));
        assert_eq!(talks(4).answers(&a, at(0), at(10)).satisfied_share(), Some(1.0));
        assert_eq!(figures(talks(4).answers(&Of::Operator("1002".into()), at(0), at(10))), (0, 0, 0));
    }
}
