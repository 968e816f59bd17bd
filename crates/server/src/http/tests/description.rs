//! That the description is true: every answer of these tests is looked up in
//! it, and whatever it forbids is refused with the name of the field.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};

use super::super::schema::Shape;
use super::super::{endpoints, openapi};
use super::{Answer, Shop};

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| openapi::document(&endpoints()));

/// A schema of the document as a shape of its own.
fn shape(schema: &Value) -> Shape {
    let mut schema = schema.clone();
    schema["components"] = DOCUMENT["components"].clone();
    Shape::new(schema)
}

/// The operation that answers to a request, where it is described.
fn operation(verb: &Method, path: &str) -> Option<&'static Value> {
    let parts: Vec<&str> = path.split('/').collect();
    let fits = |pattern: &str| {
        let pattern: Vec<&str> = pattern.split('/').collect();
        let mut pairs = pattern.iter().zip(&parts);
        pattern.len() == parts.len() && pairs.all(|(one, part)| one == part || one.starts_with('{'))
    };
    let paths = DOCUMENT["paths"].as_object()?;
    // A path without a variable part is meant before one with.
    let mut found: Vec<_> = paths.iter().filter(|(pattern, _)| fits(pattern)).collect();
    found.sort_by_key(|(pattern, _)| pattern.contains('{'));
    found.first()?.1.get(verb.as_str().to_lowercase())
}

/// Whether the description allows this answer.
pub(super) fn assert_described(verb: &Method, path: &str, answer: &Answer) {
    static SHAPES: LazyLock<std::sync::Mutex<BTreeMap<String, std::sync::Arc<Shape>>>> =
        LazyLock::new(Default::default);
    let Some(operation) = operation(verb, path) else {
        return;
    };
    let status = answer.status.as_u16().to_string();
    let responses = &operation["responses"];
    let response = responses.get(&status).unwrap_or(&responses["default"]);
    let response = match response["$ref"].as_str() {
        Some(reference) => DOCUMENT.pointer(&reference[1..]).unwrap(),
        None => response,
    };
    assert!(
        answer.status.is_client_error()
            || answer.status.is_server_error()
            || responses.get(&status).is_some(),
        "{verb} {path}: {status} is not described"
    );
    let media_type = answer.headers.get(header::CONTENT_TYPE);
    let media_type = media_type.map(|value| value.to_str().unwrap().split(';').next().unwrap());
    let media_type = media_type.unwrap_or_default();
    let schema = &response["content"][media_type]["schema"];
    assert!(!schema.is_null(), "{verb} {path}: {status} {media_type}");
    if media_type == "application/json" {
        let mut shapes = SHAPES.lock().unwrap();
        let shape = shapes
            .entry(schema.to_string())
            .or_insert_with(|| std::sync::Arc::new(shape(schema)))
            .clone();
        drop(shapes);
        if let Err(error) = shape.check(&answer.json(), "") {
            panic!("{verb} {path} {status}: {}: {}", error.message, answer.text);
        }
    }
}

/// Values that a schema forbids.
fn forbidden(shape: &Shape, schema: &Value) -> Vec<Value> {
    let kinds = shape.kinds(schema);
    let takes = |kind: &str| kinds.iter().any(|one| one == kind);
    let schema = shape.resolved(schema);
    let mut found = Vec::new();
    if kinds.is_empty() {
        return found;
    }
    for (kind, value) in [
        ("object", json!({"no_such_field": 1})),
        ("array", json!([{"no_such_field": 1}])),
        ("boolean", json!(true)),
        ("string", json!("no such value")),
    ] {
        if !takes(kind) {
            found.push(value);
        }
    }
    let beyond = |bound: &str, step| schema[bound].as_i64().and_then(|it| it.checked_add(step));
    found.extend(beyond("minimum", -1).map(|number| json!(number)));
    found.extend(beyond("maximum", 1).map(|number| json!(number)));
    if let Some(longest) = schema["maxLength"].as_u64() {
        found.push(json!("x".repeat(longest as usize + 1)));
    }
    if schema["minLength"].as_u64().is_some_and(|least| least > 0) {
        found.push(json!(""));
    }
    if schema.get("enum").is_some() {
        found.push(json!("no such value"));
    }
    found
}

fn request(verb: &str, path: &str, body: &Value) -> Request<Body> {
    Request::builder()
        .method(verb.to_uppercase().as_str())
        .uri(path)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .unwrap()
}

fn operations() -> impl Iterator<Item = (String, &'static str, &'static Value)> {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, operations)| {
        let operations = operations.as_object().unwrap();
        operations.iter().map(move |(verb, operation)| {
            let path = path
                .replace("{service}", "search")
                .replace("{kind}", "auto")
                .replace(['{', '}'], "");
            (path, verb.as_str(), operation)
        })
    })
}

