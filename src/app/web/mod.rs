//! The web server of the running house: what it is told of the files, and who does what people ask of it.

mod admin;
mod masks;
mod obeying;
mod phones;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, watch};

use super::board::{self, News};
use super::clock::Clock;
use super::control::Asked;
use super::switchboard::Order;
use super::webhooks::Webhooks;
use crate::app::password_command::PasswordCommand;
use crate::config::{Called, Emergency, House, Opening, WebRole};
use crate::http::{self, Board, Facts, IceServer, Named, OperatorFacts, QueueFacts, Role, Settings};
use crate::ids::{CallId, Language};
use crate::records::{Access, Written, read_call, rfc3339};
use crate::sip::transport::Gate;
use crate::tls::Acceptor;

/// What it is made of.
pub struct Parts {
    pub clock: Clock,
    pub house: House,
    pub version: u64,
    /// Calls that were open when the last process ended: nobody was told yet that they are over.
    pub closed: Vec<CallId>,
    pub config_dir: PathBuf,
    pub data: PathBuf,
    pub orders: mpsc::Sender<Order>,
    pub asked: mpsc::Sender<Asked>,
    pub written: watch::Receiver<Written>,
    pub listeners: Vec<std::net::TcpListener>,
    pub tls: Option<Acceptor>,
    pub gate: Gate,
    pub news: std::sync::mpsc::Receiver<News>,
    pub settings: Arc<ArcSwap<Settings>>,
}

