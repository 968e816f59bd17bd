use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use shop::{Metric, Progress};

/// How much effort a model is worth: sets width, depth and steps together.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Size {
    /// Seconds: for a first look and for tests.
    #[default]
    Tiny,
    /// Minutes.
    Small,
    /// As long as the data is worth.
    Base,
}

/// What every training run is given.
pub struct Job<'a> {
    /// How much effort.
    pub size: Size,
    /// The same seed on the same data gives the same files.
    pub seed: u64,
    /// A published model to start from, for the services that can.
    pub base: Option<&'a Path>,
    /// How many threads may compute.
    pub threads: usize,
    /// Where checkpoints go; kept until training has finished.
    pub folder: &'a Path,
    /// Whether to go on from a checkpoint in `folder`.
    pub resume: bool,
    /// Set from outside to stop; the run saves a checkpoint and returns
    /// [`TrainError::Stopped`].
    pub stop: &'a AtomicBool,
    /// Who watches.
    pub progress: &'a dyn Progress,
}

impl Job<'_> {
    /// Whether somebody asked the run to stop.
    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// A file of an artifact.
pub(crate) fn file_of<'a>(
    files: &'a BTreeMap<String, Vec<u8>>,
    name: &str,
) -> Result<&'a [u8], TrainError> {
    let missing = || TrainError::Engine(format!("{name} is missing; train again"));
    files.get(name).map(Vec::as_slice).ok_or_else(missing)
}

/// A JSON file of an artifact.
pub(crate) fn read_json<T: serde::de::DeserializeOwned>(
    files: &BTreeMap<String, Vec<u8>>,
    name: &str,
) -> Result<T, TrainError> {
    let wrong = |error| TrainError::Engine(format!("{name}: {error}; train again"));
    serde_json::from_slice(file_of(files, name)?).map_err(wrong)
}

/// What training leaves behind.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// The artifact's files by name.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Its figures on held-out data.
    pub metrics: Vec<Metric>,
}

/// Why a run left nothing behind.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// There is too little to learn from.
    #[error("nothing to train {service} on: {reason}")]
    NoData {
        /// The service.
        service: &'static str,
        /// What is missing and how to bring it.
        reason: String,
    },
    /// Somebody asked it to stop.
    #[error("stopped; the checkpoint is kept, go on with --resume")]
    Stopped,
    /// A checkpoint could not be written or read.
    #[error("checkpoint {path}: {reason}")]
    Checkpoint {
        /// The file.
        path: String,
        /// What went wrong.
        reason: String,
    },
    /// The engine refused.
    #[error("the engine failed: {0}")]
    Engine(String),
}
