//! `hotline serve`: reads the files, opens store, sound and sockets, and runs the switchboard.
//!
//! All or nothing: whatever cannot be opened is said, and nothing is left half-started.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tracing::{info, warn};

use super::checking;
use super::clock::Clock;
use super::hooks::Hooks;
use super::hours::Doors;
use super::logging::Log;
use super::outlook::Outlook;
use super::recovery;
use super::switchboard::{Inlets, Order, Parts, Switchboard};
use super::switches;
use crate::call::{self, Calls};
use crate::config::{self, House};
use crate::ids::TrunkId;
use crate::ivr::KeyLeads;
use crate::media::desk::{Desk, raise_file_limit};
use crate::media::prompts::PromptBank;
use crate::queue::{Exit, Input, Output};
use crate::records::{Recovered, Store};
use crate::sip::Binding;
use crate::sip::endpoint::Endpoint;
use crate::sip::transport::Sockets;

/// Batches of events from the media workers that may wait for the switchboard.
const MEDIA_BATCHES: usize = 1024;

/// Why the house could not be opened, as lines for people.
pub type Faults = Vec<String>;

pub fn serve(config_dir: &Path, data_dir: &Path, trace_sip: Option<Log>) -> Result<(), Faults> {
    let (house, warnings) = config::load(config_dir).map_err(|faults| checking::told(&faults))?;
    for warning in &warnings {
        warn!("{warning}");
    }
    let bank = PromptBank::load(&house.media.prompts).map_err(|faults| lines(&faults))?;
    match raise_file_limit() {
        Ok(limit) if limit < 4096 => warn!(limit, "few files may be open: a call needs up to four"),
        Ok(_) => {}
        Err(error) => warn!(%error, "the limit on open files stays as it is"),
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| vec![e.to_string()])?;
    runtime.block_on(open_and_run(config_dir, data_dir, house, bank, trace_sip))
}

fn lines<T: std::fmt::Display>(faults: &[T]) -> Faults {
    faults.iter().map(ToString::to_string).collect()
}

async fn open_and_run(
    config_dir: &Path,
    data_dir: &Path,
    mut house: House,
    bank: PromptBank,
    trace_sip: Option<Log>,
) -> Result<(), Faults> {
    let one = |error: String| vec![error];
    let sockets = Sockets::bind(&house.sip.listen).await.map_err(|e| one(e.to_string()))?;
    for (listen, addr) in house.sip.listen.iter_mut().zip(sockets.local_addrs()) {
        listen.addr = addr;
    }
    let clock = Clock::start();
    let (durable, durable_rx) = watch::channel(0);
    let tell = Box::new(move |ticket: crate::records::Ticket| {
        durable.send_replace(ticket.0);
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
    let listen = house.sip.listen.clone();
    let drain = house.app.drain;
    let mut switchboard = Switchboard::new(Parts {
        clock,
        sockets,
        sip,
        media,
        queue,
        calls,
        store,
        doors,
        outlook,
        hooks,
        drain,
        trace_sip,
    });
    take_up(&mut switchboard, house, recovered);

    let (orders_tx, orders) = mpsc::channel(8);
    watch_signals(orders_tx, config_dir.to_path_buf()).map_err(|e| one(e.to_string()))?;
    let places: Vec<String> =
        listen.iter().map(|l| format!("{}:{}", l.transport.via_name().to_lowercase(), l.addr)).collect();
    // Whoever started us may not listen.
    let _ = writeln!(std::io::stdout(), "hotline is up on {}", places.join(", "));
    info!(listen = %places.join(","), data = %data_dir.display(), "up");
    switchboard.run(Inlets { media: media_rx, durable: durable_rx, orders, outlook: waits, hooks: replies }).await;
    info!("down");
    Ok(())
}

/// The engine goes on where the last process stopped; then the rules of today hold.
fn take_up(switchboard: &mut Switchboard, house: House, recovered: Recovered) {
    let now = switchboard.clock.now();
    switchboard.log_input(now, Input::Restarted);
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

fn call_settings(house: &House) -> call::Settings {
    let queues = house.queue.queues.iter().map(|(id, rules)| {
        let keys = rules.keys.iter().map(|(key, exit)| (*key, leads(exit))).collect();
        (id.clone(), call::QueueFacts { need: rules.need.to_string(), answer_within: rules.answer_within, keys })
    });
    let seat_operators: BTreeMap<_, _> =
        house.queue.operators.iter().filter_map(|(id, rules)| Some((rules.seat.clone()?, id.clone()))).collect();
    let supervisors = house.queue.operators.iter().filter(|(_, rules)| rules.supervisor).map(|(id, _)| id);
    let switches = house.schedules.iter().filter_map(|(id, schedule)| Some((schedule.switch?, id.clone())));
    call::Settings {
        switches: switches.collect(),
        ivr: house.ivr.clone(),
        queues: queues.collect(),
        operators: house.queue.operators.keys().cloned().collect(),
        seat_operators,
        supervisors: supervisors.cloned().collect(),
        reasons: house.queue.reasons.clone(),
        emergencies: house.emergencies.iter().map(emergency).collect(),
        way_out: house.sip.trunks.iter().find(|trunk| trunk.to.is_some()).map(|trunk| trunk.id.clone()),
    }
}

fn emergency(target: &config::Emergency) -> call::Emergency {
    let way = |(trunk, number): &(TrunkId, String)| call::Way { trunk: trunk.clone(), number: number.clone() };
    call::Emergency {
        id: target.id.clone(),
        name: target.name.clone(),
        ways: target.ways.iter().map(way).collect(),
        code: target.code.clone(),
        confirm: target.confirm,
        ring: target.ring,
    }
}

/// What callers are told of a key.
fn leads(exit: &Exit) -> KeyLeads {
    match exit {
        Exit::Callback => KeyLeads::Callback,
        Exit::Message => KeyLeads::Message,
        Exit::Queue(_) | Exit::Number(_) => KeyLeads::Elsewhere,
    }
}

/// SIGTERM and SIGINT drain; SIGHUP checks the files.
fn watch_signals(orders: mpsc::Sender<Order>, config_dir: std::path::PathBuf) -> std::io::Result<()> {
    let mut term = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                Some(()) = term.recv() => drop(orders.send(Order::Drain).await),
                Some(()) = interrupt.recv() => drop(orders.send(Order::Drain).await),
                Some(()) = hangup.recv() => {
                    // A slow disk must not hold up the calls, nor the end of the process.
                    let config_dir = config_dir.clone();
                    let check = std::thread::Builder::new().name("check".into());
                    if let Err(error) = check.spawn(move || check_files(&config_dir)) {
                        warn!(%error, "SIGHUP: the files cannot be checked");
                    }
                }
                else => break,
            }
        }
    });
    Ok(())
}

fn check_files(config_dir: &Path) {
    match config::load(config_dir) {
        Ok(_) => info!("SIGHUP: the files are sound; they take effect at the next start"),
        Err(faults) => {
            for fault in faults {
                warn!(%fault, "SIGHUP: the files have a fault; the rules in force stay");
            }
        }
    }
}
