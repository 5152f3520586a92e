//! queues.toml as an admin writes it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::scalars::Time;

/// queues.toml: who waits for whom, and how long.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "its fields are read one by one; as a whole it is only the schema")]
pub struct QueuesFile {
    #[schemars(flatten)]
    top: QueuesTop,
    queue: Vec<Queue>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub struct QueuesTop {
    /// An operator who refused a call, or let it ring, is not asked for the same call again for so long; twice as
    /// long after each further failure, up to eight times. A phone that is busy rests instead, for every call, for 5 s;
    /// one that cannot be reached as well, and twice as long after each further time, up to 5 min 20 s. "0s" to "1h".
    /// Default "30s".
    pub exclude_for: Option<Time>,
    /// A phone that is lost and returns within this finds its operator as they were. "0s" to "1h". Default "60s".
    pub phone_grace: Option<Time>,
    /// A caller who gave up and calls again within this gets the old place; "0s": never. Up to "1h". Default "60s".
    pub redial_within: Option<Time>,
    /// Reasons for not being ready, in the order of the codes *141, *142 … Default ["break", "meal", "training"].
    pub reasons: Option<Vec<String>>,
}

/// One queue.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Queue {
    /// Its name, which menus, exits, records and statistics refer to.
    pub id: String,
    /// The id, or the list of ids, that this queue had before: whoever waits under a former id goes on here with
    /// the place kept, and whatever leads to it leads here. Default: none.
    pub formerly: Option<OneOrMany>,
    /// What an operator must be able to do, e.g. "mandarin >= 3 and (housing >= 5 or market >= 5)"; "anyone".
    pub need: String,
    /// Who is asked first among those who will do.
    #[serde(default)]
    pub prefer: Vec<Prefer>,
    /// How the need relaxes while the caller waits.
    #[serde(default)]
    pub step: Vec<Step>,
    /// Who is asked first among those who are preferred alike: "longest-idle", "least-occupied" (smallest busy share
    /// since sign-in), "most-skilled" (levels of the skills that the need names), "least-skilled" (levels of all
    /// skills: experts are kept free), "round-robin" (longest since the last offer), "fewest-calls" (since sign-in),
    /// "weighted" (fewest calls for the operator's weight). Ties: the longest idle, then by name.
    /// Default "longest-idle".
    #[schemars(extend("enum" = [
        "longest-idle", "least-occupied", "most-skilled", "least-skilled", "round-robin", "fewest-calls", "weighted",
        null
    ]))]
    pub choose: Option<String>,
    /// Phones rung at once for one call; the first to answer has it. 1 to 8. Default 1.
    pub ring_at_once: Option<usize>,
    /// How long one phone rings. "1s" to "5m". Default "20s".
    pub ring: Option<Time>,
    /// Time to finish after a call. "0s" to "1h". Default "10s".
    pub wrap_up: Option<Time>,
    /// Longest time to finish after a call, when the operator asks for more. `wrap_up` to "1h". Default "5m".
    pub wrap_up_max: Option<Time>,
    /// Head start over callers of other queues, as if they had waited so much longer. "0s" to "24h". Default "0s".
    pub priority: Option<Time>,
    /// Before everybody else, whatever they waited. For emergencies only. Default false.
    pub emergency: Option<bool>,
    /// The head start grows while the caller waits, e.g. { every = "2m", boost = "30s" }. Default: it does not.
    pub ageing: Option<Ageing>,
    /// Head start for each time an operator's phone failed or was not answered. "0s" to "24h". Default "0s".
    pub put_back_boost: Option<Time>,
    /// The operator whom the caller spoke with last is waited for so long before others are asked. "0s" to "10m".
    /// Default "0s": not at all.
    pub preferred_for: Option<Time>,
    /// Callers that may wait at once. 1 to 1000000. Default 1000.
    pub max_waiting: Option<usize>,
    /// Longest wait. "1s" to "24h". Default: none.
    pub max_wait: Option<Time>,
    /// Where a caller goes after `max_wait`: { queue = "other" } (the place is kept), { number = "01065139999" }
    /// or "message". Default: an announcement, and the call ends.
    pub if_too_long: Option<Exit>,
    /// The same for a caller who finds `max_waiting` others.
    pub if_full: Option<Exit>,
    /// The same outside the hours.
    pub if_closed: Option<Exit>,
    /// The same when nobody is signed in who could ever serve the caller. Default: the caller waits.
    pub if_nobody: Option<Exit>,
    /// Keys that lead out of the line.
    #[serde(default)]
    pub key: Vec<Key>,
    /// Callers may hang up and keep their place: a key with `callback = true` offers it. Default: not offered.
    pub callback: Option<Callback>,
    /// The time of the service level. "1s" to "1h". Default "15s".
    pub answer_within: Option<Time>,
    /// Who gives up within this is not counted as offered. "0s" to "1h". Default "0s": everybody counts.
    pub short_abandon: Option<Time>,
    /// "24/7", opening hours such as ["mon-fri 08:00-18:00", "sat 09:00-12:00"], or "closed": only when it is opened
    /// by hand. Default "24/7".
    pub hours: Option<OneOrMany>,
    /// Instead of hours: a [[schedule]] of schedules.toml, with holidays and a switch. Default: none.
    pub schedule: Option<String>,
    /// Callers are asked how it was when the operator has hung up, if menu.toml has a `[survey]`. Default true.
    pub survey: Option<bool>,
    /// Its talks are recorded. Default: as `recording.calls` in hotline.toml says.
    pub record: Option<bool>,
    /// Calls expected in the busiest hour, to check whether the seats suffice. More than 0, up to 1000000.
    /// Default: not known.
    pub calls_per_hour: Option<f64>,
    /// How long an operator is busy with one call on average: talk, hold and wrap-up. "1s" to "24h".
    /// Goes with `calls_per_hour`.
    pub handle_time: Option<Time>,
    /// Examples of what these rules do. They are run whenever the files are read; one that fails is a fault.
    #[serde(default)]
    pub expect: Vec<Expect>,
}

