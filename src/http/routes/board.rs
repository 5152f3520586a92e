//! The board, what is on it, and schedules.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Accepted, accepted};
use crate::http::asks::Ask;
use crate::http::facts::{Named, OperatorFacts};
use crate::http::problem::{Body, Problem};
use crate::http::roles::Role;
use crate::http::seeing::{Sight, seen, sight};
use crate::http::server::Web;
use crate::http::settings::Settings;
use crate::http::signing::Who;
use crate::http::words::{Alarm, CallNow, CallbackNow, Figures, Names, Notice, OperatorNow, QueueNow, ScheduleNow};
use crate::ids::Door;
use crate::moment::Moment;

/// Letters of a note.
const LONGEST_NOTE: usize = 500;

/// Everything that is now
#[derive(Debug, Serialize, ToSchema)]
pub struct Now {
    /// From here on the events tell what changes.
    offset: String,
    now: String,
    queues: Vec<QueueNow>,
    operators: Vec<OperatorNow>,
    calls: Vec<CallNow>,
    /// Of all queues, for supervisors and admins.
    callbacks: Vec<CallbackNow>,
    today: Figures,
    alarms: Vec<Alarm>,
    notices: Vec<Notice>,
    schedules: Vec<ScheduleNow>,
}

/// The calls that somebody may see.
pub fn calls_for(web: &Web, who: &Who) -> Vec<CallNow> {
    web.board.calls().into_iter().filter_map(|call| seen(who, call)).collect()
}

fn operators_for(web: &Web, who: &Who) -> Vec<OperatorNow> {
    let all = web.board.operators().into_iter();
    match sight(who, std::iter::empty()) {
        Sight::Wall => all.map(|operator| operator.for_the_wall()).collect(),
        Sight::Whole | Sight::Nothing => all.collect(),
    }
}

/// Everything that is now
#[utoipa::path(get, path = "/board", tag = "board", responses((status = 200, body = Now), (status = 401, body = Problem)))]
pub async fn board(State(web): State<Arc<Web>>, Extension(who): Extension<Who>) -> Json<Now> {
    let board = &web.board;
    // First: what changes while the rest is read is told again.
    let offset = board.stream.text(board.offset());
    Json(Now {
        offset,
        now: web.time((web.now)()),
        queues: board.queues(),
        operators: operators_for(&web, &who),
        calls: calls_for(&web, &who),
        callbacks: if who.sees_all() { board.callbacks() } else { Vec::new() },
        today: (*board.figures()).clone(),
        alarms: board.alarms(),
        notices: board.notices(),
        schedules: board.schedules(),
    })
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Directory {
    operators: Vec<Colleague>,
    queues: Vec<QueueNow>,
    seats: Vec<String>,
    /// For not being ready.
    reasons: Vec<String>,
    /// Of the reasons, the skills, and the nodes of the menus (`CallNow.category`) that the files name.
    reason_names: BTreeMap<String, Names>,
    skill_names: BTreeMap<String, Names>,
    choice_names: BTreeMap<String, Names>,
    emergencies: Vec<Named>,
    /// How those are called who may sign in and are no operators; for supervisors and admins. Others are told it with
    /// each note.
    people: BTreeMap<String, String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Colleague {
    #[serde(flatten)]
    facts: OperatorFacts,
    /// As on the board.
    state: String,
    /// Where they are signed in.
    at: Option<String>,
}

/// Whom a call can be given to: operators with their presence, queues, seats, emergencies; reasons for not being ready
#[utoipa::path(get, path = "/directory", tag = "board", responses((status = 200, body = Directory)))]
pub async fn directory(State(web): State<Arc<Web>>, Extension(who): Extension<Who>) -> Json<Directory> {
    let facts = web.board.facts();
    let colleague = |facts: &OperatorFacts| {
        let now = web.board.operator(&facts.id).unwrap_or_default();
        let state = if now.state.is_empty() { "signed_out".into() } else { now.state };
        Colleague { facts: facts.clone(), state, at: now.seat }
    };
    Json(Directory {
        operators: facts.operators.iter().map(colleague).collect(),
        queues: web.board.queues(),
        seats: facts.seats.clone(),
        reasons: facts.reasons.clone(),
        reason_names: facts.reason_names.clone(),
        skill_names: facts.skill_names.clone(),
        choice_names: facts.choice_names.clone(),
        emergencies: facts.emergencies.clone(),
        people: if who.sees_all() { people(&web.settings()) } else { BTreeMap::new() },
    })
}

/// How those are called who may sign in and are no operators, by the name with which they sign in.
fn people(settings: &Settings) -> BTreeMap<String, String> {
    let people = settings.people.iter().filter(|(_, person)| !person.roles.contains(&Role::Operator));
    people.map(|(id, person)| (id.clone(), person.name.clone())).collect()
}

/// The queues as they are now
#[utoipa::path(get, path = "/queues", tag = "queues", responses((status = 200, body = Vec<QueueNow>)))]
pub async fn queues(State(web): State<Arc<Web>>) -> Json<Vec<QueueNow>> {
    Json(web.board.queues())
}

/// Who waits in a queue, since when, and why: the last decision in words
#[utoipa::path(
    get, path = "/queues/{id}/waiting", tag = "queues", params(("id" = String, Path)),
    responses((status = 200, body = Vec<CallNow>), (status = 404, body = Problem))
)]
pub async fn waiting(State(web): State<Arc<Web>>, Path(id): Path<String>) -> Result<Json<Vec<CallNow>>, Problem> {
    if !web.board.queues().iter().any(|queue| queue.id == id) {
        return Err(Problem::not_found(format!("there is no queue {id}")));
    }
    let mut waiting = web.board.calls();
    waiting.retain(|call| call.queue.as_deref() == Some(id.as_str()) && call.place.is_some());
    waiting.sort_by_key(|call| call.place);
    Ok(Json(waiting))
}

