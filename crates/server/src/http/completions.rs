//! `POST /v1/chat/completions` and `GET /v1/models`: the assistant for programs
//! that speak OpenAI's protocol. It answers through the same grounding as
//! `POST /v1/chat`; who asks comes from the customer's token, never from
//! `user` or a message, and `system` messages change nothing.
//!
//! What the protocol has no words for is said twice: in the text, where a
//! person reads it, and in the field `shopkeeper` of the completion (of the last
//! chunk of a stream): `proposals`, each with the one-time token that
//! `POST /v1/chat/confirm` takes, and `handoff` with the conversation in which
//! a person goes on.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::sync::Arc;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use serve::support::tools::Change;
use serve::support::{Reply, SupportEvent, SupportRequest};
use shop::{Id, Role, Service};
use store::NewEntry;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use super::answer::{Audience, make};
use super::authorise::Identity;
use super::confirmations::offer;
use super::conversations::{Turn, continued, give_to_guest};
use super::endpoint::Endpoint;
use super::error::ApiError;
use super::events::store_error;
use super::extract::JsonBody;
use super::inbox::hand_to_person;
use crate::app::{App, fresh_id, now};
use crate::config::Scope;

/// The name under which the assistant is asked for.
const MODEL: &str = "shopkeeper-support";
/// Turns that the assistant gets to read.
const CONTEXT_TURNS: usize = 20;
/// Pieces that may wait for a slow reader.
const PIECES: usize = 256;
/// Characters that count as one token in `usage`; there is no tokenizer in
/// the way of an answer made of sources.
const CHARACTERS_PER_TOKEN: usize = 4;

/// The routes of this file.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post(
            "/v1/chat/completions",
            Some(Scope::Public),
            "The grounded assistant in OpenAI's protocol; streams when asked to",
            complete,
        )
        .or_streams(),
        Endpoint::get(
            "/v1/models",
            Some(Scope::Public),
            "The models that /v1/chat/completions answers for",
            models,
        ),
    ]
}

// Clients send many more fields (temperature, tools, …); those that an answer
// made of sources cannot follow are left unread.
/// A conversation, in OpenAI's words.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(
    rename = "ChatCompletionRequest",
    extend("examples" = [{"messages": [{"role": "user", "content": "How do I return something?"}]}]),
)]
struct Completion {
    #[schemars(
        length(min = 1),
        extend("contains" = {"properties": {
            "role": {"const": "user"},
            "content": {"anyOf": [
                {"type": "string", "pattern": "[^\\s]"},
                {"type": "array", "contains": {
                    "type": "object",
                    "properties": {"text": {"type": "string", "pattern": "[^\\s]"}},
                    "required": ["text"],
                }},
            ]},
        }, "required": ["role", "content"]}),
    )]
    messages: Vec<Message>,
    #[serde(default)]
    stream: bool,
}

/// A turn, in OpenAI's words.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "ChatCompletionMessage")]
struct Message {
    role: String,
    /// A text, or parts of which those with a `text` are read.
    #[serde(default)]
    content: Value,
}

impl Message {
    /// The text, in one piece or in parts.
    fn text(&self) -> String {
        match &self.content {
            Value::String(text) => text.clone(),
            Value::Array(parts) => {
                let texts = parts.iter().filter_map(|part| part["text"].as_str());
                texts.collect::<Vec<_>>().join("\n")
            }
            _ => String::new(),
        }
    }
}

async fn models(State(app): State<Arc<App>>) -> Json<Value> {
    let created = now().as_seconds() - app.started.elapsed().as_secs().cast_signed();
    Json(json!({"object": "list", "data": [
        {"id": MODEL, "object": "model", "created": created, "owned_by": "shopkeeper"},
    ]}))
}

async fn complete(
    State(app): State<Arc<App>>,
    Extension(identity): Extension<Identity>,
    JsonBody(completion): JsonBody<Completion>,
) -> Result<Response, ApiError> {
    let customer = identity.caller.speaks_for(None)?;
    let place = completion
        .messages
        .iter()
        .rposition(|message| message.role == "user")
        .ok_or_else(|| ApiError::field("messages", "none of them is of the role `user`"))?;
    let message = completion.messages[place].text();
    if message.trim().is_empty() {
        return Err(ApiError::field(
            "messages",
            "the last user message is empty",
        ));
    }
    let length = message.chars().count() as u64;
    let counters = identity.message_counters(customer.as_ref(), None);
    app.usage.message(counters, length, now())?;
    let earlier = completion.messages[..place].iter().filter_map(|turn| {
        let role = match turn.role.as_str() {
            "user" => Role::Customer,
            "assistant" => Role::Agent,
            _ => return None,
        };
        Some((role, turn.text()))
    });
    let mut conversation: Vec<(Role, String)> = earlier.collect();
    conversation.drain(..conversation.len().saturating_sub(CONTEXT_TURNS));
    let request = SupportRequest {
        message,
        conversation,
        customer,
        policy: app.policy.clone(),
        ..SupportRequest::default()
    };
    let (pieces, heard) = mpsc::channel(PIECES);
    if !completion.stream {
        drop(heard);
        let completed = answered(&app, request, pieces).await?;
        return Ok(Json(whole(&completed)).into_response());
    }
    let created = now().as_seconds();
    tokio::spawn(async move {
        // What was said is written down even when the reader has left.
        let last = match answered(&app, request, pieces.clone()).await {
            Ok(completed) => {
                let mut last = chunk(&completed.id, created, json!({}), Some("stop"));
                last["shopkeeper"] = completed.extension;
                last
            }
            Err(error) => error.to_json(),
        };
        let _ = pieces.send(last.to_string()).await;
        let _ = pieces.send("[DONE]".to_owned()).await;
    });
    let events = ReceiverStream::new(heard)
        .map(move |data| Ok::<_, Infallible>(Event::default().data(data)));
    Ok(Sse::new(events)
        .keep_alive(KeepAlive::default())
        .into_response())
}

