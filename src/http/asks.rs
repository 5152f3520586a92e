//! What people ask of the house, and how it answers. `app` does it.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::ids::{CallId, Door};
use crate::moment::Moment;

/// Hands a wish to the house; what comes back is its answer.
pub type Obey = Arc<dyn Fn(Asked) -> Pin<Box<dyn Future<Output = Answer> + Send>> + Send + Sync>;

pub type Answer = Result<Value, NotDone>;

#[derive(Clone, Debug)]
pub struct Asked {
    /// The id of who asks.
    pub by: String,
    pub ask: Ask,
}

#[derive(Clone, Debug)]
pub enum Ask {
    Operator {
        operator: String,
        act: OperatorAct,
    },
    Order {
        call: CallId,
        /// Who acts: whoever asks, or the person for whom a program asks.
        by: String,
        order: Order,
    },
    /// A caller who waits goes to another queue.
    Move {
        call: CallId,
        queue: String,
    },
    Switch {
        door: Door,
        to: String,
        until: Option<Moment>,
        note: String,
    },
    Explain {
        call: CallId,
    },
    Config,
    Versions,
    Diff {
        from: u64,
        to: u64,
    },
    Check {
        files: BTreeMap<String, String>,
    },
    Simulate {
        files: BTreeMap<String, String>,
        /// A day of the records.
        recorded: Option<jiff::civil::Date>,
    },
    Reload {
        note: String,
        dry_run: bool,
    },
    Rollback {
        to: Option<u64>,
        note: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperatorAct {
    SignIn { seat: String },
    SignOut,
    Ready,
    NotReady { reason: String },
    ExtendWrapUp { ms: u64 },
    EndWrapUp,
}

/// What is asked of a call.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(tag = "order", rename_all = "snake_case", deny_unknown_fields)]
pub enum Order {
    // With braces: what else is sent beside the name of the order is refused then.
    Hold {},
    Resume {},
    Consult {
        to: Whom,
    },
    Return {},
    Complete {},
    Conference {},
    Transfer {
        to: Whom,
    },
    HandOff {
        target: Option<String>,
    },
    Note {
        #[schema(max_length = 4000)]
        text: String,
    },
    HangUp {},
    PauseRecording {},
    ResumeRecording {},
    Reclaim {},
    Supervise {
        mode: Mode,
    },
    LeaveSupervision {},
    TakeOver {},
}

/// An order as it is sent. What stands beside the order's own fields is described with each order, see `openapi.rs`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Ordered {
    /// For whom a program acts.
    pub by: Option<String>,
    #[serde(flatten)]
    pub order: Order,
}

/// Exactly one of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Whom {
    Operator(String),
    Seat(String),
    Queue(String),
    Number(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Listen,
    Whisper,
    Barge,
}

/// Why something was not done, in words for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotDone {
    /// There is no such thing.
    Unknown(String),
    NotAllowed(String),
    /// Not in the present state.
    Now(String),
    /// What was sent makes no sense.
    Nonsense(String),
    /// The same is being done already; it may be asked for again after so many seconds.
    Busy(String, u64),
    /// It takes too long, or the house is closing.
    Unavailable(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_says_for_whom_and_nothing_that_nobody_knows() {
        let read = |text: &str| serde_json::from_str::<Ordered>(text).map_err(|error| error.to_string());
        let by = |by: &str| Some(by.to_string());
        let listen = Order::Supervise { mode: Mode::Listen };
        for (text, by, order) in [
            (r#"{"order":"supervise","mode":"listen","by":"1010"}"#, by("1010"), listen),
            (r#"{"by":"1001","order":"hang_up"}"#, by("1001"), Order::HangUp {}),
            (r#"{"order":"hang_up"}"#, None, Order::HangUp {}),
        ] {
            assert_eq!(read(text), Ok(Ordered { by, order }), "{text}");
        }
        for (text, wrong) in [
            (r#"{"order":"hang_up","by":"1001","x":1}"#, "unknown field `x`"),
            (r#"{"order":"hang_up","by":5}"#, "expected a string"),
            (r#"{"by":"1001"}"#, "missing field `order`"),
            (r#"{"order":"transfer","by":"1001"}"#, "missing field `to`"),
        ] {
            assert!(read(text).is_err_and(|error| error.contains(wrong)), "{text}: {:?}", read(text));
        }
    }
}
