//! Rules and synonyms from outside.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::json;

use super::{Shop, post};
use crate::config::Scope;

#[tokio::test]
async fn a_rule_is_kept_previewed_applied_and_removed() {
    let shop = Shop::open(&[]).await;
    let rule = json!({
        "id": "kettles",
        "when": {"query": "kettle"},
        "then": {"pin": [{"product_id": "p2", "position": 1}], "banner": "Tea time", "redirect": "/?q=tea"},
    });
    let request = json!({"q": "kettle"});
    let preview = json!({"rule": rule, "request": request});
    let preview = shop.post("/v1/rules/preview", preview).await.json();
    assert_eq!(preview["before"]["hits"][0]["id"], "p1");
    assert_eq!(preview["after"]["hits"][0]["id"], "p2");
    assert_eq!(preview["after"]["banners"], json!(["Tea time"]));
    // Trying a rule keeps nothing.
    assert_eq!(shop.get("/v1/rules").await.json()["rules"], json!([]));
    let found = shop.get("/v1/search?q=kettle").await.json();
    assert_eq!(found["hits"][0]["id"], "p1");

    let kept = shop.post("/v1/rules", rule.clone()).await;
    assert_eq!(kept.status, StatusCode::OK, "{}", kept.text);
    let found = shop.get("/v1/search?q=kettle").await.json();
    assert_eq!(found["hits"][0]["id"], "p2");
    assert_eq!(found["redirect"], "/?q=tea");
    assert_eq!(found["rules"], json!(["kettles"]));
    let without = shop.get("/v1/search?q=kettle&rules=false").await.json();
    assert_eq!(without["hits"][0]["id"], "p1");
    let page = shop.get("/?q=kettle").await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
    let page = shop.get("/console/rules?q=kettle").await;
    assert!(page.text.contains("Tea time") && page.text.contains("/v1/rules/kettles"));

    // It is in the log like everything else.
    let again = store::Snapshot::default().apply(&shop.app.store.read(0, 1_000).await.unwrap());
    assert_eq!(again.rules, shop.app.snapshot().rules);

    let remove = || {
        Request::delete("/v1/rules/kettles")
            .body(Body::empty())
            .unwrap()
    };
    assert_eq!(shop.send(remove()).await.status, StatusCode::OK);
    assert_eq!(shop.send(remove()).await.status, StatusCode::NOT_FOUND);
    let found = shop.get("/v1/search?q=kettle").await.json();
    assert_eq!(found["hits"][0]["id"], "p1");
    assert_eq!(found.get("banners"), None);
}

#[tokio::test]
async fn what_is_no_rule_is_refused_with_its_field() {
    let shop = Shop::open(&[]).await;
    for (body, param) in [
        (json!({"then": {}}), json!("then")),
        (
            json!({"then": {"redirect": "javascript:1"}}),
            json!("then.redirect"),
        ),
        (json!({"then": {"filter": "price <"}}), json!("then.filter")),
        (json!({"then": {"hide": ["p1"]}, "wen": {}}), json!("wen")),
        (json!([]), json!(null)),
    ] {
        let answer = shop.post("/v1/rules", body.clone()).await;
        assert_eq!(
            answer.status,
            StatusCode::BAD_REQUEST,
            "{body}: {}",
            answer.text
        );
        assert_eq!(answer.json()["error"]["param"], param, "{}", answer.text);
    }
    for (then, param) in [
        (json!({"filter": "colur = red"}), "filter"),
        (
            json!({"boost": [{"filter": "brnd = Acme", "by": 1.0}]}),
            "filter",
        ),
        (json!({"hide": ["p1", "p9"]}), "then.hide[1]"),
        (
            json!({"pin": [{"product_id": "p9", "position": 1}]}),
            "then.pin[0].product_id",
        ),
    ] {
        let answer = shop.post("/v1/rules", json!({"then": then})).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", answer.text);
        assert_eq!(answer.json()["error"]["param"], param, "{}", answer.text);
    }
    let answer = shop.post("/v1/synonyms", json!({"words": ["alone"]})).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn synonyms_are_understood_and_gaps_are_listed() {
    let shop = Shop::open(&[]).await;
    for _ in 0..3 {
        let found = shop.get("/v1/search?q=teapot").await.json();
        assert_eq!(found["total"], 0);
    }
    shop.app.flush().await;
    let gaps = shop.get("/v1/search/gaps").await.json();
    assert_eq!(gaps["gaps"][0]["query"], "teapot");
    assert_eq!(gaps["gaps"][0]["nothing_found"], true);
    let page = shop.get("/console/rules").await;
    assert!(page.text.contains("teapot"));
    let synonyms = json!({"id": "s", "from": "teapot", "words": ["kettle"]});
    shop.post("/v1/synonyms", synonyms).await;
    assert_eq!(shop.get("/v1/search?q=teapot").await.json()["total"], 2);
    assert_eq!(shop.get("/v1/search/gaps").await.json()["gaps"], json!([]));
    let remove = Request::delete("/v1/synonyms/s")
        .body(Body::empty())
        .unwrap();
    assert_eq!(shop.send(remove).await.status, StatusCode::OK);
    assert_eq!(shop.get("/v1/search?q=teapot").await.json()["total"], 0);
}

#[tokio::test]
async fn only_the_shops_people_make_rules_and_look_past_them() {
    let shop = Shop::open(&[
        (Scope::Public, "pub"),
        (Scope::Write, "wri"),
        (Scope::Admin, "adm"),
    ])
    .await;
    let rule = json!({"then": {"hide": ["p1"]}});
    for (key, put, look) in [
        ("pub", StatusCode::FORBIDDEN, StatusCode::FORBIDDEN),
        ("wri", StatusCode::FORBIDDEN, StatusCode::OK),
        ("adm", StatusCode::OK, StatusCode::OK),
    ] {
        let bearer = format!("Bearer {key}");
        let headers = [("authorization", bearer.as_str())];
        let answer = shop.send(post("/v1/rules", &rule, &headers)).await;
        assert_eq!(answer.status, put, "{key}: {}", answer.text);
        let search = json!({"q": "kettle", "rules": false});
        let answer = shop.send(post("/v1/search", &search, &headers)).await;
        assert_eq!(answer.status, look, "{key}: {}", answer.text);
    }
}
