//! What the menu is made of, what it is told, and what it asks for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::languages::Languages;
use super::menu::{Destination, Menus, Node, Question, Request, To};
use crate::ids::{Language, Prompt, PromptName, QueueId};

/// What callers hear, as the admin meant it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Settings {
    /// What happens when a number is dialled.
    pub numbers: BTreeMap<String, Entry>,
    pub menus: Arc<Menus>,
    pub languages: Languages,
    pub waiting: Waiting,
    pub announcements: Announcements,
    /// Answer with 200 at once, or play menu and line as early media (183) and answer with the operator.
    pub answer: AnswerWhen,
    /// Asked on the caller's leg when the operator has hung up. `None`: nobody is asked.
    pub survey: Option<Survey>,
    /// Says that the call is recorded; there in every language. `None`: no call is.
    pub notice: Option<PromptName>,
}

impl Settings {
    /// The number that leads to a queue, and the language spoken on the way: the first by number, by the shortest way.
    pub fn way_to(&self, queue: &QueueId) -> Option<(&str, Language)> {
        self.numbers.iter().find_map(|(number, entry)| {
            let Entry::To(first) = entry else { return None };
            let mut seen = BTreeSet::new();
            let mut ways = VecDeque::from([(first, self.languages.own)]);
            while let Some((way, language)) = ways.pop_front() {
                let language = way.language.unwrap_or(language);
                match &way.to {
                    To::Queue(to) if to == queue => return Some((number.as_str(), language)),
                    To::Node(id) if seen.insert(id) => {
                        let leads = self.menus.nodes.get(id).map(Node::leads).unwrap_or_default();
                        ways.extend(leads.into_iter().map(|way| (way, language)));
                    }
                    _ => {}
                }
            }
            None
        })
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerWhen {
    /// 200 as soon as the call's opening entry is durable.
    #[default]
    AtOnce,
    /// 183 with early media; 200 when an operator answers.
    OnConnect,
}

/// Where a dialled number leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// Into the menus, or straight on.
    To(Destination),
    /// One prompt in a loop, for tests of the sound.
    Play(Prompt),
    /// Answered, and silent.
    Silence,
}

/// What is heard in the line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waiting {
    pub music: Prompt,
    /// The place (and expected wait) is told at once and then at this interval.
    pub announce_every: Duration,
    /// Whether "about N minutes" is told beside the place.
    pub announce_wait: bool,
    /// An apology is played once after so long.
    pub apologise_after: Duration,
}

impl Default for Waiting {
    fn default() -> Self {
        Self {
            music: Prompt::plain("music"),
            announce_every: Duration::from_secs(30),
            announce_wait: true,
            apologise_after: Duration::from_secs(60),
        }
    }
}

/// Prompts that end a call; each is there in every language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Announcements {
    pub busy: PromptName,
    pub closed: PromptName,
    pub failure: PromptName,
}

impl Default for Announcements {
    fn default() -> Self {
        Self { busy: "busy".into(), closed: "closed".into(), failure: "failure".into() }
    }
}

/// One question after the talk, answered by one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Survey {
    /// Both are there in every language.
    pub question: PromptName,
    pub thanks: PromptName,
    pub answers: BTreeMap<char, Answer>,
    /// How long a key is awaited after the question.
    pub timeout: Duration,
    /// A key that is no answer: the question is asked again, so often.
    pub retries: u8,
    /// The queues whose callers are asked.
    pub queues: BTreeSet<QueueId>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    pub score: u8,
    /// What it means, for people.
    pub label: String,
}

/// What an ivr machine wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Play in turn, then `looped` over and over; `played(token)` is told at the end of the last prompt.
    Play { token: u64, prompts: Vec<Prompt>, looped: Option<Prompt> },
    /// Out of the menus: on to there, in this language.
    Lead { to: To, language: Language },
    /// Answered by `answered`.
    Ask(Question),
    /// A program elsewhere is asked. Answered by `replied`.
    CallOut(Request),
    /// Where is the caller in the line? Answered by `tell`.
    AskPlace,
    /// From here on what the caller says is the message.
    Record,
    /// The message is complete.
    Recorded,
    /// The caller has answered the survey.
    Scored { score: u8 },
    /// The survey is over, answered or not.
    SurveyOver,
}

/// Where a key in the line leads, as far as callers are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyLeads {
    Callback,
    Message,
    /// To another queue or number.
    Elsewhere,
}

/// A caller's place, as the line tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// 1: next.
    pub number: usize,
    pub expected_wait: Option<Duration>,
    /// An operator's phone rings for the caller: nothing is announced.
    pub ringing: bool,
}

/// Heard by a caller whose place waits without them, and by one for whom that is not possible.
pub const CALLBACK_TAKEN: &str = "callback_taken";
pub const CALLBACK_REFUSED: &str = "callback_refused";
/// Heard by a citizen who is called back.
pub const CALLBACK_GREETING: &str = "callback_greeting";
/// Heard when a message is complete.
pub const MESSAGE_TAKEN: &str = "message_taken";
/// A tone: what is said after it is recorded.
pub const BEEP: &str = "beep";
/// A tone in a loop: somebody is rung outside.
pub const RINGBACK: &str = "ringback";

/// Heard by an operator whose feature code was obeyed, or was not.
pub const CONFIRMED: &str = "confirmed";
pub const DENIED: &str = "denied";
