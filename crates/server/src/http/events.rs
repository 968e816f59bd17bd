//! `POST /v1/events`: what customers do. Good rows of a batch are stored even
//! where others are not; the answer says which and why.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::{Extension, Json};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use shop::{Event, Id, Kind, Record, RecordError};
use store::{Appended, Entry, NewEntry};

use super::authorise::Caller;
use super::endpoint::Endpoint;
use super::error::{ApiError, Code};
use super::extract::JsonBody;
use super::idempotency::key_of;
use crate::app::{App, now};
use crate::config::Scope;

/// The most rows of one batch.
const MAXIMUM_ROWS: usize = 10_000;

/// The routes of this file.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post(
            "/v1/events",
            Some(Scope::Public),
            "Stores what customers did; good rows are kept where others are refused",
            events,
        )
        .answers::<Accepted>(),
    ]
}

/// What became of a batch.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Accepted {
    /// Rows that are stored.
    accepted: usize,
    /// Rows that were stored before.
    duplicates: usize,
    /// Rows that are not stored.
    rejected: Vec<Rejected>,
}

/// Events, as an array, as `{"events": [...]}` or one alone. Rows that are no
/// events are answered under `rejected`, the others are stored.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct Rows(pub Value);

impl JsonSchema for Rows {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Events".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        // Whatever else a row is, it is answered and not an error.
        let row = json!({"anyOf": [generator.subschema_for::<Event>(), {}]});
        let rows = json!({"type": "array", "items": row, "maxItems": MAXIMUM_ROWS});
        json_schema!({
            "description": "Events: an array, {\"events\": [...]} or one alone. Rows that are no \
                events are answered under `rejected`, the others are stored.",
            "anyOf": [rows, {"type": "object", "properties": {"events": rows}}],
            "examples": [{"events": [{
                "type": "view", "session_id": "visit-1", "product_id": "c-17",
            }]}],
        })
    }
}

/// A row that was not stored.
#[derive(Debug, Serialize, JsonSchema)]
struct Rejected {
    index: usize,
    field: String,
    reason: String,
}

async fn events(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<Rows>,
) -> Result<Json<Accepted>, ApiError> {
    let key = key_of(&headers)?;
    store_rows(&app, &caller, key.as_ref(), rows(body.0)?)
        .await
        .map(Json)
}

/// The rows of an array, of `{"events": [...]}`, or the one row itself.
fn rows(body: Value) -> Result<Vec<Value>, ApiError> {
    match body {
        Value::Array(rows) => Ok(rows),
        Value::Object(mut fields) => match fields.remove("events") {
            Some(Value::Array(rows)) => Ok(rows),
            Some(_) => Err(ApiError::field("events", "this is not an array")),
            None => Ok(vec![Value::Object(fields)]),
        },
        _ => Err(ApiError::field(
            "events",
            "send an event, an array of events or {\"events\": [...]}",
        )),
    }
}

/// Stores event rows and answers only when they are on disk.
pub async fn store_rows(
    app: &App,
    caller: &Caller,
    key: Option<&Id>,
    rows: Vec<Value>,
) -> Result<Accepted, ApiError> {
    if rows.len() > MAXIMUM_ROWS {
        let message = format!("{} rows: send at most {MAXIMUM_ROWS} at once", rows.len());
        return Err(ApiError::field("events", message));
    }
    let rows = rows.into_iter().map(event_of).enumerate().collect();
    store_records(app, caller, key, rows).await
}

/// Stores rows that have been read, each with its place in the request.
pub async fn store_records(
    app: &App,
    caller: &Caller,
    key: Option<&Id>,
    rows: Vec<(usize, Result<Record, RecordError>)>,
) -> Result<Accepted, ApiError> {
    let mut answer = Accepted::default();
    let mut entries = Vec::with_capacity(rows.len());
    for (index, row) in rows {
        match row.and_then(|record| admitted(caller, record)) {
            Ok(record) => entries.push(new_entry(key, index, record)),
            Err(RecordError { field, reason }) => {
                answer.rejected.push(Rejected {
                    index,
                    field,
                    reason,
                });
            }
        }
    }
    let named = entries.iter().filter_map(|entry| match &entry.entry {
        Entry::Record(Record::Event(event)) => event.decision_id.as_ref(),
        _ => None,
    });
    app.settle(named).await;
    for appended in app.store.append(entries).await.map_err(store_error)? {
        match appended {
            Appended::New(_) => answer.accepted += 1,
            Appended::Duplicate => answer.duplicates += 1,
        }
    }
    Ok(answer)
}

fn event_of(row: Value) -> Result<Record, RecordError> {
    let Value::Object(mut fields) = row else {
        return Err(RecordError::new("row", "this is not an object"));
    };
    add_time(&mut fields);
    Record::from_json(Kind::Events, fields, now())
}

/// The record, if this caller may speak for its customer.
fn admitted(caller: &Caller, record: Record) -> Result<Record, RecordError> {
    match caller.may_act_for(record.customer_id()) {
        Ok(()) => Ok(record),
        Err(error) => Err(RecordError::new("customer_id", error.message)),
    }
}

/// A live event without a time happened now.
fn add_time(fields: &mut Map<String, Value>) {
    if fields.get("time").is_none_or(Value::is_null) {
        fields.insert("time".to_owned(), json!(now()));
    }
}

/// A row without an id gets one from the batch's key, so that a batch that is
/// sent again after a restart is known again.
fn new_entry(key: Option<&Id>, index: usize, record: Record) -> NewEntry {
    let id = match (record.id(), key) {
        (None, Some(key)) => Id::new(&format!("{key}/{index}")).ok(),
        _ => None,
    };
    NewEntry {
        id,
        entry: Entry::Record(record),
    }
}

/// The store's refusals: what the operator has to mend is said as it is.
pub fn store_error(error: store::StoreError) -> ApiError {
    match error {
        store::StoreError::DiskFull(_) => ApiError::new(Code::DiskFull, "the disk is full"),
        store::StoreError::Changed { kind, id } => ApiError::new(
            Code::RecordChanged,
            format!("{} {id} has changed meanwhile", kind.name()),
        ),
        store::StoreError::AlreadySettled => {
            ApiError::new(Code::AlreadyDone, "it was confirmed or declined before")
        }
        error => ApiError::internal(error),
    }
}
