//! In the menus: what the walk asks for, and where it leads.

use tracing::{info, warn};

use super::caller::{Call, State};
use super::calls::House;
use super::words::Action;
use crate::ids::Language;
use crate::ivr::menu::{Answer, Destination, Refuse, Reply, Request, To, Visitor};
use crate::ivr::{KeyLeads, Walker};
use crate::queue::Input;
use crate::records::Outcome;

impl Call {
    /// The citizen's number, and the one of ours that they dialled, or that we showed them.
    pub fn visitor(&self) -> Visitor {
        let (from, to) = (self.record.from.clone(), self.record.to.clone());
        if self.outward { Visitor { from: to, to: from } } else { Visitor { from, to } }
    }

    /// Where the dialled number leads.
    pub fn walk(&mut self, house: &mut House, to: &Destination) {
        let mut walker = Walker::new(&house.settings.ivr, self.visitor(), self.language);
        walker.start(house.now, to);
        self.walker = Some(Box::new(walker));
        self.state = State::Menu;
    }

    /// An operator sent the caller to a number of the house: there they are as if they had dialled it.
    pub fn walk_again(&mut self, house: &mut House, number: &str, to: &Destination) {
        let visitor = Visitor { to: number.into(), ..self.visitor() };
        let mut walker = Walker::new(&house.settings.ivr, visitor, self.language);
        walker.goes_on_from(self.walker.take().map(|former| *former), &self.record.choices);
        walker.start(house.now, to);
        (self.walker, self.places) = (Some(Box::new(walker)), None);
        self.state = State::Menu;
    }

    /// What the walk has come to, for the record.
    pub fn note_walk(&mut self) {
        let Some(walker) = &self.walker else { return };
        self.language = walker.language();
        self.record.choices = walker.keys().into();
        self.record.digits = walker.typed().iter().map(|(name, typed)| (name.clone(), typed.told())).collect();
        self.record.menu_path = walker.path().to_vec();
    }

    /// Out of the menus.
    pub fn led(&mut self, house: &mut House, to: To, language: Language) {
        info!(?to, language = language.code(), "led on");
        self.speaks(language);
        match to {
            To::Queue(queue) => self.join(house, queue),
            To::Callback(queue) => {
                self.asks_callback = true;
                self.join(house, queue);
            }
            To::Number { number, .. } => self.send_on(house, number),
            To::Seat { seat, .. } => self.ring_seat(house, seat),
            To::Message => self.ask_for_message(house),
            To::HangUp => self.sent_away(house, Outcome::Answered),
            To::Refuse(Refuse::Rules) => self.sent_away(house, self.unless_answered(Outcome::RefusedRules)),
            To::Refuse(Refuse::Closed) => {
                let closed = house.settings.ivr.announcements.closed.clone();
                self.last_words(house, closed, self.unless_answered(Outcome::RefusedClosed));
            }
            To::Refuse(Refuse::Busy) => {
                let busy = house.settings.ivr.announcements.busy.clone();
                self.last_words(house, busy, self.unless_answered(Outcome::RefusedBusy));
            }
            // The walk enters nodes by itself.
            To::Node(_) => self.fail(house),
        }
    }

    /// What the caller chose, or the number to which they were sent.
    pub fn speaks(&mut self, language: Language) {
        self.language = language;
        self.record.language = Some(language.code().to_string());
    }

    /// What a call is called that ends in the menus, or as nothing leads on: who had talked with somebody was answered,
    /// wherever they were led then.
    pub fn unless_answered(&self, outcome: Outcome) -> Outcome {
        if self.record.connected_at.is_some() { Outcome::Answered } else { outcome }
    }

    fn sent_away(&mut self, house: &mut House, outcome: Outcome) {
        self.record.outcome = Some(outcome);
        self.say_goodbye(house);
    }

    /// Where nobody was reached the walk may go on. `false`: it does not.
    pub fn walk_on(&mut self, house: &mut House) -> bool {
        let Some(walker) = &mut self.walker else { return false };
        let goes_on = walker.not_reached(house.now);
        if goes_on {
            self.left_at = None;
            self.state = State::Menu;
        }
        goes_on
    }

    pub fn told(&mut self, house: &mut House, answer: Answer) {
        if let (State::Menu, Some(walker)) = (&self.state, &mut self.walker) {
            walker.answered(house.now, answer);
        }
    }

    pub fn call_out(&mut self, house: &mut House, request: Request) {
        info!(hook = %request.hook, "asks elsewhere");
        self.asked_elsewhere = true;
        let visitor = self.walker.as_ref().map_or_else(|| self.visitor(), |walker| walker.visitor().clone());
        house.ask(Action::CallOut { call: self.id, visitor, request });
    }

    pub fn replied(&mut self, house: &mut House, number: u64, reply: Option<Reply>) {
        // One that comes too late says nothing of what is asked now.
        let Some(walker) = self.walker.as_mut().filter(|walker| walker.expects(number)) else { return };
        self.asked_elsewhere = false;
        match &reply {
            Some(reply) => info!(case = reply.case.as_deref().unwrap_or("none"), "answered elsewhere"),
            None => warn!("no answer from elsewhere"),
        }
        walker.replied(house.now, number, reply);
    }

    /// Whoever chose in the menus to be called back presses the key for it as soon as they are in the line.
    pub fn ask_callback(&mut self, house: &mut House) {
        if !std::mem::take(&mut self.asks_callback) {
            return;
        }
        if !self.may_be_called_back(house) {
            return self.callback_refused();
        }
        let facts = self.record.queue.as_ref().and_then(|queue| house.settings.queues.get(queue));
        let key = facts.and_then(|facts| facts.keys.iter().find(|(_, leads)| **leads == KeyLeads::Callback));
        if let Some((key, _)) = key {
            house.queue(Input::Key { contact: self.id, key: *key });
        }
    }
}
