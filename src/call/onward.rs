//! A caller whom a rule or a menu sends on to a number outside or to a seat's phone: a leg over the trunk or to the
//! seat, early media or ringing tone until it is answered, then both are joined.

use std::fmt;
use std::time::Duration;

use tracing::info;

use super::caller::{Call, State};
use super::calls::House;
use super::hearing::TONE;
use super::offering::SeatLeg;
use super::others::{Other, Role};
use super::releasing::Releasing;
use super::ringing::{Ringing, in_vain, passed_on, reason};
use super::seating::can_be_rung;
use crate::ids::{LegId, OperatorId, Prompt, SeatId};
use crate::ivr::RINGBACK;
use crate::media::{self, Direction};
use crate::moment::Moment;
use crate::queue::Input;
use crate::records::{self, EndedBy, Outcome, SentBy, TransferOutcome};
use crate::sip::{self, Body, Target, is_dialable};

/// Nobody outside is rung for longer: proxies give up after three minutes (RFC 3261 §16.6, timer C).
const RINGS_AT_MOST: Duration = Duration::from_secs(120);

/// Nobody's phone at a seat rings for longer.
const SEAT_RINGS_AT_MOST: Duration = Duration::from_secs(30);

pub(super) struct Onward {
    pub leg: LegId,
    pub whom: Whom,
    sent_by: Cause,
    /// Who sits at the seat: busy meanwhile.
    busy: Option<OperatorId>,
    progress: Ringing,
    /// They hold.
    holds: bool,
    /// A re-INVITE of theirs waits for our description.
    pub reoffered: bool,
    /// Whether the carriers put both together without us.
    pub releasing: Releasing,
}

/// Who sent the caller on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    Menu,
    /// The rules of a line.
    Line,
    Operator,
    /// It is an operator who dialled it beside their talk.
    SecondLine,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Whom {
    Number(String),
    Seat(SeatId),
}

impl fmt::Display for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Whom::Number(number) => f.write_str(number),
            Whom::Seat(seat) => write!(f, "seat {seat}"),
        }
    }
}

impl Onward {
    pub fn next_deadline(&self) -> Option<Moment> {
        self.progress.next_deadline().or(self.releasing.next_deadline())
    }

    /// What it is called when it ends here. `answered`: an operator had talked with the caller before.
    pub fn outcome(&self, answered: bool) -> Outcome {
        match (&self.whom, self.sent_by, self.is_joined()) {
            (_, Cause::Line, _) => Outcome::Overflowed,
            (_, Cause::Menu | Cause::SecondLine, false) if !answered => Outcome::AbandonedInMenu,
            (_, Cause::Menu | Cause::Operator | Cause::SecondLine, false) => Outcome::Answered,
            (Whom::Seat(_), _, true) | (_, Cause::SecondLine, true) => Outcome::Answered,
            (Whom::Number(_), _, true) => Outcome::TransferredOut,
        }
    }

    /// Whom an operator consulted, and left the caller to.
    pub fn passed_on(other: Other) -> Self {
        let Other { leg, at, busy, progress, holds, reoffered, .. } = other;
        let (sent_by, releasing) = (Cause::Operator, Releasing::No);
        Self { leg, whom: at, sent_by, busy, progress, holds, reoffered, releasing }
    }

    /// Whom an operator reached in a call beside a talk, as somebody in that talk.
    pub fn into_talk(self, role: Role) -> Other {
        let Onward { leg, whom, busy, progress, holds, reoffered, sent_by: _, releasing: _ } = self;
        Other { leg, role, at: whom, busy, progress, holds, reoffered, lost: false, instead_of: None }
    }

    /// The leg to an operator who has the caller now.
    pub fn operator_there(self) -> Option<SeatLeg> {
        match (self.whom, self.busy) {
            (Whom::Seat(seat), Some(operator)) => {
                Some(SeatLeg::joined(self.leg, operator, seat, self.holds, self.reoffered))
            }
            _ => None,
        }
    }

    pub fn is_joined(&self) -> bool {
        self.progress == Ringing::Joined
    }

    /// Who rings, or is there.
    pub fn whom(&self) -> super::order::Whom {
        match &self.whom {
            Whom::Number(number) => super::order::Whom::Number(number.clone()),
            Whom::Seat(seat) => super::order::Whom::Seat(seat.clone()),
        }
    }

    /// The operator whose phone it is, and their seat.
    pub fn operator(&self) -> Option<(OperatorId, SeatId)> {
        match (&self.whom, &self.busy) {
            (Whom::Seat(seat), Some(operator)) => Some((operator.clone(), seat.clone())),
            _ => None,
        }
    }

