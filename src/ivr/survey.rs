//! The survey after the talk: one question, one key, a word of thanks.

use std::collections::VecDeque;

use super::words::{Action, Survey};
use crate::ids::{Language, Prompt, PromptName};
use crate::moment::Moment;

#[derive(Clone, Debug)]
pub struct SurveyMachine {
    survey: Survey,
    language: Language,
    state: State,
    tries: u8,
    actions: VecDeque<Action>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The question plays; a key stops it.
    Asking {
        token: u64,
    },
    /// It was heard to the end: a key is awaited.
    Awaiting {
        until: Moment,
    },
    Thanking {
        token: u64,
    },
    Done,
}

impl SurveyMachine {
    pub fn new(survey: &Survey, language: Language) -> Self {
        Self { survey: survey.clone(), language, state: State::Done, tries: 0, actions: VecDeque::new() }
    }

    pub fn start(&mut self, _now: Moment) {
        self.ask();
    }

    fn ask(&mut self) {
        let token = self.play(self.survey.question.clone());
        self.state = State::Asking { token };
    }

    /// A key counts at any time, also in the middle of the question; the first answer stays.
    pub fn key(&mut self, _now: Moment, key: char) {
        if !matches!(self.state, State::Asking { .. } | State::Awaiting { .. }) {
            return;
        }
        if let Some(answer) = self.survey.answers.get(&key) {
            self.actions.push_back(Action::Scored { score: answer.score });
            self.tries += 1;
            let token = self.play(self.survey.thanks.clone());
            self.state = State::Thanking { token };
        } else if self.tries < self.survey.retries {
            self.tries += 1;
            self.ask();
        } else {
            self.end();
        }
    }

    pub fn played(&mut self, now: Moment, token: u64) {
        match self.state {
            State::Asking { token: current } if current == token => {
                self.state = State::Awaiting { until: now + self.survey.timeout };
            }
            State::Thanking { token: current } if current == token => self.end(),
            _ => {}
        }
    }

    pub fn handle_deadline(&mut self, now: Moment) {
        if let State::Awaiting { until } = self.state
            && until <= now
        {
            self.end();
        }
    }

    pub fn next_deadline(&self) -> Option<Moment> {
        match self.state {
            State::Awaiting { until } => Some(until),
            State::Asking { .. } | State::Thanking { .. } | State::Done => None,
        }
    }

    pub fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    fn play(&mut self, name: PromptName) -> u64 {
        let token = u64::from(self.tries) + 1;
        let prompts = vec![Prompt::spoken(self.language, name)];
        self.actions.push_back(Action::Play { token, prompts, looped: None });
        token
    }

    fn end(&mut self) {
        self.state = State::Done;
        self.actions.push_back(Action::SurveyOver);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ivr::Answer;

    /// Runs a story of `second:event`; what was played and said, in order.
    fn check(story: &str) -> String {
        let answer = |score| Answer { score, label: String::new() };
        let survey = Survey {
            question: "survey".into(),
            thanks: "survey_thanks".into(),
            answers: [('1', answer(4)), ('4', answer(1))].into(),
            timeout: Duration::from_secs(8),
            retries: 1,
            queues: Default::default(),
        };
        let mut machine = SurveyMachine::new(&survey, Language::ZH);
        let at = |second: u64| Moment::from_micros(second * 1_000_000);
        machine.start(at(0));
        let (mut told, mut last) = (Vec::new(), 0);
        for step in std::iter::once("0:stale").chain(story.split_whitespace()) {
            let (second, event) = step.split_once(':').unwrap();
            let now = at(second.parse().unwrap());
            if machine.next_deadline().is_some_and(|due| due <= now) {
                machine.handle_deadline(now);
            }
            match event {
                "end" => machine.played(now, last),
                "stale" => machine.played(now, 99),
                "-" => machine.handle_deadline(now),
                key => machine.key(now, key.chars().next().unwrap()),
            }
            while let Some(action) = machine.poll() {
                told.push(match action {
                    Action::Play { token, prompts, looped: None } => {
                        last = token;
                        prompts[0].to_string()
                    }
                    Action::Scored { score } => score.to_string(),
                    Action::SurveyOver => "over".into(),
                    other => panic!("{other:?}"),
                });
            }
        }
        told.join(" ")
    }

    #[test]
    fn one_question_and_one_key() {
        let table = [
            ("5:end 6:1 8:end", "zh/survey 4 zh/survey_thanks over"),
            ("1:4 3:end", "zh/survey 1 zh/survey_thanks over"),
            ("1:4 2:1 3:4 4:end", "zh/survey 1 zh/survey_thanks over"),
            ("5:end 12:- 13:-", "zh/survey over"),
            ("5:end 12:-", "zh/survey"),
            ("5:end 12:- 13:1", "zh/survey over"),
            ("1:9 2:1 3:end", "zh/survey zh/survey 4 zh/survey_thanks over"),
            ("1:9 2:9 3:9", "zh/survey zh/survey over"),
            ("1:9 5:end 13:-", "zh/survey zh/survey over"),
            ("1:1 2:stale 9:-", "zh/survey 4 zh/survey_thanks"),
        ];
        for (story, told) in table {
            assert_eq!(check(story), told, "{story}");
        }
    }
}
