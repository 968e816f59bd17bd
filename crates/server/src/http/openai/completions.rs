//! `POST /v1/chat/completions`: the assistant, or a bare model, whole or in
//! pieces.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use futures::stream::{self, Stream, StreamExt};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::answer::{
    AnswerFunction, AnswerMessage, AnswerToolCall, ChatCompletion, Choice, Chunks,
};
use super::request::{Completion, Task};
use super::writing::{Piece, write};
use super::{assistant, models};
use crate::app::{ASSISTANT, App, ModelSource, NamedModel, fresh_id, now, seed_of};
use crate::config::Scope;
use crate::http::authorise::Identity;
use crate::http::endpoint::Endpoint;
use crate::http::error::ApiError;
use crate::http::extract::JsonBody;
use crate::http::queue_error;

/// Pieces that may wait for a slow reader.
pub const PIECES: usize = 256;

/// The routes of this file.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post(
            "/v1/chat/completions",
            Some(Scope::Public),
            "The grounded assistant, or a bare model, in OpenAI's protocol; streams when asked to",
            complete,
        )
        .answers::<ChatCompletion>()
        .or_streams(),
    ]
}

async fn complete(
    State(app): State<Arc<App>>,
    Extension(identity): Extension<Identity>,
    JsonBody(completion): JsonBody<Completion>,
) -> Result<Response, ApiError> {
    let asked = completion.model.clone();
    let asked = asked.unwrap_or_else(|| ASSISTANT.to_owned());
    let model = models::find(&app, asked.clone()).await?;
    match model.source {
        ModelSource::Assistant => assistant::complete(&app, &identity, asked, completion).await,
        ModelSource::Encoder(_) => Err(models::refused(format!(
            "{asked} makes vectors (POST /v1/embeddings) and does not write"
        ))),
        ModelSource::Decoder(_) | ModelSource::Trained(_) => {
            // Its time is the shop's own.
            identity.caller.require(Scope::Write)?;
            answer(&app, model, &completion).await
        }
    }
}

/// The answer of a bare model.
async fn answer(
    app: &Arc<App>,
    model: NamedModel,
    completion: &Completion,
) -> Result<Response, ApiError> {
    let id = fresh_id();
    let task = completion.task(seed_of(&id))?;
    let chunks = Chunks {
        id: format!("chatcmpl-{id}"),
        created: now().as_seconds(),
        model: model.name.clone(),
    };
    let mut pieces = begin(app.clone(), model, task);
    // What is refused before the first token has a status of its own.
    match pieces.recv().await {
        Some(Piece::Failed(error)) => return Err(error),
        Some(_) => {}
        None => return Err(ApiError::internal("a bare model said nothing")),
    }
    if completion.streams() {
        return Ok(events(chunked(chunks, pieces, completion.counts_usage())));
    }
    Ok(Json(whole(chunks, pieces).await?).into_response())
}

/// Has a model write, in its turn; it stops when nobody reads any more.
fn begin(app: Arc<App>, model: NamedModel, task: Task) -> mpsc::Receiver<Piece> {
    let (pieces, heard) = mpsc::channel(PIECES);
    tokio::spawn(async move {
        let (shared, said) = (app.clone(), pieces.clone());
        let work = move || {
            if said.is_closed() {
                return Ok(());
            }
            shared.with_decoder(&model, |decoder| write(decoder, &task, &said))
        };
        let queue = &app.bare_models.completions;
        let failed = match queue.run(work).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => ApiError::internal(error),
            Err(error) => queue_error(queue.name(), error),
        };
        // A reader who has left hears of nothing.
        let _ = pieces.send(Piece::Failed(failed)).await;
    });
    heard
}

async fn whole(
    chunks: Chunks,
    mut pieces: mpsc::Receiver<Piece>,
) -> Result<ChatCompletion, ApiError> {
    let mut message = AnswerMessage {
        role: "assistant",
        ..AnswerMessage::default()
    };
    while let Some(piece) = pieces.recv().await {
        match piece {
            Piece::Begun => {}
            Piece::Text(text) => message.content.get_or_insert_default().push_str(&text),
            Piece::Call(name) => message.tool_calls.push(called(name)),
            Piece::Arguments(text) => {
                if let Some(call) = message.tool_calls.last_mut() {
                    call.function.arguments.push_str(&text);
                }
            }
            Piece::Failed(error) => return Err(error),
            Piece::End(finish_reason, usage) => {
                if message.tool_calls.is_empty() {
                    message.content.get_or_insert_default();
                }
                return Ok(ChatCompletion {
                    id: chunks.id,
                    object: "chat.completion",
                    created: chunks.created,
                    model: chunks.model,
                    choices: vec![Choice {
                        index: 0,
                        message,
                        finish_reason,
                    }],
                    usage,
                    extension: None,
                });
            }
        }
    }
    Err(ApiError::internal("a bare model broke off"))
}

fn called(name: String) -> AnswerToolCall {
    AnswerToolCall {
        id: format!("call_{}", fresh_id()),
        kind: "function",
        function: AnswerFunction {
            name,
            arguments: String::new(),
        },
    }
}

/// The pieces as OpenAI writes them.
fn chunked(
    chunks: Chunks,
    pieces: mpsc::Receiver<Piece>,
    counts_usage: bool,
) -> impl Stream<Item = String> {
    let first = chunks.piece(&json!({"role": "assistant", "content": ""}), None);
    let mut calls = 0;
    let written = move |piece| -> Vec<Value> {
        match piece {
            Piece::Begun => Vec::new(),
            Piece::Text(text) => vec![chunks.piece(&json!({"content": text}), None)],
            Piece::Call(name) => {
                calls += 1;
                let mut call = json!(called(name));
                call["index"] = json!(calls - 1);
                vec![chunks.piece(&json!({"tool_calls": [call]}), None)]
            }
            Piece::Arguments(text) => {
                let call = json!({"index": calls - 1, "function": {"arguments": text}});
                vec![chunks.piece(&json!({"tool_calls": [call]}), None)]
            }
            Piece::End(finish, usage) => {
                let mut last = vec![chunks.piece(&json!({}), Some(finish))];
                last.extend(counts_usage.then(|| chunks.usage(usage)));
                last
            }
            Piece::Failed(error) => vec![error.to_json()],
        }
    };
    let rest = ReceiverStream::new(pieces).map(written);
    let rest = rest.flat_map(|chunks| stream::iter(chunks).map(|chunk| chunk.to_string()));
    stream::iter([first.to_string()]).chain(rest)
}

/// A stream of server-sent events with the end that OpenAI's clients wait for.
pub fn events(data: impl Stream<Item = String> + Send + 'static) -> Response {
    let data = data.chain(stream::iter(["[DONE]".to_owned()]));
    let events = data.map(|data| Ok::<_, Infallible>(Event::default().data(data)));
    Sse::new(events)
        .keep_alive(KeepAlive::default())
        .into_response()
}
