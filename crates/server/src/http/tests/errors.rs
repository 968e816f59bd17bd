use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::json;

use super::{Shop, post};
use crate::config::Scope;

fn raw(path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(path)
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.into())
        .unwrap()
}

#[tokio::test]
async fn each_mistake_has_its_code() {
    let shop = Shop::open(&[]).await;
    let long = format!("{{\"q\": \"{}\"}}", "x".repeat(5 * 1024 * 1024));
    for (request, status, code) in [
        (raw("/v1/search", "{"), 400, "malformed_json"),
        (raw("/v1/search", "\u{0}\u{1}"), 400, "malformed_json"),
        (
            raw("/v1/search", vec![0xff, 0xfe, 0xfd]),
            400,
            "malformed_json",
        ),
        (
            raw("/v1/search", "{\"limit\": \"ten\"}"),
            400,
            "invalid_field",
        ),
        (raw("/v1/search", "{\"limit\": -1}"), 400, "invalid_field"),
        (
            raw("/v1/search", "{\"limit\": 99999}"),
            400,
            "invalid_field",
        ),
        (raw("/v1/search", "[1, 2]"), 400, "invalid_field"),
        (
            raw("/v1/search", "{\"filter\": \"price <= cheap\"}"),
            400,
            "invalid_field",
        ),
        (
            raw("/v1/search", "{\"filter\": \"colr = red\"}"),
            404,
            "unknown_value",
        ),
        (raw("/v1/search", long), 413, "body_too_large"),
        (raw("/v1/chat", "{}"), 400, "invalid_field"),
        (
            raw(
                "/v1/feedback",
                "{\"decision_id\": \"none\", \"thumb\": \"up\"}",
            ),
            404,
            "unknown_decision",
        ),
        (
            raw(
                "/v1/feedback",
                "{\"decision_id\": \"none\", \"thumb\": \"sideways\"}",
            ),
            400,
            "invalid_field",
        ),
        (raw("/v1/import/unicorns", ""), 400, "invalid_field"),
        (
            raw("/v1/registry/search/promote", "{\"version\": \"x\"}"),
            404,
            "unknown_version",
        ),
        (
            raw("/v1/registry/growth/promote", "{\"version\": \"x\"}"),
            400,
            "invalid_field",
        ),
        (
            raw(
                "/v1/offers/redeem",
                "{\"code\": \"NONE\", \"customer\": \"c1\", \"order_amount\": {\"amount\": 100, \"currency\": \"USD\"}}",
            ),
            404,
            "voucher_not_found",
        ),
        (
            raw("/v1/offers/redemptions/x/rollback", ""),
            404,
            "redemption_not_found",
        ),
        (raw("/v1/nothing", "{}"), 404, "not_found"),
        (raw("/v1/suggest", "{}"), 405, "method_not_allowed"),
        (raw("/healthz", "{}"), 405, "method_not_allowed"),
    ] {
        let path = request.uri().to_string();
        let answer = shop.send(request).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (status, code),
            "{path}: {}",
            answer.text
        );
        let error = &answer.json()["error"];
        for field in ["code", "message", "type", "param", "doc"] {
            assert!(error.get(field).is_some(), "{path}: {field}");
        }
        assert!(answer.headers.contains_key("x-request-id"), "{path}");
    }
}

#[tokio::test]
async fn each_mistaken_address_has_its_code() {
    let shop = Shop::open(&[]).await;
    for (path, status, code) in [
        ("/v1/tasks/none", 404, "unknown_task"),
        ("/v1/decisions/none", 404, "unknown_decision"),
        ("/v1/conversations/none", 404, "unknown_conversation"),
        ("/v1/suggest?limit=1000", 400, "invalid_field"),
        ("/v1/search?sort=sideways", 404, "unknown_value"),
        ("/v1/search?facets=colr", 404, "unknown_value"),
        ("/v1/decisions?service=growth", 400, "invalid_field"),
        ("/v1/points/%00", 400, "invalid_field"),
    ] {
        let answer = shop.get(path).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (status, code),
            "{path}: {}",
            answer.text
        );
    }
}

#[tokio::test]
async fn an_unknown_field_is_named() {
    let shop = Shop::open(&[]).await;
    let answer = shop
        .get("/v1/search?q=kettle&filter=brand%20%3D%20x%20OR%20pric%20%3C%201")
        .await;
    let error = &answer.json()["error"];
    assert_eq!(error["param"], "filter");
    let message = error["message"].as_str().unwrap();
    for part in ["at character 14", "\"pric\"", "price"] {
        assert!(message.contains(part), "{message}");
    }
    let body = json!({"scenario": "trending", "filter": "pric < 1"});
    let answer = shop.post("/v1/recommendations", body).await;
    let error = &answer.json()["error"];
    assert_eq!(error["param"], "filter", "{}", answer.text);
    assert!(error["message"].as_str().unwrap().contains("price"));
}

