//! Offers, as the call sees them: each a leg to a seat that rings until it is answered, refused or withdrawn. Several
//! may ring at once; the engine says whose answer came first.

use std::time::Duration;

use tracing::{info, warn};

use super::caller::{Call, State};
use super::calls::House;
use super::ledger;
use super::onward::Whom;
use super::talking::Talk;
use crate::ids::{LegId, OfferId, OperatorId, SeatId};
use crate::media::{self, Direction};
use crate::moment::Moment;
use crate::queue::{Input, OfferFailure, OfferOutcome};
use crate::records::{self, OfferRecord};
use crate::sip::{self, Body};

/// A phone that says nothing at all to an INVITE for so long is not there: its offer fails as
/// unreachable instead of ringing on in the caller's ear.
const SILENT_PHONE: Duration = Duration::from_secs(6);

/// While no port pair is free for the seat's leg, so often is one asked for again: that is no fault of the
/// operator's.
const PORTS_AGAIN: Duration = Duration::from_secs(1);

/// Offers that a record tells: a call that nobody takes is offered again and again. The first of them stay, and
/// the latest; the engine's decisions tell all.
const MOST_OFFERS: usize = 200;
const FIRST_OFFERS: usize = 100;

/// Numbers of offers begin with 1.
const NO_OFFER: OfferId = OfferId(0);

/// The leg to a seat.
pub(super) struct SeatLeg {
    pub leg: LegId,
    pub operator: OperatorId,
    pub seat: SeatId,
    pub offer: OfferId,
    pub progress: Progress,
    /// What the phone's last description lets flow.
    pub direction: Direction,
    /// A re-INVITE of the seat's waits for our description.
    pub reoffered: bool,
    /// Its connection went before the talk began.
    pub lost: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// INVITE on its way; nothing but `100` came back.
    Silent {
        until: Moment,
    },
    /// No port pair was free; the phone knows nothing yet.
    NoPorts {
        again: Moment,
        until: Moment,
    },
    Rings,
    /// 200 came; its answer is being applied.
    Answered,
    /// The engine was told.
    Accepted,
    Joined,
}

impl SeatLeg {
    /// Whoever has the caller without having been offered them.
    pub fn joined(leg: LegId, operator: OperatorId, seat: SeatId, holds: bool, reoffered: bool) -> Self {
        let direction = if holds { Direction::TheyHold } else { Direction::Both };
        Self { leg, operator, seat, offer: NO_OFFER, progress: Progress::Joined, direction, reoffered, lost: false }
    }

    pub fn next_deadline(&self) -> Option<Moment> {
        match self.progress {
            Progress::Silent { until } => Some(until),
            Progress::NoPorts { again, until } => Some(again.min(until)),
            _ => None,
        }
    }
}

impl Call {
    pub fn offered(&mut self, house: &mut House, offer: OfferId, operator: OperatorId, seat: SeatId) {
        self.open_offers += 1;
        match self.state {
            State::Line(_) | State::Recruiting => {}
            // It has asked to leave the line already; that withdraws the offer, and is no fault of the phone's.
            State::Ended { .. } => return,
            _ => return house.queue(Input::Failed { offer, why: OfferFailure::Unreachable }),
        }
        if self.is_picked_up(house, offer, &operator) {
            return;
        }
        info!(%operator, %seat, "offered");
        let leg = house.legs.make(self.id);
        let progress = Progress::Silent { until: house.now + SILENT_PHONE };
        let direction = Direction::Both;
        self.seats.push(SeatLeg { leg, operator, seat, offer, progress, direction, reoffered: false, lost: false });
        self.open_seat(house, leg);
    }

    fn open_seat(&self, house: &mut House, leg: LegId) {
        let Some(at) = self.seats.iter().find(|seat| seat.leg == leg).map(|seat| Whom::Seat(seat.seat.clone())) else {
            return;
        };
        self.open_leg(house, leg, &at);
        house.media(media::Command::MakeOffer { leg, like: Some(self.caller) });
    }

    pub fn no_ports_for_seat(&mut self, house: &mut House, leg: LegId) {
        let Some(seat) = self.seat_mut(leg) else { return };
        let until = match seat.progress {
            Progress::Silent { until } | Progress::NoPorts { until, .. } => until,
            _ => return,
        };
        warn!(seat = %seat.seat, "no RTP ports are free for a seat: media.ports is too small");
        seat.progress = Progress::NoPorts { again: house.now + PORTS_AGAIN, until };
    }

