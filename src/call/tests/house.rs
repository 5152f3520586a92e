//! Calls with the real engine; phones, sound and store played by the test. Sound agrees to everything at once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::desk;
use crate::call::{Action, Calls, Event, NotDone, Order, Settings};
use crate::ids::{CallId, LegId, OperatorId};
use crate::ivr::Told;
use crate::ivr::menu::{Answer, LineState, Question, Request, Visitor};
use crate::media::{self, Direction, Recording};
use crate::moment::Moment;
use crate::queue::{
    CallbackFirst, CallbackRules, Engine, Exit, Input, Need, OperatorRules, OperatorState, Output, QueueRules, Rules,
    Statistics,
};
use crate::records::{Entry, Record};
use crate::sip::{self, Body, Source, Target};
use crate::tape::Written;

pub const CITIZEN: &str = "13800001111";

pub struct House {
    pub calls: Calls,
    pub engine: Engine,
    pub now: Moment,
    pub sip: Vec<sip::Command>,
    pub media: Vec<media::Command>,
    pub outputs: Vec<Output>,
    pub statistics: Statistics,
    pub entries: Vec<Entry>,
    /// The store is slow: opening entries wait for [`House::write_out`].
    pub slow_store: bool,
    /// Sound agrees to nothing before [`House::sound_speaks`].
    pub slow_sound: bool,
    unheard: VecDeque<media::Event>,
    /// Legs whose phones hold, by what they describe from now on.
    pub holding: BTreeSet<LegId>,
    /// What every schedule is.
    pub is_open: bool,
    /// Programs elsewhere that were asked, and how often nobody waited for the answer any more.
    pub asked: Vec<(CallId, Visitor, Request)>,
    pub cancelled: usize,
    unwritten: Vec<CallId>,
    /// What became of the last order.
    obeyed: Option<Result<(), NotDone>>,
    /// Legs whose recordings run.
    recording: BTreeMap<LegId, String>,
}

/// Two queues served by everybody: `citizen`, whose rules the test may change, and `english`.
pub fn rules(change: impl FnOnce(&mut QueueRules)) -> Rules {
    let mut citizen = QueueRules { wrap_up: Duration::ZERO, ..QueueRules::plain(Need::Anyone) };
    change(&mut citizen);
    let english = QueueRules { wrap_up: Duration::ZERO, ..QueueRules::plain(Need::Anyone) };
    let operator = |seat: &str| OperatorRules { seat: Some(seat.into()), ..OperatorRules::default() };
    Rules {
        queues: BTreeMap::from([("citizen".into(), citizen), ("english".into(), english)]),
        operators: BTreeMap::from([
            ("1001".into(), operator("8001")),
            ("1002".into(), operator("8002")),
            ("1003".into(), operator("8003")),
        ]),
        seats: ["8001", "8002", "8003"].map(Into::into).into(),
        exclude_for: Duration::from_secs(30),
        redial_within: Duration::from_secs(60),
        phone_grace: Duration::from_secs(60),
        ..Rules::default()
    }
}

/// A callback on key 9.
pub fn called_back(first: CallbackFirst) -> Rules {
    rules(|citizen| {
        citizen.keys = BTreeMap::from([('9', Exit::Callback)]);
        citizen.callback = Some(CallbackRules {
            first,
            max_waiting: 10,
            ring: Duration::from_secs(30),
            first_after: Duration::ZERO,
            attempts: 2,
            retry: Duration::from_secs(60),
            expires: Duration::from_secs(3600),
        });
    })
}

impl House {
    /// Opens with the phones of these seats reachable, and their operators ready.
    pub fn open(rules: Rules, seats: &[&str]) -> House {
        House::with(desk::settings(), rules, seats)
    }

    pub fn with(settings: Settings, rules: Rules, seats: &[&str]) -> House {
        let mut house = House {
            calls: Calls::new(settings, CallId(0)),
            engine: Engine::new(),
            now: Moment::from_micros(1_763_955_000_000_000),
            sip: Vec::new(),
            media: Vec::new(),
            outputs: Vec::new(),
            statistics: Statistics::new(),
            entries: Vec::new(),
            slow_store: false,
            slow_sound: false,
            unheard: VecDeque::new(),
            holding: BTreeSet::new(),
            is_open: true,
            asked: Vec::new(),
            cancelled: 0,
            unwritten: Vec::new(),
            obeyed: None,
            recording: BTreeMap::new(),
        };
        house.input(Input::Rules { rules: Arc::new(rules) });
        for queue in ["citizen", "english"] {
            house.input(Input::Open { queue: queue.into(), open: true });
        }
        for seat in seats {
            house.phone(seat, true);
        }
        house
    }

