//! menu.toml as an admin writes it.

use schemars::JsonSchema;
use serde::Deserialize;

use super::OneOrMany;
use crate::config::scalars::{Time, Url};

/// menu.toml: what callers hear and press.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "its fields are read one by one; as a whole it is only the schema")]
pub struct MenuFile {
    #[schemars(flatten)]
    top: MenuTop,
    number: Vec<Number>,
    #[schemars(default)]
    menu: Vec<Menu>,
    #[schemars(default)]
    language: Vec<Language>,
    #[schemars(default)]
    digits: Vec<Digits>,
    #[schemars(default)]
    branch: Vec<Branch>,
    #[schemars(default)]
    say: Vec<Say>,
    #[schemars(default)]
    hook: Vec<Hook>,
    #[schemars(default)]
    list: Vec<List>,
    #[schemars(default)]
    waiting: Waiting,
    #[schemars(default)]
    announcements: Announcements,
    survey: Option<Survey>,
}

/// A language that callers are served in. Without any table there are zh and en. The first is the house's own: it is
/// spoken until a caller chose, and where nothing else is said.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Language {
    /// A code of 2 to 8 small letters, e.g. "ug": the folder of its prompts, and its name in records.
    pub id: String,
    /// The language whose recordings are played where this one has none. Default: none, so each prompt is needed.
    pub fallback: Option<String>,
    /// How numbers are put together: "zh" (一百零三), "en" (one hundred and three) or "digits" (one zero three).
    /// A language that lacks one of the recordings this takes says numbers as its fallback does, in the fallback's
    /// words. Default: zh and en their own way, others that of their fallback.
    #[schemars(extend("enum" = ["zh", "en", "digits", null]))]
    pub numbers: Option<String>,
    /// The espeak-ng voice that `hotline prompts make` speaks with. Default: zh "cmn", en "en-gb", others their id.
    pub voice: Option<String>,
    /// How fast it speaks, in words a minute, 80 to 450. Default: zh 170, others 155.
    pub speed: Option<u16>,
}

/// What stands above the first table.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct MenuTop {
    /// The queue for callers who went through 500 nodes and are still in the menus. Default: the first in queues.toml.
    pub fallback: Option<String>,
}

/// A table that leads somewhere: keys of its own, and those of a destination.
macro_rules! leads {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Deserialize, JsonSchema)]
        #[schemars(deny_unknown_fields)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
            /// To this [[menu]], [[digits]], [[branch]], [[say]] or [[hook]].
            pub menu: Option<String>,
            /// Into this queue's line.
            pub queue: Option<String>,
            /// Put through to this number over the trunk.
            pub number: Option<String>,
            /// The phone at this seat is rung, whoever sits there.
            pub seat: Option<String>,
            /// `true`: leaves a message.
            pub message: Option<bool>,
            /// Hangs up and is called back by this queue, which needs `callback` and a key for it.
            pub callback: Option<String>,
            /// `true`: was served; the house hangs up.
            pub hang_up: Option<bool>,
            /// Is not served: "rules" (nothing is said; not even answered where nothing was said before),
            /// "closed" or "busy" (with that announcement).
            pub refuse: Option<String>,
            /// Spoken from here on, e.g. "en". Default: as before.
            pub language: Option<String>,
            /// Where it goes on if nobody is reached at `number` or `seat`. Default: the announcement "busy".
            pub otherwise: Option<Box<Destination>>,
        }

        impl $name {
            /// The keys of the destination alone.
            pub fn leads(&self) -> Leads<'_> {
                Leads {
                    menu: self.menu.as_deref(),
                    queue: self.queue.as_deref(),
                    number: self.number.as_deref(),
                    seat: self.seat.as_deref(),
                    message: self.message.unwrap_or(false),
                    callback: self.callback.as_deref(),
                    hang_up: self.hang_up.unwrap_or(false),
                    refuse: self.refuse.as_deref(),
                    language: &self.language,
                    otherwise: self.otherwise.as_deref(),
                }
            }
        }
    };
}

/// The keys of a destination, whichever table they stand in.
pub struct Leads<'a> {
    pub menu: Option<&'a str>,
    pub queue: Option<&'a str>,
    pub number: Option<&'a str>,
    pub seat: Option<&'a str>,
    pub message: bool,
    pub callback: Option<&'a str>,
    pub hang_up: bool,
    pub refuse: Option<&'a str>,
    pub language: &'a Option<String>,
    pub otherwise: Option<&'a Destination>,
}