/// Whom the house is to call back in a queue's name, since when, and when it is tried next
#[utoipa::path(
    get, path = "/queues/{id}/callbacks", tag = "queues", params(("id" = String, Path)),
    responses((status = 200, body = Vec<CallbackNow>), (status = 404, body = Problem))
)]
pub async fn callbacks(State(web): State<Arc<Web>>, Path(id): Path<String>) -> Result<Json<Vec<CallbackNow>>, Problem> {
    if !web.board.queues().iter().any(|queue| queue.id == id) {
        return Err(Problem::not_found(format!("there is no queue {id}")));
    }
    let mut callbacks = web.board.callbacks();
    callbacks.retain(|callback| callback.queue == id);
    callbacks.sort_by(|one, other| one.since.cmp(&other.since).then_with(|| one.id.cmp(&other.id)));
    Ok(Json(callbacks))
}

/// The schedules as they stand
#[utoipa::path(get, path = "/schedules", tag = "schedules", responses((status = 200, body = Vec<ScheduleNow>)))]
pub async fn schedules(State(web): State<Arc<Web>>) -> Json<Vec<ScheduleNow>> {
    Json(web.board.schedules())
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    /// `open`, `closed`, or `auto`: by its hours.
    to: SwitchTo,
    /// RFC 3339; from then on it goes by its hours again.
    #[schema(format = DateTime)]
    until: Option<String>,
    #[schema(max_length = 500)]
    #[serde(default)]
    note: String,
}

#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SwitchTo {
    Open,
    Closed,
    Auto,
}

/// Open or close a schedule, and with it the queues that go by it
#[utoipa::path(
    post, path = "/schedules/{id}/switch", tag = "schedules", request_body = Switch, params(("id" = String, Path)),
    responses((status = 202, body = Accepted), (status = 404, body = Problem))
)]
pub async fn switch(
    State(web): State<Arc<Web>>,
    Extension(who): Extension<Who>,
    Path(schedule): Path<String>,
    Body(given): Body<Switch>,
) -> Result<Response, Problem> {
    flip(&web, &who, Door::Schedule(schedule.into()), given).await
}

/// Open or close a queue, whatever its schedule or hours say
#[utoipa::path(
    post, path = "/queues/{id}/switch", tag = "queues", request_body = Switch, params(("id" = String, Path)),
    responses((status = 202, body = Accepted), (status = 404, body = Problem))
)]
pub async fn switch_queue(
    State(web): State<Arc<Web>>,
    Extension(who): Extension<Who>,
    Path(queue): Path<String>,
    Body(given): Body<Switch>,
) -> Result<Response, Problem> {
    flip(&web, &who, Door::Queue(queue.into()), given).await
}

async fn flip(web: &Web, who: &Who, door: Door, given: Switch) -> Result<Response, Problem> {
    Problem::unless_short("note", &given.note, LONGEST_NOTE)?;
    let to = match given.to {
        SwitchTo::Open => "open",
        SwitchTo::Closed => "closed",
        SwitchTo::Auto => "auto",
    };
    let until = given.until.as_deref().map(|text| moment("until", text)).transpose()?;
    if until.is_some_and(|until| until <= (web.now)()) {
        return Err(Problem::bad("until", "this time has passed"));
    }
    web.ask(who, Ask::Switch { door, to: to.into(), until, note: given.note }).await?;
    Ok(accepted())
}

/// Reads a time of a request.
pub fn moment(field: &str, text: &str) -> Result<Moment, Problem> {
    let wrong = || Problem::bad(field, format!("found {text:?}; a time looks like 2026-11-26T08:00:00+08:00"));
    let at: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
    u64::try_from(at.as_microsecond()).map(Moment::from_micros).map_err(|_| wrong())
}
