//! The thread that writes the board: takes the news, keeps what they are about, and tells the pages what changed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tracing::{error, info};

use super::calls;
use super::category::{category, new_names};
use super::day::Day;
use super::former::Awaited;
use super::looks::{Line, Look};
use super::{News, Seen, alarms};
use crate::app::clock::Clock;
use crate::app::switchboard::Order;
use crate::app::switches::Flip;
use crate::app::web::facts;
use crate::app::webhooks::Webhooks;
use crate::config::House;
use crate::http::{self, Board};
use crate::ids::{CallId, OperatorId, QueueId, SeatId};
use crate::moment::Moment;
use crate::queue::{LateCause, LeftLine, NO_QUEUE, Next, OperatorState, Output, Said};
use crate::records::{Log, Record, rfc3339};
use crate::sip::guard;

/// Between two looks at the lines; what happens is told at once.
const TICK: Duration = Duration::from_millis(500);
/// News that are taken together before the board is written.
const BATCH: usize = 512;
/// After that the board lets news gather: nobody sees so short a time, and one waking, and one writing of a call, does
/// for all of them.
const REST: Duration = Duration::from_millis(10);
/// For what was just said to be on the disk, where it has to be read from there.
const DISK_PATIENCE: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(20);

pub struct Parts {
    pub board: Arc<Board>,
    pub data: PathBuf,
    pub clock: Clock,
    pub house: House,
    pub version: u64,
    pub orders: mpsc::Sender<Order>,
    pub health: Arc<arc_swap::ArcSwap<Result<(), String>>>,
    pub webhooks: Webhooks,
}

/// A contact that waits, rings or talks.
pub(super) struct Contact {
    pub queue: QueueId,
    /// Since when it waits in this line, or talks.
    pub since: Moment,
    pub callback: bool,
    pub talking: bool,
    /// Why nobody is asked for it.
    pub why: Option<String>,
}

pub(super) struct Person {
    pub seat: Option<SeatId>,
    pub state: OperatorState,
    pub next: Option<Next>,
    pub since: Moment,
}

pub struct Keeper {
    pub(super) board: Arc<Board>,
    data: PathBuf,
    pub(super) clock: Clock,
    pub(super) house: House,
    orders: mpsc::Sender<Order>,
    health: Arc<arc_swap::ArcSwap<Result<(), String>>>,
    pub(super) webhooks: Webhooks,
    pub(super) day: Day,
    former: Awaited,
    /// Who waits until the board shows what is now.
    to_show: Vec<SyncSender<()>>,
    /// Who gave up in this moment, and was told of as late for that.
    gave_up: Option<CallId>,
    /// News that were heard.
    heard: u64,
    pub(super) contacts: BTreeMap<CallId, Contact>,
    pub(super) operators: BTreeMap<OperatorId, Person>,
    pub(super) calls: BTreeMap<CallId, Seen>,
    pub(super) lines: BTreeMap<QueueId, Line>,
    pub(super) switched: BTreeMap<QueueId, Flip>,
    /// Places in the lines, from 1.
    pub(super) places: BTreeMap<CallId, usize>,
    pub(super) changed_calls: BTreeSet<CallId>,
    pub(super) changed_operators: BTreeSet<OperatorId>,
    /// Talks that went one way only, when it was seen; the latest last.
    pub(super) one_way: VecDeque<Moment>,
    /// Why the last recording failed, if it did.
    pub(super) recording_fault: Option<String>,
}

