//! Webhooks of platforms: what is not signed, what is not set, what a restart
//! keeps.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use shop::Currency;

use super::{Answer, Shop};
use crate::config::{ApiKey, Config, Scope};

fn config() -> Config {
    Config {
        keys: vec![ApiKey {
            scope: Scope::Admin,
            key: "a".into(),
            origins: Vec::new(),
        }],
        shopify_webhook_secret: "hush".into(),
        requests_per_minute_address: 3,
        ..Config::default()
    }
}

async fn deliver(shop: &Shop, topic: &str, body: &Value, secret: &str) -> Answer {
    let mut code = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    code.update(body.to_string().as_bytes());
    let signature = STANDARD.encode(code.finalize().into_bytes());
    let request = Request::post("/v1/hooks/shopify")
        .header("x-shopify-topic", topic)
        .header("x-shopify-hmac-sha256", signature)
        .body(Body::from(body.to_string()))
        .unwrap();
    shop.send(request).await
}

fn product(updated: &str) -> Value {
    json!({
        "id": 7, "title": "Lamp", "handle": "lamp", "status": "active", "updated_at": updated,
        "variants": [{"id": 71, "sku": "LAMP", "price": "9.90", "inventory_quantity": 1}],
    })
}

#[tokio::test]
async fn a_signature_lets_in_and_nothing_else() {
    let shop = Shop::with(Config {
        import_currency: Some(Currency::USD),
        ..config()
    })
    .await;
    let body = product("2026-05-01T00:00:00Z");
    // Platforms send from few addresses: what is signed is not counted.
    for _ in 0..5 {
        let answer = deliver(&shop, "products/update", &body, "hush").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }
    let before = shop.app.snapshot().sequence;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        let answer = deliver(&shop, "products/delete", &json!({"id": 7}), "hash").await;
        statuses.push(answer.status.as_u16());
    }
    assert_eq!(statuses, [401, 401, 401, 429]);
    assert_eq!(shop.app.snapshot().sequence, before);
    // A platform without a secret is not open to everybody.
    let request = Request::post("/v1/hooks/woocommerce")
        .header("x-wc-webhook-topic", "product.deleted")
        .header("x-wc-webhook-signature", "")
        .body(Body::from("{\"id\":7}"))
        .unwrap();
    let shop = Shop::with(config()).await;
    let answer = shop.send(request).await;
    assert_eq!(answer.code(), "invalid_signature", "{}", answer.text);
    assert!(
        answer
            .text
            .contains("woocommerce_webhook_secret is not set")
    );
}

#[tokio::test]
async fn products_without_a_currency_are_delivered_again() {
    let shop = Shop::with(config()).await;
    let answer = deliver(
        &shop,
        "products/update",
        &product("2026-05-01T00:00:00Z"),
        "hush",
    )
    .await;
    assert_eq!(answer.code(), "missing_setting", "{}", answer.text);
    assert_eq!(answer.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn what_is_gone_stays_so_after_a_restart() {
    let shop = Shop::with(Config {
        import_currency: Some(Currency::USD),
        ..config()
    })
    .await;
    let body = product("2026-05-01T00:00:00Z");
    let answer = deliver(&shop, "products/create", &body, "hush").await;
    assert_eq!(answer.json()["result"], "stored");
    let answer = deliver(&shop, "products/delete", &json!({"id": 7}), "hush").await;
    assert_eq!(answer.json()["removed"], 1);
    let shop = shop.restarted().await;
    let answer = deliver(&shop, "products/update", &body, "hush").await;
    assert_eq!(answer.json()["result"], "stale", "{}", answer.text);
    for (body, param) in [(json!({"title": "x"}), "id"), (json!({"id": null}), "id")] {
        let answer = deliver(&shop, "products/delete", &body, "hush").await;
        assert_eq!(answer.json()["error"]["param"], param, "{}", answer.text);
    }
    let answer = deliver(&shop, "products/update", &json!([1]), "hush").await;
    assert_eq!(answer.code(), "malformed_json");
}
