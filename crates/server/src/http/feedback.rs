//! `POST /v1/feedback`: what somebody thought of an answer of ours.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::{Extension, Json};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shop::{Event, EventKind, Id, Record};
use store::{Appended, Entry, NewEntry};

use super::authorise::Caller;
use super::endpoint::Endpoint;
use super::error::{ApiError, Code};
use super::events::store_error;
use super::extract::JsonBody;
use super::idempotency::key_of;
use crate::app::{App, now};
use crate::config::Scope;

/// The longest text, in characters.
const LONGEST_TEXT: usize = 10_000;

/// The routes of this file.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post(
            "/v1/feedback",
            Some(Scope::Public),
            "Joins a thumb, a rating or a text to the decision that it is about",
            feedback,
        )
        .answers::<Noted>(),
    ]
}

/// A thumb.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Thumb {
    Up,
    Down,
}

/// The same as a number: 1 for up, -1 or 0 for down.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(transparent)]
struct ThumbNumber(i64);

impl JsonSchema for ThumbNumber {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ThumbNumber".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "enum": [1, 0, -1]})
    }
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(untagged)]
enum ThumbForm {
    Word(Thumb),
    Number(ThumbNumber),
}

/// What somebody thought of an answer: a thumb, a rating or a text.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = [{"decision_id": "d-1", "thumb": "up"}], "anyOf" = [
    {"required": ["thumb"], "properties": {"thumb": {"not": {"type": "null"}}}},
    {"required": ["rating"], "properties": {"rating": {"type": "integer"}}},
    {"required": ["text"], "properties": {"text": {"type": "string", "pattern": "[^\\s]"}}},
]))]
struct Feedback {
    decision_id: Id,
    #[serde(default)]
    thumb: Option<ThumbForm>,
    #[serde(default)]
    #[schemars(range(min = 1, max = 5))]
    rating: Option<i64>,
    #[serde(default)]
    #[schemars(length(max = LONGEST_TEXT))]
    text: Option<String>,
    #[serde(default)]
    customer: Option<Id>,
    #[serde(default)]
    session: Option<Id>,
    #[serde(default)]
    product_id: Option<Id>,
}

/// That it is stored.
#[derive(Debug, Serialize, JsonSchema)]
struct Noted {
    decision_id: Id,
    accepted: bool,
    /// Whether it was stored before.
    duplicate: bool,
}

impl Feedback {
    /// 1 for liked, -1 for not, `None` where only a text was left.
    fn liking(&self) -> Option<i64> {
        match (self.thumb, self.rating) {
            (Some(ThumbForm::Word(Thumb::Up) | ThumbForm::Number(ThumbNumber(1))), _) => Some(1),
            (Some(_), _) | (None, Some(1 | 2)) => Some(-1),
            (None, Some(4 | 5)) => Some(1),
            (None, _) => None,
        }
    }
}

async fn feedback(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    JsonBody(feedback): JsonBody<Feedback>,
) -> Result<Json<Noted>, ApiError> {
    caller.may_act_for(feedback.customer.as_ref())?;
    let liking = feedback.liking();
    let text = feedback
        .text
        .as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty());
    app.settle([&feedback.decision_id]).await;
    if !app.snapshot().decisions.contains_key(&feedback.decision_id) {
        return Err(ApiError {
            param: Some("decision_id".to_owned()),
            ..ApiError::new(
                Code::UnknownDecision,
                format!("there is no decision {}", feedback.decision_id),
            )
        });
    }
    let mut event = Event::new(EventKind::Feedback, now());
    event.value = liking.map(Value::from);
    for (name, value) in [
        ("rating", feedback.rating.map(Value::from)),
        ("text", text.map(Value::from)),
    ] {
        if let Some(value) = value {
            event.properties.insert(name.to_owned(), value);
        }
    }
    event.customer_id = feedback.customer;
    event.session_id = feedback.session;
    event.product_id = feedback.product_id;
    event.decision_id = Some(feedback.decision_id.clone());
    let entry = NewEntry {
        id: key_of(&headers)?,
        entry: Entry::Record(Record::Event(event)),
    };
    let appended = app.store.append(vec![entry]).await.map_err(store_error)?;
    let duplicate = matches!(appended.first(), Some(Appended::Duplicate));
    Ok(Json(Noted {
        decision_id: feedback.decision_id,
        accepted: true,
        duplicate,
    }))
}
