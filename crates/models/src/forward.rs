//! The forward pass: the same for training, scoring and generation. They
//! differ in what they keep and in where keys and values of the past lie.

use std::ops::Range;

use rayon::prelude::*;

use crate::architecture::Norm;
use crate::attention::{self, Heads, Rows, Sources};
use crate::cache::Cache;
use crate::dropout::Dropout;
use crate::feed_forward;
use crate::matrix::Write;
use crate::norm::Normalizer;
use crate::parameters::Branch;
use crate::products::Products;
use crate::rotary::{Rotary, Turn};
use crate::transformer::Transformer;
use crate::vector::grow;

/// What the backward pass needs of one branch.
#[derive(Debug, Default)]
pub(crate) struct BranchActivations {
    /// The stream before the branch.
    pub(crate) input: Vec<f32>,
    /// The result of the second linear layer, where more is done to it.
    pub(crate) raw: Vec<f32>,
    /// The stream with the branch, before the norm after it.
    pub(crate) summed: Vec<f32>,
}

/// What the backward pass needs of one layer.
#[derive(Debug, Default)]
pub(crate) struct LayerActivations {
    pub(crate) attention: BranchActivations,
    pub(crate) feed_forward: BranchActivations,
    /// `[tokens, queries + 2 · keys]`, as attention reads them.
    pub(crate) rows: Vec<f32>,
    /// The same before queries and keys are normalised.
    pub(crate) unnormed: Vec<f32>,
    /// `[tokens, heads]`
    pub(crate) normalizers: Vec<f32>,
    /// The heads' results before the output projection.
    pub(crate) attended: Vec<f32>,
    /// `[tokens, hidden or 2 · hidden]`
    pub(crate) gate_up: Vec<f32>,
}

/// The buffers of one thread; they grow to the largest batch and stay.
#[derive(Debug)]
pub(crate) struct Activations {
    pub(crate) layers: Vec<LayerActivations>,
    /// The sum of the embeddings, where a norm follows.
    pub(crate) embedded: Vec<f32>,
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
    pub(crate) products: Products,
}

impl Activations {
    /// Every layer is kept for the backward pass; one thread computes.
    pub(crate) fn for_training() -> Activations {
        Activations {
            layers: Vec::new(),
            embedded: Vec::new(),
            stream: Vec::new(),
            hidden: Vec::new(),
            scratch: Scratch::default(),
            keeps_layers: true,
        }
    }

    /// All layers use one set of buffers; so many threads compute.
    pub(crate) fn for_serving(threads: usize) -> Activations {
        let scratch = Scratch {
            products: Products::with_threads(threads),
            ..Scratch::default()
        };
        Activations {
            keeps_layers: false,
            scratch,
            ..Activations::for_training()
        }
    }
}

/// Where a token finds the keys and values of those before it.
#[derive(Debug)]
pub(crate) enum Memory<'a, 'b> {
    /// The tokens are whole sequences of these lengths, one after the other.
    Packed(&'a [usize]),
    /// The tokens follow those of these caches, so many each, and enter them.
    Cached(&'a mut [(&'b mut Cache, usize)]),
}

impl Memory<'_, '_> {
    /// The first position after the longest sequence.
    fn longest(&self) -> usize {
        match self {
            Memory::Packed(lengths) => lengths.iter().copied().max().unwrap_or(0),
            Memory::Cached(streams) => {
                let ends = streams.iter().map(|(cache, count)| cache.len() + count);
                ends.max().unwrap_or(0)
            }
        }
    }

    /// The first position and the number of tokens of each sequence.
    fn spans(&self) -> Vec<(usize, usize)> {
        match self {
            Memory::Packed(lengths) => lengths.iter().map(|&length| (0, length)).collect(),
            Memory::Cached(streams) => {
                let spans = streams.iter().map(|(cache, count)| (cache.len(), *count));
                spans.collect()
            }
        }
    }
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

/// Where the tokens of a pass stand.
#[derive(Debug, Clone, Copy)]
struct Positions<'a> {
    rotary: Option<&'a Rotary>,
    /// The first position and the number of tokens of each sequence.
    spans: &'a [(usize, usize)],
}

/// One sequence's part of the buffers of a layer.
struct AttendedSequence<'a> {
    past: usize,
    rows: &'a mut [f32],
    attended: &'a mut [f32],
    normalizers: &'a mut [f32],
    cache: Option<&'a mut Cache>,
}

impl AttendedSequence<'_> {
    /// ChatFormat queries and keys, brings in those of the past and attends.
    fn attend(
        self,
        layer: usize,
        rotary: Option<&Rotary>,
        heads: Heads,
        scratch: (&mut attention::Scratch, usize),
    ) {
        if let Some(rotary) = rotary {
            let turned = heads.total() + heads.key_total();
            rotary.turn(self.rows, heads.row(), turned, self.past, Turn::Forward);
        }
        let mut sources = Sources::whole(self.rows, heads);
        if let Some(cache) = self.cache {
            let (keys, values) = cache.extend(layer, self.rows, heads);
            let rows = |data| Rows {
                data,
                stride: heads.key_total(),
            };
            (sources.keys, sources.values) = (rows(keys), rows(values));
            sources.past = self.past;
        }
        attention::forward(self.attended, self.normalizers, sources, heads, scratch);
    }
}

