//! The inbox: conversations that wait for a person, what the assistant would
//! say, and what the person says instead. While a conversation is with a
//! person the assistant is silent.
//!
//! Where a conversation stands is kept in its own record, under `handling`:
//! `state` (`waiting`, `person`, `assistant`), `reason`, `since`, `by`.

use std::ops::ControlFlow;
use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use serve::support::{Citation, SupportRequest};
use shop::{Conversation, Id, Record, Role, Service, Timestamp};
use store::{Entry, NewEntry, Snapshot};

use super::answer::look;
use super::authorise::Identity;
use super::conversations::{Turn, belongs_to, continued, guest_secret, note_on_last, update};
use super::endpoint::Endpoint;
use super::error::{ApiError, Code};
use super::extract::{JsonBody, Named, Query};
use super::resolution::{RESOLVED_AT, Resolution};
use crate::app::{App, now};
use crate::config::Scope;

/// The conversation as it stands after a change.
type Answered = Result<Json<Conversation>, ApiError>;

/// Where a conversation stands, among its properties.
pub const HANDLING: &str = "handling";
const NOTES: &str = "notes";
/// The longest reply or note, in characters.
const LONGEST_TEXT: usize = 10_000;

/// The routes of this file.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(
            "/v1/inbox",
            Some(Scope::Write),
            "Conversations that wait for a person, the longest waiting first",
            queue,
        )
        .answers::<Queue>(),
        Endpoint::get(
            "/v1/inbox/figures",
            Some(Scope::Write),
            "How conversations ended: resolved, not reopened and still so in the records, beside plain containment",
            figures,
        )
        .answers::<Resolution>(),
        Endpoint::post(
            "/v1/conversations/{id}/handoff",
            Some(Scope::Public),
            "Asks for a person",
            handoff,
        )
        .answers::<Conversation>(),
        Endpoint::post(
            "/v1/conversations/{id}/take",
            Some(Scope::Write),
            "A person takes a conversation over; the assistant is silent from now on",
            take,
        )
        .answers::<Conversation>(),
        Endpoint::post(
            "/v1/conversations/{id}/suggest",
            Some(Scope::Write),
            "What the assistant would say to the customer's last message; nothing is sent",
            suggest,
        )
        .answers::<SuggestedReply>(),
        Endpoint::post(
            "/v1/conversations/{id}/reply",
            Some(Scope::Write),
            "Sends a person's reply: their own, or a suggested one, as it is or edited",
            reply,
        )
        .answers::<Sent>(),
        Endpoint::post(
            "/v1/conversations/{id}/notes",
            Some(Scope::Write),
            "Adds a note that the customer never sees",
            note,
        )
        .answers::<Conversation>(),
        Endpoint::post(
            "/v1/conversations/{id}/resume",
            Some(Scope::Write),
            "Gives the conversation back to the assistant, which knows what was said",
            resume,
        )
        .answers::<Conversation>(),
        Endpoint::post(
            "/v1/conversations/{id}/feedback",
            Some(Scope::Public),
            "The customer's rating, 1 to 5, and whether it is resolved",
            feedback,
        )
        .answers::<Conversation>(),
    ]
}

/// Where a conversation stands; `assistant` unless somebody asked for a person.
pub fn state_of(conversation: &Conversation) -> &str {
    let handling = conversation.properties.get(HANDLING);
    handling
        .and_then(|handling| handling["state"].as_str())
        .unwrap_or("assistant")
}

/// Since when it stands so, as it is written; empty where nobody asked for a
/// person.
pub fn waiting_since(conversation: &Conversation) -> &str {
    let handling = conversation.properties.get(HANDLING);
    let since = handling.and_then(|handling| handling["since"].as_str());
    since.unwrap_or_default()
}

/// The notes of a conversation, each with who wrote it.
pub fn notes_of(conversation: &Conversation) -> Vec<(&str, Option<&str>)> {
    let notes = conversation.properties.get(NOTES).and_then(Value::as_array);
    notes
        .into_iter()
        .flatten()
        .filter_map(|note| Some((note["text"].as_str()?, note["by"].as_str())))
        .collect()
}

/// The conversations that wait for a person or are with one, the longest
/// waiting first.
pub fn with_people(snapshot: &Snapshot) -> Vec<Arc<Conversation>> {
    let all = snapshot.conversations.values();
    let mut found: Vec<Arc<Conversation>> = all
        .filter(|one| state_of(one) != "assistant")
        .cloned()
        .collect();
    found.sort_by(|left, right| {
        let key = |one: &Conversation| (state_of(one) != "waiting", waiting_since(one).to_owned());
        (key(left), &left.id).cmp(&(key(right), &right.id))
    });
    found
}

/// Whether the assistant has to be silent.
pub fn is_with_person(conversation: Option<&Conversation>) -> bool {
    conversation.is_some_and(|conversation| state_of(conversation) == "person")
}

/// Marks the conversation among these entries as waiting for a person.
pub fn hand_to_person(entries: &mut [NewEntry], reason: &str, now: Timestamp) {
    for entry in entries {
        if let Entry::Record(Record::Conversation(conversation)) = &mut entry.entry {
            put_state(conversation, "waiting", reason, None, now);
        }
    }
}

