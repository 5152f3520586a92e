//! Records: searched page by page, and written out.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Uri, header};
use axum::response::{IntoResponse, Response};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;
use utoipa::{IntoParams, ToSchema};

use super::calls::call_id;
use crate::http::guard::{self, AUDITED, From};
use crate::http::problem::{Asking, Problem};
use crate::http::server::Web;
use crate::http::signing::Who;
use crate::ids::CallId;
use crate::moment::Moment;
use crate::records::{Audit, Filter, Outcome, ReadFault, printed, search, when, write_csv, write_jsonl};

/// Records of one page.
const LIMIT: usize = 50;
const MOST: usize = 500;
/// Letters of what is looked for.
const LONGEST: usize = 128;
/// Pieces of an export on their way, of about 64 KiB each.
const PIECES: usize = 8;
const PIECE: usize = 64 * 1024;
/// Whoever takes none of them for so long is cut off.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which calls are meant.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// Calls that arrived at or after this time: RFC 3339, `today`, `yesterday`, a weekday (the last one), a date or a
    /// time where the house is, or `2h` (ago). A day means its beginning.
    since: Option<String>,
    /// Calls that arrived before this time.
    until: Option<String>,
    /// The caller's number, or how it begins or ends; with or without `+86` before it.
    #[param(max_length = 128)]
    from: Option<String>,
    /// What they dialled, or how it begins or ends; with or without `+86` before it.
    #[param(max_length = 128)]
    to: Option<String>,
    /// Whoever had the caller, at any time in the call: also those who handed them on.
    #[param(max_length = 128)]
    operator: Option<String>,
    /// A queue whose line was visited, at any time in the call: also those from which the caller was sent on.
    #[param(max_length = 128)]
    queue: Option<String>,
    /// E.g. `answered`.
    #[param(max_length = 128)]
    outcome: Option<String>,
    #[param(max_length = 128)]
    language: Option<String>,
    /// Somewhere in the record; of the letters A to Z small ones and capitals are the same.
    #[param(max_length = 128)]
    text: Option<String>,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Paged {
    /// 1 to 500; 50 if it is not said.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Page {
    /// The latest first, as `hotline records` prints them.
    #[schema(value_type = Vec<Object>)]
    records: Vec<Value>,
    /// Of the next page; null: this was the last.
    next: Option<String>,
}

impl Asked {
    fn filter(self, now: Moment, zone: &TimeZone) -> Result<Filter, Problem> {
        let text = |field: &str, text: Option<String>| match text.filter(|text| !text.is_empty()) {
            Some(text) if text.chars().count() > LONGEST => {
                Err(Problem::bad(field, format!("at most {LONGEST} letters are looked for")))
            }
            text => Ok(text),
        };
        let time = |field: &str, text: Option<String>| {
            let text = text.filter(|text| !text.is_empty());
            text.map(|text| when(&text, now, zone).map_err(|what| Problem::bad(field, what))).transpose()
        };
        let outcome = text("outcome", self.outcome)?.map(|word| {
            serde_json::from_value::<Outcome>(Value::String(word.clone()))
                .map_err(|_| Problem::bad("outcome", format!("found {word:?}; an outcome is meant, e.g. answered")))
        });
        Ok(Filter {
            since: time("since", self.since)?,
            until: time("until", self.until)?,
            caller: text("from", self.from)?,
            to: text("to", self.to)?,
            operator: text("operator", self.operator)?,
            queue: text("queue", self.queue)?,
            outcome: outcome.transpose()?,
            language: text("language", self.language)?,
            text: text("text", self.text)?,
            ..Filter::default()
        })
    }
}

impl Paged {
    fn limit(&self) -> Result<usize, Problem> {
        let limit = self.limit.unwrap_or(LIMIT);
        match (1..=MOST).contains(&limit) {
            true => Ok(limit),
            false => Err(Problem::bad("limit", format!("found {limit}; from 1 to {MOST} is allowed"))),
        }
    }

    fn before(&self) -> Result<Option<CallId>, Problem> {
        let wrong_cursor = |_| Problem::bad("cursor", "`next` of the page before is meant");
        let cursor = self.cursor.as_deref().filter(|cursor| !cursor.is_empty());
        cursor.map(call_id).transpose().map_err(wrong_cursor)
    }
}

/// Look for calls that are over
#[utoipa::path(
    get, path = "/records", tag = "records", params(Asked, Paged),
    responses((status = 200, body = Page), (status = 422, body = Problem))
)]
pub async fn list(
    State(web): State<Arc<Web>>,
    Asking(asked): Asking<Asked>,
    Asking(paged): Asking<Paged>,
) -> Result<Json<Page>, Problem> {
    let (limit, before) = (paged.limit()?, paged.before()?);
    let filter = Filter { before, ..asked.filter((web.now)(), &web.zone)? };
    let data = web.data.clone();
    let mut records = web.read(move || Ok(search(&data, &filter, limit + 1)?)).await?;
    let more = records.len() > limit;
    records.truncate(limit);
    let next = records.last().filter(|_| more).map(|record| record.call_id.to_string());
    let records = records.iter().filter_map(|record| printed(record, &web.zone).ok()).collect();
    Ok(Json(Page { records, next }))
}

