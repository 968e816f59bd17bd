//! Which models there are, how good they are, and which one serves.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use evaluate::gate::Report;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shop::Service;
use store::{Outcomes, Snapshot};

use super::endpoint::Endpoint;
use super::error::{ApiError, Code};
use super::extract::{JsonBody, Named};
use crate::app::{App, Loaded, refresh_once};
use crate::config::Scope;
use crate::jobs::{self, GateReports};

/// The routes of this file.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(
            "/v1/registry",
            Some(Scope::Write),
            "Every model with its figures, the gate's report and how its answers fared",
            registry,
        )
        .answers::<Registry>(),
        Endpoint::post(
            "/v1/registry/{service}/promote",
            Some(Scope::Admin),
            "Lets a version serve, without a restart",
            promote,
        )
        .answers::<Serving>(),
        Endpoint::post(
            "/v1/registry/{service}/rollback",
            Some(Scope::Admin),
            "Lets the version serve that served before",
            rollback,
        )
        .answers::<Serving>(),
    ]
}

/// Every version, newest first.
#[derive(Serialize, JsonSchema)]
struct Registry {
    models: Vec<Model>,
    /// What is wrong with the models that should serve.
    alarms: Vec<String>,
}

/// A version of a model.
#[derive(Serialize, JsonSchema)]
struct Model {
    /// What it was trained for.
    service: Service,
    /// The hash of its files.
    version: String,
    /// Whether it is the one that should serve.
    serving: bool,
    /// Whether it is loaded and answers now.
    loaded: bool,
    /// Why it cannot be loaded, where that was tried.
    damaged: Option<String>,
    /// Its figures beside its baselines'.
    metrics: Value,
    /// What the gate said when it was trained.
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
    gate: Option<Report>,
    /// How its answers fared.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    outcomes: Outcomes,
}

/// Which version answers now.
#[derive(Serialize, JsonSchema)]
struct Serving {
    service: Service,
    version: String,
}

/// Every version, newest first.
fn models(snapshot: &Snapshot, loaded: &Loaded, reports: &GateReports) -> Vec<Model> {
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
            Model {
                service: *service,
                version: version.clone(),
                serving,
                loaded: loaded.version(*service).as_ref() == Some(version),
                damaged: loaded.damage(*service, version).map(str::to_owned),
                gate: reports.get(&(*service, version.clone())).cloned(),
                metrics: metrics.clone(),
                outcomes,
            }
        })
        .collect()
}

async fn registry(State(app): State<Arc<App>>) -> Json<Registry> {
    let reports = jobs::gate_reports(&app.store).await;
    Json(Registry {
        models: models(&app.snapshot(), &app.loaded(), &reports),
        alarms: app.alarms(),
    })
}

/// Which version is to answer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Promotion {
    version: String,
}

async fn promote(
    State(app): State<Arc<App>>,
    Named(service): Named<Service>,
    JsonBody(promotion): JsonBody<Promotion>,
) -> Result<Json<Serving>, ApiError> {
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
    Ok(Json(serving(&app, service, promotion.version).await))
}

/// What answers once the promoted version is loaded: that one, or where it is
/// damaged the newest intact one.
async fn serving(app: &App, service: Service, promoted: String) -> Serving {
    refresh_once(app).await;
    let version = app.loaded().version(service).unwrap_or(promoted);
    Serving { service, version }
}

async fn rollback(
    State(app): State<Arc<App>>,
    Named(service): Named<Service>,
) -> Result<Json<Serving>, ApiError> {
    let version = jobs::rollback(&app.store, service)
        .await
        .map_err(|error| ApiError::new(Code::UnknownVersion, error.to_string()))?;
    Ok(Json(serving(&app, service, version).await))
}
