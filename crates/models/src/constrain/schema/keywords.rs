//! Which keywords of JSON Schema are kept to. One that is not is refused by
//! name: a schema says what its author relies on.

use serde_json::{Map, Value};

use super::refuse;
use crate::error::ModelError;

/// The deepest that schemas may lie in one another; references go beyond it.
const DEEPEST: usize = 64;

/// The most that a length or a number of items may be limited to: the automaton
/// counts in states.
const GREATEST_COUNT: u64 = 20_000;

/// The dialects whose keywords mean what this module takes them to mean.
const DIALECTS: [&str; 4] = [
    "https://json-schema.org/draft/2020-12/schema",
    "https://json-schema.org/draft/2019-09/schema",
    "http://json-schema.org/draft-07/schema",
    "http://json-schema.org/draft-06/schema",
];

enum Kind {
    /// The address of the dialect that the schema is written in.
    Dialect,
    /// Says nothing about the text.
    Annotation,
    /// Any value at all, or one that the automaton's builder checks itself.
    Free,
    /// A number.
    Number,
    /// A text.
    Text,
    /// A list.
    List,
    /// A number of characters, items or properties.
    Count,
    /// One schema, or a list of them.
    Schemas,
    /// Schemas by name.
    Named,
}

fn kind(keyword: &str) -> Option<Kind> {
    Some(match keyword {
        "$schema" => Kind::Dialect,
        "$id" | "id" | "$anchor" | "$comment" | "title" | "description" | "default"
        | "examples" | "deprecated" | "readOnly" | "writeOnly" | "contentMediaType"
        | "contentEncoding" => Kind::Annotation,
        "type" | "const" => Kind::Free,
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" => {
            Kind::Number
        }
        "$ref" | "pattern" | "format" => Kind::Text,
        "enum" | "required" => Kind::List,
        "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties" => {
            Kind::Count
        }
        "items"
        | "additionalItems"
        | "prefixItems"
        | "additionalProperties"
        | "anyOf"
        | "oneOf"
        | "allOf" => Kind::Schemas,
        "properties" | "patternProperties" | "$defs" | "definitions" => Kind::Named,
        _ => return None,
    })
}

/// Refuses a schema with anything that would not be kept to.
pub(super) fn check(schema: &Value) -> Result<(), ModelError> {
    check_at(schema, &mut String::from("#"), 0)
}

fn check_at(schema: &Value, place: &mut String, depth: usize) -> Result<(), ModelError> {
    if depth > DEEPEST {
        return Err(refuse(format_args!(
            "at {place}: schemas lie more than {DEEPEST} deep in one another; name parts in \
             `$defs` and refer to them"
        )));
    }
    match schema {
        Value::Bool(_) => Ok(()),
        Value::Object(fields) => check_fields(fields, place, depth),
        _ => Err(refuse(format_args!(
            "at {place}: a schema is an object, `true` or `false`"
        ))),
    }
}

fn check_fields(
    fields: &Map<String, Value>,
    place: &mut String,
    depth: usize,
) -> Result<(), ModelError> {
    for (keyword, value) in fields {
        let here = place.len();
        match kind(keyword) {
            None => {
                return Err(refuse(format_args!(
                    "at {place}: the keyword `{keyword}` cannot be kept to; leave it out"
                )));
            }
            Some(Kind::Annotation | Kind::Free) => {}
            Some(Kind::Number) => expect(value.is_number(), keyword, "a number", place)?,
            Some(Kind::Text) => expect(value.is_string(), keyword, "a string", place)?,
            Some(Kind::List) => expect(value.is_array(), keyword, "a list", place)?,
            Some(Kind::Dialect) => check_dialect(value, place)?,
            Some(Kind::Count) => check_count(keyword, value, place)?,
            Some(Kind::Schemas) => {
                place.push('/');
                place.push_str(keyword);
                let one = std::slice::from_ref(value);
                let schemas = value.as_array().map_or(one, Vec::as_slice);
                for schema in schemas {
                    check_at(schema, place, depth + 1)?;
                }
            }
            Some(Kind::Named) => {
                expect(value.is_object(), keyword, "an object", place)?;
                for (name, schema) in value.as_object().into_iter().flatten() {
                    place.push_str(&format!("/{keyword}/{name}"));
                    check_at(schema, place, depth + 1)?;
                    place.truncate(here);
                }
            }
        }
        place.truncate(here);
    }
    check_range(fields, place)
}

/// The automaton lets an excluded whole number through where the other bound
/// is less than 1 away from it, farther from 0.
fn check_range(fields: &Map<String, Value>, place: &str) -> Result<(), ModelError> {
    if fields.get("type").is_some_and(|name| name == "integer") {
        return Ok(());
    }
    let bounds = |keywords: [&str; 2]| keywords.map(|keyword| fields.get(keyword)?.as_f64());
    let lower = bounds(["minimum", "exclusiveMinimum"]);
    let upper = bounds(["maximum", "exclusiveMaximum"]);
    let near = |excluded: f64, others: [Option<f64>; 2], sign: f64| {
        let near = |other: f64| (other - excluded) * sign < 1.0;
        excluded.fract() == 0.0 && excluded * sign >= 0.0 && others.into_iter().flatten().any(near)
    };
    let met = !lower[1].is_some_and(|excluded| near(excluded, upper, 1.0));
    let free = "a number that is not whole, where the other bound is so close";
    expect(met, "exclusiveMinimum", free, place)?;
    let met = !upper[1].is_some_and(|excluded| near(excluded, lower, -1.0));
    expect(met, "exclusiveMaximum", free, place)
}

fn expect(met: bool, keyword: &str, what: &str, place: &str) -> Result<(), ModelError> {
    match met {
        true => Ok(()),
        false => Err(refuse(format_args!(
            "at {place}: `{keyword}` has to be {what}"
        ))),
    }
}

fn check_count(keyword: &str, value: &Value, place: &str) -> Result<(), ModelError> {
    match value.as_u64() {
        Some(0..=GREATEST_COUNT) => Ok(()),
        _ => Err(refuse(format_args!(
            "at {place}: `{keyword}` is {value}; it has to be a whole number up to \
             {GREATEST_COUNT}"
        ))),
    }
}

fn check_dialect(value: &Value, place: &str) -> Result<(), ModelError> {
    let address = value.as_str().map(|address| address.trim_end_matches('#'));
    match address.is_some_and(|address| DIALECTS.contains(&address)) {
        true => Ok(()),
        false => Err(refuse(format_args!(
            "at {place}: `$schema` is {value}; known are {}",
            DIALECTS.join(", ")
        ))),
    }
}
