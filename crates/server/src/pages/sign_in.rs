//! The console's door, where keys are configured.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::layout;
use super::visitor::Visitor;
use crate::app::App;
use crate::config::Scope;
use crate::http::authorise::{Caller, KEY_COOKIE};

/// Lets only administrators in; others are asked for their key.
pub async fn require_admin(State(_app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let caller = request
        .extensions()
        .get::<Caller>()
        .unwrap_or(&Caller::Anonymous);
    if caller.require(Scope::Admin).is_ok() {
        next.run(request).await
    } else {
        Redirect::to("/console/sign-in").into_response()
    }
}

/// Asks for the key.
pub async fn page(visitor: Visitor) -> Response {
    let content = form(&visitor, false);
    visitor.respond(content)
}

fn form(visitor: &Visitor, wrong: bool) -> Markup {
    let text = visitor.text();
    let content = html! {
        div class="pane sign-in" {
            form method="post" action="/console/sign-in" {
                label for="key" { (text.admin_key) }
                input id="key" name="key" type="password" required autocomplete="current-password"
                      aria-invalid=[wrong.then_some("true")];
                @if wrong { p role="alert" { (text.wrong_key) } }
                button class="primary" { (text.sign_in) }
            }
        }
    };
    layout::console(visitor, "", text.sign_in, content)
}

#[derive(Deserialize)]
pub struct Credentials {
    #[serde(default)]
    key: String,
}

/// Takes the key and remembers it in a cookie that scripts cannot read and
/// other sites cannot send.
pub async fn sign_in(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Form(credentials): Form<Credentials>,
) -> Response {
    let key = credentials.key.trim();
    let cookie = format!("{KEY_COOKIE}={key}; Path=/; HttpOnly; SameSite=Strict");
    match (app.gate.scope_of(key), HeaderValue::from_str(&cookie)) {
        (Some(Scope::Admin), Ok(cookie)) => {
            let mut response = Redirect::to("/console").into_response();
            response.headers_mut().append(header::SET_COOKIE, cookie);
            response
        }
        _ => {
            let content = form(&visitor, true);
            let mut response = visitor.respond(content);
            *response.status_mut() = StatusCode::UNAUTHORIZED;
            response
        }
    }
}
