//! `/v1/{products|customers|orders|reviews|documents|events|conversations}`:
//! records read, put and deleted one by one, listed, and deleted by a filter.
//!
//! A record has an `ETag`; whoever sends it back as `If-Match` is told (412)
//! when the record has changed meanwhile.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use shop::{FilterExpression, Id, Kind, Record};
use store::{Appended, NewEntry, Precondition, StoreError, VersionedRecord};

use super::endpoint::Endpoint;
use super::error::{ApiError, Code};
use super::events::store_error;
use super::extract::{JsonBody, Named, Query as QueryString};
use crate::app::{App, now};
use crate::config::Scope;
use crate::records::{self, Order, Page, Query, RecordsError, Row};

type Answered = Result<Response, ApiError>;

/// Which records are listed.
#[derive(Deserialize, JsonSchema)]
#[serde(default)]
struct Which {
    /// Those that meet it, as in `brand = Acme AND price < 5000`.
    filter: Option<String>,
    /// By a field, with - before it for the largest first; by id where none is
    /// named. Events come as they arrived.
    sort: Option<String>,
    /// How many.
    #[schemars(range(min = 1, max = 1000))]
    limit: usize,
    /// The last page's next_cursor.
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
    filter: String,
    /// Says what would be deleted, and deletes nothing.
    #[serde(default)]
    dry_run: bool,
}

/// Ids that a deletion by filter shows.
const SHOWN_IDS: usize = 100;

/// The paths of a kind: its collection and one of it.
const PATHS: [(Kind, &str, &str); 7] = [
    (Kind::Products, "/v1/products", "/v1/products/{id}"),
    (Kind::Customers, "/v1/customers", "/v1/customers/{id}"),
    (Kind::Orders, "/v1/orders", "/v1/orders/{id}"),
    (Kind::Reviews, "/v1/reviews", "/v1/reviews/{id}"),
    (Kind::Documents, "/v1/documents", "/v1/documents/{id}"),
    (Kind::Events, "/v1/events", "/v1/events/{id}"),
    (
        Kind::Conversations,
        "/v1/conversations",
        "/v1/conversations/{id}",
    ),
];

/// The routes of this file.
pub fn endpoints() -> Vec<Endpoint> {
    let scope = Some(Scope::Write);
    let mut endpoints = Vec::new();
    for (kind, collection, one) in PATHS {
        // Conversations are read where they are held.
        if kind != Kind::Conversations {
            endpoints.push(collection_get(kind, collection));
            endpoints.push(Endpoint::get(
                one,
                scope,
                "One record, with its ETag",
                move |State(app): State<Arc<App>>, Named(id): Named<Id>| get(app, kind, id),
            ));
        }
        endpoints.push(Endpoint::put(
            one,
            scope,
            "Stores a record in the place of the one with this id; If-Match and If-None-Match \
                 are obeyed",
            move |State(app): State<Arc<App>>,
                  Named(id): Named<Id>,
                  headers: HeaderMap,
                  JsonBody(row): JsonBody<Row>| put(app, kind, id, headers, row),
        ));
        endpoints.push(Endpoint::delete(
            one,
            scope,
            "Deletes a record; search, recommendations and chat follow within a second",
            move |State(app): State<Arc<App>>, Named(id): Named<Id>, headers: HeaderMap| {
                delete(app, kind, id, headers)
            },
        ));
        endpoints.push(Endpoint::delete(
            collection,
            scope,
            "Deletes all records that meet a filter",
            move |State(app): State<Arc<App>>, QueryString(which): QueryString<Doomed>| {
                delete_matching(app, kind, which)
            },
        ));
    }
    endpoints
}

fn collection_get(kind: Kind, path: &'static str) -> Endpoint {
    Endpoint::get(
        path,
        Some(Scope::Write),
        "Records of this kind, page by page",
        move |State(app): State<Arc<App>>, QueryString(which): QueryString<Which>| {
            collection(app, kind, which)
        },
    )
}

fn records_error(error: RecordsError) -> ApiError {
    match error {
        RecordsError::UnknownField { param, .. } => ApiError::field(param, error.to_string()),
        RecordsError::Store(error) => store_error(error),
    }
}

