//! Who may ask what of a call, and what is done at once.

use tracing::info;

use super::caller::{Call, State};
use super::calls::House;
use super::consulting::line_of;
use super::offering::Progress;
use super::order::{NotDone, Order};
use super::talking::Talk;
use super::words::Settings;
use crate::ids::{LegId, OperatorId, QueueId};
use crate::sip;

impl Call {
    pub fn obey_order(&mut self, house: &mut House, by: &OperatorId, order: Order) -> Result<(), NotDone> {
        match order {
            Order::Note { text } => self.note(house, by, text),
            Order::Supervise { mode } => self.supervise(house, by, Some(mode)),
            Order::LeaveSupervision => self.leave_supervision(house, by),
            Order::TakeOver => self.supervise(house, by, None),
            Order::HangUp if self.is_consulted(by) => self.consulted_leaves(house),
            Order::Reclaim if self.talk().is_some_and(|talk| talk.part_of(by).is_some()) => {
                self.reclaim_part(house, by)
            }
            order => {
                let seat = self.seat_of(by)?;
                self.obey_operator(house, seat, order)
            }
        }
    }

    /// The line into which this order puts the caller; `None`: into none, or it is not obeyed. Whether the line lets them
    /// in is asked before.
    pub fn line_asked_for(&self, settings: &Settings, by: &OperatorId, order: &Order) -> Option<QueueId> {
        let Order::Transfer { to } = order else { return None };
        self.seat_of(by).and_then(|_| self.may_turn_to_somebody()).ok()?;
        line_of(settings, to)
    }

    /// The leg of the operator who talks; nobody else may say what becomes of the talk.
    fn seat_of(&self, by: &OperatorId) -> Result<LegId, NotDone> {
        if self.busy.as_ref() == Some(by) {
            return Err(NotDone::OwnCall);
        }
        let State::Talking(_) = self.state else { return Err(NotDone::NotInTalk) };
        let seat = self.seats.first().filter(|seat| seat.progress == Progress::Joined).ok_or(NotDone::NotInTalk)?;
        if seat.operator == *by { Ok(seat.leg) } else { Err(NotDone::NotYours) }
    }

    fn obey_operator(&mut self, house: &mut House, seat: LegId, order: Order) -> Result<(), NotDone> {
        match order {
            Order::Hold => self.hold(house, true),
            Order::Resume => self.hold(house, false),
            Order::HandOff { target } => self.hand_off_as_asked(house, target.as_deref()),
            Order::HangUp => {
                house.sip(sip::Command::Hangup { leg: seat, reason: None });
                self.seat_ended(house, seat);
                Ok(())
            }
            Order::Consult { to } => self.consult(house, to),
            Order::Return => self.return_to_caller(house),
            Order::Complete => self.complete(house),
            Order::Conference => self.conference(house),
            Order::Transfer { to } => self.transfer(house, to),
            Order::PauseRecording => self.pause_recording(house, true),
            Order::ResumeRecording => self.pause_recording(house, false),
            Order::Reclaim => self.reclaim(house),
            _ => Err(NotDone::NotInTalk),
        }
    }

    /// The caller hears music, or the operator again. The phone's own hold is beside it.
    fn hold(&mut self, house: &mut House, held: bool) -> Result<(), NotDone> {
        let talk = self.talk_mut()?;
        match (talk.on_hold, held) {
            (true, true) => return Err(NotDone::AlreadyOnHold),
            (false, false) => return Err(NotDone::NotOnHold),
            _ => {}
        }
        self.change_hold(house, |talk| talk.on_hold = held);
        info!(held, "hold as asked");
        self.hear_each_other(house);
        Ok(())
    }

    pub fn talk_mut(&mut self) -> Result<&mut Talk, NotDone> {
        match &mut self.state {
            State::Talking(talk) => Ok(talk),
            _ => Err(NotDone::NotInTalk),
        }
    }

    fn hand_off_as_asked(&mut self, house: &mut House, target: Option<&str>) -> Result<(), NotDone> {
        match target {
            _ if house.settings.emergencies.is_empty() && self.handoff().is_none() => Err(NotDone::NoEmergencies),
            Some(id) if !house.settings.emergencies.iter().any(|target| target.id == id) => Err(NotDone::NoSuchTarget),
            None if self.handoff().is_none() => Err(NotDone::NothingHandedOff),
            target => self.hand_off(house, target),
        }
    }
}
