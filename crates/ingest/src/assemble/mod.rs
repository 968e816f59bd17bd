//! Fields become records: what a row says, by what its columns mean.

mod conversations;
mod customers;
mod events;
mod orders;
pub(super) mod products;
mod reviews;

use std::hash::{DefaultHasher, Hash, Hasher};

use rustc_hash::FxHashSet;
use serde_json::{Map, Value, json};
use shop::{Id, Kind, RecordError};

use super::dates::Clock;
use super::html::to_text;
use super::money::Prices;
use super::row::{Fields, text_of};

/// What all rows of a file are read with.
pub(super) struct Setting {
    pub(super) prices: Prices,
    pub(super) clock: Clock,
    /// The fields that the file has columns for.
    pub(super) known: FxHashSet<&'static str>,
    /// Whether rows come with those that belong to them.
    pub(super) grouped: bool,
}

/// What becomes of a row.
pub(super) enum Outcome {
    Record(Map<String, Value>),
    Rejected(RecordError),
    /// It is right and says nothing here.
    Ignored(&'static str),
}

/// An outcome, and the place of the row in its group.
pub(super) type Made = (usize, Outcome);

/// Makes records of the rows that belong together.
pub(super) fn assemble(kind: Kind, rows: &[Fields<'_>], setting: &Setting) -> Vec<Made> {
    let each = |make: fn(&Fields<'_>, &Setting) -> Outcome| -> Vec<Made> {
        let made = rows.iter().map(|fields| make(fields, setting));
        made.enumerate().collect()
    };
    match kind {
        Kind::Products => products::group(rows, setting),
        Kind::Orders => orders::order(rows, setting),
        Kind::Conversations => conversations::conversation(rows, setting),
        Kind::Customers => each(customers::customer),
        Kind::Reviews => each(reviews::review),
        Kind::Events => each(events::event),
        Kind::Documents => each(document),
        Kind::Judgements | Kind::Labelled => each(as_it_is),
    }
}

fn document(fields: &Fields<'_>, _: &Setting) -> Outcome {
    let mut row = Map::new();
    put_texts(&mut row, fields, &["url", "language"]);
    let text = fields
        .text("text")
        .map(|text| to_text(&text))
        .unwrap_or_default();
    let title = fields.text("title");
    let id = fields
        .text("id")
        .unwrap_or_else(|| match (&title, fields.text("url")) {
            (_, Some(url)) => url,
            (Some(title), None) => title.clone(),
            (None, None) => derived("document", &[&text]),
        });
    put_id(&mut row, "id", Some(&id));
    put(&mut row, "title", title);
    put(&mut row, "text", Some(text));
    row.insert("properties".to_owned(), Value::Object(rest(fields)));
    Outcome::Record(row)
}

/// A row whose columns have our own names.
fn as_it_is(fields: &Fields<'_>, _: &Setting) -> Outcome {
    let mut row = rest(fields);
    if let Some(Value::String(grade)) = row.get("grade")
        && let Ok(grade) = grade.trim().parse::<u8>()
    {
        row.insert("grade".to_owned(), json!(grade));
    }
    Outcome::Record(row)
}

impl From<Result<Map<String, Value>, RecordError>> for Outcome {
    fn from(made: Result<Map<String, Value>, RecordError>) -> Self {
        match made {
            Ok(row) => Self::Record(row),
            Err(error) => Self::Rejected(error),
        }
    }
}

/// An id of what identifies something that has none: the same every time.
pub(super) fn derived(what: &str, parts: &[&str]) -> String {
    // Not the standard library's hasher, which may change: ids are for good.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in parts.join("\u{1f}").bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    format!("{what}-{hash:016x}")
}

/// A text that is an id, or an id made of one that is too long.
fn id_of(text: &str) -> String {
    let text = text.trim().trim_start_matches('\'');
    let clean: String = text.chars().filter(|c| !c.is_control()).collect();
    match Id::new(&clean) {
        Ok(id) => id.as_str().to_owned(),
        Err(_) if clean.trim().is_empty() => String::new(),
        Err(_) => derived("long", &[&clean]),
    }
}

fn put(row: &mut Map<String, Value>, field: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        row.insert(field.to_owned(), value.into());
    }
}

fn put_id(row: &mut Map<String, Value>, field: &str, text: Option<&str>) {
    let id = text.map(id_of).filter(|id| !id.is_empty());
    put(row, field, id);
}

fn put_texts(row: &mut Map<String, Value>, fields: &Fields<'_>, names: &[&str]) {
    for name in names {
        put(row, name, fields.text(name));
    }
}

fn put_time(
    row: &mut Map<String, Value>,
    fields: &Fields<'_>,
    field: &str,
    clock: &Clock,
) -> Result<(), RecordError> {
    if let Some(value) = fields.value(field) {
        let time = clock.read(value, fields.column(field))?;
        row.insert(field.to_owned(), json!(time));
    }
    Ok(())
}

/// A number as people write it.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        _ => {
            let text = text_of(value)?;
            shop::Separators::of(&text).read(&text)?.parse().ok()
        }
    }
}

fn put_rating(row: &mut Map<String, Value>, fields: &Fields<'_>) -> Result<(), RecordError> {
    let Some(value) = fields.value("rating") else {
        return Ok(());
    };
    let Some(rating) = number(value) else {
        let column = fields.column("rating");
        return Err(RecordError::new(column, format!("{value} is not a number")));
    };
    row.insert("rating".to_owned(), json!(rating));
    Ok(())
}

/// The columns that mean nothing here.
fn rest(fields: &Fields<'_>) -> Map<String, Value> {
    let rest = fields.rest.iter();
    rest.map(|(column, value)| ((*column).to_owned(), (*value).clone()))
        .collect()
}

/// Who it was: their number, their address in small letters.
fn customer(fields: &Fields<'_>) -> Option<String> {
    let email = || {
        fields
            .text("customer_email")
            .map(|email| email.to_lowercase())
    };
    let id = fields.text("customer_id").or_else(email)?;
    Some(id_of(&id)).filter(|id| !id.is_empty())
}

/// The parts of a list in one cell.
fn list(value: &Value, separators: &[char]) -> Vec<String> {
    let texts: Vec<String> = match value {
        Value::Array(list) => list.iter().filter_map(text_of).collect(),
        _ => {
            let text = text_of(value).unwrap_or_default();
            text.split(separators).map(str::to_owned).collect()
        }
    };
    let parts = texts
        .iter()
        .map(|part| part.trim().trim_matches('"').trim());
    parts
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A key of what a row belongs to.
pub(super) fn hash_of(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
