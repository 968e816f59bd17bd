//! The network: its shape, its weights and the adapters beside them.

use std::borrow::Cow;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::adapter::{AdapterOptions, Adapters};
use crate::architecture::{Positions, RotaryScaling, TransformerConfig};
use crate::error::ModelError;
use crate::parameters::Layout;
use crate::quantize::QuantizedMatrix;
use crate::rotary::Rotary;

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

    /// Freezes all weights and puts adapters beside them, which change nothing
    /// yet and alone are trained from now on.
    pub fn adapt(&mut self, options: AdapterOptions, seed: u64) -> Result<(), ModelError> {
        if !(1..=self.config.width).contains(&options.rank) || options.targets.is_empty() {
            let reason = "an adapter needs a rank from 1 to the width of the model and a layer \
                          to stand beside";
            return Err(ModelError::Configuration(reason.to_owned()));
        }
        if self.is_quantized() {
            let reason = "a model in fewer bits cannot be trained; load it in full";
            return Err(ModelError::Configuration(reason.to_owned()));
        }
        if self.adapters.is_some() {
            let reason = "the model has adapters already; merge them first";
            return Err(ModelError::Configuration(reason.to_owned()));
        }
        self.adapters = Some(Adapters::new(&self.config, &self.layout, options, seed));
        Ok(())
    }

    /// Adds the adapters to the weights; nothing is frozen any more.
    pub fn merge_adapters(&mut self) {
        if let Some(adapters) = self.adapters.take() {
            adapters.merge(&self.layout, &mut self.parameters);
        }
    }

    /// Whether adapters alone are trained.
    pub(crate) fn trains_adapters(&self) -> bool {
        self.adapters.is_some()
    }

    /// The weights that training changes.
    pub(crate) fn trained(&self) -> &[f32] {
        match &self.adapters {
            Some(adapters) => &adapters.parameters,
            None => &self.parameters,
        }
    }

    /// The weights that training changes, and how many of the first of them
    /// are not decayed.
    pub(crate) fn trained_mut(&mut self) -> (&mut [f32], usize) {
        match &mut self.adapters {
            Some(adapters) => (&mut adapters.parameters, 0),
            None => (&mut self.parameters, self.layout.vectors),
        }
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

#[cfg(test)]
mod tests;
