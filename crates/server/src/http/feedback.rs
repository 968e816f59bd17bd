//! `POST /v1/feedback`: what somebody thought of an answer of ours.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};
use shop::{Event, EventKind, Id, Record};
use store::{Appended, Entry, NewEntry};

use super::authorise::Caller;
use super::endpoint::Endpoint;
use super::error::{ApiError, Code};
use super::events::store_error;
use super::extract::JsonBody;
use super::idempotency::key_of;
use super::openapi::schema;
use crate::app::{App, now};
use crate::config::Scope;

/// The longest text, in bytes.
const LONGEST_TEXT_BYTES: usize = 10_000;

/// The routes of this file.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post(
            "/v1/feedback",
            Some(Scope::Public),
            "Joins a thumb, a rating or a text to the decision that it is about",
            feedback,
        )
        .body(schema("Feedback")),
    ]
}

/// A thumb, as a word or a number.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Thumb {
    Word(String),
    Number(i64),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Feedback {
    decision_id: Id,
    #[serde(default)]
    thumb: Option<Thumb>,
    #[serde(default)]
    rating: Option<i64>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    customer: Option<Id>,
    #[serde(default)]
    session: Option<Id>,
    #[serde(default)]
    product_id: Option<Id>,
}

impl Feedback {
    /// 1 for liked, -1 for not, `None` where only a text was left.
    fn liking(&self) -> Result<Option<i64>, ApiError> {
        match (&self.thumb, self.rating) {
            (Some(Thumb::Word(word)), _) => match word.as_str() {
                "up" => Ok(Some(1)),
                "down" => Ok(Some(-1)),
                _ => Err(ApiError::field(
                    "thumb",
                    format!("{word:?} is neither up nor down"),
                )),
            },
            (Some(Thumb::Number(1)), _) => Ok(Some(1)),
            (Some(Thumb::Number(-1 | 0)), _) => Ok(Some(-1)),
            (Some(Thumb::Number(number)), _) => Err(ApiError::field(
                "thumb",
                format!("{number} is neither 1 nor -1"),
            )),
            (None, Some(rating)) if (1..=5).contains(&rating) => Ok(match rating {
                1 | 2 => Some(-1),
                3 => None,
                _ => Some(1),
            }),
            (None, Some(rating)) => Err(ApiError::field(
                "rating",
                format!("{rating} is not between 1 and 5"),
            )),
            (None, None) => Ok(None),
        }
    }
}

async fn feedback(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    JsonBody(feedback): JsonBody<Feedback>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    caller.may_act_for(feedback.customer.as_ref())?;
    let liking = feedback.liking()?;
    let text = feedback
        .text
        .as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty());
    if liking.is_none() && text.is_none() && feedback.rating.is_none() {
        return Err(ApiError::field(
            "thumb",
            "say something: a thumb, a rating or a text",
        ));
    }
    if text.is_some_and(|text| text.len() > LONGEST_TEXT_BYTES) {
        return Err(ApiError::field(
            "text",
            format!("longer than {LONGEST_TEXT_BYTES} bytes"),
        ));
    }
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
    let body =
        json!({"decision_id": feedback.decision_id, "accepted": true, "duplicate": duplicate});
    Ok((StatusCode::OK, Json(body)))
}
