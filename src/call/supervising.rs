//! Supervisors in a talk: they listen, whisper to the operator, speak with both, or become the operator. Their phone is
//! rung and answers by itself, or they dial a code, and the leg that dials is the one brought in.

use std::time::Duration;

use tracing::info;

use super::caller::Call;
use super::calls::House;
use super::onward;
use super::order::{NotDone, Supervision};
use super::others::{Other, Role};
use super::ringing::Ringing;
use super::seating::can_call_out;
use crate::ids::{LegId, OperatorId, SeatId};
use crate::queue::{Input, OperatorState};
use crate::records::{self, SupervisionRecord, TransferKind, TransferOutcome, TransferRecord};

/// The phone answers by itself; one that does not is answered by hand within this.
const RINGS: Duration = Duration::from_secs(20);
/// In one talk.
const MOST_SUPERVISORS: usize = 4;
/// Entries in a record; later ones are not told.
const MOST_ENTRIES: usize = 64;

/// A supervisor who dialled a code: what they want, and of which call.
#[derive(Clone, Debug)]
pub(super) struct Dialled {
    pub operator: OperatorId,
    pub seat: SeatId,
    /// `None`: take over.
    pub mode: Option<Supervision>,
}

impl Call {
    pub fn supervise(&mut self, house: &mut House, by: &OperatorId, mode: Option<Supervision>) -> Result<(), NotDone> {
        self.may_supervise(house, by)?;
        if let Some(leg) = self.supervisor(by).map(|other| other.leg) {
            return self.supervise_otherwise(house, leg, mode);
        }
        if self.talk().is_some_and(|talk| talk.others.len() >= MOST_SUPERVISORS) {
            return Err(NotDone::TooManySupervisors);
        }
        let (seat, busy) = match house.seating.of(by) {
            None => return Err(NotDone::NoPhone),
            Some((_, OperatorState::Unreachable { .. })) => return Err(NotDone::Unreachable),
            Some((_, state)) if !can_call_out(state) => return Err(NotDone::Busy),
            Some((seat, _)) => (seat.clone(), Some(by.clone())),
        };
        let role = supervisor(by, mode);
        self.ring_other(house, role, onward::Whom::Seat(seat), busy, house.now + RINGS);
        Ok(())
    }

    fn may_supervise(&self, house: &House, by: &OperatorId) -> Result<(), NotDone> {
        if !house.settings.supervisors.contains(by) {
            return Err(NotDone::NotSupervisor);
        }
        let talk = self.talk().filter(|talk| !talk.caller_gone).ok_or(NotDone::NotInTalk)?;
        if self.seats.iter().any(|seat| seat.operator == *by) {
            return Err(NotDone::Themselves);
        }
        let consulted = talk.consulted().is_some_and(|other| other.busy.as_ref() == Some(by));
        if consulted { Err(NotDone::Busy) } else { Ok(()) }
    }

    fn supervisor(&self, by: &OperatorId) -> Option<&Other> {
        let is = |other: &&Other| matches!(&other.role, Role::Supervisor { operator, .. } if operator == by);
        self.talk()?.others.iter().find(is)
    }

    /// Said again: the mode changes.
    fn supervise_otherwise(&mut self, house: &mut House, leg: LegId, mode: Option<Supervision>) -> Result<(), NotDone> {
        let here = self.contact;
        let talk = self.talk_mut()?;
        let Some(other) = talk.others.iter_mut().find(|other| other.leg == leg) else {
            return Err(NotDone::NotSupervising);
        };
        let Role::Supervisor { operator, mode: known, takes_over } = &mut other.role else {
            return Err(NotDone::NotSupervising);
        };
        let joined = other.progress == Ringing::Joined;
        *takes_over = mode.is_none() && !joined;
        match mode {
            None if joined && house.seating.talks_elsewhere(operator, here) => return Err(NotDone::Busy),
            None if joined => self.take_over_with(house, leg),
            None => {}
            Some(mode) if *known == mode => {}
            Some(mode) => {
                *known = mode;
                let operator = operator.clone();
                if joined {
                    self.supervision_over(house, &operator);
                    self.supervision_begins(house, operator, mode);
                }
            }
        }
        Ok(())
    }

    pub fn leave_supervision(&mut self, house: &mut House, by: &OperatorId) -> Result<(), NotDone> {
        let leg = self.supervisor(by).map(|other| other.leg).ok_or(NotDone::NotSupervising)?;
        if let Some(other) = self.take_other(|other| other.leg == leg) {
            self.drop_other(house, &other);
            self.supervision_over(house, by);
            self.reclaim_no_longer(house);
            self.hear_each_other(house);
        }
        Ok(())
    }

