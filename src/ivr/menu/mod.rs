//! The walk through the menus: what is said at each node, which keys count, and where it leads at last.
//!
//! What it cannot know (is a schedule open, how is a line, what does a program elsewhere say) it asks for.

mod branch;
mod digits;
mod lists;
#[cfg(test)]
mod tests;
mod words;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

pub use lists::{Numbers, normal};
pub use words::*;

use super::languages::Languages;
use super::speech;
use super::words::{Action, Settings};
use crate::ids::{Language, MenuId, Prompt};
use crate::moment::Moment;
use digits::Entering;

/// Nodes that one call goes through; who is still in the menus then is led to the fallback queue. Callers who press
/// keys for the fun of it end somewhere, and so does a circle that no check found.
pub const MAX_STEPS: usize = 500;
/// Nodes that a record names, and that `back` leads back through.
const MAX_PATH: usize = 64;
/// Keys of one call that are written in its record; somebody may press one key for hours.
const MAX_KEYS: usize = 32;

/// Who walks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Visitor {
    pub from: String,
    pub to: String,
}

#[derive(Clone, Debug)]
pub struct Walker {
    menus: Arc<Menus>,
    languages: Languages,
    /// Heard while a program elsewhere is asked.
    music: Prompt,
    visitor: Visitor,
    language: Language,
    state: State,
    /// Counts what is played, and what is asked for.
    token: u64,
    steps: usize,
    path: Vec<MenuId>,
    /// Nodes at which the caller pressed something, for `back`.
    pressed_at: Vec<MenuId>,
    keys: String,
    typed: BTreeMap<String, Typed>,
    /// Digits were complete before the key that ends them came: so long it says nothing.
    spent: Option<(char, Moment)>,
    /// What was answered at the branch that is being looked at.
    told: Vec<Answer>,
    actions: VecDeque<Action>,
}

#[derive(Clone, Debug)]
enum State {
    Menu {
        menu: MenuId,
        tries: u8,
        listens: Listens,
    },
    Digits(Entering),
    Saying {
        token: u64,
        to_the_end: bool,
        then: Destination,
    },
    /// An answer is awaited.
    Branch {
        branch: MenuId,
    },
    Hook {
        hook: MenuId,
        number: u64,
        until: Moment,
    },
    /// Led on, out of the menus.
    Left(To),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listens {
    /// The prompts play; keys count.
    Playing { token: u64 },
    /// They were heard to the end: a key is awaited.
    Awaiting { until: Moment },
}

impl Walker {
    pub fn new(settings: &Settings, visitor: Visitor, language: Language) -> Self {
        Self {
            menus: Arc::clone(&settings.menus),
            languages: settings.languages.clone(),
            music: settings.waiting.music.clone(),
            visitor,
            language,
            state: State::Left(To::HangUp),
            token: 0,
            steps: 0,
            path: Vec::new(),
            pressed_at: Vec::new(),
            keys: String::new(),
            typed: BTreeMap::new(),
            spent: None,
            told: Vec::new(),
            actions: VecDeque::new(),
        }
    }

    pub fn start(&mut self, now: Moment, destination: &Destination) {
        self.lead(now, destination);
    }

    /// The call went through menus before, and pressed these keys: its nodes count on, and what it chose is remembered.
    pub fn goes_on_from(&mut self, former: Option<Walker>, keys: &str) {
        keys.clone_into(&mut self.keys);
        if let Some(Walker { token, steps, path, typed, .. }) = former {
            (self.token, self.steps, self.path, self.typed) = (token, steps, path, typed);
        }
    }

    pub fn visitor(&self) -> &Visitor {
        &self.visitor
    }

    /// A key counts at any time, also in the middle of a prompt.
    pub fn key(&mut self, now: Moment, key: char) {
        if self.spent.take().is_some_and(|(spent, until)| spent == key && now <= until) {
            return;
        }
        match &mut self.state {
            State::Menu { menu, tries, .. } => {
                let (menu, tries) = (menu.clone(), *tries);
                self.key_in_menu(now, &menu, tries, key);
            }
            State::Digits(entering) => {
                let step = entering.key(now, key);
                let whole = matches!(step, digits::Step::Done(_)) && key.is_ascii_digit();
                self.spent = entering.terminator.filter(|_| whole).map(|key| (key, now + entering.between));
                self.go_on_typing(now, step);
            }
            State::Saying { to_the_end: false, then, .. } => {
                let then = then.clone();
                // What follows may be waiting for just this key.
                self.lead(now, &then);
                self.key(now, key);
            }
            State::Saying { .. } | State::Branch { .. } | State::Hook { .. } | State::Left(_) => {}
        }
    }

    pub fn played(&mut self, now: Moment, of: u64) {
        match &mut self.state {
            State::Menu { menu, listens, .. } if *listens == (Listens::Playing { token: of }) => {
                if let Some(Node::Menu(menu)) = self.menus.nodes.get(menu) {
                    *listens = Listens::Awaiting { until: now + menu.timeout };
                }
            }
            State::Digits(entering) => entering.played(now, of),
            State::Saying { token, then, .. } if *token == of => {
                let then = then.clone();
                self.lead(now, &then);
            }
            _ => {}
        }
    }

