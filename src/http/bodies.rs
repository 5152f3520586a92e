//! Bodies of requests: what is not heard of one before its answer costs the connection, what was asked for next over it
//! and, where more is on its way, the answer as well.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _, to_bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use super::server::MAX_BODY;

/// Bytes of a body of somebody who has not signed in.
pub const STRANGERS_BODY: usize = 16 * 1024;
/// Whoever takes longer to send a body is gone.
const PATIENCE: Duration = Duration::from_secs(30);

/// All of a body, or the refusal of one that is longer.
pub async fn hear(headers: &HeaderMap, body: Body, most: usize) -> Result<Bytes, Response> {
    let too_large = || {
        let what = format!("a body has at most {most} bytes; this one has more, or broke off");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, what)
    };
    if body.size_hint().lower() > most as u64 {
        return Err(refuse(too_large(), headers, body).await);
    }
    let problem = match tokio::time::timeout(PATIENCE, to_bytes(body, most)).await {
        Ok(Ok(body)) => return Ok(body),
        Ok(Err(_)) => too_large(),
        Err(_) => Problem::new(StatusCode::REQUEST_TIMEOUT, "the body came too slowly"),
    };
    Err(or_closing(problem.into_response(), false))
}

/// A refusal, which does not cost the connection where it need not: what is sent already is heard, and not kept.
pub async fn refuse(problem: Problem, headers: &HeaderMap, body: Body) -> Response {
    // RFC 9110 §10.1.1: whoever waits to be told to go on is not, but with what is soon heard.
    let short = body.size_hint().exact().is_some_and(|length| length <= STRANGERS_BODY as u64);
    let is_sent = short || !headers.contains_key(header::EXPECT);
    let heard = is_sent && tokio::time::timeout(PATIENCE, pass_over(body)).await == Ok(true);
    or_closing(problem.into_response(), heard)
}

/// Whether all of a body came.
async fn pass_over(mut body: Body) -> bool {
    let mut left = (body.size_hint().lower() <= MAX_BODY as u64).then_some(MAX_BODY);
    while let Some(room) = left {
        let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await else { return true };
        let length = frame.map_or(usize::MAX, |frame| frame.data_ref().map_or(0, Bytes::len));
        left = room.checked_sub(length);
    }
    false
}

/// RFC 9112 §9.6: whoever closes after an answer says so in it.
fn or_closing(mut response: Response, heard: bool) -> Response {
    if !heard {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
