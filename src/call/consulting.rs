//! The operator turns to somebody with the caller: asks them while the caller hears music, speaks with both, leaves the
//! caller to them, or leaves the caller to them unasked.

use std::time::Duration;

use tracing::info;

use super::caller::{Call, State};
use super::calls::House;
use super::hearing::REFUSAL;
use super::ledger;
use super::offering::SeatLeg;
use super::onward::{self, Cause, Onward};
use super::order::{NotDone, Whom};
use super::others::{Other, Role};
use super::ringing::{Ringing, in_vain};
use super::seating::can_be_rung;
use super::words::Settings;
use crate::ids::{Language, OperatorId, QueueId};
use crate::ivr::menu::{Destination, To};
use crate::ivr::{DENIED, Entry};
use crate::media;
use crate::moment::Moment;
use crate::queue::{Input, NO_QUEUE, OperatorState};
use crate::records::{self, EndedBy, TransferKind, TransferOutcome, TransferRecord};
use crate::sip::is_dialable;

/// A colleague's phone rings no longer.
const COLLEAGUE_RINGS: Duration = Duration::from_secs(30);
/// A number outside rings no longer: the caller hears music all the while.
const NUMBER_RINGS: Duration = Duration::from_secs(60);

/// Where a blind transfer goes.
enum Leads {
    Whom(Whom),
    /// Into a line, where this language is spoken; `None`: as before.
    Line(QueueId, Option<Language>),
    /// Into the menus of a number of the house.
    Into {
        number: String,
        destination: Destination,
    },
}

/// On the way from a talk to another line.
pub(super) struct Passing {
    /// If that lets nobody in, it goes back to this one.
    pub from: Option<QueueId>,
    /// Spoken from there on; `None`: as before.
    pub language: Option<Language>,
}

impl Call {
    // -----------------------------------------------------------------------------------------
    // What the operator asks

    pub fn consult(&mut self, house: &mut House, to: Whom) -> Result<(), NotDone> {
        self.may_turn_to_somebody()?;
        let (at, busy) = self.find(house, &to)?;
        talk_begins(self, house, TransferKind::Consult, &to, busy.clone());
        let rings = rings(&at);
        self.change_hold(house, |talk| (talk.consulting, talk.refusal_plays) = (true, false));
        self.ring_other(house, Role::Consulted { to }, at, busy, house.now + rings);
        self.hear_each_other(house);
        Ok(())
    }

    /// Nothing else goes on beside the talk.
    pub fn may_turn_to_somebody(&self) -> Result<(), NotDone> {
        let talk = self.talk().ok_or(NotDone::NotInTalk)?;
        match talk.consulted() {
            _ if talk.handoff.is_some() => Err(NotDone::EmergencyGoesOn),
            Some(_) => Err(NotDone::AlreadyConsulting),
            None => Ok(()),
        }
    }

    /// The operator is with the caller again.
    pub fn return_to_caller(&mut self, house: &mut House) -> Result<(), NotDone> {
        self.talk_mut()?;
        let other = self.take_other(Other::is_consulted).ok_or(NotDone::NobodyConsulted)?;
        self.drop_other(house, &other);
        self.consultation_over(house, TransferOutcome::Returned);
        self.hear_each_other(house);
        Ok(())
    }

    pub fn conference(&mut self, house: &mut House) -> Result<(), NotDone> {
        match self.talk_mut()?.consulted() {
            None => return Err(NotDone::NobodyConsulted),
            Some(other) if !other.is_joined() => return Err(NotDone::NotAnsweredYet),
            Some(_) => {}
        }
        self.change_hold(house, |talk| (talk.consulting, talk.on_hold) = (false, false));
        if let Some(entry) = self.record.transfers.last_mut() {
            entry.conference_at.get_or_insert(house.now);
        }
        self.hear_each_other(house);
        Ok(())
    }

