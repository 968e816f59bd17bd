//! Records over HTTP: read, put, listed, deleted; no update is lost.

use axum::http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};

use super::{Answer, Shop};

fn request(
    method: Method,
    path: &str,
    body: Option<Value>,
    headers: &[(&str, &str)],
) -> Request<axum::body::Body> {
    let mut request = Request::builder().method(method).uri(path);
    if body.is_some() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = body.map_or_else(String::new, |body| body.to_string());
    request.body(body.into()).unwrap()
}

async fn put(shop: &Shop, path: &str, body: Value, headers: &[(&str, &str)]) -> Answer {
    shop.send(request(Method::PUT, path, Some(body), headers))
        .await
}

async fn delete(shop: &Shop, path: &str, headers: &[(&str, &str)]) -> Answer {
    shop.send(request(Method::DELETE, path, None, headers))
        .await
}

fn etag(answer: &Answer) -> String {
    answer.headers[header::ETAG].to_str().unwrap().to_owned()
}

/// An example of each kind.
fn examples() -> [(&'static str, Value); 7] {
    [
        (
            "products",
            json!({"title": "Oolong", "price": {"amount": 700, "currency": "USD"}}),
        ),
        ("customers", json!({"name": "Cy"})),
        (
            "orders",
            json!({"customer_id": "c1", "time": "2026-01-02T00:00:00Z", "lines": [{"product_id": "p1", "quantity": 1}]}),
        ),
        ("reviews", json!({"text": "good", "product_id": "p1"})),
        ("documents", json!({"text": "We ship in two days."})),
        (
            "events",
            json!({"type": "view", "time": "2026-01-02T00:00:00Z", "product_id": "p1"}),
        ),
        (
            "conversations",
            json!({"messages": [{"role": "customer", "text": "hi"}]}),
        ),
    ]
}

#[tokio::test]
async fn each_kind_is_put_read_listed_and_deleted() {
    let shop = Shop::open(&[]).await;
    for (kind, example) in examples() {
        let path = format!("/v1/{kind}/x1");
        assert_eq!(
            delete(&shop, &path, &[]).await.code(),
            match kind {
                "conversations" => "unknown_conversation",
                _ => "unknown_record",
            },
            "{kind}"
        );
        let created = put(&shop, &path, example.clone(), &[]).await;
        assert_eq!(
            created.status,
            StatusCode::CREATED,
            "{kind}: {}",
            created.text
        );
        assert_eq!(created.json()["id"], "x1", "{kind}");
        let again = put(&shop, &path, example, &[]).await;
        assert_eq!(again.status, StatusCode::OK, "{kind}: {}", again.text);
        assert_eq!(etag(&again), etag(&created), "{kind}: nothing has changed");
        let read = shop.get(&path).await;
        assert_eq!(read.status, StatusCode::OK, "{kind}: {}", read.text);
        let listed = shop.get(&format!("/v1/{kind}")).await.json();
        let listed = listed[kind].as_array().unwrap();
        assert!(listed.iter().any(|one| one["id"] == "x1"), "{kind}");
        let gone = delete(&shop, &path, &[]).await;
        assert_eq!(gone.json(), json!({"id": "x1", "deleted": true}), "{kind}");
        assert_eq!(
            shop.get(&path).await.status,
            StatusCode::NOT_FOUND,
            "{kind}"
        );
        let listed = shop.get(&format!("/v1/{kind}")).await.json();
        let listed = listed[kind].as_array().unwrap();
        assert!(listed.iter().all(|one| one["id"] != "x1"), "{kind}");
    }
}

#[tokio::test]
async fn a_put_on_what_has_changed_is_refused() {
    let shop = Shop::open(&[]).await;
    let read = shop.get("/v1/products/p1").await;
    let first = etag(&read);
    let mut row = read.json();
    row["title"] = json!("Red kettle, new");
    let stored = put(
        &shop,
        "/v1/products/p1",
        row.clone(),
        &[("if-match", &first)],
    )
    .await;
    assert_eq!(stored.status, StatusCode::OK, "{}", stored.text);
    row["title"] = json!("Red kettle, lost");
    for headers in [[("if-match", first.as_str())], [("if-none-match", "*")]] {
        let late = put(&shop, "/v1/products/p1", row.clone(), &headers).await;
        assert_eq!(
            late.status,
            StatusCode::PRECONDITION_FAILED,
            "{}",
            late.text
        );
        assert_eq!(late.code(), "precondition_failed");
    }
    let late = delete(&shop, "/v1/products/p1", &[("if-match", &first)]).await;
    assert_eq!(late.status, StatusCode::PRECONDITION_FAILED);
    let absent = put(
        &shop,
        "/v1/products/new",
        json!({"title": "New"}),
        &[("if-match", "*")],
    )
    .await;
    assert_eq!(absent.status, StatusCode::PRECONDITION_FAILED);
    let now = shop.get("/v1/products/p1").await;
    assert_eq!(now.json()["title"], "Red kettle, new");
    let gone = delete(&shop, "/v1/products/p1", &[("if-match", &etag(&now))]).await;
    assert_eq!(gone.status, StatusCode::OK);
    // What is wrong is named.
    for (body, param) in [
        (json!({"title": "x", "id": "other"}), "id"),
        (json!({"title": ""}), "title"),
        (json!({"title": "x", "price": 5}), "price"),
    ] {
        let wrong = put(&shop, "/v1/products/p2", body, &[]).await;
        assert_eq!(wrong.json()["error"]["param"], param, "{}", wrong.text);
    }
}

#[tokio::test]
async fn collections_are_filtered_sorted_and_paged() {
    let shop = Shop::open(&[]).await;
    let mut seen = Vec::new();
    let mut path = "/v1/products?sort=-price&limit=2".to_owned();
    loop {
        let page = shop.get(&path).await.json();
        let ids = page["products"].as_array().unwrap().iter();
        seen.extend(ids.map(|one| one["id"].as_str().unwrap().to_owned()));
        assert_eq!(page["total"], 4);
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/v1/products?sort=-price&limit=2&cursor={cursor}");
    }
    assert_eq!(seen, ["p2", "p1", "p4", "p3"]);
    let cheap = shop
        .get("/v1/products?filter=price%20%3C%201000")
        .await
        .json();
    assert_eq!(cheap["total"], 1, "{cheap}");
    for (query, status, param) in [
        ("filter=colour%20%3D%20red", 404, "filter"),
        ("filter=%3D", 400, "filter"),
        ("sort=colour", 404, "sort"),
        ("limit=0", 400, "limit"),
        ("cursor=zz", 400, "cursor"),
        ("cursor=00", 404, "cursor"),
    ] {
        let wrong = shop.get(&format!("/v1/products?{query}")).await;
        assert_eq!(wrong.status, status, "{query}: {}", wrong.text);
        assert_eq!(wrong.json()["error"]["param"], param, "{query}");
    }
}

#[tokio::test]
async fn a_deletion_by_filter_needs_one_and_shows_what_it_would_do() {
    let shop = Shop::open(&[]).await;
    let all = delete(&shop, "/v1/products", &[]).await;
    assert_eq!(all.status, StatusCode::BAD_REQUEST);
    assert_eq!(all.json()["error"]["param"], "filter");
    // A slip of the pen under NOT would mean all of them.
    let slip = delete(
        &shop,
        "/v1/products?filter=NOT%20categroy%20%3D%20Food",
        &[],
    )
    .await;
    assert_eq!(slip.status, StatusCode::NOT_FOUND, "{}", slip.text);
    assert_eq!(slip.json()["error"]["param"], "filter");
    let food = "/v1/products?filter=category%20%3D%20Food";
    let shown = delete(&shop, &format!("{food}&dry_run=true"), &[])
        .await
        .json();
    assert_eq!(
        shown,
        json!({"matched": 2, "deleted": 0, "ids": ["p3", "p4"]})
    );
    assert_eq!(shop.get("/v1/products").await.json()["total"], 4);
    let done = delete(&shop, food, &[]).await.json();
    assert_eq!(done["deleted"], 2, "{done}");
    assert_eq!(shop.get("/v1/products").await.json()["total"], 2);
    let views = (0..5).map(|number| {
        json!({"type": "view", "id": format!("e{number}"), "time": "2026-01-02T00:00:00Z",
               "product_id": "p1", "session_id": format!("s{}", number % 2)})
    });
    let sent = shop
        .post("/v1/events", json!(views.collect::<Vec<_>>()))
        .await;
    assert_eq!(sent.status, StatusCode::OK, "{}", sent.text);
    let slip = delete(&shop, "/v1/events?filter=NOT%20sesion_id%20%3D%20s1", &[]).await;
    assert_eq!(slip.status, StatusCode::NOT_FOUND, "{}", slip.text);
    let done = delete(&shop, "/v1/events?filter=session_id%20%3D%20s1", &[])
        .await
        .json();
    assert_eq!(done["deleted"], 2, "{done}");
    let left = shop.get("/v1/events").await.json();
    assert_eq!(left["events"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn what_is_deleted_is_found_no_more() {
    let shop = Shop::open(&[]).await;
    let found = async || -> Vec<String> {
        let answer = shop.get("/v1/search?q=kettle").await.json();
        let hits = answer["hits"].as_array().unwrap().iter();
        hits.map(|hit| hit["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(found().await.len(), 2);
    assert_eq!(
        delete(&shop, "/v1/products/p1", &[]).await.status,
        StatusCode::OK
    );
    // At once: the next request is answered from the next snapshot.
    assert_eq!(found().await, ["p2"]);
    // An order that is deleted is no purchase any more.
    let order = json!({"customer_id": "c1", "time": "2026-01-02T00:00:00Z", "lines": [{"product_id": "p2", "quantity": 1}]});
    put(&shop, "/v1/orders/o1", order, &[]).await;
    let bought = || {
        let actor = store::Actor::Customer(shop::Id::new("c1").unwrap());
        let snapshot = shop.app.snapshot();
        snapshot
            .histories
            .get(&actor)
            .map(|history| history.bought.len())
    };
    assert_eq!(bought(), Some(1));
    delete(&shop, "/v1/orders/o1", &[]).await;
    assert_eq!(bought(), Some(0));
    assert!(shop.app.snapshot().orders_of.is_empty());
}

#[tokio::test]
async fn events_are_paged_past_those_that_are_deleted() {
    let shop = Shop::open(&[]).await;
    for number in 0..5 {
        let event = json!({"type": "view", "time": "2026-01-02T00:00:00Z", "product_id": "p1"});
        put(&shop, &format!("/v1/events/e{number}"), event, &[]).await;
    }
    delete(&shop, "/v1/events/e1", &[]).await;
    let mut seen = Vec::new();
    let mut path = "/v1/events?limit=2".to_owned();
    loop {
        let page = shop.get(&path).await.json();
        let ids = page["events"].as_array().unwrap().iter();
        seen.extend(ids.map(|one| one["id"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/v1/events?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, ["e0", "e2", "e3", "e4"]);
    let other = json!({"type": "click", "time": "2026-01-02T00:00:00Z", "product_id": "p1"});
    let changed = put(&shop, "/v1/events/e0", other.clone(), &[]).await;
    assert_eq!(changed.code(), "record_changed");
    assert_eq!(shop.get("/v1/events?sort=time").await.status, 409);
}

#[tokio::test]
async fn conversations_come_with_the_newest_first() {
    let shop = Shop::open(&[]).await;
    for (id, day) in [("a", 2), ("b", 3), ("c", 1)] {
        let time = format!("2026-01-0{day}T00:00:00Z");
        let said = json!({"messages": [{"role": "customer", "text": "hi", "time": time}]});
        put(&shop, &format!("/v1/conversations/{id}"), said, &[]).await;
    }
    let first = shop.get("/v1/conversations?limit=2").await.json();
    assert_eq!(first["conversations"][0]["id"], "b");
    assert_eq!(first["conversations"][1]["id"], "a");
    let cursor = first["next_cursor"].as_str().unwrap();
    let path = format!("/v1/conversations?limit=2&cursor={cursor}");
    assert_eq!(shop.get(&path).await.json()["conversations"][0]["id"], "c");
}

#[tokio::test]
async fn a_row_that_says_that_it_is_deleted_is() {
    let shop = Shop::open(&[]).await;
    let row = json!({"title": "Green tea", "deleted": true});
    let gone = put(&shop, "/v1/products/p3", row, &[]).await;
    assert_eq!(gone.json(), json!({"id": "p3", "deleted": true}));
    assert_eq!(shop.get("/v1/products/p3").await.code(), "unknown_record");
}
