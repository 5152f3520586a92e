//! What the calls are told, and what they ask for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::order::{NotDone, Order};
use crate::ids::{CallId, OperatorId, QueueId, Reason, ScheduleId, SeatId, TrunkId};
use crate::ivr;
use crate::ivr::menu::{Answer, Numbers, Question, Reply, Request, Visitor};
use crate::media;
use crate::queue;
use crate::records;
use crate::sip;

/// What the calls need to know of the rules.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub ivr: ivr::Settings,
    pub queues: BTreeMap<QueueId, QueueFacts>,
    /// What queues were called before, and what they are called now.
    pub formerly: BTreeMap<QueueId, QueueId>,
    pub operators: BTreeSet<OperatorId>,
    pub seats: BTreeSet<SeatId>,
    /// Who may set the state of others.
    pub supervisors: BTreeSet<OperatorId>,
    /// Who signs in at a seat by `*11` without a number.
    pub seat_operators: BTreeMap<SeatId, OperatorId>,
    /// Reasons for not being ready, in the order of the codes `*141`, `*142` …
    pub reasons: Vec<Reason>,
    /// The schedules that supervisors flip, by the digit in the code.
    pub switches: BTreeMap<char, ScheduleId>,
    /// The trunk over which calls of ours go out first; signalling says when it was another. `None`: they do not.
    pub way_out: Option<TrunkId>,
    /// Which numbers people may dial.
    pub outward: Outward,
    /// How long a caller waits for a phone that was lost in the talk.
    pub flow_grace: Duration,
    /// Whom an operator can bring into a talk, each by a code of its own.
    pub emergencies: Vec<Emergency>,
    /// How the sound of some trunks and seats is encrypted; of all others as the settings of sound say.
    pub srtp_of_trunks: BTreeMap<TrunkId, media::Srtp>,
    pub srtp_of_seats: BTreeMap<SeatId, media::Srtp>,
    /// The same of every trunk by which calls of ours go out, whether it says so itself or not.
    pub srtp_of_ways: BTreeMap<TrunkId, media::Srtp>,
    /// Trunks whose callers may say keys in the sound alone.
    pub tones_of_trunks: BTreeSet<TrunkId>,
    /// Trunks whose carriers are asked to put together without us whoever talks with each other over such trunks.
    pub refers: BTreeSet<TrunkId>,
    /// Trunks over which the sound of two who talk with each other need not pass us.
    pub direct: BTreeSet<TrunkId>,
    /// Talks that no queue led to are recorded.
    pub records_others: bool,
}

/// Which numbers outside operators may dial and send callers to, and which are called back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outward {
    pub allow: Numbers,
    /// In spite of it.
    pub deny: Numbers,
    /// Emergencies, and where rules and menus lead: always.
    pub named: Numbers,
    /// Whose telephones are called back.
    pub countries: Vec<sip::Numbering>,
}

impl Outward {
    pub fn has(&self, number: &str) -> bool {
        self.named.contains(number) || (self.allow.contains(number) && !self.deny.contains(number))
    }

    /// Whether whoever claims to have this number may be called back. Where a number comes from nobody can prove:
    /// what costs more than a telephone of the country is called only where it is allowed.
    pub fn calls_back(&self, number: &str) -> bool {
        let at_home = || self.countries.iter().any(|country| country.is_subscriber(number));
        sip::is_dialable(number) && !self.deny.contains(number) && (self.allow.contains(number) || at_home())
    }
}

/// Somebody to whom an operator hands an emergency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emergency {
    /// E.g. `110`.
    pub id: String,
    /// For people.
    pub name: String,
    /// Tried in this order until one answers.
    pub ways: Vec<Way>,
    /// The keys that the operator presses in the talk; none is the beginning of another's.
    pub code: String,
    /// The key by which they say that they have it. `None`: they have it when they have answered and the operator
    /// leaves.
    pub confirm: Option<char>,
    /// How long each way is rung.
    pub ring: Duration,
}

/// A number, and the trunk over which it is dialled; `None`: whichever is best.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    pub trunk: Option<TrunkId>,
    pub number: String,
}

/// What a schedule is switched to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SwitchTo {
    /// It goes by its hours.
    Auto,
    Open,
    Closed,
}

impl Settings {
    /// How sound is encrypted over this trunk, or over the one by which calls of ours go out. `None`: as `media` says.
    pub fn srtp_over(&self, trunk: Option<&TrunkId>) -> Option<media::Srtp> {
        trunk.or(self.way_out.as_ref()).and_then(|trunk| self.srtp_of_trunks.get(trunk)).copied()
    }

    /// Whether keys are heard in the sound over this trunk, or over the one by which calls of ours go out.
    pub fn tones_over(&self, trunk: Option<&TrunkId>) -> bool {
        trunk.or(self.way_out.as_ref()).is_some_and(|trunk| self.tones_of_trunks.contains(trunk))
    }

    /// What a queue is called now that may have had another name.
    pub fn now_called(&self, queue: &QueueId) -> QueueId {
        let now = self.formerly.get(queue).filter(|_| !self.queues.contains_key(queue));
        now.unwrap_or(queue).clone()
    }
}

/// What calls need to know of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueFacts {
    /// The need as written.
    pub need: String,
    /// Within which time callers are to be answered, and who counts.
    pub promise: queue::Promise,
    /// Who has the skills that it asks for at first.
    pub operators: BTreeSet<OperatorId>,
    /// Keys that lead out of the line. Others are not passed on.
    pub keys: BTreeMap<char, ivr::KeyLeads>,
    /// Its talks are recorded.
    pub recorded: bool,
}

/// Everything that can happen to the calls.
#[derive(Clone, Debug)]
pub enum Event {
    Sip(sip::Event),
    Media(media::Event),
    Queue(queue::Output),
    /// The call's opening entry is on disk.
    Durable {
        call: CallId,
    },
    /// A schedule opened or closed; all of them are told at the start.
    Schedule {
        schedule: ScheduleId,
        open: bool,
    },
    /// The answer to [`Action::Ask`].
    Told {
        call: CallId,
        answer: Answer,
    },
    /// The answer to [`Action::CallOut`] with this number; `None`: there is none.
    Replied {
        call: CallId,
        number: u64,
        reply: Option<Reply>,
    },
    /// The answer to [`Action::AskPlace`].
    Place {
        call: CallId,
        told: ivr::Told,
    },
    /// Somebody asks something of a call → [`Action::Obeyed`] with the same ticket.
    Order {
        ticket: u64,
        call: CallId,
        by: OperatorId,
        order: Order,
    },
}

/// What the calls want.
#[derive(Clone, Debug)]
pub enum Action {
    Sip(sip::Command),
    Media(media::Command),
    Queue(queue::Input),
    Write(records::Entry),
    /// A supervisor flips the switch of a schedule, until a clock there shows this minute of the day.
    Switch {
        schedule: ScheduleId,
        to: SwitchTo,
        until: Option<u16>,
        by: OperatorId,
    },
    /// What a branch of the menus needs to know → [`Event::Told`].
    Ask {
        call: CallId,
        question: Question,
    },
    /// A program elsewhere is to be asked → [`Event::Replied`].
    CallOut {
        call: CallId,
        visitor: Visitor,
        request: Request,
    },
    /// Nobody waits for its answer any more.
    CancelCallOut {
        call: CallId,
    },
    /// Where is this call in its line? → [`Event::Place`].
    AskPlace {
        call: CallId,
    },
    /// An order was taken, or not. What the far end does comes later.
    Obeyed {
        ticket: u64,
        result: Result<(), NotDone>,
    },
}