    /// Whom outside.
    pub fn number(&self) -> Option<&str> {
        if let Whom::Number(number) = &self.whom { Some(number) } else { None }
    }

    /// The caller talks with somebody outside, and with nobody of the house. Whom an emergency is handed to, whoever put
    /// the caller through, is as good as one of the house: its end is seen to by us.
    pub fn is_left_outside(&self, house: &House) -> bool {
        self.is_joined() && self.is_outside(house)
    }

    /// They ring, or talk, outside, and are no emergency.
    pub fn is_outside(&self, house: &House) -> bool {
        let mut ways = house.settings.emergencies.iter().flat_map(|target| &target.ways);
        self.number().is_some_and(|number| !ways.any(|way| way.number == number))
    }

    pub fn holds(&self) -> bool {
        self.holds
    }

    pub fn is_of_operator(&self) -> bool {
        self.sent_by == Cause::Operator
    }
}

impl Call {
    pub fn send_on(&mut self, house: &mut House, number: String) {
        // Rules are checked when they are read; what is dialled is checked where it is dialled.
        let may = house.settings.way_out.is_some() && is_dialable(&number);
        let by = self.leads_to(house, &Whom::Number(number.clone()), None);
        if !may {
            info!(number, "cannot be sent on: no trunk goes out, or it is no number");
            return self.sent_on_in_vain(house, TransferOutcome::Failed);
        }
        self.ring_onward(house, Whom::Number(number), None, RINGS_AT_MOST, by);
    }

    /// The phone at a seat, for a caller who chose it.
    pub fn ring_seat(&mut self, house: &mut House, seat: SeatId) {
        let there = house.seating.at(&seat).map(|(operator, state)| (operator.clone(), state.clone()));
        let (operator, state) = there.unzip();
        let whom = Whom::Seat(seat);
        let by = self.leads_to(house, &whom, operator.as_ref());
        if let Some(state) = state.filter(|state| !can_be_rung(state)) {
            info!(%whom, ?state, "somebody sits there who is busy");
            return self.sent_on_in_vain(house, TransferOutcome::Busy);
        }
        self.keep_busy(house, operator.as_ref());
        self.ring_onward(house, whom, operator, SEAT_RINGS_AT_MOST, by);
    }

    /// A menu, or a line that the caller is in no more, leads them there.
    fn leads_to(&mut self, house: &mut House, to: &Whom, operator: Option<&OperatorId>) -> Cause {
        self.left_at = Some(house.now);
        let (cause, by) = match self.state {
            State::Menu => (Cause::Menu, SentBy::Menu),
            _ => (Cause::Line, SentBy::Line),
        };
        self.sent_on_begins(house, by, to, operator);
        cause
    }

    pub fn ring_onward(
        &mut self,
        house: &mut House,
        whom: Whom,
        busy: Option<OperatorId>,
        rings: Duration,
        sent_by: Cause,
    ) {
        info!(%whom, "sent on");
        let leg = house.legs.make(self.id);
        let progress = Ringing::Rings { until: house.now + rings };
        self.open_leg(house, leg, &whom);
        let is_outside = matches!(whom, Whom::Number(_));
        let (holds, reoffered, releasing) = (false, false, Releasing::No);
        self.state = State::Onward(Onward { leg, whom, sent_by, busy, progress, holds, reoffered, releasing });
        self.hear_ringing(house);
        self.offer_to(house, leg, is_outside, Some(self.caller));
    }

    /// Asks for the description of a leg to a number outside, or to a seat.
    pub fn offer_to(&mut self, house: &mut House, leg: LegId, is_outside: bool, like: Option<LegId>) {
        match is_outside {
            true => self.offer_outside(house, leg, None, like),
            false => house.media(media::Command::MakeOffer { leg, like }),
        }
    }

    /// The caller hears it ring, whatever they heard before.
    pub fn hear_ringing(&mut self, house: &mut House) {
        if matches!(&self.state, State::Onward(onward) if onward.is_of_operator()) {
            house.media(media::Command::Part { leg: self.caller });
        }
        self.play(house, 0, Vec::new(), Some(Prompt::plain(RINGBACK)));
    }

    /// Asks for the sound of a leg to a seat or a number.
    pub fn open_leg(&self, house: &mut House, leg: LegId, to: &Whom) {
        let browser = matches!(to, Whom::Seat(seat) if house.browsers.contains(seat));
        let kind = if browser { media::LegKind::Browser } else { media::LegKind::Phone };
        let call = house.legs.sound_of(self.id);
        let srtp = match to {
            Whom::Seat(seat) => house.settings.srtp_of_seats.get(seat).copied(),
            Whom::Number(_) => house.settings.srtp_over(None),
        };
        house.media(media::Command::Open { leg, call, second: true, kind, srtp });
    }

