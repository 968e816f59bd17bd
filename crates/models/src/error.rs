//! What the engine refuses.

/// Why the engine refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// A configuration that no model can have.
    #[error("configuration: {0}")]
    Configuration(String),
    /// A model or checkpoint file that is not what it should be.
    #[error("model file: {0}")]
    File(String),
    /// The tokenizer could not be trained or read.
    #[error("tokenizer: {0}")]
    Tokenizer(String),
    /// Training data that a model cannot be trained on.
    #[error("training data: {0}")]
    Data(String),
    /// How to choose tokens, or what they may spell, makes no sense.
    #[error("decoding: {0}")]
    Decoding(String),
    /// As many requests wait as may.
    #[error("{0} requests wait already; try again in a moment")]
    Busy(usize),
}
