//! A leg: one INVITE session of ours or theirs, RFC 3261 §13–15. Its verbs are the files beside this one.

pub(super) mod accept;
mod again;
pub(super) mod end;
pub(super) mod invite;
mod outward;
pub(super) mod provisional;
pub(super) mod reason;
pub(super) mod refer;
pub(super) mod releasing;
pub(super) mod reoffer;
pub(super) mod timer;

use std::time::Duration;

use outward::Outward;
use provisional::{Early, Reliably};
use timer::Timer;

use super::admission::supports;
use super::dialog::Dialog;
use super::message::{Headers, Request};
use super::trunks::TrunkNo;
use super::watching::Lamp;
use super::words::{Flow, Invite, Source};
use crate::ids::SeatId;
use crate::moment::Moment;

/// Server and client transactions are numbered by the endpoint.
pub(super) type TransactionId = u64;

pub(super) struct Leg {
    pub state: State,
    pub dialog: Option<Dialog>,
    /// A 2xx of ours to an INVITE or re-INVITE that waits for its ACK.
    pub unacked: Option<Unacked>,
    /// A re-INVITE, UPDATE or PRACK of theirs whose offer waits for the call's word.
    pub their_reoffer: Option<TransactionId>,
    /// A re-INVITE of ours that waits for their answer, with the ACK of the last one that was answered.
    pub our_reoffer: Option<TransactionId>,
    /// A re-INVITE of ours to be sent (again) at this moment: after 491, §14.1.
    pub reoffer_at: Option<(Moment, Vec<u8>)>,
    /// A re-INVITE of ours that waits for a way to the phone.
    pub parked: Option<Vec<u8>>,
    /// The BYE waits for a way to the phone until then.
    pub forget_at: Option<Moment>,
    /// The call was told that the browser's connection is gone.
    pub flow_lost: bool,
    /// Whose phone it leads to or comes from.
    pub seat: Option<SeatId>,
    /// The name of the phone there whose dialog it is.
    pub phone: Option<String>,
    /// The trunk that it came or went by.
    pub trunk: Option<TrunkNo>,
    /// They began the dialog.
    pub is_theirs: bool,
    /// Who calls, as that trunk asserts it.
    pub asserted: Option<String>,
    /// The call has let go: nothing is told any more, the rest is only courtesy.
    pub let_go: bool,
    /// What a 488 of ours says, in a Warning.
    pub warning: Option<String>,
    /// To be sent as Reason in the BYE that waits for an ACK.
    pub reason: Option<String>,
    /// The ACKs of our INVITEs by transaction, sent again for each copy of a 2xx.
    pub acks: Vec<(TransactionId, Flow, Vec<u8>)>,
    /// Our description that holds, or is about to.
    pub described: Vec<u8>,
    /// They understand UPDATE.
    pub updates: bool,
    /// They understand REFER, or did not say what they understand.
    pub takes_refer: bool,
    /// They said that they understand Replaces.
    pub takes_replaces: bool,
    /// The number in our INVITE.
    pub dialled: Option<String>,
    /// How the session is refreshed, and the request of ours that does it.
    pub timer: Option<Timer>,
    /// The longest that a 422 of theirs had as its least.
    pub their_least: Duration,
    /// Nobody here hears whether they are there.
    pub unheard: bool,
    pub refreshing: Option<TransactionId>,
    /// A REFER came before.
    pub referred: bool,
    /// What whoever watches its seat was told of it last.
    pub shown: Lamp,
}

pub(super) enum State {
    /// Our INVITE waits for its phone to be back.
    Held(Box<Invite>),
    /// Their INVITE, not answered yet.
    Incoming {
        transaction: TransactionId,
        request: Box<Request>,
        tag: String,
        progress: Option<Progress>,
        reliably: Reliably,
        /// Until then they want it answered, RFC 3261 §13.3.1.
        expires_at: Option<Moment>,
    },
    /// Our INVITE, not answered yet.
    Calling(Box<Calling>),
    /// Answered.
    Talking,
    /// The BYE waits until the ACK is there, §15, or the phone.
    Hanging,
    /// Our BYE is on its way.
    Ending,
}

/// The last provisional response that is sent again.
pub(super) struct Progress {
    pub bytes: Vec<u8>,
    /// It has a description.
    pub described: bool,
    pub repeat: Repeat,
    pub again: Moment,
    /// Until the repetition after that.
    pub interval: Duration,
}

/// Why and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Soon, as over UDP it may be lost and nobody would hear anything, then so that proxies do not give up (§13.3.1.1).
    Soon,
    /// Until its PRACK is there; without one by then the call is refused.
    UntilPrack { until: Moment },
    /// It was acknowledged: what proxies wait for is another.
    Anew,
}

