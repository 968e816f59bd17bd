//! `/v1/{products|customers|orders|reviews|documents|events|conversations}`:
//! records read, put and deleted one by one, listed, and deleted by a filter.
//!
//! A record has an `ETag`; whoever sends it back as `If-Match` is told (412)
//! when the record has changed meanwhile.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shop::{FilterExpression, Id, Kind, Record};
use store::{Appended, NewEntry, Precondition, StoreError, VersionedRecord};

use super::endpoint::{Endpoint, Input, Taken};
use super::error::{ApiError, Code};
use super::events::store_error;
use super::extract::{JsonBody, Named, Query as QueryString};
use super::record_shapes::{
    Conversations, Customers, Documents, Events, Orders, Products, RecordBody, Recorded, Reviews,
};
use crate::app::{App, now};
use crate::config::Scope;
use crate::records::{self, Order, Query, RecordsError, Row};

type Answered = Result<Response, ApiError>;

/// Which records are listed.
#[derive(Deserialize, JsonSchema)]
#[serde(default)]
struct Which {
    /// Those that meet it, as in `brand = Acme AND price < 5000`.
    #[schemars(extend("format" = "filter"))]
    filter: Option<String>,
    /// By a field, with - before it for the largest first; by id where none is
    /// named, conversations by the last message, newest first. Events come as
    /// they arrived.
    sort: Option<String>,
    /// At most this many.
    #[schemars(range(min = 1, max = 1000))]
    limit: usize,
    /// The last page's next_cursor.
    #[schemars(regex(pattern = r"^([0-9a-f]{2})+$"))]
    cursor: Option<String>,
}

impl Default for Which {
    fn default() -> Self {
        Self {
            filter: None,
            sort: None,
            limit: 100,
            cursor: None,
        }
    }
}

/// Which records are deleted.
#[derive(Deserialize, JsonSchema)]
struct Doomed {
    /// All that meet it, as in `status = "cancelled" AND time < 2020-01-01`.
    #[schemars(length(min = 1), extend("format" = "filter"))]
    filter: String,
    /// Says what would be deleted, and deletes nothing.
    #[serde(default)]
    dry_run: bool,
}

/// Ids that a deletion by filter shows.
const SHOWN_IDS: usize = 100;

/// What is no longer there.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DeletedRecord")]
struct Deleted {
    id: Id,
    deleted: bool,
}

/// What a deletion by filter did, or would do.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DeletedRecords")]
struct DeletedAll {
    /// Records that meet the filter.
    matched: usize,
    /// Records that are no longer there.
    deleted: usize,
    /// The first of those that would be deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    ids: Option<Vec<Id>>,
}

/// A page of records, under the name of their kind.
struct Listed<K>(PhantomData<K>);

impl<K: Recorded> JsonSchema for Listed<K> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("{}Page", K::NAME).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let kind = K::KIND.name();
        json_schema!({
            "type": "object",
            "properties": {
                kind: {"type": "array", "items": generator.subschema_for::<RecordBody<K>>()},
                "total": {
                    "description": "How many meet the filter; events are not counted",
                    "type": "integer",
                    "minimum": 0,
                },
                "next_cursor": {
                    "description": "Where the next page begins, while there may be one",
                    "type": "string",
                },
            },
            "required": [kind],
        })
    }
}

/// The routes of this file.
pub fn endpoints() -> Vec<Endpoint> {
    let mut endpoints = Vec::new();
    endpoints.extend(of_kind::<Products>());
    endpoints.extend(of_kind::<Customers>());
    endpoints.extend(of_kind::<Orders>());
    endpoints.extend(of_kind::<Reviews>());
    endpoints.extend(of_kind::<Documents>());
    endpoints.extend(of_kind::<Events>());
    endpoints.extend(of_kind::<Conversations>());
    endpoints
}

