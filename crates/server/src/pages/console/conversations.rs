use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use shop::{Conversation, Id, Role};

use crate::app::App;
use crate::http::conversations::latest;
use crate::pages::chart::shortened;
use crate::pages::layout;
use crate::pages::visitor::{Visitor, encode};
use locale::Locale;

const PATH: &str = "/console/conversations";

/// `GET /console/conversations`.
pub async fn list(State(app): State<Arc<App>>, visitor: Visitor) -> Response {
    let text = visitor.text();
    let conversations = latest(&app, 60);
    let content = html! {
        @if conversations.is_empty() { p class="empty" { (text.nothing_yet) } }
        @else {
            div class="pane scroll" {
                table {
                    thead { tr { th { (text.time) } th { (text.customer) } th { (text.messages) } th { (text.intent) } th class="number" { "#" } } }
                    tbody { @for conversation in &conversations { (row(text, conversation)) } }
                }
            }
        }
    };
    let page = layout::console(&visitor, PATH, text.conversations, content);
    visitor.respond(page)
}

fn row(text: &Locale, conversation: &Conversation) -> Markup {
    let first = conversation
        .messages
        .iter()
        .find(|message| message.role == Role::Customer);
    let time = conversation
        .messages
        .iter()
        .filter_map(|message| message.time)
        .max();
    html! {
        tr {
            td class="soft" { (time.map(|time| text.date(time)).unwrap_or_default()) }
            td { (conversation.customer_id.as_ref().map_or("–", Id::as_str)) }
            td {
                a href=(format!("{PATH}/{}", encode(conversation.id.as_str()))) {
                    (shortened(first.map_or("…", |message| message.text.as_str()), 90))
                }
            }
            td { (conversation.intent.as_deref().unwrap_or("–")) }
            td class="number" { (conversation.messages.len()) }
        }
    }
}

/// `GET /console/conversations/{id}`.
pub async fn one(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Response {
    let text = visitor.text();
    let snapshot = app.snapshot();
    let conversation = Id::new(&id)
        .ok()
        .and_then(|id| snapshot.conversations.get(&id).cloned());
    let content = html! {
        p { a href=(PATH) { "← " (text.conversations) } }
        @match &conversation {
            Some(conversation) => (turns(text, conversation)),
            None => p class="empty" { (text.nothing_yet) },
        }
    };
    let page = layout::console(&visitor, PATH, text.conversations, content);
    let mut response = visitor.respond(page);
    if conversation.is_none() {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response
}

/// What was said.
pub(super) fn turns(text: &Locale, conversation: &Conversation) -> Markup {
    html! {
        div class="pane log" data-conversation=(conversation.id) {
            @for message in &conversation.messages {
                @let (class, name) = match message.role {
                    Role::Customer => ("turn customer", text.role_customer),
                    Role::Agent => ("turn agent", text.role_agent),
                    Role::Tool => ("turn tool", text.role_tool),
                };
                div class=(class) {
                    span class="visually-hidden" { (name) ": " }
                    (message.text)
                    @if let Some(decision) = message.properties.get("decision_id").and_then(|id| id.as_str()) {
                        div class="small" {
                            a href=(format!("/console/decisions/{}", encode(decision))) { (text.why_title) }
                        }
                    }
                }
            }
        }
    }
}
