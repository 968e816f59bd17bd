use axum::http::{StatusCode, header};
use serde_json::{Value, json};

use super::{Shop, post};

/// The events of a stream: their names and their data.
fn events(text: &str) -> Vec<(String, Value)> {
    text.split("\n\n")
        .filter_map(|block| {
            let field = |name: &str| {
                block
                    .lines()
                    .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            };
            let data = serde_json::from_str(field("data")?).unwrap();
            Some((field("event")?.to_owned(), data))
        })
        .collect()
}

#[tokio::test]
async fn a_stream_of_tokens_and_citations_ends_with_done() {
    let shop = Shop::open(&[]).await;
    let question =
        json!({"message": "Within how many days can I return a product?", "session": "s"});
    let answer = shop.send(post("/v1/chat", &question, &[])).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert!(
        answer.headers[header::CONTENT_TYPE]
            .to_str()
            .unwrap()
            .starts_with("text/event-stream")
    );
    let events = events(&answer.text);
    let (last, done) = events.last().unwrap();
    assert_eq!(last, "done");
    assert_eq!(events.iter().filter(|(name, _)| name == "done").count(), 1);
    let said: String = events
        .iter()
        .filter(|(name, _)| name == "token")
        .map(|(_, data)| data["text"].as_str().unwrap())
        .collect();
    assert_eq!(said.trim(), done["text"].as_str().unwrap().trim());
    let known = ["token", "citation", "action", "handoff", "done"];
    assert!(
        events
            .iter()
            .all(|(name, _)| known.contains(&name.as_str()))
    );
    // What was said is written down, and the decision explains it.
    let conversation = done["conversation"].as_str().unwrap();
    let turns = shop
        .get(&format!("/v1/conversations/{conversation}"))
        .await
        .json();
    assert_eq!(turns["messages"].as_array().unwrap().len(), 2);
    let decision = done["decision_id"].as_str().unwrap();
    assert_eq!(turns["messages"][1]["decision_id"], decision);
    let why = shop.get(&format!("/v1/decisions/{decision}")).await.json();
    assert_eq!(why["explanation"]["answer"], done["text"]);
}

#[tokio::test]
async fn whoever_wants_json_gets_it_whole_and_the_conversation_goes_on() {
    let shop = Shop::open(&[]).await;
    let json_only = [("accept", "application/json")];
    let question = json!({"message": "Can I return a product?", "customer": "c1"});
    let first = shop
        .send(post("/v1/chat", &question, &json_only))
        .await
        .json();
    let conversation = first["conversation"].clone();
    let more =
        json!({"message": "And the refund?", "customer": "c1", "conversation": conversation});
    let second = shop.send(post("/v1/chat", &more, &json_only)).await.json();
    assert_eq!(second["conversation"], conversation);
    let id = shop::Id::new(conversation.as_str().unwrap()).unwrap();
    assert_eq!(
        shop.app
            .snapshot()
            .conversations
            .get(&id)
            .unwrap()
            .messages
            .len(),
        4
    );
    // Another customer, or nobody, is told that there is no such conversation.
    for other in [
        json!({"message": "x", "customer": "c2", "conversation": conversation}),
        json!({"message": "x", "conversation": conversation}),
    ] {
        let refused = shop.send(post("/v1/chat", &other, &json_only)).await;
        assert_eq!(refused.code(), "unknown_conversation");
    }
}

#[tokio::test]
async fn an_error_before_the_first_word_is_a_plain_error() {
    let shop = Shop::open(&[]).await;
    let question = json!({"message": "x", "conversation": ""});
    let answer = shop.send(post("/v1/chat", &question, &[])).await;
    assert!(answer.status.is_client_error(), "{}", answer.text);
    assert!(answer.json()["error"]["code"].is_string());
}

#[tokio::test]
async fn empty_and_endless_messages_get_an_answer() {
    let shop = Shop::open(&[]).await;
    let json_only = [("accept", "application/json")];
    for message in [String::new(), " \n".to_owned(), "退".repeat(100_000)] {
        let question = json!({ "message": message });
        let answer = shop.send(post("/v1/chat", &question, &json_only)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        assert!(!answer.json()["text"].as_str().unwrap().is_empty());
        let conversation = answer.json()["conversation"].as_str().unwrap().to_owned();
        let kept = shop
            .get(&format!("/v1/conversations/{conversation}"))
            .await
            .json();
        let said = kept["messages"][0]["text"].as_str().unwrap().to_owned();
        assert!(said.chars().count() <= 4_000, "{}", said.len());
    }
}
