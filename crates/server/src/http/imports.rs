//! `POST /v1/import/{kind}`: a file in the body, imported after the answer.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use http_body_util::BodyExt;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shop::{Currency, Id, Kind};
use store::StoreError;
use tokio::io::AsyncWriteExt;

use super::endpoint::Endpoint;
use super::error::{ApiError, Code};
use super::extract::{Named, Query};
use super::tasks::begin;
use crate::app::{App, Task, TaskProgress, fresh_id, now};
use crate::config::Scope;
use ingest::{ImportOptions, ImportReport, IngestError, TimeZone, import, preview};

/// The most that one upload may hold.
const MAXIMUM_UPLOAD_BYTES: u64 = 8 << 30;

/// The routes of this file.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post(
            "/v1/import/{kind}",
            Some(Scope::Write),
            "Imports a file (JSON, CSV, TSV, XLSX, ODS, Parquet, XML feed, document, ZIP; plain, gzip or Zstandard) of \
             one kind, or `auto`; the task lists rejected rows",
            upload,
        )
        .answers::<Task>()
        .status(202),
    ]
}

/// A kind of record, or `auto`.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct ImportKind(String);

impl JsonSchema for ImportKind {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ImportKind".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let kinds = Kind::ALL.iter().map(|kind| kind.name());
        let kinds: Vec<_> = kinds.chain(["auto"]).collect();
        json_schema!({"type": "string", "enum": kinds})
    }
}

/// What a file does not say by itself.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct ImportAsked {
    /// Which columns give which fields, as in `price=Preis`.
    map: Vec<String>,
    /// The currency of prices that name none.
    currency: Option<Currency>,
    /// Where the clock hung whose times name no zone, as in `Europe/Berlin`.
    time_zone: Option<String>,
    /// Whether dates like 3/4/2026 begin with the `day` or the `month`.
    date_order: Option<String>,
    /// Whether nothing is to be stored: the task shows what would be.
    dry_run: bool,
    /// What the file is called; documents are known by it.
    name: Option<String>,
}

impl ImportAsked {
    fn options(&self, app: &App, kind: Option<Kind>) -> Result<ImportOptions, ApiError> {
        let zone = self.time_zone.as_deref().map(|name| {
            let wrong = || {
                ApiError::field(
                    "time_zone",
                    format!("{name:?} is no time zone, as in Europe/Berlin"),
                )
            };
            TimeZone::get(name).map_err(|_| wrong())
        });
        let order = self.date_order.as_deref().map(|word| {
            word.parse()
                .map_err(|error: String| ApiError::field("date_order", error))
        });
        Ok(ImportOptions {
            as_kind: kind,
            now: now(),
            currency: self.currency.or(app.config.import_currency),
            time_zone: zone.transpose()?,
            date_order: order.transpose()?,
            map: self.columns()?,
            // The file has a name of ours that says nothing.
            name: Some(self.name.clone().unwrap_or_default()),
        })
    }

    /// A column's name may hold the comma that parts one from the next.
    fn columns(&self) -> Result<Vec<(String, String)>, ApiError> {
        let mut columns: Vec<(String, String)> = Vec::new();
        for part in &self.map {
            match (part.split_once('='), columns.last_mut()) {
                (Some((field, column)), _) => {
                    columns.push((field.trim().to_owned(), column.trim().to_owned()));
                }
                (None, Some((_, column))) => *column = format!("{column},{part}"),
                (None, None) => {
                    let message = format!("{part:?} is not FIELD=COLUMN, as in price=Preis");
                    return Err(ApiError::field("map", message));
                }
            }
        }
        Ok(columns)
    }

    /// Where they stand while the upload waits.
    fn path(folder: &Path, id: &Id) -> PathBuf {
        folder.join(format!("{id}.{ASKED}"))
    }

    fn of(folder: &Path, id: &Id) -> Self {
        let text = std::fs::read_to_string(Self::path(folder, id));
        let asked = text.ok().and_then(|text| serde_json::from_str(&text).ok());
        asked.unwrap_or_default()
    }
}

/// Ends the name of what was asked with an upload.
const ASKED: &str = "asked";

/// How long an import waits for a disk that cannot take it.
const DISK_WAIT: Duration = Duration::from_secs(3);
/// How often an import that was cut off is taken up again.
const MOST_TRIES: u32 = 5;
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
    Named(kind): Named<ImportKind>,
    Query(asked): Query<ImportAsked>,
    body: Body,
) -> Result<(StatusCode, Json<Task>), ApiError> {
    let kind = kind.0;
    // What is wrong with it is said now, not by the task.
    asked.options(&app, kind_of(&kind)?)?;
    let (id, folder) = (fresh_id(), uploads(&app));
    let part = receive(&folder, &id, body).await?;
    if asked != ImportAsked::default() {
        let written =
            tokio::fs::write(ImportAsked::path(&folder, &id), json!(asked).to_string()).await;
        written.map_err(|error| ApiError::disk(&error))?;
    }
    let whole = folder.join(format!("{id}.{kind}"));
    if let Err(error) = keep(&folder, part, &whole).await {
        drop(Upload(whole));
        drop(Upload(ImportAsked::path(&folder, &id)));
        return Err(ApiError::disk(&error));
    }
    let task = begin(&app, id, "import", false, |id| {
        let (app, file) = (app.clone(), whole.clone());
        async move {
            let turn = app.imports.clone();
            let _turn = turn.lock().await;
            import_upload(&app, &id, &file).await
        }
    });
    if task.is_err() {
        drop(Upload(whole));
    }
    Ok((StatusCode::ACCEPTED, Json(task?)))
}