/// A table for spreadsheets, of all calls that are meant, in order of arrival
#[utoipa::path(
    get, path = "/records.csv", tag = "records", params(Asked),
    responses(
        (status = 200, body = String, content_type = "text/csv"), (status = 422, body = Problem),
        (status = 429, body = Problem)
    )
)]
pub async fn csv(State(web): State<Arc<Web>>, by: By, Asking(asked): Asking<Asked>) -> Result<Response, Problem> {
    export(web, asked, by, "text/csv; charset=utf-8", "records.csv", |data, filter, zone, out| {
        write_csv(data, filter, zone, out).map(drop)
    })
    .await
}

/// One JSON object a line, of all calls that are meant, in order of arrival
#[utoipa::path(
    get, path = "/records.jsonl", tag = "records", params(Asked),
    responses(
        (status = 200, body = String, content_type = "application/jsonl"), (status = 422, body = Problem),
        (status = 429, body = Problem)
    )
)]
pub async fn jsonl(State(web): State<Arc<Web>>, by: By, Asking(asked): Asking<Asked>) -> Result<Response, Problem> {
    export(web, asked, by, "application/jsonl", "records.jsonl", |data, filter, zone, out| {
        write_jsonl(data, filter, zone, out).map(drop)
    })
    .await
}

/// Who has records written out, and how they asked.
pub struct By {
    who: String,
    from: IpAddr,
    method: Method,
    uri: Uri,
}

impl<S: Send + Sync> FromRequestParts<S> for By {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let nobody = |_| Problem::forbidden("this is for others than you; your roles do not allow it");
        let Extension(who) = Extension::<Who>::from_request_parts(parts, state).await.map_err(nobody)?;
        let Extension(From(from)) = Extension::<From>::from_request_parts(parts, state).await.map_err(nobody)?;
        Ok(By { who: who.id, from, method: parts.method.clone(), uri: parts.uri.clone() })
    }
}

type Write = fn(&std::path::Path, &Filter, &TimeZone, &mut Pieces) -> Result<(), ReadFault>;

/// Written as it is read: however many there are, few are in memory.
async fn export(
    web: Arc<Web>,
    asked: Asked,
    by: By,
    kind: &'static str,
    name: &str,
    write: Write,
) -> Result<Response, Problem> {
    let now = (web.now)();
    let filter = asked.filter(now, &web.zone)?;
    let busy = |_| Problem::too_many("so many exports are being written already", 10);
    let place = web.exports.clone().try_acquire_owned().map_err(busy)?;
    if by.method != Method::HEAD {
        let path = by.uri.path_and_query().map_or("", |path| path.as_str());
        let what = format!("GET {}", path.strip_prefix("/api/v1").unwrap_or(path)).chars().take(AUDITED).collect();
        let audit = Audit { id: 0, at: now, who: by.who, what, from: by.from.to_string(), result: "200".into() };
        // What nobody can be told of afterwards is not handed out.
        guard::told(&web, &audit).await?;
    }
    let (pieces, coming) = mpsc::channel(PIECES);
    let mut out = Pieces { pieces, gathered: Vec::with_capacity(PIECE), runtime: tokio::runtime::Handle::current() };
    tokio::task::spawn_blocking(move || {
        match write(&web.data, &filter, &web.zone, &mut out) {
            Ok(()) => drop(out.hand_over(Vec::new())),
            Err(fault) => tracing::warn!(%fault, "an export broke off"),
        }
        drop(place);
    });
    let attachment = format!("attachment; filename=\"{name}\"");
    let disposition = HeaderValue::from_str(&attachment).unwrap_or_else(|_| HeaderValue::from_static("attachment"));
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static(kind)), (header::CONTENT_DISPOSITION, disposition)];
    Ok((headers, Body::from_stream(Coming { pieces: coming, is_whole: false })).into_response())
}

/// The writing end, on a thread for that.
struct Pieces {
    /// An empty one is the last.
    pieces: mpsc::Sender<Vec<u8>>,
    gathered: Vec<u8>,
    runtime: tokio::runtime::Handle,
}

impl Pieces {
    fn send(&mut self) -> std::io::Result<()> {
        let piece = std::mem::take(&mut self.gathered);
        if piece.is_empty() { Ok(()) } else { self.hand_over(piece) }
    }

    fn hand_over(&self, piece: Vec<u8>) -> std::io::Result<()> {
        let sent = self.runtime.block_on(self.pieces.send_timeout(piece, PATIENCE));
        sent.map_err(|_| std::io::Error::new(std::io::ErrorKind::BrokenPipe, "its reader is gone, or takes nothing"))
    }
}

impl std::io::Write for &mut Pieces {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() >= PIECE {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.send()
    }
}

/// The reading end. What breaks off must not look as if it were whole: it ends with an error.
struct Coming {
    pieces: mpsc::Receiver<Vec<u8>>,
    is_whole: bool,
}

impl futures_core::Stream for Coming {
    type Item = Result<Vec<u8>, std::io::Error>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        if self.is_whole {
            return std::task::Poll::Ready(None);
        }
        self.pieces.poll_recv(context).map(|piece| match piece {
            Some(piece) if piece.is_empty() => {
                self.is_whole = true;
                None
            }
            Some(piece) => Some(Ok(piece)),
            None => Some(Err(std::io::Error::other("the export broke off"))),
        })
    }
}
