//! From the INVITE to the line: opening, the 200 or early media, menu, announcements.

use tracing::info;

use super::caller::{Call, Sound, State};
use super::calls::{House, Part, is_feature_code};
use super::feature;
use super::order::{NotDone, Whom};
use super::seating::can_call_out;
use super::words::Action;
use crate::ids::{CallId, QueueId, SeatId};
use crate::ivr::{Action as Heard, AnswerWhen, CONFIRMED, DENIED, Entry};
use crate::media::{self, Direction};
use crate::queue::{Caller, Input, OperatorState};
use crate::records::{self, EndedBy, Outcome};
use crate::sip::{self, Body};

/// A machine that asks for more than this in one go is wrong; the rest waits for the next event.
const ASKS_AT_ONCE: usize = 16;

impl Call {
    /// The INVITE was admitted: open the record, and the sound.
    pub fn arrive(&mut self, house: &mut House, incoming: sip::Incoming) {
        info!(source = ?incoming.source, "arrived");
        let denied = match self.replaces {
            Some(replaced) => self.denied_place(house, replaced),
            None => self.denied_number(house, &incoming),
        };
        // A process that dies between the 200 and the next entry must not leave an answered call as unanswered.
        let mut opened = self.record.clone();
        opened.answered_at = (denied.is_none() && self.answers_at_once(house)).then_some(house.now);
        house.write(records::Entry::Opened(Box::new(opened)));
        self.opened = true;
        if let Some(status) = denied {
            return self.refuse(house, status, Outcome::RefusedRules);
        }
        self.makes_busy(house, &incoming.source);
        self.sound = Sound::Open;
        // Legs that will be part of another call have their sound where the others of that call have theirs.
        self.part_of = self
            .takes_over
            .or(self.picks_up)
            .or_else(|| feature_call(&incoming, house))
            .or_else(|| self.beside.as_ref().map(|beside| beside.talk));
        if let Some(other) = self.part_of {
            house.legs.keep_together(self.id, other);
        }
        let srtp = match &incoming.source {
            sip::Source::Seat(seat) => house.settings.srtp_of_seats.get(seat).copied(),
            sip::Source::Trunk(trunk) => house.settings.srtp_over(Some(trunk)),
        };
        house.media(media::Command::Open {
            leg: self.caller,
            call: house.legs.sound_of(self.id),
            second: false,
            kind: media::LegKind::Phone,
            srtp,
        });
        if matches!(&incoming.source, sip::Source::Trunk(trunk) if house.settings.tones_over(Some(trunk))) {
            house.media(media::Command::HearKeys { leg: self.caller });
        }
        house.media(match incoming.offer {
            Some(offer) => media::Command::TakeOffer { leg: self.caller, sdp: offer.bytes },
            None => {
                self.late = true;
                media::Command::MakeOffer { leg: self.caller, like: None }
            }
        });
    }

    /// Why nothing may come of what was dialled.
    fn denied_number(&self, house: &House, incoming: &sip::Incoming) -> Option<u16> {
        let number = &incoming.number;
        let leads_somewhere = match &incoming.source {
            sip::Source::Seat(_) if is_feature_code(number) || self.beside.is_some() => true,
            _ => house.settings.ivr.numbers.contains_key(number),
        };
        if !leads_somewhere {
            return Some(404);
        }
        let settings = &house.settings.ivr;
        if settings.numbers.get(number).is_some_and(|entry| settings.menus.refuse_unanswered(entry, &self.visitor())) {
            return Some(603);
        }
        // Who would pay for it is not found out by ringing it.
        if let Some(Whom::Number(number)) = self.dials_beside()
            && !house.settings.outward.has(number)
        {
            info!(number, why = %NotDone::NotAllowed, "refused");
            return Some(403);
        }
        None
    }

    /// An operator who calls from their seat, feature codes aside, cannot be offered anything meanwhile; nor after a talk
    /// that a second line outlasts.
    fn makes_busy(&mut self, house: &mut House, source: &sip::Source) {
        let sip::Source::Seat(seat) = source else { return };
        if let Some((operator, state)) = house.seating.at(seat)
            && (can_call_out(state) || matches!(state, OperatorState::Talking { .. } | OperatorState::Holding { .. }))
            && !self.is_code()
            && self.picks_up.is_none()
            && self.takes_over.is_none()
        {
            let operator = operator.clone();
            self.busy = Some(operator.clone());
            house.queue(Input::Outbound { operator, busy: true });
        }
    }

