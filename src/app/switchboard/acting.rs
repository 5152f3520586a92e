//! What the machines say to each other: each word is handed to whom it is for, what the engine hears is logged.

use std::time::Duration;

use tracing::{debug, error, info};

use super::{CHECKPOINT_EVERY, Order, Switchboard};
use crate::app::board::News;
use crate::app::control::OpenCall;
use crate::app::hours::Change;
use crate::app::recordings;
use crate::app::switches::{self, Flip};
use crate::call::{Action, Event, View};
use crate::ids::{CallId, Door};
use crate::ivr::Told;
use crate::media::{self, dtmf};
use crate::moment::Moment;
use crate::queue::{Decision, Input, OperatorState, Output, Said};
use crate::records::{Entry, Ticket};
use crate::sip;

impl Switchboard {
    /// Something opened or closed.
    pub(in crate::app) fn take_change(&mut self, now: Moment, change: Change) {
        match change {
            Change::Queue(input) => self.log_input(now, input),
            Change::Schedule { schedule, open } => {
                info!(%schedule, open, "schedule");
                self.calls.handle(now, Event::Schedule { schedule, open });
            }
        }
    }

    /// Somebody flipped a switch: it is written down, and holds at once.
    pub(super) fn flip(&mut self, now: Moment, door: Door, flip: Flip) -> Ticket {
        let Flip { to, by, note, .. } = &flip;
        info!(%door, ?to, by, note, until = flip.until.is_some(), "switched");
        let ticket = self.store.write(flip.entry(&door));
        self.doors.flip(door, flip);
        for change in self.doors.handle_deadline(now) {
            self.take_change(now, change);
        }
        ticket
    }

    pub(super) fn take_sip(&mut self, now: Moment, event: sip::Event) {
        match event {
            sip::Event::SeatReachable { seat, browser } => {
                info!(%seat, browser, "seat reachable");
                self.log_input(now, Input::SeatReachable { seat: seat.clone(), reachable: true });
                self.calls.handle(now, Event::Sip(sip::Event::SeatReachable { seat, browser }));
            }
            sip::Event::SeatUnreachable { seat } => {
                info!(%seat, "seat unreachable");
                self.log_input(now, Input::SeatReachable { seat, reachable: false });
            }
            sip::Event::LeftBehind { connection } => self.sockets.doubt(connection),
            sip::Event::Binding { seat, binding } => {
                let binding = binding.and_then(|binding| serde_json::to_string(&binding).ok());
                self.store.write(Entry::Binding { seat, binding });
            }
            sip::Event::Info { leg, body } => {
                if let Some((key, duration_ms)) = dtmf::info_key(&body.content_type, &body.bytes) {
                    self.media.command(media::Command::InfoKey { leg, key, duration_ms });
                }
            }
            event => self.calls.handle(now, Event::Sip(event)),
        }
    }

    pub(super) fn take_output(&mut self, now: Moment, said: Said) {
        self.log_decision(&said);
        self.watch.said(&said);
        self.outlook.saw(&said.output);
        match &said.output {
            Output::Decided(Decision { contact, queue, chosen: None, tally, .. }) => {
                info!(call = %contact, %queue, "nobody can be asked: {tally}");
            }
            Output::Operator { operator, state, .. } => match state {
                OperatorState::NotReady { reason } => info!(%operator, %reason, "not ready"),
                OperatorState::SignedOut => info!(%operator, "signed out"),
                OperatorState::Unreachable { .. } => info!(%operator, "unreachable"),
                _ => debug!(%operator, ?state, "operator"),
            },
            _ => {}
        }
        if let Output::Operator { operator, seat: Some(seat), .. } = &said.output {
            for connection in self.pages.of_others(operator, seat) {
                info!(%seat, %operator, "sits there now; the page's phone of the former has to go");
                self.sockets.let_go(connection);
            }
        }
        use Output::{CallbackEnded, CallbackRenewed, CallbackTaken};
        if matches!(said.output, CallbackTaken { .. } | CallbackRenewed { .. } | CallbackEnded { .. }) {
            self.sip.set_waiting(now, self.queue.has_callbacks());
        }
        self.calls.handle(now, Event::Queue(said.output));
    }

    /// What explains a wait afterwards is written down as it is said.
    pub(in crate::app) fn log_decision(&mut self, said: &Said) {
        if said.output.is_decision()
            && let Ok(output) = serde_json::to_string(&said.output)
        {
            let call = said.output.contact();
            self.store.write(Entry::Decision { seq: said.seq, at: said.at, call, output });
        }
    }

    pub(super) fn perform(&mut self, now: Moment, action: Action) {
        match action {
            Action::Sip(command) => self.sip.command(now, command),
            Action::Media(command) => self.media.command(command),
            Action::Queue(input) => self.log_input(now, input),
            Action::Write(Entry::Opened(record)) => {
                let call = record.call_id;
                let ticket = self.store.write(Entry::Opened(record));
                self.opening.push_back((ticket, call, now));
            }
            Action::Write(entry) => {
                self.watch.wrote(&entry);
                self.tell_recorded(&entry);
                self.store.write(entry);
            }
            Action::Switch { schedule, to, until, by } => {
                let Some(of) = self.doors.schedule(&schedule) else { return };
                let until = until.and_then(|minute| switches::next_time(of, now, minute));
                let flip = Flip { to, at: now, until, by: by.to_string(), note: String::new() };
                self.flip(now, Door::Schedule(schedule), flip);
            }
            Action::Ask { call, question } => {
                let answer = self.answer(now, question);
                self.calls.handle(now, Event::Told { call, answer });
            }
            Action::CallOut { call, visitor, request } => {
                let number = request.number;
                if !self.hooks.ask(call, visitor, request) {
                    self.calls.handle(now, Event::Replied { call, number, reply: None });
                }
            }
            Action::Obeyed { ticket, result } => {
                if let Some(tell) = self.asked.remove(&ticket) {
                    let _ = tell.send(result);
                }
            }
            Action::CancelCallOut { call } => self.hooks.forget(call),
            Action::AskPlace { call } => {
                if let Some(place) = self.queue.place(now, call) {
                    let expected_wait = place.expected.map(|wait| Duration::from_millis(wait.median_ms));
                    let told = Told { number: place.number, expected_wait, ringing: place.ringing };
                    self.calls.handle(now, Event::Place { call, told });
                }
            }
        }
    }

