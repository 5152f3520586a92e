//! The routes, and the document that describes them, made from their types.

use std::sync::Arc;

use axum::Router;
use utoipa::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::routes::*;
use super::server::Web;
use super::{events, problem, words};

const ABOUT: &str = "Everything that the pages do, for programs too. People sign in by POST /session and have a cookie; \
                     their commands repeat `csrf` in the header X-CSRF-Token. Programs show a token (`hotline token \
                     create`) as `Authorization: Bearer …`. Commands may carry an Idempotency-Key. Errors are RFC 9457 \
                     problems. Times are RFC 3339 with milliseconds, durations milliseconds.";

#[derive(OpenApi)]
#[openapi(
    info(title = "hotline", description = ABOUT),
    servers((url = "/api/v1")),
    security(("session" = []), ("token" = [])),
    components(schemas(
        problem::Problem, words::QueueNow, words::OperatorNow, words::CallNow, words::Figures, words::Alarm,
        words::Notice, words::ScheduleNow
    ))
)]
struct About;

/// The routes below `/api/v1`, and the document as JSON.
pub fn api() -> (Router<Arc<Web>>, String) {
    let router = OpenApiRouter::with_openapi(About::openapi())
        .routes(routes!(session::sign_in, session::show, session::sign_out))
        .routes(routes!(session::take_seat))
        .routes(routes!(session::phone))
        .routes(routes!(board::board))
        .routes(routes!(events::events))
        .routes(routes!(board::directory))
        .routes(routes!(board::queues))
        .routes(routes!(board::waiting))
        .routes(routes!(board::switch_queue))
        .routes(routes!(board::schedules))
        .routes(routes!(board::switch))
        .routes(routes!(board::add_notice))
        .routes(routes!(board::end_notice))
        .routes(routes!(operators::ready))
        .routes(routes!(operators::not_ready))
        .routes(routes!(operators::sign_out))
        .routes(routes!(operators::extend_wrap_up))
        .routes(routes!(operators::end_wrap_up))
        .routes(routes!(operators::today))
        .routes(routes!(operators::callbacks))
        .routes(routes!(calls::list))
        .routes(routes!(calls::one))
        .routes(routes!(calls::caller))
        .routes(routes!(calls::explain))
        .routes(routes!(calls::order))
        .routes(routes!(calls::move_to))
        .routes(routes!(records::list))
        .routes(routes!(records::csv))
        .routes(routes!(records::jsonl))
        .routes(routes!(recordings::recording))
        .routes(routes!(config::in_force))
        .routes(routes!(config::versions))
        .routes(routes!(config::diff))
        .routes(routes!(config::check))
        .routes(routes!(config::simulate))
        .routes(routes!(config::reload))
        .routes(routes!(config::rollback))
        .routes(routes!(config::audit))
        .routes(routes!(config::document));
    let (router, mut document) = router.split_for_parts();
    let components = document.components.get_or_insert_default();
    let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(super::signing::COOKIE)));
    let token = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    components.add_security_scheme("session", cookie);
    components.add_security_scheme("token", token);
    (router, document.to_pretty_json().unwrap_or_default())
}
