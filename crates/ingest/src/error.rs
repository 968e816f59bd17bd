use std::path::{Path, PathBuf};

/// Why a file could not be imported at all, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The system did not let us read it.
    #[error("{path} cannot be read: {reason}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
    /// Nothing in it.
    #[error("{0} is empty: there is nothing to import")]
    Empty(PathBuf),
    /// Not a format that is read here.
    #[error("{path} is {what}")]
    Format {
        /// Which file.
        path: PathBuf,
        /// What it looks like and what would help.
        what: String,
    },
    /// The rows could not be stored.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// The rejected rows could not be written down.
    #[error("the rejected rows cannot be written to {path}: {reason}")]
    RejectedFile {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
    /// A thread of ours died.
    #[error("reading {0} ended without a result; what was reported as stored is stored")]
    Ended(PathBuf),
}

impl IngestError {
    pub(super) fn read(path: &Path, reason: std::io::Error) -> Self {
        Self::Read {
            path: path.to_owned(),
            reason,
        }
    }

    pub(super) fn format(path: &Path, what: impl Into<String>) -> Self {
        Self::Format {
            path: path.to_owned(),
            what: what.into(),
        }
    }
}
