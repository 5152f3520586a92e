//! What operators do by the keys of a desk phone: they send their caller on (REFER), dial somebody beside the talk and
//! leave the caller to them, or take the talk over on another phone of the same seat (Replaces). Each means what the
//! page's orders mean.

use std::time::Duration;

use tracing::info;

use super::caller::{Call, State};
use super::calls::{Calls, House, Part, is_feature_code};
use super::offering::{Progress, SeatLeg};
use super::onward::{self, Cause};
use super::order::{NotDone, Whom};
use super::others::{Other, Role};
use super::ringing::{in_vain, passed_on};
use super::words::Settings;
use crate::ids::{CallId, Language, LegId, QueueId, SeatId};
use crate::media;
use crate::moment::Moment;
use crate::records::{EndedBy, Outcome, SentBy, TransferKind, TransferOutcome};
use crate::sip::{self, ReferTo};

/// A call that an operator makes from their phone beside a talk.
pub(super) struct Beside {
    pub talk: CallId,
    /// `None`: it goes as anybody's does who dials a number of the house.
    to: Option<Whom>,
}

/// What a phone asked for by REFER.
#[derive(Clone, Copy)]
pub(super) struct Referral {
    /// The leg that is told what becomes of it.
    leg: LegId,
    /// What whoever was rung in vain is said to have answered.
    failed: Option<u16>,
}

/// Where a call beside a talk has come when the caller of that is left to it.
enum Reached {
    /// Somebody rings, or is there.
    Somebody(Other),
    /// A line in which it waits, and what is spoken there.
    Line(QueueId, Language),
    /// The menus of this number.
    Menus(String),
}

impl Calls {
    /// An operator's phone sends the other side of its talk elsewhere.
    pub(super) fn refer(&mut self, now: Moment, leg: LegId, to: ReferTo) {
        let mut result = Err(NotDone::NoSuchCall);
        match to {
            ReferTo::Number(number) => self.on_leg(now, leg, |call, house| {
                result = call.refer_to_number(house, leg, &number);
                call.referred(house, leg, result);
            }),
            ReferTo::Leg(other) => result = self.leave_to(now, leg, other),
        }
        if let Err(why) = result {
            info!(%leg, %why, "not sent on");
            self.refuse_refer(leg, status(why));
        }
    }

    /// The talk in which an operator speaks on this leg.
    pub(super) fn talk_on(&self, leg: LegId) -> Option<CallId> {
        let call = self.call_of(leg)?;
        self.all().find(|of| of.id == call && of.is_operators(leg)).map(|call| call.id)
    }

    /// The caller of the one leg's talk is left to what the other leg reached: phones say it of either.
    fn leave_to(&mut self, now: Moment, leg: LegId, other: LegId) -> Result<(), NotDone> {
        let mut found = None;
        for (talk, beside) in [(leg, other), (other, leg)] {
            let mut may = Err(NotDone::NotInTalk);
            self.on_leg(now, talk, |call, _| may = call.may_be_left(talk));
            if may.is_ok() {
                found = Some((talk, beside));
                break;
            }
        }
        let (talk, beside) = found.ok_or(NotDone::NotInTalk)?;
        let of = self.call_of(talk).ok_or(NotDone::NoSuchCall)?;
        let mut reached = None;
        self.on_leg(now, beside, |call, house| reached = call.give_reached(house, beside, of));
        let reached = reached.ok_or(NotDone::NobodyConsulted)?;
        let mut result = Err(NotDone::NoSuchCall);
        self.on_leg(now, talk, |call, house| {
            result = call.take_reached(house, reached);
            call.referred(house, leg, result);
        });
        result
    }
}

impl Call {
    /// A call from a seat at which somebody talks, and no feature code.
    pub fn is_beside(&self, settings: &Settings, incoming: &sip::Incoming, talk: Option<CallId>) -> Option<Beside> {
        let number = &incoming.number;
        if is_feature_code(number) {
            return None;
        }
        let is_ours = settings.ivr.numbers.contains_key(number);
        Some(Beside { talk: talk?, to: (!is_ours).then(|| whom(settings, number)) })
    }

    /// Whom an operator dials beside a talk.
    pub fn dials_beside(&self) -> Option<&Whom> {
        self.beside.as_ref()?.to.as_ref()
    }

    /// Sound can be heard: whom they dialled is rung.
    pub fn ring_beside(&mut self, house: &mut House, to: &Whom) {
        match self.find(house, to) {
            Ok((at, busy)) => {
                let rings = super::consulting::rings(&at);
                self.sent_on_begins(house, SentBy::Operator, &at, busy.as_ref());
                self.keep_busy(house, busy.as_ref());
                self.ring_onward(house, at, busy, rings, Cause::SecondLine);
            }
            Err(why) => {
                info!(%to, %why, "cannot be rung");
                self.dialled_in_vain(house, status(why));
            }
        }
    }

