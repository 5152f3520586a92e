//! operators.toml as an admin writes it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

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
    /// Variable of the environment that holds the password, e.g. "SEAT_8001_PASSWORD".
    pub secret_env: Option<String>,
    /// A phone that never registers, e.g. "sip:8001@10.0.0.5:5060".
    pub contact: Option<String>,
    /// The phone is asked to answer by itself whatever is offered there, as with a headset: `Answer-Mode: Auto` and what
    /// older phones listen to. The phone has to allow it. Default false.
    pub auto_answer: Option<bool>,
    /// Whether its sound is encrypted, as media.srtp says it: "off", "if-offered" or "required". Browsers encrypt always.
    /// Default: media.srtp.
    pub srtp: Option<String>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a password in quotes, or its hashes as `hotline secret` prints them, are meant")]
pub enum Secret {
    Plain(String),
    Hashed(Hashes),
}

/// HA1 = H(seat:realm:password) in hexadecimal.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Hashes {
    /// 32 hexadecimal digits.
    pub md5: String,
    /// 64 hexadecimal digits.
    pub sha256: String,
}

/// A person who answers calls.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Operator {
    /// The number they sign in with, e.g. "1001".
    pub id: String,
    /// As it is shown. Default: the id.
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
