//! The thread that writes the board: takes the news, keeps what they are about, and tells the pages what changed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tracing::{error, info};

use super::category::{category, new_names};
use super::contacts::{Contact, Person, name_the_call};
use super::day::Day;
use super::former::Awaited;
use super::looks::{Line, Look};
use super::{News, Seen, alarms, count_closed, meters};
use crate::app::clock::Clock;
use crate::app::switchboard::Order;
use crate::app::switches::Flip;
use crate::app::web::facts;
use crate::app::webhooks::Webhooks;
use crate::config::House;
use crate::http::{Board, PartOver};
use crate::ids::{CallId, OperatorId, QueueId};
use crate::moment::Moment;
use crate::records::{Log, Record, rfc3339};
use crate::sip::TrunkView;

/// Between two looks at the lines; what happens is told at once.
const TICK: Duration = Duration::from_millis(500);
/// News that are taken together before the board is written.
const BATCH: usize = 512;
/// After that the board lets news gather: nobody sees so short a time, and one waking, and one writing of a call, does
/// for all of them.
const REST: Duration = Duration::from_millis(100);
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
    pub(super) gave_up: Option<CallId>,
    /// News that were heard.
    heard: u64,
    pub(super) contacts: BTreeMap<CallId, Contact>,
    pub(super) operators: BTreeMap<OperatorId, Person>,
    /// With whom operators talked last, and since when they had them.
    pub(super) last_talks: BTreeMap<OperatorId, (CallId, Moment)>,
    pub(super) calls: BTreeMap<CallId, Seen>,
    /// How operators came to be consulted no longer.
    pub(super) parts_over: BTreeMap<OperatorId, PartOver>,
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
    pub(super) store_fault: Option<String>,
    /// How the trunks stand.
    pub(super) trunks: Vec<TrunkView>,
    /// Until when calls may go on, when the house is about to close.
    pub(super) draining: Option<Moment>,
    /// Calls with an emergency service that ended with the process before.
    pub(super) cut_emergencies: Vec<Record>,
}

/// However the board's thread ends, whoever watches the house is told, the pages show nothing new any more, and nobody
/// waits for the board.
struct End {
    board: Arc<Board>,
    health: Arc<arc_swap::ArcSwap<Result<(), String>>>,
}

impl Drop for End {
    fn drop(&mut self) {
        self.board.break_off();
        self.health.store(Arc::new(Err("the board is written no more".into())));
    }
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
            last_talks: BTreeMap::new(),
            calls: BTreeMap::new(),
            parts_over: BTreeMap::new(),
            lines: BTreeMap::new(),
            switched: BTreeMap::new(),
            places: BTreeMap::new(),
            changed_calls: BTreeSet::new(),
            changed_operators: BTreeSet::new(),
            one_way: VecDeque::new(),
            recording_fault: None,
            store_fault: None,
            trunks: Vec::new(),
            draining: None,
            cut_emergencies: Vec::new(),
        };
        let end = End { board: keeper.board.clone(), health: keeper.health.clone() };
        let work = move || {
            let _end = end;
            let began = clock.now();
            keeper.cut_emergencies = alarms::cut_emergencies(&keeper.data, began);
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
            let mut taken = 0;
            for one in first.into_iter().chain(news.try_iter()).take(BATCH) {
                self.hear(one);
                taken += 1;
            }
            self.write(self.clock.now());
            // Programs that wait to be shown what they did wait for no rest, nor does what was left.
            if self.to_show.is_empty() && taken < BATCH {
                std::thread::sleep(REST);
            }
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
            News::Said(said) => {
                self.day.said(&said);
                self.measure(&said);
                self.said(said);
            }
            News::Call(seen) => {
                self.saw_recording(&seen.record);
                self.saw_one_way(seen.id, &seen.record);
                self.count(&seen.record, false);
                self.changed_calls.insert(seen.id);
                self.webhooks.saw(&seen.record, &self.house);
                name_the_call(&mut self.last_talks, &seen);
                self.saw_parts(&seen);
                self.calls.insert(seen.id, *seen);
            }
            News::Closed(record) => {
                self.saw_recording(&record);
                self.saw_one_way(record.call_id, &record);
                self.count(&record, true);
                count_closed(&record);
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
            meters::forget_queue(queue);
        }
        for operator in self.house.queue.operators.keys().filter(|id| !new.queue.operators.contains_key(*id)) {
            self.board.remove_operator(operator.as_str());
            self.last_talks.remove(operator);
            self.parts_over.remove(operator);
        }
        for schedule in self.house.schedules.keys().filter(|id| !new.schedules.contains_key(*id)) {
            self.board.remove_schedule(schedule.as_str());
        }
    }

    fn looked(&mut self, now: Moment, look: Look) {
        let Look { lines, schedules, switched, trunks, backlog, store_fault, draining, guard, whole } = look;
        if let Some(whole) = whole {
            let (lost, at, seq) = (whole.lost, whole.at, whole.seq);
            self.take_whole(now, whole, &lines);
            if lost {
                self.begin_anew(at, seq);
            }
            self.count_open();
        }
        self.mind_the_date(now);
        let health = match (draining, &store_fault) {
            (Some(_), _) => Err("the hotline is closing: new calls are refused".to_string()),
            (None, Some(_)) => Err("the disk takes no records".to_string()),
            (None, None) => Ok(()),
        };
        self.draining = draining;
        self.health.store(Arc::new(health));
        meters::count_strangers(guard);
        meters::measure_trunks(&trunks);
        self.trunks = trunks;
        meters::measure_store(backlog, store_fault.is_none());
        self.store_fault = store_fault;
        self.switched = switched;
        self.take_lines(lines);
        let at = self.time(now);
        for (id, open, flip) in schedules {
            let shown = self.schedule(&id, open, flip);
            self.board.put_schedule(&at, shown);
        }
        self.write(now);
        self.write_lines(now);
        alarms::see_to(self, now);
        self.board.end_notices(&at, now);
    }

    /// At midnight another day begins, and what was read of the days before is shown when it is there.
    fn mind_the_date(&mut self, now: Moment) {
        if self.day.ends <= now {
            self.day.turn(now);
            self.former = Awaited::begin(&self.data, self.day.begins, now, self.house.app.time_zone.clone());
            self.count_open();
        }
        if let Some(former) = self.former.take() {
            self.day.take_former(former);
        }
    }
}
