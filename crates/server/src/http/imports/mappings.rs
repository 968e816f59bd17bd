//! `/v1/mappings`: what was said of the columns of files.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use ingest::SavedMapping;
use schemars::JsonSchema;
use serde::Serialize;

use crate::app::App;
use crate::config::Scope;
use crate::http::endpoint::Endpoint;
use crate::http::error::{ApiError, Code};
use crate::http::extract::Named;

/// The routes of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    let scope = Some(Scope::Write);
    vec![
        Endpoint::get(
            "/v1/mappings",
            scope,
            "What was said of the columns of files; it goes for files with the same columns",
            list,
        )
        .answers::<Saved>(),
        Endpoint::delete(
            "/v1/mappings/{name}",
            scope,
            "Deletes a saved mapping",
            delete,
        )
        .answers::<Deleted>(),
    ]
}

/// The saved mappings, in the order in which they were saved.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SavedMappings")]
struct Saved {
    mappings: Vec<SavedMapping>,
}

/// A mapping that is no longer there.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DeletedMapping")]
struct Deleted {
    name: String,
    deleted: bool,
}

async fn list(State(app): State<Arc<App>>) -> Json<Saved> {
    Json(Saved {
        mappings: app.mappings.list(),
    })
}

async fn delete(
    State(app): State<Arc<App>>,
    Named(name): Named<String>,
) -> Result<Json<Deleted>, ApiError> {
    let deleted = app.mappings.delete(&name).map_err(ApiError::internal)?;
    if !deleted {
        let message = format!("no mapping is called {name:?}");
        return Err(ApiError::new(Code::UnknownRecord, message));
    }
    Ok(Json(Deleted { name, deleted }))
}
