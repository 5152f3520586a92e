//! One greeting, one choice: prompts, then a key, or what no key means.

use std::collections::VecDeque;

use super::words::{Action, Menu};
use crate::moment::Moment;

#[derive(Clone, Debug)]
pub struct MenuMachine {
    menu: Menu,
    state: State,
    tries: u8,
    actions: VecDeque<Action>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The prompts play; any key stops them.
    Playing {
        token: u64,
    },
    /// They were heard to the end: a key is awaited.
    Awaiting {
        until: Moment,
    },
    Done,
}

impl MenuMachine {
    pub fn new(menu: &Menu) -> Self {
        Self { menu: menu.clone(), state: State::Done, tries: 0, actions: VecDeque::new() }
    }

    pub fn start(&mut self, _now: Moment) {
        self.tries = 0;
        self.play();
    }

    fn play(&mut self) {
        let token = u64::from(self.tries) + 1;
        self.state = State::Playing { token };
        self.actions.push_back(Action::Play { token, prompts: self.menu.prompts.clone(), looped: None });
    }

    /// A key counts at any time, also in the middle of a prompt.
    pub fn key(&mut self, _now: Moment, key: char) {
        if self.state == State::Done {
            return;
        }
        if self.menu.choices.contains_key(&key) {
            return self.choose(Some(key));
        }
        if self.tries >= self.menu.retries {
            return self.choose(None);
        }
        self.tries += 1;
        self.play();
    }

    pub fn played(&mut self, now: Moment, token: u64) {
        if self.state == (State::Playing { token }) {
            self.state = State::Awaiting { until: now + self.menu.timeout };
        }
    }

    pub fn handle_deadline(&mut self, now: Moment) {
        if let State::Awaiting { until } = self.state
            && until <= now
        {
            self.choose(None);
        }
    }

    pub fn next_deadline(&self) -> Option<Moment> {
        match self.state {
            State::Awaiting { until } => Some(until),
            State::Playing { .. } | State::Done => None,
        }
    }

    pub fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    fn choose(&mut self, key: Option<char>) {
        self.state = State::Done;
        let choice = key.and_then(|key| self.menu.choices.get(&key)).unwrap_or(&self.menu.default).clone();
        self.actions.push_back(Action::Chosen { choice, keys: key.map(String::from).unwrap_or_default() });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ids::{Language, Prompt};
    use crate::ivr::Choice;

    fn menu() -> Menu {
        let choice = |queue: &str, language| Choice { queue: queue.into(), language };
        Menu {
            prompts: vec![Prompt::spoken(Language::ZH, "greeting"), Prompt::spoken(Language::EN, "greeting")],
            choices: [('1', choice("citizen", Language::ZH)), ('2', choice("english", Language::EN))].into(),
            default: choice("citizen", Language::ZH),
            timeout: Duration::from_secs(5),
            retries: 1,
        }
    }

    fn at(seconds: u64) -> Moment {
        Moment::from_micros(seconds * 1_000_000)
    }

    /// Runs a story of `second:event` and returns what was chosen with which keys, and how often it played.
    fn check(story: &str) -> (Option<(String, String)>, usize) {
        let mut machine = MenuMachine::new(&menu());
        machine.start(at(0));
        let (mut chosen, mut plays) = (None, 0);
        for step in story.split_whitespace() {
            let (second, event) = step.split_once(':').unwrap();
            let now = at(second.parse().unwrap());
            if machine.next_deadline().is_some_and(|due| due <= now) {
                machine.handle_deadline(now);
            }
            match event {
                "end" => machine.played(now, plays as u64),
                "stale" => machine.played(now, 99),
                "-" => machine.handle_deadline(now),
                key => machine.key(now, key.chars().next().unwrap()),
            }
            while let Some(action) = machine.poll() {
                match action {
                    Action::Play { token, prompts, looped: None } => {
                        plays += 1;
                        assert_eq!((token, prompts.len()), (plays as u64, 2));
                    }
                    Action::Chosen { choice, keys } => {
                        assert!(chosen.is_none(), "chosen twice");
                        chosen = Some((choice.queue.to_string(), keys));
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
        (chosen, plays)
    }

    #[test]
    fn one_choice_at_most() {
        let table = [
            ("1:1", Some(("citizen", "1")), 1),
            ("1:2", Some(("english", "2")), 1),
            ("1:2 2:1 3:1", Some(("english", "2")), 1),
            ("1:- 9:end 13:- 14:-", Some(("citizen", "")), 1),
            ("9:end 13:-", None, 1),
            ("9:end 13:2", Some(("english", "2")), 1),
            ("1:stale 30:-", None, 1),
            ("1:9 2:2", Some(("english", "2")), 2),
            ("1:9 2:9", Some(("citizen", "")), 2),
            ("1:# 2:end 7:-", Some(("citizen", "")), 2),
        ];
        for (story, chosen, plays) in table {
            let chosen = chosen.map(|(queue, keys)| (queue.to_string(), keys.to_string()));
            // The first `Play` comes with the first event.
            assert_eq!(check(story), (chosen, plays), "{story}");
        }
    }
}
