//! The control side: ports, offer and answer; everything else is an order to the leg's worker.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::browser::leg::BrowserLeg;
use super::browser::negotiation::{Voice, is_for_browsers};
use super::browser::room::{Begun, Room};
use super::browser::session::AT_ROOM;
use super::capture::Capture;
use super::direct::{Direct, Way};
use super::negotiation::{Agreement, Local, Negotiation, Unacceptable};
use super::opus::limit::Limit;
use super::orders::{Handle, Order};
use super::phone::{Like, PhoneLeg};
use super::player::Player;
use super::ports::{self, For, Ports};
use super::prompts::{Clip, PromptBank};
use super::recorder::{Recorder, Wanted};
use super::rtcp::Sender;
use super::silence::Patience;
use super::socket::{Ground, Socket};
use super::srtp::sdes::Secrets;
use super::srtp::terms::Terms;
use super::words::{Codec, Command, Direction, Event, LegKind, Settings, Srtp};
use super::worker::{self, Clock, Start, Tell};
use crate::ids::{CallId, LegId, Prompt};

#[derive(Debug, thiserror::Error)]
pub enum DeskFault {
    #[error("a media worker cannot be started: {0}")]
    Worker(io::Error),
    #[error("media.bind = {0}: no socket can be bound there: {1}")]
    Bind(IpAddr, io::Error),
    #[error("media.browser.listen = {0}: no socket can be bound there: {1}")]
    Browsers(SocketAddr, io::Error),
}

pub struct Desk {
    settings: Settings,
    bank: Arc<PromptBank>,
    ports: Ports,
    freed: Receiver<u16>,
    workers: Vec<Handle>,
    room: Room,
    opus: Limit,
    pub(super) legs: HashMap<LegId, DeskLeg>,
    pub(super) events: VecDeque<Event>,
    recorder: Recorder,
    captures: Vec<JoinHandle<()>>,
    rng: StdRng,
}

pub(super) struct DeskLeg {
    worker: usize,
    pub side: Side,
    direction: Direction,
    /// What was agreed last.
    pub agreement: Option<Agreement>,
    /// What the call was told last, [`Event::Encrypted`].
    pub encrypted: bool,
    pub direct: Direct,
    /// The leg it is to be joined with, where that is known.
    like: Option<LegId>,
}

/// How a leg's descriptions are read and written.
pub(super) enum Side {
    Phone(Box<PhoneLeg>),
    Browser(Box<BrowserLeg>),
}

impl Side {
    /// A browser's packets are encrypted before they come here.
    fn encryption(&self) -> Option<Box<Secrets>> {
        match self {
            Side::Phone(phone) => phone.negotiation.encryption().map(Box::new),
            Side::Browser(_) => None,
        }
    }

    fn speaks_opus(&self) -> bool {
        match self {
            Side::Phone(phone) => phone.speaks_opus(),
            Side::Browser(browser) => browser.speaks_opus(),
        }
    }
}

