//! The pages, as they were built into the program. A program that was built without them says so.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use rust_embed::RustEmbed;

use super::problem::Problem;
use super::roles::Role;
use super::server::Web;
use super::signing;

/// What `web/` is built into.
#[derive(RustEmbed)]
#[folder = "web/dist"]
#[allow_missing = true]
struct Built;

const PAGES: [&str; 5] = ["operator", "supervisor", "wall", "admin", "signin"];
const MISSING: &str = include_str!("pages/missing.html");
/// The API, to browse.
const BROWSE: &str = include_str!("pages/browse.html");
const BROWSE_JS: &str = include_str!("pages/browse.js");
const BROWSE_CSS: &str = include_str!("pages/browse.css");
/// Browsers ask for it beside every page, also beside those that are not ours.
const ICON: &[u8] = include_bytes!("../../web/public/favicon.ico");
/// Files whose names bear the hash of their content never change.
const FOR_GOOD: &str = "public, max-age=31536000, immutable";
const ASK_AGAIN: &str = "no-cache";
const A_DAY: &str = "public, max-age=86400";

pub fn routes() -> Router<Arc<Web>> {
    let mut router = Router::new()
        .route("/", get(home))
        .route("/api", get(|| async { Html(BROWSE) }))
        .route("/api/browse.js", get(|| async { text("text/javascript", BROWSE_JS) }))
        .route("/api/browse.css", get(|| async { text("text/css", BROWSE_CSS) }))
        .route("/favicon.ico", get(|| async { icon() }))
        .route("/assets/{*path}", get(asset))
        .route("/{file}", get(asset));
    for page in PAGES {
        router = router.route(&format!("/{page}"), get(self::page));
    }
    router
}

fn text(kind: &'static str, text: &'static str) -> Response {
    let kind = HeaderValue::from_static(kind);
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, HeaderValue::from_static(ASK_AGAIN))], text).into_response()
}

fn icon() -> Response {
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static(kind("favicon.ico")));
    ([kind, (header::CACHE_CONTROL, HeaderValue::from_static(A_DAY))], ICON).into_response()
}

/// To the page of who asks.
async fn home(State(web): State<Arc<Web>>, headers: HeaderMap) -> Redirect {
    let who = signing::who(&web, &headers).await.ok().flatten();
    let page = who.map_or("/signin", |who| match () {
        () if who.is(Role::Supervisor) => "/supervisor",
        () if who.is(Role::Operator) => "/operator",
        () if who.is(Role::Admin) => "/admin",
        () => "/wall",
    });
    Redirect::temporary(page)
}

/// A page is a file of its own, or they are all one.
async fn page(uri: Uri) -> Response {
    let name = uri.path().trim_matches('/');
    let candidates = [format!("{name}.html"), format!("{name}/index.html"), "index.html".to_string()];
    let Some(file) = candidates.iter().find_map(|name| Built::get(name)) else {
        return (StatusCode::SERVICE_UNAVAILABLE, Html(MISSING)).into_response();
    };
    let headers = [(header::CACHE_CONTROL, HeaderValue::from_static(ASK_AGAIN))];
    (headers, Html(file.data.into_owned())).into_response()
}

async fn asset(uri: Uri, headers: HeaderMap) -> Response {
    let name = uri.path().trim_start_matches('/');
    let Some(file) = Built::get(name).filter(|_| !name.ends_with(".map")) else {
        return Problem::not_found("there is no such page").into_response();
    };
    let tag = format!("\"{}\"", data_encoding::HEXLOWER.encode(&file.metadata.sha256_hash()[..16]));
    let cache = if name.starts_with("assets/") { FOR_GOOD } else { ASK_AGAIN };
    let cache = (header::CACHE_CONTROL, HeaderValue::from_static(cache));
    let Ok(tag) = HeaderValue::from_str(&tag) else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    if headers.get(header::IF_NONE_MATCH) == Some(&tag) {
        return (StatusCode::NOT_MODIFIED, [cache, (header::ETAG, tag)]).into_response();
    }
    let kind = HeaderValue::from_static(kind(name));
    ([(header::CONTENT_TYPE, kind), cache, (header::ETAG, tag)], file.data.into_owned()).into_response()
}

fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "webmanifest" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wav" => "audio/wav",
        "mp3" => "audio/mpeg",
        "ogg" | "opus" => "audio/ogg",
        "wasm" => "application/wasm",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
