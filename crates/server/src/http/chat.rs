//! `POST /v1/chat`: a question, answered while the customer reads along.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use serve::support::{Reply, SupportEvent, SupportRequest};
use shop::{Conversation, Id, Role, Service};
use store::NewEntry;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{StreamExt, once};

use super::answer::{Audience, Made, make};
use super::authorise::Identity;
use super::confirmations::offer;
use super::conversations::{
    Turn, belongs_to, continued, give_to_guest, guest_secret, note_on_last, turn, update,
};
use super::endpoint::Endpoint;
use super::error::{ApiError, Code};
use super::extract::JsonBody;
use super::inbox::{hand_to_person, is_with_person};
use super::language::accepted_language;
use super::live::CITATIONS;
use crate::app::{App, SupportPart, fresh_id, now};
use crate::config::Scope;

/// The longest message, in characters.
const LONGEST_MESSAGE: usize = 4_000;

/// Turns that the model gets to read.
const CONTEXT_TURNS: usize = 20;

/// Pieces that may wait for a slow reader.
const PIECES: usize = 256;

/// The routes of this file.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post(
            "/v1/chat",
            Some(Scope::Public),
            "Answers a customer, with citations; streams server-sent events",
            chat,
        )
        .answers::<ChatAnswer>()
        .or_streams(),
    ]
}

/// What a customer says.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ChatRequest {
    /// Their words; of very long ones the beginning is read.
    message: String,
    #[serde(default)]
    conversation: Option<Id>,
    #[serde(default)]
    customer: Option<Id>,
    #[serde(default)]
    session: Option<Id>,
    #[serde(default)]
    language: Option<String>,
    /// Whether the shop's own server asks: it may name a new conversation for a
    /// guest without a session.
    #[serde(skip)]
    is_trusted: bool,
    /// What a guest shows of their session.
    #[serde(skip)]
    guest_secret: Option<String>,
    /// What the browser prefers.
    #[serde(skip)]
    accepted_language: Option<String>,
}

impl ChatRequest {
    /// An empty message is asked back about, of a very long one the beginning
    /// is read: a customer gets an answer, not an error.
    fn shorten(&mut self) {
        if let Some((end, _)) = self.message.char_indices().nth(LONGEST_MESSAGE) {
            self.message.truncate(end);
        }
    }
}

/// The whole answer: the one of `Accept: application/json`, and the data of the
/// stream's last event, `done`. Before it come `token`, `citation`, `action`
/// and `handoff`.
#[derive(JsonSchema)]
#[allow(dead_code)]
struct ChatAnswer {
    /// The conversation, to go on with.
    conversation: Id,
    /// What is said; empty while a person answers.
    text: String,
    /// Whether the conversation goes to a person.
    handoff: bool,
    /// Whether a person answers, so that the assistant is silent.
    #[serde(skip_serializing_if = "Option::is_none")]
    silent: Option<bool>,
    /// Writes that wait for the customer's confirmation, with their tokens.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    proposals: Vec<Value>,
    /// Of the answer, where the assistant gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    decision_id: Option<Id>,
}

/// What goes to the reader.
pub enum Piece {
    /// A part of the answer, as it is made.
    Heard(SupportEvent),
    /// A write that waits for the customer, with its one-time token.
    Offered(Value),
    /// The whole answer; nothing comes after it.
    Done(Value),
    /// Why there is none.
    Failed(ApiError),
}

/// Answers what is said in the shop's own terminal, where who talks needs no
/// proof; otherwise as `POST /v1/chat` does. The pieces that come before the
/// whole answer go to `pieces`.
///
/// # Errors
/// As those of `POST /v1/chat`.
pub async fn converse(
    app: &Arc<App>,
    message: String,
    conversation: Option<Id>,
    customer: Option<Id>,
    pieces: mpsc::Sender<Piece>,
) -> Result<Value, ApiError> {
    let mut request = ChatRequest {
        message,
        conversation,
        customer,
        session: None,
        language: None,
        is_trusted: true,
        guest_secret: None,
        accepted_language: None,
    };
    request.shorten();
    answer(app, request, pieces).await
}

async fn chat(
    State(app): State<Arc<App>>,
    Extension(identity): Extension<Identity>,
    headers: HeaderMap,
    JsonBody(request): JsonBody<ChatRequest>,
) -> Result<Response, ApiError> {
    let mut request = request;
    request.accepted_language = accepted_language(&headers).map(|one| one.tag().to_owned());
    request.customer = identity.caller.speaks_for(request.customer.as_ref())?;
    request.is_trusted = identity.caller.require(Scope::Write).is_ok();
    request.guest_secret = guest_secret(&identity, request.session.as_ref());
    request.shorten();
    let length = request.message.chars().count() as u64;
    let (customer, session) = (request.customer.as_ref(), request.session.as_ref());
    let counters = identity.message_counters(customer, session);
    app.usage.message(counters, length, now())?;
    let (pieces, mut heard) = mpsc::channel(PIECES);
    // Goes on when the reader leaves: what was said is still written down.
    tokio::spawn(async move {
        let last = match answer(&app, request, pieces.clone()).await {
            Ok(done) => Piece::Done(done),
            Err(error) => Piece::Failed(error),
        };
        // A reader who has left needs no last piece.
        let _ = pieces.send(last).await;
    });
    if wants_json(&headers) {
        return whole(heard).await;
    }
    // The first piece decides whether there is a stream at all.
    match heard.recv().await {
        Some(Piece::Failed(error)) => Err(error),
        Some(first) => Ok(stream(first, heard)),
        None => Err(ApiError::internal("the answer broke off")),
    }
}

