//! `POST /v1/import/{kind}`: a file in the body, imported after the answer.

mod asked;
mod mappings;
mod uploads;

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use ingest::{ImportOptions, ImportReport, IngestError, SavedMapping, import};
use serde_json::{Value, json};
use shop::Id;
use store::StoreError;

use super::endpoint::Endpoint;
use super::error::ApiError;
use super::extract::{Named, Query};
use super::tasks::begin;
use crate::app::{App, Task, TaskProgress, fresh_id, now};
use crate::config::Scope;
use crate::suggested_mapping;
use asked::{ImportAsked, ImportKind, kind_of};

/// The routes of this folder.
pub fn endpoints() -> Vec<Endpoint> {
    let mut endpoints = vec![
        Endpoint::post(
            "/v1/import/{kind}",
            Some(Scope::Write),
            "Imports a file (JSON, CSV, TSV, XLSX, ODS, Parquet, XML feed, document, ZIP; plain, gzip or Zstandard) of \
             one kind, or `auto`; the task lists rejected rows",
            upload,
        )
        .answers::<Task>()
        .status(202),
    ];
    endpoints.extend(mappings::endpoints());
    endpoints
}

/// How long an import waits for a disk that cannot take it.
const DISK_WAIT: Duration = Duration::from_secs(3);

async fn upload(
    State(app): State<Arc<App>>,
    Named(kind): Named<ImportKind>,
    Query(asked): Query<ImportAsked>,
    body: Body,
) -> Result<(StatusCode, Json<Task>), ApiError> {
    let kind = kind.0;
    // What is wrong with it is said now, not by the task.
    asked.options(&app, kind_of(&kind)?)?;
    let id = fresh_id();
    let whole = uploads::take(&app, &id, &kind, &asked, body).await?;
    let task = begin(&app, id.clone(), "import", false, |id| {
        let (app, file) = (app.clone(), whole.clone());
        async move {
            let turn = app.imports.clone();
            let _turn = turn.lock().await;
            import_upload(&app, &id, &file).await
        }
    });
    if task.is_err() {
        uploads::discard(&app, &id, &whole);
    }
    Ok((StatusCode::ACCEPTED, Json(task?)))
}

/// Imports what was acknowledged before the server ended, in its order and
/// before what comes now.
pub fn resume(app: &Arc<App>) {
    let cut_off = uploads::cut_off(app);
    for one in &cut_off {
        app.tasks.begin(one.id.clone(), "import", false, now());
    }
    let Ok(turn) = app.imports.clone().try_lock_owned() else {
        return;
    };
    let app = app.clone();
    tokio::spawn(async move {
        let _turn = turn;
        for one in cut_off {
            tracing::info!(task = %one.id, "an import goes on that was cut off");
            // What only waited for its turn has not taken the server down.
            let outcome = match one.once_more() {
                Ok(tried) => {
                    let outcome = import_upload(&app, &one.id, &tried).await;
                    one.was_no_try(&tried);
                    outcome
                }
                Err(reason) => Err(reason),
            };
            app.tasks.finish(&one.id, outcome, now());
        }
    });
}

/// Imports an upload and deletes it, unless it is to be kept. Where the disk
/// cannot take it, it waits: the rows are good, and were acknowledged.
async fn import_upload(app: &App, id: &Id, file: &Path) -> Result<Value, String> {
    use StoreError::{Closed, Disk, DiskFull};
    let stop = app.tasks.stop_flag();
    let asked = ImportAsked::of(&uploads::folder(app), id);
    loop {
        let report = import_once(app, id, file, &asked).await;
        let waits = matches!(
            report,
            Err(IngestError::Store(DiskFull(_) | Disk { .. } | Closed)
                | IngestError::RejectedFile { .. })
        );
        match report {
            Err(error) if waits => {
                app.tasks.progress(id, format!("waits: {error}"), None);
                tokio::time::sleep(DISK_WAIT).await;
                if stop.load(Ordering::Relaxed) {
                    return Err(format!("{error}; it goes on when the server starts again"));
                }
            }
            Err(error) => {
                finished(app, id, file, asked.keep);
                let name = file.display().to_string();
                return Err(error.to_string().replace(&name, "the upload"));
            }
            Ok(report) => {
                let stored = !asked.dry_run && report.needs.is_empty();
                finished(app, id, file, asked.keep && !stored);
                if !asked.dry_run && !report.needs.is_empty() {
                    return Err(report.questions.join("; "));
                }
                let mut report = json!(report);
                // The file has a name of ours that says nothing to the caller.
                report["file"] = json!("upload");
                return Ok(report);
            }
        }
    }
}

fn finished(app: &App, id: &Id, file: &Path, keep: bool) {
    if !keep || uploads::set_aside(app, id, file).is_err() {
        uploads::discard(app, id, file);
    }
}

async fn import_once(
    app: &App,
    id: &Id,
    file: &Path,
    asked: &ImportAsked,
) -> Result<ImportReport, IngestError> {
    let kind = uploads::named_kind(file).unwrap_or_default();
    // It was looked at when it came.
    let options = asked.options(app, kind).unwrap_or_else(|_| ImportOptions {
        as_kind: kind,
        now: now(),
        ..ImportOptions::default()
    });
    if asked.dry_run {
        let (file, model) = (file.to_owned(), app.chat_model.clone());
        let shown = tokio::task::spawn_blocking(move || {
            suggested_mapping::preview(&file, &options, || model)
        });
        return match shown.await {
            Ok(shown) => shown,
            Err(_) => Err(IngestError::Ended(PathBuf::from("upload"))),
        };
    }
    let rejected_file = app.store.folder().join("rejected.jsonl");
    let progress = TaskProgress {
        tasks: app.tasks.clone(),
        id: id.clone(),
        stage: Mutex::default(),
    };
    let mut report = import(&app.store, file, &options, &rejected_file, &progress).await?;
    if let (Some(name), true) = (&asked.save, report.needs.is_empty())
        && let Some(mapping) = SavedMapping::of(name, &report, &options)
        && let Err(error) = app.mappings.put(mapping)
    {
        // The rows are stored: that is what was asked for first.
        report
            .warnings
            .push(format!("the mapping is not saved: {error:#}"));
    }
    Ok(report)
}
