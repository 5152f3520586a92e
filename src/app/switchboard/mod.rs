//! The one task that owns every signalling and queue machine: one input, settle, one timer, wait.

mod acting;
mod pages;
mod waiting;

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{error, info, warn};

use crate::app::board::{Look, Watch};
use crate::app::clock::Clock;
use crate::app::control::OpenCall;
use crate::app::hooks::{Hooks, Replied};
use crate::app::hours::Doors;
use crate::app::keeper::NewHouse;
use crate::app::logging::Log;
use crate::app::outlook::{Outlook, Waits};
use crate::app::switches::Flip;
use crate::call::{self, Calls, Event, NotDone};
use crate::http::Settings;
use crate::ids::{CallId, Door, OperatorId, QueueId};
use crate::media;
use crate::media::desk::Desk;
use crate::moment::Moment;
use crate::queue::{Engine, Input};
use crate::records::{Entry, Record, RecordingChange, Store, Ticket, Version, Written};
use crate::sip;
use crate::sip::endpoint::Endpoint;
use crate::sip::guard::Ban;
use crate::sip::locating::Locator;
use crate::sip::message::masked;
use crate::sip::transport::{Arrival, Proof, Sockets};
use pages::Pages;
use waiting::{Pace, Woken};

/// One input cannot set off more than this: beyond it two machines answer each other for ever.
const SETTLE_LIMIT: usize = 200_000;
/// Messages taken from the sockets before the other sources get their turn.
const BATCH: usize = 128;
/// While calls are open, so often is it written down that the house was alive.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Without calls: so exactly is it known after a power cut until when operators were there.
const QUIET_HEARTBEAT: Duration = Duration::from_secs(60);
/// A restart replays at most about so many inputs.
const CHECKPOINT_EVERY: u64 = 20_000;
/// After the last BYE of a drain, and after its goodbyes to carriers, so long may their answers take.
const LAST_ANSWERS: Duration = Duration::from_secs(4);
/// A caller is not kept waiting for the disk for longer than this.
const DISK_PATIENCE: Duration = Duration::from_secs(2);

/// What reaches the switchboard beside the network.
pub struct Inlets {
    pub media: mpsc::Receiver<Vec<media::Event>>,
    pub written: watch::Receiver<Written>,
    pub orders: mpsc::Receiver<Order>,
    pub outlook: mpsc::Receiver<Waits>,
    pub hooks: mpsc::Receiver<Replied>,
    /// Where the names of trunks lead.
    pub located: mpsc::Receiver<sip::Located>,
}

/// What the switchboard is asked to do beside its calls.
pub enum Order {
    /// Let running calls finish, then end. A second one ends them at once.
    Drain,
    /// A configuration without faults takes effect.
    Apply { new: Box<NewHouse>, done: oneshot::Sender<Ticket> },
    /// The files of the present version were laid out anew.
    Keep(Box<Version>),
    /// How many wait in each of these queues?
    Count { queues: Vec<QueueId>, tell: oneshot::Sender<Vec<usize>> },
    /// Flip a switch → whether it is open then, and its entry; `None`: there is no such schedule or queue.
    Switch { door: Door, flip: Flip, tell: oneshot::Sender<Option<(bool, Ticket)>> },
    /// Tell them as soon as the board shows what is now.
    Show { tell: std::sync::mpsc::SyncSender<()> },
    /// Which calls are open?
    Calls { tell: oneshot::Sender<Vec<OpenCall>> },
    /// How do the trunks stand?
    Trunks { tell: oneshot::Sender<Vec<sip::TrunkView>> },
    /// Which households are not heard?
    Bans { tell: oneshot::Sender<Vec<Ban>> },
    /// A household is to be heard again → what was lifted; `None`: it is heard.
    LiftBan { address: IpAddr, tell: oneshot::Sender<Option<Ban>> },
    /// All that was done so far is to be on the disk → its last entry; none where nothing comes there now.
    Written { tell: oneshot::Sender<Ticket> },
    /// Write down that the house is open still → the entry.
    Beat { tell: oneshot::Sender<Ticket> },
    /// Somebody asks something of a call.
    Call { call: CallId, by: OperatorId, order: call::Order, tell: oneshot::Sender<Result<(), NotDone>> },
    /// Somebody notes something on a call that is over.
    Note { record: Box<Record>, by: OperatorId, text: String, tell: oneshot::Sender<Result<(), NotDone>> },
    /// Somebody tells the engine something → why it made no sense, if it did not.
    Tell { input: Input, tell: oneshot::Sender<Result<(), String>> },
    /// What became of the recording of a call that is over. `of`: only if its record names this file.
    Recording { call: CallId, of: Option<String>, change: RecordingChange },
    /// How does everything look? `whole`: with everybody and every call.
    Look { whole: bool, tell: oneshot::Sender<Look> },
}

