//! What every request passes: who asks, whether the door is open to them, whether a browser sent it from our own
//! pages, whether it was sent before; and afterwards the audit log.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{ConnectInfo, MatchedPath, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::bodies::{self, STRANGERS_BODY};
use super::idempotency::{LONGEST_KEY, Seen};
use super::listening::Remote;
use super::metrics;
use super::openapi::Parameters;
use super::passwords;
use super::problem::Problem;
use super::roles::{self, Door};
use super::server::{MAX_BODY, Web};
use super::signing::{self, LONGEST_NAME, Proof, Who};
use crate::records::{Audit, KeptAnswer, NOBODY};

/// What is kept of a command in the audit log.
pub const AUDITED: usize = 500;
/// Whoever asks while the house opens waits so long for the board that it is asked of.
const BOARD_PATIENCE: Duration = Duration::from_secs(5);
/// So often, and after such pauses, it is looked whether the same command is done that is underway.
const UNDERWAY_LOOKS: u32 = 60;
const UNDERWAY_PAUSE: Duration = Duration::from_millis(100);
const IDEMPOTENCY: &str = "idempotency-key";
const SESSION: &str = "/session";
const CSRF: &str = "x-csrf-token";

pub async fn guard(
    State(web): State<Arc<Web>>,
    ConnectInfo(Remote(remote)): ConnectInfo<Remote>,
    request: Request,
    next: Next,
) -> Response {
    let from = origin_address(&web, request.headers(), remote);
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_string()).unwrap_or_default();
    let began = (web.now)();
    let (mut parts, body) = request.into_parts();
    let response = match admit(&web, from, &path, &mut parts).await {
        // How it is asked for instead, the router says.
        Ok(_) if roles::door(method.as_str(), &path).is_none() => next.run(Request::from_parts(parts, body)).await,
        Ok(who) => obey(web.clone(), who, Request::from_parts(parts, body), next, from).await,
        Err(problem) => bodies::refuse(problem, &parts.headers, body).await,
    };
    let seconds = (web.now)().since(began).as_secs_f64();
    metrics::requested(&method, &path, response.status(), seconds);
    response
}

/// Lets the request in, with who asks as its extension, or says why not.
async fn admit(web: &Web, from: IpAddr, path: &str, request: &mut Parts) -> Result<Option<Who>, Problem> {
    let door = match roles::door(request.method.as_str(), path) {
        Some(door) => door,
        None if roles::leads_somewhere(path) => return Ok(None),
        None => return Err(Problem::not_found("there is nothing here; /api lists what there is")),
    };
    let who = signing::who(web, &request.headers).await?;
    let changes = !matches!(request.method, Method::GET | Method::HEAD | Method::OPTIONS);
    let upgrades = request.headers.contains_key(header::UPGRADE);
    let by_browser = who.as_ref().is_none_or(|who| matches!(who.proof, Proof::Session { .. }));
    if (changes || upgrades) && by_browser {
        check_origin(&request.headers, upgrades)?;
    }
    if door != Door::Open {
        let who = who.as_ref().ok_or_else(|| signing::unknown_to(web, &request.headers))?;
        if !door.lets_in(&who.person.roles) {
            // Of what only reads, one in a minute: nobody pushes out the entries of others by asking again and again.
            if changes || web.tries.is_news((web.now)(), from) {
                let what = audited(&request.method, request.uri.path(), &Bytes::new());
                match web.waiting.to_write().await {
                    Ok(_place) => write_down(web, who.id.clone(), what, from, StatusCode::FORBIDDEN),
                    Err(_) => tracing::error!(what, who = who.id, "refused, and not written into the audit log"),
                }
            }
            return Err(Problem::forbidden("this is for others than you; your roles do not allow it"));
        }
        if changes && let Proof::Session { token, .. } = &who.proof {
            let shown = request.headers.get(CSRF).and_then(|value| value.to_str().ok()).unwrap_or_default();
            if !passwords::same(shown, &passwords::csrf(token)) {
                let what = "the header X-CSRF-Token must repeat `csrf` of GET /api/v1/session";
                return Err(Problem::forbidden(what));
            }
        }
    }
    check_query(&web.parameters, &request.method, path, &request.uri)?;
    board_is_read(web).await?;
    if let Some(who) = &who {
        request.extensions.insert(who.clone());
    }
    request.extensions.insert(From(from));
    Ok(who)
}

/// An empty board knows no operator, no call and no queue, and would say so of those that are there.
async fn board_is_read(web: &Web) -> Result<(), Problem> {
    let being_read = |_| Problem::unavailable("the hotline is opening; try again").after(1);
    tokio::time::timeout(BOARD_PATIENCE, web.board.wait_read()).await.map_err(being_read)
}

