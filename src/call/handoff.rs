//! Emergency hand-off: the operator presses a code and 110, 119, 120 or 122 is rung beside the talk. All three hear
//! each other once it answers; the operator leaves when the far end has taken the matter. Nothing limits it.

use tracing::info;

use super::caller::{Call, Sound, State};
use super::calls::House;
use super::codes::Pressed;
use super::hearing::{REFUSAL, TONE};
use super::order::NotDone;
use super::ringing::{Ringing, reason};
use super::words::Emergency;
use crate::ids::LegId;
use crate::ivr::{CONFIRMED, DENIED};
use crate::media;
use crate::moment::Moment;
use crate::records::{self, EndedBy, HandoffOutcome, HandoffRecord, Outcome};
use crate::sip::{self, Body, Target};

/// Tries that a record tells: the first of them stay, and the latest.
const MOST_TRIES: usize = 32;
const FIRST_TRIES: usize = 16;

/// The far end.
pub(super) struct Handoff {
    pub leg: LegId,
    target: Emergency,
    /// Which of the target's ways is tried.
    way: usize,
    progress: Ringing,
    /// They said that they have it.
    confirmed: bool,
    /// A re-INVITE of theirs waits for our description.
    reoffered: bool,
}

impl Handoff {
    pub fn next_deadline(&self) -> Option<Moment> {
        self.progress.next_deadline()
    }

    pub fn target_id(&self) -> &str {
        &self.target.id
    }

    pub fn is_heard(&self) -> bool {
        !matches!(self.progress, Ringing::Rings { .. })
    }

    pub fn is_joined(&self) -> bool {
        self.progress == Ringing::Joined
    }

    pub fn is_confirmed(&self) -> bool {
        self.confirmed
    }

    /// Theirs from here on, if the operator leaves.
    fn is_taken(&self) -> bool {
        self.is_joined() && (self.confirmed || self.target.confirm.is_none())
    }
}

// ---------------------------------------------------------------------------------------------
// What the operator wants

impl Call {
    /// A key on another leg than the caller's.
    fn key_in_talk(&mut self, house: &mut House, leg: LegId, key: char) {
        if self.handoff().is_some_and(|handoff| handoff.leg == leg) {
            return self.far_end_pressed(house, key);
        }
        let State::Talking(talk) = &mut self.state else { return };
        if self.seats.first().is_none_or(|seat| seat.leg != leg) {
            return;
        }
        let Pressed { complete, others } = talk.typed.press(house.now, key, &house.settings.emergencies);
        let complete = complete.map(|target| target.id.clone());
        pass_keys(house, leg, others);
        if let Some(target) = complete {
            // Who may not hears that nothing rings.
            let _not_done = self.hand_off(house, Some(&target));
        }
    }

    /// What may still have become a code is none.
    fn typed_deadline(&mut self, house: &mut House) {
        let State::Talking(talk) = &mut self.state else { return };
        let others = talk.typed.expire(house.now);
        if let Some(seat) = self.seats.first() {
            pass_keys(house, seat.leg, others);
        }
    }

    /// Rings a target beside the talk. What rings or talks already is taken out again, unless they have confirmed; the
    /// same target once more, or `None`, does only that.
    pub fn hand_off(&mut self, house: &mut House, target: Option<&str>) -> Result<(), NotDone> {
        let State::Talking(talk) = &self.state else { return Err(NotDone::NotInTalk) };
        let known = |id: &str| house.settings.emergencies.iter().find(|target| target.id == id).cloned();
        let mut target = target.and_then(known);
        if let Some(running) = &talk.handoff {
            // Nobody else is left to talk to.
            if running.confirmed || talk.caller_gone {
                return Err(NotDone::HandedOff);
            }
            if target.as_ref().is_some_and(|target| target.id == running.target.id) {
                target = None;
            }
            self.take_out(house);
        }
        let Some(target) = target else { return Ok(()) };
        if let State::Talking(talk) = &mut self.state {
            talk.refusal_plays = false;
        }
        self.ring_far_end(house, target, 0);
        Ok(())
    }

    /// The talk goes on without them.
    fn take_out(&mut self, house: &mut House) {
        let State::Talking(talk) = &mut self.state else { return };
        let Some(handoff) = talk.handoff.take() else { return };
        info!(to = %handoff.target.id, "hand-off taken out");
        self.try_ended(house, HandoffOutcome::Withdrawn);
        self.drop_far_end(house, handoff.leg, None);
        self.tone(house, false);
        self.hear_each_other(house);
    }

