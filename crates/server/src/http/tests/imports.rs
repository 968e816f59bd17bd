use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use shop::Id;

use super::super::imports;
use super::Shop;

async fn ended(shop: &Shop, task: &Value) -> Value {
    let path = format!("/v1/tasks/{}", task["id"].as_str().unwrap());
    loop {
        let now = shop.get(&path).await.json();
        if now["status"] != "running" {
            return now;
        }
        tokio::task::yield_now().await;
    }
}

fn upload(path: &str, body: &str) -> Request<Body> {
    Request::post(path)
        .body(Body::from(body.to_owned()))
        .unwrap()
}

#[tokio::test]
async fn an_upload_is_imported_and_its_bad_rows_are_listed() {
    let shop = Shop::open(&[]).await;
    let rows = "{\"id\": \"n1\", \"title\": \"Lamp\"}\n{\"id\": \"n2\"}\n";
    let answer = shop.send(upload("/v1/import/products", rows)).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    let task = ended(&shop, &answer.json()).await;
    assert_eq!(task["status"], "succeeded", "{task}");
    let result = &task["result"];
    assert_eq!(
        (&result["accepted"], &result["rejected"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(result["first_rejected"][0]["field"], "title");
    // The same file again changes nothing.
    let again = shop.send(upload("/v1/import/auto", rows)).await;
    let task = ended(&shop, &again.json()).await;
    assert_eq!(task["result"]["accepted"], 0, "{task}");
    // Uploads are not kept.
    let uploads = shop.app.store.folder().join("work").join("uploads");
    assert_eq!(std::fs::read_dir(uploads).unwrap().count(), 0);
}

#[tokio::test]
async fn an_upload_that_was_cut_off_is_taken_up_again() {
    let shop = Shop::open(&[]).await;
    let folder = shop.app.store.folder().join("work").join("uploads");
    std::fs::create_dir_all(&folder).unwrap();
    let ids: Vec<Id> = (0..4).map(|_| crate::app::fresh_id()).collect();
    let row = |id: &str, title: &str| format!("{{\"id\": \"{id}\", \"title\": \"{title}\"}}\n");
    let write = |name: String, rows: String| std::fs::write(folder.join(name), rows).unwrap();
    write(format!("{}.products", ids[0]), row("whole", "Lamp"));
    write(
        format!("{}~1.products", ids[1]),
        row("whole", "Brighter lamp"),
    );
    write(format!("{}~5.products", ids[2]), row("whole", "Fatal lamp"));
    write(format!("{}.part", ids[3]), row("half", "Lamp"));
    imports::resume(&shop.app);
    for (id, status) in [(0, "succeeded"), (1, "succeeded"), (2, "failed")] {
        let task = ended(&shop, &json!({"id": ids[id]})).await;
        assert_eq!(task["status"], status, "{task}");
    }
    let snapshot = shop.app.store.snapshot();
    let has = |id: &str| snapshot.catalogue.by_id(&Id::new(id).unwrap()).is_some();
    assert!(has("whole") && !has("half"));
    let whole = snapshot.catalogue.by_id(&Id::new("whole").unwrap());
    assert_eq!(whole.unwrap().title, "Brighter lamp");
    // What took the server down five times is left to be looked at.
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1);
}

#[tokio::test]
async fn an_empty_upload_fails_with_a_sentence() {
    let shop = Shop::open(&[]).await;
    let answer = shop.send(upload("/v1/import/products", "")).await;
    let task = ended(&shop, &answer.json()).await;
    assert_eq!(task["status"], "failed");
    assert!(
        task["error"]
            .as_str()
            .unwrap()
            .contains("the upload is empty"),
        "{task}"
    );
}

#[tokio::test]
async fn events_of_other_programs() {
    let shop = Shop::open(&[]).await;
    let ga4 = json!({
        "client_id": "visitor.1",
        "events": [{"name": "view_item", "params": {"items": [{"item_id": "p1"}]}}],
    });
    let answer = shop.post("/v1/collect/ga4", ga4).await;
    assert_eq!(answer.json()["accepted"], 1, "{}", answer.text);
    let segment = json!({
        "type": "track",
        "event": "Product Viewed",
        "anonymousId": "visitor-2",
        "messageId": "m1",
        "timestamp": "2026-01-01T00:00:00Z",
        "properties": {"product_id": "p2"},
    });
    let answer = shop.post("/v1/collect/segment", segment).await;
    assert_eq!(answer.json()["accepted"], 1, "{}", answer.text);
}

#[tokio::test]
async fn what_was_hidden_or_bought_does_not_come_back() {
    let shop = Shop::open(&[]).await;
    let wanted = json!({"scenario": "for_you", "customer": "c1", "limit": 10});
    let ids = |body: &Value| -> Vec<String> {
        let items = body["items"].as_array().unwrap();
        items
            .iter()
            .map(|item| item["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let before = shop.post("/v1/recommendations", wanted.clone()).await;
    assert!(
        ids(&before.json()).contains(&"p1".to_owned()),
        "{}",
        before.text
    );
    shop.post(
        "/v1/events",
        json!([
            {"type": "hide", "product_id": "p1", "customer_id": "c1"},
            {"type": "purchase", "product_id": "p2", "customer_id": "c1"},
        ]),
    )
    .await;
    let after = ids(&shop.post("/v1/recommendations", wanted).await.json());
    assert!(
        !after.contains(&"p1".to_owned()) && !after.contains(&"p2".to_owned()),
        "{after:?}"
    );
    let unknown = json!({"scenario": "similar", "product": "none"});
    assert_eq!(
        shop.post("/v1/recommendations", unknown).await.code(),
        "unknown_product"
    );
    assert_eq!(shop.get("/v1/insights").await.code(), "not_trained");
}