impl Leads<'_> {
    /// Nothing of it is written.
    pub fn is_empty(&self) -> bool {
        let texts = [self.menu, self.queue, self.number, self.seat, self.callback, self.refuse];
        texts.iter().all(Option::is_none) && !self.message && !self.hang_up
    }
}

leads!(
    /// Where a caller is led: exactly one of menu, queue, number, seat, message, callback, hang_up, refuse.
    Destination {}
);

/// What happens when a number is dialled: exactly one of menu, queue, seat, message, play, silence.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Number {
    /// As dialled, e.g. "12345".
    pub number: String,
    /// To this [[menu]], [[digits]], [[branch]], [[say]] or [[hook]].
    pub menu: Option<String>,
    /// Straight into this queue, without a greeting.
    pub queue: Option<String>,
    /// The phone at this seat is rung, whoever sits there.
    pub seat: Option<String>,
    /// `true`: leaves a message.
    pub message: Option<bool>,
    /// Spoken until the caller chose, e.g. "en". Default: the house's own.
    pub language: Option<String>,
    /// This prompt in a loop, for tests of the sound.
    pub play: Option<String>,
    /// Answered, and silent.
    pub silence: Option<bool>,
}

/// One greeting and one choice.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Menu {
    /// Its name. Menus, digits, branches, announcements and hooks share one set of names.
    pub id: String,
    /// Played in order, e.g. ["zh/greeting", "en/greeting"]; "*/greeting" is in the caller's language. A key stops
    /// them.
    pub prompts: Vec<String>,
    /// What no key means.
    pub default: Destination,
    /// How long a key is awaited after the last prompt. "0s" to "60s". Default "5s".
    pub timeout: Option<Time>,
    /// How often the prompts begin again after a key that is no choice. Default 1.
    pub retries: Option<u8>,
    /// Said before they begin again. Default [].
    #[serde(default)]
    pub wrong: Vec<String>,
    /// What each key means. Default: no key means anything.
    #[serde(default)]
    pub choice: Vec<Choice>,
}

leads!(
    /// What a key means: a destination, `repeat` or `back`.
    Choice {
        /// "0" to "9", "*" or "#".
        key: String,
        /// `true`: the prompts again.
        repeat: Option<bool>,
        /// `true`: to the menu or digits where the caller pressed something before.
        back: Option<bool>,
    }
);

/// Digits that the caller types, e.g. a case number. `*` begins anew.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Digits {
    /// Its name, among those of all nodes.
    pub id: String,
    /// Under which the record has them. Default: the id.
    pub name: Option<String>,
    /// What is asked, as in [[menu]]; the first digit stops it.
    pub prompts: Vec<String>,
    /// Exactly so many digits. 1 to 32. Either this, or `min` and `max`.
    pub length: Option<u8>,
    /// At least so many. Default 1.
    pub min: Option<u8>,
    /// At most so many. 1 to 32. Default 32.
    pub max: Option<u8>,
    /// The key that ends them: "#", "*", or "" for none. Default "#".
    pub terminator: Option<String>,
    /// How long the first digit is awaited after the prompts. "1s" to "60s". Default "8s".
    pub timeout: Option<Time>,
    /// How long the next digit is awaited; then those that are there count. "1s" to "60s". Default "4s".
    pub between: Option<Time>,
    /// How often it is asked again after too few digits, or none. 0 to 10. Default 2.
    pub retries: Option<u8>,
    /// Said before it is asked again. Default [].
    #[serde(default)]
    pub wrong: Vec<String>,
    /// Records and logs have asterisks instead. Default false.
    pub secret: Option<bool>,
    /// With the digits.
    pub then: Destination,
    /// Without.
    pub otherwise: Destination,
}

/// A fork: the first case that holds.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Branch {
    /// Its name, among those of all nodes.
    pub id: String,
    pub when: Vec<Case>,
    /// If none holds.
    pub otherwise: Destination,
}

