//! Who may do what, and how much, seen from outside.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{Answer, Shop, post};
use crate::app::now;
use crate::config::{ApiKey, Config, Scope};

const ORIGIN: &str = "https://shop.example";

fn key(scope: Scope, key: &str, origins: &[&str]) -> ApiKey {
    ApiKey {
        scope,
        key: key.into(),
        origins: origins.iter().map(|origin| (*origin).to_owned()).collect(),
    }
}

fn keys() -> Vec<ApiKey> {
    vec![
        key(Scope::Public, "pk", &[ORIGIN]),
        key(Scope::Write, "wk", &[]),
        key(Scope::Admin, "ak", &[]),
    ]
}

async fn closed() -> Shop {
    Shop::with(Config {
        keys: keys(),
        ..Config::default()
    })
    .await
}

fn request(method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from(body.to_owned())).unwrap()
}

fn form(path: &str, body: &str) -> Request<Body> {
    let form = [("content-type", "application/x-www-form-urlencoded")];
    request(Method::POST, path, &form, body)
}

/// The first cookie that an answer sets, as a browser sends it back.
fn cookie(answer: &Answer, name: &str) -> String {
    let set = answer.headers.get_all(header::SET_COOKIE);
    let set = set.iter().map(|value| value.to_str().unwrap());
    set.filter_map(|text| text.split(';').next())
        .find(|pair| pair.starts_with(&format!("{name}=")))
        .unwrap_or_else(|| panic!("{name} is not among {:?}", answer.headers))
        .to_owned()
}

async fn signed_in(shop: &Shop) -> String {
    let answer = shop.send(form("/console/sign-in", "key=ak")).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    cookie(&answer, "console")
}

