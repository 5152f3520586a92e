//! From the INVITE to the line: opening, the 200 or early media, menu, announcements.

use tracing::info;

use super::caller::{Call, Sound, State};
use super::calls::{House, is_feature_code};
use super::{feature, ledger};
use crate::ids::{Prompt, PromptName, QueueId, SeatId};
use crate::ivr::{Action as Heard, AnswerWhen, CONFIRMED, Choice, DENIED, Entry, MenuMachine, WaitingMachine};
use crate::media::{self, Direction};
use crate::queue::{Input, JoinRefusal, LeftLine};
use crate::records::{self, Outcome};
use crate::sip::{self, Body};

/// A machine that asks for more than this in one go is wrong; the rest waits for the next event.
const ASKS_AT_ONCE: usize = 16;

impl Call {
    /// The INVITE was admitted: open the record, and the sound.
    pub fn arrive(&mut self, house: &mut House, incoming: sip::Incoming) {
        info!(source = ?incoming.source, "arrived");
        // A process that dies between the 200 and the next entry must not leave an answered call as unanswered.
        let mut opened = self.record.clone();
        opened.answered_at = self.answers_at_once(house).then_some(house.now);
        house.write(records::Entry::Opened(Box::new(opened)));
        let number = &incoming.number;
        let known = match &incoming.source {
            sip::Source::Seat(_) if is_feature_code(number) => true,
            _ => house.settings.ivr.numbers.contains_key(number),
        };
        if !known {
            return self.refuse(house, 404, Outcome::RefusedRules);
        }
        self.sound = Sound::Open;
        house.media(media::Command::Open { leg: self.caller, call: self.id, second: false });
        house.media(match incoming.offer {
            Some(offer) => media::Command::TakeOffer { leg: self.caller, sdp: offer.bytes },
            None => {
                self.late = true;
                media::Command::MakeOffer { leg: self.caller, like: None }
            }
        });
    }

    pub fn on_durable(&mut self, house: &mut House) {
        if let State::Opening { durable } = &mut self.state {
            *durable = true;
            self.answer_when_ready(house);
        }
    }

    pub fn caller_described(&mut self, house: &mut House, sdp: Vec<u8>, direction: Direction) {
        self.direction = direction;
        if std::mem::take(&mut self.reoffered) {
            let body = Body::sdp(sdp.clone());
            self.described = Some(sdp);
            house.sip(sip::Command::AcceptReoffer { leg: self.caller, body });
            return self.hold_changed(house, self.caller, direction);
        }
        self.described = Some(sdp);
        self.answer_when_ready(house);
    }

    /// RFC 3261 §13.3.1: nothing final leaves before the opening entry is on disk.
    fn answer_when_ready(&mut self, house: &mut House) {
        let (State::Opening { durable: true }, Some(sdp)) = (&self.state, &self.described) else { return };
        let body = Body::sdp(sdp.clone());
        if self.answers_at_once(house) {
            self.accept(house);
        } else {
            house.sip(sip::Command::Progress { leg: self.caller, body });
        }
        if self.late { self.state = State::LateAnswer } else { self.begin(house) }
    }

    /// A late offer cannot be played to before it is answered, and a feature code is no citizen's call.
    fn answers_at_once(&self, house: &House) -> bool {
        house.settings.ivr.answer == AnswerWhen::AtOnce || self.late || is_feature_code(&self.record.to)
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
        if let Some(seat) = self.record.seat.clone()
            && is_feature_code(&self.record.to)
        {
            return self.obey(house, seat);
        }
        match house.settings.ivr.numbers.get(&self.record.to).cloned() {
            Some(Entry::Menu(menu)) => {
                let Some(menu) = house.settings.ivr.menus.get(&menu) else { return self.fail(house) };
                self.language = menu.default.language;
                let mut machine = MenuMachine::new(menu);
                machine.start(house.now);
                self.state = State::Menu(machine);
            }
            Some(Entry::Queue { queue, language }) => self.join(house, Choice { queue, language }),
            Some(Entry::Play(prompt)) => {
                self.play(house, 0, Vec::new(), Some(prompt));
                self.state = State::Sounding;
            }
            Some(Entry::Silence) => self.state = State::Sounding,
            None => self.fail(house),
        }
    }

