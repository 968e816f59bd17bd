//! Customers.

use serde_json::{Map, Value, json};
use shop::RecordError;

use super::{Outcome, Setting, id_of, put, put_id, put_texts, put_time, rest};
use crate::row::Fields;
use crate::words;

pub(super) fn customer(fields: &Fields<'_>, setting: &Setting) -> Outcome {
    made(fields, setting).into()
}

fn made(fields: &Fields<'_>, setting: &Setting) -> Result<Map<String, Value>, RecordError> {
    let email = fields.text("email").map(|email| email.to_lowercase());
    if let Some(email) = email.as_ref().filter(|email| !is_address(email)) {
        let reason = format!("{email:?} is not an address, as in anna@example.com");
        return Err(RecordError::new(fields.column("email"), reason));
    }
    let mut row = Map::new();
    let id = fields
        .text("id")
        .map(|id| id_of(&id))
        .filter(|id| !id.is_empty());
    let Some(id) = id.or_else(|| email.clone()) else {
        return Err(RecordError::new(
            "id",
            "missing, and there is no email to know them by",
        ));
    };
    put_id(&mut row, "id", Some(&id));
    put(&mut row, "email", email);
    let parts = ["first_name", "last_name"].map(|part| fields.text(part));
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let parts = (!parts.is_empty()).then(|| parts.join(" "));
    put(&mut row, "name", fields.text("name").or(parts));
    put_texts(&mut row, fields, &["language"]);
    let country = fields.text("country").map(|country| match country.len() {
        2 => country.to_uppercase(),
        _ => country,
    });
    put(&mut row, "country", country);
    put_time(&mut row, fields, "created_at", &setting.clock)?;
    if let Some(allowed) = fields.text("marketing").and_then(|text| words::flag(&text)) {
        put(&mut row, "consent", Some(json!({"marketing": allowed})));
    }
    put(&mut row, "properties", Some(Value::Object(rest(fields))));
    Ok(row)
}

fn is_address(text: &str) -> bool {
    let parts = text.split_once('@');
    parts.is_some_and(|(name, host)| {
        !name.is_empty() && !host.is_empty() && !text.contains(char::is_whitespace)
    })
}