/// Imports what was acknowledged before the server ended, in its order and
/// before what comes now. What had not been received whole is deleted.
pub fn resume(app: &Arc<App>) {
    let Ok(files) = std::fs::read_dir(uploads(app)) else {
        return;
    };
    let mut files: Vec<PathBuf> = files.flatten().map(|file| file.path()).collect();
    // Ids are in the order of time.
    files.sort_unstable();
    let mut cut_off: Vec<(Id, u32, PathBuf)> = Vec::new();
    let is_asked = |file: &Path| file.extension().is_some_and(|name| name == ASKED);
    let waiting: Vec<Id> = files
        .iter()
        .filter(|file| !is_asked(file))
        .filter_map(|file| Some(id_and_tries(file)?.0))
        .collect();
    for file in files {
        if is_asked(&file) {
            let (id, _) = id_and_tries(&file).unzip();
            if !id.is_some_and(|id| waiting.contains(&id)) {
                drop(Upload(file));
            }
            continue;
        }
        let (Some((id, tries)), Ok(_)) = (id_and_tries(&file), named_kind(&file)) else {
            drop(Upload(file));
            continue;
        };
        app.tasks.begin(id.clone(), "import", false, now());
        cut_off.push((id, tries, file));
    }
    let Ok(turn) = app.imports.clone().try_lock_owned() else {
        return;
    };
    let app = app.clone();
    tokio::spawn(async move {
        let _turn = turn;
        for (id, tries, file) in cut_off {
            tracing::info!(task = %id, "an import goes on that was cut off");
            // What only waited for its turn has not taken the server down.
            let outcome = match once_more(&file, &id, tries) {
                Ok(tried) => {
                    let outcome = import_upload(&app, &id, &tried).await;
                    // Still there, it was asked to stop: that is no try either.
                    let _ = std::fs::rename(&tried, &file);
                    outcome
                }
                Err(reason) => Err(reason),
            };
            app.tasks.finish(&id, outcome, now());
        }
    });
}

fn uploads(app: &App) -> PathBuf {
    app.store.folder().join("work").join("uploads")
}

/// The id of the task, which an upload is named after, how often it was taken up
/// again …
fn id_and_tries(file: &Path) -> Option<(Id, u32)> {
    let name = file.file_stem()?.to_str()?;
    let (id, tries) = name.split_once('~').unwrap_or((name, "0"));
    Some((Id::new(id).ok()?, tries.parse().ok()?))
}

/// … and the kind of its rows, which ends its name.
fn named_kind(file: &Path) -> Result<Option<Kind>, ApiError> {
    let kind = file.extension().and_then(|kind| kind.to_str());
    kind_of(kind.unwrap_or_default())
}

/// Notes in its name that an upload is taken up once more. What took the server
/// down each time is left alone.
fn once_more(file: &Path, id: &Id, tries: u32) -> Result<PathBuf, String> {
    if tries >= MOST_TRIES {
        let file = file.display();
        return Err(format!(
            "the server ended {tries} times while it imported this upload: look at {file}"
        ));
    }
    let mut name = file.with_file_name(format!("{id}~{}", tries + 1));
    name.set_extension(file.extension().unwrap_or_default());
    std::fs::rename(file, &name).map_err(|error| error.to_string())?;
    Ok(name)
}

/// Puts a received file where it is found again after a crash.
async fn keep(folder: &Path, part: Upload, whole: &Path) -> std::io::Result<()> {
    tokio::fs::rename(&part.0, whole).await?;
    let folder = tokio::fs::File::open(folder).await?;
    folder.sync_all().await
}

/// Imports an upload and deletes it. Where the disk cannot take it, it waits:
/// the rows are good, and were acknowledged.
async fn import_upload(app: &App, id: &Id, file: &Path) -> Result<Value, String> {
    use StoreError::{Closed, Disk, DiskFull};
    let stop = app.tasks.stop_flag();
    loop {
        let report = import_once(app, id, file).await;
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
                finished(app, id, file);
                let name = file.display().to_string();
                return Err(error.to_string().replace(&name, "the upload"));
            }
            Ok(report) => {
                finished(app, id, file);
                let asks_first = report.records.is_empty() && !report.needs.is_empty();
                if asks_first && report.accepted == 0 {
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

/// Deletes what was kept of an upload.
fn finished(app: &App, id: &Id, file: &Path) {
    drop(Upload(file.to_owned()));
    drop(Upload(ImportAsked::path(&uploads(app), id)));
}

async fn import_once(app: &App, id: &Id, file: &Path) -> Result<ImportReport, IngestError> {
    let asked = ImportAsked::of(&uploads(app), id);
    let kind = named_kind(file).unwrap_or_default();
    // It was looked at when it came.
    let options = asked.options(app, kind).unwrap_or_else(|_| ImportOptions {
        as_kind: kind,
        now: now(),
        ..ImportOptions::default()
    });
    if asked.dry_run {
        let file = file.to_owned();
        let shown = tokio::task::spawn_blocking(move || preview(&file, &options));
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
    import(&app.store, file, &options, &rejected_file, &progress).await
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