fn wants_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accepted| {
            accepted.contains("application/json") && !accepted.contains("text/event-stream")
        })
}

async fn whole(mut heard: mpsc::Receiver<Piece>) -> Result<Response, ApiError> {
    while let Some(piece) = heard.recv().await {
        match piece {
            Piece::Heard(_) | Piece::Offered(_) => {}
            Piece::Done(done) => return Ok(Json(done).into_response()),
            Piece::Failed(error) => return Err(error),
        }
    }
    Err(ApiError::internal("the answer broke off"))
}

fn stream(first: Piece, rest: mpsc::Receiver<Piece>) -> Response {
    let pieces = once(first).chain(ReceiverStream::new(rest));
    Sse::new(pieces.map(|piece| Ok::<_, Infallible>(event(piece))))
        .keep_alive(KeepAlive::default())
        .into_response()
}

/// A piece as a server-sent event.
fn event(piece: Piece) -> Event {
    let (name, data) = match piece {
        Piece::Heard(SupportEvent::Token(text)) => ("token", json!({"text": text})),
        Piece::Heard(SupportEvent::Citation(citation)) => ("citation", json!(citation)),
        Piece::Heard(SupportEvent::Action(action)) => ("action", json!(action)),
        Piece::Heard(SupportEvent::Handoff(handoff)) => ("handoff", json!(handoff)),
        // Goes out as an offer, with its token.
        Piece::Heard(SupportEvent::Proposal(_)) => return Event::default().comment("offered"),
        Piece::Offered(offer) => ("action", offer),
        // The service is done; `done` follows when the log has the turns.
        Piece::Heard(SupportEvent::Done) => return Event::default().comment("written down next"),
        Piece::Done(done) => ("done", done),
        Piece::Failed(error) => ("error", error.to_json()),
    };
    Event::default().event(name).data(data.to_string())
}

/// Answers, writes the turns and the decision down, and returns the last event.
async fn answer(
    app: &Arc<App>,
    request: ChatRequest,
    pieces: mpsc::Sender<Piece>,
) -> Result<Value, ApiError> {
    let id = conversation_id(app, &request);
    let _turn = turn(app, &id).await?;
    let before = app.snapshot().conversations.get(&id).cloned();
    check_owner(&id, before.as_deref(), &request)?;
    if is_with_person(before.as_deref()) {
        return keep_silent(app, &request, &id).await;
    }
    let Some(part) = app.loaded().support.clone() else {
        return Err(ApiError::not_trained(Service::Support));
    };
    app.live.tell(&id, "typing", json!({"role": "assistant"}));
    let mut asked = support_request(&request, before.as_deref());
    asked.policy = app.policy.clone();
    let turns_before = asked.conversation.len();
    let version = part.model.as_ref().map(|model| model.version.clone());
    asked.points = points_of(app, request.customer.as_ref()).await;
    let made = make_heard(app, &id, part, version, asked, pieces.clone()).await?;
    let reply = made.decision.content.clone();
    let reply_hands_over = reply.handoff;
    let reason = reply.handoff_reason.clone();
    let mut explanation = reply.explanation();
    explanation["request"] =
        json!({"message": request.message, "conversation": id, "turns_before": turns_before});
    explanation["answer"] = json!(reply.text);
    let audience = Audience {
        customer: request.customer.clone(),
        session: request.session.clone(),
    };
    let decision = made.record(audience, Vec::new(), explanation);
    let turns = [
        Turn {
            role: Role::Customer,
            text: request.message.clone(),
            decision_id: None,
        },
        Turn {
            role: Role::Agent,
            text: reply.text.clone(),
            decision_id: Some(decision.decision_id.clone()),
        },
    ];
    let proposals = reply.proposals.into_iter().map(|mut proposal| {
        proposal.conversation = Some(id.clone());
        proposal.decision = Some(decision.decision_id.clone());
        offer(&proposal)
    });
    let (waiting, offers): (Vec<NewEntry>, Vec<Value>) = proposals.unzip();
    // What waits for the customer's word is in the log before they hear of it.
    update(app, &id, |before| {
        check_owner(&id, before, &request)?;
        let (customer, session) = (request.customer.as_ref(), request.session.as_ref());
        let mut entries = continued(before, &id, customer, session, turns.to_vec(), now());
        if before.is_none() && customer.is_none() {
            give_to_guest(&mut entries, request.guest_secret.as_deref());
        }
        if !reply.citations.is_empty() {
            note_on_last(&mut entries, CITATIONS, json!(reply.citations));
        }
        if reply_hands_over {
            hand_to_person(&mut entries, reason.as_deref().unwrap_or("asked"), now());
        }
        entries.extend(waiting.clone());
        Ok((entries, ()))
    })
    .await?;
    for offer in &offers {
        app.live.tell(&id, "action", offer.clone());
        // A reader who has left finds it in the conversation's next answer.
        let _ = pieces.send(Piece::Offered(offer.clone())).await;
    }
    let finished = json!({"decision_id": decision.decision_id});
    app.live.tell(&id, "done", finished);
    let mut done = serde_json::to_value(&decision).map_err(ApiError::internal)?;
    done["conversation"] = json!(id);
    if !offers.is_empty() {
        done["proposals"] = json!(offers);
    }
    Ok(done)
}

