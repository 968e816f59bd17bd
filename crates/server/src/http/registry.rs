//! Which models there are, how good they are, and which one serves.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};
use shop::Service;
use store::Snapshot;

use super::endpoint::Endpoint;
use super::error::{ApiError, Code};
use super::extract::JsonBody;
use super::openapi::schema;
use crate::app::App;
use crate::config::Scope;
use crate::jobs;

/// The routes of this file.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(
            "/v1/registry",
            Some(Scope::Write),
            "Every model with its figures beside its baselines', and how its answers fared",
            registry,
        )
        .answers(schema("Registry")),
        Endpoint::post(
            "/v1/registry/{service}/promote",
            Some(Scope::Admin),
            "Lets a version serve, without a restart",
            promote,
        )
        .body(schema("Promotion")),
        Endpoint::post(
            "/v1/registry/{service}/rollback",
            Some(Scope::Admin),
            "Lets the version serve that served before",
            rollback,
        ),
    ]
}

/// The service that a path names.
pub fn service_of(name: &str) -> Result<Service, ApiError> {
    Service::from_name(name).ok_or_else(|| {
        let names: Vec<_> = Service::ALL.iter().map(|service| service.name()).collect();
        ApiError::field(
            "service",
            format!("{name:?} is none of {}", names.join(", ")),
        )
    })
}

/// Every version, newest first.
pub fn models(snapshot: &Snapshot) -> Vec<Value> {
    snapshot
        .trained
        .iter()
        .rev()
        .map(|(service, version, metrics)| {
            let serving = snapshot.serving.get(service) == Some(version);
            let outcomes = snapshot
                .outcomes
                .get(&(*service, version.clone()))
                .copied()
                .unwrap_or_default();
            json!({
                "service": service,
                "version": version,
                "serving": serving,
                "metrics": metrics,
                "outcomes": outcomes,
            })
        })
        .collect()
}

async fn registry(State(app): State<Arc<App>>) -> Json<Value> {
    Json(json!({"models": models(&app.snapshot())}))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Promotion {
    version: String,
}

async fn promote(
    State(app): State<Arc<App>>,
    Path(service): Path<String>,
    JsonBody(promotion): JsonBody<Promotion>,
) -> Result<Json<Value>, ApiError> {
    let service = service_of(&service)?;
    let known = app
        .snapshot()
        .trained
        .iter()
        .any(|(of, version, _)| *of == service && *version == promotion.version);
    if !known {
        let message = format!("there is no {} model {}", service.name(), promotion.version);
        return Err(ApiError {
            param: Some("version".to_owned()),
            ..ApiError::new(Code::UnknownVersion, message)
        });
    }
    jobs::promote(&app.store, service, &promotion.version)
        .await
        .map_err(ApiError::internal)?;
    Ok(Json(
        json!({"service": service, "version": promotion.version}),
    ))
}

async fn rollback(
    State(app): State<Arc<App>>,
    Path(service): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let service = service_of(&service)?;
    let version = jobs::rollback(&app.store, service)
        .await
        .map_err(|error| ApiError::new(Code::UnknownVersion, error.to_string()))?;
    Ok(Json(json!({"service": service, "version": version})))
}
