//! Whether the process lives, and whether it should be given requests.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use shop::Service;

use crate::app::App;

/// That the process lives.
#[derive(Serialize, JsonSchema)]
pub struct Alive {
    status: &'static str,
    version: &'static str,
}

/// `GET /healthz`: the process answers.
pub async fn healthz() -> Json<Alive> {
    Json(Alive {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
    })
}

/// `GET /readyz`: the store is open and no shutdown has begun. Services whose
/// model is not trained yet are named; they do not make the server unready, nor
/// does a damaged model, whose place an older one takes: `alarms` says so.
pub async fn readyz(State(app): State<Arc<App>>) -> (StatusCode, Json<Value>) {
    let stopping = app.is_stopping();
    let loaded = app.loaded();
    let services: serde_json::Map<String, Value> = Service::ALL
        .into_iter()
        .map(|service| (service.name().to_owned(), json!(loaded.version(service))))
        .collect();
    let (status, word) = if stopping {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping")
    } else {
        (StatusCode::OK, "ready")
    };
    let sequence = app.snapshot().sequence;
    (
        status,
        Json(
            json!({"status": word, "sequence": sequence, "models": services,
                "alarms": loaded.alarms(&app.snapshot()),
            }),
        ),
    )
}
