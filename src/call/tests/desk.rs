//! The calls of a test, and everybody around them played by it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::call::{Action, Calls, Event, Outward, QueueFacts, Settings};
use crate::ids::{CallId, Language, LegId, OfferId, OperatorId, SeatId};
use crate::ivr::menu::{Choice, Destination, Menu, Menus, Node, Numbers, To};
use crate::ivr::{self, Entry as Leads, KeyLeads};
use crate::media::{self, Direction};
use crate::moment::Moment;
use crate::queue::Promise;
use crate::queue::{Input, OfferOutcome, Output};
use crate::records::{Entry, Record};
use crate::sip::{self, Body, Source};

pub const CALLER: LegId = LegId(1);
pub const SEAT: LegId = LegId(2);
pub const OFFER: OfferId = OfferId(7);

pub fn settings() -> Settings {
    let citizen = Destination::queue("citizen", Some(Language::ZH));
    let english = Destination::queue("english", Some(Language::EN));
    let menu = Menu {
        prompts: Vec::new(),
        choices: BTreeMap::from([('1', Choice::To(citizen.clone())), ('2', Choice::To(english))]),
        default: citizen,
        timeout: Duration::from_secs(5),
        retries: 1,
        wrong: Vec::new(),
    };
    let keys = BTreeMap::from([
        ('9', KeyLeads::Callback),
        ('8', KeyLeads::Message),
        ('7', KeyLeads::Elsewhere),
        ('0', KeyLeads::Elsewhere),
    ]);
    let facts = |need: &str| QueueFacts {
        need: need.into(),
        promise: Promise { answer_within: Duration::from_secs(15), short_abandon: Duration::from_secs(3) },
        operators: ["1001", "1002", "1003"].map(Into::into).into(),
        keys: keys.clone(),
        recorded: false,
    };
    let straight = Leads::To(Destination::queue("citizen", Some(Language::ZH)));
    Settings {
        ivr: ivr::Settings {
            numbers: BTreeMap::from([
                ("12345".into(), Leads::To(Destination::to(To::Node("welcome".into())))),
                ("12346".into(), straight),
                ("100".into(), Leads::Silence),
            ]),
            menus: Arc::new(Menus { nodes: [("welcome".into(), Node::Menu(menu))].into(), ..Menus::default() }),
            ..ivr::Settings::default()
        },
        formerly: Default::default(),
        srtp_of_trunks: Default::default(),
        tones_of_trunks: Default::default(),
        refers: Default::default(),
        direct: Default::default(),
        srtp_of_seats: Default::default(),
        srtp_of_ways: Default::default(),
        queues: BTreeMap::from([("citizen".into(), facts("mandarin >= 1")), ("english".into(), facts("english >= 3"))]),
        operators: ["1001", "1002", "1003"].map(Into::into).into(),
        seats: ["8001", "8002", "8003", "8004"].map(Into::into).into(),
        flow_grace: Duration::from_secs(15),
        seat_operators: BTreeMap::from([("8001".into(), "1001".into())]),
        supervisors: ["1002".into()].into(),
        reasons: vec!["break".into(), "meal".into()],
        switches: BTreeMap::new(),
        way_out: Some("carrier".into()),
        outward: Outward { allow: outside(), countries: vec![sip::Numbering::of_china()], ..Outward::default() },
        emergencies: Vec::new(),
        records_others: false,
    }
}

/// What people may dial here.
pub fn outside() -> Numbers {
    let mut numbers = Numbers::default();
    assert!(numbers.add("010*"));
    numbers
}

/// The calls, and everybody around them played by the test.
pub struct Desk {
    pub calls: Calls,
    pub now: Moment,
    pub asked: Vec<Action>,
    pub entries: Vec<Entry>,
    pub call: CallId,
    /// Anybody may have sent the next INVITE.
    pub forgeable: bool,
    /// They acknowledge what comes before the 200.
    pub reliable: bool,
}

impl Desk {
    pub fn new(settings: Settings) -> Self {
        let now = Moment::from_micros(1_763_955_000_000_000);
        let (calls, call) = (Calls::new(settings, CallId(0)), CallId(0));
        Self { calls, now, asked: Vec::new(), entries: Vec::new(), call, forgeable: false, reliable: false }
    }

    pub fn collect(&mut self) {
        while let Some(action) = self.calls.poll() {
            match action {
                Action::Write(entry) => {
                    if let Entry::Opened(record) = &entry {
                        self.call = record.call_id;
                    }
                    self.entries.push(entry);
                }
                action => self.asked.push(action),
            }
        }
    }

    pub fn tell(&mut self, event: Event) {
        self.calls.handle(self.now, event);
        self.collect();
    }

    pub fn sip(&mut self, event: sip::Event) {
        self.tell(Event::Sip(event));
    }

    pub fn media(&mut self, event: media::Event) {
        self.tell(Event::Media(event));
    }

    pub fn queue(&mut self, output: Output) {
        self.tell(Event::Queue(output));
    }

