//! What is trained on: sequences, and the micro-batches that threads run.

use serde::{Deserialize, Serialize};

use crate::architecture::TransformerConfig;
use crate::error::ModelError;
use crate::loss::IGNORE;

/// The most tokens that a thread runs forward and backward at once: enough for
/// large matrix products.
const MICRO_BATCH_TOKENS: usize = 1024;
/// The fewest.
const SMALLEST_MICRO_BATCH: usize = 32;
/// Numbers that a thread may keep for the backward pass (512 MiB).
const ACTIVATIONS: usize = 1 << 27;

/// One training sequence: what is seen and what is to be predicted at each
/// position.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sequence {
    /// The tokens seen.
    pub inputs: Vec<u32>,
    /// The token to predict after each input; [`IGNORE`] is not scored.
    pub targets: Vec<u32>,
}

impl Sequence {
    /// Every token is predicted from those before it.
    pub fn next_tokens(tokens: &[u32]) -> Sequence {
        let inputs = tokens.len().saturating_sub(1);
        Sequence {
            inputs: tokens[..inputs].to_vec(),
            targets: tokens.get(1..).unwrap_or_default().to_vec(),
        }
    }

    /// All tokens are seen, but only those marked in `scored` are predicted:
    /// in a conversation, those of the replies that are to be learnt. Tokens
    /// beyond the end of `scored` are not.
    pub fn masked(tokens: &[u32], scored: &[bool]) -> Sequence {
        let mut sequence = Sequence::next_tokens(tokens);
        for (index, target) in sequence.targets.iter_mut().enumerate() {
            if !scored.get(index + 1).copied().unwrap_or(false) {
                *target = IGNORE;
            }
        }
        sequence
    }

    /// How many targets are scored.
    pub(crate) fn scored(&self) -> usize {
        let targets = self.targets.iter();
        targets.filter(|target| **target != IGNORE).count()
    }

    /// Whether a decoder with this vocabulary can be trained on it.
    pub fn validate(&self, vocabulary: usize) -> Result<(), ModelError> {
        if self.inputs.len() != self.targets.len() {
            return Err(ModelError::Data(format!(
                "a sequence of {} inputs and {} targets",
                self.inputs.len(),
                self.targets.len()
            )));
        }
        let scored = self.targets.iter().filter(|target| **target != IGNORE);
        match (self.inputs.iter().chain(scored)).find(|token| **token as usize >= vocabulary) {
            Some(token) => Err(ModelError::Data(format!(
                "token {token} outside of a vocabulary of {vocabulary}"
            ))),
            None => Ok(()),
        }
    }
}

/// Sequences that one thread runs at once, packed.
#[derive(Debug, Default)]
pub(crate) struct MicroBatch {
    pub(crate) index: usize,
    pub(crate) tokens: Vec<u32>,
    /// As long as the tokens, or empty where nothing is predicted.
    pub(crate) targets: Vec<u32>,
    pub(crate) lengths: Vec<usize>,
}

/// How many tokens a thread runs at once: fewer for models that keep more of
/// each, so that a thread's memory does not grow with the model. A sequence is
/// never cut, however long.
pub(crate) fn micro_batch_tokens(config: &TransformerConfig) -> usize {
    let rows = config.query_width() + 2 * config.key_width();
    let layer = 4 * config.width + 2 * rows + config.query_width() + config.gate_up_width();
    (ACTIVATIONS / (layer * config.layers).max(1)).clamp(SMALLEST_MICRO_BATCH, MICRO_BATCH_TOKENS)
}

/// Cuts a batch into micro-batches of about the same number of tokens, as many
/// for each thread.
///
/// # Panics
/// Where [`Sequence::validate`] refuses a sequence.
pub(crate) fn pack(
    batch: &[Sequence],
    threads: usize,
    config: &TransformerConfig,
) -> Vec<MicroBatch> {
    for sequence in batch {
        if let Err(error) = sequence.validate(config.vocabulary) {
            panic!("{error}");
        }
    }
    let sequences: Vec<(&[u32], &[u32])> = (batch.iter())
        .map(|sequence| (sequence.inputs.as_slice(), sequence.targets.as_slice()))
        .collect();
    pack_pairs(&sequences, threads, config)
}

/// [`pack`] for inputs and targets, of which the targets may be empty.
pub(crate) fn pack_pairs(
    sequences: &[(&[u32], &[u32])],
    threads: usize,
    config: &TransformerConfig,
) -> Vec<MicroBatch> {
    let total: usize = sequences.iter().map(|(inputs, _)| inputs.len()).sum();
    let round = micro_batch_tokens(config) * threads;
    let rounds = ((total as f64 / round as f64).round() as usize).max(1);
    let count = rounds * threads;
    let mut parts: Vec<MicroBatch> = (0..count)
        .map(|index| MicroBatch {
            index,
            ..MicroBatch::default()
        })
        .collect();
    let mut before = 0;
    for (inputs, targets) in sequences {
        let length = inputs.len();
        // Where its middle falls decides: ranges of equal size then hold
        // about equal work.
        let part = (2 * before + length) * count / (2 * total).max(1);
        let part = &mut parts[part.min(count - 1)];
        part.tokens.extend_from_slice(inputs);
        part.targets.extend_from_slice(targets);
        part.lengths.push(length);
        before += length;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_marked_is_predicted() {
        let scored = [true, false, true, true, false];
        let sequence = Sequence::masked(&[5, 6, 7, 8, 9], &scored);
        assert_eq!(sequence.inputs, [5, 6, 7, 8]);
        assert_eq!(sequence.targets, [IGNORE, 7, 8, IGNORE]);
        assert_eq!(sequence.scored(), 2);
        assert_eq!(Sequence::masked(&[5, 6], &[]).targets, [IGNORE]);
        assert_eq!(Sequence::masked(&[], &[true]), Sequence::default());
    }

    #[test]
    fn a_larger_model_runs_fewer_tokens_at_once() {
        let small = TransformerConfig::new(6, 384, 6, 256, 8192);
        let large = TransformerConfig::new(30, 576, 9, 2048, 49_152);
        let huge = TransformerConfig::new(80, 8192, 64, 2048, 49_152);
        assert_eq!(micro_batch_tokens(&small), MICRO_BATCH_TOKENS);
        let tokens = micro_batch_tokens(&large);
        assert!((200..800).contains(&tokens), "{tokens}");
        assert_eq!(micro_batch_tokens(&huge), SMALLEST_MICRO_BATCH);

        let sequence = Sequence::next_tokens(&vec![1; 257]);
        let parts = pack(&vec![sequence; 100], 2, &large);
        let longest = parts.iter().map(|part| part.tokens.len()).max();
        assert!(longest.is_some_and(|longest| longest <= tokens + tokens / 2 + 256));
    }
}