    pub fn seat_described(&mut self, house: &mut House, leg: LegId, sdp: Vec<u8>, direction: Direction) {
        let Some(seat) = self.seat_mut(leg) else { return };
        seat.direction = direction;
        if std::mem::take(&mut seat.reoffered) {
            house.sip(sip::Command::AcceptReoffer { leg, body: Body::sdp(sdp) });
            return self.hold_changed(house, leg, direction);
        }
        if matches!(seat.progress, Progress::NoPorts { .. }) {
            seat.progress = Progress::Silent { until: house.now + SILENT_PHONE };
        }
        // Whoever is there already is not invited again.
        if matches!(seat.progress, Progress::Silent { .. }) {
            let at = Whom::Seat(seat.seat.clone());
            self.invite(house, leg, &at, sdp, false);
        }
    }

    pub fn seat_rings(&mut self, _house: &mut House, leg: LegId) {
        if let Some(seat) = self.seat_mut(leg)
            && matches!(seat.progress, Progress::Silent { .. })
        {
            seat.progress = Progress::Rings;
        }
    }

    pub fn seat_answered(&mut self, house: &mut House, leg: LegId, body: Option<Body>) {
        let Some(seat) = self.seat_mut(leg) else { return };
        seat.progress = Progress::Answered;
        match body {
            Some(body) => house.media(media::Command::TakeAnswer { leg, sdp: body.bytes }),
            // RFC 3261 §13.2.1: a 200 to an INVITE with an offer must answer it.
            None => self.seat_unacceptable(house, leg),
        }
    }

    pub fn seat_agreed(&mut self, house: &mut House, leg: LegId, direction: Direction) {
        let Some(seat) = self.seat_mut(leg) else { return };
        seat.direction = direction;
        match seat.progress {
            Progress::Answered => {
                seat.progress = Progress::Accepted;
                house.queue(Input::Accepted { offer: seat.offer });
            }
            _ => self.hold_changed(house, leg, direction),
        }
    }

    /// The engine says the talk began.
    pub fn connected(&mut self, house: &mut House, operator: OperatorId, seat: SeatId) {
        self.in_line = false;
        let is_waiting = matches!(self.state, State::Line(_));
        let Some(leg) = self.seats.iter_mut().find(|leg| leg.seat == seat && is_waiting) else {
            // Somebody hung up while the operator's answer was on its way. If it was the caller, settling drops the
            // seat's leg; if it was the operator, it is as good as a refusal, but the engine has told of an answer.
            house.queue(Input::TalkEnded { contact: self.id });
            if is_waiting {
                self.visit_answered(house, operator.clone());
                self.back_to_the_line_from(house, Some(operator));
            }
            return;
        };
        info!(%operator, %seat, "connected");
        leg.progress = Progress::Joined;
        let (leg, held_by_seat, lost) = (leg.leg, leg.direction, leg.lost);
        self.drop_seats_but(house, Some(leg));
        self.record.connected_at.get_or_insert(house.now);
        self.visit_answered(house, operator.clone());
        self.record.operator = Some(operator);
        self.record.seat = Some(seat);
        self.accept(house);
        house.media(media::Command::Watch { leg });
        // Codes are for us. A citizen whom we called may have an exchange that asks for keys.
        if !house.settings.emergencies.is_empty() && !self.outward {
            house.media(media::Command::KeepKeys { leg });
        }
        self.state = State::Talking(Talk::new(house.now));
        self.record.talking_since = Some(house.now);
        house.media(media::Command::Join { a: self.caller, b: leg });
        // Who held before the talk, in the line or in the answer, holds now.
        self.hold_changed(house, self.caller, self.direction);
        self.hold_changed(house, leg, held_by_seat);
        house.write(records::Entry::Changed(Box::new(self.record.clone())));
        house.write(records::Entry::Event(ledger::connected(house.now, &self.record, leg.to_string())));
        if lost {
            self.flow_lost(house, leg);
        }
    }

    pub fn seat_refused(&mut self, house: &mut House, leg: LegId, status: u16) {
        let Some(seat) = self.take_seat(|seat| seat.leg == leg) else { return };
        let why = failure(status);
        info!(operator = %seat.operator, status, ?why, "offer failed");
        self.drop_seat_leg(house, &seat, None);
        house.queue(Input::Failed { offer: seat.offer, why });
    }