impl Transformer {
    /// Runs the tokens through all layers; the result lies in
    /// `activations.hidden`.
    pub(crate) fn run(
        &self,
        tokens: &[u32],
        mut memory: Memory<'_, '_>,
        dropout: Dropout,
        activations: &mut Activations,
    ) {
        let size = tokens.len() * self.config.width;
        let kept = if activations.keeps_layers {
            self.config.layers
        } else {
            1
        };
        activations
            .layers
            .resize_with(kept, LayerActivations::default);
        let stream = grow(&mut activations.stream, size);
        let spans = memory.spans();
        self.embed(stream, tokens, &spans, &mut activations.embedded);
        dropout.at(Place::Embedding.index()).apply(stream);
        let longest = memory.longest();
        for index in 0..self.config.layers {
            let layer = &mut activations.layers[if activations.keeps_layers { index } else { 0 }];
            let scratch = &mut activations.scratch;
            let rotary = self.rotary(index, longest);
            let positions = Positions {
                rotary: rotary.as_deref(),
                spans: &spans,
            };
            self.attend(
                index,
                stream,
                layer,
                scratch,
                (positions, &mut memory),
                dropout,
            );
            self.feed_forward(index, stream, layer, scratch, dropout);
        }
        if let Memory::Cached(streams) = memory {
            for (cache, count) in streams.iter_mut() {
                cache.extend_length(*count);
            }
        }
        let hidden = grow(&mut activations.hidden, size);
        match &self.layout.final_norm {
            Some(place) => self.normalizer(place).forward(hidden, stream),
            None => hidden.copy_from_slice(stream),
        }
    }