    /// A citizen in need hears no music while those who help are there: whom the operator consults stays, and all hear
    /// each other.
    pub fn bring_caller_in(&mut self, house: &mut House) {
        let State::Talking(talk) = &self.state else { return };
        let consulted = talk.consulting && talk.consulted().is_some_and(|other| other.is_joined());
        if consulted && let Some(entry) = self.record.transfers.last_mut() {
            entry.conference_at.get_or_insert(house.now);
        }
        self.change_hold(house, |talk| (talk.consulting, talk.on_hold) = (false, false));
    }

    pub fn is_consulted(&self, operator: &OperatorId) -> bool {
        let consulted = self.talk().and_then(|talk| talk.consulted());
        consulted.is_some_and(|other| other.busy.as_ref() == Some(operator))
    }

    /// The consulted hang up, or do not come to the phone.
    pub fn consulted_leaves(&mut self, house: &mut House) -> Result<(), NotDone> {
        let leg = self.talk_mut()?.consulted().map(|other| other.leg).ok_or(NotDone::NobodyConsulted)?;
        self.other_left(house, leg);
        Ok(())
    }

    /// The operator leaves the caller to whom they consulted.
    pub fn complete(&mut self, house: &mut House) -> Result<(), NotDone> {
        // The far end would be left to nobody.
        if self.talk_mut()?.handoff.is_some() {
            return Err(NotDone::EmergencyGoesOn);
        }
        let consulted = self.talk().and_then(|talk| talk.consulted()).ok_or(NotDone::NobodyConsulted)?;
        let here = consulted.instead_of.unwrap_or(self.contact);
        let talks_elsewhere = |operator| house.seating.talks_elsewhere(operator, here);
        if consulted.is_joined() && consulted.busy.as_ref().is_some_and(talks_elsewhere) {
            return Err(NotDone::Busy);
        }
        let other = self.take_other(Other::is_consulted).ok_or(NotDone::NobodyConsulted)?;
        if let Some(entry) = self.record.transfers.last_mut() {
            entry.kind = if other.is_joined() { TransferKind::Attended } else { TransferKind::SemiAttended };
        }
        match (other.busy.clone(), &other.at) {
            (Some(operator), onward::Whom::Seat(_)) if other.is_joined() => {
                self.transfer_ended(house, TransferOutcome::Transferred);
                self.tell_transfer(house, "ATTENDEDTRANSFER");
                self.hand_over_to(house, operator, other);
            }
            _ => self.goes_on_with(house, other),
        }
        Ok(())
    }

    /// The operator leaves at once; `to` is rung for the caller. A number of the house leads where its callers are led.
    pub fn transfer(&mut self, house: &mut House, to: Whom) -> Result<(), NotDone> {
        self.may_turn_to_somebody()?;
        let to = match leads(house.settings, to) {
            Leads::Whom(to) => to,
            Leads::Line(queue, language) => return self.pass_into_line(house, &queue, language),
            Leads::Into { number, destination } => {
                self.pass_into_menus(house, number, &destination);
                return Ok(());
            }
        };
        let (at, busy) = self.find(house, &to)?;
        talk_begins(self, house, TransferKind::Blind, &to, busy.clone());
        self.tell_transfer(house, "BLINDTRANSFER");
        self.end_talk(house, EndedBy::Operator);
        let rings = rings(&at);
        self.keep_busy(house, busy.as_ref());
        self.ring_onward(house, at, busy, rings, Cause::Operator);
        Ok(())
    }

    /// The caller waits in this line, if it lets them in.
    pub fn pass_into_line(
        &mut self,
        house: &mut House,
        queue: &QueueId,
        language: Option<Language>,
    ) -> Result<(), NotDone> {
        let queue = house.settings.now_called(queue);
        if !house.settings.queues.contains_key(&queue) {
            return Err(NotDone::NoSuchQueue);
        }
        talk_begins(self, house, TransferKind::Blind, &Whom::Queue(queue.clone()), None);
        self.tell_transfer(house, "BLINDTRANSFER");
        let since = self.record.queued_at.unwrap_or(self.record.arrived_at);
        self.end_talk(house, EndedBy::Operator);
        self.pass_on(house, queue, language, since);
        Ok(())
    }

