//! What is written down.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use super::course::*;
use crate::ids::{CallId, Door, MenuId, OperatorId, QueueId, SeatId, TrunkId};
use crate::moment::Moment;

/// One call, from the first INVITE to the last BYE. Durations are in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub call_id: CallId,
    pub sip_call_id: String,
    pub from: String,
    pub to: String,
    /// What was dialled first, where a trusted carrier says that the call was sent on to us.
    #[serde(default)]
    pub first_dialled: Option<String>,
    /// Why it was sent on from there, e.g. `no-answer` (RFC 5806 §3).
    #[serde(default)]
    pub diverted_because: Option<String>,
    pub trunk: Option<TrunkId>,
    pub arrived_at: Moment,
    /// When our 200 was sent.
    pub answered_at: Option<Moment>,
    /// When the first line was joined; `lines` has all.
    pub queued_at: Option<Moment>,
    /// When the first operator was joined.
    pub connected_at: Option<Moment>,
    pub ended_at: Option<Moment>,
    /// `zh` or `en`.
    pub language: Option<String>,
    /// Keys that counted, in order.
    pub choices: String,
    /// What was typed in the menus, by name; what is secret is asterisks.
    #[serde(default)]
    pub digits: BTreeMap<String, String>,
    /// The nodes of the menus that were gone through, in order.
    #[serde(default)]
    pub menu_path: Vec<MenuId>,
    pub queue: Option<QueueId>,
    /// The queue's need as written.
    pub need: Option<String>,
    pub operator: Option<OperatorId>,
    pub seat: Option<SeatId>,
    pub offers: Vec<OfferRecord>,
    /// Every visit to a line, in order: what the figures of the day count.
    #[serde(default)]
    pub lines: Vec<LineRecord>,
    pub outcome: Option<Outcome>,
    pub ended_by: Option<EndedBy>,
    /// In lines, all visits together.
    pub wait_ms: u64,
    /// With the operator, hold included; while the call is open, of the talks that are over.
    pub talk_ms: u64,
    /// While the call is open: since when an operator has the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub talking_since: Option<Moment>,
    pub hold_ms: u64,
    /// Every line that was joined was answered within its queue's service-level time; `None` if none was.
    pub within_service_level: Option<bool>,
    pub recording: Option<Recording>,
    pub quality: Option<Quality>,
    /// When the sound went directly between the caller and whom they were put through to outside. Nothing of it was
    /// measured here: such a call has no `quality`.
    #[serde(default)]
    pub direct: Vec<DirectRecord>,
    /// Of the sound of the operator who had the caller last.
    #[serde(default)]
    pub operator_quality: Option<Quality>,
    /// Where sound went one way only.
    #[serde(default)]
    pub one_way: Vec<OneWayRecord>,
    pub survey: Option<u8>,
    /// When the operator had hung up and the caller was asked how it was; the call lasts longer than the talk.
    #[serde(default)]
    pub survey_at: Option<Moment>,
    /// When the caller was asked for a message.
    #[serde(default)]
    pub message_at: Option<Moment>,
    /// The final status of the caller's INVITE; of ours where we call the citizen.
    pub sip_status: Option<u16>,
    /// Why it ended, as the message says that ended it (RFC 3326), e.g. `Q.850;cause=16`.
    #[serde(default)]
    pub reason: Option<String>,
    /// We called the citizen back: the visit in which they asked for it.
    #[serde(default)]
    pub callback_of: Option<CallId>,
    /// Which try it was, from 1.
    #[serde(default)]
    pub attempt: Option<u8>,
    /// The wait that was foreseen (median) when the first line was joined.
    #[serde(default)]
    pub expected_wait_ms: Option<u64>,
    /// Every try to hand an emergency to somebody else.
    #[serde(default)]
    pub handoff: Vec<HandoffRecord>,
    /// The carrier was asked to put the caller and whom they were put through to together without us; `referral` in records
    /// of former versions.
    #[serde(default, alias = "referral")]
    pub release: Option<ReleaseRecord>,
    /// Where menus and the rules of lines sent the caller on: to numbers outside, and to phones at seats. Of an operator's
    /// second line: whom they dialled.
    #[serde(default)]
    pub sent_on: Vec<SentOnRecord>,
    /// Every try to bring a colleague, a queue or a number outside to the caller, or the caller to them.
    #[serde(default)]
    pub transfers: Vec<TransferRecord>,
    /// Which supervisors took part, how and when.
    #[serde(default)]
    pub supervised: Vec<SupervisionRecord>,
    /// Operators' phones that were lost in the talk.
    #[serde(default)]
    pub lost: Vec<LostRecord>,
    /// When the caller was on hold, or held themselves; consultations are in `transfers`.
    #[serde(default)]
    pub holds: Vec<HoldRecord>,
    /// What was noted, in the call or after it: one entry for each author, in the order in which they began.
    #[serde(default)]
    pub notes: Vec<NoteRecord>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteRecord {
    pub by: OperatorId,
    /// When they wrote it last. `None`: not known.
    pub at: Option<Moment>,
    pub text: String,
}