impl Desk {
    /// Starts the workers. `tell` is called by them with batches of events.
    pub fn start(
        settings: Settings,
        bank: Arc<PromptBank>,
        clock: Arc<Clock>,
        mut rng: StdRng,
        tell: Box<Tell>,
    ) -> Result<Desk, DeskFault> {
        std::net::UdpSocket::bind((settings.bind, 0)).map_err(|error| DeskFault::Bind(settings.bind, error))?;
        let count = match settings.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            count => count,
        };
        let (freed_by, freed) = channel();
        let tell: Arc<Tell> = tell.into();
        let start = |number| {
            worker::start(Start {
                number,
                clock: clock.clone(),
                tell: tell.clone(),
                freed: freed_by.clone(),
                rng: StdRng::from_rng(&mut rng),
            })
        };
        let workers = (0..count).map(start).collect::<io::Result<_>>().map_err(DeskFault::Worker)?;
        let room = Room::new(settings.browser.clone(), settings.dscp, settings.workers, tell.clone(), clock.clone())
            .map_err(|error| DeskFault::Browsers(settings.browser.listen, error))?;
        let ports = Ports::new(settings.bind, &settings.ports, settings.reserve, settings.urgent);
        let mut recorder = Recorder::new(clock.clone(), tell.clone());
        recorder.set_place(settings.recordings.clone());
        Ok(Desk {
            room,
            opus: Limit::new(settings.browser.opus_at_once),
            settings,
            bank,
            ports,
            freed,
            workers,
            legs: HashMap::new(),
            events: VecDeque::new(),
            recorder,
            captures: Vec::new(),
            rng,
        })
    }

    pub fn command(&mut self, command: Command) {
        match command {
            Command::Open { leg, call, second, kind, srtp } => {
                self.open(leg, call, if second { For::Second } else { For::First }, kind, srtp)
            }
            Command::OpenUrgent { leg, call, srtp } => self.open(leg, call, For::Emergency, LegKind::Phone, srtp),
            Command::Encrypt { leg, srtp } => {
                if let Some(DeskLeg { side: Side::Phone(phone), .. }) = self.legs.get_mut(&leg) {
                    phone.negotiation.encrypt(srtp);
                }
            }
            Command::OfferDirect { leg, to } => self.offer_direct(leg, to),
            Command::Locate { leg } => self.order(leg, Order::Locate { leg }),
            Command::MakeOffer { leg, like } => self.make_offer(leg, like),
            Command::TakeOffer { leg, sdp } => self.take_offer(leg, &sdp),
            Command::TakeAnswer { leg, sdp } => self.take_answer(leg, &sdp),
            Command::Play { leg, token, prompts, looped } => {
                let player = self.player(token, &prompts, looped.as_ref());
                self.order(leg, Order::Play { leg, player });
            }
            Command::Silence { leg } => self.order(leg, Order::Silence { leg }),
            Command::Join { a, b } => self.order(a, Order::Join { a, b }),
            Command::Mix { legs, hears } => {
                if let Some(worker) = legs.iter().find(|leg| self.legs.contains_key(leg)).copied() {
                    self.order(worker, Order::Mix { legs, hears });
                }
            }
            Command::KeepKeys { leg } => self.order(leg, Order::KeepKeys { leg }),
            Command::PassKeys { leg, keys } => self.order(leg, Order::PassKeys { leg, keys }),
            Command::HearKeys { leg } => self.order(leg, Order::HearKeys { leg }),
            Command::Part { leg } => self.order(leg, Order::Part { leg }),
            Command::InfoKey { leg, key, .. } => self.order(leg, Order::InfoKey { leg, key }),
            Command::HungUp { leg } => self.order(leg, Order::HungUp { leg }),
            Command::Watch { leg } => self.watch(leg),
            Command::Record { leg, call, file, sides, began } => {
                match self.recorder.begin(Wanted { leg, call, file, sides, began }) {
                    Ok(tap) => self.order(leg, Order::Record { leg, tap: Box::new(tap) }),
                    Err(why) => self.events.push_back(Event::Recorded { leg, call, recording: Err(why.into()) }),
                }
            }
            Command::PauseRecording { leg, paused } => self.order(leg, Order::PauseRecording { leg, paused }),
            Command::StopRecording { leg } => self.order(leg, Order::StopRecording { leg }),
            Command::Close { leg } => {
                self.order(leg, Order::Close { leg });
                self.legs.remove(&leg);
                if self.legs.is_empty() {
                    self.legs.shrink_to_fit();
                }
            }
        }
    }

    /// Events that are there at once; the rest comes from the workers. Also wakes those that have orders.
    pub fn poll(&mut self) -> Option<Event> {
        let event = self.events.pop_front();
        if event.is_none() {
            self.workers.iter_mut().for_each(Handle::wake);
        }
        event
    }

    /// Other settings and, if there are any, other prompts, for what begins from here on: what plays is played to its
    /// end. Addresses, ports and workers are as at the start.
    pub fn set_settings(&mut self, settings: Settings, bank: Option<Arc<PromptBank>>) {
        let Settings { bind, advertise, ports, workers, dscp, .. } = self.settings.clone();
        // A pair that the range does not have cannot be kept.
        let reserve = settings.reserve.min(ports::pairs(&ports).len() / 2);
        self.ports.set_reserve(reserve, settings.urgent);
        self.room.set_settings(settings.browser.clone());
        self.opus.set(settings.browser.opus_at_once);
        self.recorder.set_place(settings.recordings.clone());
        self.settings = Settings { bind, advertise, ports, workers, dscp, reserve, ..settings };
        if let Some(bank) = bank {
            self.bank = bank;
        }
    }

    pub fn legs(&self) -> usize {
        self.legs.len()
    }

    pub fn ports_in_use(&mut self) -> usize {
        self.collect_freed();
        self.ports.in_use()
    }

    #[cfg(test)]
    pub fn browser_tasks(&self) -> usize {
        self.room.tasks()
    }

    /// Plays a clip that is in no bank.
    pub fn play_clip(&mut self, leg: LegId, clip: Arc<Clip>, looped: bool) {
        const NO_TOKEN: u64 = 0;
        let player = if looped {
            Player::new(NO_TOKEN, VecDeque::new(), Some(clip))
        } else {
            Player::new(NO_TOKEN, [clip].into(), None)
        };
        self.order(leg, Order::Play { leg, player });
    }

    /// Presses keys on a leg, one after the other, as RFC 4733 events.
    pub fn send_keys(&mut self, leg: LegId, keys: &str) {
        self.order(leg, Order::PressKeys { leg, keys: keys.to_string() });
    }

    /// The data folder, for [`Command::Record`]; without one nothing is recorded.
    pub fn keep_recordings_in(&mut self, data: PathBuf) {
        self.recorder.keep_in(data);
    }

    /// Threads to be waited for at the end; those that are done are forgotten.
    fn keep(&mut self, thread: JoinHandle<()>) {
        self.captures.retain(|thread| !thread.is_finished());
        self.captures.push(thread);
    }

    /// Writes what a leg hears to a WAV file.
    pub fn record(&mut self, leg: LegId, path: &Path) -> Result<(), String> {
        let (capture, thread) = Capture::start(path).map_err(|error| format!("{}: {error}", path.display()))?;
        self.keep(thread);
        self.order(leg, Order::Capture { leg, capture });
        Ok(())
    }

    /// Ends the threads; files are whole afterwards.
    pub fn stop(self) {
        self.workers.into_iter().for_each(Handle::stop);
        self.recorder.stop();
        for capture in self.captures {
            let _ = capture.join();
        }
    }

    fn open(&mut self, leg: LegId, call: CallId, whom: For, kind: LegKind, srtp: Option<Srtp>) {
        let stood = match kind {
            LegKind::Phone => self.phone(whom, srtp.unwrap_or(self.settings.srtp)),
            LegKind::Browser => self.browser(leg).map(|(ground, browser)| (ground, Side::Browser(Box::new(browser)))),
        };
        let Some((ground, side)) = stood else { return self.events.push_back(Event::Exhausted { leg }) };
        // Legs of one call meet on one worker; Fibonacci hashing spreads the calls.
        let worker = (call.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize % self.workers.len();
        self.legs.insert(
            leg,
            DeskLeg {
                worker,
                side,
                direction: Direction::Both,
                agreement: None,
                encrypted: false,
                direct: Direct::default(),
                like: None,
            },
        );
        let Settings { dead_after, held_at_most, one_way_after, .. } = self.settings;
        let patience = Patience { dead_after, held_at_most, one_way_after };
        self.order(leg, Order::Open { leg, ground, patience });
    }

    fn phone(&mut self, whom: For, srtp: Srtp) -> Option<(Ground, Side)> {
        self.collect_freed();
        let pair = self.ports.take(whom, self.settings.dscp)?;
        let address = self.settings.advertise.unwrap_or(self.settings.bind);
        let local = Local { address, rtp_port: pair.port, session_id: self.session_id() };
        let (rtp, rtcp) = (Socket::Udp(pair.rtp), Some(Socket::Udp(pair.rtcp)));
        let ground = Ground { rtp, rtcp, port: Some(pair.port), sender: None, opus: None };
        let terms = Terms::new(srtp, StdRng::from_rng(&mut self.rng));
        let negotiation = Negotiation::new(local, &self.settings.codecs).with_terms(terms);
        Some((ground, Side::Phone(Box::new(PhoneLeg::new(negotiation)))))
    }

    fn browser(&mut self, leg: LegId) -> Option<(Ground, BrowserLeg)> {
        let begun = match self.room.begin(leg, Sender::random(&mut self.rng)) {
            Ok(begun) => begun,
            Err(error) => {
                tracing::error!(%leg, %error, "there is no sound for browsers");
                return None;
            }
        };
        let side = BrowserLeg::new(self.session_id(), &self.settings.codecs, &begun);
        let Begun { socket, sender, opus, .. } = begun;
        let rtp = Socket::Room { pair: socket, named: AT_ROOM };
        Some((Ground { rtp, rtcp: None, port: None, sender: Some(sender), opus: Some(opus) }, side))
    }

    /// RFC 8866 §5.2: a number; below 2^62, so that every reader's integer holds it.
    fn session_id(&mut self) -> u64 {
        self.rng.random::<u64>() >> 2
    }

    /// How the leg is spoken with that this one is to be joined with.
    fn like(&self, like: Option<LegId>) -> Like {
        let Some(state) = like.and_then(|like| self.legs.get(&like)) else { return Like::default() };
        let inside = state.agreement.map(|agreement| agreement.codec);
        let spoken = if state.side.speaks_opus() { Some(Codec::Opus) } else { inside };
        Like { spoken, inside }
    }

    fn like_of(&self, leg: LegId) -> Like {
        self.like(self.legs.get(&leg).and_then(|state| state.like))
    }

    fn make_offer(&mut self, leg: LegId, like: Option<LegId>) {
        let alike = self.like(like);
        let other = like.and_then(|like| self.legs.get(&like)?.agreement);
        let noise = other.is_some_and(|agreement| agreement.noise.is_some());
        let Some(state) = self.legs.get_mut(&leg) else { return };
        (state.like, state.direct.way) = (like, Way::Here);
        match &mut state.side {
            Side::Phone(phone) => {
                phone.negotiation.offer_noise(noise);
                let sdp = phone.make_offer(&self.opus, alike);
                self.events.push_back(Event::Described { leg, sdp, direction: state.direction });
            }
            Side::Browser(browser) => {
                if let Err(fault) = browser.make_offer(&self.opus, voice(alike), state.direction) {
                    self.unacceptable(leg, fault);
                }
            }
        }
    }

    fn take_offer(&mut self, leg: LegId, sdp: &[u8]) {
        if self.take_direct_offer(leg, sdp) {
            return;
        }
        let like = self.like_of(leg);
        if let Some(DeskLeg { side: Side::Phone(_), .. }) = self.legs.get(&leg)
            && is_for_browsers(sdp)
            && let Some((ground, browser)) = self.browser(leg)
        {
            return self.becomes_browser(leg, ground, browser, sdp, voice(like));
        }
        let Some(state) = self.legs.get_mut(&leg) else { return };
        let taken = match &mut state.side {
            Side::Phone(phone) => phone.take_offer(&self.opus, sdp, like).map(|(sdp, agreement)| {
                (agreement, Some(Event::Described { leg, sdp, direction: agreement.direction }))
            }),
            Side::Browser(browser) => {
                browser.take_offer(&self.opus, sdp, voice(like)).map(|agreement| (agreement, None))
            }
        };
        self.agreed(leg, taken);
    }

    fn take_answer(&mut self, leg: LegId, sdp: &[u8]) {
        if self.take_direct_answer(leg, sdp) {
            return;
        }
        let like = self.like_of(leg);
        let Some(state) = self.legs.get_mut(&leg) else { return };
        let taken = match &mut state.side {
            Side::Phone(phone) => phone
                .take_answer(&self.opus, sdp)
                .map(|agreement| (agreement, Some(Event::Agreed { leg, direction: agreement.direction }))),
            Side::Browser(browser) => {
                browser.take_answer(&self.opus, sdp, voice(like)).map(|agreement| (agreement, None))
            }
        };
        self.agreed(leg, taken);
    }

    /// If its offer can be taken; else all is as it was, RFC 3261 §14.1. Its ports are given back: a browser's leg
    /// needs none.
    fn becomes_browser(
        &mut self,
        leg: LegId,
        ground: Ground,
        mut browser: BrowserLeg,
        sdp: &[u8],
        first: Option<Voice>,
    ) {
        let taken = browser.take_offer(&self.opus, sdp, first).map(|agreement| (agreement, None));
        if let Some(state) = self.legs.get_mut(&leg)
            && taken.is_ok()
        {
            state.side = Side::Browser(Box::new(browser));
            self.order(leg, Order::Move { leg, ground });
        }
        self.agreed(leg, taken);
    }

    /// What both sides agreed on; a browser's session tells of it itself.
    fn agreed(&mut self, leg: LegId, taken: Result<(Agreement, Option<Event>), Unacceptable>) {
        match taken {
            Ok((agreement, event)) => {
                let mut secrets = None;
                if let Some(state) = self.legs.get_mut(&leg) {
                    state.direction = agreement.direction;
                    state.agreement = Some(agreement);
                    if std::mem::take(&mut state.direct).way == Way::There {
                        self.events.push_back(Event::CameHome { leg });
                    }
                    secrets = state.side.encryption();
                    let encrypted = secrets.is_some();
                    if std::mem::replace(&mut state.encrypted, encrypted) != encrypted {
                        self.events.push_back(Event::Encrypted { leg, encrypted });
                    }
                }
                self.order(leg, Order::Agree { leg, agreement, secrets });
                self.events.extend(event);
            }
            Err(fault) => self.unacceptable(leg, fault),
        }
    }

    pub(super) fn unacceptable(&mut self, leg: LegId, fault: Unacceptable) {
        let Unacceptable { why, code, malformed } = fault;
        self.events.push_back(Event::Unacceptable { leg, why, code, malformed });
    }

    pub(super) fn order(&mut self, leg: LegId, order: Order) {
        if let Some(state) = self.legs.get(&leg)
            && let Some(worker) = self.workers.get_mut(state.worker)
        {
            worker.order(order);
        }
    }

    fn player(&self, token: u64, prompts: &[Prompt], looped: Option<&Prompt>) -> Player {
        let clips: VecDeque<(&Prompt, Arc<Clip>)> =
            prompts.iter().filter_map(|prompt| Some((prompt, self.clip(prompt)?))).collect();
        let is_notice = |prompt: &Prompt| self.settings.prompts.notice.as_ref() == Some(&prompt.name);
        let notice = clips.iter().position(|(prompt, _)| is_notice(prompt));
        let looped = looped.and_then(|prompt| self.clip(prompt));
        Player::new(token, clips.into_iter().map(|(_, clip)| clip).collect(), looped).with_notice(notice)
    }

    fn clip(&self, prompt: &Prompt) -> Option<Arc<Clip>> {
        let clip = self.bank.get(prompt);
        if clip.is_none() {
            tracing::warn!(%prompt, "there is no such prompt; it is passed over");
        }
        clip
    }

    fn collect_freed(&mut self) {
        while let Ok(port) = self.freed.try_recv() {
            self.ports.give_back(port);
        }
    }
}

/// The same for a browser: what its leg speaks is not always what is spoken with it.
fn voice(like: Like) -> Option<Voice> {
    like.spoken.map(|codec| if codec.is_wide() { Voice::Opus } else { Voice::G711(codec) })
}
