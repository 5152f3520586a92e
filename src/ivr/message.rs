//! A message instead of an operator: a request, a tone, the caller's words.

use std::collections::VecDeque;
use std::time::Duration;

use super::words::{Action, BEEP};
use crate::ids::{Language, Prompt};
use crate::moment::Moment;

/// Asks for the message, and how it is ended.
pub(super) const LEAVE: &str = "message_leave";
/// Whoever has not said it by then says it to nobody: somebody has to listen to it.
const LONGEST: Duration = Duration::from_secs(180);
/// Ends the message.
const END: char = '#';

#[derive(Clone, Debug)]
pub struct MessageMachine {
    language: Language,
    state: State,
    actions: VecDeque<Action>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The request and the tone play.
    Asking,
    Recording {
        until: Moment,
    },
    Done,
}

impl MessageMachine {
    const REQUEST: u64 = 1;

    pub fn new(language: Language) -> Self {
        Self { language, state: State::Done, actions: VecDeque::new() }
    }

    pub fn start(&mut self, _now: Moment) {
        let prompts = vec![Prompt::spoken(self.language, LEAVE), Prompt::plain(BEEP)];
        self.state = State::Asking;
        self.actions.push_back(Action::Play { token: Self::REQUEST, prompts, looped: None });
    }

    pub fn played(&mut self, now: Moment, token: u64) {
        if self.state == State::Asking && token == Self::REQUEST {
            self.state = State::Recording { until: now + LONGEST };
            self.actions.push_back(Action::Record);
        }
    }

    /// Before the tone keys say nothing: there is no message yet that could be ended.
    pub fn key(&mut self, _now: Moment, key: char) {
        if key == END && matches!(self.state, State::Recording { .. }) {
            self.end();
        }
    }

    pub fn handle_deadline(&mut self, now: Moment) {
        if let State::Recording { until } = self.state
            && until <= now
        {
            self.end();
        }
    }

    pub fn next_deadline(&self) -> Option<Moment> {
        match self.state {
            State::Recording { until } => Some(until),
            State::Asking | State::Done => None,
        }
    }

    pub fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    fn end(&mut self) {
        self.state = State::Done;
        self.actions.push_back(Action::Recorded);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::from_micros(seconds * 1_000_000)
    }

    /// Runs a story of `second:event`; when recording began and ended, by the second.
    fn check(story: &str) -> Vec<(u64, &'static str)> {
        let mut machine = MessageMachine::new(Language::EN);
        machine.start(at(0));
        let mut told = Vec::new();
        for step in story.split_whitespace() {
            let (second, event) = step.split_once(':').unwrap();
            let second: u64 = second.parse().unwrap();
            match event {
                "end" => machine.played(at(second), MessageMachine::REQUEST),
                "stale" => machine.played(at(second), 9),
                "-" => machine.handle_deadline(at(second)),
                key => machine.key(at(second), key.chars().next().unwrap()),
            }
            while let Some(action) = machine.poll() {
                match action {
                    Action::Play { prompts, looped: None, .. } => {
                        let names: Vec<String> = prompts.iter().map(Prompt::to_string).collect();
                        assert_eq!(names, ["en/message_leave", "beep"]);
                    }
                    Action::Record => told.push((second, "begins")),
                    Action::Recorded => told.push((second, "ends")),
                    other => panic!("{other:?}"),
                }
            }
        }
        told
    }

    #[test]
    fn the_message_begins_after_the_tone_and_ends_once() {
        assert_eq!(check("3:end 20:#"), [(3, "begins"), (20, "ends")]);
        assert_eq!(check("3:end 20:# 21:# 400:-"), [(3, "begins"), (20, "ends")]);
        assert_eq!(check("3:end 182:- 183:-"), [(3, "begins"), (183, "ends")]);
        assert_eq!(check("1:# 2:stale 3:end 4:5"), [(3, "begins")]);
        assert_eq!(check("1:# 500:-"), []);
    }
}
