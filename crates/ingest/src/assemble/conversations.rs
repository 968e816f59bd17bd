//! Conversations: the rows of one are its messages, in the order of time.

use serde_json::{Map, Value, json};
use shop::{RecordError, Timestamp};

use super::{Made, Outcome, Setting, customer, put, put_id, put_texts};
use crate::html::to_text;
use crate::row::Fields;
use crate::words;

pub(super) fn conversation(rows: &[Fields<'_>], setting: &Setting) -> Vec<Made> {
    let mut made = Vec::new();
    let mut messages: Vec<(Option<Timestamp>, Value)> = Vec::new();
    let asker = rows.first().and_then(|row| row.text("author"));
    for (place, row) in rows.iter().enumerate() {
        if row.text("private").and_then(|text| words::flag(&text)) == Some(true) {
            continue;
        }
        match message(row, asker.as_deref(), setting) {
            Ok(message) => {
                let time = message.get("time").and_then(Value::as_str);
                let time = time.and_then(|time| time.parse().ok());
                messages.push((time, Value::Object(message)));
            }
            Err(error) => made.push((place, Outcome::Rejected(error))),
        }
    }
    if messages.is_empty() {
        if made.is_empty() {
            made.push((0, Outcome::Ignored("conversations of notes alone")));
        }
        return made;
    }
    // Where one has no time, all stay in their order.
    if messages.iter().all(|(time, _)| time.is_some()) {
        messages.sort_by_key(|(time, _)| *time);
    }
    let messages = messages.into_iter().map(|(_, message)| message).collect();
    made.push((0, head(rows, messages).into()));
    made
}

fn head(rows: &[Fields<'_>], messages: Vec<Value>) -> Result<Map<String, Value>, RecordError> {
    let mut row = Map::new();
    let Some(first) = rows.first() else {
        return Ok(row);
    };
    put_id(&mut row, "id", first.text("id").as_deref());
    row.insert("messages".to_owned(), Value::Array(messages));
    let by_customer =
        |row: &&Fields<'_>| row.text("role").and_then(|word| words::role(&word)) != Some("agent");
    let who = rows.iter().filter(by_customer).find_map(|row| {
        let author = row.text("author").filter(|author| author.contains('@'));
        customer(row).or_else(|| author.map(|author| author.to_lowercase()))
    });
    put_id(&mut row, "customer_id", who.as_deref());
    let resolved = rows
        .iter()
        .rev()
        .find_map(|row| words::is_resolved(&row.text("resolved")?));
    put(&mut row, "resolved", resolved);
    put_texts(&mut row, first, &["intent", "language"]);
    super::put_rating(&mut row, first)?;
    Ok(row)
}

fn message(
    fields: &Fields<'_>,
    asker: Option<&str>,
    setting: &Setting,
) -> Result<Map<String, Value>, RecordError> {
    let Some(text) = fields.text("text").map(|text| to_text(&text)) else {
        return Err(RecordError::new(
            "text",
            "missing: a message says something",
        ));
    };
    let author = fields.text("author");
    let role = fields.text("role").and_then(|word| words::role(&word));
    // Where no column says who speaks, whoever speaks first asks.
    let role = role.unwrap_or_else(|| match author.as_deref() == asker {
        true => "customer",
        false => "agent",
    });
    let mut row = Map::new();
    put(&mut row, "role", Some(json!(role)));
    put(&mut row, "text", Some(text));
    super::put_time(&mut row, fields, "time", &setting.clock)?;
    Ok(row)
}
