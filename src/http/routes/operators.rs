//! What operators do with themselves, and what they did today.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{Accepted, accepted};
use crate::http::asks::{Ask, OperatorAct};
use crate::http::problem::{Body, Problem};
use crate::http::server::Web;
use crate::http::signing::Who;
use crate::http::words::Today;
use crate::ids::OperatorId;
use crate::moment::Moment;
use crate::records::{called_back_by, printed};

/// Callbacks that are told.
const CALLBACKS: usize = 200;

async fn act(web: &Web, who: &Who, operator: String, act: OperatorAct) -> Result<Response, Problem> {
    if !who.leads_or_is(&operator) {
        return Err(Problem::forbidden("operators set their own state alone; supervisors that of others"));
    }
    web.ask(who, Ask::Operator { operator, act }).await?;
    Ok(accepted())
}

/// What is sent with a command that says everything by its address.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// Ready for calls
#[utoipa::path(
    post, path = "/operators/{id}/ready", tag = "operators", params(("id" = String, Path)),
    responses((status = 202, body = Accepted), (status = 409, body = Problem))
)]
pub async fn ready(
    State(web): State<Arc<Web>>,
    Extension(who): Extension<Who>,
    Path(id): Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> Result<Response, Problem> {
    act(&web, &who, id, OperatorAct::Ready).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NotReady {
    /// One of those in `/directory`.
    #[schema(max_length = 64)]
    reason: String,
}

/// Not ready; during a call: when it is over
#[utoipa::path(
    post, path = "/operators/{id}/not-ready", tag = "operators", request_body = NotReady, params(("id" = String, Path)),
    responses((status = 202, body = Accepted), (status = 409, body = Problem), (status = 422, body = Problem))
)]
pub async fn not_ready(
    State(web): State<Arc<Web>>,
    Extension(who): Extension<Who>,
    Path(id): Path<String>,
    Body(NotReady { reason }): Body<NotReady>,
) -> Result<Response, Problem> {
    let reasons = &web.board.facts().reasons;
    if !reasons.contains(&reason) {
        return Err(Problem::bad("reason", format!("found {reason:?}; there are {}", reasons.join(", "))));
    }
    act(&web, &who, id, OperatorAct::NotReady { reason }).await
}

/// Leave the seat; during a call: when it is over
#[utoipa::path(
    post, path = "/operators/{id}/sign-out", tag = "operators", params(("id" = String, Path)),
    responses((status = 202, body = Accepted), (status = 409, body = Problem))
)]
pub async fn sign_out(
    State(web): State<Arc<Web>>,
    Extension(who): Extension<Who>,
    Path(id): Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> Result<Response, Problem> {
    act(&web, &who, id, OperatorAct::SignOut).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Extend {
    /// How much longer, within the queue's longest wrap-up.
    #[schema(minimum = 1000, maximum = 3_600_000)]
    ms: u64,
}

/// More time after a call
#[utoipa::path(
    post, path = "/operators/{id}/wrap-up/extend", tag = "operators", request_body = Extend,
    params(("id" = String, Path)), responses((status = 202, body = Accepted), (status = 409, body = Problem))
)]
pub async fn extend_wrap_up(
    State(web): State<Arc<Web>>,
    Extension(who): Extension<Who>,
    Path(id): Path<String>,
    Body(Extend { ms }): Body<Extend>,
) -> Result<Response, Problem> {
    if !(1_000..=3_600_000).contains(&ms) {
        return Err(Problem::bad("ms", format!("found {ms}; from 1000 to 3600000 is allowed")));
    }
    act(&web, &who, id, OperatorAct::ExtendWrapUp { ms }).await
}

/// Done with what was to do after a call
#[utoipa::path(
    post, path = "/operators/{id}/wrap-up/end", tag = "operators", params(("id" = String, Path)),
    responses((status = 202, body = Accepted), (status = 409, body = Problem))
)]
pub async fn end_wrap_up(
    State(web): State<Arc<Web>>,
    Extension(who): Extension<Who>,
    Path(id): Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> Result<Response, Problem> {
    act(&web, &who, id, OperatorAct::EndWrapUp).await
}

/// What an operator did today, from the records
#[utoipa::path(
    get, path = "/operators/{id}/today", tag = "operators", params(("id" = String, Path)),
    responses((status = 200, body = Today), (status = 403, body = Problem))
)]
pub async fn today(
    State(web): State<Arc<Web>>,
    Extension(who): Extension<Who>,
    Path(id): Path<String>,
) -> Result<Json<Today>, Problem> {
    if !who.leads_or_is(&id) {
        return Err(Problem::forbidden("operators see their own figures alone"));
    }
    Ok(Json(web.board.today(&id)))
}

/// When today began, where the house is.
pub fn midnight(web: &Web) -> Moment {
    let now = (web.now)();
    let micros = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
    let here = jiff::Timestamp::from_microsecond(micros).unwrap_or(jiff::Timestamp::MAX);
    let begin = here.to_zoned_datetime(web.zone.clone()).date().to_zoned_datetime(web.zone.clone()).ok();
    let begin = begin.and_then(|day| u64::try_from(day.timestamp().as_microsecond()).ok());
    begin.map_or(now, Moment::from_micros)
}

/// The callbacks that an operator made today, also those passed on to another: the records of the calls
#[utoipa::path(
    get, path = "/operators/{id}/callbacks", tag = "operators", params(("id" = String, Path)),
    responses((status = 200, body = Vec<Object>), (status = 403, body = Problem))
)]
pub async fn callbacks(
    State(web): State<Arc<Web>>,
    Extension(who): Extension<Who>,
    Path(id): Path<String>,
) -> Result<Json<Vec<Value>>, Problem> {
    if !who.leads_or_is(&id) {
        return Err(Problem::forbidden("operators see their own callbacks alone"));
    }
    let (since, data, zone) = (midnight(&web), web.data.clone(), web.zone.clone());
    let operator = OperatorId::from(id);
    let records = web.read(move || Ok(called_back_by(&data, &operator, since, CALLBACKS)?)).await?;
    Ok(Json(records.iter().filter_map(|record| printed(record, &zone).ok()).collect()))
}
