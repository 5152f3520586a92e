//! The recording of a call, whole or in ranges (RFC 9110 §14), so that a page can jump in it.

use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path as FilePath};
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::calls::call_id;
use crate::http::problem::Problem;
use crate::http::server::Web;
use crate::records::read_call;

/// Bytes of one answer: a longer recording is fetched in ranges. An hour of G.711 as WAV has 58 MB.
const MOST: u64 = 64 * 1024 * 1024;

/// A call's recording: WAV
#[utoipa::path(
    get, path = "/records/{id}/recording", tag = "records", params(("id" = String, Path)),
    responses(
        (status = 200, description = "the recording", content_type = "audio/wav"),
        (status = 206, description = "a range of it", content_type = "audio/wav"),
        (status = 404, body = Problem), (status = 416, body = Problem)
    )
)]
pub async fn recording(
    State(web): State<Arc<Web>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let call = call_id(&id)?;
    let data = web.data.clone();
    let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok()).map(String::from);
    let work = move || {
        let record = read_call(&data, call)?.ok_or_else(|| Problem::not_found(format!("there is no call {call}")))?;
        let none = || Problem::not_found(format!("there is no recording of call {call}"));
        let file = record.recording.ok_or_else(none)?.file;
        // What the record names lies in the data folder.
        if FilePath::new(&file).components().any(|part| !matches!(part, Component::Normal(_))) {
            return Err(none());
        }
        let mut file = std::fs::File::open(data.join(file)).map_err(|_| none())?;
        let length = file.metadata().map_err(|_| none())?.len();
        let asked = match range.as_deref().map(|range| within(range, length)) {
            None => None,
            Some(Ok(asked)) => asked,
            Some(Err(())) => return Ok(Err(length)),
        };
        let (from, to) = asked.unwrap_or((0, length.saturating_sub(1)));
        let many = (to + 1).saturating_sub(from).min(length).min(MOST);
        let broke = |error: std::io::Error| Problem::unavailable(format!("the recording cannot be read: {error}"));
        file.seek(SeekFrom::Start(from)).map_err(broke)?;
        let mut bytes = Vec::new();
        file.take(many).read_to_end(&mut bytes).map_err(broke)?;
        Ok(Ok((asked.is_some(), from, length, bytes)))
    };
    match web.read(work).await? {
        Ok((is_part, from, length, bytes)) => Ok(answer(is_part, from, length, bytes)),
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

fn answer(is_part: bool, from: u64, length: u64, bytes: Vec<u8>) -> Response {
    let last = from + (bytes.len() as u64).saturating_sub(1);
    let part = is_part || (bytes.len() as u64) < length;
    let status = if part { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let mut response = (status, Bytes::from(bytes)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("audio/wav"));
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
