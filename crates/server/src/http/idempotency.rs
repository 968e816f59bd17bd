//! `Idempotency-Key`: the same write sent again gives the first answer again.
//!
//! Answers are kept in memory for a while, each for the caller that it was
//! given to. What must hold across a restart does not depend on it: events and
//! offers carry the key into the log.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use moka::sync::Cache;
use sha2::{Digest, Sha256};
use shop::Id;

use super::authorise::Caller;
use super::error::{ApiError, Code};
use super::extract::{self, MAXIMUM_BODY_BYTES, read_body};
use crate::app::App;

/// The header.
pub const HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// How much memory the answers may take in all.
const KEPT_BYTES: u64 = 64 * 1024 * 1024;

/// How long an answer is kept.
const KEPT_FOR: Duration = Duration::from_secs(86_400);

/// The longest answer that is kept.
const LONGEST_BYTES: usize = 256 * 1024;

/// What an entry takes beside its body.
const ENTRY_BYTES: usize = 256;

/// A SHA-256 digest.
type Fingerprint = [u8; 32];

#[derive(Clone)]
struct Answer {
    /// Of the request that it answers.
    fingerprint: Fingerprint,
    status: StatusCode,
    /// `Content-Type` and `ETag`, where it has them.
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

/// The answers of the last writes by caller and key.
pub struct Answers {
    done: Cache<Fingerprint, Answer>,
    /// The requests that are being answered.
    running: Mutex<HashMap<Fingerprint, Fingerprint>>,
}

impl Default for Answers {
    fn default() -> Self {
        let bytes = |_: &Fingerprint, answer: &Answer| {
            u32::try_from(answer.body.len() + ENTRY_BYTES).unwrap_or(u32::MAX)
        };
        Self {
            done: Cache::builder()
                .weigher(bytes)
                .max_capacity(KEPT_BYTES)
                .time_to_live(KEPT_FOR)
                .build(),
            running: Mutex::default(),
        }
    }
}

/// What to do with a request that carries a key.
enum Begun<'a> {
    Fresh(Running<'a>),
    Again(Answer),
}

impl Answers {
    fn begin(&self, key: Fingerprint, fingerprint: Fingerprint) -> Result<Begun<'_>, ApiError> {
        let reused = || {
            ApiError::new(
                Code::IdempotencyKeyReused,
                "this Idempotency-Key came with another request before",
            )
        };
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        match running.get(&key) {
            Some(first) if *first != fingerprint => return Err(reused()),
            Some(_) => {
                return Err(ApiError::new(
                    Code::IdempotencyKeyInUse,
                    "the request with this Idempotency-Key has not been answered yet",
                ));
            }
            None => {}
        }
        match self.done.get(&key) {
            Some(answer) if answer.fingerprint != fingerprint => Err(reused()),
            Some(answer) => Ok(Begun::Again(answer)),
            None => {
                running.insert(key, fingerprint);
                Ok(Begun::Fresh(Running { answers: self, key }))
            }
        }
    }
}

/// A request that is being answered; forgotten when it is dropped.
struct Running<'a> {
    answers: &'a Answers,
    key: Fingerprint,
}

impl Running<'_> {
    fn keep(&self, answer: Answer) {
        self.answers.done.insert(self.key, answer);
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let running = &self.answers.running;
        let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
        running.remove(&self.key);
    }
}

/// A key as a header brings it: ASCII that can be seen.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
pub struct IdempotencyKey(
    #[schemars(length(min = 1, max = 256), regex(pattern = r"^[!-~]([ -~]*[!-~])?$"))] String,
);

/// The key of a request as an id, where it carries one.
pub fn key_of(headers: &HeaderMap) -> Result<Option<Id>, ApiError> {
    extract::header::<IdempotencyKey>(headers, HEADER.as_str())?
        .map(|key| Id::new(&key.0).map_err(ApiError::internal))
        .transpose()
}

/// Answers a repeated write from memory. Runs behind the check of the scope:
/// whoever may not write fills no memory and reads no answer.
pub async fn replay(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let key = match key_of(request.headers()) {
        Ok(Some(key)) => key,
        Ok(_) => return next.run(request).await,
        Err(error) => return error.into_response(),
    };
    // Imports are longer than memory should hold, and idempotent by content.
    if request.uri().path().starts_with("/v1/import/") {
        return next.run(request).await;
    }
    match replay_keyed(&app, &key, request, next).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn replay_keyed(
    app: &App,
    key: &Id,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let body = read_body(body, MAXIMUM_BODY_BYTES).await?;
    let caller = parts.extensions.get::<Caller>();
    let place = Sha256::digest(format!("{caller:?}\n{key}")).into();
    let mut hash = Sha256::new();
    hash.update(format!("{} {}\n", parts.method, parts.uri));
    hash.update(&body);
    let fingerprint: Fingerprint = hash.finalize().into();
    let running = match app.answers.begin(place, fingerprint)? {
        Begun::Fresh(running) => running,
        Begun::Again(answer) => return Ok(again(answer)),
    };
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    let content_type = response.headers().get(header::CONTENT_TYPE).cloned();
    let streams = content_type
        .as_ref()
        .is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"));
    // What failed on our side may be tried again with the same key.
    if streams || response.status().is_server_error() {
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let body = read_body(body, usize::MAX).await?;
    if body.len() <= LONGEST_BYTES {
        let kept = [header::CONTENT_TYPE, header::ETAG].into_iter();
        let headers =
            kept.filter_map(|name| Some((name.clone(), parts.headers.get(name)?.clone())));
        running.keep(Answer {
            fingerprint,
            status: parts.status,
            headers: headers.collect(),
            body: body.clone(),
        });
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}

fn again(answer: Answer) -> Response {
    let mut response = (answer.status, answer.body).into_response();
    let headers = response.headers_mut();
    for (name, value) in answer.headers {
        headers.insert(name, value);
    }
    headers.insert(
        HeaderName::from_static("idempotency-replayed"),
        HeaderValue::from_static("true"),
    );
    response
}