    /// The caller hears the menus of a number from their beginning, and chooses. How often that happens to a call is
    /// bounded by the nodes that it may go through in all.
    fn pass_into_menus(&mut self, house: &mut House, number: String, destination: &Destination) {
        talk_begins(self, house, TransferKind::Blind, &Whom::Number(number.clone()), None);
        self.transfer_ended(house, TransferOutcome::Transferred);
        self.tell_transfer(house, "BLINDTRANSFER");
        self.end_talk(house, EndedBy::Operator);
        self.walk_again(house, &number, destination);
    }

    /// Into another line, by an operator or through the menus to which one sent the caller, with the place that the first
    /// arrival had.
    pub fn pass_on(&mut self, house: &mut House, queue: QueueId, language: Option<Language>, since: Moment) {
        self.passing = Some(Passing { from: self.record.queue.clone(), language });
        self.waits_in(house, &queue);
        self.places = None;
        self.state = State::Line(house.line_of(&queue, language.unwrap_or(self.language)));
        self.in_line = true;
        let caller = self.caller_number();
        house.queue(Input::PassedOn { contact: self.id, queue, caller, since });
    }

    // -----------------------------------------------------------------------------------------
    // Whom they mean

    /// Where somebody is rung, and who sits there.
    pub fn find(&self, house: &House, to: &Whom) -> Result<(onward::Whom, Option<OperatorId>), NotDone> {
        match to {
            Whom::Operator(operator) => self.find_operator(house, operator),
            Whom::Seat(seat) if !house.settings.seats.contains(seat) => Err(NotDone::NoSuchSeat),
            Whom::Seat(seat) => match house.seating.at(seat) {
                Some((operator, _)) => self.find_operator(house, operator),
                None => Ok((onward::Whom::Seat(seat.clone()), None)),
            },
            Whom::Queue(queue) => {
                let facts = house.settings.queues.get(&house.settings.now_called(queue)).ok_or(NotDone::NoSuchQueue)?;
                let ready = house.seating.longest_ready(&facts.operators).ok_or(NotDone::NobodyReady)?;
                self.find_operator(house, ready)
            }
            Whom::Number(number) => may_dial(house, number)
                .map_err(|why| meant(house, number).unwrap_or(why))
                .map(|()| (onward::Whom::Number(number.clone()), None)),
        }
    }

    fn find_operator(
        &self,
        house: &House,
        operator: &OperatorId,
    ) -> Result<(onward::Whom, Option<OperatorId>), NotDone> {
        if !house.settings.operators.contains(operator) {
            return Err(NotDone::NoSuchOperator);
        }
        if self.seats.iter().any(|seat| seat.operator == *operator) {
            return Err(NotDone::Themselves);
        }
        match house.seating.of(operator) {
            None => Err(NotDone::NotSignedIn),
            Some((_, OperatorState::Unreachable { .. })) => Err(NotDone::Unreachable),
            Some((_, state)) if !can_be_rung(state) => Err(NotDone::Busy),
            Some((seat, _)) => Ok((onward::Whom::Seat(seat.clone()), Some(operator.clone()))),
        }
    }

    // -----------------------------------------------------------------------------------------
    // What becomes of it

    pub fn consulted_answered(&mut self, house: &mut House) {
        if let Some(entry) = self.record.transfers.last_mut() {
            entry.answered_at = Some(house.now);
        }
        house.write(records::Entry::Changed(Box::new(self.record.clone())));
        self.hear_each_other(house);
    }

    /// The operator is with the caller again, and hears that it is not possible.
    pub fn consulted_failed(&mut self, house: &mut House, status: u16) {
        self.consultation_over(house, in_vain(status));
        if let State::Talking(talk) = &mut self.state {
            talk.refusal_plays = true;
        }
        self.hear_each_other(house);
        self.tell_operator(house, REFUSAL, DENIED);
    }

