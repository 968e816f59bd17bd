//! What people's replies teach, for a person to accept or reject: a new
//! question and answer, or a sentence of a document changed.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use serve::support::improvements::{Change, DECIDED, Improvement, improvements, of_conversation};
use shop::{Document, DocumentKind, Id, Record};
use store::NewEntry;

use super::conversations::update;
use super::endpoint::Endpoint;
use super::error::{ApiError, Code};
use super::extract::{JsonBody, Named};
use crate::app::{App, now};
use crate::config::Scope;

/// The longest question or answer, in characters.
const LONGEST_TEXT: usize = 10_000;

/// The routes of this file.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(
            "/v1/inbox/improvements",
            Some(Scope::Write),
            "What people's replies would add to, or change in, the documents",
            list,
        )
        .answers::<Improvements>(),
        Endpoint::post(
            "/v1/conversations/{id}/improvement",
            Some(Scope::Write),
            "Accepts what a person's reply teaches, as it is or edited, or rejects it",
            decide,
        )
        .answers::<Outcome>(),
    ]
}

/// What people's replies teach.
#[derive(Serialize, JsonSchema)]
struct Improvements {
    improvements: Vec<Improvement>,
}

/// What was decided, and the document that came of it.
#[derive(Serialize, JsonSchema)]
struct Outcome {
    accepted: bool,
    document: Option<Id>,
}

async fn list(State(app): State<Arc<App>>) -> Json<Improvements> {
    let improvements = improvements(&app.snapshot());
    Json(Improvements { improvements })
}

/// What a person decides about what a reply teaches.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ImprovementDecision")]
struct Decided {
    /// The place of the reply in its conversation.
    turn: usize,
    accept: bool,
    /// The question, where it is to be another.
    #[serde(default)]
    #[schemars(length(min = 1, max = LONGEST_TEXT), regex(pattern = r"[^\s]"))]
    question: Option<String>,
    /// The answer, where it is to be another.
    #[serde(default)]
    #[schemars(length(min = 1, max = LONGEST_TEXT), regex(pattern = r"[^\s]"))]
    answer: Option<String>,
    #[serde(default)]
    by: Option<String>,
}

async fn decide(
    State(app): State<Arc<App>>,
    Named(id): Named<Id>,
    JsonBody(decided): JsonBody<Decided>,
) -> Result<Json<Outcome>, ApiError> {
    let document = update(&app, &id, |before| {
        let snapshot = app.snapshot();
        let conversation = before.ok_or_else(|| {
            ApiError::new(
                Code::UnknownConversation,
                format!("there is no conversation {id}"),
            )
        })?;
        let mut offered = of_conversation(conversation, &snapshot).into_iter();
        let improvement = offered
            .find(|one| one.turn == decided.turn)
            .ok_or_else(|| ApiError {
                param: Some("turn".to_owned()),
                ..ApiError::new(
                    Code::UnknownValue,
                    "nothing of this turn waits for a decision",
                )
            })?;
        let mut entries = Vec::new();
        let mut document = None;
        if decided.accept {
            let question = text_or(decided.question.clone(), &improvement.question, "question")?;
            let answer = text_or(decided.answer.clone(), &improvement.answer, "answer")?;
            let changed = changed(&improvement, question, &answer, |id| {
                snapshot
                    .documents
                    .get(id)
                    .map(|document| (**document).clone())
            })?;
            document = Some(changed.id.clone());
            entries.push(NewEntry::from(Record::Document(changed)));
        }
        let mut conversation = conversation.clone();
        let noted = conversation.properties.entry(DECIDED);
        if let Some(noted) = noted.or_insert_with(|| json!({})).as_object_mut() {
            let outcome = json!({
                "accepted": decided.accept, "document": document, "by": decided.by, "time": now(),
            });
            noted.insert(decided.turn.to_string(), outcome);
        }
        entries.push(NewEntry::from(Record::Conversation(conversation)));
        Ok((entries, document))
    })
    .await?;
    Ok(Json(Outcome {
        accepted: decided.accept,
        document,
    }))
}

fn text_or(
    given: Option<String>,
    otherwise: &str,
    field: &'static str,
) -> Result<String, ApiError> {
    let text = given.unwrap_or_else(|| otherwise.to_owned());
    if text.trim().is_empty() || text.chars().count() > LONGEST_TEXT {
        let reason = format!("1 to {LONGEST_TEXT} characters");
        return Err(ApiError::field(field, reason));
    }
    Ok(text)
}

/// The document as it will be.
fn changed(
    improvement: &Improvement,
    question: String,
    answer: &str,
    document: impl Fn(&Id) -> Option<Document>,
) -> Result<Document, ApiError> {
    match &improvement.change {
        Change::ChangedDocument {
            document: id,
            quote,
        } => {
            let before = document(id)
                .ok_or_else(|| ApiError::field("turn", format!("the document {id} is gone")))?;
            let text = before.text.replacen(quote, answer, 1);
            Ok(Document { text, ..before })
        }
        Change::NewAnswer => {
            let id = format!("answer-{}-{}", improvement.conversation, improvement.turn);
            let id = Id::new(&id).map_err(ApiError::internal)?;
            Ok(Document {
                id,
                language: corpus::detect_language(answer).map(str::to_owned),
                text: answer.to_owned(),
                title: Some(question),
                kind: Some(DocumentKind::Faq),
                url: None,
                properties: Map::new(),
            })
        }
    }
}
