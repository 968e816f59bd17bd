//! What the shop's people decide about search: rules, synonyms, and the
//! queries that need them.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};
use serve::search::{SearchRequest, zero_result_queries};
use serve::{Context, Decision};
use shop::{Curation, CurationError, Id, SearchRule, Service, Synonyms};
use store::{Entry, NewEntry, Snapshot};

use super::answer::look;
use super::endpoint::Endpoint;
use super::error::{ApiError, Code};
use super::events::store_error;
use super::extract::{JsonBody, Parameters, path_id};
use super::openapi::schema;
use super::serve_error;
use crate::app::{App, fresh_id, now};
use crate::config::Scope;

type Answered = Result<Json<Value>, ApiError>;

/// How many rules, and how many lists of synonyms, there may be.
const MOST: usize = 2_000;

/// The routes of this file.
pub fn endpoints() -> Vec<Endpoint> {
    let (read, write) = (Some(Scope::Write), Some(Scope::Admin));
    vec![
        Endpoint::get("/v1/rules", read, "The shop's rules for search", rules),
        Endpoint::post("/v1/rules", write, "Adds or replaces a rule", put_rule)
            .body(schema("SearchRule"))
            .answers(schema("SearchRule")),
        Endpoint::delete("/v1/rules/{id}", write, "Removes a rule", remove_rule),
        Endpoint::post(
            "/v1/rules/preview",
            read,
            "A search side by side: without any rule, and with them and a rule that is not kept",
            preview,
        )
        .body(schema("RulePreview")),
        Endpoint::get(
            "/v1/synonyms",
            read,
            "Words that mean the same to search",
            synonyms,
        ),
        Endpoint::post(
            "/v1/synonyms",
            write,
            "Adds or replaces synonyms",
            put_synonyms,
        )
        .body(schema("Synonyms"))
        .answers(schema("Synonyms")),
        Endpoint::delete(
            "/v1/synonyms/{id}",
            write,
            "Removes synonyms",
            remove_synonyms,
        ),
        Endpoint::get(
            "/v1/search/gaps",
            read,
            "Queries without results or clicks, with what they may mean",
            list_gaps,
        )
        .query("limit", "integer", "How many, 1 to 500 (50)"),
    ]
}

fn refused(error: CurationError) -> ApiError {
    ApiError::field(error.field, error.reason)
}

/// Gives what is new an id where the caller gave none.
fn with_id(body: Value) -> Value {
    let mut body = body;
    if let Some(object) = body.as_object_mut() {
        object.entry("id").or_insert_with(|| json!(fresh_id()));
    }
    body
}

fn parsed<T: serde::de::DeserializeOwned>(what: &str, body: Value) -> Result<T, ApiError> {
    serde_json::from_value(with_id(body)).map_err(|error| ApiError::field(what, error.to_string()))
}

async fn append(app: &App, curation: Curation) -> Result<(), ApiError> {
    let entry = Entry::Curation(curation);
    let entries = vec![NewEntry { id: None, entry }];
    app.store.append(entries).await.map_err(store_error)?;
    Ok(())
}

fn too_many(field: &str, count: usize) -> Result<(), ApiError> {
    if count < MOST {
        return Ok(());
    }
    Err(ApiError::field(
        field,
        format!("there are {MOST} already: remove some first"),
    ))
}

async fn rules(State(app): State<Arc<App>>) -> Json<Value> {
    let snapshot = app.snapshot();
    let rules: Vec<_> = snapshot.rules.values().collect();
    Json(json!({"rules": rules}))
}

async fn put_rule(State(app): State<Arc<App>>, JsonBody(body): JsonBody<Value>) -> Answered {
    let rule: SearchRule = parsed("rule", body)?;
    rule.check().map_err(refused)?;
    names_known_fields(&app, &rule)?;
    let snapshot = app.snapshot();
    if !snapshot.rules.contains_key(&rule.id) {
        too_many("rule", snapshot.rules.len())?;
    }
    let answer = json!(rule);
    let rule = Box::new(rule);
    append(&app, Curation::Rule { rule, at: now() }).await?;
    Ok(Json(answer))
}

