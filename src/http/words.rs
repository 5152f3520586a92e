//! What the board shows, as it is told in JSON. Times are RFC 3339 with milliseconds and zone, durations milliseconds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::asks::{Mode, Whom};

/// A name for people, in the languages of the pages.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Names {
    pub zh: String,
    pub en: String,
}

/// A line as it is now, and what came to it today.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct QueueNow {
    pub id: String,
    /// In the house's own language.
    pub name: String,
    pub names: Names,
    pub open: bool,
    /// The schedule that it goes by.
    pub schedule: Option<String>,
    /// `open` or `closed` where somebody switched the queue itself, `auto` where it goes by its schedule or hours.
    pub switch: String,
    /// Until when it is switched.
    pub until: Option<String>,
    /// Who switched it, and why.
    pub by: Option<String>,
    pub note: Option<String>,
    /// Callers in the line, those included for whom a phone rings.
    pub waiting: usize,
    /// Since when the one waits who has waited longest.
    pub longest_since: Option<String>,
    /// Callbacks that wait.
    pub callbacks: usize,
    /// The median for who would join now.
    pub expected_wait_ms: Option<u64>,
    /// Operators who are ready and can serve it.
    pub ready: u32,
    pub talking: usize,
    pub offered: u64,
    pub answered: u64,
    pub answered_within: u64,
    pub abandoned: u64,
    /// Answered in time / offered, today: 0 to 1. Who waits and whose time is not up is not counted yet; who waits
    /// longer has been missed.
    pub service_level: Option<f64>,
    pub service_level_15min: Option<f64>,
    pub answer_within_ms: u64,
}

/// An operator as they are now, and what they did today.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct OperatorNow {
    pub id: String,
    pub name: String,
    pub seat: Option<String>,
    /// `signed_out`, `not_ready`, `ready`, `offered`, `reserved`, `talking`, `holding`, `wrap_up`, `outbound` or
    /// `unreachable`.
    pub state: String,
    /// Why they are not ready.
    pub reason: Option<String>,
    pub since: String,
    /// When wrap-up or the offer ends.
    pub until: Option<String>,
    /// What they asked for when their work is done: `signed_out`, or the reason for not being ready.
    pub next: Option<String>,
    pub call: Option<String>,
    /// In wrap-up: the call after which it is.
    pub wraps_up: Option<String>,
    /// What they do in somebody else's call, or before a call is theirs.
    pub part: Option<Part>,
    /// How they came to be consulted no longer, though they did not hang up; until they are consulted again. The wall is
    /// not told.
    pub part_over: Option<PartOver>,
    /// Whom they consult, or have in a conference, beside the caller whom they have. The wall is not told.
    pub consults: Option<Consulting>,
    pub queue: Option<String>,
    pub supervisor: bool,
    /// Today, out of a line.
    pub answered: u64,
    /// Their talks of today that are over, those included that colleagues handed to them.
    pub handled: u64,
    /// Of those talks, each as long as it was theirs.
    pub talk_ms: u64,
    /// Wrap-ups of today that ended.
    pub wrap_up_ms: u64,
}

impl OperatorNow {
    /// As the big screen shows it: whom somebody calls nobody reads in the hall.
    pub fn for_the_wall(&self) -> OperatorNow {
        OperatorNow { consults: None, part_over: None, ..self.clone() }
    }
}

/// A call that is open.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct CallNow {
    pub id: String,
    /// `menu`, `waiting`, `ringing`, `talking`, `holding`, `consulting`, `conference`, `lost` (the operator's phone),
    /// `survey`, `message`, `onward`, `callback` or `ending`.
    pub stage: String,
    pub since: String,
    /// The caller's number; the wall is not told.
    pub from: Option<String>,
    pub to: String,
    pub language: Option<String>,
    pub choices: String,
    pub queue: Option<String>,
    /// Of a callback: when the call arrived in which it was asked for.
    pub arrived_at: String,
    /// When the first line was joined.
    pub queued_at: Option<String>,
    /// When the first operator was joined.
    pub connected_at: Option<String>,
    /// Since when they wait in the line in which they are, or waited in the last one; after a transfer to another queue
    /// that is later than `queued_at`. How long they are in the house is told by `arrived_at`.
    pub line_since: Option<String>,
    /// How long they waited in that line; absent while they wait.
    pub line_wait_ms: Option<u64>,
    /// Whose it is: who talks, or is rung; where several phones ring at once, the first of them. Whoever gave it on has
    /// it no longer.
    pub operator: Option<String>,
    /// Since when `operator` has the caller, of those who had them one after another. Absent while it rings.
    pub operator_since: Option<String>,
    /// All operators whose phones ring for it.
    pub rung: Vec<String>,
    pub seat: Option<String>,
    /// In the line, from 1.
    pub place: Option<usize>,
    /// Why nobody is asked for it, in words.
    pub why: Option<String>,
    pub consulting: Option<Consulting>,
    pub supervised_by: Vec<Supervised>,
    pub emergency: Option<EmergencyNow>,
    /// The emergency service that was called last for this caller, and did not take the matter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emergency_failed: Option<EmergencyFailed>,
    /// Why they are in a line once more, or were before this talk, though an operator had them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub returned: Option<Returned>,
    /// Whom the operator consulted last and did not reach: `busy`, `refused`, `no_answer` or `failed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreached: Option<String>,
    /// The caller hung up; operator and `emergency` talk on.
    pub caller_gone: bool,
    /// Each author has one, in the order in which they began.
    pub notes: Vec<Note>,
    /// What it is about, as far as the menus tell: a node of them, or the queue. See `Figures.categories`; `GET
    /// /directory` tells the nodes' names in `choice_names`.
    pub category: Option<String>,
    /// `soon`: it will be recorded when caller and operator talk and the caller has heard of it; `on`; `paused` by the
    /// operator. Absent where it is not recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording: Option<String>,
    /// What was typed in the menus; the wall is not told.
    pub digits: BTreeMap<String, String>,
    /// The visit in which they asked to be called back.
    pub callback_of: Option<String>,
}

