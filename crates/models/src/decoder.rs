//! The decoder: its shape, its weights and what they say of tokens.

use std::borrow::Cow;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::attention::Heads;
use crate::dropout::Dropout;
use crate::error::ModelError;
use crate::forward::{Activations, Memory};
use crate::loss::IGNORE;
use crate::matrix::{Write, linear};
use crate::parameters::Layout;
use crate::rotary::Rotary;
use crate::vector::{exponentials, maximum, vectorized};

/// The most parameters that a decoder may have: what 32-bit offsets of other
/// tools can address, far above what a processor trains.
const MAXIMUM_PARAMETERS: usize = 1 << 32;

/// The standard deviation of fresh weights.
const INITIAL_DEVIATION: f32 = 0.02;

/// The shape of a decoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DecoderConfig {
    /// How many blocks of attention and feed-forward.
    pub layers: usize,
    /// The width of the residual stream.
    pub width: usize,
    /// Attention heads; they share the width evenly.
    pub heads: usize,
    /// The inner width of the feed-forward blocks.
    pub hidden: usize,
    /// The longest sequence that training shows it.
    pub context: usize,
    /// The number of tokens or items.
    pub vocabulary: usize,
    /// The base of the rotary frequencies.
    pub rotary_base: f32,
    /// The share of values dropped in training, on the embedding and on each
    /// residual branch.
    pub dropout: f32,
}

impl DecoderConfig {
    /// A configuration with the usual proportions: an inner width of about
    /// 8/3 of the width in steps of 64, rotary base 10,000, no dropout.
    pub fn new(
        layers: usize,
        width: usize,
        heads: usize,
        context: usize,
        vocabulary: usize,
    ) -> DecoderConfig {
        DecoderConfig {
            layers,
            width,
            heads,
            hidden: (width.saturating_mul(8) / 3).div_ceil(64) * 64,
            context,
            vocabulary,
            rotary_base: 10_000.0,
            dropout: 0.0,
        }
    }

    /// How many parameters such a decoder has; an error if none can have
    /// this configuration.
    pub fn validate(&self) -> Result<usize, ModelError> {
        let refuse = |reason: &str| Err(ModelError::Configuration(reason.to_owned()));
        let positive = [
            ("layers", self.layers),
            ("width", self.width),
            ("heads", self.heads),
            ("hidden", self.hidden),
            ("context", self.context),
            ("vocabulary", self.vocabulary),
        ];
        if let Some((name, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return refuse(&format!("{name} is 0"));
        }
        if !self.width.is_multiple_of(self.heads) || !(self.width / self.heads).is_multiple_of(2) {
            return refuse("width must be an even number for each head");
        }
        if !(self.rotary_base > 1.0 && self.rotary_base.is_finite()) {
            return refuse("rotary_base must be above 1");
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return refuse("dropout must be at least 0 and below 1");
        }
        self.count_parameters()
            .filter(|count| *count <= MAXIMUM_PARAMETERS && self.vocabulary < IGNORE as usize)
            .filter(|_| {
                (self.context.checked_mul(self.width))
                    .is_some_and(|size| size <= MAXIMUM_PARAMETERS)
            })
            .map_or_else(|| refuse("it would be too large"), Ok)
    }

    fn count_parameters(&self) -> Option<usize> {
        let square = self.width.checked_mul(self.width)?;
        let feed_forward = self.width.checked_mul(self.hidden)?.checked_mul(3)?;
        let layer = (square.checked_mul(4)?)
            .checked_add(feed_forward)?
            .checked_add(self.width.checked_mul(2)?)?;
        (self.vocabulary.checked_mul(self.width)?)
            .checked_add(layer.checked_mul(self.layers)?)?
            .checked_add(self.width)
    }

    pub(crate) fn attention_heads(&self) -> Heads {
        Heads {
            count: self.heads,
            width: self.width / self.heads,
        }
    }
}

/// A causal decoder: root-mean-square norms before each block, rotary
/// positions, SwiGLU, one table for the way in and the way out. The tokens may
/// be of a text or the items of a sequence.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoder {
    pub(crate) config: DecoderConfig,
    pub(crate) layout: Layout,
    pub(crate) parameters: Vec<f32>,
    rotary: Rotary,
}

