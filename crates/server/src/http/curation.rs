//! What the shop's people decide about search: rules, synonyms, and the
//! queries that need them.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use serve::search::{SearchRequest, ZeroResultQuery, zero_result_queries};
use serve::{Context, Decision};
use shop::{Curation, CurationError, Id, SearchRule, Service, Synonyms};
use store::{Entry, NewEntry, Snapshot};

use super::answer::look;
use super::endpoint::Endpoint;
use super::error::{ApiError, Code};
use super::events::store_error;
use super::extract::{JsonBody, Named, Query};
use super::schema::read;
use super::serve_error;
use crate::app::{App, fresh_id, now};
use crate::config::Scope;

/// How many rules, and how many lists of synonyms, there may be.
const MOST: usize = 2_000;

/// The routes of this file.
pub fn endpoints() -> Vec<Endpoint> {
    let (read, write) = (Some(Scope::Write), Some(Scope::Admin));
    vec![
        Endpoint::get("/v1/rules", read, "The shop's rules for search", rules).answers::<Rules>(),
        Endpoint::post("/v1/rules", write, "Adds or replaces a rule", put_rule)
            .answers::<SearchRule>(),
        Endpoint::delete("/v1/rules/{id}", write, "Removes a rule", remove_rule)
            .answers::<Removed>(),
        Endpoint::post(
            "/v1/rules/preview",
            read,
            "A search side by side: without any rule, and with them and a rule that is not kept",
            preview,
        )
        .answers::<SideBySide>(),
        Endpoint::get(
            "/v1/synonyms",
            read,
            "Words that mean the same to search",
            synonyms,
        )
        .answers::<AllSynonyms>(),
        Endpoint::post(
            "/v1/synonyms",
            write,
            "Adds or replaces synonyms",
            put_synonyms,
        )
        .answers::<Synonyms>(),
        Endpoint::delete(
            "/v1/synonyms/{id}",
            write,
            "Removes synonyms",
            remove_synonyms,
        )
        .answers::<Removed>(),
        Endpoint::get(
            "/v1/search/gaps",
            read,
            "Queries without results or clicks, with what they may mean",
            list_gaps,
        )
        .answers::<Gaps>(),
    ]
}

/// What a rule's schema allows and the rule as a whole does not.
fn refused(error: CurationError) -> ApiError {
    ApiError {
        param: Some(error.field.to_owned()),
        ..ApiError::new(Code::Contradictory, error.reason)
    }
}

/// A rule or a list of synonyms, which gets an id where the caller gave none.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct Nameless<T>(Value, #[serde(skip)] PhantomData<T>);

impl<T: JsonSchema + DeserializeOwned + 'static> JsonSchema for Nameless<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("New{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = T::json_schema(generator);
        if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
            required.retain(|field| field != "id");
        }
        schema
    }
}

impl<T: JsonSchema + DeserializeOwned + 'static> Nameless<T> {
    fn named(mut self) -> Result<T, ApiError> {
        if let Some(fields) = self.0.as_object_mut() {
            fields.entry("id").or_insert_with(|| json!(fresh_id()));
        }
        read(self.0, "")
    }
}

/// The shop's rules for search.
#[derive(Serialize, JsonSchema)]
struct Rules {
    rules: Vec<Arc<SearchRule>>,
}

/// Words that mean the same to search.
#[derive(Serialize, JsonSchema)]
struct AllSynonyms {
    synonyms: Vec<Arc<Synonyms>>,
}

/// What is no longer there.
#[derive(Serialize, JsonSchema)]
struct Removed {
    removed: Id,
}

/// How many queries.
#[derive(Deserialize, JsonSchema)]
#[serde(default)]
struct GapsAsked {
    /// At most this many.
    #[schemars(range(min = 1, max = 500))]
    limit: usize,
}

impl Default for GapsAsked {
    fn default() -> Self {
        Self { limit: 50 }
    }
}

/// Queries without results or clicks, with what they may mean.
#[derive(Serialize, JsonSchema)]
struct Gaps {
    gaps: Vec<ZeroResultQuery>,
}