    fn obey(&mut self, house: &mut House, seat: SeatId) {
        let input = feature::input(&self.record.to, &seat, house.settings, house.seating);
        let heard = if input.is_some() { CONFIRMED } else { DENIED };
        info!(code = %self.record.to, %seat, done = input.is_some(), "feature code");
        if let Some(input) = input {
            house.queue(input);
        }
        self.last_words(house, heard, Outcome::Answered);
    }

    /// What menu and line want next.
    pub fn drain_machines(&mut self, house: &mut House) {
        for _ in 0..ASKS_AT_ONCE {
            let heard = match &mut self.state {
                State::Menu(menu) => menu.poll(),
                State::Line(line) => line.poll(),
                _ => None,
            };
            match heard {
                None => break,
                Some(Heard::Play { token, prompts, looped }) => self.play(house, token, prompts, looped),
                Some(Heard::Chosen { choice, keys }) => {
                    self.record.choices = keys;
                    self.join(house, choice);
                }
                Some(Heard::AskPlace) => house.ask_place(self.id),
            }
        }
    }

    fn join(&mut self, house: &mut House, choice: Choice) {
        info!(queue = %choice.queue, language = choice.language.code(), "joins");
        self.language = choice.language;
        self.record.language = Some(choice.language.code().to_string());
        self.record.need = house.settings.queues.get(&choice.queue).map(|facts| facts.need.clone());
        self.record.queue = Some(choice.queue.clone());
        self.state = State::Line(WaitingMachine::new(&house.settings.ivr.waiting, choice.language));
        let arrived_at = self.record.arrived_at;
        self.in_line = true;
        house.queue(Input::Join { contact: self.id, queue: choice.queue, arrived_at });
    }

    pub fn joined(&mut self, house: &mut House, _queue: QueueId) {
        // A call that ended meanwhile has asked to leave again.
        let State::Line(line) = &mut self.state else { return };
        line.start(house.now, None);
        self.record.queued_at = Some(house.now);
        house.write(records::Entry::Changed(Box::new(self.record.clone())));
        house.write(records::Entry::Event(ledger::entered(house.now, &self.record)));
        house.ask_place(self.id);
    }

    pub fn join_refused(&mut self, house: &mut House, why: JoinRefusal) {
        self.in_line = false;
        if !matches!(self.state, State::Line(_)) {
            return;
        }
        info!(?why, "not let into the line");
        let words = house.settings.ivr.announcements.clone();
        match why {
            JoinRefusal::Closed => self.last_words(house, words.closed, Outcome::RefusedClosed),
            JoinRefusal::Full => self.last_words(house, words.busy, Outcome::RefusedBusy),
            JoinRefusal::UnknownQueue | JoinRefusal::Twice => self.fail(house),
        }
    }

    pub fn left_line(&mut self, house: &mut House, why: LeftLine) {
        self.in_line = false;
        match why {
            LeftLine::TooLong if matches!(self.state, State::Line(_)) => {
                let busy = house.settings.ivr.announcements.busy.clone();
                self.last_words(house, busy, Outcome::Overflowed);
            }
            LeftLine::CallerGone | LeftLine::TooLong => {}
        }
    }

    fn fail(&mut self, house: &mut House) {
        let failure = house.settings.ivr.announcements.failure.clone();
        self.last_words(house, failure, Outcome::Failed);
    }

    /// Plays a last announcement, then ends the call.
    fn last_words(&mut self, house: &mut House, name: impl Into<PromptName>, outcome: Outcome) {
        const LAST: u64 = 0;
        self.record.outcome = Some(outcome);
        self.play(house, LAST, vec![Prompt::spoken(self.language, name)], None);
        self.state = State::LastWords { token: LAST };
    }
}
