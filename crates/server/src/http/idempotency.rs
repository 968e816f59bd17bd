//! `Idempotency-Key`: the same write sent again gives the first answer again.
//!
//! Answers are kept in memory for a while. What must hold across a restart
//! does not depend on it: events and offers carry the key into the log.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use shop::Id;

use super::authorise::Caller;
use super::error::{ApiError, Code};
use super::extract::{MAXIMUM_BODY_BYTES, read_body};
use crate::app::App;

/// The header.
pub const HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// How many answers are kept.
const KEPT: usize = 10_000;

/// The longest answer that is kept.
const LONGEST_BYTES: usize = 256 * 1024;

#[derive(Clone)]
struct Answer {
    status: StatusCode,
    content_type: Option<HeaderValue>,
    body: Bytes,
}

enum Standing {
    Running([u8; 32]),
    Done([u8; 32], Answer),
}

/// The answers of the last writes by key.
#[derive(Default)]
pub struct Answers(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    by_key: BTreeMap<String, Standing>,
    order: VecDeque<String>,
}

/// What to do with a request that carries a key.
enum Begun {
    Fresh,
    Again(Answer),
    Refused(ApiError),
}

impl Answers {
    fn begin(&self, key: &str, fingerprint: [u8; 32]) -> Begun {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.by_key.get(key) {
            Some(Standing::Running(first) | Standing::Done(first, _)) if *first != fingerprint => {
                Begun::Refused(ApiError::new(
                    Code::IdempotencyKeyReused,
                    "this Idempotency-Key came with another request before",
                ))
            }
            Some(Standing::Running(_)) => Begun::Refused(ApiError::new(
                Code::IdempotencyKeyInUse,
                "the request with this Idempotency-Key has not been answered yet",
            )),
            Some(Standing::Done(_, answer)) => Begun::Again(answer.clone()),
            None => {
                kept.by_key
                    .insert(key.to_owned(), Standing::Running(fingerprint));
                kept.order.push_back(key.to_owned());
                if kept.order.len() > KEPT
                    && let Some(oldest) = kept.order.pop_front()
                {
                    kept.by_key.remove(&oldest);
                }
                Begun::Fresh
            }
        }
    }

    fn finish(&self, key: &str, fingerprint: [u8; 32], answer: Option<Answer>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Some(answer) => {
                if let Some(standing) = kept.by_key.get_mut(key) {
                    *standing = Standing::Done(fingerprint, answer);
                }
            }
            None => {
                kept.by_key.remove(key);
                kept.order.retain(|other| other != key);
            }
        }
    }
}

/// Forgets a request that was dropped before its answer.
struct Running<'a> {
    answers: &'a Answers,
    key: &'a str,
    fingerprint: [u8; 32],
    finished: bool,
}

impl Running<'_> {
    fn finish(mut self, answer: Option<Answer>) {
        self.finished = true;
        self.answers.finish(self.key, self.fingerprint, answer);
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.answers.finish(self.key, self.fingerprint, None);
        }
    }
}

/// The key of a request as an id, where it carries one that can be one.
pub fn key_of(headers: &axum::http::HeaderMap) -> Result<Option<Id>, ApiError> {
    headers
        .get(HEADER)
        .map(|value| {
            let text = value.to_str().map_err(|error| error.to_string());
            text.and_then(|text| Id::new(text).map_err(|error| error.to_string()))
                .map_err(|reason| ApiError::field("Idempotency-Key", reason))
        })
        .transpose()
}

/// Answers a repeated write from memory.
pub async fn replay(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let key = match key_of(request.headers()) {
        Ok(Some(key)) if request.method() == Method::POST => key,
        Ok(_) => return next.run(request).await,
        Err(error) => return error.into_response(),
    };
    // Imports are longer than memory should hold, and idempotent by content.
    if request.uri().path().starts_with("/v1/import/") {
        return next.run(request).await;
    }
    match replay_keyed(&app, key.as_str(), request, next).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn replay_keyed(
    app: &App,
    key: &str,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let body = read_body(body, MAXIMUM_BODY_BYTES).await?;
    let caller = parts.extensions.get::<Caller>();
    let mut hash = Sha256::new();
    hash.update(format!("{:?}\n{}\n", caller, parts.uri));
    hash.update(&body);
    let fingerprint: [u8; 32] = hash.finalize().into();
    match app.answers.begin(key, fingerprint) {
        Begun::Refused(error) => return Err(error),
        Begun::Again(answer) => {
            let mut response = (answer.status, answer.body).into_response();
            if let Some(content_type) = answer.content_type {
                response
                    .headers_mut()
                    .insert(header::CONTENT_TYPE, content_type);
            }
            response.headers_mut().insert(
                HeaderName::from_static("idempotency-replayed"),
                HeaderValue::from_static("true"),
            );
            return Ok(response);
        }
        Begun::Fresh => {}
    }
    let running = Running {
        answers: &app.answers,
        key,
        fingerprint,
        finished: false,
    };
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    let content_type = response.headers().get(header::CONTENT_TYPE).cloned();
    let streams = content_type
        .as_ref()
        .is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"));
    // What failed on our side may be tried again with the same key.
    if streams || response.status().is_server_error() {
        running.finish(None);
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let body = read_body(body, usize::MAX).await?;
    let answer = (body.len() <= LONGEST_BYTES).then(|| Answer {
        status: parts.status,
        content_type,
        body: body.clone(),
    });
    running.finish(answer);
    Ok(Response::from_parts(parts, Body::from(body)))
}