    fn ring_far_end(&mut self, house: &mut House, target: Emergency, way: usize) {
        let Some(number) = target.ways.get(way).map(|way| way.number.clone()) else { return };
        info!(to = %target.id, name = %target.name, number, "hand-off");
        if self.record.handoff.len() == MOST_TRIES {
            self.record.handoff.remove(FIRST_TRIES);
        }
        let (at, id) = (house.now, target.id.clone());
        self.record.handoff.push(HandoffRecord { target: id, number, at, ..HandoffRecord::default() });
        let leg = house.legs.make(self.id);
        let trunk = target.ways.get(way).and_then(|way| way.trunk.clone());
        let srtp = house.settings.srtp_over(trunk.as_ref());
        // Whatever way it goes: who is asked for a key and has no RTP events says it in the sound.
        let tones = house.settings.tones_over(trunk.as_ref()) || target.confirm.is_some();
        let progress = Ringing::Rings { until: house.now + target.ring };
        let handoff = Handoff { leg, target, way, progress, confirmed: false, reoffered: false };
        match &mut self.state {
            State::Talking(talk) => talk.handoff = Some(handoff),
            state => *state = State::HandedOff(handoff),
        }
        self.hear_it_ring(house);
        let call = house.legs.sound_of(self.id);
        house.media(media::Command::OpenUrgent { leg, call, srtp });
        if tones {
            house.media(media::Command::HearKeys { leg });
        }
        self.offer_outside(house, leg, trunk.as_ref(), Some(self.caller));
    }

    /// The operator hung up while a hand-off was under way: the caller stays with the far end. `false`: there is none.
    pub fn operator_left_to_far_end(&mut self, house: &mut House) -> bool {
        let State::Talking(talk) = &mut self.state else { return false };
        if talk.caller_gone {
            self.talk_over_without_caller(house);
            return true;
        }
        let Some(handoff) = talk.handoff.take() else { return false };
        let taken = handoff.is_taken();
        info!(to = %handoff.target.id, taken, "operator left the caller to the far end");
        if let Some(entry) = self.record.handoff.last_mut() {
            entry.left_at = Some(house.now);
            if taken {
                entry.confirmed_at.get_or_insert(house.now);
            }
        }
        self.end_talk(house, EndedBy::Operator);
        let (leg, is_heard) = (handoff.leg, handoff.is_heard());
        self.state = State::HandedOff(handoff);
        if is_heard {
            house.media(media::Command::Join { a: self.caller, b: leg });
        } else {
            self.hear_it_ring(house);
        }
        true
    }

    /// The caller hung up: operator and far end need each other. `false`: there is none.
    fn caller_left_far_end(&mut self, house: &mut House) -> bool {
        let State::Talking(talk) = &mut self.state else { return false };
        // What their sound says after the BYE is no news.
        if talk.caller_gone {
            return true;
        }
        if talk.handoff.is_none() {
            return false;
        }
        talk.caller_gone = true;
        info!("caller hung up; operator and far end go on");
        if self.is_being_recorded() {
            // What is said is recorded where the caller heard it.
            house.media(media::Command::HungUp { leg: self.caller });
        } else if self.sound == Sound::Open {
            self.sound = Sound::Closing;
            house.media(media::Command::Close { leg: self.caller });
        }
        self.hear_each_other(house);
        true
    }

    fn talk_over_without_caller(&mut self, house: &mut House) {
        self.finish(house, Outcome::Answered, EndedBy::Caller);
        self.enter_ended(house);
    }
}

// ---------------------------------------------------------------------------------------------
// What the far end does

impl Call {
    pub fn handoff(&self) -> Option<&Handoff> {
        match &self.state {
            State::Talking(talk) => talk.handoff.as_ref(),
            State::HandedOff(handoff) => Some(handoff),
            _ => None,
        }
    }

    fn handoff_mut(&mut self) -> Option<&mut Handoff> {
        match &mut self.state {
            State::Talking(talk) => talk.handoff.as_mut(),
            State::HandedOff(handoff) => Some(handoff),
            _ => None,
        }
    }

    /// Takes what concerns a hand-off; gives back the rest.
    pub fn handoff_sip(&mut self, house: &mut House, event: sip::Event) -> Option<sip::Event> {
        use sip::Event as E;
        let Some(far) = self.handoff().map(|handoff| handoff.leg) else { return Some(event) };
        match event {
            E::Answered { leg, body } if leg == far => self.far_end_answered(house, body),
            E::Progress { leg, body } if leg == far => self.far_end_progresses(house, body),
            E::Refused { leg, status } if leg == far => self.far_end_failed(house, status),
            E::Ended { leg, .. } if leg == far => self.far_end_left(house),
            E::Reoffer { leg, body } if leg == far => {
                if let Some(handoff) = self.handoff_mut() {
                    handoff.reoffered = true;
                }
                house.media(match body {
                    Some(body) => media::Command::TakeOffer { leg, sdp: body.bytes },
                    None => media::Command::MakeOffer { leg, like: None },
                });
            }
            E::Ended { leg, .. } if leg == self.caller && self.caller_left_far_end(house) => {}
            other => return Some(other),
        }
        None
    }

