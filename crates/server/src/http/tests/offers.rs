use axum::http::StatusCode;
use serde_json::json;

use super::{Shop, post};

async fn define(shop: &Shop, code: &str, limit: u64) {
    let coupon = json!({
        "code": code,
        "discount": {"type": "percent", "basis_points": 1_000},
        "limit": limit,
    });
    let answer = shop.post("/v1/campaigns", coupon).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
}

fn order(customer: &str, code: &str) -> serde_json::Value {
    json!({
        "code": code,
        "customer": customer,
        "order_amount": {"amount": 5_000, "currency": "USD"},
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_clients_redeem_exactly_the_limit() {
    let shop = Shop::open(&[]).await;
    define(&shop, "TEN", 40).await;
    let clients = (0..64).map(|client| {
        let request = post(
            "/v1/offers/redeem",
            &order(&format!("c{client}"), "TEN"),
            &[],
        );
        shop.send(request)
    });
    let mut redeemed = 0;
    for answer in futures::future::join_all(clients).await {
        match answer.status {
            StatusCode::OK => {
                redeemed += 1;
                assert_eq!(answer.json()["discount"]["amount"], 500);
            }
            _ => assert_eq!(answer.code(), "quantity_exceeded"),
        }
    }
    assert_eq!(redeemed, 40);
    let campaigns = shop.get("/v1/campaigns").await.json();
    assert_eq!(campaigns["campaigns"][0]["redeemed"], 40);
}

#[tokio::test]
async fn a_coupon_from_definition_to_rollback() {
    let shop = Shop::open(&[]).await;
    define(&shop, "ONE", 1).await;
    let qualified = shop
        .post(
            "/v1/offers/qualify",
            json!({"customer": "c1", "order_amount": {"amount": 5_000, "currency": "USD"}}),
        )
        .await;
    assert_eq!(qualified.json()["qualified"][0]["code"], "ONE");
    let valid = shop
        .post("/v1/offers/validate", order("c1", "ONE"))
        .await
        .json();
    assert_eq!(
        (&valid["valid"], &valid["discount"]["amount"]),
        (&json!(true), &json!(500))
    );
    let key = [("idempotency-key", "order-1")];
    let first = shop
        .send(post("/v1/offers/redeem", &order("c1", "ONE"), &key))
        .await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text);
    let again = shop
        .send(post("/v1/offers/redeem", &order("c1", "ONE"), &key))
        .await;
    assert_eq!(first.json(), again.json());
    let invalid = shop
        .post("/v1/offers/validate", order("c2", "ONE"))
        .await
        .json();
    assert_eq!(invalid["error"]["code"], "quantity_exceeded");
    let id = first.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/offers/redemptions/{id}/rollback");
    assert_eq!(
        shop.post(&path, json!({})).await.json()["rolled_back"],
        true
    );
    assert_eq!(
        shop.post(&path, json!({})).await.code(),
        "already_rolled_back"
    );
    let valid = shop
        .post("/v1/offers/validate", order("c2", "ONE"))
        .await
        .json();
    assert_eq!(valid["valid"], true);
}

#[tokio::test]
async fn points_and_referrals() {
    let shop = Shop::open(&[]).await;
    let earned = shop.post("/v1/points/c1/earn", json!({"points": 50})).await;
    assert_eq!(earned.json()["points"], 50, "{}", earned.text);
    let spent = shop
        .post("/v1/points/c1/spend", json!({"points": 80}))
        .await;
    assert_eq!(spent.code(), "insufficient_points");
    assert_eq!(
        shop.post("/v1/points/c1/spend", json!({"points": 20}))
            .await
            .json()["points"],
        30
    );
    let made = shop
        .post("/v1/referrals", json!({"referrer": "c1", "referee": "c2"}))
        .await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text);
    let twice = shop
        .post("/v1/referrals", json!({"referrer": "c1", "referee": "c2"}))
        .await;
    assert_eq!(twice.code(), "already_referred");
    let rewarded = shop
        .post(
            "/v1/referrals/c2/reward",
            json!({"order_id": "o1", "points": 100}),
        )
        .await;
    assert_eq!(rewarded.status, StatusCode::OK, "{}", rewarded.text);
    assert_eq!(shop.get("/v1/points/c1").await.json()["points"], 130);
    let twice = shop
        .post(
            "/v1/referrals/c2/reward",
            json!({"order_id": "o2", "points": 100}),
        )
        .await;
    assert_eq!(twice.code(), "already_rewarded");
}

#[tokio::test]
async fn one_order_redeems_a_code_once() {
    let shop = Shop::open(&[]).await;
    define(&shop, "TEN", 40).await;
    define(&shop, "ELEVEN", 40).await;
    let redeem = async |code: &str, order_id: &str| {
        let mut body = order("c1", code);
        body["order_id"] = json!(order_id);
        shop.post("/v1/offers/redeem", body).await
    };
    let first = redeem("TEN", "o1").await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text);
    assert_eq!(redeem("TEN", "o1").await.code(), "order_already_redeemed");
    for (code, order_id) in [("TEN", "o2"), ("ELEVEN", "o1")] {
        let other = redeem(code, order_id).await;
        assert_eq!(other.status, StatusCode::OK, "{}", other.text);
    }
    // Taken back, it can be used again.
    let id = first.json()["id"].as_str().unwrap_or_default().to_owned();
    let path = format!("/v1/offers/redemptions/{id}/rollback");
    let back = shop.post(&path, json!({})).await;
    assert_eq!(back.status, StatusCode::OK, "{}", back.text);
    assert_eq!(redeem("TEN", "o1").await.status, StatusCode::OK);
}

#[tokio::test]
async fn nobody_is_brought_by_whom_they_brought() {
    let shop = Shop::open(&[]).await;
    let refer = async |referrer: &str, referee: &str| {
        let body = json!({"referrer": referrer, "referee": referee});
        shop.post("/v1/referrals", body).await
    };
    for (referrer, referee) in [("x", "y"), ("y", "z")] {
        let made = refer(referrer, referee).await;
        assert_eq!(made.status, StatusCode::OK, "{}", made.text);
    }
    for (referrer, referee) in [("y", "x"), ("z", "x")] {
        assert_eq!(refer(referrer, referee).await.code(), "circular_referral");
    }
    assert_eq!(refer("z", "w").await.status, StatusCode::OK);
}