/// A slip behind the `?` is told: a filter that nobody knows would let everything through.
fn check_query(known: &Parameters, method: &Method, path: &str, uri: &Uri) -> Result<(), Problem> {
    // As their doors.
    let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
    let path = path.strip_prefix("/api/v1").unwrap_or(path);
    let allowed = known.iter().find(|((of, at), _)| *of == method && at == path).map(|(_, allowed)| allowed);
    let wrong = |error: QueryRejection| Problem::bad("", error.body_text());
    let Query(asked): Query<Vec<(String, String)>> = Query::try_from_uri(uri).map_err(wrong)?;
    for (name, _) in asked {
        if !allowed.is_some_and(|allowed| allowed.contains(&name)) {
            let what = match allowed.filter(|allowed| !allowed.is_empty()) {
                Some(allowed) => format!("found {name:?}; {} are allowed", allowed.join(", ")),
                None => format!("found {name:?}; nothing is allowed behind the `?` here"),
            };
            return Err(Problem::bad(&name, what));
        }
    }
    Ok(())
}

/// The address that asks.
#[derive(Clone, Copy, Debug)]
pub struct From(pub IpAddr);

/// Behind a proxy: the last address that it wrote down.
pub fn origin_address(web: &Web, headers: &HeaderMap, remote: SocketAddr) -> IpAddr {
    let told = headers.get_all("x-forwarded-for").iter().next_back();
    let last = told.and_then(|value| value.to_str().ok()).and_then(|text| text.rsplit(',').next());
    let last = last.and_then(|address| address.trim().parse().ok());
    if web.settings().proxy { last.unwrap_or(remote.ip()) } else { remote.ip() }
}

/// A browser says which page it was that asked: it must be one of ours. Other programs say nothing, and have no
/// cookie that somebody else's page could use; on a WebSocket they must say it too.
pub fn check_origin(headers: &HeaderMap, required: bool) -> Result<(), Problem> {
    let foreign = || Problem::forbidden("the request comes from another site's page");
    let Some(origin) = headers.get(header::ORIGIN) else {
        return if required && headers.contains_key(header::COOKIE) { Err(foreign()) } else { Ok(()) };
    };
    let origin = origin.to_str().map_err(|_| foreign())?;
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let own = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    if own.is_some_and(|own| own.eq_ignore_ascii_case(host)) { Ok(()) } else { Err(foreign()) }
}

/// Passes the request on; a command is done once for its idempotency key, and written into the audit log.
async fn obey(web: Arc<Web>, who: Option<Who>, request: Request, next: Next, from: IpAddr) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let most = if who.is_some() { MAX_BODY } else { STRANGERS_BODY };
    let body = match bodies::hear(&parts.headers, body, most).await {
        Ok(body) => body,
        Err(refused) => return refused,
    };
    // Whoever is slow to say what they want holds up nobody.
    let place = match web.waiting.to_write().await {
        Ok(place) => place,
        Err(problem) => return problem.into_response(),
    };
    // What is done is written into the audit log beside it; what only reads is answered from a full disk, too.
    if who.is_some()
        && let Err(fault) = web.access.catch_up()
    {
        return Problem::from(fault).into_response();
    }
    let command = Command { who, parts, body, from };
    // Whoever hangs up meanwhile cancels nothing: what was begun is finished, kept for its key and written down.
    let done = tokio::spawn(async move {
        let _place = place;
        command.obey(&web, next).await
    })
    .await;
    done.unwrap_or_else(|_| Problem::broke_off().into_response())
}

struct Command {
    who: Option<Who>,
    parts: Parts,
    body: Bytes,
    from: IpAddr,
}

impl Command {
    async fn obey(self, web: &Web, next: Next) -> Response {
        let Command { who, parts, body, from } = self;
        let path = parts.uri.path().to_string();
        let signs_in = path.ends_with(SESSION) && parts.method == Method::POST;
        let name = who.map(|who| who.id);
        let what = audited(&parts.method, &path, &body);
        let key = match parts.headers.get(IDEMPOTENCY).map(|key| key.to_str().unwrap_or_default().to_string()) {
            Some(key) if key.is_empty() || key.len() > LONGEST_KEY => {
                return Problem::bad("", format!("an Idempotency-Key has 1 to {LONGEST_KEY} letters")).into_response();
            }
            // Who signs in is given another session each time.
            key => key.filter(|_| !signs_in).and_then(|key| Some((name.clone()?, key))),
        };
        if let Some((name, key)) = &key {
            let hash = passwords::token_hash(&format!("{} {} {:x?}", parts.method, parts.uri, Sha256::digest(&body)));
            let begin = || web.idempotency.begin(&web.access, (web.now)(), name, key, &hash);
            let mut seen = begin();
            // Whoever asks again because the connection broke is to hear what came of it.
            for _ in 0..UNDERWAY_LOOKS {
                if !matches!(seen, Ok(Seen::Underway)) {
                    break;
                }
                tokio::time::sleep(UNDERWAY_PAUSE).await;
                seen = begin();
            }
            match seen {
                Ok(Seen::New) => {}
                Ok(seen) => return again(seen),
                Err(fault) => return Problem::from(fault).into_response(),
            }
        }
        let signed_in = signs_in.then(|| field_in(&body, "name")).flatten();
        let mut response = next.run(Request::from_parts(parts, Body::from(body))).await;
        if let Some((name, key)) = &key {
            response = keep(web, name, key, response).await;
        }
        let status = response.status();
        let who = match (name, signed_in) {
            (_, Some(name)) if status.is_success() => name,
            (Some(name), _) => name,
            // Of strangers it is of interest who was refused or tried too often, not who sent nonsense.
            (None, _)
                if status == StatusCode::TOO_MANY_REQUESTS && signs_in && web.tries.is_news((web.now)(), from) =>
            {
                NOBODY.into()
            }
            (None, _) if status != StatusCode::UNAUTHORIZED => return response,
            (None, _) => NOBODY.into(),
        };
        write_down(web, who, what, from, status);
        response
    }
}