/// An answer that is written down.
struct Completed {
    id: String,
    reply: Reply,
    /// The text, with what waits for a confirmation.
    text: String,
    stages: Value,
    /// What the protocol has no field for.
    extension: Value,
}

/// Answers and records the decision; what waits for the customer's word or
/// for a person is in the log before anybody hears of it.
async fn answered(
    app: &Arc<App>,
    request: SupportRequest,
    pieces: mpsc::Sender<String>,
) -> Result<Completed, ApiError> {
    let Some(part) = app.loaded().support.clone() else {
        return Err(ApiError::not_trained(Service::Support));
    };
    let version = part.model.as_ref().map(|model| model.version.clone());
    let (asked, last_pieces) = (request.clone(), pieces.clone());
    let created = now().as_seconds();
    let (backend, loaded) = (app.backend.clone(), app.loaded());
    let made = make(app, Service::Support, version, move |context| {
        let model = part.model.as_ref().map(|model| &*model.model);
        let id = context.decision_id.to_string();
        let dependencies = loaded.dependencies(backend.as_deref());
        serve::support::answer_with(
            context,
            &part.knowledge,
            model,
            dependencies,
            &request,
            &mut |event| {
                let SupportEvent::Token(text) = event else {
                    return ControlFlow::Continue(());
                };
                let chunk = chunk(&id, created, json!({"content": text}), None);
                match pieces.blocking_send(chunk.to_string()) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(_) => ControlFlow::Break(()),
                }
            },
        )
    })
    .await?;
    let explanation = made.decision.content.explanation();
    let audience = Audience {
        customer: asked.customer.clone(),
        session: None,
    };
    let decision = made.record(audience, Vec::new(), explanation);
    let reply = decision.content;
    let mut entries: Vec<NewEntry> = Vec::new();
    let mut extension = json!({"decision_id": decision.decision_id});
    if reply.handoff {
        let id = fresh_id();
        entries = handed_over(&id, &asked, &reply, &decision.decision_id);
        extension["handoff"] = json!({"reason": reply.handoff_reason, "conversation": id});
    }
    let mut offers = Vec::new();
    let mut waits = String::new();
    for proposal in &reply.proposals {
        let mut proposal = proposal.clone();
        proposal.decision = Some(decision.decision_id.clone());
        let (entry, offer) = offer(&proposal);
        entries.push(entry);
        offers.push(offer);
        waits.push_str(&shown(proposal.tool.name(), &proposal.changes));
    }
    if !offers.is_empty() {
        extension["proposals"] = json!(offers);
    }
    app.store.append(entries).await.map_err(store_error)?;
    if !waits.is_empty() {
        let id = decision.decision_id.as_str();
        let chunk = chunk(id, created, json!({"content": waits}), None);
        // A reader who has left needs no more pieces.
        let _ = last_pieces.send(chunk.to_string()).await;
    }
    Ok(Completed {
        id: decision.decision_id.to_string(),
        text: format!("{}{waits}", reply.text),
        reply,
        stages: json!(decision.stages),
        extension,
    })
}

/// The conversation in which a person goes on.
fn handed_over(id: &Id, asked: &SupportRequest, reply: &Reply, decision: &Id) -> Vec<NewEntry> {
    let said = asked.conversation.iter().cloned();
    let said = said.chain([(Role::Customer, asked.message.clone())]);
    let turns = said.map(|(role, text)| Turn {
        role,
        text,
        decision_id: None,
    });
    let last = Turn {
        role: Role::Agent,
        text: reply.text.clone(),
        decision_id: Some(decision.clone()),
    };
    let turns = turns.chain([last]).collect();
    let mut entries = continued(None, id, asked.customer.as_ref(), None, turns, now());
    let reason = reply.handoff_reason.as_deref().unwrap_or("asked");
    hand_to_person(&mut entries, reason, now());
    if asked.customer.is_none() {
        give_to_guest(&mut entries, None);
    }
    entries
}

/// What would change and where it is confirmed, in signs that need no
/// language. The token is not in it: a model that reads the text cannot confirm.
fn shown(tool: &str, changes: &[Change]) -> String {
    let mut text = format!("\n\n{tool} → POST /v1/chat/confirm");
    for change in changes {
        let (record, field) = (&change.record, &change.field);
        text.push_str(&format!(
            "\n- {record} {field}: {} → {}",
            change.before, change.after
        ));
    }
    text
}

fn chunk(id: &str, created: i64, delta: Value, finish: Option<&str>) -> Value {
    json!({
        "id": id, "object": "chat.completion.chunk", "created": created, "model": MODEL,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    })
}

fn whole(completed: &Completed) -> Value {
    let tokens = completed
        .text
        .chars()
        .count()
        .div_ceil(CHARACTERS_PER_TOKEN);
    json!({
        "id": completed.id,
        "object": "chat.completion",
        "created": now().as_seconds(),
        "model": MODEL,
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": completed.text},
            "finish_reason": "stop",
        }],
        "usage": {"prompt_tokens": 0, "completion_tokens": tokens, "total_tokens": tokens},
        "citations": completed.reply.citations,
        "stages": completed.stages,
        "shopkeeper": completed.extension,
    })
}
