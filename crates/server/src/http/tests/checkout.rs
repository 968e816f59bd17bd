use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{Answer, Shop, post};
use crate::app::now;

async fn buy(shop: &Shop, key: &str, body: &Value) -> Answer {
    shop.send(post("/v1/checkout", body, &[("idempotency-key", key)]))
        .await
}

#[tokio::test]
async fn a_cart_becomes_an_order_at_the_catalogues_prices() {
    let shop = Shop::open(&[]).await;
    let found = shop.get("/v1/search?q=kettle").await.json();
    let cart = json!({
        "session": "visit",
        "lines": [
            {"product_id": "p1", "quantity": 2, "decision_id": found["decision_id"], "position": 1, "query": "kettle"},
            {"product_id": "p3", "quantity": 1},
        ],
    });
    let answer = buy(&shop, "k1", &cart).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let order = answer.json()["order"].clone();
    assert_eq!(order["total"], json!({"amount": 5_900, "currency": "USD"}));
    assert_eq!(order["lines"][0]["decision_id"], found["decision_id"]);

    let snapshot = shop.app.snapshot();
    assert_eq!(snapshot.orders.size(), 1);

    // The same key buys nothing more, also after a restart.
    let shop = shop.restarted().await;
    let again = buy(&shop, "k1", &cart).await;
    assert_eq!(again.json()["order"]["id"], order["id"]);
    assert_eq!(shop.app.snapshot().orders.size(), 1);
    // The key of another buyer is another order.
    let other = json!({"session": "other", "lines": [{"product_id": "p3", "quantity": 1}]});
    let other = buy(&shop.restarted().await, "k1", &other).await;
    assert_ne!(other.json()["order"]["id"], order["id"]);
}

#[tokio::test]
async fn what_cannot_be_bought_is_refused_with_its_field() {
    let shop = Shop::open(&[]).await;
    let line = |id: &str, quantity: i64| json!({"product_id": id, "quantity": quantity});
    for (lines, param) in [
        (json!([]), "lines"),
        (json!([line("p1", 0)]), "lines[0].quantity"),
        (json!([line("p1", i64::MAX)]), "lines[0].quantity"),
        (
            json!([line("p1", 1), line("nothing", 1)]),
            "lines[1].product_id",
        ),
    ] {
        // A key stands for one body.
        let answer = buy(
            &shop,
            &format!("k {lines}"),
            &json!({"session": "visit", "lines": lines}),
        )
        .await;
        assert!(answer.status.is_client_error(), "{lines}: {}", answer.text);
        assert_eq!(answer.json()["error"]["param"], param, "{lines}");
    }
    let nobody = buy(&shop, "n", &json!({"lines": [line("p1", 1)]})).await;
    assert_eq!(nobody.code(), "missing_buyer");
    assert_eq!(shop.app.snapshot().orders.size(), 0);
}

#[tokio::test]
async fn a_coupon_is_used_once_with_its_order() {
    let shop = Shop::open(&[]).await;
    let coupon =
        json!({"code": "TEN", "discount": {"type": "percent", "basis_points": 1_000}, "limit": 1});
    shop.post("/v1/campaigns", coupon).await;
    let cart =
        json!({"session": "visit", "code": "TEN", "lines": [{"product_id": "p1", "quantity": 1}]});
    let order = buy(&shop, "k1", &cart).await.json()["order"].clone();
    assert_eq!(order["total"]["amount"], 2_250);
    assert_eq!(order["discounts"][0]["code"], "TEN");
    let second = buy(&shop, "k2", &cart).await;
    assert_eq!(second.code(), "quantity_exceeded");
    assert_eq!(shop.app.snapshot().orders.size(), 1);
}

#[tokio::test]
async fn a_signed_in_customer_need_not_be_named() {
    let shop = Shop::open(&[]).await;
    let customer = shop::Id::new("c1").unwrap();
    let token = shop
        .app
        .gate
        .signer
        .sign(&customer, now(), now().plus_seconds(60));
    let cart = json!({"lines": [{"product_id": "p1", "quantity": 1}]});
    let headers = [
        ("idempotency-key", "k"),
        ("x-customer-token", token.as_str()),
    ];
    let answer = shop.send(post("/v1/checkout", &cart, &headers)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(answer.json()["order"]["customer_id"], "c1");
}