impl Keeper {
    /// Begins; ends when the switchboard is gone.
    pub fn start(parts: Parts, news: Receiver<News>) -> std::io::Result<JoinHandle<()>> {
        let Parts { board, data, clock, house, version, orders, health, webhooks } = parts;
        let zone = house.app.time_zone.clone();
        let mut keeper = Keeper {
            board,
            data,
            clock,
            house,
            orders,
            health,
            webhooks,
            day: Day::empty(clock.now(), zone),
            former: Awaited::nothing(),
            to_show: Vec::new(),
            gave_up: None,
            heard: 0,
            contacts: BTreeMap::new(),
            operators: BTreeMap::new(),
            calls: BTreeMap::new(),
            lines: BTreeMap::new(),
            switched: BTreeMap::new(),
            places: BTreeMap::new(),
            changed_calls: BTreeSet::new(),
            changed_operators: BTreeSet::new(),
            one_way: VecDeque::new(),
            recording_fault: None,
        };
        let work = move || {
            let began = clock.now();
            keeper.board.put_facts(&keeper.time(began), facts(&keeper.house, version));
            // What is younger than the log is heard as news.
            keeper.begin_day(began, Moment::from_micros(u64::MAX));
            info!(offered = keeper.day.all().offered, took = ?clock.now().since(began), "the board shows today");
            keeper.run(&news);
        };
        std::thread::Builder::new().name("board".into()).spawn(work)
    }