fn of_kind<K: Recorded>() -> [Endpoint; 5] {
    let scope = Some(Scope::Write);
    [
        Endpoint::get(
            K::COLLECTION,
            scope,
            "Records of this kind, page by page",
            collection::<K>,
        )
        .answers::<Listed<K>>(),
        Endpoint::delete(
            K::COLLECTION,
            scope,
            "Deletes all records that meet a filter",
            delete_matching::<K>,
        )
        .answers::<DeletedAll>(),
        Endpoint::get(K::ONE, scope, "One record, with its ETag", get::<K>)
            .answers::<RecordBody<K>>(),
        Endpoint::put(
            K::ONE,
            scope,
            "Stores a record in the place of the one with this id",
            put::<K>,
        )
        .answers::<RecordBody<K>>()
        .or_creates(),
        Endpoint::delete(
            K::ONE,
            scope,
            "Deletes a record; search, recommendations and chat follow within a second",
            delete::<K>,
        )
        .answers::<Deleted>(),
    ]
}

fn not_there(param: &str, reason: impl Into<String>) -> ApiError {
    ApiError {
        param: Some(param.to_owned()),
        ..ApiError::new(Code::UnknownValue, reason)
    }
}

fn records_error(error: RecordsError) -> ApiError {
    match error {
        RecordsError::UnknownField { param, .. } => not_there(param, error.to_string()),
        RecordsError::Store(error) => store_error(error),
        RecordsError::Write(error) => ApiError::internal(error),
    }
}

fn unknown(kind: Kind, id: &Id) -> ApiError {
    let code = match kind {
        Kind::Conversations => Code::UnknownConversation,
        _ => Code::UnknownRecord,
    };
    let kind = kind.name().trim_end_matches('s');
    ApiError::new(code, format!("there is no {kind} {id}"))
}

fn etag(version: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{version}\""))
        .unwrap_or_else(|_| HeaderValue::from_static("\"0\""))
}

fn with_etag(status: StatusCode, record: &VersionedRecord) -> Response {
    let tag = [(header::ETAG, etag(record.version))];
    (status, tag, Json(record.record.to_json())).into_response()
}

async fn standing(app: &App, kind: Kind, id: &Id) -> Result<Option<VersionedRecord>, ApiError> {
    app.store.record(kind, id).await.map_err(store_error)
}

async fn get<K: Recorded>(State(app): State<Arc<App>>, Named(id): Named<Id>) -> Answered {
    let found = standing(&app, K::KIND, &id).await?;
    let found = found.ok_or_else(|| unknown(K::KIND, &id))?;
    Ok(with_etag(StatusCode::OK, &found))
}

/// What a caller wants to hold of the record that they change.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Expected {
    Anything,
    /// There is one, whatever it is.
    Present,
    Absent,
    /// It stands in one of these versions.
    OneOf(Vec<u64>),
    /// It stands in none of these versions.
    NoneOf(Vec<u64>),
}

impl Expected {
    fn holds(&self, version: Option<u64>) -> bool {
        match self {
            Self::Anything => true,
            Self::Present => version.is_some(),
            Self::Absent => version.is_none(),
            Self::OneOf(wanted) => version.is_some_and(|version| wanted.contains(&version)),
            Self::NoneOf(unwanted) => version.is_none_or(|version| !unwanted.contains(&version)),
        }
    }

    fn of(headers: &HeaderMap) -> Self {
        if let Some(text) = text_of(headers, &header::IF_MATCH) {
            return match text.trim() {
                "*" => Self::Present,
                tags => Self::OneOf(versions(tags)),
            };
        }
        match text_of(headers, &header::IF_NONE_MATCH) {
            None => Self::Anything,
            Some(text) => match text.trim() {
                "*" => Self::Absent,
                tags => Self::NoneOf(versions(tags)),
            },
        }
    }
}

fn text_of(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// The versions that a list of ETags speaks of. What is none of ours is no
/// record's, and a weak one says nothing of every byte.
fn versions(tags: &str) -> Vec<u64> {
    let tags = tags.split(',').map(|tag| tag.trim().trim_matches('"'));
    tags.filter_map(|tag| tag.parse().ok()).collect()
}

/// `If-Match` and `If-None-Match`.
struct Conditions(Expected);

impl<S: Send + Sync> FromRequestParts<S> for Conditions {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        Ok(Self(Expected::of(&parts.headers)))
    }
}

