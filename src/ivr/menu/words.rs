//! What menus are made of: nodes, and where each leads.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::lists::Numbers;
use crate::ids::{Language, ListId, MenuId, Prompt, PromptName, QueueId, ScheduleId, SeatId};

/// All nodes of the house, and the lists their branches look into.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Menus {
    pub nodes: BTreeMap<MenuId, Node>,
    pub lists: BTreeMap<ListId, Numbers>,
    /// Where callers end who went through more nodes than a call may.
    pub fallback: Option<QueueId>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    Menu(Menu),
    Digits(Digits),
    Branch(Branch),
    Say(Say),
    Hook(Hook),
}

impl Node {
    /// All destinations that are written here, in the order in which they are looked at; what no key means comes
    /// first.
    pub fn leads(&self) -> Vec<&Destination> {
        let leads: Vec<&Destination> = match self {
            Node::Menu(menu) => {
                let chosen = menu.choices.values().filter_map(|choice| match choice {
                    Choice::To(destination) => Some(destination),
                    Choice::Repeat | Choice::Back => None,
                });
                std::iter::once(&menu.default).chain(chosen).collect()
            }
            Node::Digits(digits) => vec![&digits.then, &digits.otherwise],
            Node::Branch(branch) => branch.cases.iter().map(|case| &case.then).chain([&branch.otherwise]).collect(),
            Node::Say(say) => vec![&say.then],
            Node::Hook(hook) => hook.cases.values().chain([&hook.otherwise]).collect(),
        };
        leads.into_iter().flat_map(Destination::and_otherwise).collect()
    }

    /// Everything that is said here.
    pub fn says(&self) -> Vec<&Saying> {
        match self {
            Node::Menu(menu) => menu.prompts.iter().chain(&menu.wrong).collect(),
            Node::Digits(digits) => digits.prompts.iter().chain(&digits.wrong).collect(),
            Node::Branch(_) => Vec::new(),
            Node::Say(say) => say.prompts.iter().collect(),
            Node::Hook(hook) => hook.meanwhile.iter().chain(&hook.prompts).collect(),
        }
    }
}

/// Something that is said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Saying {
    /// This recording, whatever the caller's language.
    Fixed(Prompt),
    /// In the caller's language.
    Own(PromptName),
}

impl Saying {
    pub fn in_language(&self, language: Language) -> Prompt {
        match self {
            Saying::Fixed(prompt) => prompt.clone(),
            Saying::Own(name) => Prompt::spoken(language, name.clone()),
        }
    }
}

/// Where a caller is led.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    pub to: To,
    /// Spoken from here on. `None`: as before.
    pub language: Option<Language>,
}

impl Destination {
    pub fn to(to: To) -> Self {
        Self { to, language: None }
    }

    /// This one, and where it leads if nobody is reached, and so on.
    pub fn and_otherwise(&self) -> Vec<&Destination> {
        std::iter::successors(Some(self), |destination| destination.to.otherwise()).collect()
    }

