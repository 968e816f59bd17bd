//! `/v1/search` and `/v1/suggest`.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use serde_json::json;
use serve::Decision;
use serve::search::{SearchRequest, SearchResults, SuggestRequest, Suggestions};
use shop::{Id, Service};

use super::answer::{Audience, look, make};
use super::authorise::Caller;
use super::endpoint::Endpoint;
use super::error::ApiError;
use super::extract::{JsonBody, Query};
use crate::app::App;
use crate::config::Scope;

/// The routes of this file.
pub fn endpoints() -> Vec<Endpoint> {
    let scope = Some(Scope::Public);
    vec![
        Endpoint::get("/v1/search", scope, "Finds products", search_get)
            .answers::<Decision<SearchResults>>(),
        Endpoint::post("/v1/search", scope, "Finds products", search_post)
            .answers::<Decision<SearchResults>>(),
        Endpoint::get(
            "/v1/suggest",
            scope,
            "Completes what is being typed",
            suggest,
        )
        .answers::<Decision<Suggestions>>(),
    ]
}

async fn search_get(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Query(request): Query<SearchRequest>,
) -> Result<Json<Decision<SearchResults>>, ApiError> {
    check(&caller, &request)?;
    search(&app, request).await.map(Json)
}

async fn search_post(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    JsonBody(request): JsonBody<SearchRequest>,
) -> Result<Json<Decision<SearchResults>>, ApiError> {
    check(&caller, &request)?;
    search(&app, request).await.map(Json)
}

/// Nobody speaks for others, and only the shop's people look past its rules.
fn check(caller: &Caller, request: &SearchRequest) -> Result<(), ApiError> {
    if !request.rules {
        caller.require(Scope::Write)?;
    }
    caller.may_act_for(request.customer.as_ref())
}

/// Answers a search and records the decision.
pub async fn search(
    app: &Arc<App>,
    request: SearchRequest,
) -> Result<Decision<SearchResults>, ApiError> {
    let loaded = app.loaded();
    let Some(part) = loaded.search.clone() else {
        return Err(ApiError::not_trained(Service::Search));
    };
    let asked = request.clone();
    let version = loaded.version(Service::Search);
    let made = make(app, Service::Search, version, move |context| {
        let model = part.model.as_ref().map(|model| &*model.model);
        serve::search::search(context, &part.index, model, &asked)
    })
    .await?;
    let results = &made.decision.content;
    let shown: Vec<Id> = results.hits.iter().map(|hit| hit.id.clone()).collect();
    let reasons: Vec<_> = results
        .hits
        .iter()
        .map(|hit| json!({"id": hit.id, "score": hit.score, "reasons": hit.reasons}))
        .collect();
    let explanation = json!({
        "request": request,
        "total": results.total,
        "corrected": results.corrected,
        "reasons": reasons,
    });
    let audience = Audience {
        customer: request.customer,
        session: request.session,
    };
    Ok(made.record(audience, shown, explanation))
}

async fn suggest(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Query(request): Query<SuggestRequest>,
) -> Result<Json<Decision<Suggestions>>, ApiError> {
    caller.may_act_for(request.customer.as_ref())?;
    let Some(part) = app.loaded().search.clone() else {
        return Err(ApiError::not_trained(Service::Search));
    };
    look(&app, Service::Search, move |context| {
        serve::search::suggest(context, &part.index, &request)
    })
    .await
    .map(Json)
}