/// The conversation that a message belongs to. A guest without a session shows
/// no secret but the id, so a new one is of our making.
fn conversation_id(app: &App, request: &ChatRequest) -> Id {
    let named = request.conversation.clone();
    let is_secret =
        request.is_trusted || request.customer.is_some() || request.guest_secret.is_some();
    named
        .filter(|id| is_secret || app.snapshot().conversations.contains_key(id))
        .unwrap_or_else(fresh_id)
}

/// Answers in the queue, heard while it is made.
async fn make_heard(
    app: &Arc<App>,
    conversation: &Id,
    part: SupportPart,
    version: Option<String>,
    asked: SupportRequest,
    pieces: mpsc::Sender<Piece>,
) -> Result<Made<Reply>, ApiError> {
    let (chat_model, loaded) = (app.chat_model.clone(), app.loaded());
    let (asked_of, conversation) = (app.clone(), conversation.clone());
    make(app, Service::Support, version, move |context| {
        let model = part.model.as_ref().map(|model| &*model.model);
        let is_interrupted = || {
            let now = asked_of.snapshot();
            asked_of.conversations.is_awaited(&conversation)
                || is_with_person(now.conversations.get(&conversation).map(|one| &**one))
        };
        let chat = chat_model.as_ref().map(|one| one.chat(&is_interrupted));
        let dependencies = loaded.dependencies(chat);
        serve::support::answer_with(
            context,
            &part.knowledge,
            model,
            dependencies,
            &asked,
            &mut |event| match pieces.blocking_send(Piece::Heard(event)) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            },
        )
    })
    .await
}

/// The points of whoever is signed in, where the ledger tells.
pub(super) async fn points_of(app: &App, customer: Option<&Id>) -> Option<i64> {
    let points = app.store.points(customer?).await;
    points
        .inspect_err(|error| tracing::warn!(%error, "the ledger did not tell the points"))
        .ok()
}

/// While a person answers, the assistant writes down what the customer says
/// and says nothing itself.
async fn keep_silent(app: &App, request: &ChatRequest, id: &Id) -> Result<Value, ApiError> {
    update(app, id, |before| {
        let turn = Turn {
            role: Role::Customer,
            text: request.message.clone(),
            decision_id: None,
        };
        let (customer, session) = (request.customer.as_ref(), request.session.as_ref());
        let entries = continued(before, id, customer, session, vec![turn], now());
        Ok((entries, ()))
    })
    .await?;
    Ok(json!({"conversation": id, "text": "", "handoff": true, "silent": true}))
}

/// A conversation goes on with the customer or the guest's session that it
/// belongs to. Whoever else names it hears that there is none, so that nothing can be guessed.
fn check_owner(
    id: &Id,
    before: Option<&Conversation>,
    request: &ChatRequest,
) -> Result<(), ApiError> {
    let (customer, secret) = (request.customer.as_ref(), request.guest_secret.as_deref());
    if before.is_some_and(|conversation| !belongs_to(conversation, customer, secret)) {
        return Err(ApiError {
            param: Some("conversation".to_owned()),
            ..ApiError::new(
                Code::UnknownConversation,
                format!("there is no conversation {id}"),
            )
        });
    }
    Ok(())
}

fn support_request(request: &ChatRequest, before: Option<&Conversation>) -> SupportRequest {
    let turns = before.map_or(&[][..], |conversation| &conversation.messages);
    let decisions = turns
        .iter()
        .filter_map(|turn| Id::new(turn.properties.get("decision_id")?.as_str()?).ok())
        .collect();
    let recent = &turns[turns.len().saturating_sub(CONTEXT_TURNS)..];
    SupportRequest {
        message: request.message.clone(),
        conversation: recent
            .iter()
            .map(|turn| (turn.role, turn.text.clone()))
            .collect(),
        customer: request.customer.clone(),
        session: request.session.clone(),
        language: request.language.clone(),
        accepted_language: request.accepted_language.clone(),
        decisions,
        ..SupportRequest::default()
    }
}
