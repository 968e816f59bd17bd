//! What training left behind for search.

use std::collections::BTreeMap;
use std::sync::Arc;

use corpus::search::Ranker;
use models::SentenceEncoder;
use models::boosted_trees::BoostedTrees;
use models::static_encoder::StaticEncoder;

use super::dense_retrieval::DenseEncoder;
use crate::ServeError;

/// The file of the ranker in an artifact.
pub(super) const RANKER_FILE: &str = "ranker.json";
/// The file of the encoder in an artifact; it may be absent.
const ENCODER_FILE: &str = "encoder.bin";
/// The file of the trees that add to the ranker's scores; it may be absent.
const TREES_FILE: &str = "trees.json";

/// A trained ranker and an encoder of meaning.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    ranker: Ranker,
    pub(super) trees: Arc<BoostedTrees>,
    pub(super) encoder: Option<DenseEncoder>,
}

impl Model {
    /// Reads the files that training left.
    pub fn load(files: &BTreeMap<String, Vec<u8>>) -> Result<Self, ServeError> {
        let bytes = files
            .get(RANKER_FILE)
            .ok_or_else(|| ServeError::Artifact(format!("{RANKER_FILE} is missing")))?;
        let ranker: Ranker = serde_json::from_slice(bytes)
            .map_err(|error| ServeError::Artifact(format!("{RANKER_FILE}: {error}")))?;
        let mut model = Self::new(ranker).ok_or_else(|| {
            ServeError::Artifact(format!(
                "{RANKER_FILE} has other features than this program: train again"
            ))
        })?;
        if let Some(bytes) = files.get(TREES_FILE) {
            let trees = serde_json::from_slice(bytes)
                .map_err(|error| ServeError::Artifact(format!("{TREES_FILE}: {error}")))?;
            model.trees = Arc::new(trees);
        }
        if let Some(bytes) = files.get(ENCODER_FILE) {
            let encoder = StaticEncoder::from_bytes(bytes)
                .map_err(|error| ServeError::Artifact(format!("{ENCODER_FILE}: {error}")))?;
            model.encoder = Some(DenseEncoder::Terms(Arc::new(encoder)));
        }
        Ok(model)
    }

    /// A model of a ranker, if it was made for the features of this program.
    pub fn new(ranker: Ranker) -> Option<Self> {
        ranker.fits().then_some(Self {
            ranker,
            trees: Arc::default(),
            encoder: None,
        })
    }

    /// The same encoder with another ranking function, if it was made for the
    /// features of this program.
    pub fn with_ranker(&self, ranker: Ranker) -> Option<Self> {
        ranker.fits().then(|| Self {
            ranker,
            ..self.clone()
        })
    }

    /// The same with a published encoder in the place of its own.
    pub fn with_encoder(self, encoder: Arc<SentenceEncoder>) -> Self {
        Self {
            encoder: Some(DenseEncoder::Published(encoder)),
            ..self
        }
    }

    /// The ranking function.
    pub fn ranker(&self) -> &Ranker {
        &self.ranker
    }
}
