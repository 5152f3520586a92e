//! Notices: what supervisors have to say to everybody. They are kept, so that a restart takes none away.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tracing::warn;
use utoipa::ToSchema;

use super::board::moment;
use crate::http::board::Board;
use crate::http::problem::{Body, Problem};
use crate::http::server::Web;
use crate::http::signing::Who;
use crate::http::words::Notice;
use crate::moment::Moment;
use crate::records::{Access, KeptNotice, StoreFault};

/// Letters of a notice.
const LONGEST: usize = 500;
/// Notices at once.
const AT_ONCE: usize = 50;
/// One that says no end is over after so long: nobody reads it any more.
const LASTS: Duration = Duration::from_secs(30 * 24 * 3600);

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewNotice {
    #[schema(max_length = 500)]
    text: String,
    #[serde(default)]
    level: Level,
    /// RFC 3339; without it it stays until it is taken away, for 30 days at most.
    #[schema(format = DateTime)]
    until: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    #[default]
    Info,
    Warning,
    Urgent,
}

/// Say something to everybody
#[utoipa::path(
    post, path = "/notices", tag = "notices", request_body = NewNotice,
    responses((status = 201, body = Notice), (status = 422, body = Problem))
)]
pub async fn add_notice(
    State(web): State<Arc<Web>>,
    Extension(who): Extension<Who>,
    Body(given): Body<NewNotice>,
) -> Result<Response, Problem> {
    let text = given.text.trim().to_string();
    if text.is_empty() {
        return Err(Problem::bad("text", "a notice says something"));
    }
    Problem::unless_short("text", &text, LONGEST)?;
    if web.board.notices().len() >= AT_ONCE {
        return Err(Problem::new(StatusCode::CONFLICT, "there are too many notices; take some away first"));
    }
    let level = match given.level {
        Level::Info => "info",
        Level::Warning => "warning",
        Level::Urgent => "urgent",
    };
    let now = (web.now)();
    let until = given.until.as_deref().map(|text| moment("until", text)).transpose()?;
    if until.is_some_and(|until| until <= now) {
        return Err(Problem::bad("until", "this time has passed"));
    }
    let (at, ends_at) = (web.time(now), until.unwrap_or(now + LASTS));
    let (id, level) = (web.next_notice(), level.to_string());
    let until = until.map(|until| web.time(until));
    let notice = Notice { id, text, level, by: who.person.name, at: at.clone(), until };
    let text = serde_json::to_string(&notice).map_err(|_| Problem::broke_off())?;
    // What everybody was told is there after a restart, too.
    web.access.keep_notice(&KeptNotice { id: notice.id.clone(), ends_at, text }, now)?;
    web.board.put_notice(&at, notice.clone(), ends_at);
    Ok((StatusCode::CREATED, Json(notice)).into_response())
}

/// Take a notice away
#[utoipa::path(
    delete, path = "/notices/{id}", tag = "notices", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = Problem))
)]
pub async fn end_notice(State(web): State<Arc<Web>>, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    let at = web.time((web.now)());
    web.access.forget_notice(&id)?;
    match web.board.end_notice(&at, &id) {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::not_found(format!("there is no notice {id}"))),
    }
}

/// What a former process was told to say to everybody, and is not over yet, stands on the board again.
pub fn show_kept(access: &Access, board: &Board, now: Moment, at: &str) -> Result<(), StoreFault> {
    for KeptNotice { id, ends_at, text } in access.notices(now)? {
        match serde_json::from_str(&text) {
            Ok(notice) => board.put_notice(at, notice, ends_at),
            Err(error) => warn!(id, %error, "a notice that was kept cannot be read"),
        }
    }
    Ok(())
}
