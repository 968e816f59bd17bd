//! The description of this interface: OpenAPI 3.1 for programs, one page for
//! people.

use maud::{DOCTYPE, Markup, html};
use serde_json::{Map, Value, json};

use super::endpoint::Endpoint;
use super::error::Code;

/// A reference to one of [`schemas`].
pub fn schema(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// An object schema of these fields (name, JSON type or schema name, whether
/// it is required).
fn object(fields: &[(&str, &str, bool)]) -> Value {
    let required: Vec<_> = fields
        .iter()
        .filter(|field| field.2)
        .map(|field| field.0)
        .collect();
    let properties: Map<String, Value> = fields
        .iter()
        .map(|(name, kind, _)| ((*name).to_owned(), kind_schema(kind)))
        .collect();
    json!({"type": "object", "properties": properties, "required": required})
}

/// `string`, `[string]`, `Name` or `[Name]` as a schema.
fn kind_schema(kind: &str) -> Value {
    if let Some(item) = kind
        .strip_prefix('[')
        .and_then(|kind| kind.strip_suffix(']'))
    {
        return json!({"type": "array", "items": kind_schema(item)});
    }
    match kind {
        "any" => json!({}),
        "time" => json!({"type": "string", "format": "date-time"}),
        "filter" => json!({"oneOf": [{"type": "string"}, {"$ref": "#/components/schemas/Filter"}]}),
        "string" | "integer" | "number" | "boolean" | "object" => json!({"type": kind}),
        name => schema(name),
    }
}

/// What every decision carries.
const DECISION: &[(&str, &str, bool)] = &[
    ("decision_id", "string", true),
    ("models", "[ModelVersion]", true),
    ("stages", "[Stage]", true),
    ("propensity", "number", false),
];

fn decision(fields: &[(&str, &str, bool)]) -> Value {
    object(&[fields, DECISION].concat())
}

/// The shapes that requests and answers share.
#[rustfmt::skip]
fn schemas() -> Value {
    json!({
        "Error": {"type": "object", "required": ["error"], "properties": {"error": {
            "type": "object",
            "required": ["code", "message", "type", "param", "doc"],
            "properties": {
                "code": {"type": "string", "enum": Code::ALL.iter().map(|code| code.name()).collect::<Vec<_>>()},
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "doc": {"type": "string"},
            },
        }}},
        "Money": object(&[("amount", "integer", true), ("currency", "string", true)]),
        "ModelVersion": object(&[("service", "string", true), ("version", "string", true)]),
        "Stage": object(&[("name", "string", true), ("milliseconds", "number", true), ("outcome", "string", true)]),
        "Filter": object(&[("category", "[string]", false), ("brand", "[string]", false), ("language", "[string]", false), ("price", "object", false), ("in_stock", "boolean", false), ("attributes", "object", false)]),
        "Product": object(&[("id", "string", true), ("title", "string", true), ("description", "string", false), ("brand", "string", false), ("category", "[string]", false), ("price", "Money", false), ("list_price", "Money", false), ("availability", "string", true), ("attributes", "object", false), ("rating", "number", false), ("rating_count", "integer", false), ("url", "string", false)]),
        "Event": object(&[("type", "string", true), ("time", "time", false), ("id", "string", false), ("customer_id", "string", false), ("session_id", "string", false), ("product_id", "string", false), ("query", "string", false), ("decision_id", "string", false), ("position", "integer", false), ("quantity", "integer", false), ("value", "any", false)]),
        "Events": {"oneOf": [
            {"type": "array", "items": schema("Event")},
            object(&[("events", "[Event]", true)]),
            schema("Event"),
        ]},
        "Rejected": object(&[("index", "integer", true), ("field", "string", true), ("reason", "string", true)]),
        "Accepted": object(&[("accepted", "integer", true), ("duplicates", "integer", true), ("rejected", "[Rejected]", true)]),
        "SearchRequest": object(&[("q", "string", true), ("limit", "integer", false), ("filter", "filter", false), ("sort", "string", false), ("facets", "[string]", false), ("language", "string", false), ("customer", "string", false), ("session", "string", false), ("explain", "boolean", false), ("cursor", "string", false), ("distinct", "string", false), ("offset", "integer", false), ("semantic_ratio", "number", false), ("disjunctive", "boolean", false), ("rules", "boolean", false)]),
        "SearchRule": object(&[("id", "string", false), ("name", "string", false), ("enabled", "boolean", false), ("priority", "integer", false), ("when", "object", false), ("then", "object", true)]),
        "RulePreview": object(&[("rule", "SearchRule", false), ("request", "SearchRequest", true)]),
        "Synonyms": object(&[("id", "string", false), ("words", "[string]", true), ("from", "string", false)]),
        "Hit": object(&[("id", "string", true), ("score", "number", true), ("product", "Product", true), ("highlight", "any", false), ("reasons", "[any]", false), ("distance_m", "number", false), ("explanation", "object", false)]),
        "SearchAnswer": decision(&[("hits", "[Hit]", true), ("facets", "object", false), ("total", "integer", true), ("corrected", "any", false), ("interpreted", "any", false), ("next_cursor", "string", false), ("related", "[string]", false), ("redirect", "string", false), ("banners", "[string]", false), ("rules", "[string]", false)]),
        "Suggestions": object(&[("suggestions", "[any]", true)]),
        "RecommendRequest": object(&[("scenario", "string", false), ("customer", "string", false), ("session", "string", false), ("product", "string", false), ("limit", "integer", false), ("filter", "filter", false), ("personalise", "boolean", false), ("language", "string", false), ("pins", "[string]", false), ("hides", "[string]", false), ("boosts", "[object]", false), ("brand_cap", "integer", false), ("diversity", "number", false), ("exploration", "number", false)]),
        "Item": object(&[("id", "string", true), ("score", "number", true), ("reasons", "[any]", false)]),
        "RecommendAnswer": decision(&[("items", "[Item]", true)]),
        "ChatRequest": object(&[("message", "string", true), ("conversation", "string", false), ("customer", "string", false), ("session", "string", false), ("language", "string", false)]),
        "ChatStream": {"type": "string", "description": "Server-sent events: `token` {text}, `citation`, `action`, `handoff`, and last `done` with the whole answer. With Accept: application/json the last object alone."},
        "Conversation": object(&[("id", "string", true), ("messages", "[object]", true), ("customer_id", "string", false)]),
        "Feedback": object(&[("decision_id", "string", true), ("thumb", "string", false), ("rating", "integer", false), ("text", "string", false), ("customer", "string", false), ("session", "string", false), ("product_id", "string", false)]),
        "Insights": decision(&[("polarity", "any", false), ("themes", "[any]", false)]),
        "OfferCheck": object(&[("code", "string", false), ("customer", "string", true), ("order_amount", "Money", true)]),
        "OfferVerdict": object(&[("valid", "boolean", true), ("discount", "Money", false), ("error", "object", false)]),
        "RedeemRequest": object(&[("code", "string", true), ("customer", "string", true), ("order_id", "string", false), ("order_amount", "Money", true)]),
        "Redemption": object(&[("id", "string", true), ("code", "string", true), ("customer_id", "string", true), ("order_id", "string", false), ("order_amount", "Money", true), ("discount", "Money", true), ("rolled_back", "boolean", true)]),
        "Coupon": object(&[("code", "string", true), ("discount", "object", true), ("limit", "integer", false), ("limit_per_customer", "integer", false), ("minimum", "Money", false), ("starts_at", "time", false), ("expires_at", "time", false)]),
        "Points": object(&[("customer", "string", true), ("points", "integer", true)]),
        "PointsChange": object(&[("points", "integer", true), ("reason", "string", false)]),
        "ReferralRequest": object(&[("referrer", "string", true), ("referee", "string", true)]),
        "DecisionRecord": object(&[("id", "string", true), ("time", "time", true), ("service", "string", true), ("customer_id", "string", false), ("shown", "[string]", false), ("models", "[ModelVersion]", true), ("stages", "[Stage]", true), ("explanation", "any", true)]),
        "Registry": object(&[("models", "[object]", true)]),
        "Promotion": object(&[("version", "string", true)]),
        "TrainRequest": object(&[("services", "[string]", false), ("size", "string", false), ("base", "string", false)]),
        "Task": object(&[("id", "string", true), ("kind", "string", true), ("status", "string", true), ("created_at", "time", true), ("finished_at", "time", false), ("progress", "string", false), ("result", "any", false), ("error", "string", false)]),
    })
}

/// The whole document.
pub fn document(endpoints: &[Endpoint]) -> Value {
    let mut paths = Map::new();
    for endpoint in endpoints {
        let path = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        path[endpoint.verb.name()] = endpoint.operation();
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "shopkeeper",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Search, recommendations, support, insight and offers from a shop's own models.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "responses": {"Error": {
                "description": "What is wrong and what to do",
                "content": {"application/json": {"schema": schema("Error")}},
            }},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    })
}

