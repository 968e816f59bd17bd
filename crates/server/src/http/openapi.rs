//! The description of this interface: OpenAPI 3.1 for programs, one page for
//! people. All of it is read off the endpoints and the types of what they take
//! and answer.

use std::collections::BTreeSet;

use maud::{DOCTYPE, Markup, html};
use schemars::Schema;
use schemars::generate::SchemaGenerator;
use serde_json::{Map, Value, json};

use super::endpoint::{Endpoint, Taken};
use super::error::{Code, ErrorAnswer};
use super::idempotency::IdempotencyKey;
use super::live::ServerSentEvent;
use super::schema::{settings, shape};

/// Where the schemas stand in the document.
const SCHEMAS: &str = "#/components/schemas/";
/// Ends the name of a schema that differs from that of requests.
const ANSWER: &str = "Answer";

fn generator(of_requests: bool) -> SchemaGenerator {
    let settings = settings().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
    });
    if of_requests {
        settings.for_deserialize().into_generator()
    } else {
        settings.for_serialize().into_generator()
    }
}

fn transformed(mut schema: Schema, generator: &mut SchemaGenerator) -> Value {
    for transform in generator.transforms_mut() {
        transform.transform(&mut schema);
    }
    schema.to_value()
}

/// The whole document.
pub fn document(endpoints: &[Endpoint]) -> Value {
    let (mut requests, mut answers) = (generator(true), generator(false));
    let mut operations: Vec<(Value, Value)> = endpoints
        .iter()
        .map(|endpoint| {
            let answer = (endpoint.answer)(&mut answers);
            let answer = transformed(answer, &mut answers);
            (operation(endpoint, &mut requests), answer)
        })
        .collect();
    let error = answers.subschema_for::<ErrorAnswer>();
    let event = json!(answers.subschema_for::<ServerSentEvent>());
    let (mut schemas, mut of_answers) = (
        requests.take_definitions(true),
        answers.take_definitions(true),
    );
    let different = different(&schemas, &of_answers);
    for schema in of_answers.values_mut() {
        rename(schema, &different);
    }
    for (name, schema) in of_answers {
        let name = match different.contains(&name) {
            true => format!("{name}{ANSWER}"),
            false => name,
        };
        schemas.insert(name, schema);
    }
    let mut paths = Map::new();
    for (endpoint, (operation, answer)) in endpoints.iter().zip(&mut operations) {
        rename(answer, &different);
        operation["responses"] = responses(endpoint, answer, &event);
        let path = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        path[endpoint.verb.name()] = operation.take();
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "shopkeeper",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Search, recommendations, support, insight and offers from a shop's own models. \
                A request that this description forbids is answered 400 and `param` names the field; \
                what it allows and the shop cannot do is answered 404 (not there) or 409 (not now).",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "headers": {"RequestId": {
                "description": "Names the request: the caller's own X-Request-Id, or a new one",
                "required": true,
                "schema": {"type": "string"},
            }},
            "responses": {"Error": {
                "description": "What is wrong and what to do",
                "headers": {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}},
                "content": {"application/json": {"schema": error}},
            }},
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "A key of the shop"},
                "customer": {
                    "type": "apiKey", "in": "header", "name": "X-Customer-Token",
                    "description": "A signed token of POST /v1/customers/{id}/token: speaks for this customer alone",
                },
            },
        },
    })
}

fn operation(endpoint: &Endpoint, requests: &mut SchemaGenerator) -> Value {
    let mut taken = Taken {
        schemas: requests,
        path: None,
        query: Vec::new(),
        body: None,
    };
    (endpoint.inputs)(&mut taken);
    let named = taken.path.map(Schema::to_value);
    let named = named.unwrap_or_else(|| json!({"type": "string"}));
    let mut parameters: Vec<Value> = endpoint
        .path_parameters()
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": named}))
        .collect();
    parameters.extend(taken.query);
    if endpoint.writes() {
        let key = shape::<IdempotencyKey>();
        parameters.push(json!({
            "name": "Idempotency-Key",
            "in": "header",
            "description": "The same write sent again with the same key is done once",
            "schema": key.root(),
        }));
    }
    let mut operation = json!({
        "operationId": endpoint.operation_id(),
        "summary": endpoint.summary,
        "tags": [endpoint.tag()],
        "parameters": parameters,
        "security": security(endpoint),
    });
    if let Some(body) = taken.body {
        operation["requestBody"] = body;
    }
    operation
}

fn security(endpoint: &Endpoint) -> Value {
    use crate::config::Scope;
    match endpoint.scope {
        None => json!([]),
        Some(Scope::Public) => json!([{"key": ["public"]}, {"customer": []}]),
        Some(scope) => json!([{"key": [format!("{scope:?}").to_lowercase()]}]),
    }
}

fn responses(endpoint: &Endpoint, answer: &Value, event: &Value) -> Value {
    let mut media = Map::new();
    media.insert(endpoint.media_type.to_owned(), json!({"schema": answer}));
    if endpoint.streams {
        media.insert("text/event-stream".to_owned(), json!({"schema": event}));
    }
    let mut responses = json!({endpoint.status.to_string(): {
        "description": "Done",
        "headers": {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}},
        "content": media,
    }});
    if endpoint.creates {
        let mut created = responses[endpoint.status.to_string()].clone();
        created["description"] = json!("Done; there was none before");
        responses["201"] = created;
    }
    let reading: &[u16] = &[400, 404, 429, 503];
    let writing: &[u16] = if endpoint.writes() {
        &[409, 413, 415, 507]
    } else {
        &[]
    };
    let known: &[u16] = if endpoint.scope.is_some() {
        &[401, 403]
    } else {
        &[]
    };
    for status in [reading, writing, known].concat() {
        responses[status.to_string()] = json!({"$ref": "#/components/responses/Error"});
    }
    responses["default"] = json!({"$ref": "#/components/responses/Error"});
    responses
}

/// The names of schemas that are not the same in requests and answers, or
/// speak of such.
fn different(requests: &Map<String, Value>, answers: &Map<String, Value>) -> BTreeSet<String> {
    let both = |name: &&String| requests.contains_key(*name);
    let differs = |name: &&String| requests.get(*name) != answers.get(*name);
    let mut found: BTreeSet<String> = answers
        .keys()
        .filter(both)
        .filter(differs)
        .cloned()
        .collect();
    loop {
        let more: Vec<String> = answers
            .iter()
            .filter(|(name, _)| requests.contains_key(*name) && !found.contains(*name))
            .filter(|(_, schema)| {
                let mut named = BTreeSet::new();
                references(schema, &mut named);
                let mut named = named.iter().filter_map(|name| name.strip_prefix(SCHEMAS));
                named.any(|name| found.contains(name))
            })
            .map(|(name, _)| name.clone())
            .collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

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

/// Lets references to what differs speak of the schema of answers.
fn rename(value: &mut Value, different: &BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get_mut("$ref") {
                let name = reference.strip_prefix(SCHEMAS).unwrap_or_default();
                if different.contains(name) {
                    reference.push_str(ANSWER);
                }
            }
            fields
                .values_mut()
                .for_each(|value| rename(value, different));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| rename(value, different)),
        _ => {}
    }
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
    use super::*;

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
