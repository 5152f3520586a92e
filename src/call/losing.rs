//! The operator's phone is lost in the talk: the caller hears music while it may come back, then goes to the head of the
//! line.

use std::time::Duration;

use tracing::{info, warn};

use super::caller::{Call, State};
use super::calls::House;
use super::offering::SeatLeg;
use super::onward;
use super::order::NotDone;
use super::others::{Other, Role};
use super::ringing::Ringing;
use crate::ids::{LegId, OperatorId, SeatId};
use crate::media;
use crate::moment::Moment;
use crate::queue::{By, Input, LOST};
use crate::records::{self, LostRecord};
use crate::sip;

/// A page that begins anew is rung no longer: its phone answers by itself.
const RINGS: Duration = Duration::from_secs(10);
/// Entries in a record; later ones are not told.
const MOST_ENTRIES: usize = 32;

impl Call {
    /// The connection to the seat's phone is gone; its leg stands.
    pub fn flow_lost(&mut self, house: &mut House, leg: LegId) {
        let grace = house.settings.flow_grace;
        let Some(seat) = self.seats.iter_mut().find(|seat| seat.leg == leg) else { return };
        let State::Talking(talk) = &mut self.state else {
            seat.lost = true;
            return;
        };
        let (operator, seat) = (seat.operator.clone(), seat.seat.clone());
        if talk.lost_until.is_some() || talk.caller_gone {
            return;
        }
        warn!(%operator, %seat, ?grace, "the operator's phone is lost; the caller hears music");
        if self.record.lost.len() < MOST_ENTRIES {
            self.record.lost.push(LostRecord { operator, seat, at: house.now, back_at: None });
        }
        let until = house.now + grace;
        self.change_hold(house, |talk| talk.lost_until = Some(until));
        self.hear_each_other(house);
    }

    /// The same phone is there again.
    pub fn flow_found(&mut self, house: &mut House, leg: LegId) {
        if let State::Talking(talk) = &mut self.state {
            talk.others.iter_mut().filter(|other| other.leg == leg).for_each(|other| other.lost = false);
        }
        let theirs = self.seats.iter_mut().find(|seat| seat.leg == leg);
        let is_seat = theirs.map(|seat| seat.lost = false).is_some();
        if !is_seat || self.talk().is_none_or(|talk| talk.lost_until.is_none()) {
            return;
        }
        info!("the operator's phone is back");
        if let Some(entry) = self.record.lost.last_mut() {
            entry.back_at = Some(house.now);
        }
        self.change_hold(house, |talk| talk.lost_until = None);
        // Its sound may have been found dead meanwhile.
        house.media(media::Command::Watch { leg });
        self.hear_each_other(house);
    }

    /// The page begins anew: its seat is rung, and the new leg takes the old one's place.
    pub fn reclaim(&mut self, house: &mut House) -> Result<(), NotDone> {
        let seat = self.seats.first().map(|seat| seat.seat.clone()).ok_or(NotDone::NotInTalk)?;
        // A page can be gone without our knowing yet; a desk phone with two lines is not rung on the second.
        if self.talk_mut()?.lost_until.is_none() && !house.browsers.contains(&seat) {
            return Err(NotDone::NotLost);
        }
        self.ring_anew(house, seat);
        Ok(())
    }

    /// The same for the page of whoever is beside the talk, a colleague who is consulted or a supervisor: they keep their
    /// part in it, and what rang rings on.
    pub fn reclaim_part(&mut self, house: &mut House, by: &OperatorId) -> Result<(), NotDone> {
        let part = self.talk_mut()?.part_of(by).ok_or(NotDone::NobodyConsulted)?;
        let (leg, progress, at, lost) = (part.leg, part.progress, part.at.clone(), part.lost);
        let onward::Whom::Seat(seat) = at else { return Err(NotDone::NotLost) };
        if !lost && !house.browsers.contains(&seat) {
            return Err(NotDone::NotLost);
        }
        match progress {
            Ringing::Joined => self.ring_anew(house, seat),
            Ringing::Rings { until } | Ringing::Early { until } => self.ring_on(house, leg, until),
            // Their answer is on its way.
            Ringing::Answered { .. } => return Err(NotDone::NotLost),
        }
        Ok(())
    }

    /// A phone that rang rings anew, as long as it would have rung; its operator is busy all the while.
    fn ring_on(&mut self, house: &mut House, leg: LegId, until: Moment) {
        let Some(mut former) = self.take_other(|other| other.leg == leg) else { return };
        let (role, at, busy) = (former.role.clone(), former.at.clone(), former.busy.take());
        self.drop_other(house, &former);
        self.ring_other(house, role, at, None, until);
        if let State::Talking(talk) = &mut self.state
            && let Some(other) = talk.others.last_mut()
        {
            other.busy = busy;
        }
        self.hear_each_other(house);
    }