impl CallNow {
    /// Who answers the survey, or leaves a message, is with nobody any more.
    pub fn goes_on(&self) -> bool {
        !matches!(self.stage.as_str(), "survey" | "message" | "ending")
    }

    /// As the big screen shows it: nobody in the hall reads a citizen's number, or what they said or typed.
    pub fn for_the_wall(&self) -> CallNow {
        let called_back = self.callback_of.is_some();
        CallNow {
            id: self.id.clone(),
            stage: self.stage.clone(),
            since: self.since.clone(),
            to: if called_back { String::new() } else { self.to.clone() },
            language: self.language.clone(),
            queue: self.queue.clone(),
            arrived_at: self.arrived_at.clone(),
            queued_at: self.queued_at.clone(),
            connected_at: self.connected_at.clone(),
            line_since: self.line_since.clone(),
            line_wait_ms: self.line_wait_ms,
            operator: self.operator.clone(),
            operator_since: self.operator_since.clone(),
            rung: self.rung.clone(),
            seat: self.seat.clone(),
            place: self.place,
            why: self.why.clone(),
            emergency: self.emergency.clone(),
            caller_gone: self.caller_gone,
            ..CallNow::default()
        }
    }
}

/// What an operator did today, as `hotline statistics --by operator` says it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Today {
    /// Out of a line: each offer of theirs that they took.
    pub answered: u64,
    /// Talks that are over, those included that colleagues handed to them.
    pub handled: u64,
    /// Of those talks, hold included, each as long as it was theirs.
    pub talk_ms: u64,
    pub hold_ms: u64,
    /// After calls, those that ended.
    pub wrap_up_ms: u64,
    /// Mean talk, hold included.
    pub average_ms: Option<u64>,
    /// Mean talk, hold and wrap-up (AHT).
    pub average_handle_ms: Option<u64>,
    pub answered_within: u64,
    /// Of those they answered: 0 to 1.
    pub service_level: Option<f64>,
    /// Offers that they let ring.
    pub missed: u64,
}

/// Whom the call's operator consults.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Consulting {
    /// In words: `operator 1002`, `seat 8002`, `queue english`, a number.
    pub to: String,
    /// The same for programs, as an order says it.
    pub whom: Whom,
    /// Whose phone it is, where an operator sits there.
    pub operator: Option<String>,
    /// `ringing` or `talking`.
    pub stage: String,
    /// The caller hears them, and they the caller: never before a conference.
    pub caller_hears: bool,
}

/// What somebody noted, and when they wrote it last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Note {
    pub by: String,
    /// How they are called, unless they are an operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Not known of old ones.
    pub at: Option<String>,
    pub text: String,
}

/// An operator's part in a call that another has.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Part {
    pub call: String,
    pub act: Act,
    /// `ringing`: their phone still rings for it; `talking`.
    pub stage: String,
    /// Who has the call, or had it last. Absent with `rung` where no operator sends the caller: a menu led to their
    /// seat, or a colleague rings them.
    pub operator: Option<String>,
}

/// The end of an operator's part in a call that another had.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct PartOver {
    pub call: String,
    pub how: PartEnd,
    /// Who had consulted them.
    pub operator: String,
    pub at: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PartEnd {
    /// Who consulted them is with the caller again.
    Returned,
    /// The caller was left to them.
    Theirs,
    /// The caller hung up.
    CallerGone,
    /// A supervisor took the caller over.
    TakenOver,
    /// The house ended the call.
    Cut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Their phone rings for a caller who is sent to them, or who came to their seat without an operator.
    Rung,
    /// They are asked aside: the caller hears music.
    Consulted,
    /// They speak with caller and operator.
    Conference,
    Listen,
    Whisper,
    Barge,
}

