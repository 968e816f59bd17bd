//! The assistant for programs that speak OpenAI's protocol. It answers through
//! the same grounding as `POST /v1/chat`; who asks comes from the customer's
//! token, never from `user` or a message, and `system` messages change nothing.
//!
//! What the protocol has no words for is said twice: in the text, where a
//! person reads it, and in the field `shopkeeper` of the completion (of the last
//! chunk of a stream): `proposals`, each with the one-time token that
//! `POST /v1/chat/confirm` takes, and `handoff` with the conversation in which
//! a person goes on.

use std::ops::ControlFlow;
use std::sync::Arc;

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use serve::support::tools::Change;
use serve::support::{Reply, SupportEvent, SupportRequest};
use shop::{Id, Role, Service};
use store::NewEntry;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::answer::{
    AnswerMessage, ChatCompletion, Choice, Chunks, Extension, FinishReason, Usage,
};
use super::completions::{PIECES, events};
use super::request::Completion;
use crate::app::{App, fresh_id, now};
use crate::http::answer::{Audience, make};
use crate::http::authorise::Identity;
use crate::http::chat::points_of;
use crate::http::confirmations::offer;
use crate::http::conversations::{Turn, continued, give_to_guest};
use crate::http::error::ApiError;
use crate::http::events::store_error;
use crate::http::inbox::hand_to_person;

/// Turns that the assistant gets to read.
const CONTEXT_TURNS: usize = 20;
/// Characters that count as one token in `usage`; there is no tokenizer in
/// the way of an answer made of sources.
const CHARACTERS_PER_TOKEN: usize = 4;

/// Answers one request. What an answer made of sources cannot follow
/// (temperature, tools, …) is left unread.
pub async fn complete(
    app: &Arc<App>,
    identity: &Identity,
    model: String,
    completion: Completion,
) -> Result<Response, ApiError> {
    let request = request(app, identity, &completion)?;
    let (pieces, heard) = mpsc::channel(PIECES);
    if !completion.streams() {
        drop(heard);
        let completed = answered(app, request, &model, pieces).await?;
        return Ok(Json(completed.whole(model)).into_response());
    }
    let (app, counts_usage) = (app.clone(), completion.counts_usage());
    tokio::spawn(async move {
        // What was said is written down even when the reader has left.
        let last = match answered(&app, request, &model, pieces.clone()).await {
            Ok(completed) => {
                let usage = counts_usage.then(|| completed.chunks.usage(completed.usage()));
                let mut last = completed.chunks.piece(&json!({}), Some(FinishReason::Stop));
                last["shopkeeper"] = completed.extension;
                [Some(last), usage]
            }
            Err(error) => [Some(error.to_json()), None],
        };
        for last in last.into_iter().flatten() {
            let _ = pieces.send(last.to_string()).await;
        }
    });
    Ok(events(ReceiverStream::new(heard)))
}

/// What the assistant is asked, and by whom.
fn request(
    app: &App,
    identity: &Identity,
    completion: &Completion,
) -> Result<SupportRequest, ApiError> {
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
    Ok(SupportRequest {
        message,
        conversation,
        customer,
        policy: app.policy.clone(),
        ..SupportRequest::default()
    })
}

/// An answer that is written down.
struct Completed {
    chunks: Chunks,
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
    mut request: SupportRequest,
    name: &str,
    pieces: mpsc::Sender<String>,
) -> Result<Completed, ApiError> {
    let Some(part) = app.loaded().support.clone() else {
        return Err(ApiError::not_trained(Service::Support));
    };
    let version = part.model.as_ref().map(|model| model.version.clone());
    request.points = points_of(app, request.customer.as_ref()).await;
    let (asked, last_pieces) = (request.clone(), pieces.clone());
    let created = now().as_seconds();
    let chunks = move |id: &Id, name: &str| Chunks {
        id: id.to_string(),
        created,
        model: name.to_owned(),
    };
    let model_name = name.to_owned();
    let (chat_model, loaded) = (app.chat_model.clone(), app.loaded());
    let made = make(app, Service::Support, version, move |context| {
        let model = part.model.as_ref().map(|model| &*model.model);
        let chunks = chunks(&context.decision_id, &model_name);
        let chat = chat_model.as_ref().map(|one| one.chat(&|| false));
        let dependencies = loaded.dependencies(chat);
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
                let chunk = chunks.piece(&json!({"content": text}), None);
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
    let chunks = chunks(&decision.decision_id, name);
    if !waits.is_empty() {
        let chunk = chunks.piece(&json!({"content": waits}), None);
        // A reader who has left needs no more pieces.
        let _ = last_pieces.send(chunk.to_string()).await;
    }
    Ok(Completed {
        chunks,
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

impl Completed {
    fn usage(&self) -> Usage {
        let characters = self.text.chars().count();
        Usage::new(0, characters.div_ceil(CHARACTERS_PER_TOKEN))
    }

    /// As one answer.
    fn whole(self, model: String) -> ChatCompletion {
        let usage = self.usage();
        let message = AnswerMessage {
            role: "assistant",
            content: Some(self.text),
            tool_calls: Vec::new(),
        };
        ChatCompletion {
            id: self.chunks.id,
            object: "chat.completion",
            created: self.chunks.created,
            model,
            choices: vec![Choice {
                index: 0,
                message,
                finish_reason: FinishReason::Stop,
            }],
            usage,
            extension: Some(Extension {
                citations: json!(self.reply.citations),
                stages: self.stages,
                shopkeeper: self.extension,
            }),
        }
    }
}
