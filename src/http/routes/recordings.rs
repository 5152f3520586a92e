//! The recording of a call, whole or in ranges (RFC 9110 §14), so that a page can jump in it; and how loud it is, to
//! be drawn. What is sealed is opened on the way. Who listens is written into the audit log.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::calls::call_id;
use crate::http::guard::{self, From};
use crate::http::problem::{Asking, Problem};
use crate::http::seeing::sees_record;
use crate::http::server::Web;
use crate::http::signing::Who;
use crate::ids::CallId;
use crate::moment::Moment;
use crate::records::{Audit, read_call};
use crate::tape::{Format, Reader, Unreadable};

/// Bytes of one answer: a longer recording is fetched in ranges. An hour of a talk has 58 MB.
const MOST: usize = 64 * 1024 * 1024;
/// Stretches of a drawing.
const MOST_POINTS: usize = 4_000;
const POINTS: usize = 800;
/// A page fetches a recording in many pieces: for so long they are one listening.
const ONE_LISTENING: Duration = Duration::from_secs(600);
/// Listenings that are remembered.
const MOST_LISTENINGS: usize = 1_000;

/// Who listened to what a moment ago.
#[derive(Default)]
pub struct Listenings {
    known: Mutex<BTreeMap<(String, CallId), Moment>>,
}

impl Listenings {
    /// Writes into the audit log that somebody listens, unless they did a moment ago.
    async fn tell(&self, web: &Web, who: &Who, from: From, call: CallId) -> Result<(), Problem> {
        let now = (web.now)();
        if self.is_known(now, &who.id, call) {
            return Ok(());
        }
        let _telling = web.waiting.to_tell().await?;
        if self.is_known(now, &who.id, call) {
            return Ok(());
        }
        let what = format!("GET /records/{call}/recording");
        let (who, from) = (who.id.clone(), from.0.to_string());
        let audit = Audit { id: 0, at: now, who, what, from, result: "200".into() };
        guard::told(web, &audit).await?;
        self.began(now, &audit.who, call);
        Ok(())
    }

    fn is_known(&self, now: Moment, who: &str, call: CallId) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, since| now < *since + ONE_LISTENING);
        known.contains_key(&(who.to_string(), call))
    }

    /// It is told of.
    fn began(&self, now: Moment, who: &str, call: CallId) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < MOST_LISTENINGS {
            known.insert((who.to_string(), call), now);
        }
    }
}

/// A call's recording: WAV (A-law) or Ogg/Opus, the caller on the left, whoever spoke to them on the right
#[utoipa::path(
    get, path = "/records/{id}/recording", tag = "records", params(("id" = String, Path)),
    responses(
        (status = 200, description = "the recording", content(("audio/wav"), ("audio/ogg"))),
        (status = 206, description = "a range of it", content(("audio/wav"), ("audio/ogg"))),
        (status = 404, body = Problem), (status = 409, body = Problem), (status = 410, body = Problem),
        (status = 416, body = Problem)
    )
)]
pub async fn recording(
    State(web): State<Arc<Web>>,
    Extension(who): Extension<Who>,
    Extension(from): Extension<From>,
    method: Method,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let call = call_id(&id)?;
    let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok()).map(String::from);
    let (of, asker) = (web.clone(), who.clone());
    let look = move || {
        let reader = open(&of, &asker, call)?;
        let (length, kind) = (reader.length(), media_type(reader.format()));
        let asked = match range.as_deref().map(|range| within(range, length)) {
            None => None,
            Some(Ok(asked)) => asked,
            Some(Err(())) => return Ok(Err(length)),
        };
        let (from, to) = asked.unwrap_or((0, length.saturating_sub(1)));
        let many = usize::try_from((to + 1).saturating_sub(from)).unwrap_or(MOST).min(MOST);
        Ok(Ok((reader, kind, asked.is_some(), from, length, many)))
    };
    match web.read(look).await? {
        Ok((reader, kind, is_part, at, length, many)) => {
            // What nobody can be told of afterwards is not handed out, however often it is asked for.
            if method != Method::HEAD {
                web.listenings.tell(&web, &who, from, call).await?;
            }
            let bytes = web.read(move || reader.read(at, many).map_err(unreadable)).await?;
            Ok(answer(kind, is_part, at, length, bytes))
        }
        Err(length) => {
            let mut response =
                Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, format!("it has {length} bytes")).into_response();
            if let Ok(whole) = HeaderValue::from_str(&format!("bytes */{length}")) {
                response.headers_mut().insert(header::CONTENT_RANGE, whole);
            }
            Ok(response)
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Drawn {
    /// Stretches of the same length: 1 to 4000. Default 800.
    #[param(minimum = 1, maximum = 4000)]
    points: Option<usize>,
}

#[derive(Serialize, ToSchema)]
pub struct Peaks {
    length_ms: u64,
    /// The loudest sample of each stretch, from 0 to 1: of the caller, then of whoever spoke to them.
    channels: Vec<Vec<f32>>,
}

/// How loud a call's recording is, to be drawn
#[utoipa::path(
    get, path = "/records/{id}/recording/peaks", tag = "records", params(("id" = String, Path), Drawn),
    responses(
        (status = 200, body = Peaks), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 410, body = Problem), (status = 422, body = Problem)
    )
)]
pub async fn peaks(
    State(web): State<Arc<Web>>,
    Extension(who): Extension<Who>,
    Path(id): Path<String>,
    Asking(Drawn { points }): Asking<Drawn>,
) -> Result<Json<Peaks>, Problem> {
    let call = call_id(&id)?;
    let points = points.unwrap_or(POINTS);
    if !(1..=MOST_POINTS).contains(&points) {
        return Err(Problem::bad("points", format!("1 to {MOST_POINTS} are drawn")));
    }
    let (of, asker) = (web.clone(), who.clone());
    let work = move || {
        let reader = open(&of, &asker, call)?;
        let lasts = reader.lasts().map_err(unreadable)?;
        let length_ms = u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX);
        let channels = reader.peaks(points).map_err(unreadable)?;
        // Three digits are more than a drawing shows.
        let round = |peak: f32| (peak * 1000.0).round() / 1000.0;
        let channels = channels.into_iter().map(|channel| channel.into_iter().map(round).collect());
        Ok(Peaks { length_ms, channels: channels.collect() })
    };
    Ok(Json(web.read(work).await?))
}

