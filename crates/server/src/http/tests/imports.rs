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

/// A table whose columns no program uses.
const PRICES: &str = "Nr;Bez;VK\n7;Kanne;12,90\n8;Tasse;3,50\n";

#[tokio::test]
async fn an_upload_is_looked_at_corrected_stored_and_known_the_next_time() {
    let shop = Shop::open(&[]).await;
    let uploads = shop.app.store.folder().join("work").join("uploads");
    let send = async |path: String, body: &str| -> Value {
        let answer = shop.send(upload(&path, body)).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
        ended(&shop, &answer.json()).await
    };
    let looked = send(
        "/v1/import/auto?dry_run=true&keep=true&name=p.csv".into(),
        PRICES,
    )
    .await;
    assert_eq!(looked["result"]["needs"], json!(["kind"]), "{looked}");
    assert_eq!(
        looked["result"]["columns"][1],
        json!({"name": "Bez", "examples": ["Kanne", "Tasse"]})
    );
    assert_eq!(std::fs::read_dir(&uploads).unwrap().count(), 1);
    let kept = looked["id"].as_str().unwrap();
    // What is wrongly said is told, and the upload is still there.
    let wrong =
        format!("/v1/import/products?dry_run=true&keep=true&upload={kept}&map=title%3DName");
    let wrong = send(wrong, "").await;
    assert_eq!(wrong["status"], "failed", "{wrong}");
    let kept = wrong["id"].as_str().unwrap();
    let said = "map=id%3DNr&map=title%3DBez&map=price%3DVK";
    let path = format!("/v1/import/products?keep=true&upload={kept}&{said}");
    let asks = send(path, "").await;
    assert!(
        asks["error"].as_str().unwrap().contains("currency"),
        "{asks}"
    );
    let kept = asks["id"].as_str().unwrap();
    let path =
        format!("/v1/import/products?keep=true&upload={kept}&{said}&currency=EUR&save=supplier");
    let stored = send(path.clone(), "").await;
    assert_eq!(stored["result"]["accepted"], 2, "{stored}");
    assert_eq!(std::fs::read_dir(&uploads).unwrap().count(), 0);
    let gone = shop.send(upload(&path, "")).await;
    assert_eq!(
        (gone.status, gone.json()["error"]["param"].clone()),
        (StatusCode::NOT_FOUND, json!("upload"))
    );

    let next = send("/v1/import/auto".into(), "VK;Bez;Nr\n5,00;Dose;9\n").await;
    assert_eq!(next["result"]["saved"], "supplier", "{next}");
    let price = shop.get("/v1/products/9").await.json()["price"].clone();
    assert_eq!(price, json!({"amount": 500, "currency": "EUR"}));

    let listed = shop.get("/v1/mappings").await.json();
    assert_eq!(listed["mappings"][0]["name"], "supplier", "{listed}");
    let request = || {
        Request::delete("/v1/mappings/supplier")
            .body(Body::empty())
            .unwrap()
    };
    assert_eq!(shop.send(request()).await.json()["deleted"], true);
    assert_eq!(shop.send(request()).await.code(), "unknown_record");
    let unknown = send("/v1/import/auto".into(), PRICES).await;
    assert_eq!(unknown["status"], "failed", "{unknown}");
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
