//! `hotline load`: callers and operators by the hundred, with sound, from a small scenario; then what they saw, held
//! against what the hotline wrote down.

mod caller;
mod delays;
mod report;
mod scenario;
mod seat;
mod sound;
mod tone;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Mutex;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::watch;
use tokio::task::{JoinSet, LocalSet};

use self::caller::Seen;
use self::report::Report;
use self::scenario::Scenario;
use self::seat::{Phone, Rung};
use self::sound::{Heard, Sound};
use super::clock::Clock;
use super::forecasts::ForecastFormat;
use super::say::say;
use super::side_by_side::Progress;
use super::softphone::own_address;
use crate::forecast::draws::exponential;
use crate::records::{self, Range};
use crate::sip::{self, Listen, Settings, Timers, Transport};

/// Callers' numbers: this, and eight digits.
const PREFIX: &str = "139";
/// Phones that register at the same time.
const REGISTERING: usize = 50;
/// After the last caller, so long may phones finish.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// The hotline writes a record within this after the last BYE.
const RECORDED_WITHIN: Duration = Duration::from_secs(3);

#[derive(clap::Args, Debug)]
pub struct LoadArgs {
    /// What the load is made of, e.g. scripts/loads/desk.toml; without one: ten seats, a call every two seconds
    scenario: Option<PathBuf>,
    /// The hotline's address
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:5060")]
    server: SocketAddr,
    /// Chance begins here: the same seed brings the same callers
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Do not hold the records of --data against what the callers saw (the hotline runs elsewhere)
    #[arg(long)]
    no_records: bool,
    /// For people, or one JSON object
    #[arg(long, value_enum, default_value = "text")]
    format: ForecastFormat,
}

/// What every caller and phone of a load shares.
pub struct Crowd {
    scenario: Scenario,
    server: SocketAddr,
    clock: Clock,
    sound: Sound,
    seed: u64,
    /// Tells the calls of this run from those of others.
    run: u64,
    heard: Mutex<Heard>,
}

impl Crowd {
    /// Chance of its own for each caller.
    fn chance(&self, caller: u32) -> StdRng {
        StdRng::seed_from_u64(self.seed ^ u64::from(caller).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// How long this caller talks, and whether the operator ends it: both sides know.
    fn talk_of(&self, caller: u32) -> (Duration, bool) {
        let mut rng = self.chance(!caller);
        (self.scenario.talk.draw(&mut rng), rng.random_bool(self.scenario.operator_ends))
    }

    fn number_of(&self, caller: u32) -> String {
        format!("{PREFIX}{caller:08}")
    }

    fn caller_of(&self, number: &str) -> Option<u32> {
        number.strip_prefix(PREFIX)?.parse().ok()
    }

    /// What a phone heard.
    fn heard(&self, heard: Heard) {
        if let Ok(mut sum) = self.heard.lock() {
            sum.add(heard);
        }
    }
}

/// `fixed`: where it listens; else on a free port of `own`, the address that leads to the server.
fn phone_settings(server: SocketAddr, own: IpAddr, fixed: Option<SocketAddr>) -> Settings {
    let addr = fixed.unwrap_or(SocketAddr::new(own, 0));
    let only_server = sip::Trunk::new("server", vec![server.ip().into()], None);
    Settings {
        listen: vec![Listen { transport: Transport::Udp, addr }],
        advertise: Vec::new(),
        realm: "load".into(),
        trunks: vec![only_server],
        seats: Default::default(),
        numbers: Default::default(),
        name_servers: Vec::new(),
        register_min: Duration::from_secs(60),
        register_max: Duration::from_secs(3600),
        nonce_lifetime: Duration::from_secs(300),
        flow_grace: Duration::ZERO,
        session_expires: Duration::ZERO,
        min_se: Duration::ZERO,
        redirects: Vec::new(),
        max_calls: 10_000,
        guard: None,
        dscp: 24,
        timers: Timers::default(),
    }
}

pub fn run(data: &Path, args: LoadArgs) -> Result<ExitCode, Vec<String>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|e| vec![format!("hotline load: {e}")])?.block_on(load(data, args))
}