    pub fn input(&mut self, input: Input) {
        self.statistics.told(self.now, &input);
        self.engine.handle(self.now, input);
        self.settle();
    }

    /// A phone comes, or goes.
    pub fn phone(&mut self, seat: &str, reachable: bool) {
        self.input(Input::SeatReachable { seat: seat.into(), reachable });
    }

    pub fn tell(&mut self, event: Event) {
        self.calls.handle(self.now, event);
        self.settle();
    }

    /// Somebody asks something of a call; lines that let nobody in are refused, as the switchboard does.
    pub fn order(&mut self, call: CallId, by: &str, order: Order) -> Result<(), NotDone> {
        let line = self.calls.line_asked_for(call, &by.into(), &order);
        if let Some(why) = line.and_then(|queue| self.engine.refusal(&queue)) {
            return Err(why.into());
        }
        self.tell(Event::Order { ticket: 1, call, by: by.into(), order });
        self.obeyed.take().expect("an answer to the order")
    }

    fn settle(&mut self) {
        loop {
            if let Some(output) = self.engine.poll() {
                self.statistics.saw(self.now, &output);
                self.outputs.push(output.clone());
                self.calls.handle(self.now, Event::Queue(output));
            } else if let Some(action) = self.calls.poll() {
                self.perform(action);
            } else {
                return;
            }
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Sip(command) => self.sip.push(command),
            Action::Media(command) => self.sound(command),
            Action::Queue(input) => {
                self.engine.handle(self.now, input);
            }
            Action::Write(entry) => {
                if let Entry::Opened(record) = &entry {
                    self.unwritten.push(record.call_id);
                }
                self.entries.push(entry);
                if !self.slow_store {
                    self.write_out();
                }
            }
            Action::Switch { .. } => {}
            Action::Ask { call, question } => {
                let answer = self.answer(question);
                self.calls.handle(self.now, Event::Told { call, answer });
            }
            Action::CallOut { call, visitor, request } => self.asked.push((call, visitor, request)),
            Action::Obeyed { result, .. } => self.obeyed = Some(result),
            Action::CancelCallOut { .. } => self.cancelled += 1,
            Action::AskPlace { call } => {
                if let Some(place) = self.engine.place(self.now, call) {
                    let told = Told { number: place.number, expected_wait: None, ringing: place.ringing };
                    self.calls.handle(self.now, Event::Place { call, told });
                }
            }
        }
    }

    fn answer(&self, question: Question) -> Answer {
        match question {
            Question::Schedule(schedule) => Answer::Schedule { schedule, open: self.is_open },
            Question::Queue(queue) => {
                let line = self.engine.line_now(self.now, &queue).expect("a queue");
                let line =
                    LineState { waiting: line.waiting, expected_wait: None, open: line.open, staffed: line.served };
                Answer::Queue { queue, line }
            }
        }
    }

    /// The store has written all it was given.
    pub fn write_out(&mut self) {
        for call in std::mem::take(&mut self.unwritten) {
            self.tell(Event::Durable { call });
        }
        self.settle();
    }

    fn sound(&mut self, command: media::Command) {
        use media::Command as C;
        let sdp = b"ours".to_vec();
        let direction = |leg| if self.holding.contains(leg) { Direction::TheyHold } else { Direction::Both };
        let event = match &command {
            C::MakeOffer { leg, .. } | C::TakeOffer { leg, .. } => {
                Some(media::Event::Described { leg: *leg, sdp, direction: direction(leg) })
            }
            C::OfferDirect { leg, to } => {
                let sdp = format!("of {to}").into_bytes();
                Some(media::Event::Described { leg: *leg, sdp, direction: Direction::Both })
            }
            C::TakeAnswer { leg, .. } => Some(media::Event::Agreed { leg: *leg, direction: direction(leg) }),
            C::Close { leg } => Some(media::Event::Closed { leg: *leg, quality: None }),
            C::Record { leg, file, .. } => {
                self.recording.insert(*leg, file.clone());
                None
            }
            _ => None,
        };
        let written = match &command {
            C::StopRecording { leg } | C::Close { leg } => self.recording.remove(leg).map(|file| (*leg, file)),
            _ => None,
        };
        self.media.push(command);
        if let Some((leg, file)) = written {
            let length = Duration::from_secs(5);
            let written = Written { sha256: "5a".into(), length, bytes: 80_058, encrypted: false };
            let recording = Ok(Recording { file, written, lost: Duration::ZERO, fault: None });
            let call = self.calls.call_of(leg).unwrap_or(CallId(0));
            self.hear(media::Event::Recorded { leg, call, recording });
        }
        if let Some(event) = event {
            self.hear(event);
        }
    }