    /// The norm whose weights lie there.
    pub(crate) fn normalizer(&self, place: &Range<usize>) -> Normalizer<'_> {
        Normalizer {
            kind: self.config.norm,
            epsilon: self.config.norm_epsilon,
            weights: &self.parameters[place.clone()],
        }
    }

    /// The norm of the heads of queries or keys.
    pub(crate) fn head_normalizer(&self, place: &Range<usize>) -> Normalizer<'_> {
        Normalizer {
            kind: Norm::RootMeanSquare,
            ..self.normalizer(place)
        }
    }

    /// The embeddings of tokens, of their positions and of the first segment.
    fn embed(
        &self,
        stream: &mut [f32],
        tokens: &[u32],
        spans: &[(usize, usize)],
        embedded: &mut Vec<f32>,
    ) {
        let width = self.config.width;
        for (row, &token) in stream.chunks_exact_mut(width).zip(tokens) {
            self.embedding_row(token, row);
        }
        if self.config.embedding_scale != 1.0 {
            crate::vector::scale(stream, self.config.embedding_scale);
        }
        if let Some(place) = &self.layout.positions {
            let table = &self.parameters[place.clone()];
            let positions = spans.iter().flat_map(|&(past, count)| past..past + count);
            for (row, position) in stream.chunks_exact_mut(width).zip(positions) {
                crate::vector::add(row, &table[position * width..][..width]);
            }
        }
        if let Some(place) = &self.layout.segments {
            let first = &self.parameters[place.clone()][..width];
            for row in stream.chunks_exact_mut(width) {
                crate::vector::add(row, first);
            }
        }
        if let Some(place) = &self.layout.embedding_norm {
            grow(embedded, stream.len()).copy_from_slice(stream);
            self.normalizer(place).in_place(stream);
        }
    }

    /// The input of a branch's first linear layer.
    pub(crate) fn branch_input<'a>(
        &self,
        branch: &Branch,
        stream: &'a [f32],
        normed: &'a mut Vec<f32>,
    ) -> &'a [f32] {
        match &branch.norm {
            Some(place) => {
                let normed = grow(normed, stream.len());
                self.normalizer(place).forward(normed, stream);
                normed
            }
            None => stream,
        }
    }

    /// Adds the attention of one layer to the stream.
    fn attend(
        &self,
        index: usize,
        stream: &mut [f32],
        layer: &mut LayerActivations,
        scratch: &mut Scratch,
        (positions, memory): (Positions<'_>, &mut Memory<'_, '_>),
        dropout: Dropout,
    ) {
        let heads = Heads::of(&self.config, index);
        let count = stream.len() / self.config.width;
        let places = &self.layout.layers[index];
        grow(&mut layer.attention.input, stream.len()).copy_from_slice(stream);
        let input = self.branch_input(&places.attention, stream, &mut scratch.normed);
        let rows = grow(&mut layer.rows, count * heads.row());
        let first = &places.attention.first;
        self.linear(rows, input, first, Write::Replace, &mut scratch.products);
        if let Some(norms) = &places.query_key_norms {
            grow(&mut layer.unnormed, rows.len()).copy_from_slice(rows);
            self.normalize_heads(rows, norms, heads);
        }
        let normalizers = grow(&mut layer.normalizers, count * heads.count);
        let attended = grow(&mut layer.attended, count * heads.total());
        let caches: Vec<Option<&mut Cache>> = match memory {
            Memory::Packed(lengths) => lengths.iter().map(|_| None).collect(),
            Memory::Cached(streams) => streams
                .iter_mut()
                .map(|stream| Some(&mut *stream.0))
                .collect(),
        };
        let mut rest = (rows, &mut *attended, normalizers);
        let mut sequences = Vec::with_capacity(positions.spans.len());
        for (&(past, count), cache) in positions.spans.iter().zip(caches) {
            let (rows, after) = rest.0.split_at_mut(count * heads.row());
            let (attended, attended_after) = rest.1.split_at_mut(count * heads.total());
            let (normalizers, normalizers_after) = rest.2.split_at_mut(count * heads.count);
            rest = (after, attended_after, normalizers_after);
            sequences.push(AttendedSequence {
                past,
                rows,
                attended,
                normalizers,
                cache,
            });
        }
        let threads = scratch.products.threads();
        let one = |sequence: AttendedSequence<'_>, scratch: &mut attention::Scratch, threads| {
            sequence.attend(index, positions.rotary, heads, (scratch, threads));
        };
        if threads > 1 && sequences.len() > 1 {
            (sequences.into_par_iter()).for_each_init(Default::default, |scratch, sequence| {
                one(sequence, scratch, 1)
            });
        } else {
            for sequence in sequences {
                one(sequence, &mut scratch.attention, threads);
            }
        }
        let saved = &mut layer.attention;
        let place = Place::Attention(index);
        self.finish(
            &places.attention,
            (stream, attended),
            saved,
            scratch,
            (place, dropout),
        );
    }

    fn normalize_heads(&self, rows: &mut [f32], norms: &[Range<usize>; 2], heads: Heads) {
        let [queries, keys] = [&norms[0], &norms[1]].map(|place| self.head_normalizer(place));
        for row in rows.chunks_exact_mut(heads.row()) {
            let (of_queries, rest) = row.split_at_mut(heads.total());
            queries.in_place(of_queries);
            keys.in_place(&mut rest[..heads.key_total()]);
        }
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
        let hidden = self.config.hidden;
        let count = stream.len() / self.config.width;
        let branch = &self.layout.layers[index].feed_forward;
        grow(&mut layer.feed_forward.input, stream.len()).copy_from_slice(stream);
        let input = self.branch_input(branch, stream, &mut scratch.normed);
        let gate_up = grow(&mut layer.gate_up, count * self.config.gate_up_width());
        let products = &mut scratch.products;
        self.linear(gate_up, input, &branch.first, Write::Replace, products);
        let mut inner = std::mem::take(&mut scratch.inner);
        let activated = grow(&mut inner, count * hidden);
        feed_forward::forward(activated, gate_up, hidden, self.config.activation);
        let saved = &mut layer.feed_forward;
        let place = Place::FeedForward(index);
        self.finish(
            branch,
            (stream, activated),
            saved,
            scratch,
            (place, dropout),
        );
        scratch.inner = inner;
    }

    /// Adds the second linear layer's result to the stream, with the norm, the
    /// gate and the dropout that the branch has.
    fn finish(
        &self,
        branch: &Branch,
        (stream, input): (&mut [f32], &[f32]),
        saved: &mut BranchActivations,
        scratch: &mut Scratch,
        (place, dropout): (Place, Dropout),
    ) {
        let products = &mut scratch.products;
        let second = &branch.second;
        if branch.norm_after.is_none() && branch.gate.is_none() && !dropout.drops() {
            return self.linear(stream, input, second, Write::Add, products);
        }
        let raw = grow(&mut saved.raw, stream.len());
        self.linear(raw, input, second, Write::Replace, products);
        let result = grow(&mut scratch.branch, stream.len());
        self.before_gate(branch, raw, result);
        if let Some(gate) = &branch.gate {
            scale_rows(result, &self.parameters[gate.clone()]);
        }
        dropout.at(place.index()).apply(result);
        crate::vector::add(stream, result);
        if let (None, Some(norm)) = (&branch.norm, &branch.norm_after) {
            grow(&mut saved.summed, stream.len()).copy_from_slice(stream);
            self.normalizer(norm).in_place(stream);
        }
    }

    /// A branch's result as its gate takes it: normalised where norms stand
    /// around the branch.
    pub(crate) fn before_gate(&self, branch: &Branch, raw: &[f32], result: &mut [f32]) {
        match (&branch.norm, &branch.norm_after) {
            (Some(_), Some(norm)) => self.normalizer(norm).forward(result, raw),
            _ => result.copy_from_slice(raw),
        }
    }
}

/// Multiplies each row by the same factors.
pub(crate) fn scale_rows(rows: &mut [f32], factors: &[f32]) {
    for row in rows.chunks_exact_mut(factors.len()) {
        for (value, factor) in row.iter_mut().zip(factors) {
            *value *= factor;
        }
    }
}
