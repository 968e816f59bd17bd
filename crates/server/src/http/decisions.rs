//! Why something was shown.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::endpoint::Endpoint;
use super::error::{ApiError, Code};
use super::extract::{Parameters, path_id};
use super::openapi::schema;
use crate::app::App;
use crate::config::Scope;

/// The routes of this file.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(
            "/v1/decisions/{id}",
            Some(Scope::Write),
            "Why an answer was given: the request, the reasons, the models and the stages",
            decision,
        )
        .answers(schema("DecisionRecord")),
        Endpoint::get(
            "/v1/decisions",
            Some(Scope::Write),
            "The last decisions, newest first",
            decisions,
        )
        .query("limit", "integer", "How many, 1 to 200 (20)")
        .query("service", "string", "support, search, recommend or insight"),
    ]
}

async fn decision(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let id = path_id("id", &id)?;
    app.settle([&id]).await;
    let snapshot = app.snapshot();
    let record = app.store.decision(&id).await.map_err(ApiError::internal)?;
    let record = record.ok_or_else(|| {
        ApiError::new(Code::UnknownDecision, format!("there is no decision {id}"))
    })?;
    let mut body = serde_json::to_value(record).map_err(ApiError::internal)?;
    body["thumbs"] = json!(snapshot.thumbs.get(&id).copied().unwrap_or_default());
    Ok(Json(body))
}

async fn decisions(
    State(app): State<Arc<App>>,
    parameters: Parameters,
) -> Result<Json<Value>, ApiError> {
    let limit = parameters.number("limit", 20, 1..=200)?;
    let service = match parameters.text("service") {
        None => None,
        Some(name) => Some(super::registry::service_of(name)?),
    };
    app.flush().await;
    let decisions = latest(&app, service, limit);
    Ok(Json(json!({"decisions": decisions})))
}

/// The last decisions, newest first.
pub fn latest(
    app: &App,
    service: Option<shop::Service>,
    limit: usize,
) -> Vec<Arc<shop::DecisionRecord>> {
    let snapshot = app.snapshot();
    let mut decisions: Vec<_> = snapshot
        .decisions
        .values()
        .filter(|decision| service.is_none_or(|service| decision.service == service))
        .cloned()
        .collect();
    decisions.sort_by(|left, right| (right.time, &right.id).cmp(&(left.time, &left.id)));
    decisions.truncate(limit);
    decisions
}
