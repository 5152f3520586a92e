//! menu.toml as an admin writes it.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::scalars::Time;

/// menu.toml: what callers hear and press.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "its fields are read one by one; as a whole it is only the schema")]
pub struct MenuFile {
    number: Vec<Number>,
    #[schemars(default)]
    menu: Vec<Menu>,
    #[schemars(default)]
    language: Vec<Language>,
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

/// What happens when a number is dialled: exactly one of menu, queue, play, silence.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Number {
    /// As dialled, e.g. "12345".
    pub number: String,
    /// To this menu.
    pub menu: Option<String>,
    /// Straight into this queue, without a greeting.
    pub queue: Option<String>,
    /// Spoken in the queue, e.g. "en". Default: the house's own.
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
    /// Its name, which numbers refer to.
    pub id: String,
    /// Played in order, e.g. ["zh/greeting", "en/greeting"]; a key stops them.
    pub prompts: Vec<String>,
    /// What no key means.
    pub default: Destination,
    /// How long a key is awaited after the last prompt. Default "5s".
    pub timeout: Option<Time>,
    /// How often the prompts begin again after a key that is no choice. Default 1.
    pub retries: Option<u8>,
    /// What each key means. Default: no key means anything.
    #[serde(default)]
    pub choice: Vec<Choice>,
}

/// A queue, and the language spoken in it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Destination {
    /// The queue's id.
    pub queue: String,
    /// Spoken in the queue, e.g. "en". Default: the house's own.
    pub language: Option<String>,
}

/// What a key means.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Choice {
    /// "0" to "9", "*" or "#".
    pub key: String,
    /// The queue's id.
    pub queue: String,
    /// Spoken in the queue, e.g. "en". Default: the house's own.
    pub language: Option<String>,
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