    pub fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.calls.handle_deadline(self.now);
        self.collect();
    }

    pub fn described(&mut self, leg: LegId) {
        self.media(media::Event::Described { leg, sdp: b"ours".to_vec(), direction: Direction::Both });
    }

    pub fn durable(&mut self) {
        self.tell(Event::Durable { call: self.call });
    }

    pub fn ring(&mut self, number: &str, source: Source) {
        self.arrive(number, source, Some(Body::sdp(b"theirs".to_vec())));
    }

    pub fn arrive(&mut self, number: &str, source: Source, offer: Option<Body>) {
        self.sip(sip::Event::Incoming(sip::Incoming {
            leg: CALLER,
            sip_call_id: "abc".into(),
            number: number.into(),
            caller: sip::Party { number: "13800001111".into(), display: None },
            source,
            diverted: None,
            remote: "127.0.0.1:5060".parse().unwrap(),
            forgeable: self.forgeable,
            reliable: self.reliable,
            hops: 17,
            offer,
            replaces: None,
        }));
    }

    /// A citizen dials 12345, everything is ready, and presses `key`.
    pub fn go_to_line(&mut self, key: char) {
        self.ring("12345", Source::Trunk("carrier".into()));
        self.durable();
        self.described(CALLER);
        self.media(media::Event::Key { leg: CALLER, key });
        let contact = self.call;
        self.queue(joined(contact, "citizen", self.now));
    }

    pub fn offered(&mut self) {
        self.offered_without_description();
        self.described(SEAT);
    }

    pub fn offered_without_description(&mut self) {
        let until = self.now + Duration::from_secs(20);
        let (contact, operator, seat) = (self.call, "1001".into(), "8001".into());
        self.queue(Output::Offer { offer: OFFER, contact, operator, seat, until, callback: None });
    }

    pub fn offer_ended(&mut self, outcome: OfferOutcome) {
        let (contact, at) = (self.call, self.now);
        let (operator, seat) = ("1001".into(), "8001".into());
        self.queue(Output::OfferEnded { offer: OFFER, contact, operator, seat, outcome, at, ms: 1500 });
    }

    pub fn go_to_talk(&mut self) {
        self.go_to_line('1');
        self.offered();
        self.sip(sip::Event::Answered { leg: SEAT, body: Some(Body::sdp(b"seat".to_vec())) });
        self.media(media::Event::Agreed { leg: SEAT, direction: Direction::Both });
        self.offer_ended(OfferOutcome::Answered);
        let (contact, queue) = (self.call, "citizen".into());
        let (operator, seat) = (OperatorId::from("1001"), SeatId::from("8001"));
        self.queue(Output::Connected { contact, queue, operator, seat, waited_ms: 0 });
    }

    pub fn closed_sound(&mut self) {
        self.media(media::Event::Closed { leg: CALLER, quality: None });
    }

    pub fn asked_sip(&self, is: impl Fn(&sip::Command) -> bool) -> usize {
        self.asked.iter().filter(|action| matches!(action, Action::Sip(command) if is(command))).count()
    }

    pub fn asked_media(&self, is: impl Fn(&media::Command) -> bool) -> usize {
        self.asked.iter().filter(|action| matches!(action, Action::Media(command) if is(command))).count()
    }

    pub fn asked_queue(&self) -> Vec<&Input> {
        self.asked
            .iter()
            .filter_map(|action| if let Action::Queue(input) = action { Some(input) } else { None })
            .collect()
    }

    pub fn joined(&self) -> usize {
        self.asked_media(|command| matches!(command, media::Command::Join { .. }))
    }

    /// The one record; the house is empty and each of the call's legs was let go.
    pub fn record(&self) -> &Record {
        let opened = self.entries.iter().filter(|entry| matches!(entry, Entry::Opened(_))).count();
        let closed: Vec<&Record> = self
            .entries
            .iter()
            .filter_map(|entry| if let Entry::Closed(record) = entry { Some(&**record) } else { None })
            .collect();
        assert_eq!((opened, closed.len()), (1, 1), "one record a call");
        assert!(self.calls.is_empty());
        assert_eq!(self.calls.next_deadline(), None);
        let opens = self.asked_media(|command| matches!(command, media::Command::Open { .. }));
        let closes = self.asked_media(|command| matches!(command, media::Command::Close { .. }));
        assert_eq!(opens, closes, "legs whose sound was opened and closed");
        closed[0]
    }

    pub fn events(&self) -> Vec<&'static str> {
        self.entries
            .iter()
            .filter_map(|entry| if let Entry::Event(event) = entry { Some(event.event) } else { None })
            .collect()
    }
}

pub fn is_accept(command: &sip::Command) -> bool {
    matches!(command, sip::Command::Accept { leg: CALLER, .. })
}

pub fn is_hangup(of: LegId) -> impl Fn(&sip::Command) -> bool {
    move |command| matches!(command, sip::Command::Hangup { leg, .. } if *leg == of)
}

pub fn joined(contact: CallId, queue: &str, since: Moment) -> Output {
    Output::Joined { contact, queue: queue.into(), instead_of: None, since, expected: None }
}