pub struct Switchboard {
    pub clock: Clock,
    pub sockets: Sockets,
    pub sip: Endpoint,
    pub locator: Locator,
    pub media: Desk,
    pub queue: Engine,
    pub calls: Calls,
    pub store: Store,
    pub doors: Doors,
    pub outlook: Outlook,
    pub hooks: Hooks,
    pub watch: Watch,
    /// What the web server is told of the files.
    pub settings: Arc<ArcSwap<Settings>>,
    /// How long a drain lets calls go on.
    pub drain: Duration,
    pub trace_sip: Option<Log>,
    /// Is told of calls that are over and whose recordings are complete.
    pub recorded: SyncSender<CallId>,
    /// Opening entries on their way to the disk, oldest first, and since when.
    opening: VecDeque<(Ticket, CallId, Moment)>,
    /// Phones of pages, and whose seats they prove.
    pages: Pages,
    /// Who waits to hear whether an order of theirs was taken.
    asked: BTreeMap<u64, oneshot::Sender<Result<(), NotDone>>>,
    last_ticket: u64,
    draining: Option<Moment>,
    /// Of those that are left when the last call is over.
    told_of_legs: bool,
    /// A drain waits until then for carriers to answer that we go; `None`: for none any more.
    goodbyes_until: Option<Moment>,
    /// The drain ran out: no call is left but those that wait for their last figures.
    ended_all: bool,
    heartbeat: Moment,
    checkpoint_at: u64,
    healthy: bool,
    pace: Pace,
}

/// Everything the switchboard is made of.
pub struct Parts {
    pub clock: Clock,
    pub sockets: Sockets,
    pub sip: Endpoint,
    pub locator: Locator,
    pub media: Desk,
    pub queue: Engine,
    pub calls: Calls,
    pub store: Store,
    pub doors: Doors,
    pub outlook: Outlook,
    pub hooks: Hooks,
    pub watch: Watch,
    /// What the web server is told of the files.
    pub settings: Arc<ArcSwap<Settings>>,
    pub drain: Duration,
    pub trace_sip: Option<Log>,
    pub recorded: SyncSender<CallId>,
}

impl Switchboard {
    pub fn new(parts: Parts) -> Self {
        let Parts {
            clock,
            sockets,
            sip,
            locator,
            media,
            queue,
            calls,
            store,
            doors,
            outlook,
            hooks,
            watch,
            settings,
            drain,
            trace_sip,
            recorded,
        } = parts;
        Self {
            clock,
            sockets,
            sip,
            locator,
            media,
            queue,
            calls,
            store,
            doors,
            outlook,
            hooks,
            watch,
            settings,
            drain,
            trace_sip,
            recorded,
            opening: VecDeque::new(),
            pages: Pages::default(),
            asked: BTreeMap::new(),
            last_ticket: 0,
            draining: None,
            told_of_legs: false,
            goodbyes_until: None,
            ended_all: false,
            heartbeat: Moment::default(),
            checkpoint_at: 0,
            healthy: true,
            pace: Pace::default(),
        }
    }