/// A case of a fork. It holds if everything that is written here does.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Case {
    /// The caller's number is in this [[list]].
    pub caller: Option<String>,
    /// The dialled number, or one of several.
    pub dialled: Option<OneOrMany>,
    /// The caller's language, e.g. "en".
    pub language: Option<String>,
    /// This schedule is open now.
    pub open: Option<String>,
    /// This schedule is not open now.
    pub closed: Option<String>,
    /// Of this queue exactly one of `more_than`, `longer_than`, `state` is told.
    pub queue: Option<String>,
    /// More callers than that wait in it.
    pub more_than: Option<usize>,
    /// Who joins now is expected to wait longer than that, e.g. "5m". "1s" to "24h".
    pub longer_than: Option<Time>,
    /// "closed", or "nobody": nobody is signed in who could serve it.
    pub state: Option<String>,
    /// What was typed in the [[digits]] of this name is like `like`.
    pub digits: Option<String>,
    /// Such digits, or several; "138*" is all that begin so.
    pub like: Option<OneOrMany>,
    pub then: Destination,
}

/// An announcement.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Say {
    /// Its name, among those of all nodes.
    pub id: String,
    /// As in [[menu]].
    pub prompts: Vec<String>,
    /// Keys do not cut it short. Default false.
    pub to_the_end: Option<bool>,
    pub then: Destination,
}

/// A program elsewhere is asked, by a POST of JSON, what to say and how to go on.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Hook {
    /// Its name, among those of all nodes.
    pub id: String,
    /// E.g. "http://10.0.0.7:8000/case".
    pub url: Url,
    /// In which it must have answered. "100ms" to "30s". Default "3s".
    pub timeout: Option<Time>,
    /// Said meanwhile, before the music, as in [[menu]]. Default [].
    #[serde(default)]
    pub meanwhile: Vec<String>,
    /// What its answer may have said, as in [[menu]]; digits and numbers it always may. Default [].
    #[serde(default)]
    pub prompts: Vec<String>,
    #[serde(default)]
    pub case: Vec<HookCase>,
    /// No answer in time, or one that is no case.
    pub otherwise: Destination,
}

/// How it goes on after an answer.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct HookCase {
    /// The answer's `case`.
    pub answer: String,
    pub then: Destination,
}

/// Numbers of callers.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct List {
    /// Its name, which branches refer to.
    pub id: String,
    /// "13800000000", "+86 10 6513 9999", "138*" (all that begin so), "anonymous". Default [].
    #[serde(default)]
    pub numbers: Vec<String>,
    /// A file beside this one with one of them on each line; what follows a # is a note.
    pub file: Option<String>,
}

/// What is heard in the line.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Waiting {
    /// Prompt in a loop. Default "music".
    pub music: Option<String>,
    /// The place is told at once and then this often. Default "30s".
    pub announce_every: Option<Time>,
    /// Whether the expected wait is told too. Default true.
    pub announce_wait: Option<bool>,
    /// After so long an apology is heard, once. Default "60s".
    pub apologise_after: Option<Time>,
}

/// Prompts that end a call; each exists in every language, or in its fallbacks.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Announcements {
    /// The line is full. Default "busy".
    pub busy: Option<String>,
    /// Outside the hours. Default "closed".
    pub closed: Option<String>,
    /// Something went wrong. Default "failure".
    pub failure: Option<String>,
}

/// One question when the operator has hung up, answered by one key. Default: nobody is asked.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Survey {
    /// The question with its keys; exists in each language. Default "survey".
    pub question: Option<String>,
    /// Heard after an answer; exists in each language. Default "survey_thanks".
    pub thanks: Option<String>,
    /// How long a key is awaited after the question. "1s" to "60s". Default "8s".
    pub timeout: Option<Time>,
    /// How often the question is asked again after a key that is no answer. 0 to 5. Default 1.
    pub retries: Option<u8>,
    /// What the keys mean. Default: 1 is very satisfied (score 4), 2 satisfied (3), 3 fair (2), 4 not satisfied (1).
    #[serde(default)]
    pub answer: Vec<Answer>,
}

/// What a key means.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Answer {
    /// "0" to "9", "*" or "#".
    pub key: String,
    /// The better, the higher: `survey` in the record. 1 to 5.
    pub score: u8,
    /// For people, e.g. "very satisfied". Default: the score.
    pub label: Option<String>,
}
