//! `POST /v1/import/{kind}`: a file in the body, imported after the answer.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::body::Body;
use axum::extract::{Path as PathParameter, State};
use axum::http::StatusCode;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use shop::Kind;
use tokio::io::AsyncWriteExt;

use super::accepted;
use super::endpoint::Endpoint;
use super::error::{ApiError, Code};
use super::openapi::schema;
use super::tasks::begin;
use crate::app::{App, TaskProgress, fresh_id, now};
use crate::config::Scope;
use crate::ingest::{ImportOptions, import};

/// The most that one upload may hold.
const MAXIMUM_UPLOAD_BYTES: u64 = 8 << 30;

/// The routes of this file.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post(
            "/v1/import/{kind}",
            Some(Scope::Write),
            "Imports a file (JSON Lines, CSV, TSV, XML; plain, gzip or Zstandard) of one kind, or `auto`; \
             the task lists rejected rows",
            upload,
        )
        .body(json!({"type": "string", "format": "binary"}))
        .answers(schema("Task")),
    ]
}

/// A file that is gone when nobody needs it any more.
struct Upload(PathBuf);

impl Drop for Upload {
    fn drop(&mut self) {
        // What cannot be deleted now is deleted with the folder.
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn upload(
    State(app): State<Arc<App>>,
    PathParameter(kind): PathParameter<String>,
    body: Body,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let as_kind = kind_of(&kind)?;
    let folder = app.store.folder().join("work").join("uploads");
    let upload = receive(&folder, body).await?;
    let task = begin(&app, "import", false, |id| {
        let (store, tasks) = (app.store.clone(), app.tasks.clone());
        let currency = Some(app.config.currency);
        async move {
            let options = ImportOptions {
                as_kind,
                now: now(),
                currency,
            };
            let rejected_file = store.folder().join("rejected.jsonl");
            let progress = TaskProgress {
                tasks,
                id,
                stage: Mutex::default(),
            };
            let report = import(&store, &upload.0, &options, &rejected_file, &progress).await;
            // The file has a name of ours that says nothing to the caller.
            match report {
                Ok(report) => {
                    let mut report = json!(report);
                    report["file"] = json!("upload");
                    Ok(report)
                }
                Err(error) => {
                    let name = upload.0.display().to_string();
                    Err(error.to_string().replace(&name, "the upload"))
                }
            }
        }
    })?;
    Ok(accepted(json!(task)))
}

/// The kind that the path names; `auto` finds it by content.
fn kind_of(name: &str) -> Result<Option<Kind>, ApiError> {
    if name == "auto" {
        return Ok(None);
    }
    Kind::from_name(name).map(Some).ok_or_else(|| {
        let names: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        ApiError::field(
            "kind",
            format!("{name:?} is none of auto, {}", names.join(", ")),
        )
    })
}

/// Writes the body to a file piece by piece, whatever its length.
async fn receive(folder: &Path, mut body: Body) -> Result<Upload, ApiError> {
    tokio::fs::create_dir_all(folder)
        .await
        .map_err(ApiError::internal)?;
    let upload = Upload(folder.join(fresh_id().as_str()));
    let mut file = tokio::fs::File::create(&upload.0)
        .await
        .map_err(ApiError::internal)?;
    let mut length = 0_u64;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            ApiError::new(
                Code::MalformedJson,
                format!("the upload broke off: {error}"),
            )
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        length += data.len() as u64;
        if length > MAXIMUM_UPLOAD_BYTES {
            let message = format!("the upload is longer than {MAXIMUM_UPLOAD_BYTES} bytes");
            return Err(ApiError::new(Code::BodyTooLarge, message));
        }
        file.write_all(&data).await.map_err(ApiError::internal)?;
    }
    file.flush().await.map_err(ApiError::internal)?;
    Ok(upload)
}
