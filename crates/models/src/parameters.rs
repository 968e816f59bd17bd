//! Where each weight lies in the one flat buffer that holds a model's
//! parameters; gradients and moments use the same places. Vectors (norms,
//! biases, gates, positions) come first: they are not decayed, and a
//! quantized model keeps them alone.

use std::ops::Range;

use crate::architecture::{Biases, Norm, NormPlace, Positions, TransformerConfig};

/// A linear layer: a weight of `[outputs, inputs]` and perhaps a bias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Linear {
    pub(crate) weight: Range<usize>,
    pub(crate) bias: Option<Range<usize>>,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    /// Its number among all linear layers.
    pub(crate) index: usize,
}

/// The places of one branch of a layer: its norms, its two linear layers and
/// its gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Branch {
    /// Before the branch.
    pub(crate) norm: Option<Range<usize>>,
    pub(crate) first: Linear,
    pub(crate) second: Linear,
    /// On the branch's result ([`NormPlace::Around`]) or on the stream after
    /// it ([`NormPlace::After`]).
    pub(crate) norm_after: Option<Range<usize>>,
    /// `[width]`
    pub(crate) gate: Option<Range<usize>>,
}

/// The places of one layer's weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LayerLayout {
    /// First `[queries + 2 · keys, width]`, then `[width, queries]`.
    pub(crate) attention: Branch,
    /// First `[hidden or 2 · hidden, width]` (gate, up), then `[width, hidden]`.
    pub(crate) feed_forward: Branch,
    /// `[head_width]` each: of queries, of keys.
    pub(crate) query_key_norms: Option<[Range<usize>; 2]>,
}

/// The places of all weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    /// `[vocabulary, width]`, the way in.
    pub(crate) embedding: Linear,
    /// The way out: the same table, or one of its own.
    pub(crate) head: Linear,
    /// `[context, width]`
    pub(crate) positions: Option<Range<usize>>,
    /// `[segments, width]`
    pub(crate) segments: Option<Range<usize>>,
    /// After the embedding.
    pub(crate) embedding_norm: Option<Range<usize>>,
    pub(crate) layers: Vec<LayerLayout>,
    /// After the last layer.
    pub(crate) final_norm: Option<Range<usize>>,
    /// Where vectors end and matrices begin.
    pub(crate) vectors: usize,
    pub(crate) total: usize,
}

/// A tensor of a model file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tensor {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) place: Range<usize>,
}

/// Hands out places one after the other.
#[derive(Debug, Default)]
struct Allocator {
    end: usize,
    linears: usize,
}

impl Allocator {
    fn place(&mut self, size: usize) -> Range<usize> {
        let start = self.end;
        self.end += size;
        start..self.end
    }

    fn optional(&mut self, wanted: bool, size: usize) -> Option<Range<usize>> {
        wanted.then(|| self.place(size))
    }

    /// A linear layer whose weight has no place yet.
    fn linear(&mut self, (inputs, outputs): (usize, usize), bias: bool) -> Linear {
        self.linears += 1;
        Linear {
            weight: 0..0,
            bias: self.optional(bias, outputs),
            inputs,
            outputs,
            index: self.linears - 1,
        }
    }

    fn branch(
        &mut self,
        config: &TransformerConfig,
        (outputs, inputs): (usize, usize),
        (first_bias, second_bias): (bool, bool),
    ) -> Branch {
        let (norm, width) = (norm_size(config, config.width), config.width);
        let (before, after) = match config.norm_place {
            NormPlace::Before => (true, false),
            NormPlace::After => (false, true),
            NormPlace::Around => (true, true),
        };
        Branch {
            norm: self.optional(before, norm),
            first: self.linear((width, outputs), first_bias),
            second: self.linear((inputs, width), second_bias),
            norm_after: self.optional(after, norm),
            gate: self.optional(config.residual_gates, width),
        }
    }
}

fn norm_size(config: &TransformerConfig, width: usize) -> usize {
    match config.norm {
        Norm::RootMeanSquare => width,
        Norm::Layer => 2 * width,
    }
}

