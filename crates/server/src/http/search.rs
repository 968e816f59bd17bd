//! `/v1/search` and `/v1/suggest`.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use serde_json::json;
use serve::Decision;
use serve::search::{SearchRequest, SearchResults, SuggestRequest, Suggestions};
use shop::{Filter, Id, Service};

use super::answer::{Audience, look, make};
use super::authorise::Caller;
use super::endpoint::Endpoint;
use super::error::ApiError;
use super::extract::{JsonBody, Parameters};
use super::openapi::schema;
use crate::app::App;
use crate::config::Scope;

/// The longest query, in characters; what is longer is no query.
const LONGEST_QUERY: usize = 500;

/// The routes of this file.
pub fn endpoints() -> Vec<Endpoint> {
    let scope = Some(Scope::Public);
    vec![
        Endpoint::get("/v1/search", scope, "Finds products", search_get)
            .query("q", "string", "What is looked for; empty browses")
            .query("limit", "integer", "How many hits, at most 250 (20)")
            .query("offset", "integer", "How many hits to pass over (0)")
            .query(
                "filter",
                "string",
                "As category = \"Shoes\" AND price <= 5000 AND in_stock = true; \
                 _geoRadius(latitude, longitude, metres) where products have a location",
            )
            .query(
                "sort",
                "string",
                "relevance, price_asc, price_desc, newest, rating, any field as weight:desc, or \
                 _geoPoint(latitude, longitude)",
            )
            .query(
                "facets",
                "string",
                "What to count, between commas: category, brand, price, …",
            )
            .query(
                "disjunctive",
                "boolean",
                "Whether a facet that the filter speaks of is counted as if it did not (true)",
            )
            .query("language", "string", "Of the words, as en or zh")
            .query("customer", "string", "Who searches")
            .query("session", "string", "In which visit")
            .query(
                "semantic_ratio",
                "number",
                "How much meaning counts beside words, 0 to 1",
            )
            .query(
                "explain",
                "boolean",
                "Whether each hit says what its score is made of",
            )
            .query(
                "cursor",
                "string",
                "The last page's next_cursor: nothing comes twice or is passed over",
            )
            .query(
                "distinct",
                "string",
                "group_id: the best of each group only",
            )
            .query(
                "rules",
                "boolean",
                "Whether the shop's rules are applied (true); false needs the scope write",
            )
            .answers(schema("SearchAnswer")),
        Endpoint::post("/v1/search", scope, "Finds products", search_post)
            .body(schema("SearchRequest"))
            .answers(schema("SearchAnswer")),
        Endpoint::get(
            "/v1/suggest",
            scope,
            "Completes what is being typed",
            suggest,
        )
        .query("q", "string", "What has been typed so far")
        .query("limit", "integer", "How many, 1 to 20 (8)")
        .query(
            "customer",
            "string",
            "Who types: their own queries come first",
        )
        .query("session", "string", "In which visit")
        .answers(schema("Suggestions")),
    ]
}

async fn search_get(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    parameters: Parameters,
) -> Result<Json<Decision<SearchResults>>, ApiError> {
    let request = request_of(&parameters)?;
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

fn request_of(parameters: &Parameters) -> Result<SearchRequest, ApiError> {
    let otherwise = SearchRequest::default();
    Ok(SearchRequest {
        q: parameters.text("q").unwrap_or_default().to_owned(),
        limit: parameters.parsed("limit")?.unwrap_or(otherwise.limit),
        offset: parameters.parsed("offset")?.unwrap_or(otherwise.offset),
        filter: parameters.parsed::<Filter>("filter")?.unwrap_or_default(),
        sort: match parameters.text("sort") {
            None => otherwise.sort,
            Some(word) => serde_json::from_value(json!(word))
                .map_err(|error| ApiError::field("sort", error.to_string()))?,
        },
        facets: parameters.list("facets"),
        disjunctive: parameters
            .parsed("disjunctive")?
            .unwrap_or(otherwise.disjunctive),
        language: parameters.text("language").map(str::to_owned),
        customer: parameters.id("customer")?,
        session: parameters.id("session")?,
        semantic_ratio: parameters.parsed("semantic_ratio")?,
        explain: parameters.parsed("explain")?.unwrap_or_default(),
        cursor: parameters.text("cursor").map(str::to_owned),
        distinct: match parameters.text("distinct") {
            None => None,
            Some(word) => serde_json::from_value(json!(word))
                .map_err(|error| ApiError::field("distinct", error.to_string()))?,
        },
        rules: parameters.parsed("rules")?.unwrap_or(otherwise.rules),
    })
}

/// Answers a search and records the decision.
pub async fn search(
    app: &Arc<App>,
    request: SearchRequest,
) -> Result<Decision<SearchResults>, ApiError> {
    if request.q.chars().count() > LONGEST_QUERY {
        return Err(ApiError::field(
            "q",
            format!("longer than {LONGEST_QUERY} characters"),
        ));
    }
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
    parameters: Parameters,
) -> Result<Json<Decision<Suggestions>>, ApiError> {
    let customer = parameters.id("customer")?;
    caller.may_act_for(customer.as_ref())?;
    let request = SuggestRequest {
        q: parameters
            .text("q")
            .unwrap_or_default()
            .chars()
            .take(LONGEST_QUERY)
            .collect(),
        limit: parameters.number("limit", 8, 1..=20)?,
        customer,
        session: parameters.id("session")?,
    };
    let Some(part) = app.loaded().search.clone() else {
        return Err(ApiError::not_trained(Service::Search));
    };
    look(&app, Service::Search, move |context| {
        serve::search::suggest(context, &part.index, &request)
    })
    .await
    .map(Json)
}
