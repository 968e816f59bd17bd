//! `POST /v1/recommendations`.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use serde_json::json;
use serve::Decision;
use serve::recommend::{RecommendRequest, Recommendations};
use shop::{Id, Service};

use super::answer::{Audience, make};
use super::authorise::Caller;
use super::endpoint::Endpoint;
use super::error::ApiError;
use super::extract::JsonBody;
use super::language::AcceptedLanguage;
use crate::app::App;
use crate::config::Scope;

/// The routes of this file.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post(
            "/v1/recommendations",
            Some(Scope::Public),
            "Products for a customer, a visit, a product or a cart",
            recommendations,
        )
        .answers::<Decision<Recommendations>>(),
    ]
}

async fn recommendations(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    accepted: AcceptedLanguage,
    JsonBody(mut request): JsonBody<RecommendRequest>,
) -> Result<Json<Decision<Recommendations>>, ApiError> {
    caller.may_act_for(request.customer.as_ref())?;
    request.language = request.language.or(accepted.tag());
    recommend(&app, request).await.map(Json)
}

/// Answers a request for products and records the decision.
pub async fn recommend(
    app: &Arc<App>,
    request: RecommendRequest,
) -> Result<Decision<Recommendations>, ApiError> {
    let loaded = app.loaded();
    let model = loaded.recommend.clone();
    let asked = request.clone();
    let version = loaded.version(Service::Recommend);
    let made = make(app, Service::Recommend, version, move |context| {
        if let Some(search) = &loaded.search {
            serve::search::check_filter(&search.index, context.snapshot, &asked.filter)?;
        }
        let model = model.as_ref().map(|model| &*model.model);
        serve::recommend::recommend(context, model, &asked)
    })
    .await?;
    let items = &made.decision.content.items;
    let shown: Vec<Id> = items.iter().map(|item| item.id.clone()).collect();
    let reasons: Vec<_> = items
        .iter()
        .map(|item| json!({"id": item.id, "score": item.score, "reasons": item.reasons}))
        .collect();
    let explanation = json!({"request": request, "reasons": reasons});
    let audience = Audience {
        customer: request.customer,
        session: request.session,
    };
    Ok(made.record(audience, shown, explanation))
}