/// Authors of notes on one call; others are refused.
pub const MOST_NOTES: usize = 32;

impl Record {
    /// Writes an author's note, in the place of what they wrote before; empty text takes it away. `false`: too many
    /// others have noted something.
    pub fn set_note(&mut self, by: &OperatorId, at: Moment, text: &str) -> bool {
        let known = self.notes.iter().position(|note| note.by == *by);
        match known {
            Some(index) if text.is_empty() => drop(self.notes.remove(index)),
            Some(index) => (self.notes[index].at, self.notes[index].text) = (Some(at), text.into()),
            None if text.is_empty() => {}
            None if self.notes.len() >= MOST_NOTES => return false,
            None => self.notes.push(NoteRecord { by: by.clone(), at: Some(at), text: text.into() }),
        }
        true
    }

    /// Operators who have the caller, or had them; some more than once.
    pub fn operators(&self) -> impl Iterator<Item = &OperatorId> {
        let is_left = |transfer: &&TransferRecord| transfer.outcome == TransferOutcome::Transferred;
        let last = self.operator.iter().filter(|_| self.connected_at.is_some());
        let asked = self.offers.iter().filter(|offer| offer.outcome == OfferOutcome::Answered);
        let left_to = self.transfers.iter().filter(is_left).filter_map(|transfer| transfer.operator.as_ref());
        last.chain(asked.map(|offer| &offer.operator))
            .chain(self.lines.iter().filter_map(|line| line.operator.as_ref()))
            .chain(self.transfers.iter().map(|transfer| &transfer.by))
            .chain(self.transfers.iter().filter_map(|transfer| transfer.from.as_ref()))
            .chain(left_to)
            .chain(self.lost.iter().map(|lost| &lost.operator))
    }

    /// Queues whose lines were visited, and the last that the call was for; some more than once.
    pub fn queues(&self) -> impl Iterator<Item = &QueueId> {
        self.queue.iter().chain(self.lines.iter().map(|line| &line.queue))
    }

    /// Whether an operator has the caller, or had them.
    pub fn was_with(&self, operator: &OperatorId) -> bool {
        self.operators().any(|one| one == operator)
    }

    /// Whether an operator took part: had the caller, was consulted, or supervised.
    pub fn took_part(&self, operator: &OperatorId) -> bool {
        let spoke =
            |transfer: &TransferRecord| transfer.operator.as_ref() == Some(operator) && transfer.answered_at.is_some();
        self.was_with(operator)
            || self.transfers.iter().any(spoke)
            || self.supervised.iter().any(|supervised| supervised.operator == *operator)
    }
}

impl Record {
    /// An operator dialled it beside a talk, to reach somebody who is no line and no menu.
    pub fn is_second_line(&self) -> bool {
        self.sent_on.last().is_some_and(|sent| sent.by == SentBy::Operator)
    }

    /// The line in which it waits, or waited last.
    pub fn line(&self) -> Option<&LineRecord> {
        self.lines.last()
    }

