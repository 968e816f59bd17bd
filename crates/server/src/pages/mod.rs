//! Pages for people: the storefront and the console, made on the server, with
//! small ES modules and one style sheet that are part of the program.

mod cards;
mod chart;
mod console;
mod document;
mod layout;
mod lists;
mod product;
mod refinement;
mod sign_in;
mod storefront;
mod tile;
mod variants;
mod visitor;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};

pub use visitor::encode;

use crate::app::App;

/// The pages and what they are made of.
pub fn router(app: Arc<App>) -> Router<Arc<App>> {
    let storefront = Router::new()
        .route("/", get(storefront::home))
        .route("/products/{id}", get(product::page))
        .route("/documents/{id}", get(document::page))
        .route("/fragments/{scenario}", get(storefront::fragment))
        .route("/customer", post(visitor::choose));
    let console = console::router().route_layer(axum::middleware::from_fn_with_state(
        app,
        sign_in::require_admin,
    ));
    Router::new()
        .merge(storefront)
        .merge(console)
        .route(
            "/console/sign-in",
            get(sign_in::page).post(sign_in::sign_in),
        )
        .route("/console/sign-out", post(sign_in::sign_out))
        .route("/console/", get(async || Redirect::permanent("/console")))
        .route("/assets/{name}", get(asset_named))
        .route("/favicon.ico", get(|| asset("image/svg+xml", layout::MARK)))
}

/// The files that pages load: name, media type, content.
const ASSETS: &[(&str, &str, &str)] = &[
    ("shop.css", "text/css", include_str!("assets/shop.css")),
    ("shop.js", SCRIPT, include_str!("assets/shop.js")),
    ("page.js", SCRIPT, include_str!("assets/page.js")),
    ("cart.js", SCRIPT, include_str!("assets/cart.js")),
    ("chat.js", SCRIPT, include_str!("assets/chat.js")),
    ("live.js", SCRIPT, include_str!("assets/live.js")),
    ("console.js", SCRIPT, include_str!("assets/console.js")),
    ("import.js", SCRIPT, include_str!("assets/import.js")),
];

const SCRIPT: &str = "text/javascript";

async fn asset_named(Path(name): Path<String>) -> Response {
    match ASSETS.iter().find(|(known, _, _)| *known == name) {
        Some((_, media_type, content)) => asset(media_type, content).await,
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A file of the program. The pages of one version belong together, so that
/// browsers ask again after an update.
async fn asset(media_type: &'static str, content: &'static str) -> Response {
    let mut response = content.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
