//! Talks with customers: read back as context for the next answer, shown in
//! the console, and learned from.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use shop::{Conversation, Event, EventKind, Id, Kind, Message, Record, Role, Timestamp};
use store::{Entry, NewEntry, Precondition, StoreError};

use super::authorise::Identity;
use super::customer_token::digest;
use super::error::{ApiError, Code};
use super::events::store_error;
use crate::app::{App, ConversationTurn};

/// The last turns that a conversation keeps.
const KEPT_TURNS: usize = 200;

/// The digest of the session that a guest's conversation belongs to, among its
/// properties: whoever reads the conversation learns no secret from it.
const GUEST_SESSION: &str = "session_digest";

/// So often a change is made anew when somebody else's came between.
const TRIES: usize = 8;

/// A turn as it is written down.
#[derive(Debug, Clone)]
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

/// What a guest shows to be whose conversation it is: the session that this
/// server signed, or the one that a program made up and keeps to itself. A
/// signed one is never taken from a body.
pub fn guest_secret(identity: &Identity, named: Option<&Id>) -> Option<String> {
    let signed = identity.session.as_ref();
    signed
        .map(|session| format!("signed {session}"))
        .or_else(|| named.map(|session| format!("named {session}")))
}

/// Gives a conversation that a guest begins to whoever knows the secret. Begun
/// without a session, its own id is the secret.
pub fn give_to_guest(entries: &mut [NewEntry], secret: Option<&str>) {
    for entry in entries {
        if let Entry::Record(Record::Conversation(conversation)) = &mut entry.entry {
            let kept = digest(secret.unwrap_or(conversation.id.as_str()));
            let properties = &mut conversation.properties;
            properties.insert(GUEST_SESSION.to_owned(), json!(kept));
        }
    }
}

/// Whether a conversation belongs to this customer or, a guest's, to whoever
/// shows this secret. One that was imported without a customer belongs to the
/// staff.
pub fn belongs_to(
    conversation: &Conversation,
    customer: Option<&Id>,
    secret: Option<&str>,
) -> bool {
    if let Some(owner) = &conversation.customer_id {
        return customer == Some(owner);
    }
    let kept = conversation.properties.get(GUEST_SESSION);
    let kept = kept.and_then(Value::as_str);
    let mut shown = secret.into_iter().chain([conversation.id.as_str()]);
    kept.is_some_and(|kept| shown.any(|shown| digest(shown) == kept))
}

/// Waits for the turn in a conversation; a queue that is full refuses.
pub async fn turn(app: &App, id: &Id) -> Result<ConversationTurn, ApiError> {
    app.conversations.turn(id).await.map_err(|_| {
        ApiError::new(
            Code::RateLimited,
            format!("earlier messages of the conversation {id} are still being answered"),
        )
    })
}

/// Changes a conversation: `change` says what to append, given how it stands,
/// and what to hand back. When somebody else's change comes between, it is
/// asked again about what stands then, so that nobody's words are lost.
pub async fn update<T>(
    app: &App,
    id: &Id,
    mut change: impl FnMut(Option<&Conversation>) -> Result<(Vec<NewEntry>, T), ApiError>,
) -> Result<T, ApiError> {
    for _ in 0..TRIES {
        let snapshot = app.snapshot();
        let before = snapshot.conversations.get(id);
        let (entries, made) = change(before.map(|one| &**one))?;
        let unchanged = Precondition::Unchanged {
            kind: Kind::Conversations,
            id: id.clone(),
            since: snapshot.sequence,
        };
        match app.store.append_if(vec![unchanged], entries).await {
            Ok(_) => return Ok(made),
            Err(StoreError::Changed { .. }) => {}
            Err(error) => return Err(store_error(error)),
        }
    }
    Err(ApiError::new(
        Code::RecordChanged,
        format!("the conversation {id} keeps changing: nothing was written"),
    ))
}

/// Notes something on the last message of the conversation among these entries.
pub fn note_on_last(entries: &mut [NewEntry], name: &str, value: Value) {
    let conversation = entries.iter_mut().find_map(|entry| match &mut entry.entry {
        Entry::Record(Record::Conversation(conversation)) => Some(conversation),
        _ => None,
    });
    if let Some(last) = conversation.and_then(|one| one.messages.last_mut()) {
        last.properties.insert(name.to_owned(), value);
    }
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
