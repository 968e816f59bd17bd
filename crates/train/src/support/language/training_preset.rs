use models::Optimizer;

use crate::Size;

/// What a size means: the network, the tokens trained on, the passes over
/// the data at most, and the largest vocabulary.
pub(super) struct TrainingPreset {
    pub layers: usize,
    pub width: usize,
    pub heads: usize,
    /// Tokens of a sequence at most.
    pub context: usize,
    /// Tokens trained on at most.
    pub tokens: usize,
    /// Passes over the data at most.
    pub passes: usize,
    /// The largest vocabulary.
    pub most_vocabulary: usize,
    pub learning_rate: f32,
    pub optimizer: Optimizer,
    /// Tokens in a step.
    pub batch_tokens: usize,
}

/// A token more for every so many bytes of text.
const BYTES_PER_TOKEN: usize = 48;
const SMALLEST_VOCABULARY: usize = 512;

impl TrainingPreset {
    /// The vocabulary that so many bytes of text are worth.
    pub(super) fn vocabulary(&self, bytes: usize) -> usize {
        (bytes / BYTES_PER_TOKEN).clamp(SMALLEST_VOCABULARY, self.most_vocabulary)
    }
}

/// A network of our own.
pub(super) fn from_scratch(size: Size) -> TrainingPreset {
    match size {
        Size::Tiny => TrainingPreset {
            layers: 3,
            width: 128,
            heads: 4,
            context: 256,
            tokens: 1_000_000,
            passes: 12,
            most_vocabulary: 4_096,
            learning_rate: 1.2e-2,
            optimizer: Optimizer::Muon,
            batch_tokens: 4_096,
        },
        Size::Small => TrainingPreset {
            layers: 6,
            width: 256,
            heads: 8,
            context: 384,
            tokens: 12_000_000,
            most_vocabulary: 8_192,
            learning_rate: 6e-3,
            ..from_scratch(Size::Tiny)
        },
        Size::Base => TrainingPreset {
            layers: 8,
            width: 512,
            heads: 8,
            context: 512,
            tokens: 200_000_000,
            passes: 8,
            most_vocabulary: 16_384,
            learning_rate: 3e-3,
            ..from_scratch(Size::Tiny)
        },
    }
}

/// Adapters beside a published model, which has its own shape and vocabulary
/// and knows its language: what is left to learn takes fewer tokens.
pub(super) fn fine_tuning(size: Size, context: usize) -> TrainingPreset {
    let (tokens, passes, longest) = match size {
        Size::Tiny => (60_000, 2, 256),
        Size::Small => (600_000, 3, 384),
        Size::Base => (6_000_000, 4, 512),
    };
    TrainingPreset {
        tokens,
        passes,
        context: longest.min(context),
        learning_rate: 2e-3,
        optimizer: Optimizer::AdamW,
        batch_tokens: 2_048,
        ..from_scratch(size)
    }
}
