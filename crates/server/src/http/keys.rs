//! `/v1/keys` and `/v1/sessions`: keys of programs, and the sessions of
//! visitors whom nobody has signed in.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Json, response::IntoResponse};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::endpoint::Endpoint;
use super::error::{ApiError, Code};
use super::extract::JsonBody;
use crate::app::{App, now};
use crate::config::Scope;
use crate::keyring::normal_origin;

/// The longest name of a key, in characters.
const LONGEST_NAME: usize = 200;

/// The routes of this file.
pub fn endpoints() -> Vec<Endpoint> {
    let key = json!({
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "name": {"type": "string"},
            "scope": {"type": "string", "enum": ["public", "write", "admin"]},
            "origins": {"type": "array", "items": {"type": "string"}},
            "created_at": {"type": ["string", "null"], "format": "date-time"},
        },
    });
    let mut created = key.clone();
    created["properties"]["key"] = json!({"type": "string"});
    vec![
        Endpoint::get(
            "/v1/keys",
            Some(Scope::Admin),
            "The keys, without their secrets",
            list,
        )
        .answers(json!({
            "type": "object",
            "properties": {"keys": {"type": "array", "items": key}},
        })),
        Endpoint::post(
            "/v1/keys",
            Some(Scope::Admin),
            "Makes a key; its secret is in this answer and nowhere else",
            create,
        )
        .body(json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["scope"],
            "properties": {
                "scope": {"type": "string", "enum": ["public", "write", "admin"]},
                "name": {"type": "string", "maxLength": LONGEST_NAME},
                "origins": {
                    "type": "array",
                    "items": {"type": "string", "format": "uri"},
                    "description": "Origins (https://host) whose pages may use it",
                },
            },
        }))
        .answers(created),
        Endpoint::delete("/v1/keys/{id}", Some(Scope::Admin), "Ends a key", revoke),
        Endpoint::post(
            "/v1/sessions",
            Some(Scope::Public),
            "A session for a visitor whom nobody has signed in; what belongs to them is shown to \
             who sends its token in X-Session-Token",
            session,
        )
        .answers(json!({
            "type": "object",
            "properties": {"session": {"type": "string"}, "token": {"type": "string"}},
        })),
    ]
}

async fn list(State(app): State<Arc<App>>) -> Json<Value> {
    let keys = app.gate.keys.list();
    let keys: Vec<Value> = keys.iter().map(|key| key.to_json()).collect();
    Json(json!({"keys": keys}))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateRequest {
    scope: Scope,
    #[serde(default)]
    name: String,
    #[serde(default)]
    origins: Vec<String>,
}

async fn create(
    State(app): State<Arc<App>>,
    JsonBody(request): JsonBody<CreateRequest>,
) -> Result<impl IntoResponse, ApiError> {
    if request.name.chars().count() > LONGEST_NAME {
        let message = format!("longer than {LONGEST_NAME} characters");
        return Err(ApiError::field("name", message));
    }
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
    let mut shown = key.to_json();
    shown["key"] = json!(secret.expose_secret());
    Ok((StatusCode::CREATED, Json(shown)))
}

async fn revoke(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let keys = app.gate.keys.clone();
    let named = id.clone();
    let revoked = tokio::task::spawn_blocking(move || keys.revoke(&named));
    let revoked = revoked.await.map_err(ApiError::internal)?;
    match revoked {
        Ok(true) => Ok(Json(json!({"id": id, "revoked": true}))),
        Ok(false) => Err(ApiError::new(
            Code::UnknownKey,
            format!("there is no key {id}"),
        )),
        Err(error) => Err(ApiError::field("id", format!("{error:#}"))),
    }
}

async fn session(State(app): State<Arc<App>>) -> Json<Value> {
    let (session, token) = app.gate.signer.new_session();
    Json(json!({"session": session, "token": token}))
}