    fn ring_anew(&mut self, house: &mut House, seat: SeatId) {
        let at = onward::Whom::Seat(seat);
        if let Some(former) = self.take_other(|other| other.role == Role::Reclaimed && other.at == at) {
            self.drop_other(house, &former);
        }
        // Whoever takes part is busy by that.
        self.ring_other(house, Role::Reclaimed, at, None, house.now + RINGS);
    }

    /// Phones of those who take part no longer are rung anew no longer.
    pub fn reclaim_no_longer(&mut self, house: &mut House) {
        let seats = self.seats.iter().map(|seat| onward::Whom::Seat(seat.seat.clone()));
        let parts = self.talk().into_iter().flat_map(|talk| &talk.others).filter(|other| other.has_part());
        let there: Vec<_> = seats.chain(parts.map(|other| other.at.clone())).collect();
        while let Some(gone) = self.take_other(|other| other.role == Role::Reclaimed && !there.contains(&other.at)) {
            self.drop_other(house, &gone);
        }
    }

    pub fn reclaimed(&mut self, house: &mut House, leg: LegId) {
        let Some(other) = self.take_other(|other| other.leg == leg) else { return };
        let theirs = |seat: &SeatLeg| other.at == onward::Whom::Seat(seat.seat.clone());
        let Some(old) = self.take_seat(theirs) else { return self.part_reclaimed(house, other) };
        let (holds, reoffered) = (other.holds, other.reoffered);
        info!(operator = %old.operator, "the operator's phone took the call back");
        self.drop_seat_leg(house, &old, None);
        self.seats.push(SeatLeg::joined(leg, old.operator, old.seat, holds, reoffered));
        if !house.settings.emergencies.is_empty() && !self.outward {
            house.media(media::Command::KeepKeys { leg });
        }
        if self.talk().is_some_and(|talk| talk.lost_until.is_some())
            && let Some(entry) = self.record.lost.last_mut()
        {
            entry.back_at = Some(house.now);
        }
        self.change_hold(house, |talk| {
            (talk.lost_until, talk.refusal_plays) = (None, false);
            talk.operator_holds = holds;
        });
        self.hear_each_other(house);
    }

    fn part_reclaimed(&mut self, house: &mut House, other: Other) {
        let theirs = |former: &Other| former.has_part() && former.at == other.at;
        // Their part is over by now, or somebody else has the call.
        let Some(mut former) = self.take_other(theirs) else { return self.drop_other(house, &other) };
        info!(at = %other.at, "the phone beside the talk took its part back");
        // They go on being busy: that is not let go with the former leg.
        let (role, busy) = (former.role.clone(), former.busy.take());
        self.drop_other(house, &former);
        if let State::Talking(talk) = &mut self.state {
            talk.others.push(Other { role, busy, ..other });
        }
        self.hear_each_other(house);
    }

    pub fn lost_deadline(&mut self, house: &mut House) {
        let due = |until: Moment| until <= house.now;
        if self.talk().and_then(|talk| talk.lost_until).is_some_and(due) {
            self.operator_lost(house);
        }
    }

    /// The phone does not come back: another operator takes the caller, before everybody else.
    pub fn operator_lost(&mut self, house: &mut House) {
        let State::Talking(talk) = &self.state else { return };
        // Nobody is left to talk to.
        if talk.caller_gone {
            if let Some(leg) = self.seats.first().map(|seat| seat.leg) {
                house.sip(sip::Command::Hangup { leg, reason: None });
                self.seat_ended(house, leg);
            }
            return;
        }
        warn!("the operator's phone did not come back");
        if self.record.lost.last().is_none_or(|entry| entry.back_at.is_some())
            && self.record.lost.len() < MOST_ENTRIES
            && let Some(seat) = self.seats.first()
        {
            let (operator, seat) = (seat.operator.clone(), seat.seat.clone());
            self.record.lost.push(LostRecord { operator, seat, at: house.now, back_at: None });
        }
        let State::Talking(talk) = &mut self.state else { return };
        // With whom else the caller is, they stay.
        if talk.handoff.is_some() || talk.consulted().is_some() {
            if let Some((leg, operator)) = self.seats.first().map(|seat| (seat.leg, seat.operator.clone())) {
                house.queue(Input::NotReady { operator, reason: LOST.into(), by: By::Themselves });
                house.sip(sip::Command::Hangup { leg, reason: None });
                self.seat_ended(house, leg);
            }
            return;
        }
        self.count_talk(house);
        self.sent_on_over(house);
        self.drop_others(house);
        self.drop_seats_but(house, None);
        house.queue(Input::OperatorLost { contact: self.id });
        house.write(records::Entry::Changed(Box::new(self.record.clone())));
        self.back_to_the_line(house);
    }
}
