//! `/v1/collect/ga4` and `/v1/collect/segment`: the events of other programs,
//! as those programs send them.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::{Extension, Json};
use serde_json::Value;
use shop::{Id, Record, RecordError, Timestamp};

use super::authorise::Caller;
use super::endpoint::Endpoint;
use super::error::ApiError;
use super::events::{Accepted, Rows, store_records};
use super::extract::JsonBody;
use super::idempotency::key_of;
use crate::app::{App, now};
use crate::config::Scope;
use ingest::{Rejected, ga4_events, segment_events};

/// The routes of this file.
pub fn endpoints() -> Vec<Endpoint> {
    let scope = Some(Scope::Public);
    vec![
        Endpoint::post(
            "/v1/collect/ga4",
            scope,
            "Takes Google Analytics 4 events as the Measurement Protocol sends them",
            ga4,
        )
        .answers::<Accepted>(),
        Endpoint::post(
            "/v1/collect/segment",
            scope,
            "Takes Segment calls, one or a batch",
            segment,
        )
        .answers::<Accepted>(),
    ]
}

/// Reads the events of a body; the rows that are none come beside them.
type Reader = fn(&Value, Timestamp) -> (Vec<Record>, Vec<Rejected>);

async fn ga4(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<Rows>,
) -> Result<Json<Accepted>, ApiError> {
    collect(&app, &caller, key_of(&headers)?, &body.0, ga4_events).await
}

async fn segment(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<Rows>,
) -> Result<Json<Accepted>, ApiError> {
    collect(&app, &caller, key_of(&headers)?, &body.0, segment_events).await
}

async fn collect(
    app: &App,
    caller: &Caller,
    key: Option<Id>,
    body: &Value,
    read: Reader,
) -> Result<Json<Accepted>, ApiError> {
    let (records, rejected) = read(body, now());
    let refused = rejected.into_iter().map(|row| {
        // Readers count rows from 1.
        let index = usize::try_from(row.line)
            .unwrap_or(usize::MAX)
            .saturating_sub(1);
        (index, RecordError::new(&row.field, row.reason))
    });
    let accepted = records
        .into_iter()
        .enumerate()
        .map(|(index, record)| (index, Ok(record)));
    let rows = accepted.chain(refused.map(|(index, error)| (index, Err(error))));
    store_records(app, caller, key.as_ref(), rows.collect())
        .await
        .map(Json)
}
