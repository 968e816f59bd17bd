//! The console's door: a key, or a link that opens it once.

use std::sync::Arc;

use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use maud::{Markup, html};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::layout;
use super::visitor::Visitor;
use crate::app::{App, now};
use crate::config::Scope;
use crate::http::authorise::{Caller, Identity};

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

#[derive(Deserialize)]
pub struct Invitation {
    token: Option<SecretString>,
}

/// Asks for the key, or takes the token of a link.
pub async fn page(
    State(app): State<Arc<App>>,
    Extension(identity): Extension<Identity>,
    visitor: Visitor,
    Query(invitation): Query<Invitation>,
) -> Response {
    let Some(token) = invitation.token else {
        let content = form(&visitor, false);
        return visitor.respond(content);
    };
    if let Err(refused) = app.gate.limits.count_sign_in(identity.connection.address) {
        return refused.into_response();
    }
    let keys = app.gate.keys.clone();
    let used = tokio::task::spawn_blocking(move || keys.use_link(token.expose_secret(), now()));
    match used.await {
        Ok(Ok(true)) => opened(&app, &identity, None),
        Ok(Ok(false)) => refused(visitor),
        Ok(Err(error)) => {
            tracing::error!(error = format!("{error:#}"), "a link could not be used up");
            refused(visitor)
        }
        Err(error) => {
            tracing::error!(%error, "a link could not be used up");
            refused(visitor)
        }
    }
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

fn refused(visitor: Visitor) -> Response {
    let content = form(&visitor, true);
    let mut response = visitor.respond(content);
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    response
}

/// To the console, with a new session in a cookie that scripts cannot read and
/// other sites cannot send.
fn opened(app: &App, identity: &Identity, key_id: Option<&str>) -> Response {
    let mut response = Redirect::to("/console").into_response();
    let headers = response.headers_mut();
    let cookie = app
        .gate
        .consoles
        .begin(key_id, identity.connection.is_secure);
    if let Some(cookie) = cookie {
        headers.append(header::SET_COOKIE, cookie);
    }
    // The address may hold the token of a link.
    let nothing = HeaderValue::from_static("no-referrer");
    headers.insert(header::REFERRER_POLICY, nothing);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[derive(Deserialize)]
pub struct Credentials {
    #[serde(default)]
    key: SecretString,
}

/// Takes the key; guesses are counted.
pub async fn sign_in(
    State(app): State<Arc<App>>,
    Extension(identity): Extension<Identity>,
    visitor: Visitor,
    Form(credentials): Form<Credentials>,
) -> Response {
    if let Err(refused) = app.gate.limits.count_sign_in(identity.connection.address) {
        return refused.into_response();
    }
    let key = app.gate.keys.find(credentials.key.expose_secret().trim());
    match key {
        Some(key) if key.scope == Scope::Admin => opened(&app, &identity, Some(&key.id)),
        _ => refused(visitor),
    }
}

/// Ends the session.
pub async fn sign_out(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    app.gate.consoles.end(&headers);
    Redirect::to("/console/sign-in").into_response()
}
