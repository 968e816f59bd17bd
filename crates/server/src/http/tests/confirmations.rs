//! Confirmations, notes and the conversations that they belong to.

use axum::http::StatusCode;
use serde_json::{Value, json};
use shop::{Id, Kind, Record, Service};
use store::{Entry, NewEntry};

use super::assistant::{as_customer, cancel, status_of, token_of, with_key, with_orders};
use super::{Answer, Shop, post};
use crate::app::{decision_record, fresh_id, now};
use crate::http::conversations::update;

async fn say(shop: &Shop, body: Value) -> Answer {
    let headers = [
        ("authorization", "Bearer p"),
        ("accept", "application/json"),
    ];
    shop.send(post("/v1/chat", &body, &headers)).await
}

fn of(kind: Kind, row: Value) -> NewEntry {
    let Value::Object(fields) = row else {
        unreachable!()
    };
    Record::from_json(kind, fields, now()).unwrap().into()
}

async fn audit(shop: &Shop, query: &str) -> Value {
    let request = axum::http::Request::get(format!("/v1/audit{query}"))
        .header("authorization", "Bearer a")
        .body(axum::body::Body::empty());
    shop.send(request.unwrap()).await.json()
}

#[tokio::test]
async fn traffic_pushes_out_no_audit_line_and_no_confirmation() {
    let shop = with_orders().await;
    let (ada, bo) = (token_of(&shop, "c1").await, token_of(&shop, "c2").await);
    let offered = as_customer(&shop, &ada, "/v1/chat/actions", cancel("W1001")).await;
    let waits = json!({"token": offered.json()["proposal"]["token"]});
    as_customer(&shop, &bo, "/v1/chat/actions", cancel("W1001")).await;
    // More decisions than a snapshot keeps.
    for _ in 0..51 {
        let decisions = (0..1_000).map(|_| NewEntry {
            id: None,
            entry: Entry::Decision(decision_record(fresh_id(), now(), Service::Search)),
        });
        shop.app.store.append(decisions.collect()).await.unwrap();
    }
    let lines = audit(&shop, "").await;
    assert_eq!(
        lines["audit"][0]["outcome"]["refused"], "not_yours",
        "{lines}"
    );
    let shop = shop.restarted().await;
    let ada = token_of(&shop, "c1").await;
    let done = as_customer(&shop, &ada, "/v1/chat/confirm", waits).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);
    assert_eq!(status_of(&shop, "W1001"), "cancelled");
    let first = audit(&shop, "?limit=1").await;
    assert_eq!(first["audit"][0]["id"], done.json()["audit_id"], "{first}");
    let cursor = &first["next"];
    let second = audit(&shop, &format!("?limit=1&cursor={cursor}")).await;
    assert_eq!(second["audit"][0]["customer"], "c2", "{second}");
    let own = audit(&shop, "?customer=c1").await;
    assert_eq!(own["audit"].as_array().unwrap().len(), 1, "{own}");
    assert_eq!(audit(&shop, "?cursor=x").await["error"]["param"], "cursor");
}