impl Input for Conditions {
    fn describe(taken: &mut Taken<'_>) {
        for (name, about) in [
            (
                "If-Match",
                "Only where the record still has this ETag, or * for any; else 412",
            ),
            (
                "If-None-Match",
                "With *, only where there is no such record yet; else 412",
            ),
        ] {
            taken.query.push(json!({
                "name": name,
                "in": "header",
                "required": false,
                "description": about,
                "schema": {"type": "string"},
            }));
        }
    }
}

/// The precondition of a change, when what stands is as expected.
fn precondition(
    kind: Kind,
    id: &Id,
    expected: &Expected,
    before: Option<&VersionedRecord>,
) -> Result<Vec<Precondition>, ApiError> {
    let version = before.map(|before| before.version);
    if !expected.holds(version) {
        let message = match version {
            Some(version) => format!("it stands in version \"{version}\""),
            None => "there is none".to_owned(),
        };
        return Err(ApiError::new(Code::PreconditionFailed, message));
    }
    // Who expects nothing overwrites what came in between as well.
    let guarded = *expected != Expected::Anything && kind != Kind::Events;
    let precondition = Precondition::Version {
        kind,
        id: id.clone(),
        version,
    };
    Ok(guarded.then_some(precondition).into_iter().collect())
}

pub(super) fn lost(error: StoreError) -> ApiError {
    match error {
        StoreError::Changed { .. } => {
            ApiError::new(Code::PreconditionFailed, "it has changed just now")
        }
        error => store_error(error),
    }
}

async fn put<K: Recorded>(
    State(app): State<Arc<App>>,
    Named(id): Named<Id>,
    Conditions(expected): Conditions,
    JsonBody(body): JsonBody<RecordBody<K>>,
) -> Answered {
    let mut row = body.row();
    if row.remove("deleted") == Some(Value::Bool(true)) {
        return remove(&app, K::KIND, &id, &expected).await;
    }
    let record = named(K::KIND, &id, row)?;
    replace(&app, K::KIND, &id, &expected, record).await
}

/// The record of a row that the path names; the row may name it as well.
fn named(kind: Kind, id: &Id, mut row: Row) -> Result<Record, ApiError> {
    let own = row.insert("id".to_owned(), json!(id));
    let own = own.filter(|own| !own.is_null());
    let same = |own: &Value| serde_json::from_value::<Id>(own.clone()).is_ok_and(|own| own == *id);
    if let Some(own) = own.filter(|own| !same(own)) {
        return Err(ApiError {
            param: Some("id".to_owned()),
            ..ApiError::new(
                Code::Contradictory,
                format!("{own} is not the id in the path, {id}"),
            )
        });
    }
    Record::from_json(kind, row, now()).map_err(|error| ApiError::field(&error.field, error.reason))
}

async fn replace(app: &App, kind: Kind, id: &Id, expected: &Expected, record: Record) -> Answered {
    let before = standing(app, kind, id).await?;
    let conditions = precondition(kind, id, expected, before.as_ref())?;
    if let Record::Event(event) = &record {
        if before
            .as_ref()
            .is_some_and(|before| before.record != record)
        {
            let message =
                format!("event {id} is stored with other content, and events do not change");
            return Err(ApiError::new(Code::RecordChanged, message));
        }
        app.settle(event.decision_id.as_ref()).await;
    }
    let entries = vec![NewEntry::from(record)];
    let appended = app.store.append_if(conditions, entries).await;
    let appended = appended.map_err(lost)?;
    let status = match (&before, appended.first()) {
        (None, Some(Appended::New(_))) => StatusCode::CREATED,
        _ => StatusCode::OK,
    };
    match standing(app, kind, id).await? {
        Some(stored) => Ok(with_etag(status, &stored)),
        None => Err(ApiError::new(
            Code::RecordChanged,
            format!("{id} was deleted, and a deleted event does not come back"),
        )),
    }
}

async fn delete<K: Recorded>(
    State(app): State<Arc<App>>,
    Named(id): Named<Id>,
    Conditions(expected): Conditions,
) -> Answered {
    remove(&app, K::KIND, &id, &expected).await
}