    pub fn handoff_media(&mut self, house: &mut House, event: media::Event) -> Option<media::Event> {
        use media::Event as E;
        let far = self.handoff().map(|handoff| handoff.leg);
        match event {
            E::Key { leg, key } if leg != self.caller => self.key_in_talk(house, leg, key),
            E::Played { leg, token } if leg != self.caller => self.played_in_talk(house, token),
            E::Described { leg, sdp, .. } if Some(leg) == far => self.far_end_described(house, sdp),
            E::Agreed { leg, .. } if Some(leg) == far => self.far_end_agreed(house),
            E::Unacceptable { leg, .. } if Some(leg) == far => self.far_end_unacceptable(house),
            E::Exhausted { leg } if Some(leg) == far => self.far_end_failed(house, 503),
            E::Dead { leg } if Some(leg) == far => {
                house.sip(sip::Command::Hangup { leg, reason: None });
                self.far_end_left(house);
            }
            E::Dead { leg } if leg == self.caller && far.is_some() && self.caller_left_far_end(house) => {
                house.sip(sip::Command::Hangup { leg, reason: None });
            }
            E::Dead { leg } if leg != self.caller && far.is_some() => {
                house.sip(sip::Command::Hangup { leg, reason: None });
                self.seat_ended(house, leg);
            }
            other => return Some(other),
        }
        None
    }

    pub fn handoff_deadline(&mut self, house: &mut House) {
        self.typed_deadline(house);
        if self.handoff().and_then(Handoff::next_deadline).is_some_and(|at| at <= house.now) {
            self.far_end_failed(house, 408);
        }
    }

    fn far_end_described(&mut self, house: &mut House, sdp: Vec<u8>) {
        let (caller, of, hops) = (self.shown.clone(), self.caller, self.hops.saturating_sub(1));
        let over = self.handoff().map(|handoff| self.over(handoff.leg)).unwrap_or_default();
        let Some(handoff) = self.handoff_mut() else { return };
        let leg = handoff.leg;
        if std::mem::take(&mut handoff.reoffered) {
            return house.sip(sip::Command::AcceptReoffer { leg, body: Body::sdp(sdp) });
        }
        let rings = matches!(handoff.progress, Ringing::Rings { .. });
        let Some(way) = handoff.target.ways.get(handoff.way).filter(|_| rings) else { return };
        let to = Target::Trunk { trunk: way.trunk.clone(), number: way.number.clone() };
        let body = Some(Body::sdp(sdp));
        let invite = sip::Invite {
            leg,
            to,
            caller,
            on_behalf_of: Some(of),
            hops,
            sip_call_id: None,
            auto_answer: false,
            call: None,
            urgent: true,
            body,
            over,
        };
        house.sip(sip::Command::Invite(invite));
    }

    /// 183 with a description: what they say is heard instead of our tone.
    fn far_end_progresses(&mut self, house: &mut House, body: Body) {
        let Some(handoff) = self.handoff_mut() else { return };
        if let Ringing::Rings { until } = handoff.progress {
            handoff.progress = Ringing::Early { until };
            house.media(media::Command::TakeAnswer { leg: handoff.leg, sdp: body.bytes });
        }
    }

    fn far_end_answered(&mut self, house: &mut House, body: Option<Body>) {
        let Some(handoff) = self.handoff_mut() else { return };
        let early = matches!(handoff.progress, Ringing::Early { .. });
        handoff.progress = Ringing::answered(house.now);
        match body {
            Some(body) => house.media(media::Command::TakeAnswer { leg: handoff.leg, sdp: body.bytes }),
            // Their 183 answered our offer already.
            None if early => self.far_end_agreed(house),
            None => self.far_end_unacceptable(house),
        }
    }

    fn far_end_agreed(&mut self, house: &mut House) {
        let Some(handoff) = self.handoff_mut() else { return };
        let leg = handoff.leg;
        let joins = matches!(handoff.progress, Ringing::Answered { .. });
        if joins {
            info!(to = %handoff.target.id, "far end answered");
            handoff.progress = Ringing::Joined;
            if let Some(entry) = self.record.handoff.last_mut() {
                entry.answered_at = Some(house.now);
            }
            house.media(media::Command::Watch { leg });
            house.write(records::Entry::Changed(Box::new(self.record.clone())));
        }
        if matches!(self.state, State::Talking(_)) {
            self.tone(house, false);
            if joins {
                self.bring_caller_in(house);
            }
            self.hear_each_other(house);
        } else {
            house.media(media::Command::Join { a: self.caller, b: leg });
        }
    }