#[tokio::test]
async fn what_changed_since_it_was_proposed_is_refused_with_a_sentence() {
    let shop = with_orders().await;
    let ada = token_of(&shop, "c1").await;
    let offered = as_customer(&shop, &ada, "/v1/chat/actions", cancel("W1001")).await;
    let waits = json!({"token": offered.json()["proposal"]["token"]});
    let order = json!({
        "id": "W1001", "customer_id": "c1", "time": "2024-05-01T00:00:00Z",
        "status": "pending", "total": {"amount": 900, "currency": "USD"},
        "lines": [{"product_id": "p3", "quantity": 1, "price": {"amount": 900, "currency": "USD"}}],
    });
    let changed = vec![of(Kind::Orders, order)];
    shop.app.store.append(changed).await.unwrap();
    let refused = as_customer(&shop, &ada, "/v1/chat/confirm", waits).await;
    assert_eq!(refused.code(), "not_confirmed", "{}", refused.text);
    assert!(refused.text.contains("changed since"), "{}", refused.text);
    let snapshot = shop.app.snapshot();
    let kept = snapshot.orders.get(&Id::new("W1001").unwrap()).unwrap();
    assert_eq!(kept.lines[0].product_id.as_str(), "p3");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_comes_between_reading_and_writing_is_not_lost() {
    let shop = with_orders().await;
    let id = Id::new("talk").unwrap();
    let talk = |notes: &[&str]| {
        let row = json!({
            "id": "talk", "messages": [{"role": "customer", "text": "Hello"}], "notes": notes,
        });
        of(Kind::Conversations, row)
    };
    shop.app.store.append(vec![talk(&[])]).await.unwrap();
    let mut calls = 0;
    let app = shop.app.clone();
    update(&shop.app, &id, |before| {
        calls += 1;
        if calls == 1 {
            let other = app.store.append(vec![talk(&["another's"])]);
            let handle = tokio::runtime::Handle::current();
            tokio::task::block_in_place(|| handle.block_on(other)).unwrap();
        }
        let mut conversation = before.unwrap().clone();
        let notes = conversation.properties["notes"].as_array_mut().unwrap();
        notes.push(json!("mine"));
        Ok((vec![Record::Conversation(conversation).into()], ()))
    })
    .await
    .unwrap();
    let snapshot = shop.app.snapshot();
    let notes = &snapshot.conversations.get(&id).unwrap().properties["notes"];
    assert_eq!((calls, notes), (2, &json!(["another's", "mine"])));
}

#[tokio::test]
async fn confirming_and_noting_at_once_keeps_both() {
    let shop = with_orders().await;
    let ada = token_of(&shop, "c1").await;
    let wish = json!({
        "message": "Please cancel my order W1001, I no longer need it.", "conversation": "talk",
    });
    let headers = [
        ("x-customer-token", ada.as_str()),
        ("accept", "application/json"),
    ];
    let offered = shop.send(post("/v1/chat", &wish, &headers)).await.json();
    let yes = json!({"token": offered["proposals"][0]["token"]});
    let note = |number: usize| {
        let body = json!({"text": format!("note {number}"), "by": "eve"});
        with_key(&shop, "w", "/v1/conversations/talk/notes", body)
    };
    let confirm = as_customer(&shop, &ada, "/v1/chat/confirm", yes);
    let (done, ..) = tokio::join!(confirm, note(1), note(2), note(3));
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);
    let snapshot = shop.app.snapshot();
    let talk = &snapshot
        .conversations
        .get(&Id::new("talk").unwrap())
        .unwrap();
    assert_eq!(talk.properties["notes"].as_array().unwrap().len(), 3);
    assert_eq!(talk.messages.len(), 3, "what was done is noted");
    assert_eq!(done.json()["decision_id"], offered["decision_id"]);
}

#[tokio::test]
async fn a_guests_conversation_belongs_to_its_session() {
    let shop = with_orders().await;
    let begun = say(
        &shop,
        json!({"message": "My name is Ada.", "conversation": "talk", "session": "secret"}),
    );
    assert_eq!(begun.await.status, StatusCode::OK);
    for session in [json!("other"), Value::Null] {
        let body =
            json!({"message": "What did I say?", "conversation": "talk", "session": session});
        let refused = say(&shop, body).await;
        assert_eq!(refused.code(), "unknown_conversation", "{session}");
        for (verb, body) in [
            ("handoff", json!({"session": session})),
            ("feedback", json!({"session": session, "rating": 1})),
        ] {
            let path = format!("/v1/conversations/talk/{verb}");
            let refused = with_key(&shop, "p", &path, body).await;
            assert_eq!(refused.code(), "unknown_conversation", "{verb} {session}");
        }
    }
    let body = json!({"message": "And returns?", "conversation": "talk", "session": "secret"});
    assert_eq!(say(&shop, body).await.status, StatusCode::OK);
    // Who reads the record learns no secret from it.
    let snapshot = shop.app.snapshot();
    let talk = snapshot
        .conversations
        .get(&Id::new("talk").unwrap())
        .unwrap();
    assert!(!json!(talk.properties).to_string().contains("\"secret\""));
    // Without a session the id is the secret, and of our making.
    let begun = say(&shop, json!({"message": "Hello", "conversation": "1"}))
        .await
        .json();
    assert_ne!(begun["conversation"], "1");
    let body = json!({"message": "Hello again", "conversation": begun["conversation"]});
    assert_eq!(
        say(&shop, body).await.json()["conversation"],
        begun["conversation"]
    );
    // An imported one of nobody is the staff's.
    let row = json!({"id": "77", "messages": [{"role": "customer", "text": "Hello"}]});
    let imported = of(Kind::Conversations, row);
    shop.app.store.append(vec![imported]).await.unwrap();
    let refused = say(&shop, json!({"message": "Hello", "conversation": "77"})).await;
    assert_eq!(refused.code(), "unknown_conversation");
}

