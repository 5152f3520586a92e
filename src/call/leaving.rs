//! In the line, and out of it by a rule or a key: to another queue, a number, a message, a callback, or last words.

use tracing::info;

use super::caller::{Call, State};
use super::calls::House;
use super::ledger;
use crate::ids::{OperatorId, Prompt, PromptName, QueueId};
use crate::ivr::{CALLBACK_REFUSED, CALLBACK_TAKEN, KeyLeads, MESSAGE_TAKEN, MessageMachine};
use crate::media::{self, Sides};
use crate::queue::{Exit, Expected, Input, JoinRefusal, LeftLine};
use crate::records::{self, Outcome, Recording, TransferOutcome};

/// Keys of one call that are written in its record; somebody may press one key for hours.
const MAX_CHOICES: usize = 32;

impl Call {
    pub fn joined(&mut self, house: &mut House, queue: QueueId, expected: Option<Expected>) {
        self.begins_to_wait(house, &queue);
        // A call that ended meanwhile has asked to leave again.
        let State::Line(line) = &mut self.state else { return };
        line.start(house.now, None);
        if self.record.queue.as_ref() != Some(&queue) {
            // The rules led to another queue than was asked for.
            let keys = house.keys_of(&queue);
            line.moved(keys, true);
            self.waits_in(house, &queue);
        }
        if let Some(language) = self.passing.take().and_then(|passing| passing.language) {
            self.speaks(language);
        }
        self.transfer_ended(house, TransferOutcome::Transferred);
        self.end_told = false;
        self.say_first(house);
        self.record.queued_at.get_or_insert(house.now);
        self.visit_begins(queue, house.now);
        if let [_] = self.record.lines[..] {
            self.record.expected_wait_ms = expected.map(|wait| wait.median_ms);
        }
        house.write(records::Entry::Changed(Box::new(self.record.clone())));
        house.write(records::Entry::Event(ledger::entered(house.now, &self.record)));
        house.ask_place(self.id);
        self.ask_callback(house);
    }

    /// What the record says of the queue.
    pub fn waits_in(&mut self, house: &House, queue: &QueueId) {
        self.record.need = house.settings.queues.get(queue).map(|facts| facts.need.clone());
        self.record.queue = Some(queue.clone());
    }

    pub fn join_refused(&mut self, house: &mut House, why: JoinRefusal, exit: Option<Exit>) {
        self.in_line = false;
        if !matches!(self.state, State::Line(_)) {
            return;
        }
        info!(?why, ?exit, "not let into the line");
        self.transfer_ended(house, TransferOutcome::Refused);
        self.tell_referrer_that(house, if why == JoinRefusal::Full { 486 } else { 480 });
        if let Some(queue) = self.passing.take().and_then(|passing| passing.from) {
            self.waits_in(house, &queue);
            return self.back_to_the_line(house);
        }
        let words = house.settings.ivr.announcements.clone();
        let refused = |outcome| self.unless_answered(outcome);
        let (closed, busy) = (refused(Outcome::RefusedClosed), refused(Outcome::RefusedBusy));
        match (exit, why) {
            (Some(Exit::Number(number)), _) => self.send_on(house, number),
            (Some(Exit::Message), _) => self.ask_for_message(house),
            (_, JoinRefusal::Closed) => self.last_words(house, words.closed, closed),
            (_, JoinRefusal::Full | JoinRefusal::Nobody) => self.last_words(house, words.busy, busy),
            (_, JoinRefusal::UnknownQueue | JoinRefusal::Twice) => self.fail(house),
        }
    }

    /// Nobody has the caller any more: another operator does, before everybody else.
    pub fn back_to_the_line(&mut self, house: &mut House) {
        self.back_to_the_line_from(house, None);
    }

    /// `failed_by`: a colleague who was rung for them, and did not take them.
    pub fn back_to_the_line_from(&mut self, house: &mut House, failed_by: Option<OperatorId>) {
        let Some(queue) = self.record.queue.clone() else {
            // No queue had led to the talk: the menu may say what comes where nobody is reached.
            if !self.walk_on(house) {
                self.fail(house);
            }
            return;
        };
        info!(%queue, "back to the head of the line");
        self.places = None;
        self.state = State::Line(house.line_of(&queue, self.language));
        self.in_line = true;
        house.queue(Input::Return { contact: self.id, queue, caller: self.caller_number(), failed_by });
    }

    /// Only keys that the queue has are passed on: what the engine is told is kept for ever.
    pub fn key_in_line(&mut self, house: &mut House, key: char) {
        let facts = self.record.queue.as_ref().and_then(|queue| house.settings.queues.get(queue));
        let Some(leads) = facts.and_then(|facts| facts.keys.get(&key)).copied() else { return };
        if self.record.choices.len() < MAX_CHOICES {
            self.record.choices.push(key);
        }
        if leads == KeyLeads::Callback && !self.may_be_called_back(house) {
            return self.callback_refused();
        }
        house.queue(Input::Key { contact: self.id, key });
    }

