//! What customers write, in figures, each with the words behind it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};
use serve::Decision;
use serve::insight::{InsightRequest, Insights, ThemeDetail};
use shop::Service;

use super::answer::{Audience, make};
use super::endpoint::Endpoint;
use super::error::{ApiError, Code};
use super::extract::Parameters;
use super::openapi::schema;
use crate::app::App;
use crate::config::Scope;

/// The routes of this file. `/v1/themes` and `/v1/alerts` are short for the
/// longer paths.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        filtered(Endpoint::get(
            "/v1/insights",
            SCOPE,
            "Polarity and themes of the reviews, by week",
            all,
        ))
        .answers(schema("Insights")),
        filtered(Endpoint::get(
            "/v1/insights/themes",
            SCOPE,
            "The themes with counts, trend and quotes",
            themes,
        )),
        filtered(Endpoint::get(
            "/v1/insights/themes/{id}",
            SCOPE,
            "One theme",
            theme,
        )),
        filtered(Endpoint::get(
            "/v1/insights/alerts",
            SCOPE,
            "Complaints that are clearly on the rise",
            alerts,
        )),
        filtered(Endpoint::get(
            "/v1/themes",
            SCOPE,
            "The themes with counts, trend and quotes",
            themes,
        )),
        filtered(Endpoint::get("/v1/themes/{id}", SCOPE, "One theme", theme)),
        filtered(Endpoint::get(
            "/v1/alerts",
            SCOPE,
            "Complaints that are clearly on the rise",
            alerts,
        )),
    ]
}

const SCOPE: Option<Scope> = Some(Scope::Write);

/// The parameters that all of them take.
fn filtered(endpoint: Endpoint) -> Endpoint {
    endpoint
        .query("product", "string", "Only reviews of this product")
        .query(
            "category",
            "string",
            "Only reviews of products in this category",
        )
        .query("language", "string", "Only reviews in this language")
        .query("from", "string", "Not before this time")
        .query("to", "string", "Before this time")
}

fn request_of(parameters: &Parameters) -> Result<InsightRequest, ApiError> {
    Ok(InsightRequest {
        product: parameters.id("product")?,
        category: parameters.text("category").map(str::to_owned),
        language: parameters.text("language").map(str::to_owned),
        from: parameters.parsed("from")?,
        to: parameters.parsed("to")?,
    })
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
    parameters: Parameters,
) -> Result<Json<Decision<Insights>>, ApiError> {
    insights(&app, request_of(&parameters)?).await.map(Json)
}

async fn themes(
    State(app): State<Arc<App>>,
    parameters: Parameters,
) -> Result<Json<Value>, ApiError> {
    let found = insights(&app, request_of(&parameters)?).await?;
    Ok(Json(
        json!({"decision_id": found.decision_id, "themes": found.content.themes}),
    ))
}

async fn theme(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    parameters: Parameters,
) -> Result<Json<Decision<ThemeDetail>>, ApiError> {
    let request = request_of(&parameters)?;
    let Some(part) = app.loaded().insight.clone() else {
        return Err(ApiError::not_trained(Service::Insight));
    };
    if !part.model.model.themes().iter().any(|theme| theme.id == id) {
        return Err(ApiError::new(
            Code::UnknownTheme,
            format!("there is no theme {id}"),
        ));
    }
    let (version, theme) = (Some(part.model.version.clone()), id.clone());
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
    parameters: Parameters,
) -> Result<Json<Value>, ApiError> {
    let found = insights(&app, request_of(&parameters)?).await?;
    Ok(Json(
        json!({"decision_id": found.decision_id, "alerts": found.content.alerts}),
    ))
}
