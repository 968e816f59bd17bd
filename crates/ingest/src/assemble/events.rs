//! Events.

use serde_json::{Map, Value, json};
use shop::RecordError;

use super::{Outcome, Setting, customer, number, put, put_id, put_texts, put_time, rest};
use crate::row::Fields;
use crate::words;

pub(super) fn event(fields: &Fields<'_>, setting: &Setting) -> Outcome {
    let kind = match fields.text("type") {
        Some(name) => words::event(&name),
        None if fields.has("query") => Some("search"),
        None => None,
    };
    match kind {
        Some(kind) => made(fields, kind, setting).into(),
        None => Outcome::Ignored("events of no known type"),
    }
}

fn made(
    fields: &Fields<'_>,
    kind: &str,
    setting: &Setting,
) -> Result<Map<String, Value>, RecordError> {
    let mut row = Map::new();
    put(&mut row, "type", Some(kind));
    put_time(&mut row, fields, "time", &setting.clock)?;
    put_id(&mut row, "id", fields.text("id").as_deref());
    put(&mut row, "customer_id", customer(fields));
    for field in ["session_id", "product_id", "decision_id"] {
        put_id(&mut row, field, fields.text(field).as_deref());
    }
    put_texts(&mut row, fields, &["query"]);
    for field in ["quantity", "position"] {
        let whole = fields
            .value(field)
            .and_then(number)
            .filter(|number| *number >= 1.0);
        put(&mut row, field, whole.map(|number| json!(number as u32)));
    }
    let mut properties = rest(fields);
    put(&mut properties, "query_id", fields.text("query_id"));
    put(&mut row, "properties", Some(Value::Object(properties)));
    Ok(row)
}
