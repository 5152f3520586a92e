//! Records: searched page by page, and written out.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;
use utoipa::{IntoParams, ToSchema};

use super::board::moment;
use super::calls::call_id;
use crate::http::problem::{Asking, Problem};
use crate::http::server::Web;
use crate::records::{Filter, Outcome, Range, printed, search, write_csv, write_jsonl};

/// Records of one page.
const LIMIT: usize = 50;
const MOST: usize = 500;
/// Letters of what is looked for.
const LONGEST: usize = 128;
/// Pieces of an export on their way, of about 64 KiB each.
const PIECES: usize = 8;
const PIECE: usize = 64 * 1024;

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// Calls that arrived at or after this time (RFC 3339).
    since: Option<String>,
    /// Calls that arrived before this time.
    until: Option<String>,
    /// The caller's number.
    from: Option<String>,
    /// What they dialled.
    to: Option<String>,
    operator: Option<String>,
    queue: Option<String>,
    /// E.g. `answered`.
    outcome: Option<String>,
    language: Option<String>,
    /// Somewhere in the record.
    text: Option<String>,
    /// 1 to 500; 50 if it is not said.
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
    fn filter(self) -> Result<(Filter, usize), Problem> {
        let limit = self.limit.unwrap_or(LIMIT);
        if !(1..=MOST).contains(&limit) {
            return Err(Problem::bad("limit", format!("found {limit}; from 1 to {MOST} is allowed")));
        }
        let text = |field: &str, text: Option<String>| match text.filter(|text| !text.is_empty()) {
            Some(text) if text.len() > LONGEST => {
                Err(Problem::bad(field, format!("at most {LONGEST} bytes are looked for")))
            }
            text => Ok(text),
        };
        let time = |field: &str, text: Option<String>| text.map(|text| moment(field, &text)).transpose();
        let outcome = text("outcome", self.outcome)?.map(|word| {
            serde_json::from_value::<Outcome>(Value::String(word.clone()))
                .map_err(|_| Problem::bad("outcome", format!("found {word:?}; an outcome is meant, e.g. answered")))
        });
        let before = text("cursor", self.cursor)?.map(|cursor| call_id(&cursor));
        let wrong_cursor = |_| Problem::bad("cursor", "`next` of the page before is meant");
        let filter = Filter {
            since: time("since", self.since)?,
            until: time("until", self.until)?,
            from: text("from", self.from)?,
            to: text("to", self.to)?,
            operator: text("operator", self.operator)?,
            queue: text("queue", self.queue)?,
            outcome: outcome.transpose()?,
            language: text("language", self.language)?,
            callbacks: false,
            text: text("text", self.text)?,
            before: before.transpose().map_err(wrong_cursor)?,
        };
        Ok((filter, limit))
    }
}

/// Look for calls that are over
#[utoipa::path(
    get, path = "/records", tag = "records", params(Asked),
    responses((status = 200, body = Page), (status = 422, body = Problem))
)]
pub async fn list(State(web): State<Arc<Web>>, Asking(asked): Asking<Asked>) -> Result<Json<Page>, Problem> {
    let (filter, limit) = asked.filter()?;
    let data = web.data.clone();
    let mut records = web.read(move || Ok(search(&data, &filter, limit + 1)?)).await?;
    let more = records.len() > limit;
    records.truncate(limit);
    let next = records.last().filter(|_| more).map(|record| record.call_id.to_string());
    let records = records.iter().filter_map(|record| printed(record, &web.zone).ok()).collect();
    Ok(Json(Page { records, next }))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Exported {
    /// Calls that arrived at or after this time (RFC 3339).
    since: Option<String>,
    /// Calls that arrived before this time.
    until: Option<String>,
}

/// A table for spreadsheets
#[utoipa::path(
    get, path = "/records.csv", tag = "records", params(Exported),
    responses((status = 200, body = String, content_type = "text/csv"), (status = 422, body = Problem))
)]
pub async fn csv(State(web): State<Arc<Web>>, Asking(asked): Asking<Exported>) -> Result<Response, Problem> {
    export(web, asked, "text/csv; charset=utf-8", "records.csv", |data, range, zone, out| {
        write_csv(data, range, zone, out).map(drop)
    })
}

/// One JSON object a line
#[utoipa::path(
    get, path = "/records.jsonl", tag = "records", params(Exported),
    responses((status = 200, body = String, content_type = "application/jsonl"), (status = 422, body = Problem))
)]
pub async fn jsonl(State(web): State<Arc<Web>>, Asking(asked): Asking<Exported>) -> Result<Response, Problem> {
    export(web, asked, "application/jsonl", "records.jsonl", |data, range, zone, out| {
        write_jsonl(data, range, zone, out).map(drop)
    })
}

type Write = fn(&std::path::Path, Range, &jiff::tz::TimeZone, Pieces) -> Result<(), crate::records::ReadFault>;

/// Written as it is read: however many there are, few are in memory.
fn export(web: Arc<Web>, asked: Exported, kind: &'static str, name: &str, write: Write) -> Result<Response, Problem> {
    let since = asked.since.map(|text| moment("since", &text)).transpose()?;
    let until = asked.until.map(|text| moment("until", &text)).transpose()?;
    let (pieces, coming) = mpsc::channel(PIECES);
    let out = Pieces { pieces, gathered: Vec::with_capacity(PIECE) };
    tokio::spawn(async move {
        let (data, zone) = (web.data.clone(), web.zone.clone());
        let work = move || Ok(write(&data, Range { since, until }, &zone, out)?);
        if let Err(problem) = web.read(work).await {
            tracing::warn!(detail = problem.detail, "an export broke off");
        }
    });
    let attachment = format!("attachment; filename=\"{name}\"");
    let disposition = HeaderValue::from_str(&attachment).unwrap_or_else(|_| HeaderValue::from_static("attachment"));
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static(kind)), (header::CONTENT_DISPOSITION, disposition)];
    Ok((headers, Body::from_stream(Coming(coming))).into_response())
}

/// The writing end, on a thread for that.
struct Pieces {
    pieces: mpsc::Sender<Result<Vec<u8>, std::io::Error>>,
    gathered: Vec<u8>,
}

impl Pieces {
    fn send(&mut self) -> std::io::Result<()> {
        let piece = std::mem::take(&mut self.gathered);
        let gone = |_| std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        if piece.is_empty() { Ok(()) } else { self.pieces.blocking_send(Ok(piece)).map_err(gone) }
    }
}

impl std::io::Write for Pieces {
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

struct Coming(mpsc::Receiver<Result<Vec<u8>, std::io::Error>>);

impl futures_core::Stream for Coming {
    type Item = Result<Vec<u8>, std::io::Error>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.poll_recv(context)
    }
}
