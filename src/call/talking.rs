//! The talk: hold and resume from either side, new descriptions, and the end.

use std::time::Duration;

use tracing::info;

use super::caller::{Call, State};
use super::calls::House;
use super::codes::Typed;
use super::handoff::Handoff;
use super::hearing::Heard;
use super::others::Other;
use super::view::Stage;
use crate::ids::LegId;
use crate::media::{self, Direction};
use crate::moment::Moment;
use crate::queue::Input;
use crate::records::{self, EndedBy, HoldRecord, Holder};
use crate::sip::{self, Body};

/// Holds that a record tells; later ones are not told.
const MOST_HOLDS: usize = 64;

/// Caller and operator, who holds whom, and who else is there.
pub(super) struct Talk {
    began: Moment,
    pub caller_holds: bool,
    /// By their phone.
    pub operator_holds: bool,
    /// As the operator asked the house for.
    pub on_hold: bool,
    /// The operator is with somebody else, or waits for them; the caller hears music.
    pub consulting: bool,
    /// The operator's phone is lost; it may come back until then.
    pub lost_until: Option<Moment>,
    /// Legs beside caller and operator.
    pub others: Vec<Other>,
    pub heard: Heard,
    since: Option<Moment>,
    held: Duration,
    /// What the operator pressed of a code.
    pub typed: Typed,
    /// An emergency that is being handed to somebody else.
    pub handoff: Option<Handoff>,
    /// The operator is told that it is not possible.
    pub refusal_plays: bool,
    /// Both are told that the call is recorded.
    pub notice_plays: bool,
    /// The caller hung up, and operator and far end talk on.
    pub caller_gone: bool,
}

impl Talk {
    pub fn new(began: Moment) -> Self {
        Self {
            began,
            caller_holds: false,
            operator_holds: false,
            on_hold: false,
            consulting: false,
            lost_until: None,
            others: Vec::new(),
            heard: Heard::default(),
            since: None,
            held: Duration::ZERO,
            typed: Typed::default(),
            handoff: None,
            refusal_plays: false,
            notice_plays: false,
            caller_gone: false,
        }
    }

    /// How long it lasts.
    pub fn talked(&self, now: Moment) -> Duration {
        now.since(self.began)
    }

    /// The operator is not with the caller, by the phone's hold or the house's.
    pub fn operator_away(&self) -> bool {
        self.operator_holds || self.is_aside()
    }

    /// The caller waits, while operator and others may talk.
    pub fn is_aside(&self) -> bool {
        self.on_hold || self.consulting || self.lost_until.is_some()
    }

    /// Another operator has the caller: nothing of what the former did holds.
    pub fn new_operator(&mut self, now: Moment, holds: bool) {
        (self.on_hold, self.consulting, self.lost_until, self.operator_holds) = (false, false, None, holds);
        self.refusal_plays = false;
        self.typed = Typed::default();
        self.count(now);
    }

    pub fn next_deadline(&self) -> Option<Moment> {
        let others = self.others.iter().filter_map(|other| other.progress.next_deadline());
        let handoff = self.handoff.as_ref().and_then(Handoff::next_deadline);
        others.chain(self.lost_until).chain(handoff).chain(self.typed.next_deadline()).min()
    }

    fn is_held(&self) -> bool {
        self.caller_holds || self.operator_away()
    }

    pub fn stage(&self) -> Stage {
        let consulted = self.others.iter().any(Other::is_consulted);
        match () {
            () if self.lost_until.is_some() => Stage::Lost,
            () if self.consulting => Stage::Consulting,
            () if self.operator_away() => Stage::Holding,
            () if consulted || self.handoff.as_ref().is_some_and(Handoff::is_joined) => Stage::Conference,
            () => Stage::Talking,
        }
    }

    /// Time on hold until `now`, by either side.
    pub fn held(&self, now: Moment) -> Duration {
        self.held + self.since.map_or(Duration::ZERO, |since| now.since(since))
    }

    fn count(&mut self, now: Moment) {
        match (self.since, self.is_held()) {
            (None, true) => self.since = Some(now),
            (Some(since), false) => {
                self.held += now.since(since);
                self.since = None;
            }
            _ => {}
        }
    }
}

impl Call {
    /// A re-INVITE or UPDATE from either side, RFC 3261 §14, RFC 3264 §8.
    pub fn reoffer(&mut self, house: &mut House, leg: LegId, body: Option<Body>) {
        if leg == self.caller {
            self.reoffered = true;
        } else if let Some(seat) = self.seat_mut(leg) {
            seat.reoffered = true;
        } else if let State::Onward(onward) = &mut self.state
            && onward.leg == leg
        {
            onward.reoffered = true;
        } else {
            return;
        }
        house.media(match body {
            Some(body) => media::Command::TakeOffer { leg, sdp: body.bytes },
            None => media::Command::MakeOffer { leg, like: None },
        });
    }