/// The page at `/docs`.
pub fn page(document: &Value) -> Markup {
    let empty = Map::new();
    let paths = document["paths"].as_object().unwrap_or(&empty);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "shopkeeper · HTTP" }
                link rel="stylesheet" href="/assets/shop.css";
            }
            body class="docs" {
                main {
                    h1 { "HTTP interface" }
                    p {
                        "For programs: " a href="/openapi.json" { "openapi.json" } " (OpenAPI 3.1). "
                        "Writes take an Idempotency-Key; every answer has an X-Request-Id."
                    }
                    @for (path, operations) in paths {
                        @for (verb, operation) in operations.as_object().unwrap_or(&empty) {
                            (operation_section(path, verb, operation))
                        }
                    }
                    h2 { "Errors" }
                    table {
                        thead { tr { th { "code" } th { "status" } th { "type" } th { "what to do" } } }
                        tbody {
                            @for code in Code::ALL {
                                tr id=(code.name()) {
                                    td { code { (code.name()) } }
                                    td { (code.status().as_u16()) }
                                    td { (code.kind()) }
                                    td { (code.remedy()) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn operation_section(path: &str, verb: &str, operation: &Value) -> Markup {
    let nothing = Vec::new();
    let parameters = operation["parameters"].as_array().unwrap_or(&nothing);
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    html! {
        section id=(operation["operationId"].as_str().unwrap_or_default()) {
            h3 { span class="verb" { (verb.to_uppercase()) } " " code { (path) } }
            p { (operation["summary"].as_str().unwrap_or_default()) }
            @if !parameters.is_empty() {
                ul {
                    @for parameter in parameters {
                        li {
                            code { (parameter["name"].as_str().unwrap_or_default()) }
                            " " (parameter["description"].as_str().unwrap_or_default())
                        }
                    }
                }
            }
            @if let Some(reference) = body["$ref"].as_str() {
                p { "Body: " code { (reference.rsplit('/').next().unwrap_or_default()) } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every `$ref` in `value`.
    fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
        match value {
            Value::Object(fields) => {
                if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                    found.insert(reference);
                }
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_route_is_described_and_every_reference_resolves() {
        let endpoints = super::super::endpoints();
        let document = document(&endpoints);
        let mut identifiers = BTreeSet::new();
        for endpoint in &endpoints {
            let operation = &document["paths"][endpoint.path][endpoint.verb.name()];
            let id = operation["operationId"].as_str().unwrap();
            assert!(identifiers.insert(id.to_owned()), "{id} stands twice");
            assert!(
                operation["summary"]
                    .as_str()
                    .is_some_and(|text| !text.is_empty())
            );
        }
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }
}
