//! `hotline serve`: reads the files, opens store, sound and sockets, and runs the switchboard.
//!
//! All or nothing: whatever cannot be opened is said, and nothing is left half-started.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use nix::sys::prctl::set_thp_disable;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tracing::{debug, info, warn};

use super::applying::call_settings;
use super::board::Watch;
use super::checking;
use super::clock::Clock;
use super::control::{Asked, Control};
use super::hooks::Hooks;
use super::hours::Doors;
use super::keeper::{ASKED, Keeper};
use super::logging::Log;
use super::outlook::Outlook;
use super::reading::{self, Read};
use super::recordings::{self, Janitor};
use super::recovery;
use super::switchboard::{Inlets, Order, Parts, Switchboard};
use super::switches;
use super::web;
use crate::call::{self, Calls};
use crate::config::House;
use crate::http;
use crate::media::desk::Desk;
use crate::media::ports::raise_file_limit;
use crate::media::prompts::PromptBank;
use crate::queue::{Input, Output};
use crate::records::{Entry, Recovered, Store, Written};
use crate::sip::Binding;
use crate::sip::endpoint::Endpoint;
use crate::sip::locating::{FOUND, Locator};
use crate::sip::transport::{Doors as SipDoors, Origins, Sockets};
use crate::tls::Acceptor;

/// Batches of events from the media workers that may wait for the switchboard.
const MEDIA_BATCHES: usize = 1024;

/// At the end, for the board to hear the last news and for what webhooks are to be told of them to be on the disk.
const LAST_NEWS: Duration = Duration::from_secs(5);
const LAST_LOOK_EVERY: Duration = Duration::from_millis(10);

/// Why the house could not be opened, as lines for people.
pub type Faults = Vec<String>;

pub fn serve(config_dir: &Path, data_dir: &Path, trace_sip: Option<Log>) -> Result<(), Faults> {
    let read = reading::read(config_dir).map_err(|faults| checking::told(&faults))?;
    for warning in &read.warnings {
        warn!("{warning}");
    }
    let bank = read.prompts.load().map_err(|faults| checking::told(&faults))?;
    match raise_file_limit() {
        Ok(limit) if limit < 4096 => warn!(limit, "few files may be open: a call needs up to four"),
        Ok(_) => {}
        Err(error) => warn!(%error, "the limit on open files stays as it is"),
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| vec![e.to_string()])?;
    runtime.block_on(open_and_run(config_dir, data_dir, read, bank, trace_sip))
}

