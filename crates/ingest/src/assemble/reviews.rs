//! Reviews.

use serde_json::{Map, Value};
use shop::RecordError;

use super::{
    Outcome, Setting, customer, derived, id_of, put, put_id, put_rating, put_texts, put_time, rest,
};
use crate::html::to_text;
use crate::row::Fields;
use crate::words;

pub(super) fn review(fields: &Fields<'_>, setting: &Setting) -> Outcome {
    if fields
        .text("shown")
        .is_some_and(|text| !words::is_shown(&text))
    {
        return Outcome::Ignored("reviews that the shop hides");
    }
    made(fields, setting).into()
}

fn made(fields: &Fields<'_>, setting: &Setting) -> Result<Map<String, Value>, RecordError> {
    let mut row = Map::new();
    let title = fields.text("title").map(|title| to_text(&title));
    let text = fields
        .text("text")
        .map(|text| to_text(&text))
        .filter(|text| !text.is_empty());
    let Some(text) = text.or_else(|| title.clone()) else {
        return Err(RecordError::new(
            "text",
            "missing or empty, and it is required",
        ));
    };
    let product = fields
        .text("product_id")
        .map(|id| id_of(&id))
        .filter(|id| !id.is_empty());
    put_rating(&mut row, fields)?;
    put_time(&mut row, fields, "time", &setting.clock)?;
    let who = customer(fields);
    let written = fields
        .text("id")
        .map(|id| id_of(&id))
        .filter(|id| !id.is_empty());
    let id = match written {
        Some(id) => id,
        None if setting.known.contains("id") => {
            return Err(RecordError::new(
                "id",
                "missing or empty, and it is required",
            ));
        }
        None => {
            let time = row.get("time").and_then(Value::as_str).unwrap_or_default();
            let author = who
                .clone()
                .or_else(|| fields.text("author"))
                .unwrap_or_default();
            derived(
                "review",
                &[product.as_deref().unwrap_or_default(), &author, time, &text],
            )
        }
    };
    put_id(&mut row, "id", Some(&id));
    put(&mut row, "text", Some(text));
    put(&mut row, "title", title);
    put(&mut row, "product_id", product);
    put(&mut row, "customer_id", who);
    put_texts(&mut row, fields, &["language"]);
    let mut properties = rest(fields);
    put(&mut properties, "author", fields.text("author"));
    put(&mut row, "properties", Some(Value::Object(properties)));
    Ok(row)
}