#[tokio::test]
async fn without_a_key_nobody_is_an_administrator() {
    let shop = Shop::with(Config::default()).await;
    for path in [
        "/v1/campaigns",
        "/v1/conversations",
        "/v1/audit",
        "/v1/keys",
    ] {
        assert_eq!(shop.get(path).await.code(), "missing_key", "{path}");
    }
    assert_eq!(shop.get("/console").await.status, StatusCode::SEE_OTHER);
    let coupon = json!({"code": "ALL", "discount": {"type": "percent", "basis_points": 10_000}});
    let answer = shop.post("/v1/campaigns", coupon).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_cookie_of_the_console_is_not_the_key() {
    let shop = closed().await;
    let cookie = signed_in(&shop).await;
    assert!(!cookie.contains("ak"), "{cookie}");
    let console = request(Method::GET, "/console", &[("cookie", &cookie)], "");
    assert_eq!(shop.send(console).await.status, StatusCode::OK);
    let key = request(Method::GET, "/console", &[("cookie", "console=ak")], "");
    assert_eq!(shop.send(key).await.status, StatusCode::SEE_OTHER);
    let sign_out = request(
        Method::POST,
        "/console/sign-out",
        &[("cookie", &cookie)],
        "",
    );
    shop.send(sign_out).await;
    let after = request(Method::GET, "/console", &[("cookie", &cookie)], "");
    assert_eq!(shop.send(after).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_link_opens_the_console_once() {
    let shop = Shop::with(Config::default()).await;
    let token = shop.app.gate.keys.create_link(now()).unwrap();
    let path = format!("/console/sign-in?token={}", token.expose_secret());
    let first = shop.get(&path).await;
    assert_eq!(first.status, StatusCode::SEE_OTHER);
    assert_eq!(first.headers[header::REFERRER_POLICY], "no-referrer");
    let cookie = cookie(&first, "console");
    let console = request(Method::GET, "/console", &[("cookie", &cookie)], "");
    assert_eq!(shop.send(console).await.status, StatusCode::OK);
    let second = shop.get(&path).await;
    assert_eq!(second.status, StatusCode::UNAUTHORIZED);
    assert!(
        second
            .headers
            .get_all(header::SET_COOKIE)
            .iter()
            .all(|cookie| { !cookie.to_str().unwrap().starts_with("console=") })
    );
}

#[tokio::test]
async fn a_hundred_wrong_keys_in_a_row_are_not_heard() {
    let shop = closed().await;
    let mut heard = 0;
    for number in 0..100 {
        let answer = shop
            .send(form("/console/sign-in", &format!("key=k{number}")))
            .await;
        heard += usize::from(answer.status == StatusCode::UNAUTHORIZED);
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            assert!(answer.headers.contains_key(header::RETRY_AFTER));
        }
    }
    assert!(heard <= 12, "{heard} of 100 were heard");
}

#[tokio::test]
async fn a_cookie_is_worth_nothing_to_pages_of_others() {
    let shop = closed().await;
    let cookie = signed_in(&shop).await;
    let coupon = |code: &str| {
        json!({"code": code, "discount": {"type": "percent", "basis_points": 10_000}}).to_string()
    };
    let host = ("host", "shop.example");
    for (headers, code) in [
        (
            vec![
                ("content-type", "text/plain"),
                ("origin", "https://blog.shop.example"),
            ],
            "foreign_origin",
        ),
        (
            vec![("content-type", "text/plain")],
            "unsupported_media_type",
        ),
        (
            vec![
                ("content-type", "application/json"),
                ("origin", "https://blog.shop.example"),
            ],
            "foreign_origin",
        ),
        (
            vec![
                ("content-type", "application/json"),
                ("sec-fetch-site", "same-site"),
            ],
            "foreign_origin",
        ),
        (
            vec![("content-type", "application/json"), ("origin", ORIGIN)],
            "",
        ),
    ] {
        let mut all = headers.clone();
        all.extend([host, ("cookie", cookie.as_str())]);
        let sent = request(Method::POST, "/v1/campaigns", &all, &coupon("ALL"));
        let answer = shop.send(sent).await;
        if code.is_empty() {
            assert!(answer.status.is_success(), "{}", answer.text);
        } else {
            assert_eq!(answer.code(), code, "{headers:?}: {}", answer.text);
        }
    }
    // Pages that take forms look at the origin too.
    let sent = request(
        Method::POST,
        "/console/sign-in",
        &[
            host,
            ("content-type", "application/x-www-form-urlencoded"),
            ("origin", "https://evil.example"),
        ],
        "key=ak",
    );
    assert_eq!(shop.send(sent).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_public_key_serves_the_pages_of_its_origin() {
    let shop = closed().await;
    let asked = |origin: &str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            (
                "access-control-request-headers",
                "authorization,content-type",
            ),
        ];
        request(Method::OPTIONS, "/v1/search", &headers, "")
    };
    let allowed = shop.send(asked(ORIGIN)).await;
    assert!(allowed.status.is_success());
    assert_eq!(allowed.headers["access-control-allow-origin"], ORIGIN);
    assert!(
        !allowed
            .headers
            .contains_key("access-control-allow-credentials")
    );
    let vary = allowed.headers.get_all(header::VARY).iter();
    assert!(
        vary.map(|value| value.to_str().unwrap())
            .any(|value| value.contains("origin"))
    );
    let others = shop.send(asked("https://evil.example")).await;
    assert!(!others.headers.contains_key("access-control-allow-origin"));

    let body = json!({"q": "kettle"});
    for (bearer, origin, status) in [
        ("Bearer pk", ORIGIN, StatusCode::OK),
        ("Bearer pk", "https://evil.example", StatusCode::FORBIDDEN),
        // A key for servers is not for pages.
        ("Bearer wk", ORIGIN, StatusCode::FORBIDDEN),
    ] {
        let headers = [
            ("authorization", bearer),
            ("origin", origin),
            ("host", "api.example"),
        ];
        let answer = shop.send(post("/v1/search", &body, &headers)).await;
        assert_eq!(answer.status, status, "{bearer} {origin}: {}", answer.text);
        let shown = answer.headers.get("access-control-allow-origin");
        assert_eq!(shown.is_some(), origin == ORIGIN);
    }
}

#[tokio::test]
async fn visitors_of_our_pages_need_no_key() {
    let shop = closed().await;
    let page = shop.get("/").await;
    let set = page.headers[header::SET_COOKIE].to_str().unwrap();
    for attribute in ["HttpOnly", "SameSite=Lax"] {
        assert!(set.contains(attribute), "{set}");
    }
    assert!(!set.contains("Secure"), "{set}");
    let session = cookie(&page, "session");
    let body = json!({"q": "kettle"});
    let found = shop
        .send(post("/v1/search", &body, &[("cookie", &session)]))
        .await;
    assert_eq!(found.status, StatusCode::OK);
    let made_up = shop
        .send(post("/v1/search", &body, &[("cookie", "session=a.b")]))
        .await;
    assert_eq!(made_up.code(), "missing_key");
    let other = json!({"q": "kettle", "customer": "c1"});
    let refused = shop
        .send(post("/v1/search", &other, &[("cookie", &session)]))
        .await;
    assert_eq!(refused.code(), "customer_not_verified");
    let records = request(
        Method::GET,
        "/v1/conversations",
        &[("cookie", &session)],
        "",
    );
    assert_eq!(shop.send(records).await.code(), "missing_key");
}

#[tokio::test]
async fn programs_get_a_session_for_a_visitor() {
    let shop = closed().await;
    let made = shop
        .send(post(
            "/v1/sessions",
            &json!({}),
            &[("authorization", "Bearer pk")],
        ))
        .await;
    let token = made.json()["token"].as_str().unwrap().to_owned();
    assert!(token.starts_with(made.json()["session"].as_str().unwrap()));
    let found = post(
        "/v1/search",
        &json!({"q": "tea"}),
        &[("x-session-token", &token)],
    );
    assert_eq!(shop.send(found).await.status, StatusCode::OK);
}

#[tokio::test]
async fn every_page_keeps_a_strict_policy() {
    let shop = Shop::open(&[]).await;
    for path in [
        "/",
        "/?q=kettle",
        "/products/p1",
        "/docs",
        "/console",
        "/console/search",
        "/console/rules",
        "/console/inbox",
        "/console/conversations",
        "/console/insight",
        "/console/models",
        "/console/offers",
        "/console/decisions",
        "/console/sign-in",
    ] {
        let page = shop.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        let policy = page.headers[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap();
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(page.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert!(page.headers.contains_key(header::REFERRER_POLICY), "{path}");
        // Nothing that the policy would keep from working.
        for inline in [
            " style=\"",
            "<style",
            " onclick=",
            " onload=",
            "<script>",
            "javascript:",
        ] {
            assert!(!page.text.contains(inline), "{path}: {inline}");
        }
    }
    for script in ["/assets/shop.js", "/assets/console.js"] {
        assert!(
            !shop.get(script).await.text.contains("style=\""),
            "{script}"
        );
    }
}

#[tokio::test]
async fn nobody_is_sent_to_another_site() {
    let shop = Shop::open(&[]).await;
    for (back, location) in [
        ("/products/p1", "/products/p1"),
        ("//evil.example", "/"),
        ("/%5C%5Cevil.example", "/"),
        ("/%5Cevil.example", "/"),
        ("/%09/evil.example", "/"),
        ("https://evil.example", "/"),
    ] {
        let answer = shop
            .send(form("/customer", &format!("customer=c1&back={back}")))
            .await;
        assert_eq!(answer.headers[header::LOCATION], location, "{back}");
    }
}

#[tokio::test]
async fn a_customers_token_holds_as_long_as_it_was_asked_for() {
    let shop = closed().await;
    let asked = |body: Value| {
        let headers = [("authorization", "Bearer wk")];
        post("/v1/customers/c1/token", &body, &headers)
    };
    let before = now().as_seconds();
    let short = shop.send(asked(json!({"seconds": 1}))).await.json();
    let expires: shop::Timestamp = short["expires_at"].as_str().unwrap().parse().unwrap();
    assert!((before + 1..before + 60).contains(&expires.as_seconds()));
    for seconds in [json!(0), json!(-1), json!(86_401), json!("1")] {
        let answer = shop.send(asked(json!({"seconds": seconds}))).await;
        assert_eq!(answer.code(), "invalid_field", "{seconds}");
    }
    let customer = shop::Id::new("c1").unwrap();
    let signer = &shop.app.gate.signer;
    let next_year = now().plus_seconds(365 * 86_400);
    for (token, status) in [
        (
            signer.sign(&customer, now(), now().plus_seconds(60)),
            StatusCode::OK,
        ),
        (
            signer.sign(&customer, now(), next_year),
            StatusCode::UNAUTHORIZED,
        ),
        (
            signer.sign(&customer, next_year, next_year.plus_seconds(60)),
            StatusCode::UNAUTHORIZED,
        ),
    ] {
        let body = json!({"q": "tea"});
        let answer = shop
            .send(post("/v1/search", &body, &[("x-customer-token", &token)]))
            .await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }
}

#[tokio::test]
async fn every_caller_has_a_limit_and_is_told_what_is_left() {
    let shop = Shop::with(Config {
        keys: keys(),
        requests_per_minute_address: 3,
        requests_per_minute_customer: 3,
        requests_per_minute_key: 3,
        ..Config::default()
    })
    .await;
    let customer = shop::Id::new("c1").unwrap();
    let token = shop
        .app
        .gate
        .signer
        .sign(&customer, now(), now().plus_seconds(60));
    for headers in [
        vec![("authorization", "Bearer pk")],
        vec![("authorization", "Bearer wk")],
        vec![("x-customer-token", token.as_str())],
    ] {
        for left in ["2", "1", "0"] {
            let answer = shop
                .send(post("/v1/search", &json!({"q": "tea"}), &headers))
                .await;
            assert_eq!(answer.status, StatusCode::OK);
            assert_eq!(answer.headers["ratelimit-limit"], "3");
            assert_eq!(answer.headers["ratelimit-remaining"], left);
        }
        let answer = shop
            .send(post("/v1/search", &json!({"q": "tea"}), &headers))
            .await;
        assert_eq!(answer.code(), "rate_limited", "{headers:?}");
        let wait: u64 = answer.headers[header::RETRY_AFTER]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!((1..=61).contains(&wait));
    }
    // Guesses of a key count for the address, which has none left.
    let guess = post(
        "/v1/search",
        &json!({}),
        &[("authorization", "Bearer guess")],
    );
    assert_eq!(shop.send(guess).await.code(), "rate_limited");
    assert_eq!(shop.get("/healthz").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_new_session_does_not_begin_a_new_limit_of_the_chat() {
    let shop = closed().await;
    let mut refused = 0;
    for number in 0..60 {
        let body = json!({"message": "?", "session": format!("made-up-{number}")});
        let answer = shop
            .send(post("/v1/chat", &body, &[("authorization", "Bearer pk")]))
            .await;
        refused += usize::from(answer.status == StatusCode::TOO_MANY_REQUESTS);
    }
    assert!(refused >= 20, "{refused} of 60 were refused");
}

#[tokio::test]
async fn an_idempotency_key_belongs_to_its_caller_and_to_who_may_write() {
    let shop = closed().await;
    let body = json!({"events": [{"type": "view", "product_id": "p1", "session_id": "s"}]});
    let send = |bearer: &'static str, body: &Value| {
        let headers = [("authorization", bearer), ("idempotency-key", "k1")];
        post("/v1/events", body, &headers)
    };
    // Who may not write leaves nothing behind.
    let headers = [("idempotency-key", "k1")];
    let nobody = shop.send(post("/v1/events", &body, &headers)).await;
    assert_eq!(nobody.code(), "missing_key");
    let first = shop.send(send("Bearer pk", &body)).await;
    assert_eq!(first.json()["accepted"], 1, "{}", first.text);
    let again = shop.send(send("Bearer pk", &body)).await;
    assert_eq!(again.headers["idempotency-replayed"], "true");
    let changed = json!({"events": []});
    let reused = shop.send(send("Bearer pk", &changed)).await;
    assert_eq!(reused.code(), "idempotency_key_reused");
    // Another caller's key of the same name is another key.
    let other = shop.send(send("Bearer wk", &changed)).await;
    assert_eq!(other.status, StatusCode::OK, "{}", other.text);
    assert!(!other.headers.contains_key("idempotency-replayed"));
}

#[tokio::test]
async fn keys_are_made_listed_and_ended_over_http() {
    let shop = closed().await;
    let admin = ("authorization", "Bearer ak");
    let wanted = json!({"scope": "public", "name": "web", "origins": ["https://Web.example/"]});
    let made = shop.send(post("/v1/keys", &wanted, &[admin])).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let made = made.json();
    assert_eq!(made["origins"], json!(["https://web.example"]));
    let bearer = format!("Bearer {}", made["key"].as_str().unwrap());
    let search = || {
        post(
            "/v1/search",
            &json!({"q": "tea"}),
            &[("authorization", &bearer)],
        )
    };
    assert_eq!(shop.send(search()).await.status, StatusCode::OK);

    let list = shop
        .send(request(Method::GET, "/v1/keys", &[admin], ""))
        .await;
    assert_eq!(list.json()["keys"].as_array().unwrap().len(), 4);
    for secret in [made["key"].as_str().unwrap(), "\"pk\"", "sha256"] {
        assert!(!list.text.contains(secret), "{}", list.text);
    }
    let path = format!("/v1/keys/{}", made["id"].as_str().unwrap());
    let end = || request(Method::DELETE, &path, &[admin], "");
    assert_eq!(shop.send(end()).await.status, StatusCode::OK);
    assert_eq!(shop.send(end()).await.code(), "unknown_key");
    assert_eq!(shop.send(search()).await.code(), "invalid_key");

    for (wanted, param) in [
        (json!({"scope": "root"}), None),
        (
            json!({"scope": "public", "origins": ["*"]}),
            Some("origins[0]"),
        ),
    ] {
        let refused = shop.send(post("/v1/keys", &wanted, &[admin])).await;
        assert_eq!(refused.code(), "invalid_field", "{}", refused.text);
        if let Some(param) = param {
            assert_eq!(refused.json()["error"]["param"], param);
        }
    }
    let writer = post(
        "/v1/keys",
        &json!({"scope": "admin"}),
        &[("authorization", "Bearer wk")],
    );
    assert_eq!(shop.send(writer).await.code(), "scope_insufficient");
}

#[tokio::test]
async fn behind_a_trusted_proxy_cookies_are_secure() {
    let shop = Shop::with(Config {
        trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
        ..Config::default()
    })
    .await;
    let from = |peer: [u8; 4]| {
        let mut sent = request(Method::GET, "/", &[("x-forwarded-proto", "https")], "");
        let peer = std::net::SocketAddr::from((peer, 1));
        sent.extensions_mut()
            .insert(axum::extract::ConnectInfo(peer));
        sent
    };
    for (peer, is_secure) in [([10, 0, 0, 1], true), ([9, 9, 9, 9], false)] {
        let page = shop.send(from(peer)).await;
        let set = page.headers[header::SET_COOKIE].to_str().unwrap();
        assert_eq!(set.contains("Secure"), is_secure, "{peer:?}: {set}");
    }
}
