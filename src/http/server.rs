//! The web server: its listeners, its state, and how a request goes through it. A thread and a small runtime of its
//! own, so that pages never hold up a call.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router, middleware};
use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::set_header::SetResponseHeaderLayer;
use tracing::{error, info};

use super::asks::{Answer, Ask, Asked, Obey};
use super::board::Board;
use super::bodies;
use super::idempotency::Idempotency;
use super::listening::{self, Places};
use super::metrics::Meter;
use super::openapi::Parameters;
use super::phones::{self, Phones};
use super::problem::Problem;
use super::routes::recordings::Listenings;
use super::settings::Settings;
use super::signing::{HASHING, HASHING_WAITING, Who};
use super::tries::Tries;
use super::waiting::{WAITING, Waiting};
use super::{guard, openapi, pages};
use crate::moment::Moment;
use crate::peers::hint;
use crate::records::{Access, rfc3339};
use crate::tls::Acceptor;

/// Bytes of a body: a house's files fit, and nothing much larger.
pub const MAX_BODY: usize = 8 * 1024 * 1024;
/// Event streams and WebSockets that are open at once.
pub const STREAMS: usize = 4_000;
/// Reads of records and the like at once; each takes a thread.
const READING: usize = 4;
/// Exports at once; each takes a thread for as long as its reader does.
const EXPORTS: usize = 4;
/// What a page may load and who may show it in a frame: nothing from elsewhere, nobody.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; object-src 'none'; \
                      base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// What the web server is made of.
pub struct Parts {
    pub board: Arc<Board>,
    pub settings: Arc<ArcSwap<Settings>>,
    pub access: Access,
    pub obey: Obey,
    pub now: Arc<dyn Fn() -> Moment + Send + Sync>,
    pub zone: TimeZone,
    /// The data folder.
    pub data: PathBuf,
    pub meter: Option<Meter>,
    pub sign_in_tries: u32,
    /// Whether calls are taken and the disk takes them; the words say why not.
    pub health: Arc<dyn Fn() -> Result<(), String> + Send + Sync>,
    pub phones: Phones,
    /// With it HTTPS is spoken.
    pub tls: Option<Acceptor>,
}

/// The state that every request sees.
pub struct Web {
    pub board: Arc<Board>,
    settings: Arc<ArcSwap<Settings>>,
    pub access: Access,
    pub waiting: Waiting,
    obey: Obey,
    pub now: Arc<dyn Fn() -> Moment + Send + Sync>,
    pub zone: TimeZone,
    pub data: PathBuf,
    meter: Option<Meter>,
    health: Arc<dyn Fn() -> Result<(), String> + Send + Sync>,
    pub phones: Phones,
    pub tries: Tries,
    pub idempotency: Idempotency,
    pub hashing: Arc<Semaphore>,
    /// For those whose password is looked at, and those who wait for that.
    pub hashing_room: Semaphore,
    pub streams: Arc<Semaphore>,
    reading: Arc<Semaphore>,
    pub exports: Arc<Semaphore>,
    pub openapi: String,
    pub parameters: Parameters,
    notices: AtomicUsize,
    pub listenings: Listenings,
}

impl Web {
    pub fn settings(&self) -> Arc<Settings> {
        self.settings.load_full()
    }

    /// Reads something that may take a while, on a thread for that.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let permit = self.reading.clone().acquire_owned().await.ok();
        let work = move || {
            let done = work();
            drop(permit);
            done
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| Problem::broke_off())?
    }

    /// Hands a wish to the house.
    pub async fn ask(&self, who: &Who, ask: Ask) -> Answer {
        (self.obey)(Asked { by: who.id.clone(), ask }).await
    }

    /// The same, where the answer has the form that the document describes.
    pub async fn ask_for<T: DeserializeOwned>(&self, who: &Who, ask: Ask) -> Result<T, Problem> {
        let answer = self.ask(who, ask).await?;
        serde_json::from_value(answer).map_err(|error| {
            error!(%error, "an answer of the house has another form than is told");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the answer could not be told; the log says why")
        })
    }

    pub fn time(&self, at: Moment) -> String {
        rfc3339(at, &self.zone)
    }

    pub fn next_notice(&self) -> String {
        let number = self.notices.fetch_add(1, Ordering::Relaxed);
        format!("{:x}-{number}", (self.now)().as_millis())
    }
}

