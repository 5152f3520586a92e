//! Signing in and out, the seat, and what a page's phone needs to know.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::asks::{Ask, OperatorAct};
use crate::http::facts::IceServer;
use crate::http::guard::From;
use crate::http::metrics;
use crate::http::passwords;
use crate::http::problem::{Body, Problem};
use crate::http::roles::{Role, Roles};
use crate::http::server::Web;
use crate::http::signing::{self, Proof, Who};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// An operator's number, or the id of a `[[web.person]]`.
    #[schema(max_length = 64)]
    name: String,
    #[schema(max_length = 256)]
    password: String,
    /// Where an operator sits; without it they look on, or go on where they were.
    #[schema(max_length = 64)]
    seat: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Session {
    person: Person,
    seat: Option<String>,
    /// To be repeated in the header X-CSRF-Token with each command; programs with a token need none.
    csrf: Option<String>,
    /// That of the house, in which pages show times and mean days, e.g. `Asia/Shanghai`; null: it has no such name.
    time_zone: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Person {
    id: String,
    name: String,
    roles: Roles,
    /// `zh` or `en`; null: that of the browser.
    language: Option<String>,
}

fn session(web: &Web, who: &Who) -> Session {
    let person = &who.person;
    let csrf = match &who.proof {
        Proof::Session { token, .. } => Some(passwords::csrf(token)),
        Proof::Token { .. } | Proof::Password => None,
    };
    let (id, name, language) = (who.id.clone(), person.name.clone(), person.language.clone());
    let person = Person { id, name, roles: person.roles.clone(), language };
    Session { person, seat: who.seat.clone(), csrf, time_zone: web.zone.iana_name().map(String::from) }
}

/// Sign in
///
/// Sets the cookie `hotline`. An operator who names a seat is signed in there, not ready: 409 if a colleague is signed
/// in there (`fields.seat` says who), unless a supervisor takes it. Too many tries: 429.
#[utoipa::path(
    post, path = "/session", tag = "session", request_body = SignIn, security(()),
    responses(
        (status = 200, body = Session), (status = 401, body = Problem), (status = 409, body = Problem),
        (status = 429, body = Problem)
    )
)]
pub async fn sign_in(
    State(web): State<Arc<Web>>,
    Extension(From(from)): Extension<From>,
    headers: HeaderMap,
    Body(given): Body<SignIn>,
) -> Result<Response, Problem> {
    let proved = signing::prove(&web, from, &given.name, &given.password).await;
    let result = match &proved {
        Ok(_) => "ok",
        Err(problem) if problem.status == 429 => "too_many",
        Err(_) => "wrong",
    };
    metrics::counter("hotline_sign_ins_total", &[("result", result)]);
    let person = proved?;
    let is_operator = person.roles.contains(&Role::Operator);
    let mut seat = given.seat.filter(|seat| !seat.is_empty() && is_operator);
    let mut who = Who { id: given.name, person, seat: seat.clone(), proof: Proof::Password };
    if let Some(seat) = seat.clone() {
        signing::unless_taken(&web, &who, &seat).await?;
        web.ask(&who, Ask::Operator { operator: who.id.clone(), act: OperatorAct::SignIn { seat } }).await?;
    } else if is_operator {
        // They are signed in at a seat already: this page is there.
        seat = web.board.operator(&who.id).and_then(|operator| operator.seat);
    }
    // The former session of this browser is over.
    if let Some(former) = signing::cookie(&headers) {
        web.access.end_session(&passwords::token_hash(former))?;
    }
    let token = signing::begin(&web, &who.id, seat.as_deref())?;
    let settings = web.settings();
    let cookie = signing::set_cookie(Some(&token), settings.is_secure(), settings.session_lasts(&who.person));
    let hash = passwords::token_hash(&token);
    (who.seat, who.proof) = (seat, Proof::Session { token, hash });
    Ok(([(header::SET_COOKIE, cookie)], Json(session(&web, &who))).into_response())
}

