//! Talks with customers: read back as context for the next answer, shown in
//! the console, and learned from.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use shop::{Conversation, Event, EventKind, Id, Message, Record, Role, Timestamp};
use store::{Entry, NewEntry};

use super::authorise::Caller;
use super::endpoint::Endpoint;
use super::error::{ApiError, Code};
use super::extract::{Named, Query};
use crate::app::App;
use crate::config::Scope;

/// The last turns that a conversation keeps.
const KEPT_TURNS: usize = 200;

/// The routes of this file.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(
            "/v1/conversations",
            Some(Scope::Write),
            "The last conversations, newest first",
            list,
        )
        .answers::<Conversations>(),
        Endpoint::get(
            "/v1/conversations/{id}",
            Some(Scope::Write),
            "One conversation with its turns",
            one,
        )
        .answers::<Conversation>(),
    ]
}

/// A turn as it is written down.
pub struct Turn {
    /// Who speaks.
    pub role: Role,
    /// What they say.
    pub text: String,
    /// The decision behind an answer.
    pub decision_id: Option<Id>,
}

/// The conversation after these turns, and the log entries that say so: the
/// conversation as it stands now, and an event for each turn.
pub fn continued(
    before: Option<&Conversation>,
    id: &Id,
    customer: Option<&Id>,
    session: Option<&Id>,
    turns: Vec<Turn>,
    now: Timestamp,
) -> Vec<NewEntry> {
    let mut conversation = before.cloned().unwrap_or_else(|| Conversation {
        id: id.clone(),
        messages: Vec::new(),
        customer_id: customer.cloned(),
        intent: None,
        resolved: None,
        rating: None,
        language: None,
        properties: Map::new(),
    });
    let mut entries = Vec::with_capacity(turns.len() + 1);
    for turn in turns {
        let mut event = Event::new(EventKind::Message, now);
        event.customer_id = customer.cloned();
        event.session_id = session.cloned();
        event.decision_id = turn.decision_id.clone();
        event
            .properties
            .insert("conversation_id".to_owned(), json!(id));
        event.properties.insert("role".to_owned(), json!(turn.role));
        event
            .properties
            .insert("turn".to_owned(), json!(conversation.messages.len()));
        entries.push(NewEntry {
            id: None,
            entry: Entry::Record(Record::Event(event)),
        });
        let mut properties = Map::new();
        if let Some(decision) = turn.decision_id {
            properties.insert("decision_id".to_owned(), json!(decision));
        }
        conversation.messages.push(Message {
            role: turn.role,
            text: turn.text,
            time: Some(now),
            properties,
        });
    }
    let surplus = conversation.messages.len().saturating_sub(KEPT_TURNS);
    conversation.messages.drain(..surplus);
    entries.push(NewEntry {
        id: None,
        entry: Entry::Record(Record::Conversation(conversation)),
    });
    entries
}

/// The last conversations, newest first.
pub fn latest(app: &App, limit: usize) -> Vec<Arc<Conversation>> {
    let last = |conversation: &Conversation| {
        conversation
            .messages
            .iter()
            .filter_map(|message| message.time)
            .max()
    };
    let mut conversations: Vec<_> = app.snapshot().conversations.values().cloned().collect();
    conversations.sort_by(|left, right| (last(right), &right.id).cmp(&(last(left), &left.id)));
    conversations.truncate(limit);
    conversations
}

/// How many conversations.
#[derive(Deserialize, JsonSchema)]
#[serde(default)]
struct LatestAsked {
    /// At most this many.
    #[schemars(range(min = 1, max = 200))]
    limit: usize,
}

impl Default for LatestAsked {
    fn default() -> Self {
        Self { limit: 20 }
    }
}

/// The last conversations, newest first.
#[derive(Serialize, JsonSchema)]
struct Conversations {
    conversations: Vec<Arc<Conversation>>,
}

async fn list(
    State(app): State<Arc<App>>,
    Query(LatestAsked { limit }): Query<LatestAsked>,
) -> Json<Conversations> {
    let conversations = latest(&app, limit);
    Json(Conversations { conversations })
}

async fn one(
    State(app): State<Arc<App>>,
    Extension(_caller): Extension<Caller>,
    Named(id): Named<Id>,
) -> Result<Json<Arc<Conversation>>, ApiError> {
    app.snapshot()
        .conversations
        .get(&id)
        .cloned()
        .map(Json)
        .ok_or_else(|| {
            ApiError::new(
                Code::UnknownConversation,
                format!("there is no conversation {id}"),
            )
        })
}
