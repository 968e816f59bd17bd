//! Webhooks as a receiver sees them: order, signatures, what is repeated after
//! failures and restarts, and where they do not go.

mod receiver;

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use shop::{Id, Kind, Record};
use store::{Appended, Entry, NewEntry};

use self::receiver::{Receiver, assert_signed, moment, until};
use super::{Answer, Shop};
use crate::app::now;
use crate::config::{ApiKey, Config, Scope};

fn config() -> Config {
    Config {
        open: true,
        webhook_pauses: vec![Duration::from_millis(20)],
        ..Config::default()
    }
}

async fn store(shop: &Shop, kind: Kind, row: Value) -> u64 {
    let Value::Object(fields) = row else {
        unreachable!()
    };
    append(
        shop,
        Entry::Record(Record::from_json(kind, fields, now()).unwrap()),
    )
    .await
}

async fn append(shop: &Shop, entry: Entry) -> u64 {
    let entries = vec![NewEntry { id: None, entry }];
    match shop.app.store.append(entries).await.unwrap()[0] {
        Appended::New(sequence) => sequence,
        Appended::Duplicate => panic!("it was there"),
    }
}

async fn product(shop: &Shop, id: &str) -> u64 {
    store(shop, Kind::Products, json!({"id": id, "title": id})).await
}

