//! The interface from outside: requests in, answers and state out.

mod assistant;
mod chat;
mod checkout;
mod confirmations;
mod curation;
mod description;
mod errors;
mod events;
mod hooks;
mod imports;
mod live;
mod models;
mod offers;
mod openai;
mod records;
mod security;
mod serving;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::Response;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use shop::{Kind, Record};
use store::{Entry, NewEntry, Store};
use tower::ServiceExt;

use super::router;
use crate::app::{App, now};
use crate::config::{ApiKey, Config, Scope};

/// A small shop in a folder of its own.
pub(super) struct Shop {
    pub(super) app: Arc<App>,
    pub(super) router: Router,
    folder: tempfile::TempDir,
}

/// An answer, read to its end.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(super) fn code(&self) -> String {
        self.json()["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

fn records() -> Vec<(Kind, Value)> {
    let product = |id: &str, title: &str, category: &str, amount: i64| {
        let row = json!({
            "id": id,
            "title": title,
            "category": [category],
            "price": {"amount": amount, "currency": "USD"},
        });
        (Kind::Products, row)
    };
    vec![
        product("p1", "Red kettle", "Kitchen", 2_500),
        product("p2", "Blue kettle", "Kitchen", 3_000),
        product("p3", "Green tea", "Food", 900),
        product("p4", "绿茶 茶叶", "Food", 1_200),
        (Kind::Customers, json!({"id": "c1", "name": "Ada"})),
        (Kind::Customers, json!({"id": "c2", "name": "Bo"})),
        (
            Kind::Documents,
            json!({
                "id": "returns",
                "title": "Returns",
                "kind": "policy",
                "language": "en",
                "text": "You can return any product within 30 days of delivery. \
                         The refund is paid within 5 days.",
            }),
        ),
    ]
}

/// Waits until the tasks of the process before have let go of the folder.
async fn reopened(folder: &std::path::Path) -> Store {
    for _ in 0..500 {
        match Store::open(folder).await {
            Ok(store) => return store,
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
    }
    panic!("the store is still in use");
}

impl Shop {
    /// A shop with these keys, or without any one that is open.
    pub(super) async fn open(keys: &[(Scope, &str)]) -> Self {
        let keys = keys.iter().map(|(scope, key)| ApiKey {
            scope: *scope,
            key: (*key).into(),
            origins: Vec::new(),
        });
        let keys: Vec<_> = keys.collect();
        Self::with(Config {
            open: keys.is_empty(),
            keys,
            ..Config::default()
        })
        .await
    }

    /// A shop with this configuration.
    pub(super) async fn with(config: Config) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let entries = records().into_iter().map(|(kind, row)| {
            let Value::Object(fields) = row else {
                unreachable!()
            };
            let record = Record::from_json(kind, fields, now()).unwrap();
            NewEntry {
                id: None,
                entry: Entry::Record(record),
            }
        });
        store.append(entries.collect()).await.unwrap();
        let app = App::start(Arc::new(store), config).await;
        Self {
            router: router(app.clone()),
            app,
            folder,
        }
    }

    /// The same shop after its process has ended and begun again.
    pub(super) async fn restarted(self) -> Self {
        self.app.flush().await;
        self.app.begin_stop();
        let config = self.app.config.clone();
        drop((self.router, self.app));
        let store = reopened(self.folder.path()).await;
        let app = App::start(Arc::new(store), config).await;
        Self {
            router: router(app.clone()),
            app,
            folder: self.folder,
        }
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        let (verb, path) = (request.method().clone(), request.uri().path().to_owned());
        let answer = read(self.router.clone().oneshot(request).await.unwrap()).await;
        description::assert_described(&verb, &path, &answer);
        answer
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap())
            .await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(post(path, &body, &[])).await
    }
}

pub(super) fn post(path: &str, body: &Value, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from(body.to_string())).unwrap()
}

async fn read(response: Response) -> Answer {
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Answer {
        status: parts.status,
        headers: parts.headers,
        text: String::from_utf8(bytes.to_vec()).unwrap(),
    }
}