    pub fn on_durable(&mut self, house: &mut House) {
        match &mut self.state {
            State::Opening { durable, .. } => {
                *durable = true;
                self.answer_when_ready(house);
            }
            State::Dialling(dialling) => {
                dialling.durable = true;
                self.dial_when_ready(house);
            }
            _ => {}
        }
    }

    pub fn caller_described(&mut self, house: &mut House, sdp: Vec<u8>, direction: Direction) {
        self.direction = direction;
        if std::mem::take(&mut self.reoffered) {
            let body = Body::sdp(sdp.clone());
            self.described = Some(sdp);
            house.sip(sip::Command::AcceptReoffer { leg: self.caller, body });
            self.hold_changed(house, self.caller, direction);
            if self.is_sent_on() {
                self.hear_onward(house);
            }
            return;
        }
        self.described = Some(sdp);
        self.answer_when_ready(house);
        self.dial_when_ready(house);
    }

    /// RFC 3261 §13.3.1: nothing final leaves before the opening entry is on disk.
    fn answer_when_ready(&mut self, house: &mut House) {
        let State::Opening { durable: true, forgeable, reliable } = self.state else { return };
        let Some(sdp) = &self.described else { return };
        let body = Body::sdp(sdp.clone());
        if self.answers_at_once(house) {
            self.accept(house);
        } else {
            house.sip(sip::Command::Progress { leg: self.caller, body });
        }
        // An INVITE in somebody else's name may name whom it likes in its description: they are not played to. And whoever
        // takes over a talk has to be there before the other phone is let go, or the caller would be left to nobody.
        // Nor is anybody rung for a caller who could not be answered: a 200 waits for the PRACK, RFC 3262 §3.
        let has_to_be_there = match self.accepted {
            true => forgeable || self.takes_over.is_some(),
            false => reliable,
        };
        if self.late || has_to_be_there { self.expect_ack(house) } else { self.begin(house) }
    }

    /// A late offer cannot be played to before it is answered, and a feature code is no citizen's call.
    /// Who dials somebody beside a talk hears them ring.
    fn answers_at_once(&self, house: &House) -> bool {
        if self.dials_beside().is_some() && !self.late {
            return false;
        }
        self.takes_over.is_some()
            || self.picks_up.is_some()
            || house.settings.ivr.answer == AnswerWhen::AtOnce
            || self.late
            || self.is_code()
    }

    /// A feature code was dialled. Who takes somebody's place dialled nothing.
    fn is_code(&self) -> bool {
        self.replaces.is_none() && is_feature_code(&self.record.to)
    }

    pub fn accept(&mut self, house: &mut House) {
        if self.accepted {
            return;
        }
        let Some(sdp) = &self.described else { return };
        self.accepted = true;
        self.record.answered_at = Some(house.now);
        self.record.sip_status = Some(200);
        house.sip(sip::Command::Accept { leg: self.caller, body: Body::sdp(sdp.clone()) });
        house.media(media::Command::Watch { leg: self.caller });
        house.write(records::Entry::Changed(Box::new(self.record.clone())));
    }

    /// Sound can be heard: do what the dialled number says.
    pub fn begin(&mut self, house: &mut House) {
        if let Some((call, part)) = self.in_place() {
            return self.give_leg(house, call, part);
        }
        if let Some(call) = self.picks_up.take() {
            match self.picking(house) {
                Some(picking) => return self.give_leg(house, call, Part::PicksUp(picking)),
                // The code is answered below.
                None if self.is_code() => {}
                None => return self.fail(house),
            }
        }
        if let Some(to) = self.dials_beside().cloned() {
            return self.ring_beside(house, &to);
        }
        if let Some(seat) = self.record.seat.clone()
            && self.is_code()
        {
            return self.obey(house, seat);
        }
        match house.settings.ivr.numbers.get(&self.record.to).cloned() {
            Some(Entry::To(destination)) => self.walk(house, &destination),
            Some(Entry::Play(prompt)) => {
                self.play(house, 0, Vec::new(), Some(prompt));
                self.state = State::Sounding;
            }
            Some(Entry::Silence) => self.state = State::Sounding,
            None => self.fail(house),
        }
    }