    fn run(&mut self, news: &Receiver<News>) {
        let mut next = self.clock.now();
        let mut whole = true;
        loop {
            let now = self.clock.now();
            if now >= next || !self.to_show.is_empty() {
                let waiting = std::mem::take(&mut self.to_show);
                let Some(look) = self.look(whole) else { return news.iter().for_each(|one| self.hear(one)) };
                whole = false;
                // What is older than the whole is heard before it.
                while look.whole.as_ref().is_some_and(|whole| self.heard < whole.told) {
                    let Ok(one) = news.recv() else { return };
                    self.hear(one);
                }
                self.looked(now, look);
                self.board.set_ready();
                for tell in waiting {
                    let _ = tell.try_send(());
                }
                next = now + TICK;
            }
            let first = match news.recv_timeout(next.since(now)) {
                Ok(first) => Some(first),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            for one in first.into_iter().chain(news.try_iter().take(BATCH)) {
                self.hear(one);
            }
            self.write(self.clock.now());
            std::thread::sleep(REST);
        }
    }

    /// Asks the switchboard. `None`: it is gone.
    fn look(&self, whole: bool) -> Option<Look> {
        let (tell, told) = oneshot::channel();
        self.orders.blocking_send(Order::Look { whole, tell }).ok()?;
        told.blocking_recv().ok()
    }

    pub(super) fn time(&self, at: Moment) -> String {
        rfc3339(at, &self.house.app.time_zone)
    }

    /// The figures of the day that it is, from what was written down until then.
    fn begin_day(&mut self, now: Moment, until: Moment) {
        let zone = self.house.app.time_zone.clone();
        self.day = Day::empty(now, zone.clone());
        self.day.rules(u64::MAX, &self.house.queue);
        if let Err(fault) = self.day.read_log(&self.data, until) {
            error!(%fault, "the log of today cannot be read; the figures begin with what could be");
        }
        let house = &self.house;
        if let Err(fault) = self.day.read_records(&self.data, |record, queue| category(house, record, queue)) {
            error!(%fault, "the records of today cannot be read; what calls were about is counted from now on");
        }
        self.former = Awaited::begin(&self.data, self.day.begins, now, zone);
        self.count_open();
    }

    fn count_open(&mut self) {
        for seen in self.calls.values() {
            let house = &self.house;
            self.day.put(&seen.record, |record, queue| category(house, record, queue), false);
        }
        self.changed_operators.extend(self.house.queue.operators.keys().cloned());
    }

    /// News were lost: what had happened by `at` is read, and what is not on the disk yet is waited for. What happened
    /// later is heard as news.
    fn begin_anew(&mut self, at: Moment, seq: u64) {
        let written = || Log::open(&self.data).and_then(|log| log.last_input()).is_ok_and(|last| last >= seq);
        let mut tries = DISK_PATIENCE.as_millis() / LOOK_EVERY.as_millis();
        while !written() && tries > 0 {
            std::thread::sleep(LOOK_EVERY);
            tries -= 1;
        }
        if !written() {
            error!("the disk does not keep up; the figures of today lack what is not written yet");
        }
        self.begin_day(at, at);
    }

    fn hear(&mut self, news: News) {
        self.heard += 1;
        match news {
            News::Show(tell) => self.to_show.push(tell),
            News::Rules(seq, rules) => self.day.rules(seq, &rules),
            News::Said(said) => self.said(said),
            News::Call(seen) => {
                self.saw_recording(&seen.record);
                self.saw_one_way(seen.id, &seen.record);
                self.count(&seen.record, false);
                self.changed_calls.insert(seen.id);
                self.webhooks.saw(&seen.record, &self.house);
                self.calls.insert(seen.id, *seen);
            }
            News::Closed(record) => {
                self.saw_recording(&record);
                self.saw_one_way(record.call_id, &record);
                self.count(&record, true);
                self.count_closed(&record);
                self.webhooks.closed(&record, &self.house);
            }
            News::Over(id) => {
                self.calls.remove(&id);
                self.changed_calls.insert(id);
            }
            News::House(house, version) => {
                let at = self.time(self.clock.now());
                self.forget_the_removed(&house);
                self.house = *house;
                self.day.take_new_names(new_names(&self.house));
                self.webhooks.set(&self.house.web.webhooks);
                self.board.put_facts(&at, facts(&self.house, version));
                self.changed_operators.extend(self.house.queue.operators.keys().cloned());
            }
        }
    }

    fn count(&mut self, record: &Record, closed: bool) {
        let house = &self.house;
        self.day.put(record, |record, queue| category(house, record, queue), closed);
    }

    fn forget_the_removed(&mut self, new: &House) {
        for queue in self.house.queue.queues.keys().filter(|queue| !new.queue.queues.contains_key(*queue)) {
            self.board.remove_queue(queue.as_str());
        }
        for operator in self.house.queue.operators.keys().filter(|id| !new.queue.operators.contains_key(*id)) {
            self.board.remove_operator(operator.as_str());
        }
        for schedule in self.house.schedules.keys().filter(|id| !new.schedules.contains_key(*id)) {
            self.board.remove_schedule(schedule.as_str());
        }
    }

    fn count_closed(&self, record: &Record) {
        let outcome = serde_json::to_value(record.outcome).unwrap_or_default();
        let queue = record.queue.as_ref().map_or("", QueueId::as_str);
        http::counter("hotline_calls_total", &[("outcome", outcome.as_str().unwrap_or("none")), ("queue", queue)]);
    }

    fn said(&mut self, said: Said) {
        self.day.said(&said);
        self.measure(&said);
        let Said { at, output, .. } = said;
        if let Some(contact) = output.contact() {
            self.changed_calls.insert(contact);
        }
        match output {
            Output::Joined { contact, queue, .. } => {
                let contact_of = Contact { queue, since: at, callback: false, talking: false, why: None };
                self.contacts.insert(contact, contact_of);
            }
            Output::Moved { contact, to, .. } => {
                if let Some(of) = self.contacts.get_mut(&contact) {
                    of.queue = to;
                }
            }
            Output::Offer { contact, operator, seat, .. } => {
                if let Some(of) = self.contacts.get_mut(&contact) {
                    of.why = None;
                }
                self.webhooks.ringing(contact, operator, seat, at);
            }
            Output::Connected { contact, queue, operator, seat, .. } => {
                self.changed_operators.insert(operator.clone());
                let of = Contact { queue, since: at, callback: false, talking: true, why: None };
                self.contacts.insert(contact, of);
                self.webhooks.connected(contact, operator, seat, at);
            }
            Output::HandedOver { contact, queue, operator, seat, .. } => {
                if queue.as_str() != NO_QUEUE {
                    let of = Contact { queue, since: at, callback: false, talking: true, why: None };
                    self.contacts.insert(contact, of);
                }
                self.webhooks.connected(contact, operator, seat, at);
            }
            Output::CallbackTaken { contact, queue, .. } => {
                let of = self.contacts.entry(contact).or_insert(Contact {
                    queue,
                    since: at,
                    callback: true,
                    talking: false,
                    why: None,
                });
                of.callback = true;
            }
            Output::Decided(decision) => {
                if let Some(of) = self.contacts.get_mut(&decision.contact) {
                    of.why = decision.chosen.is_none().then(|| calls::nobody(&decision.tally));
                }
            }
            Output::Ended { contact, operator, .. } => {
                self.changed_operators.insert(operator);
                self.contacts.remove(&contact);
            }
            Output::Left { contact, .. } | Output::CallbackEnded { contact, .. } => {
                self.contacts.remove(&contact);
            }
            Output::OfferEnded { operator, .. } => {
                self.changed_operators.insert(operator);
            }
            Output::Operator { operator, seat, state, next } => {
                let former = self.operators.get(&operator);
                let same = former.is_some_and(|former| same_state(&former.state, &state));
                let since = former.filter(|_| same).map_or(at, |former| former.since);
                self.changed_operators.insert(operator.clone());
                self.operators.insert(operator, Person { seat, state, next, since });
            }
            _ => {}
        }
    }

    /// What is counted for good, of each visit to a line.
    fn measure(&mut self, said: &Said) {
        let count_late = |cause: LateCause| {
            let cause = serde_json::to_value(cause).unwrap_or_default();
            http::counter("hotline_late_total", &[("cause", cause.as_str().unwrap_or("none"))]);
        };
        match &said.output {
            Output::OfferEnded { outcome, .. } => {
                let outcome = serde_json::to_value(outcome).unwrap_or_default();
                http::counter("hotline_offers_total", &[("outcome", outcome.as_str().unwrap_or("none"))]);
            }
            Output::Connected { queue, waited_ms, .. } => {
                http::seconds("hotline_wait_seconds", &[("queue", queue.as_str())], *waited_ms as f64 / 1000.0);
            }
            Output::Ended { queue, talk_ms, .. } => {
                http::seconds("hotline_talk_seconds", &[("queue", queue.as_str())], *talk_ms as f64 / 1000.0);
            }
            // Who gives up at once was never offered: whether that is so is told next.
            Output::Late { contact, cause: LateCause::GaveUp, .. } => self.gave_up = Some(*contact),
            Output::Late { cause, .. } => count_late(*cause),
            Output::Left { contact, queue, why, waited_ms, .. } if self.gave_up.take() == Some(*contact) => {
                let waited = Duration::from_millis(*waited_ms);
                let short = self.house.queue.queues.get(queue).is_some_and(|rules| rules.promise().is_short(waited));
                if !(short && *why == LeftLine::CallerGone) {
                    count_late(LateCause::GaveUp);
                }
            }
            _ => {}
        }
    }

    fn looked(&mut self, now: Moment, look: Look) {
        if let Some(whole) = look.whole {
            let gone: Vec<CallId> = self.calls.keys().copied().collect();
            self.changed_calls.extend(gone);
            self.calls = whole.calls.into_iter().map(|seen| (seen.id, seen)).collect();
            self.changed_calls.extend(self.calls.keys().copied());
            for (operator, seat, state, next) in whole.operators {
                self.changed_operators.insert(operator.clone());
                let former = self.operators.get(&operator).filter(|former| same_state(&former.state, &state));
                let since = former.map_or(now, |former| former.since);
                self.operators.insert(operator, Person { seat, state, next, since });
            }
            let waiting: BTreeSet<CallId> = look.lines.values().flat_map(|line| line.waiting.iter().copied()).collect();
            let talks: BTreeSet<CallId> = self.operators.values().filter_map(|person| person.state.talk()).collect();
            self.contacts.retain(|id, contact| if contact.talking { &talks } else { &waiting }.contains(id));
            for (queue, line) in &look.lines {
                for id in &line.waiting {
                    let callback = !self.calls.contains_key(id);
                    let joined = self.calls.get(id).and_then(|seen| Some(seen.record.line()?.joined_at));
                    let (queue, since) = (queue.clone(), joined.unwrap_or_else(|| arrived(*id)));
                    let new = Contact { queue, since, callback, talking: false, why: None };
                    self.contacts.entry(*id).or_insert(new);
                }
            }
            if whole.lost {
                self.begin_anew(whole.at, whole.seq);
            }
            self.count_open();
        }
        if self.day.ends <= now {
            self.day.turn(now);
            self.former = Awaited::begin(&self.data, self.day.begins, now, self.house.app.time_zone.clone());
            self.count_open();
        }
        if let Some(former) = self.former.take() {
            self.day.take_former(former);
        }
        let health = match (look.draining, look.healthy) {
            (true, _) => Err("the hotline is closing: new calls are refused".to_string()),
            (false, false) => Err("the disk takes no records".to_string()),
            (false, true) => Ok(()),
        };
        self.health.store(Arc::new(health));
        count_strangers(look.guard);
        for trunk in &look.trunks {
            let of: &[(&'static str, &str)] = &[("trunk", trunk.id.as_str())];
            http::gauge("hotline_trunk_calls", of, trunk.calls as f64);
            // One that is not asked for is as good as there.
            http::gauge("hotline_trunk_up", of, if trunk.is_up() == Some(false) { 0.0 } else { 1.0 });
            if let Some(registered) = trunk.registered {
                http::gauge("hotline_trunk_registered", of, if registered { 1.0 } else { 0.0 });
            }
        }
        http::gauge("hotline_store_backlog", &[], look.backlog as f64);
        http::gauge("hotline_store_healthy", &[], if look.healthy { 1.0 } else { 0.0 });
        (self.lines, self.switched) = (look.lines, look.switched);
        self.changed_calls.extend(calls::renew_why(&mut self.contacts, self.lines.values()));
        let mut places = BTreeMap::new();
        for line in self.lines.values() {
            places.extend(line.waiting.iter().enumerate().map(|(place, id)| (*id, place + 1)));
        }
        let moved = |id: &CallId| places.get(id) != self.places.get(id);
        let moved: Vec<CallId> = places.keys().chain(self.places.keys()).filter(|id| moved(id)).copied().collect();
        self.changed_calls.extend(moved);
        self.places = places;
        let at = self.time(now);
        for (id, open, flip) in look.schedules {
            let shown = self.schedule(&id, open, flip);
            self.board.put_schedule(&at, shown);
        }
        self.write(now);
        self.write_lines(now);
        alarms::see_to(self, now);
        for notice in self.board.notices() {
            let until = notice.until.and_then(|until| until.parse::<jiff::Timestamp>().ok());
            if until.is_some_and(|until| until <= crate::app::hours::timestamp(now)) {
                self.board.end_notice(&at, &notice.id);
            }
        }
    }
}

/// The same but for what runs on in it.
fn same_state(one: &OperatorState, other: &OperatorState) -> bool {
    match (one, other) {
        (OperatorState::WrapUp { .. }, OperatorState::WrapUp { .. }) => true,
        (one, other) => one == other,
    }
}

/// An id says when its call arrived.
fn arrived(call: CallId) -> Moment {
    Moment::from_micros((call.0 >> 20).saturating_mul(1000))
}

/// What the guard did, by what it was.
fn count_strangers(counts: guard::Counts) {
    let guard::Counts { limited, unheard, unchallenged, guessed, scanned, bans, shed } = counts;
    for (event, count) in [
        ("limited", limited),
        ("unheard", unheard),
        ("unchallenged", unchallenged),
        ("wrong-secret", guessed),
        ("scanner", scanned),
        ("ban", bans),
        ("shed", shed),
    ] {
        http::total("hotline_guard_total", &[("event", event)], count);
    }
}
