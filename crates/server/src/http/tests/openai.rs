//! Bare models by OpenAI's protocol: who may ask, and what they hear.

use std::path::Path;

use axum::http::{StatusCode, header};
use models::published::{Publication, SpecialTokens, write_hugging_face};
use models::{Tokenizer, Transformer, TransformerConfig};
use serde_json::{Value, json};

use super::Shop;
use super::assistant::with_key;
use crate::bases;
use crate::config::Scope;

const PATH: &str = "/v1/chat/completions";

/// A small model that has learnt nothing, as its publisher would have it.
fn published(folder: &Path) {
    let special = ["<|im_start|>", "<|im_end|>"];
    let texts = (0..9).flat_map(|_| ["the lamp is blue", "{\"colour\": \"red\"}"]);
    let tokenizer = Tokenizer::train(texts, 290, &special).unwrap();
    let config = TransformerConfig::new(1, 32, 2, 512, tokenizer.vocabulary_size());
    let network = Transformer::new(config, 5).unwrap();
    let publication = Publication {
        name: "small",
        config: network.config(),
        tokenizer: Some(&tokenizer),
        special: &SpecialTokens {
            end: vec![1],
            ..SpecialTokens::default()
        },
        chat_template: None,
    };
    write_hugging_face(folder, &publication, network.tensors()).unwrap();
}

async fn with_model() -> Shop {
    let shop = Shop::open(&[(Scope::Public, "p"), (Scope::Write, "w")]).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("small");
    published(&path);
    bases::import(shop.app.store.folder(), &path, None).unwrap();
    shop
}

fn ask(model: &str, more: Value) -> Value {
    let mut body = json!({"model": model, "messages": [{"role": "user", "content": "hello"}]});
    for (field, value) in more.as_object().unwrap() {
        body[field] = value.clone();
    }
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_model_needs_a_key_that_writes_and_the_assistant_does_not() {
    let shop = with_model().await;
    let some = json!({"max_tokens": 4});
    let public = with_key(&shop, "p", PATH, ask("small", some.clone())).await;
    assert_eq!(public.code(), "scope_insufficient");
    let answer = with_key(&shop, "w", PATH, ask("small", some)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let assistant = with_key(&shop, "p", PATH, ask("assistant", json!({}))).await;
    assert_eq!(assistant.status, StatusCode::OK, "{}", assistant.text);
    let input = json!({"model": "small", "input": "hello"});
    let vectors = with_key(&shop, "p", "/v1/embeddings", input.clone()).await;
    assert_eq!(vectors.code(), "scope_insufficient");
    let vectors = with_key(&shop, "w", "/v1/embeddings", input).await;
    assert_eq!(vectors.code(), "model_not_found");
    let unknown = with_key(&shop, "p", PATH, ask("other", json!({}))).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    assert_eq!(unknown.json()["error"]["param"], "model");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_model_cannot_do_is_refused_before_anything_is_said() {
    let shop = with_model().await;
    let long = json!({"messages": [{"role": "user", "content": "lamp ".repeat(600)}]});
    let words =
        json!({"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "no such"}}});
    let function = |name: &str, kind: &str| json!({"type": "function", "function": {"name": name, "parameters": {"type": kind}}});
    let tools = json!([function("good", "object"), function("bad", "no such")]);
    for stream in [false, true] {
        for (more, param) in [
            (json!({"n": 2}), "n"),
            (long.clone(), "messages"),
            (json!({"response_format": words}), "response_format"),
            (json!({"tools": tools, "tool_choice": "required"}), "tools"),
        ] {
            let mut body = ask("small", more);
            body["stream"] = json!(stream);
            let answer = with_key(&shop, "w", PATH, body).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
            assert_eq!(answer.json()["error"]["param"], param, "{}", answer.text);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_says_when_to_come_again() {
    let shop = with_model().await;
    let (release, gate) = tokio::sync::watch::channel(());
    // More than are let in: the last of them hear that it is full.
    let working: Vec<_> = (0..100)
        .map(|_| {
            let (app, mut gate) = (shop.app.clone(), gate.clone());
            let wait = move || tokio::runtime::Handle::current().block_on(gate.changed());
            tokio::spawn(async move { app.bare_models.completions.run(wait).await.is_err() })
        })
        .collect();
    while !working.iter().any(|work| work.is_finished()) {
        tokio::task::yield_now().await;
    }
    let refused = with_key(&shop, "w", PATH, ask("small", json!({}))).await;
    assert_eq!(refused.code(), "overloaded");
    assert!(refused.headers.contains_key(header::RETRY_AFTER));
    release.send(()).unwrap();
    for work in working {
        work.await.unwrap();
    }
    let answer = with_key(&shop, "w", PATH, ask("small", json!({"max_tokens": 1}))).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
}