async fn create(shop: &Shop, body: Value) -> Value {
    let answer = shop.post("/v1/webhooks", body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    answer.json()
}

async fn shown(shop: &Shop, id: &str) -> Value {
    shop.get(&format!("/v1/webhooks/{id}")).await.json()
}

/// Waits until a webhook shows this.
async fn until_shown(shop: &Shop, id: &str, field: &str, value: Value) {
    for _ in 0..1_000 {
        if shown(shop, id).await[field] == value {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{field}: {}", shown(shop, id).await);
}

fn read(file: &std::path::Path) -> Option<Value> {
    serde_json::from_str(&std::fs::read_to_string(file).ok()?).ok()
}

fn id_of(webhook: &Value) -> &str {
    webhook["id"].as_str().unwrap()
}

#[tokio::test]
async fn what_is_asked_for_comes_in_order_signed_and_until_it_is_taken() {
    let receiver = Receiver::start(&[500, 302, 404, 204]);
    let shop = Shop::with(config()).await;
    let types = json!(["product.stored", "product.removed", "order.stored"]);
    let webhook = create(&shop, json!({"url": receiver.url(), "types": types})).await;
    let (id, secret) = (id_of(&webhook), webhook["secret"].as_str().unwrap());
    let mut sequences = vec![product(&shop, "a").await];
    store(&shop, Kind::Customers, json!({"id": "c9"})).await;
    let order = json!({
        "id": "o9", "customer_id": "c9", "time": "2026-05-01T00:00:00Z",
        "lines": [{
            "product_id": "a", "quantity": 1, "price": {"amount": 1, "currency": "USD"},
        }],
    });
    sequences.push(store(&shop, Kind::Orders, order.clone()).await);
    sequences.push(product(&shop, "b").await);
    let gone = Entry::Removed {
        kind: Kind::Products,
        id: Id::new("a").unwrap(),
    };
    sequences.push(append(&shop, gone).await);
    let event = json!({"type": "view", "time": "2026-05-01T00:00:00Z", "product_id": "b"});
    let last = store(&shop, Kind::Events, event).await;

    let requests = receiver.wait_for(7).await;
    moment().await;
    assert_eq!(receiver.received().len(), 7);
    let ids: Vec<_> = requests
        .iter()
        .map(|one| one.header("webhook-id"))
        .collect();
    let expected: Vec<_> = [0, 0, 0, 0, 1, 2, 3]
        .map(|at| format!("{id}_{}", sequences[at]))
        .into();
    assert_eq!(ids, expected);
    for request in &requests {
        assert_signed(request, secret);
        assert_eq!(request.path, "POST /hook HTTP/1.1");
        assert_eq!(request.json()["id"], request.header("webhook-id"));
    }
    let types: Vec<_> = requests
        .iter()
        .map(|one| one.json()["type"].clone())
        .collect();
    assert_eq!(
        types[3..],
        [
            "product.stored",
            "order.stored",
            "product.stored",
            "product.removed"
        ]
    );
    assert_eq!(requests[4].json()["data"]["lines"], order["lines"]);
    assert_eq!(
        requests[6].json()["data"],
        json!({"id": "a", "deleted": true})
    );

    until_shown(&shop, id, "acknowledged", json!(last)).await;
    assert_eq!(shown(&shop, id).await["status"], "active");
    let list = shop.get(&format!("/v1/webhooks/{id}/deliveries")).await;
    let list = list.json()["deliveries"].clone();
    assert_eq!(list.as_array().unwrap().len(), 4, "{list}");
    assert_eq!(list[0]["type"], "product.removed");
    assert_eq!(list[3]["attempts"], 4);
    assert_eq!(list[3]["status"], "delivered");
    assert_eq!(list[3]["http_status"], 204);
    assert_eq!(list[3]["error"], Value::Null);
}

#[tokio::test]
async fn a_restart_goes_on_where_it_was() {
    let receiver = Receiver::start(&[200]);
    let shop = Shop::with(config()).await;
    let webhook = create(&shop, json!({"url": receiver.url()})).await;
    let id = id_of(&webhook);
    let first = product(&shop, "a").await;
    // It is on the disk soon after, not only at the end.
    let file = shop.folder.path().join("webhook_positions.json");
    until(|| read(&file).is_some_and(|places| places[id]["acknowledged"] == first)).await;
    receiver.answers(503);
    let second = product(&shop, "b").await;
    product(&shop, "c").await;
    until_shown(&shop, id, "status", json!("failing")).await;
    assert_eq!(shown(&shop, id).await["acknowledged"], first);
    let list = shop.get(&format!("/v1/webhooks/{id}/deliveries")).await;
    let failed = list.json()["deliveries"][0].clone();
    assert_eq!(failed["sequence"], second);
    assert_eq!(failed["status"], "failed");
    assert_eq!(failed["http_status"], 503);

    let shop = shop.restarted().await;
    until(|| receiver.products().len() > 4).await;
    let before = receiver.products().len();
    receiver.answers(200);
    until(|| receiver.products().ends_with(&["c".to_owned()])).await;
    until_shown(&shop, id, "status", json!("active")).await;
    let products = receiver.products();
    assert_eq!(products.iter().filter(|one| *one == "a").count(), 1);
    assert_eq!(products.iter().filter(|one| *one == "c").count(), 1);
    assert!(
        products[1..before].iter().all(|one| one == "b"),
        "{products:?}"
    );
    // Signed by the secret that was kept.
    let last = receiver.received().pop().unwrap();
    assert_signed(&last, webhook["secret"].as_str().unwrap());
}

#[tokio::test]
async fn a_replay_delivers_again() {
    let receiver = Receiver::start(&[200]);
    let shop = Shop::with(config()).await;
    let webhook = create(&shop, json!({"url": receiver.url()})).await;
    let id = id_of(&webhook);
    product(&shop, "a").await;
    let second = product(&shop, "b").await;
    let third = product(&shop, "c").await;
    until_shown(&shop, id, "acknowledged", json!(third)).await;
    let path = format!("/v1/webhooks/{id}/replay");
    let answer = shop.post(&path, json!({"from_sequence": second})).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    receiver.wait_for(5).await;
    until_shown(&shop, id, "acknowledged", json!(third)).await;
    let delivery = format!("{id}_{third}");
    let answer = shop.post(&path, json!({"delivery": delivery})).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    receiver.wait_for(6).await;
    moment().await;
    assert_eq!(receiver.products(), ["a", "b", "c", "b", "c", "c"]);
    let requests = receiver.received();
    assert_eq!(requests[5].header("webhook-id"), delivery);

    for (body, code) in [
        (json!({}), "contradictory"),
        (
            json!({"from_sequence": 1, "delivery": delivery}),
            "contradictory",
        ),
        (json!({"from_sequence": third + 2}), "unknown_value"),
        (
            json!({"delivery": format!("{id}_{}", third + 1)}),
            "unknown_value",
        ),
        (json!({"delivery": "other_1"}), "unknown_value"),
    ] {
        let answer = shop.post(&path, body).await;
        assert_eq!(answer.code(), code, "{}", answer.text);
    }
    let answer = shop.post("/v1/webhooks/x/replay", json!({"from_sequence": 1}));
    assert_eq!(answer.await.code(), "unknown_webhook");
}

/// Lets a webhook have failed for three days, and waits until it is disabled. A
/// failure that is written down at the same time may undo the first.
async fn until_given_up(shop: &Shop, id: &str) {
    let file = shop.folder.path().join("webhook_positions.json");
    let other = file.with_extension("new");
    let since = json!(now().plus_seconds(-3 * 24 * 3_600));
    for _ in 0..200 {
        let mut positions: Value = read(&file).unwrap();
        positions[id]["failing_since"] = since.clone();
        std::fs::write(&other, positions.to_string()).unwrap();
        std::fs::rename(&other, &file).unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
        if shown(shop, id).await["status"] == "disabled" {
            return;
        }
    }
    panic!("{}", shown(shop, id).await);
}

#[tokio::test]
async fn who_is_gone_or_takes_nothing_for_days_is_disabled() {
    let receiver = Receiver::start(&[410]);
    let shop = Shop::with(config()).await;
    let webhook = create(&shop, json!({"url": receiver.url()})).await;
    let id = id_of(&webhook);
    let first = product(&shop, "a").await;
    until_shown(&shop, id, "status", json!("disabled")).await;
    let reason = shown(&shop, id).await["reason"].clone();
    assert!(reason.as_str().unwrap().contains("410"), "{reason}");
    receiver.answers(200);
    moment().await;
    assert_eq!(receiver.products(), ["a"]);
    let path = format!("/v1/webhooks/{id}/replay");
    shop.post(&path, json!({"from_sequence": first})).await;
    receiver.wait_for(2).await;
    until_shown(&shop, id, "acknowledged", json!(first)).await;
    assert_eq!(shown(&shop, id).await["status"], "active");

    receiver.answers(500);
    let second = product(&shop, "b").await;
    until_shown(&shop, id, "status", json!("failing")).await;
    until_given_up(&shop, id).await;
    assert_eq!(shown(&shop, id).await["acknowledged"], first);
    // It stays so after a restart, and goes on when it is told to.
    let shop = shop.restarted().await;
    let before = receiver.received().len();
    receiver.answers(200);
    moment().await;
    assert_eq!(receiver.received().len(), before);
    shop.post(&path, json!({"from_sequence": second})).await;
    until_shown(&shop, id, "acknowledged", json!(second)).await;
    assert_eq!(receiver.received().len(), before + 1);
}

async fn with_key(shop: &Shop, verb: &str, path: &str, key: &str, body: Value) -> Answer {
    let request = Request::builder().method(verb).uri(path);
    let request = request
        .header("authorization", format!("Bearer {key}"))
        .header("content-type", "application/json");
    let body = Body::from(body.to_string());
    shop.send(request.body(body).unwrap()).await
}

#[tokio::test]
async fn closed_networks_are_not_reached() {
    let receiver = Receiver::start(&[200]);
    let keys = [(Scope::Admin, "a"), (Scope::Write, "w")];
    let keys = keys.map(|(scope, key)| ApiKey {
        scope,
        key: key.into(),
        origins: Vec::new(),
    });
    let shop = Shop::with(Config {
        host: "0.0.0.0".to_owned(),
        open: false,
        keys: keys.into(),
        ..config()
    })
    .await;
    for url in [
        receiver.url(),
        "https://localhost/".to_owned(),
        "https://10.0.0.7/".to_owned(),
        "https://169.254.169.254/latest/meta-data".to_owned(),
        "http://shop.example/".to_owned(),
    ] {
        let answer = with_key(&shop, "POST", "/v1/webhooks", "a", json!({"url": url})).await;
        assert_eq!(answer.code(), "address_refused", "{url}");
        assert_eq!(answer.json()["error"]["param"], "url", "{}", answer.text);
    }
    // A name that leads there is found out when it is looked up: as a number,
    // this is 127.0.0.1.
    let url = format!("https://2130706433:{}/hook", receiver.port);
    let body = json!({"url": url});
    let answer = with_key(&shop, "POST", "/v1/webhooks", "w", body.clone()).await;
    assert_eq!(answer.code(), "scope_insufficient");
    let answer = with_key(&shop, "POST", "/v1/webhooks", "a", body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    let path = format!("/v1/webhooks/{}/deliveries", id_of(&answer.json()));
    product(&shop, "a").await;
    let mut error = String::new();
    for _ in 0..500 {
        let list = with_key(&shop, "GET", &path, "a", json!({})).await.json();
        if let Some(said) = list["deliveries"][0]["error"].as_str() {
            error = said.to_owned();
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(
        error.contains("127.0.0.1 is not an address of the open internet"),
        "{error}"
    );
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn a_secret_is_told_once_and_a_deleted_webhook_is_told_nothing() {
    let receiver = Receiver::start(&[200]);
    let shop = Shop::with(config()).await;
    let webhook = create(&shop, json!({"url": receiver.url()})).await;
    let id = id_of(&webhook);
    let secret = webhook["secret"].as_str().unwrap();
    let list = shop.get("/v1/webhooks").await;
    assert_eq!(list.json()["webhooks"][0]["url"], receiver.url());
    let types = list.json()["webhooks"][0]["types"].to_string();
    assert!(types.contains("\"order.stored\"") && !types.contains("\"event.stored\""));
    assert!(!list.text.contains(secret));
    assert!(
        !shop
            .get(&format!("/v1/webhooks/{id}"))
            .await
            .text
            .contains(secret)
    );
    #[cfg(unix)]
    for file in ["webhooks.json", "webhook_positions.json"] {
        use std::os::unix::fs::PermissionsExt;
        if let Ok(metadata) = std::fs::metadata(shop.folder.path().join(file)) {
            assert_eq!(metadata.permissions().mode() & 0o077, 0, "{file}");
        }
    }
    product(&shop, "a").await;
    receiver.wait_for(1).await;
    let path = format!("/v1/webhooks/{id}");
    let gone = Request::delete(&path).body(Body::empty()).unwrap();
    assert_eq!(
        shop.send(gone).await.json(),
        json!({"id": id, "deleted": true})
    );
    product(&shop, "b").await;
    moment().await;
    assert_eq!(receiver.products(), ["a"]);
    for path in [path.clone(), format!("{path}/deliveries")] {
        assert_eq!(shop.get(&path).await.code(), "unknown_webhook");
    }
    let gone = Request::delete(&path).body(Body::empty()).unwrap();
    assert_eq!(shop.send(gone).await.code(), "unknown_webhook");
    assert_eq!(
        shop.get("/v1/webhooks").await.json(),
        json!({"webhooks": []})
    );
}
