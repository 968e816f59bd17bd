//! The forward pass: the same for training, scoring and generation. They
//! differ in what they keep and in where keys and values of the past lie.

use crate::attention::{self, Rows};
use crate::decoder::Decoder;
use crate::dropout::Dropout;
use crate::feed_forward;
use crate::generate::Cache;
use crate::matrix::{Write, linear};
use crate::norm;
use crate::parameters::LayerLayout;
use crate::rotary::{Rotary, Turn};

/// What the backward pass needs of one layer.
#[derive(Debug, Default)]
pub(crate) struct LayerActivations {
    /// The residual stream before attention.
    pub(crate) input: Vec<f32>,
    /// `[tokens, 3 · width]`, turned.
    pub(crate) query_key_value: Vec<f32>,
    /// `[tokens, heads]`
    pub(crate) normalizers: Vec<f32>,
    /// The heads' results before the output projection.
    pub(crate) attended: Vec<f32>,
    /// The residual stream between attention and feed-forward.
    pub(crate) middle: Vec<f32>,
    /// `[tokens, 2 · hidden]`
    pub(crate) gate_up: Vec<f32>,
}

/// The buffers of one thread; they grow to the largest batch and stay.
#[derive(Debug)]
pub(crate) struct Activations {
    pub(crate) layers: Vec<LayerActivations>,
    /// The residual stream, in the end as the final norm takes it.
    pub(crate) stream: Vec<f32>,
    /// After the final norm.
    pub(crate) hidden: Vec<f32>,
    pub(crate) scratch: Scratch,
    keeps_layers: bool,
}

/// Buffers that every layer uses anew.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) normed: Vec<f32>,
    pub(crate) inner: Vec<f32>,
    pub(crate) branch: Vec<f32>,
    pub(crate) attention: attention::Scratch,
}

impl Activations {
    /// Every layer is kept for the backward pass.
    pub(crate) fn for_training() -> Activations {
        Activations {
            layers: Vec::new(),
            stream: Vec::new(),
            hidden: Vec::new(),
            scratch: Scratch::default(),
            keeps_layers: true,
        }
    }

    /// All layers use one set of buffers.
    pub(crate) fn for_serving() -> Activations {
        Activations {
            keeps_layers: false,
            ..Activations::for_training()
        }
    }
}

/// Makes room for `size` elements, without touching what is there.
pub(crate) fn grow(buffer: &mut Vec<f32>, size: usize) -> &mut [f32] {
    if buffer.len() < size {
        buffer.resize(size, 0.0);
    }
    &mut buffer[..size]
}

/// Where a token finds the keys and values of those before it.
#[derive(Debug)]
pub(crate) enum Memory<'a> {
    /// The tokens are whole sequences of these lengths, one after the other.
    Packed(&'a [usize]),
    /// The tokens follow those of a cache and enter it.
    Cached(&'a mut Cache),
}

/// The places in the network where values are dropped.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    Embedding,
    Attention(usize),
    FeedForward(usize),
}

impl Place {
    pub(crate) fn index(self) -> usize {
        match self {
            Place::Embedding => 0,
            Place::Attention(layer) => 1 + 2 * layer,
            Place::FeedForward(layer) => 2 + 2 * layer,
        }
    }
}

impl Decoder {
    /// Runs the tokens through all layers; the result lies in
    /// `activations.hidden`.
    pub(crate) fn run(
        &self,
        tokens: &[u32],
        mut memory: Memory<'_>,
        dropout: Dropout,
        activations: &mut Activations,
    ) {
        let width = self.config.width;
        let size = tokens.len() * width;
        let kept = if activations.keeps_layers {
            self.config.layers
        } else {
            1
        };
        activations
            .layers
            .resize_with(kept, LayerActivations::default);
        let stream = grow(&mut activations.stream, size);
        for (row, &token) in stream.chunks_exact_mut(width).zip(tokens) {
            row.copy_from_slice(&self.embedding()[token as usize * width..][..width]);
        }
        dropout.at(Place::Embedding.index()).apply(stream);
        let longest = match &memory {
            Memory::Packed(lengths) => lengths.iter().copied().max().unwrap_or(0),
            Memory::Cached(cache) => cache.len() + tokens.len(),
        };
        let rotary = self.rotary(longest);
        for index in 0..self.config.layers {
            let layer = &mut activations.layers[if activations.keeps_layers { index } else { 0 }];
            let scratch = &mut activations.scratch;
            self.attend(
                index,
                stream,
                layer,
                scratch,
                (&rotary, &mut memory),
                dropout,
            );
            self.feed_forward(index, stream, layer, scratch, dropout);
        }
        if let Memory::Cached(cache) = memory {
            cache.extend_length(tokens.len());
        }
        let hidden = grow(&mut activations.hidden, size);
        norm::forward(
            hidden,
            stream,
            &self.parameters[self.layout.final_norm.clone()],
        );
    }

