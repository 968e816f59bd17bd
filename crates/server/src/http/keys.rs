//! `/v1/keys` and `/v1/sessions`: keys of programs, and the sessions of
//! visitors whom nobody has signed in.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use shop::{Id, Timestamp};

use super::endpoint::Endpoint;
use super::error::{ApiError, Code};
use super::extract::{JsonBody, Named};
use crate::app::{App, now};
use crate::config::Scope;
use crate::keyring::{StoredKey, normal_origin};

/// The longest name of a key, in characters.
const LONGEST_NAME: usize = 200;
/// An origin as `normal_origin` reads it.
const ORIGIN: &str = r"^https?://([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?([.][A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*|\[::1\])(:[0-9]{1,4})?/?$";

/// The routes of this file.
pub fn endpoints() -> Vec<Endpoint> {
    let admin = Some(Scope::Admin);
    vec![
        Endpoint::get("/v1/keys", admin, "The keys, without their secrets", list).answers::<Keys>(),
        Endpoint::post(
            "/v1/keys",
            admin,
            "Makes a key; its secret is in this answer and nowhere else",
            create,
        )
        .answers::<NewKey>()
        .status(201),
        Endpoint::delete("/v1/keys/{id}", admin, "Ends a key", revoke).answers::<Revoked>(),
        Endpoint::post(
            "/v1/sessions",
            Some(Scope::Public),
            "A session for a visitor whom nobody has signed in; what belongs to them is shown to \
             who sends its token in X-Session-Token",
            session,
        )
        .answers::<NewSession>(),
    ]
}

/// A key, without its secret.
#[derive(Serialize, JsonSchema)]
struct ShownKey {
    id: String,
    name: String,
    scope: Scope,
    /// Origins whose pages may use it.
    origins: Vec<String>,
    created_at: Option<Timestamp>,
}

/// The keys.
#[derive(Serialize, JsonSchema)]
struct Keys {
    keys: Vec<ShownKey>,
}

/// A key with its secret.
#[derive(Serialize, JsonSchema)]
struct NewKey {
    #[serde(flatten)]
    shown: ShownKey,
    /// The secret, which is told once.
    key: String,
}

/// A key that holds no longer.
#[derive(Serialize, JsonSchema)]
struct Revoked {
    id: Id,
    revoked: bool,
}

/// A session of a visitor.
#[derive(Serialize, JsonSchema)]
struct NewSession {
    session: Id,
    /// To be sent as `X-Session-Token`.
    token: String,
}

fn shown(key: &StoredKey) -> ShownKey {
    ShownKey {
        id: key.id.clone(),
        name: key.name.clone(),
        scope: key.scope,
        origins: key.origins.clone(),
        created_at: key.created_at,
    }
}

async fn list(State(app): State<Arc<App>>) -> Json<Keys> {
    let keys = app.gate.keys.list().iter().map(shown).collect();
    Json(Keys { keys })
}

/// What a key is to open.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "KeyRequest")]
struct CreateRequest {
    scope: Scope,
    #[serde(default)]
    #[schemars(length(max = LONGEST_NAME))]
    name: String,
    /// Origins (https://host) whose pages may use it.
    #[serde(default)]
    #[schemars(inner(regex(pattern = ORIGIN)))]
    origins: Vec<String>,
}

async fn create(
    State(app): State<Arc<App>>,
    JsonBody(request): JsonBody<CreateRequest>,
) -> Result<(StatusCode, Json<NewKey>), ApiError> {
    for origin in &request.origins {
        normal_origin(origin).map_err(|error| ApiError::field("origins", format!("{error:#}")))?;
    }
    let keys = app.gate.keys.clone();
    let made = tokio::task::spawn_blocking(move || {
        keys.create(&request.name, request.scope, &request.origins, now())
    });
    let (key, secret) = made
        .await
        .map_err(ApiError::internal)?
        .map_err(|error| ApiError::internal(format!("{error:#}")))?;
    let made = NewKey {
        shown: shown(&key),
        key: secret.expose_secret().to_owned(),
    };
    Ok((StatusCode::CREATED, Json(made)))
}

async fn revoke(
    State(app): State<Arc<App>>,
    Named(id): Named<Id>,
) -> Result<Json<Revoked>, ApiError> {
    let keys = app.gate.keys.clone();
    let named = id.to_string();
    let revoked = tokio::task::spawn_blocking(move || keys.revoke(&named));
    let revoked = revoked.await.map_err(ApiError::internal)?;
    match revoked {
        Ok(true) => Ok(Json(Revoked { id, revoked: true })),
        Ok(false) => Err(ApiError::new(
            Code::UnknownKey,
            format!("there is no key {id}"),
        )),
        Err(error) => Err(ApiError {
            param: Some("id".to_owned()),
            ..ApiError::new(Code::Contradictory, format!("{error:#}"))
        }),
    }
}

async fn session(State(app): State<Arc<App>>) -> Json<NewSession> {
    let (session, token) = app.gate.signer.new_session();
    Json(NewSession { session, token })
}