/// A search without rules and with them.
#[derive(Serialize, JsonSchema)]
struct SideBySide {
    before: SearchAnswer,
    after: SearchAnswer,
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

async fn rules(State(app): State<Arc<App>>) -> Json<Rules> {
    let rules = app.snapshot().rules.values().cloned().collect();
    Json(Rules { rules })
}

async fn put_rule(
    State(app): State<Arc<App>>,
    JsonBody(body): JsonBody<Nameless<SearchRule>>,
) -> Result<Json<SearchRule>, ApiError> {
    let rule = body.named()?;
    rule.check().map_err(refused)?;
    names_what_there_is(&app, &rule)?;
    let snapshot = app.snapshot();
    if !snapshot.rules.contains_key(&rule.id) {
        too_many("rule", snapshot.rules.len())?;
    }
    let at = now();
    let kept = Box::new(rule.clone());
    append(&app, Curation::Rule { rule: kept, at }).await?;
    Ok(Json(rule))
}

/// Refuses a rule that names a product that is not there, or whose filters
/// name a field that no product has: it would quietly hide everything, or
/// nothing.
fn names_what_there_is(app: &App, rule: &SearchRule) -> Result<(), ApiError> {
    let snapshot = app.snapshot();
    let pins = rule.then.pin.iter().enumerate();
    let pins = pins.map(|(at, pin)| (format!("then.pin[{at}].product_id"), &pin.product_id));
    let hides = rule.then.hide.iter().enumerate();
    let hides = hides.map(|(at, id)| (format!("then.hide[{at}]"), id));
    for (param, id) in pins.chain(hides) {
        if snapshot.catalogue.index_of(id).is_none() {
            return Err(ApiError {
                param: Some(param),
                ..ApiError::new(Code::UnknownProduct, format!("no product has the id {id}"))
            });
        }
    }
    let Some(part) = app.loaded().search.clone() else {
        return Ok(());
    };
    let boosts = rule.then.boost.iter().map(|boost| &boost.filter);
    for filter in boosts.chain([&rule.then.filter]) {
        serve::search::check_filter(&part.index, &snapshot, filter).map_err(serve_error)?;
    }
    Ok(())
}

async fn remove_rule(
    State(app): State<Arc<App>>,
    Named(id): Named<Id>,
) -> Result<Json<Removed>, ApiError> {
    if !app.snapshot().rules.contains_key(&id) {
        return Err(not_found("rule", &id));
    }
    let gone = Curation::RuleRemoved {
        id: id.clone(),
        at: now(),
    };
    append(&app, gone).await?;
    Ok(Json(Removed { removed: id }))
}

fn not_found(what: &str, id: &Id) -> ApiError {
    ApiError::new(Code::UnknownRule, format!("there is no {what} {id}"))
}

async fn synonyms(State(app): State<Arc<App>>) -> Json<AllSynonyms> {
    let synonyms = app.snapshot().synonyms.values().cloned().collect();
    Json(AllSynonyms { synonyms })
}

async fn put_synonyms(
    State(app): State<Arc<App>>,
    JsonBody(body): JsonBody<Nameless<Synonyms>>,
) -> Result<Json<Synonyms>, ApiError> {
    let synonyms = body.named()?;
    synonyms.check().map_err(refused)?;
    let snapshot = app.snapshot();
    if !snapshot.synonyms.contains_key(&synonyms.id) {
        too_many("synonyms", snapshot.synonyms.len())?;
    }
    let (kept, at) = (synonyms.clone(), now());
    append(&app, Curation::Synonyms { synonyms: kept, at }).await?;
    Ok(Json(synonyms))
}

async fn remove_synonyms(
    State(app): State<Arc<App>>,
    Named(id): Named<Id>,
) -> Result<Json<Removed>, ApiError> {
    if !app.snapshot().synonyms.contains_key(&id) {
        return Err(not_found("list of synonyms", &id));
    }
    let gone = Curation::SynonymsRemoved {
        id: id.clone(),
        at: now(),
    };
    append(&app, gone).await?;
    Ok(Json(Removed { removed: id }))
}

async fn list_gaps(
    State(app): State<Arc<App>>,
    Query(GapsAsked { limit }): Query<GapsAsked>,
) -> Result<Json<Gaps>, ApiError> {
    let gaps = look(&app, Service::Search, move |context| {
        Ok(zero_result_queries(context.snapshot, limit))
    })
    .await?;
    Ok(Json(Gaps { gaps }))
}

/// What a rule would change.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RulePreview")]
struct Preview {
    /// A rule that is not kept; without it, what the kept rules change.
    #[serde(default)]
    rule: Option<Nameless<SearchRule>>,
    request: SearchRequest,
}

async fn preview(
    State(app): State<Arc<App>>,
    JsonBody(body): JsonBody<Preview>,
) -> Result<Json<SideBySide>, ApiError> {
    let rule = body.rule.map(Nameless::named).transpose()?;
    if let Some(rule) = &rule {
        rule.check().map_err(refused)?;
        names_what_there_is(&app, rule)?;
    }
    let (before, after) = side_by_side(&app, body.request, rule).await?;
    Ok(Json(SideBySide { before, after }))
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