    /// Nobody was reached whom an operator dialled beside their talk: the phone shows why. A phone that was answered
    /// before, as its offer came late, hears it.
    pub fn dialled_in_vain(&mut self, house: &mut House, status: u16) {
        let (words, outcome) = match in_vain(status) {
            TransferOutcome::Busy => (house.settings.ivr.announcements.busy.clone(), Outcome::RefusedBusy),
            _ => (house.settings.ivr.announcements.failure.clone(), Outcome::Failed),
        };
        if self.accepted {
            return self.last_words(house, words, outcome);
        }
        self.state = State::Sounding;
        self.refuse(house, status, outcome);
    }

    fn refer_to_number(&mut self, house: &mut House, leg: LegId, number: &str) -> Result<(), NotDone> {
        self.may_be_left(leg)?;
        let to = whom(house.settings, number);
        self.transfer(house, to)
    }

    /// The operator's leg of a talk beside which nothing else goes on.
    fn may_be_left(&self, leg: LegId) -> Result<(), NotDone> {
        if self.is_operators(leg) { self.may_turn_to_somebody() } else { Err(NotDone::NotInTalk) }
    }

    fn is_operators(&self, leg: LegId) -> bool {
        self.seats.first().is_some_and(|seat| seat.leg == leg) && self.talk().is_some()
    }

    /// A call beside this talk ends, and lets go of whom it reached. Beside another its sound is elsewhere; what the files
    /// have no more is nowhere to be left to.
    fn give_reached(&mut self, house: &mut House, leg: LegId, talk: CallId) -> Option<Reached> {
        let is_beside = self.beside.as_ref().is_some_and(|beside| beside.talk == talk);
        if leg != self.caller || !is_beside {
            return None;
        }
        let (reached, outcome) = match &self.state {
            State::Onward(_) => {
                // As where the operator hangs up.
                let outcome = self.abandoned();
                (Reached::Somebody(self.give_onward(house)?), outcome)
            }
            State::Talking(_) => (Reached::Somebody(self.give_operator(house)?), Outcome::Answered),
            State::Line(_) => {
                let queue = self.record.queue.as_ref().map(|queue| house.settings.now_called(queue));
                let queue = queue.filter(|queue| house.settings.queues.contains_key(queue))?;
                (Reached::Line(queue, self.language), self.abandoned())
            }
            State::Menu if house.settings.ivr.numbers.contains_key(&self.record.to) => {
                (Reached::Menus(self.record.to.clone()), self.abandoned())
            }
            _ => return None,
        };
        if !self.accepted {
            // What somebody is told whose call ends before it was answered.
            self.record.sip_status = Some(480);
        }
        // Whose call this is, is the operator.
        self.finish(house, outcome, EndedBy::Caller);
        house.sip(sip::Command::Hangup { leg: self.caller, reason: None });
        self.enter_ended(house);
        Some(reached)
    }

    fn give_onward(&mut self, house: &mut House) -> Option<Other> {
        let State::Onward(onward) = std::mem::replace(&mut self.state, State::Sounding) else { return None };
        let to = self.beside.take()?.to.unwrap_or_else(|| onward.whom());
        let reached = onward.into_talk(Role::Consulted { to });
        house.media(media::Command::Part { leg: reached.leg });
        self.talked = self.record.connected_at.map_or(Duration::ZERO, |connected| house.now.since(connected));
        Some(reached)
    }

    /// The operator to whom a line led this call: their talk in it ends when they get the caller.
    fn give_operator(&mut self, house: &mut House) -> Option<Other> {
        let talk = self.talk()?;
        if talk.handoff.is_some() || talk.consulted().is_some() || talk.lost_until.is_some() {
            return None;
        }
        let holds = talk.operator_holds;
        let SeatLeg { leg, operator, seat, reoffered, .. } =
            self.take_seat(|seat| seat.progress == Progress::Joined)?;
        house.media(media::Command::Part { leg });
        self.count_talk(house);
        self.drop_others(house);
        self.state = State::Sounding;
        let role = Role::Consulted { to: Whom::Operator(operator.clone()) };
        let there = Other::brought_in(leg, role, onward::Whom::Seat(seat), operator);
        Some(Other { holds, reoffered, instead_of: Some(self.contact), ..there })
    }

    /// The operator leaves the caller to what they reached.
    fn take_reached(&mut self, house: &mut House, reached: Reached) -> Result<(), NotDone> {
        match reached {
            Reached::Somebody(other) => self.take_somebody(house, other),
            Reached::Line(queue, language) => self.pass_into_line(house, &queue, Some(language)),
            Reached::Menus(number) => self.transfer(house, Whom::Number(number)),
        }
    }