    pub fn consultation_over(&mut self, house: &mut House, outcome: TransferOutcome) {
        self.transfer_ended(house, outcome);
        self.reclaim_no_longer(house);
        self.change_hold(house, |talk| talk.consulting = false);
    }

    /// The operator hung up beside somebody whom they consulted: the caller is theirs. `false`: there is nobody.
    pub fn operator_left_to_consulted(&mut self, house: &mut House) -> bool {
        match self.complete(house) {
            Ok(()) => true,
            // They have another caller by now: this one goes back to the head of the line.
            Err(NotDone::Busy) => {
                self.transfer_ended(house, TransferOutcome::Busy);
                self.end_talk(house, EndedBy::Operator);
                self.back_to_the_line(house);
                true
            }
            Err(_) => false,
        }
    }

    /// A colleague is the call's operator from now on.
    pub fn hand_over_to(&mut self, house: &mut House, operator: OperatorId, other: Other) {
        let onward::Whom::Seat(seat) = other.at.clone() else { return };
        info!(%operator, %seat, "handed over");
        let queue = self.record.queue.clone().unwrap_or_else(|| NO_QUEUE.into());
        let (contact, caller) = (self.id, self.caller_number());
        let instead_of = other.instead_of;
        house.queue(Input::HandedOver { contact, queue, to: operator.clone(), caller, instead_of });
        self.drop_seats_but(house, None);
        self.sent_on_over(house);
        let leg = other.leg;
        self.seats.push(SeatLeg::joined(leg, operator.clone(), seat.clone(), other.holds, other.reoffered));
        // The former operator's phone, which was being rung anew, has no part in it.
        self.reclaim_no_longer(house);
        (self.record.operator, self.record.seat) = (Some(operator), Some(seat));
        if let State::Talking(talk) = &mut self.state {
            talk.new_operator(house.now, other.holds);
        }
        self.tell_holds(house.now);
        if !house.settings.emergencies.is_empty() && !self.outward {
            house.media(media::Command::KeepKeys { leg });
        }
        self.hear_each_other(house);
        if other.lost {
            self.flow_lost(house, leg);
        }
        house.write(records::Entry::Changed(Box::new(self.record.clone())));
    }

    /// The operator leaves; whom they consulted is with the caller, or is rung for them.
    fn goes_on_with(&mut self, house: &mut House, other: Other) {
        if other.is_joined() {
            self.transfer_ended(house, TransferOutcome::Transferred);
        }
        self.tell_transfer(house, if other.is_joined() { "ATTENDEDTRANSFER" } else { "BLINDTRANSFER" });
        self.end_talk(house, EndedBy::Operator);
        let (joined, progress) = (other.is_joined(), other.progress);
        self.state = State::Onward(Onward::passed_on(other));
        match progress {
            Ringing::Rings { .. } => self.hear_ringing(house),
            _ => self.hear_onward(house),
        }
        if joined {
            house.write(records::Entry::Changed(Box::new(self.record.clone())));
        }
    }

    /// A caller whom a menu or an operator sent on has somebody at a seat: it is their talk now.
    pub fn taken_up(&mut self, house: &mut House) {
        let State::Onward(onward) = std::mem::replace(&mut self.state, State::Sounding) else { return };
        let Some(there) = onward.operator_there() else { return };
        let (leg, operator, seat) = (there.leg, there.operator.clone(), there.seat.clone());
        let direction = there.direction;
        info!(%operator, %seat, "taken up");
        let queue = self.record.queue.clone().unwrap_or_else(|| NO_QUEUE.into());
        let (contact, caller) = (self.id, self.caller_number());
        house.queue(Input::HandedOver { contact, queue, to: operator.clone(), caller, instead_of: None });
        self.seats.push(there);
        (self.record.operator, self.record.seat) = (Some(operator), Some(seat));
        self.left_at = None;
        self.state = State::Talking(super::talking::Talk::new(house.now));
        self.record.talking_since = Some(house.now);
        house.write(records::Entry::Changed(Box::new(self.record.clone())));
        if !house.settings.emergencies.is_empty() && !self.outward {
            house.media(media::Command::KeepKeys { leg });
        }
        self.hear_each_other(house);
        // Whoever held while it rang holds now.
        self.hold_changed(house, self.caller, self.direction);
        self.hold_changed(house, leg, direction);
    }

