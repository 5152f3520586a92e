//! What admins ask of the files, and the audit log.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::http::asks::Ask;
use crate::http::problem::{Asking, Body, Problem};
use crate::http::server::Web;
use crate::http::signing::Who;

/// Files of a house that are sent in.
const FILES: usize = 64;
/// Letters of why something takes effect.
const LONGEST_NOTE: usize = 500;
const AUDITS: usize = 100;
const MOST_AUDITS: usize = 1_000;

/// The configuration in force: its version and its files, secrets masked
#[utoipa::path(get, path = "/config", tag = "config", responses((status = 200, body = Object)))]
pub async fn in_force(State(web): State<Arc<Web>>, Extension(who): Extension<Who>) -> Result<Json<Value>, Problem> {
    Ok(Json(web.ask(&who, Ask::Config).await?))
}

/// The configurations that took effect, the latest first: when, by whom, why, what was different
#[utoipa::path(get, path = "/config/versions", tag = "config", responses((status = 200, body = Vec<Object>)))]
pub async fn versions(State(web): State<Arc<Web>>, Extension(who): Extension<Who>) -> Result<Json<Value>, Problem> {
    Ok(Json(web.ask(&who, Ask::Versions).await?))
}

/// What is different between two versions, in words and line by line
#[utoipa::path(
    get, path = "/config/versions/{from}/diff/{to}", tag = "config",
    params(("from" = u64, Path), ("to" = u64, Path)),
    responses((status = 200, body = Object), (status = 404, body = Problem))
)]
pub async fn diff(
    State(web): State<Arc<Web>>,
    Extension(who): Extension<Who>,
    Path((from, to)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let number = |text: &str| text.parse().map_err(|_| Problem::not_found(format!("there is no version {text}")));
    Ok(Json(web.ask(&who, Ask::Diff { from: number(&from)?, to: number(&to)? }).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// By their names within the folder; those that are not named are as they are in force. A mask of `GET /config`
    /// stands for the secret in whose place it was shown.
    files: BTreeMap<String, String>,
}

fn few(files: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Problem> {
    if files.len() > FILES {
        return Err(Problem::bad("files", format!("at most {FILES} files are looked at")));
    }
    Ok(files)
}

/// Check files without letting them take effect: faults, warnings, and what would change
#[utoipa::path(
    post, path = "/config/check", tag = "config", request_body = Files,
    responses((status = 200, body = Object), (status = 422, body = Problem))
)]
pub async fn check(
    State(web): State<Arc<Web>>,
    Extension(who): Extension<Who>,
    Body(Files { files }): Body<Files>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(web.ask(&who, Ask::Check { files: few(files)? }).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// As of `/config/check`.
    files: BTreeMap<String, String>,
    /// A day of the records, e.g. 2026-11-25, is played; without it a working day of a large city.
    #[schema(format = Date)]
    recorded: Option<String>,
}

/// A day that was played twice with the same callers. Beside these fields: all that `hotline simulate --format json`
/// tells.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Simulated {
    /// For people: the table of `hotline simulate`.
    report: String,
    /// Those in which anybody called.
    quarters: Vec<PlayedQuarter>,
    #[serde(flatten)]
    #[schema(value_type = Object)]
    more: BTreeMap<String, Value>,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct PlayedQuarter {
    /// Minutes after midnight at which it begins.
    minute: u32,
    /// With the files in force.
    before: Played,
    /// With those that were sent.
    after: Played,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Played {
    /// Calls that arrived in this quarter.
    offered: f64,
    /// Those of them that were answered in time, 0 to 1; null where nobody called.
    service_level: Option<f64>,
    longest_wait_ms: Option<f64>,
}

/// Play a day with the configuration in force and with these files beside it
#[utoipa::path(
    post, path = "/config/simulate", tag = "config", request_body = Trial,
    responses((status = 200, body = Simulated), (status = 422, body = Problem), (status = 429, body = Problem))
)]
pub async fn simulate(
    State(web): State<Arc<Web>>,
    Extension(who): Extension<Who>,
    Body(Trial { files, recorded }): Body<Trial>,
) -> Result<Json<Simulated>, Problem> {
    let date = |text: String| match text.parse() {
        Ok(date) => Ok(date),
        Err(_) => Err(Problem::bad("recorded", format!("found {text:?}; a date is meant, e.g. 2026-11-25"))),
    };
    let recorded = recorded.filter(|text| !text.is_empty()).map(date).transpose()?;
    Ok(Json(web.ask_for(&who, Ask::Simulate { files: few(files)?, recorded }).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reload {
    /// Why.
    #[serde(default)]
    #[schema(max_length = 500)]
    note: String,
    /// Only tell what would change.
    #[serde(default)]
    dry_run: bool,
}

/// Let the files of the folder take effect
#[utoipa::path(
    post, path = "/config/reload", tag = "config", request_body = Option<Reload>,
    responses((status = 200, body = Object), (status = 409, body = Problem), (status = 422, body = Problem))
)]
pub async fn reload(
    State(web): State<Arc<Web>>,
    Extension(who): Extension<Who>,
    Body(Reload { note, dry_run }): Body<Reload>,
) -> Result<Json<Value>, Problem> {
    Problem::unless_short("note", &note, LONGEST_NOTE)?;
    Ok(Json(web.ask(&who, Ask::Reload { note, dry_run }).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rollback {
    /// The version; without it the one before the present one.
    to: Option<u64>,
    #[serde(default)]
    #[schema(max_length = 500)]
    note: String,
}

/// Put the files of an earlier version back, and let them take effect
#[utoipa::path(
    post, path = "/config/rollback", tag = "config", request_body = Option<Rollback>,
    responses((status = 200, body = Object), (status = 409, body = Problem), (status = 422, body = Problem))
)]
pub async fn rollback(
    State(web): State<Arc<Web>>,
    Extension(who): Extension<Who>,
    Body(Rollback { to, note }): Body<Rollback>,
) -> Result<Json<Value>, Problem> {
    Problem::unless_short("note", &note, LONGEST_NOTE)?;
    Ok(Json(web.ask(&who, Ask::Rollback { to, note }).await?))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Before {
    /// Only entries with smaller numbers.
    before: Option<i64>,
    /// 1 to 1000; 100 if it is not said.
    limit: Option<usize>,
}

/// What somebody did or tried
#[derive(Debug, Serialize, ToSchema)]
pub struct Entry {
    id: i64,
    at: String,
    who: String,
    what: String,
    from: String,
    /// The status of the answer.
    result: String,
}

/// Who did what, the latest first
#[utoipa::path(get, path = "/audit", tag = "config", params(Before), responses((status = 200, body = Vec<Entry>)))]
pub async fn audit(State(web): State<Arc<Web>>, Asking(asked): Asking<Before>) -> Result<Json<Vec<Entry>>, Problem> {
    let limit = asked.limit.unwrap_or(AUDITS);
    if !(1..=MOST_AUDITS).contains(&limit) {
        return Err(Problem::bad("limit", format!("found {limit}; from 1 to {MOST_AUDITS} is allowed")));
    }
    let audits = web.access.audits(asked.before, limit)?;
    let entry = |audit: crate::records::Audit| {
        let at = web.time(audit.at);
        Entry { id: audit.id, at, who: audit.who, what: audit.what, from: audit.from, result: audit.result }
    };
    Ok(Json(audits.into_iter().map(entry).collect()))
}

/// This document
#[utoipa::path(get, path = "/openapi.json", tag = "config", security(()), responses((status = 200, body = Object)))]
pub async fn document(State(web): State<Arc<Web>>) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], web.openapi.clone()).into_response()
}
