//! Why something was shown.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shop::{DecisionRecord, Id, Service};

use super::endpoint::Endpoint;
use super::error::{ApiError, Code};
use super::events::store_error;
use super::extract::{Named, Query};
use crate::app::App;
use crate::config::Scope;

/// The routes of this file.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(
            "/v1/decisions/{id}",
            Some(Scope::Write),
            "Why an answer was given: the request, the reasons, the models and the stages; after explanation_days what is left of it (complete: false)",
            decision,
        )
        .answers::<Explained>(),
        Endpoint::get(
            "/v1/decisions",
            Some(Scope::Write),
            "The last decisions, newest first",
            decisions,
        )
        .answers::<Decisions>(),
    ]
}

/// A decision and the thumbs that it got.
#[derive(Serialize, JsonSchema)]
struct Explained {
    #[serde(flatten)]
    record: DecisionRecord,
    /// Whether it is whole; otherwise its stages and reasons have expired.
    complete: bool,
    /// Thumbs up less thumbs down.
    thumbs: i64,
}

/// Which decisions.
#[derive(Deserialize, JsonSchema)]
#[serde(default)]
struct Which {
    /// How many.
    #[schemars(range(min = 1, max = 200))]
    limit: usize,
    /// Of this service alone.
    service: Option<Service>,
}

impl Default for Which {
    fn default() -> Self {
        Self {
            limit: 20,
            service: None,
        }
    }
}

/// The last decisions, newest first.
#[derive(Serialize, JsonSchema)]
struct Decisions {
    decisions: Vec<Arc<DecisionRecord>>,
}

async fn decision(
    State(app): State<Arc<App>>,
    Named(id): Named<Id>,
) -> Result<Json<Explained>, ApiError> {
    app.settle([&id]).await;
    let snapshot = app.snapshot();
    let record = app.store.decision(&id).await.map_err(store_error)?;
    let found = record.ok_or_else(|| {
        ApiError::new(Code::UnknownDecision, format!("there is no decision {id}"))
    })?;
    let thumbs = snapshot.thumbs.get(&id).copied().unwrap_or_default();
    Ok(Json(Explained {
        record: found.decision,
        complete: found.complete,
        thumbs,
    }))
}

async fn decisions(
    State(app): State<Arc<App>>,
    Query(which): Query<Which>,
) -> Result<Json<Decisions>, ApiError> {
    app.flush().await;
    let decisions = latest(&app, which.service, which.limit);
    Ok(Json(Decisions { decisions }))
}

/// The last decisions, newest first.
pub fn latest(app: &App, service: Option<Service>, limit: usize) -> Vec<Arc<DecisionRecord>> {
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