#[tokio::test]
async fn every_declared_example_is_allowed() {
    let shop = Shop::open(&[]).await;
    let mut seen = 0;
    for (path, verb, operation) in operations() {
        let media = &operation["requestBody"]["content"]["application/json"];
        if media.is_null() || path == "/v1/train" {
            continue;
        }
        let answer = shop.send(request(verb, &path, &media["example"])).await;
        assert_ne!(
            answer.status,
            StatusCode::BAD_REQUEST,
            "{path}: {}",
            answer.text
        );
        seen += 1;
    }
    assert!(seen > 15, "{seen}");
}

#[tokio::test]
async fn what_a_body_may_not_hold_is_refused_by_the_name_of_the_field() {
    let shop = Shop::open(&[]).await;
    let mut tried = 0;
    for (path, verb, operation) in operations() {
        let media = &operation["requestBody"]["content"]["application/json"];
        if media.is_null() {
            continue;
        }
        let shape = shape(&media["schema"]);
        for body in [json!(["x", 1]), json!("text"), json!(7)] {
            if shape.check(&body, "").is_ok() {
                continue;
            }
            let answer = shop.send(request(verb, &path, &body)).await;
            assert_eq!(
                answer.code(),
                "invalid_field",
                "{path} {body}: {}",
                answer.text
            );
        }
        for (field, schema) in shape.fields() {
            for value in forbidden(&shape, &schema) {
                let mut body = media["example"].clone();
                body[&field] = value;
                assert!(shape.check(&body, "").is_err(), "{path} {body}");
                let answer = shop.send(request(verb, &path, &body)).await;
                assert_eq!(
                    answer.status,
                    StatusCode::BAD_REQUEST,
                    "{path} {body}: {}",
                    answer.text
                );
                let param = answer.json()["error"]["param"].clone();
                let param = param.as_str().unwrap_or_default();
                assert!(param.starts_with(&field), "{path} {field}: {}", answer.text);
                assert!(!answer.text.contains("expected struct"), "{}", answer.text);
                tried += 1;
            }
        }
    }
    assert!(tried > 200, "{tried}");
}

/// The other parameters that a query has to have, as in `&filter=a%20%3D%20b`.
fn required_beside(parameters: &[Value], name: &str) -> String {
    let required = |one: &&Value| one["in"] == "query" && one["required"] == true;
    let others = parameters.iter().filter(required);
    others
        .filter(|one| one["name"] != name)
        .map(
            |one| match (one["name"].as_str().unwrap(), &one["schema"]) {
                (name, schema) if schema["format"] == "filter" => format!("&{name}=a%20%3D%20b"),
                (name, _) => format!("&{name}=x"),
            },
        )
        .collect()
}

#[tokio::test]
async fn what_a_query_may_not_hold_is_refused_by_the_name_of_the_parameter() {
    let shop = Shop::open(&[]).await;
    let mut tried = 0;
    for (path, verb, operation) in operations() {
        let parameters = operation["parameters"].as_array().unwrap();
        for parameter in parameters.iter().filter(|one| one["in"] == "query") {
            let schema = &parameter["schema"];
            let name = parameter["name"].as_str().unwrap();
            let others = required_beside(parameters, name);
            let mut wrong: Vec<String> = Vec::new();
            match schema["type"].as_str() {
                Some("integer" | "number") => {
                    wrong.push("ten".to_owned());
                    wrong.extend(schema["minimum"].as_i64().map(|it| (it - 1).to_string()));
                    wrong.extend(schema["maximum"].as_i64().map(|it| (it + 1).to_string()));
                }
                Some("boolean") => wrong.push("perhaps".to_owned()),
                _ if schema.get("enum").is_some() => wrong.push("none".to_owned()),
                _ => {
                    let most = schema["maxLength"].as_u64();
                    wrong.extend(most.map(|most| "x".repeat(most as usize + 1)));
                }
            }
            for text in wrong {
                let uri = format!("{path}?{name}={text}{others}");
                let answer = shop.send(request(verb, &uri, &json!({}))).await;
                assert_eq!(
                    answer.status,
                    StatusCode::BAD_REQUEST,
                    "{uri}: {}",
                    answer.text
                );
                assert_eq!(answer.json()["error"]["param"], name, "{uri}");
                tried += 1;
            }
        }
    }
    assert!(tried > 20, "{tried}");
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let shop = Shop::open(&[]).await;
    for (path, allowed) in [("/v1/suggest", "GET,HEAD"), ("/v1/rules/x", "DELETE")] {
        let request = Request::patch(path).body(Body::empty()).unwrap();
        let answer = shop.send(request).await;
        assert_eq!(answer.code(), "method_not_allowed");
        assert_eq!(answer.headers[header::ALLOW], allowed, "{path}");
    }
}
