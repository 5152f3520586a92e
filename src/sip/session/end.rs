//! The end of a leg, from either side, RFC 3261 §15.

use super::reason::{Reason, write as write_reason};
use super::{Cancel, State, TransactionId};
use crate::ids::LegId;
use crate::moment::Moment;
use crate::sip::endpoint::{Endpoint, Purpose};
use crate::sip::message::{Method, Request, reason_phrase};
use crate::sip::transaction::patience;
use crate::sip::words::{Ended, Event};

impl Endpoint {
    /// Lets go of a leg, whatever its state.
    pub(in crate::sip) fn hangup(&mut self, now: Moment, leg_id: LegId, reason: Option<String>) {
        self.stop_releasing(leg_id);
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        leg.let_go = true;
        leg.reason = reason;
        match &mut leg.state {
            State::Incoming { .. } => self.refuse(now, leg_id, 480),
            State::Held(_) => self.forget_leg(now, leg_id),
            State::Calling(calling) => {
                calling.cancel = Cancel::Wanted;
                self.cancel_if_possible(now, leg_id);
            }
            // §15: not before the ACK of our 200 came, or its time is over.
            State::Talking if leg.unacked.is_some() => leg.state = State::Hanging,
            State::Talking => self.send_bye(now, leg_id),
            State::Hanging | State::Ending => {}
        }
    }

    pub(in crate::sip) fn send_bye(&mut self, now: Moment, leg_id: LegId) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        let Some(dialog) = leg.dialog.as_mut() else { return self.forget_leg(now, leg_id) };
        if dialog.is_stranded() {
            // A phone that is back soon is told; the others find out by themselves.
            leg.state = State::Hanging;
            leg.unacked = None;
            leg.reoffer_at = None;
            leg.forget_at = Some(now + patience(&self.settings.timers));
            return self.schedule_leg(leg_id);
        }
        dialog.local_seq += 1;
        let mut bye = dialog.request(Method::BYE, dialog.local_seq);
        write_reason(&mut bye.headers, leg.reason.take(), leg.trunk.is_some());
        let (flow, trunk) = (dialog.next_hop(), leg.trunk);
        leg.state = State::Ending;
        leg.unacked = None;
        leg.reoffer_at = None;
        if self.send_proved(now, bye, flow, trunk, Purpose::Bye(leg_id)).is_none() {
            self.forget_leg(now, leg_id);
        }
        self.schedule_leg(leg_id);
    }

    /// Their BYE. Also what they left open is answered, §15.1.2.
    pub(in crate::sip) fn bye(&mut self, now: Moment, leg_id: LegId, id: TransactionId, request: &Request) {
        self.respond(now, id, request.respond(200, None));
        let Some(leg) = self.legs.get(&leg_id) else { return };
        let let_go = leg.let_go;
        match &leg.state {
            State::Incoming { .. } => self.refuse(now, leg_id, 487),
            // Our own BYE crosses theirs: its transaction ends by itself.
            _ => self.forget_leg(now, leg_id),
        }
        if !let_go {
            self.tell_why(leg_id, &request.headers);
            self.tell(Event::Ended { leg: leg_id, why: Ended::Bye });
        }
    }

    /// A session that came to nothing: no ACK within 64 × T1 (§13.3.1.4), no answer in it (§13.2.1), or a
    /// request within the dialog got 408 or 481, or no answer at all (§12.2.1.2).
    pub(in crate::sip) fn give_up(&mut self, now: Moment, leg_id: LegId, why: Ended) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        if !std::mem::replace(&mut leg.let_go, true) {
            leg.reason = match why {
                Ended::NoAck => Some("SIP;cause=408;text=\"No ACK\"".into()),
                Ended::NoAnswer => Some("SIP;cause=488;text=\"No answer in the ACK\"".into()),
                Ended::Bye | Ended::Cancelled | Ended::Lost => leg.reason.take(),
            };
            self.tell(Event::Ended { leg: leg_id, why });
        }
        self.send_bye(now, leg_id);
    }

    /// A request of ours within the dialog came to nothing with this status.
    pub(in crate::sip) fn lost(&mut self, now: Moment, leg_id: LegId, status: u16) {
        self.lost_because(now, leg_id, status, &reason_phrase(status));
    }

    /// Nobody is there any more, which both the other side and the call are told.
    pub(super) fn lost_because(&mut self, now: Moment, leg_id: LegId, status: u16, text: &str) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        if !leg.let_go {
            leg.reason = Some(format!("SIP;cause={status};text=\"{text}\""));
            self.tell(Event::Because { leg: leg_id, reason: Reason::of_status(status) });
        }
        self.give_up(now, leg_id, Ended::Lost);
    }
}
