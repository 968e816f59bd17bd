//! HTTP: JSON for programs, pages for people. Every route is one row of
//! [`endpoints`].

mod actions;
pub mod answer;
pub mod authorise;
mod campaigns;
mod chat;
mod collect;
mod completions;
pub mod conversations;
pub mod curation;
pub mod customer_token;
pub mod decisions;
mod endpoint;
mod error;
mod events;
pub mod extract;
mod feedback;
mod health;
pub mod idempotency;
mod imports;
mod improvements;
pub mod inbox;
pub mod insights;
pub mod metrics;
mod offers;
mod openapi;
pub mod recommendations;
mod registry;
pub mod resolution;
pub mod search;
mod server;
mod tasks;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};

pub use endpoint::Endpoint;
pub use error::{ApiError, Code};
pub use server::{serve, stop_signal};

use crate::app::{App, QueueError, fresh_id};
use crate::pages;

/// Every route of the JSON interface.
pub fn endpoints() -> Vec<Endpoint> {
    let mut endpoints = vec![
        Endpoint::get(
            "/healthz",
            None,
            "Says that the process lives",
            health::healthz,
        ),
        Endpoint::get(
            "/readyz",
            None,
            "Says whether requests are welcome, and which models serve",
            health::readyz,
        ),
        Endpoint::get("/metrics", None, "Figures for Prometheus", metrics::metrics)
            .media_type("text/plain"),
    ];
    endpoints.extend(imports::endpoints());
    endpoints.extend(tasks::endpoints());
    endpoints.extend(events::endpoints());
    endpoints.extend(collect::endpoints());
    endpoints.extend(search::endpoints());
    endpoints.extend(curation::endpoints());
    endpoints.extend(recommendations::endpoints());
    endpoints.extend(chat::endpoints());
    endpoints.extend(actions::endpoints());
    endpoints.extend(completions::endpoints());
    endpoints.extend(conversations::endpoints());
    endpoints.extend(improvements::endpoints());
    endpoints.extend(inbox::endpoints());
    endpoints.extend(feedback::endpoints());
    endpoints.extend(insights::endpoints());
    endpoints.extend(offers::endpoints());
    endpoints.extend(campaigns::endpoints());
    endpoints.extend(decisions::endpoints());
    endpoints.extend(registry::endpoints());
    endpoints
}

/// The whole server: the JSON interface, its description and the pages.
pub fn router(app: Arc<App>) -> Router {
    let endpoints = endpoints();
    let document = Arc::new(openapi::document(&endpoints));
    let docs = Html(openapi::page(&document).into_string());
    let mut router = Router::new()
        .route(
            "/openapi.json",
            get(move || async move { Json(document.as_ref().clone()) }),
        )
        .route("/docs", get(move || async move { docs.clone() }));
    for endpoint in endpoints {
        let (path, route) = endpoint.into_route();
        router = router.route(path, route);
    }
    router
        .merge(pages::router(app.clone()))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(app.clone(), idempotency::replay))
        .layer(from_fn_with_state(app.clone(), authorise::identify))
        // Each reader of a body sets its own limit.
        .layer(DefaultBodyLimit::disable())
        .layer(CatchPanicLayer::custom(|panic| recovered(&panic)))
        .layer(from_fn(metrics::measure))
        .layer(from_fn(name_request))
        .layer(CompressionLayer::new().compress_when(
            // Streams must not wait in a compressor.
            SizeAbove::new(1_024).and(NotForContentType::new("text/event-stream")),
        ))
        .with_state(app)
}

async fn not_found(request: Request) -> ApiError {
    ApiError::new(
        Code::NotFound,
        format!("there is no {}", request.uri().path()),
    )
}

async fn method_not_allowed(request: Request) -> ApiError {
    let (method, path) = (request.method(), request.uri().path());
    ApiError::new(
        Code::MethodNotAllowed,
        format!("{path} does not answer to {method}"),
    )
}

/// The last net: a bug answers 500 and the server lives on.
fn recovered(panic: &Box<dyn std::any::Any + Send>) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("unknown");
    ApiError::internal(format!("panic: {text}")).into_response()
}

/// Gives each request an id, the caller's own where it is a sane one.
async fn name_request(request: Request, next: Next) -> Response {
    const NAME: HeaderName = HeaderName::from_static("x-request-id");
    let given = request.headers().get(&NAME).filter(|value| {
        (1..=128).contains(&value.len()) && value.as_bytes().iter().all(u8::is_ascii_graphic)
    });
    let id = match given {
        Some(id) => id.clone(),
        None => HeaderValue::from_str(fresh_id().as_str())
            .unwrap_or_else(|_| HeaderValue::from_static("unnamed")),
    };
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut response = next.run(request).await;
    tracing::debug!(%method, path, status = response.status().as_u16(), id = ?id, "answered");
    let headers = response.headers_mut();
    headers.insert(NAME, id);
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("same-origin"),
    );
    response
}

/// A queue's refusal as an answer.
fn queue_error(queue: &str, error: QueueError) -> ApiError {
    match error {
        QueueError::Full => ApiError::overloaded(queue),
        QueueError::Failed => ApiError::internal(format!("work in the queue {queue} panicked")),
    }
}

/// What serving refuses, as an answer.
fn serve_error(error: serve::ServeError) -> ApiError {
    match error {
        serve::ServeError::UnknownProduct(id) => ApiError {
            param: Some("product".to_owned()),
            ..ApiError::new(Code::UnknownProduct, format!("no product has the id {id}"))
        },
        serve::ServeError::InvalidRequest { param, reason } => ApiError::field(param, reason),
        serve::ServeError::Artifact(reason) => ApiError::internal(reason),
    }
}

/// 202 with a body: the work goes on after the answer.
fn accepted(body: serde_json::Value) -> (StatusCode, Json<serde_json::Value>) {
    (StatusCode::ACCEPTED, Json(body))
}