/// Opens the listeners; all or none.
pub fn bind(listen: &[SocketAddr]) -> Result<Vec<std::net::TcpListener>, String> {
    let open = |addr: &SocketAddr| -> std::io::Result<std::net::TcpListener> {
        let listener = std::net::TcpListener::bind(addr)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    let fault = |addr, error| format!("cannot listen on http:{addr}: {error}{}", hint(&error, "web.listen"));
    listen.iter().map(|addr| open(addr).map_err(|error| fault(addr, error))).collect()
}

/// A thread that waits for the disk (sessions, the audit log) hands its tasks to another: the WebSockets of phones go on.
const WORKERS: usize = 2;
/// Threads for what waits and what takes long; on a disk that hangs, some are left.
const BLOCKING: usize = WAITING + 64;

/// Serves until the process ends.
pub fn start(parts: Parts, listeners: Vec<std::net::TcpListener>) -> std::io::Result<()> {
    let (tls, places) = (parts.tls.clone(), Places::new(parts.settings.clone()));
    let app = router(parts);
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(WORKERS).max_blocking_threads(BLOCKING).thread_name("web-worker").enable_all();
    let runtime = builder.build()?;
    let serve = async move {
        let mut servers = Vec::new();
        for listener in listeners {
            match TcpListener::from_std(listener) {
                Ok(listener) => {
                    let serve = listening::serve(listener, tls.clone(), app.clone(), places.clone());
                    servers.push(tokio::spawn(serve));
                }
                Err(error) => error!(%error, "a listener of the pages"),
            }
        }
        for server in servers {
            if let Err(error) = server.await {
                error!(%error, "the pages are not served any more");
            }
        }
    };
    std::thread::Builder::new().name("web".into()).spawn(move || runtime.block_on(serve)).map(drop)?;
    info!("pages and API are served");
    Ok(())
}

pub(super) fn web(parts: Parts, openapi: String, parameters: Parameters) -> Arc<Web> {
    let Parts { board, settings, access, obey, now, zone, data, meter, sign_in_tries, health, phones, tls: _ } = parts;
    Arc::new(Web {
        board,
        settings,
        access,
        waiting: Waiting::default(),
        obey,
        now,
        zone,
        data,
        meter,
        health,
        phones,
        tries: Tries::new(sign_in_tries),
        idempotency: Idempotency::default(),
        hashing: Arc::new(Semaphore::new(HASHING)),
        hashing_room: Semaphore::new(HASHING + HASHING_WAITING),
        streams: Arc::new(Semaphore::new(STREAMS)),
        reading: Arc::new(Semaphore::new(READING)),
        exports: Arc::new(Semaphore::new(EXPORTS)),
        openapi,
        parameters,
        notices: AtomicUsize::new(0),
        listenings: Listenings::default(),
    })
}

pub(super) fn router(parts: Parts) -> Router {
    let (api, document, parameters) = openapi::api();
    let web = web(parts, document, parameters);
    let guarded = api
        .method_not_allowed_fallback(not_allowed)
        .fallback(nothing)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .route_layer(middleware::from_fn_with_state(web.clone(), guard::guard));
    let fixed = |name, value| SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value));
    Router::new()
        .nest("/api/v1", guarded)
        .route("/sip", get(phones::enter))
        .route("/healthz", get(healthy))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .merge(pages::routes())
        .method_not_allowed_fallback(not_allowed)
        .fallback(nothing)
        .layer(CompressionLayer::new().br(true).gzip(true).compress_when(is_worth_it()))
        .layer(fixed(header::CACHE_CONTROL, "no-store"))
        .layer(fixed(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(fixed(header::REFERRER_POLICY, "same-origin"))
        .layer(fixed(header::CONTENT_SECURITY_POLICY, POLICY))
        .with_state(web)
}

/// Sound does not get smaller, and whoever jumps in it needs to know how long it is; events are told one by one.
fn is_worth_it() -> impl Predicate {
    SizeAbove::default()
        .and(NotForContentType::GRPC)
        .and(NotForContentType::IMAGES)
        .and(NotForContentType::SSE)
        .and(NotForContentType::const_new("audio/"))
}

async fn nothing(headers: HeaderMap, body: Body) -> Response {
    bodies::refuse(Problem::not_found("there is nothing here; /api lists what there is"), &headers, body).await
}

async fn not_allowed(headers: HeaderMap, body: Body) -> Response {
    let what = "this is asked for in another way; /api lists how";
    bodies::refuse(Problem::new(StatusCode::METHOD_NOT_ALLOWED, what), &headers, body).await
}

/// The process runs.
async fn healthy() -> &'static str {
    "ok\n"
}

/// It takes calls, writes them down, and the board shows what was there before.
async fn ready(State(web): State<Arc<Web>>) -> Response {
    let state = if web.board.is_ready() { (web.health)() } else { Err("the board is being read".into()) };
    match state {
        Ok(()) => (StatusCode::OK, Json(serde_json::json!({ "ready": true }))).into_response(),
        Err(why) => Problem::unavailable(why).into_response(),
    }
}

async fn metrics(State(web): State<Arc<Web>>) -> Response {
    let Some(meter) = &web.meter else { return Problem::unavailable("nothing is counted").into_response() };
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
    ([kind], meter.text()).into_response()
}