    /// The leg of a supervisor who dialled a code is brought in, or let go again.
    pub fn bring_in(&mut self, house: &mut House, leg: LegId, dialled: Dialled) -> Result<(), NotDone> {
        let Dialled { operator, seat, mode } = dialled;
        self.may_supervise(house, &operator)?;
        let former = self.supervisor(&operator).map(|other| other.leg);
        if former.is_none() && self.talk().is_some_and(|talk| talk.others.len() >= MOST_SUPERVISORS) {
            return Err(NotDone::TooManySupervisors);
        }
        // Before the former leg goes: whoever is free for a moment is offered whom nobody else can serve.
        house.queue(Input::Outbound { operator: operator.clone(), busy: true });
        // One phone is enough.
        if let Some(former) = self.take_other(|other| Some(other.leg) == former) {
            self.drop_other(house, &former);
            self.supervision_over(house, &operator);
        }
        let role = supervisor(&operator, mode);
        let other = Other::brought_in(leg, role, onward::Whom::Seat(seat), operator.clone());
        self.talk_mut()?.others.push(other);
        match mode {
            Some(mode) => self.supervision_begins(house, operator, mode),
            None => self.take_over_with(house, leg),
        }
        Ok(())
    }

    /// The operator hung up: whoever speaks with the caller has them. `false`: nobody does.
    pub fn operator_left_to_supervisor(&mut self, house: &mut House) -> bool {
        let speaks = |other: &&Other| {
            other.is_joined() && matches!(other.role, Role::Supervisor { mode: Supervision::Barge, .. })
        };
        let Some(leg) = self.talk().and_then(|talk| talk.others.iter().find(speaks)).map(|other| other.leg) else {
            return false;
        };
        self.take_over_with(house, leg);
        self.seats.iter().any(|seat| seat.leg == leg)
    }

    pub fn supervision_begins(&mut self, house: &mut House, operator: OperatorId, mode: Supervision) {
        info!(%operator, %mode, "supervises");
        if self.record.supervised.len() < MOST_ENTRIES {
            self.record.supervised.push(SupervisionRecord { operator, mode, at: house.now, ended_at: None });
        }
        house.write(records::Entry::Changed(Box::new(self.record.clone())));
        self.hear_each_other(house);
    }

    pub fn supervision_over(&mut self, house: &House, by: &OperatorId) {
        let open = |entry: &&mut SupervisionRecord| entry.operator == *by && entry.ended_at.is_none();
        if let Some(entry) = self.record.supervised.iter_mut().find(open) {
            info!(operator = %by, "supervises no longer");
            entry.ended_at = Some(house.now);
        }
    }

    /// The supervisor becomes the call's operator; whoever was it wraps up, and whom they consulted is let go.
    pub fn take_over_with(&mut self, house: &mut House, leg: LegId) {
        let of_leg = self.talk().and_then(|talk| talk.others.iter().find(|other| other.leg == leg));
        let by = of_leg.and_then(|other| other.busy.clone());
        if let Some(by) = by.filter(|by| house.seating.talks_elsewhere(by, self.contact)) {
            info!(operator = %by, "has another talk by now, and does not take this one over");
            // There is nobody who could be told.
            let _left = self.leave_supervision(house, &by);
            return;
        }
        let Some(other) = self.take_other(|other| other.leg == leg) else { return };
        let Role::Supervisor { operator, .. } = other.role.clone() else { return };
        self.supervision_over(house, &operator);
        while let Some(gone) = self.take_other(|other| !matches!(other.role, Role::Supervisor { .. })) {
            self.drop_other(house, &gone);
            self.transfer_ended(house, TransferOutcome::Ended);
        }
        if let (Some(from), true) = (self.record.operator.clone(), self.record.transfers.len() < MOST_ENTRIES) {
            self.record.transfers.push(TransferRecord {
                kind: TransferKind::TakenOver,
                by: operator.clone(),
                from: Some(from),
                to: format!("operator {operator}"),
                operator: Some(operator.clone()),
                at: house.now,
                answered_at: Some(house.now),
                conference_at: None,
                ended_at: Some(house.now),
                outcome: TransferOutcome::Transferred,
            });
        }
        self.tell_transfer(house, "TRANSFER");
        self.hand_over_to(house, operator, other);
    }
}

fn supervisor(by: &OperatorId, mode: Option<Supervision>) -> Role {
    let takes_over = mode.is_none();
    Role::Supervisor { operator: by.clone(), mode: mode.unwrap_or(Supervision::Listen), takes_over }
}