    /// A re-INVITE of theirs is refused, and all is as it was.
    fn far_end_unacceptable(&mut self, house: &mut House) {
        let Some(handoff) = self.handoff_mut() else { return };
        if std::mem::take(&mut handoff.reoffered) {
            let leg = handoff.leg;
            return house.sip(sip::Command::RefuseReoffer { leg, status: 488 });
        }
        // A talk goes on as it was agreed before.
        if !handoff.is_joined() {
            self.far_end_failed(house, 488);
        }
    }

    /// The key by which the far end says that it has the matter.
    fn far_end_pressed(&mut self, house: &mut House, key: char) {
        let Some(handoff) = self.handoff_mut() else { return };
        if handoff.target.confirm != Some(key) || !handoff.is_joined() || handoff.confirmed {
            return;
        }
        handoff.confirmed = true;
        info!(to = %handoff.target.id, "far end confirmed");
        if let Some(entry) = self.record.handoff.last_mut() {
            entry.confirmed_at = Some(house.now);
        }
        house.write(records::Entry::Changed(Box::new(self.record.clone())));
        self.tell_operator(house, TONE, CONFIRMED);
    }

    /// Busy, refused, not answered, or not to be reached: the next way, if there is one.
    fn far_end_failed(&mut self, house: &mut House, status: u16) {
        let Some(handoff) = self.handoff() else { return };
        let (leg, target, way) = (handoff.leg, handoff.target.clone(), handoff.way);
        let outcome = match status {
            486 | 600 => HandoffOutcome::Busy,
            // What carriers say when nobody comes to the phone, RFC 3398 §7.2.4.1.
            408 | 480 | 487 => HandoffOutcome::NoAnswer,
            403 | 433 | 603 | 607 => HandoffOutcome::Refused,
            _ => HandoffOutcome::Failed,
        };
        info!(to = %target.id, status, %outcome, "hand-off failed");
        self.try_ended(house, outcome);
        self.drop_far_end(house, leg, reason(status));
        if way + 1 < target.ways.len() {
            return self.ring_far_end(house, target, way + 1);
        }
        match &mut self.state {
            State::Talking(talk) => {
                talk.handoff = None;
                if talk.caller_gone {
                    return self.talk_over_without_caller(house);
                }
                talk.refusal_plays = true;
                self.tone(house, false);
                self.hear_each_other(house);
                self.tell_operator(house, REFUSAL, DENIED);
            }
            _ => self.back_to_the_line(house),
        }
    }

    /// They hung up, or were lost.
    fn far_end_left(&mut self, house: &mut House) {
        let Some(handoff) = self.handoff() else { return };
        if !handoff.is_joined() {
            return self.far_end_failed(house, 487);
        }
        let (leg, taken) = (handoff.leg, handoff.is_taken());
        info!(to = %handoff.target.id, "far end hung up");
        match &mut self.state {
            State::Talking(talk) => {
                talk.handoff = None;
                let caller_gone = talk.caller_gone;
                self.try_ended(house, HandoffOutcome::Ended);
                self.drop_far_end(house, leg, None);
                if caller_gone {
                    return self.talk_over_without_caller(house);
                }
                self.hear_each_other(house);
            }
            _ if taken => {
                self.finish(house, Outcome::TransferredOut, EndedBy::Operator);
                house.sip(sip::Command::Hangup { leg: self.caller, reason: None });
                self.enter_ended(house);
            }
            _ => {
                // Left to them, and they never said that they have it.
                self.try_ended(house, HandoffOutcome::Unconfirmed);
                self.drop_far_end(house, leg, None);
                self.back_to_the_line(house);
            }
        }
    }

    /// Lets go of the far end when the call ends.
    pub fn handoff_over(&mut self, house: &mut House) {
        let Some(handoff) = self.handoff() else { return };
        let (leg, taken, joined) = (handoff.leg, handoff.is_taken(), handoff.is_joined());
        let alone = matches!(self.state, State::HandedOff(_));
        self.try_ended(
            house,
            match (alone, taken, joined) {
                (true, true, _) => HandoffOutcome::Transferred,
                (true, false, true) => HandoffOutcome::Unconfirmed,
                (false, _, true) => HandoffOutcome::Ended,
                (_, _, false) => HandoffOutcome::NoAnswer,
            },
        );
        self.drop_far_end(house, leg, None);
    }

    fn try_ended(&mut self, house: &House, outcome: HandoffOutcome) {
        if let Some(entry) = self.record.handoff.last_mut().filter(|entry| entry.ended_at.is_none()) {
            entry.ended_at = Some(house.now);
            entry.outcome = outcome;
        }
    }

    fn drop_far_end(&self, house: &mut House, leg: LegId, reason: Option<String>) {
        house.sip(sip::Command::Hangup { leg, reason });
        house.media(media::Command::Close { leg });
        house.legs.remove(leg);
    }
}

fn pass_keys(house: &mut House, leg: LegId, keys: String) {
    if !keys.is_empty() {
        house.media(media::Command::PassKeys { leg, keys });
    }
}