/// Who is signed in here
///
/// As long as nobody at all has a password, the 401 says so in `no_passwords`, and how to set one in `detail`.
#[utoipa::path(
    get, path = "/session", tag = "session",
    responses((status = 200, body = Session), (status = 401, body = Problem))
)]
pub async fn show(State(web): State<Arc<Web>>, Extension(mut who): Extension<Who>) -> Result<Json<Session>, Problem> {
    who.seat = signing::seat(&web, &who).await?;
    Ok(Json(session(&web, &who)))
}

/// Sign out
///
/// Ends the session; an operator who is signed in at a seat is signed out there too, after a call that is open.
#[utoipa::path(delete, path = "/session", tag = "session", responses((status = 204), (status = 401, body = Problem)))]
pub async fn sign_out(State(web): State<Arc<Web>>, Extension(who): Extension<Who>) -> Result<Response, Problem> {
    if who.is(Role::Operator) && who.seat.is_some() {
        // Whoever is signed out already is that.
        let _ = web.ask(&who, Ask::Operator { operator: who.id.clone(), act: OperatorAct::SignOut }).await;
    }
    if let Proof::Session { hash, .. } = &who.proof {
        web.access.end_session(hash)?;
    }
    let cookie = signing::set_cookie(None, web.settings().is_secure(), std::time::Duration::ZERO);
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Seat {
    /// Null: the operator leaves it.
    #[schema(max_length = 64)]
    seat: Option<String>,
}

/// Sit down at another seat
///
/// 409 if a colleague is signed in there: `fields.seat` says who. Supervisors take it all the same.
#[utoipa::path(
    put, path = "/session/seat", tag = "session", request_body = Option<Seat>,
    responses((status = 200, body = Session), (status = 409, body = Problem))
)]
pub async fn take_seat(
    State(web): State<Arc<Web>>,
    Extension(mut who): Extension<Who>,
    Body(given): Body<Seat>,
) -> Result<Json<Session>, Problem> {
    let seat = given.seat.filter(|seat| !seat.is_empty());
    if let Some(seat) = &seat {
        signing::unless_taken(&web, &who, seat).await?;
    }
    let act = match seat.clone() {
        Some(seat) => OperatorAct::SignIn { seat },
        None => OperatorAct::SignOut,
    };
    web.ask(&who, Ask::Operator { operator: who.id.clone(), act }).await?;
    if let Proof::Session { hash, .. } = &who.proof {
        web.access.set_seat(hash, seat.as_deref())?;
    }
    who.seat = seat;
    Ok(Json(session(&web, &who)))
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Phone {
    /// Its address, e.g. `sip:8001@127.0.0.1:8080`.
    uri: String,
    /// Where SIP is spoken over a WebSocket; the session's cookie proves who it is.
    websocket: String,
    seat: String,
    ice_servers: Vec<IceServer>,
    display_name: String,
}

/// What the page's phone needs to know
#[utoipa::path(
    get, path = "/phone", tag = "session",
    responses((status = 200, body = Phone), (status = 409, body = Problem))
)]
pub async fn phone(
    State(web): State<Arc<Web>>,
    Extension(who): Extension<Who>,
    headers: HeaderMap,
) -> Result<Json<Phone>, Problem> {
    let seat = signing::seat(&web, &who)
        .await?
        .ok_or_else(|| Problem::new(StatusCode::CONFLICT, "you have no seat; PUT /session/seat takes one"))?;
    let facts = web.board.facts();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1");
    let scheme = if web.settings().is_secure() { "wss" } else { "ws" };
    Ok(Json(Phone {
        uri: format!("sip:{seat}@{host}"),
        websocket: format!("{scheme}://{host}/sip"),
        seat,
        ice_servers: facts.ice_servers.clone(),
        display_name: who.person.name.clone(),
    }))
}