    /// Runs until a drain is over.
    pub async fn run(mut self, mut inlets: Inlets) {
        self.sockets.set_peers(self.sip.peers());
        self.sip.set_waiting(self.clock.now(), self.queue.has_callbacks());
        self.settle(self.clock.now());
        loop {
            let woken = self.wait(&mut inlets).await;
            let now = self.clock.now();
            match woken {
                Woken::Network(arrival) => self.take_network(now, arrival),
                Woken::Media(events) => {
                    self.pace.took(events.len());
                    for event in events {
                        self.tell_calls(now, Event::Media(event));
                    }
                }
                Woken::Written => {
                    let calls = inlets.written.borrow_and_update().calls;
                    self.tell_written(now, calls);
                }
                Woken::Order(Some(order)) => self.obey(now, order),
                Woken::Outlook(lines) => {
                    self.outlook.answered();
                    self.log_input(now, Input::Expected { lines });
                }
                Woken::Hook((call, number, reply)) => {
                    self.hooks.answered(call, number);
                    self.calls.handle(now, Event::Replied { call, number, reply });
                }
                Woken::Located(located) => {
                    self.sip.located(now, located);
                    self.sockets.set_peers(self.sip.peers());
                }
                Woken::Order(None) | Woken::Timer => {}
            }
            self.handle_deadlines(now);
            self.settle(now);
            self.show();
            if self.is_drained(now) {
                break;
            }
        }
        self.beat(self.clock.now());
        info!("closing the store");
        self.store.close();
        self.media.stop();
    }

    fn take_network(&mut self, now: Moment, first: Arrival) {
        let mut next = Some(first);
        let mut taken = 0;
        while let Some(arrival) = next {
            match arrival {
                Arrival::Bytes { flow, bytes } => {
                    self.trace("<<<", &flow, &bytes);
                    self.sip.receive(now, flow, &bytes);
                }
                Arrival::Closed(connection) => {
                    self.pages.closed(connection);
                    self.sip.connection_closed(now, connection);
                }
                Arrival::Proven { connection, proof } => self.let_in(connection, proof),
                Arrival::Certified { connection, domains } => self.sip.connection_certified(connection, domains),
                Arrival::Distrusted(remote, why) => self.sip.distrusted(now, remote, why),
                Arrival::Unsent(flow) => self.sip.unsent(now, flow),
            }
            self.settle(now);
            taken += 1;
            if taken == BATCH {
                break;
            }
            next = self.sockets.try_next();
        }
        self.pace.took(taken);
        self.pace.behind = taken == BATCH && self.sockets.has_more();
        self.sip.saw_backlog(now, self.pace.behind);
    }

    /// A page's phone, unless somebody else sits at that seat by now.
    fn let_in(&mut self, connection: sip::ConnectionId, Proof { seat, by }: Proof) {
        if self.queue.operator_at(&seat).is_some_and(|there| *there != by) {
            info!(%seat, operator = %by, "somebody else sits there; the page's phone has to go");
            return self.sockets.let_go(connection);
        }
        self.sip.connection_proven(connection, seat.clone());
        if let Some(oldest) = self.pages.enter(connection, seat, by) {
            self.sockets.let_go(oldest);
        }
    }

    fn trace(&self, way: &str, flow: &sip::Flow, bytes: &[u8]) {
        if let Some(log) = &self.trace_sip {
            log.quote(&format!("{way} {} {}", flow.transport.via_name(), flow.remote), &masked(bytes));
        }
    }

    fn tell_written(&mut self, now: Moment, last: Ticket) {
        while let Some((_, call, _)) = self.opening.pop_front_if(|(opened, ..)| *opened <= last) {
            self.pace.took(1);
            self.tell_calls(now, Event::Durable { call });
        }
    }

    /// What one event asks for is done before the next is heard of: who is free by the one is not by the other.
    fn tell_calls(&mut self, now: Moment, event: Event) {
        self.calls.handle(now, event);
        self.settle(now);
    }

    /// A disk that fails or stalls does not stop the telephone: the entries stay in the backlog, the calls go on.
    fn go_on_without_disk(&mut self, now: Moment) {
        let takes = self.store.takes();
        while let Some((_, call, _)) =
            self.opening.pop_front_if(|(_, _, since)| !takes || *since + DISK_PATIENCE <= now)
        {
            warn!(%call, "answered before its opening entry is on the disk");
            self.tell_calls(now, Event::Durable { call });
        }
    }