impl Layout {
    /// The layout of a configuration that [`TransformerConfig::validate`]
    /// accepts.
    pub(crate) fn new(config: &TransformerConfig) -> Layout {
        let width = config.width;
        let mut allocator = Allocator::default();
        let learned = config.positions == Positions::Learned;
        let after = config.norm_place == NormPlace::After;
        let norm = norm_size(config, width);
        let table = allocator.linear((width, config.vocabulary), false);
        let positions = allocator.optional(learned, config.context * width);
        let segments = allocator.optional(config.segments > 0, config.segments * width);
        let embedding_norm = allocator.optional(after, norm);
        let all = config.biases == Biases::All;
        let rows = config.query_width() + 2 * config.key_width();
        let layers: Vec<LayerLayout> = (0..config.layers)
            .map(|_| LayerLayout {
                attention: allocator.branch(
                    config,
                    (rows, config.query_width()),
                    (config.biases != Biases::None, all),
                ),
                feed_forward: allocator.branch(
                    config,
                    (config.gate_up_width(), config.hidden),
                    (all, all),
                ),
                query_key_norms: (config.query_key_norm)
                    .then(|| [0, 1].map(|_| allocator.place(config.head_width))),
            })
            .collect();
        let final_norm = allocator.optional(!after, norm);
        let head = match config.tied {
            true => table.clone(),
            false => allocator.linear((width, config.vocabulary), false),
        };
        let mut layout = Layout {
            embedding: table,
            head,
            positions,
            segments,
            embedding_norm,
            layers,
            final_norm,
            vectors: allocator.end,
            total: 0,
        };
        layout.place_matrices(&mut allocator, config.tied);
        layout
    }

    fn place_matrices(&mut self, allocator: &mut Allocator, tied: bool) {
        let place = |linear: &mut Linear, allocator: &mut Allocator| {
            linear.weight = allocator.place(linear.inputs * linear.outputs);
        };
        place(&mut self.embedding, allocator);
        for layer in &mut self.layers {
            for branch in [&mut layer.attention, &mut layer.feed_forward] {
                place(&mut branch.first, allocator);
                place(&mut branch.second, allocator);
            }
        }
        if tied {
            self.head = self.embedding.clone();
        } else {
            place(&mut self.head, allocator);
        }
        self.total = allocator.end;
    }

    /// Every linear layer, in the order of [`Linear::index`]; the head only
    /// where it has a table of its own.
    pub(crate) fn linears(&self) -> impl Iterator<Item = &Linear> {
        let layers = self.layers.iter().flat_map(|layer| {
            let branches = [&layer.attention, &layer.feed_forward];
            branches
                .into_iter()
                .flat_map(|branch| [&branch.first, &branch.second])
        });
        let own_head = (self.head.index != self.embedding.index).then_some(&self.head);
        std::iter::once(&self.embedding)
            .chain(layers)
            .chain(own_head)
    }

    /// The matrices inside the layers: what Muon and adapters work on.
    pub(crate) fn hidden_linears(&self) -> impl Iterator<Item = &Linear> {
        self.linears().filter(|linear| {
            linear.index != self.embedding.index && linear.index != self.head.index
        })
    }

    /// The places of everything that starts at 1: gains of norms and gates.
    pub(crate) fn gains(&self, config: &TransformerConfig) -> Vec<Range<usize>> {
        let mut gains = Vec::new();
        let gain = |norm: &Range<usize>, width: usize| norm.start..norm.start + width;
        let width = config.width;
        gains.extend(self.embedding_norm.iter().map(|norm| gain(norm, width)));
        for layer in &self.layers {
            for branch in [&layer.attention, &layer.feed_forward] {
                gains.extend(branch.norm.iter().map(|norm| gain(norm, width)));
                gains.extend(branch.norm_after.iter().map(|norm| gain(norm, width)));
                gains.extend(branch.gate.clone());
            }
            gains.extend(layer.query_key_norms.iter().flatten().cloned());
        }
        gains.extend(self.final_norm.iter().map(|norm| gain(norm, width)));
        gains
    }
}