    /// Adds the attention of one layer to the stream.
    fn attend(
        &self,
        index: usize,
        stream: &mut [f32],
        layer: &mut LayerActivations,
        scratch: &mut Scratch,
        (rotary, memory): (&Rotary, &mut Memory<'_>),
        dropout: Dropout,
    ) {
        let width = self.config.width;
        let count = stream.len() / width;
        let places = &self.layout.layers[index];
        grow(&mut layer.input, stream.len()).copy_from_slice(stream);
        let normed = grow(&mut scratch.normed, stream.len());
        norm::forward(
            normed,
            stream,
            &self.parameters[places.attention_norm.clone()],
        );
        let rows = grow(&mut layer.query_key_value, count * 3 * width);
        let weight = &self.parameters[places.query_key_value.clone()];
        linear(rows, normed, weight, (width, 3 * width), Write::Replace);
        let heads = self.config.attention_heads();
        let normalizers = grow(&mut layer.normalizers, count * heads.count);
        let attended = grow(&mut layer.attended, stream.len());
        match memory {
            Memory::Packed(lengths) => {
                let mut start = 0;
                for &length in lengths.iter() {
                    let rows = &mut rows[start * 3 * width..(start + length) * 3 * width];
                    rotary.turn(rows, 3 * width, 2 * width, 0, Turn::Forward);
                    let part = |offset: usize| Rows {
                        data: rows.get(offset * width..).unwrap_or_default(),
                        stride: 3 * width,
                    };
                    attention::forward(
                        &mut attended[start * width..(start + length) * width],
                        &mut normalizers[start * heads.count..(start + length) * heads.count],
                        (part(0), part(1), part(2)),
                        (0, length),
                        heads,
                        &mut scratch.attention,
                    );
                    start += length;
                }
            }
            Memory::Cached(cache) => {
                let past = cache.len();
                rotary.turn(rows, 3 * width, 2 * width, past, Turn::Forward);
                let (keys, values) = cache.extend(index, rows, width);
                let queries = Rows {
                    data: rows,
                    stride: 3 * width,
                };
                let sources = (queries, keys, values);
                let scratch = &mut scratch.attention;
                attention::forward(
                    attended,
                    normalizers,
                    sources,
                    (past, count),
                    heads,
                    scratch,
                );
            }
        }
        let place = Place::Attention(index);
        let weight = &self.parameters[places.attention_out.clone()];
        self.add_branch(
            stream,
            attended,
            weight,
            place,
            &mut scratch.branch,
            dropout,
        );
    }

    /// Adds the feed-forward block of one layer to the stream.
    fn feed_forward(
        &self,
        index: usize,
        stream: &mut [f32],
        layer: &mut LayerActivations,
        scratch: &mut Scratch,
        dropout: Dropout,
    ) {
        let (width, hidden) = (self.config.width, self.config.hidden);
        let count = stream.len() / width;
        let places: &LayerLayout = &self.layout.layers[index];
        grow(&mut layer.middle, stream.len()).copy_from_slice(stream);
        let normed = grow(&mut scratch.normed, stream.len());
        norm::forward(normed, stream, &self.parameters[places.feed_norm.clone()]);
        let gate_up = grow(&mut layer.gate_up, count * 2 * hidden);
        let weight = &self.parameters[places.gate_up.clone()];
        linear(gate_up, normed, weight, (width, 2 * hidden), Write::Replace);
        let inner = grow(&mut scratch.inner, count * hidden);
        feed_forward::forward(inner, gate_up, hidden);
        let place = Place::FeedForward(index);
        let weight = &self.parameters[places.down.clone()];
        self.add_branch(stream, inner, weight, place, &mut scratch.branch, dropout);
    }

    /// `stream += dropout(input · weightᵀ)`.
    fn add_branch(
        &self,
        stream: &mut [f32],
        input: &[f32],
        weight: &[f32],
        place: Place,
        branch: &mut Vec<f32>,
        dropout: Dropout,
    ) {
        let width = self.config.width;
        let shape = (weight.len() / width, width);
        if dropout.drops() {
            let branch = grow(branch, stream.len());
            linear(branch, input, weight, shape, Write::Replace);
            dropout.at(place.index()).apply(branch);
            crate::vector::add(stream, branch);
        } else {
            linear(stream, input, weight, shape, Write::Add);
        }
    }
}
