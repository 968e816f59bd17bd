//! Low-rank adapters (Hu et al., 2022): beside the frozen weight of a linear
//! layer stands the product of two narrow matrices, which alone are trained
//! and in the end added to the weight.

use std::ops::Range;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Uniform};
use serde::{Deserialize, Serialize};

use crate::architecture::TransformerConfig;
use crate::matrix::{Matrix, MatrixMut, Write, linear, linear_weight_gradient, multiply};
use crate::parameters::{Layout, Linear};
use crate::products::Products;
use crate::vector::grow;

/// A linear layer that an adapter may stand beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdapterTarget {
    /// The projection to queries.
    Queries,
    /// The projection to keys.
    Keys,
    /// The projection to values.
    Values,
    /// The projection of what the heads found.
    AttentionOut,
    /// The gate of the feed-forward block; the upward layer where there is
    /// none.
    Gate,
    /// The upward layer.
    Up,
    /// The downward layer.
    Down,
}

impl AdapterTarget {
    /// All linear layers of a block.
    pub const ALL: [AdapterTarget; 7] = [
        AdapterTarget::Queries,
        AdapterTarget::Keys,
        AdapterTarget::Values,
        AdapterTarget::AttentionOut,
        AdapterTarget::Gate,
        AdapterTarget::Up,
        AdapterTarget::Down,
    ];
}

/// How to adapt a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdapterOptions {
    /// The width of the narrow middle.
    pub rank: usize,
    /// The product counts `alpha / rank`.
    pub alpha: usize,
    /// Beside which layers, in every block.
    pub targets: Vec<AdapterTarget>,
}

impl Default for AdapterOptions {
    fn default() -> AdapterOptions {
        AdapterOptions {
            rank: 16,
            alpha: 32,
            targets: AdapterTarget::ALL.to_vec(),
        }
    }
}

/// One part of a linear layer's outputs with the place of its upward matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    outputs: Range<usize>,
    /// `[outputs, rank]`
    up: Range<usize>,
}

/// The adapter of one linear layer; layers that are fused (queries, keys and
/// values) have one part for each.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    /// `[parts · rank, inputs]`
    down: Range<usize>,
    parts: Vec<Part>,
}

/// All adapters of a model, in one flat buffer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Adapters {
    pub(crate) options: AdapterOptions,
    pub(crate) parameters: Vec<f32>,
    /// By [`Linear::index`].
    places: Vec<Option<Place>>,
}

impl Adapters {
    /// Adapters that change nothing yet: downward matrices drawn uniformly
    /// within `1 / √inputs`, upward ones 0.
    pub(crate) fn new(
        config: &TransformerConfig,
        layout: &Layout,
        options: AdapterOptions,
        seed: u64,
    ) -> Adapters {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut adapters = Adapters {
            places: vec![None; layout.linears().count()],
            parameters: Vec::new(),
            options,
        };
        let (queries, keys) = (config.query_width(), config.key_width());
        for layer in &layout.layers {
            use AdapterTarget::{AttentionOut, Down, Gate, Keys, Queries, Up, Values};
            let gate = if config.activation.is_gated() {
                config.hidden
            } else {
                0
            };
            let fused = [(Queries, queries), (Keys, keys), (Values, keys)];
            adapters.place(&layer.attention.first, &fused, &mut random);
            let out = [(AttentionOut, config.width)];
            adapters.place(&layer.attention.second, &out, &mut random);
            let fused = [(Gate, gate), (Up, config.hidden)];
            adapters.place(&layer.feed_forward.first, &fused, &mut random);
            let out = [(Down, config.width)];
            adapters.place(&layer.feed_forward.second, &out, &mut random);
        }
        adapters
    }

    fn place(
        &mut self,
        linear: &Linear,
        fused: &[(AdapterTarget, usize)],
        random: &mut ChaCha8Rng,
    ) {
        let mut outputs = Vec::new();
        let mut first = 0;
        for (target, count) in fused {
            if self.options.targets.contains(target) && *count > 0 {
                outputs.push(first..first + count);
            }
            first += count;
        }
        if outputs.is_empty() {
            return;
        }
        let rank = self.options.rank;
        let bound = 1.0 / (linear.inputs as f32).sqrt();
        let start = self.parameters.len();
        if let Ok(uniform) = Uniform::new(-bound, bound) {
            let count = outputs.len() * rank * linear.inputs;
            self.parameters
                .extend((0..count).map(|_| uniform.sample(random)));
        }
        let down = start..self.parameters.len();
        let parts = outputs.into_iter().map(|outputs| {
            let start = self.parameters.len();
            self.parameters.resize(start + outputs.len() * rank, 0.0);
            let up = start..self.parameters.len();
            Part { outputs, up }
        });
        let parts = parts.collect();
        self.places[linear.index] = Some(Place { down, parts });
    }