    /// Invites a seat's phone or a number over the trunk. `auto_answer`: who sits there asked for it.
    pub fn invite(&self, house: &mut House, leg: LegId, to: &Whom, sdp: Vec<u8>, auto_answer: bool) {
        let call = matches!(to, Whom::Seat(_)).then_some(self.id);
        let to = match to {
            Whom::Seat(seat) => Target::Seat(seat.clone()),
            Whom::Number(_) if house.settings.way_out.is_none() => return,
            Whom::Number(number) => Target::Trunk { trunk: None, number: number.clone() },
        };
        let caller = self.shown.clone();
        // RFC 7332 §4: a call that comes round to us again and again comes to an end.
        let hops = self.hops.saturating_sub(1);
        let body = Some(Body::sdp(sdp));
        let over = self.over(leg);
        house.sip(sip::Command::Invite(sip::Invite {
            leg,
            to,
            caller,
            on_behalf_of: Some(self.caller),
            sip_call_id: None,
            hops,
            auto_answer,
            call,
            urgent: false,
            body,
            over,
        }));
    }

    pub fn is_onward(&self, leg: LegId) -> bool {
        matches!(&self.state, State::Onward(onward) if onward.leg == leg)
    }

    pub fn onward_described(&mut self, house: &mut House, sdp: Vec<u8>, direction: Direction) {
        let State::Onward(onward) = &mut self.state else { return };
        let leg = onward.leg;
        if std::mem::take(&mut onward.reoffered) {
            onward.holds = direction.is_hold();
            house.sip(sip::Command::AcceptReoffer { leg, body: Body::sdp(sdp) });
            if self.is_sent_on() {
                self.hear_onward(house);
            }
            return;
        }
        // Whoever is there already is not invited again.
        if matches!(onward.progress, Ringing::Rings { .. }) {
            let whom = onward.whom.clone();
            self.invite(house, leg, &whom, sdp, false);
        }
    }

    pub fn onward_deadline(&mut self, house: &mut House) {
        let State::Onward(onward) = &self.state else { return };
        match onward.progress.next_deadline().is_some_and(|at| at <= house.now) {
            true => self.onward_failed(house, 408),
            false => self.release_deadline(house),
        }
    }

    /// They talk with whom they were sent on to.
    pub fn is_sent_on(&self) -> bool {
        matches!(&self.state, State::Onward(onward) if onward.is_joined())
    }

    /// 183 with a description: the caller hears what they say instead of our tone.
    pub fn onward_progresses(&mut self, house: &mut House, body: Body) {
        let State::Onward(onward) = &mut self.state else { return };
        if let Ringing::Rings { until } = onward.progress {
            onward.progress = Ringing::Early { until };
            house.media(media::Command::TakeAnswer { leg: onward.leg, sdp: body.bytes });
        }
    }

    pub fn onward_answered(&mut self, house: &mut House, body: Option<Body>) {
        let State::Onward(onward) = &mut self.state else { return };
        let early = matches!(onward.progress, Ringing::Early { .. });
        onward.progress = Ringing::answered(house.now);
        match body {
            Some(body) => house.media(media::Command::TakeAnswer { leg: onward.leg, sdp: body.bytes }),
            // Their 183 answered our offer already.
            None if early => self.onward_agreed(house, Direction::Both),
            None => self.onward_unacceptable(house),
        }
    }

    pub fn onward_agreed(&mut self, house: &mut House, direction: Direction) {
        let State::Onward(onward) = &mut self.state else { return };
        let leg = onward.leg;
        onward.holds = direction.is_hold();
        if matches!(onward.progress, Ringing::Answered { .. }) {
            // Asked beside a talk they are asked in that.
            let has_it = |operator: &OperatorId| house.seating.talks_elsewhere(operator, self.contact);
            if self.beside.is_none() && onward.busy.as_ref().is_some_and(has_it) {
                return self.onward_failed(house, 486);
            }
            info!(whom = %onward.whom, "answered");
            onward.progress = Ringing::Joined;
            if onward.is_of_operator() {
                return self.passed_on_answered(house);
            }
            // Whom an operator asks beside a talk may be left their caller: until then it is no talk of its own.
            let at_seat = onward.busy.is_some() && self.beside.is_none();
            if let Whom::Seat(seat) = &onward.whom {
                self.record.seat = Some(seat.clone());
                self.record.operator = onward.busy.clone();
            }
            // An operator talks, at either end.
            if matches!(onward.whom, Whom::Seat(_)) || onward.sent_by == Cause::SecondLine {
                self.record.connected_at = Some(house.now);
            }
            self.sent_on_answered(house);
            self.accept(house);
            house.media(media::Command::Watch { leg });
            if at_seat {
                self.taken_up(house);
            }
            house.write(records::Entry::Changed(Box::new(self.record.clone())));
        }
        self.hear_onward(house);
    }