    fn take_somebody(&mut self, house: &mut House, reached: Other) -> Result<(), NotDone> {
        let Role::Consulted { to } = reached.role.clone() else { return Err(NotDone::NobodyConsulted) };
        house.legs.give(reached.leg, self.id);
        super::consulting::talk_begins(self, house, TransferKind::Consult, &to, reached.busy.clone());
        if reached.is_joined()
            && let Some(entry) = self.record.transfers.last_mut()
        {
            entry.answered_at = Some(house.now);
        }
        let leg = reached.leg;
        self.talk_mut()?.others.push(reached);
        let left = self.complete(house);
        if left.is_err() {
            self.transfer_ended(house, TransferOutcome::Busy);
            self.other_left(house, leg);
        }
        left
    }

    // -----------------------------------------------------------------------------------------
    // What is told of it

    fn referred(&mut self, house: &mut House, leg: LegId, result: Result<(), NotDone>) {
        if result.is_ok() {
            self.referral = Some(Referral { leg, failed: None });
            self.tell_referrer(house);
        }
    }

    /// Whom an operator sent the caller to rings.
    pub fn tell_ringing(&self, house: &mut House, leg: LegId) {
        if let Some(referral) = self.referral
            && self.is_onward(leg)
        {
            house.sip(sip::Command::Referred { leg: referral.leg, status: 180 });
        }
    }

    /// Whom an operator sent the caller to said this: the phone that asked for it is told when all is known.
    pub fn referral_failed(&mut self, status: u16) {
        if let Some(referral) = &mut self.referral {
            referral.failed = Some(passed_on(status));
        }
    }

    /// What became of it, as soon as that is known: the phone of whoever sent the caller on shows it.
    pub fn tell_referrer(&mut self, house: &mut House) {
        let Some(Referral { failed, .. }) = self.referral else { return };
        let status = match self.record.transfers.last().filter(|entry| entry.ended_at.is_some()) {
            Some(entry) => match entry.outcome {
                TransferOutcome::Transferred => 200,
                // Whoever was sent on hung up.
                TransferOutcome::Ended => 487,
                why => failed.unwrap_or(match why {
                    TransferOutcome::Busy => 486,
                    TransferOutcome::NoAnswer => 480,
                    TransferOutcome::Refused => 603,
                    _ => 503,
                }),
            },
            // Over, and nothing was begun.
            None if matches!(self.state, State::Ended { .. }) => 503,
            None => return,
        };
        self.tell_referrer_that(house, status);
    }

    /// The final status of what the phone asked for.
    pub fn tell_referrer_that(&mut self, house: &mut House, status: u16) {
        if let Some(Referral { leg, .. }) = self.referral.take() {
            house.sip(sip::Command::Referred { leg, status });
        }
    }

    // -----------------------------------------------------------------------------------------
    // Replaces

    /// Why the phone may not have the place that it asks for.
    pub fn denied_place(&self, house: &House, replaced: sip::Replaced) -> Option<u16> {
        match replaced {
            sip::Replaced::Talk(_) => self.takes_over.is_none().then_some(481),
            sip::Replaced::Ring(_) => self.denied_by_key(house),
        }
    }

    /// What this call is in the talk whose place it takes.
    pub fn in_place(&self) -> Option<(CallId, Part)> {
        let old = self.replaces?.talk()?;
        let (seat, holds) = (self.record.seat.clone()?, self.direction.is_hold());
        Some((self.takes_over?, Part::InPlaceOf { old, seat, holds }))
    }

    /// Another phone of the operator's seat takes the place of the one they talk on.
    pub fn replace(
        &mut self,
        house: &mut House,
        leg: LegId,
        old: LegId,
        seat: SeatId,
        holds: bool,
    ) -> Result<(), NotDone> {
        if !self.is_operators(old) {
            return Err(NotDone::NotInTalk);
        }
        let operator = self.seats.first().map(|seat| seat.operator.clone()).ok_or(NotDone::NotInTalk)?;
        let other = Other::brought_in(leg, Role::Reclaimed, onward::Whom::Seat(seat), operator);
        // Who talks is busy by that.
        self.talk_mut()?.others.push(Other { busy: None, holds, ..other });
        self.reclaimed(house, leg);
        Ok(())
    }
}

/// Whom a number means that an operator dials or sends somebody to: a seat, a colleague, or whoever has the number.
fn whom(settings: &Settings, number: &str) -> Whom {
    if let Some(seat) = settings.seats.get(number) {
        return Whom::Seat(seat.clone());
    }
    if let Some(operator) = settings.operators.get(number) {
        return Whom::Operator(operator.clone());
    }
    Whom::Number(number.into())
}

fn status(why: NotDone) -> u16 {
    match why {
        NotDone::Busy | NotDone::QueueFull => 486,
        NotDone::Unreachable | NotDone::NotSignedIn | NotDone::QueueClosed => 480,
        NotDone::NobodyReady | NotDone::NobodyServes => 480,
        NotDone::NoSuchSeat | NotDone::NoSuchOperator | NotDone::NoSuchQueue | NotDone::NoNumber => 404,
        NotDone::NoSuchCall | NotDone::NotInTalk => 481,
        NotDone::NoWayOut | NotDone::NotAllowed => 403,
        _ => 603,
    }
}
