//! Uploads on the disk, before, while and after they are imported. The name of
//! a file says how it stands: `ID.part` is being received, `ID.KIND` waits for
//! its turn (`ID~2.KIND` for the third time), `ID.kept` was only looked at.

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::body::Body;
use http_body_util::BodyExt;
use shop::{Id, Kind};
use tokio::io::AsyncWriteExt;

use super::asked::ImportAsked;
use crate::app::App;
use crate::http::error::{ApiError, Code};

/// The most that one upload may hold.
const MAXIMUM_UPLOAD_BYTES: u64 = 8 << 30;
/// Ends the name of a file that is still being received.
const UNFINISHED: &str = "part";
/// Ends the name of a file that may be imported later.
const KEPT: &str = "kept";
/// How long that may be.
const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// How often an import that was cut off is taken up again.
const MOST_TRIES: u32 = 5;

/// A file that is gone when nobody needs it any more.
struct Upload(PathBuf);

impl Drop for Upload {
    fn drop(&mut self) {
        // What cannot be deleted now is deleted with the folder.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The folder of uploads.
pub(super) fn folder(app: &App) -> PathBuf {
    app.store.folder().join("work").join("uploads")
}

/// Deletes what was kept of an upload.
pub(super) fn discard(app: &App, id: &Id, file: &Path) {
    drop(Upload(file.to_owned()));
    drop(Upload(ImportAsked::path(&folder(app), id)));
}

/// Lets an upload be asked for again, by the id of its task.
pub(super) fn set_aside(app: &App, id: &Id, file: &Path) -> std::io::Result<()> {
    drop(Upload(ImportAsked::path(&folder(app), id)));
    std::fs::rename(file, folder(app).join(format!("{id}.{KEPT}")))
}

/// Receives a body, or takes up an upload that was kept, and puts it where it
/// is found again after a crash, with what was asked of it.
pub(super) async fn take(
    app: &App,
    id: &Id,
    kind: &str,
    asked: &ImportAsked,
    body: Body,
) -> Result<PathBuf, ApiError> {
    let folder = folder(app);
    let disk = |error: std::io::Error| ApiError::disk(&error);
    tokio::fs::create_dir_all(&folder).await.map_err(disk)?;
    forget_old(&folder);
    let part = match &asked.upload {
        None => Some(receive(&folder, id, body).await?),
        Some(kept) if !folder.join(format!("{kept}.{KEPT}")).is_file() => {
            return Err(ApiError {
                param: Some("upload".to_owned()),
                ..ApiError::new(
                    Code::UnknownValue,
                    format!("no upload {kept} is kept: send the file again"),
                )
            });
        }
        Some(_) => None,
    };
    asked.write(&folder, id).map_err(disk)?;
    let whole = folder.join(format!("{id}.{kind}"));
    let received = match (&part, &asked.upload) {
        (Some(part), _) => part.0.clone(),
        (None, Some(kept)) => folder.join(format!("{kept}.{KEPT}")),
        (None, None) => return Err(ApiError::internal("an upload without a file")),
    };
    if let Err(error) = keep(&folder, &received, &whole).await {
        discard(app, id, &whole);
        return Err(disk(error));
    }
    Ok(whole)
}

/// Puts a received file where it is found again after a crash.
async fn keep(folder: &Path, received: &Path, whole: &Path) -> std::io::Result<()> {
    tokio::fs::rename(received, whole).await?;
    let folder = tokio::fs::File::open(folder).await?;
    folder.sync_all().await
}

/// Writes the body to a file piece by piece, whatever its length, and to the
/// disk.
async fn receive(folder: &Path, id: &Id, mut body: Body) -> Result<Upload, ApiError> {
    let full = |error: std::io::Error| ApiError::disk(&error);
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

/// Deletes what was kept for its day, at a start and whenever a file comes.
fn forget_old(folder: &Path) {
    for file in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = file.path();
        let age = || file.metadata().ok()?.modified().ok()?.elapsed().ok();
        if is(&path, KEPT) && age().is_some_and(|age| age > KEPT_FOR) {
            drop(Upload(path));
        }
    }
}

fn is(file: &Path, ending: &str) -> bool {
    file.extension().is_some_and(|name| name == ending)
}

/// An import that was cut off when the server ended.
pub(super) struct CutOff {
    /// Of its task.
    pub(super) id: Id,
    tries: u32,
    file: PathBuf,
}

impl CutOff {
    /// Notes in its name that an upload is taken up once more. What took the
    /// server down each time is left alone.
    pub(super) fn once_more(&self) -> Result<PathBuf, String> {
        if self.tries >= MOST_TRIES {
            let file = self.file.display();
            return Err(format!(
                "the server ended {} times while it imported this upload: look at {file}",
                self.tries
            ));
        }
        let name = format!("{}~{}", self.id, self.tries + 1);
        let mut name = self.file.with_file_name(name);
        name.set_extension(self.file.extension().unwrap_or_default());
        std::fs::rename(&self.file, &name).map_err(|error| error.to_string())?;
        Ok(name)
    }

    /// Still there, it was asked to stop: that was no try.
    pub(super) fn was_no_try(&self, tried: &Path) {
        let _ = std::fs::rename(tried, &self.file);
    }
}

/// What was acknowledged before the server ended, in its order. What had not
/// been received whole is deleted.
pub(super) fn cut_off(app: &App) -> Vec<CutOff> {
    forget_old(&folder(app));
    let files = std::fs::read_dir(folder(app)).into_iter().flatten();
    let mut files: Vec<PathBuf> = files.flatten().map(|file| file.path()).collect();
    // Ids are in the order of time.
    files.sort_unstable();
    let (asked, files): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| is(file, ASKED));
    let files: Vec<PathBuf> = files.into_iter().filter(|file| !is(file, KEPT)).collect();
    let waiting: Vec<Id> = files
        .iter()
        .filter_map(|file| Some(id_and_tries(file)?.0))
        .collect();
    for file in asked {
        let (id, _) = id_and_tries(&file).unzip();
        if !id.is_some_and(|id| waiting.contains(&id)) {
            drop(Upload(file));
        }
    }
    let whole = files.into_iter().filter_map(|file| {
        let (Some((id, tries)), Ok(_)) = (id_and_tries(&file), named_kind(&file)) else {
            drop(Upload(file));
            return None;
        };
        Some(CutOff { id, tries, file })
    });
    whole.collect()
}

/// Ends the name of what was asked with an upload.
pub(super) const ASKED: &str = "asked";

/// The id of the task, which an upload is named after, how often it was taken up
/// again …
fn id_and_tries(file: &Path) -> Option<(Id, u32)> {
    let name = file.file_stem()?.to_str()?;
    let (id, tries) = name.split_once('~').unwrap_or((name, "0"));
    Some((Id::new(id).ok()?, tries.parse().ok()?))
}

/// … and the kind of its rows, which ends its name.
pub(super) fn named_kind(file: &Path) -> Result<Option<Kind>, ApiError> {
    let kind = file.extension().and_then(|kind| kind.to_str());
    super::asked::kind_of(kind.unwrap_or_default())
}