fn unknown(kind: Kind, id: &Id) -> ApiError {
    let kind = kind.name().trim_end_matches('s');
    ApiError::new(Code::UnknownRecord, format!("there is no {kind} {id}"))
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

async fn get(app: Arc<App>, kind: Kind, id: Id) -> Answered {
    let found = standing(&app, kind, &id).await?;
    let found = found.ok_or_else(|| unknown(kind, &id))?;
    Ok(with_etag(StatusCode::OK, &found))
}

/// What a caller wants to hold of the record that they change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Anything,
    /// There is one, whatever it is.
    Present,
    Absent,
    Version(u64),
}

fn tag_of<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, ApiError> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    let text = value
        .to_str()
        .map_err(|_| ApiError::field(name.as_str(), "write the ETag as it was given, in quotes"))?;
    Ok(Some(text.trim()))
}

fn expected(headers: &HeaderMap) -> Result<Expected, ApiError> {
    match tag_of(headers, &header::IF_NONE_MATCH)? {
        None => {}
        Some("*") => return Ok(Expected::Absent),
        Some(_) => {
            let reason = "only * is understood here: store it only when there is none yet";
            return Err(ApiError::field("if-none-match", reason));
        }
    }
    match tag_of(headers, &header::IF_MATCH)? {
        None => Ok(Expected::Anything),
        Some("*") => Ok(Expected::Present),
        Some(tag) => {
            let number = tag.trim_matches('"').parse();
            let version = number.map_err(|_| {
                ApiError::field(
                    "if-match",
                    format!("{tag} is no ETag of ours: GET the record for it"),
                )
            })?;
            Ok(Expected::Version(version))
        }
    }
}

/// The precondition of a change, when what stands is as expected.
fn precondition(
    kind: Kind,
    id: &Id,
    expected: Expected,
    before: Option<&VersionedRecord>,
) -> Result<Vec<Precondition>, ApiError> {
    let version = before.map(|before| before.version);
    let holds = match expected {
        Expected::Anything => true,
        Expected::Present => version.is_some(),
        Expected::Absent => version.is_none(),
        Expected::Version(wanted) => version == Some(wanted),
    };
    if !holds {
        let message = match version {
            Some(version) => format!("it stands in version \"{version}\""),
            None => "there is none".to_owned(),
        };
        return Err(ApiError::new(Code::PreconditionFailed, message));
    }
    // Who expects nothing overwrites what came in between as well.
    let guarded = expected != Expected::Anything && kind != Kind::Events;
    let precondition = Precondition::Version {
        kind,
        id: id.clone(),
        version,
    };
    Ok(guarded.then_some(precondition).into_iter().collect())
}

fn lost(error: StoreError) -> ApiError {
    match error {
        StoreError::Changed { .. } => {
            ApiError::new(Code::PreconditionFailed, "it has changed just now")
        }
        error => store_error(error),
    }
}

async fn put(
    app: Arc<App>,
    kind: Kind,
    id: Id,
    headers: HeaderMap,
    mut row: Map<String, Value>,
) -> Answered {
    if row.remove("deleted") == Some(Value::Bool(true)) {
        return remove(&app, kind, &id, &headers).await;
    }
    let own = row.entry("id").or_insert_with(|| json!(id));
    if *own != json!(id) && own.to_string() != id.as_str() {
        let reason = format!("{own} is not the id in the path, {id}");
        return Err(ApiError::field("id", reason));
    }
    let record = Record::from_json(kind, row, now())
        .map_err(|error| ApiError::field(&error.field, error.reason))?;
    let before = standing(&app, kind, &id).await?;
    let conditions = precondition(kind, &id, expected(&headers)?, before.as_ref())?;
    if let (Kind::Events, Some(before)) = (kind, &before)
        && before.record != record
    {
        let message = format!("event {id} is stored with other content, and events do not change");
        return Err(ApiError::new(Code::RecordChanged, message));
    }
    let entries = vec![NewEntry::from(record)];
    let appended = app
        .store
        .append_if(conditions, entries)
        .await
        .map_err(lost)?;
    let status = match (&before, appended.first()) {
        (None, Some(Appended::New(_))) => StatusCode::CREATED,
        _ => StatusCode::OK,
    };
    match standing(&app, kind, &id).await? {
        Some(stored) => Ok(with_etag(status, &stored)),
        None => Err(ApiError::new(
            Code::RecordChanged,
            format!("{id} was deleted, and a deleted event does not come back"),
        )),
    }
}

