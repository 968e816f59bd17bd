//! Help desks: what customers and agents wrote to each other. Internal notes
//! are never messages.

use serde_json::{Map, Value, json};
use shop::{Kind, RecordError};

use super::super::Context;
use super::{at, objects, text, time};
use crate::html::to_text;
use crate::intake::{Intake, Stopped};
use crate::row::text_of;
use crate::words;

/// What a conversation says besides its messages.
struct Head {
    customer: Option<String>,
    resolved: Option<bool>,
    rating: Option<Value>,
    subject: Option<String>,
}

type Messages = Vec<Result<Value, RecordError>>;

fn message(
    is_customers: bool,
    text: Option<String>,
    row: &Map<String, Value>,
    time_at: &[&str],
) -> Option<Result<Value, RecordError>> {
    let text = to_text(&text?);
    let role = if is_customers { "customer" } else { "agent" };
    (!text.is_empty()).then(|| {
        let time = time(row, time_at)?;
        Ok(json!({"role": role, "text": text, "time": time}))
    })
}

fn take(
    row: &Map<String, Value>,
    head: Head,
    messages: Messages,
    context: &Context<'_>,
    intake: &mut Intake<'_>,
) -> Result<(), Stopped> {
    if messages.is_empty() {
        intake.ignore("conversations without a message");
        return Ok(());
    }
    let made = messages
        .into_iter()
        .collect::<Result<Vec<Value>, _>>()
        .map(|messages| {
            let mut made = Map::new();
            made.insert("id".to_owned(), at(row, &["id"]).clone());
            made.insert("messages".to_owned(), json!(messages));
            made.insert("customer_id".to_owned(), json!(head.customer));
            made.insert("resolved".to_owned(), json!(head.resolved));
            made.insert("rating".to_owned(), json!(head.rating));
            made.insert("language".to_owned(), json!(text(row, &["language"])));
            if let Some(subject) = head.subject {
                made.insert("properties".to_owned(), json!({"subject": subject}));
            }
            made
        });
    context.take(Kind::Conversations, made, row, intake)
}

pub(super) fn zendesk(
    row: &Map<String, Value>,
    context: &Context<'_>,
    intake: &mut Intake<'_>,
) -> Result<(), Stopped> {
    let requester = text(row, &["requester_id"]);
    let is_customer = |id: &Option<String>| {
        let asks = |user: &&Value| {
            user.get("id").and_then(text_of) == *id
                && user.get("role").is_some_and(|role| role == "end-user")
        };
        *id == requester || context.beside.iter().any(|user| asks(&user))
    };
    let mut messages: Messages = objects(row, &["comments"])
        .filter(|comment| comment.get("public") != Some(&json!(false)))
        .filter_map(|comment| {
            let said = ["plain_body", "body", "html_body"]
                .iter()
                .find_map(|key| text(comment, &[key]));
            message(
                is_customer(&text(comment, &["author_id"])),
                said,
                comment,
                &["created_at"],
            )
        })
        .collect();
    if !row.contains_key("comments") {
        messages.extend(message(
            true,
            text(row, &["description"]),
            row,
            &["created_at"],
        ));
    }
    let rating = match text(row, &["satisfaction_rating", "score"]).as_deref() {
        Some("good") => Some(json!(5)),
        Some("bad") => Some(json!(1)),
        _ => None,
    };
    let head = Head {
        customer: requester.clone(),
        resolved: text(row, &["status"]).and_then(|status| words::is_resolved(&status)),
        rating,
        subject: text(row, &["subject"]),
    };
    take(row, head, messages, context, intake)
}

pub(super) fn gorgias(
    row: &Map<String, Value>,
    context: &Context<'_>,
    intake: &mut Intake<'_>,
) -> Result<(), Stopped> {
    let is_note = |message: &Map<String, Value>| {
        message.get("public") == Some(&json!(false))
            || text(message, &["channel"]).as_deref() == Some("internal-note")
    };
    let messages = objects(row, &["messages"])
        .filter(|message| !is_note(message))
        .filter_map(|one| {
            let said = ["stripped_text", "body_text", "body_html"];
            let said = said.iter().find_map(|key| text(one, &[key]));
            let is_customers = one.get("from_agent") != Some(&json!(true));
            message(is_customers, said, one, &["created_datetime"])
        })
        .collect();
    let head = Head {
        customer: text(row, &["customer", "id"]).or_else(|| text(row, &["customer", "email"])),
        resolved: text(row, &["status"]).and_then(|status| words::is_resolved(&status)),
        rating: Some(at(row, &["satisfaction_survey", "score"]).clone()),
        subject: text(row, &["subject"]),
    };
    take(row, head, messages, context, intake)
}

pub(super) fn intercom(
    row: &Map<String, Value>,
    context: &Context<'_>,
    intake: &mut Intake<'_>,
) -> Result<(), Stopped> {
    let is_customers = |row: &Map<String, Value>, path: &[&str]| {
        text(row, path).and_then(|kind| words::role(&kind)) == Some("customer")
    };
    let asked = message(
        is_customers(row, &["source", "author", "type"]),
        text(row, &["source", "body"]),
        row,
        &["created_at"],
    );
    let parts = objects(row, &["conversation_parts", "conversation_parts"])
        .filter(|part| text(part, &["part_type"]).as_deref() != Some("note"))
        .filter_map(|part| {
            let by_customer = is_customers(part, &["author", "type"]);
            message(by_customer, text(part, &["body"]), part, &["created_at"])
        });
    let messages = asked.into_iter().chain(parts).collect();
    let customer = [
        &["contacts", "contacts", "external_id"][..],
        &["contacts", "contacts", "id"],
        &["source", "author", "id"],
    ];
    let closed = text(row, &["state"]).and_then(|state| words::is_resolved(&state));
    let head = Head {
        customer: customer.iter().find_map(|path| text(row, path)),
        resolved: closed,
        rating: Some(at(row, &["conversation_rating", "rating"]).clone()),
        subject: text(row, &["title"]).or_else(|| text(row, &["source", "subject"])),
    };
    take(row, head, messages, context, intake)
}

pub(super) fn chatwoot(
    row: &Map<String, Value>,
    context: &Context<'_>,
    intake: &mut Intake<'_>,
) -> Result<(), Stopped> {
    let messages = objects(row, &["messages"])
        .filter(|one| one.get("private") != Some(&json!(true)))
        .filter_map(|one| {
            let is_customers = match text(one, &["message_type"]).as_deref() {
                Some("0" | "incoming") => true,
                Some("1" | "outgoing") => false,
                // What happened to the conversation is no message.
                _ => return None,
            };
            message(is_customers, text(one, &["content"]), one, &["created_at"])
        })
        .collect();
    let head = Head {
        customer: text(row, &["meta", "sender", "id"]),
        resolved: text(row, &["status"]).and_then(|status| words::is_resolved(&status)),
        rating: None,
        subject: None,
    };
    take(row, head, messages, context, intake)
}