#[tokio::test]
async fn more_messages_of_one_conversation_than_its_queue_holds_are_refused() {
    let shop = with_orders().await;
    let body = json!({"message": "Hello", "conversation": "talk", "session": "s"});
    let id = Id::new("talk").unwrap();
    let held = shop.app.conversations.turn(&id).await.unwrap();
    let say = || say(&shop, body.clone());
    let all = async { tokio::join!(say(), say(), say(), say()) };
    tokio::pin!(all);
    // The one that found the queue full is answered while the others wait.
    let early = tokio::time::timeout(std::time::Duration::from_millis(300), &mut all).await;
    assert!(early.is_err());
    drop(held);
    let (one, two, three, four) = all.await;
    let statuses = [one.status, two.status, three.status, four.status];
    let refused = statuses
        .iter()
        .filter(|one| **one == StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.count(), 1, "{statuses:?}");
    let snapshot = shop.app.snapshot();
    assert_eq!(snapshot.conversations.get(&id).unwrap().messages.len(), 6);
}

/// A request in OpenAI's protocol, whole or streamed.
async fn complete(shop: &Shop, token: &str, text: &str, stream: bool) -> Answer {
    let messages = json!([{"role": "user", "content": text}]);
    let body = json!({"model": "shopkeeper-support", "stream": stream, "messages": messages});
    as_customer(shop, token, "/v1/chat/completions", body).await
}

#[tokio::test]
async fn a_completion_drops_neither_a_proposal_nor_a_hand_over() {
    let shop = with_orders().await;
    let ada = token_of(&shop, "c1").await;
    let wish = "Please cancel my order W1001, I no longer need it.";
    let answer = complete(&shop, &ada, wish, false).await.json();
    let text = answer["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(
        text.contains("/v1/chat/confirm") && text.contains("order:W1001"),
        "{text}"
    );
    let token = answer["shopkeeper"]["proposals"][0]["token"].clone();
    assert!(!text.contains(token.as_str().unwrap()), "{text}");
    let streamed = complete(&shop, &ada, wish, true).await.text;
    let mut last = streamed
        .lines()
        .filter_map(|line| line.strip_prefix("data: {"));
    let last: Value = serde_json::from_str(&format!("{{{}", last.next_back().unwrap())).unwrap();
    assert!(
        last["shopkeeper"]["proposals"][0]["token"].is_string(),
        "{last}"
    );
    assert!(streamed.contains("/v1/chat/confirm"), "{streamed}");
    let done = as_customer(&shop, &ada, "/v1/chat/confirm", json!({"token": token})).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);
    assert_eq!(status_of(&shop, "W1001"), "cancelled");
    let person = complete(&shop, &ada, "I want to talk to a human", false)
        .await
        .json();
    let id = person["shopkeeper"]["handoff"]["conversation"]
        .as_str()
        .unwrap();
    let request = axum::http::Request::get("/v1/inbox")
        .header("authorization", "Bearer w")
        .body(axum::body::Body::empty());
    let queue = shop.send(request.unwrap()).await.json();
    assert_eq!(queue["conversations"][0]["id"], id, "{queue}");
    assert_eq!(queue["conversations"][0]["customer"], "c1");
}
