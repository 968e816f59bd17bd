//! The inbox: who waits for a person, what the assistant would say, what the
//! person says instead, and what that could teach.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::json;
use serve::support::improvements::{Change, Improvement, improvements};
use shop::{Conversation, Id, Role};

use super::conversations::turns;
use crate::app::App;
use crate::http::inbox::{notes_of, state_of, waiting_since, with_people};
use crate::http::resolution::Resolution;
use crate::pages::chart::shortened;
use crate::pages::layout;
use crate::pages::visitor::{Visitor, encode};
use locale::Locale;

const PATH: &str = "/console/inbox";
/// More than these are shown once some are decided upon.
const MOST_IMPROVEMENTS: usize = 20;

/// `GET /console/inbox`.
pub async fn list(State(app): State<Arc<App>>, visitor: Visitor) -> Response {
    let text = visitor.text();
    let snapshot = app.snapshot();
    let waiting = with_people(&snapshot);
    let offered = improvements(&snapshot);
    let content = html! {
        @if waiting.is_empty() { p class="empty" { (text.nobody_waits) } }
        @else {
            div class="pane scroll" {
                table {
                    thead { tr { th { (text.waits_since) } th { (text.customer) } th { (text.messages) } th { (text.state) } } }
                    tbody { @for conversation in &waiting { (row(text, conversation)) } }
                }
            }
        }
        (ended(text, &Resolution::of(&snapshot, app.policy.limits.reopened_within_days)))
        h2 { (text.improvements) }
        p class="soft" { (text.improvements_about) }
        @if offered.is_empty() { p class="empty" { (text.nothing_yet) } }
        div class="panes" {
            @for improvement in offered.iter().take(MOST_IMPROVEMENTS) { (proposed(text, improvement)) }
        }
    };
    let page = layout::console(&visitor, PATH, text.inbox, content);
    visitor.respond(page)
}

/// How conversations ended: what was resolved beside what was merely contained.
fn ended(text: &Locale, counted: &Resolution) -> Markup {
    let of = |part: u64, whole: u64| match whole {
        0 => "–".to_owned(),
        _ => format!("{part} / {whole}"),
    };
    let rating = counted.rating.map_or("–".to_owned(), |mean| {
        format!("{} ({})", text.decimal(mean, 1), counted.rated)
    });
    let rows = [
        (text.contained, of(counted.contained, counted.conversations)),
        (
            text.said_resolved,
            of(counted.said_resolved, counted.conversations),
        ),
        (
            text.not_reopened,
            of(counted.resolved_and_not_reopened, counted.said_resolved),
        ),
        (
            text.truly_resolved,
            of(counted.resolved, counted.said_resolved),
        ),
        (text.mean_rating, rating),
    ];
    html! {
        h2 { (text.how_ended) }
        div class="pane scroll" {
            table { tbody { @for (name, value) in rows { tr { td { (name) } td { (value) } } } } }
        }
    }
}

fn last_words(conversation: &Conversation) -> &str {
    let turns = conversation.messages.iter().rev();
    turns
        .filter(|turn| turn.role == Role::Customer)
        .map(|turn| turn.text.as_str())
        .next()
        .unwrap_or("…")
}

fn state(text: &Locale, conversation: &Conversation) -> Markup {
    match state_of(conversation) {
        "waiting" => html! { span class="badge warm" { (text.state_waiting) } },
        "person" => html! { span class="badge good" { (text.state_person) } },
        _ => html! { span class="badge" { (text.state_assistant) } },
    }
}

fn row(text: &Locale, conversation: &Conversation) -> Markup {
    let since = waiting_since(conversation);
    html! {
        tr {
            td class="soft small" { (since.get(..16).unwrap_or(since).replace('T', " ")) }
            td { (conversation.customer_id.as_ref().map_or("–", Id::as_str)) }
            td {
                a href=(format!("{PATH}/{}", encode(conversation.id.as_str()))) {
                    (shortened(last_words(conversation), 90))
                }
            }
            td { (state(text, conversation)) }
        }
    }
}

/// `GET /console/inbox/{id}`.
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
        p { a href=(PATH) { "← " (text.inbox) } }
        @match &conversation {
            Some(conversation) => div class="panes" {
                section { (turns(text, conversation)) }
                section { (desk(text, conversation)) (notes(text, conversation)) }
            },
            None => p class="empty" { (text.nothing_yet) },
        }
    };
    let page = layout::console(&visitor, PATH, text.inbox, content);
    let mut response = visitor.respond(page);
    if conversation.is_none() {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response
}

fn api(conversation: &Conversation, deed: &str) -> String {
    format!(
        "/v1/conversations/{}/{deed}",
        encode(conversation.id.as_str())
    )
}

/// Take over, answer, give back.
fn desk(text: &Locale, conversation: &Conversation) -> Markup {
    let with_person = state_of(conversation) == "person";
    html! {
        div class="pane" {
            p { (state(text, conversation)) }
            @if with_person {
                form class="stacked" data-send=(api(conversation, "reply")) {
                    label for="reply" { (text.your_reply) }
                    textarea id="reply" name="text" rows="6" required maxlength="10000" {}
                    p id="suggested-from" class="small soft" role="status" {}
                    div class="inline-form" {
                        button type="button" data-suggest=(api(conversation, "suggest")) { (text.suggest) }
                        button class="primary" { (text.send) }
                    }
                }
                p class="small soft" { (text.suggest_about) }
                button type="button" class="quiet" data-post=(api(conversation, "resume")) { (text.give_back) }
            } @else {
                p class="soft" { (text.take_about) }
                button type="button" class="primary" data-post=(api(conversation, "take"))
                       data-body=(json!({"by": "console"})) { (text.take_over) }
            }
        }
    }
}

fn notes(text: &Locale, conversation: &Conversation) -> Markup {
    html! {
        div class="pane" {
            h2 { (text.notes) }
            ul { @for (note, by) in notes_of(conversation) { li { (note) @if let Some(by) = by { span class="soft small" { " · " (by) } } } } }
            form class="stacked" data-send=(api(conversation, "notes")) {
                label for="note" { (text.new_note) }
                textarea id="note" name="text" rows="2" required maxlength="10000" {}
                button { (text.add_note) }
            }
        }
    }
}

/// A new answer or a change, to be edited, accepted or rejected.
fn proposed(text: &Locale, improvement: &Improvement) -> Markup {
    let send = format!(
        "/v1/conversations/{}/improvement",
        encode(improvement.conversation.as_str())
    );
    let name = format!("{}-{}", improvement.conversation, improvement.turn);
    html! {
        article class="pane" {
            p class="small" {
                a href=(format!("{PATH}/{}", encode(improvement.conversation.as_str()))) { (improvement.conversation) }
                @if improvement.resolved { " " span class="badge good" { (text.resolved) } }
            }
            form class="stacked" data-send=(send) {
                input type="hidden" name="turn" data-type="number" value=(improvement.turn);
                @match &improvement.change {
                    Change::NewAnswer => {
                        label for=(format!("q-{name}")) { (text.question) }
                        input id=(format!("q-{name}")) name="question" required value=(improvement.question);
                    }
                    Change::ChangedDocument { document, quote } => {
                        p { (text.would_replace) " " code { (document) } }
                        blockquote { del { (quote) } }
                    }
                }
                label for=(format!("a-{name}")) { (text.answer) }
                textarea id=(format!("a-{name}")) name="answer" rows="4" required { (improvement.answer) }
                div class="inline-form" {
                    button class="primary" name="accept" value="true" { (text.accept) }
                    button name="accept" value="false" { (text.reject) }
                }
            }
        }
    }
}