/// Starts the board's thread and the web server's. The board's ends when it has heard all that the switchboard said.
pub fn start(parts: Parts) -> Result<JoinHandle<()>, String> {
    let Parts {
        clock,
        house,
        version,
        closed,
        config_dir,
        data,
        orders,
        asked,
        written,
        listeners,
        tls,
        gate,
        news,
        settings,
    } = parts;
    let told = |error: std::io::Error| error.to_string();
    let board = Arc::new(Board::new(format!("{:x}", clock.now().as_millis())));
    let health = Arc::new(ArcSwap::from_pointee(Err("the board is being read".to_string())));
    let access = Access::open(&data).map_err(|error| error.to_string())?;
    let password_command = PasswordCommand::of_this_program(&config_dir, &data);
    first_password(&access, &house, &password_command);
    let now = clock.now();
    let shown = http::show_kept_notices(&access, &board, now, &rfc3339(now, &house.app.time_zone));
    shown.map_err(|error| error.to_string())?;
    // From here on its callers are tasks of the web server: their thread's other tasks go elsewhere meanwhile. This
    // thread's runtime has one thread only and must not ask for that.
    let access = access.waiting_by(|work| tokio::task::block_in_place(work));
    let meter = http::Meter::install().inspect_err(|error| tracing::warn!(error, "nothing is counted")).ok();
    http::gauge("hotline_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    let outbox = Access::open(&data).map_err(|error| error.to_string())?;
    let mut webhooks = Webhooks::start(clock, outbox, &house.web.webhooks).map_err(told)?;
    for call in closed {
        match read_call(&data, call) {
            Ok(record) => record.iter().for_each(|record| {
                board::count_closed(record);
                webhooks.closed(record, &house);
            }),
            Err(fault) => tracing::warn!(%call, %fault, "no webhook is told that a call is over"),
        }
    }
    let zone = house.app.time_zone.clone();
    let sign_in_tries = house.web.sign_in_tries;
    let https = house.web.https;
    let keeper = board::Parts {
        board: board.clone(),
        data: data.clone(),
        clock,
        house,
        version,
        orders: orders.clone(),
        health: health.clone(),
        webhooks,
    };
    let keeper = board::Keeper::start(keeper, news).map_err(told)?;
    let office = obeying::Office::new(board.clone(), orders, asked, written, config_dir, data.clone(), zone.clone());
    let office = Arc::new(office);
    let parts = http::Parts {
        board,
        settings,
        access,
        obey: Arc::new(move |asked| Box::pin(obeying::obey(office.clone(), asked))),
        now: Arc::new(move || clock.now()),
        zone,
        data,
        meter,
        sign_in_tries,
        health: Arc::new(move || (**health.load()).clone()),
        phones: phones::entrance(gate),
        tls: tls.filter(|_| https),
    };
    http::start(parts, listeners).map_err(told)?;
    Ok(keeper)
}

/// As long as nobody can sign in, the log says how that is changed.
fn first_password(access: &Access, house: &House, command: &PasswordCommand) {
    if access.has_passwords().unwrap_or(true) {
        return;
    }
    let admin = house.web.people.iter().find(|(_, person)| person.roles.contains(&WebRole::Admin));
    let who = admin.map(|(id, _)| id.clone()).or_else(|| house.queue.operators.keys().next().map(ToString::to_string));
    let command = who.map_or_else(|| command.open().to_string(), |who| command.of(&who));
    tracing::info!("nobody can sign in on the pages yet; this sets a password: {command}");
}

/// What the web server is told of the files.
pub fn settings(house: &House) -> Settings {
    let web = &house.web;
    let operators = house.queue.operators.iter().map(|(id, rules)| {
        let supervisor = rules.supervisor.then_some(Role::Supervisor);
        let roles = std::iter::once(Role::Operator).chain(supervisor).collect();
        (id.to_string(), http::Person { name: rules.name.clone(), roles, language: None })
    });
    let people = web.people.iter().map(|(id, person)| {
        let role = |role: &WebRole| match role {
            WebRole::Supervisor => Role::Supervisor,
            WebRole::Admin => Role::Admin,
            WebRole::Wall => Role::Wall,
        };
        let (name, language) = (person.name.clone(), person.language.map(|language| language.to_string()));
        (id.clone(), http::Person { name, roles: person.roles.iter().map(role).collect(), language })
    });
    Settings {
        people: operators.chain(people).collect(),
        proxy: web.proxy,
        tls: web.https,
        session_idle: web.session_idle,
        session_longest: web.session_longest,
        origins: web.origins.clone(),
        recordings: house.media.recordings.clone(),
    }
}

/// What something is called: in the house's own language, and in those of the pages.
pub fn called(house: &House, names: &BTreeMap<String, Called>, id: &str) -> (String, http::Names) {
    let Called { zh, en } = names.get(id).cloned().unwrap_or_else(|| Called { zh: id.into(), en: id.into() });
    let own = if house.ivr.languages.own == Language::EN { &en } else { &zh };
    (own.clone(), http::Names { zh, en })
}

/// Names and what belongs to them.
pub fn facts(house: &House, version: u64) -> Facts {
    let rules = &house.queue;
    let queue = |(id, queue): (&crate::ids::QueueId, &crate::queue::QueueRules)| {
        let (name, names) = called(house, &house.names.queues, id.as_str());
        QueueFacts {
            id: id.to_string(),
            name,
            names,
            need: queue.need.to_string(),
            answer_within_ms: u64::try_from(queue.answer_within.as_millis()).unwrap_or(u64::MAX),
            schedule: house.queue_open.get(id).and_then(|opening| match opening {
                Opening::Schedule(schedule) => Some(schedule.to_string()),
                Opening::Hours(_) => None,
            }),
        }
    };
    let names = |named: &BTreeMap<String, Called>| -> BTreeMap<String, http::Names> {
        named.keys().map(|id| (id.clone(), called(house, named, id).1)).collect()
    };
    let emergency = |target: &Emergency| {
        let own = || (target.name.clone(), http::Names { zh: target.name.clone(), en: target.name.clone() });
        let named = &house.names.emergencies;
        let (name, names) = if named.contains_key(&target.id) { called(house, named, &target.id) } else { own() };
        Named { id: target.id.clone(), name, names }
    };
    let operator = |(id, of): (&crate::ids::OperatorId, &crate::queue::OperatorRules)| OperatorFacts {
        id: id.to_string(),
        name: of.name.clone(),
        seat: of.seat.as_ref().map(ToString::to_string),
        supervisor: of.supervisor,
        skills: of.skills.iter().map(|(skill, level)| (skill.to_string(), *level)).collect(),
    };
    let ice = house.media.browser.ice_servers.iter().map(|server| IceServer {
        urls: server.urls.clone(),
        username: server.username.clone(),
        credential: server.credential.clone(),
    });
    Facts {
        version,
        queues: rules.queues.iter().map(queue).collect(),
        operators: rules.operators.iter().map(operator).collect(),
        seats: rules.seats.iter().map(ToString::to_string).collect(),
        reasons: rules.reasons.iter().map(ToString::to_string).collect(),
        reason_names: names(&house.names.reasons),
        skill_names: names(&house.names.skills),
        choice_names: names(&house.names.choices),
        emergencies: house.emergencies.iter().map(emergency).collect(),
        ice_servers: ice.collect(),
    }
}