    /// Nothing in common, or no answer in its 200. A re-INVITE of theirs is refused, and all is as it was.
    pub fn seat_unacceptable(&mut self, house: &mut House, leg: LegId) {
        let Some(seat) = self.seat_mut(leg) else { return };
        if std::mem::take(&mut seat.reoffered) {
            return house.sip(sip::Command::RefuseReoffer { leg, status: 488 });
        }
        // A talk goes on as it was agreed before, also that of who took a callback and hears it ring.
        if matches!(seat.progress, Progress::Accepted | Progress::Joined) {
            return;
        }
        let Some(seat) = self.take_seat(|seat| seat.leg == leg) else { return };
        let reason = "SIP;cause=488;text=\"Not Acceptable Here\"";
        self.drop_seat_leg(house, &seat, Some(reason));
        house.queue(Input::Failed { offer: seat.offer, why: OfferFailure::Unreachable });
    }

    /// The engine wants the phone silent: a CANCEL, or a BYE if its 200 is on the way.
    pub fn withdrawn(&mut self, house: &mut House, offer: OfferId, why: OfferOutcome) {
        if let Some(seat) = self.take_seat(|seat| seat.offer == offer) {
            let elsewhere = (why == OfferOutcome::AnsweredElsewhere).then_some(sip::ANSWERED_ELSEWHERE);
            self.drop_seat_leg(house, &seat, elsewhere);
        }
    }

    /// A phone that said nothing: give its offer back before the caller has waited for nothing.
    pub fn check_ringing(&mut self, house: &mut House) {
        let now = house.now;
        let mut again = Vec::new();
        for seat in &mut self.seats {
            if let Progress::NoPorts { again: at, until } = seat.progress
                && at <= now
                && now < until
            {
                seat.progress = Progress::NoPorts { again: now + PORTS_AGAIN, until };
                again.push(seat.leg);
            }
        }
        again.into_iter().for_each(|leg| self.open_seat(house, leg));
        let silent = |seat: &SeatLeg| match seat.progress {
            Progress::Silent { until } | Progress::NoPorts { until, .. } => until <= now,
            _ => false,
        };
        while let Some(seat) = self.take_seat(silent) {
            info!(operator = %seat.operator, "phone says nothing");
            self.drop_seat_leg(house, &seat, None);
            house.queue(Input::Failed { offer: seat.offer, why: OfferFailure::Unreachable });
        }
    }

    pub fn offer_ended(
        &mut self,
        house: &mut House,
        operator: OperatorId,
        seat: SeatId,
        outcome: OfferOutcome,
        at: Moment,
        ms: u64,
    ) {
        self.open_offers = self.open_offers.saturating_sub(1);
        if let Some(event) = ledger::not_answered(house.now, &self.record, &operator, outcome, ms) {
            house.write(records::Entry::Event(event));
        }
        let outcome = ledger::recorded(outcome);
        if self.record.offers.len() == MOST_OFFERS {
            self.record.offers.remove(FIRST_OFFERS);
        }
        self.record.offers.push(OfferRecord { operator, seat, at, outcome, ms });
    }

    pub fn seat_mut(&mut self, leg: LegId) -> Option<&mut SeatLeg> {
        self.seats.iter_mut().find(|seat| seat.leg == leg)
    }

    pub fn take_seat(&mut self, is: impl Fn(&SeatLeg) -> bool) -> Option<SeatLeg> {
        self.seats.iter().position(is).map(|index| self.seats.remove(index))
    }

    /// Lets go of every seat's leg but one.
    pub fn drop_seats_but(&mut self, house: &mut House, stays: Option<LegId>) {
        while let Some(seat) = self.take_seat(|seat| Some(seat.leg) != stays) {
            self.drop_seat_leg(house, &seat, None);
        }
    }

    pub fn drop_seat_leg(&self, house: &mut House, seat: &SeatLeg, reason: Option<&str>) {
        house.sip(sip::Command::Hangup { leg: seat.leg, reason: reason.map(Into::into) });
        house.media(media::Command::Close { leg: seat.leg });
        house.legs.close(seat.leg);
    }
}

/// What a refusal of the seat's phone means to the engine, RFC 3261 §21.4–21.6.
fn failure(status: u16) -> OfferFailure {
    match status {
        486 | 600 => OfferFailure::Busy,
        // 480 is what phones say on "reject" and on do-not-disturb.
        403 | 433 | 480 | 603 | 607 => OfferFailure::Rejected,
        // A phone that sends its calls on to where the admin does not let them.
        300..=399 => OfferFailure::Rejected,
        _ => OfferFailure::Unreachable,
    }
}