    /// The answer to [`Action::Ask`].
    pub fn answered(&mut self, now: Moment, answer: Answer) {
        if let State::Branch { branch } = &self.state {
            let branch = branch.clone();
            self.told.push(answer);
            self.look(now, &branch);
        }
    }

    /// The answer to [`Action::CallOut`]; `None`: there is none.
    /// Whether this is the answer that is awaited.
    pub fn expects(&self, number: u64) -> bool {
        matches!(&self.state, State::Hook { number: awaited, .. } if *awaited == number)
    }

    pub fn replied(&mut self, now: Moment, number: u64, reply: Option<Reply>) {
        if !self.expects(number) {
            return;
        }
        let State::Hook { hook, .. } = &self.state else { return };
        let menus = Arc::clone(&self.menus);
        let Some(Node::Hook(hook)) = menus.nodes.get(hook) else { return self.astray(now) };
        let Some(reply) = reply else { return self.lead(now, &hook.otherwise) };
        let case = reply.case.as_ref().and_then(|case| hook.cases.get(case));
        let then = case.unwrap_or(&hook.otherwise).clone();
        let said: Vec<Prompt> = reply.say.iter().flat_map(|said| self.uttered(hook, said)).collect();
        self.say(now, said, false, &then);
    }

    /// Nobody was reached where the caller was led last: on to what was meant for that. `false`: nothing was.
    pub fn not_reached(&mut self, now: Moment) -> bool {
        let State::Left(to) = &self.state else { return false };
        let Some(otherwise) = to.otherwise().cloned() else { return false };
        self.lead(now, &otherwise);
        true
    }

    pub fn handle_deadline(&mut self, now: Moment) {
        if self.next_deadline().is_none_or(|at| at > now) {
            return;
        }
        let menus = Arc::clone(&self.menus);
        match &mut self.state {
            State::Menu { menu, .. } => {
                if let Some(Node::Menu(menu)) = menus.nodes.get(menu) {
                    self.lead(now, &menu.default);
                }
            }
            State::Digits(entering) => {
                let step = entering.time_is_up();
                self.go_on_typing(now, step);
            }
            State::Hook { hook, .. } => {
                if let Some(Node::Hook(hook)) = menus.nodes.get(hook) {
                    self.lead(now, &hook.otherwise);
                }
            }
            State::Saying { .. } | State::Branch { .. } | State::Left(_) => {}
        }
    }

    pub fn next_deadline(&self) -> Option<Moment> {
        match &self.state {
            State::Menu { listens: Listens::Awaiting { until }, .. } => Some(*until),
            State::Digits(entering) => entering.next_deadline(),
            State::Hook { until, .. } => Some(*until),
            _ => None,
        }
    }

    pub fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Spoken to the caller now.
    pub fn language(&self) -> Language {
        self.language
    }

    /// The keys that chose something, in order.
    pub fn keys(&self) -> &str {
        &self.keys
    }

    /// What was typed, by name.
    pub fn typed(&self) -> &BTreeMap<String, Typed> {
        &self.typed
    }

    /// The nodes that were gone through, in order.
    pub fn path(&self) -> &[MenuId] {
        &self.path
    }

    /// Keys are awaited, and not only allowed.
    pub fn listens(&self) -> bool {
        matches!(self.state, State::Menu { .. } | State::Digits(_))
    }

    /// Some digits are there, and more may come.
    pub fn is_typing(&self) -> bool {
        matches!(&self.state, State::Digits(entering) if entering.has_begun())
    }

    // -----------------------------------------------------------------------------------------
    // From node to node

    fn lead(&mut self, now: Moment, destination: &Destination) {
        if let Some(language) = destination.language {
            self.language = language;
        }
        match &destination.to {
            To::Node(node) => self.enter(now, node),
            to => self.leave(to.clone()),
        }
    }

    fn leave(&mut self, to: To) {
        self.state = State::Left(to.clone());
        self.actions.push_back(Action::Lead { to, language: self.language });
    }

    /// Nothing sensible can be done any more.
    fn astray(&mut self, _now: Moment) {
        let to = self.menus.fallback.clone().map_or(To::Refuse(Refuse::Busy), To::Queue);
        self.leave(to);
    }

    fn enter(&mut self, now: Moment, id: &MenuId) {
        let menus = Arc::clone(&self.menus);
        let Some(node) = menus.nodes.get(id) else { return self.astray(now) };
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return self.astray(now);
        }
        if self.path.len() < MAX_PATH {
            self.path.push(id.clone());
        }
        match node {
            Node::Menu(menu) => self.play_menu(id, menu, 0),
            Node::Digits(digits) => {
                let token = self.play(&digits.prompts, &[]);
                self.state = State::Digits(Entering::new(id.clone(), digits, token, 0));
            }
            Node::Branch(_) => {
                self.told.clear();
                self.look(now, id);
            }
            Node::Say(say) => {
                let said = say.prompts.iter().map(|prompt| prompt.in_language(self.language)).collect();
                self.say(now, said, say.to_the_end, &say.then);
            }
            Node::Hook(hook) => self.call_out(now, id, hook),
        }
    }

