//! The files as an admin writes them. The comments here are the descriptions in the JSON Schemas.

mod queues;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::scalars::{Address, Addresses, Endpoint, Listener, Network, NextHop, PortRange, Time};
pub use queues::*;

/// hotline.toml: where calls arrive, where sound flows. Every key has a default; the file may be empty.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "its fields are read one by one; as a whole it is only the schema")]
pub struct HotlineFile {
    #[schemars(default)]
    house: House,
    #[schemars(default)]
    sip: Sip,
    #[schemars(default)]
    trunk: Vec<Trunk>,
    #[schemars(default)]
    media: Media,
    #[schemars(default)]
    web: Web,
}

/// The house as a whole.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct House {
    /// How long running calls may go on after SIGTERM. Default "60s".
    pub drain: Option<Time>,
    /// In which opening hours are meant, e.g. "Asia/Shanghai". Default: the system's.
    pub time_zone: Option<String>,
}

/// Signalling.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Sip {
    /// Where calls and registrations arrive. Default ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060"].
    pub listen: Option<Vec<Listener>>,
    /// Address written into SIP messages where a listener is bound to 0.0.0.0 or [::]; with both, a list of one
    /// of each family.
    pub advertise: Option<Addresses>,
    /// Digest realm of the seats. Hashed secrets belong to one realm. Default "hotline".
    pub realm: Option<String>,
    /// When the caller's phone is answered: "at-once", or "on-connect" (menu and line as early media,
    /// free of charge until an operator answers). Default "at-once".
    #[schemars(extend("enum" = ["at-once", "on-connect", null]))]
    pub answer: Option<String>,
    /// Shortest registration that is granted. Default "60s".
    pub register_min: Option<Time>,
    /// Longest registration that is granted. Default "1h".
    pub register_max: Option<Time>,
    /// How long a digest nonce is good. Default "5m".
    pub nonce_lifetime: Option<Time>,
    /// Calls at once; further ones get 503. Default 4000.
    pub max_calls: Option<usize>,
}

/// Where calls come from without a password, and where ours go out.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Trunk {
    pub id: String,
    /// Addresses and networks, e.g. ["192.0.2.5", "10.0.0.0/8"].
    pub from: Vec<Network>,
    /// Where calls of ours go out, e.g. "sip:192.0.2.5:5060": callbacks, and callers whom a rule sends to a
    /// number. The first trunk that has it is taken. Default: calls only come in.
    pub to: Option<NextHop>,
}

/// Sound.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Media {
    /// Address that sound is received on. Default "127.0.0.1".
    pub bind: Option<Address>,
    /// Address told to phones, if it differs.
    pub advertise: Option<Address>,
    /// RTP ports; each leg takes a pair. Default "20000-29999".
    pub ports: Option<PortRange>,
    /// Codecs in order of preference: "pcma", "pcmu". Default both.
    pub codecs: Option<Vec<String>>,
    /// A call from which no sound came for so long is ended; "0s": never. Default "30s".
    pub dead_after: Option<Time>,
    /// A call on hold from which no packet at all came for so long is ended. Default "1h".
    pub held_at_most: Option<Time>,
    /// Threads for sound; 0: one for each core. Default 0.
    pub workers: Option<usize>,
    /// Folder of the prompts, seen from this file. Default: ../prompts, or prompts where the program is started.
    pub prompts: Option<String>,
}

/// The pages. This version serves none; the address is checked and kept.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Web {
    /// Default "127.0.0.1:8080".
    pub listen: Option<Endpoint>,
}

/// menu.toml: what callers hear and press.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "its fields are read one by one; as a whole it is only the schema")]
pub struct MenuFile {
    number: Vec<Number>,
    #[schemars(default)]
    menu: Vec<Menu>,
    #[schemars(default)]
    waiting: Waiting,
    #[schemars(default)]
    announcements: Announcements,
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
    /// Spoken in the queue: "zh" or "en". Default "zh".
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
    pub id: String,
    /// Played in order, e.g. ["zh/greeting", "en/greeting"]; a key stops them.
    pub prompts: Vec<String>,
    /// What no key means.
    pub default: Destination,
    /// How long a key is awaited after the last prompt. Default "5s".
    pub timeout: Option<Time>,
    /// How often the prompts begin again after a key that is no choice. Default 1.
    pub retries: Option<u8>,
    #[serde(default)]
    pub choice: Vec<Choice>,
}

/// A queue, and the language spoken in it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Destination {
    pub queue: String,
    /// "zh" or "en". Default "zh".
    pub language: Option<String>,
}

/// What a key means.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Choice {
    /// "0" to "9", "*" or "#".
    pub key: String,
    pub queue: String,
    /// "zh" or "en". Default "zh".
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

/// Prompts that end a call; each exists in both languages.
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

/// operators.toml: phones at desks, and the people who use them.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "its fields are read one by one; as a whole it is only the schema")]
pub struct OperatorsFile {
    #[schemars(flatten)]
    top: OperatorsTop,
    seat: Vec<Seat>,
    #[schemars(default)]
    operator: Vec<Operator>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub struct OperatorsTop {
    /// Every skill there is, e.g. ["mandarin", "english"]: others are typing mistakes, here and in queues.toml, and
    /// a rule may name a skill that nobody holds at present. Default: whatever the operators have.
    pub skills: Option<Vec<String>>,
}

/// A phone: it registers with a secret, or has a fixed contact.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Seat {
    /// User name of its SIP account, e.g. "8001".
    pub id: String,
    /// The password, or better its hashes as `hotline secret 8001` prints them.
    pub secret: Option<Secret>,
    /// File whose first line is the password, seen from this file.
    pub secret_file: Option<String>,
    /// A phone that never registers, e.g. "sip:8001@10.0.0.5:5060".
    pub contact: Option<String>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Secret {
    Plain(String),
    Hashed(Hashes),
}

/// HA1 = H(seat:realm:password) in hexadecimal.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Hashes {
    pub md5: String,
    pub sha256: String,
}

/// A person who answers calls.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Operator {
    pub id: String,
    pub name: Option<String>,
    /// Skills with levels 1 to 10, e.g. { mandarin = 5, english = 3 }.
    #[serde(default)]
    pub skills: BTreeMap<String, u8>,
    /// The seat at which the operator is signed in as soon as its phone is reachable.
    pub seat: Option<String>,
    /// Share of the contacts where queues choose "weighted": 2 gets twice as many as 1. 1 to 1000. Default 1.
    pub weight: Option<u32>,
    /// May set the state of others. Default false.
    pub supervisor: Option<bool>,
}
