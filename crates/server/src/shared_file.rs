//! A small JSON file of the data folder that several processes may change: a
//! server and the command line beside it. Only its owner may read it.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use anyhow::Context;
use arc_swap::{ArcSwap, Guard};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What tells one state of the file from another.
type Stamp = Option<(SystemTime, u64, u64)>;

/// The file and what it holds.
pub struct SharedFile<T> {
    path: PathBuf,
    content: ArcSwap<T>,
    seen: Mutex<Stamp>,
}

impl<T: Default + Serialize + DeserializeOwned> SharedFile<T> {
    /// Reads the file, which need not be there. What cannot be read is as if it
    /// were not there until it is mended, and is never written over.
    pub fn open(path: PathBuf) -> Self {
        let seen = stamp_of(&path);
        let content = read(&path).unwrap_or_else(|error| {
            tracing::error!(error = format!("{error:#}"), "a file of the data folder");
            T::default()
        });
        Self {
            path,
            content: ArcSwap::from_pointee(content),
            seen: Mutex::new(seen),
        }
    }

    /// What the file holds now: it is read again where another process has
    /// changed it.
    pub fn load(&self) -> Guard<Arc<T>> {
        let stamp = stamp_of(&self.path);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen != stamp {
            match read(&self.path) {
                Ok(content) => {
                    self.content.store(Arc::new(content));
                    *seen = stamp;
                }
                Err(error) => tracing::error!(error = format!("{error:#}"), "it stays as it was"),
            }
        }
        self.content.load()
    }

    /// Changes the file; one process after the other.
    ///
    /// # Errors
    /// The file is damaged, or the disk does not take it.
    pub fn edit<R>(&self, change: impl FnOnce(&mut T) -> R) -> anyhow::Result<R> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let held = private_file(&self.path.with_extension("lock"))?;
        held.lock()
            .with_context(|| format!("cannot lock {}", self.path.display()))?;
        let mut content: T = read(&self.path)?;
        let result = change(&mut content);
        let write = || -> std::io::Result<()> {
            // Temporary files are readable by their owner alone.
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            serde_json::to_writer_pretty(&mut file, &content)?;
            file.write_all(b"\n")?;
            file.as_file().sync_all()?;
            file.persist(&self.path)?;
            File::open(folder)?.sync_all()
        };
        write().with_context(|| format!("cannot write {}", self.path.display()))?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        self.content.store(Arc::new(content));
        *seen = stamp_of(&self.path);
        Ok(result)
    }
}

fn private_file(path: &Path) -> anyhow::Result<File> {
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))
}

fn read<T: Default + DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    match std::fs::read_to_string(path) {
        Ok(text) => serde_json::from_str(&text)
            .with_context(|| format!("{} is damaged: mend or delete it", path.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(T::default()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn stamp_of(path: &Path) -> Stamp {
    let metadata = std::fs::metadata(path).ok()?;
    #[cfg(unix)]
    let number = std::os::unix::fs::MetadataExt::ino(&metadata);
    #[cfg(not(unix))]
    let number = 0;
    Some((metadata.modified().ok()?, metadata.len(), number))
}