    /// Why the caller came back to the line of this visit, or of the one from which it was moved on; `None`: they did
    /// not come back.
    pub fn returned(&self, visit: &LineRecord) -> Option<Returned<'_>> {
        let began = visit.joined_at;
        let sent = |of: &&TransferRecord| of.kind.is_unanswered() && of.ended_at == Some(began);
        let left = |of: &&HandoffRecord| of.ended_at == Some(began) && of.outcome.is_in_vain();
        if let Some(sent) = self.transfers.iter().rev().find(sent) {
            return sent.outcome.is_in_vain().then_some(Returned::Transfer(sent));
        }
        if let Some(left) = self.handoff.iter().rev().find(left) {
            return Some(Returned::Emergency(left));
        }
        // It was waited for a while whether the phone comes back.
        let answered = self.lines.iter().filter_map(|line| line.operator.as_ref().and(line.left_at));
        let talks_since = answered.filter(|at| *at <= began).max()?;
        let lost = self.lost.iter().rev().find(|lost| lost.back_at.is_none() && lost.at <= began)?;
        (talks_since <= lost.at).then_some(Returned::Lost(lost))
    }

    /// The visits that are over, as a whole: how long they waited, and whether each that counts was answered in time.
    pub fn sum_of_lines(&self) -> (u64, Option<bool>) {
        let visits = || self.lines.iter().filter(|line| line.outcome != LineOutcome::Moved);
        let mut counted = visits().filter(|line| line.outcome != LineOutcome::Withdrawn).peekable();
        let is_counted = counted.peek().is_some();
        let in_time = counted.all(|line| line.within_service_level == Some(true));
        (visits().map(|line| line.wait_ms).sum(), is_counted.then_some(in_time))
    }

    /// The house ended the call: so it ended what was still going on beside the talk.
    pub fn cut_at(&mut self, at: Moment) {
        let transfers = self.transfers.iter_mut().map(|of| (&mut of.ended_at, &mut of.outcome));
        let sent_on = self.sent_on.iter_mut().map(|of| (&mut of.ended_at, &mut of.outcome));
        for (ended_at, outcome) in transfers.chain(sent_on).filter(|(ended_at, _)| ended_at.is_none()) {
            (*ended_at, *outcome) = (Some(at), TransferOutcome::Restarted);
        }
        for handoff in self.handoff.iter_mut().filter(|handoff| handoff.ended_at.is_none()) {
            (handoff.ended_at, handoff.outcome) = (Some(at), HandoffOutcome::Restarted);
        }
        if let Some(release) = self.release.as_mut().filter(|release| release.ended_at.is_none()) {
            (release.ended_at, release.outcome) = (Some(at), ReleaseOutcome::Restarted);
        }
        for direct in &mut self.direct {
            direct.ended_at.get_or_insert(at);
        }
    }
}

/// Why nothing was recorded of a talk that should have been.
pub const NOT_NOTICED: &str = "the caller did not hear that the call is recorded";
/// Why a recording ends before the call.
pub const LEFT_OUTSIDE: &str =
    "the caller was put through to somebody outside, who did not hear that the call is recorded";

/// What was recorded of a call, or why nothing was.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Recording {
    /// Below the data folder, or `recordings/…` in the folder that recordings have of their own. `None`: there is none.
    pub file: Option<String>,
    /// When it began; `at_ms` of the index counts from there. `None`: not known.
    pub began_at: Option<Moment>,
    /// Of the file as it lies there. `None`: it is still being written.
    pub sha256: Option<String>,
    pub length_ms: Option<u64>,
    /// Of the file as it lies there.
    pub bytes: Option<u64>,
    pub encrypted: bool,
    /// Sound that is not in it, because the disk did not keep up.
    pub lost_ms: u64,
    /// What is heard from when on.
    pub index: Vec<IndexEntry>,
    /// Why there is none, or why it ends early.
    pub why: Option<String>,
    /// Its time was over.
    pub deleted_at: Option<Moment>,
}

/// A stage in the index alone: caller and operator would talk, but the caller's own phone holds.
pub const CALLER_HOLDS: &str = "caller_holds";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IndexEntry {
    /// From the beginning of the file.
    pub at_ms: u64,
    /// `talking`, `holding`, `consulting` …; [`CALLER_HOLDS`].
    pub stage: String,
    pub operator: Option<OperatorId>,
    /// Silence: the operator asked for it, or somebody outside is rung.
    pub paused: bool,
}

impl Recording {
    /// What went wrong with it; that it was not to begin, or not to go on, is no fault.
    pub fn fault(&self) -> Option<&str> {
        self.why.as_deref().filter(|why| ![NOT_NOTICED, LEFT_OUTSIDE].contains(why))
    }

    /// When it was paused (`true`), and when it went on.
    pub fn pauses(&self) -> Vec<(Moment, bool)> {
        let Some(began) = self.began_at else { return Vec::new() };
        let mut paused = false;
        let turns = self.index.iter().filter(|entry| std::mem::replace(&mut paused, entry.paused) != entry.paused);
        turns.map(|entry| (began + Duration::from_millis(entry.at_ms), entry.paused)).collect()
    }
}