fn put_state(
    conversation: &mut Conversation,
    state: &str,
    reason: &str,
    by: Option<&str>,
    now: Timestamp,
) {
    let handling = json!({"state": state, "reason": reason, "since": now, "by": by});
    conversation
        .properties
        .insert(HANDLING.to_owned(), handling);
}

fn unknown(id: &Id) -> ApiError {
    ApiError::new(
        Code::UnknownConversation,
        format!("there is no conversation {id}"),
    )
}

/// The conversation with this id.
pub fn found(app: &App, id: &Id) -> Result<Arc<Conversation>, ApiError> {
    let snapshot = app.snapshot();
    snapshot
        .conversations
        .get(id)
        .cloned()
        .ok_or_else(|| unknown(id))
}

/// The conversation, when it is the caller's own, by token or by the session
/// that a guest began it in, or when they may see all.
pub fn own(
    app: &App,
    identity: &Identity,
    session: Option<&Id>,
    id: &Id,
) -> Result<Arc<Conversation>, ApiError> {
    let conversation = found(app, id)?;
    let customer = identity.caller.speaks_for(None)?;
    let may_see_all = identity.caller.require(Scope::Write).is_ok();
    let secret = guest_secret(identity, session);
    if may_see_all || belongs_to(&conversation, customer.as_ref(), secret.as_deref()) {
        Ok(conversation)
    } else {
        Err(unknown(id))
    }
}

/// Changes a conversation, whatever is said in it meanwhile.
async fn change(
    app: &App,
    id: &Id,
    how: impl Fn(&mut Conversation) -> Result<(), ApiError>,
) -> Answered {
    update(app, id, |before| {
        let mut conversation = before.ok_or_else(|| unknown(id))?.clone();
        how(&mut conversation)?;
        let entry = NewEntry::from(Record::Conversation(conversation.clone()));
        Ok((vec![entry], Json(conversation)))
    })
    .await
}

/// Which conversations.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum QueueState {
    /// Those that nobody has taken.
    #[default]
    Waiting,
    /// Those that a person answers.
    Person,
    /// Both.
    All,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct QueueAsked {
    state: QueueState,
}

/// The conversations that people have to look after.
#[derive(Debug, Serialize, JsonSchema)]
struct Queue {
    conversations: Vec<Queued>,
}

/// A conversation in the queue.
#[derive(Debug, Serialize, JsonSchema)]
struct Queued {
    id: Id,
    customer: Option<Id>,
    /// Where it stands: `state`, `reason`, `since`, `by`.
    handling: Option<Value>,
    /// How many turns there were.
    turns: usize,
    /// What the customer said last.
    last_message: Option<String>,
    notes: Option<Value>,
}

async fn queue(
    State(app): State<Arc<App>>,
    Query(QueueAsked { state }): Query<QueueAsked>,
) -> Json<Queue> {
    let waiting = with_people(&app.snapshot());
    let waiting = waiting.iter().filter(|one| match state {
        QueueState::All => true,
        QueueState::Person => state_of(one) == "person",
        QueueState::Waiting => state_of(one) == "waiting",
    });
    let conversations = waiting
        .map(|one| {
            let last = one
                .messages
                .iter()
                .rev()
                .find(|turn| turn.role == Role::Customer);
            Queued {
                id: one.id.clone(),
                customer: one.customer_id.clone(),
                handling: one.properties.get(HANDLING).cloned(),
                turns: one.messages.len(),
                last_message: last.map(|turn| turn.text.clone()),
                notes: one.properties.get(NOTES).cloned(),
            }
        })
        .collect();
    Json(Queue { conversations })
}

/// Who asks for a person, or takes a conversation over, and why.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Handling {
    by: Option<String>,
    reason: Option<String>,
    /// The session that a guest began the conversation in.
    session: Option<Id>,
    /// Not looked at here.
    #[allow(dead_code)]
    text: Option<String>,
}

/// What a person writes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Written {
    #[schemars(length(min = 1, max = LONGEST_TEXT), regex(pattern = r"[^\s]"))]
    text: String,
    /// Who writes.
    #[serde(default)]
    by: Option<String>,
    /// Not looked at here.
    #[serde(default)]
    #[allow(dead_code)]
    reason: Option<String>,
}

async fn handoff(
    State(app): State<Arc<App>>,
    Extension(identity): Extension<Identity>,
    Named(id): Named<Id>,
    JsonBody(said): JsonBody<Handling>,
) -> Answered {
    own(&app, &identity, said.session.as_ref(), &id)?;
    change(&app, &id, |conversation| {
        if state_of(conversation) == "assistant" {
            let reason = said.reason.as_deref().unwrap_or("asked");
            put_state(conversation, "waiting", reason, None, now());
        }
        Ok(())
    })
    .await
}

async fn take(
    State(app): State<Arc<App>>,
    Named(id): Named<Id>,
    JsonBody(said): JsonBody<Handling>,
) -> Answered {
    change(&app, &id, |conversation| {
        put_state(conversation, "person", "taken", said.by.as_deref(), now());
        Ok(())
    })
    .await
}

