//! What a network says of tokens: the states of whole sequences, the logits of
//! what comes next, the log probabilities of what came.

use crate::dropout::Dropout;
use crate::forward::{Activations, Memory};
use crate::matrix::Write;
use crate::products::Products;
use crate::transformer::Transformer;
use crate::vector::{exponentials, maximum, vectorized};

impl Transformer {
    /// The state after the final norm at each position: `[tokens, width]`.
    pub fn hidden(&self, tokens: &[u32]) -> Vec<f32> {
        self.hidden_of(tokens, &[tokens.len()], &mut Activations::for_serving(1))
            .to_vec()
    }

    /// The states of whole sequences of these lengths, one after the other.
    pub(crate) fn hidden_of<'a>(
        &self,
        tokens: &[u32],
        lengths: &[usize],
        activations: &'a mut Activations,
    ) -> &'a [f32] {
        self.run(tokens, Memory::Packed(lengths), Dropout::NONE, activations);
        &activations.hidden[..tokens.len() * self.config.width]
    }

    /// The logits of the next token at each position: `[tokens, vocabulary]`.
    pub fn logits(&self, tokens: &[u32]) -> Vec<f32> {
        self.logits_of(&self.hidden(tokens), &mut Products::default())
    }

    /// The log probability of each token but the first, given those before it.
    pub fn token_log_probabilities(&self, tokens: &[u32]) -> Vec<f32> {
        let Some((_, targets)) = tokens.split_first() else {
            return Vec::new();
        };
        let hidden = self.hidden(&tokens[..targets.len()]);
        self.log_probabilities_of(&hidden, targets)
    }

    /// The logits of rows of states.
    pub(crate) fn logits_of(&self, hidden: &[f32], products: &mut Products) -> Vec<f32> {
        let (width, vocabulary) = (self.config.width, self.config.vocabulary);
        let mut logits = vec![0.0; hidden.len() / width * vocabulary];
        let head = &self.layout.head;
        self.linear(&mut logits, hidden, head, Write::Replace, products);
        logits
    }

    /// The log probability of one target for each row of states, a few rows
    /// at a time.
    pub(crate) fn log_probabilities_of(&self, hidden: &[f32], targets: &[u32]) -> Vec<f32> {
        const ROWS: usize = 64;
        let (width, vocabulary) = (self.config.width, self.config.vocabulary);
        let mut log_probabilities = Vec::with_capacity(targets.len());
        let mut products = Products::with_threads(rayon::current_num_threads());
        for (rows, targets) in hidden.chunks(ROWS * width).zip(targets.chunks(ROWS)) {
            let mut logits = self.logits_of(rows, &mut products);
            for (row, &target) in logits.chunks_exact_mut(vocabulary).zip(targets) {
                log_probabilities.push(log_probability(row, target));
            }
        }
        log_probabilities
    }
}

/// The log probability of a token under a row of logits, which is used up.
pub(crate) fn log_probability(row: &mut [f32], token: u32) -> f32 {
    vectorized(
        #[inline(always)]
        || {
            let largest = maximum(row);
            let logit = row[token as usize];
            logit - largest - exponentials(row, largest).ln()
        },
    )
}
