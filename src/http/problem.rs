//! Errors as RFC 9457 has them, and requests that are read so that what is wrong is told in that form.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use super::asks::NotDone;
use crate::records::{ReadFault, StoreFault};

/// `application/problem+json`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: the status says what kind it is.
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub title: &'static str,
    pub status: u16,
    /// For people.
    pub detail: String,
    /// What is wrong with which field of the request.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    pub fields: BTreeMap<String, String>,
    /// Said with 401 as long as nobody at all has a password; `detail` names the command that sets one.
    #[serde(skip_serializing_if = "is_false")]
    #[schema(required = false)]
    pub no_passwords: bool,
    /// Said with `no_passwords`: that command, without its folders, which the hotline's log tells; in place of `WHO`
    /// comes an operator's number, or the id of a `[[web.person]]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub password_command: Option<Box<str>>,
    /// Seconds.
    #[serde(skip)]
    pub retry_after: Option<u64>,
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Problem {
        let title = status.canonical_reason().unwrap_or("Error");
        let (kind, status, detail, fields) = ("about:blank", status.as_u16(), detail.into(), BTreeMap::new());
        Problem { kind, title, status, detail, fields, no_passwords: false, password_command: None, retry_after: None }
    }

    pub fn not_found(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, detail)
    }

    pub fn forbidden(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::FORBIDDEN, detail)
    }

    pub fn bad(field: &str, detail: impl Into<String>) -> Problem {
        let detail = detail.into();
        let mut problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail.clone());
        if !field.is_empty() {
            problem.fields.insert(field.to_string(), detail);
        }
        problem
    }

    /// A text of at most so many letters.
    pub fn unless_short(field: &str, text: &str, letters: usize) -> Result<(), Problem> {
        match text.chars().nth(letters) {
            Some(_) => Err(Problem::bad(field, format!("at most {letters} letters"))),
            None => Ok(()),
        }
    }

    pub fn too_many(detail: impl Into<String>, retry_after: u64) -> Problem {
        Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).after(retry_after)
    }

    /// What may be asked again, in so many seconds.
    pub fn after(self, seconds: u64) -> Problem {
        Problem { retry_after: Some(seconds), ..self }
    }

    pub fn unauthorized(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::UNAUTHORIZED, detail)
    }

    /// A fault of ours.
    pub fn broke_off() -> Problem {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "it broke off; the log says why")
    }

    pub fn unavailable(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = self.retry_after;
        let proof = (status == StatusCode::UNAUTHORIZED).then(|| HeaderValue::from_static("Bearer"));
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(proof) = proof {
            headers.insert(header::WWW_AUTHENTICATE, proof);
        }
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl From<NotDone> for Problem {
    fn from(why: NotDone) -> Problem {
        match why {
            NotDone::Unknown(detail) => Problem::not_found(detail),
            NotDone::NotAllowed(detail) => Problem::forbidden(detail),
            NotDone::Now(detail) => Problem::new(StatusCode::CONFLICT, detail),
            NotDone::Nonsense(detail) => Problem::bad("", detail),
            NotDone::Busy(detail, seconds) => Problem::too_many(detail, seconds),
            NotDone::Unavailable(detail) => Problem::unavailable(detail),
        }
    }
}

impl From<StoreFault> for Problem {
    fn from(fault: StoreFault) -> Problem {
        tracing::error!(%fault, "the file of those who may come in");
        Problem::unavailable(match fault.is_full_disk() {
            true => {
                "the hotline's disk is full: who comes in, and what they do, cannot be written down until there is room"
            }
            false => "who may come in cannot be looked up now; the log says why",
        })
    }
}

impl From<ReadFault> for Problem {
    fn from(fault: ReadFault) -> Problem {
        tracing::warn!(%fault, "records for a page");
        Problem::unavailable("the records cannot be read now; the log says why")
    }
}

/// A body of JSON.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let large = |_| Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large, or broke off");
        let bytes = Bytes::from_request(request, state).await.map_err(large)?;
        let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        let mut reader = serde_json::Deserializer::from_slice(text);
        let read = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let (path, what) = (error.path().to_string(), error.inner().to_string());
            let path = if path.is_empty() || path == "." { unknown(&what).to_string() } else { path };
            Problem::bad(&path, what)
        })?;
        reader.end().map_err(|error| Problem::bad("", error.to_string()))?;
        Ok(Body(read))
    }
}

/// The field of which serde says that it knows it not; of what is told apart by a field it says no path.
fn unknown(what: &str) -> &str {
    let name = what.strip_prefix("unknown field `").and_then(|rest| rest.split_once('`'));
    name.map_or("", |(name, _)| name)
}

/// What is asked behind the `?`. What a route does not know there was refused before, in `guard.rs`.
pub struct Asking<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asking<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let wrong = |error: axum::extract::rejection::QueryRejection| Problem::bad("", error.body_text());
        Query::try_from_uri(&parts.uri).map(|Query(read)| Asking(read)).map_err(wrong)
    }
}
