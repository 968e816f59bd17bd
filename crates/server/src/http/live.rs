//! `GET /v1/conversations/{id}/events`: a conversation as it goes on, for
//! whoever may read it. What the log says (turns, who answers) is read from
//! the snapshot, so that it is heard whoever wrote it; what no log keeps (who
//! types, what waits for a confirmation) comes over [`Live`].

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shop::{Conversation, Id, Message, Role};
use store::Snapshot;
use tokio::sync::{broadcast, mpsc};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use super::authorise::{Caller, Identity};
use super::endpoint::Endpoint;
use super::error::ApiError;
use super::extract::{JsonBody, Named, Query};
use super::inbox::{HANDLING, found, own, state_of};
use crate::app::App;
use crate::config::Scope;
use crate::pages::encode;

/// How often a conversation is looked at for what was added.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Events that may wait for a slow reader.
const WAITING: usize = 256;

/// Where a message's sources are kept among its properties.
pub const CITATIONS: &str = "citations";

/// The routes of this file.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(
            "/v1/conversations/{id}/events",
            Some(Scope::Public),
            "The conversation as it goes on, as server-sent events; Last-Event-ID goes on where it broke off",
            events,
        )
        .answers::<ServerSentEvent>()
        .media_type("text/event-stream"),
        Endpoint::post(
            "/v1/conversations/{id}/typing",
            Some(Scope::Write),
            "Says that a person is writing a reply",
            typing,
        )
        .answers::<Told>(),
    ]
}

/// What a reader of the stream gets each time.
#[derive(Serialize, JsonSchema)]
pub struct ServerSentEvent {
    /// What kind it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<String>,
    /// Where to go on from, as `Last-Event-ID`.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// A JSON object.
    data: String,
}

/// What happens in conversations and is in no log.
#[derive(Debug, Clone)]
pub struct Happening {
    conversation: Id,
    name: &'static str,
    data: Value,
}

/// Tells whoever listens what happens now.
#[derive(Debug)]
pub struct Live(broadcast::Sender<Happening>);

impl Default for Live {
    fn default() -> Self {
        Self(broadcast::channel(WAITING).0)
    }
}

impl Live {
    /// Tells it to all who listen to this conversation; there may be none.
    pub fn tell(&self, conversation: &Id, name: &'static str, data: Value) {
        let conversation = conversation.clone();
        // Nobody listens: then nobody has to hear it.
        let _ = self.0.send(Happening {
            conversation,
            name,
            data,
        });
    }
}

/// Who listens.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Listening {
    /// The session that a program began a guest's conversation in.
    session: Option<Id>,
}

/// Who writes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Typing {
    by: Option<String>,
}

/// It was told to who listens.
#[derive(Serialize, JsonSchema)]
struct Told {
    conversation: Id,
}

async fn typing(
    State(app): State<Arc<App>>,
    Named(id): Named<Id>,
    JsonBody(typing): JsonBody<Typing>,
) -> Result<Json<Told>, ApiError> {
    found(&app, &id)?;
    let data = json!({"role": "agent", "by": typing.by});
    app.live.tell(&id, "typing", data);
    Ok(Json(Told { conversation: id }))
}

async fn events(
    State(app): State<Arc<App>>,
    Extension(identity): Extension<Identity>,
    headers: HeaderMap,
    Named(id): Named<Id>,
    Query(listening): Query<Listening>,
) -> Result<Response, ApiError> {
    own(&app, &identity, listening.session.as_ref(), &id)?;
    let caller = &identity.caller;
    let last = headers.get("last-event-id");
    let last = last
        .and_then(|value| value.to_str().ok())
        .and_then(Mark::read);
    let (sender, receiver) = mpsc::channel(WAITING);
    let listener = Listener {
        heard: app.live.0.subscribe(),
        // The shop's people see what waits; only the customer may confirm it.
        with_tokens: caller.require(Scope::Write).is_err() || *caller == Caller::Local,
        after: last.unwrap_or_default(),
        state: String::new(),
        sender,
        id,
    };
    tokio::spawn(listener.listen(app));
    Ok(
        Sse::new(ReceiverStream::new(receiver).map(Ok::<_, Infallible>))
            .keep_alive(KeepAlive::default())
            .into_response(),
    )
}

/// The place of a message in its conversation: its time, and its number among
/// those of the same time. Unlike an index it stays when old turns are cut.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Mark {
    micros: i64,
    ordinal: usize,
}

impl Mark {
    fn read(text: &str) -> Option<Self> {
        let (micros, ordinal) = text.rsplit_once('-')?;
        Some(Self {
            micros: micros.parse().ok()?,
            ordinal: ordinal.parse().ok()?,
        })
    }

    fn written(self) -> String {
        format!("{}-{}", self.micros, self.ordinal)
    }
}

/// The messages with their marks.
fn marked(conversation: &Conversation) -> impl Iterator<Item = (Mark, &Message)> {
    let mut last = Mark::default();
    conversation.messages.iter().map(move |message| {
        // A turn without a time (an imported one) stands with those before it.
        let micros = message.time.map_or(last.micros, |time| time.as_micros());
        last = Mark {
            micros,
            ordinal: if micros == last.micros {
                last.ordinal + 1
            } else {
                1
            },
        };
        (last, message)
    })
}

/// Somebody who listens to one conversation.
struct Listener {
    id: Id,
    heard: broadcast::Receiver<Happening>,
    with_tokens: bool,
    after: Mark,
    state: String,
    sender: mpsc::Sender<Event>,
}