    /// Plays `first`, then `then`, in the caller's language; the token of the end.
    fn play(&mut self, then: &[Saying], first: &[Saying]) -> u64 {
        self.token += 1;
        let prompts = first.iter().chain(then).map(|prompt| prompt.in_language(self.language)).collect();
        self.actions.push_back(Action::Play { token: self.token, prompts, looped: None });
        self.token
    }

    fn say(&mut self, now: Moment, prompts: Vec<Prompt>, to_the_end: bool, then: &Destination) {
        if prompts.is_empty() {
            return self.lead(now, then);
        }
        self.token += 1;
        self.state = State::Saying { token: self.token, to_the_end, then: then.clone() };
        self.actions.push_back(Action::Play { token: self.token, prompts, looped: None });
    }

    // -----------------------------------------------------------------------------------------
    // A menu

    fn play_menu(&mut self, id: &MenuId, menu: &Menu, tries: u8) {
        let wrong = if tries == 0 { &[][..] } else { &menu.wrong };
        let token = self.play(&menu.prompts, wrong);
        self.state = State::Menu { menu: id.clone(), tries, listens: Listens::Playing { token } };
    }

    fn key_in_menu(&mut self, now: Moment, id: &MenuId, tries: u8, key: char) {
        let menus = Arc::clone(&self.menus);
        let Some(Node::Menu(menu)) = menus.nodes.get(id) else { return self.astray(now) };
        match menu.choices.get(&key) {
            None if tries >= menu.retries => self.lead(now, &menu.default),
            None => self.play_menu(id, menu, tries + 1),
            Some(choice) => {
                if self.keys.len() < MAX_KEYS {
                    self.keys.push(key);
                }
                match choice {
                    Choice::To(destination) => {
                        self.remember(id);
                        self.lead(now, destination);
                    }
                    Choice::Repeat => self.enter(now, id),
                    Choice::Back => {
                        let before = self.pressed_at.pop().unwrap_or_else(|| id.clone());
                        self.enter(now, &before);
                    }
                }
            }
        }
    }

    fn remember(&mut self, id: &MenuId) {
        if self.pressed_at.len() < MAX_PATH && self.pressed_at.last() != Some(id) {
            self.pressed_at.push(id.clone());
        }
    }

    // -----------------------------------------------------------------------------------------
    // Digits

    fn go_on_typing(&mut self, now: Moment, step: digits::Step) {
        let State::Digits(entering) = &self.state else { return };
        let (id, tries) = (entering.node.clone(), entering.tries);
        let menus = Arc::clone(&self.menus);
        let Some(Node::Digits(digits)) = menus.nodes.get(&id) else { return self.astray(now) };
        match step {
            digits::Step::None => {}
            // The first digit stops the prompts.
            digits::Step::Hush => drop(self.play(&[], &[])),
            digits::Step::Again if tries < digits.retries => {
                let token = self.play(&digits.prompts, &digits.wrong);
                self.state = State::Digits(Entering::new(id, digits, token, tries + 1));
            }
            digits::Step::Again => self.lead(now, &digits.otherwise),
            digits::Step::Done(typed) => {
                self.remember(&id);
                self.typed.insert(digits.name.clone(), Typed { digits: typed, secret: digits.secret });
                self.lead(now, &digits.then);
            }
        }
    }

    // -----------------------------------------------------------------------------------------
    // A program elsewhere

    fn call_out(&mut self, now: Moment, id: &MenuId, hook: &Hook) {
        self.token += 1;
        let number = self.token;
        let prompts = hook.meanwhile.iter().map(|prompt| prompt.in_language(self.language)).collect();
        self.actions.push_back(Action::Play { token: number, prompts, looped: Some(self.music.clone()) });
        self.state = State::Hook { hook: id.clone(), number, until: now + hook.timeout };
        let digits = self.typed.iter().map(|(name, typed)| (name.clone(), typed.digits.clone())).collect();
        self.actions.push_back(Action::CallOut(Request {
            number,
            hook: id.clone(),
            url: hook.url.clone(),
            timeout: hook.timeout,
            language: self.language,
            digits,
        }));
    }

    /// What an answer wants said, as far as the files allow it.
    fn uttered(&self, hook: &Hook, said: &Utterance) -> Vec<Prompt> {
        match said {
            Utterance::Digits(digits) => speech::digits(self.languages.counting(self.language), digits),
            Utterance::Number(number) => speech::number(self.languages.counting(self.language), *number),
            Utterance::Prompt(name) => {
                let meant = |prompt: &&Saying| match prompt {
                    Saying::Fixed(prompt) => prompt.to_string() == *name,
                    Saying::Own(own) => own.as_str() == name.strip_prefix("*/").unwrap_or(name),
                };
                hook.prompts.iter().find(meant).map(|prompt| prompt.in_language(self.language)).into_iter().collect()
            }
        }
    }
}
