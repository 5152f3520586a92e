//! What becomes of a leg's description, its ports and its end: each is for whoever the leg is.

use std::time::Duration;

use tracing::debug;

use super::caller::{Call, State};
use super::calls::House;
use crate::ids::LegId;
use crate::media::{self, Direction};
use crate::records::{EndedBy, Outcome};
use crate::sip::{self, Body};

/// A 200 is acknowledged, and an offer in it answered, within this: signalling waits 32 s for the ACK, sound says at once
/// what it thinks of the answer. A call for which neither says anything does not stay for ever.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(40);

impl Call {
    /// Our 200 went out, or our sound was described before it: nothing is played before that is acknowledged.
    pub fn expect_ack(&mut self, house: &House) {
        self.state = State::Unacknowledged { give_up: house.now + ACKNOWLEDGED_WITHIN };
    }

    /// What we said was acknowledged, a 2xx perhaps with the answer to our offer. Nobody but whom it was sent to knew its
    /// tag.
    pub fn acknowledged(&mut self, house: &mut House, leg: LegId, answer: Option<Body>) {
        self.acknowledged |= leg == self.caller && self.accepted;
        match (answer, &self.state) {
            (Some(body), _) => house.media(media::Command::TakeAnswer { leg, sdp: body.bytes }),
            (None, State::Unacknowledged { .. }) if leg == self.caller && !self.late => self.begin(house),
            (None, _) => {}
        }
    }

    pub fn agreed(&mut self, house: &mut House, leg: LegId, direction: Direction) {
        if self.is_onward(leg) {
            return self.onward_agreed(house, direction);
        }
        if leg != self.caller {
            return self.seat_agreed(house, leg, direction);
        }
        self.direction = direction;
        match self.state {
            State::Unacknowledged { .. } => self.begin(house),
            State::Dialling(_) => self.reached(house),
            State::Onward(_) if self.is_sent_on() => self.hear_onward(house),
            _ => self.hold_changed(house, leg, direction),
        }
    }

    pub fn unacceptable(&mut self, house: &mut House, leg: LegId, why: &str, malformed: bool) {
        debug!(%leg, why, "description refused");
        if self.is_onward(leg) {
            return self.onward_unacceptable(house);
        }
        if leg != self.caller {
            return self.seat_unacceptable(house, leg);
        }
        let status = if malformed { 400 } else { 488 };
        if std::mem::take(&mut self.reoffered) {
            house.sip(sip::Command::RefuseReoffer { leg, status });
        } else if matches!(self.state, State::Dialling(_)) {
            self.not_reached(house, status);
        } else if !self.accepted {
            self.refuse(house, status, Outcome::Failed);
        } else if matches!(self.state, State::Unacknowledged { .. }) {
            self.because = Some(sip::Reason::of_status(488));
            self.end_by_house_with(house, Outcome::Failed, "SIP;cause=488;text=\"Not Acceptable Here\"");
            self.because = None;
        }
        // Else it answers an offer that they asked for within the session: that goes on as it was, RFC 3261 §14.1.
    }

    pub fn no_ports(&mut self, house: &mut House, leg: LegId) {
        if self.is_onward(leg) {
            self.onward_failed(house, 503)
        } else if leg == self.caller && self.outward {
            self.not_reached(house, 503)
        } else if leg == self.caller {
            self.refuse(house, 503, Outcome::RefusedBusy)
        } else {
            self.no_ports_for_seat(house, leg)
        }
    }

    pub fn leg_ended(&mut self, house: &mut House, leg: LegId, why: sip::Ended) {
        if self.is_onward(leg) {
            return self.onward_ended(house);
        }
        if leg != self.caller && why == sip::Ended::Lost && self.talk().is_some() {
            return self.operator_lost(house);
        }
        if leg != self.caller {
            return self.seat_ended(house, leg);
        }
        let by = match why {
            sip::Ended::Bye | sip::Ended::Cancelled => EndedBy::Caller,
            sip::Ended::NoAck | sip::Ended::NoAnswer | sip::Ended::Lost => EndedBy::System,
        };
        match why {
            sip::Ended::Cancelled => self.not_accepted(487),
            // Before our answer this ends the INVITE as well, RFC 3261 §15.1.2.
            sip::Ended::Bye => _ = self.record.sip_status.get_or_insert(487),
            // Before it, what had to be acknowledged was not, RFC 3262 §3.
            sip::Ended::Lost if *self.record.sip_status.get_or_insert(504) == 504 => {
                self.because = Some(sip::Reason::of_status(408));
            }
            sip::Ended::Lost => {}
            // As the BYE says that signalling sent.
            sip::Ended::NoAck => self.because = Some(sip::Reason::of_status(408)),
            sip::Ended::NoAnswer => self.because = Some(sip::Reason::of_status(488)),
        }
        let outcome = match (why, &self.state) {
            (sip::Ended::NoAck | sip::Ended::NoAnswer, State::Unacknowledged { .. }) => Outcome::Failed,
            (sip::Ended::Lost, State::Unacknowledged { .. }) if !self.accepted => Outcome::Failed,
            _ => self.abandoned(),
        };
        self.caller_left(house, outcome, by);
    }

    /// The INVITE was answered with this, though 200 was asked for: that waited for an acknowledgement.
    pub fn not_accepted(&mut self, status: u16) {
        self.record.sip_status = Some(status);
        self.record.answered_at = None;
        if self.record.outcome == Some(Outcome::Answered) {
            self.record.outcome = Some(Outcome::Failed);
        }
    }

    pub fn leg_dead(&mut self, house: &mut House, leg: LegId) {
        debug!(%leg, "nothing is heard any more");
        if !self.legs().any(|of_ours| of_ours == leg) {
            return;
        }
        // Whose phone is lost is waited for as long as was promised.
        if self.talk().is_some_and(|talk| talk.lost_until.is_some()) && self.seats.iter().any(|seat| seat.leg == leg) {
            return;
        }
        if leg != self.caller && self.talk().is_some() {
            return self.operator_lost(house);
        }
        let outcome = self.abandoned();
        let missing = if leg != self.caller || self.acknowledged { "media" } else { "ACK" };
        self.give_up_on_caller(house, outcome, 408, missing);
    }

    /// The caller is not there any more: the BYE and the record say for want of what.
    pub fn give_up_on_caller(&mut self, house: &mut House, outcome: Outcome, status: u16, missing: &str) {
        self.because = Some(sip::Reason::of_status(status));
        self.end_by_house_with(house, outcome, &format!("SIP;cause={status};text=\"No {missing}\""));
        self.because = None;
    }
}