    fn obey(&mut self, house: &mut House, seat: SeatId) {
        let found = feature::supervision(&self.record.to, &seat, house.settings, house.seating);
        // If the operator has another call meanwhile, that one's sound is elsewhere.
        if let Some((call, dialled)) = found.filter(|(call, _)| self.part_of == Some(*call)) {
            return self.give_leg(house, call, Part::Supervisor(dialled));
        }
        if let Some((call, operator, order)) = feature::of_own_talk(&self.record.to, &seat, house.seating) {
            info!(code = %self.record.to, %seat, %call, "feature code");
            house.order(call, operator, order);
            return self.last_words(house, CONFIRMED, Outcome::Answered);
        }
        let asked = feature::action(&self.record.to, &seat, house.settings, house.seating);
        let heard = if asked.is_some() { CONFIRMED } else { DENIED };
        info!(code = %self.record.to, %seat, done = asked.is_some(), "feature code");
        if let Some(action) = asked {
            house.ask(action);
        }
        self.last_words(house, heard, Outcome::Answered);
    }

    /// The leg is part of another call from now on; this one is over.
    fn give_leg(&mut self, house: &mut House, call: CallId, part: Part) {
        info!(dialled = %self.record.to, %call, ?part, "into another call");
        house.bring_in(call, self.caller, part);
        self.finish(house, Outcome::Answered, EndedBy::System);
        (self.gave_leg, self.sound) = (true, Sound::None);
        self.enter_ended(house);
    }

    /// What menu and line want next.
    pub fn drain_machines(&mut self, house: &mut House) {
        for _ in 0..ASKS_AT_ONCE {
            let heard = match &mut self.state {
                State::Menu => self.walker.as_mut().and_then(|walker| walker.poll()),
                State::Line(line) => line.poll(),
                State::Message(message) => message.poll(),
                State::Survey(survey) => survey.poll(),
                _ => None,
            };
            if matches!(self.state, State::Menu) {
                self.note_walk();
            }
            match heard {
                None => break,
                Some(Heard::Play { token, prompts, looped }) => self.play(house, token, prompts, looped),
                Some(Heard::Lead { to, language }) => self.led(house, to, language),
                Some(Heard::Ask(question)) => house.ask(Action::Ask { call: self.id, question }),
                Some(Heard::CallOut(request)) => self.call_out(house, request),
                Some(Heard::AskPlace) => house.ask_place(self.id),
                Some(Heard::Record) => self.record_message(house),
                Some(Heard::Recorded) => self.message_taken(house),
                Some(Heard::Scored { score }) => self.scored(house, score),
                Some(Heard::SurveyOver) => self.survey_over(house),
            }
        }
    }

    pub fn join(&mut self, house: &mut House, queue: QueueId) {
        // The menu may have begun before the queue got another name.
        let queue = house.settings.now_called(&queue);
        info!(%queue, language = self.language.code(), "joins");
        if let Some(since) = self.record.queued_at {
            return self.pass_on(house, queue, None, since);
        }
        self.waits_in(house, &queue);
        self.state = State::Line(house.line_of(&queue, self.language));
        let arrived_at = self.record.arrived_at;
        let caller = self.caller_number();
        self.in_line = true;
        house.queue(Input::Join { contact: self.id, queue, caller, arrived_at });
    }

    pub fn caller_number(&self) -> Option<Caller> {
        self.record.trunk.as_ref().and_then(|_| dialled_back(&self.visitor().from))
    }
}

/// The call that a supervisor dials themselves into.
fn feature_call(incoming: &sip::Incoming, house: &House) -> Option<CallId> {
    let sip::Source::Seat(seat) = &incoming.source else { return None };
    feature::supervision(&incoming.number, seat, house.settings, house.seating).map(|(call, _)| call)
}

/// A citizen's number as far as it can be dialled and told apart: digits, perhaps after a plus.
fn dialled_back(from: &str) -> Option<Caller> {
    let digits = from.strip_prefix('+').unwrap_or(from);
    let is_number = (3..=20).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| from.into())
}
