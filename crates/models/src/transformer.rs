//! The network: its weights and what they say of tokens.

use std::borrow::Cow;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::adapter::Adapters;
use crate::architecture::{Positions, RotaryScaling, TransformerConfig};
use crate::dropout::Dropout;
use crate::error::ModelError;
use crate::forward::{Activations, Memory};
use crate::linear_layer::Products;
use crate::matrix::Write;
use crate::parameters::Layout;
use crate::quantize::QuantizedMatrix;
use crate::rotary::Rotary;
use crate::vector::{exponentials, maximum, vectorized};

/// Rotary tables are made this long at first; a longer sequence makes a longer
/// one.
const LONGEST_TABLE: usize = 4096;

/// The standard deviation of fresh weights.
const INITIAL_DEVIATION: f32 = 0.02;

/// A transformer of any shape that [`TransformerConfig`] describes. The tokens
/// may be of a text or the items of a sequence.
#[derive(Debug, Clone, PartialEq)]
pub struct Transformer {
    pub(crate) config: TransformerConfig,
    pub(crate) layout: Layout,
    /// All weights, or only the vectors where matrices are quantized.
    pub(crate) parameters: Vec<f32>,
    /// By the number of their linear layer; empty for a model in full.
    pub(crate) matrices: Vec<QuantizedMatrix>,
    pub(crate) adapters: Option<Adapters>,
    rotary: Rotaries,
}

/// The tables of positions of layers that see everything, and of those with a
/// window.
#[derive(Debug, Clone, PartialEq)]
struct Rotaries {
    global: Rotary,
    local: Option<Rotary>,
}

impl Transformer {
    /// A fresh model; the same seed gives the same weights.
    pub fn new(config: TransformerConfig, seed: u64) -> Result<Transformer, ModelError> {
        let count = config.validate()?;
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let layout = Layout::new(&config);
        let mut parameters = vec![0.0; count];
        let tables = [&layout.positions, &layout.segments];
        let matrices = layout.vectors..count;
        for place in tables.into_iter().flatten().chain([&matrices]) {
            for weight in &mut parameters[place.clone()] {
                let normal: f32 = StandardNormal.sample(&mut random);
                *weight = INITIAL_DEVIATION * normal;
            }
        }
        // The residual stream adds up 2 · layers branches: scaled so, its
        // variance does not grow with the depth (Radford et al., 2019).
        let branch = 1.0 / (2.0 * config.layers as f32).sqrt();
        for layer in &layout.layers {
            for linear in [&layer.attention.second, &layer.feed_forward.second] {
                for weight in &mut parameters[linear.weight.clone()] {
                    *weight *= branch;
                }
            }
        }
        for place in layout.gains(&config) {
            parameters[place].fill(1.0);
        }
        Transformer::from_parameters(config, parameters)
    }

    /// A model with these weights, in the order of [`Layout`].
    pub(crate) fn from_parameters(
        config: TransformerConfig,
        parameters: Vec<f32>,
    ) -> Result<Transformer, ModelError> {
        Transformer::from_parts(config, parameters, Vec::new())
    }

    /// A model whose matrices are quantized, or none of them.
    pub(crate) fn from_parts(
        config: TransformerConfig,
        parameters: Vec<f32>,
        matrices: Vec<QuantizedMatrix>,
    ) -> Result<Transformer, ModelError> {
        config.validate()?;
        let layout = Layout::new(&config);
        let count = if matrices.is_empty() {
            layout.total
        } else {
            layout.vectors
        };
        if parameters.len() != count {
            return Err(ModelError::Configuration(format!(
                "{} parameters where {count} are needed",
                parameters.len()
            )));
        }
        Ok(Transformer {
            layout,
            matrices,
            rotary: Rotaries::new(&config, config.context.min(LONGEST_TABLE)),
            config,
            parameters,
            adapters: None,
        })
    }

    /// Its shape.
    pub fn config(&self) -> &TransformerConfig {
        &self.config
    }

    /// How many weights it has; those of a shared table count once, those of
    /// adapters not at all.
    pub fn parameter_count(&self) -> usize {
        self.layout.total
    }

    /// Whether its matrices are kept in fewer bits. Such a model serves and
    /// cannot be trained.
    pub fn is_quantized(&self) -> bool {
        !self.matrices.is_empty()
    }

    /// The bytes that its weights take.
    pub fn bytes(&self) -> usize {
        let matrices = self.matrices.iter().map(QuantizedMatrix::bytes);
        size_of_val(&self.parameters[..]) + matrices.sum::<usize>()
    }

    /// The table of the way in, `[vocabulary, width]`; empty where it is
    /// quantized.
    pub fn embedding(&self) -> &[f32] {
        let place = self.layout.embedding.weight.clone();
        self.parameters.get(place).unwrap_or_default()
    }

    /// One row of that table.
    pub(crate) fn embedding_row(&self, token: u32, out: &mut [f32]) {
        match self.matrices.get(self.layout.embedding.index) {
            Some(table) => table.dequantize_row(token as usize, out),
            None => {
                let start = token as usize * out.len();
                out.copy_from_slice(&self.embedding()[start..start + out.len()]);
            }
        }
    }

    /// The table of the way out, `[vocabulary, width]`; empty where it is
    /// quantized.
    pub(crate) fn head(&self) -> &[f32] {
        let place = self.layout.head.weight.clone();
        self.parameters.get(place).unwrap_or_default()
    }

    /// Every weight under its canonical name with its shape: linear layers are
    /// `[outputs, inputs]`. Those of adapters are not among them, nor matrices
    /// in fewer bits: see [`Transformer::merge_adapters`] and
    /// [`Transformer::is_quantized`].
    pub fn tensors(&self) -> impl Iterator<Item = (String, Vec<usize>, &[f32])> {
        let tensors = self.layout.tensors(&self.config).into_iter();
        tensors.filter_map(|tensor| {
            let values = self.parameters.get(tensor.place)?;
            Some((tensor.name, tensor.shape, values))
        })
    }

    /// Whether every token lies in the vocabulary. The functions that take
    /// tokens panic where one does not.
    pub fn accepts(&self, tokens: &[u32]) -> bool {
        tokens
            .iter()
            .all(|token| (*token as usize) < self.config.vocabulary)
    }

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

    /// The rotary table of a layer, longer where a sequence exceeds the one
    /// at hand; none where positions are learned.
    pub(crate) fn rotary(&self, layer: usize, positions: usize) -> Option<Cow<'_, Rotary>> {
        if self.config.positions == Positions::Learned {
            return None;
        }
        let table = self.rotary.of(&self.config, layer);
        if positions <= table.positions() {
            Some(Cow::Borrowed(table))
        } else {
            let longer = Rotaries::new(&self.config, positions);
            Some(Cow::Owned(longer.of(&self.config, layer).clone()))
        }
    }
}

impl Rotaries {
    fn new(config: &TransformerConfig, positions: usize) -> Rotaries {
        let (scaling, local_base) = match config.positions {
            Positions::Rotary {
                scaling,
                local_base,
            } => (scaling, local_base),
            Positions::Learned => (RotaryScaling::None, None),
        };
        let width = config.head_width;
        Rotaries {
            global: Rotary::new(positions, width, config.rotary_base, scaling),
            local: local_base.map(|base| Rotary::new(positions, width, base, RotaryScaling::None)),
        }
    }

    fn of(&self, config: &TransformerConfig, layer: usize) -> &Rotary {
        let local = config.window_of(layer).and(self.local.as_ref());
        local.unwrap_or(&self.global)
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

#[cfg(test)]
mod tests;