impl From<Mode> for Act {
    fn from(mode: Mode) -> Act {
        match mode {
            Mode::Listen => Act::Listen,
            Mode::Whisper => Act::Whisper,
            Mode::Barge => Act::Barge,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Supervised {
    pub operator: String,
    /// `listen`, `whisper` or `barge`.
    pub mode: String,
    /// `ringing`: their phone still rings for it; `talking`.
    pub stage: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct EmergencyNow {
    pub target: String,
    /// `ringing`, `talking`, or `confirmed`: they have taken the matter. Until then the operator can take them out
    /// again by another `hand_off` to the same target; who hangs up leaves the caller to them.
    pub stage: String,
    /// When they were called.
    pub since: String,
}

/// Nobody there answered, or they were left before they confirmed, and the caller came back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct EmergencyFailed {
    pub target: String,
    /// When they were called.
    pub at: String,
}

/// To whom a caller was sent on was not reached, or the phone of who had them did not come back: they are in the line again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Returned {
    /// Of a transfer: `busy`, `refused`, `no_answer` or `failed`. `lost`: the phone.
    pub why: String,
    /// Who had the caller.
    pub by: String,
    /// Whom they were sent to, in words as in `Consulting`. Absent with `lost`.
    pub to: Option<String>,
    /// Whose phone that is, where an operator sits there.
    pub operator: Option<String>,
    pub at: String,
}

/// A citizen whom the house is to call back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct CallbackNow {
    /// Of the visit in which they asked for it.
    pub id: String,
    pub queue: String,
    pub number: String,
    /// Since when their place in the line counts.
    pub since: String,
    /// `waiting` for its turn in the line, `later`: not before `next_at`, `dialling`.
    pub stage: String,
    /// When it is tried again, after a try that failed.
    pub next_at: Option<String>,
    /// Tries that were made, the present one included, and how many there may be.
    pub tries: u8,
    pub most_tries: u8,
    /// In the line, from 1; callers count too.
    pub place: Option<usize>,
    /// Who is kept free for it.
    pub operator: Option<String>,
    /// After that nobody calls them back.
    pub expires_at: String,
}

/// The house today, as `hotline statistics` says it: each visit to a line counts, one more where an operator sends a
/// caller on to a queue, and each is one of the `lines` of a record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Figures {
    /// Visits to lines that began today, without those who gave up at once (the queue's `short_abandon`).
    pub offered: u64,
    pub answered: u64,
    /// Within their queue's time.
    pub answered_within: u64,
    pub abandoned: u64,
    pub waiting: usize,
    pub longest_since: Option<String>,
    /// Answered in time / offered: 0 to 1. Who waits and whose time is not up is not counted yet; who waits longer has
    /// been missed.
    pub service_level: Option<f64>,
    /// Of those who joined a line in the last 15 minutes.
    pub service_level_15min: Option<f64>,
    /// 0 to 1.
    pub goal: f64,
    /// The shortest of all queues.
    pub answer_within_ms: u64,
    pub talking: usize,
    /// Calls in the house, those in menus included.
    pub calls: usize,
    /// Operators by state.
    pub operators: BTreeMap<String, usize>,
    /// By the quarter of an hour in which lines were joined, those in which any were.
    pub quarters: Vec<Quarter>,
    /// On the board, and in the first event after midnight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub yesterday: Option<Vec<Quarter>>,
    /// The same day a week ago; told when `yesterday` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_week: Option<Vec<Quarter>>,
    /// Why callers were not answered in time: how many, by cause. The sum is `offered` - `answered_within`, but for those
    /// who wait and whose time is not up.
    pub ledger: BTreeMap<String, u64>,
    /// What was offered, by what it is about: where the caller chose a node of the menus by a key, and it
    /// is not itself a menu, that node (the one chosen last); else the queue that was joined. The largest first.
    pub categories: Vec<Category>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Quarter {
    /// When it begins.
    pub at: String,
    /// Minutes after midnight.
    pub minute: u32,
    pub offered: u64,
    pub answered: u64,
    pub answered_within: u64,
    pub abandoned: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Category {
    /// Of a node of the menus, or of a queue.
    pub id: String,
    /// In the house's own language.
    pub name: String,
    pub names: Names,
    pub count: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Alarm {
    pub id: String,
    /// `closing` (the hotline is about to close), `service_level`, `nobody` (signed in for callers who wait),
    /// `longest_wait`, `store` (records cannot be written), `recording` (a recording could not), `one_way` (sound),
    /// `emergency` (a service was called in vain for somebody who waits or talks), `emergency_cut_off` (by a restart),
    /// `emergency_trunk` (a service cannot be called) or `clock` (the machine's was set while the hotline runs).
    pub kind: String,
    pub queue: Option<String>,
    pub since: String,
    /// For people, in Chinese and in English.
    pub text: String,
    pub text_en: String,
}

/// What supervisors have to say to everybody.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Notice {
    pub id: String,
    pub text: String,
    /// `info`, `warning` or `urgent`.
    pub level: String,
    pub by: String,
    pub at: String,
    pub until: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct ScheduleNow {
    pub id: String,
    /// In the house's own language.
    pub name: String,
    pub names: Names,
    pub open: bool,
    /// `open` or `closed` where somebody switched it, `auto` where it goes by its hours.
    pub switch: String,
    pub until: Option<String>,
    pub by: Option<String>,
    pub note: Option<String>,
    /// Queues that go by it.
    pub queues: Vec<String>,
}