impl Decoder {
    /// A fresh decoder; the same seed gives the same weights.
    pub fn new(config: DecoderConfig, seed: u64) -> Result<Decoder, ModelError> {
        let count = config.validate()?;
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut parameters: Vec<f32> = (0..count)
            .map(|_| {
                let normal: f32 = StandardNormal.sample(&mut random);
                INITIAL_DEVIATION * normal
            })
            .collect();
        let layout = Layout::new(&config);
        // The residual stream adds up 2 · layers branches: scaled so, its
        // variance does not grow with the depth (Radford et al., 2019).
        let branch = 1.0 / (2.0 * config.layers as f32).sqrt();
        for layer in &layout.layers {
            for place in [&layer.attention_out, &layer.down] {
                for weight in &mut parameters[place.clone()] {
                    *weight *= branch;
                }
            }
        }
        for place in layout.gains() {
            parameters[place.clone()].fill(1.0);
        }
        Decoder::from_parameters(config, parameters)
    }

    /// A decoder with these weights, in the order of [`Layout`].
    pub(crate) fn from_parameters(
        config: DecoderConfig,
        parameters: Vec<f32>,
    ) -> Result<Decoder, ModelError> {
        let count = config.validate()?;
        if parameters.len() != count {
            return Err(ModelError::Configuration(format!(
                "{} parameters where {count} are needed",
                parameters.len()
            )));
        }
        let heads = config.attention_heads();
        Ok(Decoder {
            layout: Layout::new(&config),
            rotary: Rotary::new(config.context, heads.width, config.rotary_base),
            config,
            parameters,
        })
    }

    /// Its shape.
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// How many weights it has; those of the shared table count once.
    pub fn parameter_count(&self) -> usize {
        self.parameters.len()
    }

    /// The shared table, `[vocabulary, width]`.
    pub fn embedding(&self) -> &[f32] {
        &self.parameters[self.layout.embedding.clone()]
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
        let mut activations = Activations::for_serving();
        self.run(
            tokens,
            Memory::Packed(&[tokens.len()]),
            Dropout::NONE,
            &mut activations,
        );
        activations.hidden[..tokens.len() * self.config.width].to_vec()
    }

    /// The logits of the next token at each position: `[tokens, vocabulary]`.
    pub fn logits(&self, tokens: &[u32]) -> Vec<f32> {
        self.logits_of(&self.hidden(tokens))
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
    pub(crate) fn logits_of(&self, hidden: &[f32]) -> Vec<f32> {
        let (width, vocabulary) = (self.config.width, self.config.vocabulary);
        let mut logits = vec![0.0; hidden.len() / width * vocabulary];
        let shape = (width, vocabulary);
        linear(&mut logits, hidden, self.embedding(), shape, Write::Replace);
        logits
    }

    /// The log probability of one target for each row of states, a few rows
    /// at a time.
    pub(crate) fn log_probabilities_of(&self, hidden: &[f32], targets: &[u32]) -> Vec<f32> {
        const ROWS: usize = 64;
        let (width, vocabulary) = (self.config.width, self.config.vocabulary);
        let mut log_probabilities = Vec::with_capacity(targets.len());
        for (rows, targets) in hidden.chunks(ROWS * width).zip(targets.chunks(ROWS)) {
            let mut logits = self.logits_of(rows);
            for (row, &target) in logits.chunks_exact_mut(vocabulary).zip(targets) {
                log_probabilities.push(log_probability(row, target));
            }
        }
        log_probabilities
    }

    /// The rotary table, longer where a sequence exceeds the context.
    pub(crate) fn rotary(&self, positions: usize) -> Cow<'_, Rotary> {
        if positions <= self.rotary.positions() {
            Cow::Borrowed(&self.rotary)
        } else {
            let width = self.config.attention_heads().width;
            Cow::Owned(Rotary::new(positions, width, self.config.rotary_base))
        }
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
