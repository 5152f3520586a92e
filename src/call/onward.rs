//! A caller whom a rule or a menu sends on to a number outside or to a seat's phone: a leg over the trunk or to the
//! seat, early media or ringing tone until it is answered, then both are joined.

use std::fmt;
use std::time::Duration;

use tracing::info;

use super::caller::{Call, State};
use super::calls::House;
use super::ringing::Ringing;
use super::seating::can_be_rung;
use crate::ids::{LegId, OperatorId, Prompt, SeatId};
use crate::ivr::RINGBACK;
use crate::media;
use crate::moment::Moment;
use crate::queue::Input;
use crate::records::{self, EndedBy, Outcome};
use crate::sip::{self, Body, Target, is_dialable};

/// Nobody outside is rung for longer: proxies give up after three minutes (RFC 3261 §16.6, timer C).
const RINGS_AT_MOST: Duration = Duration::from_secs(120);

/// Nobody's phone at a seat rings for longer.
const SEAT_RINGS_AT_MOST: Duration = Duration::from_secs(30);

pub(super) struct Onward {
    pub leg: LegId,
    whom: Whom,
    /// The menus sent them, and not the rules of a line.
    of_menu: bool,
    /// Who sits at the seat: busy meanwhile.
    busy: Option<OperatorId>,
    progress: Ringing,
    /// A re-INVITE of theirs waits for our description.
    pub reoffered: bool,
}

#[derive(Clone, PartialEq, Eq)]
enum Whom {
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
        self.progress.next_deadline()
    }

    /// What it is called when it ends here.
    pub fn outcome(&self) -> Outcome {
        match (&self.whom, self.of_menu, self.progress == Ringing::Joined) {
            (_, false, _) => Outcome::Overflowed,
            (_, true, false) => Outcome::AbandonedInMenu,
            (Whom::Seat(_), true, true) => Outcome::Answered,
            (Whom::Number(_), true, true) => Outcome::TransferredOut,
        }
    }
}

impl Call {
    pub fn send_on(&mut self, house: &mut House, number: String) {
        self.left_at = Some(house.now);
        // Rules are checked when they are read; what is dialled is checked where it is dialled.
        if house.settings.way_out.is_none() || !is_dialable(&number) {
            info!(number, "cannot be sent on: no trunk goes out, or it is no number");
            return self.sent_on_in_vain(house);
        }
        self.ring(house, Whom::Number(number), None, RINGS_AT_MOST);
    }

    /// The phone at a seat, for a caller who chose it.
    pub fn ring_seat(&mut self, house: &mut House, seat: SeatId) {
        self.left_at = Some(house.now);
        let busy = match house.seating.at(&seat) {
            Some((_, state)) if !can_be_rung(state) => {
                info!(%seat, ?state, "somebody sits there who is busy");
                return self.sent_on_in_vain(house);
            }
            Some((operator, _)) => Some(operator.clone()),
            None => None,
        };
        if let Some(operator) = busy.clone() {
            house.queue(Input::Outbound { operator, busy: true });
        }
        self.ring(house, Whom::Seat(seat), busy, SEAT_RINGS_AT_MOST);
    }

    fn ring(&mut self, house: &mut House, whom: Whom, busy: Option<OperatorId>, rings: Duration) {
        info!(%whom, "sent on");
        let of_menu = matches!(self.state, State::Menu);
        let leg = house.legs.make(self.id);
        let progress = Ringing::Rings { until: house.now + rings };
        self.state = State::Onward(Onward { leg, whom, of_menu, busy, progress, reoffered: false });
        self.play(house, 0, Vec::new(), Some(Prompt::plain(RINGBACK)));
        house.media(media::Command::Open { leg, call: self.id, second: true, kind: media::LegKind::Phone });
        house.media(media::Command::MakeOffer { leg, like: Some(self.caller) });
    }

    pub fn is_onward(&self, leg: LegId) -> bool {
        matches!(&self.state, State::Onward(onward) if onward.leg == leg)
    }

    pub fn onward_described(&mut self, house: &mut House, sdp: Vec<u8>) {
        let State::Onward(onward) = &mut self.state else { return };
        let leg = onward.leg;
        if std::mem::take(&mut onward.reoffered) {
            return house.sip(sip::Command::AcceptReoffer { leg, body: Body::sdp(sdp) });
        }
        let to = match &onward.whom {
            Whom::Seat(seat) => Target::Seat(seat.clone()),
            Whom::Number(number) => {
                let Some(trunk) = house.settings.way_out.clone() else { return };
                Target::Trunk { trunk, number: number.clone() }
            }
        };
        let caller = self.shown.clone();
        // RFC 7332 §4: a call that comes round to us again and again comes to an end.
        let hops = self.hops.saturating_sub(1);
        let body = Some(Body::sdp(sdp));
        let invite = sip::Invite { leg, to, caller, hops, sip_call_id: None, auto_answer: false, call: None, body };
        house.sip(sip::Command::Invite(invite));
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
        onward.progress = Ringing::Answered;
        match body {
            Some(body) => house.media(media::Command::TakeAnswer { leg: onward.leg, sdp: body.bytes }),
            // Their 183 answered our offer already.
            None if early => self.onward_agreed(house),
            None => self.onward_unacceptable(house),
        }
    }

    pub fn onward_agreed(&mut self, house: &mut House) {
        let State::Onward(onward) = &mut self.state else { return };
        let leg = onward.leg;
        let answered = onward.progress == Ringing::Answered;
        if answered {
            info!(whom = %onward.whom, "answered");
            onward.progress = Ringing::Joined;
            if let Whom::Seat(seat) = &onward.whom {
                self.record.seat = Some(seat.clone());
                self.record.operator = onward.busy.clone();
                self.record.connected_at = Some(house.now);
            }
            self.accept(house);
            house.media(media::Command::Watch { leg });
            house.write(records::Entry::Changed(Box::new(self.record.clone())));
        }
        house.media(media::Command::Join { a: self.caller, b: leg });
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
        self.drop_onward(house);
        self.sent_on_in_vain(house);
    }

    fn sent_on_in_vain(&mut self, house: &mut House) {
        if self.walk_on(house) {
            return;
        }
        let of_menu = match &self.state {
            State::Onward(onward) => onward.of_menu,
            state => matches!(state, State::Menu),
        };
        let busy = house.settings.ivr.announcements.busy.clone();
        self.last_words(house, busy, if of_menu { Outcome::RefusedBusy } else { Outcome::Overflowed });
    }

    /// They hung up, or were lost.
    pub fn onward_ended(&mut self, house: &mut House) {
        let State::Onward(onward) = &self.state else { return };
        if onward.progress != Ringing::Joined {
            return self.onward_failed(house, 487);
        }
        let outcome = onward.outcome();
        self.finish(house, outcome, EndedBy::Operator);
        house.sip(sip::Command::Hangup { leg: self.caller, reason: None });
        self.enter_ended(house);
    }

    pub fn drop_onward(&mut self, house: &mut House) {
        let State::Onward(onward) = &mut self.state else { return };
        let leg = onward.leg;
        if let Some(operator) = onward.busy.take() {
            house.queue(Input::Outbound { operator, busy: false });
        }
        house.sip(sip::Command::Hangup { leg, reason: None });
        house.media(media::Command::Close { leg });
        house.legs.remove(leg);
    }
}
