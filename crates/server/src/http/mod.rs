//! HTTP: JSON for programs, pages for people. Every route is one row of
//! [`endpoints`].

mod actions;
pub mod answer;
pub mod authorise;
mod campaigns;
pub mod chat;
mod checkout;
mod collect;
pub mod confirmations;
mod connections;
mod console_session;
pub mod conversations;
pub mod cookies;
pub mod curation;
pub mod customer_token;
pub mod decisions;
mod endpoint;
mod error;
mod events;
pub mod extract;
mod feedback;
mod health;
pub mod hooks;
pub mod idempotency;
mod imports;
mod improvements;
pub mod inbox;
pub mod insights;
mod keys;
pub mod language;
pub mod live;
mod media_type;
pub mod metrics;
mod offers;
mod openai;
mod openapi;
pub mod origin;
mod rate_limit;
pub mod recommendations;
mod record_shapes;
mod records;
mod registry;
pub mod resolution;
mod schema;
pub mod search;
mod server;
mod tasks;
#[cfg(test)]
mod tests;
mod webhooks;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::cors::{AllowOrigin, CorsLayer};

pub use endpoint::Endpoint;
pub use error::{ApiError, Code};
pub use server::{serve, stop_signal};

use crate::app::{App, QueueError, fresh_id};
use crate::{commands, pages};

/// Every route of the JSON interface.
pub fn endpoints() -> Vec<Endpoint> {
    let mut endpoints = vec![
        Endpoint::get(
            "/healthz",
            None,
            "Says that the process lives",
            health::healthz,
        )
        .answers::<health::Alive>(),
        Endpoint::get(
            "/readyz",
            None,
            "Says whether requests are welcome, and which models serve",
            health::readyz,
        ),
        Endpoint::get("/metrics", None, "Figures for Prometheus", metrics::metrics)
            .answers::<String>()
            .media_type("text/plain"),
    ];
    endpoints.extend(imports::endpoints());
    endpoints.extend(tasks::endpoints());
    endpoints.extend(hooks::endpoints());
    endpoints.extend(events::endpoints());
    endpoints.extend(collect::endpoints());
    endpoints.extend(search::endpoints());
    endpoints.extend(curation::endpoints());
    endpoints.extend(recommendations::endpoints());
    endpoints.extend(chat::endpoints());
    endpoints.extend(actions::endpoints());
    endpoints.extend(openai::endpoints());
    endpoints.extend(improvements::endpoints());
    endpoints.extend(inbox::endpoints());
    endpoints.extend(live::endpoints());
    endpoints.extend(feedback::endpoints());
    endpoints.extend(insights::endpoints());
    endpoints.extend(offers::endpoints());
    endpoints.extend(checkout::endpoints());
    endpoints.extend(campaigns::endpoints());
    endpoints.extend(decisions::endpoints());
    endpoints.extend(records::endpoints());
    endpoints.extend(registry::endpoints());
    endpoints.extend(keys::endpoints());
    endpoints.extend(webhooks::endpoints());
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
        let (path, route) = endpoint.into_route(&app);
        router = router.route(path, route);
    }
    router
        .route(commands::PATH, post(commands::handle))
        .merge(pages::router(app.clone()))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(app.clone(), authorise::identify))
        .layer(shared_with(&app))
        .layer(from_fn(connections::say_late))
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

/// Lets browsers show our answers to the pages of origins that some key names.
/// Credentials that browsers send along by themselves never count there.
fn shared_with(app: &Arc<App>) -> CorsLayer {
    let keys = app.gate.keys.clone();
    let named = move |origin: &HeaderValue, _: &axum::http::request::Parts| {
        origin
            .to_str()
            .is_ok_and(|origin| keys.allows_origin(origin))
    };
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(named))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::ACCEPT_LANGUAGE,
            header::IF_MATCH,
            header::IF_NONE_MATCH,
            HeaderName::from_static(customer_token::HEADER),
            HeaderName::from_static(customer_token::SESSION_HEADER),
            HeaderName::from_static("last-event-id"),
            idempotency::HEADER,
            NAME,
        ])
        .expose_headers([
            header::ETAG,
            header::RETRY_AFTER,
            HeaderName::from_static("ratelimit-limit"),
            HeaderName::from_static("ratelimit-remaining"),
            HeaderName::from_static("ratelimit-reset"),
            HeaderName::from_static("idempotency-replayed"),
            NAME,
        ])
        .max_age(std::time::Duration::from_secs(600))
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

/// The header with the id of a request.
const NAME: HeaderName = HeaderName::from_static("x-request-id");

/// What every page may load, run and be shown in: what this server sends, and
/// pictures of products from elsewhere.
const POLICY: &str = "default-src 'self'; img-src 'self' https: data:; object-src 'none'; \
                      base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Gives each request an id, the caller's own where it is a sane one, and each
/// answer the headers that keep browsers from guessing and from framing.
async fn name_request(request: Request, next: Next) -> Response {
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
    headers
        .entry(header::REFERRER_POLICY)
        .or_insert(HeaderValue::from_static("same-origin"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(POLICY),
    );
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(
        HeaderName::from_static("cross-origin-opener-policy"),
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
        serve::ServeError::Unknown { param, reason } => ApiError {
            param: Some(param.to_owned()),
            ..ApiError::new(Code::UnknownValue, reason)
        },
        serve::ServeError::Artifact(reason) => ApiError::internal(reason),
    }
}