fn open(web: &Web, who: &Who, call: CallId) -> Result<Reader, Problem> {
    match open_now(web, who, call)? {
        // Made small just then: its record names another file by now.
        Err(Unreadable::Missing) => open_now(web, who, call)?.map_err(unreadable),
        opened => opened.map_err(unreadable),
    }
}

fn open_now(web: &Web, who: &Who, call: CallId) -> Result<Result<Reader, Unreadable>, Problem> {
    let record = read_call(&web.data, call)?.ok_or_else(|| Problem::not_found(format!("there is no call {call}")))?;
    if !sees_record(who, None, &record) {
        return Err(Problem::forbidden("operators see their own calls alone"));
    }
    let none = || Problem::not_found(format!("there is no recording of call {call}"));
    let recording = record.recording.ok_or_else(none)?;
    if recording.deleted_at.is_some() {
        return Err(Problem::new(StatusCode::GONE, "its time was over: it was deleted"));
    }
    let file = recording.file.ok_or_else(|| match &recording.why {
        Some(why) => Problem::not_found(format!("there is no recording of call {call}: {why}")),
        None => none(),
    })?;
    let place = &web.settings().recordings;
    // What the record names lies in the folders of recordings.
    let path = place.path(&web.data, &file).ok_or_else(none)?;
    Ok(Reader::open(&path, &place.keys))
}

fn unreadable(why: Unreadable) -> Problem {
    let detail = format!("the recording cannot be read: {why}");
    match why {
        Unreadable::Missing => Problem::not_found(detail),
        Unreadable::NoKeyFile | Unreadable::NoKey | Unreadable::Damaged(_) => {
            Problem::new(StatusCode::CONFLICT, detail)
        }
        Unreadable::Io(_) => Problem::unavailable(detail),
    }
}

fn media_type(format: Option<Format>) -> &'static str {
    match format {
        Some(Format::Opus) => "audio/ogg",
        Some(Format::Wav) | None => "audio/wav",
    }
}

fn answer(kind: &'static str, is_part: bool, from: u64, length: u64, bytes: Vec<u8>) -> Response {
    let last = from + (bytes.len() as u64).saturating_sub(1);
    let part = is_part || (bytes.len() as u64) < length;
    let status = if part { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let mut response = (status, Bytes::from(bytes)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if part && let Ok(range) = HeaderValue::from_str(&format!("bytes {from}-{last}/{length}")) {
        headers.insert(header::CONTENT_RANGE, range);
    }
    response
}

/// First and last byte of one range. `Ok(None)`: what is asked is not understood, so it is as if nothing was.
fn within(range: &str, length: u64) -> Result<Option<(u64, u64)>, ()> {
    let Some(range) = range.strip_prefix("bytes=").filter(|range| !range.contains(',')) else { return Ok(None) };
    let Some((from, to)) = range.trim().split_once('-') else { return Ok(None) };
    match (from.parse::<u64>(), to.parse::<u64>()) {
        (Ok(from), Ok(to)) if from <= to => {
            if from >= length {
                Err(())
            } else {
                Ok(Some((from, to.min(length - 1))))
            }
        }
        (Ok(from), Err(_)) if to.is_empty() => {
            if from >= length {
                Err(())
            } else {
                Ok(Some((from, length - 1)))
            }
        }
        (Err(_), Ok(last)) if from.is_empty() => {
            if last == 0 || length == 0 {
                Err(())
            } else {
                Ok(Some((length.saturating_sub(last), length - 1)))
            }
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listening_is_told_of_once_in_a_while() {
        let (listenings, call, now) = (Listenings::default(), CallId(1), Moment::default());
        assert!(!listenings.is_known(now, "mei", call) && !listenings.is_known(now, "mei", call), "it was not told of");
        listenings.began(now, "mei", call);
        assert!(listenings.is_known(now, "mei", call) && !listenings.is_known(now, "lin", call));
        assert!(!listenings.is_known(now + ONE_LISTENING, "mei", call));
    }

    #[test]
    fn ranges_are_read_as_http_says() {
        for (range, found) in [
            ("bytes=0-9", Ok(Some((0, 9)))),
            ("bytes=90-", Ok(Some((90, 99)))),
            ("bytes=-10", Ok(Some((90, 99)))),
            ("bytes=-1000", Ok(Some((0, 99)))),
            ("bytes=50-1000", Ok(Some((50, 99)))),
            ("bytes=100-", Err(())),
            ("bytes=100-101", Err(())),
            ("bytes=-0", Err(())),
            ("bytes=9-0", Ok(None)),
            ("bytes=0-1,5-6", Ok(None)),
            ("lines=0-1", Ok(None)),
            ("bytes=", Ok(None)),
            ("bytes=99999999999999999999999-", Ok(None)),
        ] {
            assert_eq!(within(range, 100), found, "{range}");
        }
        assert_eq!(within("bytes=0-", 0), Err(()));
    }
}