async fn resume(State(app): State<Arc<App>>, Named(id): Named<Id>) -> Answered {
    change(&app, &id, |conversation| {
        put_state(conversation, "assistant", "resumed", None, now());
        Ok(())
    })
    .await
}

async fn note(
    State(app): State<Arc<App>>,
    Named(id): Named<Id>,
    JsonBody(said): JsonBody<Written>,
) -> Answered {
    change(&app, &id, |conversation| {
        let notes = conversation
            .properties
            .entry(NOTES)
            .or_insert_with(|| json!([]));
        if let Some(notes) = notes.as_array_mut() {
            notes.push(json!({"text": said.text, "by": said.by, "time": now()}));
        }
        Ok(())
    })
    .await
}

/// That a reply is on its way.
#[derive(Debug, Serialize, JsonSchema)]
struct Sent {
    sent: bool,
    conversation: Id,
}

/// What the assistant would say.
#[derive(Debug, Serialize, JsonSchema)]
struct SuggestedReply {
    text: String,
    citations: Vec<Citation>,
    /// How likely it is right.
    confidence: f64,
    /// Whether nothing supported an answer.
    abstained: bool,
}

async fn reply(
    State(app): State<Arc<App>>,
    Named(id): Named<Id>,
    JsonBody(said): JsonBody<Written>,
) -> Result<Json<Sent>, ApiError> {
    update(&app, &id, |before| {
        let before = before.ok_or_else(|| unknown(&id))?;
        if state_of(before) == "assistant" {
            return Err(ApiError::new(
                Code::PersonAnswers,
                "the assistant answers this conversation: take it over first",
            ));
        }
        let turn = Turn {
            role: Role::Agent,
            text: said.text.clone(),
            decision_id: None,
        };
        let customer = before.customer_id.as_ref();
        let mut entries = continued(Some(before), &id, customer, None, vec![turn], now());
        for entry in &mut entries {
            if let Entry::Record(Record::Conversation(conversation)) = &mut entry.entry {
                put_state(conversation, "person", "replied", said.by.as_deref(), now());
            }
        }
        let by = said.by.as_deref().unwrap_or("person");
        note_on_last(&mut entries, "by", json!(by));
        Ok((entries, ()))
    })
    .await?;
    Ok(Json(Sent {
        sent: true,
        conversation: id,
    }))
}

/// Turns that the assistant gets to read.
const CONTEXT_TURNS: usize = 20;

async fn suggest(
    State(app): State<Arc<App>>,
    Named(id): Named<Id>,
) -> Result<Json<SuggestedReply>, ApiError> {
    let conversation = found(&app, &id)?;
    let Some(part) = app.loaded().support.clone() else {
        return Err(ApiError::not_trained(Service::Support));
    };
    let place = conversation
        .messages
        .iter()
        .rposition(|turn| turn.role == Role::Customer)
        .ok_or_else(|| ApiError {
            param: Some("id".to_owned()),
            ..ApiError::new(Code::UnknownValue, "the customer has said nothing yet")
        })?;
    let earlier = &conversation.messages[place.saturating_sub(CONTEXT_TURNS)..place];
    let request = SupportRequest {
        message: conversation.messages[place].text.clone(),
        conversation: earlier
            .iter()
            .map(|turn| (turn.role, turn.text.clone()))
            .collect(),
        customer: conversation.customer_id.clone(),
        policy: app.policy.clone(),
        ..SupportRequest::default()
    };
    let reply = look(&app, Service::Support, move |context| {
        let model = part.model.as_ref().map(|model| &*model.model);
        let decision =
            serve::support::answer(context, &part.knowledge, model, &request, &mut |_| {
                ControlFlow::Continue(())
            })?;
        Ok(decision.content)
    })
    .await?;
    Ok(Json(SuggestedReply {
        text: reply.text,
        citations: reply.citations,
        confidence: reply.confidence,
        abstained: reply.abstained,
    }))
}

/// What the customer thought of a conversation.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Rated {
    #[schemars(range(min = 1, max = 5))]
    rating: Option<i64>,
    resolved: Option<bool>,
    /// The session that a guest began the conversation in.
    session: Option<Id>,
}

async fn feedback(
    State(app): State<Arc<App>>,
    Extension(identity): Extension<Identity>,
    Named(id): Named<Id>,
    JsonBody(rated): JsonBody<Rated>,
) -> Answered {
    own(&app, &identity, rated.session.as_ref(), &id)?;
    change(&app, &id, |conversation| {
        if let Some(rating) = rated.rating {
            conversation.rating = Some(rating as f32);
        }
        if let Some(resolved) = rated.resolved {
            conversation.resolved = Some(resolved);
            conversation
                .properties
                .insert(RESOLVED_AT.to_owned(), json!(now()));
        }
        Ok(())
    })
    .await
}

async fn figures(State(app): State<Arc<App>>) -> Result<Json<Resolution>, ApiError> {
    let days = app.policy.limits.reopened_within_days;
    Ok(Json(Resolution::of(&app.snapshot(), days)))
}