/// Refuses a rule whose filters name a field that no product has: it would
/// quietly hide everything, or nothing.
fn names_known_fields(app: &App, rule: &SearchRule) -> Result<(), ApiError> {
    let Some(part) = app.loaded().search.clone() else {
        return Ok(());
    };
    let snapshot = app.snapshot();
    let boosts = rule.then.boost.iter().map(|boost| &boost.filter);
    for filter in boosts.chain([&rule.then.filter]) {
        serve::search::check_filter(&part.index, &snapshot, filter).map_err(serve_error)?;
    }
    Ok(())
}

async fn remove_rule(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answered {
    let id = path_id("id", &id)?;
    if !app.snapshot().rules.contains_key(&id) {
        return Err(not_found("rule", &id));
    }
    let gone = Curation::RuleRemoved {
        id: id.clone(),
        at: now(),
    };
    append(&app, gone).await?;
    Ok(Json(json!({"removed": id})))
}

fn not_found(what: &str, id: &Id) -> ApiError {
    ApiError::new(Code::UnknownRule, format!("there is no {what} {id}"))
}

async fn synonyms(State(app): State<Arc<App>>) -> Json<Value> {
    let snapshot = app.snapshot();
    let synonyms: Vec<_> = snapshot.synonyms.values().collect();
    Json(json!({"synonyms": synonyms}))
}

async fn put_synonyms(State(app): State<Arc<App>>, JsonBody(body): JsonBody<Value>) -> Answered {
    let synonyms: Synonyms = parsed("synonyms", body)?;
    synonyms.check().map_err(refused)?;
    let snapshot = app.snapshot();
    if !snapshot.synonyms.contains_key(&synonyms.id) {
        too_many("synonyms", snapshot.synonyms.len())?;
    }
    let answer = json!(synonyms);
    append(
        &app,
        Curation::Synonyms {
            synonyms,
            at: now(),
        },
    )
    .await?;
    Ok(Json(answer))
}

async fn remove_synonyms(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answered {
    let id = path_id("id", &id)?;
    if !app.snapshot().synonyms.contains_key(&id) {
        return Err(not_found("list of synonyms", &id));
    }
    let gone = Curation::SynonymsRemoved {
        id: id.clone(),
        at: now(),
    };
    append(&app, gone).await?;
    Ok(Json(json!({"removed": id})))
}

async fn list_gaps(State(app): State<Arc<App>>, parameters: Parameters) -> Answered {
    let limit = parameters.number("limit", 50, 1..=500)?;
    let found = look(&app, Service::Search, move |context| {
        Ok(zero_result_queries(context.snapshot, limit))
    })
    .await?;
    Ok(Json(json!({"gaps": found})))
}

/// What a rule would change.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Preview {
    /// A rule that is not kept; without it, what the kept rules change.
    #[serde(default)]
    rule: Option<Value>,
    request: SearchRequest,
}

async fn preview(State(app): State<Arc<App>>, JsonBody(body): JsonBody<Preview>) -> Answered {
    let rule: Option<SearchRule> = body.rule.map(|rule| parsed("rule", rule)).transpose()?;
    if let Some(rule) = &rule {
        rule.check().map_err(refused)?;
        names_known_fields(&app, rule)?;
    }
    let (before, after) = side_by_side(&app, body.request, rule).await?;
    Ok(Json(json!({"before": before, "after": after})))
}

/// A search without rules and the same with them, and with a rule that is only
/// tried. Neither is recorded.
pub async fn side_by_side(
    app: &Arc<App>,
    request: SearchRequest,
    rule: Option<SearchRule>,
) -> Result<(SearchAnswer, SearchAnswer), ApiError> {
    let Some(part) = app.loaded().search.clone() else {
        return Err(ApiError::not_trained(Service::Search));
    };
    look(app, Service::Search, move |context| {
        let model = part.model.as_ref().map(|model| &*model.model);
        let ask = |snapshot: &Snapshot, rules: bool| {
            let context = Context {
                snapshot,
                ..context.clone()
            };
            let request = SearchRequest {
                rules,
                ..request.clone()
            };
            serve::search::search(&context, &part.index, model, &request)
        };
        let mut tried = context.snapshot.clone();
        if let Some(rule) = rule {
            let rules = Arc::make_mut(&mut tried.rules);
            rules.insert(rule.id.clone(), Arc::new(rule));
        }
        Ok((ask(context.snapshot, false)?, ask(&tried, true)?))
    })
    .await
}

/// The answer of one search.
pub type SearchAnswer = Decision<serve::search::SearchResults>;