    pub fn queue(queue: &str, language: Option<Language>) -> Self {
        Self { to: To::Queue(queue.into()), language }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    Node(MenuId),
    Queue(QueueId),
    /// Over the trunk; if nobody is reached there, `otherwise`, or last words.
    Number {
        number: String,
        otherwise: Option<Box<Destination>>,
    },
    /// The seat's phone is rung, whoever sits there.
    Seat {
        seat: SeatId,
        otherwise: Option<Box<Destination>>,
    },
    /// Leaves a message.
    Message,
    /// Hangs up and is called back by this queue.
    Callback(QueueId),
    /// Was served: the house hangs up.
    HangUp,
    /// Is not served.
    Refuse(Refuse),
}

impl To {
    /// Where it goes on if nobody is reached.
    pub fn otherwise(&self) -> Option<&Destination> {
        match self {
            To::Number { otherwise, .. } | To::Seat { otherwise, .. } => otherwise.as_deref(),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refuse {
    /// Not wanted here: nothing is said, and who was not answered yet is not answered at all.
    Rules,
    /// The announcement that the house is closed.
    Closed,
    /// The announcement that all lines are busy.
    Busy,
}

/// One greeting, one choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Menu {
    /// Played in order, in these languages one after the other: greeting, recording notice, choice.
    pub prompts: Vec<Saying>,
    pub choices: BTreeMap<char, Choice>,
    /// What no key means.
    pub default: Destination,
    /// How long a key is awaited after the last prompt.
    pub timeout: Duration,
    /// A key that is no choice: the prompts begin again, so often; then `default`.
    pub retries: u8,
    /// Said before they begin again.
    pub wrong: Vec<Saying>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    To(Destination),
    /// The prompts again.
    Repeat,
    /// To where the caller pressed something before.
    Back,
}

/// Digits that the caller types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digits {
    /// Under which they are kept.
    pub name: String,
    pub prompts: Vec<Saying>,
    pub least: u8,
    pub most: u8,
    /// Ends what is typed.
    pub terminator: Option<char>,
    /// To the first digit, after the prompts.
    pub timeout: Duration,
    /// From one digit to the next.
    pub between: Duration,
    /// Too few digits, or none: the prompts begin again, so often; then `otherwise`.
    pub retries: u8,
    /// Said before they begin again.
    pub wrong: Vec<Saying>,
    /// Records and logs have asterisks instead.
    pub secret: bool,
    pub then: Destination,
    pub otherwise: Destination,
}

/// The first case that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    pub cases: Vec<Case>,
    pub otherwise: Destination,
}

/// Holds if all of its conditions do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    pub when: Vec<Condition>,
    pub then: Destination,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The caller's number is in this list.
    Caller(ListId),
    /// The number they dialled is one of these.
    Dialled(BTreeSet<String>),
    Language(Language),
    /// What they typed under this name begins like one of these, or is one of them.
    Digits {
        name: String,
        like: Vec<Like>,
    },
    /// A schedule is open, or is not.
    Schedule {
        schedule: ScheduleId,
        open: bool,
    },
    /// A queue's line.
    Queue {
        queue: QueueId,
        is: Line,
    },
}

/// A whole word, or how it begins (`138*`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Like {
    pub text: String,
    pub and_more: bool,
}

impl Like {
    pub fn new(written: &str) -> Self {
        match written.strip_suffix('*') {
            Some(text) => Self { text: text.into(), and_more: true },
            None => Self { text: written.into(), and_more: false },
        }
    }

    pub fn matches(&self, text: &str) -> bool {
        if self.and_more { text.starts_with(&self.text) } else { text == self.text }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// More callers than that wait in it.
    MoreThan(usize),
    /// Who joins now is expected to wait longer.
    LongerThan(Duration),
    Closed,
    /// Nobody is signed in who could serve it.
    Nobody,
}

/// An announcement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Say {
    pub prompts: Vec<Saying>,
    /// Keys do not cut it short.
    pub to_the_end: bool,
    pub then: Destination,
}

/// A program elsewhere is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    pub url: String,
    /// In which it must have answered.
    pub timeout: Duration,
    /// Said meanwhile, before the music.
    pub meanwhile: Vec<Saying>,
    /// What the answer may have said.
    pub prompts: Vec<Saying>,
    pub cases: BTreeMap<String, Destination>,
    /// No answer, or one that is no case.
    pub otherwise: Destination,
}

/// What a branch needs to know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// Is it open now?
    Schedule(ScheduleId),
    /// How is its line?
    Queue(QueueId),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Schedule { schedule: ScheduleId, open: bool },
    Queue { queue: QueueId, line: LineState },
}

/// A queue's line, as a branch sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineState {
    pub waiting: usize,
    /// Of who joins now. `None`: not known.
    pub expected_wait: Option<Duration>,
    pub open: bool,
    /// Somebody is signed in who could serve it.
    pub staffed: bool,
}

/// What a program elsewhere is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Tells its reply from one that comes too late.
    pub number: u64,
    pub hook: MenuId,
    pub url: String,
    pub timeout: Duration,
    pub language: Language,
    /// What the caller typed, by name.
    pub digits: BTreeMap<String, String>,
}

/// What it answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    pub say: Vec<Utterance>,
    /// The case to go on with.
    pub case: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Utterance {
    /// As in the files: `zh/greeting`, `*/greeting`, or a name alone, which is meant in the caller's language.
    Prompt(String),
    /// One digit after the other.
    Digits(String),
    /// As a count.
    Number(usize),
}

/// What a caller typed under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed {
    pub digits: String,
    pub secret: bool,
}

impl Typed {
    /// As records and logs have it.
    pub fn told(&self) -> String {
        if self.secret { "*".repeat(self.digits.len()) } else { self.digits.clone() }
    }
}
