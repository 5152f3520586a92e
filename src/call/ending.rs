//! Every way a call ends, and its one record.

use std::time::Duration;

use tracing::info;

use super::caller::{Call, Sound, State};
use super::calls::House;
use super::ledger;
use super::words::Action;
use crate::queue::{Input, LeftLine, NotReached};
use crate::records::{self, EndedBy, Outcome, ReleaseOutcome, TransferOutcome};
use crate::sip;

impl Call {
    /// A final refusal of the caller's INVITE.
    pub fn refuse(&mut self, house: &mut House, status: u16, outcome: Outcome) {
        info!(status, "refused");
        self.record.sip_status = Some(status);
        house.sip(match self.outward {
            false => sip::Command::Refuse { leg: self.caller, status },
            true => sip::Command::Hangup { leg: self.caller, reason: None },
        });
        self.finish(house, outcome, EndedBy::System);
        self.enter_ended(house);
    }

    /// The caller hung up, or was lost.
    pub fn caller_left(&mut self, house: &mut House, outcome: Outcome, by: EndedBy) {
        self.finish(house, outcome, by);
        self.enter_ended(house);
    }

    /// The last words were heard.
    pub fn say_goodbye(&mut self, house: &mut House) {
        let outcome = self.record.outcome.unwrap_or(Outcome::Failed);
        if self.accepted {
            self.finish(house, outcome, EndedBy::System);
            house.sip(sip::Command::Hangup { leg: self.caller, reason: None });
            return self.enter_ended(house);
        }
        let status = match outcome {
            Outcome::RefusedBusy | Outcome::Overflowed => 486,
            Outcome::RefusedClosed | Outcome::Callback | Outcome::Answered => 480,
            Outcome::RefusedRules => 603,
            _ => 503,
        };
        self.refuse(house, status, outcome);
    }

    /// The house ends it: the drain ran out. Who waits gave nothing up, and who talks was not done: both are told of as
    /// after a crash.
    pub fn end_by_house(&mut self, house: &mut House) {
        if !self.opened {
            // Nobody was called yet: operators are rung for a callback, whose place waits on.
            return self.never_was(house);
        }
        if self.is_released() {
            return self.part(house);
        }
        if !matches!(self.state, State::Ended { .. }) {
            let is_served = matches!(self.state, State::Survey(_) | State::Message(_) | State::LastWords { .. });
            let outcome = match self.abandoned() {
                outcome if is_served || outcome == Outcome::Failed => outcome,
                _ => Outcome::SystemRestart,
            };
            self.end_by_house_with(house, outcome, "SIP;cause=503;text=\"Service shutting down\"");
        }
    }

    pub fn end_by_house_with(&mut self, house: &mut House, outcome: Outcome, reason: &str) {
        if !self.accepted {
            return self.refuse(house, if self.outward { 487 } else { 503 }, outcome);
        }
        self.finish(house, outcome, EndedBy::System);
        house.sip(sip::Command::Hangup { leg: self.caller, reason: Some(reason.into()) });
        self.enter_ended(house);
    }

    /// What it is called when the call ends here without more being said.
    pub fn abandoned(&self) -> Outcome {
        match &self.state {
            State::Talking(_) | State::Survey(_) | State::Sounding => Outcome::Answered,
            State::Line(_) | State::Reached => Outcome::AbandonedInQueue,
            State::Recruiting | State::Dialling(_) => Outcome::Failed,
            State::HandedOff(handoff) if handoff.is_joined() => Outcome::TransferredOut,
            State::HandedOff(_) => Outcome::Answered,
            State::Onward(onward) => onward.outcome(self.record.connected_at.is_some()),
            State::Message(_) => Outcome::Message,
            State::Opening { .. } | State::Unacknowledged { .. } | State::Menu => {
                self.unless_answered(Outcome::AbandonedInMenu)
            }
            State::LastWords { .. } | State::Ended { .. } => self.record.outcome.unwrap_or(Outcome::Failed),
        }
    }

    /// Fixes what the record says of the end, and lets go of line and seat.
    pub fn finish(&mut self, house: &mut House, outcome: Outcome, by: EndedBy) {
        if matches!(self.state, State::Ended { .. }) {
            return;
        }
        // A caller who never got our 200 was not answered, whatever they heard before it.
        let unanswered = self.record.answered_at.is_none() && !self.outward && self.accepted;
        self.record.outcome = Some(if unanswered && outcome == Outcome::Answered { Outcome::Failed } else { outcome });
        self.record.reason = self.because.map(|reason| reason.to_string());
        // Whoever ended the talk, however long the caller stayed afterwards.
        if !matches!(self.state, State::Survey(_)) {
            self.record.ended_by = Some(by);
        }
        self.count_talk(house);
        // At a seat that a menu led to, an operator talks as well.
        if matches!(self.state, State::Onward(_)) && self.talked.is_zero() {
            self.talked = self.record.connected_at.map_or(Duration::ZERO, |connected| house.now.since(connected));
        }
        let cut = outcome == Outcome::SystemRestart;
        let why = match &self.beside {
            _ if cut => LeftLine::Restarted,
            Some(_) => LeftLine::Withdrawn,
            None => LeftLine::CallerGone,
        };
        self.visit_ends(house, why);
        if cut {
            self.record.cut_at(house.now);
        }
        ledger::close(&mut self.record, house.now, self.talked);
        info!(?outcome, ?by, "over");
        if std::mem::take(&mut self.asked_elsewhere) {
            house.ask(Action::CancelCallOut { call: self.id });
        }
        if self.in_line {
            let contact = self.id;
            house.queue(match why {
                LeftLine::Restarted => Input::Cut { contact },
                LeftLine::Withdrawn => Input::Withdraw { contact },
                _ => Input::Leave { contact },
            });
        }
        self.handoff_over(house);
        self.release_over(house, ReleaseOutcome::Ended, None);
        self.drop_picking(house);
        self.drop_others(house);
        // Whoever was being sent on when they hung up.
        self.transfer_ended(house, TransferOutcome::Ended);
        self.sent_on_over(house);
        match &self.state {
            State::Talking(_) => {
                self.drop_seats_but(house, None);
                let contact = self.id;
                house.queue(if cut { Input::Cut { contact } } else { Input::TalkEnded { contact } });
            }
            State::Onward(_) => self.drop_onward(house, None),
            State::Dialling(dialling) if !dialling.told => {
                house.queue(Input::NotReached { contact: self.contact, why: NotReached::Withdrawn });
            }
            _ => {}
        }
        if let Some(operator) = self.busy.take() {
            house.queue(Input::Outbound { operator, busy: false });
        }
    }

    pub fn write_closed(&mut self, house: &mut House) {
        self.drop_seats_but(house, None);
        self.tell_why_not_recorded(house);
        let ended = self.record.ended_at.unwrap_or(house.now);
        if self.left_at.is_none()
            && !self.end_told
            && let Some(event) = ledger::ended(ended, &self.record, self.places.unwrap_or((1, 1)))
        {
            house.write(records::Entry::Event(event));
        }
        house.write(records::Entry::Closed(Box::new(self.record.clone())));
        debug_assert!(self.sound == Sound::None);
    }
}
