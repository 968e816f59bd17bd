use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::Shop;
use super::assistant::{with_key, with_orders};

/// Somebody who listens to a conversation.
struct Listener {
    body: Body,
    rest: String,
}

/// The name, the id and the data of an event.
type Heard = (String, String, Value);

impl Listener {
    async fn begin(shop: &Shop, conversation: &str, last: Option<&str>) -> Self {
        let path = format!("/v1/conversations/{conversation}/events");
        let mut request = Request::get(path);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let request = request.body(Body::empty()).unwrap();
        let response = shop.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        Self {
            body: response.into_body(),
            rest: String::new(),
        }
    }

    /// The next event; one has to come.
    async fn next(&mut self) -> Heard {
        loop {
            if let Some((block, rest)) = self.rest.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.rest = rest;
                let field = |name: &str| {
                    let mut lines = block.lines();
                    let line = lines.find_map(|line| line.strip_prefix(name));
                    line.map(|value| value.trim().to_owned())
                        .unwrap_or_default()
                };
                if !field("event:").is_empty() {
                    let data = serde_json::from_str(&field("data:")).unwrap();
                    return (field("event:"), field("id:"), data);
                }
                continue;
            }
            let frame = tokio::time::timeout(Duration::from_secs(30), self.body.frame()).await;
            let frame = frame.expect("an event comes").unwrap().unwrap();
            let bytes = frame.into_data().unwrap();
            self.rest.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }

    async fn message(&mut self) -> (String, Value) {
        loop {
            let (name, id, data) = self.next().await;
            if name == "message" {
                return (id, data);
            }
        }
    }
}

async fn say(shop: &Shop, conversation: &str, message: &str) {
    let body = json!({"message": message, "conversation": conversation});
    shop.post("/v1/chat", body).await;
}

#[tokio::test]
async fn a_conversation_is_heard_and_goes_on_where_it_broke_off() {
    let shop = Shop::open(&[]).await;
    say(&shop, "talk", "What is the return policy?").await;
    let mut listener = Listener::begin(&shop, "talk", None).await;
    let (first, question) = listener.message().await;
    assert_eq!(question["text"], "What is the return policy?");
    let (_, answer) = listener.message().await;
    assert_eq!(answer["role"], "agent");
    assert_eq!(answer["sources"][0]["url"], "/documents/returns");
    assert_eq!(answer["sources"].as_array().unwrap().len(), 1, "{answer}");

    shop.post("/v1/conversations/talk/handoff", json!({})).await;
    let (name, _, data) = listener.next().await;
    assert_eq!(
        (name.as_str(), &data["state"]),
        ("handoff", &json!("waiting"))
    );
    shop.post("/v1/conversations/talk/take", json!({"by": "Kim"}))
        .await;
    let (name, _, data) = listener.next().await;
    assert_eq!((name.as_str(), &data["by"]), ("agent", &json!("Kim")));
    shop.post("/v1/conversations/talk/typing", json!({"by": "Kim"}))
        .await;
    assert_eq!(listener.next().await.0, "typing");
    shop.post(
        "/v1/conversations/talk/reply",
        json!({"text": "Hello", "by": "Kim"}),
    )
    .await;
    let (_, reply) = listener.message().await;
    assert_eq!(
        (&reply["text"], &reply["by"]),
        (&json!("Hello"), &json!("Kim"))
    );

    let mut again = Listener::begin(&shop, "talk", Some(&first)).await;
    let (_, heard) = again.message().await;
    assert_eq!(
        heard["text"], answer["text"],
        "what was heard does not come again"
    );
}

#[tokio::test]
async fn there_is_nothing_to_hear_of_what_is_not_there() {
    let shop = Shop::open(&[]).await;
    let answer = shop.get("/v1/conversations/nothing/events").await;
    assert_eq!(answer.status, 404);
}

#[tokio::test]
async fn a_guests_conversation_is_heard_by_who_began_it() {
    let shop = with_orders().await;
    let body = json!({"message": "Hello", "conversation": "talk", "session": "secret"});
    let begun = with_key(&shop, "p", "/v1/chat", body).await;
    assert_eq!(begun.status, 200, "{}", begun.text);
    for (key, query, status) in [
        ("p", "?session=secret", 200),
        ("p", "?session=other", 404),
        ("p", "", 404),
        ("a", "", 200),
    ] {
        let request = Request::get(format!("/v1/conversations/talk/events{query}"))
            .header("authorization", format!("Bearer {key}"))
            .body(Body::empty())
            .unwrap();
        let response = shop.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), status, "{key} {query}");
    }
}