/// Operators who meet this need are asked before those who do not; the weights of all that are met are summed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Prefer {
    /// E.g. "housing >= 5".
    pub need: String,
    /// The more, the earlier; negative: the later. -1000 to 1000.
    pub weight: i64,
}

/// From now on this need is enough. The last step one of whose conditions is met is in force; it is never taken
/// back, and the place is kept.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Step {
    /// When the caller has waited so long. "1s" to "24h", later than in the steps before.
    pub after: Option<Time>,
    /// When the expected wait is longer than this. "1s" to "24h".
    pub expected_wait: Option<Time>,
    /// At once when nobody is signed in who could ever serve the caller as it is. Default false.
    pub nobody: Option<bool>,
    /// What an operator must be able to do from then on.
    pub need: String,
    /// Preferences from then on. Default: those of the queue.
    pub prefer: Option<Vec<Prefer>>,
}

/// After each `every` of waiting the head start grows by `boost`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Ageing {
    /// How long until it grows. "1s" to "24h".
    pub every: Time,
    /// By how much. "1s" to "24h".
    pub boost: Time,
}

/// Where a caller goes who leaves the line without an operator.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "found something else; { queue = \"…\" }, { number = \"…\" } or \"message\" is meant")]
pub enum Exit {
    /// "message": the caller leaves a message.
    Word(String),
    To(Target),
}

/// Exactly one of the two.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Target {
    /// Another queue; the place is kept.
    pub queue: Option<String>,
    /// Somebody outside, over the trunk: up to 32 digits, `*` and `#`, and a `+` before them.
    pub number: Option<String>,
}

/// A key that leads out of the line: exactly one of queue, number, message, callback.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Key {
    /// "0" to "9", "*" or "#".
    pub key: String,
    /// To another queue; the place is kept.
    pub queue: Option<String>,
    /// To somebody outside, over the trunk: up to 32 digits, `*` and `#`, and a `+` before them.
    pub number: Option<String>,
    /// The caller leaves a message.
    pub message: Option<bool>,
    /// The caller hangs up and is called when it is their turn.
    pub callback: Option<bool>,
}

/// The place waits without the caller. Every key has a default.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Callback {
    /// Who is rung first: "customer" (an operator is kept free meanwhile), or "operator" (the customer is rung once
    /// an operator has taken the callback). Default "customer".
    #[schemars(extend("enum" = ["customer", "operator", null]))]
    pub first: Option<String>,
    /// Callbacks that may wait at once. 1 to 100000. Default 100.
    pub max_waiting: Option<usize>,
    /// How long the customer's phone rings. "5s" to "2m". Default "30s".
    pub ring: Option<Time>,
    /// From the promise until the customer is tried first: they hang up meanwhile, and their phone is free again. "0s"
    /// to "10m". Default "10s".
    pub first_after: Option<Time>,
    /// How often the customer is tried. 1 to 10. Default 3.
    pub attempts: Option<u8>,
    /// Between two tries. "10s" to "24h". Default "5m".
    pub retry: Option<Time>,
    /// A customer who was not reached within this is given up. "1m" to "168h". Default "4h".
    pub expires: Option<Time>,
}

/// An example: a caller has waited `after` when these operators become free, all at once. Who is asked?
/// An `expected_wait` step plays no part in it: in an example no wait is expected.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Expect {
    /// What it shows, e.g. "an expert is asked first".
    pub name: String,
    /// Who becomes free, the longest idle first, with their skills: { anna = { mandarin = 5 }, boris = { … } }.
    /// Until then they are signed in and not ready. Default: nobody is signed in.
    #[serde(default)]
    pub operators: BTreeMap<String, BTreeMap<String, u8>>,
    /// Others who wait when this caller comes. Default: nobody.
    #[serde(default)]
    pub waiting: Vec<Earlier>,
    /// How long the caller has waited when the operators become free. "0s" to "24h". Default "0s": they are free
    /// when the caller comes.
    pub after: Option<Time>,
    /// Whose phone rings for the caller, e.g. "anna"; several with `ring_at_once`, e.g. ["anna", "boris"];
    /// "nobody": the caller waits on. Either this or `goes_to` is needed.
    pub asks: Option<OneOrMany>,
    /// Where the caller has gone instead: { queue = "other" }, { number = "01065139999" } or "message".
    pub goes_to: Option<Exit>,
}

/// Somebody who came earlier.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Earlier {
    /// In which line.
    pub queue: String,
    /// How much earlier. "1s" to "24h". Default "1s".
    pub longer: Option<Time>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub fn texts(&self) -> impl Iterator<Item = &str> + Clone {
        let texts = match self {
            OneOrMany::One(text) => std::slice::from_ref(text),
            OneOrMany::Many(texts) => texts,
        };
        texts.iter().map(String::as_str)
    }
}