async fn delete(app: Arc<App>, kind: Kind, id: Id, headers: HeaderMap) -> Answered {
    remove(&app, kind, &id, &headers).await
}

async fn remove(app: &App, kind: Kind, id: &Id, headers: &HeaderMap) -> Answered {
    let before = standing(app, kind, id).await?;
    let conditions = precondition(kind, id, expected(headers)?, before.as_ref())?;
    if before.is_none() {
        return Err(unknown(kind, id));
    }
    let entries = vec![records::removal(kind, id.clone())];
    app.store
        .append_if(conditions, entries)
        .await
        .map_err(lost)?;
    Ok(Json(json!({"id": id, "deleted": true})).into_response())
}

fn filter_of(text: Option<&str>) -> Result<Option<FilterExpression>, ApiError> {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    text.map(str::parse)
        .transpose()
        .map_err(|error: shop::FilterError| ApiError::field("filter", error.to_string()))
}

async fn delete_matching(app: Arc<App>, kind: Kind, which: Doomed) -> Answered {
    let filter = filter_of(Some(&which.filter))?
        .ok_or_else(|| ApiError::field("filter", "it is empty: say which records are deleted"))?;
    if which.dry_run {
        let ids = records::matching(&app.store, kind, &filter).await;
        let ids = ids.map_err(records_error)?;
        let shown: Vec<_> = ids.iter().take(SHOWN_IDS).collect();
        let body = json!({"matched": ids.len(), "deleted": 0, "ids": shown});
        return Ok(Json(body).into_response());
    }
    let deleted = records::delete_matching(&app.store, kind, &filter).await;
    let deleted = deleted.map_err(records_error)?;
    Ok(Json(json!({"matched": deleted, "deleted": deleted})).into_response())
}

async fn collection(app: Arc<App>, kind: Kind, which: Which) -> Answered {
    if kind == Kind::Events {
        return events(&app, &which).await;
    }
    let query = Query {
        kind,
        filter: filter_of(which.filter.as_deref())?,
        order: Order::parse(which.sort.as_deref().unwrap_or("id")),
        after: which.cursor.as_deref().map(read_cursor).transpose()?,
        limit: which.limit,
    };
    let snapshot = app.snapshot();
    let listed = tokio::task::spawn_blocking(move || records::list(&snapshot, &query)).await;
    let page = listed.map_err(ApiError::internal)?.map_err(records_error)?;
    Ok(Json(page_body(kind, page)).into_response())
}

fn page_body(kind: Kind, page: Page) -> Value {
    let mut body = named(kind, page.rows);
    body["total"] = json!(page.total);
    if let Some(key) = page.next {
        body["next_cursor"] = json!(written_cursor(&json!(key)));
    }
    body
}

fn named(kind: Kind, rows: Vec<Row>) -> Value {
    let mut body = Map::new();
    body.insert(kind.name().to_owned(), json!(rows));
    Value::Object(body)
}

async fn events(app: &App, which: &Which) -> Answered {
    if which.sort.is_some() {
        let reason = "events come in the order in which they arrived";
        return Err(ApiError::field("sort", reason));
    }
    let wrong = |_| {
        ApiError::field(
            "cursor",
            "it is none of ours: send next_cursor as it was given",
        )
    };
    let after = which
        .cursor
        .as_deref()
        .map(str::parse)
        .transpose()
        .map_err(wrong)?;
    let (after, limit) = (after.unwrap_or(0), which.limit);
    let filter = filter_of(which.filter.as_deref())?;
    let listed = records::list_events(&app.store, filter.as_ref(), after, limit).await;
    let (rows, next) = listed.map_err(records_error)?;
    let mut body = named(Kind::Events, rows);
    if let Some(next) = next {
        body["next_cursor"] = json!(next.to_string());
    }
    Ok(Json(body).into_response())
}

/// A cursor that survives an address: hexadecimal.
fn written_cursor(key: &Value) -> String {
    let bytes = key.to_string();
    bytes.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn read_cursor(text: &str) -> Result<(Option<Value>, String), ApiError> {
    let wrong = || {
        ApiError::field(
            "cursor",
            "it is none of ours: send next_cursor as it was given",
        )
    };
    let bytes: Option<Vec<u8>> = (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect();
    serde_json::from_slice(&bytes.ok_or_else(wrong)?).map_err(|_| wrong())
}