    fn scale(&self) -> f32 {
        self.options.alpha as f32 / self.options.rank as f32
    }

    /// Adds what the adapter of a layer makes of `input` to `out`.
    pub(crate) fn add(
        &self,
        out: &mut [f32],
        input: &[f32],
        layer: &Linear,
        products: &mut Products,
    ) {
        let Some(place) = &self.places[layer.index] else {
            return;
        };
        let (rank, rows) = (self.options.rank, input.len() / layer.inputs);
        let middle = place.parts.len() * rank;
        let threads = products.threads();
        let narrow = grow(&mut products.narrow, rows * middle);
        let down = &self.parameters[place.down.clone()];
        linear(
            narrow,
            input,
            down,
            (layer.inputs, middle),
            Write::Replace,
            threads,
        );
        for (index, part) in place.parts.iter().enumerate() {
            let up = &self.parameters[part.up.clone()];
            let width = part.outputs.len();
            multiply(
                MatrixMut::strided(&mut out[part.outputs.start..], rows, width, layer.outputs),
                Matrix::strided(&narrow[index * rank..], rows, rank, middle),
                Matrix::new(up, width, rank).transposed(),
                self.scale(),
                Write::Add,
            );
        }
    }

    /// The gradient of [`Adapters::add`]: that of the adapter is added to
    /// `gradient`, that of the input to `input_gradient`.
    pub(crate) fn back(
        &self,
        gradient: &mut [f32],
        input_gradient: &mut [f32],
        (out_gradient, input): (&[f32], &[f32]),
        layer: &Linear,
        products: &mut Products,
    ) {
        let Some(place) = &self.places[layer.index] else {
            return;
        };
        let (rank, rows) = (self.options.rank, input.len() / layer.inputs);
        let middle = place.parts.len() * rank;
        let narrow = grow(&mut products.narrow, rows * middle);
        let narrow_gradient = grow(&mut products.narrow_gradient, rows * middle);
        let down = &self.parameters[place.down.clone()];
        linear(
            narrow,
            input,
            down,
            (layer.inputs, middle),
            Write::Replace,
            1,
        );
        for (index, part) in place.parts.iter().enumerate() {
            let width = part.outputs.len();
            let of_out = &out_gradient[part.outputs.start..];
            let of_out = Matrix::strided(of_out, rows, width, layer.outputs);
            let column = index * rank;
            multiply(
                MatrixMut::strided(&mut narrow_gradient[column..], rows, rank, middle),
                of_out,
                Matrix::new(&self.parameters[part.up.clone()], width, rank),
                self.scale(),
                Write::Replace,
            );
            multiply(
                MatrixMut::new(&mut gradient[part.up.clone()], width, rank),
                of_out.transposed(),
                Matrix::strided(&narrow[column..], rows, rank, middle),
                self.scale(),
                Write::Add,
            );
        }
        let of_down = &mut gradient[place.down.clone()];
        linear_weight_gradient(of_down, narrow_gradient, input, (layer.inputs, middle));
        multiply(
            MatrixMut::new(input_gradient, rows, layer.inputs),
            Matrix::new(narrow_gradient, rows, middle),
            Matrix::new(down, middle, layer.inputs),
            1.0,
            Write::Add,
        );
    }

    /// Adds each product to the weight that it stands beside.
    pub(crate) fn merge(&self, layout: &Layout, parameters: &mut [f32]) {
        let rank = self.options.rank;
        for linear in layout.linears() {
            let Some(place) = &self.places[linear.index] else {
                continue;
            };
            let weight = &mut parameters[linear.weight.clone()];
            for (index, part) in place.parts.iter().enumerate() {
                let start = place.down.start + index * rank * linear.inputs;
                let down = &self.parameters[start..start + rank * linear.inputs];
                let rows = &mut weight[part.outputs.start * linear.inputs..];
                let width = part.outputs.len();
                multiply(
                    MatrixMut::new(rows, width, linear.inputs),
                    Matrix::new(&self.parameters[part.up.clone()], width, rank),
                    Matrix::new(down, rank, linear.inputs),
                    self.scale(),
                    Write::Add,
                );
            }
        }
    }
}