/// What becomes known of a recording whose call is over. What is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RecordingChange {
    /// It lies there now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encrypted: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Moment>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    pub mos: f64,
    #[serde(default)]
    pub scale: Scale,
    pub loss: f64,
    pub jitter_ms: f64,
    /// What the phone reported of our sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub far: Option<FarEnd>,
}

/// Of a mean opinion score: ITU-T G.107 or G.107.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    #[default]
    Narrowband,
    Wideband,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FarEnd {
    /// Share of our packets that were lost, 0.0–1.0.
    pub loss: f64,
    pub jitter_ms: f64,
    /// The mean, RFC 3550 §6.4.1. `None`: no report told it.
    pub round_trip_ms: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Answered,
    AbandonedInMenu,
    AbandonedInQueue,
    Callback,
    Message,
    Overflowed,
    TransferredOut,
    RefusedBusy,
    RefusedClosed,
    RefusedRules,
    Failed,
    SystemRestart,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    Caller,
    Operator,
    System,
    /// Nobody: the carrier put both together without us, and they talk on.
    Released,
}

/// One thing to write, in the order it happened.
#[derive(Clone, Debug)]
pub enum Entry {
    /// The call is there. Durable before its 200.
    Opened(Box<Record>),
    /// What is known by now, so that a restart can tell how far it came.
    Changed(Box<Record>),
    /// It is over. Exactly one per call.
    Closed(Box<Record>),
    /// Somebody noted something on a call that is over: the one thing in its record that still changes. See
    /// [`Record::set_note`].
    Noted { call: CallId, by: OperatorId, at: Moment, text: String },
    /// What became of the recording of a call that is over. `of`: only if its record names this file; `None`: whatever
    /// it names.
    Recording { call: CallId, of: Option<String>, change: RecordingChange },
    /// One numbered input of the queue engine, as JSON.
    Input { seq: u64, at: Moment, input: String },
    /// The engine's whole state after input `seq`, as JSON: a restart begins here.
    Checkpoint { seq: u64, at: Moment, state: String },
    /// The engine began with this checkpoint (0: none) and the inputs after it up to `last`. What is later could
    /// not be read; it goes, so that the next restart does not stop at it.
    Restored { checkpoint: u64, last: u64 },
    /// One output of the engine worth explaining later, as JSON.
    Decision { seq: u64, at: Moment, call: Option<CallId>, output: String },
    /// One line of the queue-log form.
    Event(QueueEvent),
    /// A registered phone; `None`: gone. JSON of `sip::Binding`.
    Binding { seat: SeatId, binding: Option<String> },
    /// Somebody flipped a switch. JSON of `app`'s `Flip`.
    Switch { at: Moment, door: Door, flip: String },
    /// Calls that were open at a crash ended no earlier than this.
    Heartbeat { at: Moment },
    /// A version of the configuration took effect, or the files of the present one were laid out anew.
    Version(Box<Version>),
}

impl Entry {
    /// Whether somebody waits for it to be on the disk: a caller for the answer, a person for theirs.
    pub fn is_awaited(&self) -> bool {
        self.is_opening() || matches!(self, Entry::Noted { .. } | Entry::Switch { .. } | Entry::Version(_))
    }

    pub fn is_opening(&self) -> bool {
        matches!(self, Entry::Opened(_))
    }
}

/// The configuration as it took effect at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Counts up from 1; the rules that the engine is given bear it.
    pub number: u64,
    pub at: Moment,
    pub author: String,
    /// Why; empty if nobody said.
    pub note: String,
    /// What is different from the version before, one line each.
    pub changes: Vec<String>,
    /// What the files mean, as JSON of `config::Meaning`.
    pub meaning: String,
    /// The files by their name within the folder.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// One event in Asterisk's `queue_log` vocabulary: `ts|callid|queue|agent|event|data1|data2…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueEvent {
    pub at: Moment,
    pub call: Option<CallId>,
    pub queue: Option<QueueId>,
    pub operator: Option<OperatorId>,
    /// `ENTERQUEUE`, `CONNECT`, `COMPLETECALLER` …
    pub event: &'static str,
    pub data: Vec<String>,
}
