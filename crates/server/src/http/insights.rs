//! What customers write, in figures, each with the words behind it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use serve::Decision;
use serve::insight::{InsightRequest, Insights, ThemeDetail, ThemeReport};
use shop::{Id, Service};

use super::answer::{Audience, make};
use super::endpoint::Endpoint;
use super::error::{ApiError, Code};
use super::extract::{Named, Query};
use crate::app::App;
use crate::config::Scope;

/// The routes of this file. `/v1/themes` and `/v1/alerts` are short for the
/// longer paths.
pub fn endpoints() -> Vec<Endpoint> {
    const THEMES: &str = "The themes with counts, trend and quotes";
    const ALERTS: &str = "Complaints that are clearly on the rise";
    let everything = "Polarity and themes of the reviews, by week";
    vec![
        Endpoint::get("/v1/insights", SCOPE, everything, all).answers::<Decision<Insights>>(),
        Endpoint::get("/v1/insights/themes", SCOPE, THEMES, themes).answers::<Themes>(),
        Endpoint::get("/v1/insights/themes/{id}", SCOPE, "One theme", theme)
            .answers::<Decision<ThemeDetail>>(),
        Endpoint::get("/v1/insights/alerts", SCOPE, ALERTS, alerts).answers::<Alerts>(),
        Endpoint::get("/v1/themes", SCOPE, THEMES, themes).answers::<Themes>(),
        Endpoint::get("/v1/themes/{id}", SCOPE, "One theme", theme)
            .answers::<Decision<ThemeDetail>>(),
        Endpoint::get("/v1/alerts", SCOPE, ALERTS, alerts).answers::<Alerts>(),
    ]
}

const SCOPE: Option<Scope> = Some(Scope::Write);

/// The themes of the reviews.
#[derive(Serialize, JsonSchema)]
struct Themes {
    decision_id: Id,
    themes: Vec<ThemeReport>,
}

/// The themes that are complained about more than before.
#[derive(Serialize, JsonSchema)]
struct Alerts {
    decision_id: Id,
    alerts: Vec<ThemeReport>,
}

/// Answers a request for insight and records the decision.
pub async fn insights(
    app: &Arc<App>,
    request: InsightRequest,
) -> Result<Decision<Insights>, ApiError> {
    let Some(part) = app.loaded().insight.clone() else {
        return Err(ApiError::not_trained(Service::Insight));
    };
    let asked = request.clone();
    let version = Some(part.model.version.clone());
    let made = make(app, Service::Insight, version, move |context| {
        serve::insight::insights(context, &part.model.model, &part.scores, &asked)
    })
    .await?;
    let found = &made.decision.content;
    let explanation = json!({
        "request": request,
        "reviews": found.reviews,
        "themes": found.themes.iter().map(|theme| &theme.id).collect::<Vec<_>>(),
    });
    Ok(made.record(Audience::default(), Vec::new(), explanation))
}

async fn all(
    State(app): State<Arc<App>>,
    Query(request): Query<InsightRequest>,
) -> Result<Json<Decision<Insights>>, ApiError> {
    insights(&app, request).await.map(Json)
}

async fn themes(
    State(app): State<Arc<App>>,
    Query(request): Query<InsightRequest>,
) -> Result<Json<Themes>, ApiError> {
    let found = insights(&app, request).await?;
    Ok(Json(Themes {
        decision_id: found.decision_id,
        themes: found.content.themes,
    }))
}

async fn theme(
    State(app): State<Arc<App>>,
    Named(id): Named<Id>,
    Query(request): Query<InsightRequest>,
) -> Result<Json<Decision<ThemeDetail>>, ApiError> {
    let Some(part) = app.loaded().insight.clone() else {
        return Err(ApiError::not_trained(Service::Insight));
    };
    if !part
        .model
        .model
        .themes()
        .iter()
        .any(|theme| theme.id == id.as_str())
    {
        return Err(ApiError::new(
            Code::UnknownTheme,
            format!("there is no theme {id}"),
        ));
    }
    let (version, theme) = (Some(part.model.version.clone()), id.to_string());
    let made = make(&app, Service::Insight, version, move |context| {
        serve::insight::theme(context, &part.model.model, &part.scores, &theme, &request)
    })
    .await?;
    let explanation = json!({"request": {"theme": id}});
    Ok(Json(made.record(
        Audience::default(),
        Vec::new(),
        explanation,
    )))
}

async fn alerts(
    State(app): State<Arc<App>>,
    Query(request): Query<InsightRequest>,
) -> Result<Json<Alerts>, ApiError> {
    let found = insights(&app, request).await?;
    Ok(Json(Alerts {
        decision_id: found.decision_id,
        alerts: found.content.alerts,
    }))
}
