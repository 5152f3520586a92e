//! What is asked over HTTP, and how it is answered: one file for each kind of thing.

pub mod board;
pub mod calls;
pub mod config;
pub mod notices;
pub mod operators;
pub mod recordings;
pub mod records;
pub mod session;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// It is accepted; what comes of it is told by the events.
#[derive(Debug, Serialize, ToSchema)]
pub struct Accepted {}

pub(super) fn accepted() -> Response {
    (StatusCode::ACCEPTED, Json(Accepted {})).into_response()
}
