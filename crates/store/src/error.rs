use std::path::PathBuf;

use shop::{Id, Kind};

/// Why the store could not do what it was asked. `Clone`, because one failed
/// commit answers everybody whose entries were in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another process has the folder.
    #[error(
        "the data folder {} is in use by another shopkeeper process: stop that one, \
         or name another folder with --data",
        .0.display()
    )]
    InUse(PathBuf),
    /// The log is gone.
    #[error(
        "the database {} is missing, though models or a checkpoint of this shop are there: restore it \
         from a backup, or name another folder with --data; to begin a new shop here, move the \
         folder `artifacts` and the file `checkpoint` away first",
        .0.display()
    )]
    MissingDatabase(PathBuf),
    /// No room.
    #[error(
        "the disk that holds {} is full: nothing of this write was stored; free some space \
         and send it again",
        .0.display()
    )]
    DiskFull(PathBuf),
    /// The disk does not do what it should.
    #[error(
        "reading or writing {} failed ({reason}): nothing of this write was stored; \
         check the disk and the rights on the folder",
        folder.display()
    )]
    Disk {
        /// The data folder.
        folder: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The database refused.
    #[error("the database in {} refused: {reason}", folder.display())]
    Database {
        /// The data folder.
        folder: PathBuf,
        /// What it said.
        reason: String,
    },
    /// A log entry that cannot be read.
    #[error("log entry {sequence} cannot be read ({reason}): restore the folder from a backup")]
    Corrupt {
        /// Where in the log.
        sequence: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// An entry that could be written but not read again.
    #[error("this {kind} entry cannot be stored ({reason}): correct it and send it again")]
    Unreadable {
        /// What sort of entry.
        kind: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// No such artifact.
    #[error("there is no artifact {kind}/{version} in this data folder")]
    UnknownArtifact {
        /// A service's name, or `corpus`.
        kind: String,
        /// The hash that was asked for.
        version: String,
    },
    /// An artifact whose files are not what was stored.
    #[error("artifact {kind}/{version} is damaged ({reason}): train it again")]
    DamagedArtifact {
        /// A service's name, or `corpus`.
        kind: String,
        /// Its hash.
        version: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A name that cannot be a path.
    #[error("{0:?} cannot name an artifact or a file of one")]
    ArtifactName(String),
    /// A record is no longer what it was when the change was planned.
    #[error(
        "{} {id:?} has changed meanwhile: nothing of this write was stored; \
         read it again and decide anew", kind.name()
    )]
    Changed {
        /// Which kind.
        kind: Kind,
        /// Which one.
        id: Id,
    },
    /// A confirmation that is no longer open.
    #[error("this was confirmed or declined before: nothing of this write was stored")]
    AlreadySettled,
    /// The writer is gone.
    #[error("the store is closed")]
    Closed,
}