    pub fn transfer_ended(&mut self, house: &House, outcome: TransferOutcome) {
        if let Some(entry) = self.record.transfers.last_mut()
            && entry.ended_at.is_none()
        {
            entry.ended_at = Some(house.now);
            entry.outcome = outcome;
        }
    }

    pub fn transfer_failed(&mut self, house: &House, status: u16) {
        self.referral_failed(status);
        self.transfer_ended(house, in_vain(status));
    }

    /// In `queue_log` the call ends here; what the next operator does is in the record and the statistics.
    pub fn tell_transfer(&mut self, house: &mut House, event: &'static str) {
        if self.record.queued_at.is_none() {
            return;
        }
        let talked = self.talk().map_or(Duration::ZERO, |talk| talk.talked(house.now)) + self.talked;
        let first = self.places.map_or(1, |(first, _)| first);
        house.write(records::Entry::Event(ledger::transferred(house.now, &self.record, event, talked, first)));
        self.end_told = true;
    }
}

fn may_dial(house: &House, number: &str) -> Result<(), NotDone> {
    match () {
        () if !is_dialable(number) => Err(NotDone::NoNumber),
        () if house.settings.way_out.is_none() => Err(NotDone::NoWayOut),
        () if !house.settings.outward.has(number) => Err(NotDone::NotAllowed),
        () => Ok(()),
    }
}

/// Who of the house may have been meant by what is no number to dial.
fn meant(house: &House, number: &str) -> Option<NotDone> {
    let settings = &house.settings;
    match () {
        () if settings.operators.contains(number) => Some(NotDone::IsOperator),
        () if settings.seats.contains(number) => Some(NotDone::IsSeat),
        () if settings.queues.contains_key(number) => Some(NotDone::IsQueue),
        () => None,
    }
}

/// Where a number leads: one of the house stands for a queue or a seat, or for menus.
fn leads(settings: &Settings, to: Whom) -> Leads {
    let number = match to {
        Whom::Queue(queue) => return Leads::Line(queue, None),
        Whom::Number(number) => number,
        to => return Leads::Whom(to),
    };
    let Some(Entry::To(destination)) = settings.ivr.numbers.get(&number).cloned() else {
        return Leads::Whom(Whom::Number(number));
    };
    match destination.to {
        To::Queue(queue) => Leads::Line(queue, destination.language),
        To::Seat { seat, .. } => Leads::Whom(Whom::Seat(seat)),
        _ => Leads::Into { number, destination },
    }
}

/// The line into which a blind transfer to `to` puts the caller.
pub(super) fn line_of(settings: &Settings, to: &Whom) -> Option<QueueId> {
    if let Leads::Line(queue, _) = leads(settings, to.clone()) { Some(queue) } else { None }
}

/// `operator`: who sits where it rings.
pub(super) fn talk_begins(
    call: &mut Call,
    house: &mut House,
    kind: TransferKind,
    to: &Whom,
    operator: Option<OperatorId>,
) {
    let Some(by) = call.record.operator.clone() else { return };
    info!(%kind, %to, "transfer");
    let transfer = TransferRecord {
        kind,
        by,
        from: None,
        to: to.to_string(),
        operator,
        at: house.now,
        answered_at: None,
        conference_at: None,
        ended_at: None,
        outcome: TransferOutcome::GoesOn,
    };
    ledger::add(&mut call.record.transfers, transfer);
    house.write(records::Entry::Changed(Box::new(call.record.clone())));
}

pub(super) fn rings(at: &onward::Whom) -> Duration {
    if matches!(at, onward::Whom::Number(_)) { NUMBER_RINGS } else { COLLEAGUE_RINGS }
}