    /// Caller and whom they were sent on to: joined, unless one of them holds.
    pub fn hear_onward(&mut self, house: &mut House) {
        // Not one packet of what is not to be recorded.
        self.see_to_recording(house);
        let State::Onward(onward) = &self.state else { return };
        let (leg, caller, holds) = (onward.leg, self.caller, onward.holds);
        let waits = match (holds, self.direction.is_hold()) {
            (false, false) => return house.media(media::Command::Join { a: caller, b: leg }),
            (true, true) => None,
            (true, false) => Some(caller),
            (false, true) => Some(leg),
        };
        for ear in [caller, leg] {
            if Some(ear) == waits {
                house.media(media::Command::Part { leg: ear });
                let looped = Some(house.settings.ivr.waiting.music.clone());
                house.media(media::Command::Play { leg: ear, token: TONE, prompts: Vec::new(), looped });
            } else {
                house.media(media::Command::Silence { leg: ear });
            }
        }
    }

    /// Whom an operator sent the caller to is there.
    fn passed_on_answered(&mut self, house: &mut House) {
        let State::Onward(onward) = &self.state else { return };
        let (leg, at_seat) = (onward.leg, onward.busy.is_some());
        if let Some(entry) = self.record.transfers.last_mut() {
            entry.answered_at = Some(house.now);
        }
        self.transfer_ended(house, TransferOutcome::Transferred);
        house.media(media::Command::Watch { leg });
        match at_seat {
            true => self.taken_up(house),
            false => self.hear_onward(house),
        }
        house.write(records::Entry::Changed(Box::new(self.record.clone())));
    }

    /// Nothing in common, or no answer in their 200. A re-INVITE of theirs is refused, and all is as it was.
    pub fn onward_unacceptable(&mut self, house: &mut House) {
        let State::Onward(onward) = &mut self.state else { return };
        let leg = onward.leg;
        if std::mem::take(&mut onward.reoffered) {
            return house.sip(sip::Command::RefuseReoffer { leg, status: 488 });
        }
        // A talk goes on as it was agreed before.
        if onward.progress != Ringing::Joined {
            self.onward_failed(house, 488);
        }
    }

    /// Refused, not answered, or not to be reached.
    pub fn onward_failed(&mut self, house: &mut House, status: u16) {
        let State::Onward(onward) = &self.state else { return };
        info!(whom = %onward.whom, status, "sent on in vain");
        let (of_operator, of_second_line) = (onward.is_of_operator(), onward.sent_by == Cause::SecondLine);
        let failed_by = onward.operator().map(|(operator, _)| operator);
        self.drop_onward(house, reason(status));
        if of_operator {
            self.transfer_failed(house, status);
            return self.back_to_the_line_from(house, failed_by);
        }
        if of_second_line {
            self.sent_on_failed(house, in_vain(status));
            return self.dialled_in_vain(house, passed_on(status));
        }
        self.sent_on_in_vain(house, in_vain(status));
    }

    fn sent_on_in_vain(&mut self, house: &mut House, outcome: TransferOutcome) {
        self.sent_on_failed(house, outcome);
        if self.walk_on(house) {
            return;
        }
        let of_menu = match &self.state {
            State::Onward(onward) => onward.sent_by == Cause::Menu,
            state => matches!(state, State::Menu),
        };
        let busy = house.settings.ivr.announcements.busy.clone();
        let outcome = if of_menu { self.unless_answered(Outcome::RefusedBusy) } else { Outcome::Overflowed };
        self.last_words(house, busy, outcome);
    }

    /// They hung up, or were lost.
    pub fn onward_ended(&mut self, house: &mut House) {
        let State::Onward(onward) = &self.state else { return };
        if onward.progress != Ringing::Joined {
            return self.onward_failed(house, 487);
        }
        let outcome = onward.outcome(self.record.connected_at.is_some());
        self.finish(house, outcome, EndedBy::Operator);
        house.sip(sip::Command::Hangup { leg: self.caller, reason: None });
        self.enter_ended(house);
    }

    pub fn drop_onward(&mut self, house: &mut House, reason: Option<String>) {
        let State::Onward(onward) = &mut self.state else { return };
        let leg = onward.leg;
        if let Some(operator) = onward.busy.take() {
            house.queue(Input::Outbound { operator, busy: false });
        }
        house.sip(sip::Command::Hangup { leg, reason });
        house.media(media::Command::Close { leg });
        house.legs.remove(leg);
    }
}