    /// Of what finds no room here the store is asked later.
    fn tell_recorded(&self, entry: &Entry) {
        if let Some(call) = recordings::completes(entry) {
            let _ = self.recorded.try_send(call);
        }
    }

    /// The only way into the engine: numbered, and logged.
    pub(in crate::app) fn log_input(&mut self, now: Moment, input: Input) {
        match serde_json::to_string(&input) {
            Ok(text) => {
                self.watch.told(self.queue.seq() + 1, &input);
                let seq = self.queue.handle(now, input);
                self.store.write(Entry::Input { seq, at: now, input: text });
                if seq >= self.checkpoint_at {
                    self.checkpoint(now, seq);
                }
            }
            Err(error) => error!(%error, "an input cannot be written; it is not taken"),
        }
    }

    /// Tells the engine something that somebody wants → why it made no sense, if it did not.
    fn tell_engine(&mut self, now: Moment, input: Input) -> Result<(), String> {
        // What was said before is not the answer.
        while let Some(said) = self.queue.poll_said() {
            self.take_output(now, said);
        }
        self.log_input(now, input);
        let mut result = Ok(());
        while let Some(said) = self.queue.poll_said() {
            if let (Output::Ignored { why }, true) = (&said.output, said.seq == self.queue.seq()) {
                result = Err(why.to_string());
            }
            self.take_output(now, said);
        }
        result
    }

    pub(super) fn checkpoint(&mut self, now: Moment, seq: u64) {
        self.checkpoint_at = seq + CHECKPOINT_EVERY;
        match serde_json::to_string(&self.queue) {
            Ok(state) => {
                self.store.write(Entry::Checkpoint { seq, at: now, state });
            }
            Err(error) => error!(%error, "no checkpoint; a restart will replay further back"),
        }
    }

    pub(super) fn obey(&mut self, now: Moment, order: Order) {
        match order {
            Order::Drain => self.begin_drain(now),
            Order::Apply { new, done } => self.apply(now, *new, done),
            Order::Recording { call, of, change } => {
                let entry = Entry::Recording { call, of, change };
                self.tell_recorded(&entry);
                self.store.write(entry);
            }
            Order::Keep(version) => {
                self.store.write(Entry::Version(version));
            }
            Order::Switch { door, flip, tell } => {
                let known = self.doors.is_open(&door).is_some();
                let written = known.then(|| self.flip(now, door.clone(), flip));
                let _ = tell.send(written.and_then(|ticket| Some((self.doors.is_open(&door)?, ticket))));
            }
            Order::Tell { input, tell } => {
                let _ = tell.send(self.tell_engine(now, input));
            }
            Order::Look { whole, tell } => {
                let _ = tell.send(self.look(now, whole));
            }
            Order::Calls { tell } => {
                let calls = self.calls.ids().filter_map(|id| self.calls.view(id).map(|view| open_call(id, &view)));
                let _ = tell.send(calls.collect());
            }
            Order::Show { tell } => self.watch.tell(News::Show(tell)),
            Order::Trunks { tell } => drop(tell.send(self.sip.trunks(now))),
            Order::Bans { tell } => drop(tell.send(self.sip.bans(now))),
            Order::LiftBan { address, tell } => drop(tell.send(self.sip.lift_ban(now, address))),
            Order::Written { tell } => {
                let last = if self.store.takes() { self.store.want_all() } else { Ticket::default() };
                let _ = tell.send(last);
            }
            Order::Beat { tell } => drop(tell.send(self.beat(now))),
            Order::Call { call, by, order, tell } => {
                // The operator keeps the caller whom the line would not let in.
                let line = self.calls.line_asked_for(call, &by, &order);
                if let Some(why) = line.and_then(|queue| self.queue.refusal(&queue)) {
                    let _ = tell.send(Err(why.into()));
                    return;
                }
                self.last_ticket += 1;
                self.asked.insert(self.last_ticket, tell);
                self.calls.handle(now, Event::Order { ticket: self.last_ticket, call, by, order });
            }
            Order::Note { record, by, text, tell } => {
                let entry = self.calls.note_afterwards(now, &record, by, text);
                let written = entry.map(|entry| _ = self.store.write(entry));
                let _ = tell.send(written);
            }
            Order::Count { queues, tell } => {
                let _ = tell.send(queues.iter().map(|queue| self.queue.waiting(queue)).collect());
            }
        }
    }
}

fn open_call(id: CallId, view: &View<'_>) -> OpenCall {
    let record = view.record;
    let (queue, operator) = (record.queue.as_ref(), view.operator.as_ref().map(|(operator, _)| operator));
    OpenCall {
        id,
        stage: view.stage.recorded().into(),
        from: record.from.clone(),
        queue: queue.map(ToString::to_string),
        operator: operator.map(ToString::to_string),
    }
}
