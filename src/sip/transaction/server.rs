//! Server transactions, RFC 3261 §17.2, with the Accepted state of RFC 6026 §7.1.

use std::time::Duration;

use super::{Due, patience};
use crate::moment::Moment;
use crate::sip::words::{Flow, Timers};

pub struct ServerTransaction {
    /// Where responses go.
    pub flow: Flow,
    is_invite: bool,
    state: State,
    last: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No final response yet, and none at all where 100 is due.
    Open { trying: Option<Moment> },
    /// INVITE refused: sent again (timer G, only unreliable) until the ACK or timer H.
    Refused { again: Option<Moment>, interval: Duration, until: Moment },
    /// ACK for the refusal came (timer I), or a non-INVITE was answered (timer J).
    Settling { until: Moment },
    /// INVITE answered 2xx (timer L): the user agent core sends that again, not we.
    Accepted { until: Moment },
}

impl ServerTransaction {
    pub fn new(flow: Flow, is_invite: bool) -> Self {
        Self { flow, is_invite, state: State::Open { trying: None }, last: Vec::new() }
    }

    /// What a retransmitted request is answered with.
    pub fn last(&self) -> Option<&[u8]> {
        let silent = self.last.is_empty() || matches!(self.state, State::Accepted { .. });
        (!silent).then_some(&self.last)
    }

    /// Whether a final response was sent.
    pub fn is_answered(&self) -> bool {
        !matches!(self.state, State::Open { .. })
    }

    /// 100, which is sent then unless something else was before, and whenever a copy of the request comes.
    pub fn try_at(&mut self, at: Moment, bytes: Vec<u8>) {
        (self.state, self.last) = (State::Open { trying: Some(at) }, bytes);
    }

    pub fn respond(&mut self, now: Moment, timers: &Timers, status: u16, bytes: Vec<u8>) {
        if self.is_answered() {
            return;
        }
        self.last = bytes;
        let reliable = self.flow.transport.is_reliable();
        let until = now + patience(timers);
        self.state = match (self.is_invite, status) {
            (_, ..200) => State::Open { trying: None },
            (true, 200..300) => {
                self.last = Vec::new();
                State::Accepted { until }
            }
            (true, _) => {
                let again = (!reliable).then(|| now + timers.t1);
                State::Refused { again, interval: timers.t1, until }
            }
            (false, _) => State::Settling { until: if reliable { now } else { until } },
        };
    }

    /// The ACK of a refusal, §17.2.1.
    pub fn acknowledged(&mut self, now: Moment, timers: &Timers) {
        if let State::Refused { .. } = self.state {
            let rest = if self.flow.transport.is_reliable() { Duration::ZERO } else { timers.t4 };
            self.state = State::Settling { until: now + rest };
        }
    }

    pub fn handle_deadline(&mut self, now: Moment, timers: &Timers) -> Due {
        match &mut self.state {
            State::Open { trying } if trying.is_some_and(|at| at <= now) => {
                *trying = None;
                Due::Resend
            }
            State::Refused { until, .. } if *until <= now => Due::TimedOut,
            State::Refused { again: Some(again), interval, .. } if *again <= now => {
                *interval = (*interval * 2).min(timers.t2);
                *again = now + *interval;
                Due::Resend
            }
            State::Settling { until } | State::Accepted { until } if *until <= now => Due::Over,
            _ => Due::Nothing,
        }
    }

    pub fn next_deadline(&self) -> Option<Moment> {
        match self.state {
            State::Open { trying } => trying,
            State::Refused { again, until, .. } => Some(again.map_or(until, |again| again.min(until))),
            State::Settling { until } | State::Accepted { until } => Some(until),
        }
    }

    /// The last answer, to be sent again; empty if there is none or it is the user's to repeat.
    pub fn bytes(&self) -> &[u8] {
        &self.last
    }
}