    fn hear(&mut self, event: media::Event) {
        match self.slow_sound {
            true => self.unheard.push_back(event),
            false => self.calls.handle(self.now, Event::Media(event)),
        }
    }

    /// Slow sound says one thing more. `false`: it had nothing to say.
    pub fn sound_speaks(&mut self) -> bool {
        let Some(event) = self.unheard.pop_front() else { return false };
        self.tell(Event::Media(event));
        true
    }

    /// What slow sound has to say is never said.
    pub fn forget_sound(&mut self) {
        self.unheard.clear();
    }

    /// Time goes by, one deadline after the other.
    pub fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            let engine = self.engine.next_deadline().map(|(at, _)| at);
            let due = engine.into_iter().chain(self.calls.next_deadline()).min().filter(|due| *due <= until);
            let Some(due) = due else { break };
            self.now = self.now.max(due);
            self.engine.handle_deadline(self.now);
            self.settle();
            self.calls.handle_deadline(self.now);
            self.settle();
        }
        self.now = until;
    }

    // -----------------------------------------------------------------------------------------
    // Citizens

    /// A citizen dials a number that leads straight into the line; legs of citizens are odd.
    pub fn call(&mut self, leg: u64, from: &str) -> LegId {
        let leg = LegId(leg);
        self.arrive(leg, from, "12346", Source::Trunk("carrier".into()));
        leg
    }

    pub fn arrive(&mut self, leg: LegId, from: &str, number: &str, source: Source) {
        self.tell(Event::Sip(sip::Event::Incoming(incoming(leg, from, number, source))));
    }

    /// The phone of a seat takes the place of what it names, RFC 3891, by an INVITE to this number.
    pub fn arrive_replacing(&mut self, leg: LegId, seat: &str, number: &str, replaced: sip::Replaced) {
        let incoming = incoming(leg, seat, number, Source::Seat(seat.into()));
        self.tell(Event::Sip(sip::Event::Incoming(sip::Incoming { replaces: Some(replaced), ..incoming })));
    }

    /// The phone of an operator sends the other side elsewhere.
    pub fn refers(&mut self, leg: LegId, to: sip::ReferTo) {
        self.tell(Event::Sip(sip::Event::Refer { leg, to }));
    }

    /// With which status a call was refused.
    pub fn refusal(&self, leg: LegId) -> Option<u16> {
        self.sip.iter().find_map(|command| match command {
            sip::Command::Refuse { leg: of, status } if *of == leg => Some(*status),
            _ => None,
        })
    }

    /// What a phone was told of it, in order.
    pub fn referred(&self, leg: LegId) -> Vec<u16> {
        let told = self.sip.iter().filter_map(|command| match command {
            sip::Command::Referred { leg: of, status } if *of == leg => Some(*status),
            _ => None,
        });
        told.collect()
    }

    pub fn key(&mut self, leg: LegId, key: char) {
        self.tell(Event::Media(media::Event::Key { leg, key }));
    }

    /// What plays on a leg is heard to its end.
    pub fn heard_out(&mut self, leg: LegId) {
        let token = self.media.iter().rev().find_map(|command| match command {
            media::Command::Play { leg: of, token, .. } if *of == leg => Some(*token),
            _ => None,
        });
        self.tell(Event::Media(media::Event::Played { leg, token: token.expect("something plays") }));
    }

    /// What this leg says cannot be written.
    pub fn cannot_record(&mut self, leg: LegId, why: &str) {
        self.recording.remove(&leg);
        let call = self.calls.call_of(leg).expect("a leg of a call");
        self.tell(Event::Media(media::Event::Recorded { leg, call, recording: Err(why.into()) }));
    }

    /// What was last played on a leg.
    pub fn plays(&self, leg: LegId) -> Vec<String> {
        let last = self.media.iter().rev().find_map(|command| match command {
            media::Command::Play { leg: of, prompts, looped, .. } if *of == leg => Some((prompts, looped)),
            _ => None,
        });
        last.map(|(prompts, looped)| prompts.iter().chain(looped).map(ToString::to_string).collect())
            .unwrap_or_default()
    }

    // -----------------------------------------------------------------------------------------
    // Phones that we ring

    /// Every leg of ours to seats (`8001`) or outside (the number), in the order of their INVITEs.
    pub fn invited(&self) -> Vec<(String, LegId)> {
        let to = |invite: &sip::Invite| match &invite.to {
            Target::Seat(seat) => seat.to_string(),
            Target::Trunk { number, .. } => number.clone(),
            Target::Uri(uri) => uri.clone(),
        };
        let invites = self.sip.iter().filter_map(|command| match command {
            sip::Command::Invite(invite) => Some((to(invite), invite.leg)),
            _ => None,
        });
        invites.collect()
    }

    /// The last leg to this phone.
    pub fn rung(&self, phone: &str) -> LegId {
        let legs = self.invited().into_iter().rev().find(|(to, _)| to == phone);
        legs.unwrap_or_else(|| panic!("{phone} was not rung: {:?}", self.invited())).1
    }

    pub fn answers(&mut self, leg: LegId) {
        self.tell(Event::Sip(sip::Event::Answered { leg, body: Some(Body::sdp(b"theirs".to_vec())) }));
    }

    pub fn tell_ringing(&mut self, leg: LegId) {
        self.tell(Event::Sip(sip::Event::Ringing { leg }));
    }

    pub fn refuses(&mut self, leg: LegId, status: u16) {
        self.tell(Event::Sip(sip::Event::Refused { leg, status }));
    }

    pub fn hangs_up(&mut self, leg: LegId) {
        self.tell(Event::Sip(sip::Event::Ended { leg, why: sip::Ended::Bye }));
    }

    /// The reason with which we let go of a leg.
    pub fn released(&self, leg: LegId) -> Option<Option<&str>> {
        self.sip.iter().find_map(|command| match command {
            sip::Command::Hangup { leg: of, reason } if *of == leg => Some(reason.as_deref()),
            _ => None,
        })
    }

    pub fn are_joined(&self, one: LegId, other: LegId) -> bool {
        let pair = [one, other];
        self.media.iter().any(|command| {
            matches!(command, media::Command::Join { a, b } if pair.contains(a) && pair.contains(b) && a != b)
        })
    }

    // -----------------------------------------------------------------------------------------
    // What remains

    pub fn state(&self, operator: &str) -> OperatorState {
        self.engine.operator_named(&OperatorId::from(operator)).expect("an operator").state
    }

    pub fn events(&self) -> Vec<String> {
        let line = |event: &crate::records::QueueEvent| format!("{} {}", event.event, event.data.join("|"));
        let events = self.entries.iter().filter_map(|entry| match entry {
            Entry::Event(event) if event.call.is_some() => Some(line(event).trim_end().to_string()),
            _ => None,
        });
        events.collect()
    }

    /// The records in the order in which the calls ended. Nothing else is left: every call is over, every record that
    /// was opened is closed once, every leg's sound was let go, and so was every leg of ours.
    pub fn records(&mut self) -> Vec<Record> {
        self.pass(Duration::from_secs(15));
        assert!(self.calls.is_empty(), "{} calls are left", self.calls.len());
        assert_eq!(self.calls.next_deadline(), None);
        let (mut opened, mut closed) = (BTreeSet::new(), Vec::new());
        for entry in &self.entries {
            match entry {
                Entry::Opened(record) => assert!(opened.insert(record.call_id), "opened twice"),
                Entry::Closed(record) => closed.push((**record).clone()),
                _ => {}
            }
        }
        let ids: BTreeSet<CallId> = closed.iter().map(|record| record.call_id).collect();
        assert_eq!((&opened, opened.len()), (&ids, closed.len()), "one record a call");
        let legs = |is: fn(&media::Command) -> Option<LegId>| {
            let mut legs: Vec<LegId> = self.media.iter().filter_map(is).collect();
            legs.sort();
            legs
        };
        let open = legs(|command| match command {
            media::Command::Open { leg, .. } | media::Command::OpenUrgent { leg, .. } => Some(*leg),
            _ => None,
        });
        let close = legs(|command| if let media::Command::Close { leg } = command { Some(*leg) } else { None });
        assert_eq!(open, close, "legs whose sound was opened and closed");
        closed
    }
}

/// A call as it comes from who proved to be there, with an offer.
pub fn incoming(leg: LegId, from: &str, number: &str, source: Source) -> sip::Incoming {
    sip::Incoming {
        leg,
        sip_call_id: format!("{leg}"),
        number: number.into(),
        caller: sip::Party { number: from.into(), display: None },
        source,
        diverted: None,
        remote: "127.0.0.1:5060".parse().unwrap(),
        forgeable: false,
        reliable: false,
        hops: 70,
        offer: Some(Body::sdp(b"theirs".to_vec())),
        replaces: None,
    }
}
