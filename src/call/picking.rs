//! A colleague's phone rings, and an operator takes the call from their own: by the code `*8` and the seat where it rings,
//! or by a key with a lamp, whose phone says which INVITE of ours it takes the place of (Replaces, RFC 3891 §7.1).
//! For the engine it is an offer to whoever picks up, which they have answered: all its rules hold but for whose turn it
//! was.

use tracing::info;

use super::caller::{Call, State};
use super::calls::{Calls, House};
use super::offering::{Progress, SeatLeg};
use super::order::NotDone;
use super::seating::can_pick_up;
use crate::ids::{CallId, LegId, OfferId, OperatorId, SeatId};
use crate::media::{self, Direction};
use crate::queue::Input;
use crate::sip;

const CODE: &str = "*8";

/// Who picks up, and the leg of the phone on which they do.
#[derive(Clone, Debug)]
pub(super) struct Picking {
    pub leg: LegId,
    pub operator: OperatorId,
    pub seat: SeatId,
}

impl Calls {
    /// The call that rings with this leg.
    pub(super) fn rings_with(&self, leg: LegId) -> Option<CallId> {
        let call = self.call_of(leg)?;
        self.all().find(|of| of.id == call && of.rings_on(|seat| seat.leg == leg)).map(|call| call.id)
    }

    /// The call that rings at the seat which this one names.
    pub(super) fn picked_by_code(&self, incoming: &sip::Incoming) -> Option<CallId> {
        let sip::Source::Seat(_) = &incoming.source else { return None };
        let seat = incoming.number.strip_prefix(CODE)?;
        self.all().find(|call| call.rings_on(|leg| leg.seat.as_str() == seat)).map(|call| call.id)
    }
}

impl Call {
    fn rings_on(&self, is: impl Fn(&SeatLeg) -> bool) -> bool {
        let rings = |leg: &SeatLeg| matches!(leg.progress, Progress::Silent { .. } | Progress::Rings);
        self.seats.iter().any(|leg| is(leg) && rings(leg))
    }

    /// Why the phone that asked by a key may not have it: nobody who could take it sits there, or it rings no more.
    pub fn denied_by_key(&self, house: &House) -> Option<u16> {
        match (self.picking(house), self.picks_up) {
            (None, _) => Some(403),
            (Some(_), None) => Some(481),
            (Some(_), Some(_)) => None,
        }
    }

    /// Whoever sits where this call comes from, if they may take another.
    pub fn picking(&self, house: &House) -> Option<Picking> {
        let seat = self.record.seat.clone()?;
        let (operator, state) = house.seating.at(&seat)?;
        can_pick_up(state).then(|| Picking { leg: self.caller, operator: operator.clone(), seat: seat.clone() })
    }

    /// The leg of an operator who wants this call; whether they may have it the engine says.
    pub fn pick_up(&mut self, house: &mut House, picking: Picking) -> Result<(), NotDone> {
        if !matches!(self.state, State::Line(_) | State::Recruiting) || self.picking.is_some() {
            return Err(NotDone::NotInTalk);
        }
        let operator = picking.operator.clone();
        info!(%operator, seat = %picking.seat, "picks up");
        self.picking = Some(picking);
        house.queue(Input::PickUp { contact: self.contact, operator });
        Ok(())
    }

    /// The engine offers it to whoever picked up: they have answered. `false`: it is another's.
    pub fn is_picked_up(&mut self, house: &mut House, offer: OfferId, operator: &OperatorId) -> bool {
        let Some(Picking { leg, operator, seat }) = self.picking.take_if(|picking| picking.operator == *operator)
        else {
            return false;
        };
        let (progress, direction) = (Progress::Accepted, Direction::Both);
        self.seats.push(SeatLeg { leg, operator, seat, offer, progress, direction, reoffered: false, lost: false });
        house.queue(Input::Accepted { offer });
        true
    }

    /// It is not theirs: the engine says so, or the call is over.
    pub fn drop_picking(&mut self, house: &mut House) {
        let Some(Picking { leg, operator, .. }) = self.picking.take() else { return };
        info!(%operator, "may not pick up");
        house.sip(sip::Command::Hangup { leg, reason: None });
        house.media(media::Command::Close { leg });
        house.legs.remove(leg);
    }
}