    pub fn moved(&mut self, house: &mut House, to: QueueId, why: LeftLine) {
        info!(%to, ?why, "moved");
        self.write_left(house, why);
        self.visit_moves(house.now, to.clone());
        self.waits_in(house, &to);
        house.write(records::Entry::Changed(Box::new(self.record.clone())));
        house.write(records::Entry::Event(ledger::entered(house.now, &self.record)));
        let State::Line(line) = &mut self.state else { return };
        let asked = matches!(why, LeftLine::Key(_));
        line.moved(house.keys_of(&to), asked);
        if asked {
            house.ask_place(self.id);
        }
    }

    pub fn left_line(&mut self, house: &mut House, why: LeftLine, exit: Option<Exit>) {
        self.in_line = false;
        if !matches!(self.state, State::Line(_)) || matches!(why, LeftLine::CallerGone | LeftLine::Restarted) {
            return;
        }
        info!(?why, ?exit, "left the line");
        self.write_left(house, why);
        self.visit_ends(house, why);
        self.left_at = Some(house.now);
        match exit {
            Some(Exit::Number(number)) => self.send_on(house, number),
            Some(Exit::Message) => self.ask_for_message(house),
            _ => {
                let busy = house.settings.ivr.announcements.busy.clone();
                self.last_words(house, busy, Outcome::Overflowed);
            }
        }
    }

    /// The place waits without the caller.
    pub fn callback_taken(&mut self, house: &mut House) {
        self.in_line = false;
        if !matches!(self.state, State::Line(_)) {
            return;
        }
        info!("to be called back");
        if let Some(key) = self.record.choices.chars().last() {
            self.write_left(house, LeftLine::Key(key));
        }
        self.visit_becomes_callback(house.now);
        self.left_at = Some(house.now);
        self.last_words(house, CALLBACK_TAKEN, Outcome::Callback);
    }

    /// Whether a callback to the number that the caller claims to have may be promised. Who has none is refused by the
    /// engine.
    pub fn may_be_called_back(&self, house: &House) -> bool {
        let number = self.visitor().from;
        let may = self.caller_number().is_none() || house.settings.outward.calls_back(&number);
        if !may {
            info!(number, "not called back: no telephone of the country, and not allowed");
        }
        may
    }

    pub fn callback_refused(&mut self) {
        if let State::Line(line) = &mut self.state {
            line.say(CALLBACK_REFUSED);
        }
    }

    fn write_left(&self, house: &mut House, why: LeftLine) {
        if let Some(event) = ledger::left(house.now, &self.record, why, self.places.unwrap_or((1, 1))) {
            house.write(records::Entry::Event(event));
        }
    }

    // -----------------------------------------------------------------------------------------
    // A message instead

    pub fn ask_for_message(&mut self, house: &mut House) {
        // Sound of theirs comes for sure only once they are answered.
        self.accept(house);
        self.left_at = Some(house.now);
        self.record.message_at = Some(house.now);
        let mut machine = MessageMachine::new(self.language);
        machine.start(house.now);
        self.state = State::Message(machine);
    }

    pub fn record_message(&mut self, house: &mut House) {
        self.recordings += 1;
        let (leg, call, sides, began) = (self.caller, self.id, Sides::CallerAlone, house.now);
        let file = format!("messages/{}.wav", self.id);
        if self.record.recording.is_none() {
            // Whatever becomes of the house, the record knows where it is.
            self.record.recording =
                Some(Recording { file: Some(file.clone()), began_at: Some(began), ..Recording::default() });
            house.write(records::Entry::Changed(Box::new(self.record.clone())));
        }
        house.media(media::Command::Record { leg, call, file, sides, began });
    }

    pub fn message_taken(&mut self, house: &mut House) {
        house.media(media::Command::StopRecording { leg: self.caller });
        self.last_words(house, MESSAGE_TAKEN, Outcome::Message);
    }

    // -----------------------------------------------------------------------------------------
    // Last words

    pub fn fail(&mut self, house: &mut House) {
        let failure = house.settings.ivr.announcements.failure.clone();
        self.last_words(house, failure, self.unless_answered(Outcome::Failed));
    }

    /// Plays a last announcement, then ends the call.
    pub fn last_words(&mut self, house: &mut House, name: impl Into<PromptName>, outcome: Outcome) {
        const LAST: u64 = 0;
        self.record.outcome = Some(outcome);
        self.play(house, LAST, vec![Prompt::spoken(self.language, name)], None);
        self.state = State::LastWords { token: LAST };
    }
}