    fn next_deadline(&self) -> Option<Moment> {
        let queue = self.queue.next_deadline().map(|(at, _)| at);
        let heartbeat = Some(self.heartbeat + self.heartbeat_every());
        let waits = self.calls.is_empty() || self.ended_all;
        let drain = self.draining.map(|until| if waits { until + LAST_ANSWERS } else { until });
        let disk = self.opening.front().map(|(_, _, since)| *since + DISK_PATIENCE);
        [
            self.sip.next_deadline(),
            queue,
            self.calls.next_deadline(),
            self.doors.next_deadline(),
            self.outlook.next_deadline(&self.queue),
            heartbeat,
            drain,
            self.goodbyes_until,
            disk,
            self.store.next_deadline(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn heartbeat_every(&self) -> Duration {
        if self.calls.is_empty() { QUIET_HEARTBEAT } else { HEARTBEAT }
    }

    /// Until when the house was there.
    fn beat(&mut self, now: Moment) -> Ticket {
        self.heartbeat = now;
        self.store.write(Entry::Heartbeat { at: now })
    }

    fn handle_deadlines(&mut self, now: Moment) {
        // Each sees what the one before it has done.
        self.sip.handle_deadline(now);
        self.settle(now);
        self.queue.handle_deadline(now);
        self.settle(now);
        for _ in 0..self.calls.len() {
            if self.calls.next_deadline().is_none_or(|at| at > now) {
                break;
            }
            self.calls.handle_deadline(now);
            self.settle(now);
        }
        for change in self.doors.handle_deadline(now) {
            self.take_change(now, change);
        }
        self.outlook.handle_deadline(now, &self.queue);
        if self.heartbeat + self.heartbeat_every() <= now {
            self.beat(now);
        }
        self.store.look(now);
        self.go_on_without_disk(now);
        let fault = self.store.fault();
        if fault.is_none() != self.healthy {
            self.healthy = fault.is_none();
            match fault {
                None => info!("the store works again"),
                Some(why) => {
                    error!(backlog = self.store.backlog(), why, "the store fails; calls go on, records wait");
                }
            }
        }
        if self.draining.is_some() && self.calls.is_empty() && !self.told_of_legs {
            self.told_of_legs = true;
            let legs = self.sip.counts().legs;
            if legs > 0 {
                info!(legs, "no call is left; phones that have not answered their BYE are waited for, 32 s at most");
            }
        }
        let is_taking_leave = self.sip.is_taking_leave();
        self.goodbyes_until.take_if(|until| *until <= now || !is_taking_leave);
        if self.draining.is_some_and(|until| until <= now) && !self.calls.is_empty() && !self.ended_all {
            warn!(calls = self.calls.len(), "the drain ran out: ending the calls that are left");
            self.settle(now);
            self.calls.end_all(now);
            self.ended_all = true;
        }
    }

    /// Drains every machine until all are silent: what the calls want and what the queues say of it before anything else
    /// is heard of.
    fn settle(&mut self, now: Moment) {
        let mut turns = 0;
        loop {
            turns += 1;
            if let Some(said) = self.queue.poll_said() {
                self.take_output(now, said);
            } else if let Some(action) = self.calls.poll() {
                self.perform(now, action);
            } else if let Some(event) = self.media.poll() {
                self.calls.handle(now, Event::Media(event));
            } else if let Some(event) = self.sip.poll_event() {
                self.take_sip(now, event);
            } else {
                break;
            }
            if turns > SETTLE_LIMIT {
                error!(turns, "the machines do not come to rest; going on");
                break;
            }
        }
        while let Some(transmit) = self.sip.poll_transmit() {
            self.trace(">>>", &transmit.flow, &transmit.bytes);
            self.pace.hands_over |= transmit.flow.transport != sip::Transport::Udp;
            self.sockets.send(transmit);
        }
    }

    /// The board is told how the calls look that look otherwise: not of what they went through within one input.
    fn show(&mut self) {
        while let Some(call) = self.calls.poll_changed() {
            self.watch.saw(call, self.calls.view(call));
        }
    }

    fn begin_drain(&mut self, now: Moment) {
        match self.draining {
            None => {
                info!(calls = self.calls.len(), limit = ?self.drain, "draining: new calls get 503, running ones may finish");
                self.sip.drain(now);
                self.calls.drain();
                self.draining = Some(now + self.drain);
                self.goodbyes_until = Some(now + LAST_ANSWERS);
            }
            Some(_) => self.draining = Some(now),
        }
    }

    /// New calls are refused, and running ones may go on until then.
    pub fn draining(&self) -> Option<Moment> {
        self.draining
    }

    fn is_drained(&self, now: Moment) -> bool {
        let Some(until) = self.draining else { return false };
        let is_answered = self.sip.counts().legs == 0 || until + LAST_ANSWERS <= now;
        self.calls.is_empty() && is_answered && self.goodbyes_until.is_none()
    }
}