async fn open_and_run(
    config_dir: &Path,
    data_dir: &Path,
    read: Read,
    bank: PromptBank,
    trace_sip: Option<Log>,
) -> Result<(), Faults> {
    let one = |error: String| vec![error];
    let Read { mut house, meaning, files, prompts, .. } = read;
    let tls = house.tls.clone().map(Acceptor::open).transpose().map_err(|e| one(e.to_string()))?;
    let origins = Origins::new(&house.web.origins);
    let sockets = Sockets::bind(&house.sip.listen, SipDoors { tls: tls.clone(), origins, dscp: house.sip.dscp }).await;
    let sockets = sockets.map_err(|e| one(e.to_string()))?;
    for (listen, addr) in house.sip.listen.iter_mut().zip(sockets.local_addrs()) {
        listen.addr = addr;
    }
    let listeners = http::bind(&house.web.listen).map_err(one)?;
    for (listen, listener) in house.web.listen.iter_mut().zip(&listeners) {
        *listen = listener.local_addr().map_err(|e| one(e.to_string()))?;
    }
    let (located_tx, located) = mpsc::channel(FOUND);
    let mut locator = Locator::new(located_tx);
    locator.set(&house.sip);
    let clock = Clock::start();
    let (written_tx, written) = watch::channel(Written::default());
    let tell = Box::new(move |written| {
        written_tx.send_replace(written);
    });
    let (mut store, recovered) = Store::open(data_dir, clock.now(), tell).map_err(|e| one(e.to_string()))?;
    let clock = clock.not_before(recovery::latest(&recovered));
    if !recovered.closed.is_empty() {
        warn!(calls = recovered.closed.len(), "calls were open when the last process ended; closed as system_restart");
    }

    let mut rng = StdRng::from_os_rng();
    let (media_tx, media_rx) = mpsc::channel(MEDIA_BATCHES);
    let mut media = Desk::start(
        house.media.clone(),
        Arc::new(bank),
        Arc::new(move || clock.now()),
        StdRng::from_rng(&mut rng),
        Box::new(move |events| media_tx.try_send(events).map_err(|back| back.into_inner())),
    )
    .map_err(|e| one(e.to_string()))?;
    media.keep_recordings_in(data_dir.to_path_buf());
    let sip = Endpoint::new(clock.now(), house.sip.clone(), rng);
    let calls = Calls::new(call_settings(&house), recovered.last_call);
    let (outlook, waits) = Outlook::start().map_err(|e| one(e.to_string()))?;
    let (hooks, replies) = Hooks::start(clock).map_err(|e| one(e.to_string()))?;
    let doors = Doors::new(&house, switches::restored(&recovered.switches));
    let (queue, restored) = recovery::engine(&recovered);
    if let Some(entry) = restored {
        store.write(entry);
    }
    let (version, is_new) = recovery::version(&recovered, queue.rules().version, &meaning, files, clock.now());
    house.queue.version = version.number;
    if is_new {
        store.write(Entry::Version(Box::new(version.clone())));
    }
    let closed = recovered.closed.clone();
    let listen = house.sip.listen.clone();
    let drain = house.app.drain;
    let gate = sockets.gate();
    let (watch, news) = Watch::new();
    let for_pages = house.clone();
    let settings = Arc::new(ArcSwap::from_pointee(web::settings(&house)));
    let (recorded, complete) = std::sync::mpsc::sync_channel(recordings::WAITING);
    let mut switchboard = Switchboard::new(Parts {
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
        settings: settings.clone(),
        drain,
        trace_sip,
        recorded,
    });
    take_up(&mut switchboard, house, recovered);

    let (orders_tx, orders) = mpsc::channel(8);
    let (asked_tx, asked) = mpsc::channel(ASKED);
    watch_signals(orders_tx.clone(), asked_tx.clone()).map_err(|e| one(e.to_string()))?;
    let orders_of_janitor = orders_tx.clone();
    let (config_dir, data) = (config_dir.to_path_buf(), data_dir.to_path_buf());
    let (config_dir_of_pages, orders_of_pages, number) = (config_dir.clone(), orders_tx.clone(), version.number);
    let keeper = Keeper {
        config_dir,
        data_dir: data,
        clock,
        in_force: meaning,
        version,
        prompts,
        orders: orders_tx,
        written: written.clone(),
    };
    keeper.start(asked).map_err(|e| one(e.to_string()))?;
    let janitor = Janitor {
        data: data_dir.to_path_buf(),
        clock,
        settings: settings.clone(),
        orders: orders_of_janitor,
        recorded: complete,
    };
    janitor.start().map_err(|e| one(e.to_string()))?;
    let pages = web::Parts {
        clock,
        version: number,
        closed,
        config_dir: config_dir_of_pages,
        data: data_dir.to_path_buf(),
        orders: orders_of_pages,
        asked: asked_tx.clone(),
        written: written.clone(),
        listeners,
        tls,
        gate,
        news,
        settings,
        house: for_pages,
    };
    let scheme = if pages.house.web.https { "https" } else { "http" };
    let served: Vec<String> = pages.house.web.listen.iter().map(|addr| format!("{scheme}:{addr}")).collect();
    let board = web::start(pages).map_err(one)?;
    let control = Control::open(data_dir, asked_tx)
        .inspect_err(|error| warn!(%error, "no control socket: `hotline reload` cannot ask; SIGHUP reloads"))
        .ok();
    keep_calls_small();
    let places: Vec<String> =
        listen.iter().map(|l| format!("{}:{}", l.transport.via_name().to_lowercase(), l.addr)).chain(served).collect();
    // Whoever started us may not listen.
    let _ = writeln!(std::io::stdout(), "hotline is up on {}", places.join(", "));
    info!(listen = %places.join(","), data = %data_dir.display(), "up");
    let inlets = Inlets { media: media_rx, written, orders, outlook: waits, hooks: replies, located };
    switchboard.run(inlets).await;
    drop(control);
    let until = clock.now() + LAST_NEWS;
    while !board.is_finished() && clock.now() < until {
        std::thread::sleep(LAST_LOOK_EVERY);
    }
    info!("down");
    Ok(())
}

/// What was laid out until now stays in large pages, where it is found faster. Of what comes with calls each kind would
/// hold a large page of its own: twice the memory of a call.
fn keep_calls_small() {
    if let Err(error) = set_thp_disable(true) {
        debug!(%error, "calls are kept in large pages");
    }
}

/// The engine goes on where the last process stopped; then the rules of today hold.
fn take_up(switchboard: &mut Switchboard, house: House, recovered: Recovered) {
    let now = switchboard.clock.now();
    switchboard.log_input(now, Input::RestartedAfter { alive_at: recovered.alive_at });
    for (seat, binding) in recovered.bindings {
        if let Ok(binding) = serde_json::from_str::<Binding>(&binding)
            && binding.expires_at > now
        {
            switchboard.sip.restore_binding(now, seat, binding);
        }
    }
    switchboard.log_input(now, Input::Rules { rules: Arc::new(house.queue) });
    while let Some(said) = switchboard.queue.poll_said() {
        switchboard.log_decision(&said);
        switchboard.watch.said(&said);
    }
    let present: Vec<Output> = switchboard
        .queue
        .operators()
        .filter_map(|view| {
            let seat = Some(view.seat?.clone());
            let next = view.next.cloned();
            Some(Output::Operator { operator: view.operator.clone(), seat, state: view.state, next })
        })
        .collect();
    for output in present {
        switchboard.calls.handle(now, call::Event::Queue(output));
    }
}

/// SIGTERM and SIGINT drain; SIGHUP reloads.
fn watch_signals(orders: mpsc::Sender<Order>, asked: mpsc::Sender<Asked>) -> std::io::Result<()> {
    let mut term = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                Some(()) = term.recv() => drop(orders.send(Order::Drain).await),
                Some(()) = interrupt.recv() => drop(orders.send(Order::Drain).await),
                Some(()) = hangup.recv() => {
                    // Enough wait already: they will read the files as they are now.
                    let _ = asked.try_send(Keeper::by_signal());
                }
                else => break,
            }
        }
    });
    Ok(())
}