pub(super) struct Calling {
    pub transaction: TransactionId,
    pub request: Request,
    pub flow: Flow,
    pub pinned: bool,
    /// A provisional response came: a CANCEL may be sent, §9.1.
    pub provisional: bool,
    /// One above 100 came: whatever is said from now on is the phone's word.
    pub rang: bool,
    pub cancel: Cancel,
    /// What forks of it said reliably.
    pub early: Vec<Early>,
    /// The tags of the phones that ring, RFC 3261 §12.1: at most [`MAX_EARLY`](provisional::MAX_EARLY).
    pub rings: Vec<String>,
    /// How often it was sent to another address, or with another interval.
    pub turns: u8,
    /// It goes by another flow of the same phone then, if nothing came back at all.
    pub other_flow_at: Option<Moment>,
    /// Over a trunk.
    pub outward: Option<Box<Outward>>,
}

impl Calling {
    pub fn new(transaction: TransactionId, request: Request, flow: Flow, pinned: bool) -> Self {
        Self {
            transaction,
            request,
            flow,
            pinned,
            provisional: false,
            rang: false,
            cancel: Cancel::No,
            early: Vec::new(),
            rings: Vec::new(),
            turns: 0,
            other_flow_at: None,
            outward: None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cancel {
    No,
    /// As soon as a provisional response is there.
    Wanted,
    Sent,
}

/// A 2xx that is sent again until its ACK comes, §13.3.1.4.
pub(super) struct Unacked {
    pub bytes: Vec<u8>,
    pub transaction: TransactionId,
    pub seq: u32,
    pub again: Moment,
    pub interval: Duration,
    pub until: Moment,
    /// It has an offer of ours, which the ACK answers.
    pub offered: Option<Offered>,
}

/// An offer of ours in a 2xx.
pub(super) enum Offered {
    /// The first: without an answer there is no session, §13.2.1.
    First,
    /// One within a session, which was described so before: without an answer all is as it was, §14.1.
    Anew { before: Vec<u8> },
}

/// The 183 is repeated a little more often than the minute after which proxies may give up.
pub(super) const PROGRESS_EVERY: Duration = Duration::from_secs(55);
/// Over UDP it is repeated three times before, as a request would be: after T1, 2 × T1 and 4 × T1.
pub(super) const PROGRESS_DOUBLES_UP_TO: u32 = 4;

impl Leg {
    pub fn new(state: State) -> Self {
        Self {
            state,
            dialog: None,
            unacked: None,
            their_reoffer: None,
            our_reoffer: None,
            reoffer_at: None,
            parked: None,
            forget_at: None,
            flow_lost: false,
            seat: None,
            phone: None,
            trunk: None,
            is_theirs: false,
            asserted: None,
            let_go: false,
            warning: None,
            reason: None,
            acks: Vec::new(),
            described: Vec::new(),
            updates: false,
            takes_refer: true,
            takes_replaces: false,
            dialled: None,
            timer: None,
            their_least: Duration::ZERO,
            unheard: false,
            refreshing: None,
            referred: false,
            shown: Lamp::Dark,
        }
    }

    /// The dialog with whoever has this tag: the leg's, or before it was answered one of its forks'.
    pub fn dialog_with(&mut self, tag: Option<&str>) -> Option<&mut Dialog> {
        let own = match (&mut self.dialog, &mut self.state) {
            (Some(dialog), _) => Some(dialog),
            (None, State::Calling(calling)) => {
                calling.early.iter_mut().map(|early| &mut early.dialog).find(|dialog| dialog.remote_tag() == tag)
            }
            (None, _) => None,
        };
        own.filter(|dialog| dialog.remote_tag() == tag)
    }

    /// What the other side said it understands.
    pub fn learn_methods(&mut self, headers: &Headers) {
        let allowed = headers.tokens("Allow");
        let allows = |name: &str| allowed.iter().any(|method| method == name);
        self.updates = allows("UPDATE");
        self.takes_refer = headers.get("Allow").is_none() || allows("REFER");
        // RFC 3891 §6.2: who knows it says so.
        self.takes_replaces = supports(headers, "replaces");
    }

    pub fn next_deadline(&self) -> Option<Moment> {
        let progress = match &self.state {
            State::Incoming { progress, expires_at, .. } => {
                progress.as_ref().map(|progress| progress.again).into_iter().chain(*expires_at).min()
            }
            State::Calling(calling) => {
                calling.outward.as_ref().and_then(|outward| outward.move_on_at).or(calling.other_flow_at)
            }
            _ => None,
        };
        let unacked = self.unacked.as_ref().map(|unacked| unacked.again.min(unacked.until));
        let reoffer = self.reoffer_at.as_ref().map(|(at, _)| *at);
        let talks = matches!(self.state, State::Talking) && !self.let_go;
        let timer = self.timer.filter(|_| talks).map(|timer| timer.due);
        progress.into_iter().chain(unacked).chain(reoffer).chain(self.forget_at).chain(timer).min()
    }
}

/// Whose INVITE it is, once admitted.
pub(super) struct Admitted {
    pub source: Source,
    pub pinned: bool,
}
