//! `POST /v1/import/{kind}`: a file in the body, imported after the answer.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::body::Body;
use axum::extract::{Path as PathParameter, State};
use axum::http::StatusCode;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use shop::{Id, Kind};
use tokio::io::AsyncWriteExt;

use super::accepted;
use super::endpoint::Endpoint;
use super::error::{ApiError, Code};
use super::openapi::schema;
use super::tasks::begin;
use crate::app::{App, Task, TaskProgress, fresh_id, now};
use crate::config::Scope;
use crate::ingest::{ImportOptions, IngestError, import};

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

/// Ends the name of a file that is still being received.
const UNFINISHED: &str = "part";

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
    kind_of(&kind)?;
    let (id, folder) = (fresh_id(), uploads(&app));
    let part = receive(&folder, &id, body).await?;
    let whole = folder.join(format!("{id}.{kind}"));
    keep(&folder, part, &whole)
        .await
        .map_err(|error| ApiError::disk(&error))?;
    Ok(accepted(json!(begin_import(&app, id, whole)?)))
}

/// Imports what was acknowledged before the server ended: rows that are stored
/// already change nothing. What had not been received whole is deleted.
pub fn resume(app: &Arc<App>) {
    let Ok(files) = std::fs::read_dir(uploads(app)) else {
        return;
    };
    let mut files: Vec<PathBuf> = files.flatten().map(|file| file.path()).collect();
    // Ids are in the order of time.
    files.sort_unstable();
    for file in files {
        let id = file.file_stem().and_then(|id| Id::new(id.to_str()?).ok());
        let kind = file.extension().and_then(|kind| kind.to_str());
        match (id, kind.map(kind_of)) {
            (Some(id), Some(Ok(_))) => {
                tracing::info!(task = %id, "an import goes on that the last end cut off");
                // Imports do not stand alone: nothing refuses them.
                let _ = begin_import(app, id, file);
            }
            _ => drop(Upload(file)),
        }
    }
}

fn uploads(app: &App) -> PathBuf {
    app.store.folder().join("work").join("uploads")
}

/// Puts a received file where it is found again after a crash.
async fn keep(folder: &Path, part: Upload, whole: &Path) -> std::io::Result<()> {
    tokio::fs::rename(&part.0, whole).await?;
    let folder = tokio::fs::File::open(folder).await?;
    folder.sync_all().await
}

/// Begins to import a file whose name holds the kind of its rows.
fn begin_import(app: &Arc<App>, id: Id, file: PathBuf) -> Result<Task, ApiError> {
    let kind = file.extension().and_then(|kind| kind.to_str());
    let as_kind = kind_of(kind.unwrap_or_default())?;
    begin(app, id, "import", false, |id| {
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
            let report = import(&store, &file, &options, &rejected_file, &progress).await;
            match report {
                Ok(report) => {
                    drop(Upload(file));
                    let mut report = json!(report);
                    // The file has a name of ours that says nothing to the caller.
                    report["file"] = json!("upload");
                    Ok(report)
                }
                // The rows are good and could not be stored: they wait.
                Err(error @ IngestError::Store(_)) => Err(format!(
                    "{error}; the upload is kept and imported when the server starts again"
                )),
                Err(error) => {
                    let name = file.display().to_string();
                    drop(Upload(file));
                    Err(error.to_string().replace(&name, "the upload"))
                }
            }
        }
    })
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

/// Writes the body to a file piece by piece, whatever its length, and to the
/// disk.
async fn receive(folder: &Path, id: &Id, mut body: Body) -> Result<Upload, ApiError> {
    let full = |error: std::io::Error| ApiError::disk(&error);
    tokio::fs::create_dir_all(folder).await.map_err(full)?;
    let upload = Upload(folder.join(format!("{id}.{UNFINISHED}")));
    let mut file = tokio::fs::File::create(&upload.0).await.map_err(full)?;
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
        file.write_all(&data).await.map_err(full)?;
    }
    file.flush().await.map_err(full)?;
    file.sync_all().await.map_err(full)?;
    Ok(upload)
}