#[tokio::test]
async fn a_body_is_called_json() {
    let shop = Shop::open(&[]).await;
    for (media_type, body, code) in [
        ("application/json; charset=utf-8", "[]", ""),
        (
            "application/x-www-form-urlencoded",
            "[]",
            "unsupported_media_type",
        ),
        ("text/plain", "[]", "unsupported_media_type"),
        (
            "multipart/form-data; boundary=x",
            "[]",
            "unsupported_media_type",
        ),
    ] {
        let request = Request::post("/v1/events")
            .header(header::CONTENT_TYPE, media_type)
            .body(Body::from(body))
            .unwrap();
        let answer = shop.send(request).await;
        if code.is_empty() {
            assert_eq!(answer.status, StatusCode::OK, "{media_type}");
        } else {
            assert_eq!(answer.code(), code, "{media_type}");
        }
    }
}

#[tokio::test]
async fn the_callers_request_id_comes_back_when_it_is_sane() {
    let shop = Shop::open(&[]).await;
    for (sent, kept) in [("order-7", true), ("with space", false)] {
        let request = Request::get("/healthz")
            .header("x-request-id", sent)
            .body(Body::empty())
            .unwrap();
        let answer = shop.send(request).await;
        assert_eq!(answer.headers["x-request-id"] == sent, kept);
    }
}

#[tokio::test]
async fn scopes() {
    let keys = [
        (Scope::Public, "pk"),
        (Scope::Write, "wk"),
        (Scope::Admin, "ak"),
    ];
    let shop = Shop::open(&keys).await;
    let search = |customer: Option<&str>| match customer {
        Some(customer) => json!({"q": "kettle", "customer": customer}),
        None => json!({"q": "kettle"}),
    };
    for (path, body, key, status, code) in [
        ("/v1/search", search(None), None, 401, "missing_key"),
        (
            "/v1/search",
            search(None),
            Some("nonsense"),
            401,
            "invalid_key",
        ),
        ("/v1/search", search(None), Some("pk"), 200, ""),
        (
            "/v1/search",
            search(Some("c1")),
            Some("pk"),
            403,
            "customer_not_verified",
        ),
        ("/v1/search", search(Some("c1")), Some("wk"), 200, ""),
        (
            "/v1/campaigns",
            json!({}),
            Some("wk"),
            403,
            "scope_insufficient",
        ),
        (
            "/v1/train",
            json!({"services": ["x"]}),
            Some("ak"),
            400,
            "invalid_field",
        ),
    ] {
        let bearer = key.map(|key| format!("Bearer {key}"));
        let headers: Vec<_> = bearer
            .iter()
            .map(|value| ("authorization", value.as_str()))
            .collect();
        let answer = shop.send(post(path, &body, &headers)).await;
        assert_eq!(
            answer.status.as_u16(),
            status,
            "{path} {key:?}: {}",
            answer.text
        );
        if !code.is_empty() {
            assert_eq!(answer.code(), code, "{path} {key:?}");
        }
    }
    assert_eq!(shop.get("/healthz").await.status, StatusCode::OK);
    assert_eq!(shop.get("/").await.status, StatusCode::OK);
    let console = shop.get("/console").await;
    assert_eq!(console.status, StatusCode::SEE_OTHER);
    assert_eq!(console.headers[header::LOCATION], "/console/sign-in");
}

#[tokio::test]
async fn a_foreign_page_cannot_write_to_an_open_server() {
    let shop = Shop::open(&[]).await;
    let body = json!({"events": []});
    let from = |origin| [("host", "127.0.0.1:7878"), ("origin", origin)];
    let foreign = shop
        .send(post("/v1/events", &body, &from("https://evil.example")))
        .await;
    assert_eq!(foreign.code(), "foreign_origin");
    let own = shop
        .send(post("/v1/events", &body, &from("http://127.0.0.1:7878")))
        .await;
    assert_eq!(own.status, StatusCode::OK);
}

#[tokio::test]
async fn every_documented_route_is_routed() {
    let shop = Shop::open(&[]).await;
    for endpoint in super::super::endpoints() {
        let path = endpoint.path.replace(['{', '}'], "");
        let request = Request::builder()
            .method(endpoint.verb.name().to_uppercase().as_str())
            .uri(&path)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from("[]"))
            .unwrap();
        let answer = shop.send(request).await;
        assert_ne!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert!(
            answer.status != StatusCode::NOT_FOUND || answer.code() != "not_found",
            "{path}"
        );
        assert_ne!(
            answer.status,
            StatusCode::INTERNAL_SERVER_ERROR,
            "{path}: {}",
            answer.text
        );
    }
    let document = shop.get("/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let documented: usize = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .map(|path| path.as_object().unwrap().len())
        .sum();
    assert_eq!(documented, super::super::endpoints().len());
    assert!(shop.get("/docs").await.text.contains("/v1/search"));
}
