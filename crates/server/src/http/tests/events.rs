use axum::http::StatusCode;
use serde_json::{Value, json};
use shop::{EventKind, Id};

use super::{Shop, post};

#[tokio::test]
async fn good_rows_are_kept_where_others_are_refused() {
    let shop = Shop::open(&[]).await;
    let batch = json!({"events": [
        {"type": "view", "product_id": "p1", "session_id": "s"},
        {"type": "gaze"},
        7,
        {"type": "view", "time": "9999-01-01T00:00:00Z"},
        {"type": "click", "product_id": "p1", "session_id": "s", "id": "e1", "time": "2026-01-01T00:00:00Z"},
        {"type": "click", "product_id": "p1", "session_id": "s", "id": "e1", "time": "2026-01-01T00:00:00Z"},
    ]});
    let answer = shop.post("/v1/events", batch).await;
    assert_eq!(answer.status, StatusCode::OK);
    let body = answer.json();
    assert_eq!(
        (&body["accepted"], &body["duplicates"]),
        (&json!(2), &json!(1))
    );
    let rejected: Vec<_> = body["rejected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["index"].as_u64().unwrap(),
                row["field"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    let expected = [(1, "type"), (2, "row"), (3, "time")];
    assert_eq!(
        rejected,
        expected.map(|(index, field)| (index, field.to_owned()))
    );
    let session = Id::new("s").unwrap();
    assert_eq!(
        shop.app
            .snapshot()
            .history(None, Some(&session))
            .unwrap()
            .interactions
            .len(),
        2
    );
}

#[tokio::test]
async fn three_shapes_of_a_batch() {
    let shop = Shop::open(&[]).await;
    let row = json!({"type": "view", "product_id": "p2", "session_id": "t"});
    for (body, accepted) in [
        (row.clone(), Some(1)),
        (json!([row, row]), Some(2)),
        (json!({"events": []}), Some(0)),
        (json!({"events": 3}), None),
        (json!("view"), None),
    ] {
        let answer = shop.post("/v1/events", body.clone()).await;
        match accepted {
            // Rows without a time get the present one, which may or may not differ.
            Some(0) => assert_eq!(answer.json()["accepted"], 0),
            Some(_) => assert_eq!(answer.status, StatusCode::OK, "{body}"),
            None => assert_eq!(answer.code(), "invalid_field", "{body}"),
        }
    }
}

#[tokio::test]
async fn a_batch_sent_twice_with_one_key_is_stored_once() {
    let shop = Shop::open(&[]).await;
    let batch = json!([{"type": "view", "product_id": "p1", "session_id": "u"}]);
    let key = [("idempotency-key", "batch-1")];
    let first = shop.send(post("/v1/events", &batch, &key)).await;
    let again = shop.send(post("/v1/events", &batch, &key)).await;
    assert_eq!(first.json(), again.json());
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(shop.app.snapshot().counts.events[&EventKind::View], 1);
    let other = json!([{"type": "view", "product_id": "p2", "session_id": "u"}]);
    let reused = shop.send(post("/v1/events", &other, &key)).await;
    assert_eq!(reused.code(), "idempotency_key_reused");
    // The answers in memory are gone after a restart; the log still knows.
    let rows = batch.as_array().unwrap().clone();
    let key = Id::new("batch-1").unwrap();
    let caller = super::super::authorise::Caller::Local;
    let stored = super::super::events::store_rows(&shop.app, &caller, Some(&key), rows)
        .await
        .unwrap();
    assert_eq!(serde_json::to_value(stored).unwrap()["duplicates"], 1);
}

#[tokio::test]
async fn feedback_joins_the_decision_behind_an_answer() {
    let shop = Shop::open(&[]).await;
    let found = shop.get("/v1/search?q=kettle&session=s").await.json();
    let decision = found["decision_id"].as_str().unwrap().to_owned();
    // Sent at once: the decision may still be on its way to the log.
    let thumb = shop
        .post(
            "/v1/feedback",
            json!({"decision_id": decision, "thumb": "up", "session": "s"}),
        )
        .await;
    assert_eq!(thumb.status, StatusCode::OK, "{}", thumb.text);
    let snapshot = shop.app.snapshot();
    assert_eq!(snapshot.thumbs.get(&Id::new(&decision).unwrap()), Some(&1));
    let why = shop.get(&format!("/v1/decisions/{decision}")).await.json();
    assert_eq!(why["thumbs"], 1);
    assert_eq!(why["explanation"]["request"]["q"], "kettle");
    assert_eq!(why["shown"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_was_chosen_comes_first_in_the_next_search() {
    let shop = Shop::open(&[]).await;
    let order = |body: &Value| -> Vec<String> {
        let hits = body["hits"].as_array().unwrap();
        hits.iter()
            .map(|hit| hit["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let before = order(&shop.get("/v1/search?q=kettle").await.json());
    let last = before.last().unwrap().clone();
    let clicks: Vec<_> = (0..40)
        .map(|number| {
            json!({"type": "purchase", "product_id": last, "query": "kettle", "session_id": format!("s{number}")})
        })
        .collect();
    shop.post("/v1/events", json!(clicks)).await;
    let after = order(&shop.get("/v1/search?q=kettle").await.json());
    assert_eq!(after.first(), Some(&last));
}
