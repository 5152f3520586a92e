//! Client transactions, RFC 3261 §17.1, with the Accepted state of RFC 6026 §7.2.

use std::time::Duration;

use super::{Due, patience};
use crate::moment::Moment;
use crate::sip::words::{Flow, Timers};

pub struct ClientTransaction {
    pub flow: Flow,
    is_invite: bool,
    state: State,
    bytes: Vec<u8>,
    /// Its user is told then if nothing came back.
    silent_at: Option<Moment>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing came back: sent again (timers A and E, only unreliable) until timers B and F.
    Calling { again: Option<Moment>, interval: Duration, until: Moment },
    /// A provisional response came. An INVITE waits as long as its user likes
    /// (see [`ClientTransaction::give_up_at`]); others go on every T2.
    Proceeding { again: Option<Moment>, until: Option<Moment> },
    /// A final response came: late copies are absorbed (timers D, K and M).
    Settling { until: Moment, accepted: bool },
}

/// What a response is to the user of the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// The first of its kind: tell the user.
    Tell,
    /// A copy of a refusal of an INVITE: acknowledge again.
    Acknowledge,
    /// A copy: nothing to do.
    Old,
}

impl ClientTransaction {
    pub fn new(now: Moment, timers: &Timers, flow: Flow, is_invite: bool, bytes: Vec<u8>) -> Self {
        let again = (!flow.transport.is_reliable()).then(|| now + timers.t1);
        let state = State::Calling { again, interval: timers.t1, until: now + patience(timers) };
        Self { flow, is_invite, state, bytes, silent_at: None }
    }

    pub fn is_invite(&self) -> bool {
        self.is_invite
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether nothing came back yet.
    pub fn is_silent(&self) -> bool {
        matches!(self.state, State::Calling { .. })
    }

    /// Whether a final response came.
    pub fn is_answered(&self) -> bool {
        matches!(self.state, State::Settling { .. })
    }

    pub fn received(&mut self, now: Moment, timers: &Timers, status: u16) -> News {
        let reliable = self.flow.transport.is_reliable();
        match (self.state, status) {
            (State::Settling { accepted: true, .. }, 200..300) => News::Tell,
            (State::Settling { accepted: false, .. }, 300..) if self.is_invite => News::Acknowledge,
            (State::Settling { .. }, _) => News::Old,
            (State::Calling { until, .. }, ..200) => {
                let again = (!reliable && !self.is_invite).then(|| now + timers.t2);
                self.state = State::Proceeding { again, until: (!self.is_invite).then_some(until) };
                News::Tell
            }
            (State::Proceeding { .. }, ..200) => News::Tell,
            (_, 200..) => {
                let accepted = self.is_invite && status < 300;
                let rest = match (self.is_invite, reliable) {
                    (true, _) if accepted => patience(timers),
                    (_, true) => Duration::ZERO,
                    // §17.1.1.2: timer D is at least 32 s; timer K is T4.
                    (true, false) => patience(timers),
                    (false, false) => timers.t4,
                };
                self.state = State::Settling { until: now + rest, accepted };
                News::Tell
            }
        }
    }

    /// An INVITE that waits for its final response does so until then at the latest.
    pub fn give_up_at(&mut self, at: Moment) {
        if let State::Proceeding { until, .. } = &mut self.state {
            *until = Some(until.map_or(at, |until| until.min(at)));
        }
    }

    /// If nothing came back by then, that is told once: [`Due::Silent`].
    pub fn tell_silence_at(&mut self, at: Moment) {
        self.silent_at = Some(at);
    }

    /// One to which nothing came back is sent no more. What still comes is its user's, until its time is over.
    pub fn stop_resending(&mut self) {
        if let State::Calling { again, .. } = &mut self.state {
            *again = None;
        }
    }

    pub fn handle_deadline(&mut self, now: Moment, timers: &Timers) -> Due {
        let is_silent = self.is_silent();
        match &mut self.state {
            State::Calling { until, .. } if *until <= now => Due::TimedOut,
            _ if is_silent && self.silent_at.take_if(|at| *at <= now).is_some() => Due::Silent,
            State::Proceeding { until: Some(until), .. } if *until <= now => Due::TimedOut,
            State::Calling { again: Some(again), interval, .. } if *again <= now => {
                *interval *= 2;
                if !self.is_invite {
                    *interval = (*interval).min(timers.t2);
                }
                *again = now + *interval;
                Due::Resend
            }
            State::Proceeding { again: Some(again), .. } if *again <= now => {
                *again = now + timers.t2;
                Due::Resend
            }
            State::Settling { until, .. } if *until <= now => Due::Over,
            _ => Due::Nothing,
        }
    }

    pub fn next_deadline(&self) -> Option<Moment> {
        match self.state {
            State::Calling { again, until, .. } => [again, self.silent_at, Some(until)].into_iter().flatten().min(),
            State::Proceeding { again, until } => again.into_iter().chain(until).min(),
            State::Settling { until, .. } => Some(until),
        }
    }
}