impl Listener {
    async fn listen(mut self, app: Arc<App>) {
        let mut seen: Option<Arc<Conversation>> = None;
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                () = self.sender.closed() => return,
                happening = self.heard.recv() => {
                    let told = match happening {
                        Ok(happening) => self.tell(happening).await,
                        // A slow reader missed some that nobody keeps.
                        Err(broadcast::error::RecvError::Lagged(_)) => true,
                        Err(broadcast::error::RecvError::Closed) => false,
                    };
                    if !told { return; }
                }
                _ = ticks.tick() => {
                    let snapshot = app.snapshot();
                    let now = snapshot.conversations.get(&self.id);
                    let (Some(now), false) = (now, app.is_stopping()) else { return };
                    if seen.as_ref().is_some_and(|before| Arc::ptr_eq(before, now)) {
                        continue;
                    }
                    if !self.catch_up(&snapshot, now).await { return; }
                    seen = Some(now.clone());
                }
            }
        }
    }

    async fn tell(&self, happening: Happening) -> bool {
        if happening.conversation != self.id {
            return true;
        }
        let mut data = happening.data;
        if !self.with_tokens
            && let Some(fields) = data.as_object_mut()
        {
            fields.remove("token");
        }
        self.send(event(happening.name, &data)).await
    }

    /// What the log has that the listener has not; false when they have gone.
    async fn catch_up(&mut self, snapshot: &Snapshot, now: &Conversation) -> bool {
        for (mark, message) in marked(now) {
            if mark <= self.after {
                continue;
            }
            self.after = mark;
            let shown = event("message", &shown(snapshot, message)).id(mark.written());
            if !self.send(shown).await {
                return false;
            }
        }
        let state = state_of(now);
        let first = self.state.is_empty();
        if state == self.state || (first && state == "assistant") {
            self.state = state.to_owned();
            return true;
        }
        self.state = state.to_owned();
        let handling = now.properties.get(HANDLING).cloned().unwrap_or_default();
        let name = if state == "waiting" {
            "handoff"
        } else {
            "agent"
        };
        self.send(event(name, &handling)).await
    }

    async fn send(&self, event: Event) -> bool {
        self.sender.send(event).await.is_ok()
    }
}

fn event(name: &str, data: &Value) -> Event {
    Event::default().event(name).data(data.to_string())
}

/// A message as readers see it: its sources once each with a link, and the
/// products among them.
fn shown(snapshot: &Snapshot, message: &Message) -> Value {
    let mut shown = json!({"role": message.role, "text": message.text, "time": message.time});
    let kept = |name: &str| message.properties.get(name).cloned();
    for name in ["decision_id", "by"] {
        if let Some(value) = kept(name) {
            shown[name] = value;
        }
    }
    if message.role != Role::Agent {
        return shown;
    }
    let (sources, products) = cited(snapshot, &kept(CITATIONS).unwrap_or_default());
    shown["sources"] = json!(sources);
    shown["products"] = json!(products);
    shown
}

/// What an answer cites, once each: sources with a link, and the products
/// among them.
pub fn cited(snapshot: &Snapshot, citations: &Value) -> (Vec<Value>, Vec<Value>) {
    let mut sources: Vec<Value> = Vec::new();
    let mut products: Vec<Value> = Vec::new();
    for citation in citations.as_array().into_iter().flatten() {
        let source = citation["source"].as_str().unwrap_or_default();
        let known = |all: &[Value]| all.iter().any(|one| one["source"] == citation["source"]);
        if known(&sources) || known(&products) {
            continue;
        }
        match source.split_once(':') {
            Some(("product", id)) => products.extend(product(snapshot, source, id)),
            Some(("document", id)) => {
                let own = || format!("/documents/{}", encode(id));
                let url = citation["url"].as_str().map_or_else(own, str::to_owned);
                sources.push(json!({"source": source, "title": citation["title"], "url": url, "quote": citation["quote"]}));
            }
            _ => sources.push(json!({"source": source, "title": citation["title"], "url": citation["url"], "quote": citation["quote"]})),
        }
    }
    (sources, products)
}

fn product(snapshot: &Snapshot, source: &str, id: &str) -> Option<Value> {
    let product = snapshot.catalogue.by_id(&Id::new(id).ok()?)?;
    let image = product
        .images
        .iter()
        .find(|image| image.starts_with("https://"));
    Some(json!({
        "source": source,
        "id": product.id,
        "title": product.title,
        "price": product.price,
        "image": image,
        "url": format!("/products/{}", encode(id)),
        // Of a product with variants one has to be chosen first.
        "can_be_added": product.group_id.is_none() && product.availability.can_be_ordered(),
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::Map;
    use shop::Timestamp;

    use super::*;

    fn conversation(times: &[Option<i64>]) -> Conversation {
        let messages = times.iter().map(|seconds| Message {
            role: Role::Customer,
            text: "hello".to_owned(),
            time: seconds.map(Timestamp::from_seconds),
            properties: Map::new(),
        });
        Conversation {
            id: Id::new("c").unwrap(),
            messages: messages.collect(),
            customer_id: None,
            intent: None,
            resolved: None,
            rating: None,
            language: None,
            properties: Map::new(),
        }
    }

    #[test]
    fn marks_rise_and_stay_when_old_turns_are_cut() {
        let whole = conversation(&[Some(1), Some(1), Some(2), None, Some(3)]);
        let marks: Vec<Mark> = marked(&whole).map(|(mark, _)| mark).collect();
        assert!(marks.is_sorted_by(|one, other| one < other), "{marks:?}");
        for mark in &marks {
            assert_eq!(Mark::read(&mark.written()), Some(*mark));
        }
        let cut = conversation(&[Some(2), None, Some(3)]);
        let rest: Vec<Mark> = marked(&cut).map(|(mark, _)| mark).collect();
        assert_eq!(rest, marks[2..]);
        assert_eq!(Mark::read("yesterday"), None);
    }
}