    /// A description was agreed anew: somebody may hold, or have come back.
    pub fn hold_changed(&mut self, house: &mut House, leg: LegId, direction: Direction) {
        let State::Talking(talk) = &mut self.state else { return };
        if self.seats.is_empty() {
            return;
        }
        let holds = direction.is_hold();
        let of_caller = leg == self.caller;
        let known = if of_caller { talk.caller_holds } else { talk.operator_holds };
        if known == holds {
            return;
        }
        info!(by = if of_caller { "caller" } else { "operator" }, holds, "hold");
        self.change_hold(house, |talk| match of_caller {
            true => talk.caller_holds = holds,
            false => talk.operator_holds = holds,
        });
        self.hear_each_other(house);
    }

    /// Something changes for which the caller waits, or waits no longer: it is counted, and the engine told.
    pub fn change_hold(&mut self, house: &mut House, change: impl FnOnce(&mut Talk)) {
        let State::Talking(talk) = &mut self.state else { return };
        let before = talk.operator_away();
        change(talk);
        talk.count(house.now);
        let held = talk.operator_away();
        if held != before {
            house.queue(Input::Held { contact: self.id, held });
        }
        if self.tell_holds(house.now) {
            house.write(records::Entry::Changed(Box::new(self.record.clone())));
        }
    }

    /// The record says who holds from when on; in a consultation nobody does. Returned is whether it says anything new.
    pub fn tell_holds(&mut self, now: Moment) -> bool {
        let Some(talk) = self.talk() else { return false };
        let mut is_new = false;
        let held = [(Holder::Operator, talk.on_hold || talk.operator_holds), (Holder::Caller, talk.caller_holds)];
        for (by, holds) in held {
            let room = self.record.holds.len() < MOST_HOLDS;
            let open = self.record.holds.iter_mut().find(|hold| hold.by == by && hold.ended_at.is_none());
            match (open, holds) {
                (Some(hold), false) => hold.ended_at = Some(now),
                (None, true) if room => self.record.holds.push(HoldRecord { by, at: now, ended_at: None }),
                _ => continue,
            }
            is_new = true;
        }
        is_new
    }

    /// The operator is free; the caller stays with something else. Who ended the talk ended the call.
    pub fn end_talk(&mut self, house: &mut House, by: EndedBy) {
        if self.talk().is_none() {
            return;
        }
        self.count_talk(house);
        self.record.ended_by = Some(by);
        self.sent_on_over(house);
        self.handoff_over(house);
        self.drop_others(house);
        self.drop_seats_but(house, None);
        house.queue(Input::TalkEnded { contact: self.id });
        house.write(records::Entry::Changed(Box::new(self.record.clone())));
    }

    /// What was talked until now.
    pub fn count_talk(&mut self, house: &House) {
        let State::Talking(talk) = &self.state else { return };
        self.record.hold_ms += talk.held(house.now).as_millis() as u64;
        self.talked += talk.talked(house.now);
        (self.record.talk_ms, self.record.talking_since) = (self.talked.as_millis() as u64, None);
        for hold in &mut self.record.holds {
            hold.ended_at.get_or_insert(house.now);
        }
    }

    /// The seat's phone hung up, or was lost.
    pub fn seat_ended(&mut self, house: &mut House, leg: LegId) {
        let Some(seat) = self.take_seat(|seat| seat.leg == leg) else { return };
        house.media(media::Command::Close { leg });
        house.legs.close(leg);
        match self.state {
            State::Talking(_) => {
                if !self.operator_left_to_far_end(house)
                    && !self.operator_left_to_consulted(house)
                    && !self.operator_left_to_supervisor(house)
                {
                    self.operator_left(house);
                }
            }
            // Who took the callback does not wait for the citizen.
            State::Dialling(_) => self.operator_gave_up(house),
            // A BYE before the talk began: as good as a refusal.
            _ => house.queue(Input::Failed { offer: seat.offer, why: crate::queue::OfferFailure::Rejected }),
        }
    }

    fn operator_left(&mut self, house: &mut House) {
        info!("operator hung up");
        if self.ask_how_it_was(house) {
            return;
        }
        let outcome = self.abandoned();
        self.finish(house, outcome, EndedBy::Operator);
        house.sip(sip::Command::Hangup { leg: self.caller, reason: None });
        self.enter_ended(house);
    }
}