async fn load(data: &Path, args: LoadArgs) -> Result<ExitCode, Vec<String>> {
    let one = |error: String| vec![format!("hotline load: {error}")];
    let scenario = match &args.scenario {
        Some(path) => Scenario::read(path).map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>()),
        None => Ok(Scenario::default()),
    }?;
    let clock = Clock::start();
    let since = clock.now();
    if !args.no_records {
        // What cannot be compared in the end is told before the callers come.
        records::read(data, Range { since: Some(since), until: None }, |_| Ok(()))
            .map_err(|e| one(format!("{e}; or compare none, with --no-records")))?;
    }
    let own = own_address(args.server).map_err(one)?;
    let (sound, thread) = Sound::start(own, clock).map_err(|e| one(e.to_string()))?;
    let crowd = Rc::new(Crowd {
        scenario,
        server: args.server,
        clock,
        sound,
        seed: args.seed,
        run: since.as_micros(),
        heard: Mutex::default(),
    });
    let (seen, rung) = LocalSet::new().run_until(play(&crowd)).await.map_err(one)?;
    let mut report = Report::new(&seen, rung, crowd.sound.delays().await);
    report.count_packets(crowd.heard.lock().map(|heard| *heard).unwrap_or_default());
    let mut unread = None;
    if !args.no_records {
        // The last record is on its way to the disk.
        let until = clock.now() + RECORDED_WITHIN;
        loop {
            unread = report.compare(data, since, &seen).err();
            if report.missing() == 0 || clock.now() >= until {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    match args.format {
        ForecastFormat::Text => report.lines().iter().for_each(|line| say!("{line}")),
        ForecastFormat::Json => say!("{}", serde_json::to_string(&report).map_err(|e| one(e.to_string()))?),
    }
    drop(crowd);
    let _ = thread.join();
    if let Some(error) = unread {
        return Err(one(error.to_string()));
    }
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Staffs the seats, lets the callers come, and waits until the last has gone.
async fn play(crowd: &Rc<Crowd>) -> Result<(Vec<Seen>, Rung), String> {
    let (over, is_over) = watch::channel(false);
    let mut phones = JoinSet::new();
    for phone in staff(crowd).await? {
        let (crowd, is_over) = (crowd.clone(), is_over.clone());
        phones.spawn_local(async move { phone.work(&crowd, is_over).await });
    }
    let mut seen = arrivals(crowd).await;
    tokio::time::sleep(LAST_WORDS).await;
    let _ = over.send(true);
    let mut rung = Rung::default();
    while let Some(done) = phones.join_next().await {
        rung.add(done.map_err(|e| format!("a phone failed: {e}"))?);
    }
    seen.sort_by(|a, b| a.sip_call_id.cmp(&b.sip_call_id));
    Ok((seen, rung))
}

async fn staff(crowd: &Rc<Crowd>) -> Result<Vec<Phone>, String> {
    let seats = &crowd.scenario.seats;
    if seats.fixed.is_some() {
        return Ok(vec![Phone::open(crowd, 0, None).await?]);
    }
    let numbers: Vec<String> = seats.numbers().collect();
    let mut phones = Vec::with_capacity(numbers.len());
    for (part, numbers) in numbers.chunks(REGISTERING).enumerate() {
        let mut opening = JoinSet::new();
        for (index, seat) in numbers.iter().enumerate() {
            let (crowd, seat, index) = (crowd.clone(), seat.clone(), part * REGISTERING + index);
            opening.spawn_local(async move { Phone::open(&crowd, index as u32, Some(&seat)).await });
        }
        while let Some(opened) = opening.join_next().await {
            phones.push(opened.map_err(|e| e.to_string())??);
        }
    }
    Ok(phones)
}

async fn arrivals(crowd: &Rc<Crowd>) -> Vec<Seen> {
    let Scenario { rate, lasts, at_once, .. } = crowd.scenario;
    let mut rng = crowd.chance(u32::MAX);
    let began = crowd.clock.now();
    let progress = Progress::new("calling", 1);
    let mut callers = JoinSet::new();
    let (mut seen, mut next, mut number) = (Vec::new(), began, 0);
    loop {
        next = next + exponential(Duration::from_secs_f64(1.0 / rate), &mut rng);
        if next.since(began) > lasts {
            break;
        }
        tokio::time::sleep_until(crowd.clock.instant(next)).await;
        while let Some(done) = callers.try_join_next() {
            seen.extend(done.ok());
        }
        progress.is_at(next.since(began).as_secs_f64() / lasts.as_secs_f64().max(0.001));
        if callers.len() < at_once {
            let (crowd, own) = (crowd.clone(), number);
            callers.spawn_local(async move { caller::call(&crowd, own).await });
            number += 1;
        }
    }
    while let Some(done) = callers.join_next().await {
        seen.extend(done.ok());
    }
    progress.done();
    seen
}
