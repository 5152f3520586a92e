//! The routes, and the document that describes them, made from their types.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, Ref, RefOr, ResponseBuilder, Schema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::roles::{DOORS, Door};
use super::routes::*;
use super::server::Web;
use super::signing::LONGEST_NAME;
use super::{events, problem, words};

const ABOUT: &str = "Everything that the pages do, for programs too. People sign in by POST /session and have a cookie; \
                     their commands repeat `csrf` in the header X-CSRF-Token. Programs show a token (`hotline token \
                     create`) as `Authorization: Bearer …`, and say `by` for whom they act in a call. Commands may carry an Idempotency-Key. Errors are RFC 9457 \
                     problems. Times are RFC 3339 with milliseconds, durations milliseconds.";

#[derive(OpenApi)]
#[openapi(
    info(title = "hotline", description = ABOUT),
    servers((url = "/api/v1")),
    security(("session" = []), ("token" = [])),
    components(schemas(
        problem::Problem, words::QueueNow, words::OperatorNow, words::CallNow, words::CallbackNow, words::Figures,
        words::Alarm, words::Notice, words::ScheduleNow
    ))
)]
struct About;

/// What may stand behind the `?`, by method and path.
pub type Parameters = BTreeMap<(&'static str, String), Vec<String>>;

/// The routes below `/api/v1`, the document as JSON, and what may be asked of which route.
pub fn api() -> (Router<Arc<Web>>, String, Parameters) {
    let router = OpenApiRouter::with_openapi(About::openapi())
        .routes(routes!(session::sign_in, session::show, session::sign_out))
        .routes(routes!(session::take_seat))
        .routes(routes!(session::phone))
        .routes(routes!(board::board))
        .routes(routes!(events::events))
        .routes(routes!(board::directory))
        .routes(routes!(board::queues))
        .routes(routes!(board::waiting))
        .routes(routes!(board::callbacks))
        .routes(routes!(board::switch_queue))
        .routes(routes!(board::schedules))
        .routes(routes!(board::switch))
        .routes(routes!(notices::add_notice))
        .routes(routes!(notices::end_notice))
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
        .routes(routes!(recordings::peaks))
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
    if let Some(RefOr::T(Schema::OneOf(orders))) = components.schemas.get_mut("Order") {
        for order in &mut orders.items {
            if let RefOr::T(Schema::Object(order)) = order {
                order.properties.insert("by".into(), acts_for());
                order.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
            }
        }
    }
    let mut parameters = Parameters::new();
    for (path, item) in &mut document.paths.paths {
        let methods =
            [("GET", &mut item.get), ("POST", &mut item.post), ("PUT", &mut item.put), ("DELETE", &mut item.delete)];
        for (method, operation) in methods {
            if let Some(operation) = operation {
                add_problems(method, path, operation);
                let name = |parameter: &RefOr<Parameter>| match parameter {
                    RefOr::T(parameter) if matches!(parameter.parameter_in, ParameterIn::Query) => {
                        Some(parameter.name.clone())
                    }
                    RefOr::T(_) | RefOr::Ref(_) => None,
                };
                let names = operation.parameters.iter().flatten().filter_map(name).collect();
                parameters.insert((method, path.clone()), names);
            }
        }
    }
    (router, document.to_pretty_json().unwrap_or_default(), parameters)
}

/// What may stand beside the fields of every order.
fn acts_for() -> RefOr<Schema> {
    let about = "Said by programs alone, and by them always: for whom they act, the call's operator or a supervisor.";
    let text = ObjectBuilder::new().schema_type(Type::String).max_length(Some(LONGEST_NAME)).description(Some(about));
    text.build().into()
}

/// What every route may answer instead of what is asked for, and in which form; what a route says itself stays.
fn add_problems(method: &str, path: &str, operation: &mut Operation) {
    let is_open = DOORS.iter().any(|(of, at, door)| *of == method && *at == path && *door == Door::Open);
    let commands = method != "GET";
    let has_body = operation.request_body.is_some();
    let general: [(&str, bool, &str); 10] = [
        ("401", !is_open, "nobody is signed in"),
        ("403", !is_open || commands, "not for this role, or not from one of our pages"),
        ("404", path.contains('{'), "there is no such thing"),
        ("408", has_body, "the body came too slowly"),
        ("409", commands, "not in the present state, or a command with this Idempotency-Key is being done"),
        ("413", has_body, "the body is too large"),
        ("422", true, "what was sent makes no sense; `fields` says where"),
        ("429", true, "too much at once; Retry-After says when to ask again"),
        ("500", true, "a fault of the hotline"),
        ("503", true, "the hotline is closing, or its disk takes nothing"),
    ];
    let responses = &mut operation.responses.responses;
    for (status, applies, what) in general {
        if applies {
            responses.entry(status.into()).or_insert_with(|| ResponseBuilder::new().description(what).build().into());
        }
    }
    for (_, response) in responses.iter_mut().filter(|(status, _)| status.starts_with(['4', '5'])) {
        if let RefOr::T(response) = response {
            let problem = Content::new(Some(Ref::from_schema_name("Problem")));
            response.content = [("application/problem+json".to_string(), problem.into())].into_iter().collect();
        }
    }
}