/// What is not a command and stands in the audit log all the same.
pub async fn told(web: &Web, audit: &Audit) -> Result<(), Problem> {
    let _place = web.waiting.to_write().await?;
    web.access.write_audit(audit).map_err(|fault| Problem::unavailable(fault.to_string()))
}

fn write_down(web: &Web, who: String, what: String, from: IpAddr, status: StatusCode) {
    let (at, result) = ((web.now)(), status.as_u16().to_string());
    let audit = Audit { id: 0, at, who, what, from: from.to_string(), result };
    if let Err(fault) = web.access.write_audit(&audit) {
        tracing::error!(%fault, what = audit.what, "not written into the audit log");
    }
}

/// The answer to a command that was sent before.
fn again(seen: Seen) -> Response {
    let conflict = |what: &str| Problem::new(StatusCode::CONFLICT, what).into_response();
    match seen {
        Seen::Done(kept) => repeated(kept),
        Seen::Other => Problem::bad("", "this Idempotency-Key was used for another command").into_response(),
        Seen::BrokenOff => conflict(
            "the hotline ended while this command was being done, and it is not known how far it came; look, and ask \
             again with another Idempotency-Key if it is still to be done",
        ),
        Seen::New | Seen::Underway => conflict("the same command is being done at this moment"),
    }
}

/// A name that a body gives somebody.
fn field_in(body: &Bytes, field: &str) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    Some(body.get(field)?.as_str()?.chars().take(LONGEST_NAME).collect())
}

/// Passwords and files are not written down. For whom a program acts is, however much it says.
fn audited(method: &Method, path: &str, body: &Bytes) -> String {
    let told = path.strip_prefix("/api/v1").unwrap_or(path);
    let text = String::from_utf8_lossy(body);
    let shown: String = match path.ends_with(SESSION) || path.ends_with("/check") || path.ends_with("/simulate") {
        true => field_in(body, "name").unwrap_or_default(),
        false => text.chars().take(AUDITED).collect(),
    };
    let by = if path.ends_with("/orders") { field_in(body, "by") } else { None };
    let by = by.map_or(String::new(), |by| format!("by {by} "));
    format!("{method} {told} {by}{shown}").trim_end().to_string()
}

/// Keeps an answer for the key of its command.
async fn keep(web: &Web, name: &str, key: &str, response: Response) -> Response {
    let written = |result: Result<(), crate::records::StoreFault>| {
        if let Err(fault) = result {
            tracing::error!(%fault, "what a command came to is not written down");
        }
    };
    let status = response.status();
    if may_be_put_right(status) {
        written(web.idempotency.forget(&web.access, name, key));
        return response;
    }
    let (parts, body) = response.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        written(web.idempotency.forget(&web.access, name, key));
        return Problem::broke_off().into_response();
    };
    let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(String::from);
    let kept = KeptAnswer { status: status.as_u16(), content_type, body: body.to_vec() };
    written(web.idempotency.done(&web.access, name, key, kept));
    Response::from_parts(parts, Body::from(body))
}

/// Nothing was done: what failed on our side may be tried again, and what was written wrongly may be sent as it was meant,
/// under the same key.
fn may_be_put_right(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(
            status,
            StatusCode::BAD_REQUEST
                | StatusCode::PAYLOAD_TOO_LARGE
                | StatusCode::UNPROCESSABLE_ENTITY
                | StatusCode::TOO_MANY_REQUESTS
        )
}