async fn remove(app: &App, kind: Kind, id: &Id, expected: &Expected) -> Answered {
    let before = standing(app, kind, id).await?;
    let conditions = precondition(kind, id, expected, before.as_ref())?;
    if before.is_none() {
        return Err(unknown(kind, id));
    }
    let entries = vec![records::removal(kind, id.clone())];
    let appended = app.store.append_if(conditions, entries).await;
    appended.map_err(lost)?;
    let gone = Deleted {
        id: id.clone(),
        deleted: true,
    };
    Ok(Json(gone).into_response())
}

fn filter_of(text: Option<&str>) -> Result<Option<FilterExpression>, ApiError> {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    text.map(str::parse)
        .transpose()
        .map_err(|error: shop::FilterError| ApiError::field("filter", error.to_string()))
}

async fn delete_matching<K: Recorded>(
    State(app): State<Arc<App>>,
    QueryString(which): QueryString<Doomed>,
) -> Result<Json<DeletedAll>, ApiError> {
    let filter = filter_of(Some(&which.filter))?
        .ok_or_else(|| ApiError::field("filter", "it is empty: say which records are deleted"))?;
    if which.dry_run {
        let ids = records::matching(&app.store, K::KIND, &filter).await;
        let mut ids = ids.map_err(records_error)?;
        let matched = ids.len();
        ids.truncate(SHOWN_IDS);
        return Ok(Json(DeletedAll {
            matched,
            deleted: 0,
            ids: Some(ids),
        }));
    }
    let deleted = records::delete_matching(&app.store, K::KIND, &filter).await;
    let deleted = deleted.map_err(records_error)?;
    Ok(Json(DeletedAll {
        matched: deleted,
        deleted,
        ids: None,
    }))
}

async fn collection<K: Recorded>(
    State(app): State<Arc<App>>,
    QueryString(which): QueryString<Which>,
) -> Result<Json<Row>, ApiError> {
    match K::KIND {
        Kind::Events => events(&app, &which).await,
        kind => standing_records(&app, kind, &which).await,
    }
}

async fn standing_records(app: &App, kind: Kind, which: &Which) -> Result<Json<Row>, ApiError> {
    let usual = match kind {
        Kind::Conversations => "-time",
        _ => "id",
    };
    let query = Query {
        kind,
        filter: filter_of(which.filter.as_deref())?,
        order: Order::parse(which.sort.as_deref().unwrap_or(usual)),
        after: which.cursor.as_deref().map(read_cursor).transpose()?,
        limit: which.limit,
    };
    let snapshot = app.snapshot();
    let listed = tokio::task::spawn_blocking(move || records::list(&snapshot, &query)).await;
    let page = listed.map_err(ApiError::internal)?.map_err(records_error)?;
    let next = page.next.map(|key| json!(key));
    let mut body = page_of(kind, page.rows, next.as_ref());
    body.insert("total".to_owned(), json!(page.total));
    Ok(Json(body))
}

fn page_of(kind: Kind, rows: Vec<Row>, next: Option<&Value>) -> Row {
    let mut body = Row::new();
    body.insert(kind.name().to_owned(), json!(rows));
    if let Some(next) = next {
        body.insert("next_cursor".to_owned(), json!(written_cursor(next)));
    }
    body
}

async fn events(app: &App, which: &Which) -> Result<Json<Row>, ApiError> {
    if which.sort.is_some() {
        return Err(ApiError {
            param: Some("sort".to_owned()),
            ..ApiError::new(
                Code::Contradictory,
                "events come in the order in which they arrived",
            )
        });
    }
    let after = which.cursor.as_deref().map(read_cursor).transpose()?;
    let filter = filter_of(which.filter.as_deref())?;
    let after = after.unwrap_or(0);
    let listed = records::list_events(&app.store, filter.as_ref(), after, which.limit).await;
    let (rows, next) = listed.map_err(records_error)?;
    let next = next.map(|place| json!(place));
    Ok(Json(page_of(Kind::Events, rows, next.as_ref())))
}

/// A cursor that survives an address: hexadecimal.
fn written_cursor(key: &Value) -> String {
    hex::encode(key.to_string())
}

fn read_cursor<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, ApiError> {
    let read = hex::decode(text).ok();
    read.and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or_else(|| {
            not_there(
                "cursor",
                "it is none of ours: send next_cursor as it was given",
            )
        })
}