fn repeated(kept: KeptAnswer) -> Response {
    let status = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK);
    let mut response = (status, kept.body).into_response();
    // Without a body there is no type of one.
    response.headers_mut().remove(header::CONTENT_TYPE);
    let content_type = kept.content_type.and_then(|text| HeaderValue::from_str(&text).ok());
    if let Some(content_type) = content_type {
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    }
    response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::tests::web;

    #[tokio::test(start_paused = true)]
    async fn whoever_asks_while_the_board_is_read_waits_for_it_and_is_told_to_ask_again() {
        let web = web();
        let ask = async || {
            let path = "/api/v1/session";
            let (mut request, ()) = axum::http::Request::post(path).body(()).unwrap().into_parts();
            admit(&web, IpAddr::from([127, 0, 0, 1]), path, &mut request).await
        };
        let refused = ask().await.unwrap_err().into_response();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused.headers()[header::RETRY_AFTER], "1");
        let reads = async {
            tokio::time::sleep(BOARD_PATIENCE / 2).await;
            web.board.set_ready();
        };
        assert!(tokio::join!(ask(), reads).0.is_ok());
        let given_up = crate::http::tests::web();
        given_up.board.break_off();
        assert!(!given_up.board.is_ready());
        assert!(board_is_read(&given_up).await.is_ok(), "nobody waits for what does not come");
    }

    #[test]
    fn only_our_own_pages_may_ask() {
        let cases = [
            // Origin, Host, with a cookie, required, allowed
            (Some("http://127.0.0.1:8080"), "127.0.0.1:8080", true, true, true),
            (Some("https://hotline.example"), "hotline.example", true, false, true),
            (Some("https://evil.example"), "hotline.example", true, false, false),
            (Some("https://hotline.example.evil"), "hotline.example", true, false, false),
            (Some("http://127.0.0.1:9090"), "127.0.0.1:8080", true, true, false),
            (Some("null"), "hotline.example", true, false, false),
            (None, "hotline.example", true, false, true),
            (None, "hotline.example", true, true, false),
            (None, "hotline.example", false, true, true),
        ];
        for (origin, host, with_cookie, required, allowed) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            if with_cookie {
                headers.insert(header::COOKIE, "hotline=x".parse().unwrap());
            }
            assert_eq!(check_origin(&headers, required).is_ok(), allowed, "{origin:?} {host} {required}");
        }
    }

    #[test]
    fn what_a_route_does_not_know_behind_the_question_mark_is_refused_by_name() {
        let (_, _, known) = crate::http::openapi::api();
        let ask = |method: Method, path: &str, query: &str| {
            let uri: Uri = format!("/api/v1{path}?{query}").parse().unwrap();
            check_query(&known, &method, &format!("/api/v1{path}"), &uri)
        };
        for path in ["/records", "/records.csv", "/records.jsonl"] {
            assert!(ask(Method::GET, path, "queue=english&since=today").is_ok(), "{path}");
            assert!(ask(Method::HEAD, path, "").is_ok(), "{path}");
            let problem = ask(Method::GET, path, "since=today&quue=english").unwrap_err();
            let told = problem.fields.get("quue").unwrap();
            assert!(problem.status == 422 && told.contains("queue"), "{path}: {told}");
        }
        assert!(ask(Method::GET, "/records", "limit=3&cursor=x").is_ok());
        assert!(ask(Method::GET, "/records.csv", "limit=3").is_err());
        assert!(ask(Method::GET, "/events", "after=e-1").is_ok());
        assert!(ask(Method::POST, "/config/reload", "dry-run=true").is_err());
        assert!(ask(Method::GET, "/board", "").is_ok() && ask(Method::GET, "/board", "x").is_err());
    }

    #[test]
    fn what_was_done_or_refused_for_good_is_kept_for_its_key_and_what_was_written_wrongly_is_not() {
        let kept = |status: u16| !may_be_put_right(StatusCode::from_u16(status).unwrap());
        assert!([200, 201, 202, 204, 403, 404, 409, 410].into_iter().all(kept));
        assert!(![400, 413, 422, 429, 500, 503].into_iter().any(kept));
    }

    #[test]
    fn no_password_is_written_into_the_audit_log() {
        let body = Bytes::from_static(br#"{"name":"mei","password":"secret"}"#);
        let what = audited(&Method::POST, "/api/v1/session", &body);
        assert_eq!(what, "POST /session mei");
        let what = audited(&Method::POST, "/api/v1/notices", &Bytes::from_static(br#"{"text":"hi"}"#));
        assert_eq!(what, r#"POST /notices {"text":"hi"}"#);
    }

    #[test]
    fn for_whom_a_program_acted_is_in_the_audit_log_however_much_it_said() {
        let text = "x".repeat(4_000);
        let body = format!(r#"{{"order":"note","text":"{text}","by":"1010"}}"#);
        let what = audited(&Method::POST, "/api/v1/calls/1/orders", &Bytes::from(body));
        assert!(what.starts_with(r#"POST /calls/1/orders by 1010 {"order":"note","#) && what.len() < 600, "{what}");
    }
}
